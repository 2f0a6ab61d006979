import type { Severity } from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { CvssVector, Decision, Place } from './report.ts';

/** What the tree is asked with; everything but the place is known of the image alone. */
export interface DecisionFacts {
  readonly severity: Severity;
  readonly kev: boolean;
  readonly ransomware: boolean;
  readonly epss: number | null;
  readonly vectors: readonly CvssVector[];
}

/** Where it runs; `null`: nowhere that is known. */
export type DecisionPlace = Pick<Place, 'class' | 'exposure' | 'reachesHost' | 'root'> | null;

type Exploitation = 'none' | 'poc' | 'active';
type Impact = 'low' | 'medium' | 'high';

/** FIRST: at this probability nearly everything that turns out to be exploited is found, so a way to do it is about. */
const EPSS_POC = 0.1;

/**
 * CISA's coordinator table 2.0.3 (CERTCC/SSVC, cisa_coordinator_2_0_3): for each exploitation, automatable and technical
 * impact the decision at low, medium and high impact on mission and well-being.
 */
const TREE: Readonly<
  Record<Exploitation, Readonly<Record<`${'yes' | 'no'} ${'partial' | 'total'}`, readonly Decision[]>>>
> = {
  none: {
    'no partial': ['track', 'track', 'track'],
    'no total': ['track', 'track', 'track*'],
    'yes partial': ['track', 'track', 'attend'],
    'yes total': ['track', 'track', 'attend'],
  },
  poc: {
    'no partial': ['track', 'track', 'track*'],
    'no total': ['track', 'track*', 'attend'],
    'yes partial': ['track', 'track', 'attend'],
    'yes total': ['track', 'track*', 'attend'],
  },
  active: {
    'no partial': ['track', 'track', 'attend'],
    'no total': ['track', 'attend', 'act'],
    'yes partial': ['attend', 'attend', 'act'],
    'yes total': ['attend', 'act', 'act'],
  },
};

const IMPACTS: readonly Impact[] = ['low', 'medium', 'high'];

/** What to do about a finding in a place, with the reason in one sentence. */
export function decide(facts: DecisionFacts, place: DecisionPlace): { decision: Decision; reason: Text } {
  const metrics = facts.vectors.map(({ vector }) => readMetrics(vector));
  const exploitation = exploitationOf(facts, metrics);
  const automatable = isAutomatable(facts, metrics);
  const total = isTotal(facts, metrics);
  const impact = impactOf(place);
  const row = TREE[exploitation][`${automatable ? 'yes' : 'no'} ${total ? 'total' : 'partial'}`];
  const decision = row[IMPACTS.indexOf(impact)] ?? 'attend';
  return { decision, reason: reasonOf(facts, { exploitation, automatable, total, place }) };
}

type Metrics = ReadonlyMap<string, string>;

function readMetrics(vector: string): Metrics {
  return new Map(
    vector.split('/').flatMap((part): [string, string][] => {
      const [name, value] = part.split(':', 2);
      return name && value ? [[name, value]] : [];
    }),
  );
}

/** KEV is evidence; a high EPSS, or the exploit maturity in a vector (v3.1 `E:P/F/H`, v4.0 `E:P/A`), is a way to do it. */
function exploitationOf({ kev, epss }: DecisionFacts, metrics: readonly Metrics[]): Exploitation {
  if (kev || metrics.some((one) => one.get('CVSS') === '4.0' && one.get('E') === 'A')) return 'active';
  if (epss !== null && epss >= EPSS_POC) return 'poc';
  return metrics.some((one) => /^[PFH]$/.test(one.get('E') ?? '')) ? 'poc' : 'none';
}

/**
 * Whether an attacker can do it to many without a person's help: over the network, without rights, without a user and
 * without special conditions (SSVC "Automatable"). Without a vector a critical severity is taken for it, so that nobody
 * is called safe for want of data.
 */
function isAutomatable({ severity }: DecisionFacts, metrics: readonly Metrics[]): boolean {
  if (metrics.length === 0) return severity === 'critical';
  return metrics.some(
    (one) =>
      one.get('AU') === 'Y' ||
      (one.get('AV') === 'N' &&
        one.get('AC') === 'L' &&
        one.get('PR') === 'N' &&
        one.get('UI') === 'N' &&
        (one.get('AT') ?? 'N') === 'N'),
  );
}

/** Whether it gives the whole of the program or of its data away: confidentiality and integrity both high. */
function isTotal({ severity }: DecisionFacts, metrics: readonly Metrics[]): boolean {
  if (metrics.length === 0) return severity === 'critical' || severity === 'high';
  return metrics.some((one) => (one.get('VC') ?? one.get('C')) === 'H' && (one.get('VI') ?? one.get('I')) === 'H');
}

/** SSVC "Mission and well-being" from what the platform knows: how much hangs on the place, and who reaches it. */
export function impactOf(place: DecisionPlace): Impact {
  if (place === null) return 'medium';
  let level = { development: 0, 'pre-production': 1, production: 1 }[place.class];
  if (place.exposure === 'published' && place.class !== 'development') level += 1;
  // On the host there is more to lose than one container, wherever it is.
  if (place.reachesHost) level += 1;
  else if (place.root && place.class === 'production' && place.exposure !== 'none') level += 1;
  return IMPACTS[Math.min(level, 2)] ?? 'high';
}

function reasonOf(
  facts: DecisionFacts,
  tree: { exploitation: Exploitation; automatable: boolean; total: boolean; place: DecisionPlace },
): Text {
  const exploited = EXPLOITED[tree.exploitation](facts);
  const how = tree.automatable ? HOW.automatable : HOW.manual;
  const what = tree.total ? WHAT.total : WHAT.partial;
  const where = placeText(tree.place);
  return {
    en: `${exploited.en}, ${how.en}, ${what.en}; ${where.en}`,
    es: `${exploited.es}, ${how.es}, ${what.es}; ${where.es}`,
  };
}

const percent = (value: number): string => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;

const EXPLOITED: Readonly<Record<Exploitation, (facts: DecisionFacts) => Text>> = {
  active: ({ ransomware }) => ({
    en: ransomware ? 'exploited in the wild, by ransomware too' : 'exploited in the wild',
    es: ransomware ? 'explotada activamente, también por ransomware' : 'explotada activamente',
  }),
  poc: ({ epss }) => ({
    en:
      epss !== null && epss >= EPSS_POC
        ? `an attack is likely (EPSS ${percent(epss)})`
        : 'a way to exploit it is public',
    es:
      epss !== null && epss >= EPSS_POC
        ? `es probable un ataque (EPSS ${percent(epss)})`
        : 'es público cómo explotarla',
  }),
  none: () => ({ en: 'no sign of exploitation', es: 'sin indicios de explotación' }),
};

const HOW = {
  automatable: { en: 'needs nobody’s help', es: 'no necesita ayuda de nadie' },
  manual: { en: 'needs rights, a person or luck', es: 'necesita permisos, una persona o suerte' },
};

const WHAT = {
  total: { en: 'gives the program away', es: 'entrega el programa' },
  partial: { en: 'does limited harm', es: 'hace un daño limitado' },
};

const CLASSES: Readonly<Record<Place['class'], Text>> = {
  development: { en: 'development', es: 'desarrollo' },
  'pre-production': { en: 'pre-production', es: 'preproducción' },
  production: { en: 'production', es: 'producción' },
};

const EXPOSURES: Readonly<Record<Place['exposure'], Text>> = {
  published: { en: 'published', es: 'publicada' },
  internal: { en: 'reachable inside only', es: 'alcanzable solo desde dentro' },
  none: { en: 'serving nothing', es: 'sin servir nada' },
};

function placeText(place: DecisionPlace): Text {
  if (place === null) return { en: 'it runs nowhere yet', es: 'todavía no se ejecuta en ningún sitio' };
  const reach: Text = place.reachesHost
    ? { en: ' with access to the host', es: ' con acceso al host' }
    : place.root
      ? { en: ' as root', es: ' como root' }
      : { en: '', es: '' };
  return {
    en: `it runs in ${CLASSES[place.class].en}, ${EXPOSURES[place.exposure].en}${reach.en}`,
    es: `se ejecuta en ${CLASSES[place.class].es}, ${EXPOSURES[place.exposure].es}${reach.es}`,
  };
}

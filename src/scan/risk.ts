import type { Severity } from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { Place, RiskClass } from './report.ts';

export interface RiskFacts {
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly kev: boolean;
  readonly epss: number | null;
  readonly fixedVersion: string | null;
  /** Where it runs; left out: nowhere that is known. */
  readonly place?: Pick<Place, 'class' | 'exposure' | 'reachesHost'>;
}

/** Above 10 % within 30 days FIRST's model finds about two thirds of what is exploited; above 50 % nearly nothing is a false alarm. */
const EPSS_LIKELY = 0.1;
const EPSS_VERY_LIKELY = 0.5;

/**
 * How soon people must act on a finding, and why: known exploitation first, then likelihood, then severity and whether
 * there is a fix; one class up where production publishes it, one down where only development has it.
 */
export function classifyRisk(facts: RiskFacts): { risk: RiskClass; reason: Text } {
  const judged = classifyAlone(facts);
  const { place, kev } = facts;
  if (place === undefined || judged.risk === 'unknown') return judged;
  const isExposed = place.class === 'production' && (place.exposure === 'published' || place.reachesHost);
  const isFar = place.class === 'development' && place.exposure !== 'published' && !place.reachesHost;
  // What is exploited stays urgent everywhere: from inside it is a way to the next machine.
  if (isExposed && judged.risk === 'medium') return { ...judged, risk: 'high' };
  if (isFar && !kev && judged.risk === 'high') return { ...judged, risk: 'medium' };
  return judged;
}

/** The class alone, remembered: ten thousand images have the same few thousand issues. */
export function riskOf(facts: Omit<RiskFacts, 'place'>): RiskClass {
  let risk = RISKS.get(facts);
  if (risk === undefined) {
    risk = classifyAlone(facts).risk;
    RISKS.set(facts, risk);
  }
  return risk;
}

const RISKS = new WeakMap<object, RiskClass>();

function classifyAlone(facts: RiskFacts): { risk: RiskClass; reason: Text } {
  const { severity, kev, epss, fixedVersion } = facts;
  const isSevere = severity === 'critical' || severity === 'high';
  const chance = epss === null ? '' : `${(epss * 100).toFixed(epss < 0.1 ? 1 : 0)} %`;
  const way = fixedVersion ? WAY_OUT.fixed(fixedVersion) : WAY_OUT.none;
  const say = (risk: RiskClass, en: string, es: string) => ({
    risk,
    reason: { en: `${en}; ${way.en}`, es: `${es}; ${way.es}` },
  });
  const { en, es } = words(facts);
  if (kev) return say('act-now', 'exploited in the wild (CISA KEV)', 'explotada activamente (CISA KEV)');
  if (isSevere && epss !== null && epss >= EPSS_VERY_LIKELY) {
    return say(
      'act-now',
      `${en} and exploitation is likely (EPSS ${chance})`,
      `${es} y explotación probable (EPSS ${chance})`,
    );
  }
  if (severity === 'critical') return say('high', en, es);
  if (severity === 'high' && (fixedVersion || (epss ?? 0) >= EPSS_LIKELY)) return say('high', en, es);
  if ((epss ?? 0) >= EPSS_LIKELY) {
    return say(
      severity === 'medium' ? 'high' : 'medium',
      `${en}, raised because exploitation is likely (EPSS ${chance})`,
      `${es}, elevada por explotación probable (EPSS ${chance})`,
    );
  }
  if (severity === 'high' || severity === 'medium') return say('medium', en, es);
  if (severity === 'low' || severity === 'none') return say('low', en, es);
  return say('unknown', 'nobody has stated a severity', 'nadie ha indicado una gravedad');
}

const WAY_OUT = {
  fixed: (version: string): Text => ({ en: `fixed in ${version}`, es: `corregida en ${version}` }),
  none: { en: 'no fix is known', es: 'no se conoce corrección' },
};

const SPANISH: Readonly<Record<Severity, string>> = {
  critical: 'crítica',
  high: 'alta',
  medium: 'media',
  low: 'baja',
  none: 'nula',
  unknown: 'desconocida',
};

function words({ severity, cvss }: RiskFacts): Text {
  const score = cvss === null ? '' : ` (CVSS ${cvss.toFixed(1)})`;
  return { en: `severity ${severity}${score}`, es: `gravedad ${SPANISH[severity]}${score}` };
}

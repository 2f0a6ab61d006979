import type { Admit, Verdict } from '../../admit/index.ts';
import type { ChainedFact, Journal } from '../../journal/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { DescribeImages } from '../../registry/index.ts';
import type { Respond } from '../../respond/index.ts';
import type { Readings, ScanReport, Scans } from '../../scan/index.ts';
import type { Text } from '../../system/index.ts';
import { isMet, type SignatureVerdict, signersOf, type Trust } from '../../trust/index.ts';

/** One place on an image's way; its colour is its state, its link leads to the thing itself. */
export interface Station {
  readonly kind: 'commit' | 'build' | 'scan' | 'signatures' | 'verdict' | 'deploy' | 'alerts';
  readonly state: 'ok' | 'warn' | 'bad' | 'pending' | 'absent';
  readonly title: Text;
  readonly detail: Text | null;
  readonly at: string | null;
  readonly href: string | null;
}

export interface ThreadParts {
  readonly scans: Scans;
  readonly readings: Pick<Readings, 'glance'>;
  readonly trust: Trust;
  readonly admit: Admit;
  readonly respond: Respond;
  readonly journal: Journal;
}

const FACTS_MAX = 500;
const VERDICTS_MAX = 50;
const INCIDENTS_MAX = 20;

/** What other rooms know of images, for the registry's lists and pages: scan, verdicts, and the thread. */
export function describeImages(parts: ThreadParts): DescribeImages {
  return (images, depth) =>
    Promise.all(
      images.map(async ({ project, repository, digest }) => {
        const [stored, verdicts] = await Promise.all([
          parts.scans.report(digest),
          parts.admit.verdicts({ project, digest, limit: VERDICTS_MAX }),
        ]);
        const report = stored && { ...stored, ...(await parts.readings.glance(project, stored)) };
        const scan = report === null ? null : glanceOf(report);
        const summary = {
          scan,
          verdicts: newestOfEach(verdicts).map(({ environment, door, decision }) => ({ environment, door, decision })),
        };
        if (depth === 'list') return summary;
        return { ...summary, thread: await imageThread(parts, { project, repository, digest, report, verdicts }) };
      }),
    );
}

/** A report in a line of a list. */
function glanceOf({ summary, secrets, malware }: ScanReport) {
  const { state, byRisk, answered } = summary;
  return { state, byRisk, answered, secrets: secrets.length, malware: malware.state };
}

/** The newest verdict of each door and environment; the list comes newest first. */
function newestOfEach(verdicts: readonly Verdict[]): Verdict[] {
  const newest = new Map<string, Verdict>();
  for (const verdict of verdicts) {
    const place = `${verdict.door} ${verdict.environment ?? ''}`;
    if (!newest.has(place)) newest.set(place, verdict);
  }
  return [...newest.values()];
}

/** The thread of an image: commit → build → scan → signatures → verdict → deploys → alerts, from what was recorded. */
async function imageThread(
  parts: ThreadParts,
  image: {
    readonly project: string;
    readonly repository: string;
    readonly digest: Digest;
    readonly report: ScanReport | null;
    readonly verdicts: readonly Verdict[];
  },
): Promise<Station[]> {
  const { project, repository, digest, report, verdicts } = image;
  const [facts, signatures, incidents] = await Promise.all([
    parts.journal.query({ projects: [project], digest, order: 'oldest', limit: FACTS_MAX }),
    parts.trust.verify(repository, digest),
    parts.respond.incidents({ projects: [project], digest, limit: INCIDENTS_MAX }),
  ]);
  const pushed = facts.find((fact) => fact.kind === 'image.pushed');
  const provenance = signatures.accepted.find((one) => one.use === 'provenance')?.predicate;
  const page = `/projects/${project}/images/${digest}`;
  const commit = commitOf(provenance, facts);
  return [
    {
      kind: 'commit',
      state: commit === null ? 'absent' : 'ok',
      title:
        commit === null ? { en: 'no commit', es: 'sin commit' } : { en: commit.slice(0, 12), es: commit.slice(0, 12) },
      detail: null,
      at: null,
      href: null,
    },
    buildStation(provenance, pushed),
    scanStation(report, page),
    signatureStation(signatures, page),
    verdictStation(verdicts, page),
    deployStation(facts, project),
    {
      kind: 'alerts',
      state: incidents.length === 0 ? 'ok' : incidents.some((one) => one.state !== 'closed') ? 'bad' : 'warn',
      title:
        incidents.length === 0
          ? { en: 'none', es: 'ninguna' }
          : counted(incidents.length, ['incident', 'incidents'], ['incidente', 'incidentes']),
      detail: null,
      at: incidents[0]?.openedAt ?? null,
      href: incidents[0] === undefined ? null : `/incidents/${incidents[0].number}`,
    },
  ];
}

function buildStation(provenance: unknown, pushed: ChainedFact | undefined): Station {
  const details = memberOf(provenance, 'runDetails');
  const finished = memberOf(memberOf(details, 'metadata'), 'finishedOn');
  const builder = memberOf(memberOf(details, 'builder'), 'id');
  const isKnown = typeof builder === 'string';
  // urn:darsena:builder:<instance>:<host>
  const who = isKnown ? (builder.split(':').at(-1) ?? builder) : (pushed?.actor ?? '?');
  return {
    kind: 'build',
    state: isKnown ? 'ok' : pushed === undefined ? 'absent' : 'warn',
    title: isKnown ? { en: 'built here', es: 'construida aquí' } : { en: 'no provenance', es: 'sin procedencia' },
    detail: isKnown
      ? { en: `by the builder of ${who}`, es: `por el constructor de ${who}` }
      : { en: `pushed by ${who}`, es: `enviada por ${who}` },
    at: typeof finished === 'string' ? finished : (pushed?.at ?? null),
    href: null,
  };
}

function scanStation(report: ScanReport | null, page: string): Station {
  const href = `${page}?tab=findings`;
  if (report === null)
    return { kind: 'scan', state: 'pending', title: { en: 'not yet', es: 'aún no' }, detail: null, at: null, href };
  const { byRisk, state } = report.summary;
  const at = report.scannedAt;
  if (!report.complete) {
    return {
      kind: 'scan',
      state: 'bad',
      title: { en: 'incomplete', es: 'incompleto' },
      detail: report.incomplete,
      at,
      href,
    };
  }
  if (report.malware.findings.length > 0) {
    const places = report.malware.findings.length;
    return {
      kind: 'scan',
      state: 'bad',
      title: { en: 'malware', es: 'código malicioso' },
      detail: counted(places, ['place', 'places'], ['lugar', 'lugares']),
      at,
      href,
    };
  }
  if (state === 'unknown') {
    return {
      kind: 'scan',
      state: 'warn',
      title: { en: 'unknown', es: 'desconocido' },
      detail: { en: 'no data', es: 'sin datos' },
      at,
      href,
    };
  }
  const worst = byRisk['act-now'] + byRisk.high;
  const title = counted(report.findings.length, ['finding', 'findings'], ['hallazgo', 'hallazgos']);
  const detail = worst === 0 ? null : { en: `${worst} urgent or high`, es: `${worst} de riesgo urgente o alto` };
  return { kind: 'scan', state: worst > 0 ? 'bad' : state === 'clean' ? 'ok' : 'warn', title, detail, at, href };
}

function signatureStation(verdict: SignatureVerdict, page: string): Station {
  const href = `${page}?tab=signatures`;
  const signers = signersOf(verdict, 'image');
  if (isMet(verdict, 'image')) {
    const names = signers.join(', ');
    return {
      kind: 'signatures',
      state: 'ok',
      title: { en: 'signed', es: 'firmada' },
      detail: { en: names, es: names },
      at: null,
      href,
    };
  }
  const refused = verdict.refused[0]?.reason ?? null;
  const title: Text =
    refused === null ? { en: 'unsigned', es: 'sin firma' } : { en: 'not accepted', es: 'no aceptada' };
  return { kind: 'signatures', state: refused === null ? 'absent' : 'bad', title, detail: refused, at: null, href };
}

const DECISIONS: Readonly<Record<Verdict['decision'], { readonly state: Station['state']; readonly text: Text }>> = {
  allow: { state: 'ok', text: { en: 'allowed', es: 'permitido' } },
  warn: { state: 'warn', text: { en: 'allowed, with warnings', es: 'permitido, con advertencias' } },
  refuse: { state: 'bad', text: { en: 'refused', es: 'rechazado' } },
};

function verdictStation(verdicts: readonly Verdict[], page: string): Station {
  const href = `${page}?tab=verdicts`;
  const newest = verdicts.find((one) => one.door === 'start' || one.door === 'promote') ?? verdicts[0];
  if (newest === undefined) {
    return {
      kind: 'verdict',
      state: 'pending',
      title: { en: 'in quarantine', es: 'en cuarentena' },
      detail: null,
      at: null,
      href,
    };
  }
  const { state, text } = DECISIONS[newest.decision];
  const place =
    newest.environment === null || newest.environment === ''
      ? null
      : { en: `for ${newest.environment}`, es: `para ${newest.environment}` };
  return { kind: 'verdict', state, title: text, detail: place, at: newest.at, href };
}

const RELEASE_STATES: Readonly<Record<string, Text>> = {
  'rolling-out': { en: 'rolling out', es: 'desplegando' },
  available: { en: 'available', es: 'disponible' },
  superseded: { en: 'replaced', es: 'reemplazada' },
  refused: { en: 'refused', es: 'rechazada' },
  failed: { en: 'failed', es: 'fallida' },
  'rolled-back': { en: 'rolled back', es: 'revertida' },
};

function deployStation(facts: readonly ChainedFact[], project: string): Station {
  const href = `/projects/${project}`;
  const changes = facts.filter((fact) => fact.kind === 'workload.changed');
  const latest = new Map(changes.map((fact) => [String(memberOf(fact.body, 'environment')), fact]));
  if (latest.size === 0) {
    return {
      kind: 'deploy',
      state: 'absent',
      title: { en: 'nowhere', es: 'en ningún sitio' },
      detail: null,
      at: null,
      href,
    };
  }
  const states = [...latest].map(([environment, fact]) => ({
    environment,
    state: String(memberOf(fact.body, 'state')),
  }));
  const say = (language: 'en' | 'es'): string =>
    states.map(({ environment, state }) => `${environment}: ${RELEASE_STATES[state]?.[language] ?? state}`).join(', ');
  const bad = states.some(({ state }) => state === 'failed' || state === 'rolled-back' || state === 'refused');
  const good = states.every(({ state }) => state === 'available' || state === 'superseded');
  const title = counted(latest.size, ['environment', 'environments'], ['entorno', 'entornos']);
  const detail: Text = { en: say('en'), es: say('es') };
  return {
    kind: 'deploy',
    state: bad ? 'bad' : good ? 'ok' : 'pending',
    title,
    detail,
    at: changes.at(-1)?.at ?? null,
    href,
  };
}

function counted(count: number, en: readonly [string, string], es: readonly [string, string]): Text {
  const form = count === 1 ? 0 : 1;
  return { en: `${count} ${en[form]}`, es: `${count} ${es[form]}` };
}

function commitOf(provenance: unknown, facts: readonly ChainedFact[]): string | null {
  const dependencies = memberOf(memberOf(provenance, 'buildDefinition'), 'resolvedDependencies');
  if (Array.isArray(dependencies)) {
    for (const dependency of dependencies) {
      const commit = memberOf(memberOf(dependency, 'digest'), 'gitCommit');
      if (typeof commit === 'string') return commit;
    }
  }
  const changed = facts.find((fact) => fact.kind === 'workload.changed');
  const commit = memberOf(changed?.body, 'commit');
  return typeof commit === 'string' ? commit : null;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

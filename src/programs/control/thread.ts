import type { Admit, Verdict } from '../../admit/index.ts';
import type { ChainedFact, Journal } from '../../journal/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { DescribeImages } from '../../registry/index.ts';
import type { Respond } from '../../respond/index.ts';
import type { ScanReport, Scans } from '../../scan/index.ts';
import type { Text } from '../../system/index.ts';
import { type SignatureVerdict, signersOf, type Trust } from '../../trust/index.ts';

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
        const [report, verdicts] = await Promise.all([
          parts.scans.report(digest),
          parts.admit.verdicts({ project, digest, limit: VERDICTS_MAX }),
        ]);
        const scan = report === null ? null : { state: report.summary.state, byRisk: report.summary.byRisk };
        const summary = {
          scan,
          verdicts: newestOfEach(verdicts).map(({ environment, door, decision }) => ({ environment, door, decision })),
        };
        if (depth === 'list') return summary;
        return { ...summary, thread: await imageThread(parts, { project, repository, digest, report, verdicts }) };
      }),
    );
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
      title: { en: 'Commit', es: 'Commit' },
      detail:
        commit === null
          ? { en: 'not from a commit', es: 'sin commit' }
          : { en: commit.slice(0, 12), es: commit.slice(0, 12) },
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
      title: { en: 'Alerts', es: 'Alertas' },
      detail:
        incidents.length === 0
          ? { en: 'none', es: 'ninguna' }
          : { en: `${incidents.length} incident(s)`, es: `${incidents.length} incidente(s)` },
      at: incidents[0]?.openedAt ?? null,
      href: incidents[0] === undefined ? null : `/incidents/${incidents[0].number}`,
    },
  ];
}

function buildStation(provenance: unknown, pushed: ChainedFact | undefined): Station {
  const run = memberOf(memberOf(provenance, 'runDetails'), 'metadata');
  const finished = memberOf(run, 'finishedOn');
  const builder = memberOf(memberOf(memberOf(provenance, 'runDetails'), 'builder'), 'id');
  const isKnown = typeof builder === 'string';
  return {
    kind: 'build',
    state: isKnown ? 'ok' : pushed === undefined ? 'absent' : 'warn',
    title: { en: 'Build', es: 'Construcción' },
    detail: isKnown
      ? { en: `by ${builder}`, es: `por ${builder}` }
      : {
          en: `pushed by ${pushed?.actor ?? '?'}, without provenance`,
          es: `enviada por ${pushed?.actor ?? '?'}, sin procedencia`,
        },
    at: typeof finished === 'string' ? finished : (pushed?.at ?? null),
    href: null,
  };
}

function scanStation(report: ScanReport | null, page: string): Station {
  const title: Text = { en: 'Scan', es: 'Examen' };
  const href = `${page}?tab=findings`;
  if (report === null)
    return {
      kind: 'scan',
      state: 'pending',
      title,
      detail: { en: 'not scanned yet', es: 'aún sin examinar' },
      at: null,
      href,
    };
  const { byRisk, state } = report.summary;
  const worst = byRisk['act-now'] + byRisk.high;
  if (!report.complete)
    return { kind: 'scan', state: 'bad', title, detail: report.incomplete, at: report.scannedAt, href };
  const detail: Text =
    state === 'unknown'
      ? { en: 'unknown, no data', es: 'desconocido, sin datos' }
      : {
          en: `${report.findings.length} findings, ${worst} urgent or high`,
          es: `${report.findings.length} hallazgos, ${worst} urgentes o altos`,
        };
  return {
    kind: 'scan',
    state: worst > 0 ? 'bad' : state === 'clean' ? 'ok' : 'warn',
    title,
    detail,
    at: report.scannedAt,
    href,
  };
}

function signatureStation(verdict: SignatureVerdict, page: string): Station {
  const title: Text = { en: 'Signatures', es: 'Firmas' };
  const href = `${page}?tab=signatures`;
  const signers = signersOf(verdict, 'image');
  if (signers.length === 0) {
    const refused = verdict.refused[0]?.reason ?? null;
    return {
      kind: 'signatures',
      state: refused === null ? 'absent' : 'bad',
      title,
      detail: refused ?? { en: 'unsigned', es: 'sin firma' },
      at: null,
      href,
    };
  }
  return {
    kind: 'signatures',
    state: 'ok',
    title,
    detail: { en: signers.join(', '), es: signers.join(', ') },
    at: null,
    href,
  };
}

function verdictStation(verdicts: readonly Verdict[], page: string): Station {
  const title: Text = { en: 'Verdict', es: 'Veredicto' };
  const href = `${page}?tab=verdicts`;
  const newest = verdicts.find((one) => one.door === 'start' || one.door === 'promote') ?? verdicts[0];
  if (newest === undefined)
    return {
      kind: 'verdict',
      state: 'pending',
      title,
      detail: { en: 'in quarantine', es: 'en cuarentena' },
      at: null,
      href,
    };
  const words: Record<Verdict['decision'], { state: Station['state']; text: Text }> = {
    allow: { state: 'ok', text: { en: 'allowed', es: 'permitido' } },
    warn: {
      state: 'warn',
      text: {
        en: `allowed, ${newest.reasons.length} warning(s)`,
        es: `permitido, ${newest.reasons.length} advertencia(s)`,
      },
    },
    refuse: {
      state: 'bad',
      text: {
        en: `refused, ${newest.reasons.filter((one) => one.effect === 'refuse').length} reason(s)`,
        es: `rechazado, ${newest.reasons.filter((one) => one.effect === 'refuse').length} motivo(s)`,
      },
    },
  };
  const { state, text } = words[newest.decision];
  const where = newest.environment === null || newest.environment === '' ? '' : ` (${newest.environment})`;
  return {
    kind: 'verdict',
    state,
    title,
    detail: { en: `${text.en}${where}`, es: `${text.es}${where}` },
    at: newest.at,
    href,
  };
}

function deployStation(facts: readonly ChainedFact[], project: string): Station {
  const title: Text = { en: 'Deploys', es: 'Despliegues' };
  const href = `/projects/${project}`;
  const changes = facts.filter((fact) => fact.kind === 'workload.changed');
  const latest = new Map(changes.map((fact) => [String(memberOf(fact.body, 'environment')), fact]));
  if (latest.size === 0)
    return { kind: 'deploy', state: 'absent', title, detail: { en: 'nowhere', es: 'en ningún sitio' }, at: null, href };
  const states = [...latest].map(([environment, fact]) => ({
    environment,
    state: String(memberOf(fact.body, 'state')),
  }));
  const text = states.map(({ environment, state }) => `${environment}: ${state}`).join(', ');
  const bad = states.some(({ state }) => state === 'failed' || state === 'rolled-back' || state === 'refused');
  const good = states.every(({ state }) => state === 'available' || state === 'superseded');
  return {
    kind: 'deploy',
    state: bad ? 'bad' : good ? 'ok' : 'pending',
    title,
    detail: { en: text, es: text },
    at: changes.at(-1)?.at ?? null,
    href,
  };
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

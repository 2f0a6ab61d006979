import {
  judgeKernel,
  type KernelAdvisory,
  type KernelFix,
  type KernelRelease,
  type KernelVerdict,
  type PackageStatement,
  parseKernelRelease,
} from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';
import { isForeignRelease } from './foreign.ts';
import { type KbuildTable, kbuildTable } from './kbuild/table.ts';
import { Reach, type UnreachableReason } from './reach.ts';
import { SHIELD, type ShieldEntry } from './shield/feed.ts';
import { standingShields } from './shield/standing.ts';

/** What a CVE of the kernel means on one machine. */
export const TRUTH_STATES = [
  'exposed',
  'unknown',
  'mitigated',
  'live-patched',
  'not-reachable',
  'not-affected',
] as const;
export type TruthState = (typeof TRUTH_STATES)[number];

export type TruthReason =
  | UnreachableReason
  | 'release'
  | 'release-candidate'
  | 'distribution'
  | 'before-introduction'
  | 'fixed-upstream'
  | 'removed-upstream'
  | 'other-branches'
  | 'changelog'
  | 'live-patch'
  | 'control'
  | 'no-release';

export interface KernelTruth {
  readonly cve: string;
  readonly state: TruthState;
  readonly reason: TruthReason;
  /** What a sceptic can follow, step by step. */
  readonly evidence: readonly Text[];
  readonly title: string;
  readonly severity: KernelAdvisory['severity'];
  readonly cvss: number | null;
  readonly kev: boolean;
  readonly epss: number | null;
  /** The first release or package that is free of it, nearest to this kernel. */
  readonly fixedIn: string | null;
  /** RFC 3339: since when it is mitigated, where that is known. */
  readonly since: string | null;
}

/** What distributions say of this very package, by CVE. */
export type Statements = ReadonlyMap<
  string,
  PackageStatement & { readonly kev?: boolean; readonly epss?: number | null }
>;

const NONE: Statements = new Map();

/**
 * The truth of every kernel advisory on one machine: a pure function of its facts, the advisories and what the
 * distribution says. Order of proof: a fix in the running code (release, package, changelog), a live patch, no way to
 * the code, a control before it; what is left is exposed. What cannot be known is `unknown`, and never taken for good.
 */
export function judgeMachine(
  facts: MachineFacts,
  advisories: readonly KernelAdvisory[],
  statements: Statements = NONE,
  table: KbuildTable = kbuildTable(),
  shield: readonly ShieldEntry[] = SHIELD,
): KernelTruth[] {
  const machine = describeMachine(facts);
  const reach = new Reach(facts, table);
  const patches = byCve(
    facts.livePatches.filter(({ enabled, transition }) => enabled && !transition),
    ({ cves }) => cves,
  );
  const controls = byCve(facts.mitigations, ({ cves }) => cves);
  const shields = byCve(standingShields(facts, shield), ({ entry }) => entry.cves);
  const judge = (advisory: KernelAdvisory, at: Machine): KernelTruth => {
    const { id, title, severity, cvss, kev, epss } = advisory;
    const about = { cve: id, title, severity, cvss, kev, epss };
    const where = whereItStands(at, advisory, statements.get(id) ?? null);
    const truth = (
      state: TruthState,
      reason: TruthReason,
      more: readonly Text[],
      since: string | null = null,
    ): KernelTruth => ({
      ...about,
      state,
      reason,
      evidence: [...where.evidence, ...more],
      fixedIn: where.fixedIn,
      since,
    });
    if (where.state === 'not-affected') return truth('not-affected', where.reason, []);
    const patch = patches.get(id);
    if (patch !== undefined) {
      const text = {
        en: `live patch ${patch.name} (${patch.by}) is in force and names it`,
        es: `el parche en vivo ${patch.name} (${patch.by}) está activo y la nombra`,
      };
      return truth('live-patched', 'live-patch', [text]);
    }
    const closed = reach.ofFiles(advisory.files);
    const shield = shields.get(id);
    // What the platform shut on purpose is said as that, with its date, and not as the luck of this machine.
    const isShut = closed === null || closed.reason === 'module-blocked' || closed.reason === 'path-closed';
    if (shield !== undefined && shield.since !== null && isShut) {
      const text = {
        en: `${shield.how} stands before it (shield ${shield.entry.id})`,
        es: `${shield.how} lo impide (escudo ${shield.entry.id})`,
      };
      return truth('mitigated', 'control', [text], shield.since);
    }
    if (closed !== null) return truth('not-reachable', closed.reason, [closed.evidence]);
    const control = controls.get(id);
    if (control !== undefined) {
      const text = {
        en: `${control.control} stands before it (${control.id})`,
        es: `${control.control} lo impide (${control.id})`,
      };
      return truth('mitigated', 'control', [text], control.since);
    }
    if (shield !== undefined) {
      const text = {
        en: `${shield.how}: ${shield.entry.title.en}`,
        es: `${shield.how}: ${shield.entry.title.es}`,
      };
      return truth('not-reachable', 'path-closed', [text]);
    }
    return truth(where.state, where.reason, []);
  };
  const known = new Set(advisories.map(({ id }) => id));
  // Faults that have no record of the kernel's own authority: all that is known of them is what the distribution says.
  const others = [...statements].flatMap(([id, { kev = false, epss = null }]): KernelAdvisory[] =>
    known.has(id) || !id.startsWith('CVE-') ? [] : [{ ...NO_RECORD, id, kev, epss }],
  );
  return [
    ...advisories.map((advisory) => judge(advisory, isRecorded(advisory) ? machine : { facts, release: null })),
    ...others.map((advisory) => judge(advisory, { facts, release: null })),
  ];
}

const NO_RECORD: Omit<KernelAdvisory, 'id' | 'kev' | 'epss'> = {
  ...{ files: [], introduced: [], mainline: false, free: [], fixes: [], stable: [] },
  ...{ title: '', severity: 'unknown', cvss: null },
};

/** A fault that the kernel's own authority has no record of: its number says nothing of any release. */
export function withoutRecord(
  id: string,
  known: { readonly kev: boolean; readonly epss: number | null },
): KernelAdvisory {
  return { ...NO_RECORD, id, ...known };
}

function isRecorded({ mainline, stable }: KernelAdvisory): boolean {
  return mainline || stable.length > 0;
}

interface Machine {
  readonly facts: MachineFacts;
  /** Null: the kernel's makers would not know this number. */
  readonly release: KernelRelease | null;
}

function describeMachine(facts: MachineFacts): Machine {
  const { upstream, release } = facts.kernel;
  const text = upstream ?? (isForeignRelease(release) ? null : release);
  return { facts, release: text === null ? null : parseKernelRelease(text) };
}

interface Standing {
  readonly state: 'exposed' | 'not-affected' | 'unknown';
  readonly reason: TruthReason;
  readonly evidence: readonly Text[];
  readonly fixedIn: string | null;
}

/** Whether the running code has it, whoever says so. Word of a fix in it stands against silence elsewhere. */
function whereItStands(
  { facts, release }: Machine,
  advisory: KernelAdvisory,
  statement: PackageStatement | null,
): Standing {
  const entry = facts.fixes[advisory.id];
  const { package: own } = facts.kernel;
  if (entry !== undefined) {
    return {
      state: 'not-affected',
      reason: 'changelog',
      evidence: [
        {
          en: `the changelog of ${own?.source ?? 'the kernel'} ${own?.version ?? ''} names its fix in ${entry}`,
          es: `el changelog de ${own?.source ?? 'el núcleo'} ${own?.version ?? ''} nombra su corrección en ${entry}`,
        },
      ],
      fixedIn: entry,
    };
  }
  if (statement !== null && !statement.affected) {
    return {
      state: 'not-affected',
      reason: 'distribution',
      evidence: [
        {
          en: `${statement.source} says that ${own?.source ?? 'it'} has the fix since ${statement.fixedVersion ?? 'ever'}; installed is ${own?.version ?? '?'}`,
          es: `${statement.source} dice que ${own?.source ?? 'el paquete'} tiene la corrección desde ${statement.fixedVersion ?? 'siempre'}; está instalado ${own?.version ?? '?'}`,
        },
      ],
      fixedIn: statement.fixedVersion,
    };
  }
  const upstream = release === null ? null : ofRelease(release, advisory);
  if (
    statement !== null &&
    (upstream === null || upstream.state !== 'not-affected' || upstream.reason === 'before-introduction')
  ) {
    return {
      state: 'exposed',
      reason: 'distribution',
      evidence: [
        {
          en: `${statement.source} says that ${own?.source ?? 'it'} ${own?.version ?? ''} is affected${statement.fixedVersion === null ? '' : `, fixed in ${statement.fixedVersion}`}`,
          es: `${statement.source} dice que ${own?.source ?? 'el paquete'} ${own?.version ?? ''} está afectado${statement.fixedVersion === null ? '' : `, corregido en ${statement.fixedVersion}`}`,
        },
      ],
      fixedIn: statement.fixedVersion,
    };
  }
  if (upstream !== null) return upstream;
  if (!isRecorded(advisory)) {
    return {
      state: 'unknown',
      reason: 'no-release',
      evidence: [
        {
          en: 'neither the kernel’s own authority nor an advisory of the distribution says which kernels have it',
          es: 'ni la autoridad propia del núcleo ni un aviso de la distribución dicen qué núcleos la tienen',
        },
      ],
      fixedIn: null,
    };
  }
  return {
    state: 'unknown',
    reason: 'no-release',
    evidence: [
      {
        en: `${facts.kernel.release} does not tell which release of kernel.org it holds, and no advisory of the distribution names it`,
        es: `${facts.kernel.release} no dice qué versión de kernel.org contiene, y ningún aviso de la distribución la nombra`,
      },
    ],
    fixedIn: null,
  };
}

function ofRelease(release: KernelRelease, advisory: KernelAdvisory): Standing {
  const verdict = judgeKernel(advisory, release);
  const fix = verdict.affected ? verdict.fix : verdict.because === 'fixed' ? verdict.fix : null;
  return {
    state: verdict.affected ? 'exposed' : 'not-affected',
    reason: reasonOf(verdict, release),
    evidence: [sayVerdict(verdict, release)],
    fixedIn: fix?.release ?? null,
  };
}

function reasonOf(verdict: KernelVerdict, { candidate }: KernelRelease): TruthReason {
  if (verdict.affected) return candidate === null ? 'release' : 'release-candidate';
  switch (verdict.because) {
    case 'before':
      return 'before-introduction';
    case 'fixed':
      return 'fixed-upstream';
    case 'removed':
      return 'removed-upstream';
    case 'stable-only':
      return 'other-branches';
  }
}

function sayVerdict(verdict: KernelVerdict, { text }: KernelRelease): Text {
  if (verdict.affected) {
    const { since, fix, again } = verdict;
    const from =
      since === null
        ? { en: 'in all releases before its fix', es: 'en todas las versiones anteriores a su corrección' }
        : { en: `since ${since}`, es: `desde ${since}` };
    const to =
      fix === null
        ? { en: 'no release has a fix', es: 'ninguna versión tiene corrección' }
        : { en: `fixed in ${sayFix(fix)}`, es: `corregida en ${sayFix(fix)}` };
    const more = again
      ? { en: '; an earlier fix of this branch did not hold', es: '; una corrección anterior de esta rama no bastó' }
      : { en: '', es: '' };
    return {
      en: `release ${text} has it: ${from.en}, ${to.en}${more.en}`,
      es: `la versión ${text} la tiene: ${from.es}, ${to.es}${more.es}`,
    };
  }
  switch (verdict.because) {
    case 'before':
      return {
        en: `release ${text} is older than the fault, which came with ${verdict.since}`,
        es: `la versión ${text} es anterior al fallo, que llegó con ${verdict.since}`,
      };
    case 'fixed':
      return {
        en: `release ${text} has the fix, which came with ${sayFix(verdict.fix)}`,
        es: `la versión ${text} tiene la corrección, que llegó con ${sayFix(verdict.fix)}`,
      };
    case 'removed':
      return {
        en: `release ${text} lies between ${verdict.run.from} and ${verdict.run.to}, which are free of it`,
        es: `la versión ${text} está entre ${verdict.run.from} y ${verdict.run.to}, que no lo tienen`,
      };
    case 'stable-only':
      return {
        en: `only other branches ever had it, not that of ${text}`,
        es: `solo otras ramas lo tuvieron, no la de ${text}`,
      };
  }
}

function sayFix({ release, commit }: KernelFix): string {
  return commit === null ? release : `${release} (${commit})`;
}

function byCve<T>(list: readonly T[], cvesOf: (one: T) => readonly string[]): Map<string, T> {
  const found = new Map<string, T>();
  for (const one of list) for (const cve of cvesOf(one)) if (!found.has(cve)) found.set(cve, one);
  return found;
}

export type TruthSummary = Readonly<Record<TruthState, number>>;

export function summarise(truths: readonly KernelTruth[]): TruthSummary {
  const counts = Object.fromEntries(TRUTH_STATES.map((state) => [state, 0])) as Record<TruthState, number>;
  for (const { state } of truths) counts[state]++;
  return counts;
}

/** What to look at first: exploited, then likely to be, then how bad. */
export function byUrgency(a: KernelTruth, b: KernelTruth): number {
  return (
    TRUTH_STATES.indexOf(a.state) - TRUTH_STATES.indexOf(b.state) ||
    Number(b.kev) - Number(a.kev) ||
    (b.epss ?? -1) - (a.epss ?? -1) ||
    (b.cvss ?? -1) - (a.cvss ?? -1) ||
    (a.cve < b.cve ? -1 : 1)
  );
}

import type { AdvisoryDatabase, PackageStatement } from '../advisories/index.ts';
import type { Clock } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';
import { CLOCK_DAY_MS } from './limits.ts';
import { SHIELD, type ShieldEntry } from './shield/feed.ts';
import { byUrgency, judgeMachine, type KernelTruth, type Statements, summarise, type TruthSummary } from './truth.ts';

/** What is known of the kernel's CVEs on one machine, for the command line and the API alike. */
export interface KernelAnswer {
  readonly host: string | null;
  readonly kernel: MachineFacts['kernel'];
  /** 'no-data': there are no kernel advisories, and nothing here says that the machine is clean. */
  readonly data: {
    readonly state: 'data' | 'no-data';
    readonly advisories: number;
    readonly updatedAt: string | null;
    readonly isOld: boolean;
    /** The feed is of a day that this clock says is still to come: the clock is wrong, and every age and deadline with it. */
    readonly isAhead: boolean;
    readonly revision: string;
  };
  readonly summary: TruthSummary | null;
  readonly cves: readonly KernelTruth[];
}

/** Judges a machine by all that a database of advisories holds. Most urgent first. */
export function answerKernel(
  facts: MachineFacts,
  database: AdvisoryDatabase,
  clock: Clock,
  shield: readonly ShieldEntry[] = SHIELD,
): KernelAnswer {
  const advisories = database.kernel();
  const sources = database.sources(clock).filter(({ hasKernel }) => hasKernel);
  const data = {
    state: advisories.length === 0 ? ('no-data' as const) : ('data' as const),
    advisories: advisories.length,
    updatedAt:
      sources
        .map(({ updatedAt }) => updatedAt)
        .sort()
        .at(-1) ?? null,
    isOld: sources.some(({ ageSeconds, maxAgeDays }) => ageSeconds > maxAgeDays * 86_400),
    isAhead: sources.some(({ updatedAt }) => Date.parse(updatedAt) > clock.now().getTime() + CLOCK_DAY_MS),
    revision: database.revision,
  };
  const { host, kernel } = facts;
  if (advisories.length === 0) return { host, kernel, data, summary: null, cves: [] };
  const cves = judgeMachine(facts, advisories, kernelStatements(facts, database), undefined, shield).sort(byUrgency);
  return { host, kernel, data, summary: summarise(cves), cves };
}

/** What the distribution's advisories say of the package of the running kernel; nothing when that is not known. */
export function kernelStatements({ kernel, distribution }: MachineFacts, database: AdvisoryDatabase): Statements {
  const own = kernel.package;
  if (own === null || distribution === null) return new Map();
  const isRpm = own.source === 'kernel';
  const said = database.statements({
    type: isRpm ? 'rpm' : 'deb',
    name: isRpm ? 'kernel' : own.source,
    version: own.version,
    source: { name: own.source, version: own.version },
    distribution,
  });
  // That an own, older kernel has a fix since some version says nothing of one that only counts higher.
  const isOther = isOfAnotherLine({ kernel, distribution }, said);
  const heard = isOther ? [...said].filter(([, { affected }]) => affected) : [...said];
  return new Map(heard.map(([cve, statement]) => [cve, { ...statement, ...database.urgencyOf(cve) }]));
}

/**
 * Whether a kernel is not of the line that its distribution speaks of: one from backports or of another release, or of a
 * series (6.12) beyond all in which the distribution ever mended anything, as kernels of third parties are.
 */
function isOfAnotherLine(
  { kernel, distribution }: Pick<MachineFacts, 'kernel' | 'distribution'>,
  said: ReadonlyMap<string, PackageStatement>,
): boolean {
  const version = kernel.package?.version ?? '';
  if (/~bpo\d/.test(version)) return true;
  const built = /\+deb(\d+)/.exec(kernel.release)?.[1];
  const runs = distribution?.id === 'debian' ? distribution.version.split('.')[0] : '';
  if (built !== undefined && runs !== '' && built !== runs) return true;
  const own = seriesOf(version);
  let newest = 0;
  for (const { fixedVersion } of said.values()) newest = Math.max(newest, seriesOf(fixedVersion ?? ''));
  return newest > 0 && own > newest;
}

/** 6.12 as a number that compares; 0: none is named. */
function seriesOf(version: string): number {
  const [, major, minor] = /^(?:\d+:)?(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? 0 : Number(major) * 1_000 + Number(minor);
}

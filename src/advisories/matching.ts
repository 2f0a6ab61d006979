import type { Lookup } from './ecosystems.ts';
import type { Ordering } from './orderings/ordering.ts';
import { isInside } from './ranges.ts';
import type { AdvisoryStatus, AffectedPackage, VersionInterval } from './record.ts';

/** What a record says of one package, as it is stored. */
export interface Candidate {
  readonly advisory: number;
  readonly intervals: readonly VersionInterval[];
  readonly versions: readonly string[];
  readonly unaffected: readonly VersionInterval[];
  readonly module: string | null;
  readonly status: AdvisoryStatus;
}

type StoredInterval = readonly [
  introduced: string | null,
  fixed: string | null,
  lastAffected: string | null,
  isAfter?: 1,
];
type StoredBody = readonly [
  intervals: readonly StoredInterval[],
  versions?: readonly string[],
  unaffected?: readonly StoredInterval[],
  module?: string | null,
  status?: AdvisoryStatus,
];

/** The stored form of what a record says of a package: short, because there are millions. */
export function packCandidate(
  { intervals, versions, unaffected, module, status }: AffectedPackage,
  ordering: Ordering | null,
): string {
  const packed: [StoredBody[0], string[], StoredInterval[], string | null, AdvisoryStatus] = [
    intervals.map(packInterval),
    // Versions that an interval holds anyway are most of what feeds list.
    versions.filter((version) => !ordering || !intervals.some((interval) => isInside(version, interval, ordering))),
    (unaffected ?? []).map(packInterval),
    module ?? null,
    status ?? 'affected',
  ];
  let length: number = packed.length;
  if (packed[4] === 'affected') length = 4;
  if (length === 4 && packed[3] === null) length = 3;
  if (length === 3 && packed[2].length === 0) length = 2;
  if (length === 2 && packed[1].length === 0) length = 1;
  return JSON.stringify(packed.slice(0, length));
}

export function unpackCandidate(advisory: number, body: string): Candidate {
  const [intervals, versions = [], unaffected = [], module = null, status = 'affected'] = JSON.parse(
    body,
  ) as StoredBody;
  return {
    advisory,
    intervals: intervals.map(unpackInterval),
    versions,
    unaffected: unaffected.map(unpackInterval),
    module,
    status,
  };
}

function packInterval({ introduced, fixed, lastAffected, isAfter }: VersionInterval): StoredInterval {
  return isAfter ? [introduced, fixed, lastAffected, 1] : [introduced, fixed, lastAffected];
}

function unpackInterval([introduced, fixed, lastAffected, isAfter]: StoredInterval): VersionInterval {
  return { introduced, fixed, lastAffected, ...(isAfter ? { isAfter: true } : {}) };
}

export interface Judgement {
  readonly fixedVersion: string | null;
}

/** Whether a candidate speaks of this version; null when not. */
export function judge(
  candidate: Candidate,
  { version }: Lookup,
  ordering: Ordering | null,
  stream: string | null,
): Judgement | null {
  const { intervals, versions, unaffected } = candidate;
  if (!isSameStream(candidate.module, stream, candidate, version) || !isSameFlavour(candidate, version)) return null;
  if (ordering === null) return versions.includes(version) ? { fixedVersion: null } : null;
  const inside = intervals.find((interval) => isInside(version, interval, ordering));
  const isNamed =
    inside !== undefined ||
    versions.some((one) => one === version || (one.length < 32 && ordering.compare(one, version) === 0));
  if (!isNamed || unaffected.some((interval) => isInside(version, interval, ordering))) return null;
  if (inside?.fixed) return { fixedVersion: inside.fixed };
  const later = [
    ...intervals.flatMap(({ fixed }) => fixed ?? []),
    ...unaffected.flatMap(({ introduced, isAfter }) => (introduced === null || isAfter ? [] : [introduced])),
  ].filter((fix) => (ordering.compare(fix, version) ?? -1) > 0);
  later.sort((a, b) => ordering.compare(a, b) ?? 0);
  return { fixedVersion: later[0]?.replace(/-0$/, '') ?? null };
}

const MODULAR = /\.module[_+]/;

/**
 * Packages of a module stream are judged by what is said of that stream, all others by what is said of no stream. An
 * update of nodejs:16 says nothing of nodejs:14, whatever its versions.
 */
function isSameStream(said: string | null, stream: string | null, { intervals }: Candidate, version: string): boolean {
  const isSaidModular = said !== null || intervals.some(({ fixed }) => fixed !== null && MODULAR.test(fixed));
  const isModular = stream !== null || MODULAR.test(version);
  if (isSaidModular !== isModular) return !isSaidModular && intervals.every(({ fixed }) => fixed === null);
  if (said === null || !isModular) return true;
  if (stream !== null) return said === stream.split(':').slice(0, 2).join(':');
  // The package does not say its stream, but versions of nodejs:16 begin with 16.
  const [, number = ''] = said.split(':');
  const upstream = version.replace(/^\d+:/, '');
  if (
    !/^\d[\d.]*$/.test(number) ||
    !intervals.some(({ fixed }) => startsWith(fixed?.replace(/^\d+:/, '') ?? '', number))
  )
    return true;
  return startsWith(upstream, number);
}

/** Oracle's builds for Ksplice and for FIPS have epochs of their own: what fixes them says nothing of the plain build. */
const FLAVOUR = /\.ksplice\d|_fips(?:$|[._-])/;

function isSameFlavour({ intervals }: Candidate, version: string): boolean {
  const [own] = FLAVOUR.exec(version) ?? [''];
  return intervals.every(
    ({ fixed }) => fixed === null || (FLAVOUR.exec(fixed)?.[0] ?? '').slice(0, 5) === own.slice(0, 5),
  );
}

function startsWith(version: string, stream: string): boolean {
  return version.startsWith(stream) && !/\d/.test(version.charAt(stream.length));
}

import type { Text } from '../../../system/index.ts';
import { nextCronTime, parseCron } from '../../cron.ts';
import type { Controller, JobSpec } from '../../model.ts';

/** One pod of a job, judged. */
export interface JobPod {
  readonly name: string;
  /** The number of the pod within its job; later pods have higher ones. */
  readonly slot: number;
  readonly index: number | null;
  readonly state: 'active' | 'succeeded' | 'failed';
  /** How its containers ended, where they did. */
  readonly exits: readonly { readonly container: string; readonly code: number }[];
  readonly endedAtMs: number | null;
  readonly createdAtMs: number;
  /** Restarts of its containers in place, which count as failures of the job. */
  readonly restarts: number;
  /** It is being removed: until it is gone nothing takes its place. */
  readonly leaving?: true;
  /** Why its host ends it: a failure of the job, as in Kubernetes, whatever its containers end with. */
  readonly evicted?: Text;
}

/** A pod that its host ended: it goes, with what it had filled, so that its failure is remembered here. */
interface EvictedPod extends Pick<JobPod, 'name' | 'slot' | 'index' | 'restarts'> {
  readonly atMs: number;
  readonly why: Text;
}

/** What is remembered of one job, so that what is done stays done when its pods are gone. */
export interface JobMemory {
  readonly startedMs: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly outcome: 'succeeded' | 'failed' | null;
  readonly finishedMs: number | null;
  readonly why: Text | null;
  readonly evicted?: readonly EvictedPod[];
  /** Failures of evicted pods of which no more is remembered. */
  readonly evictedBefore?: number;
}

export interface JobDecision {
  readonly memory: JobMemory;
  /** Pods to make: their numbers, and what they work on. */
  readonly create: readonly { readonly slot: number; readonly index: number | null }[];
  /** Names of pods that are to go. */
  readonly remove: readonly string[];
  readonly active: number;
  readonly wakeMs: number | null;
}

/** Kubernetes: after a failure the next try waits 10 s, doubling up to six minutes. */
const RETRY_MS = { first: 10_000, most: 360_000 } as const;
/** Evicted pods of a job that are remembered one by one: each has waited six minutes by then. */
const EVICTED_MAX = 200;

/**
 * What a job does next: which pods it makes, which go, and whether it has ended. Its finished pods are its memory; they
 * stay until the job has ended and its time to live is over.
 */
export function decideJob(spec: JobSpec, seen: readonly JobPod[], known: JobMemory | null, nowMs: number): JobDecision {
  const startedMs = known?.startedMs ?? Math.min(nowMs, ...seen.map(({ createdAtMs }) => createdAtMs));
  const before: JobMemory = known ?? {
    startedMs,
    succeeded: 0,
    failed: 0,
    outcome: null,
    finishedMs: null,
    why: null,
  };
  if (before.outcome !== null) return afterEnd(spec, seen, before, nowMs);
  const blank = rememberEvicted(before, seen, nowMs);
  const pods = withEvicted(seen, blank);
  const active = pods.filter(({ state }) => state === 'active');
  const staying = active.filter(({ leaving }) => leaving !== true);
  if (spec.suspend) {
    // Kubernetes: a suspended job has no running pods, and its clock starts anew.
    return {
      memory: { ...blank, startedMs: nowMs },
      create: [],
      remove: staying.map(({ name }) => name),
      active: active.length,
      wakeMs: null,
    };
  }
  const count = tally(spec, pods, blank.evictedBefore ?? 0);
  const memory = { ...blank, succeeded: count.succeeded, failed: count.failed };
  const end = judgeEnd(spec, pods, count, startedMs, nowMs, blank.evicted?.at(-1)?.why);
  if (end !== null) {
    const finished: JobMemory = { ...memory, outcome: end.outcome, finishedMs: nowMs, why: end.why };
    const decision = afterEnd(spec, pods, finished, nowMs);
    return { ...decision, remove: [...new Set([...decision.remove, ...staying.map(({ name }) => name)])] };
  }
  const deadlineMs = spec.activeDeadlineSeconds === null ? null : startedMs + spec.activeDeadlineSeconds * 1000;
  const create: { slot: number; index: number | null }[] = [];
  let wakeMs = deadlineMs;
  let slot = Math.max(-1, ...pods.map((pod) => pod.slot)) + 1;
  for (const index of missing(spec, pods, count)) {
    if (active.length + create.length >= spec.parallelism) break;
    // With a limit for each index a failed one keeps none of the others waiting.
    const tries = spec.backoffLimitPerIndex === null ? pods : pods.filter((pod) => pod.index === index);
    const dueMs = retryDueMs(tries);
    if (dueMs > nowMs) wakeMs = Math.min(wakeMs ?? dueMs, dueMs);
    else create.push({ slot: slot++, index });
  }
  // Kubernetes: a smaller parallelism takes pods away that run; the youngest have done least.
  const spare = staying.toSorted((one, other) => one.slot - other.slot).slice(spec.parallelism);
  return { memory, create, remove: spare.map(({ name }) => name), active: active.length, wakeMs };
}

function rememberEvicted(memory: JobMemory, seen: readonly JobPod[], nowMs: number): JobMemory {
  const { evicted = [], evictedBefore = 0 } = memory;
  const fresh = seen.flatMap(({ name, slot, index, restarts, state, evicted: why }): EvictedPod[] =>
    why === undefined || state !== 'active' || evicted.some((one) => one.name === name)
      ? []
      : [{ name, slot, index, restarts, atMs: nowMs, why }],
  );
  if (fresh.length === 0) return memory;
  const all = [...evicted, ...fresh];
  const over = all.slice(0, -EVICTED_MAX);
  const forgotten = over.reduce((sum, { restarts }) => sum + restarts + 1, evictedBefore);
  return { ...memory, evicted: all.slice(-EVICTED_MAX), ...(forgotten === 0 ? {} : { evictedBefore: forgotten }) };
}

/** Evicted pods as failed ones, also when they are there no more. */
function withEvicted(seen: readonly JobPod[], { evicted = [] }: JobMemory): JobPod[] {
  const failed = evicted.map(
    ({ name, slot, index, restarts, atMs }): JobPod => ({
      ...{ name, slot, index, restarts, state: 'failed', exits: [], endedAtMs: atMs, createdAtMs: atMs },
    }),
  );
  return [...seen.filter(({ name }) => !evicted.some((one) => one.name === name)), ...failed];
}

function afterEnd(spec: JobSpec, pods: readonly JobPod[], memory: JobMemory, nowMs: number): JobDecision {
  const active = pods.filter(({ state, leaving }) => state === 'active' && leaving !== true);
  const expiresMs = spec.ttlSeconds === null ? null : (memory.finishedMs ?? nowMs) + spec.ttlSeconds * 1000;
  const expired = expiresMs !== null && nowMs >= expiresMs;
  return {
    memory,
    create: [],
    remove: (expired ? pods : active).map(({ name }) => name),
    active: active.length,
    wakeMs: expired || pods.length === 0 ? null : expiresMs,
  };
}

interface Tally {
  readonly succeeded: number;
  /** Failures that count against `backoffLimit`. */
  readonly failed: number;
  readonly doneIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly failJob: JobPod | null;
}

function tally(spec: JobSpec, pods: readonly JobPod[], failedBefore: number): Tally {
  const doneIndexes = new Set<number>();
  const perIndex = new Map<number, number>();
  const failedIndexes = new Set<number>();
  let succeeded = 0;
  let failed = failedBefore;
  let failJob: JobPod | null = null;
  for (const pod of pods) {
    failed += pod.restarts;
    if (pod.state === 'succeeded') {
      succeeded++;
      if (pod.index !== null) doneIndexes.add(pod.index);
    }
    if (pod.state !== 'failed') continue;
    const action = ruleFor(spec, pod);
    if (action === 'Ignore') continue;
    if (action === 'FailJob') failJob = pod;
    failed++;
    if (pod.index === null) continue;
    perIndex.set(pod.index, (perIndex.get(pod.index) ?? 0) + 1);
    const limit = spec.backoffLimitPerIndex;
    if (action === 'FailIndex' || (limit !== null && (perIndex.get(pod.index) ?? 0) > limit)) {
      failedIndexes.add(pod.index);
    }
  }
  return { succeeded, failed, doneIndexes, failedIndexes, failJob };
}

function ruleFor(spec: JobSpec, pod: JobPod): JobSpec['failureRules'][number]['action'] {
  for (const rule of spec.failureRules) {
    const matches = pod.exits.some(({ container, code }) => {
      if (code === 0 || (rule.container !== null && rule.container !== container)) return false;
      return rule.values.includes(code) === (rule.operator === 'In');
    });
    if (matches) return rule.action;
  }
  return 'Count';
}

function judgeEnd(
  spec: JobSpec,
  pods: readonly JobPod[],
  count: Tally,
  startedMs: number,
  nowMs: number,
  evicted: Text | undefined,
): { outcome: 'succeeded' | 'failed'; why: Text | null } | null {
  if (count.failJob !== null) {
    const code = count.failJob.exits.find((exit) => exit.code !== 0)?.code ?? '?';
    return fail({
      en: `a pod ended with code ${code}, for which its failure policy gives the job up`,
      es: `un pod terminó con código ${code}, por el que su política de fallos abandona el trabajo`,
    });
  }
  if (spec.maxFailedIndexes !== null && count.failedIndexes.size > spec.maxFailedIndexes) {
    return fail({
      en: `${count.failedIndexes.size} indexes failed, and ${spec.maxFailedIndexes} may`,
      es: `fallaron ${count.failedIndexes.size} índices, y pueden fallar ${spec.maxFailedIndexes}`,
    });
  }
  if (isDone(spec, pods, count)) {
    const some = count.failedIndexes.size;
    if (some === 0) return { outcome: 'succeeded', why: null };
    return fail({ en: `${some} indexes failed`, es: `fallaron ${some} índices` });
  }
  // Indexes may have failed by then, as long as others still run: the rule says what is enough.
  if (isEnough(spec, count)) return { outcome: 'succeeded', why: null };
  if (count.failed > spec.backoffLimit) {
    return fail({
      en: `it failed ${count.failed} times, and its backoffLimit is ${spec.backoffLimit}${evicted === undefined ? '' : `; a pod was evicted: ${evicted.en}`}`,
      es: `falló ${count.failed} veces, y su backoffLimit es ${spec.backoffLimit}${evicted === undefined ? '' : `; se expulsó un pod: ${evicted.es}`}`,
    });
  }
  if (spec.activeDeadlineSeconds !== null && nowMs >= startedMs + spec.activeDeadlineSeconds * 1000) {
    return fail({
      en: `it was not done within ${spec.activeDeadlineSeconds} s`,
      es: `no terminó en ${spec.activeDeadlineSeconds} s`,
    });
  }
  return null;
}

function fail(why: Text): { outcome: 'failed'; why: Text } {
  return { outcome: 'failed', why };
}

/** Whether a rule of its success policy holds. */
function isEnough({ successRules }: JobSpec, { doneIndexes }: Tally): boolean {
  return successRules.some(({ indexes, count }) => {
    const done = indexes === null ? [...doneIndexes] : indexes.filter((index) => doneIndexes.has(index));
    return done.length >= (count ?? indexes?.length ?? Number.POSITIVE_INFINITY);
  });
}

/** Whether nothing of it is left to do. */
function isDone({ completions, indexed }: JobSpec, pods: readonly JobPod[], count: Tally): boolean {
  if (completions === null) return count.succeeded > 0 && !pods.some(({ state }) => state === 'active');
  if (!indexed) return count.succeeded >= completions;
  return (
    count.doneIndexes.size + [...count.failedIndexes].filter((one) => !count.doneIndexes.has(one)).length >= completions
  );
}

/** What still needs a pod: indexes that none works on, or places up to the number of completions. */
function* missing(spec: JobSpec, pods: readonly JobPod[], count: Tally): Iterable<number | null> {
  const active = pods.filter(({ state }) => state === 'active');
  if (spec.completions === null) {
    // A queue of work: once one pod has succeeded, no more are started.
    if (count.succeeded === 0) for (let more = active.length; more < spec.parallelism; more++) yield null;
    return;
  }
  if (!spec.indexed) {
    for (let more = active.length + count.succeeded; more < spec.completions; more++) yield null;
    return;
  }
  const taken = new Set([...count.doneIndexes, ...count.failedIndexes, ...active.flatMap(({ index }) => index ?? [])]);
  for (let index = 0; index < spec.completions; index++) if (!taken.has(index)) yield index;
}

/** When the next try may begin after these: failures since the last success count. */
function retryDueMs(pods: readonly JobPod[]): number {
  const ended = pods
    .filter(({ state, endedAtMs }) => state !== 'active' && endedAtMs !== null)
    .sort((a, b) => (b.endedAtMs ?? 0) - (a.endedAtMs ?? 0));
  const firstGood = ended.findIndex(({ state }) => state === 'succeeded');
  const failedInRow = firstGood < 0 ? ended.length : firstGood;
  if (failedInRow === 0) return 0;
  return (ended[0]?.endedAtMs ?? 0) + Math.min(RETRY_MS.first * 2 ** (failedInRow - 1), RETRY_MS.most);
}

/** A clock that is kept right is corrected by less than this, and no run is made twice for it. */
const CLOCK_SET_MS = 120_000;

/** One run of a schedule, as its pods show it. */
export interface CronRun {
  /** Unix time of its schedule in minutes. */
  readonly run: string;
  readonly ended: 'succeeded' | 'failed' | null;
}

export interface CronDecision {
  /** The newest time of the schedule that was looked at. */
  readonly lastMs: number;
  /** The run that starts now. */
  readonly start: string | null;
  /** Runs whose pods are to go: replaced, or older than the history that is kept. */
  readonly drop: readonly string[];
  readonly nextMs: number | null;
}

/**
 * Which run of a schedule starts now and which are forgotten. A host that was away starts at most the newest run that it
 * missed, and only within the starting deadline.
 */
export function decideCron(
  cron: Extract<Controller, { kind: 'cron' }>,
  runs: readonly CronRun[],
  lastMs: number | null,
  nowMs: number,
): CronDecision {
  const schedule = parseCron(cron.schedule);
  // Without memory the pods say which run was last; without pods nothing before now is made up for.
  const newest = Math.max(...runs.map(({ run }) => Number(run) * 60_000));
  let last = Math.max(lastMs ?? Number.NEGATIVE_INFINITY, newest);
  // A time well ahead was looked at before the clock was set back: nothing would run until then.
  if (!Number.isFinite(last) || last - nowMs > CLOCK_SET_MS) last = nowMs;
  const drop = new Set(dropped(cron, runs));
  if (schedule === null) return { lastMs: last, start: null, drop: [...drop], nextMs: null };
  // Kubernetes: what is missed while it is suspended counts as missed, so the newest may be made up for afterwards.
  if (cron.suspend) return { lastMs: last, start: null, drop: [...drop], nextMs: null };
  let due: number | null = null;
  let next = nextCronTime(schedule, last, cron.timeZone);
  // More than a hundred missed times are not counted: the newest is near.
  for (let missed = 0; next !== null && next <= nowMs; missed++) {
    due = next;
    next = nextCronTime(schedule, missed > 100 ? Math.max(next, nowMs - 120_000) : next, cron.timeZone);
  }
  if (due === null) return { lastMs: last, start: null, drop: [...drop], nextMs: next };
  const late = cron.startingDeadlineSeconds !== null && nowMs - due > cron.startingDeadlineSeconds * 1000;
  const going = runs.filter(({ ended }) => ended === null);
  if (going.length > 0 && cron.concurrency === 'Forbid' && !late) {
    // Tried again when the run before has ended, as long as it is not too late.
    return { lastMs: last, start: null, drop: [...drop], nextMs: next };
  }
  if (late) return { lastMs: due, start: null, drop: [...drop], nextMs: next };
  if (cron.concurrency === 'Replace') for (const { run } of going) drop.add(run);
  return { lastMs: due, start: String(Math.round(due / 60_000)), drop: [...drop], nextMs: next };
}

function dropped(cron: Extract<Controller, { kind: 'cron' }>, runs: readonly CronRun[]): string[] {
  const old = (ended: 'succeeded' | 'failed', keep: number): string[] =>
    runs
      .filter((run) => run.ended === ended)
      .sort((a, b) => Number(b.run) - Number(a.run))
      .slice(keep)
      .map(({ run }) => run);
  return [...old('succeeded', cron.successfulHistory), ...old('failed', cron.failedHistory)];
}

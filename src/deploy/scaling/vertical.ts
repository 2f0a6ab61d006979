import type { Text } from '../../system/index.ts';
import type { ContainerSpec, PodSpec, ResourceSpec, ScaledResource, VerticalPolicy, VerticalSpec } from '../model.ts';

/**
 * The recommender of the vertical pod autoscaler as published (kubernetes/autoscaler, "Recommender" and its flags with
 * their defaults): decaying histograms of what containers use, percentiles of them with a margin, and bounds that are
 * wide while little is known. Pure.
 */

/** One sample a container and minute. */
export const SAMPLE_EVERY_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
/** What was used so long ago counts half (`cpu-histogram-decay-half-life`, `memory-histogram-decay-half-life`). */
const HALF_LIFE_MS = DAY_MS;
/** Only the peak of each such span counts for memory (`memory-aggregation-interval`). */
const MEMORY_SPAN_MS = DAY_MS;
const RATIO = 1.05;
/** Smallest difference that is told apart: a hundredth of a core, ten megabytes. */
const FIRST_BUCKET = { cpu: 10, memory: 1e7 } as const;
const BUCKETS = { cpu: bucketsUpTo(10, 1_000_000), memory: bucketsUpTo(1e7, 1e12) } as const;
const PERCENTILE = { lower: 0.5, target: 0.9, upper: 0.95 } as const;
/** `recommendation-margin-fraction` */
const MARGIN = 1.15;
/** Of a whole pod (`pod-recommendation-min-cpu-millicores`, `pod-recommendation-min-memory-mb`). */
const POD_LEAST = { cpu: 25, memory: 250 * 1024 * 1024 } as const;
/** After running out of memory (`oom-bump-up-ratio`, `oom-min-bump-up-bytes`). */
const OUT_OF_MEMORY = { ratio: 1.2, least: 100 * 1024 * 1024 } as const;
/** A pod that runs so long is also changed when it is inside the bounds but off by a tenth (the updater's defaults). */
const LONG_LIVED_MS = 12 * 3_600_000;
const CHANGE_LEAST = 0.1;
/** Weights grow towards now instead of all others shrinking; beyond this they are scaled back. */
const DOUBLINGS_MAX = 100;

/** Weights by bucket. */
export interface Histogram {
  readonly weights: Readonly<Record<string, number>>;
  readonly total: number;
  /** A sample of this instant weighs 1. */
  readonly referenceMs: number;
}

/** All that is remembered of containers of one name. */
export interface UsageHistory {
  readonly cpu: Histogram;
  readonly memory: Histogram;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly samples: number;
  readonly peak: { readonly sinceMs: number; readonly bytes: number } | null;
}

export interface Amounts {
  readonly cpuMillis: number | null;
  readonly memoryBytes: number | null;
}

export interface Recommendation {
  readonly target: Amounts;
  readonly lower: Amounts;
  readonly upper: Amounts;
  /** Without what the author allows. */
  readonly uncapped: Amounts;
}

export function emptyHistory(nowMs: number): UsageHistory {
  const none: Histogram = { weights: {}, total: 0, referenceMs: nowMs };
  return { cpu: none, memory: none, firstMs: nowMs, lastMs: nowMs, samples: 0, peak: null };
}

/** With one more sample. @param sample.requestMillis what the container asked for: a busy large one says more than a small one */
export function addSample(
  history: UsageHistory,
  sample: {
    readonly cpuMillis: number;
    readonly memoryBytes: number;
    readonly requestMillis: number | null;
    readonly ranOutOfMemory: boolean;
  },
  nowMs: number,
): UsageHistory {
  const weight = Math.max(0.1, (sample.requestMillis ?? 0) / 1000);
  const cpu = add(history.cpu, bucketOf('cpu', sample.cpuMillis), weight, nowMs);
  const bytes = sample.ranOutOfMemory
    ? Math.max(sample.memoryBytes * OUT_OF_MEMORY.ratio, sample.memoryBytes + OUT_OF_MEMORY.least)
    : sample.memoryBytes;
  const { peak } = history;
  let { memory } = history;
  let nextPeak = peak;
  if (peak === null || nowMs >= peak.sinceMs + MEMORY_SPAN_MS) {
    memory = add(memory, bucketOf('memory', bytes), 1, nowMs);
    nextPeak = { sinceMs: nowMs, bytes };
  } else if (bytes > peak.bytes) {
    // A higher peak takes the place of the one before.
    memory = add(memory, bucketOf('memory', peak.bytes), -1, peak.sinceMs);
    memory = add(memory, bucketOf('memory', bytes), 1, peak.sinceMs);
    nextPeak = { sinceMs: peak.sinceMs, bytes };
  }
  return { ...history, cpu, memory, peak: nextPeak, lastMs: nowMs, samples: history.samples + 1 };
}

/** What containers with this history should ask for; null while nothing was seen. */
export function recommend(
  history: UsageHistory,
  policy: VerticalPolicy,
  containersOfPod: number,
): Recommendation | null {
  if (history.samples === 0 || !policy.scaled) return null;
  const days = Math.max(SAMPLE_EVERY_MS, history.lastMs - history.firstMs) / DAY_MS;
  const confidence = Math.min(days, history.samples / (DAY_MS / SAMPLE_EVERY_MS));
  const factor = { lower: (1 + 0.001 / confidence) ** -2, target: 1, upper: 1 + 1 / confidence } as const;
  const amounts = (at: keyof typeof PERCENTILE, capped: boolean): Amounts => {
    const one = (resource: ScaledResource): number | null => {
      const bounds = policy[resource];
      if (bounds === null) return null;
      const used = percentile(history[resource], resource, PERCENTILE[at]) * MARGIN * factor[at];
      const least = POD_LEAST[resource] / Math.max(1, containersOfPod);
      const value = Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(Math.max(used, least)));
      if (!capped) return value;
      return Math.max(bounds.least ?? 0, Math.min(bounds.most ?? Number.MAX_SAFE_INTEGER, value));
    };
    return { cpuMillis: one('cpu'), memoryBytes: one('memory') };
  };
  return {
    target: amounts('target', true),
    lower: amounts('lower', true),
    upper: amounts('upper', true),
    uncapped: amounts('target', false),
  };
}

/** A container's resources with a recommendation in them; limits keep their proportion to what is requested. */
export function resized(resources: ResourceSpec, target: Amounts, policy: VerticalPolicy): ResourceSpec {
  const scale = (
    request: number | null,
    limit: number | null,
    wanted: number | null,
  ): { request: number | null; limit: number | null } => {
    if (wanted === null) return { request, limit };
    const base = request ?? limit;
    const follows = limit === null ? null : base === null || base === 0 ? wanted : Math.ceil((limit * wanted) / base);
    // A limit below the request would be refused, and one that stays must not be passed.
    return policy.limits
      ? { request: wanted, limit: follows }
      : { request: limit === null ? wanted : Math.min(wanted, limit), limit };
  };
  const cpu = scale(resources.cpuRequestMillis, resources.cpuLimitMillis, target.cpuMillis);
  const memory = scale(resources.memoryRequestBytes, resources.memoryLimitBytes, target.memoryBytes);
  return {
    cpuRequestMillis: cpu.request,
    cpuLimitMillis: cpu.limit,
    memoryRequestBytes: memory.request,
    memoryLimitBytes: memory.limit,
  };
}

/** Whether a container that has `given` is to be changed towards a recommendation now. */
export function isOff(given: ResourceSpec, advice: Recommendation, livedMs: number): boolean {
  const pairs = [
    [
      given.cpuRequestMillis ?? given.cpuLimitMillis ?? 0,
      advice.lower.cpuMillis,
      advice.target.cpuMillis,
      advice.upper.cpuMillis,
    ],
    [
      given.memoryRequestBytes ?? given.memoryLimitBytes ?? 0,
      advice.lower.memoryBytes,
      advice.target.memoryBytes,
      advice.upper.memoryBytes,
    ],
  ] as const;
  let difference = 0;
  for (const [now, lower, target, upper] of pairs) {
    if (lower === null || target === null || upper === null || now === target) continue;
    if (now < lower || now > upper) return true;
    difference += now === 0 ? 1 : Math.abs(now - target) / now;
  }
  return livedMs >= LONG_LIVED_MS && difference >= CHANGE_LEAST;
}

/** Whether a pod may be made anew for a change, as its author asks (`evictionRequirements`). */
export function meetsRequirements(spec: VerticalSpec, given: ResourceSpec, target: Amounts): boolean {
  return spec.requirements.every(({ resources, higher }) =>
    resources.some((resource) => {
      const now = resource === 'cpu' ? given.cpuRequestMillis : given.memoryRequestBytes;
      const wanted = resource === 'cpu' ? target.cpuMillis : target.memoryBytes;
      return wanted !== null && (higher ? wanted > (now ?? 0) : wanted < (now ?? 0));
    }),
  );
}

/** Containers that run as long as their pod. */
export function scaledContainers(pod: PodSpec): ContainerSpec[] {
  return [...pod.initContainers.filter(({ sidecar }) => sidecar), ...pod.containers];
}

/** Every container, with both resources and no bounds. */
export const ANY_CONTAINER: VerticalPolicy = {
  container: null,
  scaled: true,
  cpu: { least: null, most: null },
  memory: { least: null, most: null },
  limits: true,
};

/** What a VerticalPodAutoscaler may do to one container. */
export function policyOf({ policies }: VerticalSpec, container: string): VerticalPolicy {
  return (
    policies.find((one) => one.container === container) ??
    policies.find((one) => one.container === null) ??
    ANY_CONTAINER
  );
}

/** `updateMode` in words of a status. */
export const MODE_TEXTS: Readonly<Record<VerticalSpec['mode'], Text>> = {
  off: { en: 'only recommends', es: 'solo recomienda' },
  initial: { en: 'for pods that are made anew', es: 'para los pods que se crean' },
  recreate: { en: 'makes pods anew', es: 'rehace los pods' },
  'in-place': { en: 'changes what runs', es: 'cambia lo que está en marcha' },
  'in-place-or-recreate': {
    en: 'changes what runs, else makes it anew',
    es: 'cambia lo que está en marcha o, si no, lo rehace',
  },
};

function add(histogram: Histogram, bucket: number, weight: number, atMs: number): Histogram {
  let { weights, total, referenceMs } = histogram;
  const doublings = (atMs - referenceMs) / HALF_LIFE_MS;
  if (doublings > DOUBLINGS_MAX) {
    const shrink = 2 ** -Math.floor(doublings);
    referenceMs += Math.floor(doublings) * HALF_LIFE_MS;
    weights = Object.fromEntries(
      Object.entries(weights)
        .map(([name, one]) => [name, one * shrink] as const)
        .filter(([, one]) => one > 1e-9),
    );
    total = Object.values(weights).reduce((sum, one) => sum + one, 0);
  }
  const grown = weight * 2 ** ((atMs - referenceMs) / HALF_LIFE_MS);
  const next = Math.max(0, (weights[bucket] ?? 0) + grown);
  return { weights: { ...weights, [bucket]: next }, total: Math.max(0, total + grown), referenceMs };
}

/** Buckets grow by a twentieth each, from the first. */
function bucketOf(resource: ScaledResource, value: number): number {
  const first = FIRST_BUCKET[resource];
  if (value < first) return 0;
  const bucket = Math.floor(Math.log((value * (RATIO - 1)) / first + 1) / Math.log(RATIO));
  return Math.min(BUCKETS[resource] - 1, bucket);
}

function bucketsUpTo(first: number, most: number): number {
  return Math.ceil(Math.log((most * (RATIO - 1)) / first + 1) / Math.log(RATIO)) + 1;
}

function startOf(resource: ScaledResource, bucket: number): number {
  return (FIRST_BUCKET[resource] * (RATIO ** bucket - 1)) / (RATIO - 1);
}

/** The upper end of the bucket in which the percentile lies. */
function percentile(histogram: Histogram, resource: ScaledResource, share: number): number {
  const buckets = Object.entries(histogram.weights)
    .map(([name, weight]) => [Number(name), weight] as const)
    .filter(([, weight]) => weight > 1e-9)
    .sort(([one], [other]) => one - other);
  const threshold = share * histogram.total;
  let sum = 0;
  let found = buckets.at(-1)?.[0] ?? null;
  for (const [bucket, weight] of buckets) {
    sum += weight;
    if (sum >= threshold) {
      found = bucket;
      break;
    }
  }
  if (found === null) return 0;
  return startOf(resource, Math.min(found + 1, BUCKETS[resource] - 1));
}

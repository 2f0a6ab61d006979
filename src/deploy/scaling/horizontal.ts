import type { Text } from '../../system/index.ts';
import type { HorizontalMetric, HorizontalSpec, ScaledResource, ScalingRules } from '../model.ts';

/** How often usage is read and a number of replicas decided (kube-controller-manager, `horizontal-pod-autoscaler-sync-period`). */
export const DECIDE_EVERY_MS = 15_000;
/** The first minutes of a pod say little about its processor (`horizontal-pod-autoscaler-cpu-initialization-period`). */
const CPU_INITIAL_MS = 300_000;
/** A pod that was never ready after so long has only been starting (`horizontal-pod-autoscaler-initial-readiness-delay`). */
const READINESS_DELAY_MS = 30_000;

/** What one container uses: processor in thousandths of a core over `windowMs` up to `atMs`, and its working set. */
export interface ContainerUsage {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly atMs: number;
  readonly windowMs: number;
}

/** One pod as the decision sees it. */
export interface ScaledPod {
  readonly name: string;
  /** `pending`: it has not begun; `gone`: it ended or is being removed. */
  readonly phase: 'running' | 'pending' | 'gone';
  readonly ready: boolean;
  readonly startedAtMs: number | null;
  /** When it last became ready or stopped being so. */
  readonly readySinceMs: number | null;
  readonly containers: readonly {
    readonly name: string;
    /** Null: it could not be measured. */
    readonly usage: ContainerUsage | null;
    readonly requests: { readonly cpu: number | null; readonly memory: number | null };
  }[];
}

interface TimedCount {
  readonly atMs: number;
  readonly replicas: number;
}

/** What a decision needs of earlier ones. `replicas` is what is wanted now. */
export interface HorizontalMemory {
  readonly replicas: number;
  readonly recommendations: readonly TimedCount[];
  /** Pods added and taken away, for the rates of the policies. */
  readonly added: readonly TimedCount[];
  readonly removed: readonly TimedCount[];
}

/** As in the status of a HorizontalPodAutoscaler (autoscaling/v2), with the same types and reasons. */
export interface ScalingCondition {
  readonly type: 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';
  readonly status: boolean;
  readonly reason: string;
  readonly text: Text;
}

export interface MeasuredMetric {
  readonly resource: ScaledResource;
  readonly container: string | null;
  readonly unit: 'percent' | 'millicores' | 'bytes';
  /** Null: it could not be measured. */
  readonly current: number | null;
  readonly target: number;
}

export interface HorizontalDecision {
  readonly memory: HorizontalMemory;
  readonly metrics: readonly MeasuredMetric[];
  readonly conditions: readonly ScalingCondition[];
}

/**
 * The number of replicas after the algorithm of the horizontal pod autoscaler (kubernetes.io, "Algorithm details" and
 * "Configurable scaling behavior"): the greatest of what each metric asks for, held steady over the stabilisation windows,
 * changed no faster than the policies allow, between least and most. Pure.
 */
export function desiredReplicas(
  spec: HorizontalSpec,
  pods: readonly ScaledPod[],
  kept: HorizontalMemory,
  nowMs: number,
): HorizontalDecision {
  const { minReplicas, maxReplicas } = spec;
  // What is still to come was decided before the clock was set back: it would hold every decision until then.
  const past = (list: readonly TimedCount[]): TimedCount[] => list.filter(({ atMs }) => atMs <= nowMs);
  const { added, removed, recommendations } = kept;
  const memory = {
    ...kept,
    ...{ added: past(added), removed: past(removed), recommendations: past(recommendations) },
  };
  const current = memory.replicas;
  const asked = spec.metrics.map((metric) => askMetric(metric, current, pods, spec, nowMs));
  const metrics = asked.map(({ measured }) => measured);
  if (current === 0) {
    return { memory, metrics, conditions: [inactive('ScalingDisabled', TEXTS.disabled)] };
  }
  if (current > maxReplicas || current < minReplicas) {
    const replicas = current > maxReplicas ? maxReplicas : minReplicas;
    const limited =
      current > maxReplicas
        ? limit('TooManyReplicas', TEXTS.most(maxReplicas))
        : limit('TooFewReplicas', TEXTS.least(minReplicas));
    return { memory: remember(spec, memory, replicas, null, nowMs), metrics, conditions: [able(), limited] };
  }
  const known = asked.filter(({ replicas }) => replicas !== null);
  const failed = asked.find(({ replicas }) => replicas === null);
  const proposed = Math.max(...known.map(({ replicas }) => replicas ?? 0));
  // With one metric unknown it may still grow by the others, but not shrink: the unknown one might need what is there.
  if (known.length === 0 || (failed !== undefined && proposed < current)) {
    const reason = failed?.measured.container == null ? 'FailedGetResourceMetric' : 'FailedGetContainerResourceMetric';
    return { memory, metrics, conditions: [able(), inactive(reason, failed?.why ?? TEXTS.nothing)] };
  }
  const history: readonly TimedCount[] =
    memory.recommendations.length === 0 ? [{ atMs: nowMs, replicas: current }] : memory.recommendations;
  const steady = stabilize(spec, current, proposed, history, nowMs);
  const { replicas, limited } = bound(spec, current, steady, memory, nowMs);
  const conditions: ScalingCondition[] = [
    steady === proposed
      ? able()
      : { ...able(), reason: proposed > steady ? 'ScaleUpStabilized' : 'ScaleDownStabilized', text: TEXTS.steady },
    { type: 'ScalingActive', status: true, reason: 'ValidMetricFound', text: TEXTS.active },
    limited,
  ];
  const next = remember(spec, { ...memory, recommendations: history }, replicas, proposed, nowMs);
  return { memory: next, metrics, conditions };
}

interface Asked {
  readonly measured: MeasuredMetric;
  /** Null: it cannot be said. */
  readonly replicas: number | null;
  readonly why: Text | null;
}

/** What one metric asks for. Pods that were not measured, or have just begun, are counted so that they damp the change. */
function askMetric(
  metric: HorizontalMetric,
  current: number,
  pods: readonly ScaledPod[],
  spec: HorizontalSpec,
  nowMs: number,
): Asked {
  const { resource, container, target } = metric;
  const isShare = target.kind === 'utilization';
  const unit = isShare ? 'percent' : resource === 'cpu' ? 'millicores' : 'bytes';
  const wanted = isShare ? target.percent : target.amount;
  const blank = { resource, container, unit, target: wanted } as const;
  const unknown = (why: Text): Asked => ({ measured: { ...blank, current: null }, replicas: null, why });

  const measured = new Map<string, number>();
  const requests = new Map<string, number>();
  const missing = new Set<string>();
  const unready = new Set<string>();
  let readyCount = 0;
  for (const pod of pods) {
    if (pod.phase === 'gone') continue;
    const request = requestOf(pod, resource, container);
    if (isShare && request === null) return unknown(TEXTS.noRequest(resource));
    requests.set(pod.name, request ?? 0);
    const usage = usageOf(pod, resource, container);
    if (pod.phase === 'pending') unready.add(pod.name);
    else if (usage === null) missing.add(pod.name);
    else if (resource === 'cpu' && isStarting(pod, usage, nowMs)) unready.add(pod.name);
    else {
      measured.set(pod.name, usage.value);
      readyCount++;
    }
  }
  if (measured.size === 0) return unknown(TEXTS.nothing);

  const ratioOf = (values: ReadonlyMap<string, number>): { ratio: number; value: number } => {
    const used = [...values.values()].reduce((sum, one) => sum + one, 0);
    const base = isShare
      ? [...values.keys()].reduce((sum, name) => sum + (requests.get(name) ?? 0), 0) / 100
      : values.size;
    const value = base === 0 ? 0 : used / base;
    return { ratio: value / wanted, value };
  };
  const first = ratioOf(measured);
  const answer = (replicas: number): Asked => ({
    measured: { ...blank, current: Math.round(first.value) },
    replicas,
    why: null,
  });
  const growing = first.ratio > 1;
  const tolerance = (growing ? spec.scaleUp : spec.scaleDown).tolerance;
  const damped = growing && unready.size > 0;
  if (!damped && missing.size === 0) {
    return answer(isNear(first.ratio, tolerance) ? current : Math.ceil(tidy(first.ratio * readyCount)));
  }
  const assumed = new Map(measured);
  for (const name of missing) {
    // Before anything is taken away, what is not known is taken to be busy; before anything is added, idle.
    const busy = isShare ? ((requests.get(name) ?? 0) * Math.max(100, wanted)) / 100 : wanted;
    if (first.ratio !== 1) assumed.set(name, growing ? 0 : busy);
  }
  if (damped) for (const name of unready) assumed.set(name, 0);
  const { ratio } = ratioOf(assumed);
  const turned = (growing && ratio < 1) || (first.ratio < 1 && ratio > 1);
  if (isNear(ratio, tolerance) || turned) return answer(current);
  const replicas = Math.ceil(tidy(ratio * assumed.size));
  const against = (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current);
  return answer(against ? current : replicas);
}

function isNear(ratio: number, tolerance: number): boolean {
  return Math.abs(1 - ratio) <= tolerance + Number.EPSILON;
}

/** 2.0000000000000004 pods are 2. */
function tidy(count: number): number {
  return Math.round(count * 1e9) / 1e9;
}

function requestOf(pod: ScaledPod, resource: ScaledResource, container: string | null): number | null {
  let sum = 0;
  for (const { name, requests } of pod.containers) {
    if (container !== null && name !== container) continue;
    if (requests[resource] === null) return null;
    sum += requests[resource];
  }
  return sum === 0 ? null : sum;
}

function usageOf(
  pod: ScaledPod,
  resource: ScaledResource,
  container: string | null,
): { value: number; atMs: number; windowMs: number } | null {
  let value = 0;
  let atMs = Number.POSITIVE_INFINITY;
  let windowMs = 0;
  for (const { name, usage } of pod.containers) {
    if (container !== null && name !== container) continue;
    if (usage === null) return null;
    value += resource === 'cpu' ? usage.cpuMillis : usage.memoryBytes;
    atMs = Math.min(atMs, usage.atMs);
    windowMs = Math.max(windowMs, usage.windowMs);
  }
  return atMs === Number.POSITIVE_INFINITY ? null : { value, atMs, windowMs };
}

/** Whether what the pod uses is still that of its beginning. */
function isStarting(pod: ScaledPod, usage: { atMs: number; windowMs: number }, nowMs: number): boolean {
  const { startedAtMs, readySinceMs, ready } = pod;
  if (startedAtMs === null || readySinceMs === null) return true;
  if (nowMs < startedAtMs + CPU_INITIAL_MS) return !ready || usage.atMs < readySinceMs + usage.windowMs;
  return !ready && readySinceMs < startedAtMs + READINESS_DELAY_MS;
}

function stabilize(
  spec: HorizontalSpec,
  current: number,
  proposed: number,
  history: readonly TimedCount[],
  nowMs: number,
): number {
  let up = proposed;
  let down = proposed;
  for (const { atMs, replicas } of history) {
    if (atMs > nowMs - spec.scaleUp.stabilizationSeconds * 1000) up = Math.min(up, replicas);
    if (atMs > nowMs - spec.scaleDown.stabilizationSeconds * 1000) down = Math.max(down, replicas);
  }
  return Math.min(Math.max(current, up), down);
}

function bound(
  spec: HorizontalSpec,
  current: number,
  desired: number,
  memory: HorizontalMemory,
  nowMs: number,
): { replicas: number; limited: ScalingCondition } {
  const { minReplicas, maxReplicas } = spec;
  if (desired > current) {
    const rate = Math.max(current, fastest(spec.scaleUp, 'up', current, memory, nowMs));
    const most = Math.min(maxReplicas, rate);
    if (desired > most) {
      const limited =
        maxReplicas > rate ? limit('ScaleUpLimit', TEXTS.rate) : limit('TooManyReplicas', TEXTS.most(maxReplicas));
      return { replicas: most, limited };
    }
  } else if (desired < current) {
    const rate = Math.min(current, fastest(spec.scaleDown, 'down', current, memory, nowMs));
    const least = Math.max(minReplicas, rate);
    if (desired < least) {
      const limited =
        minReplicas < rate ? limit('ScaleDownLimit', TEXTS.rate) : limit('TooFewReplicas', TEXTS.least(minReplicas));
      return { replicas: least, limited };
    }
  }
  return { replicas: desired, limited: within() };
}

/** How far the policies of one direction let it go now. */
function fastest(
  rules: ScalingRules,
  direction: 'up' | 'down',
  current: number,
  memory: HorizontalMemory,
  nowMs: number,
): number {
  if (rules.select === 'Disabled') return current;
  const limits = rules.policies.map(({ kind, value, periodSeconds }) => {
    const since = nowMs - periodSeconds * 1000;
    const sum = (list: readonly TimedCount[]): number =>
      list.reduce((total, { atMs, replicas }) => (atMs > since ? total + replicas : total), 0);
    const start = current - sum(memory.added) + sum(memory.removed);
    if (direction === 'up') return kind === 'Pods' ? start + value : Math.ceil(tidy(start * (1 + value / 100)));
    return kind === 'Pods' ? start - value : Math.floor(tidy(start * (1 - value / 100)));
  });
  // "Max" means the greatest change, which is the smallest number on the way down.
  const greatest = (rules.select === 'Max') === (direction === 'up');
  return greatest ? Math.max(...limits) : Math.min(...limits);
}

/** The memory for the next decision; what no window reaches back to is dropped. */
function remember(
  spec: HorizontalSpec,
  memory: HorizontalMemory,
  replicas: number,
  proposed: number | null,
  nowMs: number,
): HorizontalMemory {
  const window = 1000 * Math.max(spec.scaleUp.stabilizationSeconds, spec.scaleDown.stabilizationSeconds);
  const periods = [...spec.scaleUp.policies, ...spec.scaleDown.policies].map(({ periodSeconds }) => periodSeconds);
  const period = 1000 * Math.max(0, ...periods);
  const young = (list: readonly TimedCount[], ms: number): TimedCount[] => list.filter(({ atMs }) => atMs > nowMs - ms);
  const change = replicas - memory.replicas;
  return {
    replicas,
    recommendations: [
      ...young(memory.recommendations, window),
      ...(proposed === null ? [] : [{ atMs: nowMs, replicas: proposed }]),
    ],
    added: [...young(memory.added, period), ...(change > 0 ? [{ atMs: nowMs, replicas: change }] : [])],
    removed: [...young(memory.removed, period), ...(change < 0 ? [{ atMs: nowMs, replicas: -change }] : [])],
  };
}

function able(): ScalingCondition {
  return { type: 'AbleToScale', status: true, reason: 'ReadyForNewScale', text: TEXTS.able };
}

function inactive(reason: string, text: Text): ScalingCondition {
  return { type: 'ScalingActive', status: false, reason, text };
}

function limit(reason: string, text: Text): ScalingCondition {
  return { type: 'ScalingLimited', status: true, reason, text };
}

function within(): ScalingCondition {
  return { type: 'ScalingLimited', status: false, reason: 'DesiredWithinRange', text: TEXTS.within };
}

const TEXTS = {
  able: { en: 'the number of replicas may change', es: 'el número de réplicas puede cambiar' },
  active: { en: 'usage is measured', es: 'el consumo se mide' },
  steady: {
    en: 'an earlier recommendation still counts, so that the number does not swing',
    es: 'una recomendación anterior aún cuenta, para que el número no oscile',
  },
  within: { en: 'the wanted number is within the limits', es: 'el número deseado está dentro de los límites' },
  rate: { en: 'the policies let it change no faster', es: 'las políticas no permiten cambiar más rápido' },
  disabled: {
    en: 'the workload wants no replicas, so nothing is scaled',
    es: 'la carga de trabajo no desea réplicas, así que nada se escala',
  },
  nothing: {
    en: 'no replica could be measured yet',
    es: 'todavía no se pudo medir ninguna réplica',
  },
  most: (count: number): Text => ({
    en: `more would be wanted than maxReplicas, ${count}`,
    es: `se desearían más que maxReplicas, ${count}`,
  }),
  least: (count: number): Text => ({
    en: `fewer would be wanted than minReplicas, ${count}`,
    es: `se desearían menos que minReplicas, ${count}`,
  }),
  noRequest: (resource: ScaledResource): Text => ({
    en: `a container has no resources.requests.${resource}, so there is no share of it to measure`,
    es: `un contenedor no tiene resources.requests.${resource}, así que no hay proporción que medir`,
  }),
} as const;

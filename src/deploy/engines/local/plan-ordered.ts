import { type Controller, resolveAllowance, type Strategy } from '../../model.ts';

/** One pod with a name that stays. */
export interface OrderedPod {
  readonly slot: number;
  readonly specHash: string;
  readonly ready: boolean;
  readonly available: boolean;
  /** Nobody remembers its version any more, so nothing of it can be mended. */
  readonly forgotten?: boolean;
}

export interface OrderedActions<Pod> {
  /** Ordinals to make; `former`: with the spec before, because they lie below the partition. */
  readonly create: readonly { readonly slot: number; readonly former: boolean }[];
  readonly scaledDown: readonly Pod[];
  readonly replaced: readonly Pod[];
}

/**
 * What comes next for pods that have an order: made from the lowest, removed and replaced from the highest, each only
 * when those before it are ready; all at once where the author says so.
 * @param question.coming ordinals that are being made; `going`: pods of the workload that are being removed
 */
export function orderedActions<Pod extends OrderedPod>(question: {
  readonly controller: Extract<Controller, { kind: 'ordered' }>;
  readonly strategy: Strategy;
  readonly replicas: number;
  readonly target: string;
  readonly former: string | null;
  readonly pods: readonly Pod[];
  readonly coming: readonly number[];
  readonly going: number;
}): OrderedActions<Pod> {
  const { controller, strategy, replicas, target, former, pods, coming, going } = question;
  const { start, parallel, partition } = controller;
  const none: OrderedActions<Pod> = { create: [], scaledDown: [], replaced: [] };
  const isInside = ({ slot }: { slot: number }): boolean => slot >= start && slot < start + replicas;
  const outside = pods.filter((pod) => !isInside(pod)).sort((a, b) => b.slot - a.slot);
  const inside = pods.filter(isInside).sort((a, b) => a.slot - b.slot);

  const create: { slot: number; former: boolean }[] = [];
  const bySlot = new Map(inside.map((pod) => [pod.slot, pod]));
  let allReady = true;
  for (let slot = start; slot < start + replicas; slot++) {
    const pod = bySlot.get(slot);
    if (pod === undefined && !coming.includes(slot) && (parallel || allReady)) {
      create.push({ slot, former: slot < partition && former !== null });
    }
    allReady &&= pod?.available === true;
    if (!allReady && !parallel && create.length > 0) break;
  }
  // One after the other: nothing goes while something comes or is not whole yet.
  if (create.length > 0 && !parallel) return { ...none, create: create.slice(0, 1) };
  const scaledDown = parallel
    ? outside
    : going === 0 && allReady
      ? outside.slice(0, 1)
      : outside.filter((pod) => !pod.ready).slice(0, going === 0 ? 1 : 0);
  if (strategy.kind === 'on-delete' || create.length > 0 || coming.length > 0)
    return { create, scaledDown, replaced: [] };
  const old = inside
    .filter(({ slot, specHash, ready, forgotten }) => {
      if (specHash === target) return false;
      return slot >= partition || (forgotten === true && !ready);
    })
    .sort((a, b) => b.slot - a.slot);
  const most =
    strategy.kind === 'rolling' ? Math.max(1, resolveAllowance(strategy.maxUnavailable, replicas, 'up')) : replicas;
  const away = inside.filter(({ available }) => !available).length + going;
  // What is not ready anyway is replaced first and costs nothing.
  const sick = old.filter(({ ready }) => !ready);
  const sound = old.filter(({ ready }) => ready).slice(0, Math.max(0, most - away));
  const replaced = sick.length > 0 ? sick.slice(0, parallel ? sick.length : Math.max(1, most)) : sound;
  return { create, scaledDown, replaced: going >= most ? [] : replaced };
}

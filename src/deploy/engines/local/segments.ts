import { type NetworkPolicy, podRules, type SegmentPod } from '../../../network/index.ts';
import type { Log } from '../../../system/index.ts';
import type { PodSpec, WorkloadKey } from '../../model.ts';
import type { ObservedPod, PodEngine, PodPlace } from './engine.ts';

/** A pod with a network, and what it was made from. */
export interface PlacedPod {
  readonly pod: ObservedPod;
  readonly place: PodPlace;
  readonly key: WorkloadKey;
  readonly spec: PodSpec;
}

/**
 * Keeps the rules inside pods as policies and neighbours want them. A pod gets its rules before its first container
 * starts; what changes among its neighbours reaches it with the next round.
 */
export class Segments {
  readonly #engine: PodEngine;
  readonly #log: Log;
  readonly #loaded = new Map<string, string>();

  constructor(engine: PodEngine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** @throws Fault when the pod would start without the rules that policies ask for */
  async prepare(placed: PlacedPod, others: readonly PlacedPod[], policies: readonly NetworkPolicy[]): Promise<void> {
    this.#loaded.delete(placed.pod.name);
    await this.#load(placed, segmentPods([...others, placed]), policies);
  }

  async follow(placed: readonly PlacedPod[], policies: readonly NetworkPolicy[]): Promise<void> {
    const pods = segmentPods(placed);
    for (const one of placed) {
      try {
        await this.#load(one, pods, policies);
      } catch (error) {
        // Its former rules stand: closed for whom they did not name.
        this.#log.warn(
          { pod: one.pod.name, error: error instanceof Error ? error.message : error },
          'rules not loaded',
        );
      }
    }
    const names = new Set(placed.map(({ pod }) => pod.name));
    for (const name of this.#loaded.keys()) if (!names.has(name)) this.#loaded.delete(name);
  }

  async #load(placed: PlacedPod, pods: readonly SegmentPod[], policies: readonly NetworkPolicy[]): Promise<void> {
    const own = pods.find(({ name }) => name === placed.pod.name);
    if (own === undefined) return;
    const { script, governed } = podRules(own, pods, policies);
    if (this.#loaded.get(own.name) === script) return;
    const { rulesMissing } = await this.#engine.facts();
    // Where nothing can be enforced, only a pod that a policy speaks of is kept from starting; the others say so.
    if (rulesMissing !== null && !governed.ingress && !governed.egress) return;
    await this.#engine.loadRules(placed.pod, script);
    this.#loaded.set(own.name, script);
  }
}

function segmentPods(placed: readonly PlacedPod[]): SegmentPod[] {
  return placed.flatMap(({ pod, place, key, spec }): SegmentPod[] => {
    if (place.segment === null) return [];
    const { project, environment } = key;
    const ports = spec.containers.flatMap((container) => container.ports);
    return [
      { name: pod.name, project, environment, labels: spec.labels, address: place.address, ports, ...place.segment },
    ];
  });
}

import type { Clock } from '../../../system/index.ts';
import {
  type ContainerSpec,
  EMPTY_WANTED,
  hashPodSpec,
  type PodSpec,
  type WantedState,
  type WantedWorkload,
} from '../../model.ts';
import type { ContentStore } from './content-files.ts';

/** Time that passes only when it is told to: sleepers wake in order, each after all work before it is done. */
export class SimulatedClock implements Clock {
  #nowMs: number;
  #serial = 0;
  readonly #sleepers = new Map<number, { atMs: number; wake: () => void }>();

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = startMs;
  }

  /** By how much it was set since. */
  setMs = 0;

  now(): Date {
    return new Date(this.#nowMs + this.setMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const serial = this.#serial++;
      const onAbort = (): void => {
        this.#sleepers.delete(serial);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.set(serial, {
        atMs: this.#nowMs + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      });
    });
  }

  /** Lets `ms` pass; calls `each` after every instant at which something happened. */
  async advance(ms: number, each?: () => void): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await idle();
      let nextMs = Number.POSITIVE_INFINITY;
      for (const { atMs } of this.#sleepers.values()) nextMs = Math.min(nextMs, atMs);
      if (nextMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      for (const [serial, sleeper] of this.#sleepers) {
        if (sleeper.atMs > this.#nowMs) continue;
        this.#sleepers.delete(serial);
        sleeper.wake();
      }
      await idle();
      each?.();
    }
    this.#nowMs = endMs;
    await idle();
  }
}

/** All promises that wait for nothing outside have gone on when the event loop comes round. */
function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Numbers from a seed (mulberry32): the same seed plays the same story. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const NO_FILES: ContentStore = {
  folder: (pod, volume) => `/nowhere/${pod}/${volume}`,
  write: async () => undefined,
  remove: async () => undefined,
  sweep: async () => undefined,
};

export function sampleContainer(more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'main',
    image: `registry.darsena.internal/shop/web@sha256:${'a'.repeat(64)}`,
    command: null,
    args: null,
    workingDir: null,
    env: [],
    ports: [],
    resources: { cpuLimitMillis: null, cpuRequestMillis: null, memoryLimitBytes: null, memoryRequestBytes: null },
    mounts: [],
    startupProbe: null,
    readinessProbe: null,
    livenessProbe: null,
    security: {
      runAsUser: null,
      runAsGroup: null,
      runAsNonRoot: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: false,
      capabilitiesAdd: [],
      capabilitiesDrop: [],
    },
    ...more,
  };
}

export function sampleWorkload(
  name: string,
  version: string,
  more: Partial<WantedWorkload> = {},
  podMore: Partial<PodSpec> = {},
): WantedWorkload {
  const pod: PodSpec = {
    labels: { app: name },
    annotations: {},
    initContainers: [],
    containers: [sampleContainer({ args: [version] })],
    volumes: [],
    terminationGraceSeconds: 5,
    ...podMore,
  };
  return {
    key: { project: 'shop', environment: 'dev', name },
    generation: 1,
    specHash: hashPodSpec(pod),
    pod,
    replicas: 1,
    minReadySeconds: 0,
    strategy: { kind: 'rolling', maxSurge: 1, maxUnavailable: 0 },
    progressDeadlineSeconds: 60,
    previous: null,
    ...more,
  };
}

export function sampleState(workloads: readonly WantedWorkload[], more: Partial<WantedState> = {}): WantedState {
  return { ...EMPTY_WANTED, revision: 1, workloads, ...more };
}

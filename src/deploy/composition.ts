import { createHash } from 'node:crypto';
import type { NetworkPolicy } from '../network/index.ts';
import { canonicalJson, type Json } from '../system/index.ts';
import {
  type ContentData,
  type DisruptionBudget,
  formatKey,
  type WantedListener,
  type WantedRoute,
  type WantedService,
  type WantedState,
  type WantedVolume,
  type WantedWorkload,
} from './model.ts';

/** The generation of what belongs to no release. */
export const RUN = 0;

/** One release of one environment, ready to run: images pinned by digest, references resolved, engine-neutral. */
export interface Composition {
  readonly workloads: readonly Omit<WantedWorkload, 'generation' | 'previous'>[];
  readonly services: readonly WantedService[];
  readonly routes: readonly WantedRoute[];
  readonly listeners?: readonly WantedListener[];
  readonly volumes: readonly WantedVolume[];
  /** Absent in releases from before the platform knew them. */
  readonly policies?: readonly NetworkPolicy[];
  readonly budgets?: readonly DisruptionBudget[];
  readonly contents: Readonly<Record<string, ContentData>>;
}

/** The hash of all that a release is; equal for the same digests and the same settings. */
export function hashComposition(composition: Composition): string {
  const { contents: _contents, ...rest } = composition;
  // Contents are in the workloads by their hashes.
  return `sha256:${createHash('sha256')
    .update(canonicalJson(rest as unknown as Json))
    .digest('hex')}`;
}

export interface ActiveRelease {
  readonly number: number;
  readonly composition: Composition;
  /** The last release of the environment that was available, when it is another one. */
  readonly stable: Composition | null;
  /** The share of the requests that the release gets while it is tried out. */
  readonly canary?: number | null;
}

/** All that a host is asked to run: the active releases of every environment together, and what people run beside them. */
export function wantedState(
  revision: number,
  releases: readonly ActiveRelease[],
  maintenance: WantedState['maintenance'] | null = null,
  runs: readonly Composition[] = [],
): WantedState {
  const contents: Record<string, ContentData> = {};
  const workloads = releases.flatMap(({ number, composition, stable, canary }) => {
    Object.assign(contents, composition.contents);
    return composition.workloads.map((workload): WantedWorkload => {
      const before = stable?.workloads.find((one) => one.key.name === workload.key.name);
      const previous = before === undefined || before.specHash === workload.specHash ? null : before;
      if (previous !== null) Object.assign(contents, stable?.contents);
      return {
        ...workload,
        generation: number,
        ...(canary == null || previous === null ? {} : { canary: { percent: canary } }),
        previous: previous === null ? null : { specHash: previous.specHash, pod: previous.pod },
      };
    });
  });
  const listeners = releases.flatMap(({ composition }) => composition.listeners ?? []);
  const names = new Set(workloads.map(({ key }) => formatKey(key)));
  for (const run of runs) {
    // A release that came later has the name: two workloads of one name would stop everything.
    const own = run.workloads.filter(({ key }) => !names.has(formatKey(key)));
    Object.assign(contents, run.contents);
    workloads.push(...own.map((workload): WantedWorkload => ({ ...workload, generation: RUN, previous: null })));
  }
  return {
    revision,
    workloads,
    services: releases.flatMap(({ composition }) => composition.services),
    routes: releases.flatMap(({ composition }) => composition.routes),
    ...(listeners.length === 0 ? {} : { listeners }),
    volumes: releases.flatMap(({ composition }) => composition.volumes),
    policies: releases.flatMap(({ composition }) => composition.policies ?? []),
    budgets: releases.flatMap(({ composition }) => composition.budgets ?? []),
    ...(maintenance === null ? {} : { maintenance }),
    contents,
  };
}

import type { Text } from '../../../system/index.ts';
import type { VerticalSpec, WorkloadKey } from '../../model.ts';
import type { MeasuredMetric, ScalingCondition } from '../../scaling/horizontal.ts';
import type { Amounts, Recommendation } from '../../scaling/vertical.ts';
import type { ContainerState, Endpoint } from './engine.ts';

export type WorkloadPhase =
  | 'progressing'
  | 'available'
  | 'degraded'
  | 'refused'
  | 'rolled-back'
  | 'stopped'
  /** A few pods of the new version serve their share beside the previous one. */
  | 'canary'
  /** Of what runs to an end: at work, done, given up, waiting for its time, held back. */
  | 'running'
  | 'completed'
  | 'failed'
  | 'scheduled'
  | 'suspended';

export type ConditionType =
  | 'refused'
  | 'start-failed'
  | 'crash-loop'
  | 'deadline-exceeded'
  | 'rolled-back'
  | 'job-failed'
  | 'not-enforced'
  | 'engine-away'
  /** The host is in maintenance: pods that are missing are not made. */
  | 'cordoned'
  /** A pod must go and a budget keeps it. */
  | 'eviction-waits'
  /** Its roll-out is held back by hand. */
  | 'paused';

export interface Condition {
  readonly type: ConditionType;
  /** RFC 3339 */
  readonly since: string;
  readonly text: Text;
}

export type ReplicaPhase =
  | 'starting'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'stopping'
  | 'broken'
  | 'succeeded'
  | 'failed';

/** What one probe of a container said last. */
export interface ProbeState {
  readonly kind: 'startup' | 'readiness' | 'liveness';
  /** `waiting`: not asked yet, or what comes before it is not over. */
  readonly state: 'waiting' | 'passing' | 'failing';
  /** What the last answer said, of one that fails. */
  readonly why: string | null;
}

export interface ReplicaContainer {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  readonly digest: string | null;
  readonly state: ContainerState;
  readonly pid: number | null;
  readonly attempt: number;
  /** Absent: it has no probes, or does not run. */
  readonly probes?: readonly ProbeState[];
}

export interface ReplicaStatus {
  readonly name: string;
  readonly podId: string;
  readonly specHash: string;
  readonly phase: ReplicaPhase;
  readonly ready: boolean;
  readonly restarts: number;
  readonly startedAt: string | null;
  readonly lastExit: { readonly code: number; readonly at: string } | null;
  /** Why it is taken away, where nobody asked for that. */
  readonly leaving?: Text;
  readonly containers: readonly ReplicaContainer[];
}

/** What one workload is like on this host. `specHash` is the wanted one; `updated` counts the replicas that have it. */
export interface WorkloadStatus {
  readonly key: WorkloadKey;
  readonly specHash: string;
  readonly generation: number;
  readonly phase: WorkloadPhase;
  readonly wanted: number;
  readonly ready: number;
  readonly updated: number;
  readonly conditions: readonly Condition[];
  readonly replicas: readonly ReplicaStatus[];
  /** Of what runs to an end: pods at work, successes, failures, and when a schedule comes next (RFC 3339). */
  readonly job?: {
    readonly active: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly next: string | null;
  };
  /** The last decision about the number of replicas. */
  readonly horizontal?: HorizontalStatus;
  /** What its containers should ask for, as far as their usage shows. */
  readonly vertical?: VerticalStatus;
}

export interface HorizontalStatus {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** What was decided. */
  readonly replicas: number;
  readonly metrics: readonly MeasuredMetric[];
  readonly conditions: readonly ScalingCondition[];
  readonly lastScale: {
    /** RFC 3339 */
    readonly at: string;
    readonly from: number;
    readonly to: number;
  } | null;
}

export interface VerticalStatus {
  readonly name: string;
  readonly mode: VerticalSpec['mode'];
  readonly containers: readonly (Recommendation & {
    readonly name: string;
    /** What its running containers were given last. */
    readonly given: Amounts;
    readonly samples: number;
  })[];
  /** Why what is recommended was not given, where that is so. */
  readonly waits: Text | null;
  readonly lastChange: { readonly at: string; readonly container: string; readonly to: Amounts } | null;
}

/** Where the ready replicas behind one port of a service are reached from this host: what the edge sends requests to. */
export interface ServiceEndpoints {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly port: number;
  readonly portName: string | null;
  /** `weight`: the share of requests beside the others, 0 to 256. @default 100 */
  readonly endpoints: readonly (Endpoint & { readonly pod: string; readonly weight?: number })[];
}

import type { Text } from '../../../system/index.ts';
import type { WorkloadKey } from '../../model.ts';
import type { ContainerState, Endpoint } from './engine.ts';

export type WorkloadPhase =
  | 'progressing'
  | 'available'
  | 'degraded'
  | 'refused'
  | 'rolled-back'
  | 'stopped'
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
  | 'engine-away';

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

export interface ReplicaContainer {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  readonly digest: string | null;
  readonly state: ContainerState;
  readonly pid: number | null;
  readonly attempt: number;
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

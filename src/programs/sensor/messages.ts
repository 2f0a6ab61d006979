/** What the sensor's two threads and the agent say to each other. Over the socket each is one line of JSON. */
import type { Finding, RuleScope, Tuning } from '../../detect/live.ts';
import type { ContainerFacts } from '../../events/index.ts';
import type { Coverage, KernelReach, OwnPlace, RecordedContainer } from '../../observe/index.ts';
import type { ContainerGuard } from '../../prevent/guard.ts';
import type { NamedAddresses } from './name-watch.ts';

/** What is not seen for as long as a live patch of the kernel goes in or out, and then is. */
export const WATCHED_SOON = 'calls that nothing watched until now';

/** The agent's word of one container; more members may come and are not looked at. */
export type ContainerWord = Partial<ContainerFacts> & { readonly id: string; readonly pid?: number | null };

export interface RuleWord {
  readonly file: string;
  readonly text: string;
  /** Where its rules count; everywhere without it. */
  readonly scope?: RuleScope;
}

/** Somebody looks: what of the events, and in which form. */
export interface WatchOrder {
  readonly id: string;
  /** Events of containers of these projects; null: of all, and of none. */
  readonly projects: readonly string[] | null;
  readonly environment: string | null;
  readonly workload: string | null;
  /** In the rules' language, without macros; empty: everything. */
  readonly filter: string;
  /** Whether they may see command lines and arguments. */
  readonly arguments: boolean;
  /** Lines for people, or records for a recording. */
  readonly form: 'lines' | 'records';
  /** Events a second that whoever looks has room for, where that is less than what is shown anybody. */
  readonly most?: number | null;
}

export type FromAgent =
  | { readonly type: 'containers'; readonly containers: readonly ContainerWord[] }
  /**
   * New rules: texts, paths, or neither to read the configured paths again; then those of one's own, and what is known
   * harmless. `revision` comes back with the answer.
   */
  | {
      readonly type: 'rules';
      readonly files?: readonly RuleWord[];
      readonly paths?: readonly string[];
      readonly own?: readonly RuleWord[];
      readonly tunings?: readonly Tuning[];
      readonly revision?: string;
    }
  /** Everything up to this `seq` is safe with the agent. */
  | { readonly type: 'ack'; readonly seq: number }
  /** What is forbidden in which container; nothing else is. */
  | { readonly type: 'guards'; readonly guards: readonly ContainerGuard[] }
  | { readonly type: 'watch'; readonly watch: WatchOrder }
  | { readonly type: 'unwatch'; readonly id: string }
  /** Whether the agent keeps what happens for the questions of later. */
  | { readonly type: 'keep'; readonly on: boolean }
  | RecordWord;

/** System calls of containers are recorded from the first `begin` to the last `end`; each is answered by `recorded`. */
export interface RecordWord {
  readonly type: 'record';
  readonly id: string;
  readonly step: 'begin' | 'read' | 'end';
}

export type ToWorker =
  | {
      readonly type: 'containers';
      readonly containers: readonly ContainerFacts[];
      /** Where the engine put them, as far as it is known. */
      readonly places: ReadonlyMap<string, OwnPlace>;
    }
  | {
      readonly type: 'rules';
      readonly files: readonly RuleWord[];
      readonly tunings: readonly Tuning[];
      readonly revision: string | null;
    }
  | { readonly type: 'guards'; readonly guards: readonly ContainerGuard[] }
  /** Where the names of hosts lead that the rules speak of. */
  | { readonly type: 'names'; readonly found: NamedAddresses }
  /** Whether two files that were given to be compared have the same bytes. */
  | { readonly type: 'compared'; readonly id: number; readonly isSame: boolean }
  | { readonly type: 'watch'; readonly watch: WatchOrder }
  /** Null: nobody looks any more. */
  | { readonly type: 'unwatch'; readonly id: string | null }
  | { readonly type: 'keep'; readonly on: boolean }
  | RecordWord
  /** The agent that asked for recordings went away. */
  | { readonly type: 'record-none' }
  | { readonly type: 'stop' };

export interface RuleSummary {
  readonly name: string;
  readonly priority: string;
  readonly off: string | null;
}

export type FromWorker =
  | {
      readonly type: 'ready';
      readonly coverage: Coverage;
      /** The programs went on recording since the last sensor: what happened meanwhile is judged late, and not missed. */
      readonly resumed: boolean;
    }
  | {
      readonly type: 'rules';
      /** As the agent named them; null for those that the sensor started with. */
      readonly revision: string | null;
      readonly accepted: boolean;
      /** The first mistake, with its place. */
      readonly reason: string | null;
      readonly rules: RuleSummary[];
      readonly findings: Finding[];
    }
  /** Two descriptors of this process, to be compared; they stay the asker's, who closes them with the answer. */
  | { readonly type: 'compare'; readonly id: number; readonly image: number; readonly own: number }
  /** An alert as JSON text already: it is made once, where the event is. */
  | {
      readonly type: 'alert';
      readonly matchedNs: number;
      readonly json: string;
      /** The reading thread wrote it to the agent already. */
      readonly told: boolean;
    }
  | {
      readonly type: 'stats';
      readonly events: number;
      readonly seen: Readonly<Record<string, number>>;
      readonly lost: Readonly<Record<string, number>>;
      /** From the act to the end of its handling, of the last event; 0 when there was none since the last word. */
      readonly lagMs: number;
      readonly processes: number;
      /** Events judged without word of their container, because too many waited. */
      readonly hurried: number;
      /** Alerts held back since the start, by rule, because one container raised too many. */
      readonly heldBack: Readonly<Record<string, number>>;
      /** Alerts that a tuning kept back since the rules were loaded, by its id. */
      readonly tuned: Readonly<Record<string, number>>;
    }
  /** Names of hosts that the rules at work speak of. */
  | { readonly type: 'host-names'; readonly names: readonly string[] }
  /** How far the kernel goes with what is forbidden. */
  | ({ readonly type: 'guarded' } & KernelReach)
  /** Containers that nobody named to the sensor. */
  | { readonly type: 'strangers'; readonly ids: readonly string[] }
  /** Between these times (RFC 3339) events were lost. */
  | { readonly type: 'gap'; readonly from: string; readonly to: string }
  /** Whether somebody's look began; `why` when it did not. */
  | {
      readonly type: 'watching';
      readonly watch: string;
      readonly why: string | null;
      readonly missing: Coverage['missing'];
    }
  /** Of `seen` events that held since the last, `dropped` are not in `body`: JSON, lines or records in base64. */
  | {
      readonly type: 'activity';
      readonly watch: string;
      readonly seen: number;
      readonly dropped: number;
      readonly body: string;
    }
  /** A batch of a recording in base64, for what the host keeps; `missing`: events before it that could not be kept. */
  | {
      readonly type: 'kept';
      readonly lane: 'others' | 'opens';
      readonly firstMs: number;
      readonly lastMs: number;
      readonly events: number;
      readonly missing: number;
      readonly body: string;
    }
  /** `why` when nothing is recorded; at `begin` there are no containers yet. */
  | {
      readonly type: 'recorded';
      readonly id: string;
      readonly step: RecordWord['step'];
      readonly why: string | null;
      readonly lost: number;
      readonly containers: readonly RecordedContainer[];
    }
  | { readonly type: 'fault'; readonly code: string; readonly text: string; readonly exitCode: number };

export interface WorkerStart {
  /** Where the agent takes alerts straight from the reading thread. */
  readonly alertSocket: string;
  readonly doorbell: number;
  /** Batches of activity that the main thread has not taken yet; it counts down. */
  readonly onTheWay: Int32Array;
  readonly instance: string;
  /** `fallback`: what can be seen without BPF programs, even where they can be had. */
  readonly source: 'bpf' | 'fallback';
  readonly scope: 'instance' | 'all';
  readonly hostToo: boolean;
  readonly rules: readonly RuleWord[];
  readonly processRingBytes: number | null;
  readonly openRingBytes: number | null;
  readonly pins: string | null;
}

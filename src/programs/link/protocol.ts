import type { SourceCommit } from '../../build/index.ts';
import type { WantedState, WorkloadStatus } from '../../deploy/index.ts';
import type { RuleText, Tuning } from '../../detect/index.ts';
import type { KeptQuestion } from '../../detect/try-kept.ts';
import type { BenchTask, ModuleTask, PatchTask, ProfileTask, RebootTask, ShieldTask } from '../../host/index.ts';
import type { Denial, EdgeCertificate, IssuedCertificate, Refusal, WorkloadFlow } from '../../network/index.ts';
import type { HostPrevention, PreventionOrder, Stranger } from '../../prevent/index.ts';
import type { StepUpdate } from '../../progress/index.ts';
import { Fault, type FaultKind, type FaultParams, type FaultText, type Json, type Text } from '../../system/index.ts';
import type { PackedSignatures, SignedRecord } from '../../trust/index.ts';
import type { FormatAnswer, FormatAsk, VolumeKeys, VolumeTask } from '../../volumes/index.ts';

/**
 * What control and agent say to each other. The agent dials (mutual TLS) and upgrades one connection to this protocol:
 * JSON lines in both directions. Streams of bytes (an interactive exec, logs) go over connections of their own.
 */
export const LINK_PROTOCOL = 'darsena-agent/1';
export const SESSION_PROTOCOL = 'darsena-session/1';

/** What the signed wanted state of a host is called in its signature. */
export const WANTED_TYPE = 'application/vnd.darsena.wanted.v1+json';
export interface BuildTask {
  readonly kind: 'build';
  /** `project/image` */
  readonly repository: string;
  readonly tags: readonly string[];
  readonly containerfile: string | null;
  readonly args: Readonly<Record<string, string>>;
  /** A stage of the Containerfile. */
  readonly target: string | null;
  readonly commit: SourceCommit | null;
  /** Seconds since 1970; null: 0. */
  readonly sourceDateEpoch: number | null;
  readonly platform: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** By their ids, in base64; in no log. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What to ask control for: the canonical tar of the context folder. */
  readonly sourceId: string;
  readonly registryToken: string;
}

export interface BaseTask {
  readonly kind: 'base';
  readonly release: string;
  readonly include: readonly string[];
  readonly name: string | null;
  readonly registryToken: string;
}

/** What holds a container without ending it; each has its way back. */
export interface ContainTask {
  readonly kind: 'contain';
  readonly action: 'pause' | 'unpause' | 'isolate' | 'unisolate';
  readonly containerId: string;
}

/** Looks at a container and sends what it finds over a session; answers the signed manifest. */
export interface EvidenceTask {
  readonly kind: 'evidence';
  readonly session: string;
  readonly id: string;
  readonly containerId: string;
  readonly incident: number | null;
  readonly requestedBy: string;
  readonly reason: string | null;
  /** Leaves the container paused afterwards. */
  readonly keepPaused: boolean;
  /** Copies the files that the container changed, not only their names and hashes. */
  readonly copyFiles: boolean;
  readonly packetSeconds: number;
}

/** Shows what happens on the host while the session is open. Control checked who may see what of it. */
export interface ActivityTask {
  readonly kind: 'activity';
  readonly session: string;
  /** Only in containers of these projects; null: all that the sensor sees. */
  readonly projects: readonly string[] | null;
  readonly environment: string | null;
  readonly workload: string | null;
  /** In the rules' language; empty: everything. */
  readonly filter: string;
  /** With command lines and arguments of calls. */
  readonly arguments: boolean;
  /** Lines for people, or the records of a recording. */
  readonly form: 'lines' | 'records';
  /** Events a second at most; what is more is counted. Null: as many as the sensor shows anybody. */
  readonly most: number | null;
}

/** Tries rules on what the host kept of its last days. Control checked who may see what of it. */
export interface KeptRulesTask extends KeptQuestion {
  readonly kind: 'kept-rules';
}

/** Requests that the edge answered or passed on, as they are in memory; null: of every project. */
export interface EdgeLogTask {
  readonly kind: 'edge-log';
  readonly project: string | null;
  readonly environment: string | null;
  readonly service: string | null;
  readonly refused: boolean;
  /** What an earlier answer named. */
  readonly after: string | null;
  readonly tail: number;
}

/** Performs harmless acts in a container made for it, or ends that container. */
export interface DrillTask {
  readonly kind: 'drill';
  readonly step: 'perform' | 'end';
  /** Names the container to the sensor, so that what it raises is told from what really happens. */
  readonly id: string;
  /** Names of shipped rules, each with its act. */
  readonly rules: readonly string[];
}

export type HostTask =
  | KeptRulesTask
  | EdgeLogTask
  | BuildTask
  | BaseTask
  | PatchTask
  | ShieldTask
  | BenchTask
  | ModuleTask
  | ProfileTask
  | VolumeTask
  | RebootTask
  /** Ends a container that the platform did not start, as the host named it. */
  | { readonly kind: 'foreign-stop'; readonly id: string; readonly started: number }
  | { readonly kind: 'kill'; readonly containerId: string; readonly pid: number | null }
  /** Asks a container to end, and forces it when the grace is over. */
  | { readonly kind: 'stop'; readonly containerId: string; readonly graceSeconds: number }
  | ContainTask
  | EvidenceTask
  | ActivityTask
  /** The builder of the host makes itself another key; answers its public part. */
  | { readonly kind: 'builder-key' }
  | DrillTask
  | {
      readonly kind: 'exec';
      readonly session: string;
      readonly containerId: string;
      readonly command: readonly string[];
      readonly tty: boolean;
      readonly size: TerminalSize | null;
      readonly env: Readonly<Record<string, string>>;
      readonly user: string | null;
      readonly workingDir: string | null;
    }
  | {
      readonly kind: 'logs';
      readonly session: string;
      readonly containerId: string;
      readonly follow: boolean;
      readonly tail: number | null;
      /** RFC 3339 */
      readonly since: string | null;
      readonly until: string | null;
    }
  /** Adds a container to the pod of another one, joined from its first breath and gone with its connection. */
  | {
      readonly kind: 'debug';
      readonly session: string;
      /** Whose pod and whose processes it shares. */
      readonly containerId: string;
      /** One container, as a WantedWorkload; read where it is taken. */
      readonly workload: unknown;
      /** That it may start, signed. */
      readonly verdicts: readonly SignedRecord[];
      readonly signatures: Readonly<Record<string, PackedSignatures>>;
      readonly size: TerminalSize | null;
    }
  /** Joins the container's first process; what it wrote before comes first. */
  | {
      readonly kind: 'attach';
      readonly session: string;
      readonly containerId: string;
      readonly size: TerminalSize | null;
    }
  | { readonly kind: 'stats'; readonly containerIds: readonly string[] }
  | { readonly kind: 'top'; readonly containerId: string }
  | { readonly kind: 'diff'; readonly containerId: string }
  /** A tar of a file or folder of the container. */
  | { readonly kind: 'copy-out'; readonly session: string; readonly containerId: string; readonly path: string }
  /** A tar into a folder of the container. */
  | { readonly kind: 'copy-in'; readonly session: string; readonly containerId: string; readonly path: string }
  /** Connections to these ports of the container's pod and no others. */
  | {
      readonly kind: 'forward';
      readonly session: string;
      readonly containerId: string;
      readonly ports: readonly number[];
    };

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Tasks that open a session of bytes. */
export type SessionTask = Extract<HostTask, { readonly session: string }>;

export type ToAgent =
  | { readonly type: 'welcome'; readonly host: string; readonly registryToken: string }
  | {
      readonly type: 'wanted';
      /** A WantedState signed by control under WANTED_TYPE. */
      readonly record: SignedRecord;
      /** Signed verdicts of the start door: one for each image of each spec that may start. */
      readonly verdicts: readonly SignedRecord[];
      /** What lies beside each image (`project/image@digest`) and could sign it, for the agent to verify by itself. */
      readonly signatures: Readonly<Record<string, PackedSignatures>>;
      /** Whom to believe: a HostPolicy signed by control under HOST_POLICY_TYPE. */
      readonly trust: SignedRecord;
      /** What control's keys said of their successors, oldest first, for a host that pinned one of them. */
      readonly successions: readonly SignedRecord[];
    }
  | {
      readonly type: 'edge-settings';
      /** Of the published domain, from the platform's authority. */
      readonly certificate: IssuedCertificate;
      /** Of the institution, or from an ACME authority. */
      readonly own: readonly EdgeCertificate[];
      /** Balancers in front, whose PROXY protocol is believed. */
      readonly proxies: readonly string[];
      /** By which requests are known to be the platform's own looks at its edge; null: there are none. */
      readonly probe: string | null;
      /** What is refused by decision of people, beside the manifests. */
      readonly denials: readonly Pick<Denial, 'project' | 'environment' | 'service' | 'networks' | 'paths'>[];
    }
  /** Detection rules beside those that come with the platform, and what is known harmless. */
  | {
      readonly type: 'rules';
      readonly revision: string;
      readonly files: readonly RuleText[];
      readonly tunings: readonly Tuning[];
    }
  /** What may not run or be opened in which containers. */
  | ({ readonly type: 'prevention' } & PreventionOrder)
  | { readonly type: 'registry-token'; readonly token: string }
  /** Keys of encrypted volumes, for the host's memory and nothing else. */
  | VolumeKeys
  | FormatAnswer
  | { readonly type: 'task'; readonly id: string; readonly task: HostTask }
  | { readonly type: 'cancel'; readonly id: string }
  | { readonly type: 'alert-stored'; readonly id: string }
  /** Control cannot read it and never will: it is not sent again. */
  | { readonly type: 'alert-refused'; readonly id: string }
  | { readonly type: 'ping' };

export interface EdgeRefusals {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly reason: Refusal;
  readonly requests: number;
  /** The first few of them. */
  readonly clients: readonly string[];
  readonly paths: readonly string[];
}

export interface SensorState {
  readonly state: 'ok' | 'absent' | 'down';
  readonly detail: Text | null;
  readonly coverage: { readonly programs: readonly string[]; readonly missing: readonly { what: string; why: Text }[] };
  readonly lost: Readonly<Record<string, number>>;
  readonly events: number;
  readonly since: string;
  /** The set of rules of one's own that is at work; null before the first, or where it was refused. */
  readonly rules: { readonly revision: string; readonly accepted: boolean } | null;
  /** How often each tuning kept an alert back since the sensor started, by its id. */
  readonly tuned: Readonly<Record<string, number>>;
}

export interface HostFacts {
  readonly name: string;
  readonly mode: 'root' | 'rootless';
  readonly kernel: { readonly release: string; readonly version: string };
  readonly engine: {
    readonly name: string;
    readonly version: string;
    readonly runtime: string;
    readonly rootless: boolean;
    /** Those that workloads may ask for; `missing`: why this one is not to be had here. */
    readonly runtimes: readonly { readonly name: string; readonly missing: Text | null }[];
    /** What an engine of this kind cannot do, with the reason. */
    readonly lacks: Readonly<Record<string, Text>>;
  };
  readonly cgroup: 'v1' | 'v2' | 'hybrid';
  readonly adaptations: readonly { readonly code: string; readonly text: Text }[];
  /** PEM public key of the builder on this host: signs provenance and images that it built. */
  readonly builderKey: string;
}

export type StepOperation =
  | { readonly op: 'step'; readonly step: number; readonly parent: number; readonly title: Text }
  | { readonly op: 'update'; readonly step: number; readonly update: StepUpdate }
  | { readonly op: 'note'; readonly step: number; readonly text: Text }
  | { readonly op: 'done'; readonly step: number; readonly detail: Text | null }
  | { readonly op: 'fail'; readonly step: number; readonly detail: Text };

export type ToControl =
  | { readonly type: 'host'; readonly facts: HostFacts }
  | { readonly type: 'sensor'; readonly sensor: SensorState }
  /** How strongly this host follows prevention policies. */
  | { readonly type: 'guards'; readonly prevention: HostPrevention }
  /** All containers here that the platform did not start. */
  | { readonly type: 'strangers'; readonly strangers: readonly Stranger[] }
  /** MachineFacts of the host room: unread when they come. */
  | { readonly type: 'machine'; readonly facts: unknown }
  /** ModuleSight of the host room: unread when it comes. */
  | { readonly type: 'modules'; readonly sight: unknown }
  | { readonly type: 'engine'; readonly state: 'ok' | 'down'; readonly detail: Text | null }
  | { readonly type: 'edge'; readonly state: 'ok' | 'degraded' | 'down'; readonly detail: Text | null }
  /** Whether the host's resolvers leave the questions of pods without an answer. */
  | { readonly type: 'names'; readonly isAway: boolean }
  /** What the edge answered by itself since the last such message. */
  | { readonly type: 'edge-refused'; readonly items: readonly EdgeRefusals[] }
  /** Connections since the last such message. */
  | { readonly type: 'flows'; readonly flows: readonly WorkloadFlow[] }
  | {
      readonly type: 'status';
      readonly revision: number;
      readonly workloads: readonly WorkloadStatus[];
      readonly whole: boolean;
    }
  /** `stations` are for figures, see stations.ts. Both are unread when they come. */
  | { readonly type: 'alert'; readonly alert: unknown; readonly stations?: unknown }
  | {
      readonly type: 'fact';
      readonly kind: string;
      readonly subject: string;
      readonly project: string | null;
      readonly digest: string | null;
      readonly body: Json;
    }
  | { readonly type: 'task-step'; readonly id: string; readonly step: StepOperation }
  | { readonly type: 'task-done'; readonly id: string; readonly value: Json }
  | { readonly type: 'task-failed'; readonly id: string; readonly fault: SerializedFault }
  /** The agent does not follow what control sent: another key signed it, or it cannot be read. */
  | { readonly type: 'wanted-refused'; readonly why: Text }
  | FormatAsk
  | { readonly type: 'pong' };

export type { WantedState };

export interface SerializedFault {
  readonly code: string;
  readonly kind: FaultKind;
  readonly params: FaultParams;
  readonly details: Json;
  readonly en: FaultText;
  readonly es: FaultText;
}

/** A fault on its way to the other side; an unexpected error becomes an internal fault that keeps only its message. */
export function serializeFault(error: unknown, internalCode: string): SerializedFault {
  if (error instanceof Fault) {
    const { code, kind, params, details } = error;
    return { code, kind, params, details, en: error.text('en'), es: error.text('es') };
  }
  const why = error instanceof Error ? error.message : String(error);
  return {
    code: internalCode,
    kind: 'internal',
    params: {},
    details: null,
    en: { what: 'the agent failed', why, remedy: 'darsena logs agent' },
    es: { what: 'el agente falló', why, remedy: 'darsena logs agent' },
  };
}

export function reviveFault(fault: SerializedFault): Fault {
  // The texts are filled already: braces in a value must not be read as places again, so no params go in.
  const revived = new Fault(
    fault.code,
    { kind: fault.kind, en: fault.en, es: fault.es },
    {},
    { details: fault.details },
  );
  return Object.assign(revived, { params: fault.params });
}

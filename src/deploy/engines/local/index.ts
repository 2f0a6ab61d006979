export { ContentFiles, type ContentStore } from './content-files.ts';
export { CriEngine, type CriOptions } from './cri/cri.ts';
export type {
  ContainerEngine,
  Endpoint,
  EngineFacts,
  EngineLack,
  EngineVolume,
  ExecOrder,
  ExecSession,
  LiveSession,
  LogLine,
  LogOptions,
  ObservedPod,
  PodPlace,
  RegistryCredentials,
} from './engine.ts';
export { engineFault } from './errors.ts';
export { LABEL, type PodIdentity, podName, readCount, readPodIdentity } from './labels.ts';
export { MemoryEngine, type MemoryOptions } from './memory.ts';
export { EMPTY_MEMORY, type PlanMemory, plan } from './plan.ts';
export { removePodCgroups } from './pod-cgroups.ts';
export { PodmanEngine, type PodmanOptions, type TightenSeccomp } from './podman.ts';
export { type AskProbe, type ProbeOutcome, realProbes } from './probes.ts';
export { purgeInstance } from './purge.ts';
export {
  type ClaimStorage,
  type MemoryStore,
  Reconciler,
  type ReconcilerOptions,
  type StartGate,
} from './reconcile.ts';
export { type RuntimeFacts, runscWrapper } from './runtimes.ts';
export type { PodFlow } from './segments.ts';
export type {
  Condition,
  ConditionType,
  HorizontalStatus,
  ProbeState,
  ReplicaContainer,
  ReplicaStatus,
  ServiceEndpoints,
  VerticalStatus,
  WorkloadPhase,
  WorkloadStatus,
} from './status.ts';
export { readUsage, type UsageReading } from './usage.ts';
export { BoundParts, type VolumeParts } from './volume-parts.ts';
export { parseWantedState, parseWantedWorkload } from './wanted-reader.ts';

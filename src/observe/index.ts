export type { OwnPlace } from './containers.ts';
export { observeFault } from './errors.ts';
export { FallbackProbe, removeFallback } from './fallback.ts';
export type { HookReach, KernelDenial, KernelGuard, KernelMet, KernelReach } from './kernel-guards.ts';
export { removePins } from './kernel-part.ts';
export { KernelShut, type ShutMeans, type ShutState } from './kernel-shut.ts';
export { type Coverage, type KernelCounts, Probe, type ProbeOptions } from './probe.ts';
export { CallRecorder, type RecordedContainer } from './recorder.ts';
export { type EventHandler, Watcher, type WatcherOptions } from './watcher.ts';

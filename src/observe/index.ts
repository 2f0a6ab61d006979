export { observeFault } from './errors.ts';
export { removePins } from './kernel-part.ts';
export { type Coverage, type KernelCounts, Probe, type ProbeOptions } from './probe.ts';
export { type EventHandler, Watcher, type WatcherOptions } from './watcher.ts';

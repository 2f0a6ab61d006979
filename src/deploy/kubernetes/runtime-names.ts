import type { RuntimeClass } from '../model.ts';

/** gVisor is known by its own name and by that of its program. */
export function runtimeOf(name: string): RuntimeClass {
  return name === 'gvisor' ? 'runsc' : (name as RuntimeClass);
}

import { setTimeout as delay } from 'node:timers/promises';
import type { HookAction } from '../../model.ts';
import type { Endpoint, InsideEngine } from './engine.ts';
import { engineFault } from './errors.ts';
import { askHttp } from './probes.ts';

/** Kubernetes has no limit for a hook but the grace; one after the start that hangs would hold its pod for ever. */
export const POST_START_MS = 600_000;

/**
 * Does what an author asks for right after the start of a container or before its end.
 * @throws Fault deploy.hook-failed, or what the engine says
 */
export async function runHook(
  inside: InsideEngine,
  hook: HookAction,
  target: {
    readonly containerId: string;
    readonly container: string;
    endpoint(port: number): Promise<Endpoint | null>;
  },
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { container } = target;
  switch (hook.kind) {
    case 'sleep':
      await delay(Math.min(hook.seconds * 1000, timeoutMs), undefined, { signal });
      return;
    case 'exec': {
      const { exitCode, output } = await inside.exec(target.containerId, hook.command, timeoutMs, signal);
      if (exitCode !== 0) {
        throw engineFault('deploy.hook-failed', { container, why: `exit code ${exitCode} ${output.slice(0, 200)}` });
      }
      return;
    }
    case 'http': {
      const endpoint = await target.endpoint(hook.port);
      if (endpoint === null)
        throw engineFault('deploy.hook-failed', { container, why: `port ${hook.port} is not reached` });
      const outcome = await askHttp(endpoint, hook, timeoutMs, signal);
      if (outcome.kind !== 'success') {
        throw engineFault('deploy.hook-failed', {
          container,
          why: outcome.kind === 'failure' ? outcome.text : 'it could not be asked',
        });
      }
    }
  }
}

/** A hook as a container's label holds it; null when it is none or damaged. */
export function readHook(label: string | undefined): HookAction | null {
  if (label === undefined) return null;
  try {
    const hook = JSON.parse(label) as HookAction;
    return ['exec', 'http', 'sleep'].includes(hook.kind) ? hook : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

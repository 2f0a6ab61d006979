import { runCommand } from '../../system/index.ts';
import type { Instance } from '../setup/instance.ts';
import { killFault } from './kill.ts';

const ID = /^[0-9a-f]{64}$/;
const ASK_MS = 20_000;

/** A container of this instance, as its engine tells it now. */
export interface OwnContainer {
  readonly id: string;
  /** Of its main process; 0 when it does not run. */
  readonly pid: number;
  readonly paused: boolean;
  /** The id of its pod; empty for one without. */
  readonly pod: string;
}

/** What the engine's command line needs around it. */
export function engineEnvironment(instance: Instance): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...instance.podman.environment };
}

/**
 * Asks the engine for a container, and answers only for one of this instance: what else runs on the host is nobody's
 * business here. Null when it is gone.
 * @throws Fault agent.not-ours
 */
export async function findOwnContainer(id: string, instance: Instance): Promise<OwnContainer | null> {
  if (!ID.test(id)) throw killFault('agent.not-ours', { id: id.slice(0, 64), instance: instance.name });
  // The label last: a foreign image may have put spaces into its own.
  const format = '{{.State.Pid}} {{.State.Paused}} {{.Pod}} {{index .Config.Labels "darsena.instance"}}';
  const inspected = await runCommand('podman', ['inspect', '--type', 'container', '--format', format, id], {
    env: engineEnvironment(instance),
    timeoutMs: ASK_MS,
  });
  if (inspected.code !== 0) return null;
  const [pid, paused, pod = '', ...owner] = inspected.stdout.replace(/\n$/, '').split(' ');
  if (owner.join(' ') !== instance.name) throw killFault('agent.not-ours', { id, instance: instance.name });
  return { id, pid: Number(pid), paused: paused === 'true', pod };
}

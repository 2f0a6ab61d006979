import type { ContainerEngine } from '../../deploy/engines/local/index.ts';
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

/** The ids of all containers of this instance, those that hold pods together included. @throws Error when the engine does not answer */
export async function ownContainerIds(instance: Instance, engine: Pick<ContainerEngine, 'list'>): Promise<Set<string>> {
  // A CRI server has no command line, and Podman beside it knows nothing of its pods.
  if (instance.cri !== undefined)
    return new Set((await engine.list()).flatMap(({ id, containers }) => [id, ...containers.map((one) => one.id)]));
  const label = `label=darsena.instance=${instance.name}`;
  const options = { env: engineEnvironment(instance), timeoutMs: ASK_MS };
  const [containers, pods] = await Promise.all([
    runCommand('podman', ['ps', '--all', '--no-trunc', '--filter', label, '--format', '{{.ID}}'], options),
    runCommand('podman', ['pod', 'ps', '--no-trunc', '--filter', label, '--format', '{{.InfraID}}'], options),
  ]);
  for (const { code, stderr } of [containers, pods]) if (code !== 0) throw new Error(stderr.trim().slice(0, 300));
  return new Set(`${containers.stdout}\n${pods.stdout}`.split('\n').filter((id) => ID.test(id)));
}

/**
 * Asks the engine for a container, and answers only for one of this instance: what else runs on the host is nobody's
 * business here. Null when it is gone.
 * @throws Fault agent.not-ours
 */
export async function findOwnContainer(
  id: string,
  instance: Instance,
  engine?: ContainerEngine,
): Promise<OwnContainer | null> {
  if (!ID.test(id)) throw killFault('agent.not-ours', { id: id.slice(0, 64), instance: instance.name });
  if (instance.cri !== undefined) return await findInList(id, engine);
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

/** A CRI server has no command line: its list holds what is of this instance, and nothing else. */
async function findInList(id: string, engine: ContainerEngine | undefined): Promise<OwnContainer | null> {
  for (const pod of (await engine?.list()) ?? []) {
    const found = pod.containers.find((container) => container.id === id);
    if (found !== undefined) return { id, pid: found.pid ?? 0, paused: found.state === 'paused', pod: pod.id };
  }
  return null;
}

import { defineFaults, type Json, runCommand } from '../../system/index.ts';
import type { ContainTask } from '../link/protocol.ts';
import type { Instance } from '../setup/instance.ts';
import { engineEnvironment, findOwnContainer, type OwnContainer } from './own-container.ts';

export const containFault = defineFaults({
  'agent.contain-failed': {
    kind: 'unavailable',
    en: { what: '{action} failed on the container {id}', why: '{why}' },
    es: { what: '{action} falló en el contenedor {id}', why: '{why}' },
  },
  'agent.container-gone': {
    kind: 'not-found',
    en: { what: 'the container {id} does not run', why: 'it ended or was replaced', remedy: 'darsena ps' },
    es: { what: 'el contenedor {id} no está en marcha', why: 'acabó o fue sustituido', remedy: 'darsena ps' },
  },
});

const ACT_MS = 20_000;

/** A table of its own beside the policies' one: neither knows the other, and taking it away restores what was. */
const TABLE = 'darsena_isolation';

/**
 * Closes every way in and out but the loopback, connections that stand included: before connection tracking looks (raw
 * is -300), so that nothing established lives on.
 */
const CLOSE = `table inet ${TABLE} {}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain in { type filter hook input priority -310; policy drop; iif "lo" accept; }
  chain out { type filter hook output priority -310; policy drop; oif "lo" accept; }
  chain through { type filter hook forward priority -310; policy drop; }
}
`;
const OPEN = `table inet ${TABLE} {}
delete table inet ${TABLE}
`;

/**
 * Pauses a container (the kernel's cgroup freezer), lets it go on, closes the network of its pod or opens it again. Doing
 * it twice is doing it once.
 * @returns `{ changed }`: whether anything had to be done
 * @throws Fault agent.not-ours, agent.container-gone, agent.contain-failed
 */
export async function contain(task: ContainTask, instance: Instance): Promise<Json> {
  const { action, containerId: id } = task;
  const found = await findOwnContainer(id, instance);
  if (found === null || found.pid === 0) throw containFault('agent.container-gone', { id: id.slice(0, 12) });
  switch (action) {
    case 'pause':
    case 'unpause':
      return { changed: await setPaused(found, action === 'pause', instance) };
    case 'isolate':
    case 'unisolate':
      return { changed: await setIsolated(found, action === 'isolate', instance) };
  }
}

/** @returns false when it was so already. @throws Fault agent.contain-failed */
export async function setPaused(container: OwnContainer, paused: boolean, instance: Instance): Promise<boolean> {
  if (container.paused === paused) return false;
  const action = paused ? 'pause' : 'unpause';
  const { id } = container;
  const done = await runCommand('podman', [action, id], { env: engineEnvironment(instance), timeoutMs: ACT_MS });
  if (done.code !== 0)
    throw containFault('agent.contain-failed', { action, id: id.slice(0, 12), why: done.stderr.trim().slice(0, 300) });
  return true;
}

async function setIsolated(container: OwnContainer, isolated: boolean, instance: Instance): Promise<boolean> {
  if ((await isIsolated(container, instance)) === isolated) return false;
  const done = await nft(container, instance, ['-f', '-'], isolated ? CLOSE : OPEN);
  if (done.code !== 0) {
    const [action, why] = [isolated ? 'isolate' : 'unisolate', done.stderr.trim().slice(0, 300)];
    throw containFault('agent.contain-failed', { action, id: container.id.slice(0, 12), why });
  }
  return true;
}

/** Whether the network of the container's pod is closed by us. @throws Fault agent.contain-failed */
export async function isIsolated(container: OwnContainer, instance: Instance): Promise<boolean> {
  const { code, stderr } = await nft(container, instance, ['list', 'table', 'inet', TABLE], '');
  if (code === 0) return true;
  if (stderr.includes('No such file or directory')) return false;
  const why = stderr.trim().slice(0, 300);
  throw containFault('agent.contain-failed', { action: 'isolate', id: container.id.slice(0, 12), why });
}

/** In the network namespace of the container, with the rights that its owner has there. */
function nft({ pid }: OwnContainer, { mode }: Instance, words: readonly string[], input: string) {
  const enter = mode === 'rootless' ? ['--user', '--preserve-credentials', '--net'] : ['--net'];
  return runCommand('nsenter', ['--target', String(pid), ...enter, 'nft', ...words], { input, timeoutMs: ACT_MS });
}

import { readdir, readFile } from 'node:fs/promises';
import type { ContainerEngine } from '../../deploy/engines/local/index.ts';
import { defineFaults, type Json, runCommand } from '../../system/index.ts';
import type { HostTask } from '../link/protocol.ts';
import type { Instance } from '../setup/instance.ts';
import { engineEnvironment, findOwnContainer } from './own-container.ts';

export const killFault = defineFaults({
  'agent.not-ours': {
    kind: 'forbidden',
    en: { what: 'the container {id} is not stopped', why: 'it does not belong to the instance {instance}' },
    es: { what: 'el contenedor {id} no se detiene', why: 'no pertenece a la instancia {instance}' },
  },
  'agent.kill-failed': {
    kind: 'unavailable',
    en: { what: 'killing in the container {id} failed', why: '{why}' },
    es: { what: 'no se pudo terminar en el contenedor {id}', why: '{why}' },
  },
});

const KILL_MS = 20_000;
/** How long a command may take to end by itself when its terminal is gone: an editor saves in less. */
const HANG_UP_MS = 500;
/** Files of threads that are open at a time: a program may have ten thousands, and one that could not be opened would hide its children. */
const THREADS_AT_ONCE = 32;

/**
 * Ends the offending process with everything below it, or, when no process is named or its main process is the one, the
 * whole container: the reconciler then starts a fresh one from the image. A process is killed only if it is in that
 * container, because pids are used again; one that has ended costs the service nothing.
 * @throws Fault agent.not-ours, agent.kill-failed
 */
export async function killInContainer(
  task: Extract<HostTask, { kind: 'kill' }>,
  instance: Instance,
  engine: ContainerEngine,
): Promise<Json> {
  const { containerId: id, pid } = task;
  const found = await findOwnContainer(id, instance, engine);
  if (found === null) return { killed: 'nothing', why: 'the container is gone' };
  const main = found.pid;
  if (pid !== null && pid !== main) {
    const tree = await processTree(pid, id);
    if (tree.length === 0) return { killed: 'nothing', why: 'the process is gone' };
    for (const one of tree) signal(one, 'SIGKILL');
    return { killed: 'processes', pids: tree };
  }
  if (instance.cri !== undefined) {
    await engine.stopContainer(id, 0);
    return { killed: 'container', id };
  }
  const killed = await runCommand('podman', ['kill', '--signal', 'KILL', id], {
    env: engineEnvironment(instance),
    timeoutMs: KILL_MS,
  });
  if (killed.code !== 0 && !/not running|no such container|can only kill running/i.test(killed.stderr)) {
    throw killFault('agent.kill-failed', { id, why: killed.stderr.trim().slice(0, 300) });
  }
  return { killed: 'container', id };
}

/**
 * Ends a command whose terminal is gone, with everything below it: told so first (SIGHUP, as a terminal does), then
 * killed. Only what is in that container, because pids are used again.
 */
export async function hangUp(pid: number, containerId: string): Promise<void> {
  for (const one of await processTree(pid, containerId)) signal(one, 'SIGHUP');
  await new Promise((resolve) => setTimeout(resolve, HANG_UP_MS));
  for (const one of await processTree(pid, containerId)) signal(one, 'SIGKILL');
}

/** The process and all below it that are in the container's cgroup, children first. */
async function processTree(pid: number, containerId: string): Promise<number[]> {
  if (!(await isInside(pid, containerId))) return [];
  const found: number[] = [];
  const visit = async (one: number): Promise<void> => {
    for (const child of await childrenOf(one)) await visit(child);
    if (await isInside(one, containerId)) found.push(one);
  };
  await visit(pid);
  return found;
}

/** Of every thread: the kernel lists a child below the thread that made it (proc_pid_task(5)). */
async function childrenOf(pid: number): Promise<number[]> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const children: number[] = [];
    for (let at = 0; at < threads.length; at += THREADS_AT_ONCE) {
      const lists = await Promise.all(
        threads
          .slice(at, at + THREADS_AT_ONCE)
          .map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
      );
      for (const list of lists) children.push(...list.trim().split(/\s+/).filter(Boolean).map(Number));
    }
    return children;
  } catch {
    // It ended meanwhile: nothing to end.
    return [];
  }
}

async function isInside(pid: number, containerId: string): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(containerId);
  } catch {
    // No such process.
    return false;
  }
}

function signal(pid: number, name: 'SIGHUP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

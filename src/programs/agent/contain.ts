import { readFile, readlink } from 'node:fs/promises';
import type { AskProbe, ContainerEngine } from '../../deploy/engines/local/index.ts';
import { defineFaults, type Json, runCommand, writeFileAtomic } from '../../system/index.ts';
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

/** Pods remembered as closed: more than a host runs. */
const ISOLATIONS_MAX = 2_000;

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
 * @returns `changed`: whether anything had to be done; of what takes something back also `gone`: there is nothing of it left
 * @throws Fault agent.not-ours, agent.container-gone, agent.contain-failed
 */
export async function contain(
  task: ContainTask,
  instance: Instance,
  isolations: Isolations,
  engine: ContainerEngine,
): Promise<Json> {
  const { action, containerId: id } = task;
  const gone = (): Error => containFault('agent.container-gone', { id: id.slice(0, 12) });
  const found = await findOwnContainer(id, instance, engine);
  const runs = found !== null && found.pid !== 0 ? found : null;
  if (action === 'unisolate') {
    // The network is the pod's: it stays closed when the container is replaced, and is opened through whoever is there now.
    const pod = await isolations.podOf(id);
    const through = runs ?? (pod === null ? null : await anyContainerOf(pod, instance, engine));
    const changed = through !== null && (await setIsolated(through, false, instance));
    const gone = through === null;
    // Only now: what could not be opened can be asked for again.
    await isolations.forget(id);
    return { changed, gone };
  }
  // What was stopped went with a restart of the machine, or was replaced: nothing is left to let go.
  if (runs === null && action === 'unpause') return { changed: false, gone: true };
  if (runs === null) throw gone();
  if (action !== 'isolate') return { changed: await setPaused(runs, action === 'pause', instance) };
  await isolations.keep(id, runs.pod);
  return { changed: await setIsolated(runs, true, instance) };
}

/** Which pods were closed by way of which container, on disk: containers come and go within a pod. */
export class Isolations {
  readonly #path: string;
  /** One change after the other: each reads the whole file and writes it anew. */
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async podOf(containerId: string): Promise<string | null> {
    return (await this.#read())[containerId] ?? null;
  }

  keep(containerId: string, pod: string): Promise<void> {
    return this.#change((kept) => ({ ...kept, [containerId]: pod }));
  }

  forget(containerId: string): Promise<void> {
    return this.#change(({ [containerId]: _gone, ...rest }) => rest);
  }

  #change(change: (kept: Record<string, string>) => Record<string, string>): Promise<void> {
    const mine = this.#last.then(async () => this.#write(change(await this.#read())));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #read(): Promise<Record<string, string>> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as Record<string, string>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
  }

  #write(kept: Record<string, string>): Promise<void> {
    const newest = Object.entries(kept).slice(-ISOLATIONS_MAX);
    return writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(newest)), { mode: 0o600 });
  }
}

/** A container of the pod that runs, the infrastructure's included: they share the network. */
async function anyContainerOf(pod: string, instance: Instance, engine: ContainerEngine): Promise<OwnContainer | null> {
  if (instance.cri !== undefined) {
    const there = (await engine.list()).find(({ id }) => id === pod)?.containers.find(({ pid }) => pid !== null);
    return there === undefined ? null : { id: there.id, pid: there.pid ?? 0, paused: false, pod };
  }
  const { code, stdout } = await runCommand(
    'podman',
    ['ps', '--no-trunc', '--format', '{{.ID}} {{.Pid}}', '--filter', `pod=${pod}`],
    {
      env: engineEnvironment(instance),
      timeoutMs: ACT_MS,
    },
  );
  const [id, pid] = stdout.trim().split('\n')[0]?.split(' ') ?? [];
  return code !== 0 || id === undefined || !(Number(pid) > 0) ? null : { id, pid: Number(pid), paused: false, pod };
}

/**
 * Asks the probes of a container, and takes a failure of one whose network we closed for what it is: not ready, so that
 * it gets no requests, and alive, so that nobody ends what is being looked into.
 */
export function probesBesideIsolation(ask: AskProbe, instance: Instance, engine?: ContainerEngine): AskProbe {
  return async (target, probe, signal) => {
    const outcome = await ask(target, probe, signal);
    if (outcome.kind !== 'failure' || probe.action.kind === 'exec' || probe === target.container.readinessProbe)
      return outcome;
    const found = await findOwnContainer(target.containerId, instance, engine).catch(() => null);
    const closed = found !== null && found.pid > 0 && (await isIsolated(found, instance).catch(() => false));
    return closed ? { kind: 'unknown' } : outcome;
  };
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

/** In the network namespace of the container, with the rights that its owner has there. @throws Fault agent.contain-failed */
async function nft({ id, pid }: OwnContainer, { mode }: Instance, words: readonly string[], input: string) {
  const [inside, outside] = await Promise.all([networkOf(pid), networkOf('self')]);
  // A pid that was used again, or a pod in the host's network: closing that would close the host, and nobody could open it.
  if (inside === null || inside === outside)
    throw containFault('agent.contain-failed', {
      action: 'isolate',
      id: id.slice(0, 12),
      why: 'it has no network of its own',
    });
  const enter = mode === 'rootless' ? ['--user', '--preserve-credentials', '--net'] : ['--net'];
  return runCommand('nsenter', ['--target', String(pid), ...enter, 'nft', ...words], { input, timeoutMs: ACT_MS });
}

/** Which network namespace a process is in; null when it is gone. */
async function networkOf(pid: number | 'self'): Promise<string | null> {
  try {
    return await readlink(`/proc/${pid}/ns/net`);
  } catch {
    return null; // it ended meanwhile
  }
}

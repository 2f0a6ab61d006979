import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CriEngine } from '../../deploy/engines/local/index.ts';
import { REGISTRY_NAME } from '../../oci/index.ts';
import { type Text, writeFileAtomic } from '../../system/index.ts';
import { setupFault } from './errors.ts';
import { type Instance, instanceFiles, LOOPBACK, type Mode } from './instance.ts';

/** What `--engine` may say. */
export type EngineChoice = { readonly kind: 'podman' } | { readonly kind: 'cri'; readonly socket: string };

/**
 * `podman`, or `cri://` and the absolute path of a server's socket.
 * @throws Fault setup.engine-choice
 */
export function parseEngine(text: string): EngineChoice {
  if (text === 'podman') return { kind: 'podman' };
  const socket = /^cri:\/\/(\/[A-Za-z0-9._/-]{1,100})$/.exec(text)?.[1];
  // A socket path may have 107 bytes (unix(7)).
  if (socket === undefined || socket.split('/').includes('..')) throw setupFault('setup.engine-choice', { text });
  return { kind: 'cri', socket };
}

/** The engine of an instance stays the one of its first `up`: pods of another would be nobody's. @throws Fault setup.engine-fixed */
export function requireSameEngine(known: Instance, choice: EngineChoice | null): void {
  if (choice === null) return;
  const wanted = choice.kind === 'cri' ? choice.socket : null;
  const has = known.cri?.socket ?? null;
  if (wanted === has) return;
  const engine = has === null ? 'podman' : `cri://${has}`;
  throw setupFault('setup.engine-fixed', { name: known.name, engine });
}

/** Asks the server before anything is changed. @throws Fault setup.cri-root, setup.cri-unusable */
export async function checkCri(choice: EngineChoice | null, mode: Mode): Promise<Text | null> {
  if (choice === null || choice.kind === 'podman') return null;
  if (mode === 'rootless') throw setupFault('setup.cri-root', { socket: choice.socket });
  const engine = new CriEngine({ socketPath: choice.socket, instance: 'none', folder: '/nonexistent' });
  try {
    const { name, version } = await engine.facts();
    return { en: `${name} ${version}`, es: `${name} ${version}` };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw setupFault('setup.cri-unusable', { socket: choice.socket, reason }, { cause });
  } finally {
    engine.close();
  }
}

/**
 * Tells a CRI server where our registry is and by which authority: in the folder that it reads for each pull
 * (containerd, docs/hosts.md), so that it need not be started anew.
 * @throws Fault setup.cri-registry when it is configured without one, setup.cri-taken
 */
export async function tellRegistry(instance: Instance, ca: string): Promise<void> {
  if (instance.cri === undefined) return;
  const file = await hostsFile(instance);
  const former = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (former !== null && !former.startsWith(mark(instance)))
    throw setupFault('setup.cri-taken', { socket: instance.cri.socket, path: file });
  const address = `https://${LOOPBACK}:${instance.ports.console}`;
  const text = [
    mark(instance),
    `server = "${address}"`,
    `[host."${address}"]`,
    '  capabilities = ["pull", "resolve"]',
    `  ca = ${JSON.stringify(join(file, '..', 'ca.pem'))}`,
    '',
  ].join('\n');
  await mkdir(join(file, '..'), { recursive: true, mode: 0o755 });
  await writeFileAtomic(join(file, '..', 'ca.pem'), ca, { mode: 0o644 });
  await writeFileAtomic(file, text, { mode: 0o644 });
}

/** What `up` wrote beside the server's settings, and the pods of the instance. @returns how many pods, or null without a server */
export async function removeFromCri(instance: Instance): Promise<number | null> {
  if (instance.cri === undefined) return null;
  const engine = openCri(instance);
  try {
    const pods = await engine.list();
    for (const { id } of pods) await engine.removePod(id);
    for (const { id } of await engine.listEmptyPods()) await engine.removePod(id);
    for (const { name } of await engine.listNetworks()) await engine.removeNetwork(name);
    return pods.length;
  } finally {
    engine.close();
  }
}

/** Images of our registry and the way to it: only the last of an instance takes them away. */
export async function forgetRegistry(instance: Instance): Promise<number> {
  if (instance.cri === undefined) return 0;
  const engine = openCri(instance);
  try {
    const removed = await engine.removeImages(`${REGISTRY_NAME}/`);
    const file = await hostsFile(instance);
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.startsWith(mark(instance))) await rm(join(file, '..'), { recursive: true, force: true });
    return removed;
  } finally {
    engine.close();
  }
}

export function openCri(instance: Instance): CriEngine {
  const socketPath = instance.cri?.socket ?? '';
  const folder = join(instanceFiles(instance).agent.folder, 'cri');
  return new CriEngine({ socketPath, instance: instance.name, folder });
}

async function hostsFile(instance: Instance): Promise<string> {
  const engine = openCri(instance);
  try {
    const folder = await engine.registryFolder();
    const isThere =
      folder !== null &&
      (await stat(folder).then(
        (one) => one.isDirectory(),
        () => false,
      ));
    if (folder !== null && isThere) return join(folder, REGISTRY_NAME, 'hosts.toml');
    throw setupFault('setup.cri-registry', { socket: instance.cri?.socket ?? '', folder: folder ?? '-' });
  } finally {
    engine.close();
  }
}

function mark(instance: Instance): string {
  return `# Written by darsena up of the instance ${instance.name}.`;
}

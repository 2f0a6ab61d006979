import { lstat, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BoundParts, LABEL, readCount, removePodCgroups } from '../../deploy/engines/local/index.ts';
import { REGISTRY_NAME } from '../../oci/index.ts';
import { type Clock, runCommand, type Text } from '../../system/index.ts';
import { releaseMounts } from '../../volumes/index.ts';
import { engineEnvironment } from '../agent/own-container.ts';
import { removeCredentials, sudoAccount } from '../cli/credentials.ts';
import { disableAtBoot } from './boot.ts';
import { removeCutCopies } from './code.ts';
import { forgetRegistry, removeFromCri } from './cri.ts';
import { storedPlace } from './database.ts';
import { setupFault } from './errors.ts';
import { CODE_ROOT, type Instance, instanceFiles, instanceFolders, instancesOfRoot } from './instance.ts';
import { unmarkPorts } from './port-marks.ts';
import { endProcess, listProcesses } from './processes.ts';
import { ROLES, removeUser, userName } from './users.ts';

/** The label that every object of an instance in an engine carries. */
export const INSTANCE_LABEL = 'darsena.instance';

/** Objects in Podman that carry the label, by kind; what has no label of ours is never listed. */
export interface EngineObjects {
  readonly pods: readonly OwnedPod[];
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export interface OwnedPod {
  readonly id: string;
  /** What its manifest gives it to end, and never more than somebody waits for who takes everything away. */
  readonly graceSeconds: number;
}

const NO_OBJECTS: EngineObjects = { pods: [], containers: [], networks: [], volumes: [] };

const ENGINE_TIMEOUT_MS = 120_000;
const PROCESS_GRACE_MS = 3_000;
/** Podman 4 builds it on the machine itself, a tag for each of its versions; later versions need none. */
const PAUSE_IMAGE = /^localhost\/podman-pause:/;
const PODS_AT_ONCE = 8;
const GRACE_SECONDS_MAX = 10;

type Labelled = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/** Of what an engine lists, the names that this instance owns: the label decides, never the name. */
export function ownedNames(instance: string, objects: readonly Labelled[]): string[] {
  return objects.filter(({ labels }) => labels[INSTANCE_LABEL] === instance).map(({ name }) => name);
}

/** The same of pods, each with its time to end: a program that hears no signal would use up more for nothing. */
export function ownedPods(instance: string, objects: readonly Labelled[]): OwnedPod[] {
  return objects
    .filter(({ labels }) => labels[INSTANCE_LABEL] === instance)
    .map(({ name, labels }) => {
      const own = LABEL.grace in labels ? readCount(labels, LABEL.grace) : GRACE_SECONDS_MAX;
      return { id: name, graceSeconds: Math.min(own, GRACE_SECONDS_MAX) };
    });
}

/** An image in a storage that other instances and other people use too. */
export interface StoredImage {
  readonly id: string;
  readonly digest: string;
  readonly names: readonly string[];
  readonly createdAtMs: number;
}

/**
 * Of the images in a shared storage, the names that go with the instance: those of the platform's registry that no other
 * instance holds and no container of somebody else runs from; and the image that Podman made itself for the first pod,
 * when that was in the instance's time and no pod needs it any more (Podman makes it anew when one does).
 */
export function ownedImages(
  images: readonly StoredImage[],
  others: {
    readonly usedIds: ReadonlySet<string>;
    readonly heldDigests: ReadonlySet<string>;
    readonly instanceSinceMs: number;
  },
): string[] {
  return images
    .filter(({ id }) => !others.usedIds.has(id))
    .flatMap(({ names, digest, createdAtMs }) =>
      names.filter((name) => {
        if (PAUSE_IMAGE.test(name)) return createdAtMs > others.instanceSinceMs;
        const named = /@(sha(?:256|512):[0-9a-f]+)$/.exec(name)?.[1] ?? digest;
        return name.startsWith(`${REGISTRY_NAME}/`) && !others.heldDigests.has(named);
      }),
    );
}

/** nftables tables named after the instance: `darsena-test`, `darsena_test`, or these followed by `:` and a subject. */
export function ownedTables(
  prefix: string,
  tables: readonly { readonly family: string; readonly name: string }[],
): { family: string; name: string }[] {
  const names = new Set([prefix, prefix.replaceAll('-', '_')]);
  return tables.filter(({ name }) => names.has(name.split(':')[0] ?? ''));
}

const listed = z.array(
  z.looseObject({
    Id: z.string().optional(),
    id: z.string().optional(),
    Name: z.string().optional(),
    name: z.string().optional(),
    Names: z.array(z.string()).nullish().or(z.string()),
    Labels: z.record(z.string(), z.string()).nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
);

const listedImages = z.array(
  z.looseObject({
    Id: z.string(),
    Digest: z.string().nullish(),
    Names: z.array(z.string()).nullish(),
    // Seconds since 1970.
    Created: z.number(),
  }),
);
const listedContainers = z.array(
  z.looseObject({ ImageID: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
);

/** Image names that go with the instance, after its own containers were removed. */
export async function findOwnedImages(instance: Instance): Promise<string[]> {
  const list = async <T>(args: readonly string[], schema: z.ZodType<T[]>): Promise<T[]> => {
    const { code, stdout } = await podman(instance, [...args, '--format', 'json']);
    return code !== 0 || stdout.trim() === '' ? [] : (schema.nullable().parse(JSON.parse(stdout)) ?? []);
  };
  const images = (await list(['images', '--all'], listedImages)).map(
    ({ Id, Digest, Names, Created }): StoredImage => ({
      id: Id,
      digest: Digest ?? '',
      names: Names ?? [],
      createdAtMs: Created * 1_000,
    }),
  );
  const containers = await list(['ps', '--all'], listedContainers);
  const usedIds = new Set(
    containers.filter(({ Labels }) => Labels?.[INSTANCE_LABEL] !== instance.name).map(({ ImageID }) => ImageID),
  );
  const neighbours = instance.mode === 'rootless' ? [] : await otherInstances(instance);
  const heldDigests = new Set<string>();
  for (const digest of images.flatMap(({ digest, names }) => [
    digest,
    ...names.map((name) => name.split('@')[1] ?? ''),
  ])) {
    for (const { data } of neighbours) if (await holdsContent(data, digest)) heldDigests.add(digest);
  }
  return ownedImages(images, { usedIds, heldDigests, instanceSinceMs: Date.parse(instance.createdAt) });
}

/** Whether an instance's registry holds this content: it would pull it again, and may be about to start it. */
async function holdsContent(data: string, digest: string): Promise<boolean> {
  const [, algorithm, hex] = /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(digest) ?? [];
  if (algorithm === undefined || hex === undefined) return false;
  const { blobs } = instanceFiles({ data, run: '', logs: '' }).control;
  return exists(join(blobs, 'blobs', algorithm, hex.slice(0, 2), hex));
}

/** What the instance owns in its engine now; images apart, which have no label. */
export async function findEngineObjects(instance: Instance): Promise<EngineObjects> {
  const filter = ['--filter', `label=${INSTANCE_LABEL}=${instance.name}`, '--format', 'json'];
  const find = async (args: readonly string[], key: 'id' | 'name'): Promise<Labelled[]> => {
    const { code, stdout } = await podman(instance, args);
    if (code !== 0 || stdout.trim() === '') return [];
    const objects = (listed.parse(JSON.parse(stdout)) ?? []).map((object) => ({
      name: (key === 'id' ? (object.Id ?? object.id) : (object.Name ?? object.name)) ?? '',
      labels: object.Labels ?? object.labels ?? {},
    }));
    return objects.filter(({ name }) => name !== '');
  };
  return {
    pods: ownedPods(instance.name, await find(['pod', 'ls', ...filter], 'id')),
    containers: ownedNames(instance.name, await find(['ps', '--all', ...filter], 'id')),
    networks: ownedNames(instance.name, await find(['network', 'ls', ...filter], 'name')),
    volumes: ownedNames(instance.name, await find(['volume', 'ls', ...filter], 'name')),
  };
}

/** Stops and removes pods, containers and networks; volumes stay. @returns what was removed */
export async function removeWorkloads(instance: Instance): Promise<Text[]> {
  const ended = await removeFromCri(instance);
  if (ended !== null) return counted(ended, ['pod', 'pods'], ['pod', 'pods']);
  const { pods, containers, networks } = await findEngineObjects(instance);
  const removed: Text[] = [];
  // Some at a time: Podman removes pods one after the other, and each may take its whole grace time to end.
  for (let from = 0; from < pods.length; from += PODS_AT_ONCE) {
    const some = pods.slice(from, from + PODS_AT_ONCE);
    await Promise.all(
      some.map(({ id, graceSeconds }) =>
        removeObjects(instance, ['pod', 'rm', '--force', '--time', String(graceSeconds)], [id]),
      ),
    );
  }
  for (const { id } of pods) await removePodCgroups(id);
  // Those of a pod went with it.
  const rest = pods.length === 0 ? containers : (await findEngineObjects(instance)).containers;
  await removeObjects(instance, ['rm', '--force', '--time', '10'], rest);
  await removeObjects(instance, ['network', 'rm', '--force'], networks);
  removed.push(
    ...counted(pods.length, ['pod', 'pods'], ['pod', 'pods']),
    ...counted(containers.length, ['container', 'containers'], ['contenedor', 'contenedores']),
    ...counted(networks.length, ['network', 'networks'], ['red', 'redes']),
  );
  return removed;
}

/** `3 pods`; nothing for none. */
function counted(count: number, en: readonly [string, string], es: readonly [string, string]): Text[] {
  const form = count === 1 ? 0 : 1;
  return count === 0 ? [] : [{ en: `${count} ${en[form]}`, es: `${count} ${es[form]}` }];
}

/**
 * Removes everything that the instance owns, after its programs were stopped.
 * @returns what was removed
 * @throws Fault `setup.purge-incomplete`; folders and users are still there then, and it can be called again
 */
export async function purgeInstance(instance: Instance, clock: Clock): Promise<Text[]> {
  const removed = await removeWorkloads(instance);
  const say = (en: string, es: string): void => {
    removed.push({ en, es });
  };
  const forgotten = await forgetRegistry(instance);
  removed.push(...counted(forgotten, ['image', 'images'], ['imagen', 'imágenes']));
  // Volumes of a CRI server's pods are folders of the agent's, and go with it.
  const { volumes } = instance.cri === undefined ? await findEngineObjects(instance) : NO_OBJECTS;
  await removeObjects(instance, ['volume', 'rm', '--force'], volumes);
  removed.push(...counted(volumes.length, ['volume', 'volumes'], ['volumen', 'volúmenes']));
  const images = instance.cri === undefined ? await findOwnedImages(instance) : [];
  // Without --force, which would remove the containers of others with an image: what they took up meanwhile stays.
  await removeObjects(instance, ['rmi'], images);
  removed.push(...counted(images.length, ['image', 'images'], ['imagen', 'imágenes']));
  const left = instance.cri === undefined ? await findEngineObjects(instance) : NO_OBJECTS;
  const what = Object.entries(left).flatMap(([kind, names]) => (names.length === 0 ? [] : [`${names.length} ${kind}`]));
  if (what.length > 0) throw setupFault('setup.purge-incomplete', { name: instance.name, what: what.join(', ') });
  const place = await storedPlace(instance);
  if (place !== null) {
    say(`(tables in the database ${place} stay: dropdb)`, `(las tablas de la base de datos ${place} quedan: dropdb)`);
  }
  for (const table of await removeTables(instance)) say(`nftables table ${table}`, `tabla nftables ${table}`);
  const unit = await disableAtBoot(instance.name);
  if (unit !== null) say(unit, unit);
  if (instance.mode === 'root') {
    await endProcessesOfUsers(instance, clock);
    for (const role of ROLES) {
      const name = userName(instance.name, role);
      if (await removeUser(name)) say(`user ${name}`, `usuario ${name}`);
    }
  }
  await removeFolders(instance, clock, say);
  const account = await sudoAccount();
  for (const holder of account === null ? [null] : [null, account]) {
    for (const path of await removeCredentials(instance.name, holder)) say(path, path);
  }
  return removed;
}

/** Podman without root keeps its user namespace alive with one process, named by a file in our own run folder. */
async function endPauseProcess(instance: Instance, clock: Clock): Promise<void> {
  const text = await readFile(join(instance.run, 'libpod', 'tmp', 'pause.pid'), 'utf8').catch(() => '');
  const process = (await listProcesses()).find(
    ({ id, uid }) => String(id.pid) === text.trim() && uid === instance.users.control.uid,
  );
  if (process !== undefined) await endProcess(process.id, { clock, graceMs: PROCESS_GRACE_MS });
}

async function removeFolders(instance: Instance, clock: Clock, say: (en: string, es: string) => void): Promise<void> {
  const { data, run, logs } = instanceFolders(instance.name, instance.mode);
  // NAS, SAN and opened volumes are mounted below these folders: a removal that walked into them would take away what is not ours.
  const { agent } = instanceFiles(instance);
  await releaseMounts({
    ...{
      instance: instance.name,
      run: agent.run,
      allowedFile: agent.storage,
      devicesFile: join(agent.folder, 'storage-devices.json'),
    },
    ...{ env: engineEnvironment(instance), rootless: instance.mode === 'rootless' },
  });
  if (instance.mode === 'rootless') {
    // Layers unpacked without root belong to sub-ids: only inside their user namespace may they be removed.
    // Not by Podman: its settings lie there too, and an interrupted purge could not be called again without them.
    const folders = ['build', 'podman'].map((part) => join(data, part));
    await runCommand('unshare', ['--map-root-user', '--map-auto', '--', 'rm', '-rf', '--', ...folders], {
      timeoutMs: ENGINE_TIMEOUT_MS,
      cwd: '/',
    });
    await endPauseProcess(instance, clock);
  }
  // Parts of volumes are mounted there: what is below them is not the folder's own.
  await new BoundParts(join(run, 'agent', 'parts')).sweep(new Set());
  for (const path of [run, logs, data]) {
    const stats = await lstat(path).catch(() => null);
    if (stats === null) continue;
    if (instance.mode === 'root' && (!stats.isDirectory() || stats.uid !== 0)) {
      // `up` never took it over either.
      say(`(${path} stays: it belongs to somebody else)`, `(${path} queda: es de otra cuenta)`);
      continue;
    }
    // The description goes last: a purge that was interrupted can be called again.
    for (const entry of await readdir(path)) {
      if (entry !== 'instance.json') await rm(join(path, entry), { recursive: true, force: true, maxRetries: 3 });
    }
    await rm(path, { recursive: true, force: true });
    say(path, path);
    // The common parent goes with the last instance.
    await rmdir(dirname(path)).catch(() => undefined);
  }
  await unmarkPorts(instance);
  if (await removeUnusedCode(instance, instance.code)) say(instance.code, instance.code);
  if (instance.mode === 'root') await removeCutCopies();
  await rmdir(CODE_ROOT).catch(() => undefined);
}

/** Removes a code copy that no other instance runs from. @returns true when it was removed */
export async function removeUnusedCode(instance: Instance, code: string): Promise<boolean> {
  if (instance.mode !== 'root' || dirname(code) !== CODE_ROOT || (await codeInUse(instance, code))) return false;
  const there = await exists(code);
  await rm(code, { recursive: true, force: true });
  return there;
}

async function otherInstances(instance: Instance): Promise<Instance[]> {
  return (await instancesOfRoot()).filter(({ name, mode }) => name !== instance.name || mode !== instance.mode);
}

async function codeInUse(instance: Instance, code: string): Promise<boolean> {
  return (await otherInstances(instance)).some((other) => other.code === code);
}

/** Processes of the instance's own users and of their sub-ids: nobody else can have them. */
async function endProcessesOfUsers(instance: Instance, clock: Clock): Promise<void> {
  const owned = new Set(Object.values(instance.users).map(({ uid }) => uid));
  owned.delete(0);
  const ranges = await subIdRanges(instance.users.build.name);
  for (const { id, uid } of await listProcesses()) {
    const inRange = ranges.some(([first, count]) => uid >= first && uid < first + count);
    if (owned.has(uid) || inRange) await endProcess(id, { clock, graceMs: PROCESS_GRACE_MS });
  }
}

async function subIdRanges(user: string): Promise<[number, number][]> {
  const { stdout } = await runCommand('cat', ['/etc/subuid'], { timeoutMs: 5_000 });
  return stdout
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([name, first, count]) => name === user && Number(first) > 0 && Number(count) > 0)
    .map(([, first, count]) => [Number(first), Number(count)]);
}

async function removeTables(instance: Instance): Promise<string[]> {
  if (instance.mode === 'rootless') return [];
  const answer = await runCommand('nft', ['--json', 'list', 'tables'], { timeoutMs: 10_000 }).catch(() => null);
  if (answer === null || answer.code !== 0) return [];
  const tables = z
    .object({
      nftables: z.array(z.looseObject({ table: z.object({ family: z.string(), name: z.string() }).optional() })),
    })
    .parse(JSON.parse(answer.stdout))
    .nftables.flatMap(({ table }) => (table === undefined ? [] : [table]));
  const owned = ownedTables(instance.prefix, tables);
  for (const { family, name } of owned) {
    await runCommand('nft', ['delete', 'table', family, name], { timeoutMs: 10_000 });
  }
  return owned.map(({ family, name }) => `${family} ${name}`);
}

async function removeObjects(instance: Instance, verb: readonly string[], names: readonly string[]): Promise<void> {
  if (names.length > 0) await podman(instance, [...verb, ...names]);
}

async function podman(instance: Instance, args: readonly string[]): Promise<{ code: number; stdout: string }> {
  return runCommand('podman', args, {
    timeoutMs: ENGINE_TIMEOUT_MS,
    cwd: '/',
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...instance.podman.environment },
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

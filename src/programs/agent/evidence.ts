import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { LastAnswer } from '../../detect/try-kept.ts';
import { packTar, type TarInput } from '../../formats/index.ts';
import {
  EVIDENCE_PARTS,
  type EvidenceFile,
  type EvidenceManifest,
  type EvidencePart,
  MANIFEST_TYPE,
} from '../../respond/evidence/format.ts';
import {
  EVIDENCE_ARCHIVE_BYTES_MAX,
  EVIDENCE_FILE_BYTES_MAX,
  EVIDENCE_FILES_MAX,
  EVIDENCE_FREEZE_MS_MAX,
  EVIDENCE_KEPT_BYTES_MAX,
  EVIDENCE_NAME_BYTES_MAX,
  EVIDENCE_NAMES_BYTES_MAX,
  EVIDENCE_PACKET_BYTES_MAX,
  EVIDENCE_TEXT_BYTES_MAX,
} from '../../respond/evidence/limits.ts';
import {
  type Clock,
  Fault,
  type Json,
  type Log,
  runCommand,
  streamToFile,
  writeFileAtomic,
} from '../../system/index.ts';
import { type SigningKey, signRecord } from '../../trust/index.ts';
import type { EvidenceTask } from '../link/protocol.ts';
import type { Instance } from '../setup/instance.ts';
import { containFault, setPaused } from './contain.ts';
import { hashFile, type LayerChange, readLayer } from './layer-changes.ts';
import { engineEnvironment, findOwnContainer, type OwnContainer } from './own-container.ts';
import {
  describeProcess,
  namesOf,
  type ProcessFacts,
  processesOf,
  processTreeText,
  readProc,
  readSockets,
  socketHolders,
} from './process-facts.ts';

const ASK_MS = 20_000;
const SOCKET_TABLES = ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'] as const;
/** Tables without a common form, kept as the kernel writes them. */
const OTHER_TABLES = ['unix', 'packet', 'route', 'arp'] as const;

/** Everything of the engine's description that says nothing secret: environment values, for one, are left where they are. */
const ENGINE_FIELDS = [
  'Id',
  'Name',
  'Created',
  'Path',
  'Args',
  'State',
  'Image',
  'ImageName',
  'ImageDigest',
  'Pod',
  'Mounts',
  'EffectiveCaps',
  'BoundingCaps',
  'ExecIDs',
  'OCIRuntime',
  'SizeRw',
  'IsInfra',
];
const CONFIG_FIELDS = [
  'Hostname',
  'User',
  'WorkingDir',
  'Labels',
  'Entrypoint',
  'Cmd',
  'StopSignal',
  'Tty',
  'OpenStdin',
];
const HOST_FIELDS = [
  'Privileged',
  'CapAdd',
  'CapDrop',
  'ReadonlyRootfs',
  'SecurityOpt',
  'PidMode',
  'IpcMode',
  'NetworkMode',
  'UsernsMode',
  'Memory',
  'PidsLimit',
  'CgroupParent',
  'Devices',
  'Binds',
];

export interface EvidenceOptions {
  readonly instance: Instance;
  readonly host: string;
  readonly key: SigningKey;
  readonly clock: Clock;
  /** Where the archive lies until it is sent; as root nobody else reads there. */
  readonly folder: string;
  readonly openSession: (session: string) => Promise<Duplex>;
  /** What the sensor saw last in a container, until a moment (milliseconds since 1970); null: nothing is kept here. */
  readonly lastEvents?: (containerId: string, untilMs: number) => Promise<LastAnswer | null>;
  /** To be called when the container stands still: what the sensor has not handed on yet is to be there soon. */
  readonly flushEvents?: () => void;
}

/**
 * Takes evidence of a container: stops it with the kernel's freezer, looks at its processes, memory maps, open files,
 * sockets and changed files, lets it go on (unless told not to), and sends one archive. What cannot be seen is named in
 * the manifest; it never stops the rest.
 * @returns the manifest, signed with this host's key
 * @throws Fault agent.not-ours, agent.container-gone
 */
export async function takeEvidence(task: EvidenceTask, options: EvidenceOptions): Promise<Json> {
  const { instance, clock, folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${task.id}.tar.gz`);
  try {
    const { container, gathering, startedAt, archive } = await inTurn(async () => {
      const found = await findOwnContainer(task.containerId, instance);
      if (found === null || found.pid === 0)
        throw containFault('agent.container-gone', { id: task.containerId.slice(0, 12) });
      const looking = new Gathering(found, task, options);
      const since = clock.now().toISOString();
      return { container: found, gathering: looking, startedAt: since, archive: await writeArchive(path, looking) };
    });
    const manifest: EvidenceManifest = {
      version: 1,
      id: task.id,
      instance: instance.name,
      host: options.host,
      containerId: container.id,
      incident: task.incident,
      requestedBy: task.requestedBy,
      reason: task.reason,
      startedAt,
      endedAt: clock.now().toISOString(),
      freeze: gathering.freeze(),
      parts: gathering.parts(),
      archive,
      files: gathering.files,
    };
    const record = signRecord(options.key, MANIFEST_TYPE, manifest as unknown as Json);
    const stream = await options.openSession(task.session);
    stream.resume();
    await pipeline(createReadStream(path), stream);
    return record as unknown as Json;
  } finally {
    await rm(path, { force: true });
  }
}

const FROZEN = '.frozen';

/**
 * Lets go what an agent that was killed in the middle of a look left stopped: it wrote down which container before it
 * stopped it. To be called before anything else is looked at.
 * @returns the containers that go on because of it
 */
export async function letGoOfFrozen(folder: string, instance: Instance, log: Log): Promise<string[]> {
  const marks = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const released: string[] = [];
  for (const mark of marks.filter((name) => name.endsWith(FROZEN))) {
    const id = mark.slice(0, -FROZEN.length);
    // A look that runs now lets go by itself.
    if (lookedAt.has(id)) continue;
    try {
      const found = await findOwnContainer(id, instance);
      if (found?.paused === true && (await setPaused(found, false, instance))) released.push(id);
      await rm(join(folder, mark), { force: true });
    } catch (error) {
      log.error({ err: error, container: id }, 'a container that was stopped for evidence could not be let go yet');
    }
  }
  return released;
}

/**
 * Takes away archives that an agent before this one had not sent yet: what a container held in memory stays on no disk that
 * nobody asks about. To be called before evidence is taken.
 */
export async function sweepEvidence(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) if (!name.endsWith(FROZEN)) await rm(join(folder, name), { recursive: true, force: true });
}

/** Containers that are being looked at. */
const lookedAt = new Set<string>();

let turn: Promise<unknown> = Promise.resolve();

/** One at a time: the end of one look lets the container go on, which another would still believe stopped. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work);
  turn = mine.catch(() => undefined);
  return mine;
}

async function writeArchive(path: string, gathering: Gathering): Promise<EvidenceManifest['archive']> {
  const hash = createHash('sha256');
  let bytes = 0;
  await streamToFile(path, [
    Readable.from(packTar(gathering.entries())),
    createGzip({ level: 6 }),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const piece of source) {
        hash.update(piece);
        bytes += piece.length;
        if (bytes > EVIDENCE_ARCHIVE_BYTES_MAX) throw new RangeError(`more than ${EVIDENCE_ARCHIVE_BYTES_MAX} bytes`);
        yield piece;
      }
    },
  ]);
  return { sha256: hash.digest('hex'), bytes };
}

/** One look at one container, in the order in which things vanish: what lives in memory first. */
class Gathering {
  readonly files: EvidenceFile[] = [];
  readonly #container: OwnContainer;
  readonly #task: EvidenceTask;
  readonly #options: EvidenceOptions;
  readonly #state = new Map<EvidencePart, { state: 'whole' | 'partial' | 'absent'; why: string | null }>();
  #frozen = false;
  #whyNotFrozen: string | null = null;
  #milliseconds = 0;

  constructor(container: OwnContainer, task: EvidenceTask, options: EvidenceOptions) {
    this.#container = container;
    this.#task = task;
    this.#options = options;
  }

  freeze(): EvidenceManifest['freeze'] {
    return {
      frozen: this.#frozen,
      milliseconds: this.#milliseconds,
      pausedBefore: this.#container.paused,
      leftPaused: this.#frozen && (this.#container.paused || this.#task.keepPaused),
      why: this.#whyNotFrozen,
    };
  }

  parts(): EvidenceManifest['parts'] {
    return EVIDENCE_PARTS.map((part) => ({
      part,
      ...(this.#state.get(part) ?? { state: 'absent', why: 'not reached' }),
    }));
  }

  async *entries(): AsyncGenerator<TarInput> {
    const { clock } = this.#options;
    const description = await this.#describe();
    const kept = keepFiles(this.files);
    const { keep } = kept;
    await this.#readPackets(kept);
    lookedAt.add(this.#container.id);
    const startedMs = clock.monotonicMs();
    let stoppedMs = clock.now().getTime();
    try {
      await this.#stop();
      stoppedMs = clock.now().getTime();
      this.#options.flushEvents?.();
      const over = AbortSignal.timeout(EVIDENCE_FREEZE_MS_MAX);
      const processes = await this.#readProcesses(kept, over);
      await this.#readExecutables(processes, kept, over);
      await this.#readLayer(description, kept, over);
      await this.#readMemoryFiles(kept, over);
    } finally {
      // Whatever went wrong, a service is not left stopped behind anybody's back.
      try {
        await this.#letGo();
      } finally {
        lookedAt.delete(this.#container.id);
      }
      this.#milliseconds = Math.round(clock.monotonicMs() - startedMs);
    }
    await this.#part('container', async () => {
      if (description === null) return 'the engine did not describe it';
      keep('container.json', json(sanitize(description)));
      return null;
    });
    await this.#part('log', async () => {
      const { code, stdout, stderr } = await this.#podman([
        'logs',
        '--timestamps',
        '--tail',
        '5000',
        this.#container.id,
      ]);
      if (code !== 0) return stderr.slice(0, 200);
      keep('log.txt', (stdout + stderr).slice(-EVIDENCE_TEXT_BYTES_MAX));
      return null;
    });
    await this.#part('events', async () => {
      const last = (await this.#options.lastEvents?.(this.#container.id, stoppedMs)) ?? null;
      if (last === null) return 'this host keeps no events';
      keep('events.jsonl', last.lines.map((line) => `${line}\n`).join(''));
      if (last.missing + last.damaged > 0) return 'partial: the host could not keep, or not read, all of that time';
      return last.left > 0 ? `partial: ${last.left} earlier ones are not among them` : null;
    });
    yield* kept.seen;
  }

  async #stop(): Promise<void> {
    const { paused, id } = this.#container;
    try {
      // Whoever asked for it to stay stopped has it so after a crash as well.
      if (!paused && !this.#task.keepPaused) await writeFileAtomic(this.#mark, `${id}\n`, { mode: 0o600 });
      await setPaused(this.#container, true, this.#options.instance);
      this.#frozen = true;
    } catch (error) {
      this.#whyNotFrozen = error instanceof Fault ? (error.text('en').why ?? error.message) : String(error);
    }
  }

  /**
   * An engine that did not answer in time may have stopped the container all the same, or stop it yet: the mark stays until
   * it is seen to go on, and the agent looks at marks again and again.
   */
  async #letGo(): Promise<void> {
    const { pausedBefore, leftPaused } = this.freeze();
    if (pausedBefore || leftPaused || this.#task.keepPaused) {
      await rm(this.#mark, { force: true });
      return;
    }
    const { instance } = this.#options;
    const now = this.#frozen
      ? { ...this.#container, paused: true }
      : await findOwnContainer(this.#container.id, instance);
    if (now !== null) await setPaused(now, false, instance);
    if (this.#whyNotFrozen === null) await rm(this.#mark, { force: true });
  }

  /** While it is there, the container is stopped by this look. */
  get #mark(): string {
    return join(this.#options.folder, `${this.#container.id}${FROZEN}`);
  }

  /** While it still runs: what it sends and gets, as the network namespace of its pod sees it. */
  async #readPackets({ copy }: Kept): Promise<void> {
    await this.#part('packets', async () => {
      const { packetSeconds: seconds, id } = this.#task;
      if (seconds === 0) return 'not asked for';
      const { instance, folder } = this.#options;
      if (instance.mode === 'rootless') return 'a platform of an ordinary user reads no packets';
      const { pid } = this.#container;
      const [inside, outside] = await Promise.all([readlink(`/proc/${pid}/ns/net`), readlink('/proc/self/ns/net')]);
      if (inside === outside) return 'it has no network of its own';
      const path = join(folder, `${id}.pcap`);
      const program = [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        join(instance.code, 'src', 'programs', 'packets.ts'),
      ];
      const bounds = ['--seconds', String(seconds), '--bytes', String(EVIDENCE_PACKET_BYTES_MAX), '--output', path];
      try {
        const read = await runCommand('nsenter', ['--target', String(pid), '--net', '--', ...program, ...bounds], {
          timeoutMs: seconds * 1_000 + ASK_MS,
        });
        if (read.code !== 0) return read.stderr.trim().slice(-300);
        if (!copy('packets.pcap', await readFile(path))) return 'there was no room for them';
        const { left } = JSON.parse(read.stdout) as { left: number };
        return left === 0 ? null : `partial: ${left} packets more`;
      } finally {
        await rm(path, { force: true });
      }
    });
  }

  async #readProcesses({ keep, copy }: Kept, over: AbortSignal): Promise<ProcessFacts[]> {
    const { pids, whole } = await processesOf(this.#container.id);
    const processes: ProcessFacts[] = [];
    for (let at = 0; at < pids.length && !over.aborted; at += PROCESSES_AT_ONCE) {
      const described = await Promise.all(pids.slice(at, at + PROCESSES_AT_ONCE).map(describeProcess));
      processes.push(...described.filter((one) => one !== null));
    }
    await this.#part('processes', async () => {
      keep('processes.json', json(processes));
      keep('processes.txt', processTreeText(processes));
      if (over.aborted) return TOO_LONG;
      return whole ? null : 'partial: more processes than are looked at';
    });
    await this.#part('memory-maps', async () => {
      for (const { pid } of processes) {
        if (over.aborted) return TOO_LONG;
        const maps = await readProc(`/proc/${pid}/maps`);
        if (maps !== null && !copy(`memory/${pid}.maps`, maps)) return 'partial: there was no room for more';
        const mounts = pid === this.#container.pid ? await readProc(`/proc/${pid}/mountinfo`) : null;
        if (mounts !== null) keep('mounts.txt', mounts);
      }
      return null;
    });
    await this.#part('sockets', async () => {
      const holders = socketHolders(processes);
      const folder = `/proc/${this.#container.pid}/net`;
      const sockets = [];
      for (const table of SOCKET_TABLES) {
        const text = await readProc(`${folder}/${table}`);
        if (text !== null) sockets.push(...readSockets(table, text, holders));
      }
      keep('sockets.json', json(sockets));
      for (const table of OTHER_TABLES) {
        const text = await readProc(`${folder}/${table}`);
        if (text !== null) keep(`network/${table}.txt`, text);
      }
      return null;
    });
    return processes;
  }

  /** Of every program that runs its hash; of those that are nowhere on disk any more (deleted, in memory only) the bytes too. */
  async #readExecutables(processes: readonly ProcessFacts[], { keep, copy }: Kept, over: AbortSignal): Promise<void> {
    await this.#part('executables', async () => {
      const list: { pid: number; path: string; sha256: string; copied: boolean }[] = [];
      const known = new Map<string, { sha256: string; copied: boolean }>();
      for (const { pid, executable } of processes) {
        if (executable === null) continue;
        if (over.aborted) break;
        const isLost = executable.endsWith(' (deleted)') || executable.startsWith('/memfd:');
        const key = isLost ? `${pid} ${executable}` : executable;
        let found = known.get(key);
        if (found === undefined) {
          // The link of proc(5) opens the very file that runs, whatever its name means by now.
          const file = await open(`/proc/${pid}/exe`, 'r').catch(() => null);
          if (file === null) continue;
          try {
            const { sha256, bytes } = await hashFile(file, isLost ? EVIDENCE_FILE_BYTES_MAX : 0);
            found = { sha256, copied: bytes !== null && copy(`executables/${sha256}`, bytes) };
          } finally {
            await file.close();
          }
          known.set(key, found);
        }
        list.push({ pid, path: executable, ...found });
      }
      keep('executables.json', json(list));
      return over.aborted ? TOO_LONG : null;
    });
  }

  async #readLayer(description: Described | null, { keep, copy }: Kept, over: AbortSignal): Promise<void> {
    await this.#part('layer', async () => {
      if (!this.#frozen) return NOT_FROZEN;
      const data = recordAt(recordAt(description, 'GraphDriver'), 'Data');
      const [upper, lowers] = [data['UpperDir'], data['LowerDir']];
      if (typeof upper !== 'string') return 'its storage is no overlay';
      const { changes, cut } = await readLayer(upper, typeof lowers === 'string' ? lowers.split(':') : [], {
        copyFiles: this.#task.copyFiles,
        over,
        copy: (path, bytes) => copy(`layer/files/${path}`, bytes),
      });
      keep('layer/changes.json', json(changes));
      return cut === null ? null : `partial: ${cut}`;
    });
  }

  /** What lies in memory only (/dev/shm, a tmpfs on /tmp): gone with the container, and where intruders like to put things. */
  async #readMemoryFiles({ keep, copy }: Kept, over: AbortSignal): Promise<void> {
    await this.#part('memory-files', async () => {
      if (!this.#frozen) return NOT_FROZEN;
      const { pid } = this.#container;
      const found: LayerChange[] = [];
      let cut: string | null = null;
      for (const mount of memoryMounts((await readProc(`/proc/${pid}/mountinfo`)) ?? '')) {
        if (over.aborted) cut ??= 'the container was not kept stopped any longer';
        if (found.length >= EVIDENCE_FILES_MAX) cut ??= `more than ${EVIDENCE_FILES_MAX} files`;
        if (over.aborted || found.length >= EVIDENCE_FILES_MAX) break;
        try {
          const reading = await readLayer(`/proc/${pid}/root`, [], {
            within: mount,
            copyFiles: this.#task.copyFiles,
            over,
            copy: (path, bytes) => copy(`memory-files${mount}/${path}`, bytes),
          });
          found.push(...reading.changes.map((change) => ({ ...change, path: `${mount}${change.path}` })));
          cut ??= reading.cut;
        } catch (error) {
          // One that is covered by another, or whose way is a link by now, hides no other.
          cut ??= `${mount.slice(0, 200)}: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`;
        }
      }
      keep('memory-files.json', json(found));
      return cut === null ? null : `partial: ${cut}`;
    });
  }

  /** @param work answers null when all of it is there, else why not; `partial: …` when some of it is */
  async #part(part: EvidencePart, work: () => Promise<string | null>): Promise<void> {
    let why: string | null;
    try {
      why = await work();
    } catch (error) {
      why = error instanceof Error ? error.message.slice(0, 300) : String(error);
    }
    const partial = /^partial: /.exec(why ?? '')?.[0] ?? '';
    const state = why === null ? 'whole' : partial === '' ? 'absent' : 'partial';
    this.#state.set(part, { state, why: why === null ? null : why.slice(partial.length) });
  }

  async #describe(): Promise<Described | null> {
    const { code, stdout } = await this.#podman(['inspect', '--type', 'container', this.#container.id]);
    if (code !== 0) return null;
    const [found] = JSON.parse(stdout) as Described[];
    return found ?? null;
  }

  #podman(words: readonly string[]) {
    return runCommand('podman', words, { env: engineEnvironment(this.#options.instance), timeoutMs: ASK_MS });
  }
}

interface Kept {
  /** What is said of the container. @throws RangeError when there is no room for it */
  readonly keep: (path: string, content: string | Buffer) => void;
  /** What the container had. False when there is no room for it any more, or another file has its name. */
  readonly copy: (path: string, content: string | Buffer) => boolean;
  readonly seen: readonly TarInput[];
}

/**
 * Names and hashes go into `files`, bytes into `seen`, within the bounds that a verifier asks for. Two processes may run the same
 * program, and two names look alike once they are text: each path is there once.
 */
export function keepFiles(files: EvidenceFile[]): Kept {
  const seen: TarInput[] = [];
  const hashes = new Map<string, string>();
  let [keptBytes, nameBytes] = [0, 0];
  const add = (path: string, content: string | Buffer, share: number): boolean => {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const known = hashes.get(path);
    if (known !== undefined) return known === sha256;
    if (files.length >= EVIDENCE_FILES_MAX * share) return false;
    if (keptBytes + bytes.length > EVIDENCE_KEPT_BYTES_MAX * share) return false;
    const written = Buffer.byteLength(JSON.stringify(path));
    if (written > EVIDENCE_NAME_BYTES_MAX || nameBytes + written > EVIDENCE_NAMES_BYTES_MAX * share) return false;
    keptBytes += bytes.length;
    nameBytes += written;
    hashes.set(path, sha256);
    files.push({ path, bytes: bytes.length, sha256 });
    seen.push({ path, content: bytes, mode: 0o400 });
    return true;
  };
  return {
    seen,
    keep(path, content) {
      if (!add(path, content, 1)) throw new RangeError(`there was no room for ${path}`);
    },
    copy: (path, content) => add(path, content, COPIES_SHARE),
  };
}

/** Of the room: however much a container has, the lists of it find some. */
const COPIES_SHARE = 0.75;
/** Each has thousands of open files at the most: after so many the clock is looked at. */
const PROCESSES_AT_ONCE = 8;
const TOO_LONG = 'partial: the container was not kept stopped any longer';
const NOT_FROZEN = 'not read: while processes run, what is read would not be what was there at one time';

type Described = Readonly<Record<string, unknown>>;

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

function recordAt(value: Described | null, name: string): Described {
  const found = value?.[name];
  return typeof found === 'object' && found !== null ? (found as Described) : {};
}

/** What the engine says of the container, without the values of its environment. */
export function sanitize(description: Described): Json {
  const pick = (from: Described, names: readonly string[]): Record<string, unknown> =>
    Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : [])));
  const config = recordAt(description, 'Config');
  const written = Array.isArray(config['Env']) ? config['Env'].map(String).join('\0') : '';
  return {
    ...pick(description, ENGINE_FIELDS),
    Config: { ...pick(config, CONFIG_FIELDS), EnvironmentNames: namesOf(written) },
    HostConfig: pick(recordAt(description, 'HostConfig'), HOST_FIELDS),
    NetworkSettings: pick(recordAt(description, 'NetworkSettings'), ['Networks', 'Ports', 'IPAddress']),
  } as unknown as Json;
}

/**
 * Where a whole tmpfs is mounted (proc_pid_mountinfo(5): the fourth field is `/` then). Parts of one are files that the
 * platform put there, such as Secrets, and stay out; so do the kernel's own.
 */
export function memoryMounts(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, mount] = before.split(' ');
    if (after.split(' ')[0] !== 'tmpfs' || root !== '/' || mount === undefined) return [];
    return /^\/(?:dev|proc|sys)(?:\/(?!shm$)|$)/.test(mount) || mount.includes('\\') ? [] : [mount];
  });
}

import { type ChildProcess, fork } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Fault, writeFileAtomic } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { PROBE_MS } from '../limits.ts';

/** A note of ours at a place is a few words; whatever is longer is not ours. */
const NOTE_MAX = 4_096;

/** A helper that has not begun by then does not begin any more. */
const START_MS = 60_000;

/** The few things that the agent does itself with files at a place where claims lie. */
export interface PlaceFiles {
  /** A small file of ours, never over a link; null: there is none. @throws Error when it cannot be read */
  read(path: string): Promise<string | null>;
  /** Over what is there, whole or not at all, and only after it is on the disk. */
  write(path: string, text: string): Promise<void>;
  /** @throws Error EEXIST */
  create(path: string, text: string): Promise<void>;
  /** A folder, with those above it that are missing; `mode` is given to one that is made now. */
  folder(path: string, mode: number): Promise<void>;
  /** Null: nothing is there. */
  kind(path: string): Promise<'folder' | 'other' | null>;
  remove(path: string): Promise<void>;
}

export const directFiles: PlaceFiles = {
  async read(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (handle === null) return null;
    try {
      const bytes = Buffer.alloc(NOTE_MAX);
      const { bytesRead } = await handle.read(bytes, 0, NOTE_MAX, 0);
      return bytes.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  },
  write: (path, text) => writeFileAtomic(path, text, { mode: 0o600 }),
  async create(path, text) {
    const handle = await open(path, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async folder(path, mode) {
    // What is there keeps its mode: a workload may have been given it.
    if ((await mkdir(path, { recursive: true, mode })) !== undefined) await chmod(path, mode);
  },
  async kind(path) {
    try {
      return (await lstat(path)).isDirectory() ? 'folder' : 'other';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  remove: (path) => rm(path, { force: true }),
};

export interface HelperRequest {
  readonly id: number;
  readonly act: keyof PlaceFiles;
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

export type HelperReply =
  | { readonly id: number; readonly value: string | null }
  | { readonly id: number; readonly code: string; readonly message: string };

/** What the helper does with one request. */
export async function answer({ id, act, path, text, mode }: HelperRequest): Promise<HelperReply> {
  try {
    if (act === 'read' || act === 'kind') return { id, value: await directFiles[act](path) };
    if (act === 'folder') await directFiles.folder(path, mode);
    else if (act === 'remove') await directFiles.remove(path);
    else await directFiles[act](path, text);
    return { id, value: null };
  } catch (error) {
    const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
    return { id, code, message };
  }
}

interface Waiting {
  readonly resolve: (value: string | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The same, in a process of its own for each place: who asks a NAS that is away is held in the kernel, and that must not
 * be a thread of the agent. What is not answered in time is given up with its process; the next question gets a new one.
 */
export class BoundedFiles implements PlaceFiles {
  readonly #place: string;
  readonly #waitMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | null = null;
  /** When the child has said that it listens. */
  #listens: PromiseWithResolvers<void> = Promise.withResolvers();
  #next = 1;

  constructor(place: string, waitMs: number = PROBE_MS) {
    this.#place = place;
    this.#waitMs = waitMs;
  }

  async read(path: string): Promise<string | null> {
    return await this.#ask('read', path);
  }
  async write(path: string, text: string): Promise<void> {
    await this.#ask('write', path, { text });
  }
  async create(path: string, text: string): Promise<void> {
    await this.#ask('create', path, { text });
  }
  async folder(path: string, mode: number): Promise<void> {
    await this.#ask('folder', path, { mode });
  }
  async kind(path: string): Promise<'folder' | 'other' | null> {
    const kind = await this.#ask('kind', path);
    return kind === 'folder' || kind === 'other' ? kind : null;
  }
  async remove(path: string): Promise<void> {
    await this.#ask('remove', path);
  }

  close(): void {
    this.#drop(this.#away());
  }

  async #ask(act: keyof PlaceFiles, path: string, more: { text?: string; mode?: number } = {}): Promise<string | null> {
    const child = this.#start();
    // Its start has nothing to do with the place, and takes seconds on a machine that is very busy.
    const begins = setTimeout(() => this.#drop(this.#away(START_MS), child), START_MS);
    try {
      await this.#listens.promise;
    } finally {
      clearTimeout(begins);
    }
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    this.#waiting.set(id, { resolve, reject });
    child.send({ id, act, path, text: more.text ?? '', mode: more.mode ?? 0 } satisfies HelperRequest, (error) => {
      if (error !== null && error !== undefined) reject(error);
    });
    const timer = setTimeout(() => {
      // Another one's question may have ended this helper before: the one that came after it goes on.
      this.#drop(this.#away(), child);
      reject(this.#away());
    }, this.#waitMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #start(): ChildProcess {
    if (this.#child !== null) return this.#child;
    const child = fork(fileURLToPath(new URL('./place-helper.ts', import.meta.url)), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // The agent's environment holds nothing that it needs.
      env: { PATH: process.env['PATH'] ?? '' },
      cwd: '/',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    this.#listens = Promise.withResolvers();
    this.#listens.promise.catch(() => undefined);
    const { resolve: listens } = this.#listens;
    child.unref();
    child.channel?.unref();
    child.on('message', (reply: HelperReply | 'listening') => {
      if (reply === 'listening') {
        listens();
        return;
      }
      const waiting = this.#waiting.get(reply.id);
      if (waiting === undefined) return;
      if ('value' in reply) waiting.resolve(reply.value);
      else waiting.reject(Object.assign(new Error(reply.message), { code: reply.code }));
    });
    child.on('error', (error) => this.#drop(error, child));
    child.on('exit', () => this.#drop(this.#away(), child));
    return child;
  }

  /** Ends the helper, and all that wait for it. */
  #drop(why: unknown, child: ChildProcess | null = this.#child): void {
    if (child === null || child !== this.#child) return;
    this.#child = null;
    // One that waits in the kernel ends when that lets it; nobody waits for it here.
    child.kill('SIGKILL');
    this.#listens.reject(why);
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }

  #away(waitedMs = this.#waitMs): Fault {
    const seconds = waitedMs / 1000;
    const why = { en: `no reply within ${seconds} s`, es: `sin respuesta en ${seconds} s` };
    return volumeFault('volume.place-away', { place: this.#place, why });
  }
}

/** A text file of the agent's own, which may be missing. */
export async function readOwn(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

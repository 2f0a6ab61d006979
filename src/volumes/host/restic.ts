import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault, type Text } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { BACKUP_MS, TOOL_WORDS_MAX } from '../limits.ts';
import type { RepositoryAccess } from '../task.ts';
import type { Tools } from './tree.ts';

/** restic's exit code when some files could not be read: such a backup is none. */
const INCOMPLETE = 3;
/** What restic says of content that is not what was written there. */
const BROKEN =
  /verification failed|invalid data returned|wrong data returned|is damaged|no matching ID found|not found in (?:index|repository)|Unmarshal|hash does not match|StreamPack:.*no such file/i;
/** A restore that ends for want of the host's own room, or of the way there, says nothing of what lies in the repository. */
const NOT_ITS_FAULT =
  /no space left|quota exceeded|read-only file system|connection (?:refused|reset)|no route to host|network is unreachable|timed? ?out|unexpected HTTP response \(5|stale file handle|input\/output error|operation not permitted|permission denied|not supported|cannot allocate memory|signal: killed/i;

const listed = z
  .array(z.object({ id: z.string().regex(/^[0-9a-f]{64}$/) }))
  .nullable()
  .transform((list) => list ?? []);

export interface ResticSummary {
  readonly snapshot: string;
  readonly addedBytes: number;
}

/**
 * Debian's restic, driven: it encrypts (AES-256-CTR with Poly1305), cuts content into blocks by itself and stores each
 * once. Its key reaches it in a file in memory, for as long as it runs, and the address in its environment; neither is ever
 * an argument, and neither lies beside the data.
 */
export class Restic {
  readonly #tools: Tools;
  readonly #cache: string;
  readonly #keys: string;
  readonly #host: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(options: {
    readonly tools: Tools;
    /** For its cache, which is encrypted as the repository is. */
    readonly folder: string;
    /** In memory (tmpfs), closed to others: keys lie there while restic runs. */
    readonly keys: string;
    readonly host: string;
    readonly env: Readonly<Record<string, string>>;
  }) {
    this.#tools = options.tools;
    this.#cache = join(options.folder, 'restic-cache');
    this.#keys = options.keys;
    this.#host = options.host;
    this.#env = options.env;
  }

  /** Takes away keys that an agent before this one left. */
  async recover(): Promise<void> {
    await rm(this.#keys, { recursive: true, force: true });
  }

  /** Opens the repository with its key; where there is none yet, makes it. @returns whether it was made now */
  async open(repository: RepositoryAccess): Promise<boolean> {
    const known = await this.#run(repository, ['cat', 'config', '--no-lock'], { timeoutMs: 120_000 });
    if (known.code === 0) return false;
    if (/wrong password|no key found/i.test(known.stderr)) {
      throw volumeFault('backup.repository-locked', { location: repository.location });
    }
    if (!/unable to open config file|Is there a repository|does not exist/i.test(known.stderr)) {
      throw this.#failure(repository, known.stderr, OPENING);
    }
    const made = await this.#run(repository, ['init'], { timeoutMs: 300_000 });
    if (made.code !== 0) throw this.#failure(repository, made.stderr, OPENING);
    return true;
  }

  async backup(
    repository: RepositoryAccess,
    path: string,
    { tags, signal }: { readonly tags: readonly string[]; readonly signal?: AbortSignal },
  ): Promise<ResticSummary> {
    const words = ['backup', '--json', '--quiet', '--one-file-system', '--host', this.#host];
    for (const tag of tags) words.push('--tag', tag);
    const done = await this.#run(repository, [...words, '--', path], { timeoutMs: BACKUP_MS, signal });
    const what = { en: 'the backup', es: 'la copia de seguridad' };
    if (done.code === INCOMPLETE) {
      const last = done.stderr.trim().split('\n').at(-1) ?? '';
      throw this.#failure(repository, `some files could not be read: ${last}`, what);
    }
    if (done.code !== 0) throw this.#failure(repository, done.stderr, what);
    return readSummary(done.stdout);
  }

  /**
   * Puts a snapshot below a folder, each of its files checked against its hash.
   * @param options.fresh all of it from the repository, nothing from the cache: what lies there is put to the test
   * @throws Fault backup.damaged; volume.tool-failed where it cannot be told, such as when the repository is away
   */
  async restore(
    repository: RepositoryAccess,
    snapshot: string,
    target: string,
    { fresh = false }: { readonly fresh?: boolean } = {},
  ): Promise<void> {
    const words = ['restore', snapshot, '--target', target, '--verify', ...(fresh ? ['--no-cache'] : [])];
    const done = await this.#run(repository, words, { timeoutMs: BACKUP_MS });
    if (done.code !== 0) throw await this.#whyNotRestored(repository, snapshot, done.stderr);
  }

  async #whyNotRestored(repository: RepositoryAccess, snapshot: string, stderr: string): Promise<Fault> {
    const other = this.#failure(repository, stderr, { en: 'the restore', es: 'la restauración' });
    // One that was killed says nothing at all.
    if (stderr.trim() === '' || (NOT_ITS_FAULT.test(stderr) && !BROKEN.test(stderr))) return other;
    // It answers and its key opens it: what it does not give back is lost. Where not even that is whole, it says so itself.
    const known = await this.#run(repository, ['cat', 'config', '--no-lock', '--no-cache'], { timeoutMs: 120_000 });
    if (known.code !== 0 && !BROKEN.test(known.stderr)) return this.#failure(repository, known.stderr, OPENING);
    const lines = (known.code === 0 ? stderr : known.stderr).split('\n').filter((line) => line.trim() !== '');
    const telling = lines.find((line) => BROKEN.test(line)) ?? lines.find((line) => /ignoring error/.test(line));
    const words = (telling ?? lines.slice(-2).join(' ')).replace(/^ignoring error for /, '');
    const why = this.#hideSecrets(repository, words).slice(0, TOOL_WORDS_MAX);
    return volumeFault('backup.damaged', { snapshot: snapshot.slice(0, 8), why });
  }

  /** The snapshots that have all of these tags. */
  async tagged(repository: RepositoryAccess, tags: readonly string[]): Promise<string[]> {
    const words = ['snapshots', '--json', '--no-lock', '--host', this.#host, '--tag', tags.join(',')];
    const done = await this.#run(repository, words, { timeoutMs: 120_000 });
    if (done.code !== 0) throw this.#failure(repository, done.stderr, OPENING);
    return listed.parse(JSON.parse(done.stdout)).map(({ id }) => id);
  }

  /** Takes snapshots away, and the blocks that nothing else needs. */
  async forget(repository: RepositoryAccess, snapshots: readonly string[]): Promise<void> {
    if (snapshots.length === 0) return;
    const done = await this.#run(repository, ['forget', '--prune', '--', ...snapshots], { timeoutMs: BACKUP_MS });
    if (done.code === 0) return;
    throw this.#failure(repository, done.stderr, { en: 'taking backups away', es: 'eliminar copias' });
  }

  /** Where a process that is no more left a lock, it is taken away and the work tried once more; one that lives keeps its own. */
  async #run(
    repository: RepositoryAccess,
    words: readonly string[],
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): ReturnType<Tools['run']> {
    const done = await this.#runOnce(repository, words, options);
    if (done.code === 0 || !/already locked/.test(done.stderr)) return done;
    const unlocked = await this.#runOnce(repository, ['unlock'], { timeoutMs: 120_000 });
    return unlocked.code === 0 ? await this.#runOnce(repository, words, options) : unlocked;
  }

  async #runOnce(
    repository: RepositoryAccess,
    words: readonly string[],
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): ReturnType<Tools['run']> {
    const env = {
      ...this.#env,
      RESTIC_REPOSITORY: addressOf(repository),
      RESTIC_CACHE_DIR: this.#cache,
      RESTIC_PROGRESS_FPS: '0.1',
    };
    const { signal } = options;
    await mkdir(this.#keys, { recursive: true, mode: 0o700 });
    const key = join(this.#keys, randomUUID());
    try {
      await writeFile(key, repository.password, { mode: 0o600, flag: 'wx' });
      return await this.#tools.run('restic', ['--password-file', key, ...words], {
        timeoutMs: options.timeoutMs,
        ...(signal === undefined ? {} : { signal }),
        env,
      });
    } catch (error) {
      if (error instanceof Fault && error.code === 'system.command-missing')
        throw volumeFault('volume.tool-missing', { tool: 'restic' }, { cause: error });
      throw error;
    } finally {
      await rm(key, { force: true });
    }
  }

  #failure(repository: RepositoryAccess, stderr: string, what: Text): Fault {
    const why = this.#hideSecrets(repository, stderr.trim().split('\n').slice(-3).join(' '));
    return volumeFault('volume.tool-failed', { what, tool: 'restic', why: why.slice(-TOOL_WORDS_MAX) });
  }

  #hideSecrets({ password, user }: RepositoryAccess, text: string): string {
    const own = user?.password ?? '';
    return [password, own, encodeURIComponent(own)].reduce(
      (hidden, secret) => (secret === '' ? hidden : hidden.replaceAll(secret, '***')),
      text,
    );
  }
}

const OPENING: Text = { en: 'opening the repository', es: 'abrir el repositorio' };

/** The address as restic reads it, with the name and password of its server. */
export function addressOf({ location, user }: RepositoryAccess): string {
  if (user === null || !location.startsWith('rest:')) return location;
  const at = location.indexOf('://') + 3;
  const credentials = `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`;
  return `${location.slice(0, at)}${credentials}${location.slice(at)}`;
}

/** The last line of `restic backup --json`. @throws Fault volume.tool-failed */
export function readSummary(stdout: string): ResticSummary {
  for (const line of stdout.trim().split('\n').reverse()) {
    if (!line.includes('"summary"')) continue;
    const { snapshot_id: snapshot, data_added: added } = JSON.parse(line) as {
      snapshot_id?: unknown;
      data_added?: unknown;
    };
    if (typeof snapshot === 'string' && /^[0-9a-f]{8,64}$/.test(snapshot))
      return { snapshot, addedBytes: typeof added === 'number' ? added : 0 };
  }
  const why = 'it did not say what it saved';
  throw volumeFault('volume.tool-failed', {
    what: { en: 'the backup', es: 'la copia de seguridad' },
    tool: 'restic',
    why,
  });
}

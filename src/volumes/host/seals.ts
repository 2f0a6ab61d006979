import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault, type Log, type Text } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { lastWords } from './devices.ts';
import type { MountHost } from './mount-host.ts';
import type { PlaceFiles } from './place-files.ts';

export type SealKind = 'gocryptfs' | 'luks';

/** Opening takes tenths of a second; a NAS below it, or a machine under load, takes more. */
const TOOL_MS = 30_000;
/** The folder of a volume within its file system. */
const TOP = 'data';
const CONFIG = 'gocryptfs.conf';
const IMAGE = 'volume.luks';
/** What LUKS2 keeps for itself at the beginning (cryptsetup's default), and the file system for its own tables. */
const HEADER_BYTES = 16 * 2 ** 20;
const TABLES_SHARE = 1.04;

/** Two kernels that write to one file system destroy it. */
const ONE_HOST: Text = {
  en: 'it is an image for one host alone, and its access mode lets several write: restore a copy of it into a new claim',
  es: 'es una imagen para un solo host, y su modo de acceso deja escribir a varios: restaurar una copia en una petición nueva',
};

const homes = z.record(z.string(), z.string());

/** Programs where the files of volumes can be read: as root, or in the namespace of the user's containers. */
export interface SealHost extends Pick<MountHost, 'has' | 'read' | 'write'> {
  readonly run: MountHost['run'];
}

/** Where a volume is kept encrypted, and how. */
export interface SealedPlace {
  /** Below it lies nothing but what is encrypted. */
  readonly home: string;
  readonly files: PlaceFiles;
  /** What a new one is to hold; 0: as much as there is room for. */
  readonly bytes: number;
  /** Several hosts write to it at once. */
  readonly shared: boolean;
}

/**
 * Volumes that lie on disks encrypted, each under a key of its own. Keys come from control, are kept in memory alone and go to
 * the programs by their standard input; what is opened with them is seen below a folder in memory.
 */
export class Seals {
  readonly #host: SealHost;
  readonly #folder: string;
  readonly #homesFile: string;
  readonly #rootless: boolean;
  readonly #log: Log;
  readonly #keys = new Map<string, string>();
  #writing: Promise<unknown> = Promise.resolve();
  /** One opening of a volume at a time. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: {
    readonly host: SealHost;
    /** Opened volumes are mounted below it, each under its name. */
    readonly folder: string;
    /** Remembers where what was opened lies. */
    readonly homesFile: string;
    readonly rootless: boolean;
    readonly log: Log;
  }) {
    this.#host = options.host;
    this.#folder = options.folder;
    this.#homesFile = options.homesFile;
    this.#rootless = options.rootless;
    this.#log = options.log;
  }

  /** Keys by the names of their volumes. */
  setKeys(keys: ReadonlyMap<string, string>): void {
    this.#keys.clear();
    for (const [volume, key] of keys) this.#keys.set(volume, key);
  }

  keyOf(volume: string): string | undefined {
    return this.#keys.get(volume);
  }

  /**
   * Where its files are seen when it is open. Below the mount and not the mount itself: while that is not there, neither is
   * this, and no pod can be given an empty folder on an open disk in its place.
   */
  plainOf(volume: string): string {
    return join(this.#pointOf(volume), TOP);
  }

  #pointOf(volume: string): string {
    return join(this.#folder, volume);
  }

  /** Where an opened volume lies encrypted; null: it is none that was ever opened here. */
  async homeOf(volume: string): Promise<string | null> {
    return (await this.#homes())[volume] ?? null;
  }

  async isOpen(volume: string): Promise<boolean> {
    return (await this.#mounted()).has(this.#pointOf(volume));
  }

  /**
   * Its files, to be read and written; made where there are none yet.
   * @param key instead of the one that control gave for the volume of this name
   * @throws Fault volume.key-missing, volume.seal-failed, volume.program-missing
   */
  async open(volume: string, place: SealedPlace, key?: string): Promise<string> {
    return await this.#inTurn(volume, async () => {
      const point = this.#pointOf(volume);
      if ((await this.#mounted()).has(point)) {
        if (await this.#answers(point)) return await this.#topIn(volume);
        // Its program ended: what is left of the mount helps nobody.
        await this.#unmount(point);
      }
      const secret = key ?? this.#keys.get(volume);
      if (secret === undefined) throw volumeFault('volume.key-missing', { volume });
      const { home, files } = place;
      await files.folder(home, 0o700);
      await this.#host.run('mkdir', ['--parents', '--mode=0700', '--', this.#folder], { timeoutMs: TOOL_MS });
      await this.#host.run('mkdir', ['--parents', '--mode=0755', '--', point], { timeoutMs: TOOL_MS });
      const kind = (await this.#kindOf(place)) ?? (await this.#make(volume, place, secret));
      if (kind === 'luks' && place.shared) throw volumeFault('volume.seal-failed', { volume, why: ONE_HOST });
      await (kind === 'luks'
        ? this.#openImage(volume, home, point, secret)
        : this.#openFolder(volume, place, point, secret));
      await this.#remember(volume, home);
      return await this.#topIn(volume);
    });
  }

  async #topIn(volume: string): Promise<string> {
    const plain = this.plainOf(volume);
    await this.#do(volume, 'mkdir', ['--parents', '--mode=0755', '--', plain]);
    return plain;
  }

  /** Closes it: its files are seen no longer. */
  async close(volume: string): Promise<void> {
    await this.#inTurn(volume, async () => {
      const point = this.#pointOf(volume);
      if ((await this.#mounted()).has(point)) {
        const { code, stderr } = await this.#umount(point, false);
        if (code !== 0) throw sealFailed(volume, lastWords(stderr));
      }
      await this.#closeImage(volume);
      await this.#host.run('rmdir', ['--', point], { timeoutMs: TOOL_MS });
    });
  }

  /** Forgets a volume that is no more. */
  async forget(volume: string): Promise<void> {
    await this.#changeHomes(({ [volume]: _gone, ...rest }) => rest);
  }

  /** Volumes that are open, by their names. */
  async opened(): Promise<ReadonlySet<string>> {
    const top = `${this.#folder}/`;
    return new Set([...(await this.#mounted())].flatMap((at) => (at.startsWith(top) ? [at.slice(top.length)] : [])));
  }

  /** Whether it is kept within its size by being a file system of its own. */
  async isImage(home: string): Promise<boolean> {
    return (await this.#host.run('test', ['-e', join(home, IMAGE)], { timeoutMs: TOOL_MS })).code === 0;
  }

  /** Gives an image what the claim has grown by. @returns false: it cannot be told now, or it is closed */
  async grow(volume: string, home: string, bytes: number): Promise<boolean> {
    const image = join(home, IMAGE);
    const size = await this.#host.run('stat', ['--format', '%s', '--', image], { timeoutMs: TOOL_MS });
    if (size.code !== 0) return false;
    if (Number(size.stdout) >= imageBytes(bytes)) return true;
    const key = this.#keys.get(volume);
    if (key === undefined || !(await this.isOpen(volume))) return false;
    await this.#do(volume, 'truncate', ['--size', String(imageBytes(bytes)), '--', image]);
    const loops = await this.#host.run('losetup', ['--associated', image, '--noheadings', '--output', 'NAME'], {
      timeoutMs: TOOL_MS,
    });
    for (const loop of loops.stdout.split('\n').filter((one) => /^\/dev\/loop\d+$/.test(one.trim())))
      await this.#do(volume, 'losetup', ['--set-capacity', loop.trim()]);
    await this.#do(volume, 'cryptsetup', ['resize', '--key-file=-', mapperOf(volume)], key);
    await this.#do(volume, 'resize2fs', [`/dev/mapper/${mapperOf(volume)}`]);
    return true;
  }

  /** How a volume is encrypted that is there; null: there is none. */
  async #kindOf({ home, files }: SealedPlace): Promise<SealKind | null> {
    if ((await files.kind(join(home, IMAGE))) !== null) return 'luks';
    return (await files.kind(join(home, CONFIG))) === null ? null : 'gocryptfs';
  }

  async #make(volume: string, place: SealedPlace, key: string): Promise<SealKind> {
    if (place.bytes > 0 && !place.shared && (await this.#canLuks())) {
      const making = join(place.home, `${IMAGE}.new`);
      // An attempt that was cut short may have left it open, and nothing else can have its name.
      await this.#closeImage(volume);
      // Without its name it was never used: what a stop left of it is made anew.
      await this.#do(volume, 'rm', ['-f', '--', making]);
      await this.#do(volume, 'truncate', ['--size', String(imageBytes(place.bytes)), '--', making]);
      // The key is 256 bits of chance: there is no password to be guessed, and nothing gained by a slow derivation.
      const derive = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
      const words = ['luksFormat', '--type', 'luks2', '--batch-mode', '--key-file=-', ...derive, making];
      await this.#do(volume, 'cryptsetup', words, key);
      await this.#do(volume, 'cryptsetup', ['open', '--type', 'luks2', '--key-file=-', making, mapperOf(volume)], key);
      try {
        await this.#do(volume, 'mkfs.ext4', ['-q', '-m', '0', `/dev/mapper/${mapperOf(volume)}`]);
      } finally {
        await this.#closeImage(volume);
      }
      await this.#do(volume, 'mv', ['--', making, join(place.home, IMAGE)]);
      return 'luks';
    }
    if (!(await this.#host.has('gocryptfs')))
      throw volumeFault('volume.program-missing', { name: volume, program: 'gocryptfs', debian: 'gocryptfs' });
    // What an attempt left that was cut short; with its configuration it would be a volume, and be opened.
    await this.#do(volume, 'rm', ['-f', '--', join(place.home, 'gocryptfs.diriv'), join(place.home, `${CONFIG}.tmp`)]);
    const words = ['-init', '-q', '-scryptn', '10', '--', place.home];
    await this.#do(volume, 'gocryptfs', words, `${key}\n`);
    return 'gocryptfs';
  }

  async #openFolder(volume: string, { home, shared }: SealedPlace, plain: string, key: string): Promise<void> {
    if (!(await this.#host.has('gocryptfs')))
      throw volumeFault('volume.program-missing', { name: volume, program: 'gocryptfs', debian: 'gocryptfs' });
    const words = ['-q', '-allow_other', ...(shared ? ['-sharedstorage'] : []), '--', home, plain];
    await this.#do(volume, 'gocryptfs', words, `${key}\n`);
  }

  async #openImage(volume: string, home: string, plain: string, key: string): Promise<void> {
    const mapper = `/dev/mapper/${mapperOf(volume)}`;
    const isThere = await this.#host.run('test', ['-e', mapper], { timeoutMs: TOOL_MS });
    if (isThere.code !== 0) {
      const words = ['open', '--type', 'luks2', '--key-file=-', join(home, IMAGE), mapperOf(volume)];
      await this.#do(volume, 'cryptsetup', words, key);
    }
    await this.#do(volume, 'mount', ['--types', 'ext4', '--options', 'nosuid,nodev', '--', mapper, plain]);
  }

  async #closeImage(volume: string): Promise<void> {
    const isThere = await this.#host.run('test', ['-e', `/dev/mapper/${mapperOf(volume)}`], { timeoutMs: TOOL_MS });
    if (isThere.code === 0) await this.#do(volume, 'cryptsetup', ['close', mapperOf(volume)]);
  }

  /** Whether this machine can encrypt block devices: the program, and the kernel's target for it. */
  async #canLuks(): Promise<boolean> {
    if (this.#rootless || !(await this.#host.has('cryptsetup')) || !(await this.#host.has('dmsetup'))) return false;
    const asks = async (): Promise<boolean> => {
      const { stdout } = await this.#host.run('dmsetup', ['targets'], { timeoutMs: TOOL_MS });
      return /^crypt\s/m.test(stdout);
    };
    if (await asks()) return true;
    if (!(await this.#host.has('modprobe'))) return false;
    await this.#host.run('modprobe', ['dm-crypt'], { timeoutMs: TOOL_MS });
    return await asks();
  }

  async #answers(plain: string): Promise<boolean> {
    try {
      const { code } = await this.#host.run('stat', ['--file-system', '--', plain], { timeoutMs: 5_000 });
      return code === 0;
    } catch (error) {
      if (error instanceof Fault) return false;
      throw error;
    }
  }

  async #unmount(plain: string): Promise<void> {
    const { code, stderr } = await this.#umount(plain, true);
    if (code !== 0) this.#log.warn({ plain, why: lastWords(stderr) }, 'what was left of an opened volume stays');
  }

  #umount(plain: string, lazy: boolean): ReturnType<MountHost['run']> {
    return this.#host.run('umount', [...(lazy ? ['--lazy'] : []), '--', plain], { timeoutMs: TOOL_MS });
  }

  async #mounted(): Promise<Set<string>> {
    // Asked where the programs run: without root that is another namespace than the agent's.
    const { stdout } = await this.#host.run('cat', ['/proc/self/mountinfo'], { timeoutMs: TOOL_MS });
    return new Set(stdout.split('\n').map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' ')));
  }

  async #do(volume: string, program: string, words: readonly string[], input?: string): Promise<void> {
    const options = { timeoutMs: TOOL_MS, ...(input === undefined ? {} : { input }) };
    const { code, stdout, stderr } = await this.#host.run(program, words, options);
    if (code === 0) return;
    if (/password incorrect|No key available/i.test(`${stdout}${stderr}`))
      throw volumeFault('volume.key-wrong', { volume });
    throw sealFailed(volume, `${program}: ${lastWords(stderr === '' ? stdout : stderr) || `exit ${code}`}`);
  }

  async #inTurn<T>(volume: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#turns.get(volume) ?? Promise.resolve()).then(work);
    const ended = mine.catch(() => undefined);
    this.#turns.set(volume, ended);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(volume) === ended) this.#turns.delete(volume);
    }
  }

  async #remember(volume: string, home: string): Promise<void> {
    if ((await this.#homes())[volume] !== home) await this.#changeHomes((known) => ({ ...known, [volume]: home }));
  }

  /** One change after the other: each reads the whole file and writes it anew. */
  #changeHomes(change: (known: Record<string, string>) => Record<string, string>): Promise<void> {
    const mine = this.#writing.then(async () =>
      this.#host.write(this.#homesFile, JSON.stringify(change(await this.#homes()))),
    );
    this.#writing = mine.catch(() => undefined);
    return mine;
  }

  async #homes(): Promise<Record<string, string>> {
    const text = await this.#host.read(this.#homesFile);
    return text === null ? {} : homes.parse(JSON.parse(text));
  }
}

/** A name for the device mapper, which takes few letters. */
function mapperOf(volume: string): string {
  return `darsena-${createHash('sha256').update(volume).digest('hex').slice(0, 24)}`;
}

function imageBytes(bytes: number): number {
  const sector = 4_096;
  return Math.ceil((Math.max(bytes, 2 ** 24) * TABLES_SHARE + HEADER_BYTES) / sector) * sector;
}

function sealFailed(volume: string, words: string): Fault {
  return volumeFault('volume.seal-failed', { volume, why: words });
}

/** What the warden knows of a container, and what it answers. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, lstatSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { isExcepted, names } from '../../prevent/guard.ts';
import { holdAgainstWriters, letWritersGo } from '../../system/native.ts';
import { openPlainFile, sameBytes } from '../../system/plain-file.ts';
import type { WardenWord } from './messages.ts';

/** Programs larger than this are not hashed: reading them would take longer than the one who asks is kept waiting. */
const HASHED_BYTES_MAX = 256 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const HASHES_KEPT = 512;

/** Layers of an image below a container's own, as its root's mount names them, nearest first. */
export interface Layers {
  /** The container's own; null: it is not known, and nothing in it is a copy of the image's. */
  readonly upper: string | null;
  readonly lower: readonly string[];
}

/** A mount of a container (proc_pid_mountinfo(5)). */
export interface ContainerMount {
  /** The kernel's number of it. */
  readonly id: number;
  readonly path: string;
  readonly type: string;
  /** Options of the file system. */
  readonly options: string;
}

const UNSEEN = new Set(['proc', 'sysfs', 'cgroup', 'cgroup2', 'devpts', 'mqueue', 'securityfs', 'bpf', 'nsfs']);

/** The mounts of a container on which there may be programs. */
export function readMounts(pid: number): ContainerMount[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [id, , , , path] = before.split(' ');
      const [type = '', , options = ''] = after.split(' ');
      if (path === undefined || UNSEEN.has(type)) return [];
      return [{ id: Number(id), path: unescapeMount(path), type, options: unescapeMount(options) }];
    });
}

/** The lower layers of an overlay; null where they cannot be looked into from here. */
export function layersOf({ type, options }: Pick<ContainerMount, 'type' | 'options'>): Layers | null {
  if (type !== 'overlay') return null;
  const given = options.split(',').flatMap((one) => /^lowerdir\+?=(.*)$/.exec(one)?.[1] ?? []);
  const lower = given.flatMap((text) => text.split(/(?<!\\):/).map((path) => path.replaceAll('\\:', ':')));
  const own = /(?:^|,)upperdir=([^,]*)/.exec(options)?.[1] ?? '';
  const upper = own.startsWith('/') ? own : null;
  return lower.length > 0 && lower.every((path) => path.startsWith('/')) ? { upper, lower } : null;
}

/** Blanks and their like stand in octal (proc(5)). */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/**
 * Whether the open file is one of the image: it has the size and both times of a file under the same path in a lower layer. The
 * time of change is the kernel's alone, so nothing that was written later can have it.
 */
export function isOfImage(fd: number, path: string, { lower }: Layers): boolean {
  const own = fstatSync(fd, { bigint: true });
  return lower.some((layer) => {
    const there = lstatSync(`${layer}${path}`, { bigint: true, throwIfNoEntry: false });
    return (
      there?.isFile() === true &&
      there.size === own.size &&
      there.mtimeNs === own.mtimeNs &&
      there.ctimeNs === own.ctimeNs &&
      there.mode === own.mode
    );
  });
}

/** What is changed again within a tick of the kernel's clock has the same time of change: what is so young is waited for. */
const TICK_MS = 20;
const COPIES_KEPT = 1_024;

/** `copy`: it lies in the container's own layer with the bytes of the image; `late`: that was not found out in time. */
export type Origin = 'image' | 'copy' | 'other' | 'late';

/** What the kernel is asked about open files. */
export interface OpenFiles {
  readonly hold: (fd: number) => boolean;
  readonly letGo: (fd: number) => void;
  readonly pathOf: (fd: number) => string;
}

const OPEN_FILES: OpenFiles = {
  hold: holdAgainstWriters,
  letGo: letWritersGo,
  pathOf: (fd) => readlinkSync(`/proc/self/fd/${fd}`),
};

/**
 * Where programs are from. A change of owner or of rights copies a file up (fs/overlayfs/copy_up.c), and start-up scripts do that to whole
 * folders: such a file has other times than the image's, and its bytes are compared. Meanwhile nobody has the file in the own layer open to
 * write, or mapped so: of a mapping the overlay's file knows nothing (ovl_mmap), and what is written through one that was written through
 * before changes no time. Whatever is written afterwards changes its time of change: so an answer holds as long as that time does.
 */
export class Origins {
  /** Of what was compared how far, and what came of it. */
  readonly #copies = new Map<string, { at: number; isSame: boolean | null }>();
  readonly #files: OpenFiles;

  constructor(files: OpenFiles = OPEN_FILES) {
    this.#files = files;
  }

  /** @param untilMs by when comparing has to be done: others wait behind it. What is not done goes on the next time */
  of(fd: number, path: string, layers: Layers, untilMs: number): Origin {
    if (isOfImage(fd, path, layers)) return 'image';
    const below = layers.lower.find((layer) => lstatSync(`${layer}${path}`, { throwIfNoEntry: false }) !== undefined);
    if (below === undefined || layers.upper === null) return 'other';
    const { dev, ino, size, ctimeNs, ctimeMs } = fstatSync(fd, { bigint: true });
    const key = `${dev} ${ino} ${size} ${ctimeNs} ${below}${path}`;
    const known = this.#copies.get(key) ?? { at: 0, isSame: null };
    if (known.isSame !== null) return known.isSame ? 'copy' : 'other';
    const now = Date.now();
    const youngMs = Math.min(TICK_MS - (now - Number(ctimeMs)), TICK_MS);
    // Who starts many at once must not keep the others waiting for each of them.
    if (now + Math.max(youngMs, 0) > untilMs) return 'late';
    if (youngMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, youngMs);
    const isAsItWas = (one: number): boolean => {
      const now = fstatSync(one, { bigint: true });
      return now.size === size && now.ctimeNs === ctimeNs;
    };
    const opened: number[] = [];
    const open = (layer: string): number => {
      const one = openPlainFile(layer, path);
      opened.push(one);
      return one;
    };
    try {
      const image = open(below);
      if (fstatSync(image, { bigint: true }).size !== size) return 'other';
      const own = open(layers.upper);
      // A file that takes another name has another time of change: with the same one it has been under this name until the end.
      if (this.#files.pathOf(fd) !== path || !isAsItWas(own) || !this.#files.hold(own)) return 'other';
      try {
        const goesOn = (at: number): boolean => {
          known.at = at;
          return Date.now() <= untilMs;
        };
        known.isSame = sameBytes(image, fd, { from: known.at, goesOn });
        if (!isAsItWas(fd) || !isAsItWas(own)) return 'other';
      } finally {
        this.#files.letGo(own);
      }
    } catch {
      return 'other'; // a link, a device, or gone
    } finally {
      for (const one of opened) closeSync(one);
    }
    this.#copies.set(key, known);
    const [oldest] = this.#copies.keys();
    if (this.#copies.size > COPIES_KEPT && oldest !== undefined) this.#copies.delete(oldest);
    return known.isSame === null ? 'late' : known.isSame ? 'copy' : 'other';
  }
}

/** SHA-256 of open files, remembered for as long as the file is the same. */
export class Hashes {
  readonly #known = new Map<string, string>();

  /** @returns null when the file is too large, or the time is over */
  of(fd: number, untilMs: number): string | null {
    const { dev, ino, size, ctimeNs } = fstatSync(fd, { bigint: true });
    const key = `${dev} ${ino} ${size} ${ctimeNs}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (size > HASHED_BYTES_MAX) return null;
    const hash = createHash('sha256');
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let at = 0; ; ) {
      if (Date.now() > untilMs) return null;
      const read = readSync(fd, piece, 0, PIECE_BYTES, at);
      if (read === 0) break;
      hash.update(piece.subarray(0, read));
      at += read;
    }
    const digest = hash.digest('hex');
    this.#known.set(key, digest);
    if (this.#known.size > HASHES_KEPT) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return digest;
  }
}

export interface JudgeTools {
  readonly hashes: Hashes;
  readonly origins: Origins;
  /** Tells the kernel's programs that the open file has the bytes of the image. */
  readonly vouch?: (fd: number) => void;
}

export type Answer = { readonly rule: number; readonly late: boolean } | null;

/** What is said of a program that is to be started; null: nothing is. */
export function judgeExec(
  word: WardenWord,
  layers: Layers | null,
  file: { readonly fd: number; readonly path: string },
  { hashes, origins, vouch = () => undefined }: JudgeTools,
  untilMs: number,
): Answer {
  const { guard } = word;
  const asked = word.commands.flatMap((place) => guard.commands[place] ?? []);
  const named = asked.find((one) => names(one, file.path));
  let said: Answer = named === undefined ? null : { rule: named.rule, late: false };
  // What is only reported ends nothing: a rule that acts may follow.
  const isActed = (): boolean => said !== null && guard.rules[said.rule]?.effect === 'act';
  const hashed = asked.filter(({ kind }) => kind === 'hash');
  const [first] = hashed;
  if (!isActed() && first !== undefined) {
    const hash = hashes.of(file.fd, untilMs);
    const found = hash === null ? first : hashed.find(({ pattern }) => pattern === hash);
    if (found !== undefined && (said === null || guard.rules[found.rule]?.effect === 'act'))
      said = { rule: found.rule, late: hash === null };
  }
  if ((isActed() && said?.late !== true) || guard.drift === null || !(word.drift || word.vouch)) return said;
  const isExempt = isExcepted(guard.except, file.path);
  const isMute = said !== null && guard.rules[guard.drift]?.effect !== 'act';
  if (isExempt || (isMute && !word.vouch)) return said;
  const origin = layers === null ? 'other' : origins.of(file.fd, file.path, layers, untilMs);
  if (origin === 'copy' && word.vouch) vouch(file.fd);
  if (origin === 'image' || origin === 'copy' || isMute || !word.drift) return said;
  return { rule: guard.drift, late: origin === 'late' };
}

/** What is said of a file that is to be opened; null: nothing is. */
export function judgeOpen(word: WardenWord, path: string): Answer {
  const found = word.files.flatMap((place) => word.guard.files[place] ?? []).find((one) => names(one, path));
  return found === undefined ? null : { rule: found.rule, late: false };
}

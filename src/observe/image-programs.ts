/**
 * Programs that lie in the writable layer of a container and are the image's all the same. A change of owner or of rights copies
 * a file up (fs/overlayfs/copy_up.c), and start-up scripts do that to whole folders. The kernel does not say it; so the bytes
 * are compared with those of the layer below. The file must be a copy of that very file, as its number says, and the one that was
 * executed, as the time of its last change says, which no program can set.
 *
 * Layers are looked into from the host, where a link of the image or of the container would lead to the host's own files.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ProcessFacts } from '../events/index.ts';
import {
  COMPARED_BYTES_A_SECOND,
  COMPARED_BYTES_MAX,
  COMPARED_PROGRAMS_MAX,
  LAYERED_CONTAINERS_MAX,
  MOUNTS_BYTES_MAX,
} from './limits.ts';

const PIECE_BYTES = 1024 * 1024;
/** Of fcntl.h, on x86 and ARM alike. What it opens is looked at and not begun: a device would begin something, a FIFO would wait. */
const O_PATH = 0o10000000;

export interface Layers {
  readonly upper: string;
  /** The topmost first. */
  readonly lower: readonly string[];
}

/** Of what is no overlay of the host's, or names its layers in another way. */
const NONE: Layers = { upper: '', lower: [] };

export class ImagePrograms {
  readonly #layers = new Map<string, Layers>();
  readonly #known = new Map<string, boolean>();
  readonly #layersOf: (pid: number) => Layers | null;
  readonly #nowMs: () => number;
  #budget = COMPARED_BYTES_MAX;
  #budgetAtMs: number;

  constructor(layersOf: (pid: number) => Layers | null = readLayers, nowMs: () => number = () => performance.now()) {
    this.#layersOf = layersOf;
    this.#nowMs = nowMs;
    this.#budgetAtMs = nowMs();
  }

  /**
   * Whether the program has the bytes of the image; false also when that cannot be said.
   *
   * @param where the container and the mount namespace: the number of a namespace alone is the next container's as soon as it is free
   */
  has(process: ProcessFacts, where: string): boolean {
    const { exePath, exeInode, exeChangedNs } = process;
    if (!exePath.startsWith('/') || exeInode === 0 || exeChangedNs === 0) return false;
    const key = `${where} ${exeInode} ${exeChangedNs} ${exePath}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const layers = this.#layersAt(where, process.pid);
    if (layers === null) return false;
    const answer = this.#compare(layers, process);
    if (answer === null) return false;
    this.#known.set(key, answer);
    forgetOldest(this.#known, COMPARED_PROGRAMS_MAX);
    return answer;
  }

  #layersAt(where: string, pid: number): Layers | null {
    const known = this.#layers.get(where);
    if (known !== undefined) return known;
    const layers = this.#layersOf(pid);
    // A process that has ended says nothing of the next one.
    if (layers === null) return null;
    this.#layers.set(where, layers);
    forgetOldest(this.#layers, LAYERED_CONTAINERS_MAX);
    return layers;
  }

  /** Null: it was not looked at, for want of time. */
  #compare({ upper, lower }: Layers, { exePath, exeInode, exeChangedNs }: ProcessFacts): boolean | null {
    let image: number | null = null;
    let own: number | null = null;
    try {
      const below = lower.find((layer) => lstatSync(join(layer, exePath), { throwIfNoEntry: false }) !== undefined);
      if (below === undefined) return false;
      image = openFile(below, exePath);
      own = openFile(upper, exePath);
      const [was, is] = [fstatSync(image, { bigint: true }), fstatSync(own, { bigint: true })];
      if (was.size !== is.size) return false;
      // The kernel tells times and numbers of its own here, which JavaScript keeps to the nearest 256 ns.
      if (Number(is.ctimeNs) !== exeChangedNs || Number(was.ino) !== exeInode) return false;
      if (!this.#spend(2 * Number(is.size))) return null;
      // What is written over while it is read has another time afterwards.
      return sameBytes(image, own) && fstatSync(own, { bigint: true }).ctimeNs === is.ctimeNs;
    } catch {
      return false;
    } finally {
      if (image !== null) closeSync(image);
      if (own !== null) closeSync(own);
    }
  }

  #spend(bytes: number): boolean {
    const now = this.#nowMs();
    const more = ((now - this.#budgetAtMs) / 1_000) * COMPARED_BYTES_A_SECOND;
    this.#budget = Math.min(COMPARED_BYTES_MAX, this.#budget + more);
    this.#budgetAtMs = now;
    if (bytes > this.#budget) return false;
    this.#budget -= bytes;
    return true;
  }
}

/** The layers of what is mounted at the root of a process; null when it has ended. */
export function readLayers(pid: number): Layers | null {
  try {
    const own = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
    return layersIn(own, readFileSync('/proc/self/mountinfo', 'utf8')) ?? NONE;
  } catch {
    return null; // it ended meanwhile
  }
}

/**
 * proc(5), mountinfo: octal for what would part the words; overlayfs: colons between layers, and a backslash before one in a name.
 *
 * @param host the mounts of the host, which has the overlay of each container among its own. One that a program mounted within a
 *   container is not there, and names folders as that program sees them, which are others for the host.
 */
export function layersIn(mounts: string, host: string): Layers | null {
  if (mounts.length > MOUNTS_BYTES_MAX) return null;
  const root = mounts.split('\n').findLast((line) => line.split(' ')[4] === '/');
  const [before = '', after] = root?.split(' - ') ?? [];
  const [, , device = ''] = before.split(' ');
  if (device === '' || !host.split('\n').some((line) => line.split(' ', 3)[2] === device)) return null;
  const [type, , options = ''] = after?.split(' ') ?? [];
  if (type !== 'overlay') return null;
  const named = options.split(/(?<!\\),/).map((one) => one.replace(/\\([0-7]{3})/g, (_, code: string) => octal(code)));
  const valuesOf = (name: string): string[] =>
    named.filter((one) => one.startsWith(`${name}=`)).map((one) => one.slice(name.length + 1));
  const lower = [...valuesOf('lowerdir').flatMap((value) => value.split(/(?<!\\):/)), ...valuesOf('lowerdir+')].map(
    (path) => path.replace(/\\([\\:,])/g, '$1'),
  );
  const [upper] = valuesOf('upperdir');
  const isWhole =
    upper !== undefined && isAbsolute(upper) && lower.length > 0 && lower.every((path) => isAbsolute(path));
  return isWhole ? { upper, lower } : null;
}

function octal(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 8));
}

/** A plain file below the folder, with no link on the way there. Throws for anything else. */
function openFile(folder: string, path: string): number {
  let at = openSync(folder, O_PATH);
  try {
    for (const name of path.split('/').filter((one) => one !== '')) {
      const next = openSync(`/proc/self/fd/${at}/${name}`, O_PATH | constants.O_NOFOLLOW);
      closeSync(at);
      at = next;
    }
    if (!fstatSync(at).isFile()) throw new TypeError('no plain file');
    return openSync(`/proc/self/fd/${at}`, constants.O_RDONLY);
  } finally {
    closeSync(at);
  }
}

function sameBytes(one: number, other: number): boolean {
  const [a, b] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
  for (let at = 0; ; ) {
    const read = readSync(one, a, 0, PIECE_BYTES, at);
    if (read !== readSync(other, b, 0, PIECE_BYTES, at)) return false;
    if (read === 0) return true;
    if (!a.subarray(0, read).equals(b.subarray(0, read))) return false;
    at += read;
  }
}

function forgetOldest<Key>(map: Map<Key, unknown>, max: number): void {
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}

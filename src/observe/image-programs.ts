/**
 * Programs that lie in the writable layer of a container and are the image's all the same. A change of owner or of rights copies
 * a file up (fs/overlayfs/copy_up.c), and start-up scripts do that to whole folders. The kernel does not say it; so the bytes
 * are compared with those of the layer below. The file must be a copy of that very file, as its number says, and the one that was
 * executed, as the time of its last change says, which no program can set. Nobody may have had it open to write when it was
 * executed: through a mapping that was written through before, bytes change and that time does not.
 *
 * Layers are looked into from the host, where a link of the image or of the container would lead to the host's own files.
 */
import { closeSync, fstatSync, lstatSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { EXE_FLAG, type ProcessFacts } from '../events/index.ts';
import { openPlainFile, sameBytes } from '../system/plain-file.ts';
import {
  CHANGED_LATELY_MS,
  COMPARED_AT_ONCE_BYTES,
  COMPARED_BYTES_A_SECOND,
  COMPARED_BYTES_MAX,
  COMPARED_LATER_MAX,
  COMPARED_LATER_MS,
  COMPARED_PROGRAMS_MAX,
  LAYERED_CONTAINERS_MAX,
  MOUNTS_BYTES_MAX,
} from './limits.ts';

export interface Layers {
  readonly upper: string;
  /** The topmost first. */
  readonly lower: readonly string[];
}

/** Of what is no overlay of the host's, or names its layers in another way. */
const NONE: Layers = { upper: '', lower: [] };

/** Two open files, to be compared beside the reading of events; whoever takes them answers once, by their number. */
export interface Comparison {
  readonly id: number;
  readonly image: number;
  readonly own: number;
}

interface Later extends Comparison {
  readonly key: string;
  readonly changedNs: bigint;
  readonly sinceMs: number;
}

export interface ImageProgramsOptions {
  readonly layersOf?: (pid: number) => Layers | null;
  readonly nowMs?: () => number;
  /** Compares large programs elsewhere, and tells with `compared`. Default: all are compared at once. */
  readonly compareLater?: (comparison: Comparison) => void;
}

export class ImagePrograms {
  readonly #layers = new Map<string, Layers>();
  readonly #known = new Map<string, boolean>();
  /** Under way elsewhere, by what is asked. */
  readonly #later = new Map<string, Later>();
  #lastId = 0;
  readonly #layersOf: (pid: number) => Layers | null;
  readonly #nowMs: () => number;
  readonly #compareLater: ((comparison: Comparison) => void) | null;
  #budget = COMPARED_BYTES_MAX;
  #budgetAtMs: number;

  constructor(options: ImageProgramsOptions = {}) {
    this.#layersOf = options.layersOf ?? readLayers;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#compareLater = options.compareLater ?? null;
    this.#budgetAtMs = this.#nowMs();
  }

  /**
   * Whether the program has the bytes of the image; false also when that cannot be said.
   *
   * @param where the container and the mount namespace: the number of a namespace alone is the next container's as soon as it is free
   */
  has(process: ProcessFacts, where: string): boolean {
    const { exePath, exeInode, exeChangedNs, exeFlags } = process;
    if (!exePath.startsWith('/') || exeInode === 0 || exeChangedNs === 0) return false;
    if ((exeFlags & EXE_FLAG.writers) !== 0) return false;
    const key = keyOf(process, where);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#later.has(key)) return false;
    const layers = this.#layersAt(where, process.pid);
    if (layers === null) return false;
    const answer = this.#compare(layers, process, key);
    if (answer === null) return false;
    if (!answer.isYoung) this.#know(key, answer.isSame);
    return answer.isSame;
  }

  /** Whether that is being found out: what the process does is judged when it is, and not much later. */
  isUndecided(process: ProcessFacts, where: string): boolean {
    if (this.#compareLater === null) return false;
    const key = keyOf(process, where);
    if (!this.#known.has(key) && !this.#later.has(key)) this.has(process, where);
    const later = this.#later.get(key);
    return later !== undefined && this.#nowMs() - later.sinceMs < COMPARED_LATER_MS;
  }

  /** Whether anything is being found out. */
  get isComparing(): boolean {
    return this.#later.size > 0;
  }

  /** The answer to a comparison. @returns whether anybody had asked */
  compared(id: number, isSame: boolean): boolean {
    const later = [...this.#later.values()].find((one) => one.id === id);
    if (later === undefined) return false;
    this.#later.delete(later.key);
    let stands = false;
    try {
      // What is written over while it is read has another time afterwards.
      stands = fstatSync(later.own, { bigint: true }).ctimeNs === later.changedNs;
    } finally {
      closeSync(later.image);
      closeSync(later.own);
    }
    this.#know(later.key, isSame && stands);
    return true;
  }

  #know(key: string, isSame: boolean): void {
    this.#known.set(key, isSame);
    forgetOldest(this.#known, COMPARED_PROGRAMS_MAX);
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

  /** Null: it was not looked at, for want of time, or is being looked at elsewhere. */
  #compare(
    { upper, lower }: Layers,
    { exePath, exeInode, exeChangedNs }: ProcessFacts,
    key: string,
  ): { readonly isSame: boolean; readonly isYoung: boolean } | null {
    const no = { isSame: false, isYoung: false };
    let image: number | null = null;
    let own: number | null = null;
    try {
      const below = lower.find((layer) => lstatSync(join(layer, exePath), { throwIfNoEntry: false }) !== undefined);
      if (below === undefined) return no;
      image = openPlainFile(below, exePath);
      own = openPlainFile(upper, exePath);
      const [was, is] = [fstatSync(image, { bigint: true }), fstatSync(own, { bigint: true })];
      if (was.size !== is.size) return no;
      // The kernel tells times and numbers of its own here, which JavaScript keeps to the nearest 256 ns.
      if (Number(is.ctimeNs) !== exeChangedNs || Number(was.ino) !== exeInode) return no;
      if (!this.#spend(2 * Number(is.size))) return null;
      if (this.#compareLater !== null && is.size > COMPARED_AT_ONCE_BYTES) {
        if (this.#later.size >= COMPARED_LATER_MAX) return null;
        const later = { id: ++this.#lastId, image, own, key, changedNs: is.ctimeNs, sinceMs: this.#nowMs() };
        this.#later.set(key, later);
        [image, own] = [null, null];
        this.#compareLater({ id: later.id, image: later.image, own: later.own });
        return null;
      }
      // What is written over while it is read has another time afterwards.
      const isSame = sameBytes(image, own) === true && fstatSync(own, { bigint: true }).ctimeNs === is.ctimeNs;
      return { isSame, isYoung: isSame && Date.now() - Number(is.ctimeMs) < CHANGED_LATELY_MS };
    } catch {
      return no;
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

function keyOf({ exePath, exeInode, exeChangedNs }: ProcessFacts, where: string): string {
  return `${where} ${exeInode} ${exeChangedNs} ${exePath}`;
}

function forgetOldest<Key>(map: Map<Key, unknown>, max: number): void {
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}

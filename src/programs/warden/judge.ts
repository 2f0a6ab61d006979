/** What the warden knows of a container, and what it answers. */
import { createHash } from 'node:crypto';
import { fstatSync, lstatSync, readFileSync, readSync } from 'node:fs';
import { isExcepted, names } from '../../prevent/guard.ts';
import type { WardenWord } from './messages.ts';

/** Programs larger than this are not hashed: reading them would take longer than the one who asks is kept waiting. */
const HASHED_BYTES_MAX = 256 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const HASHES_KEPT = 512;

/** Layers of an image below a container's own, as its root's mount names them, nearest first. */
export interface Layers {
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
  return lower.length > 0 && lower.every((path) => path.startsWith('/')) ? { lower } : null;
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

export type Answer = { readonly rule: number; readonly late: boolean } | null;

/** What is said of a program that is to be started; null: nothing is. */
export function judgeExec(
  word: WardenWord,
  layers: Layers | null,
  file: { readonly fd: number; readonly path: string },
  hashes: Hashes,
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
  if ((isActed() && said?.late !== true) || !word.drift || guard.drift === null) return said;
  if (said !== null && guard.rules[guard.drift]?.effect !== 'act') return said;
  if (isExcepted(guard.except, file.path)) return said;
  return layers !== null && isOfImage(file.fd, file.path, layers) ? said : { rule: guard.drift, late: false };
}

/** What is said of a file that is to be opened; null: nothing is. */
export function judgeOpen(word: WardenWord, path: string): Answer {
  const found = word.files.flatMap((place) => word.guard.files[place] ?? []).find((one) => names(one, path));
  return found === undefined ? null : { rule: found.rule, late: false };
}

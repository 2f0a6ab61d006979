import { FormatError } from './errors.ts';
import { TAR_LIMITS, type TarLimits } from './limits.ts';

export type TarKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character-device' | 'block-device' | 'fifo';

export interface TarEntry {
  /** As the archive spells it: it may be absolute or climb with `..`; see `cleanTarPath`. */
  readonly path: string;
  readonly kind: TarKind;
  /** Of symlinks and hard links, as the archive spells it; otherwise empty. */
  readonly linkTarget: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, whole. */
  readonly mtimeSeconds: number;
  /** Capabilities of the kernel that whoever executes the file gets, a bit each from 0 (capabilities(7)); nearly always 0. */
  readonly capabilities: number;
  /** The place among the entries of the archive, from 0; extended headers do not count. */
  readonly ordinal: number;
  /** Where its bytes start in the archive, for readers that can seek. */
  readonly offsetBytes: number;
}

/** Takes the bytes of one entry. Chunks are views that are valid only during the call. */
export interface TarSink {
  write(chunk: Uint8Array): void;
  end(): void;
}

/**
 * Reads a tar as it flows by: bytes go in by `write`, entries come out by the visitor, which answers with a sink for the
 * entries whose bytes it wants. Understands ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU long names and base-256
 * numbers. GNU sparse files and pax sparse maps are refused: their size on disk is whatever they claim.
 *
 * Header (offset, length): name 0 100, mode 100 8, uid 108 8, gid 116 8, size 124 12, mtime 136 12, checksum 148 8,
 * type 156 1, link 157 100, magic 257 6, version 263 2, prefix 345 155.
 *
 * @throws FormatError with a `tar.*` code that names the entry
 */
export class TarReader {
  readonly #visit: (entry: TarEntry) => TarSink | null;
  readonly #limits: TarLimits;
  readonly #header = Buffer.alloc(BLOCK);
  #headerFill = 0;
  #sink: TarSink | null = null;
  #bodyLeft = 0;
  #paddingLeft = 0;
  #headers = 0;
  #ordinal = 0;
  #zeroBlocks = 0;
  #offset = 0;
  /** Set by extended headers, used up by the next plain one. */
  #next: Extended = NOTHING;
  /** pax global headers (type g) hold until replaced. */
  #global: Extended = NOTHING;

  constructor(visit: (entry: TarEntry) => TarSink | null, limits: Partial<TarLimits> = {}) {
    this.#visit = visit;
    this.#limits = { ...TAR_LIMITS, ...limits };
  }

  get entries(): number {
    return this.#ordinal;
  }

  write(chunk: Uint8Array): void {
    // One view of the whole piece: texts are then read off headers without a view of each.
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const take = Math.min(this.#bodyLeft, chunk.length - at);
        if (this.#sink) this.#sink.write(chunk.subarray(at, at + take));
        this.#bodyLeft -= take;
        at += take;
        if (this.#bodyLeft === 0) this.#finishBody();
      } else if (this.#paddingLeft > 0) {
        const take = Math.min(this.#paddingLeft, chunk.length - at);
        this.#paddingLeft -= take;
        at += take;
      } else if (this.#zeroBlocks >= 2) {
        // What follows the end mark is padding to the record size; other readers do not look at it either.
        break;
      } else if (this.#headerFill === 0 && chunk.length - at >= BLOCK) {
        this.#readHeader(bytes, at, this.#offset + at + BLOCK);
        at += BLOCK;
      } else {
        const take = Math.min(BLOCK - this.#headerFill, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + take), this.#headerFill);
        this.#headerFill += take;
        at += take;
        if (this.#headerFill === BLOCK) {
          this.#headerFill = 0;
          this.#readHeader(this.#header, 0, this.#offset + at);
        }
      }
    }
    this.#offset += chunk.length;
  }

  /** Says that no more bytes come. A missing end mark is accepted, as GNU tar and Go do; a cut entry is not. */
  end(): void {
    if (this.#bodyLeft > 0 || this.#headerFill > 0 || this.#next.path !== undefined) {
      throw new FormatError('tar.truncated', `tar ends inside entry ${this.#ordinal} at byte ${this.#offset}`);
    }
  }

  #finishBody(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
  }

  /** @param start of the header in `bytes`: a view of each would cost more than reading it */
  #readHeader(bytes: Buffer, start: number, offsetBytes: number): void {
    if (isZero(bytes, start)) {
      this.#zeroBlocks++;
      return;
    }
    this.#zeroBlocks = 0;
    if (++this.#headers > this.#limits.maxEntries) {
      throw new FormatError('tar.entry-limit', `tar has more than ${this.#limits.maxEntries} entries`);
    }
    const place = (): string => `entry ${this.#ordinal}`;
    checkChecksum(bytes, start, place);
    const type = String.fromCharCode(bytes[start + 156] ?? 0);
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') this.#startExtended(bytes, start, type, place);
    else this.#startEntry(bytes, start, type, place, offsetBytes);
  }

  #startExtended(bytes: Buffer, start: number, type: string, place: () => string): void {
    const size = readNumber(bytes, start + 124, 12, 'size', place);
    if (size > this.#limits.maxExtendedBytes) {
      throw new FormatError(
        'tar.extended-header',
        `tar ${place()} has an extended header of ${size} bytes, the limit is ${this.#limits.maxExtendedBytes}`,
      );
    }
    const body = new Uint8Array(size);
    let fill = 0;
    const sink: TarSink = {
      write: (chunk) => {
        body.set(chunk, fill);
        fill += chunk.length;
      },
      end: () => {
        if (type === 'L') this.#next = { ...this.#next, path: readLongName(body) };
        else if (type === 'K') this.#next = { ...this.#next, linkTarget: readLongName(body) };
        else if (type === 'x') this.#next = { ...this.#next, ...readPax(body, place) };
        else this.#global = { ...this.#global, ...readPax(body, place) };
      },
    };
    this.#startBody(size, sink);
  }

  #startEntry(bytes: Buffer, start: number, type: string, place: () => string, offsetBytes: number): void {
    const isPlain = this.#next === NOTHING && this.#global === NOTHING;
    const extended = isPlain ? NOTHING : { ...this.#global, ...this.#next };
    this.#next = NOTHING;
    const path = extended.path ?? readHeaderPath(bytes, start);
    const named = (): string => `${place()} (${quote(path)})`;
    const linkTarget = extended.linkTarget ?? readText(bytes, start + 157, 100);
    if (extended.sparse || type === 'S') {
      throw new FormatError('tar.unsupported', `tar ${named()} is a sparse file, which is refused`);
    }
    const kind = kindOf(type, path, named);
    const claimed = extended.sizeBytes ?? readNumber(bytes, start + 124, 12, 'size', named);
    if (claimed > this.#limits.maxEntryBytes) {
      throw new FormatError(
        'tar.size',
        `tar ${named()} claims ${claimed} bytes, the limit is ${this.#limits.maxEntryBytes}`,
      );
    }
    checkName(path, named, this.#limits.maxNameBytes);
    // Links and directories carry no bytes whatever their size field says (Go and GNU tar agree); files do.
    const sizeBytes = kind === 'file' ? claimed : 0;
    if (kind === 'hardlink' || kind === 'symlink')
      checkName(linkTarget, () => `${named()} link target`, this.#limits.maxNameBytes);
    const entry: TarEntry = {
      path,
      kind,
      linkTarget: kind === 'hardlink' || kind === 'symlink' ? linkTarget : '',
      sizeBytes,
      mode: readNumber(bytes, start + 100, 8, 'mode', named) & 0o7777,
      uid: extended.uid ?? readNumber(bytes, start + 108, 8, 'uid', named),
      gid: extended.gid ?? readNumber(bytes, start + 116, 8, 'gid', named),
      mtimeSeconds: extended.mtimeSeconds ?? readNumber(bytes, start + 136, 12, 'mtime', named, { negative: true }),
      capabilities: kind === 'file' ? (extended.capabilities ?? 0) : 0,
      ordinal: this.#ordinal++,
      offsetBytes,
    };
    this.#startBody(sizeBytes, this.#visit(entry));
  }

  #startBody(size: number, sink: TarSink | null): void {
    this.#bodyLeft = size;
    this.#paddingLeft = (BLOCK - (size % BLOCK)) % BLOCK;
    this.#sink = sink;
    if (size === 0) this.#finishBody();
  }
}

/** One file of an archive with its bytes. */
export interface TarFile {
  readonly entry: TarEntry;
  readonly bytes: Uint8Array;
}

/**
 * Reads the entries a caller wants from an archive that arrives in chunks; others are skipped without being kept.
 * Entries that are not files come with no bytes.
 *
 * @param wants asked once an entry; @default all
 * @param options `maxFileBytes` bounds what is kept of one wanted file. @default 64 MiB
 * @throws FormatError with a `tar.*` code
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  wants: (entry: TarEntry) => boolean = () => true,
  options: Partial<TarLimits> & { maxFileBytes?: number } = {},
): AsyncGenerator<TarFile> {
  const maxFileBytes = options.maxFileBytes ?? 64 * 1024 * 1024;
  const ready: TarFile[] = [];
  const reader = new TarReader((entry) => {
    if (!wants(entry)) return null;
    if (entry.sizeBytes > maxFileBytes) {
      throw new FormatError(
        'tar.size',
        `tar entry ${quote(entry.path)} has ${entry.sizeBytes} bytes, the limit is ${maxFileBytes}`,
      );
    }
    const parts: Uint8Array[] = [];
    return {
      write: (chunk) => parts.push(chunk.slice()),
      end: () => ready.push({ entry, bytes: Buffer.concat(parts) }),
    };
  }, options);
  for await (const chunk of source) {
    reader.write(chunk);
    yield* ready.splice(0);
  }
  reader.end();
  yield* ready.splice(0);
}

/**
 * The path inside the root an archive is unpacked into: no leading `/` or `./`, no `.` and no `..`; the root is ''.
 * Null when the path climbs out of the root.
 */
export function cleanTarPath(path: string): string | null {
  if (PLAIN_PATH.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join('/');
}

const BLOCK = 512;
/** Nearly all names; spares the split. */
const PLAIN_PATH = /^[^/.][^/]*(?:\/[^/.][^/]*)*$/;

interface Extended {
  readonly path?: string;
  readonly linkTarget?: string;
  readonly sizeBytes?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSeconds?: number;
  readonly capabilities?: number;
  readonly sparse?: boolean;
}

/** Nearly every entry has no extended header. */
const NOTHING: Extended = {};

function kindOf(type: string, path: string, named: () => string): TarKind {
  switch (type) {
    case '0':
    case '7':
      return 'file';
    case '\0':
      // Before POSIX a directory was a file whose name ended in a slash.
      return path.endsWith('/') ? 'directory' : 'file';
    case '1':
      return 'hardlink';
    case '2':
      return 'symlink';
    case '3':
      return 'character-device';
    case '4':
      return 'block-device';
    case '5':
      return 'directory';
    case '6':
      return 'fifo';
    default:
      throw new FormatError('tar.unsupported', `tar ${named()} has the unknown type ${quote(type)}`);
  }
}

function checkName(path: string, named: () => string, maxNameBytes: number): void {
  if (path === '') throw new FormatError('tar.name', `tar ${named()} has no name`);
  if (path.includes('\0')) throw new FormatError('tar.name', `tar ${named()} has a NUL in its name`);
  if (path.length > maxNameBytes) {
    throw new FormatError(
      'tar.name',
      `tar ${named()} has a name of ${path.length} bytes, the limit is ${maxNameBytes}`,
    );
  }
}

/** The sum of all bytes with the checksum field read as spaces; some old writers summed signed bytes. */
function checkChecksum(bytes: Uint8Array, start: number, place: () => string): void {
  let unsigned = 0;
  for (let at = start; at < start + BLOCK; at += 4) {
    unsigned +=
      (bytes[at] as number) + (bytes[at + 1] as number) + (bytes[at + 2] as number) + (bytes[at + 3] as number);
  }
  for (let at = start + 148; at < start + 156; at++) unsigned += 0x20 - (bytes[at] as number);
  const stated = readNumber(bytes, start + 148, 8, 'checksum', place);
  if (stated !== unsigned && stated !== unsigned - 256 * highBytes(bytes, start)) {
    throw new FormatError('tar.checksum', `tar ${place()} has the header checksum ${stated}, expected ${unsigned}`);
  }
}

/** Bytes above 127 outside of the checksum field. */
function highBytes(bytes: Uint8Array, start: number): number {
  let high = 0;
  for (let at = start; at < start + BLOCK; at++) {
    if (at < start + 148 || at >= start + 156) high += (bytes[at] as number) >> 7;
  }
  return high;
}

/** Octal text, or two's complement in base 256 when the top bit is set (GNU and star). */
function readNumber(
  block: Uint8Array,
  offset: number,
  length: number,
  field: string,
  named: () => string,
  options: { negative?: boolean } = {},
): number {
  const first = block[offset] as number;
  let value = 0;
  if (first & 0x80) {
    const isNegative = (first & 0x40) !== 0;
    value = first & 0x3f;
    if (isNegative) value -= 0x40;
    for (let at = offset + 1; at < offset + length; at++) value = value * 256 + (block[at] as number);
  } else {
    let at = offset;
    const end = offset + length;
    while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
    for (; at < end; at++) {
      const byte = block[at] as number;
      if (byte === 0x20 || byte === 0) break;
      if (byte < 0x30 || byte > 0x37) {
        throw new FormatError('tar.header', `tar ${named()} has a ${field} that is not octal`);
      }
      value = value * 8 + (byte - 0x30);
    }
  }
  if (!Number.isSafeInteger(value) || (value < 0 && !options.negative)) {
    throw new FormatError('tar.header', `tar ${named()} has the impossible ${field} ${value}`);
  }
  return value;
}

function readHeaderPath(bytes: Buffer, start: number): string {
  const name = readText(bytes, start, 100);
  // Only POSIX headers ("ustar\0") have a prefix; GNU ("ustar ") keeps times there.
  const isPosix = bytes[start + 257] === 0x75 && bytes[start + 261] === 0x72 && bytes[start + 262] === 0;
  const prefix = isPosix ? readText(bytes, start + 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

function readText(block: Buffer, offset: number, length: number): string {
  let end = offset;
  const stop = offset + length;
  let isAscii = true;
  while (end < stop && block[end] !== 0) {
    if ((block[end] as number) > 0x7f) isAscii = false;
    end++;
  }
  // For short ASCII names this is several times faster than a TextDecoder call.
  return isAscii ? block.toString('latin1', offset, end) : utf8.decode(block.subarray(offset, end));
}

function readLongName(body: Uint8Array): string {
  return readText(Buffer.from(body.buffer), 0, body.length);
}

/** Records of the form "LENGTH KEY=VALUE\n" where LENGTH counts the whole record (POSIX.1-2001 pax, 4.18). */
function readPax(body: Uint8Array, place: () => string): Extended {
  const found: { -readonly [K in keyof Extended]: Extended[K] } = {};
  const refuse = (why: string): never => {
    throw new FormatError('tar.extended-header', `tar ${place()} has a pax header that ${why}`);
  };
  let at = 0;
  while (at < body.length) {
    if (body[at] === 0) break; // padding some writers count in
    const space = body.indexOf(0x20, at);
    const length = space < 0 || space - at > 10 ? Number.NaN : Number(utf8.decode(body.subarray(at, space)));
    if (!Number.isInteger(length) || length < 4 || at + length > body.length) refuse('states an impossible length');
    if (body[at + length - 1] !== 0x0a) refuse('does not end its record with a line feed');
    const record = utf8.decode(body.subarray(space + 1, at + length - 1));
    const equals = record.indexOf('=');
    if (equals < 1) refuse('has a record without a key');
    const value = record.slice(equals + 1);
    const whole = (): number => (/^\d{1,15}$/.test(value) ? Number(value) : refuse(`has a bad number ${quote(value)}`));
    const key = record.slice(0, equals);
    switch (key) {
      case 'path':
        found.path = value;
        break;
      case 'linkpath':
        found.linkTarget = value;
        break;
      case 'size':
        found.sizeBytes = whole();
        break;
      case 'uid':
        found.uid = whole();
        break;
      case 'gid':
        found.gid = whole();
        break;
      case 'mtime':
        found.mtimeSeconds = Math.trunc(Number(value)) || 0;
        break;
      case 'SCHILY.xattr.security.capability':
        // The value is bytes and no text.
        found.capabilities = readCapabilities(body.subarray(space + 1 + key.length + 1, at + length - 1));
        break;
      case 'LIBARCHIVE.xattr.security.capability':
        found.capabilities ??= readCapabilities(Buffer.from(value, 'base64'));
        break;
      default:
        if (key.startsWith('GNU.sparse.')) found.sparse = true;
    }
    at += length;
  }
  return found;
}

/**
 * The permitted set of `struct vfs_cap_data` (linux/capability.h): a revision in the upper byte of the first word, then
 * permitted and inheritable of 32 capabilities each. What has another shape gives nothing to whoever executes the file.
 */
function readCapabilities(value: Uint8Array): number {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length < 12) return 0;
  const revision = bytes.readUInt32LE(0) >>> 24;
  const high = revision >= 2 && bytes.length >= 20 ? bytes.readUInt32LE(12) & CAPABILITIES_HIGH : 0;
  return revision >= 1 && revision <= 3 ? high * 2 ** 32 + bytes.readUInt32LE(4) : 0;
}

/** Linux knows 41; as many fit into a number with room to spare. */
const CAPABILITIES_HIGH = 0xffff;

function isZero(bytes: Uint8Array, start: number): boolean {
  if (bytes[start] !== 0) return false;
  for (let at = start; at < start + BLOCK; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** Names come from strangers and end up in messages: no control characters, no endless length. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

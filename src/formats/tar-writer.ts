import type { TarKind } from './tar.ts';

/** What goes into an archive. Owners, times and order are the caller's, so equal input gives equal bytes. */
export interface TarInput {
  readonly path: string;
  /** @default 'file' */
  readonly kind?: Extract<TarKind, 'file' | 'directory' | 'symlink' | 'hardlink'>;
  readonly linkTarget?: string;
  /** Bytes of a file; for a stream `sizeBytes` must be right. @default empty */
  readonly content?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly sizeBytes?: number;
  /** @default 0o644, 0o755 for directories, 0o777 for symlinks */
  readonly mode?: number;
  /** @default 0 */
  readonly uid?: number;
  /** @default 0 */
  readonly gid?: number;
  /** @default 0, so that archives can be compared */
  readonly mtimeSeconds?: number;
}

/**
 * Writes a POSIX tar: ustar headers, pax records only where a name or number does not fit. Same entries, same bytes.
 *
 * @throws RangeError when a stream gives other than `sizeBytes` bytes
 */
export async function* packTar(entries: Iterable<TarInput> | AsyncIterable<TarInput>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    const { content } = entry;
    const sizeBytes = content instanceof Uint8Array ? content.length : content ? (entry.sizeBytes ?? 0) : 0;
    yield* headersOf(entry, sizeBytes);
    let written = 0;
    if (content instanceof Uint8Array) {
      if (content.length > 0) yield content;
      written = content.length;
    } else if (content) {
      for await (const chunk of content) {
        written += chunk.length;
        if (written > sizeBytes) break;
        yield chunk;
      }
    }
    if (written !== sizeBytes) {
      throw new RangeError(`cannot pack ${JSON.stringify(entry.path)}: got ${written} bytes, expected ${sizeBytes}`);
    }
    const padding = (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
    if (padding > 0) yield new Uint8Array(padding);
  }
  yield new Uint8Array(2 * BLOCK);
}

const BLOCK = 512;
const TYPES = { file: '0', hardlink: '1', symlink: '2', directory: '5' } as const;
const MODES = { file: 0o644, hardlink: 0o644, symlink: 0o777, directory: 0o755 } as const;
const OCTAL_11 = 8 ** 11;
const OCTAL_7 = 8 ** 7;

function* headersOf(entry: TarInput, sizeBytes: number): Generator<Uint8Array> {
  const kind = entry.kind ?? 'file';
  const path = kind === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path;
  const linkTarget = entry.linkTarget ?? '';
  const uid = entry.uid ?? 0;
  const gid = entry.gid ?? 0;
  const mtimeSeconds = entry.mtimeSeconds ?? 0;
  const { prefix, name } = splitPath(path);
  const records: [string, string][] = [];
  if (name === null) records.push(['path', path]);
  if (Buffer.byteLength(linkTarget) > 100) records.push(['linkpath', linkTarget]);
  if (sizeBytes >= OCTAL_11) records.push(['size', String(sizeBytes)]);
  if (uid >= OCTAL_7) records.push(['uid', String(uid)]);
  if (gid >= OCTAL_7) records.push(['gid', String(gid)]);
  if (records.length > 0) {
    const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''));
    yield header({ prefix: '', name: 'pax', type: 'x', sizeBytes: body.length, mode: 0o644 });
    yield Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
  }
  yield header({
    prefix,
    name: name ?? cutToBytes(path, 100),
    type: TYPES[kind],
    sizeBytes: sizeBytes >= OCTAL_11 ? 0 : sizeBytes,
    mode: entry.mode ?? MODES[kind],
    uid: uid >= OCTAL_7 ? 0 : uid,
    gid: gid >= OCTAL_7 ? 0 : gid,
    mtimeSeconds,
    linkTarget: cutToBytes(linkTarget, 100),
  });
}

interface HeaderFields {
  readonly prefix: string;
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSeconds?: number;
  readonly linkTarget?: string;
}

function header(fields: HeaderFields): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number): void => {
    block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
  };
  block.write(fields.name, 0);
  octal(fields.mode, 100, 8);
  octal(fields.uid ?? 0, 108, 8);
  octal(fields.gid ?? 0, 116, 8);
  octal(fields.sizeBytes, 124, 12);
  octal(Math.max(0, Math.trunc(fields.mtimeSeconds ?? 0)), 136, 12);
  block.fill(0x20, 148, 156);
  block.write(fields.type, 156);
  block.write(fields.linkTarget ?? '', 157);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(fields.prefix, 345);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A path fits when it has at most 100 bytes, or splits at a slash into at most 155 and 100. */
function splitPath(path: string): { prefix: string; name: string | null } {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path };
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const prefix = path.slice(0, at);
    const name = path.slice(at + 1);
    if (name !== '' && prefix !== '' && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) {
      return { prefix, name };
    }
  }
  return { prefix: '', name: null };
}

function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** The short name a reader without pax sees. Halved because a latin1 letter takes two bytes as UTF-8. */
function cutToBytes(text: string, bytes: number): string {
  return Buffer.byteLength(text) <= bytes
    ? text
    : Buffer.from(text)
        .subarray(0, bytes)
        .toString('latin1')
        .slice(0, bytes / 2);
}

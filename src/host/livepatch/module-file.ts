import { MODULE_MAX_BYTES, SECTIONS_MAX } from '../limits.ts';

/** What a kernel module says of itself (modinfo), and how it is signed. */
export interface ModuleFile {
  readonly name: string;
  readonly isLivePatch: boolean;
  readonly vermagic: string;
  /** The bytes that the signature speaks of. */
  readonly body: Uint8Array;
  /** PKCS #7 (CMS) in DER; null: not signed. */
  readonly signature: Uint8Array | null;
}

/** The bytes are no kernel module. */
export class ModuleFileError extends Error {}

const MAGIC = '~Module signature appended~\n';
/** struct module_signature of the kernel: eight bytes, then the length of the signature, big endian. */
const TAIL_BYTES = 12;

/**
 * Reads a module as the kernel's loader does: ELF64, little endian, `.modinfo` as NUL-ended `key=value`, and behind it
 * perhaps a signature (scripts/sign-file).
 *
 * @throws ModuleFileError
 */
export function readModuleFile(bytes: Uint8Array): ModuleFile {
  if (bytes.length > MODULE_MAX_BYTES) throw new ModuleFileError(`more than ${MODULE_MAX_BYTES} bytes`);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { body, signature } = partSignature(file);
  const info = readModinfo(body);
  return {
    name: info.get('name') ?? '',
    isLivePatch: info.get('livepatch') === 'Y',
    vermagic: info.get('vermagic') ?? '',
    body,
    signature,
  };
}

function partSignature(file: Buffer): { readonly body: Buffer; readonly signature: Buffer | null } {
  const end = file.length - MAGIC.length;
  if (end < TAIL_BYTES || file.toString('latin1', end) !== MAGIC) return { body: file, signature: null };
  const size = file.readUInt32BE(end - 4);
  const start = end - TAIL_BYTES - size;
  if (size === 0 || start < 64) throw new ModuleFileError(`a signature of ${size} bytes cannot be in it`);
  return { body: file.subarray(0, start), signature: file.subarray(start, end - TAIL_BYTES) };
}

function readModinfo(file: Buffer): Map<string, string> {
  if (file.length < 64 || file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1) {
    throw new ModuleFileError('not an ELF file of 64 bits, little endian');
  }
  const table = Number(file.readBigUInt64LE(40));
  const [size, count, names] = [file.readUInt16LE(58), file.readUInt16LE(60), file.readUInt16LE(62)];
  if (size !== 64 || count === 0 || count > SECTIONS_MAX || names >= count || table + size * count > file.length) {
    throw new ModuleFileError('its table of sections does not fit');
  }
  const section = (index: number): { name: number; bytes: Buffer } => {
    const at = table + index * size;
    const [offset, length] = [Number(file.readBigUInt64LE(at + 24)), Number(file.readBigUInt64LE(at + 32))];
    const isEmpty = file.readUInt32LE(at + 4) === 8; // SHT_NOBITS
    if (!isEmpty && offset + length > file.length) throw new ModuleFileError('a section does not fit');
    return { name: file.readUInt32LE(at), bytes: isEmpty ? Buffer.alloc(0) : file.subarray(offset, offset + length) };
  };
  const strings = section(names).bytes;
  const info = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const { name, bytes } = section(index);
    const end = strings.indexOf(0, name);
    if (name >= strings.length || strings.toString('latin1', name, end === -1 ? undefined : end) !== '.modinfo')
      continue;
    for (const entry of bytes.toString('utf8').split('\0')) {
      const cut = entry.indexOf('=');
      if (cut > 0) info.set(entry.slice(0, cut), entry.slice(cut + 1));
    }
  }
  if (info.size === 0) throw new ModuleFileError('it is no kernel module: there is no .modinfo');
  return info;
}

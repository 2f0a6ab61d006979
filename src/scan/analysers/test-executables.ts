import { deflateSync } from 'node:zlib';

const DATA_AT = 4096;

/** A small ELF program: one writable segment with this data at 4096, and these sections after it. */
export function makeElf(data: Uint8Array, sections: Readonly<Record<string, Uint8Array>> = {}): Buffer {
  const head = Buffer.alloc(DATA_AT);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(2, 16);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(1, 64);
  head.writeUInt32LE(6, 68);
  head.writeBigUInt64LE(BigInt(DATA_AT), 72);
  head.writeBigUInt64LE(BigInt(DATA_AT), 80);
  head.writeBigUInt64LE(BigInt(data.length), 96);
  const parts: Uint8Array[] = [head, data];
  let at = DATA_AT + data.length;
  const table: Buffer[] = [];
  const names = Buffer.from(`\0.names\0${Object.keys(sections).join('\0')}\0`);
  for (const [name, body] of Object.entries({ '.names': names, ...sections })) {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(names.indexOf(`${name}\0`), 0);
    entry.writeBigUInt64LE(BigInt(at), 24);
    entry.writeBigUInt64LE(BigInt(body.length), 32);
    table.push(entry);
    parts.push(body);
    at += body.length;
  }
  head.writeBigUInt64LE(BigInt(at), 40);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(table.length, 60);
  return Buffer.concat([...parts, ...table]);
}

/** What the linker of Go since 1.18 writes into the data. */
export function makeGoBuildInfo(goVersion: string, modules: readonly string[]): Buffer {
  const header = Buffer.alloc(32);
  header.write('\xff Go buildinf:\x08\x02', 'latin1');
  const text = Buffer.concat([
    Buffer.from('3077af0c9274080241e1c107e6d618e6', 'hex'),
    Buffer.from(modules.map((line) => `${line}\n`).join('')),
    Buffer.from('f932433186182072008242104116d8f2', 'hex'),
  ]);
  return Buffer.concat([
    Buffer.alloc(16),
    header,
    varint(goVersion.length),
    Buffer.from(goVersion),
    varint(text.length),
    text,
  ]);
}

export function makeRustAudit(packages: readonly object[]): Buffer {
  return makeElf(Buffer.alloc(16), { '.text': Buffer.alloc(64), '.dep-v0': deflateSync(JSON.stringify({ packages })) });
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

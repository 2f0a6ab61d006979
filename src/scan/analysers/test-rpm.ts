import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

type TagValue = string | readonly string[] | readonly number[];

/** A header of rpm with these tags; numbers are of 32 bits, modes of 16. */
export function rpmHeader(tags: Readonly<Record<number, TagValue>>): Buffer {
  const index: Buffer[] = [];
  const data: Buffer[] = [];
  let size = 0;
  for (const [tag, value] of Object.entries(tags)) {
    const entry = Buffer.alloc(16);
    const isNumbers = typeof value !== 'string' && typeof value[0] === 'number';
    const type = typeof value === 'string' ? 6 : !isNumbers ? 8 : Number(tag) === 1030 ? 3 : 4;
    const count = typeof value === 'string' ? 1 : value.length;
    const parts = (typeof value === 'string' ? [value] : value).map((one) => {
      if (typeof one === 'string') return Buffer.from(`${one}\0`);
      const number = Buffer.alloc(type === 3 ? 2 : 4);
      number.writeUIntBE(one, 0, number.length);
      return number;
    });
    const padding = Buffer.alloc(isNumbers ? (4 - (size % 4)) % 4 : 0);
    size += padding.length;
    for (const [at, number] of [Number(tag), type, size, count].entries()) entry.writeUInt32BE(number, at * 4);
    index.push(entry);
    data.push(padding, ...parts);
    size += parts.reduce((sum, { length }) => sum + length, 0);
  }
  const head = Buffer.alloc(8);
  head.writeUInt32BE(index.length, 0);
  head.writeUInt32BE(size, 4);
  return Buffer.concat([head, ...index, ...data]);
}

/** One that has overflow pages, as SQLite itself writes it. */
export function rpmSqlite(headers: readonly Uint8Array[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-rpmdb-'));
  try {
    const file = join(folder, 'rpmdb.sqlite');
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
    const insert = database.prepare('INSERT INTO Packages (blob) VALUES (?)');
    for (const header of headers) insert.run(header);
    database.close();
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function rpmNdb(headers: readonly Uint8Array[]): Buffer {
  const slots = Buffer.alloc(4096);
  slots.write('RpmP');
  slots.writeUInt32LE(1, 8);
  slots.writeUInt32LE(1, 12);
  for (let at = 32; at < 4096; at += 16) slots.write('Slot', at);
  const blobs: Buffer[] = [];
  let block = 4096 / 16;
  for (const [index, header] of headers.entries()) {
    const blocks = Math.ceil((16 + header.length + 12) / 16);
    const blob = Buffer.alloc(blocks * 16);
    blob.write('BlbS');
    blob.writeUInt32LE(index + 1, 4);
    blob.writeUInt32LE(header.length, 12);
    blob.set(header, 16);
    // The last slots: their order need not be that of the packages.
    const slot = 4096 - 16 * (index + 1);
    for (const [at, number] of [index + 1, block, blocks].entries()) slots.writeUInt32LE(number, slot + 4 + 4 * at);
    blobs.push(blob);
    block += blocks;
  }
  return Buffer.concat([slots, ...blobs]);
}

/** A hash with one page of entries; every value is in overflow pages, as those of rpm are. */
export function rpmBerkeley(headers: readonly Uint8Array[], pageSize = 512): Buffer {
  const held = pageSize - 26;
  const pages: Buffer[] = [Buffer.alloc(pageSize), Buffer.alloc(pageSize)];
  const [meta, hash] = pages as [Buffer, Buffer];
  let free = pageSize;
  const put = (entry: Buffer): void => {
    free -= entry.length;
    hash.set(entry, free);
    const entries = hash.readUInt16LE(20);
    hash.writeUInt16LE(free, 26 + 2 * entries);
    hash.writeUInt16LE(entries + 1, 20);
  };
  hash[25] = 13;
  for (const [index, header] of headers.entries()) {
    put(Buffer.from([1, index + 1, 0, 0, 0]));
    const value = Buffer.alloc(12);
    value[0] = 3;
    value.writeUInt32LE(pages.length, 4);
    value.writeUInt32LE(header.length, 8);
    put(value);
    for (let at = 0; at < header.length; at += held) {
      const page = Buffer.alloc(pageSize);
      const piece = header.subarray(at, at + held);
      page[25] = 7;
      page.writeUInt32LE(at + held < header.length ? pages.length + 1 : 0, 16);
      page.writeUInt16LE(piece.length, 22);
      page.set(piece, 26);
      pages.push(page);
    }
  }
  meta.writeUInt32LE(0x00061561, 12);
  meta.writeUInt32LE(9, 16);
  meta.writeUInt32LE(pageSize, 20);
  meta[25] = 8;
  meta.writeUInt32LE(pages.length - 1, 32);
  return Buffer.concat(pages);
}

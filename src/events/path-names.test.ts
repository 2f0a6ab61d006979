import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelEvent } from './event.ts';
import { HEADER, OPEN, RECORD } from './layout.ts';
import { PathNames } from './path-names.ts';

/** A record's bytes: the path leaf first, a NUL after each name, somewhere in a larger memory. */
function written(path: string, at: number): { bytes: Buffer; view: DataView; length: number } {
  const names = path.split('/').filter((name) => name !== '');
  const text = Buffer.from(
    names
      .reverse()
      .map((name) => `${name}\0`)
      .join(''),
  );
  const memory = new ArrayBuffer(text.length + 64);
  const bytes = Buffer.from(memory);
  bytes.fill(0x41);
  text.copy(bytes, at);
  return { bytes, view: new DataView(memory), length: text.length };
}

test('a path that was seen before is the same text, and never that of another one', () => {
  const names = new PathNames();
  // More than there are places, of every length about a word's, and beyond what is kept.
  const paths = ['/', '/a', '/ab', '/etc/shadow', `/${'long/'.repeat(60)}end`, '/ñ/日本'];
  for (let i = 0; i < 20_000; i++) paths.push(`/srv/${i % 7}/${'x'.repeat(i % 9)}${i}`);
  for (let round = 0; round < 2; round++) {
    for (const [i, path] of paths.entries()) {
      const { bytes, view, length } = written(path, i % 16);
      const { text, folder, file } = names.find(bytes, view, i % 16, length);
      assert.equal(text, path);
      assert.equal(file, path.slice(path.lastIndexOf('/') + 1));
      assert.equal(folder, path.lastIndexOf('/') === 0 ? '/' : path.slice(0, path.lastIndexOf('/')));
      assert.equal(names.find(bytes, view, i % 16, length).text, path);
    }
  }
});

test('bytes that were made to share a place do not share a name', () => {
  const names = new PathNames();
  const one = written('/etc/shadow', 0);
  assert.equal(names.find(one.bytes, one.view, 0, one.length).text, '/etc/shadow');
  // Whatever the hash is: the same length, one bit another.
  for (let bit = 0; bit < one.length * 8 - 8; bit++) {
    const other = Buffer.from(one.bytes);
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const view = new DataView(other.buffer, other.byteOffset, other.byteLength);
    assert.notEqual(names.find(other, view, 0, one.length).text, '/etc/shadow', `bit ${bit}`);
  }
});

test('windows on many records remember paths together: a thousand that wait take no memory of their own for it', () => {
  const paths = new PathNames();
  const around = {
    ...{ parentOf: () => undefined, processOf: () => undefined, userName: () => null, groupName: () => null },
    ...{ ask: () => null, wallOffsetNs: 0, bootOffsetNs: 0 },
  };
  const { bytes, length } = written('/etc/shadow', 0);
  const open = (): KernelEvent => {
    const memory = new ArrayBuffer(OPEN.bytes + 64);
    const view = new DataView(memory);
    view.setUint16(HEADER.type, RECORD.openat, true);
    view.setUint32(OPEN.path_length, length, true);
    bytes.copy(Buffer.from(memory), OPEN.bytes, 0, length);
    const event = new KernelEvent(memory, around, paths);
    event.load(0);
    return event;
  };
  const before = process.memoryUsage().arrayBuffers;
  const events = Array.from({ length: 1_000 }, open);
  const first = events[0]?.openPath();
  assert.equal(first?.text, '/etc/shadow');
  for (const event of events) assert.equal(event.openPath(), first);
  // With a memory each it would be a gigabyte.
  assert.ok(process.memoryUsage().arrayBuffers - before < 100 * 1024 * 1024);
});

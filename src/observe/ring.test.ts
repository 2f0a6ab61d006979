import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RingReader } from './ring.ts';

const BYTES = 4_096;
const DISCARDED = 0x4000_0000;
const BUSY = 0x8000_0000;

test('a ring is read on when its position passes what 32 bits hold, round after round', () => {
  const start = 2 ** 32 - 2 * BYTES;
  const memory = {
    ...{ data: new ArrayBuffer(2 * BYTES), sizeBytes: BYTES },
    ...{ consumer: new BigUint64Array([BigInt(start)]), producer: new BigUint64Array([BigInt(start)]) },
  };
  const view = new DataView(memory.data);
  const reader = new RingReader(memory);
  assert.equal(reader.peek(), -1);
  let at = start;
  for (let n = 0; n < 1_000; n++) {
    const length = 8 + (n % 5);
    const flags = n % 7 === 0 ? DISCARDED : 0;
    view.setUint32(at % BYTES, (length | flags | BUSY) >>> 0, true);
    const next = at + ((length + 15) & ~7);
    memory.producer[0] = BigInt(next);
    assert.equal(reader.peek(), -1, 'it is still being written');
    view.setUint32(at % BYTES, length | flags, true);
    assert.equal(reader.peek(), flags === 0 ? (at % BYTES) + 8 : -1);
    if (flags === 0) reader.advance();
    reader.release();
    at = next;
    assert.equal(memory.consumer[0], BigInt(at));
  }
  assert.ok(at > 2 ** 32 + BYTES);
});

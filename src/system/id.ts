import { randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';

/** Random bytes are drawn for many ids at once: a draw costs more than all the rest of an id. */
const DRAWN_BYTES = 4096;
const drawn = new Uint8Array(DRAWN_BYTES);
let used = DRAWN_BYTES;

let lastMs = 0;
let sequence = 0;

/** The last of its millisecond. */
const SEQUENCE_MAX = 0xfff;

/**
 * From now on ids of this process come after this one, whatever the clock says: which of two is newer is told by their order, and one
 * that a clock years ahead made would be the newest for years.
 */
export function continueIds(id: string): void {
  const madeMs = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  if (!(madeMs >= lastMs)) return;
  lastMs = madeMs;
  sequence = SEQUENCE_MAX;
}

/**
 * A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 12 bits of a counter that keeps the ids of one
 * process in order within a millisecond, then random bits.
 */
export function newId(clock: Clock = systemClock): string {
  if (used === DRAWN_BYTES) {
    randomFillSync(drawn);
    used = 0;
  }
  const bytes = drawn.slice(used, used + 16);
  used += 16;
  const now = clock.now().getTime();
  if (now > lastMs) {
    lastMs = now;
    sequence = ((bytes[6] ?? 0) << 3) & 0x7ff;
  } else {
    sequence += 1;
    if (sequence > SEQUENCE_MAX) {
      lastMs += 1;
      sequence = 0;
    }
  }
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(lastMs / 2 ** 32));
  view.setUint32(2, lastMs >>> 0);
  view.setUint16(6, 0x7000 | sequence);
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

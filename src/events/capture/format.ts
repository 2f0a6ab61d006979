/**
 * A recording of this platform's own: the records as the kernel programs wrote them, with what was known around them, so that
 * rules find in it what they would have found live.
 *
 *     "darsena capture 1\n"
 *     block*      kind (1 byte), length (4 bytes, little endian), payload
 *
 * Kinds: `header` (JSON: when, where, which condition), `batch` (below), `end` (JSON: how many events, why it ended), `seal`
 * (SHA-256 of every byte before it). A recording without a seal was cut; one whose seal does not fit was changed.
 *
 * A batch stands by itself: length of its surroundings (4 bytes), surroundings (JSON), then for each event the place of its
 * process and of its container in them (4 bytes each, -1 for none) and the record (`layout.ts`).
 */
export const CAPTURE_MAGIC = 'darsena capture 1\n';

export const CAPTURE_BLOCK = { header: 1, batch: 2, end: 3, seal: 4 } as const;

export const BLOCK_HEAD_BYTES = 5;
/** A batch is closed at a quarter of this; one event with all its ancestors may come on top. */
export const BLOCK_BYTES_MAX = 2 * 1024 * 1024;
/** A whole recording, when it is read: twice what one may be taken with. */
export const CAPTURE_BYTES_MAX = 512 * 1024 * 1024;
/** From the place of the process to the record. */
export const EVENT_HEAD_BYTES = 8;

export interface CaptureHeader {
  readonly version: 1;
  readonly host: string;
  readonly startedAt: string;
  /** Falco's language; empty: everything. */
  readonly filter: string;
  readonly projects: readonly string[] | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly by: string;
}

export interface CaptureEnd {
  readonly endedAt: string;
  readonly events: number;
  /** Events that held and could not be kept. */
  readonly dropped: number;
  readonly why: 'time' | 'size' | 'asked';
}

/** The question that is being answered, between the two threads: who answers it takes it away first. */
export const SLOT = {
  /** The descriptor of the question, or -1. */
  fd: 0,
  /** When it was taken up, in milliseconds of the worker's clock. */
  sinceMs: 1,
  /** The answer if it takes too long. */
  late: 2,
  /** Goes up as long as the worker lives. */
  beats: 3,
} as const;
export const SLOTS = 4;

/** fanotify(7) */
export const ALLOW = 1;
export const DENY = 2;

/** A process of a container waits no longer than this for its answer. */
export const DEADLINE_MS = 500;

/** struct fanotify_response */
export function responseOf(fd: number, response: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(fd, 0);
  bytes.writeUInt32LE(response, 4);
  return bytes;
}

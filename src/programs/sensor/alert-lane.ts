import { closeSync, writeSync } from 'node:fs';
import { connectUnix } from '../../system/native.ts';

/**
 * The reading thread's own way to the agent, for alerts only: waking the main thread to write them would cost as much as
 * the write. It keeps nothing and promises nothing; the main thread keeps each alert and sends what this could not.
 */
export class AlertLane {
  readonly #path: string;
  #descriptor: number | null = null;

  constructor(path: string) {
    this.#path = path;
    this.connect();
  }

  /** Called now and then, so that the next alert finds it open. */
  connect(): void {
    this.#descriptor ??= connectUnix(this.#path);
  }

  /** Writes a whole line at once or answers false. */
  write(line: string): boolean {
    this.connect();
    if (this.#descriptor === null) return false;
    const bytes = Buffer.from(line);
    try {
      if (writeSync(this.#descriptor, bytes) === bytes.length) return true;
    } catch (error) {
      // The agent went away, or reads too slowly.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'EAGAIN') throw error;
      if (code === 'EAGAIN') return false;
    }
    // After half a line nothing more can be said on this connection.
    this.close();
    return false;
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

/** Alerts on their way to the agent. None is forgotten before the agent has it, up to a bound; beyond it the oldest go, counted. */
import { monotonicNs } from '../link/stations.ts';

export const SPOOL_ALERTS_MAX = 20_000;
export const SPOOL_BYTES_MAX = 16 * 1024 * 1024;
/** An agent that does not acknowledge is trusted to have read what was written this long ago. */
export const UNACKNOWLEDGED_KEPT_MS = 10_000;

interface Entry {
  readonly seq: number;
  readonly matchedNs: number;
  readonly json: string;
  sentMs: number | null;
}

export class Spool {
  #entries: Entry[] = [];
  #bytes = 0;
  #seq = 0;
  /** The last so many entries were not sent on this connection. */
  #unsent = 0;
  #acknowledges = false;
  /** Alerts that had to go. */
  lost = 0;

  /**
   * Takes an alert as JSON, and when its rule was seen to hold.
   * @param toldMs when it was written to the agent already; null when it was not. Behind others that wait it waits too:
   *   the same alert may come twice.
   */
  add(json: string, matchedNs: number, toldMs: number | null = null): void {
    const told = toldMs !== null && this.#unsent === 0;
    this.#entries.push({ seq: ++this.#seq, matchedNs, json, sentMs: told ? toldMs : null });
    this.#bytes += json.length;
    if (!told) this.#unsent++;
    while (this.#entries.length > SPOOL_ALERTS_MAX || this.#bytes > SPOOL_BYTES_MAX) this.#drop(true);
  }

  /** Sends what was never sent, in order, until `write` refuses. */
  flush(write: (line: string) => boolean, nowMs: number): void {
    while (this.#unsent > 0) {
      const entry = this.#entries[this.#entries.length - this.#unsent];
      if (entry === undefined || !write(alertLine(entry.json, entry.matchedNs, entry.seq))) return;
      entry.sentMs = nowMs;
      this.#unsent--;
    }
  }

  /** A new connection: nothing that is still here is known to have arrived. The same alert may come twice, with the same id. */
  resetSent(): void {
    this.#unsent = this.#entries.length;
  }

  acknowledge(seq: number): void {
    this.#acknowledges = true;
    while (this.#entries[0] !== undefined && this.#entries[0].seq <= seq) this.#drop(false);
  }

  /** Forgets what an agent that never acknowledges must have read by now. */
  forget(nowMs: number): void {
    if (this.#acknowledges) return;
    for (;;) {
      const first = this.#entries[0];
      if (first === undefined || first.sentMs === null || nowMs - first.sentMs < UNACKNOWLEDGED_KEPT_MS) return;
      this.#drop(false);
    }
  }

  get size(): number {
    return this.#entries.length;
  }

  #drop(isLoss: boolean): void {
    const entry = this.#entries.shift();
    if (entry === undefined) return;
    this.#bytes -= entry.json.length;
    this.#unsent = Math.min(this.#unsent, this.#entries.length);
    if (isLoss && entry.sentMs === null) this.lost++;
  }
}

/** What the agent reads. @param seq null where nothing is to be acknowledged */
export function alertLine(json: string, matchedNs: number, seq: number | null): string {
  return `{"type":"alert","seq":${seq},"stations":[${matchedNs},${monotonicNs()}],"alert":${json}}\n`;
}

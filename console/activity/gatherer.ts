import type { Activity, ActivityBatch, ActivityWatching } from '../api/types.ts';

/** Rows on the page: more than anybody reads before they are gone. */
export const ROWS_MAX = 200;

/** An event in its place on the page: while all is new the places stay, and only what is written in them changes. */
export interface ActivityRow {
  readonly slot: number;
  readonly event: Activity;
}

/** What the page draws; made anew at most five times a second. */
export interface LiveView {
  readonly rows: readonly ActivityRow[];
  readonly seen: number;
  readonly dropped: number;
  readonly perSecond: number;
  readonly watching: ActivityWatching | null;
  readonly away: readonly string[];
}

export const EMPTY_VIEW: LiveView = { rows: [], seen: 0, dropped: 0, perSecond: 0, watching: null, away: [] };

/** Gathers batches between two drawings: what will not be drawn is not even kept. */
export class LiveGatherer {
  #rows: readonly ActivityRow[] = [];
  /** Since the last drawing, newest first. */
  #fresh: Activity[] = [];
  #seen = 0;
  #dropped = 0;
  #watching: ActivityWatching | null = null;
  #away: string[] = [];
  /** Counts at the beginning of the second before. */
  #mark = { atMs: 0, seen: 0 };
  #perSecond = 0;

  watching(told: ActivityWatching): void {
    this.#watching = told;
  }

  away(host: string): void {
    this.#away = [...this.#away, host];
  }

  add({ events, seen, dropped }: ActivityBatch): void {
    this.#seen += seen;
    this.#dropped += dropped;
    this.#fresh = [...events.slice(-ROWS_MAX).reverse(), ...this.#fresh].slice(0, ROWS_MAX);
  }

  /** New rows take the places of those that leave; what stays keeps its own, so that it is not drawn again. */
  #place(): void {
    const fresh = this.#fresh;
    if (fresh.length === 0) return;
    const stays = this.#rows.slice(0, ROWS_MAX - fresh.length);
    const taken = new Set(stays.map(({ slot }) => slot));
    // In the order in which they stood: where nothing stays, no row moves.
    const free = [...this.#rows.map(({ slot }) => slot), ...Array(ROWS_MAX).keys()].filter((slot) => {
      const isFree = !taken.has(slot);
      taken.add(slot);
      return isFree;
    });
    this.#rows = [...fresh.map((event, place) => ({ event, slot: free[place] ?? place })), ...stays];
    this.#fresh = [];
  }

  view(nowMs: number): LiveView {
    this.#place();
    const passed = nowMs - this.#mark.atMs;
    if (passed >= 1_000) {
      this.#perSecond = this.#mark.atMs === 0 ? 0 : Math.round(((this.#seen - this.#mark.seen) * 1_000) / passed);
      this.#mark = { atMs: nowMs, seen: this.#seen };
    }
    return {
      rows: this.#rows,
      seen: this.#seen,
      dropped: this.#dropped,
      perSecond: this.#perSecond,
      watching: this.#watching,
      away: this.#away,
    };
  }
}

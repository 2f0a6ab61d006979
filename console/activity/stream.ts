import { openApiStream } from '../api/stream.ts';
import type { Activity, ActivityBatch, ActivityWatching } from '../api/types.ts';

/** Drawn this often, however many events come. */
const DRAW_MS = 200;
/** Rows on the page: more than anybody reads before they are gone. */
export const ROWS_MAX = 200;

export interface ActivityRow extends Activity {
  readonly key: number;
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
  #rows: ActivityRow[] = [];
  #seen = 0;
  #dropped = 0;
  #key = 0;
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
    const kept = events.slice(-ROWS_MAX).map((event) => ({ ...event, key: ++this.#key }));
    this.#rows = [...kept.reverse(), ...this.#rows].slice(0, ROWS_MAX);
  }

  view(nowMs: number): LiveView {
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

/**
 * Looks until the signal ends it; the host works for it only as long.
 * @throws ApiFailure when it may not be looked at, or the condition is wrong
 */
export async function followActivity(path: string, signal: AbortSignal, draw: (view: LiveView) => void): Promise<void> {
  const gatherer = new LiveGatherer();
  const timer = setInterval(() => draw(gatherer.view(performance.now())), DRAW_MS);
  try {
    for await (const { event, data } of openApiStream(path, signal)) {
      if (event === 'watching') gatherer.watching(data as ActivityWatching);
      else if (event === 'activity') gatherer.add(data as ActivityBatch);
      else if (event === 'host-away') gatherer.away((data as { host: string }).host);
    }
  } finally {
    clearInterval(timer);
    draw(gatherer.view(performance.now()));
  }
}

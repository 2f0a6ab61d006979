import { openApiStream } from '../api/stream.ts';
import type { ActivityBatch, ActivityWatching } from '../api/types.ts';
import { LiveGatherer, type LiveView, ROWS_MAX } from './gatherer.ts';

/** Drawn this often at most, however many events come. */
const DRAW_MS = 200;
/** What would be gone before it is drawn is not asked for: it is counted where it happens. */
export const SHOWN_A_SECOND = (ROWS_MAX * 1_000) / DRAW_MS;
/** Between two drawings the page is free for so many times as long as the last one took: a busy machine draws less often. */
const REST = 4;

/**
 * Looks until the signal ends it; the host works for it only as long.
 * @throws ApiFailure when it may not be looked at, or the condition is wrong
 */
export async function followActivity(path: string, signal: AbortSignal, draw: (view: LiveView) => void): Promise<void> {
  const gatherer = new LiveGatherer();
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const next = (waitMs: number) => {
    if (isOver) return;
    timer = setTimeout(() => {
      const began = performance.now();
      draw(gatherer.view(began));
      // What is asked for last is done once the drawing is.
      setTimeout(() => next(Math.max(DRAW_MS, (performance.now() - began) * REST)));
    }, waitMs);
  };
  next(DRAW_MS);
  try {
    for await (const { event, data } of openApiStream(path, signal)) {
      if (event === 'watching') gatherer.watching(data as ActivityWatching);
      else if (event === 'activity') gatherer.add(data as ActivityBatch);
      else if (event === 'host-away') gatherer.away((data as { host: string }).host);
    }
  } finally {
    isOver = true;
    clearTimeout(timer);
    draw(gatherer.view(performance.now()));
  }
}

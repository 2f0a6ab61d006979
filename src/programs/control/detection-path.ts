import { hostname } from 'node:os';
import { STATIONS, STATIONS_ON_HOST } from '../link/stations.ts';

/** Alerts that the figures speak of: enough for a 99th percentile, few enough to be about now. */
const ALERTS_KEPT = 1_000;

/** How long alerts took from the kernel event until they were on disk, and where. */
export interface DetectionFigures {
  readonly alerts: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Milliseconds from the station before. */
  readonly stations: readonly { readonly name: string; readonly p50Ms: number; readonly p99Ms: number }[];
}

/** The last alerts' times at each station. Only those of this very machine: another one's clock began elsewhere. */
export class DetectionPath {
  readonly #paths: (readonly number[])[] = [];
  #next = 0;

  /** @param times one a station, in order, nanoseconds of CLOCK_MONOTONIC; a shorter list says nothing and is left out */
  note(host: string, times: readonly number[]): void {
    if (host !== hostname() || times.length !== STATIONS.length) return;
    this.#paths[this.#next] = times;
    this.#next = (this.#next + 1) % ALERTS_KEPT;
  }

  /** Null while there was none. */
  describe(): DetectionFigures | null {
    if (this.#paths.length === 0) return null;
    const between = (from: number, to: number): { p50Ms: number; p99Ms: number } => {
      const values = this.#paths.map((times) => ((times[to] ?? 0) - (times[from] ?? 0)) / 1e6).sort((a, b) => a - b);
      return { p50Ms: quantile(values, 0.5), p99Ms: quantile(values, 0.99) };
    };
    return {
      alerts: this.#paths.length,
      ...between(0, STATIONS.length - 1),
      stations: STATIONS.slice(1).map((name, index) => ({ name, ...between(index, index + 1) })),
    };
  }
}

/** What came with an alert, if it is what a host of ours adds. */
export function isOnHost(times: unknown): times is readonly number[] {
  return Array.isArray(times) && times.length === STATIONS_ON_HOST && times.every((one) => Number.isFinite(one));
}

function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 1000) / 1000;
}

import type { Clock } from '../system/index.ts';
import type { Principal } from './action.ts';
import { PRESENT_KEPT_MS, PRESENT_MAX, STREAM_CHECK_MS } from './limits.ts';

/** What a principal is found again by. */
export type Identity = Pick<Principal, 'id' | 'tokenId' | 'epoch'>;

/** What the database says about an identity; `untilMs` is the end of its credential in wall time. */
export interface Found {
  readonly principal: Principal;
  readonly untilMs: number;
}

interface Watcher {
  principal: Principal;
  readonly changed: (now: Principal | null) => void;
}

/**
 * Who is here by now. Everything derived from a credential (registry tokens, open streams, transfers) asks again at
 * each use; answers are kept for half a second and dropped at every change of rights.
 */
export class Presence {
  readonly #find: (who: Identity) => Promise<Found | null>;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { found: Found | null; keptUntilMs: number }>();
  readonly #watchers = new Set<Watcher>();
  #generation = 0;
  #sweep: NodeJS.Timeout | undefined;

  constructor(find: (who: Identity) => Promise<Found | null>, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  /** The principal with the rights of now; null when what it rests on was taken away or has run out. */
  current(who: Identity): Principal | null | Promise<Principal | null> {
    const kept = this.#kept.get(keyOf(who));
    if (kept !== undefined && kept.keptUntilMs > this.#clock.monotonicMs()) return this.#living(kept.found);
    return this.#ask(who);
  }

  /** Something about users, tokens or rights changed: nothing kept counts any more, and streams are asked at once. */
  changed(): void {
    this.#generation += 1;
    this.#kept.clear();
    this.#tellWatchers();
  }

  /**
   * Calls back when the principal of an open stream is gone (null; then never again) or has other rights.
   * @returns ends the watch
   */
  watch(principal: Principal, changed: (now: Principal | null) => void): () => void {
    const watcher: Watcher = { principal, changed };
    this.#watchers.add(watcher);
    this.#sweep ??= setInterval(() => {
      // A kept answer may be as old as the last look: with it a change would be seen only by the look after this one.
      this.#kept.clear();
      this.#tellWatchers();
    }, STREAM_CHECK_MS);
    this.#sweep.unref();
    return () => this.#forget(watcher);
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#watchers.clear();
  }

  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #tellWatchers(): void {
    for (const watcher of this.#watchers) {
      Promise.resolve(this.current(watcher.principal))
        // Rights that cannot be read are no rights.
        .catch(() => null)
        .then((now) => {
          if (!this.#watchers.has(watcher)) return;
          if (now === null) this.#forget(watcher);
          else if (now === watcher.principal) return;
          else watcher.principal = now;
          watcher.changed(now);
        });
    }
  }

  async #ask(who: Identity): Promise<Principal | null> {
    const generation = this.#generation;
    const found = await this.#find(who);
    // An answer that was on its way while something changed may be the old one: used once, never kept.
    if (generation === this.#generation) {
      if (this.#kept.size >= PRESENT_MAX) this.#kept.clear();
      this.#kept.set(keyOf(who), { found, keptUntilMs: this.#clock.monotonicMs() + PRESENT_KEPT_MS });
    }
    return this.#living(found);
  }

  #living(found: Found | null): Principal | null {
    return found !== null && found.untilMs > this.#clock.now().getTime() ? found.principal : null;
  }
}

function keyOf({ id, tokenId, epoch }: Identity): string {
  return tokenId ?? `${id}#${epoch ?? ''}`;
}

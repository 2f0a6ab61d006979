import { LEASE_LOST_MS, LEASE_MS } from './limits.ts';

/** What stands beside the data and says who may write to it. */
export interface Lease {
  readonly holder: string;
  readonly epoch: number;
  /** Changed with each renewal; times of other hosts are never compared with one's own. */
  readonly beat: number;
}

/** What a host has seen of a lease of somebody else: since when, by its own clock, it has not changed. */
export interface Watched {
  readonly lease: Lease;
  readonly sinceMs: number;
}

export type LeaseAnswer =
  | { readonly kind: 'take'; readonly lease: Lease }
  /** Somebody else holds it and shows signs of life, or an epoch says that we may not. */
  | { readonly kind: 'wait'; readonly why: 'held' | 'newer-epoch' | 'same-epoch' };

/**
 * Whether a host may write to a claim. A new epoch alone is not enough: who held the former one may not have heard of it
 * and still be writing, so its lease must also have stood still for as long as it takes that host to end its own pods.
 */
export function judgeLease(
  found: Lease | null,
  self: { readonly holder: string; readonly epoch: number },
  watched: Watched | null,
  nowMs: number,
): LeaseAnswer {
  const take = (beat: number): LeaseAnswer => ({ kind: 'take', lease: { ...self, beat } });
  if (found === null) return take(1);
  if (found.epoch > self.epoch) return { kind: 'wait', why: 'newer-epoch' };
  if (found.holder === self.holder) return take(found.beat + 1);
  if (found.epoch === self.epoch) return { kind: 'wait', why: 'same-epoch' };
  const stood =
    watched !== null &&
    watched.lease.holder === found.holder &&
    watched.lease.beat === found.beat &&
    nowMs - watched.sinceMs >= LEASE_MS;
  return stood ? take(1) : { kind: 'wait', why: 'held' };
}

/** Whether a holder must end its pods now: it lost the lease, or could not renew it for too long. */
export function mustLetGo(
  found: Lease | null,
  self: { readonly holder: string; readonly epoch: number },
  renewedMs: number,
  nowMs: number,
): boolean {
  if (found !== null && (found.holder !== self.holder || found.epoch > self.epoch)) return true;
  return nowMs - renewedMs >= LEASE_LOST_MS;
}

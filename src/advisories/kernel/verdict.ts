import type { KernelFix, KernelRecord, KernelRun } from '../record.ts';
import { type KernelRelease, parseKernelRelease } from './release.ts';

/** Whether a release of the kernel's makers has a fault, and which word of the record says so. */
export type KernelVerdict =
  | { readonly affected: true; readonly since: string | null; readonly fix: KernelFix | null; readonly again: boolean }
  | { readonly affected: false; readonly because: 'before'; readonly since: string }
  | { readonly affected: false; readonly because: 'fixed'; readonly fix: KernelFix }
  | { readonly affected: false; readonly because: 'removed'; readonly run: KernelRun }
  | { readonly affected: false; readonly because: 'stable-only' };

/**
 * Judges one release by one record. Fixes of the release's own branch decide before that of the main line. Where a
 * branch lists several fixes the last one decides, because the earlier ones did not hold (reverted, or only a part). A
 * candidate of a release counts as having what came into that release, and not yet what was fixed for it.
 */
export function judgeKernel(record: KernelRecord, release: KernelRelease): KernelVerdict {
  const stable = record.stable.find((run) => isInside(release, run));
  if (stable !== undefined) {
    const fix = record.fixes.find(({ branch, release: fixed }) => branch === release.branch && fixed === stable.to);
    return { affected: true, since: stable.from, fix: fix ?? nextFix(record, release), again: false };
  }
  if (!record.mainline) return { affected: false, because: 'stable-only' };
  const removed = record.free.find((run) => run.from === '0' && isBefore(release, run.to));
  if (removed !== undefined) return { affected: false, because: 'before', since: removed.to };
  const own = record.fixes.filter(({ branch }) => branch === release.branch);
  const last = own.reduce<KernelFix | null>((a, b) => (a === null || isLater(b.release, a.release) ? b : a), null);
  if (last !== null) {
    if (isReached(release, last.release)) return { affected: false, because: 'fixed', fix: last };
    const again = own.some((fix) => fix !== last && isReached(release, fix.release));
    return { affected: true, since: sinceOf(record, release), fix: last, again };
  }
  const main = record.fixes.find(({ branch }) => branch === null) ?? null;
  if (main !== null && isReached(release, main.release)) return { affected: false, because: 'fixed', fix: main };
  // Stable branches take only what the main line has: behind the newest fixed branch it is in, even when no release is named.
  if (main === null && record.fixes.length > 0 && record.fixes.every((fix) => isReached(release, fix.release))) {
    const newest = record.fixes.reduce((a, b) => (isLater(b.release, a.release) ? b : a));
    if (orderOf(release.branch) > orderOf(newest.branch ?? '0'))
      return { affected: false, because: 'fixed', fix: newest };
  }
  const gap = record.free.find((run) => isInside(release, run));
  if (gap !== undefined) return { affected: false, because: 'removed', run: gap };
  return { affected: true, since: sinceOf(record, release), fix: nextFix(record, release), again: false };
}

const orders = new Map<string, number>();

/** Records name some thousand releases, over and over. */
function orderOf(text: string): number {
  let order = orders.get(text);
  if (order === undefined) {
    order = parseKernelRelease(text)?.order ?? Number.POSITIVE_INFINITY;
    orders.set(text, order);
  }
  return order;
}

/** A candidate of 6.18 may have what came with 6.18. */
function isBefore(release: KernelRelease, text: string): boolean {
  return release.order < orderOf(text);
}

function isReached(release: KernelRelease, text: string): boolean {
  return (release.candidate === null ? release.order : release.order - 0.5) >= orderOf(text);
}

function isLater(a: string, b: string): boolean {
  return orderOf(a) > orderOf(b);
}

function isInside(release: KernelRelease, { from, to }: KernelRun): boolean {
  if (from === '0') return isBefore(release, to);
  return !isBefore(release, from) && !isReached(release, to);
}

function sinceOf(record: KernelRecord, release: KernelRelease): string | null {
  const reached = record.introduced.filter((one) => !isBefore(release, one));
  return reached.reduce<string | null>((a, b) => (a === null || isLater(b, a) ? b : a), null);
}

/** The nearest release ahead that is free of it: where there is none in the own branch, another has to be taken. */
function nextFix(record: KernelRecord, release: KernelRelease): KernelFix | null {
  const ahead = record.fixes.filter((fix) => !isReached(release, fix.release));
  return ahead.reduce<KernelFix | null>((a, b) => (a === null || isLater(a.release, b.release) ? b : a), null);
}

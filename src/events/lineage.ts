/** Who is who, and whose parent. Numbers of processes are given anew, so a number alone says nothing. */
import type { ProcessFacts, Surroundings } from './facts.ts';

/** /proc tells a start in ticks (USER_HZ is 100 on every architecture that Linux has), the kernel programs to the nanosecond. */
export const TICK_NS = 10_000_000;

const tickOf = (ns: number): number => Math.floor(ns / TICK_NS);

/** Whether two start times are of the same process, when one comes from /proc and is only as fine as a tick. */
export function sameStart(a: number, b: number): boolean {
  return a === b || tickOf(a) === tickOf(b);
}

/**
 * Whether a process with the number of the child's parent is the parent. Where nobody said when that began: it began before its child,
 * and whoever got its number later did not.
 */
export function isParent(
  one: ProcessFacts,
  child: ProcessFacts,
  { wallOffsetNs, bootOffsetNs }: Pick<Surroundings, 'wallOffsetNs' | 'bootOffsetNs'>,
): boolean {
  if (child.parentStartedNs !== 0) return sameStart(one.startedNs, child.parentStartedNs);
  // Of one whose start is not known, although it was seen to start a program, nothing can be said.
  if (one.startedNs === 0 && one.execTimeNs !== 0) return false;
  const ranBeforeNs = child.execTimeNs === 0 ? 0 : child.execTimeNs - wallOffsetNs + bootOffsetNs;
  return tickOf(one.startedNs) <= tickOf(child.startedNs === 0 ? ranBeforeNs : child.startedNs);
}

import { holds, kindOfByte, type Stretch } from './automaton.ts';
import { GROUP_MARKS_MAX } from './limits.ts';
import type { Program } from './program.ts';

const EDGE = 4;

/**
 * Where the groups of a match lie: tries ways in order of preference, and none twice at the same place, so the work is
 * bounded by instructions times bytes.
 *
 * @returns start and end of each group, -1 for one that took no part; null when the match is too long for that
 */
export function findGroups(
  program: Program,
  { bytes, isStart, isEnd }: Stretch,
  match: { readonly start: number; readonly end: number },
  groups: number,
): Int32Array | null {
  const { code } = program;
  const places = match.end - match.start + 1;
  if (code.length * places > GROUP_MARKS_MAX) return null;
  const marks = new Uint8Array(((code.length * places) >> 3) + 1);
  const slots = new Int32Array((groups + 1) * 2).fill(-1);
  const kindAt = (at: number): number => {
    const byte = bytes[at];
    if (byte !== undefined) return kindOfByte(byte);
    return (at < 0 ? isStart : isEnd) ? EDGE : 0;
  };
  // Pairs of instruction and place; a negative instruction puts a slot back to what it was.
  const stack: number[] = [program.start, match.start];
  while (stack.length > 0) {
    const at = stack.pop() as number;
    const pc = stack.pop() as number;
    if (pc < 0) {
      slots[-pc - 1] = at;
      continue;
    }
    const mark = pc * places + (at - match.start);
    if (((marks[mark >> 3] as number) & (1 << (mark & 7))) !== 0) continue;
    marks[mark >> 3] = (marks[mark >> 3] as number) | (1 << (mark & 7));
    const instruction = code[pc] as (typeof code)[number];
    switch (instruction.op) {
      case 'match':
        if (at !== match.end) break;
        slots[0] = match.start;
        slots[1] = match.end;
        return slots;
      case 'set':
        if (at < match.end && instruction.set[bytes[at] as number] !== 0) stack.push(instruction.out, at + 1);
        break;
      case 'split':
        stack.push(instruction.other, at, instruction.out, at);
        break;
      case 'save':
        stack.push(-instruction.slot - 1, slots[instruction.slot] as number, instruction.out, at);
        slots[instruction.slot] = at;
        break;
      case 'assert':
        if (holds(instruction.what, kindAt(at - 1), kindAt(at))) stack.push(instruction.out, at);
        break;
    }
  }
  return null;
}

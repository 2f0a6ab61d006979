/** One line of a comparison: the same, only before, only after, or so many lines that are the same and left out. */
export interface DiffLine {
  readonly op: ' ' | '-' | '+' | '@';
  /** The line; of `@` the number of lines. */
  readonly text: string;
}

/** Lines of one text, and changes between two; beyond them everything counts as changed. A manifest has some hundreds. */
const DIFF_LINES_MAX = 5_000;
const DIFF_CHANGES_MAX = 1_000;

/** Lines that are kept around a change. */
const CONTEXT = 3;

/**
 * What differs between two texts, line by line, the shortest way (Myers 1986); none when nothing does.
 * @param budget of changes, which several comparisons share: what is used up is taken from it
 */
export function diffLines(before: string, after: string, budget = { changes: DIFF_CHANGES_MAX }): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const isLong = a.length > DIFF_LINES_MAX || b.length > DIFF_LINES_MAX;
  const most = Math.min(DIFF_CHANGES_MAX, budget.changes);
  const trace = isLong ? null : shortestEdit(a, b, most);
  if (!isLong) budget.changes -= trace === null ? most : trace.length - 1;
  const lines =
    trace === null ? [...a.map((text) => line('-', text)), ...b.map((text) => line('+', text))] : walkBack(trace, a, b);
  return lines.some(({ op }) => op !== ' ') ? fold(lines) : [];
}

function line(op: DiffLine['op'], text: string): DiffLine {
  return { op, text };
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** For each number of changes how far each diagonal came; null when there would be too many. */
function shortestEdit(a: readonly string[], b: readonly string[], most: number): Map<number, number>[] | null {
  const trace: Map<number, number>[] = [];
  let reached = new Map([[1, 0]]);
  for (let changes = 0; changes <= Math.min(a.length + b.length, most); changes++) {
    trace.push(reached);
    reached = new Map(reached);
    for (let k = -changes; k <= changes; k += 2) {
      const isDown = k === -changes || (k !== changes && at(reached, k - 1) < at(reached, k + 1));
      let x = isDown ? at(reached, k + 1) : at(reached, k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reached.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

function at(reached: ReadonlyMap<number, number>, k: number): number {
  return reached.get(k) ?? -1;
}

function walkBack(
  trace: readonly ReadonlyMap<number, number>[],
  a: readonly string[],
  b: readonly string[],
): DiffLine[] {
  const lines: DiffLine[] = [];
  let [x, y] = [a.length, b.length];
  for (let changes = trace.length - 1; changes >= 0; changes--) {
    const reached = trace[changes] ?? new Map<number, number>();
    const k = x - y;
    const isDown = k === -changes || (k !== changes && at(reached, k - 1) < at(reached, k + 1));
    const beforeK = isDown ? k + 1 : k - 1;
    const beforeX = changes === 0 ? 0 : at(reached, beforeK);
    const beforeY = changes === 0 ? 0 : beforeX - beforeK;
    while (x > beforeX && y > beforeY) {
      x--;
      y--;
      lines.push(line(' ', a[x] ?? ''));
    }
    if (changes === 0) break;
    if (isDown) lines.push(line('+', b[--y] ?? ''));
    else lines.push(line('-', a[--x] ?? ''));
  }
  return lines.reverse();
}

/** Leaves out what is far from any change, and says how much that is. */
function fold(lines: readonly DiffLine[]): DiffLine[] {
  const isNear = lines.map(() => false);
  for (const [index, { op }] of lines.entries()) {
    if (op === ' ') continue;
    for (let near = Math.max(0, index - CONTEXT); near <= Math.min(lines.length - 1, index + CONTEXT); near++)
      isNear[near] = true;
  }
  const folded: DiffLine[] = [];
  let left = 0;
  for (const [index, one] of lines.entries()) {
    if (isNear[index] !== true) {
      left += 1;
      continue;
    }
    if (left > 0) folded.push(line('@', String(left)));
    left = 0;
    folded.push(one);
  }
  if (left > 0) folded.push(line('@', String(left)));
  return folded;
}

/** One line of a comparison; of `left` the text is how many equal lines are not shown. */
export interface LineChange {
  readonly op: 'same' | 'out' | 'in' | 'left';
  readonly text: string;
}

/** Equal lines that are shown beside a change. */
const AROUND = 3;
/** Of more pairs of lines the whole middle counts as changed: a browser must not stand still over a comparison. */
const PAIRS_MAX = 4_000_000;

/** What turns one text into another, line by line, with a little of what stays around each change. */
export function lineChanges(before: string, after: string): readonly LineChange[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const same = (lines: readonly string[]) => lines.map((text): LineChange => ({ op: 'same', text }));
  return folded([
    ...same(old.slice(0, start)),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...same(old.slice(old.length - end)),
  ]);
}

/** By the longest common subsequence. */
function middle(old: readonly string[], now: readonly string[]): LineChange[] {
  const out = (text: string): LineChange => ({ op: 'out', text });
  const added = (text: string): LineChange => ({ op: 'in', text });
  if (old.length * now.length > PAIRS_MAX) return [...old.map(out), ...now.map(added)];
  const width = now.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const changes: LineChange[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const [from, to] = [old[i], now[j]];
    if (from !== undefined && from === to) {
      changes.push({ op: 'same', text: from });
      i += 1;
      j += 1;
    } else if (from !== undefined && (to === undefined || at(i + 1, j) >= at(i, j + 1))) {
      changes.push(out(from));
      i += 1;
    } else if (to !== undefined) {
      changes.push(added(to));
      j += 1;
    }
  }
  return changes;
}

/** Long runs of equal lines become a count. */
function folded(changes: readonly LineChange[]): readonly LineChange[] {
  const near = changes.map((_, place) =>
    changes.slice(Math.max(0, place - AROUND), place + AROUND + 1).some(({ op }) => op !== 'same'),
  );
  const shown: LineChange[] = [];
  let left = 0;
  const flush = () => {
    if (left > 0) shown.push({ op: 'left', text: String(left) });
    left = 0;
  };
  for (const [place, change] of changes.entries()) {
    if (near[place] === true) {
      flush();
      shown.push(change);
    } else left += 1;
  }
  flush();
  return shown;
}

import { compareDigits, type Ordering, rememberLast } from './ordering.ts';

/** deb-version(7): [epoch:]upstream-version[-debian-revision]. */
export const deb: Ordering = {
  name: 'deb',
  ecosystems: ['Debian', 'Ubuntu'],
  compare(a, b) {
    const left = parseFirst(a);
    const right = parse(b);
    if (!left || !right) return null;
    return (
      compareDigits(left.epoch, right.epoch) ||
      comparePart(left.upstream, right.upstream) ||
      comparePart(left.revision, right.revision)
    );
  },
};

const parseFirst = rememberLast(parse);

function parse(text: string): { epoch: string; upstream: string; revision: string } | null {
  const [, epoch, rest] = /^(?:(\d+):)?([0-9A-Za-z.+~:-]+)$/.exec(text.trim()) ?? [];
  if (rest === undefined || (epoch === undefined && rest.includes(':'))) return null;
  const dash = rest.lastIndexOf('-');
  const upstream = dash < 0 ? rest : rest.slice(0, dash);
  if (upstream === '') return null;
  // dpkg takes a missing revision as "0" in effect: both end at once.
  return { epoch: epoch ?? '0', upstream, revision: dash < 0 ? '' : rest.slice(dash + 1) };
}

/** Runs of non-digits and digits in turn; "~" before the end, the end before letters, letters before the rest. */
function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const order = weight(a, i) - weight(b, j);
      if (order !== 0) return order;
      i++;
      j++;
    }
    const endA = endOfDigits(a, i);
    const endB = endOfDigits(b, j);
    const order = compareDigits(a.slice(i, endA), b.slice(j, endB));
    if (order !== 0) return order;
    i = endA;
    j = endB;
  }
  return 0;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function endOfDigits(text: string, from: number): number {
  let at = from;
  while (at < text.length && isDigit(text, at)) at++;
  return at;
}

function weight(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (code === 0x7e) return -1;
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isLetter ? code : code + 256;
}

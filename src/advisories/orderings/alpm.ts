import { compareDigits, type Ordering } from './ordering.ts';

/** Arch Linux's [epoch:]version[-release] as vercmp(8) orders it: letters at the end are a pre-release. */
export const alpm: Ordering = {
  name: 'alpm',
  ecosystems: ['Arch Linux'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (!left || !right) return null;
    const order = compareDigits(left.epoch, right.epoch) || comparePart(left.version, right.version);
    if (order !== 0) return order;
    return left.release === null || right.release === null ? 0 : comparePart(left.release, right.release);
  },
};

function parse(text: string): { epoch: string; version: string; release: string | null } | null {
  const [, epoch, version, release] = /^(?:(\d+):)?([^:\s]+?)(?:-([\w.+]+))?$/.exec(text.trim()) ?? [];
  return version === undefined ? null : { epoch: epoch ?? '0', version, release: release ?? null };
}

function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  const left = a.match(/[^0-9A-Za-z]*(?:\d+|[A-Za-z]+)|[^0-9A-Za-z]+$/g) ?? [];
  const right = b.match(/[^0-9A-Za-z]*(?:\d+|[A-Za-z]+)|[^0-9A-Za-z]+$/g) ?? [];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [oneGap, one] = partsOf(left[at] ?? '');
    const [otherGap, other] = partsOf(right[at] ?? '');
    if (one === '' || other === '') return (one === '' ? 0 : 1) - (other === '' ? 0 : 1);
    // "1.0.." against "1.0.": who has more separators has a further, empty field.
    if (oneGap !== otherGap) return oneGap - otherGap;
    const isOneNumber = isNumber(one);
    if (isOneNumber !== isNumber(other)) return isOneNumber ? 1 : -1;
    const order = isOneNumber ? compareDigits(one, other) : one < other ? -1 : one > other ? 1 : 0;
    if (order !== 0) return order;
  }
  if (left.length === right.length) return 0;
  const rest = partsOf((left.length > right.length ? left : right)[Math.min(left.length, right.length)] ?? '');
  const [gap, text] = rest;
  // 1.0rc1 is below 1.0, and 1.0 below 1.0.a and 1.0.1.
  const isLower = gap === 0 && text !== '' && !isNumber(text);
  return left.length > right.length === isLower ? -1 : 1;
}

/** How many separators, and the digits or letters behind them. */
function partsOf(segment: string): [number, string] {
  const at = segment.search(/[0-9A-Za-z]/);
  return at < 0 ? [segment.length, ''] : [at, segment.slice(at)];
}

function isNumber(segment: string): boolean {
  const code = segment.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
}

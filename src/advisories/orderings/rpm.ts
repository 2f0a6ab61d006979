import { compareDigits, type Ordering, rememberLast } from './ordering.ts';

/** rpm-version(7): [epoch:]version[-release], each part compared segment by segment (rpmvercmp). */
export const rpm: Ordering = {
  name: 'rpm',
  ecosystems: [
    'AlmaLinux',
    'Rocky Linux',
    'Red Hat',
    'openSUSE',
    'SUSE',
    'Mageia',
    'Amazon Linux',
    'Oracle Linux',
    'Fedora',
    'CentOS',
    'Azure Linux',
    'Photon OS',
    'openEuler',
    'EPEL',
  ],
  compare(a, b) {
    const left = parseFirst(a);
    const right = parse(b);
    if (!left || !right) return null;
    const order = compareDigits(left.epoch, right.epoch) || comparePart(left.version, right.version);
    if (order !== 0) return order;
    // A range that names no release holds for all of them.
    return left.release === null || right.release === null ? 0 : comparePart(left.release, right.release);
  },
};

const parseFirst = rememberLast(parse);

function parse(text: string): { epoch: string; version: string; release: string | null } | null {
  const [, epoch, version, release] = /^(?:(\d+):)?([^-:\s]+)(?:-([^-:\s]+))?$/.exec(text.trim()) ?? [];
  return version === undefined ? null : { epoch: epoch ?? '0', version, release: release ?? null };
}

/** Segments of digits or letters; "~" sorts before everything, "^" after the end and before everything else. */
function comparePart(a: string, b: string): number {
  const left = a.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];
  const right = b.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const one = left[at];
    const other = right[at];
    if (one === other) continue;
    if (one === '~' || other === '~') return one === '~' ? -1 : 1;
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    if (one === '^' || other === '^') return one === '^' ? -1 : 1;
    const isOneNumber = /^\d/.test(one);
    const isOtherNumber = /^\d/.test(other);
    if (isOneNumber !== isOtherNumber) return isOneNumber ? 1 : -1;
    const order = isOneNumber ? compareDigits(one, other) : one < other ? -1 : 1;
    if (order !== 0) return order;
  }
  return 0;
}

import { compareDigits, type Ordering } from './ordering.ts';

/** RubyGems' Gem::Version: segments of digits or letters, letters (a pre-release) below digits. */
export const gem: Ordering = {
  name: 'gem',
  ecosystems: ['RubyGems'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (!left || !right) return null;
    for (let at = 0; at < Math.max(left.length, right.length); at++) {
      const one = left[at] ?? '0';
      const other = right[at] ?? '0';
      const isOneNumber = isNumber(one);
      if (isOneNumber !== isNumber(other)) return isOneNumber ? 1 : -1;
      const order = isOneNumber ? compareDigits(one, other) : one < other ? -1 : one > other ? 1 : 0;
      if (order !== 0) return order;
    }
    return 0;
  },
};

/** A built gem carries its platform behind the version: 1.16.2-x86_64-linux-gnu. */
const PLATFORM =
  /-(?:x86_64|x86|x64|i[3-6]86|amd64|arm64|aarch64|arm|armv\d\w*|java|jruby|universal|mswin\d*|mingw\d*|ppc64\w*|s390x|riscv64)(?:-.*)?$/;

function parse(text: string): string[] | null {
  const version = text.trim().replace(PLATFORM, '');
  if (!/^\d+(?:\.[0-9a-zA-Z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/.test(version)) return null;
  const segments = version.replaceAll('-', '.pre.').match(/\d+|[a-z]+/gi) ?? [];
  // Zeros say nothing at the end, nor before the first letters.
  const letters = segments.findIndex((segment) => !isNumber(segment));
  const numbers = letters < 0 ? segments : segments.slice(0, letters);
  return [...dropZeros(numbers), ...(letters < 0 ? [] : dropZeros(segments.slice(letters)))];
}

function isNumber(segment: string): boolean {
  const code = segment.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
}

function dropZeros(segments: readonly string[]): string[] {
  let end = segments.length;
  while (end > 0 && /^0+$/.test(segments[end - 1] ?? '')) end--;
  return segments.slice(0, end);
}

/** A release of the kernel that its makers made: '6.1.83', '2.6.32.27', '6.18-rc3'. */
export interface KernelRelease {
  readonly text: string;
  /** Compares as releases do; a candidate has that of its release. */
  readonly order: number;
  /** '6.1' of 6.1.83; '2.6.32' of 2.6.32.27: before 3.0 the third number was that of the main line. */
  readonly branch: string;
  /** Of a candidate of this release; null: of the release itself. */
  readonly candidate: number | null;
}

/**
 * The release at the start of a text: '6.1.83-2-amd64' is 6.1.83, and Fedora's '6.18.0-0.rc3.…' a candidate of 6.18. Null
 * when it begins with none, or with a number that none ever had.
 */
export function parseKernelRelease(text: string): KernelRelease | null {
  const [, main, candidate] = /^v?(\d{1,3}(?:\.\d{1,4}){1,3})(?!\.?\d)(?:(?:[-.]|-0\.)?rc(\d{1,3}))?/.exec(text) ?? [];
  if (main === undefined) return null;
  const numbers = main.split('.').map(Number);
  const isOld = numbers[0] === 2;
  // 6.1.0 is 6.1, and Debian's "6.1.0-56" is only a name: see the host's facts.
  while (numbers.length > (isOld ? 3 : 2) && numbers.at(-1) === 0) numbers.pop();
  const branch = numbers.slice(0, isOld ? 3 : 2).join('.');
  return {
    text: numbers.join('.') + (candidate === undefined ? '' : `-rc${candidate}`),
    order: orderOf(numbers),
    branch,
    candidate: candidate === undefined ? null : Number(candidate),
  };
}

/** Four numbers in one: the first three and four digits are more than any release has had. */
function orderOf([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number {
  return ((a * 1_000 + b) * 10_000 + c) * 10_000 + d;
}

/** A candidate comes before its release. */
export function compareKernels(a: KernelRelease, b: KernelRelease): number {
  if (a.order !== b.order) return a.order - b.order;
  return (a.candidate ?? 1_000) - (b.candidate ?? 1_000);
}

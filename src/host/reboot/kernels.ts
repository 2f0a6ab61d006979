/** Digits as numbers, the rest as words: 6.1.0-9 comes before 6.1.0-10. */
function parts(release: string): (number | string)[] {
  return release.split(/(\d+)/).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

export function compareReleases(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [x = '', y = ''] = [left[at], right[at]];
    if (x === y) continue;
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    return String(x) < String(y) ? -1 : 1;
  }
  return 0;
}

/** What stays of a release without its numbers: kernels of another flavour are none that a machine would start by itself. */
const flavour = (release: string): string => release.replace(/\d+/g, '#').replace(/(?:#\.)*#/, '#');

/** The newest of the kernels on disk that have the running one's flavour; null: none is known. */
export function newestKernel(running: string, installed: readonly string[]): string | null {
  const own = installed.filter((one) => flavour(one) === flavour(running));
  return own.sort(compareReleases).at(-1) ?? null;
}

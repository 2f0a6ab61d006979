/** What a container has from its host, as the kernel lists it in /proc/PID/mountinfo (proc_pid_mountinfo(5)). */

/** A folder or file of the host that a container sees. */
export interface HostMount {
  /** As the host calls it. */
  readonly source: string;
  /** As the container does. */
  readonly destination: string;
  readonly isWritable: boolean;
  readonly propagation: string;
}

interface Mounted {
  readonly device: string;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly point: string;
  readonly isWritable: boolean;
  readonly propagation: string;
  readonly kind: string;
}

/** Every container has those of its kernel, and they are no part of the host's files. */
const OF_THE_KERNEL: ReadonlySet<string> = new Set(['cgroup', 'cgroup2', 'sysfs', 'mqueue', 'devpts']);
const MOUNTS_MAX = 1_024;
const LINES_MAX = 4_096;

/**
 * Mounts of a container that are of the host: their file system is one that the host has mounted as well. The root of the container
 * is none of them. Null while it has the host's still, as before a runtime goes over to it.
 */
export function hostMounts(container: string, host: string): readonly HostMount[] | null {
  const ofHost = new Map<string, Mounted[]>();
  let rootOfHost: Mounted | undefined;
  for (const mounted of read(host)) {
    if (mounted.point === '/') rootOfHost = mounted;
    const same = ofHost.get(mounted.device);
    if (same === undefined) ofHost.set(mounted.device, [mounted]);
    else same.push(mounted);
  }
  const found: HostMount[] = [];
  for (const { device, root, point, isWritable, propagation, kind } of read(container)) {
    if (point === '/' && device === rootOfHost?.device && root === rootOfHost.root) return null;
    if (point === '/' || OF_THE_KERNEL.has(kind)) continue;
    const source = sourceOf(root, ofHost.get(device) ?? []);
    if (source === null) continue;
    found.push({ source, destination: point, isWritable, propagation });
    if (found.length === MOUNTS_MAX) break;
  }
  return found;
}

/** Where the host has it: below that of its mounts which begins the nearest. */
function sourceOf(root: string, mounts: readonly Mounted[]): string | null {
  let nearest: Mounted | null = null;
  for (const mounted of mounts) {
    const holds = mounted.root === '/' || root === mounted.root || root.startsWith(`${mounted.root}/`);
    if (holds && (nearest === null || mounted.root.length > nearest.root.length)) nearest = mounted;
  }
  if (nearest === null) return null;
  const rest = nearest.root === '/' ? root : root.slice(nearest.root.length);
  const path = `${nearest.point === '/' ? '' : nearest.point}${rest === '/' ? '' : rest}`;
  return path === '' ? '/' : path;
}

function* read(text: string): Generator<Mounted> {
  let lines = 0;
  for (const line of text.split('\n')) {
    if (++lines > LINES_MAX) return;
    const [, , device, root, point, options, ...rest] = line.split(' ');
    if (device === undefined || root === undefined || point === undefined || options === undefined) continue;
    const dash = rest.indexOf('-');
    const kind = dash === -1 ? undefined : rest[dash + 1];
    if (kind === undefined) continue;
    const tags = rest.slice(0, dash);
    yield {
      device,
      root: unescaped(root),
      point: unescaped(point),
      isWritable: options.split(',').includes('rw'),
      propagation: tags.some((tag) => tag.startsWith('shared:'))
        ? 'rshared'
        : tags.some((tag) => tag.startsWith('master:'))
          ? 'rslave'
          : 'rprivate',
      kind,
    };
  }
}

/** The kernel writes blanks, tabs, line ends and backslashes in octal. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** As engines list them: `source:destination:mode:writable:propagation`. */
export function mountText({ source, destination, isWritable, propagation }: HostMount): string {
  return `${source}:${destination}::${isWritable}:${propagation}`;
}

/**
 * The mount that a rule asks for: by its place in the list, or by a pattern. The source is asked for by the destination, everything
 * else by the source, as in Falco.
 */
export function mountOf<Mount extends { readonly source: string; readonly destination: string }>(
  mounts: readonly Mount[],
  argument: string,
  by: 'source' | 'destination',
): Mount | undefined {
  if (/^\d{1,9}$/.test(argument)) return mounts[Number(argument)];
  return mounts.find((mount) => matchesPattern(mount[by], argument));
}

/** `*` and `?` of fnmatch(3), slashes not excepted; never slower than the product of the lengths. */
export function matchesPattern(text: string, pattern: string): boolean {
  let [at, place] = [0, 0];
  let [star, resume] = [-1, 0];
  while (at < text.length) {
    const wanted = pattern[place];
    if (wanted === '*') {
      star = place++;
      resume = at;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[at])) {
      at++;
      place++;
    } else if (star !== -1) {
      place = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[place] === '*') place++;
  return place === pattern.length;
}

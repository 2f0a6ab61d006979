/** What a container's guards are told: every policy that speaks of it, put together. Pure, and known to all programs that enforce. */
import type { Text } from '../system/index.ts';
import { DENIED_MAX, KERNEL_PATH_BYTES_MAX } from './limits.ts';

export const PARTS = ['drift', 'command', 'file', 'component', 'package'] as const;
export type Part = (typeof PARTS)[number];

/** What happens with an act that a policy forbids: it fails, it ends its process, it is told, or nothing of it is seen. */
export const STRENGTHS = ['blocks', 'kills', 'reports', 'nothing'] as const;
export type Strength = (typeof STRENGTHS)[number];

/** By what means. */
export const MEANS = ['bpf-lsm', 'bpf-return', 'fanotify', 'bpf-signal', 'bpf-report'] as const;
export type Means = (typeof MEANS)[number];

/** What is forbidden in some containers. Plain JSON. */
export interface PreventPolicy {
  readonly name: string;
  /** `dry-run`: what would be prevented is told, and nothing is. */
  readonly mode: 'dry-run' | 'enforce';
  /** All that is named has to hold; patterns with `*`. */
  readonly match: {
    readonly projects: readonly string[] | null;
    readonly environments: readonly string[] | null;
    readonly workloads: readonly string[] | null;
    readonly images: readonly string[] | null;
    /** `name=value` of the pod; all of them. */
    readonly labels: readonly string[] | null;
  };
  /** A program that is not in the image does not run. */
  readonly drift: boolean;
  /** Paths of programs that are no drift. */
  readonly except: readonly string[];
  /** Names, paths or hashes of programs. */
  readonly commands: readonly string[];
  /** Paths of files that nobody opens. */
  readonly files: readonly string[];
  /** Names of libraries' files: who loads one opens it. */
  readonly components: readonly string[];
  /** Names or purls of packages: what the image's inventory says of them does not run. */
  readonly packages: readonly string[];
  /** The answer to a question that cannot be answered in time. */
  readonly whenLate: 'allow' | 'deny';
}

export interface GuardRule {
  readonly policy: string;
  readonly part: Part;
  readonly effect: 'report' | 'act';
  /** The package, of a rule about one. */
  readonly subject?: string;
  /** What of it cannot be enforced in this container's image. */
  readonly gap?: Text;
}

export interface Denied {
  /** A name, a path, either of them with `*`, or a hash in hexadecimal. */
  readonly pattern: string;
  readonly kind: 'name' | 'path' | 'glob' | 'hash';
  /** Its place in the rules of the guard. */
  readonly rule: number;
}

/** All that is forbidden in one container. */
export interface ContainerGuard {
  readonly containerId: string;
  readonly rules: readonly GuardRule[];
  /** The rule about programs that are not in the image. */
  readonly drift: number | null;
  readonly except: readonly string[];
  readonly commands: readonly Denied[];
  readonly files: readonly Denied[];
  readonly whenLate: 'allow' | 'deny';
}

/** What a container is, as far as policies ask. */
export interface GuardedContainer {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly image: string;
  /** Of the image; null where the host does not know it. */
  readonly digest: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** The engine brings these into a container by itself, from the host. */
const BROUGHT_BY_ENGINES = ['/run/podman-init', '/dev/init'];

/** Whether a policy speaks of a container. */
export function speaksOf({ match }: PreventPolicy, container: GuardedContainer): boolean {
  const one = (wanted: readonly string[] | null, value: string): boolean =>
    wanted === null || wanted.some((glob) => matchesPattern(glob, value));
  const hasLabels = (wanted: readonly string[]): boolean => {
    const labels = Object.entries(container.labels).map(([name, value]) => `${name}=${value}`);
    return wanted.every((glob) => labels.some((label) => matchesPattern(glob, label)));
  };
  return (
    one(match.projects, container.project) &&
    one(match.environments, container.environment) &&
    one(match.workloads, container.workload) &&
    one(match.images, container.image) &&
    (match.labels === null || hasLabels(match.labels))
  );
}

/** What a policy's packages are in one image. Paths are from the root of the container. */
export interface PackagesOrder {
  readonly policy: string;
  readonly digest: string;
  /** What of it cannot be enforced, or not known; null: nothing. */
  readonly gap: Text | null;
  readonly found: readonly {
    readonly purl: string;
    readonly programs: readonly string[];
    readonly libraries: readonly string[];
  }[];
}

/** What is said of packages where nobody looked into the image yet. */
const NOT_LOOKED: Text = {
  en: 'cannot be enforced because what is in the image is not known here yet',
  es: 'no se puede imponer porque aún no se sabe aquí qué contiene la imagen',
};

/** What the policies' packages are in the images that run, to be found by both: there may be tens of thousands. */
export class PackagesByImage {
  readonly #orders: ReadonlyMap<string, PackagesOrder>;

  constructor(orders: readonly PackagesOrder[]) {
    this.#orders = new Map(orders.map((order) => [`${order.digest} ${order.policy}`, order]));
  }

  find(policy: string, digest: string | null): PackagesOrder | undefined {
    return digest === null ? undefined : this.#orders.get(`${digest} ${policy}`);
  }
}

const NO_PACKAGES = new PackagesByImage([]);

/** Everything that policies say of a container; null when they say nothing. */
export function compileGuard(
  policies: readonly PreventPolicy[],
  container: GuardedContainer,
  inImages: PackagesByImage = NO_PACKAGES,
): ContainerGuard | null {
  const rules: GuardRule[] = [];
  const commands: Denied[] = [];
  const files: Denied[] = [];
  const speaking = policies.filter((policy) => speaksOf(policy, container));
  // Who enforces comes first, so that a trial beside it weakens nothing.
  const ordered = [...speaking].sort((a, b) => Number(b.mode === 'enforce') - Number(a.mode === 'enforce'));
  let drift: number | null = null;
  let except: readonly string[] = BROUGHT_BY_ENGINES;
  for (const policy of ordered) {
    const effect = policy.mode === 'enforce' ? 'act' : 'report';
    const rule = (part: Part): number => rules.push({ policy: policy.name, part, effect }) - 1;
    if (policy.drift && drift === null) {
      drift = rule('drift');
      except = [...BROUGHT_BY_ENGINES, ...policy.except];
    }
    for (const [part, patterns, denied] of [
      ['command', policy.commands, commands],
      ['file', policy.files, files],
      ['component', policy.components, files],
    ] as const) {
      if (patterns.length === 0) continue;
      const place = rule(part);
      // A list that has no room is left out whole: its rule without entries says so, where half a list would look like all.
      if (denied.length + patterns.length > DENIED_MAX) continue;
      for (const pattern of patterns) denied.push(deniedOf(pattern, place));
    }
    if (policy.packages.length === 0) continue;
    const known = inImages.find(policy.name, container.digest);
    const gap = known === undefined ? NOT_LOOKED : known.gap;
    if (gap !== null) rules.push({ policy: policy.name, part: 'package', effect, gap });
    for (const { purl, programs, libraries } of known?.found ?? []) {
      if (programs.length + libraries.length === 0) continue;
      const place = rules.push({ policy: policy.name, part: 'package', effect, subject: purl }) - 1;
      if (commands.length + programs.length > DENIED_MAX || files.length + libraries.length > DENIED_MAX) continue;
      for (const path of programs) commands.push({ pattern: path, kind: 'path', rule: place });
      for (const path of libraries) files.push({ pattern: path, kind: 'path', rule: place });
    }
  }
  if (rules.length === 0) return null;
  return {
    containerId: container.id,
    rules,
    drift,
    except,
    commands,
    files,
    // What is only a trial refuses nothing, late or not.
    whenLate: ordered.some(({ mode, whenLate }) => mode === 'enforce' && whenLate === 'deny') ? 'deny' : 'allow',
  };
}

function deniedOf(pattern: string, rule: number): Denied {
  const hash = /^sha256:([0-9a-f]{64})$/.exec(pattern)?.[1];
  if (hash !== undefined) return { pattern: hash, kind: 'hash', rule };
  const kind = pattern.includes('*') ? 'glob' : pattern.startsWith('/') ? 'path' : 'name';
  return { pattern, kind, rule };
}

/** Whether the kernel's own tables can hold an entry. */
export function isForKernel({ kind, pattern }: Pick<Denied, 'kind' | 'pattern'>, use: 'exec' | 'open'): boolean {
  if (kind === 'path') return Buffer.byteLength(pattern) <= KERNEL_PATH_BYTES_MAX;
  return kind === 'name' && use === 'exec' && Buffer.byteLength(pattern) <= KERNEL_PATH_BYTES_MAX;
}

/** Whether the kernel's own tables can say what is no drift. */
export function isDriftForKernel({ except }: Pick<ContainerGuard, 'except'>): boolean {
  return except.every((path) => !path.includes('*') && Buffer.byteLength(path) <= KERNEL_PATH_BYTES_MAX);
}

/** As people name a container: enough of an engine's id, the whole of what the kernel alone names. */
export function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
}

/** `*` is any text, slashes included. In linear time, whatever the pattern. */
export function matchesPattern(pattern: string, value: string): boolean {
  let [at, place, star, mark] = [0, 0, -1, 0];
  while (at < value.length) {
    if (pattern[place] === '*') {
      star = place++;
      mark = at;
    } else if (pattern[place] === value[at]) {
      place++;
      at++;
    } else if (star !== -1) {
      place = star + 1;
      at = ++mark;
    } else return false;
  }
  while (pattern[place] === '*') place++;
  return place === pattern.length;
}

/** Whether an entry names this file. Hashes are asked elsewhere. */
export function names({ kind, pattern }: Pick<Denied, 'kind' | 'pattern'>, path: string): boolean {
  if (kind === 'hash') return false;
  if (kind === 'path') return path === pattern;
  const value = pattern.startsWith('/') ? path : path.slice(path.lastIndexOf('/') + 1);
  return kind === 'name' ? value === pattern : matchesPattern(pattern, value);
}

/** Where the pattern is a path for itself. */
export function isExcepted(except: readonly string[], path: string): boolean {
  return except.some((pattern) => matchesPattern(pattern, path));
}

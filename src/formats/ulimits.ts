/** Limits of processes (setrlimit(2)), by the names that docker and podman have for them. */
export const ULIMIT_NAMES = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
] as const;
export type UlimitName = (typeof ULIMIT_NAMES)[number];

/** What holds at first, and what a process may raise it to; -1 is no limit. */
export interface Ulimit {
  readonly soft: number;
  readonly hard: number;
}
export type Ulimits = Readonly<Partial<Record<UlimitName, Ulimit>>>;

/** Kubernetes has no field for them: this annotation of a pod says them, for all of its containers or for one. */
export const ULIMITS_ANNOTATION = 'darsena/ulimits';

/** `nofile=1024:2048`, `memlock=unlimited`; null when it is none. */
export function parseUlimit(text: string): { readonly name: UlimitName; readonly limit: Ulimit } | null {
  const match = /^\s*([a-z]+)\s*=\s*(-1|unlimited|\d{1,15})(?::(-1|unlimited|\d{1,15}))?\s*$/.exec(text);
  const name = ULIMIT_NAMES.find((one) => one === match?.[1]);
  if (match === null || name === undefined) return null;
  const soft = amount(match[2] ?? '');
  const limit = { soft, hard: match[3] === undefined ? soft : amount(match[3]) };
  return isUlimit(limit) ? { name, limit } : null;
}

/** setrlimit(2): the soft limit is not above the hard one. */
export function isUlimit({ soft, hard }: Ulimit): boolean {
  return hard === -1 || (soft !== -1 && soft <= hard);
}

function amount(text: string): number {
  return text === 'unlimited' ? -1 : Number(text);
}

/** The annotation as limits by container, `null` for all of the pod; null when it is none. */
export function parseUlimits(text: string): ReadonlyMap<string | null, Ulimits> | null {
  const found = new Map<string | null, Ulimits>();
  for (const part of text.split(';')) {
    const match = /^\s*(?:([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\s*:)?([^:].*)$/s.exec(part);
    const container = match?.[1] ?? null;
    if (match === null || found.has(container)) return null;
    const limits: Partial<Record<UlimitName, Ulimit>> = {};
    for (const one of (match[2] ?? '').split(',')) {
      const read = parseUlimit(one);
      if (read === null || limits[read.name] !== undefined) return null;
      limits[read.name] = read.limit;
    }
    found.set(container, limits);
  }
  return found;
}

/** As `parseUlimits` reads them. */
export function formatUlimits(limits: Ulimits): string {
  return Object.entries(limits)
    .map(([name, { soft, hard }]) => `${name}=${soft === hard ? soft : `${soft}:${hard}`}`)
    .join(', ');
}

/** In one order, whatever the author wrote. */
export function listUlimits(
  limits: Ulimits,
): { readonly name: UlimitName; readonly soft: number; readonly hard: number }[] {
  return ULIMIT_NAMES.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [{ name, soft: limit.soft, hard: limit.hard }];
  });
}

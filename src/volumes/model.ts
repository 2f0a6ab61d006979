import type { Text } from '../system/index.ts';
import { FULL_SHARE, NEARLY_SHARE } from './limits.ts';

export const ACCESS_MODES = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

/** The kinds that a project file may say of an environment: a rule about any other would never hold for anything. */
export const ENVIRONMENT_KINDS = ['development', 'pre-production', 'production'] as const;

/** Where the data of a class lies. A manifest names the class and never the place. */
export type Driver =
  /** Volumes of the engine, on the host's own disk. */
  | { readonly kind: 'local' }
  /** Folders below one that the host itself allows: a disk of its own, or a file system that its administrator mounts. */
  | { readonly kind: 'folder'; readonly path: string }
  /** A NAS or SAN that the platform mounts: the host's own list says under this name what it is. */
  | { readonly kind: 'export'; readonly name: string };

/** What happens to the data when no release wants the claim any more. */
export interface Reclaim {
  readonly policy: 'retain' | 'delete';
  /** With `delete`: so long after the end, in hours. A roll-back within that time finds its data. */
  readonly afterHours: number;
}

/** What an administrator offers to environments under a name. */
export interface StorageClass {
  readonly name: string;
  readonly driver: Driver;
  readonly reclaim: Reclaim;
  readonly accessModes: readonly AccessMode[];
  /** Kinds of environment that may use it (`development`, `production` …); empty: all. */
  readonly environments: readonly string[];
  /** The largest claim; null: any. */
  readonly maxBytes: number | null;
  /** Taken by claims that name no class. */
  readonly isDefault: boolean;
  /** Kinds of environment whose claims lie encrypted there; `*`: all of them. */
  readonly encrypt: readonly string[];
}

/** The class that is always there, unless an administrator writes another of its name. */
export const LOCAL_CLASS: StorageClass = {
  name: 'local',
  driver: { kind: 'local' },
  reclaim: { policy: 'retain', afterHours: 24 },
  accessModes: ACCESS_MODES,
  environments: [],
  maxBytes: null,
  isDefault: false,
  encrypt: [],
};

/** Whether a claim of an environment of this kind lies encrypted in the class. */
export function isSealedIn({ encrypt }: Pick<StorageClass, 'encrypt'>, environmentClass: string): boolean {
  return encrypt.includes('*') || encrypt.includes(environmentClass);
}

export interface ClaimKey {
  readonly project: string;
  readonly environment: string;
  readonly claim: string;
}

export function formatClaim({ project, environment, claim }: ClaimKey): string {
  return `${project}/${environment}/${claim}`;
}

/** A claim as a release asks for it. */
export interface AskedClaim extends ClaimKey {
  readonly accessModes: readonly string[];
  readonly requestedBytes: number;
  readonly storageClass?: string;
  /** The kind of its environment (`production` …). */
  readonly environmentClass?: string;
}

/** Where a claim lies, as control tells a host. */
export interface ClaimPlace {
  readonly class: string;
  readonly driver: Driver;
  /** Raised each time another host may write: a lease of an older epoch counts for nothing. */
  readonly epoch: number;
  /** The one host that may write; null: any. */
  readonly host: string | null;
  /** It lies encrypted, under a key of its own. */
  readonly sealed: boolean;
}

/** What control knows of a claim. */
export interface ClaimRecord extends ClaimKey {
  readonly class: string;
  readonly driver: Driver;
  readonly accessModes: readonly string[];
  readonly requestedBytes: number;
  readonly reclaim: Reclaim;
  readonly host: string | null;
  readonly epoch: number;
  /** It lies encrypted: settled when it is made, by its class and the kind of its environment. */
  readonly sealed: boolean;
  readonly createdAt: string;
  /** Since when no release wants it; null while one does. */
  readonly releasedAt: string | null;
  /** Set while its data is taken away, and afterwards, as long as the record is kept. */
  readonly removal: 'asked' | 'done' | null;
}

/** What a host found of one volume. */
export interface ClaimLook extends ClaimKey {
  /** Null when it could not be counted in time. */
  readonly usedBytes: number | null;
  /** Of the file system that it lies on. */
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  /** Whether the file system itself keeps it within its size, and if not, why. */
  readonly limit: { readonly enforced: true } | { readonly enforced: false; readonly why: Text };
  /** Pods that have it mounted. */
  readonly containers: number;
  /** Why it cannot be used now; null: it can. */
  readonly trouble: Text | null;
}

export type ClaimState =
  /** No pod has needed it yet, or it cannot be made: `why` says it. */
  | 'pending'
  | 'ready'
  | 'in-use'
  | 'nearly-full'
  | 'full'
  /** Its file system does not answer, or the host refuses it. */
  | 'unavailable'
  /** No release wants it; its data is still there. */
  | 'released'
  | 'removing'
  | 'unknown';

/** The state that people are shown, with its reason where it has one. */
export function judgeClaim(
  record: ClaimRecord,
  look: ClaimLook | null,
  /** `not-yet`: it is in touch, and has told nothing of its volumes since control began. */
  host: 'told' | 'not-yet' | 'away',
): { readonly state: ClaimState; readonly why: Text | null } {
  if (record.removal === 'asked') return { state: 'removing', why: null };
  if (host === 'away') {
    return {
      state: 'unknown',
      why: { en: 'its host is not in touch with control', es: 'su host no está en contacto con control' },
    };
  }
  if (look?.trouble != null) return { state: 'unavailable', why: look.trouble };
  const full = look === null ? null : fullness(record, look);
  if (record.releasedAt !== null && look !== null) {
    const { policy, afterHours } = record.reclaim;
    const why: Text =
      policy === 'retain'
        ? { en: 'no release wants it; its data stays', es: 'ninguna versión lo pide; sus datos se quedan' }
        : {
            en: `no release wants it; its data goes ${afterHours} h after that`,
            es: `ninguna versión lo pide; sus datos se borran ${afterHours} h después`,
          };
    return { state: 'released', why };
  }
  if (look === null && host === 'not-yet') {
    return {
      state: 'unknown',
      why: { en: 'its host has not told yet what it holds', es: 'su host aún no ha dicho qué contiene' },
    };
  }
  if (look === null) {
    return {
      state: 'pending',
      why: { en: 'no pod has needed it yet', es: 'ningún pod lo ha necesitado todavía' },
    };
  }
  if (full !== null) return full;
  return { state: look.containers > 0 ? 'in-use' : 'ready', why: null };
}

/** Null while there is room. */
function fullness(
  { requestedBytes }: ClaimRecord,
  { usedBytes, freeBytes, totalBytes }: ClaimLook,
): { state: 'full' | 'nearly-full'; why: Text } | null {
  const shares: { share: number; why: Text }[] = [];
  if (usedBytes !== null && requestedBytes > 0) {
    const share = usedBytes / requestedBytes;
    const percent = Math.round(share * 100);
    shares.push({
      share,
      why: { en: `it holds ${percent} % of what it asked for`, es: `contiene el ${percent} % de lo que pidió` },
    });
  }
  if (freeBytes !== null && totalBytes !== null && totalBytes > 0) {
    const share = 1 - freeBytes / totalBytes;
    const percent = Math.round(share * 100);
    shares.push({
      share,
      why: { en: `the disk below it is ${percent} % full`, es: `el disco que hay debajo está al ${percent} %` },
    });
  }
  shares.sort((a, b) => b.share - a.share);
  const [worst] = shares;
  if (worst === undefined || worst.share < NEARLY_SHARE) return null;
  return { state: worst.share >= FULL_SHARE ? 'full' : 'nearly-full', why: worst.why };
}

/** The class of a claim: the one it names, else the one marked for those that name none, else `local`. */
export function classOf(classes: readonly StorageClass[], named: string | undefined): StorageClass | null {
  const all = classes.some(({ name }) => name === LOCAL_CLASS.name) ? classes : [...classes, LOCAL_CLASS];
  if (named !== undefined) return all.find(({ name }) => name === named) ?? null;
  return all.find(({ isDefault }) => isDefault) ?? all.find(({ name }) => name === LOCAL_CLASS.name) ?? null;
}

/** For whom claims are asked about. */
export interface ClaimAsking {
  /** The kind of environment. */
  readonly environmentClass: string;
  /** By a release that was there before: a claim that has grown since keeps its size and stands in nobody's way back. */
  readonly isAgain?: boolean;
}

/** Every reason why claims may not be had as they are written. */
export function claimProblems(
  asked: readonly AskedClaim[],
  known: ReadonlyMap<string, ClaimRecord>,
  { classes, environmentClass, isAgain = false }: ClaimAsking & { readonly classes: readonly StorageClass[] },
): Text[] {
  const problems: Text[] = [];
  for (const claim of asked) {
    const { claim: name, storageClass, requestedBytes } = claim;
    const say = (en: string, es: string): number => problems.push({ en: `${name}: ${en}`, es: `${name}: ${es}` });
    const before = known.get(formatClaim(claim));
    const found = classOf(classes, storageClass ?? before?.class);
    if (found === null) {
      const names = [...new Set([...classes.map((one) => one.name), LOCAL_CLASS.name])].join(', ');
      say(
        `there is no storage class ${storageClass ?? before?.class}; there is ${names}`,
        `no existe la clase de almacenamiento ${storageClass ?? before?.class}; hay ${names}`,
      );
      continue;
    }
    if (before !== undefined && before.class !== found.name) {
      say(
        `its data lies in the class ${before.class}; another class needs another claim, filled from a backup`,
        `sus datos están en la clase ${before.class}; para otra clase hace falta otra petición, llenada desde una copia`,
      );
    }
    if (found.environments.length > 0 && !found.environments.includes(environmentClass)) {
      say(
        `the class ${found.name} is for ${found.environments.join(', ')}, and this environment is ${environmentClass}`,
        `la clase ${found.name} es para ${found.environments.join(', ')}, y este entorno es ${environmentClass}`,
      );
    }
    for (const mode of claim.accessModes) {
      if ((found.accessModes as readonly string[]).includes(mode)) continue;
      const modes = found.accessModes.join(', ');
      say(
        `the class ${found.name} has no ${mode}; it has ${modes}`,
        `la clase ${found.name} no tiene ${mode}; tiene ${modes}`,
      );
    }
    if (found.maxBytes !== null && requestedBytes > found.maxBytes) {
      const [wanted, most] = [formatBytes(requestedBytes), formatBytes(found.maxBytes)];
      say(
        `it asks for ${wanted}, and a claim of the class ${found.name} may have ${most}`,
        `pide ${wanted}, y una petición de la clase ${found.name} puede tener ${most}`,
      );
    }
    if (requestedBytes <= 0)
      say('it asks for no room: a claim needs more than 0', 'no pide espacio: una petición necesita más de 0');
    // What is larger was written down as this, and would stay: a claim never shrinks.
    if (requestedBytes >= Number.MAX_SAFE_INTEGER) {
      const most = formatBytes(Number.MAX_SAFE_INTEGER);
      say(`it asks for ${most} or more, which no storage has`, `pide ${most} o más, que ningún almacenamiento tiene`);
    }
    if (before !== undefined && requestedBytes < before.requestedBytes && !isAgain) {
      const [wanted, had] = [formatBytes(requestedBytes), formatBytes(before.requestedBytes)];
      say(
        `a claim grows and never shrinks: it has ${had}, and ${wanted} is asked for`,
        `una petición crece y nunca encoge: tiene ${had} y se piden ${wanted}`,
      );
    }
  }
  return problems;
}

/** `64Mi`, `1.5Gi`. */
export function formatBytes(value: number): string {
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${Number.isInteger(rest) ? rest : rest.toFixed(1)}${units[unit]}`;
}

/** Whether only one host may write to it at a time. */
export function isExclusive({ accessModes }: { readonly accessModes: readonly string[] }): boolean {
  return !accessModes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');
}

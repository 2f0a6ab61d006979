/** Packages that may not run: which of an image's packages a policy means, and what of them its hosts are told. Pure. */
import { parsePurl } from '../formats/index.ts';
import type { Text } from '../system/index.ts';
import { matchesPattern, type PackagesOrder } from './guard.ts';
import {
  DENIED_MAX,
  GAPS_NAMED_MAX,
  PACKAGE_ORDER_BYTES_MAX,
  PACKAGE_ORDERS_BYTES_MAX,
  PURL_TOLD_MAX,
} from './limits.ts';

/**
 * Why a package cannot be kept from running, or not all of it. What the scanner says of files; `no-inventory`: nobody knows what
 * is in the image; `not-read`: what is known could not be read; `more`: the image has more such packages than are looked at;
 * `room`: with the packages before it, it is more than a host takes.
 */
export const PACKAGE_GAPS = [
  'interpreted',
  'no-program',
  'no-files',
  'inside',
  'together',
  'many',
  'cut',
  'no-inventory',
  'not-read',
  'more',
  'room',
] as const;
export type PackageGap = (typeof PACKAGE_GAPS)[number];

/** A denied package of one image, as hosts are told it. Paths are from the root of the container. */
export interface DeniedPackage {
  readonly purl: string;
  /** The file that tells of it. */
  readonly path: string;
  readonly programs: readonly string[];
  /** Who opens one loads it. */
  readonly libraries: readonly string[];
  readonly gap: PackageGap | null;
}

/** What a policy's list of packages means in one image. */
export interface ImagePackages {
  readonly policy: string;
  readonly digest: string;
  /** As people name the image. */
  readonly image: string;
  /** Why it is not known; null: `found` is all. */
  readonly unknown: PackageGap | null;
  readonly found: readonly DeniedPackage[];
}

/** Whether an entry of a policy names a package: by its name, or by a purl with or without namespace and version. `*` is any text. */
export function namesPackage(pattern: string, one: { readonly name: string; readonly purl: string }): boolean {
  if (!pattern.startsWith('pkg:')) return matchesPattern(pattern, one.name);
  const wanted = parsePurl(pattern);
  if (wanted === null || !one.purl.startsWith(`pkg:${wanted.type}/`)) return false;
  const found = parsePurl(one.purl);
  return (
    found !== null &&
    matchesPattern(wanted.name, found.name) &&
    (wanted.namespace == null || matchesPattern(wanted.namespace, found.namespace ?? '')) &&
    (wanted.version == null || matchesPattern(wanted.version, found.version ?? ''))
  );
}

/** Whether an entry can name a package at all. */
export function isPackagePattern(pattern: string): boolean {
  if (pattern.startsWith('pkg:')) {
    const parsed = parsePurl(pattern);
    return parsed !== null && !/^\*+$/.test(parsed.name);
  }
  return /^[^\s\0]+$/.test(pattern) && !/^\*+$/.test(pattern);
}

const WHY: Readonly<Record<PackageGap, Text>> = {
  interpreted: {
    en: 'an interpreter reads its files: only its own programs and libraries are denied, where it has any',
    es: 'un intérprete lee sus archivos: solo se deniegan sus propios programas y bibliotecas, si los tiene',
  },
  'no-program': {
    en: 'it brings no program and no library',
    es: 'no trae ningún programa ni ninguna biblioteca',
  },
  'no-files': {
    en: 'only a list names it, and nobody knows its files',
    es: 'solo la nombra una lista y nadie conoce sus archivos',
  },
  inside: {
    en: 'it lies inside an archive together with others',
    es: 'está dentro de un archivo comprimido junto con otros',
  },
  together: {
    en: 'it is part of one program together with others: deny that program by its path',
    es: 'forma parte de un programa junto con otros: deniegue ese programa por su ruta',
  },
  many: { en: 'it has more programs than a host takes', es: 'tiene más programas de los que toma un host' },
  cut: {
    en: 'the image has more lists of files than are kept, so some may be missing',
    es: 'la imagen tiene más listas de archivos de las que se guardan, así que puede faltar alguno',
  },
  'no-inventory': {
    en: 'the image has no complete inventory: scan it',
    es: 'la imagen no tiene un inventario completo: analícela',
  },
  'not-read': {
    en: 'the inventory of the image could not be read; it is tried again',
    es: 'no se pudo leer el inventario de la imagen; se vuelve a intentar',
  },
  more: {
    en: 'the image has more such packages than are looked at',
    es: 'la imagen tiene más paquetes así de los que se miran',
  },
  room: {
    en: 'together with the others that are denied in the image it is more than a host takes',
    es: 'junto con los demás que se deniegan en la imagen es más de lo que toma un host',
  },
};

export function gapWords(gap: PackageGap): Text {
  return WHY[gap];
}

/** Whether nothing at all of it is denied. */
export function isLeft({ programs, libraries }: DeniedPackage): boolean {
  return programs.length + libraries.length === 0;
}

/** What of an image's packages cannot be enforced, in one sentence; null: everything can. */
export function gapsOf({ unknown, found }: Pick<ImagePackages, 'unknown' | 'found'>): Text | null {
  const parts: Text[] = unknown === null ? [] : [WHY[unknown]];
  const byGap = Map.groupBy(
    found.filter(({ gap }) => gap !== null),
    ({ gap }) => gap as PackageGap,
  );
  for (const [gap, all] of byGap) {
    const named = all.slice(0, GAPS_NAMED_MAX).map(({ purl, path, gap: why }) => {
      const short = purl.split('?')[0] ?? purl;
      return why === 'together' || why === 'inside' ? `${short} (/${path})` : short;
    });
    const more = all.length - named.length;
    const names = `${named.join(', ').slice(0, 600)}${more > 0 ? ` +${more}` : ''}`;
    parts.push({ en: `${names}: ${WHY[gap].en}`, es: `${names}: ${WHY[gap].es}` });
  }
  if (parts.length === 0) return null;
  const say = (language: 'en' | 'es'): string =>
    parts
      .map((one) => one[language])
      .join('; ')
      .slice(0, 1_500);
  return {
    en: `cannot be enforced because ${say('en')}`.slice(0, 1_600),
    es: `no se puede imponer porque ${say('es')}`.slice(0, 1_600),
  };
}

/** What of an image a host takes: an image with very many or very long names of files leaves room for those of others. */
export function fitting(packages: ImagePackages): ImagePackages {
  let [programs, libraries, bytes] = [0, 0, 0];
  const found = packages.found.map((one) => {
    if (isLeft(one)) return one;
    const own = Buffer.byteLength(JSON.stringify([one.purl, one.programs, one.libraries]));
    const fits =
      programs + one.programs.length <= DENIED_MAX &&
      libraries + one.libraries.length <= DENIED_MAX &&
      bytes + own <= PACKAGE_ORDER_BYTES_MAX;
    if (!fits) return { ...one, programs: [], libraries: [], gap: 'room' as const };
    programs += one.programs.length;
    libraries += one.libraries.length;
    bytes += own;
    return one;
  });
  return { ...packages, found };
}

const NO_ROOM: Text = {
  en: 'cannot be enforced because what is denied in all images together is more than a host takes',
  es: 'no se puede imponer porque lo que se deniega en todas las imágenes juntas es más de lo que toma un host',
};

/** What one message to a host holds: the largest have no room first, and that is said. */
export function boundedOrders(
  orders: readonly PackagesOrder[],
  bytesMax: number = PACKAGE_ORDERS_BYTES_MAX,
): readonly PackagesOrder[] {
  const sized = orders.map((order) => ({ order, bytes: Buffer.byteLength(JSON.stringify(order)) }));
  let left = bytesMax;
  const kept = new Set<PackagesOrder>();
  for (const { order, bytes } of [...sized].sort((a, b) => a.bytes - b.bytes)) {
    left -= bytes;
    if (left < 0) break;
    kept.add(order);
  }
  return orders.map((order) => (kept.has(order) ? order : { ...order, gap: NO_ROOM, found: [] }));
}

/** As hosts are told it. */
export function orderOf(packages: ImagePackages): PackagesOrder {
  const { policy, digest, found } = packages;
  const denied = found.filter((one) => !isLeft(one));
  const paths = denied.map(({ purl, programs, libraries }) => ({
    purl: purl.slice(0, PURL_TOLD_MAX),
    programs,
    libraries,
  }));
  return { policy, digest, gap: gapsOf(packages), found: paths };
}

import { posix } from 'node:path';
import { cleanTarPath, type TarEntry, type TarInput } from '../../formats/index.ts';
import { defineFaults } from '../../system/index.ts';

/** Files of one copy: a whole root file system has some 100,000. */
export const COPY_ENTRIES_MAX = 200_000;
/** Bytes of one copy; what is larger is a volume and has its backup. */
export const COPY_BYTES_MAX = 16 * 1024 ** 3;

export const copyFault = defineFaults({
  'copy.refused': {
    kind: 'invalid',
    en: {
      what: 'the copy is refused',
      why: '{path} {reason}',
      remedy: 'copy files, folders and links inside of one folder',
    },
    es: {
      what: 'la copia se rechaza',
      why: '{path} {razon}',
      remedy: 'copiar archivos, carpetas y enlaces dentro de una sola carpeta',
    },
  },
  'copy.too-large': {
    kind: 'exhausted',
    en: { what: 'the copy is too large', why: 'more than {limit} {unit}', remedy: 'copy a part of it' },
    es: { what: 'la copia es demasiado grande', why: 'más de {limit} {unit}', remedy: 'copiar una parte' },
  },
  'copy.cut': {
    kind: 'unavailable',
    en: { what: 'the copy was cut', why: 'the connection ended before the archive did', remedy: 'copy again' },
    es: { what: 'la copia se cortó', why: 'la conexión terminó antes que el archivo', remedy: 'copiar de nuevo' },
  },
  'forward.pod-gone': {
    kind: 'not-found',
    en: { what: 'no port of {container} can be reached', why: 'its pod is gone', remedy: 'darsena ps' },
    es: { what: 'no se llega a ningún puerto de {container}', why: 'su pod ya no existe', remedy: 'darsena ps' },
  },
});

/**
 * Judges the entries of a copy one after the other, at whichever end they are unpacked: none leads out of the folder they
 * are meant for, none is a device, and all of them together have a bound.
 * @returns what may be unpacked; null for the folder itself
 * @throws Fault copy.refused, copy.too-large
 */
export function checkCopied(): (entry: TarEntry) => TarInput | null {
  let entries = 0;
  let bytes = 0;
  return (entry) => {
    const path = cleanTarPath(entry.path);
    if (path === null || entry.path.startsWith('/')) {
      throw refused(entry.path, 'leads out of the folder', 'sale de la carpeta');
    }
    if (path === '') return null;
    entries += 1;
    bytes += entry.sizeBytes;
    if (entries > COPY_ENTRIES_MAX) throw copyFault('copy.too-large', { limit: COPY_ENTRIES_MAX, unit: 'files' });
    if (bytes > COPY_BYTES_MAX) throw copyFault('copy.too-large', { limit: COPY_BYTES_MAX, unit: 'bytes' });
    const { kind, linkTarget, sizeBytes, mtimeSeconds } = entry;
    // Nobody becomes somebody else by a copied file.
    const mode = entry.mode & 0o777;
    if (kind === 'file') return { path, kind, mode, sizeBytes, mtimeSeconds };
    if (kind === 'directory') return { path, kind, mode, mtimeSeconds };
    if (kind === 'symlink') return { path, kind, linkTarget, mtimeSeconds };
    if (kind === 'hardlink') {
      const target = cleanTarPath(linkTarget);
      if (target === null || target === '' || linkTarget.startsWith('/')) {
        throw refused(entry.path, 'is a hard link out of the folder', 'es un enlace duro hacia fuera de la carpeta');
      }
      return { path, kind, linkTarget: target, mode, mtimeSeconds };
    }
    throw refused(entry.path, `is a ${kind}`, 'es un dispositivo o una tubería');
  };
}

/** Whether a symbolic link at `path` means something inside of the folder that the copy is unpacked into. */
export function staysInside(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/')) return false;
  // Behind a name `..` leads up from where that leads, if it is a link itself.
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const down = steps.findIndex((step) => step !== '..');
  if (down >= 0 && steps.includes('..', down)) return false;
  const meant = posix.normalize(posix.join(posix.dirname(path), target));
  return meant !== '..' && !meant.startsWith('../');
}

function refused(path: string, reason: string, razon: string): Error {
  return copyFault('copy.refused', { path: JSON.stringify(path.slice(0, 200)), reason, razon });
}

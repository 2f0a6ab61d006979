import type { FormatError, FormatErrorCode, Words } from './errors.ts';

type KindOf<Code extends string> = Code extends `${string}.${infer Kind}` ? Kind : never;

/** What was wrong, by the part of the code after its point; a person reads this, a program the code. */
const KINDS: Readonly<Record<KindOf<FormatErrorCode>, string>> = {
  syntax: 'no está bien escrito',
  'duplicate-key': 'repite una clave',
  'byte-order-mark': 'empieza con una marca de orden de bytes',
  encoding: 'no es UTF-8 válido',
  depth: 'está anidado a más profundidad de la que se lee',
  size: 'es más grande de lo que se lee',
  'alias-limit': 'se repite por referencias más de lo que se lee',
  'document-limit': 'tiene más documentos de los que se leen',
  'entry-limit': 'tiene más entradas de las que se leen',
  'output-limit': 'ocupa descomprimido más de lo que se lee',
  'ratio-limit': 'se expande más de lo que es creíble',
  corrupt: 'está dañado',
  packed: 'está empaquetado',
  header: 'tiene una cabecera que no vale',
  checksum: 'tiene una suma de comprobación que no coincide',
  name: 'tiene un nombre que no vale',
  'extended-header': 'tiene una cabecera extendida que no vale',
  unsupported: 'usa algo que aquí no se lee',
  truncated: 'termina antes de tiempo',
  encrypted: 'está cifrado',
  vector: 'no es un vector CVSS',
  doctype: 'declara un tipo de documento, que no se lee',
};

/** An error of this room in both languages, without its place: as it was thrown, or in Spanish from its code. */
export function sayFormatError(error: FormatError): Words {
  const [format, kind] = splitCode(error.code);
  return { en: error.message, es: error.spanish ?? `${format} ${KINDS[kind]}` };
}

/** An error of this room in both languages, with its place where it has one. */
export function describeFormatError(error: FormatError): Words {
  const { en, es } = sayFormatError(error);
  const { position } = error;
  if (position === null) return { en, es };
  return {
    en: `${en} (line ${position.line}, column ${position.column})`,
    es: `${es} (línea ${position.line}, columna ${position.column})`,
  };
}

function splitCode(code: FormatErrorCode): [string, KindOf<FormatErrorCode>] {
  const at = code.indexOf('.');
  return [code.slice(0, at).toUpperCase(), code.slice(at + 1) as KindOf<FormatErrorCode>];
}

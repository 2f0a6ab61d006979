import type { Text } from '../system/index.ts';
import { RULE_SENTENCES } from './spanish-rules.ts';

/**
 * What readers of files say, in Spanish: they run in a process that knows no language, and what they said is stored. `$1`
 * is what the first bracket holds, `{1}` the same put into Spanish too. The first that fits counts. A test holds every
 * sentence of the readers against this list.
 */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/^it has (\d+) bytes, the limit is (\d+)$/, 'tiene $1 bytes; el límite es $2'],
  [/^(.+) has (\d+) bytes, the limit is (\d+)$/, '{1} tiene $2 bytes; el límite es $3'],
  [/^(.+) has (\d+) characters, the limit is (\d+)$/, '{1} tiene $2 caracteres; el límite es $3'],
  [/^(.+) claims (\d+) bytes, the limit is (\d+)$/, '{1} declara $2 bytes; el límite es $3'],
  [/^(.+) has a name of (\d+) bytes, the limit is (\d+)$/, '{1} tiene un nombre de $2 bytes; el límite es $3'],
  [
    /^(.+) has an extended header of (\d+) bytes, the limit is (\d+)$/,
    '{1} tiene una cabecera extendida de $2 bytes; el límite es $3',
  ],
  [/^zip has (\d+) entries, the limit is (\d+)$/, 'el zip tiene $1 entradas; el límite es $2'],
  [/^(.+) has (\d+) bytes, expected (\d+)$/, '{1} tiene $2 bytes; se esperaban $3'],
  [/^(.+) has more than (\d+) bytes$/, '{1} tiene más de $2 bytes'],
  [/^(.+) has more than (\d+) characters$/, '{1} tiene más de $2 caracteres'],
  [/^(.+) has more than (\d+) entries$/, '{1} tiene más de $2 entradas'],
  [/^(.+) has more than (\d+) packages$/, '{1} tiene más de $2 paquetes'],
  [/^(.+) has more than (\d+) aliases$/, '{1} tiene más de $2 alias'],
  [/^(.+) has more than (\d+) documents$/, '{1} tiene más de $2 documentos'],
  [/^the text has more than (\d+) JSON objects$/, 'el texto tiene más de $1 objetos JSON'],
  [
    /^the text says that it is UTF-16 and is not; save it as UTF-8$/,
    'el texto dice ser UTF-16 y no lo es; guardarlo como UTF-8',
  ],
  [
    /^the text looks like UTF-16 without its mark; save it as UTF-8$/,
    'el texto parece UTF-16 sin su marca; guardarlo como UTF-8',
  ],
  [
    /^the text is not UTF-8 here \(as a letter with an accent in another encoding, ISO 8859-1 or Windows-1252\); save it as UTF-8$/,
    'aquí el texto no es UTF-8 (como una letra con acento en otra codificación, ISO 8859-1 o Windows-1252); guardarlo como UTF-8',
  ],
  [/^(.+) has more than (\d+) elements$/, '{1} tiene más de $2 elementos'],
  [/^more than (\d+) lines$/, 'tiene más de $1 líneas'],
  [/^(?:it|the file) names more than (\d+) packages$/, 'nombra más de $1 paquetes'],
  [/^it names more than (\d+) files?$/, 'nombra más de $1 archivos'],
  [/^it names more than (\d+) .+$/, 'nombra más de $1 cosas'],
  [/^it names files of more than (\d+) bytes$/, 'nombra archivos de más de $1 bytes'],
  [/^(\d+) archives have no name$/, '$1 archivos no tienen nombre'],
  [/^the archives inside hold more than (\d+) bytes$/, 'los archivos de dentro ocupan más de $1 bytes'],
  [/^archives in each other hold more than (\d+) bytes$/, 'los archivos anidados ocupan más de $1 bytes'],
  [/^zip holds more than (\d+) bytes$/, 'el zip ocupa más de $1 bytes'],
  [/^archives nest deeper than (\d+)$/, 'hay archivos anidados a más de $1 niveles'],
  [/^folders nest deeper than (\d+)$/, 'hay carpetas anidadas a más de $1 niveles'],
  [/^lines nest deeper than (\d+) levels$/, 'tiene más de $1 niveles'],
  [/^(.+) nests deeper than (\d+) levels$/, '{1} tiene más de $2 niveles'],
  [/^(.+) nests too deep(?: to be read)?$/, '{1} tiene demasiados niveles'],
  [/^(.+) inflates to more than (\d+) times its size$/, '{1} crece a más de $2 veces su tamaño'],
  [/^(.+) inflates to more than (\d+) bytes$/, '{1} ocupa más de $2 bytes al descomprimirse'],
  [/^whiteouts look at more than (\d+) names$/, 'las supresiones miran más de $1 nombres'],
  [/^it is larger than its entry says$/, 'es mayor de lo que declara su entrada'],
  [/^the archive has too many members$/, 'el archivo tiene demasiados miembros'],
  [/^the archive unpacks to too much$/, 'el archivo ocupa demasiado al desempaquetarse'],
  [
    /^a bun\.lockb is not read; .*$/,
    'un bun.lockb no se lee; bun install --save-text-lockfile escribe bun.lock, que sí',
  ],
  [/^it is packed by UPX: .*$/, 'está empaquetado con UPX: no se ve de qué se hizo'],
  [/^the list of crates in this Rust program .*$/, 'la lista de crates de este programa Rust no se puede descomprimir'],
  [
    /^the build information of this Go program is cut.*$/,
    'la información de construcción de este programa Go está cortada',
  ],
  [
    /^the newest changes of rpm's database .*$/,
    'los últimos cambios de la base de rpm pueden estar solo aquí y no se leen',
  ],
  [/^it names no package with a version$/, 'no nombra ningún paquete con versión'],
  [/^it is not text$/, 'no es texto'],
  [/^expected an object$/, 'se esperaba un objeto'],
  [/^ID is (.+)$/, 'ID es $1'],
  [/^a line of the manifest names no package$/, 'una línea del manifiesto no nombra ningún paquete'],
  [/^a row of rpm holds no header$/, 'una fila de rpm no contiene ninguna cabecera'],
  [/^line (\d+) is neither a field nor its continuation$/, 'la línea $1 no es un campo ni su continuación'],
  [/^line (\d+)$/, 'la línea $1'],
  [/^the paragraph that ends after line (\d+)$/, 'el párrafo que termina tras la línea $1'],
  [/^the database of rpm cannot be read: .*$/, 'la base de datos de rpm está dañada'],
  [/^the SQLite database cannot be read: .*$/, 'la base de datos SQLite está dañada'],
  [/^the Berkeley database cannot be read: .*$/, 'la base de datos Berkeley está dañada'],
  [/^the (\w+) stream cannot be read(?:: .*)?$/, 'el flujo $1 está dañado o cortado'],
  [/^(JSON|YAML|TOML) cannot be read: .*$/, 'no es $1 válido'],
  [/^YAML aliases cannot be followed: .*$/, 'los alias de YAML no se pueden seguir'],
  [/^JSON starts with a byte order mark.*$/, 'empieza por una marca de orden de bytes'],
  [/^JSON is not valid UTF-8$/, 'no es UTF-8 válido'],
  [/^(JSON|YAML) names the key (.+) twice in one (?:object|map)$/, '$1 nombra dos veces la clave $2'],
  [/^YAML uses a list or a map as a key.*$/, 'YAML usa una lista o un mapa como clave'],
  [/^YAML has << after other keys .*$/, 'YAML tiene << después de otras claves de su mapa; debe ir antes'],
  [/^YAML takes more than (\d+) members from other maps.*$/, 'YAML toma más de $1 miembros de otros mapas (<<)'],
  [/^YAML is empty.*$/, 'YAML está vacío'],
  [/^YAML has several documents.*$/, 'YAML tiene varios documentos'],
  [/^XML .*$/, 'no es XML válido'],
  [/^(?:CBOR|DER) is broken: .*$/, 'una estructura binaria está dañada'],
  [/^the CVSS vector .*$/, 'un vector CVSS no es válido'],
  [/^(.+) is encrypted$/, '{1} está cifrado'],
  [/^(.+) overlaps another one$/, '{1} se solapa con otra'],
  [/^(.+) has no header(?: at byte \d+)?$/, '{1} no tiene cabecera'],
  [/^(.+) is not where the directory says$/, '{1} no está donde dice el directorio'],
  [/^(.+) has the unknown method (\d+)$/, '{1} usa el método desconocido $2'],
  [/^(.+) cannot be inflated$/, '{1} no se puede descomprimir'],
  [/^zip has no end record.*$/, 'el zip está cortado o no es un zip'],
  [/^(zip|tar|ar|cpio) (?:is cut|ends) .*$/, 'el $1 está cortado'],
  [/^it does not begin as an ar archive does$/, 'no empieza como un archivo ar'],
  [/^cpio has no number at byte (\d+)$/, 'el cpio no tiene un número en el byte $1'],
  [/^(.+) is a sparse file, which is refused$/, '{1} es un archivo disperso, que no se admite'],
  [/^(.+) has the unknown type (.+)$/, '{1} tiene el tipo desconocido $2'],
  [/^(.+) has no name$/, '{1} no tiene nombre'],
  [/^(.+) has a NUL in its name$/, '{1} tiene un NUL en su nombre'],
  [/^(.+) has the header checksum (\S+), expected (\S+)$/, '{1} tiene la suma $2 en su cabecera; se esperaba $3'],
  [/^(.+) has a .{1,40} that is not octal$/, '{1} tiene un número que no es octal'],
  [/^(.+) has the impossible .*$/, '{1} tiene un número imposible'],
  [/^(.+) has a pax header that .*$/, '{1} tiene una cabecera pax no válida'],
  [/^(?:tar )?entry ("[^"]{0,400}") .+$/, 'la entrada $1 no se admite'],
  [/^(?:the )?stored .*$|^(?:the|a) stored .*$/, 'lo guardado de una capa está dañado'],
  [
    /^(?:the input of the worker ends too early|the stream ends inside a frame)$/,
    'la entrada del proceso de análisis terminó antes de tiempo',
  ],
  [/^it is compressed; decompress it first$/, 'está comprimido; hay que descomprimirlo antes'],
  [/^its index leads to no image$/, 'su índice no lleva a ninguna imagen'],
  [/^(?:its index|manifest\.json) lists no image$/, 'no contiene ninguna imagen'],
  [/^(?:its index|manifest\.json) lists several images$/, 'contiene varias imágenes'],
  [/^manifest\.json lacks Config or Layers$/, 'a manifest.json le falta Config o Layers'],
  [/^it is no CycloneDX .*$/, 'no es un documento CycloneDX 1.4 a 1.7 ni SPDX 2.2, 2.3 o 3.0 en JSON'],
  [/^it has no (\S+)$/, 'no tiene $1'],
  [/^no permission to read it$/, 'sin permiso para leerlo'],
  [/^it was gone or replaced while it was being read$/, 'desapareció o cambió mientras se leía'],
  [/^the disk cannot read it$/, 'el disco no puede leerlo'],
  [/^files of the kernel$/, 'archivos del núcleo'],
  [/^files of containers$/, 'archivos de contenedores'],
  [/^files that stand elsewhere too$/, 'archivos que también están en otro sitio'],
  [/^another file system \((\S+)\)$/, 'otro sistema de archivos ($1)'],
  [/^(\S+) leads to a file under a name that was not read$/, '$1 lleva a un archivo con un nombre que no se leyó'],
  [/^(\S+) is needed for the inventory: (.+)$/, '$1 hace falta para el inventario: {2}'],
  [/^(\S+) cannot be read: (.+)$/, '$1 no se puede leer: {2}'],
  [/^tar entry (\d+)(?: \((.+)\))?$/, 'la entrada $1 del tar'],
  [/^zip entry (.+)$/, 'la entrada $1 del zip'],
  [/^(?:a tag or text of|an) XML(?: record)?$/, 'un elemento de XML'],
  [/^the stream$|^it$/, 'el contenido'],
  [/^the image$/, 'la imagen'],
  [/^a frame$/, 'un bloque'],
  [/^(JSON|YAML|TOML|XML|ar|cpio|tar|zip|[\w.-]+\.json)$/, '$1'],
  ...RULE_SENTENCES,
];

const LENGTH_MAX = 1000;

/** Sentences in sentences: "a.jar: zip entry 3 has no header" has three. Names in them are strangers'. */
const DEPTH_MAX = 4;

/** @returns null for a sentence that is not known */
export function spanishOf(sentence: string): string | null {
  return translate(sentence, 1);
}

function translate(sentence: string, depth: number): string | null {
  if (sentence.length > LENGTH_MAX || depth > DEPTH_MAX) return null;
  for (const [pattern, spanish] of SENTENCES) {
    const found = pattern.exec(sentence);
    if (found === null) continue;
    // In one go: a name in a sentence may look like a place of it.
    return spanish.replaceAll(/\$(\d)|\{(\d)\}/g, (_, plain: string | undefined, said: string | undefined) => {
      const part = found[Number(plain ?? said)] ?? '';
      return plain === undefined ? (translate(part, depth + 1) ?? part) : part;
    });
  }
  // What lies in an archive: "inside.jar!/other.jar: zip entry 3 has no header".
  const [, place = '', rest = ''] = /^(\S{1,400}): (.+)$/.exec(sentence) ?? [];
  const inside = rest === '' ? null : translate(rest, depth + 1);
  return inside === null ? null : `${place}: ${inside}`;
}

/** Why something was not understood, for people: what has no words in Spanish is said in general, never in English. */
export function noticeText(reason: string): Text {
  return { en: reason, es: spanishOf(reason) ?? 'no se pudo entender' };
}

/** The same of what a person is told to mend: the words of a library or of the system are better than none. */
export function whyText(reason: string): Text {
  return { en: reason, es: spanishOf(reason) ?? `el detalle, en inglés: ${reason}` };
}

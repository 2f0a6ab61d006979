import type { ErrorCode } from 'yaml';
import type { Words } from './errors.ts';

/** One sentence of the library: how it begins or reads, and ours for it; `$1` is what the pattern caught. */
type Sentence = readonly [pattern: RegExp, es: string, en?: string];

const COMMENT: Sentence = [
  /^Comments must be separated/,
  'antes de # falta un espacio: un comentario se separa de lo anterior',
];
const TAG_APART: Sentence = [
  /^Tags and anchors must be separated/,
  'tras una etiqueta (!) o un ancla (&) falta un espacio',
];

/**
 * What the YAML library says, in our words. Every code that it can give here has its sentences, and one more for a text of the
 * library that is not known: no Spanish sentence carries an English one.
 */
const WORDS: Readonly<Record<ErrorCode, { readonly sentences: readonly Sentence[]; readonly otherwise: string }>> = {
  ALIAS_PROPS: { sentences: [], otherwise: 'un alias (*nombre) no puede llevar etiqueta ni ancla propias' },
  BAD_ALIAS: {
    sentences: [
      [/^Anchor cannot be an empty/, 'falta el nombre del ancla tras &; un texto que empieza por & va entre comillas'],
      [
        /^Alias cannot be an empty/,
        'falta el nombre del alias tras *; un texto que empieza por * va entre comillas',
        'the name of an alias is missing after *; put text that begins with * in quotes',
      ],
      [
        /ending in : is ambiguous/,
        'un ancla o un alias que termina en : es ambiguo; poner un espacio antes de los dos puntos',
      ],
    ],
    otherwise: 'un ancla o un alias no está bien escrito',
  },
  BAD_COLLECTION_TYPE: { sentences: [], otherwise: 'la etiqueta es de otra clase de valor que el que lleva' },
  BAD_DIRECTIVE: {
    sentences: [
      [/^%TAG directive/, 'la directiva %TAG lleva exactamente dos partes'],
      [/^%YAML directive/, 'la directiva %YAML lleva exactamente una parte'],
      [/^Unsupported YAML version (.*)/, 'no se admite la versión $1 de YAML'],
      [
        /^Unknown directive (.*)/,
        'no existe la directiva $1; un texto que empieza por % va entre comillas',
        'there is no directive $1; put text that begins with % in quotes',
      ],
    ],
    otherwise: 'una directiva (%) no está bien escrita',
  },
  BAD_DQ_ESCAPE: {
    sentences: [
      [
        /^Invalid escape sequence (.*)/,
        'entre comillas dobles no existe el escape $1; usar comillas simples, o \\\\ para una barra invertida',
        'there is no escape sequence $1 between double quotes; use single quotes, or \\\\ for a backslash',
      ],
    ],
    otherwise: 'un escape entre comillas dobles no es válido',
  },
  BAD_INDENT: {
    sentences: [
      [/^Block scalar values in collections/, 'el texto tras | o > debe ir más sangrado que su clave'],
      [/^Block scalar lines must not/, 'una línea del texto tras | o > va menos sangrada que la primera'],
      [/^Flow end indicator/, 'el cierre ] o } debe ir más sangrado que lo que lo contiene'],
      [
        /^All mapping items/,
        'todas las claves de un mapa deben empezar en la misma columna',
        'all keys of a map must start at the same column',
      ],
      [
        /^All sequence items/,
        'todas las entradas de una lista deben empezar en la misma columna',
        'all items of a list must start at the same column',
      ],
      [
        /^Flow (?:map|sequence) in block collection .* end with a (.)/,
        'falta el cierre $1, o sus líneas no van más sangradas que lo que lo contiene',
        'the closing $1 is missing, or its lines are not indented more than what they stand in',
      ],
    ],
    otherwise: 'el sangrado no es correcto',
  },
  BAD_PROP_ORDER: {
    sentences: [[/ after the (.*) indicator/, 'las etiquetas (!) y anclas (&) van después de $1']],
    otherwise: 'las etiquetas y anclas no están en su lugar',
  },
  BAD_SCALAR_START: {
    sentences: [
      [/ with a tab character/, 'un valor no puede empezar con un tabulador'],
      [
        / with (?:reserved character|flow indicator character|directive indicator character|block scalar indicator) (.)/,
        'un texto sin comillas no puede empezar por $1; ponerlo entre comillas',
        'text without quotes cannot begin with $1; put it in quotes',
      ],
    ],
    otherwise: 'un texto sin comillas no puede empezar así; ponerlo entre comillas',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    sentences: [
      [
        /^Nested mappings/,
        'hay un segundo «: » dentro de un valor; poner el valor entre comillas, o corregir el sangrado de la línea siguiente',
        'there is a second ": " inside a value; put the value in quotes, or mend the indentation of the next line',
      ],
      [/^A block sequence/, 'una lista no puede ser la clave de un mapa'],
    ],
    otherwise: 'una lista o un mapa no puede ser la clave de un mapa',
  },
  BLOCK_IN_FLOW: {
    sentences: [
      [
        /./,
        'dentro de [ ] o { } no puede haber listas con guiones ni mapas por líneas; ¿falta una coma o el cierre?',
        'inside [ ] or { } there can be no lists with dashes and no maps by lines; is a comma or the closing sign missing?',
      ],
    ],
    otherwise: 'dentro de [ ] o { } no puede haber listas con guiones ni mapas por líneas',
  },
  DUPLICATE_KEY: { sentences: [], otherwise: 'una clave está dos veces en el mismo mapa' },
  IMPOSSIBLE: { sentences: [], otherwise: 'la estructura no se entiende' },
  KEY_OVER_1024_CHARS: { sentences: [], otherwise: 'una clave tiene más de 1024 caracteres antes de los dos puntos' },
  MISSING_CHAR: {
    sentences: [
      COMMENT,
      TAG_APART,
      [
        /^Block scalars with more-indented/,
        'las líneas vacías antes del texto tras | o > van más sangradas que él; escribir el sangrado, como en |2',
      ],
      [/^Missing , between/, 'falta una coma entre dos valores de [ ] o { }'],
      [/^Missing space after : in/, 'falta un espacio tras los dos puntos'],
      [/^Missing , or : between/, 'falta una coma o dos puntos entre dos valores de [ ] o { }'],
      [/^Flow (?:map|sequence) must end with a (.)/, 'falta el cierre $1', 'the closing $1 is missing'],
      [
        /^Implicit map keys need/,
        'faltan los dos puntos y un espacio tras una clave, o la línea no pertenece a lo anterior',
        'the colon and a space after a key are missing, or the line does not belong to what is before it',
      ],
      [/^Sequence item without/, 'falta el guion (- ) de una entrada de la lista'],
      [/^Missing directives-end/, 'tras las directivas (%) falta una línea con ---'],
      [/^Missing closing (.)/, 'faltan las comillas de cierre ($1)', 'the closing quote $1 is missing'],
      [/^Block collection cannot start/, 'un mapa o una lista por líneas no puede empezar en la línea de ---'],
      [/^Missing newline after block/, 'tras la etiqueta o el ancla de una lista falta un salto de línea'],
    ],
    otherwise: 'falta un carácter',
  },
  MULTILINE_IMPLICIT_KEY: {
    sentences: [
      [
        /./,
        'una clave debe estar en una sola línea; ¿faltan los dos puntos en una anterior, o unas comillas de cierre?',
        'a key has to be on one line; is the colon missing in one before it, or a closing quote?',
      ],
    ],
    otherwise: 'una clave debe estar en una sola línea',
  },
  MULTIPLE_ANCHORS: { sentences: [], otherwise: 'un valor puede tener como máximo un ancla (&)' },
  MULTIPLE_DOCS: { sentences: [], otherwise: 'hay varios documentos, se esperaba uno' },
  MULTIPLE_TAGS: { sentences: [], otherwise: 'un valor puede tener como máximo una etiqueta (!)' },
  NON_STRING_KEY: { sentences: [], otherwise: 'todas las claves deben ser texto' },
  RESOURCE_EXHAUSTION: { sentences: [], otherwise: 'está anidado a demasiada profundidad' },
  TAB_AS_INDENT: {
    sentences: [
      [
        /./,
        'hay un tabulador en el sangrado; YAML solo admite espacios',
        'a tab stands in the indentation; YAML takes spaces only',
      ],
    ],
    otherwise: 'hay un tabulador en el sangrado; YAML solo admite espacios',
  },
  TAG_RESOLVE_FAILED: {
    sentences: [
      [
        /^(?:Unresolved tag|Could not resolve tag): (.*)/,
        'no se conoce la etiqueta $1; un texto que empieza por ! va entre comillas',
        'the tag $1 is not known (Unresolved tag: $1); put text that begins with ! in quotes',
      ],
      [/^The (.*) tag has no suffix/, 'la etiqueta $1 no tiene nombre; un texto que empieza por ! va entre comillas'],
      [
        /^No number: (.*)/,
        '$1 no es un número que Kubernetes lea; ponerlo entre comillas si es texto',
        '$1 is no number that Kubernetes reads; put it in quotes if it is text',
      ],
      [
        /^No binary text/,
        'tras !!binary se espera base64 de un texto; para bytes, usar binaryData o data de un Secret',
        'base64 of a text is expected after !!binary; for bytes use binaryData, or data of a Secret',
      ],
      [/^Not a valid tag: (.*)/, '$1 no es una etiqueta'],
      [/^Verbatim tags must end/, 'una etiqueta que empieza por !< termina en >'],
      [/^Verbatim tags aren't resolved, so (.*) is invalid/, 'la etiqueta $1 no es válida'],
      [/^Expected a mapping/, 'con esta etiqueta se esperaba un mapa'],
      [/^Expected a sequence/, 'con esta etiqueta se esperaba una lista'],
    ],
    otherwise: 'una etiqueta (!) no es de su valor; un texto que empieza por ! va entre comillas',
  },
  UNEXPECTED_TOKEN: {
    sentences: [
      COMMENT,
      [/^Unexpected , in/, 'sobra una coma'],
      [/^Unexpected empty item/, 'hay una coma sin valor delante', 'a comma has no value before it'],
      [
        /^Unexpected (\S+) at node end/,
        'sobra algo tras el final de un valor ($1); ¿faltan unas comillas?',
        'something stands after the end of a value ($1); are quotes missing?',
      ],
      [/^Block scalar header includes extra characters: (.*)/, 'tras | o > sobra algo: $1'],
      [/^Unexpected block-seq-ind on same line/, 'una lista con guiones empieza en la línea que sigue a su clave'],
      [/^Unexpected doc-end/, 'hay un final de documento (...) sin documento delante'],
      [/^Unexpected (\S+) token in YAML (?:stream|document)(?:: .*)?/, 'aquí no puede haber esto: $1'],
      [/^Unexpected (\S+) (?:in|token)/, 'aquí no puede haber esto: $1'],
      [/^Not a YAML token: (.*)/, 'esto no es YAML: $1'],
    ],
    otherwise: 'aquí hay algo que no puede estar',
  },
};

/** Parts of YAML as the library calls them; signs are named by themselves. */
const PARTS: Readonly<Record<string, string>> = {
  scalar: 'un texto',
  'single-quoted-scalar': 'un texto entre comillas',
  'double-quoted-scalar': 'un texto entre comillas',
  'block-scalar': 'un texto por líneas',
  'block-scalar-header': 'un texto por líneas',
  'block-map': 'un mapa',
  'block-seq': 'una lista',
  'flow-collection': '[ ] o { }',
  'flow-map-start': '{',
  'flow-seq-start': '[',
  'flow-map-end': '}',
  'flow-seq-end': ']',
  'flow-error-end': ']',
  'map-value-ind': ':',
  'explicit-key-ind': '?',
  'seq-item-ind': '-',
  'block-seq-ind': '-',
  comma: ',',
  alias: 'un alias (*)',
  anchor: 'un ancla (&)',
  tag: 'una etiqueta (!)',
  newline: 'un salto de línea',
  'doc-start': '---',
  'doc-mode': '---',
  'doc-end': '...',
};

/** What the library holds against a text, in both languages, by its code and its English sentence. */
export function sayYamlFault(code: ErrorCode, sentence: string): Words {
  const { sentences, otherwise } = WORDS[code];
  const known = sentences.find(([pattern]) => pattern.test(sentence));
  if (known === undefined) return { en: sentence, es: otherwise };
  const [pattern, es, en] = known;
  const caught = pattern.exec(sentence)?.[1] ?? '';
  const fill = (text: string, name: string): string => text.replaceAll('$1', () => name);
  return { en: en === undefined ? sentence : fill(en, caught), es: fill(es, PARTS[caught] ?? caught) };
}

import type { Text } from '../system/index.ts';

/**
 * Why something cannot be, in Spanish. What finds it says it in English, once, where it finds it; here stands what a
 * person reads. `$1` is what was seen. What is not listed, such as the words of another registry, is told as it is.
 */
const SPANISH: readonly (readonly [RegExp, string])[] = [
  // Settings of repositories
  [/^--anonymous-pull is "on" or "off"$/, '--anonymous-pull es "on" u "off"'],
  [
    /^--inherit knows anonymous-pull, immutable and retention, not "(.*)"; --quota none lifts a quota$/,
    '--inherit conoce anonymous-pull, immutable y retention, no "$1"; --quota none quita una cuota',
  ],
  [/^newest is a count, like newest=10$/, 'newest es un número, como newest=10'],
  [/^(\S+) is a number of days, like (\S+)$/, '$1 es un número de días, como $2'],
  [/^expected patterns of tags, or "untagged" alone$/, 'se esperaban patrones de etiquetas, o "untagged" por sí solo'],
  [/^retention "(.*?)": (.+)$/, 'retención "$1": $2'],
  [/^"(.*)" is not a pattern of repository names$/, '"$1" no es un patrón de nombres de repositorio'],
  [/^a quota is for the whole project$/, 'una cuota es para el proyecto entero'],
  [/^"(.*)" is not a pattern of tags$/, '"$1" no es un patrón de etiquetas'],
  [/^"(.*)" is not a size, such as 20GB or 512MiB$/, '"$1" no es un tamaño, como 20GB o 512MiB'],
  [
    /^a retention rule says what it keeps: newest, pushed or pulled$/,
    'una regla de retención dice qué conserva: newest, pushed o pulled',
  ],
  [/^a project has at most (\d+) patterns$/, 'un proyecto tiene como mucho $1 patrones'],
  [/^--by is hour or day, not "(.*)"$/, '--by es hour o day, no "$1"'],
  [/^--count is 1 to (\d+) with --by (\S+)$/, '--count va de 1 a $1 con --by $2'],
  // Other registries: what was written
  [/^the name "(.*)": small letters, digits, \. and -$/, 'el nombre "$1": minúsculas, cifras, . y -'],
  [/^the name "(.*)"$/, 'el nombre "$1": minúsculas, cifras, . y -'],
  [
    /^"(.*)" is no address: expected https:\/\/HOST\[:PORT\] and nothing after it$/,
    '"$1" no es una dirección: se esperaba https://HOST[:PUERTO] y nada detrás',
  ],
  [
    /^a user name without colons and a secret belong together$/,
    'van juntos un nombre de usuario sin dos puntos y un secreto',
  ],
  [/^--username and --password-stdin belong together$/, '--username y --password-stdin van juntos'],
  [
    /^credentials do not go over plain HTTP, except on this machine$/,
    'las credenciales no viajan por HTTP sin cifrar, salvo en esta máquina',
  ],
  [/^the CA has more than (\d+) characters$/, 'la autoridad ocupa más de $1 caracteres'],
  [/^the CA holds no certificate in PEM$/, 'la autoridad no contiene ningún certificado en PEM'],
  [/^a certificate of the CA cannot be read$/, 'un certificado de la autoridad no se puede leer'],
  [/^a list has (\d+) entries, at most (\d+)$/, 'una lista tiene $1 elementos, como mucho $2'],
  [/^"(.*)" is no pattern of names$/, '"$1" no es un patrón de nombres'],
  [/^"(.*)" is no host: expected NAME or NAME:PORT$/, '"$1" no es un servidor: se esperaba NOMBRE o NOMBRE:PUERTO'],
  [/^"(.*)" is no network: expected ADDRESS\/BITS$/, '"$1" no es una red: se esperaba DIRECCIÓN/BITS'],
  [/^"(.*)" is too wide: at least \/(\d+), at most \/(\d+)$/, '"$1" es demasiado amplia: de /$2 a /$3'],
  [/^"(.*)" is not PROJECT\/NAME$/, '"$1" no es PROYECTO/NOMBRE'],
  [/^"(.*)" is no repository$/, '"$1" no es un repositorio'],
  [/^"(.*)" is no platform: expected OS\/ARCHITECTURE$/, '"$1" no es una plataforma: se esperaba SISTEMA/ARQUITECTURA'],
  [/^the newest 0 tags are none$/, 'las 0 etiquetas más nuevas no son ninguna'],
  [/^every (\d+) s: at least (\d+), at most (\d+)$/, 'cada $1 s: como mínimo $2, como máximo $3'],
  [/^every (\d+) s$/, 'cada $1 s no es un plazo admitido'],
  [/^fresh for (-?\d+) s$/, 'válida durante $1 s no es un plazo admitido'],
  [/^at most (-?\d+) bytes$/, 'como mucho $1 bytes no deja nada'],
  [
    /^a sync needs an upstream repository, or patterns of repositories$/,
    'una sincronización necesita un repositorio de origen o patrones de repositorios',
  ],
  [/^expected 1 to (\d+) patterns of repositories$/, 'se esperaban de 1 a $1 patrones de repositorios'],
  [/^expected 1 to (\d+) repositories$/, 'se esperaban de 1 a $1 repositorios'],
  [/^newest (-?\d+): expected 1 to (\d+)$/, 'newest $1: se esperaba de 1 a $2'],
  [/^"(.*)" is no time: expected 30m, 6h, 1d$/, '"$1" no es un plazo: se esperaba 30m, 6h, 1d'],
  [/^"(.*)" is no count: expected a whole number$/, '"$1" no es una cantidad: se esperaba un número entero'],
  [/^there is a mirror$/, 'hay una réplica local'],
  [
    /^(\S+) was pushed; a mirror holds only what it fetched$/,
    '$1 se subió; una réplica local solo guarda lo que trajo ella',
  ],
  [/^(\S+) belongs to no manifest that was read$/, '$1 no es de ningún manifiesto que se haya leído'],
  [/^the configuration of (.+) has (\d+) bytes$/, 'la configuración de $1 ocupa $2 bytes'],
  // Other registries: what they did
  [
    /^(\S+) is not of the public Internet and no allowed network holds it$/,
    '$1 no es de la Internet pública y no está en ninguna red permitida',
  ],
  [/^"?(\S+?)"? is no address$/, '$1 no es una dirección'],
  [/^(\S+) has no address$/, '$1 no tiene dirección'],
  [/^it answered (\d+)$/, 'respondió $1'],
  [/^it answered (\d+): (.+)$/, 'respondió $1: $2'],
  [/^it sends fewer than (\d+) bytes a second$/, 'envía menos de $1 bytes por segundo'],
  [/^it ended after (\d+) of (\d+) bytes$/, 'terminó tras $1 de $2 bytes'],
  [/^it went on at another place than asked$/, 'siguió en otro punto que el pedido'],
  [
    /^its tokens come from (\S+), which is not listed for it$/,
    'sus credenciales temporales vienen de $1, que no está en su lista',
  ],
  [/^too many redirects or none that can be read$/, 'demasiadas redirecciones, o una que no se puede leer'],
  [/^(\S+) is not listed for it$/, '$1 no está en su lista'],
  [/^the next page is at another host$/, 'la página siguiente está en otro servidor'],
  [/^(.+): the answer is not JSON$/, '$1: la respuesta no es JSON'],
  [
    /^its certificate is of an authority that is not known here: (.+)$/,
    'su certificado es de una autoridad que aquí no se conoce: $1',
  ],
  [/^connect ECONNREFUSED (.+)$/, 'en $1 no responde nadie'],
  [/^getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (\S+)$/, 'no se conoce el nombre $1'],
  [/^(?:other side closed|read ECONNRESET|socket hang up)$/, 'cortó la conexión'],
  [
    /^(.+): the manifest states (\d+) bytes, the stored content has (\d+)$/,
    '$1: el manifiesto dice $2 bytes y el contenido guardado tiene $3',
  ],
  // Archives
  [/^(.+) is a (\w+)$/, '$1 no es un archivo corriente ($2)'],
  [/^(.+) is there twice$/, '$1 está dos veces'],
  [/^more than (\d+) bytes$/, 'más de $1 bytes'],
  [/^it has no (\S+)$/, 'no tiene $1'],
  [/^its imageLayoutVersion is not 1\.0\.0$/, 'su imageLayoutVersion no es 1.0.0'],
  [/^(\S+) is no index$/, '$1 no es un índice'],
  [/^it names no image$/, 'no nombra ninguna imagen'],
  [/^its bytes have the digest (\S+)$/, 'sus bytes tienen el digest $1'],
  [/^it is not in the archive$/, 'no está en el archivo'],
  [/^expected (\d+) bytes, it has (\d+)$/, 'se esperaban $1 bytes y tiene $2'],
  [/^a document has (\d+) bytes$/, 'un documento ocupa $1 bytes'],
  [/^(\S+) is not JSON$/, '$1 no es JSON'],
  [/^(\S+) is no object$/, '$1 no es un objeto'],
];

/** Parts that are sentences themselves: `retention "…": why`. */
const NESTED = /^retention /;

/** A reason in both languages. */
export function reasonInWords(english: string): Text {
  for (const [pattern, spanish] of SPANISH) {
    const match = pattern.exec(english);
    if (match === null) continue;
    const part = (index: number): string => {
      const seen = match[index] ?? '';
      return index === 2 && NESTED.test(english) ? reasonInWords(seen).es : seen;
    };
    return { en: english, es: spanish.replaceAll(/\$(\d)/g, (_place, index: string) => part(Number(index))) };
  }
  return { en: english, es: english };
}

import type { Text } from '../system/index.ts';
import type { FilterError } from './filter-ast.ts';
import { escapeControls } from './output.ts';
import type { Finding } from './rule-file.ts';

/**
 * What is said of rules and conditions, in Spanish: they are read in processes that know no language. `$1` is what the first
 * bracket holds, as its author wrote it; `{1}` the same put into Spanish too. The first that fits counts. A test holds every
 * sentence of this room against this list.
 */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  // Conditions as text.
  [/^(.+); found the end$/s, '{1}; la condición termina ahí'],
  [/^(.+); found (".*")$/s, '{1}; se encontró $2'],
  [/^unexpected text, expected "and", "or" or the end$/, 'texto inesperado: se esperaba "and", "or" o el final'],
  [/^expected a field, a macro, "not" or "\("$/, 'se esperaba un campo, una macro, "not" o "("'],
  [
    /^expected a field, a transformer, a quoted string or a list$/,
    'se esperaba un campo, un transformador, un texto entre comillas o una lista',
  ],
  [
    /^expected a field, a transformer or a quoted string$/,
    'se esperaba un campo, un transformador o un texto entre comillas',
  ],
  [/^expected a blank or "\(" after "(\w+)"$/, 'se esperaba un espacio o "(" después de "$1"'],
  [/^expected an operator such as (.+) or "exists"$/, 'se esperaba un operador como $1 o "exists"'],
  [
    /^expected a list in brackets or the name of a list$/,
    'se esperaba una lista entre paréntesis o el nombre de una lista',
  ],
  [/^expected an argument of the field$/, 'se esperaba un argumento del campo'],
  [/^expected an item such as (.+) or "list:"$/, 'se esperaba un elemento como $1 o "list:"'],
  [/^expected a field in "val\("$/, 'se esperaba un campo en "val("'],
  [/^expected a field$/, 'se esperaba un campo'],
  [/^expected a number$/, 'se esperaba un número'],
  [/^expected a string$/, 'se esperaba un texto'],
  [/^expected "," or "\)" in the list$/, 'se esperaba "," o ")" en la lista'],
  [/^expected "\)" that closes "(\w+)\("$/, 'se esperaba el ")" que cierra "$1("'],
  [/^expected "([)\]])"$/, 'se esperaba "$1"'],
  [/^nested deeper than (\d+)$/, 'anidado a más de $1 niveles'],
  [/^the quoted string has no end$/, 'falta la comilla que cierra el texto'],
  [/^"\\x" in quotes needs two hexadecimal digits$/, '"\\x" entre comillas necesita dos cifras hexadecimales'],
  [/^a quote of the other kind needs no backslash$/, 'una comilla de la otra clase no lleva barra invertida'],
  [/^the condition is empty$/, 'la condición está vacía'],
  [/^it is written "(\w+)"$/, 'se escribe "$1"'],
  [/^a condition has no comments$/, 'una condición no lleva comentarios'],
  [
    /^a value with "=", "," or brackets in it is put in quotes$/,
    'un valor con "=", "," o paréntesis se pone entre comillas',
  ],
  [/^"not" stands before the field: (.+)$/, '"not" va delante del campo: $1'],
  [/^a pattern is asked by "glob" or "regex"$/, 'un patrón se pide con "glob" o "regex"'],
  [/^whether a field is there is asked by "exists"$/, 'si un campo está se pide con "exists"'],
  [/^operators have small letters$/, 'los operadores van en minúsculas'],
  [/^did you mean "(.+)"\?$/, '¿quería decir "$1"?'],

  // Fields, transformers and values.
  [/^unknown field "(.+)"$/, 'campo desconocido: "$1"'],
  [/^unknown type of event "(.+)"$/, 'tipo de evento desconocido: "$1"'],
  [/^unknown argument of events "(.+)"$/, 'argumento de eventos desconocido: "$1"'],
  [/^field "(.+)" needs an argument, as in (.+)$/, 'el campo "$1" necesita un argumento, como en $2'],
  [/^field "(.+)" takes no argument$/, 'el campo "$1" no lleva argumento'],
  [
    /^field "(.+)" is compared with values only, no field$/,
    'el campo "$1" solo se compara con valores, no con otro campo',
  ],
  [
    /^the argument of "(.+)" must be a number, found "(.*)"$/,
    'el argumento de "$1" debe ser un número; se encontró "$2"',
  ],
  [/^"(.+)" takes a number, found "(.*)"$/, '"$1" lleva un número; se encontró "$2"'],
  [/^"(.+)" takes no brackets, found "(.*)"$/, '"$1" no lleva corchetes; se encontró "$2"'],
  [
    /^"(.*)" is no name of a control group's controller$/,
    '"$1" no es el nombre de un controlador de grupos de control',
  ],
  [/^"(.+)" is not a field$/, '"$1" no es un campo'],
  [/^"(\w+)" takes at least (\d+) arguments$/, '"$1" lleva al menos $2 argumentos'],
  [/^"(\w+)" takes (\d+) arguments$/, '"$1" lleva $2 argumentos'],
  [/^"(\w+)" takes text or bytes, not (.+)$/, '"$1" lleva texto o bytes, no {2}'],
  [/^"(\w+)" takes text, bytes or a list, not (.+)$/, '"$1" lleva texto, bytes o una lista, no {2}'],
  [
    /^"(\w+)" takes texts, not lists: "join" puts a list together$/,
    '"$1" lleva textos, no listas: una lista se une con "join"',
  ],
  [/^"(\w+)" takes text, not (.+)$/, '"$1" lleva texto, no {2}'],
  [/^the (first|second) argument of "(\w+)" must be a list$/, 'el {1} argumento de "$2" debe ser una lista'],
  [
    /^the (first|second) argument of "(\w+)" must be one text, not a list$/,
    'el {1} argumento de "$2" debe ser un solo texto, no una lista',
  ],
  [/^"(\w+)" cannot be used on the field "(.+)"$/, '"$1" no puede usarse con el campo "$2"'],
  [/^write (.+)\.(.+)$/, 'se escribe $1.$2'],
  [/^write it as in (\S+)$/, 'se escribe como en $1'],
  [/^write it without quotes and blanks$/, 'se escribe sin comillas ni espacios'],
  [/^"evt\.around" is only compared with "="$/, '"evt.around" solo se compara con "="'],
  [
    /^"(.+)" is bytes as they come: it either exists or not$/,
    '"$1" son bytes tal como llegan: solo se pregunta si está',
  ],
  [/^ask for evt\.arg instead$/, 'se pide con evt.arg'],
  [/^operator "(.+)" cannot be used with a list$/, 'el operador "$1" no puede usarse con una lista'],
  [/^operator "(.+)" cannot be used with (\w+) values$/, 'el operador "$1" no puede usarse con valores de tipo {2}'],
  [/^operator "(.+)" takes values only, no field$/, 'el operador "$1" solo lleva valores, no un campo'],
  [/^cannot compare a (\w+) value with a (\w+) value$/, 'no puede compararse un valor de tipo {1} con uno de tipo {2}'],
  [/^a list of a comparison holds only values$/, 'la lista de una comparación solo lleva valores'],
  [/^a NUL byte is in no text, only in bytes$/, 'un byte NUL no está en ningún texto, solo en bytes'],
  [/^use "(\w+)"$/, 'se usa "$1"'],
  [/^"(.*)" is not a whole number$/s, '"$1" no es un número entero'],
  [/^"(.*)" is neither a port nor a service that is known$/s, '"$1" no es un puerto ni un servicio conocido'],
  [/^"(.*)" is not true or false$/s, '"$1" no es true ni false'],
  [/^"(.*)" is not an IP address$/s, '"$1" no es una dirección IP'],
  [
    /^"(.*)" is not an IP network: an address and "\/" and its bits$/s,
    '"$1" no es una red IP: una dirección, "/" y sus bits',
  ],
  [/^"(.*)" is not an IP network$/s, '"$1" no es una red IP'],
  [/^"(.*)" is not an even number of hexadecimal digits$/s, '"$1" no es un número par de cifras hexadecimales'],
  [/^a pattern has letters, and no byte that is none$/, 'un patrón lleva letras, y ningún byte que no lo sea'],
  [/^no sensor sees (.+)$/, 'ningún sensor ve $1'],
  [/^"(.+)" is a list of (\d+) values, and "(.+)" takes one$/, '"$1" es una lista de $2 valores, y "$3" lleva uno'],
  [/^for one of them: in \((.+)\)$/, 'para uno de ellos: in ($1)'],

  [/^an object of the list has neither "expr" nor "filter"$/, 'un objeto de la lista no tiene ni "expr" ni "filter"'],
  [/^a line that begins with "\{" is no JSON: (.*)$/s, 'una línea que empieza por "{" no es JSON: $1'],
  [/^more than (\d+) conditions$/, 'más de $1 condiciones'],

  // Patterns.
  [/^the pattern is longer than (\d+) characters$/, 'el patrón tiene más de $1 caracteres'],
  [/^the pattern tells too many characters apart$/, 'el patrón distingue demasiados caracteres'],
  [
    /^the pattern comes to more than (\d+) steps with its repetitions written out$/,
    'el patrón llega a más de $1 pasos con sus repeticiones desplegadas',
  ],
  [/^the pattern is not UTF-8$/, 'el patrón no es UTF-8'],
  [/^the pattern "(.+)" is plain text$/s, 'el patrón "$1" es texto corriente'],
  [
    /^"=", "startswith", "endswith" or "contains" is cheaper$/,
    '"=", "startswith", "endswith" o "contains" cuestan menos',
  ],
  [/^unexpected \)$/, '")" inesperado'],
  [/^two repetitions in a row: (.+)$/s, 'dos repeticiones seguidas: $1'],
  [/^nothing to repeat before (.+)$/s, 'nada que repetir antes de $1'],
  [
    /^repetitions in repetitions come to more than (\d+) times: (.+)$/s,
    'las repeticiones dentro de repeticiones pasan de $1: $2',
  ],
  [
    /^a repetition has bounds from 0 to (\d+), the lower first: (.+)$/s,
    'una repetición tiene límites de 0 a $1, primero el menor: $2',
  ],
  [/^brackets nest deeper than (\d+)$/, 'hay paréntesis anidados a más de $1 niveles'],
  [/^a closing ([)\]]) is missing$/, 'falta un $1 que cierre'],
  [/^a closing ([)\]]) is missing: (.+)$/s, 'falta un $1 que cierre: $2'],
  [/^no name of a group: (.+)$/s, 'no es el nombre de un grupo: $1'],
  [/^no bracket of RE2: (.+)$/s, 'RE2 no tiene este paréntesis: $1'],
  [/^no category or script of Unicode: (.+)$/s, 'no es categoría ni escritura de Unicode: $1'],
  [/^a backslash stands at the end$/, 'hay una barra invertida al final'],
  [/^back-references are not supported$/, 'no hay referencias a grupos anteriores'],
  [/^no escape of RE2: (.+)$/s, 'RE2 no tiene este escape: $1'],
  [/^a range ends before it begins: (.+)$/s, 'un intervalo termina antes de empezar: $1'],
  [/^the class \[:(.+):\] is not known$/s, 'la clase [:$1:] no se conoce'],
  [/^look-ahead and look-behind are not supported$/, 'no se puede mirar adelante ni atrás ((?=…) y (?<=…))'],

  // Outputs.
  [/^a "%" must be followed by a field, as in %proc\.name$/, 'a un "%" le sigue un campo, como en %proc.name'],
  [/^a width may be (\d+) at most$/, 'un ancho puede ser de $1 como mucho'],

  // Items of a file.
  [/^the file is larger than (\d+) bytes$/, 'el archivo tiene más de $1 bytes'],
  [
    /^a rule file is a list of items, each beginning with "- "$/,
    'un archivo de reglas es una lista de elementos, cada uno empieza por "- "',
  ],
  [
    /^the rules are the text below a name of this file: give them as a file of their own$/,
    'las reglas son el texto debajo de un nombre de este archivo: darlas como un archivo propio',
  ],
  [/^unknown item with the keys (.*)$/s, 'elemento desconocido con las claves $1'],
  [/^the name of a (\w+) must be text that is not empty$/, 'el nombre de una {1} debe ser un texto que no esté vacío'],
  [/^"(.+)" must be a text, not a list or a map$/, '"$1" debe ser un texto, no una lista ni un mapa'],
  [/^"tags" must be a list of texts$/, '"tags" debe ser una lista de textos'],
  [/^"alternatives" must be a list of plugins$/, '"alternatives" debe ser una lista de extensiones'],
  [/^"exceptions" must be a list of named entries$/, '"exceptions" debe ser una lista de entradas con nombre'],
  [/^"(.+)" must be true or false$/, '"$1" debe ser true o false'],
  [/^"fields" must be a field or a list of fields$/, '"fields" debe ser un campo o una lista de campos'],
  [
    /^"(.+)" must be append or replace$|^override of "(.+)" must be append or replace$/,
    'en "override", "$1$2" debe ser append o replace',
  ],
  [/^"(.+)" must be a (\w+)$/, '"$1" debe ser {2}'],
  [/^"(.+)" is given twice, and the first one counts$/, '"$1" está dos veces, y cuenta la primera'],
  [/^nobody reads the key "(.+)"$/s, 'nadie lee la clave "$1"'],
  [/^aliases stand for too much$/, 'los alias representan demasiado'],
  [/^too many aliases$/, 'hay demasiados alias'],
  [/^there is no anchor "(.+)" before its alias$/, 'no hay un ancla "$1" antes de su alias'],
  [/^"(.+)" is not a version of the plugin "(.+)"$/, '"$1" no es una versión de la extensión "$2"'],
  [/^"(.+)" is not a version$/, '"$1" no es una versión'],
  [
    /^the file needs engine version (\S+); this is (\S+)$/,
    'el archivo necesita la versión $1 del motor; esta es la $2',
  ],
  [
    /^the plugin "(.+)" is not there; rules that need its fields are switched off$/,
    'la extensión "$1" no está; las reglas que necesitan sus campos quedan apagadas',
  ],
  [/^the plugin "(.+)" is an alternative of itself$/, 'la extensión "$1" es alternativa de sí misma'],
  [/^a plugin needs "name" and "version"$/, 'una extensión necesita "name" y "version"'],
  [/^"append" and "override" exclude each other$/, '"append" y "override" se excluyen'],
  [/^"append" is the old form$/, '"append" es la forma antigua'],
  [/^"enabled" alone is the old form$/, '"enabled" a solas es la forma antigua'],
  [/^say it with "override"$/, 'se dice con "override"'],
  [/^say append or replace$/, 'decir append o replace'],
  [/^"(.+)" cannot be overridden$/, '"$1" no puede cambiarse con "override"'],
  [/^"(.+)" cannot be appended to$/, 'a "$1" no puede añadirse nada'],
  [/^the override names "(.+)", which is not given$/, '"override" nombra "$1", que no está'],
  [/^"(.+)" is given, and the override does not name it$/, '"$1" está, y "override" no lo nombra'],
  [
    /^there is no earlier (rule|macro|list) of this name to (?:change|switch)$/,
    'no hay antes una {1} de este nombre que cambiar',
  ],
  [/^a list needs "items", a list of plain values$/, 'una lista necesita "items", una lista de valores sencillos'],
  [
    /^the name of this list has characters that part the words of a condition$/,
    'el nombre de esta lista tiene caracteres que separan las palabras de una condición',
  ],
  [/^a condition cannot name this macro$/, 'una condición no puede nombrar esta macro'],
  [/^use letters, digits and "_"$/, 'usar letras, cifras y "_"'],
  [
    /^an? (?:appended )?rule needs "condition" or "exceptions"$/,
    'una regla añadida necesita "condition" o "exceptions"',
  ],
  [
    /^a rule needs "condition", "output", "desc" and "priority", or "enabled" to switch an earlier one$/,
    'una regla necesita "condition", "output", "desc" y "priority", o "enabled" para apagar o encender una anterior',
  ],
  [/^a (rule|macro) needs "(\w+)"$/, 'una {1} necesita "$2"'],
  [/^the rule is there already with another source$/, 'la regla ya está con otra fuente'],
  [/^"(.*)" is not a priority; expected one of (.+)$/s, '"$1" no es una prioridad; se espera una de $2'],
  [/^a rule of this name counts everywhere$/, 'una regla de este nombre cuenta en todas partes'],
  [/^give it another name, or tune the one that is there$/, 'darle otro nombre, o ajustar la que está'],
  [/^the (macro|list) is not used$/, 'no se usa esta {1}'],
  [/^a rule that used it would be refused: (.+)$/s, 'una regla que la usara se rechazaría: {1}'],
  [/^the macro "(.+)" is not defined$|^macro "(.+)" is not defined$/, 'la macro "$1$2" no está definida'],
  [
    /^it is defined later, at (.+); a macro sees those before it$/,
    'se define después, en $1; una macro ve las anteriores',
  ],
  [/^the (macro|list) "(.+)" names itself$/, 'la {1} "$2" se nombra a sí misma'],
  [/^the macro "(.+)" is wrong$/, 'la macro "$1" está mal'],
  [/^the list "(.+)" is longer than (\d+)$/, 'la lista "$1" tiene más de $2 valores'],
  [
    /^the condition is larger than (\d+) comparisons with its macros$/,
    'la condición tiene más de $1 comparaciones con sus macros',
  ],
  [
    /^the conditions of all rules together are larger than (\d+) comparisons with their macros$/,
    'las condiciones de todas las reglas juntas tienen más de $1 comparaciones con sus macros',
  ],

  // Exceptions.
  [/^exception "(.*?)": (.+)$/s, 'excepción "$1": {2}'],
  [/^an exception needs a "name"$/, 'una excepción necesita "name"'],
  [/^two exceptions are called "(.*)"$/, 'dos excepciones se llaman "$1"'],
  [/^the "values" of an exception must be a list$/, 'los "values" de una excepción deben ser una lista'],
  [/^the values of a single field are no lists$/, 'los valores de un solo campo no son listas'],
  [/^"fields" and "comps" differ in length$/, '"fields" y "comps" no tienen los mismos miembros'],
  [
    /^a single field is compared by "in", "pmatch" or "intersects"$/,
    'un solo campo se compara con "in", "pmatch" o "intersects"',
  ],
  [/^make "fields" a list$/, 'hacer de "fields" una lista'],
  [/^"(.*)" is no comparison$/s, '"$1" no es una comparación'],
  [/^a tuple of values must have (\d+) members$/, 'una tupla de valores debe tener $1 miembros'],
  [/^its values must be texts$/, 'sus valores deben ser textos'],
  [/^"(.*)" takes one value$/, '"$1" lleva un solo valor'],
  [/^nothing is appended to the exception "(.*)"$/, 'a la excepción "$1" no se añade nada'],
  [/^give "values"$/, 'dar "values"'],
  [/^a new one needs "values"$/, 'una nueva necesita "values"'],
  [
    /^"(\w+)" of an exception cannot be appended to, only values$/,
    'a "$1" de una excepción no puede añadirse nada, solo valores',
  ],

  // Rules over time.
  [/^"(\w+)" has more than (\d+) (?:fields|steps)$/, '"$1" tiene más de $2 miembros'],
  [/^a step of "after" needs a "condition"$/, 'un paso de "after" necesita "condition"'],
  [/^a step of "after" names a macro that cannot be used$/, 'un paso de "after" nombra una macro que no puede usarse'],
  [/^"first" goes with "by" and "learn" alone$/, '"first" solo va con "by" y "learn"'],
  [
    /^"(\w+)" must be a time such as 90s, 5m or 2h, found "(.*)"$/s,
    '"$1" debe ser un tiempo como 90s, 5m o 2h; se encontró "$2"',
  ],
  [/^"times" must be a whole number from 1 to (\d+)$/, '"times" debe ser un número entero de 1 a $1'],

  // Warnings, and why a rule is off.
  [/^the field "(.+)" is deprecated$/, 'el campo "$1" está en desuso'],
  [
    /^every call is told when it ends: "evt\.dir = <" always holds, "evt\.dir = >" never$/,
    'cada llamada se cuenta cuando termina: "evt.dir = <" se cumple siempre, "evt.dir = >" nunca',
  ],
  [
    /^when a call began is not told, and so not how long it took$/,
    'cuándo empezó una llamada no se cuenta, y por tanto tampoco cuánto tardó',
  ],
  [
    /^"(.+) exists" holds for every process whose environment is known$/,
    '"$1 exists" se cumple para todo proceso cuyo entorno se conoce',
  ],
  [/^(.+) != "" asks whether it has a value$/, '$1 != "" pregunta si tiene un valor'],
  [
    /^"(.*)" has the letters of a byte's number, and not the byte$/s,
    '"$1" tiene las letras del número de un byte, y no el byte',
  ],
  [/^in quotes it is the byte$/, 'entre comillas es el byte'],
  [
    /^"(.*)" is compared as text, and may be meant as a (transformer|field)$/s,
    '"$1" se compara como texto, y quizá quiera ser un {2}',
  ],
  [/^val\((.+)\) is the field$/, 'val($1) es el campo'],
  [/^the condition compares with "<NA>"$/, 'la condición compara con "<NA>"'],
  [
    /^what is not there equals nothing: ask "exists" instead$/,
    'lo que no está no es igual a nada: se pregunta con "exists"',
  ],
  [
    /^"(.+)" adds nothing: an alert has its container by itself$/,
    '"$1" no añade nada: una alerta lleva su contenedor por sí misma',
  ],
  [/^take it away$/, 'quitarlo'],
  [/^the rule is switched off, as it asks for: (.+)$/s, 'la regla queda apagada, porque pide: {1}'],
  [/^the rule is switched off: (.+)$/s, 'la regla queda apagada: {1}'],
  [/^events of source "(.+)" are not observed$/, 'los eventos de la fuente "$1" no se observan'],
  [/^its condition can never hold$/, 'su condición no puede cumplirse nunca'],
  [/^its condition can never hold; (.+)$/, 'su condición no puede cumplirse nunca; {1}'],
  [/^(\w+) is told as (\w+); (.+)$/, '$1 se cuenta como $2; {3}'],
  [/^(\w+) is told as (\w+)$/, '$1 se cuenta como $2'],
  [/^of (.+) only what was done is told, not what failed$/, 'de $1 se cuenta solo lo que se hizo, no lo que falló'],
  [/^events (.+) of the rule are not observed$/, 'los eventos $1 de la regla no se observan'],
  [/^events (.+) are not observed$/, 'los eventos $1 no se observan'],
  [/^fields (.+) of the output are not observed$/, 'los campos $1 de la salida no se observan'],
  [
    /^it asks for what calls move \(evt\.buffer\), which no host keeps$/,
    'pide lo que mueven las llamadas (evt.buffer), que ningún equipo guarda',
  ],
  [/^fields (.+) are not in recordings$/, 'los campos $1 no están en las grabaciones'],
  [/^fields (.+) are not observed$/, 'los campos $1 no se observan'],
  [/^disabled by its file$/, 'apagada por su archivo'],
  [
    /^the condition names no event type, so it is tried on every event$/,
    'la condición no nombra ningún tipo de evento, así que se prueba con cada evento',
  ],
  [
    /^the condition leaves nearly every event type, so it is tried on every event$/,
    'la condición deja casi todos los tipos de eventos, así que se prueba con cada evento',
  ],
  [
    /^names of hosts are looked up for at most (\d+) in all rules together; the rest of this one are never met$/,
    'se buscan como mucho $1 nombres de equipos en todas las reglas juntas; los demás de esta no se encuentran nunca',
  ],

  // Words in them.
  [/^rule$/, 'regla'],
  [/^macro$/, 'macro'],
  [/^list$/, 'lista'],
  [/^first$/, 'primer'],
  [/^second$/, 'segundo'],
  [/^text$/, 'texto'],
  [/^string$/, 'un texto'],
  [/^number$/, 'número'],
  [/^port$/, 'puerto'],
  [/^boolean$/, 'true o false'],
  [/^address$/, 'dirección'],
  [/^network$/, 'red'],
  [/^bytes$/, 'bytes'],
  [/^transformer$/, 'transformador'],
  [/^field$/, 'campo'],
];

const LENGTH_MAX = 4_000;
/** A mistake in a macro that a hint is about, and what was found there. */
const DEPTH_MAX = 4;

/** @returns null for a sentence that is not known */
export function spanishOfFinding(sentence: string): string | null {
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
  return null;
}

/** A sentence of this room in both languages; one that is not known stays as it is. */
export function sayFinding(sentence: string): Text {
  return { en: sentence, es: spanishOfFinding(sentence) ?? sentence };
}

interface Said {
  readonly message: string;
  readonly spanish?: string | undefined;
  readonly hint?: string | undefined;
}

/** A finding with its Spanish, as people get it. */
export function inBothLanguages<Found extends Said>(finding: Found): Found & Pick<Finding, 'spanish' | 'spanishHint'> {
  const { message, hint, spanish = spanishOfFinding(message) } = finding;
  const spanishHint = hint === undefined ? null : spanishOfFinding(hint);
  return {
    ...finding,
    ...(spanish === null ? {} : { spanish }),
    ...(spanishHint === null ? {} : { spanishHint }),
  };
}

/** A mistake in a condition with what was perhaps meant, in both languages. */
export function sayMistake({ message, hint }: { readonly message: string; readonly hint?: string | undefined }): Text {
  const what = sayFinding(message);
  if (hint === undefined) return what;
  const meant = sayFinding(hint);
  return { en: `${what.en}; ${meant.en}`, es: `${what.es}; ${meant.es}` };
}

/** What is wrong with a condition, for the words of a fault. */
export function sayEscaped(error: FilterError): Text {
  const { en, es } = sayFinding(error.message);
  return { en: escapeControls(en), es: escapeControls(es) };
}

/** What is wrong with a policy, as its reader says it in English, and the same in Spanish. */
const SENTENCES: readonly (readonly [pattern: RegExp, es: string])[] = [
  [/^expected hours from (\d+) to (\d+), got (.*)$/, 'se esperaban horas de $1 a $2, hay $3'],
  [/^expected names with value and description$/, 'se esperaban nombres con value y description'],
  [/^expected names with values$/, 'se esperaban nombres con valores'],
  [/^expected at most (\d+) rules, got (\d+)$/, 'se esperaban como máximo $1 reglas, hay $2'],
  [/^expected at most (\d+) characters, got (\d+)$/, 'se esperaban como máximo $1 caracteres, hay $2'],
  [/^expected at most (\d+), got (\d+)$/, 'se esperaban como máximo $1, hay $2'],
  [/^expected letters and digits$/, 'se esperaban letras y dígitos'],
  [/^expected lower-case letters, digits and dashes, got (.*)$/, 'se esperaban minúsculas, dígitos y guiones, hay $1'],
  [/^expected a value$/, 'se esperaba un valor'],
  [/^expected text$/, 'se esperaba un texto'],
  [/^expected an expression as text$/, 'se esperaba una expresión como texto'],
  [/^expected a list of rules$/, 'se esperaba una lista de reglas'],
  [/^expected a list of at most (\d+) policies$/, 'se esperaba una lista de $1 políticas como máximo'],
  [/^expected a list of kinds, such as (.*)$/, 'se esperaba una lista de tipos, como $1'],
  [/^expected a version as text, such as (\S+), got (.*)$/, 'se esperaba una versión como texto, como $1, hay $2'],
  [/^expected some of the doors of the policy \((.*)\)$/, 'se esperaban algunas de las puertas de la política ($1)'],
  [/^expected closed or open on failure, got (.*)$/, 'se esperaba closed u open ante un fallo, hay $1'],
  [/^expected (\w+) or (\w+), got (.*)$/, 'se esperaba $1 o $2, hay $3'],
  [/^expected one or more of (.*)$/, 'se esperaba uno o más de $1'],
  [
    /^expected one of "when" \(true or false\), "each" \(a list\), "adds" or "patch" \(a document\)$/,
    'se esperaba uno de "when" (verdadero o falso), "each" (una lista), "adds" o "patch" (un documento)',
  ],
  [/^expected (\{ en: .* \}); it is missing$/, 'se esperaba $1; falta'],
  [
    /^expected a ValidatingAdmissionPolicy or a policy of Kyverno$/,
    'se esperaba una ValidatingAdmissionPolicy o una política de Kyverno',
  ],
  [/^expected bindings of (.*), got one of (.*)$/, 'se esperaban enlaces de $1, hay uno de $2'],
  [/^expected ([\w-]+(?:, [\w-]+)*)$/, 'se esperaba $1'],
  [/^"(.*)" is not known here; expected (.*)$/, '"$1" no se conoce aquí; se esperaba $2'],
  [/^there is no policy "(.*)"$/, 'no existe la política "$1"'],
  [/^policy (\S+) has no rule "(.*)"$/, 'la política $1 no tiene la regla "$2"'],
  [/^rule "(.*)" is there twice$/, 'la regla "$1" aparece dos veces'],
  [/^policies in policies more than (\d+) deep$/, 'hay políticas dentro de políticas a más de $1 niveles'],
  [/^No such key: (.*)$/, 'no existe la clave $1'],
  [/^Unknown variable: (.*)$/, 'no existe la variable $1'],
  [/^Unexpected token: EOF$/, 'la expresión termina antes de tiempo'],
  [/^Unexpected token: (.*)$/, 'aquí no puede estar $1'],
  [/^the function (.*) is not available in policies$/, 'la función $1 no existe en las políticas'],
  [/^lists are walked more than (\d+) levels deep$/, 'se recorren listas a más de $1 niveles'],
  [/^the policy answers at no door$/, 'la política no responde en ninguna puerta'],
  [/^Deny and Warn are not taken together, as in Kubernetes$/, 'Deny y Warn no se admiten juntos, como en Kubernetes'],
];

/** A mistake in Spanish; what an expression’s own reader says is marked as English. */
export function spanishOfProblem(reason: string): string {
  const placed = /^(.*) \(character (\d+) of "(\w+)"\)$/s.exec(reason);
  if (placed !== null) {
    const [, said = '', at, field] = placed;
    return `en el carácter ${at} de "${field}": ${translated(said) ?? `el detalle, en inglés: ${said}`}`;
  }
  const known = translated(reason);
  if (known !== null) return known;
  const named = /^([\w.-]+): (expected .*)$/.exec(reason);
  const inner = named === null ? null : translated(named[2] ?? '');
  if (inner !== null) return `${named?.[1]}: ${inner}`;
  return `el detalle, en inglés: ${reason}`;
}

function translated(reason: string): string | null {
  for (const [pattern, es] of SENTENCES) {
    const found = pattern.exec(reason);
    if (found !== null) return es.replaceAll(/\$(\d)/g, (_, index: string) => found[Number(index)] ?? '');
  }
  return null;
}

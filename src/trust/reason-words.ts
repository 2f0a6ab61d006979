import type { Text } from '../system/index.ts';

/**
 * Why bytes cannot be read as a signature, in Spanish. The readers say it in English, once, where they find it; here
 * stands what a person reads. `$1` is what was seen. A reason that is not listed is told as it is.
 */
const SPANISH: readonly (readonly [RegExp, string])[] = [
  [/^trusted root: (.+)$/, 'raíz de confianza: $1'],
  [/^expected at most (\S+) bytes, got (\S+)$/, 'se esperaban como mucho $1 bytes y hay $2'],
  [/^expected at most (\S+) characters?, got (\S+)$/, 'se esperaban como mucho $1 caracteres y hay $2'],
  [/^expected at most (\S+) subjects, got (\S+)$/, 'se esperaban como mucho $1 sujetos y hay $2'],
  [
    /^expected at most (\S+) signatures in an envelope, got (\S+)$/,
    'se esperaban como mucho $1 firmas en un sobre y hay $2',
  ],
  [/^expected at most (\S+) in (\S+), got (\S+)$/, 'se esperaban como mucho $1 en $2 y hay $3'],
  [/^expected one signature in the bundle, got (\S+)$/, 'se esperaba una firma en el paquete y hay $1'],
  [/^expected one signature in the envelope, got (\S+)$/, 'se esperaba una firma en el sobre y hay $1'],
  [
    /^expected a bundle of version 0\.1 to 0\.3, got (.+)$/,
    'se esperaba un paquete de la versión 0.1 a la 0.3 y es $1',
  ],
  [
    /^expected a trusted root of version 0\.1 or 0\.2, got (.+)$/,
    'se esperaba una raíz de confianza de la versión 0.1 o 0.2 y es $1',
  ],
  [/^expected an in-toto statement \((.+)\)$/, 'se esperaba una declaración in-toto ($1)'],
  [/^expected _type (\S+), got (.+)$/, 'se esperaba _type $1 y es $2'],
  [/^expected a JWS or COSE envelope, got (.+)$/, 'se esperaba un sobre JWS o COSE y es $1'],
  [/^expected a payload of Notation, got (.+)$/, 'se esperaba un contenido de Notation y es $1'],
  [/^expected a DSSE envelope, got no object$/, 'se esperaba un sobre DSSE y no es un objeto'],
  [/^expected an object at (.+)$/, 'se esperaba un objeto en $1'],
  [/^expected a list at (.+)$/, 'se esperaba una lista en $1'],
  [/^expected text at (.+)$/, 'se esperaba un texto en $1'],
  [/^expected a number from 0 at (.+)$/, 'se esperaba un número desde 0 en $1'],
  [/^expected a time at (.+)$/, 'se esperaba una hora en $1'],
  [/^expected base64 in (.+)$/, 'se esperaba base64 en $1'],
  [/^expected an object$/, 'se esperaba un objeto'],
  [/^expected a map$/, 'se esperaba un mapa'],
  [/^expected bundle or cosign$/, 'se esperaba bundle o cosign'],
  [/^expected COSE_Sign1$/, 'se esperaba COSE_Sign1'],
  [/^expected COSE_Sign1 of four parts$/, 'se esperaba COSE_Sign1 de cuatro partes'],
  [/^expected one of (\S+) and (\S+)$/, 'se esperaba uno de $1 y $2'],
  [/^expected one of (\S+), (\S+) and (\S+)$/, 'se esperaba uno de $1, $2 y $3'],
  [/^expected the type "(.+)"$/, 'se esperaba el tipo "$1"'],
  [/^expected a signature object in the envelope$/, 'se esperaba un objeto de firma en el sobre'],
  [/^expected keyid to be text$/, 'se esperaba que keyid fuera texto'],
  [/^expected each subject to be an object$/, 'se esperaba que cada sujeto fuera un objeto'],
  [/^expected the name of a subject to be text$/, 'se esperaba que el nombre de un sujeto fuera texto'],
  [/^expected the digest of a subject to be text$/, 'se esperaba que el digest de un sujeto fuera texto'],
  [/^(\S+) is missing$/, 'falta $1'],
  [/^(\S+) is not base64$/, '$1 no es base64'],
  [/^(\S+) is longer than (\S+) characters$/, '$1 tiene más de $2 caracteres'],
  [/^(\S+) is larger than (\S+) bytes$/, '$1 ocupa más de $2 bytes'],
  [/^the certificate is larger than (\S+) bytes$/, 'el certificado ocupa más de $1 bytes'],
  [/^a certificate is larger than (\S+) bytes$/, 'un certificado ocupa más de $1 bytes'],
  [/^the certificate is not readable$/, 'el certificado no se puede leer'],
  [/^the certificate chain is empty$/, 'la cadena de certificados está vacía'],
  [/^a certificate is too large$/, 'un certificado es demasiado grande'],
  [/^a certificate is no byte string$/, 'un certificado no es una cadena de bytes'],
  [/^it carries too many certificates$/, 'lleva demasiados certificados'],
  [/^it carries no certificate$/, 'no lleva ningún certificado'],
  [/^an authority lists no certificate$/, 'una autoridad no enumera ningún certificado'],
  [/^a log has no id$/, 'un registro de transparencia no tiene identificador'],
  [/^the log has no id$/, 'el registro de transparencia no tiene identificador'],
  [/^a log entry has no hash$/, 'un asiento de registro no tiene hash'],
  [/^hash (.+) is not of the SHA-2 family$/, 'el hash $1 no es de la familia SHA-2'],
  [
    /^a bundle of version 0\.1 needs an inclusion promise$/,
    'un paquete de la versión 0.1 necesita una promesa de inclusión',
  ],
  [
    /^the bundle needs an inclusion proof with its checkpoint$/,
    'el paquete necesita una prueba de inclusión con su punto de control',
  ],
  [
    /^a bundle of version 0\.3 carries one certificate, not a chain$/,
    'un paquete de la versión 0.3 lleva un certificado, no una cadena',
  ],
  [/^the envelope names no payloadType$/, 'el sobre no nombra payloadType'],
  [/^the envelope carries no signature$/, 'el sobre no lleva ninguna firma'],
  [/^it names no predicateType$/, 'no nombra predicateType'],
  [/^it names no subject$/, 'no nombra ningún sujeto'],
  [/^it names no digest or no reference$/, 'no nombra digest o no nombra referencia'],
  [/^a subject has no digest$/, 'un sujeto no tiene digest'],
  [/^algorithm (.+) is not one of Notation's$/, 'el algoritmo $1 no es de los de Notation'],
  [/^the algorithm is not one of Notation's$/, 'el algoritmo no es de los de Notation'],
  [/^its critical header is no list$/, 'su cabecera crítica no es una lista'],
  [/^critical header (.+) is not understood$/, 'la cabecera crítica $1 no se entiende'],
  [/^signing scheme (.+) is not read$/, 'el esquema de firma $1 no se lee'],
  [/^a header has no name$/, 'una cabecera no tiene nombre'],
  [/^header (.+) is given twice$/, 'la cabecera $1 aparece dos veces'],
  [/^a header is missing or no text$/, 'falta una cabecera o no es texto'],
  [/^a time is not readable$/, 'una hora no se puede leer'],
  [/^a part is not base64url$/, 'una parte no es base64url'],
];

/** A reason in both languages. */
export function reasonInWords(english: string): Text {
  for (const [pattern, spanish] of SPANISH) {
    const match = pattern.exec(english);
    if (match === null) continue;
    const inner = pattern.source.startsWith('^trusted root') ? reasonInWords(match[1] ?? '').es : null;
    return { en: english, es: spanish.replaceAll(/\$(\d)/g, (_place, n: string) => inner ?? match[Number(n)] ?? '') };
  }
  return { en: english, es: english };
}

import { describeFormatError, FormatError } from '../formats/index.ts';
import { defineFaults, type Text } from '../system/index.ts';
import { reasonInWords } from './reason-words.ts';

export const trustFault = defineFaults({
  'trust.key-unknown': {
    kind: 'not-found',
    en: {
      what: 'signing key "{key}" is not here',
      remedy: 'see the keys there are: darsena trust keys',
    },
    es: {
      what: 'la clave de firma "{key}" no está aquí',
      remedy: 'ver las claves que hay: darsena trust keys',
    },
  },
  'trust.key-name-taken': {
    kind: 'conflict',
    en: {
      what: 'there is already another key "{key}"',
      why: 'its id is {known}, the new one has {seen}',
      remedy: 'give the new key another name; revoke the old one if it is no longer used',
    },
    es: {
      what: 'ya hay otra clave "{key}"',
      why: 'su id es {known}, el de la nueva es {seen}',
      remedy: 'dar otro nombre a la clave nueva; revocar la antigua si ya no se usa',
    },
  },
  'trust.key-known': {
    kind: 'conflict',
    en: {
      what: 'this key is here already, as "{key}"',
      why: 'one key has one name',
      remedy: 'to change what it is believed for: darsena trust add {key} FILE --use … --repository …',
    },
    es: {
      what: 'esta clave ya está aquí, como "{key}"',
      why: 'una clave tiene un solo nombre',
      remedy: 'para cambiar en qué se confía: darsena trust add {key} ARCHIVO --use … --repository …',
    },
  },
  'trust.key-revoked': {
    kind: 'conflict',
    en: {
      what: 'the key "{key}" was revoked and stays revoked',
      why: 'it was revoked at {at}; who stole it would still have it',
      remedy: 'make another key: darsena key generate NAME',
    },
    es: {
      what: 'la clave "{key}" fue revocada y sigue revocada',
      why: 'se revocó el {at}; quien la robó la tendría todavía',
      remedy: 'crear otra clave: darsena key generate NOMBRE',
    },
  },
  'trust.key-own': {
    kind: 'refused',
    en: {
      what: 'what "{key}" signs is not changed by hand',
      why: 'it is a key of the platform itself',
      remedy: 'darsena trust keys shows what it signs',
    },
    es: {
      what: 'lo que firma "{key}" no se cambia a mano',
      why: 'es una clave de la propia plataforma',
      remedy: 'darsena trust keys muestra lo que firma',
    },
  },
  'trust.key-in-use': {
    kind: 'refused',
    en: {
      what: 'the key "{key}" is not revoked while the platform signs with it',
      why: 'nothing could be judged, signed or started any more',
      remedy: 'darsena trust rotate {key}; if it was stolen: darsena trust rotate {key} --stolen',
    },
    es: {
      what: 'la clave "{key}" no se revoca mientras la plataforma firma con ella',
      why: 'ya no se podría juzgar, firmar ni iniciar nada',
      remedy: 'darsena trust rotate {key}; si la robaron: darsena trust rotate {key} --stolen',
    },
  },
  'trust.key-former': {
    kind: 'conflict',
    en: {
      what: 'the key "{key}" was replaced already',
      why: 'another key signs in its place',
      remedy: 'replace that one (darsena trust rotate {standing}), or revoke the former: darsena trust revoke {key}',
    },
    es: {
      what: 'la clave "{key}" ya fue sustituida',
      why: 'otra clave firma en su lugar',
      remedy: 'sustituir esa (darsena trust rotate {standing}) o revocar la anterior: darsena trust revoke {key}',
    },
  },
  'trust.key-needed': {
    kind: 'invalid',
    en: {
      what: 'the new key of "{key}" is missing',
      why: 'the platform does not sign with this one, so it cannot make the next',
      remedy: 'darsena key generate NAME; darsena trust rotate {key} NAME.pub',
    },
    es: {
      what: 'falta la clave nueva de "{key}"',
      why: 'la plataforma no firma con esta, así que no puede crear la siguiente',
      remedy: 'darsena key generate NOMBRE; darsena trust rotate {key} NOMBRE.pub',
    },
  },
  'trust.builder-former': {
    kind: 'conflict',
    en: {
      what: 'the builder does not sign with "{key}"',
      why: 'its host signs with another key by now, or is none of this platform',
      remedy: 'darsena trust keys; darsena hosts',
    },
    es: {
      what: 'el constructor no firma con "{key}"',
      why: 'su host ya firma con otra clave, o no es de esta plataforma',
      remedy: 'darsena trust keys; darsena hosts',
    },
  },
  'trust.signer-name-taken': {
    kind: 'conflict',
    en: {
      what: 'the trust policy has a signer "{key}" already',
      why: 'a rule could not tell the two apart',
      remedy: 'give the key another name, or take the signer out of the policy: darsena trust policy show',
    },
    es: {
      what: 'la política de confianza ya tiene un firmante "{key}"',
      why: 'una regla no podría distinguirlos',
      remedy: 'dar otro nombre a la clave o quitar el firmante de la política: darsena trust policy show',
    },
  },
  'trust.document-type': {
    kind: 'invalid',
    en: { what: 'the document cannot be stored', why: 'expected a body of type {type}' },
    es: { what: 'no se puede guardar el documento', why: 'se esperaba un cuerpo de tipo {type}' },
  },
  'trust.option': {
    kind: 'invalid',
    en: { what: '{option} cannot be used like this', why: '{reason}', remedy: 'darsena {command} --help' },
    es: { what: '{option} no se puede usar así', why: '{reason}', remedy: 'darsena {command} --help' },
  },
  'trust.sigstore-file': {
    kind: 'invalid',
    en: {
      what: 'the services for signing without a key cannot be read from {file}',
      why: '{reason}',
      remedy: 'expected JSON: {"fulcio": "https://…", "rekor": "https://…", "timestamp": "https://…"}',
    },
    es: {
      what: 'no se pueden leer en {file} los servicios para firmar sin clave',
      why: '{reason}',
      remedy: 'se esperaba JSON: {"fulcio": "https://…", "rekor": "https://…", "timestamp": "https://…"}',
    },
  },
  'trust.key-locked': {
    kind: 'unavailable',
    en: {
      what: 'signing key {key} cannot be unlocked',
      why: 'the master key given is not the one it was stored under, or the stored bytes were changed',
      remedy: 'start with the master key of this instance, or restore its backup',
    },
    es: {
      what: 'la clave de firma {key} no se puede abrir',
      why: 'la clave maestra dada no es aquella con la que se guardó, o los bytes guardados han cambiado',
      remedy: 'iniciar con la clave maestra de esta instancia o restaurar su copia de seguridad',
    },
  },
  'trust.master-key': {
    kind: 'invalid',
    en: { what: 'the master key cannot be used', why: 'expected 32 bytes, got {bytes}' },
    es: { what: 'la clave maestra no sirve', why: 'se esperaban 32 bytes, se recibieron {bytes}' },
  },
  'trust.public-key': {
    kind: 'invalid',
    en: {
      what: 'public key "{name}" cannot be used',
      why: 'expected an ECDSA P-256, P-384 or Ed25519 public key in PEM, got {seen}',
    },
    es: {
      what: 'la clave pública "{name}" no sirve',
      why: 'se esperaba una clave pública ECDSA P-256, P-384 o Ed25519 en PEM, se recibió {seen}',
    },
  },
  'trust.record-refused': {
    kind: 'refused',
    en: { what: 'a signed record of type {type} is refused', why: '{reason}' },
    es: { what: 'se rechaza un registro firmado de tipo {type}', why: '{reason}' },
  },
  'trust.bundle-unreadable': {
    kind: 'invalid',
    en: { what: 'a Sigstore bundle cannot be read', why: '{reason}' },
    es: { what: 'no se puede leer un paquete Sigstore', why: '{reason}' },
  },
  'trust.statement-unreadable': {
    kind: 'invalid',
    en: { what: 'an in-toto statement cannot be read', why: '{reason}' },
    es: { what: 'no se puede leer una declaración in-toto', why: '{reason}' },
  },
  'trust.not-verified': {
    kind: 'refused',
    en: {
      what: 'the signature of {image} is not accepted',
      why: '{reason}',
      remedy: 'who is believed, for what and where: darsena trust keys, darsena trust policy show',
    },
    es: {
      what: 'no se acepta la firma de {image}',
      why: '{reason}',
      remedy: 'en quién se confía, para qué y dónde: darsena trust keys, darsena trust policy show',
    },
  },
  'trust.policy-invalid': {
    kind: 'invalid',
    en: {
      what: 'the trust policy cannot be used',
      why: '{mistakes}',
      remedy: 'correct the document and check it: darsena trust policy check FILE',
    },
    es: {
      what: 'la política de confianza no sirve',
      why: '{mistakes}',
      remedy: 'corregir el documento y comprobarlo: darsena trust policy check ARCHIVO',
    },
  },
  'trust.passphrase-short': {
    kind: 'invalid',
    en: { what: 'the passphrase is too short', why: 'expected at least {characters} characters' },
    es: { what: 'la frase de paso es demasiado corta', why: 'se esperaban al menos {characters} caracteres' },
  },
  'trust.passphrase-differs': {
    kind: 'invalid',
    en: { what: 'the two passphrases differ' },
    es: { what: 'las dos frases de paso son distintas' },
  },
  'trust.file-there': {
    kind: 'conflict',
    en: { what: '{file} is there already', why: 'a key is never written over', remedy: 'choose another name' },
    es: { what: '{file} ya existe', why: 'nunca se escribe sobre una clave', remedy: 'elegir otro nombre' },
  },
  'trust.passphrase-wrong': {
    kind: 'refused',
    en: { what: 'the private key cannot be opened', why: 'the passphrase is another one, or the file was changed' },
    es: { what: 'la clave privada no se puede abrir', why: 'la frase de paso es otra o el archivo ha cambiado' },
  },
  'trust.key-file': {
    kind: 'invalid',
    en: {
      what: 'the private key cannot be read',
      why: '{reason}',
      remedy: 'make one: darsena key generate NAME',
    },
    es: {
      what: 'no se puede leer la clave privada',
      why: '{reason}',
      remedy: 'crear una: darsena key generate NOMBRE',
    },
  },
  'trust.key-reference': {
    kind: 'invalid',
    en: { what: 'the key {reference} cannot be reached', why: '{reason}' },
    es: { what: 'no se puede llegar a la clave {reference}', why: '{reason}' },
  },
  'trust.token-failed': {
    kind: 'unavailable',
    en: { what: 'the token {token} did not sign', why: '{reason}' },
    es: { what: 'el dispositivo {token} no firmó', why: '{reason}' },
  },
  'trust.file-unreadable': {
    kind: 'invalid',
    en: { what: '{file} cannot be read', why: '{reason}' },
    es: { what: 'no se puede leer {file}', why: '{reason}' },
  },
  'trust.image-unknown': {
    kind: 'not-found',
    en: { what: 'there is no image {image}', remedy: 'see the images there are: darsena image list' },
    es: { what: 'no hay ninguna imagen {image}', remedy: 'ver las imágenes que hay: darsena image list' },
  },
  'trust.tag-needed': {
    kind: 'invalid',
    en: {
      what: 'which image of {repository} is meant',
      why: 'no tag was given, there is no latest, and there are several: {tags}',
      remedy: 'say {repository}:TAG or @DIGEST',
    },
    es: {
      what: 'qué imagen de {repository} se pide',
      why: 'no se indicó etiqueta, no hay latest y hay varias: {tags}',
      remedy: 'indicar {repository}:ETIQUETA o @DIGEST',
    },
  },
  'trust.identity-token': {
    kind: 'invalid',
    en: { what: 'the identity token cannot be read', why: 'expected a JWT with a subject' },
    es: { what: 'no se puede leer el testigo de identidad', why: 'se esperaba un JWT con un sujeto' },
  },
  'trust.service-failed': {
    kind: 'unavailable',
    en: { what: '{service} did not do its part of the signature', why: '{reason}' },
    es: { what: '{service} no hizo su parte de la firma', why: '{reason}' },
  },
  'trust.tuf-refused': {
    kind: 'refused',
    en: {
      what: 'the trusted root is not renewed; the one that is there stays',
      why: '{reason}',
      remedy: 'ask whoever runs the mirror; start from a root.json of another source only if its keys are known',
    },
    es: {
      what: 'la raíz de confianza no se renueva; sigue la que hay',
      why: '{reason}',
      remedy:
        'preguntar a quien mantiene la réplica; partir de un root.json de otra fuente solo si se conocen sus claves',
    },
  },
  'trust.policy-unknown': {
    kind: 'not-found',
    en: { what: 'there is no version {version} of the trust policy', remedy: 'darsena trust policy show' },
    es: { what: 'no hay versión {version} de la política de confianza', remedy: 'darsena trust policy show' },
  },
  'trust.policy-changed': {
    kind: 'conflict',
    en: {
      what: 'the trust policy has changed in the meantime',
      why: 'version {expected} was expected, version {version} stands',
      remedy: 'read the policy that stands and apply the change to it: darsena trust policy show',
    },
    es: {
      what: 'la política de confianza ha cambiado entretanto',
      why: 'se esperaba la versión {expected}, rige la versión {version}',
      remedy: 'leer la política vigente y aplicar en ella el cambio: darsena trust policy show',
    },
  },
  'trust.policy-unsigned': {
    kind: 'refused',
    en: {
      what: 'the trust policy is not followed',
      why: 'the administrators named by the policy that stands must sign a change: {count} wanted, {seen} did',
      remedy: 'let them sign it: darsena trust policy sign FILE --key KEY',
    },
    es: {
      what: 'no se sigue la política de confianza',
      why: 'un cambio lo firman quienes administran según la política vigente: se piden {count} y firmaron {seen}',
      remedy: 'que lo firmen: darsena trust policy sign ARCHIVO --key CLAVE',
    },
  },
  'trust.identity-pattern': {
    kind: 'invalid',
    en: {
      what: 'signer "{name}" cannot be used',
      why: '{reason}',
      remedy: 'name the issuer and the subject in full; only * within a path segment is a wildcard',
    },
    es: {
      what: 'el firmante "{name}" no sirve',
      why: '{reason}',
      remedy: 'indicar el emisor y el sujeto completos; el único comodín es * dentro de un segmento',
    },
  },
});

/** Why bytes could not be read, in both languages: a parser's error by its code, a reader's own reason by its words. */
export function readingReason(reason: string, cause?: unknown): Text {
  return cause instanceof FormatError ? describeFormatError(cause) : reasonInWords(reason);
}

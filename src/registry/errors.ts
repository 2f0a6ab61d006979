import { defineFaults } from '../system/index.ts';
import { reasonInWords } from './reason-words.ts';

export const registryFault = defineFaults(
  {
    'registry.name-invalid': {
      kind: 'invalid',
      en: {
        what: 'the repository name "{name}" is not valid',
        why: 'expected PROJECT/IMAGE in lower-case words parted by / . _ -, at most 255 characters',
      },
      es: {
        what: 'el nombre de repositorio "{name}" no es válido',
        why: 'se esperaba PROYECTO/IMAGEN en palabras minúsculas separadas por / . _ -, como mucho 255 caracteres',
      },
    },
    'registry.repository-unknown': {
      kind: 'not-found',
      en: { what: 'the repository {repository} is not known' },
      es: { what: 'no se conoce el repositorio {repository}' },
    },
    'registry.digest-invalid': {
      kind: 'invalid',
      en: { what: 'the digest "{digest}" is not valid', why: 'expected sha256: or sha512: and lower-case hex digits' },
      es: {
        what: 'el digest "{digest}" no es válido',
        why: 'se esperaba sha256: o sha512: y dígitos hexadecimales en minúscula',
      },
    },
    'registry.digest-mismatch': {
      kind: 'invalid',
      en: {
        what: 'the content does not match its digest',
        why: 'expected {expected}, got {actual}; nothing was stored',
      },
      es: {
        what: 'el contenido no coincide con su digest',
        why: 'se esperaba {expected}, se obtuvo {actual}; no se guardó nada',
      },
    },
    'registry.size-mismatch': {
      kind: 'invalid',
      en: {
        what: 'the content does not have the size it was announced with',
        why: 'expected {expected} bytes, got {actual}',
      },
      es: {
        what: 'el contenido no tiene el tamaño anunciado',
        why: 'se esperaban {expected} bytes, se obtuvieron {actual}',
      },
    },
    'registry.blob-too-large': {
      kind: 'invalid',
      en: { what: 'the content is too large', why: 'at most {maximum} bytes are accepted' },
      es: { what: 'el contenido es demasiado grande', why: 'se aceptan {maximum} bytes como mucho' },
    },
    'registry.blob-unknown': {
      kind: 'not-found',
      en: { what: 'the blob {digest} is not in {repository}' },
      es: { what: 'el blob {digest} no está en {repository}' },
    },
    'registry.blob-damaged': {
      kind: 'internal',
      en: {
        what: 'the stored blob {digest} is damaged',
        why: 'its bytes no longer match its digest',
        remedy: 'push the image again: a verified copy replaces the damaged file',
      },
      es: {
        what: 'el blob guardado {digest} está dañado',
        why: 'sus bytes ya no coinciden con su digest',
        remedy: 'volver a subir la imagen: una copia verificada sustituye al archivo dañado',
      },
    },
    'registry.upload-unknown': {
      kind: 'not-found',
      en: {
        what: 'this upload is not known',
        why: 'it was finished, cancelled, has expired or belongs to somebody else',
      },
      es: { what: 'no se conoce esta subida', why: 'terminó, se canceló, caducó o es de otra persona' },
    },
    'registry.upload-busy': {
      kind: 'conflict',
      en: { what: 'this upload is being written by another request' },
      es: { what: 'otra petición está escribiendo en esta subida' },
    },
    'registry.upload-invalid': {
      kind: 'invalid',
      en: { what: 'the upload cannot go on', why: '{why}' },
      es: { what: 'la subida no puede continuar', why: '{why}' },
    },
    'registry.upload-out-of-order': {
      kind: 'invalid',
      en: { what: 'the chunk is out of order', why: 'expected it to start at byte {expected}, got {actual}' },
      es: { what: 'el fragmento está fuera de orden', why: 'debía empezar en el byte {expected}, empieza en {actual}' },
    },
    'registry.range-invalid': {
      kind: 'invalid',
      en: { what: 'the requested range is outside the blob', why: 'it has {size} bytes' },
      es: { what: 'el intervalo pedido está fuera del blob', why: 'tiene {size} bytes' },
    },
    'registry.manifest-invalid': {
      kind: 'invalid',
      en: { what: 'the manifest is not valid', why: '{why}' },
      es: { what: 'el manifiesto no es válido', why: '{why}' },
    },
    'registry.manifest-too-large': {
      kind: 'invalid',
      en: { what: 'the manifest is too large', why: 'at most {maximum} bytes are accepted' },
      es: { what: 'el manifiesto es demasiado grande', why: 'se aceptan {maximum} bytes como mucho' },
    },
    'registry.manifest-unknown': {
      kind: 'not-found',
      en: { what: '{repository} has no manifest {reference}' },
      es: { what: '{repository} no tiene el manifiesto {reference}' },
    },
    'registry.manifest-blob-unknown': {
      kind: 'invalid',
      en: {
        what: 'the manifest names content that is not in {repository}',
        why: '{digest} was not pushed there',
      },
      es: { what: 'el manifiesto nombra contenido que no está en {repository}', why: '{digest} no se subió allí' },
    },
    'registry.tag-invalid': {
      kind: 'invalid',
      en: {
        what: 'the tag "{tag}" is not valid',
        why: 'expected letters, digits, dots, dashes, underscores, at most 128',
      },
      es: {
        what: 'la etiqueta "{tag}" no es válida',
        why: 'se esperaban letras, dígitos, puntos, guiones o guiones bajos, como mucho 128',
      },
    },
    'registry.page-invalid': {
      kind: 'invalid',
      en: { what: 'the page size "{n}" is not valid', why: 'expected a whole number, zero or more' },
      es: { what: 'el tamaño de página "{n}" no es válido', why: 'se esperaba un número entero, cero o más' },
    },
    'registry.sign-in-needed': {
      kind: 'unauthenticated',
      en: { what: 'signing in is needed', why: '{why}', remedy: 'podman login {host}' },
      es: { what: 'hay que iniciar sesión', why: '{why}', remedy: 'podman login {host}' },
    },
    'registry.sign-in-throttled': {
      kind: 'limited',
      en: { what: 'too many failed sign-ins from this address', why: 'wait {seconds} s before the next one' },
      es: { what: 'demasiados inicios de sesión fallidos desde esta dirección', why: 'esperar {seconds} s' },
    },
    'registry.too-many-requests': {
      kind: 'limited',
      en: { what: 'too many requests without signing in from this address', why: 'wait {seconds} s, or sign in' },
      es: {
        what: 'demasiadas peticiones sin iniciar sesión desde esta dirección',
        why: 'esperar {seconds} s, o iniciar sesión',
      },
    },
    'registry.token-request-invalid': {
      kind: 'invalid',
      en: { what: 'the request for a token is not valid', why: '{why}' },
      es: { what: 'la petición de un token no es válida', why: '{why}' },
    },
    'registry.not-allowed': {
      kind: 'forbidden',
      en: { what: '{actor} may not {action} in {repository}', why: 'no role in the project allows it' },
      es: { what: '{actor} no puede hacer {action} en {repository}', why: 'ningún rol en el proyecto lo permite' },
    },
    'registry.tag-exists': {
      kind: 'forbidden',
      en: {
        what: '{actor} may not move {repository}:{tag}',
        why: 'it names {digest}, and making a tag does not include moving one (image.move-tag)',
        remedy: 'push under a new tag, or ask for the right of a publisher',
      },
      es: {
        what: '{actor} no puede mover {repository}:{tag}',
        why: 'nombra {digest}, y crear una etiqueta no incluye moverla (image.move-tag)',
        remedy: 'subir con una etiqueta nueva, o pedir el derecho de publicador',
      },
    },
    'registry.held': {
      kind: 'refused',
      en: {
        what: '{repository} {digest} is in quarantine',
        why: '{reasons}',
        remedy: 'darsena image wait {reference}',
      },
      es: {
        what: '{repository} {digest} está en cuarentena',
        why: '{reasons}',
        remedy: 'darsena image wait {reference}',
      },
    },
    'registry.refused': {
      kind: 'refused',
      en: { what: '{repository} {digest} was refused', why: '{reasons}', remedy: '{remedy}' },
      es: { what: '{repository} {digest} fue rechazada', why: '{reasons}', remedy: '{remedy}' },
    },
    'registry.blob-unused': {
      kind: 'refused',
      en: {
        what: 'the blob {digest} of {repository} is only for who uploaded it',
        why: 'no image of the repository uses it',
        remedy: 'push the manifest that names it',
      },
      es: {
        what: 'el blob {digest} de {repository} es solo de quien lo subió',
        why: 'ninguna imagen del repositorio lo usa',
        remedy: 'subir el manifiesto que lo nombra',
      },
    },
    'registry.tag-immutable': {
      kind: 'refused',
      en: {
        what: 'the tag {tag} of {repository} is immutable',
        why: 'the settings of the repository keep such tags where they are',
        remedy: 'push under a new tag; darsena repository settings {repository} shows the patterns',
      },
      es: {
        what: 'la etiqueta {tag} de {repository} es inmutable',
        why: 'los ajustes del repositorio dejan esas etiquetas donde están',
        remedy: 'subir con otra etiqueta; darsena repository settings {repository} muestra los patrones',
      },
    },
    'registry.quota-exceeded': {
      kind: 'refused',
      en: {
        what: 'the quota of project {project} is full',
        why: 'it stores {used} of {limit}, and this needs {needed} more',
        remedy:
          'delete images or set a retention (darsena repository retention {project} --preview), or ask for a larger quota',
      },
      es: {
        what: 'la cuota del proyecto {project} está llena',
        why: 'guarda {used} de {limit}, y esto necesita {needed} más',
        remedy:
          'borrar imágenes o fijar una retención (darsena repository retention {project} --preview), o pedir una cuota mayor',
      },
    },
    'registry.in-use': {
      kind: 'refused',
      en: {
        what: '{digest} is in use and stays',
        why: 'a workload runs it or a release names it',
        remedy: 'darsena ps shows where; stop or replace it first',
      },
      es: {
        what: '{digest} está en uso y se conserva',
        why: 'una carga de trabajo lo ejecuta o una versión desplegada lo nombra',
        remedy: 'darsena ps muestra dónde; detenerlo o sustituirlo antes',
      },
    },
    'registry.blob-referenced': {
      kind: 'refused',
      en: { what: 'the blob {digest} belongs to an image of {repository} and stays', why: 'delete the image first' },
      es: {
        what: 'el blob {digest} pertenece a una imagen de {repository} y se conserva',
        why: 'borrar antes la imagen',
      },
    },
    'registry.unsupported': {
      kind: 'invalid',
      en: { what: '{method} is not supported here' },
      es: { what: '{method} no se admite aquí' },
    },
    'registry.address-unknown': {
      kind: 'not-found',
      en: { what: 'the address is not one of the distribution API' },
      es: { what: 'la dirección no es de la API de distribución' },
    },
    'registry.address-invalid': {
      kind: 'invalid',
      en: { what: 'the address is not valid', why: '{why}' },
      es: { what: 'la dirección no es válida', why: '{why}' },
    },
    'registry.disk-full': {
      kind: 'exhausted',
      en: { what: 'the disk of the registry is full', remedy: 'darsena image delete, or add space and push again' },
      es: {
        what: 'el disco del registro está lleno',
        remedy: 'darsena image delete, o añadir espacio y volver a subir',
      },
    },
    'registry.internal': {
      kind: 'internal',
      en: { what: 'the registry failed', why: 'the cause is in its log' },
      es: { what: 'el registro falló', why: 'la causa está en su registro de sucesos' },
    },
    'registry.image-unknown': {
      kind: 'not-found',
      en: { what: 'the image {image} is not known', remedy: 'darsena image list' },
      es: { what: 'no se conoce la imagen {image}', remedy: 'darsena image list' },
    },
    'registry.remote-address': {
      kind: 'forbidden',
      en: {
        what: 'the registry {host} is not contacted',
        why: '{why}',
        remedy: 'darsena remote change NAME --network ADDRESS/BITS, if it really stands inside',
      },
      es: {
        what: 'no se contacta con el registro {host}',
        why: '{why}',
        remedy: 'darsena remote change NOMBRE --network DIRECCIÓN/BITS, si de verdad está dentro',
      },
    },
    'registry.remote-loop': {
      kind: 'refused',
      en: {
        what: 'the registry {host} leads back to where the request came from',
        why: 'two mirrors of each other, or a mirror of itself, would ask each other for ever',
        remedy: 'darsena mirror list on both sides; let one of them get it from the source',
      },
      es: {
        what: 'el registro {host} lleva de vuelta a donde empezó la petición',
        why: 'dos réplicas una de otra, o una de sí misma, se preguntarían sin fin',
        remedy: 'darsena mirror list en ambos lados; que uno de ellos la obtenga del origen',
      },
    },
    'registry.remote-missing': {
      kind: 'not-found',
      en: { what: 'the registry {host} does not have {action}' },
      es: { what: 'el registro {host} no tiene {action}' },
    },
    'registry.remote-redirect': {
      kind: 'unavailable',
      en: { what: 'the registry {host} sent us to a place that is not followed', why: '{why}' },
      es: { what: 'el registro {host} envió a un lugar que no se sigue', why: '{why}' },
    },
    'registry.remote-refused': {
      kind: 'unavailable',
      en: { what: 'the registry {host} refused {action}', why: 'it answered {status}{message}' },
      es: { what: 'el registro {host} rechazó {action}', why: 'respondió {status}{message}' },
    },
    'registry.remote-unreachable': {
      kind: 'unavailable',
      en: { what: 'the registry {host} cannot be reached', why: '{why}' },
      es: { what: 'no se puede llegar al registro {host}', why: '{why}' },
    },
    'registry.wait-refused': {
      kind: 'refused',
      en: { what: '{image} was refused', why: '{reasons}', remedy: '{remedy}' },
      es: { what: '{image} fue rechazada', why: '{reasons}', remedy: '{remedy}' },
    },
    'registry.wait-too-long': {
      kind: 'unavailable',
      en: { what: '{image} is still in quarantine', why: 'no verdict within {seconds} s' },
      es: { what: '{image} sigue en cuarentena', why: 'sin veredicto en {seconds} s' },
    },
    'registry.settings-invalid': {
      kind: 'invalid',
      en: { what: 'the settings of the repository are not valid', why: '{why}' },
      es: { what: 'los ajustes del repositorio no son válidos', why: '{why}' },
    },
    'registry.layer-unknown': {
      kind: 'invalid',
      en: {
        what: 'the image has no layer {layer}',
        why: 'expected a number from 1 to {count}, or the digest of a layer',
      },
      es: {
        what: 'la imagen no tiene la capa {layer}',
        why: 'se esperaba un número de 1 a {count}, o el digest de una capa',
      },
    },
    'registry.limit-invalid': {
      kind: 'invalid',
      en: { what: 'that many cannot be shown', why: 'expected --limit from 1 to {most}' },
      es: { what: 'no se pueden mostrar tantos', why: 'se esperaba --limit de 1 a {most}' },
    },
    'registry.pulls-invalid': {
      kind: 'invalid',
      en: { what: 'this time cannot be shown', why: '{why}' },
      es: { what: 'no se puede mostrar este tiempo', why: '{why}' },
    },
    'registry.tag-needed': {
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
    'registry.reference-incomplete': {
      kind: 'invalid',
      en: { what: 'the image name "{image}" is not complete', why: 'expected PROJECT/IMAGE, then :TAG or @DIGEST' },
      es: {
        what: 'el nombre de imagen "{image}" no está completo',
        why: 'se esperaba PROYECTO/IMAGEN y :ETIQUETA o @DIGEST',
      },
    },
  },
  reasonInWords,
);

export type RegistryFaultCode = keyof typeof registryFault.specs;

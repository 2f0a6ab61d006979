import { defineFaults } from '../system/index.ts';

export const buildFault = defineFaults({
  'build.containerfile-missing': {
    kind: 'invalid',
    en: {
      what: 'the source of {image} has no {file}',
      why: 'a Containerfile or Dockerfile is expected in the context folder',
    },
    es: {
      what: 'el origen de {image} no tiene {file}',
      why: 'se espera un Containerfile o Dockerfile en la carpeta de contexto',
    },
  },
  'build.containerfile-invalid': {
    kind: 'invalid',
    en: { what: '{file} line {line} cannot be built', why: '{reason}' },
    es: { what: '{file}, línea {line}: no se puede construir', why: '{reason}' },
  },
  'build.base-missing': {
    kind: 'needs',
    en: {
      what: '{file} line {line} starts from {base}, which is not in the registry',
      why: 'the registry {registry} has no such image',
      remedy: '{remedy}',
    },
    es: {
      what: '{file}, línea {line}: parte de {base}, que no está en el registro',
      why: 'el registro {registry} no tiene esa imagen',
      remedy: '{remedy}',
    },
  },
  'build.base-name': {
    kind: 'invalid',
    en: {
      what: '{file} line {line} starts from the short name {base}',
      why: 'a short name could mean an image of any registry',
      remedy: 'write base/NAME or registry.darsena.internal/PROJECT/IMAGE',
    },
    es: {
      what: '{file}, línea {line}: parte del nombre corto {base}',
      why: 'un nombre corto podría designar una imagen de cualquier registro',
      remedy: 'escribir base/NOMBRE o registry.darsena.internal/PROYECTO/IMAGEN',
    },
  },
  'build.registry-refused': {
    kind: 'refused',
    en: {
      what: '{file} line {line} takes {base} from another registry',
      why: 'builds read from {registry} only',
      remedy: 'import the image into the registry first, or create a base image: darsena base create',
    },
    es: {
      what: '{file}, línea {line}: toma {base} de otro registro',
      why: 'las construcciones solo leen de {registry}',
      remedy: 'importar antes la imagen en el registro, o crear una imagen base: darsena base create',
    },
  },
  'build.remote-refused': {
    kind: 'refused',
    en: {
      what: '{file} line {line} fetches {url} while building',
      why: 'builds have no network, so that what they make can be made again',
      remedy: 'put the file into the source, or into a base image',
    },
    es: {
      what: '{file}, línea {line}: descarga {url} durante la construcción',
      why: 'las construcciones no tienen red, para que su resultado se pueda repetir',
      remedy: 'incluir el fichero en el origen o en una imagen base',
    },
  },
  'build.step-failed': {
    kind: 'invalid',
    en: {
      what: '{file} line {line} failed: {instruction}',
      why: '{reason}',
      remedy: 'see the last lines of its output',
    },
    es: {
      what: '{file}, línea {line}: falló {instruction}',
      why: '{reason}',
      remedy: 'ver las últimas líneas de su salida',
    },
  },
  'build.failed': {
    kind: 'invalid',
    en: { what: '{image} was not built', why: '{reason}' },
    es: { what: '{image} no se construyó', why: '{reason}' },
  },
  'build.source-refused': {
    kind: 'invalid',
    en: { what: 'the source is refused', why: '{reason}' },
    es: { what: 'el origen se rechaza', why: '{reason}' },
  },
  'build.source-too-large': {
    kind: 'exhausted',
    en: {
      what: 'the source is too large',
      why: 'more than {limit} {unit}',
      remedy: 'keep dependencies and data out of the context folder',
    },
    es: {
      what: 'el origen es demasiado grande',
      why: 'más de {limit} {unit}',
      remedy: 'dejar dependencias y datos fuera de la carpeta de contexto',
    },
  },
  'build.push-failed': {
    kind: 'unavailable',
    en: {
      what: '{image} was built but not pushed to the registry',
      why: '{reason}',
      remedy: 'darsena doctor   (is there room on the disk?), then deploy again',
    },
    es: {
      what: '{image} se construyó pero no se publicó en el registro',
      why: '{reason}',
      remedy: 'darsena doctor   (¿queda sitio en el disco?) y desplegar de nuevo',
    },
  },
  'build.registry-answer': {
    kind: 'unavailable',
    en: { what: 'the registry refused {action} {subject}', why: 'it answered {status}: {reason}' },
    es: { what: 'el registro rechazó {action} {subject}', why: 'respondió {status}: {reason}' },
  },
  'build.user-unfit': {
    kind: 'needs',
    en: {
      what: 'the user {user} cannot build',
      why: '{reason}',
      remedy: 'darsena doctor',
    },
    es: {
      what: 'el usuario {user} no puede construir',
      why: '{reason}',
      remedy: 'darsena doctor',
    },
  },
  'build.release-unknown': {
    kind: 'invalid',
    en: { what: 'there is no base release {release}', why: 'known ones are {known}', remedy: 'darsena base list' },
    es: { what: 'no existe la versión base {release}', why: 'las conocidas son {known}', remedy: 'darsena base list' },
  },
  'build.base-request': {
    kind: 'invalid',
    en: { what: 'the base image cannot be made as asked', why: '{reason}' },
    es: { what: 'la imagen base no se puede crear como se pide', why: '{reason}' },
  },
  'build.keyring-missing': {
    kind: 'needs',
    en: {
      what: 'the packages of {release} cannot be verified',
      why: 'the keyring {path} is not on this host',
      remedy: 'install the package debian-archive-keyring',
    },
    es: {
      what: 'los paquetes de {release} no se pueden verificar',
      why: 'el llavero {path} no está en este host',
      remedy: 'instalar el paquete debian-archive-keyring',
    },
  },
  'build.base-failed': {
    kind: 'unavailable',
    en: { what: 'the base image {base} was not made', why: '{reason}' },
    es: { what: 'la imagen base {base} no se creó', why: '{reason}' },
  },
});

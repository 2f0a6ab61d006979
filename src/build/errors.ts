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
      remedy: 'incluir el archivo en el origen o en una imagen base',
    },
  },
  'build.base-triggers': {
    kind: 'refused',
    en: {
      what: '{file} line {line} builds on {base}, which has instructions of its own for that',
      why: 'they would run unseen (ONBUILD): {trigger}',
      remedy: 'write them into the Containerfile, and build the base without ONBUILD',
    },
    es: {
      what: '{file}, línea {line}: construye sobre {base}, que trae instrucciones propias para ello',
      why: 'se ejecutarían sin que nadie las vea (ONBUILD): {trigger}',
      remedy: 'escribirlas en el Containerfile y construir la base sin ONBUILD',
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
  'build.name-invalid': {
    kind: 'invalid',
    en: { what: '{name} is no name for an image', why: 'expected PROJECT/IMAGE:TAG; several tags are of one image' },
    es: {
      what: '{name} no es un nombre de imagen',
      why: 'se esperaba PROYECTO/IMAGEN:ETIQUETA; varias etiquetas son de una imagen',
    },
  },
  'build.source-missing': {
    kind: 'not-found',
    en: {
      what: 'there is no source {source}',
      why: 'expected a folder, an archive (.tar, .tar.gz, .tar.zst), - or the address of a Git repository',
    },
    es: {
      what: 'no existe el origen {source}',
      why: 'se esperaba una carpeta, un archivo .tar, .tar.gz o .tar.zst, - o la dirección de un repositorio Git',
    },
  },
  'build.git-address': {
    kind: 'invalid',
    en: {
      what: 'the address of the repository ({scheme}) is not taken',
      why: '{reason}',
      remedy: 'https://HOST/PATH.git#REF:FOLDER, or git@HOST:PATH.git#REF:FOLDER',
    },
    es: {
      what: 'no se acepta la dirección del repositorio ({scheme})',
      why: '{motivo}',
      remedy: 'https://HOST/RUTA.git#REF:CARPETA, o git@HOST:RUTA.git#REF:CARPETA',
    },
  },
  'build.git-ref-missing': {
    kind: 'not-found',
    en: {
      what: 'the repository {url} has no {ref}',
      why: 'expected a branch, a tag or a whole commit id (40 or 64 digits)',
      remedy: 'git ls-remote {url}',
    },
    es: {
      what: 'el repositorio {url} no tiene {ref}',
      why: 'se esperaba una rama, una etiqueta o el identificador completo de un commit (40 o 64 dígitos)',
      remedy: 'git ls-remote {url}',
    },
  },
  'build.git-folder-missing': {
    kind: 'not-found',
    en: {
      what: 'the repository {url} has no folder {folder}',
      why: 'looked for in {ref}; a link that leads out of the repository and a file are none',
    },
    es: {
      what: 'el repositorio {url} no tiene la carpeta {folder}',
      why: 'se buscó en {ref}; no valen un enlace que sale del repositorio ni un archivo',
    },
  },
  'build.git-failed': {
    kind: 'unavailable',
    en: { what: 'the repository {url} could not be read', why: '{reason}' },
    es: { what: 'no se pudo leer el repositorio {url}', why: '{reason}' },
  },
  'build.platform-missing': {
    kind: 'needs',
    en: {
      what: 'this host cannot build for {platform}',
      why: 'it is {own}, and its kernel has no emulator for {architecture} registered (binfmt_misc)',
      remedy: 'build on a host of that kind, or install qemu-user-static and binfmt-support on this one',
    },
    es: {
      what: 'este host no puede construir para {platform}',
      why: 'es {own}, y su núcleo no tiene registrado un emulador de {architecture} (binfmt_misc)',
      remedy: 'construir en un host de ese tipo, o instalar en este qemu-user-static y binfmt-support',
    },
  },
  'build.platform-invalid': {
    kind: 'invalid',
    en: { what: '{platform} is no platform to build for', why: 'expected one such as linux/amd64 or linux/arm64' },
    es: {
      what: '{platform} no es una plataforma para la que construir',
      why: 'se esperaba una como linux/amd64 o linux/arm64',
    },
  },
  'build.secret-missing': {
    kind: 'invalid',
    en: {
      what: '{file} line {line} needs the secret {id}',
      why: 'it was not given',
      remedy: '--secret id={id},src=FILE, or --secret id={id},env=NAME',
    },
    es: {
      what: '{file}, línea {line}: necesita el secreto {id}',
      why: 'no se entregó',
      remedy: '--secret id={id},src=ARCHIVO, o --secret id={id},env=NOMBRE',
    },
  },
  'build.secret-invalid': {
    kind: 'invalid',
    en: { what: 'the secret {id} of the build is not taken', why: '{reason}' },
    es: { what: 'no se acepta el secreto {id} de la construcción', why: '{motivo}' },
  },
  'build.secrets-gone': {
    kind: 'not-found',
    en: { what: 'the secrets of this build are not here any more', why: 'they are kept for ten minutes and used once' },
    es: {
      what: 'los secretos de esta construcción ya no están',
      why: 'se guardan diez minutos y se usan una vez',
    },
  },
  'build.ssh-missing': {
    kind: 'invalid',
    en: {
      what: '{file} line {line} needs the agent of ssh {id}',
      why: 'no key was given for it',
      remedy: '--ssh {id}=FILE',
    },
    es: {
      what: '{file}, línea {line}: necesita el agente de ssh {id}',
      why: 'no se entregó ninguna clave para él',
      remedy: '--ssh {id}=ARCHIVO',
    },
  },
});

import { defineFaults } from '../../../system/index.ts';

export const engineFault = defineFaults({
  'deploy.wanted-unreadable': {
    kind: 'refused',
    en: { what: 'what control wants of this host cannot be followed', why: '{reason}', remedy: 'darsena logs agent' },
    es: {
      what: 'lo que control quiere de este host no se puede seguir',
      why: '{reason}',
      remedy: 'darsena logs agent',
    },
  },
  'engine.unavailable': {
    kind: 'unavailable',
    en: { what: 'the container engine does not answer at {socket}', why: '{why}', remedy: 'darsena doctor' },
    es: { what: 'el motor de contenedores no responde en {socket}', why: '{why}', remedy: 'darsena doctor' },
  },
  'engine.timeout': {
    kind: 'unavailable',
    en: { what: '{operation} did not finish', why: 'it was given up after {seconds} s' },
    es: { what: '{operation} no terminó', why: 'se abandonó a los {seconds} s' },
  },
  'engine.answer-invalid': {
    kind: 'unavailable',
    en: { what: 'the container engine answered {operation} with something that cannot be read', why: '{why}' },
    es: { what: 'el motor de contenedores respondió a {operation} con algo que no se puede leer', why: '{why}' },
  },
  'engine.not-found': {
    kind: 'not-found',
    en: { what: '{operation}: there is no such thing', why: '{why}' },
    es: { what: '{operation}: no existe', why: '{why}' },
  },
  'engine.exists': {
    kind: 'conflict',
    en: { what: '{operation}: the name is taken', why: '{why}' },
    es: { what: '{operation}: el nombre está ocupado', why: '{why}' },
  },
  'engine.refused': {
    kind: 'conflict',
    en: { what: 'the container engine refused {operation}', why: '{why}' },
    es: { what: 'el motor de contenedores rechazó {operation}', why: '{why}' },
  },
  'engine.command-missing': {
    kind: 'conflict',
    en: { what: '{operation}: the program is not in the image', why: '{why}' },
    es: { what: '{operation}: el programa no está en la imagen', why: '{why}' },
  },
  'engine.command-unusable': {
    kind: 'conflict',
    en: { what: '{operation}: the program cannot be executed', why: '{why}' },
    es: { what: '{operation}: el programa no se puede ejecutar', why: '{why}' },
  },
  'engine.failed': {
    kind: 'unavailable',
    en: { what: 'the container engine failed at {operation}', why: '{why}' },
    es: { what: 'el motor de contenedores falló en {operation}', why: '{why}' },
  },
  'engine.lacks': {
    kind: 'refused',
    en: { what: '{operation} is not possible on this host', why: '{why}' },
    es: { what: '{operation} no es posible en este host', why: '{porque}' },
  },
  'deploy.not-pinned': {
    kind: 'refused',
    en: {
      what: 'the image {image} is not started',
      why: 'it is not named by a digest',
      remedy: 'name it as name@sha256:… or list it in darsena.yaml',
    },
    es: {
      what: 'la imagen {image} no se inicia',
      why: 'no está nombrada por un digest',
      remedy: 'nombrarla como nombre@sha256:… o declararla en darsena.yaml',
    },
  },
  'deploy.root-user': {
    kind: 'refused',
    en: {
      what: 'the container {container} is not started',
      why: 'runAsNonRoot is set and the image runs as "{user}", which its own passwd does not give a number other than 0',
      remedy: 'set runAsUser, or another USER in the Containerfile',
    },
    es: {
      what: 'el contenedor {container} no se inicia',
      why: 'runAsNonRoot está activo y la imagen se ejecuta como "{user}", a quien su propio passwd no da un número distinto de 0',
      remedy: 'definir runAsUser, u otro USER en el Containerfile',
    },
  },
  'deploy.part-outside': {
    kind: 'refused',
    en: {
      what: 'the container {container} is not started',
      why: 'its subPath "{path}" leads out of the volume, or over a link',
    },
    es: {
      what: 'el contenedor {container} no se inicia',
      why: 'su subPath "{path}" sale del volumen, o pasa por un enlace',
    },
  },
  'deploy.volume-held': {
    kind: 'unavailable',
    en: {
      what: '{pod} waits for its volume',
      why: 'the claim {claim} is for one pod at a time (ReadWriteOncePod), and {holder} has it',
    },
    es: {
      what: '{pod} espera a su volumen',
      why: 'la petición {claim} es para un solo pod a la vez (ReadWriteOncePod), y la tiene {holder}',
    },
  },
  'deploy.host-lacks': {
    kind: 'refused',
    en: { what: '{pod} is not started on this host', why: 'it asks for {what}, and the host has it not' },
    es: { what: '{pod} no se inicia en este host', why: 'pide {what}, y el host no lo tiene' },
  },
  'deploy.runtime-missing': {
    kind: 'refused',
    en: { what: '{pod} is not started on this host', why: 'it asks for the run-time {runtime}: {why}' },
    es: { what: '{pod} no se inicia en este host', why: 'pide el entorno de ejecución {runtime}: {porque}' },
  },
  'deploy.hook-failed': {
    kind: 'unavailable',
    en: { what: 'the postStart hook of {container} failed', why: '{why}' },
    es: { what: 'el gancho postStart de {container} falló', why: '{why}' },
  },
  'deploy.content-missing': {
    kind: 'invalid',
    en: { what: 'the container {container} cannot be made', why: '{reference} is not there' },
    es: { what: 'el contenedor {container} no se puede crear', why: '{reference} no existe' },
  },
  'deploy.gate-refused': {
    kind: 'refused',
    en: { what: 'the container {container} is not started', why: '{why}' },
    es: { what: 'el contenedor {container} no se inicia', why: '{porque}' },
  },
});

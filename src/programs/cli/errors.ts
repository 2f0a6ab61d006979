import { defineFaults } from '../../system/index.ts';

export const cliFault = defineFaults({
  'cli.needs-decision': {
    kind: 'needs',
    en: { what: 'this needs an answer: {question}', why: 'there is no terminal to ask at', remedy: '{remedy}' },
    es: { what: 'esto necesita una respuesta: {question}', why: 'no hay terminal para preguntar', remedy: '{remedy}' },
  },
  'cli.declined': {
    kind: 'needs',
    en: { what: 'nothing was done', why: 'the answer was no' },
    es: { what: 'no se hizo nada', why: 'la respuesta fue no' },
  },
  'cli.unknown-command': {
    kind: 'invalid',
    en: { what: 'there is no command "{name}"', remedy: 'darsena {command}--help{hint}' },
    es: { what: 'no existe la orden "{name}"', remedy: 'darsena {command}--help{hint}' },
  },
  'cli.unknown-option': {
    kind: 'invalid',
    en: { what: 'there is no option "{name}"', remedy: 'darsena {command}--help' },
    es: { what: 'no existe la opción "{name}"', remedy: 'darsena {command}--help' },
  },
  'cli.missing-argument': {
    kind: 'invalid',
    en: { what: '"{name}" is missing', remedy: 'darsena {command}--help' },
    es: { what: 'falta "{name}"', remedy: 'darsena {command}--help' },
  },
  'cli.wrong-use': {
    kind: 'invalid',
    en: { what: 'cannot read the command', why: '{reason}', remedy: 'darsena {command}--help' },
    es: { what: 'no se entiende la orden', why: '{reason}', remedy: 'darsena {command}--help' },
  },
  'cli.option-value': {
    kind: 'invalid',
    en: { what: '{flag} does not take "{value}"', why: 'expected {expected}', remedy: 'darsena {command}--help' },
    es: { what: '{flag} no admite "{value}"', why: 'se esperaba {expected}', remedy: 'darsena {command}--help' },
  },
  'cli.excess-arguments': {
    kind: 'invalid',
    en: { what: 'too many arguments', why: '"darsena {command}" takes fewer', remedy: 'darsena {command} --help' },
    es: { what: 'demasiados argumentos', why: '"darsena {command}" admite menos', remedy: 'darsena {command} --help' },
  },
  'cli.not-logged-in': {
    kind: 'unauthenticated',
    en: {
      what: 'this account is not logged in to the instance "{instance}"',
      why: 'there is no login in {path}',
      remedy: 'darsena up   (on the machine itself) or: darsena login',
    },
    es: {
      what: 'esta cuenta no tiene sesión en la instancia "{instance}"',
      why: 'no hay sesión en {path}',
      remedy: 'darsena up   (en la propia máquina) o bien: darsena login',
    },
  },
  'cli.login-expired': {
    kind: 'unauthenticated',
    en: {
      what: 'the login to the instance "{instance}" has expired',
      why: 'its certificate was good until {expiresAt}',
      remedy: 'darsena up   (on the machine itself) or: darsena login',
    },
    es: {
      what: 'la sesión en la instancia "{instance}" ha caducado',
      why: 'su certificado valía hasta {expiresAt}',
      remedy: 'darsena up   (en la propia máquina) o bien: darsena login',
    },
  },
  'cli.credentials-broken': {
    kind: 'invalid',
    en: {
      what: 'cannot use the credentials in {path}',
      why: '{reason}',
      remedy: 'darsena up   (on the machine itself) or: darsena login',
    },
    es: {
      what: 'no se pueden usar las credenciales de {path}',
      why: '{reason}',
      remedy: 'darsena up   (en la propia máquina) o bien: darsena login',
    },
  },
  'cli.token-alone': {
    kind: 'invalid',
    en: {
      what: 'DARSENA_TOKEN is set, but not where it is good',
      why: 'the instance "{instance}" is not on this machine, and {name} is not set',
      remedy: 'set DARSENA_URL (https://HOST:PORT) and DARSENA_CA (the file of its authority)',
    },
    es: {
      what: 'DARSENA_TOKEN está puesto, pero no dónde vale',
      why: 'la instancia "{instance}" no está en esta máquina, y {name} no está puesto',
      remedy: 'poner DARSENA_URL (https://HOST:PUERTO) y DARSENA_CA (el archivo de su autoridad)',
    },
  },
  'cli.unreachable': {
    kind: 'unavailable',
    en: {
      what: 'cannot reach the platform at {url}',
      why: '{reason}',
      remedy: 'darsena status   (is it running?), darsena up   (start it)',
    },
    es: {
      what: 'no se puede llegar a la plataforma en {url}',
      why: '{reason}',
      remedy: 'darsena status   (¿está en marcha?), darsena up   (arrancarla)',
    },
  },
  'cli.untrusted': {
    kind: 'refused',
    en: {
      what: 'what answers at {url} is not the platform that this account trusts',
      why: 'its certificate is not from the pinned authority ({reason})',
      remedy: 'if the instance was set up anew: darsena up',
    },
    es: {
      what: 'lo que responde en {url} no es la plataforma en la que confía esta cuenta',
      why: 'su certificado no es de la autoridad fijada ({reason})',
      remedy: 'si la instancia se instaló de nuevo: darsena up',
    },
  },
  'cli.strange-reply': {
    kind: 'internal',
    en: { what: 'cannot read the platform’s reply to {path}', why: '{reason}', remedy: 'darsena doctor' },
    es: { what: 'no se entiende la respuesta de la plataforma a {path}', why: '{reason}', remedy: 'darsena doctor' },
  },
  'cli.operation-ended': {
    kind: 'internal',
    en: { what: '{title} ended as: {state}', remedy: 'darsena logs control' },
    es: { what: '{title} terminó así: {state}', remedy: 'darsena logs control' },
  },
  'cli.flag-refused': {
    kind: 'invalid',
    en: { what: '{flag} means nothing here', why: '{why}', remedy: '{remedy}' },
    es: { what: '{flag} no significa nada aquí', why: '{porque}', remedy: '{salida}' },
  },
  'cli.interrupted': {
    kind: 'internal',
    en: { what: 'stopped by Ctrl-C' },
    es: { what: 'interrumpido con Ctrl-C' },
  },
  'cli.authority-declined': {
    kind: 'needs',
    en: { what: 'nobody was logged in', why: 'the authority of {url} was not accepted' },
    es: { what: 'no se inició sesión', why: 'no se aceptó la autoridad de {url}' },
  },
  'cli.fingerprint': {
    kind: 'refused',
    en: {
      what: 'the authority in {path} is not the one named',
      why: 'its SHA-256 fingerprint is {actual}, expected {wanted}',
      remedy: 'ask who runs the platform for the fingerprint that `darsena up` printed',
    },
    es: {
      what: 'la autoridad de {path} no es la indicada',
      why: 'su huella SHA-256 es {actual}, se esperaba {wanted}',
      remedy: 'pedir a quien administra la plataforma la huella que mostró `darsena up`',
    },
  },
  'cli.file': {
    kind: 'not-found',
    en: { what: 'cannot use {path}', why: '{why}' },
    es: { what: 'no se puede usar {path}', why: '{porque}' },
  },
  'cli.port-taken': {
    kind: 'conflict',
    en: { what: 'cannot listen at {place}', why: '{why}', remedy: 'name another port: 0 is any free one' },
    es: {
      what: 'no se puede escuchar en {place}',
      why: '{porque}',
      remedy: 'dar otro puerto: 0 es uno libre cualquiera',
    },
  },
  'cli.unexpected': {
    kind: 'internal',
    en: { what: 'something went wrong that nobody foresaw', why: '{reason}', remedy: 'darsena doctor' },
    es: { what: 'ocurrió algo que nadie previó', why: '{reason}', remedy: 'darsena doctor' },
  },
});

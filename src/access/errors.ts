import { defineFaults } from '../system/index.ts';

export const accessFault = defineFaults({
  'access.login-needed': {
    kind: 'unauthenticated',
    en: { what: 'nobody is logged in', remedy: 'darsena login' },
    es: { what: 'no hay sesión iniciada', remedy: 'darsena login' },
  },
  'access.token-invalid': {
    kind: 'unauthenticated',
    en: { what: 'the token is not accepted', why: 'it is unknown, expired or revoked', remedy: 'darsena login' },
    es: { what: 'no se acepta el token', why: 'es desconocido, caducó o fue revocado', remedy: 'darsena login' },
  },
  'access.certificate-needed': {
    kind: 'unauthenticated',
    en: { what: 'this port asks for a client certificate', why: 'none was shown', remedy: 'darsena login' },
    es: { what: 'este puerto pide un certificado de cliente', why: 'no se presentó ninguno', remedy: 'darsena login' },
  },
  'access.certificate-foreign': {
    kind: 'unauthenticated',
    en: {
      what: 'the client certificate is not accepted',
      why: 'the authority of this instance did not sign it ({reason})',
      remedy: 'darsena login',
    },
    es: {
      what: 'no se acepta el certificado de cliente',
      why: 'no lo firmó la autoridad de esta instancia ({reason})',
      remedy: 'darsena login',
    },
  },
  'access.certificate-expired': {
    kind: 'unauthenticated',
    en: {
      what: 'the login has expired',
      why: 'its certificate is good for twelve hours',
      remedy: 'darsena login, or on the machine itself: darsena up',
    },
    es: {
      what: 'la sesión ha caducado',
      why: 'su certificado vale doce horas',
      remedy: 'darsena login, o en la propia máquina: darsena up',
    },
  },
  'access.login-ended': {
    kind: 'unauthenticated',
    en: {
      what: 'the login is over',
      why: 'it was ended, or its person or robot is no longer known here',
      remedy: 'darsena login, or on the machine itself: darsena up',
    },
    es: {
      what: 'la sesión ha terminado',
      why: 'se cerró, o su persona o robot ya no existe aquí',
      remedy: 'darsena login, o en la propia máquina: darsena up',
    },
  },
  'access.certificate-kind': {
    kind: 'forbidden',
    en: { what: 'this certificate opens another door', why: 'it is that of a {kind}; {expected} is asked for here' },
    es: { what: 'este certificado abre otra puerta', why: 'es de clase {kind}; aquí se pide {expected}' },
  },
  'access.credentials-wrong': {
    kind: 'unauthenticated',
    en: { what: 'login failed', why: 'the name or the password is wrong' },
    es: { what: 'no se pudo iniciar sesión', why: 'el nombre o la contraseña no son correctos' },
  },
  'access.code-invalid': {
    kind: 'unauthenticated',
    en: {
      what: 'the login code is not accepted',
      why: 'a code works once, for ten minutes',
      remedy: 'darsena up, which prints a new one',
    },
    es: {
      what: 'no se acepta el código de acceso',
      why: 'un código sirve una vez, durante diez minutos',
      remedy: 'darsena up, que muestra uno nuevo',
    },
  },
  'access.too-many-tries': {
    kind: 'limited',
    en: { what: 'login is closed for a while', why: 'too many failed tries', remedy: 'wait {seconds} s and try again' },
    es: {
      what: 'el acceso está cerrado por un momento',
      why: 'demasiados intentos fallidos',
      remedy: 'esperar {seconds} s y probar de nuevo',
    },
  },
  'access.too-many-sessions': {
    kind: 'limited',
    en: {
      what: 'no further terminal or log can be opened',
      why: '{max} are open already, on all devices and tokens together',
      remedy: 'close some of them; what is not watched any more ends with its page or command',
    },
    es: {
      what: 'no se puede abrir otro terminal ni otro registro',
      why: 'ya hay {max} abiertos, entre todos los dispositivos y tokens',
      remedy: 'cerrar algunos; los que nadie mira terminan con su página o su orden',
    },
  },
  'access.not-allowed': {
    kind: 'forbidden',
    en: {
      what: '{name} may not do this',
      why: 'it needs {action} in {place}',
      remedy: 'ask an administrator for the role',
    },
    es: {
      what: '{name} no puede hacer esto',
      why: 'se necesita {action} en {place}',
      remedy: 'pedir el rol a un administrador',
    },
  },
  'access.person-needed': {
    kind: 'forbidden',
    en: {
      what: '{name} may not do this',
      why: 'it is a token or a robot, and this needs the agreement of two people',
      remedy: 'log in as a person: darsena login',
    },
    es: {
      what: '{name} no puede hacer esto',
      why: 'es un token o un robot, y esto necesita el acuerdo de dos personas',
      remedy: 'iniciar sesión como persona: darsena login',
    },
  },
  'access.cross-site': {
    kind: 'forbidden',
    en: { what: 'the request was not made by the console', why: 'the header X-Darsena is missing' },
    es: { what: 'la petición no la hizo la consola', why: 'falta la cabecera X-Darsena' },
  },
  'access.other-origin': {
    kind: 'forbidden',
    en: {
      what: 'the terminal was not asked for by the console',
      why: 'the page that asks is of "{origin}", and the console is not served there',
    },
    es: {
      what: 'el terminal no lo pidió la consola',
      why: 'la página que lo pide es de "{origin}", y la consola no se sirve ahí',
    },
  },
  'access.password-weak': {
    kind: 'invalid',
    en: { what: 'the password is not accepted', why: 'it has {length} characters; between {min} and {max} are needed' },
    es: { what: 'no se acepta la contraseña', why: 'tiene {length} caracteres; se necesitan entre {min} y {max}' },
  },
  'access.user-exists': {
    kind: 'conflict',
    en: { what: 'there is already a user {name}', remedy: 'darsena user list' },
    es: { what: 'ya existe el usuario {name}', remedy: 'darsena user list' },
  },
  'access.user-unknown': {
    kind: 'not-found',
    en: { what: 'there is no user {name}', remedy: 'darsena user list' },
    es: { what: 'no existe el usuario {name}', remedy: 'darsena user list' },
  },
  'access.changed-meanwhile': {
    kind: 'conflict',
    en: {
      what: 'the roles of {name} were not changed',
      why: 'somebody else changed them at this moment',
      remedy: 'look again, and repeat',
    },
    es: {
      what: 'los roles de {name} no se cambiaron',
      why: 'alguien más los cambió en este momento',
      remedy: 'mirar de nuevo y repetir',
    },
  },
  'access.last-admin': {
    kind: 'conflict',
    en: { what: '{name} cannot lose the role', why: 'the platform would be left without an administrator' },
    es: { what: '{name} no puede perder el rol', why: 'la plataforma quedaría sin administrador' },
  },
  'access.token-unknown': {
    kind: 'not-found',
    en: { what: 'there is no token {id}', remedy: 'darsena token list' },
    es: { what: 'no existe el token {id}', remedy: 'darsena token list' },
  },
  'access.grant-too-wide': {
    kind: 'forbidden',
    en: { what: 'the token cannot be made', why: '{name} does not hold the role {role} in {place}' },
    es: { what: 'no se puede crear el token', why: '{name} no tiene el rol {role} en {place}' },
  },
  'access.rights-invalid': {
    kind: 'invalid',
    en: { what: 'these rights cannot be given', why: '{why}' },
    es: { what: 'no se pueden dar estos derechos', why: '{why}' },
  },
  'access.robot-exists': {
    kind: 'conflict',
    en: { what: '{project} already has a robot {robot}', remedy: 'darsena robot list {project}' },
    es: { what: '{project} ya tiene un robot {robot}', remedy: 'darsena robot list {project}' },
  },
  'access.robot-unknown': {
    kind: 'not-found',
    en: { what: '{project} has no robot {robot}', remedy: 'darsena robot list {project}' },
    es: { what: '{project} no tiene el robot {robot}', remedy: 'darsena robot list {project}' },
  },
  'access.issuer-invalid': {
    kind: 'invalid',
    en: { what: 'the issuer cannot be trusted like this', why: '{why}' },
    es: { what: 'no se puede confiar así en el emisor', why: '{why}' },
  },
  'access.issuer-exists': {
    kind: 'conflict',
    en: { what: 'there is already an issuer {issuer}', remedy: 'darsena identity issuers' },
    es: { what: 'ya existe el emisor {issuer}', remedy: 'darsena identity issuers' },
  },
  'access.issuer-unknown': {
    kind: 'not-found',
    en: { what: 'there is no issuer {issuer}', remedy: 'darsena identity issuers' },
    es: { what: 'no existe el emisor {issuer}', remedy: 'darsena identity issuers' },
  },
  'access.issuer-unavailable': {
    kind: 'unavailable',
    en: {
      what: 'the keys of the issuer {issuer} cannot be had',
      why: '{why}',
      remedy: 'nobody is believed in its name until then',
    },
    es: {
      what: 'no se pueden obtener las claves del emisor {issuer}',
      why: '{why}',
      remedy: 'hasta entonces no se cree a nadie en su nombre',
    },
  },
  'access.trust-invalid': {
    kind: 'invalid',
    en: { what: 'the trust rule is not accepted', why: '{why}' },
    es: { what: 'no se acepta la regla de confianza', why: '{why}' },
  },
  'access.trust-exists': {
    kind: 'conflict',
    en: { what: '{project} already has a trust rule {rule}', remedy: 'darsena identity rules {project}' },
    es: { what: '{project} ya tiene una regla de confianza {rule}', remedy: 'darsena identity rules {project}' },
  },
  'access.trust-unknown': {
    kind: 'not-found',
    en: { what: '{project} has no trust rule {rule}', remedy: 'darsena identity rules {project}' },
    es: { what: '{project} no tiene la regla de confianza {rule}', remedy: 'darsena identity rules {project}' },
  },
  'access.workload-refused': {
    kind: 'unauthenticated',
    en: {
      what: 'the token of the workload is not accepted',
      why: '{why}',
      remedy: 'darsena identity rules PROJECT shows whom the project believes',
    },
    es: {
      what: 'no se acepta el token de la carga de trabajo',
      why: '{why}',
      remedy: 'darsena identity rules PROYECTO muestra a quién cree el proyecto',
    },
  },
  'access.request-invalid': {
    kind: 'invalid',
    en: { what: 'the request is not valid', why: '{why}' },
    es: { what: 'la petición no es válida', why: '{why}' },
  },
  'access.request-too-large': {
    kind: 'too-large',
    en: { what: 'the request is too large', why: 'its body has more than the {bytes} bytes that are read here' },
    es: { what: 'la petición es demasiado grande', why: 'su cuerpo supera los {bytes} bytes que aquí se leen' },
  },
  'access.route-unknown': {
    kind: 'not-found',
    en: { what: 'there is nothing at {path}' },
    es: { what: 'no hay nada en {path}' },
  },
  'access.disk-full': {
    kind: 'exhausted',
    en: {
      what: 'this was not done',
      why: 'the disk of the platform’s state is full',
      remedy: 'make room there, and ask again; nothing has to be started again (darsena doctor)',
    },
    es: {
      what: 'esto no se ha hecho',
      why: 'el disco del estado de la plataforma está lleno',
      remedy: 'hacer sitio y volver a pedirlo; no hay que reiniciar nada (darsena doctor)',
    },
  },
  'access.internal': {
    kind: 'internal',
    en: { what: 'the platform failed', why: 'the log of control says more under {id}', remedy: 'darsena logs control' },
    es: {
      what: 'la plataforma falló',
      why: 'el registro de control dice más bajo {id}',
      remedy: 'darsena logs control',
    },
  },
});

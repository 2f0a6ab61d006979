import { defineFaults } from '../system/index.ts';

export const admitFault = defineFaults({
  'admit.policy-invalid': {
    kind: 'invalid',
    en: {
      what: 'policy {policy} cannot be used',
      why: '{reason}',
      remedy: 'correct it and check it: darsena policy check FILE',
    },
    es: {
      what: 'la política {policy} no sirve',
      why: '{reason}',
      remedy: 'corregirla y comprobarla: darsena policy check ARCHIVO',
    },
  },
  'admit.policy-unknown': {
    kind: 'not-found',
    en: { what: 'there is no policy "{policy}"', remedy: 'see the policies there are: darsena policy list' },
    es: { what: 'no hay ninguna política "{policy}"', remedy: 'ver las políticas que hay: darsena policy list' },
  },
  'admit.param-invalid': {
    kind: 'invalid',
    en: {
      what: 'policy {policy} cannot be used like this',
      why: '{reason}',
      remedy: 'see its parameters: darsena policy show {policy}',
    },
    es: {
      what: 'la política {policy} no se puede usar así',
      why: '{reason}',
      remedy: 'ver sus parámetros: darsena policy show {policy}',
    },
  },
  'admit.policy-not-waiting': {
    kind: 'conflict',
    en: {
      what: 'no text of policy {policy} waits for a second person',
      remedy: 'see its revisions: darsena policy history {policy}',
    },
    es: {
      what: 'ningún texto de la política {policy} espera a otra persona',
      remedy: 'ver sus revisiones: darsena policy history {policy}',
    },
  },
  'admit.policy-other': {
    kind: 'conflict',
    en: {
      what: 'another text of policy {policy} waits by now',
      why: 'revision {seen} was read, and revision {revision} waits',
      remedy: 'read that one: darsena policy history {policy}',
    },
    es: {
      what: 'ahora espera otro texto de la política {policy}',
      why: 'se leyó la revisión {seen}, y espera la revisión {revision}',
      remedy: 'leer esa: darsena policy history {policy}',
    },
  },
  'admit.policy-own': {
    kind: 'forbidden',
    en: {
      what: 'policy {policy} cannot be approved by its author',
      why: '{author} wrote it; a second person has to agree',
    },
    es: {
      what: 'la política {policy} no la puede aprobar quien la escribió',
      why: 'la escribió {author}; tiene que estar de acuerdo una segunda persona',
    },
  },
  'admit.policy-in-use': {
    kind: 'conflict',
    en: {
      what: 'policy {policy} cannot be removed',
      why: 'it is used by {users}',
      remedy: 'apply another text of it, or change who uses it',
    },
    es: {
      what: 'la política {policy} no se puede quitar',
      why: 'la usan {users}',
      remedy: 'aplicar otro texto, o cambiar quién la usa',
    },
  },
  'admit.manifest-unreadable': {
    kind: 'invalid',
    en: {
      what: 'the pods of {kind} {name} (line {line}) cannot be judged',
      why: '{reason}',
    },
    es: {
      what: 'los pods de {kind} {name} (línea {line}) no se pueden juzgar',
      why: '{reason}',
    },
  },
  'admit.manifests-invalid': {
    kind: 'invalid',
    en: { what: 'the manifests cannot be read', why: 'line {line}, {column}: {reason}' },
    es: { what: 'los manifiestos no se pueden leer', why: 'línea {line}, {column}: {reason}' },
  },
  'admit.verdict-refused': {
    kind: 'refused',
    en: {
      what: '{image} may not start here',
      why: '{reason}',
      remedy: 'ask for a new verdict: darsena deploy, or see the last one: darsena image show',
    },
    es: {
      what: '{image} no puede arrancar aquí',
      why: '{reason}',
      remedy: 'pedir un veredicto nuevo: darsena deploy, o ver el último: darsena image show',
    },
  },
  'admit.exception-unknown': {
    kind: 'not-found',
    en: { what: 'there is no exception {id} in project {project}' },
    es: { what: 'no hay ninguna excepción {id} en el proyecto {project}' },
  },
  'admit.exception-own': {
    kind: 'forbidden',
    en: {
      what: 'exception {id} cannot be approved by its author',
      why: '{author} asked for it; a second person has to agree',
    },
    es: {
      what: 'la excepción {id} no la puede aprobar quien la pidió',
      why: 'la pidió {author}; tiene que estar de acuerdo una segunda persona',
    },
  },
  'admit.exception-over': {
    kind: 'conflict',
    en: { what: 'exception {id} is over', why: 'it was revoked or its time has run out', remedy: 'ask for a new one' },
    es: { what: 'la excepción {id} ya terminó', why: 'se revocó o se acabó su plazo', remedy: 'pedir otra' },
  },
  'admit.exception-rule': {
    kind: 'invalid',
    en: {
      what: 'no policy has the rule {rule}',
      why: 'an exception from it would cover nothing',
      remedy: 'darsena policy show NAME',
    },
    es: {
      what: 'ninguna política tiene la regla {rule}',
      why: 'una excepción de ella no cubriría nada',
      remedy: 'darsena policy show NOMBRE',
    },
  },
  'admit.exception-scope': {
    kind: 'invalid',
    en: {
      what: 'the exception does not say what it is for',
      why: 'expected either one digest or a repository of project {project}, and a finding or package where it is for every rule',
    },
    es: {
      what: 'la excepción no dice para qué es',
      why: 'se esperaba un digest o un repositorio del proyecto {project}, y un hallazgo o paquete si vale para todas las reglas',
    },
  },
  'admit.host-exception-unknown': {
    kind: 'not-found',
    en: { what: 'there is no exception {id} of a host', remedy: 'see those there are: darsena exception host list' },
    es: { what: 'no hay ninguna excepción {id} de un host', remedy: 'ver las que hay: darsena exception host list' },
  },
  'admit.host-exception-scope': {
    kind: 'invalid',
    en: {
      what: 'the exception does not fit host {host}',
      why: 'expected vulnerabilities of its run-times to which it is exposed: {known}',
      remedy: 'see them: darsena exception host list',
    },
    es: {
      what: 'la excepción no corresponde al host {host}',
      why: 'se esperaban vulnerabilidades de sus entornos de ejecución a las que está expuesto: {known}',
      remedy: 'verlas: darsena exception host list',
    },
  },
  'admit.not-kept': {
    kind: 'unavailable',
    en: {
      what: 'there is no verdict, so nothing may start',
      why: 'another process has held the lock of the database for {ms} ms, and a verdict that is not written down permits nothing',
      remedy: 'end what holds the database open, such as a copy or a shell of SQLite, and try again',
    },
    es: {
      what: 'no hay veredicto, así que nada puede iniciarse',
      why: 'otro proceso tiene el cerrojo de la base de datos desde hace {ms} ms, y un veredicto que no queda escrito no permite nada',
      remedy:
        'terminar lo que tiene abierta la base de datos, como una copia o una consola de SQLite, e intentar de nuevo',
    },
  },
  'admit.no-answer': {
    kind: 'unavailable',
    en: {
      what: 'there is no verdict, so nothing may start',
      why: 'PostgreSQL has not answered for {seconds} s, and a verdict that is not written down permits nothing',
      remedy:
        'see that its server runs and is reached, and whether a session holds a lock (pg_stat_activity), and try again',
    },
    es: {
      what: 'no hay veredicto, así que nada puede iniciarse',
      why: 'PostgreSQL no ha respondido en {seconds} s, y un veredicto que no queda escrito no permite nada',
      remedy:
        'ver que su servidor funciona y se alcanza, y si alguna sesión tiene un cerrojo (pg_stat_activity), e intentar de nuevo',
    },
  },
  'admit.exception-expiry': {
    kind: 'invalid',
    en: {
      what: 'the exception has no usable expiry',
      why: 'expected a time from now on and at most {days} days away, got {expiresAt}',
    },
    es: {
      what: 'la excepción no tiene una caducidad que sirva',
      why: 'se esperaba una fecha futura a un máximo de {days} días, se recibió {expiresAt}',
    },
  },
});

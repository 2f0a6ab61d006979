import { defineFaults } from '../system/index.ts';
import { findNearest } from './hint.ts';

export const detectFault = defineFaults({
  'detect.nothing-to-do': {
    kind: 'invalid',
    en: {
      what: 'there is nothing to check',
      why: 'neither rule files nor conditions were given',
      remedy: 'Give rule files, --filter CONDITION or --filters FILE.',
    },
    es: {
      what: 'no hay nada que comprobar',
      why: 'no se dieron archivos de reglas ni condiciones',
      remedy: 'Dar archivos de reglas, --filter CONDICIÓN o --filters ARCHIVO.',
    },
  },
  'detect.conditions-unreadable': {
    kind: 'invalid',
    en: {
      what: 'the conditions in {path} cannot be read',
      why: '{why}',
      remedy: 'Give a text file with one condition a line, or JSON objects with "expr".',
    },
    es: {
      what: 'no se pueden leer las condiciones de {path}',
      why: '{why}',
      remedy: 'Dar un archivo de texto con una condición por línea, u objetos JSON con "expr".',
    },
  },
  'detect.recording-unreadable': {
    kind: 'invalid',
    en: {
      what: 'the recording {path} cannot be read beyond {events} events',
      why: '{why}',
      remedy: 'Give a whole recording: a .dcap file of darsena capture, or a .scap file of Falco or sysdig.',
    },
    es: {
      what: 'la grabación {path} no puede leerse más allá de {events} eventos',
      why: '{why}',
      remedy: 'Dar una grabación completa: un archivo .dcap de darsena capture, o uno .scap de Falco o sysdig.',
    },
  },
  'detect.recording-no-file': {
    kind: 'invalid',
    en: {
      what: '{path} is no file',
      why: 'a pipe, a device or a folder cannot be read as a recording',
      remedy: 'Save the recording to a file first.',
    },
    es: {
      what: '{path} no es un archivo',
      why: 'una tubería, un dispositivo o una carpeta no puede leerse como grabación',
      remedy: 'Guardar antes la grabación en un archivo.',
    },
  },
  'detect.rules-invalid': {
    kind: 'invalid',
    en: {
      what: 'the rules in {file} are wrong (errors: {errors}); what was in force stays',
      why: '{why}',
      remedy: 'See each with its place: darsena rules check FILE.',
    },
    es: {
      what: 'las reglas de {file} están mal (errores: {errors}); lo que estaba en vigor sigue',
      why: '{why}',
      remedy: 'Ver cada uno con su lugar: darsena rules check ARCHIVO.',
    },
  },
  'detect.too-many-rules': {
    kind: 'invalid',
    en: {
      what: 'that would be too many rules',
      why: 'files of one’s own may have {mebibytes} MiB together, and be {files} at most',
      remedy: 'Take away what is not used: darsena rules remove NAME.',
    },
    es: {
      what: 'serían demasiadas reglas',
      why: 'los archivos propios pueden tener {mebibytes} MiB juntos y ser {files} como mucho',
      remedy: 'Quitar lo que no se usa: darsena rules remove NOMBRE.',
    },
  },
  'detect.rule-file-unknown': {
    kind: 'not-found',
    en: { what: 'there is no rule file {file} of your own', remedy: 'List them: darsena rules list.' },
    es: { what: 'no hay ningún archivo propio de reglas {file}', remedy: 'Listarlos: darsena rules list.' },
  },
  'detect.rule-unknown': {
    kind: 'not-found',
    en: {
      what: 'there is no rule "{rule}"',
      why: 'the nearest name is "{nearest}"',
      remedy: 'List the rules in force: darsena rules list.',
    },
    es: {
      what: 'no hay ninguna regla "{rule}"',
      why: 'el nombre más parecido es "{nearest}"',
      remedy: 'Listar las reglas en vigor: darsena rules list.',
    },
  },
  'detect.rule-unlike-any': {
    kind: 'not-found',
    en: {
      what: 'there is no rule "{rule}", nor one of a name like it',
      remedy: 'List those in force: darsena rules list.',
    },
    es: {
      what: 'no hay ninguna regla "{rule}", ni otra de nombre parecido',
      remedy: 'Listar las que están en vigor: darsena rules list.',
    },
  },
  'detect.condition-invalid': {
    kind: 'invalid',
    en: {
      what: 'the condition cannot be used',
      why: 'at character {at}: {why}',
      remedy: 'Try it first: darsena rules check --filter CONDITION.',
    },
    es: {
      what: 'la condición no puede usarse',
      why: 'en el carácter {at}: {why}',
      remedy: 'Probarla antes: darsena rules check --filter CONDICIÓN.',
    },
  },
  'detect.no-host': {
    kind: 'unavailable',
    en: {
      what: 'nobody can say what the rule would have found',
      why: 'no such host is connected ({host})',
      remedy: 'darsena host list',
    },
    es: {
      what: 'nadie puede decir qué habría encontrado la regla',
      why: 'no hay conectado ningún host así ({host})',
      remedy: 'darsena host list',
    },
  },
  'detect.asking-already': {
    kind: 'conflict',
    en: { what: '{name} waits for another trial of a rule', remedy: 'Wait for it to end: half a minute at most.' },
    es: {
      what: '{name} espera ya otra prueba de una regla',
      remedy: 'Esperar a que termine: medio minuto como mucho.',
    },
  },
  'detect.too-many-questions': {
    kind: 'unavailable',
    en: { what: 'hosts try {most} rules already', remedy: 'Ask again in half a minute.' },
    es: { what: 'los hosts prueban ya {most} reglas', remedy: 'Volver a preguntar en medio minuto.' },
  },
  'detect.since-invalid': {
    kind: 'invalid',
    en: { what: '"{text}" is no span of up to seven days', remedy: 'Give 30m, 12h, 7d, or a date.' },
    es: { what: '"{text}" no es un plazo de hasta siete días', remedy: 'Dar 30m, 12h, 7d o una fecha.' },
  },
  'detect.draft-or-rule': {
    kind: 'invalid',
    en: { what: 'it is not clear what to try', why: 'expected a file or --rule NAME, and not both' },
    es: { what: 'no está claro qué probar', why: 'se esperaba un archivo o --rule NOMBRE, y no ambos' },
  },
  'detect.tuning-past': {
    kind: 'invalid',
    en: { what: 'the exception would have ended at {until}', remedy: 'Give a time to come.' },
    es: { what: 'la excepción habría terminado en {until}', remedy: 'Dar un momento futuro.' },
  },
  'detect.too-many-tunings': {
    kind: 'invalid',
    en: {
      what: 'there are {most} exceptions of rules already',
      remedy: 'End what is not needed: darsena rules untune ID. A rule with so many needs another condition.',
    },
    es: {
      what: 'ya hay {most} excepciones de reglas',
      remedy: 'Terminar las que no hacen falta: darsena rules untune ID. Una regla con tantas necesita otra condición.',
    },
  },
  'detect.tuning-unknown': {
    kind: 'not-found',
    en: { what: 'no exception {id} is in force', remedy: 'List them: darsena rules tunings.' },
    es: { what: 'no hay ninguna excepción {id} en vigor', remedy: 'Listarlas: darsena rules tunings.' },
  },
  'detect.time-invalid': {
    kind: 'invalid',
    en: { what: '"{time}" is no time', remedy: 'Give a date, such as 2027-01-31, or RFC 3339.' },
    es: { what: '"{time}" no es un momento', remedy: 'Dar una fecha, como 2027-01-31, o RFC 3339.' },
  },
  'detect.file-unreadable': {
    kind: 'invalid',
    en: { what: 'the file {path} cannot be read', why: '{why}' },
    es: { what: 'no se puede leer el archivo {path}', why: '{why}' },
  },
});

/** With the name that was perhaps meant. */
export function unknownRule(rule: string, names: Iterable<string>): Error {
  const nearest = findNearest(rule, names);
  return nearest === undefined
    ? detectFault('detect.rule-unlike-any', { rule })
    : detectFault('detect.rule-unknown', { rule, nearest });
}

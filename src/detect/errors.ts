import { defineFaults } from '../system/index.ts';

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
      why: 'no se dieron ficheros de reglas ni condiciones',
      remedy: 'Dar ficheros de reglas, --filter CONDICIÓN o --filters FICHERO.',
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
      remedy: 'Dar un fichero de texto con una condición por línea, u objetos JSON con "expr".',
    },
  },
  'detect.recording-unreadable': {
    kind: 'invalid',
    en: {
      what: 'the recording {path} cannot be read beyond {events} events',
      why: '{why}',
      remedy: 'Give a whole .scap file of Falco or sysdig.',
    },
    es: {
      what: 'la grabación {path} no puede leerse más allá de {events} eventos',
      why: '{why}',
      remedy: 'Dar un archivo .scap completo de Falco o sysdig.',
    },
  },
});

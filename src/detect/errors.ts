import { defineFaults } from '../system/index.ts';

export const detectFault = defineFaults({
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

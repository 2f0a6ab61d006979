import { defineFaults } from '../../system/index.ts';

export const drillFault = defineFaults({
  'drill.running': {
    kind: 'conflict',
    en: { what: 'a drill runs already', why: 'it was begun at {at}', remedy: 'wait for it: darsena drill list' },
    es: {
      what: 'ya hay un simulacro en marcha',
      why: 'empezó a las {at}',
      remedy: 'esperar a que acabe: darsena drill list',
    },
  },
  'drill.unknown': {
    kind: 'not-found',
    en: { what: 'there is no drill {id}', remedy: 'darsena drill list' },
    es: { what: 'no hay ningún simulacro {id}', remedy: 'darsena drill list' },
  },
});

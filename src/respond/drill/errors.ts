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
  'drill.none': {
    kind: 'not-found',
    en: { what: 'no drill was made yet', remedy: 'darsena drill' },
    es: { what: 'todavía no se hizo ningún simulacro', remedy: 'darsena drill' },
  },
  'drill.time': {
    kind: 'invalid',
    en: {
      what: 'a daily drill has a time of day in UTC, or off',
      why: '"{time}" is neither',
      remedy: 'darsena drill daily 03:30',
    },
    es: {
      what: 'un simulacro diario tiene una hora en UTC, u off',
      why: '«{time}» no es ni lo uno ni lo otro',
      remedy: 'darsena drill daily 03:30',
    },
  },
  'drill.unknown': {
    kind: 'not-found',
    en: { what: 'there is no drill {id}', remedy: 'darsena drill list' },
    es: { what: 'no hay ningún simulacro {id}', remedy: 'darsena drill list' },
  },
});

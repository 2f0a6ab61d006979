import { defineFaults } from '../system/fault.ts';

export const preventFault = defineFaults({
  'prevent.policy-invalid': {
    kind: 'invalid',
    en: { what: 'the prevention policy cannot be used', why: '{why}', remedy: 'see the manual: Prevention' },
    es: { what: 'la política de prevención no sirve', why: '{why}', remedy: 'ver el manual: Prevención' },
  },
  'prevent.policy-unknown': {
    kind: 'not-found',
    en: { what: 'there is no prevention policy {name}', remedy: 'darsena prevent list' },
    es: { what: 'no hay ninguna política de prevención {name}', remedy: 'darsena prevent list' },
  },
  'prevent.policies-full': {
    kind: 'invalid',
    en: { what: 'there are {most} prevention policies already', remedy: 'darsena prevent remove NAME' },
    es: { what: 'ya hay {most} políticas de prevención', remedy: 'darsena prevent remove NOMBRE' },
  },
  'prevent.allowed-full': {
    kind: 'invalid',
    en: { what: 'nothing more is allowed', why: 'there are {most} entries already', remedy: 'darsena foreign allowed' },
    es: { what: 'no se permite nada más', why: 'ya hay {most} entradas', remedy: 'darsena foreign allowed' },
  },
  'prevent.allowed-unknown': {
    kind: 'not-found',
    en: { what: 'there is no entry {id}', remedy: 'darsena foreign allowed' },
    es: { what: 'no hay ninguna entrada {id}', remedy: 'darsena foreign allowed' },
  },
  'prevent.allowed-past': {
    kind: 'invalid',
    en: { what: 'the entry would be over already', why: '{until} has passed' },
    es: { what: 'la entrada ya habría acabado', why: '{until} ya pasó' },
  },
  'prevent.stranger-unknown': {
    kind: 'not-found',
    en: {
      what: 'there is no such container of others: {id}',
      why: 'it is gone, or more than one begins so',
      remedy: 'darsena foreign list',
    },
    es: {
      what: 'no hay ningún contenedor ajeno así: {id}',
      why: 'ya no está, o hay más de uno que empieza así',
      remedy: 'darsena foreign list',
    },
  },
  'prevent.stranger-allowed': {
    kind: 'conflict',
    en: {
      what: 'the container {id} is not stopped',
      why: 'it is allowed: {reason}',
      remedy: 'darsena foreign disallow {entry}',
    },
    es: {
      what: 'el contenedor {id} no se detiene',
      why: 'está permitido: {reason}',
      remedy: 'darsena foreign disallow {entry}',
    },
  },
});

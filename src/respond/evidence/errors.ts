import { defineFaults } from '../../system/index.ts';

export const evidenceFault = defineFaults({
  'evidence.unknown': {
    kind: 'not-found',
    en: { what: 'there is no evidence {id}', remedy: 'see what there is: darsena evidence list' },
    es: { what: 'no hay ninguna evidencia {id}', remedy: 'ver las que hay: darsena evidence list' },
  },
  'evidence.deleted': {
    kind: 'conflict',
    en: { what: 'the bytes of the evidence {id} are gone', why: '{actor} deleted them at {at}: {reason}' },
    es: { what: 'los bytes de la evidencia {id} ya no existen', why: '{actor} los borró el {at}: {reason}' },
  },
  'evidence.no-container': {
    kind: 'conflict',
    en: { what: 'incident {number} has no container to take evidence of', why: 'its alerts name none' },
    es: {
      what: 'el incidente {number} no tiene ningún contenedor del que tomar evidencia',
      why: 'sus alertas no nombran ninguno',
    },
  },
  'evidence.disk-full': {
    kind: 'exhausted',
    en: {
      what: 'the evidence was not kept',
      why: 'the disk of the platform is full; what was kept before is whole',
      remedy: 'make room below {folder} and take it again',
    },
    es: {
      what: 'la evidencia no se guardó',
      why: 'el disco de la plataforma está lleno; lo guardado antes está entero',
      remedy: 'hacer sitio bajo {folder} y tomarla de nuevo',
    },
  },
  'evidence.store-full': {
    kind: 'exhausted',
    en: {
      what: 'there is no room for more evidence',
      why: '{used} of {most} bytes are taken',
      remedy: 'export what is there, then: darsena evidence delete ID --reason TEXT',
    },
    es: {
      what: 'no queda espacio para más evidencia',
      why: 'se usan {used} de {most} bytes',
      remedy: 'exportar lo que hay y después: darsena evidence delete ID --reason TEXTO',
    },
  },
  'evidence.not-believed': {
    kind: 'refused',
    en: { what: 'the evidence of {host} is not kept', why: '{why}' },
    es: { what: 'la evidencia de {host} no se guarda', why: '{why}' },
  },
  'evidence.altered': {
    kind: 'refused',
    en: { what: '{file} is not what was signed', why: '{why}' },
    es: { what: '{file} no es lo que se firmó', why: '{why}' },
  },
  'evidence.unreadable': {
    kind: 'invalid',
    en: {
      what: '{file} cannot be read as evidence',
      why: '{why}',
      remedy: 'export it again: darsena evidence export ID',
    },
    es: {
      what: '{file} no se puede leer como evidencia',
      why: '{why}',
      remedy: 'exportarla de nuevo: darsena evidence export ID',
    },
  },
  'evidence.target-needed': {
    kind: 'needs',
    en: {
      what: 'of what evidence is to be taken was not said',
      remedy: 'darsena evidence take PROJECT/WORKLOAD --env ENVIRONMENT, or --incident NUMBER',
    },
    es: {
      what: 'no se ha dicho de qué tomar evidencia',
      remedy: 'darsena evidence take PROYECTO/CARGA --env ENTORNO, o --incident NÚMERO',
    },
  },
});

import { defineFaults } from '../system/index.ts';

export const progressFault = defineFaults({
  'progress.operation-unknown': {
    kind: 'not-found',
    en: { what: 'there is no operation {id}', remedy: 'darsena events' },
    es: { what: 'no existe la operación {id}', remedy: 'darsena events' },
  },
  'progress.interrupted': {
    kind: 'unavailable',
    en: {
      what: 'the work was interrupted',
      why: 'the platform stopped while it ran; what was done before stays done',
      remedy: 'run the same command again',
    },
    es: {
      what: 'el trabajo quedó interrumpido',
      why: 'la plataforma se detuvo mientras se hacía; lo hecho antes sigue hecho',
      remedy: 'ejecutar de nuevo la misma orden',
    },
  },
  'progress.ended': {
    kind: 'conflict',
    en: { what: 'the operation {id} cannot be cancelled', why: 'it has ended: {state}' },
    es: { what: 'la operación {id} no se puede cancelar', why: 'ya terminó: {state}' },
  },
  'progress.cancelled': {
    kind: 'conflict',
    en: { what: 'the work was cancelled', why: 'by {actor}' },
    es: { what: 'el trabajo se canceló', why: 'por {actor}' },
  },
  'progress.disk-full': {
    kind: 'exhausted',
    en: {
      what: 'the work ended half-way',
      why: 'the disk of the platform’s state is full',
      remedy: 'make room there, and begin it again; nothing has to be started again (darsena doctor)',
    },
    es: {
      what: 'el trabajo quedó a medias',
      why: 'el disco del estado de la plataforma está lleno',
      remedy: 'hacer sitio y empezarlo otra vez; no hay que reiniciar nada (darsena doctor)',
    },
  },
  'progress.internal': {
    kind: 'internal',
    en: { what: 'the platform failed', why: '{why}', remedy: 'darsena logs control' },
    es: { what: 'la plataforma falló', why: '{why}', remedy: 'darsena logs control' },
  },
});

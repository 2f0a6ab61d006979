import { defineFaults } from '../system/index.ts';

export const advisoryFault = defineFaults({
  'advisories.unreadable': {
    kind: 'invalid',
    en: { what: 'cannot import {source}', why: '{why}', remedy: 'the advisories that were there before stay in use' },
    es: { what: 'no se puede importar {source}', why: '{why}', remedy: 'los avisos anteriores siguen en uso' },
  },
  'advisories.unknown-format': {
    kind: 'invalid',
    en: {
      what: 'cannot import {source}',
      why: 'it is no feed that is known',
      remedy:
        'give one of the feeds that the manual lists (advisories.md), as it was published or packed as .gz, .zst, .zip, .tar',
    },
    es: {
      what: 'no se puede importar {source}',
      why: 'no es una fuente conocida',
      remedy:
        'indicar una de las fuentes que enumera el manual (advisories.md), como se publicó o comprimida en .gz, .zst, .zip, .tar',
    },
  },
  'advisories.older': {
    kind: 'conflict',
    en: {
      what: '{source} is not newer',
      why: 'it was updated {updatedAt}, the data in use {currentAt}',
      remedy: 'to go back on purpose, repeat with --force',
    },
    es: {
      what: '{source} no es más reciente',
      why: 'es del {updatedAt} y los datos en uso del {currentAt}',
      remedy: 'para volver atrás a propósito, repetir con --force',
    },
  },
  'advisories.shrunk': {
    kind: 'conflict',
    en: {
      what: '{source} looks cut',
      why: 'it has {records} records, the data in use {current}',
      remedy: 'if that is right, repeat with --force',
    },
    es: {
      what: '{source} parece incompleta',
      why: 'tiene {records} registros y los datos en uso {current}',
      remedy: 'si es correcto, repetir con --force',
    },
  },
  'advisories.no-urls': {
    kind: 'needs',
    en: {
      what: 'no advisory address is configured',
      remedy:
        'set DARSENA_ADVISORY_URLS to HTTPS addresses separated by spaces, or use: darsena advisories import PATH',
    },
    es: {
      what: 'no hay ninguna dirección de avisos configurada',
      remedy:
        'dar a DARSENA_ADVISORY_URLS direcciones HTTPS separadas por espacios, o usar: darsena advisories import RUTA',
    },
  },
  'advisories.fetch-failed': {
    kind: 'unavailable',
    en: { what: 'cannot fetch {url}', why: '{why}', remedy: 'the advisories that were there before stay in use' },
    es: { what: 'no se puede descargar {url}', why: '{why}', remedy: 'los avisos anteriores siguen en uso' },
  },
});

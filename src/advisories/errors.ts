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
        'give one of the feeds that the manual lists (advisories.md), as it was published or packed as .gz, .zst, .bz2, .xz, .zip, .tar',
    },
    es: {
      what: 'no se puede importar {source}',
      why: 'no es una fuente conocida',
      remedy:
        'indicar una de las fuentes que enumera el manual (advisories.md), como se publicó o comprimida en .gz, .zst, .bz2, .xz, .zip, .tar',
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
  'advisories.unchanged': {
    kind: 'conflict',
    en: { what: '{url} has nothing newer' },
    es: { what: '{url} no tiene nada más reciente' },
  },
  'advisories.checksum': {
    kind: 'invalid',
    en: {
      what: '{url} was changed on its way',
      why: 'its SHA-256 is {actual}, expected {expected}',
      remedy: 'the advisories that were there before stay in use; try again later or look at who answers there',
    },
    es: {
      what: '{url} cambió por el camino',
      why: 'su SHA-256 es {actual}, se esperaba {expected}',
      remedy: 'los avisos anteriores siguen en uso; probar más tarde o mirar quién responde ahí',
    },
  },
  'advisories.signature': {
    kind: 'refused',
    en: {
      what: '{url} is not signed as was asked for',
      why: '{why}',
      remedy:
        'the advisories that were there before stay in use; look at who answers there, and give the key of who publishes it (advisoryPgpKeys, or --keyring)',
    },
    es: {
      what: '{url} no está firmado como se pidió',
      why: '{why}',
      remedy:
        'los avisos anteriores siguen en uso; mirar quién responde ahí y dar la clave de quien lo publica (advisoryPgpKeys o --keyring)',
    },
  },
  'advisories.artifact-invalid': {
    kind: 'invalid',
    en: {
      what: 'the archive of advisories cannot be used',
      why: '{why}',
      remedy: 'the advisories that were there before stay in use; export again with: darsena advisories export FILE',
    },
    es: {
      what: 'el archivo de avisos no se puede usar',
      why: '{why}',
      remedy: 'los avisos anteriores siguen en uso; exportar de nuevo con: darsena advisories export ARCHIVO',
    },
  },
  'advisories.unsigned': {
    kind: 'refused',
    en: {
      what: 'the archive of advisories is not signed by anybody this platform believes',
      why: '{count} signatures over {digest}, none by a known key',
      remedy: 'give the public key of the platform that exported it: darsena advisories import FILE --key FILE.pub',
    },
    es: {
      what: 'el archivo de avisos no está firmado por nadie en quien confíe esta plataforma',
      why: '{count} firmas sobre {digest}, ninguna de una clave conocida',
      remedy:
        'dar la clave pública de la plataforma que lo exportó: darsena advisories import ARCHIVO --key ARCHIVO.pub',
    },
  },
  'advisories.nothing': {
    kind: 'not-found',
    en: {
      what: 'there are no advisories to export',
      remedy: 'darsena advisories import PATH, or: darsena advisories update',
    },
    es: { what: 'no hay avisos que exportar', remedy: 'darsena advisories import RUTA, o: darsena advisories update' },
  },
});

import { defineFaults } from '../system/index.ts';

export const hostFault = defineFaults({
  'host.facts-unreadable': {
    kind: 'invalid',
    en: {
      what: 'the facts in {name} cannot be read',
      why: '{why}',
      remedy: 'write them on the machine with: darsena kernel facts --json',
    },
    es: {
      what: 'los hechos de {name} no se pueden leer',
      why: '{why}',
      remedy: 'escribirlos en la máquina con: darsena kernel facts --json',
    },
  },
  'host.kernel-unknown': {
    kind: 'invalid',
    en: { what: '"{value}" is no release of a kernel', remedy: 'give it as uname -r does: --kernel 6.1.55' },
    es: { what: '«{value}» no es una versión de núcleo', remedy: 'darla como uname -r: --kernel 6.1.55' },
  },
  'host.choice-unknown': {
    kind: 'invalid',
    en: { what: '"{value}" is not known here', why: 'expected one of: {choices}' },
    es: { what: '«{value}» no se conoce aquí', why: 'se espera uno de: {choices}' },
  },
  'host.unknown': {
    kind: 'not-found',
    en: { what: 'there are no facts of a host {host}', remedy: 'see which hosts there are: darsena host list' },
    es: { what: 'no hay hechos de un host {host}', remedy: 'ver qué hosts hay: darsena host list' },
  },
  'host.cve-unknown': {
    kind: 'not-found',
    en: {
      what: '{cve} is not in the kernel advisories',
      remedy: 'see how old they are: darsena advisories list',
    },
    es: {
      what: '{cve} no está en los avisos del núcleo',
      remedy: 'ver su antigüedad: darsena advisories list',
    },
  },
});

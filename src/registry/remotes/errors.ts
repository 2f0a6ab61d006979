import { defineFaults } from '../../system/index.ts';
import { reasonInWords } from '../reason-words.ts';

export const remoteFault = defineFaults(
  {
    'remote.unknown': {
      kind: 'not-found',
      en: { what: 'there is no remote registry "{name}"', remedy: 'darsena remote list' },
      es: { what: 'no hay ningún registro remoto "{name}"', remedy: 'darsena remote list' },
    },
    'remote.invalid': {
      kind: 'invalid',
      en: { what: 'the remote registry cannot be defined so', why: '{why}' },
      es: { what: 'el registro remoto no se puede definir así', why: '{why}' },
    },
    'remote.taken': {
      kind: 'conflict',
      en: { what: 'there is a remote registry "{name}" already', remedy: 'darsena remote change {name} …' },
      es: { what: 'ya hay un registro remoto "{name}"', remedy: 'darsena remote change {name} …' },
    },
    'remote.in-use': {
      kind: 'conflict',
      en: { what: 'the remote registry "{name}" is in use', why: '{users}', remedy: 'delete these first' },
      es: { what: 'el registro remoto "{name}" está en uso', why: '{users}', remedy: 'borrar antes lo anterior' },
    },
    'remote.not-for-project': {
      kind: 'forbidden',
      en: {
        what: 'the project {project} may not use the remote registry "{name}" for {repository}',
        why: 'its projects are {projects}, its repositories {repositories}',
      },
      es: {
        what: 'el proyecto {project} no puede usar el registro remoto "{name}" para {repository}',
        why: 'sus proyectos son {projects}, sus repositorios {repositories}',
      },
    },
    'remote.offline': {
      kind: 'unavailable',
      en: {
        what: 'the remote registry "{name}" is set offline, and {image} is not here',
        remedy: 'darsena remote change {name} --online',
      },
      es: {
        what: 'el registro remoto "{name}" está puesto sin conexión, y {image} no está aquí',
        remedy: 'darsena remote change {name} --online',
      },
    },
    'remote.secret-locked': {
      kind: 'internal',
      en: {
        what: 'the stored secret of the remote registry "{name}" cannot be opened',
        why: 'it was sealed for another address or by another master key',
        remedy: 'darsena remote change {name} --username NAME --password-stdin',
      },
      es: {
        what: 'el secreto guardado del registro remoto "{name}" no se puede abrir',
        why: 'se selló para otra dirección o con otra clave maestra',
        remedy: 'darsena remote change {name} --username NOMBRE --password-stdin',
      },
    },
    'mirror.unknown': {
      kind: 'not-found',
      en: { what: 'there is no mirror "{prefix}"', remedy: 'darsena mirror list' },
      es: { what: 'no hay ninguna réplica local "{prefix}"', remedy: 'darsena mirror list' },
    },
    'mirror.invalid': {
      kind: 'invalid',
      en: { what: 'the mirror cannot be defined so', why: '{why}' },
      es: { what: 'la réplica local no se puede definir así', why: '{why}' },
    },
    'mirror.taken': {
      kind: 'conflict',
      en: { what: 'the repositories below {prefix} are taken', why: '{why}' },
      es: { what: 'los repositorios bajo {prefix} están ocupados', why: '{why}' },
    },
    'mirror.read-only': {
      kind: 'refused',
      en: {
        what: '{repository} is a mirror and takes no pushes',
        why: 'its content comes from the registry "{remote}" and from nowhere else',
      },
      es: {
        what: '{repository} es una réplica local y no admite subidas',
        why: 'su contenido viene del registro "{remote}" y de ningún otro sitio',
      },
    },
    'mirror.too-large': {
      kind: 'refused',
      en: {
        what: '{image} is larger than its mirror takes',
        why: 'it has {bytes} bytes, at most {maximum} are allowed',
        remedy: 'darsena mirror change {prefix} --size-max …',
      },
      es: {
        what: '{image} es mayor de lo que admite su réplica local',
        why: 'tiene {bytes} bytes, se permiten {maximum} como mucho',
        remedy: 'darsena mirror change {prefix} --size-max …',
      },
    },
    'mirror.sync-incomplete': {
      kind: 'unavailable',
      en: { what: '{failed} of {total} images could not be mirrored', why: 'the first: {why}' },
      es: { what: 'no se pudieron replicar {failed} de {total} imágenes', why: 'la primera: {why}' },
    },
    'mirror.sync-running': {
      kind: 'conflict',
      en: { what: 'the mirror {prefix} is being synchronised already', remedy: 'darsena operation list' },
      es: { what: 'la réplica local {prefix} ya se está sincronizando', remedy: 'darsena operation list' },
    },
    'watch.unknown': {
      kind: 'not-found',
      en: { what: 'no registry is watched as "{name}"', remedy: 'darsena watch list' },
      es: { what: 'no se vigila ningún registro como "{name}"', remedy: 'darsena watch list' },
    },
    'watch.invalid': {
      kind: 'invalid',
      en: { what: 'the registry cannot be watched so', why: '{why}' },
      es: { what: 'el registro no se puede vigilar así', why: '{why}' },
    },
    'watch.taken': {
      kind: 'conflict',
      en: { what: 'a registry is watched as "{name}" already', remedy: 'darsena watch delete {name}' },
      es: { what: 'ya se vigila un registro como "{name}"', remedy: 'darsena watch delete {name}' },
    },
    'watch.running': {
      kind: 'conflict',
      en: { what: '"{name}" is being checked already', remedy: 'darsena operation list' },
      es: { what: '"{name}" ya se está comprobando', remedy: 'darsena operation list' },
    },
    'replication.unknown': {
      kind: 'not-found',
      en: { what: 'there is no replication "{name}"', remedy: 'darsena replication list' },
      es: { what: 'no hay ninguna replicación "{name}"', remedy: 'darsena replication list' },
    },
    'replication.invalid': {
      kind: 'invalid',
      en: { what: 'the replication cannot be defined so', why: '{why}' },
      es: { what: 'la replicación no se puede definir así', why: '{why}' },
    },
    'replication.taken': {
      kind: 'conflict',
      en: { what: 'there is a replication "{name}" already', remedy: 'darsena replication delete {name}' },
      es: { what: 'ya hay una replicación "{name}"', remedy: 'darsena replication delete {name}' },
    },
  },
  reasonInWords,
);

export type RemoteFaultCode = keyof typeof remoteFault.specs;

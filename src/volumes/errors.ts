import { defineFaults } from '../system/index.ts';

export const volumeFault = defineFaults({
  'volume.unknown': {
    kind: 'not-found',
    en: { what: 'there is no volume {volume}', remedy: 'darsena volume list' },
    es: { what: 'no existe el volumen {volume}', remedy: 'darsena volume list' },
  },
  'volume.name-invalid': {
    kind: 'invalid',
    en: { what: '"{name}" names no volume', why: 'expected PROJECT/ENVIRONMENT/CLAIM', remedy: 'darsena volume list' },
    es: {
      what: '"{name}" no nombra ningún volumen',
      why: 'se esperaba PROYECTO/ENTORNO/PETICIÓN',
      remedy: 'darsena volume list',
    },
  },
  'volume.amount-invalid': {
    kind: 'invalid',
    en: { what: '"{text}" is no size', why: 'expected an amount such as 500Mi or 20Gi' },
    es: { what: '"{text}" no es un tamaño', why: 'se esperaba una cantidad como 500Mi o 20Gi' },
  },
  'volume.not-admitted': {
    kind: 'refused',
    en: { what: 'the volumes of {place} are refused', why: '{why}', remedy: 'darsena volume class list' },
    es: { what: 'los volúmenes de {place} se rechazan', why: '{why}', remedy: 'darsena volume class list' },
  },
  'volume.device-unknown': {
    kind: 'not-found',
    en: { what: 'no host was told to format {device}', remedy: 'darsena volume device list' },
    es: { what: 'a ningún host se le dijo que formateara {device}', remedy: 'darsena volume device list' },
  },
  'volume.class-unknown': {
    kind: 'not-found',
    en: { what: 'there is no storage class {name}', remedy: 'darsena volume class list' },
    es: { what: 'no existe la clase de almacenamiento {name}', remedy: 'darsena volume class list' },
  },
  'volume.class-in-use': {
    kind: 'conflict',
    en: { what: 'the storage class {name} stays as it is', why: '{why}' },
    es: { what: 'la clase de almacenamiento {name} se queda como está', why: '{why}' },
  },
  'volume.class-twice': {
    kind: 'invalid',
    en: { what: 'a class lies in one place', why: '--folder and --export were both given' },
    es: { what: 'una clase está en un solo lugar', why: 'se dieron --folder y --export' },
  },
  'volume.too-many': {
    kind: 'exhausted',
    en: { what: 'one more is not taken', why: 'there are {most} already, the most there may be' },
    es: { what: 'no se acepta ninguno más', why: 'ya hay {most}, el máximo' },
  },
  'volume.in-use': {
    kind: 'conflict',
    en: {
      what: 'the volume {volume} stays',
      why: '{count} containers have it mounted',
      remedy: 'take it out of the manifests and deploy, then ask again',
    },
    es: {
      what: 'el volumen {volume} se queda',
      why: 'lo tienen montado {count} contenedores',
      remedy: 'quitarlo de los manifiestos y desplegar; después pedirlo de nuevo',
    },
  },
  'volume.wanted': {
    kind: 'conflict',
    en: {
      what: 'the volume {volume} stays',
      why: 'the current release of {environment} wants it',
      remedy: 'take it out of the manifests and deploy, then ask again',
    },
    es: {
      what: 'el volumen {volume} se queda',
      why: 'la versión actual de {environment} lo pide',
      remedy: 'quitarlo de los manifiestos y desplegar; después pedirlo de nuevo',
    },
  },
  'volume.exists': {
    kind: 'conflict',
    en: {
      what: '{volume} is not written over',
      why: 'there is a volume of that name',
      remedy: 'restore into a name that is free, or remove that volume first',
    },
    es: {
      what: '{volume} no se sobrescribe',
      why: 'ya hay un volumen con ese nombre',
      remedy: 'restaurar con un nombre libre, o eliminar antes ese volumen',
    },
  },
  'volume.no-data': {
    kind: 'conflict',
    en: {
      what: 'the volume {volume} holds nothing yet',
      why: 'no pod has needed it on this host',
      remedy: 'darsena volume list',
    },
    es: {
      what: 'el volumen {volume} todavía no contiene nada',
      why: 'ningún pod lo ha necesitado en este host',
      remedy: 'darsena volume list',
    },
  },
  'volume.busy': {
    kind: 'unavailable',
    en: { what: 'the volume {volume} cannot be used now', why: '{why}' },
    es: { what: 'el volumen {volume} no se puede usar ahora', why: '{why}' },
  },
  'volume.place-refused': {
    kind: 'refused',
    en: {
      what: 'this host does not use {place} for storage',
      why: '{why}',
      remedy: 'on the host, as its administrator: name it in {file}',
    },
    es: {
      what: 'este host no usa {place} como almacenamiento',
      why: '{why}',
      remedy: 'en el host, como quien lo administra: nombrarlo en {file}',
    },
  },
  'volume.place-unsafe': {
    kind: 'refused',
    en: { what: '{place} is not used for storage', why: '{why}' },
    es: { what: '{place} no se usa como almacenamiento', why: '{why}' },
  },
  'volume.place-away': {
    kind: 'unavailable',
    en: { what: 'the storage at {place} does not answer', why: '{why}' },
    es: { what: 'el almacenamiento en {place} no responde', why: '{why}' },
  },
  'volume.place-missing': {
    kind: 'needs',
    en: {
      what: 'there is no folder {place} on this host',
      why: 'it was never made, or the file system that holds it is not mounted',
      remedy: 'on the host, as its administrator: mount it, or mkdir -m 700 {place}',
    },
    es: {
      what: 'en este host no existe la carpeta {place}',
      why: 'nunca se creó, o el sistema de archivos que la contiene no está montado',
      remedy: 'en el host, como quien lo administra: montarlo, o mkdir -m 700 {place}',
    },
  },
  'volume.mounting': {
    kind: 'unavailable',
    en: { what: 'the storage {name} is being mounted', why: '{what} has not answered yet' },
    es: { what: 'el almacenamiento {name} se está montando', why: '{what} no ha respondido todavía' },
  },
  'volume.mount-failed': {
    kind: 'unavailable',
    en: {
      what: 'the storage {name} cannot be mounted',
      why: '{why}',
      remedy: 'it is tried again by itself; what is wrong in storage.json is mended there, on the host',
    },
    es: {
      what: 'el almacenamiento {name} no se puede montar',
      why: '{why}',
      remedy: 'se intenta de nuevo por sí solo; lo erróneo en storage.json se corrige allí, en el host',
    },
  },
  'volume.device-refused': {
    kind: 'refused',
    en: {
      what: 'the device {device} of {name} is left as it is',
      why: '{why}',
      remedy:
        'look whether storage.json names the right one; what it holds is taken away by its administrator alone (wipefs)',
    },
    es: {
      what: 'el dispositivo {device} de {name} se deja como está',
      why: '{why}',
      remedy: 'mirar si storage.json nombra el correcto; lo que contiene lo quita solo quien lo administra (wipefs)',
    },
  },
  'volume.program-missing': {
    kind: 'needs',
    en: {
      what: 'the storage {name} needs {program}',
      why: 'it is not installed on the host',
      remedy: 'on the host: apt-get install {debian}',
    },
    es: {
      what: 'el almacenamiento {name} necesita {program}',
      why: 'no está instalado en el host',
      remedy: 'en el host: apt-get install {debian}',
    },
  },
  'volume.key-missing': {
    kind: 'unavailable',
    en: { what: 'the volume {volume} stays closed', why: 'its key has not come from control since the agent started' },
    es: {
      what: 'el volumen {volume} sigue cerrado',
      why: 'su clave no ha llegado de control desde que arrancó el agente',
    },
  },
  'volume.key-wrong': {
    kind: 'refused',
    en: { what: 'the volume {volume} stays closed', why: 'what lies there was encrypted with another key' },
    es: { what: 'el volumen {volume} sigue cerrado', why: 'lo que hay allí se cifró con otra clave' },
  },
  'volume.seal-failed': {
    kind: 'unavailable',
    en: { what: 'the encrypted volume {volume} cannot be opened', why: '{why}' },
    es: { what: 'el volumen cifrado {volume} no se puede abrir', why: '{why}' },
  },
  'volume.held-elsewhere': {
    kind: 'unavailable',
    en: {
      what: 'the volume {volume} is not given out here',
      why: '{why}',
      remedy: 'darsena volume move {volume} --host HOST',
    },
    es: {
      what: 'el volumen {volume} no se entrega aquí',
      why: '{why}',
      remedy: 'darsena volume move {volume} --host HOST',
    },
  },
  'volume.unmovable': {
    kind: 'refused',
    en: {
      what: 'the volume {volume} does not move to {host}',
      why: '{why}',
      remedy: 'darsena volume move {volume} --host HOST, or restore a backup of it there',
    },
    es: {
      what: 'el volumen {volume} no se mueve a {host}',
      why: '{why}',
      remedy: 'darsena volume move {volume} --host HOST, o restaurar allí una copia de seguridad',
    },
  },
  'volume.freeze-failed': {
    kind: 'unavailable',
    en: {
      what: 'the volume {volume} was not copied',
      why: 'its containers could not be held still: {why}',
      remedy: 'darsena scale PROJECT/WORKLOAD --replicas 0 for each workload that has it mounted, then ask again',
    },
    es: {
      what: 'el volumen {volume} no se copió',
      why: 'no se pudieron detener sus contenedores un momento: {why}',
      remedy: 'darsena scale PROYECTO/CARGA --replicas 0 para cada carga que lo tenga montado, y pedirlo de nuevo',
    },
  },
  'volume.freeze-long': {
    kind: 'unavailable',
    en: {
      what: 'the volume {volume} was not copied',
      why: 'holding its containers would have taken more than {seconds} s',
      remedy: 'stop the workload, or put the volume on a file system that copies by reference (XFS, Btrfs)',
    },
    es: {
      what: 'el volumen {volume} no se copió',
      why: 'habría que detener sus contenedores más de {seconds} s',
      remedy:
        'detener la carga de trabajo, o poner el volumen en un sistema de archivos que copie por referencia (XFS, Btrfs)',
    },
  },
  'volume.tool-failed': {
    kind: 'unavailable',
    en: { what: '{what} failed', why: '{tool}: {why}' },
    es: { what: 'falló: {what}', why: '{tool}: {why}' },
  },
  'volume.tool-missing': {
    kind: 'needs',
    en: { what: 'backups need {tool}', why: 'it is not installed on the host', remedy: 'apt-get install {tool}' },
    es: {
      what: 'las copias de seguridad necesitan {tool}',
      why: 'no está instalado en el host',
      remedy: 'apt-get install {tool}',
    },
  },
  'volume.restored-differs': {
    kind: 'unavailable',
    en: {
      what: 'what came back from {copy} is not what was saved',
      why: 'the hash of all files is {found}, and {expected} was written down',
    },
    es: {
      what: 'lo que volvió de {copy} no es lo que se guardó',
      why: 'el hash de todos los archivos es {found}, y se anotó {expected}',
    },
  },
  'backup.damaged': {
    kind: 'unavailable',
    en: {
      what: 'the backup {snapshot} cannot be read back',
      why: 'its repository is damaged: {why}',
      remedy: 'make a new backup in another repository at once, then look at this one with restic check',
    },
    es: {
      what: 'la copia {snapshot} no se puede leer de vuelta',
      why: 'su repositorio está dañado: {why}',
      remedy: 'hacer ya una copia nueva en otro repositorio; después examinar este con restic check',
    },
  },
  'volume.no-room': {
    kind: 'exhausted',
    en: {
      what: 'the backup is not restored',
      why: 'it needs {needed}, and the disk has {room} before it is full',
      remedy: 'make room on the host, or restore into another class',
    },
    es: {
      what: 'la copia no se restaura',
      why: 'necesita {needed}, y el disco tiene {room} antes de llenarse',
      remedy: 'liberar espacio en el host, o restaurar en otra clase',
    },
  },
  'volume.snapshot-no-room': {
    kind: 'exhausted',
    en: {
      what: 'no snapshot is made',
      why: 'it needs {needed}, and the disk has {room} before it is full',
      remedy: 'make room on the host, or save a backup in a repository that lies elsewhere',
    },
    es: {
      what: 'no se crea la instantánea',
      why: 'necesita {needed}, y el disco tiene {room} antes de llenarse',
      remedy: 'liberar espacio en el host, o guardar una copia en un repositorio que esté en otro lugar',
    },
  },
  'volume.still-there': {
    kind: 'unavailable',
    en: { what: 'the data of {volume} is still there', why: '{path} exists after its removal' },
    es: { what: 'los datos de {volume} siguen ahí', why: '{path} existe después de eliminarlo' },
  },
  'backup.unknown': {
    kind: 'not-found',
    en: { what: 'there is no copy {id}', remedy: 'darsena backup list PROJECT; a copy is named PROJECT/ID' },
    es: { what: 'no existe la copia {id}', remedy: 'darsena backup list PROYECTO; una copia se nombra PROYECTO/ID' },
  },
  'backup.repository-unknown': {
    kind: 'not-found',
    en: { what: 'there is no backup repository {name}', remedy: 'darsena backup repository list' },
    es: { what: 'no existe el repositorio de copias {name}', remedy: 'darsena backup repository list' },
  },
  'backup.repository-none': {
    kind: 'conflict',
    en: {
      what: 'there is no backup repository yet',
      remedy:
        'darsena backup repository add NAME --location PLACE; the host lists the places that it allows in its storage.json',
    },
    es: {
      what: 'todavía no hay ningún repositorio de copias',
      remedy:
        'darsena backup repository add NOMBRE --location LUGAR; el host enumera los lugares que permite en su storage.json',
    },
  },
  'backup.repository-needed': {
    kind: 'invalid',
    en: {
      what: 'no repository was named',
      why: 'there are {count} of them',
      remedy: 'darsena backup repository list, then --repository NAME',
    },
    es: {
      what: 'no se nombró ningún repositorio',
      why: 'hay {count}',
      remedy: 'darsena backup repository list, y después --repository NOMBRE',
    },
  },
  'backup.repository-used': {
    kind: 'conflict',
    en: {
      what: 'the repository {name} stays',
      why: '{count} backups and schedules need it: without its key nothing in it can be read',
      remedy: 'remove those first',
    },
    es: {
      what: 'el repositorio {name} se queda',
      why: 'lo necesitan {count} copias y programaciones: sin su clave no se puede leer nada de él',
      remedy: 'eliminar primero esas',
    },
  },
  'backup.repository-invalid': {
    kind: 'invalid',
    en: { what: '{location} is no repository', why: '{why}' },
    es: { what: '{location} no es un repositorio', why: '{why}' },
  },
  'backup.repository-locked': {
    kind: 'refused',
    en: {
      what: 'the repository at {location} cannot be opened',
      why: 'it was made with another key than the one kept for it',
      remedy: 'name an empty place, or give its key with --key-file',
    },
    es: {
      what: 'el repositorio en {location} no se puede abrir',
      why: 'se creó con otra clave que la guardada para él',
      remedy: 'nombrar un lugar vacío, o dar su clave con --key-file',
    },
  },
  'backup.not-verifiable': {
    kind: 'invalid',
    en: { what: '{id} is not put to the test', why: 'it is a snapshot on the same disk; only backups are' },
    es: { what: '{id} no se pone a prueba', why: 'es una instantánea en el mismo disco; solo se prueban las copias' },
  },
  'backup.schedule-invalid': {
    kind: 'invalid',
    en: { what: '"{text}" is no time', why: 'expected the five fields of cron, such as "30 2 * * *", in UTC' },
    es: { what: '"{text}" no es un horario', why: 'se esperaban los cinco campos de cron, como "30 2 * * *", en UTC' },
  },
  'backup.schedule-unknown': {
    kind: 'not-found',
    en: { what: 'nothing is scheduled for {volume}', remedy: 'darsena backup schedule list' },
    es: { what: 'no hay nada programado para {volume}', remedy: 'darsena backup schedule list' },
  },
});

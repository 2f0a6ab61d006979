import { defineFaults } from '../../system/index.ts';

export const setupFault = defineFaults({
  'setup.instance-name': {
    kind: 'invalid',
    en: {
      what: 'cannot name an instance "{name}"',
      why: 'expected 1 to 20 characters of a-z, 0-9 and -, a letter first and no - last',
      remedy: 'darsena up --instance test',
    },
    es: {
      what: 'una instancia no puede llamarse "{name}"',
      why: 'se esperan de 1 a 20 caracteres de a-z, 0-9 y -, una letra al principio y ningún - al final',
      remedy: 'darsena up --instance prueba',
    },
  },
  'setup.instance-broken': {
    kind: 'internal',
    en: {
      what: 'cannot read the description of the instance in {path}',
      why: 'it is not what `up` writes',
      remedy: 'darsena up',
    },
    es: {
      what: 'no se puede leer la descripción de la instancia en {path}',
      why: 'no es lo que escribe `up`',
      remedy: 'darsena up',
    },
  },
  'setup.not-up': {
    kind: 'needs',
    en: { what: 'the instance "{name}" is not set up on this machine', remedy: 'darsena up' },
    es: { what: 'la instancia "{name}" no está instalada en esta máquina', remedy: 'darsena up' },
  },
  'setup.packages-needed': {
    kind: 'needs',
    en: {
      what: 'the platform needs system packages that are not installed: {packages}',
      why: 'it does not install them without consent, and there is no terminal to ask at',
      remedy: '{command}   (or: darsena up --yes)',
    },
    es: {
      what: 'la plataforma necesita paquetes del sistema que no están instalados: {packages}',
      why: 'no los instala sin consentimiento, y no hay terminal para preguntar',
      remedy: '{command}   (o bien: darsena up --yes)',
    },
  },
  'setup.packages-refused': {
    kind: 'needs',
    en: { what: 'nothing was installed', why: 'these packages are missing: {packages}', remedy: '{command}' },
    es: { what: 'no se instaló nada', why: 'faltan estos paquetes: {packages}', remedy: '{command}' },
  },
  'setup.packages-root': {
    kind: 'needs',
    en: {
      what: 'the platform needs system packages that are not installed: {packages}',
      why: 'only root can install them',
      remedy: 'sudo {command}',
    },
    es: {
      what: 'la plataforma necesita paquetes del sistema que no están instalados: {packages}',
      why: 'solo root puede instalarlos',
      remedy: 'sudo {command}',
    },
  },
  'setup.packages-foreign': {
    kind: 'needs',
    en: {
      what: 'cannot install packages on {distribution}',
      why: 'only Debian and Ubuntu are known; these programs are missing: {packages}',
      remedy: "install them with this system's own tools, then: darsena up",
    },
    es: {
      what: 'no se pueden instalar paquetes en {distribution}',
      why: 'solo se conocen Debian y Ubuntu; faltan estos programas: {packages}',
      remedy: 'instalarlos con las herramientas del propio sistema y después: darsena up',
    },
  },
  'setup.packages-failed': {
    kind: 'unavailable',
    en: { what: 'apt-get did not install the packages', why: '{reason}', remedy: '{command}' },
    es: { what: 'apt-get no instaló los paquetes', why: '{reason}', remedy: '{command}' },
  },
  'setup.user-failed': {
    kind: 'internal',
    en: { what: 'cannot create the user {user}', why: '{reason}', remedy: 'darsena doctor' },
    es: { what: 'no se puede crear el usuario {user}', why: '{reason}', remedy: 'darsena doctor' },
  },
  'setup.no-ports': {
    kind: 'unavailable',
    en: {
      what: 'found no free port for {what}',
      why: 'tried {first} to {last} on {bind}',
      remedy: 'darsena doctor',
    },
    es: {
      what: 'no hay ningún puerto libre para {what}',
      why: 'se probó de {first} a {last} en {bind}',
      remedy: 'darsena doctor',
    },
  },
  'setup.folder-foreign': {
    kind: 'refused',
    en: {
      what: 'the folder {path} is not ours to use',
      why: 'it belongs to uid {uid}, expected uid {wanted}, or it is a link',
      remedy: 'look at it, then move it away: ls -ld {path}',
    },
    es: {
      what: 'la carpeta {path} no puede usarse',
      why: 'pertenece al uid {uid}, se esperaba el uid {wanted}, o es un enlace',
      remedy: 'examinarla y apartarla: ls -ld {path}',
    },
  },
  'setup.program-down': {
    kind: 'unavailable',
    en: {
      what: '{program} did not become ready',
      why: 'waited {seconds} s; its last words: {words}',
      remedy: 'darsena logs {program}',
    },
    es: {
      what: '{program} no llegó a estar listo',
      why: 'se esperó {seconds} s; sus últimas palabras: {words}',
      remedy: 'darsena logs {program}',
    },
  },
  'setup.local-refused': {
    kind: 'forbidden',
    en: {
      what: 'cannot speak to control of the instance "{name}" from this account',
      why: 'its local socket is open to root and its own user only',
      remedy: 'sudo darsena up',
    },
    es: {
      what: 'esta cuenta no puede hablar con control de la instancia "{name}"',
      why: 'su socket local solo está abierto a root y a su propio usuario',
      remedy: 'sudo darsena up',
    },
  },
  'setup.local-failed': {
    kind: 'unavailable',
    en: { what: 'control did not answer on its local socket', why: '{reason}', remedy: 'darsena status' },
    es: { what: 'control no respondió en su socket local', why: '{reason}', remedy: 'darsena status' },
  },
  'setup.not-owner': {
    kind: 'forbidden',
    en: {
      what: 'only root can do this to the instance "{name}"',
      why: 'it was set up by root',
      remedy: 'sudo {command}',
    },
    es: {
      what: 'solo root puede hacer esto con la instancia "{name}"',
      why: 'la instaló root',
      remedy: 'sudo {command}',
    },
  },
  'setup.console-failed': {
    kind: 'internal',
    en: { what: 'cannot build the console', why: '{reason}', remedy: 'npm run build:console' },
    es: { what: 'no se puede construir la consola', why: '{reason}', remedy: 'npm run build:console' },
  },
  'setup.purge-name': {
    kind: 'needs',
    en: {
      what: 'nothing was removed',
      why: 'the name typed, "{typed}", is not the name of the instance, "{name}"',
      remedy: 'darsena down --purge',
    },
    es: {
      what: 'no se eliminó nada',
      why: 'el nombre escrito, "{typed}", no es el de la instancia, "{name}"',
      remedy: 'darsena down --purge',
    },
  },
  'setup.purge-consent': {
    kind: 'needs',
    en: {
      what: 'removing everything of the instance "{name}" needs consent',
      why: 'there is no terminal to ask at',
      remedy: 'darsena down --purge --yes',
    },
    es: {
      what: 'eliminar todo lo de la instancia "{name}" requiere consentimiento',
      why: 'no hay terminal para preguntar',
      remedy: 'darsena down --purge --yes',
    },
  },
  'setup.engine-choice': {
    kind: 'invalid',
    en: {
      what: 'there is no engine "{text}"',
      why: 'expected podman, or cri:// and the path of a socket',
      remedy: 'darsena up --engine cri:///run/containerd/containerd.sock',
    },
    es: {
      what: 'no existe el motor "{text}"',
      why: 'se esperaba podman, o cri:// y la ruta de un socket',
      remedy: 'darsena up --engine cri:///run/containerd/containerd.sock',
    },
  },
  'setup.engine-fixed': {
    kind: 'conflict',
    en: {
      what: 'the engine of "{name}" stays {engine}',
      why: 'it was chosen at its first up, and pods of another engine would be nobody’s',
      remedy: 'darsena up --instance other --engine …',
    },
    es: {
      what: 'el motor de "{name}" sigue siendo {engine}',
      why: 'se eligió en su primer up, y los pods de otro motor no serían de nadie',
      remedy: 'darsena up --instance otra --engine …',
    },
  },
  'setup.cri-root': {
    kind: 'needs',
    en: {
      what: 'the CRI server at {socket} cannot be used',
      why: 'it needs root',
      remedy: 'sudo darsena up --engine cri://{socket}',
    },
    es: {
      what: 'no se puede usar el servidor CRI en {socket}',
      why: 'necesita root',
      remedy: 'sudo darsena up --engine cri://{socket}',
    },
  },
  'setup.cri-unusable': {
    kind: 'needs',
    en: {
      what: 'the CRI server at {socket} cannot be used; nothing was changed',
      why: '{reason}',
      remedy: 'start it, and give it a CNI network: apt-get install containerd containernetworking-plugins',
    },
    es: {
      what: 'no se puede usar el servidor CRI en {socket}; no se cambió nada',
      why: '{reason}',
      remedy: 'arrancarlo y darle una red CNI: apt-get install containerd containernetworking-plugins',
    },
  },
  'setup.cri-registry': {
    kind: 'needs',
    en: {
      what: 'the CRI server at {socket} cannot be told where the platform’s registry is',
      why: 'its settings name no folder for registries that is there (config_path: {folder})',
      remedy: 'set config_path, such as /etc/containerd/certs.d, make the folder and start the server anew',
    },
    es: {
      what: 'no se puede decir al servidor CRI en {socket} dónde está el registro de la plataforma',
      why: 'sus ajustes no nombran una carpeta de registros que exista (config_path: {folder})',
      remedy: 'definir config_path, como /etc/containerd/certs.d, crear la carpeta y reiniciar el servidor',
    },
  },
  'setup.cri-taken': {
    kind: 'conflict',
    en: {
      what: 'the CRI server at {socket} serves another instance',
      why: '{path} is of another one, and both registries have the same name',
      remedy: 'another CRI server, or Podman: darsena up --engine podman',
    },
    es: {
      what: 'el servidor CRI en {socket} sirve a otra instancia',
      why: '{path} es de otra, y ambos registros tienen el mismo nombre',
      remedy: 'otro servidor CRI, o Podman: darsena up --engine podman',
    },
  },
  'setup.database-file': {
    kind: 'invalid',
    en: { what: 'cannot read the database’s address in {path}', why: '{reason}' },
    es: { what: 'no se puede leer la dirección de la base de datos en {path}', why: '{reason}' },
  },
  'setup.database-url': {
    kind: 'invalid',
    en: {
      what: 'what {where} holds is not the address of a PostgreSQL database',
      why: 'expected postgres://USER:PASSWORD@HOST:PORT/NAME and nothing else',
    },
    es: {
      what: 'lo que hay en {where} no es la dirección de una base de datos PostgreSQL',
      why: 'se esperaba postgres://USUARIO:CONTRASEÑA@HOST:PUERTO/NOMBRE y nada más',
    },
  },
  'setup.database-unreachable': {
    kind: 'unavailable',
    en: {
      what: 'cannot use the database {place}; nothing was changed',
      why: '{reason}',
      remedy: 'look at the address, and whether the server lets this machine and user in (pg_hba.conf)',
    },
    es: {
      what: 'no se puede usar la base de datos {place}; no se cambió nada',
      why: '{reason}',
      remedy: 'revisar la dirección, y si el servidor admite a esta máquina y a este usuario (pg_hba.conf)',
    },
  },
  'setup.database-old': {
    kind: 'needs',
    en: {
      what: 'the database {place} is too old; nothing was changed',
      why: 'it is PostgreSQL {version}; {min} or later is needed',
    },
    es: {
      what: 'la base de datos {place} es demasiado antigua; no se cambió nada',
      why: 'es PostgreSQL {version}; se necesita {min} o posterior',
    },
  },
  'setup.database-rights': {
    kind: 'forbidden',
    en: {
      what: 'the tables cannot be made in the database {place}; nothing was changed',
      why: 'the user of the address may not create in its schema',
      remedy: 'GRANT CREATE ON SCHEMA public TO that user, or make that user the owner of the database',
    },
    es: {
      what: 'no se pueden crear las tablas en la base de datos {place}; no se cambió nada',
      why: 'el usuario de la dirección no puede crear en su esquema',
      remedy: 'GRANT CREATE ON SCHEMA public TO ese usuario, o hacerlo dueño de la base de datos',
    },
  },
  'setup.database-taken': {
    kind: 'conflict',
    en: {
      what: 'the database {place} is not this instance’s to use; nothing was changed',
      why: 'it has tables already ({tables}), and not this instance’s mark',
      remedy: 'an empty database of its own: createdb NAME',
    },
    es: {
      what: 'esta instancia no puede usar la base de datos {place}; no se cambió nada',
      why: 'ya tiene tablas ({tables}), y no la marca de esta instancia',
      remedy: 'una base de datos vacía y propia: createdb NOMBRE',
    },
  },
  'setup.database-fixed': {
    kind: 'conflict',
    en: {
      what: 'the instance "{name}" does not move to the database {place}; nothing was changed',
      why: 'it keeps its state in another one already, and that is chosen at the first up',
      remedy: 'another instance: darsena up --instance NAME --database-file FILE',
    },
    es: {
      what: 'la instancia "{name}" no se muda a la base de datos {place}; no se cambió nada',
      why: 'ya guarda su estado en otra, y eso se elige en el primer up',
      remedy: 'otra instancia: darsena up --instance NOMBRE --database-file ARCHIVO',
    },
  },
  'setup.purge-incomplete': {
    kind: 'unavailable',
    en: {
      what: 'not everything of the instance "{name}" could be removed',
      why: 'Podman still has {what}',
      remedy: 'darsena down --purge   (again; what is gone is gone)',
    },
    es: {
      what: 'no se pudo eliminar todo lo de la instancia "{name}"',
      why: 'Podman todavía tiene {what}',
      remedy: 'darsena down --purge   (otra vez; lo eliminado ya no está)',
    },
  },
  'setup.authority-missing': {
    kind: 'unavailable',
    en: {
      what: 'cannot find the certificate of the platform’s authority',
      why: 'control has not written {path}',
      remedy: 'darsena logs control',
    },
    es: {
      what: 'no se encuentra el certificado de la autoridad de la plataforma',
      why: 'control no ha escrito {path}',
      remedy: 'darsena logs control',
    },
  },
  'setup.port-taken': {
    kind: 'conflict',
    en: {
      what: 'port {port} of this instance ({what}) is taken',
      why: 'it belongs to {holder}; a port stays the same once chosen, because clients know it',
      remedy: 'end that program, then: darsena up',
    },
    es: {
      what: 'el puerto {port} de esta instancia ({what}) está ocupado',
      why: 'lo tiene {holder}; un puerto elegido no cambia, porque los clientes lo conocen',
      remedy: 'terminar ese programa y después: darsena up',
    },
  },
  'setup.busy': {
    kind: 'conflict',
    en: {
      what: 'the instance "{name}" is being set up or taken down already',
      why: 'process {pid} does it',
      remedy: 'wait for it: darsena status',
    },
    es: {
      what: 'la instancia "{name}" ya se está instalando o deteniendo',
      why: 'lo hace el proceso {pid}',
      remedy: 'esperar a que termine: darsena status',
    },
  },
  'setup.no-program': {
    kind: 'invalid',
    en: { what: 'there is no program "{name}"', why: 'expected one of: {names}', remedy: 'darsena logs control' },
    es: { what: 'no existe el programa "{name}"', why: 'se espera uno de: {names}', remedy: 'darsena logs control' },
  },
});

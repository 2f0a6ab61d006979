import type { Text } from '../../system/index.ts';
import { text } from './check.ts';
import { type ContainerFacts, DEFAULT_CAPS, type EngineFacts, type ImageFacts } from './engine.ts';

/** Files whose watching, owner or mode is asked for; the first ones are Docker's, the rest what stands for them elsewhere. */
export interface FileRule {
  readonly id: string;
  readonly paths: readonly string[];
  readonly ask: 'audit' | 'owner' | 'mode';
  /** No bit beyond these. */
  readonly mode?: number;
  /** Group that may own it beside root. */
  readonly group?: string;
  /** The certificates in the folders of the folder, and not the folder: keys beside them have rules of their own. */
  readonly inside?: boolean;
}

const docker = {
  daemon: ['usr/bin/dockerd', 'usr/bin/podman'],
  service: [
    'etc/systemd/system/docker.service',
    'usr/lib/systemd/system/docker.service',
    'lib/systemd/system/docker.service',
    'etc/systemd/system/podman.service',
    'usr/lib/systemd/system/podman.service',
    'lib/systemd/system/podman.service',
  ],
  socketUnit: [
    'etc/systemd/system/docker.socket',
    'usr/lib/systemd/system/docker.socket',
    'lib/systemd/system/docker.socket',
    'etc/systemd/system/podman.socket',
    'usr/lib/systemd/system/podman.socket',
    'lib/systemd/system/podman.socket',
  ],
  folder: ['etc/docker', 'etc/containers'],
  data: ['var/lib/docker', 'var/lib/containers'],
  certificates: ['etc/docker/certs.d', 'etc/containers/certs.d'],
  socket: ['run/docker.sock', 'run/podman/podman.sock'],
  settings: ['etc/docker/daemon.json', 'etc/containers/containers.conf'],
  containerdSocket: ['run/containerd/containerd.sock', 'run/crio/crio.sock'],
} as const;

/** Sections 1.1 and 3 of the container benchmark, with what Podman and CRI-O have in Docker's place. */
export const FILE_RULES: readonly FileRule[] = [
  { id: '1.1.3', ask: 'audit', paths: docker.daemon },
  { id: '1.1.4', ask: 'audit', paths: ['run/containerd', 'run/crio', 'run/libpod'] },
  { id: '1.1.5', ask: 'audit', paths: docker.data },
  { id: '1.1.6', ask: 'audit', paths: docker.folder },
  { id: '1.1.7', ask: 'audit', paths: docker.service },
  { id: '1.1.8', ask: 'audit', paths: docker.containerdSocket },
  { id: '1.1.9', ask: 'audit', paths: docker.socketUnit },
  { id: '1.1.10', ask: 'audit', paths: ['etc/default/docker'] },
  { id: '1.1.11', ask: 'audit', paths: docker.settings },
  { id: '1.1.12', ask: 'audit', paths: ['etc/containerd/config.toml', 'etc/crio/crio.conf'] },
  { id: '1.1.13', ask: 'audit', paths: ['etc/sysconfig/docker'] },
  { id: '1.1.14', ask: 'audit', paths: ['usr/bin/containerd', 'usr/bin/crio'] },
  { id: '1.1.15', ask: 'audit', paths: ['usr/bin/containerd-shim', 'usr/bin/conmon'] },
  { id: '1.1.16', ask: 'audit', paths: ['usr/bin/containerd-shim-runc-v1'] },
  { id: '1.1.17', ask: 'audit', paths: ['usr/bin/containerd-shim-runc-v2'] },
  { id: '1.1.18', ask: 'audit', paths: ['usr/bin/runc', 'usr/sbin/runc', 'usr/bin/crun'] },
  { id: '3.1', ask: 'owner', paths: docker.service },
  { id: '3.2', ask: 'mode', mode: 0o644, paths: docker.service },
  { id: '3.3', ask: 'owner', paths: docker.socketUnit },
  { id: '3.4', ask: 'mode', mode: 0o644, paths: docker.socketUnit },
  { id: '3.5', ask: 'owner', paths: docker.folder },
  { id: '3.6', ask: 'mode', mode: 0o755, paths: docker.folder },
  { id: '3.7', ask: 'owner', paths: docker.certificates, inside: true },
  { id: '3.8', ask: 'mode', mode: 0o444, paths: docker.certificates, inside: true },
  { id: '3.15', ask: 'owner', group: 'docker', paths: docker.socket },
  { id: '3.16', ask: 'mode', mode: 0o660, paths: docker.socket },
  { id: '3.17', ask: 'owner', paths: docker.settings },
  { id: '3.18', ask: 'mode', mode: 0o644, paths: docker.settings },
  { id: '3.19', ask: 'owner', paths: ['etc/default/docker'] },
  { id: '3.20', ask: 'mode', mode: 0o644, paths: ['etc/default/docker'] },
  { id: '3.21', ask: 'mode', mode: 0o644, paths: ['etc/sysconfig/docker'] },
  { id: '3.22', ask: 'owner', paths: ['etc/sysconfig/docker'] },
  { id: '3.23', ask: 'owner', paths: docker.containerdSocket },
  { id: '3.24', ask: 'mode', mode: 0o660, paths: docker.containerdSocket },
];

/** It is there to be judged, and cannot be seen, or is for a person to judge. */
export interface Unseen {
  readonly unseen: Text;
}

/** A check of each running container: null where it holds, else what is wrong; undefined: there is no such thing here. */
export interface ContainerRule {
  readonly id: string;
  readonly title: Text;
  readonly remedy: Text;
  readonly wrong: (one: ContainerFacts) => Text | Unseen | null | undefined;
}

const said = (is: boolean, en: string, es: string): Text | null => (is ? text(en, es) : null);
const SENSITIVE = new Set(['/', '/boot', '/dev', '/etc', '/lib', '/proc', '/sys', '/usr']);
const SOCKETS = /\/(?:docker|podman|containerd|crio)\.sock$/;
const cap = (id: string, name: string): ContainerRule => ({
  id,
  title: text(`No container has CAP_${name}`, `Ningún contenedor tiene CAP_${name}`),
  remedy: text(`take the capability ${name} away`, `quitar la capacidad ${name}`),
  wrong: ({ capAdd, privileged }) =>
    said(privileged || capAdd.includes(name) || capAdd.includes('ALL'), `has CAP_${name}`, `tiene CAP_${name}`),
});

/** Section 5 of the container benchmark with what of section 4 is asked of containers, and what others found missing in it. */
export const CONTAINER_RULES: readonly ContainerRule[] = [
  {
    id: '4.1',
    title: text(
      'Containers run as a user other than root',
      'Los contenedores se ejecutan con un usuario distinto de root',
    ),
    remedy: text(
      'USER in the Containerfile, or runAsUser; darsena root remove writes the manifest',
      'USER en el Containerfile, o runAsUser; darsena root remove escribe el manifiesto',
    ),
    wrong: ({ user }) =>
      user === null
        ? { unseen: text('its user is not told', 'no se dice su usuario') }
        : said(/^(?:|0|root)(?::|$)/.test(user), 'runs as root', 'se ejecuta como root'),
  },
  {
    id: '5.2',
    title: text('Containers run under an AppArmor profile', 'Los contenedores se ejecutan con un perfil de AppArmor'),
    remedy: text('turn AppArmor on, or name a profile', 'activar AppArmor o indicar un perfil'),
    wrong: ({ apparmor }) =>
      apparmor === null ? undefined : said(apparmor === '' || apparmor === 'unconfined', 'no profile', 'sin perfil'),
  },
  {
    id: '5.3',
    title: text('Containers run under SELinux labels', 'Los contenedores se ejecutan con etiquetas de SELinux'),
    remedy: text('turn SELinux on where the system has it', 'activar SELinux donde el sistema lo tenga'),
    wrong: ({ selinux }) => (selinux === null ? undefined : said(selinux === '', 'no label', 'sin etiqueta')),
  },
  {
    id: '5.4',
    title: text(
      'No container gets more capabilities than by default',
      'Ningún contenedor recibe más capacidades que las predeterminadas',
    ),
    remedy: text('drop all, and add back what is needed', 'quitar todas y añadir las necesarias'),
    wrong: ({ capAdd }) => {
      const more = capAdd.filter((name) => !DEFAULT_CAPS.has(name)).join(', ');
      return said(more !== '', more, more);
    },
  },
  {
    id: '5.5',
    title: text('No container is privileged', 'Ningún contenedor es privilegiado'),
    remedy: text('run it without --privileged', 'ejecutarlo sin --privileged'),
    wrong: ({ privileged }) => said(privileged, 'privileged', 'privilegiado'),
  },
  {
    id: '5.6',
    title: text(
      'No sensitive folder of the host is mounted to be written',
      'Ninguna carpeta sensible del host está montada para escribir',
    ),
    remedy: text(
      'mount only what the program needs, and read-only',
      'montar solo lo que el programa necesita, y de solo lectura',
    ),
    wrong: ({ mounts }) => {
      const bad = mounts
        .filter(({ source, rw }) => rw && SENSITIVE.has(source.replace(/\/+$/, '') || '/'))
        .map(({ source }) => source);
      return said(bad.length > 0, bad.join(', '), bad.join(', '));
    },
  },
  {
    id: '5.7',
    title: text('No SSH server runs in a container', 'Ningún servidor SSH se ejecuta en un contenedor'),
    remedy: text('enter by exec instead', 'entrar con exec'),
    wrong: ({ processes }) =>
      processes === null
        ? { unseen: text('its processes are not seen', 'no se ven sus procesos') }
        : said(processes.includes('sshd'), 'sshd runs', 'se ejecuta sshd'),
  },
  {
    id: '5.8',
    title: text(
      'No privileged port of the host leads to a container',
      'Ningún puerto privilegiado del host lleva a un contenedor',
    ),
    remedy: text(
      'publish a port from 1024 on, or through the edge',
      'publicar un puerto desde el 1024, o por el borde',
    ),
    wrong: ({ ports }) => {
      const bad = ports
        .filter(({ hostPort }) => hostPort > 0 && hostPort < 1024)
        .map(({ hostPort }) => String(hostPort));
      return said(bad.length > 0, bad.join(', '), bad.join(', '));
    },
  },
  {
    id: '5.10',
    title: text('No container shares the network of the host', 'Ningún contenedor comparte la red del host'),
    remedy: text('give it a network of its own', 'darle una red propia'),
    wrong: ({ networkMode }) => said(networkMode === 'host', 'network of the host', 'red del host'),
  },
  {
    id: '5.11',
    title: text('The memory of containers is limited', 'La memoria de los contenedores está limitada'),
    remedy: text('set a limit of memory', 'fijar un límite de memoria'),
    wrong: ({ memoryBytes }) => said(memoryBytes <= 0, 'no limit', 'sin límite'),
  },
  {
    id: '5.12',
    title: text('Containers have shares of the processor', 'Los contenedores tienen una cuota de procesador'),
    remedy: text('set a request or limit of processor time', 'fijar una petición o un límite de procesador'),
    wrong: ({ cpuShares }) => said(cpuShares === 0 || cpuShares === 1024, 'none set', 'sin fijar'),
  },
  {
    id: '5.13',
    title: text(
      'The root file system of containers is read-only',
      'El sistema de archivos raíz de los contenedores es de solo lectura',
    ),
    remedy: text(
      'readOnlyRootFilesystem: true, and volumes for what is written',
      'readOnlyRootFilesystem: true, y volúmenes para lo que se escribe',
    ),
    wrong: ({ readonlyRootfs }) => said(!readonlyRootfs, 'writable', 'modificable'),
  },
  {
    id: '5.14',
    title: text('Published ports are bound to one address', 'Los puertos publicados están ligados a una dirección'),
    remedy: text('name the address of the host', 'indicar la dirección del host'),
    wrong: ({ ports }) =>
      said(
        ports.some(({ hostIp }) => hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::'),
        'bound to all addresses',
        'ligado a todas las direcciones',
      ),
  },
  {
    id: '5.15',
    title: text('Restarts after failures are at most five', 'Los reinicios tras fallos son como máximo cinco'),
    remedy: text(
      'on-failure:5, or let the platform restart with back-off',
      'on-failure:5, o dejar que la plataforma reinicie con espera creciente',
    ),
    wrong: ({ restart }) =>
      said(
        !['', 'no'].includes(restart.name) && !(restart.name === 'on-failure' && restart.max > 0 && restart.max <= 5),
        restart.name,
        restart.name,
      ),
  },
  {
    id: '5.16',
    title: text('No container shares the processes of the host', 'Ningún contenedor comparte los procesos del host'),
    remedy: text('hostPID: false', 'hostPID: false'),
    wrong: ({ pidMode }) => said(pidMode === 'host', 'processes of the host', 'procesos del host'),
  },
  {
    id: '5.17',
    title: text('No container shares the IPC of the host', 'Ningún contenedor comparte el IPC del host'),
    remedy: text('hostIPC: false', 'hostIPC: false'),
    wrong: ({ ipcMode }) => said(ipcMode === 'host', 'IPC of the host', 'IPC del host'),
  },
  {
    id: '5.18',
    title: text(
      'No device of the host is given to a container',
      'Ningún dispositivo del host se entrega a un contenedor',
    ),
    remedy: text('take the devices away', 'quitar los dispositivos'),
    wrong: ({ devices }) => said(devices > 0, `${devices} devices`, `${devices} dispositivos`),
  },
  {
    id: '5.19',
    title: text(
      'Limits of resources are set where they are needed',
      'Los límites de recursos están fijados donde hacen falta',
    ),
    remedy: text(
      'set limits, or leave the default ones on purpose',
      'fijar límites o dejar los predeterminados a propósito',
    ),
    // Whether one needs its own is for a person to say; that it has them is seen.
    wrong: ({ ulimits }) =>
      ulimits > 0 ? null : { unseen: text('none of its own: does it need them?', 'ninguno propio: ¿los necesita?') },
  },
  {
    id: '5.20',
    title: text('No mount is shared back to the host', 'Ningún montaje se comparte de vuelta al host'),
    remedy: text('use private or rslave propagation', 'usar propagación private o rslave'),
    wrong: ({ mounts }) =>
      said(
        mounts.some(({ propagation }) => propagation === 'shared' || propagation === 'rshared'),
        'shared mount',
        'montaje compartido',
      ),
  },
  {
    id: '5.21',
    title: text('No container shares the UTS names of the host', 'Ningún contenedor comparte los nombres UTS del host'),
    remedy: text('a UTS namespace of its own', 'un espacio de nombres UTS propio'),
    wrong: ({ utsMode }) => said(utsMode === 'host', 'names of the host', 'nombres del host'),
  },
  {
    id: '5.22',
    title: text(
      'No container runs without its seccomp profile',
      'Ningún contenedor se ejecuta sin su perfil de seccomp',
    ),
    remedy: text('seccompProfile: RuntimeDefault', 'seccompProfile: RuntimeDefault'),
    wrong: ({ seccompUnconfined }) => said(seccompUnconfined, 'unconfined', 'sin confinar'),
  },
  {
    id: '5.25',
    title: text(
      'No container is put into a control group by hand',
      'Ningún contenedor se coloca a mano en un grupo de control',
    ),
    remedy: text('leave the parent group to the engine', 'dejar el grupo padre al motor'),
    wrong: ({ cgroupParent }) => said(cgroupParent !== '', cgroupParent, cgroupParent),
  },
  {
    id: '5.26',
    title: text('Containers cannot gain privileges', 'Los contenedores no pueden ganar privilegios'),
    remedy: text('allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: false'),
    wrong: ({ noNewPrivileges }) => said(!noNewPrivileges, 'may gain privileges', 'puede ganar privilegios'),
  },
  {
    id: '5.27',
    title: text('The health of containers is looked at', 'Se comprueba la salud de los contenedores'),
    remedy: text('give it a probe', 'darle una sonda'),
    wrong: ({ healthcheck }) => (healthcheck === null ? undefined : said(!healthcheck, 'no check', 'sin comprobación')),
  },
  {
    id: '5.29',
    title: text('The number of processes is limited', 'El número de procesos está limitado'),
    remedy: text('set a limit of processes', 'fijar un límite de procesos'),
    wrong: ({ pidsLimit }) => said(pidsLimit <= 0, 'no limit', 'sin límite'),
  },
  {
    id: '5.30',
    title: text('No container is in the default network', 'Ningún contenedor está en la red predeterminada'),
    remedy: text('a network for each application', 'una red para cada aplicación'),
    wrong: ({ networks, networkMode }) =>
      said(
        networkMode === 'default' || networks.includes('bridge') || networks.includes('podman'),
        'default network',
        'red predeterminada',
      ),
  },
  {
    id: '5.31',
    title: text(
      'No container shares the user ids of the host on purpose',
      'Ningún contenedor comparte a propósito los identificadores de usuario del host',
    ),
    remedy: text('give it a user namespace', 'darle un espacio de nombres de usuario'),
    wrong: ({ usernsMode }) => said(usernsMode === 'host', 'user ids of the host', 'identificadores del host'),
  },
  {
    id: '5.32',
    title: text('The engine’s socket is in no container', 'El socket del motor no está en ningún contenedor'),
    remedy: text('take the mount away', 'quitar el montaje'),
    wrong: ({ mounts }) =>
      said(
        mounts.some(({ source, target }) => SOCKETS.test(source) || SOCKETS.test(target)),
        'socket mounted',
        'socket montado',
      ),
  },
  cap('C.5.3.1', 'DAC_READ_SEARCH'),
  cap('C.5.3.2', 'SYS_MODULE'),
  cap('C.5.3.3', 'SYS_ADMIN'),
  cap('C.5.3.4', 'SYS_PTRACE'),
];

/** A check of each image that is there. */
export interface ImageRule {
  readonly id: string;
  readonly title: Text;
  readonly remedy: Text;
  readonly wrong: (one: ImageFacts) => Text | null;
}

export const IMAGE_RULES: readonly ImageRule[] = [
  {
    id: '4.6',
    title: text('Images have a health check', 'Las imágenes tienen una comprobación de salud'),
    remedy: text('HEALTHCHECK, or a probe in the manifest', 'HEALTHCHECK, o una sonda en el manifiesto'),
    wrong: ({ healthcheck }) => said(!healthcheck, 'no check', 'sin comprobación'),
  },
  {
    id: '4.7',
    title: text('No layer only refreshes the package lists', 'Ninguna capa solo actualiza las listas de paquetes'),
    remedy: text('update and install in one instruction', 'actualizar e instalar en una instrucción'),
    wrong: ({ history }) =>
      said(
        history.some((line) => /(?:apt-get|apt|yum|dnf|apk) update\s*(?:#|$)/.test(line)),
        'an update of its own',
        'una actualización aparte',
      ),
  },
  {
    id: '4.9',
    title: text('Files are copied by COPY, not by ADD', 'Los archivos se copian con COPY, no con ADD'),
    remedy: text('COPY instead of ADD', 'COPY en lugar de ADD'),
    wrong: ({ history }) => {
      // The first line is how the base came in.
      const adds = history.slice(1).filter((line) => /(?:^|#\(nop\) )\s*ADD /.test(line));
      return said(adds.length > 0, `${adds.length} ADD`, `${adds.length} ADD`);
    },
  },
];

/** A check of the engine as a whole. `na`: it has no such thing. */
export interface EngineRule {
  readonly id: string;
  readonly title: Text;
  readonly remedy: Text;
  readonly judge: (engine: EngineFacts) => { readonly state: 'pass' | 'fail' | 'na' | 'unknown'; readonly why: Text };
}

const answer = (
  state: 'pass' | 'fail' | 'na' | 'unknown',
  en: string,
  es: string,
): { state: typeof state; why: Text } => ({ state, why: text(en, es) });
const NO_DAEMON = answer('na', 'there is no Docker daemon', 'no hay daemon de Docker');
const BY_HAND = answer('unknown', 'a person has to look at it', 'lo tiene que mirar una persona');

/** A setting of Docker's daemon: `good` of its value; `absent`: what it means when nobody set it. */
function setting(
  id: string,
  title: Text,
  remedy: Text,
  key: string,
  good: (value: unknown) => boolean,
  absent: 'pass' | 'fail',
): EngineRule {
  return {
    id,
    title,
    remedy,
    judge: ({ kind, settings }) => {
      if (kind !== 'docker') return NO_DAEMON;
      const value = settings?.[key];
      const state = value === undefined ? absent : good(value) ? 'pass' : 'fail';
      return answer(state, `${key} = ${JSON.stringify(value ?? null)}`, `${key} = ${JSON.stringify(value ?? null)}`);
    },
  };
}

/** A file that the daemon was told to speak TLS with. */
export interface TlsRule {
  readonly id: string;
  /** The setting that names the file. */
  readonly key: 'tlscacert' | 'tlscert' | 'tlskey';
  readonly ask: 'owner' | 'mode';
  readonly mode?: number;
  readonly title: Text;
}

const tlsFile = (id: string, key: TlsRule['key'], mode: number | null, en: string, es: string): TlsRule => ({
  ...{ id, key, title: text(en, es) },
  ...(mode === null ? { ask: 'owner' } : { ask: 'mode', mode }),
});

export const TLS_RULES: readonly TlsRule[] = [
  tlsFile(
    ...(['3.9', 'tlscacert', null] as const),
    'The certificate of the authority belongs to root',
    'El certificado de la autoridad pertenece a root',
  ),
  tlsFile(
    ...(['3.10', 'tlscacert', 0o444] as const),
    'The certificate of the authority is read-only',
    'El certificado de la autoridad es de solo lectura',
  ),
  tlsFile(
    ...(['3.11', 'tlscert', null] as const),
    'The certificate of the engine belongs to root',
    'El certificado del motor pertenece a root',
  ),
  tlsFile(
    ...(['3.12', 'tlscert', 0o444] as const),
    'The certificate of the engine is read-only',
    'El certificado del motor es de solo lectura',
  ),
  tlsFile(
    ...(['3.13', 'tlskey', null] as const),
    'The key of the engine belongs to root',
    'La clave del motor pertenece a root',
  ),
  tlsFile(
    ...(['3.14', 'tlskey', 0o400] as const),
    'Only root reads the key of the engine',
    'Solo root lee la clave del motor',
  ),
];

const byHand = (id: string, en: string, es: string, remedyEn: string, remedyEs: string): EngineRule => ({
  id,
  title: text(en, es),
  remedy: text(remedyEn, remedyEs),
  judge: () => BY_HAND,
});

const swarm = (id: string, en: string, es: string): EngineRule => ({
  id,
  title: text(en, es),
  remedy: text(
    'leave swarm mode, or set it as the benchmark asks',
    'abandonar el modo swarm o configurarlo como pide el estándar',
  ),
  judge: (engine) => (engine.swarm ? BY_HAND : answer('na', 'no swarm', 'sin swarm')),
});

const enterprise = (id: string, en: string, es: string): EngineRule => ({
  id,
  title: text(en, es),
  remedy: text('the product is no longer sold', 'el producto ya no se vende'),
  judge: () => answer('na', 'Docker Enterprise is not here', 'Docker Enterprise no está aquí'),
});

export const ENGINE_RULES: readonly EngineRule[] = [
  {
    id: '2.1',
    title: text('The engine runs without root where it can', 'El motor se ejecuta sin root donde puede'),
    remedy: text('run it rootless', 'ejecutarlo sin root'),
    judge: ({ rootless }) =>
      answer(rootless ? 'pass' : 'fail', rootless ? 'rootless' : 'as root', rootless ? 'sin root' : 'como root'),
  },
  setting(
    '2.2',
    text(
      'Containers of the default bridge do not see each other',
      'Los contenedores del puente predeterminado no se ven',
    ),
    text('"icc": false', '"icc": false'),
    'icc',
    (value) => value === false,
    'fail',
  ),
  setting(
    '2.3',
    text('The daemon logs at level info', 'El daemon registra con nivel info'),
    text('"log-level": "info"', '"log-level": "info"'),
    'log-level',
    (value) => value === 'info',
    'pass',
  ),
  setting(
    '2.4',
    text('The daemon may set up the packet filter', 'El daemon puede configurar el filtro de paquetes'),
    text('no "iptables": false', 'sin "iptables": false'),
    'iptables',
    (value) => value === true,
    'pass',
  ),
  {
    id: '2.5',
    title: text('No registry is used without TLS', 'Ningún registro se usa sin TLS'),
    remedy: text('take the insecure registries away', 'quitar los registros inseguros'),
    judge: ({ insecureRegistries: list }) =>
      list === null
        ? answer('unknown', 'the engine does not say', 'el motor no lo dice')
        : answer(list.length === 0 ? 'pass' : 'fail', list.join(', ') || 'none', list.join(', ') || 'ninguno'),
  },
  {
    id: '2.6',
    title: text('The aufs storage driver is not used', 'No se usa el controlador de almacenamiento aufs'),
    remedy: text('use overlay', 'usar overlay'),
    judge: ({ storageDriver: driver }) =>
      driver === null
        ? answer('unknown', 'the engine does not say', 'el motor no lo dice')
        : answer(driver === 'aufs' ? 'fail' : 'pass', driver, driver),
  },
  {
    id: '2.7',
    title: text('The engine on the network asks for certificates', 'El motor en la red pide certificados'),
    remedy: text('tlsverify with certificates, or no TCP at all', 'tlsverify con certificados, o nada de TCP'),
    judge: ({ kind, settings }) => {
      const hosts = Array.isArray(settings?.['hosts']) ? settings['hosts'] : [];
      const isOpen = hosts.some((one) => String(one).startsWith('tcp://'));
      if (kind !== 'docker' || !isOpen)
        return answer('na', 'it does not listen on the network', 'no escucha en la red');
      return answer(
        settings?.['tlsverify'] === true ? 'pass' : 'fail',
        `tlsverify = ${String(settings?.['tlsverify'])}`,
        `tlsverify = ${String(settings?.['tlsverify'])}`,
      );
    },
  },
  {
    id: '2.8',
    title: text('Default limits of resources are set', 'Los límites predeterminados de recursos están fijados'),
    remedy: text(
      'default-ulimits (Docker), default_ulimits (Podman)',
      'default-ulimits (Docker), default_ulimits (Podman)',
    ),
    judge: ({ settings }) => {
      const value = settings?.['default-ulimits'] ?? settings?.['default_ulimits'];
      return answer(
        value === undefined ? 'fail' : 'pass',
        `default ulimits: ${JSON.stringify(value ?? null)}`,
        `ulimits predeterminados: ${JSON.stringify(value ?? null)}`,
      );
    },
  },
  {
    id: '2.9',
    title: text(
      'Users of containers are not those of the host',
      'Los usuarios de los contenedores no son los del host',
    ),
    remedy: text(
      'userns-remap (Docker), userns = "auto" (Podman), or rootless',
      'userns-remap (Docker), userns = "auto" (Podman), o sin root',
    ),
    judge: ({ rootless, settings }) => {
      const value = settings?.['userns-remap'] ?? settings?.['userns'];
      const ok = rootless || (typeof value === 'string' && value !== '' && value !== 'host');
      return answer(
        ok ? 'pass' : 'fail',
        rootless ? 'rootless' : `user namespace: ${JSON.stringify(value ?? null)}`,
        rootless ? 'sin root' : `espacio de nombres: ${JSON.stringify(value ?? null)}`,
      );
    },
  },
  setting(
    '2.10',
    text('The default parent control group is in use', 'Se usa el grupo de control padre predeterminado'),
    text('no "cgroup-parent"', 'sin "cgroup-parent"'),
    'cgroup-parent',
    () => false,
    'pass',
  ),
  setting(
    '2.11',
    text('The base device has its own size', 'El dispositivo base tiene su tamaño propio'),
    text('no dm.basesize', 'sin dm.basesize'),
    'storage-opts',
    (value) => !JSON.stringify(value).includes('dm.basesize'),
    'pass',
  ),
  setting(
    '2.12',
    text('A plugin says who may command the daemon', 'Un complemento dice quién puede mandar al daemon'),
    text('"authorization-plugins"', '"authorization-plugins"'),
    'authorization-plugins',
    (value) => Array.isArray(value) && value.length > 0,
    'fail',
  ),
  setting(
    '2.13',
    text('Logs go to another machine', 'Los registros van a otra máquina'),
    text('a "log-driver" that sends', 'un "log-driver" que envíe'),
    'log-driver',
    (value) => typeof value === 'string' && !/^(?:json-file|local|none)$/.test(value),
    'fail',
  ),
  {
    id: '2.14',
    title: text(
      'No container can gain privileges by default',
      'Ningún contenedor puede ganar privilegios de forma predeterminada',
    ),
    remedy: text(
      '"no-new-privileges": true (Docker), no_new_privileges (Podman)',
      '"no-new-privileges": true (Docker), no_new_privileges (Podman)',
    ),
    judge: ({ settings }) => {
      const value = settings?.['no-new-privileges'] ?? settings?.['no_new_privileges'];
      return answer(
        value === true || value === 'true' ? 'pass' : 'fail',
        `no-new-privileges = ${String(value ?? null)}`,
        `no-new-privileges = ${String(value ?? null)}`,
      );
    },
  },
  {
    id: '2.15',
    title: text('Containers go on while the engine is away', 'Los contenedores continúan mientras el motor no está'),
    remedy: text('"live-restore": true', '"live-restore": true'),
    judge: ({ kind, daemon, settings, swarm: inSwarm }) =>
      inSwarm
        ? answer('na', 'swarm', 'swarm')
        : !daemon && kind !== 'docker'
          ? answer(
              'pass',
              'no daemon: a monitor holds each container',
              'sin daemon: un monitor sostiene cada contenedor',
            )
          : answer(
              settings?.['live-restore'] === true ? 'pass' : 'fail',
              `live-restore = ${String(settings?.['live-restore'])}`,
              `live-restore = ${String(settings?.['live-restore'])}`,
            ),
  },
  setting(
    '2.16',
    text('Ports are forwarded by the kernel alone', 'Los puertos los reenvía solo el núcleo'),
    text('"userland-proxy": false', '"userland-proxy": false'),
    'userland-proxy',
    (value) => value === false,
    'fail',
  ),
  {
    id: '2.17',
    title: text(
      'The default seccomp profile is the one that is wanted',
      'El perfil de seccomp predeterminado es el deseado',
    ),
    remedy: text('no "unconfined" as default', 'sin "unconfined" como predeterminado'),
    judge: ({ settings }) => {
      const value = settings?.['seccomp-profile'] ?? settings?.['seccomp_profile'];
      return answer(
        value === 'unconfined' ? 'fail' : 'pass',
        `seccomp profile: ${String(value ?? 'default')}`,
        `perfil de seccomp: ${String(value ?? 'default')}`,
      );
    },
  },
  setting(
    '2.18',
    text('No experimental features', 'Sin funciones experimentales'),
    text('no "experimental": true', 'sin "experimental": true'),
    'experimental',
    (value) => value === false,
    'pass',
  ),
  byHand(
    '4.2',
    'Containers stand on trusted base images',
    'Los contenedores se basan en imágenes de confianza',
    'sign images, and ask for signatures: darsena trust',
    'firmar las imágenes y pedir firmas: darsena trust',
  ),
  byHand(
    '4.3',
    'Images hold no needless packages',
    'Las imágenes no contienen paquetes innecesarios',
    'darsena scan IMAGE',
    'darsena scan IMAGEN',
  ),
  byHand(
    '4.4',
    'Images are scanned and made anew for updates',
    'Las imágenes se analizan y se rehacen con actualizaciones',
    'darsena scan IMAGE; darsena watch',
    'darsena scan IMAGEN; darsena watch',
  ),
  {
    id: '4.5',
    title: text('Signatures are asked for', 'Se piden firmas'),
    remedy: text(
      'DOCKER_CONTENT_TRUST=1, or a policy.json that rejects what is not signed',
      'DOCKER_CONTENT_TRUST=1, o un policy.json que rechace lo no firmado',
    ),
    judge: ({ kind, settings }) =>
      kind === 'docker'
        ? answer(
            process.env['DOCKER_CONTENT_TRUST'] === '1' ? 'pass' : 'fail',
            `DOCKER_CONTENT_TRUST = ${process.env['DOCKER_CONTENT_TRUST'] ?? ''}`,
            `DOCKER_CONTENT_TRUST = ${process.env['DOCKER_CONTENT_TRUST'] ?? ''}`,
          )
        : answer(
            settings?.['policy.default'] === undefined
              ? 'unknown'
              : settings['policy.default'] === 'insecureAcceptAnything'
                ? 'fail'
                : 'pass',
            `policy.json: ${String(settings?.['policy.default'] ?? '-')}`,
            `policy.json: ${String(settings?.['policy.default'] ?? '-')}`,
          ),
  },
  byHand(
    '4.8',
    'No needless setuid programs in images',
    'Sin programas setuid innecesarios en las imágenes',
    'take the bits away in the build',
    'quitar los bits en la construcción',
  ),
  byHand(
    '4.10',
    'No credentials in build files',
    'Sin credenciales en los archivos de construcción',
    'darsena scan IMAGE finds them',
    'darsena scan IMAGEN las encuentra',
  ),
  byHand(
    '4.11',
    'Only verified packages are installed',
    'Solo se instalan paquetes verificados',
    'signed repositories and digests',
    'repositorios firmados y digests',
  ),
  byHand(
    '4.12',
    'Signed artifacts are verified',
    'Los artefactos firmados se verifican',
    'darsena trust verify IMAGE',
    'darsena trust verify IMAGEN',
  ),
  {
    id: '5.1',
    title: text('Swarm mode is off', 'El modo swarm está desactivado'),
    remedy: text('docker swarm leave', 'docker swarm leave'),
    judge: ({ kind, swarm: on }) =>
      kind === 'docker'
        ? answer(on ? 'fail' : 'pass', on ? 'on' : 'off', on ? 'activado' : 'desactivado')
        : answer('na', 'this engine has no swarm', 'este motor no tiene swarm'),
  },
  byHand(
    '5.9',
    'Only needed ports are open',
    'Solo los puertos necesarios están abiertos',
    'EXPOSE what is used',
    'EXPOSE de lo que se usa',
  ),
  byHand(
    '5.23',
    'Nobody enters containers with all privileges',
    'Nadie entra en los contenedores con todos los privilegios',
    'watch exec in the audit log',
    'vigilar exec en la auditoría',
  ),
  byHand(
    '5.24',
    'Nobody enters containers as root',
    'Nadie entra en los contenedores como root',
    'watch exec in the audit log',
    'vigilar exec en la auditoría',
  ),
  byHand(
    '5.28',
    'Images are used by their newest version',
    'Las imágenes se usan en su versión más reciente',
    'pin by digest and renew: darsena watch',
    'fijar por digest y renovar: darsena watch',
  ),
  {
    id: '6.1',
    title: text('No heap of unused images', 'Sin montón de imágenes sin usar'),
    remedy: text('remove what nothing runs', 'eliminar lo que nadie ejecuta'),
    judge: ({ images, containers }) => {
      if (images === null || containers === null)
        return answer('unknown', 'the engine does not say', 'el motor no lo dice');
      const used = new Set(containers.map(({ image }) => image));
      const idle = images.filter(({ id, name }) => !used.has(id) && !used.has(name)).length;
      return answer(
        idle * 2 > images.length && images.length > 10 ? 'fail' : 'pass',
        `${idle} of ${images.length} images run nowhere`,
        `${idle} de ${images.length} imágenes no se ejecutan`,
      );
    },
  },
  {
    id: '6.2',
    title: text('No heap of stopped containers', 'Sin montón de contenedores detenidos'),
    remedy: text('remove what has ended', 'eliminar lo terminado'),
    judge: ({ containers, containerCount }) => {
      if (containers === null || containerCount === null)
        return answer('unknown', 'the engine does not say', 'el motor no lo dice');
      const idle = containerCount - containers.length;
      return answer(
        idle > 25 ? 'fail' : 'pass',
        `${idle} of ${containerCount} are stopped`,
        `${idle} de ${containerCount} están detenidos`,
      );
    },
  },
  swarm('7.1', 'As few managers as needed', 'Solo los gestores necesarios'),
  swarm(
    '7.2',
    'Services of the swarm are bound to one address',
    'Los servicios del swarm están ligados a una dirección',
  ),
  swarm('7.3', 'Overlay networks are encrypted', 'Las redes superpuestas están cifradas'),
  swarm('7.4', 'Secrets are kept as secrets', 'Los secretos se guardan como secretos'),
  swarm('7.5', 'Managers start locked', 'Los gestores arrancan bloqueados'),
  swarm('7.6', 'The key of managers is changed', 'La clave de los gestores se cambia'),
  swarm('7.7', 'Certificates of nodes are changed', 'Los certificados de los nodos se cambian'),
  swarm('7.8', 'Certificates of the authority are changed', 'Los certificados de la autoridad se cambian'),
  swarm('7.9', 'Control and data go by different ways', 'El control y los datos van por caminos distintos'),
  enterprise('8.1.1', 'LDAP names the users', 'LDAP nombra a los usuarios'),
  enterprise('8.1.2', 'Certificates come from outside', 'Los certificados vienen de fuera'),
  enterprise('8.1.3', 'Users come by certificate', 'Los usuarios entran con certificado'),
  enterprise('8.1.4', 'Roles are applied', 'Se aplican roles'),
  enterprise('8.1.5', 'Signed images are asked for', 'Se piden imágenes firmadas'),
  enterprise('8.1.6', 'A user has three sessions at most', 'Un usuario tiene como máximo tres sesiones'),
  enterprise('8.1.7', 'Sessions end', 'Las sesiones terminan'),
  enterprise('8.2.1', 'Images are scanned', 'Las imágenes se analizan'),
  {
    id: 'C.2',
    title: text(
      'The first version of the registry protocol is not spoken',
      'No se habla la primera versión del protocolo de registro',
    ),
    remedy: text('use a newer engine', 'usar un motor más nuevo'),
    judge: ({ kind, version }) =>
      kind === 'none'
        ? answer('na', 'no engine', 'sin motor')
        : answer(
            kind === 'docker' && Number.parseInt(version, 10) < 18 ? 'fail' : 'pass',
            `${kind} ${version}`,
            `${kind} ${version}`,
          ),
  },
];

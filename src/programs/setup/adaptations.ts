import type { Text } from '../../system/index.ts';
import type { Adaptation, Ports, RuntimeName } from './instance.ts';
import type { Machine } from './machine.ts';

/** What an instance does on this machine because of what the machine is. */
export interface MachinePlan {
  readonly runtime: RuntimeName;
  readonly cgroupManager: 'systemd' | 'cgroupfs';
  /** The bus by which an ordinary user's Podman asks systemd for control groups. */
  readonly sessionBus: string | null;
  /** `default_ulimits` of containers.conf; null leaves Podman's own. */
  readonly ulimits: readonly string[] | null;
  readonly sensor: boolean;
  readonly adaptations: readonly Adaptation[];
}

/** Below this a build with a package manager inside runs out of memory beside the platform. */
const MEMORY_BYTES_LOW = 2 * 1024 ** 3;
/** A base image, a build and its layers for three services, twice, with room for logs. */
const DISK_BYTES_LOW = 5 * 1024 ** 3;
/** What servers commonly ask for at most; more is taken only where the machine's own limit is lower. */
const PROCESSES_MAX = 8192;

/** The sensor works without BPF programs: it sees less, and is given other rights. */
export const WEAK_SENSOR = 'weak-sensor';

/** Decides from facts alone; what differs from a full machine is said in a line each. */
export function planMachine(machine: Machine): MachinePlan {
  const adaptations: Adaptation[] = [];
  const adapt = (code: string, text: Text): void => {
    adaptations.push({ code, text });
  };
  const rootless = machine.mode === 'rootless';

  let runtime: RuntimeName = 'crun';
  if (machine.cgroup !== 'v2') {
    runtime = 'runc';
    adapt('cgroup', {
      en: `cgroup ${machine.cgroup}: containers run with runc, because crun needs cgroup v2`,
      es: `cgroup ${machine.cgroup}: los contenedores usan runc, porque crun necesita cgroup v2`,
    });
  } else if (!machine.limits.raisable && !rootless) {
    runtime = 'runc';
  }
  if (rootless && machine.cgroup !== 'v2') {
    adapt('rootless-limits', {
      en: `cgroup ${machine.cgroup} without root: memory and process limits of workloads are not enforced`,
      es: `cgroup ${machine.cgroup} sin root: los límites de memoria y procesos de las cargas de trabajo no se aplican`,
    });
  }

  // Podman then goes on without a word to us: containers run in whatever group the agent is in, and no limit holds.
  if (rootless && machine.cgroup === 'v2' && (!machine.systemd || machine.sessionBus === null)) {
    adapt('rootless-limits', {
      en: 'this account has no session of systemd to give containers groups: memory, processor and process limits of workloads are not enforced until root runs: apt-get install dbus-user-session && loginctl enable-linger "$USER", and then again: darsena up',
      es: 'esta cuenta no tiene una sesión de systemd que dé grupos a los contenedores: los límites de memoria, procesador y procesos de las cargas de trabajo no se aplican hasta que root ejecute: apt-get install dbus-user-session && loginctl enable-linger "$USER", y después otra vez: darsena up',
    });
  }

  let ulimits: string[] | null = null;
  if (!machine.limits.raisable) {
    const files = machine.limits.openFiles;
    const processes = Math.min(machine.limits.processes ?? PROCESSES_MAX, PROCESSES_MAX);
    // Soft and hard alike: Podman 4.3 hands different ones to a pod's infra container the wrong way round (runc: EINVAL).
    ulimits = [...(files === null ? [] : [`nofile=${files}:${files}`]), `nproc=${processes}:${processes}`];
    adapt('ulimits', {
      en: `limits cannot be raised here (no CAP_SYS_RESOURCE): a container may open ${files ?? 'all'} files and run ${processes} processes at most`,
      es: `aquí no se pueden subir los límites (sin CAP_SYS_RESOURCE): un contenedor puede abrir ${files ?? 'todos los'} archivos y tener ${processes} procesos como máximo`,
    });
  }

  let sensor = true;
  if (rootless) {
    sensor = false;
    adapt('rootless', {
      en: 'running as an ordinary user: no kernel sensor (no alerts), and workloads, builds and platform share this account’s rights; as root each has its own user',
      es: 'en marcha como usuario corriente: sin sensor del núcleo (sin alertas), y cargas de trabajo, construcciones y plataforma comparten los derechos de esta cuenta; como root cada parte tiene su propio usuario',
    });
  } else if (!machine.btf || machine.locked || !machine.capabilities.bpf || !machine.capabilities.perfmon) {
    const missing = machine.btf
      ? machine.locked
        ? 'lockdown ≠ confidentiality'
        : 'CAP_BPF, CAP_PERFMON'
      : '/sys/kernel/btf/vmlinux';
    sensor = machine.capabilities.sysAdmin;
    if (sensor) {
      adapt(WEAK_SENSOR, {
        en: `no BPF programs here (missing: ${missing}): the sensor sees programs started and files opened, by fanotify and audit; no connections, no other calls, nothing blocked in the kernel`,
        es: `aquí no hay programas BPF (falta: ${missing}): el sensor ve programas iniciados y archivos abiertos, por fanotify y audit; no ve conexiones ni otras llamadas, y nada se bloquea en el núcleo`,
      });
    } else
      adapt('no-sensor', {
        en: `the kernel cannot be watched (missing: ${missing}): no events, so no alerts from workloads`,
        es: `no se puede observar el núcleo (falta: ${missing}): sin eventos, y por tanto sin alertas de las cargas de trabajo`,
      });
  }

  if (sensor && machine.unmounted.length > 0 && machine.capabilities.sysAdmin) {
    const names = machine.unmounted.join(', ');
    adapt('kernel-mounts', {
      en: `not mounted by this machine: ${names}; "up" mounts what is missing, so that the sensor sees every call and goes on where it was after a restart`,
      es: `sin montar en esta máquina: ${names}; «up» monta lo que falta, para que el sensor vea todas las llamadas y siga donde estaba tras un reinicio`,
    });
  }

  if (rootless && machine.devices.tun !== 'open') {
    adapt('tun', {
      en: `/dev/net/tun is ${machine.devices.tun}: pods have no network until root runs: chmod 666 /dev/net/tun`,
      es: `/dev/net/tun está ${spanishState(machine.devices.tun)}: los pods no tienen red hasta que root ejecute: chmod 666 /dev/net/tun`,
    });
  }
  if (rootless && machine.devices.fuse !== 'open') {
    adapt('fuse', {
      en: `/dev/fuse is ${machine.devices.fuse}: storage uses the kernel’s own overlay only`,
      es: `/dev/fuse está ${spanishState(machine.devices.fuse)}: el almacenamiento usa solo el overlay del núcleo`,
    });
  }
  if (!machine.subIds) {
    adapt('sub-ids', {
      en: 'this account has no sub-ids: images with several users do not unpack until root runs: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$USER"',
      es: 'esta cuenta no tiene sub-ids: las imágenes con varios usuarios no se desempaquetan hasta que root ejecute: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$USER"',
    });
  }
  if (!machine.systemd) {
    adapt('no-systemd', {
      en: 'no systemd: the platform’s own supervisor keeps it running, but it does not start at boot; run there: darsena up --yes',
      es: 'sin systemd: el supervisor propio mantiene la plataforma en marcha, pero no arranca con la máquina; ejecutar al arrancar: darsena up --yes',
    });
  }
  if (machine.memoryBytes < MEMORY_BYTES_LOW) {
    adapt('memory', {
      en: `${gigabytes(machine.memoryBytes)} of memory: builds may run out of it; 2 GB or more is comfortable`,
      es: `${gigabytes(machine.memoryBytes)} de memoria: puede faltar en las construcciones; con 2 GB o más se trabaja bien`,
    });
  }
  if (machine.diskFreeBytes < DISK_BYTES_LOW) {
    adapt('disk', {
      en: `${gigabytes(machine.diskFreeBytes)} of disk are free: images and layers need about 5 GB`,
      es: `quedan ${gigabytes(machine.diskFreeBytes)} de disco: imágenes y capas necesitan unos 5 GB`,
    });
  }

  return {
    runtime,
    cgroupManager:
      machine.systemd && machine.cgroup === 'v2' && (!rootless || machine.sessionBus !== null) ? 'systemd' : 'cgroupfs',
    sessionBus: machine.sessionBus,
    ulimits,
    sensor,
    adaptations,
  };
}

const PORT_NAMES: Readonly<Record<keyof Ports, Text>> = {
  console: { en: 'console, API and registry', es: 'consola, API y registro' },
  agents: { en: 'agents', es: 'agentes' },
  edgeHttps: { en: 'published services (HTTPS)', es: 'servicios publicados (HTTPS)' },
  edgeHttp: { en: 'published services (HTTP)', es: 'servicios publicados (HTTP)' },
};

/** A usual port was taken, or closed to an ordinary user. `holder` is the process that has it, where it can be known. */
export function portAdaptation(
  what: keyof Ports,
  change: {
    readonly wanted: number;
    readonly got: number;
    readonly holder: string | null;
    readonly privileged: boolean;
  },
): Adaptation {
  const { wanted, got, holder, privileged } = change;
  const name = PORT_NAMES[what];
  const why = privileged
    ? { en: 'open to root only', es: 'abierto solo a root' }
    : holder === null
      ? { en: 'taken', es: 'ocupado' }
      : { en: `taken by ${holder}`, es: `ocupado por ${holder}` };
  return {
    code: `port-${what.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    text: {
      en: `port ${wanted} is ${why.en}: ${name.en} on port ${got}`,
      es: `el puerto ${wanted} está ${why.es}: ${name.es} en el puerto ${got}`,
    },
  };
}

export function portName(what: keyof Ports): Text {
  return PORT_NAMES[what];
}

function spanishState(state: Machine['devices']['tun']): string {
  return state === 'closed' ? 'cerrado a este usuario' : 'ausente';
}

function gigabytes(sizeBytes: number): string {
  return `${(sizeBytes / 1024 ** 3).toFixed(1)} GB`;
}

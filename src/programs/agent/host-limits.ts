import { readFile } from 'node:fs/promises';
import { defineFaults } from '../../system/index.ts';
import type { HostTask } from '../link/protocol.ts';

export const hostLimitFault = defineFaults({
  'agent.host-limit': {
    kind: 'refused',
    en: {
      what: 'this host does not do that',
      why: 'its own limits, which only its administrator changes, do not allow {task}',
      remedy: 'on the host, as root: set "{task}": true in {path}',
    },
    es: {
      what: 'este host no hace eso',
      why: 'sus propios límites, que solo cambia quien lo administra, no permiten {task}',
      remedy: 'en el host, como root: poner "{task}": true en {path}',
    },
  },
  'agent.foreign-container': {
    kind: 'forbidden',
    en: {
      what: 'the container {container} is left alone',
      why: 'it is none of those that this instance runs on this host',
      remedy: 'darsena ps',
    },
    es: {
      what: 'el contenedor {container} no se toca',
      why: 'no es ninguno de los que esta instancia ejecuta en este host',
      remedy: 'darsena ps',
    },
  },
  'agent.restart-unable': {
    kind: 'needs',
    en: {
      what: 'this host cannot be told to start again',
      why: '{why}',
      remedy: 'without systemd: put a program that does it at /etc/darsena/restart, owned by root',
    },
    es: {
      what: 'a este host no se le puede pedir que reinicie',
      why: '{why}',
      remedy: 'sin systemd: poner en /etc/darsena/restart un programa que lo haga, propiedad de root',
    },
  },
  'agent.patch-unnamed': {
    kind: 'refused',
    en: {
      what: 'the live patch {name} is not brought in',
      why: 'control named no digest of it, and a host takes nothing by name',
    },
    es: {
      what: 'el parche en vivo {name} no se activa',
      why: 'control no indicó su digest, y un host no toma nada por su nombre',
    },
  },
  'agent.host-limits-broken': {
    kind: 'refused',
    en: {
      what: 'this host does nothing for control',
      why: 'its limits in {path} cannot be read',
      remedy: 'repair the file, or remove it for the defaults',
    },
    es: {
      what: 'este host no hace nada para control',
      why: 'sus límites en {path} no se pueden leer',
      remedy: 'reparar el archivo, o quitarlo para usar los valores por defecto',
    },
  },
});

/** The tasks, and `trust`: whether control may change whom this host believes. */
type LimitName = HostTask['kind'] | 'trust';
type HostLimits = Readonly<Record<LimitName, boolean>>;

/** What control may ask when nobody wrote limits down; privileged pods, host paths and host networks cannot be asked at all. */
const DEFAULTS: HostLimits = {
  build: true,
  base: true,
  kill: true,
  'foreign-stop': true,
  stop: true,
  exec: true,
  logs: true,
  attach: true,
  debug: true,
  stats: true,
  top: true,
  diff: true,
  'copy-out': true,
  'copy-in': true,
  forward: true,
  trust: true,
  'edge-log': true,
  'kernel-patch': true,
  'kernel-shield': true,
  'kernel-modules': true,
  profile: true,
  'host-reboot': true,
  bench: true,
  'bench-fix': true,
  contain: true,
  evidence: true,
  activity: true,
  'kept-rules': true,
  'builder-key': true,
  volume: true,
  drill: true,
};

/**
 * Asks the host's own file, which control cannot write, whether this kind of task may be done. Read anew each time, so
 * that a change holds at once; a file that cannot be understood allows nothing.
 * @throws Fault agent.host-limit, agent.host-limits-broken
 */
export async function requireAllowed(task: LimitName, path: string): Promise<void> {
  let limits = DEFAULTS;
  try {
    const written: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof written !== 'object' || written === null || Array.isArray(written)) throw new TypeError('not an object');
    for (const [name, value] of Object.entries(written)) {
      if (!Object.hasOwn(DEFAULTS, name) || typeof value !== 'boolean')
        throw new TypeError(`${name} is not understood`);
    }
    limits = { ...DEFAULTS, ...written };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw hostLimitFault('agent.host-limits-broken', { path }, { cause: error });
  }
  if (!limits[task]) throw hostLimitFault('agent.host-limit', { task, path });
}

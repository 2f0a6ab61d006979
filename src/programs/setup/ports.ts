import { createServer, type Server } from 'node:net';
import { portAdaptation, portName } from './adaptations.ts';
import { setupFault } from './errors.ts';
import type { Adaptation, Mode, Ports } from './instance.ts';
import { listenerOf } from './processes.ts';

/** The usual port of each door, then the range that is searched upwards when it is taken. Documented; once chosen it stays. */
export const PORT_RANGES: Readonly<Record<Mode, Readonly<Record<keyof Ports, readonly [number, number, number]>>>> = {
  root: {
    console: [7443, 7443, 7542],
    agents: [7444, 7443, 7542],
    edgeHttps: [443, 8443, 8542],
    edgeHttp: [80, 8080, 8179],
  },
  // Ports below 1024 are closed to ordinary users (net.ipv4.ip_unprivileged_port_start).
  rootless: {
    console: [7443, 7443, 7542],
    agents: [7444, 7443, 7542],
    edgeHttps: [8443, 8443, 8542],
    edgeHttp: [8080, 8080, 8179],
  },
};

const DOORS = ['console', 'agents', 'edgeHttps', 'edgeHttp'] as const;

/**
 * Chooses a free port for each door: the usual one, else the next free of its range, said as an adaptation. `reserved`
 * ports belong to somebody who does not listen now; it maps them to that holder's name. Those that `keeper` says are kept by
 * somebody are taken only where no other is free. The chosen ports are held until `release`; no other `up` on this machine, whoever's it is, chooses them before this process ends or calls `abandon`.
 * @throws Fault `setup.no-ports`
 */
export async function choosePorts(
  mode: Mode,
  bind: string,
  reserved: ReadonlyMap<number, string>,
  keeper: (port: number) => Promise<string | null> = async () => null,
): Promise<{
  ports: Ports;
  adaptations: Adaptation[];
  release: () => Promise<void>;
  abandon: () => Promise<void>;
}> {
  const held: Server[] = [];
  const claims: Server[] = [];
  const release = (): Promise<void> => closeAll(held);
  const abandon = (): Promise<void> => closeAll([...held, ...claims]);
  const taken = new Set(reserved.keys());
  const adaptations: Adaptation[] = [];
  const chosen: Partial<Record<keyof Ports, number>> = {};
  for (const door of DOORS) {
    const [usual, first, last] = PORT_RANGES[mode][door];
    const free: number[] = [];
    const kept: number[] = [];
    for (const candidate of [usual, ...Array.from({ length: last - first + 1 }, (_, index) => first + index)])
      ((await keeper(candidate)) === null ? free : kept).push(candidate);
    let port: number | undefined;
    for (const candidate of [...free, ...kept]) {
      // The usual port of another door is left to it.
      const foreign = DOORS.some((other) => other !== door && PORT_RANGES[mode][other][0] === candidate);
      if (taken.has(candidate) || foreign) continue;
      const claim = await hold({ path: claimOf(candidate) });
      if (claim === null) continue;
      const server = await hold({ port: candidate, host: bind });
      if (server === null) {
        await closeAll([claim]);
        continue;
      }
      claims.push(claim);
      held.push(server);
      port = candidate;
      break;
    }
    if (port === undefined) {
      await abandon();
      throw setupFault('setup.no-ports', { what: portName(door).en, first, last, bind });
    }
    taken.add(port);
    chosen[door] = port;
    if (port !== usual) {
      const holder = reserved.get(usual) ?? (await listenerOf(usual)) ?? (await keeper(usual));
      adaptations.push(portAdaptation(door, { wanted: usual, got: port, holder, privileged: false }));
    }
  }
  const { console, agents, edgeHttps, edgeHttp } = chosen;
  if (console === undefined || agents === undefined || edgeHttps === undefined || edgeHttp === undefined) {
    throw new TypeError('a door was left without a port');
  }
  if (mode === 'rootless') {
    for (const [door, usual] of [
      ['edgeHttps', 443],
      ['edgeHttp', 80],
    ] as const) {
      adaptations.push(
        portAdaptation(door, { wanted: usual, got: chosen[door] ?? usual, holder: null, privileged: true }),
      );
    }
  }
  return { ports: { console, agents, edgeHttps, edgeHttp }, adaptations, release, abandon };
}

/** True when a listener could be opened on it now. */
export async function isFree(port: number, bind: string): Promise<boolean> {
  const server = await hold({ port, host: bind });
  if (server === null) return false;
  await closeAll([server]);
  return true;
}

/**
 * The name by which a process says that a port will be its instance's: an abstract socket (unix(7)), which every user of
 * the machine sees and which ends with the process. Between letting go of a port and the first listener of the program
 * that gets it lie seconds, and nobody can read what other people's instances wrote down.
 */
function claimOf(port: number): string {
  return `\0darsena-port-${port}`;
}

function hold(place: { port: number; host: string } | { path: string }): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.unref();
    server.listen({ ...place, exclusive: true }, () => resolve(server));
  });
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
}

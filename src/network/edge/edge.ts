import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chown, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Log, runCommand, writeFileAtomic } from '../../system/index.ts';
import type { IssuedCertificate } from '../certificates.ts';
import { networkFault } from '../errors.ts';
import {
  backendName,
  type EdgeSettings,
  missingPage,
  renderConfig,
  type Slots,
  serverName,
  unavailableAnswer,
} from './config.ts';
import { askHaproxy } from './haproxy-socket.ts';
import { checkRoute, type EdgeRoute, type Endpoint, WEIGHT_DEFAULT } from './route.ts';

/** Places kept for one service's replicas: scaling within them needs no reload. */
const SLOTS_MIN = 8;
const START_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

export interface EdgeOptions {
  readonly ports: { readonly https: number; readonly http: number };
  /** @default 127.0.0.1 */
  readonly addresses?: readonly string[];
  /** Who HAProxy is; null: this process's own user. Ports below 1024 need this process to be root. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  /** Configuration, certificate and pages: readable by that user, written by this process only. */
  readonly folder: string;
  /** Sockets and process id: that user's own, 0700. */
  readonly run: string;
  /** Appended to. */
  readonly logFile: string;
  readonly certificate: IssuedCertificate;
  /** Who keeps HAProxy running when it is not this process: it starts as soon as its configuration is there. */
  readonly keeper?: { readonly pid: () => Promise<number | null> };
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The edge: HAProxy as a process of its own. It outlives this process, so that published services answer while the agent
 * is away, and is taken over again by `start`. Routes change by a hitless reload, endpoints without one.
 */
export class Edge {
  readonly #options: EdgeOptions;
  readonly #settings: EdgeSettings;
  readonly #config: string;
  readonly #pidFile: string;
  #slots = new Map<string, (Endpoint | null)[]>();
  #shape = '';
  #routes: readonly EdgeRoute[] = [];
  #queue: Promise<void> = Promise.resolve();

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#config = join(options.folder, 'haproxy.cfg');
    this.#pidFile = join(options.run, 'haproxy.pid');
    this.#settings = {
      ports: options.ports,
      addresses: options.addresses ?? ['127.0.0.1'],
      certificate: join(options.folder, 'published.pem'),
      statsSocket: join(options.run, 'haproxy.sock'),
      unavailablePage: join(options.folder, '503.http'),
      missingPage: join(options.folder, '404.html'),
    };
  }

  /** Starts HAProxy, or takes over the one an earlier process left, with the given routes. @throws Fault network.edge-* */
  async start(routes: readonly EdgeRoute[] = []): Promise<void> {
    await this.#put('503.http', unavailableAnswer());
    await this.#put('404.html', missingPage());
    await this.#put('published.pem', pemOf(this.#options.certificate));
    await this.#reshape(routes);
  }

  /**
   * Publishes exactly these routes. Calls are taken one after the other.
   * @throws Fault network.route-invalid, network.edge-config (the last good configuration stays), network.edge-down
   */
  apply(routes: readonly EdgeRoute[]): Promise<void> {
    for (const route of routes) checkRoute(route);
    return this.#serially(async () => {
      const slots = placeEndpoints(routes, this.#slots);
      if (shapeOf(routes, slots) !== this.#shape || !(await this.running())) return this.#reshape(routes);
      const commands = [...slots].flatMap(([service, places]) =>
        changesOf(service, this.#slots.get(service) ?? [], places),
      );
      this.#slots = slots;
      this.#routes = routes;
      if (commands.length === 0) return;
      // The file first: a HAProxy that starts anew starts with what is true now.
      await this.#put('haproxy.cfg', renderConfig(this.#settings, routes, slots));
      for (const command of commands) await this.#ask(command);
    });
  }

  /** Replaces the certificate of running listeners; connections stay. */
  setCertificate(certificate: IssuedCertificate): Promise<void> {
    return this.#serially(async () => {
      const path = this.#settings.certificate;
      await this.#put('published.pem', pemOf(certificate));
      if (!(await this.running())) return;
      await askHaproxy(this.#settings.statsSocket, `set ssl cert ${path} <<\n${pemOf(certificate)}`);
      await askHaproxy(this.#settings.statsSocket, `commit ssl cert ${path}`);
    });
  }

  /** Sends an endpoint no new requests and waits until it has answered the ones it has, at most `timeoutMs`. */
  async drain(endpoint: Endpoint, timeoutMs: number): Promise<void> {
    const places = [...this.#slots].flatMap(([service, slots]) =>
      slots.flatMap((slot, place) => (sameEndpoint(slot, endpoint) ? [{ service, place }] : [])),
    );
    if (places.length === 0 || !(await this.running())) return;
    const { clock } = this.#options;
    const end = clock.monotonicMs() + timeoutMs;
    for (const { service, place } of places) {
      await this.#ask(`set server ${backendName(service)}/${serverName(place)} state maint`);
      // Its place is free again: should the same replica come back, it is made ready anew.
      const slots = this.#slots.get(service);
      if (slots !== undefined) slots[place] = null;
    }
    while (clock.monotonicMs() < end) {
      const table = (await askHaproxy(this.#settings.statsSocket, 'show stat -1 4 -1')).split('\n');
      const busy = places.some(({ service, place }) => {
        const row = table.find((line) => line.startsWith(`${backendName(service)},${serverName(place)},`))?.split(',');
        // Column 5 is scur, the sessions of now.
        return Number(row?.[4] ?? 0) > 0;
      });
      if (!busy) return;
      await clock.sleep(POLL_MS);
    }
  }

  async running(): Promise<boolean> {
    if ((await this.#pid()) === null) return false;
    return this.#workerPid().then(
      (pid) => pid !== null,
      () => false,
    );
  }

  /** Ends HAProxy: listeners close at once, requests under way get `graceMs`. */
  async stop(graceMs = 5_000): Promise<void> {
    await this.#serially(async () => {
      const pid = await this.#pid();
      if (pid === null) return;
      signal(pid, 'SIGUSR1');
      const { clock } = this.#options;
      for (const end = clock.monotonicMs() + graceMs; clock.monotonicMs() < end; ) {
        if ((await this.#pid()) === null) break;
        await clock.sleep(POLL_MS);
      }
      if ((await this.#pid()) !== null) signal(pid, 'SIGTERM');
      this.#shape = '';
      await rm(this.#pidFile, { force: true });
    });
  }

  async #reshape(routes: readonly EdgeRoute[]): Promise<void> {
    const slots = placeEndpoints(routes, this.#slots);
    const text = renderConfig(this.#settings, routes, slots);
    await this.#check(text);
    await this.#put('haproxy.cfg', text);
    if (await this.running()) await this.#reload();
    else await this.#spawn();
    this.#slots = slots;
    this.#routes = routes;
    this.#shape = shapeOf(routes, slots);
    this.#options.log.info({ routes: this.#routes.length }, 'the edge has its routes');
  }

  async #check(text: string): Promise<void> {
    const candidate = await this.#put('candidate.cfg', text);
    const { user } = this.#options;
    const { code, stdout, stderr } = await runCommand('haproxy', ['-c', '-q', '-f', candidate], {
      ...(user === null || process.geteuid?.() !== 0 ? {} : user),
      timeoutMs: 10_000,
    });
    await rm(candidate, { force: true });
    if (code === 0) return;
    const reason = `${stdout}${stderr}`.split('\n').find((line) => line.includes('[ALERT]')) ?? `code ${code}`;
    throw networkFault('network.edge-config', { reason: reason.slice(0, 300) });
  }

  async #spawn(): Promise<void> {
    const { user, run, logFile, keeper } = this.#options;
    if (keeper !== undefined) {
      await this.#waitFor(() => this.#answers());
      return;
    }
    const haproxy = ['haproxy', '-W', '-f', this.#config, '-p', this.#pidFile];
    const asRoot = process.geteuid?.() === 0;
    // Of root's powers it keeps one, to bind ports below 1024, and can gain no other.
    const low = Math.min(this.#options.ports.https, this.#options.ports.http) < 1024;
    const powers = low ? '-all,+net_bind_service' : '-all';
    const [file = '', ...args] =
      user !== null && asRoot
        ? [
            'setpriv',
            `--reuid=${user.uid}`,
            `--regid=${user.gid}`,
            '--clear-groups',
            '--no-new-privs',
            `--inh-caps=${powers}`,
            `--ambient-caps=${powers}`,
            `--bounding-set=${powers}`,
            '--',
            ...haproxy,
          ]
        : haproxy;
    const output = openSync(logFile, 'a', 0o640);
    try {
      const child = spawn(file, args, {
        cwd: run,
        detached: true,
        stdio: ['ignore', output, output],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      });
      let failure: unknown;
      child.once('error', (error) => {
        failure = error;
      });
      child.unref();
      await this.#waitFor(async () => {
        if (failure !== undefined) throw failure;
        if (child.exitCode !== null)
          throw networkFault('network.edge-down', { reason: `HAProxy ended with code ${child.exitCode}` });
        return this.#answers();
      });
    } finally {
      closeSync(output);
    }
  }

  #answers(): Promise<boolean> {
    return askHaproxy(this.#settings.statsSocket, 'show info').then(
      (info) => info.includes('Name: HAProxy'),
      () => false,
    );
  }

  /** The master starts a new worker that inherits the listening sockets; the old one finishes what it has begun. */
  async #reload(): Promise<void> {
    const before = await this.#workerPid();
    const pid = await this.#pid();
    if (pid === null) throw networkFault('network.edge-down', { reason: 'its process id is not known' });
    signal(pid, 'SIGUSR2');
    await this.#waitFor(async () => {
      const now = await this.#workerPid().catch(() => null);
      return now !== null && now !== before;
    });
  }

  async #workerPid(): Promise<string | null> {
    const info = await askHaproxy(this.#settings.statsSocket, 'show info');
    return /^Pid: (\d+)$/m.exec(info)?.[1] ?? null;
  }

  async #waitFor(condition: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#options;
    const end = clock.monotonicMs() + START_TIMEOUT_MS;
    while (!(await condition())) {
      if (clock.monotonicMs() > end)
        throw networkFault('network.edge-down', { reason: 'HAProxy did not answer in 10 s' });
      await clock.sleep(POLL_MS);
    }
  }

  async #ask(command: string): Promise<void> {
    const answer = (await askHaproxy(this.#settings.statsSocket, command)).trim();
    // A change is answered by silence or by what changed; a refusal names what is wrong.
    if (/no such|invalid|unknown|permission|failed/i.test(answer)) {
      throw networkFault('network.edge-down', { reason: `${command}: ${answer.slice(0, 200)}` });
    }
  }

  async #put(name: string, text: string): Promise<string> {
    const path = join(this.#options.folder, name);
    const { user } = this.#options;
    await writeFileAtomic(path, text, { mode: 0o640 });
    if (user !== null && process.geteuid?.() === 0) await chown(path, 0, user.gid);
    return path;
  }

  async #pid(): Promise<number | null> {
    if (this.#options.keeper !== undefined) return this.#options.keeper.pid();
    const text = await readFile(this.#pidFile, 'utf8').catch(() => '');
    const pid = Number(text.trim());
    if (!Number.isInteger(pid) || pid <= 1) return null;
    // After a crash the number may be another program's.
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    return name.trim() === 'haproxy' && !/\) Z /.test(state) ? pid : null;
  }

  #serially(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** Gives every endpoint a place; one that stays keeps its own. */
export function placeEndpoints(routes: readonly EdgeRoute[], before: Slots): Map<string, (Endpoint | null)[]> {
  const wanted = new Map<string, readonly Endpoint[]>();
  for (const route of routes) wanted.set(route.service, route.endpoints);
  const slots = new Map<string, (Endpoint | null)[]>();
  for (const [service, endpoints] of [...wanted].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const old = before.get(service) ?? [];
    let size = Math.max(SLOTS_MIN, old.length);
    while (size < endpoints.length) size *= 2;
    const places = Array.from({ length: size }, (_, place) => {
      const kept = old[place] ?? null;
      // The new one of the same address: its weight may be another.
      return endpoints.find((endpoint) => sameEndpoint(kept, endpoint)) ?? null;
    });
    for (const endpoint of endpoints) {
      if (!places.some((place) => sameEndpoint(place, endpoint))) places[places.indexOf(null)] = endpoint;
    }
    slots.set(service, places);
  }
  return slots;
}

/** What to tell a running HAProxy so that a service's places are the new ones. */
export function changesOf(
  service: string,
  before: readonly (Endpoint | null)[],
  after: readonly (Endpoint | null)[],
): string[] {
  return after.flatMap((endpoint, place) => {
    const server = `set server ${backendName(service)}/${serverName(place)}`;
    const former = before[place] ?? null;
    const weight = endpoint?.weight ?? WEIGHT_DEFAULT;
    if (sameEndpoint(former, endpoint)) {
      return former === null || (former.weight ?? WEIGHT_DEFAULT) === weight ? [] : [`${server} weight ${weight}`];
    }
    // Maintenance first: a place must not send the old address's requests to the new one half changed.
    const off = `${server} state maint`;
    return endpoint === null
      ? [off]
      : [
          off,
          `${server} addr ${endpoint.host} port ${endpoint.port}`,
          `${server} weight ${weight}`,
          `${server} state ready`,
        ];
  });
}

function shapeOf(routes: readonly EdgeRoute[], slots: Slots): string {
  const rules = routes.map(({ host, path, pathType, service }) => `${host} ${path} ${pathType} ${service}`).sort();
  const sizes = [...slots].map(([service, places]) => `${service} ${places.length}`);
  return [...rules, ...sizes].join('\n');
}

function sameEndpoint(left: Endpoint | null, right: Endpoint | null): boolean {
  return left === right || (left !== null && right !== null && left.host === right.host && left.port === right.port);
}

function pemOf(certificate: IssuedCertificate): string {
  return `${certificate.certificatePem}${certificate.privateKeyPem}`;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { access, chown, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type Clock, type Log, runCommand, startChild, type Text, writeFileAtomic } from '../../system/index.ts';
import type { IssuedCertificate } from '../certificates.ts';
import { networkFault } from '../errors.ts';
import {
  backendName,
  type EdgeSettings,
  missingPage,
  refusedPage,
  renderConfig,
  type Slots,
  serverName,
  slowPage,
  unavailableAnswer,
} from './config.ts';
import { askHaproxy } from './haproxy-socket.ts';
import { isNetwork } from './options.ts';
import {
  backendsOf,
  checkListener,
  checkRoute,
  EDGE_HOST,
  type EdgeBackend,
  type EdgeListener,
  type Endpoint,
  NOTHING_PUBLISHED,
  type Published,
  WEIGHT_DEFAULT,
} from './route.ts';

/** Places kept for one service's replicas: scaling within them needs no reload. */
const SLOTS_MIN = 8;
/** It takes tenths of a second; a machine that is held up is no reason to say that it is down and to ask it once more. */
const ANSWER_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
/** Few, as the kernel gives numbers again. */
const KNOWN_WORKERS_MAX = 4;

export interface EdgeOptions {
  readonly ports: { readonly https: number; readonly http: number };
  /** Certificates of an institution beside that of the published domain. */
  readonly own?: readonly EdgeCertificate[];
  /** Told after each start and reload: the run-time socket leads to another worker. */
  readonly onWorker?: () => void;
  /** @default 127.0.0.1 */
  readonly addresses?: readonly string[];
  /** Listened to as well where this host has them and their ports are free: IPv6 beside IPv4. */
  readonly moreAddresses?: readonly string[];
  /** Who HAProxy is; null: this process's own user. Ports below 1024 need this process to be root. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  /** Configuration, certificate and pages: readable by that user, written by this process only. */
  readonly folder: string;
  /** Sockets and process id: that user's own, 0700. */
  readonly run: string;
  /** Appended to. */
  readonly logFile: string;
  readonly certificate: IssuedCertificate;
  /**
   * Who keeps HAProxy running when it is not this process: it starts it when there is a file `goFile`, which is made when the
   * configuration is written and does not outlive the machine's run, as the addresses of replicas do not.
   */
  readonly keeper?: { readonly pid: () => Promise<number | null>; readonly goFile: string };
  readonly clock: Clock;
  readonly log: Log;
}

/** A certificate with its chain that is served to who asks for one of its names. */
export interface EdgeCertificate extends IssuedCertificate {
  /** Lower-case letters, digits and dashes: it becomes the name of a file. */
  readonly id: string;
  /** Only for these of its names; absent: for all of them. */
  readonly names?: readonly string[];
}

/**
 * The edge: HAProxy as a process of its own. It outlives this process, so that published services answer while the agent
 * is away, and is taken over again by `start`. Routes change by a hitless reload, endpoints without one.
 */
export class Edge {
  readonly #options: EdgeOptions;
  #settings: EdgeSettings;
  readonly #config: string;
  readonly #pidFile: string;
  #slots = new Map<string, (Endpoint | null)[]>();
  #shape = '';
  #published: Published = NOTHING_PUBLISHED;
  #certificate: IssuedCertificate;
  /** By their id. */
  #own = new Map<string, Omit<EdgeCertificate, 'id'>>();
  /** Ports of TCP services that HAProxy holds. */
  #listening: ReadonlySet<number> = new Set();
  #queue: Promise<unknown> = Promise.resolve();
  /** Process ids: one that is being replaced may answer for a moment after the one in its place. */
  readonly #knownWorkers: string[] = [];

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#certificate = options.certificate;
    this.#own = new Map(options.own?.map(({ id, ...certificate }) => [id, certificate]));
    this.#config = join(options.folder, 'haproxy.cfg');
    this.#pidFile = join(options.run, 'haproxy.pid');
    const place = (name: string): string => join(options.folder, name);
    this.#settings = {
      ports: options.ports,
      addresses: options.addresses ?? ['127.0.0.1'],
      certificate: place('published.pem'),
      certificateList: place('certificates.list'),
      statsSocket: join(options.run, 'haproxy.sock'),
      pages: {
        unavailable: place('503.http'),
        missing: place('404.html'),
        refused: place('403.html'),
        slow: place('429.html'),
      },
      stickyKey: '',
    };
  }

  /** Starts HAProxy, or takes over the one an earlier process left. @throws Fault network.edge-* */
  async start(published: Published = NOTHING_PUBLISHED): Promise<readonly Text[]> {
    await this.#put('503.http', unavailableAnswer());
    await this.#put('404.html', missingPage());
    await this.#put('403.html', refusedPage());
    await this.#put('429.html', slowPage());
    this.#settings = { ...this.#settings, stickyKey: await this.#stickyKey() };
    await this.#putCertificates();
    const kept = (await this.running()) ? await readFile(this.#config, 'utf8').catch(() => '') : '';
    await this.#addAddresses(kept);
    this.#listening = new Set([...kept.matchAll(/^frontend tcp(\d+)$/gm)].map(([, port]) => Number(port)));
    return this.apply(published);
  }

  /**
   * Publishes exactly this. Calls are taken one after the other; the answer says which ports another program holds, whose
   * services are left out until it lets go.
   * @throws Fault network.route-invalid, network.listener-invalid, network.edge-config (the last good configuration stays),
   *   network.edge-down
   */
  apply(wanted: Published): Promise<readonly Text[]> {
    for (const route of wanted.routes) checkRoute(route);
    for (const listener of wanted.listeners) checkListener(listener);
    const odd = wanted.proxies.find((text) => !isNetwork(text));
    if (odd !== undefined) throw networkFault('network.proxies-invalid', { network: odd.slice(0, 80) });
    return this.#serially(async () => {
      const { listeners, problems } = await this.#freePorts(wanted.listeners);
      const published = { ...wanted, listeners };
      const backends = backendsOf(published);
      const slots = placeEndpoints(backends, this.#slots);
      if (this.#shapeOf(published, slots) !== this.#shape || !(await this.running())) {
        await this.#reshape(published);
        return problems;
      }
      const commands = [...slots].flatMap(([id, places]) => changesOf(id, this.#slots.get(id) ?? [], places));
      this.#slots = slots;
      this.#published = published;
      if (commands.length === 0) return problems;
      // The file first: a HAProxy that starts anew starts with what is true now.
      await this.#put('haproxy.cfg', renderConfig(this.#settings, published, slots));
      for (const command of commands) await this.#ask(command);
      return problems;
    });
  }

  /**
   * Replaces the certificates: that of the published domain, and those of an institution by their ids. One that only got
   * another content is changed in the running listeners; connections stay in any case.
   */
  setCertificates(certificate: IssuedCertificate, own: readonly EdgeCertificate[]): Promise<void> {
    return this.#serially(async () => {
      const before = new Map([['', this.#certificate], ...this.#own]);
      const sameList =
        own.length === this.#own.size &&
        own.every(({ id, names }) => this.#own.has(id) && String(this.#own.get(id)?.names) === String(names));
      this.#certificate = certificate;
      this.#own = new Map(own.map(({ id, ...one }) => [id, one]));
      await this.#putCertificates();
      if (!(await this.running())) return;
      if (!sameList) return this.#reshape(this.#published);
      try {
        for (const [id, one] of [['', certificate] as const, ...this.#own]) {
          if (before.get(id)?.certificatePem === one.certificatePem) continue;
          const path = id === '' ? this.#settings.certificate : this.#pathOf(id);
          await this.#ask(`set ssl cert ${path} <<\n${pemOf(one)}`, 'Transaction');
          await this.#ask(`commit ssl cert ${path}`, 'Success');
        }
      } catch (error) {
        // The socket takes no more than one buffer (16 KiB), and a long chain has more: a new worker reads the files.
        this.#options.log.info({ err: error }, 'the edge reads its certificates anew');
        await this.#reshape(this.#published);
      }
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

  async #reshape(published: Published): Promise<void> {
    const slots = placeEndpoints(backendsOf(published), this.#slots);
    const text = renderConfig(this.#settings, published, slots);
    await this.#check(text);
    await this.#put('haproxy.cfg', text);
    const mayHaveBegun = await this.#letGo();
    if (await this.running()) await this.#reload();
    else {
      await this.#spawn();
      // One that its keeper was just starting may have read what was there before.
      if (mayHaveBegun) await this.#reload();
    }
    this.#slots = slots;
    this.#published = published;
    this.#listening = new Set(published.listeners.map(({ port }) => port));
    this.#shape = this.#shapeOf(published, slots);
    await this.#dropOldCertificates();
    this.#options.onWorker?.();
    const { routes, listeners } = published;
    this.#options.log.info({ routes: routes.length, listeners: listeners.length }, 'the edge has its routes');
  }

  /** Lets the keeper start HAProxy. @returns whether it might already have done so */
  async #letGo(): Promise<boolean> {
    const { keeper } = this.#options;
    if (keeper === undefined) return false;
    const isLetGo = await access(keeper.goFile).then(
      () => true,
      () => false,
    );
    if (!isLetGo) await writeFileAtomic(keeper.goFile, '');
    return isLetGo;
  }

  /** Those that HAProxy has already, and those whose ports are free. */
  async #addAddresses(kept: string): Promise<void> {
    const { ports, addresses = ['127.0.0.1'], moreAddresses = [] } = this.#options;
    const found: string[] = [];
    for (const address of moreAddresses) {
      const isHeld = kept.includes(`bind [${address}]:${ports.https} `);
      const reasons = isHeld
        ? []
        : [await whyUnbindable(ports.https, [address]), await whyUnbindable(ports.http, [address])];
      // Low ports that this process may not open HAProxy may.
      const other = reasons.find((reason) => reason !== null && reason !== 'EACCES');
      if (other === undefined) found.push(address);
      else this.#options.log.info({ address, reason: other }, 'the edge does not listen at this address');
    }
    this.#settings = { ...this.#settings, addresses: [...addresses, ...found] };
  }

  /** All of the configuration but who is where, which changes without a reload. */
  #shapeOf(published: Published, slots: Slots): string {
    const empty = new Map([...slots].map(([id, places]) => [id, places.map(() => null)]));
    const own = [...this.#own].map(([id, { names = [] }]) => [id, ...names].join(' '));
    return [renderConfig(this.#settings, published, empty), ...own].join('\n');
  }

  /** Leaves out whose port another program holds; HAProxy would refuse a configuration with it as a whole. */
  async #freePorts(wanted: readonly EdgeListener[]): Promise<{ listeners: EdgeListener[]; problems: Text[] }> {
    const listeners: EdgeListener[] = [];
    const problems: Text[] = [];
    for (const listener of wanted) {
      const { port, service } = listener;
      const reason = listeners.some((one) => one.port === port)
        ? 'EADDRINUSE'
        : this.#listening.has(port)
          ? null
          : await whyUnbindable(port, this.#settings.addresses);
      if (reason === null) listeners.push(listener);
      else problems.push(portProblem(port, service, reason));
    }
    return { listeners, problems };
  }

  #pathOf(id: string): string {
    return join(this.#options.folder, `own-${id}.pem`);
  }

  async #putCertificates(): Promise<void> {
    await this.#put('published.pem', pemOf(this.#certificate));
    const lines: string[] = [];
    for (const [id, { names = [], ...certificate }] of this.#own) {
      if (!/^[a-z0-9-]{1,64}$/.test(id)) throw new RangeError('a certificate has an id that is none');
      if (!names.every((name) => EDGE_HOST.test(name))) throw new RangeError('a certificate has a name that is none');
      // With names behind it HAProxy does not look at those in the certificate.
      lines.push([await this.#put(`own-${id}.pem`, pemOf(certificate)), ...names].join(' '));
    }
    await this.#put('certificates.list', lines.map((line) => `${line}\n`).join(''));
  }

  /** A key that serves nothing any more does not stay. */
  async #dropOldCertificates(): Promise<void> {
    for (const name of await readdir(this.#options.folder)) {
      const id = /^own-([a-z0-9-]{1,64})\.pem$/.exec(name)?.[1];
      if (id !== undefined && !this.#own.has(id)) await rm(join(this.#options.folder, name), { force: true });
    }
  }

  /** Made once: with another one every client would move to another replica. */
  async #stickyKey(): Promise<string> {
    const kept = await readFile(join(this.#options.folder, 'sticky.key'), 'utf8').catch(() => '');
    if (/^[0-9a-f]{32}$/.test(kept)) return kept;
    const key = randomBytes(16).toString('hex');
    await this.#put('sticky.key', key);
    return key;
  }

  async #check(text: string): Promise<void> {
    const candidate = await this.#put('candidate.cfg', text);
    const { user } = this.#options;
    const { code, stdout, stderr } = await runCommand('haproxy', ['-c', '-f', candidate], {
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
      const child = startChild(file, args, {
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
    if (before !== null) this.#knownWorkers.push(before);
    await this.#waitFor(() => catchesChildren(pid));
    signal(pid, 'SIGUSR2');
    await this.#waitFor(async () => {
      const now = await this.#workerPid().catch(() => null);
      if (now === null || this.#knownWorkers.includes(now)) return false;
      this.#knownWorkers.push(now);
      return true;
    });
    this.#knownWorkers.splice(0, this.#knownWorkers.length - KNOWN_WORKERS_MAX);
  }

  async #workerPid(): Promise<string | null> {
    const info = await askHaproxy(this.#settings.statsSocket, 'show info');
    return /^Pid: (\d+)$/m.exec(info)?.[1] ?? null;
  }

  async #waitFor(condition: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#options;
    const end = clock.monotonicMs() + ANSWER_TIMEOUT_MS;
    while (!(await condition())) {
      if (clock.monotonicMs() > end)
        throw networkFault('network.edge-down', { reason: 'HAProxy did not answer in 60 s' });
      await clock.sleep(POLL_MS);
    }
  }

  async #ask(command: string, expected?: string): Promise<void> {
    const answer = (await askHaproxy(this.#settings.statsSocket, command)).trim();
    // A change is answered by silence or by what changed; a refusal names what is wrong.
    if (/no such|invalid|unknown|permission|failed/i.test(answer) || (expected && !answer.includes(expected))) {
      // The first line alone: a certificate's key may follow it.
      throw networkFault('network.edge-down', { reason: `${command.split('\n', 1)[0]}: ${answer.slice(0, 200)}` });
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

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** Gives every endpoint a place; one that stays keeps its own. */
export function placeEndpoints(backends: readonly EdgeBackend[], before: Slots): Map<string, (Endpoint | null)[]> {
  const slots = new Map<string, (Endpoint | null)[]>();
  for (const { id, endpoints } of backends) {
    const old = before.get(id) ?? [];
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
    slots.set(id, places);
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

function sameEndpoint(left: Endpoint | null, right: Endpoint | null): boolean {
  return left === right || (left !== null && right !== null && left.host === right.host && left.port === right.port);
}

/** Without empty lines: one would end what is sent over the run-time socket. */
function pemOf({ certificatePem, privateKeyPem }: IssuedCertificate): string {
  return `${certificatePem}\n${privateKeyPem}\n`.replaceAll('\r', '').replace(/\n\s*\n/g, '\n');
}

/** Null: a port at all of these addresses is free. HAProxy has the right to low ports that this process may not have. */
async function whyUnbindable(port: number, addresses: readonly string[]): Promise<string | null> {
  for (const host of addresses) {
    const code = await new Promise<string | null>((resolve) => {
      const server = createServer();
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      server.listen({ port, host, exclusive: true, ipv6Only: host.includes(':') }, () =>
        server.close(() => resolve(null)),
      );
    });
    if (code !== null) return code;
  }
  return null;
}

function portProblem(port: number, service: string, reason: string): Text {
  const low = reason === 'EACCES';
  return {
    en: `port ${port} of ${service} is not open: ${low ? 'an ordinary user may not open ports below 1024' : 'another program holds it'}`,
    es: `el puerto ${port} de ${service} no está abierto: ${low ? 'un usuario sin privilegios no puede abrir puertos por debajo de 1024' : 'lo tiene otro programa'}`,
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * A master that has just started has its worker answer before it listens to signals itself, and drops those that come
 * meanwhile. Of its children it hears last, once it listens to all others.
 */
async function catchesChildren(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(text)?.[1];
  // What cannot be read holds nothing up.
  return caught === undefined || ((BigInt(`0x${caught}`) >> BigInt(constants.signals.SIGCHLD - 1)) & 1n) === 1n;
}

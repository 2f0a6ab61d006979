import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { KernelReach } from '../../observe/index.ts';
import type { ContainerGuard } from '../../prevent/index.ts';
import type { Log } from '../../system/index.ts';
import { type LineChannel, openLineChannel } from '../link/lines.ts';
import type { SensorState, ToAgent } from '../link/protocol.ts';
import { alertSocketOf, monotonicNs } from '../link/stations.ts';
import type { WatchOrder } from '../sensor/messages.ts';
import { type ActivityBatch, type FromSensor, type KeptBatch, readFromSensor } from './sensor-reader.ts';
import type { SpooledAlert } from './spool.ts';

/** A container as the sensor needs to know it, to say in an alert what it was. */
export interface SensorContainer {
  readonly id: string;
  readonly name: string;
  readonly pid: number | null;
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly pod: string;
  readonly container: string;
  readonly image: string;
  readonly digest: string | null;
}

const ABSENT: SensorState = {
  state: 'absent',
  detail: null,
  coverage: { programs: [], missing: [] },
  lost: {},
  events: 0,
  since: new Date(0).toISOString(),
  rules: null,
  tuned: {},
};

/** Told of what somebody looks at. */
export interface ActivityListener {
  /** The sensor looks, or `why` it does not. After a restart of the sensor it is told again. */
  watching(answer: Extract<FromSensor, { type: 'watching' }>): void;
  batch(batch: ActivityBatch): void;
}

type Recorded = Extract<FromSensor, { type: 'recorded' }>;

/** The sensor answers in milliseconds; loading the programs takes it some hundred. */
const RECORD_ANSWER_MS = 20_000;
/** As many as the sensor keeps by name. */
const SENSOR_CONTAINERS_MAX = 16_384;

type RuleOrder = Omit<Extract<ToAgent, { type: 'rules' }>, 'type'>;

export interface SensorServerOptions {
  readonly log: Log;
  readonly onAlert: (alert: SpooledAlert, stations: readonly number[]) => void;
  readonly onState: (state: SensorState) => void;
  /** From when to when nothing was watched, RFC 3339; `kept`: the kernel kept what happened, and it was judged late. */
  readonly onBlind: (from: string, to: string, kept: boolean) => void;
  /** How far the kernel goes with what is forbidden; null: nobody knows, the sensor went away. */
  readonly onGuarded: (reach: KernelReach | null) => void;
  /** Events for what the host keeps; they come after `setKeeping`. */
  readonly onKept: (batch: KeptBatch) => void;
  /** Containers that the sensor saw and nobody named to it. */
  readonly onStrangers: (ids: readonly string[]) => void;
  /** It is ready, and this it does not see. */
  readonly onCoverage?: (missing: SensorState['coverage']['missing']) => void;
  /** It said anything at all. */
  readonly onHeard?: () => void;
  readonly onGone?: () => void;
}

/** Where the sensor of this host connects: it is told what containers there are and says what it saw. */
export class SensorServer {
  readonly #log: Log;
  readonly #server: Server;
  readonly #alertServer: Server;
  readonly #onAlert: (alert: SpooledAlert, stations: readonly number[]) => void;
  readonly #onState: (state: SensorState) => void;
  readonly #onBlind: (from: string, to: string, kept: boolean) => void;
  readonly #onGuarded: (reach: KernelReach | null) => void;
  readonly #onKept: (batch: KeptBatch) => void;
  readonly #onStrangers: (ids: readonly string[]) => void;
  readonly #onCoverage: (missing: SensorState['coverage']['missing']) => void;
  readonly #onHeard: () => void;
  readonly #onGone: () => void;
  /** Since when it runs and says nothing; null: it does not. */
  #silentSince: string | null = null;
  #keeping = false;
  #guards: readonly ContainerGuard[] = [];
  #lostAt: string | null = null;
  #channel: LineChannel<object> | undefined;
  #alertLane: LineChannel<never> | undefined;
  #containers: readonly SensorContainer[] = [];
  #rules: RuleOrder | null = null;
  /** Whether the sensor that is connected was given rules beside the platform's. */
  #hasOwnRules = false;
  readonly #watches = new Map<string, { readonly order: WatchOrder; readonly listener: ActivityListener }>();
  /** Who waits for the sensor's word of a recording, by its id and step. */
  readonly #recordings = new Map<string, (answer: Recorded | null) => void>();
  #state: SensorState = ABSENT;

  private constructor(options: SensorServerOptions) {
    this.#log = options.log;
    this.#onAlert = options.onAlert;
    this.#onState = options.onState;
    this.#onBlind = options.onBlind;
    this.#onGuarded = options.onGuarded;
    this.#onKept = options.onKept;
    this.#onStrangers = options.onStrangers;
    this.#onCoverage = options.onCoverage ?? (() => undefined);
    this.#onHeard = options.onHeard ?? (() => undefined);
    this.#onGone = options.onGone ?? (() => undefined);
    this.#server = createServer((socket) => this.#accept(socket));
    this.#alertServer = createServer((socket) => this.#acceptAlerts(socket));
  }

  /** @param path of the Unix socket; only its owner can connect */
  static async listen(path: string, options: SensorServerOptions): Promise<SensorServer> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const sensor = new SensorServer(options);
    for (const [server, at] of [
      [sensor.#alertServer, alertSocketOf(path)],
      [sensor.#server, path],
    ] as const) {
      await listenOn(server, at);
      // accept(2) may fail once; the sensor tries again.
      server.on('error', (error) => options.log.warn({ err: error }, 'a connection of the sensor was not taken'));
    }
    return sensor;
  }

  get state(): SensorState {
    return this.#state;
  }

  /** The whole set of the instance's containers; the sensor works out what is new. */
  setContainers(containers: readonly SensorContainer[]): void {
    // One more than the sensor keeps says that there are more; a line without a bound would end its connection.
    this.#containers = containers.slice(0, SENSOR_CONTAINERS_MAX + 1);
    this.#channel?.send({ type: 'containers', containers: this.#containers });
  }

  /** What is forbidden in which container, from now on and after every restart of the sensor. */
  setGuards(guards: readonly ContainerGuard[]): void {
    this.#guards = guards;
    this.#channel?.send({ type: 'guards', guards });
  }

  /** Whether the host keeps what happens, from now on and after every restart of the sensor. */
  setKeeping(on: boolean): void {
    if (this.#keeping === on) return;
    this.#keeping = on;
    this.#channel?.send({ type: 'keep', on });
  }

  /** Whether what happens is kept: where it is not, that nothing was kept says nothing of what happened. */
  get keepsEvents(): boolean {
    return this.#keeping;
  }

  /** Asks for what the sensor has gathered by now; it comes like everything else. False when nothing is kept. */
  flushKept(): boolean {
    if (!this.#keeping || this.#channel === undefined) return false;
    this.#channel.send({ type: 'keep', on: true });
    return true;
  }

  /** Rules beside those that come with the platform, and what is known harmless. */
  setRules({ revision, files, tunings }: RuleOrder): void {
    if (this.#rules?.revision === revision) return;
    this.#rules = { revision, files, tunings };
    this.#tellRules();
  }

  /** Those that the sensor was given beside the platform's. */
  get rulesInForce(): Pick<RuleOrder, 'files' | 'tunings'> {
    return { files: this.#rules?.files ?? [], tunings: this.#rules?.tunings ?? [] };
  }

  /** Somebody looks at events from now on, until the answered function is called. */
  watchActivity(order: WatchOrder, listener: ActivityListener): () => void {
    this.#watches.set(order.id, { order, listener });
    this.#channel?.send({ type: 'watch', watch: order });
    return () => {
      if (this.#watches.delete(order.id)) this.#channel?.send({ type: 'unwatch', id: order.id });
    };
  }

  /** Asks the sensor about a recording of system calls; null: it went away, or does not answer. */
  async record(id: string, step: Recorded['step']): Promise<Recorded | null> {
    const channel = this.#channel;
    if (channel === undefined) return null;
    const key = `${id} ${step}`;
    const { promise, resolve } = Promise.withResolvers<Recorded | null>();
    const timer = setTimeout(() => resolve(null), RECORD_ANSWER_MS);
    this.#recordings.set(key, resolve);
    channel.send({ type: 'record', id, step });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#recordings.delete(key);
    }
  }

  #tellRules(): void {
    if (this.#rules === null) return;
    const { revision, files, tunings } = this.#rules;
    const isEmpty = files.length === 0 && tunings.length === 0;
    // A sensor that was told of none has none: reading all rules again would cost it a second for nothing.
    if (isEmpty && !this.#hasOwnRules) {
      this.#setState({ rules: { revision, accepted: true } }, false);
      return;
    }
    this.#hasOwnRules = !isEmpty;
    this.#channel?.send({ type: 'rules', revision, own: files, tunings });
  }

  close(): void {
    this.#channel?.close();
    this.#server.close();
    this.#alertLane?.close();
    this.#alertServer.close();
  }

  #accept(socket: Socket): void {
    this.#channel?.close();
    const channel = openLineChannel<object>(socket, (value) => this.#take(value));
    this.#channel = channel;
    channel.send({ type: 'containers', containers: this.#containers });
    channel.send({ type: 'guards', guards: this.#guards });
    this.#hasOwnRules = false;
    this.#tellRules();
    if (this.#keeping) channel.send({ type: 'keep', on: true });
    for (const { order } of this.#watches.values()) channel.send({ type: 'watch', watch: order });
    void channel.closed.then((error) => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      for (const resolve of this.#recordings.values()) resolve(null);
      this.#log.warn({ err: error }, 'the sensor went away');
      this.#lostAt ??= this.#silentSince ?? new Date().toISOString();
      this.#silentSince = null;
      this.#onGone();
      this.#onGuarded(null);
      this.#setState({
        state: 'down',
        detail: {
          en: 'the sensor stopped; it is being started again',
          es: 'el sensor se detuvo; se está iniciando de nuevo',
        },
      });
    });
  }

  /** It runs and has said nothing since then: who is stopped watches nothing. */
  setSilent(sinceMs: number): void {
    this.#silentSince = new Date(sinceMs).toISOString();
    this.#setState({
      state: 'down',
      detail: {
        en: 'the sensor runs and says nothing; it is ended and starts anew',
        es: 'el sensor está en marcha y no dice nada; se termina y arranca de nuevo',
      },
    });
  }

  /** Alerts straight from the thread that reads the kernel. What is lost here comes again over the other socket. */
  #acceptAlerts(socket: Socket): void {
    this.#alertLane?.close();
    const lane = openLineChannel<never>(socket, (value) => {
      const message = readFromSensor(value);
      if (message?.type === 'alert') this.#hear(message);
    });
    this.#alertLane = lane;
    void lane.closed.then((error) => {
      if (this.#alertLane === lane) this.#alertLane = undefined;
      // A line that is none may have hidden alerts: whoever connects anew says again what was not taken.
      if (error !== null) this.#channel?.close();
    });
  }

  #take(value: unknown): void {
    const message = readFromSensor(value);
    if (message === null) this.#log.warn({}, 'the sensor sent something that cannot be read');
    else this.#hear(message);
  }

  #hear(message: FromSensor): void {
    this.#onHeard();
    if (this.#silentSince !== null) {
      // It goes on by itself: the kernel kept what it had room for, and what it had not is told as lost.
      this.#onBlind(this.#silentSince, new Date().toISOString(), true);
      this.#silentSince = null;
      this.#setState({ state: 'ok', detail: null });
    }
    switch (message.type) {
      case 'ready': {
        if (this.#lostAt !== null) this.#onBlind(this.#lostAt, new Date().toISOString(), message.resumed);
        this.#lostAt = null;
        const missing = message.coverage.missing.map(({ what, why }) => ({
          what,
          why: typeof why === 'string' ? { en: why, es: why } : why,
        }));
        this.#setState({ state: 'ok', detail: null, coverage: { programs: message.coverage.programs, missing } });
        this.#onCoverage(missing);
        return;
      }
      case 'alert':
        this.#onAlert(message.alert, [...message.stations, monotonicNs()]);
        return;
      case 'rules':
        if (!message.accepted)
          this.#log.error({ revision: message.revision, why: message.reason }, 'the sensor refused rules of control');
        if (message.revision !== null) {
          this.#setState({ rules: { revision: message.revision, accepted: message.accepted } }, false);
        }
        return;
      case 'stats':
        this.#setState({ events: message.events, lost: message.lost, tuned: message.tuned }, false);
        return;
      case 'guarded':
        this.#onGuarded(message);
        return;
      case 'kept':
        // What was on its way when it was forbidden.
        if (this.#keeping) this.#onKept(message);
        return;
      case 'strangers':
        this.#onStrangers(message.ids);
        return;
      case 'watching':
        this.#watches.get(message.watch)?.listener.watching(message);
        return;
      case 'recorded':
        this.#recordings.get(`${message.id} ${message.step}`)?.(message);
        return;
      case 'activity':
        this.#watches.get(message.watch)?.listener.batch(message);
        return;
      case 'gap':
        this.#log.warn({ from: message.from, to: message.to }, 'the sensor was blind for a while');
        this.#onBlind(message.from, message.to, false);
        return;
    }
  }

  #setState(change: Partial<SensorState>, isNews = true): void {
    const since = isNews ? new Date().toISOString() : this.#state.since;
    this.#state = { ...this.#state, since, ...change };
    this.#onState(this.#state);
  }
}

/** Only its owner can connect. */
async function listenOn(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
}

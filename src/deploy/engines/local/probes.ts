import { open } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { answerOf, type Clock, Fault, type Text } from '../../../system/index.ts';
import type { ContainerSpec, ProbeAction, ProbeSpec } from '../../model.ts';
import type { Endpoint, InsideEngine } from './engine.ts';
import type { ContainerHealth } from './plan.ts';
import { askGrpcHealth, noAnswerText } from './probe-grpc.ts';
import type { ProbeState } from './status.ts';

export type ProbeOutcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly text: string }
  /** The question could not be asked: the engine was away. It counts neither way. */
  | { readonly kind: 'unknown' };

/** A running container that has probes. */
export interface ProbeTarget {
  readonly containerId: string;
  readonly container: ContainerSpec;
  readonly startedAtMs: number;
  /** It ran before this agent did. */
  readonly adopted: boolean;
  /** It was ready when the agent before this one last looked. @default false */
  readonly wasReady?: boolean;
  endpoint(port: number): Promise<Endpoint | null>;
}

export type AskProbe = (target: ProbeTarget, probe: ProbeSpec, signal: AbortSignal) => Promise<ProbeOutcome>;

/** While a container has never been ready it is asked this often, so that a roll-out does not wait out a long period. */
const EAGER_PERIOD_MS = 1_000;
const EAGER_ROUNDS_MAX = 30;
/** Of an answer that a status tells. */
const WHY_CHARACTERS_MAX = 300;
/** A probe that goes on failing for another reason says it so often: an answer with the time in it is another each time. */
const WHY_EVERY_MS = 30_000;

/**
 * Runs the startup, readiness and liveness probes of every container it is given, with the timings of Kubernetes:
 * startup first and alone, then the other two side by side; thresholds count in a row.
 */
export class Prober {
  readonly #clock: Clock;
  readonly #ask: AskProbe;
  readonly #onChange: () => void;
  readonly #watched = new Map<string, Watched>();
  #readyChanges = 0;

  constructor(options: { clock: Clock; ask: AskProbe; onChange: () => void }) {
    this.#clock = options.clock;
    this.#ask = options.ask;
    this.#onChange = options.onChange;
  }

  /** Starts probing what is new and forgets what is gone. */
  sync(targets: readonly ProbeTarget[]): void {
    const wanted = new Set(targets.map(({ containerId }) => containerId));
    for (const [id, watched] of this.#watched) {
      if (wanted.has(id)) continue;
      watched.abort.abort();
      this.#watched.delete(id);
      if (watched.health.ready) this.#readyChanges++;
    }
    for (const target of targets) {
      if (this.#watched.has(target.containerId)) continue;
      // As a kubelet that starts anew: what was ready goes on being so until its probe has failed as often as it may. One
      // answer that is late, on a machine busy with starting, would take the last replica out of service.
      const wasReady = target.wasReady === true;
      const watched: Watched = {
        abort: new AbortController(),
        health: {
          ...{ started: wasReady || target.container.startupProbe === null, ready: wasReady, failed: null },
          readySinceMs: wasReady ? target.startedAtMs : null,
          probes: waitingProbes(target.container),
        },
        firstAnswer: Promise.resolve(),
        startedAtMs: target.startedAtMs,
        toldAtMs: {},
      };
      this.#watched.set(target.containerId, watched);
      watched.firstAnswer = this.#watch(target, watched);
    }
  }

  /** Counts what became ready or is so no longer. */
  get readyChanges(): number {
    return this.#readyChanges;
  }

  /** When each container that is ready now was started. */
  ready(): Readonly<Record<string, number>> {
    const ready = [...this.#watched].filter(([, { health }]) => health.ready);
    return Object.fromEntries(ready.map(([id, { startedAtMs }]) => [id, startedAtMs]));
  }

  health(): ReadonlyMap<string, ContainerHealth> {
    return new Map([...this.#watched].map(([id, { health }]) => [id, health]));
  }

  /** Resolves when each container has answered once, or after `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    const enough = new AbortController();
    const answers = Promise.all([...this.#watched.values()].map(({ firstAnswer }) => firstAnswer));
    const late = this.#clock.sleep(timeoutMs, enough.signal).catch(() => undefined);
    await Promise.race([answers, late]);
    enough.abort();
  }

  stop(): void {
    this.sync([]);
  }

  /** Starts the loops; resolves after the first answer about readiness. */
  #watch(target: ProbeTarget, watched: Watched): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = target.container;
    return new Promise((answered) => {
      const run = async (): Promise<void> => {
        if (startupProbe !== null && !watched.health.started)
          await this.#start(target, startupProbe, watched, answered);
        if (watched.abort.signal.aborted || watched.health.failed !== null) return;
        const loops: Promise<void>[] = [];
        if (readinessProbe !== null) loops.push(this.#readiness(target, readinessProbe, watched, answered));
        else answered();
        if (livenessProbe !== null) loops.push(this.#liveness(target, livenessProbe, watched));
        await Promise.all(loops);
      };
      run()
        .catch(() => undefined)
        .finally(answered);
    });
  }

  async #start(target: ProbeTarget, probe: ProbeSpec, watched: Watched, answered: () => void): Promise<void> {
    const run = new Count(probe);
    for await (const outcome of this.#outcomes(target, probe, watched, () => !target.adopted)) {
      const verdict = run.take(outcome);
      this.#told(watched, 'startup', outcome);
      answered();
      if (verdict === 'success') {
        const ready = target.container.readinessProbe === null;
        const sinceMs = target.adopted ? target.startedAtMs : this.#clock.now().getTime();
        this.#change(watched, { started: true, ready, readySinceMs: ready ? sinceMs : null });
        return;
      }
      if (verdict === 'failure') {
        const failed = probeText(target.container.name, 'startup', run.lastText);
        this.#change(watched, { failed, ...graceOf(probe) });
        return;
      }
    }
  }

  async #readiness(target: ProbeTarget, probe: ProbeSpec, watched: Watched, answered: () => void): Promise<void> {
    const run = new Count(probe);
    for await (const outcome of this.#outcomes(target, probe, watched, () => !watched.health.ready)) {
      const verdict = run.take(outcome);
      this.#told(watched, 'readiness', outcome);
      if (verdict === 'success' && !watched.health.ready) {
        // A pod that was ready before this agent started has been so for a while already.
        const sinceMs = target.adopted ? target.startedAtMs : this.#clock.now().getTime();
        this.#change(watched, { ready: true, readySinceMs: sinceMs, unready: false });
      } else if (verdict === 'failure' && (watched.health.ready || watched.health.unready !== true)) {
        this.#change(watched, { ready: false, readySinceMs: null, unready: true });
      }
      answered();
    }
  }

  async #liveness(target: ProbeTarget, probe: ProbeSpec, watched: Watched): Promise<void> {
    const run = new Count(probe);
    for await (const outcome of this.#outcomes(target, probe, watched, () => false)) {
      const verdict = run.take(outcome);
      this.#told(watched, 'liveness', outcome);
      if (verdict !== 'failure') continue;
      const failed = probeText(target.container.name, 'liveness', run.lastText);
      this.#change(watched, { ready: false, failed, ...graceOf(probe) });
      return;
    }
  }

  /** Outcomes at the probe's pace until the container is forgotten. */
  async *#outcomes(
    target: ProbeTarget,
    probe: ProbeSpec,
    watched: Watched,
    eager: () => boolean,
  ): AsyncIterable<ProbeOutcome> {
    const { signal } = watched.abort;
    const delayMs = probe.initialDelaySeconds * 1000;
    // It was started before the clock was set back when that is still to come.
    const waitMs = Math.min(delayMs, target.startedAtMs + delayMs - this.#clock.now().getTime());
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
    const periodMs = probe.periodSeconds * 1000;
    let countedAtMs = Number.NEGATIVE_INFINITY;
    for (let round = 0; !signal.aborted; round++) {
      const askedAtMs = this.#clock.monotonicMs();
      const outcome = await this.#ask(target, probe, signal);
      if (signal.aborted) return;
      // An early question may bring success sooner; only those at the probe's own pace count against the container.
      const early = askedAtMs - countedAtMs < periodMs;
      if (!early) countedAtMs = askedAtMs;
      yield early && outcome.kind === 'failure' ? { kind: 'unknown' } : outcome;
      const hurry = eager() && probe.successThreshold === 1 && round < EAGER_ROUNDS_MAX;
      await this.#clock.sleep(hurry ? Math.min(periodMs, EAGER_PERIOD_MS) : periodMs, signal);
    }
  }

  /** Keeps what a probe said last; only what is new is told. */
  #told(watched: Watched, kind: ProbeState['kind'], outcome: ProbeOutcome): void {
    if (outcome.kind === 'unknown') return;
    const state = outcome.kind === 'success' ? 'passing' : 'failing';
    const why = outcome.kind === 'failure' ? outcome.text.slice(0, WHY_CHARACTERS_MAX) : null;
    const { probes = [] } = watched.health;
    const known = probes.find((one) => one.kind === kind);
    if (known === undefined || (known.state === state && known.why === why)) return;
    const nowMs = this.#clock.monotonicMs();
    if (known.state === state && nowMs - (watched.toldAtMs[kind] ?? 0) < WHY_EVERY_MS) return;
    watched.toldAtMs[kind] = nowMs;
    this.#change(watched, { probes: probes.map((one) => (one === known ? { kind, state, why } : one)) });
  }

  #change(watched: Watched, change: Partial<ContainerHealth>): void {
    if (change.ready !== undefined && change.ready !== watched.health.ready) this.#readyChanges++;
    watched.health = { ...watched.health, ...change };
    if (!watched.abort.signal.aborted) this.#onChange();
  }
}

function waitingProbes({ startupProbe, readinessProbe, livenessProbe }: ContainerSpec): ProbeState[] {
  const specs = { startup: startupProbe, readiness: readinessProbe, liveness: livenessProbe } as const;
  return (['startup', 'readiness', 'liveness'] as const)
    .filter((kind) => specs[kind] !== null)
    .map((kind) => ({ kind, state: 'waiting', why: null }));
}

interface Watched {
  readonly abort: AbortController;
  health: ContainerHealth;
  firstAnswer: Promise<void>;
  readonly startedAtMs: number;
  /** When each of its probes last told something new. */
  readonly toldAtMs: Partial<Record<ProbeState['kind'], number>>;
}

/** Successes and failures in a row, against the thresholds of one probe. */
class Count {
  readonly #probe: ProbeSpec;
  #successes = 0;
  #failures = 0;
  lastText = '';

  constructor(probe: ProbeSpec) {
    this.#probe = probe;
  }

  take(outcome: ProbeOutcome): 'success' | 'failure' | 'undecided' {
    if (outcome.kind === 'unknown') return 'undecided';
    if (outcome.kind === 'success') {
      this.#failures = 0;
      return ++this.#successes >= this.#probe.successThreshold ? 'success' : 'undecided';
    }
    this.#successes = 0;
    this.lastText = outcome.text;
    return ++this.#failures >= this.#probe.failureThreshold ? 'failure' : 'undecided';
  }
}

function graceOf({ terminationGraceSeconds }: ProbeSpec): { graceSeconds?: number } {
  return terminationGraceSeconds === undefined ? {} : { graceSeconds: terminationGraceSeconds };
}

function probeText(container: string, probe: 'startup' | 'liveness', why: string): Text {
  const es = probe === 'startup' ? 'de arranque' : 'de vida';
  return {
    en: `the ${probe} probe of ${container} failed: ${why}`,
    es: `la sonda ${es} de ${container} falló: ${why}`,
  };
}

/** Asks the real container: a command inside it, an HTTP request or a TCP connection to where this host reaches it. */
export function realProbes(inside: InsideEngine, isRootless: () => Promise<boolean>): AskProbe {
  return async (target, probe, signal) => {
    const timeoutMs = probe.timeoutSeconds * 1000;
    const { action } = probe;
    try {
      if (action.kind === 'exec') {
        const { exitCode, output } = await inside.exec(target.containerId, action.command, timeoutMs, signal);
        return exitCode === 0
          ? { kind: 'success' }
          : { kind: 'failure', text: `exit code ${exitCode} ${firstLine(output)}` };
      }
      const endpoint = await target.endpoint(action.port);
      if (endpoint === null) return { kind: 'unknown' };
      if (action.kind === 'http') return await askHttp(endpoint, action, timeoutMs, signal);
      if (action.kind === 'grpc') return await askGrpcHealth(endpoint, action.service, timeoutMs, signal);
      const isHeard = endpoint.inside === undefined ? null : await isListening(endpoint.inside);
      if (isHeard === false) return { kind: 'failure', text: 'ECONNREFUSED' };
      return await askTcp(
        endpoint,
        isHeard === null && (await isRootless()) ? PUBLISHED_CLOSE_MS : 0,
        timeoutMs,
        signal,
      );
    } catch (error) {
      if (error instanceof Fault && error.code === 'engine.timeout') {
        return { kind: 'failure', text: noAnswerText(timeoutMs) };
      }
      return { kind: 'unknown' };
    }
  };
}

/**
 * Whether somebody in the network of a process listens at a port, other than for that network alone: /proc/PID/net/tcp of
 * proc_pid_net(5). Null when it cannot be told.
 */
export async function isListening({
  pid,
  port,
}: {
  readonly pid: number;
  readonly port: number;
}): Promise<boolean | null> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  let isTold = false;
  for (const table of ['tcp', 'tcp6']) {
    const text = await beginningOf(`/proc/${pid}/net/${table}`);
    if (text === null) continue;
    isTold = true;
    let last = '';
    for (const line of text.split('\n')) {
      const [, local = '', , state = ''] = line.trim().split(/\s+/);
      if (state === LISTENS && local.endsWith(`:${wanted}`) && !LOOPBACK.test(local)) return true;
      last = state === '' ? last : state;
    }
    // Those who listen stand first: where more of them follow, it cannot be told.
    if (text.length >= TABLE_BYTES_MAX && last === LISTENS) return null;
  }
  return isTold ? false : null;
}

/** A pod may have a hundred thousand connections, of 150 bytes each. */
const TABLE_BYTES_MAX = 1_048_576;

/** The beginning of a file of the kernel, which says no size; null: it is not there. */
async function beginningOf(path: string): Promise<string | null> {
  const handle = await open(path).catch(() => null);
  if (handle === null) return null;
  try {
    const bytes = Buffer.alloc(TABLE_BYTES_MAX);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.toString('latin1', 0, length);
  } catch {
    // The process ended meanwhile.
    return null;
  } finally {
    await handle.close();
  }
}

/** TCP_LISTEN (linux/tcp_states.h). */
const LISTENS = '0A';
/** 127.0.0.0/8 and ::1 as the kernel writes them, words of 32 bits in the order of the machine; also 127.0.0.0/8 within IPv6. */
const LOOPBACK = /^(?:[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F):/;

/** A published port accepts before anybody listens behind it and closes at once then; a real listener stays. */
const PUBLISHED_CLOSE_MS = 100;

export function askHttp(
  endpoint: Endpoint,
  action: Extract<ProbeAction, { kind: 'http' }>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const headers = new Map<string, string | string[]>([['user-agent', 'darsena-probe']]);
    const own = Map.groupBy(action.headers, ({ name }) => name.toLowerCase());
    for (const [name, all] of own) {
      const values = all.map(({ value }) => value);
      if (name === 'connection') continue;
      headers.delete(name);
      // One name may come several times, as with the kubelet; there is one host.
      headers.set(all[0]?.name ?? name, name === 'host' ? (values.at(-1) ?? '') : values);
    }
    headers.set('connection', 'close');
    const late = AbortSignal.timeout(timeoutMs);
    const make = action.scheme === 'HTTPS' ? httpsRequest : httpRequest;
    const sent = make({
      host: endpoint.host,
      port: endpoint.port,
      path: requestPath(action.path),
      headers: Object.fromEntries(headers),
      agent: false,
      signal: AbortSignal.any([signal, late]),
      // Like Kubernetes: the probe asks whether it answers, not who it is.
      rejectUnauthorized: false,
    });
    sent.end();
    answerOf(sent).then(
      (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve(status >= 200 && status < 400 ? { kind: 'success' } : { kind: 'failure', text: `HTTP ${status}` });
      },
      (error: Error) => {
        resolve({ kind: 'failure', text: late.aborted ? noAnswerText(timeoutMs) : connectionText(error) });
      },
    );
  });
}

/** A path as manifests have it, in the letters of a request (RFC 3986): the kubelet takes one without its slash too. */
function requestPath(path: string): string {
  const whole = path.startsWith('/') ? path : `/${path}`;
  return whole.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent);
}

function askTcp(endpoint: Endpoint, stayMs: number, timeoutMs: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port, signal });
    const end = (outcome: ProbeOutcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(timeoutMs, () => end({ kind: 'failure', text: noAnswerText(timeoutMs) }));
    socket.once('error', (error) => end({ kind: 'failure', text: connectionText(error) }));
    socket.once('connect', () => {
      if (stayMs === 0) return end({ kind: 'success' });
      const timer = setTimeout(() => end({ kind: 'success' }), stayMs);
      socket.once('end', () => {
        clearTimeout(timer);
        end({ kind: 'failure', text: 'closed at once' });
      });
      socket.resume();
    });
  });
}

function connectionText(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}

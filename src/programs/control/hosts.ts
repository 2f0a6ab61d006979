import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Alert } from '../../detect/index.ts';
import type { HostPrevention } from '../../prevent/index.ts';
import type { StepHandle } from '../../progress/index.ts';
import { readAlert } from '../../respond/index.ts';
import { type Clock, defineFaults, type Json, type Log, newId } from '../../system/index.ts';
import { type LineChannel, openLineChannel } from '../link/lines.ts';
import {
  type HostFacts,
  type HostTask,
  reviveFault,
  type SensorState,
  type StepOperation,
  type ToAgent,
  type ToControl,
} from '../link/protocol.ts';
import { readToControl, UnreadableMessage } from '../link/reader.ts';
import { monotonicNs } from '../link/stations.ts';
import { isOnHost } from './detection-path.ts';

export const hostFault = defineFaults({
  'host.away': {
    kind: 'unavailable',
    en: {
      what: 'no host is connected',
      why: 'the agent of this machine is not in touch with control',
      remedy: 'darsena status',
    },
    es: {
      what: 'no hay ningún host conectado',
      why: 'el agente de esta máquina no está en contacto con control',
      remedy: 'darsena status',
    },
  },
  'host.lost': {
    kind: 'unavailable',
    en: {
      what: 'the host {host} went away',
      why: 'its agent stopped while it worked',
      remedy: 'run the same command again',
    },
    es: {
      what: 'el host {host} se desconectó',
      why: 'su agente se detuvo mientras trabajaba',
      remedy: 'ejecutar de nuevo la misma orden',
    },
  },
  'host.unreadable': {
    kind: 'unavailable',
    en: {
      what: 'the answer of the host {host} cannot be read',
      why: '{reason}',
      remedy: 'see what it runs: darsena logs agent',
    },
    es: {
      what: 'la respuesta del host {host} no se puede leer',
      why: '{reason}',
      remedy: 'ver qué ejecuta: darsena logs agent',
    },
  },
  'host.session-unanswered': {
    kind: 'unavailable',
    en: {
      what: 'the session did not open',
      why: 'the host did not answer within {seconds} s',
      remedy: 'darsena status',
    },
    es: { what: 'la sesión no se abrió', why: 'el host no respondió en {seconds} s', remedy: 'darsena status' },
  },
});

/** Without a word for so long the connection is dead, whatever TCP believes. */
const SILENCE_MS = 20_000;
const PING_MS = 5_000;
export const SESSION_WAIT_MS = 15_000;
/** Alerts in one transaction: more would keep other writers waiting for longer than they notice. */
const ALERTS_AT_ONCE = 200;

/**
 * Read and not yet dealt with, of one host: beyond it no more is read from it until there is room, so that the host waits and
 * not control's memory. One alert may have more than a megabyte where the host is hostile; an honest one has two kilobytes.
 */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
const WAITING_ALERTS_MAX = 5_000;
const WAITING_MESSAGES_MAX = 256;
/** A host is said to flood at most this often. */
const FLOOD_TOLD_EVERY_MS = 600_000;
/** The largest thing that is sent is a wanted state; a host that reads nothing is cut. */
const BEHIND_BYTES_MAX = 128 * 1024 * 1024;

/** What control does when a host speaks; each is called in the order of the messages. */
export interface HostListener {
  connected(host: string): void;
  away(host: string): void;
  /** Stores alerts of a host, all or none. What came while the former were stored comes together. */
  alerts(host: string, alerts: readonly ArrivedAlert[]): Promise<void>;
  /** Resolves when it was dealt with; it never rejects. */
  message(
    host: string,
    message: Exclude<ToControl, { type: 'alert' | 'task-step' | 'task-done' | 'task-failed' | 'pong' }>,
  ): Promise<void>;
  /** A host says more than can be stored; it is held up until there is room. */
  flooded(host: string, waiting: { readonly alerts: number; readonly bytes: number; readonly messages: number }): void;
}

export interface ArrivedAlert {
  readonly alert: Alert;
  /** When it was at each station up to control's own reading of it; empty when it is not known. */
  readonly times: readonly number[];
}

export interface HostView {
  readonly name: string;
  readonly state: 'connected' | 'away';
  readonly lastSeenAt: string;
  readonly facts: HostFacts | null;
  readonly sensor: SensorState | null;
  readonly prevention: HostPrevention | null;
}

interface Pending {
  readonly host: string;
  readonly steps: Map<number, StepHandle>;
  readonly resolve: (value: Json) => void;
  readonly reject: (error: unknown) => void;
}

interface Link {
  readonly channel: LineChannel<ToAgent>;
  lastHeardMs: number;
  /** Read and not yet stored, in order. */
  readonly waiting: (ArrivedAlert & { readonly bytes: number })[];
  storing: boolean;
  /** Of alerts that were read and not yet stored. */
  waitingBytes: number;
  /** Other messages that are being dealt with. */
  busy: number;
  held: boolean;
}

/** The connected agents: what they say, what they are asked, and the byte sessions they open on request. */
export class Hosts {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listener: HostListener;
  readonly #links = new Map<string, Link>();
  readonly #views = new Map<string, HostView>();
  readonly #tasks = new Map<string, Pending>();
  /** When each host was last said to flood. */
  readonly #floods = new Map<string, number>();
  readonly #sessions = new Map<string, (stream: Duplex) => void>();
  readonly #pinger: NodeJS.Timeout;

  constructor(options: { readonly clock: Clock; readonly log: Log; readonly listener: HostListener }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#listener = options.listener;
    this.#pinger = setInterval(() => this.#pingAll(), PING_MS);
    this.#pinger.unref();
  }

  /** Takes over an upgraded connection whose client certificate named `host`. */
  accept(host: string, stream: Duplex): void {
    const former = this.#links.get(host);
    if (former !== undefined) {
      // What it was asked is lost with it, as with one that closes: who answers now may be another run of the agent.
      former.channel.close();
      this.#loseTasks(host);
    }
    const link: Link = {
      channel: openLineChannel<ToAgent>(stream, (value, bytes) => this.#take(host, link, value, bytes), {
        behindBytesMax: BEHIND_BYTES_MAX,
      }),
      lastHeardMs: this.#clock.monotonicMs(),
      waiting: [],
      storing: false,
      waitingBytes: 0,
      busy: 0,
      held: false,
    };
    this.#links.set(host, link);
    this.#see(host, { state: 'connected' });
    void link.channel.closed.then((error) => {
      if (this.#links.get(host) !== link) return;
      this.#links.delete(host);
      this.#see(host, { state: 'away' });
      this.#log.warn({ host, err: error }, 'host away');
      this.#loseTasks(host);
      this.#listener.away(host);
    });
    this.#listener.connected(host);
  }

  #loseTasks(host: string): void {
    for (const [id, pending] of this.#tasks) {
      if (pending.host !== host) continue;
      this.#tasks.delete(id);
      pending.reject(hostFault('host.lost', { host }));
    }
  }

  views(): HostView[] {
    return [...this.#views.values()];
  }

  /** Names of the hosts that answer now. */
  connected(): string[] {
    return [...this.#links.keys()];
  }

  /** The host that work goes to. There is one today; with more, placement decides. @throws Fault host.away */
  only(): string {
    const first = this.#links.keys().next().value;
    if (first === undefined) throw hostFault('host.away');
    return first;
  }

  send(host: string, message: ToAgent): void {
    this.#links.get(host)?.channel.send(message);
  }

  broadcast(message: ToAgent): void {
    for (const link of this.#links.values()) link.channel.send(message);
  }

  /**
   * Asks a host to do something and waits for its end; its steps appear under `step`.
   * @throws the host's Fault; host.away, host.lost; the signal's reason when aborted
   */
  async run(
    task: HostTask,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal; readonly host?: string },
  ): Promise<Json> {
    const host = options.host ?? this.only();
    const link = this.#links.get(host);
    if (link === undefined) throw hostFault('host.away');
    options.signal?.throwIfAborted();
    const id = newId(this.#clock);
    const cancel = (): void => link.channel.send({ type: 'cancel', id });
    try {
      return await new Promise<Json>((resolve, reject) => {
        this.#tasks.set(id, { host, steps: new Map([[0, options.step]]), resolve, reject });
        options.signal?.addEventListener('abort', cancel, { once: true });
        link.channel.send({ type: 'task', id, task });
      });
    } finally {
      this.#tasks.delete(id);
      options.signal?.removeEventListener('abort', cancel);
    }
  }

  /** A name under which a host will open a byte session, and the stream once it has. @throws Fault host.session-unanswered */
  expectSession(waitMs = SESSION_WAIT_MS): {
    readonly session: string;
    readonly stream: Promise<Duplex>;
    readonly forget: () => void;
  } {
    const session = randomBytes(24).toString('hex');
    let timer: NodeJS.Timeout | undefined;
    const stream = new Promise<Duplex>((resolve, reject) => {
      timer = setTimeout(() => {
        this.#sessions.delete(session);
        reject(hostFault('host.session-unanswered', { seconds: waitMs / 1000 }));
      }, waitMs);
      this.#sessions.set(session, (opened) => {
        clearTimeout(timer);
        resolve(opened);
      });
    });
    const forget = (): void => {
      clearTimeout(timer);
      this.#sessions.delete(session);
    };
    return { session, stream, forget };
  }

  /** A host opened a session that was asked for; false when nobody waits for it. */
  openSession(session: string, stream: Duplex): boolean {
    const waiting = this.#sessions.get(session);
    if (waiting === undefined) return false;
    this.#sessions.delete(session);
    waiting(stream);
    return true;
  }

  close(): void {
    clearInterval(this.#pinger);
    for (const link of this.#links.values()) link.channel.close();
  }

  /** What cannot be read is not done; whoever waits for a task that ended so learns that. */
  #take(host: string, link: Link, value: unknown, bytes: number): void {
    try {
      this.#hear(host, link, readToControl(value), bytes);
    } catch (error) {
      if (!(error instanceof UnreadableMessage)) throw error;
      const { type, id, message } = error;
      this.#log.error({ host, type, reason: message }, 'a host sent something that cannot be read');
      if (id !== null && (type === 'task-done' || type === 'task-failed')) {
        this.#tasks.get(id)?.reject(hostFault('host.unreadable', { host, reason: message }));
      }
    }
  }

  #hear(host: string, link: Link, message: ToControl, bytes: number): void {
    link.lastHeardMs = this.#clock.monotonicMs();
    switch (message.type) {
      case 'pong':
        this.#see(host, {});
        return;
      case 'task-step':
        this.#applyStep(message.id, message.step);
        return;
      case 'task-done':
        this.#tasks.get(message.id)?.resolve(message.value);
        return;
      case 'task-failed':
        this.#tasks.get(message.id)?.reject(reviveFault(message.fault));
        return;
      case 'alert': {
        const { alert: told, stations } = message;
        let alert: Alert;
        try {
          alert = readAlert(told);
        } catch (error) {
          this.#log.error({ err: error, host }, 'an alert of a host cannot be read');
          const id = claimedId(told);
          if (id !== null) link.channel.send({ type: 'alert-refused', id });
          return;
        }
        const times = isOnHost(stations) ? [alert.kernelTimeNs, ...stations, monotonicNs()] : [];
        link.waiting.push({ alert, times, bytes });
        link.waitingBytes += bytes;
        this.#holdUp(host, link);
        if (!link.storing) void this.#store(host, link);
        return;
      }
      case 'host':
        this.#see(host, { facts: message.facts });
        this.#pass(host, link, message);
        return;
      case 'sensor':
        this.#see(host, { sensor: message.sensor });
        this.#pass(host, link, message);
        return;
      case 'guards':
        this.#see(host, { prevention: message.prevention });
        return;
      case 'machine':
      case 'modules':
      case 'strangers':
      case 'engine':
      case 'edge':
      case 'names':
      case 'edge-refused':
      case 'flows':
      case 'status':
      case 'fact':
      case 'wanted-refused':
      case 'format-ask':
        this.#pass(host, link, message);
        return;
      default:
        message satisfies never;
    }
  }

  #pass(host: string, link: Link, message: Parameters<HostListener['message']>[1]): void {
    link.busy++;
    this.#holdUp(host, link);
    void this.#listener.message(host, message).then(() => {
      link.busy--;
      this.#goOn(link);
    });
  }

  #holdUp(host: string, link: Link): void {
    const { waiting, waitingBytes: bytes, busy: messages } = link;
    const isFull =
      waiting.length >= WAITING_ALERTS_MAX || bytes >= WAITING_BYTES_MAX || messages >= WAITING_MESSAGES_MAX;
    if (!isFull || link.held) return;
    link.held = true;
    link.channel.hold(true);
    const now = this.#clock.monotonicMs();
    if (now - (this.#floods.get(host) ?? Number.NEGATIVE_INFINITY) < FLOOD_TOLD_EVERY_MS) return;
    this.#floods.set(host, now);
    this.#log.warn({ host, alerts: waiting.length, bytes, messages }, 'a host says more than can be stored');
    this.#listener.flooded(host, { alerts: waiting.length, bytes, messages });
  }

  /** At half of the bounds: what is held up is not to stop and go with every message. */
  #goOn(link: Link): void {
    const { waiting, waitingBytes, busy } = link;
    const hasRoom =
      waiting.length <= WAITING_ALERTS_MAX / 2 &&
      waitingBytes <= WAITING_BYTES_MAX / 2 &&
      busy <= WAITING_MESSAGES_MAX / 2;
    if (!link.held || !hasRoom) return;
    link.held = false;
    // That nothing was heard meanwhile was our doing.
    link.lastHeardMs = this.#clock.monotonicMs();
    link.channel.hold(false);
  }

  /**
   * Stores what waits, in order, so that an incident is opened by its first alert; told stored only when it is. A flood is
   * stored some hundred at a time: a transaction each would take ten times as long.
   */
  async #store(host: string, link: Link): Promise<void> {
    link.storing = true;
    while (link.waiting.length > 0) {
      const batch = link.waiting.splice(0, ALERTS_AT_ONCE);
      try {
        await this.#storeTogether(host, link, batch);
      } catch (error) {
        if (batch.length > 1) await this.#storeEach(host, link, batch);
        else this.#log.error({ err: error, alert: batch[0]?.alert.id }, 'storing an alert failed');
      }
      for (const { bytes } of batch) link.waitingBytes -= bytes;
      this.#goOn(link);
    }
    link.storing = false;
  }

  async #storeTogether(host: string, link: Link, batch: readonly ArrivedAlert[]): Promise<void> {
    await this.#listener.alerts(host, batch);
    for (const { alert } of batch) link.channel.send({ type: 'alert-stored', id: alert.id });
  }

  /** One that cannot be stored must not hold up those that came with it. */
  async #storeEach(host: string, link: Link, batch: readonly ArrivedAlert[]): Promise<void> {
    for (const one of batch) {
      try {
        await this.#storeTogether(host, link, [one]);
      } catch (error) {
        this.#log.error({ err: error, alert: one.alert.id }, 'storing an alert failed');
      }
    }
  }

  #applyStep(id: string, operation: StepOperation): void {
    const steps = this.#tasks.get(id)?.steps;
    if (steps === undefined) return;
    if (operation.op === 'step') {
      const parent = steps.get(operation.parent);
      if (parent !== undefined) steps.set(operation.step, parent.step(operation.title));
      return;
    }
    const step = steps.get(operation.step);
    if (step === undefined) return;
    switch (operation.op) {
      case 'update':
        step.update(operation.update);
        return;
      case 'note':
        step.note(operation.text);
        return;
      case 'done':
        step.done(operation.detail ?? undefined);
        return;
      case 'fail':
        step.fail(operation.detail);
        return;
    }
  }

  #see(host: string, change: Partial<HostView>): void {
    const before = this.#views.get(host) ?? {
      name: host,
      state: 'connected',
      lastSeenAt: '',
      facts: null,
      sensor: null,
      prevention: null,
    };
    this.#views.set(host, { ...before, lastSeenAt: this.#clock.now().toISOString(), ...change });
  }

  #pingAll(): void {
    for (const [host, link] of this.#links) {
      if (!link.held && this.#clock.monotonicMs() - link.lastHeardMs > SILENCE_MS) {
        this.#log.warn({ host }, 'host is silent; closing its connection');
        link.channel.cut(new Error('nothing was heard from it'));
      } else {
        link.channel.send({ type: 'ping' });
      }
    }
  }
}

function claimedId(alert: unknown): string | null {
  return typeof alert === 'object' && alert !== null && 'id' in alert && typeof alert.id === 'string' ? alert.id : null;
}

/** Whether the sensor of this host does its work, as the agent sees it: who was stopped or cannot start says nothing itself. */
import { type Alert, selfAlert } from '../../detect/index.ts';
import type { Log, Text } from '../../system/index.ts';
import { monotonicNs } from '../link/stations.ts';

/** The sensor counts for the agent each five seconds, whatever happens. */
const SILENT_MS = 10_000;
/** One that is stopped is ended, so that its supervisor starts it anew; what happened meanwhile waits in the kernel. */
const END_MS = 15_000;
/** A sensor that ended is back within two seconds, and on a machine that is very busy within ten. */
const GONE_MS = 15_000;
/** From the start of a host that has to start everything. */
const FIRST_MS = 120_000;
/** Where that did not help, as when its supervisor does not run, it is tried again. */
const END_AGAIN_MS = 10_000;
const LOOK_MS = 1_000;
/** Where this thread was held up so long itself, what came meanwhile has still to be read. */
const HELD_UP_MS = 3_000;

export interface SensorWatchParts {
  readonly log: Log;
  readonly raise: (alert: Alert) => void;
  /** It runs and says nothing: what is told of its state. */
  readonly onSilent: (sinceMs: number) => void;
  /** Ends it by force. */
  readonly end: () => Promise<void>;
  readonly nowMs?: () => number;
}

export class SensorWatch {
  readonly #parts: SensorWatchParts;
  readonly #nowMs: () => number;
  /** When it was last heard, or began to be waited for. */
  #heardMs: number;
  #goneMs = 0;
  #endedMs = Number.NEGATIVE_INFINITY;
  #lookedMs: number;
  #state: 'awaited' | 'heard' | 'gone' = 'awaited';
  #told = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SensorWatchParts) {
    this.#parts = parts;
    this.#nowMs = parts.nowMs ?? (() => Date.now());
    this.#heardMs = this.#nowMs();
    this.#lookedMs = this.#heardMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** It said something. */
  heard(): void {
    this.#heardMs = this.#nowMs();
    this.#state = 'heard';
    this.#told = false;
    this.#endedMs = Number.NEGATIVE_INFINITY;
  }

  /** Its connection ended. */
  gone(): void {
    if (this.#state !== 'heard') return;
    this.#goneMs = this.#nowMs();
    // That one was silent says nothing of whether the next one starts; since when nobody watches it does.
    if (!this.#told) this.#heardMs = this.#goneMs;
    this.#told = false;
    this.#state = 'gone';
  }

  look(): void {
    const now = this.#nowMs();
    const passedMs = now - this.#lookedMs;
    this.#lookedMs = now;
    if (passedMs - LOOK_MS > HELD_UP_MS) {
      this.#heardMs = now;
      this.#goneMs = now;
      return;
    }
    // A clock that is set back must not keep a silence from being heard.
    if (passedMs < 0) {
      this.#heardMs += passedMs;
      this.#goneMs += passedMs;
      this.#endedMs += passedMs;
    }
    const silentMs = now - this.#heardMs;
    if (this.#state === 'heard') {
      if (silentMs < SILENT_MS) return;
      if (!this.#told) {
        this.#parts.onSilent(this.#heardMs);
        this.#say('Sensor does not answer', {
          en: `The sensor runs and has said nothing for ${seconds(silentMs)} s: somebody stopped it, or it is stuck; it is ended and starts anew`,
          es: `El sensor está en marcha y no ha dicho nada en ${seconds(silentMs)} s: alguien lo detuvo, o está atascado; se termina y arranca de nuevo`,
        });
      }
      if (silentMs < END_MS || now - this.#endedMs < END_AGAIN_MS) return;
      this.#endedMs = now;
      this.#parts
        .end()
        .catch((error: unknown) => this.#parts.log.error({ err: error }, 'the sensor could not be ended'));
      return;
    }
    const isLate = this.#state === 'gone' ? now - this.#goneMs >= GONE_MS : silentMs >= FIRST_MS;
    if (this.#told || !isLate) return;
    this.#say('Sensor does not run', {
      en: `No sensor has watched this host for ${seconds(silentMs)} s: it does not start; see darsena logs sensor`,
      es: `Ningún sensor vigila este host desde hace ${seconds(silentMs)} s: no arranca; véase darsena logs sensor`,
    });
  }

  #say(rule: string, said: Text): void {
    this.#told = true;
    this.#parts.log.error({ rule }, said.en);
    const alert = selfAlert(rule, 'critical', said, { wallMs: Date.now(), kernelNs: monotonicNs() });
    this.#parts.raise({ ...alert, process: { ...alert.process, name: 'darsena-agent' } });
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}

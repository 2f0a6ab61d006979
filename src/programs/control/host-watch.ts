/** Hosts that are silent: who ends an agent, its line or its machine ends all that watches there, and nothing is left to say so but control. */
import { type Alert, selfAlert } from '../../detect/index.ts';
import type { Clock, Log } from '../../system/index.ts';
import { monotonicNs } from '../link/stations.ts';

/** An agent that was killed is back within seconds; a machine that starts again on its own takes about so long. */
const SILENT_MS = 60_000;
/** After a start of control, whose hosts may have to start as well. */
const FIRST_MS = 180_000;
const LOOK_MS = 5_000;
/** Where control was held up so long itself, hosts had nobody to speak to. */
const HELD_UP_MS = 10_000;

export interface HostWatchParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Of a host that is to run workloads: how many; 0 where nothing is expected of it. */
  readonly workloads: (host: string) => Promise<number>;
  /** Whether the platform itself told it to start again. */
  readonly isStarting: (host: string) => Promise<boolean>;
  readonly raise: (alert: Alert, host: string) => Promise<void>;
  readonly back: (host: string, silentMs: number) => Promise<void>;
}

interface Silence {
  /** By the clock that never jumps. */
  readonly sinceMs: number;
  readonly mostMs: number;
  isTold: boolean;
}

export class HostWatch {
  readonly #parts: HostWatchParts;
  readonly #silent = new Map<string, Silence>();
  #lookedMs: number;
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param known hosts that were there before control started */
  constructor(parts: HostWatchParts, known: readonly string[]) {
    this.#parts = parts;
    this.#lookedMs = parts.clock.monotonicMs();
    for (const host of known) this.#silent.set(host, { sinceMs: this.#lookedMs, mostMs: FIRST_MS, isTold: false });
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.look().catch((error: unknown) => this.#parts.log.error({ err: error }, 'silent hosts could not be told'));
    }, LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  connected(host: string): void {
    const silence = this.#silent.get(host);
    this.#silent.delete(host);
    if (silence?.isTold !== true) return;
    const silentMs = this.#parts.clock.monotonicMs() - silence.sinceMs;
    this.#parts
      .back(host, silentMs)
      .catch((error: unknown) =>
        this.#parts.log.error({ err: error, host }, 'that a host is back could not be recorded'),
      );
  }

  away(host: string): void {
    if (this.#silent.has(host)) return;
    this.#silent.set(host, { sinceMs: this.#parts.clock.monotonicMs(), mostMs: SILENT_MS, isTold: false });
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { clock, workloads, isStarting, log, raise } = this.#parts;
      const now = clock.monotonicMs();
      const heldUpMs = now - this.#lookedMs - LOOK_MS;
      this.#lookedMs = now;
      for (const [host, silence] of [...this.#silent]) {
        if (heldUpMs > HELD_UP_MS && !silence.isTold) {
          this.#silent.set(host, { ...silence, sinceMs: silence.sinceMs + heldUpMs });
          continue;
        }
        const silentMs = now - silence.sinceMs;
        if (silence.isTold || silentMs < silence.mostMs || (await isStarting(host))) continue;
        const count = await workloads(host);
        if (count === 0) continue;
        // It may have come back while it was asked about.
        if (this.#silent.get(host) !== silence) continue;
        silence.isTold = true;
        const seconds = Math.round(silentMs / 1_000);
        log.error({ host, seconds, workloads: count }, 'a host with workloads is silent');
        const said = {
          en: `The host ${host}, which runs ${count === 1 ? '1 workload' : `${count} workloads`}, has said nothing for ${seconds} s: its agent, its line or the machine was ended; nothing that happens there is heard`,
          es: `El host ${host}, que ejecuta ${count === 1 ? '1 carga de trabajo' : `${count} cargas de trabajo`}, no ha dicho nada en ${seconds} s: terminó su agente, su línea o la máquina; no se oye nada de lo que ocurre allí`,
        };
        const alert = selfAlert('Host silent', 'critical', said, {
          wallMs: clock.now().getTime(),
          kernelNs: monotonicNs(),
        });
        try {
          await raise({ ...alert, process: { ...alert.process, name: 'darsena-control' } }, host);
        } catch (error) {
          // What could not be stored is told at the next look.
          silence.isTold = false;
          throw error;
        }
      }
    } finally {
      this.#looking = false;
    }
  }
}

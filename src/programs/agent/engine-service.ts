import type { ChildProcess } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { answerOf, type Clock, defineFaults, type Log, startChild } from '../../system/index.ts';
import type { Instance } from '../setup/instance.ts';
import { endSocketOwners } from '../setup/processes.ts';

export const engineServiceFault = defineFaults({
  'agent.engine-silent': {
    kind: 'unavailable',
    en: {
      what: 'the Podman service does not answer',
      why: 'nothing at {socket} within {seconds} s',
      remedy: 'darsena doctor',
    },
    es: { what: 'el servicio de Podman no responde', why: 'nada en {socket} en {seconds} s', remedy: 'darsena doctor' },
  },
});

const READY_MS = 20_000;
const RETRY_FIRST_MS = 200;
const RETRY_LAST_MS = 10_000;

/**
 * `podman system service` of this instance, with the instance's own settings. It is a door to Podman and keeps nothing:
 * containers go on when it ends, so it is simply started again.
 */
export class EngineService {
  readonly #instance: Instance;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #runtime: string | null;
  readonly #others = new Map<string, Promise<EngineService>>();
  #child: ChildProcess | undefined;
  #stopped = false;
  #retryMs = RETRY_FIRST_MS;

  /** @param options.runtime of all containers that are made through it; null: the instance's standard */
  constructor(options: {
    readonly instance: Instance;
    readonly log: Log;
    readonly clock: Clock;
    readonly runtime?: string | null;
  }) {
    this.#instance = options.instance;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#runtime = options.runtime ?? null;
  }

  get socket(): string {
    const { socket } = this.#instance.podman;
    return this.#runtime === null ? socket : join(dirname(socket), `podman-${this.#runtime}.sock`);
  }

  /** Returns when the service answers. @throws Fault agent.engine-silent */
  async start(): Promise<void> {
    const { socket } = this;
    if (this.#runtime === null) {
      await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
      // An agent that was killed leaves its services behind, on sockets that nobody else will use again.
      await endSocketOwners(dirname(socket), { clock: this.#clock, graceMs: 3_000 });
    }
    void this.#spawn();
    const until = this.#clock.monotonicMs() + READY_MS;
    while (!(await answers(socket))) {
      if (this.#clock.monotonicMs() > until)
        throw engineServiceFault('agent.engine-silent', { socket, seconds: READY_MS / 1000 });
      await this.#clock.sleep(50);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#child?.kill('SIGTERM');
    for (const other of this.#others.values())
      other.then(
        (service) => service.stop(),
        () => undefined, // it never answered, and ended itself
      );
  }

  /**
   * The socket of a service beside this one, all of whose containers have that run-time; started when first asked for.
   * @throws Fault agent.engine-silent
   */
  async withRuntime(runtime: string): Promise<string> {
    let found = this.#others.get(runtime);
    if (found === undefined) {
      const service = new EngineService({
        ...{ instance: this.#instance, log: this.#log, clock: this.#clock, runtime },
      });
      found = service.start().then(
        () => service,
        (error: unknown) => {
          // Asked again it is tried again.
          this.#others.delete(runtime);
          service.stop();
          throw error;
        },
      );
      this.#others.set(runtime, found);
    }
    return (await found).socket;
  }

  /** Never rejects: what fails is told and tried again. */
  async #spawn(): Promise<void> {
    const { podman } = this.#instance;
    const { socket } = this;
    const started = this.#clock.monotonicMs();
    const standard = this.#runtime === null ? [] : ['--runtime', this.#runtime];
    const again = (code: number | null): void => {
      if (this.#stopped) return;
      const lived = this.#clock.monotonicMs() - started;
      this.#retryMs = lived > RETRY_LAST_MS ? RETRY_FIRST_MS : Math.min(this.#retryMs * 2, RETRY_LAST_MS);
      this.#log.warn({ code, retryMs: this.#retryMs }, 'the Podman service ended; starting it again');
      setTimeout(() => {
        if (!this.#stopped) void this.#spawn();
      }, this.#retryMs);
    };
    try {
      await rm(socket, { force: true });
      // Told to stop meanwhile: nobody would end what begins now.
      if (this.#stopped) return;
      const child = startChild('podman', [...standard, 'system', 'service', '--time', '0', `unix://${socket}`], {
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...podman.environment },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      this.#child = child;
      child.stderr?.on('data', (chunk: Buffer) =>
        this.#log.warn({ podman: chunk.toString('utf8').slice(0, 2000) }, 'podman says'),
      );
      child.once('error', (error) => this.#log.error({ err: error }, 'podman could not be started'));
      child.once('close', again);
    } catch (error) {
      this.#log.error({ err: error }, 'podman could not be started');
      again(null);
    }
  }
}

async function answers(socketPath: string): Promise<boolean> {
  const call = request({ socketPath, path: '/libpod/_ping', timeout: 2_000 });
  call.once('timeout', () => call.destroy());
  call.end();
  try {
    const response = await answerOf(call);
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false; // whatever keeps it from answering
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname } from 'node:path';
import { type Clock, defineFaults, type Log } from '../../system/index.ts';
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
  #child: ChildProcess | undefined;
  #stopped = false;
  #retryMs = RETRY_FIRST_MS;

  constructor(options: { readonly instance: Instance; readonly log: Log; readonly clock: Clock }) {
    this.#instance = options.instance;
    this.#log = options.log;
    this.#clock = options.clock;
  }

  /** Returns when the service answers. @throws Fault agent.engine-silent */
  async start(): Promise<void> {
    const { socket } = this.#instance.podman;
    await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
    // An agent that was killed leaves its service behind, on a socket that nobody else will use again.
    await endSocketOwners(dirname(socket), { clock: this.#clock, graceMs: 3_000 });
    this.#spawn();
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
  }

  #spawn(): void {
    const { podman } = this.#instance;
    const started = this.#clock.monotonicMs();
    void rm(podman.socket, { force: true }).then(() => {
      const child = spawn('podman', ['system', 'service', '--time', '0', `unix://${podman.socket}`], {
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...podman.environment },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      this.#child = child;
      child.stderr?.on('data', (chunk: Buffer) =>
        this.#log.warn({ podman: chunk.toString('utf8').slice(0, 2000) }, 'podman says'),
      );
      child.once('error', (error) => this.#log.error({ err: error }, 'podman could not be started'));
      child.once('close', (code) => {
        if (this.#stopped) return;
        const lived = this.#clock.monotonicMs() - started;
        this.#retryMs = lived > RETRY_LAST_MS ? RETRY_FIRST_MS : Math.min(this.#retryMs * 2, RETRY_LAST_MS);
        this.#log.warn({ code, retryMs: this.#retryMs }, 'the Podman service ended; starting it again');
        setTimeout(() => {
          if (!this.#stopped) this.#spawn();
        }, this.#retryMs);
      });
    });
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/libpod/_ping', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('error', () => resolve(false));
    call.once('timeout', () => call.destroy());
    call.end();
  });
}

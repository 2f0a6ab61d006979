import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { pino as Pino } from 'pino';

const require = createRequire(import.meta.url);

/** What a room may say to the operator; a pino logger fits. Never pass a secret: fields are written as they are. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Log;
}

const REDACTED = ['token', 'password', 'secret', 'authorization', 'cookie', '*.token', '*.password', '*.secret'];

/** A logger of JSON lines on standard output. Names that usually hold secrets are masked as a second line of defence. */
export function createLog(program: string, level: string = process.env['DARSENA_LOG_LEVEL'] ?? 'info'): Log {
  // Loaded here and not above: commands never log, and it is a dozen modules.
  const pino = require('pino') as typeof Pino;
  const options = {
    name: program,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED, censor: '[hidden]' },
    base: { pid: process.pid },
  };
  return pino(options, new LogFile(STANDARD_OUTPUT, program));
}

const STANDARD_OUTPUT = 1;
/** Of a reader that is slow. */
const FULL_WAIT_MS = 10;
const FULL_WAITS_MAX = 100;

/**
 * Writes each line at once, so that the last words before an end are there. A disk that is full ends nothing: what cannot be
 * written is left out, and how much that was is said when there is room again. (pino's own destination ends the process then,
 * and on the way waits for ever for room.)
 */
class LogFile {
  readonly #descriptor: number;
  readonly #program: string;
  #lost = 0;
  /** Half of a line stands there. */
  #isCut = false;

  constructor(descriptor: number, program: string) {
    this.#descriptor = descriptor;
    this.#program = program;
  }

  write(line: string): void {
    if (this.#lost > 0) {
      const told = { level: 40, time: new Date().toISOString(), name: this.#program, lost: this.#lost };
      if (this.#put(`${JSON.stringify({ ...told, msg: 'lines of this log could not be written' })}\n`)) this.#lost = 0;
    }
    if (!this.#put(line)) this.#lost++;
  }

  #put(line: string): boolean {
    const whole = Buffer.from(this.#isCut ? `\n${line}` : line);
    let rest = whole;
    for (let waits = 0; rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(this.#descriptor, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || ++waits > FULL_WAITS_MAX) {
          this.#isCut ||= rest.length < whole.length;
          return false;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_WAIT_MS);
      }
    }
    this.#isCut = false;
    return true;
  }
}

/** A logger that says nothing: for tests and for commands whose output belongs to the person. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

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
  return pino({
    name: program,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED, censor: '[hidden]' },
    base: { pid: process.pid },
  });
}

/** A logger that says nothing: for tests and for commands whose output belongs to the person. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

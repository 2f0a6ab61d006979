import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { defineFaults } from '../../system/fault.ts';
import type { RuleWord } from './messages.ts';

export const sensorFault = defineFaults({
  'sensor.config': {
    kind: 'invalid',
    en: { what: 'the configuration {file} cannot be used', why: '{reason}' },
    es: { what: 'la configuración {file} no sirve', why: '{reason}' },
  },
  'sensor.rules': {
    kind: 'invalid',
    en: { what: 'the rules cannot be read', why: '{reason}' },
    es: { what: 'no se pueden leer las reglas', why: '{reason}' },
  },
});

export interface SensorConfig {
  readonly instance: string;
  /** Unix socket on which the agent listens. */
  readonly socket: string;
  /** Rule files, or folders whose `.yaml` files are taken in the order of their names. */
  readonly rules: readonly string[];
  /** Without BPF programs, even where they can be had. */
  readonly source: 'bpf' | 'fallback';
  /** Only containers the agent names, or every container of the machine. */
  readonly scope: 'instance' | 'all';
  /** Events of the host's own processes too. */
  readonly host: boolean;
  /** Bytes of the rings in the kernel; null for the defaults. */
  readonly processRingBytes: number | null;
  readonly openRingBytes: number | null;
  /** A folder below a BPF file system where the programs stay while no sensor runs; null ends them with the sensor. */
  readonly pins: string | null;
}

export function readConfig(file: string): SensorConfig {
  const fail = (reason: string, cause?: unknown): Error => sensorFault('sensor.config', { file, reason }, { cause });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error), error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('it must be a JSON object');
  const { instance, socket, rules, scope, host, rings, pins, source } = value as Record<string, unknown>;
  if (typeof socket !== 'string' || socket === '') throw fail('"socket" must be the path of the agent\'s socket');
  if (!Array.isArray(rules) || !rules.every((one) => typeof one === 'string'))
    throw fail('"rules" must be a list of paths');
  if (scope !== 'instance' && scope !== 'all') throw fail('"scope" must be "instance" or "all"');
  if (source !== undefined && source !== 'bpf' && source !== 'fallback')
    throw fail('"source" must be "bpf" or "fallback"');
  if (pins !== undefined && (typeof pins !== 'string' || !isAbsolute(pins)))
    throw fail('"pins" must be the path of a folder');
  const ringBytes = (key: string): number | null => {
    const bytes = typeof rings === 'object' && rings !== null ? (rings as Record<string, unknown>)[key] : undefined;
    if (bytes === undefined) return null;
    if (typeof bytes !== 'number' || !Number.isInteger(Math.log2(bytes)) || bytes < 4096 || bytes > 2 ** 28) {
      throw fail(`"rings.${key}" must be a power of two from 4096 to 268435456`);
    }
    return bytes;
  };
  return {
    instance: typeof instance === 'string' ? instance : 'darsena',
    socket,
    rules,
    source: source ?? 'bpf',
    scope,
    host: host === true,
    processRingBytes: ringBytes('process'),
    openRingBytes: ringBytes('open'),
    pins: typeof pins === 'string' ? pins : null,
  };
}

/** Reads rule files and folders of them. Throws a fault that names the path. */
export function readRules(paths: readonly string[]): RuleWord[] {
  try {
    return paths.flatMap((path) => {
      const files = statSync(path).isDirectory()
        ? readdirSync(path)
            .filter((name) => /\.ya?ml$/.test(name))
            .sort()
            .map((name) => join(path, name))
        : [path];
      return files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
    });
  } catch (error) {
    throw sensorFault(
      'sensor.rules',
      { reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    );
  }
}

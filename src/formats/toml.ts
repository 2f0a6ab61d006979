import { createRequire } from 'node:module';
import type * as SmolToml from 'smol-toml';
import { FormatError } from './errors.ts';
import type { Json } from './json.ts';
import { TOML_LIMITS, type TomlLimits } from './limits.ts';

let library: typeof SmolToml | null = null;

/** Loaded on first use, as the YAML reader is; the confined scan worker may read this one library and no other. */
function toml(): typeof SmolToml {
  library ??= createRequire(import.meta.url)('smol-toml') as typeof SmolToml;
  return library;
}

/**
 * Reads TOML 1.0 as plain JSON values: dates are texts as they were written, integers beyond 2^53 are an error.
 *
 * @throws FormatError with a `toml.*` code and, for a fault in the text, its place
 */
export function parseToml(text: string, options: Partial<TomlLimits> = {}): { [key: string]: Json } {
  const { maxBytes, maxDepth } = { ...TOML_LIMITS, ...options };
  if (text.length > maxBytes) {
    throw new FormatError('toml.size', `TOML has ${text.length} characters, the limit is ${maxBytes}`);
  }
  const { parse, TomlError } = toml();
  try {
    const table = parse(text, { maxDepth });
    return toJson(table, maxDepth) as { [key: string]: Json };
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    if (cause instanceof RangeError) throw new FormatError('toml.depth', 'TOML nests too deep', { cause });
    const [reason = 'not TOML'] = cause instanceof Error ? cause.message.split('\n') : [];
    const position = cause instanceof TomlError ? { line: cause.line, column: cause.column } : null;
    throw new FormatError('toml.syntax', `TOML cannot be read: ${reason.slice(0, 200)}`, { cause, position });
  }
}

/** Tables named key by key (`a.b.c = 1`) nest without brackets, so depth is bounded here once more. */
function toJson(value: unknown, depthLeft: number): Json {
  if (depthLeft < 0) throw new FormatError('toml.depth', 'TOML nests too deep');
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((one) => toJson(one, depthLeft - 1));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, toJson(one, depthLeft - 1)]));
  }
  if (typeof value === 'bigint') return value.toString();
  return value as Json;
}

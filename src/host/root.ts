import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { FACT_FILE_MAX_BYTES } from './limits.ts';

/** Files below `root`, read whole within bounds; null when one is not there or may not be read. */
export class Root {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  at(path: string): string {
    return join(this.path, path);
  }

  bytes(path: string, maxBytes = FACT_FILE_MAX_BYTES): Buffer | null {
    try {
      // Files of /proc say that they have no bytes.
      if (statSync(this.at(path)).size > maxBytes) return null;
      return readFileSync(this.at(path));
    } catch {
      return null; // absent or not for us: unknown, which is what null says
    }
  }

  text(path: string, maxBytes = FACT_FILE_MAX_BYTES): string | null {
    return this.bytes(path, maxBytes)?.toString('utf8') ?? null;
  }

  line(path: string): string | null {
    return this.text(path)?.trim() ?? null;
  }

  /** What a packed file holds; null as above, or when it is no gzip or too large. */
  inflated(path: string, maxBytes: number): string | null {
    const packed = this.bytes(path);
    if (packed === null) return null;
    try {
      return gunzipSync(packed, { maxOutputLength: maxBytes }).toString('utf8');
    } catch {
      return null;
    }
  }

  list(path: string): string[] {
    try {
      return readdirSync(this.at(path)).sort();
    } catch {
      return [];
    }
  }

  has(path: string): boolean {
    return existsSync(this.at(path));
  }

  /** Changes when the file does. */
  stamp(path: string): string | null {
    try {
      const { size, mtimeMs, ino } = statSync(this.at(path));
      return `${ino}.${size}.${mtimeMs}`;
    } catch {
      return null;
    }
  }
}

/** Long texts that change only with an update, by place and stamp: so that looking again costs next to nothing. */
const remembered = new Map<string, { readonly stamp: string; readonly value: unknown }>();

export function remember<T>(root: Root, path: string, read: () => T): T {
  const stamp = root.stamp(path) ?? 'none';
  const key = root.at(path);
  const known = remembered.get(key);
  if (known?.stamp === stamp) return known.value as T;
  const value = read();
  remembered.set(key, { stamp, value });
  return value;
}

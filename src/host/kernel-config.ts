import { CONFIG_OPTIONS_MAX, CONFIG_OPTIONS_WHOLE } from './limits.ts';

/** Options of a kernel's build without their `CONFIG_`: 'y', 'm', 'n' (said to be off) or a value without quotes. */
export interface KernelConfig {
  readonly source: string;
  readonly options: Record<string, string>;
  readonly isWhole: boolean;
}

const SET = /^CONFIG_([A-Za-z0-9_]+)=(.*)$/;
const UNSET = /^# CONFIG_([A-Za-z0-9_]+) is not set$/;

/** Reads a `.config` as the kernel's build writes it. */
export function parseKernelConfig(text: string, source: string): KernelConfig {
  const options: Record<string, string> = Object.create(null);
  let count = 0;
  for (const line of text.split('\n')) {
    const trimmed = line.trimEnd();
    const [, name, value = ''] = SET.exec(trimmed) ?? [];
    const [, off] = name === undefined ? (UNSET.exec(trimmed) ?? []) : [];
    if (name !== undefined) options[name] = /^".*"$/.test(value) ? value.slice(1, -1).replaceAll('\\"', '"') : value;
    else if (off !== undefined) options[off] = 'n';
    else continue;
    if (++count >= CONFIG_OPTIONS_MAX) break;
  }
  return { source, options: { ...options }, isWhole: count >= CONFIG_OPTIONS_WHOLE };
}

import type { Json } from '../api/types.ts';

/** What YAML takes for a text without quotes, and for nothing else. */
const PLAIN = /^[A-Za-z][\w./-]*$/;
const WORDS_OF_YAML = new Set(['true', 'false', 'yes', 'no', 'on', 'off', 'null', 'y', 'n']);

function scalar(value: Json): string {
  if (typeof value === 'string' && PLAIN.test(value) && !WORDS_OF_YAML.has(value.toLowerCase())) return value;
  return JSON.stringify(value);
}

function isNested(value: Json): value is Json[] | { [name: string]: Json } {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function lines(value: Json): readonly string[] {
  if (!isNested(value)) return [scalar(value)];
  if (Array.isArray(value))
    return value.flatMap((one: Json) => lines(one).map((line, place) => `${place === 0 ? '-' : ' '} ${line}`));
  return Object.entries(value).flatMap(([name, one]: [string, Json]) =>
    isNested(one)
      ? [`${scalar(name)}:`, ...lines(one).map((line) => `  ${line}`)]
      : [`${scalar(name)}: ${scalar(one)}`],
  );
}

/** A manifest as people write it: JSON would be valid YAML too, but nobody reads it. */
export function toYaml(value: Json): string {
  return `${lines(value).join('\n')}\n`;
}

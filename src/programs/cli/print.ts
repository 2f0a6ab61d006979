import type { CliColumn, CliPrint, Clock, Language, Text } from '../../system/index.ts';

/** Where the printed text goes; the real streams, or a test's. */
export interface PrintTarget {
  write(text: string): void;
  writeError(text: string): void;
  readonly terminal: boolean;
  readonly columns: number;
  readonly colour: boolean;
}

export interface PrintChoices {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly wide: boolean;
}

const ESCAPE = '\u001b[';
const COLOURS = { good: '32', warn: '33', bad: '31', faint: '2', strong: '1' } as const;
/** A cell without `-o wide` is cut here, so that a line stays within 100 characters. */
const CELL_CHARACTERS_MAX = 48;

/** @param named the instance that the caller named, which commands that are printed name too */
export function createPrint(
  target: PrintTarget,
  language: Language,
  clock: Clock,
  choices: () => PrintChoices,
  named: () => string | undefined = () => undefined,
): CliPrint {
  const command = (text: string): string => withInstance(text, named());
  const say = (text: Text | string): string =>
    harmless(typeof text === 'string' ? atPlacesOfCommands(text, command) : command(text[language]));
  const colour: CliPrint['colour'] = (kind, text) =>
    target.colour ? `${ESCAPE}${COLOURS[kind]}m${text}${ESCAPE}0m` : text;
  return {
    colour,
    command,
    table: (columns, rows, options) => {
      if (choices().json) {
        target.write(`${jsonText(options?.json ?? { items: rows }, 2)}\n`);
        return;
      }
      if (rows.length === 0) {
        if (options?.empty !== undefined && !choices().quiet) target.write(`${say(options.empty)}\n`);
        return;
      }
      target.write(
        formatTable(columns, rows, {
          ...{ language, wide: choices().wide, command },
          heading: (text) => colour('faint', text),
        }),
      );
    },
    json: (value) => target.write(`${jsonText(value, 2)}\n`),
    line: (text) => {
      if (!choices().json && !choices().quiet) target.write(`${say(text)}\n`);
    },
    result: (text) => {
      // A plain text is what was asked for, and stays as it is.
      if (!choices().json) target.write(`${typeof text === 'string' ? harmless(text) : say(text)}\n`);
    },
    note: (text) => target.writeError(`${say(text)}\n`),
    age: (at) => (at === null ? '-' : formatAge(clock.now().getTime() - Date.parse(at))),
    bytes: (sizeBytes) => formatBytes(sizeBytes),
  };
}

/** The commands in a text of ours with the instance that the caller named, so that they can be pasted. */
export function withInstance(text: string, instance: string | undefined): string {
  return instance === undefined ? text : text.replace(/\bdarsena (?=[a-z])/g, `darsena --instance ${instance} `);
}

/** In a line that holds other people's words a command of ours begins the line, or stands after a mark. */
function atPlacesOfCommands(text: string, command: (text: string) => string): string {
  return text.replace(PLACE_OF_COMMAND, command);
}
const PLACE_OF_COMMAND = new RegExp(
  `(?:^|[:;→(] |\`)[ ]*(?:${ESCAPE.replace('[', '\\[')}\\d+m)?darsena (?=[a-z])[a-z]`,
  'gm',
);

/** Columns two spaces apart; control characters of foreign data never reach the terminal. */
export function formatTable<Row>(
  columns: readonly CliColumn<Row>[],
  rows: readonly Row[],
  options: {
    language: Language;
    wide: boolean;
    heading?: (text: string) => string;
    command?: (text: string) => string;
  },
): string {
  const { command = (text: string) => text } = options;
  const shown = columns.filter((column) => options.wide || column.wide !== true);
  const cells = rows.map((row) =>
    shown.map((column) => {
      const text = printable(column.own === true ? command(column.value(row)) : column.value(row));
      return options.wide || column.long === true || width(text) <= CELL_CHARACTERS_MAX
        ? text
        : `${text.slice(0, CELL_CHARACTERS_MAX - 1)}…`;
    }),
  );
  const titles = shown.map((column) => column.title[options.language].toUpperCase());
  const widths = titles.map((title, index) => Math.max(width(title), ...cells.map((row) => width(row[index] ?? ''))));
  const format = (row: readonly string[]): string =>
    row
      .map((cell, index) => {
        const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
        return shown[index]?.align === 'right' ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  const heading = options.heading ?? ((text: string) => text);
  return [heading(format(titles)), ...cells.map(format)].map((line) => `${line}\n`).join('');
}

/** `850 ms`, `4.2 s`, `3 min`, `5 h`, `2 d`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  return formatAge(milliseconds);
}

export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function formatBytes(sizeBytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Controls, ends of lines, marks that turn the direction of writing, and halves of characters. */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Escapes and control characters in data from elsewhere could rewrite the reader's screen; they are shown as `�`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, '�');
}

/** The same for a text of several lines with our own colours, whose parts were to be made printable before. */
function harmless(text: string): string {
  return text.replace(OWN_OR_UNSAFE, (found, own) => (own === undefined ? '�' : found));
}
const OWN_OR_UNSAFE = new RegExp(`(${ESCAPE.replace('[', '\\[')}(?:0|1|2|3[0-9])m|\\n|\\t)|${UNSAFE.source}`, 'gu');

/** JSON whose texts no terminal obeys: what JSON may leave as it is, and a terminal reads as an order, is escaped as well. */
export function jsonText(value: unknown, indent = 0): string {
  return (JSON.stringify(value, null, indent) ?? 'null').replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

// Our own colour marks take no room.
const SGR = new RegExp(`${ESCAPE.replace('[', '\\[')}[0-9;]*m`, 'g');
function width(text: string): number {
  return [...text.replace(SGR, '')].length;
}

/**
 * Here-documents of a Containerfile (Dockerfile reference, "Here-Documents"), which buildah 1.28 does not read: each
 * instruction that has some is written anew without them.
 */
import type { Text } from '../system/index.ts';
import type { Instruction, Refuse } from './containerfile.ts';

export interface Heredoc {
  readonly name: string;
  /** Its word was quoted: variables in it stay as they are. */
  readonly quoted: boolean;
  /** `<<-`: tabs at the beginning of its lines are left out. */
  readonly dedent: boolean;
  readonly body: string;
}

/** An inline file of COPY or ADD, by its path in the folder that is given to the build beside its source. */
export interface InlineFile {
  readonly path: string;
  readonly text: string;
}

/** The name by which the rewritten file calls that folder. */
export const INLINE_CONTEXT = 'darsena-inline';

const WITH_HEREDOCS: ReadonlySet<string> = new Set(['RUN', 'COPY', 'ADD']);

/** The words of an instruction that begin here-documents: `<<EOF`, `<<-EOF`, `3<<"EOF"`, outside of quotes. */
export function heredocsOf(keyword: string, text: string): Omit<Heredoc, 'body'>[] {
  if (!WITH_HEREDOCS.has(keyword)) return [];
  const found: Omit<Heredoc, 'body'>[] = [];
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quote !== '') {
      if (character === '\\' && quote === '"') at += 1;
      else if (character === quote) quote = '';
    } else if (character === '\\') at += 1;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '<' && text[at + 1] === '<' && beginsWord(text, at)) {
      WORD.lastIndex = at;
      const word = WORD.exec(text);
      if (word === null) continue;
      found.push({ name: word[3] ?? word[4] ?? '', quoted: word[2] !== undefined, dedent: word[1] === '-' });
      at += word[0].length - 1;
    }
  }
  return found;
}

const WORD = /<<(-?)(?:(["'])([\w.-]+)\2|([\w.][\w.-]*))/y;

/** Whether a word begins there, perhaps with the number of a descriptor, which has few digits. */
function beginsWord(text: string, at: number): boolean {
  return /(?:^|\s)\d{0,4}$/.test(text.slice(Math.max(0, at - 5), at));
}

/** Reads the body of one from the lines behind its instruction. @returns the line behind it, or null where it has no end */
export function readHeredoc(
  lines: readonly string[],
  from: number,
  head: Omit<Heredoc, 'body'>,
): { readonly heredoc: Heredoc; readonly next: number } | null {
  const body: string[] = [];
  for (let at = from; at < lines.length; at += 1) {
    const raw = lines[at] ?? '';
    const line = head.dedent ? raw.replace(/^\t+/, '') : raw;
    if (line === head.name) return { heredoc: { ...head, body: body.map((one) => `${one}\n`).join('') }, next: at + 1 };
    body.push(line);
  }
  return null;
}

/** The longest line that buildah reads (bufio.MaxScanTokenSize of Go, with the end of the line). */
const LINE_BYTES_MAX = 65_000;

/**
 * The same file, an instruction a line, without here-documents: a RUN becomes one of the same shell with the whole script, a
 * COPY takes its files from a folder beside the source. Instructions keep their order and number.
 */
export function rewrite(
  instructions: readonly Instruction[],
  refuse: Refuse,
  directives: readonly string[],
): { readonly text: string; readonly files: readonly InlineFile[] } {
  const files: InlineFile[] = [];
  const lines = [...directives];
  let shell: readonly string[] = SHELL;
  for (const instruction of instructions) {
    const { keyword, text, heredocs, line } = instruction;
    if (keyword === 'FROM') shell = SHELL;
    if (keyword === 'SHELL') shell = readWords(text) ?? shell;
    let written = `${keyword} ${text}`;
    if (heredocs.length > 0 && keyword === 'RUN') written = `RUN ${runOf(text, heredocs, shell)}`;
    // Inline files are never unpacked, and ADD takes nothing from a folder beside the source.
    else if (heredocs.length > 0) written = `COPY ${copyOf(instruction, files, (reason) => refuse(line, reason))}`;
    else if (keyword === 'ADD') written = `ADD ${localSources(text)}`;
    if (Buffer.byteLength(written) > LINE_BYTES_MAX)
      throw refuse(line, {
        en: `it has more than ${LINE_BYTES_MAX} bytes: write them into a file, and COPY it`,
        es: `tiene más de ${LINE_BYTES_MAX} bytes: escribirlos en un archivo y copiarlo con COPY`,
      });
    lines.push(written);
  }
  return { text: `${lines.join('\n')}\n`, files };
}

/** What a variable makes of a source is in the source folder: an address would be fetched by the host that builds. */
function localSources(text: string): string {
  const flags = FLAGS.exec(text)?.[0] ?? '';
  const rest = text.slice(flags.length);
  const local = (source: string): string => (/[$"'\\]|:\/\//.test(source) ? `./${source}` : source);
  const list = readWords(rest);
  if (list !== null) return `${flags}${JSON.stringify([...list.slice(0, -1).map(local), ...list.slice(-1)])}`;
  const words = rest.split(/\s+/);
  return `${flags}${[...words.slice(0, -1).map(local), ...words.slice(-1)].join(' ')}`;
}

const SHELL = ['/bin/sh', '-c'] as const;

function readWords(text: string): string[] | null {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : null;
  } catch {
    // Buildah says what is wrong with it.
    return null;
  }
}

const FLAGS = /^(?:--[a-z-]+(?:=\S+)?\s+)*/;

function runOf(text: string, heredocs: readonly Heredoc[], shell: readonly string[]): string {
  const flags = FLAGS.exec(text)?.[0] ?? '';
  const command = text.slice(flags.length);
  const [first] = heredocs;
  const isScript = heredocs.length === 1 && /^<<-?\S+$/.test(command);
  const interpreter = /^#![ \t]*(\S.*)\n/.exec(first?.body ?? '')?.[1];
  if (isScript && first !== undefined && interpreter === undefined)
    return `${flags}${JSON.stringify([...shell, first.body])}`;
  // A script with an interpreter of its own is read by it from a descriptor, so that no file of it stays in the image.
  const words = isScript ? `${interpreter} /dev/fd/3 3<<${first?.dedent ? '-' : ''}'${first?.name}'` : command;
  const bodies = heredocs.map(({ body, name }) => `${body}${name}\n`).join('');
  return `${flags}${JSON.stringify([...(isScript ? SHELL : shell), `${words}\n${bodies}`])}`;
}

function copyOf({ text, heredocs, line }: Instruction, files: InlineFile[], refuse: (reason: Text) => Error): string {
  const flags = FLAGS.exec(text)?.[0] ?? '';
  const words = text.slice(flags.length).trim().split(/\s+/);
  const target = words.pop() ?? '';
  if (words.length !== heredocs.length || target.startsWith('<<'))
    throw refuse({
      en: 'inline files and others of one COPY: write two',
      es: 'archivos en línea y otros en un mismo COPY: escribir dos',
    });
  if (/--from=/.test(flags))
    throw refuse({ en: 'an inline file has no --from', es: 'un archivo en línea no tiene --from' });
  const paths = heredocs.map(({ name, quoted, dedent, body }) => {
    if (!quoted && /\$/.test(body))
      throw refuse({
        en: `variables in the inline file ${name} are not replaced: write <<"${name}", or RUN with it`,
        es: `las variables del archivo en línea ${name} no se sustituyen: escribir <<"${name}", o RUN con él`,
      });
    const path = `${line}/${name}`;
    files.push({ path, text: dedent ? body.replaceAll(/^\t+/gm, '') : body });
    return path;
  });
  const mode = /--chmod=/.test(flags) ? '' : '--chmod=0644 ';
  return `--from=${INLINE_CONTEXT} ${mode}${flags}${paths.join(' ')} ${target}`;
}

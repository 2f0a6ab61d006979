/** One instruction of a Containerfile, joined over its lines. */
export interface Instruction {
  /** In capitals: 'RUN'. */
  readonly name: string;
  readonly flags: readonly string[];
  /** Without flags; a heredoc's body is at its end. */
  readonly text: string;
  /** The words of the JSON form, or those between blanks. */
  readonly words: readonly string[];
  readonly isJson: boolean;
  /** From 1. */
  readonly line: number;
}

export interface Stage {
  readonly from: Instruction;
  /** As written, without its flags: an image or the name of a stage before. */
  readonly image: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

export interface Containerfile {
  /** ARGs before the first FROM. */
  readonly globals: readonly Instruction[];
  readonly stages: readonly Stage[];
  readonly instructions: readonly Instruction[];
}

/** Lines that one file may have; the longest real ones stay below a thousand. */
const LINES_MAX = 20_000;
const HEREDOC = /<<-?\s*(["']?)([A-Za-z_][A-Za-z0-9_]*)\1/;

/**
 * Reads the shape of a Containerfile (Dockerfile reference: comments, parser directive `escape`, continued lines,
 * heredocs, JSON form). It judges nothing: unknown instructions are kept as they are.
 * @throws RangeError when it has too many lines
 */
export function readContainerfile(text: string): Containerfile {
  const lines = text.split(/\r?\n/);
  if (lines.length > LINES_MAX)
    throw new RangeError(`a Containerfile of ${lines.length} lines, the limit is ${LINES_MAX}`);
  const continuation = /^\s*#\s*escape\s*=\s*`/im.test(lines.slice(0, 5).join('\n')) ? '`' : '\\';
  const instructions: Instruction[] = [];
  for (let index = 0; index < lines.length; index++) {
    const first = lines[index]?.trim() ?? '';
    if (first === '' || first.startsWith('#')) continue;
    const line = index + 1;
    let joined = '';
    for (; index < lines.length; index++) {
      const part = lines[index] ?? '';
      // Comments and empty lines between continued lines do not end them.
      if (joined !== '' && /^\s*(?:#.*)?$/.test(part)) continue;
      const trimmed = part.trimEnd();
      if (!trimmed.endsWith(continuation)) {
        joined += part;
        break;
      }
      joined += `${trimmed.slice(0, -1)} `;
    }
    const heredoc = /^\s*(?:RUN|COPY|ADD)\b/i.test(joined) ? HEREDOC.exec(joined)?.[2] : undefined;
    if (heredoc !== undefined) {
      for (index++; index < lines.length && lines[index]?.trim() !== heredoc; index++) joined += `\n${lines[index]}`;
    }
    const instruction = readInstruction(joined, line);
    if (instruction !== null) instructions.push(instruction);
  }
  return { globals: globalsOf(instructions), stages: stagesOf(instructions), instructions };
}

function readInstruction(joined: string, line: number): Instruction | null {
  const [, name, rest = ''] = /^\s*([A-Za-z]+)(?:\s+([\s\S]*))?$/.exec(joined) ?? [];
  if (name === undefined) return null;
  const flags: string[] = [];
  let text = rest.trim();
  for (let flag = /^--[a-z-]+(?:=\S*)?\s*/.exec(text); flag !== null; flag = /^--[a-z-]+(?:=\S*)?\s*/.exec(text)) {
    flags.push(flag[0].trim());
    text = text.slice(flag[0].length);
  }
  const json = readJsonForm(text);
  return {
    name: name.toUpperCase(),
    flags,
    text,
    words: json ?? text.split(/\s+/).filter((word) => word !== ''),
    isJson: json !== null,
    line,
  };
}

function readJsonForm(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : null;
  } catch (error) {
    // What looks like JSON and is none is a shell command, as the builders take it.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function globalsOf(instructions: readonly Instruction[]): Instruction[] {
  const first = instructions.findIndex(({ name }) => name === 'FROM');
  return instructions.slice(0, first < 0 ? undefined : first);
}

function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const stages: { from: Instruction; image: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    if (instruction.name === 'FROM') {
      const [image = '', as, name] = instruction.words;
      const isNamed = as?.toLowerCase() === 'as' && name !== undefined;
      stages.push({ from: instruction, image, name: isNamed ? name : null, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

/** The commands of a RUN, parted where the shell parts them. */
export function commandsOf({ text, words, isJson }: Instruction): string[] {
  const script = isJson
    ? /^(?:\/bin\/)?(?:ba|da|a|z)?sh$/.test(words[0] ?? '') && words[1]?.startsWith('-')
      ? (words[2] ?? '')
      : words.join(' ')
    : text;
  return script
    .split(/&&|\|\||[;|\n&]/)
    .map((command) => command.trim())
    .filter((command) => command !== '');
}

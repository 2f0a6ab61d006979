/**
 * Reads a Containerfile as far as the platform must know it before buildah runs it: which images it starts from, what it
 * would fetch, and on which line each instruction stands. The grammar is Dockerfile reference 1.4.
 */
import type { Text } from '../system/index.ts';
import { buildFault } from './errors.ts';
import { type Heredoc, heredocsOf, type InlineFile, readHeredoc, rewrite } from './heredocs.ts';
import { CONTAINERFILE_BYTES_MAX, CONTAINERFILE_INSTRUCTIONS_MAX } from './limits.ts';

export interface Instruction {
  /** In capitals: `FROM`, `RUN`, … */
  readonly keyword: string;
  /** Everything after the keyword, continuation lines joined by one space. */
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** Its stage, from 0; -1 for an ARG before the first FROM. */
  readonly stage: number;
  /** Its place in its stage as buildah counts steps, FROM being 1. */
  readonly step: number;
  readonly heredocs: readonly Heredoc[];
}

/** Makes the error that a line cannot be built. */
export type Refuse = (line: number, reason: Text) => Error;

/** An image another part of the build reads: as FROM, `COPY --from` or `RUN --mount=from=`. */
export interface ImageUse {
  readonly name: string;
  readonly line: number;
  /** A stage is built on it. */
  readonly isBase: boolean;
}

export interface SecretMount {
  readonly id: string;
  readonly required: boolean;
  readonly line: number;
}

export interface Containerfile {
  readonly instructions: readonly Instruction[];
  readonly stages: number;
  /** Images outside this file, each name once, in reading order; `scratch` and stage names are not among them. */
  readonly images: readonly ImageUse[];
  /** What `RUN --mount=type=secret` asks for. */
  readonly secrets: readonly SecretMount[];
  /** What `RUN --mount=type=ssh` asks for. */
  readonly agents: readonly SecretMount[];
  /** What buildah gets in its place, an instruction a line, so that what it builds is what was looked at here. */
  readonly rewritten: { readonly text: string; readonly files: readonly InlineFile[] };
  /** What `FROM --platform=` asks for, each once, without those that mean the host or the target. */
  readonly platforms: readonly string[];
  /** Where steps of the file run (RUN): a platform, the host that builds, or what the build is told by `--platform`. */
  readonly runsOn: ReadonlySet<string | 'host' | 'target'>;
}

/**
 * @param args build arguments given from outside; they only count where the file declares them with ARG
 * @throws Fault build.containerfile-invalid, build.remote-refused
 */
export function parseContainerfile(
  text: string,
  options: { file: string; args?: Readonly<Record<string, string>>; target?: string },
): Containerfile {
  const { file, args = {} } = options;
  const refuse: Refuse = (line, reason) => buildFault('build.containerfile-invalid', { file, line, reason });
  if (Buffer.byteLength(text) > CONTAINERFILE_BYTES_MAX) {
    throw refuse(1, {
      en: `it is larger than ${CONTAINERFILE_BYTES_MAX} bytes`,
      es: `ocupa más de ${CONTAINERFILE_BYTES_MAX} bytes`,
    });
  }
  const instructions = readInstructions(text, refuse);
  const declared = new Map<string, string>();
  const stageNames = new Set<string>();
  const images = new Map<string, ImageUse>();
  const secrets: SecretMount[] = [];
  const agents: SecretMount[] = [];
  /** FROM by its line, where an argument names the image: buildah looks up what was pinned by the words of the file. */
  const expanded = new Map<number, string>();
  const platforms = new Set<string>();
  const runsOn = new Set<string>();
  const placeOf = new Map<string, string>();
  let stagePlatform = 'target';
  let stages = 0;
  /** Stages with instructions for whatever is built on them. */
  const triggering = new Set<string>();
  let stageName = '';
  const use = (name: string, line: number, isBase: boolean): void => {
    if (name === 'scratch' || stageNames.has(name.toLowerCase())) return;
    const known = images.get(name);
    images.set(name, { name, line: known?.line ?? line, isBase: isBase || known?.isBase === true });
  };
  for (const { keyword, text: rest, line, stage } of instructions) {
    if (keyword === 'ARG' && stage < 0) declareArgument(rest, args, declared);
    else if (keyword === 'FROM') {
      const words = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
      const name = expand(words[0] ?? '', declared, (variable) => refuse(line, noValue(variable)));
      if (name === '')
        throw refuse(line, { en: 'FROM needs the name of an image', es: 'FROM necesita el nombre de una imagen' });
      if (triggering.has(name.toLowerCase()))
        throw refuse(line, {
          en: `ONBUILD of ${name} is not carried out here: write it where it is wanted`,
          es: `el ONBUILD de ${name} no se ejecuta aquí: escribirlo donde haga falta`,
        });
      use(name, line, true);
      if (name !== words[0])
        expanded.set(
          line,
          rest.replace(/^((?:--\S+\s+)*)\S+/, (_, flags: string) => `${flags}${name}`),
        );
      const platform = /(?:^|\s)--platform=(\S+)/.exec(rest)?.[1] ?? '';
      // These two name what the build is told by --platform, or the host.
      const variable = /^\$\{?(BUILD|TARGET)PLATFORM\}?$/.exec(platform)?.[1];
      stagePlatform = variable === 'BUILD' ? 'host' : (placeOf.get(name.toLowerCase()) ?? 'target');
      if (platform !== '' && variable === undefined) {
        stagePlatform = expand(platform, declared, (missing) => refuse(line, noValue(missing)));
        platforms.add(stagePlatform);
      }
      stageName = words[1]?.toUpperCase() === 'AS' ? (words[2] ?? '').toLowerCase() : '';
      if (stageName !== '') stageNames.add(stageName);
      placeOf.set(stageName, stagePlatform);
      stages += 1;
    } else {
      for (const name of imagesReadBy(keyword, rest)) {
        // A stage can also be named by its number.
        if (!/^\d+$/.test(name)) use(name, line, false);
      }
      if (keyword === 'RUN') runsOn.add(stagePlatform);
      for (const mount of keyword === 'RUN' ? mountsOf(rest) : []) {
        if (mount['type'] !== 'secret' && mount['type'] !== 'ssh') continue;
        // Docker's short form; buildah 1.28 ends with a panic at it.
        if (mount['required'] === '') throw refuse(line, { en: 'write required=true', es: 'escribir required=true' });
        if (mount['type'] === 'ssh') {
          agents.push({ id: mount['id'] ?? 'default', required: mount['required'] === 'true', line });
          continue;
        }
        const id = mount['id'] ?? mount['target']?.split('/').at(-1) ?? '';
        secrets.push({ id, required: mount['required'] === 'true', line });
      }
      if (keyword === 'ONBUILD') for (const name of [stageName, String(stages - 1)]) triggering.add(name);
      if (keyword === 'ADD') {
        const url = rest.split(/[\s,"[\]]+/).find((word) => /^(https?|ftp|git|ssh):\/\/|^git@/i.test(word));
        if (url !== undefined) throw buildFault('build.remote-refused', { file, line, url });
      }
    }
  }
  if (stages === 0) throw refuse(1, { en: 'it has no FROM', es: 'no tiene FROM' });
  const rewritten = rewrite(
    instructions.map((one) => ({ ...one, text: expanded.get(one.line) ?? one.text })),
    refuse,
    ESCAPE.test(text.split(/\r?\n/, 1)[0] ?? '') ? ['# escape=`'] : [],
  );
  return {
    ...{ instructions, stages, secrets, agents, rewritten },
    ...{ images: [...images.values()], platforms: [...platforms], runsOn },
  };
}

function readInstructions(text: string, refuse: Refuse): Instruction[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const isTicked = ESCAPE.test(lines[0] ?? '');
  const continued = isTicked ? /`[ \t]*$/ : /\\[ \t]*$/;
  const instructions: Instruction[] = [];
  let stage = -1;
  let step = 0;
  for (let at = 0; at < lines.length; at += 1) {
    const first = at;
    let last = (lines[at] ?? '').trimStart();
    if (last.trim() === '' || last.startsWith('#')) continue;
    const parts: string[] = [];
    while (continued.test(last)) {
      // As they stand: a word may go on in the next line.
      parts.push(last.replace(continued, ''));
      last = '';
      // Comments and empty lines inside a continued instruction are skipped, as every builder does.
      do at += 1;
      while (at < lines.length && /^\s*(?:#|$)/.test(lines[at] ?? ''));
      if (at < lines.length) last = lines[at] ?? '';
    }
    const joined = [...parts, last].join('').trim();
    const match = /^([A-Za-z]+)(?:\s+([\s\S]*))?$/.exec(joined);
    const line = first + 1;
    const keyword = match?.[1]?.toUpperCase();
    if (keyword === undefined || !KEYWORDS.has(keyword)) {
      const start = joined.slice(0, 40);
      throw refuse(line, {
        en: `"${start}" does not start with an instruction`,
        es: `"${start}" no empieza por una instrucción`,
      });
    }
    if (keyword === 'FROM') {
      stage += 1;
      step = 0;
    } else if (stage < 0 && keyword !== 'ARG')
      throw refuse(line, { en: `${keyword} comes before FROM`, es: `${keyword} está antes de FROM` });
    if (stage >= 0) step += 1;
    if (instructions.length === CONTAINERFILE_INSTRUCTIONS_MAX) {
      throw refuse(line, {
        en: `it has more than ${CONTAINERFILE_INSTRUCTIONS_MAX} instructions`,
        es: `tiene más de ${CONTAINERFILE_INSTRUCTIONS_MAX} instrucciones`,
      });
    }
    const rest = plainFlags(keyword, (match?.[2] ?? '').trim(), (reason) => refuse(line, reason));
    const heredocs: Heredoc[] = [];
    for (const head of heredocsOf(keyword, rest)) {
      const read = readHeredoc(lines, at + 1, head);
      if (read === null)
        throw refuse(line, { en: `the end of <<${head.name} is missing`, es: `falta el final de <<${head.name}` });
      if (/^\.{1,2}$/.test(head.name))
        throw refuse(line, {
          en: `<<${head.name} is no name of a file`,
          es: `<<${head.name} no es un nombre de archivo`,
        });
      heredocs.push(read.heredoc);
      at = read.next - 1;
    }
    instructions.push({ keyword, text: rest, line, stage, step, heredocs });
  }
  return instructions;
}

const WITH_FLAGS: ReadonlySet<string> = new Set(['ADD', 'COPY', 'FROM', 'RUN']);

/**
 * The flags of an instruction without quotes: buildah takes quotes and backslashes out of them, and what is asked of images
 * and mounts below must be what it reads.
 */
function plainFlags(keyword: string, text: string, refuse: (reason: Text) => Error): string {
  if (!WITH_FLAGS.has(keyword)) return text;
  const flags = /^(?:--\S*(?:\s+|$))*/.exec(text)?.[0] ?? '';
  const plain = flags.replaceAll(/(--[a-z]+=)(["'])([^\s"'\\]*)\2(?=\s|$)/g, '$1$3');
  if (/[^ \t\x21\x23-\x26\x28-\x5b\x5d-\x7e]/.test(plain))
    throw refuse({
      en: `${keyword} has a flag with quotes, backslashes or other signs than those of ASCII: write it without`,
      es: `${keyword} tiene una opción con comillas, barras invertidas o signos que no son de ASCII: escribirla sin ellos`,
    });
  return buildahFlags(keyword, plain, refuse) + text.slice(flags.length);
}

/** Flags of COPY and ADD, and what does the same where buildah has no such flag. */
const COPY_FLAGS: ReadonlySet<string> = new Set(['--from', '--chown', '--chmod', '--link']);
const WITHOUT: Readonly<Record<string, Text>> = {
  '--parents': { en: 'name each folder: COPY a/b /to/a/b', es: 'nombrar cada carpeta: COPY a/b /a/donde/a/b' },
  '--exclude': {
    en: 'write what is to be left out into .containerignore',
    es: 'escribir en .containerignore lo que no debe entrar',
  },
  '--checksum': {
    en: 'files of the source are covered by its digest, and nothing is fetched by a build',
    es: 'el digest de la fuente ya cubre sus archivos, y una construcción no descarga nada',
  },
};

/** What Docker writes otherwise: `--link` says how layers are kept, not what is in them; a file system in memory has a `size`. */
function buildahFlags(keyword: string, flags: string, refuse: (reason: Text) => Error): string {
  if (keyword === 'RUN')
    return flags.replaceAll(/--mount=\S+/g, (mount) =>
      /[=,]type=tmpfs(?:,|$)/.test(mount) ? mount.replace(/,size=/, ',tmpfs-size=') : mount,
    );
  if (keyword !== 'COPY' && keyword !== 'ADD') return flags;
  const unknown = flags.split(/\s+/).find((flag) => flag !== '' && !COPY_FLAGS.has(flag.split('=', 1)[0] ?? ''));
  if (unknown !== undefined) {
    const name = unknown.split('=', 1)[0] ?? '';
    const way = WITHOUT[name];
    throw refuse({
      en: `${keyword} ${name} is not carried out here${way === undefined ? '' : `: ${way.en}`}`,
      es: `${keyword} ${name} no se ejecuta aquí${way === undefined ? '' : `: ${way.es}`}`,
    });
  }
  return flags.replaceAll(/--link(?:=\S*)?(?:\s+|$)/g, '');
}

const ESCAPE = /^(?:\uFEFF)?#\s*escape\s*=\s*`\s*$/i;

const KEYWORDS = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);

function noValue(name: string): Text {
  return { en: `${name} has no value`, es: `${name} no tiene valor` };
}

function declareArgument(text: string, args: Readonly<Record<string, string>>, declared: Map<string, string>): void {
  for (const word of text.split(/\s+/)) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const value = args[name] ?? (equals < 0 ? undefined : word.slice(equals + 1).replace(/^(["'])(.*)\1$/, '$2'));
    if (value !== undefined) declared.set(name, value);
  }
}

/** `$NAME`, `${NAME}`, `${NAME:-other}`, `${NAME:+other}`, as FROM may hold them. */
function expand(text: string, values: ReadonlyMap<string, string>, missing: (name: string) => Error): string {
  return text.replace(/\$(?:\{(\w+)(?::([-+])([^}]*))?\}|(\w+))/g, (_, braced, operator, other, plain) => {
    const name: string = braced ?? plain;
    const value = values.get(name) ?? '';
    if (operator === '-') return value === '' ? other : value;
    if (operator === '+') return value === '' ? '' : other;
    if (value === '') throw missing(name);
    return value;
  });
}

function imagesReadBy(keyword: string, text: string): string[] {
  if (keyword === 'COPY' || keyword === 'ADD') {
    return [...text.matchAll(/(?:^|\s)--from=("?)([^\s"]+)\1/g)].map((match) => match[2] ?? '');
  }
  return keyword === 'RUN' ? mountsOf(text).flatMap(({ from }) => (from === undefined ? [] : [from])) : [];
}

/** The options of each `--mount`; one without a value is empty. */
function mountsOf(text: string): { readonly [option: string]: string | undefined }[] {
  return [...text.matchAll(/(?:^|\s)--mount=(\S+)/g)].map((match) =>
    Object.fromEntries(
      (match[1] ?? '').split(',').map((option) => {
        const at = option.indexOf('=');
        return at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)];
      }),
    ),
  );
}

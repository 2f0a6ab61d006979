import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import type { CollectionTag, Document, LineCounter, Node, ParsedNode, ScalarTag, Tags } from 'yaml';
import { FormatError, type FormatErrorCode, type TextPosition } from './errors.ts';
import type { Json } from './json.ts';
import { YAML_LIMITS, type YamlLimits } from './limits.ts';
import { sayYamlFault } from './yaml-words.ts';

let library: typeof Yaml | null = null;

/** Loaded on first use: the confined scan worker enters this room by the same door, reads no YAML and starts 40 ms sooner. */
function yaml(): typeof Yaml {
  library ??= createRequire(import.meta.url)('yaml') as typeof Yaml;
  return library;
}

/** The path of a value inside a document, as in `['spec', 'containers', 0, 'image']`. */
export type YamlPath = readonly (string | number)[];

export interface YamlDocument {
  /** Plain JSON values: aliases copied, keys are strings; no dates, sets or binary. Null when the document is empty. */
  readonly value: Json;
  /** Where the document starts. */
  readonly position: TextPosition;
  /** Where the value at `path` starts, or the nearest parent that exists. */
  locate(path: YamlPath): TextPosition;
  /** Where the tags stand that the reader asked for; the values below them are read as if they had none. */
  readonly marks: readonly { readonly tag: string; readonly path: YamlPath }[];
}

export interface YamlOptions extends Partial<YamlLimits> {
  /**
   * What unquoted scalars mean. `core` is YAML 1.2. `kubernetes` is what the Kubernetes API reads: `yes`, `no`, `on` and
   * `off` are booleans and `0644` is octal, as in YAML 1.1, but `12:30` stays text. `compose` is what Docker reads: 0644 is
   * octal, while `yes` and `no` are text. @default 'core'
   */
  readonly scalars?: 'core' | 'kubernetes' | 'compose';
  /** Understand `<<: *name`, as Compose files use it. @default true for `kubernetes`, otherwise false */
  readonly mergeKeys?: boolean;
  /** Tags that have a meaning for the reader, as `!reset`; all others are refused. @default none */
  readonly tags?: readonly string[];
}

/**
 * Reads every document of a YAML text; empty documents between two `---` are left out.
 * Size, depth, documents and alias copies are bounded; an unknown tag or a key named twice is an error.
 *
 * @throws FormatError with a `yaml.*` code and the position
 */
export function parseYamlDocuments(written: string, options: YamlOptions = {}): YamlDocument[] {
  const limits = { ...YAML_LIMITS, ...options };
  const size = Buffer.byteLength(written);
  if (size > limits.maxBytes) {
    throw fault(
      'yaml.size',
      `YAML has ${size} bytes, the limit is ${limits.maxBytes}`,
      `el YAML tiene ${size} bytes; el límite es ${limits.maxBytes}`,
    );
  }
  // The mark that some editors put before a text is no part of it, and a line may end with a carriage return alone (YAML 1.2, 5.4).
  const text = written
    .replace(/^\ufeff/, '')
    .replace(/\r(?!\n)/g, '\n')
    .replace(/(?<=\n---[ \t]*\r?\n)\ufeff/g, '');
  const isOfGo = options.scalars === 'kubernetes' || options.scalars === 'compose';
  if (isOfGo) refuseControls(text);
  const lines = new (yaml().LineCounter)();
  const merge = options.mergeKeys ?? options.scalars === 'kubernetes';
  const composer = new (yaml().Composer)({
    schema: 'core',
    merge,
    // The library compares each key with all others; `checkNodes` does it in linear time.
    uniqueKeys: false,
    resolveKnownTags: false,
    stringKeys: false,
    logLevel: 'silent',
    keepSourceTokens: options.scalars === 'kubernetes',
    ...(options.scalars === 'kubernetes' ? { customTags: withKubernetesScalars } : {}),
    ...(options.scalars === 'compose' ? { customTags: (tags: Tags): Tags => [wideInteger, legacyOctal, ...tags] } : {}),
  });
  const documents: YamlDocument[] = [];
  const take = (document: Document.Parsed): void => {
    if (options.scalars === 'kubernetes') takeQuotes(document, text);
    refuseFaults(document, lines, options.tags ?? []);
    if (options.scalars === 'kubernetes') refuseLateMerges(document, lines);
    if (merge) refuseWideMerges(document, limits.maxBytes);
    if (document.contents === null || isEmpty(document)) return;
    if (documents.length >= limits.maxDocuments) {
      throw fault(
        'yaml.document-limit',
        `YAML has more than ${limits.maxDocuments} documents`,
        `el YAML tiene más de ${limits.maxDocuments} documentos`,
        positionAt(lines, contentStart(document)),
      );
    }
    documents.push(toDocument(document, lines, limits.maxAliasCount, options.tags ?? []));
  };

  const parser = new (yaml().Parser)(lines.addNewLine);
  const within = (): void => {
    // A document and its outer collection take two places of the stack.
    if (parser.stack.length > limits.maxDepth * 2 + 2) {
      throw fault(
        'yaml.depth',
        `YAML nests deeper than ${limits.maxDepth} levels`,
        `el YAML está anidado a más de ${limits.maxDepth} niveles`,
        positionAt(lines, parser.offset),
      );
    }
  };
  lines.addNewLine(0);
  try {
    const lexer = isOfGo ? withoutInnerIndents(new (yaml().Lexer)()) : new (yaml().Lexer)();
    for (const lexeme of lexer.lex(text)) {
      for (const token of parser.next(lexeme)) for (const document of composer.next(token)) take(document);
      within();
    }
    for (const token of parser.end()) for (const document of composer.next(token)) take(document);
    for (const document of composer.end()) take(document);
  } catch (error) {
    if (error instanceof RangeError)
      throw fault('yaml.depth', 'YAML nests too deep to be read', 'el YAML está anidado a demasiada profundidad');
    throw error instanceof FormatError ? orTemplate(error, text) : error;
  }
  return documents;
}

/**
 * Reads a text that holds exactly one document.
 *
 * @throws FormatError with a `yaml.*` code and the position
 */
export function parseYaml(text: string, options: YamlOptions = {}): YamlDocument {
  const [first, second] = parseYamlDocuments(text, options);
  if (!first) {
    throw fault('yaml.syntax', 'YAML is empty, expected one document', 'el YAML está vacío; se esperaba un documento');
  }
  if (second) {
    throw fault(
      'yaml.document-limit',
      'YAML has several documents, expected one',
      'el YAML tiene varios documentos; se esperaba uno',
      second.position,
    );
  }
  return first;
}

/**
 * Between quotes, and between brackets, Go's reader of YAML asks for no indentation (go.yaml.in/yaml, scannerc.go), and writers of
 * manifests rely on it; YAML wants such lines indented more than their key.
 */
function withoutInnerIndents(lexer: Yaml.Lexer): Yaml.Lexer {
  const open = lexer as unknown as Record<
    'parseQuotedScalar' | 'parseFlowCollection',
    () => Generator<string, unknown>
  > & {
    indentNext: number;
  };
  for (const name of ['parseQuotedScalar', 'parseFlowCollection'] as const) {
    const parse = open[name].bind(open);
    open[name] = function* () {
      const before = open.indentNext;
      open.indentNext = 0;
      try {
        return yield* parse();
      } finally {
        open.indentNext = before;
      }
    };
  }
  return lexer;
}

function fault(code: FormatErrorCode, en: string, spanish: string, position: TextPosition | null = null): FormatError {
  return new FormatError(code, en, { position, spanish });
}

/** What YAML takes nowhere in a text (section 5.1); Go's reader of it, which Kubernetes and Docker use, refuses the same. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the signs that are looked for.
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

function refuseControls(text: string): void {
  const at = text.search(CONTROL);
  if (at < 0) return;
  const before = text.slice(0, at);
  const sign = `U+${(text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  throw fault(
    'yaml.syntax',
    `YAML has a control character (${sign}), which it cannot carry; write it as an escape between double quotes`,
    `el YAML tiene un carácter de control (${sign}), que no puede llevar; escribirlo como escape entre comillas dobles`,
    { line: before.split('\n').length, column: at - before.lastIndexOf('\n') },
  );
}

/**
 * Kubernetes reads `\'` between double quotes as an apostrophe (go.yaml.in/yaml, scannerc.go), which YAML has no such escape for;
 * what is written for it must mean the same here.
 */
function takeQuotes(document: Document.Parsed, text: string): void {
  const isQuote = ({ code, pos }: { readonly code: string; readonly pos: readonly number[] }): boolean =>
    code === 'BAD_DQ_ESCAPE' && text.startsWith("\\'", pos[0]);
  if (!document.errors.some(isQuote)) return;
  document.errors = document.errors.filter((error) => !isQuote(error));
  yaml().visit(document, {
    Scalar: (_, node) => {
      const source = node.srcToken !== undefined && 'source' in node.srcToken ? node.srcToken.source : '';
      if (node.type !== 'QUOTE_DOUBLE' || !source.includes("\\'")) return;
      const plain = source.replaceAll(/\\([\s\S])/g, (whole, escaped) => (escaped === "'" ? "'" : whole));
      const read = yaml().parseDocument(plain, { schema: 'core', logLevel: 'silent' });
      if (read.errors.length === 0) node.value = String(read.toJS());
      // What else is wrong with it is a fault of the document as well.
    },
  });
}

/**
 * Of a key that stands before `<<` and in what that brings in, YAML keeps the map's own value, and Kubernetes the other
 * (go.yaml.in/yaml/v2, decode.go). Where `<<` comes first both keep the map's own.
 */
function refuseLateMerges(document: Document.Parsed, lines: LineCounter): void {
  yaml().visit(document, {
    Map: (_, { items }) => {
      const late = items.findIndex(({ key }) => isMergeKey(key));
      const key = items[late]?.key;
      if (late <= 0 || !isMergeKey(key)) return;
      throw fault(
        'yaml.syntax',
        'YAML has << after other keys of its map; it has to come first',
        'el YAML tiene << después de otras claves de su mapa; tiene que ir primero',
        positionAt(lines, key.range?.[0] ?? 0),
      );
    },
  });
}

/**
 * What `<<` brings in is made anew for each map that takes it, at every level: a text of the greatest size could ask for
 * billions of members. It may bring in as much as such a text could write out.
 */
function refuseWideMerges(document: Document.Parsed, most: number): void {
  const anchors = new Map<string, unknown>();
  const targets = new Map<unknown, unknown>();
  let merges = false;
  yaml().visit(document, {
    Pair: (_, { key }) => {
      merges ||= isMergeKey(key);
    },
    Node: (_, node) => {
      if (yaml().isAlias(node)) targets.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  if (!merges) return;
  /** Members that a map has in the end, and all that is made on the way to it. */
  const known = new Map<unknown, { readonly members: number; readonly made: number }>();
  const measure = (node: unknown): { readonly members: number; readonly made: number } => {
    if (!yaml().isCollection(node)) return { members: 0, made: 1 };
    const before = known.get(node);
    if (before !== undefined) return before;
    // What holds itself is refused when it is read.
    known.set(node, { members: 0, made: 0 });
    let members = 0;
    let made = 1;
    for (const item of node.items) {
      if (!yaml().isPair(item) || !isMergeKey(item.key)) {
        members += 1;
        made += 1 + measure(yaml().isPair(item) ? item.value : item).made;
        continue;
      }
      const source = targets.get(item.value) ?? item.value;
      for (const one of yaml().isSeq(source) ? source.items : [source]) {
        const taken = measure(targets.get(one) ?? one);
        members += taken.members;
        made += taken.members + taken.made;
      }
    }
    known.set(node, { members, made });
    return { members, made };
  };
  if (measure(document.contents).made > most)
    throw fault(
      'yaml.alias-limit',
      `YAML takes more than ${most} members from other maps (<<)`,
      `el YAML toma más de ${most} miembros de otros mapas (<<)`,
    );
}

function isMergeKey(key: unknown): key is Yaml.Scalar {
  return yaml().isScalar(key) && key.source === '<<' && key.type === 'PLAIN';
}

function isEmpty(document: Document.Parsed): boolean {
  const { contents } = document;
  return yaml().isScalar(contents) && contents.value === null && (contents.source ?? '') === '';
}

function refuseFaults(document: Document.Parsed, lines: LineCounter, tags: readonly string[]): void {
  // A warning is a tag nobody knows: reading on would give the value another meaning than the author's. That a closing
  // bracket stands as far left as its key is only a matter of taste, and other readers take it.
  const isFine = ({ code, message }: { readonly code: string; readonly message: string }): boolean =>
    code === 'BAD_INDENT' ||
    (code === 'TAG_RESOLVE_FAILED' && tags.includes(/^Unresolved tag: (\S+)/.exec(message)?.[1] ?? ''));
  const found = document.errors[0] ?? document.warnings.find((warning) => !isFine(warning));
  if (!found) return;
  const sentence = (found.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  const { en, es } = sayYamlFault(found.code, sentence);
  const position = positionAt(lines, found.pos[0]);
  throw new FormatError('yaml.syntax', `YAML cannot be read: ${en}`, {
    cause: found,
    position,
    spanish: `el YAML no se puede leer: ${es}`,
  });
}

/** Text between {{ and }} is no YAML yet, and what is wrong with it as YAML leads astray. */
function orTemplate(error: FormatError, text: string): FormatError {
  const line = text.split('\n')[(error.position?.line ?? 0) - 1] ?? '';
  if (error.code !== 'yaml.syntax' || !/^[^#"']*\{\{/.test(line)) return error;
  return fault(
    'yaml.syntax',
    'YAML cannot be read: it has {{ … }}, so it is a template and no YAML yet; render it first, as with helm template',
    'el YAML no se puede leer: tiene {{ … }}, así que es una plantilla y todavía no es YAML; generarlo antes, como con helm template',
    error.position,
  );
}

function toDocument(
  document: Document.Parsed,
  lines: LineCounter,
  maxAliasCount: number,
  tags: readonly string[],
): YamlDocument {
  checkNodes(document.contents, lines, maxAliasCount);
  return {
    value: toValue(document, lines, maxAliasCount),
    position: positionAt(lines, contentStart(document)),
    locate: (path) => positionAt(lines, locateNode(document, path)),
    marks: tags.length === 0 ? [] : marksOf(document.contents, tags),
  };
}

/** The tags of a tree that the reader asked for, from the root down; of an alias the place it stands for says them. */
function marksOf(root: unknown, tags: readonly string[]): { tag: string; path: YamlPath }[] {
  const found: { tag: string; path: YamlPath }[] = [];
  const visit = (node: unknown, path: YamlPath): void => {
    if (!yaml().isNode(node) || yaml().isAlias(node)) return;
    if (node.tag !== undefined && tags.includes(node.tag)) found.push({ tag: node.tag, path });
    if (yaml().isMap(node)) {
      for (const { key, value } of node.items) {
        const name = String(yaml().isScalar(key) ? key.value : key);
        visit(value, [...path, name]);
      }
    } else if (yaml().isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index]);
  };
  visit(root, []);
  return found;
}

function toValue(document: Document.Parsed, lines: LineCounter, maxAliasCount: number): Json {
  try {
    return document.toJS({ maxAliasCount, mapAsMap: false }) as Json;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (reason.includes('Excessive alias count')) {
      throw fault(
        'yaml.alias-limit',
        `YAML aliases stand for more than ${maxAliasCount} values`,
        `los alias del YAML representan más de ${maxAliasCount} valores`,
      );
    }
    const name = /^Unresolved alias .*: (.*)$/.exec(reason)?.[1];
    if (name !== undefined) {
      throw fault(
        'yaml.syntax',
        `YAML has no anchor &${name} before the alias *${name}; put text that begins with * in quotes`,
        `el YAML no tiene un ancla &${name} antes del alias *${name}; un texto que empieza por * va entre comillas`,
        positionAt(lines, aliasStart(document, name)),
      );
    }
    throw new FormatError('yaml.syntax', `YAML aliases cannot be followed: ${reason}`, {
      cause,
      spanish: reason.startsWith('Merge sources')
        ? 'el YAML toma con << algo que no es un mapa'
        : 'los alias del YAML no se pueden seguir',
    });
  }
}

/** Where the first alias of a name stands. */
function aliasStart(document: Document.Parsed, name: string): number {
  let at: number | undefined;
  yaml().visit(document, {
    Alias: (_, { source, range }) => {
      if (source !== name) return undefined;
      at = range?.[0];
      return yaml().visit.BREAK;
    },
  });
  return at ?? contentStart(document);
}

function contentStart(document: Document.Parsed): number {
  return document.contents?.range?.[0] ?? document.range[0];
}

function locateNode(document: Document.Parsed, path: YamlPath): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (yaml().isMap(parent)) {
      const pair = parent.items.find(
        (item) => String(yaml().isScalar(item.key) ? item.key.value : item.key) === String(last),
      );
      const node = (pair?.key ?? null) as Node | null;
      if (node?.range) return node.range[0];
    } else {
      const node = document.getIn(path.slice(0, length), true) as Node | undefined;
      if (node?.range) return node.range[0];
    }
  }
  return contentStart(document);
}

/** Refuses repeated keys and, because the library searches the whole document for each alias, too many aliases. */
function checkNodes(root: ParsedNode | null, lines: LineCounter, maxAliasCount: number): void {
  let aliases = 0;
  const waiting: unknown[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (yaml().isAlias(node) && ++aliases > maxAliasCount) {
      throw fault(
        'yaml.alias-limit',
        `YAML has more than ${maxAliasCount} aliases`,
        `el YAML tiene más de ${maxAliasCount} alias`,
        positionAt(lines, node.range?.[0] ?? 0),
      );
    }
    if (!yaml().isCollection(node)) continue;
    if (!yaml().isMap(node)) {
      for (const item of node.items) waiting.push(item ?? null);
      continue;
    }
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      waiting.push(value ?? null);
      if (!yaml().isScalar(key)) {
        throw fault(
          'yaml.syntax',
          'YAML uses a list or a map as a key, expected text; put a value that begins with { or [ in quotes',
          'el YAML usa una lista o un mapa como clave, se esperaba texto; un valor que empieza por { o [ va entre comillas',
          positionAt(lines, (key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0),
        );
      }
      if (key.value === null) {
        throw fault(
          'yaml.syntax',
          'YAML has a key without a name; put null or ~ in quotes where it is meant as text',
          'el YAML tiene una clave sin nombre; poner null o ~ entre comillas donde sea texto',
          positionAt(lines, key.range?.[0] ?? node.range?.[0] ?? 0),
        );
      }
      const name = String(key.value);
      if (seen.has(name)) {
        throw fault(
          'yaml.syntax',
          `YAML names the key ${JSON.stringify(name)} twice in one map`,
          `el YAML nombra la clave ${JSON.stringify(name)} dos veces en un mapa`,
          positionAt(lines, key.range?.[0] ?? 0),
        );
      }
      seen.add(name);
    }
  }
}

function positionAt(lines: LineCounter, offset: number): TextPosition {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

const legacyBoolean: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: /^(?:[Yy]|[Yy]es|YES|[Nn]|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$/,
  resolve: (text) => /^(?:y|yes|on)$/i.test(text),
};

const legacyOctal: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Identifiers of 17 digits and more are whole numbers to Docker; here they stay what was written, or the last digits were lost. */
const wideInteger: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?[1-9]\d{15,}$/,
  resolve: (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text.replace(/^\+/, '')),
};

const GO_INTEGER = /^[-+]?(?:0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+)$/;
const GO_GROUPED = /^[-+]?(?=[^_]*_)[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?$/;
const GO_GREAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE]\+?[0-9]{3,}$/;

/** Numbers as Go reads them besides: by their base, with a sign, with underscores (go.yaml.in/yaml/v2, resolve.go). */
const goNumber: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: new RegExp(`${GO_INTEGER.source}|${GO_GROUPED.source}|${GO_GREAT.source}`),
  resolve: (text) => {
    const plain = text.replaceAll('_', '');
    const [, sign = '', digits = ''] = /^([-+]?)(.*)$/.exec(plain) ?? [];
    const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits.toLowerCase());
    // What is greater than any number stays text.
    if (!Number.isFinite(value)) return text;
    return sign === '-' ? -value : value;
  },
};

/** JSON, as which everything of Kubernetes is read, has no such numbers. */
const noNumber: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:float',
  test: /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  resolve: (text, onError) => {
    onError(`No number: ${text}`);
    return text;
  },
};

/** Tags that other writers put before a value, as PyYAML does with bytes. */
const goTags: readonly ScalarTag[] = [
  {
    tag: 'tag:yaml.org,2002:binary',
    resolve: (text, onError) => {
      const plain = text.replaceAll(/\s/g, '');
      const bytes = Buffer.from(plain, 'base64');
      const read = bytes.toString('utf8');
      if (bytes.toString('base64') !== plain || !Buffer.from(read).equals(bytes)) onError('No binary text');
      return read;
    },
  },
  { tag: 'tag:yaml.org,2002:timestamp', resolve: (text) => text },
  {
    tag: 'tag:yaml.org,2002:float',
    resolve: (text, onError) => {
      const value = text.trim() === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) onError(`No number: ${text}`);
      return value;
    },
  },
];

function withKubernetesScalars(tags: Tags): Tags {
  return [legacyBoolean as ScalarTag | CollectionTag, legacyOctal, goNumber, noNumber, ...goTags, ...tags];
}

/**
 * A value as YAML of one document that people read: members in their order, no line folded, no aliases. A text that Kubernetes
 * would read as a number, or as true or false, stands in quotes.
 */
export function writeYaml(value: Json): string {
  return yaml().stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, customTags: withKubernetesScalars });
}

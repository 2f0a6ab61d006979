/**
 * Writes the parts of the manual that the code knows best, in both languages: the error codes, the commands with their
 * options, the REST routes, the Kubernetes fields. Each stands between two marks of its page; test/docs.test.ts compares,
 * so that the manual cannot fall behind.
 *
 *   ./darsena-node docs/generate.ts
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import { listComposeFields } from '../src/deploy/compose/index.ts';
import { CAPABILITIES } from '../src/deploy/engines/local/test-conformance.ts';
import { type ExplainedField, KINDS_REFUSED, listFields, OPENAPI_VERSIONS } from '../src/deploy/kubernetes/index.ts';
import { RuleEngine, readRulePages, readShippedRules, techniqueOf } from '../src/detect/index.ts';
import { COMMANDS } from '../src/programs/cli/commands.ts';
import { createFrame } from '../src/programs/cli/frame.ts';
import { HABITS } from '../src/programs/cli/habits.ts';
import { RUN_REFUSED } from '../src/programs/cli/run.ts';
import { EXIT_CODE, type FaultSpec, HTTP_STATUS, type Language, type Text } from '../src/system/index.ts';
import { ROUTES } from './routes.ts';

const ROOT = join(import.meta.dirname, '..');
export const LANGUAGES: readonly Language[] = ['en', 'es'];

/** What is generated: the page, the mark of its part, and its text. */
export interface Part {
  readonly page: string;
  readonly mark: string;
  readonly text: string;
}

export async function generateParts(language: Language): Promise<Part[]> {
  return [
    { page: 'errors.md', mark: 'errors', text: errorTables(await readFaults(), language) },
    { page: 'commands.md', mark: 'commands', text: await commandReference(language) },
    { page: 'commands.md', mark: 'habits', text: habitTable(language) },
    { page: 'api.md', mark: 'routes', text: routeTable(await readRoutes(), language) },
    { page: 'kubernetes-fields.md', mark: 'fields', text: fieldTables(language) },
    { page: 'rules.md', mark: 'rules', text: rulePages(language) },
    { page: 'compose-fields.md', mark: 'fields', text: composeTable(language) },
    { page: 'engines.md', mark: 'parity', text: await parityTable(language) },
  ];
}

/** As the tests of engines in test/real record it. */
interface RecordedEngine {
  readonly ground: string;
  readonly engine: string;
  readonly version: string;
  readonly cgroup: number;
  readonly results: Readonly<Record<string, Text | null>>;
}

/** What each engine was seen to keep, by the suite that all of them run. */
async function parityTable(language: Language): Promise<string> {
  const records = JSON.parse(await readFile(join(ROOT, 'docs', 'engines.json'), 'utf8')) as RecordedEngine[];
  const [what, yes, unseen] = language === 'en' ? ['What', 'yes', 'not run'] : ['Qué', 'sí', 'no ejecutado'];
  const titles = records.map(({ ground, version, cgroup }) => `${ground}: ${version}, cgroup v${cgroup}`);
  const rows = CAPABILITIES.map(({ key, title }) => [
    title[language],
    ...records.map(({ results }) => {
      const found = results[key];
      if (found === undefined) return unseen;
      return found === null ? yes : found[language];
    }),
  ]);
  return table([what, ...titles], rows);
}

/** Flags of docker and podman that are refused, by command and reason. */
function habitTable(language: Language): string {
  const rows = new Map<string, string[]>();
  const add = (command: string, flags: readonly string[], why: Text, way: Text): void => {
    const key = [command, why[language], way[language]].map(cell).join('\u0000');
    rows.set(key, [...(rows.get(key) ?? []), ...flags.map((one) => /--[a-z0-9-]+/.exec(one)?.[0] ?? one)]);
  };
  for (const [command, list] of Object.entries(HABITS)) {
    for (const { flags, why, way } of list) add(command, flags, why, way);
  }
  for (const { flags, why, way } of RUN_REFUSED) add('run', [flags], why, way);
  const head =
    language === 'en' ? ['Command', 'Refused', 'Why', 'Instead'] : ['Orden', 'Se rechaza', 'Por qué', 'En su lugar'];
  return table(
    head,
    [...rows].map(([key, flags]) => {
      const [command = '', why = '', way = ''] = key.split('\u0000');
      return [`\`${command}\``, flags.map((flag) => `\`${flag}\``).join(' '), why, way];
    }),
  );
}

const RULE_WORDS = {
  priority: { en: 'Priority', es: 'Prioridad' },
  file: { en: 'File', es: 'Archivo' },
  innocent: { en: 'When it is innocent', es: 'Cuándo es inofensivo' },
  first: { en: 'What to do first', es: 'Qué hacer primero' },
  misses: { en: 'What it does not see', es: 'Qué no ve' },
} as const satisfies Record<string, Text>;

/** A section for each rule that comes with the platform, in the order of their files. */
function rulePages(language: Language): string {
  const pages = readRulePages(language);
  const sections = RuleEngine.load(readShippedRules()).states.map(({ rule }) => {
    const page = pages.get(rule.name);
    if (page === undefined) throw new Error(`no page in ${language} for the rule "${rule.name}"`);
    const word = (name: keyof typeof RULE_WORDS): string => RULE_WORDS[name][language];
    const techniques = rule.tags.flatMap((tag) => techniqueOf(tag) ?? []).map(({ id, url }) => `[${id}](${url})`);
    const facts = [
      `${word('priority')}: ${rule.priority}`,
      ...techniques,
      `${word('file')}: \`rules/detection/${rule.place.file.replace('shipped/', '')}\``,
    ];
    return [
      `## ${page.title}`,
      ...(page.title === rule.name ? [] : [`_${rule.name}_`]),
      facts.join(' · '),
      page.what,
      `**${word('innocent')}.** ${page.innocent}`,
      `**${word('first')}.**`,
      page.first.map((step, index) => `${index + 1}. ${step}`).join('\n'),
      `**${word('misses')}.** ${page.misses}`,
    ].join('\n\n');
  });
  return sections.join('\n\n');
}

/** A page with its part in place. @throws Error when the page has no such marks */
export function place(page: string, { mark, text }: Part): string {
  const [begin, end] = [`<!-- begin ${mark} -->\n`, `<!-- end ${mark} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no marks "${begin.trim()}" and "${end}" in the page`);
  return `${page.slice(0, from + begin.length)}${text.trimEnd()}\n${page.slice(to)}`;
}

/** Every fault that a module of src/ exports the table of, by code. */
export async function readFaults(): Promise<Map<string, FaultSpec>> {
  const faults = new Map<string, FaultSpec>();
  for (const path of await sourceFiles()) {
    if (!(await readFile(path, 'utf8')).includes('= defineFaults(')) continue;
    const module = (await import(path)) as Record<string, { specs?: Record<string, FaultSpec> }>;
    for (const value of Object.values(module)) {
      for (const [code, spec] of Object.entries(value?.specs ?? {})) faults.set(code, spec);
    }
  }
  return new Map([...faults].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface FoundRoute {
  readonly method: string;
  readonly url: string;
  readonly action: string;
}

/** The routes as the code declares them: method, address and action stand together in every `app.route`. */
export async function readRoutes(): Promise<FoundRoute[]> {
  const found: FoundRoute[] = [];
  for (const path of await sourceFiles()) {
    const text = await readFile(path, 'utf8');
    const routes = text.matchAll(/method: '([A-Z]+)',\s*url: '(\/api\/[^']+)',[\s\S]{0,600}?action: '([a-z.]+)'/g);
    for (const [, method = '', url = '', action = ''] of routes) found.push({ method, url, action });
  }
  return found.sort((a, b) => (a.url === b.url ? (a.method < b.method ? -1 : 1) : a.url < b.url ? -1 : 1));
}

async function sourceFiles(): Promise<string[]> {
  const names = await readdir(join(ROOT, 'src'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(ROOT, 'src', name));
}

function errorTables(faults: ReadonlyMap<string, FaultSpec>, language: Language): string {
  const words = {
    en: ['Code', 'HTTP', 'Exit', 'What it says', 'Way out'],
    es: ['Código', 'HTTP', 'Salida', 'Qué dice', 'Qué hacer'],
  }[language];
  const groups = Map.groupBy(faults, ([code]) => code.split('.')[0] ?? '');
  return [...groups]
    .map(([group, members]) => {
      const rows = members.map(([code, spec]) => {
        const { what, why, remedy } = spec[language];
        const said = why === undefined ? cell(what) : `${cell(what)} – ${cell(why)}`;
        return [`\`${code}\``, HTTP_STATUS[spec.kind], EXIT_CODE[spec.kind], said, cell(remedy ?? '')];
      });
      return `## ${group}\n\n${table(words, rows)}`;
    })
    .join('\n\n');
}

/** Every command in the order of `darsena --help`, its verbs below it. */
async function commandReference(language: Language): Promise<string> {
  const silent = (): boolean => true;
  const frame = createFrame({
    environment: { LANG: language },
    target: { terminal: false, columns: 100, colour: false, write: silent, writeError: silent },
    commands: COMMANDS,
  });
  for (const unit of COMMANDS) await unit.add(frame.cli, frame);
  const sections: string[] = [];
  for (const command of frame.cli.program.commands) {
    if (command.name().startsWith('__')) continue;
    sections.push(describeCommand(command, 'darsena', 2, language));
  }
  return sections.join('\n\n');
}

function describeCommand(command: Command, before: string, depth: number, language: Language): string {
  const path = `${before} ${command.name()}`;
  const verbs = command.commands.filter((verb) => !verb.name().startsWith('__'));
  const head = `${'#'.repeat(depth)} ${path}\n\n${sentence(command.description())}`;
  if (verbs.length > 0) {
    return [head, ...verbs.map((verb) => describeCommand(verb, path, depth + 1, language))].join('\n\n');
  }
  const taken = command.registeredArguments.map(
    (argument) =>
      `${argument.required ? '<' : '['}${argument.name()}${argument.variadic ? '…' : ''}${argument.required ? '>' : ']'}`,
  );
  const usage = [path, ...(command.options.length > 0 ? [OPTIONS[language]] : []), ...taken].join(' ');
  const aliases = command.aliases().map((alias) => `\`${before} ${alias}\``);
  const rows = [
    ...command.registeredArguments
      .filter(({ description }) => description !== '')
      .map((argument) => [`\`${argument.name()}\``, cell(argument.description)]),
    ...command.options
      .filter(({ hidden }) => !hidden)
      .map((option) => [`\`${option.flags}\``, cell(option.description) + byDefault(option, language)]),
  ];
  return [
    head,
    `\`\`\`\n${usage}\n\`\`\``,
    ...(aliases.length > 0 ? [`${{ en: 'Also', es: 'También' }[language]}: ${aliases.join(', ')}`] : []),
    ...(rows.length > 0
      ? [
          table(
            [
              { en: 'Argument, option', es: 'Argumento, opción' }[language],
              { en: 'Meaning', es: 'Significado' }[language],
            ],
            rows,
          ),
        ]
      : []),
  ].join('\n\n');
}

function byDefault({ defaultValue }: Option, language: Language): string {
  if (defaultValue === undefined || String(defaultValue) === '') return '';
  return ` (${{ en: 'default', es: 'por defecto' }[language]}: ${cell(String(defaultValue))})`;
}

const OPTIONS: Readonly<Record<Language, string>> = { en: '[options]', es: '[opciones]' };

function routeTable(routes: readonly FoundRoute[], language: Language): string {
  const words = {
    en: ['Request', 'Needs', 'What it does'],
    es: ['Petición', 'Necesita', 'Qué hace'],
  }[language];
  return table(
    words,
    routes.map(({ method, url, action }) => [
      `\`${method} ${url}\``,
      NEEDS[action]?.[language] ?? `\`${action}\``,
      cell(ROUTES[`${method} ${url}`]?.[language] ?? ''),
    ]),
  );
}

const NEEDS: Readonly<Record<string, Text>> = {
  public: { en: 'nothing', es: 'nada' },
  any: { en: 'a login', es: 'sesión iniciada' },
};

const TREATMENT: Readonly<Record<ExplainedField['treatment'], Text>> = {
  enforced: { en: 'enforced', es: 'se aplica' },
  emulated: { en: 'emulated', es: 'se emula' },
  refused: { en: 'refused', es: 'se rechaza' },
};

/** Templates of pods: their fields stand once, with the kind Pod. */
const TEMPLATE = /^(?:[A-Za-z]+)\.spec\.(?:jobTemplate\.spec\.)?template\.spec\./;

/** A table a kind. What a refused field takes with it is listed below its table. */
function fieldTables(language: Language): string {
  const fields = listFields();
  const pod = new Map(fields.map((field) => [field.path, field]));
  const isRepeated = ({ path, treatment, note }: ExplainedField): boolean => {
    const same = TEMPLATE.test(path) ? pod.get(path.replace(TEMPLATE, 'Pod.spec.')) : undefined;
    return same?.treatment === treatment && same.note?.en === note?.en;
  };
  const words = {
    en: ['Field', 'What happens', 'May be', 'How, or why not'],
    es: ['Campo', 'Qué ocurre', 'Puede ser', 'Cómo, o por qué no'],
  }[language];
  const kinds = Map.groupBy(
    fields.filter((field) => !isRepeated(field)),
    ({ path }) => path.split('.')[0] ?? '',
  );
  const tables = [...kinds].map(([kind, members]) => {
    const short = (path: string): string => path.slice(kind.length + 1);
    const rows = members
      .filter(({ within }) => within === null)
      .map(({ path, treatment, note, required, type }) => [
        `\`${short(path)}\`${required ? ' *' : ''}`,
        TREATMENT[treatment][language],
        treatment === 'refused' ? '' : cell(typeWords(type, language)),
        cell(note?.[language] ?? ''),
      ]);
    const same = {
      en: 'What a pod template has below `template.spec` is as `Pod.spec` says, where no line here says another thing.',
      es: 'Lo que una plantilla de pod tiene debajo de `template.spec` es como dice `Pod.spec`, salvo lo que diga aquí otra línea.',
    }[language];
    const hasTemplate = fields.some(({ path }) => path.startsWith(`${kind}.`) && TEMPLATE.test(path));
    const carried = Map.groupBy(
      members.filter(({ within }) => within !== null),
      ({ within }) => within ?? '',
    );
    const together = [...carried].map(([above, inner]) => {
      const names = inner.map(({ path }) => path.replaceAll('[]', '').slice(above.replaceAll('[]', '').length + 1));
      return `- \`${short(above)}\`: ${names.map((name) => `\`${name}\``).join(', ')}`;
    });
    const carriedText = {
      en: 'Treated as the field above them, for its reason:',
      es: 'Se tratan como el campo que los contiene, por su mismo motivo:',
    }[language];
    return [
      `## ${kind}`,
      ...(hasTemplate ? [same] : []),
      table(words, rows),
      ...(together.length > 0 ? [carriedText, together.join('\n')] : []),
    ].join('\n\n');
  });
  const refused = { en: '## Kinds that are refused', es: '## Tipos que se rechazan' }[language];
  const rows = Object.entries(KINDS_REFUSED).map(([kind, why]) => [`\`${kind}\``, cell(why[language])]);
  const head = { en: ['Kind', 'Why'], es: ['Tipo', 'Por qué'] }[language];
  const from = {
    en: `From the OpenAPI description of Kubernetes ${OPENAPI_VERSIONS.kubernetes} and the definition of VerticalPodAutoscaler ${OPENAPI_VERSIONS.verticalPodAutoscaler}.`,
    es: `Según la descripción OpenAPI de Kubernetes ${OPENAPI_VERSIONS.kubernetes} y la definición de VerticalPodAutoscaler ${OPENAPI_VERSIONS.verticalPodAutoscaler}.`,
  }[language];
  return [from, ...tables, refused, table(head, rows)].join('\n\n');
}

const TYPE_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\blist of\b/g, 'lista de'],
  [/\bmap of\b/g, 'mapa de'],
  [/\binteger\b/g, 'entero'],
  [/\bboolean\b/g, 'booleano'],
  [/\btext\b/g, 'texto'],
  [/\bobject\b/g, 'objeto'],
  [/\bquantity\b/g, 'cantidad'],
  [/\banything\b/g, 'cualquier cosa'],
];

function typeWords(type: string, language: Language): string {
  if (language === 'en') return type;
  return TYPE_WORDS.reduce((text, [word, spanish]) => text.replace(word, spanish), type);
}

/** Columns are as wide as their widest cell, which is how Biome formats tables. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = head.map((word, column) => Math.max(3, word.length, ...rows.map((row) => `${row[column]}`.length)));
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((text, column) => `${text}`.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Text as it is, in one cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ').trim();
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replaceAll('<', '&lt;')}.`;
}

if (import.meta.main) {
  for (const language of LANGUAGES) {
    for (const part of await generateParts(language)) {
      const path = join(ROOT, 'docs', language, part.page);
      await writeFile(path, place(await readFile(path, 'utf8'), part));
    }
  }
}

/** Every field of the Compose Specification, in one table. */
function composeTable(language: Language): string {
  const words = {
    en: ['Field', 'What happens', 'How, or why not'],
    es: ['Campo', 'Qué ocurre', 'Cómo, o por qué no'],
  }[language];
  const rows = listComposeFields().map(({ path, treatment, note, required }) => [
    `\`${path.slice('Compose.'.length)}\`${required ? ' *' : ''}`,
    TREATMENT[treatment][language],
    cell(note?.[language] ?? ''),
  ]);
  return table(words, rows);
}

/** `darsena rules explain|list|apply|remove|tune|untune|tunings`: the rules of a platform. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { type CliProgram, Fault, type Language, type Text } from '../system/index.ts';
import { detectFault } from './errors.ts';
import { sayFinding } from './finding-words.ts';
import { KEPT_SECONDS_MAX } from './limits.ts';
import type { Finding } from './rule-file.ts';
import type { RulePage } from './shipped-rules.ts';

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Where a file counted before. */
interface Moved {
  readonly project: string | null;
  readonly environment: string | null;
}

interface RuleView {
  readonly name: string;
  readonly priority: string;
  readonly tags: readonly string[];
  readonly origin: 'shipped' | 'own';
  readonly file: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly off: string | null;
}

interface ExplainedRule {
  readonly name: string;
  readonly description: string;
  readonly priority: string;
  readonly techniques: readonly { readonly id: string; readonly url: string }[];
  readonly page: RulePage | null;
}

interface RulesView {
  readonly items: readonly RuleView[];
  readonly hosts: readonly { readonly host: string; readonly state: 'in-force' | 'behind' | 'refused' }[];
  readonly findings: readonly Finding[];
}

interface TuningView {
  readonly id: string;
  readonly rule: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly condition: string | null;
  readonly until: string | null;
  readonly reason: string;
  readonly author: string;
  readonly madeAt: string;
  readonly endedAt: string | null;
  readonly endedBy: string | null;
  readonly suppressed: number;
}

interface Place {
  readonly project?: string;
  readonly env?: string;
}

const WORDS = {
  project: { en: 'only in this project', es: 'solo en este proyecto' },
  env: { en: 'only in this environment of it', es: 'solo en este entorno suyo' },
  everywhere: { en: 'everywhere', es: 'en todas partes' },
} as const satisfies Record<string, Text>;

export function ruleBookCommands(cli: CliProgram, noun: Command, describeFinding: (finding: Finding) => Text): void {
  noun
    .command('explain')
    .argument('<rule>')
    .description(
      cli.t({
        en: 'say what an alert of a rule means, when it is innocent and what to do first; needs no server for the rules of the platform',
        es: 'decir qué significa una alerta de una regla, cuándo es inofensiva y qué hacer primero; para las reglas de la plataforma no necesita servidor',
      }),
    )
    .action(async (name: string) => {
      const { shipped, nearest } = await explainShipped(name, cli.language);
      const view = shipped ?? (await explainOwn(cli, name, nearest));
      if (cli.output.json) {
        cli.print.json(view);
        return;
      }
      const { page } = view;
      const title = page === null || page.title === view.name ? view.name : `${view.name} (${page.title})`;
      cli.print.result(cli.print.colour('strong', title));
      cli.print.line([view.priority, ...view.techniques.map(({ id, url }) => `${id} ${url}`)].join('  '));
      if (page === null) {
        cli.print.line(view.description);
        return;
      }
      const part = (heading: Text, text: string): void => {
        cli.print.line('');
        cli.print.line(cli.print.colour('strong', cli.t(heading)));
        cli.print.line(text);
      };
      part({ en: 'What happened', es: 'Qué ha pasado' }, page.what);
      part({ en: 'When it is innocent', es: 'Cuándo es inofensivo' }, page.innocent);
      part(
        { en: 'What to do first', es: 'Qué hacer primero' },
        page.first.map((step, index) => `${index + 1}. ${step}`).join('\n'),
      );
      part({ en: 'What this rule does not see', es: 'Qué no ve esta regla' }, page.misses);
    });
  noun
    .command('list')
    .option('--own', cli.t({ en: 'without those that come with the platform', es: 'sin las que trae la plataforma' }))
    .description(cli.t({ en: 'list the rules in force', es: 'listar las reglas en vigor' }))
    .action(async ({ own }: { own?: boolean }) => {
      const answer = await cli.api.get<RulesView>('/rules');
      if (cli.output.json) {
        cli.print.json(answer);
        return;
      }
      cli.print.table(
        [
          { title: { en: 'rule', es: 'regla' }, value: (row) => row.name },
          { title: { en: 'priority', es: 'prioridad' }, value: (row) => row.priority },
          { title: { en: 'where', es: 'dónde' }, value: (row) => placeText(cli, row) },
          { title: { en: 'file', es: 'archivo' }, value: (row) => row.file },
          { title: { en: 'tags', es: 'etiquetas' }, value: (row) => row.tags.join(' '), wide: true },
          {
            title: { en: 'why off', es: 'por qué no' },
            value: ({ off }) => (off === null ? '' : cli.t(sayFinding(off))),
            long: true,
          },
        ],
        answer.items.filter(({ origin }) => own !== true || origin === 'own'),
        { empty: { en: 'no rules', es: 'no hay reglas' } },
      );
      for (const { host, state } of answer.hosts) {
        if (state === 'behind') {
          cli.print.note({
            en: `${host} does not have all of them yet`,
            es: `${host} todavía no las tiene todas`,
          });
        }
        if (state === 'refused') {
          cli.print.note({
            en: `${host} refused the last change and goes on with what it had; see its sensor’s log`,
            es: `${host} rechazó el último cambio y sigue con lo que tenía; véase el registro de su sensor`,
          });
        }
      }
    });
  noun
    .command('apply')
    .argument('<file>')
    .option('--name <name>', cli.t({ en: 'another name than the file’s', es: 'otro nombre que el del archivo' }))
    .option('--project <name>', cli.t(WORDS.project))
    .option('--env <name>', cli.t(WORDS.env))
    .description(
      cli.t({
        en: 'put a rule file in force; what is in force stays when the file is wrong',
        es: 'poner en vigor un archivo de reglas; si está mal, sigue lo que había',
      }),
    )
    .action(async (path: string, options: Place & { name?: string }) => {
      const name = options.name ?? basename(path);
      const body = { text: await readText(path), ...placeOf(options) };
      const answer = await cli.api.put<{ findings: Finding[]; moved: Moved | null }>(
        `/rules/files/${encodeURIComponent(name)}`,
        body,
      );
      if (cli.output.json) {
        cli.print.json(answer);
        return;
      }
      for (const finding of answer.findings) cli.print.note(describeFinding(finding));
      const moved = answer.moved ?? null;
      if (moved !== null) {
        const before = placeText(cli, moved);
        cli.print.note({
          en: `it counted in another place before, and does not there any more: ${before}`,
          es: `antes contaba en otro lugar, y allí ya no: ${before}`,
        });
      }
      if (body.project !== null && !(await isProject(cli, body.project))) {
        cli.print.note({
          en: `there is no project ${body.project} that you may see: its rules count when there is one`,
          es: `no hay ningún proyecto ${body.project} que pueda ver: sus reglas contarán cuando lo haya`,
        });
      }
      const place = placeText(cli, body);
      cli.print.result({ en: `${name} is in force: ${place}`, es: `${name} está en vigor: ${place}` });
    });
  noun
    .command('try')
    .argument('[file]')
    .option(
      '--rule <name>',
      cli.t({ en: 'a rule in force, instead of a file', es: 'una regla en vigor, en vez de un archivo' }),
    )
    .option(
      '--since <time>',
      cli.t({ en: 'how far back: 30m, 12h, 7d, or a date', es: 'desde cuándo: 30m, 12h, 7d o una fecha' }),
      '7d',
    )
    .option('--project <name>', cli.t(WORDS.project))
    .option('--env <name>', cli.t(WORDS.env))
    .option('--workload <name>', cli.t({ en: 'only in this workload', es: 'solo en esta carga de trabajo' }))
    .option('--host <name>', cli.t({ en: 'only on this host', es: 'solo en este host' }))
    .description(
      cli.t({
        en: 'what a rule file, or a rule in force, would have found in what hosts kept of their last days; nothing changes',
        es: 'qué habría encontrado un archivo de reglas, o una regla en vigor, en lo que los hosts guardaron de sus últimos días; no cambia nada',
      }),
    )
    .action(async (path: string | undefined, options: TryOptions) => {
      if ((path === undefined) === (options.rule === undefined)) throw detectFault('detect.draft-or-rule');
      const tried = await cli.api.post<Tried>('/rules/try', {
        ...(path === undefined ? { rule: options.rule } : { text: await readText(path), name: basename(path) }),
        ...placeOf(options),
        workload: options.workload ?? null,
        seconds: secondsOf(options.since),
        ...(options.host === undefined ? {} : { host: options.host }),
      });
      if (cli.output.json) cli.print.json(tried);
      else showTried(cli, tried, describeFinding);
    });
  noun
    .command('remove')
    .argument('<name>')
    .description(cli.t({ en: 'take a rule file out of force', es: 'dejar sin vigor un archivo de reglas' }))
    .action(async (name: string) => {
      const answer = await cli.api.delete<object>(`/rules/files/${encodeURIComponent(name)}`);
      if (cli.output.json) cli.print.json(answer);
      else cli.print.result({ en: `${name} is out of force`, es: `${name} ya no está en vigor` });
    });
  noun
    .command('tune')
    .argument('<rule>')
    .requiredOption('--reason <text>', cli.t({ en: 'why it is harmless', es: 'por qué es inofensivo' }))
    .option(
      '--when <condition>',
      cli.t({
        en: 'only when this holds, in the rules’ language',
        es: 'solo cuando se cumple, en el lenguaje de reglas',
      }),
    )
    .option('--project <name>', cli.t(WORDS.project))
    .option('--env <name>', cli.t(WORDS.env))
    .option('--workload <name>', cli.t({ en: 'only in this workload', es: 'solo en esta carga de trabajo' }))
    .option('--until <time>', cli.t({ en: 'RFC 3339 or a date', es: 'RFC 3339 o una fecha' }))
    .description(
      cli.t({
        en: 'say what of a rule is known harmless: it raises no alert there, and is counted',
        es: 'decir qué de una regla es inofensivo: ahí no da alerta, y se cuenta',
      }),
    )
    .action(
      async (rule: string, options: Place & { reason: string; when?: string; workload?: string; until?: string }) => {
        const tuning = await cli.api.post<TuningView>('/rules/tunings', {
          rule,
          reason: options.reason,
          condition: options.when ?? null,
          workload: options.workload ?? null,
          until: options.until === undefined ? null : timeOf(options.until),
          ...placeOf(options),
        });
        if (cli.output.json) cli.print.json(tuning);
        else {
          cli.print.result({
            en: `"${tuning.rule}" raises no alert ${whenText(cli, tuning)}: ${tuning.id}`,
            es: `"${tuning.rule}" no da alerta ${whenText(cli, tuning)}: ${tuning.id}`,
          });
        }
      },
    );
  noun
    .command('untune')
    .argument('<id>')
    .description(cli.t({ en: 'let a rule speak again', es: 'dejar que una regla vuelva a avisar' }))
    .action(async (id: string) => {
      if (!UUID.test(id)) throw detectFault('detect.tuning-unknown', { id });
      const tuning = await cli.api.delete<TuningView>(`/rules/tunings/${encodeURIComponent(id)}`);
      if (cli.output.json) cli.print.json(tuning);
      else {
        cli.print.result({
          en: `"${tuning.rule}" raises alerts again; ${tuning.suppressed} were kept back`,
          es: `"${tuning.rule}" vuelve a dar alertas; se retuvieron ${tuning.suppressed}`,
        });
      }
    });
  noun
    .command('tunings')
    .option('--all', cli.t({ en: 'those that have ended too', es: 'también las que terminaron' }))
    .description(
      cli.t({
        en: 'list what is known harmless: by whom, why, until when, and how often it held',
        es: 'listar lo que se sabe inofensivo: quién, por qué, hasta cuándo y cuántas veces se cumplió',
      }),
    )
    .action(async ({ all }: { all?: boolean }) => {
      const { items } = await cli.api.get<{ items: TuningView[] }>('/rules/tunings');
      const now = new Date().toISOString();
      const rows = items.filter(({ endedAt, until }) => all === true || (endedAt === null && (until ?? '9') > now));
      if (cli.output.json) {
        cli.print.json({ items: rows });
        return;
      }
      cli.print.table(
        [
          { title: { en: 'rule', es: 'regla' }, value: (row) => row.rule },
          { title: { en: 'where', es: 'dónde' }, value: (row) => placeText(cli, row) },
          {
            title: { en: 'when', es: 'cuándo' },
            value: (row) => row.condition ?? cli.t({ en: 'always', es: 'siempre' }),
          },
          { title: { en: 'until', es: 'hasta' }, value: (row) => row.endedAt ?? row.until ?? '–' },
          { title: { en: 'kept back', es: 'retenidas' }, value: (row) => String(row.suppressed), align: 'right' },
          { title: { en: 'by', es: 'por' }, value: (row) => row.author },
          { title: { en: 'why', es: 'por qué' }, value: (row) => row.reason, long: true },
          { title: { en: 'id', es: 'id' }, value: (row) => row.id },
        ],
        rows,
        { empty: { en: 'nothing is tuned', es: 'no hay nada ajustado' } },
      );
    });
}

interface TryOptions extends Place {
  readonly rule?: string;
  readonly since: string;
  readonly workload?: string;
  readonly host?: string;
}

interface TriedPlace {
  readonly host: string;
  readonly rule: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
}

interface Tried {
  readonly hosts: readonly {
    readonly host: string;
    readonly why: Text | null;
    readonly from?: string | null;
    readonly opensFrom?: string | null;
    readonly events?: number;
    /** Null: told only to who may see the whole host. */
    readonly missing?: number | null;
    readonly lossy?: boolean;
    readonly damaged?: number;
    readonly completeFrom?: string | null;
    readonly stoppedAt?: string | null;
    readonly milliseconds?: number;
  }[];
  readonly rules: readonly { readonly name: string; readonly off: string | null }[];
  readonly findings: readonly Finding[];
  readonly matches: number;
  readonly counts: readonly (TriedPlace & { readonly day: string; readonly matches: number })[];
  readonly examples: readonly (TriedPlace & { readonly at: string; readonly output: string })[];
}

/** Examples shown below the counts; `--json` has all that came. */
const EXAMPLES_SHOWN = 10;

function showTried(cli: CliProgram, tried: Tried, describeFinding: (finding: Finding) => Text): void {
  const { print, t } = cli;
  for (const finding of tried.findings) print.note(describeFinding(finding));
  if (tried.rules.length === 0 && tried.hosts.some(({ why }) => why === null))
    print.note({
      en: 'the file brings no rule and changes none',
      es: 'el archivo no trae ninguna regla ni cambia ninguna',
    });
  for (const { name, off } of tried.rules)
    if (off !== null) print.note({ en: `off: ${name}: ${off}`, es: `no activa: ${name}: ${sayFinding(off).es}` });
  for (const answer of tried.hosts) {
    const { host, why, from, opensFrom, events, missing, lossy, damaged, completeFrom, stoppedAt, milliseconds } =
      answer;
    if (why !== null) {
      print.note({ en: `${host}: ${why.en}`, es: `${host}: ${why.es}` });
      continue;
    }
    if (from == null) {
      print.note({ en: `${host} has kept nothing yet`, es: `${host} todavía no ha guardado nada` });
      continue;
    }
    const opens = opensFrom ?? '–';
    const seconds = ((milliseconds ?? 0) / 1_000).toFixed(1);
    // How many is told to who may see the whole host.
    const [lostEn, lostEs] =
      missing != null
        ? [`${missing} of that time not kept`, `${missing} de ese tiempo sin guardar`]
        : lossy === true
          ? ['not all of that time was kept', 'no se guardó todo ese tiempo']
          : ['all of that time was kept', 'se guardó todo ese tiempo'];
    print.note({
      en: `${host}: events kept since ${from} (opens of files since ${opens}); ${events} tried in ${seconds} s, ${lostEn}`,
      es: `${host}: eventos guardados desde ${from} (aperturas de archivos desde ${opens}); ${events} probados en ${seconds} s, ${lostEs}`,
    });
    if (completeFrom != null)
      print.note({
        en: `what ${host} kept before ${completeFrom} was not tried: its time was too short`,
        es: `lo que ${host} guardó antes de ${completeFrom} no se probó: no alcanzó su tiempo`,
      });
    if (stoppedAt != null)
      print.note({
        en: `${host} got to ${stoppedAt} in its time: ask for fewer days or one project`,
        es: `${host} llegó hasta ${stoppedAt} en su tiempo: preguntar por menos días o por un proyecto`,
      });
    if (damaged !== undefined && damaged > 0)
      print.note({
        en: `${damaged} parts of what ${host} kept cannot be read`,
        es: `${damaged} partes de lo que guardó ${host} no se pueden leer`,
      });
  }
  print.table(
    [
      { title: { en: 'day', es: 'día' }, value: (row) => row.day },
      { title: { en: 'rule', es: 'regla' }, value: (row) => row.rule },
      { title: { en: 'where', es: 'dónde' }, value: (row) => (row.project === null ? '–' : placeText(cli, row)) },
      { title: { en: 'host', es: 'host' }, value: (row) => row.host, wide: true },
      { title: { en: 'matches', es: 'veces' }, value: (row) => String(row.matches), align: 'right' },
    ],
    tried.counts,
    { empty: { en: 'it would have found nothing', es: 'no habría encontrado nada' } },
  );
  const shown = tried.examples.slice(0, EXAMPLES_SHOWN);
  if (shown.length > 0) print.line('');
  for (const { at, output } of shown) print.line(`${at}  ${output}`);
  print.result({
    en: `${tried.matches} matches; nothing was changed and no alert raised`,
    es: `${tried.matches} veces; no se cambió nada ni se dio ninguna alerta`,
  });
  if (tried.matches > shown.length && shown.length > 0)
    print.note(t({ en: 'examples only; --json has more', es: 'solo ejemplos; --json tiene más' }));
}

/** @throws Fault detect.since-invalid */
function secondsOf(text: string): number {
  const [, number, unit] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const seconds =
    number === undefined
      ? Math.ceil((Date.now() - Date.parse(text)) / 1_000)
      : Number(number) * ({ m: 60, h: 3_600, d: 86_400 }[unit ?? 'd'] ?? 0);
  if (!(seconds > 0 && seconds <= KEPT_SECONDS_MAX)) throw detectFault('detect.since-invalid', { text });
  return Math.max(60, seconds);
}

function placeOf({ project, env }: Place): { project: string | null; environment: string | null } {
  return { project: project ?? null, environment: env ?? null };
}

async function isProject(cli: CliProgram, name: string): Promise<boolean> {
  const { items } = await cli.api.get<{ items: readonly { name: string }[] }>('/projects');
  return items.some((one) => one.name === name);
}

function placeText(
  cli: CliProgram,
  { project, environment, workload }: { project: string | null; environment: string | null; workload?: string | null },
): string {
  const parts = [project, environment, workload].filter((part) => part !== null && part !== undefined);
  return parts.length === 0 ? cli.t(WORDS.everywhere) : parts.join('/');
}

function whenText(cli: CliProgram, tuning: TuningView): string {
  const when =
    tuning.condition === null ? '' : cli.t({ en: ` when ${tuning.condition}`, es: ` cuando ${tuning.condition}` });
  const until = tuning.until === null ? '' : cli.t({ en: ` until ${tuning.until}`, es: ` hasta ${tuning.until}` });
  const place = placeText(cli, tuning);
  const inPlace = tuning.project === null ? place : cli.t({ en: `in ${place}`, es: `en ${place}` });
  return `${inPlace}${when}${until}`;
}

/** A date is its end in UTC. @throws Fault detect.time-invalid */
function timeOf(text: string): string {
  const time = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T23:59:59Z` : text);
  if (Number.isNaN(time)) throw detectFault('detect.time-invalid', { time: text });
  return new Date(time).toISOString();
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw detectFault('detect.file-unreadable', { path, why }, { cause });
  }
}

/** A rule of the platform by its name, in whatever case, or the nearest name. */
async function explainShipped(
  name: string,
  language: Language,
): Promise<{ readonly shipped: ExplainedRule | null; readonly nearest: string | undefined }> {
  const [{ readRulePages, readShippedRules, techniqueOf }, { RuleEngine }, { findNearest }] = await Promise.all([
    import('./shipped-rules.ts'),
    import('./engine.ts'),
    import('./hint.ts'),
  ]);
  const rules = RuleEngine.load(readShippedRules()).states.map(({ rule }) => rule);
  const wanted = name.toLowerCase();
  // Lists in Spanish call a rule by the title of its page.
  const called = [...readRulePages('es')].find(([, { title }]) => title.toLowerCase() === wanted)?.[0];
  const rule = rules.find((one) => one.name.toLowerCase() === wanted || one.name === called);
  if (rule === undefined) {
    const names = rules.map((one) => one.name);
    return { shipped: null, nearest: findNearest(name, names) };
  }
  const shipped = {
    ...{ name: rule.name, description: rule.description, priority: rule.priority },
    techniques: rule.tags.flatMap((tag) => techniqueOf(tag) ?? []),
    page: readRulePages(language).get(rule.name) ?? null,
  };
  return { shipped, nearest: undefined };
}

/** Only a platform knows it; a slip in the name of a rule of the platform is said without one too. */
async function explainOwn(cli: CliProgram, name: string, nearest: string | undefined): Promise<ExplainedRule> {
  try {
    return await cli.api.get<ExplainedRule>(`/rules/by-name/${encodeURIComponent(name)}`);
  } catch (error) {
    const isAlone = error instanceof Fault && error.kind === 'unauthenticated';
    if (!isAlone || nearest === undefined) throw error;
    throw detectFault('detect.rule-unknown', { rule: name, nearest });
  }
}

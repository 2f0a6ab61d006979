/** `darsena rules list|apply|remove|tune|untune|tunings`: the rules of a platform. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { CliProgram, Text } from '../system/index.ts';
import { detectFault } from './errors.ts';
import type { Finding } from './rule-file.ts';

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
          { title: { en: 'file', es: 'fichero' }, value: (row) => row.file },
          { title: { en: 'tags', es: 'etiquetas' }, value: (row) => row.tags.join(' '), wide: true },
          { title: { en: 'why off', es: 'por qué no' }, value: (row) => row.off ?? '', long: true },
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
    .option('--name <name>', cli.t({ en: 'another name than the file’s', es: 'otro nombre que el del fichero' }))
    .option('--project <name>', cli.t(WORDS.project))
    .option('--env <name>', cli.t(WORDS.env))
    .description(
      cli.t({
        en: 'put a rule file in force; what is in force stays when the file is wrong',
        es: 'poner en vigor un fichero de reglas; si está mal, sigue lo que había',
      }),
    )
    .action(async (path: string, options: Place & { name?: string }) => {
      const name = options.name ?? basename(path);
      const body = { text: await readText(path), ...placeOf(options) };
      const answer = await cli.api.put<{ findings: Finding[] }>(`/rules/files/${encodeURIComponent(name)}`, body);
      if (cli.output.json) {
        cli.print.json(answer);
        return;
      }
      for (const finding of answer.findings) cli.print.note(describeFinding(finding));
      cli.print.result({ en: `${name} is in force`, es: `${name} está en vigor` });
    });
  noun
    .command('remove')
    .argument('<name>')
    .description(cli.t({ en: 'take a rule file out of force', es: 'dejar sin vigor un fichero de reglas' }))
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

function placeOf({ project, env }: Place): { project: string | null; environment: string | null } {
  return { project: project ?? null, environment: env ?? null };
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

import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type CliProgram, readFileBytes, type Text } from '../../system/index.ts';
import { scanFault } from '../errors.ts';
import type { EngineState } from '../malware/look.ts';
import { engineText } from '../reports/words.ts';
import type { RuleFileRecord } from './rule-files.ts';
import type { TriedRules } from './try-rules.ts';

const PROJECT_KINDS = ['baseline', 'secrets'];
const KINDS = ['secrets', 'baseline', 'yara', 'hashes', 'jars'];

/** `darsena scan engines` and `darsena scan rules …`: what the platform's scanner knows. */
export function addKnowledgeCommands(cli: CliProgram): void {
  const scan = cli.program.commands.find((command) => command.name() === 'scan');
  scan
    ?.command('engines')
    .description(
      cli.t({
        en: 'the engines against malware, and how old what they know is',
        es: 'los motores contra código malicioso y la antigüedad de lo que conocen',
      }),
    )
    .action(async () => {
      const { items } = await cli.api.get<{ items: EngineState[] }>('/scan/engines');
      if (items.length === 0) {
        cli.print.note({
          en: 'no engine is configured: name clamd in control.json, or give rules: darsena scan rules set yara FILE',
          es: 'no hay ningún motor configurado: nombrar clamd en control.json, o dar reglas: darsena scan rules set yara ARCHIVO',
        });
      }
      cli.print.table(
        [
          {
            title: { en: 'engine', es: 'motor' },
            value: ({ name, engine }: EngineState) => (engine ? cli.t(engineText(engine)) : name),
          },
          {
            title: { en: 'state', es: 'estado' },
            value: ({ reason }) => (reason === null ? cli.t({ en: 'ready', es: 'listo' }) : cli.t(reason)),
            long: true,
          },
        ],
        items,
        { json: { items } },
      );
    });
  const rules = scan?.command('rules').description(
    cli.t({
      en: 'rules for credentials, known credentials, YARA rules, hashes and names of Java archives of the platform',
      es: 'reglas de credenciales, credenciales conocidas, reglas YARA, hashes y nombres de archivos Java de la plataforma',
    }),
  );
  const projectOption = cli.t({
    en: 'of this project: its baseline, or its own rules for credentials',
    es: 'de este proyecto: sus credenciales conocidas o sus propias reglas de credenciales',
  });
  rules
    ?.command('list')
    .option('--project <name>', projectOption)
    .description(cli.t({ en: 'the files, with their versions', es: 'los archivos, con sus versiones' }))
    .action(async (options: { project?: string }) => {
      const path = options.project === undefined ? '/scan/rules' : `${projectPath(options.project)}/scan/rules`;
      const { items } = await cli.api.get<{ items: RuleFileRecord[] }>(path);
      cli.print.table(
        [
          { title: { en: 'kind', es: 'clase' }, value: ({ kind }: RuleFileRecord) => kind },
          { title: { en: 'name', es: 'nombre' }, value: ({ name }) => name },
          { title: { en: 'version', es: 'versión' }, value: ({ version }) => String(version), align: 'right' },
          { title: { en: 'entries', es: 'entradas' }, value: ({ entries }) => String(entries), align: 'right' },
          {
            title: { en: 'refused', es: 'rechazadas' },
            value: ({ refused }) => (refused.length === 0 ? '-' : String(refused.length)),
            align: 'right',
          },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => cli.t(STATES[state]) },
          { title: { en: 'given by', es: 'de' }, value: ({ uploadedBy }) => uploadedBy, long: true },
          { title: { en: 'digest', es: 'digest' }, value: ({ digest }) => digest, wide: true },
        ],
        items,
        { json: { items } },
      );
    });
  rules
    ?.command('set')
    .argument('<kind>', KINDS.join(' | '))
    .argument('<file>')
    .option('--name <name>', cli.t({ en: 'of several files of a kind', es: 'entre varios archivos de una clase' }))
    .option('--project <name>', projectOption)
    .description(
      cli.t({
        en: 'give a file; all images are scanned with it again',
        es: 'dar un archivo; se reanalizan las imágenes',
      }),
    )
    .action(async (kind: string, file: string, options: { name?: string; project?: string }) => {
      const path = pathOf(kind, options);
      const found = await stat(file).catch((cause: unknown) => {
        throw scanFault('scan.rules-invalid', { name: file, why: String((cause as Error).message) }, { cause });
      });
      if (!found.isFile()) throw scanFault('scan.rules-invalid', { name: file, why: 'it is no file' });
      const record = await cli.api.upload<RuleFileRecord>(path, readFileBytes(file), {
        contentType: 'application/octet-stream',
        method: 'PUT',
      });
      const { version, entries, refused } = record;
      const text = {
        en: `${kind} ${record.name}, version ${version}: ${entries} entries`,
        es: `${kind} ${record.name}, versión ${version}: ${entries} entradas`,
      };
      if (cli.output.json) cli.print.json(record);
      else cli.print.result(text);
      for (const one of refused) cli.print.note(refusedText(kind, one));
    });
  rules
    ?.command('try')
    .argument('<file>', cli.t({ en: 'a text that may hold credentials', es: 'un texto que puede tener credenciales' }))
    .requiredOption(
      '--project <name>',
      cli.t({ en: 'by the rules that count there', es: 'con las reglas que cuentan allí' }),
    )
    .option(
      '--rules <file>',
      cli.t({ en: 'by these rules, before giving them', es: 'con estas reglas, antes de darlas' }),
    )
    .option('--as <path>', cli.t({ en: 'as if the text lay there', es: 'como si el texto estuviera allí' }))
    .description(
      cli.t({
        en: 'what rules for credentials would find in a text; nothing is kept',
        es: 'qué encontrarían las reglas de credenciales en un texto; no se guarda nada',
      }),
    )
    .action(async (file: string, options: { project: string; rules?: string; as?: string }) => {
      const answer = await cli.api.post<TriedRules>(`${projectPath(options.project)}/scan/secrets/try`, {
        text: await readText(file),
        path: options.as ?? basename(file),
        rules: options.rules === undefined ? null : await readText(options.rules),
      });
      for (const one of answer.refused) cli.print.note(refusedText('secrets', one));
      if (!cli.output.json) cli.print.line(triedText(answer));
      cli.print.table(
        [
          {
            title: { en: 'line', es: 'línea' },
            value: ({ line, column }: TriedRules['findings'][number]) => `${line}:${column}`,
            align: 'right',
          },
          { title: { en: 'rule', es: 'regla' }, value: ({ rule }) => rule },
          { title: { en: 'credential', es: 'credencial' }, value: ({ title }) => cli.t(title), long: true },
        ],
        answer.findings,
        { json: answer },
      );
    });
  rules
    ?.command('clear')
    .argument('<kind>', KINDS.join(' | '))
    .option('--name <name>', cli.t({ en: 'of several files of a kind', es: 'entre varios archivos de una clase' }))
    .option('--project <name>', projectOption)
    .description(cli.t({ en: 'use a file no more', es: 'dejar de usar un archivo' }))
    .action(async (kind: string, options: { name?: string; project?: string }) => {
      await cli.api.delete(pathOf(kind, options));
      cli.print.line({ en: `${kind} is used no more`, es: `${kind} ya no se usa` });
    });
}

/** What of a file is not used; of a list of archives its lines are named. */
function refusedText(kind: string, { rule, why }: RuleFileRecord['refused'][number]): Text {
  if (kind !== 'jars')
    return { en: `rule ${rule} is not used: ${why.en}`, es: `la regla ${rule} no se usa: ${why.es}` };
  const [, more, line] = /^(?:(\d+) more lines|line (\d+))$/.exec(rule) ?? [];
  return {
    en: `${rule} not used: ${why.en}`,
    es: `${line === undefined ? `${more} líneas más` : `línea ${line}`} sin usar: ${why.es}`,
  };
}

const STATES = {
  active: { en: 'in use', es: 'en uso' },
  replaced: { en: 'replaced', es: 'sustituido' },
  removed: { en: 'removed', es: 'retirado' },
} as const;

function triedText({ of, rules, findings }: TriedRules): Text {
  const whose = {
    given: { en: 'of the file', es: 'del archivo' },
    project: { en: 'of the project', es: 'del proyecto' },
    platform: { en: 'of the platform', es: 'de la plataforma' },
  }[of];
  return {
    en: `${findings.length} found by ${rules} rules ${whose.en}`,
    es: `${findings.length} halladas por ${rules} reglas ${whose.es}`,
  };
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw scanFault('scan.rules-invalid', { name: file, why: String((cause as Error).message) }, { cause });
  });
}

function projectPath(project: string): string {
  return `/projects/${encodeURIComponent(project)}`;
}

function pathOf(kind: string, { name, project }: { name?: string; project?: string }): string {
  if (!KINDS.includes(kind)) throw scanFault('scan.choice-unknown', { value: kind, choices: KINDS.join(', ') });
  if (kind === 'baseline' && project === undefined) {
    throw scanFault('scan.choice-unknown', { value: '', choices: '--project NAME' });
  }
  if (project !== undefined) {
    // What is for one project must not become what is for all.
    if (!PROJECT_KINDS.includes(kind)) {
      throw scanFault('scan.choice-unknown', { value: `${kind} --project`, choices: PROJECT_KINDS.join(', ') });
    }
    return `${projectPath(project)}/scan/${kind}`;
  }
  const query = new URLSearchParams(name === undefined ? {} : { name });
  return `/scan/rules/${kind}?${query}`;
}

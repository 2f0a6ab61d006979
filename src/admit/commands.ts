import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type CliProgram, systemClock, type Text } from '../system/index.ts';
import { admitFault } from './errors.ts';
import { findWorkloads, judgeManifest } from './manifest.ts';
import { type Policy, readPolicy } from './policy.ts';
import { PRESETS_FOLDER, readPolicies } from './presets.ts';
import type { Verdict } from './verdict.ts';

interface PolicyRow {
  readonly name: string;
  readonly version: string;
  readonly description: Text;
  readonly doors: Readonly<Record<string, string>>;
  readonly refuses: number;
  readonly warns: number;
}

interface PolicyView extends PolicyRow {
  readonly rules: readonly (Pick<Policy['rules'][number], 'id' | 'doors' | 'effect' | 'message'> & {
    when: string;
  })[];
  readonly source: string;
}

const EFFECT: Readonly<Record<string, Text>> = {
  warn: { en: 'warns', es: 'advierte' },
  refuse: { en: 'refuses', es: 'rechaza' },
};

/** `darsena policy …`: what is asked before an image or workload passes a door. */
export function admitCommands(cli: CliProgram): void {
  const noun = cli.program
    .command('policy')
    .description(cli.t({ en: 'admission policies', es: 'políticas de admisión' }));
  noun
    .command('list')
    .description(cli.t({ en: 'list the policies', es: 'listar las políticas' }))
    .action(async () => {
      const { items } = await cli.api.get<{ items: PolicyRow[] }>('/policies');
      cli.print.table(
        [
          { title: { en: 'name', es: 'nombre' }, value: (row) => row.name },
          { title: { en: 'version', es: 'versión' }, value: (row) => row.version },
          { title: { en: 'refuses', es: 'rechaza' }, value: (row) => String(row.refuses), align: 'right' },
          { title: { en: 'warns', es: 'advierte' }, value: (row) => String(row.warns), align: 'right' },
          { title: { en: 'doors', es: 'puertas' }, value: (row) => Object.keys(row.doors).join(' ') },
          { title: { en: 'what for', es: 'para qué' }, value: (row) => cli.t(row.description), wide: true },
        ],
        items,
      );
    });
  noun
    .command('show')
    .argument('<name>')
    .option(
      '--source',
      cli.t({ en: 'print the document as it was written', es: 'mostrar el documento tal como se escribió' }),
    )
    .description(cli.t({ en: 'show the rules of a policy', es: 'mostrar las reglas de una política' }))
    .action(async (name: string, options: { source?: boolean }) => {
      const policy = await cli.api.get<PolicyView>(`/policies/${encodeURIComponent(name)}`);
      if (options.source === true && !cli.output.json) {
        cli.print.result(policy.source.trimEnd());
        return;
      }
      cli.print.line(`${policy.name} ${policy.version}: ${cli.t(policy.description)}`);
      cli.print.table(
        [
          { title: { en: 'rule', es: 'regla' }, value: (rule) => rule.id },
          {
            title: { en: 'effect', es: 'efecto' },
            value: (rule) => cli.t(EFFECT[rule.effect] ?? { en: rule.effect, es: rule.effect }),
          },
          { title: { en: 'says', es: 'dice' }, value: (rule) => cli.t(rule.message).replaceAll('{subject}', '…') },
          { title: { en: 'doors', es: 'puertas' }, value: (rule) => rule.doors.join(' '), wide: true },
          { title: { en: 'when', es: 'cuándo' }, value: (rule) => rule.when, wide: true },
        ],
        policy.rules,
        { json: policy },
      );
    });
  noun
    .command('check')
    .argument('<file>')
    .description(
      cli.t({
        en: 'check a policy document; needs no server',
        es: 'comprobar un documento de política; no necesita servidor',
      }),
    )
    .action(async (file: string) => {
      const policy = readPolicy(await readFile(file, 'utf8'), basename(file));
      if (cli.output.json) {
        cli.print.json({ name: policy.name, version: policy.version, rules: policy.rules.length });
        return;
      }
      cli.print.result({
        en: `${basename(file)}: policy ${policy.name} ${policy.version} is right, ${policy.rules.length} rules`,
        es: `${basename(file)}: la política ${policy.name} ${policy.version} es correcta, ${policy.rules.length} reglas`,
      });
    });
  noun
    .command('test')
    .argument('<manifests...>')
    .option(
      '--policy <name>',
      cli.t({ en: 'a preset, or the file of a policy', es: 'una predefinida, o el fichero de una política' }),
      'prod',
    )
    .description(
      cli.t({
        en: 'say what a policy holds against Kubernetes manifests; needs no server and looks at no image',
        es: 'decir qué objeta una política a manifiestos de Kubernetes; no necesita servidor ni mira ninguna imagen',
      }),
    )
    .action(async (files: string[], options: { policy: string }) => {
      const policy = await choosePolicy(options.policy);
      const judged: JudgedManifest[] = [];
      for (const file of files) {
        for (const workload of findWorkloads(await readFile(file, 'utf8'))) {
          const { kind, name, line } = workload;
          judged.push({ file, line, kind, name, verdict: judgeManifest(workload, policy, systemClock) });
        }
      }
      if (cli.output.json) cli.print.json({ items: judged });
      else showJudged(cli, judged);
      if (judged.some(({ verdict }) => verdict.decision === 'refuse')) cli.exit(4);
    });
}

interface JudgedManifest {
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly name: string;
  readonly verdict: Verdict;
}

async function choosePolicy(name: string): Promise<Policy> {
  if (name.includes('/') || name.endsWith('.yaml')) return readPolicy(await readFile(name, 'utf8'), basename(name));
  const policy = (await readPolicies(PRESETS_FOLDER)).find((one) => one.name === name);
  if (policy === undefined) throw admitFault('admit.policy-unknown', { policy: name });
  return policy;
}

function showJudged(cli: CliProgram, judged: readonly JudgedManifest[]): void {
  if (judged.length === 0)
    cli.print.line({ en: 'no workload in these files', es: 'ninguna carga de trabajo en estos ficheros' });
  for (const { file, line, kind, name, verdict } of judged) {
    const decision = DECISION[verdict.decision];
    const tone = ({ allow: 'good', warn: 'warn', refuse: 'bad' } as const)[verdict.decision];
    cli.print.result(`${file}:${line} ${kind} ${name}: ${cli.print.colour(tone, cli.t(decision))}`);
    for (const { effect, message, remedy } of verdict.reasons) {
      cli.print.result(`  ${cli.t(EFFECT[effect] ?? decision)}: ${cli.t(message)}`);
      if (remedy !== null && effect === 'refuse') cli.print.line(cli.print.colour('faint', `    → ${cli.t(remedy)}`));
    }
  }
}

const DECISION: Readonly<Record<Verdict['decision'], Text>> = {
  allow: { en: 'allowed', es: 'permitida' },
  warn: { en: 'allowed with warnings', es: 'permitida con advertencias' },
  refuse: { en: 'refused', es: 'rechazada' },
};

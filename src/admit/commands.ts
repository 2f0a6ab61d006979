import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { type CliProgram, diffLines, type Json, systemClock, type Text } from '../system/index.ts';
import type { EnvironmentClass } from './admission.ts';
import type { PlacedDocument } from './document.ts';
import type { RuleOutcome } from './judge.ts';
import { RECORD_DAYS } from './limits.ts';
import type { Policy, PolicyWarning } from './policy.ts';
import type { PolicyRevision } from './policy-book.ts';
import type { Replay } from './recorded.ts';
import type { Verdict } from './verdict.ts';

interface PolicyRow {
  readonly name: string;
  readonly origin: 'preset' | 'own';
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
  readonly params: Policy['params'];
  readonly source: string;
}

const EFFECT: Readonly<Record<string, Text>> = {
  warn: { en: 'warns', es: 'advierte' },
  refuse: { en: 'refuses', es: 'rechaza' },
};

/**
 * `darsena policy …`: what is asked before an image or workload passes a door.
 * @param said makes an object be without what its kind reads as not being there, as deploys are judged
 */
export function admitCommands(
  cli: CliProgram,
  said: () => Promise<(object: Json) => Json> = async () => (object) => object,
): void {
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
          {
            title: { en: 'from', es: 'de' },
            value: (row) =>
              cli.t(row.origin === 'own' ? { en: 'here', es: 'aquí' } : { en: 'platform', es: 'plataforma' }),
          },
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
          { title: { en: 'says', es: 'dice' }, value: (rule) => cli.t(rule.message) },
          { title: { en: 'doors', es: 'puertas' }, value: (rule) => rule.doors.join(' '), wide: true },
          { title: { en: 'when', es: 'cuándo' }, value: (rule) => rule.when, wide: true },
        ],
        policy.rules,
        { json: policy },
      );
      for (const { name: param, value, description } of policy.params) {
        cli.print.line(`${param} = ${JSON.stringify(value)}: ${cli.t(description)}`);
      }
    });
  bookCommands(cli, noun);
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
      const { PRESETS_FOLDER, readPolicies, readPolicy } = await import('./judging.ts');
      const policies = new Map((await readPolicies(PRESETS_FOLDER)).map((one) => [one.name, one]));
      const policy = readPolicy(await readFile(file, 'utf8'), basename(file), (name) => policies.get(name) ?? null);
      const warnings = policy.warnings ?? [];
      if (cli.output.json) {
        const { name, version, rules } = policy;
        cli.print.json({ name, version, rules: rules.length, warnings: warnings.map((one) => ({ ...one })) });
        return;
      }
      cli.print.result({
        en: `${basename(file)}: policy ${policy.name} ${policy.version} is right, ${policy.rules.length} rules`,
        es: `${basename(file)}: la política ${policy.name} ${policy.version} es correcta, ${policy.rules.length} reglas`,
      });
      showWarnings(cli, file, warnings);
    });
  noun
    .command('test')
    .argument('<manifests...>')
    .option(
      '--policy <name>',
      cli.t({
        en: 'a policy that comes with the platform (prod, pod-security-restricted@1.30), or a file',
        es: 'una política que viene con la plataforma (prod, pod-security-restricted@1.30), o un archivo',
      }),
      'prod',
    )
    .option(
      '--set <name=value...>',
      cli.t({ en: 'a parameter of the policy, as JSON or text', es: 'un parámetro de la política, como JSON o texto' }),
    )
    .option('--environment <name>', cli.t({ en: 'as in this environment', es: 'como en este entorno' }))
    .addOption(
      new Option(
        '--class <class>',
        cli.t({ en: 'as in an environment of this class', es: 'como en un entorno de esta clase' }),
      ).choices(['development', 'pre-production', 'production']),
    )
    .description(
      cli.t({
        en: 'say what a policy holds against Kubernetes manifests (- is standard input); needs no server and looks at no image',
        es: 'decir qué objeta una política a manifiestos de Kubernetes (- es la entrada estándar); no necesita servidor ni mira ninguna imagen',
      }),
    )
    .action(async (files: string[], options: TestOptions) => {
      const { asAsked, judgeDocument, readDocuments, startsPods } = await import('./judging.ts');
      const asAuthored = await said();
      const { environment, class: environmentClass } = options;
      const place =
        environment === undefined && environmentClass === undefined
          ? undefined
          : { name: environment ?? '', class: environmentClass ?? 'none' };
      const policy = await choosePolicy(options.policy, await readValues(options.set ?? []));
      const judged: JudgedManifest[] = [];
      for (const file of files) {
        for (const read of readDocuments(await readText(file))) {
          const document = asAsked(read, asAuthored);
          const { verdict, outcomes } = judgeDocument(document, policy, systemClock, place);
          if (!startsPods(document.kind) && outcomes.every(isNoWord)) continue;
          judged.push({ file, ...describe(document), decision: verdict.decision, verdict, rules: rulesOf(outcomes) });
        }
      }
      if (cli.output.json) cli.print.json({ policy: { name: policy.name, version: policy.version }, items: judged });
      else showJudged(cli, judged);
      if (judged.some(({ decision }) => decision === 'refuse')) cli.exit(4);
    });
}

interface TestOptions {
  readonly policy: string;
  readonly set?: string[];
  readonly environment?: string;
  readonly class?: EnvironmentClass;
}

function showWarnings(cli: CliProgram, file: string, warnings: readonly PolicyWarning[]): void {
  const word: Text = { en: 'warning', es: 'advertencia' };
  for (const { line, text } of warnings)
    cli.print.result(`${basename(file)}:${line} ${cli.print.colour('warn', cli.t(word))}: ${cli.t(text)}`);
}

function bookCommands(cli: CliProgram, noun: ReturnType<CliProgram['program']['command']>): void {
  const pathOf = (name: string): string => `/policies/${encodeURIComponent(name)}`;
  const tell = (made: PolicyRevision): void => {
    if (cli.output.json) cli.print.json(made);
    else cli.print.result(`${made.name} ${made.revision}: ${cli.t(STATES[made.state])}`);
  };
  noun
    .command('apply')
    .argument('<file>')
    .description(
      cli.t({
        en: 'put a policy of one’s own in force, or a new text of it; one that judges production waits for a second person',
        es: 'poner en vigor una política propia, o un texto nuevo; la que juzga producción espera a otra persona',
      }),
    )
    .action(async (file: string) => {
      const made = await cli.api.post<PolicyRevision & { warnings: readonly PolicyWarning[] }>('/policies', {
        source: await readText(file),
      });
      tell(made);
      if (cli.output.json) return;
      showWarnings(cli, file, made.warnings);
      if (made.state === 'waiting') {
        cli.print.line({
          en: `somebody else: darsena policy approve ${made.name}`,
          es: `otra persona: darsena policy approve ${made.name}`,
        });
      }
    });
  for (const [verb, text] of DECIDE) {
    noun
      .command(verb)
      .argument('<name>')
      .option(
        '--revision <number>',
        cli.t({ en: 'of this text alone, without showing it', es: 'solo de este texto, sin mostrarlo' }),
        readRevision,
      )
      .description(cli.t(text))
      .action(async (name: string, options: { revision?: number }) => {
        const revision = options.revision ?? (await readWaiting(cli, name, verb));
        if (revision === null) return;
        tell(await cli.api.post<PolicyRevision>(`${pathOf(name)}/${verb}`, { revision }));
      });
  }
  noun
    .command('remove')
    .argument('<name>')
    .description(
      cli.t({
        en: 'take a policy of one’s own out of force; one that comes with the platform under that name is back',
        es: 'quitar de vigor una política propia; vuelve la que venga con la plataforma con ese nombre',
      }),
    )
    .action(async (name: string) => tell(await cli.api.delete<PolicyRevision>(pathOf(name))));
  noun
    .command('diff')
    .argument('<name>')
    .description(
      cli.t({
        en: 'show what the text that waits would change of the one in force',
        es: 'mostrar qué cambiaría el texto que espera del que está en vigor',
      }),
    )
    .action(async (name: string) => {
      const { waiting, before } = await textsOf(cli, name);
      if (waiting === null) {
        cli.print.line({ en: `no text of ${name} waits`, es: `no espera ningún texto de ${name}` });
        return;
      }
      if (cli.output.json) cli.print.json({ revision: waiting.revision, lines: diffLines(before, waiting.source) });
      else showWaiting(cli, waiting, before);
    });
  noun
    .command('history')
    .argument('<name>')
    .description(
      cli.t({ en: 'texts that a policy had, newest first', es: 'textos que tuvo una política, primero el más nuevo' }),
    )
    .action(async (name: string) => {
      const { items } = await cli.api.get<{ items: PolicyRevision[] }>(`${pathOf(name)}/revisions`);
      cli.print.table(
        [
          {
            title: { en: 'revision', es: 'revisión' },
            value: (row: PolicyRevision) => String(row.revision),
            align: 'right',
          },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => cli.t(STATES[state]) },
          { title: { en: 'by', es: 'por' }, value: ({ author }) => author },
          { title: { en: 'agreed by', es: 'la aprobó' }, value: ({ approver }) => approver ?? '-' },
          { title: { en: 'at', es: 'fecha' }, value: ({ createdAt }) => createdAt },
        ],
        items,
        { json: { items } },
      );
    });
  noun
    .command('try')
    .argument(
      '<draft>',
      cli.t({ en: 'a file, or the name of a policy', es: 'un archivo, o el nombre de una política' }),
    )
    .option('--since <days>', cli.t({ en: 'how far back, as 30d', es: 'hasta cuándo atrás, como 30d' }), readSince, 30)
    .option('--instead-of <name>', cli.t({ en: 'only what this policy judged', es: 'solo lo que juzgó esta política' }))
    .option('--set <name=value...>', cli.t({ en: 'a parameter of the policy', es: 'un parámetro de la política' }))
    .description(
      cli.t({
        en: 'what a policy would have said of the workloads that were judged; changes nothing',
        es: 'lo que habría dicho una política de las cargas de trabajo que se juzgaron; no cambia nada',
      }),
    )
    .action(async (draft: string, options: { since: number; insteadOf?: string; set?: string[] }) => {
      const isFile = draft === '-' || draft.includes('/') || draft.endsWith('.yaml');
      const replay = await cli.api.post<Replay>('/policies/try', {
        ...(isFile ? { source: await readText(draft) } : { name: draft }),
        params: await readValues(options.set ?? []),
        days: options.since,
        insteadOf: options.insteadOf ?? null,
      });
      if (cli.output.json) cli.print.json(replay);
      else showReplay(cli, replay);
    });
}

/** Days, as `30d` or `30`; beyond what is kept there is nothing to try on. */
function readSince(text: string): number {
  const days = Number(/^(\d{1,3})d?$/.exec(text)?.[1] ?? 0);
  if (days < 1 || days > RECORD_DAYS) throw new InvalidArgumentError(`1d … ${RECORD_DAYS}d`);
  return days;
}

/** Of a policy that has none yet: one that no text has. */
const LAST_REVISION = 999_999_999;

/** What is no number would be sent as none, which agrees to whichever text waits. */
function readRevision(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('1, 2 …');
  return Number(text);
}

/** The text that waits and the one in force, that of the platform or none; every text is of the name alone. */
async function textsOf(
  cli: CliProgram,
  name: string,
): Promise<{ waiting: PolicyRevision | null; before: string; newest: number }> {
  const path = `/policies/${encodeURIComponent(name)}`;
  const { items } = await cli.api.get<{ items: PolicyRevision[] }>(`${path}/revisions`);
  const waiting = items.find(({ state }) => state === 'waiting') ?? null;
  const active = items.find(({ state }) => state === 'active');
  const newest = items[0]?.revision ?? 0;
  if (waiting === null || active !== undefined) return { waiting, before: active?.source ?? '', newest };
  const known = await cli.api.get<{ items: PolicyRow[] }>('/policies');
  if (!known.items.some((one) => one.name === name)) return { waiting, before: '', newest };
  return { waiting, before: (await cli.api.get<PolicyView>(path)).source, newest };
}

const DIFF_TONE = { '-': 'bad', '+': 'good', '@': 'faint' } as const;

function showWaiting(
  cli: CliProgram,
  { name, revision, author, createdAt, source }: PolicyRevision,
  before: string,
): void {
  const isNew = before === '';
  cli.print.result({
    en: `${name} ${revision}, asked for by ${author} at ${createdAt}${isNew ? '; there is none of that name yet' : ', and what it changes'}:`,
    es: `${name} ${revision}, pedida por ${author} el ${createdAt}${isNew ? '; aún no hay ninguna con ese nombre' : ', y lo que cambia'}:`,
  });
  for (const { op, text } of diffLines(before, source)) {
    // A colour in somebody's text could hide the line from who agrees to it.
    const line = op === '@' ? `@@ ${text}` : `${op}${text.replaceAll('\u001b', '�')}`;
    cli.print.result(op === ' ' ? line : cli.print.colour(DIFF_TONE[op], line));
  }
}

/**
 * Shows the text that waits and asks: nobody agrees to what they have not seen, and what is sent names the text that was
 * shown. Null: the person did not agree, and nothing is decided.
 */
async function readWaiting(cli: CliProgram, name: string, verb: 'approve' | 'reject'): Promise<number | null> {
  const { waiting, before, newest } = await textsOf(cli, name);
  // The platform says in its words that none waits, also when one came meanwhile that nobody has seen.
  if (waiting === null) return newest === 0 ? LAST_REVISION : newest;
  if (!cli.output.json) showWaiting(cli, waiting, before);
  const remedy = `darsena policy ${verb} ${name} --revision ${waiting.revision}`;
  const question: Record<typeof verb, Text> = {
    approve: { en: `Put ${name} ${waiting.revision} in force?`, es: `¿Poner en vigor ${name} ${waiting.revision}?` },
    reject: { en: `Refuse ${name} ${waiting.revision}?`, es: `¿Rechazar ${name} ${waiting.revision}?` },
  };
  return (await cli.ask.confirm(question[verb], { remedy })) ? waiting.revision : null;
}

const STATES: Readonly<Record<PolicyRevision['state'], Text>> = {
  waiting: { en: 'waits for a second person', es: 'espera a otra persona' },
  active: { en: 'in force', es: 'en vigor' },
  superseded: { en: 'superseded', es: 'sustituida' },
  rejected: { en: 'rejected', es: 'rechazada' },
  removed: { en: 'removed', es: 'retirada' },
};

const DECIDE: readonly (readonly ['approve' | 'reject', Text])[] = [
  [
    'approve',
    {
      en: 'show the text that somebody else applied and what it changes, and agree to it',
      es: 'mostrar el texto que aplicó otra persona y lo que cambia, y aprobarlo',
    },
  ],
  ['reject', { en: 'show the text that waits, and refuse it', es: 'mostrar el texto que espera, y rechazarlo' }],
];

function showReplay(cli: CliProgram, replay: Replay): void {
  const { counts, same, replayed, missed } = replay;
  cli.print.result({
    en: `${replayed} judged since ${replay.since.slice(0, 10)}: ${counts.newlyRefused} newly refused, ${counts.newlyAllowed} newly allowed, ${counts.otherwise} with other warnings, ${same} the same`,
    es: `${replayed} juzgadas desde ${replay.since.slice(0, 10)}: ${counts.newlyRefused} se rechazarían, ${counts.newlyAllowed} se permitirían, ${counts.otherwise} con otras advertencias, ${same} igual`,
  });
  if (missed > 0)
    cli.print.line({ en: `${missed} could not be asked again`, es: `${missed} no se pudieron volver a preguntar` });
  for (const { rule, times, why } of replay.errors) cli.print.line(`${rule} × ${times}: ${why}`);
  for (const [list, tone] of [
    [replay.newlyRefused, 'bad'],
    [replay.newlyAllowed, 'good'],
    [replay.otherwise, 'warn'],
  ] as const) {
    for (const { subject, digest, before, after, reasons } of list) {
      const change = `${cli.t(DECISION[before])} → ${cli.t(DECISION[after])}`;
      cli.print.result(`${subject} ${digest.slice(0, 19)}: ${cli.print.colour(tone, change)}`);
      for (const { message } of reasons.filter(({ effect }) => effect === 'refuse'))
        cli.print.line(`  ${cli.t(message)}`);
    }
  }
}

interface JudgedManifest {
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly decision: Verdict['decision'];
  readonly verdict: Verdict;
  /** Each rule in the order of the policy. */
  readonly rules: readonly JudgedRule[];
}

interface JudgedRule {
  readonly id: string;
  readonly result: RuleOutcome['result'];
  /** What a rule that completes documents adds or puts in. */
  readonly completion?: { readonly as: 'adds' | 'patch'; readonly document: Json };
}

function rulesOf(outcomes: readonly RuleOutcome[]): JudgedRule[] {
  return outcomes.map(({ rule, result, reasons, completion }) => ({
    id: rule?.id ?? reasons[0]?.rule ?? '?',
    result,
    ...(completion === null || rule?.completes == null
      ? {}
      : { completion: { as: rule.completes.as, document: completion } }),
  }));
}

/** A rule that says nothing of the document itself. */
function isNoWord({ document, result }: RuleOutcome): boolean {
  return document === null || result === 'skip';
}

function describe({ line, kind, name, namespace }: PlacedDocument) {
  return { line, kind, name, namespace };
}

async function readText(file: string): Promise<string> {
  if (file !== '-') return readFile(file, 'utf8');
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString('utf8');
}

/** `registries=["a.example"]` or `version=1.30`: a value that is a list, true, false or an object is JSON, others are text. */
async function readValues(given: readonly string[]): Promise<Record<string, Json>> {
  const { parseStrictJson } = await import('../formats/index.ts');
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      const [name, value] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
      const isJson = /^(?:[[{]|-?\d+$|true$|false$)/.test(value);
      return [name, isJson ? parseStrictJson(Buffer.from(value)) : value];
    }),
  );
}

async function choosePolicy(name: string, values: Readonly<Record<string, Json>>): Promise<Policy> {
  const { PRESETS_FOLDER, readPolicies, readPolicy, selectPolicy } = await import('./judging.ts');
  const policies = new Map((await readPolicies(PRESETS_FOLDER)).map((policy) => [policy.name, policy]));
  const find = (one: string): Policy | null => policies.get(one) ?? null;
  const isFile = name.includes('/') || name.endsWith('.yaml');
  if (!isFile) return selectPolicy(find, name, values);
  const policy = readPolicy(await readFile(name, 'utf8'), basename(name), find);
  return selectPolicy(() => policy, policy.name, values);
}

function showJudged(cli: CliProgram, judged: readonly JudgedManifest[]): void {
  if (judged.length === 0)
    cli.print.line({ en: 'no workload in these files', es: 'ninguna carga de trabajo en estos archivos' });
  for (const { file, line, kind, name, verdict, rules } of judged) {
    const decision = DECISION[verdict.decision];
    const tone = ({ allow: 'good', warn: 'warn', refuse: 'bad' } as const)[verdict.decision];
    cli.print.result(`${file}:${line} ${kind} ${name}: ${cli.print.colour(tone, cli.t(decision))}`);
    for (const { effect, message, remedy } of verdict.reasons) {
      cli.print.result(`  ${cli.t(EFFECT[effect] ?? decision)}: ${cli.t(message)}`);
      if (remedy !== null && effect === 'refuse') cli.print.line(cli.print.colour('faint', `    → ${cli.t(remedy)}`));
    }
    for (const { id, completion } of rules) {
      if (completion === undefined) continue;
      const { as, document } = completion;
      cli.print.result({
        en: `  ${id} ${as === 'adds' ? 'adds' : 'puts in'}: ${JSON.stringify(document)}`,
        es: `  ${id} ${as === 'adds' ? 'añade' : 'pone'}: ${JSON.stringify(document)}`,
      });
    }
  }
}

const DECISION: Readonly<Record<Verdict['decision'], Text>> = {
  allow: { en: 'allowed', es: 'permitida' },
  warn: { en: 'allowed with warnings', es: 'permitida con advertencias' },
  refuse: { en: 'refused', es: 'rechazada' },
};

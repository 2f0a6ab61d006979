import { hostname, machine, release, version } from 'node:os';
import { type CliProgram, systemClock, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { gatherFacts } from '../gather.ts';
import { Root } from '../root.ts';
import { askEngine } from './ask-engine.ts';
import { CHECK_STATES, type CheckResult, type CheckState, SECTIONS } from './check.ts';
import { BenchLedger } from './ledger.ts';
import { runBench } from './run.ts';

interface BenchOptions {
  readonly section?: string;
  readonly root?: string;
  readonly all?: boolean;
  readonly fix?: boolean;
  readonly undo?: boolean;
  readonly except?: string;
  readonly reason?: string;
  readonly until?: string;
}

const WORDS: Readonly<Record<CheckState, Text>> = {
  pass: { en: 'pass', es: 'cumple' },
  fail: { en: 'fail', es: 'falla' },
  'not-applicable': { en: 'not applicable', es: 'no aplicable' },
  'not-determinable': { en: 'not determinable', es: 'no determinable' },
};

export function benchCommands(cli: CliProgram): void {
  cli.program
    .command('bench')
    .option(
      '--section <names>',
      cli.t({
        en: `only these, parted by commas: ${SECTIONS.join(', ')}`,
        es: `solo estas, separadas por comas: ${SECTIONS.join(', ')}`,
      }),
    )
    .option(
      '--root <folder>',
      cli.t({
        en: 'read the files of the machine below this folder',
        es: 'leer los ficheros de la máquina bajo esta carpeta',
      }),
    )
    .option('--all', cli.t({ en: 'also what passes or does not apply', es: 'también lo que cumple o no aplica' }))
    .option(
      '--fix',
      cli.t({
        en: 'mend what is safe to mend (owners, modes, switches)',
        es: 'corregir lo que es seguro corregir (propietarios, modos, interruptores)',
      }),
    )
    .option('--undo', cli.t({ en: 'take back everything that --fix did', es: 'deshacer todo lo que hizo --fix' }))
    .option(
      '--except <id>',
      cli.t({ en: 'accept a failing check for a while', es: 'aceptar por un tiempo una comprobación que falla' }),
    )
    .option('--reason <text>', cli.t({ en: 'why it is accepted', es: 'por qué se acepta' }))
    .option('--until <date>', cli.t({ en: 'until when (YYYY-MM-DD)', es: 'hasta cuándo (AAAA-MM-DD)' }))
    .description(
      cli.t({
        en: 'how this host, its engine, its containers and its kernel are set up, with evidence and remedies',
        es: 'cómo están configurados este host, su motor, sus contenedores y su núcleo, con pruebas y remedios',
      }),
    )
    .action(async (options: BenchOptions) => {
      const ledger = await BenchLedger.open();
      const now = systemClock.now().toISOString();
      if (options.undo) {
        const done = await ledger.undo();
        cli.print.result({
          en: `taken back: ${done.join(', ') || 'nothing'}`,
          es: `deshecho: ${done.join(', ') || 'nada'}`,
        });
        return;
      }
      if (options.except !== undefined) return accept(cli, ledger, options, now);
      const look = async (): Promise<CheckResult[]> => {
        const identity = { release: release(), version: version(), machine: machine(), host: hostname() };
        const root = new Root(options.root ?? '/');
        return runBench(root, gatherFacts(root.path, identity, now), await askEngine(root));
      };
      let results = await look();
      if (options.fix) {
        const wanted = select(results, options).filter(({ fix }) => fix !== null);
        for (const { id, fix } of wanted) if (fix !== null) await ledger.fix(id, fix, now);
        cli.print.note({
          en: `mended: ${wanted.map(({ id }) => id).join(', ') || 'nothing'} (take back: darsena bench --undo)`,
          es: `corregido: ${wanted.map(({ id }) => id).join(', ') || 'nada'} (deshacer: darsena bench --undo)`,
        });
        if (wanted.length > 0) results = await look();
      }
      const changes = ledger.changes(results);
      const excepted = new Map(ledger.exceptions(now).map((one) => [one.id, one]));
      const since = ledger.since;
      if (options.root === undefined) await ledger.remember(results, now);
      show(cli, select(results, options), { changes, excepted, since, all: options.all === true });
      if (select(results, options).some(({ id, state }) => state === 'fail' && !excepted.has(id))) cli.exit(1);
    });
}

async function accept(cli: CliProgram, ledger: BenchLedger, options: BenchOptions, now: string): Promise<void> {
  const { except: id = '', reason, until } = options;
  const end = until === undefined ? Number.NaN : Date.parse(until);
  if (reason === undefined || Number.isNaN(end) || new Date(end).toISOString() <= now) {
    throw hostFault('host.exception-incomplete', { id });
  }
  await ledger.except({ id, reason, until: new Date(end).toISOString() });
  cli.print.result({ en: `${id} is accepted until ${until}`, es: `${id} se acepta hasta ${until}` });
}

function select(results: readonly CheckResult[], { section }: BenchOptions): readonly CheckResult[] {
  if (section === undefined) return results;
  const wanted = section.split(',').map((one) => one.trim());
  for (const one of wanted) {
    if (!(SECTIONS as readonly string[]).includes(one)) {
      throw hostFault('host.choice-unknown', { value: one, choices: SECTIONS.join(', ') });
    }
  }
  return results.filter((one) => wanted.includes(one.section.split(':')[0] ?? ''));
}

function show(
  cli: CliProgram,
  results: readonly CheckResult[],
  more: {
    readonly changes: ReturnType<BenchLedger['changes']>;
    readonly excepted: ReadonlyMap<string, { readonly reason: string; readonly until: string }>;
    readonly since: string | null;
    readonly all: boolean;
  },
): void {
  const { changes, excepted, since, all } = more;
  const summary = Object.fromEntries(
    CHECK_STATES.map((state) => [state, results.filter((one) => one.state === state).length]),
  );
  if (cli.output.json) {
    const items = results.map(({ title, evidence, remedy, ...rest }) => ({
      ...rest,
      title: title.en,
      evidence: evidence.map(({ en }) => en),
      remedy: remedy?.en ?? null,
      exception: excepted.get(rest.id) ?? null,
    }));
    cli.print.json({ summary, since, changes, items });
    return;
  }
  const rows = results
    .filter(({ state }) => all || state === 'fail' || state === 'not-determinable')
    .sort((a, b) => (all ? 0 : CHECK_STATES.indexOf(a.state) - CHECK_STATES.indexOf(b.state)));
  const stateOf = ({ id, state }: CheckResult): string => {
    const exception = excepted.get(id);
    return exception === undefined || state !== 'fail'
      ? cli.t(WORDS[state])
      : cli.t({
          en: `accepted until ${exception.until.slice(0, 10)}`,
          es: `aceptada hasta ${exception.until.slice(0, 10)}`,
        });
  };
  cli.print.table(
    [
      { title: { en: 'CHECK', es: 'COMPROBACIÓN' }, value: ({ id }: CheckResult) => id },
      { title: { en: 'STATE', es: 'ESTADO' }, value: stateOf },
      {
        title: { en: 'WHAT', es: 'QUÉ' },
        value: ({ title, evidence, remedy }) =>
          [
            cli.t(title),
            evidence
              .slice(0, 3)
              .map((one) => cli.t(one))
              .join('; '),
            remedy === null ? '' : `→ ${cli.t(remedy)}`,
          ]
            .filter((part) => part !== '')
            .join(' · '),
        long: true,
      },
    ],
    rows,
    { empty: { en: 'nothing fails', es: 'nada falla' } },
  );
  for (const { id, from, to } of changes) {
    cli.print.line({
      en: `changed since ${since}: ${id} ${WORDS[from].en} → ${WORDS[to].en}`,
      es: `cambió desde ${since}: ${id} ${WORDS[from].es} → ${WORDS[to].es}`,
    });
  }
  const words = (language: 'en' | 'es'): string =>
    CHECK_STATES.map((state) => `${summary[state]} ${WORDS[state][language]}`).join(', ');
  cli.print.line({ en: words('en'), es: words('es') });
}

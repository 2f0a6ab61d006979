import { type CliProgram, systemClock, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { ENGINE_KINDS, type EngineKind } from './ask-engine.ts';
import type { BenchAcceptance, BenchView } from './benches.ts';
import { CHECK_STATES, type CheckResult, type CheckState, SECTIONS } from './check.ts';
import { lookAtMachine, mend } from './host-bench.ts';
import { BenchLedger } from './ledger.ts';

interface BenchOptions {
  readonly section?: string;
  readonly root?: string;
  readonly engine?: string;
  readonly all?: boolean;
  readonly fix?: boolean;
  readonly undo?: boolean;
  readonly except?: string;
  readonly reason?: string;
  readonly until?: string;
  readonly host?: string;
  readonly hosts?: boolean;
  readonly look?: boolean;
  readonly check?: string;
  readonly revoke?: string;
}

/** What is shown of a check, wherever it was looked at. */
type Row = Pick<CheckResult, 'id' | 'section' | 'title' | 'state' | 'evidence' | 'remedy' | 'subjects'> & {
  readonly isFixable: boolean;
};

const rowOf = ({ fixes, ...one }: CheckResult): Row => ({ ...one, isFixable: fixes.length > 0 });

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
        es: 'leer los archivos de la máquina bajo esta carpeta',
      }),
    )
    .option(
      '--engine <name>',
      cli.t({
        en: `the engine to look at (${ENGINE_KINDS.join(', ')}); else the first that runs containers`,
        es: `el motor que comprobar (${ENGINE_KINDS.join(', ')}); si no, el primero con contenedores en marcha`,
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
    .option('--undo', cli.t({ en: 'take back what --fix did', es: 'deshacer lo que hizo --fix' }))
    .option(
      '--check <ids>',
      cli.t({
        en: 'fix or undo only these checks, parted by commas',
        es: 'corregir o deshacer solo estas comprobaciones, separadas por comas',
      }),
    )
    .option(
      '--host <host>',
      cli.t({ en: 'a host of the platform: its last look', es: 'un host de la plataforma: su última comprobación' }),
    )
    .option(
      '--hosts',
      cli.t({ en: 'the sums of all hosts of the platform', es: 'los totales de todos los hosts de la plataforma' }),
    )
    .option('--look', cli.t({ en: 'with --host: look anew', es: 'con --host: comprobar de nuevo' }))
    .option(
      '--except <id>',
      cli.t({ en: 'accept a failing check for a while', es: 'aceptar por un tiempo una comprobación que falla' }),
    )
    .option('--reason <text>', cli.t({ en: 'why it is accepted', es: 'por qué se acepta' }))
    .option('--until <date>', cli.t({ en: 'until when (YYYY-MM-DD)', es: 'hasta cuándo (AAAA-MM-DD)' }))
    .option(
      '--revoke <id>',
      cli.t({
        en: 'end an exception of the platform before its day',
        es: 'terminar antes una excepción de la plataforma',
      }),
    )
    .description(
      cli.t({
        en: 'how this host, its engine, its containers and its kernel are set up, with evidence and remedies',
        es: 'cómo están configurados este host, su motor, sus contenedores y su núcleo, con pruebas y remedios',
      }),
    )
    .action(async (options: BenchOptions) => {
      if (options.revoke !== undefined) {
        await cli.api.delete(`/bench/exceptions/${encodeURIComponent(options.revoke)}`);
        return cli.print.result({ en: 'the check counts again', es: 'la comprobación vuelve a contar' });
      }
      if (options.hosts === true) return overview(cli);
      if (options.host !== undefined) return benchOfHost(cli, options.host, options);
      const ledger = await BenchLedger.open();
      const now = systemClock.now().toISOString();
      if (options.undo) {
        const done = await ledger.undo(listOf(options.check));
        if (cli.output.json) return cli.print.json({ done });
        cli.print.result({
          en: `taken back: ${done.join(', ') || 'nothing'}`,
          es: `deshecho: ${done.join(', ') || 'nada'}`,
        });
        return;
      }
      if (options.except !== undefined) return accept(cli, ledger, options, now);
      const engine = readEngine(options.engine);
      let results = await lookAtMachine(options.root ?? '/', now, engine);
      if (options.fix) {
        if (options.root !== undefined)
          throw hostFault('host.choice-unknown', { value: '--fix --root', choices: '--fix' });
        const only = listOf(options.check);
        const wanted = select(results, options).filter(({ id }) => only.length === 0 || only.includes(id));
        tellMended(cli, await mend(ledger, wanted, now));
        results = await lookAtMachine('/', now, engine);
      }
      // Another machine, or another engine of this one, has not drifted from what was seen here.
      const isOther = options.root !== undefined || engine !== null;
      const changes = isOther ? [] : ledger.changes(results);
      const excepted = new Map(ledger.exceptions(now).map((one) => [one.id, one]));
      const since = ledger.since;
      if (!isOther) await ledger.remember(results, now);
      const rows = select(results, options).map(rowOf);
      show(cli, rows, { changes, excepted, since, all: options.all === true });
      if (rows.some(({ id, state }) => state === 'fail' && !excepted.has(id))) cli.exit(1);
    });
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);

function readEngine(name: string | undefined): EngineKind | null {
  if (name === undefined) return null;
  const found = ENGINE_KINDS.find((one) => one === name);
  if (found === undefined) throw hostFault('host.choice-unknown', { value: name, choices: ENGINE_KINDS.join(', ') });
  return found;
}

function tellMended(
  cli: CliProgram,
  {
    done,
    refused,
  }: { readonly done: readonly string[]; readonly refused: readonly { readonly id: string; readonly why: string }[] },
): void {
  cli.print.note({
    en: `mended: ${done.join(', ') || 'nothing'} (take back: darsena bench --undo)`,
    es: `corregido: ${done.join(', ') || 'nada'} (deshacer: darsena bench --undo)`,
  });
  for (const { id, why } of refused)
    cli.print.note({ en: `${id} could not be mended: ${why}`, es: `${id} no se pudo corregir: ${why}` });
}

async function overview(cli: CliProgram): Promise<void> {
  const { items } = await cli.api.get<{ items: Pick<BenchView, 'host' | 'at' | 'summary'>[] }>('/bench');
  const count = (state: keyof BenchView['summary'], title: Text) => ({
    ...{ title, align: 'right' as const },
    value: ({ summary }: (typeof items)[number]) => String(summary[state]),
  });
  cli.print.table(
    [
      { title: { en: 'HOST', es: 'HOST' }, value: ({ host }: (typeof items)[number]) => host },
      count('fail', { en: 'FAIL', es: 'FALLAN' }),
      count('accepted', { en: 'ACCEPTED', es: 'ACEPTADAS' }),
      count('not-determinable', { en: 'NOT DETERMINABLE', es: 'NO DETERMINABLES' }),
      count('pass', { en: 'PASS', es: 'CUMPLEN' }),
      { title: { en: 'LOOKED AT', es: 'COMPROBADO' }, value: ({ at }) => cli.print.age(at) },
    ],
    items,
    { json: { items }, empty: { en: 'no host has been looked at yet', es: 'todavía no se ha comprobado ningún host' } },
  );
}

/** The same of a host of the platform: its agent looks and mends, the platform keeps results and exceptions. */
async function benchOfHost(cli: CliProgram, host: string, options: BenchOptions): Promise<void> {
  const path = `/hosts/${encodeURIComponent(host)}/bench`;
  if (options.except !== undefined) {
    const { except: check, reason, until } = options;
    if (reason === undefined || until === undefined) throw hostFault('host.exception-incomplete', { id: check });
    const made = await cli.api.post<BenchAcceptance>('/bench/exceptions', { check, host, reason, until });
    if (cli.output.json) return cli.print.json(made);
    return cli.print.result({
      en: `${check} is accepted on ${host} until ${until} (end it: darsena bench --revoke ${made.id})`,
      es: `${check} se acepta en ${host} hasta ${until} (terminarla: darsena bench --revoke ${made.id})`,
    });
  }
  const change = options.undo ? 'undo' : options.fix ? 'fix' : options.look ? 'look' : null;
  if (change !== null) {
    const order = { change, checks: listOf(options.check) };
    const { operation } = await cli.api.post<{ operation: string }>(path, order);
    const { result } = await cli.followOperation(operation);
    const { done, refused } = result as unknown as Parameters<typeof tellMended>[1];
    if (change === 'fix') tellMended(cli, { done, refused });
    if (change === 'undo')
      cli.print.note({
        en: `taken back: ${done.join(', ') || 'nothing'}`,
        es: `deshecho: ${done.join(', ') || 'nada'}`,
      });
  }
  const view = await cli.api.get<BenchView>(path);
  const rows = select(view.items, options);
  const excepted = new Map(
    view.items.flatMap(({ id, accepted }) => (accepted === null ? [] : [[id, accepted] as const])),
  );
  const changes = view.changes.map(({ check, from, to }) => ({ id: check, from, to }));
  show(cli, rows, {
    changes,
    excepted,
    since: view.changes.at(-1)?.at ?? null,
    at: view.at,
    all: options.all === true,
  });
  if (rows.some(({ id, state }) => state === 'fail' && !excepted.has(id))) cli.exit(1);
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

function select<T extends Pick<CheckResult, 'section'>>(
  results: readonly T[],
  { section }: BenchOptions,
): readonly T[] {
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
  results: readonly Row[],
  more: {
    readonly changes: ReturnType<BenchLedger['changes']>;
    readonly excepted: ReadonlyMap<string, { readonly reason: string; readonly until: string }>;
    readonly since: string | null;
    readonly all: boolean;
    /** When it was looked at, where that is not now. */
    readonly at?: string;
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
    cli.print.json({ summary, at: more.at ?? null, since, changes, items });
    return;
  }
  const rows = results
    .filter(({ state }) => all || state === 'fail' || state === 'not-determinable')
    .sort((a, b) => (all ? 0 : CHECK_STATES.indexOf(a.state) - CHECK_STATES.indexOf(b.state)));
  const stateOf = ({ id, state }: Row): string => {
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
      { title: { en: 'CHECK', es: 'COMPROBACIÓN' }, value: ({ id }: Row) => id },
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
  if (more.at !== undefined)
    cli.print.line({ en: `looked at ${cli.print.age(more.at)} ago`, es: `comprobado hace ${cli.print.age(more.at)}` });
  const words = (language: 'en' | 'es'): string =>
    CHECK_STATES.map((state) => `${summary[state]} ${WORDS[state][language]}`).join(', ');
  cli.print.line({ en: words('en'), es: words('es') });
}

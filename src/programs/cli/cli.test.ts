import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { engineFault } from '../../deploy/engines/local/index.ts';
import {
  type CliProgram,
  defineFaults,
  EXIT_CODE,
  type Fault,
  type Language,
  type OperationView,
  runCommand,
  type StepView,
  systemClock,
} from '../../system/index.ts';
import { warningOfNothing } from './activity.ts';
import { parseEvents, readProblem } from './client.ts';
import { COMMANDS } from './commands.ts';
import { complete } from './completion.ts';
import { credentialsPath, readConnection, writeCredentials } from './credentials.ts';
import { filterOf } from './events.ts';
import { readVariables, variablesOf } from './exec.ts';
import {
  type CommandUnit,
  createFrame,
  type Frame,
  forInstance,
  formatError,
  namedVersion,
  unitsFor,
} from './frame.ts';
import { addHabits } from './habits.ts';
import { PODMAN_FLAGS } from './podman-flags.ts';
import { formatBytes, formatDuration, formatTable, type PrintTarget, printable } from './print.ts';
import { createLineView, createTreeView } from './progress.ts';
import { readSize, readTmpfs } from './run.ts';

interface Captured {
  out: string;
  error: string;
}

function captured(): PrintTarget & Captured {
  const target = {
    out: '',
    error: '',
    terminal: false,
    columns: 80,
    colour: false,
    write: (text: string) => {
      target.out += text;
    },
    writeError: (text: string) => {
      target.error += text;
    },
  };
  return target;
}

function frameOf(
  add: (cli: CliProgram) => void,
  environment: NodeJS.ProcessEnv = {},
): { frame: Frame; target: PrintTarget & Captured } {
  const target = captured();
  const unit: CommandUnit = { words: [], add: async (cli) => add(cli) };
  return { frame: createFrame({ environment, target, commands: [unit] }), target };
}

const testFault = defineFaults({
  'test.refused': {
    kind: 'refused',
    en: { what: 'image {name} may not run', why: 'it is not signed', remedy: 'darsena sign {name}' },
    es: { what: 'la imagen {name} no puede ejecutarse', why: 'no está firmada', remedy: 'darsena sign {name}' },
  },
});

test('exit codes follow what the outcome means to the caller', async () => {
  const { frame, target } = frameOf((cli) => {
    cli.program.command('sign').action(() => {
      throw testFault('test.refused', { name: 'shop/web' });
    });
  });
  assert.equal(await frame.run(['sign']), 4);
  assert.equal(
    target.error,
    'error: image shop/web may not run\n  because: it is not signed\n  way out: darsena sign shop/web\n',
  );
});

test('what runs a program in a container keeps its own failures apart from the program’s codes, as podman does', async () => {
  const cases = [
    ['run', testFault('test.refused', { name: 'a/b' }), 125],
    ['exec', engineFault('engine.command-missing', { operation: 'exec', why: '/nope' }), 127],
    ['run', engineFault('engine.command-unusable', { operation: 'attach', why: '/etc/passwd' }), 126],
    ['attach', new RangeError('unforeseen'), 125],
    ['sign', engineFault('engine.command-missing', { operation: 'exec', why: '/nope' }), 1],
  ] as const;
  for (const [word, error, code] of cases) {
    const { frame } = frameOf((cli) => {
      cli.program.command(word).action(() => {
        throw error;
      });
    });
    assert.equal(await frame.run([word]), code, `${word}: ${error.message}`);
  }
  const { frame } = frameOf((cli) => {
    cli.program.command('run').action(() => cli.exit(4));
  });
  assert.equal(await frame.run(['run']), 4, 'the program’s own');
});

test('errors are said in the language of the locale', async () => {
  const add = (cli: CliProgram): void => {
    cli.program.command('sign').action(() => {
      throw testFault('test.refused', { name: 'tienda/web' });
    });
  };
  for (const environment of [{ LANG: 'es_ES.UTF-8' }, { LC_ALL: 'es', LANG: 'en_US' }, { LC_ALL: '', LANG: 'es_AR' }]) {
    const { frame, target } = frameOf(add, environment);
    await frame.run(['sign']);
    assert.match(
      target.error,
      /^error: la imagen tienda\/web no puede ejecutarse\n {2}porque: no está firmada\n {2}salida: /,
    );
  }
});

test('wrong use exits 2 and names the word, the command and the way out', async () => {
  const add = (cli: CliProgram): void => {
    const noun = cli.program.command('incident');
    noun
      .command('respond')
      .argument('<incident>')
      .option('--kill')
      .action(() => undefined);
    noun.command('list').action(() => undefined);
  };
  const cases: [string[], RegExp][] = [
    [['incidnt'], /there is no command "incidnt"\n {2}way out: darsena --help {3}\(incident\?\)/],
    [['incident', 'respnd'], /there is no command "respnd"\n {2}way out: darsena incident --help/],
    [['incident', 'respond', '4', '--kil'], /there is no option "--kil"\n {2}way out: darsena incident respond --help/],
    [['incident', 'respond'], /"incident" is missing/],
    [
      ['incident', 'list', 'x', 'y'],
      /too many arguments\n {2}because: "darsena incident list" takes fewer\n {2}way out: darsena incident list --help/,
    ],
    [['--instance', 'list', 'incident', 'list', 'x', 'y'], /"darsena incident list" takes fewer/],
    [['incident', 'list', '-o', 'tall'], /-o/],
  ];
  for (const [argv, expected] of cases) {
    const { frame, target } = frameOf(add);
    assert.equal(await frame.run(argv), 2, argv.join(' '));
    assert.match(target.error, expected);
  }
});

test('--json gives errors as problem documents on standard output', async () => {
  const { frame, target } = frameOf((cli) => {
    cli.program.command('sign').action(() => {
      throw testFault('test.refused', { name: 'a/b' });
    });
  });
  assert.equal(await frame.run(['sign', '--json']), 4);
  const { error } = JSON.parse(target.out) as { error: { code: string; status: number } };
  assert.deepEqual([error.code, error.status], ['test.refused', 403]);
});

test('--json and --quiet decide what is printed', async () => {
  const add = (cli: CliProgram): void => {
    cli.program.command('ls').action(() => {
      cli.print.line({ en: 'two things', es: 'dos cosas' });
      cli.print.table(
        [{ title: { en: 'name', es: 'nombre' }, value: (row: { name: string }) => row.name }],
        [{ name: 'a' }],
      );
      cli.print.result('done');
    });
  };
  const run = async (...argv: string[]): Promise<string> => {
    const { frame, target } = frameOf(add);
    await frame.run(argv);
    return target.out;
  };
  assert.equal(await run('ls'), 'two things\nNAME\na\ndone\n');
  assert.equal(await run('ls', '--quiet'), 'NAME\na\ndone\n');
  assert.deepEqual(JSON.parse(await run('ls', '--json')), { items: [{ name: 'a' }] });
});

test('a question without a terminal is never waited for: exit 3 with the command that answers it', async () => {
  const { frame, target } = frameOf((cli) => {
    cli.program.command('remove').action(async () => {
      await cli.ask.confirm({ en: 'Remove it?', es: '¿Eliminarlo?' }, { remedy: 'darsena remove --yes' });
    });
  });
  if (process.stdin.isTTY === true) Object.defineProperty(process.stdin, 'isTTY', { value: false });
  assert.equal(await frame.run(['remove']), 3);
  assert.match(target.error, /Remove it\?[\s\S]*way out: darsena remove --yes/);
});

test('control characters of foreign data do not reach the terminal', () => {
  assert.equal(printable('a\u001b[2Jb\r\nc\u202e'), 'a�[2Jb��c�');
  const table = formatTable([{ title: { en: 'x', es: 'x' }, value: (row: string) => row }], ['\u001b]0;title\u0007'], {
    language: 'en',
    wide: false,
  });
  assert.equal(table, 'X\n�]0;title�\n');
});

test('tables fit, and -o wide shows the rest', () => {
  const columns = [
    { title: { en: 'name', es: 'nombre' }, value: (row: string) => row },
    { title: { en: 'size', es: 'tamaño' }, value: () => '12', align: 'right' as const },
    { title: { en: 'more', es: 'más' }, value: () => 'm', wide: true },
  ];
  const long = 'n'.repeat(60);
  const narrow = formatTable(columns, [long], { language: 'es', wide: false });
  assert.match(narrow, /^NOMBRE\s+TAMAÑO\nn{47}…\s+12\n$/);
  assert.match(formatTable(columns, [long], { language: 'en', wide: true }), /n{60}\s+12\s+m\n$/);
});

test('units are read at a glance', () => {
  assert.deepEqual([0, 999, 12_300_000].map(formatBytes), ['0 B', '999 B', '12.3 MB']);
  assert.deepEqual([850, 4_200, 185_000, 7_200_000].map(formatDuration), ['850 ms', '4.2 s', '3 min 05 s', '2 h']);
});

test('server-sent events survive being cut anywhere', async () => {
  const bytes = Buffer.from(
    ': beat\n\nid: 7\nevent: fact\ndata: {"a":\ndata: "é"}\n\ndata: 1\r\n\r\nid: 9\ndata: unfinished',
  );
  for (let size = 1; size < 12; size++) {
    const chunks = async function* (): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    const events = [];
    for await (const event of parseEvents(chunks())) events.push(event);
    assert.deepEqual(events, [
      { id: '7', event: 'fact', data: { a: 'é' } },
      { id: '7', event: 'message', data: 1 },
    ]);
  }
});

test('an error reply that is no problem document still becomes one', () => {
  assert.equal(readProblem(502, '/x', '<html>').code, 'cli.strange-reply');
  assert.equal(readProblem(404, '/x', '{"title":"t","code":"c","kind":"not-found"}').code, 'c');
});

test('credentials: missing, expired and broken files each say so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-login-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const now = new Date('2026-01-01T00:00:00Z');
  const environment = { XDG_CONFIG_HOME: folder };
  const read = () => readConnection('x', { now, environment });
  await assert.rejects(read(), { code: 'cli.not-logged-in' });
  const login = {
    url: 'https://localhost:7443',
    api: 'https://localhost:7444',
    ca: '-----BEGIN CERTIFICATE-----',
    certificate: '-----BEGIN CERTIFICATE-----',
    key: '-----BEGIN PRIVATE KEY-----',
    expiresAt: '2026-01-01T00:00:01Z',
  };
  const path = credentialsPath('x', environment);
  await writeCredentials(path, login, null);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const { url, tls, headers } = await read();
  assert.deepEqual([url, tls.key, headers], ['https://localhost:7444', login.key, {}]);
  await writeCredentials(path, { ...login, expiresAt: now.toISOString() }, null);
  await assert.rejects(read(), (error: Fault) => error.code === 'cli.login-expired' && EXIT_CODE[error.kind] === 5);
  // What an older command line wrote: a bearer token.
  await writeFile(path, JSON.stringify({ url: login.url, ca: login.ca, token: 'dtk_x', expiresAt: login.expiresAt }));
  await assert.rejects(read(), { code: 'cli.credentials-broken' });
});

test('a robot’s token in the environment is never passed over for the login of the account', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-login-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const environment = { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, HOME: folder, DARSENA_TOKEN: 'dtk_robot' };
  const read = (more: object) =>
    readConnection('no-such-place', { now: new Date(), environment: { ...environment, ...more } });
  await assert.rejects(read({}), { code: 'cli.token-alone' });
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, 'authority');
  await assert.rejects(read({ DARSENA_CA: ca }), { code: 'cli.token-alone' });
  assert.deepEqual(await read({ DARSENA_CA: ca, DARSENA_URL: 'https://far.example:7443' }), {
    url: 'https://far.example:7443',
    tls: { ca: 'authority' },
    headers: { authorization: 'Bearer dtk_robot' },
  });
});

function step(part: Partial<StepView> & { id: string }): StepView {
  return {
    parent: null,
    title: { en: `step ${part.id}`, es: `paso ${part.id}` },
    state: 'running',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    done: null,
    total: null,
    unit: null,
    detail: null,
    notes: [],
    ...part,
  };
}

const at = (seconds: number): Date => new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1_000);
const style = (language: Language) => ({
  ...{ language, columns: 80 },
  colour: (_kind: string, text: string) => text,
  command: (text: string) => text,
});
const running = (steps: StepView[]): Pick<OperationView, 'steps' | 'state'> => ({ steps, state: 'running' });

test('without a terminal each step is a line when it ends, and when it begins only if it is long', () => {
  let out = '';
  const view = createLineView((text) => {
    out += text;
  }, style('en'));
  const child = step({ id: '2', parent: '1', done: 500_000, total: 2_000_000, unit: 'bytes' });
  view.update(running([step({ id: '1' }), child]), at(1));
  assert.equal(out, '');
  view.update(running([step({ id: '1' }), child]), at(4));
  view.update(running([step({ id: '1' }), child]), at(5));
  view.end(
    running([
      step({ id: '1', state: 'done', endedAt: '2026-01-01T00:00:06Z' }),
      {
        ...child,
        done: 2_000_000,
        state: 'done',
        endedAt: '2026-01-01T00:00:06Z',
        notes: [{ en: 'a note', es: 'nota' }],
      },
    ]),
    at(6),
  );
  assert.equal(
    out,
    'started  step 1  4.0 s\n' +
      'started  step 1 › step 2  500.0 kB/2.0 MB · 4.0 s, left ~12.0 s\n' +
      'step 1 › step 2: a note\n' +
      'done     step 1 › step 2  2.0 MB · 6.0 s\n' +
      'done     step 1  6.0 s\n',
  );
});

test('on a terminal finished steps scroll away and only moving ones are drawn again', () => {
  const written: string[] = [];
  const view = createTreeView((text) => written.push(text), { ...style('es'), rows: () => 24 });
  view.update(running([step({ id: '1' })]), at(1));
  const done = step({ id: '1', state: 'done', endedAt: '2026-01-01T00:00:02Z', detail: { en: 'x', es: 'bien' } });
  view.update(running([done, step({ id: '2' })]), at(3));
  view.update(running([done, step({ id: '2' })]), at(4));
  assert.equal(written[0], '▸ paso 1  1.0 s\n');
  assert.equal(written[1], '\u001b[1A\u001b[0J✓ paso 1  bien · 2.0 s\n▸ paso 2  3.0 s\n');
  assert.equal(written[2], '\u001b[1A\u001b[0J▸ paso 2  4.0 s\n');
});

test('no drawn line is longer than the screen, or the redraw would climb too little', () => {
  let out = '';
  const view = createTreeView(
    (text) => {
      out += text;
    },
    { ...style('en'), columns: 20, rows: () => 24 },
  );
  view.update(running([step({ id: '1', title: { en: 'word '.repeat(20), es: '' } })]), at(1));
  for (const line of out.replaceAll('\u001b[0m', '').split('\n')) assert.ok([...line].length <= 20, line);
});

test('on a terminal a note is shown whole, in as many lines as it takes, and redrawn as such', () => {
  const written: string[] = [];
  const view = createTreeView((text) => written.push(text), { ...style('en'), columns: 24, rows: () => 24 });
  const held = running([step({ id: '1', notes: [{ en: 'the volume data is not on this host', es: '' }] })]);
  view.update(held, at(1));
  view.update(held, at(2));
  assert.equal(written[0], '▸ step 1  1.0 s\n    the volume data is\n    not on this host\n');
  assert.equal(written[1], `\u001b[3A\u001b[0J${written[0]?.replace('1.0', '2.0')}`);
});

test('the shell completes commands, options and choices', async () => {
  const { frame } = frameOf((cli) => {
    const noun = cli.program.command('incident');
    noun
      .command('respond')
      .argument('<incident>')
      .option('--kill')
      .action(() => undefined);
    noun.command('list').action(() => undefined);
  });
  await frame.run(['incident', 'list']);
  const names = async (argument: string): Promise<string[]> => (argument === 'incident' ? ['7', '71', '8'] : []);
  const { program } = frame.cli;
  assert.deepEqual(await complete(program, ['inc'], names), ['incident']);
  assert.deepEqual(await complete(program, ['incident', ''], names), ['respond', 'list']);
  assert.deepEqual(await complete(program, ['incident', 'respond', '7'], names), ['7', '71']);
  assert.deepEqual(await complete(program, ['incident', 'respond', '--k'], names), ['--kill']);
});

test('every flag of podman’s commands is one of ours or is refused with its reason', async () => {
  const frame = createFrame({ environment: {}, target: captured(), commands: [] });
  for (const unit of COMMANDS) await unit.add(frame.cli, frame);
  const refused: string[] = [];
  addHabits(frame.cli.program, (flag) => new RangeError(flag));
  for (const [name, flags] of Object.entries(PODMAN_FLAGS)) {
    const command = frame.cli.program.commands.find((one) => one.name() === name);
    const ours = new Set([...(command?.options ?? []), ...frame.cli.program.options].map(({ long }) => long));
    refused.push(...flags.split(' ').flatMap((flag) => (ours.has(`--${flag}`) ? [] : [`${name} --${flag}`])));
  }
  assert.deepEqual(refused, []);
});

test('a flag that means nothing here ends the command before anything is done', async () => {
  for (const words of [
    ['run', '--no-hosts', 'tienda/web'],
    ['exec', '--privileged', 'tienda/web', 'sh'],
    ['build', '--network', 'host', '-t', 'tienda/web', '.'],
    ['cp', '-a', 'tienda/web:/etc', '.'],
  ]) {
    const target = captured();
    const frame = createFrame({ environment: {}, target, commands: COMMANDS });
    const own = words[0] === 'run' || words[0] === 'exec';
    assert.equal(await frame.run(words), own ? 125 : 2, words.join(' '));
    assert.match(target.error, /means nothing here|cannot be honoured/, words.join(' '));
  }
});

test('each unit of commands adds exactly the words it is listed with', async () => {
  for (const unit of COMMANDS) {
    const target = captured();
    const frame = createFrame({ environment: {}, target, commands: [] });
    await unit.add(frame.cli, frame);
    assert.deepEqual(
      frame.cli.program.commands.map((command) => command.name()),
      [...unit.words],
    );
  }
});

test('a call loads the commands it speaks of, whatever options stand before', () => {
  const units: CommandUnit[] = [
    { words: ['up'], add: async () => undefined },
    { words: ['ps'], add: async () => undefined },
    { words: ['__complete'], needsAll: true, add: async () => undefined },
  ];
  assert.deepEqual(unitsFor(['--json', '--instance', 'up', 'ps'], units), [units[1]]);
  assert.deepEqual(unitsFor(['__complete', 'up'], units), units);
  assert.deepEqual(unitsFor(['--help'], units), units);
  assert.deepEqual(unitsFor(['wrong'], units), units);
});

test('the verifier of evidence is written where -o says, which the program itself reads first', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-verifier-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const target = captured();
  const file = join(folder, 'verify.mjs');
  const code = await createFrame({ environment: {}, target, commands: COMMANDS }).run([
    'evidence',
    'verifier',
    '-o',
    file,
  ]);
  assert.equal(code, 0, target.error);
  assert.ok((await stat(file)).size > 1_000);
});

test('--version alone is the command of that name, and an option of every other command', () => {
  assert.deepEqual(namedVersion(['--version']), ['version']);
  assert.deepEqual(namedVersion(['--json', '-V']), ['--json', 'version']);
  assert.deepEqual(namedVersion(['--instance', 'one', '--version']), ['--instance', 'one', 'version']);
  assert.deepEqual(namedVersion(['run', 'image', '--version']), ['run', 'image', '--version']);
  assert.deepEqual(namedVersion(['--version', '--help']), ['--version', '--help']);
});

test('help speaks Spanish where the locale does', async () => {
  const { frame } = frameOf(
    (cli) => {
      cli.program
        .command('ls')
        .option('--all', 'todo')
        .action(() => undefined);
    },
    { LANG: 'es_ES.UTF-8' },
  );
  await frame.run(['ls']);
  const help = frame.cli.program.helpInformation();
  for (const word of ['Uso:', 'Opciones:', 'Órdenes:', '[opciones]', '[orden]']) assert.ok(help.includes(word), word);
  for (const word of ['Usage', 'Options', 'Commands', '[options]', 'display help'])
    assert.ok(!help.includes(word), word);
});

test('the way out names the instance that the caller named', () => {
  const text = { what: 'x', remedy: 'darsena status   (is it running?), sudo darsena up' };
  assert.equal(forInstance(text, undefined), text);
  assert.equal(
    forInstance(text, 't1').remedy,
    'darsena --instance t1 status   (is it running?), sudo darsena --instance t1 up',
  );
});

test('every command that is printed names the instance that the caller named, and what others wrote stays as it is', async () => {
  const say = (cli: CliProgram) => {
    cli.program.command('show').action(() => {
      const { print } = cli;
      print.line({ en: 'next: darsena deploy FOLDER', es: 'siguiente: darsena deploy CARPETA' });
      print.line('  darsena incident close 1 --reason "…"');
      print.line(`  isolate – user:ana: darsena incident approve 1 isolate`);
      print.line('12:00 Terminal shell: sh ran /opt/darsena up and darsena up');
      print.note('shop/web: it waits; darsena host uncordon ends it');
      print.result('darsena down');
      print.result({ en: 'a: darsena up', es: 'a: darsena up' });
      print.table(
        [
          { title: { en: 'a', es: 'a' }, value: ({ text }) => text },
          { title: { en: 'b', es: 'b' }, value: ({ text }) => text, own: true },
        ],
        [{ text: 'darsena logs' }],
      );
      print.table([], [], { empty: { en: 'none: darsena up', es: 'nada: darsena up' } });
      print.json({ remedy: 'darsena up' });
    });
  };
  const printed = async (...words: string[]): Promise<string> => {
    const { frame, target } = frameOf(say);
    assert.equal(await frame.run([...words, 'show']), 0);
    return target.out + target.error;
  };
  const plain = await printed();
  assert.doesNotMatch(plain, /--instance/);
  const named = await printed('--instance', 't1');
  for (const line of [
    'next: darsena --instance t1 deploy FOLDER',
    '  darsena --instance t1 incident close 1 --reason "…"',
    '  isolate – user:ana: darsena --instance t1 incident approve 1 isolate',
    '12:00 Terminal shell: sh ran /opt/darsena up and darsena up',
    'shop/web: it waits; darsena --instance t1 host uncordon ends it',
    'darsena down',
    'a: darsena --instance t1 up',
    'darsena logs  darsena --instance t1 logs',
    'none: darsena --instance t1 up',
    '  "remedy": "darsena up"',
  ])
    assert.ok(named.split('\n').includes(line), `${line}\n${named}`);
  const json = await printed('--instance', 't1', '--json');
  assert.doesNotMatch(json.replace(/^shop.*$/m, ''), /--instance/);
});

test('progress names the instance in its details and notes', () => {
  let out = '';
  const named = { ...style('en'), command: (text: string) => text.replace('darsena ', 'darsena --instance t1 ') };
  const view = createLineView((text) => {
    out += text;
  }, named);
  const hint = { en: 'NOT READY: darsena logs control', es: '' };
  view.end(running([step({ id: '1', state: 'failed', detail: hint, notes: [hint] })]), at(1));
  assert.equal(out.match(/darsena --instance t1 logs control/g)?.length, 2, out);
});

test('looking at what does not run says so, with what does', () => {
  const running = [
    { project: 'tienda', environment: 'dev', name: 'web' },
    { project: 'bank', environment: 'prod', name: 'api' },
  ];
  const warn = (project: string | null, environment: string | null, workload: string | null, all = running) =>
    warningOfNothing(all, { project, environment, workload })?.en ?? null;
  assert.equal(warn('tienda', null, 'web'), null);
  assert.equal(warn(null, 'prod', null), null);
  assert.match(warn('tienda', null, 'wbe') ?? '', /^warning: tienda\/wbe does not run now; .*: tienda\/web \(dev\)$/);
  assert.match(warn('tienda', 'prod', 'web') ?? '', /^warning: tienda\/web \(prod\) does not .*: tienda\/web \(dev\)$/);
  assert.match(warn('nope', null, 'x') ?? '', /: tienda\/web \(dev\), bank\/api \(prod\)$/);
  assert.match(warn(null, 'test', null, []) ?? '', /^warning: test does not run now; .*: nothing$/);
});

test('an error without why or way out is one line', () => {
  const plain = (_kind: string, text: string): string => text;
  assert.equal(formatError({ what: 'x' }, 'en', plain), 'error: x\n');
  assert.ok(systemClock.now() instanceof Date);
});

test('events are filtered as docker does: one of the values of a key, and every key', () => {
  const fact = { kind: 'workload.exec-opened', project: 'tienda', subject: 'tienda/dev/web', actor: 'user:ana' };
  const passes = (...filters: string[]) =>
    filterOf(filters)(fact as unknown as Parameters<ReturnType<typeof filterOf>>[0]);
  assert.ok(passes());
  assert.ok(passes('kind=workload.*', 'kind=image.pushed', 'project=tienda', 'workload=dev/web'));
  assert.ok(!passes('kind=workload.exec'), 'the whole kind, unless a star says more');
  assert.ok(passes('container=tienda/web'), 'without its environment, as people name it');
  assert.ok(!passes('container=tienda/we/b') && !passes('workload=shop/web'));
  assert.ok(!passes('kind=workload.*', 'project=other'));
  assert.ok(!passes('actor=user.ana'), 'a dot is a dot');
  assert.throws(() => passes('colour=red'), { code: 'cli.event-filter' });
  // docker's own kinds would be silence for ever.
  for (const kind of ['event=start', 'type=container', 'kind=die'])
    assert.throws(() => passes(kind), { code: 'cli.event-kind' });
  assert.throws(() => passes('kind'), { code: 'cli.event-filter' });
});

test('sizes and variables of run are read as docker reads them', () => {
  assert.deepEqual(
    ['512m', '1g', '100', '1.5k', '2GiB'].map(readSize),
    [536_870_912, 1_073_741_824, 100, 1_536, 2_147_483_648],
  );
  assert.throws(() => readSize('lots'), { code: 'cli.run-value' });
  assert.equal(readTmpfs('/run'), '/run');
  assert.throws(() => readTmpfs('/run:size=64m'), { code: 'cli.run-flag' });
  assert.deepEqual(variablesOf(['A=b=c', 'NO_SUCH_VARIABLE_HERE', 'B=']), [
    { name: 'A', value: 'b=c' },
    { name: 'B', value: '' },
  ]);
});

test('a file or a port of the caller that cannot be used is named with the reason, in both languages', async () => {
  const failures: readonly [() => Promise<unknown>, RegExp, RegExp][] = [
    [
      () => readVariables('/nowhere/at/all'),
      /cannot use \/nowhere\/at\/all\n {2}because: it is not there/,
      /no existe/,
    ],
    [() => readVariables('/'), /because: it is a folder/, /es una carpeta/],
    [
      async () => {
        const first = createServer();
        await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
        const { port } = first.address() as AddressInfo;
        const second = createServer();
        try {
          await new Promise<void>((resolve, reject) => {
            second.once('error', reject);
            second.listen(port, '127.0.0.1', resolve);
          });
        } finally {
          first.close();
        }
      },
      /cannot listen at 127\.0\.0\.1:\d+\n {2}because: another program has this port\n {2}way out: /,
      /otro programa tiene ese puerto/,
    ],
  ];
  for (const [act, english, spanish] of failures) {
    for (const [LANG, expected] of [['en', english] as const, ['es', spanish] as const]) {
      const { frame, target } = frameOf(
        (cli) => void cli.program.command('go').action(async () => void (await act())),
        {
          LANG,
        },
      );
      assert.equal(await frame.run(['go']), 1);
      assert.match(target.error, expected);
    }
  }
});

test('an option with a value it does not take says what it takes', async () => {
  const add = (cli: CliProgram): void =>
    void cli.program.command('go').addOption(new Option('-a, --as <form>').choices(['tree', 'list']));
  const english = frameOf(add);
  assert.equal(await english.frame.run(['go', '--as', "o'dd"]), 2);
  assert.match(
    english.target.error,
    /^error: --as does not take "o'dd"\n {2}because: expected tree, list\n {2}way out: darsena go --help\n$/,
  );
  const spanish = frameOf(add, { LANG: 'es' });
  assert.equal(await spanish.frame.run(['go', '--as', 'x']), 2);
  assert.match(spanish.target.error, /^error: --as no admite "x"\n {2}porque: se esperaba tree, list\n/);
});

test('options that Node has too reach the command and nobody else', async () => {
  const launcher = fileURLToPath(new URL('../../../darsena', import.meta.url));
  const { code, stdout, stderr } = await runCommand(
    launcher,
    ['--json', 'run', '--env-file', '/nowhere/at/all', 'a/b'],
    {
      timeoutMs: 60_000,
      env: { PATH: process.env['PATH'] ?? '', DARSENA_INSTANCE: 'none-of-this-name' },
    },
  );
  assert.equal(code, 125, stderr);
  assert.match(stdout, /"code": "cli\.file"/, `${stdout}${stderr}`);
});

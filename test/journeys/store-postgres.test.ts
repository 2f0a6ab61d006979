import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readPidFile } from '../../src/programs/setup/processes.ts';
import { writeBoat } from './boat.ts';
import { eventually, type Ground, missingPart, openGround } from './ground.ts';

// A whole instance whose control keeps its state in PostgreSQL: the same commands, the same answers.

const VERSIONS = '/usr/lib/postgresql';
const BIN = existsSync(VERSIONS) ? join(VERSIONS, readdirSync(VERSIONS).sort().at(-1) ?? '', 'bin') : null;
const skip =
  (await missingPart(['busybox', 'buildah'])) || (BIN === null ? 'needs PostgreSQL, as in Debian’s postgresql' : false);

/** PostgreSQL of its own on loopback, as its own user: it refuses to run as root. */
class Postgres {
  readonly folder: string;
  readonly port: number;
  readonly #process: ChildProcess;

  constructor(folder: string, port: number, process: ChildProcess) {
    this.folder = folder;
    this.port = port;
    this.#process = process;
  }

  static async start(): Promise<Postgres> {
    const folder = await mkdtemp(join(tmpdir(), 'darsena-postgres-'));
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    const user = { uid: id('-u'), gid: id('-g'), cwd: folder };
    await chown(folder, user.uid, user.gid);
    const data = join(folder, 'data');
    // A locale with its own idea of order: pages and chains must not follow it.
    const locale = ['--encoding=UTF8', '--locale-provider=icu', '--icu-locale=es'];
    execFileSync(join(BIN ?? '', 'initdb'), ['-D', data, '-U', 'darsena', '--auth=trust', '--no-sync', ...locale], {
      ...user,
      stdio: 'ignore',
    });
    const port = await freePort();
    const options = ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'];
    const process = spawn(join(BIN ?? '', 'postgres'), options, { ...user, stdio: 'ignore' });
    const started = new Postgres(folder, port, process);
    await eventually('PostgreSQL answers', async () => {
      try {
        return started.query('SELECT 1') === '1';
      } catch {
        return false;
      }
    });
    return started;
  }

  get url(): string {
    return `postgres://darsena@127.0.0.1:${this.port}/postgres`;
  }

  urlOf(database: string): string {
    return this.url.replace(/postgres$/, database);
  }

  query(sql: string): string {
    return execFileSync(join(BIN ?? '', 'psql'), ['--no-psqlrc', '-At', '-c', sql, this.url], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGINT');
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

suite('an instance on PostgreSQL', { skip, timeout: 300_000 }, () => {
  let ground: Ground;
  let postgres: Postgres;
  let source: string;
  let address: string;

  before(async () => {
    ground = await openGround();
    postgres = await Postgres.start();
    source = await writeBoat(ground.folder, 'uno');
  });
  after(async () => {
    await ground.close();
    await postgres.stop();
  });

  /** `up` with the address in a file, as whoever runs it keeps it. */
  async function upWith(url: string, ...more: string[]) {
    const file = join(ground.folder, 'database-url');
    await writeFile(file, `${url}\n`, { mode: 0o600 });
    return ground.darsena('up', '--yes', '--json', '--database-file', file, ...more);
  }

  test('a database that cannot be used is named with the reason before anything is made', async () => {
    postgres.query('CREATE DATABASE theirs');
    execFileSync(join(BIN ?? '', 'psql'), ['-c', 'CREATE TABLE invoices (id int)', postgres.urlOf('theirs')]);
    postgres.query("CREATE ROLE guest LOGIN PASSWORD 'hunter2-secret'");
    const cases: [string, number, RegExp][] = [
      ['mysql://x@localhost/y', 2, /is not the address of a PostgreSQL database/],
      [`postgres://darsena:hunter2-secret@127.0.0.1:${await freePort()}/postgres`, 1, /ECONNREFUSED/],
      [postgres.urlOf('missing'), 1, /database "missing" does not exist/],
      [postgres.urlOf('theirs'), 1, /has tables already \(invoices\)/],
      [postgres.url.replace('darsena@', 'guest:hunter2-secret@'), 5, /may not create in its schema/],
    ];
    for (const [url, wanted, words] of cases) {
      const { code, stdout, stderr } = await upWith(url);
      assert.equal(code, wanted, stderr);
      assert.match(stderr, words);
      assert.doesNotMatch(stdout + stderr, /hunter2-secret/);
      assert.equal(existsSync(ground.files.description), false);
    }
  });

  test('control makes its tables there from the first up, and is well', async (t) => {
    const began = performance.now();
    const { code, stderr } = await upWith(postgres.url);
    assert.equal(code, 0, stderr);
    const stored = await stat(ground.files.control.settings);
    assert.deepEqual([stored.mode & 0o777, stored.uid], [0o600, (await ground.instance()).users.control.uid]);
    assert.equal(existsSync(ground.files.control.database), false, 'no SQLite beside it');
    t.diagnostic(`up with every migration: ${Math.round(performance.now() - began)} ms`);
    const tables = postgres.query("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'");
    for (const room of ['journal', 'access', 'registry', 'scan', 'trust', 'admit', 'deploy', 'respond']) {
      assert.match(tables, new RegExp(`\\b${room}_`), room);
    }
    const { parts } = (await ground.darsena('status', '--json')).json<{
      parts: { name: string; state: string; detail: { en: string } | null }[];
    }>();
    const database = parts.find(({ name }) => name === 'database');
    assert.equal(database?.state, 'ok');
    assert.equal(database?.detail?.en, `PostgreSQL, 127.0.0.1:${postgres.port}/postgres`);
    assert.equal(parts.find(({ name }) => name === 'agent')?.state, 'ok');
  });

  test('a second up keeps the database, named or not; no other one is taken, and nobody else gets this one', async () => {
    assert.equal((await ground.darsena('up', '--yes')).code, 0);
    const same = await upWith(postgres.url);
    assert.equal(same.code, 0, same.stderr);
    assert.deepEqual(same.json<{ started: string[] }>().started, []);
    postgres.query('CREATE DATABASE empty');
    const moved = await upWith(postgres.urlOf('empty'));
    assert.equal(moved.code, 1);
    assert.match(moved.stderr, /does not move to the database/);
    const other = await upWith(postgres.url, '--instance', `${ground.name}x`);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /has tables already \(.*and not this instance’s mark/);
  });

  test('a project goes the whole way', async (t) => {
    const began = performance.now();
    const { code, stdout, stderr } = await ground.darsena('deploy', source);
    assert.equal(code, 0, `${stdout}${stderr}`);
    t.diagnostic(`deploy: ${Math.round(performance.now() - began)} ms`);
    address = /^https:\/\/web-bote-dev\.\S+$/m.exec(stdout)?.[0] ?? assert.fail(stdout);
    assert.equal((await ground.fetch(address)).text, 'uno\n');
    await writeFile(join(source, 'web', 'index.html'), 'dos\n');
    assert.equal((await ground.darsena('deploy', source)).code, 0);
    await eventually('the second release serves', async () => (await ground.fetch(address)).text === 'dos\n');
    assert.equal((await ground.darsena('rollback', 'bote', '--env', 'dev')).code, 0);
    await eventually('the first release serves again', async () => (await ground.fetch(address)).text === 'uno\n');
  });

  test('people, tokens and lists are as on SQLite', async () => {
    const made = await ground.darsena('user', 'create', 'bea', '--role', 'approver@bote', '--json');
    assert.equal(made.code, 0, made.stderr);
    const bea = await ground.person();
    assert.equal((await bea.darsena('login', '--code', made.json<{ code: string }>().code)).code, 0);
    const again = await bea.darsena('login', '--code', made.json<{ code: string }>().code);
    assert.equal(again.code, 5, 'a code works once');
    const token = await ground.darsena('token', 'create', 'ci', '--role', 'developer@bote', '--json');
    assert.equal(token.code, 0, token.stderr);
    for (const list of [
      ['user', 'list'],
      ['token', 'list'],
      ['project', 'list'],
      ['image', 'list'],
      ['release', 'list', 'bote'],
      ['incident', 'list'],
      ['operation', 'list'],
      ['policy', 'list'],
      ['base', 'list'],
      ['route', 'list'],
      ['advisories', 'list'],
      ['ps'],
    ]) {
      const { code, stderr, json } = await ground.darsena(...list, '--json');
      assert.equal(code, 0, `${list.join(' ')}: ${stderr}`);
      assert.ok(Array.isArray(json<{ items: unknown[] }>().items), list.join(' '));
    }
  });

  test('a killed control loses nothing, and the chain is whole', async () => {
    const before = (await ground.darsena('audit', 'verify', '--json')).json<{ state: string; facts: number }>();
    assert.equal(before.state, 'intact');
    await killControl();
    const after = await eventually('control answers', async () => {
      const { code, stdout } = await ground.darsena('audit', 'verify', '--json');
      return code === 0 ? (JSON.parse(stdout) as { state: string; facts: number }) : null;
    });
    assert.equal(after.state, 'intact');
    assert.ok(after.facts >= before.facts);
    assert.equal((await ground.fetch(address)).text, 'uno\n');
  });

  test('a record that was changed in the database is found', async () => {
    const column = postgres.query(
      "SELECT column_name FROM information_schema.columns WHERE table_name = 'journal_facts' AND column_name = 'actor'",
    );
    assert.equal(column, 'actor');
    postgres.query("UPDATE journal_facts SET actor = 'user:nobody' WHERE seq = 3");
    const { code, json } = await ground.darsena('audit', 'verify', '--json');
    assert.equal(code, 1);
    assert.deepEqual(
      [json<{ state: string }>().state, json<{ firstBad: { seq: number } }>().firstBad.seq],
      ['broken', 3],
    );
  });

  async function killControl(): Promise<void> {
    const path = join(ground.files.supervisors, 'control.pid');
    const old = await readPidFile(path);
    assert.ok(old !== null);
    process.kill(old.pid, 'SIGKILL');
    await eventually('the supervisor starts control again', async () => {
      const now = await readPidFile(path);
      return now !== null && now.pid !== old.pid;
    });
  }
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sql } from 'kysely';
import { createApi } from '../../src/access/index.ts';
import {
  Admit,
  type AdmitTables,
  admitMigrations,
  NO_SCAN,
  NO_WORKLOAD,
  PRESETS_FOLDER,
  readPolicies,
} from '../../src/admit/index.ts';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { Fault, type OpenedDatabase, openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey } from '../../src/trust/index.ts';

const VERSIONS = '/usr/lib/postgresql';
const version = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().at(-1) : undefined;
const bin = version === undefined ? null : join(VERSIONS, version, 'bin');
const skip = bin === null || process.getuid?.() !== 0 ? 'needs PostgreSQL and root' : false;

/** How soon a refusal has to be there where the bound is two or five seconds: machines are shared. */
const SOON_MS = 30_000;

describe('admission on PostgreSQL that does not answer', { skip }, () => {
  let folder: string;
  let postgres: ChildProcess;
  let opened: OpenedDatabase<AdmitTables>;
  let other: OpenedDatabase<AdmitTables>;
  let admit: Admit;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'admit-postgres-'));
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
    const user = { uid: id('-u'), gid: id('-g'), cwd: folder };
    await chown(folder, user.uid, user.gid);
    const data = join(folder, 'data');
    const options = ['-D', data, '-U', 'test', '--auth=trust', '--encoding=UTF8', '--no-sync'];
    execFileSync(join(bin ?? '', 'initdb'), options, { ...user, stdio: 'ignore' });
    const port = await freePort();
    const listen = ['-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'];
    postgres = spawn(join(bin ?? '', 'postgres'), ['-D', data, ...listen], { ...user, stdio: 'ignore' });
    const migrations = [...journalMigrations, ...admitMigrations];
    const url = `postgres://test@127.0.0.1:${port}/postgres`;
    for (let attempt = 0; ; attempt++) {
      try {
        opened = await openDatabase<AdmitTables>(url, migrations);
        break;
      } catch (error) {
        if (attempt > 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
    other = await openDatabase<AdmitTables>(url, migrations);
    const { privateKey } = generateKeyPairSync('ed25519');
    const checkpointKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const db = opened.db;
    const journal = new Journal({
      ...{ db: db as never, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k' },
    });
    const { key } = generateSigningKey(randomBytes(32));
    admit = new Admit({ db, journal, clock: systemClock, policies: await readPolicies(PRESETS_FOLDER), key });
  });
  after(async () => {
    await opened?.close();
    await other?.close();
    if (postgres !== undefined) {
      signalAll(postgres, 'SIGCONT');
      const ended = new Promise((resolve) => postgres.once('exit', resolve));
      postgres.kill('SIGINT');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  const question = {
    door: 'start',
    admission: {
      ...{ documents: [], statements: [], host: { known: true, issues: [] } },
      image: {
        ...{ digest: `sha256:${'a'.repeat(64)}`, repository: 'tienda/web', project: 'tienda' },
        ...{ tags: [], ageDays: 0, sizeBytes: 1 },
      },
      scan: { ...NO_SCAN, state: 'complete', hasAdvisories: true, advisoriesAgeDays: 0 },
      signatures: {
        ...{ imageVerified: true, imageSigners: ['r'], provenanceVerified: true, provenanceSigners: ['b'] },
        unmetDemands: [],
      },
      workload: NO_WORKLOAD,
      environment: { name: 'dev', class: 'development', runs: false },
    },
    ...{ specHash: 'sha256:spec', actor: 'user:ana', subject: 'tienda/dev/web' },
  } as const;
  const kept = async (): Promise<number> => (await admit.verdicts({ project: 'tienda', limit: 100 })).length;

  it('nothing starts while its server is stopped, and who asks is told why; afterwards all goes on', async (t) => {
    assert.equal((await admit.judge([question]))[0]?.decision, 'allow');
    const before = await kept();
    signalAll(postgres, 'SIGSTOP');
    // More of them than the pool has connections.
    const asked = Array.from({ length: 12 }, () => admit.judge([question]));
    const began = performance.now();
    const answers = await Promise.allSettled([...asked, admit.preview(question)]);
    const tookMs = performance.now() - began;
    t.diagnostic(`refused after ${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs < SOON_MS, `${tookMs} ms`);
    signalAll(postgres, 'SIGCONT');
    for (const one of answers) assert.ok(one.status === 'rejected' && isNo(one.reason), JSON.stringify(one));
    assert.equal((await admit.judge([question]))[0]?.decision, 'allow');
    assert.equal(await kept(), before + 1, 'nothing of what was refused is kept');
  });

  it('nothing starts while a session holds what the verdict is written to', async () => {
    const before = await kept();
    await other.db
      .transaction()
      .execute(async (tx) => {
        await tx.schema.alterTable('admit_verdicts').addColumn('held', 'text').execute();
        await assert.rejects(admit.judge([question]), isNo);
        // Its session ends as well: refused ones would fill the server while the table is held.
        const deadline = Date.now() + 60_000;
        for (let waiting = 1; waiting > 0; ) {
          const { rows } = await sql<{ n: number }>`
            select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`.execute(tx);
          waiting = rows[0]?.n ?? assert.fail('sessions are counted');
          assert.ok(Date.now() < deadline, `${waiting} sessions wait on`);
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
        throw new Error('held long enough');
      })
      .catch((error: Error) => assert.equal(error.message, 'held long enough'));
    assert.equal((await admit.judge([question]))[0]?.decision, 'allow');
    assert.equal(await kept(), before + 1);
  });

  it('a request whose sender is asked of a silent database is refused, and not left waiting', async () => {
    const app = createApi({
      ...{ instance: 'test', log: silentLog },
      authenticate: async () => {
        await opened.db.selectFrom('admit_verdicts').select('id').limit(1).execute();
        return { id: 'p', actor: 'user:ana', kind: 'user', name: 'ana', tokenId: null, grants: [] };
      },
    });
    app.route({ method: 'GET', url: '/x', config: { action: 'any' }, schema: {}, handler: async () => ({}) });
    await app.ready();
    const send = () => app.inject({ method: 'GET', url: '/x', headers: { authorization: 'Bearer x' } });
    assert.equal((await send()).statusCode, 200);
    signalAll(postgres, 'SIGSTOP');
    const silent = await send();
    signalAll(postgres, 'SIGCONT');
    assert.equal(silent.statusCode, 503, silent.body);
    assert.match(silent.body, /system\.database-silent/);
    assert.equal((await send()).statusCode, 200);
    await app.close();
  });
});

function isNo(error: unknown): boolean {
  if (error instanceof Fault && error.code === 'admit.no-answer') return true;
  throw new Error('expected admit.no-answer', { cause: error });
}

/** Each session of PostgreSQL is a process of its own, below the one that listens. */
function signalAll(postgres: ChildProcess, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const pid = postgres.pid ?? assert.fail('PostgreSQL has a pid');
  const below = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  for (const one of [pid, ...below.trim().split(/\s+/).map(Number)]) {
    try {
      process.kill(one, signal);
    } catch (error) {
      // A session that was just closed may end meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

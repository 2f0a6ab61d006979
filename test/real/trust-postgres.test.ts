import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
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
import { digestOf } from '../../src/oci/index.ts';
import { Respond, type RespondTables, readAlert, respondMigrations } from '../../src/respond/index.ts';
import { newId, type OpenedDatabase, openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey, NO_SIGNATURES, Trust, type TrustTables, trustMigrations } from '../../src/trust/index.ts';

const versions = '/usr/lib/postgresql';
const bin = existsSync(versions) ? join(versions, readdirSync(versions).sort().at(-1) ?? '', 'bin') : null;

/** PostgreSQL refuses to run as root, so its files and process belong to its own user. */
function postgresIds(): { uid: number; gid: number } | null {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));
    return process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : null;
  } catch {
    return null;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const ids = postgresIds();
const skip = bin === null || ids === null ? 'needs PostgreSQL from Debian and root (to run it as its own user)' : false;
const digest = digestOf(Buffer.from('image'));

describe('trust, admit and respond on PostgreSQL', { skip }, () => {
  let folder: string;
  let postgres: ChildProcess;
  let opened: OpenedDatabase<TrustTables & AdmitTables & RespondTables>;
  let journal: Journal;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trust-postgres-'));
    const { uid, gid } = ids ?? assert.fail();
    await chown(folder, uid, gid);
    const data = join(folder, 'data');
    const options = ['-D', data, '-U', 'test', '--auth=trust', '--encoding=UTF8', '--no-sync'];
    execFileSync(join(bin ?? '', 'initdb'), options, { uid, gid, stdio: 'ignore', cwd: folder });
    const port = await freePort();
    postgres = spawn(
      join(bin ?? '', 'postgres'),
      ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'],
      { uid, gid, stdio: 'ignore', cwd: folder },
    );
    const migrations = [...journalMigrations, ...trustMigrations, ...admitMigrations, ...respondMigrations];
    for (let attempt = 0; ; attempt++) {
      try {
        opened = await openDatabase(`postgres://test@127.0.0.1:${port}/postgres`, migrations);
        break;
      } catch (error) {
        if (attempt > 50) throw error;
        await systemClock.sleep(200);
      }
    }
    const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({
      format: 'pem',
      type: 'pkcs8',
    }) as string;
    journal = new Journal({
      ...{ db: opened.db as never, clock: systemClock, log: silentLog },
      ...{ checkpointKeyPem, keyId: 'test' },
    });
  });

  after(async () => {
    await journal?.close();
    await opened?.close();
    const ended = new Promise((resolve) => postgres.once('exit', resolve));
    postgres.kill('SIGTERM'); // "smart": waits for the connections that are just closing
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  it('keys lie sealed and open again', async () => {
    const options = {
      ...{ db: opened.db as never, journal, clock: systemClock, masterKey: randomBytes(32) },
      signatures: {
        repositoriesOf: async () => [],
        describe: async () => null,
        signaturesOf: async () => NO_SIGNATURES,
        putReferrer: async () => undefined,
        bundlesStating: async () => [],
        removeReferrer: async () => undefined,
        putSimpleSigning: async () => digestOf(new Uint8Array()),
      },
    };
    const made = await new Trust(options).ensureKey('release', ['image']);
    assert.equal((await new Trust(options).signingKey('release')).id, made.id);
    await new Trust(options).revokeKey('release', 'user:ana');
    assert.notEqual((await new Trust(options).keys())[0]?.revokedAt, null);
  });

  it('verdicts and exceptions are found as they were written', async () => {
    const policies = await readPolicies(PRESETS_FOLDER);
    const { key } = generateSigningKey(randomBytes(32));
    const admit = new Admit({ db: opened.db as never, journal, clock: systemClock, policies, key });
    const admission = {
      image: { digest, repository: 'tienda/web', project: 'tienda', tags: [], ageDays: 0, sizeBytes: 1 },
      scan: NO_SCAN,
      signatures: {
        imageVerified: true,
        imageSigners: [],
        provenanceVerified: true,
        provenanceSigners: [],
        unmetDemands: [],
      },
      workload: NO_WORKLOAD,
      environment: { name: 'prod', class: 'production', runs: false },
      statements: [],
      documents: [],
    } as const;
    const question = {
      door: 'start',
      admission,
      specHash: 's',
      actor: 'user:ana',
      subject: 'tienda/prod/web',
    } as const;
    const [verdict] = await admit.judge([question]);
    assert.equal(verdict?.decision, 'refuse');
    const query = { project: 'tienda', digest, environment: 'prod', specHash: 's' };
    assert.deepEqual(await admit.current(query), verdict);
    assert.equal(await admit.current({ ...query, specHash: null }), null);
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const scope = { digest, repository: null, package: null };
    const wanted = { project: 'tienda', environment: null, rule: 'scan-missing', subject: null, expiresAt, ...scope };
    const { id } = await admit.requestException({ ...wanted, reason: 'a drill on Monday' }, 'user:ana');
    await admit.approveException('tienda', id, 'user:eva');
    assert.equal((await admit.preview(question)).decision, 'warn');
  });

  it('alerts of many hosts at once become numbered incidents without gaps or doubles', async () => {
    let kills = 0;
    const respond = new Respond({
      ...{ db: opened.db as never, journal, clock: systemClock, log: silentLog },
      responder: {
        kill: async () => {
          kills += 1;
          await systemClock.sleep(50);
          return 'killed';
        },
      },
    });
    const alert = readAlert({
      ...{ id: newId(), at: new Date().toISOString(), kernelTimeNs: 1, rule: 'Terminal shell in container' },
      ...{ priority: 'notice', tags: ['shell'], output: 'A shell', outputFields: {} },
      container: {
        ...{ id: 'c', name: 'web', project: 'tienda', environment: 'dev', workload: 'web', pod: 'web-1' },
        ...{ container: 'web', image: 'tienda/web', digest },
      },
      process: {
        ...{
          pid: 300,
          ppid: 200,
          name: 'sh',
          exe: '/bin/sh',
          cmdline: 'sh',
          cwd: '/',
          uid: 0,
          tty: 1,
          startedAt: null,
        },
      },
      ancestors: [],
      source: { kind: 'rule', file: 'r.yaml', line: 1 },
    });
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, host) => respond.ingest({ ...alert, id: newId() }, `host${host}`)),
    );
    assert.deepEqual(
      outcomes.map((one) => one.incident).sort((a, b) => (a ?? 0) - (b ?? 0)),
      Array.from({ length: 12 }, (_, index) => index + 1),
    );
    const again = await Promise.allSettled([respond.ingest(alert, 'host1'), respond.ingest(alert, 'host1')]);
    assert.ok(again.some((one) => one.status === 'fulfilled'));
    assert.equal((await respond.alerts({ projects: '*', limit: 200 })).filter((one) => one.id === alert.id).length, 1);
    const both = await Promise.allSettled([
      respond.kill(1, { what: 'container', reason: null }, 'user:ana'),
      respond.kill(1, { what: 'container', reason: null }, 'user:eva'),
    ]);
    assert.equal(kills, 1);
    assert.equal(both.filter((one) => one.status === 'fulfilled').length, 1);
    await journal.settled();
    assert.equal((await journal.verify()).state, 'intact');
  });
});

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { githubClaims, startTestIssuer, type TestIssuer } from '../../src/access/identity/test-issuer.ts';
import {
  Access,
  type AccessTables,
  accessMigrations,
  PLATFORM,
  Robots,
  signInClient,
  WorkloadIdentity,
} from '../../src/access/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../../src/journal/index.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { PEOPLE, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import { type OpenedDatabase, openDatabase, silentLog, systemClock } from '../../src/system/index.ts';

const VERSIONS = '/usr/lib/postgresql';
const version = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().at(-1) : undefined;
const bin = version === undefined ? null : join(VERSIONS, version, 'bin');

/** PostgreSQL refuses to run as root; its own user must exist. */
function postgresIds(): { uid: number; gid: number } | null {
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']).toString());
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

const ids = postgresIds();
const missing =
  bin === null || ids === null || process.getuid?.() !== 0 ? 'needs PostgreSQL, its user, and root' : false;

/** One control's part of access, over a connection pool of its own. */
interface Control {
  readonly opened: OpenedDatabase<AccessTables & JournalTables>;
  readonly access: Access;
  readonly robots: Robots;
  readonly identity: WorkloadIdentity;
}

describe('access on PostgreSQL, with two controls beside one database', { skip: missing }, () => {
  let folder: string;
  let postgres: ChildProcess;
  let url: string;
  let registry: TestRegistry;
  let issuer: TestIssuer;
  let one: Control;
  let two: Control;

  async function control(): Promise<Control> {
    const migrations = [...journalMigrations, ...accessMigrations];
    const opened = await openDatabase<AccessTables & JournalTables>(`${url}/access`, migrations);
    const { privateKey } = generateKeyPairSync('ed25519');
    const checkpointKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const db = opened.db as never;
    const journal = new Journal({ db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k' });
    const access = new Access({ db, journal, clock: systemClock });
    const parts = { db, journal, clock: systemClock, changed: () => access.rightsChanged() };
    return { opened, access, robots: new Robots(parts), identity: new WorkloadIdentity(parts) };
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'access-postgres-'));
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
    url = `postgres://test@127.0.0.1:${port}`;
    for (let attempt = 0; ; attempt++) {
      try {
        registry = await startTestRegistry({ database: `${url}/postgres` });
        break;
      } catch (error) {
        if (attempt > 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
    execFileSync(join(bin ?? '', 'createdb'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'test', 'access']);
    one = await control();
    two = await control();
    await one.access.ensureAdministrator('root');
    const authority = createAuthority({ name: 'issuer CA', clock: systemClock });
    const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
    issuer = await startTestIssuer({ key: issued.privateKeyPem, cert: issued.certificatePem });
    issuer.addKey('RS256', 'k');
    const own = { jwksUrl: null, jwks: null, caPem: authority.certificatePem, networks: ['127.0.0.0/8'], reuse: false };
    await one.identity.addIssuer({ name: 'forge', url: issuer.url, audience: 'darsena', ...own }, 'user:root');
  });
  after(async () => {
    for (const each of [one, two]) {
      each?.access.close();
      await each?.opened.close();
    }
    await registry?.close();
    await issuer?.close();
    if (postgres !== undefined) {
      const ended = new Promise((resolve) => postgres.once('exit', resolve));
      postgres.kill('SIGINT');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('R5: of many creators of one tag in transactions side by side one wins, and nobody moves it', async () => {
    const config = Buffer.from('{}');
    const repository = 'tienda/race';
    const by = PEOPLE.get('dora') ?? assert.fail();
    await registry.registry.putBlob(repository, config, digestOf(config));
    for (let round = 0; round < 30; round += 1) {
      const bodies = Array.from({ length: 8 }, (_, n) =>
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            mediaType: MEDIA_TYPE.manifest,
            config: { mediaType: MEDIA_TYPE.empty, digest: digestOf(config), size: config.byteLength },
            layers: [],
            annotations: { round: String(round), n: String(n) },
          }),
        ),
      );
      const options = { reference: { tag: `t${round}` }, by, mayMoveTag: false };
      const results = await Promise.allSettled(
        bodies.map((body) => registry.registry.manifests.put(repository, body, MEDIA_TYPE.manifest, options)),
      );
      const winners = results.flatMap((result, n) => (result.status === 'fulfilled' ? [n] : []));
      assert.equal(winners.length, 1, `round ${round}`);
      for (const result of results) {
        if (result.status === 'rejected') assert.equal(result.reason.code, 'registry.tag-exists');
      }
      const stored = await registry.registry.resolve(repository, `t${round}`);
      assert.equal(stored?.digest, digestOf(bodies[winners[0] ?? -1] ?? config));
    }
  });

  it('a workload’s token counts once, whichever control it is shown to, also at the same moment', async () => {
    const rule = { name: 'ci', issuer: 'forge', claims: [{ claim: 'sub', value: githubClaims.sub }], minutes: 5 };
    await one.identity.addRule({ ...rule, project: 'tienda', rights: ['pusher'], repositories: [] }, PLATFORM);
    for (let round = 0; round < 10; round += 1) {
      const token = await issuer.sign(githubClaims);
      const shown = [one, two, one, two].map(({ identity }) => identity.exchange(token, { project: null }));
      const results = await Promise.allSettled(shown);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1, `round ${round}`);
    }
  });

  it('W3: what one control takes away is refused by the other within a second, and its open streams are told', async (t) => {
    const rights = { rights: ['pusher'], repositories: [], days: 1 };
    const { secret } = await one.robots.create({ project: 'tienda', name: 'ci', ...rights }, PLATFORM);
    const client = { name: 'tienda+ci', secret, source: '192.0.2.1' };
    const principal = await signInClient(two, client);
    assert.notEqual(await two.access.current(principal), null);
    const told = new Promise<number>((resolve) => {
      two.access.watch(principal, (now) => {
        if (now === null) resolve(performance.now());
      });
    });
    const started = performance.now();
    await one.robots.delete('tienda', 'ci', PLATFORM);
    const tookMs = (await told) - started;
    t.diagnostic(`${tookMs.toFixed(0)} ms`);
    assert.ok(tookMs < 1_000, `${tookMs} ms`);
    assert.equal(await two.access.current(principal), null);
    await assert.rejects(signInClient(two, client), { kind: 'unauthenticated' });
  });

  it('a rule that goes while tokens are given leaves none of them good', async () => {
    for (let round = 0; round < 10; round += 1) {
      const name = `gone-${round}`;
      const sub = `repo:acme/shop:environment:${name}`;
      const rule = { name, issuer: 'forge', claims: [{ claim: 'sub', value: sub }], minutes: 5 };
      await one.identity.addRule({ ...rule, project: 'tienda', rights: ['pusher'], repositories: [] }, PLATFORM);
      const tokens = await Promise.all(Array.from({ length: 4 }, () => issuer.sign({ ...githubClaims, sub })));
      const given = tokens.map((token) => two.identity.exchange(token, { project: null }));
      await one.identity.removeRule('tienda', name, 'user:root');
      for (const result of await Promise.allSettled(given)) {
        if (result.status !== 'fulfilled') continue;
        await assert.rejects(two.access.authenticate(result.value.secret), { code: 'access.token-invalid' });
      }
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

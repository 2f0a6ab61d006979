/**
 * T1 and T3 for alerts and evidence. A process stores both in a database and a folder on the disk and says what it stored; it is
 * killed at random, or its disk is full. What it acknowledged is there, and nothing is half there.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { Alert } from '../../src/detect/index.ts';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { type EvidenceManifest, MANIFEST_TYPE } from '../../src/respond/evidence/format.ts';
import { EvidenceStore, Respond, type RespondTables, respondMigrations } from '../../src/respond/index.ts';
import { Fault, type Json, newId, openDatabase, runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey, signRecord } from '../../src/trust/index.ts';

/** T1 asks for 1,000. */
const ROUNDS = Number(process.env['DARSENA_ROUNDS'] ?? (process.env['DARSENA_SOAK'] === '1' ? 1_000 : 6));
const BATCH = 50;
/** Alerts are of so many containers, so that some incidents fill up. */
const CONTAINERS = 3;
const EVERY_MS = 20;
const WAIT_MS = 60_000;
const [, , mode, folderArgument = ''] = process.argv;

function makeAlert(place: number): Alert {
  const process = { pid: place + 1, ppid: 1, name: 'sh', exe: '/bin/sh', cmdline: 'sh', cwd: '/' };
  return {
    ...{ id: newId(systemClock), at: systemClock.now().toISOString(), kernelTimeNs: place, rule: `Rule ${place % 7}` },
    ...{ priority: 'warning', tags: ['t'], output: 'x'.repeat(500), outputFields: {}, ancestors: [] },
    process: { ...process, uid: 0, tty: 0, startedAt: null },
    container: {
      ...{ id: String(place % CONTAINERS).repeat(64), name: 'web', project: 'tienda', environment: 'dev' },
      ...{ workload: 'web', pod: 'p', container: 'web', image: null, digest: null },
    },
    source: { kind: 'rule', file: 'r', line: 1 },
    ...(place % 11 === 0 ? { count: 3 } : {}),
  };
}

async function openStores(folder: string) {
  const opened = await openDatabase<RespondTables>(`sqlite:${join(folder, 'db')}`, [
    ...journalMigrations,
    ...respondMigrations,
  ]);
  const { key } = generateSigningKey(Buffer.alloc(32, 1));
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: await readFile(join(folder, '..', 'journal.pem'), 'utf8'),
  });
  const respond = new Respond({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog },
    responder: { kill: async () => 'killed' },
  });
  const evidence = new EvidenceStore({
    ...{ db: opened.db, journal, clock: systemClock, key, instance: 'test', folder: join(folder, 'evidence') },
    taker: {
      hostKey: () => key.publicKeyPem,
      async take(host, order, receive) {
        const bytes = randomBytes(200_000);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const manifest: EvidenceManifest = {
          ...{ version: 1, id: order.id, instance: 'test', host, containerId: order.containerId, incident: null },
          ...{ requestedBy: order.requestedBy, reason: order.reason, startedAt: new Date(0).toISOString() },
          endedAt: new Date(1).toISOString(),
          freeze: { frozen: true, milliseconds: 1, pausedBefore: false, leftPaused: false, why: null },
          parts: [{ part: 'processes', state: 'whole', why: null }],
          archive: { sha256, bytes: bytes.length },
          files: [],
        };
        await receive(Readable.from([bytes.subarray(0, 90_000), bytes.subarray(90_000)]));
        return signRecord(key, MANIFEST_TYPE, manifest as unknown as Json) as unknown as Json;
      },
    },
  });
  await evidence.recover();
  return { opened, journal, respond, evidence };
}

const TARGET = {
  ...{ host: 'host1', containerId: 'c'.repeat(64), incident: null, project: 'tienda', environment: 'dev' },
  ...{ workload: 'web', digest: null },
};
const HOW = { actor: 'user:ana', reason: null, keepPaused: false, copyFiles: true, packetSeconds: 0 };

if (mode === '--serve') {
  const { respond, evidence } = await openStores(folderArgument);
  console.log('ready');
  const say = (said: object): void => console.log(JSON.stringify(said));
  let place = 0;
  const store = async (): Promise<void> => {
    for (;;) {
      const batch = Array.from({ length: BATCH }, () => makeAlert(place++));
      try {
        await respond.ingestAll(batch, 'host1');
        say({ alerts: batch.map(({ id }) => id), count: batch.reduce((sum, { count = 1 }) => sum + count, 0) });
      } catch (error) {
        say({ failed: 'alerts', why: String(error) });
      }
      await systemClock.sleep(EVERY_MS);
    }
  };
  const take = async (): Promise<void> => {
    for (;;) {
      try {
        say({ evidence: (await evidence.take(TARGET, HOW, {})).id });
      } catch (error) {
        say({ failed: 'evidence', why: error instanceof Fault ? error.code : String(error) });
      }
      await systemClock.sleep(EVERY_MS);
    }
  };
  await Promise.all([store(), take()]);
} else {
  describe('alerts and evidence under faults', () => {
    interface Acknowledged {
      count: number;
      readonly evidence: Set<string>;
      readonly failures: string[];
    }

    /** Runs until `until` says so, and kills it there. */
    async function serve(
      folder: string,
      said: Acknowledged,
      until: (said: Acknowledged) => Promise<void>,
    ): Promise<void> {
      const args = ['--disable-warning=ExperimentalWarning', import.meta.filename, '--serve', folder];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => {
        errors += String(chunk);
      });
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout });
      const read = once(lines, 'close');
      const ready = Promise.withResolvers<void>();
      lines.on('line', (line) => {
        if (line === 'ready') return ready.resolve();
        // A line that the kill cut was acknowledged to nobody.
        if (!line.endsWith('}')) return;
        const {
          count = 0,
          evidence,
          failed,
          why,
        } = JSON.parse(line) as {
          count?: number;
          evidence?: string;
          failed?: string;
          why?: string;
        };
        said.count += count;
        if (evidence !== undefined) said.evidence.add(evidence);
        if (failed !== undefined) said.failures.push(`${failed}: ${why}`);
      });
      const over = new AbortController();
      try {
        await Promise.race([
          ready.promise,
          exited.then(() => assert.fail(`it ended before it was ready: ${errors}`)),
          systemClock
            .sleep(WAIT_MS, over.signal)
            .catch(() => undefined)
            .then(() => assert.ok(over.signal.aborted, `it was not ready within ${WAIT_MS} ms: ${errors}`)),
        ]);
        await until(said);
      } finally {
        over.abort();
        child.kill('SIGKILL');
        await exited;
        await read;
      }
    }

    async function ground(): Promise<{ folder: string; data: string }> {
      const folder = await mkdtemp(join(tmpdir(), 'darsena-alerts-'));
      const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
      await writeFile(join(folder, 'journal.pem'), pem);
      const data = join(folder, 'data');
      await mkdir(data);
      return { folder, data };
    }

    /** What stands is what was said, and what was not said is either whole or not there. */
    async function check(data: string, said: Acknowledged, where: string): Promise<void> {
      const db = new DatabaseSync(join(data, 'db'));
      assert.equal(db.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok', where);
      const sums = db
        .prepare(
          'select coalesce(sum(alert_count), 0) as alerts, coalesce(sum(kept_count), 0) as kept from respond_incidents',
        )
        .get() as { alerts: number; kept: number };
      const rows = db.prepare('select count(*) as n from respond_alerts').get() as { n: number };
      const facts = db.prepare("select count(*) as n from journal_facts where kind = 'alert.raised'").get() as {
        n: number;
      };
      const kept = db.prepare('select id, bytes from respond_evidence').all() as { id: string; bytes: number }[];
      db.close();
      assert.ok(sums.alerts >= said.count, `${where}: ${said.count} acknowledged, ${sums.alerts} counted`);
      // Of the batch that was under way the commit may be there and the word not.
      assert.deepEqual(
        [sums.kept, facts.n],
        [rows.n, rows.n],
        `${where}: numbers, alerts and facts are of one transaction`,
      );
      for (const id of said.evidence)
        assert.ok(
          kept.some((one) => one.id === id),
          `${where}: evidence ${id}`,
        );
      const { opened, journal, evidence } = await openStores(data);
      await journal.settled();
      const files = (await readdir(join(data, 'evidence'))).sort();
      assert.deepEqual(
        files,
        kept.map(({ id }) => `${id}.tar.gz`).sort(),
        `${where}: nothing half there after a start`,
      );
      for (const { id } of await evidence.list({ projects: '*', limit: 5 })) {
        const { manifest } = await evidence.find(id);
        const bytes = await readFile(join(data, 'evidence', `${id}.tar.gz`));
        assert.equal(createHash('sha256').update(bytes).digest('hex'), manifest.archive.sha256, `${where}: ${id}`);
      }
      await opened.close();
    }

    it(`T1: killed at random ${ROUNDS} times while alerts and evidence are stored: what was acknowledged stands, whole`, async () => {
      const { folder, data } = await ground();
      // The same seed kills after the same times; what the process does within them is the machine's.
      let seed = Number(process.env['DARSENA_SEED'] ?? 7);
      const random = (): number => {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        return seed / 2 ** 31;
      };
      const said: Acknowledged = { count: 0, evidence: new Set(), failures: [] };
      try {
        for (let round = 1; round <= ROUNDS; round++) {
          await serve(data, said, () => systemClock.sleep(20 + random() * 700));
          await check(data, said, `round ${round}`);
        }
        assert.ok(said.count > 0, 'something was acknowledged');
        assert.deepEqual(said.failures, []);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

    const skip = process.geteuid?.() === 0 ? false : 'needs root: a small disk is mounted';
    it('T3: with the disk full nothing is acknowledged that is not kept, it says why, and with room it goes on alone', {
      skip,
    }, async () => {
      const { folder, data } = await ground();
      const mount = async (...args: string[]): Promise<void> => {
        const { code, stderr } = await runCommand('mount', args, { timeoutMs: 30_000 });
        assert.equal(code, 0, stderr);
      };
      await mount('-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', data);
      const said: Acknowledged = { count: 0, evidence: new Set(), failures: [] };
      const eventually = async (what: string, holds: () => boolean): Promise<void> => {
        for (const end = performance.now() + WAIT_MS; !holds(); await systemClock.sleep(20))
          assert.ok(
            performance.now() < end,
            `${what}: ${JSON.stringify([said.count, said.evidence.size, said.failures.slice(-5)])}`,
          );
      };
      try {
        await serve(data, said, async () => {
          await eventually('evidence and alerts fail', () =>
            ['evidence: ', 'alerts: '].every((kind) => said.failures.some((one) => one.startsWith(kind))),
          );
          assert.ok(said.failures.includes('evidence: evidence.disk-full'), said.failures.join('\n').slice(0, 1_000));
          const [count, evidence] = [said.count, said.evidence.size];
          await mount('-o', 'remount,size=200m', data);
          await eventually('it goes on', () => said.count > count && said.evidence.size > evidence);
        });
        await check(data, said, 'after the disk was full');
      } finally {
        await runCommand('umount', ['--lazy', data], { timeoutMs: 30_000 });
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
}

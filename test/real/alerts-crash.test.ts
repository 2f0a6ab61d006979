/**
 * T1, T2 and T3 for alerts, incidents, evidence, actions, notices and the journal. The program beside this file writes all of
 * them and says what it acknowledged; it is killed at random, its calls to the disk fail, or its disk is full. What it
 * acknowledged is there, nothing is half there, and no alert is counted twice, however often it was sent.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { runCommand, systemClock } from '../../src/system/index.ts';
import { OUTBOXES, openStores, readOutbox, type Said } from './respond-ground.ts';

/** T1 asks for 1,000. */
const ROUNDS = Number(process.env['DARSENA_ROUNDS'] ?? (process.env['DARSENA_SOAK'] === '1' ? 1_000 : 6));
/** The whole chain is walked once in so many rounds, and at the end. */
const VERIFY_EVERY = 50;
/**
 * T2: the N-th call fails; N counts calls of the whole program, the database's and those of files. A soak goes from the first
 * to the one with which every way of writing has been gone once: each of them, or where they are thousands so many of them,
 * evenly, from another place with each seed.
 */
const IS_SOAK = process.env['DARSENA_SOAK'] === '1';
const UNMET_MAX = 8;
const FAILING_MAX = Number(process.env['DARSENA_FAILING'] ?? 200);
/** What it has said when it has written in every way it has. */
const WAYS = [
  ...['incident.opened', 'incident.acknowledged', 'incident.commented', 'incident.linked', 'incident.closed'],
  ...['action.taken', 'playbook.started', 'playbook.ended'],
  ...['evidence.taken', 'evidence.read', 'evidence.exported', 'evidence.deleted', 'respond_deliveries', 'batch'],
];
const WAIT_MS = 120_000;
const PROGRAM = join(import.meta.dirname, 'respond-ground.ts');

describe('alerts, incidents, evidence, actions and notices under faults', () => {
  class Acknowledged {
    readonly batches = new Map<string, number>();
    readonly ways = new Set<string>();
    readonly evidence = new Set<string>();
    readonly failures: string[] = [];
    /** What was said and not looked up yet. */
    unchecked: Said[] = [];
    said = 0;

    get count(): number {
      return [...this.batches.values()].reduce((sum, count) => sum + count, 0);
    }

    add(said: Said): void {
      const { batch, count = 0, evidence, failed, why, row, fact } = said;
      // One that came twice is one.
      if (batch !== undefined) this.batches.set(batch, count);
      for (const way of [fact?.[0], row?.[0], batch === undefined ? undefined : 'batch'])
        if (way !== undefined) this.ways.add(way);
      if (evidence !== undefined) this.evidence.add(evidence);
      if (failed !== undefined) this.failures.push(`${failed}: ${why}`);
      else this.said += 1;
      if (row !== undefined || fact !== undefined) this.unchecked.push(said);
    }
  }

  /**
   * Runs until `until` says so, and kills it there.
   * @param under a program that runs it, with its arguments
   */
  async function serve(
    folder: string,
    said: Acknowledged,
    until: (said: Acknowledged) => Promise<void>,
    under: readonly string[] = [],
  ): Promise<void> {
    const args = [...under, process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM, folder];
    const child = spawn(args[0] ?? '', args.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A program of its own: what runs it is killed with it.
      detached: true,
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, '..', 'compiled') },
    });
    const kill = (): void => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    };
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
      if (line.endsWith('}')) said.add(JSON.parse(line) as Said);
    });
    const over = new AbortController();
    try {
      await Promise.race([
        ready.promise,
        exited.then(([code, signal]) => {
          // A start that the disk fails is told as one, and control's supervisor tries again.
          if (under.length > 0 && /disk I\/O|EIO|EINTR|ENOSPC|database or disk is full/.test(errors))
            said.failures.push(`start: ${errors}`);
          else assert.fail(`it ended (${code ?? signal}) before it was ready: ${errors.slice(-2_000)}`);
        }),
        systemClock
          .sleep(WAIT_MS, over.signal)
          .catch(() => undefined)
          .then(() => assert.ok(over.signal.aborted, `it was not ready within ${WAIT_MS} ms: ${errors.slice(-2_000)}`)),
      ]);
      await until(said);
    } finally {
      over.abort();
      kill();
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
  async function check(data: string, said: Acknowledged, where: string, verify = true): Promise<void> {
    const db = new DatabaseSync(join(data, 'db'));
    assert.equal(db.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok', where);
    const one = (sql: string): number => Number(db.prepare(sql).get()?.['n'] ?? 0);
    const alerts = one('select coalesce(sum(alert_count), 0) as n from respond_incidents');
    const kept = one('select coalesce(sum(kept_count), 0) as n from respond_incidents');
    const waiting = OUTBOXES.map((name) => readOutbox(data, name)).filter((box) => box !== null);
    const open = waiting.filter(({ id }) => !said.batches.has(id)).reduce((sum, { count }) => sum + count, 0);
    const { count } = said;
    assert.ok(alerts >= count, `${where}: ${count} acknowledged, ${alerts} counted`);
    // Of what was under way the commit may be there and the word not; everything else that was sent twice counts once.
    assert.ok(alerts <= count + open, `${where}: ${count} acknowledged and ${open} under way, ${alerts} counted`);
    const rows = one('select count(*) as n from respond_alerts');
    const raised = one("select count(*) as n from journal_facts where kind = 'alert.raised'");
    assert.deepEqual([kept, raised], [rows, rows], `${where}: numbers, alerts and facts are of one transaction`);
    for (const { row, fact } of said.unchecked) {
      if (row !== undefined)
        assert.ok(
          db.prepare(`select 1 from ${row[0]} where id = ?`).get(row[1]),
          `${where}: ${row.join(' ')} was acknowledged`,
        );
      if (fact !== undefined)
        assert.ok(
          db
            .prepare('select 1 from journal_facts where kind = ? and json_extract(body, ?) = ? limit 1')
            .get(fact[0], `$.${fact[1]}`, fact[2]),
          `${where}: the fact ${fact.join(' ')} was acknowledged`,
        );
    }
    said.unchecked = [];
    // What a fact states stands in the table that it speaks of, and the other way about.
    const pairs: readonly (readonly [string, string, string])[] = [
      ['incidents', 'select count(*) as n from respond_incidents', "kind = 'incident.opened'"],
      ['closed', "select count(*) as n from respond_incidents where state = 'closed'", "kind = 'incident.closed'"],
      ['comments', 'select count(*) as n from respond_comments', "kind = 'incident.commented'"],
      ['links', 'select count(*) as n from respond_links', "kind = 'incident.linked'"],
      ['evidence', 'select count(*) as n from respond_evidence', "kind = 'evidence.taken'"],
      ['custody', 'select count(*) as n from respond_custody', "kind like 'evidence.%'"],
      ['quarantines', 'select count(*) as n from respond_quarantines', "kind = 'image.quarantined'"],
      ['runs', 'select count(*) as n from respond_playbook_runs', "kind = 'playbook.started'"],
      [
        'ended actions',
        "select count(*) as n from respond_actions where state not in ('queued', 'running', 'awaiting')",
        "kind = 'action.taken'",
      ],
    ];
    for (const [what, sql, facts] of pairs)
      assert.equal(
        one(sql),
        one(`select count(*) as n from journal_facts where ${facts}`),
        `${where}: ${what} in the tables, and in the journal`,
      );
    const archives = db.prepare('select id from respond_evidence where deleted_at is null').all() as { id: string }[];
    db.close();
    const { opened, journal, evidence, respond, playbooks } = await openStores(data);
    await Promise.all([respond.idle(), playbooks.idle()]);
    const begun = await opened.db
      .selectFrom('respond_actions')
      .select(['id', 'state'])
      .where('state', 'in', ['queued', 'running'])
      .execute();
    assert.deepEqual(begun, [], `${where}: after a start no action is left without an end`);
    if (verify) {
      const verdict = await journal.verify();
      assert.equal(verdict.state, 'intact', `${where}: ${JSON.stringify(verdict.firstBad)}`);
    } else await journal.settled();
    assert.deepEqual(
      (await readdir(join(data, 'evidence'))).sort(),
      archives.map(({ id }) => `${id}.tar.gz`).sort(),
      `${where}: nothing half there after a start`,
    );
    for (const { id } of archives) {
      const { manifest } = await evidence.find(id);
      const bytes = await readFile(join(data, 'evidence', `${id}.tar.gz`));
      assert.equal(createHash('sha256').update(bytes).digest('hex'), manifest.archive.sha256, `${where}: ${id}`);
    }
    await opened.close();
  }

  it(`T1: killed at random ${ROUNDS} times while everything is written: what was acknowledged stands, whole, and once`, async (t) => {
    const { folder, data } = await ground();
    // The same seed kills after the same times; what the process does within them is the machine's.
    let seed = Number(process.env['DARSENA_SEED'] ?? 7);
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const said = new Acknowledged();
    try {
      for (let round = 1; round <= ROUNDS; round++) {
        await serve(data, said, () => systemClock.sleep(20 + random() * 700));
        await check(data, said, `round ${round}`, round % VERIFY_EVERY === 0 || round === ROUNDS);
        if (round % VERIFY_EVERY === 0)
          console.log(`round ${round}: ${said.count} alerts, ${said.said} acknowledgements, 0 lost`);
      }
      assert.ok(said.count > 0 && said.evidence.size > 0, 'something was acknowledged');
      assert.deepEqual(said.failures, []);
      t.diagnostic(`${ROUNDS} rounds, ${said.count} alerts, ${said.said} acknowledgements: 0 lost`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  const wentAllWays = (said: Acknowledged): boolean => WAYS.every((way) => said.ways.has(way));

  /** How many of these calls it takes to write once in every way, beyond those of a start with tables that are there. */
  async function callsOfAll(call: string): Promise<number> {
    const { folder, data } = await ground();
    const log = join(folder, 'strace');
    try {
      await serve(data, new Acknowledged(), async () => undefined);
      const said = new Acknowledged();
      await serve(
        data,
        said,
        async () => {
          for (const end = performance.now() + WAIT_MS; !wentAllWays(said); await systemClock.sleep(5))
            assert.ok(performance.now() < end, `not written: ${WAYS.filter((way) => !said.ways.has(way)).join(', ')}`);
        },
        ['strace', '-f', '-qq', '-o', log, '-e', `trace=${call}`],
      );
      return (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(`${call}(`)).length;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function failingOf(call: string): Promise<number[]> {
    if (!IS_SOAK) return [5];
    const last = await callsOfAll(call);
    const step = Math.max(1, last / FAILING_MAX);
    const first = 1 + (Number(process.env['DARSENA_SEED'] ?? 7) % Math.ceil(step));
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) => Math.floor(first + at * step));
  }

  const noStrace = process.geteuid?.() !== 0 ? 'needs root' : false;
  for (const [call, fault] of [
    ['fdatasync', 'EIO'],
    ['fsync', 'EIO'],
    ['pwrite64', 'EIO'],
    ['pwrite64', 'ENOSPC'],
    ['pwrite64', 'EINTR'],
    ['rename', 'EIO'],
  ] as const) {
    it(`T2: the N-th ${call} fails with ${fault}: it is said or tried again, nothing is acknowledged that does not stand`, {
      skip: noStrace,
    }, async (t) => {
      const found = await runCommand('strace', ['-V'], { timeoutMs: 30_000 }).catch(() => null);
      if (found?.code !== 0) return t.skip('needs strace');
      let met = 0;
      let unmetInARow = 0;
      const failing = await failingOf(call);
      for (const [at, nth] of failing.entries()) {
        // strace counts for each thread: past the busiest of them no N is met any more.
        if (unmetInARow++ >= UNMET_MAX) break;
        if (at > 0 && at % 50 === 0) console.log(`${call} ${fault}: ${at} of ${failing.length}, ${met} met`);
        const { folder, data } = await ground();
        const said = new Acknowledged();
        const log = join(folder, 'strace');
        try {
          // The first start makes the tables; the fault comes into what is written afterwards.
          await serve(data, said, async () => undefined);
          said.ways.clear();
          const inject = `inject=${call}:error=${fault}:when=${nth}`;
          const strace = ['strace', '-f', '-qq', '-o', log, '-e', `trace=${call}`, '-e', inject];
          const isMet = async (): Promise<boolean> =>
            (await readFile(log, 'utf8').catch(() => '')).includes('(INJECTED)');
          await serve(
            data,
            said,
            async () => {
              for (const end = performance.now() + WAIT_MS / 4; !(await isMet()); await systemClock.sleep(50))
                if (performance.now() > end || (IS_SOAK && wentAllWays(said))) return;
              met += 1;
              unmetInARow = 0;
              await systemClock.sleep(300);
              if (call !== 'fdatasync' || said.failures.some((one) => one.startsWith('start: '))) return;
              // A flush that failed is never believed again: from then on nothing that is written is acknowledged.
              const [alerts, evidence] = [said.count, said.evidence.size];
              await systemClock.sleep(300);
              assert.ok(
                said.failures.some((one) => one.includes('not flushed to disk')),
                `N = ${nth}: ${said.failures.slice(-3).join('\n')}`,
              );
              assert.deepEqual([said.count, said.evidence.size], [alerts, evidence], `N = ${nth}: it goes on`);
            },
            strace,
          );
          await check(data, said, `${call} ${fault} N = ${nth}: ${said.failures.slice(0, 3).join('; ')}`);
          const before = said.said;
          await serve(data, said, async () => {
            for (const end = performance.now() + WAIT_MS; said.said <= before; await systemClock.sleep(20))
              assert.ok(performance.now() < end, `N = ${nth}: after a start nothing is acknowledged`);
          });
          await check(data, said, `${call} ${fault} N = ${nth}, after another start`);
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      }
      t.diagnostic(`${met} of ${failing.length} met, up to N = ${failing.at(-1)}`);
      assert.ok(met > 0, 'no fault was met');
    });
  }

  const skip = process.geteuid?.() === 0 ? false : 'needs root: a small disk is mounted';
  it('T3: with the disk full nothing is acknowledged that is not kept, it says why, and with room it goes on alone', {
    skip,
  }, async (t) => {
    const { folder, data } = await ground();
    const mount = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await runCommand('mount', args, { timeoutMs: 30_000 });
      assert.equal(code, 0, stderr);
    };
    const said = new Acknowledged();
    const eventually = async (what: string, holds: () => boolean): Promise<number> => {
      const started = performance.now();
      for (const end = started + WAIT_MS; !holds(); await systemClock.sleep(20))
        assert.ok(
          performance.now() < end,
          `${what}: ${JSON.stringify([said.count, said.evidence.size, said.failures.slice(-5)])}`,
        );
      return performance.now() - started;
    };
    try {
      await mount('-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', data);
      await serve(data, said, async () => {
        await eventually('evidence and alerts fail', () =>
          ['evidence: ', 'alerts: '].every((kind) => said.failures.some((one) => one.startsWith(kind))),
        );
        // Whichever of the two finds no room first: its file, or what the database says of it.
        const whys = ['evidence: evidence.disk-full', 'evidence: Error: database or disk is full'];
        assert.ok(
          whys.some((why) => said.failures.includes(why)),
          said.failures.join('\n').slice(0, 1_000),
        );
        const [count, evidence] = [said.count, said.evidence.size];
        await mount('-o', 'remount,size=200m', data);
        const tookMs = await eventually('it goes on', () => said.count > count && said.evidence.size > evidence);
        t.diagnostic(`goes on ${Math.round(tookMs)} ms after there is room`);
      });
      await check(data, said, 'after the disk was full');
    } finally {
      await runCommand('umount', ['--lazy', data], { timeoutMs: 30_000 });
      await rm(folder, { recursive: true, force: true });
    }
  });
});

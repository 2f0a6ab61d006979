import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdvisoryStore, inputsOf } from '../../src/advisories/index.ts';
import { gatherFacts, type HostTables, hostMigrations, judgeMachine, Machines } from '../../src/host/index.ts';
import { openDatabase, systemClock } from '../../src/system/index.ts';

/**
 * Facts of a machine, the truth of all kernel CVEs on one host, and of 10,000 hosts of 100 builds. No anchor does this;
 * the figures are processor time, because machines are shared. `DARSENA_TEST_DATA` names the data.
 */
const data = process.env['DARSENA_TEST_DATA'];
if (data === undefined) throw new Error('DARSENA_TEST_DATA is not set');
const HOSTS = 10_000;
const BUILDS = 100;

const folder = mkdtempSync(join(tmpdir(), 'darsena-bench-'));
try {
  const store = new AdvisoryStore(join(folder, 'advisories'), systemClock);
  await store.import(await inputsOf(join(data, 'advisories', 'linux-cna-published.ndjson.gz')));
  const advisories = await store.current();
  const identity = { release: '', version: '', machine: 'x86_64', host: 'bench' };
  const now = systemClock.now().toISOString();
  measure('facts, first look', 1, () => gatherFacts('/', identity, now));
  measure('facts, again', 9, () => gatherFacts('/', identity, now));
  const facts = gatherFacts('/', identity, now);
  measure('advisories read', 1, () => advisories.kernel());
  measure('truth of one host, first', 1, () => judgeMachine(facts, advisories.kernel()));
  measure('truth of one host, again', 9, () => judgeMachine(facts, advisories.kernel()));

  const opened = await openDatabase<HostTables>(`sqlite:${join(folder, 'x.db')}`, hostMigrations);
  // One host of each build comes as an agent sends it; the others are put beside it in one go.
  const make = (): Machines =>
    new Machines({ db: opened.db as never, clock: systemClock, advisories: async () => advisories });
  const first = make();
  for (let index = 0; index < BUILDS; index++) {
    const release = `${['5.10', '5.15', '6.1', '6.6', '6.12'][index % 5]}.${index + 1}`;
    await first.take(`build-${index}`, { ...facts, kernel: { release } });
  }
  const rows = await opened.db.selectFrom('host_machines').selectAll().execute();
  for (let at = 0; at < HOSTS; at += BUILDS) {
    const more = rows.map((row, index) => ({ ...row, host: `host-${at + index}` }));
    await opened.db.insertInto('host_machines').values(more).execute();
  }
  const machines = make();
  await machines.open();
  await measureAsync(`${HOSTS} hosts of ${BUILDS} builds judged anew`, () => machines.judgeAll());
  await measureAsync('which hosts are exposed to one CVE', () => machines.where('CVE-2024-53104', 1_000));
  await measureAsync('all hosts, a row each', () => machines.views());
  await opened.close();
} finally {
  rmSync(folder, { recursive: true });
}

function measure(what: string, times: number, work: () => unknown): void {
  const costs: number[] = [];
  for (let time = 0; time < times; time++) {
    const start = process.cpuUsage();
    work();
    costs.push(milliseconds(process.cpuUsage(start)));
  }
  say(what, costs.sort((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0);
}

async function measureAsync(what: string, work: () => Promise<unknown>): Promise<void> {
  const start = process.cpuUsage();
  await work();
  say(what, milliseconds(process.cpuUsage(start)));
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}

function say(what: string, cpu: number): void {
  console.log(`${what.padEnd(48)} ${cpu.toFixed(1).padStart(10)} ms CPU`);
}

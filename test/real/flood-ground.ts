/** What the flood of alerts is measured on: the program control as it ships, a host that floods it, somebody who asks meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LoneControl } from './access-ground.ts';
import type { Flooded, FloodOrder } from './flood-sender.ts';

export interface FloodFigures extends Flooded {
  /** Of all incidents together. */
  readonly counted: number;
  /** Alerts that were kept whole. */
  readonly stored: number;
  readonly incidents: number;
  readonly facts: number;
  readonly controlMemoryBytes: { readonly before: number; readonly most: number };
  readonly controlCpuMs: number;
  /** Answers of the API while it went on. */
  readonly answersMs: readonly number[];
  readonly databaseBytes: number;
}

const ASK_EVERY_MS = 250;

export async function flood(wanted: Pick<FloodOrder, 'rate' | 'seconds' | 'containers'>): Promise<FloodFigures> {
  const control = await LoneControl.start();
  const folder = await mkdtemp(join(tmpdir(), 'darsena-flood-'));
  try {
    const token = await control.administrator();
    const ca = join(folder, 'ca.pem');
    await writeFile(ca, control.caPem);
    const order: FloodOrder = { ...wanted, ca, token: control.joinToken, folder, port: control.agentsPort };
    const before = memoryOf(control.pid);
    const cpuBefore = cpuMsOf(control.pid);
    const sender = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'flood-sender.ts'), JSON.stringify(order)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let said = '';
    let errors = '';
    sender.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    sender.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const ended = once(sender, 'close');
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    const answersMs: number[] = [];
    let most = 0;
    while (!isOver) {
      const at = performance.now();
      await control.does('GET', '/api/v1/incidents?limit=50', token);
      answersMs.push(performance.now() - at);
      most = Math.max(most, memoryOf(control.pid));
      await Promise.race([ended, new Promise((done) => setTimeout(done, ASK_EVERY_MS))]);
    }
    const [code] = (await ended) as [number | null];
    if (code !== 0)
      throw new Error(`the sender ended with ${code}: ${errors}\n${readFileSync(control.log, 'utf8').slice(-4_000)}`);
    const flooded = JSON.parse(said) as Flooded;
    const controlCpuMs = cpuMsOf(control.pid) - cpuBefore;
    const answer = await control.does('GET', '/api/v1/incidents?limit=200', token);
    const { items } = answer.json<{ items: readonly { readonly alerts: number }[] }>();
    const db = new DatabaseSync(control.database, { readOnly: true, timeout: 10_000 });
    const count = (table: string): number => Number(db.prepare(`select count(*) as n from ${table}`).get()?.['n']);
    const figures = {
      counted: items.reduce((sum, { alerts }) => sum + alerts, 0),
      stored: count('respond_alerts'),
      incidents: items.length,
      facts: count('journal_facts'),
      databaseBytes: Number(db.prepare('pragma page_count').get()?.['page_count']) * 4_096,
    };
    db.close();
    return { ...flooded, ...figures, controlMemoryBytes: { before, most }, controlCpuMs, answersMs };
  } finally {
    await control.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}

/** User and system time (proc(5)), at 100 ticks a second. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

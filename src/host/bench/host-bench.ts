import { hostname, machine, release, version } from 'node:os';
import { Fault, runCommand } from '../../system/index.ts';
import { gatherFacts } from '../gather.ts';
import { Root } from '../root.ts';
import { askEngine, type EngineKind } from './ask-engine.ts';
import type { CheckResult } from './check.ts';
import { BenchLedger } from './ledger.ts';
import { runBench } from './run.ts';

const AUDIT_TIMEOUT_MS = 5_000;

/** What control asks of a host's benchmarks: a look; or that checks are mended, or what was mended is taken back. */
export type BenchTask =
  | { readonly kind: 'bench' }
  | {
      readonly kind: 'bench-fix';
      readonly change: 'fix' | 'undo';
      /** Ids; none: all that can be mended safely, or all that was. */
      readonly checks: readonly string[];
    };

export interface BenchReport {
  readonly results: readonly CheckResult[];
  /** Checks that were mended or taken back by this task. */
  readonly done: readonly string[];
  readonly refused: readonly { readonly id: string; readonly why: string }[];
  /** What stands mended and can be taken back. */
  readonly mended: readonly string[];
}

/** A look at this machine, or at one whose files lie below `path`. @param now RFC 3339 */
export async function lookAtMachine(
  path: string,
  now: string,
  engine: EngineKind | null = null,
): Promise<CheckResult[]> {
  const identity = { release: release(), version: version(), machine: machine(), host: hostname() };
  const root = new Root(path);
  const facts = gatherFacts(root.path, identity, now);
  return runBench(root, facts, await askEngine(root, engine), root.path === '/' ? await loadedAudit() : null);
}

/** The rules of the kernel's audit; null where there is no auditctl, or no right to ask. */
async function loadedAudit(): Promise<string | null> {
  try {
    const { code, stdout } = await runCommand('auditctl', ['-l'], { timeoutMs: AUDIT_TIMEOUT_MS });
    return code === 0 ? stdout : null;
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** Mends what fails and is safe to mend, one change after the other; one that is refused does not hold up the others. */
export async function mend(
  ledger: BenchLedger,
  results: readonly CheckResult[],
  now: string,
): Promise<Pick<BenchReport, 'done' | 'refused'>> {
  const done: string[] = [];
  const refused: { id: string; why: string }[] = [];
  for (const { id, fixes } of results) {
    try {
      for (const fix of fixes) await ledger.fix(id, fix, now);
      if (fixes.length > 0) done.push(id);
    } catch (error) {
      refused.push({ id, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return { done, refused };
}

/** Does on this machine what control asks. */
export async function benchHost(task: BenchTask, now: string): Promise<BenchReport> {
  const ledger = await BenchLedger.open();
  let outcome: Pick<BenchReport, 'done' | 'refused'> = { done: [], refused: [] };
  if (task.kind === 'bench-fix') {
    const { change, checks } = task;
    if (change === 'undo') outcome = { done: await ledger.undo(checks), refused: [] };
    else {
      const wanted = (await lookAtMachine('/', now)).filter(({ id }) => checks.length === 0 || checks.includes(id));
      outcome = await mend(ledger, wanted, now);
    }
  }
  const results = await lookAtMachine('/', now);
  await ledger.remember(results, now);
  return { results, ...outcome, mended: [...new Set(ledger.mended.map(({ id }) => id))] };
}

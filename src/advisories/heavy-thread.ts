import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { Fault } from '../system/index.ts';
import { adoptSources } from './adoption.ts';
import { advisoryFault } from './errors.ts';
import type { HeavyAnswer, HeavyJobs, HeavyKind } from './heavy.ts';
import { seal } from './seal.ts';
import { takeSnapshot } from './snapshot.ts';
import { clearSource } from './source-writer.ts';

// The thread of runHeavy(): one job on one database, one answer.

type Job = { [Kind in HeavyKind]: { readonly kind: Kind; readonly path: string } & HeavyJobs[Kind]['job'] }[HeavyKind];

function perform(job: Job): unknown {
  if (job.kind === 'snapshot') return takeSnapshot(job.path, job.target);
  const db = new DatabaseSync(job.path);
  try {
    // As in an import: the file is thrown away when anything fails.
    db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    if (job.kind === 'adopt') return adoptSources(db, job.other, { force: job.force });
    db.exec('BEGIN');
    const answer = job.kind === 'seal' ? seal(db) : clearSource(db, job.source);
    db.exec('COMMIT');
    return answer;
  } finally {
    db.close();
  }
}

function answerJob(): HeavyAnswer {
  try {
    return { kind: 'done', value: perform(workerData as Job) };
  } catch (error) {
    if (error instanceof Fault && Object.hasOwn(advisoryFault.specs, error.code)) {
      return { kind: 'fault', code: error.code as keyof typeof advisoryFault.specs, params: error.params };
    }
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(answerJob());

import { Worker } from 'node:worker_threads';
import type { FaultParams } from '../system/index.ts';
import { advisoryFault } from './errors.ts';
import type { ImportOutcome } from './store.ts';

/** Statements about a whole database. SQLite gives no turn to anybody before one is done, which takes seconds for large ones. */
export interface HeavyJobs {
  /** Removes what a source said. */
  readonly clear: { readonly job: { readonly source: string }; readonly answer: null };
  /** Counts what there is, and answers the revision. */
  readonly seal: { readonly job: object; readonly answer: string };
  readonly adopt: { readonly job: { readonly other: string; readonly force: boolean }; readonly answer: ImportOutcome };
  readonly snapshot: {
    readonly job: { readonly target: string };
    readonly answer: { readonly revision: string; readonly importedAt: string } | null;
  };
}

export type HeavyKind = keyof HeavyJobs;

/** What its thread says, once. */
export type HeavyAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | {
      readonly kind: 'fault';
      readonly code: keyof typeof advisoryFault.specs;
      readonly params: FaultParams;
    }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Does it in a thread of its own, so that the service goes on answering. Nobody may have a transaction open meanwhile.
 *
 * @param path of the database
 * @throws Fault what the job throws; Error when the thread fails
 */
export async function runHeavy<Kind extends HeavyKind>(
  kind: Kind,
  path: string,
  job: HeavyJobs[Kind]['job'],
): Promise<HeavyJobs[Kind]['answer']> {
  const worker = new Worker(new URL('./heavy-thread.ts', import.meta.url), { workerData: { ...job, kind, path } });
  const answer = await new Promise<HeavyAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread for ${kind} ended with ${code}`)));
  });
  await worker.terminate();
  if (answer.kind === 'fault') throw advisoryFault(answer.code, answer.params);
  if (answer.kind === 'failed') throw new Error(answer.message);
  return answer.value as HeavyJobs[Kind]['answer'];
}

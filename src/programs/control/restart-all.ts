import { PLATFORM } from '../../access/index.ts';
import type { Deployments } from '../../deploy/index.ts';
import type { Operations } from '../../progress/index.ts';
import { type Clock, Fault, type Log } from '../../system/index.ts';
import type { Pipeline } from './pipeline.ts';

const POLL_MS = 500;

/**
 * Starts every workload again by a rolling update, one after the other in each environment, so that what holds from the next
 * start on holds for all. What cannot be restarted so (what runs to an end) is left.
 * @returns the operations
 */
export async function restartAll(
  {
    deployments,
    pipeline,
    operations,
    clock,
    log,
  }: {
    readonly deployments: Pick<Deployments, 'activeReleases'>;
    readonly pipeline: Pick<Pipeline, 'change'>;
    readonly operations: Pick<Operations, 'read'>;
    readonly clock: Clock;
    readonly log: Log;
  },
  actor: string,
): Promise<string[]> {
  const started: string[] = [];
  for (const { release, composition } of await deployments.activeReleases()) {
    for (const { key } of composition.workloads) {
      const at = clock.now().toISOString();
      try {
        const { id } = await pipeline.change({
          project: release.project,
          environment: release.environment,
          change: { kind: 'restart', workload: key.name, at },
          by: { ...PLATFORM, actor },
        });
        started.push(id);
        // The next one is a release of its own, and would put this one's place in question.
        while ((await operations.read(id)).state === 'running') await clock.sleep(POLL_MS);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        log.warn({ err: error.message, workload: key }, 'a workload was not started again');
      }
    }
  }
  return started;
}

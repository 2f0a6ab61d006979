import { type ConfinedOptions, runConfined, WorkerFailure } from './confined.ts';
import { scanFault } from './errors.ts';
import { incompleteReason } from './incomplete.ts';
import type { FileOwners } from './owners.ts';
import type { InventoryLayer } from './package.ts';
import type { LayerCache } from './scan.ts';

export interface OwnersAnswer {
  /** In the order of the question. */
  readonly files: readonly FileOwners[];
  /** False: the image has more lists of files than are kept, so an empty answer may be wrong. */
  readonly complete: boolean;
}

/**
 * Whose files of an image are, out of what the scan kept of its layers. The confined worker answers, because what is kept
 * was made of the image's own bytes; a question costs its start and one merge, so ask for many files at once.
 *
 * @throws Fault scan.layer-unread when a layer is not kept; scan.owners-failed
 */
export async function askOwners(
  layers: readonly Pick<InventoryLayer, 'digest' | 'diffId' | 'sizeBytes'>[],
  cache: Pick<LayerCache, 'get'>,
  paths: readonly string[],
  confined?: ConfinedOptions,
): Promise<OwnersAnswer> {
  const stored = await Promise.all(
    layers.map(async ({ digest, diffId }) => {
      const result = await cache.get(digest, diffId);
      if (!result) throw scanFault('scan.layer-unread', { layer: digest });
      return result;
    }),
  );
  const order = {
    secrets: null,
    layers: layers.map(({ digest, diffId, sizeBytes }) => ({ claim: { digest, diffId, sizeBytes }, known: true })),
    paths,
  };
  try {
    const input = { order, layers: stored.map((result) => () => result), onLayer: () => undefined };
    const answer = await runConfined(input, confined);
    if (answer.kind === 'owners' && answer.owners.length === paths.length) {
      return { files: answer.owners, complete: !answer.isCut };
    }
    if (answer.kind !== 'incomplete') throw new WorkerFailure('worker.garbage', 'the scan worker answered garbage');
    throw new WorkerFailure('worker.garbage', answer.message);
  } catch (cause) {
    if (!(cause instanceof WorkerFailure)) throw cause;
    const why = incompleteReason(cause.code, cause.message, null);
    throw scanFault('scan.owners-failed', { why: why.en }, { cause });
  }
}

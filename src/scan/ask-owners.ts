import { type ConfinedOptions, runConfined } from './confined.ts';
import { scanFault } from './errors.ts';
import { incompleteReason } from './incomplete.ts';
import { OWNED_PATH_MAX_BYTES, PACKAGE_FILES_MAX, RUNNABLE_FILES_MAX } from './limits.ts';
import type { FileOwners, PackageFiles, PackageKey } from './owners.ts';
import type { InventoryLayer, KernelLink } from './package.ts';
import { RUNNABLE_GAPS, type Runnable } from './runnable.ts';
import type { LayerCache } from './scan.ts';
import type { ScanOrder, WorkerAnswer } from './worker.ts';
import { WorkerFailure } from './worker-failure.ts';

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
  layers: readonly KeptLayer[],
  cache: Pick<LayerCache, 'get'>,
  paths: readonly string[],
  confined?: ConfinedOptions,
): Promise<OwnersAnswer> {
  const answer = await ask(layers, cache, { paths }, confined);
  if (answer.kind === 'owners' && answer.owners.length === paths.length) {
    return { files: answer.owners, complete: !answer.isCut };
  }
  throw failed('the scan worker answered garbage');
}

/**
 * The files of one package of an image; null when the image does not have it.
 *
 * @throws Fault scan.layer-unread when a layer is not kept; scan.owners-failed
 */
export async function askFiles(
  layers: readonly KeptLayer[],
  cache: Pick<LayerCache, 'get'>,
  filesOf: PackageKey,
  confined?: ConfinedOptions,
): Promise<(PackageFiles & { readonly complete: boolean }) | null> {
  const answer = await ask(layers, cache, { filesOf }, confined);
  if (answer.kind !== 'files' || !isFiles(answer.files)) throw failed('the scan worker answered garbage');
  return answer.files === null ? null : { ...answer.files, complete: !answer.isCut };
}

/** The worker read hostile bytes: its answer is believed only in shape. */
function isFiles(found: PackageFiles | null): boolean {
  if (found === null) return true;
  const { files, total } = found;
  const isName = (file: unknown): boolean => typeof file === 'string' && file.length <= OWNED_PATH_MAX_BYTES;
  return (
    Array.isArray(files) && files.length <= PACKAGE_FILES_MAX && files.every(isName) && Number.isSafeInteger(total)
  );
}

/**
 * What of packages of an image runs: programs and libraries that the kernel can tell from other files, and what it cannot.
 *
 * @throws Fault scan.layer-unread when a layer is not kept; scan.owners-failed
 */
export async function askRunnable(
  layers: readonly KeptLayer[],
  cache: Pick<LayerCache, 'get'>,
  asked: readonly PackageKey[],
  confined?: ConfinedOptions,
): Promise<readonly Runnable[]> {
  const answer = await ask(layers, cache, { runnableOf: asked }, confined);
  const isAsked = new Set(asked.map(({ purl, path }) => `${purl}\0${path}`));
  if (answer.kind !== 'runnable' || !Array.isArray(answer.runnable) || answer.runnable.length > asked.length)
    throw failed('the scan worker answered garbage');
  // Shape by shape: the worker read hostile bytes.
  return answer.runnable.map(({ purl, path, programs, libraries, gap }) => {
    const isOne = isAsked.has(`${purl}\0${path}`) && (gap === null || RUNNABLE_GAPS.includes(gap));
    if (!isOne || !isNames(programs) || !isNames(libraries)) throw failed('the scan worker answered garbage');
    return { purl, path, programs, libraries, gap };
  });
}

/**
 * By which link of the image, if by one, the way to each of these folders comes into one of the kernel's.
 *
 * @throws Fault scan.layer-unread when a layer is not kept; scan.owners-failed
 */
export async function askWays(
  layers: readonly KeptLayer[],
  cache: Pick<LayerCache, 'get'>,
  folders: readonly string[],
  confined?: ConfinedOptions,
): Promise<readonly (KernelLink | null)[]> {
  const answer = await ask(layers, cache, { waysOf: folders }, confined);
  const known = new Set(layers.map(({ digest }) => digest));
  const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= 4096;
  const isWay = (way: KernelLink | null): boolean =>
    way === null || (isText(way.path) && isText(way.target) && known.has(way.layer));
  if (answer.kind !== 'ways' || !Array.isArray(answer.ways) || answer.ways.length !== folders.length)
    throw failed('the scan worker answered garbage');
  if (!answer.ways.every(isWay)) throw failed('the scan worker answered garbage');
  return answer.ways;
}

function isNames(files: readonly string[]): boolean {
  const isName = (file: unknown): boolean =>
    typeof file === 'string' && file.startsWith('/') && file.length <= OWNED_PATH_MAX_BYTES;
  return Array.isArray(files) && files.length <= RUNNABLE_FILES_MAX && files.every(isName);
}

type KeptLayer = Pick<InventoryLayer, 'digest' | 'diffId' | 'sizeBytes'>;

async function ask(
  layers: readonly KeptLayer[],
  cache: Pick<LayerCache, 'get'>,
  question: Pick<ScanOrder, 'paths' | 'filesOf' | 'runnableOf' | 'waysOf'>,
  confined: ConfinedOptions | undefined,
): Promise<WorkerAnswer> {
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
    ...question,
  };
  let answer: WorkerAnswer;
  try {
    answer = await runConfined(
      { order, layers: stored.map((result) => () => result), onLayer: () => undefined },
      confined,
    );
  } catch (cause) {
    if (!(cause instanceof WorkerFailure)) throw cause;
    throw failed(cause.message, cause);
  }
  if (answer.kind === 'incomplete') throw failed(answer.message);
  return answer;
}

function failed(message: string, cause?: WorkerFailure): Error {
  const why = incompleteReason(cause?.code ?? 'worker.garbage', message, null);
  return scanFault('scan.owners-failed', { why: why.en }, cause === undefined ? {} : { cause });
}

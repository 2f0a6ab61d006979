import { createInflateRaw } from 'node:zlib';
import { FormatError } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import { firstPart } from './layer.ts';
import { LAYER_FILES_PAGE_MAX, LISTING_MAX_BYTES } from './limits.ts';
import { type ListedEntry, streamListing } from './listing.ts';

/**
 * What a layer does to one name (image-spec 1.1, layer.md): it brings a file, folder or link, removes what a lower layer
 * had (`removed`), or empties a folder of lower layers (`emptied`).
 */
export type LayerFileKind = ListedEntry['kind'] | 'removed' | 'emptied';

export interface LayerFile {
  readonly path: string;
  readonly kind: LayerFileKind;
  /** Of files; null for all others. */
  readonly sizeBytes: number | null;
  /** Octal with four digits, `4755`: the first holds setuid (4), setgid (2) and sticky (1). Null for what is removed. */
  readonly mode: string | null;
  readonly linkTarget: string | null;
}

export interface LayerFiles {
  readonly layer: Digest;
  readonly items: readonly LayerFile[];
  /** For `after`, when there are more. */
  readonly next: string | null;
  /** Of the whole layer, with the first page only: later pages need not read to the end. */
  readonly totals: LayerTotals | null;
}

export interface LayerTotals {
  readonly entries: number;
  readonly files: number;
  readonly sizeBytes: number;
  readonly removed: number;
  /** Entries that the filter lets pass. */
  readonly matching: number;
}

export interface LayerFilesQuestion {
  /** Part of the path, in any case of letters. */
  readonly match?: string;
  /** `archive`: as the layer has them; `largest`: the largest files first, one page only. */
  readonly order?: 'archive' | 'largest';
  readonly after?: number;
  readonly limit?: number;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Reads a page of the names in a stored layer result as it is inflated, so that a listing of any size needs little memory.
 *
 * @param result as `encodeLayerResult` made it
 * @throws FormatError when the stored bytes are broken
 */
export async function readLayerFiles(
  layer: Digest,
  result: Uint8Array,
  { match = '', order = 'archive', after = -1, limit = 100 }: LayerFilesQuestion = {},
): Promise<LayerFiles> {
  const most = Math.min(limit, LAYER_FILES_PAGE_MAX);
  const wanted = match.toLowerCase();
  const isFirst = after < 0;
  const totals = { entries: 0, files: 0, sizeBytes: 0, removed: 0, matching: 0 };
  const items: (LayerFile & { readonly ordinal: number })[] = [];
  let hasMore = false;
  reading: for await (const entries of streamListing(listingOf(result))) {
    for (const entry of entries) {
      const file = toFile(entry);
      totals.entries += 1;
      if (file.kind === 'file') totals.files += 1;
      if (file.kind === 'removed' || file.kind === 'emptied') totals.removed += 1;
      totals.sizeBytes += file.sizeBytes ?? 0;
      if (wanted !== '' && !file.path.toLowerCase().includes(wanted)) continue;
      totals.matching += 1;
      if (order === 'largest') {
        if (file.kind === 'file') keepLargest(items, { ...file, ordinal: entry.ordinal }, most);
      } else if (entry.ordinal > after) {
        if (items.length < most) items.push({ ...file, ordinal: entry.ordinal });
        else hasMore = true;
        if (hasMore && !isFirst) break reading;
      }
    }
  }
  return {
    layer,
    items: items.map(({ ordinal: _, ...file }) => file),
    next: hasMore ? String(items.at(-1)?.ordinal ?? '') : null,
    totals: isFirst ? totals : null,
  };
}

function toFile({ path, kind, linkTarget, sizeBytes, mode }: ListedEntry): LayerFile {
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  if (name === OPAQUE) {
    return {
      path: path.slice(0, Math.max(0, slash - 1)),
      kind: 'emptied',
      sizeBytes: null,
      mode: null,
      linkTarget: null,
    };
  }
  if (name.startsWith(WHITEOUT)) {
    const removed = path.slice(0, slash) + name.slice(WHITEOUT.length);
    return { path: removed, kind: 'removed', sizeBytes: null, mode: null, linkTarget: null };
  }
  return {
    path,
    kind,
    sizeBytes: kind === 'file' ? sizeBytes : null,
    mode: mode.toString(8).padStart(4, '0'),
    linkTarget: linkTarget === '' ? null : linkTarget,
  };
}

/** Keeps `items` sorted by size and no longer than `most`; few of many files get past the first comparison. */
function keepLargest<T extends LayerFile>(items: T[], file: T, most: number): void {
  const size = (one: T): number => one.sizeBytes ?? 0;
  const last = items.at(-1);
  if (items.length >= most && last !== undefined && size(last) >= size(file)) return;
  let at = items.length;
  for (let before = items[at - 1]; before !== undefined && size(before) < size(file); before = items[at - 1]) at--;
  items.splice(at, 0, file);
  if (items.length > most) items.pop();
}

/** The listing of a stored result: what lies behind its head, which is skipped as it passes. */
async function* listingOf(result: Uint8Array): AsyncGenerator<Buffer> {
  const inflated = createInflateRaw();
  inflated.end(firstPart(result));
  let start: Buffer = Buffer.alloc(0);
  let toSkip = -1;
  let total = 0;
  try {
    for await (const piece of inflated as AsyncIterable<Buffer>) {
      total += piece.length;
      if (total > LISTING_MAX_BYTES)
        throw new FormatError('inflate.output-limit', 'the stored listing of a layer is too large');
      let rest = piece;
      if (toSkip < 0) {
        start = Buffer.concat([start, piece]);
        if (start.length < 4) continue;
        toSkip = start.readUInt32BE(0);
        rest = start.subarray(4);
      }
      const skipped = Math.min(toSkip, rest.length);
      toSkip -= skipped;
      if (skipped < rest.length) yield rest.subarray(skipped);
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError('inflate.corrupt', 'the stored result of a layer cannot be read', { cause });
  } finally {
    inflated.destroy();
  }
}

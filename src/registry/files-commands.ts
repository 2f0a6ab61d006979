import type { CliProgram } from '../system/index.ts';
import { registryFault } from './errors.ts';
import type { ImageDetail } from './images.ts';

/** A page of `GET …/layers/:layer/files`, which the scan answers. */
interface FilesPage {
  readonly layer: string;
  readonly items: readonly {
    readonly path: string;
    readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other' | 'removed' | 'emptied';
    readonly sizeBytes: number | null;
    readonly mode: string | null;
    readonly linkTarget: string | null;
  }[];
  readonly next: string | null;
  readonly totals: {
    readonly entries: number;
    readonly files: number;
    readonly sizeBytes: number;
    readonly removed: number;
    readonly matching: number;
  } | null;
}

export interface FilesOptions {
  readonly layer?: string;
  readonly match?: string;
  readonly largest?: boolean;
  readonly limit?: string;
}

const LIMIT = 100;
const LIMIT_MAX = 500;
const MARKS = {
  file: '+',
  directory: '+',
  symlink: '+',
  hardlink: '+',
  other: '+',
  removed: '-',
  emptied: '-',
} as const;

/** What one layer of an image adds (+) and removes (-); without a choice the topmost one. */
export async function printLayerFiles(cli: CliProgram, image: ImageDetail, options: FilesOptions): Promise<void> {
  const layers = image.layersList;
  const { layer = String(layers.length), match, largest, limit } = options;
  const index = /^\d{1,3}$/.test(layer) ? Number(layer) - 1 : layers.findIndex(({ digest }) => matches(digest, layer));
  const chosen = layers[index];
  if (chosen === undefined) {
    throw registryFault('registry.layer-unknown', { layer: layer.slice(0, 80), count: layers.length });
  }
  const count = Number(limit ?? LIMIT);
  if (!Number.isInteger(count) || count < 1 || count > LIMIT_MAX) {
    throw registryFault('registry.limit-invalid', { most: LIMIT_MAX });
  }
  const query = new URLSearchParams({ limit: String(count) });
  if (match !== undefined) query.set('match', match);
  if (largest === true) query.set('order', 'largest');
  const project = image.repository.slice(0, image.repository.indexOf('/'));
  const page = await cli.api.get<FilesPage>(
    `/projects/${encodeURIComponent(project)}/images/${image.digest}/layers/${chosen.digest}/files?${query}`,
  );
  if (cli.output.json) {
    cli.print.json(page);
    return;
  }
  const { totals } = page;
  const place = `${index + 1}/${layers.length}`;
  cli.print.line({
    en: `layer ${place} ${chosen.digest}: ${totals?.files ?? 0} files, ${cli.print.bytes(totals?.sizeBytes ?? 0)}, ${totals?.removed ?? 0} removed`,
    es: `capa ${place} ${chosen.digest}: ${totals?.files ?? 0} archivos, ${cli.print.bytes(totals?.sizeBytes ?? 0)}, ${totals?.removed ?? 0} eliminados`,
  });
  cli.print.table(
    [
      { title: { en: '', es: '' }, value: (one) => MARKS[one.kind] },
      { title: { en: 'mode', es: 'modo' }, value: (one) => one.mode ?? '' },
      {
        title: { en: 'size', es: 'tamaño' },
        value: (one) => (one.sizeBytes === null ? '' : cli.print.bytes(one.sizeBytes)),
        align: 'right',
      },
      {
        title: { en: 'path', es: 'ruta' },
        value: ({ path, kind, linkTarget }) =>
          `/${path}${kind === 'directory' || kind === 'emptied' ? '/' : ''}${linkTarget === null ? '' : ` → ${linkTarget}`}`,
      },
    ],
    page.items,
    { empty: { en: 'no file matches', es: 'ningún archivo coincide' } },
  );
  if (page.next !== null) {
    const more = (totals?.matching ?? 0) - page.items.length;
    cli.print.line({
      en: `and ${more} more: --limit, --match or --largest`,
      es: `y ${more} más: --limit, --match o --largest`,
    });
  }
}

function matches(digest: string, asked: string): boolean {
  return digest.startsWith(asked) || digest.slice(digest.indexOf(':') + 1).startsWith(asked);
}

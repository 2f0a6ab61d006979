import type { CliProgram } from '../system/index.ts';
import type { ImageDetail } from './images.ts';

/** The answer of `GET …/owners`, which the scan gives. */
interface OwnersAnswer {
  readonly files: readonly (OwnedFile & { readonly packages: readonly Owner[] })[];
  readonly complete: boolean;
}

interface OwnedFile {
  readonly path: string;
  readonly realPath: string | null;
}

interface Owner {
  readonly type: string;
  readonly name: string;
  readonly version: string | null;
  readonly replaced: boolean;
}

type Row = OwnedFile & { readonly owner: Owner | null };

/** Which package brought which file: a row for each file and package. */
export async function printOwners(cli: CliProgram, image: ImageDetail, paths: readonly string[]): Promise<void> {
  const query = new URLSearchParams(paths.map((path) => ['path', path]));
  const project = image.repository.slice(0, image.repository.indexOf('/'));
  const answer = await cli.api.get<OwnersAnswer>(
    `/projects/${encodeURIComponent(project)}/images/${image.digest}/owners?${query}`,
  );
  if (cli.output.json) {
    cli.print.json(answer);
    return;
  }
  const rows: Row[] = answer.files.flatMap((file) => {
    const owners: readonly (Owner | null)[] = file.packages.length === 0 ? [null] : file.packages;
    return owners.map((owner) => ({ ...file, owner }));
  });
  cli.print.table(
    [
      { title: { en: 'file', es: 'archivo' }, value: ({ path, realPath }) => realPath ?? path },
      {
        title: { en: 'package', es: 'paquete' },
        value: ({ owner, realPath }) => {
          if (owner) return owner.name;
          return realPath === null
            ? cli.t({ en: 'no such file', es: 'no existe' })
            : cli.t({ en: 'of no package', es: 'de ningún paquete' });
        },
      },
      { title: { en: 'version', es: 'versión' }, value: ({ owner }) => owner?.version ?? '' },
      { title: { en: 'kind', es: 'tipo' }, value: ({ owner }) => owner?.type ?? '' },
      {
        title: { en: 'note', es: 'nota' },
        value: ({ owner }) =>
          owner?.replaced ? cli.t({ en: 'replaced by a later layer', es: 'sustituido por una capa posterior' }) : '',
      },
    ],
    rows,
  );
  if (!answer.complete) {
    cli.print.note({
      en: 'the image has more lists of files than are kept: a file of no package may have one',
      es: 'la imagen tiene más listas de archivos de las que se guardan: un archivo sin paquete puede tener uno',
    });
  }
}

import type { Digest } from '../oci/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import type { ReportChanges } from './here.ts';
import type { PackageFiles } from './owners.ts';
import type { ListedPackage, PackageChanges, PackagePage } from './package-list.ts';
import { imagePath } from './risk-commands.ts';

type Changes = { readonly previous: Digest | null; readonly packages: PackageChanges } & ReportChanges;

interface Change {
  readonly what: Text;
  readonly name: string;
  readonly detail: string;
}

/** `darsena scan packages` and `darsena scan changes`: what is in an image, and what became of it. */
export function addContentsCommands(cli: CliProgram): void {
  const scan = cli.program.commands.find((command) => command.name() === 'scan');
  scan
    ?.command('packages')
    .argument('<image>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .option('--match <text>', cli.t({ en: 'part of name, version or path', es: 'parte del nombre, versión o ruta' }))
    .option('--type <type>', cli.t({ en: 'only this kind: deb, npm, …', es: 'solo esta clase: deb, npm, …' }))
    .option(
      '--files',
      cli.t({ en: 'also the files of each, when they are few', es: 'también los archivos de cada uno, si son pocos' }),
    )
    .description(
      cli.t({
        en: 'the packages of an image, with the layer that brought each',
        es: 'los paquetes de una imagen, con la capa que trajo cada uno',
      }),
    )
    .action(async (image: string, options: { match?: string; type?: string; files?: boolean }) => {
      const base = await imagePath(cli, image);
      const items = await readPackages(cli, base, options);
      if (items.length === 0) cli.print.note({ en: 'no package matches', es: 'ningún paquete coincide' });
      const files = options.files === true ? await readFiles(cli, base, items) : null;
      if (files !== null) {
        printFiles(cli, items, files);
        return;
      }
      cli.print.table(
        [
          { title: { en: 'package', es: 'paquete' }, value: ({ name }: ListedPackage) => name },
          { title: { en: 'version', es: 'versión' }, value: ({ version }) => version },
          { title: { en: 'kind', es: 'clase' }, value: ({ type }) => type },
          {
            title: { en: 'findings', es: 'hallazgos' },
            value: ({ findings }) => (findings === 0 ? '-' : String(findings)),
            align: 'right',
          },
          { title: { en: 'layer', es: 'capa' }, value: ({ layer }) => layer.slice(7, 19) },
          { title: { en: 'told by', es: 'según' }, value: ({ path }) => path, long: true },
          { title: { en: 'licences', es: 'licencias' }, value: ({ licences }) => licences.join(', '), wide: true },
        ],
        items,
        { json: { items } },
      );
    });
  scan
    ?.command('changes')
    .argument('<image>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .description(
      cli.t({
        en: 'findings and packages that came and went since the image before it',
        es: 'hallazgos y paquetes que aparecieron y desaparecieron desde la imagen anterior',
      }),
    )
    .action(async (image: string) => {
      const changes = await cli.api.get<Changes>(`${await imagePath(cli, image)}/changes`);
      const rows = changeRows(changes);
      if (!cli.output.json) cli.print.line(summaryOf(changes));
      cli.print.table(
        [
          { title: { en: 'what', es: 'qué' }, value: ({ what }: Change) => cli.t(what) },
          { title: { en: 'name', es: 'nombre' }, value: ({ name }) => name },
          { title: { en: 'detail', es: 'detalle' }, value: ({ detail }) => detail, long: true },
        ],
        rows,
        { json: changes },
      );
    });
}

async function readPackages(
  cli: CliProgram,
  base: string,
  { match, type }: { readonly match?: string; readonly type?: string },
): Promise<ListedPackage[]> {
  const items: ListedPackage[] = [];
  let after: string | null = null;
  do {
    const query: URLSearchParams = new URLSearchParams({
      ...(match === undefined ? {} : { match }),
      ...(type === undefined ? {} : { type }),
      ...(after === null ? {} : { after }),
    });
    const page: PackagePage = await cli.api.get<PackagePage>(`${base}/packages?${query}`);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}

/** Each question reads the image's lists once: more than a handful is asked for by a narrower search. */
const FILES_ASKED_MAX = 20;

async function readFiles(
  cli: CliProgram,
  base: string,
  items: readonly ListedPackage[],
): Promise<(PackageFiles & { purl: string })[] | null> {
  if (items.length > FILES_ASKED_MAX) {
    cli.print.note({
      en: `${items.length} packages match; files are shown of at most ${FILES_ASKED_MAX}: narrow it with --match`,
      es: `${items.length} paquetes coinciden; se muestran archivos de ${FILES_ASKED_MAX} como mucho: acotar con --match`,
    });
    return null;
  }
  const found: (PackageFiles & { purl: string })[] = [];
  for (const { purl, path } of items) {
    const query = new URLSearchParams({ purl, path });
    found.push({ purl, ...(await cli.api.get<PackageFiles>(`${base}/package-files?${query}`)) });
  }
  return found;
}

function printFiles(
  cli: CliProgram,
  items: readonly ListedPackage[],
  found: readonly (PackageFiles & { purl: string })[],
): void {
  if (cli.output.json) {
    cli.print.json({ items: items.map((one, index) => ({ ...one, files: found[index]?.files ?? [] })) });
    return;
  }
  for (const [index, { name, version }] of items.entries()) {
    const { files = [], total = 0 } = found[index] ?? {};
    cli.print.line({ en: `${name} ${version}: ${total} files`, es: `${name} ${version}: ${total} archivos` });
    for (const file of files) cli.print.line(`  ${file}`);
  }
}

function summaryOf({ previous, appeared, gone, packages }: Changes): Text {
  if (previous === null) {
    return {
      en: 'there is no scanned image before it in its repository',
      es: 'no hay una imagen anterior analizada en su repositorio',
    };
  }
  const { added, removed, changed } = packages;
  return {
    en: `since ${previous.slice(0, 19)}: ${appeared.length} findings new, ${gone.length} gone; packages: ${added.length} new, ${changed.length} changed, ${removed.length} gone`,
    es: `desde ${previous.slice(0, 19)}: ${appeared.length} hallazgos nuevos, ${gone.length} desaparecidos; paquetes: ${added.length} nuevos, ${changed.length} cambiados, ${removed.length} desaparecidos`,
  };
}

const CHANGE_WORDS = {
  appeared: { en: 'finding new', es: 'hallazgo nuevo' },
  gone: { en: 'finding gone', es: 'hallazgo desaparecido' },
  added: { en: 'package new', es: 'paquete nuevo' },
  removed: { en: 'package gone', es: 'paquete desaparecido' },
  changed: { en: 'package changed', es: 'paquete cambiado' },
} as const satisfies Record<string, Text>;

function changeRows({ appeared, gone, packages }: Changes): Change[] {
  return [
    ...(['appeared', 'gone'] as const).flatMap((kind) =>
      (kind === 'appeared' ? appeared : gone).map(({ id, package: one }) => ({
        what: CHANGE_WORDS[kind],
        name: id,
        detail: `${one.name} ${one.version}`,
      })),
    ),
    ...packages.changed.map(({ name, from, version }) => ({
      what: CHANGE_WORDS.changed,
      name,
      detail: `${from} → ${version}`,
    })),
    ...packages.added.map(({ name, version }) => ({ what: CHANGE_WORDS.added, name, detail: version })),
    ...packages.removed.map(({ name, version }) => ({ what: CHANGE_WORDS.removed, name, detail: version })),
  ];
}

import type { CliProgram, OperationView, Text } from '../system/index.ts';
import { baseName, checkBaseRequest } from './base.ts';
import { RELEASES } from './releases.ts';

interface BaseView {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly owner: string | null;
  readonly source:
    | { readonly kind: 'built'; readonly by: string }
    | { readonly kind: 'mirror'; readonly remote: string };
  readonly supportUntil: string | null;
  readonly warnings: readonly Text[];
}

/** `darsena base …`: the images that other images start from. */
export function buildCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program.command('base').description(t({ en: 'base images', es: 'imágenes base' }));
  noun
    .command('list')
    .alias('ls')
    .description(t({ en: 'list base images', es: 'listar las imágenes base' }))
    .action(async () => {
      const { items } = await api.get<{ items: readonly BaseView[] }>('/bases');
      const releases = RELEASES.map(({ name }) => name).join(', ');
      print.table(
        [
          { title: { en: 'base', es: 'base' }, value: ({ repository, tag }) => `${repository}:${tag}` },
          { title: { en: 'owner', es: 'responsable' }, value: ({ owner }) => owner ?? '-' },
          {
            title: { en: 'source', es: 'origen' },
            value: ({ source }) =>
              source.kind === 'built' ? t({ en: 'built here', es: 'construida aquí' }) : source.remote,
          },
          { title: { en: 'size', es: 'tamaño' }, value: ({ sizeBytes }) => print.bytes(sizeBytes), align: 'right' },
          { title: { en: 'age', es: 'antigüedad' }, value: ({ createdAt }) => print.age(createdAt), align: 'right' },
          { title: { en: 'fixes until', es: 'correcciones hasta' }, value: ({ supportUntil }) => supportUntil ?? '-' },
          { title: { en: 'digest', es: 'digest' }, value: ({ digest }) => digest, wide: true },
          {
            title: { en: 'look at', es: 'atención' },
            value: ({ warnings }) => warnings.map((warning) => t(warning)).join('; '),
            long: true,
          },
        ],
        items,
        {
          json: { items, releases: RELEASES.map(({ name, title }) => ({ name, title })) },
          empty: {
            en: `no base images yet: darsena base create RELEASE, with RELEASE one of ${releases}`,
            es: `aún no hay imágenes base: darsena base create VERSIÓN, con VERSIÓN una de ${releases}`,
          },
        },
      );
    });
  noun
    .command('create')
    .argument('<release>', RELEASES.map(({ name }) => name).join(', '))
    .option(
      '--include <packages>',
      t({
        en: 'Debian packages on top, separated by commas',
        es: 'paquetes de Debian adicionales, separados por comas',
      }),
    )
    .option(
      '--name <name>',
      t({ en: 'its name; default: release and packages', es: 'su nombre; por defecto, versión y paquetes' }),
    )
    .description(
      t({ en: 'make a base image from Debian packages', es: 'crear una imagen base con paquetes de Debian' }),
    )
    .action(async (release: string, options: { include?: string; name?: string }) => {
      const include = (options.include ?? '').split(',').filter((name) => name !== '');
      const wanted = { release, include, ...(options.name === undefined ? {} : { name: options.name }) };
      checkBaseRequest(wanted);
      const { id } = await api.post<{ id: string }>('/bases', wanted);
      const ended: OperationView = await cli.followOperation(id);
      if (cli.output.json) print.json(ended.result);
      const name = `base/${options.name ?? baseName(release, include)}`;
      print.result({ en: `${name} is ready: FROM ${name}`, es: `${name} está lista: FROM ${name}` });
    });
  noun
    .command('set')
    .argument('<image>', 'PROJECT/IMAGE')
    .option('--owner <who>', t({ en: 'who answers for it', es: 'quién responde de ella' }))
    .option(
      '--tag <tag>',
      t({
        en: 'the tag that others build on; default latest',
        es: 'la etiqueta de la que parten otras; por defecto latest',
      }),
    )
    .option(
      '--stale-days <days>',
      t({ en: 'warn when it is older; default 30', es: 'avisar cuando sea más antigua; por defecto 30' }),
    )
    .option(
      '--support-until <date>',
      t({
        en: 'last day of its security fixes, like 2028-06-30',
        es: 'último día de sus correcciones de seguridad, como 2028-06-30',
      }),
    )
    .description(
      t({
        en: 'put an image on the list of bases, or say who answers for it',
        es: 'poner una imagen en la lista de bases o decir quién responde de ella',
      }),
    )
    .action(
      async (
        repository: string,
        options: { owner?: string; tag?: string; staleDays?: string; supportUntil?: string },
      ) => {
        const { owner, tag, staleDays, supportUntil } = options;
        await api.put('/bases', {
          repository,
          ...(owner === undefined ? {} : { owner }),
          ...(tag === undefined ? {} : { tag }),
          ...(staleDays === undefined ? {} : { staleDays: Number(staleDays) }),
          ...(supportUntil === undefined ? {} : { supportUntil }),
        });
        print.line({ en: `${repository} is a base image`, es: `${repository} es una imagen base` });
      },
    );
  noun
    .command('unset')
    .argument('<image>', 'PROJECT/IMAGE')
    .description(
      t({ en: 'take an image off the list; it stays', es: 'quitar una imagen de la lista; la imagen se queda' }),
    )
    .action(async (repository: string) => {
      await api.delete(`/bases?${new URLSearchParams({ repository })}`);
      print.line({ en: `${repository} is off the list`, es: `${repository} ya no está en la lista` });
    });
}

import type { CliProgram, OperationView } from '../system/index.ts';
import { baseName, checkBaseRequest } from './base.ts';
import { RELEASES } from './releases.ts';

interface BaseView {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: string;
  readonly sizeBytes: number;
  readonly pushedAt: string;
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
      const { items } = await api.get<{ items: readonly BaseView[] }>('/projects/base/images');
      const releases = RELEASES.map(({ name }) => name).join(', ');
      print.table(
        [
          { title: { en: 'base', es: 'base' }, value: ({ repository }) => repository },
          { title: { en: 'tags', es: 'etiquetas' }, value: ({ tags }) => tags.join(', ') },
          { title: { en: 'size', es: 'tamaño' }, value: ({ sizeBytes }) => print.bytes(sizeBytes), align: 'right' },
          { title: { en: 'age', es: 'antigüedad' }, value: ({ pushedAt }) => print.age(pushedAt), align: 'right' },
          { title: { en: 'digest', es: 'digest' }, value: ({ digest }) => digest, wide: true },
        ],
        items.filter(({ tags }) => tags.length > 0),
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
}

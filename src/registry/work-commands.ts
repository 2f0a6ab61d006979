import type { Command } from 'commander';
import type { CliProgram, Text } from '../system/index.ts';
import type { RegistryStatus } from './registry.ts';
import type { RetentionReport } from './retention-run.ts';
import type { DamageKind } from './scrub.ts';

/** `darsena repository retention`: what the rules would remove, and removing it. */
export function addRetentionCommand(noun: Command, cli: CliProgram): void {
  noun
    .command('retention')
    .argument('<where>', 'PROJECT[/REPOSITORY]')
    .option(
      '--preview',
      cli.t({ en: 'only show what would go (the default)', es: 'solo mostrar qué se iría (por defecto)' }),
    )
    .option('--run', cli.t({ en: 'remove it now', es: 'eliminarlo ahora' }))
    .option('--yes', cli.t({ en: 'do not ask', es: 'no preguntar' }))
    .description(
      cli.t({
        en: 'show what the retention of a project would remove, or remove it',
        es: 'mostrar qué eliminaría la retención de un proyecto, o eliminarlo',
      }),
    )
    .action(async (where: string, options: { run?: boolean; yes?: boolean }) => {
      const project = where.split('/', 1)[0] ?? '';
      const path = `/projects/${encodeURIComponent(project)}/retention`;
      const query = where.includes('/') ? `?${new URLSearchParams({ repository: where })}` : '';
      const report = await cli.api.get<RetentionReport>(`${path}${query}`);
      if (options.run !== true) {
        if (cli.output.json) cli.print.json(report);
        else printPreview(cli, report);
        return;
      }
      const count = report.removals.length;
      const question = {
        en: `Remove what the rules of ${project} let go (${count} images or tags now)?`,
        es: `¿Eliminar lo que dejan ir las reglas de ${project} (${count} imágenes o etiquetas ahora)?`,
      };
      const remedy = `darsena repository retention ${project} --run --yes`;
      if (options.yes !== true && !(await cli.ask.confirm(question, { remedy }))) return;
      const { operation } = await cli.api.post<{ operation: string }>(path);
      const ended = await cli.followOperation(operation);
      if (cli.output.json) cli.print.json(ended);
    });
}

function printPreview(cli: CliProgram, { project, removals, kept, sizeBytes }: RetentionReport): void {
  cli.print.table(
    [
      { title: { en: 'repository', es: 'repositorio' }, value: (one) => one.repository },
      { title: { en: 'tags', es: 'etiquetas' }, value: (one) => one.tags.join(',') || '-' },
      {
        title: { en: 'image', es: 'imagen' },
        value: (one) =>
          one.manifests.length === 0
            ? cli.t({ en: 'stays', es: 'queda' })
            : `${one.digest.slice(0, 'sha256:'.length + 12)}${one.manifests.length > 1 ? ` +${one.manifests.length - 1}` : ''}`,
      },
      { title: { en: 'size', es: 'tamaño' }, value: (one) => cli.print.bytes(one.sizeBytes), align: 'right' },
      { title: { en: 'why', es: 'por qué' }, value: (one) => cli.t(one.why), long: true },
    ],
    removals,
    {
      empty: {
        en: `nothing would be removed from ${project}; darsena repository settings ${project} shows its rules`,
        es: `no se eliminaría nada de ${project}; darsena repository settings ${project} muestra sus reglas`,
      },
    },
  );
  const size = cli.print.bytes(sizeBytes);
  const stays: Text = {
    en: `kept: ${kept.byRule} by a rule, ${kept.inUse} in use, ${kept.immutable} immutable`,
    es: `quedan: ${kept.byRule} por una regla, ${kept.inUse} en uso, ${kept.immutable} inmutables`,
  };
  if (removals.length === 0) cli.print.line(stays);
  else {
    cli.print.line({
      en: `this would remove ${removals.length} (up to ${size}); ${stays.en}`,
      es: `esto eliminaría ${removals.length} (hasta ${size}); ${stays.es}`,
    });
  }
}

/** `darsena registry …`: what the registry stores, removes and checks by itself. */
export function registryUpkeepCommands(cli: CliProgram): void {
  const noun = cli.program
    .command('registry')
    .description(cli.t({ en: 'content of the registry', es: 'contenido del registro' }));
  noun
    .command('status')
    .description(
      cli.t({
        en: 'what is stored, what the collection removed, what the scrub found',
        es: 'qué se guarda, qué eliminó la recogida, qué encontró la comprobación',
      }),
    )
    .action(async () => {
      const status = await cli.api.get<RegistryStatus>('/registry/status');
      if (cli.output.json) cli.print.json(status);
      else printStatus(cli, status);
    });
  const start = async (kind: 'collection' | 'scrub'): Promise<void> => {
    const { operation } = await cli.api.post<{ operation: string }>(`/registry/${kind}`);
    const ended = await cli.followOperation(operation);
    if (cli.output.json) cli.print.json(ended);
  };
  noun
    .command('gc')
    .description(
      cli.t({
        en: 'remove content that nothing refers to, while serving',
        es: 'eliminar el contenido al que nada se refiere, sin dejar de servir',
      }),
    )
    .action(() => start('collection'));
  noun
    .command('scrub')
    .description(
      cli.t({
        en: 'read all content, set damaged files aside and heal them where a good copy is found',
        es: 'leer todo el contenido, apartar los archivos dañados y repararlos donde haya una copia buena',
      }),
    )
    .action(() => start('scrub'));
}

function printStatus(cli: CliProgram, { content, collection, scrub, damages }: RegistryStatus): void {
  const { print } = cli;
  print.result({
    en: `stored: ${content.blobs} blobs, ${print.bytes(content.bytes)}; ${content.manifests} manifests in ${content.repositories} repositories`,
    es: `guardado: ${content.blobs} blobs, ${print.bytes(content.bytes)}; ${content.manifests} manifiestos en ${content.repositories} repositorios`,
  });
  const freed = collection.last;
  print.result(
    freed === null
      ? { en: 'collection: not run yet', es: 'recogida: aún no se ha hecho' }
      : {
          en: `collection: ${print.age(collection.finishedAt)} ago, ${freed.blobs} blobs, ${print.bytes(freed.freedBytes)} freed`,
          es: `recogida: hace ${print.age(collection.finishedAt)}, ${freed.blobs} blobs, ${print.bytes(freed.freedBytes)} liberados`,
        },
  );
  const { readBlobs, readBytes, found, healed } = scrub;
  const figures = {
    en: `${readBlobs} blobs (${print.bytes(readBytes)}) read, ${found} damaged, ${healed} healed`,
    es: `${readBlobs} blobs (${print.bytes(readBytes)}) leídos, ${found} dañados, ${healed} reparados`,
  };
  print.result(
    scrub.startedAt === null
      ? { en: 'scrub: not run yet', es: 'comprobación: aún no se ha hecho' }
      : scrub.phase === null
        ? {
            en: `scrub: ${print.age(scrub.finishedAt)} ago, ${figures.en}`,
            es: `comprobación: hace ${print.age(scrub.finishedAt)}, ${figures.es}`,
          }
        : { en: `scrub: running, ${figures.en}`, es: `comprobación: en curso, ${figures.es}` },
  );
  if (damages.length === 0) return;
  print.result('');
  print.table(
    [
      { title: { en: 'damaged', es: 'dañado' }, value: (one) => one.digest.slice(0, 'sha256:'.length + 12) },
      { title: { en: 'how', es: 'cómo' }, value: (one) => cli.t(DAMAGES[one.kind]) },
      { title: { en: 'found', es: 'hallado' }, value: (one) => print.age(one.foundAt), align: 'right' },
      {
        title: { en: 'healed', es: 'reparado' },
        value: (one) =>
          one.healedFrom ?? print.colour('bad', cli.t({ en: 'no: push it again', es: 'no: volver a subirlo' })),
      },
      { title: { en: 'repositories', es: 'repositorios' }, value: (one) => one.repositories.join(' '), long: true },
    ],
    damages,
  );
}

const DAMAGES: Readonly<Record<DamageKind, Text>> = {
  changed: { en: 'changed', es: 'cambiado' },
  truncated: { en: 'cut short', es: 'cortado' },
  missing: { en: 'missing', es: 'falta' },
  unreadable: { en: 'cannot be read', es: 'no se puede leer' },
};

import type { CliProgram, Text } from '../../system/index.ts';
import { formatSeconds, readCount, readSeconds } from './commands.ts';
import type { ReplicationEntry, ReplicationView } from './replications.ts';
import type { CopyFinding, WatchedImage, WatchView } from './watches.ts';

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

/** `darsena watch …`: images that live in other registries, and copies that should not exist. */
export function watchCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program.command('watch').description(
    t({
      en: 'images of other registries: scanned and judged where they are; copies that should not exist',
      es: 'imágenes de otros registros: examinadas y juzgadas donde están; copias que no deberían existir',
    }),
  );
  noun
    .command('list')
    .alias('ls')
    .description(t({ en: 'list watched registries', es: 'listar los registros vigilados' }))
    .action(async () => {
      const { items } = await api.get<{ items: readonly WatchView[] }>('/watches');
      print.table(
        [
          { title: { en: 'watch', es: 'vigilancia' }, value: ({ name }) => name },
          { title: { en: 'remote', es: 'remoto' }, value: ({ remote }) => remote },
          { title: { en: 'repositories', es: 'repositorios' }, value: ({ repositories }) => repositories.join(' ') },
          { title: { en: 'every', es: 'cada' }, value: ({ everySeconds }) => formatSeconds(everySeconds) },
          { title: { en: 'checked', es: 'revisado' }, value: ({ checkedAt }) => print.age(checkedAt), align: 'right' },
          {
            title: { en: 'images', es: 'imágenes' },
            value: ({ detail }) => String(detail?.images ?? '-'),
            align: 'right',
          },
          {
            title: { en: 'refused', es: 'rechazadas' },
            value: ({ detail }) => String(detail?.refused ?? '-'),
            align: 'right',
          },
          {
            title: { en: 'unsigned', es: 'sin firma' },
            value: ({ detail }) => String(detail?.unsigned ?? '-'),
            align: 'right',
          },
        ],
        items,
        {
          empty: {
            en: 'nothing is watched yet: darsena watch create NAME --remote REMOTE --repository PATTERN',
            es: 'aún no se vigila nada: darsena watch create NOMBRE --remote REMOTO --repository PATRÓN',
          },
        },
      );
    });
  noun
    .command('create')
    .argument('<name>')
    .requiredOption('--remote <remote>', t({ en: 'the remote registry', es: 'el registro remoto' }))
    .requiredOption(
      '--repository <pattern>',
      t({ en: 'repositories to look at; repeatable', es: 'repositorios que se revisan; repetible' }),
      collect,
    )
    .option(
      '--tag <pattern>',
      t({
        en: 'tags to look at; repeatable; default all',
        es: 'etiquetas que se revisan; repetible; por defecto todas',
      }),
      collect,
    )
    .option(
      '--newest <count>',
      t({ en: 'tags of each repository; default 10', es: 'etiquetas de cada repositorio; por defecto 10' }),
    )
    .option(
      '--every <time>',
      t({ en: 'how often: 30m, 6h, 1d; default 6h', es: 'cada cuánto: 30m, 6h, 1d; por defecto 6h' }),
    )
    .description(t({ en: 'watch images of a remote registry', es: 'vigilar imágenes de un registro remoto' }))
    .action(
      async (
        name: string,
        options: { remote: string; repository: string[]; tag?: string[]; newest?: string; every?: string },
      ) => {
        await api.post('/watches', {
          name,
          remote: options.remote,
          repositories: options.repository,
          ...(options.tag === undefined ? {} : { tags: options.tag }),
          ...(options.newest === undefined ? {} : { newest: readCount(options.newest, 'watch.invalid') }),
          ...(options.every === undefined ? {} : { everySeconds: readSeconds(options.every, 'watch.invalid') }),
        });
        print.line({
          en: `${name} is watched; the first look starts within a minute: darsena watch check ${name}`,
          es: `se vigila ${name}; la primera revisión empieza en un minuto: darsena watch check ${name}`,
        });
      },
    );
  noun
    .command('show')
    .argument('<name>')
    .description(t({ en: 'the images of a watched registry', es: 'las imágenes de un registro vigilado' }))
    .action(async (name: string) => {
      const watch = await api.get<WatchView & { images: readonly WatchedImage[] }>(
        `/watches/${encodeURIComponent(name)}`,
      );
      print.table(
        [
          { title: { en: 'image', es: 'imagen' }, value: ({ repository, tag }) => `${repository}:${tag}` },
          {
            title: { en: 'digest', es: 'digest' },
            value: ({ digest }) => (cli.output.wide ? digest : digest.slice(0, 19)),
          },
          {
            title: { en: 'verdict', es: 'veredicto' },
            value: ({ examination }) => (examination === null ? '-' : t(DECISIONS[examination.decision])),
          },
          {
            title: { en: 'findings', es: 'hallazgos' },
            value: ({ examination }) => riskText(examination?.byRisk ?? {}),
          },
          {
            title: { en: 'platforms', es: 'plataformas' },
            // With its own verdict where that is not the whole's.
            value: ({ examination }) =>
              (examination?.platforms ?? [])
                .map(({ platform, decision }) =>
                  decision === examination?.decision ? platform : `${platform} (${t(DECISIONS[decision])})`,
                )
                .join(', ') || '-',
          },
          {
            title: { en: 'signed by', es: 'firmada por' },
            value: ({ examination }) => examination?.signers.join(' ') || '-',
          },
          { title: { en: 'moved', es: 'movida' }, value: ({ changedAt }) => print.age(changedAt), align: 'right' },
          {
            title: { en: 'problem', es: 'problema' },
            value: ({ problem }) => (problem === null ? '' : t(problem)),
            long: true,
          },
        ],
        watch.images,
        { json: watch, empty: { en: 'no images seen yet', es: 'aún no se ha visto ninguna imagen' } },
      );
      const problem = watch.detail?.problem ?? null;
      if (problem !== null && !cli.output.json) {
        print.line({ en: `the last look: ${problem.en}`, es: `la última revisión: ${problem.es}` });
      }
    });
  noun
    .command('check')
    .argument('<name>')
    .description(t({ en: 'look now', es: 'revisar ahora' }))
    .action(async (name: string) => {
      const { id } = await api.post<{ id: string }>(`/watches/${encodeURIComponent(name)}/check`);
      const { result } = await cli.followOperation(id);
      if (cli.output.json) return print.json(result);
      const { images, changed, refused, unsigned, failed } = result as { [key: string]: number };
      print.result({
        en: `${images} images: ${changed} new or moved, ${refused} refused, ${unsigned} without a signature that counts, ${failed} failed`,
        es: `${images} imágenes: ${changed} nuevas o movidas, ${refused} rechazadas, ${unsigned} sin firma válida, ${failed} con fallo`,
      });
    });
  noun
    .command('copies')
    .option('--all', t({ en: 'also those that are over', es: 'también las ya resueltas' }))
    .option('--now', t({ en: 'compare anew', es: 'comparar de nuevo' }))
    .description(
      t({
        en: 'copies that should not exist, and images without a source',
        es: 'copias que no deberían existir e imágenes sin origen',
      }),
    )
    .action(async (options: { all?: boolean; now?: boolean }) => {
      if (options.now === true) await api.post('/copies/check');
      const { items } = await api.get<{ items: readonly CopyFinding[] }>(
        `/copies${options.all === true ? '?all=1' : ''}`,
      );
      print.table(
        [
          { title: { en: 'what', es: 'qué' }, value: ({ kind }) => t(COPIES[kind]) },
          {
            title: { en: 'where', es: 'dónde' },
            value: ({ place }) => (cli.output.wide ? place : place.replace(/(@sha256:.{12}).*/, '$1')),
          },
          { title: { en: 'found', es: 'hallada' }, value: ({ foundAt }) => print.age(foundAt), align: 'right' },
          { title: { en: 'detail', es: 'detalle' }, value: ({ detail }) => t(detail), long: true },
        ],
        items,
        { empty: { en: 'no copy that should not exist', es: 'ninguna copia que no debiera existir' } },
      );
    });
  noun
    .command('delete')
    .argument('<name>')
    .description(t({ en: 'stop watching', es: 'dejar de vigilar' }))
    .action(async (name: string) => {
      await api.delete(`/watches/${encodeURIComponent(name)}`);
      print.line({ en: `${name} is not watched any more`, es: `ya no se vigila ${name}` });
    });
}

const DECISIONS: Readonly<Record<'allow' | 'warn' | 'refuse', Text>> = {
  allow: { en: 'allow', es: 'permitir' },
  warn: { en: 'warn', es: 'advertir' },
  refuse: { en: 'refuse', es: 'rechazar' },
};

const COPIES: Readonly<Record<CopyFinding['kind'], Text>> = {
  'ours-elsewhere': { en: 'ours, elsewhere', es: 'nuestra, en otro sitio' },
  'other-digest': { en: 'same name, another image', es: 'mismo nombre, otra imagen' },
  'no-source': { en: 'without a source', es: 'sin origen' },
};

function riskText(byRisk: { readonly [risk: string]: number }): string {
  const parts = Object.entries(byRisk).filter(([, count]) => count > 0);
  return parts.length === 0 ? '-' : parts.map(([risk, count]) => `${count} ${risk}`).join(', ');
}

/** `darsena replication …`: images that go to another registry by themselves. */
export function replicationCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program
    .command('replication')
    .description(
      t({ en: 'images that go to another registry by themselves', es: 'imágenes que se envían solas a otro registro' }),
    );
  noun
    .command('list')
    .alias('ls')
    .description(t({ en: 'list replications with what waits', es: 'listar las replicaciones y lo pendiente' }))
    .action(async () => {
      const { items } = await api.get<{ items: readonly ReplicationView[] }>('/replications');
      print.table(
        [
          { title: { en: 'replication', es: 'replicación' }, value: ({ name }) => name },
          { title: { en: 'to', es: 'hacia' }, value: ({ remote }) => remote },
          { title: { en: 'repositories', es: 'repositorios' }, value: ({ repositories }) => repositories.join(' ') },
          { title: { en: 'waiting', es: 'pendientes' }, value: ({ waiting }) => String(waiting), align: 'right' },
          {
            title: { en: 'lag', es: 'retraso' },
            value: ({ lagSeconds }) => (lagSeconds === null ? '-' : formatSeconds(lagSeconds)),
            align: 'right',
          },
          { title: { en: 'refused', es: 'rechazadas' }, value: ({ refused }) => String(refused), align: 'right' },
          { title: { en: 'last', es: 'última' }, value: ({ succeededAt }) => print.age(succeededAt), align: 'right' },
          {
            title: { en: 'state', es: 'estado' },
            value: ({ paused, problem }) =>
              paused
                ? t({ en: 'paused', es: 'en pausa' })
                : problem === null
                  ? t({ en: 'ok', es: 'bien' })
                  : t(problem),
            long: true,
          },
        ],
        items,
        {
          empty: {
            en: 'no replications yet: darsena replication create NAME --remote REMOTE --repository PATTERN',
            es: 'aún no hay replicaciones: darsena replication create NOMBRE --remote REMOTO --repository PATRÓN',
          },
        },
      );
    });
  noun
    .command('create')
    .argument('<name>')
    .requiredOption('--remote <remote>', t({ en: 'where to', es: 'hacia dónde' }))
    .requiredOption(
      '--repository <pattern>',
      t({ en: 'whole names, like tienda/**; repeatable', es: 'nombres completos, como tienda/**; repetible' }),
      collect,
    )
    .option(
      '--tag <pattern>',
      t({ en: 'only these tags; repeatable; default all', es: 'solo estas etiquetas; repetible; por defecto todas' }),
      collect,
    )
    .option('--deletes', t({ en: 'delete there what is deleted here', es: 'borrar allí lo que se borra aquí' }))
    .description(
      t({ en: 'send images to another registry from now on', es: 'enviar imágenes a otro registro desde ahora' }),
    )
    .action(
      async (name: string, options: { remote: string; repository: string[]; tag?: string[]; deletes?: boolean }) => {
        const made = await api.post<ReplicationView>('/replications', {
          name,
          remote: options.remote,
          repositories: options.repository,
          ...(options.tag === undefined ? {} : { tags: options.tag }),
          deletes: options.deletes === true,
        });
        print.line({
          en: `${name}: ${made.waiting} to be sent; darsena replication show ${name}`,
          es: `${name}: ${made.waiting} por enviar; darsena replication show ${name}`,
        });
      },
    );
  noun
    .command('show')
    .argument('<name>')
    .description(t({ en: 'what waits and what went', es: 'lo pendiente y lo enviado' }))
    .action(async (name: string) => {
      const view = await api.get<ReplicationView & { entries: readonly ReplicationEntry[] }>(
        `/replications/${encodeURIComponent(name)}`,
      );
      print.table(
        [
          {
            title: { en: 'image', es: 'imagen' },
            value: ({ repository, tag, digest }) =>
              tag === null ? `${repository}@${digest.slice(0, 19)}` : `${repository}:${tag}`,
          },
          { title: { en: 'what', es: 'qué' }, value: ({ action }) => t(ACTIONS[action]) },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => t(STATES[state]) },
          { title: { en: 'since', es: 'desde hace' }, value: ({ queuedAt }) => print.age(queuedAt), align: 'right' },
          { title: { en: 'sent', es: 'enviado' }, value: ({ bytes }) => print.bytes(bytes), align: 'right' },
          {
            title: { en: 'tries', es: 'intentos' },
            value: ({ attempts }) => String(attempts),
            align: 'right',
            wide: true,
          },
          {
            title: { en: 'problem', es: 'problema' },
            value: ({ problem }) => (problem === null ? '' : t(problem)),
            long: true,
          },
        ],
        view.entries,
        { json: view, empty: { en: 'nothing was to be sent yet', es: 'aún no hubo nada que enviar' } },
      );
    });
  noun
    .command('sync')
    .argument('<name>')
    .description(
      t({ en: 'compare everything and try what waits now', es: 'comparar todo e intentar ahora lo pendiente' }),
    )
    .action(async (name: string) => {
      const { waiting } = await api.post<ReplicationView>(`/replications/${encodeURIComponent(name)}/sync`);
      print.result({ en: `${waiting} images wait`, es: `${waiting} imágenes pendientes` });
    });
  for (const [verb, paused, text] of [
    [
      'pause',
      true,
      { en: 'hold a replication; what changes is queued', es: 'detener una replicación; los cambios quedan en cola' },
    ],
    ['resume', false, { en: 'let a replication go on', es: 'reanudar una replicación' }],
  ] as const) {
    noun
      .command(verb)
      .argument('<name>')
      .description(t(text))
      .action(async (name: string) => {
        await api.put(`/replications/${encodeURIComponent(name)}`, { paused });
        print.line(
          paused
            ? { en: `${name} is paused`, es: `${name} está en pausa` }
            : { en: `${name} goes on`, es: `${name} se reanuda` },
        );
      });
  }
  noun
    .command('delete')
    .argument('<name>')
    .description(
      t({
        en: 'end a replication; what is there stays there',
        es: 'terminar una replicación; lo enviado se queda allí',
      }),
    )
    .action(async (name: string) => {
      await api.delete(`/replications/${encodeURIComponent(name)}`);
      print.line({ en: `deleted ${name}`, es: `se borró ${name}` });
    });
}

const ACTIONS: Readonly<Record<ReplicationEntry['action'], Text>> = {
  put: { en: 'send', es: 'enviar' },
  delete: { en: 'delete', es: 'borrar' },
};

const STATES: Readonly<Record<ReplicationEntry['state'], Text>> = {
  waiting: { en: 'waiting', es: 'pendiente' },
  done: { en: 'sent', es: 'enviada' },
  same: { en: 'was there', es: 'ya estaba' },
  refused: { en: 'refused here', es: 'rechazada aquí' },
  gone: { en: 'gone here', es: 'ya no está aquí' },
};

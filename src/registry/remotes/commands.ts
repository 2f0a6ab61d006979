import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { CliProgram, Text } from '../../system/index.ts';
import { remoteFault } from './errors.ts';
import type { MirroredTag, MirrorView } from './mirrors.ts';
import type { RemoteView } from './remotes.ts';

/** `darsena remote …`: the registries that this one may talk to. */
export function remoteCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program
    .command('remote')
    .description(
      t({ en: 'other registries that this one may talk to', es: 'otros registros con los que se puede hablar' }),
    );
  noun
    .command('list')
    .alias('ls')
    .description(t({ en: 'list remote registries', es: 'listar los registros remotos' }))
    .action(async () => {
      const { items } = await api.get<{ items: readonly RemoteView[] }>('/remotes');
      print.table(
        [
          { title: { en: 'remote', es: 'remoto' }, value: ({ name }) => name },
          { title: { en: 'address', es: 'dirección' }, value: ({ url }) => url },
          { title: { en: 'as', es: 'como' }, value: ({ username }) => username ?? '-' },
          { title: { en: 'repositories', es: 'repositorios' }, value: ({ repositories }) => repositories.join(' ') },
          { title: { en: 'projects', es: 'proyectos' }, value: ({ projects }) => projects.join(' ') },
          { title: { en: 'networks', es: 'redes' }, value: ({ networks }) => networks.join(' '), wide: true },
          {
            title: { en: 'state', es: 'estado' },
            value: ({ offline }) =>
              offline ? t({ en: 'offline', es: 'sin conexión' }) : t({ en: 'online', es: 'en línea' }),
          },
        ],
        items,
        {
          empty: {
            en: 'no remote registries yet: darsena remote create NAME https://HOST',
            es: 'aún no hay registros remotos: darsena remote create NOMBRE https://HOST',
          },
        },
      );
    });
  remoteOptions(
    cli,
    noun
      .command('create')
      .argument('<name>')
      .argument('<url>', 'https://HOST[:PORT]')
      .description(t({ en: 'allow another registry to be talked to', es: 'permitir hablar con otro registro' })),
  ).action(async (name: string, url: string, options: RemoteOptions) => {
    await api.post('/remotes', { name, url, ...(await remoteInput(cli, options)) });
    print.line({
      en: `${name} can be used: darsena remote check ${name}`,
      es: `${name} ya se puede usar: darsena remote check ${name}`,
    });
  });
  remoteOptions(
    cli,
    noun
      .command('change')
      .argument('<name>')
      .option(
        '--url <url>',
        t({ en: 'another address; takes the credentials away', es: 'otra dirección; quita las credenciales' }),
      )
      .option('--offline', t({ en: 'do not contact it; serve what is here', es: 'no contactar; servir lo que hay' }))
      .option('--online', t({ en: 'contact it again', es: 'volver a contactar' }))
      .description(t({ en: 'change a remote registry', es: 'cambiar un registro remoto' })),
  ).action(async (name: string, options: RemoteOptions & { url?: string; offline?: boolean; online?: boolean }) => {
    const state = options.offline === true ? { offline: true } : options.online === true ? { offline: false } : {};
    const input = { ...(options.url === undefined ? {} : { url: options.url }), ...state };
    await api.put(`/remotes/${encodeURIComponent(name)}`, { ...input, ...(await remoteInput(cli, options)) });
    print.line({ en: `changed ${name}`, es: `se cambió ${name}` });
  });
  noun
    .command('check')
    .argument('<name>')
    .description(t({ en: 'see whether it answers and lets us in', es: 'comprobar si responde y deja entrar' }))
    .action(async (name: string) => {
      const answer = await api.post<{ instance: string | null; milliseconds: number }>(
        `/remotes/${encodeURIComponent(name)}/check`,
      );
      if (cli.output.json) return print.json(answer);
      const kind = answer.instance === null ? '' : ' (Dársena)';
      print.result({
        en: `${name} answers${kind}, ${answer.milliseconds} ms`,
        es: `${name} responde${kind}, ${answer.milliseconds} ms`,
      });
    });
  noun
    .command('delete')
    .argument('<name>')
    .description(
      t({ en: 'forget a remote registry and its credentials', es: 'olvidar un registro remoto y sus credenciales' }),
    )
    .action(async (name: string) => {
      await api.delete(`/remotes/${encodeURIComponent(name)}`);
      print.line({ en: `deleted ${name}`, es: `se borró ${name}` });
    });
}

interface RemoteOptions {
  username?: string;
  passwordStdin?: boolean;
  caFile?: string;
  repository?: string[];
  project?: string[];
  network?: string[];
  tokenHost?: string[];
  storageHost?: string[];
}

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

function remoteOptions(cli: CliProgram, command: Command): Command {
  const text = (en: string, es: string): string => cli.t({ en, es });
  return command
    .option('--username <name>', text('who to log in as', 'con qué usuario entrar'))
    .option(
      '--password-stdin',
      text('read the password or token from standard input', 'leer la contraseña o el token de la entrada estándar'),
    )
    .option('--ca-file <file>', text('a CA of its own, in PEM', 'una CA propia, en PEM'))
    .option(
      '--repository <pattern>',
      text(
        'repositories that may be asked for; repeatable; default all',
        'repositorios que se pueden pedir; repetible; por defecto todos',
      ),
      collect,
    )
    .option(
      '--project <pattern>',
      text(
        'projects that may use it; repeatable; default all',
        'proyectos que pueden usarlo; repetible; por defecto todos',
      ),
      collect,
    )
    .option(
      '--network <cidr>',
      text('a private network that it stands in; repeatable', 'una red privada en la que está; repetible'),
      collect,
    )
    .option(
      '--token-host <host>',
      text(
        'another host that issues its tokens and gets the credentials; repeatable',
        'otro host que emite sus tokens y recibe las credenciales; repetible',
      ),
      collect,
    )
    .option(
      '--storage-host <host>',
      text(
        'another host that its content may come from, without credentials; repeatable',
        'otro host del que puede venir su contenido, sin credenciales; repetible',
      ),
      collect,
    );
}

async function remoteInput(cli: CliProgram, options: RemoteOptions): Promise<object> {
  const { username, passwordStdin, caFile, repository, project, network, tokenHost, storageHost } = options;
  if ((username === undefined) !== (passwordStdin !== true)) {
    throw remoteFault('remote.invalid', { why: '--username and --password-stdin belong together' });
  }
  return {
    ...(username === undefined ? {} : { credentials: { name: username, secret: await readSecret(cli) } }),
    ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
    ...(repository === undefined ? {} : { repositories: repository }),
    ...(project === undefined ? {} : { projects: project }),
    ...(network === undefined ? {} : { networks: network }),
    ...(tokenHost === undefined ? {} : { tokenHosts: tokenHost }),
    ...(storageHost === undefined ? {} : { storageHosts: storageHost }),
  };
}

/** Never as an argument: those are seen by every user of the machine. */
async function readSecret(cli: CliProgram): Promise<string> {
  if (process.stdin.isTTY) {
    const remedy = 'darsena remote change NAME --username USER --password-stdin < FILE';
    return cli.ask.text({ en: 'Password or token', es: 'Contraseña o token' }, { remedy, secret: true });
  }
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > 10_000) break;
  }
  return text.replace(/\r?\n$/, '');
}

/** `darsena mirror …`: repositories whose content comes from a remote registry. */
export function mirrorCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program.command('mirror').description(
    t({
      en: 'repositories that hold what a remote registry has',
      es: 'repositorios con el contenido de un registro remoto',
    }),
  );
  noun
    .command('list')
    .alias('ls')
    .description(t({ en: 'list mirrors', es: 'listar las réplicas locales' }))
    .action(async () => {
      const { items } = await api.get<{ items: readonly MirrorView[] }>('/mirrors');
      print.table(
        [
          { title: { en: 'mirror', es: 'réplica' }, value: ({ prefix }) => prefix },
          { title: { en: 'source', es: 'origen' }, value: sourceOf },
          { title: { en: 'on demand', es: 'al pedirla' }, value: ({ pullThrough }) => yesNo(cli, pullThrough) },
          {
            title: { en: 'every', es: 'cada' },
            value: ({ everySeconds }) => (everySeconds === null ? '-' : formatSeconds(everySeconds)),
          },
          {
            title: { en: 'last sync', es: 'última sincronización' },
            value: ({ syncedAt }) => print.age(syncedAt),
            align: 'right',
          },
          { title: { en: 'state', es: 'estado' }, value: (mirror) => stateOf(cli, mirror) },
          { title: { en: 'tags', es: 'etiquetas' }, value: ({ tags }) => tags.join(' ') || '*', wide: true },
          {
            title: { en: 'platforms', es: 'plataformas' },
            value: ({ platforms }) => platforms.join(' ') || '*',
            wide: true,
          },
        ],
        items,
        {
          empty: {
            en: 'no mirrors yet: darsena mirror create PROJECT/NAME --from REMOTE[/UPSTREAM]',
            es: 'aún no hay réplicas: darsena mirror create PROYECTO/NOMBRE --from REMOTO[/ORIGEN]',
          },
        },
      );
    });
  mirrorOptions(
    cli,
    noun
      .command('create')
      .argument('<mirror>', 'PROJECT/NAME')
      .requiredOption(
        '--from <remote>',
        t({
          en: 'REMOTE, or REMOTE/REPOSITORY to stand for the name',
          es: 'REMOTO, o REMOTO/REPOSITORIO al que equivale el nombre',
        }),
      )
      .description(
        t({
          en: 'mirror a remote registry below PROJECT/NAME',
          es: 'replicar un registro remoto bajo PROYECTO/NOMBRE',
        }),
      ),
  ).action(async (prefix: string, options: MirrorOptions & { from: string }) => {
    const [project = '', ...name] = prefix.split('/');
    const [remote = '', ...upstream] = options.from.split('/');
    const body = { name: name.join('/'), remote, upstream: upstream.join('/'), ...mirrorInput(options) };
    await api.post(`/projects/${encodeURIComponent(project)}/mirrors`, body);
    print.line({
      en: `${prefix} mirrors ${options.from}: podman pull …/${prefix}/IMAGE, or darsena mirror sync ${prefix}`,
      es: `${prefix} replica ${options.from}: podman pull …/${prefix}/IMAGEN, o darsena mirror sync ${prefix}`,
    });
  });
  mirrorOptions(
    cli,
    noun
      .command('change')
      .argument('<mirror>', 'PROJECT/NAME')
      .description(t({ en: 'change a mirror', es: 'cambiar una réplica local' })),
  ).action(async (prefix: string, options: MirrorOptions) => {
    await api.put(pathOf(prefix), mirrorInput(options));
    print.line({ en: `changed ${prefix}`, es: `se cambió ${prefix}` });
  });
  noun
    .command('show')
    .argument('<mirror>', 'PROJECT/NAME')
    .description(
      t({ en: 'a mirror and what it knows of its source', es: 'una réplica local y lo que sabe de su origen' }),
    )
    .action(async (prefix: string) => {
      const mirror = await api.get<MirrorView & { mirrored: readonly MirroredTag[] }>(pathOf(prefix));
      if (cli.output.json) return print.json(mirror);
      print.result(`${mirror.prefix} ← ${sourceOf(mirror)}: ${stateOf(cli, mirror)}`);
      print.table(
        [
          { title: { en: 'image', es: 'imagen' }, value: ({ repository, tag }) => `${repository}:${tag}` },
          { title: { en: 'at the source', es: 'en el origen' }, value: ({ digest }) => digest?.slice(0, 19) ?? '-' },
          { title: { en: 'asked', es: 'consultada' }, value: ({ checkedAt }) => print.age(checkedAt), align: 'right' },
          { title: { en: 'moved', es: 'movida' }, value: ({ changedAt }) => print.age(changedAt), align: 'right' },
          {
            title: { en: 'state', es: 'estado' },
            value: ({ state, detail }) => (detail === null ? t(TAG_STATES[state]) : t(detail)),
            long: true,
          },
        ],
        mirror.mirrored,
        { empty: { en: 'nothing was asked for yet', es: 'aún no se ha pedido nada' } },
      );
    });
  noun
    .command('sync')
    .argument('<mirror>', 'PROJECT/NAME')
    .description(t({ en: 'bring what is new now', es: 'traer ahora lo nuevo' }))
    .action(async (prefix: string) => {
      const { id } = await api.post<{ id: string }>(`${pathOf(prefix)}/sync`);
      const { result } = await cli.followOperation(id);
      if (cli.output.json) return print.json(result);
      const { brought, unchanged, tags, bytes } = result as {
        brought: number;
        unchanged: number;
        tags: number;
        bytes: number;
      };
      print.result({
        en: `${tags} tags: ${brought} brought (${print.bytes(bytes)}), ${unchanged} unchanged`,
        es: `${tags} etiquetas: ${brought} traídas (${print.bytes(bytes)}), ${unchanged} sin cambios`,
      });
    });
  noun
    .command('delete')
    .argument('<mirror>', 'PROJECT/NAME')
    .description(t({ en: 'end a mirror; its images stay', es: 'terminar una réplica local; sus imágenes se quedan' }))
    .action(async (prefix: string) => {
      await api.delete(pathOf(prefix));
      print.line({
        en: `deleted the mirror ${prefix}; its images stay`,
        es: `se borró la réplica ${prefix}; sus imágenes se quedan`,
      });
    });
}

interface MirrorOptions {
  onDemand?: boolean;
  repository?: string[];
  tag?: string[];
  platform?: string[];
  referrers?: boolean;
  newest?: string;
  every?: string;
  fresh?: string;
  sizeMax?: string;
}

function mirrorOptions(cli: CliProgram, command: Command): Command {
  const text = (en: string, es: string): string => cli.t({ en, es });
  return command
    .option('--no-on-demand', text('do not fetch when somebody pulls', 'no obtener cuando alguien descarga'))
    .option(
      '--repository <pattern>',
      text(
        'what a sync brings, below the upstream; repeatable; default the upstream itself',
        'lo que trae una sincronización, bajo el origen; repetible; por defecto el origen mismo',
      ),
      collect,
    )
    .option(
      '--tag <pattern>',
      text(
        'tags that a sync brings; repeatable; default all',
        'etiquetas que trae una sincronización; repetible; por defecto todas',
      ),
      collect,
    )
    .option(
      '--platform <os/arch>',
      text(
        'platforms that a sync brings; repeatable; default all',
        'plataformas que trae una sincronización; repetible; por defecto todas',
      ),
      collect,
    )
    .option('--no-referrers', text('without signatures, SBOMs and attestations', 'sin firmas, SBOM ni atestaciones'))
    .option(
      '--newest <count>',
      text('only so many tags of each repository', 'solo tantas etiquetas de cada repositorio'),
    )
    .option(
      '--every <time>',
      text('sync every so often: 30m, 6h, 1d; never', 'sincronizar cada: 30m, 6h, 1d; never (nunca)'),
    )
    .option(
      '--fresh <time>',
      text(
        'believe a tag for so long: 10m, 1h; default 1h',
        'dar por buena una etiqueta durante: 10m, 1h; por defecto 1h',
      ),
    )
    .option('--size-max <bytes>', text('the largest image, in bytes', 'la imagen más grande, en bytes'));
}

function mirrorInput(options: MirrorOptions): object {
  const { onDemand, repository, tag, platform, referrers, newest, every, fresh, sizeMax } = options;
  return {
    ...(onDemand === false ? { pullThrough: false } : {}),
    ...(repository === undefined ? {} : { repositories: repository }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(platform === undefined ? {} : { platforms: platform }),
    ...(referrers === false ? { referrers: false } : {}),
    ...(newest === undefined ? {} : { newest: readCount(newest) }),
    ...(every === undefined ? {} : { everySeconds: every === 'never' ? null : readSeconds(every) }),
    ...(fresh === undefined ? {} : { freshSeconds: readSeconds(fresh) }),
    ...(sizeMax === undefined ? {} : { sizeMaxBytes: readCount(sizeMax) }),
  };
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `30m`, `6h`, `1d`. @param code what is not defined by another text */
export function readSeconds(text: string, code: 'mirror.invalid' | 'watch.invalid' = 'mirror.invalid'): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count === undefined) throw remoteFault(code, { why: `"${text.slice(0, 40)}" is no time: expected 30m, 6h, 1d` });
  return Number(count) * (SECONDS[unit] ?? 1);
}

/** A text that is no number would be sent as null, which lifts a bound. */
export function readCount(text: string, code: 'mirror.invalid' | 'watch.invalid' = 'mirror.invalid'): number {
  if (!/^\d{1,15}$/.test(text))
    throw remoteFault(code, { why: `"${text.slice(0, 40)}" is no count: expected a whole number` });
  return Number(text);
}

export function formatSeconds(seconds: number): string {
  for (const unit of ['d', 'h', 'm']) {
    const size = SECONDS[unit] ?? 1;
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

function pathOf(prefix: string): string {
  const [project = '', ...name] = prefix.split('/');
  return `/projects/${encodeURIComponent(project)}/mirrors/${encodeURIComponent(name.join('/'))}`;
}

function sourceOf({ remote, upstream }: MirrorView): string {
  return upstream === '' ? remote : `${remote}/${upstream}`;
}

const TAG_STATES: Readonly<Record<MirroredTag['state'], Text>> = {
  current: { en: 'as at the source', es: 'como en el origen' },
  gone: { en: 'gone at the source', es: 'ya no está en el origen' },
  failed: { en: 'failed', es: 'falló' },
};

function stateOf(cli: CliProgram, { syncState, syncDetail }: MirrorView): string {
  switch (syncState) {
    case null:
      return cli.t({ en: 'not yet', es: 'aún no' });
    case 'running':
      return cli.t({ en: 'running', es: 'en marcha' });
    case 'done':
      return cli.t({ en: 'done', es: 'hecha' });
    case 'failed':
      return syncDetail?.problem == null ? cli.t({ en: 'failed', es: 'falló' }) : cli.t(syncDetail.problem);
  }
}

function yesNo(cli: CliProgram, value: boolean): string {
  return value ? cli.t({ en: 'yes', es: 'sí' }) : 'no';
}

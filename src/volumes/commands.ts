import { readFile } from 'node:fs/promises';
import type { CliProgram, Text } from '../system/index.ts';
import { volumeFault } from './errors.ts';
import {
  ACCESS_MODES,
  type ClaimKey,
  type ClaimState,
  type Driver,
  formatBytes,
  formatClaim,
  type StorageClass,
} from './model.ts';
import type { Copy, Schedule } from './store.ts';
import type { ClaimView, FormatGrant } from './volumes.ts';

interface RepositoryRow {
  readonly name: string;
  readonly location: string;
  readonly backups: number;
  readonly createdAt: string;
}

interface ClaimDetails extends ClaimView {
  readonly copies: readonly Copy[];
  readonly schedule: Schedule | null;
}

const STATES: Readonly<Record<ClaimState, Text & { readonly colour: 'good' | 'warn' | 'bad' | 'faint' }>> = {
  pending: { en: 'pending', es: 'pendiente', colour: 'faint' },
  ready: { en: 'ready', es: 'listo', colour: 'good' },
  'in-use': { en: 'in use', es: 'en uso', colour: 'good' },
  'nearly-full': { en: 'nearly full', es: 'casi lleno', colour: 'warn' },
  full: { en: 'full', es: 'lleno', colour: 'bad' },
  unavailable: { en: 'unavailable', es: 'no disponible', colour: 'bad' },
  released: { en: 'released', es: 'liberado', colour: 'faint' },
  removing: { en: 'being removed', es: 'eliminándose', colour: 'warn' },
  unknown: { en: 'unknown', es: 'desconocido', colour: 'warn' },
};

/** `volume …`: what data there is, in which class, and its end. */
export function volumeCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const volume = program
    .command('volume')
    .description(t({ en: 'volumes of workloads', es: 'volúmenes de las cargas de trabajo' }));
  const argument = ['<volume>', t({ en: 'PROJECT/ENVIRONMENT/CLAIM', es: 'PROYECTO/ENTORNO/PETICIÓN' })] as const;

  volume
    .command('list')
    .argument('[project]')
    .description(
      t({ en: 'volumes, what they hold and why one waits', es: 'volúmenes, qué contienen y por qué alguno espera' }),
    )
    .action(async (project: string | undefined) => {
      const path = project === undefined ? '/volumes' : `/projects/${encodeURIComponent(project)}/volumes`;
      const { items } = await api.get<{ items: ClaimView[] }>(path);
      print.table(
        [
          { title: { en: 'volume', es: 'volumen' }, value: formatClaim },
          { title: { en: 'class', es: 'clase' }, value: (row) => row.class },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => sayState(cli, state) },
          {
            title: { en: 'size', es: 'tamaño' },
            value: ({ requestedBytes }) => formatBytes(requestedBytes),
            align: 'right',
          },
          {
            title: { en: 'used', es: 'usado' },
            value: ({ look }) => (look?.usedBytes == null ? '—' : print.bytes(look.usedBytes)),
            align: 'right',
          },
          { title: { en: 'access', es: 'acceso' }, value: ({ accessModes }) => accessModes.join(','), wide: true },
          { title: { en: 'at its end', es: 'al final' }, value: ({ reclaim }) => sayReclaim(cli, reclaim), wide: true },
          { title: { en: 'why', es: 'motivo' }, value: ({ why }) => (why === null ? '' : t(why)), long: true },
        ],
        items,
        {
          empty: {
            en: 'No volume. Write a PersistentVolumeClaim into a manifest and deploy it.',
            es: 'Ningún volumen. Escribir un PersistentVolumeClaim en un manifiesto y desplegarlo.',
          },
        },
      );
    });
  volume
    .command('show')
    .argument(...argument)
    .description(
      t({
        en: 'all about one volume, its copies and its schedule',
        es: 'todo sobre un volumen, sus copias y su programación',
      }),
    )
    .action(async (text: string) => {
      const found = await api.get<ClaimDetails>(pathOf(readKey(text)));
      if (cli.output.json) return print.json(found);
      const line = (name: Text, value: string): void => print.line(`${t(name)}: ${value}`);
      print.line(print.colour('strong', formatClaim(found)));
      line(
        { en: 'state', es: 'estado' },
        `${sayState(cli, found.state)}${found.why === null ? '' : ` (${t(found.why)})`}`,
      );
      line({ en: 'class', es: 'clase' }, `${found.class}, ${sayDriver(cli, found.driver)}`);
      line(
        { en: 'encrypted', es: 'cifrado' },
        found.sealed
          ? t({ en: 'yes, under a key of its own', es: 'sí, con una clave propia' })
          : t({ en: 'no', es: 'no' }),
      );
      line({ en: 'access', es: 'acceso' }, found.accessModes.join(', '));
      line({ en: 'size', es: 'tamaño' }, formatBytes(found.requestedBytes));
      if (found.look !== null) {
        const { usedBytes, freeBytes, limit, containers } = found.look;
        if (usedBytes !== null) line({ en: 'used', es: 'usado' }, print.bytes(usedBytes));
        if (freeBytes !== null) line({ en: 'free below it', es: 'libre debajo' }, print.bytes(freeBytes));
        const kept = limit.enforced
          ? t({ en: 'kept by the file system', es: 'lo impone el sistema de archivos' })
          : `${t({ en: 'not enforced', es: 'no se impone' })}: ${t(limit.why)}`;
        line({ en: 'limit', es: 'límite' }, kept);
        line({ en: 'containers', es: 'contenedores' }, String(containers));
      }
      line({ en: 'at its end', es: 'al final' }, sayReclaim(cli, found.reclaim));
      if (found.host !== null)
        line({ en: 'host', es: 'host' }, `${found.host} (${t({ en: 'epoch', es: 'época' })} ${found.epoch})`);
      if (found.schedule !== null) {
        const { cron, repository, nextAt } = found.schedule;
        line({ en: 'backup', es: 'copia' }, `${cron} → ${repository}, ${t({ en: 'next', es: 'siguiente' })} ${nextAt}`);
      }
      if (found.copies.length > 0) printCopies(cli, found.copies);
    });
  volume
    .command('keep')
    .argument(...argument)
    .description(
      t({ en: 'its data stays when no release wants it', es: 'sus datos se quedan cuando ninguna versión lo pide' }),
    )
    .action(async (text: string) => setReclaim(text, { policy: 'retain' }));
  volume
    .command('expire')
    .argument(...argument)
    .option(
      '--after <hours>',
      t({ en: 'hours after the last release that wanted it', es: 'horas desde la última versión que lo pidió' }),
      '24',
    )
    .description(
      t({
        en: 'its data goes some time after no release wants it',
        es: 'sus datos se borran un tiempo después de que ninguna versión lo pida',
      }),
    )
    .action(async (text: string, { after }: { after: string }) =>
      setReclaim(text, { policy: 'delete', afterHours: Number(after) }),
    );
  volume
    .command('remove')
    .argument(...argument)
    .option('--yes', t({ en: 'do not ask', es: 'no preguntar' }))
    .description(
      t({
        en: 'take its data and snapshots away for good; the audit log keeps the proof',
        es: 'borrar para siempre sus datos e instantáneas; la auditoría guarda la prueba',
      }),
    )
    .action(async (text: string, { yes }: { yes?: boolean }) => {
      const key = readKey(text);
      const question: Text = {
        en: `All data and snapshots of ${formatClaim(key)} go for good; backups stay. Go on?`,
        es: `Todos los datos e instantáneas de ${formatClaim(key)} se borran para siempre; las copias de seguridad se quedan. ¿Continuar?`,
      };
      if (!yes && !(await cli.ask.confirm(question, { remedy: `darsena volume remove ${formatClaim(key)} --yes` })))
        return;
      const { operation } = await api.delete<{ operation: string }>(pathOf(key));
      await finish(cli, operation);
    });
  volume
    .command('move')
    .argument(...argument)
    .requiredOption(
      '--host <host>',
      t({ en: 'the host that may write from now on', es: 'el host que puede escribir desde ahora' }),
    )
    .description(
      t({
        en: 'let another host write to it; whoever held it before ends its pods',
        es: 'dejar que otro host escriba en él; quien lo tenía termina sus pods',
      }),
    )
    .action(async (text: string, { host }: { host: string }) => {
      const found = await api.put<ClaimView>(`${pathOf(readKey(text))}/host`, { host });
      if (cli.output.json) return print.json(found);
      print.line({
        en: `${formatClaim(found)}: epoch ${found.epoch}, ${host}`,
        es: `${formatClaim(found)}: época ${found.epoch}, ${host}`,
      });
    });
  volume
    .command('snapshot')
    .argument(...argument)
    .description(
      t({
        en: 'copy it as it is at one moment, on the same disk; restored like a backup',
        es: 'copiarlo como está en un momento, en el mismo disco; se restaura como una copia',
      }),
    )
    .action(async (text: string) => {
      const { operation } = await api.post<{ operation: string; id: string }>(`${pathOf(readKey(text))}/snapshots`);
      await finish(cli, operation);
    });

  async function setReclaim(text: string, reclaim: { policy: string; afterHours?: number }): Promise<void> {
    const found = await api.put<ClaimView>(`${pathOf(readKey(text))}/reclaim`, reclaim);
    if (cli.output.json) return print.json(found);
    print.line(`${formatClaim(found)}: ${sayReclaim(cli, found.reclaim)}`);
  }

  const classes = volume.command('class').description(t({ en: 'storage classes', es: 'clases de almacenamiento' }));
  const printClasses = (items: readonly StorageClass[]): void =>
    print.table(
      [
        { title: { en: 'class', es: 'clase' }, value: ({ name, isDefault }) => (isDefault ? `${name} *` : name) },
        { title: { en: 'where', es: 'dónde' }, value: (one) => sayDriver(cli, one.driver) },
        { title: { en: 'at its end', es: 'al final' }, value: ({ reclaim }) => sayReclaim(cli, reclaim) },
        {
          title: { en: 'largest', es: 'máximo' },
          value: ({ maxBytes }) => (maxBytes === null ? '—' : formatBytes(maxBytes)),
          align: 'right',
        },
        {
          title: { en: 'environments', es: 'entornos' },
          value: ({ environments }) => environments.join(',') || t({ en: 'all', es: 'todos' }),
        },
        {
          title: { en: 'encrypted in', es: 'cifrado en' },
          value: ({ encrypt }) => (encrypt.includes('*') ? t({ en: 'all', es: 'todos' }) : encrypt.join(',') || '—'),
        },
        { title: { en: 'access', es: 'acceso' }, value: ({ accessModes }) => accessModes.join(','), wide: true },
      ],
      items,
    );
  classes
    .command('list')
    .description(t({ en: 'classes that a claim may name', es: 'clases que puede nombrar una petición' }))
    .action(async () => printClasses((await api.get<{ items: StorageClass[] }>('/storage-classes')).items));
  classes
    .command('set')
    .argument('<name>')
    .option(
      '--folder <path>',
      t({
        en: 'below this folder of the host, which its own list must allow',
        es: 'bajo esta carpeta del host, que su propia lista debe permitir',
      }),
    )
    .option(
      '--export <name>',
      t({
        en: 'on the NAS or SAN that the host names so in its own list',
        es: 'en el NAS o SAN que el host nombra así en su propia lista',
      }),
    )
    .option(
      '--encrypt <kinds>',
      t({
        en: 'kinds of environment whose volumes lie encrypted; all: every kind',
        es: 'tipos de entorno cuyos volúmenes se guardan cifrados; all: todos los tipos',
      }),
    )
    .option(
      '--expire <hours>',
      t({
        en: 'data goes so long after its end; without it, it stays',
        es: 'los datos se borran tanto después del final; sin esto, se quedan',
      }),
    )
    .option('--max <size>', t({ en: 'largest claim, such as 20Gi', es: 'petición máxima, como 20Gi' }))
    .option('--access <modes>', t({ en: `of ${ACCESS_MODES.join(',')}`, es: `de ${ACCESS_MODES.join(',')}` }))
    .option(
      '--environments <kinds>',
      t({ en: 'kinds of environment that may use it', es: 'tipos de entorno que pueden usarla' }),
    )
    .option('--default', t({ en: 'for claims that name no class', es: 'para peticiones que no nombran ninguna' }))
    .description(t({ en: 'offer storage under a name', es: 'ofrecer almacenamiento con un nombre' }))
    .action(async (name: string, options: ClassOptions) => {
      const found = await api.put<StorageClass>(`/storage-classes/${encodeURIComponent(name)}`, readClass(options));
      if (cli.output.json) return print.json(found);
      printClasses([found]);
    });
  classes
    .command('remove')
    .argument('<name>')
    .description(
      t({ en: 'take a class away that no claim lies in', es: 'quitar una clase en la que no hay ninguna petición' }),
    )
    .action(async (name: string) => {
      printClasses((await api.delete<{ items: StorageClass[] }>(`/storage-classes/${encodeURIComponent(name)}`)).items);
    });
  addDevices(cli, volume);
}

/** `volume device …`: which host gives a blank disk of a SAN its file system. */
function addDevices(cli: CliProgram, volume: ReturnType<CliProgram['program']['command']>): void {
  const { api, print, t } = cli;
  const printDevices = (items: readonly FormatGrant[]): void =>
    print.table(
      [
        { title: { en: 'id', es: 'id' }, value: ({ id }) => id },
        { title: { en: 'device', es: 'dispositivo' }, value: ({ device }) => device },
        { title: { en: 'formatted by', es: 'lo formatea' }, value: ({ host }) => host },
        { title: { en: 'its name there', es: 'su nombre allí' }, value: ({ name }) => name },
        { title: { en: 'since', es: 'desde' }, value: ({ grantedAt }) => grantedAt.slice(0, 10) },
      ],
      items,
    );
  const devices = volume.command('device').description(
    t({
      en: 'devices that the platform gave a file system, and by which host',
      es: 'dispositivos en los que la plataforma creó un sistema de archivos, y por qué host',
    }),
  );
  devices
    .command('list', { isDefault: true })
    .description(
      t({
        en: 'which host may format which device: one alone, whatever several see at once',
        es: 'qué host puede formatear cada dispositivo: uno solo, vean lo que vean los demás',
      }),
    )
    .action(async () => {
      const { items } = await api.get<{ items: FormatGrant[] }>('/storage-devices');
      printDevices(items);
    });
  devices
    .command('release')
    .argument('<id>')
    .description(
      t({
        en: 'let another host format it: the one that may is gone, or the device was cleared on purpose',
        es: 'dejar que otro host lo formatee: el que podía ya no está, o el dispositivo se vació a propósito',
      }),
    )
    .action(async (id: string) => {
      const { items } = await api.delete<{ items: FormatGrant[] }>(`/storage-devices/${encodeURIComponent(id)}`);
      printDevices(items);
    });
}

/** `backup …`: copies of volumes elsewhere, and what comes back from them. */
export function backupCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const backup = program.command('backup').description(
    t({
      en: 'copies of volumes: encrypted, deduplicated, tried',
      es: 'copias de volúmenes: cifradas, sin duplicados, probadas',
    }),
  );
  const volumeArgument = ['<volume>', t({ en: 'PROJECT/ENVIRONMENT/CLAIM', es: 'PROYECTO/ENTORNO/PETICIÓN' })] as const;
  const copyArgument = [
    '<copy>',
    t({ en: 'PROJECT/ID, as in the list', es: 'PROYECTO/ID, como en la lista' }),
  ] as const;
  const repositoryOption = [
    '--repository <name>',
    t({ en: 'when there is more than one', es: 'cuando hay más de uno' }),
  ] as const;

  backup
    .command('create')
    .argument(...volumeArgument)
    .option(...repositoryOption)
    .description(t({ en: 'save one moment of a volume', es: 'guardar un momento de un volumen' }))
    .action(async (text: string, { repository }: { repository?: string }) => {
      const body = { repository: repository ?? null };
      const { operation } = await api.post<{ operation: string }>(`${pathOf(readKey(text))}/backups`, body);
      await finish(cli, operation);
    });
  backup
    .command('list')
    .argument('<project>')
    .option('--env <environment>', t({ en: 'environment', es: 'entorno' }))
    .description(
      t({ en: 'snapshots and backups, newest first', es: 'instantáneas y copias, las más recientes primero' }),
    )
    .action(async (project: string, { env }: { env?: string }) => {
      const query = env === undefined ? '' : `?environment=${encodeURIComponent(env)}`;
      const { items } = await api.get<{ items: Copy[] }>(`/projects/${encodeURIComponent(project)}/backups${query}`);
      printCopies(cli, items);
    });
  backup
    .command('restore')
    .argument(...copyArgument)
    .requiredOption(
      '--to <claim>',
      t({ en: 'name of a claim that is not there yet', es: 'nombre de una petición que aún no existe' }),
    )
    .option('--env <environment>', t({ en: 'another environment of the project', es: 'otro entorno del proyecto' }))
    .option('--class <class>', t({ en: 'another storage class', es: 'otra clase de almacenamiento' }))
    .description(t({ en: 'fill a new claim with a copy', es: 'llenar una petición nueva con una copia' }))
    .action(async (text: string, options: { to: string; env?: string; class?: string }) => {
      const { operation } = await api.post<{ operation: string }>(`${copyPath(text)}/restore`, {
        claim: options.to,
        ...(options.env === undefined ? {} : { environment: options.env }),
        ...(options.class === undefined ? {} : { class: options.class }),
      });
      await finish(cli, operation);
    });
  backup
    .command('verify')
    .argument(...copyArgument)
    .description(
      t({
        en: 'restore a backup aside and compare every file',
        es: 'restaurar una copia aparte y comparar cada archivo',
      }),
    )
    .action(async (text: string) => {
      await finish(cli, (await api.post<{ operation: string }>(`${copyPath(text)}/verify`)).operation);
    });
  backup
    .command('remove')
    .argument(...copyArgument)
    .option('--yes', t({ en: 'do not ask', es: 'no preguntar' }))
    .description(t({ en: 'take a copy away for good', es: 'borrar una copia para siempre' }))
    .action(async (text: string, { yes }: { yes?: boolean }) => {
      const question: Text = {
        en: `The copy ${text} goes for good. Go on?`,
        es: `La copia ${text} se borra para siempre. ¿Continuar?`,
      };
      if (!yes && !(await cli.ask.confirm(question, { remedy: `darsena backup remove ${text} --yes` }))) return;
      await finish(cli, (await api.delete<{ operation: string }>(copyPath(text))).operation);
    });

  const schedule = backup.command('schedule').description(t({ en: 'backups by time', es: 'copias programadas' }));
  schedule
    .command('list')
    .argument('<project>')
    .description(t({ en: 'what is saved when, and how long it stays', es: 'qué se guarda cuándo y cuánto tiempo' }))
    .action(async (project: string) => {
      const { items } = await api.get<{ items: Schedule[] }>(
        `/projects/${encodeURIComponent(project)}/backup-schedules`,
      );
      printSchedules(cli, items);
    });
  schedule
    .command('set')
    .argument(...volumeArgument)
    .requiredOption('--cron <times>', t({ en: 'such as "30 2 * * *", in UTC', es: 'como "30 2 * * *", en UTC' }))
    .option(...repositoryOption)
    .option('--keep <counts>', t({ en: 'last=3,daily=7,weekly=4,monthly=6', es: 'last=3,daily=7,weekly=4,monthly=6' }))
    .option(
      '--verify-days <days>',
      t({ en: 'days between trials of a restore; 0: none', es: 'días entre pruebas de restauración; 0: ninguna' }),
      '7',
    )
    .description(t({ en: 'save a volume by time', es: 'guardar un volumen a horas fijas' }))
    .action(async (text: string, options: { cron: string; repository?: string; keep?: string; verifyDays: string }) => {
      const found = await api.put<Schedule>(`${pathOf(readKey(text))}/schedule`, {
        repository: options.repository ?? null,
        cron: options.cron,
        ...(options.keep === undefined ? {} : { keep: readKeep(options.keep) }),
        verifyDays: Number(options.verifyDays),
      });
      if (cli.output.json) return print.json(found);
      printSchedules(cli, [found]);
    });
  schedule
    .command('remove')
    .argument(...volumeArgument)
    .description(
      t({
        en: 'save it by time no longer; its backups stay',
        es: 'dejar de guardarlo a horas fijas; sus copias se quedan',
      }),
    )
    .action(async (text: string) => {
      printSchedules(cli, (await api.delete<{ items: Schedule[] }>(`${pathOf(readKey(text))}/schedule`)).items);
    });

  const repository = backup
    .command('repository')
    .description(t({ en: 'where backups go', es: 'dónde van las copias' }));
  const printRepositories = (items: readonly RepositoryRow[]): void =>
    print.table(
      [
        { title: { en: 'repository', es: 'repositorio' }, value: ({ name }) => name },
        { title: { en: 'backups', es: 'copias' }, value: ({ backups }) => String(backups), align: 'right' },
        { title: { en: 'since', es: 'desde' }, value: ({ createdAt }) => createdAt.slice(0, 10) },
        { title: { en: 'where', es: 'dónde' }, value: ({ location }) => location, long: true },
      ],
      items,
      {
        empty: {
          en: 'No repository. darsena backup repository add NAME --location /srv/backup',
          es: 'Ningún repositorio. darsena backup repository add NOMBRE --location /srv/backup',
        },
      },
    );
  repository
    .command('list')
    .description(t({ en: 'repositories and what lies in them', es: 'repositorios y qué hay en ellos' }))
    .action(async () => printRepositories((await api.get<{ items: RepositoryRow[] }>('/backup-repositories')).items));
  repository
    .command('add')
    .argument('<name>')
    .requiredOption(
      '--location <place>',
      t({
        en: 'a folder of the host, rest:https://…, sftp:USER@HOST:/PATH',
        es: 'una carpeta del host, rest:https://…, sftp:USUARIO@HOST:/RUTA',
      }),
    )
    .option(
      '--key-file <file>',
      t({ en: 'key of a repository that is there already', es: 'clave de un repositorio que ya existe' }),
    )
    .option(
      '--user <name>',
      t({
        en: 'name at its server (rest:); its password is asked for',
        es: 'nombre en su servidor (rest:); se pide su contraseña',
      }),
    )
    .option('--user-password-file <file>', t({ en: 'instead of asking for it', es: 'en vez de pedirla' }))
    .description(t({ en: 'open a repository, or make it', es: 'abrir un repositorio, o crearlo' }))
    .action(async (name: string, options: RepositoryOptions) => {
      const { operation } = await api.post<{ operation: string }>('/backup-repositories', {
        name,
        location: options.location,
        ...(options.keyFile === undefined ? {} : { password: await readSecret(options.keyFile) }),
        ...(options.user === undefined ? {} : { user: { name: options.user, password: await passwordOf(options) } }),
      });
      await finish(cli, operation);
    });
  repository
    .command('key')
    .argument('<name>')
    .description(
      t({
        en: 'its key, to be kept in a safe: restic reads the repository with it when this platform is no more',
        es: 'su clave, para guardarla en lugar seguro: restic lee con ella el repositorio cuando esta plataforma ya no exista',
      }),
    )
    .action(async (name: string) => {
      const found = await api.post<{ location: string; password: string }>(
        `/backup-repositories/${encodeURIComponent(name)}/key`,
      );
      if (cli.output.json) return print.json(found);
      print.result(found.password);
    });
  repository
    .command('remove')
    .argument('<name>')
    .description(
      t({ en: 'forget it and its key; what lies in it stays', es: 'olvidarlo, y su clave; lo que contiene se queda' }),
    )
    .action(async (name: string) => {
      printRepositories(
        (await api.delete<{ items: RepositoryRow[] }>(`/backup-repositories/${encodeURIComponent(name)}`)).items,
      );
    });

  async function passwordOf(options: RepositoryOptions): Promise<string> {
    if (options.userPasswordFile !== undefined) return await readSecret(options.userPasswordFile);
    const question: Text = { en: `Password of ${options.user ?? ''}:`, es: `Contraseña de ${options.user ?? ''}:` };
    return await cli.ask.text(question, { remedy: '--user-password-file FILE', secret: true });
  }
}

interface ClassOptions {
  readonly folder?: string;
  readonly export?: string;
  readonly encrypt?: string;
  readonly expire?: string;
  readonly max?: string;
  readonly access?: string;
  readonly environments?: string;
  readonly default?: boolean;
}

interface RepositoryOptions {
  readonly location: string;
  readonly keyFile?: string;
  readonly user?: string;
  readonly userPasswordFile?: string;
}

function readClass(options: ClassOptions): object {
  const list = (text: string): string[] => text.split(',').map((one) => one.trim());
  return {
    driver: readDriver(options),
    ...(options.encrypt === undefined
      ? {}
      : { encrypt: list(options.encrypt).map((kind) => (kind === 'all' ? '*' : kind)) }),
    ...(options.expire === undefined ? {} : { reclaim: { policy: 'delete', afterHours: Number(options.expire) } }),
    ...(options.max === undefined ? {} : { maxBytes: readBytes(options.max) }),
    ...(options.access === undefined ? {} : { accessModes: list(options.access) }),
    ...(options.environments === undefined ? {} : { environments: list(options.environments) }),
    ...(options.default ? { isDefault: true } : {}),
  };
}

/** @throws Fault volume.class-twice */
function readDriver(options: ClassOptions): Driver {
  if (options.folder !== undefined && options.export !== undefined) throw volumeFault('volume.class-twice');
  if (options.export !== undefined) return { kind: 'export', name: options.export };
  return options.folder === undefined ? { kind: 'local' } : { kind: 'folder', path: options.folder };
}

/** `last=3,daily=7`; what is not named is not kept for that reason. */
function readKeep(text: string): Record<string, number> {
  const named = Object.fromEntries(
    text.split(',').map((part) => {
      const [name = '', count = ''] = part.split('=');
      return [name.trim(), Number(count)];
    }),
  );
  return { daily: 0, weekly: 0, monthly: 0, ...named };
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** @throws Fault volume.amount-invalid */
export function readBytes(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]i?)?$/.exec(text) ?? [];
  const bytes = Math.ceil(Number(amount) * (UNITS[unit] ?? Number.NaN));
  if (amount === undefined || !Number.isSafeInteger(bytes) || bytes < 1)
    throw volumeFault('volume.amount-invalid', { text });
  return bytes;
}

async function readSecret(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim();
}

/** @throws Fault volume.name-invalid */
export function readKey(text: string): ClaimKey {
  const [project = '', environment = '', claim = '', ...more] = text.split('/');
  if (project === '' || environment === '' || claim === '' || more.length > 0)
    throw volumeFault('volume.name-invalid', { name: text.slice(0, 300) });
  return { project, environment, claim };
}

function pathOf({ project, environment, claim }: ClaimKey): string {
  const [owner, place, name] = [project, environment, claim].map(encodeURIComponent);
  return `/projects/${owner}/volumes/${place}/${name}`;
}

/** @throws Fault backup.unknown */
function copyPath(text: string): string {
  const [project = '', id = '', ...more] = text.split('/');
  if (project === '' || id === '' || more.length > 0) throw volumeFault('backup.unknown', { id: text.slice(0, 100) });
  return `/projects/${encodeURIComponent(project)}/backups/${encodeURIComponent(id)}`;
}

async function finish(cli: CliProgram, operation: string): Promise<void> {
  const { result } = await cli.followOperation(operation);
  if (cli.output.json) cli.print.json(result);
}

function sayState(cli: CliProgram, state: ClaimState): string {
  const { colour, ...text } = STATES[state];
  return cli.print.colour(colour, cli.t(text));
}

function sayDriver(cli: CliProgram, driver: Driver): string {
  if (driver.kind === 'folder') return driver.path;
  if (driver.kind === 'export') return cli.t({ en: `the export ${driver.name}`, es: `el recurso ${driver.name}` });
  return cli.t({ en: 'the disk of the host', es: 'el disco del host' });
}

function sayReclaim(cli: CliProgram, { policy, afterHours }: ClaimView['reclaim']): string {
  return policy === 'retain'
    ? cli.t({ en: 'stays', es: 'se queda' })
    : cli.t({ en: `goes after ${afterHours} h`, es: `se borra a las ${afterHours} h` });
}

function printCopies(cli: CliProgram, copies: readonly Copy[]): void {
  const { print, t } = cli;
  const states: Readonly<Record<Copy['state'], Text>> = {
    running: { en: 'being made', es: 'en curso' },
    done: { en: 'made', es: 'hecha' },
    failed: { en: 'failed', es: 'fallida' },
  };
  print.table(
    [
      { title: { en: 'copy', es: 'copia' }, value: ({ project, id }) => `${project}/${id}` },
      { title: { en: 'of', es: 'de' }, value: ({ environment, claim }) => `${environment}/${claim}` },
      {
        title: { en: 'kind', es: 'tipo' },
        value: ({ kind, repository }) =>
          kind === 'snapshot' ? t({ en: 'snapshot', es: 'instantánea' }) : (repository ?? ''),
      },
      { title: { en: 'state', es: 'estado' }, value: ({ state }) => t(states[state]) },
      {
        title: { en: 'size', es: 'tamaño' },
        value: ({ bytes }) => (bytes === null ? '—' : print.bytes(bytes)),
        align: 'right',
      },
      {
        title: { en: 'new', es: 'nuevo' },
        value: ({ addedBytes }) => (addedBytes === null ? '—' : print.bytes(addedBytes)),
        align: 'right',
        wide: true,
      },
      { title: { en: 'age', es: 'edad' }, value: ({ createdAt }) => print.age(createdAt), align: 'right' },
      {
        title: { en: 'tried', es: 'probada' },
        value: ({ verified }) =>
          verified === null
            ? '—'
            : verified.same
              ? print.age(verified.at)
              : print.colour('bad', t({ en: 'lost', es: 'perdida' })),
      },
      { title: { en: 'why', es: 'motivo' }, value: ({ problem }) => (problem === null ? '' : t(problem)), long: true },
    ],
    copies,
    {
      empty: {
        en: 'No copy. darsena backup create PROJECT/ENVIRONMENT/CLAIM',
        es: 'Ninguna copia. darsena backup create PROYECTO/ENTORNO/PETICIÓN',
      },
    },
  );
}

function printSchedules(cli: CliProgram, schedules: readonly Schedule[]): void {
  cli.print.table(
    [
      { title: { en: 'volume', es: 'volumen' }, value: formatClaim },
      { title: { en: 'times (UTC)', es: 'horario (UTC)' }, value: ({ cron }) => cron },
      { title: { en: 'to', es: 'en' }, value: ({ repository }) => repository },
      {
        title: { en: 'kept', es: 'se guardan' },
        value: ({ keep: { last, daily, weekly, monthly } }) =>
          `last=${last},daily=${daily},weekly=${weekly},monthly=${monthly}`,
      },
      {
        title: { en: 'tried', es: 'se prueba' },
        value: ({ verifyDays }) =>
          verifyDays === 0
            ? cli.t({ en: 'never', es: 'nunca' })
            : cli.t({ en: `every ${verifyDays} d`, es: `cada ${verifyDays} d` }),
      },
      { title: { en: 'next', es: 'siguiente' }, value: ({ nextAt }) => nextAt.slice(0, 16).replace('T', ' ') },
    ],
    schedules,
    { empty: { en: 'Nothing is saved by time.', es: 'Nada se guarda a horas fijas.' } },
  );
}

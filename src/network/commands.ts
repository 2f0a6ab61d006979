import { type CliProgram, type Json, systemClock, type Text } from '../system/index.ts';
import type { AccessEntry, Refusal } from './edge/access-log.ts';
import type { Denial } from './edge/denials.ts';
import type { AccessLogPage } from './edge/log-routes.ts';
import type { KnownFlow } from './flows/flow.ts';
import type { ShownPolicy } from './routes.ts';
import type { EdgeSettingsOfAll } from './served/settings.ts';

interface RouteView {
  readonly url: string;
  readonly kind: 'http' | 'tcp';
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly path: string;
  /** Ready replicas; null while nothing is known. */
  readonly ready: number | null;
}

/** `darsena route …`: what is published, and where. */
export function networkCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const noun = program.command('route').description(t({ en: 'published services', es: 'servicios publicados' }));
  noun
    .command('list')
    .alias('ls')
    .argument('[project]', t({ en: 'only this project', es: 'solo este proyecto' }))
    .description(t({ en: 'list published services', es: 'listar los servicios publicados' }))
    .action(async (project: string | undefined) => {
      const { items } = await api.get<{ items: readonly RouteView[] }>('/routes');
      const routes = items.filter((route) => project === undefined || route.project === project);
      print.table(
        [
          { title: { en: 'service', es: 'servicio' }, value: ({ project, service }) => `${project}/${service}` },
          { title: { en: 'environment', es: 'entorno' }, value: ({ environment }) => environment },
          {
            title: { en: 'ready', es: 'disponibles' },
            value: ({ ready }) => (ready === null ? '?' : print.colour(ready > 0 ? 'good' : 'bad', String(ready))),
            align: 'right',
          },
          { title: { en: 'path', es: 'ruta' }, value: ({ path }) => path, wide: true },
          { title: { en: 'address', es: 'dirección' }, value: ({ url }) => url, long: true },
        ],
        routes,
        {
          empty: {
            en: 'nothing is published yet: an Ingress in a project publishes a service',
            es: 'aún no hay nada publicado: un Ingress en un proyecto publica un servicio',
          },
        },
      );
    });

  noun
    .command('log')
    .argument(
      '[project]',
      t({
        en: 'only this project; administrators see all without it',
        es: 'solo este proyecto; sin él, quien administra ve todo',
      }),
    )
    .option('-f, --follow', t({ en: 'go on with what comes', es: 'seguir con lo que llegue' }))
    .option(
      '-n, --tail <number>',
      t({ en: 'how many of those that were (100)', es: 'cuántas de las que hubo (100)' }),
      '100',
    )
    .option('--environment <name>', t({ en: 'only this environment', es: 'solo este entorno' }))
    .option('--service <name>', t({ en: 'only this service', es: 'solo este servicio' }))
    .option('--refused', t({ en: 'only what the edge refused', es: 'solo lo que el borde rechazó' }))
    .description(
      t({
        en: 'show the requests that came to published services',
        es: 'mostrar las peticiones que llegaron a los servicios publicados',
      }),
    )
    .action(async (project: string | undefined, options: LogOptions) => {
      const path = project === undefined ? '/access-log' : `/projects/${encodeURIComponent(project)}/access-log`;
      let cursor: string | null = null;
      for (;;) {
        const query = new URLSearchParams({ refused: options.refused ? '1' : '0' });
        if (options.environment !== undefined) query.set('environment', options.environment);
        if (options.service !== undefined) query.set('service', options.service);
        query.set('tail', cursor === null ? options.tail : String(LOG_PAGE));
        if (cursor !== null) query.set('after', cursor);
        const page: AccessLogPage = await api.get<AccessLogPage>(`${path}?${query}`);
        for (const entry of page.items) {
          if (cli.output.json) print.json(entry);
          else print.result(describeRequest(entry, t));
        }
        if (!options.follow) {
          if (page.items.length === 0 && !cli.output.json) print.line(NO_REQUESTS);
          return;
        }
        cursor = page.cursor;
        await systemClock.sleep(LOG_EVERY_MS);
      }
    });

  noun
    .command('deny')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .option('--network <block...>', t({ en: 'clients: addresses or blocks', es: 'clientes: direcciones o bloques' }))
    .option('--path <path...>', t({ en: 'paths: /admin, *.php', es: 'rutas: /admin, *.php' }))
    .option('--environment <name>', t({ en: 'only this environment', es: 'solo este entorno' }))
    .option('--service <name>', t({ en: 'only this service', es: 'solo este servicio' }))
    .requiredOption('--reason <text>', t({ en: 'why', es: 'por qué' }))
    .requiredOption('--for <time>', t({ en: 'how long: 30m, 2h, 7d', es: 'cuánto tiempo: 30m, 2h, 7d' }))
    .description(
      t({
        en: 'refuse clients or paths at the edge for a time',
        es: 'rechazar en el borde clientes o rutas durante un tiempo',
      }),
    )
    .action(async (project: string, options: DenyOptions) => {
      const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(options.for) ?? [];
      const untilMs = systemClock.now().getTime() + Number(count) * (UNIT_MS[unit] ?? 0);
      const denial = await api.post<Denial>(`/projects/${encodeURIComponent(project)}/edge-denials`, {
        ...{ environment: options.environment ?? null, service: options.service ?? null, reason: options.reason },
        ...{ networks: options.network ?? [], paths: options.path ?? [], until: new Date(untilMs).toISOString() },
      });
      if (cli.output.json) return print.json(denial);
      print.result({
        en: `denial ${denial.id} holds until ${denial.until}`,
        es: `el rechazo ${denial.id} rige hasta ${denial.until}`,
      });
    });
  noun
    .command('denials')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .description(
      t({ en: 'list what is refused by decision of people', es: 'listar lo que se rechaza por decisión de personas' }),
    )
    .action(async (project: string) => {
      const { items } = await api.get<{ items: readonly Denial[] }>(
        `/projects/${encodeURIComponent(project)}/edge-denials`,
      );
      print.table(
        [
          { title: { en: 'id', es: 'id' }, value: ({ id }) => id },
          { title: { en: 'environment', es: 'entorno' }, value: ({ environment }) => environment ?? '*' },
          { title: { en: 'service', es: 'servicio' }, value: ({ service }) => service ?? '*' },
          {
            title: { en: 'refused', es: 'rechazado' },
            value: ({ networks, paths }) => [...networks, ...paths].join(', '),
          },
          { title: { en: 'until', es: 'hasta' }, value: ({ until }) => until },
          { title: { en: 'by', es: 'por' }, value: ({ by }) => by, wide: true },
          { title: { en: 'why', es: 'por qué' }, value: ({ reason }) => reason, long: true },
        ],
        items,
        { empty: { en: 'nothing beside what the manifests say', es: 'nada aparte de lo que dicen los manifiestos' } },
      );
    });
  noun
    .command('allow')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .argument('<id>')
    .description(t({ en: 'end a denial before its time', es: 'terminar un rechazo antes de su plazo' }))
    .action(async (project: string, id: string) => {
      await api.delete(`/projects/${encodeURIComponent(project)}/edge-denials/${encodeURIComponent(id)}`);
      if (cli.output.json) return print.json({ id });
      print.result({ en: `denial ${id} ended`, es: `rechazo ${id} terminado` });
    });
  noun
    .command('proxies')
    .argument(
      '[networks...]',
      t({
        en: 'addresses or blocks; without any, they are shown',
        es: 'direcciones o bloques; sin ninguno, se muestran',
      }),
    )
    .option('--none', t({ en: 'there is no balancer in front', es: 'no hay ningún balanceador delante' }))
    .description(
      t({
        en: 'show or set the balancers in front of the edge, whose PROXY protocol is believed',
        es: 'mostrar o fijar los balanceadores delante del borde, a cuyo protocolo PROXY se cree',
      }),
    )
    .action(async (networks: readonly string[], options: { none?: boolean }) => {
      const changes = networks.length > 0 || options.none === true;
      const { proxies } = changes
        ? await api.put<EdgeSettingsOfAll>('/edge/settings', { proxies: networks })
        : await api.get<EdgeSettingsOfAll>('/edge/settings');
      if (cli.output.json) return print.json({ proxies });
      const none = { en: 'no balancer is in front of the edge', es: 'no hay ningún balanceador delante del borde' };
      print.result(proxies.length === 0 ? none : proxies.join('\n'));
    });

  const network = program
    .command('network')
    .description(t({ en: 'who talks to whom, and what may', es: 'quién habla con quién, y qué puede' }));
  network
    .command('flows')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .option('--environment <name>', t({ en: 'only this environment', es: 'solo este entorno' }))
    .option('--refused', t({ en: 'only what was refused or got no answer', es: 'solo lo rechazado o sin respuesta' }))
    .description(t({ en: 'list the ways that connections took', es: 'listar los caminos que tomaron las conexiones' }))
    .action(async (project: string, options: { environment?: string; refused?: boolean }) => {
      const query = options.environment === undefined ? '' : `?environment=${encodeURIComponent(options.environment)}`;
      const { items } = await api.get<{ items: readonly KnownFlow[] }>(
        `/projects/${encodeURIComponent(project)}/flows${query}`,
      );
      print.table(
        [
          { title: { en: 'environment', es: 'entorno' }, value: ({ environment }) => environment },
          { title: { en: 'workload', es: 'carga' }, value: ({ workload }) => workload },
          { title: { en: 'way', es: 'sentido' }, value: ({ direction }) => t(DIRECTIONS[direction]) },
          { title: { en: 'other end', es: 'otro extremo' }, value: (flow) => peerName(flow), long: true },
          { title: { en: 'port', es: 'puerto' }, value: ({ port, protocol }) => `${port}/${protocol}` },
          {
            title: { en: 'connections', es: 'conexiones' },
            value: ({ connections }) => String(connections),
            align: 'right',
          },
          {
            title: { en: 'answer', es: 'respuesta' },
            value: ({ refused, unanswered }) => {
              if (refused) return print.colour('bad', t({ en: 'refused', es: 'rechazada' }));
              return unanswered === true
                ? print.colour('warn', t({ en: 'no answer', es: 'sin respuesta' }))
                : t({ en: 'allowed', es: 'permitida' });
            },
          },
          { title: { en: 'last', es: 'última' }, value: ({ lastAt }) => print.age(lastAt), wide: true },
        ],
        items.filter(({ refused, unanswered }) => refused || unanswered === true || options.refused !== true),
        {
          empty: {
            en: 'no connection was seen yet: hosts tell of them every half a minute',
            es: 'aún no se vio ninguna conexión: los hosts las comunican cada medio minuto',
          },
        },
      );
    });
  network
    .command('policies')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .description(
      t({
        en: 'list the policies in force, and what may be reached by name',
        es: 'listar las políticas vigentes y lo que se puede alcanzar por nombre',
      }),
    )
    .action(async (project: string) => {
      const { items } = await api.get<{ items: readonly ShownPolicy[] }>(
        `/projects/${encodeURIComponent(project)}/network-policies`,
      );
      const side = (rules: readonly string[] | null): string =>
        rules === null ? t({ en: 'open', es: 'abierto' }) : rules.join('; ') || t({ en: 'closed', es: 'cerrado' });
      print.table(
        [
          { title: { en: 'environment', es: 'entorno' }, value: ({ environment }) => environment },
          { title: { en: 'policy', es: 'política' }, value: ({ name }) => name },
          { title: { en: 'pods', es: 'pods' }, value: ({ selects }) => selects.join(' ') || '*' },
          { title: { en: 'in', es: 'entrada' }, value: ({ ingress }) => side(ingress), long: true },
          { title: { en: 'out', es: 'salida' }, value: ({ egress }) => side(egress), long: true },
          { title: { en: 'names', es: 'nombres' }, value: ({ egressNames }) => egressNames.join(', '), long: true },
        ],
        items,
        {
          empty: {
            en: 'no policy: pods reach each other and what is outside',
            es: 'ninguna política: los pods se alcanzan entre sí y alcanzan lo de fuera',
          },
        },
      );
    });
  network
    .command('propose')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .requiredOption('--environment <name>', t({ en: 'environment that was observed', es: 'entorno observado' }))
    .description(
      t({
        en: 'write network policies that leave the workloads the ways they took, and close the rest',
        es: 'escribir políticas de red que dejan a las cargas los caminos que tomaron y cierran los demás',
      }),
    )
    .action(async (project: string, { environment }: { environment: string }) => {
      const path = `/projects/${encodeURIComponent(project)}/environments/${encodeURIComponent(environment)}`;
      const { items } = await api.get<{ items: readonly Json[] }>(`${path}/network-policies/proposal`);
      if (cli.output.json) return print.json({ items });
      const { writeYaml } = await import('../formats/index.ts');
      print.result(
        items
          .map((item) => writeYaml(item))
          .join('---\n')
          .trimEnd(),
      );
    });
}

interface DenyOptions {
  readonly network?: readonly string[];
  readonly path?: readonly string[];
  readonly environment?: string;
  readonly service?: string;
  readonly reason: string;
  readonly for: string;
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

interface LogOptions {
  readonly follow?: boolean;
  readonly tail: string;
  readonly environment?: string;
  readonly service?: string;
  readonly refused?: boolean;
}

const LOG_EVERY_MS = 1_000;
const LOG_PAGE = 2_000;
const NO_REQUESTS: Text = { en: 'no request was seen yet', es: 'aún no se vio ninguna petición' };
const REFUSED: Readonly<Record<Refusal, Text>> = {
  network: { en: 'refused: network', es: 'rechazada: red' },
  method: { en: 'refused: method', es: 'rechazada: método' },
  agent: { en: 'refused: user agent', es: 'rechazada: agente' },
  path: { en: 'refused: path', es: 'rechazada: ruta' },
  rate: { en: 'refused: too many', es: 'rechazada: demasiadas' },
  length: { en: 'refused: length', es: 'rechazada: longitud' },
};

/** One line: when, who, what, the answer. What a client wrote stands in it without control characters. */
function describeRequest(entry: AccessEntry, t: (text: Text) => string): string {
  const { at, kind, client, method, host, path, status, durationMs, refused, service, ended } = entry;
  const asked = kind === 'tcp' ? 'TCP' : `${method ?? '-'} ${host ?? '-'}${path ?? ''}`;
  const time = durationMs === null ? '' : ` ${durationMs} ms`;
  const more = [refused === null ? '' : t(REFUSED[refused]), ended ?? ''].filter((text) => text !== '').join(' ');
  return `${at} ${client} ${asked} ${status ?? '-'}${time} ${service ?? '-'} ${more}`
    .trimEnd()
    .replace(/\p{Cc}/gu, '?');
}

const DIRECTIONS = {
  in: { en: 'from', es: 'desde' },
  out: { en: 'to', es: 'hacia' },
} as const;

function peerName({ project, environment, peer }: KnownFlow): string {
  if (peer.kind === 'address') return peer.address;
  if (peer.project === project && peer.environment === environment) return peer.name;
  return `${peer.project}/${peer.environment}/${peer.name}`;
}

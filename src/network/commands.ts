import type { CliProgram, Json } from '../system/index.ts';
import type { KnownFlow } from './flows/flow.ts';

interface RouteView {
  readonly url: string;
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

  const network = program
    .command('network')
    .description(t({ en: 'who talks to whom, and what may', es: 'quién habla con quién, y qué puede' }));
  network
    .command('flows')
    .argument('<project>', t({ en: 'project', es: 'proyecto' }))
    .option('--environment <name>', t({ en: 'only this environment', es: 'solo este entorno' }))
    .option('--refused', t({ en: 'only what was refused', es: 'solo lo rechazado' }))
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
            value: ({ refused }) =>
              refused
                ? print.colour('bad', t({ en: 'refused', es: 'rechazada' }))
                : t({ en: 'allowed', es: 'permitida' }),
          },
          { title: { en: 'last', es: 'última' }, value: ({ lastAt }) => print.age(lastAt), wide: true },
        ],
        items.filter(({ refused }) => refused || options.refused !== true),
        {
          empty: {
            en: 'no connection was seen yet: hosts tell of them every half a minute',
            es: 'aún no se vio ninguna conexión: los hosts las comunican cada medio minuto',
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
      const { stringify } = await import('yaml');
      print.result(
        items
          .map((item) => stringify(item))
          .join('---\n')
          .trimEnd(),
      );
    });
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

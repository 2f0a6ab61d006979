import type { CliProgram } from '../system/index.ts';

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
}

import { type Deployments, type PublishedRoute, selects } from '../../deploy/index.ts';
import { publishedName } from '../../network/index.ts';
import type { Instance } from '../setup/instance.ts';

/** Where services are published, as people open them. */
export function publishedAddresses(parts: {
  readonly instance: Pick<Instance, 'ports' | 'domain'>;
  readonly deployments: Pick<Deployments, 'wanted'>;
}) {
  const { instance, deployments } = parts;
  const port = instance.ports.edgeHttps === 443 ? '' : `:${instance.ports.edgeHttps}`;
  const routes = async (): Promise<PublishedRoute[]> => {
    const wanted = await deployments.wanted();
    const place = (one: { readonly project: string; readonly environment: string }) =>
      `${one.project}/${one.environment}`;
    const services = Map.groupBy(wanted.services, place);
    const there = Map.groupBy(wanted.workloads, ({ key }) => place(key));
    const behind = (route: { readonly project: string; readonly environment: string; readonly service: string }) => {
      const selector = services.get(place(route))?.find(({ name }) => name === route.service)?.selector ?? {};
      return (there.get(place(route)) ?? [])
        .filter(({ pod, previous }) => [pod, previous?.pod].some((one) => selects(selector, one?.labels ?? {})))
        .map(({ key }) => key.name);
    };
    const web = wanted.routes.map(
      ({ project, environment, service, path, pathType, host, options }): PublishedRoute => {
        const name = host ?? publishedName({ service, project, environment, domain: instance.domain });
        return {
          kind: 'http',
          host: name,
          // What is below an exact path is not this route.
          url: `https://${name}${port}${pathType === 'Exact' ? path : `${path.replace(/\/+$/, '')}/`}`,
          project,
          environment,
          service,
          workloads: behind({ project, environment, service }),
          path,
          options: options ?? {},
        };
      },
    );
    const tcp = (wanted.listeners ?? []).map((listener): PublishedRoute => {
      const { project, environment, service, port: open, sources, sticky, tls } = listener;
      const host = publishedName({ service, project, environment, domain: instance.domain });
      const options = {
        ...(sources.length === 0 ? {} : { allowNetworks: sources }),
        ...(sticky ? { sticky: 'address' as const } : {}),
      };
      const url = `${tls ? 'tls' : 'tcp'}://${host}:${open}`;
      const workloads = behind({ project, environment, service });
      return { kind: 'tcp', host, url, project, environment, service, workloads, path: `:${open}`, options };
    });
    return [...web, ...tcp];
  };
  return {
    routes,
    ofEnvironment: async (project: string, environment: string): Promise<string[]> =>
      (await routes())
        .filter((route) => route.project === project && route.environment === environment)
        .map((route) => route.url),
  };
}

import type { Deployments, PublishedRoute } from '../../deploy/index.ts';
import { publishedName } from '../../network/index.ts';
import type { Instance } from '../setup/instance.ts';

/** Where services are published, as people open them. */
export function publishedAddresses({ instance, deployments }: { instance: Instance; deployments: Deployments }) {
  const port = instance.ports.edgeHttps === 443 ? '' : `:${instance.ports.edgeHttps}`;
  const routes = async (): Promise<PublishedRoute[]> => {
    const wanted = await deployments.wanted();
    const web = wanted.routes.map(({ project, environment, service, path, host, options }): PublishedRoute => {
      const name = host ?? publishedName({ service, project, environment, domain: instance.domain });
      return {
        kind: 'http',
        host: name,
        url: `https://${name}${port}${path === '/' ? '' : path}/`.replace(/\/+$/, '/'),
        project,
        environment,
        service,
        path,
        options: options ?? {},
      };
    });
    const tcp = (wanted.listeners ?? []).map((listener): PublishedRoute => {
      const { project, environment, service, port: open, sources, sticky, tls } = listener;
      const host = publishedName({ service, project, environment, domain: instance.domain });
      const options = {
        ...(sources.length === 0 ? {} : { allowNetworks: sources }),
        ...(sticky ? { sticky: 'address' as const } : {}),
      };
      const url = `${tls ? 'tls' : 'tcp'}://${host}:${open}`;
      return { kind: 'tcp', host, url, project, environment, service, path: `:${open}`, options };
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

import type { Deployments, PublishedRoute } from '../../deploy/index.ts';
import { publishedName } from '../../network/index.ts';
import type { Instance } from '../setup/instance.ts';

/** Where services are published, as people open them. */
export function publishedAddresses({ instance, deployments }: { instance: Instance; deployments: Deployments }) {
  const port = instance.ports.edgeHttps === 443 ? '' : `:${instance.ports.edgeHttps}`;
  const routes = async (): Promise<PublishedRoute[]> => {
    const wanted = await deployments.wanted();
    return wanted.routes.map(({ project, environment, service, path, host }) => {
      const name = host ?? publishedName({ service, project, environment, domain: instance.domain });
      return {
        host: name,
        url: `https://${name}${port}${path === '/' ? '' : path}/`.replace(/\/+$/, '/'),
        project,
        environment,
        service,
        path,
      };
    });
  };
  return {
    routes,
    ofEnvironment: async (project: string, environment: string): Promise<string[]> =>
      (await routes())
        .filter((route) => route.project === project && route.environment === environment)
        .map((route) => route.url),
  };
}

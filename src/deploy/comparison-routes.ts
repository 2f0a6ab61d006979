import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import { type ComparedRelease, compareReleases } from './comparison.ts';
import type { Deployments } from './deployments.ts';
import { deployFault } from './errors.ts';

/** `prod` is what is to run there; `prod@12` its release 12. */
const side = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?(?:@[1-9][0-9]{0,8})?$/);

export function registerComparisonRoutes(
  app: ApiApp,
  options: {
    readonly deployments: Deployments;
    /** Stands for a value of a Secret. */
    readonly mark: (value: string) => string;
  },
): void {
  const { deployments, mark } = options;
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/comparison',
    config: { action: 'release.read' },
    schema: {
      params: z.object({ project: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/) }),
      querystring: z.object({ from: side, to: side }),
    },
    handler: async ({ params: { project }, query: { from, to } }) => {
      const before = await openSide(deployments, project, from);
      return compareReleases(before, await openSide(deployments, project, to), mark);
    },
  });
}

/** @throws Fault deploy.environment-unknown, deploy.side-unknown */
async function openSide(deployments: Deployments, project: string, text: string): Promise<ComparedRelease> {
  const [name = '', written] = text.split('@', 2);
  const environment = await deployments.readEnvironment(project, name);
  if (written === undefined) {
    const current = await deployments.currentRelease(project, name);
    if (current === null) throw deployFault('deploy.side-unknown', { project, side: text });
    return { environment, ...current };
  }
  const found = (await deployments.listReleases(project, name)).find(({ number }) => number === Number(written));
  if (found === undefined) throw deployFault('deploy.side-unknown', { project, side: text });
  return { environment, ...(await deployments.openRelease(found.id)) };
}

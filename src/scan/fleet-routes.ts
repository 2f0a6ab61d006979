import { z } from 'zod';
import { type ApiApp, visibleProjects } from '../access/index.ts';
import type { Fleet } from './found.ts';
import { FLEET_PAGE_MAX } from './limits.ts';

/** "Where does CVE-… run?": the images of all projects that the caller may see, and what runs of them. */
export function registerFleetRoutes(app: ApiApp, fleet: Fleet): void {
  app.route({
    method: 'GET',
    url: '/api/v1/findings/:finding/images',
    config: { action: 'any' },
    schema: {
      tags: ['images'],
      summary: 'Images with this finding, running ones first, with packages, places and workloads',
      params: z.object({ finding: z.string().min(1).max(200) }),
      querystring: z.object({
        project: z.string().max(200).optional(),
        running: z.enum(['true', 'false']).optional(),
        after: z.string().max(160).optional(),
        limit: z.coerce.number().int().min(1).max(FLEET_PAGE_MAX).default(100),
      }),
    },
    handler: async (request) => {
      const { project, running, after, limit } = request.query;
      const visible = visibleProjects(request.principal, 'image.read');
      const seen = project === undefined ? visible : visible === '*' || visible.includes(project) ? [project] : [];
      const { next, ...answer } = await fleet.where({
        finding: request.params.finding,
        projects: seen,
        running: running === 'true',
        after: after ?? null,
        limit,
      });
      return { ...answer, ...(next === null ? {} : { next }) };
    },
  });
}

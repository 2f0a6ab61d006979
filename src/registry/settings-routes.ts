import { z } from 'zod';
import { type ApiApp, accessFault, may } from '../access/index.ts';
import { projectOf } from '../oci/index.ts';
import { expected } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { PATTERN_CHARACTERS_MAX, PATTERNS_MAX, RETENTION_DAYS_MAX, RETENTION_RULES_MAX } from './limits.ts';
import { isOurRepository } from './names.ts';
import type { Registry } from './registry.ts';
import type { SettingsChange } from './settings.ts';

const project = z.object({ project: z.string().min(1).max(128) });
const pattern = z.string().min(1).max(PATTERN_CHARACTERS_MAX);
const patterns = z.array(pattern).max(PATTERNS_MAX);
const days = z.number().int().min(0).max(RETENTION_DAYS_MAX).nullable().default(null);
const retentionRule = z.strictObject({
  tags: patterns,
  keepNewest: z.number().int().min(0).max(1_000_000).nullable().default(null),
  keepPushedDays: days,
  keepPulledDays: days,
});
const change = z.strictObject({
  anonymousPull: z.boolean().nullable().optional(),
  immutableTags: patterns.nullable().optional(),
  retention: z.array(retentionRule).max(RETENTION_RULES_MAX).nullable().optional(),
  quotaBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullable().optional(),
});

/** Settings of a project's repositories: what each pattern says, and what holds for one repository. */
export function registerSettingsRoutes(app: ApiApp, registry: Registry): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/repository-settings',
    config: { action: 'image.read' },
    schema: {
      params: project,
      querystring: z.object({
        repository: z
          .string()
          .max(255)
          .refine(isOurRepository, expected('PROJECT/IMAGE', 'PROYECTO/IMAGEN'))
          .optional(),
      }),
    },
    handler: async (request) => {
      const { project: name } = request.params;
      const { repository } = request.query;
      if (repository !== undefined && projectOf(repository) !== name) {
        throw registryFault('registry.repository-unknown', { repository });
      }
      const items = await registry.settings.list(name);
      const effective = repository === undefined ? null : await registry.settings.of(repository);
      const usage = await registry.quotas.usage(name);
      return { project: name, repository: repository ?? null, effective, usage, items };
    },
  });

  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/repository-settings',
    config: { action: 'repository.manage' },
    schema: { params: project, querystring: z.object({ pattern }), body: change },
    handler: async (request) => {
      const { principal, body } = request;
      // A project's administrator could otherwise lift the bound that the platform has set for the project.
      if (body.quotaBytes !== undefined && !may(principal, 'platform.admin', null)) {
        throw accessFault('access.not-allowed', { name: principal.name, action: 'platform.admin', place: '*' });
      }
      // Left out is not the same as null: null takes a field back.
      const asked = Object.fromEntries(
        Object.entries(body).filter(([, value]) => value !== undefined),
      ) as SettingsChange;
      return registry.settings.change(request.params.project, request.query.pattern, asked, principal);
    },
  });
}

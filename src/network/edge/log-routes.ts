import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import type { Json } from '../../system/index.ts';
import type { AccessEntry } from './access-log.ts';

/** A question about the edge's requests; null: not narrowed down by that. */
export interface AccessLogQuery {
  readonly project: string | null;
  readonly environment: string | null;
  readonly service: string | null;
  readonly refused: boolean;
  readonly after: string | null;
  readonly tail: number;
}

export interface AccessLogPage {
  readonly items: readonly AccessEntry[];
  /** To be given as `after`, for what comes next. */
  readonly cursor: string;
}

/** As hosts take them: a question with another one would get no answer. */
const label = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/);

const query = z.object({
  environment: label(20).optional(),
  service: label(63).optional(),
  refused: z.enum(['0', '1']).default('0'),
  after: z
    .string()
    .regex(/^[0-9a-f]{12}\.[0-9]{1,15}$/)
    .optional(),
  tail: z.coerce.number().int().min(0).max(2_000).default(100),
});

/** As a host answers it: its shape was not read on the way. */
const page = z.strictObject({
  items: z
    .array(
      z.strictObject({
        at: z.iso.datetime(),
        kind: z.enum(['http', 'tcp']),
        service: z.string().max(200).nullable(),
        client: z.string().max(64),
        method: z.string().max(40).nullable(),
        host: z.string().max(600).nullable(),
        path: z.string().max(1_100).nullable(),
        status: z.number().nullable(),
        durationMs: z.number().nullable(),
        bytesIn: z.number(),
        bytesOut: z.number(),
        agent: z.string().max(600).nullable(),
        refused: z.string().max(20).nullable(),
        ended: z.string().max(10).nullable(),
      }),
    )
    .max(2_000),
  cursor: z.string().max(64),
});

export function registerAccessLogRoutes(app: ApiApp, ask: (query: AccessLogQuery) => Promise<Json>): void {
  const answer = async (project: string | null, asked: z.infer<typeof query>): Promise<z.infer<typeof page>> => {
    const { environment = null, service = null, refused, after = null, tail } = asked;
    return page.parse(await ask({ project, environment, service, refused: refused === '1', after, tail }));
  };
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/access-log',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary:
        'The last requests that came to the published services of a project, oldest first, without their queries',
      params: z.object({ project: label(40) }),
      querystring: query,
    },
    handler: async (request) => answer(request.params.project, request.query),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/access-log',
    // With it come requests for names that nobody publishes.
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'The last requests that came to the edge, oldest first, without their queries',
      querystring: query,
    },
    handler: async (request) => answer(null, request.query),
  });
}

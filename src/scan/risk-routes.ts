import { z } from 'zod';
import { type ApiApp, personBehind, requirePerson, visibleProjects } from '../access/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import { type DeadlineQuery, type Deadlines, type ShownDeadline, showDeadlines } from './deadlines.ts';
import { scanFault } from './errors.ts';
import { DEADLINES_READ_MAX } from './limits.ts';
import type { Readings } from './readings.ts';
import { toOpenVex } from './reports/openvex.ts';
import type { ImagesOfProject } from './routes.ts';
import type { VexDocuments } from './vex/documents.ts';

export interface RiskRoutesParts {
  readonly readings: Readings;
  readonly vex: VexDocuments;
  readonly deadlines: Deadlines;
  /** Deadlines of whole images, which policies gave. */
  readonly imageDeadlines: (query: DeadlineQuery) => Promise<readonly ShownDeadline[]>;
  readonly images: ImagesOfProject;
  /** Told when what is believed of a project has changed. */
  readonly changed: (project: string) => void;
}

const project = z.string().min(1).max(128);
const image = z.object({ project, digest: z.string().max(160) });
const one = z.object({ project, id: z.string().max(36) });

/** What changed since the version before, deadlines, and VEX in and out. */
export function registerRiskRoutes(app: ApiApp, parts: RiskRoutesParts): void {
  const { readings, vex, deadlines, images } = parts;
  const requireImage = async (params: z.infer<typeof image>): Promise<Digest> => {
    const { digest } = params;
    if (!isDigest(digest)) throw scanFault('scan.digest-invalid', { digest: digest.slice(0, 80) });
    if (!(await images.hasImage(params.project, digest))) throw scanFault('scan.not-found', { digest });
    return digest;
  };

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/changes',
    config: { action: 'image.read' },
    schema: {
      tags: ['images'],
      summary: 'Findings and packages that came and went since the image before it in its repository',
      params: image,
    },
    handler: async (request) => {
      const digest = await requireImage(request.params);
      const none = { previous: null, appeared: [], gone: [], packages: { added: [], removed: [], changed: [] } };
      return (await readings.changes(request.params.project, digest)) ?? none;
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/vex',
    config: { action: 'image.read' },
    schema: { tags: ['images'], summary: 'What is held of each finding, as OpenVEX', params: image },
    handler: async (request, reply) => {
      const digest = await requireImage(request.params);
      const report = await readings.report(request.params.project, digest);
      if (!report) throw scanFault('scan.not-found', { digest });
      void reply.header('content-type', 'application/json');
      return JSON.stringify(toOpenVex(report, { digest, reference: null, createdAt: report.scannedAt }));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/deadlines',
    config: { action: 'any' },
    schema: {
      tags: ['images'],
      summary: 'By when findings and refused images that run are to be gone, what is due first coming first',
      querystring: z.object({
        project: project.optional(),
        digest: z.string().max(160).optional(),
        limit: z.coerce.number().int().min(1).max(DEADLINES_READ_MAX).default(500),
      }),
    },
    handler: async (request) => {
      const { project: wanted, digest, limit } = request.query;
      const visible = visibleProjects(request.principal, 'image.read');
      const projects = wanted === undefined ? visible : visible === '*' || visible.includes(wanted) ? [wanted] : [];
      if (digest !== undefined && !isDigest(digest)) {
        throw scanFault('scan.digest-invalid', { digest: digest.slice(0, 80) });
      }
      const query = { projects, limit, ...(digest === undefined ? {} : { digest }) };
      const [findings, ofImages] = await Promise.all([deadlines.list(query), parts.imageDeadlines(query)]);
      return { items: showDeadlines(findings, ofImages).slice(0, limit) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/vex',
    config: { action: 'image.read' },
    schema: { tags: ['images'], summary: 'VEX documents of a project, newest first', params: z.object({ project }) },
    handler: async (request) => ({ items: await vex.list(request.params.project) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/vex',
    config: { action: 'promotion.request' },
    schema: {
      tags: ['images'],
      summary: 'Bring a VEX document (OpenVEX, CSAF, CycloneDX); a second person has to believe it',
      params: z.object({ project }),
      body: z.record(z.string(), z.unknown()),
    },
    handler: async (request, reply) => {
      void reply.code(201);
      // Believed by a second person: not by who made the token that brought it.
      const by = personBehind(request.principal);
      return vex.add(request.params.project, Buffer.from(JSON.stringify(request.body)), by);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/vex/:id/approve',
    config: { action: 'promotion.approve' },
    schema: { tags: ['images'], summary: 'Believe a VEX document that somebody else brought', params: one },
    handler: async (request) => {
      const { params, principal } = request;
      requirePerson(principal);
      const record = await vex.approve(params.project, params.id, principal.actor);
      parts.changed(params.project);
      return record;
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/vex/:id/revoke',
    config: { action: 'promotion.request' },
    schema: { tags: ['images'], summary: 'Believe a VEX document no more', params: one },
    handler: async (request) => {
      const { params, principal } = request;
      const record = await vex.revoke(params.project, params.id, principal.actor);
      parts.changed(params.project);
      return record;
    },
  });
}

import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import { languageOf } from '../system/index.ts';
import { scanFault } from './errors.ts';
import { LAYER_FILES_PAGE_MAX, OWNER_PATHS_MAX, PACKAGES_PAGE_MAX } from './limits.ts';
import { listPackages } from './package-list.ts';
import type { Readings } from './readings.ts';
import { BILL_FORMATS, type ReportFormat } from './reports/bill-formats.ts';
import { FINDING_FORMATS } from './reports/finding-formats.ts';
import type { Scans } from './scans.ts';

/** Asked before anything of an image is shown: a digest says nothing about whose it is. */
export interface ImagesOfProject {
  hasImage(project: string, digest: Digest): Promise<boolean>;
}

/** Reads the image again and answers the id of the operation that people can watch. */
export interface ScanStarter {
  startScan(project: string, digest: Digest, actor: string): Promise<{ operation: string }>;
}

export interface ScanRoutesParts {
  readonly scans: Scans;
  readonly images: ImagesOfProject;
  readonly starter: ScanStarter;
  /** Reports as they are now, where the image runs. */
  readonly readings: Pick<Readings, 'report'>;
}

/** As a file to keep: a page of a report is not shown under the platform's own address. */
function send(reply: FastifyReply, digest: Digest, format: ReportFormat, document: string | null): string {
  if (document === null) throw scanFault('scan.not-found', { digest });
  const name = `${digest.slice(0, 19).replace(':', '-')}.${format.suffix}`;
  void reply.header('content-type', format.mediaType);
  void reply.header('content-disposition', `attachment; filename="${name}"`);
  return document;
}

function namesOf<T extends object>(formats: T): [keyof T & string, ...(keyof T & string)[]] {
  return Object.keys(formats) as [keyof T & string, ...(keyof T & string)[]];
}

const image = z.object({ project: z.string().min(1).max(128), digest: z.string().max(160) });

const file = z.string().min(1).max(4096);

export function registerScanRoutes(app: ApiApp, { scans, images, starter, readings }: ScanRoutesParts): void {
  const requireImage = async ({ project, digest }: z.infer<typeof image>): Promise<Digest> => {
    if (!isDigest(digest)) throw scanFault('scan.digest-invalid', { digest: digest.slice(0, 80) });
    if (!(await images.hasImage(project, digest))) throw scanFault('scan.not-found', { digest });
    return digest;
  };

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/scan',
    config: { action: 'image.read' },
    schema: { params: image },
    handler: async (request) => {
      const digest = await requireImage(request.params);
      const report = await readings.report(request.params.project, digest);
      if (!report) throw scanFault('scan.not-found', { digest });
      return report;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/sbom',
    config: { action: 'image.read' },
    schema: {
      params: image,
      querystring: z.object({ format: z.enum(namesOf(BILL_FORMATS)).default('cyclonedx') }),
    },
    handler: async (request, reply) => {
      const digest = await requireImage(request.params);
      const format = BILL_FORMATS[request.query.format];
      return send(
        reply,
        digest,
        format,
        await scans.document(digest, format, languageOf(request.headers['accept-language'])),
      );
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/report',
    config: { action: 'image.read' },
    schema: {
      params: image,
      querystring: z.object({ format: z.enum(namesOf(FINDING_FORMATS)).default('json') }),
    },
    handler: async (request, reply) => {
      const digest = await requireImage(request.params);
      const format = FINDING_FORMATS[request.query.format];
      const report = await readings.report(request.params.project, digest);
      const language = languageOf(request.headers['accept-language']);
      return send(reply, digest, format, report && (await scans.document(digest, format, language, report)));
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/layers/:layer/files',
    config: { action: 'image.read' },
    schema: {
      params: image.extend({ layer: z.string().max(160) }),
      querystring: z.object({
        match: z.string().max(256).optional(),
        order: z.enum(['archive', 'largest']).optional(),
        after: z.coerce.number().int().min(0).optional(),
        limit: z.coerce.number().int().min(1).max(LAYER_FILES_PAGE_MAX).optional(),
      }),
    },
    handler: async (request) => {
      const digest = await requireImage(request.params);
      const { layer } = request.params;
      if (!isDigest(layer)) throw scanFault('scan.digest-invalid', { digest: layer.slice(0, 80) });
      const { match, order, after, limit } = request.query;
      return scans.layerFiles(digest, layer, {
        ...(match === undefined ? {} : { match }),
        ...(order === undefined ? {} : { order }),
        ...(after === undefined ? {} : { after }),
        ...(limit === undefined ? {} : { limit }),
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/owners',
    config: { action: 'image.read' },
    schema: { params: image, querystring: z.object({ path: z.union([file, z.array(file).max(OWNER_PATHS_MAX)]) }) },
    handler: async (request) => {
      const digest = await requireImage(request.params);
      const { path } = request.query;
      return scans.fileOwners(digest, typeof path === 'string' ? [path] : path);
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/packages',
    config: { action: 'image.read' },
    schema: {
      params: image,
      querystring: z.object({
        match: z.string().max(256).optional(),
        type: z.string().max(40).optional(),
        layer: z.string().max(160).optional(),
        after: z.coerce.number().int().min(0).optional(),
        limit: z.coerce.number().int().min(1).max(PACKAGES_PAGE_MAX).default(PACKAGES_PAGE_MAX),
      }),
    },
    handler: async (request) => {
      const digest = await requireImage(request.params);
      const [inventory, report] = await Promise.all([
        scans.inventory(digest),
        readings.report(request.params.project, digest),
      ]);
      if (!inventory || !report) throw scanFault('scan.not-found', { digest });
      const { match, type, layer, after, limit } = request.query;
      return listPackages(inventory, report.findings, {
        limit,
        ...(match === undefined ? {} : { match }),
        ...(type === undefined ? {} : { type }),
        ...(layer === undefined ? {} : { layer }),
        ...(after === undefined ? {} : { after }),
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/package-files',
    config: { action: 'image.read' },
    schema: { params: image, querystring: z.object({ purl: z.string().min(5).max(2000), path: file }) },
    handler: async (request) => {
      const digest = await requireImage(request.params);
      const { purl, path } = request.query;
      return scans.packageFiles(digest, { purl, path });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/images/:digest/rescan',
    config: { action: 'image.push' },
    schema: { params: image },
    handler: async (request, reply) => {
      const digest = await requireImage(request.params);
      void reply.code(202);
      return starter.startScan(request.params.project, digest, request.principal.actor);
    },
  });
}

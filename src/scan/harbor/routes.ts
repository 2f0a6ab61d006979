import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../../access/index.ts';
import type { AdvisoryStore, Severity } from '../../advisories/index.ts';
import type { Clock, Json } from '../../system/index.ts';
import { TOOL } from '../bills/bill.ts';
import { scanFault } from '../errors.ts';
import type { Finding, ScanReport } from '../report.ts';
import { BILL_FORMATS } from '../reports/formats.ts';
import type { Scans } from '../scans.ts';
import type { HarborJob, HarborScanner } from './scanner.ts';

/** Media types of the Pluggable Scanner API, 1.0 to 1.2 (github.com/goharbor/pluggable-scanner-spec). */
const TYPE = {
  metadata: 'application/vnd.scanner.adapter.metadata+json; version=1.1',
  response: 'application/vnd.scanner.adapter.scan.response+json; version=1.1',
  error: 'application/vnd.scanner.adapter.error; version=1.0',
  vulnerabilities: 'application/vnd.security.vulnerability.report; version=1.1',
  raw: 'application/vnd.scanner.adapter.vuln.report.raw',
  bill: 'application/vnd.security.sbom.report+json; version=1.0',
} as const;

const IMAGES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const BILLS = { 'application/spdx+json': BILL_FORMATS.spdx, 'application/vnd.cyclonedx+json': BILL_FORMATS.cyclonedx };
const REFRESH_SECONDS = 5;

export interface HarborRoutesParts {
  readonly scanner: HarborScanner;
  readonly scans: Pick<Scans, 'document'>;
  readonly advisories: Pick<AdvisoryStore, 'current'>;
  readonly clock: Clock;
}

/** What a Harbor asks of its scanners; its "endpoint" is `https://…/api/v1/scanners/harbor`, its token one of ours. */
export function registerHarborRoutes(app: ApiApp, { scanner, scans, advisories, clock }: HarborRoutesParts): void {
  const body = (text: string): unknown => JSON.parse(text);
  app.addContentTypeParser(
    /^application\/vnd\.scanner\.adapter\.scan\.request\+json/,
    { parseAs: 'string' },
    async (_request: unknown, text: string | Buffer) => body(text.toString()),
  );

  app.route({
    method: 'GET',
    url: '/api/v1/scanners/harbor/api/v1/metadata',
    config: { action: 'advisories.read' },
    handler: async (request, reply) => {
      requireWhole(request.principal);
      const sources = (await advisories.current()).sources(clock);
      const updatedAt = sources
        .map((source) => source.updatedAt)
        .sort()
        .at(-1);
      return send(reply, TYPE.metadata, {
        scanner: { ...TOOL, version: '1' },
        capabilities: [
          { type: 'vulnerability', consumes_mime_types: IMAGES, produces_mime_types: [TYPE.vulnerabilities, TYPE.raw] },
          {
            type: 'sbom',
            consumes_mime_types: IMAGES,
            produces_mime_types: [TYPE.bill],
            additional_attributes: { sbom_media_types: Object.keys(BILLS) },
          },
        ],
        properties: {
          'harbor.scanner-adapter/scanner-type': 'os-package-vulnerability',
          'harbor.scanner-adapter/registry-authorization-type': 'Basic',
          ...(updatedAt === undefined ? {} : { 'harbor.scanner-adapter/vulnerability-database-updated-at': updatedAt }),
        },
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/scanners/harbor/api/v1/scan',
    config: { action: 'image.read' },
    schema: {
      body: z.object({
        registry: z.object({ url: z.string().max(2048), authorization: z.string().max(8192).optional() }),
        artifact: z.object({
          repository: z
            .string()
            .min(1)
            .max(255)
            .regex(/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/),
          digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
          tag: z.string().max(128).optional(),
          mime_type: z.string().max(200).optional(),
        }),
      }),
    },
    handler: async (request, reply) => {
      requireWhole(request.principal);
      const { registry, artifact } = request.body;
      const { repository, digest, tag, mime_type: mimeType } = artifact;
      const job = scanner.start(
        {
          registryUrl: registry.url,
          authorization: registry.authorization ?? null,
          artifact: { repository, digest, tag, mimeType },
        },
        request.principal.id,
      );
      void reply.code(202);
      return send(reply, TYPE.response, { id: job.id });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/scanners/harbor/api/v1/scan/:id/report',
    config: { action: 'image.read' },
    schema: {
      params: z.object({ id: z.string().max(64) }),
      querystring: z.object({ sbom_media_type: z.string().max(100).optional() }),
    },
    handler: async (request, reply) => {
      const job = scanner.find(request.params.id, request.principal.id);
      if (!job) throw scanFault('scan.harbor-job', { id: request.params.id });
      const { report } = job;
      if (job.state === 'waiting' || job.state === 'running') {
        void reply.code(302).header('refresh-after', String(REFRESH_SECONDS)).header('location', request.url);
        return '';
      }
      if (job.state === 'failed' || report === null) {
        void reply.code(500);
        return send(reply, TYPE.error, { error: { message: job.problem ?? 'the scan failed' } });
      }
      const wanted = (request.headers.accept ?? '').toLowerCase().replaceAll(' ', '');
      if (wanted.includes('vnd.security.sbom.report')) {
        const name = (request.query.sbom_media_type ?? 'application/spdx+json') as keyof typeof BILLS;
        const document = Object.hasOwn(BILLS, name) ? await scans.document(report.digest, BILLS[name], 'en') : null;
        if (document === null)
          throw scanFault('scan.choice-unknown', { value: name, choices: Object.keys(BILLS).join(', ') });
        return send(reply, TYPE.bill, { ...headOf(job, report), media_type: name, sbom: JSON.parse(document) as Json });
      }
      if (wanted.includes('vuln.report.raw')) return send(reply, TYPE.raw, report as unknown as Json);
      if (wanted === '' || wanted.includes('vnd.security.vulnerability.report') || wanted.includes('*/*')) {
        return send(reply, TYPE.vulnerabilities, vulnerabilitiesOf(job, report));
      }
      void reply.code(406);
      return send(reply, TYPE.error, { error: { message: `none of ${Object.values(TYPE).join(', ')} is accepted` } });
    },
  });
}

/** What it may see is not of one project: the token is one that may see all. */
function requireWhole(principal: Principal): void {
  if (may(principal, 'image.read', null)) return;
  throw accessFault('access.not-allowed', { name: principal.name, action: 'image.read', place: 'the platform' });
}

function send(reply: FastifyReply, type: string, value: Json): string {
  void reply.header('content-type', type);
  return JSON.stringify(value);
}

const SEVERITY: Readonly<Record<Severity, string>> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  none: 'Negligible',
  unknown: 'Unknown',
};
const ORDER: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'none', 'unknown'];

function headOf({ artifact }: HarborJob, { scannedAt }: ScanReport): { [key: string]: Json } {
  const { repository, digest, tag, mimeType } = artifact;
  return {
    generated_at: scannedAt,
    artifact: {
      repository,
      digest,
      ...(tag === undefined ? {} : { tag }),
      ...(mimeType === undefined ? {} : { mime_type: mimeType }),
    },
    scanner: { ...TOOL, version: '1' },
  };
}

function vulnerabilitiesOf(job: HarborJob, report: ScanReport): Json {
  const worst = ORDER.find((severity) => report.findings.some((finding) => finding.severity === severity));
  return {
    ...headOf(job, report),
    severity: worst === undefined ? 'None' : SEVERITY[worst],
    vulnerabilities: report.findings.map(toVulnerability),
  };
}

function toVulnerability({
  id,
  package: found,
  fixedVersion,
  severity,
  title,
  url,
  cvssVectors,
  cvss,
  risk,
  decision,
  kev,
}: Finding): Json {
  const vector = cvssVectors.find(({ version }) => version.startsWith('3'));
  return {
    id,
    package: found.name,
    version: found.version,
    fix_version: fixedVersion ?? '',
    severity: SEVERITY[severity],
    description: title,
    links: url === null ? [] : [url],
    ...(found.layer === null ? {} : { layer: { digest: found.layer } }),
    ...(vector || cvss !== null
      ? { preferred_cvss: { score_v3: vector?.score ?? cvss, vector_v3: vector?.vector ?? '' } }
      : {}),
    vendor_attributes: { darsena: { risk, decision, kev, path: found.path } },
  };
}

import type { FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../../access/index.ts';
import type { AdvisoryStore, Severity } from '../../advisories/index.ts';
import { type Clock, describeIssues, type Json, languageOf } from '../../system/index.ts';
import { TOOL } from '../bills/bill.ts';
import { scanFault } from '../errors.ts';
import type { Finding, ScanReport } from '../report.ts';
import { BILL_FORMATS } from '../reports/bill-formats.ts';
import type { Scans } from '../scans.ts';
import type { HarborJob, HarborScanner } from './scanner.ts';

/** Media types of the Pluggable Scanner API, 1.0 to 1.2 (github.com/goharbor/pluggable-scanner-spec). */
const TYPE = {
  metadata: 'application/vnd.scanner.adapter.metadata+json; version=1.1',
  metadataBefore: 'application/vnd.scanner.adapter.metadata+json; version=1.0',
  response: 'application/vnd.scanner.adapter.scan.response+json; version=1.0',
  error: 'application/vnd.scanner.adapter.error+json; version=1.0',
  vulnerabilities: 'application/vnd.security.vulnerability.report; version=1.1',
  /** The same report by its name of before, which a question without Accept means. */
  native: 'application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0',
  raw: 'application/vnd.scanner.adapter.vuln.report.raw',
  bill: 'application/vnd.security.sbom.report+json; version=1.0',
} as const;

const IMAGES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const BILLS = { 'application/spdx+json': BILL_FORMATS.spdx, 'application/vnd.cyclonedx+json': BILL_FORMATS.cyclonedx };
const CAPABILITIES = [
  {
    type: 'vulnerability',
    consumes_mime_types: IMAGES,
    produces_mime_types: [TYPE.vulnerabilities, TYPE.native, TYPE.raw],
  },
  {
    type: 'sbom',
    consumes_mime_types: IMAGES,
    produces_mime_types: [TYPE.bill],
    additional_attributes: { sbom_media_types: Object.keys(BILLS) },
  },
];
const REFRESH_SECONDS = 5;
/** The specification's word for what this scanner has no capability for; no Fault is meant by it. */
const NOT_IMPLEMENTED = 501;

const scanRequest = z.object({
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
  /** From 1.2 on: which reports will be asked for. Left out: any. */
  enabled_capabilities: z
    .array(
      z.object({
        type: z.string().max(40),
        produces_mime_types: z.array(z.string().max(200)).max(20).nullish(),
        parameters: z.object({ sbom_media_types: z.array(z.string().max(100)).max(20).nullish() }).nullish(),
      }),
    )
    .max(20)
    .nullish(),
});

export interface HarborRoutesParts {
  readonly scanner: HarborScanner;
  readonly scans: Pick<Scans, 'document'>;
  readonly advisories: Pick<AdvisoryStore, 'current'>;
  readonly clock: Clock;
}

/** What a Harbor asks of its scanners; its "endpoint" is `https://…/api/v1/scanners/harbor`, its token one of ours. */
export function registerHarborRoutes(app: ApiApp, parts: HarborRoutesParts): void {
  void app.register(async (scope) => registerIn(scope as unknown as ApiApp, parts));
}

function registerIn(app: ApiApp, { scanner, scans, advisories, clock }: HarborRoutesParts): void {
  app.addContentTypeParser(
    /^application\/vnd\.scanner\.adapter\.scan\.request\+json/,
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  );
  // A field that cannot be is told apart from JSON that is none; all else is the frame's to say.
  app.setErrorHandler((error, request, reply) => {
    if (!hasZodFastifySchemaValidationErrors(error)) throw error;
    if (error.validation.some(({ keyword }) => keyword === 'invalid_type')) throw error;
    void refuse(reply, 422, describeIssues(error.validation)[languageOf(request.headers['accept-language'])]);
  });
  // Harbor shows its people the `message` of an error of its own shape, and of problem documents nothing.
  app.addHook('onSend', async (_request, reply, payload) => {
    const isProblem = String(reply.getHeader('content-type')).startsWith('application/problem+json');
    if (!isProblem || typeof payload !== 'string') return payload;
    const { title, detail, remedy } = JSON.parse(payload) as Readonly<Record<string, string | undefined>>;
    void reply.header('content-type', TYPE.error);
    return JSON.stringify({ error: { message: [title, detail, remedy].filter(Boolean).join('; ') } });
  });

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
      const wanted = acceptOf(request.headers.accept);
      return send(reply, wanted.endsWith('version=1.0') ? TYPE.metadataBefore : TYPE.metadata, {
        scanner: { ...TOOL, version: '1' },
        capabilities: CAPABILITIES,
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
    schema: { body: scanRequest },
    handler: async (request, reply) => {
      requireWhole(request.principal);
      const { registry, artifact } = request.body;
      const { repository, digest, tag, mime_type: mimeType } = artifact;
      const missing = missingCapability(request.body);
      if (missing !== null) return refuse(reply, NOT_IMPLEMENTED, missing);
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
      if (job.state === 'failed' || report === null) return refuse(reply, 500, job.problem ?? 'the scan failed');
      const wanted = acceptOf(request.headers.accept);
      if (wanted.includes('vnd.security.sbom.report')) {
        const name = (request.query.sbom_media_type ?? '') as keyof typeof BILLS;
        const document = Object.hasOwn(BILLS, name) ? await scans.document(report.digest, BILLS[name], 'en') : null;
        if (document === null)
          throw scanFault('scan.choice-unknown', { value: name, choices: Object.keys(BILLS).join(', ') });
        return send(reply, TYPE.bill, { ...headOf(job, report), media_type: name, sbom: JSON.parse(document) as Json });
      }
      if (wanted.includes('vuln.report.raw')) return send(reply, TYPE.raw, report as unknown as Json);
      if (wanted.includes('vnd.security.vulnerability.report') || wanted.includes('*/*')) {
        return send(reply, TYPE.vulnerabilities, vulnerabilitiesOf(job, report));
      }
      if (wanted === '' || wanted.includes('vuln.report.harbor')) {
        return send(reply, TYPE.native, vulnerabilitiesOf(job, report));
      }
      return refuse(reply, NOT_IMPLEMENTED, `none of ${producedTypes().join(', ')} is accepted`);
    },
  });
}

function acceptOf(header: string | undefined): string {
  return (header ?? '').toLowerCase().replaceAll(' ', '');
}

function producedTypes(): readonly string[] {
  return CAPABILITIES.flatMap(({ produces_mime_types: types }) => types);
}

/** What of a request no capability of ours covers, in words; null when all of it is covered. */
function missingCapability({ artifact, enabled_capabilities: enabled }: z.infer<typeof scanRequest>): string | null {
  const { mime_type: mimeType } = artifact;
  if (mimeType !== undefined && mimeType !== '' && !IMAGES.includes(mimeType)) {
    return `${mimeType} is no image; ${IMAGES.join(' and ')} are scanned`;
  }
  for (const { type, produces_mime_types: types, parameters } of enabled ?? []) {
    const capability = CAPABILITIES.find((one) => one.type === type);
    if (capability === undefined) return `there is no capability ${type}`;
    const produced = capability.produces_mime_types.map(acceptOf);
    const other = types?.find((one) => !produced.includes(acceptOf(one)));
    if (other !== undefined) return `${other} is not produced`;
    const bill = parameters?.sbom_media_types?.find((one) => !Object.hasOwn(BILLS, one));
    if (bill !== undefined) return `bills of materials are not written as ${bill}`;
  }
  return null;
}

/** An error as Harbor reads it. */
function refuse(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply
    .code(status)
    .header('content-type', TYPE.error)
    .send(Buffer.from(JSON.stringify({ error: { message } })));
}

/** What it may see is not of one project: the token is one that may see all. */
function requireWhole(principal: Principal): void {
  if (may(principal, 'image.read', null)) return;
  throw accessFault('access.not-allowed', { name: principal.name, action: 'image.read', place: 'the platform' });
}

/** As bytes: of a text Fastify would write the type anew, with quotes and a charset that the specification does not have. */
function send(reply: FastifyReply, type: string, value: Json): Buffer {
  void reply.header('content-type', type);
  return Buffer.from(JSON.stringify(value));
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
    severity: SEVERITY[worst ?? 'unknown'],
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

import { Readable } from 'node:stream';
import { z } from 'zod';
import { type Action, type ApiApp, accessFault, may, type Principal, visibleProjects } from '../../access/index.ts';
import type { Json } from '../../system/index.ts';
import { respondFault } from '../errors.ts';
import type { Respond } from '../respond.ts';
import { evidenceFault } from './errors.ts';
import type { Evidence, EvidenceStore, EvidenceTarget } from './evidence.ts';
import type { CustodyStep } from './format.ts';
import { EVIDENCE_PACKET_SECONDS_MAX, EVIDENCE_PAGE_MAX } from './limits.ts';
import { takeIncidentEvidence } from './take.ts';

export const EVIDENCE_TYPE = 'application/vnd.darsena.evidence+tar';

/** A container of a workload that runs now. @throws Fault deploy.workload-unknown, deploy.replica-missing */
export type FindContainer = (wanted: {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly replica?: string;
  readonly container?: string;
}) => Promise<EvidenceTarget>;

/** As it stands in a list: without the files, which are thousands. */
export interface EvidenceView extends Omit<Evidence, 'manifest'> {
  readonly frozen: boolean;
  readonly milliseconds: number;
  readonly files: number;
  readonly parts: Evidence['manifest']['parts'];
}

export interface EvidenceDetailView extends EvidenceView {
  readonly manifest: Evidence['manifest'];
  readonly custody: readonly CustodyStep[];
}

const name = z.string().min(1).max(200);
const id = z.string().regex(/^[0-9a-f-]{4,36}$/);
const how = {
  reason: z.string().max(2_000).nullable().default(null),
  keepPaused: z.boolean().default(false),
  copyFiles: z.boolean().default(true),
  packetSeconds: z.number().int().min(0).max(EVIDENCE_PACKET_SECONDS_MAX).default(0),
};

export function registerEvidenceRoutes(
  app: ApiApp,
  parts: { readonly respond: Respond; readonly store: EvidenceStore; readonly findContainer: FindContainer },
): void {
  const { respond, store } = parts;
  app.route({
    method: 'POST',
    url: '/api/v1/evidence',
    // The project is the container's: the handler asks for it.
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Take evidence of the container of an incident, or of a workload',
      body: z.union([
        z.strictObject({ incident: z.number().int().min(1), ...how }),
        z.strictObject({
          ...{ project: name, environment: name, workload: name },
          ...{ replica: name.optional(), container: name.optional() },
          ...how,
        }),
      ]),
    },
    handler: async (request, reply) => {
      const { principal, body } = request;
      const options = {
        ...{ actor: principal.actor, reason: body.reason },
        ...{ keepPaused: body.keepPaused, copyFiles: body.copyFiles, packetSeconds: body.packetSeconds },
      };
      void reply.status(201);
      if ('incident' in body) {
        const incident = await respond.incident(body.incident);
        if (!may(principal, 'incident.read', incident.project))
          throw respondFault('respond.incident-unknown', { number: body.incident });
        require(principal, 'incident.respond', incident.project);
        return showEvidence(await takeIncidentEvidence(respond, store, body.incident, options));
      }
      const { project, environment, workload, replica, container } = body;
      require(principal, 'incident.respond', project);
      const target = await parts.findContainer({
        ...{ project, environment, workload },
        ...(replica === undefined ? {} : { replica }),
        ...(container === undefined ? {} : { container }),
      });
      return showEvidence(await store.take(target, options, { incident: null } as Json));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/evidence',
    config: { action: 'incident.read' },
    schema: {
      tags: ['incidents'],
      summary: 'Evidence that was taken, newest first',
      querystring: z.object({
        incident: z.coerce.number().int().min(1).optional(),
        project: name.optional(),
        limit: z.coerce.number().int().min(1).max(EVIDENCE_PAGE_MAX).default(50),
      }),
    },
    handler: async (request) => {
      const { incident, project, limit } = request.query;
      const items = await store.list({
        projects: visibleProjects(request.principal, 'incident.read'),
        ...(incident === undefined ? {} : { incident }),
        ...(project === undefined ? {} : { project }),
        limit,
      });
      return { items: items.map(showEvidence), usedBytes: await store.usedBytes() };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/evidence/:id',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'What was gathered, and who had it in hands', params: z.object({ id }) },
    handler: async (request): Promise<EvidenceDetailView> => {
      const { principal } = request;
      const found = await visible(store, principal, request.params.id);
      const { evidence, custody } = await store.read(found.id, principal.actor);
      return { ...showEvidence(evidence), manifest: evidence.manifest, custody };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/evidence/:id/archive',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'The evidence as one archive', params: z.object({ id }) },
    handler: async (request, reply) => {
      const { principal } = request;
      const found = await visible(store, principal, request.params.id);
      // It holds what the container held: who may act on incidents takes it away, who audits does too.
      if (!may(principal, 'audit.read', found.project)) require(principal, 'incident.respond', found.project);
      const archive = await store.export(found.id, principal.actor);
      return reply
        .header('content-type', EVIDENCE_TYPE)
        .header('content-disposition', `attachment; filename="evidence-${archive.id}.tar"`)
        .send(Readable.from(archive.bytes));
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/evidence/:id',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Delete the bytes of evidence; its hashes and chain of custody stay',
      params: z.object({ id }),
      querystring: z.object({ reason: z.string().trim().min(1).max(2_000) }),
    },
    handler: async (request) => {
      const { principal } = request;
      const found = await visible(store, principal, request.params.id);
      require(principal, 'incident.respond', found.project);
      return showEvidence(await store.delete(found.id, principal.actor, request.query.reason));
    },
  });
}

export function showEvidence({ manifest, ...rest }: Evidence): EvidenceView {
  const { freeze, files, parts } = manifest;
  return { ...rest, frozen: freeze.frozen, milliseconds: freeze.milliseconds, files: files.length, parts };
}

/** Of a project that the caller may not see it is not there for them. */
async function visible(store: EvidenceStore, principal: Principal, wanted: string): Promise<Evidence> {
  const evidence = await store.find(wanted);
  if (!may(principal, 'incident.read', evidence.project)) throw evidenceFault('evidence.unknown', { id: wanted });
  return evidence;
}

function require(principal: Principal, action: Action, project: string | null): void {
  if (may(principal, action, project)) return;
  throw accessFault('access.not-allowed', { name: principal.name, action, place: project ?? 'the platform' });
}

import { z } from 'zod';
import { type ApiApp, may, type Principal, visibleProjects } from '../access/index.ts';
import { projectOf } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import type { PreventPolicies } from './book.ts';
import type { GuardedPart, HostPrevention } from './host-state.ts';
import { PATTERN_LENGTH_MAX, POLICY_BYTES_MAX } from './limits.ts';
import { gapWords } from './packages.ts';
import type { PackagesInImages } from './packages-in-images.ts';
import { policyName } from './policy.ts';
import type { Strangers } from './strangers.ts';

const pattern = z.string().min(1).max(PATTERN_LENGTH_MAX).nullable().default(null);
const reason = z.string().min(1).max(2_000);
const id = z.string().regex(/^[0-9a-f-]{4,36}$/);

/** What hosts say of their guards, as of now. */
export interface PreventionHosts {
  states(): readonly { readonly host: string; readonly prevention: HostPrevention | null }[];
}

/** Policies are everybody's to read; what is in images of a project is told to those who may see its images. */
const ELSEWHERE: Text = {
  en: 'not all of it can be enforced in each image: "darsena prevent packages" says it of those that you may see',
  es: 'no todo se puede imponer en cada imagen: «darsena prevent packages» lo dice de las que usted puede ver',
};

function partsSeenBy(principal: Principal, parts: readonly GuardedPart[]): readonly GuardedPart[] {
  if (visibleProjects(principal, 'image.read') === '*') return parts;
  const seen = new Map<string, GuardedPart>();
  for (const part of parts) {
    const shown = part.part === 'package' && part.why !== null ? { ...part, why: ELSEWHERE } : part;
    const key = JSON.stringify([part.policy, part.part, part.strength, part.means, shown.why]);
    seen.set(key, { ...shown, containers: part.containers + (seen.get(key)?.containers ?? 0) });
  }
  return [...seen.values()];
}

export function registerPreventionRoutes(
  app: ApiApp,
  parts: {
    readonly policies: PreventPolicies;
    readonly strangers: Strangers;
    readonly hosts: PreventionHosts;
    readonly images: Pick<PackagesInImages, 'current'>;
  },
): void {
  const { policies, strangers, hosts, images } = parts;
  // Policies are read by everybody; what is in an image only by who may read that image.
  const packagesOf = (name: string, principal: Principal) =>
    images
      .current()
      .filter(({ policy, image }) => policy === name && may(principal, 'image.read', projectOf(image), image))
      .map(({ digest, image, unknown, found }) => ({
        ...{ digest, image, unknown: unknown === null ? null : gapWords(unknown) },
        found: found.map((one) => ({
          ...{ purl: one.purl, programs: one.programs, libraries: one.libraries },
          why: one.gap === null ? null : gapWords(one.gap),
        })),
      }));
  app.route({
    method: 'GET',
    url: '/api/v1/prevention/policies',
    config: { action: 'policy.read' },
    schema: { tags: ['prevention'], summary: 'Prevention policies, and how strongly each host follows them' },
    handler: async ({ principal }) => {
      const { revision } = policies.order();
      const states = hosts.states();
      return {
        items: policies.list().map((stored) => ({
          ...stored,
          packages: packagesOf(stored.policy.name, principal),
          hosts: states.map(({ host, prevention }) => ({
            host,
            state: prevention === null ? 'unable' : prevention.revision === revision ? 'in-force' : 'behind',
            parts: partsSeenBy(principal, prevention?.policies ?? [])
              .filter(({ policy }) => policy === stored.policy.name)
              .map(({ policy: _policy, ...part }) => part),
          })),
        })),
        hosts: states.map(({ host, prevention }) => ({
          host,
          exec: prevention?.exec ?? null,
          open: prevention?.open ?? null,
        })),
      };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/prevention/policies/:name',
    config: { action: 'policy.read' },
    schema: {
      tags: ['prevention'],
      summary: 'A prevention policy as its author wrote it',
      params: z.object({ name: policyName }),
    },
    handler: async (request) => {
      const stored = policies.named(request.params.name);
      return { ...stored, packages: packagesOf(stored.policy.name, request.principal) };
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/prevention/policies',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['prevention'],
      summary: 'Put a prevention policy in force; hosts are told at once',
      body: z.strictObject({ source: z.string().max(POLICY_BYTES_MAX) }),
    },
    handler: async (request) => policies.apply(request.body.source, request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/prevention/policies/:name',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['prevention'],
      summary: 'Take a prevention policy out of force',
      params: z.object({ name: policyName }),
    },
    handler: async (request) => {
      await policies.remove(request.params.name, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/foreign',
    config: { action: 'host.read' },
    schema: { tags: ['prevention'], summary: 'Containers that the platform did not start' },
    handler: async () => ({ items: await strangers.list() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/foreign/:id/stop',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['prevention'],
      summary: 'Stop a container that the platform did not start',
      params: z.object({ id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/) }),
    },
    handler: async (request) => strangers.stop(request.params.id, request.principal.actor),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/foreign/rules',
    config: { action: 'policy.read' },
    schema: { tags: ['prevention'], summary: 'What may run beside the platform, and what of the rest is stopped' },
    handler: async () => ({ allowed: strangers.allowed(), stops: strangers.stops() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/foreign/allowed',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['prevention'],
      summary: 'Let containers run beside the platform, by image or name, with why and until when',
      body: z
        .strictObject({
          ...{ image: pattern, name: pattern, host: pattern, reason },
          until: z.iso.datetime().nullable().default(null),
        })
        .refine(({ image, name }) => image !== null || name !== null, { message: 'expected image or name' }),
    },
    handler: async (request, reply) => {
      reply.code(201);
      return strangers.allow(request.body, request.principal.actor);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/foreign/allowed/:id',
    config: { action: 'platform.admin' },
    schema: { tags: ['prevention'], summary: 'Take such an entry back', params: z.object({ id }) },
    handler: async (request) => {
      await strangers.disallow(request.params.id, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/foreign/stops',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['prevention'],
      summary: 'Have containers stopped that the platform did not start and nobody allowed',
      body: z.strictObject({ host: pattern, environment: pattern, image: pattern, name: pattern, reason }),
    },
    handler: async (request, reply) => {
      reply.code(201);
      return strangers.addStop(request.body, request.principal.actor);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/foreign/stops/:id',
    config: { action: 'platform.admin' },
    schema: { tags: ['prevention'], summary: 'Only report them from now on', params: z.object({ id }) },
    handler: async (request) => {
      await strangers.removeStop(request.params.id, request.principal.actor);
      return {};
    },
  });
}

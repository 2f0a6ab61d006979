import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type ApiApp, type Principal, personBehind, requirePerson } from '../access/index.ts';
import { FormatError, sayFormatError } from '../formats/index.ts';
import { parseDigest } from '../oci/index.ts';
import type { Clock, Json } from '../system/index.ts';
import { DOORS, type Door } from './admission.ts';
import type { Admit } from './admit.ts';
import { asAsked, type PlacedDocument, readDocuments } from './document.ts';
import { admitFault } from './errors.ts';
import { type Exception, stateOf } from './exception.ts';
import { POLICY_BYTES_MAX, RECORD_DAYS, TESTED_KEPT_MAX } from './limits.ts';
import { judgeDocument } from './manifest.ts';
import { fillMessage, type Policy, readPolicy } from './policy.ts';
import type { PolicyBook } from './policy-book.ts';
import { selectPolicy } from './presets.ts';

const VERDICTS_MAX = 200;
const project = z.string().max(200);
const actorRule = z.string().regex(/^(?:\*|[a-z][a-z0-9-]{0,62})$/);

/**
 * @param approved told after a second person has agreed to an exception
 * @param said an object without what its kind reads as not being there, as deploys are judged
 */
export function registerAdmitRoutes(
  app: ApiApp,
  admit: Admit,
  clock: Clock,
  book: PolicyBook | null = null,
  approved: (exception: Exception, by: Principal) => Promise<void> = async () => undefined,
  said: (object: Json) => Json = (object) => object,
): void {
  const show = (exception: Exception) => ({ ...exception, state: stateOf(exception, clock.now()) });
  app.route({
    method: 'GET',
    url: '/api/v1/policies',
    config: { action: 'policy.read' },
    schema: { tags: ['policies'], summary: 'Admission policies' },
    handler: async () => ({
      items: admit
        .policies()
        .map((policy) => ({ ...showPolicy(policy), origin: book?.originOf(policy.name) ?? 'preset' })),
      problems: [...(book?.problems() ?? [])].map(([name, fault]) => ({ name, code: fault.code, why: fault.message })),
    }),
  });
  if (book !== null) registerBookRoutes(app, admit, book, clock);
  app.route({
    method: 'GET',
    url: '/api/v1/policies/:name',
    config: { action: 'policy.read' },
    schema: {
      tags: ['policies'],
      summary: 'A policy with its rules and its source',
      params: z.object({ name: z.string().max(63) }),
    },
    handler: async (request) => {
      const policy = admit.policy(request.params.name);
      return { ...showPolicy(policy), source: policy.source.replace(/^\n+/, '') };
    },
  });
  const answers = new WeakMap<Policy, Map<string, object>>();
  app.route({
    method: 'POST',
    url: '/api/v1/policies/:name/test',
    config: { action: 'policy.read' },
    schema: {
      tags: ['policies'],
      summary: 'What a policy holds against Kubernetes manifests; looks at no image and keeps nothing',
      params: z.object({ name: z.string().max(80) }),
      body: z.object({ manifests: z.string().max(POLICY_BYTES_MAX) }),
    },
    handler: async (request) => {
      const policy = admit.policy(request.params.name);
      const kept = answers.get(policy) ?? new Map<string, object>();
      answers.set(policy, kept);
      const digest = createHash('sha256').update(request.body.manifests).digest('base64');
      const known = kept.get(digest);
      if (known !== undefined) return known;
      const answer = {
        items: readManifests(request.body.manifests).map((one) => showTested(asAsked(one, said), policy, clock)),
      };
      // What a pipeline asks again and again is the same few; a policy that changes is another object and starts anew.
      if (kept.size >= TESTED_KEPT_MAX) kept.clear();
      kept.set(digest, answer);
      return answer;
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/policies/check',
    config: { action: 'policy.read' },
    schema: {
      tags: ['policies'],
      summary: 'Check a policy document without using it',
      body: z.object({ source: z.string().max(512 * 1024) }),
    },
    handler: async (request) =>
      showPolicy(
        readPolicy(request.body.source, 'policy', (name) => admit.policies().find((one) => one.name === name) ?? null),
      ),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/verdicts',
    config: { action: 'image.read' },
    schema: {
      tags: ['policies'],
      summary: 'Verdicts of a project, newest first',
      params: z.object({ project }),
      querystring: z.object({
        digest: z.string().max(200).optional(),
        door: z.enum(DOORS as [Door, ...Door[]]).optional(),
        environment: z.string().max(63).optional(),
        limit: z.coerce.number().int().min(1).max(VERDICTS_MAX).default(50),
      }),
    },
    handler: async (request) => {
      const { digest, door, environment, limit } = request.query;
      const items = await admit.verdicts({
        project: request.params.project,
        limit,
        ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
        ...(door === undefined ? {} : { door }),
        ...(environment === undefined ? {} : { environment }),
      });
      return { items };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/exceptions',
    config: { action: 'image.read' },
    schema: { tags: ['policies'], summary: 'Exceptions of a project, newest first', params: z.object({ project }) },
    handler: async (request) => ({ items: (await admit.exceptions(request.params.project)).map(show) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/exceptions',
    config: { action: 'promotion.request' },
    schema: {
      tags: ['policies'],
      summary: 'Ask for an exception; a second person has to approve it',
      params: z.object({ project }),
      body: z.object({
        rule: actorRule,
        subject: z.string().min(1).max(300).nullable().default(null),
        environment: z.string().min(1).max(63).nullable().default(null),
        package: z.string().min(1).max(300).nullable().default(null),
        digest: z.string().max(200).nullable().default(null),
        repository: z.string().min(3).max(255).nullable().default(null),
        reason: z.string().min(10).max(2000),
        expiresAt: z.iso.datetime(),
      }),
    },
    handler: async (request, reply) => {
      const { digest, ...rest } = request.body;
      const wanted = {
        ...rest,
        project: request.params.project,
        digest: digest === null ? null : parseDigest(digest),
      };
      void reply.code(201);
      return show(await admit.requestException(wanted, personBehind(request.principal), request.principal.actor));
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/exceptions/:id/approve',
    config: { action: 'promotion.approve' },
    schema: {
      tags: ['policies'],
      summary: 'Approve an exception that somebody else asked for',
      params: z.object({ project, id: z.string().max(36) }),
    },
    handler: async (request) => {
      const { params, principal } = request;
      requirePerson(principal);
      const exception = await admit.approveException(params.project, params.id, principal.actor);
      await approved(exception, principal);
      return show(exception);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/exceptions/:id/revoke',
    config: { action: 'promotion.request' },
    schema: {
      tags: ['policies'],
      summary: 'Take an exception back, or refuse one that waits',
      params: z.object({ project, id: z.string().max(36) }),
    },
    handler: async (request) =>
      show(await admit.revokeException(request.params.project, request.params.id, request.principal.actor)),
  });
}

/** @throws Fault admit.manifests-invalid */
function readManifests(text: string): PlacedDocument[] {
  try {
    return readDocuments(text);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { line = 1, column = 1 } = error.position ?? {};
    throw admitFault('admit.manifests-invalid', { line, column, reason: sayFormatError(error) });
  }
}

function showTested(document: PlacedDocument, policy: Policy, clock: Clock) {
  const { verdict, outcomes } = judgeDocument(document, policy, clock);
  const { line, kind, name, namespace } = document;
  const rules = outcomes.map(({ rule, result, reasons }) => ({ id: rule?.id ?? reasons[0]?.rule ?? '?', result }));
  return { line, kind, name, namespace, decision: verdict.decision, reasons: verdict.reasons, rules };
}

function registerBookRoutes(app: ApiApp, admit: Admit, book: PolicyBook, clock: Clock): void {
  const source = z.string().max(POLICY_BYTES_MAX);
  const named = z.object({ name: z.string().max(63) });
  // Between the reading and the answer its author may have put another text in its place.
  const read = z.strictObject({ revision: z.number().int().min(1).nullable().default(null) }).nullish();
  app.route({
    method: 'POST',
    url: '/api/v1/policies',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['policies'],
      summary:
        'Apply a policy of one’s own, or a new text of it; what production is judged by waits for a second person',
      body: z.object({ source }),
    },
    handler: async (request, reply) => {
      const { warnings = [] } = readPolicy(request.body.source, 'policy', book.find);
      void reply.code(201);
      const made = await book.apply(request.body.source, personBehind(request.principal), request.principal.actor);
      return { ...made, warnings };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/policies/:name/revisions',
    config: { action: 'policy.read' },
    schema: { tags: ['policies'], summary: 'Texts that a policy had, newest first', params: named },
    handler: async (request) => ({ items: await book.revisions(request.params.name) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/policies/:name/approve',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['policies'],
      summary: 'Approve the text of a policy that waits for a second person',
      params: named,
      body: read,
    },
    handler: async ({ params, principal, body }) => {
      requirePerson(principal);
      return book.decide(params.name, principal.actor, 'approve', body?.revision ?? null);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/policies/:name/reject',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['policies'],
      summary: 'Reject the text of a policy that waits for a second person',
      params: named,
      body: read,
    },
    handler: async ({ params, principal, body }) =>
      book.decide(params.name, principal.actor, 'reject', body?.revision ?? null),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/policies/:name',
    config: { action: 'platform.admin' },
    schema: { tags: ['policies'], summary: 'Take a policy of one’s own out of force', params: named },
    handler: async (request) => book.remove(request.params.name, request.principal.actor),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/policies/try',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['policies'],
      summary: 'What a policy would have said of what was judged; nothing is kept',
      body: z.object({
        /** A text, or the name of a policy. */
        source: source.optional(),
        name: z.string().max(80).optional(),
        params: z.record(z.string().max(63), z.json()).default({}),
        days: z.number().int().min(1).max(RECORD_DAYS).default(30),
        /** Only what this policy judged. */
        insteadOf: z.string().max(63).nullable().default(null),
      }),
    },
    handler: async (request) => {
      const { body } = request;
      const draft =
        body.source === undefined
          ? selectPolicy(book.find, body.name ?? '', body.params)
          : readPolicy(body.source, 'draft', book.find);
      const since = new Date(clock.now().getTime() - body.days * 86_400_000).toISOString();
      return admit.replay(draft, since, body.insteadOf);
    },
  });
}

function showPolicy(policy: Policy) {
  const { name, version, description, doors, validHours, rules, params, uses } = policy;
  return {
    params,
    uses,
    name,
    version,
    description,
    doors,
    validHours,
    ruleCount: rules.length,
    warnings: policy.warnings ?? [],
    refuses: rules.filter((rule) => rule.effect === 'refuse').length,
    warns: rules.filter((rule) => rule.effect === 'warn').length,
    // What a rule says here has the values that hold here; of whom it is, only a question says.
    rules: rules.map(({ id, doors: at, effect, expression, message, remedy, params: own }) => ({
      ...{ id, doors: at, effect, when: expression, message: fillMessage(message, '…', own) },
      remedy: remedy === null ? null : fillMessage(remedy, '…', own),
    })),
  };
}

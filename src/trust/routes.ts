import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import { parseDigest, projectOf } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import { readBase64 } from './dsse.ts';
import { trustFault } from './errors.ts';
import { readPublicKey } from './key.ts';
import { BILL_BYTES_MAX, BILL_MEDIA_TYPE } from './large-bill.ts';
import { ATTACH_BYTES_MAX, SIMPLE_SIGNING_BYTES_MAX } from './limits.ts';
import { reasonInWords } from './reason-words.ts';
import type { TrustedTime } from './sigstore/verify.ts';
import { SIGNATURE_USES, type SignatureUse } from './statement.ts';
import type { KeyView, Trust } from './trust.ts';
import type { AcceptedSignature, SignatureVerdict } from './verify.ts';

/** Keys of hosts' builders are named after their host and themselves. */
const BUILDER_PREFIX = 'builder:';
const instant = z.iso.datetime({ offset: true });
const signedRecord = z.object({
  payloadType: z.string().max(200),
  payload: z.string().max(4_000_000),
  signatures: z.array(z.object({ keyid: z.string().max(200), sig: z.string().max(4096) })).max(16),
});
/** `release`, or `builder:host1` for the key of a host. */
const keyName = z.string().regex(/^[a-z][a-z0-9._:-]{0,126}$/);
/** Those of lists too: a former key is called after the one that took its place. */
const listedName = z.string().regex(/^[a-z][a-z0-9._:-]{0,126}(~[0-9a-f]{1,64})?$/);

/** Asked of who knows hosts and images. */
export interface TrustPorts {
  /** Told after whom to believe has changed, so that what was judged before is judged anew. */
  readonly changed: () => void;
  /**
   * Has the host make another key for its builder. @returns the new public key in PEM, believed already, and its name
   * @throws Fault host.away, host.lost; trust.builder-former when no builder signs with a key of this name
   */
  readonly rotateBuilder?: (name: string, actor: string) => Promise<{ readonly name: string }>;
  /** Told after a key that signs here got a successor: what the former one said may be said anew. */
  readonly succeeded?: (name: string, actor: string, options: { readonly stolen: boolean }) => void;
}

export function registerTrustRoutes(
  app: ApiApp,
  trust: Trust,
  { changed, rotateBuilder, succeeded }: TrustPorts = { changed: () => undefined },
): void {
  registerAttach(app, trust);
  registerDocuments(app, trust);
  app.route({
    method: 'GET',
    url: '/api/v1/trust/keys',
    config: { action: 'any' }, // public keys: whoever checks a signature needs them
    schema: { tags: ['trust'], summary: 'Keys that the platform signs with or believes' },
    handler: async () => ({ items: (await trust.keys()).map(showKey) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/trust/keys',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['trust'],
      summary: 'Believe a public key, for named uses and repositories',
      body: z.object({
        name: keyName,
        uses: z.array(z.enum(SIGNATURE_USES)).min(1),
        repositories: z.array(z.string().min(1).max(300)).min(1).max(100),
        publicKeyPem: z.string().min(1).max(4096),
        validFrom: instant.nullish(),
        validUntil: instant.nullish(),
      }),
    },
    handler: async (request, reply) => {
      void reply.code(201);
      const key = await trust.believeKey(request.body, request.principal.actor);
      changed();
      return showKey(key);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/trust/keys/:name/revoke',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['trust'],
      summary: 'Stop believing a key; since a time, or for all it ever signed',
      params: z.object({ name: listedName }),
      body: z.object({ since: instant.nullish() }).nullish(),
    },
    handler: async (request) => {
      const { name } = request.params;
      const isUsed = (await trust.keys()).some((key) => key.name === name && key.signsHere);
      if (isUsed) throw trustFault('trust.key-in-use', { key: name });
      await trust.revokeKey(name, request.principal.actor, request.body?.since ?? null);
      changed();
      return { name };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/trust/keys/:name/rotate',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['trust'],
      summary: 'Put another key in the place of a key; the former one stays believed until it is revoked',
      params: z.object({ name: listedName }),
      body: z
        .object({
          /** Of a key that somebody else signs with; the platform and its builders make theirs themselves. */
          publicKeyPem: z.string().min(1).max(4096).optional(),
          /** Nothing that the former key signed counts any more. */
          stolen: z.boolean().optional(),
        })
        .nullish(),
    },
    handler: async (request) => {
      const { name } = request.params;
      const { actor } = request.principal;
      const { publicKeyPem, stolen = false } = request.body ?? {};
      if (name.startsWith(BUILDER_PREFIX) && rotateBuilder !== undefined && publicKeyPem === undefined) {
        const made = await rotateBuilder(name, actor);
        if (stolen) await trust.revokeKey(name, actor);
        changed();
        const standing = (await trust.keys()).find((key) => key.name === made.name);
        if (standing === undefined) throw trustFault('trust.key-unknown', { key: made.name });
        return { key: showKey(standing), former: name, stolen };
      }
      const { key, former } = await trust.rotateKey(name, actor, { publicKeyPem, stolen });
      if (key.signsHere) succeeded?.(name, actor, { stolen });
      changed();
      return { key: showKey(key), former, stolen };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/trust/policy',
    config: { action: 'any' }, // names and public keys: whoever signs or checks needs to know who counts
    schema: {
      tags: ['trust'],
      summary: 'The trust policy that stands, or one of its versions',
      querystring: z.object({ version: z.coerce.number().int().min(0).optional() }),
    },
    handler: async (request) => trust.policyDocument(request.query.version),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/trust/policy',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['trust'],
      summary: 'Put a trust policy in place of the one that stands',
      body: z.object({
        document: z.record(z.string(), z.unknown()),
        expected: z.number().int().min(0).optional(),
        signatures: z.array(signedRecord).max(20).optional(),
      }),
    },
    handler: async (request) => {
      const { document, expected, signatures } = request.body;
      const record = await trust.setPolicy(document, request.principal.actor, { expected, signatures });
      changed();
      return record;
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest/signatures',
    config: { action: 'image.read' },
    schema: {
      tags: ['trust'],
      summary: 'What is signed about an image, by whom, and what does not count and why',
      params: z.object({ project: z.string().max(200), digest: z.string().max(200) }),
    },
    handler: async (request) => {
      const { project, digest } = request.params;
      const verdicts = await trust.verifyInProject(project, parseDigest(digest));
      return {
        items: verdicts.flatMap(showSignatures),
        demands: verdicts.flatMap(({ repository, demands }) => demands.map((demand) => ({ repository, ...demand }))),
      };
    },
  });
}

function registerAttach(app: ApiApp, trust: Trust): void {
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/images/:digest/signatures',
    config: { action: 'image.push' },
    bodyLimit: ATTACH_BYTES_MAX,
    schema: {
      tags: ['trust'],
      summary: 'Store a signature or attestation that was made elsewhere beside its image; it must count here',
      params: z.object({ project: z.string().max(200), digest: z.string().max(200) }),
      body: z.object({
        repository: z.string().min(1).max(300),
        /** base64 of a Sigstore bundle, or a signature in the cosign 2 layout */
        bundle: z.string().optional(),
        cosign: z
          .object({
            payload: z.string(),
            signature: z.string(),
            annotations: z.record(z.string().max(200), z.string().max(SIMPLE_SIGNING_BYTES_MAX)).optional(),
          })
          .optional(),
      }),
    },
    handler: async (request, reply) => {
      const { project, digest } = request.params;
      const { repository, bundle, cosign } = request.body;
      const image = { repository, digest: parseDigest(digest) };
      const { actor } = request.principal;
      requireProject(repository, project);
      void reply.code(201);
      if (bundle !== undefined) {
        return {
          repository,
          digest,
          referrer: (await trust.attach(readBase64(bundle, 'bundle'), image, actor)).digest,
        };
      }
      if (cosign === undefined)
        throw trustFault('trust.bundle-unreadable', { reason: reasonInWords('expected bundle or cosign') });
      const { signature, annotations = {} } = cosign;
      const signing = { payload: readBase64(cosign.payload, 'payload'), signature, annotations };
      return { repository, digest, referrer: await trust.attachSimple(signing, image, actor) };
    },
  });
}

/** The body is the document as it is: a bill of materials that is too large for the statement that will name it. */
function registerDocuments(app: ApiApp, trust: Trust): void {
  void app.register(async (plain) => {
    const scope = plain as unknown as ApiApp;
    scope.addContentTypeParser(
      BILL_MEDIA_TYPE,
      { parseAs: 'buffer', bodyLimit: BILL_BYTES_MAX },
      (_request, body, done) => done(null, body),
    );
    scope.route({
      method: 'POST',
      url: '/api/v1/projects/:project/images/:digest/documents',
      config: { action: 'image.push' },
      bodyLimit: BILL_BYTES_MAX,
      schema: {
        tags: ['trust'],
        summary: 'Lay a bill of materials beside its image, for a signed statement to name by its digest',
        params: z.object({ project: z.string().max(200), digest: z.string().max(200) }),
        querystring: z.object({ repository: z.string().min(1).max(300) }),
      },
      handler: async (request, reply) => {
        const { project, digest } = request.params;
        const { repository } = request.query;
        requireProject(repository, project);
        const bytes: unknown = request.body;
        if (!Buffer.isBuffer(bytes)) throw trustFault('trust.document-type', { type: BILL_MEDIA_TYPE });
        const image = { repository, digest: parseDigest(digest) };
        const document = { mediaType: BILL_MEDIA_TYPE, bytes };
        void reply.code(201);
        return { repository, digest: (await trust.putDocument(image, document, request.principal.actor)).digest };
      },
    });
  });
}

function requireProject(repository: string, project: string): void {
  if (projectOf(repository) === project) return;
  throw trustFault('trust.not-verified', {
    image: repository,
    reason: { en: `it is not of project ${project}`, es: `no es del proyecto ${project}` },
  });
}

function showKey(key: KeyView) {
  return { ...key, algorithm: readPublicKey(key.publicKeyPem, key.name).algorithm };
}

/** One row a signature: those that count first. */
function showSignatures({ repository, accepted, refused }: SignatureVerdict): SignatureView[] {
  return [
    ...accepted.map(({ use, signer, identity, bundle, logged, format, times }) => ({
      ...{ repository, kind: use, signer, verified: true, reason: null, code: null, identity, bundle, logged, format },
      ...{ times: times.map(showTime), at: times.map(showTime)[0]?.at ?? null },
    })),
    ...refused.map(({ code, reason, bundle, format }) => ({
      ...{ repository, kind: 'refused' as const, signer: '', verified: false, reason, code, identity: null, bundle },
      ...{ logged: false, format, times: [], at: null },
    })),
  ];
}

function showTime({ source, name, at }: TrustedTime): SignatureView['times'][number] {
  return { source, name, at: new Date(at).toISOString() };
}

/** A signature as the API shows it. */
export interface SignatureView {
  readonly repository: string;
  readonly kind: SignatureUse | 'refused';
  /** The name in the trust policy; empty when it does not count. */
  readonly signer: string;
  readonly verified: boolean;
  /** Why it does not count. */
  readonly reason: Text | null;
  readonly code: string | null;
  readonly identity: AcceptedSignature['identity'] | null;
  readonly bundle: string | null;
  /** `bundle`, `cosign` (its version 2 layout) or `notation`; null when nothing was read at all. */
  readonly format: string | null;
  readonly logged: boolean;
  /** Trusted times of signing. */
  readonly times: readonly { readonly source: string; readonly name: string; readonly at: string }[];
  /** The first of them; null with a managed key alone. */
  readonly at: string | null;
}

import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import { parseDigest } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import { readPublicKey } from './key.ts';
import { SIGNATURE_USES, type SignatureUse } from './statement.ts';
import type { KeyView, Trust } from './trust.ts';
import type { AcceptedSignature, SignatureVerdict } from './verify.ts';

/** `release`, or `builder:host1` for the key of a host. */
const keyName = z.string().regex(/^[a-z][a-z0-9._:-]{0,126}$/);

export function registerTrustRoutes(app: ApiApp, trust: Trust): void {
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
      }),
    },
    handler: async (request, reply) => {
      void reply.code(201);
      return showKey(await trust.addPublicKey(request.body, request.principal.actor));
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/trust/keys/:name/revoke',
    config: { action: 'platform.admin' },
    schema: { tags: ['trust'], summary: 'Stop believing a key', params: z.object({ name: keyName }) },
    handler: async (request) => {
      await trust.revokeKey(request.params.name, request.principal.actor);
      return { name: request.params.name };
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
      return { items: (await trust.verifyInProject(project, parseDigest(digest))).flatMap(showSignatures) };
    },
  });
}

function showKey(key: KeyView) {
  return { ...key, algorithm: readPublicKey(key.publicKeyPem, key.name).algorithm };
}

/** One row a signature: those that count first. Managed keys carry no trusted time of signing, so none is told. */
function showSignatures({ repository, accepted, refused }: SignatureVerdict): SignatureView[] {
  return [
    ...accepted.map(({ use, signer, identity, bundle, logged }) => ({
      ...{
        repository,
        kind: use,
        signer,
        verified: true,
        reason: null,
        code: null,
        identity,
        bundle,
        logged,
        at: null,
      },
    })),
    ...refused.map(({ code, reason, bundle }) => ({
      ...{ repository, kind: 'refused' as const, signer: '', verified: false, reason, code, identity: null, bundle },
      ...{ logged: false, at: null },
    })),
  ];
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
  readonly logged: boolean;
  readonly at: string | null;
}

import { KernelDriver, localPatchHost, PATCH_REPOSITORY, type PatchTask, receivePatch } from '../../host/index.ts';
import { type Digest, isDigest } from '../../oci/index.ts';
import type { Clock, Json } from '../../system/index.ts';
import { NO_SIGNATURES, type TrustPolicy, unpackSignatures } from '../../trust/index.ts';
import { hostLimitFault } from './host-limits.ts';

export interface PatchParts {
  /** The platform's registry as this host reaches it, and what it may pull with. */
  readonly registry: { readonly host: string; readonly ca: string; readonly token: string };
  readonly trust: TrustPolicy;
  readonly clock: Clock;
}

/** One at a time: the kernel takes no second patch while one is on its way. */
let turn: Promise<unknown> = Promise.resolve();

/** Does what control asks about one live patch; what it may bring in is decided by this host's own trust policy. */
export async function changePatch(task: PatchTask, parts: PatchParts): Promise<Json> {
  const mine = turn.then(() => change(task, parts));
  turn = mine.catch(() => undefined);
  return mine;
}

async function change({ change, name, digest, signatures }: PatchTask, parts: PatchParts): Promise<Json> {
  // The artifact is signed as a whole, by somebody whom this host believes; the kernel asks for its own keys by itself.
  const driver = new KernelDriver(localPatchHost, { checkSignature: async () => null });
  if (change === 'rollback') {
    await driver.revert(name);
    return { inForce: (await driver.list()).map((one) => one.name) };
  }
  if (digest === null || !isDigest(digest)) throw hostLimitFault('agent.patch-unnamed', { name });
  const { RegistryClient } = await import('../../registry/index.ts');
  const { host, ca, token } = parts.registry;
  const client = new RegistryClient({
    host,
    ca,
    credentials: { name: 'host', secret: token },
    networks: ['127.0.0.0/8', '::1/128'],
  });
  try {
    const source = {
      manifest: async (wanted: Digest) => (await client.getManifest(PATCH_REPOSITORY, wanted)).bytes,
      async blob(blob: { readonly digest: Digest; readonly size: number }) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of client.getBlob(PATCH_REPOSITORY, blob)) chunks.push(chunk);
        return Buffer.concat(chunks);
      },
    };
    const stored = signatures === null ? NO_SIGNATURES : unpackSignatures(signatures);
    const { trust, clock } = parts;
    await receivePatch({ name, digest, signatures: stored }, { source, trust, driver, host: localPatchHost, clock });
  } finally {
    await client.close();
  }
  return { inForce: (await driver.list()).map((one) => one.name) };
}

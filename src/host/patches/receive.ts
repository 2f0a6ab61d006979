import { type Digest, digestOf } from '../../oci/index.ts';
import type { Clock, Text } from '../../system/index.ts';
import {
  isMet,
  type SignatureVerdict,
  type StoredSignatures,
  signersOf,
  type TrustPolicy,
  unmetDemands,
  verifyImage,
} from '../../trust/index.ts';
import { hostFault } from '../errors.ts';
import type { LivePatchDriver, PatchHost } from '../livepatch/driver.ts';
import { PATCH_REPOSITORY, type PatchMetadata, readPatchManifest, readPatchMetadata } from './artifact.ts';

/** Bytes of the registry by digest; whoever answers has checked them against it. */
export interface PatchSource {
  manifest(digest: Digest): Promise<Uint8Array>;
  blob(blob: { readonly digest: Digest; readonly size: number }): Promise<Uint8Array>;
}

/** What a host is told to bring into force. Nothing of it is believed but what the host's own trust policy names. */
export interface PatchToReceive {
  readonly name: string;
  readonly digest: Digest;
  readonly signatures: StoredSignatures;
}

/** Why a patch is not believed; null when somebody whom the policy names for live patches signed it. */
export function doubtPatch(verdict: SignatureVerdict): Text | null {
  return doubtSigned(verdict, PATCH_REPOSITORY);
}

/** Why what changes kernels is not believed; null when somebody whom the policy names for its repository signed it. */
export function doubtSigned(verdict: SignatureVerdict, repository: string): Text | null {
  const why = verdict.refused[0]?.reason;
  const because = { en: why === undefined ? '' : ` (${why.en})`, es: why === undefined ? '' : ` (${why.es})` };
  // The keys of builders sign whatever was built, images and no more: code for the kernel needs somebody's own word.
  const signers = signersOf(verdict, 'image').filter((name) => !name.startsWith('builder:'));
  if (isMet(verdict, 'image') && unmetDemands(verdict.demands).length === 0 && signers.length > 0) return null;
  return {
    en: `nobody whom the trust policy names for ${repository} has signed it${because.en}`,
    es: `nadie a quien la política de confianza nombre para ${repository} lo ha firmado${because.es}`,
  };
}

/**
 * Fetches a patch by digest, verifies it by the trust policy pinned on this host, brings it into force and looks whether
 * it does what it should; one that does not is taken out again.
 *
 * @throws Fault host.patch-untrusted, host.patch-unreadable, host.patch-unusable, host.patch-other-kernel,
 * host.patch-test, and what the driver throws
 */
export async function receivePatch(
  wanted: PatchToReceive,
  parts: {
    readonly source: PatchSource;
    readonly trust: TrustPolicy;
    readonly driver: LivePatchDriver;
    readonly host: Pick<PatchHost, 'read'>;
    readonly clock: Clock;
  },
): Promise<PatchMetadata> {
  const { name, digest } = wanted;
  const { source, trust, driver, host, clock } = parts;
  const doubt = doubtPatch(
    verifyImage({ digest, repository: PATCH_REPOSITORY, ...wanted.signatures, trust, environment: null, clock }),
  );
  if (doubt !== null) throw hostFault('host.patch-untrusted', { name, why: doubt.en });
  const manifest = await source.manifest(digest);
  if (digestOf(manifest) !== digest) {
    throw hostFault('host.patch-untrusted', { name, why: 'the registry gave other bytes than the digest names' });
  }
  const { config, module } = readPatchManifest(manifest, name);
  const about = readPatchMetadata(await source.blob(config), name);
  if (about.name !== name) throw hostFault('host.patch-unreadable', { name, why: `it calls itself ${about.name}` });
  const why = await driver.unusable();
  if (why !== null) throw hostFault('host.patch-unusable', { driver: driver.kind, why: why.en });
  const bytes = await source.blob(module);
  const { buildIds, cves } = about;
  await driver.apply({ name, module: bytes, buildIds, cves, digest });
  for (const { name: test, file, contains, lacks } of about.tests) {
    const said = (await host.read(file)) ?? '';
    if ((contains === undefined || said.includes(contains)) && (lacks === undefined || !said.includes(lacks))) continue;
    await driver.revert(name);
    throw hostFault('host.patch-test', { name, test, file });
  }
  return about;
}

import {
  type Descriptor,
  type Digest,
  type Index,
  isDigest,
  type Manifest,
  type ParsedManifest,
  type Platform,
  parseManifest,
} from '../../oci/index.ts';
import type { StepHandle } from '../../progress/index.ts';
import { Fault } from '../../system/index.ts';
import type { Asking, RegistryClient, RemoteManifest } from '../client.ts';
import { registryFault } from '../errors.ts';
import { REFERRERS_DEPTH_MAX } from '../limits.ts';
import type { Registry } from '../registry.ts';
import { remoteFault } from './errors.ts';
import { LAYERS_AT_ONCE, REFERRERS_BROUGHT_MAX, REFERRERS_BYTES_MAX } from './limits.ts';

/** Where something comes from, where it goes, and how much of it. */
export interface Inward {
  readonly registry: Registry;
  readonly client: RegistryClient;
  /** The repository there, and ours. */
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly sizeMaxBytes: number;
  /** `os/architecture[/variant]` of an index that are brought with it; empty: all. Null: the index alone. */
  readonly platforms: readonly string[] | null;
  readonly referrers: boolean;
  readonly asking: Asking;
  readonly step: StepHandle;
}

interface Tally {
  /** Bytes that came over the network. */
  bytes: number;
  manifests: number;
}

/**
 * Brings a manifest with everything it needs: content first, then what refers to it, then itself, so that whoever finds
 * it finds all of it, and signatures are there when it is judged. What is here already is not fetched again, which makes
 * a second try go on where the first one ended. Layers come from the registry by digest; their `urls` are not looked at.
 * @throws Fault mirror.too-large, and as the client
 */
export async function bringManifest(inward: Inward, manifest: RemoteManifest, tag: string | null): Promise<Tally> {
  const tally: Tally = { bytes: 0, manifests: 0 };
  await bring(inward, manifest, tag, tally);
  return tally;
}

async function bring(inward: Inward, manifest: RemoteManifest, tag: string | null, tally: Tally): Promise<void> {
  const { registry, client, from, to, actor, asking } = inward;
  const parsed = readParsed(manifest);
  if (parsed.kind === 'manifest') await bringContent(inward, parsed, tally);
  else {
    for (const child of chosenChildren(parsed, inward.platforms)) {
      if ((await registry.resolve(to, child.digest)) !== null) continue;
      await bring(inward, await client.getManifest(from, child.digest, asking), null, tally);
    }
  }
  if (inward.referrers) await bringReferrers(inward, manifest.digest, tally);
  await registry.putManifest(to, manifest.bytes, parsed.mediaType, { actor, ...(tag === null ? {} : { tag }) });
  tally.manifests += 1;
}

/** Signatures, SBOMs and attestations of a digest, bounded in number, bytes and depth. */
export async function bringReferrers(inward: Inward, subject: Digest, tally?: Tally): Promise<number> {
  const bounds = { left: REFERRERS_BROUGHT_MAX, bytes: REFERRERS_BYTES_MAX };
  const counted = tally ?? { bytes: 0, manifests: 0 };
  const before = counted.manifests;
  await bringReferrersOf(inward, subject, bounds, 0, counted);
  await bringCosignTags(inward, subject, bounds, counted);
  return counted.manifests - before;
}

async function bringReferrersOf(
  inward: Inward,
  subject: Digest,
  bounds: { left: number; bytes: number },
  depth: number,
  tally: Tally,
): Promise<void> {
  if (depth >= REFERRERS_DEPTH_MAX) return;
  const { registry, client, from, to, asking } = inward;
  for (const { digest } of await client.listReferrers(from, subject, bounds.left, asking)) {
    if (bounds.left <= 0) return;
    bounds.left -= 1;
    if ((await registry.resolve(to, digest)) === null) {
      const manifest = await client.getManifest(from, digest, asking);
      // What does not say itself that it belongs to the image is not brought for it.
      if (readParsed(manifest).subject?.digest !== subject) continue;
      await bringArtifact(inward, manifest, null, bounds, tally);
    }
    await bringReferrersOf(inward, digest, bounds, depth + 1, tally);
  }
}

/** Where cosign before version 3 leaves signatures, attestations and SBOMs: tags made of the digest. */
async function bringCosignTags(
  inward: Inward,
  subject: Digest,
  bounds: { left: number; bytes: number },
  tally: Tally,
): Promise<void> {
  const { registry, client, from, to, asking } = inward;
  if (!subject.startsWith('sha256:')) return;
  for (const suffix of ['sig', 'att', 'sbom']) {
    if (bounds.left <= 0) return;
    const tag = `${subject.replace(':', '-')}.${suffix}`;
    const there = await client.headManifest(from, tag, asking);
    if (there === null || (await registry.resolve(to, tag))?.digest === there) continue;
    bounds.left -= 1;
    await bringArtifact(inward, await client.getManifest(from, there, asking), tag, bounds, tally);
  }
}

async function bringArtifact(
  inward: Inward,
  manifest: RemoteManifest,
  tag: string | null,
  bounds: { left: number; bytes: number },
  tally: Tally,
): Promise<void> {
  const parsed = readParsed(manifest);
  if (parsed.kind === 'manifest') {
    bounds.bytes -= sizeOf(parsed);
    if (bounds.bytes < 0) return;
    await bringContent(inward, parsed, tally);
  }
  const { registry, to, actor } = inward;
  await registry.putManifest(to, manifest.bytes, parsed.mediaType, { actor, ...(tag === null ? {} : { tag }) });
  tally.manifests += 1;
}

async function bringContent(inward: Inward, manifest: Manifest, tally: Tally): Promise<void> {
  const bytes = sizeOf(manifest);
  if (bytes > inward.sizeMaxBytes) {
    throw remoteFault('mirror.too-large', {
      image: inward.from,
      bytes,
      maximum: inward.sizeMaxBytes,
      prefix: inward.to,
    });
  }
  const waiting = uniqueContent(manifest);
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await bringBlob(inward, next, (count) => {
        done += count;
        tally.bytes += count;
        inward.step.update({ done, total: bytes, unit: 'bytes' });
      });
    }
  };
  const workers = Array.from({ length: LAYERS_AT_ONCE }, worker);
  try {
    await Promise.all(workers);
  } finally {
    // After a failure the others end with what they have begun, before anybody tries again.
    waiting.length = 0;
    await Promise.allSettled(workers);
  }
}

async function bringBlob(inward: Inward, blob: Descriptor, arrived: (bytes: number) => void): Promise<void> {
  const { registry, client, from, to, asking } = inward;
  const size = await registry.content.blobSize(to, blob.digest);
  if (size !== null) return;
  const sibling = await findInProject(registry, to, blob.digest);
  if (sibling !== null && (await registry.content.mountBlob(sibling, to, blob.digest, 'platform'))) return;
  const counted = async function* () {
    for await (const chunk of client.getBlob(from, blob, asking)) {
      arrived(chunk.byteLength);
      yield chunk;
    }
  };
  await registry.putBlob(to, counted(), blob.digest);
}

/** Another repository of the same project that has the content. */
async function findInProject(registry: Registry, repository: string, digest: Digest): Promise<string | null> {
  const row = await registry.db
    .selectFrom('registry_blob_links as l')
    .innerJoin('registry_repositories as r', 'r.id', 'l.repository_id')
    .select('r.name')
    .where('l.digest', '=', digest)
    .where('r.project', '=', repository.slice(0, repository.indexOf('/')))
    .executeTakeFirst();
  return row?.name ?? null;
}

function readParsed(manifest: RemoteManifest): ParsedManifest {
  try {
    return parseManifest(manifest.bytes, manifest.mediaType === '' ? undefined : manifest.mediaType);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'invalid') throw error;
    const why = error.text('en').why ?? error.message;
    throw registryFault('registry.manifest-invalid', { why }, { cause: error });
  }
}

function uniqueContent(manifest: Manifest): Descriptor[] {
  return [...new Map([manifest.config, ...manifest.layers].map((one) => [one.digest, one])).values()];
}

function sizeOf(manifest: Manifest): number {
  return uniqueContent(manifest).reduce((sum, { size }) => sum + size, 0);
}

/** The images of an index that are wanted; those that name no platform (attestations of builders) come with "all" only. */
export function chosenChildren(index: Index, platforms: readonly string[] | null): readonly Descriptor[] {
  if (platforms === null) return [];
  if (platforms.length === 0) return index.manifests;
  return index.manifests.filter(
    ({ platform }) => platform !== undefined && platforms.some((one) => fits(platform, one)),
  );
}

function fits(platform: Platform, wanted: string): boolean {
  const [os, architecture, variant] = wanted.split('/');
  return (
    platform.os === os &&
    platform.architecture === architecture &&
    (variant === undefined || platform.variant === variant)
  );
}

export function isPlatform(text: string): boolean {
  return /^[a-z0-9]{1,20}\/[a-z0-9_]{1,20}(?:\/[a-z0-9]{1,10})?$/.test(text) && !isDigest(text);
}

import { packTar, type TarInput } from '../../formats/index.ts';
import { type Digest, isDigest, MEDIA_TYPE, parseManifest } from '../../oci/index.ts';
import { canonicalJson, type Json } from '../../system/index.ts';
import { registryFault } from '../errors.ts';
import { REFERRERS_DEPTH_MAX } from '../limits.ts';
import type { Registry } from '../registry.ts';
import { chosenChildren } from '../remotes/copy.ts';
import type { StoredManifest } from '../store.ts';
import { archiveFault } from './errors.ts';
import { blobPath, INDEX_FILE, LAYOUT_CONTENT, LAYOUT_FILE, NAME_ANNOTATION } from './layout.ts';
import { ARCHIVE_IMAGES_MAX, TAGS_SAID_MAX } from './limits.ts';

export interface ExportedImage {
  readonly repository: string;
  /** A tag or digest; null where neither was said. */
  readonly reference: string | null;
}

export interface ExportOptions {
  /** Signatures, SBOMs and attestations as well. */
  readonly referrers: boolean;
  /** Of an index, only images for these; empty: all that are here. */
  readonly platforms: readonly string[];
  /** Asked for each image before anything leaves; throws where it may not. */
  readonly admit: (manifest: StoredManifest, reference: string) => Promise<void>;
}

export interface ArchivePlan {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly images: readonly { readonly name: string; readonly repository: string; readonly digest: Digest }[];
  /** Of what is written, without the frame of the archive. */
  readonly contentBytes: number;
}

interface Entry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: { [key: string]: string };
}

/**
 * An archive of an OCI image layout (image-spec 1.1) with several images and what refers to them. The same images give the
 * same bytes: entries are sorted, and nothing of the time or place of the export is in it.
 * @throws Fault registry.image-unknown, .held, .refused, archive.too-many
 */
export async function planExport(
  registry: Registry,
  wanted: readonly ExportedImage[],
  options: ExportOptions,
): Promise<ArchivePlan> {
  if (wanted.length > ARCHIVE_IMAGES_MAX) throw archiveFault('archive.too-many', { maximum: ARCHIVE_IMAGES_MAX });
  const manifests = new Map<Digest, StoredManifest>();
  const blobs = new Map<Digest, number>();
  const named: (Entry & { readonly name: string })[] = [];
  const attached = new Map<Digest, Entry>();
  const images: ArchivePlan['images'][number][] = [];

  const add = async (manifest: StoredManifest, reference: string): Promise<void> => {
    if (manifests.has(manifest.digest)) return;
    await options.admit(manifest, reference);
    manifests.set(manifest.digest, manifest);
    const parsed = parseManifest(manifest.bytes, manifest.mediaType);
    if (parsed.kind === 'manifest') {
      for (const { digest, size } of [parsed.config, ...parsed.layers]) blobs.set(digest, size);
    } else {
      for (const child of chosenChildren(parsed, options.platforms)) {
        // A sparse index names images that are not here; the archive is as sparse.
        const stored = await registry.resolve(manifest.repository, child.digest);
        if (stored !== null) await add(stored, child.digest);
      }
    }
  };
  const addReferrers = async (repository: string, subject: Digest, depth: number): Promise<void> => {
    if (depth >= REFERRERS_DEPTH_MAX) return;
    for (const referrer of await registry.listReferrers(repository, subject)) {
      const stored = await registry.resolve(repository, referrer.digest);
      if (stored === null || stored.kind === 'image') continue;
      await add(stored, referrer.digest);
      attached.set(stored.digest, entryOf(stored, referrer.artifactType));
      await addReferrers(repository, stored.digest, depth + 1);
    }
  };

  for (const { repository, reference: said } of wanted) {
    const reference = said ?? (await onlyTagOf(registry, repository));
    const stored = await registry.resolve(repository, reference);
    if (stored === null) {
      const image = `${repository}${isDigest(reference) ? '@' : ':'}${reference}`;
      throw registryFault('registry.image-unknown', { image });
    }
    await add(stored, reference);
    const name = isDigest(reference) ? repository : `${repository}:${reference}`;
    if (!named.some((one) => one.name === name && one.digest === stored.digest)) {
      named.push({ ...entryOf(stored), name });
      images.push({ name, repository, digest: stored.digest });
    }
  }
  if (options.referrers) {
    for (const { digest, repository } of [...manifests.values()]) {
      await addReferrers(repository, digest, 0);
      // cosign before version 3 leaves signatures at tags made of the digest.
      for (const suffix of ['sig', 'att', 'sbom']) {
        const tag = `${digest.replace(':', '-')}.${suffix}`;
        const stored = await registry.resolve(repository, tag);
        if (stored === null || stored.kind !== 'artifact') continue;
        await add(stored, tag);
        named.push({ ...entryOf(stored), name: `${repository}:${tag}` });
      }
    }
  }

  const taken = new Set(named.map(({ digest }) => digest));
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [
      ...named
        .toSorted((a, b) => compare(a.name, b.name) || compare(a.digest, b.digest))
        .map(({ name, ...entry }) => ({ ...entry, annotations: { [NAME_ANNOTATION]: name } })),
      ...[...attached.values()]
        .filter(({ digest }) => !taken.has(digest))
        .toSorted((a, b) => compare(a.digest, b.digest)),
    ],
  };
  const sizes = new Map<Digest, number>([
    ...blobs,
    ...[...manifests].map(([digest, { bytes }]): [Digest, number] => [digest, bytes.byteLength]),
  ]);
  const entries = function* (): Generator<TarInput> {
    yield { path: LAYOUT_FILE, content: Buffer.from(LAYOUT_CONTENT) };
    yield { path: INDEX_FILE, content: Buffer.from(canonicalJson(index as unknown as Json)) };
    for (const [digest, sizeBytes] of [...sizes].toSorted(([a], [b]) => compare(a, b))) {
      const manifest = manifests.get(digest);
      const content = manifest?.bytes ?? registry.openBlob(digest);
      yield { path: blobPath(digest), content, sizeBytes };
    }
  };
  return {
    bytes: packTar(entries()),
    images,
    contentBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

function entryOf(manifest: StoredManifest, artifactType?: string): Entry {
  const { mediaType, digest, bytes } = manifest;
  return { mediaType, digest, size: bytes.byteLength, ...(artifactType === undefined ? {} : { artifactType }) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The tag that is meant where none was said: `latest`, or else the only one.
 * @throws Fault registry.tag-needed, which names them
 */
async function onlyTagOf(registry: Registry, repository: string): Promise<string> {
  if ((await registry.resolve(repository, 'latest')) !== null) return 'latest';
  const { items } = await registry.manifests.listTags(repository, { limit: TAGS_SAID_MAX + 1 });
  const tags = items.filter((tag) => !/^sha(?:256|512)-/.test(tag));
  const [only] = tags;
  if (only === undefined) throw registryFault('registry.image-unknown', { image: repository });
  if (tags.length === 1) return only;
  throw registryFault('registry.tag-needed', { repository, tags: tags.slice(0, TAGS_SAID_MAX).join(' ') });
}

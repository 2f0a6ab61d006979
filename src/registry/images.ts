import { parseStrictJson } from '../formats/index.ts';
import { type Descriptor, type Digest, isDigest, type ParsedManifest, parseManifest } from '../oci/index.ts';
import type { Json, Text } from '../system/index.ts';
import { registryFault } from './errors.ts';
import {
  CONFIG_BYTES_MAX,
  HISTORY_CHARACTERS_MAX,
  HISTORY_LINES_MAX,
  IMAGES_PAGE_MAX,
  REFERRERS_CONTENT_MAX,
  REFERRERS_DEPTH_MAX,
  REFERRERS_NODES_MAX,
} from './limits.ts';
import { type Page, referrersTag } from './manifests.ts';
import type { Caller, CheckProgress } from './ports.ts';
import type { Registry } from './registry.ts';
import type { ManifestKind, StoredManifest } from './store.ts';

export interface ImageSummary {
  readonly repository: string;
  readonly digest: Digest;
  readonly tags: readonly string[];
  readonly kind: ManifestKind;
  readonly mediaType: string;
  readonly pushedAt: string;
  readonly pushedBy: string;
  readonly sizeBytes: number;
  readonly layers: number;
  readonly quarantine: QuarantineWord;
}

/** `held`: no verdict yet; `refused`: the verdict is no and waiting alone will not change it. */
export type QuarantineWord = 'held' | 'refused' | 'released';

export interface QuarantineState {
  readonly state: QuarantineWord;
  readonly code: string | null;
  readonly reasons: readonly Text[];
  /** What would release a refused image. */
  readonly remedies: readonly Text[];
  /** Said beside a released image. */
  readonly warnings: readonly Text[];
  /** Of one that is held and being checked. */
  readonly progress: CheckProgress | null;
}

export interface ReferrerNode {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | null;
  /** Of the manifest. */
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Digests of what it carries, such as the bundle of a signature: the name that a signature has in its verdict. */
  readonly content: readonly Digest[];
  readonly referrers: readonly ReferrerNode[];
}

/** What a config says about an image; of the environment only the names, because values are where secrets hide. */
export interface ConfigSummary {
  readonly created: string | null;
  readonly architecture: string | null;
  readonly os: string | null;
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly history: readonly { readonly created: string | null; readonly createdBy: string; readonly empty: boolean }[];
}

export interface ImageDetail extends ImageSummary {
  readonly quarantineReasons: readonly Text[];
  /** Said beside a released image, such as the date from which it is refused. */
  readonly quarantineWarnings: readonly Text[];
  readonly manifest: Json;
  readonly config: ConfigSummary | null;
  readonly layersList: readonly {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly sizeBytes: number;
    /** The line of the history that made it, where the history fits the layers. */
    readonly createdBy: string | null;
  }[];
  /** Of an index: the images it names, and whether they are here. */
  readonly images: readonly {
    readonly digest: Digest;
    readonly mediaType: string;
    readonly platform: string | null;
    readonly present: boolean;
  }[];
  readonly referrers: readonly ReferrerNode[];
}

export interface RepositorySummary {
  readonly repository: string;
  readonly images: number;
  readonly tags: number;
  readonly sizeBytes: number;
  readonly lastPushedAt: string | null;
}

/** Tags that cosign 2 and the referrers tag schema make up, `sha256-<hex>` and what follows: an image is in their name. */
const FOLLOWING_TAG = `sha256-${'_'.repeat(64)}%`;

/** What cosign 2 leaves beside an image: signatures, attestations, a bill of materials. */
const COSIGN_TAGS = ['sig', 'att', 'sbom'];

/** Images of a project, newest push first; signatures and other artifacts that belong to an image are not among them. */
export async function listImages(
  registry: Registry,
  project: string,
  caller: Caller,
  options: {
    readonly repository?: string;
    readonly tag?: string;
    readonly limit?: number;
    readonly after?: string;
  } = {},
): Promise<Page<ImageSummary>> {
  const limit = Math.min(options.limit ?? 100, IMAGES_PAGE_MAX);
  let query = registry.db
    .selectFrom('registry_manifests as m')
    .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
    .select([
      'r.name',
      'm.repository_id',
      'm.digest',
      'm.kind',
      'm.media_type',
      'm.subject_digest',
      'm.pushed_at',
      'm.pushed_by',
      'm.content_bytes',
      'm.layers',
    ])
    .where('r.project', '=', project)
    .where((where) => where.or([where('m.subject_digest', 'is', null), where('m.kind', '=', 'image')]))
    .where(({ or, eb, not, exists, selectFrom }) => {
      const tagged = (how: 'like' | 'not like') =>
        exists(
          selectFrom('registry_tags as t')
            .select('t.name')
            .whereRef('t.repository_id', '=', 'm.repository_id')
            .whereRef('t.digest', '=', 'm.digest')
            .where('t.name', how, FOLLOWING_TAG),
        );
      // One that people gave a name of their own as well is shown: a made-up tag must not hide it.
      return or([eb('m.kind', '=', 'image'), not(tagged('like')), tagged('not like')]);
    });
  const { repository, tag, after } = options;
  if (repository !== undefined) query = query.where('r.name', '=', repository);
  if (tag !== undefined) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('registry_tags as t')
          .select('t.name')
          .whereRef('t.repository_id', '=', 'm.repository_id')
          .whereRef('t.digest', '=', 'm.digest')
          .where('t.name', '=', tag),
      ),
    );
  }
  if (after !== undefined) {
    const [pushedAt = '', repositoryId = '', digest = ''] = after.split('~');
    query = query.where((where) =>
      where.or([
        where('m.pushed_at', '<', pushedAt),
        where.and([where('m.pushed_at', '=', pushedAt), where('m.repository_id', '<', repositoryId)]),
        where.and([
          where('m.pushed_at', '=', pushedAt),
          where('m.repository_id', '=', repositoryId),
          where('m.digest', '<', digest),
        ]),
      ]),
    );
  }
  const rows = await query
    .orderBy('m.pushed_at', 'desc')
    .orderBy('m.repository_id', 'desc')
    .orderBy('m.digest', 'desc')
    .limit(limit + 1)
    .execute();
  const shown = rows.slice(0, limit);
  const tags = await tagsOf(registry, shown);
  const items = await Promise.all(
    shown.map(async (row): Promise<ImageSummary> => {
      const manifest = {
        repository: row.name,
        digest: row.digest as Digest,
        kind: row.kind as ManifestKind,
        subject: row.subject_digest as Digest | null,
      };
      const { state } = await quarantineOf(registry, manifest, caller);
      return {
        repository: row.name,
        digest: manifest.digest,
        tags: tags.get(`${row.repository_id} ${row.digest}`) ?? [],
        kind: manifest.kind,
        mediaType: row.media_type,
        pushedAt: row.pushed_at,
        pushedBy: row.pushed_by,
        sizeBytes: Number(row.content_bytes),
        layers: row.layers,
        quarantine: state,
      };
    }),
  );
  const last = shown.at(-1);
  const next =
    rows.length > limit && last !== undefined ? `${last.pushed_at}~${last.repository_id}~${last.digest}` : null;
  return { items, next };
}

/** Every image that could run, in batches by name and digest; what comes or goes meanwhile may or may not be among them. */
export async function* allImages(
  registry: Registry,
  only: { readonly project?: string; readonly digest?: Digest } = {},
): AsyncGenerator<{ readonly repository: string; readonly digest: Digest }> {
  let last = { name: '', digest: '' };
  for (;;) {
    let query = registry.db
      .selectFrom('registry_manifests as m')
      .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
      .select(['r.name', 'm.digest'])
      .where('m.kind', '=', 'image')
      .where((where) =>
        where.or([
          where('r.name', '>', last.name),
          where.and([where('r.name', '=', last.name), where('m.digest', '>', last.digest)]),
        ]),
      );
    if (only.project !== undefined) query = query.where('r.project', '=', only.project);
    if (only.digest !== undefined) query = query.where('m.digest', '=', only.digest);
    const rows = await query.orderBy('r.name').orderBy('m.digest').limit(IMAGES_PAGE_MAX).execute();
    for (const row of rows) yield { repository: row.name, digest: row.digest as Digest };
    const end = rows.at(-1);
    if (end === undefined || rows.length < IMAGES_PAGE_MAX) return;
    last = end;
  }
}

/** What something else lies beside and speaks of, such as a signature: in batches by name and digest, each once. */
export async function* allSubjects(
  registry: Registry,
): AsyncGenerator<{ readonly repository: string; readonly digest: Digest }> {
  let last = { name: '', digest: '' };
  for (;;) {
    const rows = await registry.db
      .selectFrom('registry_manifests as m')
      .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
      .select(['r.name', 'm.subject_digest as digest'])
      .distinct()
      .where('m.subject_digest', 'is not', null)
      .where((where) =>
        where.or([
          where('r.name', '>', last.name),
          where.and([where('r.name', '=', last.name), where('m.subject_digest', '>', last.digest)]),
        ]),
      )
      .orderBy('r.name')
      .orderBy('m.subject_digest')
      .limit(IMAGES_PAGE_MAX)
      .execute();
    for (const row of rows) yield { repository: row.name, digest: row.digest as Digest };
    const end = rows.at(-1);
    if (end === undefined || rows.length < IMAGES_PAGE_MAX) return;
    last = { name: end.name, digest: end.digest ?? '' };
  }
}

/** Everything about one image of a project. @throws Fault registry.image-unknown */
export async function readImage(
  registry: Registry,
  project: string,
  digest: string,
  caller: Caller,
  repository?: string,
): Promise<ImageDetail> {
  const unknown = () => registryFault('registry.image-unknown', { image: `${repository ?? project}@${digest}` });
  if (!isDigest(digest)) throw unknown();
  let query = registry.db
    .selectFrom('registry_manifests as m')
    .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
    .select(['r.name', 'm.repository_id', 'm.digest', 'm.pushed_at', 'm.pushed_by', 'm.content_bytes'])
    .where('r.project', '=', project)
    .where('m.digest', '=', digest);
  if (repository !== undefined) query = query.where('r.name', '=', repository);
  const row = await query.orderBy('m.pushed_at').executeTakeFirst();
  const manifest = row === undefined ? null : await registry.manifests.find(row.name, { digest });
  if (row === undefined || manifest === null) throw unknown();
  const parsed = parseManifest(manifest.bytes, manifest.mediaType);
  const tags = await tagsOf(registry, [row]);
  const quarantine = await quarantineOf(registry, manifest, caller);
  const config =
    parsed.kind === 'manifest' && manifest.kind === 'image' ? await readConfig(registry, parsed.config) : null;
  const layers = parsed.kind === 'manifest' ? parsed.layers : [];
  const makers = config?.history.filter((line) => !line.empty) ?? [];
  return {
    repository: row.name,
    digest,
    tags: tags.get(`${row.repository_id} ${digest}`) ?? [],
    kind: manifest.kind,
    mediaType: manifest.mediaType,
    pushedAt: row.pushed_at,
    pushedBy: row.pushed_by,
    sizeBytes: Number(row.content_bytes),
    layers: layers.length,
    quarantine: quarantine.state,
    quarantineReasons: quarantine.reasons,
    quarantineWarnings: quarantine.warnings,
    manifest: JSON.parse(Buffer.from(manifest.bytes).toString()) as Json,
    config,
    layersList: layers.map((layer, index) => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      sizeBytes: layer.size,
      createdBy: makers.length === layers.length ? (makers[index]?.createdBy ?? null) : null,
    })),
    images: await childrenOf(registry, row.name, parsed),
    referrers: await referrersOf(registry, row.name, digest, { depth: 0, left: REFERRERS_NODES_MAX }),
  };
}

/** Whether a tag or digest may leave the registry now. @throws Fault registry.image-unknown */
export async function readQuarantine(
  registry: Registry,
  repository: string,
  reference: string,
  caller: Caller,
): Promise<{ readonly repository: string; readonly digest: Digest; readonly quarantine: QuarantineState }> {
  const manifest = await registry.resolve(repository, reference);
  if (manifest === null) {
    const image = isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`;
    throw registryFault('registry.image-unknown', { image });
  }
  return { repository, digest: manifest.digest, quarantine: await quarantineOf(registry, manifest, caller) };
}

export async function listRepositories(registry: Registry, project: string): Promise<readonly RepositorySummary[]> {
  const rows = await registry.db
    .selectFrom('registry_repositories as r')
    .leftJoin('registry_manifests as m', (join) =>
      join.onRef('m.repository_id', '=', 'r.id').on('m.kind', '!=', 'artifact'),
    )
    .select(({ fn }) => [
      'r.name',
      fn.count<number>('m.digest').as('images'),
      fn.sum<number | null>('m.content_bytes').as('size_bytes'),
      fn.max('m.pushed_at').as('last_pushed_at'),
    ])
    .select(({ selectFrom }) =>
      selectFrom('registry_tags as t')
        .select(({ fn }) => fn.countAll<number>().as('tags'))
        .whereRef('t.repository_id', '=', 'r.id')
        .as('tags'),
    )
    .where('r.project', '=', project)
    .groupBy(['r.id', 'r.name'])
    .orderBy('r.name')
    .limit(1000)
    .execute();
  return rows.map((row) => ({
    repository: row.name,
    images: Number(row.images),
    tags: Number(row.tags ?? 0),
    sizeBytes: Number(row.size_bytes ?? 0),
    lastPushedAt: row.last_pushed_at,
  }));
}

async function quarantineOf(
  registry: Registry,
  manifest: Pick<StoredManifest, 'repository' | 'kind' | 'digest' | 'subject'>,
  caller: Caller,
): Promise<QuarantineState> {
  const held = await registry.quarantine.heldBy(manifest);
  const answer = held === null ? null : await registry.quarantine.ask(manifest.repository, held, caller);
  if (held === null || answer === null || answer.allow) {
    const warnings = answer?.allow === true ? (answer.warnings ?? []) : [];
    return { state: 'released', code: null, reasons: [], remedies: [], warnings, progress: null };
  }
  return {
    state: answer.settled === true ? 'refused' : 'held',
    code: answer.code,
    reasons: answer.reasons,
    remedies: answer.remedies ?? [],
    warnings: [],
    progress: registry.quarantine.progress(manifest.repository, held),
  };
}

async function tagsOf(
  registry: Registry,
  images: readonly { readonly repository_id: string; readonly digest: string }[],
): Promise<Map<string, string[]>> {
  const tags = new Map<string, string[]>();
  if (images.length === 0) return tags;
  const rows = await registry.db
    .selectFrom('registry_tags')
    .select(['repository_id', 'digest', 'name'])
    .where('repository_id', 'in', [...new Set(images.map((image) => image.repository_id))])
    .where('digest', 'in', [...new Set(images.map((image) => image.digest))])
    .orderBy('name')
    .execute();
  for (const row of rows) {
    const key = `${row.repository_id} ${row.digest}`;
    tags.set(key, [...(tags.get(key) ?? []), row.name]);
  }
  return tags;
}

async function childrenOf(
  registry: Registry,
  repository: string,
  parsed: ParsedManifest,
): Promise<ImageDetail['images']> {
  if (parsed.kind !== 'index' || parsed.manifests.length === 0) return [];
  const digests = [...new Set(parsed.manifests.map((child) => child.digest))];
  const rows = await registry.db
    .selectFrom('registry_manifests as m')
    .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
    .select('m.digest')
    .where('r.name', '=', repository)
    .where('m.digest', 'in', digests)
    .execute();
  const present = new Set(rows.map((row) => row.digest));
  return parsed.manifests.map(({ digest, mediaType, platform }) => ({
    digest,
    mediaType,
    platform:
      platform === undefined
        ? null
        : [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/'),
    present: present.has(digest),
  }));
}

async function referrersOf(
  registry: Registry,
  repository: string,
  digest: Digest,
  bounds: { depth: number; left: number },
): Promise<ReferrerNode[]> {
  if (bounds.depth >= REFERRERS_DEPTH_MAX) return [];
  const rows = await registry.db
    .selectFrom('registry_repositories as r')
    .innerJoin('registry_manifests as m', 'm.repository_id', 'r.id')
    .select(['m.digest', 'm.media_type', 'm.artifact_type', 'm.annotations', 'm.pushed_at', 'm.subject_digest'])
    .select(({ fn }) => fn<number>('length', ['m.bytes']).as('size_bytes'))
    .where('r.name', '=', repository)
    .where(({ or, and, eb, exists, selectFrom }) =>
      or([
        eb('m.subject_digest', '=', digest),
        and([
          eb('m.kind', '=', 'artifact'),
          exists(
            selectFrom('registry_tags as t')
              .select('t.name')
              .whereRef('t.repository_id', '=', 'm.repository_id')
              .whereRef('t.digest', '=', 'm.digest')
              .where(
                't.name',
                'in',
                COSIGN_TAGS.map((kind) => `${referrersTag(digest)}.${kind}`),
              ),
          ),
        ]),
      ]),
    )
    .orderBy('m.pushed_at')
    .limit(bounds.left)
    .execute();
  bounds.left -= rows.length;
  const content = await carriedBy(
    registry,
    repository,
    rows.map((row) => row.digest),
  );
  const nodes: ReferrerNode[] = [];
  for (const row of rows) {
    const below = { depth: bounds.depth + 1, left: bounds.left };
    const referrers = await referrersOf(registry, repository, row.digest as Digest, below);
    bounds.left = below.left;
    nodes.push({
      digest: row.digest as Digest,
      mediaType: row.media_type,
      artifactType:
        row.subject_digest === null ? await layerTypeOf(registry, repository, row.digest) : row.artifact_type,
      sizeBytes: Number(row.size_bytes),
      createdAt: row.pushed_at,
      annotations: JSON.parse(row.annotations) as Record<string, string>,
      content: content.get(row.digest) ?? [],
      referrers,
    });
  }
  return nodes;
}

/** Layers of some artifacts of a repository, by the artifact. */
async function carriedBy(
  registry: Registry,
  repository: string,
  digests: readonly string[],
): Promise<Map<string, Digest[]>> {
  const carried = new Map<string, Digest[]>();
  if (digests.length === 0) return carried;
  const rows = await registry.db
    .selectFrom('registry_repositories as r')
    .innerJoin('registry_manifest_content as c', 'c.repository_id', 'r.id')
    .select(['c.manifest_digest', 'c.content_digest'])
    .where('r.name', '=', repository)
    .where('c.manifest_digest', 'in', digests)
    .where('c.role', '=', 'layer')
    .orderBy('c.content_digest')
    .limit(REFERRERS_CONTENT_MAX)
    .execute();
  for (const row of rows) {
    carried.set(row.manifest_digest, [...(carried.get(row.manifest_digest) ?? []), row.content_digest as Digest]);
  }
  return carried;
}

/** The config of an image in short; null when it is too large or not JSON, which the scan reports in detail. */
async function readConfig(registry: Registry, descriptor: Descriptor): Promise<ConfigSummary | null> {
  if (descriptor.size > CONFIG_BYTES_MAX) return null;
  const pieces: Uint8Array[] = [];
  for await (const piece of registry.openBlob(descriptor.digest)) pieces.push(piece);
  let value: Json;
  try {
    value = parseStrictJson(Buffer.concat(pieces), { maxBytes: CONFIG_BYTES_MAX });
  } catch (error) {
    registry.log.debug({ err: error, digest: descriptor.digest }, 'the config of an image is not JSON');
    return null;
  }
  const root = objectOf(value);
  const config = objectOf(root['config'] ?? null);
  return {
    created: textOf(root['created']),
    architecture: textOf(root['architecture']),
    os: textOf(root['os']),
    user: textOf(config['User']),
    workingDir: textOf(config['WorkingDir']),
    entrypoint: textsOf(config['Entrypoint']),
    cmd: textsOf(config['Cmd']),
    env: textsOf(config['Env']).map((entry) => entry.split('=', 1)[0] ?? ''),
    exposedPorts: Object.keys(objectOf(config['ExposedPorts'] ?? null)),
    labels: Object.fromEntries(
      Object.entries(objectOf(config['Labels'] ?? null)).map(([key, label]) => [key, textOf(label) ?? '']),
    ),
    history: listOf(root['history'])
      .slice(0, HISTORY_LINES_MAX)
      .map(objectOf)
      .map((line) => ({
        created: textOf(line['created']),
        createdBy: (textOf(line['created_by']) ?? textOf(line['comment']) ?? '').slice(0, HISTORY_CHARACTERS_MAX),
        empty: line['empty_layer'] === true,
      })),
  };
}

function objectOf(value: Json): { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: Json | undefined): string[] {
  return listOf(value).filter((entry) => typeof entry === 'string');
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** cosign 2 wears the config type of an image; what it holds is said by its layers. */
async function layerTypeOf(registry: Registry, repository: string, digest: string): Promise<string | null> {
  const stored = await registry.manifests.find(repository, { digest: digest as Digest });
  const parsed = stored === null ? null : parseManifest(stored.bytes, stored.mediaType);
  return parsed?.kind === 'manifest' ? (parsed.layers[0]?.mediaType ?? null) : null;
}

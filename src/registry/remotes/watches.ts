import type { Journal } from '../../journal/index.ts';
import { type Descriptor, type Digest, type Manifest, parseManifest, projectOf } from '../../oci/index.ts';
import type { Operation, Operations, StepHandle } from '../../progress/index.ts';
import { type Clock, Fault, isDue, type Json, type Log, newId, type Text } from '../../system/index.ts';
import type { RegistryClient, RemoteManifest } from '../client.ts';
import type { DigestsInUse } from '../ports.ts';
import type { Registry } from '../registry.ts';
import { matchesPattern } from '../settings-pattern.ts';
import { remoteFault } from './errors.ts';
import {
  COPIES_SHOWN_MAX,
  EVERY_SECONDS_MAX,
  EVERY_SECONDS_MIN,
  FOREIGN_CONFIG_BYTES_MAX,
  REFERRERS_BROUGHT_MAX,
  REMOTE_LIST_MAX,
  SYNC_REPOSITORIES_MAX,
  SYNC_TAGS_MAX,
  WATCHED_IMAGES_MAX,
  WATCHED_PLATFORMS_MAX,
  WATCHED_TAGS_MAX,
} from './limits.ts';
import type { Mirrors } from './mirrors.ts';
import { patternProblem, problemText, type Remotes, reasonOf } from './remotes.ts';
import { type RemoteDatabase, type RemoteTables, readList } from './store.ts';

/** A registry whose images stay where they are and are scanned and judged as if they were here. */
export interface WatchView {
  readonly name: string;
  readonly remote: string;
  /** Names, or patterns when the registry has a catalogue. */
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
  /** Tags of each repository, the highest by natural order. */
  readonly newest: number;
  readonly everySeconds: number;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly checkedAt: string | null;
  readonly state: 'running' | 'done' | 'failed' | null;
  readonly detail: WatchResult | null;
  readonly nextAt: string;
}

export interface WatchResult {
  readonly images: number;
  readonly changed: number;
  readonly refused: number;
  readonly unsigned: number;
  readonly failed: number;
  readonly gone: number;
  readonly problem: Text | null;
}

/** One image of an index, looked into on its own. */
export interface PlatformExamination {
  /** `linux/arm64/v8` */
  readonly platform: string;
  readonly digest: Digest;
  readonly complete: boolean;
  readonly packages: number;
  readonly byRisk: { readonly [risk: string]: number };
  readonly decision: 'allow' | 'warn' | 'refuse';
}

/**
 * What is known of an image that was not stored. Of an index: what holds for all its platforms, so the strictest
 * decision, all reasons, and of each number the largest.
 */
export interface Examination {
  readonly complete: boolean;
  readonly packages: number;
  readonly byRisk: { readonly [risk: string]: number };
  readonly scannedAt: string;
  /** Names of those whose signature over the image counts here. */
  readonly signers: readonly string[];
  readonly decision: 'allow' | 'warn' | 'refuse';
  readonly reasons: readonly Text[];
  /** Each image of an index; empty for a single image. */
  readonly platforms: readonly PlatformExamination[];
}

export interface WatchedImage {
  readonly watch: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly image: Digest | null;
  readonly firstSeenAt: string;
  readonly changedAt: string;
  readonly checkedAt: string;
  readonly examination: Examination | null;
  readonly problem: Text | null;
}

/** A copy that should not exist, or an image whose origin nobody can say. */
export interface CopyFinding {
  readonly id: string;
  /**
   * `ours-elsewhere`: a digest of our projects lies in a watched registry and no replication brings it there.
   * `other-digest`: the same name and tag there names something else than here.
   * `no-source`: an image here was neither built here nor mirrored, and nobody who is believed signed it.
   */
  readonly kind: 'ours-elsewhere' | 'other-digest' | 'no-source';
  /** Where it is: `host/repository:tag`, or our own name for `no-source`. */
  readonly place: string;
  readonly project: string | null;
  readonly here: string;
  readonly digest: string;
  readonly detail: Text;
  readonly foundAt: string;
  readonly resolvedAt: string | null;
}

/** One repository of a remote registry, read the way our own is; for scans and signature checks. */
export interface ForeignRepository {
  resolve(repository: string, reference: string): Promise<(RemoteManifest & { readonly repository: string }) | null>;
  listReferrers(repository: string, digest: Digest, artifactType?: string): Promise<readonly Descriptor[]>;
  /** Only content of manifests that were resolved before, as their sizes are the bound. */
  openBlob(digest: Digest): AsyncIterable<Uint8Array>;
}

/** Asked of scan, trust and admit: what an image that lies elsewhere is. Never throws because of the image. */
export interface ForeignExaminer {
  examine(
    image: {
      /** `host/repository`. */
      readonly name: string;
      readonly repository: string;
      readonly tag: string;
      /** What the tag names, and the image that is looked into: the same, or one of an index. */
      readonly tagged: Digest;
      readonly digest: Digest;
      readonly manifest: RemoteManifest;
      readonly config: Descriptor;
      readonly source: ForeignRepository;
    },
    step: StepHandle,
  ): Promise<Omit<Examination, 'platforms'>>;
  /** Whether an image of ours was built here or is signed by somebody who is believed. */
  hasSource(repository: string, digest: Digest): Promise<boolean>;
}

interface WatchesParts {
  readonly db: RemoteDatabase;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Operations;
  readonly registry: Registry;
  readonly remotes: Remotes;
  readonly mirrors: Mirrors;
  readonly examiner: ForeignExaminer;
  readonly inUse: DigestsInUse;
  /** Whether a replication brings the repository to the remote. */
  readonly isReplicated: (remote: string, repository: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const NOTHING = { images: 0, changed: 0, refused: 0, unsigned: 0, failed: 0, gone: 0 };
const NATURAL = new Intl.Collator('en', { numeric: true });

/** Watching other registries, and copies that should not exist. */
export class Watches {
  readonly #parts: WatchesParts;
  readonly #running = new Set<string>();

  constructor(parts: WatchesParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    await this.#parts.db
      .updateTable('registry_watches')
      .set({ state: null, next_at: this.#now() })
      .where('state', '=', 'running')
      .execute();
  }

  async list(): Promise<readonly WatchView[]> {
    const rows = await this.#parts.db.selectFrom('registry_watches').selectAll().orderBy('name').execute();
    return rows.map(toView);
  }

  /** @throws Fault watch.unknown */
  async read(name: string): Promise<WatchView> {
    const row = await this.#parts.db
      .selectFrom('registry_watches')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    if (row === undefined) throw remoteFault('watch.unknown', { name: name.slice(0, 60) });
    return toView(row);
  }

  async images(name: string): Promise<readonly WatchedImage[]> {
    const rows = await this.#parts.db
      .selectFrom('registry_watched_images')
      .selectAll()
      .where('watch', '=', name)
      .orderBy('repository')
      .orderBy('tag')
      .limit(WATCHED_IMAGES_MAX)
      .execute();
    return rows.map((row) => ({
      watch: row.watch,
      repository: row.repository,
      tag: row.tag,
      digest: row.digest as Digest,
      image: row.image as Digest | null,
      firstSeenAt: row.first_seen_at,
      changedAt: row.changed_at,
      checkedAt: row.checked_at,
      examination: row.examination === null ? null : readExamination(row.examination),
      problem: row.problem === null ? null : (JSON.parse(row.problem) as Text),
    }));
  }

  /** @throws Fault watch.taken, watch.invalid, remote.unknown */
  async create(
    name: string,
    input: {
      readonly remote: string;
      readonly repositories: readonly string[];
      readonly tags?: readonly string[];
      readonly newest?: number;
      readonly everySeconds?: number;
    },
    actor: string,
  ): Promise<WatchView> {
    const { db, remotes, journal } = this.#parts;
    const { remote, repositories, tags = [], newest = 10, everySeconds = 6 * 3600 } = input;
    await remotes.read(remote);
    if (!/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(name) || name.length > 60) refuse(`the name "${name.slice(0, 60)}"`);
    const odd = [...repositories, ...tags].map(patternProblem).find((problem) => problem !== null);
    if (odd !== undefined && odd !== null) refuse(odd);
    if (repositories.length === 0 || repositories.length > REMOTE_LIST_MAX || tags.length > REMOTE_LIST_MAX) {
      refuse(`expected 1 to ${REMOTE_LIST_MAX} repositories`);
    }
    if (newest < 1 || newest > WATCHED_TAGS_MAX) refuse(`newest ${newest}: expected 1 to ${WATCHED_TAGS_MAX}`);
    if (everySeconds < EVERY_SECONDS_MIN || everySeconds > EVERY_SECONDS_MAX) refuse(`every ${everySeconds} s`);
    const taken = await db.selectFrom('registry_watches').select('name').where('name', '=', name).executeTakeFirst();
    if (taken !== undefined) throw remoteFault('watch.taken', { name });
    const now = this.#now();
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('registry_watches')
        .values({
          name,
          remote,
          repositories: JSON.stringify(repositories),
          tags: JSON.stringify(tags),
          newest,
          every_seconds: everySeconds,
          created_at: now,
          created_by: actor,
          checked_at: null,
          state: null,
          detail: null,
          next_at: now,
        })
        .execute();
      const body = { remote, repositories: [...repositories], tags: [...tags], newest, everySeconds };
      await journal.record(tx, { kind: 'watch.created', project: null, actor, subject: `watch ${name}`, body });
    });
    journal.committed();
    return this.read(name);
  }

  /** @throws Fault watch.unknown */
  async remove(name: string, actor: string): Promise<void> {
    const { remote } = await this.read(name);
    const { db, journal } = this.#parts;
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('registry_watched_images').where('watch', '=', name).execute();
      await tx.deleteFrom('registry_watches').where('name', '=', name).execute();
      await journal.record(tx, {
        kind: 'watch.removed',
        project: null,
        actor,
        subject: `watch ${name}`,
        body: { remote },
      });
    });
    journal.committed();
  }

  /** Starts a check now. @throws Fault watch.unknown, watch.running */
  async check(name: string, actor: string): Promise<{ operation: Operation; finished: Promise<Operation> }> {
    const watch = await this.read(name);
    if (this.#running.has(name)) throw remoteFault('watch.running', { name });
    this.#running.add(name);
    const { db, operations, clock } = this.#parts;
    const next = new Date(clock.now().getTime() + watch.everySeconds * 1000).toISOString();
    await db
      .updateTable('registry_watches')
      .set({ state: 'running', next_at: next })
      .where('name', '=', name)
      .execute();
    const { operation, finished } = await operations.start(
      {
        kind: 'watch',
        project: null,
        environment: null,
        actor,
        title: { en: `Look at the images of ${watch.remote}`, es: `Revisar las imágenes de ${watch.remote}` },
      },
      async ({ step, signal }) => {
        const result = await this.#check(watch, step, signal);
        await this.findCopies();
        return { ...result } as unknown as Json;
      },
    );
    const ended = finished.then(async (done) => {
      const state = done.state === 'done' ? 'done' : 'failed';
      const detail = done.result ?? { ...NOTHING, problem: problemText(done.problem) };
      await db
        .updateTable('registry_watches')
        .set({ state, checked_at: this.#now(), detail: JSON.stringify(detail) })
        .where('name', '=', name)
        .execute();
      this.#running.delete(name);
      return done;
    });
    ended.catch((error: unknown) => {
      this.#running.delete(name);
      this.#parts.log.error({ err: error, name }, 'the end of a check could not be written');
    });
    return { operation, finished: ended };
  }

  /** Starts what is due, one after the other. */
  async checkDue(): Promise<void> {
    for (const { name, nextAt, everySeconds } of await this.list()) {
      if (isDue(nextAt, everySeconds * 1000, this.#parts.clock.now()) && this.#running.size === 0)
        await (await this.check(name, 'platform')).finished;
    }
  }

  /** Advisories or keys changed: everything is judged again at the next look, which is now. */
  async due(): Promise<void> {
    await this.#parts.db.updateTable('registry_watches').set({ next_at: this.#now() }).execute();
  }

  /** Findings, the open ones first; newest first. */
  async copies(options: {
    readonly projects: '*' | readonly string[];
    readonly all: boolean;
  }): Promise<readonly CopyFinding[]> {
    let query = this.#parts.db.selectFrom('registry_copies').selectAll();
    if (!options.all) query = query.where('resolved_at', 'is', null);
    if (options.projects !== '*') {
      if (options.projects.length === 0) return [];
      query = query.where('project', 'in', [...options.projects]);
    }
    const rows = await query.orderBy('found_at', 'desc').limit(COPIES_SHOWN_MAX).execute();
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind as CopyFinding['kind'],
      place: row.place,
      project: row.project,
      here: row.here,
      digest: row.digest,
      detail: JSON.parse(row.detail) as Text,
      foundAt: row.found_at,
      resolvedAt: row.resolved_at,
    }));
  }

  /** Compares what is here with what was seen elsewhere, and states what is new and what is over. */
  async findCopies(): Promise<void> {
    const { db, journal } = this.#parts;
    const found = [...(await this.#copiesElsewhere()), ...(await this.#imagesWithoutSource())];
    const known = await db.selectFrom('registry_copies').selectAll().where('resolved_at', 'is', null).execute();
    const keyOf = (one: { kind: string; place: string; digest: string; here: string }): string =>
      `${one.kind}\n${one.place}\n${one.digest}\n${one.here}`;
    const open = new Map(known.map((row) => [keyOf(row), row]));
    const now = this.#now();
    await db.transaction().execute(async (tx) => {
      for (const one of found) {
        if (open.delete(keyOf(one))) continue;
        const { kind, place, project, here, digest, detail } = one;
        const id = newId(this.#parts.clock);
        const row = { id, kind, place, project, here, digest, detail: JSON.stringify(detail) };
        await tx
          .insertInto('registry_copies')
          .values({ ...row, found_at: now, resolved_at: null })
          .execute();
        const body = { kind, place, here, detail: { ...detail } };
        await journal.record(tx, { kind: 'copy.found', project, actor: 'platform', subject: place, digest, body });
      }
      for (const { id, kind, place, project, digest } of open.values()) {
        await tx.updateTable('registry_copies').set({ resolved_at: now }).where('id', '=', id).execute();
        await journal.record(tx, {
          kind: 'copy.resolved',
          project,
          actor: 'platform',
          subject: place,
          digest,
          body: { kind },
        });
      }
    });
    journal.committed();
  }

  async #check(watch: WatchView, begin: StepHandle['step'], signal: AbortSignal): Promise<WatchResult> {
    const step = begin({ en: 'List its images', es: 'Listar sus imágenes' });
    const { remotes, db, examiner, log } = this.#parts;
    const client = await remotes.client(watch.remote, watch.name);
    const result = { ...NOTHING };
    let problem: Text | null = null;
    const images = await this.#listImages(watch, client, signal);
    step.done({ en: `${images.length} images`, es: `${images.length} imágenes` });
    const looking = begin({ en: 'Scan and judge', es: 'Examinar y juzgar' });
    const known = new Map((await this.images(watch.name)).map((one) => [`${one.repository}:${one.tag}`, one]));
    for (const [at, { repository, tag }] of images.entries()) {
      signal.throwIfAborted();
      const name = `${repository}:${tag}`;
      looking.update({ done: at, total: images.length, unit: 'items', detail: { en: name, es: name } });
      const before = known.get(name);
      known.delete(name);
      result.images += 1;
      let digest: Digest | null = before?.digest ?? null;
      let image: Digest | null = before?.image ?? null;
      let examination: Examination | null = before?.examination ?? null;
      let failure: Text | null = null;
      try {
        digest = await client.headManifest(repository, tag, { signal });
        if (digest === null) continue;
        const source = foreignRepository(client, repository, signal);
        const found = await imagesBehind(source, repository, digest);
        image = found[0]?.digest ?? null;
        const step = looking.step({ en: name, es: name });
        const looked: { readonly one: FoundImage; readonly examination: Omit<Examination, 'platforms'> }[] = [];
        for (const one of found) {
          const { config } = one.parsed;
          if (config.size > FOREIGN_CONFIG_BYTES_MAX) refuse(`the configuration of ${name} has ${config.size} bytes`);
          const about = { name: `${client.host}/${repository}`, repository, tag, tagged: digest };
          const { digest: inner, platform } = one;
          const where = platform === null ? step : step.step({ en: platform, es: platform });
          const asked = { ...about, digest: inner, manifest: one, config, source };
          looked.push({ one, examination: await examiner.examine(asked, where) });
        }
        examination = ofAllPlatforms(looked);
        if (examination?.decision === 'refuse') result.refused += 1;
        if (examination?.signers.length === 0) result.unsigned += 1;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Fault)) log.error({ err: error, name }, 'a watched image could not be examined');
        const why = reasonOf(error);
        failure = why;
        problem ??= { en: `${name}: ${why.en}`, es: `${name}: ${why.es}` };
        result.failed += 1;
      }
      const now = this.#now();
      const isChanged = digest !== null && before?.digest !== digest;
      if (isChanged) result.changed += 1;
      if (digest === null) continue;
      const row = {
        digest,
        image,
        changed_at: isChanged ? now : (before?.changedAt ?? now),
        checked_at: now,
        examination: examination === null ? null : JSON.stringify(examination),
        problem: failure === null ? null : JSON.stringify(failure),
      };
      await db
        .insertInto('registry_watched_images')
        .values({ watch: watch.name, repository, tag, first_seen_at: now, ...row })
        .onConflict((conflict) => conflict.columns(['watch', 'repository', 'tag']).doUpdateSet(row))
        .execute();
      if (isChanged || before?.examination?.decision !== examination?.decision) {
        await this.#recordWatched(`${client.host}/${name}`, digest, examination, isChanged);
      }
    }
    for (const { repository, tag } of known.values()) {
      result.gone += 1;
      await db
        .deleteFrom('registry_watched_images')
        .where('watch', '=', watch.name)
        .where('repository', '=', repository)
        .where('tag', '=', tag)
        .execute();
    }
    looking.done();
    return { ...result, problem };
  }

  async #listImages(
    watch: WatchView,
    client: RegistryClient,
    signal: AbortSignal,
  ): Promise<readonly { readonly repository: string; readonly tag: string }[]> {
    const { remotes } = this.#parts;
    const remote = await remotes.read(watch.remote);
    const isWild = watch.repositories.some((pattern) => pattern.includes('*'));
    const catalogue = isWild ? await client.listRepositories(SYNC_REPOSITORIES_MAX, { signal }) : [];
    const names = new Set([
      ...watch.repositories.filter((pattern) => !pattern.includes('*')),
      ...catalogue.filter((name) => watch.repositories.some((pattern) => matchesPattern(pattern, name))),
    ]);
    const images: { repository: string; tag: string }[] = [];
    for (const repository of names) {
      if (!remotes.mayRead(remote, repository)) continue;
      const tags = (await client.listTags(repository, SYNC_TAGS_MAX, { signal }))
        .filter((tag) => !/^sha(?:256|512)-[0-9a-f]{64,128}(?:\.[a-z]+)?$/.test(tag))
        .filter((tag) => watch.tags.length === 0 || watch.tags.some((pattern) => matchesPattern(pattern, tag)))
        .sort((a, b) => NATURAL.compare(b, a))
        .slice(0, watch.newest);
      images.push(...tags.map((tag) => ({ repository, tag })));
      if (images.length >= WATCHED_IMAGES_MAX) break;
    }
    return images.slice(0, WATCHED_IMAGES_MAX);
  }

  async #recordWatched(
    subject: string,
    digest: Digest,
    examination: Examination | null,
    isChanged: boolean,
  ): Promise<void> {
    const { db, journal } = this.#parts;
    const body = {
      changed: isChanged,
      decision: examination?.decision ?? null,
      signers: [...(examination?.signers ?? [])],
      byRisk: { ...(examination?.byRisk ?? {}) },
    };
    await db
      .transaction()
      .execute((tx) =>
        journal.record(tx, { kind: 'image.watched', project: null, actor: 'platform', subject, digest, body }),
      );
    journal.committed();
  }

  async #copiesElsewhere(): Promise<Omit<CopyFinding, 'id' | 'foundAt' | 'resolvedAt'>[]> {
    const { db, mirrors, remotes, isReplicated } = this.#parts;
    const findings: Omit<CopyFinding, 'id' | 'foundAt' | 'resolvedAt'>[] = [];
    for (const watch of await this.list()) {
      const host = new URL((await remotes.read(watch.remote)).url).host;
      // What we mirrored from there is theirs, and what we send there is where it should be: under its own name.
      const isMeant = (ours: string, theirs: string): boolean =>
        mirrors.owner(ours) !== null || (ours === theirs && isReplicated(watch.remote, ours));
      const seen = await this.images(watch.name);
      const digests = [...new Set(seen.flatMap(digestsOf))];
      const ours = new Map<string, string[]>();
      for (let at = 0; at < digests.length; at += 100) {
        const rows = await db
          .selectFrom('registry_manifests as m')
          .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
          .select(['r.name', 'm.digest'])
          .where('m.digest', 'in', digests.slice(at, at + 100))
          .execute();
        for (const { name, digest } of rows) ours.set(digest, [...(ours.get(digest) ?? []), name]);
      }
      for (const one of seen) {
        const { repository, tag, digest } = one;
        const place = `${host}/${repository}:${tag}`;
        const owners = [...new Set(digestsOf(one).flatMap((each) => ours.get(each) ?? []))];
        for (const here of owners.filter((name) => !isMeant(name, repository))) {
          findings.push({
            kind: 'ours-elsewhere',
            place,
            project: projectOf(here),
            here,
            digest,
            detail: {
              en: `${here} lies at ${place}, and no replication brings it there`,
              es: `${here} está en ${place}, y ninguna replicación lo lleva allí`,
            },
          });
        }
        const same = await this.#parts.registry.resolve(repository, tag);
        if (same === null || same.digest === digest || isMeant(repository, repository)) continue;
        const here = `${repository}:${tag}`;
        findings.push({
          kind: 'other-digest',
          place,
          project: projectOf(repository),
          here,
          digest,
          detail: {
            en: `${place} is another image than ${here} (${same.digest.slice(0, 19)})`,
            es: `${place} es otra imagen que ${here} (${same.digest.slice(0, 19)})`,
          },
        });
      }
    }
    return findings;
  }

  /** Images here whose origin nobody can say: stored, or even running. */
  async #imagesWithoutSource(): Promise<Omit<CopyFinding, 'id' | 'foundAt' | 'resolvedAt'>[]> {
    const { db, mirrors, examiner, inUse } = this.#parts;
    const running = await inUse.list();
    const rows = await db
      .selectFrom('registry_manifests as m')
      .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
      .select(['r.name', 'r.project', 'm.digest', 'm.pushed_by'])
      .where('m.kind', '=', 'image')
      .orderBy('m.pushed_at', 'desc')
      .limit(COPIES_SHOWN_MAX)
      .execute();
    const findings: Omit<CopyFinding, 'id' | 'foundAt' | 'resolvedAt'>[] = [];
    for (const { name, project, digest, pushed_by: by } of rows) {
      if (mirrors.owner(name) !== null || by.startsWith('mirror:')) continue;
      if (await examiner.hasSource(name, digest as Digest)) continue;
      const isRunning = running.has(digest);
      findings.push({
        kind: 'no-source',
        place: `${name}@${digest}`,
        project,
        here: name,
        digest,
        detail: {
          en: `pushed by ${by}: not built here, not mirrored, and signed by nobody who is believed${isRunning ? '; it is in use' : ''}`,
          es: `subida por ${by}: ni construida aquí ni replicada, y sin firma de nadie en quien se confíe${isRunning ? '; está en uso' : ''}`,
        },
      });
    }
    return findings;
  }

  #now(): string {
    return this.#parts.clock.now().toISOString();
  }
}

/** Reads a remote repository piece by piece; nothing of it is stored. */
export function foreignRepository(client: RegistryClient, from: string, signal: AbortSignal): ForeignRepository {
  const sizes = new Map<Digest, number>();
  return {
    async resolve(_repository, reference) {
      try {
        const manifest = await client.getManifest(from, reference, { signal });
        const parsed = parseManifest(manifest.bytes, manifest.mediaType === '' ? undefined : manifest.mediaType);
        if (parsed.kind === 'manifest')
          for (const { digest, size } of [parsed.config, ...parsed.layers]) sizes.set(digest, size);
        return { ...manifest, mediaType: parsed.mediaType, repository: from };
      } catch (error) {
        if (error instanceof Fault && error.code === 'registry.remote-missing') return null;
        throw error;
      }
    },
    async listReferrers(_repository, digest, artifactType) {
      const all = await client.listReferrers(from, digest, REFERRERS_BROUGHT_MAX, { signal });
      return artifactType === undefined ? all : all.filter((one) => one.artifactType === artifactType);
    },
    async *openBlob(digest) {
      const size = sizes.get(digest);
      if (size === undefined)
        throw remoteFault('watch.invalid', { why: `${digest} belongs to no manifest that was read` });
      yield* client.getBlob(from, { digest, size }, { signal });
    },
  };
}

/** What an earlier version wrote knows of no platforms. */
function readExamination(text: string): Examination {
  const read = JSON.parse(text) as Omit<Examination, 'platforms'> & Partial<Pick<Examination, 'platforms'>>;
  return { platforms: [], ...read };
}

interface FoundImage extends RemoteManifest {
  readonly parsed: Manifest;
  /** Null for an image that a tag names itself. */
  readonly platform: string | null;
}

/** The images behind a digest: itself, or those of an index, linux/amd64 first. None for what cannot run. */
async function imagesBehind(source: ForeignRepository, repository: string, digest: Digest): Promise<FoundImage[]> {
  const manifest = await source.resolve(repository, digest);
  if (manifest === null) return [];
  const parsed = parseManifest(manifest.bytes, manifest.mediaType);
  if (parsed.kind === 'manifest') return [{ ...manifest, parsed, platform: null }];
  // An attestation that a builder put into its index says "unknown"; it is no image.
  const children = parsed.manifests.filter(({ platform }) => platform?.os !== 'unknown');
  const isUsual = ({ platform }: Descriptor): boolean => platform?.os === 'linux' && platform.architecture === 'amd64';
  children.sort((a, b) => Number(isUsual(b)) - Number(isUsual(a)));
  const images: FoundImage[] = [];
  for (const { digest: child, platform } of children.slice(0, WATCHED_PLATFORMS_MAX)) {
    const image = await source.resolve(repository, child);
    // Named and not there: a sparse index, which is allowed.
    if (image === null) continue;
    const inner = parseManifest(image.bytes, image.mediaType);
    if (inner.kind !== 'manifest') continue;
    const { os = 'unknown', architecture = 'unknown', variant } = platform ?? {};
    const name = [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
    images.push({ ...image, parsed: inner, platform: name });
  }
  return images;
}

const STRICTNESS = ['allow', 'warn', 'refuse'] as const;

function ofAllPlatforms(
  looked: readonly { readonly one: FoundImage; readonly examination: Omit<Examination, 'platforms'> }[],
): Examination | null {
  const [first] = looked;
  if (first === undefined) return null;
  if (first.one.platform === null) return { ...first.examination, platforms: [] };
  const all = looked.map(({ examination }) => examination);
  const byRisk: { [risk: string]: number } = {};
  for (const one of all) {
    for (const [risk, count] of Object.entries(one.byRisk)) byRisk[risk] = Math.max(byRisk[risk] ?? 0, count);
  }
  const reasons = new Map(all.flatMap((one) => one.reasons).map((reason) => [reason.en, reason]));
  return {
    complete: all.every(({ complete }) => complete),
    packages: Math.max(...all.map(({ packages }) => packages)),
    byRisk,
    scannedAt: first.examination.scannedAt,
    // Signed is what somebody signed on every platform, or as the whole index.
    signers: first.examination.signers.filter((name) => all.every(({ signers }) => signers.includes(name))),
    decision: STRICTNESS[Math.max(...all.map(({ decision }) => STRICTNESS.indexOf(decision)))] ?? 'refuse',
    reasons: [...reasons.values()],
    platforms: looked.map(({ one, examination: { complete, packages, byRisk: risks, decision } }) => ({
      platform: one.platform ?? '',
      digest: one.digest,
      complete,
      packages,
      byRisk: risks,
      decision,
    })),
  };
}

/** What a registry's own digests are compared with: the tag's, and each image's behind it. */
function digestsOf({ digest, image, examination }: WatchedImage): readonly string[] {
  return [digest, ...(image === null ? [] : [image]), ...(examination?.platforms ?? []).map((one) => one.digest)];
}

function refuse(why: string): never {
  throw remoteFault('watch.invalid', { why });
}

function toView(row: RemoteTables['registry_watches']): WatchView {
  return {
    name: row.name,
    remote: row.remote,
    repositories: readList(row.repositories),
    tags: readList(row.tags),
    newest: row.newest,
    everySeconds: row.every_seconds,
    createdAt: row.created_at,
    createdBy: row.created_by,
    checkedAt: row.checked_at,
    state: row.state as WatchView['state'],
    detail: row.detail === null ? null : (JSON.parse(row.detail) as WatchResult),
    nextAt: row.next_at,
  };
}

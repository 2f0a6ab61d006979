import type { Journal } from '../../journal/index.ts';
import { type Digest, isDigest, isRepositoryName, isTag, parseManifest } from '../../oci/index.ts';
import { type Operation, type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import { type Clock, Fault, isDue, type Json, type Log, type Text } from '../../system/index.ts';
import type { Asking, RegistryClient } from '../client.ts';
import { registryFault } from '../errors.ts';
import type { Brought, Caller, UpstreamSource } from '../ports.ts';
import type { Registry } from '../registry.ts';
import { matchesPattern } from '../settings-pattern.ts';
import type { StoredManifest } from '../store.ts';
import { bringManifest, bringReferrers, chosenChildren, type Inward, isPlatform } from './copy.ts';
import { remoteFault } from './errors.ts';
import {
  ABSENT_MS,
  ABSENT_NAMES_MAX,
  DOWN_MS,
  EVERY_SECONDS_MAX,
  EVERY_SECONDS_MIN,
  FRESH_SECONDS_DEFAULT,
  IMAGE_BYTES_DEFAULT,
  REMOTE_LIST_MAX,
  SYNC_REPOSITORIES_MAX,
  SYNC_TAGS_MAX,
  VERDICT_POLL_MS,
  VERDICT_WAIT_MS,
} from './limits.ts';
import { patternProblem, problemText, type Remotes, reasonOf } from './remotes.ts';
import { type RemoteDatabase, type RemoteTables, readList } from './store.ts';

/** Repositories of ours that hold what another registry has: `<prefix>` and everything below it, and nothing else. */
export interface MirrorView {
  /** `project/name`. */
  readonly prefix: string;
  readonly project: string;
  readonly remote: string;
  /** What stands for the prefix there: `library` makes `mirror/debian/x` of `library/x`; empty: nothing is put before. */
  readonly upstream: string;
  /** Fetched when somebody pulls it. */
  readonly pullThrough: boolean;
  /** What a sync brings: patterns of repositories below the prefix (empty: the prefix itself) and of tags. */
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
  readonly platforms: readonly string[];
  readonly referrers: boolean;
  /** Only so many tags of each repository, the highest by natural order. */
  readonly newest: number | null;
  readonly everySeconds: number | null;
  readonly freshSeconds: number;
  readonly sizeMaxBytes: number;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly syncedAt: string | null;
  readonly syncState: 'running' | 'done' | 'failed' | null;
  readonly syncDetail: SyncResult | null;
  readonly nextSyncAt: string | null;
}

export type MirrorInput = Partial<
  Pick<
    MirrorView,
    | 'upstream'
    | 'pullThrough'
    | 'repositories'
    | 'tags'
    | 'platforms'
    | 'referrers'
    | 'newest'
    | 'everySeconds'
    | 'freshSeconds'
    | 'sizeMaxBytes'
  >
>;

export interface SyncResult {
  readonly repositories: number;
  readonly tags: number;
  /** Tags that were brought because they are new or moved, and bytes that came over the network. */
  readonly brought: number;
  readonly unchanged: number;
  readonly gone: number;
  readonly failed: number;
  readonly bytes: number;
  readonly problem: Text | null;
}

const NOTHING = { repositories: 0, tags: 0, brought: 0, unchanged: 0, gone: 0, failed: 0, bytes: 0 };

/** An earlier version wrote a failure as one text without counts. */
function readDetail(text: string): SyncResult {
  const read = JSON.parse(text) as Partial<Omit<SyncResult, 'problem'>> & { problem: Text | string | null };
  const { problem } = read;
  return { ...NOTHING, ...read, problem: typeof problem === 'string' ? { en: problem, es: problem } : problem };
}

export interface MirroredTag {
  readonly repository: string;
  readonly tag: string;
  /** What the source said when it was last asked. */
  readonly digest: Digest | null;
  readonly checkedAt: string;
  readonly changedAt: string;
  readonly state: 'current' | 'gone' | 'failed';
  readonly detail: Text | null;
}

interface MirrorsParts {
  readonly db: RemoteDatabase;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Operations;
  readonly registry: Registry;
  readonly remotes: Remotes;
  readonly clock: Clock;
  readonly log: Log;
}

type Fetched = { readonly digest: Digest; readonly bytes: number };

/** Mirrors: fetched at the first pull, or by a schedule, or both. */
export class Mirrors implements UpstreamSource {
  readonly #parts: MirrorsParts;
  #mirrors: readonly MirrorView[] = [];
  /** One fetch of the same thing, however many ask. */
  readonly #running = new Map<string, Promise<unknown>>();
  /** Names the source does not have, and remotes that cannot be reached, until when (ms, monotonic). */
  readonly #absent = new Map<string, number>();
  readonly #down = new Map<string, { readonly untilMs: number; readonly fault: Fault }>();
  readonly #syncing = new Set<string>();

  constructor(parts: MirrorsParts) {
    this.#parts = parts;
  }

  /** Reads the definitions; what a crash cut short is due again. Call once at start. */
  async open(): Promise<void> {
    await this.#parts.db
      .updateTable('registry_mirrors')
      .set({ sync_state: null, next_sync_at: this.#now() })
      .where('sync_state', '=', 'running')
      .execute();
    await this.reload();
  }

  async reload(): Promise<void> {
    const rows = await this.#parts.db.selectFrom('registry_mirrors').selectAll().orderBy('prefix').execute();
    this.#mirrors = rows.map(toView);
  }

  list(): readonly MirrorView[] {
    return this.#mirrors;
  }

  /** @throws Fault mirror.unknown */
  read(prefix: string): MirrorView {
    const mirror = this.#mirrors.find((one) => one.prefix === prefix);
    if (mirror === undefined) throw remoteFault('mirror.unknown', { prefix: prefix.slice(0, 255) });
    return mirror;
  }

  async tagsOf(prefix: string, limit: number): Promise<readonly MirroredTag[]> {
    const rows = await this.#parts.db
      .selectFrom('registry_mirror_tags')
      .selectAll()
      .where((where) => where.or([where('repository', '=', prefix), where('repository', 'like', `${prefix}/%`)]))
      .orderBy('repository')
      .orderBy('tag')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      repository: row.repository,
      tag: row.tag,
      digest: row.digest as Digest | null,
      checkedAt: row.checked_at,
      changedAt: row.changed_at,
      state: row.state as MirroredTag['state'],
      detail: row.detail === null ? null : (JSON.parse(row.detail) as Text),
    }));
  }

  /** @throws Fault mirror.invalid, mirror.taken, remote.unknown, remote.not-for-project */
  async create(prefix: string, remote: string, input: MirrorInput, actor: string): Promise<MirrorView> {
    const [project = '', name = '', ...more] = prefix.split('/');
    if (more.length > 0 || name === '' || !isRepositoryName(prefix)) refuse(`"${prefix}" is not PROJECT/NAME`);
    const taken = this.find(prefix);
    if (taken !== null) throw remoteFault('mirror.taken', { prefix, why: 'there is a mirror' });
    const { db, clock } = this.#parts;
    const pushed = await db
      .selectFrom('registry_repositories')
      .select('name')
      .where((where) => where.or([where('name', '=', prefix), where('name', 'like', `${prefix}/%`)]))
      .executeTakeFirst();
    if (pushed !== undefined) {
      throw remoteFault('mirror.taken', {
        prefix,
        why: `${pushed.name} was pushed; a mirror holds only what it fetched`,
      });
    }
    const view: MirrorView = {
      prefix,
      project,
      remote,
      upstream: '',
      pullThrough: true,
      repositories: [],
      tags: [],
      platforms: [],
      referrers: true,
      newest: null,
      everySeconds: null,
      freshSeconds: FRESH_SECONDS_DEFAULT,
      sizeMaxBytes: IMAGE_BYTES_DEFAULT,
      createdAt: clock.now().toISOString(),
      createdBy: actor,
      syncedAt: null,
      syncState: null,
      syncDetail: null,
      nextSyncAt: null,
    };
    return this.#save('mirror.created', await this.#checked({ ...view, ...input }), actor, true);
  }

  /** @throws Fault mirror.unknown, mirror.invalid */
  async change(prefix: string, input: MirrorInput, actor: string): Promise<MirrorView> {
    return this.#save('mirror.changed', await this.#checked({ ...this.read(prefix), ...input }), actor, false);
  }

  /** Ends the mirroring; its images stay until somebody deletes them. @throws Fault mirror.unknown */
  async remove(prefix: string, actor: string): Promise<void> {
    const mirror = this.read(prefix);
    const { db, journal } = this.#parts;
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('registry_mirrors').where('prefix', '=', prefix).execute();
      await tx
        .deleteFrom('registry_mirror_tags')
        .where((where) => where.or([where('repository', '=', prefix), where('repository', 'like', `${prefix}/%`)]))
        .execute();
      const { project, remote } = mirror;
      await journal.record(tx, { kind: 'mirror.removed', project, actor, subject: prefix, body: { remote } });
    });
    journal.committed();
    await this.reload();
  }

  /** The mirror that a repository belongs to, or null. Asked at every request of the registry: no waiting. */
  find(repository: string): MirrorView | null {
    for (const mirror of this.#mirrors) {
      if (repository.startsWith(mirror.prefix) && isBelow(repository, mirror.prefix)) return mirror;
    }
    return null;
  }

  owner(repository: string): string | null {
    return this.find(repository)?.remote ?? null;
  }

  /**
   * Makes sure that what a tag or digest names is here, as fresh as the mirror promises, and waits for its verdict.
   * @returns null when the repository is not fetched on demand
   * @throws Fault registry.remote-loop, registry.manifest-unknown, remote.offline, mirror.too-large, or why the source
   * could not give what is not here
   */
  async bring(question: {
    readonly repository: string;
    readonly reference: string;
    readonly caller: Caller;
    readonly via: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Brought | null> {
    const { repository, reference, via } = question;
    const mirror = this.find(repository);
    if (mirror === null || !mirror.pullThrough) return null;
    const brought = isDigest(reference)
      ? await this.#bringDigest(mirror, repository, reference, via)
      : await this.#bringTag(mirror, repository, reference, via);
    const { registry } = this.#parts;
    const manifest = await registry.resolve(repository, brought.digest);
    if (manifest !== null) await this.#settled(manifest, question.caller, question.signal);
    return brought;
  }

  /** Brings what refers to a digest; what fails leaves what is here. */
  async bringReferrersOf(repository: string, digest: Digest, via: readonly string[]): Promise<Text | null> {
    const mirror = this.find(repository);
    if (mirror === null || !mirror.pullThrough || !mirror.referrers) return null;
    const name = `referrers ${repository}@${digest}`;
    if (this.#isAbsent(name)) return null;
    try {
      await this.#once(name, async () => {
        const inward = await this.#inward(mirror, repository, { via }, silentStep, digest);
        await bringReferrers(inward, digest);
        this.#remember(name, mirror.freshSeconds * 1000);
      });
      return null;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Starts a sync now. @throws Fault mirror.unknown, mirror.sync-running */
  async sync(prefix: string, actor: string): Promise<{ operation: Operation; finished: Promise<Operation> }> {
    const mirror = this.read(prefix);
    if (this.#syncing.has(prefix)) throw remoteFault('mirror.sync-running', { prefix });
    this.#syncing.add(prefix);
    const { operations, clock, db } = this.#parts;
    const started = clock.now().getTime();
    const next = mirror.everySeconds === null ? null : new Date(started + mirror.everySeconds * 1000).toISOString();
    await db
      .updateTable('registry_mirrors')
      .set({ sync_state: 'running', next_sync_at: next })
      .where('prefix', '=', prefix)
      .execute();
    await this.reload();
    const { operation, finished } = await operations.start(
      {
        kind: 'mirror',
        project: mirror.project,
        environment: null,
        actor,
        title: { en: `Mirror ${prefix} from ${mirror.remote}`, es: `Replicar ${prefix} desde ${mirror.remote}` },
      },
      async ({ step, signal }) => {
        const result = await this.#sync(mirror, step, signal);
        await this.#record('mirror.synced', mirror, actor, { ...result } as unknown as Json);
        if (result.failed > 0 && result.problem !== null) {
          const { failed, tags } = result;
          throw remoteFault(
            'mirror.sync-incomplete',
            { failed, total: tags, why: result.problem.en },
            { details: { ...result } as unknown as Json },
          );
        }
        return { ...result } as unknown as Json;
      },
    );
    const ended = finished.then(async (done) => {
      await db
        .updateTable('registry_mirrors')
        .set({
          sync_state: done.state === 'done' ? 'done' : 'failed',
          synced_at: this.#now(),
          sync_detail: JSON.stringify(done.result ?? { ...NOTHING, problem: problemText(done.problem) }),
        })
        .where('prefix', '=', prefix)
        .execute();
      this.#syncing.delete(prefix);
      await this.reload();
      return done;
    });
    ended.catch((error: unknown) => {
      this.#syncing.delete(prefix);
      this.#parts.log.error({ err: error, prefix }, 'the end of a sync could not be written');
    });
    return { operation, finished: ended };
  }

  /** Starts what is due; one after the other, so that a schedule never takes the machine. */
  async syncDue(): Promise<void> {
    await this.reload();
    for (const mirror of this.#mirrors) {
      const { nextSyncAt: nextAt, everySeconds } = mirror;
      const isTime = nextAt !== null && isDue(nextAt, (everySeconds ?? 0) * 1000, this.#parts.clock.now());
      const isDueNow = isTime && !this.#syncing.has(mirror.prefix);
      if (isDueNow && this.#syncing.size === 0) await (await this.sync(mirror.prefix, 'platform')).finished;
    }
  }

  async #bringDigest(mirror: MirrorView, repository: string, digest: Digest, via: readonly string[]): Promise<Brought> {
    // A digest never changes, so what is here is as good as the source's.
    if ((await this.#parts.registry.resolve(repository, digest)) !== null)
      return { digest, ageSeconds: null, warning: null };
    this.#refuseLoop(mirror, via);
    await this.#fetch(mirror, repository, digest, null, via);
    return { digest, ageSeconds: null, warning: null };
  }

  async #bringTag(mirror: MirrorView, repository: string, tag: string, via: readonly string[]): Promise<Brought> {
    if (!isTag(tag)) throw registryFault('registry.manifest-unknown', { repository, reference: tag.slice(0, 160) });
    const { registry } = this.#parts;
    const [stored, known] = await Promise.all([registry.resolve(repository, tag), this.#readTag(repository, tag)]);
    const ageSeconds = known === null ? null : this.#ageOf(known.checked_at);
    // Asked at a time still to come: the clock was ahead then, and nobody knows how long ago it was.
    const isFresh = known !== null && known.checked_at <= this.#now() && (ageSeconds ?? 0) < mirror.freshSeconds;
    if (stored !== null && known?.state === 'current' && isFresh) {
      return { digest: stored.digest, ageSeconds, warning: null };
    }
    this.#refuseLoop(mirror, via);
    try {
      const digest = await this.#once(`${repository}:${tag}`, () =>
        this.#refresh(mirror, repository, tag, stored, via),
      );
      return { digest, ageSeconds: 0, warning: null };
    } catch (error) {
      if (stored === null || !(error instanceof Fault)) throw error;
      // Better an old answer that says so than none: the source may be down exactly when it is needed.
      const why = reasonOf(error);
      this.#parts.log.warn({ repository, tag, code: error.code }, 'a mirror serves what it has');
      return { digest: stored.digest, ageSeconds, warning: why };
    }
  }

  /** Asks the source for a tag and fetches what is new. @returns the digest it has there */
  async #refresh(
    mirror: MirrorView,
    repository: string,
    tag: string,
    stored: StoredManifest | null,
    via: readonly string[],
  ): Promise<Digest> {
    const name = `${repository}:${tag}`;
    const missing = () => registryFault('registry.manifest-unknown', { repository, reference: tag });
    if (this.#isAbsent(name)) throw missing();
    const client = await this.#client(mirror, repository, name);
    const digest = await this.#asking(mirror, () => client.headManifest(upstreamOf(mirror, repository), tag, { via }));
    if (digest === null) {
      this.#remember(name, ABSENT_MS);
      if (stored !== null) await this.#writeTag(repository, tag, stored.digest, 'gone', GONE);
      throw missing();
    }
    if (stored?.digest !== digest) await this.#fetch(mirror, repository, digest, tag, via);
    await this.#writeTag(repository, tag, digest, 'current', null);
    return digest;
  }

  /** Fetches an image, artifact or index by digest, seen by people as an operation. */
  async #fetch(
    mirror: MirrorView,
    repository: string,
    digest: Digest,
    tag: string | null,
    via: readonly string[],
  ): Promise<Fetched> {
    return this.#once(`${repository}@${digest} ${tag ?? ''}`, async () => {
      const { operations } = this.#parts;
      const image = tag === null ? `${repository}@${digest.slice(0, 19)}` : `${repository}:${tag}`;
      const actor = actorOf(mirror);
      let fault: unknown;
      const { finished } = await operations.start(
        {
          kind: 'mirror',
          project: mirror.project,
          environment: null,
          actor,
          title: { en: `Fetch ${image} from ${mirror.remote}`, es: `Obtener ${image} de ${mirror.remote}` },
        },
        async ({ step, signal }) => {
          try {
            const inward = await this.#inward(
              mirror,
              repository,
              { via, signal },
              step({ en: 'Fetch', es: 'Obtener' }),
              digest,
            );
            const bytes = await this.#asking(mirror, async () => {
              const manifest = await inward.client.getManifest(inward.from, digest, inward.asking);
              return (await bringManifest(inward, manifest, tag)).bytes;
            });
            return { digest, bytes };
          } catch (error) {
            fault = error;
            throw error;
          }
        },
      );
      const ended = await finished;
      if (ended.state !== 'done') throw fault ?? registryFault('registry.internal');
      await this.#record('mirror.fetched', mirror, actor, { repository, tag, digest, bytes: bytesOf(ended.result) });
      return { digest, bytes: bytesOf(ended.result) };
    });
  }

  async #sync(mirror: MirrorView, begin: StepHandle['step'], signal: AbortSignal): Promise<SyncResult> {
    const step = begin({ en: 'Ask the source', es: 'Preguntar al origen' });
    const { remotes, registry, log } = this.#parts;
    const asking: Asking = { signal };
    const client = await remotes.client(mirror.remote, mirror.prefix);
    const result = { repositories: 0, tags: 0, brought: 0, unchanged: 0, gone: 0, failed: 0, bytes: 0 };
    let problem: Text | null = null;
    const work: { repository: string; tag: string }[] = [];
    for (const repository of await this.#repositoriesOf(mirror, client, asking)) {
      const there = upstreamOf(mirror, repository);
      const remote = await remotes.read(mirror.remote);
      if (!remotes.mayRead(remote, there)) continue;
      result.repositories += 1;
      const all = await client.listTags(there, SYNC_TAGS_MAX, asking);
      const wanted = all.filter(
        (tag) => mirror.tags.length === 0 || mirror.tags.some((pattern) => matchesPattern(pattern, tag)),
      );
      wanted.sort((a, b) => NATURAL.compare(b, a));
      for (const tag of wanted.slice(0, mirror.newest ?? wanted.length)) work.push({ repository, tag });
      result.gone += await this.#markGone(repository, new Set(all));
    }
    result.tags = work.length;
    step.done({
      en: `${result.repositories} repositories, ${work.length} tags`,
      es: `${result.repositories} repositorios, ${work.length} etiquetas`,
    });
    const copying = begin({ en: 'Bring what is new', es: 'Traer lo nuevo' });
    for (const [at, { repository, tag }] of work.entries()) {
      signal.throwIfAborted();
      const name = `${repository}:${tag}`;
      copying.update({ done: at, total: work.length, unit: 'items', detail: { en: name, es: name } });
      try {
        const there = upstreamOf(mirror, repository);
        const digest = await client.headManifest(there, tag, asking);
        if (digest === null) continue;
        const stored = await registry.resolve(repository, tag);
        if (stored?.digest === digest && (await this.#isWhole(mirror, stored))) {
          // Signatures and SBOMs may come later than the image.
          const inward = await this.#inward(mirror, repository, asking, copying, digest);
          if (mirror.referrers) await bringReferrers(inward, digest);
          result.unchanged += 1;
        } else {
          const child = copying.step({ en: name, es: name });
          const inward: Inward = {
            ...(await this.#inward(mirror, repository, asking, child, digest)),
            platforms: mirror.platforms,
          };
          const { bytes } = await bringManifest(inward, await client.getManifest(there, digest, asking), tag);
          child.done();
          result.bytes += bytes;
          result.brought += 1;
          await this.#record('mirror.fetched', mirror, actorOf(mirror), { repository, tag, digest, bytes });
        }
        await this.#writeTag(repository, tag, digest, 'current', null);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Fault)) log.error({ err: error, repository, tag }, 'mirroring an image failed');
        const why = reasonOf(error);
        problem ??= { en: `${name}: ${why.en}`, es: `${name}: ${why.es}` };
        result.failed += 1;
        copying.note({ en: `${name}: ${why.en}`, es: `${name}: ${why.es}` });
        await this.#writeTag(repository, tag, null, 'failed', why);
      }
    }
    copying.update({ done: work.length, total: work.length, unit: 'items' });
    copying.done();
    return { ...result, problem };
  }

  /** Of an index: whether the images for the wanted platforms are here as well. */
  async #isWhole(mirror: MirrorView, stored: StoredManifest): Promise<boolean> {
    if (stored.kind !== 'index') return true;
    const index = parseManifest(stored.bytes, stored.mediaType);
    if (index.kind !== 'index') return true;
    for (const child of chosenChildren(index, mirror.platforms)) {
      if ((await this.#parts.registry.resolve(stored.repository, child.digest)) === null) return false;
    }
    return true;
  }

  /** The repositories that a sync looks at; a pattern needs the source's catalogue. */
  async #repositoriesOf(mirror: MirrorView, client: RegistryClient, asking: Asking): Promise<readonly string[]> {
    const { prefix, upstream, repositories } = mirror;
    if (repositories.length === 0) return [prefix];
    const plain = repositories.filter((pattern) => !pattern.includes('*'));
    const wild = repositories.filter((pattern) => pattern.includes('*'));
    const found = new Set(plain.map((name) => `${prefix}/${name}`));
    if (wild.length > 0) {
      const before = upstream === '' ? '' : `${upstream}/`;
      for (const name of await client.listRepositories(SYNC_REPOSITORIES_MAX, asking)) {
        if (!name.startsWith(before)) continue;
        const rest = name.slice(before.length);
        const ours = `${prefix}/${rest}`;
        if (isRepositoryName(ours) && wild.some((pattern) => matchesPattern(pattern, rest))) found.add(ours);
      }
    }
    return [...found].slice(0, SYNC_REPOSITORIES_MAX);
  }

  async #inward(
    mirror: MirrorView,
    repository: string,
    asking: Asking,
    step: StepHandle,
    digest: Digest,
  ): Promise<Inward> {
    return {
      registry: this.#parts.registry,
      client: await this.#client(mirror, repository, `${repository}@${digest}`),
      from: upstreamOf(mirror, repository),
      to: repository,
      actor: actorOf(mirror),
      sizeMaxBytes: mirror.sizeMaxBytes,
      platforms: null,
      referrers: mirror.referrers,
      asking,
      step,
    };
  }

  /** The client, when project and repository may use the remote; asked each time, as both can change. */
  async #client(mirror: MirrorView, repository: string, image: string): Promise<RegistryClient> {
    const { remotes } = this.#parts;
    const remote = await remotes.read(mirror.remote);
    remotes.requireAllowed(remote, mirror.project, upstreamOf(mirror, repository));
    return remotes.client(mirror.remote, image);
  }

  /** Asks a remote; one that cannot be reached is left alone for a while. */
  async #asking<T>(mirror: MirrorView, ask: () => Promise<T>): Promise<T> {
    const down = this.#down.get(mirror.remote);
    if (down !== undefined && down.untilMs > this.#parts.clock.monotonicMs()) throw down.fault;
    try {
      const answer = await ask();
      this.#down.delete(mirror.remote);
      return answer;
    } catch (error) {
      if (error instanceof Fault && error.code === 'registry.remote-unreachable') {
        this.#down.set(mirror.remote, { untilMs: this.#parts.clock.monotonicMs() + DOWN_MS, fault: error });
      }
      throw error;
    }
  }

  /** Waits while the image is held without a verdict; whoever goes away waits no longer. */
  async #settled(manifest: StoredManifest, caller: Caller, signal: AbortSignal): Promise<void> {
    const { registry, clock } = this.#parts;
    const held = await registry.quarantine.heldBy(manifest);
    if (held === null) return;
    const until = clock.monotonicMs() + VERDICT_WAIT_MS;
    while (!signal.aborted && clock.monotonicMs() < until) {
      const answer = await registry.quarantine.ask(manifest.repository, held, caller);
      if (answer.allow || answer.settled === true) return;
      await clock.sleep(VERDICT_POLL_MS, signal).catch(() => undefined);
    }
  }

  async #once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(name) as Promise<T> | undefined;
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return started;
  }

  #refuseLoop(mirror: MirrorView, via: readonly string[]): void {
    if (via.includes(this.#parts.remotes.instance))
      throw registryFault('registry.remote-loop', { host: mirror.remote });
  }

  #isAbsent(name: string): boolean {
    return (this.#absent.get(name) ?? 0) > this.#parts.clock.monotonicMs();
  }

  #remember(name: string, ms: number): void {
    this.#absent.delete(name);
    this.#absent.set(name, this.#parts.clock.monotonicMs() + ms);
    if (this.#absent.size <= ABSENT_NAMES_MAX) return;
    const oldest = this.#absent.keys().next().value;
    if (oldest !== undefined) this.#absent.delete(oldest);
  }

  #ageOf(at: string): number {
    return Math.max(0, Math.floor((this.#parts.clock.now().getTime() - Date.parse(at)) / 1000));
  }

  async #readTag(repository: string, tag: string): Promise<RemoteTables['registry_mirror_tags'] | null> {
    const row = await this.#parts.db
      .selectFrom('registry_mirror_tags')
      .selectAll()
      .where('repository', '=', repository)
      .where('tag', '=', tag)
      .executeTakeFirst();
    return row ?? null;
  }

  async #writeTag(
    repository: string,
    tag: string,
    digest: Digest | null,
    state: MirroredTag['state'],
    detail: Text | null,
  ): Promise<void> {
    const now = this.#now();
    const known = await this.#readTag(repository, tag);
    const row = {
      digest: digest ?? known?.digest ?? null,
      checked_at: now,
      changed_at: known !== null && (digest === null || known.digest === digest) ? known.changed_at : now,
      state,
      detail: detail === null ? null : JSON.stringify(detail),
    };
    await this.#parts.db
      .insertInto('registry_mirror_tags')
      .values({ repository, tag, ...row })
      .onConflict((conflict) => conflict.columns(['repository', 'tag']).doUpdateSet(row))
      .execute();
  }

  /** Tags that the source had once and has no more: kept here, and told. */
  async #markGone(repository: string, there: ReadonlySet<string>): Promise<number> {
    const known = await this.#parts.db
      .selectFrom('registry_mirror_tags')
      .selectAll()
      .where('repository', '=', repository)
      .where('state', '=', 'current')
      .execute();
    const gone = known.filter(({ tag }) => !there.has(tag) && !/^sha256-[0-9a-f]{64}/.test(tag));
    for (const { tag, digest } of gone) await this.#writeTag(repository, tag, digest as Digest | null, 'gone', GONE);
    return gone.length;
  }

  /** @throws Fault mirror.invalid, remote.unknown, remote.not-for-project */
  async #checked(view: MirrorView): Promise<MirrorView> {
    const { remotes } = this.#parts;
    const { upstream, repositories, tags, platforms, newest, everySeconds, freshSeconds, sizeMaxBytes } = view;
    if (upstream !== '' && !isRepositoryName(upstream)) refuse(`"${upstream.slice(0, 255)}" is no repository`);
    for (const list of [repositories, tags, platforms]) {
      if (list.length > REMOTE_LIST_MAX) refuse(`a list has ${list.length} entries, at most ${REMOTE_LIST_MAX}`);
    }
    const odd = [...repositories, ...tags].map(patternProblem).find((problem) => problem !== null);
    if (odd !== undefined && odd !== null) refuse(odd);
    const strange = platforms.find((platform) => !isPlatform(platform));
    if (strange !== undefined) refuse(`"${strange.slice(0, 60)}" is no platform: expected OS/ARCHITECTURE`);
    if (newest !== null && newest < 1) refuse('the newest 0 tags are none');
    if (everySeconds !== null && (everySeconds < EVERY_SECONDS_MIN || everySeconds > EVERY_SECONDS_MAX)) {
      refuse(`every ${everySeconds} s: at least ${EVERY_SECONDS_MIN}, at most ${EVERY_SECONDS_MAX}`);
    }
    if (freshSeconds < 0 || freshSeconds > EVERY_SECONDS_MAX) refuse(`fresh for ${freshSeconds} s`);
    if (sizeMaxBytes < 1) refuse(`at most ${sizeMaxBytes} bytes`);
    if (upstream === '' && repositories.length === 0 && !view.pullThrough) {
      refuse('a sync needs an upstream repository, or patterns of repositories');
    }
    const remote = await remotes.read(view.remote);
    // With a pattern of one name below the upstream; each image is asked again when it is fetched.
    remotes.requireAllowed({ ...remote, repositories: ['**'] }, view.project, upstream === '' ? '*' : upstream);
    return view;
  }

  async #save(kind: string, view: MirrorView, actor: string, isNew: boolean): Promise<MirrorView> {
    const { db, journal, clock } = this.#parts;
    const row = toRow(view, clock.now());
    await db.transaction().execute(async (tx) => {
      if (isNew) await tx.insertInto('registry_mirrors').values(row).execute();
      else await tx.updateTable('registry_mirrors').set(row).where('prefix', '=', view.prefix).execute();
      const { createdAt, createdBy, syncedAt, syncState, syncDetail, nextSyncAt, ...body } = view;
      await journal.record(tx, {
        kind,
        project: view.project,
        actor,
        subject: view.prefix,
        body: body as unknown as Json,
      });
    });
    journal.committed();
    await this.reload();
    return this.read(view.prefix);
  }

  async #record(kind: string, mirror: MirrorView, actor: string, body: Json): Promise<void> {
    const { db, journal } = this.#parts;
    const { project, prefix } = mirror;
    const digest = typeof body === 'object' && body !== null && !Array.isArray(body) ? body['digest'] : undefined;
    await db.transaction().execute((tx) =>
      journal.record(tx, {
        kind,
        project,
        actor,
        subject: prefix,
        ...(typeof digest === 'string' ? { digest } : {}),
        body,
      }),
    );
    journal.committed();
  }

  #now(): string {
    return this.#parts.clock.now().toISOString();
  }
}

const GONE: Text = { en: 'the source does not have it any more', es: 'el origen ya no la tiene' };
/** `1.10` after `1.9`. */
const NATURAL = new Intl.Collator('en', { numeric: true });

/** The repository there that one of ours stands for. */
export function upstreamOf(mirror: Pick<MirrorView, 'prefix' | 'upstream'>, repository: string): string {
  const rest = repository.slice(mirror.prefix.length + 1);
  if (mirror.upstream === '' || rest === '') return mirror.upstream === '' ? rest : mirror.upstream;
  return `${mirror.upstream}/${rest}`;
}

function isBelow(repository: string, prefix: string): boolean {
  return repository.length === prefix.length || repository[prefix.length] === '/';
}

/** How facts name what a mirror does. */
function actorOf(mirror: MirrorView): string {
  return `mirror:${mirror.prefix}`;
}

function bytesOf(result: Json): number {
  const bytes = typeof result === 'object' && result !== null && !Array.isArray(result) ? result['bytes'] : 0;
  return typeof bytes === 'number' ? bytes : 0;
}

function refuse(why: string): never {
  throw remoteFault('mirror.invalid', { why });
}

function toView(row: RemoteTables['registry_mirrors']): MirrorView {
  return {
    prefix: row.prefix,
    project: row.project,
    remote: row.remote,
    upstream: row.upstream,
    pullThrough: row.pull_through === 1,
    repositories: readList(row.repositories),
    tags: readList(row.tags),
    platforms: readList(row.platforms),
    referrers: row.referrers === 1,
    newest: row.newest,
    everySeconds: row.every_seconds,
    freshSeconds: row.fresh_seconds,
    sizeMaxBytes: Number(row.size_max_bytes),
    createdAt: row.created_at,
    createdBy: row.created_by,
    syncedAt: row.synced_at,
    syncState: row.sync_state as MirrorView['syncState'],
    syncDetail: row.sync_detail === null ? null : readDetail(row.sync_detail),
    nextSyncAt: row.next_sync_at,
  };
}

function toRow(view: MirrorView, now: Date): RemoteTables['registry_mirrors'] {
  const base = view.syncedAt === null ? now.getTime() : Date.parse(view.syncedAt) + (view.everySeconds ?? 0) * 1000;
  return {
    prefix: view.prefix,
    project: view.project,
    remote: view.remote,
    upstream: view.upstream,
    pull_through: view.pullThrough ? 1 : 0,
    repositories: JSON.stringify(view.repositories),
    tags: JSON.stringify(view.tags),
    platforms: JSON.stringify(view.platforms),
    referrers: view.referrers ? 1 : 0,
    newest: view.newest,
    every_seconds: view.everySeconds,
    fresh_seconds: view.freshSeconds,
    size_max_bytes: view.sizeMaxBytes,
    created_at: view.createdAt,
    created_by: view.createdBy,
    synced_at: view.syncedAt,
    sync_state: view.syncState,
    sync_detail: view.syncDetail === null ? null : JSON.stringify(view.syncDetail),
    next_sync_at:
      view.everySeconds === null
        ? null
        : new Date(
            isDue(new Date(base).toISOString(), (view.everySeconds ?? 0) * 1000, now) ? now.getTime() : base,
          ).toISOString(),
  };
}

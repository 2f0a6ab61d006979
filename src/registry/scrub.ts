import { createHash } from 'node:crypto';
import type { Journal } from '../journal/index.ts';
import { type Digest, digestAlgorithm, digestHex, digestOf, isDigest, MANIFEST_BYTES_MAX } from '../oci/index.ts';
import { type Clock, type Log, newId } from '../system/index.ts';
import type { BlobFiles, ByteSource } from './blob-files.ts';
import { CHUNK_BYTES, SCRUB_BATCH, SCRUB_BYTES_PER_SECOND, SCRUB_PROJECTS_SAID_MAX } from './limits.ts';
import type { RegistryDatabase } from './store.ts';
import { WorkState } from './work-state.ts';

/** Where good bytes of a damaged piece of content may be had: another registry, a mirror, a replica. */
export interface HealSource {
  /**
   * Bytes that claim to be the content, or null when nobody who is asked has it. They are believed only when they match
   * the digest, so a source need not be trusted.
   */
  fetch(wanted: {
    readonly digest: Digest;
    readonly kind: 'blob' | 'manifest';
    readonly sizeBytes: number;
    /** Repositories here that have it (`project/name`): a hint where to look. */
    readonly repositories: readonly string[];
  }): Promise<{ readonly from: string; readonly bytes: ByteSource } | null>;
}

export type DamageKind = 'changed' | 'truncated' | 'missing' | 'unreadable';

export interface Damage {
  readonly digest: Digest;
  readonly content: 'blob' | 'manifest';
  readonly kind: DamageKind;
  readonly foundAt: string;
  readonly repositories: readonly string[];
  /** Null while it waits for a good copy. */
  readonly healedAt: string | null;
  readonly healedFrom: string | null;
}

/** The scrub's figures: the pass that runs or was cut, and the last one that ended. */
export type ScrubState = {
  /** What is read now; null between passes. */
  readonly phase: 'blobs' | 'manifests' | null;
  /** The last blob, or `repository id/digest` of the last manifest, that was read. */
  readonly cursor: string;
  readonly startedAt: string | null;
  readonly readBlobs: number;
  readonly readBytes: number;
  readonly readManifests: number;
  readonly found: number;
  readonly healed: number;
  readonly finishedAt: string | null;
};

const EMPTY: ScrubState = {
  phase: null,
  cursor: '',
  startedAt: null,
  readBlobs: 0,
  readBytes: 0,
  readManifests: 0,
  found: 0,
  healed: 0,
  finishedAt: null,
};

/**
 * Reads all content again, slowly, and compares it with its digest. What does not match is set aside at once, so that it
 * is never served again; a good copy is asked for, and taken only when it matches. Pushing the image again heals as
 * well: content that is set aside counts as not here. Where it stands is written down, so a pass goes on after a restart.
 */
export class Scrub {
  readonly #db: RegistryDatabase;
  readonly #files: BlobFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #work: WorkState<ScrubState>;
  #source: HealSource | null;

  constructor(parts: {
    db: RegistryDatabase;
    files: BlobFiles;
    clock: Clock;
    log: Log;
    journal: Pick<Journal, 'record' | 'committed'>;
    source?: HealSource;
  }) {
    this.#db = parts.db;
    this.#files = parts.files;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#journal = parts.journal;
    this.#source = parts.source ?? null;
    this.#work = new WorkState(parts, 'scrub', EMPTY);
  }

  /** Who is asked for good copies from now on. */
  healFrom(source: HealSource): void {
    this.#source = source;
  }

  state(): Promise<ScrubState> {
    return this.#work.read();
  }

  /** What was found and not healed first, then the rest, the newest first. */
  async damages(limit = 100): Promise<Damage[]> {
    await this.#closePushed();
    const rows = await this.#db
      .selectFrom('registry_damage')
      .selectAll()
      .orderBy('is_open', 'desc')
      .orderBy('found_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      digest: row.digest as Digest,
      content: row.content as Damage['content'],
      kind: row.kind as DamageKind,
      foundAt: row.found_at,
      repositories: JSON.parse(row.repositories) as string[],
      healedAt: row.healed_at,
      healedFrom: row.healed_from,
    }));
  }

  /**
   * One pass, or the rest of one that was cut.
   * @param options.bytesPerSecond how fast to read, so that serving goes first. @default SCRUB_BYTES_PER_SECOND
   */
  async run(
    options: {
      readonly bytesPerSecond?: number;
      readonly signal?: AbortSignal;
      readonly progress?: (state: ScrubState) => void;
    } = {},
  ): Promise<ScrubState> {
    const { bytesPerSecond = SCRUB_BYTES_PER_SECOND, signal, progress } = options;
    const pace = new Pace(this.#clock, bytesPerSecond, signal);
    const standing = await this.#work.read();
    let state: ScrubState =
      standing.phase === null
        ? { ...EMPTY, phase: 'blobs', startedAt: this.#clock.now().toISOString(), finishedAt: standing.finishedAt }
        : standing;
    const reached = async (next: Partial<ScrubState>): Promise<void> => {
      state = { ...state, ...next };
      await this.#work.write(state);
      progress?.(state);
    };

    // What earlier passes found and nobody had: perhaps somebody has it by now.
    for (const damage of await this.damages(SCRUB_BATCH)) {
      if (damage.healedAt === null && (await this.#heal(damage))) state = { ...state, healed: state.healed + 1 };
    }
    while (state.phase === 'blobs') {
      const rows = await this.#db
        .selectFrom('registry_blobs')
        .select(['digest', 'size_bytes'])
        .where('digest', '>', state.cursor)
        .where('damaged_at', 'is', null)
        .orderBy('digest')
        .limit(SCRUB_BATCH)
        .execute();
      for (const row of rows) {
        signal?.throwIfAborted();
        const outcome = await this.check(row.digest as Digest, Number(row.size_bytes), pace);
        await reached({
          cursor: row.digest,
          readBlobs: state.readBlobs + 1,
          readBytes: state.readBytes + Number(row.size_bytes),
          found: state.found + (outcome === 'good' ? 0 : 1),
          healed: state.healed + (outcome === 'healed' ? 1 : 0),
        });
      }
      if (rows.length < SCRUB_BATCH) await reached({ phase: 'manifests', cursor: '' });
    }
    while (state.phase === 'manifests') {
      signal?.throwIfAborted();
      const isEnd = await this.#scrubManifests(state, pace, reached);
      if (isEnd) break;
    }
    await reached({ phase: null, cursor: '', finishedAt: this.#clock.now().toISOString() });
    return state;
  }

  /** Reads one blob and, when it is damaged, sets it aside and tries to heal it. */
  async check(
    digest: Digest,
    sizeBytes: number,
    pace: { took(bytes: number): Promise<void> } = NO_PACE,
  ): Promise<'good' | 'healed' | 'damaged'> {
    const kind = await this.#read(digest, sizeBytes, pace);
    if (kind === null) return 'good';
    const repositories = await this.#repositoriesOf(digest);
    const damage: Damage = {
      digest,
      content: 'blob',
      kind,
      foundAt: this.#clock.now().toISOString(),
      repositories,
      healedAt: null,
      healedFrom: null,
    };
    const isAside = await this.#files.exclusively(digest, async () => {
      // Read again alone: a push that replaced the file meanwhile has healed it, and a collection has removed it.
      const row = await this.#db
        .selectFrom('registry_blobs')
        .select('size_bytes')
        .where('digest', '=', digest)
        .executeTakeFirst();
      if (row === undefined || (await this.#read(digest, sizeBytes, NO_PACE)) === null) return false;
      // The row first: from here on nobody opens the file, whatever happens before it has gone.
      await this.#db.transaction().execute(async (tx) => {
        await tx
          .updateTable('registry_blobs')
          .set({ damaged_at: damage.foundAt })
          .where('digest', '=', digest)
          .execute();
        await this.#keep(tx, damage);
        await this.#state(tx, 'registry.content-damaged', damage, { kind, sizeBytes });
      });
      await this.#files.setAside(digest, damage.foundAt);
      return true;
    });
    if (!isAside) return 'good';
    this.#journal.committed();
    this.#log.error({ digest, kind, repositories }, 'stored content is damaged; it is set aside and not served');
    return (await this.#heal(damage)) ? 'healed' : 'damaged';
  }

  /** What is wrong with a stored blob, or null. */
  async #read(
    digest: Digest,
    sizeBytes: number,
    pace: { took(bytes: number): Promise<void> },
  ): Promise<DamageKind | null> {
    // Just pushed and verified; the database keeps it until it has its file.
    if (this.#files.held(digest) !== undefined) return null;
    const file = await this.#files.openBlob(digest);
    if (file === null) return 'missing';
    try {
      const hasher = createHash(digestAlgorithm(digest));
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      let position = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        hasher.update(buffer.subarray(0, bytesRead));
        await pace.took(bytesRead);
      }
      if (position < sizeBytes) return 'truncated';
      return hasher.digest('hex') === digestHex(digest) ? null : 'changed';
    } catch (error) {
      // EIO: the disk itself cannot read it any more. Anything else is not the content's fault.
      if (!(error instanceof Error && 'code' in error && error.code === 'EIO')) throw error;
      return 'unreadable';
    } finally {
      await file.close();
    }
  }

  /** Asks for a good copy and puts it in place; false when there is none. A copy that does not match is refused. */
  async #heal(damage: Damage): Promise<boolean> {
    const { digest, content, repositories } = damage;
    if (this.#source === null) return false;
    try {
      const sizeBytes = await this.#sizeOf(damage);
      if (sizeBytes === null) return false;
      const found = await this.#source.fetch({ digest, kind: content, sizeBytes, repositories });
      if (found === null) return false;
      const place = content === 'blob' ? this.#placeBlob : this.#placeManifest;
      await place.call(this, damage, sizeBytes, found);
      this.#journal.committed();
      this.#log.info({ digest, from: found.from }, 'damaged content was healed');
      return true;
    } catch (error) {
      this.#log.warn({ err: error, digest }, 'damaged content could not be healed; the next pass tries again');
      return false;
    }
  }

  async #placeBlob(damage: Damage, sizeBytes: number, found: { from: string; bytes: ByteSource }): Promise<void> {
    const { digest } = damage;
    const upload = newId(this.#clock);
    await this.#files.begin(upload);
    try {
      await this.#files.append(upload, found.bytes, { algorithm: digestAlgorithm(digest), maxBytes: sizeBytes });
      // The proof: what does not match its digest is removed here and never gets a name.
      await this.#files.seal(upload, digest);
      await this.#files.exclusively(digest, async () => {
        await this.#files.place(upload, digest);
        await this.#db.transaction().execute(async (tx) => {
          await tx.updateTable('registry_blobs').set({ damaged_at: null }).where('digest', '=', digest).execute();
          await this.#healed(tx, damage, found.from);
        });
      });
    } finally {
      await this.#files.abandon(upload);
    }
  }

  async #placeManifest(damage: Damage, sizeBytes: number, found: { from: string; bytes: ByteSource }): Promise<void> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of found.bytes) {
      length += piece.byteLength;
      if (length > sizeBytes) throw new Error(`${found.from} sent more than a manifest can have`);
      pieces.push(piece);
    }
    const bytes = Buffer.concat(pieces);
    const actual = digestOf(bytes, digestAlgorithm(damage.digest));
    if (actual !== damage.digest) throw new Error(`${found.from} sent ${actual}`);
    await this.#db.transaction().execute(async (tx) => {
      await tx.updateTable('registry_manifests').set({ bytes }).where('digest', '=', damage.digest).execute();
      await this.#healed(tx, damage, found.from);
    });
  }

  async #healed(tx: RegistryDatabase, damage: Damage, from: string): Promise<void> {
    const healedAt = this.#clock.now().toISOString();
    await tx
      .updateTable('registry_damage')
      .set({ is_open: 0, healed_at: healedAt, healed_from: from })
      .where('digest', '=', damage.digest)
      .execute();
    await this.#state(tx, 'registry.content-healed', damage, { from });
  }

  /** What somebody pushed again is healed: the push verified it. */
  async #closePushed(): Promise<void> {
    const rows = await this.#db
      .selectFrom('registry_damage as d')
      .innerJoin('registry_blobs as b', 'b.digest', 'd.digest')
      .select(['d.digest', 'd.kind', 'd.found_at', 'd.repositories'])
      .where('d.is_open', '=', 1)
      .where('d.content', '=', 'blob')
      .where('b.damaged_at', 'is', null)
      .limit(SCRUB_BATCH)
      .execute();
    for (const row of rows) {
      const damage: Damage = {
        digest: row.digest as Digest,
        content: 'blob',
        kind: row.kind as DamageKind,
        foundAt: row.found_at,
        repositories: JSON.parse(row.repositories) as string[],
        healedAt: null,
        healedFrom: null,
      };
      await this.#db.transaction().execute((tx) => this.#healed(tx, damage, 'push'));
    }
    if (rows.length > 0) this.#journal.committed();
  }

  /** A batch of manifests; true at the end. Their bytes lie in the database, whose own checks do not see a changed page. */
  async #scrubManifests(
    state: ScrubState,
    pace: { took(bytes: number): Promise<void> },
    reached: (next: Partial<ScrubState>) => Promise<void>,
  ): Promise<boolean> {
    const [repositoryId = '', last = ''] = state.cursor.split('/');
    const rows = await this.#db
      .selectFrom('registry_manifests')
      .select(['repository_id', 'digest', 'bytes'])
      .where((where) =>
        where.or([
          where('repository_id', '>', repositoryId),
          where.and([where('repository_id', '=', repositoryId), where('digest', '>', last)]),
        ]),
      )
      .orderBy('repository_id')
      .orderBy('digest')
      .limit(SCRUB_BATCH)
      .execute();
    let { found, healed } = state;
    for (const row of rows) {
      const digest = row.digest as Digest;
      await pace.took(row.bytes.byteLength);
      // Bytes that were set aside before are nothing: that is not damage found anew.
      if (!isDigest(digest) || row.bytes.byteLength === 0) continue;
      if (digestOf(row.bytes, digestAlgorithm(digest)) === digest) continue;
      found += 1;
      if (await this.#setManifestAside(digest)) healed += 1;
    }
    const end = rows.at(-1);
    await reached({
      ...(end === undefined ? {} : { cursor: `${end.repository_id}/${end.digest}` }),
      readManifests: state.readManifests + rows.length,
      found,
      healed,
    });
    return rows.length < SCRUB_BATCH;
  }

  async #setManifestAside(digest: Digest): Promise<boolean> {
    const rows = await this.#db
      .selectFrom('registry_manifests as m')
      .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
      .select(['r.name', 'm.bytes'])
      .where('m.digest', '=', digest)
      .limit(SCRUB_PROJECTS_SAID_MAX)
      .execute();
    const damage: Damage = {
      digest,
      content: 'manifest',
      kind: 'changed',
      foundAt: this.#clock.now().toISOString(),
      repositories: rows.map((row) => row.name),
      healedAt: null,
      healedFrom: null,
    };
    await this.#db.transaction().execute(async (tx) => {
      // Empty bytes are no manifest: such a row is not found by any reader.
      await tx
        .updateTable('registry_manifests')
        .set({ bytes: new Uint8Array(0) })
        .where('digest', '=', digest)
        .execute();
      await this.#keep(tx, damage);
      await this.#state(tx, 'registry.content-damaged', damage, { kind: damage.kind, sizeBytes: null });
    });
    this.#journal.committed();
    this.#log.error({ digest, repositories: damage.repositories }, 'a stored manifest is damaged and not served');
    // The nearest good copy is the same manifest in another repository here.
    const good = rows.find((row) => digestOf(row.bytes, digestAlgorithm(digest)) === digest);
    if (good === undefined) return this.#heal(damage);
    await this.#placeManifest(damage, MANIFEST_BYTES_MAX, { from: good.name, bytes: [good.bytes] });
    this.#journal.committed();
    return true;
  }

  async #sizeOf({ digest, content }: Damage): Promise<number | null> {
    if (content === 'manifest') return MANIFEST_BYTES_MAX;
    const row = await this.#db
      .selectFrom('registry_blobs')
      .select('size_bytes')
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row === undefined ? null : Number(row.size_bytes);
  }

  async #repositoriesOf(digest: Digest): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('registry_blob_links as l')
      .innerJoin('registry_repositories as r', 'r.id', 'l.repository_id')
      .select('r.name')
      .where('l.digest', '=', digest)
      .orderBy('r.name')
      .limit(SCRUB_PROJECTS_SAID_MAX)
      .execute();
    return rows.map((row) => row.name);
  }

  async #keep(tx: RegistryDatabase, damage: Damage): Promise<void> {
    const values = {
      content: damage.content,
      kind: damage.kind,
      found_at: damage.foundAt,
      repositories: JSON.stringify(damage.repositories),
      is_open: 1,
      healed_at: null,
      healed_from: null,
    };
    await tx
      .insertInto('registry_damage')
      .values({ digest: damage.digest, ...values })
      .onConflict((conflict) => conflict.column('digest').doUpdateSet(values))
      .execute();
  }

  /** States it once for each project that has the content, so that its people hear of it. */
  async #state(
    tx: RegistryDatabase,
    kind: string,
    { digest, content, repositories }: Damage,
    body: { [key: string]: string | number | null },
  ): Promise<void> {
    const projects = [...new Set(repositories.map((name) => name.slice(0, name.indexOf('/'))))];
    for (const project of projects.length === 0 ? [null] : projects) {
      const own = repositories.filter((name) => project !== null && name.startsWith(`${project}/`));
      await this.#journal.record(tx, {
        kind,
        project,
        actor: 'platform',
        subject: own[0] === undefined ? digest : `${own[0]}@${digest}`,
        digest,
        body: { content, repositories: own, ...body },
      });
    }
  }
}

const NO_PACE = { took: async (): Promise<void> => undefined };

/** Keeps reading below a rate by sleeping off what was too fast. */
class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #signal: AbortSignal | undefined;
  readonly #startedMs: number;
  #bytes = 0;

  constructor(clock: Clock, bytesPerSecond: number, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#signal = signal;
    this.#startedMs = clock.monotonicMs();
  }

  async took(bytes: number): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#bytes += bytes;
    const ahead = (this.#bytes / this.#bytesPerSecond) * 1000 - (this.#clock.monotonicMs() - this.#startedMs);
    // Short sleeps are not worth a timer; a few chunks together are.
    if (ahead > 20) await this.#clock.sleep(ahead, this.#signal);
  }
}

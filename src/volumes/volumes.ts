import { createHash, randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Vault } from '../access/index.ts';
import type { Journal } from '../journal/index.ts';
import {
  type Operation,
  type OperationContext,
  type OperationRequest,
  type StepHandle,
  silentStep,
} from '../progress/index.ts';
import { type Clock, type Json, type Log, type Text, timeOfAges } from '../system/index.ts';
import { volumeFault } from './errors.ts';
import { CLASSES_MAX, FORMATS_MAX, FRESH_MS, LOOK_WAIT_MS } from './limits.ts';
import {
  type AskedClaim,
  type ClaimKey,
  type ClaimLook,
  type ClaimPlace,
  type ClaimRecord,
  type ClaimState,
  claimProblems,
  classOf,
  formatClaim,
  isExclusive,
  isSealedIn,
  judgeClaim,
  LOCAL_CLASS,
  type Reclaim,
  type StorageClass,
} from './model.ts';
import { toClaim, toClass, type VolumeTables } from './store.ts';
import {
  type FormatAnswer,
  type FormatAsk,
  lookAnswer,
  removalProof,
  type VolumeKeys,
  type VolumeOrderMessage,
} from './task.ts';

/** What volumes need of the rest of the platform. */
export interface VolumePorts {
  /** Has the host do it. @throws its Fault, or host.away */
  run(order: VolumeOrderMessage, options: { readonly step: StepHandle; readonly signal?: AbortSignal }): Promise<Json>;
  /** The host that answers now; null: none does. */
  host(): string | null;
  /** All that the platform knows, also those that are away. */
  hosts(): readonly string[];
  /** Claims of the current releases and of those that may be gone back to. */
  asked(): Promise<{ readonly current: readonly AskedClaim[]; readonly kept: readonly AskedClaim[] }>;
  start(
    request: OperationRequest,
    work: (context: OperationContext) => Promise<Json>,
  ): Promise<{ readonly operation: Operation }>;
  /** Hosts are to hear of a change of places. */
  changed(): void;
}

export interface VolumesOptions extends VolumePorts {
  readonly db: Kysely<VolumeTables>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: Vault;
}

export interface ClaimView extends ClaimRecord {
  readonly state: ClaimState;
  readonly why: Text | null;
  readonly look: ClaimLook | null;
}

/** Which host was told to give a device its file system. */
export interface FormatGrant {
  /** For addresses: the device's own name holds what they cannot. */
  readonly id: string;
  readonly device: string;
  readonly host: string;
  /** What that host's storage.json calls it. */
  readonly name: string;
  readonly grantedAt: string;
}

/** Told before a claim goes: its snapshots go with it. Gives how many there were. */
export type BeforeRemoval = (key: ClaimKey) => Promise<number>;

/** The claims of all environments, the classes they come from, and their life from the first pod to the proof of their end. */
export class Volumes {
  readonly #options: VolumesOptions;
  readonly #looks = new Map<string, ClaimLook>();
  readonly #full = new Set<string>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Whether the host has told of its volumes since control began. */
  #told = false;
  #beforeRemoval: BeforeRemoval = async () => 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  onRemoval(before: BeforeRemoval): void {
    this.#beforeRemoval = before;
  }

  async classes(): Promise<StorageClass[]> {
    const rows = await this.#options.db.selectFrom('volumes_classes').selectAll().orderBy('name').execute();
    const classes = rows.map(toClass);
    return classes.some(({ name }) => name === LOCAL_CLASS.name) ? classes : [LOCAL_CLASS, ...classes];
  }

  /** Sets a class anew. Claims keep the place that they were made in. @throws Fault volume.class-in-use, volume.too-many */
  async setClass(wanted: StorageClass, actor: string): Promise<StorageClass> {
    const { db, journal, clock } = this.#options;
    const { name, ...settings } = wanted;
    const claims = await this.#records();
    const moved = claims.find(
      (one) => one.class === name && JSON.stringify(one.driver) !== JSON.stringify(wanted.driver),
    );
    if (moved !== undefined) {
      const why = {
        en: `${formatClaim(moved)} lies in it, and its data would be left behind`,
        es: `${formatClaim(moved)} está en ella, y sus datos quedarían atrás`,
      };
      throw volumeFault('volume.class-in-use', { name, why });
    }
    const known = await db.selectFrom('volumes_classes').select('name').execute();
    if (known.length >= CLASSES_MAX && !known.some((one) => one.name === name))
      throw volumeFault('volume.too-many', { most: CLASSES_MAX });
    await db.transaction().execute(async (tx) => {
      if (wanted.isDefault) {
        // One class alone is taken by claims that name none.
        for (const row of await tx.selectFrom('volumes_classes').selectAll().execute()) {
          const before = toClass(row);
          if (!before.isDefault || before.name === name) continue;
          const { name: _name, ...rest } = before;
          const settingsBefore = JSON.stringify({ ...rest, isDefault: false });
          await tx
            .updateTable('volumes_classes')
            .set({ settings: settingsBefore })
            .where('name', '=', before.name)
            .execute();
        }
      }
      await tx.deleteFrom('volumes_classes').where('name', '=', name).execute();
      const row = { name, settings: JSON.stringify(settings), set_at: clock.now().toISOString(), set_by: actor };
      await tx.insertInto('volumes_classes').values(row).execute();
      await journal.record(tx, {
        kind: 'storage-class.set',
        project: null,
        actor,
        subject: name,
        body: JSON.parse(JSON.stringify(settings)) as Json,
      });
    });
    journal.committed();
    return wanted;
  }

  /** @throws Fault volume.class-unknown, volume.class-in-use */
  async removeClass(name: string, actor: string): Promise<void> {
    const { db, journal } = this.#options;
    const used = (await this.#records()).filter((one) => one.class === name);
    // Without its settings `local` is what it was before somebody wrote it.
    if (used.length > 0 && name !== LOCAL_CLASS.name) {
      const why = { en: `claims that lie in it: ${used.length}`, es: `peticiones que están en ella: ${used.length}` };
      throw volumeFault('volume.class-in-use', { name, why });
    }
    await db.transaction().execute(async (tx) => {
      const row = await tx.selectFrom('volumes_classes').select('name').where('name', '=', name).executeTakeFirst();
      if (row === undefined) throw volumeFault('volume.class-unknown', { name });
      await tx.deleteFrom('volumes_classes').where('name', '=', name).execute();
      await journal.record(tx, { kind: 'storage-class.removed', project: null, actor, subject: name, body: {} });
    });
    journal.committed();
  }

  /**
   * Whether an environment may have the claims of a release as they are written; every reason at once.
   * @param isAgain the release, or one that differs by what was changed by hand, was there before
   * @throws Fault volume.not-admitted
   */
  async admit(
    asked: readonly AskedClaim[],
    place: { readonly project: string; readonly environment: string; readonly class: string },
    isAgain = false,
  ): Promise<void> {
    if (asked.length === 0) return;
    const known = new Map((await this.#records()).map((record) => [formatClaim(record), record]));
    const classes = await this.classes();
    const problems = claimProblems(asked, known, { classes, environmentClass: place.class, isAgain });
    if (problems.length === 0) return;
    throw volumeFault('volume.not-admitted', {
      place: `${place.project}/${place.environment}`,
      why: { en: problems.map(({ en }) => en).join('; '), es: problems.map(({ es }) => es).join('; ') },
    });
  }

  /**
   * Writes down claims that are new, that grew, that nobody wants any more and that somebody wants again; gives for each of
   * the current ones where it lies, unless that is the engine's own storage.
   */
  async follow(): Promise<ReadonlyMap<string, ClaimPlace>> {
    const work = this.#last.then(() => this.#follow());
    this.#last = work.catch(() => undefined);
    return await work;
  }

  async #follow(): Promise<Map<string, ClaimPlace>> {
    const { db, journal, clock } = this.#options;
    const [{ current, kept }, classes] = await Promise.all([this.#options.asked(), this.classes()]);
    const records = new Map((await this.#records()).map((record) => [formatClaim(record), record]));
    const now = clock.now().toISOString();
    const wanted = new Map([...kept, ...current].map((claim) => [formatClaim(claim), claim]));
    let written = false;
    await db.transaction().execute(async (tx) => {
      for (const [name, claim] of wanted) {
        const before = records.get(name);
        const { project, environment } = claim;
        if (before === undefined) {
          const found = classOf(classes, claim.storageClass) ?? LOCAL_CLASS;
          const sealed = isSealedIn(found, claim.environmentClass ?? '');
          const record: ClaimRecord = {
            ...{ project, environment, claim: claim.claim, class: found.name, driver: found.driver },
            ...{ accessModes: claim.accessModes, requestedBytes: claim.requestedBytes, reclaim: found.reclaim },
            ...{ host: isExclusive(claim) ? this.#options.host() : null, epoch: 1 },
            ...{ sealed, createdAt: now, releasedAt: null, removal: null },
          };
          await tx.insertInto('volumes_claims').values(toRow(record)).execute();
          if (sealed) await this.#keepKey(tx, record, newVolumeKey());
          await journal.record(
            tx,
            claimFact('volume.claimed', record, 'platform', {
              class: found.name,
              bytes: claim.requestedBytes,
              encrypted: sealed,
            }),
          );
          records.set(name, record);
          written = true;
          continue;
        }
        const grown = Math.max(before.requestedBytes, claim.requestedBytes);
        const host = before.host ?? (isExclusive(claim) ? this.#options.host() : null);
        const after: ClaimRecord = {
          ...before,
          requestedBytes: grown,
          accessModes: claim.accessModes,
          releasedAt: null,
          // A removal that was cut short is not gone on with when somebody wants the data again.
          removal: null,
          host,
        };
        if (JSON.stringify(after) === JSON.stringify(before)) continue;
        await this.#update(tx, after);
        if (grown > before.requestedBytes) {
          const body = { from: before.requestedBytes, to: grown };
          await journal.record(tx, claimFact('volume.grown', after, 'platform', body));
        }
        records.set(name, after);
        written = true;
      }
      for (const [name, record] of records) {
        if (wanted.has(name) || record.releasedAt !== null) continue;
        const released: ClaimRecord = { ...record, releasedAt: now };
        await this.#update(tx, released);
        await journal.record(
          tx,
          claimFact('volume.released', released, 'platform', { reclaim: { ...record.reclaim } }),
        );
        records.set(name, released);
        written = true;
      }
    });
    if (written) journal.committed();
    const places = new Map<string, ClaimPlace>();
    for (const claim of current) {
      const record = records.get(formatClaim(claim));
      const place = record === undefined ? null : placeFor(record);
      if (place !== null) places.set(formatClaim(claim), place);
    }
    return places;
  }

  /**
   * The keys of the encrypted claims that a host is to mount; told with each wanted state, and kept by none on disk. One that
   * another host writes, and one that no release wants, it has no use for: an order that needs such a key brings it along.
   */
  async keys(host: string): Promise<VolumeKeys> {
    const rows = await this.#options.db
      .selectFrom('volumes_keys as k')
      .innerJoin('volumes_claims as c', (join) =>
        join
          .onRef('c.project', '=', 'k.project')
          .onRef('c.environment', '=', 'k.environment')
          .onRef('c.claim', '=', 'k.claim'),
      )
      .select(['k.project', 'k.environment', 'k.claim', 'k.sealed'])
      .where('c.released_at', 'is', null)
      .where((one) => one.or([one('c.host', 'is', null), one('c.host', '=', host)]))
      .execute();
    return {
      type: 'volume-keys',
      keys: rows.map(({ project, environment, claim, sealed }) => {
        const key = { project, environment, claim };
        return { key, secret: this.#openKey(key, sealed) };
      }),
    };
  }

  /**
   * Whether a host may give a device its file system. The first one to ask may, and no other until an administrator takes
   * that back: it is written down before it is said.
   */
  async grantFormat(host: string, { device, name }: FormatAsk): Promise<FormatAnswer> {
    const { db, journal, clock } = this.#options;
    const holder = await db.transaction().execute(async (tx) => {
      const before = await tx.selectFrom('volumes_formats').select('device').where('host', '=', host).execute();
      const isKnown = before.some((one) => one.device === device);
      if (!isKnown && before.length >= FORMATS_MAX) return null;
      const row = { device, host, name, granted_at: clock.now().toISOString() };
      const { numInsertedOrUpdatedRows: inserted = 0n } = await tx
        .insertInto('volumes_formats')
        .values(row)
        .onConflict((one) => one.column('device').doNothing())
        .executeTakeFirst();
      if (inserted > 0n) {
        const [actor, body] = [`agent:${host}`, { host, name }];
        await journal.record(tx, { kind: 'storage-device.granted', project: null, actor, subject: device, body });
      }
      const found = await tx
        .selectFrom('volumes_formats')
        .select('host')
        .where('device', '=', device)
        .executeTakeFirstOrThrow();
      return found.host;
    });
    journal.committed();
    return { type: 'format-answer', device, granted: holder === host, holder: holder ?? '' };
  }

  /** Devices that a host has been told to give a file system. */
  async formats(): Promise<FormatGrant[]> {
    const rows = await this.#options.db.selectFrom('volumes_formats').selectAll().orderBy('granted_at').execute();
    return rows.map(({ device, host, name, granted_at: grantedAt }) => ({
      ...{ id: formatId(device), device, host, name, grantedAt },
    }));
  }

  /**
   * Lets another host format a device: its administrator says that the one that was told to will not.
   * @throws Fault volume.device-unknown
   */
  async releaseFormat(id: string, actor: string): Promise<void> {
    const { db, journal } = this.#options;
    const one = (await this.formats()).find((grant) => grant.id === id || grant.device === id);
    if (one === undefined) throw volumeFault('volume.device-unknown', { device: id });
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('volumes_formats').where('device', '=', one.device).execute();
      const body = { host: one.host, name: one.name };
      await journal.record(tx, {
        ...{ kind: 'storage-device.released', project: null, actor, subject: one.device, body },
      });
    });
    journal.committed();
  }

  /** The key of one claim; null: it does not lie encrypted. */
  async keyOf(key: ClaimKey): Promise<string | null> {
    const row = await this.#options.db
      .selectFrom('volumes_keys')
      .select('sealed')
      .where('project', '=', key.project)
      .where('environment', '=', key.environment)
      .where('claim', '=', key.claim)
      .executeTakeFirst();
    return row === undefined ? null : this.#openKey(key, row.sealed);
  }

  async #dropKey(db: Kysely<VolumeTables>, key: ClaimKey): Promise<void> {
    await db
      .deleteFrom('volumes_keys')
      .where('project', '=', key.project)
      .where('environment', '=', key.environment)
      .where('claim', '=', key.claim)
      .execute();
  }

  async #keepKey(db: Kysely<VolumeTables>, key: ClaimKey, secret: string): Promise<void> {
    const { vault, clock } = this.#options;
    const { project, environment, claim } = key;
    const sealed = vault.seal(Buffer.from(secret, 'hex'), keyContext(key));
    const row = { project, environment, claim, sealed, created_at: clock.now().toISOString() };
    await db.insertInto('volumes_keys').values(row).execute();
  }

  #openKey(key: ClaimKey, sealed: Uint8Array): string {
    return Buffer.from(this.#options.vault.open(sealed, keyContext(key))).toString('hex');
  }

  async list(projects: '*' | readonly string[]): Promise<ClaimView[]> {
    await this.#freshen();
    const records = (await this.#records()).filter(({ project }) => projects === '*' || projects.includes(project));
    return records.map((record) => this.#view(record));
  }

  /** @throws Fault volume.unknown */
  async show(key: ClaimKey): Promise<ClaimView> {
    await this.#freshen();
    return this.#view(await this.record(key));
  }

  /** @throws Fault volume.unknown */
  async record(key: ClaimKey): Promise<ClaimRecord> {
    const record = await this.find(key);
    if (record === null) throw volumeFault('volume.unknown', { volume: formatClaim(key) });
    return record;
  }

  async find(key: ClaimKey): Promise<ClaimRecord | null> {
    const row = await this.#options.db
      .selectFrom('volumes_claims')
      .selectAll()
      .where('project', '=', key.project)
      .where('environment', '=', key.environment)
      .where('claim', '=', key.claim)
      .executeTakeFirst();
    return row === undefined ? null : toClaim(row);
  }

  /** What happens to it when nobody wants it any more. @throws Fault volume.unknown */
  async setReclaim(key: ClaimKey, reclaim: Reclaim, actor: string): Promise<ClaimView> {
    const record = { ...(await this.record(key)), reclaim };
    await this.#write(record, claimFact('volume.policy-set', record, actor, { reclaim: { ...reclaim } }));
    return this.#view(record);
  }

  /**
   * Gives a claim to another host: its epoch rises, so that whoever held it before may not write any more.
   * @throws Fault volume.unknown, volume.unmovable
   */
  async move(key: ClaimKey, host: string, actor: string): Promise<ClaimView> {
    const before = await this.record(key);
    const volume = formatClaim(key);
    const refuse = (en: string, es: string) => volumeFault('volume.unmovable', { volume, host, why: { en, es } });
    const hosts = this.#options.hosts();
    if (!hosts.includes(host)) {
      const known = hosts.join(', ') || '—';
      throw refuse(`there is no host ${host}; there is ${known}`, `no existe el host ${host}; hay ${known}`);
    }
    if (before.driver.kind === 'local' && before.host !== null && before.host !== host)
      throw refuse(
        `its data lies on the disk of ${before.host}, where no other host reaches it`,
        `sus datos están en el disco de ${before.host}, al que ningún otro host llega`,
      );
    const record = { ...before, host, epoch: before.epoch + 1 };
    await this.#write(
      record,
      claimFact('volume.moved', record, actor, { from: before.host, to: host, epoch: record.epoch }),
    );
    this.#options.changed();
    return this.#view(record);
  }

  /**
   * A claim that was filled from a copy, with the key that it was filled under; nobody wants it yet. Its key is written down
   * here and not before: one that a release has by now is never touched by a restore that fails.
   * @throws Fault volume.exists
   */
  async add(
    record: ClaimRecord,
    actor: string,
    body: { readonly [key: string]: Json },
    secret: string | null,
  ): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      const row = await tx
        .selectFrom('volumes_claims')
        .selectAll()
        .where('project', '=', record.project)
        .where('environment', '=', record.environment)
        .where('claim', '=', record.claim)
        .executeTakeFirst();
      if (row === undefined) await tx.insertInto('volumes_claims').values(toRow(record)).execute();
      else {
        // A release came to want it while it was filled: the same place, and what lies there opens with this key alone.
        const there = toClaim(row);
        if (there.sealed !== record.sealed || JSON.stringify(there.driver) !== JSON.stringify(record.driver))
          throw volumeFault('volume.exists', { volume: formatClaim(record) });
        await this.#dropKey(tx, record);
      }
      if (secret !== null) await this.#keepKey(tx, record, secret);
      await journal.record(tx, claimFact('volume.restored', record, actor, body));
    });
    journal.committed();
    if (secret !== null) this.#options.changed();
  }

  /**
   * Takes the data of a claim away for good, with its snapshots; the fact that says so says what was there and when it was
   * seen to be gone.
   * @throws Fault volume.unknown, volume.wanted
   */
  async remove(key: ClaimKey, actor: string): Promise<Operation> {
    const record = await this.record(key);
    await this.#requireUnwanted(key);
    await this.#write({ ...record, removal: 'asked' }, null);
    const { operation } = await this.#options.start(
      {
        kind: 'volume-removal',
        project: key.project,
        environment: key.environment,
        actor,
        title: { en: `Remove the volume ${formatClaim(key)}`, es: `Eliminar el volumen ${formatClaim(key)}` },
      },
      async ({ step, signal }) => {
        try {
          return await this.#removeNow(record, actor, step({ en: 'Remove', es: 'Eliminar' }), signal);
        } catch (error) {
          await this.#write(record, null);
          throw error;
        }
      },
    );
    return operation;
  }

  /** @throws Fault volume.wanted */
  async #requireUnwanted(key: ClaimKey): Promise<void> {
    const { current, kept } = await this.#options.asked();
    if ([...current, ...kept].some((one) => formatClaim(one) === formatClaim(key)))
      throw volumeFault('volume.wanted', { volume: formatClaim(key), environment: key.environment });
  }

  async #removeNow(record: ClaimRecord, actor: string, step: StepHandle, signal?: AbortSignal): Promise<Json> {
    const { db, journal } = this.#options;
    const key: ClaimKey = { project: record.project, environment: record.environment, claim: record.claim };
    // Asked again: since it was decided a release may have come that wants it.
    await this.#requireUnwanted(key);
    const snapshots = await this.#beforeRemoval(key);
    const order = { action: 'remove', key, place: placeFor(record) } as const;
    const proof = removalProof.parse(
      await this.#options.run(order, { step, ...(signal === undefined ? {} : { signal }) }),
    );
    await db.transaction().execute(async (tx) => {
      await tx
        .deleteFrom('volumes_claims')
        .where('project', '=', key.project)
        .where('environment', '=', key.environment)
        .where('claim', '=', key.claim)
        .execute();
      await tx
        .deleteFrom('volumes_schedules')
        .where('project', '=', key.project)
        .where('environment', '=', key.environment)
        .where('claim', '=', key.claim)
        .execute();
      // Its key goes with it: of what a disk keeps of deleted blocks, nothing can be read any more.
      await this.#dropKey(tx, key);
      await journal.record(
        tx,
        claimFact('volume.removed', record, actor, { ...proof, snapshots, ...keyProof(record) }),
      );
    });
    journal.committed();
    this.#looks.delete(formatClaim(key));
    this.#full.delete(formatClaim(key));
    if (record.sealed) this.#options.changed();
    step.done({
      en: `${proof.files} files, ${proof.bytes} bytes, ${snapshots} snapshots`,
      es: `${proof.files} archivos, ${proof.bytes} bytes, ${snapshots} instantáneas`,
    });
    return { ...proof, snapshots, ...keyProof(record) };
  }

  /** Looks at every volume, says what is full, and ends what its policy ends. */
  async tick(): Promise<void> {
    const host = this.#options.host();
    if (host === null) return;
    const records = await this.#records();
    await this.#look(records);
    const nowMs = timeOfAges(this.#options.clock).getTime();
    for (const record of records) {
      if (record.releasedAt === null) continue;
      const dueMs = Date.parse(record.releasedAt) + record.reclaim.afterHours * 3_600_000;
      const isDue = record.removal === 'asked' || (record.reclaim.policy === 'delete' && nowMs >= dueMs);
      if (!isDue) continue;
      try {
        await this.#removeNow(record, 'platform', silentStep);
      } catch (error) {
        // It is tried again at the next look; what its pods hold until they have ended stays so long.
        this.#options.log.warn({ volume: formatClaim(record), err: error }, 'a volume could not be removed yet');
      }
    }
  }

  /** Who asks sees what is there now, unless the host takes long to say it: then what it said last. */
  async #freshen(): Promise<void> {
    const { clock, log } = this.#options;
    if (this.#options.host() === null || clock.monotonicMs() - this.#lookedMs < FRESH_MS) return;
    this.#lookedMs = clock.monotonicMs();
    const over = new AbortController();
    const looked = this.#records()
      .then((records) => this.#look(records))
      .catch((error: unknown) => log.warn({ err: error }, 'volumes could not be looked at'));
    await Promise.race([looked, clock.sleep(LOOK_WAIT_MS, over.signal).catch(() => undefined)]);
    over.abort();
  }

  async #look(records: readonly ClaimRecord[]): Promise<void> {
    const { journal, db } = this.#options;
    const claims = records.map((record) => ({
      key: { project: record.project, environment: record.environment, claim: record.claim },
      place: placeFor(record),
    }));
    if (claims.length === 0) return;
    const { looks } = lookAnswer.parse(await this.#options.run({ action: 'look', claims }, { step: silentStep }));
    this.#told = true;
    this.#looks.clear();
    for (const look of looks) this.#looks.set(formatClaim(look), look as ClaimLook);
    for (const record of records) {
      const name = formatClaim(record);
      const { state, why } = judgeClaim(record, this.#looks.get(name) ?? null, 'told');
      const isFull = state === 'full';
      if (isFull === this.#full.has(name)) continue;
      if (isFull) this.#full.add(name);
      else this.#full.delete(name);
      await db.transaction().execute(async (tx) => {
        const body: Json = why === null ? {} : { why: { en: why.en, es: why.es } };
        await journal.record(tx, claimFact(isFull ? 'volume.full' : 'volume.has-room', record, 'platform', body));
      });
      journal.committed();
    }
  }

  /** Those that a person should look at, by name. */
  async troubled(): Promise<string[]> {
    const views = (await this.#records()).map((record) => this.#view(record));
    return views.filter(({ state }) => state === 'full' || state === 'unavailable').map(formatClaim);
  }

  #view(record: ClaimRecord): ClaimView {
    const look = this.#looks.get(formatClaim(record)) ?? null;
    const host = this.#options.host() === null ? 'away' : this.#told ? 'told' : 'not-yet';
    return { ...record, ...judgeClaim(record, look, host), look };
  }

  async #records(): Promise<ClaimRecord[]> {
    const rows = await this.#options.db
      .selectFrom('volumes_claims')
      .selectAll()
      .orderBy('project')
      .orderBy('environment')
      .orderBy('claim')
      .execute();
    return rows.map(toClaim);
  }

  async #write(record: ClaimRecord, fact: Parameters<Journal['record']>[1] | null): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      await this.#update(tx, record);
      if (fact !== null) await journal.record(tx, fact);
    });
    if (fact !== null) journal.committed();
  }

  async #update(tx: Kysely<VolumeTables>, record: ClaimRecord): Promise<void> {
    await tx
      .updateTable('volumes_claims')
      .set(toRow(record))
      .where('project', '=', record.project)
      .where('environment', '=', record.environment)
      .where('claim', '=', record.claim)
      .execute();
  }
}

/** Where the data of a claim lies and who may write to it. */
function placeOf({ class: name, driver, epoch, host, sealed }: ClaimRecord): ClaimPlace {
  return { class: name, driver, epoch, host, sealed };
}

/** The same for a host; null: the engine's own storage, as it is. */
export function placeFor(record: ClaimRecord): ClaimPlace | null {
  return record.driver.kind === 'local' && !record.sealed ? null : placeOf(record);
}

/** A key of 256 bits for one claim, as its hexadecimal digits. */
export function newVolumeKey(): string {
  return randomBytes(32).toString('hex');
}

function formatId(device: string): string {
  return createHash('sha256').update(device).digest('hex').slice(0, 16);
}

function keyContext(key: ClaimKey): string {
  return `volumes/claim/${formatClaim(key)}`;
}

function keyProof({ sealed }: ClaimRecord): { readonly [key: string]: Json } {
  return sealed ? { key: 'destroyed' } : {};
}

function claimFact(
  kind: string,
  { project, environment, claim }: ClaimKey,
  actor: string,
  body: { readonly [key: string]: Json },
): Parameters<Journal['record']>[1] {
  return { kind, project, actor, subject: formatClaim({ project, environment, claim }), body: { ...body } };
}

function toRow(record: ClaimRecord): VolumeTables['volumes_claims'] {
  return {
    project: record.project,
    environment: record.environment,
    claim: record.claim,
    class: record.class,
    driver: JSON.stringify(record.driver),
    access_modes: JSON.stringify(record.accessModes),
    requested_bytes: record.requestedBytes,
    reclaim: JSON.stringify(record.reclaim),
    host: record.host,
    epoch: record.epoch,
    created_at: record.createdAt,
    released_at: record.releasedAt,
    removal: record.removal,
    sealed: record.sealed ? 1 : 0,
  };
}

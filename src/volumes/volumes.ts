import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import {
  type Operation,
  type OperationContext,
  type OperationRequest,
  type StepHandle,
  silentStep,
} from '../progress/index.ts';
import type { Clock, Json, Log, Text } from '../system/index.ts';
import { volumeFault } from './errors.ts';
import { CLASSES_MAX, FRESH_MS, LOOK_WAIT_MS } from './limits.ts';
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
  judgeClaim,
  LOCAL_CLASS,
  type Reclaim,
  type StorageClass,
} from './model.ts';
import { toClaim, toClass, type VolumeTables } from './store.ts';
import { lookAnswer, removalProof, type VolumeOrderMessage } from './task.ts';

/** What volumes need of the rest of the platform. */
export interface VolumePorts {
  /** Has the host do it. @throws its Fault, or host.away */
  run(order: VolumeOrderMessage, options: { readonly step: StepHandle; readonly signal?: AbortSignal }): Promise<Json>;
  /** The host that answers now; null: none does. */
  host(): string | null;
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
}

export interface ClaimView extends ClaimRecord {
  readonly state: ClaimState;
  readonly why: Text | null;
  readonly look: ClaimLook | null;
}

/** Told before a claim goes: its snapshots go with it. Gives how many there were. */
export type BeforeRemoval = (key: ClaimKey) => Promise<number>;

/** The claims of all environments, the classes they come from, and their life from the first pod to the proof of their end. */
export class Volumes {
  readonly #options: VolumesOptions;
  readonly #looks = new Map<string, ClaimLook>();
  readonly #full = new Set<string>();
  #lookedMs = Number.NEGATIVE_INFINITY;
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
   * @throws Fault volume.not-admitted
   */
  async admit(
    asked: readonly AskedClaim[],
    place: { readonly project: string; readonly environment: string; readonly class: string },
  ): Promise<void> {
    if (asked.length === 0) return;
    const known = new Map((await this.#records()).map((record) => [formatClaim(record), record]));
    const classes = await this.classes();
    const problems = claimProblems(asked, known, { classes, environmentClass: place.class });
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
          const record: ClaimRecord = {
            ...{ project, environment, claim: claim.claim, class: found.name, driver: found.driver },
            ...{ accessModes: claim.accessModes, requestedBytes: claim.requestedBytes, reclaim: found.reclaim },
            ...{ host: isExclusive(claim) ? this.#options.host() : null, epoch: 1 },
            ...{ createdAt: now, releasedAt: null, removal: null },
          };
          await tx.insertInto('volumes_claims').values(toRow(record)).execute();
          await journal.record(
            tx,
            claimFact('volume.claimed', record, 'platform', { class: found.name, bytes: claim.requestedBytes }),
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
      if (record !== undefined && record.driver.kind !== 'local') places.set(formatClaim(claim), placeOf(record));
    }
    return places;
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
   * @throws Fault volume.unknown
   */
  async move(key: ClaimKey, host: string, actor: string): Promise<ClaimView> {
    const before = await this.record(key);
    const record = { ...before, host, epoch: before.epoch + 1 };
    await this.#write(
      record,
      claimFact('volume.moved', record, actor, { from: before.host, to: host, epoch: record.epoch }),
    );
    this.#options.changed();
    return this.#view(record);
  }

  /** A claim that was filled from a copy; nobody wants it yet. */
  async add(record: ClaimRecord, actor: string, body: { readonly [key: string]: Json }): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('volumes_claims').values(toRow(record)).execute();
      await journal.record(tx, claimFact('volume.restored', record, actor, body));
    });
    journal.committed();
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
    const order = { action: 'remove', key, place: record.driver.kind === 'local' ? null : placeOf(record) } as const;
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
      await journal.record(tx, claimFact('volume.removed', record, actor, { ...proof, snapshots }));
    });
    journal.committed();
    this.#looks.delete(formatClaim(key));
    this.#full.delete(formatClaim(key));
    step.done({
      en: `${proof.files} files, ${proof.bytes} bytes, ${snapshots} snapshots`,
      es: `${proof.files} ficheros, ${proof.bytes} bytes, ${snapshots} instantáneas`,
    });
    return { ...proof, snapshots };
  }

  /** Looks at every volume, says what is full, and ends what its policy ends. */
  async tick(): Promise<void> {
    const host = this.#options.host();
    if (host === null) return;
    const records = await this.#records();
    await this.#look(records);
    const nowMs = this.#options.clock.now().getTime();
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
      place: record.driver.kind === 'local' ? null : placeOf(record),
    }));
    if (claims.length === 0) return;
    const { looks } = lookAnswer.parse(await this.#options.run({ action: 'look', claims }, { step: silentStep }));
    this.#looks.clear();
    for (const look of looks) this.#looks.set(formatClaim(look), look as ClaimLook);
    for (const record of records) {
      const name = formatClaim(record);
      const { state, why } = judgeClaim(record, this.#looks.get(name) ?? null, true);
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
    return { ...record, ...judgeClaim(record, look, this.#options.host() !== null), look };
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
export function placeOf({ class: name, driver, epoch, host }: ClaimRecord): ClaimPlace {
  return { class: name, driver, epoch, host };
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
  };
}

import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Vault } from '../access/index.ts';
import type { Journal } from '../journal/index.ts';
import { type Operation, type OperationContext, silentStep } from '../progress/index.ts';
import { type Clock, Fault, type Json, type Log, newId, type Text, timeOfAges } from '../system/index.ts';
import { volumeFault } from './errors.ts';
import { COPIES_MAX, FAILED_KEPT, REPOSITORIES_MAX, SCHEDULES_MAX } from './limits.ts';
import {
  type AskedClaim,
  type ClaimKey,
  type ClaimRecord,
  classOf,
  formatClaim,
  isExclusive,
  isSealedIn,
  LOCAL_CLASS,
} from './model.ts';
import { expiredCopies, type Keep } from './retention.ts';
import { type Copy, type Schedule, toCopy, toSchedule, type VolumeTables } from './store.ts';
import {
  type BackupAnswer,
  backupAnswer,
  copyAnswer,
  REPOSITORY_LOCATION,
  type RepositoryAccess,
  repositoryAnswer,
  verifyAnswer,
} from './task.ts';
import { newVolumeKey, placeFor, type VolumePorts, type Volumes } from './volumes.ts';

/** A schedule whose next time is no later than this is asked for it when it comes. */
const LOOKED_AHEAD_MS = 25 * 3_600_000;

export interface CopiesOptions extends Pick<VolumePorts, 'run' | 'start' | 'host'> {
  readonly db: Kysely<VolumeTables>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: Vault;
  readonly volumes: Volumes;
  /** The next time of a cron text in UTC, ms since 1970; null: the text is none, or it never comes. */
  readonly nextTime: (cron: string, afterMs: number) => number | null;
  /** The kind of an environment (`production` …). @throws Fault when there is none of that name */
  readonly environmentClass: (project: string, environment: string) => Promise<string>;
  /**
   * Lets a project have so much more beside its releases, or not.
   * @throws Fault of who keeps its limits
   */
  readonly requireRoom: (
    place: { readonly project: string; readonly environment: string },
    more: { readonly volumes: number; readonly volumeBytes: number },
  ) => Promise<void>;
}

/** What an environment has beside the claims of its releases. */
export interface KeptBeside {
  readonly environment: string;
  /** Null: a copy of one. */
  readonly claim: string | null;
  readonly volumes: number;
  readonly volumeBytes: number;
}

export interface RepositoryView {
  readonly name: string;
  readonly location: string;
  readonly backups: number;
  readonly createdAt: string;
  readonly createdBy: string;
}

export interface NewRepository {
  readonly name: string;
  readonly location: string;
  /** Of a repository that is there already; absent: a new key is made. */
  readonly password?: string;
  readonly user?: { readonly name: string; readonly password: string };
}

/** Snapshots and backups of claims: made, restored, put to the test, kept as long as said. */
export class Copies {
  readonly #options: CopiesOptions;
  readonly #running = new Set<string>();

  constructor(options: CopiesOptions) {
    this.#options = options;
    options.volumes.onRemoval((key) => this.#dropSnapshots(key));
  }

  /** Copies that a stop cut short are none. Call once at the start. */
  async recover(): Promise<void> {
    const problem = JSON.stringify({ en: 'control stopped meanwhile', es: 'control se detuvo entretanto' });
    await this.#options.db
      .updateTable('volumes_copies')
      .set({ state: 'failed', problem })
      .where('state', '=', 'running')
      .execute();
  }

  async repositories(): Promise<RepositoryView[]> {
    const { db } = this.#options;
    const rows = await db.selectFrom('volumes_repositories').selectAll().orderBy('name').execute();
    const used = await db.selectFrom('volumes_copies').select(['repository']).where('state', '=', 'done').execute();
    return rows.map((row) => ({
      name: row.name,
      location: row.location,
      backups: used.filter(({ repository }) => repository === row.name).length,
      createdAt: row.created_at,
      createdBy: row.created_by,
    }));
  }

  /**
   * Opens a repository, or makes it; its key is made here, sealed in the vault, and never lies beside the data.
   * @throws Fault backup.repository-invalid, backup.repository-locked, the host's
   */
  async addRepository(wanted: NewRepository, actor: string): Promise<Operation> {
    const { db, vault, clock } = this.#options;
    const { name, location } = wanted;
    if (!REPOSITORY_LOCATION.test(location)) {
      const why = {
        en: 'expected an absolute folder of the host, rest:https://…, or sftp:USER@HOST:/PATH',
        es: 'se esperaba una carpeta absoluta del host, rest:https://…, o sftp:USUARIO@HOST:/RUTA',
      };
      throw volumeFault('backup.repository-invalid', { location, why });
    }
    const rows = await db.selectFrom('volumes_repositories').select('name').execute();
    if (rows.some((row) => row.name === name)) {
      const why = { en: `there is a repository ${name}`, es: `ya hay un repositorio ${name}` };
      throw volumeFault('backup.repository-invalid', { location, why });
    }
    if (rows.length >= REPOSITORIES_MAX) throw volumeFault('volume.too-many', { most: REPOSITORIES_MAX });
    const password = wanted.password ?? randomBytes(32).toString('base64url');
    const access: RepositoryAccess = { location, password, user: wanted.user ?? null };
    const { operation } = await this.#options.start(
      {
        kind: 'backup-repository',
        project: null,
        environment: null,
        actor,
        title: { en: `Open the backup repository ${name}`, es: `Abrir el repositorio de copias ${name}` },
      },
      async ({ step, signal }) => {
        // Its key is kept before anything is made with it: a repository whose key nobody has is lost.
        const sealed = vault.seal(Buffer.from(JSON.stringify(access)), sealContext(name));
        const row = { name, location, sealed, created_at: clock.now().toISOString(), created_by: actor };
        await db.insertInto('volumes_repositories').values(row).execute();
        const at = step({ en: 'Open', es: 'Abrir' });
        let created: boolean;
        try {
          const answer = await this.#options.run(
            { action: 'open-repository', repository: access },
            { step: at, signal },
          );
          ({ created } = repositoryAnswer.parse(answer));
        } catch (error) {
          await db.deleteFrom('volumes_repositories').where('name', '=', name).execute();
          throw error;
        }
        await this.#fact({
          kind: 'backup-repository.added',
          project: null,
          actor,
          subject: name,
          body: { location, created },
        });
        at.done();
        return { name, location, created };
      },
    );
    return operation;
  }

  /** The key itself, for a safe: without the platform it opens the repository with restic alone. */
  async repositoryKey(name: string, actor: string): Promise<{ location: string; password: string }> {
    const { location, password } = await this.#access(name);
    await this.#fact({ kind: 'backup-repository.key-shown', project: null, actor, subject: name, body: { location } });
    return { location, password };
  }

  /** Forgets a repository that nothing needs; what lies in it stays. @throws Fault backup.repository-used */
  async removeRepository(name: string, actor: string): Promise<void> {
    const { db, journal } = this.#options;
    await this.#access(name);
    const copies = await db
      .selectFrom('volumes_copies')
      .select('id')
      .where('repository', '=', name)
      .where('state', '!=', 'failed')
      .execute();
    const schedules = await db.selectFrom('volumes_schedules').select('claim').where('repository', '=', name).execute();
    const count = copies.length + schedules.length;
    if (count > 0) throw volumeFault('backup.repository-used', { name, count });
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('volumes_repositories').where('name', '=', name).execute();
      await journal.record(tx, { kind: 'backup-repository.removed', project: null, actor, subject: name, body: {} });
    });
    journal.committed();
  }

  async list(project: string, query: Partial<ClaimKey> = {}): Promise<Copy[]> {
    let rows = this.#options.db.selectFrom('volumes_copies').selectAll().where('project', '=', project);
    if (query.environment !== undefined) rows = rows.where('environment', '=', query.environment);
    if (query.claim !== undefined) rows = rows.where('claim', '=', query.claim);
    return (await rows.orderBy('created_at', 'desc').limit(COPIES_MAX).execute()).map(toCopy);
  }

  /** @throws Fault backup.unknown, also for one of another project */
  async show(project: string, id: string): Promise<Copy> {
    return toCopy(await this.#row(project, id));
  }

  /** Makes a copy of a claim: a snapshot beside it, or a backup in a repository. @returns the operation, and the copy's id */
  async make(
    key: ClaimKey,
    how: { readonly kind: 'snapshot' } | { readonly kind: 'backup'; readonly repository: string | null },
    actor: string,
  ): Promise<{ readonly operation: Operation; readonly id: string }> {
    const { look } = await this.#options.volumes.show(key);
    const repository = how.kind === 'snapshot' ? null : await this.#chosen(how.repository);
    // A snapshot takes up the project's storage as its volumes do; a backup lies elsewhere.
    if (repository === null) await this.#options.requireRoom(key, { volumes: 0, volumeBytes: look?.usedBytes ?? 0 });
    const id = await this.#begin(key, repository, { actor, scheduled: false });
    const name = formatClaim(key);
    const title: Text =
      repository === null
        ? { en: `Snapshot of ${name}`, es: `Instantánea de ${name}` }
        : { en: `Backup of ${name}`, es: `Copia de seguridad de ${name}` };
    const request = { kind: repository === null ? 'snapshot' : 'backup', actor, title };
    const { operation } = await this.#options.start(
      { ...request, project: key.project, environment: key.environment },
      (context) => this.#makeNow(key, id, repository, actor, context),
    );
    return { operation, id };
  }

  async #begin(
    key: ClaimKey,
    repository: string | null,
    { actor, scheduled }: { readonly actor: string; readonly scheduled: boolean },
  ): Promise<string> {
    const { db, clock } = this.#options;
    const { project, environment, claim } = key;
    const failed = await db
      .selectFrom('volumes_copies')
      .select('id')
      .where('project', '=', project)
      .where('environment', '=', environment)
      .where('claim', '=', claim)
      .where('kind', '=', 'backup')
      .where('state', '=', 'failed')
      .orderBy('created_at', 'desc')
      .execute();
    const old = failed.slice(FAILED_KEPT).map(({ id }) => id);
    // A repository that was away for weeks leaves a failure for each try: they must not take the place of copies.
    if (old.length > 0) await db.deleteFrom('volumes_copies').where('id', 'in', old).execute();
    const there = await this.list(key.project, key);
    if (there.length >= COPIES_MAX) throw volumeFault('volume.too-many', { most: COPIES_MAX });
    const id = newId(clock);
    const record = await this.#options.volumes.find(key);
    await db
      .insertInto('volumes_copies')
      .values({
        ...{ id, project, environment, claim },
        ...{
          kind: repository === null ? 'snapshot' : 'backup',
          repository,
          state: 'running',
          answer: null,
          problem: null,
        },
        ...{ scheduled: scheduled ? 1 : 0, created_at: clock.now().toISOString(), created_by: actor },
        ...{ verified_at: null, verified_same: null, sealed: record?.sealed === true ? 1 : 0 },
      })
      .execute();
    return id;
  }

  async #makeNow(
    key: ClaimKey,
    id: string,
    repository: string | null,
    actor: string,
    { step, signal }: Pick<OperationContext, 'step' | 'signal'>,
  ): Promise<Json> {
    const { db, journal } = this.#options;
    const at = step(repository === null ? { en: 'Copy', es: 'Copiar' } : { en: 'Save', es: 'Guardar' });
    try {
      const access = repository === null ? null : await this.#access(repository);
      const secret = await this.#options.volumes.keyOf(key);
      const what = { key, id, ...(secret === null ? {} : { secret }) };
      const said = await this.#options.run(
        access === null ? { action: 'snapshot', ...what } : { action: 'backup', ...what, repository: access },
        { step: at, signal },
      );
      const answer = access === null ? copyAnswer.parse(said) : backupAnswer.parse(said);
      await db.transaction().execute(async (tx) => {
        await tx
          .updateTable('volumes_copies')
          .set({ state: 'done', answer: JSON.stringify(answer) })
          .where('id', '=', id)
          .execute();
        await journal.record(tx, {
          kind: repository === null ? 'snapshot.made' : 'backup.made',
          project: key.project,
          actor,
          subject: formatClaim(key),
          body: { id, ...(repository === null ? {} : { repository }), ...answer },
        });
      });
      journal.committed();
      at.done({
        en: `${answer.files} files, ${answer.bytes} bytes; the workload stood still for ${answer.frozenMs} ms`,
        es: `${answer.files} archivos, ${answer.bytes} bytes; la carga de trabajo se detuvo ${answer.frozenMs} ms`,
      });
      return { id, ...answer };
    } catch (error) {
      const problem = problemOf(error);
      await db
        .updateTable('volumes_copies')
        .set({ state: 'failed', problem: JSON.stringify(problem) })
        .where('id', '=', id)
        .execute();
      const body = { id, ...(repository === null ? {} : { repository }), why: { en: problem.en, es: problem.es } };
      await this.#fact({ kind: 'backup.failed', project: key.project, actor, subject: formatClaim(key), body });
      throw error;
    }
  }

  /** Fills a claim that does not exist yet with a copy; a release that names it finds its data there. */
  async restore(
    project: string,
    id: string,
    to: { readonly environment?: string; readonly claim: string; readonly class?: string },
    actor: string,
  ): Promise<Operation> {
    const { volumes, clock } = this.#options;
    const row = await this.#row(project, id);
    const copy = toCopy(row);
    if (copy.state !== 'done' || copy.tree === null) throw volumeFault('backup.unknown', { id });
    const key: ClaimKey = { project, environment: to.environment ?? copy.environment, claim: to.claim };
    if ((await volumes.find(key)) !== null) throw volumeFault('volume.exists', { volume: formatClaim(key) });
    const source = await volumes.find(copy);
    const named = to.class ?? source?.class;
    const found = classOf(await volumes.classes(), named);
    if (found === null) throw volumeFault('volume.class-unknown', { name: named ?? LOCAL_CLASS.name });
    const environmentClass = await this.#options.environmentClass(project, key.environment);
    const record: ClaimRecord = {
      ...{ ...key, class: found.name, driver: found.driver, reclaim: found.reclaim },
      accessModes: source?.accessModes ?? ['ReadWriteOnce'],
      requestedBytes: source?.requestedBytes ?? copy.bytes ?? 0,
      ...{ host: this.#options.host(), epoch: 1, createdAt: clock.now().toISOString() },
      ...{ releasedAt: clock.now().toISOString(), removal: null, sealed: isSealedIn(found, environmentClass) },
    };
    // What a release would be asked: its class, the kind of its environment, and the limits of its project.
    const asked: AskedClaim = {
      ...{ ...key, accessModes: record.accessModes, requestedBytes: record.requestedBytes, storageClass: found.name },
    };
    await volumes.admit([asked], { project, environment: key.environment, class: environmentClass });
    await this.#options.requireRoom(key, { volumes: 1, volumeBytes: record.requestedBytes });
    const access = copy.repository === null ? null : await this.#access(copy.repository);
    const title: Text = {
      en: `Restore ${formatClaim(copy)} to ${formatClaim(key)}`,
      es: `Restaurar ${formatClaim(copy)} en ${formatClaim(key)}`,
    };
    const tree = copy.tree;
    const { operation } = await this.#options.start(
      { kind: 'restore', project, environment: key.environment, actor, title },
      async ({ step, signal }) => {
        const at = step({ en: 'Restore', es: 'Restaurar' });
        // Asked again: since it was asked for a release may have made it.
        if ((await volumes.find(key)) !== null) throw volumeFault('volume.exists', { volume: formatClaim(key) });
        const opens = copy.sealed && access === null ? await volumes.keyOf(copy) : null;
        const from =
          access === null
            ? ({ kind: 'snapshot', of: keyOf(copy), id, ...(opens === null ? {} : { secret: opens }) } as const)
            : ({ kind: 'backup', repository: access, ...placeInRepository(row.answer) } as const);
        const place = placeFor(record);
        const sizes = { requestedBytes: record.requestedBytes, bytes: copy.bytes ?? 0 };
        const secret = record.sealed ? newVolumeKey() : null;
        const order = {
          ...({ action: 'fill', from, to: key, place, ...sizes, tree } as const),
          ...(secret === null ? {} : { secret }),
          ...(isExclusive(record) ? {} : { shared: true }),
        };
        const answer = copyAnswer.parse(await this.#options.run(order, { step: at, signal }));
        const { files, bytes } = answer;
        const body = { copy: id, from: formatClaim(copy), tree: answer.tree, files, bytes };
        await volumes.add(record, actor, body, secret);
        at.done({
          en: `${answer.files} files, equal to what was saved`,
          es: `${answer.files} archivos, iguales a lo guardado`,
        });
        return { volume: formatClaim(key), files: answer.files, bytes: answer.bytes, tree: answer.tree };
      },
    );
    return operation;
  }

  /** Restores a backup into a volume of its own, compares all of it with what was saved, and says how it went. */
  async verify(project: string, id: string, actor: string): Promise<Operation> {
    const row = await this.#row(project, id);
    const copy = toCopy(row);
    if (copy.kind !== 'backup') throw volumeFault('backup.not-verifiable', { id });
    if (copy.state !== 'done') throw volumeFault('backup.unknown', { id });
    const { operation } = await this.#options.start(
      {
        kind: 'backup-verification',
        project,
        environment: copy.environment,
        actor,
        title: { en: `Try a restore of ${formatClaim(copy)}`, es: `Probar la restauración de ${formatClaim(copy)}` },
      },
      (context) => this.#verifyNow(copy, row.answer, actor, context),
    );
    return operation;
  }

  async #verifyNow(
    copy: Copy,
    stored: string | null,
    actor: string,
    { step, signal }: Pick<OperationContext, 'step' | 'signal'>,
  ): Promise<Json> {
    const { db, journal, clock } = this.#options;
    const at = step({ en: 'Restore and compare', es: 'Restaurar y comparar' });
    const access = await this.#access(copy.repository ?? '');
    const tree = copy.tree ?? '';
    const bytes = copy.bytes ?? 0;
    const place = placeInRepository(stored);
    const order = { action: 'verify', repository: access, ...place, bytes, tree, sealed: copy.sealed } as const;
    let said: Json;
    try {
      said = await this.#options.run(order, { step: at, signal });
    } catch (error) {
      // Whoever called the trial off learnt nothing about the backup.
      if (!signal.aborted) await this.#notTried(copy, actor, error);
      throw error;
    }
    const { same, ...found } = verifyAnswer.parse(said);
    const differs = same
      ? null
      : volumeFault('volume.restored-differs', { copy: copy.id, found: found.tree, expected: tree });
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('volumes_copies')
        .set({
          ...{ verified_at: clock.now().toISOString(), verified_same: same ? 1 : 0 },
          problem: differs === null ? null : JSON.stringify(problemOf(differs)),
        })
        .where('id', '=', copy.id)
        .execute();
      await journal.record(tx, {
        kind: same ? 'backup.verified' : 'backup.differs',
        project: copy.project,
        actor,
        subject: formatClaim(copy),
        body: { id: copy.id, repository: copy.repository, expected: tree, ...found },
      });
    });
    journal.committed();
    if (differs !== null) throw differs;
    at.done({
      en: `${found.files} files came back as they were saved`,
      es: `${found.files} archivos volvieron como se guardaron`,
    });
    return { id: copy.id, same, ...found };
  }

  /** A trial that came to no end: of what is damaged nothing comes back; of what is away nobody can tell. */
  async #notTried({ id, project, repository, ...copy }: Copy, actor: string, error: unknown): Promise<void> {
    const { db, journal, clock } = this.#options;
    const isDamaged = error instanceof Fault && error.code === 'backup.damaged';
    const problem = problemOf(error);
    const verdict = isDamaged ? { verified_at: clock.now().toISOString(), verified_same: 0 } : {};
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('volumes_copies')
        .set({ ...verdict, problem: JSON.stringify(problem) })
        .where('id', '=', id)
        .execute();
      await journal.record(tx, {
        kind: isDamaged ? 'backup.damaged' : 'backup.untried',
        ...{ project, actor, subject: formatClaim({ project, ...copy }) },
        body: { id, repository, why: { en: problem.en, es: problem.es } },
      });
    });
    journal.committed();
  }

  /**
   * Claims whose backups a person should look at: one did not come back as it was saved, the newest could not be tried, or
   * the last time of a schedule failed.
   */
  async troubled(): Promise<string[]> {
    const { db, clock } = this.#options;
    const rows = await db
      .selectFrom('volumes_copies')
      .selectAll()
      .where('kind', '=', 'backup')
      .where('state', '!=', 'running')
      .orderBy('created_at', 'desc')
      .execute();
    const scheduled = await db.selectFrom('volumes_schedules').select(['project', 'environment', 'claim']).execute();
    const names = new Set(scheduled.map(formatClaim));
    const copies = rows.map(toCopy);
    // One of a time still to come was made while the clock was ahead, and is not the newest of those made since.
    const now = clock.now().toISOString();
    const firstOf = (list: readonly Copy[]): readonly Copy[] => [
      ...new Map(
        list
          .filter(({ createdAt }) => createdAt <= now)
          .toReversed()
          .map((copy) => [formatClaim(copy), copy]),
      ).values(),
    ];
    const bad = [
      ...copies.filter(({ verified }) => verified?.same === false),
      ...firstOf(copies.filter(({ state }) => state === 'done')).filter(({ problem }) => problem !== null),
      ...firstOf(copies.filter((one) => one.scheduled && names.has(formatClaim(one)))).filter(
        ({ state }) => state === 'failed',
      ),
    ];
    return [...new Set(bad.map(formatClaim))].toSorted();
  }

  /** Takes one copy away for good. @throws Fault backup.unknown */
  async remove(project: string, id: string, actor: string): Promise<Operation> {
    const row = await this.#row(project, id);
    const copy = toCopy(row);
    if (copy.state === 'running') {
      const why = { en: 'this copy of it is still being made', es: 'esta copia suya aún se está haciendo' };
      throw volumeFault('volume.busy', { volume: formatClaim(copy), why });
    }
    const { operation } = await this.#options.start(
      {
        kind: 'backup-removal',
        project,
        environment: copy.environment,
        actor,
        title: { en: `Remove a copy of ${formatClaim(copy)}`, es: `Eliminar una copia de ${formatClaim(copy)}` },
      },
      async ({ step, signal }) => {
        await this.#drop([{ copy, answer: row.answer }], actor, {
          step: step({ en: 'Remove', es: 'Eliminar' }),
          signal,
        });
        return { id };
      },
    );
    return operation;
  }

  /** Snapshots, and claims that no release wants: what limits count beside the releases themselves. */
  async beside(project: string): Promise<KeptBeside[]> {
    const { db } = this.#options;
    const rows = await db
      .selectFrom('volumes_copies')
      .selectAll()
      .where('project', '=', project)
      .where('kind', '=', 'snapshot')
      .where('state', '!=', 'failed')
      .execute();
    const released = await db
      .selectFrom('volumes_claims')
      .selectAll()
      .where('project', '=', project)
      .where('released_at', 'is not', null)
      .execute();
    return [
      ...rows.map(toCopy).map(({ environment, bytes }) => ({
        ...{ environment, claim: null, volumes: 0, volumeBytes: bytes ?? 0 },
      })),
      ...released.map(({ environment, claim, requested_bytes: bytes }) => ({
        ...{ environment, claim, volumes: 1, volumeBytes: Number(bytes) },
      })),
    ];
  }

  async schedules(project: string): Promise<Schedule[]> {
    const rows = await this.#options.db
      .selectFrom('volumes_schedules')
      .selectAll()
      .where('project', '=', project)
      .orderBy('environment')
      .orderBy('claim')
      .execute();
    return rows.map(toSchedule);
  }

  /** @throws Fault backup.schedule-invalid, volume.unknown */
  async setSchedule(
    key: ClaimKey,
    wanted: {
      readonly repository: string | null;
      readonly cron: string;
      readonly keep: Keep;
      readonly verifyDays: number;
    },
    actor: string,
  ): Promise<Schedule> {
    const { db, journal, clock, volumes } = this.#options;
    await volumes.record(key);
    const repository = await this.#chosen(wanted.repository);
    const nextMs = this.#options.nextTime(wanted.cron, clock.now().getTime());
    if (nextMs === null) throw volumeFault('backup.schedule-invalid', { text: wanted.cron });
    const row: VolumeTables['volumes_schedules'] = {
      ...{ project: key.project, environment: key.environment, claim: key.claim, repository, cron: wanted.cron },
      ...{ keep: JSON.stringify(wanted.keep), verify_days: wanted.verifyDays, next_at: new Date(nextMs).toISOString() },
      ...{ set_at: clock.now().toISOString(), set_by: actor },
    };
    const others = (await this.schedules(key.project)).filter((one) => formatClaim(one) !== formatClaim(key));
    if (others.length >= SCHEDULES_MAX) throw volumeFault('volume.too-many', { most: SCHEDULES_MAX });
    await db.transaction().execute(async (tx) => {
      await this.#deleteSchedule(tx, key);
      await tx.insertInto('volumes_schedules').values(row).execute();
      await journal.record(tx, {
        kind: 'backup-schedule.set',
        project: key.project,
        actor,
        subject: formatClaim(key),
        body: { repository, cron: wanted.cron, keep: { ...wanted.keep }, verifyDays: wanted.verifyDays },
      });
    });
    journal.committed();
    return toSchedule(row);
  }

  /** @throws Fault backup.schedule-unknown */
  async removeSchedule(key: ClaimKey, actor: string): Promise<void> {
    const { db, journal } = this.#options;
    const known = (await this.schedules(key.project)).some((one) => formatClaim(one) === formatClaim(key));
    if (!known) throw volumeFault('backup.schedule-unknown', { volume: formatClaim(key) });
    await db.transaction().execute(async (tx) => {
      await this.#deleteSchedule(tx, key);
      await journal.record(tx, {
        ...{ kind: 'backup-schedule.removed', project: key.project, actor, subject: formatClaim(key), body: {} },
      });
    });
    journal.committed();
  }

  /**
   * Begins what is due. A time that passed while control was away is made up for once. One backup of a claim at a time, and
   * one after the other on a host: they would only slow each other down.
   */
  async tick(): Promise<void> {
    const { db, clock, log } = this.#options;
    if (this.#options.host() === null || this.#running.size > 0) return;
    const now = clock.now();
    const all = await db.selectFrom('volumes_schedules').selectAll().orderBy('next_at').execute();
    for (const row of all) {
      if (!this.#isDue(row, now)) continue;
      const schedule = toSchedule(row);
      const name = formatClaim(schedule);
      const nextMs = this.#options.nextTime(schedule.cron, now.getTime());
      await db
        .updateTable('volumes_schedules')
        .set({ next_at: new Date(nextMs ?? now.getTime() + 86_400_000).toISOString() })
        .where('project', '=', schedule.project)
        .where('environment', '=', schedule.environment)
        .where('claim', '=', schedule.claim)
        .execute();
      this.#running.add(name);
      try {
        await this.#keepUp(schedule);
      } catch (error) {
        log.warn({ volume: name, err: error }, 'a scheduled backup failed');
      } finally {
        this.#running.delete(name);
      }
    }
  }

  /** A time beyond the next one of its schedule was set by a clock that was ahead: nothing would be saved until then. */
  #isDue({ next_at: nextAt, cron }: VolumeTables['volumes_schedules'], now: Date): boolean {
    const leftMs = Date.parse(nextAt) - now.getTime();
    if (leftMs <= LOOKED_AHEAD_MS) return leftMs <= 0;
    return leftMs > (this.#options.nextTime(cron, now.getTime()) ?? Number.POSITIVE_INFINITY) - now.getTime();
  }

  /** One run of a schedule: a backup, then what its retention lets go, then the trial of a restore when it is time. */
  async #keepUp(schedule: Schedule): Promise<void> {
    const { clock } = this.#options;
    const key = keyOf(schedule);
    const actor = 'platform';
    const id = await this.#begin(key, schedule.repository, { actor, scheduled: true });
    const context = { step: () => silentStep, signal: new AbortController().signal };
    await this.#makeNow(key, id, schedule.repository, actor, context);
    const mine = (await this.list(schedule.project, key)).filter(
      (copy) => copy.scheduled && copy.state === 'done' && copy.repository === schedule.repository,
    );
    const expired = expiredCopies(mine, schedule.keep, timeOfAges(clock));
    if (expired.length > 0) {
      const rows = await Promise.all(expired.map((copy) => this.#row(schedule.project, copy.id)));
      await this.#drop(
        rows.map((row) => ({ copy: toCopy(row), answer: row.answer })),
        actor,
        { step: silentStep },
      );
    }
    if (schedule.verifyDays === 0) return;
    const nowMs = clock.now().getTime();
    // One that did not come back is no trial that was passed: the next backup is tried at once. One at a time still to come
    // was made while the clock was ahead, and says nothing of when the next one is due.
    const passed = mine
      .map(({ verified }) => (verified?.same === true ? Date.parse(verified.at) : Number.NaN))
      .filter((atMs) => atMs <= nowMs);
    if (nowMs - Math.max(...passed) < schedule.verifyDays * 86_400_000) return;
    const row = await this.#row(schedule.project, id);
    await this.#verifyNow(toCopy(row), row.answer, actor, context);
  }

  async #drop(
    copies: readonly { readonly copy: Copy; readonly answer: string | null }[],
    actor: string,
    options: Parameters<VolumePorts['run']>[1],
  ): Promise<void> {
    const { db, journal } = this.#options;
    for (const { copy } of copies.filter((one) => one.copy.kind === 'snapshot')) {
      await this.#options.run({ action: 'drop-snapshot', key: keyOf(copy), id: copy.id }, options);
    }
    const repositories = new Set(copies.flatMap(({ copy }) => copy.repository ?? []));
    for (const repository of repositories) {
      const snapshots = copies
        .filter(({ copy, answer }) => copy.repository === repository && answer !== null)
        .map(({ answer }) => placeInRepository(answer).snapshot);
      if (snapshots.length > 0)
        await this.#options.run({ action: 'forget', repository: await this.#access(repository), snapshots }, options);
    }
    await db.transaction().execute(async (tx) => {
      for (const { copy } of copies) {
        await tx.deleteFrom('volumes_copies').where('id', '=', copy.id).execute();
        await journal.record(tx, {
          kind: copy.kind === 'snapshot' ? 'snapshot.removed' : 'backup.removed',
          project: copy.project,
          actor,
          subject: formatClaim(copy),
          body: { id: copy.id, tree: copy.tree, createdAt: copy.createdAt },
        });
      }
    });
    journal.committed();
  }

  /** Snapshots are data of the claim on the same disk: they go with it. */
  async #dropSnapshots(key: ClaimKey): Promise<number> {
    const rows = await this.#options.db
      .selectFrom('volumes_copies')
      .selectAll()
      .where('project', '=', key.project)
      .where('environment', '=', key.environment)
      .where('claim', '=', key.claim)
      .where('kind', '=', 'snapshot')
      .execute();
    if (rows.length === 0) return 0;
    const copies = rows.map((row) => ({ copy: toCopy(row), answer: row.answer }));
    await this.#drop(copies, 'platform', { step: silentStep });
    return copies.length;
  }

  /** The one that was named, or the only one there is. @throws Fault backup.repository-none, backup.repository-needed, backup.repository-unknown */
  async #chosen(named: string | null): Promise<string> {
    const names = (await this.#options.db.selectFrom('volumes_repositories').select('name').execute()).map(
      ({ name }) => name,
    );
    if (named === null) {
      const [only] = names;
      if (only === undefined) throw volumeFault('backup.repository-none');
      if (names.length > 1) throw volumeFault('backup.repository-needed', { count: names.length });
      return only;
    }
    if (!names.includes(named)) throw volumeFault('backup.repository-unknown', { name: named });
    return named;
  }

  async #access(name: string): Promise<RepositoryAccess> {
    const { db, vault } = this.#options;
    const row = await db.selectFrom('volumes_repositories').selectAll().where('name', '=', name).executeTakeFirst();
    if (row === undefined) throw volumeFault('backup.repository-unknown', { name });
    return JSON.parse(Buffer.from(vault.open(row.sealed, sealContext(name))).toString('utf8')) as RepositoryAccess;
  }

  async #row(project: string, id: string): Promise<VolumeTables['volumes_copies']> {
    const row = await this.#options.db
      .selectFrom('volumes_copies')
      .selectAll()
      .where('project', '=', project)
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) throw volumeFault('backup.unknown', { id: id.slice(0, 40) });
    return row;
  }

  async #deleteSchedule(tx: Kysely<VolumeTables>, key: ClaimKey): Promise<void> {
    await tx
      .deleteFrom('volumes_schedules')
      .where('project', '=', key.project)
      .where('environment', '=', key.environment)
      .where('claim', '=', key.claim)
      .execute();
  }

  async #fact(fact: Parameters<Journal['record']>[1]): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute((tx) => journal.record(tx, fact));
    journal.committed();
  }
}

function keyOf({ project, environment, claim }: ClaimKey): ClaimKey {
  return { project, environment, claim };
}

/** Where a backup lies in its repository, as the host told it when it was made. */
function placeInRepository(answer: string | null): { readonly snapshot: string; readonly path: string } {
  const { snapshot, path } = JSON.parse(answer ?? '{}') as Partial<BackupAnswer>;
  if (snapshot === undefined || path === undefined) throw new TypeError('a backup without a place in its repository');
  return { snapshot, path };
}

function problemOf(error: unknown): Text {
  if (!(error instanceof Fault)) {
    const words = error instanceof Error ? error.message : String(error);
    return { en: words, es: words };
  }
  const say = (language: 'en' | 'es'): string => {
    const { what, why } = error.text(language);
    return why === undefined ? what : `${what}: ${why}`;
  };
  return { en: say('en'), es: say('es') };
}

function sealContext(name: string): string {
  return `volumes/repository/${name}`;
}

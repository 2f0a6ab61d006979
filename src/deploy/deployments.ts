import type { Kysely } from 'kysely';
import { type Principal, personBehind, type Vault, visibleProjects } from '../access/index.ts';
import type { Verdict } from '../admit/index.ts';
import type { Journal, NewFact } from '../journal/index.ts';
import { type Digest, parseReference } from '../oci/index.ts';
import { type Clock, type Json, newId, type Text } from '../system/index.ts';
import type { WorkloadChange } from './change-words.ts';
import type { ManifestChange } from './changes.ts';
import { type ActiveRelease, type Composition, hashComposition, wantedState } from './composition.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { deployFault } from './errors.ts';
import { type Controller, collectImages, formatKey, type WantedState } from './model.ts';
import type { ProjectFile } from './project-file.ts';
import {
  type DeployTables,
  type EnvironmentRow,
  findEnvironment,
  findRelease,
  listEnvironments,
  listProjectNames,
  listReleases,
  nextReleaseNumber,
  type PromotionRow,
  type ReleaseRow,
  raiseRevision,
  readRevision,
} from './store.ts';
import { WorkloadEvents } from './workload-events.ts';

export type ReleaseState =
  | 'judging'
  | 'refused'
  | 'rolling-out'
  /** It serves its share of the requests and waits to be promoted or aborted. */
  | 'canary'
  | 'available'
  | 'rolled-back'
  | 'failed'
  | 'superseded';

export type EnvironmentClass = 'development' | 'pre-production' | 'production';

export interface Environment {
  readonly name: string;
  readonly class: EnvironmentClass;
  readonly policy: string;
  /** People other than the requester who must agree before a promotion into it. 0: direct deploys are taken. */
  readonly approvals: number;
}

export interface PinnedImage {
  /** As the manifests name it. */
  readonly name: string;
  readonly repository: string;
  readonly digest: Digest;
}

export interface Release {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly number: number;
  readonly state: ReleaseState;
  readonly specHash: string;
  readonly digests: readonly PinnedImage[];
  readonly verdict: Verdict | null;
  readonly promotedFrom: { readonly environment: string; readonly number: number } | null;
  readonly commit: string | null;
  readonly createdAt: string;
  readonly createdBy: string;
  /** The people behind all through whose hands it went, tokens and robots resolved: none of them approves where it goes. */
  readonly authors: readonly string[];
  /** The percentage of the requests that it gets while it is tried out; null when it is not. */
  readonly canary: number | null;
  /** What was changed by hand of the release before; null for any other. */
  readonly change: WorkloadChange | null;
  /** Why it failed or went back, as hosts told it then; empty for any other. */
  readonly why: readonly ReleaseReason[];
}

export interface ReleaseReason {
  /** Null: of the release as a whole. */
  readonly workload: string | null;
  readonly text: Text;
}

/** Hosts in maintenance: no pod is made, and while draining those that there are go. */
export interface Maintenance {
  readonly draining: boolean;
  readonly disregardBudgets: boolean;
  readonly reason: string;
  readonly since: string;
  readonly by: string;
}

/** What a release was made from; kept sealed, so that it can be promoted without building anything again. */
export interface ReleaseSource {
  readonly projectFile: string;
  readonly manifests: readonly { readonly path: string; readonly text: string }[];
  /** What was changed by hand since, in its environment. */
  readonly changes?: readonly ManifestChange[];
}

interface SealedRelease {
  readonly composition: Composition;
  readonly source: ReleaseSource;
}

export interface NewRelease {
  readonly project: string;
  readonly environment: string;
  readonly composition: Composition;
  readonly source: ReleaseSource;
  readonly digests: readonly PinnedImage[];
  readonly verdict: Verdict;
  readonly promotedFrom: { readonly environment: string; readonly number: number } | null;
  readonly commit: string | null;
  readonly actor: string;
  /** See {@link Release.authors}: who makes it, and those of the release that it was made from. */
  readonly authors: readonly string[];
  readonly canary?: number | null;
  readonly change?: WorkloadChange | null;
}

export type PromotionState = 'refused' | 'awaiting-approval' | 'approved' | 'rejected' | 'done' | 'failed';

export interface Decision {
  readonly by: string;
  readonly at: string;
  readonly decision: 'approve' | 'reject';
  readonly comment: string | null;
  /** SHA-256 of the client certificate of their command line; null with another login. */
  readonly certificate?: string | null;
}

export interface Promotion {
  readonly id: string;
  readonly project: string;
  readonly from: string;
  readonly to: string;
  readonly state: PromotionState;
  readonly digests: readonly PinnedImage[];
  readonly requestedBy: string;
  /** The person behind a token or robot that asked. */
  readonly requester: string;
  /** Who asked for it or had a part in what is promoted: they cannot approve it. */
  readonly involved: readonly string[];
  readonly requestedAt: string;
  readonly verdict: Verdict | null;
  readonly approvals: readonly Decision[];
  readonly required: number;
  readonly sourceRelease: string;
  readonly releaseId: string | null;
}

export interface ProjectName {
  readonly name: string;
  readonly createdAt: string;
}

export interface ProjectView extends ProjectName {
  /** None while nobody has deployed the project: then it only has images. */
  readonly environments: readonly (Environment & {
    readonly release: { readonly id: string; readonly number: number; readonly state: ReleaseState } | null;
    readonly workloads: { readonly ok: number; readonly total: number };
  })[];
}

/** One state of a workload in the history of its environment. */
export interface WorkloadRevision {
  readonly release: number;
  readonly state: ReleaseState;
  readonly specHash: string;
  readonly replicas: number;
  readonly paused: boolean;
  readonly images: readonly string[];
  /** Of the release, which may be another workload's. */
  readonly change: WorkloadChange | null;
  readonly current: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly commit: string | null;
}

/** Events that say why a pod is not well; that it went, or the phase that follows, says nothing of its own. */
const TELLING: ReadonlySet<string> = new Set(['condition', 'restarted', 'probe-failing']);
const REASONS_OF_WORKLOAD_MAX = 5;
const REASONS_MAX = 50;
/** A probe's answer may be a whole page. */
const REASON_CHARACTERS_MAX = 500;

/** Releases that are looked through for one workload; each is opened. */
const HISTORY_MAX = 50;

/** A job that was begun, is done or waits for its time is as it should be: a release does not wait for its end. */
const RUNS_TO_AN_END: ReadonlySet<WorkloadStatus['phase']> = new Set([
  'running',
  'completed',
  'scheduled',
  'suspended',
]);

/** Whether a workload is as it should be: it serves, was stopped, is tried with a share, or is a job that did not fail. */
export function isAsWanted({ phase, ready, wanted }: Pick<WorkloadStatus, 'phase' | 'ready' | 'wanted'>): boolean {
  if (RUNS_TO_AN_END.has(phase)) return true;
  return ready >= wanted && (phase === 'available' || phase === 'stopped' || phase === 'canary');
}

/** Told when what hosts should run has changed. */
export type WantedListener = (wanted: WantedState) => void;
/** Told when a release reached another state. */
export type ReleaseListener = (release: Release) => void;

/**
 * Projects, their environments and releases: what should run. What does run is what hosts report; it decides when a
 * release is available and when it went back.
 */
export class Deployments {
  readonly events: WorkloadEvents;
  readonly #db: Kysely<DeployTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #vault: Vault;
  readonly #projectsOfImages: () => Promise<readonly ProjectName[]>;
  readonly #runs: () => Promise<readonly Composition[]>;
  readonly #statuses = new Map<string, WorkloadStatus>();
  /** Whether a host has told all that runs since this program started. */
  #hasReport = false;
  readonly #wantedListeners = new Set<WantedListener>();
  readonly #releaseListeners = new Set<ReleaseListener>();
  readonly #refusalListeners = new Set<(why: Text) => void>();
  /** Read once and kept until something changes: opening every sealed release takes its time. */
  #wanted: Promise<WantedState> | null = null;

  constructor(options: {
    readonly db: Kysely<DeployTables>;
    readonly journal: Journal;
    readonly clock: Clock;
    readonly vault: Vault;
    readonly projectsOfImages?: () => Promise<readonly ProjectName[]>;
    /** What people run beside the releases. @default nothing */
    readonly runs?: () => Promise<readonly Composition[]>;
  }) {
    this.#runs = options.runs ?? (async () => []);
    this.#db = options.db;
    this.#projectsOfImages = options.projectsOfImages ?? (async () => []);
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#startedMs = options.clock.now().getTime();
    this.#vault = options.vault;
    this.events = new WorkloadEvents(options.db, options.clock);
  }

  /** A host does not follow: whoever waits for a roll-out is told instead of left waiting. */
  hostRefused(why: Text): void {
    for (const listener of this.#refusalListeners) listener(why);
  }

  onHostRefusal(listener: (why: Text) => void): () => void {
    this.#refusalListeners.add(listener);
    return () => this.#refusalListeners.delete(listener);
  }

  onWanted(listener: WantedListener): void {
    this.#wantedListeners.add(listener);
  }

  onRelease(listener: ReleaseListener): () => void {
    this.#releaseListeners.add(listener);
    return () => this.#releaseListeners.delete(listener);
  }

  /**
   * Makes the project and its environments what the project file says; environments that it no longer names stay.
   * @returns in words what the file says of them and they do not follow
   */
  async ensureProject(file: ProjectFile, actor: string): Promise<Text[]> {
    const kept: Text[] = [];
    await this.#db.transaction().execute(async (tx) => {
      const known = await tx
        .selectFrom('deploy_projects')
        .select('name')
        .where('name', '=', file.project)
        .executeTakeFirst();
      if (known === undefined) {
        await tx
          .insertInto('deploy_projects')
          .values({ name: file.project, created_at: this.#now(), created_by: actor })
          .execute();
        await this.#journal.record(tx, {
          kind: 'project.created',
          project: file.project,
          actor,
          subject: file.project,
          body: { environments: Object.keys(file.environments) },
        });
      }
      for (const [position, [name, written]] of Object.entries(file.environments).entries()) {
        const environmentClass =
          written.class ?? (name === 'prod' || name === 'production' ? 'production' : 'development');
        const approvals = written.approvals ?? (environmentClass === 'production' ? 1 : 0);
        const before = await findEnvironment(tx, file.project, name);
        const availability_millis =
          written.availability === undefined ? null : Math.round(written.availability * 1_000);
        const values = { position, class: environmentClass, policy: written.policy, approvals, availability_millis };
        if (before === undefined) {
          const onHosts = `${file.project}-${name}`;
          const others = await tx.selectFrom('deploy_environments').select(['project', 'name']).execute();
          // `a-b` in `c` and `a` in `b-c` would be one network, and share the names of volumes.
          if (others.some((other) => `${other.project}-${other.name}` === onHosts))
            throw deployFault('deploy.environment-alike', { project: file.project, environment: name, onHosts });
          await tx
            .insertInto('deploy_environments')
            .values({
              project: file.project,
              name,
              ...values,
              current_release: null,
              stable_release: null,
              policy_set: null,
            })
            .execute();
          continue;
        }
        // Who writes the file must not loosen what guards production: a guard only tightens from there.
        const guarded = before.class === 'production';
        const isSet = before.policy_set === 1;
        const asked = { class: environmentClass, policy: written.policy, approvals };
        if (guarded) kept.push(...keptOf(file.project, before, asked));
        else if (isSet) kept.push(...keptOf(file.project, before, { ...before, policy: written.policy }));
        const changed = guarded
          ? { ...values, class: before.class, policy: before.policy, approvals: Math.max(before.approvals, approvals) }
          : { ...values, policy: isSet ? before.policy : values.policy };
        await tx
          .updateTable('deploy_environments')
          .set(changed)
          .where('project', '=', file.project)
          .where('name', '=', name)
          .execute();
      }
    });
    this.#journal.committed();
    return kept;
  }

  async projectExists(project: string): Promise<boolean> {
    return (await listProjectNames(this.#db)).some((row) => row.name === project);
  }

  /** The projects that the reader may see: those of a project file, and those that only have images so far. */
  async listProjects(reader: Principal): Promise<ProjectView[]> {
    const visible = visibleProjects(reader, 'project.read');
    const names = (await this.#projectNames()).filter((one) => visible === '*' || visible.includes(one.name));
    return Promise.all(names.map((one) => this.#viewProject(one)));
  }

  /** @throws Fault deploy.project-unknown */
  async readProject(project: string): Promise<ProjectView> {
    const found = (await this.#projectNames()).find((one) => one.name === project);
    if (found === undefined) throw deployFault('deploy.project-unknown', { project });
    return this.#viewProject(found);
  }

  async #projectNames(): Promise<ProjectName[]> {
    const names = new Map((await this.#projectsOfImages()).map((one) => [one.name, one]));
    for (const { name, created_at: createdAt } of await listProjectNames(this.#db))
      names.set(name, { name, createdAt });
    return [...names.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws Fault deploy.project-unknown, deploy.environment-unknown */
  async readEnvironment(project: string, environment: string): Promise<Environment> {
    return toEnvironment(await this.#environment(project, environment));
  }

  async environments(project: string): Promise<Environment[]> {
    return (await listEnvironments(this.#db, project)).map(toEnvironment);
  }

  /**
   * Writes a release down and, unless its verdict refuses, makes it what the hosts should run.
   * State and facts are one transaction; hosts hear of it after that.
   */
  async release(request: NewRelease): Promise<Release> {
    const {
      project,
      environment,
      composition,
      source,
      digests,
      verdict,
      promotedFrom,
      commit,
      actor,
      authors,
      canary = null,
      change = null,
    } = request;
    const refused = verdict.decision === 'refuse';
    const id = newId(this.#clock);
    const sealed: SealedRelease = { composition, source };
    const row = await this.#db.transaction().execute(async (tx) => {
      const number = await nextReleaseNumber(tx, project, environment);
      const values: ReleaseRow = {
        id,
        project,
        environment,
        number,
        state: refused ? 'refused' : 'rolling-out',
        spec_hash: hashComposition(composition),
        digests: JSON.stringify(digests),
        verdict: JSON.stringify(verdict),
        promoted_from: promotedFrom === null ? null : JSON.stringify(promotedFrom),
        commit_id: commit,
        created_at: this.#now(),
        created_by: actor,
        authors: JSON.stringify([...new Set(authors)]),
        sealed: this.#vault.seal(Buffer.from(JSON.stringify(sealed)), `release/${id}`),
        canary,
        change: change === null ? null : JSON.stringify(change),
        why: null,
      };
      await tx.insertInto('deploy_releases').values(values).execute();
      if (!refused) await this.#activate(tx, values);
      await this.#recordRelease(tx, values, actor);
      return values;
    });
    this.#journal.committed();
    if (!refused) await this.#announce();
    return toRelease(row);
  }

  /** @throws Fault deploy.release-unknown */
  async readRelease(id: string): Promise<Release> {
    const row = await findRelease(this.#db, id);
    if (row === undefined) throw deployFault('deploy.release-unknown', { number: id, project: '', environment: '' });
    return toRelease(row);
  }

  /** A release with what it was made from. @throws Fault deploy.release-unknown */
  async openRelease(id: string): Promise<{ release: Release } & SealedRelease> {
    const row = await findRelease(this.#db, id);
    if (row === undefined) throw deployFault('deploy.release-unknown', { number: id, project: '', environment: '' });
    return { release: toRelease(row), ...this.#open(row) };
  }

  async listReleases(project: string, environment?: string): Promise<Release[]> {
    return (await listReleases(this.#db, project, environment, 200)).map(toRelease);
  }

  /** The release that should run in the environment, with what it was made from; null when there is none. @throws Fault deploy.environment-unknown */
  async currentRelease(project: string, environment: string): Promise<({ release: Release } & SealedRelease) | null> {
    const { current_release: id } = await this.#environment(project, environment);
    const row = id === null ? undefined : await findRelease(this.#db, id);
    return row === undefined ? null : { release: toRelease(row), ...this.#open(row) };
  }

  /**
   * What became of one workload, newest first: each release that changed it or was made for it by hand.
   * @throws Fault deploy.workload-unknown
   */
  async workloadHistory(project: string, environment: string, name: string): Promise<WorkloadRevision[]> {
    const { current_release: current } = await this.#environment(project, environment);
    const rows = (await listReleases(this.#db, project, environment, HISTORY_MAX)).filter(
      ({ state }) => state !== 'refused' && state !== 'judging',
    );
    const revisions = rows.flatMap((row): WorkloadRevision[] => {
      const workload = this.#open(row).composition.workloads.find(({ key }) => key.name === name);
      if (workload === undefined) return [];
      const { number, state, createdAt, createdBy, commit, change } = toRelease(row);
      return [
        {
          ...{ release: number, state, createdAt, createdBy, commit },
          ...{ specHash: workload.specHash, replicas: workload.replicas, paused: workload.paused === true },
          images: collectImages([workload]),
          change,
          current: row.id === current,
        },
      ];
    });
    if (revisions.length === 0) {
      const known = [...new Set(this.statuses(null, project, environment).map(({ key }) => key.name))];
      throw deployFault('deploy.workload-unknown', { name, project, environment, known: known.join(', ') || '—' });
    }
    return revisions.filter((one, index) => {
      const before = revisions[index + 1];
      return one.change?.workload === name || one.current || before === undefined || before.specHash !== one.specHash;
    });
  }

  /** The release that serves in the environment and is known good, with what it was made from. @throws Fault deploy.nothing-to-promote */
  async stableRelease(project: string, environment: string): Promise<{ release: Release } & SealedRelease> {
    const { stable_release: id } = await this.#environment(project, environment);
    const row = id === null ? undefined : await findRelease(this.#db, id);
    if (row === undefined) throw deployFault('deploy.nothing-to-promote', { project, environment });
    return { release: toRelease(row), ...this.#open(row) };
  }

  /** An earlier release to return to: the numbered one, else the one before the current. @throws Fault deploy.release-unknown, deploy.release-first */
  async earlierRelease(
    project: string,
    environment: string,
    number: number | null,
  ): Promise<{ release: Release } & SealedRelease> {
    const good = await this.#returnTargets(project, environment);
    const found = number === null ? good[0] : good.find((row) => row.number === number);
    if (found === undefined) {
      if (number === null) throw deployFault('deploy.release-first', { project, environment });
      throw deployFault('deploy.release-unknown', { project, environment, number });
    }
    return { release: toRelease(found), ...this.#open(found) };
  }

  /** The releases of an environment that it can return to, newest first: those that served, but for the one in place. */
  async returnTargets(project: string, environment: string): Promise<Release[]> {
    return (await this.#returnTargets(project, environment)).map(toRelease);
  }

  async #returnTargets(project: string, environment: string): ReturnType<typeof listReleases> {
    const { current_release: current } = await this.#environment(project, environment);
    const rows = await listReleases(this.#db, project, environment, 200);
    return rows.filter(({ id, state }) => id !== current && (state === 'available' || state === 'superseded'));
  }

  /** What hosts should run now. */
  wanted(): Promise<WantedState> {
    this.#wanted ??= this.#readWanted();
    return this.#wanted;
  }

  /** How pods are kept, of the workloads whose replicas are not all alike; by `formatKey`. */
  async controllers(): Promise<ReadonlyMap<string, Controller>> {
    const { workloads } = await this.wanted();
    return new Map(
      workloads.flatMap(({ key, controller }) =>
        controller === undefined ? [] : [[formatKey(key), controller] as const],
      ),
    );
  }

  /** The labels of the pods of what is wanted, by `formatKey`. */
  async labels(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
    const { workloads } = await this.wanted();
    return new Map(workloads.map(({ key, pod }) => [formatKey(key), pod.labels]));
  }

  /** Whether hosts are asked to run it, whatever they say of it yet. */
  async isWanted(place: {
    readonly project: string;
    readonly environment: string;
    readonly workload: string;
  }): Promise<boolean> {
    const { project, environment, workload } = place;
    const { workloads } = await this.wanted();
    return workloads.some(
      ({ key }) => key.project === project && key.environment === environment && key.name === workload,
    );
  }

  async #readWanted(): Promise<WantedState> {
    // First: what changes while the rest is read then goes out with a later number. The other way about a host that is no longer
    // drained could be told so under the number of its end, and would follow it if it came last.
    const revision = await readRevision(this.#db);
    const active: ActiveRelease[] = [];
    const environments = await this.#db
      .selectFrom('deploy_environments')
      .selectAll()
      .where('current_release', 'is not', null)
      .orderBy('project')
      .orderBy('name')
      .execute();
    for (const environment of environments) {
      const current = await findRelease(this.#db, environment.current_release ?? '');
      if (current === undefined) continue;
      const stableId = environment.stable_release;
      const stable = stableId === null || stableId === current.id ? undefined : await findRelease(this.#db, stableId);
      active.push({
        number: current.number,
        composition: this.#open(current).composition,
        stable: stable === undefined ? null : this.#open(stable).composition,
        canary: current.canary,
      });
    }
    const maintenance = await this.maintenance();
    return wantedState(
      revision,
      active,
      maintenance === null ? null : { draining: maintenance.draining, disregardBudgets: maintenance.disregardBudgets },
      await this.#runs(),
    );
  }

  /** Tells hosts what they should run, after something of it changed; the revision was raised with the change. */
  announce(): Promise<void> {
    return this.#announce();
  }

  /** Null when hosts take pods as usual. */
  async maintenance(): Promise<Maintenance | null> {
    const row = await this.#db.selectFrom('deploy_maintenance').selectAll().executeTakeFirst();
    if (row === undefined) return null;
    return {
      draining: row.draining === 1,
      disregardBudgets: row.disregard_budgets === 1,
      reason: row.reason,
      since: row.since,
      by: row.since_by,
    };
  }

  /** Takes hosts out of service, or gives them back with null; state and fact are one transaction. */
  async setMaintenance(
    wanted: Pick<Maintenance, 'draining' | 'disregardBudgets' | 'reason'> | null,
    actor: string,
  ): Promise<Maintenance | null> {
    const before = await this.maintenance();
    if (wanted === null && before === null) return null;
    // From cordoned to draining the reason need not be said again. The way back has its own words, none where there were none.
    const goesOn = wanted?.draining === true || before?.draining !== true;
    const reason = wanted?.reason || (goesOn ? (before?.reason ?? '') : '');
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('deploy_maintenance').execute();
      if (wanted !== null) {
        await tx
          .insertInto('deploy_maintenance')
          .values({
            id: 1,
            draining: wanted.draining ? 1 : 0,
            disregard_budgets: wanted.disregardBudgets ? 1 : 0,
            reason,
            since: before?.since ?? this.#now(),
            since_by: actor,
          })
          .execute();
      }
      await raiseRevision(tx);
      await this.#journal.record(tx, {
        kind: wanted === null ? 'host.uncordoned' : wanted.draining ? 'host.drained' : 'host.cordoned',
        project: null,
        actor,
        subject: 'hosts',
        body:
          wanted === null ? { since: before?.since ?? null } : { reason, disregardBudgets: wanted.disregardBudgets },
      });
    });
    this.#journal.committed();
    await this.#announce();
    return this.maintenance();
  }

  /** @throws Fault deploy.host-maintenance while nothing may be made on the hosts */
  async refuseInMaintenance(): Promise<void> {
    const found = await this.maintenance();
    if (found === null) return;
    throw deployFault('deploy.host-maintenance', { since: found.since, by: found.by, reason: found.reason || '—' });
  }

  /**
   * Ends the trial of a release: it takes over everything, or goes and the one before serves alone again.
   * @throws Fault deploy.no-canary
   */
  async endTrial(project: string, environment: string, how: 'promote' | 'abort', actor: string): Promise<Release> {
    const place = await this.#environment(project, environment);
    const row = place.current_release === null ? undefined : await findRelease(this.#db, place.current_release);
    const trying = row !== undefined && row.canary !== null && ['canary', 'rolling-out'].includes(row.state);
    if (row === undefined || !trying) throw deployFault('deploy.no-canary', { project, environment });
    const isWell = () => this.#statusesOf(row).every((status) => status !== undefined && isTried(status));
    if (how === 'promote' && !(row.state === 'canary' && isWell())) {
      throw deployFault('deploy.canary-not-ready', { project, environment, number: row.number });
    }
    const state: ReleaseState = how === 'promote' ? 'rolling-out' : 'rolled-back';
    const text = { en: `its trial was ended by ${actor}`, es: `su prueba la terminó ${actor}` };
    const why = how === 'promote' ? null : JSON.stringify([{ workload: null, text }] satisfies ReleaseReason[]);
    await this.#db.transaction().execute(async (tx) => {
      // Another release may have taken its place since it was read, or another person ended it.
      const { numUpdatedRows } = await tx
        .updateTable('deploy_releases')
        .set({ state, canary: null, why })
        .where('id', '=', row.id)
        .where('state', '=', row.state)
        .where('canary', 'is not', null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw deployFault('deploy.no-canary', { project, environment });
      if (how === 'abort') {
        await tx
          .updateTable('deploy_environments')
          .set({ current_release: place.stable_release })
          .where('project', '=', project)
          .where('name', '=', environment)
          .where('current_release', '=', row.id)
          .execute();
      }
      await raiseRevision(tx);
      await this.#recordRelease(tx, { ...row, state }, actor);
    });
    this.#journal.committed();
    const changed = toRelease({ ...row, state, canary: null, why });
    for (const listener of this.#releaseListeners) listener(changed);
    await this.#announce();
    return changed;
  }

  /** The active releases: what permissions to start are given for. */
  async activeReleases(): Promise<
    { release: Release; composition: Composition; stable: Composition | null; environment: Environment }[]
  > {
    const rows = await this.#db
      .selectFrom('deploy_environments')
      .selectAll()
      .where('current_release', 'is not', null)
      .execute();
    const result = [];
    for (const row of rows) {
      const current = await findRelease(this.#db, row.current_release ?? '');
      if (current === undefined) continue;
      const stable = row.stable_release === null ? undefined : await findRelease(this.#db, row.stable_release);
      result.push({
        release: toRelease(current),
        composition: this.#open(current).composition,
        stable: stable === undefined || stable.id === current.id ? null : this.#open(stable).composition,
        environment: toEnvironment(row),
      });
    }
    return result;
  }

  /**
   * Digests that run, as hosts report it, whatever release they are of, and those that may run again at once: never
   * removed from the registry. Until a host has told what runs, every release counts.
   */
  async digestsInUse(): Promise<Set<string>> {
    let query = this.#db.selectFrom('deploy_releases').select('digests');
    if (this.#hasReport) query = query.where('state', 'in', ['rolling-out', 'canary', 'available', 'superseded']);
    const rows = await query.execute();
    const used = new Set<string>();
    for (const row of rows) for (const { digest } of JSON.parse(row.digests) as PinnedImage[]) used.add(digest);
    for (const { replicas } of this.#statuses.values()) {
      for (const { digest } of replicas.flatMap(({ containers }) => containers)) if (digest !== null) used.add(digest);
    }
    for (const { workloads } of await this.#runs()) {
      for (const image of collectImages(workloads)) used.add(parseReference(image).digest ?? image);
    }
    return used;
  }

  /** What hosts run; null: none has told all of it since this program started. */
  reported(): WorkloadStatus[] | null {
    return this.#hasReport ? this.statuses(null) : null;
  }

  statuses(reader: Principal | null, project?: string, environment?: string): WorkloadStatus[] {
    const visible = reader === null ? '*' : visibleProjects(reader, 'workload.read');
    return [...this.#statuses.values()].filter(
      ({ key }) =>
        (visible === '*' || visible.includes(key.project)) &&
        (project === undefined || key.project === project) &&
        (environment === undefined || key.environment === environment),
    );
  }

  /** Takes what a host reports and moves releases on: available, gone back, failed. `whole`: all its workloads. */
  async report(statuses: readonly WorkloadStatus[], whole: boolean): Promise<void> {
    const before = new Map(this.#statuses);
    const knew = this.#hasReport;
    if (whole) {
      this.#statuses.clear();
      this.#hasReport = true;
    }
    for (const status of statuses) {
      const { project, environment, name } = status.key;
      const key = `${project}/${environment}/${name}`;
      this.#statuses.set(key, status);
    }
    // Only now: a report that comes while facts are written must find all of this one.
    for (const status of statuses) {
      const former = before.get(formatKey(status.key));
      await this.#recordScaling(status, former);
      await this.events.follow(former ?? null, status, !knew);
    }
    const touched = new Map(statuses.map(({ key }) => [`${key.project}/${key.environment}`, key]));
    for (const { project, environment } of touched.values()) await this.#settle(project, environment);
  }

  /** What a host decided about the size of a workload is a fact, once; after a start only what came since then. */
  async #recordScaling(status: WorkloadStatus, before: WorkloadStatus | undefined): Promise<void> {
    const { project, environment, name } = status.key;
    const subject = `${project}/${environment}/${name}`;
    const isNew = (at: string, last: string | undefined): boolean =>
      at !== last && (before !== undefined || Date.parse(at) >= this.#startedMs);
    const scaled = status.horizontal?.lastScale;
    const resized = status.vertical?.lastChange;
    const facts: NewFact[] = [];
    const actor = 'platform';
    if (scaled != null && isNew(scaled.at, before?.horizontal?.lastScale?.at)) {
      const { at, from, to } = scaled;
      const metrics = (status.horizontal?.metrics ?? []).map((metric) => ({ ...metric }));
      facts.push({ kind: 'workload.scaled', project, actor, subject, body: { at, from, to, metrics } });
    }
    if (resized != null && isNew(resized.at, before?.vertical?.lastChange?.at)) {
      const { at, container, to } = resized;
      facts.push({ kind: 'workload.resized', project, actor, subject, body: { at, container, to: { ...to } } });
    }
    if (facts.length === 0) return;
    await this.#db.transaction().execute(async (tx) => {
      for (const fact of facts) await this.#journal.record(tx, fact);
    });
    this.#journal.committed();
  }

  async requestPromotion(request: {
    readonly source: Release;
    readonly to: Environment;
    readonly verdict: Verdict;
    readonly by: Pick<Principal, 'actor' | 'owner'>;
  }): Promise<Promotion> {
    const { source, to, verdict, by } = request;
    const { actor } = by;
    const row: PromotionRow = {
      id: newId(this.#clock),
      project: source.project,
      from_environment: source.environment,
      to_environment: to.name,
      source_release: source.id,
      target_release: null,
      state: verdict.decision === 'refuse' ? 'refused' : to.approvals > 0 ? 'awaiting-approval' : 'approved',
      required: to.approvals,
      decisions: '[]',
      verdict: JSON.stringify(verdict),
      requested_at: this.#now(),
      requested_by: actor,
      requester: personBehind(by),
    };
    await this.#db.transaction().execute(async (tx) => {
      await tx.insertInto('deploy_promotions').values(row).execute();
      await this.#recordPromotion(tx, row, source, actor, 'promotion.requested');
    });
    this.#journal.committed();
    return toPromotion(row, source);
  }

  async listPromotions(project: string): Promise<Promotion[]> {
    const rows = await this.#db
      .selectFrom('deploy_promotions')
      .selectAll()
      .where('project', '=', project)
      .orderBy('id', 'desc')
      .limit(200)
      .execute();
    return Promise.all(rows.map((row) => this.#viewPromotion(row)));
  }

  /** @throws Fault deploy.promotion-unknown */
  async readPromotion(project: string, id: string): Promise<Promotion> {
    return this.#viewPromotion(await this.#promotion(this.#db, project, id));
  }

  /**
   * Another person's word on a promotion. Who asked for it, or wrote the release, cannot approve it, whether they did so
   * themselves or by a token or robot of theirs.
   * @throws Fault deploy.same-person, deploy.promotion-decided, deploy.promotion-unknown
   */
  async decide(
    project: string,
    id: string,
    by: Principal,
    decision: 'approve' | 'reject',
    comment: string | null,
  ): Promise<Promotion> {
    const row = await this.#db.transaction().execute(async (tx) => {
      const found = await this.#promotion(tx, project, id);
      if (found.state !== 'awaiting-approval')
        throw deployFault('deploy.promotion-decided', { id, state: found.state });
      const source = await findRelease(tx, found.source_release);
      const involved = involvedIn(found, source === undefined ? [] : authorsOf(source));
      if (decision === 'approve' && (by.kind !== 'user' || involved.includes(by.actor))) {
        throw deployFault('deploy.same-person', { name: by.name, id, project });
      }
      const decisions = JSON.parse(found.decisions) as Decision[];
      const others = decisions.filter((one) => one.by !== by.actor);
      const all: Decision[] = [
        ...others,
        { by: by.actor, at: this.#now(), decision, comment, certificate: by.certificate ?? null },
      ];
      const approved = all.filter((one) => one.decision === 'approve').length >= found.required;
      const state: PromotionState = decision === 'reject' ? 'rejected' : approved ? 'approved' : 'awaiting-approval';
      const changed: PromotionRow = { ...found, state, decisions: JSON.stringify(all) };
      await tx
        .updateTable('deploy_promotions')
        .set({ state, decisions: changed.decisions })
        .where('id', '=', id)
        .execute();
      await this.#recordPromotion(
        tx,
        changed,
        source === undefined ? null : toRelease(source),
        by.actor,
        `promotion.${decision === 'approve' ? 'approved' : 'rejected'}`,
      );
      return changed;
    });
    this.#journal.committed();
    return this.#viewPromotion(row);
  }

  async finishPromotion(id: string, state: 'done' | 'failed' | 'refused', releaseId: string | null): Promise<void> {
    await this.#db
      .updateTable('deploy_promotions')
      .set({ state, target_release: releaseId })
      .where('id', '=', id)
      .execute();
  }

  /** Promotions that were approved but not carried out: what a restart of control goes on with. */
  async approvedPromotions(): Promise<Promotion[]> {
    const rows = await this.#db.selectFrom('deploy_promotions').selectAll().where('state', '=', 'approved').execute();
    return Promise.all(rows.map((row) => this.#viewPromotion(row)));
  }

  async #viewPromotion(row: PromotionRow): Promise<Promotion> {
    const source = await findRelease(this.#db, row.source_release);
    return toPromotion(row, source === undefined ? null : toRelease(source));
  }

  async #promotion(db: Kysely<DeployTables>, project: string, id: string): Promise<PromotionRow> {
    const row = await db
      .selectFrom('deploy_promotions')
      .selectAll()
      .where('project', '=', project)
      .where('id', 'like', `${id.replaceAll(/[^0-9a-f-]/g, '')}%`)
      .limit(2)
      .execute();
    const [found] = row;
    if (found === undefined || row.length > 1) throw deployFault('deploy.promotion-unknown', { project, id });
    return found;
  }

  async #viewProject({ name, createdAt }: ProjectName): Promise<ProjectView> {
    const environments = [];
    for (const row of await listEnvironments(this.#db, name)) {
      const current = row.current_release === null ? undefined : await findRelease(this.#db, row.current_release);
      const statuses = this.statuses(null, name, row.name);
      environments.push({
        ...toEnvironment(row),
        release:
          current === undefined
            ? null
            : { id: current.id, number: current.number, state: current.state as ReleaseState },
        workloads: {
          ok: statuses.filter(isAsWanted).length,
          total: statuses.length,
        },
      });
    }
    return { name, createdAt, environments };
  }

  async #environment(project: string, environment: string): Promise<EnvironmentRow> {
    const row = await findEnvironment(this.#db, project, environment);
    if (row !== undefined) return row;
    const known = await listEnvironments(this.#db, project);
    if (known.length === 0) throw deployFault('deploy.project-unknown', { project });
    throw deployFault('deploy.environment-unknown', {
      project,
      environment,
      known: known.map((one) => one.name).join(', '),
    });
  }

  #open(row: ReleaseRow): SealedRelease {
    return JSON.parse(Buffer.from(this.#vault.open(row.sealed, `release/${row.id}`)).toString('utf8')) as SealedRelease;
  }

  async #activate(tx: Kysely<DeployTables>, row: ReleaseRow): Promise<void> {
    const { project, environment, id } = row;
    await tx
      .updateTable('deploy_releases')
      .set({ state: 'superseded' })
      .where('project', '=', project)
      .where('environment', '=', environment)
      .where('id', '!=', id)
      .where('state', 'in', ['rolling-out', 'canary', 'failed'])
      .execute();
    await tx
      .updateTable('deploy_environments')
      .set({ current_release: id })
      .where('project', '=', project)
      .where('name', '=', environment)
      .execute();
    await raiseRevision(tx);
  }

  /** Reads the state of the current release off its workloads. */
  async #settle(project: string, environment: string): Promise<void> {
    const row = await findEnvironment(this.#db, project, environment);
    const current = row?.current_release == null ? undefined : await findRelease(this.#db, row.current_release);
    if (row === undefined || current === undefined) return;
    const statuses = this.#statusesOf(current);
    const all = (test: (status: WorkloadStatus) => boolean): boolean =>
      statuses.every((status) => status !== undefined && test(status));
    const some = (...phases: WorkloadStatus['phase'][]): boolean =>
      statuses.some((status) => status !== undefined && phases.includes(status.phase));
    const isGoing = current.state === 'rolling-out' || current.state === 'canary';
    if (all(isThere)) {
      if (current.state !== 'available') await this.#finish(current, 'available');
    } else if (isGoing && some('canary') && all(isTried)) {
      if (current.state !== 'canary') await this.#finish(current, 'canary');
    } else if (isGoing && some('rolled-back')) {
      await this.#finish(current, 'rolled-back', await this.#whyNot(current, statuses));
    } else if (
      current.state === 'rolling-out' &&
      (some('refused', 'failed') ||
        statuses.some((status) => status?.conditions.some((condition) => condition.type === 'deadline-exceeded')))
    ) {
      const state = row.stable_release === null ? 'failed' : 'rolled-back';
      await this.#finish(current, state, await this.#whyNot(current, statuses));
    }
  }

  /**
   * What stands against a release: what hosts say of its workloads, and what happened to their pods since it began, which are
   * gone when it has gone back.
   */
  async #whyNot(
    { created_at: since }: ReleaseRow,
    statuses: readonly (WorkloadStatus | undefined)[],
  ): Promise<ReleaseReason[]> {
    const reasons: ReleaseReason[] = [];
    for (const status of statuses) {
      if (status === undefined || isThere(status) || isTried(status)) continue;
      const { name } = status.key;
      const events = (await this.events.list(status.key)).filter(
        ({ trouble, kind, lastAt }) => trouble && lastAt >= since && TELLING.has(kind),
      );
      const texts = [...status.conditions, ...events].map(({ text: { en, es } }) => ({
        en: en.slice(0, REASON_CHARACTERS_MAX),
        es: es.slice(0, REASON_CHARACTERS_MAX),
      }));
      const seen = new Map(texts.map((text) => [text.en, text]));
      reasons.push(...[...seen.values()].slice(0, REASONS_OF_WORKLOAD_MAX).map((text) => ({ workload: name, text })));
    }
    return reasons.slice(0, REASONS_MAX);
  }

  /** What hosts say of each workload of a release; undefined where that is of an earlier spec or an earlier try. */
  #statusesOf(row: ReleaseRow): (WorkloadStatus | undefined)[] {
    return this.#open(row).composition.workloads.map(({ key }) => {
      const status = this.#statuses.get(formatKey(key));
      return status?.generation === row.number ? status : undefined;
    });
  }

  async #finish(
    before: ReleaseRow,
    state: 'available' | 'canary' | 'rolled-back' | 'failed',
    reasons: readonly ReleaseReason[] = [],
  ): Promise<void> {
    // What failed and came up after all has nothing against it any more.
    const row = { ...before, why: reasons.length === 0 ? null : JSON.stringify(reasons) };
    const isDone = await this.#db.transaction().execute(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('deploy_releases')
        .set({ state, why: row.why })
        .where('id', '=', row.id)
        .where('state', '=', row.state)
        .executeTakeFirst();
      // Since it was read another release took its place, or a person ended its trial: what hosts say of it is past.
      if (numUpdatedRows === 0n) return false;
      if (state === 'available') {
        await tx
          .updateTable('deploy_releases')
          .set({ state: 'superseded' })
          .where('project', '=', row.project)
          .where('environment', '=', row.environment)
          .where('id', '!=', row.id)
          .where('state', '=', 'available')
          .execute();
        await tx
          .updateTable('deploy_environments')
          .set({ stable_release: row.id })
          .where('project', '=', row.project)
          .where('name', '=', row.environment)
          .execute();
      }
      if (state === 'available' || state === 'rolled-back') await raiseRevision(tx);
      if (state === 'rolled-back') {
        const environment = await findEnvironment(tx, row.project, row.environment);
        await tx
          .updateTable('deploy_environments')
          .set({ current_release: environment?.stable_release ?? null })
          .where('project', '=', row.project)
          .where('name', '=', row.environment)
          .execute();
      }
      await this.#recordRelease(tx, { ...row, state }, 'platform');
      return true;
    });
    if (!isDone) return;
    this.#journal.committed();
    const changed = toRelease({ ...row, state });
    for (const listener of this.#releaseListeners) listener(changed);
    // The spec before a release that became available is no longer needed; one that went back changes what should run.
    await this.#announce();
  }

  async #announce(): Promise<void> {
    this.#wanted = null;
    const wanted = await this.wanted();
    for (const listener of this.#wantedListeners) listener(wanted);
  }

  async #recordRelease(tx: Kysely<DeployTables>, row: ReleaseRow, actor: string): Promise<void> {
    const digests = JSON.parse(row.digests) as PinnedImage[];
    const subject = `${row.project}/${row.environment} release ${row.number}`;
    // One fact an image, so that each image's own thread holds its deploys.
    for (const digest of new Set(digests.map((image) => image.digest))) {
      await this.#journal.record(tx, {
        kind: 'workload.changed',
        project: row.project,
        actor,
        subject,
        digest,
        body: {
          release: row.id,
          number: row.number,
          environment: row.environment,
          state: row.state,
          ...(row.why === null ? {} : { why: reasonTexts(row.why) }),
          specHash: row.spec_hash,
          images: digests.filter((image) => image.digest === digest).map((image) => image.name),
          commit: row.commit_id,
        },
      });
    }
  }

  async #recordPromotion(
    tx: Kysely<DeployTables>,
    row: PromotionRow,
    source: Release | null,
    actor: string,
    kind: string,
  ): Promise<void> {
    const body: Json = {
      promotion: row.id,
      from: row.from_environment,
      to: row.to_environment,
      release: row.source_release,
      number: source?.number ?? null,
      state: row.state,
    };
    for (const digest of new Set(source?.digests.map((image) => image.digest) ?? [])) {
      await this.#journal.record(tx, {
        kind,
        project: row.project,
        actor,
        subject: `${row.project} ${row.from_environment} → ${row.to_environment}`,
        digest,
        body,
      });
    }
  }

  #now(): string {
    return this.#clock.now().toISOString();
  }
}

/** What a project file asks of an environment that it does not get, for who wrote it would believe it. */
function keptOf(
  project: string,
  before: { readonly name: string; readonly class: string; readonly policy: string; readonly approvals: number },
  written: { readonly class: string; readonly policy: string; readonly approvals: number },
): Text[] {
  const { name } = before;
  const of = (en: string, es: string, has: string, asked: string): Text[] =>
    has === asked
      ? []
      : [
          {
            en: `${name} keeps ${en} ${has}, not ${asked}: a project file does not loosen or exchange what guards production`,
            es: `${name} conserva ${es} ${has}, no ${asked}: un archivo de proyecto no afloja ni cambia lo que protege producción`,
          },
        ];
  const approvals = String(Math.max(before.approvals, written.approvals));
  const change = `darsena env set ${project}/${name} --policy ${written.policy}`;
  const policy =
    before.class === 'production'
      ? of('the policy', 'la política', before.policy, written.policy)
      : before.policy === written.policy
        ? []
        : [
            {
              en: `${name} keeps the policy ${before.policy}, not ${written.policy}: an administrator set it`,
              es: `${name} conserva la política ${before.policy}, no ${written.policy}: la fijó un administrador`,
            },
          ];
  return [
    ...of('the class', 'la clase', before.class, written.class),
    // Who may change it is told how; a file of the project cannot.
    ...policy.map(({ en, es }) => ({ en: `${en} (${change})`, es: `${es} (${change})` })),
    ...of('the approvals', 'las aprobaciones', approvals, String(written.approvals)),
  ];
}

function toEnvironment(row: EnvironmentRow): Environment {
  return { name: row.name, class: row.class as EnvironmentClass, policy: row.policy, approvals: row.approvals };
}

function isThere({ phase, updated, ready, wanted }: WorkloadStatus): boolean {
  // None is wanted, and none is there.
  if (phase === 'stopped' && wanted === 0) return true;
  return RUNS_TO_AN_END.has(phase) || (phase === 'available' && updated >= wanted && ready >= wanted);
}

/** Its pods under trial are ready, or nothing of it is under trial. */
function isTried(status: WorkloadStatus): boolean {
  return status.phase === 'canary' || isThere(status);
}

/** Of a release from before they were written down, whoever made it. */
function authorsOf({ authors, created_by: maker }: ReleaseRow): string[] {
  return authors === null ? [maker] : (JSON.parse(authors) as string[]);
}

/** The reasons kept beside a release, as facts have them. */
function reasonTexts(why: string): string[] {
  return (JSON.parse(why) as ReleaseReason[]).map(({ workload, text }) =>
    workload === null ? text.en : `${workload}: ${text.en}`,
  );
}

function toRelease(row: ReleaseRow): Release {
  return {
    id: row.id,
    project: row.project,
    environment: row.environment,
    number: row.number,
    state: row.state as ReleaseState,
    specHash: row.spec_hash,
    digests: JSON.parse(row.digests) as PinnedImage[],
    verdict: row.verdict === null ? null : (JSON.parse(row.verdict) as Verdict),
    promotedFrom: row.promoted_from === null ? null : (JSON.parse(row.promoted_from) as Release['promotedFrom']),
    commit: row.commit_id,
    createdAt: row.created_at,
    createdBy: row.created_by,
    authors: authorsOf(row),
    canary: row.canary,
    change: row.change == null ? null : (JSON.parse(row.change) as WorkloadChange),
    why: row.why == null ? [] : (JSON.parse(row.why) as ReleaseReason[]),
  };
}

function involvedIn(row: PromotionRow, authors: readonly string[]): string[] {
  return [...new Set([row.requester ?? row.requested_by, ...authors])];
}

function toPromotion(row: PromotionRow, source: Release | null): Promotion {
  return {
    id: row.id,
    project: row.project,
    from: row.from_environment,
    to: row.to_environment,
    state: row.state as PromotionState,
    digests: source?.digests ?? [],
    requestedBy: row.requested_by,
    requester: row.requester ?? row.requested_by,
    involved: involvedIn(row, source?.authors ?? []),
    requestedAt: row.requested_at,
    verdict: row.verdict === null ? null : (JSON.parse(row.verdict) as Verdict),
    approvals: JSON.parse(row.decisions) as Decision[],
    required: row.required,
    sourceRelease: row.source_release,
    releaseId: row.target_release,
  };
}

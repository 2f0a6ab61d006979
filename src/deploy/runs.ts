import type { Kysely } from 'kysely';
import type { Vault } from '../access/index.ts';
import type { Journal } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import { type Clock, type Json, type Text, timeOfAges } from '../system/index.ts';
import { type Composition, RUN } from './composition.ts';
import type { ReleaseSource } from './deployments.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { deployFault } from './errors.ts';
import { RUN_COMMAND_SHOWN, RUN_JOIN_MS, RUN_KEPT_MS, RUN_READ_MS, RUN_STOP_SECONDS, RUNS_MAX } from './limits.ts';
import { formatKey, type WorkloadKey } from './model.ts';
import { type DeployTables, type RunRow, raiseRevision } from './store.ts';
import { formatUlimits, ULIMITS_ANNOTATION, type Ulimits } from './ulimits.ts';

/** What somebody asks to run once, as the command line and the API say it. */
export interface RunOrder {
  readonly name: string;
  /** As written: `tienda/web:1.2`, or `web` for one of the project. */
  readonly image: string;
  /** In place of what the image says; null leaves that. */
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly workingDir: string | null;
  readonly user: { readonly uid: number; readonly gid: number | null } | null;
  readonly cpuMillis: number | null;
  readonly memoryBytes: number | null;
  readonly readOnly: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly newPrivileges: boolean;
  /** Claims of the environment. */
  readonly volumes: readonly { readonly claim: string; readonly path: string; readonly readOnly: boolean }[];
  /** Folders in memory. */
  readonly tmpfs: readonly string[];
  readonly hostname: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
  readonly stopSeconds: number | null;
  /** Limits of its processes, by their names. */
  readonly ulimits: Ulimits;
  readonly interactive: boolean;
  readonly terminal: boolean;
  /** Somebody joins it, and it ends with their connection. */
  readonly joined: boolean;
  /** Nothing of it stays when it has ended. */
  readonly remove: boolean;
}

export interface RunView {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly state: 'running' | 'ended';
  readonly image: string;
  readonly digest: string;
  readonly command: readonly string[];
  readonly joined: boolean;
  readonly remove: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly endedAt: string | null;
  /** Null while it runs, and where it never began. */
  readonly exitCode: number | null;
  /** Why it ended, where its exit code does not say it. */
  readonly why: Text | null;
}

interface SealedRun {
  readonly composition: Composition;
  readonly source: ReleaseSource;
}

/** What the book asks of whoever knows the hosts. */
export interface RunHosts {
  statuses(): readonly WorkloadStatus[];
  /** What hosts should run has changed. */
  announce(): Promise<void>;
  /** Ends a container: asked, and after the grace forced. Resolves when it has ended. */
  stop(containerId: string, graceSeconds: number): Promise<void>;
}

/**
 * What people run once beside the releases (`darsena run`): judged like any start, kept with what it was made from until
 * somebody removes it or its time is over. What hosts report says when it has ended.
 */
export class Runs {
  readonly #db: Kysely<DeployTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #vault: Vault;
  readonly #hosts: RunHosts;
  readonly #startedMs: number;
  /** Connections that are joined to a run, by its id. */
  readonly #joined = new Map<string, number>();
  /** When the last of them went. */
  readonly #leftMs = new Map<string, number>();
  readonly #stopping = new Set<string>();

  constructor(options: {
    readonly db: Kysely<DeployTables>;
    readonly journal: Journal;
    readonly clock: Clock;
    readonly vault: Vault;
    readonly hosts: RunHosts;
  }) {
    this.#db = options.db;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#vault = options.vault;
    this.#hosts = options.hosts;
    this.#startedMs = options.clock.now().getTime();
  }

  /**
   * Writes a run down that was judged and admitted, and lets hosts start it; state and fact are one transaction.
   * @throws Fault deploy.run-exists, deploy.runs-many
   */
  async start(request: {
    readonly id: string;
    readonly project: string;
    readonly environment: string;
    readonly order: RunOrder;
    readonly digest: Digest;
    readonly composition: Composition;
    readonly source: ReleaseSource;
    readonly actor: string;
  }): Promise<RunView> {
    const { id, project, environment, order, digest, composition, source, actor } = request;
    const sealed: SealedRun = { composition, source };
    const row: RunRow = {
      id,
      project,
      environment,
      name: order.name,
      state: 'running',
      image: order.image,
      digest,
      command: JSON.stringify(shownWords([...(order.entrypoint ?? []), ...order.command])),
      joined: order.joined ? 1 : 0,
      remove: order.remove ? 1 : 0,
      created_at: this.#now().toISOString(),
      created_by: actor,
      ended_at: null,
      exit_code: null,
      why: null,
      sealed: this.#vault.seal(Buffer.from(JSON.stringify(sealed)), `run/${id}`),
    };
    await this.#db.transaction().execute(async (tx) => {
      const others = await tx
        .selectFrom('deploy_runs')
        .select(['name', 'environment'])
        .where('project', '=', project)
        .execute();
      if (others.some((other) => other.name === order.name && other.environment === environment))
        throw deployFault('deploy.run-exists', { name: order.name, project, environment });
      if (others.length >= RUNS_MAX) throw deployFault('deploy.runs-many', { project, most: RUNS_MAX });
      await tx.insertInto('deploy_runs').values(row).execute();
      await raiseRevision(tx);
      await this.#record(tx, 'run.started', row, actor, {
        image: order.image,
        command: JSON.parse(row.command) as string[],
        joined: order.joined,
      });
    });
    this.#journal.committed();
    await this.#hosts.announce();
    return toView(row);
  }

  async list(project: string, environment?: string): Promise<RunView[]> {
    let select = this.#db.selectFrom('deploy_runs').select(SHOWN).where('project', '=', project);
    if (environment !== undefined) select = select.where('environment', '=', environment);
    return (await select.orderBy('id', 'desc').execute()).map(toView);
  }

  /** @param name of the run, or its id @throws Fault deploy.run-unknown */
  async read(project: string, name: string, environment?: string): Promise<RunView> {
    const found = (await this.list(project, environment)).filter((run) => run.name === name || run.id === name);
    const [run] = found;
    if (run === undefined) throw deployFault('deploy.run-unknown', { name, project });
    if (found.length > 1)
      throw deployFault('deploy.run-unclear', { name, known: found.map((one) => one.environment).join(', ') });
    return run;
  }

  /** What hosts should run of it: one that has ended starts nothing any more, and its logs stay; one that never began goes. */
  async compositions(): Promise<Composition[]> {
    const rows = await this.#db.selectFrom('deploy_runs').selectAll().orderBy('id').execute();
    return rows.flatMap((row) => {
      if (row.state !== 'running' && row.exit_code === null) return [];
      const { composition } = this.#open(row);
      return [row.state === 'running' ? composition : withoutStarts(composition)];
    });
  }

  /** What may still start, for the permissions that hosts are given. */
  async active(): Promise<readonly (RunView & SealedRun)[]> {
    const rows = await this.#db
      .selectFrom('deploy_runs')
      .selectAll()
      .where('state', '=', 'running')
      .orderBy('id')
      .execute();
    return rows.map((row) => ({ ...toView(row), ...this.#open(row) }));
  }

  /** Somebody's connection is joined to a run of this name, if there is one; `gone` tells that it ended. */
  async join(key: WorkloadKey): Promise<{ gone(): void } | null> {
    const run = (await this.list(key.project, key.environment)).find(({ name }) => name === key.name);
    if (run === undefined) return null;
    this.#joined.set(run.id, (this.#joined.get(run.id) ?? 0) + 1);
    let isOpen = true;
    return {
      gone: () => {
        if (!isOpen) return;
        isOpen = false;
        const left = (this.#joined.get(run.id) ?? 1) - 1;
        if (left > 0) this.#joined.set(run.id, left);
        else {
          this.#joined.delete(run.id);
          this.#leftMs.set(run.id, this.#now().getTime());
        }
      },
    };
  }

  /** Ends a run that goes on; its logs stay. @throws Fault deploy.run-unknown */
  async stop(project: string, name: string, environment: string | undefined, actor: string): Promise<RunView> {
    const run = await this.read(project, name, environment);
    if (run.state === 'running') await this.#stop(run, actor);
    return this.read(project, run.id);
  }

  /** Takes a run away with what is left of it; one that goes on is ended. @throws Fault deploy.run-unknown, deploy.run-going */
  async remove(
    project: string,
    name: string,
    options: { readonly environment?: string | undefined; readonly force: boolean; readonly actor: string },
  ): Promise<RunView> {
    const run = await this.read(project, name, options.environment);
    if (run.state === 'running' && !options.force)
      throw deployFault('deploy.run-going', { name: `${project}/${run.name}` });
    await this.#remove(run, options.actor);
    return run;
  }

  /** Looks at what hosts say: notes what has ended, and takes away what nobody waits for. */
  async follow(): Promise<void> {
    const rows = await this.#db.selectFrom('deploy_runs').select(SHOWN).execute();
    if (rows.length === 0) return;
    const statuses = new Map(
      this.#hosts
        .statuses()
        .filter(({ generation }) => generation === RUN)
        .map((status) => [formatKey(status.key), status]),
    );
    const nowMs = this.#now().getTime();
    const failures: unknown[] = [];
    for (const row of rows) {
      const run = toView(row);
      try {
        await this.#followOne(run, statuses.get(formatKey(run)), nowMs);
      } catch (error) {
        // One that cannot be stopped now must not keep those of everybody else from ending.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} runs could not be followed`);
  }

  async #followOne(run: RunView, status: WorkloadStatus | undefined, nowMs: number): Promise<void> {
    if (run.state === 'running') return this.#followRunning(run, status, nowMs);
    const agoMs = timeOfAges(this.#clock).getTime() - Date.parse(run.endedAt ?? run.createdAt);
    // Whoever waits for its output must still find it.
    const isRead = !this.#joined.has(run.id) && (!run.joined || Math.abs(agoMs) >= RUN_READ_MS);
    if ((run.remove && isRead) || agoMs >= RUN_KEPT_MS) await this.#remove(run, 'platform');
  }

  async #followRunning(run: RunView, status: WorkloadStatus | undefined, nowMs: number): Promise<void> {
    if (status?.phase === 'completed' || status?.phase === 'failed') {
      const code = status.replicas.find(({ lastExit }) => lastExit !== null)?.lastExit?.code ?? null;
      const failed = status.conditions.find(({ type }) => type === 'job-failed');
      await this.#end(run, code, code === null ? (failed?.text ?? null) : null);
      return;
    }
    if (run.joined && !this.#joined.has(run.id)) {
      const leftMs = this.#leftMs.get(run.id);
      const waitedMs = nowMs - Math.max(Date.parse(run.createdAt), this.#startedMs);
      // A connection ends with its process, and hosts tell of that a moment later.
      if (leftMs === undefined ? waitedMs >= RUN_JOIN_MS : nowMs - leftMs >= END_TOLD_MS) {
        await this.#stop(run, 'platform');
        return;
      }
    }
    if (status === undefined) return;
    const trouble = status.conditions.find(({ type }) => type === 'start-failed' || type === 'refused');
    // Whoever joins it is told first.
    if (trouble !== undefined && nowMs - Date.parse(trouble.since) >= START_TOLD_MS && status.replicas.length === 0)
      await this.#end(run, null, trouble.text);
  }

  async #stop(run: RunView, actor: string): Promise<void> {
    if (this.#stopping.has(run.id)) return;
    this.#stopping.add(run.id);
    try {
      const replicas = this.#hosts
        .statuses()
        .filter((status) => status.generation === RUN && formatKey(status.key) === formatKey(run))
        .flatMap((status) => status.replicas);
      const containers = replicas.flatMap((replica) => replica.containers);
      const running = containers.filter(({ state }) => state === 'running');
      const { composition } = await this.#sealed(run.id);
      const grace = composition.workloads[0]?.pod.terminationGraceSeconds ?? RUN_STOP_SECONDS;
      // Nothing of it has begun: it must not begin either.
      const isWaiting = containers.every(({ state }) => state === 'created');
      // What has ended is told of a moment later, and was not stopped.
      if (!isWaiting && running.length === 0) return;
      if (isWaiting) await this.#end(run, null, NEVER_BEGAN);
      for (const { id } of running) await this.#hosts.stop(id, grace);
      await this.#db.transaction().execute((tx) => this.#record(tx, 'run.stopped', run, actor, {}));
      this.#journal.committed();
    } finally {
      this.#stopping.delete(run.id);
    }
  }

  async #end(run: RunView, exitCode: number | null, why: Text | null): Promise<void> {
    const isDone = await this.#db.transaction().execute(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('deploy_runs')
        .set({
          state: 'ended',
          ended_at: this.#now().toISOString(),
          exit_code: exitCode,
          why: why === null ? null : JSON.stringify(why),
        })
        .where('id', '=', run.id)
        .where('state', '=', 'running')
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return false;
      await raiseRevision(tx);
      await this.#record(tx, 'run.ended', run, 'platform', { exitCode, why: why === null ? null : { ...why } });
      return true;
    });
    if (!isDone) return;
    this.#journal.committed();
    await this.#hosts.announce();
  }

  async #remove(run: RunView, actor: string): Promise<void> {
    const isDone = await this.#db.transaction().execute(async (tx) => {
      const { numDeletedRows } = await tx.deleteFrom('deploy_runs').where('id', '=', run.id).executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      await raiseRevision(tx);
      await this.#record(tx, 'run.removed', run, actor, { exitCode: run.exitCode });
      return true;
    });
    if (!isDone) return;
    this.#joined.delete(run.id);
    this.#leftMs.delete(run.id);
    this.#journal.committed();
    await this.#hosts.announce();
  }

  async #sealed(id: string): Promise<SealedRun> {
    const row = await this.#db.selectFrom('deploy_runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    return this.#open(row);
  }

  #open(row: RunRow): SealedRun {
    return JSON.parse(Buffer.from(this.#vault.open(row.sealed, `run/${row.id}`)).toString('utf8')) as SealedRun;
  }

  #record(
    tx: Kysely<DeployTables>,
    kind: string,
    run: Pick<RunRow, 'id' | 'project' | 'environment' | 'name' | 'digest'>,
    actor: string,
    more: { readonly [key: string]: Json },
  ): Promise<unknown> {
    const { id, project, environment, name, digest } = run;
    const subject = `${project}/${environment}/${name}`;
    return this.#journal.record(tx, { kind, project, actor, subject, digest, body: { run: id, ...more } });
  }

  #now(): Date {
    return this.#clock.now();
  }
}

/** Between the end of a process and the word of its host about it. */
const END_TOLD_MS = 2_000;

/** That a start fails is a state that lasts; one that was only slow is none. */
const START_TOLD_MS = 3_000;

const NEVER_BEGAN: Text = { en: 'it was stopped before it began', es: 'se detuvo antes de empezar' };

/** What people and the audit log are shown of a command: its beginning, when it is long. The run itself has it whole. */
function shownWords(words: readonly string[]): string[] {
  const shown: string[] = [];
  let left = RUN_COMMAND_SHOWN;
  for (const word of words) {
    if (left <= 0) return [...shown, '…'];
    shown.push(word.length > left ? `${word.slice(0, left)}…` : word);
    left -= word.length + 1;
  }
  return shown;
}

/** A run of nothing: the job of an ended run has no place left for a pod. */
function withoutStarts(composition: Composition): Composition {
  return {
    ...composition,
    workloads: composition.workloads.map((workload) =>
      workload.controller?.kind === 'job'
        ? { ...workload, controller: { ...workload.controller, parallelism: 0 } }
        : workload,
    ),
  };
}

/** All but what it was made from: that is long, and opened only where it is needed. */
const SHOWN = [
  'id',
  'project',
  'environment',
  'name',
  'state',
  'image',
  'digest',
  'command',
  'joined',
  'remove',
  'created_at',
  'created_by',
  'ended_at',
  'exit_code',
  'why',
] as const;

function toView(row: Pick<RunRow, (typeof SHOWN)[number]>): RunView {
  return {
    id: row.id,
    project: row.project,
    environment: row.environment,
    name: row.name,
    state: row.state as RunView['state'],
    image: row.image,
    digest: row.digest,
    command: JSON.parse(row.command) as string[],
    joined: row.joined === 1,
    remove: row.remove === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    endedAt: row.ended_at,
    exitCode: row.exit_code,
    why: row.why === null ? null : (JSON.parse(row.why) as Text),
  };
}

/**
 * A run as the manifests that say the same: it goes the way of every other workload from there, so that nothing is
 * admitted here that would not be admitted there. The id makes its specification its own: a job is not begun twice.
 * @param claims the claims of the environment, whole
 * @throws Fault deploy.run-volume
 */
export function runManifests(
  id: string,
  order: RunOrder,
  claims: readonly {
    readonly claim: string;
    readonly accessModes: readonly string[];
    readonly requestedBytes: number;
  }[],
): Json[] {
  const { cpuMillis, memoryBytes } = order;
  const used = order.volumes.map(({ claim }) => {
    const found = claims.find((one) => one.claim === claim);
    if (found === undefined)
      throw deployFault('deploy.run-volume', { claim, known: claims.map((one) => one.claim).join(', ') || '—' });
    return found;
  });
  const limits = {
    ...(cpuMillis === null ? {} : { cpu: `${cpuMillis}m` }),
    ...(memoryBytes === null ? {} : { memory: String(memoryBytes) }),
  };
  const job: Json = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: order.name },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: {
          labels: { run: order.name, ...order.labels },
          annotations: {
            'darsena.run': id,
            ...(Object.keys(order.ulimits).length === 0 ? {} : { [ULIMITS_ANNOTATION]: formatUlimits(order.ulimits) }),
          },
        },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: order.stopSeconds ?? RUN_STOP_SECONDS,
          ...(order.hostname === null ? {} : { hostname: order.hostname }),
          ...(order.hosts.length === 0
            ? {}
            : { hostAliases: order.hosts.map(({ name, address }) => ({ ip: address, hostnames: [name] })) }),
          containers: [
            {
              name: order.name,
              image: order.image,
              ...(order.entrypoint === null ? {} : { command: order.entrypoint.map(literal) }),
              ...(order.command.length === 0 ? {} : { args: order.command.map(literal) }),
              ...(order.workingDir === null ? {} : { workingDir: order.workingDir }),
              env: order.env.map(({ name, value }) => ({ name, value: literal(value) })),
              stdin: order.interactive,
              tty: order.terminal,
              resources: { limits },
              volumeMounts: [
                ...order.volumes.map(({ path, readOnly }, index) => ({
                  name: `volume-${index}`,
                  mountPath: path,
                  readOnly,
                })),
                ...order.tmpfs.map((path, index) => ({ name: `tmpfs-${index}`, mountPath: path })),
              ],
              securityContext: {
                ...(order.user === null ? {} : { runAsUser: order.user.uid }),
                ...(order.user?.gid == null ? {} : { runAsGroup: order.user.gid }),
                allowPrivilegeEscalation: order.newPrivileges,
                readOnlyRootFilesystem: order.readOnly,
                capabilities: { add: [...order.capAdd], drop: [...order.capDrop] },
              },
            },
          ],
          volumes: [
            ...used.map(({ claim }, index) => ({
              name: `volume-${index}`,
              persistentVolumeClaim: { claimName: claim },
            })),
            ...order.tmpfs.map((_path, index) => ({ name: `tmpfs-${index}`, emptyDir: { medium: 'Memory' } })),
          ],
        },
      },
    },
  };
  const documents = [...new Set(used)].map(({ claim, accessModes, requestedBytes }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claim },
    spec: { accessModes: [...accessModes], resources: { requests: { storage: String(requestedBytes) } } },
  }));
  return [job, ...documents];
}

/** Kubernetes reads `$(NAME)` as a reference and `$$` as one `$`; here both are what somebody typed. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Principal } from '../../access/index.ts';
import type { ContainerProfile, WorkloadStatus } from '../../deploy/index.ts';
import { writeYaml } from '../../formats/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { Operation, OperationContext, Operations, StepHandle } from '../../progress/index.ts';
import { type Clock, Fault, type Json, newId, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { PROFILE_KEEP_MS, PROFILE_POLL_MS, PROFILE_READY_MS, PROFILE_TEST_SECONDS } from '../limits.ts';
import type { HostTables } from '../machines.ts';
import { faultText } from '../words.ts';
import { addUse, type ProfileBody, type ProfileTask, profileOf, recordedUses } from './profile.ts';
import { type RootNeeds, rootNeeds, withoutRoot } from './root.ts';

/** `recorded`: seen, not tried; `passed`, `failed`: tried in a copy; `applied`: stands beside the image and narrows starts. */
export type ProfileState = 'recorded' | 'passed' | 'failed' | 'applied';

export interface ProfileTrial {
  /** RFC 3339 */
  readonly at: string;
  readonly environment: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly test: readonly string[] | null;
  readonly why: Text | null;
}

export interface ProfileView extends ProfileBody {
  readonly digest: string;
  readonly repository: string;
  readonly state: ProfileState;
  readonly recordedAt: string;
  readonly trial: ProfileTrial | null;
  /** Since when one stands beside the image, whatever was recorded or tried after it; null: none does. */
  readonly appliedAt: string | null;
}

/** A container of a workload as it is deployed. */
export interface DeployedContainer {
  readonly container: string;
  /** `project/image` */
  readonly repository: string;
  readonly digest: string;
  readonly runsAsRoot: boolean;
  readonly mounts: readonly string[];
}

/** Where workloads are found, copied, watched and asked. */
export interface ProfileGround {
  /** @throws Fault deploy.workload-unknown */
  containers(project: string, environment: string, workload: string): Promise<readonly DeployedContainer[]>;
  /** Every workload of a project, or of all, with its containers. */
  deployed(
    project: string | null,
  ): Promise<
    readonly { project: string; environment: string; workload: string; containers: readonly DeployedContainer[] }[]
  >;
  /**
   * Starts a copy of a workload beside it: one pod without its volumes' data and without requests, judged as any start.
   * @param edit of its manifest @param profiles to narrow its containers to, by the workload's own name
   * @returns the manifest as it was copied
   */
  copy(request: {
    readonly project: string;
    readonly environment: string;
    readonly workload: string;
    readonly name: string;
    readonly edit: ((manifest: Json) => Json) | null;
    readonly profiles: readonly ContainerProfile[];
    readonly by: Principal;
  }): Promise<Json>;
  removeCopy(project: string, environment: string, name: string, actor: string): Promise<void>;
  status(project: string, environment: string, workload: string): WorkloadStatus | undefined;
  run(task: ProfileTask, options: { readonly step: StepHandle; readonly signal?: AbortSignal }): Promise<Json>;
  /** Puts the profiles of an image into one signed statement beside it. */
  state(
    image: { readonly repository: string; readonly digest: string },
    change: (standing: readonly ContainerProfile[]) => readonly ContainerProfile[],
    actor: string,
  ): Promise<void>;
}

export interface ProfilesOptions {
  readonly db: Kysely<never>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Pick<Operations, 'start'>;
  readonly clock: Clock;
  readonly ground: ProfileGround;
}

export interface RecordOrder {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly seconds: number;
}

export interface TryOrder extends RecordOrder {
  /** Run in each container of the copy; it must end with 0. Null: the probes alone. */
  readonly test: readonly string[] | null;
}

interface Place {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
}

const tested = z.object({ exitCode: z.number().int(), output: z.string().max(1_000_000) });

/** What workloads call, recorded, proven in a copy, and put beside their images. */
export class Profiles {
  readonly #options: ProfilesOptions;
  readonly #db: Kysely<HostTables>;

  constructor(options: ProfilesOptions) {
    this.#options = options;
    this.#db = options.db as unknown as Kysely<HostTables>;
  }

  /** @param project null: of all */
  async list(project: string | null, workload: string | null = null): Promise<ProfileView[]> {
    let select = this.#db.selectFrom('host_profiles').selectAll();
    if (project !== null) select = select.where('project', '=', project);
    if (workload !== null) select = select.where('workload', '=', workload);
    const rows = await select.orderBy('recorded_at', 'desc').execute();
    return rows.map(toView);
  }

  /** Records what a running workload calls. @throws Fault deploy.workload-unknown */
  async record(order: RecordOrder, by: Principal): Promise<Operation> {
    const { project, environment, workload, seconds } = order;
    const containers = await this.#options.ground.containers(project, environment, workload);
    const title: Text = {
      en: `Record what ${project}/${workload} in ${environment} calls`,
      es: `Grabar lo que llama ${project}/${workload} en ${environment}`,
    };
    return this.#start('profile-record', order, title, by, async (context) => {
      const step = context.step({ en: `Recording for ${seconds} s`, es: `Grabación de ${seconds} s` });
      await this.#recordFor(order, workload, containers, seconds, context, step);
      step.done();
      const items = await this.#standing(order, containers);
      await this.#fact('profile.recorded', order, by.actor, {
        containers: items.map(({ container, calls }) => ({ container, calls: calls.length })),
      });
      return { items: items.map(shown) };
    });
  }

  /**
   * Proves what was recorded: a first copy shows what a start and the test call, a second one is narrowed to all that is
   * known and must become ready, pass the test and stay as it is.
   * @throws Fault deploy.workload-unknown
   */
  async try(order: TryOrder, by: Principal): Promise<Operation> {
    const { ground } = this.#options;
    const containers = await ground.containers(order.project, order.environment, order.workload);
    const title: Text = {
      en: `Try the profile of ${order.project}/${order.workload} in a copy`,
      es: `Probar el perfil de ${order.project}/${order.workload} en una copia`,
    };
    return this.#start('profile-try', order, title, by, async (context) => {
      const learn = context.step({ en: 'A copy that is recorded', es: 'Una copia que se graba' });
      const name = copyName(order.workload);
      await this.#inCopy(order, { name, edit: null, profiles: [], by }, context.signal, async (begun) => {
        await this.#recordFor(order, name, containers, null, context, learn, async () => {
          await begun();
          await this.#prove(order, name, context.signal, learn);
        });
      });
      learn.done();
      const known = await this.#standing(order, containers);
      const foreign = known.find((one) => one.foreign);
      if (foreign !== undefined) throw hostFault('host.profile-foreign', { container: foreign.container });
      const prove = context.step({ en: 'A copy that may nothing else', es: 'Una copia que no puede nada más' });
      let why: Text | null = null;
      try {
        const narrowed = { name: copyName(order.workload), edit: null, profiles: known.map(profileOf), by };
        await this.#inCopy(order, narrowed, context.signal, async (begun) => {
          await begun();
          await this.#prove(order, narrowed.name, context.signal, prove);
        });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        why = faultText(error);
      }
      const { clock } = this.#options;
      const { environment, seconds, test } = order;
      const trial = { at: clock.now().toISOString(), environment, passed: why === null, seconds, test, why };
      // What was recorded of them meanwhile was not tried.
      const now = await this.#standing(order, containers);
      for (const one of known) {
        const later = now.find((other) => isSame(other, one) && other.digest === one.digest);
        const isMore = later !== undefined && JSON.stringify(profileOf(later)) !== JSON.stringify(profileOf(one));
        const proven = why === null ? 'passed' : 'failed';
        await this.#set(one, isMore && why === null ? 'recorded' : proven, trial);
      }
      await this.#fact('profile.tried', order, by.actor, {
        passed: why === null,
        why: why === null ? null : { ...why },
      });
      if (why !== null) {
        prove.fail(why);
        throw hostFault('host.profile-failed', { workload: order.workload, why: why.en, porque: why.es });
      }
      prove.done();
      return { items: known.map(shown) };
    });
  }

  /**
   * Puts what passed beside the images, signed; the next start of each container is narrowed to it.
   * @throws Fault host.profile-unproven
   */
  async apply(place: Place, by: Principal): Promise<ProfileView[]> {
    const containers = await this.#options.ground.containers(place.project, place.environment, place.workload);
    const known = await this.#standing(place, containers);
    const unproven = containers.filter(({ container }) => {
      return !known.some((one) => one.container === container && (one.state === 'passed' || one.state === 'applied'));
    });
    const [first] = unproven;
    if (known.length === 0 || first !== undefined) {
      throw hostFault('host.profile-unproven', { workload: place.workload, container: first?.container ?? '-' });
    }
    for (const one of known) {
      await this.#options.ground.state(
        one,
        (standing) => [...standing.filter((other) => !isSame(other, one)), profileOf(one)],
        by.actor,
      );
      await this.#set(one, 'applied', one.trial, this.#options.clock.now().toISOString());
    }
    await this.#fact('profile.applied', place, by.actor, { containers: known.map(({ container }) => container) });
    return this.#standing(place, containers);
  }

  /** Takes the profiles of a workload from its images; the next start has what it had before. */
  async withdraw(place: Place, by: Principal): Promise<ProfileView[]> {
    const containers = await this.#options.ground.containers(place.project, place.environment, place.workload);
    for (const one of await this.#standing(place, containers)) {
      // Recorded or tried anew meanwhile, it stands there all the same.
      if (one.appliedAt === null) continue;
      await this.#options.ground.state(one, (standing) => standing.filter((other) => !isSame(other, one)), by.actor);
      await this.#set(one, one.state === 'applied' ? 'passed' : one.state, one.trial, null);
    }
    await this.#fact('profile.withdrawn', place, by.actor, {});
    return this.#standing(place, containers);
  }

  /** Containers that run as root, and what is known of their needs. @param project null: of all */
  async roots(project: string | null): Promise<
    {
      readonly project: string;
      readonly environment: string;
      readonly workload: string;
      readonly containers: readonly string[];
      /** Null: nothing was recorded of one of them. */
      readonly needs: readonly RootNeeds[] | null;
    }[]
  > {
    const [deployed, known] = await Promise.all([this.#options.ground.deployed(project), this.list(project)]);
    return deployed.flatMap(({ containers, ...place }) => {
      const roots = containers.filter(({ runsAsRoot }) => runsAsRoot);
      if (roots.length === 0) return [];
      return [{ ...place, containers: roots.map(({ container }) => container), needs: needsOf(place, roots, known) }];
    });
  }

  /**
   * Writes the manifest of a workload that is no longer root, and tries it in a copy. The result has the manifest and what
   * the copy said, also where it did not work.
   * @throws Fault host.profile-unrecorded, host.root-none
   */
  async unroot(order: TryOrder, by: Principal): Promise<Operation> {
    const containers = await this.#options.ground.containers(order.project, order.environment, order.workload);
    const roots = containers.filter(({ runsAsRoot }) => runsAsRoot);
    if (roots.length === 0) throw hostFault('host.root-none', { workload: order.workload });
    const needs = needsOf(order, roots, await this.list(order.project, order.workload));
    if (needs === null) throw hostFault('host.profile-unrecorded', { workload: order.workload });
    const title: Text = {
      en: `Try ${order.project}/${order.workload} without root in a copy`,
      es: `Probar ${order.project}/${order.workload} sin root en una copia`,
    };
    return this.#start('root-removal', order, title, by, async (context) => {
      const step = context.step({ en: 'A copy without root', es: 'Una copia sin root' });
      let [manifest, why]: [Json, Text | null] = [null, null];
      try {
        const edit = (before: Json): Json => {
          manifest = withoutRoot(before, needs);
          return manifest;
        };
        const name = copyName(order.workload);
        await this.#inCopy(order, { name, edit, profiles: [], by }, context.signal, async (begun) => {
          await begun();
          await this.#prove(order, name, context.signal, step);
        });
        step.done();
      } catch (error) {
        if (!(error instanceof Fault) || manifest === null) throw error;
        why = faultText(error);
        step.fail(why);
      }
      await this.#fact('root.tried', order, by.actor, { passed: why === null, why: why === null ? null : { ...why } });
      const said = why === null ? null : { ...why };
      const yaml = writeYaml(manifest);
      return JSON.parse(JSON.stringify({ passed: why === null, why: said, needs, manifest, yaml })) as Json;
    });
  }

  /** The calls that each workload was seen to make, for what else wants to know what it would break. */
  async calls(): Promise<readonly ProfileBody[]> {
    return this.list(null);
  }

  /** Records a workload, or a copy of it, for a time or as long as the work takes. */
  async #recordFor(
    place: Place,
    recorded: string,
    containers: readonly DeployedContainer[],
    seconds: number | null,
    { signal }: Pick<OperationContext, 'signal'>,
    step: StepHandle,
    work: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    const { clock, ground } = this.#options;
    const id = newId(clock);
    const { project, environment } = place;
    const kept = new Set<string>();
    const ask = async (which: 'read' | 'end'): Promise<void> => {
      const answer = recordedUses.parse(await ground.run({ kind: 'profile', step: which, id }, { step }));
      await this.#keep(place, recorded, containers, answer, kept);
    };
    const most = (seconds ?? PROFILE_READY_MS / 1000) + 600;
    await ground.run(
      { kind: 'profile', step: 'begin', id, project, environment, workload: recorded, seconds: most },
      { step, signal },
    );
    try {
      await work();
      const until = clock.monotonicMs() + (seconds ?? 0) * 1000;
      for (let left = until - clock.monotonicMs(); left > 0; left = until - clock.monotonicMs()) {
        if (seconds !== null) step.update({ done: Math.floor(seconds - left / 1000), total: seconds, unit: 'items' });
        await clock.sleep(Math.min(left, PROFILE_KEEP_MS), signal);
        signal.throwIfAborted();
        // A sensor that was started anew is noticed here and not after a week.
        await ask('read');
      }
    } finally {
      await ask('end');
    }
  }

  /**
   * Joins what a host recorded to what was known; state and fact of each image stand alone.
   * @param kept containers of which an earlier look of the same recording was joined; this one's are added
   */
  async #keep(
    place: Place,
    recorded: string,
    containers: readonly DeployedContainer[],
    { uses }: z.infer<typeof recordedUses>,
    kept: Set<string>,
  ): Promise<void> {
    const now = this.#options.clock.now().toISOString();
    for (const one of uses) {
      const there = containers.find(({ container }) => container === one.container);
      if (one.workload !== recorded || there === undefined || one.digest !== there.digest) continue;
      await this.#db.transaction().execute(async (tx) => {
        const row = await tx
          .selectFrom('host_profiles')
          .selectAll()
          .where('project', '=', place.project)
          .where('workload', '=', place.workload)
          .where('container', '=', one.container)
          .where('digest', '=', there.digest)
          .executeTakeFirst();
        const before = row === undefined ? null : (JSON.parse(row.body) as ProfileBody);
        const target = { ...place, container: one.container, calls: [], families: [], capabilities: null };
        const body = addUse(before, one, target, kept.has(one.id));
        const isMore = before === null || JSON.stringify(profileOf(before)) !== JSON.stringify(profileOf(body));
        const values = {
          body: JSON.stringify(body),
          repository: there.repository,
          recorded_at: now,
          // What is proven of less is not proven of more; what stands beside the image goes on standing there (applied_at).
          state: isMore ? 'recorded' : (row?.state ?? 'recorded'),
        };
        const key = {
          project: place.project,
          workload: place.workload,
          container: one.container,
          digest: there.digest,
        };
        await tx
          .insertInto('host_profiles')
          .values({ ...key, ...values, trial: null, applied_at: null })
          .onConflict((conflict) =>
            conflict.columns(['project', 'workload', 'container', 'digest']).doUpdateSet(values),
          )
          .execute();
      });
      kept.add(one.id);
    }
  }

  /** Waits until a copy serves, has it pass the test, and looks whether it stays as it is. @throws Fault host.copy-failed */
  async #prove(order: TryOrder, name: string, signal: AbortSignal, step: StepHandle): Promise<void> {
    const { clock, ground } = this.#options;
    const { project, environment, seconds, test } = order;
    const until = clock.monotonicMs() + PROFILE_READY_MS;
    const look = (): WorkloadStatus | undefined => ground.status(project, environment, name);
    for (let status = look(); ; status = look()) {
      signal.throwIfAborted();
      const trouble = status?.conditions.find(({ type }) => type === 'refused' || type === 'start-failed');
      if (trouble !== undefined) throw copyFault(name, trouble.text);
      if (status !== undefined && restartsOf(status) > 0) throw copyFault(name, endText(status));
      if (status !== undefined && status.ready >= 1) break;
      if (clock.monotonicMs() > until) throw copyFault(name, NOT_READY);
      await clock.sleep(PROFILE_POLL_MS, signal);
    }
    step.note({ en: 'ready', es: 'lista' });
    if (test !== null) {
      const replica = look()?.replicas.find(({ ready }) => ready);
      const container = replica?.containers[0];
      if (container === undefined) throw copyFault(name, NOT_READY);
      const task = { kind: 'profile', step: 'test', containerId: container.id, command: test } as const;
      const { exitCode, output } = tested.parse(
        await ground.run({ ...task, seconds: PROFILE_TEST_SECONDS }, { step, signal }),
      );
      const said = output.trim().slice(0, 500);
      if (exitCode !== 0) {
        throw copyFault(name, {
          en: `the test ended with ${exitCode}: ${said}`,
          es: `la prueba terminó con ${exitCode}: ${said}`,
        });
      }
      step.note({ en: 'the test passed', es: 'la prueba pasó' });
    }
    const watched = clock.monotonicMs() + seconds * 1000;
    while (clock.monotonicMs() < watched) {
      await clock.sleep(Math.min(1_000, Math.max(1, watched - clock.monotonicMs())), signal);
      const status = look();
      if (status === undefined || status.ready < 1 || restartsOf(status) > 0) {
        throw copyFault(name, status === undefined ? NOT_READY : endText(status));
      }
    }
  }

  /** Does work beside a copy that is made when the work says so, and taken away whatever comes. */
  async #inCopy(
    { project, environment, workload }: Place,
    copy: Pick<Parameters<ProfileGround['copy']>[0], 'name' | 'edit' | 'profiles' | 'by'>,
    signal: AbortSignal,
    work: (begin: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { ground } = this.#options;
    let isThere = false;
    try {
      await work(async () => {
        signal.throwIfAborted();
        await ground.copy({ project, environment, workload, ...copy });
        isThere = true;
      });
    } finally {
      if (isThere) await ground.removeCopy(project, environment, copy.name, 'platform');
    }
  }

  /** What is known of the images that a workload runs now. */
  async #standing(place: Place, containers: readonly DeployedContainer[]): Promise<ProfileView[]> {
    const known = await this.list(place.project, place.workload);
    return known.filter((one) =>
      containers.some(({ container, digest }) => container === one.container && digest === one.digest),
    );
  }

  async #set(
    one: ProfileView,
    state: ProfileState,
    trial: ProfileTrial | null,
    appliedAt?: string | null,
  ): Promise<void> {
    await this.#db
      .updateTable('host_profiles')
      .set({
        state,
        trial: trial === null ? null : JSON.stringify(trial),
        ...(appliedAt === undefined ? {} : { applied_at: appliedAt }),
      })
      .where('project', '=', one.project)
      .where('workload', '=', one.workload)
      .where('container', '=', one.container)
      .where('digest', '=', one.digest)
      .execute();
  }

  async #start(
    kind: string,
    { project, environment }: Place,
    title: Text,
    by: Principal,
    work: (context: OperationContext) => Promise<Json>,
  ): Promise<Operation> {
    const { operation } = await this.#options.operations.start(
      { kind, project, environment, actor: by.actor, title },
      work,
    );
    return operation;
  }

  async #fact(kind: string, { project, environment, workload }: Place, actor: string, body: Json): Promise<void> {
    const { journal } = this.#options;
    const subject = `${project}/${environment}/${workload}`;
    await this.#db.transaction().execute((tx) => journal.record(tx, { kind, project, subject, actor, body }));
    journal.committed();
  }
}

const NOT_READY: Text = { en: 'it did not become ready', es: 'no llegó a estar lista' };

function copyFault(name: string, why: Text): Fault {
  return hostFault('host.copy-failed', { name, why: why.en, porque: why.es });
}

function restartsOf({ replicas }: WorkloadStatus): number {
  return replicas.reduce((sum, { restarts, lastExit }) => sum + restarts + (lastExit === null ? 0 : 1), 0);
}

function endText({ replicas, conditions }: WorkloadStatus): Text {
  const code = replicas.find(({ lastExit }) => lastExit !== null)?.lastExit?.code;
  const said = conditions.at(-1)?.text;
  const ended = {
    en: `its container ended${code === undefined ? '' : ` with ${code}`}`,
    es: `su contenedor terminó${code === undefined ? '' : ` con ${code}`}`,
  };
  return said === undefined ? ended : { en: `${ended.en}: ${said.en}`, es: `${ended.es}: ${said.es}` };
}

function copyName(workload: string): string {
  return `${workload.slice(0, 40)}-copy-${Math.floor(Math.random() * 36 ** 5)
    .toString(36)
    .padStart(5, '0')}`;
}

function isSame(one: ContainerProfile, other: ContainerProfile): boolean {
  return one.project === other.project && one.workload === other.workload && one.container === other.container;
}

function needsOf(
  place: Pick<Place, 'project' | 'workload'>,
  roots: readonly DeployedContainer[],
  known: readonly ProfileView[],
): RootNeeds[] | null {
  const needs = roots.flatMap(({ container, digest, mounts }) => {
    const body = known.find((one) => one.digest === digest && isSame(one, { ...one, ...place, container }));
    return body === undefined ? [] : [rootNeeds(body, mounts)];
  });
  return needs.length === roots.length ? needs : null;
}

function shown({ container, calls, families, capabilities, fromStart }: ProfileView): Json {
  return {
    container,
    calls: [...calls],
    families: [...families],
    capabilities: capabilities === null ? null : [...capabilities],
    fromStart,
  };
}

function toView(row: HostTables['host_profiles']): ProfileView {
  return {
    ...(JSON.parse(row.body) as ProfileBody),
    digest: row.digest,
    repository: row.repository,
    state: row.state as ProfileState,
    recordedAt: row.recorded_at,
    trial: row.trial === null ? null : (JSON.parse(row.trial) as ProfileTrial),
    appliedAt: row.applied_at,
  };
}

import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import type { Clock, Text } from '../system/index.ts';
import type { Composition } from './composition.ts';
import { deployFault } from './errors.ts';
import {
  type ContainerSpec,
  hashPodSpec,
  type PodSpec,
  type ResourceSpec,
  type VerticalPolicy,
  type WantedWorkload,
} from './model.ts';
import { policyOf, resized, scaledContainers } from './scaling/vertical.ts';
import type { DeployTables } from './store.ts';

/** What may be counted. Processor in thousandths of a core, memory and volumes in bytes. */
export const QUOTA_AMOUNTS = [
  'cpuMillis',
  'memoryBytes',
  'cpuLimitMillis',
  'memoryLimitBytes',
  'pods',
  'volumes',
  'volumeBytes',
] as const;
export type QuotaAmount = (typeof QUOTA_AMOUNTS)[number];

/** Like a ResourceQuota and a LimitRange of Kubernetes together; what is absent is not limited. */
export interface QuotaLimits {
  /** All that may be asked for together. */
  readonly most: Readonly<Partial<Record<QuotaAmount, number>>>;
  /** What a container gets that says nothing. */
  readonly defaults: Partial<ResourceSpec>;
  /** What one container may ask for. */
  readonly containerMost: { readonly cpuMillis?: number; readonly memoryBytes?: number };
}

export type QuotaUse = Readonly<Record<QuotaAmount, number>>;

export interface QuotaView {
  readonly project: string;
  /** Null: the project as a whole. */
  readonly environment: string | null;
  readonly limits: QuotaLimits;
  readonly used: QuotaUse;
  readonly setAt: string;
  readonly setBy: string;
}

/** All that a composition may come to: with the most replicas, and the most that autoscaling may give a container. */
export function useOf(composition: Pick<Composition, 'workloads' | 'volumes'>): QuotaUse {
  const use: Record<QuotaAmount, number> = {
    cpuMillis: 0,
    memoryBytes: 0,
    cpuLimitMillis: 0,
    memoryLimitBytes: 0,
    pods: 0,
    volumes: composition.volumes.length,
    volumeBytes: composition.volumes.reduce((sum, { requestedBytes }) => sum + requestedBytes, 0),
  };
  for (const workload of composition.workloads) {
    const { replicas, pod, controller, horizontal } = workload;
    const pods =
      controller?.kind === 'job'
        ? controller.parallelism
        : controller?.kind === 'cron'
          ? controller.job.parallelism
          : Math.max(replicas, horizontal?.maxReplicas ?? 0);
    use.pods += pods;
    const together = scaledContainers(pod).map(({ name, resources }) => mostOf(resources, whatScales(workload, name)));
    const before = pod.initContainers.filter(({ sidecar }) => !sidecar).map(({ resources }) => mostOf(resources, null));
    for (const amount of CONTAINER_AMOUNTS) {
      const sum = together.reduce((total, one) => total + one[amount], 0);
      // What runs before the others, one after the other, has the pod to itself.
      use[amount] += pods * Math.max(sum, ...before.map((one) => one[amount]));
    }
  }
  return use;
}

const CONTAINER_AMOUNTS = ['cpuMillis', 'memoryBytes', 'cpuLimitMillis', 'memoryLimitBytes'] as const;

/** What a container may come to; limits grow with what is requested, as the host would have them grow. */
function mostOf(
  resources: ResourceSpec,
  policy: VerticalPolicy | null,
): Record<(typeof CONTAINER_AMOUNTS)[number], number> {
  const allowed = { cpuMillis: policy?.cpu?.most ?? null, memoryBytes: policy?.memory?.most ?? null };
  const grown = policy === null ? resources : resized(resources, allowed, policy);
  const most = (asked: number | null, other: number | null): number => Math.max(asked ?? 0, other ?? 0);
  return {
    cpuMillis: most(resources.cpuRequestMillis ?? resources.cpuLimitMillis, grown.cpuRequestMillis),
    memoryBytes: most(resources.memoryRequestBytes ?? resources.memoryLimitBytes, grown.memoryRequestBytes),
    cpuLimitMillis: most(resources.cpuLimitMillis, grown.cpuLimitMillis),
    memoryLimitBytes: most(resources.memoryLimitBytes, grown.memoryLimitBytes),
  };
}

/** What may change the resources of a container while it is wanted; null: nothing. */
function whatScales({ vertical }: Pick<WantedWorkload, 'vertical'>, container: string): VerticalPolicy | null {
  const policy = vertical === undefined || vertical.mode === 'off' ? null : policyOf(vertical, container);
  return policy?.scaled === true ? policy : null;
}

/** The composition with the defaults in every container that says nothing of its own. */
export function withDefaults<T extends Pick<Composition, 'workloads'>>(
  composition: T,
  defaults: Partial<ResourceSpec>,
): T {
  if (Object.values(defaults).every((value) => value === null)) return composition;
  const fill = (container: ContainerSpec): ContainerSpec => {
    const own = container.resources;
    // A default limit is never below the container's own request.
    const ceiling = (written: number | null, value: number | null | undefined, asked: number | null): number | null =>
      written ?? (value == null ? null : Math.max(value, asked ?? value));
    const limit = {
      cpu: ceiling(own.cpuLimitMillis, defaults.cpuLimitMillis, own.cpuRequestMillis),
      memory: ceiling(own.memoryLimitBytes, defaults.memoryLimitBytes, own.memoryRequestBytes),
    };
    // A default request never passes the container's own limit.
    const request = (written: number | null, value: number | null | undefined, most: number | null): number | null =>
      written ?? (value == null ? null : Math.min(value, most ?? value));
    return {
      ...container,
      resources: {
        cpuLimitMillis: limit.cpu,
        memoryLimitBytes: limit.memory,
        cpuRequestMillis: request(own.cpuRequestMillis, defaults.cpuRequestMillis, limit.cpu),
        memoryRequestBytes: request(own.memoryRequestBytes, defaults.memoryRequestBytes, limit.memory),
      },
    };
  };
  const filled = (pod: PodSpec): PodSpec => ({
    ...pod,
    initContainers: pod.initContainers.map(fill),
    containers: pod.containers.map(fill),
  });
  return {
    ...composition,
    workloads: composition.workloads.map((workload) => {
      const pod = filled(workload.pod);
      return { ...workload, pod, specHash: hashPodSpec(pod) };
    }),
  };
}

/** Every way in which a composition passes its limits; `others` is what the rest of the place uses already. */
export function whatExceeds(composition: Composition, limits: QuotaLimits, others: QuotaUse): Text[] {
  const problems: Text[] = [];
  const asked = useOf(composition);
  for (const amount of QUOTA_AMOUNTS) {
    const most = limits.most[amount];
    if (most === undefined || others[amount] + asked[amount] <= most) continue;
    problems.push(overLimit(amount, others[amount], asked[amount], most));
  }
  for (const workload of composition.workloads) {
    const { key, pod } = workload;
    for (const { name, resources } of [...pod.initContainers, ...pod.containers]) {
      const cpu = resources.cpuLimitMillis ?? resources.cpuRequestMillis;
      const memory = resources.memoryLimitBytes ?? resources.memoryRequestBytes;
      const pairs = [
        ['cpuMillis', cpu, limits.containerMost.cpuMillis],
        ['memoryBytes', memory, limits.containerMost.memoryBytes],
      ] as const;
      for (const [amount, value, most] of pairs) {
        const what = amount === 'cpuMillis' ? 'cpu' : 'memory';
        const limited = amount === 'cpuMillis' ? 'cpuLimitMillis' : 'memoryLimitBytes';
        const isLimited = most !== undefined || limits.most[amount] !== undefined || limits.most[limited] !== undefined;
        const grows = scaledContainers(pod).some((one) => one.name === name)
          ? whatScales(workload, name)?.[what]
          : null;
        if (isLimited && grows != null && (grows.most === null || grows.most > (most ?? grows.most))) {
          const field = `maxAllowed.${what}`;
          problems.push(
            most === undefined
              ? {
                  en: `${key.name}/${name}: its VerticalPodAutoscaler does not say ${field}, and ${what} is limited here`,
                  es: `${key.name}/${name}: su VerticalPodAutoscaler no indica ${field}, y ${what} está limitado aquí`,
                }
              : {
                  en: `${key.name}/${name}: ${field} of its VerticalPodAutoscaler may be ${formatAmount(amount, most)} at most`,
                  es: `${key.name}/${name}: ${field} de su VerticalPodAutoscaler puede ser ${formatAmount(amount, most)} como máximo`,
                },
          );
        }
        const own = amount === 'cpuMillis' ? resources.cpuLimitMillis : resources.memoryLimitBytes;
        // What is counted must be said, or the count would mean nothing.
        if (own === null && limits.most[limited] !== undefined) {
          problems.push({
            en: `${key.name}/${name} does not say resources.limits.${what}, and it is limited here`,
            es: `${key.name}/${name} no indica resources.limits.${what}, y aquí está limitado`,
          });
        }
        if (value === null && (limits.most[amount] !== undefined || most !== undefined)) {
          problems.push({
            en: `${key.name}/${name} does not say resources.requests.${what}, and it is limited here`,
            es: `${key.name}/${name} no indica resources.requests.${what}, y aquí está limitado`,
          });
        } else if (value !== null && most !== undefined && value > most) {
          const [wanted, limit] = [formatAmount(amount, value), formatAmount(amount, most)];
          problems.push({
            en: `${key.name}/${name}: ${AMOUNT_TEXTS[amount].en} of one container: ${wanted} asked for, ${limit} allowed`,
            es: `${key.name}/${name}: ${AMOUNT_TEXTS[amount].es} de un contenedor: ${wanted} pedidos, ${limit} permitidos`,
          });
        }
      }
    }
  }
  return problems;
}

export const AMOUNT_TEXTS: Readonly<Record<QuotaAmount, Text>> = {
  cpuMillis: { en: 'processor requested', es: 'procesador solicitado' },
  memoryBytes: { en: 'memory requested', es: 'memoria solicitada' },
  cpuLimitMillis: { en: 'processor limits', es: 'límites de procesador' },
  memoryLimitBytes: { en: 'memory limits', es: 'límites de memoria' },
  pods: { en: 'pods', es: 'pods' },
  volumes: { en: 'volumes', es: 'volúmenes' },
  volumeBytes: { en: 'size of volumes', es: 'tamaño de los volúmenes' },
};

/** As people write it: `1.5`, `64Mi`. */
export function formatAmount(amount: QuotaAmount | 'cpu' | 'memory', value: number): string {
  if (amount === 'pods' || amount === 'volumes') return String(value);
  if (amount.startsWith('cpu')) return value % 1000 === 0 ? String(value / 1000) : `${value}m`;
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${Number.isInteger(rest) ? rest : rest.toFixed(1)}${units[unit]}`;
}

function overLimit(amount: QuotaAmount, elsewhere: number, asked: number, most: number): Text {
  const [used, wanted, limit] = [elsewhere, asked, most].map((value) => formatAmount(amount, value));
  const name = AMOUNT_TEXTS[amount];
  return {
    en: `${name.en}: ${used} used elsewhere, ${wanted} asked for, ${limit} allowed`,
    es: `${name.es}: ${used} en uso en otras partes, ${wanted} pedidos, ${limit} permitidos`,
  };
}

const NOTHING: QuotaUse = {
  cpuMillis: 0,
  memoryBytes: 0,
  cpuLimitMillis: 0,
  memoryLimitBytes: 0,
  pods: 0,
  volumes: 0,
  volumeBytes: 0,
};

function sum(uses: readonly QuotaUse[]): QuotaUse {
  return uses.reduce<QuotaUse>(
    (total, use) =>
      Object.fromEntries(QUOTA_AMOUNTS.map((amount) => [amount, total[amount] + use[amount]])) as Record<
        QuotaAmount,
        number
      >,
    NOTHING,
  );
}

function useBeside({ volumes, volumeBytes }: { readonly volumes: number; readonly volumeBytes: number }): QuotaUse {
  return { ...NOTHING, volumes, volumeBytes };
}

/** What runs now: the compositions of the current releases by their environment, and what people run beside them. */
export type ActiveCompositions = () => Promise<
  readonly {
    readonly release: { readonly project: string; readonly environment: string };
    readonly composition: Composition;
    /** It stands beside the release of its environment, which does not take its place. */
    readonly beside?: true;
  }[]
>;

/** What the volumes of a project take up beside its releases: snapshots, and data that no release wants any more. */
export type VolumesBeside = (project: string) => Promise<
  readonly {
    readonly environment: string;
    /** Whose data it is, which a release may want again; null: a copy. */
    readonly claim: string | null;
    readonly volumes: number;
    readonly volumeBytes: number;
  }[]
>;

/** Limits of projects and their environments: asked at every deploy, promotion and roll-back. */
export class Quotas {
  readonly #db: Kysely<DeployTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #active: ActiveCompositions;
  readonly #beside: VolumesBeside;
  /** The last of those that wait for their turn, by project. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(options: {
    readonly db: Kysely<DeployTables>;
    readonly journal: Journal;
    readonly clock: Clock;
    readonly active: ActiveCompositions;
    /** @default there is nothing beside */
    readonly beside?: VolumesBeside;
  }) {
    this.#db = options.db;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#active = options.active;
    this.#beside = options.beside ?? (async () => []);
  }

  async list(project: string): Promise<QuotaView[]> {
    const rows = await this.#db
      .selectFrom('deploy_quotas')
      .selectAll()
      .where('project', '=', project)
      .orderBy('environment')
      .execute();
    const active = await this.#active();
    const beside = await this.#beside(project);
    return rows.map((row) => {
      const kept = beside.filter((one) => row.environment === '' || one.environment === row.environment);
      const mine = active.filter(
        ({ release }) =>
          release.project === project && (row.environment === '' || release.environment === row.environment),
      );
      return {
        project,
        environment: row.environment === '' ? null : row.environment,
        limits: JSON.parse(row.limits) as QuotaLimits,
        used: sum([...mine.map(({ composition }) => useOf(composition)), ...kept.map(useBeside)]),
        setAt: row.set_at,
        setBy: row.set_by,
      };
    });
  }

  /** Sets the limits of a project or one of its environments; null takes them away. What runs goes on. */
  async set(project: string, environment: string | null, limits: QuotaLimits | null, actor: string): Promise<void> {
    const place = environment ?? '';
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('deploy_quotas').where('project', '=', project).where('environment', '=', place).execute();
      if (limits !== null) {
        await tx
          .insertInto('deploy_quotas')
          .values({
            project,
            environment: place,
            limits: JSON.stringify(limits),
            set_at: this.#clock.now().toISOString(),
            set_by: actor,
          })
          .execute();
      }
      await this.#journal.record(tx, {
        kind: limits === null ? 'quota.cleared' : 'quota.set',
        project,
        actor,
        subject: environment === null ? project : `${project}/${environment}`,
        body: limits === null ? {} : { most: { ...limits.most }, containerMost: { ...limits.containerMost } },
      });
    });
    this.#journal.committed();
  }

  /**
   * A composition with the defaults of its place in it, when it keeps the limits of its environment and its project.
   * @throws Fault deploy.quota-exceeded
   */
  async admit<T extends Composition>(
    composition: T,
    project: string,
    environment: string,
    { beside = false }: { readonly beside?: boolean } = {},
  ): Promise<T> {
    const rows = await this.#db.selectFrom('deploy_quotas').selectAll().where('project', '=', project).execute();
    const mine = rows.filter((row) => row.environment === '' || row.environment === environment);
    if (mine.length === 0) return composition;
    // The environment's own word before the project's.
    mine.sort((a, b) => b.environment.length - a.environment.length);
    const all = mine.map((row) => ({ row, limits: JSON.parse(row.limits) as QuotaLimits }));
    const filled = all.reduce((result, { limits }) => withDefaults(result, limits.defaults), composition);
    const others = (await this.#active()).filter(
      (one) =>
        one.release.project === project && (beside || one.beside === true || one.release.environment !== environment),
    );
    const keptBeside = await this.#besideWithout(composition, project);
    for (const { row, limits } of all) {
      const counted = others.filter(({ release }) => row.environment === '' || release.environment === environment);
      const kept = keptBeside.filter((one) => row.environment === '' || one.environment === environment);
      const elsewhere = sum([...counted.map((one) => useOf(one.composition)), ...kept.map(useBeside)]);
      const problems = whatExceeds(filled, limits, elsewhere);
      if (problems.length === 0) continue;
      throw deployFault('deploy.quota-exceeded', {
        place: row.environment === '' ? project : `${project}/${environment}`,
        project,
        why: problems.map(({ en }) => en).join('; '),
        porque: problems.map(({ es }) => es).join('; '),
      });
    }
    return filled;
  }

  /** What lies beside, without what this composition takes up again: that is counted with it. */
  async #besideWithout({ volumes }: Pick<Composition, 'volumes'>, project: string): ReturnType<VolumesBeside> {
    const beside = await this.#beside(project);
    const isWanted = (one: (typeof beside)[number]): boolean =>
      volumes.some(({ environment, claim }) => environment === one.environment && claim === one.claim);
    return beside.filter((one) => one.claim === null || !isWanted(one));
  }

  /**
   * Whether a project may have so much more for its volumes, beside its releases.
   * @throws Fault deploy.quota-exceeded
   */
  async requireVolumes(
    project: string,
    environment: string,
    more: { readonly volumes: number; readonly volumeBytes: number },
  ): Promise<void> {
    for (const { environment: place, limits, used } of await this.list(project)) {
      if (place !== null && place !== environment) continue;
      const problems = (['volumes', 'volumeBytes'] as const).flatMap((amount) => {
        const most = limits.most[amount];
        return most === undefined || more[amount] === 0 || used[amount] + more[amount] <= most
          ? []
          : [overLimit(amount, used[amount], more[amount], most)];
      });
      if (problems.length === 0) continue;
      throw deployFault('deploy.quota-exceeded', {
        place: place === null ? project : `${project}/${place}`,
        project,
        why: problems.map(({ en }) => en).join('; '),
        porque: problems.map(({ es }) => es).join('; '),
      });
    }
  }

  /**
   * Lets what was admitted take its place, one of a project after the other: between admission and here lie builds and
   * verdicts, in which another deploy may have taken what was free.
   * @throws Fault deploy.quota-exceeded
   */
  async take<T>(
    place: {
      readonly composition: Composition;
      readonly project: string;
      readonly environment: string;
      readonly beside?: boolean;
    },
    activate: () => Promise<T>,
  ): Promise<T> {
    const { composition, project, environment, beside = false } = place;
    const before = this.#turns.get(project);
    const turn = Promise.withResolvers<void>();
    this.#turns.set(project, turn.promise);
    try {
      await before;
      await this.admit(composition, project, environment, { beside });
      return await activate();
    } finally {
      if (this.#turns.get(project) === turn.promise) this.#turns.delete(project);
      turn.resolve();
    }
  }
}

import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import type { Clock, Text } from '../system/index.ts';
import type { Composition } from './composition.ts';
import { deployFault } from './errors.ts';
import { type ContainerSpec, hashPodSpec, type PodSpec, type ResourceSpec } from './model.ts';
import { policyOf, scaledContainers } from './scaling/vertical.ts';
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
  for (const { replicas, pod, controller, horizontal, vertical } of composition.workloads) {
    const pods =
      controller?.kind === 'job'
        ? controller.parallelism
        : controller?.kind === 'cron'
          ? controller.job.parallelism
          : Math.max(replicas, horizontal?.maxReplicas ?? 0);
    use.pods += pods;
    for (const { name, resources } of scaledContainers(pod)) {
      const policy = vertical === undefined || vertical.mode === 'off' ? null : policyOf(vertical, name);
      const most = (asked: number | null, allowed: number | null | undefined): number =>
        pods * Math.max(asked ?? 0, allowed ?? 0);
      use.cpuMillis += most(resources.cpuRequestMillis ?? resources.cpuLimitMillis, policy?.cpu?.most);
      use.memoryBytes += most(resources.memoryRequestBytes ?? resources.memoryLimitBytes, policy?.memory?.most);
      use.cpuLimitMillis += most(resources.cpuLimitMillis, null);
      use.memoryLimitBytes += most(resources.memoryLimitBytes, null);
    }
  }
  return use;
}

/** The composition with the defaults in every container that says nothing of its own. */
export function withDefaults<T extends Pick<Composition, 'workloads'>>(
  composition: T,
  defaults: Partial<ResourceSpec>,
): T {
  if (Object.values(defaults).every((value) => value === null)) return composition;
  const fill = (container: ContainerSpec): ContainerSpec => {
    const own = container.resources;
    const limit = {
      cpu: own.cpuLimitMillis ?? defaults.cpuLimitMillis ?? null,
      memory: own.memoryLimitBytes ?? defaults.memoryLimitBytes ?? null,
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
    const [used, wanted, limit] = [others[amount], asked[amount], most].map((value) => formatAmount(amount, value));
    const name = AMOUNT_TEXTS[amount];
    problems.push({
      en: `${name.en}: ${used} used elsewhere, ${wanted} asked for, ${limit} allowed`,
      es: `${name.es}: ${used} en uso en otras partes, ${wanted} pedidos, ${limit} permitidos`,
    });
  }
  for (const { key, pod } of composition.workloads) {
    for (const { name, resources } of [...pod.initContainers, ...pod.containers]) {
      const cpu = resources.cpuLimitMillis ?? resources.cpuRequestMillis;
      const memory = resources.memoryLimitBytes ?? resources.memoryRequestBytes;
      const pairs = [
        ['cpuMillis', cpu, limits.containerMost.cpuMillis],
        ['memoryBytes', memory, limits.containerMost.memoryBytes],
      ] as const;
      for (const [amount, value, most] of pairs) {
        // What is counted must be said, or the count would mean nothing.
        if (value === null && (limits.most[amount] !== undefined || most !== undefined)) {
          const what = amount === 'cpuMillis' ? 'cpu' : 'memory';
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

/** What runs now: the compositions of the current releases, by their environment. */
export type ActiveCompositions = () => Promise<
  readonly {
    readonly release: { readonly project: string; readonly environment: string };
    readonly composition: Composition;
  }[]
>;

/** Limits of projects and their environments: asked at every deploy, promotion and roll-back. */
export class Quotas {
  readonly #db: Kysely<DeployTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #active: ActiveCompositions;

  constructor(options: {
    readonly db: Kysely<DeployTables>;
    readonly journal: Journal;
    readonly clock: Clock;
    readonly active: ActiveCompositions;
  }) {
    this.#db = options.db;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#active = options.active;
  }

  async list(project: string): Promise<QuotaView[]> {
    const rows = await this.#db
      .selectFrom('deploy_quotas')
      .selectAll()
      .where('project', '=', project)
      .orderBy('environment')
      .execute();
    const active = await this.#active();
    return rows.map((row) => {
      const mine = active.filter(
        ({ release }) =>
          release.project === project && (row.environment === '' || release.environment === row.environment),
      );
      return {
        project,
        environment: row.environment === '' ? null : row.environment,
        limits: JSON.parse(row.limits) as QuotaLimits,
        used: sum(mine.map(({ composition }) => useOf(composition))),
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
  async admit<T extends Composition>(composition: T, project: string, environment: string): Promise<T> {
    const rows = await this.#db.selectFrom('deploy_quotas').selectAll().where('project', '=', project).execute();
    const mine = rows.filter((row) => row.environment === '' || row.environment === environment);
    if (mine.length === 0) return composition;
    // The environment's own word before the project's.
    mine.sort((a, b) => b.environment.length - a.environment.length);
    const all = mine.map((row) => ({ row, limits: JSON.parse(row.limits) as QuotaLimits }));
    const filled = all.reduce((result, { limits }) => withDefaults(result, limits.defaults), composition);
    const others = (await this.#active()).filter(
      ({ release }) => release.project === project && release.environment !== environment,
    );
    for (const { row, limits } of all) {
      const elsewhere = row.environment === '' ? sum(others.map((one) => useOf(one.composition))) : NOTHING;
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
}

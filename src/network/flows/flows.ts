import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { type Clock, timeOfAges } from '../../system/index.ts';
import { FLOW_DAYS, WORKLOAD_FLOWS_MAX } from '../limits.ts';
import { flowKey, type KnownFlow, type WorkloadFlow } from './flow.ts';

export interface NetworkTables {
  network_flows: {
    key: string;
    project: string;
    environment: string;
    workload: string;
    /** The way itself, JSON. */
    document: string;
    connections: number;
    first_at: string;
    last_at: string;
  };
}

export interface FlowQuery {
  readonly project: string;
  readonly environment?: string;
}

/** Who talked to whom, as hosts told it: each way once, with how often and until when. */
export class Flows {
  readonly #db: Kysely<NetworkTables>;
  readonly #clock: Clock;

  constructor(options: { readonly db: Kysely<NetworkTables>; readonly clock: Clock }) {
    this.#db = options.db;
    this.#clock = options.clock;
  }

  /** Adds what a host saw. A workload keeps its most recent ways and no more: who scans the network fills its own list only. */
  async add(flows: readonly WorkloadFlow[]): Promise<void> {
    if (flows.length === 0) return;
    const at = this.#clock.now().toISOString();
    const long = new Date(timeOfAges(this.#clock).getTime() - FLOW_DAYS * 86_400_000).toISOString();
    await this.#db.transaction().execute(async (tx) => {
      for (const flow of flows) {
        const { connections, ...way } = flow;
        await tx
          .insertInto('network_flows')
          .values({
            key: createHash('sha256').update(flowKey(flow)).digest('base64url'),
            project: flow.project,
            environment: flow.environment,
            workload: flow.workload,
            document: JSON.stringify(way),
            connections,
            first_at: at,
            last_at: at,
          })
          .onConflict((conflict) =>
            conflict.column('key').doUpdateSet({
              last_at: at,
              connections: sql<number>`network_flows.connections + ${connections}`,
            }),
          )
          .execute();
      }
      await tx.deleteFrom('network_flows').where('last_at', '<', long).execute();
      const touched = new Map(flows.map((flow) => [`${flow.project}/${flow.environment}/${flow.workload}`, flow]));
      for (const flow of touched.values()) await dropOldest(tx, flow);
    });
  }

  /** The ways of a project's workloads, latest first. */
  async list({ project, environment }: FlowQuery): Promise<KnownFlow[]> {
    let query = this.#db.selectFrom('network_flows').selectAll().where('project', '=', project);
    if (environment !== undefined) query = query.where('environment', '=', environment);
    const rows = await query.orderBy('last_at', 'desc').orderBy('key').execute();
    return rows.map(({ document, connections, first_at: firstAt, last_at: lastAt }) => ({
      ...(JSON.parse(document) as Omit<WorkloadFlow, 'connections'>),
      connections: Number(connections),
      firstAt,
      lastAt,
    }));
  }
}

async function dropOldest(tx: Kysely<NetworkTables>, { project, environment, workload }: WorkloadFlow): Promise<void> {
  const oldest = await tx
    .selectFrom('network_flows')
    .select(['last_at'])
    .where('project', '=', project)
    .where('environment', '=', environment)
    .where('workload', '=', workload)
    .orderBy('last_at', 'desc')
    .offset(WORKLOAD_FLOWS_MAX)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return;
  await tx
    .deleteFrom('network_flows')
    .where('project', '=', project)
    .where('environment', '=', environment)
    .where('workload', '=', workload)
    .where('last_at', '<=', oldest.last_at)
    .execute();
}

import { type Kysely, type Selectable, sql } from 'kysely';
import { type Alert, PRIORITIES } from '../detect/index.ts';
import type { Fact } from '../journal/index.ts';
import type { Json, Text } from '../system/index.ts';
import { groupKey, priorityRank } from './alert.ts';
import {
  type Action,
  type Decision,
  type Incident,
  type IncidentState,
  rulesCalled,
  type StoredAlert,
  titleOf,
} from './incident.ts';
import { TIMELINE_FACTS_MAX } from './limits.ts';

export interface RespondTables {
  respond_incidents: {
    number: number;
    id: string;
    group_key: string;
    state: string;
    rule: string;
    priority: number;
    project: string | null;
    environment: string | null;
    workload: string | null;
    container: string | null;
    container_id: string | null;
    host: string;
    digest: string | null;
    alert_count: number;
    /** Of them those that are kept whole. */
    kept_count: number;
    opened_at: string;
    last_alert_at: string;
    acknowledged_at: string | null;
    contained_at: string | null;
    closed_at: string | null;
    owner: string | null;
    decision: string | null;
    reason: string | null;
  };
  respond_alerts: {
    id: string;
    incident: number;
    at: string;
    rule: string;
    project: string | null;
    host: string;
    body: string;
  };
  /** Ids of alerts that are only a number in their incident, those of one transaction in a row. */
  respond_counted: { id: string; ids: string };
  respond_actions: {
    id: string;
    incident: number;
    kind: string;
    target: string;
    state: string;
    actor: string;
    reason: string | null;
    at: string;
    ended_at: string | null;
    outcome: string | null;
  };
  /** What became of an incident, step by step: the facts about it, found by its number. */
  respond_steps: { id: string; incident: number; at: string; kind: string; actor: string; body: string };
  respond_counters: { name: string; value: number };
  respond_evidence: {
    id: string;
    incident: number | null;
    project: string | null;
    environment: string | null;
    workload: string | null;
    container_id: string;
    digest: string | null;
    host: string;
    taken_by: string;
    reason: string | null;
    at: string;
    bytes: number;
    manifest: string;
    receipt: string;
    context: string;
    host_key: string;
    deleted_at: string | null;
  };
  respond_channels: { name: string; kind: string; settings: string; sealed: string; author: string; at: string };
  respond_deliveries: {
    id: string;
    channel: string;
    incident: number;
    event: string;
    notice: string;
    state: string;
    attempts: number;
    at: string;
    next_at: string;
    /** JSON of why it was not taken, in both languages; in rows of before in English alone. */
    error: string | null;
    /** JSON of who still waits for what others have got; null: nobody has it yet. */
    rest: string | null;
  };
  respond_policies: { name: string; source: string; author: string; at: string };
  respond_comments: { id: string; incident: number; at: string; author: string; text: string };
  respond_links: { one: number; other: number; author: string; at: string };
  respond_filters: { owner: string; name: string; query: string };
  respond_playbooks: { name: string; source: string; author: string; at: string };
  respond_playbook_runs: {
    id: string;
    playbook: string;
    source: string;
    incident: number;
    actor: string;
    /** Null in runs older than the column: the actor. */
    starter: string | null;
    author: string;
    state: string;
    at: string;
    ended_at: string | null;
    steps: string;
  };
  respond_drills: {
    id: string;
    at: string;
    ended_at: string | null;
    host: string;
    author: string;
    state: string;
    report: string;
  };
  respond_drill_plan: { id: number; at: string | null; author: string };
  respond_quarantines: {
    id: string;
    project: string;
    digest: string;
    incident: number | null;
    actor: string;
    reason: string | null;
    at: string;
    released_at: string | null;
  };
  respond_custody: {
    id: string;
    evidence: string;
    at: string;
    actor: string;
    what: string;
    note: string | null;
  };
}

type Db = Kysely<RespondTables>;

export async function openIncident(tx: Db, id: string, alert: Alert, host: string): Promise<Incident> {
  const { value: number } = await tx
    .updateTable('respond_counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'incident')
    .returning('value')
    .executeTakeFirstOrThrow();
  const { container } = alert;
  const row: Selectable<RespondTables['respond_incidents']> = {
    number,
    id,
    group_key: groupKey(alert, host),
    state: 'open',
    rule: alert.rule,
    priority: priorityRank(alert.priority),
    project: container?.project ?? null,
    environment: container?.environment ?? null,
    workload: container?.workload ?? null,
    container: container?.container ?? container?.name ?? null,
    container_id: container?.id ?? null,
    host,
    digest: container?.digest ?? null,
    alert_count: alert.count ?? 1,
    kept_count: 1,
    opened_at: alert.at,
    last_alert_at: alert.at,
    acknowledged_at: null,
    contained_at: null,
    closed_at: null,
    owner: null,
    decision: null,
    reason: null,
  };
  await tx.insertInto('respond_incidents').values(row).execute();
  return toIncident(row);
}

export async function readIncident(db: Db, number: number): Promise<Incident | null> {
  const row = await db.selectFrom('respond_incidents').selectAll().where('number', '=', number).executeTakeFirst();
  return row === undefined ? null : toIncident(row);
}

export interface IncidentQuery {
  /** '*' or the projects that may be seen; incidents of hosts are seen with '*' only. */
  readonly projects: '*' | readonly string[];
  readonly states?: readonly IncidentState[];
  readonly project?: string;
  readonly digest?: string;
  readonly environment?: string;
  /** This or worse, as a rank: 0 is the worst. */
  readonly rank?: number;
  readonly owner?: string;
  /** Words of which each stands in the number, the rule, the place, the container or the owner, in whatever case. */
  readonly text?: string;
  /** Incidents with a smaller number. */
  readonly before?: number;
  readonly limit: number;
}

const SEARCHED = ['number', 'rule', 'project', 'environment', 'workload', 'container', 'container_id', 'host', 'owner'];
const SEARCH_WORDS_MAX = 8;

/** Newest first. */
export async function readIncidents(db: Db, query: IncidentQuery): Promise<Incident[]> {
  let select = db.selectFrom('respond_incidents').selectAll();
  if (query.projects !== '*') {
    if (query.projects.length === 0) return [];
    select = select.where('project', 'in', query.projects);
  }
  if (query.states !== undefined) select = select.where('state', 'in', query.states);
  if (query.project !== undefined) select = select.where('project', '=', query.project);
  if (query.digest !== undefined) select = select.where('digest', '=', query.digest);
  if (query.environment !== undefined) select = select.where('environment', '=', query.environment);
  if (query.rank !== undefined) select = select.where('priority', '<=', query.rank);
  if (query.owner !== undefined) select = select.where('owner', '=', query.owner);
  for (const word of (query.text ?? '').split(/\s+/).slice(0, SEARCH_WORDS_MAX)) {
    if (word === '') continue;
    const like = `%${word.toLowerCase().replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`;
    const called = rulesCalled(word);
    select = select.where((where) =>
      where.or([
        ...SEARCHED.map((column) => sql<boolean>`lower(cast(${sql.ref(column)} as text)) like ${like} escape '\\'`),
        ...(called.length === 0 ? [] : [where('rule', 'in', called)]),
      ]),
    );
  }
  if (query.before !== undefined) select = select.where('number', '<', query.before);
  const rows = await select.orderBy('number', 'desc').limit(query.limit).execute();
  return rows.map(toIncident);
}

/** A fact about an incident itself. */
export type Step = Pick<Fact, 'id' | 'at' | 'kind' | 'actor' | 'body'>;

export async function insertStep(tx: Db, incident: number, { id, at, kind, actor, body }: Step): Promise<void> {
  await tx
    .insertInto('respond_steps')
    .values({ id, incident, at, kind, actor, body: JSON.stringify(body) })
    .execute();
}

/** Oldest first, of very many the newest. */
export async function readSteps(db: Db, incident: number): Promise<Step[]> {
  const rows = await db
    .selectFrom('respond_steps')
    .select(['id', 'at', 'kind', 'actor', 'body'])
    .where('incident', '=', incident)
    .orderBy('id', 'desc')
    .limit(TIMELINE_FACTS_MAX)
    .execute();
  return rows.map(({ body, ...row }) => ({ ...row, body: JSON.parse(body) as Json })).reverse();
}

export interface AlertQuery {
  readonly projects: '*' | readonly string[];
  readonly project?: string;
  readonly incident?: number;
  /** The name of a rule. */
  readonly rule?: string;
  readonly before?: string;
  /** This one and those after it. */
  readonly from?: string;
  /** RFC 3339: not older than this. */
  readonly since?: string;
  readonly order?: 'newest' | 'oldest';
  readonly limit: number;
}

/** The id of the oldest among the newest that a query finds; null when there is none. */
export async function oldestOf(
  db: Db,
  { projects, since, limit }: Required<Pick<AlertQuery, 'projects' | 'since' | 'limit'>>,
): Promise<string | null> {
  if (projects !== '*' && projects.length === 0) return null;
  let select = db.selectFrom('respond_alerts').select('id').where('at', '>=', since);
  if (projects !== '*') select = select.where('project', 'in', projects);
  const at = async (offset: number) => {
    const [row] = await select.orderBy('id', 'desc').limit(1).offset(offset).execute();
    return row?.id ?? null;
  };
  const last = await at(limit - 1);
  if (last !== null) return last;
  const [first] = await select.orderBy('id', 'asc').limit(1).execute();
  return first?.id ?? null;
}

export async function readAlerts(db: Db, query: AlertQuery): Promise<StoredAlert[]> {
  let select = db.selectFrom('respond_alerts').selectAll();
  if (query.projects !== '*') {
    if (query.projects.length === 0) return [];
    select = select.where('project', 'in', query.projects);
  }
  if (query.project !== undefined) select = select.where('project', '=', query.project);
  if (query.incident !== undefined) select = select.where('incident', '=', query.incident);
  if (query.rule !== undefined) select = select.where('rule', '=', query.rule);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  if (query.from !== undefined) select = select.where('id', '>=', query.from);
  if (query.since !== undefined) select = select.where('at', '>=', query.since);
  const rows = await select
    .orderBy('id', query.order === 'oldest' ? 'asc' : 'desc')
    .limit(query.limit)
    .execute();
  return rows.map((row) => ({ ...(JSON.parse(row.body) as Alert), incident: row.incident, host: row.host }));
}

export type IncidentChange = Partial<
  Pick<Incident, 'state' | 'rule' | 'owner' | 'decision' | 'reason' | 'acknowledgedAt' | 'containedAt' | 'closedAt'>
>;

/** False when the incident was closed meanwhile; then nothing changes. */
export async function changeIncident(tx: Db, number: number, change: IncidentChange): Promise<boolean> {
  const { acknowledgedAt, containedAt, closedAt, ...same } = change;
  const result = await tx
    .updateTable('respond_incidents')
    .set({
      ...same,
      ...(acknowledgedAt === undefined ? {} : { acknowledged_at: acknowledgedAt }),
      ...(containedAt === undefined ? {} : { contained_at: containedAt }),
      ...(closedAt === undefined ? {} : { closed_at: closedAt }),
    })
    .where('number', '=', number)
    .where('state', '!=', 'closed')
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** False when it is not closed; then nothing changes. */
export async function reopenIncident(
  tx: Db,
  number: number,
  { owner, at }: { readonly owner: string; readonly at: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('respond_incidents')
    .set((eb) => ({
      ...{ state: 'acknowledged', owner, decision: null, reason: null, closed_at: null, contained_at: null },
      acknowledged_at: eb.fn.coalesce('acknowledged_at', eb.val(at)),
    }))
    .where('number', '=', number)
    .where('state', '=', 'closed')
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

export async function insertAction(tx: Db, action: Action): Promise<void> {
  await tx
    .insertInto('respond_actions')
    .values({
      id: action.id,
      incident: action.incident,
      kind: action.kind,
      target: JSON.stringify(action.target),
      state: action.state,
      actor: action.actor,
      reason: action.reason,
      at: action.at,
      ended_at: action.endedAt,
      outcome: action.outcome === null ? null : JSON.stringify(action.outcome),
    })
    .execute();
}

/** False when it is not in that state any more: somebody else moved it. */
export async function moveAction(tx: Db, id: string, from: Action['state'], to: Action['state']): Promise<boolean> {
  const result = await tx
    .updateTable('respond_actions')
    .set({ state: to })
    .where('id', '=', id)
    .where('state', '=', from)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** False when the action had ended before. */
export async function endAction(
  tx: Db,
  id: string,
  end: { readonly state: Action['state']; readonly endedAt: string; readonly outcome: Text },
): Promise<boolean> {
  const result = await tx
    .updateTable('respond_actions')
    .set({ state: end.state, ended_at: end.endedAt, outcome: JSON.stringify(end.outcome) })
    .where('id', '=', id)
    .where('state', 'in', ['running', 'awaiting', 'queued'])
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** Oldest first. */
export async function readActions(
  db: Db,
  query: { incident?: number; state?: Action['state']; actor?: string; since?: string },
): Promise<Action[]> {
  let select = db.selectFrom('respond_actions').selectAll();
  if (query.actor !== undefined) select = select.where('actor', '=', query.actor);
  if (query.since !== undefined) select = select.where('at', '>=', query.since);
  if (query.incident !== undefined) select = select.where('incident', '=', query.incident);
  if (query.state !== undefined) select = select.where('state', '=', query.state);
  return (await select.orderBy('id').execute()).map(toAction);
}

function toAction(row: Selectable<RespondTables['respond_actions']>): Action {
  return {
    id: row.id,
    incident: row.incident,
    // Rows of before the other actions: `kill`, with its target.
    kind: row.kind === 'kill' ? killKind(row.target) : (row.kind as Action['kind']),
    target: JSON.parse(row.target) as Action['target'],
    state: row.state as Action['state'],
    actor: row.actor,
    reason: row.reason,
    at: row.at,
    endedAt: row.ended_at,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as Text),
  };
}

function killKind(target: string): Action['kind'] {
  return (JSON.parse(target) as { kind: string }).kind === 'container' ? 'kill-container' : 'kill-process';
}

export function toIncident(row: Selectable<RespondTables['respond_incidents']>): Incident {
  return {
    id: row.id,
    number: row.number,
    state: row.state as IncidentState,
    title: titleOf(row),
    rule: row.rule,
    priority: PRIORITIES[row.priority] ?? 'emergency',
    project: row.project,
    environment: row.environment,
    workload: row.workload,
    container: row.container,
    containerId: row.container_id,
    host: row.host,
    digest: row.digest,
    alertCount: row.alert_count,
    keptCount: row.kept_count,
    openedAt: row.opened_at,
    lastAlertAt: row.last_alert_at,
    acknowledgedAt: row.acknowledged_at,
    containedAt: row.contained_at,
    closedAt: row.closed_at,
    owner: row.owner,
    decision: row.decision as Decision | null,
    reason: row.reason,
  };
}

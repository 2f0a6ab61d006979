import type { ChainedFact, Journal } from '../../journal/index.ts';
import { type Descriptor, type Digest, isDigest, parseManifest } from '../../oci/index.ts';
import type { Operations, StepHandle } from '../../progress/index.ts';
import { type Clock, Fault, type Json, type Log, newId, type Text, timeOfAges } from '../../system/index.ts';
import type { Asking, RegistryClient } from '../client.ts';
import { CHUNK_BYTES, REFERRERS_DEPTH_MAX } from '../limits.ts';
import type { Caller } from '../ports.ts';
import type { Registry } from '../registry.ts';
import { matchesPattern } from '../settings-pattern.ts';
import type { StoredManifest } from '../store.ts';
import { remoteFault } from './errors.ts';
import {
  REFERRERS_BROUGHT_MAX,
  REMOTE_LIST_MAX,
  REPLICATION_BATCH,
  REPLICATION_HELD_MS,
  REPLICATION_KEPT_MS,
  REPLICATION_PAUSE_MS,
  REPLICATION_PAUSE_MS_MAX,
  REPLICATION_SHOWN_MAX,
} from './limits.ts';
import { patternProblem, type Remotes, reasonOf } from './remotes.ts';
import { type RemoteDatabase, type RemoteTables, readList } from './store.ts';

/** What goes to another registry by itself. */
export interface ReplicationView {
  readonly name: string;
  readonly remote: string;
  /** Patterns of whole repository names. */
  readonly repositories: readonly string[];
  /** Patterns of tags; empty: all, and what has no tag. */
  readonly tags: readonly string[];
  /** Whether what is deleted here is deleted there. */
  readonly deletes: boolean;
  readonly paused: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly succeededAt: string | null;
  /** Entries that wait, of these those that have failed before, and those that the gate here refused. */
  readonly waiting: number;
  readonly failing: number;
  readonly refused: number;
  /** How long the oldest waiting entry has waited; null when the other side has everything. */
  readonly lagSeconds: number | null;
  readonly problem: Text | null;
}

export interface ReplicationEntry {
  readonly id: string;
  readonly action: 'put' | 'delete';
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string;
  readonly queuedAt: string;
  readonly nextAt: string;
  readonly attempts: number;
  /** `same`: the other side had it already. `refused`: the verdict here says no. */
  readonly state: 'waiting' | 'done' | 'same' | 'refused' | 'gone';
  readonly endedAt: string | null;
  readonly bytes: number;
  readonly problem: Text | null;
}

interface ReplicationsParts {
  readonly db: RemoteDatabase;
  readonly journal: Pick<Journal, 'record' | 'committed' | 'subscribe'>;
  readonly operations: Operations;
  readonly registry: Registry;
  readonly remotes: Remotes;
  readonly clock: Clock;
  readonly log: Log;
}

type Row = RemoteTables['registry_replication_queue'];
type NewEntry = Pick<Row, 'rule' | 'repository' | 'tag' | 'digest'> & { readonly action: ReplicationEntry['action'] };

/** The gate is asked as somebody who may not sign: what leaves is what anybody could pull. */
const REPLICATOR: Caller = { id: 'replication', actor: 'replication', kind: 'robot', name: 'replication' };

/**
 * Sends images to other registries as they are released here, with what refers to them. Each change is an entry of a
 * queue in the database, so a crash or a cut line loses nothing; the other side holds and judges by itself.
 */
export class Replications {
  readonly #parts: ReplicationsParts;
  #rules: readonly RemoteTables['registry_replications'][] = [];
  #running: Promise<void> | null = null;
  #again = false;
  /** Facts that are being put into the queue. */
  readonly #hearing = new Set<Promise<unknown>>();
  #queueing: Promise<void> = Promise.resolve();
  readonly #unsubscribe: () => void;

  constructor(parts: ReplicationsParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.journal.subscribe((fact) => {
      const hearing = this.#hear(fact)
        .catch((error: unknown) =>
          parts.log.error({ err: error, fact: fact.seq }, 'a change could not be queued for replication'),
        )
        .finally(() => this.#hearing.delete(hearing));
      this.#hearing.add(hearing);
    });
  }

  /** Reads the rules and queues what changed while nobody listened. Call once at start. */
  async open(): Promise<void> {
    await this.reload();
    for (const rule of this.#rules) await this.#queueAll(rule);
  }

  async reload(): Promise<void> {
    this.#rules = await this.#parts.db.selectFrom('registry_replications').selectAll().orderBy('name').execute();
  }

  /** Ends when what was heard is in the queue; a run that is on its way ends with the connections to other registries. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all(this.#hearing);
  }

  covers(remote: string, repository: string): boolean {
    return this.#rules.some((rule) => rule.remote === remote && isCovered(rule, repository));
  }

  /** The remotes that a repository is sent to. */
  remotesOf(repository: string): readonly string[] {
    return this.#rules.filter((rule) => isCovered(rule, repository)).map(({ remote }) => remote);
  }

  async list(): Promise<readonly ReplicationView[]> {
    await this.reload();
    return Promise.all(this.#rules.map((rule) => this.#view(rule)));
  }

  /** @throws Fault replication.unknown */
  async read(name: string): Promise<ReplicationView> {
    return this.#view(await this.#rule(name));
  }

  /** What waits first, then what ended last. */
  async entries(name: string): Promise<readonly ReplicationEntry[]> {
    const rows = await this.#parts.db
      .selectFrom('registry_replication_queue')
      .selectAll()
      .where('rule', '=', name)
      .orderBy(({ eb }) => eb.case().when('state', '=', 'waiting').then(0).else(1).end())
      .orderBy('ended_at', 'desc')
      .orderBy('queued_at', 'desc')
      .limit(REPLICATION_SHOWN_MAX)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      action: row.action as ReplicationEntry['action'],
      repository: row.repository,
      tag: row.tag,
      digest: row.digest,
      queuedAt: row.queued_at,
      nextAt: row.next_at,
      attempts: row.attempts,
      state: row.state as ReplicationEntry['state'],
      endedAt: row.ended_at,
      bytes: Number(row.bytes),
      problem: row.problem === null ? null : (JSON.parse(row.problem) as Text),
    }));
  }

  /** Makes a rule and queues everything that it covers. @throws Fault replication.taken, .invalid, remote.unknown */
  async create(
    name: string,
    input: {
      readonly remote: string;
      readonly repositories: readonly string[];
      readonly tags?: readonly string[];
      readonly deletes?: boolean;
    },
    actor: string,
  ): Promise<ReplicationView> {
    const { db, journal, remotes, clock } = this.#parts;
    const { remote, repositories, tags = [], deletes = false } = input;
    await remotes.read(remote);
    if (!/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(name) || name.length > 60) refuse(`the name "${name.slice(0, 60)}"`);
    if (repositories.length === 0 || repositories.length > REMOTE_LIST_MAX || tags.length > REMOTE_LIST_MAX) {
      refuse(`expected 1 to ${REMOTE_LIST_MAX} patterns of repositories`);
    }
    const odd = [...repositories, ...tags].map(patternProblem).find((problem) => problem !== null);
    if (odd !== undefined && odd !== null) refuse(odd);
    if (this.#rules.some((rule) => rule.name === name)) throw remoteFault('replication.taken', { name });
    const row: RemoteTables['registry_replications'] = {
      name,
      remote,
      repositories: JSON.stringify(repositories),
      tags: JSON.stringify(tags),
      deletes: deletes ? 1 : 0,
      paused: 0,
      created_at: clock.now().toISOString(),
      created_by: actor,
      succeeded_at: null,
    };
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('registry_replications').values(row).execute();
      const body = { remote, repositories: [...repositories], tags: [...tags], deletes };
      await journal.record(tx, {
        kind: 'replication.created',
        project: null,
        actor,
        subject: `replication ${name}`,
        body,
      });
    });
    journal.committed();
    await this.reload();
    await this.#queueAll(row);
    return this.read(name);
  }

  /** @throws Fault replication.unknown */
  async pause(name: string, paused: boolean, actor: string): Promise<ReplicationView> {
    await this.#rule(name);
    const { db, journal } = this.#parts;
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('registry_replications')
        .set({ paused: paused ? 1 : 0 })
        .where('name', '=', name)
        .execute();
      await journal.record(tx, {
        kind: 'replication.changed',
        project: null,
        actor,
        subject: `replication ${name}`,
        body: { paused },
      });
    });
    journal.committed();
    await this.reload();
    return this.read(name);
  }

  /** Ends a replication; what is there stays there. @throws Fault replication.unknown */
  async remove(name: string, actor: string): Promise<void> {
    const { remote } = await this.#rule(name);
    const { db, journal } = this.#parts;
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('registry_replication_queue').where('rule', '=', name).execute();
      await tx.deleteFrom('registry_replications').where('name', '=', name).execute();
      await journal.record(tx, {
        kind: 'replication.removed',
        project: null,
        actor,
        subject: `replication ${name}`,
        body: { remote },
      });
    });
    journal.committed();
    await this.reload();
  }

  /** Queues everything anew and tries what waits now. @throws Fault replication.unknown */
  async sync(name: string): Promise<void> {
    const rule = await this.#rule(name);
    await this.#queueAll(rule);
    await this.#parts.db
      .updateTable('registry_replication_queue')
      .set({ next_at: this.#now() })
      .where('rule', '=', name)
      .where('state', '=', 'waiting')
      .execute();
    await this.runDue();
  }

  /** Works off what is due; one run at a time. */
  runDue(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #runAll(): Promise<void> {
    // What was queued while a run was on its way is part of it.
    while (this.#again) {
      this.#again = false;
      await Promise.all(this.#hearing);
      await this.#sweep();
      for (const rule of this.#rules) if (rule.paused === 0) await this.#runRule(rule);
    }
  }

  async #runRule(rule: RemoteTables['registry_replications']): Promise<void> {
    const { db, operations, clock } = this.#parts;
    // Further away than anything waits: put off by a clock that was ahead and was set right since.
    const beyond = new Date(clock.now().getTime() + REPLICATION_PAUSE_MS_MAX).toISOString();
    const due = await db
      .selectFrom('registry_replication_queue')
      .selectAll()
      .where('rule', '=', rule.name)
      .where('state', '=', 'waiting')
      .where((eb) => eb.or([eb('next_at', '<=', this.#now()), eb('next_at', '>', beyond)]))
      .orderBy('queued_at')
      .limit(REPLICATION_BATCH)
      .execute();
    if (due.length === 0) return;
    const { finished } = await operations.start(
      {
        kind: 'replication',
        project: null,
        environment: null,
        actor: 'platform',
        title: {
          en: `Send ${due.length} changes to ${rule.remote}`,
          es: `Enviar ${due.length} cambios a ${rule.remote}`,
        },
      },
      async ({ step, signal }) => {
        const sending = step({ en: 'Send', es: 'Enviar' });
        let sent = 0;
        for (const [at, entry] of due.entries()) {
          signal.throwIfAborted();
          const name = `${entry.repository}${entry.tag === null ? '@' : ':'}${entry.tag ?? entry.digest.slice(0, 19)}`;
          sending.update({ done: at, total: due.length, unit: 'items', detail: { en: name, es: name } });
          try {
            if (await this.#work(rule, entry, sending, signal)) sent += 1;
          } catch (error) {
            signal.throwIfAborted();
            const isDown = await this.#failed(entry, error);
            sending.note({ en: `${name}: ${reasonOf(error).en}`, es: `${name}: ${reasonOf(error).es}` });
            // The next entry would find the same closed door.
            if (isDown) throw error;
          }
        }
        sending.done();
        return { entries: due.length, sent };
      },
    );
    await finished;
  }

  /** Does one entry. @returns whether it ended */
  async #work(
    rule: RemoteTables['registry_replications'],
    entry: Row,
    step: StepHandle,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { registry, remotes } = this.#parts;
    const { repository, tag } = entry;
    const asking: Asking = { signal };
    const client = await remotes.client(rule.remote, repository);
    if (entry.action === 'delete') {
      await client.deleteManifest(repository, tag ?? entry.digest, asking);
      return this.#ended(rule, entry, 'done', 0);
    }
    const stored = await registry.resolve(repository, entry.digest);
    // Deleted or moved on since: a later entry says what holds now.
    const named = tag === null ? stored : await registry.resolve(repository, tag);
    if (stored === null || named?.digest !== stored.digest) return this.#ended(rule, entry, 'gone', 0);
    const verdict = await this.#mayLeave(stored);
    if (verdict === 'held') {
      const next = new Date(this.#parts.clock.now().getTime() + REPLICATION_HELD_MS).toISOString();
      await this.#update(entry.id, { next_at: next, problem: JSON.stringify(HELD) });
      return false;
    }
    if (verdict === 'refused') return this.#ended(rule, entry, 'refused', 0);
    const there = await client.headManifest(repository, tag ?? entry.digest, asking);
    const tally = { bytes: 0 };
    if (there !== stored.digest) await this.#send(client, stored, tag, asking, step, tally);
    const attached = await this.#sendReferrers(client, repository, stored.digest, asking, step, tally, 0);
    return this.#ended(rule, entry, there === stored.digest && attached === 0 ? 'same' : 'done', tally.bytes);
  }

  /** Content first, then the manifest: the other side has it whole or not at all. */
  async #send(
    client: RegistryClient,
    stored: StoredManifest,
    tag: string | null,
    asking: Asking,
    step: StepHandle,
    tally: { bytes: number },
  ): Promise<void> {
    const { registry } = this.#parts;
    const { repository } = stored;
    const parsed = parseManifest(stored.bytes, stored.mediaType);
    if (parsed.kind === 'manifest') {
      const blobs = new Map<Digest, Descriptor>([parsed.config, ...parsed.layers].map((one) => [one.digest, one]));
      for (const blob of blobs.values()) {
        const source = (offset: number): AsyncIterable<Uint8Array> =>
          readFrom(registry, repository, blob.digest, offset);
        if ((await client.putBlob(repository, blob, source, asking)) === 'present') continue;
        tally.bytes += blob.size;
        step.update({
          detail: { en: `${repository} ${blob.digest.slice(0, 19)}`, es: `${repository} ${blob.digest.slice(0, 19)}` },
        });
      }
    } else {
      for (const { digest } of parsed.manifests) {
        const child = await registry.resolve(repository, digest);
        if (child === null) continue;
        if ((await this.#mayLeave(child)) !== 'released') continue;
        if ((await client.headManifest(repository, digest, asking)) === null) {
          await this.#send(client, child, null, asking, step, tally);
        }
        await this.#sendReferrers(client, repository, digest, asking, step, tally, 0);
      }
    }
    await client.putManifest(repository, tag ?? stored.digest, stored, asking);
  }

  async #sendReferrers(
    client: RegistryClient,
    repository: string,
    subject: Digest,
    asking: Asking,
    step: StepHandle,
    tally: { bytes: number },
    depth: number,
  ): Promise<number> {
    if (depth >= REFERRERS_DEPTH_MAX) return 0;
    const { registry } = this.#parts;
    let sent = 0;
    for (const { digest } of (await registry.listReferrers(repository, subject)).slice(0, REFERRERS_BROUGHT_MAX)) {
      const stored = await registry.resolve(repository, digest);
      if (stored === null || stored.kind === 'image') continue;
      if ((await client.headManifest(repository, digest, asking)) === null) {
        await this.#send(client, stored, null, asking, step, tally);
        sent += 1;
      }
      sent += await this.#sendReferrers(client, repository, digest, asking, step, tally, depth + 1);
    }
    return sent;
  }

  async #mayLeave(manifest: StoredManifest): Promise<'released' | 'held' | 'refused'> {
    const { registry } = this.#parts;
    const held = await registry.quarantine.heldBy(manifest);
    if (held === null) return 'released';
    const answer = await registry.quarantine.ask(manifest.repository, held, REPLICATOR);
    if (answer.allow) return 'released';
    return answer.settled === true ? 'refused' : 'held';
  }

  async #ended(
    rule: RemoteTables['registry_replications'],
    entry: Row,
    state: Exclude<ReplicationEntry['state'], 'waiting'>,
    bytes: number,
  ): Promise<true> {
    const { db, journal } = this.#parts;
    const now = this.#now();
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('registry_replication_queue')
        .set({ state, ended_at: now, bytes, problem: null })
        .where('id', '=', entry.id)
        .execute();
      if (state === 'refused' || state === 'gone') return;
      await tx.updateTable('registry_replications').set({ succeeded_at: now }).where('name', '=', rule.name).execute();
      if (state === 'same') return;
      const { repository, tag, digest, action } = entry;
      await journal.record(tx, {
        kind: 'image.replicated',
        project: repository.slice(0, repository.indexOf('/')),
        actor: 'platform',
        subject: tag === null ? `${repository}@${digest}` : `${repository}:${tag}`,
        digest,
        body: { rule: rule.name, remote: rule.remote, action, bytes } as Json,
      });
    });
    journal.committed();
    return true;
  }

  /** @returns whether the other side cannot be reached at all */
  async #failed(entry: Row, error: unknown): Promise<boolean> {
    const { clock, log } = this.#parts;
    if (!(error instanceof Fault)) log.error({ err: error, entry: entry.id }, 'replicating an image failed');
    const attempts = entry.attempts + 1;
    const pause = Math.min(REPLICATION_PAUSE_MS * 2 ** (attempts - 1), REPLICATION_PAUSE_MS_MAX);
    await this.#update(entry.id, {
      attempts,
      next_at: new Date(clock.now().getTime() + pause).toISOString(),
      problem: JSON.stringify(reasonOf(error)),
    });
    return error instanceof Fault && ['registry.remote-unreachable', 'remote.offline'].includes(error.code);
  }

  async #hear(fact: ChainedFact): Promise<void> {
    if (!['image.pushed', 'image.deleted', 'image.untagged'].includes(fact.kind)) return;
    const { repository, tag } = fact.body as { repository?: unknown; tag?: unknown };
    if (typeof repository !== 'string' || fact.digest === null || !isDigest(fact.digest)) return;
    const name = typeof tag === 'string' ? tag : null;
    let isQueued = false;
    for (const rule of this.#rules) {
      if (!isCovered(rule, repository) || !wantsTag(rule, name)) continue;
      if (fact.kind !== 'image.pushed' && rule.deletes === 0) continue;
      const action = fact.kind === 'image.pushed' ? 'put' : 'delete';
      await this.#queue({ rule: rule.name, action, repository, tag: name, digest: fact.digest });
      isQueued = true;
    }
    // Not waited for: a run waits for what is being heard.
    if (isQueued) this.runDue().catch((error: unknown) => this.#parts.log.error({ err: error }, 'replication failed'));
  }

  /** Every tag that a rule covers; what the other side has already costs one question. */
  async #queueAll(rule: RemoteTables['registry_replications']): Promise<void> {
    const rows = await this.#parts.db
      .selectFrom('registry_tags as t')
      .innerJoin('registry_repositories as r', 'r.id', 't.repository_id')
      .select(['r.name as repository', 't.name as tag', 't.digest'])
      .orderBy('r.name')
      .orderBy('t.name')
      .execute();
    for (const { repository, tag, digest } of rows) {
      if (!isCovered(rule, repository) || !wantsTag(rule, tag)) continue;
      await this.#queue({ rule: rule.name, action: 'put', repository, tag, digest });
    }
  }

  /** One at a time, so that two who ask for the same find one entry. */
  #queue(entry: NewEntry): Promise<void> {
    const queued = this.#queueing.then(() => this.#enqueue(entry));
    // Whoever asked is told; the next one goes on.
    this.#queueing = queued.catch(() => undefined);
    return queued;
  }

  async #enqueue({ rule, action, repository, tag, digest }: NewEntry): Promise<void> {
    const { db, clock } = this.#parts;
    let query = db
      .selectFrom('registry_replication_queue')
      .select('id')
      .where('rule', '=', rule)
      .where('state', '=', 'waiting')
      .where('action', '=', action)
      .where('repository', '=', repository)
      .where('digest', '=', digest);
    query = tag === null ? query.where('tag', 'is', null) : query.where('tag', '=', tag);
    if ((await query.executeTakeFirst()) !== undefined) return;
    const now = this.#now();
    await db
      .insertInto('registry_replication_queue')
      .values({
        id: newId(clock),
        rule,
        action,
        repository,
        tag,
        digest,
        queued_at: now,
        next_at: now,
        attempts: 0,
        state: 'waiting',
        ended_at: null,
        bytes: 0,
        problem: null,
      })
      .execute();
  }

  async #sweep(): Promise<void> {
    const before = new Date(timeOfAges(this.#parts.clock).getTime() - REPLICATION_KEPT_MS).toISOString();
    await this.#parts.db.deleteFrom('registry_replication_queue').where('ended_at', '<', before).execute();
  }

  async #view(rule: RemoteTables['registry_replications']): Promise<ReplicationView> {
    const rows = await this.#parts.db
      .selectFrom('registry_replication_queue')
      .select(({ fn }) => ['state', fn.countAll<number>().as('count'), fn.min('queued_at').as('oldest')])
      .select(({ fn, eb }) => fn.sum<number>(eb.case().when('attempts', '>', 0).then(1).else(0).end()).as('failing'))
      .where('rule', '=', rule.name)
      .groupBy('state')
      .execute();
    const waiting = rows.find(({ state }) => state === 'waiting');
    const last = await this.#parts.db
      .selectFrom('registry_replication_queue')
      .select('problem')
      .where('rule', '=', rule.name)
      .where('state', '=', 'waiting')
      .where('problem', 'is not', null)
      .orderBy('queued_at')
      .executeTakeFirst();
    const oldest = waiting?.oldest ?? null;
    const now = this.#parts.clock.now().getTime();
    return {
      name: rule.name,
      remote: rule.remote,
      repositories: readList(rule.repositories),
      tags: readList(rule.tags),
      deletes: rule.deletes === 1,
      paused: rule.paused === 1,
      createdAt: rule.created_at,
      createdBy: rule.created_by,
      succeededAt: rule.succeeded_at,
      waiting: Number(waiting?.count ?? 0),
      failing: Number(waiting?.failing ?? 0),
      refused: Number(rows.find(({ state }) => state === 'refused')?.count ?? 0),
      lagSeconds: oldest === null ? null : Math.max(0, Math.floor((now - Date.parse(oldest)) / 1000)),
      problem: last?.problem == null ? null : (JSON.parse(last.problem) as Text),
    };
  }

  async #rule(name: string): Promise<RemoteTables['registry_replications']> {
    const row = await this.#parts.db
      .selectFrom('registry_replications')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    if (row === undefined) throw remoteFault('replication.unknown', { name: name.slice(0, 60) });
    return row;
  }

  async #update(id: string, set: Partial<Row>): Promise<void> {
    await this.#parts.db.updateTable('registry_replication_queue').set(set).where('id', '=', id).execute();
  }

  #now(): string {
    return this.#parts.clock.now().toISOString();
  }
}

const HELD: Text = { en: 'it waits for its verdict here', es: 'espera aquí su veredicto' };

function isCovered(rule: RemoteTables['registry_replications'], repository: string): boolean {
  return readList(rule.repositories).some((pattern) => matchesPattern(pattern, repository));
}

function wantsTag(rule: RemoteTables['registry_replications'], tag: string | null): boolean {
  const tags = readList(rule.tags);
  return tags.length === 0 || (tag !== null && tags.some((pattern) => matchesPattern(pattern, tag)));
}

/** The other side checks the digest, so a damaged file here stores nothing there. */
async function* readFrom(
  registry: Registry,
  repository: string,
  digest: Digest,
  offset: number,
): AsyncGenerator<Uint8Array> {
  const { content, sizeBytes } = await registry.content.openBlob(repository, digest);
  if (content instanceof Uint8Array) {
    yield content.subarray(offset);
    return;
  }
  try {
    if (offset >= sizeBytes) return;
    yield* content.createReadStream({ start: offset, highWaterMark: CHUNK_BYTES, autoClose: false });
  } finally {
    await content.close();
  }
}

function refuse(why: string): never {
  throw remoteFault('replication.invalid', { why });
}

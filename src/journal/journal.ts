import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Kysely } from 'kysely';
import { type Clock, canonicalJson, continueIds, type Log, newId, type Text } from '../system/index.ts';
import { type ChainedFact, type Fact, GENESIS_HASH, hashBody, hashFact, type NewFact } from './fact.ts';
import { CHAIN_BATCH_MAX, CHECKPOINT_FACTS, CHECKPOINT_MS } from './limits.ts';
import {
  chainFact,
  type FactQuery,
  FactWriter,
  insertCheckpoint,
  type JournalTables,
  queryFacts,
  readCheckpoints,
  readHead,
  readLastId,
  readUnchained,
} from './store.ts';

export interface JournalOptions {
  readonly db: Kysely<JournalTables>;
  readonly clock: Clock;
  readonly log: Log;
  /** Ed25519, PKCS #8 PEM: signs checkpoints. */
  readonly checkpointKeyPem: string;
  readonly keyId: string;
}

export interface AuditVerdict {
  readonly state: 'intact' | 'broken';
  readonly facts: number;
  readonly checkpoints: number;
  readonly firstBad: { readonly seq: number; readonly why: Text } | null;
  readonly head: { readonly seq: number; readonly hash: string } | null;
  readonly durationMs: number;
}

/**
 * The journal: rooms record facts in the transaction of the state they speak of; one sequencer gives each committed fact
 * its place in a hash chain and signs a checkpoint now and then. Listeners hear of a fact once it has its place.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #key: KeyObject;
  readonly #writer: FactWriter;
  readonly #listeners = new Set<(fact: ChainedFact) => void>();
  #running: Promise<void> | undefined;
  #again = false;
  #sinceCheckpoint = 0;
  #lastCheckpointMs: number;
  #stopped = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#key = createPrivateKey(options.checkpointKeyPem);
    this.#writer = new FactWriter(options.db);
    this.#lastCheckpointMs = options.clock.monotonicMs();
  }

  /**
   * To be called before anything is written: ids go on after those of all facts, also where a clock that was ahead made some
   * of them. States whose last is the one that holds, such as releases and policies, are written together with facts.
   */
  async continueIds(): Promise<void> {
    const last = await readLastId(this.#options.db);
    if (last !== null) continueIds(last);
  }

  /** States a fact within the caller's transaction; call `committed()` when that has ended. */
  async record<T>(tx: Kysely<T>, fact: NewFact): Promise<Fact> {
    const { clock } = this.#options;
    const whole: Fact = {
      id: newId(clock),
      at: clock.now().toISOString(),
      kind: fact.kind,
      project: fact.project,
      actor: fact.actor,
      subject: fact.subject,
      digest: fact.digest ?? null,
      body: fact.body,
    };
    // A transaction of a room sees its own tables only; the journal's are in the same database.
    await this.#writer.insert(tx as unknown as Kysely<JournalTables>, whole);
    return whole;
  }

  /** Wakes the sequencer. Cheap; a call too many does nothing. */
  committed(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#chainAll()
      .catch((error: unknown) => {
        // The facts are committed; they get their place at the next call or the next start.
        this.#options.log.error({ err: error }, 'chaining facts failed');
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#again) {
          this.#again = false;
          this.committed();
        }
      });
  }

  subscribe(listener: (fact: ChainedFact) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  query(query: FactQuery): Promise<ChainedFact[]> {
    return queryFacts(this.#options.db, query);
  }

  /** Waits until what was committed so far has its place. */
  async settled(): Promise<void> {
    this.committed();
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#checkpoint();
    this.#stopped = true;
  }

  /** Recomputes the whole chain and checks every signed checkpoint; names the first record that does not fit. */
  async verify(): Promise<AuditVerdict> {
    await this.settled();
    const started = this.#options.clock.monotonicMs();
    const checkpoints = await readCheckpoints(this.#options.db);
    const publicKey = createPublicKey(this.#key);
    const walker = new ChainVerifier(checkpoints, (checkpoint) =>
      verify(null, checkpointBytes(checkpoint), publicKey, Buffer.from(checkpoint.signature, 'base64')),
    );
    let after = 0;
    for (;;) {
      const page = await queryFacts(this.#options.db, { projects: '*', after, order: 'oldest', limit: 5_000 });
      for (const fact of page) if (!walker.add(fact)) break;
      if (walker.firstBad !== null || page.length === 0) break;
      after = page.at(-1)?.seq ?? after;
    }
    const firstBad = walker.finish();
    return {
      state: firstBad === null ? 'intact' : 'broken',
      facts: walker.facts,
      checkpoints: checkpoints.length,
      firstBad,
      head: walker.head,
      durationMs: Math.round(this.#options.clock.monotonicMs() - started),
    };
  }

  async #chainAll(): Promise<void> {
    for (;;) {
      const chained = await this.#chainBatch();
      for (const fact of chained) for (const listener of this.#listeners) listener(fact);
      this.#sinceCheckpoint += chained.length;
      const age = this.#options.clock.monotonicMs() - this.#lastCheckpointMs;
      if (this.#sinceCheckpoint >= CHECKPOINT_FACTS || (this.#sinceCheckpoint > 0 && age >= CHECKPOINT_MS)) {
        await this.#checkpoint();
      }
      if (chained.length < CHAIN_BATCH_MAX) return;
    }
  }

  #chainBatch(): Promise<ChainedFact[]> {
    return this.#options.db.transaction().execute(async (tx) => {
      const facts = await readUnchained(tx, CHAIN_BATCH_MAX);
      if (facts.length === 0) return [];
      const head = await readHead(tx);
      let seq = head?.seq ?? 0;
      let previous = head?.hash ?? GENESIS_HASH;
      const chained: ChainedFact[] = [];
      for (const fact of facts) {
        seq += 1;
        const bodyHash = hashBody(fact.body);
        previous = hashFact(previous, seq, fact, bodyHash);
        await chainFact(tx, fact.id, { seq, bodyHash, hash: previous });
        chained.push({ ...fact, seq, bodyHash, hash: previous });
      }
      return chained;
    });
  }

  async #checkpoint(): Promise<void> {
    const { db, clock, keyId } = this.#options;
    await db.transaction().execute(async (tx) => {
      const head = await readHead(tx);
      if (head === null) return;
      const last = (await readCheckpoints(tx)).at(-1);
      if (last !== undefined && last.seq >= head.seq) return;
      const unsigned = { seq: head.seq, at: clock.now().toISOString(), hash: head.hash, key_id: keyId };
      const signature = sign(null, checkpointBytes(unsigned), this.#key).toString('base64');
      await insertCheckpoint(tx, { ...unsigned, signature });
    });
    this.#sinceCheckpoint = 0;
    this.#lastCheckpointMs = clock.monotonicMs();
  }
}

function checkpointBytes(checkpoint: { seq: number; at: string; hash: string; key_id: string }): Buffer {
  const { seq, at, hash, key_id } = checkpoint;
  return Buffer.from(`darsena-journal-checkpoint-v1\n${canonicalJson({ seq, at, hash, key_id })}\n`);
}

/** Walks a chain in order; pure, so that an exported journal is verified by the same code away from the platform. */
export class ChainVerifier {
  facts = 0;
  head: { seq: number; hash: string } | null = null;
  firstBad: { seq: number; why: Text } | null = null;
  readonly #checkpoints: readonly JournalTables['journal_checkpoints'][];
  readonly #signatureHolds: (checkpoint: JournalTables['journal_checkpoints']) => boolean;
  #nextCheckpoint = 0;

  constructor(
    checkpoints: readonly JournalTables['journal_checkpoints'][],
    signatureHolds: (checkpoint: JournalTables['journal_checkpoints']) => boolean,
  ) {
    this.#checkpoints = checkpoints;
    this.#signatureHolds = signatureHolds;
  }

  /** False when the fact does not fit; nothing after it says anything. */
  add(fact: ChainedFact): boolean {
    const expected = (this.head?.seq ?? 0) + 1;
    if (fact.seq !== expected) {
      return this.#bad(expected, {
        en: `record ${expected} is missing: the next one is ${fact.seq}`,
        es: `falta el registro ${expected}: el siguiente es ${fact.seq}`,
      });
    }
    if (hashBody(fact.body) !== fact.bodyHash) {
      return this.#bad(fact.seq, {
        en: 'its content is not what was recorded',
        es: 'su contenido no es el que se registró',
      });
    }
    const hash = hashFact(this.head?.hash ?? GENESIS_HASH, fact.seq, fact, fact.bodyHash);
    if (hash !== fact.hash) {
      return this.#bad(fact.seq, {
        en: 'its hash does not follow from the record before it',
        es: 'su hash no se sigue del registro anterior',
      });
    }
    this.head = { seq: fact.seq, hash };
    this.facts += 1;
    const checkpoint = this.#checkpoints[this.#nextCheckpoint];
    if (checkpoint?.seq === fact.seq) {
      this.#nextCheckpoint += 1;
      if (checkpoint.hash !== hash || !this.#signatureHolds(checkpoint)) {
        return this.#bad(fact.seq, {
          en: 'the signed checkpoint here says something else',
          es: 'el punto de control firmado aquí dice otra cosa',
        });
      }
    }
    return true;
  }

  finish(): { seq: number; why: Text } | null {
    const checkpoint = this.#checkpoints[this.#nextCheckpoint];
    if (this.firstBad === null && checkpoint !== undefined) {
      const seq = (this.head?.seq ?? 0) + 1;
      this.#bad(seq, {
        en: `the tail is cut: a signed checkpoint speaks of record ${checkpoint.seq}`,
        es: `falta el final: un punto de control firmado habla del registro ${checkpoint.seq}`,
      });
    }
    return this.firstBad;
  }

  #bad(seq: number, why: Text): false {
    this.firstBad = { seq, why };
    return false;
  }
}

import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../system/index.ts';

/** What a room states happened. Kinds are `<noun>.<past participle>`: image.pushed, workload.judged, incident.opened. */
export interface NewFact {
  readonly kind: string;
  /** Null: it concerns the platform as a whole. */
  readonly project: string | null;
  /** Who did it: `user:ana`, `robot:ci`, `agent:host1`, `platform`. */
  readonly actor: string;
  /** What it is about, as people name it: `tienda/web:1.2`, `tienda/dev/web`, `incident 7`. */
  readonly subject: string;
  /** The image that the fact belongs to: the thread through everything. */
  readonly digest?: string | null;
  readonly body: Json;
}

export interface Fact extends NewFact {
  /** UUIDv7. */
  readonly id: string;
  readonly at: string;
  readonly digest: string | null;
}

/** A fact in the chain: its place and the hash that binds it to all before it. */
export interface ChainedFact extends Fact {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number;
  readonly bodyHash: string;
  readonly hash: string;
}

/** The hash before the first fact. */
export const GENESIS_HASH = '0'.repeat(64);

/** The body hangs by its hash, so that personal data can be erased later without breaking the chain. */
export function hashBody(body: Json): string {
  return createHash('sha256').update(canonicalJson(body)).digest('hex');
}

/** SHA-256 over the canonical envelope with the hash of the fact before it. */
export function hashFact(previous: string, seq: number, fact: Fact, bodyHash: string): string {
  const { id, at, kind, project, actor, subject, digest } = fact;
  const envelope = canonicalJson({ seq, id, at, kind, project, actor, subject, digest, bodyHash, previous });
  return createHash('sha256').update(envelope).digest('hex');
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Digest } from '../../oci/index.ts';
import { KEPT_ANSWER_BODY_BYTES_MAX, KEPT_ANSWER_MS, KEPT_ANSWERS_MAX } from '../limits.ts';
import type { PullRecorder } from '../pulls.ts';

/** A manifest as it was answered to one Authorization header at one address. */
export interface KeptAnswer {
  /** Header names and values in turn, as writeHead takes them fastest. */
  readonly headers: readonly string[];
  /** The bytes as latin1: header and body leave in one write, and latin1 gives back exactly the bytes. */
  readonly body: string;
  readonly pull: {
    readonly actor: string;
    readonly repository: string;
    readonly reference: string;
    readonly digest: Digest;
  };
}

/** Where an answer will be kept, as of the count of writes before it was made; null when it is not. */
export type AnswerPlace = { readonly key: string; readonly writes: number } | null;

interface Kept extends KeptAnswer {
  readonly writes: number;
  readonly untilMs: number;
}

/**
 * Answers to GET of a manifest, kept while nothing that they were made from can have changed: the database has had no
 * write since, and half a second has not gone by, after which expiry of tokens and verdicts is asked again. A deployment
 * asks for the same manifest from every host at once; all but the first cost a look-up. The pull is recorded each time.
 */
export class KeptAnswers {
  /** See OpenedDatabase.writes: null where it is not known, and then nothing is kept. */
  readonly #writes: () => number | null;
  readonly #pulls: Pick<PullRecorder, 'add'>;
  readonly #kept = new Map<string, Kept>();

  constructor(writes: () => number | null, pulls: Pick<PullRecorder, 'add'>) {
    this.#writes = writes;
    this.#pulls = pulls;
  }

  /** Answers when it can; else returns what `keep` needs, or null when this answer is not to be kept. */
  answer(request: IncomingMessage, response: ServerResponse): 'answered' | AnswerPlace {
    const key = keyOf(request);
    const writes = key === null ? null : this.#writes();
    if (key === null || writes === null) return null;
    const kept = this.#kept.get(key);
    if (kept === undefined) return { key, writes };
    if (kept.writes !== writes || kept.untilMs < performance.now()) {
      this.#kept.delete(key);
      return { key, writes };
    }
    const { actor, repository, reference, digest } = kept.pull;
    this.#pulls.add(actor, repository, reference, digest);
    response.writeHead(200, kept.headers as string[]);
    response.end(kept.body, 'latin1');
    return 'answered';
  }

  keep(place: AnswerPlace, answer: KeptAnswer): void {
    if (place === null || answer.body.length > KEPT_ANSWER_BODY_BYTES_MAX || this.#writes() !== place.writes) return;
    if (this.#kept.size >= KEPT_ANSWERS_MAX) this.#kept.clear();
    this.#kept.set(place.key, { ...answer, writes: place.writes, untilMs: performance.now() + KEPT_ANSWER_MS });
  }
}

const OUR_TOKEN = /^bearer +drt2\./i;

/** Null for any request but a plain GET of a manifest with a token of the registry. Reading `rawHeaders` parses no header twice. */
function keyOf(request: IncomingMessage): string | null {
  if (request.method !== 'GET' || request.url === undefined || !request.url.includes('/manifests/')) return null;
  const { rawHeaders } = request;
  let authorization: string | null = null;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    // Both names that matter have thirteen letters.
    if (name?.length !== 13) continue;
    const lower = name.toLowerCase();
    if (lower === 'if-none-match') return null;
    if (lower === 'authorization') authorization ??= rawHeaders[at + 1] ?? null;
  }
  // Who shows nothing is counted by address, and some passwords are good from one address only: those requests have to
  // get there each time. Our own tokens are not bound to an address.
  return authorization !== null && OUR_TOKEN.test(authorization) ? `${request.url}\n${authorization}` : null;
}

import { type Digest, projectOf } from '../oci/index.ts';
import type { Log, Text } from '../system/index.ts';
import { registryFault } from './errors.ts';
import {
  HELD_CONTENT_CACHED_MAX,
  HELD_CONTENT_USERS_MAX,
  PATIENT_PULL_MS,
  PATIENT_PULLS_MAX,
  REASONS_SAID_MAX,
  REFERRERS_DEPTH_MAX,
} from './limits.ts';
import type { RepositoryManifests } from './manifests.ts';
import type { Caller, PullAnswer, PullGate } from './ports.ts';
import type { RegistryDatabase, StoredManifest } from './store.ts';

type Held = Pick<StoredManifest, 'repository' | 'kind' | 'digest' | 'subject'>;

/** How somebody wants to read something of an image. */
export interface Reading {
  readonly caller: Caller;
  /** Whether the caller may push to the repository, and so sign what is there. */
  readonly maySign: () => boolean;
  /** Aborted when the client has gone; asked for only when there is something to wait for. */
  readonly gone: () => AbortSignal;
}

/**
 * Holds images until the gate releases them: their manifests, and content that nothing else in the repository uses. The
 * platform and its scanner see everything. Who pushed an image or may sign it reads its manifest, which signing needs,
 * and never its content. Artifacts follow the image they speak of; an index holds nothing itself, its images do.
 *
 * Who asks while the verdict is on its way waits for it, a bounded time: `push && pull` works.
 */
export class Quarantine {
  readonly #db: RegistryDatabase;
  readonly #manifests: RepositoryManifests;
  readonly #gate: PullGate;
  readonly #log: Log;
  readonly #patienceMs: number;
  #waiting = 0;
  /** Content and the image by whose release it is served; null: of something that nothing holds. */
  readonly #released = new Map<string, Digest | null>();

  constructor(parts: {
    db: RegistryDatabase;
    manifests: RepositoryManifests;
    gate: PullGate;
    log: Log;
    patienceMs?: number;
  }) {
    this.#db = parts.db;
    this.#manifests = parts.manifests;
    this.#gate = parts.gate;
    this.#log = parts.log;
    this.#patienceMs = parts.patienceMs ?? PATIENT_PULL_MS;
  }

  /**
   * Lets a manifest be read, or says why not. Answers at once, without a promise, when the verdict is in memory: this is
   * on the way of every pull.
   * @returns what the client should be warned of
   * @throws Fault registry.held, .refused
   */
  admit(manifest: StoredManifest, reference: string, reading: Reading): readonly Text[] | Promise<readonly Text[]> {
    const { caller } = reading;
    if (caller.kind === 'scanner' || caller.kind === 'platform') return NO_WARNINGS;
    if (manifest.kind === 'index') return NO_WARNINGS;
    if (manifest.kind === 'image') {
      const known = this.#gate.known?.({ ...question(manifest.repository, manifest.digest), principal: caller });
      if (known?.allow === true) return known.warnings ?? NO_WARNINGS;
    }
    if (manifest.pushedById === caller.id || reading.maySign()) return NO_WARNINGS;
    return this.#admitHeld(manifest, reference, reading);
  }

  /**
   * Lets content be read through a repository, or says why not. Content that no manifest uses yet is its uploader's.
   * @throws Fault registry.held, .refused, .blob-unused
   */
  admitBlob(repository: string, digest: Digest, reading: Reading): void | Promise<void> {
    const { caller } = reading;
    if (caller.kind === 'scanner' || caller.kind === 'platform') return;
    const user = this.#released.get(`${repository} ${digest}`);
    if (user === null) return;
    if (user !== undefined) {
      const known = this.#gate.known?.({ ...question(repository, user), principal: caller });
      if (known?.allow === true) return;
    }
    return this.#admitHeldBlob(repository, digest, reading);
  }

  /** The same as a question, for what must not tell more: whether content may leave through a repository now. */
  async mayReadBlob(repository: string, digest: Digest, caller: Caller): Promise<boolean> {
    if (caller.kind === 'scanner' || caller.kind === 'platform') return true;
    return (await this.#judgeBlob(repository, digest, caller)).allow;
  }

  /** A manifest went or came: whose release content is served by is found anew. */
  forget(): void {
    this.#released.clear();
  }

  /** The digest of the image that decides about a manifest: its own, that of its subject, or null when none does. */
  async heldBy(manifest: Held): Promise<Digest | null> {
    let at: Pick<StoredManifest, 'kind' | 'digest' | 'subject'> | null = manifest;
    for (let depth = 0; at !== null && depth <= REFERRERS_DEPTH_MAX; depth++) {
      if (at.kind === 'image') return at.digest;
      if (at.kind === 'index' || at.subject === null) return null;
      at = await this.#manifests.find(manifest.repository, { digest: at.subject });
    }
    return null;
  }

  /** What the gate says; a gate that fails says no. */
  async ask(repository: string, digest: Digest, caller: Caller): Promise<PullAnswer> {
    try {
      return await this.#gate.check({ ...question(repository, digest), principal: caller });
    } catch (error) {
      this.#log.error({ err: error, repository, digest }, 'the pull gate failed, so the image is held');
      const reason = {
        en: 'the verdict could not be read; the cause is in the log of the platform',
        es: 'no se pudo leer el veredicto; la causa está en el registro de sucesos de la plataforma',
      };
      return { allow: false, code: 'registry.gate-failed', reasons: [reason], settled: true };
    }
  }

  /** How far the check of an image is; null when it is not being checked. */
  progress(repository: string, digest: Digest): ReturnType<NonNullable<PullGate['progress']>> {
    return this.#gate.progress?.({ project: projectOf(repository), digest }) ?? null;
  }

  async #admitHeld(manifest: StoredManifest, reference: string, reading: Reading): Promise<readonly Text[]> {
    const image = await this.heldBy(manifest);
    if (image === null) return NO_WARNINGS;
    const answer = await this.#patiently(image, reading, async () => ({
      image,
      ...(await this.ask(manifest.repository, image, reading.caller)),
    }));
    if (answer.allow) return answer.warnings ?? NO_WARNINGS;
    throw refusal(manifest.repository, image, reference, answer);
  }

  async #admitHeldBlob(repository: string, digest: Digest, reading: Reading): Promise<void> {
    const first = await this.#judgeBlob(repository, digest, reading.caller);
    if (first.allow) return;
    if (first.image === null) throw registryFault('registry.blob-unused', { digest, repository });
    const answer = await this.#patiently(first.image, reading, () =>
      this.#judgeBlob(repository, digest, reading.caller),
    );
    if (answer.allow) return;
    throw refusal(repository, answer.image ?? first.image, answer.image ?? first.image, answer);
  }

  /** Asks until the answer is settled, the time is over or the client has gone. */
  async #patiently<T extends PullAnswer>(image: Digest, reading: Reading, judge: () => Promise<T>): Promise<T> {
    // Heard of from before the question on, so that no verdict falls between question and wait.
    const hear = (signal: AbortSignal) => this.#gate.changed?.(image, signal);
    const over = new AbortController();
    try {
      let changed = hear(over.signal);
      let answer = await judge();
      if (isSettled(answer) || changed === undefined || this.#waiting >= PATIENT_PULLS_MAX) return answer;
      this.#waiting += 1;
      const signal = AbortSignal.any([reading.gone(), AbortSignal.timeout(this.#patienceMs)]);
      const end = (): void => over.abort();
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      try {
        while (!over.signal.aborted && !isSettled(answer)) {
          await changed;
          if (over.signal.aborted) break;
          changed = hear(over.signal);
          answer = await judge();
        }
        return answer;
      } finally {
        this.#waiting -= 1;
        signal.removeEventListener('abort', end);
      }
    } finally {
      over.abort();
    }
  }

  /**
   * Content leaves a repository by any manifest there that uses it and is not held. Images that came first are asked
   * first: a base layer's oldest user is the likeliest to be released.
   */
  async #judgeBlob(
    repository: string,
    digest: Digest,
    caller: Caller,
  ): Promise<PullAnswer & { readonly image: Digest | null }> {
    const users = await this.#db
      .selectFrom('registry_repositories as r')
      .innerJoin('registry_manifest_content as c', 'c.repository_id', 'r.id')
      .innerJoin('registry_manifests as m', (join) =>
        join.onRef('m.repository_id', '=', 'c.repository_id').onRef('m.digest', '=', 'c.manifest_digest'),
      )
      .select(['m.digest', 'm.kind', 'm.subject_digest', 'm.pushed_by_id'])
      .where('r.name', '=', repository)
      .where('c.content_digest', '=', digest)
      .orderBy('m.pushed_at')
      .limit(HELD_CONTENT_USERS_MAX)
      .execute();
    if (users.length === 0) return this.#judgeUnused(repository, digest, caller);
    let held: (PullAnswer & { readonly image: Digest }) | null = null;
    for (const user of users) {
      const manifest: Held = {
        repository,
        kind: user.kind as StoredManifest['kind'],
        digest: user.digest as Digest,
        subject: user.subject_digest as Digest | null,
      };
      // A build of the platform's own reads back what this very token pushed.
      if (caller.kind === 'agent' && user.pushed_by_id === caller.id) return { allow: true, image: manifest.digest };
      const image = await this.heldBy(manifest);
      const answer = image === null ? ALLOWED : await this.ask(repository, image, caller);
      if (answer.allow) {
        this.#remember(`${repository} ${digest}`, image);
        return { ...answer, image };
      }
      // What is still undecided may yet release the content; what was refused will not.
      if (image !== null && (held === null || isSettled(held))) held = { ...answer, image };
    }
    return held ?? { ...UNUSED, image: null };
  }

  async #judgeUnused(
    repository: string,
    digest: Digest,
    caller: Caller,
  ): Promise<PullAnswer & { readonly image: Digest | null }> {
    const row = await this.#db
      .selectFrom('registry_repositories as r')
      .innerJoin('registry_blob_links as l', 'l.repository_id', 'r.id')
      .select('l.pushed_by_id')
      .where('r.name', '=', repository)
      .where('l.digest', '=', digest)
      .executeTakeFirst();
    // Content that is not here at all is told as such by whoever opens it.
    const isTheirs = row === undefined || row.pushed_by_id === caller.id;
    return isTheirs ? { allow: true, image: null } : { ...UNUSED, image: null };
  }

  #remember(key: string, image: Digest | null): void {
    this.#released.set(key, image);
    if (this.#released.size <= HELD_CONTENT_CACHED_MAX) return;
    const oldest = this.#released.keys().next().value;
    if (oldest !== undefined) this.#released.delete(oldest);
  }
}

const NO_WARNINGS: readonly Text[] = [];
const ALLOWED: PullAnswer = { allow: true };
const UNUSED: Extract<PullAnswer, { allow: false }> = {
  allow: false,
  code: 'registry.blob-unused',
  reasons: [{ en: 'no image uses it yet', es: 'ninguna imagen lo usa todavía' }],
  settled: true,
};

function isSettled(answer: PullAnswer): boolean {
  return answer.allow || answer.settled === true;
}

function question(repository: string, digest: Digest) {
  return { project: projectOf(repository), repository, digest };
}

/** Why it is held, with every reason that a person can read in one message, and the way out. */
function refusal(repository: string, digest: Digest, reference: string, answer: Extract<PullAnswer, { allow: false }>) {
  const said = answer.reasons.slice(0, REASONS_SAID_MAX).map((reason) => reason.en);
  const more = answer.reasons.length - said.length;
  const reasons = [...said, ...(more > 0 ? [`and ${more} more`] : [])].join('; ') || answer.code;
  const ways = [...new Set((answer.remedies ?? []).map((remedy) => remedy.en))].slice(0, REASONS_SAID_MAX);
  const named = `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
  const details = {
    code: answer.code,
    reasons: answer.reasons.map(({ en, es }) => ({ en, es })),
    remedies: (answer.remedies ?? []).map(({ en, es }) => ({ en, es })),
  };
  const params = { repository, digest, reasons, reference: named };
  if (answer.settled !== true) return registryFault('registry.held', params, { details });
  const remedy = ways.length === 0 ? `darsena image show ${named}` : ways.join('; ');
  return registryFault('registry.refused', { ...params, remedy }, { details });
}

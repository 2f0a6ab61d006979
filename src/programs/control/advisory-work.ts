import { type AdvisoryStore, isOld, updateAdvisories } from '../../advisories/index.ts';
import type { NewFact } from '../../journal/index.ts';
import { type Digest, projectOf } from '../../oci/index.ts';
import type { Operations } from '../../progress/index.ts';
import type { RematchOutcome, Scans } from '../../scan/index.ts';
import type { Clock, Log } from '../../system/index.ts';
import type { AdvisoryPublisher } from './advisory-artifact.ts';

const REMATCH_TITLE = {
  en: 'Match all images with the new advisories',
  es: 'Cotejar todas las imágenes con los avisos nuevos',
};

const UPDATE_TITLE = { en: 'Update the advisories', es: 'Actualizar los avisos' };
/** KEV and EPSS change daily, distributions several times a day; unchanged feeds cost one request. */
const UPDATE_EVERY_MS = 6 * 3_600_000;
/** How often it is looked whether an update is due or a source got old. */
export const ADVISORY_CHECK_MS = 15 * 60_000;

/** Quiet after a change before the database is packed and signed. */
const PUBLISH_AFTER_MS = 3_000;

export interface AdvisoryWorkParts {
  readonly store: AdvisoryStore;
  readonly publisher: Pick<AdvisoryPublisher, 'publish'>;
  /** HTTPS addresses of feeds; none: nothing is fetched. */
  readonly urls: readonly string[];
  /** OpenPGP keys that addresses with `#signature=` may be signed with. */
  readonly pgpKeys: readonly string[];
  /** Days after which any source is old, in place of what its feed says. */
  readonly maxAgeDays: number | null;
  readonly clock: Clock;
  readonly record: (fact: NewFact) => Promise<void>;
  /** The advisories changed by themselves. */
  readonly changed: (actor: string) => Promise<void>;
  readonly scans: Pick<Scans, 'rematchAll' | 'countStale'>;
  readonly operations: Operations;
  readonly log: Log;
  /** The repositories that hold an image. */
  readonly imagesWith: (digest: Digest) => AsyncIterable<{ readonly repository: string }>;
}

/** The platform's long work with advisories, as operations that people see; one of each at a time. */
export class AdvisoryWork {
  readonly #parts: AdvisoryWorkParts;
  #rematching: Promise<ReadonlySet<Digest> | null> | null = null;
  /** When the youngest source was made, as of the last re-match; null: there was none. */
  #youngestMs: number | null | undefined;
  #again = false;
  #updatedMs = 0;
  #updating = false;
  #publishing: NodeJS.Timeout | null = null;
  /** Names of sources whose age was told. */
  #told = '';

  constructor(parts: AdvisoryWorkParts) {
    this.#parts = parts;
  }

  /**
   * Judges every stored inventory under the advisories of now; those that change meanwhile are heard by a second pass.
   * @returns the images that policies have to judge again; null: all
   */
  rematch(actor: string): Promise<ReadonlySet<Digest> | null> {
    if (this.#rematching !== null) {
      this.#again = true;
      return this.#rematching;
    }
    this.#rematching = (async () => {
      const answered = new Set<Digest>();
      let isWhole = true;
      do {
        this.#again = false;
        const some = await this.#rematch(actor);
        for (const digest of some ?? []) answered.add(digest);
        if (some === null || (await this.#isOfOtherAge())) isWhole = false;
      } while (this.#again);
      return isWhole ? answered : null;
    })().finally(() => {
      this.#rematching = null;
    });
    return this.#rematching;
  }

  /** Updates when it is time, and tells once of sources that have got old. */
  async tick(): Promise<void> {
    const { urls, clock } = this.#parts;
    const nowMs = clock.now().getTime();
    if (urls.length > 0 && !this.#updating && Math.abs(nowMs - this.#updatedMs) >= UPDATE_EVERY_MS) {
      this.#updatedMs = nowMs;
      await this.#update();
    }
    await this.#tellOld();
  }

  async #update(): Promise<void> {
    const { store, urls, pgpKeys, operations, log, changed } = this.#parts;
    this.#updating = true;
    let isNews = false;
    const { finished } = await operations.start(
      { kind: 'advisories-update', project: null, environment: null, actor: 'platform', title: UPDATE_TITLE },
      async (context) => {
        const step = context.step(UPDATE_TITLE);
        const { signal } = context;
        const outcome = await updateAdvisories(store, urls, {
          signal,
          pgpKeys,
          onAddress: (_url, done, total) => step.update({ done, total, unit: 'items' }),
        });
        isNews = outcome.imported.length > 0;
        for (const { fault } of outcome.failed)
          step.note({ en: fault.toProblem('en').title, es: fault.toProblem('es').title });
        const [news, same, failed] = [outcome.imported.length, outcome.unchanged.length, outcome.failed.length];
        const text = {
          en: `${news} sources updated, ${same} unchanged, ${failed} failed`,
          es: `${news} fuentes actualizadas, ${same} sin cambios, ${failed} con fallo`,
        };
        if (failed > 0) step.fail(text);
        else step.done(text);
        return { updated: news, unchanged: same, failed };
      },
    );
    const { state, problem } = await finished.finally(() => {
      this.#updating = false;
    });
    if (state === 'failed') log.error({ problem }, 'the advisories could not be updated');
    if (isNews) await changed('platform');
  }

  async #tellOld(): Promise<void> {
    const { store, maxAgeDays, record } = this.#parts;
    const sources = await store.sources();
    const old = sources.filter((one) => isOld(maxAgeDays === null ? one : { ...one, maxAgeDays }));
    const names = old.map(({ name }) => name).join(' ');
    const before = this.#told;
    this.#told = names;
    if (names === before || old.length === 0) return;
    await record({
      kind: 'advisories.old',
      project: null,
      actor: 'platform',
      subject: 'advisories',
      body: {
        sources: old.map(({ name, ageSeconds, maxAgeDays: days }) => ({
          name,
          ageDays: Math.floor(ageSeconds / 86_400),
          maxAgeDays: maxAgeDays ?? days,
        })),
      },
    });
  }

  /** The registry's copy follows what is in use, a while later: a folder of feeds is one change. A failure leaves the one before. */
  publishSoon(): void {
    if (this.#publishing !== null) clearTimeout(this.#publishing);
    this.#publishing = setTimeout(() => {
      this.#publishing = null;
      this.#parts.publisher
        .publish()
        .catch((error: unknown) =>
          this.#parts.log.error({ err: error }, 'the advisories could not be published in the registry'),
        );
    }, PUBLISH_AFTER_MS);
    this.#publishing.unref();
  }

  /** Whether the advisories turned younger or older by a day with the last change, for policies ask for that. */
  async #isOfOtherAge(): Promise<boolean> {
    const { store, clock } = this.#parts;
    const ages = (await store.sources()).map(({ ageSeconds }) => ageSeconds * 1000);
    const nowMs = clock.now().getTime();
    const before = this.#youngestMs;
    const now = ages.length === 0 ? null : nowMs - Math.min(...ages);
    this.#youngestMs = now;
    const days = (atMs: number | null): number => (atMs === null ? -1 : Math.floor((nowMs - atMs) / 86_400_000));
    return before !== undefined && days(before) !== days(now);
  }

  /** @returns the images that are answered otherwise; null when that is not known */
  async #rematch(actor: string): Promise<readonly Digest[] | null> {
    const { scans, operations, log } = this.#parts;
    if ((await scans.countStale()) === 0) return [];
    let answered: readonly Digest[] = [];
    const { finished } = await operations.start(
      { kind: 'advisories-rematch', project: null, environment: null, actor, title: REMATCH_TITLE },
      async (context) => {
        const step = context.step(REMATCH_TITLE);
        const outcome = await scans.rematchAll({
          signal: context.signal,
          progress: (done, total) => step.update({ done, total, unit: 'items' }),
          namesOf: (digest) => this.#namesOf(digest),
        });
        step.done(textOf(outcome));
        answered = outcome.answered;
        const { images, changed, added, removed } = outcome;
        return { images, changed: changed.length, added, removed };
      },
    );
    const { state, problem } = await finished;
    if (state === 'failed') log.error({ problem }, 'judging inventories again failed');
    return state === 'done' ? answered : null;
  }

  /** One name a project: news of an image is told once to each that has it. */
  async #namesOf(digest: Digest): Promise<{ project: string; subject: string }[]> {
    const names = new Map<string, string>();
    for await (const { repository } of this.#parts.imagesWith(digest)) {
      const project = projectOf(repository);
      if (!names.has(project)) names.set(project, repository);
    }
    return [...names].map(([project, subject]) => ({ project, subject }));
  }
}

function textOf({ images, changed, added, removed }: RematchOutcome): { en: string; es: string } {
  return {
    en: `${images} images, ${changed.length} with news: ${added} issues came, ${removed} went`,
    es: `${images} imágenes, ${changed.length} con novedades: ${added} problemas nuevos, ${removed} desaparecidos`,
  };
}

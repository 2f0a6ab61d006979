import { type Digest, projectOf } from '../../oci/index.ts';
import type { Operations } from '../../progress/index.ts';
import type { RematchOutcome, Scans } from '../../scan/index.ts';
import type { Log } from '../../system/index.ts';

const REMATCH_TITLE = {
  en: 'Match all images with the new advisories',
  es: 'Cotejar todas las imágenes con los avisos nuevos',
};

export interface AdvisoryWorkParts {
  readonly scans: Pick<Scans, 'rematchAll' | 'countStale'>;
  readonly operations: Operations;
  readonly log: Log;
  /** The repositories that hold an image. */
  readonly imagesWith: (digest: Digest) => AsyncIterable<{ readonly repository: string }>;
}

/** The platform's long work with advisories, as operations that people see; one of each at a time. */
export class AdvisoryWork {
  readonly #parts: AdvisoryWorkParts;
  #rematching: Promise<void> | null = null;
  #again = false;

  constructor(parts: AdvisoryWorkParts) {
    this.#parts = parts;
  }

  /** Judges every stored inventory under the advisories of now; those that change meanwhile are heard by a second pass. */
  rematch(actor: string): Promise<void> {
    if (this.#rematching !== null) {
      this.#again = true;
      return this.#rematching;
    }
    this.#rematching = (async () => {
      do {
        this.#again = false;
        await this.#rematch(actor);
      } while (this.#again);
    })().finally(() => {
      this.#rematching = null;
    });
    return this.#rematching;
  }

  async #rematch(actor: string): Promise<void> {
    const { scans, operations, log } = this.#parts;
    if ((await scans.countStale()) === 0) return;
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
        const { images, changed, added, removed } = outcome;
        return { images, changed: changed.length, added, removed };
      },
    );
    const { state, problem } = await finished;
    if (state === 'failed') log.error({ problem }, 'judging inventories again failed');
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

import type { Digest } from '../../oci/index.ts';
import { type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import type { MalwareScanner, Scans } from '../../scan/index.ts';
import type { Clock, Log, Text } from '../../system/index.ts';

interface Image {
  readonly repository: string;
  readonly digest: Digest;
}

export interface RescansParts {
  /** All images, those of a digest or those of a project. */
  readonly images: (of: { readonly digest?: Digest; readonly project?: string }) => AsyncIterable<Image>;
  readonly inUse: () => Promise<readonly Digest[]>;
  readonly check: (image: Image & { readonly actor: string }, step: StepHandle) => Promise<unknown>;
  readonly malware: Pick<MalwareScanner, 'state'>;
  readonly scans: Pick<Scans, 'report'>;
  readonly operations: Operations;
  readonly clock: Clock;
  readonly log: Log;
}

const TITLE: Text = { en: 'Scan images again', es: 'Analizar imágenes de nuevo' };

/** How often engines are asked what they know. */
export const RESCAN_CHECK_MS = 30 * 60_000;

/** Scans what was scanned before by other rules: all images when people change rules, those in use when engines learn. */
export class Rescans {
  readonly #parts: RescansParts;
  #running: Promise<void> | null = null;
  #again: (() => AsyncIterable<Image>) | null = null;
  #known = '';

  constructor(parts: RescansParts) {
    this.#parts = parts;
  }

  /** Every image, in the background; what changes while it runs is heard by a second pass. */
  all(actor: string): void {
    this.#start(() => this.#parts.images({}), actor);
  }

  /** Every image of a project, which changed what is looked for in its own. */
  project(project: string, actor: string): void {
    this.#start(() => this.#parts.images({ project }), actor);
  }

  /** Images in use that were last looked at by other engines or older signatures. */
  async tick(): Promise<void> {
    const { malware } = this.#parts;
    const engines = (await malware.state()).flatMap(({ engine }) => engine ?? []);
    const now = JSON.stringify(engines);
    if (engines.length === 0 || now === this.#known) return;
    this.#known = now;
    this.#start(() => this.#outdated(now), 'platform');
  }

  async *#outdated(now: string): AsyncGenerator<Image> {
    const { inUse, scans, images } = this.#parts;
    for (const digest of new Set(await inUse())) {
      const report = await scans.report(digest);
      if (report === null || JSON.stringify(report.malware.engines) === now) continue;
      yield* images({ digest });
    }
  }

  #start(wanted: () => AsyncIterable<Image>, actor: string): void {
    if (this.#running !== null) {
      const before = this.#again;
      // Somebody else's images wait already: these come after them.
      this.#again = async function* (): AsyncGenerator<Image> {
        if (before !== null) yield* before();
        yield* wanted();
      };
      return;
    }
    this.#running = this.#run(wanted, actor)
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'images could not be scanned again'))
      .finally(() => {
        this.#running = null;
        const again = this.#again;
        this.#again = null;
        if (again !== null) this.#start(again, actor);
      });
  }

  async #run(wanted: () => AsyncIterable<Image>, actor: string): Promise<void> {
    const { operations, check, clock, log } = this.#parts;
    const found = new Map<string, Image>();
    for await (const image of wanted()) found.set(`${image.repository}@${image.digest}`, image);
    const images = [...found.values()];
    if (images.length === 0) return;
    const { finished } = await operations.start(
      { kind: 'image-rescan', project: null, environment: null, actor, title: TITLE },
      async (context) => {
        const step = context.step(TITLE);
        let [done, failed] = [0, 0];
        for (const { repository, digest } of images) {
          context.signal.throwIfAborted();
          step.update({ done, total: images.length, unit: 'items' });
          try {
            await check({ repository, digest, actor }, silentStep);
          } catch (error) {
            failed += 1;
            log.error({ err: error, repository, digest }, 'an image could not be scanned again');
          }
          done += 1;
          await clock.sleep(0);
        }
        const text = {
          en: `${done} images${failed === 0 ? '' : `, ${failed} failed`}`,
          es: `${done} imágenes${failed === 0 ? '' : `, ${failed} con fallo`}`,
        };
        if (failed === 0) step.done(text);
        else step.fail(text);
        return { images: done, failed };
      },
    );
    await finished;
  }
}

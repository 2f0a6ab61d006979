import type { Operations } from '../../progress/index.ts';
import type { Registry, RegistryWork } from '../../registry/index.ts';
import type { Clock, Json, Log, Text } from '../../system/index.ts';

/** Retention, then the collection of what it let go. */
const COLLECTION_EVERY_MS = 6 * 3_600_000;
/** All content is read again so often: disks lose bits in months, and a good copy elsewhere should still exist. */
const SCRUB_EVERY_MS = 7 * 86_400_000;
/** How often it is looked whether something is due. */
export const REGISTRY_WORK_CHECK_MS = 15 * 60_000;

type Work = Parameters<RegistryWork['start']>[0];

const TITLES: Readonly<Record<Work['kind'], Text>> = {
  retention: { en: 'Retention', es: 'Retención' },
  collection: { en: 'Collect unused content', es: 'Recoger contenido sin uso' },
  scrub: { en: 'Check all stored content', es: 'Comprobar todo el contenido guardado' },
};

/** The registry's long work as operations: by hand and by itself, one of each kind (and project) at a time. */
export class ScheduledRegistryWork implements RegistryWork {
  readonly #registry: Registry;
  readonly #operations: Operations;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #running = new Map<string, string>();
  readonly #stopped = new AbortController();

  constructor(parts: { registry: Registry; operations: Operations; clock: Clock; log: Log }) {
    this.#registry = parts.registry;
    this.#operations = parts.operations;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  async start(work: Work, actor: string): Promise<{ readonly operation: string }> {
    const { id } = await this.#start(work, actor);
    return { operation: id };
  }

  /** Starts what is due: a pass that a stop cut short goes on from where it was. */
  async tick(): Promise<void> {
    const now = this.#clock.now().getTime();
    const [{ collection, scrub }, projects] = await Promise.all([
      this.#registry.upkeep(),
      this.#registry.settings.projectsWithRetention(),
    ]);
    if (isDue(collection, COLLECTION_EVERY_MS, now)) {
      for (const project of projects) await (await this.#start({ kind: 'retention', project }, 'platform')).finished;
      await (await this.#start({ kind: 'collection' }, 'platform')).finished;
    }
    // Not waited for: at its slow pace it takes hours.
    if (isDue(scrub, SCRUB_EVERY_MS, now)) await this.#start({ kind: 'scrub' }, 'platform');
  }

  /** Ends what runs; it goes on after the next start. */
  stop(): void {
    this.#stopped.abort();
  }

  async #start(work: Work, actor: string): Promise<{ readonly id: string; readonly finished: Promise<unknown> }> {
    const key = work.kind === 'retention' ? `retention ${work.project}` : work.kind;
    const running = this.#running.get(key);
    if (running !== undefined) return { id: running, finished: Promise.resolve() };
    const project = work.kind === 'retention' ? work.project : null;
    // Taken before the first wait, so that two who start at once get one operation.
    this.#running.set(key, '');
    try {
      const title = TITLES[work.kind];
      const { operation, finished } = await this.#operations.start(
        { kind: `registry-${work.kind}`, project, environment: null, actor, title },
        async (context) => {
          const signal = AbortSignal.any([context.signal, this.#stopped.signal]);
          const step = context.step(title);
          const done = (text: Text, result: Json): Json => {
            step.done(text);
            return result;
          };
          switch (work.kind) {
            case 'retention': {
              const outcome = await this.#registry.retention.run(work.project, actor, {
                signal,
                progress: (count, total) => step.update({ done: count, total, unit: 'items' }),
              });
              const { tags, images, skipped } = outcome;
              const text = {
                en: `${tags} tags and ${images} images removed${skipped === 0 ? '' : `, ${skipped} changed meanwhile and stay`}`,
                es: `${tags} etiquetas y ${images} imágenes eliminadas${skipped === 0 ? '' : `, ${skipped} cambiaron entretanto y quedan`}`,
              };
              return done(text, { ...outcome });
            }
            case 'collection': {
              const collected = await this.#registry.collectGarbage({
                signal,
                progress: ({ blobs, freedBytes }) =>
                  step.update({
                    detail: { en: `${blobs} blobs, ${freedBytes} bytes`, es: `${blobs} blobs, ${freedBytes} bytes` },
                  }),
              });
              const { blobs, freedBytes, uploads } = collected;
              const text = {
                en: `${blobs} blobs (${freedBytes} bytes) and ${uploads} abandoned uploads removed`,
                es: `${blobs} blobs (${freedBytes} bytes) y ${uploads} subidas abandonadas eliminados`,
              };
              return done(text, { ...collected });
            }
            case 'scrub': {
              const { content } = await this.#registry.status();
              const state = await this.#registry.scrub.run({
                signal,
                progress: ({ readBytes }) => step.update({ done: readBytes, total: content.bytes, unit: 'bytes' }),
              });
              const { readBlobs, found, healed } = state;
              const text = {
                en: `${readBlobs} blobs read, ${found} damaged, ${healed} healed`,
                es: `${readBlobs} blobs leídos, ${found} dañados, ${healed} reparados`,
              };
              if (found > healed) step.fail(text);
              else step.done(text);
              return { ...state };
            }
          }
        },
      );
      this.#running.set(key, operation.id);
      const ended = finished.then((one) => {
        this.#running.delete(key);
        if (one.state === 'failed') this.#log.error({ problem: one.problem, work }, 'work on the registry failed');
      });
      return { id: operation.id, finished: ended };
    } catch (error) {
      this.#running.delete(key);
      throw error;
    }
  }
}

/** Whether a pass was cut or its time has come again. */
function isDue(
  state: { readonly phase: string | null; readonly finishedAt: string | null },
  everyMs: number,
  nowMs: number,
): boolean {
  if (state.phase !== null || state.finishedAt === null) return true;
  // Finished at a time still to come: the clock was set back since, and nobody knows how long ago it was.
  return Math.abs(nowMs - Date.parse(state.finishedAt)) >= everyMs;
}

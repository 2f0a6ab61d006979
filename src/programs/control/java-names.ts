import { type JavaIndex, joinIndexes, openJavaIndex, type RuleFiles } from '../../scan/index.ts';
import type { Log } from '../../system/index.ts';

/** What names Java archives that have no name: lists that people gave, and the index of control.json. */
export class JavaNames {
  readonly #files: Pick<RuleFiles, 'javaIndex'>;
  readonly #large: JavaIndex | null;
  #current: JavaIndex | null = null;

  /** @param place of the large index; what cannot be opened is logged, and archives stay without names */
  constructor(files: Pick<RuleFiles, 'javaIndex'>, place: string | null, log: Log) {
    this.#files = files;
    this.#large = place === null ? null : openOrSay(place, log);
  }

  get current(): JavaIndex | null {
    return this.#current;
  }

  /** To be called at the start and after each change. */
  async refresh(): Promise<void> {
    const given = await this.#files.javaIndex();
    this.#current = joinIndexes([given, this.#large].filter((index) => index !== null));
  }
}

function openOrSay(place: string, log: Log): JavaIndex | null {
  try {
    return openJavaIndex(place);
  } catch (error) {
    log.error({ err: error, place }, 'the index of Java archives (javaIndex in control.json) cannot be read');
    return null;
  }
}

import type { Clock, Json } from '../system/index.ts';
import type { RegistryDatabase } from './store.ts';

/** Where long work on the content stands, so that it goes on after a restart and its figures can be read at any time. */
export class WorkState<T extends { [key: string]: Json }> {
  readonly #db: RegistryDatabase;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #empty: T;

  constructor(parts: { db: RegistryDatabase; clock: Clock }, name: string, empty: T) {
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#name = name;
    this.#empty = empty;
  }

  async read(): Promise<T> {
    const row = await this.#db
      .selectFrom('registry_work')
      .select('state')
      .where('name', '=', this.#name)
      .executeTakeFirst();
    return row === undefined ? this.#empty : { ...this.#empty, ...(JSON.parse(row.state) as Partial<T>) };
  }

  async write(state: T): Promise<void> {
    const values = { state: JSON.stringify(state), updated_at: this.#clock.now().toISOString() };
    await this.#db
      .insertInto('registry_work')
      .values({ name: this.#name, ...values })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
      .execute();
  }
}

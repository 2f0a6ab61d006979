import type { Kysely } from 'kysely';
import { defineFaults, type Migration } from '../../system/index.ts';

export interface StoreMarkTables {
  /** One row: the instance whose state the database holds. `up` reads it before it takes a database. */
  platform_instance: { id: string };
}

export const storeMarkMigrations: readonly Migration[] = [
  {
    name: '0021-platform-instance',
    async up(db) {
      await db.schema
        .createTable('platform_instance')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .execute();
    },
  },
];

export const storeMarkFault = defineFaults({
  'control.database-foreign': {
    kind: 'conflict',
    en: {
      what: 'the database holds the state of another instance',
      why: 'its mark is not the one that this instance keeps with its keys',
      remedy: 'give each instance a database of its own: databaseUrl in control/control.json',
    },
    es: {
      what: 'la base de datos tiene el estado de otra instancia',
      why: 'su marca no es la que esta instancia guarda con sus claves',
      remedy: 'dar a cada instancia su propia base de datos: databaseUrl en control/control.json',
    },
  },
});

/** Puts the instance's mark into a new database. @throws Fault control.database-foreign when another one's is there */
export async function claimDatabase(db: Kysely<StoreMarkTables>, instanceId: string): Promise<void> {
  const id = await db.transaction().execute(async (tx) => {
    const found = await tx.selectFrom('platform_instance').select('id').executeTakeFirst();
    if (found === undefined) await tx.insertInto('platform_instance').values({ id: instanceId }).execute();
    return found?.id ?? instanceId;
  });
  if (id !== instanceId) throw storeMarkFault('control.database-foreign');
}

import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import { isNetwork } from '../edge/options.ts';
import { networkFault } from '../errors.ts';
import { EDGE_PROXIES_MAX } from '../limits.ts';

export interface SettingsTables {
  network_settings: { name: string; document: string; sealed: string | null };
}

/** What holds for the whole edge. */
export interface EdgeSettingsOfAll {
  /** Networks of the balancers in front of it: their connections begin with the PROXY protocol, and are believed by it. */
  readonly proxies: readonly string[];
}

const EDGE = 'edge';

export async function readEdgeSettings(db: Kysely<SettingsTables>): Promise<EdgeSettingsOfAll> {
  const row = await db.selectFrom('network_settings').selectAll().where('name', '=', EDGE).executeTakeFirst();
  return row === undefined ? { proxies: [] } : (JSON.parse(row.document) as EdgeSettingsOfAll);
}

/** @throws Fault network.proxies-invalid */
export async function writeEdgeSettings(
  db: Kysely<SettingsTables>,
  journal: Pick<Journal, 'record' | 'committed'>,
  settings: EdgeSettingsOfAll,
  actor: string,
): Promise<void> {
  const { proxies } = settings;
  const odd = proxies.find((text) => !isNetwork(text));
  if (odd !== undefined) throw networkFault('network.proxies-invalid', { network: odd.slice(0, 80) });
  // A balancer can say that a client is anybody: whoever may connect from everywhere could too.
  const wide = proxies.find((text) => /\/0+$/.test(text));
  if (wide !== undefined || proxies.length > EDGE_PROXIES_MAX)
    throw networkFault('network.proxies-too-wide', { network: wide ?? String(proxies.length) });
  const document = JSON.stringify({ proxies });
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('network_settings').where('name', '=', EDGE).execute();
    await tx.insertInto('network_settings').values({ name: EDGE, document, sealed: null }).execute();
    await journal.record<SettingsTables>(tx, {
      ...{ kind: 'edge.settings-changed', project: null, actor, subject: 'edge', body: { proxies: [...proxies] } },
    });
  });
  journal.committed();
}

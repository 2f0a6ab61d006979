import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import { z } from 'zod';
import type { Vault } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import { type Clock, isDue, type Log, type Text } from '../../system/index.ts';
import { EDGE_HOST } from '../edge/route.ts';
import { networkFault, whyFailed } from '../errors.ts';
import { ACME_ORDERS_MAX, CERTIFICATE_NAMES_MAX, CHAIN_BYTES_MAX } from '../limits.ts';
import { type UpdateServer, updateZone } from '../names/update.ts';
import type { ServedCertificates } from '../served/served.ts';
import type { SettingsTables } from '../served/settings.ts';
import { type AcmeAccount, createAccountKey, orderCertificate } from './client.ts';

export interface OrderTables extends SettingsTables {
  network_orders: {
    id: string;
    project: string | null;
    /** JSON. */
    names: string;
    state: string;
    /** JSON, why it failed last. */
    detail: string | null;
    next_at: string;
    added_at: string;
    added_by: string;
  };
}

export const acmeShape = z.strictObject({
  directory: z.url({ protocol: /^https$/ }).max(500),
  contact: z.array(z.email()).max(5).default([]),
  ca: z.string().max(CHAIN_BYTES_MAX).nullable().default(null),
  /** The terms of the authority were read by whoever sets it. */
  termsAgreed: z.literal(true),
  dns: z.strictObject({
    host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/),
    port: z.number().int().min(1).max(65_535).default(53),
    zones: z.array(z.string().regex(EDGE_HOST)).min(1).max(50),
    keyName: z.string().regex(/^[A-Za-z0-9._-]{1,253}$/),
    /** Seconds after the change until the authority is told to look: secondaries need to hear of it. */
    waitSeconds: z.number().int().min(0).max(600).default(0),
  }),
  /** Of the TSIG key, in base64; absent: the one that is known already stays. */
  secret: z.base64().min(16).max(500).optional(),
});
export type AcmeSettings = z.infer<typeof acmeShape>;
/** As people see it: what signs is nobody's to read again. */
export type ShownAcmeSettings = Omit<AcmeSettings, 'secret'>;

export interface CertificateOrder {
  readonly id: string;
  readonly project: string | null;
  readonly names: readonly string[];
  /** `waiting`: for its first turn; `valid`: its certificate is served; `failed`: it is tried again. */
  readonly state: 'waiting' | 'valid' | 'failed';
  readonly detail: Text | null;
  /** When it is taken up again: tried, or renewed. */
  readonly nextAt: string;
  readonly addedAt: string;
  readonly addedBy: string;
}

const ACME = 'acme';
const SECRETS_CONTEXT = 'network/acme';
/** How long a resolver may keep the text of a challenge. */
const CHALLENGE_SECONDS = 30;
const RETRY_MS = [60_000, 5 * 60_000, 30 * 60_000, 6 * 3_600_000] as const;
const RETRY_MS_MAX = Math.max(...RETRY_MS);

/** Certificates from an ACME authority: ordered once, renewed when a third of their life is left. */
export class CertificateOrders {
  readonly #options: {
    readonly db: Kysely<OrderTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    readonly log: Log;
    readonly vault: Vault;
    readonly served: ServedCertificates;
  };
  /** How often an order failed in a row since the program started. */
  readonly #failures = new Map<string, number>();
  #working: Promise<void> = Promise.resolve();
  /** One after the other: each looks at those before it. */
  #adding: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly db: Kysely<OrderTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    readonly log: Log;
    readonly vault: Vault;
    readonly served: ServedCertificates;
  }) {
    this.#options = options;
  }

  async settings(): Promise<ShownAcmeSettings | null> {
    const row = await this.#settingsRow();
    return row === null ? null : (JSON.parse(row.document) as ShownAcmeSettings);
  }

  /** Another directory means another account. @throws Fault network.acme-invalid */
  async setSettings(wanted: AcmeSettings, actor: string): Promise<ShownAcmeSettings> {
    const { db, journal, vault } = this.#options;
    const { secret, ...shown } = wanted;
    const before = await this.#settingsRow();
    const kept = before?.sealed == null ? null : this.#open(before.sealed);
    const key = secret ?? kept?.secret;
    if (key === undefined) throw networkFault('network.acme-invalid', NO_SECRET);
    const sameAuthority =
      before !== null && (JSON.parse(before.document) as AcmeSettings).directory === wanted.directory;
    const account = (sameAuthority ? kept?.account : undefined) ?? createAccountKey();
    const sealed = Buffer.from(vault.seal(Buffer.from(JSON.stringify({ secret: key, account })), SECRETS_CONTEXT));
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('network_settings').where('name', '=', ACME).execute();
      await tx
        .insertInto('network_settings')
        .values({ name: ACME, document: JSON.stringify(shown), sealed: sealed.toString('base64') })
        .execute();
      const body = { directory: shown.directory, server: shown.dns.host, zones: [...shown.dns.zones] };
      await journal.record<OrderTables>(tx, {
        kind: 'certificate.authority-set',
        project: null,
        actor,
        subject: 'ACME',
        body,
      });
    });
    journal.committed();
    return shown;
  }

  async list(): Promise<CertificateOrder[]> {
    const rows = await this.#options.db.selectFrom('network_orders').selectAll().orderBy('added_at').execute();
    return rows.map(toOrder);
  }

  /** Writes an order down; it is carried out by `tick`. @throws Fault network.acme-unset, network.order-refused */
  add(
    wanted: { readonly names: readonly string[]; readonly project: string | null },
    actor: string,
  ): Promise<CertificateOrder> {
    const turn = this.#adding.then(() => this.#add(wanted, actor));
    this.#adding = turn.catch(() => undefined);
    return turn;
  }

  async #add(
    wanted: { readonly names: readonly string[]; readonly project: string | null },
    actor: string,
  ): Promise<CertificateOrder> {
    const { db, clock, journal } = this.#options;
    const settings = await this.settings();
    if (settings === null) throw networkFault('network.acme-unset');
    const names = [...new Set(wanted.names.map((name) => name.toLowerCase()))];
    const all = await this.list();
    for (const name of names) {
      const why = !EDGE_HOST.test(name)
        ? NO_NAME
        : zoneOf(name, settings.dns.zones) === null
          ? outsideZones(settings.dns.zones)
          : all.some((one) => one.names.includes(name))
            ? ORDERED
            : null;
      if (why !== null) throw networkFault('network.order-refused', { name, reason: why.en, motivo: why.es });
    }
    if (names.length === 0 || names.length > CERTIFICATE_NAMES_MAX || all.length >= ACME_ORDERS_MAX)
      throw networkFault('network.order-refused', {
        name: `(${names.length})`,
        reason: TOO_MANY.en,
        motivo: TOO_MANY.es,
      });
    const at = clock.now().toISOString();
    const row = {
      id: randomBytes(8).toString('hex'),
      project: wanted.project,
      names: JSON.stringify(names),
      ...{ state: 'waiting', detail: null, next_at: at, added_at: at, added_by: actor },
    };
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('network_orders').values(row).execute();
      const { id, project } = row;
      await journal.record<OrderTables>(tx, {
        kind: 'certificate.ordered',
        project,
        actor,
        subject: `order ${id}`,
        body: { names },
      });
    });
    journal.committed();
    return toOrder(row);
  }

  /** Its certificate stays and is not renewed any more. @throws Fault network.order-unknown */
  async remove(id: string, actor: string): Promise<void> {
    const { db, journal } = this.#options;
    const found = (await this.list()).find((one) => one.id === id);
    if (found === undefined) throw networkFault('network.order-unknown', { id });
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('network_orders').where('id', '=', id).execute();
      const { project, names } = found;
      await journal.record<OrderTables>(tx, {
        kind: 'certificate.order-ended',
        project,
        actor,
        subject: `order ${id}`,
        body: { names: [...names] },
      });
    });
    journal.committed();
  }

  /**
   * Carries out the orders whose time has come, one after the other; a failure is written down and tried again later. Never
   * rejects: a turn that fails as a whole, as without the database, must not be the last one.
   */
  tick(): Promise<void> {
    const { log } = this.#options;
    this.#working = this.#working
      .then(() => this.#carryOut())
      .catch((error: unknown) => log.error({ err: error }, 'the orders of certificates could not be carried out'));
    return this.#working;
  }

  async #carryOut(): Promise<void> {
    const { db, clock, log } = this.#options;
    // The next time of a certificate that is there is its own; anything else is tried again within hours.
    const longestMs = (state: CertificateOrder['state']) =>
      state === 'valid' ? Number.POSITIVE_INFINITY : RETRY_MS_MAX;
    const due = (await this.list()).filter(({ nextAt, state }) => isDue(nextAt, longestMs(state), clock.now()));
    const row = due.length === 0 ? null : await this.#settingsRow();
    if (row === null || row.sealed === null) return;
    const settings = JSON.parse(row.document) as ShownAcmeSettings;
    const secrets = this.#open(row.sealed);
    for (const order of due) {
      try {
        // Before the authority is asked, which gives a name only so many certificates a week.
        await this.#options.served.refuseClash(order.names, order.project);
        const account: AcmeAccount = { ...settings, keyPem: secrets.account };
        const certificate = await orderCertificate(account, order.names, this.#dns(settings, secrets.secret), {
          clock,
        });
        const served = await this.#options.served.add(
          { ...certificate, project: order.project },
          order.addedBy,
          'acme',
        );
        const life = Date.parse(served.notAfter) - Date.parse(served.notBefore);
        const next = new Date(Date.parse(served.notAfter) - life / 3).toISOString();
        await db
          .updateTable('network_orders')
          .set({ state: 'valid', detail: null, next_at: next })
          .where('id', '=', order.id)
          .execute();
        this.#failures.delete(order.id);
      } catch (error) {
        await this.#failed(order, error);
        log.warn({ err: error, order: order.id }, 'a certificate could not be ordered');
      }
    }
  }

  async #failed({ id, project, names, state, detail: before }: CertificateOrder, error: unknown): Promise<void> {
    const { db, clock, journal } = this.#options;
    const times = this.#failures.get(id) ?? 0;
    this.#failures.set(id, times + 1);
    const detail = whyFailed(error);
    const wait = RETRY_MS[Math.min(times, RETRY_MS.length - 1)] ?? 0;
    const next = new Date(clock.now().getTime() + wait).toISOString();
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('network_orders')
        .set({ state: 'failed', detail: JSON.stringify(detail), next_at: next })
        .where('id', '=', id)
        .execute();
      // Once for each reason: what is tried for days would fill the journal.
      if (state === 'failed' && before?.en === detail.en) return;
      const body = { names: [...names], why: { en: detail.en, es: detail.es } };
      await journal.record<OrderTables>(tx, {
        kind: 'certificate.order-failed',
        project,
        actor: 'platform',
        subject: `order ${id}`,
        body,
      });
    });
    journal.committed();
  }

  #dns(settings: ShownAcmeSettings, secret: string) {
    const { clock } = this.#options;
    const { host, port, keyName, zones, waitSeconds } = settings.dns;
    const server: UpdateServer = { host, port, keyName, secret };
    const change = async (
      kind: 'add' | 'remove',
      records: readonly { name: string; text: string }[],
    ): Promise<void> => {
      for (const zone of zones) {
        const own = records.filter(({ name }) => zoneOf(name, zones) === zone);
        if (own.length > 0)
          await updateZone(
            server,
            zone,
            own.map((one) => ({ kind, ...one, seconds: CHALLENGE_SECONDS })),
          );
      }
    };
    return {
      async set(records: readonly { name: string; text: string }[]) {
        await change('add', records);
        if (waitSeconds > 0) await clock.sleep(waitSeconds * 1000);
      },
      clear: (records: readonly { name: string; text: string }[]) => change('remove', records),
    };
  }

  #open(sealed: string): { readonly secret: string; readonly account: string } {
    const bytes = this.#options.vault.open(Buffer.from(sealed, 'base64'), SECRETS_CONTEXT);
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as { secret: string; account: string };
  }

  async #settingsRow(): Promise<Selectable<SettingsTables['network_settings']> | null> {
    const found = await this.#options.db
      .selectFrom('network_settings')
      .selectAll()
      .where('name', '=', ACME)
      .executeTakeFirst();
    return found ?? null;
  }
}

/** The longest of the zones in which a name, or what is proven for it, stands. */
export function zoneOf(name: string, zones: readonly string[]): string | null {
  const bare = name.replace(/^\*\./, '');
  const holding = zones.filter((zone) => bare === zone || bare.endsWith(`.${zone}`));
  return holding.sort((one, other) => other.length - one.length)[0] ?? null;
}

function toOrder(row: Selectable<OrderTables['network_orders']>): CertificateOrder {
  return {
    id: row.id,
    project: row.project,
    names: JSON.parse(row.names) as string[],
    state: row.state === 'valid' || row.state === 'failed' ? row.state : 'waiting',
    detail: row.detail === null ? null : (JSON.parse(row.detail) as Text),
    nextAt: row.next_at,
    addedAt: row.added_at,
    addedBy: row.added_by,
  };
}

const NO_SECRET = {
  reason: 'the secret of the TSIG key is missing',
  motivo: 'falta el secreto de la clave TSIG',
};
const NO_NAME: Text = { en: 'it is no host name', es: 'no es un nombre de host' };
const ORDERED: Text = { en: 'another order has it already', es: 'ya lo tiene otro pedido' };
const TOO_MANY: Text = {
  en: 'too many names, none, or too many orders',
  es: 'demasiados nombres, ninguno o demasiados pedidos',
};

function outsideZones(zones: readonly string[]): Text {
  const list = zones.join(', ');
  return {
    en: `it is in none of the zones that can be changed: ${list}`,
    es: `no está en ninguna de las zonas que se pueden cambiar: ${list}`,
  };
}

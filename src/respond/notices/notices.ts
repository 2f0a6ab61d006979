import { X509Certificate } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import { z } from 'zod';
import type { Vault } from '../../access/index.ts';
import { type Alert, PRIORITIES, type Priority } from '../../detect/index.ts';
import type { Journal } from '../../journal/index.ts';
import {
  type Clock,
  Fault,
  type Language,
  type Log,
  networkProblem,
  newId,
  type Text,
  timeOfAges,
} from '../../system/index.ts';
import { priorityRank } from '../alert.ts';
import { respondFault } from '../errors.ts';
import type { Incident } from '../incident.ts';
import {
  CHANNELS_MAX,
  DELIVERIES_AT_ONCE,
  DELIVERIES_KEPT_DAYS,
  DELIVERY_ATTEMPTS_MAX,
  DELIVERY_WAIT_MS_MAX,
  MAIL_RECIPIENTS_MAX,
} from '../limits.ts';
import type { RespondTables } from '../store.ts';
import { MAIL_ADDRESS, type MailSettings, type Missed } from './mail.ts';
import { CHANNEL_KINDS, type ChannelKind, type Notice } from './message.ts';
import { reasonInWords } from './reason-words.ts';
import { type Destination, NobodyTold, sendNotice } from './send.ts';

const PROTOCOLS: Readonly<Record<ChannelKind, readonly string[]>> = {
  webhook: ['https:', 'http:'],
  falcosidekick: ['https:', 'http:'],
  slack: ['https:'],
  teams: ['https:'],
  syslog: ['udp:', 'tcp:', 'tls:'],
  email: ['smtps:', 'smtp:'],
};

const CA_LENGTH_MAX = 64 * 1024;
const REASON_LENGTH_MAX = 300;

export const channelShape = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  kind: z.enum(CHANNEL_KINDS),
  url: z.string().max(2_000),
  /** Signs what is sent; of e-mail the password. */
  secret: z.string().min(1).max(500).nullable().default(null),
  priority: z.enum(PRIORITIES).default('warning'),
  projects: z.array(z.string().max(63)).max(100).nullable().default(null),
  networks: z.array(z.string().max(60)).max(20).default([]),
  /** PEM of the authority of a receiver of one's own, over https or tls; null: the public ones. Of e-mail it stands in `mail`. */
  ca: z.string().max(CA_LENGTH_MAX).nullable().default(null),
  mail: z
    .strictObject({
      from: z.string().regex(MAIL_ADDRESS),
      to: z.array(z.string().regex(MAIL_ADDRESS)).min(1).max(MAIL_RECIPIENTS_MAX),
      user: z
        .string()
        .regex(/^[^\0\r\n]{1,200}$/)
        .nullable()
        .default(null),
      ca: z.string().max(CA_LENGTH_MAX).nullable().default(null),
    })
    .nullable()
    .default(null),
});
export type NewChannel = z.infer<typeof channelShape>;

/** A channel as people see it: where exactly it leads and what signs is nobody's to read again. */
export interface Channel {
  readonly name: string;
  readonly kind: ChannelKind;
  /** The host that it leads to. */
  readonly host: string;
  readonly signed: boolean;
  /** Incidents of this or worse. */
  readonly priority: Priority;
  readonly projects: readonly string[] | null;
  readonly networks: readonly string[];
  /** Of e-mail: who is told. */
  readonly recipients?: readonly string[];
  readonly author: string;
  readonly at: string;
}

export interface Delivery {
  readonly id: string;
  readonly channel: string;
  readonly incident: number;
  readonly event: Exclude<Notice['event'], 'test'>;
  readonly state: 'pending' | 'sent' | 'failed';
  readonly attempts: number;
  readonly at: string;
  readonly nextAt: string;
  readonly error: Text | null;
}

export interface NoticesOptions {
  readonly db: Kysely<RespondTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: Vault;
  readonly instance: string;
  /** @default over the network */
  readonly send?: (to: Destination, notice: Notice, now: Date) => Promise<Missed | null>;
}

/** What is left of a delivery that somebody has got: who still waits, and what was said of who is refused for good. */
interface Rest {
  readonly to: readonly string[];
  readonly refused: readonly string[];
}

/** Tells receivers of incidents. What is to be told is written down with the incident, and tried until it is taken. */
export class Notices {
  readonly #options: NoticesOptions;
  #channels: readonly Channel[] = [];
  #looking: Promise<void> = Promise.resolve();
  /** Deliveries on their way, by id, each with its channel: a receiver that answers late holds up its own channel alone. */
  readonly #onTheWay = new Map<string, string>();
  readonly #ways = new Set<Promise<void>>();
  /** What became of attempts that the database did not take yet, by id. */
  readonly #unwritten = new Map<string, Outcome>();

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const rows = await this.#options.db.selectFrom('respond_channels').selectAll().orderBy('name').execute();
    this.#channels = rows.map(toChannel);
  }

  channels(): readonly Channel[] {
    return this.#channels;
  }

  /** Replaces a channel of the same name. @throws Fault respond.channel-invalid */
  async add(wanted: NewChannel, author: string): Promise<Channel> {
    const { db, vault, clock, journal } = this.#options;
    const host = checkChannel(wanted);
    const { name, kind, url, secret, priority, projects, networks, ca, mail } = wanted;
    if (this.#channels.filter((one) => one.name !== name).length >= CHANNELS_MAX)
      throw respondFault('respond.channel-invalid', { why: `there are ${CHANNELS_MAX} channels` });
    const sealed = vault.seal(Buffer.from(JSON.stringify({ url, secret, ca, mail })), sealContext(name));
    const told = mail === null ? {} : { recipients: mail.to };
    const settings = { host, signed: kind !== 'email' && secret !== null, priority, projects, networks, ...told };
    const row = { name, kind, settings: JSON.stringify(settings), author, at: clock.now().toISOString() };
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_channels').where('name', '=', name).execute();
      await tx
        .insertInto('respond_channels')
        .values({ ...row, sealed: Buffer.from(sealed).toString('base64') })
        .execute();
      const body = { kind, host, priority, projects, networks, ...told };
      await journal.record<RespondTables>(tx, {
        ...{ kind: 'notice-channel.set', project: null, actor: author, subject: `channel ${name}`, body },
      });
    });
    journal.committed();
    await this.open();
    return toChannel({ ...row, sealed: '' });
  }

  /** What waits for it goes with it. @throws Fault respond.channel-unknown */
  async remove(name: string, actor: string): Promise<void> {
    this.#named(name);
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_deliveries').where('channel', '=', name).execute();
      await tx.deleteFrom('respond_channels').where('name', '=', name).execute();
      await journal.record<RespondTables>(tx, {
        ...{ kind: 'notice-channel.removed', project: null, actor, subject: `channel ${name}`, body: {} },
      });
    });
    journal.committed();
    await this.open();
  }

  /**
   * Sends a test at once and tells how it went.
   * @returns what was not done all the same, or null. @throws Fault respond.channel-unknown, respond.notice-failed
   */
  async test(name: string): Promise<Text | null> {
    const { clock, instance } = this.#options;
    const channel = this.#named(name);
    const at = clock.now().toISOString();
    const notice: Notice = {
      ...{ event: 'test', at, instance, alert: null },
      incident: {
        ...{ number: 0, rule: 'test', priority: 'notice', project: null, environment: null, workload: null },
        ...{ container: null, host: instance, digest: null, openedAt: at },
      },
    };
    try {
      const missed = await this.#send(channel.name, notice, null);
      return missed === null ? null : inWords([...missed.refused, ...missed.putOff.map(({ why }) => why)]);
    } catch (error) {
      throw respondFault('respond.notice-failed', { name, why: inWords(reasonsOf(error)) }, { cause: error });
    }
  }

  /** Writes down, in the transaction of the incident, who is to be told. @returns how many */
  async plan(
    tx: Kysely<RespondTables>,
    event: Delivery['event'],
    incident: Incident,
    alert: Alert | null,
  ): Promise<number> {
    const told = this.#channels.filter(
      ({ priority, projects }) =>
        priorityRank(incident.priority) <= priorityRank(priority) &&
        (projects === null || (incident.project !== null && projects.includes(incident.project))),
    );
    const at = this.#options.clock.now().toISOString();
    for (const { name } of told) {
      await tx
        .insertInto('respond_deliveries')
        .values({
          ...{ id: newId(this.#options.clock), channel: name, incident: incident.number, event },
          notice: JSON.stringify(this.#notice(event, incident, alert, at)),
          ...{ state: 'pending', attempts: 0, at, next_at: at, error: null, rest: null },
        })
        .execute();
    }
    return told.length;
  }

  /** The same for an incident that is there already. */
  async tell(incident: Incident): Promise<number> {
    const count = await this.#options.db.transaction().execute((tx) => this.plan(tx, 'incident.told', incident, null));
    void this.deliver();
    return count;
  }

  /** Newest first. */
  async deliveries(limit: number): Promise<Delivery[]> {
    const rows = await this.#options.db
      .selectFrom('respond_deliveries')
      .select(['id', 'channel', 'incident', 'event', 'state', 'attempts', 'at', 'next_at', 'error'])
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ next_at: nextAt, event, state, error, ...row }) => ({
      ...{ ...row, nextAt, event: event as Delivery['event'], state: state as Delivery['state'] },
      error: error === null ? null : readError(error),
    }));
  }

  /** Sends what is due. Resolves when what was due then was answered, in time or not; never rejects. */
  async deliver(): Promise<void> {
    await this.#begin();
    while (this.#ways.size > 0) await Promise.all(this.#ways);
  }

  /** Begins what is due and has room; each that ends makes room for the next. */
  #begin(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#beginDue())
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'notices could not be sent'));
    return this.#looking;
  }

  async #beginDue(): Promise<void> {
    const { db, clock } = this.#options;
    for (const { name } of this.#channels) {
      const own = [...this.#onTheWay].filter(([, channel]) => channel === name).map(([id]) => id);
      const room = DELIVERIES_AT_ONCE - own.length;
      if (room <= 0) continue;
      const now = clock.now();
      // Further away than anything waits: put off by a clock that was ahead and was set right since.
      const beyond = new Date(now.getTime() + DELIVERY_WAIT_MS_MAX).toISOString();
      let select = db
        .selectFrom('respond_deliveries')
        .selectAll()
        .where('channel', '=', name)
        .where('state', '=', 'pending')
        .where((eb) => eb.or([eb('next_at', '<=', now.toISOString()), eb('next_at', '>', beyond)]));
      if (own.length > 0) select = select.where('id', 'not in', own);
      for (const row of await select.orderBy('next_at').limit(room).execute()) this.#startOne(row);
    }
    const before = new Date(timeOfAges(clock).getTime() - DELIVERIES_KEPT_DAYS * 86_400_000).toISOString();
    await db.deleteFrom('respond_deliveries').where('state', '!=', 'pending').where('at', '<', before).execute();
  }

  #startOne(row: Selectable<RespondTables['respond_deliveries']>): void {
    this.#onTheWay.set(row.id, row.channel);
    const way = this.#deliverOne(row)
      .then(
        () => true,
        (error: unknown) => {
          this.#options.log.error({ err: error }, 'what became of a notice could not be written down');
          return false;
        },
      )
      .then((isWritten) => {
        this.#onTheWay.delete(row.id);
        this.#ways.delete(way);
        // A database that does not take it now is asked again at the next look, and not at once and for ever.
        return isWritten ? this.#begin() : undefined;
      });
    this.#ways.add(way);
  }

  async #deliverOne(row: Selectable<RespondTables['respond_deliveries']>): Promise<void> {
    const { db, log } = this.#options;
    // Of an attempt that could not be written down: it was made, and is not made again for that.
    const outcome = this.#unwritten.get(row.id) ?? (await this.#attempt(row));
    this.#unwritten.set(row.id, outcome);
    await db.updateTable('respond_deliveries').set(outcome).where('id', '=', row.id).execute();
    this.#unwritten.delete(row.id);
    const { attempts, error } = outcome;
    const reason = error === null ? null : readError(error).en;
    if (reason !== null)
      log.warn({ channel: row.channel, incident: row.incident, attempts, reason }, 'a notice was not taken');
  }

  async #attempt(row: Selectable<RespondTables['respond_deliveries']>): Promise<Outcome> {
    const { clock } = this.#options;
    const attempts = row.attempts + 1;
    const known = row.rest === null ? null : (JSON.parse(row.rest) as Rest);
    let rest = known;
    let isDone = false;
    let said: readonly string[] = [];
    try {
      const missed = await this.#send(row.channel, JSON.parse(row.notice) as Notice, known?.to ?? null);
      const refused = [...(known?.refused ?? []), ...(missed?.refused ?? [])];
      const putOff = missed?.putOff ?? [];
      said = [...refused, ...putOff.map(({ why }) => why)];
      isDone = putOff.length === 0;
      // Who got it is not told again: the next try is of the others alone.
      rest = { to: putOff.map(({ address }) => address), refused };
    } catch (cause) {
      said = [...(known?.refused ?? []), ...reasonsOf(cause)];
    }
    const error = said.length === 0 ? null : JSON.stringify(inWords(said));
    const isLast = attempts >= DELIVERY_ATTEMPTS_MAX;
    const state = isDone || (isLast && rest !== null) ? 'sent' : isLast ? 'failed' : 'pending';
    const waitMs = Math.min(2 ** attempts * 2_500, DELIVERY_WAIT_MS_MAX);
    return {
      ...{ state, attempts, error },
      next_at: new Date(clock.now().getTime() + waitMs).toISOString(),
      rest: state === 'pending' && rest !== null ? JSON.stringify(rest) : null,
    };
  }

  async #send(name: string, notice: Notice, rest: readonly string[] | null): Promise<Missed | null> {
    const { db, vault, clock, send = sendNotice } = this.#options;
    const { kind, networks } = this.#named(name);
    const row = await db
      .selectFrom('respond_channels')
      .select('sealed')
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
    const opened = vault.open(Buffer.from(row.sealed, 'base64'), sealContext(name));
    const { url, secret, ca = null, mail } = JSON.parse(Buffer.from(opened).toString('utf8')) as Sealed;
    const told = { ...(mail == null ? {} : { mail }), ...(rest === null ? {} : { rest }) };
    return send({ kind, url, secret, networks, ca, ...told }, notice, clock.now());
  }

  #notice(event: Notice['event'], incident: Incident, alert: Alert | null, at: string): Notice {
    const { number, rule, priority, project, environment, workload, container, host, digest, openedAt } = incident;
    return {
      ...{ event, at, instance: this.#options.instance },
      incident: { number, rule, priority, project, environment, workload, container, host, digest, openedAt },
      alert:
        alert === null
          ? null
          : {
              ...{ id: alert.id, at: alert.at, rule: alert.rule, priority: alert.priority, tags: alert.tags },
              ...{ output: alert.output, outputFields: alert.outputFields, container: alert.container },
              ...(alert.truncated === true ? { truncated: true } : {}),
            },
    };
  }

  #named(name: string): Channel {
    const found = this.#channels.find((one) => one.name === name);
    if (found === undefined) throw respondFault('respond.channel-unknown', { name });
    return found;
  }
}

interface Outcome {
  readonly state: Delivery['state'];
  readonly attempts: number;
  readonly next_at: string;
  readonly error: string | null;
  readonly rest: string | null;
}

interface Sealed {
  readonly url: string;
  readonly secret: string | null;
  /** Left out of channels of before. */
  readonly ca?: string | null;
  readonly mail?: MailSettings | null;
}

/** @returns the host that it leads to. @throws Fault respond.channel-invalid */
function checkChannel({ kind, url, networks, ca, mail, secret }: NewChannel): string {
  const invalid = (why: string): Error => respondFault('respond.channel-invalid', { why });
  const parsed = URL.canParse(url) ? new URL(url) : null;
  // What is wrong is said without the address, which may be a secret.
  if (parsed === null || parsed.hostname === '') throw invalid('its address is no URL');
  if (!PROTOCOLS[kind].includes(parsed.protocol))
    throw invalid(`a ${kind} address begins with ${PROTOCOLS[kind].join(' or ')}//`);
  if (parsed.username !== '' || parsed.password !== '') throw invalid('credentials do not belong into its address');
  if ((kind === 'email') !== (mail !== null))
    throw invalid('an e-mail channel, and no other, says from whom and to whom');
  if (mail !== null && (mail.user !== null) !== (secret !== null))
    throw invalid('a user needs a password, and a password a user');
  if (kind !== 'email' && secret !== null && secret.length < 16) throw invalid('what signs has at least 16 characters');
  if (ca !== null && parsed.protocol !== 'https:' && parsed.protocol !== 'tls:')
    throw invalid('an authority of your own is of https:// and tls:// only');
  for (const pem of [ca, mail?.ca ?? null])
    if (pem !== null && !isCertificate(pem)) throw invalid('its authority is no certificate in PEM');
  if (parsed.protocol === 'http:' && networks.length === 0)
    throw invalid('without TLS only a receiver in a network of your own is told: --allow-network');
  for (const network of networks) {
    const problem = networkProblem(network);
    if (problem !== null) throw invalid(problem);
  }
  return parsed.host;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function sealContext(name: string): string {
  return `respond-channel:${name}`;
}

/** What OpenSSL says of a chain that ends nowhere; Node adds advice to it that is none here. */
const OF_NOBODY: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

function reasonsOf(error: unknown): readonly string[] {
  return error instanceof NobodyTold ? error.reasons : [reasonOf(error)];
}

function reasonOf(error: unknown): string {
  if (error instanceof Fault) return error.text('en').why ?? error.message;
  if (error instanceof Error && OF_NOBODY.has(String((error as NodeJS.ErrnoException).code)))
    return 'no authority that is believed vouches for its certificate; --ca-file names one of your own';
  return error instanceof Error ? error.message : String(error);
}

/** Each in the reader's language; of many, and of long ones, as much as a line of a list has room for. */
function inWords(reasons: readonly string[]): Text {
  const all = reasons.map(reasonInWords);
  const say = (language: Language): string =>
    all
      .map((one) => one[language])
      .join('; ')
      .slice(0, REASON_LENGTH_MAX);
  return { en: say('en'), es: say('es') };
}

/** As it was kept; those of before were kept in English alone. */
function readError(kept: string): Text {
  const parsed = ERROR.safeParse(parseJson(kept));
  return parsed.success ? parsed.data : reasonInWords(kept);
}

const ERROR = z.object({ en: z.string(), es: z.string() });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // words, as before
  }
}

function toChannel(row: Selectable<RespondTables['respond_channels']>): Channel {
  const settings = JSON.parse(row.settings) as Pick<
    Channel,
    'host' | 'signed' | 'priority' | 'projects' | 'networks' | 'recipients'
  >;
  return { name: row.name, kind: row.kind as ChannelKind, ...settings, author: row.author, at: row.at };
}

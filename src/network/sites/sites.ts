import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Vault } from '../../access/index.ts';
import type { Journal, NewFact } from '../../journal/index.ts';
import { type Clock, expected, Fault, type Log, type Text } from '../../system/index.ts';
import { zoneOf } from '../acme/orders.ts';
import { EDGE_HOST } from '../edge/route.ts';
import { networkFault, whyFailed } from '../errors.ts';
import {
  SITE_ADDRESSES_MAX,
  SITE_BEAT_MS,
  SITE_CHECKS_AGREE,
  SITE_HOSTS_MAX,
  SITE_LAPSE_MS,
  SITE_NAME_HELD_MS,
} from '../limits.ts';
import { askServer, type UpdateServer, updateZone } from '../names/update.ts';
import type { SettingsTables } from '../served/settings.ts';
import {
  beatMs,
  beatName,
  foreignBeat,
  type HostLook,
  indexName,
  lapsedChanges,
  ownChanges,
  plainAddress,
  readBeat,
  readIndex,
  SITE_NAME,
  type SiteBeat,
  withdraw,
} from './balance.ts';
import { probeSite } from './probe.ts';

const address = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 && !text.includes('%'),
    expected('an IPv4 or IPv6 address', 'una dirección IPv4 o IPv6'),
  );

export const siteShape = z.strictObject({
  /** Of this site: what tells it from the others. */
  name: z.string().regex(SITE_NAME),
  /** At which clients reach the edge of this site. */
  addresses: z.array(address).min(1).max(SITE_ADDRESSES_MAX),
  port: z.number().int().min(1).max(65_535).default(443),
  dns: z.strictObject({
    host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/),
    port: z.number().int().min(1).max(65_535).default(53),
    zones: z.array(z.string().regex(EDGE_HOST)).min(1).max(50),
    keyName: z.string().regex(/^[A-Za-z0-9._-]{1,253}$/),
  }),
  /** Of the TSIG key, in base64; absent: the one that is known already stays. */
  secret: z.base64().min(16).max(500).optional(),
});
export type SiteSettings = z.infer<typeof siteShape>;
export type ShownSiteSettings = Omit<SiteSettings, 'secret'>;

export const siteHostShape = z.strictObject({
  /** What is asked for to know whether the site serves. */
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]{0,500}$/)
    .default('/'),
  /** How long resolvers keep an answer. */
  seconds: z.number().int().min(5).max(3600).default(30),
});
export type SiteHost = z.infer<typeof siteHostShape> & { readonly host: string };

/** What people see of one host: this site's look at it, and what DNS tells. */
export interface SiteHostState extends SiteHost {
  readonly addresses: readonly { readonly address: string; readonly up: boolean | null; readonly why: Text | null }[];
  readonly sites: readonly {
    readonly site: string;
    readonly addresses: readonly string[];
    /** `silent`: it has not said for too long that it lives. */
    readonly state: 'up' | 'down' | 'silent';
  }[];
  /** What clients are told. */
  readonly answers: readonly string[];
  /** True while this site's addresses stay only because no other site serves. */
  readonly stays: boolean;
  readonly toldAt: string | null;
  readonly problem: Text | null;
}

export interface SiteState {
  readonly settings: ShownSiteSettings | null;
  /** Why DNS does not take changes from here; null: it took the last one, or was not asked yet. */
  readonly problem: Text | null;
  /** Being emptied by a person's word. */
  readonly drained: boolean;
  readonly hosts: readonly SiteHostState[];
}

interface Kept {
  readonly settings: ShownSiteSettings;
  readonly hosts: readonly SiteHost[];
  readonly drained: boolean;
  /** Random, of this platform; absent where it was set before there was one: then at the next change. */
  readonly identity?: string;
}

interface Watched {
  readonly up: Map<string, boolean>;
  readonly why: Map<string, Text>;
  /** Answers in a row that say otherwise than what is held true. */
  readonly against: Map<string, number>;
  /** When each site's beat was seen to change last. */
  readonly seen: Map<string, { text: string; atMs: number }>;
  look: HostLook;
  stays: boolean;
  toldMs: number | null;
  toldAt: string | null;
  told: string;
  problem: Text | null;
}

const SITE = 'site';
const SECRET_CONTEXT = 'network/site';
const PROBE = 'site-probe';
const PROBE_CONTEXT = 'network/site-probe';
/** What a server says of a key that it does not know, of a clock, or of a zone that the key may not change (RFC 8945, RFC 2136). */
const KEY_REFUSED: readonly string[] = ['NOTAUTH', 'REFUSED', 'NOTZONE'];

export interface SitesOptions {
  readonly db: Kysely<SettingsTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: Vault;
  readonly beatMs?: number;
  readonly lapseMs?: number;
  readonly probe?: typeof probeSite;
}

/**
 * Several sites, each with a platform and an edge of its own, serve the same hosts; DNS tells clients those that answer.
 * Each site looks after its own addresses (its edge is asked for each host) and says that it lives; one that is silent is
 * withdrawn by the others. The institution's DNS server, which takes changes by RFC 2136, is all that sites share.
 */
export class Sites {
  readonly #options: SitesOptions;
  readonly #watched = new Map<string, Watched>();
  #working: Promise<unknown> = Promise.resolve();
  #turn: Promise<void> | null = null;
  /** Why DNS does not take this platform's key; undefined: it was not asked yet. */
  #trouble: Text | null | undefined;
  #askedMs: number | null = null;
  #probe: Promise<string> | null = null;

  constructor(options: SitesOptions) {
    this.#options = options;
  }

  async state(): Promise<SiteState> {
    const kept = await this.#kept();
    if (kept === null) return { settings: null, problem: null, drained: false, hosts: [] };
    const { settings, drained } = kept;
    const problem = this.#trouble ?? null;
    return { settings, problem, drained, hosts: kept.hosts.map((host) => this.#view(host, kept)) };
  }

  /**
   * What this platform's looks at its own edge carry: the edge is told, and does not log them. Whoever else knew it could
   * ask without being logged.
   */
  async probeToken(): Promise<string> {
    this.#probe ??= this.#readProbe().catch((error: unknown) => {
      this.#probe = null;
      throw error;
    });
    return this.#probe;
  }

  async #readProbe(): Promise<string> {
    const { db, vault } = this.#options;
    const row = await this.#row(PROBE);
    if (row?.sealed != null) return this.#open(row.sealed, PROBE_CONTEXT);
    const token = randomBytes(16).toString('hex');
    const sealed = Buffer.from(vault.seal(Buffer.from(token), PROBE_CONTEXT)).toString('base64');
    await db.insertInto('network_settings').values({ name: PROBE, document: '{}', sealed }).execute();
    return token;
  }

  /** @throws Fault network.site-invalid; network.dns-update-failed where the server refuses the key or a zone */
  async set(wanted: SiteSettings, actor: string): Promise<void> {
    const { secret, ...given } = wanted;
    const settings = { ...given, addresses: [...new Set(given.addresses.map(plainAddress))] };
    await this.#serially(async () => {
      const before = await this.#row();
      const sealed = secret === undefined ? before?.sealed : this.#seal(secret);
      if (sealed == null)
        throw networkFault('network.site-invalid', {
          reason: 'the secret of the TSIG key is missing',
          motivo: 'falta el secreto de la clave TSIG',
        });
      const kept = await this.#kept();
      const hosts = kept?.hosts ?? [];
      // Before anything is written: a key that is refused serves nobody.
      const trouble = await this.#troubleWithKey({ settings }, sealed);
      const outside = hosts.find(({ host }) => zoneOf(host, settings.dns.zones) === null);
      if (outside !== undefined)
        throw networkFault('network.site-invalid', {
          reason: `${outside.host}, which is balanced, is in none of these zones`,
          motivo: `${outside.host}, que se reparte, no está en ninguna de estas zonas`,
        });
      // Under another name it would be a second site, and the first one a silent one of the same addresses.
      if (kept !== null && kept.settings.name !== settings.name)
        for (const one of hosts) await this.#withdraw(one, kept);
      const identity = kept?.identity ?? randomBytes(6).toString('hex');
      await this.#write({ settings, hosts, drained: kept?.drained ?? false, identity }, sealed, {
        ...{ kind: 'site.changed', project: null, actor, subject: `site ${settings.name}` },
        body: { addresses: [...settings.addresses], server: settings.dns.host, zones: [...settings.dns.zones] },
      });
      this.#trouble = trouble;
    });
  }

  /**
   * An order to change nothing is signed like any other, so that a wrong key shows before a host is balanced by it. A server
   * that does not answer keeps nobody from saying what is wanted.
   * @returns why it could not be asked, or null
   * @throws Fault network.dns-update-failed where the server refuses the key or a zone
   */
  async #troubleWithKey(kept: Pick<Kept, 'settings'>, sealed: string): Promise<Text | null> {
    const server = this.#server(kept, sealed);
    this.#askedMs = this.#options.clock.monotonicMs();
    for (const zone of kept.settings.dns.zones) {
      try {
        await updateZone(server, zone, []);
      } catch (error) {
        if (error instanceof Fault && KEY_REFUSED.includes(String(error.params['reason']))) throw error;
        return whyFailed(error);
      }
    }
    return null;
  }

  /** Where hosts are balanced the word about each says how it goes; where none is, and after a failure, the key is tried. */
  async #tryKey(kept: Kept, sealed: string): Promise<void> {
    const { clock, log, beatMs = SITE_BEAT_MS } = this.#options;
    const isDue = this.#askedMs === null || clock.monotonicMs() - this.#askedMs >= beatMs;
    if (!isDue || (this.#trouble === null && kept.hosts.length > 0)) return;
    try {
      this.#trouble = await this.#troubleWithKey(kept, sealed);
    } catch (error) {
      this.#trouble = whyFailed(error);
      log.warn({ err: error }, 'DNS does not take changes of this site');
    }
  }

  /** @throws Fault network.site-unset, network.site-invalid, network.site-taken */
  async addHost(host: string, how: z.infer<typeof siteHostShape>, actor: string): Promise<void> {
    // DNS is asked in between: what others change meanwhile must not be written over.
    await this.#serially(() => this.#addHost(host, how, actor));
  }

  async #addHost(host: string, how: z.infer<typeof siteHostShape>, actor: string): Promise<void> {
    const { kept, sealed } = await this.#needed();
    const refuse = (reason: string, motivo: string): never => {
      throw networkFault('network.site-invalid', { reason, motivo });
    };
    if (!EDGE_HOST.test(host) || host.startsWith('*.'))
      refuse(`${host} is no host name`, `${host} no es un nombre de host`);
    if (zoneOf(host, kept.settings.dns.zones) === null)
      refuse(
        `${host} is in none of the zones that can be changed`,
        `${host} no está en ninguna de las zonas modificables`,
      );
    const hosts = [...kept.hosts.filter((one) => one.host !== host), { host, ...how }];
    if (hosts.length > SITE_HOSTS_MAX) refuse(`more than ${SITE_HOSTS_MAX} hosts`, `más de ${SITE_HOSTS_MAX} hosts`);
    await this.#requireName(host, kept, sealed);
    await this.#write({ ...kept, hosts }, sealed, {
      ...{ kind: 'site.host-added', project: null, actor, subject: host, body: { ...how } },
    });
  }

  /**
   * Two platforms under one name would take back each other's addresses in turns. A DNS server that does not answer keeps
   * nobody from saying what is wanted: the name is asked for again before anything is told.
   */
  async #requireName(host: string, kept: Kept, sealed: string): Promise<void> {
    const { settings, identity = null } = kept;
    let other: SiteBeat | null;
    try {
      const look = await readLook(this.#server(kept, sealed), zoneOf(host, settings.dns.zones) ?? '', host);
      other = foreignBeat({ name: settings.name, identity }, look);
    } catch (error) {
      this.#options.log.info({ host, err: error }, 'DNS could not be asked whose the name of this site is');
      return;
    }
    if (other === null || this.#options.clock.now().getTime() - beatMs(other) > SITE_NAME_HELD_MS) return;
    throw siteTaken(host, other);
  }

  /** Takes back what this site told of a host. @throws Fault network.site-unset, network.dns-update-failed */
  async removeHost(host: string, actor: string): Promise<void> {
    // All in one turn: a look in between would tell of the host again.
    await this.#serially(async () => {
      const { kept, sealed } = await this.#needed();
      const found = kept.hosts.find((one) => one.host === host);
      if (found === undefined)
        throw networkFault('network.site-invalid', {
          reason: `${host} is not balanced`,
          motivo: `${host} no se reparte`,
        });
      await this.#withdraw(found, kept);
      await this.#write({ ...kept, hosts: kept.hosts.filter((one) => one !== found) }, sealed, {
        ...{ kind: 'site.host-removed', project: null, actor, subject: host, body: {} },
      });
    });
  }

  /** Takes this site's addresses out of DNS before its maintenance, or tells them again. @throws Fault network.site-unset */
  async drain(drained: boolean, actor: string): Promise<void> {
    await this.#serially(async () => {
      const { kept, sealed } = await this.#needed();
      await this.#write({ ...kept, drained }, sealed, {
        ...{ kind: drained ? 'site.drained' : 'site.returned', project: null, actor },
        ...{ subject: `site ${kept.settings.name}`, body: {} },
      });
    });
  }

  /** Looks, and tells DNS what changed. Never rejects: what fails is said in the state, and tried again at the next turn. */
  tick(): Promise<void> {
    // A DNS server that does not answer makes a turn long; turns must not pile up behind it.
    this.#turn ??= this.#serially(() => this.#look()).finally(() => {
      this.#turn = null;
    });
    return this.#turn;
  }

  async #look(): Promise<void> {
    try {
      const row = await this.#row();
      if (row?.sealed == null) return;
      const kept = JSON.parse(row.document) as Kept;
      await this.#tryKey(kept, row.sealed);
      const server = this.#server(kept, row.sealed);
      const token = await this.probeToken();
      for (const { host } of kept.hosts) if (!this.#watched.has(host)) this.#watched.set(host, nothingSeen());
      for (const host of this.#watched.keys())
        if (!kept.hosts.some((one) => one.host === host)) this.#watched.delete(host);
      await Promise.all(
        kept.hosts.map(async (one) => {
          const watched = this.#watched.get(one.host) ?? nothingSeen();
          await this.#check(one, watched, { ...kept.settings, token });
          try {
            await this.#tell(one, watched, kept, server);
            watched.problem = null;
          } catch (error) {
            watched.problem = whyFailed(error);
            this.#options.log.warn({ host: one.host, err: error }, 'DNS could not be told of a site');
          }
        }),
      );
    } catch (error) {
      this.#options.log.error({ err: error }, 'sites could not be looked after');
    }
  }

  async #check(
    one: SiteHost,
    watched: Watched,
    { addresses, port, token }: ShownSiteSettings & { readonly token: string },
  ): Promise<void> {
    const probe = this.#options.probe ?? probeSite;
    await Promise.all(
      addresses.map(async (where) => {
        const why = await probe(where, { ...one, port, token });
        const held = watched.up.get(where);
        const against = why === null ? held === false : held === true;
        const times = against ? (watched.against.get(where) ?? 0) + 1 : 0;
        watched.against.set(where, times);
        if (held !== undefined && against && times < SITE_CHECKS_AGREE) return;
        watched.up.set(where, why === null);
        if (why === null) watched.why.delete(where);
        else watched.why.set(where, why);
      }),
    );
  }

  async #tell(one: SiteHost, watched: Watched, kept: Kept, server: UpdateServer): Promise<void> {
    const { clock, beatMs = SITE_BEAT_MS, lapseMs = SITE_LAPSE_MS, journal } = this.#options;
    const { name, addresses, dns } = kept.settings;
    const { host, seconds } = one;
    const zone = zoneOf(host, dns.zones) ?? '';
    const up = kept.drained ? [] : addresses.filter((where) => watched.up.get(where) === true);
    const wanted = `${name} ${up.join(',')} ${addresses.join(',')} ${seconds}`;
    const now = clock.monotonicMs();
    if (watched.told === wanted && watched.toldMs !== null && now - watched.toldMs < beatMs) return;
    const turn = clock.now().getTime().toString(36);
    const tellOnce = async (): Promise<{ lapsed: ReadonlySet<string>; stays: boolean } | null> => {
      const look = await readLook(server, zone, host);
      for (const { site, text } of look.beats)
        if (watched.seen.get(site)?.text !== text) watched.seen.set(site, { text, atMs: now });
      const lapsed = new Set(
        look.beats
          .filter(({ site }) => site !== name && now - (watched.seen.get(site)?.atMs ?? now) >= lapseMs)
          .map(({ site }) => site),
      );
      const own = { name, addresses, up, identity: kept.identity ?? null };
      const other = foreignBeat(own, look);
      // One that was silent for too long is gone, and its name is free.
      if (other !== null && now - (watched.seen.get(name)?.atMs ?? now) < lapseMs) throw siteTaken(host, other);
      const { changes, conditions, stays } = ownChanges(host, own, look, lapsed, { turn, seconds });
      return (await changesZone(server, zone, changes, conditions)) ? { lapsed, stays } : null;
    };
    // Where the other one has spoken since it was read, nothing is changed: it is read again, here or at the next turn.
    const done = (await tellOnce()) ?? (await tellOnce());
    if (done === null) return;
    const { lapsed, stays } = done;
    const before = watched.told;
    watched.stays = stays;
    watched.told = wanted;
    watched.toldMs = now;
    watched.toldAt = clock.now().toISOString();
    if (before !== wanted && before !== '')
      await this.#state({
        kind: up.length > 0 ? 'site.told' : stays ? 'site.last' : 'site.withdrawn',
        ...{ project: null, actor: 'platform', subject: host, body: { site: name, addresses: [...up] } },
      });
    const after = await readLook(server, zone, host);
    // By the very text that was seen for too long: one that has spoken since then is back.
    const isSilent = ({ site, text }: SiteBeat): boolean => lapsed.has(site) && watched.seen.get(site)?.text === text;
    for (const silent of after.beats.filter(isSilent)) {
      const order = lapsedChanges(host, silent, after, lapsed, seconds);
      // It is back, or another site was faster.
      if (order === null || !(await changesZone(server, zone, order.changes, order.conditions))) continue;
      await this.#state({
        ...{ kind: 'site.lapsed', project: null, actor: 'platform', subject: host },
        body: { site: silent.site, addresses: [...silent.addresses] },
      });
    }
    watched.look = lapsed.size > 0 ? await readLook(server, zone, host) : after;
    journal.committed();
  }

  async #withdraw(one: SiteHost, kept: Kept): Promise<void> {
    const row = await this.#row();
    if (row?.sealed == null) return;
    const server = this.#server(kept, row.sealed);
    const zone = zoneOf(one.host, kept.settings.dns.zones) ?? '';
    const look = await readLook(server, zone, one.host);
    const own = look.beats.find(({ site }) => site === kept.settings.name);
    if (own === undefined || foreignBeat({ name: own.site, identity: kept.identity ?? null }, look) !== null) return;
    const none: ReadonlySet<string> = new Set();
    const all = withdraw(one.host, own, look, none, one.seconds);
    const isLast = !look.beats.some(({ site, up }) => site !== own.site && up);
    // Nobody else serves it: its addresses stay, as any that a person writes.
    await updateZone(server, zone, isLast ? all.filter((change) => 'text' in change) : all);
    this.#watched.delete(one.host);
  }

  #view(one: SiteHost, { settings }: Kept): SiteHostState {
    const watched = this.#watched.get(one.host) ?? nothingSeen();
    const now = this.#options.clock.monotonicMs();
    const lapseMs = this.#options.lapseMs ?? SITE_LAPSE_MS;
    return {
      ...one,
      addresses: settings.addresses.map((where) => ({
        address: where,
        up: watched.up.get(where) ?? null,
        why: watched.why.get(where) ?? null,
      })),
      sites: watched.look.beats.map(({ site, addresses, up }) => ({
        site,
        addresses,
        state:
          site !== settings.name && now - (watched.seen.get(site)?.atMs ?? now) >= lapseMs
            ? 'silent'
            : up
              ? 'up'
              : 'down',
      })),
      answers: watched.look.answers,
      stays: watched.stays,
      toldAt: watched.toldAt,
      problem: watched.problem,
    };
  }

  #server({ settings }: Pick<Kept, 'settings'>, sealed: string): UpdateServer {
    const { host, port, keyName } = settings.dns;
    return { host, port, keyName, secret: this.#open(sealed, SECRET_CONTEXT) };
  }

  #open(sealed: string, context: string): string {
    return Buffer.from(this.#options.vault.open(Buffer.from(sealed, 'base64'), context)).toString('utf8');
  }

  #seal(secret: string): string {
    return Buffer.from(this.#options.vault.seal(Buffer.from(secret), SECRET_CONTEXT)).toString('base64');
  }

  /** @throws Fault network.site-unset */
  async #needed(): Promise<{ kept: Kept; sealed: string }> {
    const row = await this.#row();
    if (row?.sealed == null) throw networkFault('network.site-unset');
    return { kept: JSON.parse(row.document) as Kept, sealed: row.sealed };
  }

  async #kept(): Promise<Kept | null> {
    const row = await this.#row();
    return row === null ? null : (JSON.parse(row.document) as Kept);
  }

  async #row(name = SITE): Promise<{ document: string; sealed: string | null } | null> {
    const { db } = this.#options;
    return (await db.selectFrom('network_settings').selectAll().where('name', '=', name).executeTakeFirst()) ?? null;
  }

  async #write(kept: Kept, sealed: string, fact: NewFact): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('network_settings').where('name', '=', SITE).execute();
      await tx
        .insertInto('network_settings')
        .values({ name: SITE, document: JSON.stringify(kept), sealed })
        .execute();
      await journal.record<SettingsTables>(tx, fact);
    });
    journal.committed();
  }

  async #state(fact: NewFact): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute((tx) => journal.record<SettingsTables>(tx, fact));
    journal.committed();
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#working.then(work);
    this.#working = turn.catch(() => undefined);
    return turn;
  }
}

function siteTaken(host: string, { site, addresses }: SiteBeat): Fault {
  return networkFault('network.site-taken', { host, site, addresses: addresses.join(', ') });
}

/** @returns false: a condition did not hold, and nothing was changed */
async function changesZone(...order: Required<Parameters<typeof updateZone>>): Promise<boolean> {
  try {
    await updateZone(...order);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.params['reason'] === 'NXRRSET') return false;
    throw error;
  }
}

async function readLook(server: UpdateServer, zone: string, host: string): Promise<HostLook> {
  const sites = readIndex(await askServer(server, zone, indexName(host), 'TXT'));
  const beats = await Promise.all(
    sites.map(async (site) => {
      const [text, more] = await askServer(server, zone, beatName(site, host), 'TXT');
      return text === undefined || more !== undefined ? [] : [readBeat(site, text)];
    }),
  );
  const answers = [...(await askServer(server, zone, host, 'A')), ...(await askServer(server, zone, host, 'AAAA'))];
  return { beats: beats.flat().filter((beat) => beat !== null), answers: [...answers].sort() };
}

function nothingSeen(): Watched {
  return {
    ...{ up: new Map(), why: new Map(), against: new Map(), seen: new Map() },
    look: { beats: [], answers: [] },
    ...{ stays: false, toldMs: null, toldAt: null, told: '', problem: null },
  };
}

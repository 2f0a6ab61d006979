import { X509Certificate } from 'node:crypto';
import type { Vault } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { Operation } from '../../progress/index.ts';
import { type Clock, Fault, type Json, type Text } from '../../system/index.ts';
import { RegistryClient, type RemoteRegistry } from '../client.ts';
import { registryFault } from '../errors.ts';
import { isNamePattern, matchesPattern } from '../settings-pattern.ts';
import { networkProblem } from './address-guard.ts';
import { remoteFault } from './errors.ts';
import { REMOTE_CA_LENGTH_MAX, REMOTE_LIST_MAX } from './limits.ts';
import { type RemoteDatabase, type RemoteTables, readList } from './store.ts';

/** A remote registry as lists show it: of its secret only that there is one. */
export interface RemoteView {
  readonly name: string;
  /** `https://host[:port]`, or `http://…` where somebody asked for it. */
  readonly url: string;
  readonly username: string | null;
  readonly hasSecret: boolean;
  readonly ca: string | null;
  /** Patterns of its repositories that may be asked for. */
  readonly repositories: readonly string[];
  /** Projects that may use it, and with it its credentials; patterns. */
  readonly projects: readonly string[];
  readonly networks: readonly string[];
  readonly tokenHosts: readonly string[];
  readonly storageHosts: readonly string[];
  readonly offline: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly updatedAt: string;
}

export type RemoteInput = Partial<
  Pick<RemoteView, 'ca' | 'repositories' | 'projects' | 'networks' | 'tokenHosts' | 'storageHosts' | 'offline'>
> & {
  readonly url?: string;
  /** Null takes the credentials away. */
  readonly credentials?: { readonly name: string; readonly secret: string } | null;
};

export interface RemotesParts {
  readonly db: RemoteDatabase;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Our own instance: what leads back to it is a loop. */
  readonly instance: string;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** The registries that this one may talk to, with their credentials sealed. */
export class Remotes {
  readonly #parts: RemotesParts;
  readonly #clients = new Map<string, { readonly client: RegistryClient; readonly updatedAt: string }>();

  constructor(parts: RemotesParts) {
    this.#parts = parts;
  }

  get instance(): string {
    return this.#parts.instance;
  }

  async list(): Promise<readonly RemoteView[]> {
    const rows = await this.#parts.db.selectFrom('registry_remotes').selectAll().orderBy('name').execute();
    return rows.map(toView);
  }

  /** @throws Fault remote.unknown */
  async read(name: string): Promise<RemoteView> {
    return toView(await this.#row(name));
  }

  /** @throws Fault remote.taken, remote.invalid */
  async create(name: string, input: RemoteInput, actor: string): Promise<RemoteView> {
    if (!/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(name) || name.length > 60) {
      throw remoteFault('remote.invalid', { why: `the name "${name.slice(0, 60)}": small letters, digits, . and -` });
    }
    const { db, clock } = this.#parts;
    const taken = await db.selectFrom('registry_remotes').select('name').where('name', '=', name).executeTakeFirst();
    if (taken !== undefined) throw remoteFault('remote.taken', { name });
    const now = clock.now().toISOString();
    const row = this.#apply(
      {
        name,
        url: '',
        username: null,
        secret: null,
        ca: null,
        repositories: '["**"]',
        projects: '["**"]',
        networks: '[]',
        token_hosts: '[]',
        storage_hosts: '[]',
        offline: 0,
        created_at: now,
        created_by: actor,
        updated_at: now,
      },
      input,
    );
    await this.#store('remote.created', row, actor, async (tx) => {
      await tx.insertInto('registry_remotes').values(row).execute();
    });
    return toView(row);
  }

  /** Changes what is given. Another address takes the credentials away, unless they are given with it. */
  async change(name: string, input: RemoteInput, actor: string): Promise<RemoteView> {
    const row = this.#apply({ ...(await this.#row(name)), updated_at: this.#parts.clock.now().toISOString() }, input);
    await this.#store('remote.changed', row, actor, async (tx) => {
      await tx.updateTable('registry_remotes').set(row).where('name', '=', name).execute();
    });
    return toView(row);
  }

  /** @throws Fault remote.unknown, remote.in-use */
  async remove(name: string, users: readonly string[], actor: string): Promise<void> {
    const row = await this.#row(name);
    if (users.length > 0) throw remoteFault('remote.in-use', { name, users: users.join(', ') });
    await this.#store('remote.removed', row, actor, async (tx) => {
      await tx.deleteFrom('registry_remotes').where('name', '=', name).execute();
    });
    await this.#clients.get(name)?.client.destroy();
    this.#clients.delete(name);
  }

  /**
   * The client of a remote that is not set offline.
   * @param image what it is asked for, for the message
   * @throws Fault remote.unknown, remote.offline, remote.secret-locked
   */
  async client(name: string, image = ''): Promise<RegistryClient> {
    const row = await this.#row(name);
    if (row.offline === 1) throw remoteFault('remote.offline', { name, image: image === '' ? name : image });
    const known = this.#clients.get(name);
    if (known?.updatedAt === row.updated_at) return known.client;
    const client = new RegistryClient(this.#definition(row), {
      clock: this.#parts.clock,
      instance: this.#parts.instance,
    });
    this.#clients.set(name, { client, updatedAt: row.updated_at });
    // Transfers of the former client end in their own time.
    void known?.client.close().catch(() => undefined);
    return client;
  }

  /** Talks to it. @throws Fault registry.remote-loop when it is this very instance; else as the client */
  async check(name: string): Promise<{ readonly instance: string | null; readonly milliseconds: number }> {
    const client = await this.client(name);
    const started = this.#parts.clock.monotonicMs();
    const { instance } = await client.ping();
    if (instance === this.#parts.instance) throw registryFault('registry.remote-loop', { host: client.host });
    return { instance, milliseconds: Math.round(this.#parts.clock.monotonicMs() - started) };
  }

  /** @throws Fault remote.not-for-project */
  requireAllowed(remote: RemoteView, project: string, repository: string): void {
    const isAllowed =
      remote.projects.some((pattern) => matchesPattern(pattern, project)) && this.mayRead(remote, repository);
    if (isAllowed) return;
    throw remoteFault('remote.not-for-project', {
      name: remote.name,
      project,
      repository,
      projects: remote.projects.join(', '),
      repositories: remote.repositories.join(', '),
    });
  }

  mayRead(remote: RemoteView, repository: string): boolean {
    return remote.repositories.some((pattern) => matchesPattern(pattern, repository));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(({ client }) => client.destroy()));
  }

  #definition(row: RemoteTables['registry_remotes']): RemoteRegistry {
    const url = new URL(row.url);
    const { username, secret } = row;
    return {
      host: url.host,
      scheme: url.protocol === 'http:' ? 'http' : 'https',
      networks: readList(row.networks),
      tokenHosts: readList(row.token_hosts),
      storageHosts: readList(row.storage_hosts),
      ...(row.ca === null ? {} : { ca: row.ca }),
      ...(username === null || secret === null
        ? {}
        : { credentials: { name: username, secret: this.#open(row.name, row.url, secret) } }),
    };
  }

  #open(name: string, url: string, secret: Uint8Array): string {
    try {
      return Buffer.from(this.#parts.vault.open(secret, contextOf(name, url))).toString();
    } catch (error) {
      throw remoteFault('remote.secret-locked', { name }, { cause: error });
    }
  }

  /** Checks everything that is given, and seals the secret to name and address. @throws Fault remote.invalid */
  #apply(row: RemoteTables['registry_remotes'], input: RemoteInput): RemoteTables['registry_remotes'] {
    const next = { ...row };
    if (input.url !== undefined || row.url === '') {
      const url = checkUrl(input.url ?? '');
      if (url !== row.url) {
        next.url = url;
        next.username = null;
        next.secret = null;
      }
    }
    if (input.credentials === null) {
      next.username = null;
      next.secret = null;
    } else if (input.credentials !== undefined) {
      const { name, secret } = input.credentials;
      if (name === '' || !/^[^:\p{Cc}]+$/u.test(name) || name.length > 200 || secret === '' || secret.length > 10_000) {
        refuse('a user name without colons and a secret belong together');
      }
      next.username = name;
      next.secret = this.#parts.vault.seal(Buffer.from(secret), contextOf(row.name, next.url));
    }
    const { protocol, hostname } = new URL(next.url);
    if (next.secret !== null && protocol === 'http:' && !LOOPBACK.test(hostname)) {
      refuse('credentials do not go over plain HTTP, except on this machine');
    }
    if (input.ca !== undefined) next.ca = input.ca === null ? null : checkCa(input.ca);
    if (input.repositories !== undefined) next.repositories = checkList(input.repositories, patternProblem);
    if (input.projects !== undefined) next.projects = checkList(input.projects, patternProblem);
    if (input.networks !== undefined) next.networks = checkList(input.networks, networkProblem);
    if (input.tokenHosts !== undefined)
      next.token_hosts = checkList(input.tokenHosts, (text) => hostProblem(text, false));
    if (input.storageHosts !== undefined) {
      next.storage_hosts = checkList(input.storageHosts, (text) => hostProblem(text, true));
    }
    if (input.offline !== undefined) next.offline = input.offline ? 1 : 0;
    return next;
  }

  async #row(name: string): Promise<RemoteTables['registry_remotes']> {
    const row = await this.#parts.db
      .selectFrom('registry_remotes')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    if (row === undefined) throw remoteFault('remote.unknown', { name: name.slice(0, 60) });
    return row;
  }

  async #store(
    kind: string,
    row: RemoteTables['registry_remotes'],
    actor: string,
    write: (tx: RemoteDatabase) => Promise<void>,
  ): Promise<void> {
    const { db, journal } = this.#parts;
    await db.transaction().execute(async (tx) => {
      await write(tx);
      const { ca, ...view } = toView(row);
      const body = { ...view, hasCa: ca !== null } as unknown as Json;
      await journal.record(tx, { kind, project: null, actor, subject: `remote ${row.name}`, body });
    });
    journal.committed();
  }
}

/** Sealed bytes open only for this name and address: a changed row sends no secret elsewhere. */
function contextOf(name: string, url: string): string {
  return `remote registry ${name} at ${url}`;
}

function toView(row: RemoteTables['registry_remotes']): RemoteView {
  return {
    name: row.name,
    url: row.url,
    username: row.username,
    hasSecret: row.secret !== null,
    ca: row.ca,
    repositories: readList(row.repositories),
    projects: readList(row.projects),
    networks: readList(row.networks),
    tokenHosts: readList(row.token_hosts),
    storageHosts: readList(row.storage_hosts),
    offline: row.offline === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at,
  };
}

function refuse(why: string): never {
  throw remoteFault('remote.invalid', { why });
}

/** `https://host[:port]`: a registry stands at the root of its host, and credentials do not belong in addresses. */
function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain =
    url !== null &&
    ['https:', 'http:'].includes(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    text.length <= 300;
  if (!isPlain) refuse(`"${text.slice(0, 200)}" is no address: expected https://HOST[:PORT] and nothing after it`);
  return url.origin;
}

function checkCa(pem: string): string {
  if (pem.length > REMOTE_CA_LENGTH_MAX) refuse(`the CA has more than ${REMOTE_CA_LENGTH_MAX} characters`);
  const parts = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (parts.length === 0) refuse('the CA holds no certificate in PEM');
  for (const part of parts) {
    try {
      new X509Certificate(part);
    } catch (error) {
      throw remoteFault('remote.invalid', { why: 'a certificate of the CA cannot be read' }, { cause: error });
    }
  }
  return `${parts.join('\n')}\n`;
}

function checkList(items: readonly string[], problemOf: (text: string) => string | null): string {
  if (items.length > REMOTE_LIST_MAX) refuse(`a list has ${items.length} entries, at most ${REMOTE_LIST_MAX}`);
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== null) refuse(problem);
  }
  return JSON.stringify([...new Set(items)]);
}

export function patternProblem(text: string): string | null {
  return isNamePattern(text) && !text.includes('//') ? null : `"${text.slice(0, 100)}" is no pattern of names`;
}

function hostProblem(text: string, mayBeWild: boolean): string | null {
  const host = mayBeWild && text.startsWith('*.') ? text.slice(2) : text;
  const url = URL.canParse(`https://${host}`) ? new URL(`https://${host}`) : null;
  const isHost =
    url !== null && url.host === host && !host.includes('*') && (!text.startsWith('*.') || host.includes('.'));
  return isHost ? null : `"${text.slice(0, 100)}" is no host: expected NAME or NAME:PORT`;
}

/** Why a remote could not give something, in short, for lists and warnings. */
/** Why an operation failed, in one line. */
export function problemText(problem: Operation['problem']): Text | null {
  const line = ({ title, detail }: { readonly title: string; readonly detail?: string }): string =>
    detail === undefined ? title : `${title}: ${detail}`;
  return problem === null ? null : { en: line(problem.en), es: line(problem.es) };
}

export function reasonOf(error: unknown): { readonly en: string; readonly es: string } {
  if (error instanceof Fault) {
    const [en, es] = [error.text('en'), error.text('es')];
    return {
      en: en.why === undefined ? en.what : `${en.what}: ${en.why}`,
      es: es.why === undefined ? es.what : `${es.what}: ${es.why}`,
    };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { en: text, es: text };
}

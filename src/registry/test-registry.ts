import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Principal } from '../access/index.ts';
import { accessFault } from '../access/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import { progressMigrations } from '../progress/index.ts';
import { type Clock, openDatabase, silentLog, systemClock } from '../system/index.ts';
import type { Disk } from './blob-files.ts';
import { createRegistryHandler, type RegistryHandlerOptions } from './distribution/handler.ts';
import { registryMigrations } from './migrations.ts';
import type { ImagePushed, PullAnswer } from './ports.ts';
import { Registry } from './registry.ts';
import type { RegistryTables } from './store.ts';

/**
 * A whole registry for tests: real content store, database, journal and HTTP server on a free loopback port. Only
 * sign-in and verdicts are stand-ins, because they belong to other rooms.
 */
export interface TestRegistry {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly pushed: ImagePushed[];
  /** Digests that the stand-in for verdicts answers for; others are `fallback`. */
  readonly verdicts: Map<string, PullAnswer>;
  readonly revoked: Set<string>;
  readonly inUse: Set<string>;
  fallback: PullAnswer;
  /** Gives a verdict and wakes who waits for it. */
  decide(digest: string, answer: PullAnswer): void;
  /** Pulls that wait now. */
  waiters(): number;
  /** Authorization header of a user: `ana` (admin of tienda), `beto` (analyst of tienda), `carla` (admin of otro), and others of PEOPLE. */
  basic(name: string): string;
  close(): Promise<void>;
}

export const SECRET = 'a long enough secret';

function person(name: string, kind: Principal['kind'], grants: Principal['grants']): Principal {
  return { id: `id-${name}`, actor: `${kind}:${name}`, kind, name, grants, tokenId: null };
}

export const PEOPLE: ReadonlyMap<string, Principal> = new Map(
  [
    person('ana', 'user', [{ role: 'admin', project: 'tienda' }]),
    person('beto', 'user', [{ role: 'analyst', project: 'tienda' }]),
    // May make tags in tienda and never move or delete one.
    person('dora', 'robot', [{ role: 'pusher', project: 'tienda' }]),
    // The same, in some repositories only.
    person('elsa', 'robot', [{ role: 'publisher', project: 'tienda', repositories: ['tienda/elsa-*'] }]),
    person('carla', 'user', [{ role: 'admin', project: 'otro' }]),
    person('root', 'user', [{ role: 'admin', project: '*' }]),
    person('eye', 'scanner', [{ role: 'admin', project: '*' }]),
  ].map((one) => [one.name, one]),
);

export const HELD: Extract<PullAnswer, { allow: false }> = {
  allow: false,
  code: 'admit.pending',
  reasons: [{ en: 'not scanned yet', es: 'aún sin analizar' }],
};

/** Memory where there is some: fsync is part of every push, and unit tests should not wait for a shared disk. */
export function scratchFolder(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

/** A database of its own: in memory, or on the PostgreSQL server that DARSENA_TEST_POSTGRES names. */
async function freshDatabase(): Promise<string> {
  const server = process.env['DARSENA_TEST_POSTGRES'];
  if (server === undefined) return 'sqlite::memory:';
  const name = `t${randomBytes(8).toString('hex')}`;
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: `${server}/template1` });
  await client.connect();
  // Not from template1 itself, which several connections cannot copy at a time.
  await client.query(`create database ${name} template template0`);
  await client.end();
  return `${server}/${name}`;
}

export async function startTestRegistry(
  options: {
    readonly database?: string;
    readonly root?: string;
    readonly tls?: { readonly key: string; readonly cert: string };
    readonly clock?: Clock;
    /** Pulls wait so long for verdicts, which `decide` gives. Without it they are refused at once. */
    readonly patienceMs?: number;
    readonly handler?: Partial<RegistryHandlerOptions>;
    /** The calls that keep bytes, for tests that let them fail. */
    readonly disk?: Disk;
    /** Keep answers, as control does. The stand-ins tell of no change, so theirs show after half a second. */
    readonly keepAnswers?: boolean;
  } = {},
): Promise<TestRegistry> {
  const root = options.root ?? (await mkdtemp(join(scratchFolder(), 'registry-')));
  const clock = options.clock ?? systemClock;
  const opened = await openDatabase<RegistryTables & JournalTables>(options.database ?? (await freshDatabase()), [
    ...journalMigrations,
    ...progressMigrations,
    ...registryMigrations,
  ]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const journal = new Journal({
    db: opened.db as never,
    clock,
    log: silentLog,
    checkpointKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keyId: 'test',
  });
  const state: Pick<TestRegistry, 'pushed' | 'verdicts' | 'revoked' | 'inUse' | 'fallback'> = {
    pushed: [],
    verdicts: new Map<string, PullAnswer>(),
    revoked: new Set<string>(),
    inUse: new Set<string>(),
    fallback: { allow: true },
  };
  const hearers = new Map<string, Set<() => void>>();
  const hear = (digest: string, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const set = hearers.get(digest) ?? new Set();
      hearers.set(digest, set.add(resolve));
      signal.addEventListener('abort', () => {
        set.delete(resolve);
        resolve();
      });
    });
  const serverKey = randomBytes(32);
  const registry = await Registry.open({
    db: opened.db as never,
    root,
    journal,
    serverKey,
    clock,
    gate: {
      check: async ({ digest }) => state.verdicts.get(digest) ?? state.fallback,
      ...(options.patienceMs === undefined ? {} : { changed: (digest, signal) => hear(digest, signal) }),
    },
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
    inUse: { list: async () => state.inUse },
    ...(options.disk === undefined ? {} : { disk: options.disk }),
    onImagePushed: (pushed) => void state.pushed.push(pushed),
  });
  const handler = createRegistryHandler({
    registry,
    serverKey,
    service: 'test',
    access: {
      authenticate: async (credentials) => {
        const found = credentials.kind === 'basic' ? PEOPLE.get(credentials.name) : undefined;
        if (found === undefined || credentials.kind !== 'basic' || credentials.secret !== SECRET) {
          throw accessFault('access.credentials-wrong');
        }
        return found;
      },
      current: ({ id }) =>
        state.revoked.has(id) ? null : ([...PEOPLE.values()].find((person) => person.id === id) ?? null),
      watch: () => () => undefined,
    },
    ...(options.keepAnswers === true ? { writes: opened.writes } : {}),
    ...options.handler,
  });
  const server: Server =
    options.tls === undefined ? createServer(handler) : (createTlsServer(options.tls, handler) as unknown as Server);
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  return Object.assign(state, {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}`,
    host,
    port,
    root,
    registry,
    journal,
    decide: (digest: string, answer: PullAnswer) => {
      state.verdicts.set(digest, answer);
      for (const wake of hearers.get(digest) ?? []) wake();
    },
    waiters: () => [...hearers.values()].reduce((sum, set) => sum + set.size, 0),
    basic: (name: string) => `Basic ${Buffer.from(`${name}:${SECRET}`).toString('base64')}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await registry.close();
      await journal.close();
      await opened.close();
      if (options.root === undefined) await rm(root, { recursive: true, force: true });
    },
  });
}

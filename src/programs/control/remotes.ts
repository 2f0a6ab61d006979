import type { Kysely } from 'kysely';
import type { ApiApp, Vault } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import { projectOf } from '../../oci/index.ts';
import type { Operations } from '../../progress/index.ts';
import {
  CopiesElsewhere,
  type DigestsInUse,
  type ForeignExaminer,
  Mirrors,
  type Registry,
  Remotes,
  Replications,
  registerArchiveRoutes,
  registerRemoteRoutes,
  registerWatchRoutes,
  sweepArchives,
  Watches,
} from '../../registry/index.ts';
import type { Clock, Log } from '../../system/index.ts';

/** How often schedules and queues are looked at. */
const DUE_MS = 15_000;

export interface RemoteWork {
  readonly mirrors: Mirrors;
  register(app: ApiApp): void;
  /** Advisories or keys changed: what is watched is judged again. */
  knowledgeChanged(): Promise<void>;
  close(): Promise<void>;
}

/** Everything that talks to other registries, wired to this one. */
export async function startRemotes(parts: {
  readonly db: Kysely<never>;
  readonly journal: Journal;
  readonly vault: Vault;
  readonly operations: Operations;
  readonly registry: Registry;
  readonly examiner: ForeignExaminer;
  readonly inUse: DigestsInUse;
  /** Where archives lie while they are read. */
  readonly archives: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<RemoteWork> {
  const { journal, vault, operations, registry, examiner, inUse, clock, log } = parts;
  const db = parts.db as unknown as ConstructorParameters<typeof Remotes>[0]['db'];
  const remotes = new Remotes({ db, journal, vault, clock, instance: registry.instanceId });
  const mirrors = new Mirrors({ db, journal, operations, registry, remotes, clock, log });
  const replications = new Replications({ db, journal, operations, registry, remotes, clock, log });
  const isReplicated = (remote: string, repository: string): boolean => replications.covers(remote, repository);
  const watches = new Watches({
    db,
    journal,
    operations,
    registry,
    remotes,
    mirrors,
    examiner,
    inUse,
    isReplicated,
    clock,
    log,
  });
  await mirrors.open();
  await watches.open();
  await replications.open();
  await sweepArchives(parts.archives);
  registry.useUpstream(mirrors);
  registry.scrub.healFrom(new CopiesElsewhere({ remotes, mirrors, replications, log }));
  const timers = [
    every('scheduled mirroring failed', () => mirrors.syncDue()),
    every('scheduled watching failed', () => watches.checkDue()),
    every('replication failed', () => replications.runDue()),
  ];

  return {
    mirrors,
    register: (app) => {
      registerRemoteRoutes(app, {
        remotes,
        mirrors,
        usersOf: async (remote) => [
          ...(await watches.list()).filter((one) => one.remote === remote).map(({ name }) => `watch ${name}`),
          ...(await replications.list())
            .filter((one) => one.remote === remote)
            .map(({ name }) => `replication ${name}`),
        ],
      });
      registerWatchRoutes(app, { watches, replications });
      registerArchiveRoutes(app, {
        registry,
        operations,
        folder: parts.archives,
        exported: async (images, actor) => {
          await db.transaction().execute(async (tx) => {
            for (const { repository, digest } of images) {
              const fact = { kind: 'image.exported', project: projectOf(repository), actor, digest };
              await journal.record(tx, { ...fact, subject: `${repository}@${digest}`, body: { repository } });
            }
          });
          journal.committed();
        },
      });
    },
    knowledgeChanged: () => watches.due(),
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      await replications.close();
      await remotes.close();
    },
  };

  function every(failure: string, work: () => Promise<void>): NodeJS.Timeout {
    let isRunning = false;
    const timer = setInterval(() => {
      // A long one is not started twice.
      if (isRunning) return;
      isRunning = true;
      work()
        .catch((error: unknown) => log.error({ err: error }, failure))
        .finally(() => {
          isRunning = false;
        });
    }, DUE_MS);
    timer.unref();
    return timer;
  }
}

import type { Kysely } from 'kysely';
import type { ApiApp, Vault } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import { projectOf } from '../../oci/index.ts';
import type { Operations } from '../../progress/index.ts';
import {
  Mirrors,
  type Registry,
  Remotes,
  registerArchiveRoutes,
  registerRemoteRoutes,
  sweepArchives,
} from '../../registry/index.ts';
import type { Clock, Log } from '../../system/index.ts';

/** How often schedules are looked at. */
const DUE_MS = 30_000;

export interface RemoteWork {
  register(app: ApiApp): void;
  close(): Promise<void>;
}

/** Everything that talks to other registries, wired to this one. */
export async function startRemotes(parts: {
  readonly db: Kysely<never>;
  readonly journal: Journal;
  readonly vault: Vault;
  readonly operations: Operations;
  readonly registry: Registry;
  /** Where archives lie while they are read. */
  readonly archives: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<RemoteWork> {
  const { journal, vault, operations, registry, clock, log } = parts;
  const db = parts.db as unknown as ConstructorParameters<typeof Remotes>[0]['db'];
  const remotes = new Remotes({ db, journal, vault, clock, instance: registry.instanceId });
  const mirrors = new Mirrors({ db, journal, operations, registry, remotes, clock, log });
  await mirrors.open();
  await sweepArchives(parts.archives);
  registry.useUpstream(mirrors);
  const timer = setInterval(() => {
    mirrors.syncDue().catch((error: unknown) => log.error({ err: error }, 'scheduled mirroring failed'));
  }, DUE_MS);
  timer.unref();
  return {
    register: (app) => {
      registerRemoteRoutes(app, { remotes, mirrors, usersOf: async () => [] });
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
    close: async () => {
      clearInterval(timer);
      await remotes.close();
    },
  };
}

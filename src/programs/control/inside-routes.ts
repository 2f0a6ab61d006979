import { Readable } from 'node:stream';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { ApiApp, Principal } from '../../access/index.ts';
import { type Deployments, findContainer, type WorkloadStatus } from '../../deploy/index.ts';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { silentStep } from '../../progress/index.ts';
import { type Json, whenClosed } from '../../system/index.ts';
import { copyFault } from '../link/copied.ts';
import { type HostTask, reviveFault, type SerializedFault } from '../link/protocol.ts';
import { encodeFrame, FRAME, readFrames, writeWhole } from '../link/session.ts';
import type { Hosts } from './hosts.ts';
import type { SessionSeats } from './sessions.ts';

export interface InsideParts {
  /** Who has how many sessions open. */
  readonly seats: SessionSeats;
  readonly hosts: Hosts;
  readonly deployments: Deployments;
  readonly journal: Journal;
  readonly db: Kysely<JournalTables>;
}

/** A followed log is cut after this long, and whoever still may goes on with a new question: rights are asked again then. */
const FOLLOW_MS = 5 * 60_000;

/** Containers of one question about use; a host runs fewer. */
const STATS_MAX = 1_000;

const where = z.object({
  project: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
  workload: z.string().regex(/^[a-z0-9.-]{1,63}$/),
});
const which = z.object({
  environment: z.string().max(20).optional(),
  container: z.string().max(300).optional(),
  replica: z.string().max(300).optional(),
});
const path = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^\/[^\0]*$/);

const use = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  cpuNanos: z.number().min(0),
  memoryBytes: z.number().min(0),
  memoryLimitBytes: z.number().min(0).nullable(),
  receivedBytes: z.number().min(0),
  sentBytes: z.number().min(0),
  readBytes: z.number().min(0),
  writtenBytes: z.number().min(0),
  processes: z.number().min(0),
});
const word = z.string().max(65_536);
const table = z.strictObject({ titles: z.array(word).max(50), processes: z.array(z.array(word).max(50)).max(5_000) });
const changes = z
  .array(z.strictObject({ path: z.string().max(4_096), kind: z.enum(['added', 'changed', 'removed']) }))
  .max(20_000);

/** What is asked of running containers with plain requests: their use, their processes, their files. */
export function registerInsideRoutes(app: ApiApp, parts: InsideParts): void {
  const { hosts, deployments } = parts;

  app.route({
    method: 'GET',
    url: '/api/v1/stats',
    config: { action: 'workload.read' },
    schema: {
      querystring: z.object({ project: z.string().max(40).optional(), environment: z.string().max(20).optional() }),
    },
    handler: async (request) => {
      const { project, environment } = request.query;
      return readUse(deployments.statuses(request.principal, project, environment));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/stats',
    config: { action: 'workload.read' },
    schema: { params: where, querystring: which },
    handler: async (request) => {
      const { project, workload } = request.params;
      const environment = await environmentOf(project, request.query.environment);
      // An unknown one is told as such.
      findContainer(deployments.statuses(null, project), { project, environment, workload, ended: true });
      const statuses = deployments.statuses(request.principal, project, environment);
      const { container, replica } = request.query;
      return readUse(
        statuses.filter(({ key }) => key.name === workload),
        (one) =>
          (container === undefined || one.container === container) &&
          (replica === undefined || one.replica === replica),
      );
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/top',
    config: { action: 'workload.read' },
    schema: { params: where, querystring: which },
    handler: async (request) => {
      const target = await find(request.params, request.query, false);
      await record('workload.processes-read', request.principal, target, {});
      const { replica, container, containerId } = target;
      return { replica, container, ...table.parse(await ask({ kind: 'top', containerId })) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/diff',
    config: { action: 'workload.read' },
    schema: { params: where, querystring: which },
    handler: async (request) => {
      const target = await find(request.params, request.query, true);
      await record('workload.changes-read', request.principal, target, {});
      const { replica, container, containerId } = target;
      return { replica, container, items: changes.parse(await ask({ kind: 'diff', containerId })) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/logs',
    config: { action: 'workload.read' },
    schema: {
      params: where,
      querystring: which.extend({
        tail: z.coerce.number().int().min(0).max(5_000).default(200),
        follow: z.enum(['0', '1']).default('0'),
      }),
    },
    handler: async (request, reply) => {
      const { tail, follow } = request.query;
      const target = await find(request.params, request.query, true);
      // Followed, it is a session like any other: a process of the engine as long as somebody reads.
      if (follow === '1') parts.seats.take(request.principal, reply.raw);
      await record('workload.logs-read', request.principal, target, { follow: follow === '1' });
      const task = { kind: 'logs', follow: follow === '1', tail, since: null, until: null } as const;
      const { frames, close } = await openFrames(task, target.containerId);
      const timer = setTimeout(close, FOLLOW_MS);
      timer.unref();
      // Who reads goes away while nothing is written: the host must not go on telling.
      whenClosed(reply.raw, close);
      const whole = async function* (): AsyncGenerator<Buffer> {
        let refused: Error | null = null;
        try {
          for await (const { kind, payload } of frames) {
            if (kind === FRAME.stdout || kind === FRAME.stderr) yield payload;
            else if (kind === FRAME.fault)
              refused = reviveFault(JSON.parse(payload.toString('utf8')) as SerializedFault);
            if (kind === FRAME.exit || refused !== null) break;
          }
        } catch {
          // Cut by its time, its reader or its host: what was told stands, and there is no more.
        } finally {
          clearTimeout(timer);
          close();
        }
        // Nothing was written yet, or the answer is cut: an empty log would be another one.
        if (refused !== null) throw refused;
      };
      return reply.type('text/plain; charset=utf-8').send(Readable.from(whole()));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/files',
    config: { action: 'workload.exec' },
    schema: { params: where, querystring: which.extend({ path }) },
    handler: async (request, reply) => {
      const target = await find(request.params, request.query, true);
      await record('workload.files-copied', request.principal, target, { direction: 'out', path: request.query.path });
      const { frames, close } = await openFrames({ kind: 'copy-out', path: request.query.path }, target.containerId);
      whenClosed(reply.raw, close);
      const bytes = piecesOf(frames);
      // The first piece decides between an archive and a refusal that can still be said.
      const first = await bytes.next();
      const whole = async function* (): AsyncGenerator<Buffer> {
        try {
          if (!first.done) yield first.value;
          yield* bytes;
        } finally {
          close();
        }
      };
      return reply.type('application/x-tar').send(Readable.from(whole()));
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/workloads/:workload/files',
    config: { action: 'workload.exec' },
    schema: { params: where, querystring: which.extend({ path }) },
    handler: async (request) => {
      const target = await find(request.params, request.query, false);
      await record('workload.files-copied', request.principal, target, { direction: 'in', path: request.query.path });
      const { stream, frames, close } = await openFrames(
        { kind: 'copy-in', path: request.query.path },
        target.containerId,
      );
      try {
        const answered = (async () => {
          for await (const _piece of piecesOf(frames));
        })();
        const sending = (async () => {
          let bytes = 0;
          // What is left of a body that is refused is taken by nobody, but its connection must carry the answer.
          for await (const chunk of (request.body as Readable).iterator({
            destroyOnReturn: false,
          }) as AsyncIterable<Buffer>) {
            bytes += chunk.length;
            if (stream.destroyed || stream.writableEnded) break;
            await writeWhole(stream, encodeFrame(FRAME.stdin, chunk));
          }
          if (!stream.destroyed) stream.write(encodeFrame(FRAME.stdinEnd));
          return bytes;
        })();
        // Each is awaited below, unless the other has said already why nothing comes of it.
        for (const one of [answered, sending]) one.catch(() => undefined);
        // A refusal by the host counts before the rest has been sent to nobody.
        await Promise.race([answered, sending.then(() => answered)]);
        return { bytes: await sending, container: target.container, replica: target.replica };
      } finally {
        close();
      }
    },
  });

  async function environmentOf(project: string, named: string | undefined): Promise<string> {
    return named ?? (await deployments.environments(project))[0]?.name ?? '';
  }

  async function find(place: z.infer<typeof where>, query: z.infer<typeof which>, ended: boolean) {
    const { project, workload } = place;
    const environment = await environmentOf(project, query.environment);
    const { container, replica } = query;
    const target = findContainer(deployments.statuses(null, project), {
      project,
      environment,
      workload,
      ended,
      ...(container === undefined ? {} : { container }),
      ...(replica === undefined ? {} : { replica }),
    });
    return { ...target, project, environment, workload };
  }

  async function record(
    kind: string,
    principal: Principal,
    target: Awaited<ReturnType<typeof find>>,
    more: { readonly [key: string]: Json },
  ): Promise<void> {
    const { project, environment, workload, replica, container, containerId, digest } = target;
    await parts.db.transaction().execute((tx) =>
      parts.journal.record(tx, {
        kind,
        project,
        actor: principal.actor,
        subject: `${project}/${environment}/${workload}`,
        digest,
        body: { replica, container, containerId, ...more },
      }),
    );
    parts.journal.committed();
  }

  function ask(task: HostTask): Promise<Json> {
    return hosts.run(task, { step: silentStep });
  }

  async function readUse(
    statuses: readonly WorkloadStatus[],
    isMeant: (one: { readonly container: string; readonly replica: string }) => boolean = () => true,
  ): Promise<{ at: string; items: object[] }> {
    const running = statuses.flatMap(({ key, replicas }) =>
      replicas.flatMap((replica) =>
        replica.containers
          .filter(({ state }) => state === 'running')
          .map((container) => ({ ...key, replica: replica.name, container: container.name, id: container.id })),
      ),
    );
    const asked = running.filter(isMeant).slice(0, STATS_MAX);
    const value = asked.length === 0 ? [] : await ask({ kind: 'stats', containerIds: asked.map(({ id }) => id) });
    const found = new Map(
      z
        .array(use)
        .max(STATS_MAX)
        .parse(value)
        .map((one) => [one.id, one]),
    );
    return {
      at: new Date().toISOString(),
      items: asked.flatMap((one) => {
        const used = found.get(one.id);
        return used === undefined ? [] : [{ ...one, ...used }];
      }),
    };
  }

  async function openFrames(
    task:
      | { readonly kind: 'copy-out' | 'copy-in'; readonly path: string }
      | {
          readonly kind: 'logs';
          readonly follow: boolean;
          readonly tail: number;
          readonly since: null;
          readonly until: null;
        },
    containerId: string,
  ) {
    const { session, stream: opened, forget } = hosts.expectSession();
    try {
      const running = ask({ ...task, session, containerId });
      const stream = await Promise.race([opened, running.then(() => opened)]);
      // A cut is seen by who reads the frames; nobody else is to fail of it.
      stream.on('error', () => stream.destroy());
      // How it ended is said over the stream; a host that goes away cuts that.
      running.catch(() => stream.destroy());
      return {
        stream,
        frames: readFrames(stream as AsyncIterable<Buffer>),
        close: () => void stream.destroy(),
      };
    } finally {
      forget();
    }
  }
}

/** The bytes of a copy, to its announced end. @throws the host's Fault; copy.cut when there was no end */
async function* piecesOf(frames: ReturnType<typeof readFrames>): AsyncGenerator<Buffer> {
  for await (const { kind, payload } of frames) {
    if (kind === FRAME.stdout) yield payload;
    else if (kind === FRAME.fault) throw reviveFault(JSON.parse(payload.toString('utf8')) as SerializedFault);
    else if (kind === FRAME.exit) return;
  }
  throw copyFault('copy.cut');
}

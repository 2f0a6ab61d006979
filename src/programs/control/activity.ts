import type { Duplex } from 'node:stream';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal, visibleProjects } from '../../access/index.ts';
import { checkLiveFilter } from '../../detect/book/index.ts';
import { CaptureWriter } from '../../events/capture/index.ts';
import type { Activity } from '../../events/index.ts';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { silentStep } from '../../progress/index.ts';
import { type Clock, defineFaults, type Json, type Log } from '../../system/index.ts';
import type { ActivityTask } from '../link/protocol.ts';
import { FRAME, readFrames, type SessionFrame } from '../link/session.ts';
import type { WatchPrincipal } from './events.ts';
import { type Hosts, hostFault, SESSION_WAIT_MS } from './hosts.ts';

export const activityFault = defineFaults({
  'activity.too-many': {
    kind: 'unavailable',
    en: {
      what: 'nobody more can look at what happens now',
      why: '{most} people or programs look already',
      remedy: 'end a darsena tail, or close a page that shows live activity',
    },
    es: {
      what: 'nadie más puede mirar lo que ocurre ahora',
      why: 'ya miran {most} personas o programas',
      remedy: 'terminar un darsena tail, o cerrar una página de actividad en vivo',
    },
  },
  'activity.too-many-own': {
    kind: 'conflict',
    en: {
      what: '{name} cannot look once more',
      why: 'they look {most} times already',
      remedy: 'end a darsena tail, or close a page that shows live activity',
    },
    es: {
      what: '{name} no puede mirar una vez más',
      why: 'ya mira {most} veces',
      remedy: 'terminar un darsena tail, o cerrar una página de actividad en vivo',
    },
  },
  'activity.arguments-hidden': {
    kind: 'forbidden',
    en: {
      what: 'the condition asks for command lines or arguments, which {name} may not see',
      why: 'passwords stand there: it takes workload.exec or incident.respond in {place}',
      remedy: 'use other fields, such as proc.name and fd.name',
    },
    es: {
      what: 'la condición pregunta por líneas de órdenes o argumentos, que {name} no puede ver',
      why: 'allí hay contraseñas: hace falta workload.exec o incident.respond en {place}',
      remedy: 'usar otros campos, como proc.name y fd.name',
    },
  },
});

/** Who looks at the same time: each costs the hosts a comparison an event. */
const LOOKS_MAX = 16;
/** One person alone must not keep the others from looking. */
const LOOKS_EACH_MAX = 4;
/** What waits for a reader before more is dropped, and counted. */
const BEHIND_BYTES_MAX = 1024 * 1024;
const HEARTBEAT_MS = 15_000;
/** A recording that nobody ended. */
export const CAPTURE_SECONDS_MAX = 3_600;
export const CAPTURE_BYTES_ASKED_MAX = 256 * 1024 * 1024;

/** More than this no sensor shows anybody. */
const MOST_MAX = 100_000;
const label = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
const wanted = z.object({
  project: label.optional(),
  environment: label.optional(),
  workload: label.optional(),
  filter: z.string().max(4_096).default(''),
  /** Events a second at most; what is more is counted and not sent. */
  most: z.coerce.number().int().min(1).max(MOST_MAX).optional(),
});

const text = z.string().max(2_000);
const word = text.nullable();
const line = z.strictObject({
  ...{ at: z.iso.datetime(), type: text, project: word, environment: word, workload: word, pod: word, container: word },
  ...{ pid: z.number(), process: text, parent: text, exe: text, uid: z.number() },
  ...{ about: word, result: word, arguments: word },
  truncated: z.literal(true).exactOptional(),
}) satisfies z.ZodType<Activity>;
const lines = z.array(line).max(20_000);
const missing = z.object({ missing: z.array(z.object({ what: text, why: z.unknown() })).max(1_000) });

export interface ActivityParts {
  readonly hosts: Hosts;
  readonly journal: Journal;
  readonly db: Kysely<JournalTables>;
  readonly clock: Clock;
  readonly watch: WatchPrincipal;
  readonly log: Log;
}

interface Look {
  readonly frames: AsyncGenerator<SessionFrame>;
  readonly stream: Duplex;
  /** Events asked for that the sensor does not see. */
  readonly missing: readonly string[];
}

/** What happens on hosts, live and as a recording. It costs them something only while somebody looks. */
export function registerActivityRoutes(app: ApiApp, parts: ActivityParts): void {
  const { hosts, journal, db, clock, watch, log } = parts;
  /** Who looks, and how often. */
  const looks = new Map<string, number>();

  app.route({
    method: 'GET',
    url: '/api/v1/activity',
    config: { action: 'any' },
    schema: { tags: ['activity'], summary: 'What happens now, as server-sent events', querystring: wanted },
    handler: async (request, reply) => {
      const { principal, query } = request;
      const task = taskOf(principal, query, 'lines');
      await counted(principal, async () => {
        const opened = await openAll(task);
        const stop = (): void => {
          for (const { look } of opened) look.stream.destroy();
        };
        await record('activity.watched', principal, task, {}).catch((error: unknown) => {
          stop();
          throw error;
        });
        const response = reply.raw;
        reply.hijack();
        response.writeHead(200, {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        });
        const tell = (event: string, data: object): void =>
          void response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
        tell('watching', {
          hosts: opened.map(({ host }) => host),
          arguments: task.arguments,
          missing: [...new Set(opened.flatMap(({ look }) => look.missing))],
        });
        const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
        const unwatch = watch(principal, (now) => {
          if (now === null || !isAllowed(now, task)) response.destroy();
        });
        response.on('close', stop);
        // Whoever went away while the hosts were asked is told of by no event any more.
        if (response.destroyed) stop();
        try {
          await Promise.all(opened.map(({ host, look }) => pass(host, look, task, response, tell)));
        } finally {
          clearInterval(heartbeat);
          unwatch();
          stop();
          if (!response.destroyed) response.end();
        }
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/activity/capture',
    config: { action: 'any' },
    schema: {
      tags: ['activity'],
      summary: 'A recording of what happens now',
      querystring: wanted.extend({
        /** Of this host; without it the only one. */
        host: z.string().max(253).optional(),
        seconds: z.coerce.number().int().min(1).max(CAPTURE_SECONDS_MAX).default(60),
        bytes: z.coerce
          .number()
          .int()
          .min(64 * 1024)
          .max(CAPTURE_BYTES_ASKED_MAX)
          .default(64 * 1024 * 1024),
      }),
    },
    handler: async (request, reply) => {
      const { principal, query } = request;
      const { host: wantedHost, seconds, bytes: most, ...place } = query;
      const task = taskOf(principal, place, 'records');
      if (!task.arguments) throw argumentsHidden(principal, task);
      await counted(principal, async () => {
        const host = wantedHost ?? hosts.only();
        const look = await open(host, task);
        await record('activity.watched', principal, task, { recording: true }).catch((error: unknown) => {
          look.stream.destroy();
          throw error;
        });
        const response = reply.raw;
        reply.hijack();
        response.writeHead(200, { 'content-type': 'application/vnd.darsena.capture', 'cache-control': 'no-store' });
        const writer = new CaptureWriter();
        const { projects, environment, workload, filter } = task;
        const startedAt = clock.now().toISOString();
        response.write(
          writer.begin({ version: 1, host, startedAt, filter, projects, environment, workload, by: principal.actor }),
        );
        let why: 'time' | 'size' | 'asked' = 'asked';
        const timer = setTimeout(() => {
          why = 'time';
          look.stream.destroy();
        }, seconds * 1_000);
        const unwatch = watch(principal, (now) => {
          if (now === null || !isAllowed(now, task)) response.destroy();
        });
        response.on('close', () => look.stream.destroy());
        if (response.destroyed) look.stream.destroy();
        try {
          for await (const { kind, payload } of look.frames) {
            if (kind !== FRAME.data || payload.length < 8) continue;
            const seen = payload.readUInt32BE(0);
            const dropped = payload.readUInt32BE(4);
            if (payload.length === 8) writer.lose(dropped);
            else if (response.writableLength > BEHIND_BYTES_MAX * 8) writer.lose(seen);
            else response.write(writer.batch(payload.subarray(8), { seen, dropped }));
            if (writer.bytes > most) {
              why = 'size';
              break;
            }
          }
        } catch (error) {
          // Reading a stream that was ended in the middle of a frame fails; what came before is whole.
          if (!look.stream.destroyed) {
            // The answer has begun: that it stops without its seal is all that can be said in it.
            log.warn({ err: error, host }, 'a host showed what is no activity');
            response.destroy();
          }
        } finally {
          clearTimeout(timer);
          unwatch();
          look.stream.destroy();
        }
        if (response.destroyed) return;
        const end = writer.end({ endedAt: clock.now().toISOString(), why });
        const { events, dropped } = writer;
        await record('activity.captured', principal, task, {
          sha256: end.sha256,
          events,
          dropped,
          bytes: writer.bytes,
        });
        response.end(end.bytes);
      });
    },
  });

  /** Passes batches on, as fast as the reader takes them; what it does not take is dropped and counted. */
  async function pass(
    host: string,
    look: Look,
    task: ActivityTask,
    response: { readonly writableLength: number; readonly destroyed: boolean },
    tell: (event: string, data: object) => void,
  ): Promise<void> {
    let missed = 0;
    try {
      for await (const { kind, payload } of look.frames) {
        if (kind !== FRAME.data || payload.length < 8) continue;
        const seen = payload.readUInt32BE(0);
        const dropped = payload.readUInt32BE(4);
        if (response.writableLength > BEHIND_BYTES_MAX) {
          missed += seen;
          continue;
        }
        const events = payload.length === 8 ? [] : lines.parse(JSON.parse(payload.toString('utf8', 8)));
        // A host says what happens on it; whom it concerns was asked here.
        const own = events.filter(
          ({ project }) => task.projects === null || (project !== null && task.projects.includes(project)),
        );
        const lost = dropped + missed + events.length - own.length;
        tell('activity', { host, seen: seen + missed, dropped: lost, events: own });
        missed = 0;
      }
    } catch (error) {
      if (look.stream.destroyed || response.destroyed) return;
      log.warn({ err: error, host }, 'a host showed what is no activity');
      look.stream.destroy();
    }
    if (!response.destroyed) tell('host-away', { host });
  }

  async function counted({ actor, name }: Principal, work: () => Promise<void>): Promise<void> {
    const own = looks.get(actor) ?? 0;
    if (own >= LOOKS_EACH_MAX) throw activityFault('activity.too-many-own', { name, most: LOOKS_EACH_MAX });
    const all = [...looks.values()].reduce((sum, one) => sum + one, 0);
    if (all >= LOOKS_MAX) throw activityFault('activity.too-many', { most: LOOKS_MAX });
    looks.set(actor, own + 1);
    try {
      await work();
    } finally {
      const left = (looks.get(actor) ?? 1) - 1;
      if (left === 0) looks.delete(actor);
      else looks.set(actor, left);
    }
  }

  async function openAll(task: Omit<ActivityTask, 'session'>): Promise<{ host: string; look: Look }[]> {
    const connected = hosts.views().filter(({ state }) => state === 'connected');
    if (connected.length === 0) throw hostFault('host.away');
    const answers = await Promise.allSettled(
      connected.map(async ({ name }) => ({ host: name, look: await open(name, task) })),
    );
    const opened = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const refused = answers.find((answer) => answer.status === 'rejected');
    // One host that cannot show must not hide the others.
    if (opened.length === 0 && refused !== undefined) throw refused.reason;
    return opened;
  }

  async function open(host: string, task: Omit<ActivityTask, 'session'>): Promise<Look> {
    const { session, stream: coming, forget } = hosts.expectSession();
    try {
      const running = hosts.run({ ...task, session }, { step: silentStep, host });
      const stream = await Promise.race([coming, running.then(() => coming)]);
      stream.on('error', () => stream.destroy());
      // A sensor that is being started again answers when it is back: whoever waited has gone by then.
      const late = setTimeout(
        () => stream.destroy(hostFault('host.session-unanswered', { seconds: SESSION_WAIT_MS / 1000 })),
        SESSION_WAIT_MS,
      );
      try {
        const frames = readFrames(stream as AsyncIterable<Buffer>);
        const first = await Promise.race([frames.next(), running.then(() => frames.next())]);
        // It closed without a word: why not comes as the end of the task.
        if (first.done) {
          await running;
          throw hostFault('host.lost', { host });
        }
        running.catch(() => stream.destroy());
        const told = missing.parse(JSON.parse(first.value.payload.toString('utf8')));
        return { frames, stream, missing: told.missing.map(({ what }) => what) };
      } catch (error) {
        stream.destroy();
        throw error;
      } finally {
        clearTimeout(late);
      }
    } finally {
      forget();
    }
  }

  function record(
    kind: string,
    principal: Principal,
    task: Omit<ActivityTask, 'session'>,
    more: { readonly [key: string]: Json },
  ): Promise<void> {
    const { projects, environment, workload, filter } = task;
    const [project] = projects !== null && projects.length === 1 ? projects : [];
    const subject = [project ?? 'platform', environment, workload].filter((part) => part !== null).join('/');
    return db
      .transaction()
      .execute(async (tx) => {
        await journal.record(tx, {
          kind,
          project: project ?? null,
          actor: principal.actor,
          subject,
          digest: null,
          body: {
            filter,
            arguments: task.arguments,
            ...(projects === null ? {} : { projects: [...projects] }),
            ...more,
          },
        });
      })
      .then(() => journal.committed());
  }
}

/** @throws Fault access.not-allowed, detect.condition-invalid, activity.arguments-hidden */
function taskOf(principal: Principal, query: z.infer<typeof wanted>, form: ActivityTask['form']): ActivityTask {
  const { project, environment, workload, filter, most } = query;
  const seen = visibleProjects(principal, 'workload.read');
  if (project !== undefined ? !may(principal, 'workload.read', project) : seen !== '*' && seen.length === 0) {
    const place = project ?? 'the platform';
    throw accessFault('access.not-allowed', { name: principal.name, action: 'workload.read', place });
  }
  const { asksArguments } = checkLiveFilter(filter);
  const task: ActivityTask = {
    kind: 'activity',
    session: '',
    projects: project !== undefined ? [project] : seen === '*' ? null : seen,
    environment: environment ?? null,
    workload: workload ?? null,
    filter,
    arguments: true,
    form,
    most: most ?? null,
  };
  const shown = isAllowed(principal, task);
  if (!shown && asksArguments) throw argumentsHidden(principal, task);
  return { ...task, arguments: shown };
}

/** Whether they may (still) see all that the look shows. */
function isAllowed(principal: Principal, { projects, arguments: shown }: ActivityTask): boolean {
  return (projects ?? [null]).every(
    (project) =>
      may(principal, 'workload.read', project) &&
      (!shown || may(principal, 'workload.exec', project) || may(principal, 'incident.respond', project)),
  );
}

function argumentsHidden(principal: Principal, { projects }: ActivityTask): Error {
  const place = projects === null ? 'every project' : projects.join(', ');
  return activityFault('activity.arguments-hidden', { name: principal.name, place });
}

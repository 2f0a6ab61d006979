import { z } from 'zod';
import type { ContainerEngine } from '../../deploy/engines/local/index.ts';
import type { ProfileTask, RecordedUse } from '../../host/index.ts';
import { defineFaults, type Json } from '../../system/index.ts';
import type { SensorContainer, SensorServer } from './sensor-server.ts';

export const profileFault = defineFaults({
  'agent.recording': {
    kind: 'unavailable',
    en: { what: 'what the containers of this host call cannot be recorded', why: '{why}', remedy: 'darsena status' },
    es: {
      what: 'no se puede grabar lo que llaman los contenedores de este host',
      why: '{why}',
      remedy: 'darsena status',
    },
  },
});

/** Written files that one recording names; beyond it they are counted. */
const WRITTEN_MAX = 500;
/** Containers of a workload that came and went during one recording. */
const CONTAINERS_MAX = 500;
/** PATH_MAX of Linux. */
const PATH_MAX = 4_096;

interface Going {
  readonly seen: Map<string, SensorContainer>;
  /** Who wrote each file, by the container's place. */
  readonly written: Map<string, Map<string, number>>;
  writtenLeftOut: number;
  readonly stop: () => void;
}

/**
 * Recordings of this host: calls by the sensor's programs in the kernel, written files by its events. Ends with the agent;
 * whoever asked is told so at the next question.
 */
export class CallProfiles {
  readonly #sensor: Pick<SensorServer, 'record' | 'watchActivity' | 'state'>;
  readonly #engine: Pick<ContainerEngine, 'exec'>;
  readonly #containers: () => readonly SensorContainer[];
  readonly #going = new Map<string, Going>();

  constructor(parts: {
    readonly sensor: Pick<SensorServer, 'record' | 'watchActivity' | 'state'>;
    readonly engine: Pick<ContainerEngine, 'exec'>;
    /** The instance's containers as they are now. */
    readonly containers: () => readonly SensorContainer[];
  }) {
    this.#sensor = parts.sensor;
    this.#engine = parts.engine;
    this.#containers = parts.containers;
  }

  /** To be called whenever the containers change: one that ends before the recording does must be known by then. */
  look(): void {
    for (const { seen } of this.#going.values()) this.#note(seen);
  }

  /** @throws Fault agent.recording */
  async do(task: ProfileTask, signal: AbortSignal): Promise<Json> {
    if (task.step === 'test') {
      const { containerId, command, seconds } = task;
      const { exitCode, output } = await this.#engine.exec(containerId, command, seconds * 1000, signal);
      return { exitCode, output };
    }
    if (task.step === 'begin') return this.#begin(task, signal);
    const going = this.#going.get(task.id);
    const answer = going === undefined ? null : await this.#ask(task.id, task.step);
    if (going === undefined || answer === null) {
      throw profileFault('agent.recording', { why: 'the recording was cut: the agent or the sensor was started anew' });
    }
    this.#note(going.seen);
    if (task.step === 'end') {
      going.stop();
      this.#going.delete(task.id);
    }
    const uses = answer.flatMap((one): RecordedUse[] => {
      const container = going.seen.get(one.id);
      if (container === undefined) return [];
      const { project, environment, workload, image, digest } = container;
      const written = [...(going.written.get(placeOf(container)) ?? [])].map(([path, uid]) => ({ path, uid }));
      return [
        {
          ...one,
          project,
          environment,
          workload,
          container: container.container,
          image,
          digest: digest ?? '',
          written,
        },
      ];
    });
    return JSON.parse(JSON.stringify({ uses, writtenLeftOut: going.writtenLeftOut })) as Json;
  }

  async #begin(
    { id, project, environment, workload, seconds }: Extract<ProfileTask, { step: 'begin' }>,
    signal: AbortSignal,
  ): Promise<Json> {
    if (this.#sensor.state.state === 'absent') {
      throw profileFault('agent.recording', { why: 'no sensor runs on it' });
    }
    if ((await this.#ask(id, 'begin')) === null) {
      throw profileFault('agent.recording', { why: 'the sensor went away, or does not answer' });
    }
    const written = new Map<string, Map<string, number>>();
    // Who asked may never come back: the kernel is not recorded for nobody.
    const timer = setTimeout(() => {
      this.do({ kind: 'profile', step: 'end', id }, signal).catch(() => this.#going.delete(id));
    }, seconds * 1000);
    timer.unref();
    const going: Going = {
      seen: new Map(),
      written,
      writtenLeftOut: 0,
      stop: stopBoth(
        timer,
        this.#sensor.watchActivity(
          {
            id: `profile-${id}`,
            projects: [project],
            environment,
            workload,
            filter: WRITES,
            arguments: true,
            form: 'lines',
          },
          {
            watching: () => undefined,
            batch: ({ body, dropped }) => {
              going.writtenLeftOut += dropped;
              for (const line of typeof body === 'string' ? [] : body) noteWrite(going, line);
            },
          },
        ),
      ),
    };
    this.#going.set(id, going);
    this.#note(going.seen);
    return null;
  }

  async #ask(id: string, step: 'begin' | 'read' | 'end') {
    const answer = await this.#sensor.record(id, step);
    if (answer === null) return null;
    if (answer.why !== null) throw profileFault('agent.recording', { why: answer.why });
    if (answer.lost > 0) throw profileFault('agent.recording', { why: 'there are more cgroups than the table holds' });
    return answer.containers;
  }

  #note(seen: Map<string, SensorContainer>): void {
    for (const one of this.#containers()) {
      if (seen.size >= CONTAINERS_MAX) return;
      if (!seen.has(one.id)) seen.set(one.id, one);
    }
  }
}

/** Files opened for writing, with success, and not by the run-time while it makes the container ready. */
const WRITES =
  'evt.type in (open, openat, openat2, creat) and evt.is_open_write=true and fd.num>=0 and not proc.name startswith "runc:[" and not proc.name startswith crun';

const write = z.object({
  project: z.string(),
  environment: z.string(),
  workload: z.string(),
  container: z.string(),
  uid: z.number().int(),
  about: z.string().max(PATH_MAX).startsWith('/'),
});

function stopBoth(timer: NodeJS.Timeout, stop: () => void): () => void {
  return () => {
    clearTimeout(timer);
    stop();
  };
}

function noteWrite(going: Going, line: unknown): void {
  const { data } = write.safeParse(line);
  if (data === undefined) return;
  const files = going.written.get(placeOf(data)) ?? new Map<string, number>();
  going.written.set(placeOf(data), files);
  if (files.has(data.about) || files.size < WRITTEN_MAX) files.set(data.about, data.uid);
  else going.writtenLeftOut++;
}

const placeOf = (one: Pick<SensorContainer, 'project' | 'environment' | 'workload' | 'container'>): string =>
  `${one.project}/${one.environment}/${one.workload}/${one.container}`;

import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { type CliApi, Fault, ProblemReply, type Text } from '../../system/index.ts';
import { readAuthority } from './authority.ts';
import { storedPlace } from './database.ts';
import { type Adaptation, type Instance, instanceFiles } from './instance.ts';
import { descendants, listProcesses, memoryBytes, startedAt } from './processes.ts';
import { type ProgramName, programsOf } from './programs.ts';
import { supervisedState } from './supervisor.ts';

export type PartState = 'ok' | 'degraded' | 'down' | 'absent';

export interface PartStatus {
  readonly name: string;
  readonly state: PartState;
  readonly since: string | null;
  /** Proportional set size of the program, its supervisor and what it started; null where the account may not look. */
  readonly memoryBytes: number | null;
  readonly detail: Text | null;
}

export interface InstanceStatus {
  readonly instance: string;
  readonly version: string;
  readonly mode: Instance['mode'];
  readonly console: string;
  readonly domain: string;
  readonly ca: string;
  readonly caFingerprint: string | null;
  readonly ports: Instance['ports'];
  readonly parts: readonly PartStatus[];
  readonly memoryBytes: number | null;
  readonly adaptations: readonly Adaptation[];
  /** How long alerts take from the kernel to control's disk; null while there was none or control did not answer. */
  readonly detection: z.infer<typeof detectionFigures> | null;
  /** Why control's own view is missing; null when it was asked. */
  readonly unanswered: string | null;
}

const text = z.object({ en: z.string(), es: z.string() });
const detectionFigures = z.object({
  alerts: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  stations: z.array(z.object({ name: z.string(), p50Ms: z.number(), p99Ms: z.number() })),
});
const controlStatus = z.object({
  detection: detectionFigures.nullish(),
  parts: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'degraded', 'down', 'absent']),
      since: z.string().nullish(),
      detail: text.nullish(),
    }),
  ),
});

/** What runs, seen from the processes on this machine and, when it answers, from control. */
export async function readStatus(instance: Instance, api: CliApi): Promise<InstanceStatus> {
  const local = await localParts(instance);
  let unanswered: string | null = null;
  let remote: z.infer<typeof controlStatus> = { parts: [] };
  if (local.some(({ name, state }) => name === 'control' && state === 'ok')) {
    try {
      remote = controlStatus.parse(await api.get('/status'));
    } catch (error) {
      if (!(error instanceof Fault || error instanceof ProblemReply || error instanceof z.ZodError)) throw error;
      unanswered = error.message;
    }
  }
  // Where it stands is said to who may read the setting; control's own answer is open to everybody.
  const place = await storedPlace(instance);
  const parts = mergeParts(local, remote.parts).map((part) =>
    part.name === 'database' && place !== null && part.detail !== null
      ? { ...part, detail: { en: `${part.detail.en}, ${place}`, es: `${part.detail.es}, ${place}` } }
      : part,
  );
  const known = parts.map((part) => part.memoryBytes).filter((bytes) => bytes !== null);
  const authority = await readAuthority(instance);
  return {
    instance: instance.name,
    version: instance.version,
    mode: instance.mode,
    console: `https://localhost:${instance.ports.console}/`,
    domain: instance.domain,
    ca: instanceFiles(instance).ca,
    caFingerprint: authority?.fingerprint ?? null,
    ports: instance.ports,
    parts,
    memoryBytes: known.length === 0 ? null : known.reduce((sum, bytes) => sum + bytes, 0),
    adaptations: instance.adaptations,
    detection: remote.detection ?? null,
    unanswered,
  };
}

/** A program that does not run is down whatever control last heard; of one that runs, control knows more. */
export function mergeParts(
  local: readonly PartStatus[],
  remote: readonly {
    name: string;
    state: PartState;
    since?: string | null | undefined;
    detail?: Text | null | undefined;
  }[],
): PartStatus[] {
  const merged = local.map((part) => {
    const told = remote.find(({ name }) => name === part.name);
    if (told === undefined || part.state !== 'ok') return part;
    return { ...part, state: told.state, since: told.since ?? part.since, detail: told.detail ?? null };
  });
  for (const { name, state, since, detail } of remote) {
    if (merged.some((part) => part.name === name)) continue;
    merged.push({ name, state, since: since ?? null, memoryBytes: null, detail: detail ?? null });
  }
  return merged;
}

async function localParts(instance: Instance): Promise<PartStatus[]> {
  const processes = await listProcesses();
  const wanted = programsOf(instance);
  const all: readonly ProgramName[] = ['control', 'agent', 'sensor', 'edge'];
  const parts: PartStatus[] = [];
  for (const name of all) {
    if (!wanted.includes(name)) {
      const reason = instance.adaptations.find(({ code }) => code === 'rootless' || code === 'no-sensor');
      parts.push({ name, state: 'absent', since: null, memoryBytes: null, detail: reason?.text ?? null });
      continue;
    }
    const { supervisor, child } = await supervisedState(instanceFiles(instance).supervisors, name);
    const since = child === null ? null : await startedAt(child);
    const waiting =
      name === 'edge' && supervisor !== null && child === null && !(await exists(instanceFiles(instance).edge.current));
    const detail = waiting
      ? { en: 'waits for the agent to write its configuration', es: 'espera a que el agente escriba su configuración' }
      : supervisor !== null && child === null
        ? {
            en: `not running, is being started: darsena logs ${name}`,
            es: `parado, se está arrancando: darsena logs ${name}`,
          }
        : null;
    parts.push({
      name,
      state: child === null ? 'down' : 'ok',
      since,
      memoryBytes: await memoryOf(supervisor?.pid ?? child?.pid ?? null, processes),
      detail,
    });
  }
  return parts;
}

async function memoryOf(
  root: number | null,
  processes: Awaited<ReturnType<typeof listProcesses>>,
): Promise<number | null> {
  if (root === null) return 0;
  let sum = 0;
  for (const pid of descendants(root, processes)) {
    const bytes = await memoryBytes(pid);
    if (bytes === null) return null;
    sum += bytes;
  }
  return sum;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'EACCES',
  );
}

import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../access/index.ts';
import type { Deployments } from './deployments.ts';
import { deployFault } from './errors.ts';
import { RUN_BEGIN_MS, RUN_LOOK_MS, RUN_WORDS_MAX } from './limits.ts';
import type { RunOrder, Runs, RunView } from './runs.ts';
import { isUlimit, ULIMIT_NAMES } from './ulimits.ts';

/** Judges what somebody asks to run, and starts it. Wired in programs/. */
export interface RunStarter {
  run(request: {
    readonly project: string;
    readonly environment: string | null;
    readonly order: RunOrder;
    readonly by: Principal;
  }): Promise<RunView>;
}

const project = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const environment = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/);
const name = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
/** Arguments end at a zero byte (execve(2)). */
const word = z
  .string()
  .max(131_072)
  .regex(/^[^\0]*$/);
const path = z
  .string()
  .max(4_096)
  .regex(/^\/(?!(?:.*\/)?\.\.(?:\/|$))[^:\0\r\n]*$/);
const capability = z.string().regex(/^[A-Z][A-Z_]{1,40}$/);
/** uid_t has 32 bits, of which the last stands for "unchanged". */
const id = z.number().int().min(0).max(4_294_967_294);

/** Of processes; -1 is no limit. */
const bound = z.number().int().min(-1).max(999_999_999_999_999);

const order = z.strictObject({
  environment: environment.optional(),
  name,
  image: z.string().min(1).max(512),
  entrypoint: z.array(word).min(1).max(4_096).nullable().default(null),
  command: z.array(word).max(4_096).default([]),
  env: z
    .array(z.strictObject({ name: z.string().regex(/^[-._a-zA-Z][-._a-zA-Z0-9]{0,252}$/), value: word }))
    .max(1_000)
    .default([]),
  workingDir: path.nullable().default(null),
  user: z
    .strictObject({ uid: id, gid: id.nullable().default(null) })
    .nullable()
    .default(null),
  cpuMillis: z.number().int().min(1).max(1_000_000).nullable().default(null),
  memoryBytes: z.number().int().min(4_194_304).max(Number.MAX_SAFE_INTEGER).nullable().default(null),
  readOnly: z.boolean().default(false),
  capAdd: z.array(capability).max(64).default([]),
  capDrop: z.array(capability).max(64).default([]),
  newPrivileges: z.boolean().default(false),
  volumes: z
    .array(z.strictObject({ claim: name, path, readOnly: z.boolean().default(false) }))
    .max(64)
    .default([]),
  tmpfs: z.array(path).max(64).default([]),
  hostname: name.nullable().default(null),
  labels: z.record(z.string().max(317), z.string().max(63)).default({}),
  hosts: z
    .array(z.strictObject({ name: z.string().min(1).max(253), address: z.union([z.ipv4(), z.ipv6()]) }))
    .max(64)
    .default([]),
  ulimits: z
    .partialRecord(z.enum(ULIMIT_NAMES), z.strictObject({ soft: bound, hard: bound }).refine(isUlimit))
    .default({}),
  stopSeconds: z.number().int().min(0).max(3_600).nullable().default(null),
  interactive: z.boolean().default(false),
  terminal: z.boolean().default(false),
  joined: z.boolean().default(false),
  remove: z.boolean().default(false),
});

/** Whether the words of a run, together, are no more than a host takes. */
export function isShort({ entrypoint, command, env }: Pick<RunOrder, 'entrypoint' | 'command' | 'env'>): boolean {
  const words = [...(entrypoint ?? []), ...command, ...env.flatMap(({ name: variable, value }) => [variable, value])];
  return words.reduce((sum, text) => sum + text.length + 1, 0) <= RUN_WORDS_MAX;
}

const shortOrder = order.refine(isShort, `arguments and variables have more than ${RUN_WORDS_MAX} characters together`);

const one = z.object({ project, run: z.union([name, z.uuid()]) });
const which = z.object({ environment: environment.optional() });

/** `run`, and what becomes of it. A start of any image of the project asks for the right to release and to be inside. */
export function registerRunRoutes(
  app: ApiApp,
  options: { readonly deployments: Deployments; readonly runs: Runs; readonly starter: RunStarter },
): void {
  const { deployments, runs, starter } = options;
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/runs',
    config: { action: 'workload.exec' },
    schema: { params: z.object({ project }), body: shortOrder },
    handler: async ({ params, body, principal: by }, reply) => {
      requireRelease(by, params.project);
      const { environment: place, ...asked } = body;
      const run = await starter.run({ project: params.project, environment: place ?? null, order: asked, by });
      // Who joins it hears how it begins; who leaves it running goes on to read its logs or to enter it.
      if (!asked.joined) await whenBegun(deployments, run);
      return reply.code(201).send(run);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/runs',
    config: { action: 'workload.read' },
    schema: { params: z.object({ project }), querystring: which },
    handler: async ({ params, query }) => ({ items: await runs.list(params.project, query.environment) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/runs/:run',
    config: { action: 'workload.read' },
    schema: { params: one, querystring: which },
    handler: async ({ params, query }) => runs.read(params.project, params.run, query.environment),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/runs/:run/stop',
    config: { action: 'workload.exec' },
    schema: { params: one, querystring: which },
    handler: async ({ params, query, principal: by }) => {
      requireRelease(by, params.project);
      return runs.stop(params.project, params.run, query.environment, by.actor);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/runs/:run',
    config: { action: 'workload.exec' },
    schema: { params: one, querystring: which.extend({ force: z.enum(['0', '1']).default('0') }) },
    handler: async ({ params, query, principal: by }) => {
      requireRelease(by, params.project);
      const { environment: place, force } = query;
      return runs.remove(params.project, params.run, { environment: place, force: force === '1', actor: by.actor });
    },
  });
}

/**
 * Waits until a run has a process, or had one; not for ever, as its host may be away.
 * @throws Fault deploy.not-started when its host says that it does not start
 */
async function whenBegun(
  deployments: Pick<Deployments, 'statuses' | 'isWanted'>,
  { project: of, environment: place, name: run }: RunView,
): Promise<void> {
  const until = performance.now() + RUN_BEGIN_MS;
  while (performance.now() < until) {
    const status = deployments.statuses(null, of, place).find(({ key }) => key.name === run);
    const trouble = status?.conditions.find(({ type }) => type === 'refused' || type === 'start-failed');
    if (trouble !== undefined) {
      const { en, es } = trouble.text;
      throw deployFault('deploy.not-started', { name: `${of}/${run}`, why: en, porque: es });
    }
    const states = status?.replicas.flatMap(({ containers }) => containers.map(({ state }) => state)) ?? [];
    if (states.some((state) => state === 'running' || state === 'exited')) return;
    if (status === undefined && !(await deployments.isWanted({ project: of, environment: place, workload: run })))
      return;
    await new Promise((resolve) => setTimeout(resolve, RUN_LOOK_MS));
  }
}

/** @throws Fault access.not-allowed */
function requireRelease(by: Principal, place: string): void {
  const action = 'release.create';
  if (!may(by, action, place)) throw accessFault('access.not-allowed', { name: by.name, action, place });
}

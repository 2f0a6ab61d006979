import { z } from 'zod';
import { REFUSALS } from '../../network/index.ts';
import {
  hostPrevention,
  PACKAGE_ORDERS_MAX,
  POLICIES_MAX,
  packagesOrder,
  preventPolicy,
  strangersShape,
} from '../../prevent/index.ts';
import { EVIDENCE_PACKET_SECONDS_MAX } from '../../respond/evidence/limits.ts';
import { formatAnswer, formatAsk, volumeKeys, volumeTask } from '../../volumes/index.ts';
import type { ToAgent, ToControl } from './protocol.ts';

/**
 * What comes over the link, read strictly at both ends: neither side believes that the other is still itself. Bounds are
 * those of honest use with room to spare; the line as a whole is bounded where it is read (lines.ts).
 */

const TEXT_MAX = 65_536;
const LIST_MAX = 10_000;
/** Detection rules of one's own, all files together. */
const RULE_TEXT_MAX = 1024 * 1024;

const text = z.string().max(TEXT_MAX);
const words = z.strictObject({ en: text, es: text });
const id = z.uuid();
const time = z.iso.datetime();
const label = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const containerId = z.string().regex(/^[0-9a-f]{64}$/);
const session = z.string().regex(/^[0-9a-f]{48}$/);
const port = z.number().int().min(1).max(65_535);
/** execve(2) and paths end at a zero byte. */
const plain = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[^\0]*$/);
const containerPath = plain(4_096).regex(/^\//);
const pid = z.number().int().min(0).max(0x7fff_ffff);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const ruleScope = z.strictObject({ project: label(63).nullable(), environment: label(63).nullable() });
const token = z
  .string()
  .max(16_384)
  .regex(/^[\x21-\x7e]*$/);
const list = <T extends z.ZodType>(item: T, most = LIST_MAX) => z.array(item).max(most);
/** Anything that came out of JSON; who takes it reads it. Walking it here would let its depth decide how deep the stack gets. */
const json = z.unknown();

const signedRecord = z.strictObject({
  payloadType: z.string().max(200),
  payload: z.string().max(64 * 1024 * 1024),
  signatures: list(z.strictObject({ keyid: z.string().max(500), sig: z.string().max(10_000) }), 16),
});

const size = z.strictObject({
  columns: z.number().int().min(1).max(10_000),
  rows: z.number().int().min(1).max(10_000),
});

const base64 = z.string().max(64 * 1024 * 1024);
/** What lies beside an artifact and could sign it; its bytes are read, and doubted, where it is verified. */
const packedSignatures = z.strictObject({
  bundles: list(base64, 1_000),
  cosign: list(
    z.strictObject({ payload: base64, signature: text, annotations: z.record(z.string().max(200), base64) }),
    1_000,
  ),
  notations: list(z.strictObject({ mediaType: z.string().max(200), bytes: base64 }), 1_000),
});

const shieldTask = z.discriminatedUnion('change', [
  z.strictObject({
    kind: z.literal('kernel-shield'),
    change: z.enum(['apply', 'undo', 'try']),
    entry: z.string().max(100),
  }),
  z.strictObject({
    kind: z.literal('kernel-shield'),
    change: z.literal('feed'),
    feed: z.base64().max(4 * 1024 * 1024),
    signatures: packedSignatures,
  }),
]);

const profileTask = z.discriminatedUnion('step', [
  z.strictObject({
    kind: z.literal('profile'),
    step: z.literal('begin'),
    id,
    project: label(40),
    environment: label(20),
    workload: label(63),
    seconds: z.number().int().min(1).max(700_000),
  }),
  z.strictObject({ kind: z.literal('profile'), step: z.enum(['read', 'end']), id }),
  z.strictObject({
    kind: z.literal('profile'),
    step: z.literal('test'),
    containerId,
    command: list(z.string().max(4_096), 100),
    seconds: z.number().int().min(1).max(3_600),
  }),
]);

const task = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('build'),
    repository: z
      .string()
      .max(255)
      .regex(/^[a-z0-9]+(?:[._/-][a-z0-9]+)*$/),
    tags: list(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/), 100),
    containerfile: z.string().max(4096).nullable(),
    args: z.record(z.string().max(200), text),
    target: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/)
      .nullable(),
    commit: z
      .strictObject({
        id: z.string().max(200),
        time: text,
        repository: z.string().max(4096).nullable(),
        dirty: z.boolean(),
      })
      .nullable(),
    sourceDateEpoch: z.number().int().min(0).max(0xffff_ffff).nullable(),
    platform: z.string().max(60).nullable(),
    labels: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/), z.string().max(4096)),
    noCache: z.boolean(),
    // Become names of files.
    secrets: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/), base64),
    // Becomes a part of an address.
    sourceId: z.string().regex(/^[A-Za-z0-9-]{1,100}$/),
    registryToken: token,
  }),
  z.strictObject({
    kind: z.literal('base'),
    release: z.string().max(100),
    include: list(z.string().max(200), 1_000),
    name: z.string().max(200).nullable(),
    registryToken: token,
  }),
  z.strictObject({
    kind: z.literal('kernel-patch'),
    change: z.enum(['apply', 'rollback']),
    // Becomes the name of a file.
    name: z.string().regex(/^[A-Za-z0-9_]{1,55}$/),
    digest: digest.nullable(),
    signatures: packedSignatures.nullable(),
  }),
  shieldTask,
  z.strictObject({
    kind: z.literal('kernel-modules'),
    change: z.enum(['trial', 'enforce', 'undo', 'status']),
    // Becomes lines of a file.
    allow: list(z.string().regex(/^[A-Za-z0-9_]{1,64}$/), 20_000),
  }),
  profileTask,
  z.strictObject({ kind: z.literal('host-reboot'), bootId: z.string().max(64) }),
  z.strictObject({ kind: z.literal('bench') }),
  z.strictObject({
    kind: z.literal('bench-fix'),
    change: z.enum(['fix', 'undo']),
    checks: list(z.string().min(1).max(200)),
  }),
  volumeTask,
  z.strictObject({
    kind: z.literal('foreign-stop'),
    id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/),
    started: count,
  }),
  z.strictObject({ kind: z.literal('kill'), containerId, pid: pid.nullable() }),
  z.strictObject({ kind: z.literal('stop'), containerId, graceSeconds: z.number().int().min(0).max(3_600) }),
  z.strictObject({
    kind: z.literal('contain'),
    action: z.enum(['pause', 'unpause', 'isolate', 'unisolate']),
    containerId,
  }),
  z.strictObject({
    kind: z.literal('evidence'),
    session,
    id,
    containerId,
    incident: count.nullable(),
    requestedBy: z.string().max(300),
    reason: z.string().max(2_000).nullable(),
    keepPaused: z.boolean(),
    copyFiles: z.boolean(),
    packetSeconds: z.number().int().min(0).max(EVIDENCE_PACKET_SECONDS_MAX),
  }),
  z.strictObject({
    kind: z.literal('drill'),
    step: z.enum(['perform', 'end']),
    id,
    rules: list(z.string().max(200), 500),
  }),
  z.strictObject({
    kind: z.literal('kept-rules'),
    draft: z
      .strictObject({ file: z.string().max(200), text: z.string().max(RULE_TEXT_MAX), scope: ruleScope })
      .nullable(),
    rules: list(z.string().max(200), 500),
    ...{ sinceMs: z.number().min(0), untilMs: z.number().min(0) },
    projects: list(label(40)).nullable(),
    environment: label(20).nullable(),
    workload: label(63).nullable(),
  }),
  z.strictObject({
    kind: z.literal('activity'),
    session,
    projects: list(label(40)).nullable(),
    environment: label(20).nullable(),
    workload: label(63).nullable(),
    filter: z.string().max(4_096),
    arguments: z.boolean(),
    form: z.enum(['lines', 'records']),
    most: z.number().int().min(1).max(1_000_000).nullable().default(null),
  }),
  z.strictObject({
    kind: z.literal('exec'),
    session,
    containerId,
    command: list(text, 4_096).min(1),
    tty: z.boolean(),
    size: size.nullable(),
    env: z.record(z.string().regex(/^[-._a-zA-Z][-._a-zA-Z0-9]{0,252}$/), plain(TEXT_MAX)),
    user: z
      .string()
      .regex(/^[a-z0-9_][-a-z0-9_.]{0,31}(?::[a-z0-9_][-a-z0-9_.]{0,31})?$/i)
      .nullable(),
    // The descriptors of the run-time that joins the container are below /proc, where /dev/fd leads (CVE-2024-21626).
    workingDir: containerPath
      .regex(/^(?!\/+(?:\.\/+)*(?:proc|dev\/+(?:\.\/+)*fd)(?:\/|$))(?!(?:.*\/)?\.\.(?:\/|$))/)
      .nullable(),
  }),
  z.strictObject({
    kind: z.literal('logs'),
    session,
    containerId,
    follow: z.boolean(),
    tail: count.nullable(),
    since: time.nullable(),
    until: time.nullable(),
  }),
  z.strictObject({ kind: z.literal('attach'), session, containerId, size: size.nullable() }),
  z.strictObject({
    kind: z.literal('debug'),
    session,
    containerId,
    workload: json,
    verdicts: list(signedRecord, 16),
    signatures: z.record(z.string().max(512), packedSignatures),
    size: size.nullable(),
  }),
  z.strictObject({ kind: z.literal('stats'), containerIds: list(containerId, 1_000) }),
  z.strictObject({
    kind: z.literal('edge-log'),
    project: label(40).nullable(),
    environment: label(20).nullable(),
    service: label(63).nullable(),
    refused: z.boolean(),
    after: z.string().max(64).nullable(),
    tail: z.number().int().min(0).max(2_000),
  }),
  z.strictObject({ kind: z.literal('builder-key') }),
  z.strictObject({ kind: z.literal('top'), containerId }),
  z.strictObject({ kind: z.literal('diff'), containerId }),
  z.strictObject({ kind: z.literal('copy-out'), session, containerId, path: containerPath }),
  z.strictObject({ kind: z.literal('copy-in'), session, containerId, path: containerPath }),
  z.strictObject({ kind: z.literal('forward'), session, containerId, ports: list(port, 16).min(1) }),
]);

const issued = { certificatePem: text, privateKeyPem: text };
const networkText = z.string().max(64);

const toAgent = z.discriminatedUnion('type', [
  volumeKeys,
  formatAnswer,
  z.strictObject({ type: z.literal('welcome'), host: z.string().max(253), registryToken: token }),
  z.strictObject({
    type: z.literal('wanted'),
    record: signedRecord,
    verdicts: list(signedRecord),
    signatures: z.record(z.string().max(512), z.unknown()),
    trust: signedRecord,
    successions: list(signedRecord, 1_000),
  }),
  z.strictObject({
    type: z.literal('edge-settings'),
    certificate: z.strictObject(issued),
    // Becomes the name of a file.
    own: list(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9-]{1,64}$/),
        ...issued,
        names: list(z.string().max(253), 100).optional(),
      }),
      1_000,
    ),
    proxies: list(networkText, 64),
    // A message that an earlier program kept has none.
    probe: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .nullable()
      .default(null),
    // A message that an earlier program kept has none.
    denials: list(
      z.strictObject({
        project: label(40),
        environment: label(20).nullable(),
        service: label(63).nullable(),
        networks: list(networkText, 64),
        paths: list(z.string().max(256), 64),
      }),
    ).default([]),
  }),
  z.strictObject({
    type: z.literal('rules'),
    revision: z.string().regex(/^[0-9a-f]{16}$/),
    files: list(
      z.strictObject({
        file: z.string().max(100),
        text: z.string().max(RULE_TEXT_MAX),
        scope: ruleScope,
      }),
      200,
    ),
    tunings: list(
      z.strictObject({
        id,
        rule: z.string().max(200),
        project: label(63).nullable(),
        environment: label(63).nullable(),
        workload: label(63).nullable(),
        condition: z.string().max(4_096).nullable(),
        until: time.nullable(),
      }),
      2_000,
    ),
  }),
  z.strictObject({
    type: z.literal('prevention'),
    revision: z.string().max(16),
    policies: list(preventPolicy, POLICIES_MAX),
    // What an agent of before kept on its disk has none.
    packages: list(packagesOrder, PACKAGE_ORDERS_MAX).default([]),
  }),
  z.strictObject({ type: z.literal('registry-token'), token }),
  z.strictObject({ type: z.literal('task'), id, task }),
  z.strictObject({ type: z.literal('cancel'), id }),
  z.strictObject({ type: z.literal('alert-stored'), id }),
  z.strictObject({ type: z.literal('alert-refused'), id }),
  z.strictObject({ type: z.literal('ping') }),
]);

const amounts = z.strictObject({ cpuMillis: count.nullable(), memoryBytes: count.nullable() });
const scalingStatus = z.strictObject({
  name: label(63),
  least: count,
  most: count,
  replicas: count,
  metrics: list(
    z.strictObject({
      resource: z.enum(['cpu', 'memory']),
      container: label(63).nullable(),
      unit: z.enum(['percent', 'millicores', 'bytes']),
      current: count.nullable(),
      target: count,
    }),
    64,
  ),
  conditions: list(
    z.strictObject({
      type: z.enum(['AbleToScale', 'ScalingActive', 'ScalingLimited']),
      status: z.boolean(),
      reason: z.string().regex(/^[A-Za-z]{1,60}$/),
      text: words,
    }),
    3,
  ),
  lastScale: z.strictObject({ at: time, from: count, to: count }).nullable(),
});
const resizingStatus = z.strictObject({
  name: label(63),
  mode: z.enum(['off', 'initial', 'recreate', 'in-place', 'in-place-or-recreate']),
  containers: list(
    z.strictObject({
      name: label(63),
      target: amounts,
      lower: amounts,
      upper: amounts,
      uncapped: amounts,
      given: amounts,
      samples: count,
    }),
    200,
  ),
  waits: words.nullable(),
  lastChange: z.strictObject({ at: time, container: label(63), to: amounts }).nullable(),
});

const workloadStatus = z.strictObject({
  key: z.strictObject({ project: label(40), environment: label(20), name: label(63) }),
  specHash: digest,
  generation: count,
  phase: z.enum([
    'progressing',
    'available',
    'degraded',
    'refused',
    'rolled-back',
    'stopped',
    'running',
    'completed',
    'failed',
    'scheduled',
    'suspended',
    'canary',
  ]),
  wanted: count,
  ready: count,
  updated: count,
  conditions: list(
    z.strictObject({
      type: z.enum([
        'refused',
        'start-failed',
        'crash-loop',
        'deadline-exceeded',
        'rolled-back',
        'job-failed',
        'not-enforced',
        'engine-away',
        'cordoned',
        'eviction-waits',
        'paused',
      ]),
      since: time,
      text: words,
    }),
    20,
  ),
  replicas: list(
    z.strictObject({
      name: z.string().max(300),
      podId: z.string().max(64),
      specHash: z.string().max(71),
      phase: z.enum(['starting', 'running', 'waiting', 'paused', 'stopping', 'broken', 'succeeded', 'failed']),
      ready: z.boolean(),
      restarts: count,
      startedAt: time.nullable(),
      lastExit: z.strictObject({ code: z.number().int(), at: time }).nullable(),
      leaving: words.optional(),
      containers: list(
        z.strictObject({
          name: z.string().max(300),
          id: z.string().max(64),
          image: z.string().max(1_000),
          digest: digest.nullable(),
          state: z.enum(['created', 'running', 'paused', 'exited', 'unknown']),
          pid: pid.nullable(),
          attempt: count,
          probes: list(
            z.strictObject({
              kind: z.enum(['startup', 'readiness', 'liveness']),
              state: z.enum(['waiting', 'passing', 'failing']),
              why: z.string().max(300).nullable(),
            }),
            3,
          ).exactOptional(),
        }),
        200,
      ),
    }),
  ),
  horizontal: scalingStatus.exactOptional(),
  vertical: resizingStatus.exactOptional(),
  job: z.strictObject({ active: count, succeeded: count, failed: count, next: time.nullable() }).exactOptional(),
});

const step = z.number().int().min(0).max(1_000_000);
const stepOperation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('step'), step, parent: step, title: words }),
  z.strictObject({
    op: z.literal('update'),
    step,
    update: z.strictObject({
      done: z.number().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
      total: z.number().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
      unit: z.enum(['bytes', 'layers', 'items']).optional(),
      detail: words.optional(),
    }),
  }),
  z.strictObject({ op: z.literal('note'), step, text: words }),
  z.strictObject({ op: z.literal('done'), step, detail: words.nullable() }),
  z.strictObject({ op: z.literal('fail'), step, detail: words }),
]);

const faultText = z.strictObject({ what: text, why: text.optional(), remedy: text.optional() });
const part = z.strictObject({ state: z.enum(['ok', 'down']), detail: words.nullable() });

const toControl = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('host'),
    facts: z.strictObject({
      name: z.string().max(253),
      mode: z.enum(['root', 'rootless']),
      kernel: z.strictObject({ release: z.string().max(200), version: z.string().max(500) }),
      engine: z.strictObject({
        name: z.string().max(100),
        version: z.string().max(100),
        runtime: z.string().max(100),
        rootless: z.boolean(),
        runtimes: list(z.strictObject({ name: z.string().max(100), missing: words.nullable() }), 50),
        lacks: z.record(z.string().max(100), words),
      }),
      cgroup: z.enum(['v1', 'v2', 'hybrid']),
      adaptations: list(z.strictObject({ code: z.string().max(100), text: words }), 100),
      builderKey: z.string().max(10_000),
    }),
  }),
  z.strictObject({
    type: z.literal('sensor'),
    sensor: z.strictObject({
      state: z.enum(['ok', 'absent', 'down']),
      detail: words.nullable(),
      coverage: z.strictObject({
        programs: list(z.string().max(200), 1_000),
        missing: list(z.strictObject({ what: text, why: words }), 1_000),
      }),
      lost: z.record(z.string().max(100), count),
      events: count,
      since: time,
      rules: z.strictObject({ revision: z.string().max(16), accepted: z.boolean() }).nullable(),
      tuned: z.record(id, count),
    }),
  }),
  z.strictObject({ type: z.literal('guards'), prevention: hostPrevention }),
  z.strictObject({ type: z.literal('strangers'), strangers: strangersShape }),
  z.strictObject({ type: z.literal('machine'), facts: json }),
  z.strictObject({ type: z.literal('modules'), sight: json }),
  part.extend({ type: z.literal('engine') }),
  part.extend({ type: z.literal('edge'), state: z.enum(['ok', 'degraded', 'down']) }),
  z.strictObject({ type: z.literal('names'), isAway: z.boolean() }),
  z.strictObject({
    type: z.literal('edge-refused'),
    items: list(
      z.strictObject({
        project: label(40),
        environment: label(20),
        service: label(63),
        reason: z.enum(REFUSALS),
        requests: count,
        clients: list(z.union([z.ipv4(), z.ipv6()]), 10),
        paths: list(z.string().max(1_024), 10),
      }),
      1_000,
    ),
  }),
  z.strictObject({
    type: z.literal('flows'),
    flows: list(
      z.strictObject({
        project: label(40),
        environment: label(20),
        workload: label(63),
        direction: z.enum(['in', 'out']),
        refused: z.boolean(),
        unanswered: z.literal(true).optional(),
        peer: z.discriminatedUnion('kind', [
          z.strictObject({
            kind: z.literal('workload'),
            project: label(40),
            environment: label(20),
            name: label(63),
          }),
          z.strictObject({ kind: z.literal('address'), address: z.union([z.ipv4(), z.ipv6()]) }),
        ]),
        protocol: z.string().regex(/^[a-z0-9-]{1,20}$/),
        port: z.number().int().min(0).max(65_535),
        connections: count,
      }),
    ),
  }),
  z.strictObject({ type: z.literal('status'), revision: count, workloads: list(workloadStatus), whole: z.boolean() }),
  z.strictObject({
    type: z.literal('fact'),
    // A host speaks of itself: what it built, signed or judged is said by control, which checks it.
    kind: z.enum(['sensor.blind', 'trust.policy-refused', 'container.let-go']),
    subject: z.string().max(253),
    project: z.null(),
    digest: z.null(),
    body: json,
  }),
  z.strictObject({ type: z.literal('task-step'), id, step: stepOperation }),
  z.strictObject({ type: z.literal('task-done'), id, value: json }),
  z.strictObject({
    type: z.literal('task-failed'),
    id,
    fault: z.strictObject({
      code: z.string().regex(/^[a-z0-9.-]{1,100}$/),
      kind: z.enum([
        'invalid',
        'unauthenticated',
        'forbidden',
        'not-found',
        'conflict',
        'refused',
        'needs',
        'too-large',
        'exhausted',
        'unavailable',
        'internal',
      ]),
      params: z.record(z.string().max(200), z.union([text, z.number()])),
      details: json,
      en: faultText,
      es: faultText,
    }),
  }),
  z.strictObject({ type: z.literal('wanted-refused'), why: words }),
  formatAsk,
  z.strictObject({ type: z.literal('pong') }),
]);

/** A message that is none of the protocol's. `type` and `id` are what it claims, for an answer; each may be missing. */
export class UnreadableMessage extends Error {
  readonly type: string | null;
  readonly id: string | null;

  constructor(value: unknown, error: z.ZodError) {
    const [issue] = error.issues;
    super(issue === undefined ? 'it has another shape' : `${issue.path.join('.')}: ${issue.message}`.slice(0, 500));
    const claimed = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    const { type, id } = claimed;
    this.type = typeof type === 'string' ? type.slice(0, 100) : null;
    this.id = typeof id === 'string' ? id.slice(0, 100) : null;
  }
}

/** A new size of the terminal at the other end of a session. @throws UnreadableMessage */
export function readTerminalSize(value: unknown): z.infer<typeof size> {
  const parsed = size.safeParse(value);
  if (!parsed.success) throw new UnreadableMessage(value, parsed.error);
  return parsed.data;
}

/** What the agent takes from control. @throws UnreadableMessage */
export function readToAgent(value: unknown): ToAgent {
  const parsed = toAgent.safeParse(value);
  if (!parsed.success) throw new UnreadableMessage(value, parsed.error);
  return parsed.data as ToAgent;
}

/** What control takes from an agent. An alert is in a hurry, and read by the room that stores it. @throws UnreadableMessage */
export function readToControl(value: unknown): ToControl {
  if (isAlert(value)) return value;
  const parsed = toControl.safeParse(value);
  if (!parsed.success) throw new UnreadableMessage(value, parsed.error);
  return parsed.data as ToControl;
}

function isAlert(value: unknown): value is Extract<ToControl, { type: 'alert' }> {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'alert' && 'alert' in value;
}

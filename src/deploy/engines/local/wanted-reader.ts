import { z } from 'zod';
import { EDGE_HOST, EDGE_PATH, faultOfOptions, isAddressBlock, isNetwork } from '../../../network/index.ts';
import { claimPlace } from '../../../volumes/index.ts';
import { type Composition, wantedState as joinReleases } from '../../composition.ts';
import { isTimeZone, parseCron } from '../../cron.ts';
import { hashPodSpec, RUNTIME_CLASSES, type WantedState } from '../../model.ts';
import { isUlimit, ULIMIT_NAMES } from '../../ulimits.ts';
import { engineFault } from './errors.ts';
import {
  WANTED_COMMAND_WORDS_MAX,
  WANTED_CONTAINERS_MAX,
  WANTED_CONTENTS_MAX,
  WANTED_ENTRIES_MAX,
  WANTED_ITEMS_MAX,
  WANTED_REPLICAS_MAX,
  WANTED_SECONDS_MAX,
  WANTED_TEXT_MAX,
} from './limits.ts';

/** RFC 1123: what every name that becomes a part of a path, a label, a host name or a line of configuration is made of. */
const label = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'is no lower-case name');
const project = label(40);
const environment = label(20);
const name = label(63);
/** Of what is only named in messages: ConfigMaps and Secrets. */
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/, 'is no name of an object');
/** A claim of a StatefulSet is named by its template, by the StatefulSet and by the ordinal. */
const claimName = label(63 + 1 + 63 + 1 + 7);
const hash = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'is no SHA-256');
/** Program arguments and values end at a zero byte (execve(2)). */
const text = z
  .string()
  .max(WANTED_TEXT_MAX)
  .regex(/^[^\0]*$/, 'holds a zero byte');
const line = z
  .string()
  .max(WANTED_TEXT_MAX)
  .regex(/^[^\0\r\n]*$/, 'is not one line');
const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/(?!(?:.*\/)?\.\.(?:\/|$))[^:\0\r\n]*$/, 'is no absolute path without .. and colons');
const innerPath = z
  .string()
  .max(4096)
  .regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\r\n]+$/, 'is no relative path without ..');
const image = z
  .string()
  .max(512)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}$/, 'is not pinned by digest');
const dataKey = z
  .string()
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/, 'is no key of a ConfigMap')
  .refine((key) => key !== '.' && key !== '..', 'is no file name');
const variable = z
  .string()
  .max(253)
  .regex(/^[-._a-zA-Z][-._a-zA-Z0-9]*$/, 'is no name of a variable');
const qualified = z
  .string()
  .max(317)
  .regex(/^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/, 'is no label name');
const labelValue = z
  .string()
  .max(63)
  .regex(/^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, 'is no label value');
const capability = z.string().regex(/^[A-Z][A-Z_]{1,40}$/, 'is no capability');
const headerName = z
  .string()
  .max(256)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no header name');

const whole = (least: number, most: number) => z.number().int().min(least).max(most);
const port = whole(1, 65_535);
const portName = label(63);
const portRef = z.union([port, portName]);
const seconds = whole(0, WANTED_SECONDS_MAX);
const bytes = whole(0, Number.MAX_SAFE_INTEGER);
const userId = whole(0, 4_294_967_294);
const protocol = z.enum(['TCP', 'UDP']);
const many = <T extends z.ZodType>(item: T, most = WANTED_ITEMS_MAX) => z.array(item).max(most);
const map = <T extends z.ZodType>(key: z.ZodType<string, string>, value: T) =>
  z.record(key, value).refine((entries) => Object.keys(entries).length <= WANTED_ENTRIES_MAX, 'has too many entries');

const probe = z.strictObject({
  action: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('exec'), command: many(text, WANTED_COMMAND_WORDS_MAX).min(1) }),
    z.strictObject({
      kind: z.literal('http'),
      port,
      path: line,
      scheme: z.enum(['HTTP', 'HTTPS']),
      headers: many(z.strictObject({ name: headerName, value: line }), 64),
    }),
    z.strictObject({ kind: z.literal('tcp'), port }),
    z.strictObject({ kind: z.literal('grpc'), port, service: line }),
  ]),
  terminationGraceSeconds: seconds.exactOptional(),
  initialDelaySeconds: seconds,
  periodSeconds: whole(1, WANTED_SECONDS_MAX),
  timeoutSeconds: whole(1, WANTED_SECONDS_MAX),
  successThreshold: whole(1, 10_000),
  failureThreshold: whole(1, 10_000),
});

const hook = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('exec'), command: many(text, WANTED_COMMAND_WORDS_MAX).min(1) }),
  z.strictObject({
    kind: z.literal('http'),
    port,
    path: line,
    scheme: z.enum(['HTTP', 'HTTPS']),
    headers: many(z.strictObject({ name: headerName, value: line }), 64),
  }),
  z.strictObject({ kind: z.literal('sleep'), seconds }),
]);

const fieldSource = z.strictObject({ kind: z.literal('field'), path: line.max(400) });
// Empty: an optional source that is not there.
const contentSource = z.strictObject({
  kind: z.literal('content'),
  content: z.union([hash, z.literal('')]),
  key: dataKey,
});
const resourceSource = z.strictObject({
  kind: z.literal('resource'),
  container: name,
  resource: z.enum(['limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']),
  divisor: z.number().positive(),
});
const profileName = z
  .string()
  .max(201)
  .regex(/^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'is no name of a profile');
const seLabel = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_.:,-]+$/, 'is no part of a label')
  .nullable();
const hostName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9_](?:[-a-z0-9_]*[a-z0-9])?(?:\.[a-z0-9_](?:[-a-z0-9_]*[a-z0-9])?)*$/, 'is no host name');
const address = z.union([z.ipv4(), z.ipv6()]);

const container = z.strictObject({
  name,
  image,
  command: many(text, WANTED_COMMAND_WORDS_MAX).nullable(),
  args: many(text, WANTED_COMMAND_WORDS_MAX).nullable(),
  workingDir: absolutePath.nullable(),
  env: many(
    z.strictObject({
      name: variable,
      source: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('value'), value: text }),
        contentSource,
        fieldSource,
        resourceSource,
      ]),
    }),
  ),
  ports: many(z.strictObject({ name: portName.nullable(), port, protocol }), 256),
  resources: z.strictObject({
    cpuLimitMillis: bytes.nullable(),
    cpuRequestMillis: bytes.nullable(),
    memoryLimitBytes: bytes.nullable(),
    memoryRequestBytes: bytes.nullable(),
  }),
  diskLimitBytes: bytes.exactOptional(),
  mounts: many(
    z.strictObject({
      volume: name,
      path: absolutePath,
      readOnly: z.boolean(),
      subPath: z.strictObject({ path: innerPath, expand: z.boolean() }).exactOptional(),
    }),
    256,
  ),
  startupProbe: probe.nullable(),
  readinessProbe: probe.nullable(),
  livenessProbe: probe.nullable(),
  security: z.strictObject({
    runAsUser: userId.nullable(),
    runAsGroup: userId.nullable(),
    runAsNonRoot: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    allowPrivilegeEscalation: z.boolean(),
    capabilitiesAdd: many(capability, 64),
    capabilitiesDrop: many(capability, 64),
    supplementalGroups: many(userId, 64).exactOptional(),
    seccompProfile: profileName.exactOptional(),
    appArmorProfile: profileName.exactOptional(),
    seLinux: z.strictObject({ user: seLabel, role: seLabel, type: seLabel, level: seLabel }).exactOptional(),
    calls: z
      .strictObject({
        names: many(z.string().regex(/^[a-z0-9_]{1,40}$/, 'is no system call'), 512),
        families: many(z.number().int().min(0).max(63), 64),
      })
      .exactOptional(),
  }),
  sidecar: z.literal(true).exactOptional(),
  postStart: hook.exactOptional(),
  preStop: hook.exactOptional(),
  stopSignal: z
    .string()
    .regex(/^SIG[A-Z0-9]{2,6}$/, 'is no signal')
    .exactOptional(),
  stdin: z.literal(true).exactOptional(),
  terminal: z.literal(true).exactOptional(),
  ulimits: z
    .partialRecord(
      z.enum(ULIMIT_NAMES),
      z
        .strictObject({ soft: whole(-1, Number.MAX_SAFE_INTEGER), hard: whole(-1, Number.MAX_SAFE_INTEGER) })
        .refine(isUlimit, 'is above its hard limit'),
    )
    .exactOptional(),
});

const volume = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('content'),
    name,
    content: hash,
    files: many(z.strictObject({ key: dataKey, path: innerPath, mode: whole(0, 0o777) })),
  }),
  z.strictObject({
    kind: z.literal('scratch'),
    name,
    memory: z.literal(true).exactOptional(),
    sizeBytes: bytes.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('projected'),
    name,
    files: many(
      z.strictObject({
        path: innerPath,
        mode: whole(0, 0o777),
        source: z.discriminatedUnion('kind', [contentSource, fieldSource, resourceSource]),
      }),
    ),
  }),
  z.strictObject({
    kind: z.literal('claim'),
    name,
    claim: name,
    readOnly: z.boolean(),
    perOrdinal: z.literal(true).exactOptional(),
  }),
]);

const pod = z.strictObject({
  labels: map(qualified, labelValue),
  annotations: map(qualified, text),
  initContainers: many(container, WANTED_CONTAINERS_MAX),
  containers: many(container, WANTED_CONTAINERS_MAX).min(1),
  volumes: many(volume, 256),
  terminationGraceSeconds: seconds,
  restartPolicy: z.enum(['OnFailure', 'Never']).exactOptional(),
  hostname: name.exactOptional(),
  subdomain: name.exactOptional(),
  hostAliases: many(z.strictObject({ address, names: many(hostName, 64) }), 256).exactOptional(),
  dns: z
    .strictObject({
      servers: many(address, 16),
      searches: many(hostName, 32),
      options: many(z.string().regex(/^[a-z][a-z0-9-]{0,40}(?::[a-z0-9.]{0,40})?$/, 'is no option'), 32),
    })
    .exactOptional(),
  shareProcesses: z.literal(true).exactOptional(),
  userNamespace: z.literal(true).exactOptional(),
  runtime: z.enum(RUNTIME_CLASSES).exactOptional(),
  sysctls: map(
    z.string().regex(/^(?:net\.ipv4\.[a-z_]{1,60}|kernel\.shm_rmid_forced)$/, 'is no sysctl of a pod'),
    z.string().regex(/^[0-9\t -]{1,200}$/, 'is no value of a sysctl'),
  ).exactOptional(),
  fsGroup: z.strictObject({ group: userId, onlyWhenRootDiffers: z.boolean() }).exactOptional(),
});

/** A spec is known by its hash everywhere, so the hash must be its own: verdicts are given for it. */
const spec = z
  .strictObject({ specHash: hash, pod })
  .refine((one) => hashPodSpec(one.pod) === one.specHash, 'its hash is another');
const allowance = z.union([
  whole(0, WANTED_REPLICAS_MAX),
  z.custom<`${number}%`>((value) => typeof value === 'string' && /^\d{1,3}%$/.test(value), 'is no percentage'),
]);

const jobSpec = {
  completions: whole(0, 1_000_000).nullable(),
  parallelism: whole(0, WANTED_REPLICAS_MAX),
  backoffLimit: whole(0, 2_147_483_647),
  activeDeadlineSeconds: seconds.nullable(),
  ttlSeconds: seconds.nullable(),
  indexed: z.boolean(),
  suspend: z.boolean(),
  failureRules: many(
    z.strictObject({
      action: z.enum(['FailJob', 'FailIndex', 'Ignore', 'Count']),
      operator: z.enum(['In', 'NotIn']),
      values: many(whole(0, 255), 255),
      container: name.nullable(),
    }),
    20,
  ),
  backoffLimitPerIndex: whole(0, 2_147_483_647).nullable(),
  maxFailedIndexes: whole(0, 1_000_000).nullable(),
  successRules: many(
    z.strictObject({ indexes: many(whole(0, 1_000_000), 100_000).nullable(), count: whole(1, 1_000_000).nullable() }),
    20,
  ),
};

const controller = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('daemon') }),
  z.strictObject({
    kind: z.literal('ordered'),
    start: whole(0, 1_000_000),
    parallel: z.boolean(),
    partition: whole(0, 1_000_000),
  }),
  z.strictObject({ kind: z.literal('job'), ...jobSpec }),
  z.strictObject({
    kind: z.literal('cron'),
    schedule: line.max(200).refine((text) => parseCron(text) !== null, 'is no schedule'),
    timeZone: line.max(100).refine(isTimeZone, 'is no time zone'),
    concurrency: z.enum(['Allow', 'Forbid', 'Replace']),
    startingDeadlineSeconds: seconds.nullable(),
    successfulHistory: whole(0, 1_000),
    failedHistory: whole(0, 1_000),
    suspend: z.boolean(),
    job: z.strictObject(jobSpec),
  }),
]);

const scaledResource = z.enum(['cpu', 'memory']);
const scalingRules = z.strictObject({
  stabilizationSeconds: whole(0, 3_600),
  select: z.enum(['Max', 'Min', 'Disabled']),
  policies: many(
    z.strictObject({ kind: z.enum(['Pods', 'Percent']), value: whole(1, 100_000), periodSeconds: whole(1, 1_800) }),
    64,
  ).min(1),
  tolerance: z.number().min(0).max(100),
});
const horizontal = z
  .strictObject({
    name: objectName,
    minReplicas: whole(1, WANTED_REPLICAS_MAX),
    maxReplicas: whole(1, WANTED_REPLICAS_MAX),
    metrics: many(
      z.strictObject({
        resource: scaledResource,
        container: name.nullable(),
        target: z.discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('utilization'), percent: whole(1, 10_000) }),
          z.strictObject({ kind: z.literal('average'), amount: whole(1, Number.MAX_SAFE_INTEGER) }),
        ]),
      }),
      64,
    ).min(1),
    scaleUp: scalingRules,
    scaleDown: scalingRules,
  })
  .refine((one) => one.minReplicas <= one.maxReplicas, 'its minimum is above its maximum');
const allowed = z.strictObject({ least: bytes.nullable(), most: bytes.nullable() }).nullable();
const vertical = z.strictObject({
  name: objectName,
  mode: z.enum(['off', 'initial', 'recreate', 'in-place', 'in-place-or-recreate']),
  minReplicas: whole(1, WANTED_REPLICAS_MAX),
  policies: many(
    z.strictObject({
      container: name.nullable(),
      scaled: z.boolean(),
      cpu: allowed,
      memory: allowed,
      limits: z.boolean(),
    }),
    256,
  ),
  requirements: many(z.strictObject({ resources: many(scaledResource, 2), higher: z.boolean() }), 64),
});

const workload = z
  .strictObject({
    key: z.strictObject({ project, environment, name }),
    specHash: hash,
    pod,
    generation: whole(0, Number.MAX_SAFE_INTEGER),
    replicas: whole(0, WANTED_REPLICAS_MAX),
    minReadySeconds: seconds,
    strategy: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('recreate') }),
      z.strictObject({ kind: z.literal('rolling'), maxSurge: allowance, maxUnavailable: allowance }),
      z.strictObject({ kind: z.literal('on-delete') }),
    ]),
    progressDeadlineSeconds: seconds,
    controller: controller.exactOptional(),
    horizontal: horizontal.exactOptional(),
    vertical: vertical.exactOptional(),
    joined: z.literal(true).exactOptional(),
    paused: z.literal(true).exactOptional(),
    canary: z.strictObject({ percent: whole(1, 99) }).exactOptional(),
    previous: spec.nullable(),
  })
  .refine((one) => hashPodSpec(one.pod) === one.specHash, 'its hash is another');

const selector = z.strictObject({
  matchLabels: map(qualified, labelValue),
  matchExpressions: many(
    z.strictObject({
      key: qualified,
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
      values: many(labelValue, 256),
    }),
    256,
  ),
});
const block = z.string().max(64).refine(isAddressBlock, 'is no block of addresses');
const peer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('pods'), pods: selector.nullable(), namespaces: selector.nullable() }),
  z.strictObject({ kind: z.literal('block'), cidr: block, except: many(block, 256) }),
  z.strictObject({
    kind: z.literal('name'),
    pattern: z
      .string()
      .max(253)
      .regex(
        /^(?:\*\.)?[a-z0-9_](?:[-a-z0-9_]*[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]*[a-z0-9_])?)*$/,
        'is no DNS name',
      ),
  }),
]);
const trafficRules = many(
  z.strictObject({
    peers: many(peer, 256),
    ports: many(
      z.strictObject({
        protocol: z.enum(['TCP', 'UDP', 'SCTP']),
        port: portRef.nullable(),
        endPort: port.nullable(),
      }),
      256,
    ),
  }),
  256,
).nullable();

const network = z.string().max(64).refine(isNetwork, 'is no address and no block of addresses');
const words = many(z.string(), 256);
/** Each value becomes a line of the edge's configuration: judged by the same function as there. */
const routeOptions = z
  .strictObject({
    h2c: z.literal(true).exactOptional(),
    sticky: z.enum(['cookie', 'address']).exactOptional(),
    rate: z.strictObject({ requests: z.number(), seconds: z.number() }).exactOptional(),
    bodyBytesMax: z.number().exactOptional(),
    answerSeconds: z.number().exactOptional(),
    quietSeconds: z.number().exactOptional(),
    denyPaths: words.exactOptional(),
    denyMethods: words.exactOptional(),
    allowMethods: words.exactOptional(),
    denyAgents: words.exactOptional(),
    denyNetworks: words.exactOptional(),
    allowNetworks: words.exactOptional(),
  })
  .refine((options) => faultOfOptions(options) === null, 'has a value that the edge does not take');

const wantedState = z.strictObject({
  revision: whole(0, Number.MAX_SAFE_INTEGER),
  workloads: many(workload).refine(areDistinct, 'two workloads have the same name'),
  services: many(
    z.strictObject({
      project,
      environment,
      name,
      selector: map(qualified, labelValue),
      ports: many(z.strictObject({ name: portName.nullable(), port, targetPort: portRef, protocol }), 256),
      publishNotReady: z.literal(true).exactOptional(),
      sixToo: z.literal(true).exactOptional(),
    }),
  ),
  routes: many(
    z.strictObject({
      project,
      environment,
      ingress: objectName,
      host: z.string().regex(EDGE_HOST, 'is no host name').nullable(),
      path: z.string().regex(EDGE_PATH, 'is no path of an address'),
      pathType: z.enum(['Prefix', 'Exact']),
      service: name,
      servicePort: portRef,
      options: routeOptions.exactOptional(),
    }),
  ),
  listeners: many(
    z.strictObject({
      project,
      environment,
      service: name,
      servicePort: port,
      port,
      sources: many(network, 256),
      sticky: z.boolean(),
      sendProxy: z.boolean(),
      tls: z.boolean(),
    }),
  ).exactOptional(),
  volumes: many(
    z.strictObject({
      project,
      environment,
      claim: claimName,
      accessModes: many(z.enum(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']), 4),
      requestedBytes: bytes,
      storageClass: name.exactOptional(),
      place: claimPlace.exactOptional(),
    }),
  ),
  policies: many(
    z.strictObject({ project, environment, name: objectName, selector, ingress: trafficRules, egress: trafficRules }),
  ).default([]),
  budgets: many(
    z.strictObject({
      project,
      environment,
      name: objectName,
      selector,
      keeps: z.strictObject({ kind: z.enum(['available', 'unavailable']), amount: allowance }),
      unhealthyAlways: z.boolean(),
    }),
  ).exactOptional(),
  maintenance: z.strictObject({ draining: z.boolean(), disregardBudgets: z.boolean() }).exactOptional(),
  contents: z
    .record(
      hash,
      z.strictObject({ kind: z.enum(['config', 'secret']), name: objectName, data: map(dataKey, z.base64()) }),
    )
    .refine((entries) => Object.keys(entries).length <= WANTED_CONTENTS_MAX, 'has too many entries'),
});

function areDistinct(workloads: readonly { key: { project: string; environment: string; name: string } }[]): boolean {
  const names = workloads.map(({ key }) => `${key.project}/${key.environment}/${key.name}`);
  return new Set(names).size === names.length;
}

/**
 * Reads what a host is asked to run, as whoever signed it may have been somebody else or wrong: names become paths,
 * labels and configuration here, with root's rights. Nothing unknown passes.
 * @throws Fault deploy.wanted-unreadable
 */
export function parseWantedState(value: unknown): WantedState {
  const parsed = wantedState.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const reason = issue === undefined ? 'it has another shape' : `${issue.path.join('.')}: ${issue.message}`;
  throw engineFault('deploy.wanted-unreadable', { reason: reason.slice(0, 500) }, { cause: parsed.error });
}

/** One workload by itself, as strictly. @throws Fault deploy.wanted-unreadable */
export function parseWantedWorkload(value: unknown): WantedState['workloads'][number] {
  const parsed = workload.safeParse(value);
  if (parsed.success) return parsed.data;
  const reason = parsed.error.issues[0]?.message ?? 'it has another shape';
  throw engineFault('deploy.wanted-unreadable', { reason: reason.slice(0, 500) }, { cause: parsed.error });
}

/**
 * Asks before a release is written whether hosts will follow it: a host refuses a wanted state as a whole, so that one
 * release with a value that no host takes would stop the changes of every other.
 * @throws Fault deploy.wanted-unreadable
 */
export function checkComposition(composition: Composition): void {
  parseWantedState(joinReleases(0, [{ number: 0, composition, stable: null }]));
}

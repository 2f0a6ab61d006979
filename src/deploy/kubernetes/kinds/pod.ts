import {
  allRefused,
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  list,
  object,
  refused,
  required,
  type Shape,
  TEXT,
  withRest,
} from '../schema.ts';
import {
  ABSOLUTE_PATH,
  DATA_KEY,
  DATA_KEY_MEANING,
  ENV_NAME,
  HOST,
  INNER_PATH,
  LABEL_NAME,
  LATER,
  NO_API,
  ONE_HOST,
  ONE_WAY,
  OTHER_SYSTEM,
  PORT_NAME,
  PORT_NUMBER,
} from './common.ts';

const PROBE_TIMINGS: Record<string, Field> = {
  initialDelaySeconds: enforced(integer(0, 86_400)),
  periodSeconds: enforced(integer(1, 86_400)),
  timeoutSeconds: enforced(integer(1, 3_600)),
  successThreshold: enforced(integer(1, 1_000)),
  failureThreshold: enforced(integer(1, 10_000)),
  terminationGracePeriodSeconds: refused(LATER),
};

const PROBE: Shape = object(
  {
    exec: enforced(object({ command: required(list(TEXT, { least: 1 })) })),
    httpGet: enforced(
      object({
        path: enforced(TEXT),
        port: required({ kind: 'port' }),
        scheme: enforced(choice(['HTTP', 'HTTPS'])),
        httpHeaders: enforced(list(object({ name: required(TEXT), value: required(TEXT) }))),
        host: refused({ en: 'a probe asks its own pod', es: 'una sonda pregunta a su propio pod' }),
      }),
    ),
    tcpSocket: enforced(
      object({
        port: required({ kind: 'port' }),
        host: refused({ en: 'a probe asks its own pod', es: 'una sonda pregunta a su propio pod' }),
      }),
    ),
    grpc: refused(LATER),
    ...PROBE_TIMINGS,
  },
  ['exec', 'httpGet', 'tcpSocket'],
);

/** Kubernetes: only readiness may need more than one success. */
const STRICT_PROBE: Shape = {
  ...(PROBE as Extract<Shape, { kind: 'object' }>),
  fields: { ...(PROBE as Extract<Shape, { kind: 'object' }>).fields, successThreshold: enforced(integer(1, 1)) },
};

const SECCOMP: Field = enforced(
  object({
    type: required(
      choice(['RuntimeDefault'], {
        Unconfined: {
          en: 'every workload keeps the default filter',
          es: 'toda carga de trabajo conserva el filtro por defecto',
        },
        Localhost: LATER,
      }),
    ),
    localhostProfile: refused(LATER),
  }),
);

const USER_ID = integer(0, 4_294_967_294);

const CONTAINER_SECURITY: Shape = object({
  runAsUser: enforced(USER_ID),
  runAsGroup: enforced(USER_ID),
  runAsNonRoot: enforced(BOOLEAN),
  readOnlyRootFilesystem: enforced(BOOLEAN),
  allowPrivilegeEscalation: enforced(BOOLEAN),
  capabilities: enforced(
    object({
      add: enforced(
        list({
          kind: 'text',
          pattern: /^[A-Z][A-Z_]{1,40}$/,
          meaning: { en: 'a capability such as NET_BIND_SERVICE', es: 'una capacidad como NET_BIND_SERVICE' },
        }),
      ),
      drop: enforced(
        list({
          kind: 'text',
          pattern: /^[A-Z][A-Z_]{1,40}$/,
          meaning: { en: 'a capability such as ALL', es: 'una capacidad como ALL' },
        }),
      ),
    }),
  ),
  seccompProfile: SECCOMP,
  privileged: refused(HOST, false),
  procMount: refused(HOST, 'Default'),
  appArmorProfile: refused(LATER),
  seLinuxOptions: refused(LATER),
  windowsOptions: refused(OTHER_SYSTEM),
});

const POD_SECURITY: Shape = object({
  runAsUser: enforced(USER_ID),
  runAsGroup: enforced(USER_ID),
  runAsNonRoot: enforced(BOOLEAN),
  seccompProfile: SECCOMP,
  fsGroup: refused({
    en: 'a new volume belongs to the user of the first container that mounts it; leave it out',
    es: 'un volumen nuevo pertenece al usuario del primer contenedor que lo monta; omitirlo',
  }),
  ...allRefused(LATER, [
    'appArmorProfile',
    'fsGroupChangePolicy',
    'seLinuxChangePolicy',
    'seLinuxOptions',
    'supplementalGroups',
    'supplementalGroupsPolicy',
    'sysctls',
  ]),
  windowsOptions: refused(OTHER_SYSTEM),
});

const KEY_REFERENCE: Shape = object({
  name: required(LABEL_NAME),
  key: required({ kind: 'text', pattern: DATA_KEY, meaning: DATA_KEY_MEANING }),
  optional: enforced(BOOLEAN),
});

const NAME_REFERENCE: Shape = object({ name: required(LABEL_NAME), optional: enforced(BOOLEAN) });

const FIELD_PATH: Shape = {
  kind: 'text',
  pattern: /^(?:metadata\.name|metadata\.namespace|metadata\.(?:labels|annotations)\['[^']{1,317}'\])$/,
  meaning: {
    en: "metadata.name, metadata.namespace, metadata.labels['…'] or metadata.annotations['…']",
    es: "metadata.name, metadata.namespace, metadata.labels['…'] o metadata.annotations['…']",
  },
};

const ENV: Shape = list(
  object({
    name: required(ENV_NAME),
    value: enforced(TEXT),
    valueFrom: enforced(
      object(
        {
          configMapKeyRef: enforced(KEY_REFERENCE),
          secretKeyRef: emulated(KEY_REFERENCE, {
            en: 'set in the environment of the process: who may inspect the container can read it; a mounted file cannot be read so',
            es: 'se pone en el entorno del proceso: quien pueda inspeccionar el contenedor puede leerlo; un archivo montado no se lee así',
          }),
          fieldRef: enforced(object({ fieldPath: required(FIELD_PATH), apiVersion: refused(ONE_WAY, 'v1') })),
          resourceFieldRef: refused(LATER),
          fileKeyRef: refused(LATER),
        },
        ['configMapKeyRef', 'secretKeyRef', 'fieldRef'],
      ),
    ),
  }),
);

const ENV_FROM: Shape = list(
  object({ configMapRef: enforced(NAME_REFERENCE), secretRef: enforced(NAME_REFERENCE), prefix: enforced(TEXT) }, [
    'configMapRef',
    'secretRef',
  ]),
);

const OTHER_RESOURCE: Field = refused({
  en: 'hosts here offer processor time and memory; devices and huge pages are not handed out',
  es: 'los hosts de aquí ofrecen tiempo de procesador y memoria; no se entregan dispositivos ni páginas enormes',
});

const RESOURCES: Field = enforced(
  object({
    limits: enforced(
      withRest(OTHER_RESOURCE, {
        cpu: emulated(
          { kind: 'quantity', of: 'cpu' },
          {
            en: 'a quota of the cgroup; a host that cannot enforce it says so on the workload',
            es: 'una cuota del cgroup; un host que no puede aplicarla lo dice en la carga de trabajo',
          },
        ),
        memory: emulated(
          { kind: 'quantity', of: 'bytes' },
          {
            en: 'a limit of the cgroup; a host that cannot enforce it says so on the workload',
            es: 'un límite del cgroup; un host que no puede aplicarlo lo dice en la carga de trabajo',
          },
        ),
        'ephemeral-storage': refused(LATER),
      }),
    ),
    requests: enforced(
      withRest(OTHER_RESOURCE, {
        cpu: emulated(
          { kind: 'quantity', of: 'cpu' },
          { en: 'a share of the cgroup', es: 'una proporción del cgroup' },
        ),
        memory: emulated(
          { kind: 'quantity', of: 'bytes' },
          {
            en: 'a soft limit of the cgroup under pressure',
            es: 'un límite blando del cgroup bajo presión',
          },
        ),
        'ephemeral-storage': refused(LATER),
      }),
    ),
    claims: refused(LATER),
  }),
);

const CONTAINER_COMMON: Record<string, Field> = {
  name: required(LABEL_NAME),
  image: required(TEXT),
  imagePullPolicy: emulated(
    choice(['Always', 'IfNotPresent'], {
      Never: { en: 'the digest decides what is pulled', es: 'el digest decide qué se descarga' },
    }),
    {
      en: 'the image is pinned by digest, so both values mean the same bytes',
      es: 'la imagen está fijada por digest, así que ambos valores significan los mismos bytes',
    },
  ),
  command: enforced(list(TEXT)),
  args: enforced(list(TEXT)),
  workingDir: enforced(ABSOLUTE_PATH),
  env: enforced(ENV),
  envFrom: enforced(ENV_FROM),
  resources: RESOURCES,
  securityContext: enforced(CONTAINER_SECURITY),
  volumeMounts: enforced(
    list(
      object({
        name: required(LABEL_NAME),
        mountPath: required(ABSOLUTE_PATH),
        readOnly: enforced(BOOLEAN),
        recursiveReadOnly: refused(LATER),
        mountPropagation: refused(HOST, 'None'),
        subPath: refused(LATER),
        subPathExpr: refused(LATER),
      }),
      { uniqueBy: 'mountPath' },
    ),
  ),
  volumeDevices: refused(HOST),
  stdin: refused(LATER, false),
  stdinOnce: refused(LATER, false),
  tty: refused(LATER, false),
  lifecycle: refused(LATER),
  resizePolicy: refused(LATER),
  restartPolicyRules: refused(LATER),
  terminationMessagePath: refused(LATER),
  terminationMessagePolicy: refused(LATER, 'File'),
};

const CONTAINER: Shape = object({
  ...CONTAINER_COMMON,
  ports: enforced(
    list(
      object({
        containerPort: required(PORT_NUMBER),
        name: enforced(PORT_NAME),
        protocol: enforced(choice(['TCP', 'UDP'], { SCTP: LATER })),
        hostPort: refused({
          en: 'publish it with a Service and an Ingress',
          es: 'publicarlo con un Service y un Ingress',
        }),
        hostIP: refused({
          en: 'publish it with a Service and an Ingress',
          es: 'publicarlo con un Service y un Ingress',
        }),
      }),
    ),
  ),
  startupProbe: enforced(STRICT_PROBE),
  readinessProbe: enforced(PROBE),
  livenessProbe: enforced(STRICT_PROBE),
  restartPolicy: refused(LATER),
});

const INIT_CONTAINER: Shape = object({
  ...CONTAINER_COMMON,
  ports: refused({ en: 'nothing can reach an init container', es: 'nada puede alcanzar un contenedor de inicio' }),
  ...allRefused(
    {
      en: 'an init container is waited for, not probed',
      es: 'a un contenedor de inicio se le espera, no se le sondea',
    },
    ['startupProbe', 'readinessProbe', 'livenessProbe'],
  ),
  restartPolicy: refused({
    en: 'sidecar containers are not supported yet',
    es: 'los contenedores sidecar todavía no se admiten',
  }),
});

const KEY_ITEMS: Field = enforced(
  list(
    object({
      key: required({ kind: 'text', pattern: DATA_KEY, meaning: DATA_KEY_MEANING }),
      path: required(INNER_PATH),
      mode: enforced(integer(0, 0o777)),
    }),
  ),
);

const VOLUME_TYPES_REFUSED: readonly string[] = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'downwardAPI',
  'ephemeral',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'glusterfs',
  'image',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'projected',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];

const VOLUME: Shape = object(
  {
    name: required(LABEL_NAME),
    configMap: emulated(
      object({
        name: required(LABEL_NAME),
        defaultMode: enforced(integer(0, 0o777)),
        items: KEY_ITEMS,
        optional: enforced(BOOLEAN),
      }),
      {
        en: 'files mounted read-only; a changed ConfigMap is rolled out as a new version',
        es: 'archivos montados de solo lectura; un ConfigMap cambiado se despliega como versión nueva',
      },
    ),
    secret: emulated(
      object({
        secretName: required(LABEL_NAME),
        defaultMode: enforced(integer(0, 0o777)),
        items: KEY_ITEMS,
        optional: enforced(BOOLEAN),
      }),
      {
        en: 'files in memory, mounted read-only; a changed Secret is rolled out as a new version',
        es: 'archivos en memoria, montados de solo lectura; un Secret cambiado se despliega como versión nueva',
      },
    ),
    emptyDir: emulated(
      object({
        medium: refused(
          { en: 'memory volumes are not supported yet', es: 'los volúmenes en memoria todavía no se admiten' },
          '',
        ),
        sizeLimit: refused({ en: 'this host cannot enforce it', es: 'este host no puede aplicarlo' }),
      }),
      {
        en: 'a volume of the engine that ends with the pod; it belongs to the user of the first container that mounts it',
        es: 'un volumen del motor que termina con el pod; pertenece al usuario del primer contenedor que lo monta',
      },
    ),
    persistentVolumeClaim: enforced(object({ claimName: required(LABEL_NAME), readOnly: enforced(BOOLEAN) })),
    hostPath: refused(HOST),
    local: refused(HOST),
    ...allRefused(LATER, VOLUME_TYPES_REFUSED),
  },
  ['configMap', 'secret', 'emptyDir', 'persistentVolumeClaim'],
);

export const POD_SPEC: Shape = object({
  containers: required(list(CONTAINER, { uniqueBy: 'name', least: 1 })),
  initContainers: enforced(list(INIT_CONTAINER, { uniqueBy: 'name' })),
  volumes: enforced(list(VOLUME, { uniqueBy: 'name' })),
  terminationGracePeriodSeconds: enforced(integer(0, 3_600)),
  restartPolicy: enforced(choice(['Always'], { OnFailure: LATER, Never: LATER })),
  securityContext: enforced(POD_SECURITY),
  automountServiceAccountToken: refused(NO_API, false),
  serviceAccountName: refused(NO_API, 'default'),
  serviceAccount: refused(NO_API, 'default'),
  enableServiceLinks: refused(
    {
      en: 'services are found by name, not by variables',
      es: 'los servicios se encuentran por nombre, no por variables',
    },
    false,
  ),
  hostNetwork: refused(HOST, false),
  hostPID: refused(HOST, false),
  hostIPC: refused(HOST, false),
  dnsPolicy: refused(LATER, 'ClusterFirst'),
  shareProcessNamespace: refused(LATER, false),
  setHostnameAsFQDN: refused(LATER, false),
  schedulerName: refused(ONE_HOST, 'default-scheduler'),
  ...allRefused(ONE_HOST, [
    'affinity',
    'nodeName',
    'nodeSelector',
    'preemptionPolicy',
    'priority',
    'priorityClassName',
    'schedulingGates',
    'schedulingGroup',
    'tolerations',
    'topologySpreadConstraints',
    'workloadRef',
  ]),
  imagePullSecrets: refused({
    en: 'the platform pulls from its own registry with its own token',
    es: 'la plataforma descarga de su propio registro con su propio token',
  }),
  os: refused(OTHER_SYSTEM),
  ...allRefused(LATER, [
    'activeDeadlineSeconds',
    'dnsConfig',
    'ephemeralContainers',
    'hostAliases',
    'hostUsers',
    'hostname',
    'hostnameOverride',
    'overhead',
    'readinessGates',
    'resourceClaims',
    'resources',
    'runtimeClassName',
    'subdomain',
  ]),
});

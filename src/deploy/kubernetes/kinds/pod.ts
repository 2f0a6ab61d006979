import type { Json, Text } from '../../../system/index.ts';
import {
  allRefused,
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  integerOrNone,
  list,
  object,
  orRecord,
  refused,
  required,
  type Shape,
  TEXT,
  withRest,
} from '../schema.ts';
import {
  A_WISH,
  ABSOLUTE_PATH,
  ANY,
  DATA_KEY,
  DATA_KEY_MEANING,
  ENV_NAME,
  FOREIGN_STORAGE,
  HOST,
  HOST_NAME,
  INNER_PATH,
  IP_ADDRESS,
  LABEL_NAME,
  LOG_KEPT,
  NO_API,
  NO_PREEMPTION,
  OBJECT_NAME,
  ONE_DOMAIN,
  ONE_HOST,
  ONE_WAY,
  OTHER_SYSTEM,
  PORT_NAME,
  PORT_NUMBER,
  RECORD,
  WORKING_FOLDER,
} from './common.ts';

const PROBE_TIMINGS: Record<string, Field> = {
  initialDelaySeconds: enforced(integer(0, 86_400)),
  periodSeconds: enforced(integerOrNone(1, 86_400)),
  timeoutSeconds: enforced(integerOrNone(1, 3_600)),
  successThreshold: enforced(integerOrNone(1, 1_000)),
  failureThreshold: enforced(integerOrNone(1, 10_000)),
  terminationGracePeriodSeconds: enforced(integer(1, 3_600)),
};

/** RFC 9110, 5.1 and 5.5. */
const HEADER_NAME: Shape = {
  kind: 'text',
  pattern: /^[-!#$%&'*+.^_`|~0-9A-Za-z]{1,200}$/,
  meaning: { en: 'the name of a header', es: 'el nombre de una cabecera' },
};
const HEADER_VALUE: Shape = {
  kind: 'text',
  pattern: /^[\t\x20-\x7e\x80-\xff]{0,4096}$/,
  meaning: { en: 'the value of a header, in one line', es: 'el valor de una cabecera, en una línea' },
};

const PROBE: Shape = object(
  {
    exec: enforced(object({ command: required(list(TEXT, { least: 1 })) })),
    httpGet: enforced(
      object({
        path: enforced(TEXT),
        port: required({ kind: 'port' }),
        scheme: enforced(choice(['HTTP', 'HTTPS'])),
        httpHeaders: enforced(list(object({ name: required(HEADER_NAME), value: required(HEADER_VALUE) }))),
        host: refused({ en: 'a probe asks its own pod', es: 'una sonda pregunta a su propio pod' }),
      }),
    ),
    tcpSocket: enforced(
      object({
        port: required({ kind: 'port' }),
        host: refused({ en: 'a probe asks its own pod', es: 'una sonda pregunta a su propio pod' }),
      }),
    ),
    grpc: enforced(object({ port: required(PORT_NUMBER), service: enforced(TEXT) })),
    ...PROBE_TIMINGS,
  },
  ['exec', 'httpGet', 'tcpSocket', 'grpc'],
);

const HTTP_GET: Field = (PROBE as Extract<Shape, { kind: 'object' }>).fields['httpGet'] as Field;

const HOOK: Field = enforced(
  object(
    {
      exec: enforced(object({ command: required(list(TEXT, { least: 1 })) })),
      httpGet: HTTP_GET,
      sleep: enforced(object({ seconds: required(integer(0, 3_600)) })),
      tcpSocket: refused({
        en: 'Kubernetes itself ignores it and takes it for old files only',
        es: 'el propio Kubernetes lo ignora y solo lo admite por archivos antiguos',
      }),
    },
    ['exec', 'httpGet', 'sleep'],
  ),
);

const LIFECYCLE: Field = enforced(
  object({
    postStart: HOOK,
    preStop: HOOK,
    stopSignal: enforced({
      kind: 'text',
      pattern: /^SIG(?:HUP|INT|QUIT|USR1|USR2|TERM|WINCH|KILL|ALRM|CONT|PWR|ABRT)$/,
      meaning: { en: 'a signal such as SIGTERM or SIGQUIT', es: 'una señal como SIGTERM o SIGQUIT' },
    }),
  }),
);

/** Kubernetes: only readiness may need more than one success. */
const STRICT_PROBE: Shape = {
  ...(PROBE as Extract<Shape, { kind: 'object' }>),
  fields: { ...(PROBE as Extract<Shape, { kind: 'object' }>).fields, successThreshold: enforced(integerOrNone(1, 1)) },
};

/** Kubernetes: who is not ready is not ended, so there is nothing to give time for. */
const READINESS_PROBE: Shape = {
  ...(PROBE as Extract<Shape, { kind: 'object' }>),
  fields: {
    ...(PROBE as Extract<Shape, { kind: 'object' }>).fields,
    terminationGracePeriodSeconds: refused({
      en: 'a readiness probe ends nothing; Kubernetes refuses it as well',
      es: 'una sonda readiness no termina nada; Kubernetes también lo rechaza',
    }),
  },
};

const PROFILE_NAME: Shape = {
  kind: 'text',
  pattern: /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/,
  meaning: {
    en: 'a file name below the folder of profiles',
    es: 'un nombre de archivo dentro de la carpeta de perfiles',
  },
};

const APP_ARMOR: Field = emulated(
  object({
    type: required(
      choice(['RuntimeDefault', 'Localhost'], {
        Unconfined: {
          en: 'every workload keeps the default profile',
          es: 'toda carga de trabajo conserva el perfil por defecto',
        },
      }),
    ),
    localhostProfile: enforced({
      kind: 'text',
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/,
      meaning: { en: 'the name of a loaded profile', es: 'el nombre de un perfil cargado' },
    }),
  }),
  {
    en: 'RuntimeDefault is what the engine does by itself; a named profile on a host without AppArmor refuses the start',
    es: 'RuntimeDefault es lo que el motor hace por sí mismo; un perfil con nombre en un host sin AppArmor rechaza el arranque',
  },
);

const LABEL_PART: Shape = {
  kind: 'text',
  pattern: /^[A-Za-z0-9_.:,-]{1,200}$/,
  meaning: { en: 'a part of an SELinux label', es: 'una parte de una etiqueta SELinux' },
};
const SE_LINUX: Field = emulated(
  object({
    user: enforced(LABEL_PART),
    role: enforced(LABEL_PART),
    type: enforced(LABEL_PART),
    level: enforced(LABEL_PART),
  }),
  {
    en: 'set as the label of the process; a host without SELinux refuses the start',
    es: 'se pone como etiqueta del proceso; un host sin SELinux rechaza el arranque',
  },
);

const SECCOMP: Field = enforced(
  object({
    type: required(
      choice(['RuntimeDefault', 'Localhost'], {
        Unconfined: {
          en: 'every workload keeps the default filter',
          es: 'toda carga de trabajo conserva el filtro por defecto',
        },
      }),
    ),
    localhostProfile: emulated(PROFILE_NAME, {
      en: 'a file of the folder /etc/darsena/seccomp of the host; one that is not there refuses the start',
      es: 'un archivo de la carpeta /etc/darsena/seccomp del host; si no está, se rechaza el arranque',
    }),
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
          // As run-times take it; what is added is written as policies look for it.
          pattern: /^[A-Za-z][A-Za-z_]{1,40}$/,
          meaning: { en: 'a capability such as ALL', es: 'una capacidad como ALL' },
        }),
      ),
    }),
  ),
  seccompProfile: SECCOMP,
  privileged: refused(HOST, false),
  procMount: refused(HOST, 'Default'),
  appArmorProfile: APP_ARMOR,
  seLinuxOptions: SE_LINUX,
  windowsOptions: refused(OTHER_SYSTEM),
});

/** What Kubernetes calls safe: kept apart by the namespaces of the pod. */
export const SAFE_SYSCTLS: readonly string[] = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
];

const POD_SECURITY: Shape = object({
  runAsUser: enforced(USER_ID),
  runAsGroup: enforced(USER_ID),
  runAsNonRoot: enforced(BOOLEAN),
  seccompProfile: SECCOMP,
  fsGroup: emulated(USER_ID, {
    en: 'volumes are given to this group when the pod is made, and every process has it',
    es: 'los volúmenes se asignan a este grupo al crear el pod, y todo proceso lo tiene',
  }),
  fsGroupChangePolicy: enforced(choice(['Always', 'OnRootMismatch'])),
  supplementalGroups: enforced(list(USER_ID)),
  supplementalGroupsPolicy: refused(
    {
      en: 'the engine adds the groups that the image gives its user',
      es: 'el motor añade los grupos que la imagen da a su usuario',
    },
    'Merge',
  ),
  sysctls: enforced(
    list(
      object({
        name: required(choice(SAFE_SYSCTLS)),
        value: required({
          kind: 'text',
          pattern: /^[0-9\t -]{1,200}$/,
          meaning: { en: 'numbers', es: 'números' },
        }),
      }),
      { uniqueBy: 'name' },
    ),
  ),
  appArmorProfile: APP_ARMOR,
  seLinuxOptions: SE_LINUX,
  seLinuxChangePolicy: refused(
    { en: 'volumes are not labelled anew', es: 'los volúmenes no se reetiquetan' },
    'Recursive',
  ),
  windowsOptions: refused(OTHER_SYSTEM),
});

const KEY_REFERENCE: Shape = object({
  name: required(OBJECT_NAME),
  key: required({ kind: 'text', pattern: DATA_KEY, meaning: DATA_KEY_MEANING }),
  optional: enforced(BOOLEAN),
});

const NAME_REFERENCE: Shape = object({ name: required(OBJECT_NAME), optional: enforced(BOOLEAN) });

const FIELD_PATH: Extract<Shape, { kind: 'text' }> = {
  kind: 'text',
  pattern:
    /^(?:metadata\.(?:name|namespace|uid)|spec\.(?:nodeName|serviceAccountName)|status\.podIPs?|metadata\.(?:labels|annotations)\['[^']{1,317}'\])$/,
  meaning: {
    en: "metadata.name, metadata.namespace, metadata.uid, metadata.labels['…'], metadata.annotations['…'], spec.nodeName, spec.serviceAccountName or status.podIP; the host's own address is not told",
    es: "metadata.name, metadata.namespace, metadata.uid, metadata.labels['…'], metadata.annotations['…'], spec.nodeName, spec.serviceAccountName o status.podIP; la dirección del propio host no se dice",
  },
};

/** Files may also hold all labels or annotations. */
const FILE_FIELD_PATH: Shape = {
  kind: 'text',
  pattern:
    /^(?:metadata\.(?:name|namespace|uid|labels|annotations)|spec\.(?:nodeName|serviceAccountName)|status\.podIPs?|metadata\.(?:labels|annotations)\['[^']{1,317}'\])$/,
  meaning: FIELD_PATH.meaning ?? { en: 'a field', es: 'un campo' },
};

const DISK_NOT_TOLD: Text = {
  en: 'a host does not tell its containers how much disk they may fill; write the figure as a value',
  es: 'un host no dice a sus contenedores cuánto disco pueden llenar; escribir la cifra como valor',
};

const RESOURCE_REFERENCE: Shape = object({
  containerName: enforced(LABEL_NAME),
  resource: required(
    choice(['limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'], {
      'limits.ephemeral-storage': DISK_NOT_TOLD,
      'requests.ephemeral-storage': DISK_NOT_TOLD,
    }),
  ),
  divisor: enforced({ kind: 'quantity', of: 'bytes' }),
});

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
          resourceFieldRef: enforced(RESOURCE_REFERENCE),
          fileKeyRef: refused({
            en: 'variables come from the manifests, so that what runs is what was judged',
            es: 'las variables vienen de los manifiestos, para que funcione lo que se juzgó',
          }),
        },
        ['configMapKeyRef', 'secretKeyRef', 'fieldRef', 'resourceFieldRef'],
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
        'ephemeral-storage': emulated(
          { kind: 'quantity', of: 'bytes' },
          {
            en: 'measured every minute: a container by its layer and its logs, the pod by the limits of all with its emptyDirs; one that holds more is evicted, which counts as a failure of a Job, and another takes its place. What is in memory is not counted: ConfigMaps and Secrets too',
            es: 'se mide cada minuto: un contenedor por su capa y sus registros, el pod por los límites de todos con sus emptyDir; el que guarda más se expulsa, lo que cuenta como fallo de un Job, y otro ocupa su lugar. Lo que está en memoria no se cuenta: tampoco ConfigMap ni Secret',
          },
        ),
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
        'ephemeral-storage': emulated(
          { kind: 'quantity', of: 'bytes' },
          {
            en: 'compared with the limit; no disk is set aside, and pods are placed on no host for it',
            es: 'se compara con el límite; no se reserva disco, y ningún pod se coloca en un host por ello',
          },
        ),
      }),
    ),
    claims: refused({
      en: 'hosts here hand out no devices',
      es: 'los hosts de aquí no entregan dispositivos',
    }),
  }),
);

const SUB_PATH_HOW: Text = {
  en: 'walked without following links and mounted by itself (rootful hosts; of a ConfigMap or Secret everywhere)',
  es: 'se recorre sin seguir enlaces y se monta por separado (hosts con root; de un ConfigMap o Secret, en todos)',
};

const INJECTED_TOKEN: Text = {
  en: 'the token that a cluster puts into each of its pods; there is no Kubernetes API here, so it is left aside',
  es: 'el token que un clúster pone en cada uno de sus pods; aquí no hay API de Kubernetes, así que se deja de lado',
};
/** As the admission of service accounts names it. */
const TOKEN_VOLUME = /^kube-api-access-[a-z0-9]{5}$/;

/** The volume that a cluster adds by itself: a token, the certificate of its API, and the name of the namespace. */
export function isTokenVolume(value: Json): boolean {
  const { name, projected } = Object(value) as { name?: Json; projected?: Json };
  const { sources } = Object(projected) as { sources?: Json };
  return (
    typeof name === 'string' &&
    TOKEN_VOLUME.test(name) &&
    Array.isArray(sources) &&
    sources.some((source) => Object.hasOwn(Object(source) as object, 'serviceAccountToken'))
  );
}

/** Where a cluster mounts it. */
export function isTokenMount(value: Json): boolean {
  const { name, mountPath } = Object(value) as { name?: Json; mountPath?: Json };
  return (
    typeof name === 'string' && TOKEN_VOLUME.test(name) && mountPath === '/var/run/secrets/kubernetes.io/serviceaccount'
  );
}

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
  workingDir: enforced(WORKING_FOLDER),
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
        recursiveReadOnly: refused(
          { en: 'nothing is mounted below a volume here', es: 'aquí nada se monta dentro de un volumen' },
          'Disabled',
        ),
        mountPropagation: refused(HOST, 'None'),
        subPath: emulated(INNER_PATH, SUB_PATH_HOW),
        subPathExpr: emulated(INNER_PATH, SUB_PATH_HOW),
      }),
      { uniqueBy: 'mountPath', recorded: { how: INJECTED_TOKEN, is: isTokenMount } },
    ),
  ),
  volumeDevices: refused(HOST),
  stdin: enforced(BOOLEAN),
  stdinOnce: refused({ en: 'standard input stays open', es: 'la entrada estándar queda abierta' }, false),
  tty: enforced(BOOLEAN),
  resizePolicy: emulated(
    list(
      object({
        resourceName: required(choice(['cpu', 'memory'])),
        restartPolicy: required(
          choice(['NotRequired'], {
            RestartContainer: {
              en: 'limits are changed in the running cgroup, never by a restart',
              es: 'los límites se cambian en el cgroup en marcha, nunca con un reinicio',
            },
          }),
        ),
      }),
      { uniqueBy: 'resourceName' },
    ),
    {
      en: 'a VerticalPodAutoscaler changes the cgroup of the running container',
      es: 'un VerticalPodAutoscaler cambia el cgroup del contenedor en marcha',
    },
  ),
  restartPolicyRules: refused({
    en: 'the restart policy of the pod holds for every exit code',
    es: 'la política de reinicio del pod vale para todo código de salida',
  }),
  terminationMessagePath: refused(
    { en: 'a file of a container that ended is not read', es: 'no se lee un archivo de un contenedor terminado' },
    '/dev/termination-log',
  ),
  terminationMessagePolicy: emulated(choice(['File', 'FallbackToLogsOnError']), LOG_KEPT),
};

const CONTAINER: Shape = object({
  ...CONTAINER_COMMON,
  ports: enforced(
    list(
      object({
        containerPort: required(PORT_NUMBER),
        name: enforced(PORT_NAME),
        protocol: enforced(
          choice(['TCP', 'UDP'], {
            SCTP: {
              en: 'a service on a host finds its pods by TCP and UDP; SCTP associations have several addresses, and a pod has one',
              es: 'un servicio de un host encuentra sus pods por TCP y UDP; las asociaciones SCTP tienen varias direcciones, y un pod tiene una',
            },
          }),
        ),
        hostPort: refused(
          {
            en: 'publish it with a Service and an Ingress',
            es: 'publicarlo con un Service y un Ingress',
          },
          0,
        ),
        hostIP: refused({
          en: 'publish it with a Service and an Ingress',
          es: 'publicarlo con un Service y un Ingress',
        }),
      }),
    ),
  ),
  startupProbe: enforced(STRICT_PROBE),
  readinessProbe: enforced(READINESS_PROBE),
  livenessProbe: enforced(STRICT_PROBE),
  lifecycle: LIFECYCLE,
  restartPolicy: refused({
    en: 'containers of a pod share its restartPolicy',
    es: 'los contenedores de un pod comparten su restartPolicy',
  }),
});

/** With restartPolicy Always it is a sidecar, which may be probed and reached; else it is waited for. */
const INIT_CONTAINER: Shape = object({
  ...(CONTAINER as Extract<Shape, { kind: 'object' }>).fields,
  restartPolicy: enforced(
    choice(['Always'], {
      Never: { en: 'the restartPolicy of the pod decides', es: 'lo decide la restartPolicy del pod' },
      OnFailure: { en: 'the restartPolicy of the pod decides', es: 'lo decide la restartPolicy del pod' },
    }),
  ),
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

const FILE_MODE = integer(0, 0o777);

const DOWNWARD_ITEMS: Field = enforced(
  list(
    object(
      {
        path: required(INNER_PATH),
        mode: enforced(FILE_MODE),
        fieldRef: enforced(object({ fieldPath: required(FILE_FIELD_PATH), apiVersion: refused(ONE_WAY, 'v1') })),
        resourceFieldRef: enforced(RESOURCE_REFERENCE),
      },
      ['fieldRef', 'resourceFieldRef'],
    ),
  ),
);

const SOURCE: Shape = object(
  {
    configMap: enforced(object({ name: required(OBJECT_NAME), items: KEY_ITEMS, optional: enforced(BOOLEAN) })),
    secret: enforced(object({ name: required(OBJECT_NAME), items: KEY_ITEMS, optional: enforced(BOOLEAN) })),
    downwardAPI: enforced(object({ items: DOWNWARD_ITEMS })),
    serviceAccountToken: refused(NO_API),
    clusterTrustBundle: refused(NO_API),
    podCertificate: refused(NO_API),
  },
  ['configMap', 'secret', 'downwardAPI'],
);

const VOLUME_TYPES_REFUSED: readonly string[] = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'glusterfs',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
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
        name: required(OBJECT_NAME),
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
        secretName: required(OBJECT_NAME),
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
        medium: emulated(choice(['', 'Memory']), {
          en: 'in memory: a file system that the host makes for the pod (rootful hosts)',
          es: 'en memoria: un sistema de archivos que el host crea para el pod (hosts con root)',
        }),
        sizeLimit: emulated(
          { kind: 'quantity', of: 'bytes' },
          {
            en: 'in memory: the size of the file system; on disk: measured every minute, and a pod above it is made anew',
            es: 'en memoria: el tamaño del sistema de archivos; en disco: se mide cada minuto, y un pod que lo supera se crea de nuevo',
          },
        ),
      }),
      {
        en: 'a volume of the engine that ends with the pod; every container of the pod may write to it',
        es: 'un volumen del motor que termina con el pod; todo contenedor del pod puede escribir en él',
      },
    ),
    persistentVolumeClaim: enforced(object({ claimName: required(LABEL_NAME), readOnly: enforced(BOOLEAN) })),
    projected: emulated(object({ sources: required(list(SOURCE, { least: 1 })), defaultMode: enforced(FILE_MODE) }), {
      en: 'files in memory, mounted read-only; what changes in a source is rolled out as a new version',
      es: 'archivos en memoria, montados de solo lectura; lo que cambia en una fuente se despliega como versión nueva',
    }),
    downwardAPI: emulated(object({ items: DOWNWARD_ITEMS, defaultMode: enforced(FILE_MODE) }), {
      en: 'files in memory, mounted read-only, with what was true when the pod was made',
      es: 'archivos en memoria, montados de solo lectura, con lo que era cierto al crear el pod',
    }),
    ephemeral: refused({ en: 'an emptyDir is such a volume', es: 'un emptyDir es un volumen así' }),
    image: refused({
      en: 'an image is judged as what runs; put the files into the image of the container',
      es: 'una imagen se juzga como lo que se ejecuta; poner los archivos en la imagen del contenedor',
    }),
    hostPath: refused(HOST),
    ...allRefused(FOREIGN_STORAGE, VOLUME_TYPES_REFUSED),
  },
  ['configMap', 'secret', 'emptyDir', 'persistentVolumeClaim', 'projected', 'downwardAPI'],
  { orNone: true },
);

/** The second is what Kubernetes wrote until 1.14, and charts keep. */
const OS_LABELS: readonly string[] = ['kubernetes.io/os', 'beta.kubernetes.io/os'];
const EVERY_HOST: Text = {
  en: 'a node of Linux is what every host is',
  es: 'un nodo Linux es lo que es todo host',
};

/** Whether a required node affinity asks for no more than Linux: one of its terms does. */
function holdsEverywhere(value: Json): boolean {
  const { nodeSelectorTerms: terms } = Object(value) as { nodeSelectorTerms?: Json };
  if (!Array.isArray(terms)) return false;
  return terms.some((term) => {
    const { matchExpressions: asked, ...others } = Object(term) as { matchExpressions?: Json };
    return Array.isArray(asked) && asked.length > 0 && Object.keys(others).length === 0 && asked.every(asksForLinux);
  });
}

function asksForLinux(expression: Json): boolean {
  const { key, operator, values, ...others } = Object(expression) as Record<string, Json>;
  if (typeof key !== 'string' || !OS_LABELS.includes(key) || Object.keys(others).length > 0) return false;
  if (operator === 'Exists') return values === undefined;
  if (!Array.isArray(values) || values.length === 0) return false;
  return (operator === 'In' && values.includes('linux')) || (operator === 'NotIn' && !values.includes('linux'));
}

export const POD_SPEC: Shape = object({
  containers: required(list(CONTAINER, { uniqueBy: 'name', least: 1 })),
  initContainers: enforced(list(INIT_CONTAINER, { uniqueBy: 'name' })),
  volumes: enforced(list(VOLUME, { uniqueBy: 'name', recorded: { how: INJECTED_TOKEN, is: isTokenVolume } })),
  terminationGracePeriodSeconds: enforced(integer(0, 3_600)),
  restartPolicy: enforced(choice(['Always', 'OnFailure', 'Never'])),
  securityContext: enforced(POD_SECURITY),
  automountServiceAccountToken: refused(
    {
      en: 'there is no Kubernetes API here that a workload could speak to; for a workload that can do without, write false or leave it out',
      es: 'aquí no hay una API de Kubernetes con la que una carga de trabajo pueda hablar; para una que pueda prescindir de ella, escribir false u omitirlo',
    },
    false,
  ),
  serviceAccountName: emulated(OBJECT_NAME, {
    en: 'a name that policies may ask for; there is no Kubernetes API, so no token comes with it',
    es: 'un nombre por el que las políticas pueden preguntar; no hay API de Kubernetes, así que no trae ningún token',
  }),
  serviceAccount: emulated(OBJECT_NAME, {
    en: 'a name that policies may ask for; there is no Kubernetes API, so no token comes with it',
    es: 'un nombre por el que las políticas pueden preguntar; no hay API de Kubernetes, así que no trae ningún token',
  }),
  enableServiceLinks: orRecord(
    refused(
      {
        en: 'services are found by name, not by variables',
        es: 'los servicios se encuentran por nombre, no por variables',
      },
      false,
    ),
    {
      en: 'true is how it is in Kubernetes where nothing is said; services are found by name, not by variables',
      es: 'true es lo que vale en Kubernetes donde no se dice nada; los servicios se encuentran por nombre, no por variables',
    },
    { marked: false, of: 'nothing', is: (value) => value === true },
  ),
  hostNetwork: refused(HOST, false),
  hostPID: refused(HOST, false),
  hostIPC: refused(HOST, false),
  dnsPolicy: emulated(choice(['ClusterFirst', 'Default', 'None'], { ClusterFirstWithHostNet: HOST }), {
    en: 'names of services always come first; None takes the servers of dnsConfig for all other names',
    es: 'los nombres de servicios siempre van primero; None usa los servidores de dnsConfig para los demás nombres',
  }),
  dnsConfig: enforced(
    object({
      nameservers: enforced(list(IP_ADDRESS)),
      searches: enforced(list(HOST_NAME)),
      options: enforced(
        list(
          object({
            name: required({
              kind: 'text',
              pattern: /^[a-z][a-z0-9-]{0,40}$/,
              meaning: { en: 'an option of resolv.conf', es: 'una opción de resolv.conf' },
            }),
            value: enforced({
              kind: 'text',
              pattern: /^[a-z0-9.]{0,40}$/,
              meaning: { en: 'a value of resolv.conf', es: 'un valor de resolv.conf' },
            }),
          }),
        ),
      ),
    }),
  ),
  hostAliases: enforced(list(object({ ip: required(IP_ADDRESS), hostnames: enforced(list(HOST_NAME, { least: 1 })) }))),
  hostname: enforced(LABEL_NAME),
  subdomain: enforced(LABEL_NAME),
  hostnameOverride: refused({ en: 'say hostname', es: 'decir hostname' }),
  setHostnameAsFQDN: refused({ en: 'the host name is the short one', es: 'el nombre de host es el corto' }, false),
  shareProcessNamespace: enforced(BOOLEAN),
  hostUsers: emulated(BOOLEAN, {
    en: 'false: a user namespace of its own (rootful hosts with subordinate ids for "containers"); true is how it is anyway',
    es: 'false: un espacio de usuarios propio (hosts con root e identificadores subordinados para "containers"); true es lo habitual',
  }),
  schedulerName: refused(ONE_HOST, 'default-scheduler'),
  affinity: emulated(
    object({
      podAffinity: emulated(ANY, ONE_DOMAIN),
      podAntiAffinity: enforced(
        object({
          preferredDuringSchedulingIgnoredDuringExecution: emulated(ANY, A_WISH),
          requiredDuringSchedulingIgnoredDuringExecution: refused({
            en: 'one host cannot keep pods apart: wish for it with preferredDuringSchedulingIgnoredDuringExecution',
            es: 'un solo host no puede separar pods: pedirlo como deseo con preferredDuringSchedulingIgnoredDuringExecution',
          }),
        }),
      ),
      nodeAffinity: enforced(
        object({
          preferredDuringSchedulingIgnoredDuringExecution: emulated(ANY, A_WISH),
          requiredDuringSchedulingIgnoredDuringExecution: orRecord(refused(ONE_HOST), EVERY_HOST, {
            marked: false,
            of: 'nothing',
            is: holdsEverywhere,
          }),
        }),
      ),
    }),
    ONE_DOMAIN,
  ),
  nodeSelector: emulated(
    withRest(refused(ONE_HOST), Object.fromEntries(OS_LABELS.map((name) => [name, enforced(choice(['linux']))]))),
    ONE_DOMAIN,
  ),
  tolerations: emulated(ANY, { en: 'the host has no taints', es: 'el host no tiene taints' }),
  topologySpreadConstraints: emulated(
    list(
      object({
        maxSkew: required(integer(1, 1_000)),
        topologyKey: required(TEXT),
        whenUnsatisfiable: required(choice(['ScheduleAnyway', 'DoNotSchedule'])),
        labelSelector: emulated(ANY, ONE_DOMAIN),
        matchLabelKeys: emulated(ANY, ONE_DOMAIN),
        minDomains: refused(ONE_HOST, 1),
        nodeAffinityPolicy: emulated(ANY, ONE_DOMAIN),
        nodeTaintsPolicy: emulated(ANY, ONE_DOMAIN),
      }),
    ),
    {
      en: 'one host is one domain, over which pods are always spread evenly',
      es: 'un host es un solo dominio, en el que los pods siempre están repartidos',
    },
  ),
  priority: emulated(ANY, NO_PREEMPTION),
  priorityClassName: emulated(TEXT, NO_PREEMPTION),
  preemptionPolicy: emulated(choice(['PreemptLowerPriority', 'Never']), NO_PREEMPTION),
  nodeName: orRecord(refused(ONE_HOST), RECORD),
  overhead: orRecord(refused(ONE_HOST), RECORD),
  ...allRefused(ONE_HOST, ['schedulingGates', 'schedulingGroup', 'workloadRef']),
  imagePullSecrets: emulated(list(object({ name: required(OBJECT_NAME) })), {
    en: 'images come from the registry of the platform, which is asked with its own token; other registries are mirrored (darsena mirror)',
    es: 'las imágenes vienen del registro de la plataforma, al que se pregunta con su propio token; los demás registros se replican (darsena mirror)',
  }),
  os: enforced(object({ name: required(choice(['linux'], { windows: OTHER_SYSTEM })) })),
  activeDeadlineSeconds: enforced(integer(1, 31_536_000)),
  ephemeralContainers: refused({
    en: 'Kubernetes too takes them for running pods only; open a shell with darsena exec',
    es: 'también Kubernetes los admite solo para pods en marcha; abrir un shell con darsena exec',
  }),
  readinessGates: refused(NO_API),
  resourceClaims: refused({ en: 'hosts here hand out no devices', es: 'los hosts de aquí no entregan dispositivos' }),
  resources: refused({ en: 'say it of each container', es: 'decirlo de cada contenedor' }),
  runtimeClassName: emulated(choice(['runc', 'crun', 'gvisor', 'runsc', 'kata']), {
    en: 'the OCI run-time by its own name, without a RuntimeClass object; it is asked whether a host has it, with the reason when none does',
    es: 'el entorno de ejecución OCI por su propio nombre, sin objeto RuntimeClass; se pregunta si algún host lo tiene, con la razón cuando ninguno',
  }),
});

import type { Text } from '../../system/index.ts';
import {
  allRefused,
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  type Kind,
  list,
  object,
  refused,
  required,
  type Shape,
  TEXT,
} from './schema.ts';

const LATER: Text = { en: 'it is not supported yet', es: 'todavía no se admite' };
const HOST: Text = {
  en: 'it would open the host to the workload',
  es: 'abriría el host a la carga de trabajo',
};
const ONE_HOST: Text = {
  en: 'there is one host here, so there is nothing to choose',
  es: 'aquí hay un solo host, de modo que no hay nada que elegir',
};
const SERVER: Text = {
  en: 'it is written by the platform, not by the author',
  es: 'lo escribe la plataforma, no quien escribe el archivo',
};
const NAMESPACE: Text = {
  en: 'the environment that is deployed to decides; leave it out',
  es: 'lo decide el entorno al que se despliega; omitirlo',
};
const NO_API: Text = {
  en: 'there is no Kubernetes API here that a workload could speak to',
  es: 'aquí no hay una API de Kubernetes con la que hablar',
};
const OTHER_SYSTEM: Text = { en: 'it does not concern Linux containers', es: 'no concierne a contenedores Linux' };
const ONE_WAY: Text = {
  en: 'only this value has a meaning here',
  es: 'aquí solo este valor tiene sentido',
};

/** RFC 1123 label, shortened so that names of pods and bridges stay whole. */
const LABEL_NAME: Shape = {
  kind: 'text',
  pattern: /^[a-z0-9](?:[-a-z0-9]{0,51}[a-z0-9])?$/,
  meaning: {
    en: 'lower-case letters, digits and dashes, at most 53',
    es: 'minúsculas, dígitos y guiones, como máximo 53',
  },
};
const PORT_NAME: Shape = {
  kind: 'text',
  pattern: /^(?=.*[a-z])[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?$/,
  meaning: {
    en: 'lower-case letters, digits and dashes, at most 15, with a letter',
    es: 'minúsculas, dígitos y guiones, como máximo 15, con una letra',
  },
};
const ABSOLUTE_PATH: Shape = {
  kind: 'text',
  pattern: /^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^:\0]*$/,
  meaning: { en: 'an absolute path without .. and colons', es: 'una ruta absoluta sin .. ni dos puntos' },
};
const INNER_PATH: Shape = {
  kind: 'text',
  pattern: /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0]+$/,
  meaning: { en: 'a relative path without ..', es: 'una ruta relativa sin ..' },
};
const ENV_NAME: Shape = {
  kind: 'text',
  pattern: /^[-._a-zA-Z][-._a-zA-Z0-9]*$/,
  meaning: {
    en: 'letters, digits, dashes, dots and underscores, not beginning with a digit',
    es: 'letras, dígitos, guiones, puntos y guiones bajos, sin empezar por un dígito',
  },
};
const PORT_NUMBER = integer(1, 65_535);
const QUALIFIED_NAME = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABELS: Shape = {
  kind: 'map',
  key: QUALIFIED_NAME,
  keyMeaning: { en: 'a label name', es: 'un nombre de etiqueta' },
  value: {
    kind: 'text',
    pattern: /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
    meaning: { en: 'a label value, at most 63 characters', es: 'un valor de etiqueta, como máximo 63 caracteres' },
  },
};
const ANNOTATIONS: Shape = {
  kind: 'map',
  key: QUALIFIED_NAME,
  keyMeaning: { en: 'an annotation name', es: 'un nombre de anotación' },
  value: TEXT,
};
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const DATA_KEY_MEANING: Text = {
  en: 'letters, digits, dashes, dots and underscores',
  es: 'letras, dígitos, guiones, puntos y guiones bajos',
};
const TEXT_DATA: Shape = { kind: 'map', key: DATA_KEY, keyMeaning: DATA_KEY_MEANING, value: TEXT };
const BASE64: Extract<Shape, { kind: 'text' }> = {
  kind: 'text',
  pattern: /^(?:[A-Za-z0-9+/]{4}|\s)*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/,
  meaning: { en: 'base64', es: 'base64' },
};
const BASE64_DATA: Shape = { kind: 'map', key: DATA_KEY, keyMeaning: DATA_KEY_MEANING, value: BASE64 };
const SECRET_DATA: Shape = { ...BASE64_DATA, value: { ...BASE64, hidden: true } };
const SECRET_TEXT: Shape = { ...TEXT_DATA, value: { kind: 'text', hidden: true } };

const CARRIED: Text = {
  en: 'carried along; nothing of the platform acts on it',
  es: 'se conserva; nada de la plataforma actúa por ella',
};

function metadata(annotations: Field = emulated(ANNOTATIONS, CARRIED)): Field {
  return required(
    object({
      name: required(LABEL_NAME),
      labels: enforced(LABELS),
      annotations,
      namespace: refused(NAMESPACE),
      generateName: refused({ en: 'the platform needs a fixed name', es: 'la plataforma necesita un nombre fijo' }),
      ...allRefused(SERVER, [
        'creationTimestamp',
        'deletionGracePeriodSeconds',
        'deletionTimestamp',
        'finalizers',
        'generation',
        'managedFields',
        'ownerReferences',
        'resourceVersion',
        'selfLink',
        'uid',
      ]),
    }),
  );
}

const TEMPLATE_METADATA: Field = enforced(
  object({
    labels: enforced(LABELS),
    annotations: emulated(ANNOTATIONS, CARRIED),
    name: refused({
      en: 'pods are named after their workload',
      es: 'los pods llevan el nombre de su carga de trabajo',
    }),
    namespace: refused(NAMESPACE),
    ...allRefused(SERVER, ['creationTimestamp', 'finalizers', 'generateName', 'ownerReferences', 'uid']),
  }),
);

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

const RESOURCES: Field = enforced(
  object({
    limits: enforced(
      object({
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
      object({
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

const POD_SPEC: Shape = object({
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

const SELECTOR: Shape = object({
  matchLabels: required(LABELS),
  matchExpressions: refused(LATER),
});

const HEAD = (kind: string, apiVersion: string): Record<string, Field> => ({
  apiVersion: required(choice([apiVersion])),
  kind: required(choice([kind])),
  status: refused(SERVER),
});

const DEPLOYMENT: Kind = {
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  shape: object({
    ...HEAD('Deployment', 'apps/v1'),
    metadata: metadata(),
    spec: required(
      object({
        replicas: enforced(integer(0, 1_000)),
        selector: required(SELECTOR),
        template: required(object({ metadata: { ...TEMPLATE_METADATA, required: true }, spec: required(POD_SPEC) })),
        strategy: enforced(
          object({
            type: enforced(choice(['RollingUpdate', 'Recreate'])),
            rollingUpdate: enforced(
              object({ maxSurge: enforced({ kind: 'allowance' }), maxUnavailable: enforced({ kind: 'allowance' }) }),
            ),
          }),
        ),
        minReadySeconds: enforced(integer(0, 3_600)),
        progressDeadlineSeconds: emulated(integer(1, 86_400), {
          en: 'when it passes, the previous version serves again by itself',
          es: 'cuando vence, la versión anterior vuelve a servir por sí sola',
        }),
        revisionHistoryLimit: emulated(integer(0, 1_000), {
          en: 'releases are kept in the history of the project; the engine keeps no old pods',
          es: 'las versiones quedan en la historia del proyecto; el motor no guarda pods viejos',
        }),
        paused: refused(LATER, false),
      }),
    ),
  }),
};

const POD: Kind = {
  kind: 'Pod',
  apiVersion: 'v1',
  shape: object({ ...HEAD('Pod', 'v1'), metadata: metadata(), spec: required(POD_SPEC) }),
};

const SERVICE: Kind = {
  kind: 'Service',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('Service', 'v1'),
    metadata: metadata(),
    spec: required(
      object({
        type: enforced(
          choice(['ClusterIP'], {
            NodePort: { en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' },
            LoadBalancer: { en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' },
            ExternalName: LATER,
          }),
        ),
        selector: required(LABELS),
        ports: required(
          list(
            object({
              name: enforced(LABEL_NAME),
              port: required(PORT_NUMBER),
              targetPort: emulated(
                { kind: 'port' },
                {
                  en: 'where it differs from port, connections are redirected inside the pod',
                  es: 'donde difiere de port, las conexiones se redirigen dentro del pod',
                },
              ),
              protocol: enforced(choice(['TCP', 'UDP'], { SCTP: LATER })),
              appProtocol: refused(LATER),
              nodePort: refused({ en: 'publish it with an Ingress', es: 'publicarlo con un Ingress' }),
            }),
            { least: 1 },
          ),
        ),
        clusterIP: refused({
          en: 'names resolve to the ready pods themselves, so a service has no address of its own',
          es: 'los nombres resuelven a los pods disponibles, así que un servicio no tiene dirección propia',
        }),
        sessionAffinity: refused(LATER, 'None'),
        publishNotReadyAddresses: refused(
          { en: 'names resolve to ready pods only', es: 'los nombres resuelven solo a pods disponibles' },
          false,
        ),
        ...allRefused(LATER, [
          'allocateLoadBalancerNodePorts',
          'clusterIPs',
          'externalIPs',
          'externalName',
          'externalTrafficPolicy',
          'healthCheckNodePort',
          'internalTrafficPolicy',
          'ipFamilies',
          'ipFamilyPolicy',
          'loadBalancerClass',
          'loadBalancerIP',
          'loadBalancerSourceRanges',
          'sessionAffinityConfig',
          'trafficDistribution',
        ]),
      }),
    ),
  }),
};

const INGRESS: Kind = {
  kind: 'Ingress',
  apiVersion: 'networking.k8s.io/v1',
  shape: object({
    ...HEAD('Ingress', 'networking.k8s.io/v1'),
    // Annotations of an Ingress steer other controllers; to carry them along would be to drop what they ask for.
    metadata: metadata(
      refused({
        en: 'no annotation of an Ingress has an effect here',
        es: 'ninguna anotación de un Ingress tiene efecto aquí',
      }),
    ),
    spec: required(
      object({
        rules: required(
          list(
            object({
              host: enforced({
                kind: 'text',
                pattern:
                  /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/,
                meaning: { en: 'a host name without wildcard', es: 'un nombre de host sin comodín' },
              }),
              http: required(
                object({
                  paths: required(
                    list(
                      object({
                        path: enforced(ABSOLUTE_PATH),
                        pathType: required(
                          choice(['Prefix', 'Exact'], {
                            ImplementationSpecific: { en: 'say Prefix or Exact', es: 'decir Prefix o Exact' },
                          }),
                        ),
                        backend: required(
                          object({
                            service: required(
                              object({
                                name: required(LABEL_NAME),
                                port: required(
                                  object({ number: enforced(PORT_NUMBER), name: enforced(LABEL_NAME) }, [
                                    'number',
                                    'name',
                                  ]),
                                ),
                              }),
                            ),
                            resource: refused(LATER),
                          }),
                        ),
                      }),
                      { least: 1 },
                    ),
                  ),
                }),
              ),
            }),
            { least: 1 },
          ),
        ),
        tls: refused({
          en: 'the edge serves every route over TLS with its own certificate',
          es: 'el borde sirve toda ruta por TLS con su propio certificado',
        }),
        ingressClassName: refused({ en: 'there is one edge', es: 'hay un solo borde' }, 'darsena'),
        defaultBackend: refused(LATER),
      }),
    ),
  }),
};

const IMMUTABLE: Field = emulated(BOOLEAN, {
  en: 'each version keeps its own content, so a running one never changes',
  es: 'cada versión conserva su propio contenido, así que el de una en marcha nunca cambia',
});

const CONFIG_MAP: Kind = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('ConfigMap', 'v1'),
    metadata: metadata(),
    data: enforced(TEXT_DATA),
    binaryData: enforced(BASE64_DATA),
    immutable: IMMUTABLE,
  }),
};

const SECRET: Kind = {
  kind: 'Secret',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('Secret', 'v1'),
    metadata: metadata(),
    data: enforced(SECRET_DATA),
    stringData: enforced(SECRET_TEXT),
    type: enforced(
      choice(['Opaque'], {
        'kubernetes.io/tls': LATER,
        'kubernetes.io/dockerconfigjson': {
          en: 'the platform pulls from its own registry with its own token',
          es: 'la plataforma descarga de su propio registro con su propio token',
        },
        'kubernetes.io/service-account-token': NO_API,
      }),
    ),
    immutable: IMMUTABLE,
  }),
};

const CLAIM: Kind = {
  kind: 'PersistentVolumeClaim',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('PersistentVolumeClaim', 'v1'),
    metadata: metadata(),
    spec: required(
      object({
        accessModes: required(
          list(choice(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'], { ReadWriteOncePod: LATER }), { least: 1 }),
        ),
        resources: required(
          object({
            requests: required(
              object({
                storage: {
                  ...emulated(
                    { kind: 'quantity', of: 'bytes' },
                    {
                      en: 'recorded; a local volume takes what the disk of the host has',
                      es: 'se registra; un volumen local toma lo que tenga el disco del host',
                    },
                  ),
                  required: true,
                },
              }),
            ),
            limits: refused({
              en: 'a local volume has no limit of its own',
              es: 'un volumen local no tiene límite propio',
            }),
          }),
        ),
        storageClassName: enforced(choice(['local'])),
        volumeMode: enforced(choice(['Filesystem'], { Block: LATER })),
        ...allRefused(LATER, ['dataSource', 'dataSourceRef', 'selector', 'volumeAttributesClassName', 'volumeName']),
      }),
    ),
  }),
};

/** The kinds that can be deployed, in the order in which the manual lists them. */
export const KINDS: readonly Kind[] = [DEPLOYMENT, POD, SERVICE, INGRESS, CONFIG_MAP, SECRET, CLAIM];

/** Kinds of Kubernetes that people write and that are not taken yet. */
export const KINDS_REFUSED: readonly string[] = [
  'ClusterRole',
  'ClusterRoleBinding',
  'CronJob',
  'CustomResourceDefinition',
  'DaemonSet',
  'HorizontalPodAutoscaler',
  'Job',
  'LimitRange',
  'List',
  'Namespace',
  'NetworkPolicy',
  'PersistentVolume',
  'PodDisruptionBudget',
  'PodTemplate',
  'ReplicaSet',
  'ReplicationController',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'ServiceAccount',
  'StatefulSet',
  'StorageClass',
  'VerticalPodAutoscaler',
];

import type { Text } from '../../../system/index.ts';
import type { Kind } from '../schema.ts';
import { NO_API } from './common.ts';
import { CLAIM, CONFIG_MAP, SECRET } from './content.ts';
import { INGRESS, NETWORK_POLICY, SERVICE } from './network.ts';
import { NAMESPACE_KIND, SERVICE_ACCOUNT } from './platform.ts';
import { AUTOSCALER, BUDGET, VERTICAL_AUTOSCALER } from './scaling.ts';
import { CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, STATEFUL_SET } from './workloads.ts';

/** Every kind with a decision for each of its fields, in the order in which the manual lists them. */
export const KINDS: readonly Kind[] = [
  POD,
  DEPLOYMENT,
  STATEFUL_SET,
  DAEMON_SET,
  JOB,
  CRON_JOB,
  SERVICE,
  INGRESS,
  NETWORK_POLICY,
  CONFIG_MAP,
  SECRET,
  CLAIM,
  AUTOSCALER,
  VERTICAL_AUTOSCALER,
  BUDGET,
  SERVICE_ACCOUNT,
  NAMESPACE_KIND,
];

const RIGHTS: Text = {
  en: 'people get their roles with darsena member, and workloads have no Kubernetes API to ask: leave it out (in many charts rbac.create=false)',
  es: 'las personas reciben sus roles con darsena member, y las cargas de trabajo no tienen una API de Kubernetes: omitirlo (en muchos charts, rbac.create=false)',
};
const AS_DEPLOYMENT: Text = {
  en: 'a Deployment does the same and rolls out besides: write kind: Deployment, apiVersion: apps/v1',
  es: 'un Deployment hace lo mismo y además se despliega gradualmente: escribir kind: Deployment, apiVersion: apps/v1',
};
const STORAGE: Text = {
  en: 'volumes are made for their PersistentVolumeClaim by the platform; an administrator offers classes: darsena volume class set NAME',
  es: 'los volúmenes los hace la plataforma para su PersistentVolumeClaim; las clases las ofrece un administrador: darsena volume class set NOMBRE',
};
const QUOTAS: Text = {
  en: 'who writes an application must not set its own limits; an administrator sets them: darsena quota set',
  es: 'quien escribe una aplicación no debe fijar sus propios límites; los fija un administrador: darsena quota set',
};
const JUDGED_HERE: Text = {
  en: 'what may start is decided by the policy of the environment (darsena policy list), and nothing changes what was deployed',
  es: 'lo que puede arrancar lo decide la política del entorno (darsena policy list), y nada cambia lo que se desplegó',
};
const A_POLICY: Text = {
  en: 'it is no part of an application; an administrator puts it in force as it is: darsena policy apply FILE',
  es: 'no es parte de una aplicación; un administrador la pone en vigor tal como está: darsena policy apply ARCHIVO',
};
const NO_PRIORITIES: Text = {
  en: 'nothing is preempted here: what does not fit does not start, so leave it out; priorityClassName may stay',
  es: 'aquí nada se desaloja: lo que no cabe no arranca, así que se omite; priorityClassName puede quedar',
};
const OWN_ADDRESS: Text = {
  en: 'a Service finds its pods by itself, and a workload asks for an address outside itself: leave it out',
  es: 'un Service encuentra sus pods por sí mismo, y la carga de trabajo pregunta ella misma por una dirección externa: omitirlo',
};
const AS_INGRESS: Text = {
  en: 'the edge reads an Ingress (networking.k8s.io/v1): hosts, paths and TLS are written there; a trial by weight is darsena deploy --canary',
  es: 'el borde lee un Ingress (networking.k8s.io/v1): ahí se escriben hosts, rutas y TLS; una prueba por peso es darsena deploy --canary',
};
const AS_SERVICE_PORT: Text = {
  en: 'the edge takes TCP from a Service of type LoadBalancer or NodePort: write that',
  es: 'el borde toma TCP de un Service de tipo LoadBalancer o NodePort: escribir eso',
};
const SNAPSHOTS: Text = {
  en: 'snapshots are taken by command (darsena volume snapshot), and backups by time: darsena backup schedule set',
  es: 'las instantáneas se toman con una orden (darsena volume snapshot), y las copias por horario: darsena backup schedule set',
};
const RECORDS: Text = {
  en: 'a cluster writes it for itself and it asks for nothing here: leave it out',
  es: 'un clúster lo escribe para sí mismo y aquí no pide nada: omitirlo',
};
const DEVICES: Text = {
  en: 'no devices are shared out among pods here',
  es: 'aquí no se reparten dispositivos entre pods',
};

/** Kinds of Kubernetes that people write and that are not taken, each with the reason and what to do instead. */
export const KINDS_REFUSED: Readonly<Record<string, Text>> = {
  APIService: NO_API,
  Binding: RECORDS,
  CertificateSigningRequest: {
    en: 'certificates of services are asked for with darsena certificate request',
    es: 'los certificados de servicios se piden con darsena certificate request',
  },
  ClusterRole: RIGHTS,
  ClusterRoleBinding: RIGHTS,
  ControllerRevision: RECORDS,
  ComponentStatus: RECORDS,
  CSIDriver: STORAGE,
  CSINode: RECORDS,
  CustomResourceDefinition: {
    en: 'there is no Kubernetes API here that would serve a new kind, and no controller that would act on it; leave it out',
    es: 'aquí no hay una API de Kubernetes que sirva un tipo nuevo ni un controlador que actúe sobre él; omitirlo',
  },
  DeviceClass: DEVICES,
  Endpoints: OWN_ADDRESS,
  EndpointSlice: OWN_ADDRESS,
  Event: RECORDS,
  FlowSchema: NO_API,
  Gateway: AS_INGRESS,
  GatewayClass: AS_INGRESS,
  GRPCRoute: AS_INGRESS,
  HTTPRoute: AS_INGRESS,
  IngressClass: {
    en: 'there is one edge, which takes what names no class: leave it out, and ingressClassName too',
    es: 'hay un solo borde, que toma lo que no nombra clase alguna: omitirlo, e ingressClassName también',
  },
  IPAddress: RECORDS,
  Lease: {
    en: 'there is no Kubernetes API here that workloads could elect a leader by; one replica, or their own means, does it',
    es: 'aquí no hay una API de Kubernetes con la que elegir un líder; lo hace una sola réplica o los medios de la propia carga',
  },
  LimitRange: {
    en: 'containers write their own resources; what a project may use together an administrator sets: darsena quota set',
    es: 'los contenedores escriben sus propios resources; lo que un proyecto puede usar en total lo fija un administrador: darsena quota set',
  },
  MutatingAdmissionPolicy: JUDGED_HERE,
  MutatingAdmissionPolicyBinding: JUDGED_HERE,
  MutatingWebhookConfiguration: JUDGED_HERE,
  Node: {
    en: 'hosts join the platform by themselves: darsena host status',
    es: 'los hosts se unen a la plataforma por sí mismos: darsena host status',
  },
  PersistentVolume: STORAGE,
  PodSecurityPolicy: {
    en: 'Kubernetes 1.25 removed it; the environment is judged by the Pod Security Standards: darsena policy list',
    es: 'Kubernetes 1.25 lo retiró; el entorno se juzga por los Pod Security Standards: darsena policy list',
  },
  PodTemplate: {
    en: 'nothing is started from it; write a Deployment or a Pod',
    es: 'nada se inicia a partir de él; escribir un Deployment o un Pod',
  },
  PriorityClass: NO_PRIORITIES,
  PriorityLevelConfiguration: NO_API,
  ResourceSlice: DEVICES,
  ServiceCIDR: RECORDS,
  SubjectAccessReview: NO_API,
  TokenReview: NO_API,
  ReferenceGrant: AS_INGRESS,
  ReplicaSet: AS_DEPLOYMENT,
  ReplicationController: AS_DEPLOYMENT,
  ResourceClaim: DEVICES,
  ResourceClaimTemplate: DEVICES,
  ResourceQuota: QUOTAS,
  Role: RIGHTS,
  RoleBinding: RIGHTS,
  RuntimeClass: {
    en: 'run-times belong to the hosts, and a pod names one itself: runtimeClassName: gvisor or kata',
    es: 'los entornos de ejecución son de los hosts, y un pod nombra uno él mismo: runtimeClassName: gvisor o kata',
  },
  StorageClass: STORAGE,
  TCPRoute: AS_SERVICE_PORT,
  TLSRoute: AS_SERVICE_PORT,
  UDPRoute: AS_SERVICE_PORT,
  ValidatingAdmissionPolicy: A_POLICY,
  ValidatingAdmissionPolicyBinding: A_POLICY,
  ValidatingWebhookConfiguration: JUDGED_HERE,
  VolumeAttachment: RECORDS,
  VolumeAttributesClass: STORAGE,
  VolumeSnapshot: SNAPSHOTS,
  VolumeSnapshotClass: SNAPSHOTS,
  VolumeSnapshotContent: SNAPSHOTS,
};

const RENDERED: Text = {
  en: 'a tool makes manifests of it, and those are deployed: kubectl kustomize FOLDER, or helm template CHART',
  es: 'una herramienta hace manifiestos de él, y se despliegan esos: kubectl kustomize CARPETA, o helm template CHART',
};
const OWN_DELIVERY: Text = {
  en: 'the platform delivers by itself: darsena deploy, promote, rollback, and --canary for a trial by weight',
  es: 'la plataforma entrega por sí misma: darsena deploy, promote, rollback, y --canary para una prueba por peso',
};
const SEALED: Text = {
  en: 'the platform keeps Secrets sealed by itself: write a Secret',
  es: 'la plataforma guarda sellados los Secrets por sí misma: escribir un Secret',
};

/** Whose kinds an operator in a cluster reads, by their group (of some only these kinds), where there is a way here to the same. */
const FOREIGN_GROUPS: readonly (readonly [group: RegExp, why: Text, kinds?: RegExp])[] = [
  [
    /^(?:(?:acme\.)?cert-manager\.io|certmanager\.k8s\.io)$/,
    {
      en: 'certificates of the edge come from the platform’s authority, from a file or by ACME: darsena certificate',
      es: 'los certificados del borde vienen de la autoridad de la plataforma, de un archivo o por ACME: darsena certificate',
    },
  ],
  [
    /^monitoring\.coreos\.com$/,
    {
      en: 'there is no Prometheus operator here to read it: leave it out; a Prometheus deployed as a workload takes the same from its own configuration',
      es: 'aquí no hay un operador de Prometheus que lo lea: omitirlo; un Prometheus desplegado como carga de trabajo toma lo mismo de su propia configuración',
    },
  ],
  [/^(?:kustomize\.config\.k8s\.io|builtin)$/, RENDERED],
  [
    /^argoproj\.io$/,
    {
      en: 'what is done once is a Job, and at times a CronJob: write that, with one container or its initContainers for the steps',
      es: 'lo que se hace una vez es un Job, y con horario un CronJob: escribir eso, con un contenedor o sus initContainers para los pasos',
    },
    /Workflow/,
  ],
  [/(?:^|\.)(?:argoproj\.io|fluxcd\.io|flagger\.app)$/, OWN_DELIVERY],
  [/^(?:bitnami\.com|external-secrets\.io|(?:.+\.)?external-secrets\.io|secrets-store\.csi\.x-k8s\.io)$/, SEALED],
  [
    /^(?:traefik\.(?:io|containo\.us)|projectcontour\.io|configuration\.konghq\.com|getambassador\.io|networking\.gke\.io|cloud\.google\.com|route\.openshift\.io)$/,
    AS_INGRESS,
  ],
  [
    /^(?:cilium\.io|(?:crd\.)?projectcalico\.org|policy\.networking\.k8s\.io)$/,
    {
      en: 'connections are ruled by a NetworkPolicy of Kubernetes (networking.k8s.io/v1): write that',
      es: 'las conexiones las rige un NetworkPolicy de Kubernetes (networking.k8s.io/v1): escribir eso',
    },
  ],
  [
    /(?:^|\.)istio\.io$/,
    {
      en: 'there is no service mesh here: what comes in from outside is written in an Ingress, and who may speak to whom in a NetworkPolicy',
      es: 'aquí no hay malla de servicios: lo que entra desde fuera se escribe en un Ingress, y quién puede hablar con quién en un NetworkPolicy',
    },
  ],
  [
    /^keda\.sh$/,
    {
      en: 'workloads are scaled by a HorizontalPodAutoscaler (autoscaling/v2) on processor or memory: write that',
      es: 'las cargas las escala un HorizontalPodAutoscaler (autoscaling/v2) por procesador o memoria: escribir eso',
    },
  ],
  [/(?:^|\.)kyverno\.io$/, A_POLICY],
  [/(?:^|\.)gatekeeper\.sh$/, JUDGED_HERE],
  [
    /^(?:serving\.knative\.dev|apps\.openshift\.io)$/,
    {
      en: 'write a Deployment (apps/v1) with a Service',
      es: 'escribir un Deployment (apps/v1) con un Service',
    },
  ],
  [/^snapshot\.storage\.k8s\.io$/, SNAPSHOTS],
  [
    /^metrics\.k8s\.io$/,
    { en: 'what pods use is shown by darsena stats', es: 'lo que usan los pods lo muestra darsena stats' },
  ],
];

/** The group of an apiVersion: `apps` of apps/v1, and nothing of v1. */
function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

const A_TOOL = (apiVersion: string): Text => ({
  en: `${apiVersion} is no API of Kubernetes: this is the file of another tool`,
  es: `${apiVersion} no es una API de Kubernetes: es el archivo de otra herramienta`,
});

const GROUPS_WITHOUT_POINT: readonly string[] = ['', 'apps', 'autoscaling', 'batch', 'extensions', 'policy'];

/** Whether a group may be one of Kubernetes itself: those have no point in them, or end so. */
function isOfKubernetes(group: string): boolean {
  return !group.includes('.') || group.endsWith('.k8s.io');
}

/** Why a document is not taken though it may be sound: by its group, or by its kind; null where nothing is known of it. */
export function whyRefused(kind: string, apiVersion: string): Text | null {
  const group = groupOf(apiVersion);
  const foreign = FOREIGN_GROUPS.find(([pattern, , kinds]) => pattern.test(group) && kinds?.test(kind) !== false)?.[1];
  if (foreign !== undefined) return foreign;
  if (/\.config\.k8s\.io$/.test(group)) return A_TOOL(apiVersion);
  if (GROUPS_WITHOUT_POINT.includes(group) || group.endsWith('.k8s.io'))
    return Object.hasOwn(KINDS_REFUSED, kind) ? (KINDS_REFUSED[kind] ?? null) : null;
  if (!group.includes('.')) return KINDS.some((one) => one.kind === kind) ? null : A_TOOL(apiVersion);
  return {
    en: `${apiVersion} is read by a controller (an operator) in a cluster, and there is none here: write what it would make, such as a Deployment, a StatefulSet or a Service`,
    es: `${apiVersion} lo lee un controlador (un operador) de un clúster, y aquí no hay ninguno: escribir lo que él haría, como un Deployment, un StatefulSet o un Service`,
  };
}

/** The kind that a document is of; null of another one's kind with the same name. */
export function kindOf(kind: string, apiVersion: string): Kind | null {
  if (!isOfKubernetes(groupOf(apiVersion))) return null;
  return KINDS.find((one) => one.kind === kind) ?? null;
}

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
  en: 'people get their roles with darsena member, and workloads have no Kubernetes API to ask',
  es: 'las personas reciben sus roles con darsena member, y las cargas de trabajo no tienen una API de Kubernetes',
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
  en: 'what may start is decided by the policy of the environment: darsena policy list',
  es: 'lo que puede arrancar lo decide la política del entorno: darsena policy list',
};
const SCHEDULING: Text = {
  en: 'there is one host here, so nothing is scheduled',
  es: 'aquí hay un solo host, de modo que no se planifica nada',
};

/** Kinds of Kubernetes that people write and that are not taken, each with the reason and what to do instead. */
export const KINDS_REFUSED: Readonly<Record<string, Text>> = {
  APIService: NO_API,
  ClusterRole: RIGHTS,
  ClusterRoleBinding: RIGHTS,
  CustomResourceDefinition: NO_API,
  Endpoints: {
    en: 'a Service finds its pods by itself, and an address outside needs no Service',
    es: 'un Service encuentra sus pods por sí mismo, y una dirección externa no necesita un Service',
  },
  EndpointSlice: {
    en: 'a Service finds its pods by itself, and an address outside needs no Service',
    es: 'un Service encuentra sus pods por sí mismo, y una dirección externa no necesita un Service',
  },
  IngressClass: { en: 'there is one edge', es: 'hay un solo borde' },
  LimitRange: QUOTAS,
  MutatingWebhookConfiguration: JUDGED_HERE,
  PersistentVolume: STORAGE,
  PodSecurityPolicy: JUDGED_HERE,
  PodTemplate: {
    en: 'nothing is started from it; write a Deployment or a Pod',
    es: 'nada se inicia a partir de él; escribir un Deployment o un Pod',
  },
  PriorityClass: SCHEDULING,
  ReplicaSet: AS_DEPLOYMENT,
  ReplicationController: AS_DEPLOYMENT,
  ResourceQuota: QUOTAS,
  Role: RIGHTS,
  RoleBinding: RIGHTS,
  RuntimeClass: SCHEDULING,
  StorageClass: STORAGE,
  ValidatingAdmissionPolicy: JUDGED_HERE,
  ValidatingAdmissionPolicyBinding: JUDGED_HERE,
  ValidatingWebhookConfiguration: JUDGED_HERE,
};

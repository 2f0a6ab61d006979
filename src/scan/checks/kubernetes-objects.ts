import type { YamlPath } from '../../formats/index.ts';
import { type Check, check, namesSecret } from './check.ts';
import { isOn, isSet, items, type Members, members, textOf, texts } from './values.ts';

type Found = boolean | { readonly at: YamlPath; readonly detail?: string };

export interface ObjectCheck extends Check {
  /** Kinds that it looks at; empty: every kind. */
  readonly kinds: readonly string[];
  readonly find: (object: Members) => Found;
}

const at = (...path: (string | number)[]): Found => ({ at: path });
const spec = (object: Members): Members => members(object['spec']);
const metadata = (object: Members): Members => members(object['metadata']);
const annotations = (object: Members): Members => members(metadata(object)['annotations']);

/** Kinds that belong to no namespace. */
const CLUSTER_KINDS: ReadonlySet<string> = new Set([
  ...['Namespace', 'Node', 'PersistentVolume', 'ClusterRole', 'ClusterRoleBinding', 'StorageClass', 'IngressClass'],
  ...['CustomResourceDefinition', 'ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'PriorityClass'],
  ...[
    'APIService',
    'ClusterPolicy',
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionPolicyBinding',
    'CSIDriver',
    'RuntimeClass',
    'List',
  ],
]);

const WORKLOADS = ['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'];
const ROLES = ['Role', 'ClusterRole'];
const BINDINGS = ['RoleBinding', 'ClusterRoleBinding'];

/** A right in a role that leads to more rights than it says. */
function right(
  id: string,
  severity: Check['severity'],
  standards: string,
  title: readonly [string, string],
  resources: readonly string[],
  verbs: readonly string[],
): ObjectCheck {
  return {
    ...check(
      id,
      severity,
      standards,
      [`lets its holders ${title[0]}`, `permite a quien lo tenga ${title[1]}`],
      ['take the right out of the role', 'quitar el permiso del rol'],
    ),
    kinds: ROLES,
    find: (object) => {
      const index = items(object['rules']).findIndex((rule) => {
        const { resources: named, verbs: allowed } = members(rule);
        const isNamed = texts(named).some((one) => one === '*' || resources.includes(one) || resources.includes('*'));
        return isNamed && texts(allowed).some((one) => one === '*' || verbs.includes(one));
      });
      return index >= 0 && at('rules', index);
    },
  };
}

const WRITE = ['create', 'update', 'patch'];
const READ = ['get', 'list', 'watch'];

export const OBJECT_CHECKS: readonly ObjectCheck[] = [
  // --- roles and bindings: who may do what ---
  {
    ...check(
      'k8s-rbac-wildcard-verbs',
      'high',
      'CIS Kubernetes 5.1.3, NSA 3',
      ['allows every verb', 'permite todos los verbos'],
      ['list the verbs that are needed', 'enumerar los verbos necesarios'],
    ),
    kinds: ROLES,
    find: (object) => {
      const index = items(object['rules']).findIndex((rule) => texts(members(rule)['verbs']).includes('*'));
      return index >= 0 && at('rules', index, 'verbs');
    },
  },
  {
    ...check(
      'k8s-rbac-wildcard-resources',
      'high',
      'CIS Kubernetes 5.1.3, NSA 3',
      ['speaks of every resource', 'abarca todos los recursos'],
      ['list the resources that are needed', 'enumerar los recursos necesarios'],
    ),
    kinds: ROLES,
    find: (object) => {
      const index = items(object['rules']).findIndex((rule) => texts(members(rule)['resources']).includes('*'));
      return index >= 0 && at('rules', index, 'resources');
    },
  },
  {
    ...check(
      'k8s-rbac-wildcard-groups',
      'medium',
      'CIS Kubernetes 5.1.3',
      ['speaks of every API group', 'abarca todos los grupos de API'],
      ['list the API groups that are needed', 'enumerar los grupos de API necesarios'],
    ),
    kinds: ROLES,
    find: (object) => {
      const index = items(object['rules']).findIndex((rule) => texts(members(rule)['apiGroups']).includes('*'));
      return index >= 0 && at('rules', index, 'apiGroups');
    },
  },
  {
    ...check(
      'k8s-rbac-non-resource-urls',
      'medium',
      'CIS Kubernetes 5.1.3',
      ['allows every path of the API server', 'permite todas las rutas del servidor de API'],
      ['list the paths that are needed', 'enumerar las rutas necesarias'],
    ),
    kinds: ['ClusterRole'],
    find: (object) =>
      items(object['rules']).some((rule) => texts(members(rule)['nonResourceURLs']).includes('*')) && at('rules'),
  },
  right('k8s-rbac-secrets', 'high', 'CIS Kubernetes 5.1.2', ['read Secrets', 'leer Secrets'], ['secrets'], READ),
  right(
    'k8s-rbac-pods-create',
    'high',
    'CIS Kubernetes 5.1.4',
    [
      'create pods, and so use any Secret and account of the namespace',
      'crear pods y usar así cualquier Secret y cuenta del espacio de nombres',
    ],
    ['pods'],
    ['create'],
  ),
  right(
    'k8s-rbac-workloads',
    'medium',
    'CIS Kubernetes 5.1.4',
    ['change workloads', 'cambiar cargas de trabajo'],
    ['deployments', 'daemonsets', 'statefulsets', 'replicasets', 'jobs', 'cronjobs', 'replicationcontrollers'],
    WRITE,
  ),
  right(
    'k8s-rbac-exec',
    'high',
    'NSA 3',
    ['run commands in containers', 'ejecutar órdenes en contenedores'],
    ['pods/exec', 'pods/attach'],
    ['create', 'get'],
  ),
  right(
    'k8s-rbac-port-forward',
    'medium',
    'NSA 3',
    ['reach ports of pods past the network rules', 'alcanzar puertos de pods sin pasar por las reglas de red'],
    ['pods/portforward', 'pods/proxy', 'services/proxy'],
    ['create', 'get'],
  ),
  right(
    'k8s-rbac-ephemeral',
    'high',
    'NSA 3',
    ['put debug containers into running pods', 'meter contenedores de depuración en pods en marcha'],
    ['pods/ephemeralcontainers'],
    WRITE,
  ),
  right(
    'k8s-rbac-roles',
    'critical',
    'CIS Kubernetes 5.1.8',
    ['change roles and bindings', 'cambiar roles y asociaciones'],
    ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'],
    [...WRITE, 'escalate', 'bind'],
  ),
  right(
    'k8s-rbac-impersonate',
    'critical',
    'CIS Kubernetes 5.1.8',
    ['act as somebody else', 'actuar como otra persona'],
    ['users', 'groups', 'serviceaccounts', 'userextras'],
    ['impersonate'],
  ),
  right(
    'k8s-rbac-token',
    'high',
    'CIS Kubernetes 5.1.13',
    ['make tokens of service accounts', 'crear tokens de cuentas de servicio'],
    ['serviceaccounts/token'],
    ['create'],
  ),
  right(
    'k8s-rbac-node-proxy',
    'high',
    'CIS Kubernetes 5.1.10',
    ['reach kubelets past the API’s checks', 'alcanzar los kubelets sin pasar por los controles de la API'],
    ['nodes/proxy'],
    [...READ, ...WRITE],
  ),
  right('k8s-rbac-nodes', 'medium', 'NSA 3', ['change nodes', 'cambiar nodos'], ['nodes', 'nodes/status'], WRITE),
  right(
    'k8s-rbac-csr',
    'high',
    'CIS Kubernetes 5.1.11',
    ['approve certificates', 'aprobar certificados'],
    ['certificatesigningrequests/approval', 'signers'],
    [...WRITE, 'approve'],
  ),
  right(
    'k8s-rbac-webhooks',
    'high',
    'CIS Kubernetes 5.1.12',
    ['change admission webhooks', 'cambiar webhooks de admisión'],
    ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
    WRITE,
  ),
  right(
    'k8s-rbac-volumes',
    'medium',
    'CIS Kubernetes 5.1.9',
    ['create volumes, and so reach folders of hosts', 'crear volúmenes y alcanzar así carpetas de hosts'],
    ['persistentvolumes'],
    ['create'],
  ),
  right(
    'k8s-rbac-config-maps',
    'medium',
    'NSA 3',
    ['change the settings of others', 'cambiar la configuración de otros'],
    ['configmaps'],
    WRITE,
  ),
  right(
    'k8s-rbac-network',
    'medium',
    'NSA 3',
    ['change what traffic passes', 'cambiar qué tráfico pasa'],
    ['networkpolicies', 'services', 'endpoints', 'endpointslices', 'ingresses'],
    WRITE,
  ),
  right(
    'k8s-rbac-delete-logs',
    'medium',
    'NSA 5',
    ['delete events, and so traces', 'borrar eventos y así huellas'],
    ['events', 'pods/log'],
    ['delete', 'deletecollection'],
  ),
  right(
    'k8s-rbac-crds',
    'medium',
    'NSA 3',
    ['change what the API knows', 'cambiar lo que conoce la API'],
    ['customresourcedefinitions', 'apiservices'],
    WRITE,
  ),
  right(
    'k8s-rbac-quota',
    'low',
    '',
    ['lift limits of the namespace', 'levantar límites del espacio de nombres'],
    ['resourcequotas', 'limitranges'],
    [...WRITE, 'delete'],
  ),
  right(
    'k8s-rbac-delete-namespaces',
    'medium',
    '',
    ['delete namespaces', 'borrar espacios de nombres'],
    ['namespaces'],
    ['delete', 'deletecollection'],
  ),
  {
    ...check(
      'k8s-rbac-cluster-admin',
      'high',
      'CIS Kubernetes 5.1.1',
      ['makes somebody administrator of the whole cluster', 'hace a alguien administrador de todo el clúster'],
      ['bind a role with the rights that are needed', 'asociar un rol con los permisos necesarios'],
    ),
    kinds: BINDINGS,
    find: (object) => members(object['roleRef'])['name'] === 'cluster-admin' && at('roleRef'),
  },
  {
    ...check(
      'k8s-rbac-anonymous',
      'critical',
      'CIS Kubernetes 5.1.7, NSA 3',
      ['gives rights to callers without a name', 'da permisos a quien llama sin identificarse'],
      ['name people, groups or service accounts', 'nombrar personas, grupos o cuentas de servicio'],
    ),
    kinds: BINDINGS,
    find: (object) =>
      items(object['subjects']).some((one) =>
        ['system:anonymous', 'system:unauthenticated'].includes(textOf(members(one)['name'])),
      ) && at('subjects'),
  },
  {
    ...check(
      'k8s-rbac-everybody',
      'high',
      'NSA 3',
      ['gives rights to everybody who has an account', 'da permisos a cualquiera con una cuenta'],
      ['name people, groups or service accounts', 'nombrar personas, grupos o cuentas de servicio'],
    ),
    kinds: BINDINGS,
    find: (object) =>
      items(object['subjects']).some((one) =>
        ['system:authenticated', 'system:serviceaccounts'].includes(textOf(members(one)['name'])),
      ) && at('subjects'),
  },
  {
    ...check(
      'k8s-rbac-masters',
      'critical',
      'CIS Kubernetes 5.1.7',
      ['uses the group system:masters, whom no rule holds', 'usa el grupo system:masters, al que ninguna regla frena'],
      ['use a role', 'usar un rol'],
    ),
    kinds: BINDINGS,
    find: (object) =>
      items(object['subjects']).some((one) => members(one)['name'] === 'system:masters') && at('subjects'),
  },
  {
    ...check(
      'k8s-rbac-default-account',
      'medium',
      'CIS Kubernetes 5.1.5',
      [
        'gives rights to the default service account, which every pod may use',
        'da permisos a la cuenta de servicio predeterminada, que puede usar cualquier pod',
      ],
      ['make a service account for the workload', 'crear una cuenta de servicio para la carga de trabajo'],
    ),
    kinds: BINDINGS,
    find: (object) =>
      items(object['subjects'])
        .map(members)
        .some((one) => one['kind'] === 'ServiceAccount' && one['name'] === 'default') && at('subjects'),
  },
  {
    ...check(
      'k8s-service-account-token',
      'low',
      'CIS Kubernetes 5.1.6',
      ['gives its token to every pod', 'da su token a todos los pods'],
      ['set automountServiceAccountToken to false', 'fijar automountServiceAccountToken a false'],
    ),
    kinds: ['ServiceAccount'],
    find: (object) => object['automountServiceAccountToken'] !== false,
  },
  {
    ...check(
      'k8s-token-secret',
      'medium',
      'NSA 3',
      ['makes a token that never expires', 'crea un token que no caduca nunca'],
      ['ask for short-lived tokens (TokenRequest)', 'pedir tokens de vida corta (TokenRequest)'],
    ),
    kinds: ['Secret'],
    find: (object) => object['type'] === 'kubernetes.io/service-account-token' && at('type'),
  },
  // --- namespaces and names ---
  {
    ...check(
      'k8s-default-namespace',
      'low',
      'CIS Kubernetes 5.7.4',
      ['is in the namespace default', 'está en el espacio de nombres default'],
      ['name a namespace of its own', 'nombrar un espacio de nombres propio'],
    ),
    kinds: WORKLOADS,
    find: (object) => ['', 'default'].includes(textOf(metadata(object)['namespace'])),
  },
  {
    ...check(
      'k8s-system-namespace',
      'medium',
      'NSA 3',
      ['is put into a namespace of the system', 'se pone en un espacio de nombres del sistema'],
      ['name a namespace of its own', 'nombrar un espacio de nombres propio'],
    ),
    kinds: [],
    find: (object) =>
      !CLUSTER_KINDS.has(textOf(object['kind'])) &&
      /^kube-(?:system|public|node-lease)$/.test(textOf(metadata(object)['namespace'])) &&
      at('metadata', 'namespace'),
  },
  {
    ...check(
      'k8s-namespace-unguarded',
      'medium',
      'CIS Kubernetes 5.2.1, NSA 2',
      ['does not say which pods it lets in', 'no dice qué pods admite'],
      [
        'add the label pod-security.kubernetes.io/enforce: restricted',
        'añadir la etiqueta pod-security.kubernetes.io/enforce: restricted',
      ],
    ),
    kinds: ['Namespace'],
    find: (object) => !isSet(members(metadata(object)['labels'])['pod-security.kubernetes.io/enforce']),
  },
  {
    ...check(
      'k8s-namespace-privileged',
      'medium',
      'CIS Kubernetes 5.2.1',
      ['lets privileged pods in', 'admite pods con privilegios'],
      [
        'set pod-security.kubernetes.io/enforce to baseline or restricted',
        'fijar pod-security.kubernetes.io/enforce a baseline o restricted',
      ],
    ),
    kinds: ['Namespace'],
    find: (object) =>
      members(metadata(object)['labels'])['pod-security.kubernetes.io/enforce'] === 'privileged' &&
      at('metadata', 'labels'),
  },
  {
    ...check(
      'k8s-labels-missing',
      'low',
      '',
      ['does not say which application it belongs to', 'no dice a qué aplicación pertenece'],
      ['add the label app.kubernetes.io/name', 'añadir la etiqueta app.kubernetes.io/name'],
    ),
    kinds: WORKLOADS,
    find: (object) => {
      const labels = members(metadata(object)['labels']);
      return !['app.kubernetes.io/name', 'app', 'k8s-app', 'name'].some((name) => isSet(labels[name]));
    },
  },
  // --- services and ways in ---
  {
    ...check(
      'k8s-service-external-ip',
      'high',
      'NSA 4',
      [
        'claims addresses that it may not own (CVE-2020-8554)',
        'reclama direcciones que quizá no sean suyas (CVE-2020-8554)',
      ],
      ['remove externalIPs', 'quitar externalIPs'],
    ),
    kinds: ['Service'],
    find: (object) => items(spec(object)['externalIPs']).length > 0 && at('spec', 'externalIPs'),
  },
  {
    ...check(
      'k8s-service-open',
      'medium',
      'NSA 4',
      ['is open to the whole internet', 'está abierto a todo internet'],
      ['set loadBalancerSourceRanges, or make it internal', 'fijar loadBalancerSourceRanges, o hacerlo interno'],
    ),
    kinds: ['Service'],
    find: (object) => {
      const ranges = texts(spec(object)['loadBalancerSourceRanges']);
      const isInternal = Object.keys(annotations(object)).some((name) => /internal/.test(name));
      return (
        spec(object)['type'] === 'LoadBalancer' &&
        !isInternal &&
        (ranges.length === 0 || ranges.includes('0.0.0.0/0')) &&
        at('spec', 'type')
      );
    },
  },
  {
    ...check(
      'k8s-service-node-port',
      'low',
      'NSA 4',
      ['opens a port on every node', 'abre un puerto en todos los nodos'],
      ['use an Ingress', 'usar un Ingress'],
    ),
    kinds: ['Service'],
    find: (object) => spec(object)['type'] === 'NodePort' && at('spec', 'type'),
  },
  {
    ...check(
      'k8s-service-external-name',
      'low',
      '',
      ['leads to a name outside', 'lleva a un nombre de fuera'],
      ['say so in an egress rule', 'decirlo en una regla de salida'],
    ),
    kinds: ['Service'],
    find: (object) => spec(object)['type'] === 'ExternalName' && at('spec', 'type'),
  },
  {
    ...check(
      'k8s-service-no-selector',
      'low',
      '',
      ['leads to addresses that somebody writes by hand', 'lleva a direcciones escritas a mano'],
      ['add a selector', 'añadir un selector'],
    ),
    kinds: ['Service'],
    find: (object) =>
      spec(object)['type'] !== 'ExternalName' && Object.keys(members(spec(object)['selector'])).length === 0,
  },
  {
    ...check(
      'k8s-service-not-ready',
      'low',
      '',
      ['sends requests to pods that are not ready', 'envía peticiones a pods que no están listos'],
      ['remove publishNotReadyAddresses', 'quitar publishNotReadyAddresses'],
    ),
    kinds: ['Service'],
    find: (object) => isOn(spec(object)['publishNotReadyAddresses']) && at('spec', 'publishNotReadyAddresses'),
  },
  {
    ...check(
      'k8s-ingress-tls',
      'high',
      'NSA 4',
      ['is published without TLS', 'se publica sin TLS'],
      ['add tls with the host', 'añadir tls con el host'],
    ),
    kinds: ['Ingress'],
    find: (object) => items(spec(object)['tls']).length === 0,
  },
  {
    ...check(
      'k8s-ingress-wildcard',
      'medium',
      '',
      ['takes requests for any name', 'recibe peticiones para cualquier nombre'],
      ['name the hosts', 'nombrar los hosts'],
    ),
    kinds: ['Ingress'],
    find: (object) => {
      const index = items(spec(object)['rules']).findIndex((rule) => /^(?:\*|)$/.test(textOf(members(rule)['host'])));
      return index >= 0 && at('spec', 'rules', index);
    },
  },
  {
    ...check(
      'k8s-ingress-snippet',
      'high',
      '',
      [
        'writes into the settings of the proxy (CVE-2021-25742)',
        'escribe en la configuración del proxy (CVE-2021-25742)',
      ],
      ['remove the snippet annotation', 'quitar la anotación snippet'],
    ),
    kinds: ['Ingress'],
    find: (object) =>
      Object.keys(annotations(object)).some((name) => /nginx\.ingress\.kubernetes\.io\/.*snippet$/.test(name)) &&
      at('metadata', 'annotations'),
  },
  {
    ...check(
      'k8s-ingress-plain',
      'medium',
      'NSA 4',
      ['answers over plain HTTP as well', 'responde también por HTTP sin cifrar'],
      [
        'remove the annotation that switches the redirect to HTTPS off',
        'quitar la anotación que desactiva la redirección a HTTPS',
      ],
    ),
    kinds: ['Ingress'],
    find: (object) =>
      Object.entries(annotations(object)).some(
        ([name, value]) => /ssl-redirect$/.test(name) && String(value) === 'false',
      ) && at('metadata', 'annotations'),
  },
  {
    ...check(
      'k8s-network-open-in',
      'medium',
      'CIS Kubernetes 5.3.2, NSA 4',
      ['lets everybody in', 'deja entrar a todos'],
      ['name who may come in', 'nombrar quién puede entrar'],
    ),
    kinds: ['NetworkPolicy'],
    find: (object) => openTo(items(spec(object)['ingress']), 'from', ['spec', 'ingress']),
  },
  {
    ...check(
      'k8s-network-open-out',
      'medium',
      'CIS Kubernetes 5.3.2, NSA 4',
      ['lets everything out', 'deja salir a todas partes'],
      ['name where it may go', 'nombrar a dónde puede ir'],
    ),
    kinds: ['NetworkPolicy'],
    find: (object) => openTo(items(spec(object)['egress']), 'to', ['spec', 'egress']),
  },
  // --- data ---
  {
    ...check(
      'k8s-config-map-secret',
      'high',
      'CIS Kubernetes 5.4.1',
      ['holds a credential in the open', 'contiene una credencial a la vista'],
      ['put it into a Secret', 'ponerla en un Secret'],
    ),
    kinds: ['ConfigMap'],
    find: (object) => {
      const name = Object.entries(members(object['data'])).find(
        ([key, value]) => namesSecret(key) && isSet(value),
      )?.[0];
      return name !== undefined && { at: ['data', name], detail: name };
    },
  },
  {
    ...check(
      'k8s-secret-in-file',
      'medium',
      'NSA 3',
      ['is written in a file that others read', 'está escrito en un archivo que otros leen'],
      [
        'keep it in the platform (darsena secret) and name it in darsena.yaml',
        'guardarlo en la plataforma (darsena secret) y nombrarlo en darsena.yaml',
      ],
    ),
    kinds: ['Secret'],
    find: (object) => Object.keys({ ...members(object['data']), ...members(object['stringData']) }).length > 0,
  },
  {
    ...check(
      'k8s-volume-host-path',
      'high',
      'CIS Kubernetes 5.2.12',
      ['is a folder of a host', 'es una carpeta de un host'],
      ['use a storage class', 'usar una clase de almacenamiento'],
    ),
    kinds: ['PersistentVolume'],
    find: (object) => isSet(spec(object)['hostPath']) && at('spec', 'hostPath'),
  },
  {
    ...check(
      'k8s-claim-shared',
      'low',
      '',
      ['may be written from several nodes at once', 'puede escribirse desde varios nodos a la vez'],
      ['use ReadWriteOnce where one writes', 'usar ReadWriteOnce si escribe uno solo'],
    ),
    kinds: ['PersistentVolumeClaim'],
    find: (object) => texts(spec(object)['accessModes']).includes('ReadWriteMany') && at('spec', 'accessModes'),
  },
  {
    ...check(
      'k8s-disruption-blocked',
      'low',
      '',
      ['never lets a node be emptied', 'no permite nunca vaciar un nodo'],
      ['allow at least one disruption', 'permitir al menos una interrupción'],
    ),
    kinds: ['PodDisruptionBudget'],
    find: (object) => {
      const { maxUnavailable, minAvailable } = spec(object);
      return (maxUnavailable === 0 || maxUnavailable === '0%' || minAvailable === '100%') && at('spec');
    },
  },
  {
    ...check(
      'k8s-autoscaler-fixed',
      'low',
      '',
      ['can never grow or shrink', 'no puede crecer ni encoger'],
      ['set maxReplicas above minReplicas', 'fijar maxReplicas por encima de minReplicas'],
    ),
    kinds: ['HorizontalPodAutoscaler'],
    find: (object) =>
      isSet(spec(object)['maxReplicas']) &&
      spec(object)['maxReplicas'] === (spec(object)['minReplicas'] ?? 1) &&
      at('spec'),
  },
  // --- the cluster's own doors ---
  {
    ...check(
      'k8s-webhook-ignore',
      'medium',
      'NSA 3',
      ['lets everything pass when it does not answer', 'deja pasar todo cuando no responde'],
      ['set failurePolicy to Fail', 'fijar failurePolicy a Fail'],
    ),
    kinds: ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'],
    find: (object) =>
      items(object['webhooks']).some((hook) => members(hook)['failurePolicy'] === 'Ignore') && at('webhooks'),
  },
  {
    ...check(
      'k8s-webhook-slow',
      'low',
      '',
      ['may hold up every change for a long time', 'puede retener mucho tiempo cada cambio'],
      ['set timeoutSeconds to 5 or less', 'fijar timeoutSeconds a 5 o menos'],
    ),
    kinds: ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'],
    find: (object) =>
      items(object['webhooks']).some((hook) => Number(members(hook)['timeoutSeconds'] ?? 10) > 10) && at('webhooks'),
  },
  {
    ...check(
      'k8s-api-service-tls',
      'high',
      'NSA 4',
      ['believes any server that answers for it', 'cree a cualquier servidor que responda por él'],
      ['remove insecureSkipTLSVerify and give caBundle', 'quitar insecureSkipTLSVerify e indicar caBundle'],
    ),
    kinds: ['APIService'],
    find: (object) => isOn(spec(object)['insecureSkipTLSVerify']) && at('spec', 'insecureSkipTLSVerify'),
  },
  {
    ...check(
      'k8s-old-api',
      'medium',
      '',
      ['uses an API version that Kubernetes has removed', 'usa una versión de API que Kubernetes ha retirado'],
      ['use the current version', 'usar la versión actual'],
    ),
    kinds: [],
    find: (object) => REMOVED_APIS.has(`${textOf(object['apiVersion'])} ${textOf(object['kind'])}`) && at('apiVersion'),
  },
];

/** No peer at all, or every address there is. */
/** Rules that are open to all addresses, with those that they leave out where they do. */
function openTo(rules: ReturnType<typeof items>, side: 'from' | 'to', path: YamlPath): Found {
  const open = rules.flatMap((rule) => openPeers(members(rule)[side]));
  if (open.length === 0) return false;
  const all = open.find(({ except }) => except.length === 0);
  const [first] = open;
  if (all !== undefined || first === undefined) return { at: path };
  return { at: path, detail: `${first.cidr} except ${first.except.join(', ')}`.slice(0, 200) };
}

function openPeers(peers: Members[string] | undefined): { cidr: string; except: string[] }[] {
  const list = items(peers);
  if (list.length === 0) return [{ cidr: '', except: [] }];
  return list.flatMap((peer) => {
    const block = members(members(peer)['ipBlock']);
    const cidr = textOf(block['cidr']);
    return /^(?:0\.0\.0\.0|::)\/0$/.test(cidr) ? [{ cidr, except: items(block['except']).map(textOf) }] : [];
  });
}

/** Versions that releases 1.16 to 1.32 took out (kubernetes.io, deprecation guide). */
const REMOVED_APIS: ReadonlySet<string> = new Set([
  ...['Deployment', 'DaemonSet', 'ReplicaSet', 'NetworkPolicy', 'Ingress', 'PodSecurityPolicy'].map(
    (kind) => `extensions/v1beta1 ${kind}`,
  ),
  ...['Deployment', 'StatefulSet', 'ControllerRevision'].map((kind) => `apps/v1beta1 ${kind}`),
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].map((kind) => `apps/v1beta2 ${kind}`),
  ...['Ingress', 'IngressClass'].map((kind) => `networking.k8s.io/v1beta1 ${kind}`),
  ...['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'].map(
    (kind) => `rbac.authorization.k8s.io/v1beta1 ${kind}`,
  ),
  ...['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'].map(
    (kind) => `admissionregistration.k8s.io/v1beta1 ${kind}`,
  ),
  ...['batch/v1beta1 CronJob', 'policy/v1beta1 PodDisruptionBudget', 'policy/v1beta1 PodSecurityPolicy'],
  ...['apiextensions.k8s.io/v1beta1 CustomResourceDefinition', 'autoscaling/v2beta1 HorizontalPodAutoscaler'],
  ...[
    'autoscaling/v2beta2 HorizontalPodAutoscaler',
    'storage.k8s.io/v1beta1 StorageClass',
    'storage.k8s.io/v1beta1 CSIDriver',
  ],
  ...[
    'scheduling.k8s.io/v1beta1 PriorityClass',
    'coordination.k8s.io/v1beta1 Lease',
    'apiregistration.k8s.io/v1beta1 APIService',
  ],
  ...[
    'flowcontrol.apiserver.k8s.io/v1beta1 FlowSchema',
    'flowcontrol.apiserver.k8s.io/v1beta2 FlowSchema',
    'flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema',
  ],
]);

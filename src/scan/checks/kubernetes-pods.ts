import type { YamlPath } from '../../formats/index.ts';
import type { Json } from '../../system/index.ts';
import { type Check, check, isSwitch, namesSecret } from './check.ts';
import type { ContainerView, PodView } from './pod.ts';
import { isOn, isSet, items, type Members, members, textOf, texts } from './values.ts';

/** What offends, below the container or the pod specification; true: the whole of it. */
type Found = boolean | { readonly at: YamlPath; readonly detail?: string };

export interface ContainerCheck extends Check {
  readonly find: (one: ContainerView, pod: PodView) => Found;
}

export interface PodCheck extends Check {
  readonly find: (pod: PodView, object: Members) => Found;
}

const resources = (one: ContainerView, part: 'limits' | 'requests', name: string): Json | undefined =>
  members(members(one.value['resources'])[part])[name];
const hasLimitOrClaim = (one: ContainerView, part: 'limits' | 'requests', name: string): boolean =>
  isSet(resources(one, part, name));
const added = (one: ContainerView): string[] =>
  texts(members(one.context['capabilities'])['add']).map((name) => name.toUpperCase().replace(/^CAP_/, ''));
const dropped = (one: ContainerView): string[] =>
  texts(members(one.context['capabilities'])['drop']).map((name) => name.toUpperCase().replace(/^CAP_/, ''));
const effective = (one: ContainerView, pod: PodView, name: string): Json | undefined =>
  one.context[name] ?? pod.context[name];
const isLongLived = (pod: PodView): boolean => !['Job', 'CronJob'].includes(pod.kind);
const servesRequests = (one: ContainerView, pod: PodView): boolean => one.role === 'main' && isLongLived(pod);
const below = (value: Json | undefined, number: number): boolean =>
  typeof value === 'number' && value > 0 && value < number;
const at = (...path: (string | number)[]): Found => ({ at: path });

/** Tag of a reference: what stands after the colon of its last part; null when a digest pins it, '' when there is none. */
function tagOf(image: string): string | null {
  if (image.includes('@')) return null;
  const last = image.slice(image.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  return colon < 0 ? '' : last.slice(colon + 1);
}

/** One capability that gives the host, or a good part of it, away. */
function capability(name: string, severity: Check['severity'], en: string, es: string): ContainerCheck {
  return {
    ...check(
      `k8s-cap-${name.toLowerCase().replaceAll('_', '-')}`,
      severity,
      'CIS Kubernetes 5.2.9, NSA 2',
      [`adds ${name}: ${en}`, `añade ${name}: ${es}`],
      [`remove ${name} from securityContext.capabilities.add`, `quitar ${name} de securityContext.capabilities.add`],
    ),
    find: (one) => {
      const names = added(one);
      return names.includes(name) || names.includes('ALL') ? at('securityContext', 'capabilities', 'add') : false;
    },
  };
}

/** A folder or socket of the host that is more than a folder. */
function hostFolder(
  id: string,
  severity: Check['severity'],
  pattern: RegExp,
  what: readonly [string, string],
): PodCheck {
  return {
    ...check(
      id,
      severity,
      'CIS Kubernetes 5.2.12, NSA 2',
      [`mounts ${what[0]} of the host`, `monta ${what[1]} del host`],
      ['remove the volume', 'quitar el volumen'],
    ),
    find: (pod) => {
      const index = items(pod.spec['volumes']).findIndex((volume) =>
        pattern.test(textOf(members(members(volume)['hostPath'])['path']).replace(/(.)\/+$/, '$1')),
      );
      return index < 0 ? false : at('volumes', index);
    },
  };
}

export const CONTAINER_CHECKS: readonly ContainerCheck[] = [
  {
    ...check(
      'k8s-cpu-limit',
      'low',
      'NSA 2, CIS Kubernetes 5.7',
      ['has no CPU limit', 'no tiene límite de CPU'],
      ['set resources.limits.cpu', 'fijar resources.limits.cpu'],
    ),
    find: (one) => one.role === 'main' && !hasLimitOrClaim(one, 'limits', 'cpu'),
  },
  {
    ...check(
      'k8s-memory-limit',
      'medium',
      'NSA 2, CIS Docker 5.11',
      ['has no memory limit and can take the host’s', 'no tiene límite de memoria y puede agotar la del host'],
      ['set resources.limits.memory', 'fijar resources.limits.memory'],
    ),
    find: (one) => one.role === 'main' && !hasLimitOrClaim(one, 'limits', 'memory'),
  },
  {
    ...check(
      'k8s-cpu-request',
      'low',
      'NSA 2',
      ['asks for no CPU: it is planned as if it needed none', 'no pide CPU: se planifica como si no necesitara'],
      ['set resources.requests.cpu', 'fijar resources.requests.cpu'],
    ),
    find: (one) =>
      one.role === 'main' && !hasLimitOrClaim(one, 'requests', 'cpu') && !hasLimitOrClaim(one, 'limits', 'cpu'),
  },
  {
    ...check(
      'k8s-memory-request',
      'low',
      'NSA 2',
      ['asks for no memory: it is planned as if it needed none', 'no pide memoria: se planifica como si no necesitara'],
      ['set resources.requests.memory', 'fijar resources.requests.memory'],
    ),
    find: (one) =>
      one.role === 'main' && !hasLimitOrClaim(one, 'requests', 'memory') && !hasLimitOrClaim(one, 'limits', 'memory'),
  },
  {
    ...check(
      'k8s-ephemeral-storage-limit',
      'low',
      'NSA 2',
      ['may fill the disk of the host', 'puede llenar el disco del host'],
      ['set resources.limits.ephemeral-storage', 'fijar resources.limits.ephemeral-storage'],
    ),
    find: (one) => one.role === 'main' && !hasLimitOrClaim(one, 'limits', 'ephemeral-storage'),
  },
  {
    ...check(
      'k8s-liveness-probe',
      'low',
      '',
      [
        'has no liveness probe: when it hangs nobody restarts it',
        'no tiene sonda de vida: si se cuelga, nadie la reinicia',
      ],
      ['add a livenessProbe', 'añadir una livenessProbe'],
    ),
    find: (one, pod) => servesRequests(one, pod) && !isSet(one.value['livenessProbe']),
  },
  {
    ...check(
      'k8s-readiness-probe',
      'low',
      '',
      [
        'has no readiness probe: it gets requests before it can answer',
        'no tiene sonda de disponibilidad: recibe peticiones antes de poder responder',
      ],
      ['add a readinessProbe', 'añadir una readinessProbe'],
    ),
    find: (one, pod) =>
      servesRequests(one, pod) && items(one.value['ports']).length > 0 && !isSet(one.value['readinessProbe']),
  },
  {
    ...check(
      'k8s-same-probes',
      'low',
      '',
      [
        'has the same probe for liveness and readiness: overload restarts it',
        'usa la misma sonda para vida y disponibilidad: la sobrecarga la reinicia',
      ],
      ['let the liveness probe ask for less, or wait longer', 'que la sonda de vida pida menos o espere más'],
    ),
    find: ({ value }) =>
      isSet(value['livenessProbe']) &&
      JSON.stringify(value['livenessProbe']) === JSON.stringify(value['readinessProbe']) &&
      at('livenessProbe'),
  },
  {
    ...check(
      'k8s-probe-host',
      'medium',
      'PSS baseline (1.34)',
      ['has a probe or hook that asks another host', 'tiene una sonda o un gancho que pregunta a otro host'],
      ['remove host from the probe', 'quitar host de la sonda'],
    ),
    find: ({ value }) => {
      const lifecycle = members(value['lifecycle']);
      const handlers = [
        value['livenessProbe'],
        value['readinessProbe'],
        value['startupProbe'],
        lifecycle['postStart'],
        lifecycle['preStop'],
      ];
      return handlers
        .map(members)
        .some((one) => isSet(members(one['httpGet'])['host']) || isSet(members(one['tcpSocket'])['host']));
    },
  },
  {
    ...check(
      'k8s-image-tag-latest',
      'medium',
      'CIS Docker 4, NSA 1',
      [
        'uses the tag latest or none: what runs changes without notice',
        'usa la etiqueta latest o ninguna: lo que se ejecuta cambia sin aviso',
      ],
      ['name a version, better a digest', 'indicar una versión, mejor un digest'],
    ),
    find: ({ image }) => image !== '' && ['', 'latest'].includes(tagOf(image) ?? '-') && at('image'),
  },
  {
    ...check(
      'k8s-image-digest',
      'low',
      'NSA 1',
      [
        'is not pinned by digest: another image may come under the same name',
        'no está fijada por digest: con el mismo nombre puede llegar otra imagen',
      ],
      [
        'write IMAGE@sha256:…; the platform does it at deploy',
        'escribir IMAGEN@sha256:…; la plataforma lo hace al desplegar',
      ],
    ),
    find: ({ image }) => image !== '' && !image.includes('@') && at('image'),
  },
  {
    ...check(
      'k8s-image-missing',
      'medium',
      '',
      ['names no image', 'no nombra ninguna imagen'],
      ['set image', 'fijar image'],
    ),
    find: ({ image }) => image === '',
  },
  {
    ...check(
      'k8s-image-registry',
      'low',
      'NSA 1',
      ['takes its image from a registry that is not named', 'toma su imagen de un registro que no se nombra'],
      ['write the registry before the name', 'escribir el registro delante del nombre'],
    ),
    find: ({ image }) => image !== '' && !/^(?:[^/]*[.:][^/]*|localhost)\//.test(image) && at('image'),
  },
  {
    ...check(
      'k8s-image-pull-policy',
      'low',
      'CIS Kubernetes 5',
      [
        'runs what the host happens to have under a tag that moves',
        'ejecuta lo que el host tenga con una etiqueta que cambia',
      ],
      ['set imagePullPolicy to Always, or pin a digest', 'fijar imagePullPolicy a Always, o fijar un digest'],
    ),
    find: ({ image, value }) =>
      ['', 'latest'].includes(tagOf(image) ?? '-') &&
      isSet(value['imagePullPolicy']) &&
      value['imagePullPolicy'] !== 'Always' &&
      at('imagePullPolicy'),
  },
  {
    ...check(
      'k8s-read-only-root',
      'medium',
      'CIS Docker 5.13, NSA 2',
      ['may change its own files', 'puede cambiar sus propios archivos'],
      [
        'set securityContext.readOnlyRootFilesystem to true and mount what it writes',
        'fijar securityContext.readOnlyRootFilesystem a true y montar lo que escribe',
      ],
    ),
    find: (one, pod) => !pod.isWindows && one.context['readOnlyRootFilesystem'] !== true,
  },
  {
    ...check(
      'k8s-low-uid',
      'low',
      'NSA 2',
      [
        'runs as a user number that a host may also have',
        'se ejecuta con un número de usuario que puede existir en el host',
      ],
      ['set runAsUser to 10000 or more', 'fijar runAsUser a 10000 o más'],
    ),
    find: (one, pod) => below(effective(one, pod, 'runAsUser'), 10_000),
  },
  {
    ...check(
      'k8s-low-gid',
      'low',
      'NSA 2',
      [
        'runs as a group number that a host may also have',
        'se ejecuta con un número de grupo que puede existir en el host',
      ],
      ['set runAsGroup to 10000 or more', 'fijar runAsGroup a 10000 o más'],
    ),
    find: (one, pod) => below(effective(one, pod, 'runAsGroup'), 10_000),
  },
  {
    ...check(
      'k8s-root-group',
      'low',
      'PSS restricted',
      ['runs in group 0', 'se ejecuta en el grupo 0'],
      ['set runAsGroup to a number above 0', 'fijar runAsGroup a un número mayor que 0'],
    ),
    find: (one, pod) => effective(one, pod, 'runAsGroup') === 0,
  },
  {
    ...check(
      'k8s-cap-drop-net-raw',
      'low',
      'CIS Kubernetes 5.2.8',
      ['may forge network packets', 'puede falsificar paquetes de red'],
      ['drop NET_RAW, better ALL', 'quitar NET_RAW, mejor ALL'],
    ),
    find: (one, pod) => !pod.isWindows && !dropped(one).some((name) => name === 'ALL' || name === 'NET_RAW'),
  },
  {
    ...check(
      'k8s-cap-drop-any',
      'low',
      'CIS Kubernetes 5.2.10',
      ['gives no capability away', 'no renuncia a ninguna capacidad'],
      ['drop ALL in securityContext.capabilities.drop', 'quitar ALL en securityContext.capabilities.drop'],
    ),
    find: (one, pod) => !pod.isWindows && dropped(one).length === 0,
  },
  capability('SYS_ADMIN', 'critical', 'nearly root on the host', 'casi root en el host'),
  capability('SYS_MODULE', 'critical', 'it may load code into the kernel', 'puede cargar código en el núcleo'),
  capability('SYS_PTRACE', 'high', 'it may read and change other processes', 'puede leer y cambiar otros procesos'),
  capability(
    'SYS_RAWIO',
    'critical',
    'it reaches devices and memory directly',
    'accede directamente a dispositivos y memoria',
  ),
  capability('SYS_BOOT', 'high', 'it may restart the host', 'puede reiniciar el host'),
  capability('SYS_TIME', 'medium', 'it may change the clock', 'puede cambiar el reloj'),
  capability('NET_ADMIN', 'high', 'it may change the network of the host', 'puede cambiar la red del host'),
  capability('NET_RAW', 'medium', 'it may forge network packets', 'puede falsificar paquetes de red'),
  capability('BPF', 'high', 'it may load programs into the kernel', 'puede cargar programas en el núcleo'),
  capability('PERFMON', 'high', 'it may watch the whole host', 'puede observar todo el host'),
  capability(
    'DAC_READ_SEARCH',
    'high',
    'it may read any file, also outside',
    'puede leer cualquier archivo, también fuera',
  ),
  capability('MAC_ADMIN', 'high', 'it may change SELinux or AppArmor', 'puede cambiar SELinux o AppArmor'),
  capability('MAC_OVERRIDE', 'high', 'SELinux and AppArmor do not hold it', 'SELinux y AppArmor no la contienen'),
  capability('SYSLOG', 'medium', 'it may read addresses of the kernel', 'puede leer direcciones del núcleo'),
  capability('LINUX_IMMUTABLE', 'medium', 'it may change protected files', 'puede cambiar archivos protegidos'),
  capability('IPC_LOCK', 'low', 'it may hold memory without limit', 'puede retener memoria sin límite'),
  {
    ...check(
      'k8s-env-secret',
      'high',
      'CIS Kubernetes 5.4.1, NSA 3',
      ['has a credential written in its environment', 'tiene una credencial escrita en su entorno'],
      ['put it into a Secret and mount it as a file', 'ponerla en un Secret y montarla como archivo'],
    ),
    find: ({ value }) => {
      const index = items(value['env']).findIndex((entry) => {
        const { name, value: text } = members(entry);
        const value = textOf(text);
        return namesSecret(textOf(name)) && value !== '' && !/^\$\(/.test(value) && !isSwitch(value);
      });
      return index >= 0 && { at: ['env', index], detail: textOf(members(items(value['env'])[index])['name']) };
    },
  },
  {
    ...check(
      'k8s-env-secret-ref',
      'low',
      'CIS Kubernetes 5.4.1',
      [
        'gets Secrets as environment variables, which children and logs see',
        'recibe Secrets como variables de entorno, que ven los hijos y los registros',
      ],
      ['mount the Secret as a file', 'montar el Secret como archivo'],
    ),
    find: ({ value }) => {
      const index = items(value['env']).findIndex((entry) =>
        isSet(members(members(entry)['valueFrom'])['secretKeyRef']),
      );
      if (index >= 0) return at('env', index);
      return items(value['envFrom']).some((entry) => isSet(members(entry)['secretRef'])) && at('envFrom');
    },
  },
  {
    ...check(
      'k8s-args-secret',
      'medium',
      'NSA 3',
      ['has a credential on its command line', 'tiene una credencial en su línea de órdenes'],
      ['give it as a file', 'darla como archivo'],
    ),
    find: ({ value }) =>
      [...texts(value['command']), ...texts(value['args'])].some((word) => {
        const [, name, text] = /^--?([\w.-]+)=(.+)$/.exec(word) ?? [];
        return name !== undefined && namesSecret(name) && !/^\$\(|^\//.test(text ?? '') && !/file|path/i.test(name);
      }) && at('args'),
  },
  {
    ...check(
      'k8s-ssh-port',
      'medium',
      'CIS Docker 5.7',
      ['serves SSH', 'sirve SSH'],
      [
        'use darsena exec; take the SSH server out of the image',
        'usar darsena exec; quitar el servidor SSH de la imagen',
      ],
    ),
    find: ({ value }) => items(value['ports']).some((port) => members(port)['containerPort'] === 22) && at('ports'),
  },
  {
    ...check(
      'k8s-privileged-port',
      'low',
      'CIS Docker 5.8',
      [
        'listens on a port below 1024, for which it needs rights',
        'escucha en un puerto menor que 1024, para el que necesita permisos',
      ],
      [
        'let it listen on a port from 1024 on; the Service may keep the low one',
        'que escuche en un puerto a partir del 1024; el Service puede conservar el bajo',
      ],
    ),
    find: ({ value }) =>
      items(value['ports']).some(
        (port) => below(members(port)['containerPort'], 1024) && members(port)['containerPort'] !== 22,
      ) && at('ports'),
  },
  {
    ...check(
      'k8s-host-ip',
      'low',
      '',
      ['binds a port to an address of the host', 'ata un puerto a una dirección del host'],
      ['remove hostIP', 'quitar hostIP'],
    ),
    find: ({ value }) => items(value['ports']).some((port) => isSet(members(port)['hostIP'])) && at('ports'),
  },
  {
    ...check(
      'k8s-mount-propagation',
      'high',
      'CIS Docker 5.20',
      ['passes its mounts on to the host', 'propaga sus montajes al host'],
      ['remove mountPropagation: Bidirectional', 'quitar mountPropagation: Bidirectional'],
    ),
    find: ({ value }) =>
      items(value['volumeMounts']).some((mount) => members(mount)['mountPropagation'] === 'Bidirectional') &&
      at('volumeMounts'),
  },
  {
    ...check(
      'k8s-sub-path-expr',
      'low',
      '',
      ['mounts a folder whose name comes from a variable', 'monta una carpeta cuyo nombre viene de una variable'],
      ['write the path out', 'escribir la ruta completa'],
    ),
    find: ({ value }) =>
      items(value['volumeMounts']).some((mount) => isSet(members(mount)['subPathExpr'])) && at('volumeMounts'),
  },
  {
    ...check(
      'k8s-block-device',
      'medium',
      '',
      ['gets a raw block device', 'recibe un dispositivo de bloques sin formato'],
      ['use a volume with a file system', 'usar un volumen con sistema de archivos'],
    ),
    find: ({ value }) => items(value['volumeDevices']).length > 0 && at('volumeDevices'),
  },
  {
    ...check(
      'k8s-stdin-tty',
      'low',
      '',
      ['keeps a terminal open', 'mantiene un terminal abierto'],
      ['remove stdin and tty', 'quitar stdin y tty'],
    ),
    find: ({ value }) => isOn(value['stdin']) || isOn(value['tty']),
  },
  {
    ...check(
      'k8s-lifecycle-network',
      'low',
      '',
      ['downloads and runs something at its start', 'descarga y ejecuta algo al arrancar'],
      ['put it into the image', 'ponerlo en la imagen'],
    ),
    find: ({ value }) => {
      const words = [
        ...texts(value['command']),
        ...texts(value['args']),
        ...texts(members(members(members(value['lifecycle'])['postStart'])['exec'])['command']),
      ];
      return /\b(?:curl|wget)\b[^|;&]*\|\s*(?:ba|da|z)?sh\b/.test(words.join(' '));
    },
  },
];

export const POD_CHECKS: readonly PodCheck[] = [
  {
    ...check(
      'k8s-automount-token',
      'medium',
      'CIS Kubernetes 5.1.6, NSA 3',
      ['gets a token for the API of the cluster', 'recibe un token para la API del clúster'],
      [
        'set automountServiceAccountToken to false where it is not needed',
        'fijar automountServiceAccountToken a false donde no haga falta',
      ],
    ),
    find: ({ spec }) => spec['automountServiceAccountToken'] !== false,
  },
  {
    ...check(
      'k8s-default-service-account',
      'low',
      'CIS Kubernetes 5.1.5',
      ['uses the default service account', 'usa la cuenta de servicio predeterminada'],
      ['give it a service account of its own', 'darle una cuenta de servicio propia'],
    ),
    find: ({ spec }) => ['', 'default'].includes(textOf(spec['serviceAccountName'] ?? spec['serviceAccount'])),
  },
  {
    ...check(
      'k8s-share-process-namespace',
      'medium',
      '',
      ['lets its containers see each other’s processes', 'deja que sus contenedores vean los procesos de los demás'],
      ['remove shareProcessNamespace', 'quitar shareProcessNamespace'],
    ),
    find: ({ spec }) => isOn(spec['shareProcessNamespace']) && at('shareProcessNamespace'),
  },
  {
    ...check(
      'k8s-host-aliases',
      'low',
      '',
      ['changes names of hosts', 'cambia nombres de hosts'],
      ['use a Service or DNS', 'usar un Service o DNS'],
    ),
    find: ({ spec }) => items(spec['hostAliases']).length > 0 && at('hostAliases'),
  },
  {
    ...check(
      'k8s-host-users',
      'low',
      'NSA 2',
      ['shares the users of the host', 'comparte los usuarios del host'],
      ['set hostUsers to false', 'fijar hostUsers a false'],
    ),
    find: ({ spec, isWindows }) => !isWindows && spec['hostUsers'] === true && at('hostUsers'),
  },
  {
    ...check(
      'k8s-host-network-dns',
      'low',
      '',
      [
        'uses the names of the host instead of those of the cluster',
        'usa los nombres del host en vez de los del clúster',
      ],
      ['set dnsPolicy to ClusterFirst', 'fijar dnsPolicy a ClusterFirst'],
    ),
    find: ({ spec }) => spec['dnsPolicy'] === 'Default' && at('dnsPolicy'),
  },
  hostFolder(
    'k8s-container-socket',
    'critical',
    /(?:docker|containerd|crio|podman)\.sock$|^\/(?:var\/)?run\/(?:docker|containerd|crio|podman)$/,
    ['the socket of the container engine', 'el socket del motor de contenedores'],
  ),
  hostFolder('k8s-host-root', 'critical', /^\/$/, ['the whole file system', 'todo el sistema de archivos']),
  hostFolder('k8s-host-etc', 'high', /^\/etc(?:\/|$)/, ['settings (/etc)', 'la configuración (/etc)']),
  hostFolder('k8s-host-proc', 'high', /^\/(?:proc|sys)(?:\/|$)/, ['/proc or /sys', '/proc o /sys']),
  hostFolder('k8s-host-dev', 'high', /^\/dev(?:\/|$)/, ['devices (/dev)', 'los dispositivos (/dev)']),
  hostFolder('k8s-host-kubelet', 'high', /^\/var\/lib\/(?:kubelet|docker|containers|containerd)(?:\/|$)/, [
    'the state of kubelet or the engine',
    'el estado de kubelet o del motor',
  ]),
  hostFolder('k8s-host-log', 'medium', /^\/var\/log(?:\/|$)/, ['the logs', 'los registros']),
  hostFolder('k8s-host-boot', 'high', /^\/(?:boot|lib\/modules|usr\/lib\/modules)(?:\/|$)/, [
    'the kernel or its modules',
    'el núcleo o sus módulos',
  ]),
  hostFolder('k8s-host-home', 'high', /^\/(?:root|home)(?:\/|$)/, ['homes of people', 'carpetas personales']),
  {
    ...check(
      'k8s-host-path-writable',
      'medium',
      'CIS Kubernetes 5.2.12',
      ['may write into a folder of the host', 'puede escribir en una carpeta del host'],
      ['mount it readOnly, or use a PersistentVolumeClaim', 'montarla con readOnly, o usar un PersistentVolumeClaim'],
    ),
    find: (pod) => {
      const names = new Set(
        items(pod.spec['volumes'])
          .map(members)
          .filter((volume) => isSet(volume['hostPath']))
          .map((volume) => textOf(volume['name'])),
      );
      if (names.size === 0) return false;
      return pod.containers.some(({ value }) =>
        items(value['volumeMounts'])
          .map(members)
          .some((mount) => names.has(textOf(mount['name'])) && mount['readOnly'] !== true),
      );
    },
  },
  {
    ...check(
      'k8s-empty-dir-unlimited',
      'low',
      '',
      ['has a scratch folder without a limit', 'tiene una carpeta temporal sin límite'],
      ['set sizeLimit of the emptyDir', 'fijar sizeLimit del emptyDir'],
    ),
    find: ({ spec }) => {
      const index = items(spec['volumes']).findIndex((volume) => {
        const folder = members(volume)['emptyDir'];
        return folder !== undefined && folder !== null && !isSet(members(folder)['sizeLimit']);
      });
      return index >= 0 && at('volumes', index);
    },
  },
  {
    ...check(
      'k8s-secret-mode',
      'low',
      'CIS Kubernetes 5.4',
      [
        'mounts a Secret that others of the container may read or write',
        'monta un Secret que otros del contenedor pueden leer o escribir',
      ],
      ['set defaultMode to 0400', 'fijar defaultMode a 0400'],
    ),
    find: ({ spec }) => {
      const index = items(spec['volumes']).findIndex((volume) => {
        const mode = members(members(volume)['secret'])['defaultMode'];
        return typeof mode === 'number' && (mode & 0o037) !== 0;
      });
      return index >= 0 && at('volumes', index);
    },
  },
  {
    ...check(
      'k8s-grace-period',
      'low',
      '',
      ['is killed at once when it has to stop', 'se mata al momento cuando debe parar'],
      ['remove terminationGracePeriodSeconds: 0', 'quitar terminationGracePeriodSeconds: 0'],
    ),
    find: ({ spec }) => spec['terminationGracePeriodSeconds'] === 0 && at('terminationGracePeriodSeconds'),
  },
  {
    ...check(
      'k8s-node-name',
      'low',
      '',
      ['is tied to one node, past the scheduler', 'está atada a un nodo, sin pasar por el planificador'],
      ['use nodeSelector or affinity', 'usar nodeSelector o affinity'],
    ),
    find: ({ spec }) => isSet(spec['nodeName']) && at('nodeName'),
  },
  {
    ...check(
      'k8s-control-plane-toleration',
      'medium',
      'NSA 2',
      ['may run on nodes of the control plane', 'puede ejecutarse en nodos del plano de control'],
      ['remove the toleration', 'quitar la tolerancia'],
    ),
    find: ({ spec }) => {
      const index = items(spec['tolerations'])
        .map(members)
        .findIndex(
          ({ key, operator }) =>
            /^node-role\.kubernetes\.io\/(?:master|control-plane)$/.test(textOf(key)) ||
            (operator === 'Exists' && !isSet(key)),
        );
      return index >= 0 && at('tolerations', index);
    },
  },
  {
    ...check(
      'k8s-system-priority',
      'medium',
      '',
      ['takes the priority of system pods', 'toma la prioridad de los pods del sistema'],
      ['use a priority class of your own', 'usar una clase de prioridad propia'],
    ),
    find: ({ spec }, object) =>
      /^system-(?:cluster|node)-critical$/.test(textOf(spec['priorityClassName'])) &&
      members(object['metadata'])['namespace'] !== 'kube-system' &&
      at('priorityClassName'),
  },
  {
    ...check(
      'k8s-bare-pod',
      'low',
      '',
      [
        'is a single pod: nobody starts it again elsewhere',
        'es un pod suelto: nadie lo arranca de nuevo en otro sitio',
      ],
      ['use a Deployment, StatefulSet or Job', 'usar un Deployment, StatefulSet o Job'],
    ),
    find: ({ kind }) => kind === 'Pod',
  },
  {
    ...check(
      'k8s-one-replica',
      'low',
      '',
      ['has one replica: it is away while it is replaced', 'tiene una réplica: no está mientras se sustituye'],
      ['set replicas to 2 or more', 'fijar replicas a 2 o más'],
    ),
    find: ({ kind }, object) => kind === 'Deployment' && (members(object['spec'])['replicas'] ?? 1) === 1,
  },
  {
    ...check(
      'k8s-same-node',
      'low',
      '',
      ['may have all replicas on one node', 'puede tener todas las réplicas en un nodo'],
      ['add topologySpreadConstraints or podAntiAffinity', 'añadir topologySpreadConstraints o podAntiAffinity'],
    ),
    find: ({ kind, spec }, object) => {
      const replicas = members(object['spec'])['replicas'];
      const isSpread =
        items(spec['topologySpreadConstraints']).length > 0 || isSet(members(spec['affinity'])['podAntiAffinity']);
      return ['Deployment', 'StatefulSet'].includes(kind) && typeof replicas === 'number' && replicas > 1 && !isSpread;
    },
  },
  {
    ...check(
      'k8s-recreate',
      'low',
      '',
      ['stops everything before it starts the new version', 'para todo antes de arrancar la versión nueva'],
      ['use strategy RollingUpdate', 'usar la estrategia RollingUpdate'],
    ),
    find: ({ kind }, object) =>
      kind === 'Deployment' && members(members(object['spec'])['strategy'])['type'] === 'Recreate',
  },
  {
    ...check(
      'k8s-no-history',
      'low',
      '',
      ['keeps no former version to go back to', 'no guarda ninguna versión a la que volver'],
      ['remove revisionHistoryLimit: 0', 'quitar revisionHistoryLimit: 0'],
    ),
    find: ({ kind }, object) =>
      ['Deployment', 'StatefulSet', 'DaemonSet'].includes(kind) &&
      members(object['spec'])['revisionHistoryLimit'] === 0,
  },
  {
    ...check(
      'k8s-job-deadline',
      'low',
      '',
      ['may run for ever', 'puede ejecutarse sin fin'],
      ['set activeDeadlineSeconds', 'fijar activeDeadlineSeconds'],
    ),
    find: ({ kind, spec }, object) => {
      const job =
        kind === 'CronJob' ? members(members(members(object['spec'])['jobTemplate'])['spec']) : members(object['spec']);
      return (
        ['Job', 'CronJob'].includes(kind) &&
        !isSet(job['activeDeadlineSeconds']) &&
        !isSet(spec['activeDeadlineSeconds'])
      );
    },
  },
  {
    ...check(
      'k8s-cron-overlap',
      'low',
      '',
      ['starts again while the former run still goes on', 'vuelve a arrancar mientras sigue la ejecución anterior'],
      ['set concurrencyPolicy to Forbid or Replace', 'fijar concurrencyPolicy a Forbid o Replace'],
    ),
    find: ({ kind }, object) =>
      kind === 'CronJob' && (members(object['spec'])['concurrencyPolicy'] ?? 'Allow') === 'Allow',
  },
  {
    ...check(
      'k8s-selector-mismatch',
      'medium',
      '',
      ['has a selector that its own pods do not meet', 'tiene un selector que sus propios pods no cumplen'],
      ['write the same labels in selector and template', 'escribir las mismas etiquetas en el selector y la plantilla'],
    ),
    find: ({ kind, metadata }, object) => {
      if (!['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(kind)) return false;
      const labels = members(metadata['labels']);
      return Object.entries(members(members(members(object['spec'])['selector'])['matchLabels'])).some(
        ([name, value]) => labels[name] !== value,
      );
    },
  },
];

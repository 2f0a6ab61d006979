import type { YamlPath } from '../../formats/index.ts';
import { type Check, check } from './check.ts';
import type { ContainerView, PodView } from './pod.ts';
import { isOn, isSet, items, type Members, members, textOf, texts } from './values.ts';

export type PodSecurityLevel = 'baseline' | 'restricted';

/** A place in the document that offends, and whose it is. */
export interface Offence {
  readonly at: YamlPath;
  readonly container: string | null;
  readonly detail?: string;
}

/** A control of the Pod Security Standards (v1.30, as k8s.io/pod-security-admission decides it). */
export interface PodSecurityCheck extends Check {
  readonly level: PodSecurityLevel;
  readonly find: (pod: PodView) => Offence[];
}

const BASELINE_CAPABILITIES: ReadonlySet<string> = new Set([
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP'],
  ...['SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
]);
const SELINUX_TYPES: ReadonlySet<string> = new Set([
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);
const SYSCTLS: ReadonlySet<string> = new Set([
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start'],
  ...['net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_local_reserved_ports'],
  ...[
    'net.ipv4.tcp_keepalive_time',
    'net.ipv4.tcp_fin_timeout',
    'net.ipv4.tcp_keepalive_intvl',
    'net.ipv4.tcp_keepalive_probes',
  ],
]);
const RESTRICTED_VOLUMES: readonly string[] = [
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'],
];
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';

const eachContainer = (pod: PodView, find: (one: ContainerView) => Offence[]): Offence[] =>
  pod.containers.flatMap(find);
const inContext = (one: ContainerView, ...field: string[]): Offence => ({
  at: [...one.path, 'securityContext', ...field],
  container: one.name,
});
const inPod = (pod: PodView, ...field: (string | number)[]): Offence => ({
  at: [...pod.path, ...field],
  container: null,
});

/** Contexts of the pod and of each container, with where they are. */
function contextsOf(pod: PodView): { context: Members; at: YamlPath; container: string | null }[] {
  return [
    { context: pod.context, at: [...pod.path, 'securityContext'], container: null },
    ...pod.containers.map(({ context, path, name }) => ({
      context,
      at: [...path, 'securityContext'],
      container: name,
    })),
  ];
}

const seccompType = (context: Members): string => textOf(members(context['seccompProfile'])['type']);

export const POD_SECURITY: readonly PodSecurityCheck[] = [
  {
    ...check(
      'k8s-host-process',
      'critical',
      'PSS baseline',
      ['runs as a process of the Windows host', 'se ejecuta como proceso del host Windows'],
      ['remove windowsOptions.hostProcess', 'quitar windowsOptions.hostProcess'],
    ),
    level: 'baseline',
    find: (pod) =>
      contextsOf(pod)
        .filter(({ context }) => isOn(members(context['windowsOptions'])['hostProcess']))
        .map(({ at, container }) => ({ at: [...at, 'windowsOptions', 'hostProcess'], container })),
  },
  ...(['hostNetwork', 'hostPID', 'hostIPC'] as const).map((field): PodSecurityCheck => {
    const [id, en, es] = {
      hostNetwork: ['k8s-host-network', 'network', 'la red'],
      hostPID: ['k8s-host-pid', 'processes', 'los procesos'],
      hostIPC: ['k8s-host-ipc', 'shared memory', 'la memoria compartida'],
    }[field] as [string, string, string];
    return {
      ...check(
        id,
        'high',
        'PSS baseline, CIS Kubernetes 5.2, NSA 2',
        [`shares the ${en} of the host`, `comparte ${es} del host`],
        [`remove ${field}`, `quitar ${field}`],
      ),
      level: 'baseline',
      find: (pod) => (isOn(pod.spec[field]) ? [inPod(pod, field)] : []),
    };
  }),
  {
    ...check(
      'k8s-privileged',
      'critical',
      'PSS baseline, CIS Kubernetes 5.2.2, NSA 2',
      ['runs privileged: it is root on the host', 'se ejecuta con privilegios: es root en el host'],
      [
        'remove securityContext.privileged and add the one capability that is needed',
        'quitar securityContext.privileged y añadir solo la capacidad necesaria',
      ],
    ),
    level: 'baseline',
    find: (pod) => eachContainer(pod, (one) => (isOn(one.context['privileged']) ? [inContext(one, 'privileged')] : [])),
  },
  {
    ...check(
      'k8s-capabilities-baseline',
      'high',
      'PSS baseline, CIS Kubernetes 5.2.9',
      [
        'adds capabilities of the kernel beyond the default ones',
        'añade capacidades del núcleo además de las predeterminadas',
      ],
      ['remove them from securityContext.capabilities.add', 'quitarlas de securityContext.capabilities.add'],
    ),
    level: 'baseline',
    find: (pod) =>
      eachContainer(pod, (one) => {
        const added = items(members(one.context['capabilities'])['add']);
        const wrong = added.filter((name) => typeof name !== 'string' || !BASELINE_CAPABILITIES.has(name));
        if (wrong.length === 0) return [];
        return [{ ...inContext(one, 'capabilities', 'add'), detail: wrong.map(String).join(', ') }];
      }),
  },
  {
    ...check(
      'k8s-host-path',
      'high',
      'PSS baseline, CIS Kubernetes 5.2.12, NSA 2',
      ['mounts a folder of the host', 'monta una carpeta del host'],
      ['use a PersistentVolumeClaim, ConfigMap or Secret', 'usar un PersistentVolumeClaim, ConfigMap o Secret'],
    ),
    level: 'baseline',
    find: (pod) =>
      items(pod.spec['volumes']).flatMap((volume, index) => {
        const hostPath = members(volume)['hostPath'];
        if (hostPath === undefined || hostPath === null) return [];
        return [{ ...inPod(pod, 'volumes', index), detail: textOf(members(hostPath)['path']) }];
      }),
  },
  {
    ...check(
      'k8s-host-port',
      'medium',
      'PSS baseline, CIS Kubernetes 5.2.13',
      ['takes a port of the host', 'toma un puerto del host'],
      [
        'publish it with a Service and an Ingress and remove hostPort',
        'publicarlo con un Service y un Ingress y quitar hostPort',
      ],
    ),
    level: 'baseline',
    find: (pod) =>
      eachContainer(pod, (one) =>
        items(one.value['ports']).flatMap((port, index) => {
          const number = members(port)['hostPort'];
          if (!isSet(number) || number === 0) return [];
          return [{ at: [...one.path, 'ports', index, 'hostPort'], container: one.name, detail: String(number) }];
        }),
      ),
  },
  {
    ...check(
      'k8s-apparmor',
      'high',
      'PSS baseline, NSA 2',
      ['switches AppArmor off', 'desactiva AppArmor'],
      ['use the profile RuntimeDefault or one of the host', 'usar el perfil RuntimeDefault o uno del host'],
    ),
    level: 'baseline',
    find: (pod) => [
      ...Object.entries(members(pod.metadata['annotations'])).flatMap(([name, value]) => {
        if (!name.startsWith(APPARMOR)) return [];
        const isFine = value === '' || value === 'runtime/default' || textOf(value).startsWith('localhost/');
        return isFine
          ? []
          : [{ at: [...pod.metadataPath, 'annotations', name], container: name.slice(APPARMOR.length) }];
      }),
      ...contextsOf(pod).flatMap(({ context, at, container }) => {
        const profile = context['appArmorProfile'];
        const type = members(profile)['type'];
        if (profile === undefined || profile === null || type === 'RuntimeDefault' || type === 'Localhost') return [];
        return [{ at: [...at, 'appArmorProfile', 'type'], container }];
      }),
    ],
  },
  {
    ...check(
      'k8s-selinux',
      'high',
      'PSS baseline, NSA 2',
      ['sets an SELinux type, user or role of its own', 'fija un tipo, usuario o rol propio de SELinux'],
      [
        'remove seLinuxOptions, or use type container_t and no user or role',
        'quitar seLinuxOptions, o usar el tipo container_t sin usuario ni rol',
      ],
    ),
    level: 'baseline',
    find: (pod) =>
      contextsOf(pod).flatMap(({ context, at, container }) => {
        const options = members(context['seLinuxOptions']);
        const isFine = SELINUX_TYPES.has(textOf(options['type'])) && !isSet(options['user']) && !isSet(options['role']);
        return isFine ? [] : [{ at: [...at, 'seLinuxOptions'], container }];
      }),
  },
  {
    ...check(
      'k8s-proc-mount',
      'high',
      'PSS baseline',
      ['sees all of /proc', 've todo /proc'],
      ['remove securityContext.procMount', 'quitar securityContext.procMount'],
    ),
    level: 'baseline',
    find: (pod) =>
      eachContainer(pod, (one) =>
        isSet(one.context['procMount']) && one.context['procMount'] !== 'Default' ? [inContext(one, 'procMount')] : [],
      ),
  },
  {
    ...check(
      'k8s-seccomp-unconfined',
      'high',
      'PSS baseline, CIS Kubernetes 5.7.2',
      ['switches the system call filter off', 'desactiva el filtro de llamadas al sistema'],
      ['use seccompProfile of type RuntimeDefault', 'usar seccompProfile de tipo RuntimeDefault'],
    ),
    level: 'baseline',
    find: (pod) => [
      ...Object.entries(members(pod.metadata['annotations'])).flatMap(([name, value]) => {
        if (name !== SECCOMP_POD && !name.startsWith(SECCOMP_CONTAINER)) return [];
        const profile = textOf(value);
        const isFine =
          profile === 'runtime/default' || profile === 'docker/default' || profile.startsWith('localhost/');
        return isFine ? [] : [{ at: [...pod.metadataPath, 'annotations', name], container: null }];
      }),
      ...contextsOf(pod)
        .filter(({ context }) => {
          const profile = context['seccompProfile'];
          if (profile === undefined || profile === null) return false;
          return !['RuntimeDefault', 'Localhost'].includes(seccompType(context));
        })
        .map(({ at, container }) => ({ at: [...at, 'seccompProfile', 'type'], container })),
    ],
  },
  {
    ...check(
      'k8s-sysctls',
      'medium',
      'PSS baseline',
      ['changes kernel settings that are not of its own', 'cambia parámetros del núcleo que no son solo suyos'],
      ['remove the sysctls', 'quitar los sysctls'],
    ),
    level: 'baseline',
    find: (pod) =>
      items(pod.context['sysctls']).flatMap((sysctl, index) => {
        const name = textOf(members(sysctl)['name']);
        return SYSCTLS.has(name) ? [] : [{ ...inPod(pod, 'securityContext', 'sysctls', index), detail: name }];
      }),
  },
  {
    ...check(
      'k8s-volume-types',
      'medium',
      'PSS restricted',
      ['uses a kind of volume that reaches past the cluster', 'usa una clase de volumen que sale del clúster'],
      [
        'use a PersistentVolumeClaim, ConfigMap, Secret, emptyDir or projected volume',
        'usar un PersistentVolumeClaim, ConfigMap, Secret, emptyDir o volumen projected',
      ],
    ),
    level: 'restricted',
    find: (pod) =>
      items(pod.spec['volumes']).flatMap((volume, index) => {
        const value = members(volume);
        const kinds = Object.keys(value).filter((key) => key !== 'name' && isOn(value[key]));
        // A volume without a kind is an emptyDir.
        const wrong = kinds.filter((kind) => !RESTRICTED_VOLUMES.includes(kind));
        return wrong.length === 0 ? [] : [{ ...inPod(pod, 'volumes', index), detail: wrong.join(', ') }];
      }),
  },
  {
    ...check(
      'k8s-privilege-escalation',
      'medium',
      'PSS restricted, CIS Kubernetes 5.2.6, NSA 2',
      ['may gain privileges through set-uid programs', 'puede ganar privilegios con programas set-uid'],
      [
        'set securityContext.allowPrivilegeEscalation to false',
        'fijar securityContext.allowPrivilegeEscalation a false',
      ],
    ),
    level: 'restricted',
    find: (pod) =>
      pod.isWindows
        ? []
        : eachContainer(pod, (one) =>
            one.context['allowPrivilegeEscalation'] === false ? [] : [inContext(one, 'allowPrivilegeEscalation')],
          ),
  },
  {
    ...check(
      'k8s-run-as-non-root',
      'medium',
      'PSS restricted, CIS Kubernetes 5.2.7, NSA 2',
      ['is not kept from running as root', 'nada impide que se ejecute como root'],
      ['set securityContext.runAsNonRoot to true', 'fijar securityContext.runAsNonRoot a true'],
    ),
    level: 'restricted',
    find: (pod) => {
      const ofPod = pod.context['runAsNonRoot'];
      const wrong = pod.containers.filter(({ context }) => {
        const own = context['runAsNonRoot'] ?? null;
        return own === null ? ofPod !== true : own !== true;
      });
      if (ofPod === false && wrong.length === 0) return [inPod(pod, 'securityContext', 'runAsNonRoot')];
      return wrong.map((one) => inContext(one, 'runAsNonRoot'));
    },
  },
  {
    ...check(
      'k8s-run-as-user-root',
      'high',
      'PSS restricted, CIS Kubernetes 5.2.7',
      ['runs as user 0', 'se ejecuta como usuario 0'],
      ['set runAsUser to a number above 0', 'fijar runAsUser a un número mayor que 0'],
    ),
    level: 'restricted',
    find: (pod) =>
      contextsOf(pod)
        .filter(({ context }) => context['runAsUser'] === 0 || context['runAsUser'] === '0')
        .map(({ at, container }) => ({ at: [...at, 'runAsUser'], container })),
  },
  {
    ...check(
      'k8s-seccomp-missing',
      'medium',
      'PSS restricted, CIS Kubernetes 5.7.2',
      ['has no system call filter set', 'no tiene fijado un filtro de llamadas al sistema'],
      ['set seccompProfile of type RuntimeDefault', 'fijar seccompProfile de tipo RuntimeDefault'],
    ),
    level: 'restricted',
    find: (pod) => {
      if (pod.isWindows) return [];
      const isSetFor = (context: Members): boolean => ['RuntimeDefault', 'Localhost'].includes(seccompType(context));
      return isSetFor(pod.context)
        ? []
        : eachContainer(pod, (one) =>
            isSetFor(one.context) || isSet(one.context['seccompProfile']) ? [] : [inContext(one, 'seccompProfile')],
          );
    },
  },
  {
    ...check(
      'k8s-capabilities-drop-all',
      'medium',
      'PSS restricted, CIS Kubernetes 5.2.10, NSA 2',
      [
        'keeps capabilities of the kernel that it may not need',
        'conserva capacidades del núcleo que quizá no necesite',
      ],
      [
        'drop ALL in securityContext.capabilities.drop and add back only NET_BIND_SERVICE if needed',
        'quitar ALL en securityContext.capabilities.drop y añadir solo NET_BIND_SERVICE si hace falta',
      ],
    ),
    level: 'restricted',
    find: (pod) =>
      pod.isWindows
        ? []
        : eachContainer(pod, (one) => {
            const { drop, add } = members(one.context['capabilities']);
            const isFine = texts(drop).includes('ALL') && items(add).every((name) => name === 'NET_BIND_SERVICE');
            return isFine ? [] : [inContext(one, 'capabilities')];
          }),
  },
];

/** Whether a pod meets a level of the Pod Security Standards; restricted holds baseline within it. */
export function meetsPodSecurity(pod: PodView, level: PodSecurityLevel): boolean {
  return POD_SECURITY.every(
    (one) => (level === 'baseline' && one.level === 'restricted') || one.find(pod).length === 0,
  );
}

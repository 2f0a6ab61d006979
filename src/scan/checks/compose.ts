import { parseYamlDocuments, type YamlDocument, type YamlOptions, type YamlPath } from '../../formats/index.ts';
import type { Json } from '../../system/index.ts';
import type { Misconfiguration } from '../report.ts';
import { type Check, check, isSwitch, misconfigured, namesSecret } from './check.ts';
import { isOn, isSet, items, type Members, members, textOf, texts } from './values.ts';

type Found = boolean | { readonly at: YamlPath; readonly detail?: string };

/** A check of one service of a Compose file (compose-spec). */
interface ServiceCheck extends Check {
  readonly find: (service: Members) => Found;
}

const at = (...path: (string | number)[]): Found => ({ at: path });
const limits = (service: Members): Members => members(members(members(service['deploy'])['resources'])['limits']);
const words = (value: Json | undefined): string[] => (typeof value === 'string' ? [value] : texts(value));

/** Names and values of `environment`, which is a list or a map. */
function environment(service: Members): [string, string][] {
  const value = service['environment'];
  if (Array.isArray(value)) {
    return texts(value).map((entry) => [
      entry.split('=', 1)[0] ?? '',
      entry.includes('=') ? entry.slice(entry.indexOf('=') + 1) : '',
    ]);
  }
  return Object.entries(members(value)).map(([name, text]) => [name, text === null ? '' : String(text)]);
}

/** What a volume binds of the host; null for named ones. */
function bindOf(volume: Json): { source: string; readOnly: boolean } | null {
  if (typeof volume === 'string') {
    const [source = '', target, mode = ''] = volume.split(':');
    return target !== undefined && /^[./~$]/.test(source) ? { source, readOnly: mode.split(',').includes('ro') } : null;
  }
  const { type, source, read_only: readOnly } = members(volume);
  return type === 'bind' ? { source: textOf(source), readOnly: readOnly === true } : null;
}

function bind(
  id: string,
  severity: Check['severity'],
  standards: string,
  pattern: RegExp,
  what: readonly [string, string],
): ServiceCheck {
  return {
    ...check(
      id,
      severity,
      standards,
      [`mounts ${what[0]} of the host`, `monta ${what[1]} del host`],
      ['remove the volume', 'quitar el volumen'],
    ),
    find: (service) => {
      const index = items(service['volumes']).findIndex((volume) =>
        pattern.test(bindOf(volume)?.source.replace(/(.)\/+$/, '$1') ?? ''),
      );
      return index >= 0 && at('volumes', index);
    },
  };
}

const shared = (id: string, field: string, value: string, en: string, es: string): ServiceCheck => ({
  ...check(
    id,
    'high',
    'CIS Docker 5',
    [`shares ${en} of the host`, `comparte ${es} del host`],
    [`remove ${field}: ${value}`, `quitar ${field}: ${value}`],
  ),
  find: (service) => service[field] === value && at(field),
});

export const COMPOSE_CHECKS: readonly ServiceCheck[] = [
  {
    ...check(
      'compose-privileged',
      'critical',
      'CIS Docker 5.5',
      ['runs privileged: it is root on the host', 'se ejecuta con privilegios: es root en el host'],
      [
        'remove privileged and add the one capability that is needed',
        'quitar privileged y añadir solo la capacidad necesaria',
      ],
    ),
    find: (service) => isOn(service['privileged']) && at('privileged'),
  },
  {
    ...check(
      'compose-capabilities',
      'high',
      'CIS Docker 5.4',
      ['adds capabilities of the kernel', 'añade capacidades del núcleo'],
      ['remove cap_add', 'quitar cap_add'],
    ),
    find: (service) => {
      const wrong = texts(service['cap_add']).filter((name) => !/^(?:CAP_)?NET_BIND_SERVICE$/i.test(name));
      return wrong.length > 0 && { at: ['cap_add'], detail: wrong.join(', ') };
    },
  },
  {
    ...check(
      'compose-capabilities-kept',
      'medium',
      'CIS Docker 5.4',
      [
        'keeps capabilities of the kernel that it may not need',
        'conserva capacidades del núcleo que quizá no necesite',
      ],
      ['add cap_drop: [ALL]', 'añadir cap_drop: [ALL]'],
    ),
    find: (service) => !texts(service['cap_drop']).some((name) => name.toUpperCase() === 'ALL'),
  },
  {
    ...check(
      'compose-new-privileges',
      'medium',
      'CIS Docker 5.26',
      ['may gain privileges through set-uid programs', 'puede ganar privilegios con programas set-uid'],
      ['add security_opt: [no-new-privileges:true]', 'añadir security_opt: [no-new-privileges:true]'],
    ),
    find: (service) =>
      !texts(service['security_opt']).some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)),
  },
  {
    ...check(
      'compose-seccomp',
      'high',
      'CIS Docker 5.22',
      ['switches the system call filter off', 'desactiva el filtro de llamadas al sistema'],
      ['remove seccomp:unconfined', 'quitar seccomp:unconfined'],
    ),
    find: (service) =>
      texts(service['security_opt']).some((option) => /^seccomp[:=]unconfined$/.test(option)) && at('security_opt'),
  },
  {
    ...check(
      'compose-apparmor',
      'high',
      'CIS Docker 5.1',
      ['switches AppArmor off', 'desactiva AppArmor'],
      ['remove apparmor:unconfined', 'quitar apparmor:unconfined'],
    ),
    find: (service) =>
      texts(service['security_opt']).some((option) => /^apparmor[:=]unconfined$/.test(option)) && at('security_opt'),
  },
  {
    ...check(
      'compose-selinux',
      'high',
      'CIS Docker 5.2',
      ['switches SELinux off', 'desactiva SELinux'],
      ['remove label:disable', 'quitar label:disable'],
    ),
    find: (service) =>
      texts(service['security_opt']).some((option) => /^label[:=]disable$/.test(option)) && at('security_opt'),
  },
  shared('compose-host-network', 'network_mode', 'host', 'the network', 'la red'),
  shared('compose-host-pid', 'pid', 'host', 'the processes', 'los procesos'),
  shared('compose-host-ipc', 'ipc', 'host', 'the shared memory', 'la memoria compartida'),
  shared('compose-host-uts', 'uts', 'host', 'the host name', 'el nombre del host'),
  shared('compose-host-users', 'userns_mode', 'host', 'the users', 'los usuarios'),
  shared('compose-host-cgroup', 'cgroup', 'host', 'the control groups', 'los grupos de control'),
  bind('compose-engine-socket', 'critical', 'CIS Docker 5.32', /(?:docker|podman|containerd|crio)\.sock$/, [
    'the socket of the container engine',
    'el socket del motor de contenedores',
  ]),
  bind(
    'compose-host-system',
    'high',
    'CIS Docker 5.6',
    /^\/(?:etc|boot|dev|lib|proc|sys|usr|root|var\/lib\/(?:docker|containers))?(?:\/|$)/,
    ['a folder of the system', 'una carpeta del sistema'],
  ),
  {
    ...check(
      'compose-device',
      'high',
      'CIS Docker 5.18',
      ['gets devices of the host', 'recibe dispositivos del host'],
      ['remove devices', 'quitar devices'],
    ),
    find: (service) => items(service['devices']).length > 0 && at('devices'),
  },
  {
    ...check(
      'compose-user',
      'medium',
      'CIS Docker 4.1',
      ['runs as root', 'se ejecuta como root'],
      ['set user to a number above 0', 'fijar user a un número mayor que 0'],
    ),
    find: (service) => /^(?:root|0)(?::|$)/.test(String(service['user'] ?? '')) && at('user'),
  },
  {
    ...check(
      'compose-read-only',
      'low',
      'CIS Docker 5.13',
      ['may change its own files', 'puede cambiar sus propios archivos'],
      ['add read_only: true and mount what it writes', 'añadir read_only: true y montar lo que escribe'],
    ),
    find: (service) => service['read_only'] !== true,
  },
  {
    ...check(
      'compose-memory',
      'medium',
      'CIS Docker 5.11',
      ['has no memory limit and can take the host’s', 'no tiene límite de memoria y puede agotar la del host'],
      ['set deploy.resources.limits.memory', 'fijar deploy.resources.limits.memory'],
    ),
    find: (service) => !isSet(service['mem_limit']) && !isSet(limits(service)['memory']),
  },
  {
    ...check(
      'compose-cpu',
      'low',
      'CIS Docker 5.12',
      ['has no CPU limit', 'no tiene límite de CPU'],
      ['set deploy.resources.limits.cpus', 'fijar deploy.resources.limits.cpus'],
    ),
    find: (service) => !isSet(service['cpus']) && !isSet(service['cpu_quota']) && !isSet(limits(service)['cpus']),
  },
  {
    ...check(
      'compose-pids',
      'low',
      'CIS Docker 5.29',
      ['may start processes without limit', 'puede arrancar procesos sin límite'],
      ['set pids_limit', 'fijar pids_limit'],
    ),
    find: (service) =>
      (!isSet(service['pids_limit']) || service['pids_limit'] === -1) && !isSet(limits(service)['pids']),
  },
  {
    ...check(
      'compose-image-tag',
      'medium',
      'CIS Docker 4',
      ['uses the tag latest or none', 'usa la etiqueta latest o ninguna'],
      ['name a version, better a digest', 'indicar una versión, mejor un digest'],
    ),
    find: (service) => {
      const image = textOf(service['image']);
      const end = image.slice(image.lastIndexOf('/') + 1);
      return (
        image !== '' &&
        !image.includes('@') &&
        !image.includes('$') &&
        (!end.includes(':') || end.endsWith(':latest')) &&
        at('image')
      );
    },
  },
  {
    ...check(
      'compose-image-digest',
      'low',
      'NSA 1',
      ['is not pinned by digest', 'no está fijada por digest'],
      ['write IMAGE@sha256:…', 'escribir IMAGEN@sha256:…'],
    ),
    find: (service) => isSet(service['image']) && !textOf(service['image']).includes('@') && at('image'),
  },
  {
    ...check(
      'compose-health',
      'low',
      'CIS Docker 4.6',
      ['has no health check', 'no tiene comprobación de salud'],
      ['add healthcheck', 'añadir healthcheck'],
    ),
    find: (service) => !isSet(service['healthcheck']),
  },
  {
    ...check(
      'compose-health-off',
      'low',
      'CIS Docker 4.6',
      ['switches the health check off', 'desactiva la comprobación de salud'],
      ['remove disable: true', 'quitar disable: true'],
    ),
    find: (service) => isOn(members(service['healthcheck'])['disable']) && at('healthcheck'),
  },
  {
    ...check(
      'compose-restart',
      'low',
      'CIS Docker 5.15',
      ['starts again for ever when it fails', 'vuelve a arrancar sin fin cuando falla'],
      ['use restart: on-failure:5 or unless-stopped', 'usar restart: on-failure:5 o unless-stopped'],
    ),
    find: (service) => service['restart'] === 'always' && at('restart'),
  },
  {
    ...check(
      'compose-secret',
      'high',
      'CIS Docker 5',
      ['has a credential written in its environment', 'tiene una credencial escrita en su entorno'],
      ['use secrets', 'usar secrets'],
    ),
    find: (service) => {
      const name = environment(service).find(
        ([key, value]) => namesSecret(key) && value !== '' && !isSwitch(value) && !/^\$\{?[A-Z]/i.test(value),
      )?.[0];
      return name !== undefined && { at: ['environment'], detail: name };
    },
  },
  {
    ...check(
      'compose-port-open',
      'medium',
      'CIS Docker 5.14',
      ['opens its port on every address of the host', 'abre su puerto en todas las direcciones del host'],
      [
        'write 127.0.0.1: before the port, or publish it through the edge',
        'escribir 127.0.0.1: delante del puerto, o publicarlo por el borde',
      ],
    ),
    find: (service) => {
      const index = items(service['ports']).findIndex((port) => {
        if (typeof port === 'number') return false;
        if (typeof port === 'string') return /^\d+(?:-\d+)?:\d/.test(port) || port.startsWith('0.0.0.0:');
        const { host_ip: address, published } = members(port);
        return isSet(published) && (!isSet(address) || address === '0.0.0.0');
      });
      return index >= 0 && at('ports', index);
    },
  },
  {
    ...check(
      'compose-port-low',
      'low',
      'CIS Docker 5.8',
      ['takes a port below 1024 of the host', 'toma un puerto del host menor que 1024'],
      ['use a port from 1024 on', 'usar un puerto a partir del 1024'],
    ),
    find: (service) => {
      const index = items(service['ports']).findIndex((port) => {
        const text = typeof port === 'string' ? port : String(members(port)['published'] ?? '');
        const [, host] =
          /(?:^|:)(\d+)(?::\d+(?:\/\w+)?)?$/.exec(
            typeof port === 'string' ? text.replace(/:\d+(?:\/\w+)?$/, '') : text,
          ) ?? [];
        return host !== undefined && Number(host) < 1024 && (typeof port !== 'string' || text.includes(':'));
      });
      return index >= 0 && at('ports', index);
    },
  },
  {
    ...check(
      'compose-ssh',
      'medium',
      'CIS Docker 5.7',
      ['opens SSH', 'abre SSH'],
      ['use darsena exec', 'usar darsena exec'],
    ),
    find: (service) =>
      items(service['ports']).some((port) =>
        /(?:^|:)22(?:\/tcp)?$/.test(typeof port === 'string' ? port : String(members(port)['target'] ?? '')),
      ) && at('ports'),
  },
  {
    ...check(
      'compose-propagation',
      'high',
      'CIS Docker 5.20',
      ['passes its mounts on to the host', 'propaga sus montajes al host'],
      ['remove the propagation', 'quitar la propagación'],
    ),
    find: (service) =>
      items(service['volumes']).some((volume) =>
        typeof volume === 'string'
          ? /:(?:.*,)?r?shared(?:,|$)/.test(volume)
          : /shared/.test(textOf(members(members(volume)['bind'])['propagation'])),
      ) && at('volumes'),
  },
  {
    ...check(
      'compose-ulimit',
      'low',
      'CIS Docker 5.19',
      ['lifts limits of the host', 'levanta límites del host'],
      ['remove ulimits: -1', 'quitar ulimits: -1'],
    ),
    find: (service) =>
      Object.values(members(service['ulimits'])).some((value) => value === -1 || members(value)['hard'] === -1) &&
      at('ulimits'),
  },
  {
    ...check(
      'compose-sysctls',
      'medium',
      '',
      ['changes kernel settings', 'cambia parámetros del núcleo'],
      ['remove sysctls', 'quitar sysctls'],
    ),
    find: (service) =>
      words(service['sysctls'])
        .concat(Object.keys(members(service['sysctls'])))
        .some((name) => !/^net\.ipv4\.(?:ip_unprivileged_port_start|ip_local_port_range|tcp_)/.test(name)) &&
      at('sysctls'),
  },
  {
    ...check(
      'compose-oom',
      'medium',
      'CIS Docker 5',
      ['is never ended when memory runs out', 'no se termina nunca cuando falta memoria'],
      ['remove oom_kill_disable', 'quitar oom_kill_disable'],
    ),
    find: (service) =>
      (isOn(service['oom_kill_disable']) || Number(service['oom_score_adj'] ?? 0) <= -900) && at('oom_score_adj'),
  },
];

/** Whether a document is a Compose file: services in a map, and no Kubernetes object. */
export function isCompose(value: Json): boolean {
  const services = members(value)['services'];
  return Object.keys(members(services)).length > 0 && members(value)['apiVersion'] === undefined;
}

/**
 * What is wrong with the services of a Compose file.
 * @throws FormatError with the position when the YAML cannot be read
 */
export function checkCompose(text: string, path: string | null): Misconfiguration[] {
  return checkComposeDocuments(parseYamlDocuments(text, COMPOSE_YAML), path);
}

/** As Docker reads such files. */
export const COMPOSE_YAML: YamlOptions = {
  mergeKeys: true,
  scalars: 'compose',
  tags: ['!reset', '!override'],
  maxAliasCount: 3_000,
};

/** What a service has by `extends`, as far as it stands in this file; null: it leads to another one. */
function withInherited(services: Members, name: string, seen: readonly string[]): Members | null {
  const service = members(services[name]);
  const from = service['extends'];
  if (from === undefined) return service;
  const base = typeof from === 'string' ? from : textOf(members(from)['service']);
  const isElsewhere = members(from)['file'] !== undefined;
  if (isElsewhere || seen.includes(base) || !Object.hasOwn(services, base)) return null;
  const inherited = withInherited(services, base, [...seen, base]);
  return inherited === null ? null : joined(inherited, service);
}

function joined(base: Members, over: Members): Members {
  const result: Record<string, Json> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const former = base[name];
    if (Array.isArray(value) && Array.isArray(former)) result[name] = [...former, ...value];
    else if (isMap(value) && isMap(former)) result[name] = joined(former, value);
    else result[name] = value;
  }
  return result;
}

function isMap(value: Json | undefined): value is Members & Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function checkComposeDocuments(documents: readonly YamlDocument[], path: string | null): Misconfiguration[] {
  return documents
    .filter(({ value }) => isCompose(value))
    .flatMap((document) => {
      const services = members(members(document.value)['services']);
      return Object.entries(services).flatMap(([name, value]) =>
        COMPOSE_CHECKS.flatMap((one) => {
          const hit = one.find(members(value));
          // What is lacking may be inherited; where from cannot be read here, nothing is said of it.
          const whole = hit === true ? withInherited(services, name, [name]) : null;
          if (hit === false || (hit === true && (whole === null || one.find(whole) === false))) return [];
          const { line } = document.locate(['services', name, ...(hit === true ? [] : hit.at)]);
          const detail = hit === true || hit.detail === undefined ? {} : { detail: hit.detail };
          return [misconfigured(one, { path, line, subject: `service ${name}`, ...detail })];
        }),
      );
    });
}

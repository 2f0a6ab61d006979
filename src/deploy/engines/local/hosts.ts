import { resolveTargetPort, selects, type WantedService, type WantedWorkload } from '../../model.ts';
import type { HostEntry } from './engine.ts';

/** A pod that may be named: it runs and every one of its containers is ready. */
export interface NamedPod {
  readonly name: string;
  readonly project: string;
  readonly environment: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** Told by services of both families. */
  readonly six?: string | null;
  /** False: known to services that publish what is not ready, and to no other. @default true */
  readonly ready?: boolean;
  readonly hostname?: string;
  /** The headless service under which its own name is known. */
  readonly subdomain?: string;
}

/**
 * What the services of one environment mean to one pod: the ready pods behind each name, none when there are none, so that
 * a lookup then fails at once instead of connecting to a pod that cannot answer. Resolvers take the first line, so the
 * order is turned by the asking pod's name: different pods begin with different ones.
 */
export function serviceHosts(
  services: readonly WantedService[],
  readyPods: readonly NamedPod[],
  client: { readonly name: string; readonly project: string; readonly environment: string },
): HostEntry[] {
  const entries: HostEntry[] = [];
  const ownPods = readyPods
    .filter((pod) => pod.project === client.project && pod.environment === client.environment)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const service of services) {
    if (service.project !== client.project || service.environment !== client.environment) continue;
    const behind = ownPods.filter(
      (pod) => selects(service.selector, pod.labels) && (pod.ready !== false || service.publishNotReady === true),
    );
    const names = serviceNames(service);
    const first = behind.length === 0 ? 0 : spread(client.name) % behind.length;
    for (let index = 0; index < behind.length; index++) {
      const pod = behind[(first + index) % behind.length];
      if (pod === undefined) continue;
      const own = pod.hostname !== undefined && pod.subdomain === service.name ? pod.hostname : null;
      const all = own === null ? names : [...names, ...names.map((name) => `${own}.${name}`)];
      for (const address of addressesFor(service, pod)) entries.push({ address, names: all });
    }
  }
  return entries;
}

/** IPv4 first: a service that says nothing has it alone, as a program that listens on IPv4 alone is met by its name. */
export function addressesFor(
  { sixToo }: Pick<WantedService, 'sixToo'>,
  { address, six = null }: Pick<NamedPod, 'address' | 'six'>,
): readonly string[] {
  return sixToo === true && six !== null ? [address, six] : [address];
}

/** The names Kubernetes would give: the service, and with the environment as its namespace. */
export function serviceNames(service: WantedService): string[] {
  const { name, project, environment } = service;
  const namespace = `${project}-${environment}`;
  return [
    name,
    `${name}.${environment}`,
    `${name}.${namespace}`,
    `${name}.${namespace}.svc`,
    `${name}.${namespace}.svc.cluster.local`,
  ];
}

/**
 * What Kubernetes writes before the name of a pod that has a subdomain, as those of a StatefulSet have by its serviceName:
 * programs that find each other ask `hostname -f` and `hostname -d` for it.
 */
export function ownName(
  { project, environment }: Pick<WantedService, 'project' | 'environment'>,
  hostname: string,
  { address, subdomain }: { readonly address: string; readonly subdomain: string | undefined },
): HostEntry[] {
  if (subdomain === undefined) return [];
  const name = `${hostname}.${subdomain}.${project}-${environment}.svc.cluster.local`;
  return [{ address, names: [name], own: true }];
}

/** A port by which a service is called, and the other one on which its pods listen. */
export interface ServiceRedirect {
  readonly protocol: 'TCP' | 'UDP';
  readonly from: number;
  readonly to: number;
}

/** Ports where a service is called by another number than its pods listen on. */
export function serviceRedirects(
  services: readonly WantedService[],
  workload: Pick<WantedWorkload, 'key' | 'pod'>,
): ServiceRedirect[] {
  const redirects = new Map<string, ServiceRedirect>();
  for (const service of services) {
    const { project, environment } = workload.key;
    if (service.project !== project || service.environment !== environment) continue;
    if (!selects(service.selector, workload.pod.labels)) continue;
    for (const port of service.ports) {
      const target = resolveTargetPort(workload.pod, port.targetPort);
      const { protocol, port: from } = port;
      if (target !== null && target !== from) redirects.set(`${protocol}/${from}`, { protocol, from, to: target });
    }
  }
  return [...redirects.values()].sort((a, b) => a.from - b.from || (a.protocol < b.protocol ? -1 : 1));
}

/** Redirects as rules of the pod's own network namespace, for what comes in and for what the pod asks of itself. */
export function redirectRules(
  address: string,
  redirects: readonly ServiceRedirect[],
  six: string | null = null,
): string {
  const chain = (name: string, hook: string, matches: readonly string[]): string[] => [
    `  chain ${name} {`,
    `    type nat hook ${hook}; policy accept;`,
    ...matches.flatMap((match) =>
      redirects.map(
        ({ protocol, from, to }) => `    ${match}${protocol.toLowerCase()} dport ${from} redirect to :${to}`,
      ),
    ),
    '  }',
  ];
  return [
    'table inet darsena',
    'delete table inet darsena',
    'table inet darsena {',
    ...chain('incoming', 'prerouting priority dstnat', ['']),
    ...chain('own', 'output priority -100', [`ip daddr ${address} `, ...(six === null ? [] : [`ip6 daddr ${six} `])]),
    '}',
    '',
  ].join('\n');
}

/** The file itself, in hosts(5) form. `host.containers.internal` is left out: a workload has no business with its host. */
export function formatHosts(address: string, hostname: string, entries: readonly HostEntry[]): string {
  // What the author wrote (hostAliases) comes with the entries, before the services.
  const own = entries.flatMap((entry) => (entry.own === true ? entry.names : []));
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost', `${address}\t${[...own, hostname].join(' ')}`];
  for (const entry of entries) if (entry.own !== true) lines.push(`${entry.address}\t${entry.names.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}

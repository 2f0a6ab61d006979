import { coversName } from '../segmentation/policy.ts';
import type { NamedEgress } from '../segmentation/rules.ts';

/** Below it names are the platform's own, as in Kubernetes: nobody else is asked about them. */
export const CLUSTER_DOMAIN = 'cluster.local';

/** A ready pod behind a service. */
export interface ZonePod {
  readonly hostname: string;
  /** Of either family; a pod with both stands there twice. */
  readonly address: string;
}

export interface ZoneService {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly ports: readonly { readonly name: string | null; readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
  readonly pods: readonly ZonePod[];
}

/** Who may ask, by the address that asks. */
export interface ZoneClient {
  readonly pod: string;
  /** Which pod of that name it is: one that was made anew has nothing open yet. */
  readonly podId: string;
  readonly project: string;
  readonly environment: string;
  /** Names outside: all of them, or only those that a rule of its policies opens. */
  readonly outside: { readonly kind: 'all' } | { readonly kind: 'named'; readonly names: readonly NamedEgress[] };
}

/** What names mean at a moment: rebuilt whenever readiness, services or policies change. */
export interface Zone {
  readonly services: readonly ZoneService[];
  readonly clients: ReadonlyMap<string, ZoneClient>;
}

export const EMPTY_ZONE: Zone = { services: [], clients: new Map() };

export type ZoneAnswer =
  /** A name of the platform: its addresses, none where nobody is ready. */
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'services'; readonly targets: readonly ZoneTarget[] }
  /** A name of the platform's that nobody has. */
  | { readonly kind: 'none' }
  | { readonly kind: 'outside'; readonly sets: readonly string[] }
  | { readonly kind: 'refused' };

export interface ZoneTarget {
  readonly name: string;
  readonly port: number;
  readonly address: string;
}

/**
 * What a question means to the pod that asks it. Services of one's own environment have short names; those of any
 * environment have their whole name (`web.shop-dev.svc.cluster.local`): to know an address is not to reach it.
 * Names and forms: Kubernetes DNS-Based Service Discovery 1.1.0.
 * @param name in lower case, without the last dot
 */
export function askZone(zone: Zone, client: ZoneClient, name: string, type: string): ZoneAnswer {
  const labels = name.split('.');
  const [port = '', protocol = '', ...rest] = labels;
  if (type === 'SRV' && port.startsWith('_') && protocol.startsWith('_')) {
    const found = findService(zone, client, rest);
    if (found === null) return isOwn(rest) ? { kind: 'none' } : outside(client, name);
    const one = found.ports.find(
      (candidate) => candidate.name === port.slice(1) && `_${candidate.protocol.toLowerCase()}` === protocol,
    );
    if (one === undefined) return { kind: 'none' };
    const below = `${found.name}.${namespaceOf(found)}.svc.${CLUSTER_DOMAIN}`;
    const targets = found.pods.map(({ hostname, address }) => ({
      name: `${hostname}.${below}`,
      port: one.port,
      address,
    }));
    return { kind: 'services', targets };
  }
  const service = findService(zone, client, labels);
  if (service !== null) return { kind: 'addresses', addresses: service.pods.map(({ address }) => address) };
  const [hostname, ...above] = labels;
  const behind = above.length === 0 ? null : findService(zone, client, above);
  const pods = behind?.pods.filter((one) => one.hostname === hostname) ?? [];
  if (pods.length > 0) return { kind: 'addresses', addresses: pods.map(({ address }) => address) };
  return behind !== null || isOwn(labels) ? { kind: 'none' } : outside(client, name);
}

function outside(client: ZoneClient, name: string): ZoneAnswer {
  if (client.outside.kind === 'all') return { kind: 'outside', sets: [] };
  const sets = client.outside.names.filter(({ patterns }) => patterns.some((pattern) => coversName(pattern, name)));
  return sets.length === 0 ? { kind: 'refused' } : { kind: 'outside', sets: sets.map(({ set }) => set) };
}

/** Names that are never asked outside: those below the platform's domain, and those of one label. */
function isOwn(labels: readonly string[]): boolean {
  return labels.length === 1 || labels.slice(-2).join('.') === CLUSTER_DOMAIN;
}

function namespaceOf({ project, environment }: { readonly project: string; readonly environment: string }): string {
  return `${project}-${environment}`;
}

/** `web`, `web.dev`, `web.shop-dev`, `web.shop-dev.svc`, `web.shop-dev.svc.cluster.local`. */
function findService(zone: Zone, client: ZoneClient, labels: readonly string[]): ZoneService | null {
  const [name, namespace, ...more] = labels;
  if (name === undefined || !['', 'svc', `svc.${CLUSTER_DOMAIN}`].includes(more.join('.'))) return null;
  const found = zone.services.find((one) => {
    if (one.name !== name) return false;
    const isHome = one.project === client.project && one.environment === client.environment;
    if (namespace === undefined) return isHome;
    return namespaceOf(one) === namespace || (isHome && more.length === 0 && one.environment === namespace);
  });
  return found ?? null;
}

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { networkFault } from '../errors.ts';
import { EDGE_JOINED_MAX } from '../limits.ts';
import { faultOfOptions, isNetwork, keyOfOptions, type RouteOptions } from './options.ts';

/** Where one ready replica listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Its share of the requests beside the weights of its equals, 0 (none) to 256. @default 100 */
  readonly weight?: number;
}

/** HAProxy's greatest weight of a server (its manual, `weight`). */
const WEIGHT_MAX = 256;
/** Of an endpoint that names none. */
export const WEIGHT_DEFAULT = 100;

/** A host name, or `*.` and a name for all that is one label below it (networking.k8s.io/v1, hostname wildcards). */
export const EDGE_HOST =
  /^(?=.{1,253}$)(?:\*\.)?[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;
/** RFC 3986 section 3.3 without the apostrophe, which would end a quoted word of HAProxy's configuration. */
export const EDGE_PATH = /^\/[A-Za-z0-9._~!$&()*+,;=:@%/-]{0,1023}$/;

/** One published path of one host, and who answers it. Only ready replicas are endpoints. */
export interface EdgeRoute {
  readonly host: string;
  readonly path: string;
  /** As an Ingress means them: `Prefix` by whole path elements. */
  readonly pathType: 'Prefix' | 'Exact';
  /** `project/environment/service:port`; routes of one service share their endpoints. */
  readonly service: string;
  readonly endpoints: readonly Endpoint[];
  readonly options?: RouteOptions;
}

/** One published port that carries TCP as it comes. */
export interface EdgeListener {
  readonly port: number;
  /** `project/environment/service:port` */
  readonly service: string;
  readonly endpoints: readonly Endpoint[];
  /** Clients that may connect, as addresses or blocks; empty: all. */
  readonly sources: readonly string[];
  /** Clients that may not. */
  readonly denied?: readonly string[];
  /** One client address stays with one replica. */
  readonly sticky: boolean;
  /** Tells replicas the client's address by the PROXY protocol, version 2. */
  readonly sendProxy: boolean;
  /** The edge ends TLS with its certificates; replicas get what was inside. */
  readonly tls: boolean;
}

/** All that the edge publishes. */
export interface Published {
  readonly routes: readonly EdgeRoute[];
  readonly listeners: readonly EdgeListener[];
  /** Balancers in front: connections from these networks begin with the PROXY protocol and are believed by it. */
  readonly proxies: readonly string[];
  /** What the platform's own looks carry, so that they are not logged among what clients ask; hexadecimal. */
  readonly probe?: string | null;
}

export const NOTHING_PUBLISHED: Published = { routes: [], listeners: [], proxies: [] };

/** One backend of HAProxy: the routes of a service that treat requests alike share it. */
export type EdgeBackend =
  | {
      readonly kind: 'http';
      readonly id: string;
      readonly options: RouteOptions;
      readonly endpoints: readonly Endpoint[];
    }
  | {
      readonly kind: 'tcp';
      readonly id: string;
      readonly listener: EdgeListener;
      readonly endpoints: readonly Endpoint[];
    };

/** The id of a route's backend: the service, and a mark of its options when it has some. */
export function backendOf({ service, options }: EdgeRoute): string {
  const key = keyOfOptions(options);
  return key === '' ? service : `${service}.${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
}

/** By id, so that the same routes give the same text in any order. */
export function backendsOf({ routes, listeners }: Pick<Published, 'routes' | 'listeners'>): EdgeBackend[] {
  const backends = new Map<string, EdgeBackend>();
  for (const route of routes) {
    const id = backendOf(route);
    backends.set(id, { kind: 'http', id, options: route.options ?? {}, endpoints: route.endpoints });
  }
  for (const listener of listeners) {
    const id = `${listener.service}.tcp${listener.port}`;
    backends.set(id, { kind: 'tcp', id, listener, endpoints: listener.endpoints });
  }
  return [...backends.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
}

/**
 * What HAProxy's language could be told through a route is refused: every part is checked before it is written.
 * @throws Fault network.route-invalid
 */
export function checkRoute(route: EdgeRoute): void {
  const { host, path, pathType, service, endpoints, options } = route;
  const refuse = (reason: string) => networkFault('network.route-invalid', { host, path, reason });
  if (!EDGE_HOST.test(host)) throw refuse('the host is not a DNS name');
  if (!EDGE_PATH.test(path)) throw refuse('the path holds characters a path cannot have');
  if (pathType !== 'Prefix' && pathType !== 'Exact') throw refuse(`${pathType} is no type of path`);
  const reason = faultOfService(service, endpoints) ?? faultOfOptions(options ?? {}, EDGE_JOINED_MAX);
  if (reason !== null) throw refuse(reason);
}

/** @throws Fault network.listener-invalid */
export function checkListener(listener: EdgeListener): void {
  const { port, service, endpoints, sources, denied = [] } = listener;
  const odd = [...sources, ...denied].find((text) => !isNetwork(text));
  const reason = !isPort(port)
    ? `${port} is no port`
    : odd !== undefined
      ? `${JSON.stringify(odd).slice(0, 80)} is no address and no block of addresses`
      : faultOfService(service, endpoints);
  if (reason !== null) throw networkFault('network.listener-invalid', { port, service: service.slice(0, 200), reason });
}

function faultOfService(service: string, endpoints: readonly Endpoint[]): string | null {
  if (!/^[a-z0-9./:_-]{1,250}$/.test(service)) return 'the service key is not a name';
  for (const { host, port, weight = WEIGHT_DEFAULT } of endpoints) {
    if (isIP(host) === 0 || host.includes('%') || !isPort(port)) return `${host}:${port} is not an address`;
    if (!Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX) return `${weight} is no weight`;
  }
  return null;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

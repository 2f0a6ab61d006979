import { isIP } from 'node:net';
import { networkFault } from '../errors.ts';

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

/** One published path of one host, and who answers it. Only ready replicas are endpoints. */
export interface EdgeRoute {
  readonly host: string;
  readonly path: string;
  /** As an Ingress means them: `Prefix` by whole path elements. */
  readonly pathType: 'Prefix' | 'Exact';
  /** `project/environment/service:port`; routes of one service share their endpoints. */
  readonly service: string;
  readonly endpoints: readonly Endpoint[];
}

/**
 * What HAProxy's language could be told through a route is refused: every part is checked before it is written.
 * @throws Fault network.route-invalid
 */
export function checkRoute(route: EdgeRoute): void {
  const { host, path, service, endpoints } = route;
  const refuse = (reason: string) => networkFault('network.route-invalid', { host, path, reason });
  if (!/^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(host) || host.length > 253)
    throw refuse('the host is not a DNS name');
  if (!/^\/[A-Za-z0-9._~!$&()*+,;=:@%/-]*$/.test(path)) throw refuse('the path holds characters a path cannot have');
  if (!/^[a-z0-9./:_-]{1,250}$/.test(service)) throw refuse('the service key is not a name');
  for (const endpoint of endpoints) {
    const validPort = Number.isInteger(endpoint.port) && endpoint.port > 0 && endpoint.port < 65_536;
    if (isIP(endpoint.host) === 0 || !validPort) throw refuse(`${endpoint.host}:${endpoint.port} is not an address`);
    const { weight = WEIGHT_DEFAULT } = endpoint;
    if (!Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX) throw refuse(`${weight} is no weight`);
  }
}

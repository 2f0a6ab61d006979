import { createHash } from 'node:crypto';
import { type RouteOptions, readRouteAnnotations } from '../../network/index.ts';
import type { Text } from '../../system/index.ts';
import type { WantedListener } from '../model.ts';
import type { FieldPath, ProblemKind } from './documents.ts';
import type { RawIngress, RawService } from './raw.ts';

export interface EdgeProblem {
  readonly path: FieldPath;
  readonly kind: ProblemKind;
  readonly text: Text;
}

/** Doors of the edge itself on every host where they are free; a service on them would be a route. */
const WEB_PORTS: readonly number[] = [80, 443];
/** The range of Kubernetes (`--service-node-port-range`). */
const NODE_PORTS = { first: 30_000, count: 2_768 };
const HTTP2: readonly string[] = ['kubernetes.io/h2c', 'grpc'];

/** How the edge treats the requests of a route: what its Ingress says, then what its Service says. Null: it only sends them on. */
export function readRouteOptions(
  ingress: RawIngress,
  service: RawService | null,
  servicePort: number | string,
): RouteOptions | null {
  const port = service?.spec.ports?.find((one) => one.port === servicePort || one.name === servicePort);
  const options: RouteOptions = {
    ...(service?.spec.sessionAffinity === 'ClientIP' ? { sticky: 'address' } : {}),
    ...(HTTP2.includes(port?.appProtocol ?? '') ? { h2c: true } : {}),
    ...readRouteAnnotations(ingress.metadata.annotations ?? {}),
  };
  return Object.keys(options).length === 0 ? null : options;
}

/** The ports that a Service of type LoadBalancer or NodePort opens at the edge. */
export function readListeners(
  { metadata, spec }: RawService,
  project: string,
  environment: string,
): { listeners: readonly WantedListener[]; problems: readonly EdgeProblem[] } {
  const type = spec.type ?? 'ClusterIP';
  const annotations = metadata.annotations ?? {};
  const problems = Object.keys(annotations).flatMap((name): EdgeProblem[] => {
    const path = ['metadata', 'annotations', name];
    if (!name.startsWith('darsena/')) return [];
    if (!KNOWN.includes(name)) {
      const known = KNOWN.join(', ');
      const text = {
        en: `a Service has no annotation ${name}; there are ${known}`,
        es: `un Service no tiene la anotación ${name}; existen ${known}`,
      };
      return [{ path, kind: 'unknown-field', text }];
    }
    return type === 'ClusterIP' ? [{ path, kind: 'wrong-value', text: NOT_PUBLISHED }] : [];
  });
  const listeners = (spec.ports ?? []).flatMap((raw, index): WantedListener[] => {
    const path = ['spec', 'ports', index];
    const { nodePort = null } = raw;
    if (nodePort !== null && type !== 'NodePort') {
      problems.push({ path: [...path, 'nodePort'], kind: 'wrong-value', text: ONLY_NODE_PORT });
    }
    if (type === 'ClusterIP') return [];
    const port =
      type === 'LoadBalancer' ? raw.port : (nodePort ?? nodePortOf(project, environment, metadata.name, raw.port));
    if (WEB_PORTS.includes(port)) problems.push({ path: [...path, 'port'], kind: 'refused', text: WEB_PORT });
    if (raw.protocol === 'UDP') problems.push({ path: [...path, 'protocol'], kind: 'refused', text: TCP_ONLY });
    return [
      {
        project,
        environment,
        service: metadata.name,
        servicePort: raw.port,
        port,
        sources: spec.loadBalancerSourceRanges ?? [],
        sticky: spec.sessionAffinity === 'ClientIP',
        sendProxy: annotations['darsena/proxy-protocol'] === 'v2',
        tls: annotations['darsena/tls'] === 'terminate',
      },
    ];
  });
  if (type !== 'ClusterIP' && spec.clusterIP === 'None') {
    problems.push({ path: ['spec', 'clusterIP'], kind: 'wrong-value', text: HEADLESS });
  }
  if (type !== 'LoadBalancer' && (spec.loadBalancerSourceRanges ?? []).length > 0) {
    problems.push({ path: ['spec', 'loadBalancerSourceRanges'], kind: 'wrong-value', text: ONLY_LOAD_BALANCER });
  }
  return { listeners, problems };
}

/** The same one at each deploy, so that who was told of it finds it again. */
function nodePortOf(project: string, environment: string, service: string, port: number): number {
  const hash = createHash('sha256').update(`${project}/${environment}/${service}:${port}`).digest();
  return NODE_PORTS.first + (hash.readUInt32BE(0) % NODE_PORTS.count);
}

const KNOWN: readonly string[] = ['darsena/proxy-protocol', 'darsena/tls'];
const NOT_PUBLISHED: Text = {
  en: 'it has an effect at the edge, to which a Service of type LoadBalancer or NodePort comes',
  es: 'tiene efecto en el borde, al que llega un Service de tipo LoadBalancer o NodePort',
};
const ONLY_NODE_PORT: Text = {
  en: 'only a Service of type NodePort has one; LoadBalancer opens the port itself',
  es: 'solo lo tiene un Service de tipo NodePort; LoadBalancer abre el propio puerto',
};
const ONLY_LOAD_BALANCER: Text = {
  en: 'only a Service of type LoadBalancer has it',
  es: 'solo lo tiene un Service de tipo LoadBalancer',
};
const WEB_PORT: Text = {
  en: 'refused: the edge serves websites there; leave type out and publish it with an Ingress, or choose another port',
  es: 'rechazado: ahí el borde sirve los sitios web; omitir type y publicarlo con un Ingress, o elegir otro puerto',
};
const TCP_ONLY: Text = { en: 'refused: the edge carries TCP only', es: 'rechazado: el borde solo transporta TCP' };
const HEADLESS: Text = {
  en: 'a headless Service is not published; leave it out',
  es: 'un Service sin dirección no se publica; omitirlo',
};

import { canonicalJson, type Json } from '../../system/index.ts';
import type { LabelSelector, NetworkPolicy, TrafficRule } from '../segmentation/policy.ts';

/** The other end of a way, as people know it. */
export type FlowPeer =
  | { readonly kind: 'workload'; readonly project: string; readonly environment: string; readonly name: string }
  /** Something outside of the platform, or a pod that has gone. */
  | { readonly kind: 'address'; readonly address: string };

/** Connections that pods of a workload began or were offered since a host last told of them. */
export interface WorkloadFlow {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly direction: 'in' | 'out';
  readonly refused: boolean;
  /** It was let out, and the other end did not answer: refused there, away, or not listening to such a packet. */
  readonly unanswered?: true | undefined;
  readonly peer: FlowPeer;
  readonly protocol: string;
  readonly port: number;
  readonly connections: number;
}

/** A way as it is remembered: all of a workload's connections by it. */
export interface KnownFlow extends WorkloadFlow {
  readonly firstAt: string;
  readonly lastAt: string;
}

export function flowKey({ connections: _connections, ...way }: WorkloadFlow): string {
  return canonicalJson(way as unknown as Json);
}

/**
 * What was let out and never in is no way that was taken: who sends datagrams hears no refusal, but the other end tells of it.
 * @param flows of both ends, as far as both are known
 */
export function settleFlows(flows: readonly KnownFlow[]): KnownFlow[] {
  /** Ways by what both of their ends say of them: from whom, to whom, by which port. */
  const wayOf = ({ direction, peer, protocol, port, ...flow }: KnownFlow): string => {
    const here = `${flow.project}/${flow.environment}/${flow.workload}`;
    const there = peer.kind === 'workload' ? `${peer.project}/${peer.environment}/${peer.name}` : peer.address;
    return [...(direction === 'out' ? [here, there] : [there, here]), protocol, port].join(' ');
  };
  const came = new Set(flows.filter(({ direction, refused }) => direction === 'in' && !refused).map(wayOf));
  const refused = new Set(flows.filter((flow) => flow.direction === 'in' && flow.refused).map(wayOf));
  const settled = new Map<string, KnownFlow>();
  for (const flow of flows) {
    const isVain = flow.direction === 'out' && !flow.refused && refused.has(wayOf(flow)) && !came.has(wayOf(flow));
    const { firstAt, lastAt, ...one } = isVain ? { ...flow, unanswered: true as const } : flow;
    const key = flowKey(one);
    const same = settled.get(key);
    settled.set(key, {
      ...one,
      connections: one.connections + (same?.connections ?? 0),
      firstAt: same !== undefined && same.firstAt < firstAt ? same.firstAt : firstAt,
      lastAt: same !== undefined && same.lastAt > lastAt ? same.lastAt : lastAt,
    });
  }
  return [...settled.values()];
}

/** A port by which services are called, and the one on which their pods listen. */
export interface PortRedirect {
  readonly protocol: 'TCP' | 'UDP';
  readonly from: number;
  readonly to: number;
}

/**
 * Ways as their far ends see them: who calls a Service knows its port, and a NetworkPolicy means the one of its pods.
 * @param redirectsOf where services lead to other ports of a workload's pods
 */
export function atPodPorts(
  flows: readonly KnownFlow[],
  redirectsOf: (peer: { project: string; environment: string; name: string }) => readonly PortRedirect[],
): KnownFlow[] {
  return flows.map((flow) => {
    if (flow.direction === 'in' || flow.peer.kind === 'address') return flow;
    const protocol = protocolOf(flow.protocol);
    const found = redirectsOf(flow.peer).find((one) => one.protocol === protocol && one.from === flow.port);
    return found === undefined ? flow : { ...flow, port: found.to };
  });
}

/**
 * The policies that leave an environment what it did and close the rest: one a workload, both directions. What was refused
 * or got no answer is not learned, and neither is a way of a workload whose labels nobody knows any more.
 * @param labelsOf what selects a workload's pods; null for one that is gone
 */
export function proposePolicies(
  project: string,
  environment: string,
  flows: readonly KnownFlow[],
  labelsOf: (peer: { project: string; environment: string; name: string }) => LabelSelector | null,
): NetworkPolicy[] {
  const own = settleFlows(flows).filter(
    (flow) => flow.project === project && flow.environment === environment && !flow.refused && flow.unanswered !== true,
  );
  const workloads = [...new Set(own.map(({ workload }) => workload))].sort();
  return workloads.flatMap((name): NetworkPolicy[] => {
    const selector = labelsOf({ project, environment, name });
    if (selector === null) return [];
    const rules = (direction: 'in' | 'out'): TrafficRule[] =>
      own
        .filter((flow) => flow.workload === name && flow.direction === direction)
        .sort((one, other) => (flowKey(one) < flowKey(other) ? -1 : 1))
        .flatMap(({ peer, protocol, port }): TrafficRule[] => {
          const ports = [{ protocol: protocolOf(protocol), port, endPort: null }];
          if (peer.kind === 'address') {
            const cidr = `${peer.address}/${peer.address.includes(':') ? 128 : 32}`;
            return [{ peers: [{ kind: 'block', cidr, except: [] }], ports }];
          }
          const pods = labelsOf(peer);
          if (pods === null) return [];
          const home = peer.project === project && peer.environment === environment;
          const namespaces = home
            ? null
            : {
                matchLabels: { 'kubernetes.io/metadata.name': `${peer.project}-${peer.environment}` },
                matchExpressions: [],
              };
          return [{ peers: [{ kind: 'pods', pods, namespaces }], ports }];
        });
    return [{ project, environment, name, selector, ingress: rules('in'), egress: rules('out') }];
  });
}

function protocolOf(protocol: string): 'TCP' | 'UDP' | 'SCTP' {
  if (protocol === 'udp') return 'UDP';
  return protocol === 'sctp' ? 'SCTP' : 'TCP';
}

/** A policy as the manifest that would say it. */
export function policyManifest({ name, selector, ingress, egress }: NetworkPolicy): Json {
  const peers = (rule: TrafficRule): Json[] =>
    rule.peers.flatMap((peer): Json[] => {
      if (peer.kind === 'block') return [{ ipBlock: { cidr: peer.cidr } }];
      if (peer.kind === 'name') return [];
      return [
        {
          ...(peer.namespaces === null ? {} : { namespaceSelector: labels(peer.namespaces) }),
          ...(peer.pods === null ? {} : { podSelector: labels(peer.pods) }),
        },
      ];
    });
  const ports = (rule: TrafficRule): Json[] => rule.ports.map(({ protocol, port }) => ({ protocol, port }));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name },
    spec: {
      podSelector: labels(selector),
      policyTypes: ['Ingress', 'Egress'],
      ingress: (ingress ?? []).map((rule) => ({ from: peers(rule), ports: ports(rule) })),
      egress: (egress ?? []).map((rule) => ({ to: peers(rule), ports: ports(rule) })),
    },
  };
}

function labels({ matchLabels }: LabelSelector): Json {
  return { matchLabels: { ...matchLabels } };
}

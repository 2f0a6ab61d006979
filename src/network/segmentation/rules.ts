import { createHash } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { networkFault } from '../errors.ts';
import { FLOW_SECONDS, FLOWS_MAX, NAMED_ADDRESSES_MAX } from '../limits.ts';
import {
  holds,
  isAddressBlock,
  isWithin,
  type NetworkPolicy,
  namespaceLabels,
  type PolicyPeer,
  type PolicyPort,
  type TrafficRule,
} from './policy.ts';

/** A running pod as its neighbours see it. */
export interface SegmentPod {
  readonly name: string;
  readonly project: string;
  readonly environment: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** The network of its environment, `10.89.3.0/24`, and the host's own address in it. */
  readonly network: string;
  readonly gateway: string;
  readonly ports: readonly { readonly name: string | null; readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
}

/** Where rules live: inside the pod's own network namespace, so that neighbours on one bridge are kept apart as well. */
export const POLICY_TABLE = 'darsena_policy';

/** The set that holds the addresses to which a rule's names led; the resolver fills it. Other patterns, another set. */
function namesSet(patterns: readonly string[]): string {
  return `names_${createHash('sha256').update(patterns.join('\n')).digest('hex').slice(0, 16)}`;
}

type Direction = 'in' | 'out';

/** Which DNS patterns open which set of a pod: what the resolver must know before it answers. */
export interface NamedEgress {
  readonly set: string;
  readonly patterns: readonly string[];
}

export interface PodRules {
  /** For `nft -f -`, one transaction: no packet meets half of it. */
  readonly script: string;
  readonly names: readonly NamedEgress[];
  readonly governed: { readonly ingress: boolean; readonly egress: boolean };
  /** Whether it may ask for any name: its way out is open, or its policies open port 53. */
  readonly asksAll: boolean;
}

/**
 * What may reach a pod and what it may reach. Without a policy that selects it, a pod is reached from its own environment
 * and from its host (edge and probes), and reaches everything but other environments; those it reaches where their
 * policies let it in. A policy that selects it leaves what its rules name, as Kubernetes says (policies add up, a
 * governed direction is closed but for them). Replies always pass.
 * @throws Fault network.policy-invalid when an address in it is none
 */
export function podRules(pod: SegmentPod, pods: readonly SegmentPod[], policies: readonly NetworkPolicy[]): PodRules {
  checkAddresses(pod);
  const own = policies.filter((policy) => selectsPod(policy, pod));
  const ingress = own.filter((policy) => policy.ingress !== null);
  const egress = own.filter((policy) => policy.egress !== null);
  const names: NamedEgress[] = [];
  const rulesOf = (direction: Direction): string[] => {
    const rules: string[] = [];
    for (const policy of direction === 'in' ? ingress : egress) {
      for (const rule of (direction === 'in' ? policy.ingress : policy.egress) ?? []) {
        const set = direction === 'out' ? nameRule(rule, names) : null;
        rules.push(...renderRule(direction, rule, set, policy, pod, pods));
      }
    }
    return [...new Set(rules)];
  };
  const within = matchAddress('in', pod.network);
  const input = ingress.length === 0 ? [`${within} goto allowed_in`] : rulesOf('in');
  const output = egress.length === 0 ? ['goto allowed_out'] : rulesOf('out');
  const head = `inet ${POLICY_TABLE}`;
  const host = matchAddress('in', pod.gateway);
  const resolver = matchAddress('out', pod.gateway);
  const lines = [
    `add table ${head}`,
    ...FLOW_SETS.map((set) => `add set ${head} ${set} ${flowSet()}`),
    ...names.map(({ set }) => `add set ${head} ${set} { type ipv4_addr; flags timeout; size ${NAMED_ADDRESSES_MAX}; }`),
    ...['allowed_in', 'allowed_out', 'others'].map((chain) => `add chain ${head} ${chain}`),
    `add chain ${head} input { type filter hook input priority filter; policy drop; }`,
    `add chain ${head} output { type filter hook output priority filter; policy drop; }`,
    ...['input', 'output', 'allowed_in', 'allowed_out', 'others'].map((chain) => `flush chain ${head} ${chain}`),
    ...rulesFor('allowed_in', [note('came', 'saddr'), 'accept']),
    ...rulesFor('allowed_out', [note('went', 'daddr'), 'accept']),
    ...rulesFor('others', [
      ...new Set(pods.flatMap((target) => (isNeighbour(pod, target) ? [] : openings(pod, target, policies)))),
      note('refused_out', 'daddr'),
      'drop',
    ]),
    ...rulesFor('input', [
      'iif lo accept',
      'ct state established,related accept',
      'meta l4proto { icmp, ipv6-icmp } accept',
      `${host} accept`,
      ...input,
      note('refused_in', 'saddr'),
    ]),
    ...rulesFor('output', [
      'oif lo accept',
      'ct state established,related accept',
      'meta l4proto { icmp, ipv6-icmp } accept',
      // The host's own resolver: it answers for the names of this instance, and opens what a rule allows by name.
      `${resolver} meta l4proto { tcp, udp } th dport 53 accept`,
      ...others(pod, pods),
      ...output,
      note('refused_out', 'daddr'),
    ]),
    '',
  ];
  return {
    script: lines.join('\n'),
    names,
    governed: { ingress: ingress.length > 0, egress: egress.length > 0 },
    asksAll: egress.length === 0 || egress.some((policy) => policy.egress?.some(opensNames) ?? false),
  };

  function rulesFor(chain: string, rules: readonly string[]): string[] {
    return rules.map((rule) => `add rule ${head} ${chain} ${rule}`);
  }
}

function selectsPod(policy: NetworkPolicy, pod: SegmentPod): boolean {
  return policy.project === pod.project && policy.environment === pod.environment && holds(policy.selector, pod.labels);
}

function isNeighbour(pod: SegmentPod, other: SegmentPod): boolean {
  return pod.project === other.project && pod.environment === other.environment;
}

/**
 * Other environments are closed where a connection begins: between two bridges its source is rewritten to the host's
 * address, so who is called cannot tell it from the edge.
 */
function others(pod: SegmentPod, pods: readonly SegmentPod[]): string[] {
  const networks = new Set(pods.flatMap((other) => (isNeighbour(pod, other) ? [] : [other.network])));
  networks.delete(pod.network);
  return networks.size === 0 ? [] : [`ip daddr { ${[...networks].sort().join(', ')} } jump others`];
}

/** What the policies of another environment let this pod reach there; its own may still keep it from going out. */
function openings(pod: SegmentPod, target: SegmentPod, policies: readonly NetworkPolicy[]): string[] {
  const address = matchAddress('out', target.address);
  return policies
    .filter((policy) => selectsPod(policy, target))
    .flatMap((policy) =>
      (policy.ingress ?? []).flatMap(({ peers, ports }) => {
        if (peers.length > 0 && !peers.some((peer) => isPeer(peer, pod, policy))) return [];
        if (ports.length === 0) return [`${address} return`];
        return ports.flatMap((port) => {
          const number = typeof port.port === 'string' ? portNamed(target, port) : port.port;
          if (number === null && port.port !== null) return [];
          return [`${address} ${matchPort({ ...port, port: number })} return`];
        });
      }),
    );
}

/** Who talked to whom, and who was kept from it: kept by the kernel, read at leisure. */
export const FLOW_SETS = ['came', 'went', 'refused_in', 'refused_out'] as const;

function flowSet(): string {
  const key = 'type ipv4_addr . inet_proto . inet_service';
  return `{ ${key}; flags dynamic,timeout; timeout ${FLOW_SECONDS}s; size ${FLOWS_MAX}; counter; }`;
}

function note(set: (typeof FLOW_SETS)[number], end: 'saddr' | 'daddr'): string {
  return `meta nfproto ipv4 meta l4proto { tcp, udp, sctp } update @${set} { ip ${end} . meta l4proto . th dport }`;
}

/** Whoever writes a rule for port 53 means questions for names; so does who opens everything. */
function opensNames({ peers, ports }: TrafficRule): boolean {
  if (ports.length === 0) return peers.length === 0;
  return ports.some(({ port, endPort }) => typeof port === 'number' && port <= 53 && (endPort ?? port) >= 53);
}

/** A transaction that lets a pod reach addresses for a while, or for longer than it did. */
export function openAddresses(set: string, addresses: readonly string[], seconds: number): string {
  if (!/^names_[0-9a-f]{16}$/.test(set) || !addresses.every(isIPv4) || !Number.isSafeInteger(seconds))
    throw networkFault('network.policy-invalid', { policy: set, value: addresses.join(', ').slice(0, 80) });
  const head = `element inet ${POLICY_TABLE} ${set}`;
  const plain = `{ ${addresses.join(', ')} }`;
  const timed = `{ ${addresses.map((address) => `${address} timeout ${seconds}s`).join(', ')} }`;
  // The kernel keeps the time of an element that is there; so it goes and comes, and no packet is met in between.
  return [`add ${head} ${plain}`, `delete ${head} ${plain}`, `add ${head} ${timed}`, ''].join('\n');
}

/** The set that the names of a rule fill, when it has any. */
function nameRule(rule: TrafficRule, names: NamedEgress[]): string | null {
  const patterns = rule.peers.flatMap((peer) => (peer.kind === 'name' ? [peer.pattern] : []));
  if (patterns.length === 0) return null;
  const set = namesSet(patterns);
  if (!names.some((one) => one.set === set)) names.push({ set, patterns });
  return set;
}

function renderRule(
  direction: Direction,
  rule: TrafficRule,
  set: string | null,
  policy: NetworkPolicy,
  pod: SegmentPod,
  pods: readonly SegmentPod[],
): string[] {
  const verdict = `goto allowed_${direction}`;
  const everybody = rule.peers.length === 0;
  const numbered = rule.ports.filter(({ port }) => typeof port !== 'string');
  const lines: string[] = [];
  const add = (peers: readonly string[], ports: readonly string[]): void => {
    for (const peer of peers) for (const port of ports) lines.push([peer, port, verdict].filter(Boolean).join(' '));
  };
  const peers = everybody ? [''] : rule.peers.flatMap((peer) => matchPeer(direction, peer, policy, pods));
  if (set !== null) peers.push(`ip daddr @${set}`);
  // Nobody has the labels now: nobody is let in by them.
  if (rule.ports.length === 0) add(peers, ['']);
  else add(peers, numbered.map(matchPort));

  for (const port of rule.ports) {
    if (typeof port.port !== 'string') continue;
    if (direction === 'in') {
      const found = portNamed(pod, port);
      if (found !== null) add(peers, [matchPort({ ...port, port: found })]);
      continue;
    }
    // By name, a port is that of whoever is called.
    for (const other of pods) {
      const found = portNamed(other, port);
      if (found === null || !(everybody || rule.peers.some((peer) => isPeer(peer, other, policy)))) continue;
      add([matchAddress('out', other.address)], [matchPort({ ...port, port: found })]);
    }
  }
  return lines;
}

function matchPeer(
  direction: Direction,
  peer: PolicyPeer,
  policy: NetworkPolicy,
  pods: readonly SegmentPod[],
): string[] {
  switch (peer.kind) {
    case 'name':
      return [];
    case 'block': {
      if (!isAddressBlock(peer.cidr) || !peer.except.every((one) => isWithin(peer.cidr, one)))
        throw networkFault('network.policy-invalid', { policy: policy.name, value: peer.cidr });
      return [
        [matchAddress(direction, peer.cidr), ...peer.except.map((one) => matchAddress(direction, one, '!= '))].join(
          ' ',
        ),
      ];
    }
    case 'pods': {
      const addresses = pods.filter((other) => isPeer(peer, other, policy)).map(({ address }) => address);
      if (addresses.length === 0) return [];
      return [`ip ${direction === 'in' ? 'saddr' : 'daddr'} { ${[...new Set(addresses)].sort().join(', ')} }`];
    }
  }
}

function isPeer(peer: PolicyPeer, pod: SegmentPod, policy: NetworkPolicy): boolean {
  if (peer.kind !== 'pods') return false;
  const home =
    peer.namespaces === null
      ? pod.project === policy.project && pod.environment === policy.environment
      : holds(peer.namespaces, namespaceLabels(pod.project, pod.environment));
  return home && (peer.pods === null || holds(peer.pods, pod.labels));
}

function matchAddress(direction: Direction, address: string, relation = ''): string {
  const family = isIP(address.split('/')[0] ?? '') === 6 ? 'ip6' : 'ip';
  return `${family} ${direction === 'in' ? 'saddr' : 'daddr'} ${relation}${address}`;
}

function matchPort({ protocol, port, endPort }: PolicyPort): string {
  const name = protocol.toLowerCase();
  if (port === null) return `meta l4proto ${name}`;
  return `${name} dport ${endPort === null || endPort === port ? port : `${port}-${endPort}`}`;
}

function portNamed(pod: SegmentPod, { port, protocol }: PolicyPort): number | null {
  return pod.ports.find((one) => one.name === port && one.protocol === protocol)?.port ?? null;
}

/** What the engine says is written into a rule: it must be what it is taken for. */
function checkAddresses(pod: SegmentPod): void {
  for (const value of [pod.address, pod.gateway]) {
    if (isIP(value) === 0) throw networkFault('network.policy-invalid', { policy: pod.name, value });
  }
  if (!isAddressBlock(pod.network))
    throw networkFault('network.policy-invalid', { policy: pod.name, value: pod.network });
}

import { createHash } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { networkFault } from '../errors.ts';
import { AGAIN_SECONDS, FLOW_SECONDS, FLOWS_MAX, NAMED_ADDRESSES_MAX } from '../limits.ts';
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
  /** The same in IPv6, where its network has both; absent or null: it has IPv4 alone. */
  readonly six?: PodPlaceSix | null;
  /** Pods of other environments are in the same network: only addresses tell them apart. */
  readonly shared?: true;
  readonly ports: readonly { readonly name: string | null; readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
  /** Ports of its services that lead to another one inside it. */
  readonly services?: readonly { readonly protocol: 'TCP' | 'UDP'; readonly from: number; readonly to: number }[];
}

/** An address of IPv6, its network as `fd12:3456:789a:1::/64`, and the host's own address in it. */
export interface PodPlaceSix {
  readonly address: string;
  readonly network: string;
  readonly gateway: string;
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
  const own6 = pod.six ?? null;
  const input = ingress.length === 0 ? neighbours(pod, pods).map((match) => `${match} goto allowed_in`) : rulesOf('in');
  const output = egress.length === 0 ? ['goto allowed_out'] : rulesOf('out');
  const head = `inet ${POLICY_TABLE}`;
  const hosts = [pod.gateway, ...(own6 === null ? [] : [own6.gateway])].map((one) => matchAddress('in', one));
  const resolver = matchAddress('out', pod.gateway);
  const lines = [
    `add table ${head}`,
    ...FAMILIES.flatMap((family) =>
      FLOW_SETS.map((set) => `add set ${head} ${set}${family.tail} ${flowSet(family.type)}`),
    ),
    ...FAMILIES.flatMap(({ tail, type }) =>
      names.map(
        ({ set }) => `add set ${head} ${set}${tail} { type ${type}; flags timeout; size ${NAMED_ADDRESSES_MAX}; }`,
      ),
    ),
    ...FAMILIES.flatMap(({ tail, type }) =>
      (['in', 'out'] as const).map((way) => `add set ${head} again_${way}${tail} ${againSet(type)}`),
    ),
    ...CHAINS.map((chain) => `add chain ${head} ${chain}`),
    `add chain ${head} input { type filter hook input priority filter; policy drop; }`,
    `add chain ${head} output { type filter hook output priority filter; policy drop; }`,
    ...['input', 'output', ...CHAINS].map((chain) => `flush chain ${head} ${chain}`),
    ...counting().flatMap(([chain, rules]) => rulesFor(chain, rules)),
    ...rulesFor('others', [
      ...new Set(pods.flatMap((target) => (isNeighbour(pod, target) ? [] : openings(pod, target, policies)))),
      'goto closed_out',
    ]),
    ...rulesFor('input', [
      'iif lo accept',
      // The first answer to a connection that waits for one.
      `meta l4proto tcp ct direction reply ct state established ${marked(WAITS, WAITS)} goto answered`,
      'ct state established,related accept',
      'meta l4proto { icmp, ipv6-icmp } accept',
      ...hosts.map((host) => `${host} accept`),
      ...input,
      'goto closed_in',
    ]),
    ...rulesFor('output', [
      'oif lo accept',
      'ct state established,related accept',
      'meta l4proto { icmp, ipv6-icmp } accept',
      // The host's own resolver: it answers for the names of this instance, and opens what a rule allows by name.
      `${resolver} meta l4proto { tcp, udp } th dport 53 accept`,
      ...others(pod, pods),
      ...output,
      'goto closed_out',
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

/** Who may come in without a policy: the network of the environment, or its pods one by one where others share it. */
function neighbours(pod: SegmentPod, pods: readonly SegmentPod[]): string[] {
  if (!pod.shared) {
    const networks = [pod.network, ...(pod.six == null ? [] : [pod.six.network])];
    return networks.map((network) => matchAddress('in', network));
  }
  const { own, own6 } = neighbourAddresses(pod, pods);
  return [
    ...(own.length === 0 ? [] : [`ip saddr { ${own.join(', ')} }`]),
    ...(own6.length === 0 ? [] : [`ip6 saddr { ${own6.join(', ')} }`]),
  ];
}

function neighbourAddresses(pod: SegmentPod, pods: readonly SegmentPod[]): { own: string[]; own6: string[] } {
  const near = pods.filter((other) => isNeighbour(pod, other));
  return {
    own: [...new Set(near.map(({ address }) => address))].sort(),
    own6: [...new Set(near.flatMap(({ six }) => (six == null ? [] : [six.address])))].sort(),
  };
}

/**
 * Other environments are closed where a connection begins: between two bridges its source is rewritten to the host's
 * address, so who is called cannot tell it from the edge.
 */
function others(pod: SegmentPod, pods: readonly SegmentPod[]): string[] {
  if (pod.shared) {
    // Whoever is in the network and is not known as a neighbour is another's, also a pod that begins at this moment.
    const { own, own6 } = neighbourAddresses(pod, pods);
    const six = pod.six ?? null;
    return [
      `ip daddr ${pod.network} ip daddr != { ${[pod.gateway, ...own].join(', ')} } jump others`,
      ...(six === null
        ? []
        : [`ip6 daddr ${six.network} ip6 daddr != { ${[six.gateway, ...own6].join(', ')} } jump others`]),
    ];
  }
  const foreign = pods.filter((other) => !isNeighbour(pod, other));
  const closed = (family: string, networks: readonly string[], own: string | undefined): string[] => {
    const found = [...new Set(networks)].filter((network) => network !== own).sort();
    return found.length === 0 ? [] : [`${family} daddr { ${found.join(', ')} } jump others`];
  };
  return [
    ...closed(
      'ip',
      foreign.map(({ network }) => network),
      pod.network,
    ),
    ...closed(
      'ip6',
      foreign.flatMap(({ six }) => (six == null ? [] : [six.network])),
      pod.six?.network,
    ),
  ];
}

/** Both addresses of a pod that has both. */
function addressesOf({ address, six }: SegmentPod): string[] {
  return six == null ? [address] : [address, six.address];
}

/** What the policies of another environment let this pod reach there; its own may still keep it from going out. */
function openings(pod: SegmentPod, target: SegmentPod, policies: readonly NetworkPolicy[]): string[] {
  const addresses = addressesOf(target).map((address) => matchAddress('out', address));
  return policies
    .filter((policy) => selectsPod(policy, target))
    .flatMap((policy) =>
      (policy.ingress ?? []).flatMap(({ peers, ports }) => {
        if (peers.length > 0 && !peers.some((peer) => isPeer(peer, pod, policy))) return [];
        if (ports.length === 0) return addresses.map((address) => `${address} return`);
        return ports.flatMap((port) => {
          const number = typeof port.port === 'string' ? portNamed(target, port) : port.port;
          if (number === null && port.port !== null) return [];
          const meant = { ...port, port: number };
          return addresses.flatMap((address) =>
            [meant, ...servicePorts(target, meant)].map((one) => `${address} ${matchPort(one)} return`),
          );
        });
      }),
    );
}

/** Who talked to whom, who was kept from it, and who got no answer: kept by the kernel, read at leisure. */
export const FLOW_SETS = ['came', 'went', 'unanswered', 'refused_in', 'refused_out'] as const;

const CHAINS = [
  'allowed_in',
  'allowed_out',
  'begins_out',
  'waits_out',
  'answered',
  'closed_in',
  'closed_out',
  'others',
];

/** Sets hold addresses of one family; those of IPv6 have the name of the others with this behind. */
export const SIX = '_6';
const FAMILIES = [
  { tail: '', type: 'ipv4_addr', protocol: 'ipv4', head: 'ip' },
  { tail: SIX, type: 'ipv6_addr', protocol: 'ipv6', head: 'ip6' },
] as const;

function flowSet(type: string): string {
  const key = `type ${type} . inet_proto . inet_service`;
  return `{ ${key}; flags dynamic,timeout; timeout ${FLOW_SECONDS}s; size ${FLOWS_MAX}; counter; }`;
}

/** First packets that were refused, by both ends: the same one again is the same connection. */
function againSet(type: string): string {
  const key = `type ${type} . inet_proto . inet_service . inet_service`;
  return `{ ${key}; flags dynamic,timeout; timeout ${AGAIN_SECONDS}s; size ${FLOWS_MAX}; }`;
}

/** Only what has ports is counted; a chain looks for that once, as each look is a set of its own to the kernel. */
const PORTLESS = 'meta l4proto != { tcp, udp, sctp }';

function notes(set: (typeof FLOW_SETS)[number], end: 'saddr' | 'daddr', port: 'sport' | 'dport' = 'dport'): string[] {
  return FAMILIES.map(({ tail, head }) => `update @${set}${tail} { ${head} ${end} . meta l4proto . th ${port} }`);
}

/** Bits of a connection's mark, high ones, as programs in pods that mark connections take low ones: it is told of; it waits for an answer. */
const TOLD = 0x2000_0000;
const WAITS = 0x4000_0000;
const hex = (mark: number): string => `0x${mark.toString(16)}`;
const marked = (bits: number, value: number): string => `ct mark & ${hex(bits)} == ${hex(value)}`;

/**
 * A connection is counted once, however often its first packet is sent again. What goes by TCP is counted when the other end
 * answers, as who is refused there hears nothing; its second packet without an answer counts as none. Other protocols need no answer.
 */
function counting(): readonly (readonly [string, readonly string[]])[] {
  const tell = `ct mark set ct mark | ${hex(TOLD)}`;
  const closed = (way: 'in' | 'out', end: 'saddr' | 'daddr'): string[] => {
    const each = FAMILIES.map(({ tail, head }) => ({
      set: `@again_${way}${tail}`,
      key: `${head} ${end} . meta l4proto . th sport . th dport`,
    }));
    return [
      `${PORTLESS} drop`,
      ...each.map(({ set, key }) => `${key} ${set} update ${set} { ${key} } drop`),
      ...each.map(({ set, key }) => `add ${set} { ${key} }`),
      ...notes(`refused_${way}`, end),
      'drop',
    ];
  };
  return [
    ['allowed_in', [`${marked(TOLD, TOLD)} accept`, tell, `${PORTLESS} accept`, ...notes('came', 'saddr'), 'accept']],
    [
      'allowed_out',
      [`${marked(TOLD | WAITS, 0)} goto begins_out`, `${marked(TOLD | WAITS, WAITS)} goto waits_out`, 'accept'],
    ],
    [
      'begins_out',
      [
        `meta l4proto tcp ct mark set ct mark | ${hex(WAITS)} accept`,
        ...[tell, `${PORTLESS} accept`, ...notes('went', 'daddr'), 'accept'],
      ],
    ],
    ['waits_out', [tell, ...notes('unanswered', 'daddr'), 'accept']],
    [
      'answered',
      [`ct mark set ct mark & ${hex(0xffff_ffff - WAITS)}`, tell, ...notes('went', 'saddr', 'sport'), 'accept'],
    ],
    ['closed_in', closed('in', 'saddr')],
    ['closed_out', closed('out', 'daddr')],
  ];
}

/** Whoever writes a rule for port 53 means questions for names; so does who opens everything. */
function opensNames({ peers, ports }: TrafficRule): boolean {
  if (ports.length === 0) return peers.length === 0;
  return ports.some(({ port, endPort }) => typeof port === 'number' && port <= 53 && (endPort ?? port) >= 53);
}

/** A transaction that lets a pod reach addresses for a while, or for longer than it did. */
export function openAddresses(set: string, addresses: readonly string[], seconds: number): string {
  const sound = addresses.every((address) => isIP(address) !== 0 && !address.includes('%'));
  if (!/^names_[0-9a-f]{16}$/.test(set) || !sound || !Number.isSafeInteger(seconds))
    throw networkFault('network.policy-invalid', { policy: set, value: addresses.join(', ').slice(0, 80) });
  const lines = FAMILIES.flatMap(({ tail }) => {
    const own = addresses.filter((address) => isIPv4(address) === (tail === ''));
    if (own.length === 0) return [];
    const head = `element inet ${POLICY_TABLE} ${set}${tail}`;
    const plain = `{ ${own.join(', ')} }`;
    const timed = `{ ${own.map((address) => `${address} timeout ${seconds}s`).join(', ')} }`;
    // The kernel keeps the time of an element that is there; so it goes and comes, and no packet is met in between.
    return [`add ${head} ${plain}`, `delete ${head} ${plain}`, `add ${head} ${timed}`];
  });
  return [...lines, ''].join('\n');
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
  if (set !== null) peers.push(...FAMILIES.map(({ tail, head }) => `${head} daddr @${set}${tail}`));
  // Nobody has the labels now: nobody is let in by them.
  if (rule.ports.length === 0) add(peers, ['']);
  else add(peers, numbered.map(matchPort));

  const isMeant = (other: SegmentPod, address: string): boolean =>
    everybody || rule.peers.some((peer) => isPeer(peer, other, policy) || isInBlock(peer, address));
  if (direction === 'out') {
    for (const other of pods) {
      const behind = numbered.flatMap((port) => servicePorts(other, port));
      if (behind.length === 0) continue;
      const meant = addressesOf(other).filter((address) => isMeant(other, address));
      add(
        meant.map((address) => matchAddress('out', address)),
        behind.map(matchPort),
      );
    }
  }
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
      if (found === null) continue;
      const meant = addressesOf(other).filter((address) => isMeant(other, address));
      const numbers = { ...port, port: found };
      add(
        meant.map((address) => matchAddress('out', address)),
        [numbers, ...servicePorts(other, numbers)].map(matchPort),
      );
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
      const addresses = pods.filter((other) => isPeer(peer, other, policy)).flatMap(addressesOf);
      return FAMILIES.flatMap(({ tail, head }) => {
        const own = [...new Set(addresses)].filter((address) => isIPv4(address) === (tail === '')).sort();
        return own.length === 0 ? [] : [`${head} ${direction === 'in' ? 'saddr' : 'daddr'} { ${own.join(', ')} }`];
      });
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

/** Whether a pod's address is one of a block, as a port by name is only a pod's. */
function isInBlock(peer: PolicyPeer, address: string): boolean {
  if (peer.kind !== 'block') return false;
  const one = `${address}/${isIPv4(address) ? 32 : 128}`;
  return isWithin(peer.cidr, one) && !peer.except.some((except) => isWithin(except, one));
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

/**
 * Policies speak of the ports of pods (networking.k8s.io/v1, judged behind the Service). A connection to a service that is
 * called by another number has that number until it is inside the pod, so who calls is let out by it as well.
 */
function servicePorts(pod: SegmentPod, { protocol, port, endPort }: PolicyPort): PolicyPort[] {
  if (typeof port !== 'number') return [];
  return (pod.services ?? [])
    .filter((one) => one.protocol === protocol && one.to >= port && one.to <= (endPort ?? port))
    .map(({ from }) => ({ protocol, port: from, endPort: null }));
}

/** What the engine says is written into a rule: it must be what it is taken for. */
function checkAddresses(pod: SegmentPod): void {
  const { six = null } = pod;
  for (const value of [pod.address, pod.gateway, ...(six === null ? [] : [six.address, six.gateway])]) {
    if (isIP(value) === 0 || value.includes('%'))
      throw networkFault('network.policy-invalid', { policy: pod.name, value });
  }
  for (const value of [pod.network, ...(six === null ? [] : [six.network])]) {
    if (!isAddressBlock(value)) throw networkFault('network.policy-invalid', { policy: pod.name, value });
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFlows } from '../flows/read.ts';
import {
  coversName,
  holds,
  isAddressBlock,
  isWithin,
  type LabelSelector,
  type NetworkPolicy,
  type TrafficRule,
} from './policy.ts';
import { openAddresses, podRules, type SegmentPod } from './rules.ts';

const ALL: LabelSelector = { matchLabels: {}, matchExpressions: [] };

function labelled(app: string): LabelSelector {
  return { matchLabels: { app }, matchExpressions: [] };
}

function pod(name: string, app: string, address: string, more: Partial<SegmentPod> = {}): SegmentPod {
  return {
    name,
    project: 'tienda',
    environment: 'dev',
    labels: { app },
    address,
    network: '10.89.1.0/24',
    gateway: '10.89.1.1',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    ...more,
  };
}

function policy(more: Partial<NetworkPolicy>): NetworkPolicy {
  return {
    project: 'tienda',
    environment: 'dev',
    name: 'rule',
    selector: ALL,
    ingress: null,
    egress: null,
    ...more,
  };
}

const WEB = pod('web', 'web', '10.89.1.2');
const API = pod('api', 'api', '10.89.1.3');
const OTHER = pod('spy', 'web', '10.89.2.2', { project: 'banco', network: '10.89.2.0/24', gateway: '10.89.2.1' });
const PODS = [WEB, API, OTHER];

function rulesOf(script: string, chain: string): string[] {
  const head = `add rule inet darsena_policy ${chain} `;
  return script.split('\n').flatMap((line) => (line.startsWith(head) ? [line.slice(head.length)] : []));
}

function opened(script: string, chain: 'input' | 'output'): string[] {
  return rulesOf(script, chain).filter((rule) => rule.includes('goto allowed_'));
}

test('a pod that no policy selects is reached from its own environment and its host, and reaches everything', () => {
  const { script, governed } = podRules(API, PODS, [policy({ selector: labelled('web'), ingress: [] })]);
  assert.deepEqual(opened(script, 'input'), ['ip saddr 10.89.1.0/24 goto allowed_in']);
  assert.ok(rulesOf(script, 'input').includes('ip saddr 10.89.1.1 accept'));
  assert.deepEqual(opened(script, 'output'), ['goto allowed_out']);
  assert.deepEqual(governed, { ingress: false, egress: false });
});

test('a policy without rules closes its direction and leaves the other', () => {
  const { script, governed } = podRules(API, PODS, [policy({ ingress: [] })]);
  assert.deepEqual(opened(script, 'input'), []);
  assert.deepEqual(opened(script, 'output'), ['goto allowed_out']);
  assert.deepEqual(governed, { ingress: true, egress: false });
});

test('policies add up, and a rule without peers or ports is open to all', () => {
  const rules = (policies: NetworkPolicy[]): string[] => opened(podRules(API, PODS, policies).script, 'input');
  const peers = [{ kind: 'pods', pods: labelled('web'), namespaces: null }] as const;
  const ports = [{ protocol: 'TCP', port: 80, endPort: 90 }] as const;
  assert.deepEqual(rules([policy({ ingress: [{ peers, ports }] }), policy({ ingress: [] })]), [
    'ip saddr { 10.89.1.2 } tcp dport 80-90 goto allowed_in',
  ]);
  assert.deepEqual(rules([policy({ ingress: [{ peers: [], ports: [] }] })]), ['goto allowed_in']);
  assert.deepEqual(
    rules([policy({ ingress: [{ peers: [], ports: [{ protocol: 'UDP', port: null, endPort: null }] }] })]),
    ['meta l4proto udp goto allowed_in'],
  );
});

test('a policy of another environment says nothing here, and a peer of another environment must be named', () => {
  const peers = [{ kind: 'pods', pods: labelled('web'), namespaces: null }] as const;
  assert.deepEqual(podRules(API, PODS, [policy({ project: 'banco', ingress: [] })]).governed.ingress, false);
  const foreign = { matchLabels: { 'kubernetes.io/metadata.name': 'banco-dev' }, matchExpressions: [] };
  const named = [{ kind: 'pods', pods: null, namespaces: foreign }] as const;
  assert.deepEqual(opened(podRules(API, PODS, [policy({ ingress: [{ peers, ports: [] }] })]).script, 'input'), [
    'ip saddr { 10.89.1.2 } goto allowed_in',
  ]);
  assert.deepEqual(opened(podRules(API, PODS, [policy({ ingress: [{ peers: named, ports: [] }] })]).script, 'input'), [
    'ip saddr { 10.89.2.2 } goto allowed_in',
  ]);
});

test('another environment is reached only where its policies let one in', () => {
  const reached = (policies: NetworkPolicy[]): string[] =>
    rulesOf(podRules(OTHER, PODS, policies).script, 'others').filter((rule) => rule.endsWith('return'));
  assert.ok(rulesOf(podRules(OTHER, PODS, []).script, 'output').includes('ip daddr { 10.89.1.0/24 } jump others'));
  assert.equal(rulesOf(podRules(OTHER, PODS, []).script, 'others').at(-1), 'goto closed_out');
  assert.deepEqual(reached([]), []);
  const home = [{ kind: 'pods', pods: null, namespaces: null }] as const;
  assert.deepEqual(reached([policy({ ingress: [{ peers: home, ports: [] }] })]), []);
  const foreign = [
    { kind: 'pods', pods: null, namespaces: { matchLabels: { project: 'banco' }, matchExpressions: [] } },
  ] as const;
  const ports = [
    { protocol: 'TCP', port: 'http', endPort: null },
    { protocol: 'TCP', port: 'none', endPort: null },
  ] as const;
  assert.deepEqual(reached([policy({ selector: labelled('api'), ingress: [{ peers: foreign, ports }] })]), [
    'ip daddr 10.89.1.3 tcp dport 8080 return',
  ]);
  assert.deepEqual(reached([policy({ selector: labelled('web'), ingress: [{ peers: [], ports: [] }] })]), [
    'ip daddr 10.89.1.2 return',
  ]);
});

const six = (end: string, network = 'fd00:1::/64') => ({
  six: { address: `${network.slice(0, -3)}${end}`, network, gateway: `${network.slice(0, -3)}1` },
});

test('what holds for IPv4 holds for IPv6: neighbours, host, other environments, policies and ports', () => {
  const web = { ...WEB, ...six('2') };
  const api = { ...API, ...six('3') };
  const other = { ...OTHER, ...six('2', 'fd00:2::/64') };
  const pods = [web, api, other];
  const plain = podRules(api, pods, []).script;
  assert.deepEqual(opened(plain, 'input'), [
    'ip saddr 10.89.1.0/24 goto allowed_in',
    'ip6 saddr fd00:1::/64 goto allowed_in',
  ]);
  assert.ok(rulesOf(plain, 'input').includes('ip6 saddr fd00:1::1 accept'));
  assert.ok(rulesOf(plain, 'output').includes('ip6 daddr { fd00:2::/64 } jump others'));
  assert.ok(plain.includes('type filter hook output priority filter; policy drop;'));
  const peers = [{ kind: 'pods', pods: labelled('web'), namespaces: null }] as const;
  const ports = [{ protocol: 'TCP', port: 'http', endPort: null }] as const;
  const closed = podRules(api, pods, [policy({ ingress: [{ peers, ports }], egress: [{ peers, ports }] })]).script;
  assert.deepEqual(opened(closed, 'input'), [
    'ip saddr { 10.89.1.2 } tcp dport 8080 goto allowed_in',
    'ip6 saddr { fd00:1::2 } tcp dport 8080 goto allowed_in',
  ]);
  assert.deepEqual(opened(closed, 'output'), [
    'ip daddr 10.89.1.2 tcp dport 8080 goto allowed_out',
    'ip6 daddr fd00:1::2 tcp dport 8080 goto allowed_out',
  ]);
  const foreign = [
    { kind: 'pods', pods: null, namespaces: { matchLabels: { project: 'banco' }, matchExpressions: [] } },
  ] as const;
  const way = policy({ selector: labelled('api'), ingress: [{ peers: foreign, ports: [] }] });
  assert.deepEqual(
    rulesOf(podRules(other, pods, [way]).script, 'others').filter((rule) => rule.endsWith('return')),
    ['ip daddr 10.89.1.3 return', 'ip6 daddr fd00:1::3 return'],
  );
  for (const wrong of ['fd00::1; flush ruleset', 'web', 'fe80::1%eth0 accept']) {
    const pod = { ...api, six: { ...six('3').six, address: wrong } };
    assert.throws(() => podRules(pod, pods, []), { code: 'network.policy-invalid' });
  }
  const set = `names_${'0'.repeat(16)}`;
  assert.equal(
    openAddresses(set, ['10.0.0.1', 'fd00::7'], 60)
      .split('\n')
      .filter((line) => line.includes('timeout'))
      .join('\n'),
    `add element inet darsena_policy ${set} { 10.0.0.1 timeout 60s }\nadd element inet darsena_policy ${set}_6 { fd00::7 timeout 60s }`,
  );
});

test('peers that match nobody open nothing', () => {
  const peers = [{ kind: 'pods', pods: labelled('none'), namespaces: null }] as const;
  assert.deepEqual(opened(podRules(API, PODS, [policy({ ingress: [{ peers, ports: [] }] })]).script, 'input'), []);
  const names = [{ protocol: 'TCP', port: 'absent', endPort: null }] as const;
  assert.deepEqual(
    opened(podRules(API, PODS, [policy({ ingress: [{ peers: [], ports: names }] })]).script, 'input'),
    [],
  );
});

test('a port by name is the own port for what comes and the port of the called pod for what goes', () => {
  const other = pod('db', 'db', '10.89.1.4', { ports: [{ name: 'http', port: 5432, protocol: 'TCP' }] });
  const ports = [{ protocol: 'TCP', port: 'http', endPort: null }] as const;
  const both = policy({
    ingress: [{ peers: [], ports }],
    egress: [{ peers: [{ kind: 'pods', pods: ALL, namespaces: null }], ports }],
  });
  const { script } = podRules(API, [WEB, other, OTHER], [both]);
  assert.deepEqual(opened(script, 'input'), ['tcp dport 8080 goto allowed_in']);
  assert.deepEqual(opened(script, 'output'), [
    'ip daddr 10.89.1.2 tcp dport 8080 goto allowed_out',
    'ip daddr 10.89.1.4 tcp dport 5432 goto allowed_out',
  ]);
});

test('a policy that names the port of a pod lets its callers out to the port of the service before it', () => {
  const services = [
    { protocol: 'TCP', from: 80, to: 8080 },
    { protocol: 'UDP', from: 53, to: 8080 },
  ] as const;
  const web = { ...WEB, services };
  const peers = [{ kind: 'pods', pods: labelled('web'), namespaces: null }] as const;
  const way = (ports: TrafficRule['ports'], whom: TrafficRule['peers'] = peers): string[] =>
    opened(podRules(API, [web, API, OTHER], [policy({ egress: [{ peers: whom, ports }] })]).script, 'output');
  assert.deepEqual(way([{ protocol: 'TCP', port: 8080, endPort: null }]), [
    'ip daddr { 10.89.1.2 } tcp dport 8080 goto allowed_out',
    'ip daddr 10.89.1.2 tcp dport 80 goto allowed_out',
  ]);
  assert.deepEqual(way([{ protocol: 'TCP', port: 'http', endPort: null }]), [
    'ip daddr 10.89.1.2 tcp dport 8080 goto allowed_out',
    'ip daddr 10.89.1.2 tcp dport 80 goto allowed_out',
  ]);
  assert.deepEqual(way([{ protocol: 'TCP', port: 8000, endPort: 9000 }], []), [
    'tcp dport 8000-9000 goto allowed_out',
    'ip daddr 10.89.1.2 tcp dport 80 goto allowed_out',
  ]);
  // A port that the service does not lead to, and pods that nobody named.
  assert.deepEqual(way([{ protocol: 'TCP', port: 9090, endPort: null }]), [
    'ip daddr { 10.89.1.2 } tcp dport 9090 goto allowed_out',
  ]);
  assert.deepEqual(
    way(
      [{ protocol: 'TCP', port: 8080, endPort: null }],
      [{ kind: 'block', cidr: '10.89.1.0/24', except: ['10.89.1.2/32'] }],
    ),
    ['ip daddr 10.89.1.0/24 ip daddr != 10.89.1.2/32 tcp dport 8080 goto allowed_out'],
  );
  const foreign = [
    { kind: 'pods', pods: null, namespaces: { matchLabels: { project: 'banco' }, matchExpressions: [] } },
  ] as const;
  const ports = [{ protocol: 'TCP', port: 'http', endPort: null }] as const;
  const come = policy({ selector: labelled('web'), ingress: [{ peers: foreign, ports }] });
  assert.deepEqual(
    rulesOf(podRules(OTHER, [web, API, OTHER], [come]).script, 'others').filter((rule) => rule.endsWith('return')),
    ['ip daddr 10.89.1.2 tcp dport 8080 return', 'ip daddr 10.89.1.2 tcp dport 80 return'],
  );
});

test('a port by name within a block is that of the pods that lie in it', () => {
  const other = pod('db', 'db', '10.89.1.4', { ports: [{ name: 'http', port: 5432, protocol: 'TCP' }] });
  const peers = [{ kind: 'block', cidr: '10.89.1.0/24', except: ['10.89.1.2/32'] }] as const;
  const ports = [{ protocol: 'TCP', port: 'http', endPort: null }] as const;
  assert.deepEqual(
    opened(podRules(API, [WEB, API, other], [policy({ egress: [{ peers, ports }] })]).script, 'output'),
    ['ip daddr 10.89.1.3 tcp dport 8080 goto allowed_out', 'ip daddr 10.89.1.4 tcp dport 5432 goto allowed_out'],
  );
});

test('a block with exceptions is matched without them, in both families', () => {
  const block = { kind: 'block', cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.2.0.0/16'] } as const;
  const six = { kind: 'block', cidr: '2001:db8::/32', except: [] } as const;
  const { script } = podRules(API, PODS, [policy({ egress: [{ peers: [block, six], ports: [] }] })]);
  assert.deepEqual(opened(script, 'output'), [
    'ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.2.0.0/16 goto allowed_out',
    'ip6 daddr 2001:db8::/32 goto allowed_out',
  ]);
});

test('names open a set of their own, which other names never share', () => {
  const names = (pattern: string): NetworkPolicy =>
    policy({ egress: [{ peers: [{ kind: 'name', pattern }], ports: [] }] });
  const one = podRules(API, PODS, [names('a.example'), names('b.example'), names('a.example')]);
  assert.deepEqual(
    one.names.map(({ patterns }) => patterns),
    [['a.example'], ['b.example']],
  );
  assert.equal(new Set(one.names.map(({ set }) => set)).size, 2);
  assert.deepEqual(
    opened(one.script, 'output'),
    one.names.flatMap(({ set }) => [`ip daddr @${set} goto allowed_out`, `ip6 daddr @${set}_6 goto allowed_out`]),
  );
  assert.equal(podRules(API, PODS, [names('b.example')]).names[0]?.set, one.names[1]?.set);
});

test('nothing but addresses is written into a rule', () => {
  for (const address of ['10.0.0.1; flush ruleset', '', '10.0.0.1/8', 'web']) {
    assert.throws(() => podRules({ ...API, address }, PODS, []), { code: 'network.policy-invalid' });
  }
  for (const cidr of ['0.0.0.0/33', '10.0.0.0', 'any', '10.0.0.0/8 accept']) {
    const block = { kind: 'block', cidr, except: [] } as const;
    assert.throws(() => podRules(API, PODS, [policy({ ingress: [{ peers: [block], ports: [] }] })]), {
      code: 'network.policy-invalid',
    });
  }
});

test('selectors, names and blocks mean what Kubernetes says', () => {
  const labels = { app: 'web', tier: 'front' };
  const expressions = (
    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
    key: string,
    values: string[] = [],
  ): boolean => holds({ matchLabels: {}, matchExpressions: [{ key, operator, values }] }, labels);
  assert.ok(holds(ALL, {}));
  assert.ok(expressions('In', 'app', ['api', 'web']));
  assert.ok(!expressions('In', 'none', ['web']));
  assert.ok(expressions('NotIn', 'none', ['web']));
  assert.ok(!expressions('NotIn', 'app', ['web']));
  assert.ok(expressions('Exists', 'tier'));
  assert.ok(expressions('DoesNotExist', 'constructor'));
  assert.ok(coversName('*.debian.org', 'deb.debian.org'));
  assert.ok(!coversName('*.debian.org', 'debian.org'));
  assert.ok(!coversName('*.debian.org', 'notdebian.org'));
  assert.ok(coversName('debian.org', 'debian.org'));
  assert.ok(isAddressBlock('::/0') && !isAddressBlock('10.0.0.0/8/8') && !isAddressBlock('10.0.0.0/x'));
  assert.ok(isWithin('10.0.0.0/8', '10.1.0.0/16') && !isWithin('10.0.0.0/8', '11.0.0.0/16'));
  assert.ok(!isWithin('10.1.0.0/16', '10.0.0.0/8') && !isWithin('10.0.0.0/8', '::/96'));
});

test('flows are read from the sets that the rules keep, and from nothing else', () => {
  const element = { elem: { val: { concat: ['10.89.1.2', 'tcp', 8080] }, counter: { packets: 3, bytes: 180 } } };
  const json = JSON.stringify({
    nftables: [
      { metainfo: {} },
      { set: { name: 'came', elem: [element] } },
      { set: { name: 'refused_out', elem: [{ elem: { val: { concat: ['1.1.1.1', 17, 53] } } }] } },
      { set: { name: 'names_00', elem: ['10.0.0.1'] } },
      { set: { name: 'constructor', elem: [element] } },
      { set: { name: 'went' } },
    ],
  });
  assert.deepEqual(readFlows(json), [
    { direction: 'in', refused: false, address: '10.89.1.2', protocol: 'tcp', port: 8080, connections: 3 },
    { direction: 'out', refused: true, address: '1.1.1.1', protocol: '17', port: 53, connections: 0 },
  ]);
});

test('in a network that environments share, neighbours are named one by one and whoever is not named is closed', () => {
  const shared = { network: '10.88.0.0/16', gateway: '10.88.0.1', shared: true } as const;
  const web = pod('web', 'web', '10.88.0.2', shared);
  const api = pod('api', 'api', '10.88.0.3', shared);
  const spy = pod('spy', 'web', '10.88.0.4', { ...shared, project: 'banco' });
  const { script } = podRules(web, [web, api, spy], []);
  assert.deepEqual(opened(script, 'input'), ['ip saddr { 10.88.0.2, 10.88.0.3 } goto allowed_in']);
  const out = rulesOf(script, 'output');
  const closed = 'ip daddr 10.88.0.0/16 ip daddr != { 10.88.0.1, 10.88.0.2, 10.88.0.3 } jump others';
  assert.ok(out.indexOf(closed) >= 0 && out.indexOf(closed) < out.findIndex((rule) => rule.includes('allowed_out')));
  // Also of one that nobody knows of yet.
  assert.ok(!podRules(web, [web, api], []).script.includes('10.88.0.4'));
  assert.deepEqual(rulesOf(podRules(web, [web, api], []).script, 'output'), out);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase, systemClock } from '../../system/index.ts';
import { FLOW_DAYS, WORKLOAD_FLOWS_MAX } from '../limits.ts';
import { networkMigrations } from '../migrations.ts';
import { atPodPorts, type KnownFlow, policyManifest, proposePolicies, settleFlows, type WorkloadFlow } from './flow.ts';
import { Flows, type NetworkTables } from './flows.ts';

const PLACE = { project: 'shop', environment: 'dev' };
const WAY: WorkloadFlow = {
  ...PLACE,
  workload: 'web',
  direction: 'out',
  refused: false,
  peer: { kind: 'workload', ...PLACE, name: 'api' },
  protocol: 'tcp',
  port: 8080,
  connections: 2,
};

test('a way is kept once, with all its connections, and forgotten when nobody takes it', async () => {
  let ahead = 0;
  const clock = { ...systemClock, now: () => new Date(Date.parse('2026-01-01T00:00:00Z') + ahead) };
  const { db, close } = await openDatabase<NetworkTables>('sqlite::memory:', networkMigrations);
  try {
    const flows = new Flows({ db, clock });
    await flows.add([WAY, { ...WAY, refused: true }]);
    ahead = 60_000;
    await flows.add([{ ...WAY, connections: 3 }]);
    const [first, second, more] = await flows.list({ project: 'shop' });
    assert.equal(more, undefined);
    assert.deepEqual(first, {
      ...WAY,
      connections: 5,
      firstAt: '2026-01-01T00:00:00.000Z',
      lastAt: '2026-01-01T00:01:00.000Z',
    });
    assert.equal(second?.refused, true);
    assert.deepEqual(await flows.list({ project: 'shop', environment: 'prod' }), []);
    assert.deepEqual(await flows.list({ project: 'bank' }), []);
    ahead = (FLOW_DAYS + 1) * 86_400_000;
    await flows.add([{ ...WAY, port: 9090 }]);
    assert.deepEqual(
      (await flows.list({ project: 'shop' })).map(({ port }) => port),
      [9090],
    );
    const scan = Array.from({ length: WORKLOAD_FLOWS_MAX + 50 }, (_, port) => ({ ...WAY, workload: 'scanner', port }));
    for (let at = 0; at < scan.length; at += 500) {
      ahead += 1000;
      await flows.add(scan.slice(at, at + 500));
    }
    const kept = await flows.list({ project: 'shop' });
    assert.ok(kept.filter(({ workload }) => workload === 'scanner').length <= WORKLOAD_FLOWS_MAX);
    assert.equal(kept.filter(({ workload }) => workload === 'web').length, 1, 'who scans fills its own list only');
  } finally {
    await close();
  }
});

test('a proposal opens one address of either family, and no way that its other end always refused', () => {
  const known = (more: Partial<WorkloadFlow>): KnownFlow => ({ ...WAY, ...more, firstAt: '', lastAt: '' });
  const fromWeb = { kind: 'workload', ...PLACE, name: 'web' } as const;
  const flows = [
    known({ peer: { kind: 'address', address: '2001:db8::7' }, port: 443 }),
    known({ port: 9000 }),
    known({ workload: 'api', direction: 'in', refused: true, peer: fromWeb, port: 9000 }),
    known({}),
    known({ workload: 'api', direction: 'in', refused: true, peer: fromWeb }),
    known({ workload: 'api', direction: 'in', peer: fromWeb }),
  ];
  const [web] = proposePolicies('shop', 'dev', flows, ({ name }) => ({
    matchLabels: { app: name },
    matchExpressions: [],
  })).filter(({ name }) => name === 'web');
  assert.deepEqual(
    web?.egress?.map(({ peers: [peer], ports: [port] }) => [
      peer?.kind === 'block' ? peer.cidr : peer?.kind,
      port?.port,
    ]),
    [
      ['2001:db8::7/128', 443],
      ['pods', 8080],
    ],
  );
});

test('who calls a Service needs the port of its pods in a policy, and one way is not opened twice', () => {
  const known = (more: Partial<WorkloadFlow>): KnownFlow => ({ ...WAY, ...more, firstAt: '', lastAt: '' });
  const flows = [
    known({ port: 80 }),
    known({}),
    known({ port: 80, protocol: 'udp' }),
    known({ port: 80, peer: { kind: 'address', address: '192.0.2.1' } }),
    known({ workload: 'api', direction: 'in', peer: { kind: 'workload', ...PLACE, name: 'web' } }),
  ];
  const seen = atPodPorts(flows, ({ name }) => (name === 'api' ? [{ protocol: 'TCP', from: 80, to: 8080 }] : []));
  const [web] = proposePolicies('shop', 'dev', seen, ({ name }) => ({
    matchLabels: { app: name },
    matchExpressions: [],
  })).filter(({ name }) => name === 'web');
  assert.deepEqual(
    web?.egress?.map(({ peers: [peer], ports: [one] }) => `${peer?.kind} ${one?.port}/${one?.protocol}`).sort(),
    ['block 80/TCP', 'pods 80/UDP', 'pods 8080/TCP'],
  );
});

test('what the other end refused had no answer, is told once, and is not learned', () => {
  const known = (more: Partial<WorkloadFlow>): KnownFlow => ({ ...WAY, ...more, firstAt: '1', lastAt: '2' });
  const fromWeb = { kind: 'workload', ...PLACE, name: 'web' } as const;
  const flows = [
    // Datagrams, which the sender's rules cannot know the fate of, and a way that an earlier version counted as allowed.
    known({ protocol: 'udp', port: 514 }),
    known({ workload: 'api', direction: 'in', refused: true, peer: fromWeb, protocol: 'udp', port: 514 }),
    known({ port: 9000, connections: 3 }),
    { ...known({ port: 9000, unanswered: true }), firstAt: '0' },
    known({ workload: 'api', direction: 'in', refused: true, peer: fromWeb, port: 9000 }),
    // Answered now, refused at another time.
    known({}),
    known({ workload: 'api', direction: 'in', refused: true, peer: fromWeb }),
    known({ workload: 'api', direction: 'in', peer: fromWeb }),
  ];
  assert.deepEqual(
    settleFlows(flows)
      .filter(({ workload }) => workload === 'web')
      .map(({ port, unanswered = false, connections, firstAt }) => [port, unanswered, connections, firstAt]),
    [
      [514, true, 2, '1'],
      [9000, true, 5, '0'],
      [8080, false, 2, '1'],
    ],
  );
  const labelsOf = ({ name }: { name: string }) => ({ matchLabels: { app: name }, matchExpressions: [] });
  const [web] = proposePolicies('shop', 'dev', flows, labelsOf).filter(({ name }) => name === 'web');
  assert.deepEqual(
    web?.egress?.flatMap(({ ports }) => ports.map(({ port }) => port)),
    [8080],
  );
});

test('a proposal leaves what was done, in both directions, and closes the rest', () => {
  const known = (more: Partial<WorkloadFlow>): KnownFlow => ({ ...WAY, ...more, firstAt: '', lastAt: '' });
  const flows = [
    known({}),
    known({ workload: 'api', direction: 'in', peer: { kind: 'workload', ...PLACE, name: 'web' } }),
    known({ workload: 'api', peer: { kind: 'address', address: '203.0.113.7' }, port: 443 }),
    known({ workload: 'api', peer: { kind: 'address', address: '203.0.113.8' }, port: 443, refused: true }),
    known({
      workload: 'api',
      peer: { kind: 'workload', project: 'shop', environment: 'prod', name: 'db' },
      port: 5432,
    }),
    known({ workload: 'gone' }),
    known({ environment: 'prod', workload: 'db' }),
  ];
  const policies = proposePolicies('shop', 'dev', flows, ({ name }) =>
    name === 'gone' ? null : { matchLabels: { app: name }, matchExpressions: [] },
  );
  assert.deepEqual(
    policies.map(({ name }) => name),
    ['api', 'web'],
  );
  const selector = (app: string): object => ({ matchLabels: { app } });
  assert.deepEqual(policies.map(policyManifest), [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'api' },
      spec: {
        podSelector: selector('api'),
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ podSelector: selector('web') }], ports: [{ protocol: 'TCP', port: 8080 }] }],
        egress: [
          { to: [{ ipBlock: { cidr: '203.0.113.7/32' } }], ports: [{ protocol: 'TCP', port: 443 }] },
          {
            to: [
              {
                namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop-prod' } },
                podSelector: selector('db'),
              },
            ],
            ports: [{ protocol: 'TCP', port: 5432 }],
          },
        ],
      },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'web' },
      spec: {
        podSelector: selector('web'),
        policyTypes: ['Ingress', 'Egress'],
        ingress: [],
        egress: [{ to: [{ podSelector: selector('api') }], ports: [{ protocol: 'TCP', port: 8080 }] }],
      },
    },
  ]);
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { silentLog } from '../../system/index.ts';
import { NameServer } from './server.ts';
import { ResolverUpstream, readNameservers, type Upstream } from './upstream.ts';
import { askZone, type Zone, type ZoneClient } from './zone.ts';

const WEB: ZoneClient = {
  ...{ pod: 'client', podId: 'first', project: 'shop', environment: 'dev' },
  outside: { kind: 'all' },
};
const ZONE: Zone = {
  services: [
    {
      project: 'shop',
      environment: 'dev',
      name: 'web',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      pods: [
        { hostname: 'web-0', address: '10.0.0.2' },
        { hostname: 'web-1', address: '10.0.0.3' },
      ],
    },
    { project: 'shop', environment: 'dev', name: 'idle', ports: [], pods: [] },
    {
      project: 'bank',
      environment: 'dev',
      name: 'web',
      ports: [],
      pods: [{ hostname: 'web-0', address: '10.1.0.2' }],
    },
  ],
  clients: new Map(),
};

function addresses(name: string, client = WEB): readonly string[] | string {
  const answer = askZone(ZONE, client, name, 'A');
  return answer.kind === 'addresses' ? answer.addresses : answer.kind;
}

test('a service is found by each name that Kubernetes gives it, and by no other', () => {
  for (const name of ['web', 'web.dev', 'web.shop-dev', 'web.shop-dev.svc', 'web.shop-dev.svc.cluster.local']) {
    assert.deepEqual(addresses(name), ['10.0.0.2', '10.0.0.3'], name);
  }
  assert.deepEqual(addresses('web.bank-dev.svc.cluster.local'), ['10.1.0.2']);
  assert.deepEqual(addresses('web', { ...WEB, project: 'bank' }), ['10.1.0.2']);
  assert.deepEqual(addresses('idle'), [], 'a name whose replicas are not ready is there and leads nowhere');
  assert.deepEqual(addresses('web-1.web.shop-dev.svc.cluster.local'), ['10.0.0.3']);
  assert.deepEqual(addresses('web-1.web'), ['10.0.0.3']);
  for (const name of ['none', 'web.shop-prod.svc.cluster.local', 'web-9.web', 'x.cluster.local', 'cluster.local']) {
    assert.equal(addresses(name), 'none', name);
  }
  for (const name of ['web.example.org', 'constructor.example', 'web.shop-dev.svc.example', 'dev.nobody']) {
    assert.equal(addresses(name), 'outside', name);
  }
});

test('SRV tells the port and the name of each ready replica', () => {
  const answer = askZone(ZONE, WEB, '_http._tcp.web.shop-dev.svc.cluster.local', 'SRV');
  assert.deepEqual(answer, {
    kind: 'services',
    targets: [
      { name: 'web-0.web.shop-dev.svc.cluster.local', port: 80, address: '10.0.0.2' },
      { name: 'web-1.web.shop-dev.svc.cluster.local', port: 80, address: '10.0.0.3' },
    ],
  });
  assert.equal(askZone(ZONE, WEB, '_http._udp.web', 'SRV').kind, 'none');
  assert.equal(askZone(ZONE, WEB, '_http._tcp.none', 'SRV').kind, 'none');
  assert.equal(askZone(ZONE, WEB, '_ldap._tcp.example.org', 'SRV').kind, 'outside');
});

test('who may reach named places only asks for those names, and for the services of the platform', () => {
  const names = [
    { set: 'names_a', patterns: ['*.debian.org', 'example.org'] },
    { set: 'names_b', patterns: ['deb.debian.org'] },
  ];
  const client: ZoneClient = { ...WEB, outside: { kind: 'named', names } };
  assert.deepEqual(askZone(ZONE, client, 'deb.debian.org', 'A'), { kind: 'outside', sets: ['names_a', 'names_b'] });
  assert.deepEqual(askZone(ZONE, client, 'example.org', 'AAAA'), { kind: 'outside', sets: ['names_a'] });
  for (const name of ['www.example.org', 'debian.org', 'secret.of.the.pod.attacker.example']) {
    assert.equal(addresses(name, client), 'refused', name);
  }
  assert.deepEqual(addresses('web', client), ['10.0.0.2', '10.0.0.3']);
});

test('resolv.conf gives its nameservers of both families in their order', () => {
  const text =
    '# nameserver 1.1.1.1\nsearch x\nnameserver 10.0.0.1\n nameserver\t10.0.0.2 # two\nnameserver fe80::1%eth0\n';
  assert.deepEqual(readNameservers(text), ['10.0.0.1', '10.0.0.2', 'fe80::1%eth0']);
  assert.deepEqual(readNameservers('nameserver 10.0.0.300\nnameserver fd00::53\n'), ['fd00::53']);
});

const hasIpv6 = Object.values(networkInterfaces()).some(
  (list) => list?.some(({ address }) => address === '::1') === true,
);

test('a resolver of the host that has IPv6 alone is asked as any other', {
  skip: hasIpv6 ? false : 'needs IPv6',
}, async (t) => {
  const resolver = createSocket('udp6');
  t.after(() => resolver.close());
  resolver.on('message', (question, from) => resolver.send(question, from.port, from.address));
  await new Promise<void>((done) => resolver.bind(0, '::1', done));
  const { port } = resolver.address();
  const upstream = new ResolverUpstream(() => [{ address: '::1', port }]);
  const question = Buffer.from('123401000001000000000000', 'hex');
  assert.deepEqual(await upstream.ask(question, 'udp'), question);
});

test('a network that is down is why a question has no answer, at once', async () => {
  // The one address that connect(2) refuses on any machine, as it refuses all when there is no way to them; where there is no
  // network at all it has other words.
  const upstream = new ResolverUpstream(() => [{ address: '255.255.255.255', port: 53 }]);
  await assert.rejects(upstream.ask(Buffer.alloc(12), 'udp'), /EACCES|ENETUNREACH/);
});

test('a question that is answered after the resolver has ended gets no answer, and harms nobody', async (t) => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Buffer>();
  const upstream: Upstream = {
    ask: () => {
      asked.resolve();
      return answer.promise;
    },
    answers: async () => true,
  };
  const { resolver, server } = await serveNames(t, upstream);
  const unanswered = assert.rejects(resolver.resolve4('www.example.org'));
  await asked.promise;
  server.close();
  answer.resolve(Buffer.alloc(12));
  await new Promise((resolve) => setImmediate(resolve));
  resolver.cancel();
  await unanswered;
});

/** A server on a free port of loopback, with the clock that the test turns, and a resolver that asks it alone. */
async function serveNames(t: TestContext, upstream: Upstream, services: Zone['services'] = []) {
  const port = await freePort();
  const told: boolean[] = [];
  const clock = { nowMs: 1_000 };
  const server = new NameServer({
    ...{ upstream, port, log: silentLog, open: async () => undefined },
    nowMs: () => clock.nowMs,
    onUpstream: (isAway) => void told.push(isAway),
  });
  t.after(() => server.close());
  server.setZone({ services, clients: new Map([['127.0.0.1', WEB]]) });
  await server.listen('127.0.0.1');
  const resolver = new Resolver({ timeout: 5_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return { resolver, server, told, clock };
}

test('while the resolvers of the host are away, names of the platform are answered and others fail at once, saying so', async (t) => {
  let isBack = false;
  const [first] = ZONE.services;
  assert.ok(first !== undefined);
  const both = { ...first, pods: [...first.pods, { hostname: 'web-0', address: 'fd00::2' }] };
  const upstream: Upstream = {
    ask: async (bytes) => (isBack ? bytes : Promise.reject(new Error('no answer in time'))),
    answers: async () => isBack,
  };
  const { resolver, told, clock } = await serveNames(t, upstream, [both]);
  const whole = 'web.shop-dev.svc.cluster.local';
  assert.deepEqual((await resolver.resolve4(whole)).sort(), ['10.0.0.2', '10.0.0.3']);
  assert.deepEqual(await resolver.resolve6(whole), ['fd00::2']);
  assert.equal((await resolver.resolveSrv(`_http._tcp.${whole}`)).length, 2, 'a pod of two families is one target');
  await assert.rejects(resolver.resolve4('www.example.org'), { code: 'ESERVFAIL' });
  assert.deepEqual(told, [], 'one question without an answer may be a lost one');
  for (let n = 0; n < 3; n += 1) await assert.rejects(resolver.resolve4('www.example.org'));
  assert.deepEqual(told, [true], 'told once');
  isBack = true;
  await assert.rejects(resolver.resolve4('www.example.org'));
  assert.deepEqual(told, [true, false]);
  isBack = false;
  for (let n = 0; n < 3; n += 1) await assert.rejects(resolver.resolve4('www.example.org'));
  assert.deepEqual(told, [true, false], 'a pod that asks for what nobody answers is not told of at each turn');
  clock.nowMs += 10_000;
  await assert.rejects(resolver.resolve4('www.example.org'));
  assert.deepEqual(told, [true, false, true]);
});

test('a pod that asks for nothing but a dead name, or loses what it asks, does not make the resolvers away', async (t) => {
  let probes = 0;
  // Answers its own names, and leaves those of a dead authority open, as a resolver does that waits for it longer than we do.
  const there = createSocket('udp4');
  t.after(() => there.close());
  there.on('message', (question, from) => {
    const [asked] = decode(question).questions ?? [];
    if (asked?.name === '.') probes += 1;
    // The first probe is lost on its way.
    if (asked?.name === 'dead.example' || probes === 1) return;
    there.send(question, from.port, from.address);
  });
  await new Promise<void>((done) => there.bind(0, '127.0.0.1', done));
  const upstream = new ResolverUpstream(() => [{ address: '127.0.0.1', port: there.address().port }]);
  const seen: Promise<boolean>[] = [];
  const { resolver, told, clock } = await serveNames(t, {
    ask: async () => Promise.reject(new Error('no answer in time')),
    answers: () => {
      const answered = upstream.answers();
      seen.push(answered);
      return answered;
    },
  });
  for (let n = 0; n < 30; n += 1) {
    await assert.rejects(resolver.resolve4('dead.example'));
    clock.nowMs += 500;
  }
  assert.ok(seen.length >= 1 && seen.length <= 2, `asked ${seen.length} times in 15 seconds`);
  assert.deepEqual(
    await Promise.all(seen),
    seen.map(() => true),
  );
  assert.deepEqual(told, []);
});

test('resolvers that came back are known to be back although no pod asks', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let isBack = false;
  const { resolver, told, clock } = await serveNames(t, {
    ask: async () => Promise.reject(new Error('no answer in time')),
    answers: async () => isBack,
  });
  for (let n = 0; n < 2; n += 1) await assert.rejects(resolver.resolve4('www.example.org'));
  assert.deepEqual(told, [true]);
  const turn = async (): Promise<void> => {
    clock.nowMs += 10_000;
    t.mock.timers.tick(10_000);
    await new Promise((done) => setImmediate(done));
  };
  await turn();
  assert.deepEqual(told, [true]);
  isBack = true;
  await turn();
  assert.deepEqual(told, [true, false]);
});

test('sockets are opened once for each space that pods are in, and anew when it is another one', async (t) => {
  const [one, other] = [await freePort(), await freePort()];
  let space = 'first';
  let opened = 0;
  const server = new NameServer({
    upstream: { ask: async () => Promise.reject(new Error('nobody')), answers: async () => false },
    log: silentLog,
    open: async () => undefined,
    sockets: {
      space: async () => space,
      async open(address) {
        opened += 1;
        const port = space === 'first' ? one : other;
        const udp = createSocket('udp4');
        const tcp = createServer();
        await new Promise<void>((done) => udp.bind(port, address, done));
        await new Promise<void>((done) => tcp.listen(port, address, done));
        return { udp, tcp };
      },
    },
  });
  t.after(() => server.close());
  server.setZone({ services: ZONE.services, clients: new Map([['127.0.0.1', WEB]]) });
  const ask = async (port: number): Promise<readonly string[]> => {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    return await resolver.resolve4('web.shop-dev.svc.cluster.local').catch(() => []);
  };
  await Promise.all([server.listen('127.0.0.1'), server.listen('127.0.0.1'), server.listen('127.0.0.1')]);
  assert.equal(opened, 1);
  assert.notDeepEqual(await ask(one), []);
  space = 'second';
  await server.listen('127.0.0.1');
  assert.equal(opened, 2);
  assert.notDeepEqual(await ask(other), []);
  assert.deepEqual(await ask(one), [], 'the former ones are shut');
  space = '';
  await server.listen('127.0.0.1');
  await server.listen('127.0.0.1');
  assert.equal(opened, 4, 'a space that cannot be told may be another one each time');
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((done) => probe.close(() => done()));
  return port;
}

test('what a name leads to is opened once for each pod, and anew for one that was made anew under the same name', async (t) => {
  const opened: string[] = [];
  const port = await freePort();
  const server = new NameServer({
    ...{ port, log: silentLog },
    upstream: {
      ask: async (bytes) => {
        const { id, questions } = decode(bytes);
        const answers = [{ type: 'A', name: 'api.bank.example', ttl: 3600, data: '192.0.2.7' }] as const;
        return encode({ type: 'response', ...(id === undefined ? {} : { id }), questions, answers: [...answers] });
      },
      answers: async () => true,
    },
    open: async (pod, set, addresses, seconds) => void opened.push(`${pod} ${set} ${addresses} ${seconds}`),
  });
  t.after(() => server.close());
  await server.listen('127.0.0.1');
  const resolver = new Resolver({ timeout: 5_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  const ask = async (podId: string): Promise<void> => {
    const outside = { kind: 'named', names: [{ set: 'names_1', patterns: ['api.bank.example'] }] } as const;
    server.setZone({ services: [], clients: new Map([['127.0.0.1', { ...WEB, podId, outside }]]) });
    assert.deepEqual(await resolver.resolve4('api.bank.example'), ['192.0.2.7']);
  };
  const line = 'client names_1 192.0.2.7 3630';
  await ask('first');
  await ask('first');
  assert.deepEqual(opened, [line]);
  await ask('second');
  assert.deepEqual(opened, [line, line], 'the rules of a new pod hold nothing of those of the former one');
});

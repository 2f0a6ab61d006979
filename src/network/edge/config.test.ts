import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../system/index.ts';
import { publishedName } from '../published-name.ts';
import { readAccessLine } from './access-log.ts';
import { ROUTE_ANNOTATIONS } from './annotations.ts';
import { type EdgeSettings, renderConfig, type Slots, unavailableAnswer } from './config.ts';
import { changesOf, placeEndpoints } from './edge.ts';
import type { RouteOptions } from './options.ts';
import { backendsOf, checkListener, checkRoute, type EdgeRoute } from './route.ts';

const settings: EdgeSettings = {
  ports: { https: 8443, http: 8080 },
  addresses: ['127.0.0.1', '::1'],
  certificate: '/e/published.pem',
  certificateList: '/e/certificates.list',
  statsSocket: '/r/haproxy.sock',
  pages: { unavailable: '/e/503.http', missing: '/e/404.html', refused: '/e/403.html', slow: '/e/429.html' },
  stickyKey: '0123',
};

/** The configuration of these routes with nothing else, and the places of their endpoints. */
const render = (routes: readonly EdgeRoute[], slots = place(routes)): string =>
  renderConfig(settings, { routes, listeners: [], proxies: [] }, slots);
const place = (routes: readonly EdgeRoute[], before: Slots = new Map()) =>
  placeEndpoints(backendsOf({ routes, listeners: [] }), before);

const route = (more: Partial<EdgeRoute> = {}): EdgeRoute => ({
  host: 'web-tienda-dev.darsena.localhost',
  path: '/',
  pathType: 'Prefix',
  service: 'tienda/dev/web:http',
  endpoints: [{ host: '10.1.0.2', port: 8080 }],
  ...more,
});

test('the same routes give the same configuration in whatever order they come', () => {
  const routes = [route(), route({ path: '/api' }), route({ host: '*.shop.example' })];
  const reversed = [...routes].reverse();
  assert.equal(render(routes), render(reversed));
});

test('long paths are asked before short ones, exact before prefix, and prefixes end at a slash', () => {
  const routes = [
    route(),
    route({ path: '/foo', service: 'a/b/prefix:1' }),
    route({ path: '/foo', pathType: 'Exact', service: 'a/b/exact:1' }),
  ];
  const rules = render(routes)
    .split('\n')
    .filter((line) => line.includes('use_backend'))
    .map((line) => line.trim().replace(/ \{ var\(txn\.host\)[^}]*\}/, ''));
  assert.deepEqual(rules, [
    "use_backend s_a_b_exact:1 if { path -m str '/foo' }",
    "use_backend s_a_b_prefix:1 if { path -m str '/foo' }",
    "use_backend s_a_b_prefix:1 if { path -m beg '/foo/' }",
    'use_backend s_tienda_dev_web:http if',
  ]);
});

test('an endpoint that stays keeps its place while others come and go', () => {
  const [a, b, c] = [2, 3, 4].map((last) => ({ host: `10.1.0.${last}`, port: 80 }));
  assert.ok(a && b && c);
  const first = place([route({ endpoints: [a, b] })]);
  const second = place([route({ endpoints: [c, b] })], first);
  assert.deepEqual(second.get('tienda/dev/web:http')?.slice(0, 3), [c, b, null]);
  const many = Array.from({ length: 9 }, (_, index) => ({ host: '10.2.0.1', port: 1000 + index }));
  assert.equal(place([route({ endpoints: many })], second).get('tienda/dev/web:http')?.length, 16);
});

test('nothing that could be read as configuration passes through a route', () => {
  const hostile: readonly Partial<EdgeRoute>[] = [
    { host: 'a b' },
    { host: 'a\n  use_backend x' },
    { path: '/a }\nbackend x' },
    { path: '/a b' },
    { path: 'a' },
    { path: '/"' },
    { path: '/#' },
    { service: 'a\nb' },
    { endpoints: [{ host: 'unix@/etc/x', port: 80 }] },
    { endpoints: [{ host: '10.0.0.1', port: 0 }] },
  ];
  for (const more of hostile) {
    assert.throws(
      () => checkRoute(route(more)),
      (error) => error instanceof Fault,
      JSON.stringify(more),
    );
  }
  checkRoute(route());
});

test('the page without replicas says so in both languages and has the length it states', () => {
  const [head = '', body = ''] = unavailableAnswer().split('\r\n\r\n');
  assert.match(body, /ninguna de sus réplicas.*none of its replicas/s);
  assert.equal(Number(/content-length: (\d+)/.exec(head)?.[1]), Buffer.byteLength(body));
});

test('a published name is one label below the domain, and a label DNS cannot carry is refused', () => {
  const parts = { service: 'web', project: 'tienda', environment: 'dev', domain: 'darsena.localhost' };
  assert.equal(publishedName(parts), 'web-tienda-dev.darsena.localhost');
  assert.equal(publishedName({ ...parts, service: 'a'.repeat(52) }).indexOf('.'), 63);
  assert.throws(
    () => publishedName({ ...parts, service: 'a'.repeat(53) }),
    (error) => error instanceof Fault && error.code === 'network.name-too-long',
  );
});

test('a weight that changed is told to the running edge without touching the place, and none is as good as every other', () => {
  const service = 'tienda/dev/web:http';
  const [old, fresh] = [
    { host: '10.1.0.2', port: 80 },
    { host: '10.1.0.3', port: 80 },
  ];
  const before = place([route({ endpoints: [old, fresh] })]);
  const routes = [
    route({
      endpoints: [
        { ...old, weight: 225 },
        { ...fresh, weight: 25 },
      ],
    }),
  ];
  const after = place(routes, before);
  const changes = changesOf(service, before.get(service) ?? [], after.get(service) ?? []);
  assert.deepEqual(changes, [
    'set server s_tienda_dev_web:http/r1 weight 225',
    'set server s_tienda_dev_web:http/r2 weight 25',
  ]);
  assert.match(render(routes, after), / {2}server r2 10\.1\.0\.3:80 weight 25\n/);
  const again = place(routes, after);
  assert.deepEqual(changesOf(service, after.get(service) ?? [], again.get(service) ?? []), []);
  assert.throws(() => checkRoute(route({ endpoints: [{ ...old, weight: 257 }] })), Fault);
});

test('nothing that could be read as configuration passes through options or a port', () => {
  const hostile: readonly RouteOptions[] = [
    { denyPaths: ["/a'\n  use_backend x"] },
    { denyPaths: ['/a b'] },
    { denyPaths: ['admin'] },
    { denyPaths: ['/A'] },
    { denyMethods: ['GET }'] },
    { denyAgents: ["x' -f /etc/passwd '"] },
    { denyAgents: ['x\ny'] },
    { denyAgents: [''] },
    { denyNetworks: ['10.0.0.0/8 }'] },
    { allowNetworks: ['fe80::1%-f /etc/shadow'] },
    { rate: { requests: 1.5, seconds: 1 } },
    { rate: { requests: 1, seconds: 3_601 } },
    { bodyBytesMax: Number.NaN },
    { answerSeconds: 0 },
    { sticky: 'source\n  mode tcp' as 'address' },
    { denyMethods: Array.from({ length: 577 }, () => 'GET') },
  ];
  for (const options of hostile) assert.throws(() => checkRoute(route({ options })), Fault, JSON.stringify(options));
  const listener = {
    port: 5432,
    service: 'a/b/c:1',
    endpoints: [],
    sources: [],
    sticky: false,
    sendProxy: false,
    tls: false,
  };
  checkListener(listener);
  for (const more of [
    { port: 0 },
    { port: 65_536 },
    { service: 'a b' },
    { sources: ['10.0.0.0/33'] },
    { sources: ['::1%x'] },
  ])
    assert.throws(() => checkListener({ ...listener, ...more }), Fault, JSON.stringify(more));
});

test('no line of the configuration has more words than HAProxy reads, however long the lists are', () => {
  const blocks = Array.from({ length: 576 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
  const options: RouteOptions = {
    ...{ denyNetworks: blocks, allowNetworks: blocks.slice(0, 64), denyPaths: blocks.map((_, index) => `/a${index}`) },
    denyAgents: Array.from({ length: 64 }, (_, index) => `bot${index}`),
  };
  checkRoute(route({ options }));
  const listener = { port: 1, service: 'a/b/c:1', endpoints: [], sticky: false, sendProxy: false, tls: false };
  const published = {
    routes: [route({ options })],
    listeners: [{ ...listener, sources: blocks, denied: blocks }],
    proxies: blocks.slice(0, 64),
  };
  const lines = renderConfig(settings, published, placeEndpoints(backendsOf(published), new Map())).split('\n');
  assert.ok(Math.max(...lines.map((line) => line.trim().split(' ').length)) < 64);
  assert.equal(lines.filter((line) => /tcp-request session reject (?:if denied|unless allowed)/.test(line)).length, 2);
  for (const block of blocks) assert.equal(lines.filter((line) => line.split(' ').includes(block)).length >= 3, true);
});

test('annotations of an Ingress are read as people write them, and what means nothing is refused', () => {
  const read = (name: string, text: string) =>
    ROUTE_ANNOTATIONS.find((one) => one.name === `darsena/${name}`)?.read(text);
  const good: readonly (readonly [string, string, RouteOptions])[] = [
    ['rate-limit', '100/10s', { rate: { requests: 100, seconds: 10 } }],
    ['rate-limit', '20/s', { rate: { requests: 20, seconds: 1 } }],
    ['rate-limit', '600/m', { rate: { requests: 600, seconds: 60 } }],
    ['body-limit', '10Mi', { bodyBytesMax: 10_485_760 }],
    ['answer-timeout', '5m', { answerSeconds: 300 }],
    ['quiet-timeout', '24h', { quietSeconds: 86_400 }],
    ['sticky', 'cookie', { sticky: 'cookie' }],
    ['deny-paths', '/admin, *.php', { denyPaths: ['/admin', '*.php'] }],
    ['allow-networks', '10.0.0.0/8,2001:db8::/32', { allowNetworks: ['10.0.0.0/8', '2001:db8::/32'] }],
  ];
  for (const [name, text, options] of good) {
    assert.deepEqual(read(name, text), options, `${name}: ${text}`);
    checkRoute(route({ options }));
  }
  const wrong =
    'rate-limit=0/s rate-limit=10 rate-limit=10/2h body-limit=10MB body-limit=0 answer-timeout=25h answer-timeout=5 sticky=ip';
  for (const pair of `${wrong} deny-paths=admin deny-paths= deny-methods=get deny-networks=10.0.0.0/99 deny-agents='`.split(
    ' ',
  )) {
    const [name = '', text = ''] = pair.split('=');
    assert.equal(read(name, text), null, pair);
  }
});

test('a line of the access log is read or left, whatever a client put into it', () => {
  const line = (more: string): string =>
    `{"k":"http","t":1700000000123,"c":"192.0.2.1","b":"s_tienda_dev_web:8080.0a1b","d":5,"i":1,"o":2,"e":"--"${more}}`;
  const asked = ',"m":"GET","h":"web","p":"/a","q":"3","s":200,"a":"-","r":"-"';
  assert.deepEqual(readAccessLine(line(asked)), {
    ...{ at: '2023-11-14T22:13:20.123Z', kind: 'http', service: 'tienda/dev/web', client: '192.0.2.1', method: 'GET' },
    ...{ host: 'web', path: '/a?', status: 200, durationMs: 5, bytesIn: 1, bytesOut: 2, agent: null, refused: null },
    ended: null,
  });
  for (const broken of ['', 'x', '{', '[]', '{"t":1}', line(',"p":"\n"}'), line(asked).replace('192.0.2.1', 'nobody')])
    assert.equal(readAccessLine(broken), null, broken);
  assert.equal(readAccessLine(line(asked).replace('1700000000123', '1e20')), null, 'no date');
  assert.equal(readAccessLine(line(`,"a":"${'x'.repeat(9_000)}"`)), null);
});

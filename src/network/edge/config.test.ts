import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../system/index.ts';
import { publishedName } from '../published-name.ts';
import { type EdgeSettings, renderConfig, unavailableAnswer } from './config.ts';
import { changesOf, placeEndpoints } from './edge.ts';
import { checkRoute, type EdgeRoute } from './route.ts';

const settings: EdgeSettings = {
  ports: { https: 8443, http: 8080 },
  addresses: ['127.0.0.1', '::1'],
  certificate: '/e/published.pem',
  statsSocket: '/r/haproxy.sock',
  unavailablePage: '/e/503.http',
  missingPage: '/e/404.html',
};

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
  const render = (some: readonly EdgeRoute[]): string => renderConfig(settings, some, placeEndpoints(some, new Map()));
  assert.equal(render(routes), render(reversed));
});

test('long paths are asked before short ones, exact before prefix, and prefixes end at a slash', () => {
  const routes = [
    route(),
    route({ path: '/foo', service: 'a/b/prefix:1' }),
    route({ path: '/foo', pathType: 'Exact', service: 'a/b/exact:1' }),
  ];
  const rules = renderConfig(settings, routes, placeEndpoints(routes, new Map()))
    .split('\n')
    .filter((line) => line.includes('use_backend'))
    .map((line) => line.trim().replace(/ \{ var\(txn\.host\)[^}]*\}/, ''));
  assert.deepEqual(rules, [
    'use_backend s_a_b_exact:1 if { path -m str /foo }',
    'use_backend s_a_b_prefix:1 if { path -m str /foo }',
    'use_backend s_a_b_prefix:1 if { path -m beg /foo/ }',
    'use_backend s_tienda_dev_web:http if',
  ]);
});

test('an endpoint that stays keeps its place while others come and go', () => {
  const [a, b, c] = [2, 3, 4].map((last) => ({ host: `10.1.0.${last}`, port: 80 }));
  assert.ok(a && b && c);
  const first = placeEndpoints([route({ endpoints: [a, b] })], new Map());
  const second = placeEndpoints([route({ endpoints: [c, b] })], first);
  assert.deepEqual(second.get('tienda/dev/web:http')?.slice(0, 3), [c, b, null]);
  const many = Array.from({ length: 9 }, (_, index) => ({ host: '10.2.0.1', port: 1000 + index }));
  assert.equal(placeEndpoints([route({ endpoints: many })], second).get('tienda/dev/web:http')?.length, 16);
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
  const before = placeEndpoints([route({ endpoints: [old, fresh] })], new Map());
  const routes = [
    route({
      endpoints: [
        { ...old, weight: 225 },
        { ...fresh, weight: 25 },
      ],
    }),
  ];
  const after = placeEndpoints(routes, before);
  const changes = changesOf(service, before.get(service) ?? [], after.get(service) ?? []);
  assert.deepEqual(changes, [
    'set server s_tienda_dev_web:http/r1 weight 225',
    'set server s_tienda_dev_web:http/r2 weight 25',
  ]);
  assert.match(renderConfig(settings, routes, after), / {2}server r2 10\.1\.0\.3:80 weight 25\n/);
  const again = placeEndpoints(routes, after);
  assert.deepEqual(changesOf(service, after.get(service) ?? [], again.get(service) ?? []), []);
  assert.throws(() => checkRoute(route({ endpoints: [{ ...old, weight: 257 }] })), Fault);
});

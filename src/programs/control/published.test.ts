import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleWorkload } from '../../deploy/engines/local/simulation.ts';
import { EMPTY_WANTED, type WantedState } from '../../deploy/model.ts';
import { publishedAddresses } from './published.ts';

const PLACE = { project: 'tienda', environment: 'dev' };

function addresses(more: Partial<WantedState>) {
  const instance = { ports: { edgeHttps: 443 }, domain: 'darsena.localhost' };
  const wanted: WantedState = { ...EMPTY_WANTED, ...more };
  return publishedAddresses({
    instance: instance as Parameters<typeof publishedAddresses>[0]['instance'],
    deployments: { wanted: () => Promise.resolve(wanted) },
  });
}

test('a route names the workloads that its service selects, whatever the service is called', async () => {
  const sample = sampleWorkload('front', '1');
  const workload = (name: string, app: string, environment = 'dev') => ({
    ...sample,
    key: { ...PLACE, environment, name },
    pod: { ...sample.pod, labels: { app } },
    previous: null,
  });
  const route = {
    ...PLACE,
    ingress: 'web',
    host: null,
    path: '/',
    pathType: 'Prefix',
    service: 'shop',
    servicePort: 80,
  };
  const { routes } = addresses({
    workloads: [workload('front', 'web'), workload('shop', 'other'), workload('front', 'web', 'prod')],
    services: [{ ...PLACE, name: 'shop', selector: { app: 'web' }, ports: [] }],
    routes: [route as WantedState['routes'][number]],
    listeners: [
      { ...PLACE, service: 'gone', port: 9000, sources: [], sticky: false, sendProxy: false, tls: false },
    ] as unknown as WantedState['listeners'] & object,
  });
  assert.deepEqual(
    (await routes()).map(({ kind, workloads }) => [kind, workloads]),
    [
      ['http', ['front']],
      ['tcp', []],
    ],
  );
});

test('the address of an exact path is that path, and of a prefix what lies below it', async () => {
  const of = async (path: string, pathType: 'Prefix' | 'Exact'): Promise<string | undefined> => {
    const route = {
      ...PLACE,
      ingress: 'web',
      host: 'www.example.org',
      path,
      pathType,
      service: 'web',
      servicePort: 80,
    };
    return (await addresses({ routes: [route] }).routes())[0]?.url;
  };
  assert.equal(await of('/cart', 'Exact'), 'https://www.example.org/cart');
  assert.equal(await of('/', 'Exact'), 'https://www.example.org/');
  assert.equal(await of('/', 'Prefix'), 'https://www.example.org/');
  assert.equal(await of('/shop', 'Prefix'), 'https://www.example.org/shop/');
  assert.equal(await of('/shop/', 'Prefix'), 'https://www.example.org/shop/');
});

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { PATIENT_PULLS_MAX } from './limits.ts';
import { HELD, startTestRegistry, type TestRegistry } from './test-registry.ts';

let server: TestRegistry;
before(async () => {
  server = await startTestRegistry({ patienceMs: 400 });
});
after(() => server.close());
beforeEach(() => {
  server.verdicts.clear();
  server.fallback = { allow: true };
});

async function ask(method: string, path: string, as: string, body?: Buffer, signal?: AbortSignal) {
  const response = await fetch(`${server.url}/v2/${path}`, {
    method,
    headers: {
      authorization: server.basic(as),
      ...(path.includes('/manifests/') && body !== undefined ? { 'content-type': MEDIA_TYPE.manifest } : {}),
    },
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes, header: (name: string) => response.headers.get(name) };
}

const messageOf = (bytes: Buffer): string => JSON.parse(bytes.toString()).errors[0].message;

const pushBlob = async (repository: string, bytes: Buffer, as = 'ana') => {
  const { status } = await ask('POST', `${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, as, bytes);
  assert.equal(status, 201);
};

/** Pushes an image of one layer over HTTP. */
async function pushImage(repository: string, tag: string, layer: Buffer, extra: object = {}) {
  const config = Buffer.from(JSON.stringify({ os: 'linux', for: `${repository} ${tag}` }));
  await pushBlob(repository, config);
  await pushBlob(repository, layer);
  const descriptor = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: descriptor(config, MEDIA_TYPE.config),
      layers: [descriptor(layer, MEDIA_TYPE.layer)],
      ...extra,
    }),
  );
  assert.equal((await ask('PUT', `${repository}/manifests/${tag}`, 'ana', manifest)).status, 201);
  return { digest: digestOf(manifest), layer: digestOf(layer), config: digestOf(config) };
}

const REFUSED = {
  allow: false,
  code: 'quarantine.refused',
  reasons: [
    { en: 'malware in the image: /bin/x', es: '…' },
    { en: 'it is unsigned', es: '…' },
  ],
  remedies: [{ en: 'sign it: darsena trust sign', es: '…' }],
  settled: true,
} as const;

describe('the content of a held image', () => {
  it('is served to its scanner and to nobody else, whoever pushed it', async () => {
    const image = await pushImage('tienda/held', '1', Buffer.from('held layer'));
    server.fallback = REFUSED;
    for (const blob of [image.layer, image.config]) {
      for (const as of ['ana', 'beto', 'root']) {
        assert.equal((await ask('GET', `tienda/held/blobs/${blob}`, as)).status, 403, `${as} ${blob}`);
      }
      assert.equal((await ask('GET', `tienda/held/blobs/${blob}`, 'eye')).status, 200);
    }
  });

  it('is told to be here to who may push, because pushing again needs to know, and to no reader', async () => {
    const image = await pushImage('tienda/head', '1', Buffer.from('head layer'));
    server.fallback = REFUSED;
    assert.equal((await ask('HEAD', `tienda/head/blobs/${image.layer}`, 'ana')).status, 200);
    assert.equal((await ask('HEAD', `tienda/head/blobs/${image.layer}`, 'beto')).status, 403);
  });

  it('is not mounted into another repository; a plain upload begins instead', async () => {
    const image = await pushImage('tienda/mount', '1', Buffer.from('mount layer'));
    server.fallback = REFUSED;
    const mount = `tienda/elsewhere/blobs/uploads/?mount=${image.layer}&from=tienda/mount`;
    assert.equal((await ask('POST', mount, 'ana')).status, 202);
    assert.equal((await ask('HEAD', `tienda/elsewhere/blobs/${image.layer}`, 'ana')).status, 404);
    server.fallback = { allow: true };
    assert.equal((await ask('POST', mount, 'ana')).status, 201);
  });

  it('is served where a released image uses it as well, and held again when that one goes', async () => {
    const layer = Buffer.from('a base layer');
    const base = await pushImage('tienda/shared', 'base', layer);
    const held = await pushImage('tienda/shared', 'app', layer);
    server.verdicts.set(held.digest, REFUSED);
    assert.equal((await ask('GET', `tienda/shared/blobs/${held.layer}`, 'beto')).status, 200);
    assert.equal((await ask('GET', `tienda/shared/blobs/${held.config}`, 'beto')).status, 403);
    assert.equal((await ask('DELETE', `tienda/shared/manifests/${base.digest}`, 'ana')).status, 202);
    assert.equal((await ask('GET', `tienda/shared/blobs/${held.layer}`, 'beto')).status, 403);
  });

  it('nobody uses yet is its uploader’s alone', async () => {
    const loose = Buffer.from('no manifest names this');
    await pushBlob('tienda/loose', loose);
    const path = `tienda/loose/blobs/${digestOf(loose)}`;
    assert.equal((await ask('GET', path, 'ana')).status, 200);
    const other = await ask('GET', path, 'beto');
    assert.equal(other.status, 403);
    assert.match(messageOf(other.bytes), /only for who uploaded it/);
    assert.equal((await ask('GET', path, 'eye')).status, 200);
  });

  it('its manifest is read by who may sign it', async () => {
    const image = await pushImage('tienda/sign', '1', Buffer.from('sign layer'));
    server.fallback = REFUSED;
    assert.equal((await ask('GET', `tienda/sign/manifests/${image.digest}`, 'root')).status, 200);
    assert.equal((await ask('GET', `tienda/sign/manifests/${image.digest}`, 'beto')).status, 403);
  });
});

describe('a pull of an image that is being checked', () => {
  it('waits for the verdict and gets the image', async () => {
    const image = await pushImage('tienda/wait', '1', Buffer.from('wait layer'));
    server.verdicts.set(image.digest, HELD);
    const pulls = [
      ask('GET', 'tienda/wait/manifests/1', 'beto'),
      ask('GET', `tienda/wait/blobs/${image.layer}`, 'ana'),
      ask('GET', `tienda/wait/blobs/${image.config}`, 'beto'),
    ];
    while (server.waiters() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    server.decide(image.digest, { allow: true });
    assert.deepEqual(
      (await Promise.all(pulls)).map((one) => one.status),
      [200, 200, 200],
    );
    assert.equal(server.waiters(), 0);
  });

  it('waits for a refusal and hears every reason and the way out', async () => {
    const image = await pushImage('tienda/refused', '1', Buffer.from('refused layer'));
    server.verdicts.set(image.digest, HELD);
    const pull = ask('GET', 'tienda/refused/manifests/1', 'beto');
    while (server.waiters() < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    server.decide(image.digest, REFUSED);
    const { status, bytes } = await pull;
    assert.equal(status, 403);
    assert.match(
      messageOf(bytes),
      /was refused: malware in the image: \/bin\/x; it is unsigned; sign it: darsena trust sign/,
    );
  });

  it('waits no longer than the bound, then says how to wait', async () => {
    const image = await pushImage('tienda/slow', '1', Buffer.from('slow layer'));
    server.verdicts.set(image.digest, HELD);
    const started = performance.now();
    const { status, bytes } = await ask('GET', 'tienda/slow/manifests/1', 'beto');
    const waited = performance.now() - started;
    assert.equal(status, 403);
    assert.match(messageOf(bytes), /in quarantine: not scanned yet; darsena image wait tienda\/slow:1/);
    assert.ok(waited >= 390 && waited < 5000, `${waited} ms`);
  });

  it('a settled refusal does not wait', async () => {
    const image = await pushImage('tienda/settled', '1', Buffer.from('settled layer'));
    server.verdicts.set(image.digest, REFUSED);
    const started = performance.now();
    assert.equal((await ask('GET', 'tienda/settled/manifests/1', 'beto')).status, 403);
    assert.ok(performance.now() - started < 350);
  });

  it('stops waiting when its client goes', async () => {
    const image = await pushImage('tienda/gone', '1', Buffer.from('gone layer'));
    server.verdicts.set(image.digest, HELD);
    const leave = new AbortController();
    const pull = ask('GET', 'tienda/gone/manifests/1', 'beto', undefined, leave.signal);
    while (server.waiters() < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    const started = performance.now();
    leave.abort();
    await assert.rejects(pull);
    while (server.waiters() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(performance.now() - started < 350);
  });

  it('is refused at once when too many wait already', async () => {
    const image = await pushImage('tienda/many', '1', Buffer.from('many layer'));
    server.verdicts.set(image.digest, HELD);
    const { registry } = server;
    const manifest = await registry.resolve('tienda/many', '1');
    assert.ok(manifest !== null);
    const caller = { id: 'id-beto', actor: 'user:beto', kind: 'user', name: 'beto' } as const;
    const signal = new AbortController().signal;
    const reading = { caller, maySign: () => false, gone: () => signal };
    const outcome = async (): Promise<string> => {
      try {
        await registry.quarantine.admit(manifest, '1', reading);
        return 'allowed';
      } catch {
        return 'refused';
      }
    };
    const waiting = Array.from({ length: PATIENT_PULLS_MAX }, outcome);
    while (server.waiters() < PATIENT_PULLS_MAX) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await outcome(), 'refused');
    server.decide(image.digest, { allow: true });
    assert.deepEqual([...new Set(await Promise.all(waiting))], ['allowed']);
  });
});

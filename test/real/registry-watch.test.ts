import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Admit, admitMigrations, PRESETS_FOLDER, readPolicies } from '../../src/admit/index.ts';
import { AdvisoryStore } from '../../src/advisories/index.ts';
import { type Journal, journalMigrations } from '../../src/journal/index.ts';
import { type Descriptor, type Digest, digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { foreignExaminer } from '../../src/programs/control/foreign-images.ts';
import type { RemoteDatabase } from '../../src/registry/remotes/store.ts';
import { startTestMirror, type TestMirror } from '../../src/registry/remotes/test-mirror.ts';
import { Watches } from '../../src/registry/remotes/watches.ts';
import { Scans, scanMigrations } from '../../src/scan/index.ts';
import { openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey, signImage, type Trust, toReferrer } from '../../src/trust/index.ts';
import { type Distribution, has, startDistribution } from './registry-ground.ts';
import { openTrust } from './trust-ground.ts';

const RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n';
const dpkg = (version: string): string =>
  `Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\nMaintainer: x\nDescription: x\n\n`;
/** Exploited, so that the presets refuse it. */
const ADVISORY = {
  id: 'CVE-2099-0001',
  modified: '2026-11-01T00:00:00Z',
  published: '2026-11-01T00:00:00Z',
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
  affected: [
    {
      package: { ecosystem: 'Debian:12', name: 'openssl' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '3.0.15-1' }] }],
    },
  ],
};

const skip = has('docker-registry') ? false : 'needs docker-registry';

describe('R6: a registry that is watched, end to end', { skip }, () => {
  let work: string;
  let there: Distribution;
  let here: TestMirror;
  let watches: Watches;
  let trust: Trust;
  const closing: (() => Promise<unknown>)[] = [];
  const key = generateSigningKey(randomBytes(32)).key;

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'registry-watch-'));
    there = await startDistribution(work, 'there', { tls: null });
    here = await startTestMirror();
    const { registry, journal, operations, remotes, mirrors } = here;
    const opening = await openTrust(here);
    trust = opening.trust;
    // `*` as well: the images are named by the address of their registry.
    await trust.addPublicKey(
      { name: 'release', uses: ['image'], repositories: ['**'], publicKeyPem: key.publicKeyPem },
      'user:root',
    );
    const opened = await openDatabase<never>('sqlite::memory:', [
      ...journalMigrations,
      ...scanMigrations,
      ...admitMigrations,
    ]);
    const silent = { record: async () => undefined, committed: () => undefined } as unknown as Journal;
    const advisories = new AdvisoryStore(join(work, 'advisories'), systemClock);
    await advisories.import([
      {
        name: 'debian.json',
        open: async function* () {
          yield Buffer.from(JSON.stringify(ADVISORY));
        },
      },
    ]);
    const scans = new Scans({ db: opened.db, advisories, journal: silent, clock: systemClock });
    const policies = await readPolicies(PRESETS_FOLDER);
    const admit = new Admit({ db: opened.db, journal: silent, clock: systemClock, policies, key });
    watches = new Watches({
      ...{ db: registry.db as unknown as RemoteDatabase, journal, operations, registry, remotes, mirrors },
      examiner: foreignExaminer({ scans, trust, admit, journal, clock: systemClock }),
      inUse: { list: async () => here.inUse },
      isReplicated: () => false,
      clock: systemClock,
      log: silentLog,
    });
    await remotes.create('there', { url: there.url, networks: ['127.0.0.1/32'] }, 'user:root');
    closing.push(opening.close, opened.close);
  });
  after(async () => {
    for (const close of closing) await close();
    await here?.close();
    await there?.stop();
    await rm(work, { recursive: true, force: true });
  });

  const describeBytes = (bytes: Uint8Array, mediaType: string): Descriptor => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  });

  async function putBlob(repository: string, bytes: Uint8Array): Promise<void> {
    const start = await fetch(`${there.url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(start.headers.get('location') ?? '', there.url);
    location.searchParams.set('digest', digestOf(bytes));
    assert.equal((await fetch(location, { method: 'PUT', body: new Uint8Array(bytes) })).status, 201);
  }

  async function putManifest(
    repository: string,
    reference: string,
    manifest: object,
    mediaType: string = MEDIA_TYPE.manifest,
  ): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...manifest }));
    const answer = await fetch(`${there.url}/v2/${repository}/manifests/${reference || digestOf(bytes)}`, {
      method: 'PUT',
      headers: { 'content-type': mediaType },
      body: new Uint8Array(bytes),
    });
    assert.equal(answer.status, 201, await answer.text());
    return describeBytes(bytes, mediaType);
  }

  /** An image of Debian 12 with openssl of some version. */
  async function putDebian(repository: string, reference: string, version: string, architecture: string) {
    const root = join(work, `root-${version}`);
    await mkdir(join(root, 'etc'), { recursive: true });
    await mkdir(join(root, 'var/lib/dpkg'), { recursive: true });
    await writeFile(join(root, 'etc/os-release'), RELEASE);
    await writeFile(join(root, 'var/lib/dpkg/status'), dpkg(version));
    const file = join(work, 'layer.tar');
    execFileSync('tar', ['-C', root, '--owner=0', '--group=0', '-cf', file, '.']);
    const layer = await readFile(file);
    const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
    const config = Buffer.from(
      JSON.stringify({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } }),
    );
    await putBlob(repository, layer);
    await putBlob(repository, config);
    return putManifest(repository, reference, {
      config: describeBytes(config, MEDIA_TYPE.config),
      layers: [describeBytes(layer, MEDIA_TYPE.layer)],
    });
  }

  /** docker-registry has no referrers API: what speaks of an image is listed at a tag of its digest. */
  async function sign(repository: string, subject: Descriptor): Promise<void> {
    const bundle = signImage(key, { repository: `${there.host}/${repository}`, digest: subject.digest });
    const referrer = toReferrer(bundle, subject);
    for (const { bytes } of referrer.blobs) await putBlob(repository, bytes);
    const manifest = JSON.parse(Buffer.from(referrer.manifestBytes).toString()) as object;
    const put = await putManifest(repository, '', manifest, referrer.mediaType);
    const { artifactType } = manifest as { artifactType: string };
    await putManifest(
      repository,
      subject.digest.replace(':', '-'),
      { manifests: [{ ...put, artifactType }] },
      MEDIA_TYPE.index,
    );
  }

  it('a signed image with a vulnerable platform is listed with verdict, findings and signer, and nothing of it is stored', async () => {
    const amd64 = await putDebian('apps/shop', '', '3.0.15-1', 'amd64');
    const arm64 = await putDebian('apps/shop', '', '3.0.11-1', 'arm64');
    const index = await putManifest(
      'apps/shop',
      '1.0',
      {
        manifests: [
          { ...amd64, platform: { os: 'linux', architecture: 'amd64' } },
          { ...arm64, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
          {
            ...describeBytes(Buffer.from('gone'), MEDIA_TYPE.manifest),
            platform: { os: 'linux', architecture: 'arm' },
          },
        ],
      },
      MEDIA_TYPE.index,
    ).catch((error: unknown) => {
      assert.match(String(error), /MANIFEST_BLOB_UNKNOWN/);
      return null;
    });
    assert.equal(index, null, 'docker-registry takes no sparse index');
    const whole = await putManifest(
      'apps/shop',
      '1.0',
      {
        manifests: [
          { ...amd64, platform: { os: 'linux', architecture: 'amd64' } },
          { ...arm64, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
        ],
      },
      MEDIA_TYPE.index,
    );
    await sign('apps/shop', whole);
    await putDebian('apps/shop', '0.9', '3.0.15-1', 'amd64');
    await watches.create('partners', { remote: 'there', repositories: ['apps/**'], everySeconds: 3600 }, 'user:root');
    const { state, problem } = await (await watches.check('partners', 'user:root')).finished;
    assert.equal(state, 'done', JSON.stringify(problem));
    const images = await watches.images('partners');
    assert.deepEqual(
      images.map(({ tag, problem: why }) => [tag, why]),
      [
        ['0.9', null],
        ['1.0', null],
      ],
    );
    const [unsigned, signed] = images.map(({ examination }) => examination);
    assert.deepEqual(unsigned?.signers, []);
    assert.deepEqual([unsigned?.packages, unsigned?.complete, unsigned?.platforms], [1, true, []]);
    assert.deepEqual(signed?.signers, ['release']);
    const platforms = signed?.platforms.map((one) => [one.platform, Object.values(one.byRisk).some((n) => n > 0)]);
    assert.deepEqual(platforms, [
      ['linux/amd64', false],
      ['linux/arm64/v8', true],
    ]);
    assert.ok(
      Object.values(signed?.byRisk ?? {}).some((count) => count > 0),
      'the whole is as bad as its worst platform',
    );
    assert.notEqual(signed?.decision, undefined);
    const stored = await here.registry.status();
    assert.deepEqual([stored.content.blobs, stored.content.manifests], [0, 0], 'nothing was stored here');
  });

  it('a copy that should not exist is reported, whichever platform of an index it is, and taken back when it is gone', async () => {
    const ours = await putDebian('apps/leak', '', '3.0.15-1', 'arm64');
    // The same bytes are an image of ours, as its layer and configuration are.
    const manifest = new Uint8Array(
      await (
        await fetch(`${there.url}/v2/apps/leak/manifests/${ours.digest}`, { headers: { accept: MEDIA_TYPE.manifest } })
      ).arrayBuffer(),
    );
    const { config, layers } = JSON.parse(Buffer.from(manifest).toString()) as {
      config: Descriptor;
      layers: Descriptor[];
    };
    for (const { digest } of [config, ...layers]) {
      const blob = await fetch(`${there.url}/v2/apps/leak/blobs/${digest}`);
      await here.registry.putBlob('tienda/secret', new Uint8Array(await blob.arrayBuffer()), digest as Digest);
    }
    await here.registry.putManifest('tienda/secret', manifest, MEDIA_TYPE.manifest, { tag: '1' });
    // As control states of every image that it has scanned.
    await trust.ensureKey('control', ['scan']);
    const stated = { use: 'scan', digest: ours.digest, repository: 'tienda/secret' } as const;
    await trust.sign({ ...stated, predicate: {}, key: 'control', actor: 'platform' });
    await putManifest(
      'apps/leak',
      'x',
      { manifests: [{ ...ours, platform: { os: 'linux', architecture: 'arm64' } }] },
      MEDIA_TYPE.index,
    );
    await (await watches.check('partners', 'user:root')).finished;
    const copies = async () =>
      (await watches.copies({ projects: ['tienda'], all: false }))
        .filter(({ kind }) => kind === 'ours-elsewhere')
        .map(({ here: name, place }) => `${name} at ${place}`);
    assert.deepEqual(await copies(), [`tienda/secret at ${there.host}/apps/leak:x`]);
    const loose = await watches.copies({ projects: ['tienda'], all: false });
    const sourceless = loose.filter(({ kind }) => kind === 'no-source').map(({ here: name }) => name);
    assert.deepEqual(sourceless, ['tienda/secret'], 'that control scanned it says nothing of where it is from');
    const head = await fetch(`${there.url}/v2/apps/leak/manifests/x`, { headers: { accept: MEDIA_TYPE.index } });
    await fetch(`${there.url}/v2/apps/leak/manifests/${head.headers.get('docker-content-digest')}`, {
      method: 'DELETE',
    });
    await (await watches.check('partners', 'user:root')).finished;
    assert.deepEqual(await copies(), []);
  });

  it('S8: layers with urls and manifests that point at metadata addresses are never fetched: 0 connections', async () => {
    let connections = 0;
    const outside = createServer((_, response) => response.end('x'));
    outside.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    const urls = [
      `http://127.0.0.1:${(outside.address() as AddressInfo).port}/layer`,
      'http://169.254.169.254/latest/meta-data/',
      'file:///etc/shadow',
    ];
    const layer = {
      ...describeBytes(Buffer.alloc(9, 'x'), 'application/vnd.oci.image.layer.nondistributable.v1.tar'),
      urls,
    };
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [layer.digest] } }),
    );
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { ...describeBytes(config, MEDIA_TYPE.config), urls },
        layers: [layer],
        annotations: { 'org.opencontainers.image.url': urls[0] },
      }),
    );
    // A registry that has the image and not its layer; docker-registry would not take such a manifest.
    const asked: string[] = [];
    const answers: Readonly<Record<string, readonly [type: string, body: string | Buffer]>> = {
      '/v2/': ['application/json', '{}'],
      '/v2/apps/urls/tags/list': ['application/json', '{"name":"apps/urls","tags":["1"]}'],
      '/v2/apps/urls/manifests/1': [MEDIA_TYPE.manifest, manifest],
      [`/v2/apps/urls/manifests/${digestOf(manifest)}`]: [MEDIA_TYPE.manifest, manifest],
      [`/v2/apps/urls/blobs/${digestOf(config)}`]: ['application/octet-stream', config],
    };
    const hostile = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      asked.push(path);
      const [type, body] = answers[path] ?? [];
      if (type === undefined || body === undefined) response.writeHead(404, { 'content-type': 'application/json' });
      else {
        const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
        response.writeHead(200, { ...headers, 'docker-content-digest': digestOf(manifest) });
      }
      response.end(request.method === 'HEAD' ? undefined : (body ?? '{"errors":[]}'));
    });
    await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
      await here.remotes.create('hostile', { url, networks: ['127.0.0.1/32'] }, 'user:root');
      await watches.create('hostile', { remote: 'hostile', repositories: ['apps/urls'] }, 'user:root');
      await (await watches.check('hostile', 'user:root')).finished;
      const [image] = await watches.images('hostile');
      assert.deepEqual(
        [image?.tag, image?.examination?.complete ?? false],
        ['1', false],
        'seen, and never called whole',
      );
      await here.mirrors.create('tienda/hostile', 'hostile', { upstream: 'apps' }, 'user:root');
      const pulled = await fetch(`${here.url}/v2/tienda/hostile/urls/manifests/1`, {
        headers: { authorization: here.basic('root') },
      });
      await pulled.body?.cancel();
      assert.notEqual(pulled.status, 200);
      await here.registry.putBlob('tienda/urls', config, digestOf(config));
      await assert.rejects(
        here.registry.putManifest('tienda/urls', manifest, MEDIA_TYPE.manifest, { tag: '1' }),
        { code: 'registry.manifest-blob-unknown' },
        'its layer is not here, whatever addresses it names',
      );
      assert.ok(asked.includes(`/v2/apps/urls/blobs/${layer.digest}`), 'the layer was asked of its registry');
      assert.equal(connections, 0);
    } finally {
      for (const server of [outside, hostile]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    }
  });
});

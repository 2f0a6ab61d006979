import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ApiApp, createApi, type Principal } from '../../src/access/index.ts';
import { AdvisoryStore } from '../../src/advisories/index.ts';
import { type Journal, type JournalTables, journalMigrations } from '../../src/journal/index.ts';
import { HarborScanner, registerHarborRoutes, Scans, type ScanTables, scanMigrations } from '../../src/scan/index.ts';
import { BOOKWORM, dpkgStatus, imageOf, packLayer } from '../../src/scan/test-image.ts';
import { openDatabase, silentLog, systemClock } from '../../src/system/index.ts';

// What Harbor says to a scanner (pluggable-scanner-spec 1.2), with docker-registry as Harbor's registry.

const REGISTRY = '/usr/bin/docker-registry';
const skip = existsSync(REGISTRY) ? false : 'needs docker-registry from Debian';
const PREFIX = '/api/v1/scanners/harbor/api/v1';
const PASSWORD = 'robot-secret';

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function principal(id: string, project: string): Principal {
  return { id, tokenId: 't', actor: `user:${id}`, kind: 'user', name: id, grants: [{ role: 'auditor', project }] };
}

describe('the scanner of a Harbor', { skip }, () => {
  let folder: string;
  let registry: ChildProcess;
  let host: string;
  let app: ApiApp;
  let close: () => Promise<void>;
  let digest: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'darsena-harbor-'));
    const port = await freePort();
    host = `127.0.0.1:${port}`;
    const configuration = join(folder, 'config.yml');
    writeFileSync(
      configuration,
      `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${folder}/store } }\nhttp: { addr: "${host}" }\n`,
    );
    registry = spawn(REGISTRY, ['serve', configuration], { stdio: 'ignore' });
    for (let tries = 0; tries < 100; tries++) {
      if (
        await fetch(`http://${host}/v2/`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    digest = await push(host);

    const opened = await openDatabase<ScanTables & JournalTables>('sqlite::memory:', [
      ...journalMigrations,
      ...scanMigrations,
    ]);
    close = opened.close;
    const advisories = new AdvisoryStore(join(folder, 'advisories'), systemClock);
    const journal: Pick<Journal, 'record' | 'committed'> = {
      record: async (_tx, fact) => ({ ...fact, id: '1', at: '', digest: fact.digest ?? null }) as never,
      committed: () => undefined,
    };
    const scans = new Scans({ db: opened.db, advisories, journal, clock: systemClock });
    app = createApi({
      instance: 'test',
      log: silentLog,
      authenticate: async (secret) =>
        secret === 'harbor' ? principal('harbor', '*') : principal('other', secret === 'whole' ? '*' : 'tienda'),
    });
    const registries = [{ host, scheme: 'http' as const, networks: ['127.0.0.0/8'] }];
    registerHarborRoutes(app, {
      scanner: new HarborScanner({ registries, scans, clock: systemClock }),
      scans,
      advisories,
      clock: systemClock,
    });
  });

  after(async () => {
    await app?.close();
    await close?.();
    registry?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const get = (path: string, accept = '*/*', token = 'harbor') =>
    app.inject({ method: 'GET', url: `${PREFIX}${path}`, headers: { authorization: `Bearer ${token}`, accept } });
  const post = (body: object, token = 'harbor') =>
    app.inject({
      method: 'POST',
      url: `${PREFIX}/scan`,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/vnd.scanner.adapter.scan.request+json; version=1.1',
      },
      payload: JSON.stringify(body),
    });
  const order = (url: string, more: object = {}) => ({
    registry: { url, authorization: `Basic ${Buffer.from(`robot$scanner:${PASSWORD}`).toString('base64')}` },
    artifact: {
      repository: 'library/web',
      digest,
      tag: 'latest',
      mime_type: 'application/vnd.oci.image.manifest.v1+json',
      ...more,
    },
  });

  it('says what it does', async () => {
    const answer = await get('/metadata', 'application/vnd.scanner.adapter.metadata+json; version=1.1');
    assert.equal(answer.statusCode, 200);
    assert.match(String(answer.headers['content-type']), /scanner\.adapter\.metadata\+json/);
    const { scanner, capabilities } = answer.json<{
      scanner: { name: string; vendor: string; version: string };
      capabilities: { type: string; produces_mime_types: string[]; additional_attributes?: object }[];
    }>();
    assert.ok(scanner.name && scanner.vendor && scanner.version);
    assert.deepEqual(
      capabilities.map(({ type }) => type),
      ['vulnerability', 'sbom'],
    );
    assert.deepEqual(capabilities[1]?.produces_mime_types, ['application/vnd.security.sbom.report+json; version=1.0']);
    assert.deepEqual(capabilities[1]?.additional_attributes, {
      sbom_media_types: ['application/spdx+json', 'application/vnd.cyclonedx+json'],
    });
    const before = await get('/metadata', 'application/vnd.scanner.adapter.metadata+json; version=1.0');
    assert.match(String(before.headers['content-type']), /metadata\+json; version=1\.0$/);
  });

  it('pulls from the listed registry, waits with 302, and answers every media type', async () => {
    const accepted = await post(order(`http://${host}`));
    assert.equal(accepted.statusCode, 202, accepted.body);
    const { id } = accepted.json<{ id: string }>();
    let answer = await get(`/scan/${id}/report`);
    for (let tries = 0; answer.statusCode === 302 && tries < 200; tries++) {
      assert.match(String(answer.headers['refresh-after']), /^\d+$/);
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await get(`/scan/${id}/report`, 'application/vnd.security.vulnerability.report; version=1.1');
    }
    assert.equal(answer.statusCode, 200, answer.body);
    const report = answer.json<{ artifact: { digest: string }; severity: string; vulnerabilities: unknown[] }>();
    assert.equal(report.artifact.digest, digest);
    assert.ok(['None', 'Unknown', 'High', 'Critical', 'Medium', 'Low', 'Negligible'].includes(report.severity));
    assert.ok(Array.isArray(report.vulnerabilities));
    for (const type of ['application/spdx+json', 'application/vnd.cyclonedx+json']) {
      const bill = await get(
        `/scan/${id}/report?sbom_media_type=${encodeURIComponent(type)}`,
        'application/vnd.security.sbom.report+json; version=1.0',
      );
      assert.equal(bill.statusCode, 200, bill.body);
      assert.match(JSON.stringify(bill.json<{ sbom: object }>().sbom), /libc6/);
    }
    const raw = await get(`/scan/${id}/report`, 'application/vnd.scanner.adapter.vuln.report.raw');
    assert.equal(raw.json<{ packages: number }>().packages, 1);
    assert.equal((await get(`/scan/${id}/report`, 'text/plain')).statusCode, 501);
    const native = 'application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0';
    assert.equal((await get(`/scan/${id}/report`, native)).headers['content-type'], native);
    assert.equal((await get(`/scan/${id}/report`, '')).headers['content-type'], native, 'what no Accept means');
    for (const query of ['', '?sbom_media_type=text/plain', '?sbom_media_type=toString']) {
      const bill = await get(`/scan/${id}/report${query}`, 'application/vnd.security.sbom.report+json; version=1.0');
      assert.equal(bill.statusCode, 400, query);
      assert.match(bill.json<{ error: { message: string } }>().error.message, /application\/spdx\+json/);
    }
    assert.equal((await get(`/scan/${id}/report`, '*/*', 'whole')).statusCode, 404, 'reports are for whoever asked');
  });

  it('goes to no other registry, whoever names it, and needs a token that may see all', async () => {
    for (const url of [
      'http://169.254.169.254',
      `https://${host}`,
      `http://a:b@${host}`,
      `http://${host}/x`,
      'file:///etc/passwd',
      'http://127.0.0.1:1',
      '',
    ]) {
      assert.equal((await post(order(url))).statusCode, 403, url);
    }
    assert.equal((await post(order(`http://${host}`), 'tienda')).statusCode, 403);
    assert.equal((await get('/metadata', '*/*', 'tienda')).statusCode, 403);
    assert.equal(
      (await post({ ...order(`http://${host}`), registry: { url: `http://${host}`, authorization: 'Bearer x' } }))
        .statusCode,
      400,
    );
    assert.equal((await post(order(`http://${host}`, { repository: '../x' }))).statusCode, 422);
    assert.equal((await post(order(`http://${host}`, { repository: 7 }))).statusCode, 400);
    assert.equal((await post({})).statusCode, 400);
    const unknown = await get('/scan/nothing/report');
    assert.equal(unknown.statusCode, 404);
    assert.equal(unknown.headers['content-type'], 'application/vnd.scanner.adapter.error+json; version=1.0');
    assert.match(unknown.json<{ error: { message: string } }>().error.message, /nothing/);
  });

  it('takes what 1.2 says of capabilities, and refuses those it has not', async () => {
    const chart = 'application/vnd.cncf.helm.config.v1+json';
    const bill = { type: 'sbom', produces_mime_types: ['application/vnd.security.sbom.report+json; version=1.0'] };
    const formats = (name: string) => ({ ...bill, parameters: { sbom_media_types: [name] } });
    const ask = async (artifact: object, ...enabled: object[]) =>
      (await post({ ...order(`http://${host}`, artifact), enabled_capabilities: enabled })).statusCode;
    assert.equal(await ask({}, formats('application/spdx+json')), 202);
    assert.equal(await ask({}, { type: 'vulnerability' }, bill), 202);
    assert.equal(await ask({ mime_type: chart }), 501);
    assert.equal(await ask({}, { type: 'licence' }), 501);
    assert.equal(await ask({}, formats('application/swid')), 501);
    assert.equal(await ask({}, { ...bill, produces_mime_types: ['text/plain'] }), 501);
  });

  it('says so when the artifact is not there, without what was handed over', async () => {
    const { id } = (await post(order(`http://${host}`, { digest: `sha256:${'0'.repeat(64)}` }))).json<{ id: string }>();
    let answer = await get(`/scan/${id}/report`);
    for (let tries = 0; answer.statusCode === 302 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await get(`/scan/${id}/report`);
    }
    assert.equal(answer.statusCode, 500);
    assert.ok(answer.json<{ error: { message: string } }>().error.message.length > 0);
    assert.doesNotMatch(answer.body, new RegExp(PASSWORD));
  });
});

async function push(host: string): Promise<string> {
  const image = imageOf([
    await packLayer([
      { path: 'etc/os-release', content: Buffer.from(BOOKWORM) },
      { path: 'var/lib/dpkg/status', content: Buffer.from(dpkgStatus({ libc6: '2.36-9' })) },
    ]),
  ]);
  const manifest = JSON.parse(Buffer.from(image.manifestBytes).toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  const put = async (digest: string, bytes: Uint8Array): Promise<void> => {
    const begun = await fetch(`http://${host}/v2/library/web/blobs/uploads/`, { method: 'POST' });
    const place = new URL(begun.headers.get('location') ?? '', `http://${host}`);
    place.searchParams.set('digest', digest);
    const done = await fetch(place, {
      method: 'PUT',
      body: bytes as never,
      headers: { 'content-type': 'application/octet-stream' },
    });
    assert.equal(done.status, 201);
  };
  await put(manifest.config.digest, image.configBytes);
  for (const { digest } of manifest.layers) {
    const parts: Uint8Array[] = [];
    for await (const part of image.content.open(digest as never)) parts.push(part);
    await put(digest, Buffer.concat(parts));
  }
  const done = await fetch(`http://${host}/v2/library/web/manifests/latest`, {
    method: 'PUT',
    body: image.manifestBytes as never,
    headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
  });
  assert.equal(done.status, 201, await done.text());
  return image.manifestDigest;
}

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Agent } from 'undici';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import {
  askAsClient,
  type ConformanceTarget,
  defineConformance,
} from '../../src/registry/distribution/test-conformance.ts';
import { SECRET, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import { systemClock } from '../../src/system/index.ts';

describe('R11: the conformance suite over TLS, signing in anew for each request', () => {
  let server: TestRegistry;
  let dispatcher: Agent;
  before(async () => {
    const authority = createAuthority({ name: 'test CA', clock: systemClock });
    const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
    dispatcher = new Agent({ connect: { ca: authority.certificatePem } });
    server = await startTestRegistry({ tls: { key: issued.privateKeyPem, cert: issued.certificatePem } });
  });
  after(async () => {
    await dispatcher.close();
    await server.close();
  });
  defineConformance(() => ({
    origin: server.url,
    repository: 'tienda/web',
    other: 'tienda/other',
    name: 'ana',
    secret: SECRET,
    dispatcher,
  }));
});

/**
 * The same cases against another project's registry say whether the cases themselves are right: what an implementation
 * that everybody uses does not pass is either listed here with its reason, or wrong in our list.
 */
const OLDER_THAN_1_1 = 'distribution 2.8 speaks the specification of before 1.1: no referrers, no OCI-Subject';
const NO_CHUNK_ORDER = 'distribution 2.8 does not look at Content-Range';
const NO_PAGES = 'distribution 2.8 has no pages of tags, and keeps tags whose manifest was deleted';
const LACKS: ReadonlyMap<string, string> = new Map([
  ['References setup', OLDER_THAN_1_1],
  ['GET request to nonexistent blob should result in empty 200 response', OLDER_THAN_1_1],
  ['GET request to existing blob should yield 200', OLDER_THAN_1_1],
  ['GET request to existing blob with filter should yield 200', OLDER_THAN_1_1],
  ['GET request to missing manifest should yield 200', OLDER_THAN_1_1],
  ['Out-of-order blob upload should return 416', NO_CHUNK_ORDER],
  ['Retry previous blob chunk should return 416', NO_CHUNK_ORDER],
  ['Get on stale blob upload should return 204 with a range and location', NO_CHUNK_ORDER],
  ['PATCH request with second chunk should return 202', NO_CHUNK_ORDER],
  ['PUT request with digest should return 201', NO_CHUNK_ORDER],
  ['GET request to list tags should yield 200 response', NO_PAGES],
  ['GET number of tags should be limitable by `n` query parameter', NO_PAGES],
  ['GET start of tag is set by `last` query parameter', NO_PAGES],
  ['GET request to tags list should reflect manifest deletion', NO_PAGES],
]);

function hasDockerRegistry(): boolean {
  try {
    execFileSync('docker-registry', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the cases themselves, against docker-registry as an oracle', {
  skip: hasDockerRegistry() ? false : 'needs docker-registry',
}, () => {
  let folder: string;
  let child: ChildProcess;
  let target: ConformanceTarget;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registry-oracle-'));
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const address = probe.address();
    assert.ok(typeof address === 'object' && address !== null);
    await new Promise((resolve) => probe.close(resolve));
    const storage = `{filesystem: {rootdirectory: ${folder}/content}, delete: {enabled: true}}`;
    await writeFile(
      join(folder, 'config.yml'),
      `version: 0.1\nlog: {level: error}\nstorage: ${storage}\nhttp: {addr: "127.0.0.1:${address.port}"}\n`,
    );
    child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
    target = { origin: `http://127.0.0.1:${address.port}`, repository: 'tienda/web', other: 'tienda/other' };
    for (let tries = 0; ; tries++) {
      const answer = await askAsClient(target, 'GET', '/v2/').catch(() => null);
      if (answer?.status === 200) return;
      assert.ok(tries < 100, 'docker-registry did not start within 10 s');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  after(async () => {
    child.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });
  defineConformance(() => target, LACKS);
  it('answers', async () => {
    assert.equal((await askAsClient(target, 'GET', '/v2/')).status, 200);
  });
});

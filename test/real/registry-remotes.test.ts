import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import type { Digest } from '../../src/oci/index.ts';
import { silentStep } from '../../src/progress/index.ts';
import { planExport } from '../../src/registry/archive/export.ts';
import { ReceivedArchive } from '../../src/registry/archive/import.ts';
import { startTestMirror, type TestMirror } from '../../src/registry/remotes/test-mirror.ts';
import { PEOPLE } from '../../src/registry/test-registry.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';
import { type Distribution, has, PASSWORD, startDistribution } from './registry-ground.ts';

const missing = ['docker-registry', 'skopeo', 'umoci'].filter((command) => !has(command));
const hasPodman = has('podman') && process.getuid?.() === 0;

describe('other registries', { skip: missing.length === 0 ? false : `needs ${missing.join(', ')}` }, () => {
  let work: string;
  let plain: Distribution;
  let closed: Distribution;
  let mirror: TestMirror;
  let ca: string;
  let digest: Digest;
  const skopeo = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand('skopeo', ['--policy', join(work, 'policy.json'), ...args], {
      timeoutMs: 60_000,
      env: { PATH: process.env['PATH'] ?? '', HOME: work },
    });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const ask = (path: string) => fetch(`${mirror.url}/v2/${path}`, { headers: { authorization: mirror.basic('root') } });

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'registry-remotes-'));
    await writeFile(join(work, 'policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    const authority = createAuthority({ name: 'remote CA', clock: systemClock });
    const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
    ca = authority.certificatePem;
    await mkdir(join(work, 'certs'));
    await writeFile(join(work, 'certs/ca.crt'), ca);
    const tls = { cert: join(work, 'tls.crt'), key: join(work, 'tls.key') };
    await writeFile(tls.cert, issued.certificatePem);
    await writeFile(tls.key, issued.privateKeyPem, { mode: 0o600 });
    plain = await startDistribution(work, 'plain', { tls: null });
    closed = await startDistribution(work, 'closed', { tls });
    mirror = await startTestMirror();
    const umoci = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await runCommand('umoci', args, { timeoutMs: 60_000 });
      assert.equal(code, 0, stderr);
    };
    const layout = join(work, 'layout');
    await umoci('init', '--layout', layout);
    await umoci('new', '--image', `${layout}:1`);
    await writeFile(join(work, 'hello'), 'hello '.repeat(1_000_000));
    await umoci('insert', '--image', `${layout}:1`, join(work, 'hello'), '/hello');
    await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}:1`, `docker://${plain.host}/library/app:1`);
    await skopeo(
      'copy',
      `--dest-cert-dir=${join(work, 'certs')}`,
      `--dest-creds=ana:${PASSWORD}`,
      `oci:${layout}:1`,
      `docker://${closed.host}/secret/app:1`,
    );
    digest = JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${plain.host}/library/app:1`)).Digest;
  });
  after(async () => {
    await plain?.stop();
    await closed?.stop();
    await mirror?.close();
    await rm(work, { recursive: true, force: true });
  });

  it('pulls through from distribution over plain HTTP, and from one with TLS and passwords', async () => {
    await mirror.remotes.create('plain', { url: plain.url, networks: ['127.0.0.1/32'] }, 'user:root');
    await mirror.remotes.create(
      'closed',
      { url: closed.url, networks: ['127.0.0.1/32'], ca, credentials: { name: 'ana', secret: PASSWORD } },
      'user:root',
    );
    assert.equal((await mirror.remotes.check('closed')).instance, null);
    await mirror.mirrors.create('tienda/plain', 'plain', { upstream: 'library' }, 'user:root');
    await mirror.mirrors.create('tienda/closed', 'closed', { upstream: 'secret' }, 'user:root');
    for (const name of ['plain', 'closed']) {
      const answer = await ask(`tienda/${name}/app/manifests/1`);
      assert.deepEqual(
        [answer.status, answer.headers.get('docker-content-digest')],
        [200, digest],
        await answer.text(),
      );
    }
    await mirror.remotes.change('closed', { credentials: { name: 'ana', secret: 'wrong' } }, 'user:root');
    await assert.rejects(mirror.remotes.check('closed'), { code: 'registry.remote-refused' });
    await mirror.remotes.change('closed', { ca: null }, 'user:root');
    await assert.rejects(mirror.remotes.check('closed'), { code: 'registry.remote-unreachable' });
  });

  it('mirrors by patterns through the catalogue of distribution', async () => {
    for (const tag of ['v1', 'v2']) {
      await skopeo(
        'copy',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        `docker://${plain.host}/library/app:1`,
        `docker://${plain.host}/team/deep/app:${tag}`,
      );
    }
    await mirror.mirrors.create(
      'tienda/team',
      'plain',
      { upstream: 'team', repositories: ['**'], tags: ['v*'] },
      'user:root',
    );
    const done = await (await mirror.mirrors.sync('tienda/team', 'user:root')).finished;
    assert.equal(done.state, 'done', JSON.stringify(done.problem));
    assert.equal((await mirror.registry.resolve('tienda/team/deep/app', 'v2'))?.digest, digest);
  });

  it('the archive of an export is read by skopeo and podman, and theirs by the import', async () => {
    const plan = await planExport(mirror.registry, [{ repository: 'tienda/plain/app', reference: '1' }], {
      referrers: true,
      platforms: [],
      admit: async () => undefined,
    });
    const file = join(work, 'export.tar');
    const pieces: Uint8Array[] = [];
    for await (const piece of plan.bytes) pieces.push(Buffer.from(piece));
    await writeFile(file, Buffer.concat(pieces));
    const named = `oci-archive:${file}:tienda/plain/app:1`;
    assert.equal(JSON.parse(await skopeo('inspect', named)).Digest, digest);
    const theirs = join(work, 'skopeo.tar');
    await skopeo('copy', named, `oci-archive:${theirs}:other:9`);
    const imported = async (path: string, as: string) => {
      const bytes = await readFile(path);
      const archive = await ReceivedArchive.receive(
        join(work, 'in'),
        as.replaceAll(/\W/g, '-'),
        (async function* () {
          yield bytes;
        })(),
      );
      const caller = PEOPLE.get('ana') ?? assert.fail();
      const result = await archive.store(mirror.registry, { caller, as, may: () => true, step: silentStep });
      await archive.remove();
      return result;
    };
    assert.equal((await imported(theirs, 'tienda/again:1')).images[0]?.digest, digest);
    if (!hasPodman) return;
    await writeFile(
      join(work, 'containers.conf'),
      '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n',
    );
    const podman = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runCommand(
        'podman',
        ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs', ...args],
        {
          timeoutMs: 60_000,
          env: { PATH: process.env['PATH'] ?? '', HOME: work, CONTAINERS_CONF: join(work, 'containers.conf') },
        },
      );
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await podman('load', '-i', file);
    const [image] = (await podman('images', '-q')).trim().split('\n');
    const saved = join(work, 'podman.tar');
    await podman('save', '--format', 'oci-archive', '-o', saved, image ?? '');
    const result = await imported(saved, 'tienda/podman:1');
    assert.notEqual(await mirror.registry.resolve('tienda/podman', '1'), null);
    assert.equal(result.images.length, 1);
    await podman('rmi', '--all', '--force');
  });

  it('serves what it has when distribution dies, and says so', async () => {
    await mirror.mirrors.change('tienda/plain', { freshSeconds: 0 }, 'user:root');
    await plain.stop();
    const answer = await ask('tienda/plain/app/manifests/1');
    assert.deepEqual([answer.status, answer.headers.get('docker-content-digest')], [200, digest]);
    assert.match(answer.headers.get('warning') ?? '', /cannot be reached/);
    assert.equal((await ask('tienda/plain/none/manifests/1')).status, 504);
  });
});

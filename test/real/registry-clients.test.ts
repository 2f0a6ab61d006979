import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { isDigest, MEDIA_TYPE } from '../../src/oci/index.ts';
import { HELD, SECRET, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';

const hasPodman = has('podman');
const hasSkopeo = has('skopeo');
const isRoot = process.getuid?.() === 0;

function has(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('real clients over TLS', { skip: hasPodman && isRoot ? false : 'needs podman and root' }, () => {
  let server: TestRegistry;
  let work: string;
  let env: Record<string, string>;
  let image: string;
  const certs = (): string => `--cert-dir=${join(work, 'certs')}`;

  const podman = (...args: string[]) =>
    runCommand(
      'podman',
      ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs', ...args],
      { timeoutMs: 120_000, env },
    );
  const skopeo = (...args: string[]) => runCommand('skopeo', args, { timeoutMs: 120_000, env });
  const authFile = async (name: string, secret = SECRET): Promise<string> => {
    const file = join(work, `auth-${name}.json`);
    const auth = Buffer.from(`${name}:${secret}`).toString('base64');
    await writeFile(file, JSON.stringify({ auths: { [server.host]: { auth } } }), { mode: 0o600 });
    return `--authfile=${file}`;
  };

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'registry-clients-'));
    const authority = createAuthority({ name: 'test CA', clock: systemClock });
    const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
    await mkdir(join(work, 'certs'));
    await writeFile(join(work, 'certs/ca.crt'), authority.certificatePem);
    await writeFile(
      join(work, 'containers.conf'),
      '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n[network]\nnetwork_backend="netavark"\n',
    );
    await writeFile(join(work, 'policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    env = { PATH: process.env['PATH'] ?? '', HOME: work, CONTAINERS_CONF: join(work, 'containers.conf') };
    server = await startTestRegistry({ tls: { key: issued.privateKeyPem, cert: issued.certificatePem } });
    image = `${server.host}/tienda/web:1`;
    await mkdir(join(work, 'files/etc'), { recursive: true });
    await writeFile(join(work, 'files/etc/hello'), `hello ${'x'.repeat(5_000_000)}`);
    await runCommand('tar', ['-C', join(work, 'files'), '-cf', join(work, 'layer.tar'), '.'], { timeoutMs: 30_000 });
    const imported = await podman('import', '--change', 'CMD ["/bin/true"]', join(work, 'layer.tar'), image);
    assert.equal(imported.code, 0, imported.stderr);
  });

  after(async () => {
    await podman('rmi', '--all', '--force');
    await server?.close();
    await rm(work, { recursive: true, force: true });
  });

  it('podman login accepts the right password and refuses a wrong one', async () => {
    const login = (secret: string) =>
      runCommand(
        'podman',
        ['login', certs(), `--authfile=${join(work, 'login.json')}`, '-u', 'ana', '--password-stdin', server.host],
        { timeoutMs: 30_000, env, input: secret },
      );
    const wrong = await login('not it');
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /unauthorized|invalid username\/password/i);
    const right = await login(SECRET);
    assert.equal(right.code, 0, right.stderr);
  });

  it('podman push with wrong credentials stores nothing', async () => {
    const pushed = await podman('push', certs(), await authFile('ana', 'wrong'), image);
    assert.notEqual(pushed.code, 0);
    assert.equal(await server.registry.resolve('tienda/web', '1'), null);
  });

  it("podman push into another team's project is refused", async () => {
    const pushed = await podman('push', certs(), await authFile('carla'), image);
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.stderr, /denied|forbidden|may not push|unauthorized/i);
    assert.equal(await server.registry.resolve('tienda/web', '1'), null);
  });

  it('podman push, then pull on an empty store, gives the same image', async () => {
    const pushed = await podman('push', certs(), await authFile('ana'), `--digestfile=${join(work, 'digest')}`, image);
    assert.equal(pushed.code, 0, pushed.stderr);
    const digest = await readFile(join(work, 'digest'), 'utf8');
    const stored = await server.registry.resolve('tienda/web', '1');
    assert.equal(stored?.digest, digest);
    assert.equal(server.pushed.at(-1)?.digest, digest);
    const before = (await podman('image', 'inspect', '--format', '{{.Id}}', image)).stdout;
    await podman('rmi', '--force', image);
    const pulled = await podman('pull', certs(), await authFile('beto'), image);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal((await podman('image', 'inspect', '--format', '{{.Id}}', image)).stdout, before);
    await server.registry.pulls.flush();
    await server.journal.settled();
    const facts = await server.journal.query({ projects: '*', digest, limit: 100 });
    assert.deepEqual([...new Set(facts.map((fact) => `${fact.kind} ${fact.actor}`))].sort(), [
      'image.pulled user:beto',
      'image.pushed user:ana',
    ]);
  });

  it('podman pull of a held image is refused and says why and the way out', async () => {
    server.fallback = HELD;
    try {
      const pulled = await podman('pull', certs(), await authFile('beto'), image);
      assert.notEqual(pulled.code, 0);
      assert.match(pulled.stderr, /not scanned yet/);
      assert.match(pulled.stderr, /darsena image wait tienda\/web:1/);
      const again = await podman('push', certs(), await authFile('ana'), image);
      assert.equal(again.code, 0, again.stderr);
    } finally {
      server.fallback = { allow: true };
    }
  });

  it('podman manifest push stores an index with its images', async () => {
    const list = `${server.host}/tienda/multi:1`;
    const created = await podman('manifest', 'create', list, `containers-storage:${image}`);
    assert.equal(created.code, 0, created.stderr);
    const pushed = await podman('manifest', 'push', '--all', certs(), await authFile('ana'), list, `docker://${list}`);
    assert.equal(pushed.code, 0, pushed.stderr);
    const stored = await server.registry.resolve('tienda/multi', '1');
    assert.equal(stored?.kind, 'index');
  });

  it('skopeo copies between repositories, lists tags, inspects and deletes', {
    skip: hasSkopeo ? false : 'needs skopeo',
  }, async (t: TestContext) => {
    const auth = await authFile('ana');
    const from = `docker://${image}`;
    const to = `docker://${server.host}/tienda/deep/er/copy:2`;
    const policy = `--policy=${join(work, 'policy.json')}`;
    const copied = await skopeo(
      policy,
      'copy',
      '--format=oci',
      `--src-cert-dir=${join(work, 'certs')}`,
      `--dest-cert-dir=${join(work, 'certs')}`,
      auth,
      from,
      to,
    );
    assert.equal(copied.code, 0, copied.stderr);
    assert.equal((await server.registry.resolve('tienda/deep/er/copy', '2'))?.mediaType, MEDIA_TYPE.manifest);
    const tags = await skopeo('list-tags', certs(), auth, `docker://${server.host}/tienda/deep/er/copy`);
    assert.deepEqual(JSON.parse(tags.stdout).Tags, ['2']);
    const inspected = await skopeo('inspect', certs(), auth, to);
    const { Digest: digest } = JSON.parse(inspected.stdout);
    assert.ok(isDigest(digest));
    t.diagnostic(`copied as ${digest}`);
    const removed = await skopeo('delete', certs(), auth, to);
    assert.equal(removed.code, 0, removed.stderr);
    assert.equal(await server.registry.resolve('tienda/deep/er/copy', '2'), null);
  });

  it('buildah commits an image straight into the registry and builds on it again', {
    skip: has('buildah') ? false : 'needs buildah',
  }, async () => {
    const buildah = async (...args: string[]): Promise<string> => {
      const storage = ['--root', join(work, 'build'), '--runroot', join(work, 'build-run'), '--storage-driver', 'vfs'];
      const done = await runCommand('buildah', [...storage, ...args], { timeoutMs: 120_000, env });
      assert.equal(done.code, 0, done.stderr);
      return done.stdout.trim();
    };
    const policy = `--signature-policy=${join(work, 'policy.json')}`;
    const built = `docker://${server.host}/tienda/built:1`;
    const first = await buildah('from', 'scratch');
    await buildah('copy', first, join(work, 'files/etc/hello'), '/hello');
    await buildah('commit', policy, certs(), await authFile('ana'), '--format=oci', first, built);
    const stored = await server.registry.resolve('tienda/built', '1');
    assert.equal(stored?.kind, 'image');
    const second = await buildah('from', policy, certs(), await authFile('ana'), built);
    await buildah('config', '--label', 'again=yes', second);
    await buildah(
      'commit',
      policy,
      certs(),
      await authFile('ana'),
      '--format=docker',
      second,
      `${built.slice(0, -1)}2`,
    );
    assert.equal((await server.registry.resolve('tienda/built', '2'))?.mediaType, MEDIA_TYPE.dockerManifest);
    await buildah('rm', '--all');
    await buildah('rmi', '--all', '--force');
  });

  it('an OCI layout made by umoci goes in by skopeo and comes back as it was', {
    skip: has('umoci') && hasSkopeo ? false : 'needs umoci and skopeo',
  }, async () => {
    const umoci = async (...args: string[]): Promise<void> => {
      const done = await runCommand('umoci', args, { timeoutMs: 60_000, env });
      assert.equal(done.code, 0, done.stderr);
    };
    const layout = join(work, 'layout');
    await umoci('init', '--layout', layout);
    await umoci('new', '--image', `${layout}:1`);
    await umoci('insert', '--image', `${layout}:1`, join(work, 'files/etc/hello'), '/hello');
    await umoci('config', '--image', `${layout}:1`, '--config.user', '1000');
    const policy = `--policy=${join(work, 'policy.json')}`;
    const auth = await authFile('ana');
    const there = `docker://${server.host}/tienda/umoci:1`;
    const pushed = await skopeo(
      policy,
      'copy',
      `--dest-cert-dir=${join(work, 'certs')}`,
      auth,
      `oci:${layout}:1`,
      there,
    );
    assert.equal(pushed.code, 0, pushed.stderr);
    const back = join(work, 'back');
    const from = `--src-cert-dir=${join(work, 'certs')}`;
    const pulled = await skopeo(policy, 'copy', from, auth, there, `oci:${back}:1`);
    assert.equal(pulled.code, 0, pulled.stderr);
    const digestIn = async (folder: string): Promise<string> =>
      JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')).manifests[0].digest;
    const digest = await digestIn(layout);
    assert.equal(await digestIn(back), digest);
    assert.equal((await server.registry.resolve('tienda/umoci', '1'))?.digest, digest);
    await umoci('unpack', '--rootless', '--image', `${back}:1`, join(work, 'bundle'));
    assert.ok((await readFile(join(work, 'bundle/rootfs/hello'), 'utf8')).startsWith('hello'));
  });

  it('a client that does not trust the CA gets nowhere', async () => {
    const pulled = await podman('pull', await authFile('beto'), image);
    assert.notEqual(pulled.code, 0);
    assert.match(pulled.stderr, /x509|certificate/);
  });

  it('listens on loopback only', async () => {
    const probe = createServer();
    await new Promise<void>((resolve, reject) => {
      probe.on('error', reject).listen(server.port, '127.0.0.2', resolve);
    });
    probe.close();
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { SECRET, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';

function has(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const ready = has('podman') && has('skopeo') && process.getuid?.() === 0;

describe('how real clients sign in', { skip: ready ? false : 'needs podman, skopeo and root' }, () => {
  let server: TestRegistry;
  let work: string;
  let env: Record<string, string>;
  const certs = (): string => `--cert-dir=${join(work, 'certs')}`;
  const podman = (...args: string[]) =>
    runCommand(
      'podman',
      ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs', ...args],
      { timeoutMs: 60_000, env },
    );
  const skopeo = (...args: string[]) => runCommand('skopeo', args, { timeoutMs: 60_000, env });
  const authFile = async (name: string, entry: object): Promise<string> => {
    const file = join(work, `${name}.json`);
    await writeFile(file, JSON.stringify({ auths: { [server.host]: entry } }), { mode: 0o600 });
    return `--authfile=${file}`;
  };
  const password = (name: string) => ({ auth: Buffer.from(`${name}:${SECRET}`).toString('base64') });
  const token = async (query: string, name?: string): Promise<Record<string, string>> => {
    const header = name === undefined ? [] : ['-u', `${name}:${SECRET}`];
    const url = `${server.url}/v2/token?service=test&${query}`;
    const { stdout } = await runCommand('curl', ['-s', '--cacert', join(work, 'certs/ca.crt'), ...header, url], {
      timeoutMs: 30_000,
    });
    return JSON.parse(stdout) as Record<string, string>;
  };

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'access-clients-'));
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
    await writeFile(join(work, 'file'), 'content');
    await runCommand('tar', ['-C', work, '-cf', join(work, 'layer.tar'), 'file'], { timeoutMs: 30_000 });
    assert.equal((await podman('import', join(work, 'layer.tar'), 'localhost/one:1')).code, 0);
    const ana = await authFile('ana', password('ana'));
    for (const to of ['tienda/open:1', 'tienda/closed:1']) {
      const pushed = await podman('push', certs(), ana, 'localhost/one:1', `docker://${server.host}/${to}`);
      assert.equal(pushed.code, 0, pushed.stderr);
    }
    await server.registry.settings.change('tienda', 'open', { anonymousPull: true }, { actor: 'user:ana' });
  });
  after(async () => {
    await podman('rmi', '--all', '--force');
    await server?.close();
    await rm(work, { recursive: true, force: true });
  });

  it('podman and skopeo pull from an open repository without signing in, and from no other; they cannot push', async () => {
    const nobody = await authFile('nobody', {});
    const image = (name: string) => `${server.host}/tienda/${name}:1`;
    const pulled = await podman('pull', certs(), image('open'));
    assert.equal(pulled.code, 0, pulled.stderr);
    const inspected = await skopeo('inspect', '--no-tags', certs(), `docker://${image('open')}`);
    assert.equal(inspected.code, 0, inspected.stderr);
    const closed = await podman('pull', certs(), image('closed'));
    assert.notEqual(closed.code, 0);
    assert.match(closed.stderr, /unauthorized|authentication required|signing in is needed/i);
    const pushed = await podman('push', certs(), nobody, 'localhost/one:1', `docker://${server.host}/tienda/open:2`);
    assert.notEqual(pushed.code, 0);
    assert.equal(await server.registry.resolve('tienda/open', '2'), null);
    const listed = await skopeo('list-tags', certs(), `docker://${server.host}/tienda/open`);
    assert.notEqual(listed.code, 0);
    await server.registry.pulls.flush();
    await server.journal.settled();
    const facts = await server.journal.query({ projects: '*', kinds: ['image.pulled'], limit: 50 });
    assert.ok(facts.some(({ actor, subject }) => actor === 'anonymous' && subject.startsWith('tienda/open')));
  });

  it('who is signed in elsewhere pulls from it as well', async () => {
    const carla = await authFile('carla', password('carla'));
    const pulled = await podman('pull', certs(), carla, `${server.host}/tienda/open:1`);
    assert.equal(pulled.code, 0, pulled.stderr);
  });

  it('an identity token, as docker login keeps it, signs in podman and skopeo until it ends', async () => {
    const { refresh_token: refresh } = await token('account=ana&client_id=docker&offline_token=true', 'ana');
    // Docker writes this name beside an identity token, and no password.
    const auth = Buffer.from('00000000-0000-0000-0000-000000000000:').toString('base64');
    const kept = await authFile('kept', { auth, identitytoken: refresh });
    const to = `docker://${server.host}/tienda/closed:2`;
    const pushed = await podman('push', certs(), kept, 'localhost/one:1', to);
    assert.equal(pushed.code, 0, pushed.stderr);
    const tags = await skopeo('list-tags', certs(), kept, `docker://${server.host}/tienda/closed`);
    assert.match(tags.stdout, /"2"/);
    server.revoked.add('id-ana');
    const refused = await skopeo('list-tags', certs(), kept, `docker://${server.host}/tienda/closed`);
    assert.notEqual(refused.code, 0);
    server.revoked.clear();
  });
});

import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, suite, test } from 'node:test';
import { instanceFiles, instanceFolders, instancesOfRoot, readInstance } from '../../src/programs/setup/instance.ts';
import { choosePorts, PORT_RANGES } from '../../src/programs/setup/ports.ts';
import { runCommand } from '../../src/system/index.ts';
import { FaultGround, missingPart } from './faults-ground.ts';

// What people and machines get wrong, against a real instance: the error names the thing, the place and the way out,
// the exit code says which kind of mistake it was, and what runs goes on.

const skip = await missingPart();

suite('bad input', { skip, timeout: 300_000 }, () => {
  const ground = new FaultGround();
  let url: string;
  let running: { pod: string; pid: number }[];

  /** Issues a robot's token as the logged-in administrator. */
  async function issue(name: string, role: string, project: string): Promise<string> {
    const made = await ground.darsena('token', 'create', name, '--role', `${role}@${project}`, '--days', '1', '--json');
    assert.equal(made.code, 0, made.stderr);
    return (JSON.parse(made.stdout) as { token: string }).token;
  }

  async function call(
    method: string,
    path: string,
    bearer: string,
    body?: object,
  ): Promise<{ status: number; body: string }> {
    const { stdout } = await runCommand(
      'curl',
      [
        ...['--silent', '--max-time', '10', '--cacert', ground.files.ca, '--request', method],
        // The token comes on standard input: an argument is everybody's to read.
        ...['--header', '@-', '--write-out', '\n%{http_code}'],
        ...(body === undefined ? [] : ['--header', 'content-type: application/json', '--data', JSON.stringify(body)]),
        `${url}${path}`,
      ],
      { timeoutMs: 15_000, input: `authorization: Bearer ${bearer}\n` },
    );
    const lines = stdout.split('\n');
    return { status: Number(lines.pop()), body: lines.join('\n') };
  }

  function withToken(bearer: string): Record<string, string> {
    return { DARSENA_URL: url, DARSENA_TOKEN: bearer, DARSENA_CA: ground.files.ca };
  }

  before(async () => {
    await ground.open();
    const path = join(ground.home, '.config', 'darsena', `${ground.name}.json`);
    ({ url } = JSON.parse(await readFile(path, 'utf8')) as { url: string });
    await ground.deploys();
    running = await ground.containers();
    assert.equal(running.length, 3);
  });
  after(() => ground.close());

  test('broken YAML is told with its file, line and column', async () => {
    const manifest = await ground.variant('broken', {
      'kubernetes/web.yaml': (text) => text.replace('replicas: 2', 'replicas: [2'),
    });
    const first = await ground.darsena('deploy', manifest);
    assert.equal(first.code, 2);
    assert.match(first.stderr, /because: kubernetes\/web\.yaml:\d+:\d+/);
    const project = await ground.variant('broken-project', {
      'darsena.yaml': (text) => text.replace('images:', 'images: {a'),
    });
    const second = await ground.darsena('deploy', project);
    assert.equal(second.code, 2);
    assert.match(second.stderr, /because: darsena\.yaml:\d+:\d+: /);
  });

  test('unknown kinds and fields are all told at once, each with its place and what was meant', async () => {
    const folder = await ground.variant('unknown', {
      'kubernetes/web.yaml': (text) =>
        text
          .replace('readinessProbe', 'readynessProbe')
          .replace('kind: PersistentVolumeClaim', 'kind: PersistentVolumeClaims')
          .replace('replicas: 2', 'replicas: two'),
    });
    const { code, stderr } = await ground.darsena('deploy', folder);
    assert.equal(code, 2);
    assert.match(stderr, /web\.yaml:6:3 spec\.replicas: expected a whole number/);
    assert.match(stderr, /web\.yaml:\d+:\d+ .*readynessProbe.*; readinessProbe is near/);
    assert.match(stderr, /web\.yaml:\d+:\d+ .*PersistentVolumeClaims.*; PersistentVolumeClaim is near/);
    assert.match(stderr, /way out: /);
    const file = await ground.variant('unknown-project', {
      'darsena.yaml': (text) => text.replace('policy: prod', 'polizy: prod'),
    });
    const second = await ground.darsena('deploy', file);
    assert.equal(second.code, 2);
    assert.match(second.stderr, /darsena\.yaml:\d+:\d+: .*polizy.*did you mean policy/);
  });

  test('an image that is nowhere is named, with where to look', async () => {
    const folder = await ground.variant('no-image', {
      'kubernetes/web.yaml': (text) => text.replaceAll('image: mini/web', 'image: mini/nowhere:3'),
    });
    const { code, stderr } = await ground.darsena('deploy', folder);
    assert.equal(code, 2);
    assert.match(stderr, /mini\/nowhere:3 .*\n.*because: .*\n.*way out: .*darsena .*image list/);
    const base = await ground.variant('no-base', {
      Containerfile: (text) => text.replace('FROM scratch', 'FROM registry.darsena.internal/base/nowhere'),
    });
    const second = await ground.darsena('deploy', base);
    assert.equal(second.code, 3);
    assert.match(second.stderr, /Containerfile line 1 .*base\/nowhere/);
    assert.match(second.stderr, /way out: darsena .*base create nowhere/);
  });

  test('a digest that is not in the registry starts nothing', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const folder = await ground.variant('wrong-digest', {
      'kubernetes/web.yaml': (text) => text.replaceAll('image: mini/web', `image: mini/web@${digest}`),
    });
    const { code, stderr } = await ground.darsena('deploy', folder);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`mini/web@${digest}`));
  });

  test('production takes no direct deploys, and what its policy refuses is said with every reason', async () => {
    const direct = await ground.deploy('prod');
    assert.equal(direct.code, 5);
    assert.match(direct.stderr, /way out: darsena .*promote mini --to prod/);
    const { code, stderr } = await ground.darsena('promote', 'mini', '--to', 'prod');
    assert.equal(code, 4);
    assert.match(stderr, /mini was refused for prod\n\s+because: there was no advisory data/);
    assert.match(stderr, /way out: import advisories: darsena .*advisories import FOLDER; .*image show mini\//);
    const [, image = ''] = /image show (\S+)/.exec(stderr) ?? [];
    const shown = await ground.darsena('image', 'show', image);
    assert.equal(shown.code, 0, `${image}: ${shown.stderr}`);
  });

  test('an image that nobody signed is refused where the policy asks for signatures', async () => {
    // Pushed by a robot that may push; not built here, so no builder stands for it.
    const robot = await issue('pusher', 'developer', 'mini');
    const layout = join(ground.home, 'layout');
    const store = ['--root', join(ground.home, 'store'), '--runroot', join(ground.home, 'store-run')];
    const buildah = async (...args: string[]): Promise<void> => {
      const done = await runCommand('buildah', [...store, '--storage-driver', 'vfs', ...args], { timeoutMs: 60_000 });
      assert.equal(done.code, 0, done.stderr);
    };
    await buildah('from', '--name', 'outside', 'scratch');
    await buildah('copy', 'outside', join(ground.project, 'busybox'), '/bin/busybox');
    await buildah('config', '--user', '10001', '--entrypoint', '["/bin/busybox"]', 'outside');
    await buildah('commit', 'outside', `oci:${layout}:1`);
    await buildah('rm', '--all');
    const certificates = join(ground.home, 'certs');
    await mkdir(certificates);
    await cp(ground.files.ca, join(certificates, 'ca.crt'));
    const login = join(ground.home, 'auth.json');
    const address = url.replace('https://', '');
    const auth = Buffer.from(`pusher:${robot}`).toString('base64');
    await writeFile(login, JSON.stringify({ auths: { [address]: { auth } } }), { mode: 0o600 });
    const pushed = await runCommand(
      'skopeo',
      [
        ...['copy', '--authfile', login, '--dest-cert-dir', certificates],
        ...[`oci:${layout}:1`, `docker://${address}/mini/outside:1`],
      ],
      { timeoutMs: 60_000 },
    );
    assert.equal(pushed.code, 0, pushed.stderr);
    const folder = await ground.variant('unsigned', {
      'kubernetes/web.yaml': (text) => text.replaceAll('image: mini/web', 'image: mini/outside:1'),
      'darsena.yaml': (text) => `${text}  strict:\n    policy: prod\n    class: pre-production\n    approvals: 0\n`,
    });
    const { code, stderr } = await ground.darsena('deploy', folder, '--env', 'strict');
    assert.equal(code, 4);
    assert.match(stderr, /no trusted signature stands for the image/);
    assert.match(stderr, /no trusted builder says how the image was built/);
    assert.deepEqual(
      (await ground.pods()).filter((pod) => pod.includes('-strict-')),
      [],
    );
  });

  test('a folder to start in that a link of the image leads out of the container is refused, at a deploy and at exec', async () => {
    const folder = await ground.variant('linked', {
      Containerfile: (text) =>
        text.replace('USER 10001', 'RUN ["/bin/busybox", "ln", "-s", "/proc/self/fd", "/work"]\nUSER 10001'),
      'kubernetes/web.yaml': (text) =>
        text.replaceAll('image: mini/web', 'image: mini/web\n          workingDir: /work/7'),
    });
    const { code, stderr } = await ground.darsena('deploy', folder);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /leads the run-time out of its container: \/work: .*\/proc\/self\/fd/);
    const joined = await ground.darsena(
      ...['exec', 'mini/web', '--instance', ground.name, '--workdir', '/www/../proc', '--', 'busybox', 'true'],
    );
    assert.notEqual(joined.code, 0);
    assert.match(joined.stderr, /not below \/proc/);
  });

  test('an expired token exits 5 with the way to log in, in the CLI and at the platform', async () => {
    const path = join('.config', 'darsena', `${ground.name}.json`);
    const home = join(ground.home, 'expired');
    await mkdir(join(home, '.config', 'darsena'), { recursive: true });
    const kept = JSON.parse(await readFile(join(ground.home, path), 'utf8')) as object;
    await writeFile(join(home, path), JSON.stringify({ ...kept, expiresAt: '2020-01-01T00:00:00Z' }), { mode: 0o600 });
    const known = await ground.darsenaWith({ HOME: home }, 'ps');
    assert.equal(known.code, 5);
    assert.match(known.stderr, /has expired\n.*2020-01-01T00:00:00Z\n.*way out: darsena .*login/);

    const old = await issue('old', 'developer', 'mini');
    assert.equal((await ground.darsenaWith(withToken(old), 'ps', 'mini')).code, 0);
    const database = new DatabaseSync(ground.files.control.database);
    const changed = database
      .prepare(`UPDATE access_tokens SET expires_at = '2020-01-01T00:00:00.000Z' WHERE name = 'old'`)
      .run();
    database.close();
    assert.equal(changed.changes, 1);
    const { code, stderr } = await ground.darsenaWith(withToken(old), 'ps', 'mini');
    assert.equal(code, 5);
    assert.match(stderr, /token is not accepted\n.*expired.*\n.*way out: darsena .*login/);
  });

  test('another project’s token reads, changes and starts nothing here', async () => {
    const other = await issue('other', 'developer', 'other');
    for (const args of [
      ['ps', 'mini'],
      ['deploy', ground.project],
      ['image', 'list', 'mini'],
      ['exec', 'mini/web', '--', 'busybox', 'id'],
      ['release', 'list', 'mini'],
      ['promote', 'mini', '--to', 'prod'],
    ]) {
      const { code, stderr } = await ground.darsenaWith(withToken(other), ...args);
      // As with podman, 125 is the platform's own: every other code of `exec` is the program's.
      assert.equal(code, args[0] === 'exec' ? 125 : 5, args.join(' '));
      assert.match(stderr, /it needs \S+ in mini/, args.join(' '));
    }
    const { status } = await call('GET', '/api/v1/projects/mini/workloads', other);
    assert.equal(status, 403);
  });

  test('taken ports are given to nobody twice: another instance takes the next and says so', async () => {
    const second = new FaultGround();
    const folders = instanceFolders(second.name, 'root');
    const others = (await instancesOfRoot()).flatMap(({ name, ports }) =>
      Object.values(ports).map((port) => [port, name] as const),
    );
    // One that no instance of a test beside this one has chosen and not opened yet.
    const free = await choosePorts('root', '127.0.0.1', new Map(others));
    await free.abandon();
    const taken = free.ports.edgeHttp;
    const [usual] = PORT_RANGES.root.edgeHttp;
    const server = createServer();
    // Whoever listens already serves the purpose as well.
    await new Promise<void>((resolve) => {
      server.once('error', () => resolve());
      server.listen(taken, '127.0.0.1', resolve);
    });
    try {
      const { code, stdout, stderr } = await runCommand(
        join(import.meta.dirname, '..', '..', 'darsena'),
        ['up', '--yes', '--instance', second.name],
        { timeoutMs: 120_000, env: { PATH: process.env['PATH'] ?? '', HOME: ground.home, LANG: 'C.UTF-8' } },
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`port ${usual} is taken|port ${taken} is taken|on port \\d+`));
      const found = await readInstance(instanceFiles(folders).description);
      assert.ok(found !== null);
      const ours = new Set(Object.values(ground.instance.ports));
      for (const port of Object.values(found.ports)) assert.ok(!ours.has(port) && port !== taken, String(port));
    } finally {
      await new Promise((resolve) => server.close(resolve));
      const { code } = await runCommand(
        join(import.meta.dirname, '..', '..', 'darsena'),
        ['down', '--purge', '--yes', '--instance', second.name],
        { timeoutMs: 120_000, env: { PATH: process.env['PATH'] ?? '', HOME: ground.home, LANG: 'C.UTF-8' } },
      );
      assert.equal(code, 0);
    }
  });

  test('none of it touched what runs', async () => {
    assert.deepEqual(await ground.containers(), running);
    assert.deepEqual(await ground.get(), { status: 200, body: 'first' });
  });

  test('purge leaves nothing of it', async () => {
    const { code, stderr } = await ground.darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await ground.leftovers(), []);
  });
});

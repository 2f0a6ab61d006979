import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runCommand } from '../../src/system/index.ts';
import { type Ground, missingPart, openGround } from './ground.ts';

// A robot's way with a registry: the real podman, a token of its own, and an image that nobody gets before it was judged.

const skip = await missingPart(['busybox']);

suite('podman with a robot token against the instance', { skip, timeout: 240_000 }, () => {
  let ground: Ground;
  let host: string;
  let image: string;
  let environment: Record<string, string>;
  const tokens = new Map<string, string>();

  const podman = (args: readonly string[], input?: string) =>
    runCommand(
      'podman',
      [
        '--root',
        join(ground.folder, 'storage'),
        '--runroot',
        join(ground.folder, 'run'),
        '--storage-driver',
        'vfs',
        ...args,
      ],
      {
        timeoutMs: 120_000,
        cwd: '/',
        env: environment,
        ...(input === undefined ? {} : { input }),
      },
    );
  const files = (robot: string): string[] => [
    `--cert-dir=${join(ground.folder, 'certs')}`,
    `--authfile=${join(ground.folder, `auth-${robot}.json`)}`,
  ];
  const login = (robot: string, secret: string) =>
    podman(['login', ...files(robot), '--username', robot, '--password-stdin', host], secret);

  before(async () => {
    ground = await openGround();
    const up = await ground.darsena('up', '--yes', '--json');
    assert.equal(up.code, 0, up.stderr);
    const { ports, podman: engine } = await ground.instance();
    host = `localhost:${ports.console}`;
    image = `${host}/muelle/farol:1`;
    await mkdir(join(ground.folder, 'certs'));
    await writeFile(join(ground.folder, 'certs', 'ca.crt'), await readFile(ground.files.ca));
    environment = {
      PATH: ground.environment['PATH'] ?? '',
      HOME: ground.folder,
      // Which runtime and limits work on this machine is what the instance found out.
      CONTAINERS_CONF: engine.containersConf,
    };
    // A real program, so that there is something to scan; no network is needed for it.
    const context = join(ground.folder, 'context');
    await mkdir(context);
    const busybox = await runCommand('sh', ['-c', 'command -v busybox'], { timeoutMs: 30_000 });
    await writeFile(join(context, 'busybox'), await readFile(busybox.stdout.trim()), { mode: 0o755 });
    const packed = await runCommand('tar', ['-C', context, '-cf', join(ground.folder, 'layer.tar'), 'busybox'], {
      timeoutMs: 30_000,
    });
    assert.equal(packed.code, 0, packed.stderr);
    const imported = await podman([
      'import',
      '--change',
      'USER 10001',
      '--change',
      'ENTRYPOINT ["/busybox"]',
      join(ground.folder, 'layer.tar'),
      image,
    ]);
    assert.equal(imported.code, 0, imported.stderr);
    for (const [name, role] of [
      ['ci', 'developer@muelle'],
      ['reader', 'analyst@muelle'],
      ['stranger', 'developer@astillero'],
    ] as const) {
      const made = await ground.darsena('token', 'create', name, '--role', role, '--days', '1', '--json');
      assert.equal(made.code, 0, made.stderr);
      tokens.set(name, made.json<{ token: string }>().token);
    }
  });
  after(async () => {
    await podman(['rmi', '--all', '--force']);
    await ground.close();
  });

  test('login takes the token and nothing else', async () => {
    const wrong = await login('ci', 'dtk_wrong');
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /unauthorized|invalid username\/password/i);
    for (const [robot, secret] of tokens) {
      const right = await login(robot, secret);
      assert.equal(right.code, 0, right.stderr);
    }
  });

  test('without a login, and with the token of another project, nothing is stored', async () => {
    await writeFile(join(ground.folder, 'auth-nobody.json'), '{}');
    for (const robot of ['nobody', 'stranger']) {
      const pushed = await podman(['push', ...files(robot), image]);
      assert.notEqual(pushed.code, 0, robot);
      assert.match(pushed.stderr, /denied|forbidden|unauthorized|authentication required|may not/i);
    }
    const { items } = await ground.api<{ items: object[] }>('GET', '/projects/muelle/images');
    assert.deepEqual(items, []);
  });

  test('who may only read cannot push', async () => {
    const pushed = await podman(['push', ...files('reader'), image]);
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.stderr, /denied|forbidden|unauthorized|may not/i);
  });

  test('what was pushed is held until it was judged, and `image wait` says when', async (t) => {
    const pushed = await podman(['push', ...files('ci'), `--digestfile=${join(ground.folder, 'digest')}`, image]);
    assert.equal(pushed.code, 0, pushed.stderr);
    const began = performance.now();
    const waited = await ground.darsena('image', 'wait', 'muelle/farol:1', '--json');
    t.diagnostic(`push to released: ${Math.round(performance.now() - began)} ms`);
    assert.equal(waited.code, 0, waited.stderr);
    const { digest, state } = waited.json<{ digest: string; state: string }>();
    assert.equal(state, 'released');
    assert.equal(digest, await readFile(join(ground.folder, 'digest'), 'utf8'));
    const { items } = (await ground.darsena('audit', 'list', '--digest', digest, '--json')).json<{
      items: { kind: string; actor: string; seq: number }[];
    }>();
    const facts = items.toSorted((a, b) => a.seq - b.seq).map(({ kind }) => kind);
    assert.deepEqual(
      facts.filter((kind) => ['image.pushed', 'image.scanned', 'workload.judged'].includes(kind)),
      ['image.pushed', 'image.scanned', 'workload.judged'],
    );
    assert.equal(items.find(({ kind }) => kind === 'image.pushed')?.actor, 'robot:ci');
  });

  test('an empty storage gets the same image back, and only who may read it', async () => {
    const before = (await podman(['image', 'inspect', '--format', '{{.Id}}', image])).stdout;
    await podman(['rmi', '--force', image]);
    const strange = await podman(['pull', ...files('stranger'), image]);
    assert.notEqual(strange.code, 0);
    const pulled = await podman(['pull', ...files('reader'), image]);
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.equal((await podman(['image', 'inspect', '--format', '{{.Id}}', image])).stdout, before);
  });

  test('a revoked token ends at once', async () => {
    const { items } = (await ground.darsena('token', 'list', '--json')).json<{
      items: { id: string; name: string }[];
    }>();
    const id = items.find(({ name }) => name === 'ci')?.id ?? assert.fail('the token is not listed');
    const revoked = await ground.darsena('token', 'revoke', id);
    assert.equal(revoked.code, 0, revoked.stderr);
    const pushed = await podman(['push', ...files('ci'), image, `${host}/muelle/farol:2`]);
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.stderr, /unauthorized|authentication required|invalid username\/password/i);
  });
});

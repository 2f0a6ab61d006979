import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readRoutes } from '../../docs/generate.ts';
import { runCommand } from '../../src/system/index.ts';

// The command line by mutual TLS against a running instance, from this machine and from another one: a network namespace.

const ROOT = join(import.meta.dirname, '..', '..');
const PATH = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin';
const name = `t${randomBytes(3).toString('hex')}`;
const HERE = '10.231.199.1';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function missingPart(): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'needs root';
  for (const program of ['podman', 'haproxy', 'setpriv', 'ip', 'openssl']) {
    const found = await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 });
    if (found.code !== 0) return `needs ${program}`;
  }
  const made = await runCommand('ip', ['netns', 'add', name], { timeoutMs: 30_000 });
  return made.code === 0 ? false : 'needs network namespaces';
}

const skip = await missingPart();

suite('a command line by mutual TLS', { skip, timeout: 180_000 }, () => {
  let folder: string;
  let fingerprint: string;
  let ports: { console: number; agents: number };

  const environment = (home: string) => ({ PATH, HOME: join(folder, home), LANG: 'C.UTF-8', DARSENA_INSTANCE: name });
  const here = (...args: string[]): Promise<Outcome> =>
    runCommand(join(ROOT, 'darsena'), args, { timeoutMs: 120_000, cwd: '/', env: environment('here') });
  /** From the other machine: another network, another home, another name for the instance. */
  const there = (args: readonly string[], more: Record<string, string> = {}): Promise<Outcome> =>
    runCommand('ip', ['netns', 'exec', name, join(ROOT, 'darsena'), ...args], {
      timeoutMs: 60_000,
      cwd: '/',
      env: { ...environment('there'), DARSENA_INSTANCE: `${name}x`, ...more },
    });
  const url = () => `https://${HERE}:${ports.console}`;
  const code = async (): Promise<string> => {
    const { stdout } = await here('user', 'code', 'ana', '--json');
    return (JSON.parse(stdout) as { code: string }).code;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'darsena-mutual-'));
    const ip = async (...args: string[]): Promise<void> => {
      const { code: ended, stderr } = await runCommand('ip', args, { timeoutMs: 30_000 });
      assert.equal(ended, 0, stderr);
    };
    await ip('link', 'add', `${name}0`, 'type', 'veth', 'peer', 'name', `${name}1`, 'netns', name);
    await ip('addr', 'add', `${HERE}/24`, 'dev', `${name}0`);
    await ip('link', 'set', `${name}0`, 'up');
    await ip('-n', name, 'addr', 'add', '10.231.199.2/24', 'dev', `${name}1`);
    await ip('-n', name, 'link', 'set', `${name}1`, 'up');
    const up = await here('up', '--yes', '--listen', 'all', '--json');
    assert.equal(up.code, 0, up.stderr);
    const result = JSON.parse(up.stdout) as { caFingerprint: string; ports: typeof ports };
    ({ caFingerprint: fingerprint, ports } = result);
    const made = await here('user', 'create', 'ana', '--role', 'developer');
    assert.equal(made.code, 0, made.stderr);
  });
  after(async () => {
    const { code: ended, stderr } = await here('down', '--purge', '--yes');
    await runCommand('ip', ['netns', 'del', name], { timeoutMs: 30_000 });
    await rm(folder, { recursive: true, force: true });
    assert.equal(ended, 0, stderr);
  });

  test('up leaves a key and a certificate, and no bearer token', async () => {
    const path = join(folder, 'here', '.config', 'darsena', `${name}.json`);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const text = await readFile(path, 'utf8');
    assert.doesNotMatch(text, /dtk_/);
    assert.deepEqual(Object.keys(JSON.parse(text)).sort(), ['api', 'ca', 'certificate', 'expiresAt', 'key', 'url']);
  });

  test('another machine logs in by the fingerprint alone, and by nothing less', async () => {
    const once_ = await code();
    const blind = await there(['login', '--url', url(), '--code', once_]);
    assert.equal(blind.code, 3);
    assert.match(blind.stderr, new RegExp(fingerprint));
    const wrong = await there(['login', '--url', url(), '--code', once_, '--fingerprint', '00'.repeat(32)]);
    assert.equal(wrong.code, 4, wrong.stderr);
    const right = await there(['login', '--url', url(), '--code', once_, '--fingerprint', fingerprint]);
    assert.equal(right.code, 0, right.stderr);
    assert.match(right.stdout, /logged in as ana until/);
    assert.equal((await there(['project', 'list'])).code, 0);
    const denied = await there(['user', 'list']);
    assert.equal(denied.code, 5);
    assert.match(denied.stderr, /ana may not do this/);
  });

  test('shutting the person out cuts their live stream within a second, and the next command exits 5', async () => {
    const live = spawn('ip', ['netns', 'exec', name, join(ROOT, 'darsena'), 'events'], {
      cwd: '/',
      env: { ...environment('there'), DARSENA_INSTANCE: `${name}x` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await here('user', 'create', 'noise', '--role', 'auditor');
    // Something else happens until the reader sees it: then the stream is open.
    const opened = once(live.stdout, 'data');
    const noise = setInterval(() => void here('user', 'code', 'noise'), 1_000);
    await opened;
    clearInterval(noise);
    const ended = once(live, 'close');
    const disabled = await here('user', 'disable', 'ana');
    const began = performance.now();
    assert.equal(disabled.code, 0, disabled.stderr);
    await ended;
    assert.ok(performance.now() - began < 1_000, `${performance.now() - began} ms`);
    const next = await there(['project', 'list']);
    assert.equal(next.code, 5);
    assert.match(next.stderr, /the login is over\n.*\n.*way out: darsena .*login/);
    assert.equal((await here('user', 'enable', 'ana')).code, 0);
    // The address and the authority are known from the last time.
    assert.equal((await there(['login', '--code', await code()])).code, 0);
    assert.equal((await there(['project', 'list'])).code, 0);
  });

  test('a robot in a pipeline needs its token, the address and the authority, and no file', async () => {
    const { stdout } = await here('token', 'create', 'ci', '--role', 'developer@tienda');
    const ca = `/var/lib/darsena/${name}/ca.pem`;
    const home = join(folder, 'empty');
    const token = { HOME: home, DARSENA_TOKEN: stdout.trim() };
    const alone = await there(['ps', 'tienda'], token);
    assert.equal(alone.code, 2, alone.stderr);
    const whole = await there(['ps', 'tienda', '--json'], { ...token, DARSENA_URL: url(), DARSENA_CA: ca });
    assert.equal(whole.code, 0, whole.stderr);
  });

  test('the running platform describes every route there is in its sources', async () => {
    const { stdout } = await runCommand(
      'curl',
      [
        '--silent',
        '--cacert',
        `/var/lib/darsena/${name}/ca.pem`,
        `https://localhost:${ports.console}/api/v1/openapi.json`,
      ],
      { timeoutMs: 30_000, maxOutputBytes: 8 * 1024 * 1024 },
    );
    const { paths } = JSON.parse(stdout) as { paths: Record<string, Record<string, object>> };
    for (const { method, url: route } of await readRoutes()) {
      const path = route.replaceAll(/:([a-zA-Z]+)/g, '{$1}');
      assert.ok(paths[path]?.[method.toLowerCase()] !== undefined, `${method} ${route}`);
    }
  });

  test('the public port never asks a browser for a certificate; the other one does', async () => {
    const asks = async (port: number): Promise<boolean> => {
      const { stdout } = await runCommand('openssl', ['s_client', '-connect', `127.0.0.1:${port}`], {
        timeoutMs: 30_000,
        input: '',
      });
      assert.match(stdout, /client certificate CA names/i);
      return !/No client certificate CA names sent/.test(stdout);
    };
    assert.equal(await asks(ports.console), false);
    assert.equal(await asks(ports.agents), true);
  });
});

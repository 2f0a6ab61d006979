import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Instance,
  instanceFiles,
  instanceFolders,
  readInstance,
  type SystemUser,
} from '../../src/programs/setup/instance.ts';
import { ROLES, userName } from '../../src/programs/setup/users.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';

// A journey is walked by the command line, HTTP and a browser, as a person would; nothing of the platform is called
// from inside, except to know where an instance keeps its things.

export const ROOT = join(import.meta.dirname, '..', '..');
export const EXAMPLE = join(ROOT, 'examples', 'tienda');

const PATH = process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const COMMAND_MS_MAX = 300_000;
const REQUEST_MS_MAX = 15_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON; an assertion fails where it is not. */
  json<T>(): T;
}

/** One person on this machine: a home of their own, so that a login is theirs alone. */
export interface Person {
  readonly home: string;
  readonly environment: Record<string, string>;
  darsena(...args: string[]): Promise<Ran>;
  /** REST with the certificate of this person's login. */
  api<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

export interface Ground extends Person {
  readonly name: string;
  readonly files: ReturnType<typeof instanceFiles>;
  /** A folder for the journey's own files. */
  readonly folder: string;
  /** As `up` described it. */
  instance(): Promise<Instance>;
  person(): Promise<Person>;
  /** A copy of the example without a past: no commit, so nothing but the files can differ. */
  copyExample(): Promise<string>;
  podman(...args: string[]): Promise<string>;
  /** Asks the edge for a published name, trusting the platform's authority only. */
  fetch(url: string, options?: { method?: string; form?: Record<string, string> }): Promise<Answer>;
  /** Starts a command of the CLI at a terminal of its own (`script` of util-linux). */
  terminal(...args: string[]): ChildProcessWithoutNullStreams;
  close(): Promise<void>;
}

/** Why a journey cannot be walked here, or false. */
export async function missingPart(programs: readonly string[] = []): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'needs root';
  for (const program of ['podman', 'haproxy', 'setpriv', 'nft', ...programs]) {
    const found = await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 });
    if (found.code !== 0) return `needs ${program}`;
  }
  return false;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Waits for an answer that is neither null nor false. @throws when it takes too long, with what `look` finds then */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null | false>,
  timeoutMs = 45_000,
  look?: () => Promise<string>,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== null && found !== false) return found;
    if (performance.now() > end) assert.fail(`${what}: not within ${timeoutMs} ms\n${(await look?.()) ?? ''}`);
    await systemClock.sleep(100);
  }
}

/** A new instance name and homes for its people; the instance itself begins with the journey's own `up`. */
export async function openGround(): Promise<Ground> {
  const name = `j${randomBytes(4).toString('hex')}`;
  const files = instanceFiles(instanceFolders(name, 'root'));
  const folder = await mkdtemp(join(tmpdir(), `darsena-journey-${name}-`));

  const person = async (): Promise<Person> => {
    const home = await mkdtemp(join(folder, 'home-'));
    const environment = { PATH, HOME: home, LANG: 'C.UTF-8', DARSENA_INSTANCE: name };
    return {
      home,
      environment,
      async darsena(...args) {
        const run = await runCommand(join(ROOT, 'darsena'), args, {
          timeoutMs: COMMAND_MS_MAX,
          // Not the checkout: it works from anywhere.
          cwd: '/',
          env: environment,
          maxOutputBytes: 32 * 1024 * 1024,
        });
        return {
          ...run,
          json<T>(): T {
            try {
              return JSON.parse(run.stdout) as T;
            } catch {
              assert.fail(`not JSON: darsena ${args.join(' ')}: ${run.stdout.slice(0, 500)}${run.stderr}`);
            }
          },
        };
      },
      async api<T>(method: string, path: string, body?: unknown): Promise<T> {
        const login = JSON.parse(await readFile(join(home, '.config', 'darsena', `${name}.json`), 'utf8')) as {
          api: string;
          ca: string;
          certificate: string;
          key: string;
        };
        const text = body === undefined ? undefined : JSON.stringify(body);
        const answer = await ask(`${login.api}/api/v1${path}`, {
          method,
          ca: login.ca,
          client: { cert: login.certificate, key: login.key },
          headers: text === undefined ? {} : { 'content-type': 'application/json' },
          ...(text === undefined ? {} : { body: text }),
        });
        assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
        return JSON.parse(answer.text) as T;
      },
    };
  };

  const first = await person();
  const instance = async (): Promise<Instance> => (await readInstance(files.description)) ?? assert.fail('no instance');
  return {
    ...first,
    name,
    files,
    folder,
    instance,
    person,
    async copyExample() {
      const copy = join(await mkdtemp(join(folder, 'source-')), 'tienda');
      await cp(EXAMPLE, copy, { recursive: true });
      return copy;
    },
    podman: async (...args) => podman((await instance()).podman.environment, args),
    async fetch(url, options = {}) {
      const body = options.form === undefined ? undefined : new URLSearchParams(options.form).toString();
      return ask(url, {
        method: options.method ?? 'GET',
        ca: await readFile(files.ca, 'utf8'),
        headers: body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' },
        ...(body === undefined ? {} : { body }),
      });
    },
    terminal(...args) {
      // `script` takes one line for a shell; the words reach it as variables, so none of them is read by it.
      const words = Object.fromEntries(args.map((word, index) => [`WORD_${index}`, word]));
      const line = `exec "$DARSENA" ${args.map((_, index) => `"$WORD_${index}"`).join(' ')}`;
      return spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
        cwd: '/',
        env: { ...first.environment, ...words, DARSENA: join(ROOT, 'darsena'), TERM: 'xterm', SHELL: '/bin/sh' },
      });
    },
    async close() {
      if (await exists(files.description)) {
        const { code, stderr } = await first.darsena('down', '--purge', '--yes');
        assert.equal(code, 0, stderr);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Everything by which an instance could still be known on this machine. @returns one line each, empty when gone */
export async function findRemains(instance: Instance): Promise<string[]> {
  const { environment } = instance.podman;
  const label = `label=darsena.instance=${instance.name}`;
  const remains: string[] = [];
  const add = (kind: string, text: string): void => {
    for (const line of text.split('\n').filter((one) => one !== '')) remains.push(`${kind} ${line}`);
  };
  // The instance's own files for Podman are gone with it: this is the system's Podman, on the same storage.
  const system = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => !value.includes(`/${instance.name}/`)),
  );
  add('pod', await podman(system, ['pod', 'ls', '--filter', label, '--format', '{{.Name}}']));
  add('container', await podman(system, ['ps', '--all', '--filter', label, '--format', '{{.Names}}']));
  add('network', await podman(system, ['network', 'ls', '--filter', label, '--format', '{{.Name}}']));
  add('volume', await podman(system, ['volume', 'ls', '--filter', label, '--format', '{{.Name}}']));
  const others = await runCommand('ls', ['/var/lib/darsena'], { timeoutMs: 30_000 });
  if (others.stdout.trim() === '') {
    // Another instance shares the storage, and its images the registry's name: test/real/setup-purge.test.ts tells them apart.
    const images = await podman(system, ['images', '--format', '{{.Repository}}@{{.Digest}}']);
    add(
      'image',
      images
        .split('\n')
        .filter((one) => one.startsWith('registry.darsena.internal/'))
        .join('\n'),
    );
  }
  for (const path of [instance.data, instance.run, instance.logs]) if (await exists(path)) remains.push(path);
  const accounts = `${await readFile('/etc/passwd', 'utf8')}${await readFile('/etc/subuid', 'utf8')}`;
  for (const role of ROLES) {
    const user = userName(instance.name, role);
    if (accounts.includes(`${user}:`)) remains.push(`user ${user}`);
  }
  const users: SystemUser[] = [instance.users.control, instance.users.build, instance.users.edge];
  const processes = await runCommand('ps', ['-eo', 'pid=,uid=,args='], { timeoutMs: 30_000 });
  for (const line of processes.stdout.split('\n')) {
    const [, uid] = line.trim().split(/\s+/);
    // An account that was removed leaves its number to whoever comes next, as another test may meanwhile.
    const [holder] =
      accounts
        .split('\n')
        .find((account) => account.split(':')[2] === uid)
        ?.split(':') ?? [];
    const ours = users.some(
      ({ name, uid: id }) => id !== 0 && String(id) === uid && [name, undefined].includes(holder),
    );
    if (ours || line.includes(`/${instance.name}/`)) remains.push(`process ${line.trim()}`);
  }
  const tables = await runCommand('nft', ['list', 'tables'], { timeoutMs: 30_000 });
  const table = new RegExp(`\\b${instance.prefix.replaceAll('-', '[-_]')}(:|\\s|$)`);
  add(
    'table',
    tables.stdout
      .split('\n')
      .filter((line) => table.test(line))
      .join('\n'),
  );
  return remains;
}

async function podman(environment: Readonly<Record<string, string>>, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand('podman', args, {
    timeoutMs: 60_000,
    cwd: '/',
    env: { PATH, ...environment },
  });
  assert.equal(code, 0, `podman ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

async function ask(
  address: string,
  options: {
    method: string;
    ca: string;
    client?: { cert: string; key: string };
    headers: Record<string, string>;
    body?: string;
  },
): Promise<Answer> {
  const url = new URL(address);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        // Names below .localhost are this machine (RFC 6761), whether or not its resolver knows.
        host: '127.0.0.1',
        port: url.port,
        path: `${url.pathname}${url.search}`,
        method: options.method,
        servername: url.hostname,
        headers: { ...options.headers, host: url.host },
        ca: options.ca,
        ...options.client,
        agent: false,
        timeout: REQUEST_MS_MAX,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`${address} did not answer`)));
    sent.on('error', reject);
    sent.end(options.body);
  });
}

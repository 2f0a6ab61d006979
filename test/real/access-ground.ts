import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Instance, instanceFiles, LOOPBACK, writeInstance } from '../../src/programs/setup/instance.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const START_MS_MAX = 30_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
  json<T = Record<string, string>>(): T;
}

export interface Asked {
  readonly token?: string;
  readonly basic?: readonly [name: string, secret: string];
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly headers?: Record<string, string>;
}

/** The program control as it ships, alone: no host, so nothing runs, but API, registry and database are the real ones. */
export class LoneControl {
  readonly folder: string;
  readonly port: number;
  readonly log: string;
  caPem = '';
  readonly #instance: Instance;
  readonly #child: ChildProcess;

  private constructor(folder: string, instance: Instance, child: ChildProcess) {
    this.folder = folder;
    this.port = instance.ports.console;
    this.log = join(folder, 'control.log');
    this.#instance = instance;
    this.#child = child;
  }

  static async start(): Promise<LoneControl> {
    const folder = await mkdtemp(join(tmpdir(), 'access-control-'));
    const [console, agents] = [await freePort(), await freePort()];
    const user = { name: 'root', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const instance: Instance = {
      name: 'lone',
      mode: 'rootless',
      prefix: 'darsena-lone',
      version: '0.1.0',
      code: ROOT,
      data: join(folder, 'data'),
      run: join(folder, 'run'),
      logs: folder,
      domain: 'lone.localhost',
      ports: { console, agents, edgeHttps: 1, edgeHttp: 1 },
      bind: LOOPBACK,
      users: { control: user, build: user, edge: user },
      runtime: 'runc',
      cgroup: 'v1',
      sensor: false,
      adaptations: [],
      podman: {
        home: folder,
        containersConf: '',
        registriesConf: '',
        storageConf: null,
        socket: '',
        environment: {},
      },
      createdAt: new Date().toISOString(),
    };
    const files = instanceFiles(instance);
    await writeInstance(instance);
    await mkdir(files.control.keys, { recursive: true, mode: 0o700 });
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        join(ROOT, 'src', 'programs', 'control.ts'),
        ...['--instance-file', files.description],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: folder } },
    );
    const control = new LoneControl(folder, instance, child);
    const log = createWriteStream(control.log);
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    try {
      await control.#ready();
    } catch (error) {
      await control.stop();
      throw error;
    }
    return control;
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  get host(): string {
    return `localhost:${this.port}`;
  }

  /** A bearer token of a person, made with a code as an administrator would give it to them. */
  async login(code: string): Promise<string> {
    const answer = await this.ask('POST', '/api/v1/session/exchange', { body: JSON.stringify({ code }) });
    assert.equal(answer.status, 200, answer.text);
    const secret = /=(dtk_[^;]+);/.exec(answer.headers['set-cookie']?.[0] ?? '')?.[1];
    assert.ok(secret !== undefined);
    return secret;
  }

  async administrator(): Promise<string> {
    const { code } = (await this.#local('/local/login-code')) as { code: string };
    return this.login(code);
  }

  ask(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(this.#options(method, path, asked), (response) => {
        response
          .toArray()
          .then((chunks) => {
            const text = Buffer.concat(chunks as Buffer[]).toString();
            resolve({
              status: response.statusCode ?? 0,
              text,
              headers: response.headers,
              json: <T>() => JSON.parse(text) as T,
            });
          })
          .catch(reject);
      });
      sent.on('error', reject);
      sent.end(asked.body);
    });
  }

  /** The same, and asserts that it went well. */
  async does(method: string, path: string, token: string, body?: object): Promise<Answer> {
    const answer = await this.ask(method, path, {
      token,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Opens something that stays open, and says when it was cut. */
  async open(path: string, asked: Asked): Promise<{ closed: Promise<number>; status: number; heard: () => string }> {
    const sent = request(this.#options('GET', path, asked));
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const closed = new Promise<number>((resolve) => {
      const end = (): void => resolve(performance.now());
      response.once('close', end).once('error', end);
      sent.once('error', end);
    });
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += String(chunk);
    });
    return { closed, status: response.statusCode ?? 0, heard: () => text };
  }

  /** An upload that never ends by itself; resolves when it was cut. */
  stall(path: string, token: string): Promise<number> {
    const asked = { token, type: 'application/octet-stream' };
    const sent = request(this.#options('PATCH', path, asked));
    const timer = setInterval(() => sent.write(Buffer.alloc(1024)), 20);
    return new Promise((resolve) => {
      const end = (): void => {
        clearInterval(timer);
        resolve(performance.now());
      };
      sent.once('error', end).once('close', end);
      sent.write(Buffer.alloc(1024));
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Of the listener for agents. */
  get agentsPort(): number {
    return this.#instance.ports.agents;
  }

  /** Where the one-time token lies with which a host joins. */
  get joinToken(): string {
    return instanceFiles(this.#instance).control.joinToken;
  }

  get database(): string {
    return instanceFiles(this.#instance).control.database;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #options(method: string, path: string, asked: Asked) {
    const { token, basic, body, type = 'application/json', headers = {} } = asked;
    const authorization =
      token !== undefined
        ? `Bearer ${token}`
        : basic !== undefined
          ? `Basic ${Buffer.from(basic.join(':')).toString('base64')}`
          : undefined;
    return {
      host: LOOPBACK,
      port: this.port,
      servername: 'localhost',
      ca: this.caPem,
      agent: false as const,
      method,
      path,
      headers: {
        host: this.host,
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined && method !== 'PATCH' ? {} : { 'content-type': type }),
        ...headers,
      },
    };
  }

  async #ready(): Promise<void> {
    const files = instanceFiles(this.#instance);
    for (const until = Date.now() + START_MS_MAX; Date.now() < until; await new Promise((r) => setTimeout(r, 100))) {
      if (this.#child.exitCode !== null) assert.fail(await readFile(this.log, 'utf8'));
      try {
        await this.#local('/local/ready');
        const authority = JSON.parse(await readFile(join(files.control.keys, 'authority.json'), 'utf8')) as object;
        this.caPem = Object.values(authority).find((value) => /BEGIN CERTIFICATE/.test(String(value))) ?? '';
        return;
      } catch (error) {
        if (!['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
    assert.fail(`control did not start: ${await readFile(this.log, 'utf8')}`);
  }

  #local(path: string): Promise<unknown> {
    const { adminSocket } = instanceFiles(this.#instance).control;
    return new Promise((resolve, reject) => {
      const sent = httpRequest({ socketPath: adminSocket, method: 'POST', path }, (response) => {
        response
          .toArray()
          .then((chunks) => resolve(JSON.parse(Buffer.concat(chunks as Buffer[]).toString())))
          .catch(reject);
      });
      sent.on('error', reject);
      sent.end('{}');
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** What the sensor's real tests and its benchmark stand on: a store and an image of their own, a sensor, an agent's socket. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Alert } from '../../src/detect/index.ts';
import { removePins } from '../../src/observe/index.ts';
import { alertSocketOf } from '../../src/programs/link/stations.ts';
import { mountKernelFilesystems } from '../../src/programs/setup/kernel-mounts.ts';
import { sensorRights } from '../../src/programs/setup/programs.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const BUSYBOX = '/bin/busybox';
const IMAGE = 'localhost/darsena-observe-test:1';
const APPLETS = ['sh', 'cat', 'ls', 'cp', 'sleep', 'true', 'id', 'chmod'];
export const SENSOR_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1', '--expose-gc'];

/** Why these tests cannot run here, or false. */
export function missingParts(): string | false {
  if (process.getuid?.() !== 0) return 'needs root: BPF programs are loaded';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'the kernel has no BTF';
  if (!existsSync(BUSYBOX)) return 'needs busybox-static';
  for (const [tool, args] of [
    ['podman', ['--version']],
    ['runc', ['--version']],
    ['script', ['--version']],
  ] as const) {
    try {
      execFileSync(tool, args, { stdio: 'ignore' });
    } catch {
      return `needs ${tool}`;
    }
  }
  return false;
}

export interface Message {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** The agent's end of the socket. */
export class FakeAgent {
  readonly path: string;
  readonly messages: Message[] = [];
  readonly arrivals: { alert: Alert; afterMs: number }[] = [];
  readonly #server: Server;
  readonly #alertServer: Server;
  readonly #waiting: (() => void)[] = [];
  #socket: Socket | null = null;
  #alertSocket: Socket | null = null;
  readonly #open = new Set<Socket>();

  constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => {
      this.#socket = socket;
      this.#read(socket);
    });
    this.#alertServer = createServer((socket) => {
      this.#alertSocket = socket;
      this.#read(socket);
    });
  }

  #read(socket: Socket): void {
    let rest = '';
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      rest += chunk;
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
        this.#hear(JSON.parse(rest.slice(0, end)) as Message);
        rest = rest.slice(end + 1);
      }
    });
    socket.on('error', () => socket.destroy());
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#alertServer.listen(alertSocketOf(this.path), resolve));
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
  }

  send(message: object): void {
    this.#socket?.write(`${JSON.stringify(message)}\n`);
  }

  /** Breaks the connection, as a restarting agent does. */
  hangUp(): void {
    this.#socket?.destroy();
    this.#alertSocket?.destroy();
  }

  /** When all that a sensor said before it ended has been read: its exit can be known before its last words are. */
  async hungUp(): Promise<void> {
    await Promise.all([...this.#open].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  }

  get alerts(): Alert[] {
    return this.arrivals.map((one) => one.alert);
  }

  /** @param what that was waited for; asked when the wait was in vain */
  async waitFor<T>(find: () => T | undefined, timeoutMs: number, what: string | (() => string)): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`waited ${timeoutMs} ms in vain for ${typeof what === 'string' ? what : what()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  close(): void {
    this.hangUp();
    this.#server.close();
    this.#alertServer.close();
  }

  #hear(message: Message): void {
    this.messages.push(message);
    if (message.type === 'alert') {
      const alert = message['alert'] as Alert;
      this.arrivals.push({ alert, afterMs: (Number(process.hrtime.bigint()) - alert.kernelTimeNs) / 1e6 });
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export class Ground {
  /** The image that containers are of where nothing else is said. */
  readonly image = IMAGE;
  readonly folder = mkdtempSync(join(tmpdir(), 'darsena-observe-'));
  readonly agent = new FakeAgent(join(this.folder, 'sensor.sock'));
  /** Where its programs stay in the kernel. */
  readonly pins = join('/sys/fs/bpf', basename(this.folder));
  readonly #env: NodeJS.ProcessEnv;
  readonly #containers: string[] = [];
  readonly #images: string[] = [];
  #sensor: ChildProcess | null = null;
  #rights: readonly string[] = [];
  sensorErrors = '';

  constructor() {
    const conf = join(this.folder, 'containers.conf');
    writeFileSync(
      conf,
      '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n[containers]\n' +
        'default_ulimits=["nofile=1024:20000","nproc=4096:8192"]\n[network]\nnetwork_backend="netavark"\n',
    );
    this.#env = { ...process.env, CONTAINERS_CONF: conf };
    this.#makeImage();
  }

  podman(...args: string[]): string {
    const own = ['--root', join(this.folder, 'store'), '--runroot', join(this.folder, 'run')];
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('podman', [...own, ...args], { env: this.#env, encoding: 'utf8', stdio: [...stdio] }).trim();
  }

  /** The same, whatever comes of it. */
  podmanTried(...args: string[]): { code: number | null; stdout: string; stderr: string } {
    const own = ['--root', join(this.folder, 'store'), '--runroot', join(this.folder, 'run')];
    const options = { env: this.#env, encoding: 'utf8', timeout: 180_000, killSignal: 'SIGKILL' } as const;
    const { status, stdout, stderr } = spawnSync('podman', [...own, ...args], options);
    return { code: status, stdout, stderr };
  }

  /** The same without holding up this process, which has a socket to read. */
  podmanLater(...args: string[]): Promise<void> {
    const own = ['--root', join(this.folder, 'store'), '--runroot', join(this.folder, 'run')];
    const child = spawn('podman', [...own, ...args], { env: this.#env, stdio: 'ignore' });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', () => resolve());
    });
  }

  /** The same, with what it said on its standard output. */
  podmanOutput(...args: string[]): Promise<string> {
    const own = ['--root', join(this.folder, 'store'), '--runroot', join(this.folder, 'run')];
    const child = spawn('podman', [...own, ...args], { env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0 ? resolve(said) : reject(new Error(`podman ${args[0]} ended with ${code}: ${said}`)),
      );
    });
  }

  /** Runs a command in a container with a terminal, as a person does. */
  execWithTerminal(container: string, ...command: string[]): void {
    const own = ['podman', '--root', join(this.folder, 'store'), '--runroot', join(this.folder, 'run')];
    const line = [...own, 'exec', '-it', container, ...command]
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(' ');
    execFileSync('script', ['-qec', line, '/dev/null'], { env: this.#env, stdio: ['ignore', 'ignore', 'ignore'] });
  }

  startContainer(...command: string[]): string {
    return this.startContainerOf(IMAGE, ...command);
  }

  /** It goes with its pod. */
  startContainerIn(pod: string): string {
    return this.podman('run', '-d', '--pod', pod, IMAGE, 'sleep', '600');
  }

  startContainerOf(image: string, ...command: string[]): string {
    return this.startContainerWith([], image, ...(command.length === 0 ? ['sleep', '600'] : command));
  }

  startContainerWith(options: readonly string[], image: string, ...command: string[]): string {
    const id = this.podman('run', '-d', '--network', 'none', ...options, image, ...command);
    this.#containers.push(id);
    return id;
  }

  /** The test's image with more files: folders as they lie below `folder`. */
  makeImageOf(name: string, folder: string): void {
    const tar = join(this.folder, 'more.tar');
    execFileSync('tar', ['-C', folder, '-cf', tar, '.']);
    const file = join(this.folder, 'Containerfile');
    writeFileSync(file, `FROM ${IMAGE}\nADD more.tar /\n`);
    this.podman('build', '--network', 'none', '-t', name, '-f', file, this.folder);
    this.#images.push(name);
  }

  /** An image of these files alone, as they lie below `folder`. */
  importImage(name: string, folder: string): void {
    const tar = join(this.folder, 'alone.tar');
    execFileSync('tar', ['-C', folder, '-cf', tar, '.']);
    this.podman('import', tar, name);
    this.#images.push(name);
  }

  /** What an agent would say of the container. */
  describe(id: string): object {
    return {
      id,
      name: 'web-1-web',
      pid: 1,
      project: 'tienda',
      environment: 'dev',
      workload: 'web',
      pod: 'web-1',
      container: 'web',
      image: 'registry.darsena.internal/tienda/web:1.0',
      digest: `sha256:${'a'.repeat(64)}`,
    };
  }

  async startSensor(config: {
    rules: string[];
    scope: 'instance' | 'all';
    rings?: object;
    source?: 'fallback';
    host?: boolean;
    /** Of an agent that listens there already, and will know by itself when the sensor is ready. */
    socket?: string;
  }): Promise<void> {
    const file = join(this.folder, 'sensor.json');
    writeFileSync(file, JSON.stringify({ instance: 'test', socket: this.agent.path, pins: this.pins, ...config }));
    this.#rights = sensorRights(config.source === 'fallback');
    // As "up" does where nothing else has.
    await mountKernelFilesystems();
    if (config.socket !== undefined) {
      this.#spawnSensor(file);
      return;
    }
    await this.agent.listen();
    await this.startAgain();
  }

  /** The same sensor once more, as its supervisor does. */
  async startAgain(): Promise<void> {
    const before = this.agent.messages.filter((one) => one.type === 'ready').length;
    this.#spawnSensor(join(this.folder, 'sensor.json'));
    await this.agent.waitFor(
      () => this.agent.messages.filter((one) => one.type === 'ready')[before],
      120_000,
      `the sensor: ${this.sensorErrors}`,
    );
  }

  #spawnSensor(file: string): void {
    const args = [...SENSOR_FLAGS, join(REPOSITORY, 'src/programs/sensor.ts'), '--config', file];
    const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'darsena-compile-cache'), MALLOC_ARENA_MAX: '1' };
    // With the rights that it has on an instance: what needs more fails here too.
    const [setpriv = '', ...rights] = this.#rights;
    const sensor = spawn(setpriv, [...rights, process.execPath, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    sensor.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.sensorErrors += text;
    });
    this.#sensor = sensor;
  }

  get sensorPid(): number {
    return this.#sensor?.pid ?? 0;
  }

  async stopSensor(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const sensor = this.#sensor;
    this.#sensor = null;
    if (sensor === null || sensor.exitCode !== null) return sensor?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => sensor.on('exit', (code) => resolve(code)));
    sensor.kill(signal);
    const code = await ended;
    await this.agent.hungUp();
    return code;
  }

  /** Stops it, and lets the kernel forget its programs. */
  async endSensor(): Promise<void> {
    await this.stopSensor();
    removePins(this.pins);
  }

  async close(): Promise<void> {
    await this.endSensor();
    this.agent.close();
    for (const id of this.#containers.splice(0)) this.podman('rm', '-f', '-t', '0', id);
    this.podman('rmi', '-f', ...this.#images, IMAGE);
    // An engine under load may leave mounts of its own store behind, one over the other.
    const store = join(this.folder, 'store', 'overlay');
    for (let n = 0; n < 8; n++) if (spawnSync('umount', ['--lazy', store], { stdio: 'ignore' }).status !== 0) break;
    // What Podman starts at a container's end holds the store for a moment longer.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #makeImage(): void {
    const image = join(this.folder, 'image');
    for (const folder of ['bin', 'etc', 'tmp', 'dev', 'proc']) mkdirSync(join(image, folder), { recursive: true });
    copyFileSync(BUSYBOX, join(image, 'bin/busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(image, 'bin', applet));
    writeFileSync(join(image, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(image, 'etc/shadow'), 'root:*:1::::::\n');
    const tar = join(this.folder, 'image.tar');
    execFileSync('tar', ['-C', image, '-cf', tar, '.']);
    this.podman('import', tar, IMAGE);
  }
}

/** A rule file that a test writes. */
export function writeRules(ground: Ground, text: string): string {
  const file = join(ground.folder, 'rules.yaml');
  writeFileSync(file, text);
  return file;
}

export const SHIPPED_RULES = join(REPOSITORY, 'rules', 'detection');

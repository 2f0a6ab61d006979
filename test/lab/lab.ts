import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A virtual machine with Debian's unmodified kernel, under software emulation, from a small initial RAM disk: boots in two
 * to three seconds where nothing of this machine's own kernel can be changed. Kernel, headers and built modules are kept
 * in the caller's cache folder, by the kernel's version; only the first run fetches (near 40 MB).
 */

const SOURCES = resolve(import.meta.dirname, 'modules');
const INIT = resolve(import.meta.dirname, 'init.sh');
const LISTEN = resolve(import.meta.dirname, 'listen.sh');
/** Programs that the laboratory needs, and the packages that bring them. */
const NEEDED: readonly (readonly [program: string, debian: string])[] = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['busybox', 'busybox-static'],
  ['cpio', 'cpio'],
  ['make', 'make'],
  ['gcc-12', 'gcc-12'],
  ['openssl', 'openssl'],
  ['apt-get', 'apt'],
  ['dpkg', 'dpkg'],
];
/** Three seconds, on a machine that has nothing else to do. */
const BOOT_MS = 300_000;
/** With systemd and an account's session: ten seconds, on a machine that has nothing else to do. */
const BOOT_DISK_MS = 300_000;
const COMMAND_MS = 30_000;
/** A command goes over as one line of a terminal, in base64: 4,096 bytes. */
const LINE_MAX = 2_400;

/** Why the laboratory cannot be used here; null: it can. */
export function labMissing(): string | null {
  if (process.arch !== 'x64') return 'the laboratory has a kernel for x86_64 only';
  const missing = NEEDED.filter(([program]) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return missing.length === 0 ? null : `not installed: ${missing.map(([, name]) => name).join(', ')}`;
}

export interface LabKernel {
  /** `uname -r` of it. */
  readonly release: string;
  readonly image: string;
  /** Where its build files are, for `make -C`. */
  readonly build: string;
  readonly signFile: string;
  readonly folder: string;
}

/** Fetches and unpacks kernel and headers, once. @throws Error with what failed */
export function prepareKernel(): LabKernel {
  const base = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'darsena', 'lab');
  mkdirSync(base, { recursive: true });
  const depends = run('apt-cache', ['depends', 'linux-image-cloud-amd64']);
  const release = /Depends: linux-image-(\S+)/.exec(depends)?.[1];
  if (release === undefined) throw new MirrorAway('its lists have no linux-image-cloud-amd64: apt-get update');
  const folder = join(base, release);
  const common = release.replace('-cloud-amd64', '-common');
  const usr = join(folder, 'headers', 'usr');
  const kernel: LabKernel = {
    release,
    image: join(folder, 'kernel', 'boot', `vmlinuz-${release}`),
    build: join(usr, 'src', `linux-headers-${release}`),
    signFile: join(usr, 'lib', 'linux-kbuild-6.1', 'scripts', 'sign-file'),
    folder,
  };
  if (existsSync(join(folder, 'ready'))) return kernel;
  const making = mkdtempSync(join(base, '.making-'));
  try {
    const packages = [
      `linux-image-${release}`,
      `linux-headers-${release}`,
      `linux-headers-${common}`,
      'linux-kbuild-6.1',
    ];
    runFetching('apt-get', ['download', '--quiet', ...packages], making);
    for (const name of readdirSync(making).filter((one) => one.endsWith('.deb'))) {
      run('dpkg', ['-x', name, name.startsWith('linux-image') ? 'kernel' : 'headers'], making);
      rmSync(join(making, name));
    }
    // The packages expect to lie in /usr/src; this is the one line that says so.
    const makefile = join(making, 'headers', 'usr', 'src', `linux-headers-${release}`, 'Makefile');
    const text = readFileSync(makefile, 'utf8').replaceAll(
      /^include \/usr\/src/gm,
      `include ${join(folder, 'headers', 'usr', 'src')}`,
    );
    writeFileSync(makefile, text);
    writeFileSync(join(making, 'ready'), '');
    rmSync(folder, { recursive: true, force: true });
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return kernel;
}

/** The build before the newest, its image alone: what a machine runs before a kernel upgrade. @throws Error with what failed */
export function prepareOlderKernel(): Pick<LabKernel, 'release' | 'image'> {
  const newest = prepareKernel();
  const found = run('apt-cache', ['search', '--names-only', '^linux-image-6\\.1\\.0-[0-9]+-cloud-amd64$']);
  const releases = [...found.matchAll(/^linux-image-(6\.1\.0-(\d+)-cloud-amd64) /gm)]
    .sort((a, b) => Number(a[2]) - Number(b[2]))
    .flatMap(([, release = '']) => (release === newest.release ? [] : [release]));
  const release = releases.at(-1);
  if (release === undefined) throw new Error('the mirror has no build before the newest');
  const folder = join(newest.folder, '..', `image-${release}`);
  const image = join(folder, 'boot', `vmlinuz-${release}`);
  if (existsSync(image)) return { release, image };
  const making = mkdtempSync(join(newest.folder, '..', '.making-'));
  try {
    runFetching('apt-get', ['download', '--quiet', `linux-image-${release}`], making);
    for (const name of readdirSync(making).filter((one) => one.endsWith('.deb')))
      run('dpkg', ['-x', name, 'x'], making);
    mkdirSync(join(making, 'y', 'boot'), { recursive: true });
    copyFileSync(join(making, 'x', 'boot', `vmlinuz-${release}`), join(making, 'y', 'boot', `vmlinuz-${release}`));
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(making, 'y'), folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return { release, image };
}

/** Packages of Debian unpacked into a folder, `/` of which is answered; fetched once and never installed. */
export function preparePackages(kernel: Pick<LabKernel, 'folder'>, packages: readonly string[]): string {
  const id = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 16);
  const folder = join(kernel.folder, '..', `programs-${id}`);
  if (!existsSync(join(folder, 'ready'))) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    runFetching('apt-get', ['download', '--quiet', ...packages], folder);
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.deb'))) {
      run('dpkg', ['-x', name, 'root'], folder);
      rmSync(join(folder, name));
    }
    writeFileSync(join(folder, 'ready'), '');
  }
  return join(folder, 'root');
}

/** Programs of Debian with the libraries that they need, by their paths in a machine. */
export function preparePrograms(
  kernel: Pick<LabKernel, 'folder'>,
  packages: readonly string[],
  programs: readonly string[],
): Record<string, Uint8Array> {
  const root = preparePackages(kernel, packages);
  const libraries = ['usr/lib', 'lib'].map((top) => join(root, top, 'x86_64-linux-gnu')).join(':');
  const files: Record<string, Uint8Array> = {};
  for (const program of programs) {
    const found = ['usr/sbin', 'sbin', 'usr/bin', 'bin']
      .flatMap((place) => [join(root, place, program), join('/', place, program)])
      .find((path) => existsSync(path));
    if (found === undefined) throw new Error(`no package brings ${program}`);
    files[join('usr/sbin', program)] = readFileSync(found);
    const { stdout } = spawnSync('ldd', [found], {
      encoding: 'utf8',
      env: { ...process.env, LD_LIBRARY_PATH: libraries },
    });
    for (const [, wanted = '', path = ''] of stdout.matchAll(/(\S+) => (\/\S+) \(0x/g))
      files[join('lib/x86_64-linux-gnu', wanted)] ??= readFileSync(path);
    const [, loader] = /^\s*(\/lib64\/\S+) \(0x/m.exec(stdout) ?? [];
    if (loader !== undefined) files[loader.slice(1)] ??= readFileSync(loader);
  }
  return files;
}

/** Modules of the kernel with all that they need, by their paths in a machine. */
export function prepareModules(kernel: LabKernel, names: readonly string[]): Record<string, Uint8Array> {
  const base = join(kernel.folder, 'kernel');
  const top = join(base, 'lib', 'modules', kernel.release);
  if (!existsSync(join(top, 'modules.dep'))) run('depmod', ['-b', base, kernel.release]);
  const needs = new Map(
    readFileSync(join(top, 'modules.dep'), 'utf8')
      .split('\n')
      .map((line) => {
        const [path = '', rest = ''] = line.split(':');
        return [basename(path, '.ko').replaceAll('_', '-'), [path, ...rest.trim().split(' ').filter(Boolean)]] as const;
      }),
  );
  const paths = new Set(names.flatMap((name) => needs.get(name.replaceAll('_', '-')) ?? []));
  const files = Object.fromEntries(
    [...paths].map((path) => [`lib/modules/${kernel.release}/${path}`, readFileSync(join(top, path))]),
  );
  const builtIn = ['modules.builtin', 'modules.order'].filter((name) => existsSync(join(top, name)));
  for (const name of builtIn) files[`lib/modules/${kernel.release}/${name}`] = readFileSync(join(top, name));
  return files;
}

/** Builds the modules of modules/ for a kernel, once for each content; answers the folder with the .ko files. */
export function buildModules(kernel: LabKernel): string {
  const sources = readdirSync(SOURCES)
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const hash = createHash('sha256');
  for (const name of sources) hash.update(`${name}\n`).update(readFileSync(join(SOURCES, name)));
  const folder = join(kernel.folder, `modules-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(join(folder, 'ready'))) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of sources) copyFileSync(join(SOURCES, name), join(folder, name));
  const objects = sources.filter((name) => name.endsWith('.c')).map((name) => name.replace(/c$/, 'o'));
  writeFileSync(join(folder, 'Makefile'), `obj-m := ${objects.join(' ')}\n`);
  run('make', ['-C', kernel.build, `M=${folder}`, 'modules'], folder);
  writeFileSync(join(folder, 'ready'), '');
  return folder;
}

/**
 * Builds a program such as guard.c, which loads the sensor's programs where there is no Node, once for each content.
 * @returns the path of the program, or null where libbpf's archive or what it needs is not installed
 */
export function buildGuard(kernel: LabKernel, source: 'guard' | 'shut' | 'reader' = 'guard'): string | null {
  const path = join(import.meta.dirname, `${source}.c`);
  const name = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
  const program = join(kernel.folder, `${source}-${name}`);
  if (existsSync(program)) return program;
  const libraries = ['-l:libbpf.a', '-l:libelf.a', '-l:libz.a'];
  const made = spawnSync('gcc-12', ['-static', '-O2', path, '-o', `${program}.new`, ...libraries]);
  if (made.status !== 0) return null;
  renameSync(`${program}.new`, program);
  return program;
}

export interface Answer {
  readonly code: number;
  readonly output: string;
}

/** A running virtual machine that does what it is told over a serial line. */
export class LabMachine {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #log: Buffer[];
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #socket: Socket | null = null;
  #rest = '';
  #next = 1;

  private constructor(child: ChildProcess, folder: string, log: Buffer[]) {
    this.#child = child;
    this.#folder = folder;
    this.#log = log;
  }

  /**
   * Boots a kernel with the files given, by their path in it.
   *
   * @param options.append more of the boot line, such as 'lockdown=integrity'
   */
  static async boot(
    kernel: Pick<LabKernel, 'image'>,
    options: {
      readonly files?: Readonly<Record<string, Uint8Array>>;
      readonly append?: string;
      readonly memoryMb?: number;
      /** It reaches servers on this machine's loopback as 10.0.2.2 (its own address is to be 10.0.2.15/24, on eth0). */
      readonly network?: boolean;
    } = {},
  ): Promise<LabMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'darsena-lab-'));
    const root = join(folder, 'root');
    for (const name of ['bin', 'proc', 'sys', 'dev', 'm', 'var/lib', 'tmp'])
      mkdirSync(join(root, name), { recursive: true });
    copyFileSync('/bin/busybox', join(root, 'bin', 'busybox'));
    copyFileSync(INIT, join(root, 'init'));
    copyFileSync(LISTEN, join(root, 'listen.sh'));
    for (const [path, bytes] of Object.entries(options.files ?? {})) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), bytes);
    }
    const image = join(folder, 'root.gz');
    run('sh', ['-c', `chmod +x init && find . | cpio --quiet -o -H newc | gzip -1 > "${image}"`], root);
    return await LabMachine.#start(kernel, folder, {
      memoryMb: options.memoryMb ?? 320,
      network: options.network === true,
      devices: ['-initrd', image],
      append: options.append ?? '',
      bootMs: BOOT_MS,
    });
  }

  /**
   * Boots a kernel from a disk of prepareDebian, with one beside it for what a test brings. What is written to them is gone
   * with the machine.
   */
  static async bootDisk(
    kernel: Pick<LabKernel, 'image'>,
    options: { readonly root: string; readonly files: string; readonly memoryMb: number },
  ): Promise<LabMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'darsena-lab-'));
    const disks = [options.root, options.files].flatMap((file, index) => [
      ...['-drive', `file=${file},format=raw,if=none,id=d${index},snapshot=on,cache=unsafe`],
      ...['-device', `nvme,drive=d${index},serial=lab${index}`],
    ]);
    return await LabMachine.#start(kernel, folder, {
      memoryMb: options.memoryMb,
      network: true,
      // Its clock goes by what it has done: a busy machine makes it slower, and nothing in it comes too late for that.
      devices: ['-icount', 'shift=1,sleep=on', '-device', 'virtio-rng-pci', ...disks],
      append: 'root=/dev/nvme0n1 rw net.ifnames=0',
      bootMs: BOOT_DISK_MS,
    });
  }

  static async #start(
    kernel: Pick<LabKernel, 'image'>,
    folder: string,
    options: {
      readonly memoryMb: number;
      readonly network: boolean;
      readonly devices: readonly string[];
      readonly append: string;
      readonly bootMs: number;
    },
  ): Promise<LabMachine> {
    const socket = join(folder, 'serial.sock');
    const child = spawn(
      'qemu-system-x86_64',
      [
        ...[
          '-accel',
          'tcg',
          '-cpu',
          'max',
          '-m',
          String(options.memoryMb),
          '-nodefaults',
          '-display',
          'none',
          '-no-reboot',
        ],
        ...['-serial', 'stdio', '-chardev', `socket,id=s1,path=${socket},server=on,wait=off`, '-serial', 'chardev:s1'],
        ...(options.network ? ['-netdev', 'user,id=n0', '-device', 'virtio-net-pci,netdev=n0,romfile='] : []),
        ...['-kernel', kernel.image, ...options.devices],
        // A busy machine emulates the timer so slowly that the kernel's look at it fails.
        ...['-append', `console=ttyS0 quiet panic=-1 no_timer_check ${options.append}`.trim()],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const log: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => log.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => log.push(chunk));
    const machine = new LabMachine(child, folder, log);
    try {
      await machine.#open(socket, options.bootMs);
    } catch (error) {
      await machine.off();
      throw error;
    }
    return machine;
  }

  /** What the kernel and init wrote. */
  get console(): string {
    return Buffer.concat(this.#log).toString('latin1');
  }

  /** Runs a shell script in the machine. @throws Error when it does not answer in time */
  async run(script: string, timeoutMs = COMMAND_MS): Promise<Answer> {
    const id = this.#next++;
    const answered = new Promise<Answer>((done) => this.#waiting.set(id, done));
    this.#socket?.write(`${id} ${Buffer.from(script).toString('base64')}\n`);
    const late = sleep(timeoutMs, null, { ref: false });
    const answer = await Promise.race([answered, late]);
    if (answer === null)
      throw new Error(`the virtual machine did not answer: ${script.slice(0, 200)}\n${this.console.slice(-2_000)}`);
    return answer;
  }

  /** Puts a file into the machine, in pieces that a line of its terminal takes. */
  async put(path: string, bytes: Uint8Array): Promise<void> {
    const text = Buffer.from(bytes).toString('base64');
    const folder = `mkdir -p "$(dirname "${path}")"`;
    if (text.length <= LINE_MAX) {
      await this.run(`${folder}; printf %s "${text}" | base64 -d > "${path}.new" && mv "${path}.new" "${path}"`);
      return;
    }
    const part = `${path}.b64`;
    await this.run(`${folder}; : > "${part}"`);
    for (let at = 0; at < text.length; at += LINE_MAX)
      await this.run(`printf %s "${text.slice(at, at + LINE_MAX)}" >> "${part}"`);
    await this.run(`base64 -d < "${part}" > "${path}.new" && mv "${path}.new" "${path}"; rm -f "${part}"`);
  }

  /** Ends it at once, as a loss of power would. */
  async off(): Promise<void> {
    this.#socket?.destroy();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((done) => this.#child.once('exit', done));
      this.#child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #open(path: string, bootMs: number): Promise<void> {
    const end = Date.now() + bootMs;
    const ready = Promise.withResolvers<void>();
    while (this.#socket === null) {
      if (Date.now() > end || this.#child.exitCode !== null)
        throw new Error(`the virtual machine did not start\n${this.console.slice(-2_000)}`);
      const socket = connect(path);
      const isOpen = await new Promise<boolean>((done) => {
        socket.once('connect', () => done(true));
        socket.once('error', () => done(false));
      });
      if (isOpen) this.#socket = socket;
      else await sleep(20);
    }
    this.#socket.on('error', () => ready.reject(new Error('the serial line broke')));
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1'), ready.resolve));
    const late = sleep(bootMs, 'late', { ref: false });
    if ((await Promise.race([ready.promise, late])) === 'late')
      throw new Error(`the virtual machine did not boot\n${this.console.slice(-2_000)}`);
  }

  #take(text: string, ready: () => void): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [id = '', code = '', output = ''] = line.trim().split(' ');
      if (id === 'READY') ready();
      const waiting = this.#waiting.get(Number(id));
      if (waiting === undefined) continue;
      this.#waiting.delete(Number(id));
      waiting({ code: Number(code), output: Buffer.from(output, 'base64').toString('utf8') });
    }
  }
}

/** What was to be fetched cannot be: the mirror is away, or does not have it. Nothing of ours is wrong. */
export class MirrorAway extends Error {}

/** What apt(8) says of a mirror; a package that it does not know, or packages that do not fit together, are none of these. */
const AWAY =
  /Failed to fetch|Could not (?:resolve|connect)|Temporary failure|Connection (?:refused|reset|timed out|failed)|Network is unreachable|does not have a Release file|Hash Sum mismatch|unexpected size|Unable to connect/;

export function isMirrorAway(words: string): boolean {
  return AWAY.test(words);
}

/** Runs what fetches from the mirror. @throws MirrorAway, or Error with what it said */
export function runFetching(file: string, args: readonly string[], cwd?: string): string {
  try {
    return run(file, args, cwd);
  } catch (error) {
    const { message } = error as Error;
    throw isMirrorAway(message) ? new MirrorAway(message) : error;
  }
}

/** @throws Error with what it said */
export function run(file: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${file} ${args.slice(0, 3).join(' ')} failed: ${stderr.slice(-4_000)}`);
  return stdout;
}

/**
 * Where builds happen: an ordinary user's own folders, and children that die with whoever started them. What buildah is
 * configured with lies in folders that user can read and not change.
 */
import { constants } from 'node:fs';
import { chmod, chown, type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { commandFault, runCommand, startChild, writeFileAtomic } from '../system/index.ts';
import { buildFault } from './errors.ts';
import { BUILD_FILES_MAX, BUILD_OUTPUT_BYTES_MAX, BUILD_PROCESSES_MAX } from './limits.ts';
import type { BuildRegistry } from './registry-client.ts';

/** The ordinary user who builds; in rootless mode the platform's own. Needs ranges in /etc/subuid and /etc/subgid. */
export interface BuildUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Folders of one instance's builds. They may lie anywhere whose parents that user may traverse. */
export interface BuildPaths {
  /** Sources and configuration of running builds; swept at start. */
  readonly work: string;
  /** The user's home, layer cache and temporary files; survives. */
  readonly home: string;
  /** XDG_RUNTIME_DIR of the builds; gone after a reboot. */
  readonly run: string;
}

/** The OCI run-time of build steps: `crun` where cgroup v2 rules alone, otherwise `runc`. */
export type BuildRuntime = 'runc' | 'crun';

export interface ChildOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface Desk {
  /** Readable by the build user, writable by the platform only. */
  readonly folder: string;
  /** The build user's own. */
  readonly source: string;
  readonly output: string;
}

/** What folders of secrets begin with, each with the id of its build behind. */
const SECRETS = 'secrets-';

export class Workshop {
  readonly user: BuildUser;
  readonly paths: BuildPaths;
  readonly runtime: BuildRuntime;

  constructor(user: BuildUser, paths: BuildPaths, runtime: BuildRuntime) {
    this.user = user;
    this.paths = paths;
    this.runtime = runtime;
  }

  /** Makes the folders, and removes what interrupted builds left: desks, working containers. Call once, before builds. */
  async open(): Promise<void> {
    const { name } = this.user;
    await mkdir(this.paths.work, { recursive: true, mode: 0o711 });
    await chmod(this.paths.work, 0o711);
    // mmdebstrap works in tmp under ids of the user's range, which are other users to the kernel: they may pass through.
    const folders = [
      { path: this.paths.home, mode: 0o711 },
      { path: join(this.paths.home, 'tmp'), mode: 0o711 },
      { path: join(this.paths.home, 'storage'), mode: 0o700 },
      { path: this.paths.run, mode: 0o700 },
    ];
    for (const path of [this.paths.home, this.paths.run]) await mkdir(dirname(path), { recursive: true });
    for (const { path, mode } of folders) await (await this.#ownFolder(path, mode)).close();
    await this.#checkRanges();
    for (const entry of await readdir(this.paths.work)) await this.#remove(join(this.paths.work, entry));
    for (const entry of await readdir(this.paths.run))
      if (entry.startsWith(SECRETS)) await this.#removeAsUser(join(this.paths.run, entry));
    const { code, stderr } = await this.run('buildah', [...this.storage(), 'rm', '--all'], { timeoutMs: 60_000 });
    if (code !== 0) throw buildFault('build.user-unfit', { user: name, reason: lastLine(stderr) });
  }

  /** Whether a build that was cut off left something. */
  async hasLeft(): Promise<boolean> {
    const folders = [this.paths.work, this.paths.run];
    const [desks = [], others = []] = await Promise.all(folders.map((path) => readdir(path).catch(() => [])));
    return desks.length > 0 || others.some((entry) => entry.startsWith(SECRETS));
  }

  /** A fresh place for one build; `close` removes all of it. */
  async desk(id: string): Promise<Desk & { close(): Promise<void> }> {
    const { uid, gid } = this.user;
    const folder = join(this.paths.work, id);
    await mkdir(folder, { mode: 0o750 });
    await chown(folder, process.geteuid?.() ?? uid, gid);
    const made = { folder, source: join(folder, 'source'), output: join(folder, 'output') };
    for (const own of [made.source, made.output]) {
      await mkdir(own, { mode: 0o700 });
      await chown(own, uid, gid);
    }
    return {
      ...made,
      close: async () => {
        await this.#removeAsUser(this.#secretsOf(made));
        await this.#remove(folder);
      },
    };
  }

  /** Where only the build user reads it, in memory where the system's run folder is: it goes with the desk. */
  async putSecret(desk: Desk, id: string, value: Uint8Array): Promise<string> {
    const folder = this.#secretsOf(desk);
    const held = await this.#ownFolder(folder, 0o700);
    try {
      // In the folder that is open, whatever stands under its name by now; a link in the place of the file is refused.
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const file = await open(`/proc/self/fd/${held.fd}/${basename(id)}`, flags, 0o400);
      try {
        await file.writeFile(value);
        await file.chown(this.user.uid, this.user.gid);
      } finally {
        await file.close();
      }
    } finally {
      await held.close();
    }
    return join(folder, basename(id));
  }

  /** Where buildah keeps what `RUN --mount=type=cache` asks for: what a build leaves there reaches builds of its project only. */
  async temporaryOf(project: string): Promise<string> {
    const path = join(this.paths.home, 'tmp', `project-${project}`);
    const { code, stderr } = await this.run('mkdir', ['--parents', '--mode=0711', '--', path], { timeoutMs: 10_000 });
    if (code !== 0) throw buildFault('build.user-unfit', { user: this.user.name, reason: lastLine(stderr) });
    return path;
  }

  /**
   * A folder of the build user, made or taken over, and held open. Its parent may be the user's too, who could put a link in
   * its place at any instant: no link is followed, and what is changed is the open folder.
   */
  async #ownFolder(path: string, mode: number): Promise<FileHandle> {
    await mkdir(path, { mode }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await folder.chown(this.user.uid, this.user.gid);
      await folder.chmod(mode);
      return folder;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /** Removes what lies in a folder of the build user, with no more rights than it has. */
  async #removeAsUser(path: string): Promise<void> {
    const words = ['--recursive', '--force', '--one-file-system', '--', path];
    const { code, stderr } = await this.run('rm', words, { timeoutMs: 60_000 });
    if (code !== 0) throw buildFault('build.user-unfit', { user: this.user.name, reason: lastLine(stderr) });
  }

  #secretsOf(desk: Desk): string {
    return join(this.paths.run, `${SECRETS}${basename(desk.folder)}`);
  }

  /** Puts a file on the desk that the build user reads and nobody else. */
  async put(desk: Desk, name: string, text: string): Promise<string> {
    const path = join(desk.folder, name);
    await writeFileAtomic(path, text, { mode: 0o400, owner: { uid: this.user.uid, gid: this.user.gid } });
    return path;
  }

  /** Puts inline files of a Containerfile beside the source, where no list of what is ignored speaks of them. */
  async putInline(desk: Desk, files: readonly { readonly path: string; readonly text: string }[]): Promise<string> {
    const folder = join(desk.folder, 'inline');
    const owner = { uid: this.user.uid, gid: this.user.gid };
    // The build user reads these folders and does not change them, so that nothing of its own leads a file elsewhere.
    for (const at of [folder, ...new Set(files.map(({ path }) => join(folder, dirname(path))))]) {
      await mkdir(at, { recursive: true, mode: 0o750 });
      await chown(at, process.geteuid?.() ?? owner.uid, owner.gid);
    }
    for (const { path, text } of files) await writeFileAtomic(join(folder, path), text, { mode: 0o444, owner });
    return folder;
  }

  /**
   * Global options of every buildah command: this instance's own store, nobody else's configuration.
   * @param desk with it, a store of its own, which goes with the desk
   */
  storage(desk?: Desk): string[] {
    const root = desk === undefined ? join(this.paths.home, 'storage') : join(desk.output, 'store');
    const run = desk === undefined ? join(this.paths.run, 'storage') : join(desk.output, 'store-run');
    return ['--storage-driver', 'overlay', '--root', root, '--runroot', run];
  }

  /** Writes what buildah must know: one registry and nothing else, in a folder of the desk. */
  async configure(desk: Desk, registry: BuildRegistry): Promise<{ env: Record<string, string> }> {
    const certificates = join(desk.folder, 'certs');
    await mkdir(certificates, { mode: 0o750 });
    await chown(certificates, process.geteuid?.() ?? this.user.uid, this.user.gid);
    await writeFileAtomic(join(certificates, 'ca.crt'), registry.caPem, { mode: 0o444 });
    const accept = [{ type: 'insecureAcceptAnything' }];
    // Signatures are verified by the platform before a start; here the policy only says which registries exist at all.
    const policy = {
      default: [{ type: 'reject' }],
      transports: {
        'containers-storage': { '': accept },
        docker: { [registry.address]: accept, [registry.name]: accept },
      },
    };
    const registries =
      'unqualified-search-registries = []\nshort-name-mode = "enforcing"\n' +
      `[[registry]]\nprefix = ${JSON.stringify(registry.name)}\nlocation = ${JSON.stringify(registry.address)}\n`;
    const engine = `[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "${this.runtime}"\n`;
    await this.put(desk, 'policy.json', JSON.stringify(policy));
    const env: Record<string, string> = {
      CONTAINERS_REGISTRIES_CONF: await this.put(desk, 'registries.conf', registries),
      CONTAINERS_CONF: await this.put(desk, 'containers.conf', engine),
      REGISTRY_AUTH_FILE: await this.put(desk, 'auth.json', JSON.stringify(authFile(registry))),
    };
    return { env };
  }

  /**
   * Runs a program as the build user. It is killed when this process dies, whatever the reason
   * (prctl(2) PR_SET_PDEATHSIG), and with all of its process group at a time-out or abort.
   */
  run(
    file: string,
    args: readonly string[],
    options: ChildOptions,
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    return runCommand('setpriv', ['--pdeathsig', 'KILL', '--', file, ...args], {
      ...this.#identity(),
      cwd: options.cwd ?? this.paths.home,
      env: this.#environment(options.env),
      timeoutMs: options.timeoutMs,
      maxOutputBytes: BUILD_OUTPUT_BYTES_MAX,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
  }

  /**
   * Runs a program as root of a user namespace and as first process of a process namespace: when it is killed the kernel
   * ends every process a build step left behind, also those that made a session of their own.
   */
  runEnclosed(
    file: string,
    args: readonly string[],
    options: ChildOptions,
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    return this.run(
      'buildah',
      [
        ...this.storage(),
        'unshare',
        '--',
        'setpriv',
        '--pdeathsig',
        'KILL',
        '--',
        'unshare',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        '--',
        'prlimit',
        `--nproc=${BUILD_PROCESSES_MAX}`,
        `--nofile=${BUILD_FILES_MAX}`,
        '--core=0',
        '--',
        file,
        ...args,
      ],
      options,
    );
  }

  /** Feeds a stream to a program run as the build user. @throws Fault build.source-refused when the program fails */
  async feed(
    file: string,
    args: readonly string[],
    input: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<void> {
    const child = startChild('setpriv', ['--pdeathsig', 'KILL', '--', file, ...args], {
      ...this.#identity(),
      cwd: this.paths.home,
      env: this.#environment(),
      stdio: ['pipe', 'ignore', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString('utf8')).slice(-2000);
    });
    child.stdin.on('error', () => undefined);
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
    ended.catch(() => undefined);
    try {
      for await (const chunk of input) {
        if (!child.stdin.write(chunk)) {
          await Promise.race([new Promise((resolve) => child.stdin.once('drain', resolve)), ended]);
        }
        if (child.exitCode !== null) break;
      }
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    child.stdin.end();
    if ((await ended) !== 0) throw buildFault('build.source-refused', { reason: lastLine(complaint) });
  }

  /** The bytes of a file as the build user may read them: a link out of its folders gains nobody anything. */
  async *read(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const child = startChild('cat', ['--', path], {
      ...this.#identity(),
      cwd: this.paths.home,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'ignore'],
      ...(signal === undefined ? {} : { signal }),
    });
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
    ended.catch(() => undefined);
    try {
      for await (const chunk of child.stdout) yield chunk as Buffer;
      if ((await ended) !== 0) throw commandFault('system.command-missing', { file: path });
    } finally {
      child.kill('SIGKILL');
    }
  }

  /** The platform itself runs as the build user: its folders may lie in a home that is closed to everybody else. */
  get rootless(): boolean {
    return process.geteuid?.() !== 0;
  }

  #identity(): { uid?: number; gid?: number } {
    return this.rootless ? {} : { uid: this.user.uid, gid: this.user.gid };
  }

  #environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      HOME: this.paths.home,
      USER: this.user.name,
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LANG: 'C.UTF-8',
      TMPDIR: join(this.paths.home, 'tmp'),
      XDG_RUNTIME_DIR: this.paths.run,
      BUILDAH_RUNTIME: this.runtime,
      ...more,
    };
  }

  async #checkRanges(): Promise<void> {
    const { name, uid } = this.user;
    for (const file of ['/etc/subuid', '/etc/subgid']) {
      const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
      const count = lines
        .map((line) => line.split(':'))
        .filter(([owner]) => owner === name || owner === String(uid))
        .reduce((sum, [, , size]) => sum + Number(size ?? 0), 0);
      if (count < 65_536) {
        throw buildFault('build.user-unfit', { user: name, reason: `${file} gives it ${count} ids, 65536 are needed` });
      }
    }
  }

  /** Layers hold files of other ids of the user's range; only inside its user namespace may they be removed. */
  async #remove(path: string): Promise<void> {
    await this.run(
      'buildah',
      [
        ...this.storage(),
        'unshare',
        '--',
        'rm',
        '-rf',
        '--one-file-system',
        '--',
        join(path, 'source'),
        join(path, 'output'),
      ],
      {
        timeoutMs: 120_000,
      },
    );
    // What is still there may be the user's, who could put a link on the way meanwhile: rm(1) walks from open folders.
    const words = ['--recursive', '--force', '--one-file-system', '--', path];
    const { code, stderr } = await runCommand('rm', words, { timeoutMs: 120_000 });
    if (code !== 0) throw buildFault('build.user-unfit', { user: this.user.name, reason: lastLine(stderr) });
  }
}

function authFile(registry: BuildRegistry): object {
  if (registry.credentials === null) return { auths: {} };
  const auth = Buffer.from(`${registry.credentials.username}:${registry.credentials.password}`).toString('base64');
  return { auths: { [registry.address]: { auth }, [registry.name]: { auth } } };
}

export function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  return (lines.at(-1) ?? '').slice(0, 500) || 'no reason was given';
}

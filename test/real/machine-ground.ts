import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../src/system/index.ts';
import { eventually, exists, FaultGround, missingPart } from './faults-ground.ts';

/**
 * An instance on what is a machine of its own as far as processes, mounts, shared memory, networks and Podman's storage go:
 * its power can be cut, whatever else runs beside it. Kernel and accounts are those of the machine around it.
 */
export class MachineGround extends FaultGround {
  #outer: ChildProcess | null = null;
  #init = 0;
  #number = 0;
  readonly #containers = new Set<string>();
  /** The wire to it is not its loopback. */
  override readonly upOptions = ['--listen', 'all'];

  /** Its address in the network that leads to it. */
  get address(): string {
    return `10.249.${this.#number}.2`;
  }

  static async missing(): Promise<string | false> {
    const missing = await missingPart();
    if (missing !== false) return missing;
    for (const program of ['unshare', 'nsenter', 'ip', 'catatonit']) {
      const found = await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 });
      if (found.code !== 0) return `needs ${program}`;
    }
    const spaces = ['--mount', '--pid', '--net', '--ipc', '--fork', 'true'];
    const made = await runCommand('unshare', spaces, { timeoutMs: 30_000 });
    return made.code === 0 ? false : `this machine makes no namespaces: ${made.stderr.trim()}`;
  }

  /** Where the machine is kept while it is off: Podman's storage and networks. */
  get #disk(): string {
    return join(this.home, 'disk');
  }

  override async prepare(): Promise<void> {
    await mkdir(join(this.#disk, 'containers'), { recursive: true });
    await cp('/etc/containers', join(this.#disk, 'etc'), { recursive: true }).catch(() => undefined);
    await rm(join(this.#disk, 'etc', 'networks'), { recursive: true, force: true });
    await mkdir(join(this.#disk, 'etc', 'networks'), { recursive: true });
    await writeFile(join(this.#disk, 'init.sh'), INIT);
    await this.powerOn();
  }

  /** What `up` starts at boot is not started by this: a machine with nothing but its first process. */
  async powerOn(): Promise<void> {
    const spaces = ['--mount', '--pid', '--net', '--ipc', '--fork', '--kill-child'];
    this.#outer = spawn('unshare', [...spaces, 'sh', join(this.#disk, 'init.sh'), this.#disk], { stdio: 'ignore' });
    const outer = this.#outer.pid ?? 0;
    this.#init = await eventually(
      async () => {
        const [child] = (await readFile(`/proc/${outer}/task/${outer}/children`, 'utf8')).trim().split(' ');
        const name = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '');
        return name.trim() === 'catatonit' ? Number(child) : 0;
      },
      (pid) => pid > 0,
      30_000,
    );
    await this.#connect();
  }

  /** Every process of the machine ends at this very instant, and what is not on its disk is gone. */
  async cutPower(): Promise<void> {
    const outer = this.#outer;
    if (outer === null) return;
    await this.#rememberContainers();
    const gone = once(outer, 'exit');
    process.kill(this.#init, 'SIGKILL');
    await this.#thaw();
    await gone;
    this.#outer = null;
    await runCommand('ip', ['link', 'del', this.#link], { timeoutMs: 30_000 });
    await this.#dropGroups();
  }

  override async close(): Promise<void> {
    // Still on, the machine purges its instance as any other would.
    if (this.#outer === null && this.home !== '' && (await exists(this.#disk))) await this.powerOn();
    if (await exists(this.files.description)) await this.darsena('down', '--purge', '--yes');
    await this.cutPower();
    await rm(this.home, { recursive: true, force: true });
  }

  protected override argv(program: string, args: readonly string[]): [string, readonly string[]] {
    return ['nsenter', ['--target', String(this.#init), '--mount', '--pid', '--net', '--ipc', '--', program, ...args]];
  }

  /** Ends a supervised program of the instance together with the shell that would start it again. */
  async killForGood(programs: readonly string[]): Promise<void> {
    const pids: string[] = [];
    for (const program of programs) {
      for (const kind of ['supervisor', 'pid']) {
        const file = join(`/proc/${this.#init}/root`, this.files.supervisors, `${program}.${kind}`);
        const pid = (await readFile(file, 'utf8').catch(() => '')).split(' ')[0] ?? '';
        if (/^\d+$/.test(pid)) pids.push(pid);
      }
    }
    const [program, args] = this.argv('/bin/busybox', ['kill', '-KILL', ...pids]);
    await runCommand(program, args, { timeoutMs: 30_000 });
  }

  get #link(): string {
    return `dzm${this.#number}`;
  }

  /** A wire to the machine; another one after each start, as the far end went with the machine. */
  async #connect(): Promise<void> {
    const ip = async (...args: string[]): Promise<boolean> =>
      (await runCommand('ip', args, { timeoutMs: 30_000 })).code === 0;
    const far = ['name', 'eth0', 'netns', String(this.#init)];
    const made = async (): Promise<boolean> => ip('link', 'add', this.#link, 'type', 'veth', 'peer', ...far);
    // The number stays when the machine starts again: clients know its address.
    if (this.#number === 0 || !(await made())) {
      do this.#number += 1;
      while (this.#number < 250 && !(await made()));
    }
    const inside = async (...args: string[]): Promise<void> => {
      const [program, all] = this.argv('ip', args);
      const { code, stderr } = await runCommand(program, all, { timeoutMs: 30_000 });
      assert.equal(code, 0, stderr);
    };
    assert.ok(await ip('addr', 'add', `10.249.${this.#number}.1/30`, 'dev', this.#link), 'the wire has no address');
    assert.ok(await ip('link', 'set', this.#link, 'up'), 'the wire is not up');
    await inside('addr', 'add', `${this.address}/30`, 'dev', 'eth0');
    await inside('link', 'set', 'eth0', 'up');
    await inside('route', 'add', 'default', 'via', `10.249.${this.#number}.1`);
  }

  async #rememberContainers(): Promise<void> {
    const folder = join(this.#disk, 'containers', 'storage', 'overlay-containers');
    for (const name of await readdir(folder).catch(() => []))
      if (/^[0-9a-f]{64}$/.test(name)) this.#containers.add(name);
  }

  /** In groups of version 1 what is frozen ends only when it goes on; no power is a stronger word. */
  async #thaw(): Promise<void> {
    const { stdout } = await runCommand('find', ['/sys/fs/cgroup', '-name', 'freezer.state', '-path', '*libpod*'], {
      timeoutMs: 60_000,
    });
    for (const path of stdout.split('\n'))
      if ([...this.#containers].some((id) => path.includes(id))) await writeFile(path, 'THAWED').catch(() => undefined);
  }

  /** Control groups are the kernel's, which did not start anew: they are empty now, and would stay for good. */
  async #dropGroups(): Promise<void> {
    if (this.#containers.size === 0) return;
    const { stdout } = await runCommand('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', '*libpod*'], {
      timeoutMs: 60_000,
    });
    for (const path of stdout.split('\n'))
      if ([...this.#containers].some((id) => path.includes(id))) await rmdir(path).catch(() => undefined);
    this.#containers.clear();
  }
}

const INIT = `set -e
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /var/lib/containers /etc/containers
mount --bind "$1/containers" /var/lib/containers
mount --bind "$1/etc" /etc/containers
ip link set lo up
exec catatonit -P
`;

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Instance,
  type InstanceFiles,
  instanceFiles,
  instanceFolders,
  readInstance,
} from '../../src/programs/setup/instance.ts';
import { listProcesses, readPidFile } from '../../src/programs/setup/processes.ts';
import { ROLES, userName } from '../../src/programs/setup/users.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why the fault tests cannot run here, or false. */
export async function missingPart(): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'needs root';
  for (const program of ['podman', 'haproxy', 'buildah', 'skopeo', 'setpriv', 'curl', 'busybox']) {
    const found = await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 });
    if (found.code !== 0) return `needs ${program}`;
  }
  // It becomes the only file of an image.
  const linked = await runCommand('sh', ['-c', 'ldd "$(command -v busybox)" 2>&1'], { timeoutMs: 30_000 });
  return /not a dynamic executable|statically linked/.test(linked.stdout) ? false : 'needs busybox-static';
}

/** One instance of a test file's own, and a small project without a base image that is built in a second. */
export class FaultGround {
  readonly name = `f${randomBytes(4).toString('hex')}`;
  readonly files: InstanceFiles = instanceFiles(instanceFolders(this.name, 'root'));
  home = '';
  project = '';
  instance!: Instance;
  /** What else the first `up` is told. */
  readonly upOptions: readonly string[] = [];

  /** Before anything is asked of the machine. */
  async prepare(): Promise<void> {
    // The machine around it is ready.
  }

  /** How a program is started on the machine of the instance. */
  protected argv(program: string, args: readonly string[]): [string, readonly string[]] {
    return [program, args];
  }

  async open(): Promise<void> {
    this.home = await mkdtemp(join(tmpdir(), 'darsena-faults-'));
    this.project = join(this.home, 'mini');
    await writeProject(this.project, this.name);
    await this.prepare();
    const { code, stderr } = await this.darsena('up', '--yes', '--json', ...this.upOptions);
    assert.equal(code, 0, stderr);
    const found = await readInstance(this.files.description);
    assert.ok(found !== null);
    this.instance = found;
  }

  async close(): Promise<void> {
    const there = await exists(this.files.description);
    if (there) await this.darsena('down', '--purge', '--yes');
    await rm(this.home, { recursive: true, force: true });
  }

  darsena(...args: string[]): Promise<Outcome> {
    return this.darsenaWith({}, ...args);
  }

  async darsenaWith(environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome> {
    const [program, all] = this.argv(join(ROOT, 'darsena'), [...args, '--instance', this.name]);
    return runCommand(program, all, {
      timeoutMs: 300_000,
      cwd: '/',
      env: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: this.home,
        LANG: 'C.UTF-8',
        ...environment,
      },
    });
  }

  /** Runs a command in a workload; all that follows the dashes is the command's. */
  exec(workload: string, ...command: string[]): Promise<Outcome> {
    return runCommand(join(ROOT, 'darsena'), ['exec', workload, '--', ...command], {
      timeoutMs: 120_000,
      cwd: '/',
      env: {
        PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
        ...{ HOME: this.home, LANG: 'C.UTF-8', DARSENA_INSTANCE: this.name },
      },
    });
  }

  /** Deploys the project as it stands, or with other content in it. */
  async deploy(environment = 'dev'): Promise<Outcome> {
    return this.darsena('deploy', this.project, '--env', environment);
  }

  async deploys(): Promise<void> {
    const { code, stderr, stdout } = await this.deploy();
    assert.equal(code, 0, `${stdout}\n${stderr}`);
  }

  /** New content: the next deploy is a release of its own with an image of its own. */
  async change(content: string): Promise<void> {
    await writeFile(join(this.project, 'www', 'index.html'), content);
  }

  /** Writes another folder like the project with one file changed. */
  async variant(name: string, edits: Readonly<Record<string, (text: string) => string>>): Promise<string> {
    const folder = join(this.home, name);
    await writeProject(folder, this.name);
    for (const [path, edit] of Object.entries(edits)) {
      const file = join(folder, path);
      await writeFile(file, edit(await readFile(file, 'utf8')));
    }
    return folder;
  }

  /** What the edge answers for the project's address: status and body. */
  async get(environment = 'dev'): Promise<{ status: number; body: string }> {
    const host = `web-mini-${environment}.${this.instance.domain}`;
    const { stdout } = await runCommand(
      'curl',
      [
        ...['--silent', '--max-time', '5', '--cacert', this.files.ca],
        ...['--resolve', `${host}:${this.instance.ports.edgeHttps}:${this.instance.bind}`],
        ...['--write-out', '\n%{http_code}', `https://${host}:${this.instance.ports.edgeHttps}/`],
      ],
      { timeoutMs: 30_000 },
    );
    const lines = stdout.split('\n');
    return { status: Number(lines.pop()), body: lines.join('\n').trim() };
  }

  async podman(...args: string[]): Promise<string> {
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...this.instance.podman.environment };
    const { code, stdout, stderr } = await runCommand('podman', args, { timeoutMs: 60_000, env, cwd: '/' });
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  /** Running containers of the instance that are not a pod's own pause, by workload: `pid` of each. */
  async containers(): Promise<{ pod: string; pid: number }[]> {
    const text = await this.podman(
      'ps',
      '--pod',
      '--filter',
      `label=darsena.instance=${this.name}`,
      '--format',
      'json',
    );
    const found = JSON.parse(text) as { PodName: string; Pid: number; IsInfra: boolean }[];
    return found
      .filter(({ IsInfra }) => !IsInfra)
      .map(({ PodName, Pid }) => ({ pod: PodName, pid: Pid }))
      .sort((left, right) => left.pod.localeCompare(right.pod));
  }

  async pods(): Promise<string[]> {
    const filter = ['--filter', `label=darsena.instance=${this.name}`];
    const text = await this.podman('pod', 'ls', ...filter, '--format', '{{.Name}}');
    return text.split('\n').filter(Boolean).sort();
  }

  /** The pid of one of the instance's supervised programs. */
  async pid(program: string): Promise<number | null> {
    return (await readPidFile(join(this.files.supervisors, `${program}.pid`)))?.pid ?? null;
  }

  async kill(program: string): Promise<void> {
    const pid = await this.pid(program);
    if (pid !== null) process.kill(pid, 'SIGKILL');
  }

  /** The `podman system service` that listens on the instance's own socket. */
  async serviceOfPodman(): Promise<number> {
    for (const { id } of await listProcesses()) {
      const argv = (await readFile(`/proc/${id.pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      if (argv[1] === 'system' && argv.includes(`unix://${this.instance.podman.socket}`)) return id.pid;
    }
    throw new Error('the Podman service of the instance does not run');
  }

  async partState(part: string): Promise<string> {
    const { stdout } = await this.darsena('status', '--json');
    const status = JSON.parse(stdout) as { parts: { name: string; state: string }[] };
    return status.parts.find(({ name }) => name === part)?.state ?? 'unknown';
  }

  /** Everything a machine could still know of the instance. */
  async leftovers(): Promise<string[]> {
    const left: string[] = [];
    for (const path of [this.instance.data, this.instance.run, this.instance.logs]) {
      if (await exists(path)) left.push(path);
    }
    for (const file of ['/etc/passwd', '/etc/group', '/etc/subuid', '/etc/subgid']) {
      const text = await readFile(file, 'utf8');
      for (const role of ROLES) if (text.includes(`${userName(this.name, role)}:`)) left.push(`${file}: ${role}`);
    }
    if ((await readFile('/etc/hosts', 'utf8')).includes(this.name)) left.push('/etc/hosts');
    const filter = ['--filter', `label=darsena.instance=${this.name}`, '--quiet'];
    for (const verb of [
      ['pod', 'ls'],
      ['ps', '--all'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ]) {
      const { stdout } = await runCommand('podman', [...verb, ...filter], { timeoutMs: 30_000 });
      if (stdout.trim() !== '') left.push(`podman ${verb[0]}: ${stdout.trim()}`);
    }
    const users = new Set(Object.values(this.instance.users).map(({ uid }) => uid));
    users.delete(0);
    // An account that was removed leaves its number to whoever comes next, as another test may meanwhile.
    for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n'))
      users.delete(Number(line.split(':')[2] || 0));
    for (const { id, uid } of await listProcesses()) {
      const argv = (await readFile(`/proc/${id.pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
      if (argv !== '' && (users.has(uid) || argv.includes(`/${this.name}/`))) left.push(`process ${id.pid}: ${argv}`);
    }
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    if (mounts.includes(`/${this.name}/`)) left.push('mounts');
    return left;
  }
}

/** Asks again until the answer is as wanted; fails with the last answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (value: T) => boolean,
  withinMs: number,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    if (performance.now() > until) assert.fail(`after ${withinMs} ms: ${JSON.stringify(value)}`);
    await systemClock.sleep(50);
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** @param name of the instance; in a layer, so that no image of it is another instance's as well */
async function writeProject(folder: string, name: string): Promise<void> {
  await mkdir(join(folder, 'www'), { recursive: true });
  await mkdir(join(folder, 'kubernetes'), { recursive: true });
  const busybox = await runCommand('sh', ['-c', 'command -v busybox'], { timeoutMs: 30_000 });
  await copyFile(busybox.stdout.trim(), join(folder, 'busybox'));
  await writeFile(join(folder, 'www', 'index.html'), 'first\n');
  await writeFile(join(folder, 'www', 'instance'), name);
  await writeFile(join(folder, 'Containerfile'), CONTAINERFILE);
  await writeFile(join(folder, 'darsena.yaml'), PROJECT);
  await writeFile(join(folder, 'kubernetes', 'web.yaml'), MANIFEST);
}

const CONTAINERFILE = `FROM scratch
COPY busybox /bin/busybox
COPY www /www
USER 10001
EXPOSE 8080
ENTRYPOINT ["/bin/busybox"]
`;

const PROJECT = `project: mini
images:
  web: .
manifests: [kubernetes]
environments:
  dev:
    policy: dev
  prod:
    policy: prod
    class: production
`;

// Two replicas that serve, and one that keeps something in a volume. As first process of a container busybox hears no
// TERM, so the time to end is short.
const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001 }
      containers:
        - name: web
          image: mini/web
          args: [httpd, -f, -p, "8080", -h, /www]
          ports:
            - { name: http, containerPort: 8080 }
          readinessProbe:
            httpGet: { path: /, port: http }
            periodSeconds: 1
          resources:
            limits: { cpu: 250m, memory: 32Mi }
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: { app: web }
  ports:
    - { name: http, port: 8080, targetPort: http }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
    - http:
        paths:
          - path: /
            pathType: Prefix
            backend: { service: { name: web, port: { name: http } } }
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: store
spec:
  replicas: 1
  strategy: { type: Recreate }
  selector: { matchLabels: { app: store } }
  template:
    metadata:
      labels: { app: store }
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001 }
      containers:
        - name: store
          image: mini/web
          args: [sh, -c, "/bin/busybox date >> /data/starts; exec /bin/busybox sleep 1000000"]
          resources:
            limits: { cpu: 250m, memory: 32Mi }
          volumeMounts:
            - { name: data, mountPath: /data }
      volumes:
        - name: data
          persistentVolumeClaim: { claimName: data }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 16Mi } }
`;

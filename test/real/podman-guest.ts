import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodmanEngine } from '../../src/deploy/engines/local/index.ts';
import { checkConformance } from '../../src/deploy/engines/local/test-conformance.ts';
import { openHostEngine } from '../../src/programs/agent/host-engine.ts';
import { engineEnvironment } from '../../src/programs/agent/own-container.ts';
import { RootlessSockets } from '../../src/programs/agent/pod-sockets.ts';
import { planMachine } from '../../src/programs/setup/adaptations.ts';
import { currentMode, type Instance, instanceFolders } from '../../src/programs/setup/instance.ts';
import { detectMachine } from '../../src/programs/setup/machine.ts';
import { planPodman, writePodmanFiles } from '../../src/programs/setup/podman.ts';
import { runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { CASES, checkMatrix, seededCase } from './network-matrix.ts';
import { checkStorage } from './storage-guest.ts';

/**
 * What runs inside a machine with another Podman: that machine is looked at and Podman is set up as `darsena up` does it, its
 * service is started as the agent does it, and the suite of engines is run against it. Lines of JSON tell what came out.
 * Arguments: an archive of an image's files, and the capabilities wanted, or none for all; `storage` tries volumes instead, `matrix` who reaches whom under many network policies.
 */

const [archive = '', ...only] = process.argv.slice(2);
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

const name = 'guest';
const mode = currentMode();
const folders = instanceFolders(name, mode);
for (const folder of [folders.data, folders.run]) await mkdir(folder, { recursive: true, mode: 0o700 });
const machine = await detectMachine(folders.data);
const plan = planMachine(machine);
const podman = planPodman(folders, { mode, plan, registryPort: 1 });
await writePodmanFiles(podman, { registryAddress: '127.0.0.1:1', ca: '' });
say({ machine: { ...machine, adaptations: plan.adaptations.map(({ code }) => code) } });

// Images enter from our registry only; this one is brought in past that by a policy of its own.
const home = await mkdtemp(join(tmpdir(), 'home-'));
await mkdir(join(home, '.config', 'containers'), { recursive: true });
const open = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });
await writeFile(join(home, '.config', 'containers', 'policy.json'), open);
const command = async (...words: string[]): Promise<string> => {
  const env = { PATH: process.env['PATH'] ?? '', ...podman.files.environment, HOME: home };
  const { code, stdout, stderr } = await runCommand('podman', words, { env, timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`podman ${words.join(' ')}: ${stderr}`);
  return stdout.trim();
};
await command('import', '--change', 'ENV PATH=/bin', archive, 'localhost/busybox:test');
const digest = await command('image', 'inspect', '--format', '{{.Digest}}', 'localhost/busybox:test');

const port = { console: 0, agents: 0, edgeHttps: 0, edgeHttp: 0 };
const nobody = { name: 'nobody', uid: 65534, gid: 65534 };
const instance: Instance = {
  ...{ name, mode, prefix: name, version: '0', code: '/', ...folders, domain: 'example.test', ports: port, bind: '' },
  ...{ users: { control: nobody, build: nobody, edge: nobody }, runtime: plan.runtime, cgroup: machine.cgroup },
  ...{ sensor: false, adaptations: [], podman: podman.files, createdAt: '' },
};
const host = { instance, log: silentLog, clock: systemClock, tightenSeccomp: async () => null };
const opened = await openHostEngine(host);
const { engine } = opened;
try {
  const facts = await engine.facts();
  say({ facts });
  const folder = await mkdtemp(join(tmpdir(), 'guest-'));
  const ground = {
    ...{ engine, instance: name, image: `localhost/busybox@${digest}`, credentials: null, folder, runs: true },
    // As the agent has them.
    ...(mode === 'rootless' ? { sockets: new RootlessSockets(engineEnvironment(instance)) } : {}),
    reopen: () => new PodmanEngine({ socketPath: podman.files.socket, instance: name }),
  };
  const report = (key: string, ms: number): void => say({ key, ms: Math.round(ms) });
  if (only.includes('storage')) {
    const env = { PATH: process.env['PATH'] ?? '', ...podman.files.environment };
    const holds = mode === 'root' || machine.cgroup === 'v2';
    say({ results: await checkStorage({ ...ground, folder: folders.data, run: folders.run, env, holds, report }) });
  } else if (only.includes('matrix')) {
    const cases = [...CASES, ...Array.from({ length: 12 }, (_, index) => seededCase(2026 + index))];
    say({ results: await checkMatrix(ground, cases, (text) => say({ case: text })) });
  } else say({ results: await checkConformance(ground, report, only.length === 0 ? null : only) });
} finally {
  opened.close();
}

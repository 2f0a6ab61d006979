import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { callSpecs } from '../../../events/index.ts';
import { packTar, type TarInput } from '../../../formats/index.ts';
import { defineFaults, type Json, runCommand } from '../../../system/index.ts';
import type { DrillTask } from '../../link/protocol.ts';
import type { Instance } from '../../setup/instance.ts';
import { engineEnvironment } from '../own-container.ts';
import type { SensorContainer } from '../sensor-server.ts';
import { ACTS, driverOf } from './acts.ts';

export const drillFault = defineFaults({
  'agent.drill-parts': {
    kind: 'needs',
    en: {
      what: 'a drill cannot be made on this host',
      why: '{why}',
      remedy: 'on the host: apt-get install perl-base dash coreutils',
    },
    es: {
      what: 'no se puede hacer un simulacro en este host',
      why: '{why}',
      remedy: 'en el host: apt-get install perl-base dash coreutils',
    },
  },
  'agent.drill-failed': {
    kind: 'unavailable',
    en: { what: 'the drill could not be made', why: '{why}', remedy: 'darsena logs agent' },
    es: { what: 'no se pudo hacer el simulacro', why: '{why}', remedy: 'darsena logs agent' },
  },
});

const ENGINE_MS = 60_000;
/** The container ends by itself after this, whatever becomes of the agent. */
const LIFE_SECONDS = 180;
const PERL = '/usr/bin/perl';
const SHELL = '/bin/sh';
const TRUE = '/bin/true';
/** Not in the table of watched calls, and needed by an act. */
export const WRITE_CALL: Readonly<Record<string, number>> = { x64: 1, arm64: 64 };

/** Containers of drills have a label of their own: none of them is a workload, and nobody else ends one. */
const LABEL = 'darsena.drill';

export interface DrillOptions {
  readonly instance: Instance;
  /** Where the files of the container lie meanwhile. */
  readonly folder: string;
  /** Tells the sensor whose container it is: none of a project, and named as a drill's. */
  readonly watch: (container: SensorContainer | null) => void;
}

/**
 * Performs the acts of the rules that are asked for, in a container made for it, or ends that container.
 * @returns of `perform`: each rule and whether its act was performed; of `end`: nothing
 * @throws Fault agent.drill-parts, agent.drill-failed
 */
export async function drill(task: DrillTask, { instance, folder, watch }: DrillOptions): Promise<Json> {
  const podman = async (...words: string[]): Promise<string> => {
    const done = await runCommand('podman', words, { env: engineEnvironment(instance), timeoutMs: ENGINE_MS });
    if (done.code !== 0) throw drillFault('agent.drill-failed', { why: done.stderr.trim().slice(0, 300) });
    return done.stdout.trim();
  };
  const name = `darsena-drill-${instance.name}`;
  if (task.step === 'end') {
    watch(null);
    await podman('rm', '-f', '-t', '0', '-i', name);
    await rm(folder, { recursive: true, force: true });
    return null;
  }
  await podman('rm', '-f', '-t', '0', '-i', name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const tar: Uint8Array[] = [];
  for await (const piece of packTar(await drillRoot())) tar.push(piece);
  const input = Buffer.concat(tar);
  const laid = await runCommand('tar', ['-x', '-C', folder], { timeoutMs: ENGINE_MS, input });
  if (laid.code !== 0) throw drillFault('agent.drill-failed', { why: laid.stderr.trim().slice(0, 300) });
  // Laid over a folder and not an image: this host takes no image that nobody signed.
  const id = await podman(
    ...['run', '-d', '--rm', '--name', name, '--label', `${LABEL}=${instance.name}`, '--network', 'none'],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--rootfs', `${folder}:O`],
    ...[PERL, '-e', `sleep ${LIFE_SECONDS}`],
  );
  watch({
    ...{ id, name, pid: null, project: '', environment: '', workload: `drill:${task.id}`, pod: '' },
    ...{ container: 'drill', image: name, digest: null },
  });
  const wanted = ACTS.flatMap((act, index) => (task.rules.includes(act.rule) ? [{ ...act, index }] : []));
  const numbers = callSpecs(process.arch).map(({ name: call, number }) => `${call}=${number}`);
  const write = WRITE_CALL[process.arch];
  const words = [...numbers, ...(write === undefined ? [] : [`write=${write}`])];
  const performed = new Set<number>();
  const told = await podman(
    ...['exec', id, PERL, '/drill.pl', ...words],
    ...wanted.filter(({ terminal }) => terminal !== true).map(({ index }) => String(index)),
  );
  for (const [, index] of told.matchAll(/^done (\d+) /gm)) performed.add(Number(index));
  for (const { index, terminal } of wanted) {
    if (terminal !== true) continue;
    await podman('exec', '-t', id, SHELL, '-c', 'true');
    performed.add(index);
  }
  return {
    acts: wanted.map(({ rule, index, calls }) => ({
      rule,
      performed: performed.has(index),
      // A kernel that was built without them has nothing to see.
      absent: calls !== undefined && !calls.some(kernelHasCall),
    })),
  };
}

/** The files of the container: the host's own Perl and shell with what they load, and names that stand for tools. */
export async function drillRoot(): Promise<TarInput[]> {
  const folders = [
    'dev',
    'proc',
    'sys',
    'etc',
    'run',
    'tmp',
    'root/.aws',
    'var/log',
    'drill/secrets/kubernetes.io/serviceaccount',
  ];
  const programs = [PERL, SHELL, TRUE];
  const libraries = new Set<string>();
  for (const program of programs) {
    const { code, stdout } = await runCommand('ldd', [program], { timeoutMs: ENGINE_MS });
    if (code !== 0) throw drillFault('agent.drill-parts', { why: `${program} is missing` });
    for (const [, path] of stdout.matchAll(/(?:^|\s)(\/\S+) \(0x/gm)) if (path !== undefined) libraries.add(path);
  }
  const read = async (path: string): Promise<TarInput> => ({
    path: path.slice(1),
    content: await readFile(path),
    mode: 0o755,
  });
  const names = ACTS.flatMap(({ programs: list }) => list ?? []);
  return [
    ...folders.map((path): TarInput => ({ path, kind: 'directory', ...(path === 'tmp' ? { mode: 0o1777 } : {}) })),
    ...(await Promise.all([...programs, ...libraries].map(read))),
    ...['usr/sbin/nginx', 'bin/bash', 'usr/bin/curl'].map(
      (path): TarInput => ({ path, kind: 'hardlink', linkTarget: PERL.slice(1) }),
    ),
    ...names.map((path): TarInput => ({ path: path.slice(1), kind: 'hardlink', linkTarget: TRUE.slice(1) })),
    ...ACTS.flatMap(({ files }) => files ?? []).map(
      (path): TarInput => ({ path: path.slice(1), content: Buffer.from('drill\n') }),
    ),
    { path: 'drill.pl', content: Buffer.from(driverOf(ACTS)) },
  ];
}

const TRACEPOINTS = ['/sys/kernel/tracing/events/syscalls', '/sys/kernel/debug/tracing/events/syscalls'];

function kernelHasCall(name: string): boolean {
  const known = TRACEPOINTS.find((path) => existsSync(path));
  return known === undefined || existsSync(`${known}/sys_exit_${name}`);
}

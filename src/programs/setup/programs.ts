import { join } from 'node:path';
import type { Clock, Json } from '../../system/index.ts';
import { type Instance, instanceFiles } from './instance.ts';
import { type SupervisedProgram, superviseProgram } from './supervisor.ts';

export type ProgramName = 'control' | 'agent' | 'sensor' | 'edge';

/** Who a program is and what V8 may take; the one table for all of them. */
interface NodeProgram {
  /** Heap that lives long, MiB: reaching it ends the program, so it is several times what was seen in use. */
  readonly oldSpaceMib: number;
  /** Young generation, MiB for each half: small halves trade a little CPU for tens of MiB of resident memory. */
  readonly semiSpaceMib: number;
  readonly flags: readonly string[];
}

const NODE_PROGRAMS: Readonly<Record<Exclude<ProgramName, 'edge'>, NodeProgram>> = {
  control: { oldSpaceMib: 768, semiSpaceMib: 4, flags: [] },
  agent: { oldSpaceMib: 256, semiSpaceMib: 1, flags: [] },
  sensor: { oldSpaceMib: 256, semiSpaceMib: 2, flags: ['--enable-experimental-regexp-engine-on-excessive-backtracks'] },
};

/** The programs of an instance in the order in which they are started. */
export function programsOf(instance: Pick<Instance, 'sensor'>): ProgramName[] {
  return ['control', 'agent', ...(instance.sensor ? (['sensor'] as const) : []), 'edge'];
}

/** All there can be, whatever this machine runs: for stopping. Reverse order of starting. */
export const PROGRAMS_TO_STOP: readonly ProgramName[] = ['edge', 'sensor', 'agent', 'control'];

/** What the sensor is told: only this instance's containers, by the rules that came with the code. */
export function sensorConfig(instance: Instance): Json {
  return {
    instance: instance.name,
    socket: instanceFiles(instance).sensor.socket,
    rules: [join(instance.code, 'rules', 'detection')],
    scope: 'instance',
    host: false,
  };
}

/** How a program of the instance is started; pure. */
export function describeProgram(instance: Instance, name: ProgramName): SupervisedProgram {
  const files = instanceFiles(instance);
  const log = files.log(name);
  if (name === 'edge') {
    return {
      name,
      log,
      waitFor: files.edge.config,
      environment: baseEnvironment(instance),
      argv: [
        // Ports below 1024 without root: the one right that it keeps (capabilities(7), ambient).
        ...asUser(instance, 'edge', ['net_bind_service']),
        'haproxy',
        '-W',
        '-db',
        '-f',
        files.edge.config,
      ],
    };
  }
  return {
    name,
    log,
    environment: { ...baseEnvironment(instance), NODE_COMPILE_CACHE: join(folderOf(instance, name), 'compile-cache') },
    argv: [
      ...rightsOf(instance, name),
      nodePath(instance.code),
      ...nodeFlags(name),
      join(instance.code, 'src', 'programs', `${name}.ts`),
      ...(name === 'sensor' ? ['--config', files.sensor.config] : ['--instance-file', files.description]),
    ],
    ...(name === 'sensor' ? { waitFor: files.sensor.config } : {}),
  };
}

export function nodeFlags(name: Exclude<ProgramName, 'edge'>): string[] {
  const { oldSpaceMib, semiSpaceMib, flags } = NODE_PROGRAMS[name];
  return [
    '--disable-warning=ExperimentalWarning',
    `--max-old-space-size=${oldSpaceMib}`,
    `--max-semi-space-size=${semiSpaceMib}`,
    ...flags,
  ];
}

/** The Node binary that came with the code. */
export function nodePath(code: string): string {
  return join(code, 'node_modules', `node-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`, 'bin', 'node');
}

export async function startProgram(instance: Instance, name: ProgramName, clock: Clock): Promise<boolean> {
  return superviseProgram(instanceFiles(instance).supervisors, describeProgram(instance, name), {
    clock,
    script: join(instance.code, 'src', 'programs', 'setup', 'supervise.sh'),
  });
}

function folderOf(instance: Instance, name: Exclude<ProgramName, 'edge'>): string {
  return instanceFiles(instance)[name].folder;
}

function baseEnvironment(instance: Instance): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    DARSENA_INSTANCE: instance.name,
    ...(instance.mode === 'rootless' ? { HOME: instance.data } : { HOME: '/nonexistent' }),
  };
}

/** Rights of a Node program: control is its own user with none, the sensor root with a few, the agent root. */
function rightsOf(instance: Instance, name: Exclude<ProgramName, 'edge'>): string[] {
  if (instance.mode === 'rootless') return [];
  switch (name) {
    case 'control':
      return asUser(instance, 'control', []);
    case 'sensor':
      // Loading and reading BPF programs, and /proc of other users' processes; nothing that changes the machine.
      return [
        'setpriv',
        '--bounding-set=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search',
        '--inh-caps=-all',
        '--no-new-privs',
        '--',
      ];
    case 'agent':
      return [];
  }
}

function asUser(instance: Instance, role: 'control' | 'edge', capabilities: readonly string[]): string[] {
  if (instance.mode === 'rootless') return [];
  const { uid, gid } = instance.users[role];
  const kept = capabilities.map((capability) => `+${capability}`);
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--bounding-set=${['-all', ...kept].join(',')}`,
    `--inh-caps=${['-all', ...kept].join(',')}`,
    ...(kept.length === 0 ? [] : [`--ambient-caps=${['-all', ...kept].join(',')}`]),
    '--no-new-privs',
    '--',
  ];
}

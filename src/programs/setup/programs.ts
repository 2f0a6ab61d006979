import { join } from 'node:path';
import { type Clock, type Json, runCommand } from '../../system/index.ts';
import { WEAK_SENSOR } from './adaptations.ts';
import { type Instance, instanceFiles } from './instance.ts';
import { type SupervisedProgram, superviseProgram, usefulLines } from './supervisor.ts';

export type ProgramName = 'control' | 'agent' | 'sensor' | 'edge';
type NodeProgramName = Exclude<ProgramName, 'edge'>;

const WARM_TIMEOUT_MS = 60_000;

/** Who a program is and what V8 may take; the one table for all of them. */
interface NodeProgram {
  /** Heap that lives long, MiB: reaching it ends the program, so it is several times what was seen in use. */
  readonly oldSpaceMib: number;
  /** Young generation, MiB for each half: small halves trade a little CPU for tens of MiB of resident memory. */
  readonly semiSpaceMib: number;
  readonly flags: readonly string[];
}

const NODE_PROGRAMS: Readonly<Record<NodeProgramName, NodeProgram>> = {
  control: { oldSpaceMib: 768, semiSpaceMib: 2, flags: [] },
  agent: { oldSpaceMib: 256, semiSpaceMib: 1, flags: [] },
  sensor: {
    oldSpaceMib: 256,
    semiSpaceMib: 1,
    flags: ['--expose-gc'],
  },
};

/** The programs of an instance in the order in which they are started. */
export function programsOf(instance: Pick<Instance, 'sensor'>): ProgramName[] {
  return ['control', 'agent', ...(instance.sensor ? (['sensor'] as const) : []), 'edge'];
}

/** All there can be, whatever this machine runs: for stopping. Reverse order of starting. */
export const PROGRAMS_TO_STOP: readonly ProgramName[] = ['edge', 'sensor', 'agent', 'control'];

/** Whether the sensor has no BPF programs on this machine. */
export function isWeak(instance: Pick<Instance, 'adaptations'>): boolean {
  return instance.adaptations.some(({ code }) => code === WEAK_SENSOR);
}

/** What the sensor is told: only this instance's containers, by the rules that came with the code. */
export function sensorConfig(instance: Instance): Json {
  return {
    instance: instance.name,
    socket: instanceFiles(instance).sensor.socket,
    rules: [join(instance.code, 'rules', 'detection')],
    scope: 'instance',
    host: false,
    pins: instanceFiles(instance).sensor.pins,
    ...(isWeak(instance) ? { source: 'fallback' } : {}),
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
      waitFor: files.edge.current,
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
    environment: nodeEnvironment(instance, name),
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

function nodeEnvironment(instance: Instance, name: NodeProgramName): Record<string, string> {
  return {
    ...baseEnvironment(instance),
    NODE_COMPILE_CACHE: join(folderOf(instance, name), 'compile-cache'),
    // glibc gives each thread of V8's pool an arena of its own, which costs about 10 MB for no speed that we measured.
    MALLOC_ARENA_MAX: '1',
  };
}

/** Files that a program's process and threads begin with. */
const ENTRIES: Readonly<Record<NodeProgramName, readonly string[]>> = {
  control: ['control.ts'],
  agent: ['agent.ts'],
  // The process ends itself when it refuses to start, so it comes last.
  sensor: ['sensor/worker.ts', 'sensor.ts'],
};

/**
 * Fills the compile caches of programs whose code is new, each as the program's own user. A cache that could not be
 * filled costs memory and a moment at start, nothing else: the first line that says why is answered.
 */
export async function warmPrograms(instance: Instance): Promise<string | null> {
  const folder = join(instance.code, 'src', 'programs');
  const warm = async (name: NodeProgramName): Promise<string | null> => {
    const environment = nodeEnvironment(instance, name);
    const [file = '', ...args] = [
      ...rightsOf(instance, name),
      nodePath(instance.code),
      ...nodeFlags(name),
      join(folder, 'setup', 'warm.ts'),
      ...ENTRIES[name].map((entry) => join(folder, entry)),
    ];
    const { code, stderr } = await runCommand(file, args, { env: environment, cwd: '/', timeoutMs: WARM_TIMEOUT_MS });
    return code === 0 ? null : (usefulLines(stderr)[0] ?? `exit code ${code}`);
  };
  const names = programsOf(instance).filter((name) => name !== 'edge');
  return (await Promise.all(names.map(warm))).find((failure) => failure !== null) ?? null;
}

export function nodeFlags(name: NodeProgramName): string[] {
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

function folderOf(instance: Instance, name: NodeProgramName): string {
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

/**
 * What the sensor may do: load and read BPF programs, and read /proc of other users' processes; nothing that changes the machine.
 * @param weak it stands on fanotify and audit, which ask for more
 */
export function sensorRights(weak: boolean): string[] {
  return [
    'setpriv',
    weak
      ? '--bounding-set=-all,+sys_admin,+audit_control,+audit_read,+sys_ptrace,+dac_read_search'
      : '--bounding-set=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search',
    '--inh-caps=-all',
    '--no-new-privs',
    '--',
  ];
}

/** Rights of a Node program: control is its own user with none, the sensor root with a few, the agent root. */
function rightsOf(instance: Instance, name: NodeProgramName): string[] {
  if (instance.mode === 'rootless') return [];
  switch (name) {
    case 'control':
      return asUser(instance, 'control', []);
    case 'sensor':
      // It goes before others when all want the processors, which it could not take for itself: a container that takes them all
      // would make it lose events.
      return ['nice', '-n', '-14', ...sensorRights(isWeak(instance))];
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

import type { ShieldControl } from './feed.ts';

type SeccompControl = Extract<ShieldControl, { readonly kind: 'seccomp' }>;

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

interface Rule {
  readonly names?: readonly string[];
  readonly name?: string;
  readonly action: string;
  readonly args?: readonly Argument[] | null;
  readonly [key: string]: unknown;
}

export interface SeccompProfile {
  readonly defaultAction?: string;
  readonly syscalls: readonly Rule[];
  readonly [key: string]: unknown;
}

/** Families that there are (AF_MAX of linux/socket.h is 46), with room for those to come. */
const FAMILIES = 64;

/**
 * A profile that allows what the given one does, less some system calls and socket families. A call is denied by taking it
 * out of every list that allows it, so that the profile's own default answers; a family by naming the ones that stay, as a
 * filter compares an argument once a rule.
 */
export function tightenProfile(profile: SeccompProfile, controls: readonly SeccompControl[]): SeccompProfile {
  const calls = new Set(controls.flatMap((control) => control.calls));
  const families = new Set(controls.flatMap((control) => control.families));
  // The older way to sockets, of 32-bit programs, hides the family in memory, where no filter looks.
  if (families.size > 0) calls.add('socketcall');
  if (LETTING.has(profile.defaultAction ?? '')) return denyBeside(profile, calls, families);
  const sockets: Rule[] = [];
  const syscalls = profile.syscalls.flatMap((rule): Rule[] => {
    const { name, names = [], ...rest } = rule;
    if (rule.action === 'SCMP_ACT_ERRNO' && families.size > 0 && names.includes('socket')) {
      // libseccomp takes no errno rule beside the many that allow; what none allows, the profile's default answers.
      const kept = names.filter((one) => one !== 'socket');
      return kept.length === 0 ? [] : [{ ...rest, names: kept }];
    }
    if (!LETTING.has(rule.action)) return [rule];
    const all = [...names, ...(name === undefined ? [] : [name])].filter((one) => !calls.has(one));
    const others = families.size === 0 ? all : all.filter((one) => one !== 'socket');
    if (others.length < all.length) sockets.push(rest);
    return others.length === 0 ? [] : [{ ...rest, names: others }];
  });
  return { ...profile, syscalls: [...syscalls, ...socketRules(sockets, families)] };
}

export interface CallList {
  readonly names: readonly string[];
  readonly families: readonly number[];
}

/**
 * What a run-time calls itself between setting the filter and beginning the program (runc: standard_init_linux.go,
 * setns_init_linux.go; crun: container.c): whatever a container needs, these it must have to begin at all, also for `exec`.
 */
const RUNTIME_CALLS = [
  ...[
    'execve',
    'exit',
    'exit_group',
    'read',
    'write',
    'close',
    'close_range',
    'openat',
    'openat2',
    'fstat',
    'newfstatat',
  ],
  ...[
    'statx',
    'stat',
    'lstat',
    'access',
    'faccessat',
    'faccessat2',
    'readlinkat',
    'readlink',
    'getdents64',
    'lseek',
    'fcntl',
  ],
  ...[
    'dup3',
    'mmap',
    'munmap',
    'mprotect',
    'madvise',
    'brk',
    'futex',
    'rt_sigaction',
    'rt_sigprocmask',
    'rt_sigreturn',
  ],
  ...['sigaltstack', 'nanosleep', 'clock_gettime', 'clock_nanosleep', 'sched_yield', 'sched_getaffinity', 'getpid'],
  ...[
    'getppid',
    'gettid',
    'tgkill',
    'getuid',
    'getgid',
    'geteuid',
    'getegid',
    'setuid',
    'setgid',
    'setresuid',
    'setresgid',
  ],
  ...[
    'setgroups',
    'getgroups',
    'capget',
    'capset',
    'prctl',
    'prlimit64',
    'chdir',
    'fchdir',
    'fstatfs',
    'epoll_create1',
  ],
  ...['epoll_ctl', 'epoll_pwait', 'eventfd2', 'pipe2', 'clone', 'clone3', 'set_robust_list', 'rseq', 'arch_prctl'],
  ...['set_tid_address', 'getrandom', 'ioctl', 'keyctl', 'umask', 'setsid', 'getcwd', 'fchown', 'fchownat', 'chown'],
] as const;

/**
 * A profile that allows of what the given one does only the calls named, under the given one's conditions. Nothing becomes
 * possible that was not. The processor's other modes (32-bit programs) are left out.
 */
export function narrowProfile(profile: SeccompProfile, calls: CallList): SeccompProfile {
  const kept = new Set<string>([...calls.names, ...RUNTIME_CALLS]);
  const whole = LETTING.has(profile.defaultAction ?? '') ? listed(profile, kept) : profile;
  const allowed = whole.syscalls.filter(({ action }) => LETTING.has(action)).flatMap(namesOf);
  const families = Array.from({ length: FAMILIES }, (_, family) => family);
  const denied = kept.has('socket') ? families.filter((family) => !calls.families.includes(family)) : [];
  const { archMap } = whole as { readonly archMap?: readonly { readonly subArchitectures?: unknown }[] };
  return tightenProfile(
    {
      ...whole,
      ...(archMap === undefined ? {} : { archMap: archMap.map((one) => ({ ...one, subArchitectures: [] })) }),
    },
    [{ kind: 'seccomp', calls: allowed.filter((name) => !kept.has(name)), families: denied }],
  );
}

/** One that lets everything through, as a list of what it lets through of the given calls; what it denies in part, it denies. */
function listed(profile: SeccompProfile, kept: ReadonlySet<string>): SeccompProfile {
  const denied = new Set(profile.syscalls.filter(({ action }) => !LETTING.has(action)).flatMap(namesOf));
  const names = [...kept].filter((name) => !denied.has(name));
  return { ...profile, defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] };
}

function namesOf({ name, names = [] }: Rule): string[] {
  return [...names, ...(name === undefined ? [] : [name])];
}

/** What lets a call through: a log entry stops nothing. */
const LETTING: ReadonlySet<string> = new Set(['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG']);

/** A profile that lets everything through but what it names: to take a call out of a list would deny nothing. */
function denyBeside(
  profile: SeccompProfile,
  calls: ReadonlySet<string>,
  families: ReadonlySet<number>,
): SeccompProfile {
  // libseccomp takes no rule beside a wider one for the same call.
  const denied = new Set(
    profile.syscalls
      .filter(({ action, args }) => !LETTING.has(action) && (args ?? []).length === 0)
      .flatMap(({ name, names = [] }) => [...names, ...(name === undefined ? [] : [name])]),
  );
  const more = [...calls].filter((call) => !denied.has(call));
  const rules: Rule[] = more.length === 0 ? [] : [{ names: more, action: 'SCMP_ACT_ERRNO' }];
  for (const family of denied.has('socket') ? [] : families) {
    const args = [{ index: 0, value: family, valueTwo: 0, op: 'SCMP_CMP_EQ' }];
    rules.push({ names: ['socket'], action: 'SCMP_ACT_ERRNO', args });
  }
  return { ...profile, syscalls: [...profile.syscalls, ...rules] };
}

/**
 * One rule for each family that stays, as far as the rules given let it through. libseccomp takes no rule beside a wider one
 * for the same call, so a family that is free under the same conditions of rights gets no narrower rules.
 */
function socketRules(rules: readonly Rule[], denied: ReadonlySet<number>): Rule[] {
  const made = new Map<string, Rule>();
  const free = new Set<string>();
  for (const rule of rules) {
    const args = rule.args ?? [];
    const ofFamily = args.filter(({ index }) => index === 0);
    const rest = args.filter(({ index }) => index !== 0);
    const rights = JSON.stringify([rule['includes'] ?? {}, rule['excludes'] ?? {}]);
    for (let family = 0; family < FAMILIES; family++) {
      if (denied.has(family) || !ofFamily.every((argument) => holds(argument, family))) continue;
      const own = { index: 0, value: family, valueTwo: 0, op: 'SCMP_CMP_EQ' };
      if (rest.length === 0) free.add(`${rights} ${family}`);
      for (const more of spellOut(rest)) {
        made.set(`${rights} ${family} ${JSON.stringify(more)}`, { ...rule, names: ['socket'], args: [own, ...more] });
      }
    }
  }
  return [...made].flatMap(([key, rule]) => {
    const isNarrower = !key.endsWith(' []') && free.has(key.slice(0, key.lastIndexOf(' [')));
    return isNarrower ? [] : [rule];
  });
}

/** "All but one" as one rule for each value that stays: beside a rule for that one value libseccomp takes it so alone. */
function spellOut(args: readonly Argument[]): (readonly Argument[])[] {
  const [first, ...more] = args;
  if (first === undefined || more.length > 0 || first.op !== 'SCMP_CMP_NE') return [args];
  const values = Array.from({ length: FAMILIES }, (_, value) => value).filter((value) => value !== first.value);
  return values.map((value) => [{ index: first.index, value, valueTwo: 0, op: 'SCMP_CMP_EQ' }]);
}

/** seccomp_rule_add(3): how an argument is compared. An unknown way allows nothing. */
function holds({ op, value, valueTwo = 0 }: Argument, actual: number): boolean {
  switch (op) {
    case 'SCMP_CMP_EQ':
      return actual === value;
    case 'SCMP_CMP_NE':
      return actual !== value;
    case 'SCMP_CMP_LT':
      return actual < value;
    case 'SCMP_CMP_LE':
      return actual <= value;
    case 'SCMP_CMP_GT':
      return actual > value;
    case 'SCMP_CMP_GE':
      return actual >= value;
    case 'SCMP_CMP_MASKED_EQ':
      return (actual & value) === valueTwo;
    default:
      return false;
  }
}

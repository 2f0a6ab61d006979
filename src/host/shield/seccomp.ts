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
  const syscalls = profile.syscalls.flatMap((rule): Rule[] => {
    if (rule.action !== 'SCMP_ACT_ALLOW') return [rule];
    const { name, names = [], ...rest } = rule;
    const all = [...names, ...(name === undefined ? [] : [name])].filter((one) => !calls.has(one));
    if (families.size === 0 || !all.includes('socket')) return all.length === 0 ? [] : [{ ...rest, names: all }];
    const others = all.filter((one) => one !== 'socket');
    return [...(others.length === 0 ? [] : [{ ...rest, names: others }]), ...socketRules(rest, families)];
  });
  return { ...profile, syscalls };
}

function socketRules(rule: Rule, denied: ReadonlySet<number>): Rule[] {
  const args = rule.args ?? [];
  const ofFamily = args.filter(({ index }) => index === 0);
  const rest = args.filter(({ index }) => index !== 0);
  const rules: Rule[] = [];
  for (let family = 0; family < FAMILIES; family++) {
    if (denied.has(family) || !ofFamily.every((argument) => holds(argument, family))) continue;
    const own = { index: 0, value: family, valueTwo: 0, op: 'SCMP_CMP_EQ' };
    rules.push({ ...rule, action: 'SCMP_ACT_ALLOW', names: ['socket'], args: [own, ...rest] });
  }
  return rules;
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

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compareKernels, parseKernelRelease } from '../../advisories/index.ts';
import type { MachineFacts } from '../facts.ts';
import { type CheckResult, type CheckState, text } from './check.ts';

/** One wanted option of the build; see rules/host/kernel-hardening.json. */
interface OptionRule {
  readonly option: string;
  /** 'n': off or not there. */
  readonly want?: string;
  /** A member that the list in the option has to hold. */
  readonly has?: string;
  readonly group: string;
  /** Processors it is for. @default all */
  readonly on?: readonly string[];
  /** From this release on the kernel does it without being asked. */
  readonly since?: string;
  /** Any of them is as good: 'NAME=value', 'NAME=n', 'NAME=-' (not there), 'NAME~member'. */
  readonly or?: readonly string[];
  /** Without all of them it means nothing, alternatives parted by '|'. */
  readonly needs?: readonly string[];
  /** Absent is not the same as off: the kernel then does it always. */
  readonly present?: boolean;
}

/**
 * A switch of the running kernel or a word of its boot line; see rules/host/kernel-switches.json. It holds when its value is
 * one of those wanted (or it is given, absent, not off, as the rule says) and all `needs` hold, or when one of `or` holds.
 * Those are conditions parted by ` & `: `@word=value` of the boot line (`-`: absent), `$switch=value`, else an option of the
 * build as in OptionRule (`+`: there at all).
 */
interface SwitchRule {
  readonly kind: 'sysctl' | 'cmdline';
  readonly name: string;
  /** `~member` of a list; `$OPTION`: the value that the build has there. */
  readonly want?: readonly string[];
  readonly absent?: boolean;
  readonly given?: boolean;
  readonly notOff?: boolean;
  readonly needs?: readonly string[];
  readonly or?: readonly string[];
  readonly on?: readonly string[];
  /** The kernel takes this word as it is written, not as yes or no in any of their spellings. */
  readonly literal?: boolean;
  /** What it means that the running kernel has no such switch. @default fail */
  readonly missing?: CheckState;
  /** May be set on a running machine without breaking what runs there, and set back. */
  readonly fix?: string;
  readonly why: { readonly en: string; readonly es: string };
}

const RULES = resolve(import.meta.dirname, '../../../rules/host');
const read = <T>(name: string): T => JSON.parse(readFileSync(join(RULES, name), 'utf8')) as T;
let options: readonly OptionRule[] | null = null;
let switches: readonly SwitchRule[] | null = null;

/** The options that the kernel's self-protection project and others ask for, judged by the build configuration. */
export function checkKernelConfig(facts: MachineFacts): CheckResult[] {
  options ??= read<OptionRule[]>('kernel-hardening.json');
  const { config } = facts;
  const processor = processorOf(facts);
  return options
    .filter(({ on }) => processor === null || on === undefined || on.includes(processor))
    .map((rule) => {
      const name = rule.has === undefined ? `CONFIG_${rule.option}` : `CONFIG_${rule.option} (${rule.has})`;
      const judged = config === null ? null : judgeOption(rule, config.options, facts);
      const wanted = rule.has ?? (rule.want === 'n' ? 'is not set' : (rule.want ?? 'y'));
      const state: CheckState = judged === null ? 'not-determinable' : judged.ok ? 'pass' : 'fail';
      return {
        id: `kernel.${rule.has === undefined ? rule.option : `${rule.option}.${rule.has}`}`,
        section: `kernel:${rule.group}`,
        title:
          rule.want === 'n'
            ? text(`${name} is off`, `${name} está desactivado`)
            : text(`${name} is ${wanted}`, `${name} es ${wanted}`),
        state,
        evidence: [
          judged === null
            ? text(
                'the build configuration of the kernel is not readable',
                'la configuración de construcción del núcleo no se puede leer',
              )
            : text(`${judged.why} (${config?.source})`, `${judged.why} (${config?.source})`),
        ],
        remedy:
          state === 'fail'
            ? text(
                `build or choose a kernel with ${name}: ${wanted}`,
                `construir o elegir un núcleo con ${name}: ${wanted}`,
              )
            : null,
        subjects: [],
        fixes: [],
      };
    });
}

/** What the boot line and the switches of the running kernel say. */
export function checkKernelSwitches(facts: MachineFacts): CheckResult[] {
  switches ??= read<SwitchRule[]>('kernel-switches.json');
  const processor = processorOf(facts);
  const found = new Map<string, CheckResult>();
  for (const rule of switches) {
    if (processor !== null && rule.on !== undefined && !rule.on.includes(processor)) continue;
    const result = checkSwitch(rule, facts);
    if (!found.has(result.id)) found.set(result.id, result);
  }
  return [...found.values()];
}

function checkSwitch(rule: SwitchRule, facts: MachineFacts): CheckResult {
  const { kind, name, want = [], fix, why } = rule;
  const value = kind === 'sysctl' ? (facts.sysctls[name] ?? null) : bootValue(facts.commandLine, rule);
  const other = rule.or?.find((one) => one.split(' & ').every((term) => termHolds(term, facts) === true));
  const state = stateOfSwitch(rule, value, facts, other);
  const wanted = want.map((one) => resolveWanted(one, facts) ?? one.slice(1)).join(' | ');
  const wish = wishOf(rule, wanted);
  const [first = ''] = want;
  const line = kind === 'sysctl' ? `sysctl -w ${name}=${wanted.split(' | ')[0]}` : `${name}=${first.replace('~', '')}`;
  const remedy =
    rule.absent === true && want.length === 0
      ? text(`boot without ${name}`, `arrancar sin ${name}`)
      : kind === 'sysctl'
        ? text(`${line}, and the same in /etc/sysctl.d`, `${line}, y lo mismo en /etc/sysctl.d`)
        : text(`boot with ${line.replace(/=$/, '')}`, `arrancar con ${line.replace(/=$/, '')}`);
  return {
    id: `${kind}.${name}`,
    section: `kernel:${kind}`,
    title: text(`${name} ${wish.en}: ${why.en}`, `${name} ${wish.es}: ${why.es}`),
    state,
    evidence: [
      value !== null
        ? text(`${name} = ${value || 'given'}`, `${name} = ${value || 'dado'}`)
        : other !== undefined
          ? text(`${name} is not there, but ${sayTerms(other)}`, `${name} no está, pero ${sayTerms(other)}`)
          : kind === 'sysctl'
            ? text(`this kernel has no switch ${name}`, `este núcleo no tiene el interruptor ${name}`)
            : text(`${name} is not on the boot line`, `${name} no está en la línea de arranque`),
    ],
    remedy: state === 'fail' ? remedy : null,
    subjects: [],
    fixes: state === 'fail' && value !== null && fix !== undefined ? [{ kind: 'sysctl', name, value: fix }] : [],
  };
}

function stateOfSwitch(
  rule: SwitchRule,
  value: string | null,
  facts: MachineFacts,
  other: string | undefined,
): CheckState {
  const isReadable = rule.kind === 'cmdline' ? facts.commandLine !== null : Object.keys(facts.sysctls).length > 0;
  if (other !== undefined) return 'pass';
  if (!isReadable) return 'not-determinable';
  const { want = [], absent, given, notOff, needs = [], or = [], missing } = rule;
  const ways = want.map((one) => (one.startsWith('$') ? resolveWanted(one, facts) : one));
  const isGood =
    value === null
      ? absent === true
      : given === true ||
        (notOff === true && value !== 'off' && value !== '0') ||
        ways.some((one) => (one?.startsWith('~') ? value.split(',').includes(one.slice(1)) : one === value));
  const terms = needs.map((term) => termHolds(term, facts));
  if (isGood && terms.every((one) => one === true)) return 'pass';
  if (value === null && missing !== undefined) return missing;
  // Without the configuration of the build nobody knows whether it does the same.
  const isBlind =
    (isGood && terms.includes(null)) ||
    (!isGood && ways.includes(null)) ||
    or.some((one) => {
      const parts = one.split(' & ').map((term) => termHolds(term, facts));
      return parts.includes(null) && !parts.includes(false);
    });
  return isBlind ? 'not-determinable' : 'fail';
}

/** `$OPTION` is what the build has there; null: its configuration is not known. */
function resolveWanted(one: string, { config }: MachineFacts): string | null {
  return one.startsWith('$') ? (config?.options[one.slice(1)] ?? null) : one;
}

/** Null: it cannot be told without the configuration of the build. */
function termHolds(term: string, facts: MachineFacts): boolean | null {
  const [, sign, name = '', value = ''] = /^([@$]?)([^=]+)=(.*)$/.exec(term) ?? [];
  if (sign === '@') {
    const own = bootValue(facts.commandLine, { name, literal: LITERAL.has(name) });
    return value === '-' ? own === null : own === value;
  }
  if (sign === '$') return facts.sysctls[name] === value;
  if (facts.config === null) return null;
  return value === '+' ? facts.config.options[name] !== undefined : holds(term, facts.config.options);
}

/** Words of conditions that are no yes or no. */
const LITERAL: ReadonlySet<string> = new Set(['mitigations', 'slub_debug']);

function sayTerms(terms: string): string {
  return terms
    .split(' & ')
    .filter((term) => !term.endsWith('=-'))
    .map((term) => (/^[@$]/.test(term) ? term.slice(1) : `CONFIG_${term}`))
    .join(', ');
}

function wishOf({ absent, given, notOff, want = [] }: SwitchRule, wanted: string): { en: string; es: string } {
  if (notOff === true) return text('is given and not off', 'está dado y no desactivado');
  if (given === true) return text('is given', 'está dado');
  if (absent === true && want.length === 0) return text('is not given', 'no está dado');
  const or = absent === true ? text(' or not given', ' o no está dado') : text('', '');
  const plain = wanted.replace('~', '');
  return text(`is ${plain}${or.en}`, `es ${plain}${or.es}`);
}

function judgeOption(
  rule: OptionRule,
  set: Readonly<Record<string, string>>,
  { kernel }: MachineFacts,
): { ok: boolean; why: string } {
  const { option, want, has, since, or, needs, present } = rule;
  const own = set[option];
  const seen =
    own === undefined
      ? `CONFIG_${option} is not there`
      : own === 'n'
        ? `CONFIG_${option} is not set`
        : `CONFIG_${option} = ${own}`;
  const missing = needs?.find((one) => !one.split('|').some((way) => holds(way, set)));
  if (missing !== undefined)
    return { ok: false, why: `${seen}, and not CONFIG_${missing.replaceAll('|', ' or CONFIG_')}` };
  const isThere =
    has !== undefined
      ? (own ?? '').split(',').includes(has)
      : want === 'n'
        ? own === 'n' || (own === undefined && present !== true)
        : own === want;
  if (isThere) return { ok: true, why: seen };
  const other = or?.find((one) => holds(one, set));
  if (other !== undefined) return { ok: true, why: `${seen}, but CONFIG_${other}` };
  const release = parseKernelRelease(kernel.upstream ?? kernel.release);
  const from = since === undefined ? null : parseKernelRelease(since);
  if (release !== null && from !== null && compareKernels(release, from) >= 0) {
    return { ok: true, why: `${seen}, and release ${release.text} does it since ${since}` };
  }
  return { ok: false, why: seen };
}

function holds(condition: string, set: Readonly<Record<string, string>>): boolean {
  const [, name = '', sign, value = ''] = /^([A-Z0-9_a-z]+)([=~])(.*)$/.exec(condition) ?? [];
  const own = set[name];
  if (sign === '~') return (own ?? '').split(',').includes(value);
  if (value === '-') return own === undefined;
  return value === 'n' ? own === undefined || own === 'n' : own === value;
}

const YES = /^(?:1|on|y|yes|t|true)$/i;
const NO = /^(?:0|off|n|no|f|false)$/i;

/** The value that a word of the boot line has, yes and no as 1 and 0; '' when it stands alone; the last one counts. */
function bootValue(line: string | null, { name, literal }: Pick<SwitchRule, 'name' | 'literal'>): string | null {
  let found: string | null = null;
  for (const word of (line ?? '').trim().split(/\s+/)) {
    if (word === '--') break; // what follows is for the first program
    const [key = '', ...value] = word.split('=');
    if (key.replaceAll('-', '_') === name.replaceAll('-', '_')) found = value.join('=');
  }
  if (found === null || literal === true) return found;
  return YES.test(found) ? '1' : NO.test(found) ? '0' : found;
}

/** What the configuration was built for; else what the machine says. */
function processorOf({ config, kernel }: MachineFacts): string | null {
  const set = config?.options ?? {};
  for (const [option, name] of [
    ['X86_64', 'x86_64'],
    ['X86_32', 'x86_32'],
    ['ARM64', 'arm64'],
    ['ARM', 'arm'],
    ['RISCV', 'riscv'],
  ] as const) {
    if (set[option] === 'y') return name;
  }
  if (/^(?:x86_64|amd64)$/.test(kernel.machine)) return 'x86_64';
  if (/^i\d86$/.test(kernel.machine)) return 'x86_32';
  return kernel.machine === 'aarch64' ? 'arm64' : (/^(?:arm|riscv)/.exec(kernel.machine)?.[0] ?? null);
}

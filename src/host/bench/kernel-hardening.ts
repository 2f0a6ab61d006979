import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compareKernels, parseKernelRelease } from '../../advisories/index.ts';
import type { MachineFacts } from '../facts.ts';
import { type CheckResult, type CheckState, type Fix, text } from './check.ts';

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

/** A switch of the running kernel; see rules/host/kernel-switches.json. */
interface SwitchRule {
  readonly kind: 'sysctl' | 'cmdline';
  readonly name: string;
  readonly want: readonly string[];
  readonly on?: readonly string[];
  /** Options of the build that do the same when the boot line says nothing. */
  readonly or?: readonly string[];
  /** It may be set on a running machine without breaking what runs there. */
  readonly safe?: boolean;
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
        fix: null,
      };
    });
}

/** What the boot line and the switches of the running kernel say. */
export function checkKernelSwitches(facts: MachineFacts): CheckResult[] {
  switches ??= read<SwitchRule[]>('kernel-switches.json');
  const processor = processorOf(facts);
  return switches
    .filter(({ on }) => processor === null || on === undefined || on.includes(processor))
    .map((rule) => {
      const { kind, name, want, safe, why } = rule;
      const found = kind === 'sysctl' ? (facts.sysctls[name] ?? null) : bootValue(facts.commandLine, name);
      const isKnown = kind === 'sysctl' ? found !== null : facts.commandLine !== null;
      const byBuild = rule.or?.find((one) => facts.config !== null && holds(one, facts.config.options));
      const ok = found === null ? byBuild !== undefined : want.includes(found);
      const state: CheckState = isKnown
        ? ok
          ? 'pass'
          : 'fail'
        : kind === 'sysctl' && Object.keys(facts.sysctls).length > 0
          ? 'not-applicable'
          : 'not-determinable';
      const wanted = want.join(' | ');
      const fix: Fix | null =
        kind === 'sysctl' && safe === true && state === 'fail' ? { kind: 'sysctl', name, value: want[0] ?? '' } : null;
      const line = kind === 'sysctl' ? `sysctl -w ${name}=${want[0]}` : `${name}=${want[0]}`.replace(/=$/, '');
      return {
        id: `${kind}.${name}`,
        section: `kernel:${kind}`,
        title: text(`${name} is ${wanted || 'given'}: ${why.en}`, `${name} es ${wanted || 'dado'}: ${why.es}`),
        state,
        evidence: [
          byBuild !== undefined && found === null
            ? text(`the build does it: CONFIG_${byBuild}`, `lo hace la construcción: CONFIG_${byBuild}`)
            : found === null
              ? text(`${name} is not there`, `${name} no está`)
              : text(`${name} = ${found || 'given'}`, `${name} = ${found || 'dado'}`),
        ],
        remedy:
          state === 'fail'
            ? kind === 'sysctl'
              ? text(`${line}, and the same in /etc/sysctl.d`, `${line}, y lo mismo en /etc/sysctl.d`)
              : text(`boot with ${line}`, `arrancar con ${line}`)
            : null,
        subjects: [],
        fix,
      };
    });
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

/** The value that a word of the boot line has; '' when it stands alone; the last one counts. */
function bootValue(line: string | null, name: string): string | null {
  let found: string | null = null;
  for (const word of (line ?? '').split(/\s+/)) {
    const [key = '', ...value] = word.split('=');
    if (key.replaceAll('-', '_') === name.replaceAll('-', '_')) found = value.join('=');
  }
  return found;
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

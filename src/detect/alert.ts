import {
  ancestorsOf,
  type ContainerFacts,
  type KernelEvent,
  type ProcessFacts,
  shownCommandLine,
} from '../events/index.ts';
import { newId } from '../system/id.ts';
import type { Text } from '../system/index.ts';
import { ALERT_ANCESTORS_MAX } from './limits.ts';
import type { Priority } from './rules.ts';

export interface AlertProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly name: string;
  readonly exe: string;
  readonly cmdline: string;
  readonly cwd: string;
  readonly uid: number;
  /** The device number of the terminal; 0 when there is none. */
  readonly tty: number;
  /** RFC 3339, or null when it is not known. */
  readonly startedAt: string | null;
}

export interface AlertAncestor {
  readonly pid: number;
  readonly name: string;
  readonly exe: string;
  readonly cmdline: string;
}

/** What a rule found, as plain data. Texts are as the program gave them (bytes that are no UTF-8 became U+FFFD); `output` alone
 * is escaped for printing. */
export interface Alert {
  readonly id: string;
  readonly at: string;
  /** CLOCK_MONOTONIC of the event. */
  readonly kernelTimeNs: number;
  readonly rule: string;
  readonly priority: Priority;
  readonly tags: readonly string[];
  readonly output: string;
  readonly outputFields: Readonly<Record<string, string | number | boolean | null>>;
  readonly container: ContainerFacts | null;
  readonly process: AlertProcess;
  readonly ancestors: readonly AlertAncestor[];
  readonly source: { readonly kind: 'rule'; readonly file: string; readonly line: number };
  /** How many alike it stands for, itself with them; left out: it is one. */
  readonly count?: number;
  /** A text of the event was longer than what the kernel or the sensor keeps. Left out: all are whole. */
  readonly truncated?: true;
}

/** Wall clock time as text. Nanoseconds below a millisecond are cut. */
export function timeText(wallNs: number): string {
  return new Date(Math.floor(wallNs / 1e6)).toISOString();
}

/** What an alert tells of the acting process and those above it. */
export function describeProcess(event: KernelEvent): { process: AlertProcess; ancestors: AlertAncestor[] } {
  const { process, surroundings } = event;
  const started = process.startedNs - surroundings.bootOffsetNs + surroundings.wallOffsetNs;
  return {
    process: {
      pid: process.pid,
      ppid: process.ppid,
      ...namesOf(process),
      cwd: process.cwd.toWellFormed(),
      uid: process.uid,
      tty: process.tty,
      startedAt: process.startedNs === 0 ? null : timeText(started),
    },
    ancestors: ancestorsOf(event, ALERT_ANCESTORS_MAX).map(describeAncestor),
  };
}

function describeAncestor(process: ProcessFacts): AlertAncestor {
  return { pid: process.pid, ...namesOf(process) };
}

function namesOf(process: ProcessFacts): { name: string; exe: string; cmdline: string } {
  const { name, exePath } = process;
  return {
    name: name.toWellFormed(),
    exe: exePath.toWellFormed(),
    cmdline: shownCommandLine(process).toWellFormed(),
  };
}

export function newAlertId(): string {
  return newId();
}

/** Where what the platform says of itself stands in Spanish; `output` is English, as that of every rule. */
export const SAID_IN_SPANISH = 'darsena.said.es';

/** An alert of the sensor about itself: of no container, with its own process. */
export function selfAlert(
  rule: string,
  priority: Priority,
  said: Text,
  now: { wallMs: number; kernelNs: number },
): Alert {
  return {
    id: newAlertId(),
    at: new Date(now.wallMs).toISOString(),
    kernelTimeNs: now.kernelNs,
    rule,
    priority,
    tags: ['sensor', 'mitre_defense_evasion', 'T1562.001'],
    output: said.en,
    outputFields: { [SAID_IN_SPANISH]: said.es },
    container: null,
    process: {
      pid: process.pid,
      ppid: process.ppid,
      name: 'darsena-sensor',
      exe: process.execPath,
      cmdline: '',
      cwd: '/',
      uid: process.getuid?.() ?? 0,
      tty: 0,
      startedAt: null,
    },
    ancestors: [],
    source: { kind: 'rule', file: 'sensor', line: 0 },
  };
}

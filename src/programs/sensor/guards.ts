/** Between what policies forbid and what the kernel's own programs take. */
import { type Alert, escapeControls } from '../../detect/live.ts';
import { type ContainerFacts, commandLine, type ProcessFacts } from '../../events/index.ts';
import type { KernelDenial, KernelGuard, KernelMet } from '../../observe/index.ts';
import { preventionAlert } from '../../prevent/alert.ts';
import {
  type ContainerGuard,
  type Denied,
  type GuardRule,
  isDriftForKernel,
  isForKernel,
} from '../../prevent/guard.ts';
import { monotonicNs } from '../link/stations.ts';

/** As much of a guard as the kernel's tables can say; the rest is the warden's. */
export function kernelGuardOf(guard: ContainerGuard): KernelGuard {
  const effectOf = (rule: number) => (guard.rules[rule]?.effect === 'act' ? 'act' : 'report');
  const denial = (kind: KernelDenial['kind'], { pattern, rule }: Pick<Denied, 'pattern' | 'rule'>): KernelDenial => ({
    ...{ kind, text: pattern, effect: effectOf(rule), rule },
  });
  const isDrift = guard.drift !== null && isDriftForKernel(guard);
  return {
    containerId: guard.containerId,
    drift: guard.drift === null || !isDrift ? null : { effect: effectOf(guard.drift), rule: guard.drift },
    denials: [
      ...guard.commands
        .filter((one) => isForKernel(one, 'exec'))
        .map((one) => denial(one.kind === 'path' ? 'path' : 'name', one)),
      ...guard.files.filter((one) => isForKernel(one, 'open')).map((one) => denial('file', one)),
      ...(isDrift ? guard.except.map((pattern) => denial('except', { pattern, rule: guard.drift ?? 0 })) : []),
    ],
  };
}

/** What the kernel met, with what is known of who did it. */
export function alertOfMet(
  met: KernelMet,
  rule: GuardRule,
  container: ContainerFacts | null,
  lineage: readonly ProcessFacts[],
): Alert {
  const [process, ...above] = lineage;
  const wallMs = Date.now() - (monotonicNs() - met.timeNs) / 1e6;
  return preventionAlert({
    ...{ rule, act: met.act, path: met.path, outcome: met.outcome, kernelTimeNs: met.timeNs },
    at: new Date(wallMs).toISOString(),
    container: container ?? {
      ...{ id: met.containerId, name: null, project: null, environment: null, workload: null, pod: null },
      ...{ container: null, image: null, digest: null },
    },
    process: {
      ...{ pid: met.pid, ppid: met.ppid, name: met.name, uid: met.uid, tty: process?.tty ?? 0, startedAt: null },
      exe: process?.exePath ?? met.path,
      cmdline: process === undefined ? met.name : commandLine(process),
      cwd: process?.cwd ?? '',
    },
    ancestors:
      above.length > 0
        ? above.map((one) => ({ pid: one.pid, name: one.name, exe: one.exePath, cmdline: commandLine(one) }))
        : [{ pid: met.ppid, name: escapeControls(met.parentName), exe: '', cmdline: '' }],
  });
}

/** What a guard met, as an alert. */
import type { Alert, AlertAncestor, AlertProcess } from '../detect/index.ts';
import type { ContainerFacts } from '../events/index.ts';
import { newId } from '../system/id.ts';
import type { GuardRule, Part } from './guard.ts';

export type Outcome = 'blocked' | 'killed' | 'reported';

/** What a guard met. */
export interface Met {
  readonly rule: GuardRule;
  readonly act: 'exec' | 'open';
  readonly path: string;
  readonly outcome: Outcome;
  readonly container: ContainerFacts;
  readonly process: AlertProcess;
  readonly ancestors: readonly AlertAncestor[];
  readonly at: string;
  readonly kernelTimeNs: number;
}

const RULES: Readonly<Record<Part, { readonly name: string; readonly tags: readonly string[] }>> = {
  drift: { name: 'Program that is not in the image', tags: ['mitre_execution', 'T1204.002', 'drift'] },
  command: { name: 'Denied command', tags: ['mitre_execution', 'T1059'] },
  file: { name: 'Denied file', tags: ['mitre_credential_access', 'T1552.001'] },
  component: { name: 'Denied component', tags: ['mitre_execution', 'T1195.002'] },
  package: { name: 'Denied package', tags: ['mitre_execution', 'T1195.002', 'T1588.002'] },
};

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  blocked: 'it did not happen',
  killed: 'the process was killed at once',
  reported: 'nothing was done, the policy only reports',
};

/** The names of the rules under which guards speak. */
export const PREVENTION_RULES: readonly string[] = Object.values(RULES).map(({ name }) => name);

export function preventionAlert(met: Met): Alert {
  const { rule, act, path, outcome, container, process, ancestors, at, kernelTimeNs } = met;
  const { name, tags } = RULES[rule.part];
  const what = act === 'exec' ? 'started' : 'opened';
  const of = rule.subject === undefined ? '' : ` of ${rule.subject}`;
  const output = `${name}: ${JSON.stringify(path)}${of} was to be ${what} by ${JSON.stringify(process.name)}; ${OUTCOMES[outcome]} (policy ${rule.policy})`;
  return {
    ...{ id: newId(), at, kernelTimeNs, rule: name, priority: outcome === 'reported' ? 'warning' : 'critical' },
    tags: ['prevention', `policy:${rule.policy}`, outcome, ...tags],
    output: output.replaceAll(/\p{Cc}/gu, '?'),
    outputFields: {
      ...{ 'prevention.policy': rule.policy, 'prevention.part': rule.part, 'prevention.outcome': outcome },
      ...(rule.subject === undefined ? {} : { 'prevention.package': rule.subject }),
      ...{ 'prevention.act': act, 'fd.name': path, 'proc.name': process.name, 'proc.pid': process.pid },
    },
    container,
    process,
    ancestors,
    source: { kind: 'rule', file: 'prevention', line: 0 },
  };
}

import { holds } from '../../network/index.ts';
import type { Text } from '../../system/index.ts';
import { type DisruptionBudget, resolveAllowance } from '../model.ts';

/** One pod as budgets see it. */
export interface BudgetPod {
  readonly name: string;
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
}

/** How many pods each workload should have, for shares: by `project/environment/name`. */
export type WantedCounts = ReadonlyMap<string, number>;

/**
 * What stands in the way of taking a pod away, as the Eviction API of Kubernetes decides it (policy/v1,
 * PodDisruptionBudget); null when nothing does. `pods` are those that stay: what is already on its way out is not in it.
 */
export function whatKeeps(
  pod: BudgetPod,
  budgets: readonly DisruptionBudget[],
  pods: readonly BudgetPod[],
  wanted: WantedCounts,
): Text | null {
  for (const budget of budgets) {
    if (!covers(budget, pod)) continue;
    const { healthy, needed } = measure(budget, pods, wanted);
    // A pod that is not ready takes nothing away from those that are.
    if (!pod.ready && (budget.unhealthyAlways || (healthy >= needed && needed > 0))) continue;
    if (healthy - 1 >= needed) continue;
    return {
      en: `the PodDisruptionBudget ${budget.name} keeps it: ${needed} must be ready, ${healthy} are`,
      es: `lo retiene el PodDisruptionBudget ${budget.name}: ${needed} deben estar listos, ${healthy} lo están`,
    };
  }
  return null;
}

function covers(budget: DisruptionBudget, pod: BudgetPod): boolean {
  const { project, environment, selector } = budget;
  return pod.project === project && pod.environment === environment && holds(selector, pod.labels);
}

function measure(
  budget: DisruptionBudget,
  pods: readonly BudgetPod[],
  wanted: WantedCounts,
): { healthy: number; needed: number } {
  const mine = pods.filter((pod) => covers(budget, pod));
  const healthy = mine.filter(({ ready }) => ready).length;
  const workloads = new Set(mine.map(({ project, environment, workload }) => `${project}/${environment}/${workload}`));
  const expected = [...workloads].reduce((sum, name) => sum + (wanted.get(name) ?? 0), 0);
  const { kind, amount } = budget.keeps;
  // Both kinds of shares round up, as in Kubernetes.
  const count = resolveAllowance(amount, expected, 'up');
  return { healthy, needed: kind === 'available' ? count : Math.max(0, expected - count) };
}

import type { Text } from '../system/index.ts';

/** What people change of a workload by hand, with the words of kubectl. */
export type WorkloadChange =
  | { readonly kind: 'scale'; readonly workload: string; readonly replicas: number }
  | { readonly kind: 'restart'; readonly workload: string; readonly at: string }
  | { readonly kind: 'pause'; readonly workload: string }
  | { readonly kind: 'resume'; readonly workload: string };

/** For people: what was done. */
export function changeText(change: WorkloadChange): Text {
  const { workload } = change;
  switch (change.kind) {
    case 'scale':
      return { en: `${workload} scaled to ${change.replicas}`, es: `${workload} escalada a ${change.replicas}` };
    case 'restart':
      return { en: `${workload} restarted`, es: `${workload} reiniciada` };
    case 'pause':
      return { en: `${workload} paused`, es: `${workload} en pausa` };
    case 'resume':
      return { en: `${workload} resumed`, es: `${workload} reanudada` };
  }
}

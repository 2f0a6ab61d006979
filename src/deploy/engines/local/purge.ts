import { purgeVolumes } from '../../../volumes/index.ts';
import type { ContainerEngine } from './engine.ts';
import { LABEL } from './labels.ts';

/**
 * Ends and removes every pod, network and, when asked, volume of one instance, and nothing of another. The reconciler
 * must have been stopped. Gives the names of what was removed.
 */
export async function purgeInstance(
  engine: ContainerEngine,
  instance: string,
  options: { readonly volumes: boolean },
): Promise<string[]> {
  const removed: string[] = [];
  for (const pod of await engine.list()) {
    if (pod.labels[LABEL.instance] !== instance) continue;
    await engine.removePod(pod.id);
    removed.push(pod.name);
  }
  for (const { name, labels } of await engine.listNetworks()) {
    if (labels[LABEL.instance] !== instance) continue;
    await engine.removeNetwork(name);
    removed.push(name);
  }
  if (options.volumes) removed.push(...(await purgeVolumes(engine, instance)));
  return removed;
}

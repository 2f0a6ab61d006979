import { type Composition, deployFault } from '../../deploy/index.ts';
import { formatKey } from '../../deploy/model.ts';
import type { Text } from '../../system/index.ts';
import type { HostView } from './hosts.ts';

/**
 * A run-time that no host has refuses a release before it is written down. Where no host has told of itself yet, the host
 * that would start it decides.
 * @throws Fault deploy.runtime-nowhere
 */
export function requireRuntimes(composition: Composition, hosts: readonly Pick<HostView, 'name' | 'facts'>[]): void {
  for (const { key, pod } of composition.workloads) {
    if (pod.runtime === undefined) continue;
    const reasons: Text[] = [];
    let isSomewhere = false;
    for (const { name, facts } of hosts) {
      if (facts === null) continue;
      const found = facts.engine.runtimes.find((runtime) => runtime.name === pod.runtime);
      if (found !== undefined && found.missing === null) isSomewhere = true;
      else
        reasons.push({
          en: `${name}: ${found?.missing?.en ?? 'it is not known there'}`,
          es: `${name}: ${found?.missing?.es ?? 'allí no se conoce'}`,
        });
    }
    if (isSomewhere || reasons.length === 0) continue;
    throw deployFault('deploy.runtime-nowhere', {
      workload: formatKey(key),
      runtime: pod.runtime,
      why: reasons.map(({ en }) => en).join('; '),
      porque: reasons.map(({ es }) => es).join('; '),
    });
  }
}

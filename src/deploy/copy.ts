import type { Composition } from './composition.ts';
import { hashPodSpec } from './model.ts';

/**
 * One pod of a workload under another name, beside it: with labels of its own, so that no request comes to it, and with
 * empty volumes in place of its claims, so that it touches no data.
 * @returns null for what runs to an end
 */
export function copyWorkload(composition: Composition, workload: string, name: string): Composition | null {
  const found = composition.workloads.find(({ key }) => key.name === workload);
  if (found === undefined || found.controller?.kind === 'job' || found.controller?.kind === 'cron') return null;
  const { controller: _kind, horizontal: _across, vertical: _up, joined: _join, ...rest } = found;
  const { paused: _paused, canary: _canary, ...plain } = rest;
  const { subdomain: _subdomain, hostname: _hostname, ...body } = found.pod;
  const pod = {
    ...body,
    labels: { 'darsena.copy-of': workload, copy: name },
    volumes: found.pod.volumes.map((volume) =>
      volume.kind === 'claim' ? ({ kind: 'scratch', name: volume.name } as const) : volume,
    ),
  };
  const copy = {
    ...plain,
    key: { ...found.key, name },
    pod,
    specHash: hashPodSpec(pod),
    replicas: 1,
    strategy: { kind: 'recreate' } as const,
  };
  return { workloads: [copy], services: [], routes: [], volumes: [], contents: composition.contents };
}

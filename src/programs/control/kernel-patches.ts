import type { Deployments } from '../../deploy/index.ts';
import {
  type LookAtHosts,
  PATCH_REPOSITORY,
  PATCHES_MAX,
  type PatchStore,
  type PatchTrust,
  type RebootGround,
} from '../../host/index.ts';
import { silentStep } from '../../progress/index.ts';
import type { Registry } from '../../registry/index.ts';
import { Fault } from '../../system/index.ts';
import type { SignatureStore, Trust } from '../../trust/index.ts';
import type { Hosts } from './hosts.ts';

/** The registry as live patches ask it. */
export function patchStore(registry: Registry): PatchStore {
  return {
    async names() {
      const found: string[] = [];
      for (let last: string | null = ''; last !== null && found.length < PATCHES_MAX; ) {
        const page = await tagsAfter(registry, last);
        found.push(...page.items);
        last = page.next;
      }
      return found.filter((tag) => /^[A-Za-z0-9_]{1,55}$/.test(tag));
    },
    async find(nameOrDigest) {
      const stored = await registry.resolve(PATCH_REPOSITORY, nameOrDigest);
      return stored === null ? null : { digest: stored.digest, bytes: stored.bytes };
    },
    blob: (digest) => registry.openBlob(digest),
    putBlob: (bytes, digest) => registry.putBlob(PATCH_REPOSITORY, bytes, digest),
    async putManifest(bytes, mediaType, tag, actor) {
      await registry.putManifest(PATCH_REPOSITORY, bytes, mediaType, { tag, actor });
    },
  };
}

export function patchTrust(trust: Trust, signatures: SignatureStore): PatchTrust {
  return {
    verify: (digest) => trust.verify(PATCH_REPOSITORY, digest),
    signatures: (digest) => signatures.signaturesOf(PATCH_REPOSITORY, digest),
    async attach(bundle, digest, actor) {
      await trust.attach(bundle, { digest, repository: PATCH_REPOSITORY }, actor);
    },
  };
}

/** A platform without any patch has no such repository, which is no fault. */
async function tagsAfter(registry: Registry, last: string): Promise<{ items: readonly string[]; next: string | null }> {
  try {
    return await registry.manifests.listTags(PATCH_REPOSITORY, { limit: 1_000, ...(last === '' ? {} : { last }) });
  } catch (error) {
    if (error instanceof Fault && error.code === 'registry.repository-unknown') return { items: [], next: null };
    throw error;
  }
}

/** Workloads run on one host today: the only one, or the first that is here (Hosts.only). */
function runsWorkloads(host: string, hosts: Pick<Hosts, 'views' | 'connected'>): boolean {
  return hosts.views().length === 1 || hosts.connected()[0] === host;
}

/** How each host fares: whether its agent answers, and which of its workloads and what of its sensor is not as it should be. */
export function lookAtHosts({
  hosts,
  deployments,
}: {
  readonly hosts: Pick<Hosts, 'views' | 'connected'>;
  readonly deployments: Pick<Deployments, 'statuses'>;
}): ReturnType<LookAtHosts> {
  const views = new Map(hosts.views().map((view) => [view.name, view]));
  const unready = deployments
    .statuses(null)
    .filter(({ phase, ready, wanted }) => phase !== 'stopped' && (phase !== 'available' || ready < wanted))
    .map(({ key }) => `${key.project}/${key.environment}/${key.name} is not ready`);
  return (host) => {
    const view = views.get(host);
    const own = runsWorkloads(host, hosts) ? unready : [];
    const problems = view?.sensor?.state === 'down' ? ['the sensor is down', ...own] : own;
    return { isHere: view?.state === 'connected', problems };
  };
}

/** The engine and the hosts as a restart in order needs them. */
export function rebootGround({
  hosts,
  deployments,
}: {
  readonly hosts: Pick<Hosts, 'views' | 'run' | 'connected'>;
  readonly deployments: Pick<Deployments, 'statuses' | 'maintenance' | 'setMaintenance'>;
}): RebootGround {
  return {
    isHere: (host) => hosts.connected().includes(host),
    async empty(host, reason) {
      if (!runsWorkloads(host, hosts)) return false;
      const before = await deployments.maintenance();
      // Already emptied: by this very restart, or by a person who will give it back.
      if (before?.draining === true) return before.reason === reason;
      const wanted = { draining: true, disregardBudgets: false, reason: before === null ? reason : before.reason };
      await deployments.setMaintenance(wanted, 'platform');
      return before === null;
    },
    pods(host) {
      if (!runsWorkloads(host, hosts)) return [];
      return deployments
        .statuses(null)
        .flatMap(({ replicas }) =>
          replicas.flatMap(({ name, phase }) => (phase === 'succeeded' || phase === 'failed' ? [] : [name])),
        );
    },
    async serve(_host, reason) {
      if ((await deployments.maintenance())?.reason === reason) await deployments.setMaintenance(null, 'platform');
    },
    async order(host, task) {
      await hosts.run(task, { host, step: silentStep });
    },
  };
}

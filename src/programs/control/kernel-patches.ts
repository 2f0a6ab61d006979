import type { Deployments } from '../../deploy/index.ts';
import {
  type KubernetesNodes,
  type LookAtHosts,
  PATCH_REPOSITORY,
  PATCHES_MAX,
  type PatchStore,
  type PatchTrust,
  type RebootGround,
} from '../../host/index.ts';
import { silentStep } from '../../progress/index.ts';
import type { Registry } from '../../registry/index.ts';
import { Fault, type Text } from '../../system/index.ts';
import type { SignatureStore, Trust } from '../../trust/index.ts';
import type { Hosts } from './hosts.ts';

/** The registry as live patches ask it, and what else changes kernels. */
export function patchStore(registry: Registry, repository: string = PATCH_REPOSITORY): PatchStore {
  return {
    async names() {
      const found: string[] = [];
      for (let last: string | null = ''; last !== null && found.length < PATCHES_MAX; ) {
        const page = await tagsAfter(registry, repository, last);
        found.push(...page.items);
        last = page.next;
      }
      return found.filter((tag) => /^[A-Za-z0-9_]{1,55}$/.test(tag));
    },
    async find(nameOrDigest) {
      const stored = await registry.resolve(repository, nameOrDigest);
      return stored === null ? null : { digest: stored.digest, bytes: stored.bytes };
    },
    blob: (digest) => registry.openBlob(digest),
    putBlob: (bytes, digest) => registry.putBlob(repository, bytes, digest),
    async putManifest(bytes, mediaType, tag, actor) {
      await registry.putManifest(repository, bytes, mediaType, { tag, actor });
    },
  };
}

export function patchTrust(
  trust: Trust,
  signatures: SignatureStore,
  repository: string = PATCH_REPOSITORY,
): PatchTrust {
  return {
    verify: (digest) => trust.verify(repository, digest),
    signatures: (digest) => signatures.signaturesOf(repository, digest),
    async attach(bundle, digest, actor) {
      await trust.attach(bundle, { digest, repository }, actor);
    },
  };
}

/** A platform without any patch has no such repository, which is no fault. */
async function tagsAfter(
  registry: Registry,
  repository: string,
  last: string,
): Promise<{ items: readonly string[]; next: string | null }> {
  try {
    return await registry.manifests.listTags(repository, { limit: 1_000, ...(last === '' ? {} : { last }) });
  } catch (error) {
    if (error instanceof Fault && error.code === 'registry.repository-unknown') return { items: [], next: null };
    throw error;
  }
}

/** Workloads run on one host today: the only one, or the first that is here (Hosts.only). */
export function runsWorkloads(host: string, hosts: Pick<Hosts, 'views' | 'connected'>): boolean {
  return hosts.views().length === 1 || hosts.connected()[0] === host;
}

const SENSOR_DOWN: Text = { en: 'the sensor is down', es: 'el sensor está caído' };

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
    .map(({ key }) => `${key.project}/${key.environment}/${key.name}`)
    .map((name) => ({ en: `${name} is not ready`, es: `${name} no está lista` }));
  return (host) => {
    const view = views.get(host);
    const own = runsWorkloads(host, hosts) ? unready : [];
    const problems = view?.sensor?.state === 'down' ? [SENSOR_DOWN, ...own] : own;
    return { isHere: view?.state === 'connected', problems };
  };
}

/** The engine and the hosts as a restart in order needs them. */
export function rebootGround({
  hosts,
  deployments,
  nodes,
}: {
  readonly hosts: Pick<Hosts, 'views' | 'run' | 'connected'>;
  readonly deployments: Pick<Deployments, 'statuses' | 'maintenance' | 'setMaintenance'>;
  /** Hosts that are nodes of a cluster are emptied through its API. */
  readonly nodes: Pick<KubernetesNodes, 'nodeOf' | 'empty' | 'pods' | 'serve'>;
}): RebootGround {
  const isNode = async (host: string): Promise<boolean> => (await nodes.nodeOf(host)) !== null;
  return {
    isHere: (host) => hosts.connected().includes(host),
    async empty(host, reason) {
      if (await isNode(host)) return nodes.empty(host, reason);
      if (!runsWorkloads(host, hosts)) return false;
      const before = await deployments.maintenance();
      // Already emptied: by this very restart, or by a person who will give it back.
      if (before?.draining === true) return before.reason === reason || wasClosed(before.reason, reason) !== null;
      // Who closed it to new work finds it so again: their words go with it.
      const why = before === null ? reason : `${reason}: ${before.reason}`;
      await deployments.setMaintenance({ draining: true, disregardBudgets: false, reason: why }, 'platform');
      return true;
    },
    async pods(host) {
      if (await isNode(host)) return nodes.pods(host);
      if (!runsWorkloads(host, hosts)) return [];
      return deployments
        .statuses(null)
        .flatMap(({ replicas }) =>
          replicas.flatMap(({ name, phase }) => (phase === 'succeeded' || phase === 'failed' ? [] : [name])),
        );
    },
    async serve(host, reason) {
      const standing = await deployments.maintenance();
      const closed = wasClosed(standing?.reason ?? '', reason);
      if (standing?.reason === reason) await deployments.setMaintenance(null, 'platform');
      else if (closed !== null)
        await deployments.setMaintenance({ draining: false, disregardBudgets: false, reason: closed }, 'platform');
      // Last: a cluster that does not answer keeps no pod of the platform's own from its place.
      await nodes.serve(host, reason);
    },
    async order(host, task) {
      await hosts.run(task, { host, step: silentStep });
    },
  };
}

/** Why a host was closed to new work before a restart emptied it; null: it was not. */
function wasClosed(standing: string, reason: string): string | null {
  return standing.startsWith(`${reason}: `) ? standing.slice(reason.length + 2) : null;
}

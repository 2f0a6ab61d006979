import { z } from 'zod';
import { type Clock, Fault, type Json } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { KUBE_NODES_KEPT_MS, KUBE_PAGE, KUBE_PODS_MAX, KUBE_READY_MS, REBOOT_POLL_MS } from '../limits.ts';
import type { KubeApi } from './kube-api.ts';
import type { RebootGround } from './reboots.ts';

/** Whose restart has cordoned a node; one without it was cordoned by somebody else, and stays so. */
const CORDONED = 'darsena.internal/restart';
/** The host that the node is, while it is cordoned: after its start a node tells the id of the former one for a while. */
const HOST = 'darsena.internal/host';
const MIRROR = 'kubernetes.io/config.mirror';

const name = z.string().min(1).max(253);
const annotations = z.record(z.string(), z.string()).optional();
const nodeShape = z.object({
  metadata: z.object({ name, annotations }),
  spec: z.object({ unschedulable: z.boolean().optional() }).optional(),
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
      nodeInfo: z.object({ bootID: z.string() }).optional(),
    })
    .optional(),
});
const podShape = z.object({
  metadata: z.object({
    ...{ name, namespace: name, uid: z.string(), annotations },
    deletionTimestamp: z.string().nullish(),
    ownerReferences: z.array(z.object({ kind: z.string(), controller: z.boolean().optional() })).optional(),
  }),
  status: z.object({ phase: z.string().optional() }).optional(),
});
const list = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), metadata: z.object({ continue: z.string().optional() }).optional() });

type Node = z.infer<typeof nodeShape>;
type Pod = z.infer<typeof podShape>;

/**
 * Hosts that are nodes of Kubernetes, emptied as `kubectl drain` does it: cordoned, then every pod evicted through the API,
 * which refuses (429) what a PodDisruptionBudget does not allow now and is asked again. Pods of DaemonSets and those that the
 * kubelet has from files stay; a pod that nothing would make anew keeps the node from being emptied at all.
 * Sources: policy/v1 Eviction, "Safely Drain a Node" of the documentation of Kubernetes.
 */
export class KubernetesNodes implements Pick<RebootGround, 'empty' | 'pods' | 'serve'> {
  readonly #clusters: readonly KubeApi[];
  readonly #clock: Clock;
  /** A host's start of the machine, as its agent told it: what a node's description names too. */
  readonly #bootOf: (host: string) => string | null;
  readonly #known = new Map<string, KnownNode>();
  /** When a host was last found to be no node, in the start that it told then. */
  readonly #strangers = new Map<string, { readonly boot: string; readonly atMs: number }>();

  constructor(clusters: readonly KubeApi[], clock: Clock, bootOf: (host: string) => string | null) {
    this.#clusters = clusters;
    this.#clock = clock;
    this.#bootOf = bootOf;
  }

  /** The node that a host is, by the id of its start, or by its name where the cluster tells no id. @throws Fault host.cluster-silent */
  async nodeOf(host: string): Promise<{ readonly cluster: string; readonly node: string } | null> {
    const found = await this.#find(host);
    return found === null ? null : { cluster: found.api.cluster, node: found.node };
  }

  /** @throws Fault host.node-unmanaged, host.cluster-refused, host.cluster-silent */
  async empty(host: string, reason: string): Promise<boolean> {
    const { api, node } = await this.#must(host);
    const { metadata, spec } = await this.#node(api, node);
    const isOurs = metadata.annotations?.[CORDONED] === reason;
    const was = spec?.unschedulable !== true || isOurs;
    requireManaged(await this.#podsOn(api, node), host, node);
    if (spec?.unschedulable !== true) await this.#cordon(api, node, { [CORDONED]: reason, [HOST]: host });
    return was;
  }

  /**
   * Asks that what still runs there goes, as far as budgets allow, and answers what is left.
   * @throws Fault host.node-unmanaged, host.cluster-refused, host.cluster-silent
   */
  async pods(host: string): Promise<readonly string[]> {
    const { api, node } = await this.#must(host);
    const left = (await this.#podsOn(api, node)).filter(isEvictable);
    // One may have come just before the node was cordoned.
    requireManaged(left, host, node);
    for (const pod of left) {
      const { metadata } = pod;
      if (metadata.deletionTimestamp != null) continue; // on its way
      const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/eviction`;
      const { status, body } = await api.call('POST', path, {
        ...{ apiVersion: 'policy/v1', kind: 'Eviction' },
        metadata: { name: metadata.name, namespace: metadata.namespace },
        // One of the same name that came after it is another pod.
        deleteOptions: { preconditions: { uid: metadata.uid } },
      });
      // 429: its budget does not allow it now. 404, 409: it is gone, or another has its name. All are looked at again.
      if (status < 300 || status === 404 || status === 409 || status === 429) continue;
      throw refused(api, path, status, body);
    }
    return left.map(sayPod);
  }

  /**
   * Waits until the node is ready in the start that its host tells, and lets pods be placed there, if this restart took that
   * away. A cluster that is silent is waited for too: its API may be on the very machine that starts again. A host that is no
   * node is let be.
   * @throws Fault host.node-unready, host.cluster-refused, host.cluster-silent
   */
  async serve(host: string, reason: string): Promise<void> {
    const endMs = this.#clock.monotonicMs() + KUBE_READY_MS;
    for (;;) {
      const isLate = this.#clock.monotonicMs() >= endMs;
      try {
        const found = await this.#find(host);
        if (found === null) return;
        const { metadata, status } = await this.#node(found.api, found.node);
        if (metadata.annotations?.[CORDONED] !== reason) return;
        const isReady = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
        const boot = status?.nodeInfo?.bootID || null;
        if (isReady && (boot === null || boot === this.#bootOf(host))) {
          return await this.#cordon(found.api, found.node, null);
        }
        if (isLate) throw hostFault('host.node-unready', { host, node: found.node, minutes: KUBE_READY_MS / 60_000 });
      } catch (error) {
        if (isLate || !(error instanceof Fault && error.code === 'host.cluster-silent')) throw error;
      }
      await this.#clock.sleep(REBOOT_POLL_MS);
    }
  }

  /** @param by what is written on the node while it takes no pods; null: it takes them again */
  async #cordon(api: KubeApi, node: string, by: Readonly<Record<string, string>> | null): Promise<void> {
    const path = `/api/v1/nodes/${node}`;
    const annotations = by ?? { [CORDONED]: null, [HOST]: null };
    const change = { metadata: { annotations }, spec: { unschedulable: by !== null } };
    const { status, body } = await api.call('PATCH', path, change);
    if (status >= 300) throw refused(api, path, status, body);
  }

  async #node(api: KubeApi, node: string): Promise<Node> {
    const path = `/api/v1/nodes/${node}`;
    const { status, body } = await api.call('GET', path);
    if (status >= 300) throw refused(api, path, status, body);
    return read(api, nodeShape, body);
  }

  async #podsOn(api: KubeApi, node: string): Promise<Pod[]> {
    return this.#all(api, `/api/v1/pods?fieldSelector=spec.nodeName%3D${encodeURIComponent(node)}`, podShape);
  }

  async #all<T extends z.ZodType>(api: KubeApi, path: string, shape: T): Promise<z.infer<T>[]> {
    const found: z.infer<T>[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      // Part of a list would be taken for the whole: a node that is on no page would be started again with its pods.
      if (found.length >= KUBE_PODS_MAX) {
        throw hostFault('host.cluster-silent', { cluster: api.cluster, why: `${path}: more than ${KUBE_PODS_MAX}` });
      }
      const part = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const page = `${path}${path.includes('?') ? '&' : '?'}limit=${KUBE_PAGE}${part}`;
      const { status, body } = await api.call('GET', page);
      if (status >= 300) throw refused(api, path, status, body);
      const { items, metadata } = read(api, list(shape), body);
      found.push(...(items as z.infer<T>[]));
      next = metadata?.continue || undefined;
    }
    return found;
  }

  async #must(host: string): Promise<{ readonly api: KubeApi; readonly node: string }> {
    const found = await this.#find(host);
    if (found === null) throw hostFault('host.unknown', { host });
    return found;
  }

  async #find(host: string): Promise<KnownNode | null> {
    const boot = this.#bootOf(host);
    if (boot === null || this.#clusters.length === 0) return null;
    const known = this.#known.get(host);
    if (known?.boot === boot) return known;
    const stranger = this.#strangers.get(host);
    const nowMs = this.#clock.monotonicMs();
    if (stranger?.boot === boot && nowMs - stranger.atMs < KUBE_NODES_KEPT_MS) return null;
    // Each host is looked for in a listing of its own time: one that was not asked about before may be a node all the same.
    const listed: { readonly api: KubeApi; readonly node: Node }[] = [];
    for (const api of this.#clusters) {
      for (const node of await this.#all(api, '/api/v1/nodes', nodeShape)) listed.push({ api, node });
    }
    // Another cluster may have a node of the same name: what this host wrote there, and its start, are its own.
    const found =
      listed.find(({ node }) => node.metadata.annotations?.[HOST] === host) ??
      listed.find(({ node }) => node.status?.nodeInfo?.bootID === boot) ??
      listed.find(({ node }) => !node.status?.nodeInfo?.bootID && node.metadata.name === host);
    if (found === undefined) {
      this.#known.delete(host);
      this.#strangers.set(host, { boot, atMs: nowMs });
      return null;
    }
    const node = { api: found.api, node: found.node.metadata.name, boot };
    this.#known.set(host, node);
    return node;
  }
}

/** The node that a host is, as long as it is in the start of then. */
interface KnownNode {
  readonly api: KubeApi;
  readonly node: string;
  readonly boot: string;
}

/** What nothing would make anew is never taken away. @throws Fault host.node-unmanaged */
function requireManaged(all: readonly Pod[], host: string, node: string): void {
  const alone = all.filter((pod) => isEvictable(pod) && !isManaged(pod));
  if (alone.length === 0) return;
  throw hostFault('host.node-unmanaged', { host, node, pods: alone.slice(0, 5).map(sayPod).join(', ') });
}

/** What a drain moves: not what has ended, nor what the kubelet or a DaemonSet would start there again at once. */
function isEvictable({ metadata, status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  if (metadata.annotations?.[MIRROR] !== undefined) return false;
  return !(metadata.ownerReferences ?? []).some(({ kind, controller }) => controller === true && kind === 'DaemonSet');
}

function isManaged({ metadata }: Pod): boolean {
  return (metadata.ownerReferences ?? []).some(({ controller }) => controller === true);
}

function sayPod({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function refused({ cluster }: KubeApi, path: string, status: number, body: Json): Error {
  const said = typeof body === 'object' && body !== null && 'message' in body ? String(body['message']) : '';
  // An API server that starts, or has too much to do, has not refused anything yet.
  if (status >= 500 || status === 429)
    return hostFault('host.cluster-silent', { cluster, why: `${path}: ${status} ${said.slice(0, 500)}` });
  return hostFault('host.cluster-refused', { cluster, path, status, why: said.slice(0, 500) });
}

function read<T extends z.ZodType>({ cluster }: KubeApi, shape: T, body: Json): z.infer<T> {
  const found = shape.safeParse(body);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw hostFault('host.cluster-silent', { cluster, why: `${issue?.path.join('.') || 'it'}: ${issue?.message ?? ''}` });
}

import {
  type NameServer,
  type NetworkPolicy,
  openAddresses,
  POLICY_TABLE,
  podRules,
  readFlows,
  type SegmentPod,
  type WorkloadFlow,
  type ZoneClient,
  type ZoneService,
} from '../../../network/index.ts';
import type { Log } from '../../../system/index.ts';
import type { PodSpec, WorkloadKey } from '../../model.ts';
import type { ObservedPod, PodEngine, PodPlace } from './engine.ts';
import { engineFault } from './errors.ts';
import type { ServiceRedirect } from './hosts.ts';

/** Addresses whose last pod is known: more than hosts run pods, so that only what ended long ago is forgotten. */
const OWNERS_MAX = 16_384;

/** Pods whose counters one look reads: a program is started for each, which takes some five thousandths of a second of a core. */
const FLOW_READS_MAX = 20;

/** A pod with a network, and what it was made from. */
export interface PlacedPod {
  readonly pod: ObservedPod;
  readonly place: PodPlace;
  readonly key: WorkloadKey;
  readonly spec: PodSpec;
  readonly redirects: readonly ServiceRedirect[];
}

/** The resolver of this host's pods. */
export type Names = Pick<NameServer, 'listen' | 'setZone'>;

export interface SegmentsOptions {
  readonly engine: PodEngine;
  readonly log: Log;
  /** Null: pods ask the resolvers of the host. */
  readonly names: Names | null;
  readonly nowMs?: () => number;
}

/** A way that connections of a pod took, or that was refused them. */
export interface PodFlow {
  readonly pod: string;
  /** Of the other end: the kernel counts by it, also where it is known whose it is. */
  readonly address: string;
  readonly flow: WorkloadFlow;
}

/** When a resolver that could not listen tries again, and how often before it waits for the next pod. */
const DEAF_RETRY_MS = 10_000;
const DEAF_TRIES_MAX = 6;

/**
 * Keeps the rules inside pods, and what names mean to them, as policies and neighbours want it. A pod gets its rules
 * before its first container starts; what changes among its neighbours reaches it with the next round.
 */
export class Segments {
  readonly #options: SegmentsOptions;
  /** Addresses at which the resolver could not listen. */
  readonly #deaf = new Map<string, { readonly tries: number; readonly atMs: number }>();
  readonly #loaded = new Map<string, string>();
  readonly #clients = new Map<string, KnownPod>();
  /** Whose an address was last: others' counters name a pod of a job long after it ended. */
  readonly #owners = new Map<string, WorkloadKey>();
  /** As last read, by the pod's name; those read longest ago come first. */
  readonly #flows = new Map<string, readonly PodFlow[]>();
  #services: readonly ZoneService[] = [];

  constructor(options: SegmentsOptions) {
    this.#options = options;
  }

  /** @throws Fault when the pod would start without the rules that policies ask for */
  async prepare(placed: PlacedPod, others: readonly PlacedPod[], policies: readonly NetworkPolicy[]): Promise<void> {
    this.#loaded.delete(placed.pod.name);
    await this.#load(placed, segmentPods([...others, placed]), policies);
    this.#tellNames();
  }

  /** @returns whether every pod has its rules by now */
  async follow(
    placed: readonly PlacedPod[],
    policies: readonly NetworkPolicy[],
    services: readonly ZoneService[],
    isBusy: (pod: string) => boolean,
  ): Promise<boolean> {
    this.#services = services;
    const pods = segmentPods(placed);
    let isWhole = true;
    for (const one of placed) {
      try {
        await this.#load(one, pods, policies);
      } catch (error) {
        // Its former rules stand: closed for whom they did not name.
        const why = error instanceof Error ? error.message : error;
        isWhole = false;
        this.#options.log.warn({ pod: one.pod.name, error: why }, 'rules not loaded');
      }
    }
    if (await this.#listenAgain(new Set(pods.map(({ gateway }) => gateway)))) isWhole = false;
    const names = new Set(placed.map(({ pod }) => pod.name));
    for (const name of this.#loaded.keys()) {
      if (names.has(name) || isBusy(name)) continue;
      this.#loaded.delete(name);
      this.#clients.delete(name);
    }
    this.#tellNames();
    return isWhole;
  }

  /**
   * The ways that connections of this host's pods took or were refused, counted since the pods started. Of many pods some are
   * read at each look, those first that waited longest; the kernel counts on for a day, and of the others the last reading stands.
   */
  async flows(): Promise<readonly PodFlow[]> {
    for (const name of this.#flows.keys()) if (!this.#clients.has(name)) this.#flows.delete(name);
    const fresh = [...this.#clients.keys()].filter((name) => !this.#flows.has(name));
    for (const name of [...fresh, ...this.#flows.keys()].slice(0, FLOW_READS_MAX)) {
      const known = this.#clients.get(name);
      if (known === undefined) continue;
      const flows = (await this.#readFlows(known)) ?? this.#flows.get(name)?.filter(({ pod }) => pod === known.pod.id);
      // Set anew, it is the last of them.
      this.#flows.delete(name);
      this.#flows.set(name, flows ?? []);
    }
    return [...this.#flows.values()].flat();
  }

  async #readFlows({ pod, key }: KnownPod): Promise<PodFlow[] | null> {
    try {
      const table = await this.#options.engine.readTable(pod, POLICY_TABLE);
      return (table === null ? [] : readFlows(table)).map(({ address, ...flow }) => {
        const other = this.#owners.get(address);
        const peer =
          other === undefined ? ({ kind: 'address', address } as const) : ({ kind: 'workload', ...other } as const);
        const { project, environment, name } = key;
        return { pod: pod.id, address, flow: { ...flow, project, environment, workload: name, peer } };
      });
    } catch (error) {
      this.#options.log.debug({ pod: pod.name, error: String(error) }, 'flows not read');
      return null;
    }
  }

  /** Lets a pod reach what a name of its policy led to. */
  async open(pod: string, set: string, addresses: readonly string[], seconds: number): Promise<void> {
    const known = this.#clients.get(pod);
    if (known === undefined) throw engineFault('engine.not-found', { operation: 'open addresses', why: pod });
    await this.#options.engine.loadRules(known.pod, openAddresses(set, addresses, seconds));
  }

  #own(address: string, key: WorkloadKey): void {
    this.#owners.delete(address);
    this.#owners.set(address, key);
    const [oldest] = this.#owners.keys();
    if (this.#owners.size > OWNERS_MAX && oldest !== undefined) this.#owners.delete(oldest);
  }

  async #load(placed: PlacedPod, pods: readonly SegmentPod[], policies: readonly NetworkPolicy[]): Promise<void> {
    const { engine, names } = this.#options;
    const { pod, place, key } = placed;
    const own = pods.find(({ name }) => name === pod.name);
    if (own === undefined) return;
    const { script, governed, names: named, asksAll } = podRules(own, pods, policies);
    const outside = asksAll ? ({ kind: 'all' } as const) : ({ kind: 'named', names: named } as const);
    const client = { pod: pod.name, podId: pod.id, project: key.project, environment: key.environment, outside };
    const addresses = [place.address, ...(own.six == null ? [] : [own.six.address])];
    this.#clients.set(pod.name, { pod, key, addresses, client });
    for (const address of addresses) this.#own(address, key);
    if (this.#loaded.get(pod.name) === script) return;
    const { rulesMissing } = await engine.facts();
    // Where nothing can be enforced, only a pod that a policy speaks of is kept from starting; the others say so.
    if (rulesMissing !== null && !governed.ingress && !governed.egress) return;
    const listening = await this.#listen(own.gateway);
    if (named.length > 0 && (names === null || !listening))
      throw engineFault('engine.refused', { operation: 'allow by name', why: NO_RESOLVER });
    await engine.loadRules(pod, script);
    this.#loaded.set(pod.name, script);
  }

  /** Pods ask a resolver that does not listen first of all, and wait for it. @returns whether one is still to be tried again */
  async #listenAgain(gateways: ReadonlySet<string>): Promise<boolean> {
    for (const [gateway, { tries, atMs }] of this.#deaf) {
      if (!gateways.has(gateway)) this.#deaf.delete(gateway);
      else if (tries < DEAF_TRIES_MAX && this.#nowMs() - atMs >= DEAF_RETRY_MS) await this.#listen(gateway);
    }
    return [...this.#deaf.values()].some(({ tries }) => tries < DEAF_TRIES_MAX);
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? (() => performance.now()))();
  }

  async #listen(gateway: string): Promise<boolean> {
    try {
      await this.#options.names?.listen(gateway);
      this.#deaf.delete(gateway);
      return true;
    } catch (error) {
      this.#deaf.set(gateway, { tries: (this.#deaf.get(gateway)?.tries ?? 0) + 1, atMs: this.#nowMs() });
      const why = error instanceof Error ? error.message : error;
      this.#options.log.warn({ gateway, error: why }, 'the resolver cannot listen; pods ask the resolvers of the host');
      return false;
    }
  }

  #tellNames(): void {
    const clients = new Map(
      [...this.#clients.values()].flatMap(({ addresses, client }) => addresses.map((address) => [address, client])),
    );
    this.#options.names?.setZone({ services: this.#services, clients });
  }
}

interface KnownPod {
  readonly pod: ObservedPod;
  readonly key: WorkloadKey;
  readonly addresses: readonly string[];
  readonly client: ZoneClient;
}

const NO_RESOLVER =
  'a policy allows names, and the resolver that follows them cannot listen at port 53 of the pod network';

function segmentPods(placed: readonly PlacedPod[]): SegmentPod[] {
  return placed.flatMap(({ pod, place, key, spec, redirects }): SegmentPod[] => {
    if (place.segment === null) return [];
    const { project, environment } = key;
    const ports = spec.containers.flatMap((container) => container.ports);
    const { labels } = spec;
    const { address, segment } = place;
    return [{ name: pod.name, project, environment, labels, address, ports, services: redirects, ...segment }];
  });
}

import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import type { Digest } from '../../oci/index.ts';
import { type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { type PackedSignatures, packSignatures } from '../../trust/index.ts';
import { hostFault } from '../errors.ts';
import { FEED_AT_ONCE } from '../limits.ts';
import type { HostTables, Machines } from '../machines.ts';
import type { PatchStore, PatchTrust } from '../patches/patches.ts';
import { doubtSigned } from '../patches/receive.ts';
import { faultText } from '../words.ts';
import type { ShieldEntry } from './feed.ts';
import {
  feedOfManifest,
  newerFeed,
  packFeed,
  readFeed,
  SHIELD_REPOSITORY,
  SHIELD_TAG,
  SHIPPED_FEED,
  type ShieldFeed,
} from './feed-file.ts';
import { findShield } from './keeper.ts';
import { type ShieldStanding, shieldStates } from './standing.ts';

/** What a host is asked about one entry: its name alone. What that does is decided by the feed that the host believes. */
export type ShieldTask =
  | { readonly kind: 'kernel-shield'; readonly change: 'apply' | 'undo' | 'try'; readonly entry: string }
  /** A newer feed, which the host checks by itself. */
  | {
      readonly kind: 'kernel-shield';
      readonly change: 'feed';
      /** base64 */
      readonly feed: string;
      readonly signatures: PackedSignatures;
    };

/** A workload, by what was recorded of it. */
export interface RecordedWorkload {
  readonly project: string;
  readonly workload: string;
  readonly container: string;
  readonly calls: readonly string[];
  readonly families: readonly number[];
}

export interface ShieldsOptions {
  readonly db: Kysely<never>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Pick<Operations, 'start'>;
  readonly machines: Pick<Machines, 'facts' | 'answer' | 'shieldChanged'>;
  readonly store: Pick<PatchStore, 'find' | 'blob' | 'putBlob' | 'putManifest'>;
  readonly trust: PatchTrust;
  /** What workloads were seen to call. */
  readonly recorded: () => Promise<readonly RecordedWorkload[]>;
  /** Modules that were seen in use on a host, with the workloads that came with them. */
  readonly modulesOf: (host: string) => readonly { readonly module: string; readonly workloads: readonly string[] }[];
  /** Starts every workload again, one roll-out an environment. @returns operations */
  readonly restart: (actor: string) => Promise<readonly string[]>;
  readonly run: (
    host: string,
    task: ShieldTask,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal },
  ) => Promise<Json>;
}

type Change = 'apply' | 'undo' | 'try';

/** The shield over the hosts of the platform: set and taken back on request, and taken back by itself when nothing needs it. */
export class Shields {
  readonly #options: ShieldsOptions;
  #feed: ShieldFeed = SHIPPED_FEED;
  #digest: Digest | null = null;
  #taking: Promise<unknown> = Promise.resolve();

  constructor(options: ShieldsOptions) {
    this.#options = options;
  }

  get entries(): readonly ShieldEntry[] {
    return this.#feed.entries;
  }

  /** Reads the feed that was stored, where there is one that is newer than the one that came with the platform. */
  async open(): Promise<void> {
    const found = await this.#options.store.find(SHIELD_TAG);
    if (found === null) return;
    const { digest } = feedOfManifest(found.bytes);
    const stored = readFeed(await this.#bytes(digest));
    this.#feed = newerFeed(SHIPPED_FEED, stored);
    this.#digest = this.#feed === stored ? found.digest : null;
    this.#options.machines.shieldChanged();
  }

  /** The feed in use, and why hosts that follow the platform's trust policy would not take it. */
  async feed(): Promise<ShieldFeed & { readonly digest: Digest | null; readonly doubt: Text | null }> {
    const digest = this.#digest;
    const verdict = digest === null ? null : await this.#options.trust.verify(digest);
    return { ...this.#feed, digest, doubt: verdict === null ? null : doubtSigned(verdict, SHIELD_REPOSITORY) };
  }

  /**
   * Takes a feed with its signatures, and gives it to the hosts that are here.
   * @throws Fault host.shield-feed, host.shield-feed-old, host.shield-feed-untrusted, trust.not-verified
   */
  takeFeed(bytes: Uint8Array, bundles: readonly Uint8Array[], hosts: readonly string[], actor: string) {
    // Of two at once the older one must not come to stand last.
    const turn = this.#taking.then(() => this.#takeFeed(bytes, bundles, hosts, actor));
    this.#taking = turn.catch(() => undefined);
    return turn;
  }

  async #takeFeed(bytes: Uint8Array, bundles: readonly Uint8Array[], hosts: readonly string[], actor: string) {
    const { store, trust, machines } = this.#options;
    const feed = readFeed(bytes);
    if (feed.number < this.#feed.number) {
      throw hostFault('host.shield-feed-old', { number: feed.number, held: this.#feed.number });
    }
    const { digest, manifestBytes, mediaType, blob } = packFeed(bytes);
    if (feed.number === this.#feed.number && digest !== this.#digest) {
      const why = {
        en: `another one has the number ${feed.number} already`,
        es: `otra tiene ya el número ${feed.number}`,
      };
      throw hostFault('host.shield-feed', { why });
    }
    await store.putBlob(blob.bytes, blob.digest);
    // Its name among others first: what nobody is believed for must not take the place of what stands.
    await store.putManifest(manifestBytes, mediaType, `${SHIELD_TAG}-${feed.number}`, actor);
    for (const bundle of bundles) await trust.attach(bundle, digest, actor);
    const doubt = doubtSigned(await trust.verify(digest), SHIELD_REPOSITORY);
    if (doubt !== null) throw hostFault('host.shield-feed-untrusted', { why: doubt.en, porque: doubt.es });
    await store.putManifest(manifestBytes, mediaType, SHIELD_TAG, actor);
    if (digest !== this.#digest) {
      const body = { number: feed.number, digest, entries: feed.entries.length };
      await this.#record('shield.feed', SHIELD_REPOSITORY, actor, body);
    }
    [this.#feed, this.#digest] = [feed, digest];
    machines.shieldChanged();
    const refused: { host: string; why: Text }[] = [];
    const waiting = [...hosts];
    const tellNext = async (): Promise<void> => {
      for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
        try {
          await this.tellHost(host);
        } catch (error) {
          refused.push({ host, why: faultText(error) });
        }
      }
    };
    // A host that does not answer holds up its own place alone.
    await Promise.all(Array.from({ length: Math.min(FEED_AT_ONCE, hosts.length) }, tellNext));
    refused.sort((a, b) => (a.host < b.host ? -1 : 1));
    return { ...(await this.feed()), refused };
  }

  /** The feed with its signatures, for a platform that is not connected. */
  async exportFeed(): Promise<{ readonly feed: string; readonly bundles: readonly string[] }> {
    if (this.#digest === null)
      return { feed: Buffer.from(JSON.stringify(SHIPPED_FEED)).toString('base64'), bundles: [] };
    const { store, trust } = this.#options;
    const found = await store.find(this.#digest);
    if (found === null) {
      const why = { en: 'it is not in the registry any more', es: 'ya no está en el registro' };
      throw hostFault('host.shield-feed', { why });
    }
    const bytes = await this.#bytes(feedOfManifest(found.bytes).digest);
    const { bundles } = await trust.signatures(this.#digest);
    const base64 = (one: Uint8Array): string => Buffer.from(one).toString('base64');
    return { feed: base64(bytes), bundles: bundles.map(base64) };
  }

  /** Gives a host the feed, if it is another one than all have. @throws what the host answers */
  async tellHost(host: string): Promise<void> {
    if (this.#digest === null) return;
    const { feed } = await this.exportFeed();
    const signatures = packSignatures(await this.#options.trust.signatures(this.#digest));
    const task = { kind: 'kernel-shield', change: 'feed', feed, signatures } as const;
    await this.#options.run(host, task, { step: silentStep });
  }

  /** @throws Fault host.unknown */
  async states(host: string): Promise<ShieldStanding[]> {
    const facts = this.#options.machines.facts(host);
    return shieldStates(facts, facts.shields.length === 0 ? new Set() : await this.#fixed(host), this.entries);
  }

  /**
   * @param restart after setting it, starts workloads again whose containers still have their former filter
   * @throws Fault host.unknown, host.shield-unknown
   */
  async change(
    host: string,
    change: Change,
    name: string,
    actor: string,
    restart = false,
  ): Promise<{ operation: string }> {
    this.#options.machines.facts(host);
    const found = findShield(name, this.#feed);
    const entry = found.id;
    const title: Text = {
      en: `Shield ${entry} on ${host}: ${change}`,
      es: `Escudo ${entry} en ${host}: ${WORD[change]}`,
    };
    const request = { kind: 'kernel-shield', project: null, environment: null, actor, title };
    const { operation } = await this.#options.operations.start(request, async (context) => {
      const step = context.step(title);
      const task = { kind: 'kernel-shield', change, entry } as const;
      const value = await this.#options.run(host, task, { step, signal: context.signal });
      if (change === 'try') {
        step.done();
        const would = ((value as { would?: Json } | null)?.would ?? []) as Json[];
        const recorded = (await this.#recordedUses(host, found)).map(({ en, es }): Json => ({ en, es }));
        return { entry, would: [...would, ...recorded] };
      }
      await this.#record(change === 'apply' ? 'shield.set' : 'shield.undone', host, actor, { entry });
      const hasFilter = found.controls.some(({ kind }) => kind === 'seccomp');
      const restarts = restart && change === 'apply' && hasFilter ? await this.#options.restart(actor) : [];
      step.done();
      return { ...(value as { [key: string]: Json } | null), restarts: [...restarts] };
    });
    return { operation: operation.id };
  }

  /** Takes back on a host what no fault of its running kernel needs any more. Call when its facts have changed. */
  async tidy(host: string): Promise<void> {
    for (const { id, state } of await this.states(host)) {
      if (state !== 'fixed') continue;
      await this.#options.run(host, { kind: 'kernel-shield', change: 'undo', entry: id }, { step: silentStep });
      await this.#record('shield.withdrawn', host, 'platform', {
        entry: id,
        because: 'the running kernel has the fixes',
      });
    }
  }

  /** What of the recorded activity an entry would have stopped. */
  async #recordedUses(host: string, entry: ShieldEntry): Promise<Text[]> {
    const filters = entry.controls.flatMap((control) => (control.kind === 'seccomp' ? [control] : []));
    const calls = new Set([...(entry.uses?.calls ?? []), ...filters.flatMap((one) => one.calls)]);
    const families = new Set([...(entry.uses?.families ?? []), ...filters.flatMap((one) => one.families)]);
    const would = (await this.#options.recorded()).flatMap((one): Text[] => {
      const used = [
        ...one.calls.filter((call) => calls.has(call)),
        ...one.families.filter((family) => families.has(family)).map((family) => `socket(${family})`),
      ];
      if (used.length === 0) return [];
      const name = `${one.project}/${one.workload} (${one.container})`;
      return [
        {
          en: `would have broken: ${name}, which was recorded calling ${used.join(', ')}`,
          es: `habría roto: ${name}, que se grabó llamando ${used.join(', ')}`,
        },
      ];
    });
    const names = new Set(entry.controls.flatMap((control) => (control.kind === 'module' ? control.names : [])));
    for (const { module, workloads } of this.#options.modulesOf(host)) {
      if (!names.has(module)) continue;
      const beside = workloads.length === 0 ? '' : ` (${workloads.join(', ')})`;
      would.push({
        en: `would have broken: users of the module ${module}, seen in use on ${host}${beside}`,
        es: `habría roto: a quienes usan el módulo ${module}, visto en uso en ${host}${beside}`,
      });
    }
    return would;
  }

  /** Entries all of whose faults are known, and known to be mended in the running code. */
  async #fixed(host: string): Promise<ReadonlySet<string>> {
    const { cves } = await this.#options.machines.answer(host);
    const states = new Map(cves.map(({ cve, state }) => [cve, state]));
    const isMended = (cve: string): boolean => ['not-affected', 'live-patched'].includes(states.get(cve) ?? 'unknown');
    return new Set(this.entries.filter((entry) => entry.cves.every(isMended)).map(({ id }) => id));
  }

  async #bytes(digest: Digest): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#options.store.blob(digest)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async #record(kind: string, subject: string, actor: string, body: Json): Promise<void> {
    const { db, journal } = this.#options;
    const tables = db as unknown as Kysely<HostTables>;
    await tables.transaction().execute((tx) => journal.record(tx, { kind, project: null, subject, actor, body }));
    journal.committed();
  }
}

const WORD: Readonly<Record<Change, string>> = { apply: 'activar', undo: 'retirar', try: 'probar' };

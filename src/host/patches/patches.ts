import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { OperationContext, Operations, StepHandle } from '../../progress/index.ts';
import type { Json, Text } from '../../system/index.ts';
import {
  type PackedSignatures,
  packSignatures,
  type SignatureVerdict,
  type StoredSignatures,
} from '../../trust/index.ts';
import { hostFault } from '../errors.ts';
import { METADATA_MAX_BYTES, PATCHES_BELIEVED_MS } from '../limits.ts';
import { ModuleFileError, readModuleFile } from '../livepatch/module-file.ts';
import type { HostTables, Machines } from '../machines.ts';
import { type PatchMetadata, packPatch, readPatchManifest, readPatchMetadata } from './artifact.ts';
import { doubtPatch } from './receive.ts';

/** Asked of the registry, for the one repository of live patches. */
export interface PatchStore {
  /** Names of patches, in byte order. */
  names(): Promise<readonly string[]>;
  find(nameOrDigest: string): Promise<{ readonly digest: Digest; readonly bytes: Uint8Array } | null>;
  blob(digest: Digest): AsyncIterable<Uint8Array>;
  putBlob(bytes: Uint8Array, digest: Digest): Promise<void>;
  putManifest(bytes: Uint8Array, mediaType: string, tag: string, actor: string): Promise<void>;
}

/** Asked of trust: who signed a patch, and a signature that comes with it. */
export interface PatchTrust {
  verify(digest: Digest): Promise<SignatureVerdict>;
  signatures(digest: Digest): Promise<StoredSignatures>;
  /** @throws Fault trust.not-verified when it does not count here */
  attach(bundle: Uint8Array, digest: Digest, actor: string): Promise<void>;
}

/** What a host is asked about one patch. */
export interface PatchTask {
  readonly kind: 'kernel-patch';
  readonly change: 'apply' | 'rollback';
  readonly name: string;
  /** Null on the way back: what is in force is known there by its name. */
  readonly digest: Digest | null;
  readonly signatures: PackedSignatures | null;
}

/** Asked of the link to hosts. */
export type RunOnHost = (
  host: string,
  task: PatchTask,
  options: { readonly step: StepHandle; readonly signal?: AbortSignal },
) => Promise<void>;

export interface PatchView extends PatchMetadata {
  readonly digest: Digest;
  readonly signers: readonly string[];
  /** Null: hosts that follow the platform's trust policy take it. */
  readonly doubt: Text | null;
}

/** Where a patch stands on the hosts that the platform knows. */
export interface PatchPlaces {
  /** It is fully in force. */
  readonly inForce: readonly string[];
  /** Their running kernel is one of those that it was made for, and it is not in force. */
  readonly fitting: readonly string[];
}

export interface PatchesOptions {
  readonly db: Kysely<never>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Pick<Operations, 'start'>;
  readonly store: PatchStore;
  readonly trust: PatchTrust;
  readonly machines: Pick<Machines, 'kernels'>;
  readonly run: RunOnHost;
}

/** Live patches of the platform: signed artifacts of its own registry, and the hosts that they are for. */
export class KernelPatches {
  readonly #options: PatchesOptions;
  #believed: { readonly atMs: number; readonly found: Promise<readonly PatchView[]> } | null = null;

  constructor(options: PatchesOptions) {
    this.#options = options;
  }

  /**
   * Stores a patch with its signature. The same one again changes nothing.
   * @throws Fault host.patch-unreadable, host.patch-taken, trust.not-verified
   */
  async push(
    about: PatchMetadata,
    module: Uint8Array,
    { bundle, actor }: { readonly bundle: Uint8Array | null; readonly actor: string },
  ): Promise<PatchView> {
    requireLivePatch(about.name, module);
    const { store, trust } = this.#options;
    const { digest, manifestBytes, mediaType, blobs } = packPatch(about, module);
    const known = await store.find(about.name);
    if (known !== null && known.digest !== digest) {
      throw hostFault('host.patch-taken', { name: about.name, digest: known.digest });
    }
    if (known === null) {
      for (const blob of blobs) await store.putBlob(blob.bytes, blob.digest);
      await store.putManifest(manifestBytes, mediaType, about.name, actor);
      const body = { buildIds: about.buildIds, cves: about.cves, supersedes: about.supersedes };
      await this.#record('patch.pushed', about.name, { actor, digest, body });
    }
    if (bundle !== null) await trust.attach(bundle, digest, actor);
    this.#believed = null;
    return this.show(about.name);
  }

  async list(): Promise<PatchView[]> {
    return Promise.all((await this.#options.store.names()).map((name) => this.show(name)));
  }

  /** Those that the platform's trust policy believes; looked at anew after some seconds, for it is asked with every question. */
  async believed(): Promise<readonly PatchView[]> {
    const now = performance.now();
    if (this.#believed === null || now - this.#believed.atMs > PATCHES_BELIEVED_MS) {
      const found = this.list().then((all) => all.filter(({ doubt }) => doubt === null));
      this.#believed = { atMs: now, found };
      // Who asks is told; the next question asks again.
      found.catch(() => {
        this.#believed = null;
      });
    }
    return this.#believed.found;
  }

  /** @throws Fault host.patch-unknown, host.patch-unreadable */
  async show(name: string): Promise<PatchView> {
    const { store, trust } = this.#options;
    const found = await store.find(name);
    if (found === null) throw hostFault('host.patch-unknown', { name });
    const { config } = readPatchManifest(found.bytes, name);
    const about = readPatchMetadata(await readAll(store.blob(config.digest), METADATA_MAX_BYTES), name);
    const verdict = await trust.verify(found.digest);
    const signers = verdict.accepted.filter(({ use }) => use === 'image').map(({ signer }) => signer);
    const { digest } = found;
    return { ...about, digest, signers: [...new Set(signers)].sort(), doubt: doubtPatch(verdict) };
  }

  /** Where a patch stands now, by what hosts said of themselves. */
  places({ name, buildIds }: Pick<PatchMetadata, 'name' | 'buildIds'>): PatchPlaces {
    const inForce: string[] = [];
    const fitting: string[] = [];
    for (const { host, buildId, livePatches } of this.#options.machines.kernels()) {
      if (livePatches.includes(name)) inForce.push(host);
      else if (buildId !== null && buildIds.includes(buildId)) fitting.push(host);
    }
    return { inForce: inForce.sort(), fitting: fitting.sort() };
  }

  /** Brings a patch into force on one host, or takes it out, as an operation. @throws Fault host.patch-unknown */
  async change(host: string, change: PatchTask['change'], name: string, actor: string): Promise<{ operation: string }> {
    if (change === 'apply') await this.show(name);
    const title: Text =
      change === 'apply'
        ? { en: `Live patch ${name} on ${host}`, es: `Parche en vivo ${name} en ${host}` }
        : { en: `Take ${name} out of ${host}`, es: `Retirar ${name} de ${host}` };
    const request = { kind: 'kernel-patch', project: null, environment: null, actor, title };
    const { operation } = await this.#options.operations.start(request, async (context) => {
      await this.#step(host, change, name, { context, title, actor });
      return { host, patch: name, change };
    });
    return { operation: operation.id };
  }

  /**
   * The same without an operation of its own, for a roll-out. Idempotent: a patch that is in force stays, one that is not
   * there is gone.
   */
  async changeNow(
    host: string,
    change: PatchTask['change'],
    name: string,
    options: {
      readonly step: StepHandle;
      readonly actor: string;
      readonly signal?: AbortSignal;
      /** What was begun with, whatever the name means by now. */
      readonly digest?: string;
    },
  ): Promise<void> {
    const { run, trust, store } = this.#options;
    const found = change === 'apply' ? await store.find(options.digest ?? name) : null;
    if (change === 'apply' && found === null) throw hostFault('host.patch-unknown', { name });
    const digest = found?.digest ?? null;
    const signatures = digest === null ? null : packSignatures(await trust.signatures(digest));
    try {
      await run(host, { kind: 'kernel-patch', change, name, digest, signatures }, options);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      await this.#record('patch.refused', host, { actor: options.actor, digest, body: { patch: name, change, why } });
      throw error;
    }
    const kind = change === 'apply' ? 'patch.applied' : 'patch.withdrawn';
    await this.#record(kind, host, { actor: options.actor, digest, body: { patch: name } });
  }

  async #step(
    host: string,
    change: PatchTask['change'],
    name: string,
    { context, title, actor }: { context: OperationContext; title: Text; actor: string },
  ): Promise<void> {
    const step = context.step(title);
    await this.changeNow(host, change, name, { step, actor, signal: context.signal });
    step.done();
  }

  async #record(
    kind: string,
    subject: string,
    about: { readonly actor: string; readonly digest: Digest | null; readonly body: Json },
  ): Promise<void> {
    const { db, journal } = this.#options;
    const tables = db as unknown as Kysely<HostTables>;
    await tables.transaction().execute((tx) => journal.record(tx, { kind, project: null, subject, ...about }));
    journal.committed();
  }
}

/** What is no live patch of that name never comes into the registry under it. @throws Fault host.patch-unreadable */
function requireLivePatch(name: string, module: Uint8Array): void {
  try {
    const file = readModuleFile(module);
    if (!file.isLivePatch) throw new ModuleFileError('it is a module, but no live patch');
    if (file.name.replaceAll('-', '_') !== name) throw new ModuleFileError(`the module calls itself ${file.name}`);
  } catch (cause) {
    if (!(cause instanceof ModuleFileError)) throw cause;
    throw hostFault('host.patch-unreadable', { name, why: cause.message }, { cause });
  }
}

/** @throws Error when there is more than `most` */
async function readAll(content: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > most) throw new Error(`more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

import { type Digest, projectOf } from '../oci/index.ts';
import type { Log, Text } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { REFERRERS_DEPTH_MAX } from './limits.ts';
import type { RepositoryManifests } from './manifests.ts';
import type { Caller, PullAnswer, PullGate } from './ports.ts';
import type { StoredManifest } from './store.ts';

/**
 * Holds images until the gate releases them. Its scanner and the platform see them, and the pusher may ask whether the
 * push arrived. Artifacts follow the image they speak of; an index holds nothing itself, its images do.
 */
export class Quarantine {
  readonly #manifests: RepositoryManifests;
  readonly #gate: PullGate;
  readonly #log: Log;

  constructor(parts: { manifests: RepositoryManifests; gate: PullGate; log: Log }) {
    this.#manifests = parts.manifests;
    this.#gate = parts.gate;
    this.#log = parts.log;
  }

  /**
   * @returns what the client should be warned of
   * @throws Fault registry.held with the gate's reasons
   */
  async admit(
    manifest: StoredManifest,
    caller: Caller,
    reference: string,
    use: 'read' | 'exists',
  ): Promise<readonly Text[]> {
    if (caller.kind === 'scanner' || caller.kind === 'platform') return [];
    // The pusher may ask whether it arrived; a build of the platform's own reads back what this very token pushed.
    if (manifest.pushedById === caller.id && (use === 'exists' || caller.kind === 'agent')) return [];
    const held = await this.heldBy(manifest);
    if (held === null) return [];
    const answer = await this.ask(manifest.repository, held, caller);
    if (answer.allow) return answer.warnings ?? [];
    const name = reference.includes(':') ? `@${reference}` : `:${reference}`;
    throw registryFault(
      'registry.held',
      {
        repository: manifest.repository,
        digest: held,
        reasons: answer.reasons.map((reason) => reason.en).join('; ') || answer.code,
        reference: `${manifest.repository}${name}`,
      },
      { details: { code: answer.code, reasons: answer.reasons.map(({ en, es }) => ({ en, es })) } },
    );
  }

  /** The digest of the image that decides about a manifest: its own, that of its subject, or null when none does. */
  async heldBy(manifest: Pick<StoredManifest, 'repository' | 'kind' | 'digest' | 'subject'>): Promise<Digest | null> {
    let at: Pick<StoredManifest, 'kind' | 'digest' | 'subject'> | null = manifest;
    for (let depth = 0; at !== null && depth <= REFERRERS_DEPTH_MAX; depth++) {
      if (at.kind === 'image') return at.digest;
      if (at.kind === 'index' || at.subject === null) return null;
      at = await this.#manifests.find(manifest.repository, { digest: at.subject });
    }
    return null;
  }

  /** What the gate says; a gate that fails says no. */
  async ask(repository: string, digest: Digest, caller: Caller): Promise<PullAnswer> {
    try {
      return await this.#gate.check({ principal: caller, project: projectOf(repository), repository, digest });
    } catch (error) {
      this.#log.error({ err: error, repository, digest }, 'the pull gate failed, so the image is held');
      const reason = {
        en: 'the verdict could not be read; the cause is in the log of the platform',
        es: 'no se pudo leer el veredicto; la causa está en el registro de sucesos de la plataforma',
      };
      return { allow: false, code: 'registry.gate-failed', reasons: [reason] };
    }
  }
}

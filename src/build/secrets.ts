import type { Clock } from '../system/index.ts';
import { newId } from '../system/index.ts';
import { buildFault } from './errors.ts';
import {
  BUILD_SECRET_BYTES_MAX,
  BUILD_SECRETS_KEPT,
  BUILD_SECRETS_MAX,
  BUILD_SECRETS_MS,
  BUILD_SECRETS_OF_PROJECT,
} from './limits.ts';

/** By its id (`--mount=type=secret,id=…`), in base64. */
export type BuildSecretValues = Readonly<Record<string, string>>;

export const SECRET_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** What begins so is no file of a step but a key of its agent of ssh (`--mount=type=ssh`). */
export const AGENT_PREFIX = 'ssh-agent.';

/** The id of the agent whose key this is, or null for a secret. */
export function agentOf(id: string): string | null {
  return id.startsWith(AGENT_PREFIX) ? id.slice(AGENT_PREFIX.length) : null;
}

interface Kept {
  readonly values: BuildSecretValues;
  readonly project: string;
  readonly actor: string;
  readonly endMs: number;
}

/**
 * Secrets of builds that are about to begin: in memory alone, for who brought them, for one build and ten minutes. They come
 * by a request of their own, so that they stand in no address and in no archive.
 */
export class BuildSecrets {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws Fault build.secret-invalid */
  put(values: BuildSecretValues, owner: { readonly project: string; readonly actor: string }): string {
    this.#forgetOld();
    const refuse = (id: string, reason: string, motivo: string): never => {
      throw buildFault('build.secret-invalid', { id: id.slice(0, 80), reason, motivo });
    };
    const ids = Object.keys(values);
    if (ids.length === 0 || ids.length > BUILD_SECRETS_MAX)
      refuse(
        '',
        `a build takes 1 to ${BUILD_SECRETS_MAX} secrets`,
        `una construcción admite de 1 a ${BUILD_SECRETS_MAX} secretos`,
      );
    for (const [id, value] of Object.entries(values)) {
      if (!SECRET_ID.test(id)) refuse(id, 'its id is no name', 'su id no es un nombre');
      if (Buffer.byteLength(value, 'base64') > BUILD_SECRET_BYTES_MAX)
        refuse(id, `it has more than ${BUILD_SECRET_BYTES_MAX} bytes`, `tiene más de ${BUILD_SECRET_BYTES_MAX} bytes`);
    }
    const own = [...this.#kept.values()].filter(({ project }) => project === owner.project).length;
    if (this.#kept.size >= BUILD_SECRETS_KEPT || own >= BUILD_SECRETS_OF_PROJECT)
      refuse(
        '',
        'too many builds with secrets are about to begin',
        'hay demasiadas construcciones con secretos por empezar',
      );
    const id = newId(this.#clock);
    this.#kept.set(id, { values, ...owner, endMs: this.#clock.monotonicMs() + BUILD_SECRETS_MS });
    return id;
  }

  /** Once, and to who brought them only. @throws Fault build.secrets-gone */
  take(id: string, owner: { readonly project: string; readonly actor: string }): BuildSecretValues {
    this.#forgetOld();
    const found = this.#kept.get(id);
    if (found === undefined || found.project !== owner.project || found.actor !== owner.actor)
      throw buildFault('build.secrets-gone');
    this.#kept.delete(id);
    return found.values;
  }

  #forgetOld(): void {
    const now = this.#clock.monotonicMs();
    for (const [id, { endMs }] of this.#kept) if (endMs <= now) this.#kept.delete(id);
  }
}

import { Fault, type Log } from '../../system/index.ts';
import type { HealSource } from '../scrub.ts';
import { type Mirrors, upstreamOf } from './mirrors.ts';
import type { Remotes } from './remotes.ts';
import type { Replications } from './replications.ts';

export interface CopiesElsewhereParts {
  readonly remotes: Remotes;
  readonly mirrors: Mirrors;
  readonly replications: Replications;
  readonly log: Log;
}

/** Where a good copy of stored content could be: the sources of mirrors that hold it, and where it was replicated to. */
export class CopiesElsewhere implements HealSource {
  readonly #parts: CopiesElsewhereParts;

  constructor(parts: CopiesElsewhereParts) {
    this.#parts = parts;
  }

  /** From the first remote that has it; blobs are verified as they come, and the scrub verifies again. */
  async fetch(wanted: Parameters<HealSource['fetch']>[0]): ReturnType<HealSource['fetch']> {
    const { digest, kind, sizeBytes, repositories } = wanted;
    const { remotes, log } = this.#parts;
    for (const name of repositories) {
      for (const { remote, repository } of this.#placesOf(name)) {
        try {
          const client = await remotes.client(remote, `${name} ${digest}`);
          const from = `${client.host}/${repository}`;
          if (kind === 'manifest') return { from, bytes: [(await client.getManifest(repository, digest)).bytes] };
          if (!(await client.hasBlob(repository, digest))) continue;
          return { from, bytes: client.getBlob(repository, { digest, size: sizeBytes }) };
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          log.warn({ remote, repository, digest, code: error.code }, 'a remote could not give a good copy');
        }
      }
    }
    return null;
  }

  #placesOf(name: string): readonly { readonly remote: string; readonly repository: string }[] {
    const { mirrors, replications } = this.#parts;
    const mirror = mirrors.find(name);
    return [
      ...(mirror === null ? [] : [{ remote: mirror.remote, repository: upstreamOf(mirror, name) }]),
      ...replications.remotesOf(name).map((remote) => ({ remote, repository: name })),
    ];
  }
}

import { join } from 'node:path';
import type { Clock, Json } from '../../system/index.ts';
import { type StoredSignatures, type TrustPolicy, verifyImage } from '../../trust/index.ts';
import { hostFault } from '../errors.ts';
import type { PatchHost } from '../livepatch/driver.ts';
import { doubtSigned } from '../patches/receive.ts';
import { newerFeed, packFeed, readFeed, SHIELD_REPOSITORY, SHIPPED_FEED, type ShieldFeed } from './feed-file.ts';

/** The newest feed that an instance ever believed, in its agent's folder: it goes with the instance, whose trust policy chose it. */
export const FEED_FILE = 'shield-feed.json';

/** The feed that a host goes by: the newer one of what came with the platform and what it was sent. */
export class HostFeed {
  readonly #host: Pick<PatchHost, 'read' | 'put'>;
  readonly #file: string;
  #standing: ShieldFeed = SHIPPED_FEED;

  /** @param folder of the agent */
  constructor(host: Pick<PatchHost, 'read' | 'put'>, folder: string) {
    this.#host = host;
    this.#file = join(folder, FEED_FILE);
  }

  get standing(): ShieldFeed {
    return this.#standing;
  }

  /** Reads what was kept. What cannot be read is as if it had never come: the next word of the platform brings it again. */
  async open(): Promise<ShieldFeed> {
    const kept = await this.#host.read(this.#file);
    if (kept === null || kept.trim() === '') return this.#standing;
    try {
      this.#standing = newerFeed(SHIPPED_FEED, readFeed(Buffer.from(kept)));
    } catch {
      this.#standing = SHIPPED_FEED;
    }
    return this.#standing;
  }

  /**
   * Takes a feed, if somebody signed it whom this host's own trust policy names, and it is not older than the one it holds.
   * @throws Fault host.shield-feed, host.shield-feed-untrusted, host.shield-feed-old
   */
  async take(
    bytes: Uint8Array,
    signatures: StoredSignatures,
    { trust, clock }: { readonly trust: TrustPolicy; readonly clock: Clock },
  ): Promise<Json> {
    const { digest } = packFeed(bytes);
    const said = { digest, repository: SHIELD_REPOSITORY, ...signatures, trust, environment: null, clock };
    const doubt = doubtSigned(verifyImage(said), SHIELD_REPOSITORY);
    if (doubt !== null) throw hostFault('host.shield-feed-untrusted', { why: doubt.en, porque: doubt.es });
    const feed = readFeed(bytes);
    const held = this.#standing.number;
    if (feed.number < held) throw hostFault('host.shield-feed-old', { number: feed.number, held });
    if (feed.number > held) {
      await this.#host.put(this.#file, bytes);
      this.#standing = feed;
    }
    return { number: this.#standing.number };
  }
}

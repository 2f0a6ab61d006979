import { followSuccession, type PublicKey, readPublicKey, type SignedRecord } from '../../trust/index.ts';

/**
 * The key of control that this host takes the word of: pinned when it joined, and after that only what that key itself
 * named to follow it.
 */
export class PinnedControl {
  #keys: readonly [PublicKey, ...PublicKey[]];

  /** @param former keys that were pinned before, the last one first */
  constructor(pem: string, former: readonly string[] = []) {
    this.#keys = [readPublicKey(pem, 'control'), ...former.map((one) => readPublicKey(one, 'control'))];
  }

  /** The only key whose verdicts and wanted states are followed. */
  get standing(): PublicKey {
    return this.#keys[0];
  }

  /** With those from before, whose statements beside images count until control revokes them. */
  get keys(): readonly [PublicKey, ...PublicKey[]] {
    return this.#keys;
  }

  /** @returns whether another key stands now */
  follow(successions: readonly SignedRecord[]): boolean {
    const followed = followSuccession(this.standing, 'control', successions).reverse();
    const [next, ...between] = followed;
    if (next === undefined) return false;
    this.#keys = [next, ...between, ...this.#keys];
    return true;
  }
}

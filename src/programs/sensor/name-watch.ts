/** Looks up where the names lead that rules speak of (`fd.sip.name`), and again and again: they move. */

const ADDRESSES_MAX = 64;
const AGAIN_MS = 5 * 60_000;
/** What a name led to once is still its own for so long: an answer often has another part of many addresses. */
const KEPT_MS = 60 * 60_000;
/** Of the four threads that wait for answers of the system. */
const AT_ONCE = 2;

export type Lookup = (name: string) => Promise<readonly string[]>;

/** By address, which of the names lead there. */
export type NamedAddresses = readonly (readonly [address: string, names: readonly string[]])[];

export class NameWatch {
  readonly #lookup: Lookup;
  readonly #tell: (found: NamedAddresses) => void;
  /** By name, its addresses and when each was answered last. */
  readonly #found = new Map<string, Map<string, number>>();
  #names: readonly string[] = [];
  #round = 0;
  #timer: NodeJS.Timeout | undefined;
  #told = '[]';

  constructor(lookup: Lookup, tell: (found: NamedAddresses) => void) {
    this.#lookup = lookup;
    this.#tell = tell;
  }

  /** Replaces the whole set; the engine bounds it. */
  watch(names: readonly string[]): void {
    if (names.join(' ') === this.#names.join(' ')) return;
    this.#names = names;
    for (const name of this.#found.keys()) if (!this.#names.includes(name)) this.#found.delete(name);
    void this.#look();
  }

  stop(): void {
    this.#round++;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.stop();
    const round = this.#round;
    const left = [...this.#names];
    const work = async (): Promise<void> => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        // What has no answer keeps what it had; a resolver that is away is nothing to fail for.
        const addresses = await this.#lookup(name).catch(() => []);
        if (round !== this.#round) return;
        this.#learn(name, addresses, Date.now());
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (round !== this.#round || this.#names.length === 0) return;
    this.#timer = setTimeout(() => void this.#look(), AGAIN_MS);
    this.#timer.unref();
  }

  #learn(name: string, addresses: readonly string[], nowMs: number): void {
    const known = this.#found.get(name) ?? new Map<string, number>();
    this.#found.set(name, known);
    for (const address of addresses.slice(0, ADDRESSES_MAX)) {
      known.delete(address);
      known.set(address, nowMs);
    }
    for (const [address, atMs] of known) {
      if (nowMs - atMs > KEPT_MS || known.size > ADDRESSES_MAX) known.delete(address);
    }
    const byAddress = new Map<string, string[]>();
    for (const [one, its] of this.#found) {
      for (const address of its.keys()) byAddress.set(address, [...(byAddress.get(address) ?? []), one]);
    }
    const found = [...byAddress];
    const text = JSON.stringify(found);
    if (text === this.#told) return;
    this.#told = text;
    this.#tell(found);
  }
}

/** As the host's programs find names: with its files and its resolver. */
export const systemLookup: Lookup = async (name) => {
  const { lookup } = await import('node:dns/promises');
  return (await lookup(name, { all: true })).map(({ address }) => address);
};

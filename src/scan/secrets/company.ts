import type { Anchor } from './pattern/pattern.ts';

/** What is known of one text: where it stands next, of the places that were looked at. */
interface Known {
  readonly literal: Uint8Array;
  from: number;
  to: number;
  next: number;
}

/** The texts that matches of a rule hold further on: most places where one seems to begin lack them. */
export class Company {
  readonly #all: readonly { readonly one: Anchor; readonly known: readonly Known[] }[];
  readonly #bytes: Uint8Array;

  constructor(company: readonly Anchor[], bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#all = company.map((one) => ({
      one,
      known: one.literals.map((literal) => ({ literal: Buffer.from(literal), from: 0, to: 0, next: -1 })),
    }));
  }

  /** Whether a match that begins from `first` to `last` may have all of it. Asked in the order of places, each byte is read once. */
  isThere(first: number, last: number): boolean {
    for (const { one, known } of this.#all) {
      const from = Math.max(first + one.minBefore, 0);
      const to = last + one.maxBefore;
      let isThere = false;
      for (const literal of known) isThere = this.#find(literal, from, to) || isThere;
      if (!isThere) return false;
    }
    return true;
  }

  #find(known: Known, from: number, to: number): boolean {
    if (from < known.from) {
      known.to = from;
      known.next = -1;
    }
    known.from = from;
    if (known.next >= from) return known.next <= to;
    const start = Math.max(from, known.to);
    if (start > to) return false;
    const [only = 0] = known.literal;
    if (known.literal.length === 1 && !isLetter(only)) {
      // As far as it takes: until then nothing is looked for again.
      const next = this.#bytes.indexOf(only, start);
      known.next = next < 0 ? Number.POSITIVE_INFINITY : next;
      known.to = known.next + 1;
      return known.next <= to;
    }
    known.next = findFolded(this.#bytes, known.literal, start, to);
    known.to = known.next < 0 ? to + 1 : known.next + 1;
    return known.next >= 0;
  }
}

/** Where a text in lower case first begins from one place to another, whatever its case; -1: nowhere. */
function findFolded(bytes: Uint8Array, literal: Uint8Array, from: number, to: number): number {
  const last = Math.min(to, bytes.length - literal.length);
  const start = literal[0] as number;
  for (let at = from; at <= last; at++) {
    if (folded(bytes[at] as number) !== start) continue;
    let length = 1;
    while (length < literal.length && folded(bytes[at + length] as number) === literal[length]) length++;
    if (length === literal.length) return at;
  }
  return -1;
}

function isLetter(byte: number): boolean {
  return byte >= 97 && byte <= 122;
}

function folded(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

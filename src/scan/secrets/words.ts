/** What was found: which text, and the place after it. */
export type OnWord<T> = (found: T, end: number) => void;

export const CLASS_BITS = 6;
const CLASSES_MAX = 1 << CLASS_BITS;
/** What a number of 16 bits can name; all public rule sets together need about 4,000. */
const NODES_MAX = 65_536;

/** Many texts as one table: from a node, by the class of a byte, to the next. */
export interface WordTable<T> {
  readonly classOf: Uint8Array;
  readonly table: Uint16Array;
  /** Texts that a node ends with have the highest numbers, so that one comparison says that there is nothing. */
  readonly firstEnd: number;
  /** What is said at each of those. */
  readonly ends: readonly (readonly T[])[];
  /** Bytes of the longest text. */
  readonly longest: number;
}

/**
 * The automaton that finds many texts in one pass, whatever their case (Aho and Corasick, 1975): one look-up a byte.
 *
 * @param words texts in lower case or their bytes, and what to say when one is found
 */
export function compileWords<T>(words: Iterable<readonly [string | Uint8Array, T]>): WordTable<T> {
  const classOf = new Uint8Array(256);
  const next: Map<number, number>[] = [new Map()];
  const said: T[][] = [[]];
  let classes = 1;
  let longest = 0;
  for (const [word, what] of words) {
    let node = 0;
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    longest = Math.max(longest, bytes.length);
    for (const byte of bytes) {
      if (classOf[byte] === 0) {
        // Rare letters share the last class: a few more places to look at, none missed.
        const chosen = Math.min(classes++, CLASSES_MAX - 1);
        classOf[byte] = chosen;
        if (byte >= 97 && byte <= 122) classOf[byte - 32] = chosen;
      }
      const kind = classOf[byte] as number;
      let child = next[node]?.get(kind);
      if (child === undefined) {
        child = next.push(new Map()) - 1;
        said.push([]);
        next[node]?.set(kind, child);
      }
      node = child;
    }
    // Half the size of numbers of 32 bits: a table that fits into the processor's cache is twice as fast (measured).
    if (next.length > NODES_MAX) throw new RangeError(`the texts need more than ${NODES_MAX} nodes`);
    said[node]?.push(what);
  }

  // Breadth first: where to go on when a letter does not fit.
  const fallback = new Int32Array(next.length);
  const order = [0];
  const complete = new Int32Array(next.length << CLASS_BITS);
  for (let at = 0; at < order.length; at++) {
    const node = order[at] as number;
    const behind = fallback[node] as number;
    const row = node << CLASS_BITS;
    if (node !== 0) complete.copyWithin(row, behind << CLASS_BITS, (behind + 1) << CLASS_BITS);
    for (const [kind, child] of next[node] ?? []) {
      fallback[child] = node === 0 ? 0 : (complete[row | kind] as number);
      complete[row | kind] = child;
      order.push(child);
    }
    if (node !== 0) said[node]?.push(...(said[behind] ?? []));
  }

  const silent = order.filter((node) => said[node]?.length === 0);
  const speaking = order.filter((node) => said[node]?.length !== 0);
  const numbers = new Int32Array(next.length);
  for (const [number, node] of [...silent, ...speaking].entries()) numbers[node] = number;
  const table = new Uint16Array(next.length << CLASS_BITS);
  for (const node of order) {
    const from = node << CLASS_BITS;
    const to = (numbers[node] as number) << CLASS_BITS;
    for (let kind = 0; kind < CLASSES_MAX; kind++) {
      table[to | kind] = numbers[complete[from | kind] as number] as number;
    }
  }
  return { classOf, table, firstEnd: silent.length, ends: speaking.map((node) => said[node] ?? []), longest };
}

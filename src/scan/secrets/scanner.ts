import { Company } from './company.ts';
import { ENCODED_RUN, EncodedTexts, type TextPlace, utf16Decoder } from './encoded.ts';
import { fingerprintOf } from './fingerprint.ts';
import {
  BINARY_PROBE_BYTES,
  ENCODED_DEPTH_MAX,
  LINE_MAX_BYTES,
  LOOKAHEAD_BYTES,
  LOOKBACK_BYTES,
  SECRETS_PER_FILE_MAX,
} from './limits.ts';
import { LinearPattern, type PatternMatch, type Stretch } from './pattern/pattern.ts';
import type { SecretAllowance, SecretRule, SecretRules } from './rules.ts';
import { BLOCK_BYTES, isSearchable, SETS_MAX, type TextSearch, textSearch, type WordCursor } from './search.ts';
import type { FoundSecret } from './secret.ts';

/** What a text in the one pass means: an anchor of a rule's pattern, or a keyword without which a rule does not count. */
interface Signal {
  readonly rule: number;
  readonly isAnchor: boolean;
  /** From where to where a match may begin, counted back from the end of the text. */
  readonly back: number;
  readonly spread: number;
  /** Bytes of a match that begins there which are tried at once, as most seem to begin only. */
  readonly tried: number;
}

/** Bytes of a kind in a row, with which matches of rules begin. */
interface RunSignal {
  readonly kind: number;
  readonly length: number;
  readonly members: Uint8Array;
  readonly rules: { readonly rule: number; readonly minBefore: number; readonly maxBefore: number }[];
}

interface CompiledRule {
  readonly rule: SecretRule;
  /** Its keywords say something that its anchor does not. */
  readonly needsKeyword: boolean;
  readonly pattern: () => LinearPattern;
  readonly path: () => LinearPattern | null;
  readonly allowances: () => readonly CompiledAllowance[];
}

interface CompiledAllowance extends Pick<SecretAllowance, 'stopwords' | 'target' | 'condition'> {
  readonly paths: readonly LinearPattern[];
  readonly regexes: readonly LinearPattern[];
}

/** Places where matches of one rule may begin, from a first to a last each. Numbers alone: a text has very many. */
class Places {
  readonly firsts: number[] = [];
  readonly lasts: number[] = [];

  add(first: number, last: number): void {
    const newest = this.lasts.length - 1;
    // What overlaps or touches is looked at together; places alone stay places, for `sieve`.
    if (last > first && newest >= 0 && first <= (this.lasts[newest] as number) + 1) {
      if (last > (this.lasts[newest] as number)) this.lasts[newest] = last;
      if (first < (this.firsts[newest] as number)) this.firsts[newest] = first;
      return;
    }
    this.firsts.push(first);
    this.lasts.push(last);
  }
}

/** Reads one text in pieces. */
export interface SecretReader {
  /** @returns false when the text is none, or has told enough */
  write(chunk: Uint8Array): boolean;
  end(): readonly FoundSecret[];
}

/** From this many places of one rule on they are looked at together. */
const SIEVE_MIN = 64;
/** Bytes behind an anchor that are tried as soon as it is found. */
const TRIED_BYTES = 12;
const ENCODED_KIND = 0;
/** Room that is kept for the next text. */
const SPARE_ROOM_MAX_BYTES = 4 * 1024 * 1024;
const NO_RUNS = new Int32Array(0);
/** Lines of code and prose end within it. */
const NEAR_BYTES = 96;
const NO_BYTES = Buffer.alloc(0);
const NO_STRETCH: Stretch = { bytes: NO_BYTES, isStart: false, isEnd: false };
const ALLOW_MARK = Buffer.from('gitleaks:allow');

/**
 * Finds credentials. One pass over the bytes looks for the texts that patterns hold (search.ts); only around those are
 * patterns tried, each in linear time. The same scanner serves any number of texts.
 */
export class SecretScanner {
  readonly #rules: readonly CompiledRule[];
  readonly #search: TextSearch<Signal>;
  readonly #runs: readonly RunSignal[];
  readonly #key: Uint8Array | null;
  /** Rules that any text must be tried with. */
  readonly #always: readonly number[];
  /** Rules that are tried with all of a text that holds one of their keywords. */
  readonly #whole: ReadonlySet<number>;
  readonly #pathRules: readonly number[];
  /** Room of a text that was read to its end, for the next one. */
  #spareRoom = NO_BYTES;

  /** @param key of fingerprints; see fingerprint.ts */
  constructor({ rules, allowances }: SecretRules, key: Uint8Array | null) {
    this.#key = key;
    const shared = allowances.map((one) => ({ one, compiled: lazy(() => compileAllowance(one)) }));
    this.#rules = rules.map((rule) => ({
      rule,
      needsKeyword: rule.keywords.length > 0 && !anchorImplies(rule),
      pattern: lazy(() => new LinearPattern(rule.regex ?? '')),
      path: lazy(() => (rule.path === null ? null : new LinearPattern(rule.path))),
      allowances: lazy(() => [
        ...rule.allowances.map(compileAllowance),
        ...shared
          .filter(({ one }) => one.targetRules.length === 0 || one.targetRules.includes(rule.id))
          .map(({ compiled }) => compiled()),
      ]),
    }));
    this.#runs = runSignals(rules);
    this.#search = textSearch(this.#signals(), [ENCODED_RUN, ...this.#runs]);
    const withRun = new Set(this.#runs.flatMap((one) => one.rules.map(({ rule }) => rule)));
    const numbers = [...rules.keys()];
    const whole = numbers.filter((index) => {
      const { regex, anchor } = rules[index] as SecretRule;
      return regex !== null && anchor === null && !withRun.has(index);
    });
    this.#always = whole.filter((index) => rules[index]?.keywords.length === 0);
    this.#whole = new Set(whole);
    this.#pathRules = numbers.filter((index) => rules[index]?.regex === null);
  }

  *#signals(): Generator<readonly [string | Uint8Array, Signal]> {
    for (const [index, { rule, needsKeyword }] of this.#rules.entries()) {
      if (rule.regex === null) continue;
      for (const literal of rule.anchor?.literals ?? []) {
        const { minBefore = 0, maxBefore = 0 } = rule.anchor ?? {};
        const back = literal.length + maxBefore;
        const spread = maxBefore - minBefore;
        yield [
          Buffer.from(literal, 'latin1'),
          { rule: index, isAnchor: true, back, spread, tried: spread === 0 ? back + TRIED_BYTES : 0 },
        ];
      }
      if (!needsKeyword && rule.anchor !== null) continue;
      for (const keyword of rule.keywords) {
        if (keyword !== '') yield [keyword, { rule: index, isAnchor: false, back: 0, spread: 0, tried: 0 }];
      }
    }
  }

  /** @param sizeBytes of the text when it is known, so that one in a single piece is not copied */
  open(path: string, sizeBytes: number | null): SecretReader {
    return this.#open(path, sizeBytes, null);
  }

  /** @param inside of a text that was decoded out of the file: where it began there, and how deep it was */
  #open(path: string, sizeBytes: number | null, inside: Inside | null): SecretReader {
    const search = this.#search;
    const found: Found[] = [];
    const keywords = new Set<number>();
    /** Room for what is kept of the text, how much that is, and how much of it is new since it was last looked at. */
    let room = NO_BYTES;
    let kept = 0;
    let gathered = 0;
    /** Place in the text of the first byte that is kept. */
    let base = 0;
    let seen = 0;
    /** Ends of lines in all that was seen, but for a text that comes in one block. */
    let lines = 0;
    const cursor: WordCursor = { state: 0 };
    /** Bytes at the end of what was seen that may begin a run, of each kind. */
    const open = this.#runs.length === 0 ? NO_RUNS : new Int32Array(this.#runs.length);
    let waiting = new Map<number, Places>();
    let isOpen = true;

    let decoded: FoundSecret[] | null = null;
    let undecoded: { readonly bytes: Buffer; readonly place: () => TextPlace }[] | null = null;
    const depth = inside?.depth ?? 0;
    const encoded =
      depth < ENCODED_DEPTH_MAX
        ? new EncodedTexts(ENCODED_KIND, (bytes, place) => {
            undecoded ??= [];
            undecoded.push({ bytes, place });
          })
        : null;
    /** The search has one block at a time: that of this text was asked about when texts inside of it are looked at. */
    const lookInside = (): void => {
      const texts = undecoded ?? [];
      undecoded = null;
      decoded ??= [];
      for (const { bytes, place } of texts) {
        if (decoded.length >= SECRETS_PER_FILE_MAX) return;
        const reader = this.#open(path, bytes.length, { place: inside?.place ?? place, depth: depth + 1 });
        reader.write(bytes);
        decoded.push(...reader.end());
      }
    };
    /** Of a text in UTF-16: its letters, as they come. */
    let letters: TextDecoder | null = null;
    let rawBytes = 0;

    if (inside === null) for (const index of this.#pathRules) this.#lookAtPath(index, path, found);

    /** The block that the search has, where it begins in the text, and whether the text begins with it. */
    let block: Stretch = NO_STRETCH;
    let blockBase = 0;
    const onSignal = (signal: Signal, end: number): void => {
      if (!signal.isAnchor) {
        keywords.add(signal.rule);
        return;
      }
      const first = end - signal.back;
      const place = first - blockBase;
      if (
        signal.tried > 0 &&
        (place > 0 || block.isStart) &&
        place >= 0 &&
        place + signal.tried <= block.bytes.length
      ) {
        const { pattern } = this.#rules[signal.rule] as CompiledRule;
        if (!pattern().mayBegin(block, place, signal.tried)) return;
      }
      placesIn(waiting, signal.rule).add(Math.max(first, 0), Math.max(first + signal.spread, 0));
    };
    const onRun = ({ length, rules }: RunSignal, start: number, end: number): void => {
      for (const { rule, minBefore, maxBefore } of rules) {
        placesIn(waiting, rule).add(Math.max(start - maxBefore, 0), Math.max(end - length - minBefore, 0));
      }
    };

    /** @param isWhole the text has no other bytes */
    const lookAtBlock = (bytes: Buffer, isWhole: boolean): void => {
      block = { bytes, isStart: seen === 0, isEnd: isWhole };
      blockBase = seen;
      search.take(bytes);
      search.words(cursor, seen, onSignal);
      for (let index = 0; index < this.#runs.length; index++) {
        const signal = this.#runs[index] as RunSignal;
        // Of a whole text it is known whether it holds the keywords of rules.
        if (isWhole && !signal.rules.some(({ rule }) => this.#mayCount(rule, keywords))) continue;
        open[index] = findRuns(search, signal, bytes, seen, open[index] as number, onRun);
      }
      encoded?.take(bytes, search, lines);
      if (!isWhole) lines += search.newlines(bytes.length);
      seen += bytes.length;
      block = NO_STRETCH;
      if (undecoded !== null) lookInside();
    };

    const scan = (bytes: Buffer, isLast: boolean): void => {
      const stretch = { bytes, isStart: base === 0, isEnd: isLast };
      const ready = isLast ? seen : seen - LOOKAHEAD_BYTES;
      const before = found.length;
      const later = isLast ? null : placesAfter(waiting, ready);
      for (const rule of this.#wholeRules(keywords)) placesIn(waiting, rule).add(base, ready);
      for (const [rule, places] of waiting) {
        if (!this.#mayCount(rule, keywords)) continue;
        this.#tryPlaces(rule, places, ready, stretch, base, path, found);
      }
      waiting = later ?? new Map();
      if (found.length > before) {
        const linesBefore = base === 0 ? 0 : lines - newlinesIn(bytes, 0, bytes.length);
        numberLines(bytes, base, linesBefore, found.slice(before));
      }
      if (found.length >= SECRETS_PER_FILE_MAX) isOpen = false;
    };

    const take = (chunk: Uint8Array, isLast: boolean): void => {
      const fresh = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const isWhole = isLast && kept === 0;
      for (let at = 0; at < fresh.length; at += BLOCK_BYTES) {
        lookAtBlock(fresh.subarray(at, at + BLOCK_BYTES), isWhole && fresh.length <= BLOCK_BYTES);
      }
      if (isLast && encoded !== null) {
        encoded.end(() => (isWhole ? newlinesIn(fresh, 0, fresh.length) : lines));
        if (undecoded !== null) lookInside();
      }
      // A text in one piece is looked at where it lies. Small pieces are gathered, or each would move all that is kept.
      if (isWhole) {
        scan(fresh, true);
        return;
      }
      if (kept + fresh.length > room.length) {
        const larger = this.#takeRoom(2 * (kept + fresh.length));
        room.copy(larger, 0, 0, kept);
        this.#giveRoom(room);
        room = larger;
      }
      kept += fresh.copy(room, kept);
      gathered += fresh.length;
      if (!isLast && gathered < LOOKAHEAD_BYTES) return;
      const bytes = room.subarray(0, kept);
      scan(bytes, isLast);
      const gone = Math.max(kept - LOOKBACK_BYTES - LOOKAHEAD_BYTES, 0);
      base += gone;
      room.copyWithin(0, gone, kept);
      kept -= gone;
      gathered = 0;
    };

    return {
      write: (chunk) => {
        if (!isOpen || chunk.length === 0) return true;
        if (rawBytes === 0) letters = utf16Decoder(chunk);
        rawBytes += chunk.length;
        if (letters !== null) {
          take(Buffer.from(letters.decode(chunk, { stream: true })), false);
          return true;
        }
        if (seen < BINARY_PROBE_BYTES && hasNul(chunk, BINARY_PROBE_BYTES - seen)) {
          isOpen = false;
          decoded = null;
          return found.length > 0;
        }
        const isLast = sizeBytes !== null && seen + chunk.length >= sizeBytes;
        take(chunk, isLast);
        if (isLast) isOpen = false;
        return true;
      },
      end: () => {
        if (isOpen && seen > 0) scan(room.subarray(0, kept), true);
        encoded?.end(() => lines);
        if (undecoded !== null) lookInside();
        this.#giveRoom(room);
        room = NO_BYTES;
        const plain = this.#report(found, path, inside);
        if (decoded === null) return plain.slice(0, SECRETS_PER_FILE_MAX);
        // What was named inside of it needs no second name.
        const others = decoded;
        const isNamed = ({ rule, line, column }: FoundSecret): boolean =>
          isGeneric(rule) && others.some((one) => one.line === line && one.column === column);
        return [...plain.filter((one) => !isNamed(one)), ...others].slice(0, SECRETS_PER_FILE_MAX);
      },
    };
  }

  /** Whether the keywords that its rule asks for were seen. */
  #mayCount(rule: number, keywords: ReadonlySet<number>): boolean {
    return this.#rules[rule]?.needsKeyword === false || keywords.has(rule);
  }

  #takeRoom(bytes: number): Buffer<ArrayBuffer> {
    const spare = this.#spareRoom;
    if (spare.length < bytes) return Buffer.allocUnsafeSlow(bytes);
    this.#spareRoom = NO_BYTES;
    return spare;
  }

  /** Memory outside of V8's heap that is made for each text and left makes its collector work all the time. */
  #giveRoom(room: Buffer<ArrayBuffer>): void {
    if (room.length > this.#spareRoom.length && room.length <= SPARE_ROOM_MAX_BYTES) this.#spareRoom = room;
  }

  /** All of a text that is in memory. */
  scanText(path: string, text: string): readonly FoundSecret[] {
    const bytes = Buffer.from(text);
    const reader = this.open(path, bytes.length);
    reader.write(bytes);
    return reader.end();
  }

  /** Rules without an anchor look at a whole piece when one of their keywords is in it. */
  *#wholeRules(keywords: ReadonlySet<number>): Generator<number> {
    yield* this.#always;
    for (const index of keywords) if (this.#whole.has(index)) yield index;
  }

  /** Tries a rule where it may begin, as far as the text is known well beyond. */
  #tryPlaces(
    rule: number,
    { firsts, lasts }: Places,
    ready: number,
    stretch: Stretch & { readonly bytes: Buffer },
    base: number,
    path: string,
    found: Found[],
  ): void {
    const wanted = (this.#rules[rule] as CompiledRule).rule.company;
    const company = wanted.length === 0 ? null : new Company(wanted, stretch.bytes);
    const isFew = firsts.length < SIEVE_MIN || firsts.some((first, at) => first !== lasts[at]);
    if (isFew) {
      for (let at = 0; at < firsts.length; at++) {
        const first = firsts[at] as number;
        const last = Math.min(lasts[at] as number, ready);
        if (
          first <= last &&
          found.length < SECRETS_PER_FILE_MAX &&
          company?.isThere(first - base, last - base) !== false
        )
          this.#tryRule({ rule, first, last }, stretch, base, path, found);
      }
      return;
    }
    // Where a rule may begin at very many places, a look at all of them at once says that it does at none.
    const places = firsts
      .filter((first) => first <= ready && company?.isThere(first - base, first - base) !== false)
      .map((first) => Math.max(first - base, 0));
    const pattern = (this.#rules[rule] as CompiledRule).pattern();
    for (const place of pattern.sieve(stretch, places)) {
      const first = base + place;
      if (found.length < SECRETS_PER_FILE_MAX) this.#tryRule({ rule, first, last: first }, stretch, base, path, found);
    }
  }

  #lookAtPath(index: number, path: string, found: Found[]): void {
    const compiled = this.#rules[index] as CompiledRule;
    if (compiled.path()?.test(path) !== true) return;
    const value = Buffer.from(path);
    const match = { secret: value, match: value, named: value, line: value };
    if (compiled.allowances().some((allowance) => allows(allowance, path, match))) return;
    found.push({ rule: index, line: 1, column: 1, offset: 0, value });
  }

  #tryRule(
    { rule, first, last }: { readonly rule: number; readonly first: number; readonly last: number },
    stretch: Stretch & { readonly bytes: Buffer },
    base: number,
    path: string,
    found: Found[],
  ): void {
    const compiled = this.#rules[rule] as CompiledRule;
    if (compiled.rule.path !== null && compiled.path()?.test(path) !== true) return;
    const pattern = compiled.pattern();
    const { bytes } = stretch;
    const end = Math.min(last - base, bytes.length);
    let at = Math.max(first - base, 0);
    while (at <= end && found.length < SECRETS_PER_FILE_MAX) {
      const match = pattern.find(stretch, at, end);
      if (match === null) return;
      at = Math.max(match.end, at + 1);
      const place = secretOf(compiled.rule, pattern, stretch, match);
      if (place.end === place.start) continue;
      const offset = base + place.start;
      if (found.some((one) => one.rule === rule && one.offset === offset)) continue;
      const value = bytes.subarray(place.start, place.end);
      if (compiled.rule.entropy > 0 && entropyOf(value) <= compiled.rule.entropy) continue;
      const line = lineAround(bytes, match);
      if (line.includes(ALLOW_MARK)) continue;
      const named = bytes.subarray(nameStart(bytes, match.start), match.end);
      const texts = { secret: value, match: bytes.subarray(match.start, match.end), named, line };
      if (compiled.allowances().some((allowance) => allows(allowance, path, texts))) continue;
      const column = place.start - (place.start === 0 ? 0 : bytes.lastIndexOf(10, place.start - 1) + 1) + 1;
      found.push({ rule, line: 1, column, offset, value: Buffer.from(value) });
    }
  }

  /** Findings that stand on their own, and those whose required company is there. */
  #report(unsorted: readonly Found[], path: string, inside: Inside | null): FoundSecret[] {
    // In one order, in whatever pieces a text comes.
    const found = unsorted.toSorted((a, b) => a.offset - b.offset || a.rule - b.rule);
    const ids = found.map(({ rule }) => this.#rules[rule]?.rule.id);
    return found.flatMap((one): FoundSecret[] => {
      const { rule } = this.#rules[one.rule] as CompiledRule;
      if (rule.skipReport) return [];
      // What a rule of a service has named needs no second name.
      if (isGeneric(rule.id) && found.some((other, index) => !isGeneric(ids[index] ?? '') && overlaps(one, other)))
        return [];
      const isComplete = rule.required.every(({ id, withinLines, withinColumns }) =>
        found.some(
          (other, index) =>
            ids[index] === id &&
            other !== one &&
            (withinLines === null || Math.abs(other.line - one.line) <= withinLines) &&
            (withinColumns === null || Math.abs(other.column - one.column) <= withinColumns),
        ),
      );
      if (!isComplete) return [];
      const { line, column } = inside?.place() ?? one;
      const place = { rule: rule.id, path, line, column };
      return [{ rule: rule.id, line, column, fingerprint: fingerprintOf(this.#key, place, one.value) }];
    });
  }
}

interface Inside {
  readonly place: () => TextPlace;
  readonly depth: number;
}

/** The value stays in here. */
interface Found {
  readonly rule: number;
  line: number;
  readonly column: number;
  readonly offset: number;
  readonly value: Uint8Array;
}

function isGeneric(id: string): boolean {
  return id.startsWith('generic');
}

function overlaps(a: Found, b: Found): boolean {
  return a.offset < b.offset + b.value.length && b.offset < a.offset + a.value.length;
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function anchorImplies({ anchor, keywords }: SecretRule): boolean {
  const names = keywords.map((keyword) => Buffer.from(keyword).toString('latin1'));
  return anchor?.literals.every((literal) => names.some((name) => literal.includes(name))) ?? false;
}

/** Kinds of runs that rules without an anchor begin with. */
function runSignals(rules: readonly SecretRule[]): readonly RunSignal[] {
  const kinds = new Map<string, RunSignal>();
  for (const [rule, { run }] of rules.entries()) {
    if (run === null) continue;
    const members = new Uint8Array(256);
    for (const byte of run.bytes) members[byte] = 1;
    const key = `${run.length} ${run.bytes}`;
    const known = kinds.get(key);
    // Base64 is the kind before these.
    if (!isSearchable({ members, length: run.length }) || (!known && kinds.size + 1 >= SETS_MAX)) continue;
    const signal = known ?? { kind: kinds.size + 1, length: run.length, members, rules: [] };
    signal.rules.push({ rule, minBefore: run.minBefore, maxBefore: run.maxBefore });
    kinds.set(key, signal);
  }
  return [...kinds.values()];
}

/**
 * Tells the runs of a kind that are in a block.
 *
 * @param open bytes before the block that may begin one
 * @returns the same for the block behind it
 */
function findRuns(
  search: TextSearch<Signal>,
  signal: RunSignal,
  block: Uint8Array,
  base: number,
  open: number,
  onRun: (signal: RunSignal, start: number, end: number) => void,
): number {
  const { kind, length, members } = signal;
  let from = 0;
  let left = 0;
  if (open > 0) {
    from = search.runEnd(kind, 0);
    if (open + from >= length) onRun(signal, base - open, base + from);
    if (from === block.length) left = open + from;
  }
  while (from < block.length) {
    const start = search.run(kind, from);
    if (start < 0) break;
    onRun(signal, base + start, base + search.stop);
    from = search.stop;
    if (from === block.length) left = from - start;
  }
  while (from < block.length && left < length && members[block[block.length - 1 - left] as number] === 1) left++;
  // A match may begin with the last bytes of what was told and bytes of the next block.
  return Math.min(left, length - 1);
}

function compileAllowance({ paths, regexes, stopwords, target, condition }: SecretAllowance): CompiledAllowance {
  const compileAll = (all: readonly string[]): LinearPattern[] => all.map((source) => new LinearPattern(source));
  return { paths: compileAll(paths), regexes: compileAll(regexes), stopwords, target, condition };
}

function placesIn(waiting: Map<number, Places>, rule: number): Places {
  let places = waiting.get(rule);
  if (places === undefined) {
    places = new Places();
    waiting.set(rule, places);
  }
  return places;
}

/** What is left of places when those up to `ready` were looked at. */
function placesAfter(waiting: ReadonlyMap<number, Places>, ready: number): Map<number, Places> {
  const later = new Map<number, Places>();
  for (const [rule, { firsts, lasts }] of waiting) {
    for (let at = 0; at < lasts.length; at++) {
      const last = lasts[at] as number;
      if (last > ready) placesIn(later, rule).add(Math.max(firsts[at] as number, ready + 1), last);
    }
  }
  return later;
}

/** Few texts hold a credential, so lines are counted in those alone. */
function numberLines(bytes: Buffer, base: number, linesBefore: number, found: readonly Found[]): void {
  let at = 0;
  let line = linesBefore + 1;
  for (const one of found.toSorted((a, b) => a.offset - b.offset)) {
    line += newlinesIn(bytes, at, one.offset - base);
    at = one.offset - base;
    one.line = line;
  }
}

/** A Buffer looks for a byte by vectors, an array of bytes does not. */
function hasNul(chunk: Uint8Array, most: number): boolean {
  return Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, most)).includes(0);
}

function newlinesIn(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  // A call of indexOf for each short line takes twice as long as looking at its bytes; in a long one it is ten times as fast.
  for (let at = start; at < end; ) {
    const before = count;
    const stop = Math.min(at + NEAR_BYTES, end);
    for (; at < stop; at++) if (bytes[at] === 10) count++;
    if (count > before || at === end) continue;
    const next = bytes.indexOf(10, at);
    if (next < 0 || next >= end) break;
    count++;
    at = next + 1;
  }
  return count;
}

function secretOf(rule: SecretRule, pattern: LinearPattern, stretch: Stretch, match: PatternMatch): PatternMatch {
  if (pattern.groups === 0) return match;
  const slots = pattern.groupsOf(stretch, match);
  if (slots === null) return match;
  const groups = rule.secretGroup > 0 ? [rule.secretGroup] : Array.from({ length: pattern.groups }, (_, n) => n + 1);
  for (const group of groups) {
    const [start = -1, end = -1] = slots.subarray(group * 2, group * 2 + 2);
    if (start >= 0 && end > start) return { start, end };
  }
  return match;
}

/** Shannon's, in bits a byte. */
export function entropyOf(value: Uint8Array): number {
  const counts = new Map<number, number>();
  for (const byte of value) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

function lineAround(bytes: Buffer, { start, end }: PatternMatch): Buffer {
  const from = start === 0 ? 0 : bytes.lastIndexOf(10, start - 1) + 1;
  const newline = bytes.indexOf(10, end);
  const to = newline < 0 ? bytes.length : newline;
  return bytes.subarray(Math.max(from, start - LINE_MAX_BYTES), Math.min(to, end + LINE_MAX_BYTES));
}

type Texts = Readonly<Record<SecretAllowance['target'], Uint8Array>>;

/** Bytes of a name before a match that are looked at. */
const NAME_MAX_BYTES = 50;

/** Where the name begins in whose midst a place is: letters, digits and `_.-`. */
function nameStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (start > 0 && at - start < NAME_MAX_BYTES && isNameByte(bytes[start - 1] as number)) start--;
  return start;
}

function isNameByte(byte: number): boolean {
  const isLetter = (byte | 32) >= 97 && (byte | 32) <= 122;
  return isLetter || (byte >= 48 && byte <= 57) || byte === 95 || byte === 46 || byte === 45;
}

function allows(
  { paths, regexes, stopwords, target, condition }: CompiledAllowance,
  path: string,
  texts: Texts,
): boolean {
  const secret = stopwords.length > 0 ? Buffer.from(texts.secret).toString('latin1').toLowerCase() : '';
  const checks = [
    ...(paths.length > 0 ? [() => paths.some((one) => one.test(path))] : []),
    ...(regexes.length > 0 ? [() => regexes.some((one) => one.test(texts[target]))] : []),
    ...(stopwords.length > 0 ? [() => stopwords.some((word) => secret.includes(word))] : []),
  ];
  if (checks.length === 0) return false;
  return condition === 'and' ? checks.every((check) => check()) : checks.some((check) => check());
}

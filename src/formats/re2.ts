/**
 * Patterns of RE2 on the engine of V8 that runs in linear time. That engine knows neither Unicode nor long repetitions nor lines as
 * RE2 has them. So characters that no part of a pattern tells apart are one unit: the pattern is written over units, and a text that
 * is not of ASCII alone is put into them first. However large a script is, it costs the engine a few ranges.
 */
import { LAST_CHARACTER, lowerBound, type Ranges, setOf } from './character-sets.ts';
import { linearSearch, PATTERN_LENGTH_MAX } from './linear-pattern.ts';
import { type Part, type Place, readRe2 } from './re2-syntax.ts';

/** Ranges that a pattern has with its repetitions written out. A text costs its length times this at most. */
const STEPS_MAX = 10_000;
/** Units for characters beyond ASCII follow on it, so that most sets are as few ranges as they were. */
const UNITS_MAX = 0xd000;
/** JavaScript has lines end here as well. */
const FURTHER_LINE_ENDS = { first: 0x2028, count: 2 };
const CARRIAGE_RETURN = 0x0d;
const CARRIAGE_RETURN_UNIT = 0xd7ff;
const ASCII_END = 0x80;
const REPLACEMENT = 0xfffd;

export interface Re2Options {
  /** The pattern is for the whole text, not for a part of it. */
  readonly whole?: boolean;
  /** A dot is the end of a line too, as with the flag `s`. */
  readonly dotIsAll?: boolean;
}

export class Re2 {
  readonly #part: Part;
  readonly #isWhole: boolean;
  readonly #groups: number;
  readonly #compiled: Compiled;
  #withGroups: Compiled | null = null;

  /** @throws RangeError for what RE2 refuses, or what would take too long */
  constructor(source: string, options: Re2Options = {}) {
    if (source.length > PATTERN_LENGTH_MAX)
      throw new RangeError(`the pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
    const { part, groups } = readRe2(source, options.dotIsAll);
    this.#part = part;
    this.#groups = groups;
    this.#isWhole = options.whole === true;
    this.#compiled = compile(part, { isWhole: this.#isWhole });
  }

  test(text: string): boolean {
    const { pattern, units } = this.#compiled;
    pattern.lastIndex = 0;
    return pattern.test(units.areCharacters(text) ? text : units.of([...text]));
  }

  /** What is found first; empty, as in Go, also when nothing is. */
  find(text: string): string {
    return this.findAll(text, 1)[0] ?? '';
  }

  /** `most` below 0: all. */
  findAll(text: string, most = -1): string[] {
    const result: string[] = [];
    if (most === 0) return result;
    const { pattern, units } = this.#compiled;
    const characters = units.areCharacters(text) ? text : [...text];
    for (const found of matches(pattern, typeof characters === 'string' ? text : units.of(characters))) {
      result.push(slice(characters, found.index, found.index + found[0].length));
      if (result.length === most) break;
    }
    return result;
  }

  /** With each match in place of it what `wordsOf` makes of its groups; a group that found nothing is empty. */
  replace(text: string, wordsOf: (groups: readonly string[]) => string): string {
    const isPlain = this.#compiled.units.areCharacters(text);
    const characters = isPlain ? text : [...text];
    // The engine tells what a group found and not where, so each character of the text is told apart from all others.
    const { pattern, units, copies } = isPlain ? this.#keepingGroups() : this.#keepingGroups(new Set(characters));
    const written = typeof characters === 'string' ? text : units.of(characters);
    const characterOf = new Map(isPlain ? [] : [...characters].map((one, i) => [written.charAt(i), one]));
    const pieces: string[] = [];
    let from = 0;
    for (const found of matches(pattern, written)) {
      const end = found.index + found[0].length;
      const groups = new Array<string>(this.#groups + 1).fill('');
      groups[0] = slice(characters, found.index, end);
      for (const [i, group] of copies.entries()) {
        const one = found[i + 1];
        if (one !== undefined)
          groups[group] = isPlain ? one : Array.from(one, (unit) => characterOf.get(unit)).join('');
      }
      pieces.push(slice(characters, from, found.index), wordsOf(groups));
      from = end;
    }
    pieces.push(slice(characters, from, characters.length));
    return pieces.join('');
  }

  #keepingGroups(apart?: ReadonlySet<string>): Compiled {
    const options = { isWhole: this.#isWhole, keepsGroups: true };
    if (apart !== undefined) return compile(this.#part, { ...options, apart });
    this.#withGroups ??= compile(this.#part, options);
    return this.#withGroups;
  }
}

interface Compiled {
  readonly pattern: RegExp;
  readonly units: Units;
  /** For each bracket of what was compiled the group of the pattern it is a copy of. */
  readonly copies: readonly number[];
}

interface CompileOptions {
  readonly isWhole: boolean;
  /** What groups found costs the engine at every step, so only who asks for it pays. */
  readonly keepsGroups?: boolean;
  readonly apart?: ReadonlySet<string>;
}

function compile(part: Part, { isWhole, keepsGroups = false, apart = new Set() }: CompileOptions): Compiled {
  const units = new Units(part, apart);
  const writer = new Writer(units, keepsGroups);
  const written = writer.write(part);
  return { pattern: linearSearch(isWhole ? `^(?:${written})$` : written), units, copies: writer.copies };
}

/** As in Go: an empty match right after another is none. */
function* matches(pattern: RegExp, units: string): Generator<RegExpExecArray> {
  let before = -1;
  for (let at = 0; at <= units.length; ) {
    pattern.lastIndex = at;
    const found = pattern.exec(units);
    if (found === null) return;
    const end = found.index + found[0].length;
    const isAgain = end === at && found.index === before;
    at = end === at ? at + 1 : end;
    before = end;
    if (!isAgain) yield found;
  }
}

function slice(characters: string | readonly string[], from: number, to: number): string {
  return typeof characters === 'string' ? characters.slice(from, to) : characters.slice(from, to).join('');
}

/** What characters are to the engine. Those of ASCII are themselves; of the others, those that no set tells apart are one. */
class Units {
  readonly #starts: number[];
  readonly #unitOf: readonly number[];
  readonly #byLines: boolean;
  readonly #strange: RegExp;

  constructor(part: Part, apart: ReadonlySet<string>) {
    const sets = new Map<string, Ranges>();
    const places = new Set<Place>();
    collect(part, sets, places);
    for (const character of apart) {
      const point = wholeCharacter(character);
      sets.set(`${point},${point}`, [point, point]);
    }
    this.#byLines = places.has('line-start') || places.has('line-end');
    this.#strange = this.#byLines ? /\P{ASCII}|\r/u : /\P{ASCII}/u;
    const starts = new Set([ASCII_END]);
    for (const set of sets.values())
      for (let i = 0; i < set.length; i += 2)
        for (const start of [set[i] ?? 0, (set[i + 1] ?? 0) + 1])
          if (start >= ASCII_END && start <= LAST_CHARACTER) starts.add(start);
    this.#starts = [...starts].sort((a, b) => a - b);
    // Each set parts every kind that it has some of from the rest of that kind.
    const kinds = new Array<number>(this.#starts.length).fill(0);
    let kindsMade = 1;
    for (const set of sets.values()) {
      const within = new Map<number, number>();
      this.#eachPiece(set, (piece) => {
        const kind = kinds[piece] ?? 0;
        let inside = within.get(kind);
        if (inside === undefined) {
          inside = kindsMade++;
          within.set(kind, inside);
        }
        kinds[piece] = inside;
      });
    }
    const units = new Map<number, number>();
    this.#unitOf = kinds.map((kind) => {
      const unit = units.get(kind) ?? unitAt(units.size);
      units.set(kind, unit);
      return unit;
    });
    if (units.size > UNITS_MAX) throw new RangeError('the pattern tells too many characters apart');
  }

  #eachPiece(set: Ranges, use: (piece: number) => void): void {
    for (let i = 0; i < set.length; i += 2) {
      const last = set[i + 1] ?? 0;
      let piece = lowerBound(this.#starts, Math.max(set[i] ?? 0, ASCII_END));
      for (; piece < this.#starts.length && (this.#starts[piece] ?? 0) <= last; piece++) use(piece);
    }
  }

  /** True: the engine may have the text as it is. */
  areCharacters(text: string): boolean {
    return !this.#strange.test(text);
  }

  /** One unit for each character. */
  of(characters: readonly string[]): string {
    return characters.map((character) => String.fromCharCode(this.#unit(character))).join('');
  }

  #unit(character: string): number {
    const point = wholeCharacter(character);
    if (point === CARRIAGE_RETURN && this.#byLines) return CARRIAGE_RETURN_UNIT;
    if (point < ASCII_END) return point;
    const next = lowerBound(this.#starts, point + 1);
    return this.#unitOf[next - 1] ?? 0;
  }

  /** The ranges of units that stand for a set. */
  ranges(set: Ranges): Ranges {
    const pairs: number[] = [];
    for (let i = 0; i < set.length; i += 2) {
      const first = set[i] ?? 0;
      const last = Math.min(set[i + 1] ?? 0, ASCII_END - 1);
      if (first > last) continue;
      if (!this.#byLines || first > CARRIAGE_RETURN || last < CARRIAGE_RETURN) {
        pairs.push(first, last);
        continue;
      }
      if (first < CARRIAGE_RETURN) pairs.push(first, CARRIAGE_RETURN - 1);
      if (last > CARRIAGE_RETURN) pairs.push(CARRIAGE_RETURN + 1, last);
      pairs.push(CARRIAGE_RETURN_UNIT, CARRIAGE_RETURN_UNIT);
    }
    const units = new Set<number>();
    this.#eachPiece(set, (piece) => units.add(this.#unitOf[piece] ?? 0));
    for (const unit of units) pairs.push(unit, unit);
    return setOf(pairs);
  }
}

function unitAt(place: number): number {
  const unit = ASCII_END + place;
  return unit < FURTHER_LINE_ENDS.first ? unit : unit + FURTHER_LINE_ENDS.count;
}

/** Half a character is none: Kubernetes reads it as the sign for what cannot be read. */
function wholeCharacter(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  return point >= 0xd800 && point < 0xe000 ? REPLACEMENT : point;
}

function collect(part: Part, sets: Map<string, Ranges>, places: Set<Place>): void {
  switch (part.kind) {
    case 'set':
      sets.set(part.set.join(), part.set);
      break;
    case 'place':
      places.add(part.place);
      break;
    case 'row':
    case 'choice':
      for (const one of part.parts) collect(one, sets, places);
      break;
    default:
      collect(part.part, sets, places);
  }
}

const PLACE_WORDS: Readonly<Record<Place, string>> = {
  'text-start': '^',
  'text-end': '$',
  'line-start': '(?m:^)',
  'line-end': '(?m:$)',
  'word-edge': '\\b',
  'no-word-edge': '\\B',
};

/** Writes the parts of a pattern for the engine. */
class Writer {
  readonly copies: number[] = [];
  readonly #units: Units;
  readonly #keepsGroups: boolean;
  readonly #sets = new Map<Ranges, { words: string; steps: number }>();
  #steps = 0;

  constructor(units: Units, keepsGroups: boolean) {
    this.#units = units;
    this.#keepsGroups = keepsGroups;
  }

  write(part: Part): string {
    switch (part.kind) {
      case 'set':
        return this.#set(part.set);
      case 'place':
        this.#spend(1);
        return `(?:${PLACE_WORDS[part.place]})`;
      case 'row':
        return part.parts.map((one) => this.write(one)).join('');
      case 'choice':
        return `(?:${part.parts.map((one) => this.write(one)).join('|')})`;
      case 'group':
        if (!this.#keepsGroups) return `(?:${this.write(part.part)})`;
        this.copies.push(part.index);
        return `(${this.write(part.part)})`;
      default:
        return this.#repeat(part);
    }
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > STEPS_MAX)
      throw new RangeError(`the pattern comes to more than ${STEPS_MAX} steps with its repetitions written out`);
  }

  #set(set: Ranges): string {
    let kept = this.#sets.get(set);
    if (kept === undefined) {
      const ranges = this.#units.ranges(set);
      let words = '';
      for (let i = 0; i < ranges.length; i += 2) words += `${unitWord(ranges[i] ?? 0)}-${unitWord(ranges[i + 1] ?? 0)}`;
      kept = { words: `[${words}]`, steps: Math.max(1, ranges.length / 2) };
      this.#sets.set(set, kept);
    }
    this.#spend(kept.steps);
    return kept.words;
  }

  #repeat({ part, least, most, greedy }: Part & { kind: 'repeat' }): string {
    const lazy = greedy ? '' : '?';
    const once = (): string => {
      this.#spend(1);
      return `(?:${this.write(part)})`;
    };
    if (most === null) {
      if (least === 0) return `${once()}*${lazy}`;
      return `${Array.from({ length: least - 1 }, once).join('')}${once()}+${lazy}`;
    }
    const always = Array.from({ length: least }, once).join('');
    const often = Array.from({ length: most - least }, once);
    // A choice, as `?` of JavaScript passes over what finds nothing. What is tried first makes the two ways to write many of them.
    if (greedy) return always + often.map((one) => `(?:${one}|)`).join('');
    return always + often.map((one) => `(?:|${one}`).join('') + ')'.repeat(often.length);
  }
}

function unitWord(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

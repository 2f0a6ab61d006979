/** Sets of characters as RE2 has them: POSIX and Perl classes, Unicode's categories and scripts, and letters that are one but for case. */

/** Pairs of a first and a last code point, in order, none touching the next. */
export type Ranges = readonly number[];

export const LAST_CHARACTER = 0x10_ffff;
const PLANE = 0x1_0000;
const SURROGATES = { first: 0xd800, count: 0x800 };
/** No letter of a later plane has a case. */
const CASED_END = 0x2_0000;

export const NAMED_CLASSES: Readonly<Record<string, Ranges>> = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  ascii: [0, 0x7f],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0, 0x1f, 0x7f, 0x7f],
  digit: [0x30, 0x39],
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  word: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
};

export const PERL_CLASSES: Readonly<Record<string, Ranges>> = {
  d: [0x30, 0x39],
  s: [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20],
  w: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
};

/** Pairs in any order, made a set. */
export function setOf(pairs: Ranges): Ranges {
  const sorted: [number, number][] = [];
  for (let i = 0; i < pairs.length; i += 2) sorted.push([pairs[i] ?? 0, pairs[i + 1] ?? 0]);
  sorted.sort((a, b) => a[0] - b[0]);
  const result: number[] = [];
  for (const [first, last] of sorted) {
    const end = result.at(-1);
    if (end !== undefined && first <= end + 1) result[result.length - 1] = Math.max(end, last);
    else result.push(first, last);
  }
  return result;
}

export function negated(set: Ranges): Ranges {
  const result: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    const first = set[i] ?? 0;
    if (first > next) result.push(next, first - 1);
    next = (set[i + 1] ?? 0) + 1;
  }
  if (next <= LAST_CHARACTER) result.push(next, LAST_CHARACTER);
  return result;
}

/** The set and what its letters are in the other case, by Unicode's simple folding. */
export function anyCase(set: Ranges): Ranges {
  const { points, same } = letterCases();
  const more: number[] = [...set];
  for (let i = 0; i < set.length; i += 2) {
    const last = set[i + 1] ?? 0;
    for (let at = lowerBound(points, set[i] ?? 0); at < points.length && (points[at] ?? 0) <= last; at++)
      for (const other of same.get(points[at] ?? 0) ?? []) more.push(other, other);
  }
  return setOf(more);
}

/** The place of the first number that is not below `wanted`. */
export function lowerBound(numbers: readonly number[], wanted: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

let cases: { points: readonly number[]; same: ReadonlyMap<number, readonly number[]> } | null = null;

/** Letters that differ in case alone: those that the engine of JavaScript takes for one by Unicode's simple folding. */
function letterCases(): { points: readonly number[]; same: ReadonlyMap<number, readonly number[]> } {
  if (cases !== null) return cases;
  const groups = new Map<number, Set<number>>();
  for (let point = 0; point < CASED_END; point++) {
    const letter = String.fromCodePoint(point);
    for (const other of [letter.toLowerCase(), letter.toUpperCase()]) {
      const code = other.codePointAt(0) ?? point;
      if (code === point || other.length !== String.fromCodePoint(code).length) continue;
      // A dotless i has a capital I, but Unicode does not fold the two.
      if (!new RegExp(`^\\u{${point.toString(16)}}$`, 'iu').test(other)) continue;
      const group = new Set([...(groups.get(point) ?? [point]), ...(groups.get(code) ?? [code])]);
      for (const member of group) groups.set(member, group);
    }
  }
  cases = {
    points: [...groups.keys()].sort((a, b) => a - b),
    same: new Map([...groups].map(([point, group]) => [point, [...group]])),
  };
  return cases;
}

const CATEGORIES =
  'C Cc Cf Cn Co Cs L LC Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs ' +
  'Cased_Letter Close_Punctuation Combining_Mark Connector_Punctuation Control Currency_Symbol Dash_Punctuation ' +
  'Decimal_Number Enclosing_Mark Final_Punctuation Format Initial_Punctuation Letter Letter_Number Line_Separator ' +
  'Lowercase_Letter Mark Math_Symbol Modifier_Letter Modifier_Symbol Nonspacing_Mark Number Open_Punctuation Other ' +
  'Other_Letter Other_Number Other_Punctuation Other_Symbol Paragraph_Separator Private_Use Punctuation Separator ' +
  'Space_Separator Spacing_Mark Surrogate Symbol Titlecase_Letter Unassigned Uppercase_Letter cntrl digit punct';

const SCRIPTS =
  'Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo ' +
  'Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common ' +
  'Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs ' +
  'Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul ' +
  'Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi ' +
  'Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki ' +
  'Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean ' +
  'Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi ' +
  'Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong ' +
  'Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian ' +
  'Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi ' +
  'Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo ' +
  'Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana ' +
  'Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square';

/** How the engine of JavaScript writes each property; scripts come last, and no name is both. */
const properties: ReadonlyMap<string, string> = new Map([
  ...CATEGORIES.split(' ').map((name) => [plainName(name), `General_Category=${name}`] as const),
  ...SCRIPTS.split(' ').map((name) => [plainName(name), `Script=${name}`] as const),
  ['any', 'Any'],
  ['assigned', 'Assigned'],
  ['ascii', 'ASCII'],
]);

const unicodeSets = new Map<string, Ranges>();

/** The characters of a category or a script; null: there is none of that name. */
export function unicodeClass(name: string): Ranges | null {
  const property = properties.get(plainName(name));
  if (property === undefined) return null;
  const kept = unicodeSets.get(property);
  if (kept !== undefined) return kept;
  const runs = new RegExp(`\\p{${property}}+`, 'gu');
  const pairs: number[] = [];
  for (let base = 0; base <= LAST_CHARACTER; base += PLANE)
    for (const { 0: run, index } of textOfPlane(base).matchAll(runs)) {
      const first = pointAt(base, index);
      const last = pointAt(base, index + run.length - (base === 0 ? 1 : 2));
      pairs.push(first, last);
    }
  const set = setOf(pairs);
  // As many as there are names: nothing need be forgotten.
  unicodeSets.set(property, set);
  return set;
}

/** Names are the same whatever their case, spaces and lines between words. */
function plainName(name: string): string {
  return name.replaceAll(/[-_ ]/g, '').toLowerCase();
}

/** All characters of a plane; halves of characters are none. */
function textOfPlane(base: number): string {
  const units = new Uint16Array(base === 0 ? PLANE - SURROGATES.count : PLANE * 2);
  if (base === 0) for (let i = 0; i < units.length; i++) units[i] = pointAt(0, i);
  else
    for (let i = 0; i < PLANE; i++) {
      units[i * 2] = 0xd800 + ((base - PLANE + i) >> 10);
      units[i * 2 + 1] = 0xdc00 + (i & 0x3ff);
    }
  return Buffer.from(units.buffer).toString('utf16le');
}

function pointAt(base: number, index: number): number {
  if (base > 0) return base + (index >> 1);
  return index < SURROGATES.first ? index : index + SURROGATES.count;
}

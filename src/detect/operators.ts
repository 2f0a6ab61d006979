/** What each operator means for each type of value, with the right side prepared once. */
import { bytesOfText, type FieldType } from '../events/index.ts';
import { linearPattern, PATTERN_LENGTH_MAX } from '../formats/linear-pattern.ts';
import { Re2 } from '../formats/re2.ts';
import type { BinaryOperator, Quantifier } from './filter-ast.ts';
import { portOfService } from './services.ts';

export type Scalar = string | number | boolean;
export type Tester = (value: Scalar) => boolean;

const ORDER = ['<', '<=', '>', '>='] as const;
const EQUALITY = ['=', '!=', 'in', 'intersects'] as const;
const TEXT_ONLY = ['contains', 'icontains', 'startswith', 'endswith', 'glob', 'iglob', 'regex', 'pmatch'] as const;
const ALLOWED: Readonly<Record<FieldType, ReadonlySet<BinaryOperator>>> = {
  text: new Set<BinaryOperator>([...EQUALITY, ...ORDER, ...TEXT_ONLY]),
  path: new Set<BinaryOperator>([...EQUALITY, ...ORDER, ...TEXT_ONLY]),
  number: new Set<BinaryOperator>([...EQUALITY, ...ORDER]),
  port: new Set<BinaryOperator>([...EQUALITY, ...ORDER]),
  boolean: new Set<BinaryOperator>(EQUALITY),
  bytes: new Set<BinaryOperator>([...EQUALITY, 'contains', 'startswith', 'endswith', 'bcontains', 'bstartswith']),
  address: new Set<BinaryOperator>(EQUALITY),
  network: new Set<BinaryOperator>(EQUALITY),
};

/** A port may be any number of 32 bits; of one that is no port nothing has it. */
const PORT_END = 0xffff_ffff;

export function isAllowed(operator: BinaryOperator, type: FieldType): boolean {
  return ALLOWED[type].has(operator);
}

/** A value of the rule's text as the type wants it. Throws `RangeError` with the reason when it is not one. */
export function parseValue(text: string, type: FieldType): Scalar {
  switch (type) {
    case 'text':
    case 'path':
      return text;
    case 'bytes':
      return bytesOfText(text);
    case 'number': {
      // As Falco has it: the grammar has hexadecimal numbers, and no field takes one.
      if (!/^\s*[+-]?\d+$/.test(text)) throw new RangeError(`"${text}" is not a whole number`);
      return Number(text);
    }
    case 'port': {
      const port = /^\d+$/.test(text) ? Number(text) : portOfService(text);
      if (port === undefined || port >= PORT_END)
        throw new RangeError(`"${text}" is neither a port nor a service that is known`);
      return port;
    }
    case 'boolean': {
      if (text === 'true') return true;
      if (text === 'false') return false;
      throw new RangeError(`"${text}" is not true or false`);
    }
    case 'address':
      if (parseAddress(text) === null) throw new RangeError(`"${text}" is not an IP address`);
      return text;
    case 'network':
      if (!text.includes('/')) throw new RangeError(`"${text}" is not an IP network: an address and "/" and its bits`);
      parseNetwork(text);
      return text;
  }
}

/** The test of one value against one value of the rule. Throws `RangeError` when the value does not fit the operator. */
export function makeTester(operator: BinaryOperator, type: FieldType, given: string): Tester {
  // A byte that is no letter may be part of one in the value: such a text is looked for among the bytes.
  if (type !== 'bytes' && !given.isWellFormed()) {
    if (operator === 'regex') throw new RangeError('a pattern has letters, and no byte that is none');
    const ofBytes = makeTester(operator, 'bytes', given);
    return (value) => ofBytes(bytesOfText(String(value)));
  }
  const text = type === 'bytes' ? bytesOfText(given) : given;
  switch (operator) {
    case 'contains':
      return (value) => String(value).includes(text);
    case 'icontains': {
      if (text.length <= CASELESS_LENGTH_MAX) {
        const pattern = caselessPattern(text);
        return (value) => pattern.test(String(value));
      }
      const lower = lowerCase(text);
      return (value) => lowerCase(String(value)).includes(lower);
    }
    case 'startswith':
      return (value) => String(value).startsWith(text);
    case 'endswith':
      return (value) => String(value).endsWith(text);
    case 'glob':
      return globTester(text);
    case 'iglob': {
      const test = globTester(lowerCase(text));
      return (value) => test(lowerCase(String(value)));
    }
    case 'regex': {
      const pattern = new Re2(text, { whole: true, dotIsAll: true });
      return (value) => pattern.test(String(value).toWellFormed());
    }
    case 'bcontains': {
      const bytes = hexText(text);
      return type === 'bytes'
        ? (value) => String(value).includes(bytes)
        : (value) => bytesOfText(String(value)).includes(bytes);
    }
    case 'bstartswith': {
      const bytes = hexText(text);
      return type === 'bytes'
        ? (value) => String(value).startsWith(bytes)
        : (value) => bytesOfText(String(value)).startsWith(bytes);
    }
    case 'pmatch':
      return pathTester(text);
    default:
      return comparer(operator, type, parseValue(given, type));
  }
}

function comparer(operator: BinaryOperator, type: FieldType, right: Scalar): Tester {
  if (type === 'network' || type === 'address') {
    const inside = networkTester(String(right));
    return operator === '!=' ? (value) => !inside(String(value)) : (value) => inside(String(value));
  }
  switch (operator) {
    case '!=':
      return (value) => value !== right;
    case '<':
      return (value) => value < right;
    case '<=':
      return (value) => value <= right;
    case '>':
      return (value) => value > right;
    case '>=':
      return (value) => value >= right;
    default:
      return (value) => value === right;
  }
}

/** Both sides come from the event. */
export function compareValues(operator: BinaryOperator, type: FieldType, left: Scalar, right: Scalar): boolean {
  if (operator === 'regex') return false; // a pattern that comes with the event is never run
  return makeTester(operator, type, String(right))(left);
}

/** The test of one value against many: any of them unless told otherwise. Of none no word about how many holds, nor does "all". */
export function makeManyTester(testers: readonly Tester[], quantifier: Quantifier | null): Tester {
  if (testers.length === 0) return () => false;
  switch (quantifier) {
    case 'allof':
      return (value) => testers.every((test) => test(value));
    case 'oneof':
      return (value) => {
        let held = 0;
        for (const test of testers) if (test(value) && ++held > 1) return false;
        return held === 1;
      };
    default:
      return (value) => testers.some((test) => test(value));
  }
}

function matchesWhole(source: string): Tester {
  const pattern = linearPattern(source);
  return (value) => pattern.test(String(value));
}

/** Letters of ASCII alone, as the language has it: what Unicode takes for the same letter is another name for the kernel. */
export function lowerCase(text: string): string {
  return ASCII_ONLY.test(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
const ASCII_ONLY = /^[\0-\x7f]*$/;

/** Longer texts are rare, and a pattern of theirs could be tried at each letter of a value to its end. */
const CASELESS_LENGTH_MAX = 64;

/** The text itself, either case of each letter of ASCII: looking for it costs a quarter of making a copy of the value in small letters. */
function caselessPattern(text: string): RegExp {
  const units = Array.from({ length: text.length }, (_, i) => {
    const unit = text.charAt(i);
    return /[A-Za-z]/.test(unit)
      ? `[${unit.toLowerCase()}${unit.toUpperCase()}]`
      : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return new RegExp(units.join(''));
}

/** Most shell patterns have only stars: text between them is looked for from left to right, which is linear and quick. */
function globTester(glob: string): Tester {
  if (/[?[\\]/.test(glob)) return matchesWhole(globSource(glob, '.*', '.'));
  const pieces = glob.split('*');
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (pieces.length === 1) return (value) => value === glob;
  const middle = pieces.slice(1, -1);
  return (value) => {
    const text = String(value);
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const piece of middle) {
      const found = text.indexOf(piece, at);
      if (found === -1 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/** A shell pattern as a regular expression: `*`, `?` and `[…]`; `any` and `one` say what they may match. */
function globSource(glob: string, any: string, one: string): string {
  if (glob.length > PATTERN_LENGTH_MAX)
    throw new RangeError(`the pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
  let source = '';
  // Behind a bracket that does not end only one that begins with a class can: looking each time to the end would take the square.
  let isUnended = false;
  for (let i = 0; i < glob.length; i++) {
    const c = glob[i] ?? '';
    if (c === '*') {
      if (!source.endsWith(any)) source += any; // "**" means the same and would only cost time
    } else if (c === '?') source += one;
    else if (c === '[') {
      const end = isUnended && classAt(glob, i) === null ? -1 : endOfBracket(glob, i);
      if (end === -1) {
        isUnended = true;
        source += '\\[';
      } else {
        source += bracketSource(glob.slice(i + 1, end));
        i = end;
      }
    } else if (c !== '\\') source += escapeForRegExp(c);
    else if (i + 1 < glob.length) source += escapeForRegExp(glob[++i] ?? '');
    else source += NEVER; // fnmatch(3): a backslash that ends the pattern matches nothing
  }
  return source;
}

const CLASS = /\[:([a-z]+):\]/y;

/** The class of characters named at that place of a bracket expression, `[:alpha:]` for one. */
function classAt(glob: string, at: number): { readonly name: string; readonly length: number } | null {
  CLASS.lastIndex = at;
  const found = CLASS.exec(glob);
  return found === null ? null : { name: found[1] ?? '', length: found[0].length };
}

/** Where the bracket expression ends that begins at `start`, or -1; the first "]" in it stands for itself. */
function endOfBracket(glob: string, start: number): number {
  let at = start + 1;
  if (glob[at] === '!' || glob[at] === '^') at++;
  for (let isFirst = true; at < glob.length; at++, isFirst = false) {
    if (glob[at] === ']' && !isFirst) return at;
    if (glob[at] === '\\') at++;
    else if (glob[at] === '[') at += (classAt(glob, at)?.length ?? 1) - 1;
  }
  return -1;
}

/** The inside of a bracket expression of the shell as one of regular expressions. */
function bracketSource(inner: string): string {
  const isNegated = inner.startsWith('!') || inner.startsWith('^');
  let members = '';
  for (let i = isNegated ? 1 : 0; i < inner.length; i++) {
    const named = classAt(inner, i);
    if (named !== null) {
      const letters = CLASSES[named.name];
      if (letters === undefined) return NEVER;
      members += letters;
      i += named.length - 1;
      continue;
    }
    if (inner[i] === '\\' && i + 1 < inner.length) i++;
    const first = inner[i] ?? '';
    let last = first;
    if (inner[i + 1] === '-' && i + 2 < inner.length) {
      i += inner[i + 2] === '\\' && i + 3 < inner.length ? 3 : 2;
      last = inner[i] ?? '';
    }
    // A range that goes backwards has nothing in it.
    if (first <= last) members += first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`;
  }
  if (members === '') return isNegated ? '[\\s\\S]' : NEVER;
  return `[${isNegated ? '^' : ''}${members}]`;
}

function escaped(member: string): string {
  return member.replace(/[\\\]^[-]/, '\\$&');
}

const NEVER = '[^\\s\\S]';
const CLASSES: Readonly<Record<string, string>> = {
  ...{ alpha: 'A-Za-z', digit: '0-9', alnum: 'A-Za-z0-9', upper: 'A-Z', lower: 'a-z', xdigit: '0-9A-Fa-f' },
  ...{
    space: ' \\t\\n\\v\\f\\r',
    blank: ' \\t',
    cntrl: '\\x00-\\x1f\\x7f',
    print: '\\x20-\\x7e',
    graph: '\\x21-\\x7e',
  },
  punct: '!-\\/:-@\\[-`{-~',
};

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

function hexText(text: string): string {
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text))
    throw new RangeError(`"${text}" is not an even number of hexadecimal digits`);
  return Buffer.from(text, 'hex').toString('latin1');
}

/**
 * A path matches when it is the rule's path or below it; each part of the rule's path may be a shell pattern. As for Falco only the
 * parts count: "etc" is "/etc", and the root is above everything, also above what is no whole path.
 */
function pathTester(text: string): Tester {
  const parts = text.split('/').filter((part) => part !== '');
  if (parts.length === 0) return () => true;
  // A part holds no slash, so nothing more has to be kept from matching one.
  const tests = parts.map((part): Tester => (/[?*[]/.test(part) ? globTester(part) : (value) => value === part));
  return (value) => {
    const own = String(value)
      .split('/')
      .filter((part) => part !== '');
    return own.length >= tests.length && tests.every((test, i) => test(own[i] ?? ''));
  };
}

/** An address as a number and its width in bits, or null. */
function parseAddress(text: string): { value: bigint; bits: 32 | 128 } | null {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split('.').map(Number);
    if (parts.some((part) => part > 255)) return null;
    return { value: BigInt(parts.reduce((sum, part) => sum * 256 + part, 0)), bits: 32 };
  }
  if (!text.includes(':') || !/^[0-9a-fA-F:.]+$/.test(text)) return null;
  const tail = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let plain = text;
  if (tail?.[1] !== undefined) {
    const inner = parseAddress(tail[1]);
    if (inner === null) return null;
    const [high, low] = [inner.value >> 16n, inner.value & 0xffffn];
    plain = `${text.slice(0, -tail[1].length)}${high.toString(16)}:${low.toString(16)}`;
  }
  const halves = plain.split('::');
  if (halves.length > 2) return null;
  const words = (half: string | undefined): string[] => (half === undefined || half === '' ? [] : half.split(':'));
  const [head, rest] = [words(halves[0]), words(halves[1])];
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  let value = 0n;
  for (const word of [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill('0'), ...rest]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(word)) return null;
    value = (value << 16n) | BigInt(Number.parseInt(word, 16));
  }
  return { value, bits: 128 };
}

function parseNetwork(text: string): { value: bigint; bits: 32 | 128; prefix: number } {
  const [address = '', prefixText] = text.split('/');
  const parsed = parseAddress(address);
  const prefix = prefixText === undefined ? (parsed?.bits ?? 0) : Number(prefixText);
  const wellFormed = prefixText === undefined || /^\d{1,3}$/.test(prefixText);
  if (parsed === null || !wellFormed || prefix > parsed.bits) throw new RangeError(`"${text}" is not an IP network`);
  return { ...parsed, prefix };
}

function networkTester(text: string): (address: string) => boolean {
  const network = parseNetwork(text);
  const shift = BigInt(network.bits - network.prefix);
  return (address) => {
    const own = parseAddress(address);
    return own !== null && own.bits === network.bits && own.value >> shift === network.value >> shift;
  };
}

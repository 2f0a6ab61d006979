import { type Environment, Optional } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { spendMembers } from './cel-budget.ts';
import { formatText, quoteText } from './cel-format.ts';
import { addListFunctions, LIST_TYPES, LISTS } from './cel-lists.ts';
import { registerMacros } from './cel-macros.ts';
import { addNameFunctions, FORMAT_NAMES, NAME_TYPES, Version } from './cel-names.ts';
import { ADDRESS_NAMES, Address, AddressRange, addNetworkFunctions, NETWORK_TYPES } from './cel-network.ts';
import { registerOptionalEquality } from './cel-standard.ts';

/** Adds a function by its signature, `name(type): type` or `type.name(type): type`. */
export type AddFunction = (signature: string, handler: (...values: never[]) => unknown) => void;

/** An amount as Kubernetes writes it: `500m`, `1.5Gi`, `1e3`; kept as thousandths of a thousandth, so that it is exact. */
class Quantity {
  /** In units of 10^-9. */
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

const UNIT = 1_000_000_000n;
const SCALE: Readonly<Record<string, bigint>> = {
  ...{ n: 1n, u: 1_000n, m: 1_000_000n, '': UNIT },
  ...{ k: 10n ** 12n, M: 10n ** 15n, G: 10n ** 18n, T: 10n ** 21n, P: 10n ** 24n, E: 10n ** 27n },
  ...{ Ki: 2n ** 10n * UNIT, Mi: 2n ** 20n * UNIT, Gi: 2n ** 30n * UNIT },
  ...{ Ti: 2n ** 40n * UNIT, Pi: 2n ** 50n * UNIT, Ei: 2n ** 60n * UNIT },
};
const QUANTITY = /^([+-]?)(\d{0,120})(?:\.(\d{0,60}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/;

const INT64_MAX = 2n ** 63n - 1n;

/** @throws RangeError for what is no amount */
function parseQuantity(text: string): Quantity {
  const [, sign, whole = '', fraction = '', suffix = '', exponent = '0'] = QUANTITY.exec(text) ?? [];
  if (whole === '' && fraction === '') throw new RangeError(`${JSON.stringify(text.slice(0, 60))} is no quantity`);
  const unit = SCALE[suffix] ?? 1n;
  const power = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction) * unit;
  // What is finer than a thousandth of a millionth is rounded up, so that nothing that is there becomes nothing.
  const finer = 10n ** BigInt(Math.max(0, -power));
  const exact = (digits * 10n ** BigInt(Math.max(0, power)) + finer - 1n) / finer;
  // In powers of two an amount ends at the largest of 64 bits, as in Kubernetes; in powers of ten it does not.
  const nanos = suffix.endsWith('i') && exact > INT64_MAX * UNIT ? INT64_MAX * UNIT : exact;
  return new Quantity(sign === '-' ? -nanos : nanos);
}

/** Whether a text is an amount of Kubernetes: `500m`, `1.5Gi`. */
export function isQuantity(text: string): boolean {
  try {
    return parseQuantity(text).nanos !== null;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** An amount in units of 10^-9. @throws RangeError for what is no amount */
export function nanosOf(text: string): bigint {
  return parseQuantity(text).nanos;
}

function wholeOf({ nanos }: Quantity): bigint | null {
  const whole = nanos / UNIT;
  return nanos % UNIT === 0n && whole <= INT64_MAX && whole >= -INT64_MAX - 1n ? whole : null;
}

/** `sets.contains(a, b)`: the library has no namespaces of functions, so `sets` is a constant with methods. */
class Sets {}
class Strings {}

/** What asks the authorisation of a cluster. There is none here, so no question has an answer: a rule that asks fails. */
class Authorizer {
  // A field is read by the library as a property.
  readonly requestResource = new AuthorizerCheck();
}
class AuthorizerCheck {}

function noCluster(): never {
  throw new RangeError('there is no authorizer of a cluster here, so this cannot be answered');
}

/** Comparing two values by what they mean costs more than copying one. */
const COMPARED = 4;

/** Equality of CEL: whole numbers with others, lists and maps by their members, amounts and addresses by what they mean. */
function isSame(a: unknown, b: unknown): boolean {
  spendMembers(COMPARED);
  if (typeof a === 'bigint' && typeof b === 'number') return Number(a) === b;
  if (typeof a === 'number' && typeof b === 'bigint') return a === Number(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => isSame(one, b[index]));
  }
  if (a instanceof Map && b instanceof Map) {
    spendMembers(a.size);
    return a.size === b.size && [...a].every(([name, value]) => b.has(name) && isSame(value, b.get(name)));
  }
  if (typeof a === 'string' && typeof b === 'string' && a.length === b.length) spendMembers(a.length);
  if (a instanceof Quantity && b instanceof Quantity) return a.nanos === b.nanos;
  const isText = [Address, AddressRange].some((one) => a instanceof one && b instanceof one);
  if (isText) return String(a) === String(b);
  if (a instanceof Duration && b instanceof Duration) return a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof UnsignedInt || b instanceof UnsignedInt) return isSame(plainOf(a), plainOf(b));
  if (a instanceof Version && b instanceof Version) {
    return a.numbers.join('.') === b.numbers.join('.') && a.before.join('.') === b.before.join('.');
  }
  return a === b;
}

function plainOf(number: unknown): unknown {
  return number instanceof UnsignedInt ? number.value : number;
}

/** Empty, zero and false are no value. */
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  return value === null || value === '' || value === 0 || value === 0n || value === false;
}

/**
 * Functions of Kubernetes’ CEL libraries (1.36): quantity, url, ip, cidr, sets, lists, strings, format, semver, image,
 * comprehensions with two variables, optional values; `authorizer` is understood and never answers.
 */
export function registerKubernetesFunctions(environment: Environment): void {
  const sync = { async: false } as const;
  const add: AddFunction = (signature, handler) => {
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown, sync);
  };
  const types = {
    ...{ 'kubernetes.Quantity': Quantity, 'kubernetes.Sets': Sets, 'kubernetes.Strings': Strings },
    ...NETWORK_TYPES,
    ...NAME_TYPES,
    ...LIST_TYPES,
  };
  for (const [name, type] of Object.entries(types)) environment.registerType(name, type);
  environment
    .registerConstant('sets', 'kubernetes.Sets', new Sets())
    .registerConstant('strings', 'kubernetes.Strings', new Strings())
    .registerConstant('lists', 'kubernetes.Lists', LISTS)
    .registerConstant('ip', 'kubernetes.AddressNames', ADDRESS_NAMES)
    .registerConstant('format', 'kubernetes.FormatNames', FORMAT_NAMES);
  for (const type of ['kubernetes.Quantity', 'net.IP', 'net.CIDR', 'kubernetes.Semver'])
    environment.registerOperator(`${type} == ${type}`, isSame);
  addQuantityFunctions(add);
  addNetworkFunctions(add);
  addNameFunctions(add);
  addSetFunctions(add);
  addListFunctions(add, isSame);
  registerOptionalEquality(environment, isSame);
  addAuthorizerFunctions(environment, add);
  registerMacros(environment);
  add('string.format(list): string', formatText);
  add('kubernetes.Strings.quote(string): string', (_: Strings, text: string) => quoteText(text));
  add('OptionalNamespace.ofNonZeroValue(dyn): optional<dyn>', (_: unknown, value: unknown) =>
    isZero(value) ? Optional.none() : Optional.of(value),
  );
}

function addQuantityFunctions(add: AddFunction): void {
  const Q = 'kubernetes.Quantity';
  add(`quantity(string): ${Q}`, parseQuantity);
  add('isQuantity(string): bool', isQuantity);
  add(`${Q}.isLessThan(${Q}): bool`, (a: Quantity, b: Quantity) => a.nanos < b.nanos);
  add(`${Q}.isGreaterThan(${Q}): bool`, (a: Quantity, b: Quantity) => a.nanos > b.nanos);
  add(`${Q}.compareTo(${Q}): int`, (a: Quantity, b: Quantity) =>
    a.nanos < b.nanos ? -1n : a.nanos > b.nanos ? 1n : 0n,
  );
  add(`${Q}.add(${Q}): ${Q}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos));
  add(`${Q}.add(int): ${Q}`, (a: Quantity, b: bigint) => new Quantity(a.nanos + b * UNIT));
  add(`${Q}.sub(${Q}): ${Q}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos));
  add(`${Q}.sub(int): ${Q}`, (a: Quantity, b: bigint) => new Quantity(a.nanos - b * UNIT));
  add(`${Q}.sign(): int`, (a: Quantity) => (a.nanos < 0n ? -1n : a.nanos > 0n ? 1n : 0n));
  add(`${Q}.isInteger(): bool`, (a: Quantity) => wholeOf(a) !== null);
  add(`${Q}.asInteger(): int`, (a: Quantity) => {
    const whole = wholeOf(a);
    if (whole === null) throw new RangeError('the quantity is no whole number of 64 bits');
    return whole;
  });
  add(`${Q}.asApproximateFloat(): double`, (a: Quantity) => Number(a.nanos) / 1e9);
}

function addSetFunctions(add: AddFunction): void {
  const within = (list: unknown[], value: unknown): boolean => list.some((one) => isSame(one, value));
  add('kubernetes.Sets.contains(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) =>
    b.every((one) => within(a, one)),
  );
  add('kubernetes.Sets.intersects(list, list): bool', (_: Sets, a: unknown[], b: unknown[]) =>
    b.some((one) => within(a, one)),
  );
  add(
    'kubernetes.Sets.equivalent(list, list): bool',
    (_: Sets, a: unknown[], b: unknown[]) => b.every((one) => within(a, one)) && a.every((one) => within(b, one)),
  );
}

/** Every way of asking ends in `check`, which fails: what a rule does then is said by its failurePolicy. */
function addAuthorizerFunctions(environment: Environment, add: AddFunction): void {
  const [A, C, D] = ['kubernetes.Authorizer', 'kubernetes.AuthorizerCheck', 'kubernetes.AuthorizerDecision'];
  class AuthorizerDecision {}
  environment
    .registerType(C, AuthorizerCheck)
    .registerType(D, AuthorizerDecision)
    .registerType(A, { ctor: Authorizer, fields: { requestResource: C } })
    .registerConstant('authorizer', A, new Authorizer());
  const same = (one: object): object => one;
  add(`${A}.path(string): ${C}`, () => new AuthorizerCheck());
  add(`${A}.group(string): ${C}`, () => new AuthorizerCheck());
  add(`${A}.serviceAccount(string, string): ${A}`, same);
  for (const step of ['resource', 'subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'])
    add(`${C}.${step}(string): ${C}`, same);
  add(`${C}.check(string): ${D}`, noCluster);
  for (const word of ['allowed', 'errored']) add(`${D}.${word}(): bool`, noCluster);
  for (const word of ['reason', 'error']) add(`${D}.${word}(): string`, noCluster);
}

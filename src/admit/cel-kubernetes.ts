import { BlockList, isIP } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';

/** An amount as Kubernetes writes it: `500m`, `1.5Gi`, `1e3`; kept as thousandths of a thousandth, so that it is exact. */
class Quantity {
  /** In units of 10^-9. */
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

const SCALE: Readonly<Record<string, bigint>> = {
  ...{ n: 1n, u: 1_000n, m: 1_000_000n, '': 1_000_000_000n },
  ...{ k: 10n ** 12n, M: 10n ** 15n, G: 10n ** 18n, T: 10n ** 21n, P: 10n ** 24n, E: 10n ** 27n },
  ...{ Ki: 2n ** 10n * 10n ** 9n, Mi: 2n ** 20n * 10n ** 9n, Gi: 2n ** 30n * 10n ** 9n },
  ...{ Ti: 2n ** 40n * 10n ** 9n, Pi: 2n ** 50n * 10n ** 9n, Ei: 2n ** 60n * 10n ** 9n },
};
const QUANTITY = /^([+-]?)(\d{1,30})(?:\.(\d{0,30}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

function parseQuantity(text: string): Quantity {
  const match = QUANTITY.exec(text);
  if (match === null) throw new RangeError(`${JSON.stringify(text.slice(0, 60))} is no quantity`);
  const [, sign, whole = '', fraction = '', suffix = '', exponent = '0'] = match;
  const unit = SCALE[suffix] ?? 1n;
  const power = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction) * unit;
  const nanos = power >= 0 ? digits * 10n ** BigInt(power) : digits / 10n ** BigInt(-power);
  return new Quantity(sign === '-' ? -nanos : nanos);
}

/** Values of URLs, addresses and address ranges. */
class Url {
  readonly url: URL;
  constructor(text: string) {
    this.url = new URL(text);
  }
}
class Address {
  readonly text: string;
  readonly family: 4 | 6;
  constructor(text: string) {
    const family = isIP(text);
    if (family === 0) throw new RangeError(`${JSON.stringify(text.slice(0, 60))} is no address`);
    this.text = text;
    this.family = family === 4 ? 4 : 6;
  }
}
class AddressRange {
  readonly address: Address;
  readonly prefix: number;
  readonly #list = new BlockList();
  constructor(text: string) {
    const [address = '', prefix = ''] = text.split('/', 2);
    this.address = new Address(address);
    this.prefix = /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (this.prefix < 0 || this.prefix > (this.address.family === 4 ? 32 : 128)) {
      throw new RangeError(`${JSON.stringify(text.slice(0, 60))} is no range of addresses`);
    }
    this.#list.addSubnet(address, this.prefix, this.address.family === 4 ? 'ipv4' : 'ipv6');
  }
  contains(address: Address): boolean {
    return (
      address.family === this.address.family && this.#list.check(address.text, address.family === 4 ? 'ipv4' : 'ipv6')
    );
  }
}

/** `sets.contains(a, b)`: the library has no namespaces of functions, so `sets` is a constant with methods. */
class Sets {}

function holds(make: (text: string) => unknown): (text: unknown) => boolean {
  return (text) => {
    try {
      make(String(text));
      return true;
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) return false;
      throw error;
    }
  };
}

/** CEL compares whole numbers with others; lists of one are equal members. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'bigint' && typeof b === 'number') return Number(a) === b;
  if (typeof a === 'number' && typeof b === 'bigint') return a === Number(b);
  return a === b;
}

/**
 * Functions of Kubernetes' CEL libraries: quantity, url, ip, cidr, sets, lists. Not there: `authorizer`, `format`, `semver`,
 * `optMap`, comprehensions with two variables; an expression that calls them is refused when it is read.
 */
export function registerKubernetesFunctions(environment: Environment): void {
  const sync = { async: false } as const;
  const add = (signature: string, handler: (...values: never[]) => unknown): void => {
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown, sync);
  };
  environment
    .registerType('kubernetes.Quantity', Quantity)
    .registerType('kubernetes.URL', Url)
    .registerType('net.IP', Address)
    .registerType('net.CIDR', AddressRange)
    .registerType('kubernetes.Sets', Sets)
    .registerConstant('sets', 'kubernetes.Sets', new Sets());
  const Q = 'kubernetes.Quantity';
  add(`quantity(string): ${Q}`, parseQuantity);
  add('isQuantity(string): bool', holds(parseQuantity));
  add(`${Q}.isLessThan(${Q}): bool`, (a: Quantity, b: Quantity) => a.nanos < b.nanos);
  add(`${Q}.isGreaterThan(${Q}): bool`, (a: Quantity, b: Quantity) => a.nanos > b.nanos);
  add(`${Q}.compareTo(${Q}): int`, (a: Quantity, b: Quantity) =>
    a.nanos < b.nanos ? -1n : a.nanos > b.nanos ? 1n : 0n,
  );
  add(`${Q}.add(${Q}): ${Q}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos));
  add(`${Q}.sub(${Q}): ${Q}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos));
  add(`${Q}.sign(): int`, (a: Quantity) => (a.nanos < 0n ? -1n : a.nanos > 0n ? 1n : 0n));
  add(`${Q}.isInteger(): bool`, (a: Quantity) => a.nanos % 1_000_000_000n === 0n);
  add(`${Q}.asInteger(): int`, (a: Quantity) => a.nanos / 1_000_000_000n);
  add(`${Q}.asApproximateFloat(): double`, (a: Quantity) => Number(a.nanos) / 1e9);
  const U = 'kubernetes.URL';
  add(`url(string): ${U}`, (text: string) => new Url(text));
  add(
    'isURL(string): bool',
    holds((text) => new Url(text)),
  );
  add(`${U}.getScheme(): string`, ({ url }: Url) => url.protocol.slice(0, -1));
  add(`${U}.getHost(): string`, ({ url }: Url) => url.host);
  add(`${U}.getHostname(): string`, ({ url }: Url) => url.hostname);
  add(`${U}.getPort(): string`, ({ url }: Url) => url.port);
  add(`${U}.getEscapedPath(): string`, ({ url }: Url) => url.pathname);
  add('ip(string): net.IP', (text: string) => new Address(text));
  add(
    'isIP(string): bool',
    holds((text) => new Address(text)),
  );
  add('net.IP.family(): int', ({ family }: Address) => BigInt(family));
  add('cidr(string): net.CIDR', (text: string) => new AddressRange(text));
  add(
    'isCIDR(string): bool',
    holds((text) => new AddressRange(text)),
  );
  add('net.CIDR.containsIP(string): bool', (range: AddressRange, text: string) => range.contains(new Address(text)));
  add('net.CIDR.containsIP(net.IP): bool', (range: AddressRange, address: Address) => range.contains(address));
  add('net.CIDR.containsCIDR(string): bool', (range: AddressRange, text: string) => {
    const inner = new AddressRange(text);
    return inner.prefix >= range.prefix && range.contains(inner.address);
  });
  add('net.CIDR.prefixLength(): int', ({ prefix }: AddressRange) => BigInt(prefix));
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
  const ends = (list: (bigint | number | string)[], isBetter: (a: unknown, b: unknown) => boolean) => {
    if (list.length === 0) throw new RangeError('expected a list that is not empty');
    return list.reduce((best, one) => (isBetter(one, best) ? one : best));
  };
  add('list.max(): dyn', (list: bigint[]) => ends(list, (a, b) => (a as bigint) > (b as bigint)));
  add('list.min(): dyn', (list: bigint[]) => ends(list, (a, b) => (a as bigint) < (b as bigint)));
  add('list.sum(): dyn', (list: bigint[]) => list.reduce((sum, one) => sum + one, 0n));
  add('list.isSorted(): bool', (list: bigint[]) => list.every((one, i) => i === 0 || (list[i - 1] ?? one) <= one));
  add('list.indexOf(dyn): int', (list: unknown[], value: unknown) =>
    BigInt(list.findIndex((one) => isSame(one, value))),
  );
  add('list.lastIndexOf(dyn): int', (list: unknown[], value: unknown) =>
    BigInt(list.findLastIndex((one) => isSame(one, value))),
  );
}

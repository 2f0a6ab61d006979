import { isIP } from 'node:net';
import type { AddFunction } from './cel-kubernetes.ts';

/** An address of version 4 or 6; no zone, and none of version 4 written as one of version 6. */
export class Address {
  readonly bits: bigint;
  readonly family: 4 | 6;

  constructor(bits: bigint, family: 4 | 6) {
    this.bits = bits;
    this.family = family;
  }

  /** In its one canonical form (RFC 5952). */
  toString(): string {
    if (this.family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((this.bits >> shift) & 255n)).join('.');
    const groups = Array.from({ length: 8 }, (_, index) =>
      ((this.bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
    );
    return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  }
}

/** @throws RangeError for what is no address */
function parseAddress(text: string): Address {
  const family = isIP(text);
  const wrong = () => new RangeError(`${JSON.stringify(text.slice(0, 60))} is no address`);
  if (family === 0 || text.includes('%')) throw wrong();
  if (family === 4) return new Address(toNumber(text.split('.'), 8n, 10), 4);
  // The URL parser writes any form of an address of version 6 as groups of hexadecimal digits.
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const bits = toNumber([...left, ...gap, ...right], 16n, 16);
  if (bits >> 32n === 0xffffn) throw wrong();
  return new Address(bits, 6);
}

function toNumber(parts: readonly string[], width: bigint, radix: number): bigint {
  return parts.reduce((sum, part) => (sum << width) | BigInt(Number.parseInt(part, radix)), 0n);
}

/** An address with the length of its network’s prefix, as it was written: `10.1.2.3/8` is not `10.0.0.0/8`. */
export class AddressRange {
  readonly address: Address;
  readonly prefix: number;

  constructor(address: Address, prefix: number) {
    this.address = address;
    this.prefix = prefix;
  }

  contains(address: Address): boolean {
    return address.family === this.address.family && this.#network(address) === this.#network(this.address);
  }

  masked(): AddressRange {
    const { family } = this.address;
    return new AddressRange(new Address(this.#network(this.address) << this.#rest(), family), this.prefix);
  }

  toString(): string {
    return `${this.address}/${this.prefix}`;
  }

  #rest(): bigint {
    return BigInt((this.address.family === 4 ? 32 : 128) - this.prefix);
  }

  #network(address: Address): bigint {
    return address.bits >> this.#rest();
  }
}

/** @throws RangeError for what is no range of addresses */
function parseRange(text: string): AddressRange {
  const at = text.indexOf('/');
  const length = at < 0 ? '' : text.slice(at + 1);
  const address = parseAddress(at < 0 ? text : text.slice(0, at));
  const isLength = /^(?:0|[1-9]\d{0,2})$/.test(length) && Number(length) <= (address.family === 4 ? 32 : 128);
  if (!isLength) throw new RangeError(`${JSON.stringify(text.slice(0, 60))} is no range of addresses`);
  return new AddressRange(address, Number(length));
}

const ABSOLUTE =
  /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/(?:[^/?]*@)?(\[[0-9A-Fa-f:.]+\]|[^\s:/?[\]@]*)(?::(\d{0,5}))?)?([^?]*)(?:\?(.*))?$/;

/** A URI, or the path of one from its root, in parts as they were written. */
class Uri {
  readonly scheme: string;
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
  readonly query: string;

  constructor(text: string) {
    const wrong = () => new RangeError(`${JSON.stringify(text.slice(0, 60))} is no URL`);
    const isPath = text.startsWith('/');
    const [, scheme = '', host = '', port = '', path = '', query = ''] =
      ABSOLUTE.exec(isPath ? `x:${text}` : text) ?? [];
    // Control characters and escapes that are none are refused, as by the parser of Go.
    const isClean = [...text].every((one) => one >= ' ' && one !== '\u007f') && !/%(?![0-9A-Fa-f]{2})/.test(path);
    // What is no authority would be taken for a path, and half of one for a port without digits.
    const hasAuthority = !isPath && text.startsWith('//', scheme.length + 1);
    const isPathOfHost = path === '' || (path.startsWith('/') && !path.startsWith('//'));
    if (scheme === '' || !isClean || (hasAuthority && !isPathOfHost)) throw wrong();
    this.scheme = isPath ? '' : scheme.toLowerCase();
    this.hostname = host;
    this.port = port;
    this.path = path.startsWith('/') ? path : '';
    this.query = query;
  }
}

/** `ip.isCanonical(text)`: a name that is a function as well. */
class AddressNames {}

function holds(make: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      make(text);
      return true;
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) return false;
      throw error;
    }
  };
}

function inRange(bits: bigint, shift: bigint, value: bigint): boolean {
  return bits >> shift === value;
}

function isLoopback({ bits, family }: Address): boolean {
  return family === 4 ? inRange(bits, 24n, 127n) : bits === 1n;
}

function isMulticast({ bits, family }: Address): boolean {
  return family === 4 ? inRange(bits, 28n, 14n) : inRange(bits, 120n, 0xffn);
}

function isLinkLocalUnicast({ bits, family }: Address): boolean {
  return family === 4 ? inRange(bits, 16n, 0xa9fen) : inRange(bits, 118n, 0x3fan);
}

function isLinkLocalMulticast({ bits, family }: Address): boolean {
  return family === 4 ? inRange(bits, 8n, 0xe00000n) : ((bits >> 112n) & 0xff0fn) === 0xff02n;
}

function isGlobalUnicast(address: Address): boolean {
  const isBroadcast = address.family === 4 && address.bits === 0xffffffffn;
  const isOther = isLoopback(address) || isMulticast(address) || isLinkLocalUnicast(address);
  return address.bits !== 0n && !isBroadcast && !isOther;
}

/** The types of this file, by name, for who registers them. */
export const NETWORK_TYPES = {
  'net.IP': Address,
  'net.CIDR': AddressRange,
  'kubernetes.URL': Uri,
  'kubernetes.AddressNames': AddressNames,
} as const;
export const ADDRESS_NAMES = new AddressNames();

/** Functions of Kubernetes’ libraries url, ip and cidr. */
export function addNetworkFunctions(add: AddFunction): void {
  const U = 'kubernetes.URL';
  add(`url(string): ${U}`, (text: string) => new Uri(text));
  add(
    'isURL(string): bool',
    holds((text) => new Uri(text)),
  );
  add(`${U}.getScheme(): string`, ({ scheme }: Uri) => scheme);
  add(`${U}.getHost(): string`, ({ hostname, port }: Uri) => (port === '' ? hostname : `${hostname}:${port}`));
  add(`${U}.getHostname(): string`, ({ hostname }: Uri) => hostname.replace(/^\[|\]$/g, ''));
  add(`${U}.getPort(): string`, ({ port }: Uri) => port);
  add(`${U}.getEscapedPath(): string`, ({ path }: Uri) => path);
  add(`${U}.getQuery(): map<string, list<string>>`, ({ query }: Uri) => {
    const params = new URLSearchParams(query);
    return new Map([...params.keys()].map((name) => [name, params.getAll(name)]));
  });
  const IP = 'net.IP';
  add(`ip(string): ${IP}`, parseAddress);
  add('isIP(string): bool', holds(parseAddress));
  add('kubernetes.AddressNames.isCanonical(string): bool', (_: AddressNames, text: string) => {
    return String(parseAddress(text)) === text;
  });
  add(`string(${IP}): string`, String);
  add(`${IP}.family(): int`, ({ family }: Address) => BigInt(family));
  add(`${IP}.isUnspecified(): bool`, ({ bits }: Address) => bits === 0n);
  add(`${IP}.isLoopback(): bool`, isLoopback);
  add(`${IP}.isLinkLocalMulticast(): bool`, isLinkLocalMulticast);
  add(`${IP}.isLinkLocalUnicast(): bool`, isLinkLocalUnicast);
  add(`${IP}.isGlobalUnicast(): bool`, isGlobalUnicast);
  const CIDR = 'net.CIDR';
  add(`cidr(string): ${CIDR}`, parseRange);
  add('isCIDR(string): bool', holds(parseRange));
  add(`string(${CIDR}): string`, String);
  const isInside = (range: AddressRange, inner: AddressRange): boolean =>
    inner.prefix >= range.prefix && range.contains(inner.address);
  add(`${CIDR}.containsIP(string): bool`, (range: AddressRange, text: string) => range.contains(parseAddress(text)));
  add(`${CIDR}.containsIP(${IP}): bool`, (range: AddressRange, address: Address) => range.contains(address));
  add(`${CIDR}.containsCIDR(string): bool`, (range: AddressRange, text: string) => isInside(range, parseRange(text)));
  add(`${CIDR}.containsCIDR(${CIDR}): bool`, isInside);
  add(`${CIDR}.ip(): ${IP}`, ({ address }: AddressRange) => address);
  add(`${CIDR}.masked(): ${CIDR}`, (range: AddressRange) => range.masked());
  add(`${CIDR}.prefixLength(): int`, ({ prefix }: AddressRange) => BigInt(prefix));
}

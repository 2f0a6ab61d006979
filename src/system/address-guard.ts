import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Addresses that are not of the public Internet (IANA special-purpose registries, RFC 6890): loopback, private,
 * link-local with the metadata services of clouds (169.254.169.254), shared space (100.64/10), tests, multicast.
 */
const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Global unicast is 2000::/3; these parts of it are not, or carry an IPv4 address that could be anything. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '5f00::/16'];

/** Made when they are first asked: most commands contact nobody, and making them takes longer than loading this file. */
let lists: { readonly special: BlockList; readonly globalUnicast: BlockList } | null = null;

function isPublicAddress(address: string, family: number): boolean {
  lists ??= { special: listOf([...SPECIAL_V4, ...SPECIAL_V6]), globalUnicast: listOf(['2000::/3']) };
  if (lists.special.check(address, family === 4 ? 'ipv4' : 'ipv6')) return false;
  return family === 4 || lists.globalUnicast.check(address, 'ipv6');
}

/** A wider range is a slip of the pen, not a network of somebody's own. */
const PREFIX_MIN = { ipv4: 8, ipv6: 16 } as const;

export interface AddressGuard {
  /** Why the address may not be contacted, or null. Anything that is no address is refused. */
  refusal(address: string): string | null;
  /** Whether one of the allowed networks holds it. */
  isInside(address: string): boolean;
  /** For net.connect: answers only addresses that were checked, and the connection is made to what it answers. */
  readonly lookup: LookupFunction;
}

export type ResolveName = (
  name: string,
  options: { all: true },
  done: (error: Error | null, addresses: { address: string; family: number }[]) => void,
) => void;

/**
 * Keeps a client away from addresses inside: what a name resolves to is checked at each connection, so that a name which
 * changes its address between check and use changes nothing.
 * @param networks CIDR ranges that an administrator allowed for this remote
 * @param refuse the error of a connection that may not be
 * @param options.publicToo false: nothing but the allowed networks, for what goes without TLS
 */
export function guardAddresses(
  networks: readonly string[],
  refuse: (why: string) => Error,
  // Asked of the process when it is needed: most commands resolve no names.
  resolve: ResolveName = (...asked) => process.getBuiltinModule('node:dns').lookup(...asked),
  { publicToo = true }: { readonly publicToo?: boolean } = {},
): AddressGuard {
  const allowed = listOf(networks);
  const isInside = (written: string): boolean => {
    const address = embeddedAddress(written);
    const family = isIP(address);
    return family !== 0 && allowed.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
  const refusal = (written: string): string | null => {
    if (isInside(written)) return null;
    const address = embeddedAddress(written);
    const family = isIP(address);
    if (family === 0) return `${written.slice(0, 60)} is no address`;
    if (!publicToo) return `${address} is in no allowed network`;
    return isPublicAddress(address, family)
      ? null
      : `${address} is not of the public Internet and no allowed network holds it`;
  };
  return {
    refusal,
    isInside,
    lookup: (name, options, done) => {
      resolve(name, { all: true }, (error, addresses) => {
        if (error !== null) return done(error, '', 0);
        // One bad answer among good ones is how a name is turned against us: all of them have to pass.
        for (const { address } of addresses) {
          const why = refusal(address);
          if (why !== null) return done(refuse(why), '', 0);
        }
        const wanted = addresses.filter(({ family }) => !options.family || family === Number(options.family));
        const [first] = wanted;
        if (first === undefined) return done(new Error(`${name} has no address`), '', 0);
        if (options.all === true) done(null, wanted);
        else done(null, first.address, first.family);
      });
    },
  };
}

/**
 * For a server whose address an administrator wrote down, which may be inside, and which answers with addresses of its own: those lead to
 * the same host or to the public Internet. Only over TLS, where a name that changes its address leads to no certificate of that name.
 */
export class ServerAddresses {
  readonly #written: string;
  readonly #guard: AddressGuard;

  constructor(written: URL, resolve?: ResolveName) {
    this.#written = written.hostname;
    this.#guard = guardAddresses([], (why) => new Error(why), resolve);
  }

  /** What the connection to that address is made with. @throws Error where it may not be made */
  connection(to: URL): { readonly lookup?: LookupFunction } {
    if (to.protocol !== 'https:') throw new Error(`expected an https: address, got ${to.protocol}`);
    if (to.hostname === this.#written) return {};
    const host = to.hostname.replace(/^\[|\]$/g, '');
    const why = isIP(host) === 0 ? null : this.#guard.refusal(host);
    if (why !== null) throw new Error(why);
    return { lookup: this.#guard.lookup };
  }
}

/** @returns why the text is no network that may be allowed, or null */
export function networkProblem(text: string): string | null {
  const [, address = '', bits = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return `"${text.slice(0, 60)}" is no network: expected ADDRESS/BITS`;
  const least = family === 4 ? PREFIX_MIN.ipv4 : PREFIX_MIN.ipv6;
  const most = family === 4 ? 32 : 128;
  if (Number(bits) < least || Number(bits) > most) return `"${text}" is too wide: at least /${least}, at most /${most}`;
  return null;
}

/** An IPv4 address inside an IPv6 one (mapped ::ffff/96, NAT64 64:ff9b::/96) is judged as what is reached by it. */
function embeddedAddress(written: string): string {
  const address = written.replace(/%.*$/, '');
  if (isIP(address) !== 6) return address;
  // The URL parser writes every IPv6 address in one way: RFC 5952, without dotted parts.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff|64:ff9b:):([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [first >> 8, first & 255, second >> 8, second & 255].join('.');
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits = ''] = network.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

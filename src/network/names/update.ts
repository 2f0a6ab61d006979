/**
 * Changes of a zone by DNS itself (RFC 2136), signed with a shared key (TSIG, RFC 8945), and questions to the server of the
 * zone: all that DNS-01 and the balance between sites need, and no more.
 */
import { createHmac, randomInt } from 'node:crypto';
import { connect, isIPv4 } from 'node:net';
import { decode, encode } from 'dns-packet';
import { networkFault } from '../errors.ts';
import { DNS_ANSWER_BYTES_MAX, DNS_UPDATE_MS } from '../limits.ts';

export interface UpdateServer {
  readonly host: string;
  readonly port: number;
  readonly keyName: string;
  /** Base64, as DNS servers write it; HMAC-SHA256 is what it is used with. */
  readonly secret: string;
}

/** One record: a text (TXT) or an address (A, AAAA). */
export type ZoneRecord = { readonly name: string } & ({ readonly text: string } | { readonly address: string });

export type ZoneChange =
  | (ZoneRecord & {
      readonly kind: 'add' | 'remove';
      /** How long resolvers may keep what is added. */
      readonly seconds: number;
    })
  /** Takes all texts of a name away, whatever they say. */
  | { readonly kind: 'clear'; readonly name: string };

/** The changes are made only if this text is the only one of its name: nobody else's change of meanwhile is undone. */
export interface ZoneCondition {
  readonly name: string;
  readonly text: string;
}

/** RFC 1035 section 3.2, RFC 2136 section 2.4, RFC 8945 section 4.2. */
const TYPE = { a: 1, soa: 6, txt: 16, aaaa: 28, tsig: 250 } as const;
const CLASS = { internet: 1, none: 254, any: 255 } as const;
const OPCODE_UPDATE = 5;
const ALGORITHM = 'hmac-sha256';
const FUDGE_SECONDS = 300;
const RCODES: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  8: 'NXRRSET',
  9: 'NOTAUTH',
  10: 'NOTZONE',
};

/** The message and the MAC in it. Pure: time and id are given. */
export function writeUpdate(
  zone: string,
  changes: readonly ZoneChange[],
  key: Pick<UpdateServer, 'keyName' | 'secret'>,
  at: { readonly id: number; readonly seconds: number },
  conditions: readonly ZoneCondition[] = [],
): Buffer {
  const asked = conditions.map(({ name, text }) => record(name, TYPE.txt, CLASS.internet, 0, textOf(text)));
  const records = changes.map((change) => {
    // RFC 2136 section 2.5.2: an RRset goes by its name and type.
    if (change.kind === 'clear') return record(change.name, TYPE.txt, CLASS.any, 0, Buffer.alloc(0));
    const { type, data } = dataOf(change);
    return change.kind === 'add'
      ? record(change.name, type, CLASS.internet, change.seconds, data)
      : record(change.name, type, CLASS.none, 0, data);
  });
  const body = [nameOf(zone), numbers([2, TYPE.soa], [2, CLASS.internet]), ...asked, ...records];
  const head = (additional: number): Buffer =>
    numbers([2, at.id], [2, OPCODE_UPDATE << 11], [2, 1], [2, asked.length], [2, records.length], [2, additional]);
  const algorithm = nameOf(ALGORITHM);
  const time = numbers([6, at.seconds], [2, FUDGE_SECONDS]);
  const variables = [nameOf(key.keyName), numbers([2, CLASS.any], [4, 0]), algorithm, time, numbers([2, 0], [2, 0])];
  const mac = createHmac('sha256', Buffer.from(key.secret, 'base64'))
    .update(Buffer.concat([head(0), ...body, ...variables]))
    .digest();
  const data = Buffer.concat([algorithm, time, numbers([2, mac.length]), mac, numbers([2, at.id], [2, 0], [2, 0])]);
  return Buffer.concat([head(1), ...body, record(key.keyName, TYPE.tsig, CLASS.any, 0, data)]);
}

/**
 * Sends the changes and waits until the server has made them. Its answer's own signature is not looked at: who forges a
 * good one gains that a challenge fails, or that an address is told again half a minute later.
 * @throws Fault network.dns-update-failed; its `reason` is the code of DNS, NXRRSET where a condition does not hold
 */
export async function updateZone(
  server: UpdateServer,
  zone: string,
  changes: readonly ZoneChange[],
  conditions: readonly ZoneCondition[] = [],
): Promise<void> {
  const id = randomInt(0x10000);
  const message = writeUpdate(zone, changes, server, { id, seconds: Math.floor(Date.now() / 1000) }, conditions);
  const answer = await ask(server, message).catch((error: unknown) => {
    throw failed(server, zone, error instanceof Error ? error.message : String(error), error);
  });
  if (answer.length < 12 || answer.readUInt16BE(0) !== id)
    throw failed(server, zone, 'its answer is not one to this question');
  const code = answer.readUInt16BE(2) & 0xf;
  if (code !== 0) throw failed(server, zone, RCODES[code] ?? `code ${code}`);
}

/**
 * Asks the server of a zone for texts or addresses, past every cache.
 * @returns none for a name that is not there
 * @throws Fault network.dns-update-failed
 */
export async function askServer(
  server: Pick<UpdateServer, 'host' | 'port'>,
  zone: string,
  name: string,
  type: 'TXT' | 'A' | 'AAAA',
): Promise<readonly string[]> {
  const id = randomInt(0x10000);
  const question = encode({ id, type: 'query', questions: [{ name, type }] });
  try {
    const packet = decode(await ask(server, question));
    const code = (packet.flags ?? 0) & 0xf;
    if (packet.id !== id || packet.type !== 'response') throw new Error('its answer is not one to this question');
    if (code !== 0 && code !== NAME_ERROR) throw new Error(RCODES[code] ?? `code ${code}`);
    return (packet.answers ?? []).flatMap((one) => {
      if (one.type !== type || one.name.toLowerCase() !== name.toLowerCase()) return [];
      return one.type === 'TXT' ? [[one.data].flat().map(String).join('')] : [String(one.data)];
    });
  } catch (error) {
    throw failed(server, zone, error instanceof Error ? error.message : String(error), error);
  }
}

const NAME_ERROR = 3;

function failed({ host, port }: Pick<UpdateServer, 'host' | 'port'>, zone: string, reason: string, cause?: unknown) {
  return networkFault(
    'network.dns-update-failed',
    { zone, server: `${host}:${port}`, reason },
    cause === undefined ? {} : { cause },
  );
}

function ask({ host, port }: Pick<UpdateServer, 'host' | 'port'>, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const socket = connect({ host, port });
    const end = (result: Buffer | Error): void => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(() => end(new Error('no answer in time')), DNS_UPDATE_MS);
    socket.once('error', end);
    socket.once('close', () => end(new Error('closed before its answer')));
    socket.once('connect', () => socket.write(Buffer.concat([numbers([2, message.length]), message])));
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length > DNS_ANSWER_BYTES_MAX + 2) end(new Error('its answer is too long'));
      else if (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0))
        end(held.subarray(2, 2 + held.readUInt16BE(0)));
    });
  });
}

function record(name: string, type: number, of: number, seconds: number, data: Buffer): Buffer {
  return Buffer.concat([nameOf(name), numbers([2, type], [2, of], [4, seconds], [2, data.length]), data]);
}

/** In lower case and without compression, which is the form that is signed. */
function nameOf(name: string): Buffer {
  const labels = name
    .toLowerCase()
    .split('.')
    .filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([numbers([1, label.length]), Buffer.from(label, 'ascii')])),
    Buffer.alloc(1),
  ]);
}

function dataOf(one: ZoneRecord): { type: number; data: Buffer } {
  if ('text' in one) return { type: TYPE.txt, data: textOf(one.text) };
  const { address } = one;
  return isIPv4(address)
    ? { type: TYPE.a, data: Buffer.from(address.split('.').map(Number)) }
    : { type: TYPE.aaaa, data: bytesOfIpv6(address) };
}

/** RFC 4291 section 2.2, as net.isIPv6 took it, without a zone. */
export function bytesOfIpv6(address: string): Buffer {
  const [, head = '', ipv4] = /^(.*:)(\d+(?:\.\d+){3})$/.exec(address) ?? [];
  const tail = ipv4?.split('.').map(Number) ?? [];
  const words = ipv4 === undefined ? address : `${head}${hex(tail[0], tail[1])}:${hex(tail[2], tail[3])}`;
  const [before = '', after] = words.split('::');
  const left = before.split(':').filter(Boolean);
  const right = after?.split(':').filter(Boolean) ?? [];
  const zeros = after === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return numbers(...all.map((word): [number, number] => [2, Number.parseInt(word, 16)]));
}

function hex(high = 0, low = 0): string {
  return ((high << 8) | low).toString(16);
}

function textOf(text: string): Buffer {
  return Buffer.concat([numbers([1, text.length]), Buffer.from(text, 'ascii')]);
}

function numbers(...list: readonly (readonly [number, number])[]): Buffer {
  return Buffer.concat(
    list.map(([bytes, value]) => {
      const buffer = Buffer.alloc(bytes);
      buffer.writeUIntBE(value, 0, bytes);
      return buffer;
    }),
  );
}

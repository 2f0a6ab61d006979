/** Changes of a zone by DNS itself (RFC 2136), signed with a shared key (TSIG, RFC 8945): all that DNS-01 needs, and no more. */
import { createHmac, randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { networkFault } from '../errors.ts';
import { DNS_ANSWER_BYTES_MAX, DNS_UPDATE_MS } from '../limits.ts';

export interface UpdateServer {
  readonly host: string;
  readonly port: number;
  readonly keyName: string;
  /** Base64, as DNS servers write it; HMAC-SHA256 is what it is used with. */
  readonly secret: string;
}

export interface TextChange {
  readonly kind: 'add' | 'remove';
  readonly name: string;
  readonly text: string;
}

/** RFC 1035 section 3.2, RFC 2136 section 2.4, RFC 8945 section 4.2. */
const TYPE = { soa: 6, txt: 16, tsig: 250 } as const;
const CLASS = { internet: 1, none: 254, any: 255 } as const;
const OPCODE_UPDATE = 5;
const ALGORITHM = 'hmac-sha256';
const FUDGE_SECONDS = 300;
/** How long a resolver may keep the text of a challenge. */
const TXT_SECONDS = 30;
const RCODES: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  9: 'NOTAUTH',
  10: 'NOTZONE',
};

/** The message and the MAC in it. Pure: time and id are given. */
export function writeUpdate(
  zone: string,
  changes: readonly TextChange[],
  key: Pick<UpdateServer, 'keyName' | 'secret'>,
  at: { readonly id: number; readonly seconds: number },
): Buffer {
  const records = changes.map(({ kind, name, text }) =>
    kind === 'add'
      ? record(name, TYPE.txt, CLASS.internet, TXT_SECONDS, textOf(text))
      : record(name, TYPE.txt, CLASS.none, 0, textOf(text)),
  );
  const body = [nameOf(zone), numbers([2, TYPE.soa], [2, CLASS.internet]), ...records];
  const head = (additional: number): Buffer =>
    numbers([2, at.id], [2, OPCODE_UPDATE << 11], [2, 1], [2, 0], [2, records.length], [2, additional]);
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
 * good one gains that the challenge fails.
 * @throws Fault network.dns-update-failed
 */
export async function updateZone(server: UpdateServer, zone: string, changes: readonly TextChange[]): Promise<void> {
  const id = randomInt(0x10000);
  const message = writeUpdate(zone, changes, server, { id, seconds: Math.floor(Date.now() / 1000) });
  const fail = (reason: string, cause?: unknown) =>
    networkFault(
      'network.dns-update-failed',
      { zone, server: `${server.host}:${server.port}`, reason },
      cause === undefined ? {} : { cause },
    );
  const answer = await ask(server, message).catch((error: unknown) => {
    throw fail(error instanceof Error ? error.message : String(error), error);
  });
  if (answer.length < 12 || answer.readUInt16BE(0) !== id) throw fail('its answer is not one to this question');
  const code = answer.readUInt16BE(2) & 0xf;
  if (code !== 0) throw fail(RCODES[code] ?? `code ${code}`);
}

function ask({ host, port }: UpdateServer, message: Buffer): Promise<Buffer> {
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

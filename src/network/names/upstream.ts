import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIP, isIPv4 } from 'node:net';
import { encode, RECURSION_DESIRED } from 'dns-packet';
import { DNS_ANSWER_BYTES_MAX, DNS_PROBES, DNS_UPSTREAM_MS } from '../limits.ts';

/** Those who are asked about names that are not the platform's. */
export interface Upstream {
  /** The answer as it came, to a question as it is; rejects when nobody answers in time. */
  ask(question: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer>;
  /** Whether anybody is there to ask: a name that its own servers leave unanswered says nothing of the resolvers. */
  answers(): Promise<boolean>;
}

/** The nameservers of resolv.conf(5), in their order; one of a link has its interface behind a percent sign. */
export function readNameservers(text: string): string[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].flatMap(([, address = '']) =>
    isIP(address) === 0 ? [] : [address],
  );
}

const RESOLV_CONF = '/etc/resolv.conf';
/** Where systemd-resolved says whom it asks itself (systemd-resolved(8)). */
const RESOLVED_CONF = '/run/systemd/resolve/resolv.conf';

/** Whom this host asks, now. */
export function hostNameservers(): string[] {
  return readIfThere(RESOLV_CONF);
}

/**
 * Whom a pod can ask without us: never a resolver at the host's loopback, which a pod does not reach, and none of IPv6,
 * which not every pod has.
 */
export function outsideNameservers(): string[] {
  const reached = (address: string): boolean => isIPv4(address) && !address.startsWith('127.');
  const outer = hostNameservers().filter(reached);
  return outer.length > 0 ? outer : readIfThere(RESOLVED_CONF).filter(reached);
}

function readIfThere(path: string): string[] {
  try {
    return readNameservers(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Asks one resolver after another until one answers. The list is read anew for each question, as it changes with networks. */
export class ResolverUpstream implements Upstream {
  readonly #servers: () => readonly { readonly address: string; readonly port: number }[];

  /** @default the host's own resolvers */
  constructor(
    servers: () => readonly { readonly address: string; readonly port: number }[] = () =>
      hostNameservers().map((address) => ({ address, port: 53 })),
  ) {
    this.#servers = servers;
  }

  async ask(question: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const problems: string[] = [];
    for (const { address, port } of this.#servers()) {
      try {
        return await (transport === 'udp' ? askByUdp(question, address, port) : askByTcp(question, address, port));
      } catch (error) {
        problems.push(`${address}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new Error(problems.length === 0 ? 'this host has no resolver' : problems.join('; '));
  }

  async answers(): Promise<boolean> {
    const asked = this.#servers().map(async ({ address, port }) => {
      for (let n = 0; n < DNS_PROBES; n += 1) if (await answersNames(address, port)) return;
      throw new Error('no answer');
    });
    return await Promise.any(asked).then(
      () => true,
      () => false,
    );
  }
}

/** Whether a resolver answers at all, whatever it says: asked for the servers of the root. */
export async function answersNames(address: string, port = 53): Promise<boolean> {
  const question = encode({
    ...{ type: 'query', id: randomInt(65_536), flags: RECURSION_DESIRED },
    questions: [{ type: 'NS', name: '.' }],
  });
  return await askByUdp(question, address, port).then(
    () => true,
    () => false,
  );
}

function askByUdp(question: Buffer, address: string, port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // A socket for each question: its port is chosen anew and only its peer is heard, so an answer cannot be guessed.
    const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
    const timer = setTimeout(() => end(new Error('no answer in time')), DNS_UPSTREAM_MS);
    const end = (result: Error | Buffer): void => {
      clearTimeout(timer);
      socket.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    // A network that is down is told at once, to nobody but this listener: given a callback, `connect` would call that.
    socket.once('error', end);
    socket.once('connect', () => socket.send(question));
    socket.on('message', (answer) => {
      if (answer.length >= 12 && answer.readUInt16BE(0) === question.readUInt16BE(0)) end(answer);
    });
    socket.connect(port, address);
  });
}

function askByTcp(question: Buffer, address: string, port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const connection = connect({ host: address, port });
    const end = (result: Error | Buffer): void => {
      connection.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    connection.setTimeout(DNS_UPSTREAM_MS, () => end(new Error('no answer in time')));
    connection.once('error', end);
    connection.once('close', () => end(new Error('closed before its answer')));
    connection.once('connect', () => {
      const head = Buffer.alloc(2);
      head.writeUInt16BE(question.length);
      connection.write(Buffer.concat([head, question]));
    });
    connection.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length > DNS_ANSWER_BYTES_MAX + 2) return end(new Error('its answer is too long'));
      if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return;
      end(held.subarray(2, 2 + held.readUInt16BE(0)));
    });
  });
}

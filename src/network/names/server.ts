import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type Socket as Connection, createServer, type Server } from 'node:net';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, RECURSION_AVAILABLE } from 'dns-packet';
import type { Log } from '../../system/index.ts';
import {
  DNS_ANSWER_BYTES_MAX,
  DNS_CONNECTIONS_MAX,
  DNS_IDLE_MS,
  DNS_OPEN_EXTRA_SECONDS,
  DNS_OPEN_SECONDS,
  DNS_QUESTIONS_MAX,
  DNS_TOLD_MS,
  DNS_TTL_SECONDS,
  DNS_UDP_BYTES,
  DNS_UNANSWERED,
} from '../limits.ts';
import type { Upstream } from './upstream.ts';
import { askZone, EMPTY_ZONE, type Zone, type ZoneClient } from './zone.ts';

export interface NameServerOptions {
  readonly upstream: Upstream;
  readonly log: Log;
  /** Lets a pod reach addresses for a while: called before it is told of them. */
  readonly open: (pod: string, set: string, addresses: readonly string[], seconds: number) => Promise<void>;
  /** @default 53 */
  readonly port?: number;
  /** Where this process cannot bind by itself. @default the network that it stands in */
  readonly sockets?: ResolverSockets;
  readonly nowMs?: () => number;
  /** Told when those who are asked about names outside answer no more, and when one does again. */
  readonly onUpstream?: (isAway: boolean) => void;
}

/** Opens the sockets of a resolver in a network namespace that comes and goes. */
export interface ResolverSockets {
  /** Names the namespace of now: sockets of another one are heard by nobody. Empty: there is none, or it cannot be told. */
  space(): Promise<string>;
  open(address: string, port: number): Promise<{ readonly udp: Socket; readonly tcp: Server }>;
}

/** The network that this process stands in, which is there as long as it is. */
const HERE: ResolverSockets = {
  space: async () => 'here',
  async open(address, port) {
    const udp = createSocket('udp4');
    const tcp = createServer();
    try {
      await new Promise<void>((done, refuse) => {
        udp.once('error', refuse);
        udp.bind(port, address, done);
      });
      await new Promise<void>((done, refuse) => {
        tcp.once('error', refuse);
        tcp.listen(port, address, done);
      });
    } catch (error) {
      udp.close();
      tcp.close();
      throw error;
    }
    return { udp, tcp };
  },
};

/**
 * The resolver of the pods of one host, at the host's own address of each of their networks. It knows the services of the
 * platform, asks the host's resolvers for the rest, and opens what a policy allows by name before it answers.
 */
export class NameServer {
  readonly #options: NameServerOptions;
  readonly #listeners = new Map<string, { udp: Socket; tcp: Server; space: string }>();
  readonly #listening = new Map<string, Promise<void>>();
  readonly #shut = new WeakSet<Socket>();
  #closed = false;
  readonly #opened = new Map<string, number>();
  #zone: Zone = EMPTY_ZONE;
  #asking = 0;
  #unanswered = 0;
  #isAway = false;
  #isProbing = false;
  #again: NodeJS.Timeout | null = null;
  #quietUntilMs = 0;
  #turn = 0;

  constructor(options: NameServerOptions) {
    this.#options = options;
  }

  setZone(zone: Zone): void {
    this.#zone = zone;
  }

  /** Listens at an address of the pods' host, once for each space; what the system refuses is thrown. */
  async listen(address: string): Promise<void> {
    // Several pods of one network may begin at once.
    const turn = (this.#listening.get(address) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#listenAt(address));
    this.#listening.set(address, turn);
    await turn;
  }

  async #listenAt(address: string): Promise<void> {
    const { sockets = HERE, port = 53, log } = this.#options;
    const space = await sockets.space();
    const known = this.#listeners.get(address);
    if (known !== undefined && space !== '' && known.space === space) return;
    if (known !== undefined) this.#end(known);
    this.#listeners.delete(address);
    const { udp, tcp } = await sockets.open(address, port);
    if (this.#closed) return this.#end({ udp, tcp });
    tcp.maxConnections = DNS_CONNECTIONS_MAX;
    const lost = (error: Error): void => log.warn({ address, error: error.message }, 'resolver failed');
    udp.removeAllListeners('error').on('error', lost);
    tcp.removeAllListeners('error').on('error', lost);
    tcp.on('connection', (connection) => this.#serve(connection));
    udp.on('message', (bytes, from) => void this.#hear(udp, bytes, from));
    // Opening may have made the space.
    this.#listeners.set(address, { udp, tcp, space: space === '' ? await sockets.space() : space });
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#again ?? undefined);
    for (const sockets of this.#listeners.values()) this.#end(sockets);
    this.#listeners.clear();
  }

  #end({ udp, tcp }: { readonly udp: Socket; readonly tcp: Server }): void {
    this.#shut.add(udp);
    udp.close();
    tcp.close();
  }

  async #hear(udp: Socket, bytes: Buffer, from: RemoteInfo): Promise<void> {
    const answer = await this.#answer(bytes, from.address, 'udp');
    // Its network may have gone while others were asked.
    if (answer === null || this.#shut.has(udp)) return;
    udp.send(answer, from.port, from.address, () => undefined);
  }

  /** One question after another, each with its length before it (RFC 1035 section 4.2.2). */
  #serve(connection: Connection): void {
    const from = connection.remoteAddress ?? '';
    let held = Buffer.alloc(0);
    connection.setTimeout(DNS_IDLE_MS, () => connection.destroy());
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2) {
        const length = held.readUInt16BE(0);
        if (length > DNS_UDP_BYTES) return void connection.destroy();
        if (held.length < 2 + length) break;
        const question = held.subarray(2, 2 + length);
        held = held.subarray(2 + length);
        void this.#answer(question, from, 'tcp').then((answer) => {
          if (answer === null || connection.destroyed) return void connection.destroy();
          const head = Buffer.alloc(2);
          head.writeUInt16BE(answer.length);
          connection.write(Buffer.concat([head, answer]));
        });
      }
    });
  }

  /** Null for what is no question, and for who is no pod of ours: they get no word. */
  async #answer(bytes: Buffer, address: string, transport: 'udp' | 'tcp'): Promise<Buffer | null> {
    const client = this.#zone.clients.get(address);
    const question = readQuestion(bytes);
    if (client === undefined || question === null || this.#asking >= DNS_QUESTIONS_MAX) return null;
    this.#asking++;
    try {
      return await this.#reply(question, client, bytes, transport);
    } catch (error) {
      this.#options.log.debug({ pod: client.pod, error: String(error) }, 'a name could not be asked');
      return write(question, [], [], SERVER_FAILURE);
    } finally {
      this.#asking--;
    }
  }

  async #reply(asked: Asked, client: ZoneClient, bytes: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const { name, type } = asked;
    const said = askZone(this.#zone, client, name, type);
    switch (said.kind) {
      case 'none':
        return write(asked, [], [], NAME_ERROR);
      case 'refused':
        return write(asked, [], [], REFUSED);
      case 'addresses': {
        const answers = this.#turned(said.addresses).map((data): Answer => addressRecord(name, data));
        const wanted = answers.filter((one) => one.type === type || type === 'ANY');
        return write(asked, wanted, [], 0);
      }
      case 'services': {
        const names = [...new Map(said.targets.map((one) => [one.name, one])).values()];
        const answers = this.#turned(names).map(
          ({ name: target, port }): Answer => ({
            type: 'SRV',
            name,
            ttl: DNS_TTL_SECONDS,
            data: { target, port, priority: 0, weight: 100 },
          }),
        );
        const beside = said.targets.map((one) => addressRecord(one.name, one.address));
        return write(asked, answers, beside, 0);
      }
      case 'outside': {
        const answer = await this.#askOutside(bytes, transport);
        if (said.sets.length > 0) await this.#open(client, said.sets, answer);
        return answer;
      }
    }
  }

  async #askOutside(bytes: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    try {
      const answer = await this.#options.upstream.ask(bytes, transport);
      this.#unanswered = 0;
      this.#tellUpstream(false);
      return answer;
    } catch (error) {
      this.#unanswered += 1;
      if (this.#unanswered >= DNS_UNANSWERED) void this.#probe();
      throw error;
    }
  }

  /**
   * A name whose own servers are gone stays without an answer although the resolvers are there, and one pod may ask for
   * nothing else: only a question of our own tells. While they are away it is asked again, so that they are known to be
   * back without a pod that asks.
   */
  async #probe(): Promise<void> {
    const nowMs = this.#options.nowMs?.() ?? Date.now();
    if (this.#isProbing || nowMs < this.#quietUntilMs) return;
    this.#isProbing = true;
    this.#quietUntilMs = nowMs + DNS_TOLD_MS;
    const { upstream, log } = this.#options;
    try {
      // An answer that a pod got meanwhile says the same.
      const isThere = (await upstream.answers()) || this.#unanswered === 0;
      if (!this.#closed) this.#tellUpstream(!isThere);
    } catch (error) {
      log.warn({ error: String(error) }, 'the resolvers could not be asked whether they answer');
    } finally {
      this.#isProbing = false;
    }
    if (this.#isAway && !this.#closed) this.#again ??= setInterval(() => void this.#probe(), DNS_TOLD_MS).unref();
  }

  #tellUpstream(isAway: boolean): void {
    if (!isAway) {
      clearInterval(this.#again ?? undefined);
      this.#again = null;
      this.#unanswered = 0;
    }
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.#options.onUpstream?.(isAway);
  }

  /** Whoever takes the first address takes another one each time. */
  #turned<T>(list: readonly T[]): readonly T[] {
    if (list.length < 2) return list;
    const first = this.#turn++ % list.length;
    return [...list.slice(first), ...list.slice(0, first)];
  }

  /** Every address that the answer holds: the last of a chain of aliases is what is connected to. */
  async #open(client: ZoneClient, sets: readonly string[], answer: Buffer): Promise<void> {
    const { answers = [] } = decode(answer);
    const found = answers.flatMap((one) =>
      one.type === 'A' || one.type === 'AAAA' ? [{ address: one.data, ttl: one.ttl ?? 0 }] : [],
    );
    if (found.length === 0) return;
    const nowMs = this.#options.nowMs?.() ?? Date.now();
    const least = Math.min(...found.map(({ ttl }) => ttl));
    const seconds = Math.max(DNS_OPEN_SECONDS.least, Math.min(DNS_OPEN_SECONDS.most, least)) + DNS_OPEN_EXTRA_SECONDS;
    for (const set of sets) {
      const key = (address: string): string => `${client.podId} ${set} ${address}`;
      const fresh = found.filter(({ address }) => (this.#opened.get(key(address)) ?? 0) < nowMs);
      if (fresh.length === 0) continue;
      const addresses = [...new Set(fresh.map(({ address }) => address))];
      await this.#options.open(client.pod, set, addresses, seconds);
      // Asked again before half of the time is over, nothing needs to be renewed.
      if (this.#opened.size > DNS_QUESTIONS_MAX * 16) this.#opened.clear();
      for (const address of addresses) this.#opened.set(key(address), nowMs + (seconds * 1000) / 2);
    }
  }
}

function addressRecord(name: string, data: string): Answer {
  return { type: data.includes(':') ? 'AAAA' : 'A', name, ttl: DNS_TTL_SECONDS, data };
}

/** RFC 1035 section 4.1.1. */
const SERVER_FAILURE = 2;
const NAME_ERROR = 3;
const REFUSED = 5;

interface Asked {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly packet: Packet;
}

function readQuestion(bytes: Buffer): Asked | null {
  if (bytes.length < 12 || bytes.length > DNS_UDP_BYTES) return null;
  try {
    const packet = decode(bytes);
    const [question, more] = packet.questions ?? [];
    if (packet.type !== 'query' || question === undefined || more !== undefined) return null;
    if (!/^[\x21-\x7e]{1,253}$/.test(question.name)) return null;
    return { id: packet.id ?? 0, name: question.name.toLowerCase(), type: question.type, packet };
  } catch {
    // Bytes that are no question of DNS get no answer: an answer would be a stone thrown at whoever is named as sender.
    return null;
  }
}

function write({ id, packet }: Asked, answers: Answer[], additionals: Answer[], code: number): Buffer {
  const whole = { id, type: 'response', questions: packet.questions, answers, additionals } as const;
  const flags = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | code;
  const bytes = encode({ ...whole, flags });
  return bytes.length <= DNS_ANSWER_BYTES_MAX
    ? bytes
    : encode({ ...whole, answers: answers.slice(0, 16), additionals: [], flags });
}

/**
 * What somebody inside the network of a pod does: listens, connects, asks for names. Each order is a line of JSON on the standard
 * input, each answer one on the standard output with the order's number.
 */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

interface Order {
  readonly id: number;
  readonly do: 'listen' | 'tcp' | 'udp' | 'get' | 'srv' | 'a' | 'aaaa';
  readonly name?: string;
  readonly host?: string;
  readonly ports?: readonly number[];
  readonly udp?: readonly number[];
  readonly path?: string;
}

const WAIT_MS = 1_500;

/** Serves who it is and what it was asked for, over HTTP and UDP. */
async function listen({ name = '', ports = [], udp = [] }: Order): Promise<string> {
  for (const port of ports) {
    const server = createServer((request, response) => response.end(`${name} ${request.headers.host} ${request.url}`));
    await new Promise<void>((done, refuse) => server.once('error', refuse).listen(port, '0.0.0.0', done));
  }
  for (const port of udp) {
    const socket = createSocket('udp4');
    socket.on('message', (_bytes, from) => socket.send(name, from.port, from.address));
    await new Promise<void>((done) => socket.bind(port, '0.0.0.0', done));
  }
  return 'listening';
}

/** The ports that answer: a closed way is silence. */
async function reach({ host = '', ports = [], udp = [] }: Order): Promise<string[]> {
  const tcp = ports.map(async (port) => ((await speak(host, port)) === '' ? [] : [`tcp ${port}`]));
  const datagrams = udp.map(async (port) => ((await datagram(host, port)) ? [`udp ${port}`] : []));
  return (await Promise.all([...tcp, ...datagrams])).flat();
}

function speak(host: string, port: number, path = '/'): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host, port }, () => socket.write(`GET ${path} HTTP/1.0\r\nhost: ${host}\r\n\r\n`));
    socket.setTimeout(WAIT_MS, () => socket.destroy());
    socket.on('data', (bytes) => (text += bytes.toString('utf8')));
    socket.on('error', () => undefined).on('close', () => done(text.split('\r\n\r\n').at(-1) ?? ''));
  });
}

function datagram(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = createSocket('udp4');
    const end = (answered: boolean): void => {
      clearTimeout(timer);
      socket.close();
      done(answered);
    };
    const timer = setTimeout(() => end(false), WAIT_MS);
    socket.on('message', () => end(true)).on('error', () => end(false));
    socket.send('who', port, host);
  });
}

async function names(order: Order): Promise<unknown> {
  const resolver = new Resolver({ timeout: WAIT_MS, tries: 2 });
  resolver.setServers([order.host ?? '']);
  const name = order.name ?? '';
  try {
    if (order.do === 'srv') return await resolver.resolveSrv(name);
    return order.do === 'a' ? await resolver.resolve4(name) : await resolver.resolve6(name);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

async function answer(order: Order): Promise<unknown> {
  if (order.do === 'listen') return await listen(order);
  if (order.do === 'get') return await speak(order.host ?? '', order.ports?.[0] ?? 80, order.path);
  return order.do === 'tcp' || order.do === 'udp' ? await reach(order) : await names(order);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as Order;
  void answer(order).then((result) => process.stdout.write(`${JSON.stringify({ id: order.id, result })}\n`));
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, get as getPlain, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { get, type RequestOptions } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type Authority,
  createAuthority,
  Edge,
  type EdgeOptions,
  type EdgeRoute,
  type Endpoint,
  issueWildcardCertificate,
} from '../../src/network/index.ts';
import { silentLog, systemClock } from '../../src/system/index.ts';

const skip = existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy';
const domain = 'edgetest.localhost';
const host = `web-tienda-dev.${domain}`;
let folder: string;
let authority: Authority;
let options: EdgeOptions;
let edge: Edge;
const servers: Server[] = [];

before(async () => {
  if (skip !== false) return;
  folder = await mkdtemp('/var/tmp/darsena-edge-');
  await chmod(folder, 0o755);
  const user = process.geteuid?.() === 0 ? haproxyUser() : null;
  const run = join(folder, 'run');
  await mkdir(run, { mode: 0o700 });
  await mkdir(join(folder, 'etc'), { mode: 0o750 });
  if (user !== null) {
    await chown(run, user.uid, user.gid);
    await chown(join(folder, 'etc'), 0, user.gid);
  }
  authority = createAuthority({ name: 'edge test', clock: systemClock, domains: [domain] });
  options = {
    ports: { https: await freePort(), http: await freePort() },
    user,
    folder: join(folder, 'etc'),
    run,
    logFile: join(folder, 'edge.log'),
    certificate: issueWildcardCertificate(authority, { domain }),
    clock: systemClock,
    log: silentLog,
  };
  edge = new Edge(options);
  await edge.start([]);
});

after(async () => {
  if (skip !== false) return;
  await edge.stop(1000);
  for (const server of servers) server.close();
  await rm(folder, { recursive: true, force: true });
});

const route = (endpoints: readonly Endpoint[], more: Partial<EdgeRoute> = {}): EdgeRoute => ({
  host,
  path: '/',
  pathType: 'Prefix',
  service: 'tienda/dev/web:8080',
  endpoints,
  ...more,
});

test('a service answers 200 under its name to a client that trusts the authority, over HTTP/1.1 and HTTP/2', {
  skip,
}, async () => {
  const web = await backend('one');
  await edge.apply([route([web])]);
  const answer = await fetchEdge('/');
  assert.deepEqual([answer.status, answer.body], [200, 'one']);
  const session = connectHttp2(`https://127.0.0.1:${options.ports.https}`, {
    ca: authority.certificatePem,
    servername: host,
  });
  try {
    const stream = session.request({ ':path': '/', ':authority': host });
    const [headers] = await new Promise<[Record<string, unknown>]>((resolve) =>
      stream.once('response', (seen) => resolve([seen])),
    );
    assert.equal(headers[':status'], 200);
    assert.equal(session.alpnProtocol, 'h2');
    stream.close();
  } finally {
    session.destroy();
  }
});

test('the service sees the client address, and not what the client claims it to be', { skip }, async () => {
  const web = await backend((request) => JSON.stringify(request.headers));
  await edge.apply([route([web])]);
  const { body } = await fetchEdge('/', {
    'x-forwarded-for': '6.6.6.6',
    forwarded: 'for=6.6.6.6',
    'x-real-ip': '6.6.6.6',
  });
  const seen = JSON.parse(body) as Record<string, string>;
  assert.equal(seen['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen['x-forwarded-proto'], 'https');
  assert.doesNotMatch(body, /6\.6\.6\.6/);
});

test('plain HTTP is sent to HTTPS with its path; unknown names and services without replicas say so in words', {
  skip,
}, async () => {
  await edge.apply([route([])]);
  const plain = await answerOf(
    getPlain({ host: '127.0.0.1', port: options.ports.http, path: '/a?b=1', headers: { host } }),
  );
  assert.equal(plain.status, 308);
  assert.equal(plain.location, `https://${host}:${options.ports.https}/a?b=1`);
  const down = await fetchEdge('/');
  assert.equal(down.status, 503);
  assert.match(down.body, /none of its replicas is ready/);
  const unknown = await fetchEdge('/', {}, `other.${domain}`);
  assert.equal(unknown.status, 404);
  assert.match(unknown.body, /Nothing published here/);
});

test('replicas come and go without a reload', { skip }, async () => {
  const [one, two] = [await backend('one'), await backend('two')];
  await edge.apply([route([one])]);
  const worker = await workerPid();
  await edge.apply([route([two])]);
  assert.equal((await fetchEdge('/')).body, 'two');
  await edge.apply([route([one, two])]);
  const seen = new Set([(await fetchEdge('/')).body, (await fetchEdge('/')).body, (await fetchEdge('/')).body]);
  assert.deepEqual([...seen].sort(), ['one', 'two']);
  await edge.drain(two, 1000);
  assert.equal((await fetchEdge('/')).body, 'one');
  assert.equal((await fetchEdge('/')).body, 'one');
  assert.equal(await workerPid(), worker);
});

test('no request fails and no answer is cut while routes change twenty times', { skip, timeout: 60_000 }, async () => {
  const web = await backend('steady');
  const slow = await backend('x'.repeat(200_000), 4000);
  const base = [route([web]), route([slow], { path: '/slow', service: 'tienda/dev/slow:8080' })];
  await edge.apply(base);
  const long = fetchEdge('/slow');
  let stopped = false;
  let answered = 0;
  const failures: string[] = [];
  const client = async (): Promise<void> => {
    while (!stopped) {
      await fetchEdge('/').then(
        ({ status, body }) => {
          answered += 1;
          if (status !== 200 || body !== 'steady') failures.push(`${status}`);
        },
        (error: Error) => failures.push(error.message),
      );
    }
  };
  const clients = [client(), client(), client()];
  const workers = new Set<string>();
  for (let round = 0; round < 20; round += 1) {
    await edge.apply([...base, route([web], { host: `r${round}.${domain}`, service: `tienda/dev/r${round}:1` })]);
    workers.add(await workerPid());
  }
  stopped = true;
  await Promise.all(clients);
  assert.deepEqual(failures, []);
  assert.ok(answered >= 20, `${answered} requests`);
  assert.equal(workers.size, 20);
  assert.equal((await long).body.length, 200_000);
});

test('a route that cannot be written changes nothing', { skip }, async () => {
  const web = await backend('kept');
  await edge.apply([route([web])]);
  const config = await readFile(join(options.folder, 'haproxy.cfg'), 'utf8');
  assert.throws(() => edge.apply([route([web], { path: '/"' })]));
  assert.equal(await readFile(join(options.folder, 'haproxy.cfg'), 'utf8'), config);
  assert.equal((await fetchEdge('/')).body, 'kept');
});

test('the edge outlives who started it and is taken over, and a new certificate needs no reload', {
  skip,
}, async () => {
  const web = await backend('taken over');
  const next = new Edge(options);
  await next.start([route([web])]);
  assert.equal((await fetchEdge('/')).body, 'taken over');
  const worker = await workerPid();
  const certificate = issueWildcardCertificate(authority, { domain, days: 7 });
  await next.setCertificate(certificate);
  const { validTo } = await fetchEdge('/');
  assert.ok(Date.parse(validTo) < Date.now() + 8 * 86_400_000, validTo);
  assert.equal(await workerPid(), worker);
  edge = next;
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly location: string;
  readonly validTo: string;
}

function fetchEdge(path: string, headers: Record<string, string> = {}, name = host): Promise<Answer> {
  const wanted: RequestOptions = {
    host: '127.0.0.1',
    port: options.ports.https,
    path,
    servername: name,
    ca: authority.certificatePem,
    headers: { host: name, ...headers },
    agent: false,
  };
  return answerOf(get(wanted));
}

async function answerOf(request: ReturnType<typeof get>): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  const socket = response.socket as { getPeerCertificate?: () => { valid_to: string } };
  const validTo = socket.getPeerCertificate?.().valid_to ?? '';
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    body: Buffer.concat(chunks).toString(),
    location: response.headers.location ?? '',
    validTo,
  };
}

/** A replica; with `spreadMs` its answer flows slowly. */
async function backend(answer: string | ((request: IncomingMessage) => string), spreadMs = 0): Promise<Endpoint> {
  const server = createServer(async (request, response) => {
    const body = typeof answer === 'string' ? answer : answer(request);
    const parts = spreadMs === 0 ? 1 : 40;
    for (let part = 0; part < parts; part += 1) {
      response.write(body.slice((body.length / parts) * part, (body.length / parts) * (part + 1)));
      if (spreadMs > 0) await systemClock.sleep(spreadMs / parts);
    }
    response.end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

async function workerPid(): Promise<string> {
  const { connect } = await import('node:net');
  const socket = connect({ path: join(options.run, 'haproxy.sock') });
  socket.write('show info\n');
  let text = '';
  for await (const chunk of socket) text += chunk;
  return /^Pid: (\d+)$/m.exec(text)?.[1] ?? '';
}

function haproxyUser(): { uid: number; gid: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'haproxy'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

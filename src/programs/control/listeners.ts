import { chmod, mkdir, rm } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ApiApp } from '../../access/index.ts';
import { Fault, HTTP_STATUS, type Json, type Log } from '../../system/index.ts';
import { LINK_PROTOCOL, SESSION_PROTOCOL } from '../link/protocol.ts';
import type { ControlKeys } from './keys.ts';

/** TLS 1.2 clients are the oldest that Debian 12, RHEL 8 and current Docker need; nothing below it is offered. */
const TLS_MIN = 'TLSv1.2';
const JOIN_BODY_BYTES_MAX = 64 * 1024;
/** A client that opens a connection and says nothing is let go after this. */
const HEADERS_MS = 20_000;

export interface PublicListener {
  readonly app: ApiApp;
  readonly registry: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex) => Promise<void>;
}

/**
 * The one public port: the registry's routes on bare node:http (its hot path), everything else through the API.
 * @returns after the port is open
 */
export async function listenPublic(
  listener: PublicListener,
  options: { readonly keys: ControlKeys; readonly port: number; readonly bind: string; readonly log: Log },
): Promise<HttpsServer> {
  const { app, registry, onUpgrade } = listener;
  await app.ready();
  const server = createHttpsServer(
    { cert: options.keys.server.certificatePem, key: options.keys.server.privateKeyPem, minVersion: TLS_MIN },
    (request, response) => {
      response.setHeader('strict-transport-security', 'max-age=31536000');
      if (request.url === '/v2' || request.url?.startsWith('/v2/') === true) registry(request, response);
      else app.routing(request, response);
    },
  );
  server.headersTimeout = HEADERS_MS;
  // A layer of many gigabytes takes as long as it takes; the registry bounds what arrives, not how long.
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket) => {
    onUpgrade(request, socket).catch((error: unknown) => {
      refuseUpgrade(socket, error);
      if (!(error instanceof Fault)) options.log.error({ err: error }, 'opening a session failed');
    });
  });
  await listen(server, options.port, options.bind);
  return server;
}

export interface AgentListener {
  /** @returns what the host is told; throws a Fault when the token is not good. */
  readonly join: (token: string, body: Json) => Promise<Json>;
  readonly link: (host: string, socket: Duplex) => void;
  readonly session: (host: string, session: string, socket: Duplex) => boolean;
  /** The bytes of a source bundle; null when this host was not given it. */
  readonly source: (host: string, id: string) => AsyncIterable<Uint8Array> | null;
}

/** The port for agents: every route but joining asks for a client certificate of the platform's own authority. */
export async function listenAgents(
  listener: AgentListener,
  options: { readonly keys: ControlKeys; readonly port: number; readonly bind: string; readonly log: Log },
): Promise<HttpsServer> {
  const server = createHttpsServer(
    {
      cert: options.keys.server.certificatePem,
      key: options.keys.server.privateKeyPem,
      ca: options.keys.authority.certificatePem,
      minVersion: 'TLSv1.3',
      requestCert: true,
      // Joining comes before there is a certificate; every other route asks hostOf.
      rejectUnauthorized: false,
    },
    (request, response) => {
      answerAgent(listener, request, response).catch((error: unknown) => {
        const status = error instanceof Fault ? HTTP_STATUS[error.kind] : 500;
        if (status === 500) options.log.error({ err: error }, 'a request of an agent failed');
        if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ code: error instanceof Fault ? error.code : 'internal' }));
      });
    },
  );
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket) => {
    const host = hostOf(request);
    const protocol = request.headers.upgrade;
    const session = /^\/agent\/v1\/session\/([0-9a-f]{48})$/.exec(request.url ?? '')?.[1];
    if (host === null) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      return;
    }
    const isLink = request.url === '/agent/v1/link' && protocol === LINK_PROTOCOL;
    const isSession = session !== undefined && protocol === SESSION_PROTOCOL;
    if (!isLink && !isSession) {
      socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n');
      return;
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    (socket as TLSSocket).setTimeout(0);
    (socket as TLSSocket).setNoDelay(true);
    if (isLink) listener.link(host, socket);
    else if (session === undefined || !listener.session(host, session, socket)) socket.destroy();
  });
  await listen(server, options.port, options.bind);
  return server;
}

async function answerAgent(listener: AgentListener, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'POST' && request.url === '/agent/v1/join') {
    const token = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const answer = await listener.join(token, await readJson(request));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
    return;
  }
  const source = /^\/agent\/v1\/source\/([0-9a-f-]{36})$/.exec(request.url ?? '')?.[1];
  const host = hostOf(request);
  if (host === null || request.method !== 'GET' || source === undefined) {
    response.writeHead(host === null ? 401 : 404).end();
    return;
  }
  const bytes = listener.source(host, source);
  if (bytes === null) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-tar' });
  for await (const chunk of bytes) {
    if (!response.write(chunk)) await new Promise<void>((resolve) => response.once('drain', resolve));
  }
  response.end();
}

/** The host that the client certificate names, checked by TLS against our authority; null without one. */
function hostOf(request: IncomingMessage): string | null {
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) return null;
  const { CN } = socket.getPeerCertificate().subject ?? {};
  const name = Array.isArray(CN) ? CN[0] : CN;
  return /^host:([a-zA-Z0-9.-]{1,200})$/.exec(name ?? '')?.[1] ?? null;
}

async function readJson(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > JOIN_BODY_BYTES_MAX) throw new RangeError(`request body above ${JOIN_BODY_BYTES_MAX} bytes`);
    chunks.push(chunk as Buffer);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Json;
}

/** What those who may act for the platform on this machine ask: the folder's permissions are the key. */
export async function listenLocal(
  path: string,
  answer: (path: string, body: Json) => Promise<Json>,
  log: Log,
): Promise<HttpServer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  const server = createHttpServer((request, response) => {
    readJson(request)
      .then((body) => answer(request.url ?? '', body))
      .then((value) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(value));
      })
      .catch((error: unknown) => {
        const fault = error instanceof Fault ? error : null;
        if (fault === null) log.error({ err: error }, 'a local request failed');
        response.writeHead(fault === null ? 500 : HTTP_STATUS[fault.kind], {
          'content-type': 'application/problem+json',
        });
        response.end(JSON.stringify(fault?.toProblem('en') ?? { title: 'the platform failed', status: 500 }));
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return server;
}

function listen(server: HttpsServer, port: number, bind: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, bind, resolve);
  });
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const problem = error instanceof Fault ? error.toProblem('en') : { title: 'the platform failed', status: 500 };
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} Refused\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

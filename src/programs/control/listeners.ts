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
import { type ApiApp, accessFault, type ClientCertificate } from '../../access/index.ts';
import { Fault, HTTP_STATUS, type Json, type Log, languageOf } from '../../system/index.ts';
import { LINK_PROTOCOL, SESSION_PROTOCOL } from '../link/protocol.ts';
import { writeWhole } from '../link/session.ts';
import type { ControlKeys } from './keys.ts';

/** TLS 1.2 clients are the oldest that Debian 12, RHEL 8 and current Docker need; nothing below it is offered. */
const TLS_MIN = 'TLSv1.2';
const API_PATH = '/api/';
/** The registry adds it to its answers by itself, as what it keeps prepared. */
export const STRICT_TRANSPORT = ['strict-transport-security', 'max-age=31536000'] as const;
const JOIN_BODY_BYTES_MAX = 64 * 1024;
/** A client that opens a connection and says nothing is let go after this. */
const HEADERS_MS = 20_000;
/** Whoever is joined to a command and has gone without a word (a laptop that sleeps) is asked after so long, by TCP. */
const VANISHED_MS = 60_000;

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
      if (request.url === '/v2' || request.url?.startsWith('/v2/') === true) {
        registry(request, response);
        return;
      }
      response.setHeader(...STRICT_TRANSPORT);
      app.routing(request, response);
    },
  );
  server.headersTimeout = HEADERS_MS;
  // A layer of many gigabytes takes as long as it takes; the registry bounds what arrives, not how long.
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket) => {
    (socket as TLSSocket).setKeepAlive(true, VANISHED_MS);
    onUpgrade(request, socket).catch((error: unknown) => {
      refuseUpgrade(request, socket, error);
      if (!(error instanceof Fault)) options.log.error({ err: error }, 'opening a session failed');
    });
  });
  await listen(server, options);
  return server;
}

export interface MutualListener {
  /** The same API and sessions as at the public port, for the certificates of people and robots. */
  readonly app: ApiApp;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex) => Promise<void>;
  /** @returns what the host is told; throws a Fault when the token is not good. */
  readonly join: (token: string, body: Json) => Promise<Json>;
  readonly link: (host: string, socket: Duplex) => void;
  readonly session: (host: string, session: string, socket: Duplex) => boolean;
  /** The bytes of a source bundle; null when this host was not given it. */
  readonly source: (host: string, id: string) => AsyncIterable<Uint8Array> | null;
}

/**
 * The port for mutual TLS: the API for command lines, the link for agents. Every route but joining asks for a client
 * certificate of the platform's own authority, and the certificate's kind opens the one door or the other, never both.
 */
export async function listenMutual(
  listener: MutualListener,
  options: { readonly keys: ControlKeys; readonly port: number; readonly bind: string; readonly log: Log },
): Promise<HttpsServer> {
  const server = createHttpsServer(
    {
      cert: options.keys.server.certificatePem,
      key: options.keys.server.privateKeyPem,
      ca: options.keys.authority.certificatePem,
      minVersion: 'TLSv1.3',
      requestCert: true,
      // Joining comes before there is a certificate, and who shows a bad one is told what is wrong with it; every other
      // route asks hostOf or loginOf.
      rejectUnauthorized: false,
    },
    (request, response) => {
      answerMutual(listener, request, response).catch((error: unknown) => {
        if (!(error instanceof Fault)) options.log.error({ err: error }, 'a request over mutual TLS failed');
        // Half of an answer is out: words behind it would be taken for the rest.
        if (response.headersSent) return void response.destroy();
        const { status, body } = describeRefusal(request, error);
        response.writeHead(status, { 'content-type': 'application/problem+json' });
        response.end(body);
      });
    },
  );
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket) => {
    upgradeMutual(listener, request, socket as TLSSocket).catch((error: unknown) => {
      refuseUpgrade(request, socket, error);
      if (!(error instanceof Fault)) options.log.error({ err: error }, 'opening a session failed');
    });
  });
  await listen(server, options);
  return server;
}

async function upgradeMutual(listener: MutualListener, request: IncomingMessage, socket: TLSSocket): Promise<void> {
  const path = request.url ?? '';
  if (path.startsWith(API_PATH)) {
    loginOf(request);
    socket.setKeepAlive(true, VANISHED_MS);
    await listener.onUpgrade(request, socket);
    return;
  }
  const host = hostOf(request);
  const protocol = request.headers.upgrade;
  const session = /^\/agent\/v1\/session\/([0-9a-f]{48})$/.exec(path)?.[1];
  const isLink = path === '/agent/v1/link' && protocol === LINK_PROTOCOL;
  if (!isLink && (session === undefined || protocol !== SESSION_PROTOCOL)) throw unknownRoute(request);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
  socket.setTimeout(0);
  socket.setNoDelay(true);
  if (isLink) listener.link(host, socket);
  else if (session === undefined || !listener.session(host, session, socket)) socket.destroy();
}

async function answerMutual(
  listener: MutualListener,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url?.startsWith(API_PATH) === true) {
    loginOf(request);
    listener.app.routing(request, response);
    return;
  }
  if (request.method === 'POST' && request.url === '/agent/v1/join') {
    const token = /^Bearer (\S{1,200})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const answer = await listener.join(token, await readJson(request));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
    return;
  }
  const source = /^\/agent\/v1\/source\/([0-9a-f-]{36})$/.exec(request.url ?? '')?.[1];
  const host = hostOf(request);
  const bytes = request.method !== 'GET' || source === undefined ? null : listener.source(host, source);
  if (bytes === null) throw unknownRoute(request);
  response.writeHead(200, { 'content-type': 'application/x-tar' });
  for await (const chunk of bytes) {
    // Whoever has gone takes nothing more, and nobody would say that there is room again.
    if (response.destroyed) return;
    await writeWhole(response, chunk, 0);
  }
  response.end();
}

type Peer = { readonly kind: 'host'; readonly host: string } | ClientCertificate;

/** Whom the client certificate names, as TLS checked it against our authority. @throws Fault access.certificate-* */
function peerOf(request: IncomingMessage): Peer {
  const socket = request.socket as TLSSocket;
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) throw accessFault('access.certificate-needed');
  if (!socket.authorized) {
    // Node.js gives the verify code of OpenSSL here, its types an Error.
    const reason = String(socket.authorizationError);
    throw reason === 'CERT_HAS_EXPIRED'
      ? accessFault('access.certificate-expired')
      : accessFault('access.certificate-foreign', { reason });
  }
  const [, kind, name] = /^CN=(host|person|robot):([a-zA-Z0-9.-]{1,200})$/.exec(certificate.subject) ?? [];
  if (name !== undefined && kind === 'host') return { kind, host: name };
  if (name !== undefined && (kind === 'person' || kind === 'robot'))
    return { kind, login: name, fingerprint: certificate.fingerprint256 };
  throw accessFault('access.certificate-foreign', { reason: 'subject' });
}

/** @throws Fault access.certificate-* */
function hostOf(request: IncomingMessage): string {
  const peer = peerOf(request);
  if (peer.kind !== 'host') throw accessFault('access.certificate-kind', { kind: peer.kind, expected: 'host' });
  return peer.host;
}

/** @throws Fault access.certificate-* */
function loginOf(request: IncomingMessage): ClientCertificate {
  const peer = peerOf(request);
  if (peer.kind === 'host')
    throw accessFault('access.certificate-kind', { kind: peer.kind, expected: 'person | robot' });
  return peer;
}

/** The client certificate that a request of the API came with; null at the public port, which never asks for one. */
export function certificateOf(request: IncomingMessage): ClientCertificate | null {
  return (request.socket as TLSSocket).getPeerX509Certificate?.() === undefined ? null : loginOf(request);
}

function unknownRoute(request: IncomingMessage): Fault {
  return accessFault('access.route-unknown', { path: (request.url ?? '').slice(0, 200) });
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
  await listen(server, { path, log });
  await chmod(path, 0o600);
  return server;
}

async function listen(
  server: HttpServer | HttpsServer,
  at: ({ readonly port: number; readonly bind: string } | { readonly path: string }) & { readonly log: Log },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const open = (): void => {
      server.off('error', reject);
      resolve();
    };
    server.once('error', reject);
    if ('path' in at) server.listen(at.path, open);
    else server.listen(at.port, at.bind, open);
  });
  // accept(2) may fail for one connection; the others go on.
  server.on('error', (error) => at.log.warn({ err: error }, 'a connection was not taken'));
}

function describeRefusal(request: IncomingMessage, error: unknown): { status: number; body: string } {
  const language = languageOf(request.headers['accept-language']);
  const problem = error instanceof Fault ? error.toProblem(language) : { title: 'the platform failed', status: 500 };
  return { status: problem.status, body: JSON.stringify(problem) };
}

function refuseUpgrade(request: IncomingMessage, socket: Duplex, error: unknown): void {
  // As Node.js ends any answer that is the last one: a client that never closes its side keeps nothing open.
  socket.once('finish', () => socket.destroy());
  const { status, body } = describeRefusal(request, error);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

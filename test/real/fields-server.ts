/**
 * What probes and hooks ask, inside the network of a pod: HTTP, HTTPS, gRPC and plain TCP. Each request is a line of JSON on the
 * standard output. How a name is answered comes in lines on the standard input: `NAME ok|fail|hang`.
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createGrpc, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import { createInterface } from 'node:readline';

const [certificate = '', key = ''] = process.argv.slice(2);
const answers = new Map<string, string>();
const say = (line: object): void => void process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);

function answer(scheme: string, request: IncomingMessage, response: ServerResponse): void {
  const name = request.url?.slice(1) ?? '';
  const begin = Date.now();
  say({ kind: scheme, name, header: request.headers['x-probe'] ?? null });
  const how = answers.get(name) ?? 'ok';
  if (how !== 'hang') return void response.writeHead(how === 'ok' ? 200 : 503).end();
  request.socket.once('close', () => say({ kind: 'gave-up', name, afterMs: Date.now() - begin }));
}

createHttp((request, response) => answer('HTTP', request, response)).listen(8080, '0.0.0.0');
createHttps({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) =>
  answer('HTTPS', request, response),
).listen(8443, '0.0.0.0');

const grpc = createGrpc();
grpc.on('stream', (stream: ServerHttp2Stream) => {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('end', () => {
    // One field of text behind a frame of five bytes.
    const name = Buffer.concat(parts).subarray(7).toString();
    say({ kind: 'grpc', name, header: null });
    const isWell = (answers.get(name) ?? 'ok') === 'ok';
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, isWell ? 1 : 2]));
  });
});
grpc.listen(9000, '0.0.0.0');

for (const port of [7001, 7002, 7003]) {
  createTcp((socket) => {
    say({ kind: 'tcp', name: String(port), header: null });
    socket.on('error', () => undefined).end();
  }).listen(port, '0.0.0.0');
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [name = '', how = 'ok'] = line.split(' ');
  answers.set(name, how);
  say({ kind: 'told', name, header: how });
});
say({ kind: 'listening', name: '', header: null });

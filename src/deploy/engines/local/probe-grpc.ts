import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { Endpoint } from './engine.ts';
import type { ProbeOutcome } from './probes.ts';

/** An answer of grpc.health.v1.Health/Check is two bytes and a frame of five; nothing longer is read. */
const ANSWER_BYTES_MAX = 256;
/** HealthCheckResponse.ServingStatus in health/v1/health.proto. */
const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** Asks a server for its health over HTTP/2 without TLS, as the kubelet does (grpc.health.v1, "GRPC Health Checking Protocol"). */
export function askGrpcHealth(
  endpoint: Endpoint,
  service: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
    // A session that is destroyed leaves its socket to the kernel while that still connects: two minutes (tcp_syn_retries).
    const socket = connectSocket({ host: endpoint.host, port: endpoint.port });
    const session = connect(`http://${host}:${endpoint.port}`, { createConnection: () => socket });
    let done = false;
    const end = (outcome: ProbeOutcome): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      session.destroy();
      socket.destroy();
      resolve(outcome);
    };
    const failed = (text: string): void => end({ kind: 'failure', text });
    const timer = setTimeout(() => failed(noAnswerText(timeoutMs)), timeoutMs);
    const onAbort = (): void => end({ kind: 'unknown' });
    signal.addEventListener('abort', onAbort, { once: true });
    session.once('error', (error) => failed(textOf(error)));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'darsena-probe',
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    let code = 0;
    const readCode = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) code = Number(headers['grpc-status']);
    };
    stream.once('error', (error) => failed(textOf(error)));
    stream.once('response', (headers) => {
      if (headers[':status'] !== 200) failed(`HTTP ${headers[':status']}`);
      readCode(headers);
    });
    stream.once('trailers', readCode);
    stream.on('data', (chunk: Buffer) => {
      if (bytes < ANSWER_BYTES_MAX) parts.push(chunk);
      bytes += chunk.length;
    });
    stream.once('end', () => {
      if (code !== 0) return failed(`gRPC status ${code}`);
      const status = readStatus(Buffer.concat(parts));
      end(status === 1 ? { kind: 'success' } : { kind: 'failure', text: STATUS[status] ?? `status ${status}` });
    });
    stream.end(frame(service));
  });
}

/** What a status says of a probe that was not answered. */
export function noAnswerText(timeoutMs: number): string {
  return `no answer within ${timeoutMs / 1000} s`;
}

/** HealthCheckRequest { string service = 1; } in one uncompressed message. */
function frame(service: string): Buffer {
  const name = Buffer.from(service.slice(0, 127));
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** HealthCheckResponse { ServingStatus status = 1; }: an enum of 0 is left out. */
function readStatus(body: Buffer): number {
  const message = body.subarray(5);
  return message.length >= 2 && message[0] === 0x08 ? (message[1] ?? 0) : 0;
}

function textOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

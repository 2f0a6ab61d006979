import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Json } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { KUBE_ANSWER_MAX_BYTES, KUBE_TIMEOUT_MS } from '../limits.ts';

/** The API of a Kubernetes cluster as far as a restart in order asks it. */
export interface KubeApi {
  readonly cluster: string;
  /** @throws Fault host.cluster-silent */
  call(
    method: 'GET' | 'PATCH' | 'POST',
    path: string,
    body?: Json,
  ): Promise<{ readonly status: number; readonly body: Json }>;
}

/** Where a cluster is, and as whom it is spoken to. */
export interface KubeClusterSettings {
  readonly name: string;
  /** https://HOST:PORT */
  readonly server: string;
  /** Files with the authority of the server's certificate, and with a token: read at each call, because tokens are renewed. */
  readonly caFile: string;
  readonly tokenFile: string;
}

/** Speaks HTTPS to the API server with a bearer token; certificates are verified against the one authority given. */
export function kubeApi({ name, server, caFile, tokenFile }: KubeClusterSettings): KubeApi {
  return {
    cluster: name,
    call(method, path, body) {
      return new Promise((resolve, reject) => {
        const fail = (why: string, cause?: unknown): void =>
          reject(hostFault('host.cluster-silent', { cluster: name, why }, cause === undefined ? {} : { cause }));
        let [ca, token] = ['', ''];
        try {
          [ca, token] = [readFileSync(caFile, 'utf8'), readFileSync(tokenFile, 'utf8').trim()];
        } catch (cause) {
          return fail(cause instanceof Error ? cause.message : String(cause), cause);
        }
        // An empty authority would mean any that this machine knows, and the token would go to whoever one of them vouches for.
        if (ca.trim() === '') return fail(`${caFile} is empty`);
        if (!/^[\x21-\x7e]+$/.test(token)) return fail(`${tokenFile} has no token in one line`);
        if (!URL.canParse(path, server) || !server.startsWith('https://')) return fail(`${server} is no https address`);
        const text = body === undefined ? null : JSON.stringify(body);
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        const asked = request(
          new URL(path, server),
          {
            ...{ method, ca, timeout: KUBE_TIMEOUT_MS, signal: AbortSignal.timeout(KUBE_TIMEOUT_MS) },
            headers: {
              authorization: `Bearer ${token}`,
              accept: 'application/json',
              ...(text === null ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
            },
          },
          (answer) => {
            const chunks: Buffer[] = [];
            let bytes = 0;
            answer.on('data', (chunk: Buffer) => {
              bytes += chunk.length;
              if (bytes <= KUBE_ANSWER_MAX_BYTES) chunks.push(chunk);
              else answer.destroy(new Error(`it answers more than ${KUBE_ANSWER_MAX_BYTES} bytes`));
            });
            answer.on('error', (error) => fail(error.message, error));
            answer.on('end', () => {
              try {
                const said = Buffer.concat(chunks).toString('utf8');
                resolve({ status: answer.statusCode ?? 0, body: said === '' ? null : (JSON.parse(said) as Json) });
              } catch (error) {
                fail('it does not answer in JSON', error);
              }
            });
          },
        );
        asked.on('error', (error) => fail(error.message, error));
        // An answer that changes the protocol unasked is told by nothing else.
        asked.once('upgrade', (_answer, socket) => {
          socket.destroy();
          fail('it answers in another protocol');
        });
        asked.end(text ?? undefined);
      });
    },
  };
}

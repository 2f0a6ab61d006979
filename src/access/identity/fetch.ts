import { request } from 'node:https';
import { isIP } from 'node:net';
import { guardAddresses } from '../../system/index.ts';

/**
 * Reads a JSON document of an issuer: https only, only at public addresses and those that an administrator allowed, no
 * redirect, so many bytes, so much time, no credentials. The certificate is checked against the system's authorities,
 * or the issuer's own.
 * @throws Error that says what was wrong
 */
export async function fetchDocument(
  url: URL,
  options: {
    readonly bytesMax: number;
    readonly timeoutMs: number;
    readonly caPem: string | null;
    readonly networks: readonly string[];
  },
): Promise<unknown> {
  if (url.protocol !== 'https:') throw new Error(`${url.protocol} is not https:`);
  if (url.username !== '' || url.password !== '') throw new Error('the address holds credentials');
  const guard = guardAddresses(options.networks, (why) => new Error(why));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A name is checked where it is resolved; an address never gets there.
  if (isIP(host) !== 0) {
    const why = guard.refusal(host);
    if (why !== null) throw new Error(why);
  }
  const signal = AbortSignal.timeout(options.timeoutMs);
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'GET',
        headers: { accept: 'application/json' },
        lookup: guard.lookup,
        signal,
        agent: false,
        ...(options.caPem === null ? {} : { ca: options.caPem }),
      },
      (response) => {
        const { statusCode = 0 } = response;
        if (statusCode !== 200) {
          response.destroy();
          reject(
            new Error(
              `it answered ${statusCode}${statusCode >= 300 && statusCode < 400 ? ', and redirects are not followed' : ''}`,
            ),
          );
          return;
        }
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > options.bytesMax) sent.destroy(new Error(`its answer has more than ${options.bytesMax} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      },
    );
    sent.on('error', (error) => {
      reject(signal.aborted ? new Error(`it did not answer within ${options.timeoutMs} ms`) : error);
    });
    sent.end();
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('its answer is no JSON', { cause });
  }
}

import { request } from 'node:https';
import { isIP } from 'node:net';
import { answerOf, guardAddresses } from '../../system/index.ts';

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
  const sent = request(url, {
    method: 'GET',
    headers: { accept: 'application/json' },
    lookup: guard.lookup,
    signal,
    agent: false,
    ...(options.caPem === null ? {} : { ca: options.caPem }),
  });
  sent.end();
  const chunks: Buffer[] = [];
  try {
    const response = await answerOf(sent);
    const { statusCode = 0 } = response;
    if (statusCode !== 200) {
      response.destroy();
      const why = statusCode >= 300 && statusCode < 400 ? ', and redirects are not followed' : '';
      throw new Error(`it answered ${statusCode}${why}`);
    }
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > options.bytesMax) throw new Error(`its answer has more than ${options.bytesMax} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw signal.aborted ? new Error(`it did not answer within ${options.timeoutMs} ms`, { cause: error }) : error;
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new Error('its answer is no JSON', { cause });
  }
}

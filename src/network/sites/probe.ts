import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import { answerOf, type Text } from '../../system/index.ts';
import { PROBE_HEADER, SITE_PROBE_MS } from '../limits.ts';

/**
 * Asks an address for a host as a client would: TLS with its name, then one page. Null when it serves; else why not. Who
 * signed the certificate is not asked, as its clients may trust others than this machine does; its name and its time are.
 */
export async function probeSite(
  address: string,
  wanted: { readonly host: string; readonly path: string; readonly port: number; readonly token: string },
): Promise<Text | null> {
  const { host, path, port, token } = wanted;
  const request = get({
    ...{ host: address, port, path, servername: host, agent: false, rejectUnauthorized: false },
    headers: { host, 'user-agent': 'darsena-site-check', [PROBE_HEADER]: token },
    signal: AbortSignal.timeout(SITE_PROBE_MS),
  });
  let answer: IncomingMessage;
  try {
    answer = await answerOf(request);
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    if (name === 'AbortError' || code === 'ABORT_ERR') return { en: 'no answer in time', es: 'sin respuesta a tiempo' };
    return { en: code ?? message, es: code ?? message };
  }
  const status = answer.statusCode ?? 0;
  const certificate = (answer.socket as TLSSocket).getPeerCertificate();
  answer.destroy();
  if (Date.parse(certificate.valid_to) <= Date.now())
    return {
      en: `its certificate ended on ${certificate.valid_to}`,
      es: `su certificado terminó el ${certificate.valid_to}`,
    };
  if (checkServerIdentity(host, certificate) !== undefined)
    return { en: 'its certificate has other names', es: 'su certificado tiene otros nombres' };
  // 401 and 403 are the answers of a service that works and asks who is there.
  if ((status >= 200 && status < 400) || status === 401 || status === 403) return null;
  return { en: `it answers ${status}`, es: `responde ${status}` };
}

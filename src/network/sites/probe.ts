import { get } from 'node:https';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import type { Text } from '../../system/index.ts';
import { PROBE_HEADER, SITE_PROBE_MS } from '../limits.ts';

/**
 * Asks an address for a host as a client would: TLS with its name, then one page. Null when it serves; else why not. Who
 * signed the certificate is not asked, as its clients may trust others than this machine does; its name and its time are.
 */
export function probeSite(
  address: string,
  wanted: { readonly host: string; readonly path: string; readonly port: number; readonly token: string },
): Promise<Text | null> {
  const { host, path, port, token } = wanted;
  return new Promise((resolve) => {
    const request = get(
      {
        ...{ host: address, port, path, servername: host, agent: false, rejectUnauthorized: false },
        headers: { host, 'user-agent': 'darsena-site-check', [PROBE_HEADER]: token },
        signal: AbortSignal.timeout(SITE_PROBE_MS),
      },
      (answer) => {
        const status = answer.statusCode ?? 0;
        const socket = answer.socket as TLSSocket;
        const certificate = socket.getPeerCertificate();
        answer.destroy();
        if (Date.parse(certificate.valid_to) <= Date.now())
          return resolve({
            en: `its certificate ended on ${certificate.valid_to}`,
            es: `su certificado terminó el ${certificate.valid_to}`,
          });
        if (checkServerIdentity(host, certificate) !== undefined)
          return resolve({ en: 'its certificate has other names', es: 'su certificado tiene otros nombres' });
        // 401 and 403 are the answers of a service that works and asks who is there.
        if ((status >= 200 && status < 400) || status === 401 || status === 403) return resolve(null);
        resolve({ en: `it answers ${status}`, es: `responde ${status}` });
      },
    );
    request.on('error', (error: NodeJS.ErrnoException) => {
      const late = error.name === 'AbortError' || error.code === 'ABORT_ERR';
      resolve(
        late
          ? { en: 'no answer in time', es: 'sin respuesta a tiempo' }
          : { en: error.code ?? error.message, es: error.code ?? error.message },
      );
    });
  });
}

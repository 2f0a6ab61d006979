import { request } from 'node:http';
import { z } from 'zod';
import { setupFault } from './errors.ts';
import { type Instance, instanceFiles } from './instance.ts';

/** A reply is a code or a certificate: a thousand bytes. */
const REPLY_BYTES_MAX = 64 * 1024;
const TIMEOUT_MS = 5_000;

const loginCode = z.object({ code: z.string(), expiresAt: z.string() });
const issuedCertificate = z.object({ certificate: z.string(), expiresAt: z.string() });

/** A one-time code for the console's login page. @throws Fault `setup.local-refused`, `setup.local-failed` */
export async function requestLoginCode(instance: Instance): Promise<z.infer<typeof loginCode>> {
  return ask(instance, '/local/login-code', loginCode);
}

/** A certificate of the first administrator for a key that the caller made. @throws Fault `setup.local-refused`, `setup.local-failed` */
export async function requestCertificate(
  instance: Instance,
  requestPem: string,
): Promise<z.infer<typeof issuedCertificate>> {
  return ask(instance, '/local/certificate', issuedCertificate, { request: requestPem });
}

/** Whether control serves: it opens its local socket last. */
export async function localAnswers(instance: Instance): Promise<boolean> {
  return ask(instance, '/local/ready', z.object({})).then(
    () => true,
    () => false,
  );
}

/** Control trusts whoever can open its local socket: root and its own user. */
async function ask<T>(instance: Instance, path: string, schema: z.ZodType<T>, question: object = {}): Promise<T> {
  const socketPath = instanceFiles(instance).control.adminSocket;
  const body = await new Promise<string>((resolve, reject) => {
    const call = request(
      { socketPath, path, method: 'POST', timeout: TIMEOUT_MS, headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > REPLY_BYTES_MAX) call.destroy(new Error(`its reply is larger than ${REPLY_BYTES_MAX} bytes`));
          chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200 || response.statusCode === 201) resolve(text);
          else reject(new Error(`it answered ${response.statusCode}`));
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
    call.on('error', reject);
    call.end(JSON.stringify(question));
  }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EACCES') throw setupFault('setup.local-refused', { name: instance.name }, { cause });
    throw setupFault('setup.local-failed', { reason: cause.message }, { cause });
  });
  const parsed = schema.safeParse(JSON.parse(body));
  if (!parsed.success) throw setupFault('setup.local-failed', { reason: 'its reply has another shape than expected' });
  return parsed.data;
}

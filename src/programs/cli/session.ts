import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { z } from 'zod';
import { type CliProgram, ProblemReply } from '../../system/index.ts';
import { findInstance, instanceFiles } from '../setup/instance.ts';
import { readProblem } from './client.ts';
import { credentialsPath, readCredentials, removeCredentials, writeCredentials } from './credentials.ts';
import { cliFault } from './errors.ts';

/** Days that a login of the CLI lasts; control may shorten it. */
const LOGIN_DAYS = 1;
const LOGIN_TIMEOUT_MS = 15_000;
const madeToken = z.object({ token: z.string(), expiresAt: z.string() });

interface LoginOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly fingerprint?: string;
  readonly user?: string;
  readonly code?: string;
}

export function sessionCommands(cli: CliProgram): void {
  cli.program
    .command('login')
    .description(cli.t({ en: 'log this account in', es: 'iniciar sesión con esta cuenta' }))
    .option(
      '--url <https-url>',
      cli.t({ en: 'the platform, when it is on another machine', es: 'la plataforma, si está en otra máquina' }),
    )
    .option('--ca <file>', cli.t({ en: 'its authority’s certificate', es: 'el certificado de su autoridad' }))
    .option(
      '--fingerprint <sha256>',
      cli.t({ en: 'expected SHA-256 of that certificate', es: 'SHA-256 esperado de ese certificado' }),
    )
    .option('--user <name>', cli.t({ en: 'user name', es: 'nombre de usuario' }))
    .option(
      '--code <code>',
      cli.t({ en: 'a one-time code instead of a password', es: 'un código de un solo uso en vez de contraseña' }),
    )
    .action(async (options: LoginOptions) => {
      const { url, ca } = await whereTo(cli, options);
      const { cookie, name } = await openSession(cli, { url, ca, options });
      const token = madeToken.parse(
        await sendJson({ url, ca, path: '/me/tokens', body: { name: 'cli', days: LOGIN_DAYS }, cookie, cli }).then(
          (reply) => reply.body,
        ),
      );
      const path = credentialsPath(cli.instance);
      await writeCredentials(path, { url, ca, token: token.token, expiresAt: token.expiresAt }, null);
      cli.print.result({
        en: `logged in as ${name} until ${token.expiresAt} (${path})`,
        es: `sesión iniciada como ${name} hasta ${token.expiresAt} (${path})`,
      });
    });

  cli.program
    .command('logout')
    .description(cli.t({ en: 'forget this account’s login', es: 'olvidar la sesión de esta cuenta' }))
    .action(async () => {
      const known = await readCredentials(cli.instance, { now: new Date() }).catch(() => null);
      if (known !== null) {
        // The file goes in any case; a platform that is away lets the token run out.
        await cli.api.delete('/session').catch((error: unknown) => {
          cli.print.note({
            en: `the platform could not be told (${(error as Error).message}); the token ends by itself at ${known.expiresAt}`,
            es: `no se pudo avisar a la plataforma (${(error as Error).message}); el testigo caduca solo el ${known.expiresAt}`,
          });
        });
      }
      const removed = await removeCredentials(cli.instance);
      cli.print.line(
        removed.length === 0
          ? { en: 'this account was not logged in', es: 'esta cuenta no tenía sesión' }
          : {
              en: `logged out (removed ${removed.join(', ')})`,
              es: `sesión cerrada (se eliminó ${removed.join(', ')})`,
            },
      );
    });
}

/** The platform's address and authority: as named, of the old credentials, or of the instance on this machine. */
async function whereTo(cli: CliProgram, options: LoginOptions): Promise<{ url: string; ca: string }> {
  const instance = await findInstance(cli.instance);
  const caPath = options.ca ?? (instance === null ? undefined : instanceFiles(instance).ca);
  const url = options.url ?? (instance === null ? undefined : `https://localhost:${instance.ports.console}`);
  if (caPath === undefined || url === undefined) {
    throw cliFault('cli.missing-argument', { name: caPath === undefined ? '--ca' : '--url', command: 'login ' });
  }
  const ca = await readFile(caPath, 'utf8');
  if (options.fingerprint !== undefined) {
    const actual = new X509Certificate(ca).fingerprint256.replaceAll(':', '').toLowerCase();
    const wanted = options.fingerprint.replaceAll(':', '').toLowerCase();
    if (actual !== wanted) throw cliFault('cli.fingerprint', { path: caPath, actual, wanted });
  }
  return { url, ca };
}

async function openSession(
  cli: CliProgram,
  to: { url: string; ca: string; options: LoginOptions },
): Promise<{ cookie: string; name: string }> {
  const { url, ca, options } = to;
  const exchange = options.code !== undefined;
  const remedy = 'darsena login --code CODE';
  const body = exchange
    ? { code: options.code }
    : {
        name: options.user ?? (await cli.ask.text({ en: 'User:', es: 'Usuario:' }, { remedy })),
        password: await cli.ask.text({ en: 'Password:', es: 'Contraseña:' }, { remedy, secret: true }),
      };
  const reply = await sendJson({ url, ca, path: exchange ? '/session/exchange' : '/session', body, cookie: null, cli });
  const { me } = z.object({ me: z.object({ name: z.string() }) }).parse(reply.body);
  return { cookie: reply.cookie, name: me.name };
}

/** A call with a session's cookie instead of a token; the rest of the CLI never needs it. */
async function sendJson(call: {
  url: string;
  ca: string;
  path: string;
  body: unknown;
  cookie: string | null;
  cli: CliProgram;
}): Promise<{ body: unknown; cookie: string }> {
  const { url, ca, path, body, cookie, cli } = call;
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(`/api/v1${path}`, url),
      {
        method: 'POST',
        ca,
        minVersion: 'TLSv1.3',
        timeout: LOGIN_TIMEOUT_MS,
        signal: cli.signal,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'accept-language': cli.language,
          'x-darsena': '1',
          ...(cookie === null ? {} : { cookie }),
        },
      },
      (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status < 200 || status > 299) {
            reject(new ProblemReply(readProblem(status, path, text)));
            return;
          }
          const cookies = (response.headers['set-cookie'] ?? []).map((line) => line.split(';')[0] ?? '');
          resolve({ body: JSON.parse(text), cookie: cookies.join('; ') });
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (cause) => reject(cliFault('cli.unreachable', { url, reason: cause.message }, { cause })));
    sent.end(JSON.stringify(body));
  });
}

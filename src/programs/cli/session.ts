import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { z } from 'zod';
import { type CliProgram, ProblemReply } from '../../system/index.ts';
import { findInstance, instanceFiles } from '../setup/instance.ts';
import { readProblem } from './client.ts';
import { credentialsPath, readCredentials, removeCredentials, writeCredentials } from './credentials.ts';
import { cliFault } from './errors.ts';

const LOGIN_TIMEOUT_MS = 15_000;
/** A token and a name: a few hundred characters. */
const REPLY_CHARACTERS_MAX = 64 * 1024;
const issuedToken = z.object({ token: z.string(), expiresAt: z.string(), me: z.object({ name: z.string() }) });

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
      const issued = await openSession(cli, { url, ca, options });
      const path = credentialsPath(cli.instance);
      await writeCredentials(path, { url, ca, token: issued.token, expiresAt: issued.expiresAt }, null);
      const { name } = issued.me;
      cli.print.result({
        en: `logged in as ${name} until ${issued.expiresAt} (${path})`,
        es: `sesión iniciada como ${name} hasta ${issued.expiresAt} (${path})`,
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

/** Exchanges a one-time code, or a name and a password, for a token. */
async function openSession(
  cli: CliProgram,
  to: { url: string; ca: string; options: LoginOptions },
): Promise<z.infer<typeof issuedToken>> {
  const { url, ca, options } = to;
  const remedy = 'darsena login --code CODE';
  const body =
    options.code !== undefined
      ? { code: options.code }
      : {
          name: options.user ?? (await cli.ask.text({ en: 'User:', es: 'Usuario:' }, { remedy })),
          password: await cli.ask.text({ en: 'Password:', es: 'Contraseña:' }, { remedy, secret: true }),
        };
  const path = '/session/token';
  const text = await new Promise<string>((resolve, reject) => {
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
        },
      },
      (response) => {
        response.setEncoding('utf8');
        let received = '';
        response.on('data', (chunk: string) => {
          received += chunk;
          if (received.length > REPLY_CHARACTERS_MAX) sent.destroy(new Error('its reply is too long'));
        });
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status <= 299) resolve(received);
          else reject(new ProblemReply(readProblem(status, path, received)));
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (cause) => reject(cliFault('cli.unreachable', { url, reason: cause.message }, { cause })));
    sent.end(JSON.stringify(body));
  });
  const parsed = issuedToken.safeParse(JSON.parse(text));
  if (!parsed.success) throw cliFault('cli.strange-reply', { path, reason: 'it is not a token' });
  return parsed.data;
}

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { z } from 'zod';
import { createRequest } from '../../network/index.ts';
import { type CliProgram, Fault, ProblemReply } from '../../system/index.ts';
import { findInstance, instanceFiles, localUrl } from '../setup/instance.ts';
import { explainFailure, readProblem } from './client.ts';
import {
  type Credentials,
  credentialsPath,
  readConnection,
  readCredentials,
  removeCredentials,
  writeCredentials,
} from './credentials.ts';
import { cliFault } from './errors.ts';

const LOGIN_TIMEOUT_MS = 15_000;
/** A certificate and a name: two thousand characters. */
const REPLY_CHARACTERS_MAX = 64 * 1024;
const issuedCertificate = z.object({
  certificate: z.string(),
  expiresAt: z.string(),
  port: z.number().int().min(1).max(65_535),
  me: z.object({ name: z.string() }),
});

const exchangedToken = z.object({ access_token: z.string().min(1) });

interface LoginOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly fingerprint?: string;
  readonly user?: string;
  readonly code?: string;
  readonly tokenFile?: string;
  readonly oidcTokenFile?: string;
  readonly project?: string;
}

/** Where a platform answers, and the authority that is trusted there and nowhere else. */
interface Place {
  readonly url: string;
  readonly ca: string;
}

export function sessionCommands(cli: CliProgram): void {
  cli.program
    .command('login')
    .description(
      cli.t({
        en: 'log this account in: make a key and get a certificate for it, good for twelve hours',
        es: 'iniciar sesión con esta cuenta: crear una clave y obtener su certificado, válido doce horas',
      }),
    )
    .option(
      '--url <https-url>',
      cli.t({ en: 'the platform, when it is on another machine', es: 'la plataforma, si está en otra máquina' }),
    )
    .option('--ca <file>', cli.t({ en: 'its authority’s certificate', es: 'el certificado de su autoridad' }))
    .option(
      '--fingerprint <sha256>',
      cli.t({
        en: 'expected SHA-256 of its authority, as `darsena up` printed it; then no file is needed',
        es: 'SHA-256 esperado de su autoridad, como lo mostró `darsena up`; así no hace falta el archivo',
      }),
    )
    .option('--user <name>', cli.t({ en: 'user name', es: 'nombre de usuario' }))
    .option(
      '--code <code>',
      cli.t({ en: 'a one-time code instead of a password', es: 'un código de un solo uso en vez de contraseña' }),
    )
    .option(
      '--token-file <file>',
      cli.t({
        en: 'as a robot: the file with its token, - for standard input',
        es: 'como robot: el archivo con su token, - para la entrada estándar',
      }),
    )
    .option(
      '--oidc-token-file <file>',
      cli.t({
        en: 'as a workload that a project trusts: the file with the token of its own platform, - for standard input',
        es: 'como carga de trabajo en la que confía un proyecto: el archivo con el token de su plataforma, - para la entrada estándar',
      }),
    )
    .option(
      '--project <project>',
      cli.t({
        en: 'with --oidc-token-file: by the trust rules of this project only',
        es: 'con --oidc-token-file: solo por las reglas de confianza de este proyecto',
      }),
    )
    .action(async (options: LoginOptions) => {
      const place = await whereTo(cli, options);
      const proof = await (options.oidcTokenFile === undefined
        ? askProof(cli, options)
        : exchangeToken(cli, place, options.oidcTokenFile, options.project));
      const { credentials, name } = await openLogin(cli, place, proof);
      const path = credentialsPath(cli.instance);
      await writeCredentials(path, credentials, null);
      cli.print.result({
        en: `logged in as ${name} until ${credentials.expiresAt} (${path})`,
        es: `sesión iniciada como ${name} hasta ${credentials.expiresAt} (${path})`,
      });
    });

  cli.program
    .command('logout')
    .description(cli.t({ en: 'end this account’s login', es: 'terminar la sesión de esta cuenta' }))
    .action(async () => {
      const known = await readConnection(cli.instance, { now: new Date() }).catch(() => null);
      if (known !== null) {
        // The file goes in any case; a platform that is away lets the certificate run out.
        await cli.api.delete('/session').catch((error: unknown) => {
          cli.print.note({
            en: `the platform could not be told (${(error as Error).message}); the certificate ends by itself within twelve hours`,
            es: `no se pudo avisar a la plataforma (${(error as Error).message}); el certificado caduca solo en menos de doce horas`,
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

/** The platform's address and authority: as named, of the instance on this machine, or of the former login. */
async function whereTo(cli: CliProgram, options: LoginOptions): Promise<Place> {
  const instance = await findInstance(cli.instance);
  const former = await readCredentials(cli.instance).catch(() => null);
  const local = instance === null ? undefined : localUrl(instance);
  const url = options.url ?? local ?? former?.url;
  if (url === undefined) throw cliFault('cli.missing-argument', { name: '--url', command: 'login ' });
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
    throw cliFault('cli.wrong-use', { reason: `--url: expected https://HOST:PORT, found "${url}"`, command: 'login ' });
  const known =
    options.ca !== undefined ? options.ca : instance !== null && url === local ? instanceFiles(instance).ca : undefined;
  if (known !== undefined) return { url, ca: checkFingerprint(await readFile(known, 'utf8'), known, options) };
  if (former !== null && former.url === url && options.fingerprint === undefined) return { url, ca: former.ca };
  return { url, ca: await fetchAuthority(cli, url, options) };
}

/** @returns the authority when it has the fingerprint named, or none was named. @throws Fault `cli.fingerprint` */
function checkFingerprint(ca: string, path: string, options: LoginOptions): string {
  if (options.fingerprint === undefined) return ca;
  const actual = fingerprintOf(ca, path);
  const wanted = options.fingerprint.replaceAll(':', '').toLowerCase();
  if (actual !== wanted) throw cliFault('cli.fingerprint', { path, actual, wanted });
  return ca;
}

function fingerprintOf(ca: string, path: string): string {
  try {
    return new X509Certificate(ca).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch (cause) {
    throw cliFault('cli.strange-reply', { path, reason: 'it is no certificate' }, { cause });
  }
}

/**
 * The authority that a platform elsewhere says it has. Nothing is believed yet: it counts when its fingerprint is the one
 * named, or when the person says that it is the one they were told.
 */
async function fetchAuthority(cli: CliProgram, url: string, options: LoginOptions): Promise<string> {
  const place = new URL('/ca.pem', url).href;
  const ca = await call(cli, { url: place, method: 'GET', tls: { rejectUnauthorized: false } });
  if (options.fingerprint !== undefined) return checkFingerprint(ca, place, options);
  const printed = new X509Certificate(ca).fingerprint256.toLowerCase();
  const agreed = await cli.ask.confirm(
    {
      en: `The authority of ${url} has the SHA-256 fingerprint\n  ${printed}\nIs it the one that \`darsena up\` printed there?`,
      es: `La autoridad de ${url} tiene la huella SHA-256\n  ${printed}\n¿Es la que mostró allí \`darsena up\`?`,
    },
    { remedy: 'darsena login --fingerprint SHA256   (or: --ca FILE)' },
  );
  if (!agreed) throw cliFault('cli.authority-declined', { url });
  return ca;
}

async function askProof(cli: CliProgram, options: LoginOptions): Promise<Readonly<Record<string, string>>> {
  if (options.code !== undefined) return { code: options.code };
  if (options.tokenFile !== undefined) {
    return { token: await readToken(options.tokenFile) };
  }
  const remedy = 'darsena login --code CODE';
  return {
    name: options.user ?? (await cli.ask.text({ en: 'User:', es: 'Usuario:' }, { remedy })),
    password: await cli.ask.text({ en: 'Password:', es: 'Contraseña:' }, { remedy, secret: true }),
  };
}

/** From a file, never from the command line: other users of the machine read that. */
async function readToken(file: string): Promise<string> {
  const path = file === '-' ? '/dev/stdin' : file;
  const token = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw cliFault('cli.wrong-use', { reason: `${path}: ${cause.message}`, command: 'login ' }, { cause });
  });
  return token.trim();
}

/** A workload's token of its own platform for a short one of this. */
async function exchangeToken(
  cli: CliProgram,
  { url, ca }: Place,
  file: string,
  project: string | undefined,
): Promise<{ readonly token: string }> {
  const path = '/workload-identity/token';
  const text = await call(cli, {
    url: new URL(`/api/v1${path}`, url).href,
    method: 'POST',
    tls: { ca },
    body: JSON.stringify({ subject_token: await readToken(file), ...(project === undefined ? {} : { project }) }),
  });
  const parsed = exchangedToken.safeParse(JSON.parse(text));
  if (!parsed.success) throw cliFault('cli.strange-reply', { path, reason: 'it is not a token' });
  return { token: parsed.data.access_token };
}

/** Makes a key on this machine and gets a certificate for it. */
async function openLogin(
  cli: CliProgram,
  { url, ca }: Place,
  proof: Readonly<Record<string, string>>,
): Promise<{ credentials: Credentials; name: string }> {
  const { requestPem, privateKeyPem } = createRequest({ subject: 'command line' });
  const path = '/session/certificate';
  const text = await call(cli, {
    url: new URL(`/api/v1${path}`, url).href,
    method: 'POST',
    tls: { ca },
    body: JSON.stringify({ request: requestPem, proof }),
  });
  const parsed = issuedCertificate.safeParse(JSON.parse(text));
  if (!parsed.success) throw cliFault('cli.strange-reply', { path, reason: 'it is not a certificate' });
  const { certificate, expiresAt, port, me } = parsed.data;
  const api = new URL(url);
  api.port = String(port);
  return {
    credentials: { url: new URL(url).origin, api: api.origin, ca, certificate, key: privateKeyPem, expiresAt },
    name: me.name,
  };
}

async function call(
  cli: CliProgram,
  options: { url: string; method: string; tls: { ca: string } | { rejectUnauthorized: false }; body?: string },
): Promise<string> {
  const { url, method, tls, body } = options;
  return new Promise<string>((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        ...tls,
        agent: false,
        minVersion: 'TLSv1.3',
        timeout: LOGIN_TIMEOUT_MS,
        signal: cli.signal,
        headers: {
          accept: '*/*',
          'accept-language': cli.language,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
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
          else reject(new ProblemReply(readProblem(status, url, received)));
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (cause: NodeJS.ErrnoException) =>
      reject(cause instanceof Fault ? cause : explainFailure(url, cause)),
    );
    sent.end(body);
  });
}

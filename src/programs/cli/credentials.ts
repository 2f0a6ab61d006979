import { lstat, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type CliConnection, runCommand } from '../../system/index.ts';
import { findInstance, instanceFiles, localUrl } from '../setup/instance.ts';
import { cliFault } from './errors.ts';

/** What the CLI of one account needs to speak to one instance; a 0600 file of that account. */
const credentials = z.object({
  /** The public port: console, registry, the next login. */
  url: z.url({ protocol: /^https$/ }),
  /** The port for mutual TLS. */
  api: z.url({ protocol: /^https$/ }),
  /** The instance's authority, PEM; nothing else is trusted. */
  ca: z.string().includes('BEGIN CERTIFICATE'),
  certificate: z.string().includes('BEGIN CERTIFICATE'),
  /** PKCS #8, PEM; made by this account and nowhere else. */
  key: z.string().includes('PRIVATE KEY'),
  expiresAt: z.string(),
});
export type Credentials = z.infer<typeof credentials>;

/** An account of this machine that credentials are written for. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export function credentialsPath(instance: string, environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment['XDG_CONFIG_HOME'] || join(environment['HOME'] ?? homedir(), '.config');
  return join(base, 'darsena', `${instance}.json`);
}

/**
 * How the caller speaks to the instance: as the robot of DARSENA_TOKEN when it is set, else with the login's certificate.
 * @throws Fault `cli.not-logged-in`, `cli.login-expired`, `cli.credentials-broken`, `cli.token-alone`
 */
export async function readConnection(
  instance: string,
  options: { now: Date; environment?: NodeJS.ProcessEnv },
): Promise<CliConnection> {
  const environment = options.environment ?? process.env;
  const token = environment['DARSENA_TOKEN'];
  if (token !== undefined && token !== '') return connectAsRobot(instance, token, environment);
  const found = await readCredentials(instance, environment);
  if (new Date(found.expiresAt) <= options.now) {
    throw cliFault('cli.login-expired', { instance, expiresAt: found.expiresAt });
  }
  return connectionOf(found);
}

export function connectionOf({ api, ca, certificate, key }: Credentials): CliConnection {
  return { url: api, tls: { ca, cert: certificate, key }, headers: {} };
}

/** The address and authority are DARSENA_URL and DARSENA_CA (a file), or those of the instance on this machine. */
async function connectAsRobot(instance: string, token: string, environment: NodeJS.ProcessEnv): Promise<CliConnection> {
  const { DARSENA_URL: url, DARSENA_CA: caPath } = environment;
  const local = url !== undefined && caPath !== undefined ? null : await findInstance(instance, environment);
  const address = url ?? (local === null ? undefined : localUrl(local));
  const authority = caPath ?? (local === null ? undefined : instanceFiles(local).ca);
  if (address === undefined || authority === undefined) {
    throw cliFault('cli.token-alone', { name: address === undefined ? 'DARSENA_URL' : 'DARSENA_CA', instance });
  }
  const ca = await readFile(authority, 'utf8');
  return { url: address, tls: { ca }, headers: { authorization: `Bearer ${token}` } };
}

/** The caller's login file, whether or not it has expired. @throws Fault `cli.not-logged-in`, `cli.credentials-broken` */
export async function readCredentials(
  instance: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Credentials> {
  const path = credentialsPath(instance, environment);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw cliFault('cli.not-logged-in', { instance, path });
    throw cliFault('cli.credentials-broken', { path, reason: cause.message }, { cause });
  });
  try {
    return credentials.parse(JSON.parse(text));
  } catch (cause) {
    throw cliFault('cli.credentials-broken', { path, reason: 'it is not what `darsena login` writes' }, { cause });
  }
}

/** Folder and path are its arguments; the content comes on standard input. */
const WRITE_PRIVATE_FILE = 'umask 077 && mkdir -p "$1" && rm -f "$2.new" && cat >"$2.new" && mv -f "$2.new" "$2"';

/**
 * Writes credentials for an account, as that account: root never opens a path inside a folder that somebody else can
 * change while it looks.
 */
export async function writeCredentials(path: string, content: Credentials, account: Account | null): Promise<void> {
  const { code, stderr } = await runCommand('sh', ['-c', WRITE_PRIVATE_FILE, 'sh', dirname(path), path], {
    input: `${JSON.stringify(credentials.parse(content), null, 2)}\n`,
    timeoutMs: 10_000,
    cwd: '/',
    ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
  });
  if (code !== 0) throw cliFault('cli.credentials-broken', { path, reason: stderr.trim() });
}

/** The account behind sudo, which wants to be logged in as well as root; null when there is none. */
export async function sudoAccount(environment: NodeJS.ProcessEnv = process.env): Promise<Account | null> {
  const uid = environment['SUDO_UID'];
  if (process.geteuid?.() !== 0 || uid === undefined || uid === '0' || !/^\d+$/.test(uid)) return null;
  const passwd = await readFile('/etc/passwd', 'utf8');
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((line) => line[2] === uid);
  const [, , , gid, , home] = fields ?? [];
  return gid === undefined || home === undefined ? null : { uid: Number(uid), gid: Number(gid), home };
}

/** Removes the login file of the caller, or, as that account, of the one behind sudo. @returns the paths removed */
export async function removeCredentials(instance: string, account: Account | null = null): Promise<string[]> {
  const path = credentialsPath(instance, account === null ? process.env : { HOME: account.home });
  const there = await lstat(path).then(
    () => true,
    () => false,
  );
  if (!there) return [];
  if (account === null) await rm(path, { force: true });
  else await runCommand('rm', ['-f', '--', path], { timeoutMs: 10_000, cwd: '/', uid: account.uid, gid: account.gid });
  return [path];
}

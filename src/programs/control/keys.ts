import { generateKeyPairSync, randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  issueServerCertificate,
  issueWildcardCertificate,
  needsRenewal,
  parseAuthority,
  serialiseAuthority,
} from '../../network/index.ts';
import { type Clock, defineFaults, writeFileAtomic } from '../../system/index.ts';

/** How often certificates are looked at; they are renewed when a third of their life is left. */
export const RENEWAL_CHECK_MS = 6 * 3_600_000;

export interface ControlKeys {
  readonly authority: Authority;
  /** For the console, the API and the registry. */
  readonly server: IssuedCertificate;
  /** For the published domain: the wildcard and the domain itself. */
  readonly published: IssuedCertificate;
  /** 32 bytes: opens sealed secrets and signing keys. */
  readonly masterKey: Uint8Array;
  /** 32 bytes: signs the registry's short-lived tokens. */
  readonly registryKey: Uint8Array;
  /** Names this instance to its database; random, not a secret. */
  readonly instanceId: string;
  /** Ed25519: signs checkpoints of the journal. */
  readonly journalKeyPem: string;
}

export const keysFault = defineFaults({
  'control.keys-missing': {
    kind: 'needs',
    en: {
      what: 'the keys of this instance are not in {folder}',
      why: 'there is a database already, and new keys would open nothing in it; the disk that holds them may not be mounted',
      remedy: 'mount it there, or bring the folder back from a copy: darsena up',
    },
    es: {
      what: 'las claves de esta instancia no están en {folder}',
      why: 'ya hay una base de datos, y unas claves nuevas no abrirían nada en ella; puede que el disco que las guarda no esté montado',
      remedy: 'montarlo ahí, o traer la carpeta de una copia: darsena up',
    },
  },
});

const MASTER_KEY = 'master.key';

/**
 * A folder of keys may be a disk of its own, away from the data that they open. Where it is not mounted nothing is made in
 * its place.
 * @param database the file of the state @throws Fault control.keys-missing
 */
export async function requireKeys(folder: string, database: string): Promise<void> {
  const isThere = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw error;
      },
    );
  if ((await isThere(database)) && !(await isThere(join(folder, MASTER_KEY))))
    throw keysFault('control.keys-missing', { folder });
}

/** Whether a certificate is good for all these names and addresses: a machine that gets another address needs another. */
function coversAll(issued: IssuedCertificate, names: readonly string[], addresses: readonly string[]): boolean {
  const certificate = new X509Certificate(issued.certificatePem);
  return (
    names.every((name) => certificate.checkHost(name) !== undefined) &&
    addresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}

/**
 * Reads the keys of the instance, making what is missing: at the first start all of them. Every file is 0600 and its
 * owner's; whoever can read the folder is the platform.
 */
export async function loadControlKeys(
  folder: string,
  options: {
    readonly instance: string;
    readonly domain: string;
    readonly names: readonly string[];
    readonly addresses: readonly string[];
    readonly clock: Clock;
  },
): Promise<ControlKeys> {
  const { instance, domain, names, addresses, clock } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keep = async (name: string, make: () => string): Promise<string> => {
    const path = join(folder, name);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const made = make();
    await writeFileAtomic(path, made, { mode: 0o600 });
    return made;
  };

  const authorityText = await keep('authority.json', () =>
    JSON.stringify(serialiseAuthority(createAuthority({ name: `Darsena CA (${instance})`, clock }))),
  );
  const authority = parseAuthority(JSON.parse(authorityText) as IssuedCertificate, clock);
  const certificate = async (name: string, issue: () => IssuedCertificate): Promise<IssuedCertificate> => {
    const kept = JSON.parse(await keep(name, () => JSON.stringify(issue()))) as IssuedCertificate;
    const isDue = needsRenewal(kept.certificatePem, authority.certificatePem, clock);
    if (!isDue && (name !== 'server.json' || coversAll(kept, names, addresses))) return kept;
    const renewed = issue();
    await writeFileAtomic(join(folder, name), JSON.stringify(renewed), { mode: 0o600 });
    return renewed;
  };
  const secret = (): string => randomBytes(32).toString('base64');
  return {
    authority,
    server: await certificate('server.json', () => issueServerCertificate(authority, { names, addresses })),
    published: await certificate('published.json', () => issueWildcardCertificate(authority, { domain })),
    masterKey: Buffer.from(await keep(MASTER_KEY, secret), 'base64'),
    registryKey: Buffer.from(await keep('registry.key', secret), 'base64'),
    instanceId: await keep('instance-id', () => randomUUID()),
    journalKeyPem: await keep('journal.pem', () =>
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ),
  };
}

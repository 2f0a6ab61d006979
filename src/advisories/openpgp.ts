import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startChild } from '../system/index.ts';
import { OPENPGP_KEYS_MAX_BYTES, OPENPGP_TIMEOUT_MS } from './limits.ts';

export interface OpenPgpCheck {
  /** What the publisher put beside the feed: a detached signature, armoured or not. */
  readonly signature: Uint8Array;
  /** Who is believed: armoured public keys, or paths of keyrings, armoured or not. */
  readonly keys: readonly string[];
  /** The fingerprint that alone may have signed; null: any of the keys. */
  readonly signer: string | null;
}

/** The bytes are not signed by who was asked for; the message says why. */
export class NotSigned extends Error {}

/**
 * Hands bytes on while `gpgv` reads them too, and throws at their end unless a good signature by a believed key covers all
 * of them: whoever takes them has to take them only as a whole. gpgv is a child without shell and environment, with a
 * folder of its own that is gone afterwards. A signature that has expired, or whose key has, or was revoked, counts as none.
 *
 * @throws NotSigned
 */
export async function* checkOpenPgp(
  source: AsyncIterable<Uint8Array>,
  check: OpenPgpCheck,
): AsyncGenerator<Uint8Array> {
  if (check.keys.length === 0) throw new NotSigned('no key of its publisher is given');
  const folder = await mkdtemp(join(tmpdir(), 'darsena-gpgv-'));
  try {
    const [keyring, signature] = [join(folder, 'keys.gpg'), join(folder, 'signature')];
    await writeFile(keyring, await readKeys(check.keys), { mode: 0o600 });
    await writeFile(signature, check.signature, { mode: 0o600 });
    const args = ['--homedir', folder, '--keyring', keyring, '--status-fd', '1', '--', signature, '-'];
    const child = startChild('gpgv', args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      cwd: '/',
    });
    // One of our own: that of `spawn` outlives a child that could not be started, and keeps the process up.
    const timer = setTimeout(() => child.kill('SIGKILL'), OPENPGP_TIMEOUT_MS).unref();
    const ended: Promise<number> = once(child, 'close').then(
      ([code]) => (typeof code === 'number' ? code : 1),
      (cause: unknown) => {
        const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
        throw new NotSigned(
          isMissing ? 'it needs the program gpgv, which is not installed' : 'gpgv could not be started',
          { cause },
        );
      },
    );
    ended.catch(() => undefined);
    let status = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (status.length < STATUS_MAX_LENGTH) status += chunk.toString('latin1');
    });
    // A child that has its answer early closes its end; its status says which.
    child.stdin.on('error', () => undefined);
    try {
      for await (const chunk of source) {
        if (child.stdin.writable && !child.stdin.write(chunk)) await roomIn(child.stdin);
        yield chunk;
      }
      child.stdin.end();
      const code = await ended;
      const why = complaintOf(code, status, check.signer);
      if (why !== null) throw new NotSigned(why);
    } finally {
      clearTimeout(timer);
      child.kill('SIGKILL');
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads bytes to their end for `checkOpenPgp` alone. */
export async function verifyOpenPgp(source: AsyncIterable<Uint8Array>, check: OpenPgpCheck): Promise<void> {
  await pipeline(checkOpenPgp(source, check), async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const _ of chunks);
  });
}

/** Waits until more may be written, or nothing any more: the end of a child closes its input. */
function roomIn(stdin: Writable): Promise<void> {
  const events = ['drain', 'error', 'close'];
  return new Promise((done) => {
    // All of them go, or each chunk of a feed would leave some behind.
    const go = (): void => {
      for (const event of events) stdin.off(event, go);
      done();
    };
    for (const event of events) stdin.on(event, go);
  });
}

const STATUS_MAX_LENGTH = 64 * 1024;

/** Why gpgv's answer (GnuPG's doc/DETAILS, "Format of the --status-fd output") is no good signature; null: it is one. */
function complaintOf(code: number, status: string, signer: string | null): string | null {
  const lines = status.split('\n').map((line) => line.replace(/^\[GNUPG:\] /, '').split(' '));
  const has = (word: string): boolean => lines.some(([first]) => first === word);
  if (has('BADSIG')) return 'its signature is wrong: it was changed, or the signature is of something else';
  if (has('REVKEYSIG')) return 'the key that signed it was revoked';
  if (has('EXPKEYSIG')) return 'the key that signed it has expired';
  if (has('EXPSIG')) return 'its signature has expired';
  if (has('NO_PUBKEY')) return 'none of the given keys signed it';
  if (code !== 0 || !has('GOODSIG')) return 'it has no signature that gpgv can check';
  // The last word of VALIDSIG is the primary key's fingerprint, the first that of the key or subkey that signed.
  const prints = lines.filter(([first]) => first === 'VALIDSIG').map((words) => [words[1], words.at(-1)]);
  if (prints.length === 0) return 'it has no signature that gpgv can check';
  if (signer !== null && !prints.every((of) => of.includes(signer)))
    return `not ${signer} signed it, but ${prints[0]?.[1]}`;
  return null;
}

/** One keyring, as gpgv reads it: packets one after the other, without armour (RFC 9580, 6.2). */
async function readKeys(keys: readonly string[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const key of keys) {
    const bytes = isAbsolute(key) ? await readFile(key) : Buffer.from(key);
    const text = bytes.toString('latin1');
    const blocks = [...text.matchAll(ARMOUR)].map(([, body = '']) => Buffer.from(body, 'base64'));
    parts.push(...(text.includes('-----BEGIN PGP') ? blocks : [bytes]));
  }
  const ring = Buffer.concat(parts);
  if (ring.length > OPENPGP_KEYS_MAX_BYTES)
    throw new NotSigned(`the keys have more than ${OPENPGP_KEYS_MAX_BYTES} bytes`);
  if (ring.length === 0) throw new NotSigned('the given keys hold no OpenPGP public key');
  return ring;
}

/** Headers, an empty line, base64, and a checksum that begins with "=". */
const ARMOUR =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[A-Za-z]+: [^\n]*\n)*\s*\n([A-Za-z0-9+/=\s]*?)(?:\r?\n=[A-Za-z0-9+/]{4})?\s*-----END PGP/g;

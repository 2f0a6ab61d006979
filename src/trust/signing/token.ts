import { createPublicKey, hash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type Text } from '../../system/index.ts';
import { trustFault } from '../errors.ts';
import { readPublicKey } from '../key.ts';
import type { KeySigner } from './signer.ts';

const TIMEOUT_MS = 60_000;
const PIN_VARIABLE = 'DARSENA_TOKEN_PIN';

/** What of RFC 7512 names a key: token, object, and how to reach it. */
export interface TokenKey {
  readonly module: string;
  readonly token: string;
  readonly object: string;
  /** A file with the PIN; null asks a person. */
  readonly pinFile: string | null;
}

/**
 * Reads `pkcs11:token=…;object=…?module-path=/…/libsofthsm2.so&pin-source=file:/…`. A PIN in the address itself is
 * refused: addresses stand in arguments and histories.
 * @throws Fault trust.key-reference
 */
export function readTokenKey(reference: string): TokenKey {
  const wrong = (en: string, es: string): Error => trustFault('trust.key-reference', { reference, reason: { en, es } });
  const [path = '', query = ''] = reference.slice('pkcs11:'.length).split('?');
  const values = new Map<string, string>();
  for (const pair of [...path.split(';'), ...query.split('&')].filter((one) => one !== '')) {
    const split = pair.indexOf('=');
    const name = pair.slice(0, split);
    if (split < 1 || values.has(name))
      throw wrong(`${pair} is not name=value, or is there twice`, `${pair} no es nombre=valor, o está dos veces`);
    values.set(
      name,
      decoded(pair.slice(split + 1), () => wrong(`${pair} has a wrong %-escape`, `${pair} tiene un % mal puesto`)),
    );
  }
  if (values.has('pin-value'))
    throw wrong(
      'a PIN is not written there: use pin-source=file:/…',
      'ahí no se escribe un PIN: usar pin-source=file:/…',
    );
  const [module, token, object] = [values.get('module-path'), values.get('token'), values.get('object')];
  if (module === undefined || token === undefined || object === undefined)
    throw wrong('expected token, object and module-path', 'se esperaban token, object y module-path');
  const source = values.get('pin-source') ?? null;
  if (source !== null && !/^(file:)?\//.test(source))
    throw wrong('expected pin-source=file:/…', 'se esperaba pin-source=file:/…');
  return { module, token, object, pinFile: source === null ? null : source.replace(/^file:/, '') };
}

/**
 * A key in a PKCS #11 token, driven by OpenSC's pkcs11-tool in a process of its own: the vendor's module is native code
 * that shares no memory with us, and the PIN goes by the environment of that process alone.
 * @throws Fault trust.token-failed, system.command-missing
 */
export async function tokenSigner({ module, token, object }: TokenKey, pin: string): Promise<KeySigner> {
  const common = ['--module', module, '--token-label', token, '--label', object];
  const run = async (args: readonly string[], input: Uint8Array): Promise<Uint8Array> => {
    const folder = await mkdtemp(join(tmpdir(), 'darsena-token-'));
    try {
      const [from, to] = [join(folder, 'in'), join(folder, 'out')];
      await writeFile(from, input, { mode: 0o600 });
      const files = ['--output-file', to, ...(input.length > 0 ? ['--input-file', from] : [])];
      const { PATH = '', HOME = '', SOFTHSM2_CONF } = process.env;
      const { code, stderr } = await runCommand('pkcs11-tool', [...common, ...args, ...files], {
        timeoutMs: TIMEOUT_MS,
        env: { PATH, HOME, ...(SOFTHSM2_CONF === undefined ? {} : { SOFTHSM2_CONF }), [PIN_VARIABLE]: pin },
      });
      if (code !== 0) throw trustFault('trust.token-failed', { token, reason: tokenReason(stderr) });
      return await readFile(to);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const info = await run(['--read-object', '--type', 'pubkey'], new Uint8Array());
  const publicKey = createPublicKey({ key: Buffer.from(info), format: 'der', type: 'spki' });
  const publicPem = publicKey.export({ format: 'pem', type: 'spki' }) as string;
  const { id, algorithm } = readPublicKey(publicPem, object);
  const login = ['--login', '--pin', `env:${PIN_VARIABLE}`, '--sign'];
  return {
    kind: 'key',
    keyId: id,
    publicPem,
    async sign(data) {
      if (algorithm === 'ed25519') return run([...login, '--mechanism', 'EDDSA'], data);
      // Not every token hashes; every one signs a hash.
      const digest = hash(algorithm === 'ecdsa-p384' ? 'sha384' : 'sha256', data, 'buffer');
      return run([...login, '--mechanism', 'ECDSA', '--signature-format', 'openssl'], digest);
    },
  };
}

/**
 * A key that a program of one's own reaches, such as the client of a key service: `PROGRAM public-key` prints its public
 * key in PEM, `PROGRAM sign` reads what is to be signed and prints the signature in base64.
 * @throws Fault trust.token-failed
 */
export async function programSigner(program: string): Promise<KeySigner> {
  const run = async (what: 'public-key' | 'sign', input: Uint8Array): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(program, [what], { timeoutMs: TIMEOUT_MS, input });
    if (code !== 0) throw trustFault('trust.token-failed', { token: program, reason: lastLine(stderr) });
    return stdout;
  };
  const publicPem = await run('public-key', new Uint8Array());
  const key = readPublicKey(publicPem, program);
  return {
    kind: 'key',
    keyId: key.id,
    publicPem: key.pem,
    async sign(data) {
      const signature = Buffer.from((await run('sign', data)).trim(), 'base64');
      // A program that answers something else is found here and not by whoever verifies next year.
      if (!key.verify(data, signature))
        throw trustFault('trust.token-failed', {
          token: program,
          reason: { en: 'its signature does not match its key', es: 'su firma no corresponde a su clave' },
        });
      return signature;
    },
  };
}

function decoded(text: string, wrong: () => Error): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong();
  }
}

/** PKCS #11 section 5.1: what a person can do something about. */
const TOKEN_REASONS: readonly (readonly [RegExp, Text])[] = [
  [/CKR_PIN_INCORRECT/, { en: 'the PIN is wrong', es: 'el PIN no es correcto' }],
  [
    /CKR_PIN_LOCKED/,
    { en: 'the PIN is locked after too many tries', es: 'el PIN está bloqueado por demasiados intentos' },
  ],
  [/CKR_PIN_LEN_RANGE/, { en: 'the PIN has a wrong length', es: 'el PIN no tiene la longitud debida' }],
  [
    /Failed to load pkcs11 module|dlopen failed/,
    { en: 'the module cannot be loaded', es: 'no se puede cargar el módulo' },
  ],
  [/No slot with token named|No slot with a token/, { en: 'there is no such token', es: 'no hay tal dispositivo' }],
  [/not found|object .*missing/i, { en: 'it has no such key', es: 'no tiene tal clave' }],
];

/** The known reason in words; else what pkcs11-tool said, without its last word that it stops. */
export function tokenReason(stderr: string): Text {
  const known = TOKEN_REASONS.find(([pattern]) => pattern.test(stderr))?.[1];
  if (known !== undefined) return known;
  const said = lastLine(stderr.replace(/\s*Aborting\.\s*$/, ''));
  return { en: said, es: said };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
}

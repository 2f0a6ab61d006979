import { createPublicKey } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describeFormatError, FormatError, parseStrictJson } from '../formats/index.ts';
import { type Digest, projectOf } from '../oci/index.ts';
import {
  type CliProgram,
  canonicalJson,
  Fault,
  fileReason,
  type Json,
  type Text,
  writeFileAtomic,
} from '../system/index.ts';
import { writeSimpleSigning } from './cosign.ts';
import { preAuthenticationEncoding, serializeEnvelope } from './dsse.ts';
import { trustFault } from './errors.ts';
import { TRUST_DOCUMENT_TYPE } from './host-policy.ts';
import { resolveImage } from './image-argument.ts';
import { BILL_BYTES_MAX, BILL_MEDIA_TYPE, billBytes, outlineOf, STATED_BILL_BYTES_MAX } from './large-bill.ts';
import { BUNDLE_BYTES_MAX, DOCUMENT_DEPTH_MAX } from './limits.ts';
import { readDocument } from './policy-file.ts';
import { encryptKey, generateKeyFile, isEncrypted, localSigner, openKeyFile } from './signing/key-file.ts';
import { keylessSigner, type SigningServices } from './signing/keyless-signer.ts';
import { type KeySigner, makeBundle, type Signer } from './signing/signer.ts';
import { programSigner, readTokenKey, tokenSigner } from './signing/token.ts';
import { countOf, fieldsOf, optional, required, textOf } from './sigstore/fields.ts';
import type { SignatureUse } from './statement.ts';

interface KeyOptions {
  readonly key: string;
  readonly passphraseFile?: string;
}

/** A key, or an identity and the services that vouch for it. */
interface SignerOptions {
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly keyless?: string;
  readonly identityTokenFile?: string;
}

/** `darsena key …`, `darsena sign`, `darsena attest`: private keys never leave the machine of whoever signs. */
export function signCommands(cli: CliProgram): void {
  addKeyCommands(cli);
  addSign(cli);
  addAttest(cli);
}

function addKeyCommands(cli: CliProgram): void {
  const noun = cli.program
    .command('key')
    .description(cli.t({ en: 'signing keys in files', es: 'claves de firma en archivos' }));
  noun
    .command('generate')
    .argument('<name>', cli.t({ en: 'writes NAME.key and NAME.pub', es: 'escribe NOMBRE.key y NOMBRE.pub' }))
    .option('--ed25519', cli.t({ en: 'Ed25519 in place of ECDSA P-256', es: 'Ed25519 en lugar de ECDSA P-256' }))
    .option('--passphrase-file <file>', PASSPHRASE_OPTION(cli))
    .description(
      cli.t({ en: 'make a key, encrypted with a passphrase', es: 'crear una clave, cifrada con una frase de paso' }),
    )
    .action(async (name: string, options: { ed25519?: boolean; passphraseFile?: string }) => {
      for (const file of [`${name}.key`, `${name}.pub`]) await requireFree(file);
      const passphrase = await newPassphrase(cli, options.passphraseFile);
      const made = generateKeyFile(options.ed25519 === true ? 'ed25519' : 'ecdsa-p256', passphrase);
      await writeFileAtomic(`${name}.key`, made.privatePem, { mode: 0o600 });
      await writeFileAtomic(`${name}.pub`, made.publicPem, { mode: 0o644 });
      if (cli.output.json) cli.print.json({ privateKey: `${name}.key`, publicKey: `${name}.pub` });
      cli.print.line({
        en: `${name}.key (keep it secret) and ${name}.pub; let it be believed: darsena trust add ${name} ${name}.pub`,
        es: `${name}.key (mantener en secreto) y ${name}.pub; para que se confíe en ella: darsena trust add ${name} ${name}.pub`,
      });
    });
  noun
    .command('public')
    .requiredOption('--key <key>', KEY_OPTION(cli))
    .option('--passphrase-file <file>', PASSPHRASE_OPTION(cli))
    .description(cli.t({ en: 'print the public key', es: 'mostrar la clave pública' }))
    .action(async (options: KeyOptions) => {
      const { publicPem, keyId } = await openSigner(cli, options);
      if (cli.output.json) cli.print.json({ id: keyId, publicKeyPem: publicPem });
      else cli.print.result(publicPem.trimEnd());
    });
  noun
    .command('import')
    .argument(
      '<file>',
      cli.t({ en: 'private key in PEM: PKCS #8, or cosign’s', es: 'clave privada en PEM: PKCS #8 o la de cosign' }),
    )
    .argument('<name>')
    .option('--passphrase-file <file>', PASSPHRASE_OPTION(cli))
    .option('--new-passphrase-file <file>', cli.t({ en: 'of the new file', es: 'del archivo nuevo' }))
    .description(
      cli.t({ en: 'take over a private key, encrypted anew', es: 'adoptar una clave privada, cifrada de nuevo' }),
    )
    .action(async (file: string, name: string, options: { passphraseFile?: string; newPassphraseFile?: string }) => {
      for (const path of [`${name}.key`, `${name}.pub`]) await requireFree(path);
      const key = await openFile(cli, file, options.passphraseFile);
      const publicPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string;
      localSigner(key);
      const passphrase = await newPassphrase(cli, options.newPassphraseFile);
      await writeFileAtomic(`${name}.key`, encryptKey(key, passphrase), { mode: 0o600 });
      await writeFileAtomic(`${name}.pub`, publicPem, { mode: 0o644 });
      cli.print.line({ en: `${name}.key and ${name}.pub`, es: `${name}.key y ${name}.pub` });
    });
}

function addSign(cli: CliProgram): void {
  cli.program
    .command('sign')
    .argument('<image>', cli.t({ en: 'PROJECT/IMAGE:TAG or @DIGEST', es: 'PROYECTO/IMAGEN:ETIQUETA o @DIGEST' }))
    .option('--key <key>', KEY_OPTION(cli))
    .option('--passphrase-file <file>', PASSPHRASE_OPTION(cli))
    .option('--keyless <file>', KEYLESS_OPTION(cli))
    .option(
      '--identity-token-file <file>',
      cli.t({ en: 'OIDC token, with --keyless', es: 'testigo OIDC, con --keyless' }),
    )
    .option(
      '--layout <layout>',
      cli.t({ en: 'bundle, or cosign for its version 2', es: 'bundle, o cosign para su versión 2' }),
      'bundle',
    )
    .option(
      '--output <file>',
      cli.t({
        en: 'write the signature to a file and send nothing',
        es: 'escribir la firma en un archivo y no enviar nada',
      }),
    )
    .description(
      cli.t({
        en: 'sign an image: I stand for this digest under this name',
        es: 'firmar una imagen: respondo de este digest con este nombre',
      }),
    )
    .action(async (image: string, options: SignerOptions & { layout: string; output?: string }) => {
      const subject = await resolveImage(cli, image);
      const signer = await openAnySigner(cli, options);
      if (options.layout === 'cosign') {
        if (signer.kind !== 'key') {
          throw trustFault('trust.option', {
            ...{ option: '--layout cosign', command: 'sign' },
            reason: { en: 'the older layout is signed with a key', es: 'la forma antigua se firma con una clave' },
          });
        }
        const payload = writeSimpleSigning(subject);
        const signature = Buffer.from(await signer.sign(payload)).toString('base64');
        await send(
          cli,
          subject,
          { cosign: { payload: Buffer.from(payload).toString('base64'), signature } },
          options.output,
        );
        return;
      }
      if (options.layout !== 'bundle')
        throw trustFault('trust.option', {
          ...{ option: '--layout', command: 'sign' },
          reason: { en: 'expected bundle or cosign', es: 'se esperaba bundle o cosign' },
        });
      const bundle = await makeBundle(signer, 'image', subject, {});
      await send(cli, subject, { bundle: Buffer.from(bundle).toString('base64') }, options.output);
    });
}

const ATTESTABLE: Readonly<Record<string, SignatureUse>> = {
  provenance: 'provenance',
  sbom: 'sbom',
  scan: 'scan',
  approval: 'approval',
};

function addAttest(cli: CliProgram): void {
  cli.program
    .command('attest')
    .argument('<image>', cli.t({ en: 'PROJECT/IMAGE:TAG or @DIGEST', es: 'PROYECTO/IMAGEN:ETIQUETA o @DIGEST' }))
    .requiredOption('--type <type>', Object.keys(ATTESTABLE).join(', '))
    .option('--predicate <file>', cli.t({ en: 'what is stated, as JSON', es: 'lo que se afirma, en JSON' }))
    .option('--key <key>', KEY_OPTION(cli))
    .option('--passphrase-file <file>', PASSPHRASE_OPTION(cli))
    .option('--keyless <file>', KEYLESS_OPTION(cli))
    .option(
      '--identity-token-file <file>',
      cli.t({ en: 'OIDC token, with --keyless', es: 'testigo OIDC, con --keyless' }),
    )
    .option('--comment <text>', cli.t({ en: 'for an approval', es: 'para una aprobación' }))
    .option(
      '--environment <name>',
      cli.t({
        en: 'for an approval: where the image may start; everywhere without it',
        es: 'para una aprobación: dónde puede arrancar la imagen; sin ella, en todos',
      }),
    )
    .option(
      '--output <file>',
      cli.t({
        en: 'write the attestation to a file and send nothing',
        es: 'escribir la atestación en un archivo y no enviar nada',
      }),
    )
    .description(
      cli.t({
        en: 'state something about an image and sign it: SLSA provenance, CycloneDX SBOM, scan result, approval',
        es: 'afirmar algo de una imagen y firmarlo: procedencia SLSA, SBOM CycloneDX, resultado de análisis, aprobación',
      }),
    )
    .action(
      async (
        image: string,
        options: SignerOptions & {
          type: string;
          predicate?: string;
          comment?: string;
          environment?: string;
          output?: string;
        },
      ) => {
        const use = Object.hasOwn(ATTESTABLE, options.type) ? ATTESTABLE[options.type] : undefined;
        if (use === undefined) {
          const known = Object.keys(ATTESTABLE).join(', ');
          throw trustFault('trust.option', {
            ...{ option: `--type ${options.type.slice(0, 60)}`, command: 'attest' },
            reason: { en: `expected one of ${known}`, es: `se esperaba uno de ${known}` },
          });
        }
        const subject = await resolveImage(cli, image);
        const stated = await predicateOf(cli, use, subject, options);
        const predicate = use === 'sbom' ? await fitBill(cli, stated, subject) : stated;
        const signer = await openAnySigner(cli, options);
        const bundle = await makeBundle(signer, use, subject, predicate);
        await send(cli, subject, { bundle: Buffer.from(bundle).toString('base64') }, options.output);
      },
    );
}

/** What is stated: a file, or what the platform knows; an approval is the signer's own word. */
async function predicateOf(
  cli: CliProgram,
  use: SignatureUse,
  { repository, digest }: { repository: string; digest: Digest },
  options: { readonly predicate?: string; readonly comment?: string; readonly environment?: string },
): Promise<Json> {
  if (options.predicate !== undefined) {
    const file = options.predicate;
    const bytes = await readBytes(file);
    const maxBytes = use === 'sbom' ? BILL_BYTES_MAX : BUNDLE_BYTES_MAX;
    try {
      return parseStrictJson(bytes, { maxBytes, maxDepth: DOCUMENT_DEPTH_MAX });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw trustFault('trust.file-unreadable', { file, reason: describeFormatError(error) }, { cause: error });
    }
  }
  const path = `/projects/${encodeURIComponent(projectOf(repository))}/images/${encodeURIComponent(digest)}`;
  switch (use) {
    case 'sbom':
      return cli.api.get<Json>(`${path}/sbom`);
    case 'scan':
      return cli.api.get<Json>(`${path}/scan`);
    case 'approval':
      return {
        decision: 'approved',
        what: 'image',
        environment: options.environment ?? null,
        approvedAt: new Date().toISOString(),
        comment: options.comment ?? '',
      };
    default:
      throw trustFault('trust.option', {
        ...{ option: `--type ${use}`, command: 'attest' },
        reason: { en: 'give what is stated: --predicate FILE', es: 'indicar lo que se afirma: --predicate ARCHIVO' },
      });
  }
}

/**
 * A bill that is too large for a statement is laid beside the image, and a small one that names it is stated, as the
 * platform does with its own.
 */
async function fitBill(cli: CliProgram, bill: Json, subject: { repository: string; digest: Digest }): Promise<Json> {
  const bytes = billBytes(bill);
  if (bytes.length <= STATED_BILL_BYTES_MAX) return bill;
  const { repository, digest } = subject;
  const query = new URLSearchParams({ repository });
  const path = `/projects/${encodeURIComponent(projectOf(repository))}/images/${encodeURIComponent(digest)}/documents?${query}`;
  const pieces = async function* () {
    yield bytes;
  };
  const stored = await cli.api.upload<{ digest: Digest }>(path, pieces(), { contentType: BILL_MEDIA_TYPE });
  return outlineOf(bill, repository, stored.digest, bytes);
}

/** `darsena trust policy sign`: an administrator's word for a policy, for hosts that want it. */
export function addPolicySign(policy: Command, cli: CliProgram): void {
  policy
    .command('sign')
    .argument('<file>')
    .requiredOption('--key <key>', KEY_OPTION(cli))
    .option('--passphrase-file <file>', PASSPHRASE_OPTION(cli))
    .requiredOption(
      '--output <file>',
      cli.t({
        en: 'the signature, for: trust policy set --signatures',
        es: 'la firma, para: trust policy set --signatures',
      }),
    )
    .description(
      cli.t({ en: 'sign a policy as one of its administrators', es: 'firmar una política como quien la administra' }),
    )
    .action(async (file: string, options: KeyOptions & { output: string }) => {
      const document = await readDocument(file);
      const signer = await openSigner(cli, options);
      const payload = Buffer.from(canonicalJson(document as unknown as Json));
      const sig = await signer.sign(preAuthenticationEncoding(TRUST_DOCUMENT_TYPE, payload));
      const record = serializeEnvelope({
        payloadType: TRUST_DOCUMENT_TYPE,
        payload,
        signatures: [{ keyid: signer.keyId, sig }],
      });
      await writeFileAtomic(options.output, JSON.stringify(record), { mode: 0o644 });
      cli.print.line({ en: `${options.output} written`, es: `${options.output} escrito` });
    });
}

async function send(
  cli: CliProgram,
  { repository, digest }: { repository: string; digest: Digest },
  signature: { readonly bundle?: string; readonly cosign?: { readonly payload: string; readonly signature: string } },
  output: string | undefined,
): Promise<void> {
  if (output !== undefined) {
    const { bundle, cosign } = signature;
    await writeFileAtomic(output, bundle === undefined ? JSON.stringify(cosign) : Buffer.from(bundle, 'base64'), {
      mode: 0o644,
    });
    cli.print.line({ en: `${output} written`, es: `${output} escrito` });
    return;
  }
  const path = `/projects/${encodeURIComponent(projectOf(repository))}/images/${encodeURIComponent(digest)}/signatures`;
  const stored = await cli.api.post<{ referrer: string }>(path, { repository, ...signature });
  if (cli.output.json) cli.print.json(stored);
  const short = `${repository}@${digest.slice(0, 19)}`;
  cli.print.line({
    en: `${short} is signed (${stored.referrer.slice(0, 19)})`,
    es: `${short} está firmada (${stored.referrer.slice(0, 19)})`,
  });
}

/**
 * A file, `pkcs11:…` or `command:/path/of/program`.
 * @throws Fault trust.key-file, trust.passphrase-wrong, trust.key-reference, trust.token-failed
 */
export async function openSigner(cli: CliProgram, { key, passphraseFile }: KeyOptions): Promise<KeySigner> {
  if (key.startsWith('pkcs11:')) {
    const reference = readTokenKey(key);
    const file = passphraseFile ?? reference.pinFile;
    const pin =
      file === null ? await ask(cli, { en: 'PIN of the token', es: 'PIN del dispositivo' }) : await readSecret(file);
    return tokenSigner(reference, pin);
  }
  if (key.startsWith('command:')) return programSigner(key.slice('command:'.length));
  return localSigner(await openFile(cli, key, passphraseFile));
}

/** @throws Fault as openSigner, and trust.key-reference unless exactly one of key and keyless is given */
async function openAnySigner(cli: CliProgram, options: SignerOptions): Promise<Signer> {
  const { key, keyless, identityTokenFile, passphraseFile } = options;
  if (keyless === undefined && key !== undefined) {
    return openSigner(cli, { key, ...(passphraseFile === undefined ? {} : { passphraseFile }) });
  }
  if (keyless === undefined || key !== undefined || identityTokenFile === undefined) {
    throw trustFault('trust.option', {
      ...{ option: key === undefined ? '--key' : '--keyless', command: 'sign' },
      reason: {
        en: 'give either --key, or --keyless with --identity-token-file',
        es: 'indicar o bien --key, o bien --keyless con --identity-token-file',
      },
    });
  }
  return keylessSigner(await readServices(keyless), await readSecret(identityTokenFile));
}

async function readServices(file: string): Promise<SigningServices> {
  const bytes = await readBytes(file);
  try {
    const services = fieldsOf(parseStrictJson(bytes), file);
    return {
      fulcio: required(services, 'fulcio', textOf),
      rekor: required(services, 'rekor', textOf),
      rekorVersion: (optional(services, 'rekorVersion', countOf) ?? 1) === 2 ? 2 : 1,
      timestamp: optional(services, 'timestamp', textOf),
    };
  } catch (error) {
    if (error instanceof FormatError) {
      throw trustFault('trust.sigstore-file', { file, reason: describeFormatError(error) }, { cause: error });
    }
    if (!(error instanceof Fault)) throw error;
    const reason = { en: error.text('en').why ?? '', es: error.text('es').why ?? '' };
    throw trustFault('trust.sigstore-file', { file, reason }, { cause: error });
  }
}

async function openFile(cli: CliProgram, file: string, passphraseFile: string | undefined) {
  const pem = (await readBytes(file)).toString('utf8');
  if (!isEncrypted(pem)) return openKeyFile(pem, '');
  const passphrase =
    passphraseFile === undefined
      ? await ask(cli, { en: `Passphrase of ${file}`, es: `Frase de paso de ${file}` })
      : await readSecret(passphraseFile);
  return openKeyFile(pem, passphrase);
}

async function newPassphrase(cli: CliProgram, file: string | undefined): Promise<string> {
  if (file !== undefined) return readSecret(file);
  const first = await ask(cli, { en: 'Passphrase', es: 'Frase de paso' });
  const again = await ask(cli, { en: 'Passphrase again', es: 'Repetir la frase de paso' });
  if (first !== again) throw trustFault('trust.passphrase-differs', {});
  return first;
}

function ask(cli: CliProgram, question: Text): Promise<string> {
  return cli.ask.text(question, { secret: true, remedy: '--passphrase-file FILE' });
}

/** One line of a file; the end of the line is not part of it. */
async function readSecret(file: string): Promise<string> {
  return (await readBytes(file)).toString('utf8').replace(/\r?\n$/, '');
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw trustFault('trust.file-unreadable', { file, reason: fileReason(error) }, { cause: error });
  }
}

/** A key that is there is never written over: what it signed could not be continued. */
async function requireFree(file: string): Promise<void> {
  try {
    await access(file);
  } catch {
    return; // nothing there, as wished
  }
  throw trustFault('trust.file-there', { file });
}

const KEY_OPTION = (cli: CliProgram): string =>
  cli.t({
    en: 'file, pkcs11:token=…;object=…?module-path=…, or command:/path/of/program',
    es: 'archivo, pkcs11:token=…;object=…?module-path=…, o command:/ruta/de/programa',
  });

const KEYLESS_OPTION = (cli: CliProgram): string =>
  cli.t({
    en: 'JSON that names fulcio, rekor and timestamp: a key for this signature only',
    es: 'JSON con fulcio, rekor y timestamp: una clave solo para esta firma',
  });

const PASSPHRASE_OPTION = (cli: CliProgram): string =>
  cli.t({ en: 'passphrase or PIN from a file', es: 'frase de paso o PIN desde un archivo' });

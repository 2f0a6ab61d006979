import { readFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { createRequest, describeCertificate, needsRenewal } from '../../network/index.ts';
import { answerOf, type Clock, defineFaults, type Log, writeFileAtomic } from '../../system/index.ts';

export const joinFault = defineFaults({
  'agent.join-token-missing': {
    kind: 'needs',
    en: { what: 'this host cannot join', why: 'there is no join token at {path}', remedy: 'darsena up' },
    es: { what: 'este host no puede unirse', why: 'no hay un token de unión en {path}', remedy: 'darsena up' },
  },
  'agent.join-refused': {
    kind: 'forbidden',
    en: { what: 'control did not let this host join', why: 'it answered {status}', remedy: 'darsena up' },
    es: { what: 'control no dejó que este host se uniera', why: 'respondió {status}', remedy: 'darsena up' },
  },
});

const IDENTITY_FILE = 'identity.json';
const ANSWER_MS = 10_000;

/** Who this host is to control, and whose word it takes; pinned when it joined. */
export interface HostIdentity {
  readonly host: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** The authority that control's own certificate must come from. */
  readonly ca: string;
  /** The public key that signs verdicts and wanted states. */
  readonly verdictKeyPem: string;
  /** Those before it, the last one first. */
  readonly formerVerdictKeyPems?: readonly string[];
}

export interface JoinOptions {
  readonly folder: string;
  readonly host: string;
  readonly caPath: string;
  readonly tokenPath: string;
  readonly port: number;
  readonly address: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Reads the identity of this host, or joins. A certificate that is good still is put up with where it cannot be renewed now: a host
 * goes on without control.
 * @throws Fault agent.join-token-missing, agent.join-refused
 */
export async function hostIdentity(options: JoinOptions): Promise<HostIdentity> {
  const known = await readIdentity(join(options.folder, IDENTITY_FILE));
  if (known !== null && !needsRenewal(known.certificatePem, known.ca, options.clock)) return known;
  try {
    return await joinControl(options, known);
  } catch (error) {
    if (known === null || !isGood(known, options.clock)) throw error;
    options.log.warn({ err: error }, 'the certificate of this host could not be renewed');
    return known;
  }
}

/**
 * Sends a certificate request with the one-time token to control and pins what it answers. The private key never leaves this host.
 * Control has laid out another token by then, with which the certificate is renewed.
 */
async function joinControl(options: JoinOptions, known: HostIdentity | null): Promise<HostIdentity> {
  const ca = await readFile(options.caPath, 'utf8');
  let token: string;
  try {
    token = (await readFile(options.tokenPath, 'utf8')).trim();
  } catch (error) {
    if (known !== null) return known;
    throw joinFault('agent.join-token-missing', { path: options.tokenPath }, { cause: error });
  }
  const { requestPem, privateKeyPem } = createRequest({ subject: `host:${options.host}` });
  const request = httpsRequest({
    host: options.address,
    port: options.port,
    path: '/agent/v1/join',
    method: 'POST',
    ca,
    servername: 'localhost',
    agent: false,
    timeout: ANSWER_MS,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  });
  request.once('timeout', () => request.destroy(new Error(`control did not answer within ${ANSWER_MS} ms`)));
  request.end(JSON.stringify({ host: options.host, request: requestPem }));
  const response = await answerOf(request);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (response.statusCode !== 200) throw joinFault('agent.join-refused', { status: response.statusCode ?? 0 });
  const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { certificate: string; verdictKey: string };
  const identity: HostIdentity = {
    host: options.host,
    certificatePem: answer.certificate,
    privateKeyPem,
    ca,
    verdictKeyPem: answer.verdictKey,
    formerVerdictKeyPems: formerKeys(known, answer.verdictKey),
  };
  await keepIdentity(options.folder, identity);
  return identity;
}

function isGood({ certificatePem }: HostIdentity, clock: Clock): boolean {
  const { notBefore, notAfter } = describeCertificate(certificatePem);
  const nowMs = clock.now().getTime();
  return Date.parse(notBefore) <= nowMs && nowMs < Date.parse(notAfter);
}

/** What a host that joins again believed of control until now. */
function formerKeys(known: HostIdentity | null, standing: string): readonly string[] {
  if (known === null) return [];
  return [known.verdictKeyPem, ...(known.formerVerdictKeyPems ?? [])].filter((pem) => pem !== standing);
}

export async function keepIdentity(folder: string, identity: HostIdentity): Promise<void> {
  await writeFileAtomic(join(folder, IDENTITY_FILE), JSON.stringify(identity), { mode: 0o600 });
}

async function readIdentity(path: string): Promise<HostIdentity | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as HostIdentity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

import { createPublicKey, hash } from 'node:crypto';
import { preAuthenticationEncoding } from '../dsse.ts';
import type { PublicKey } from '../key.ts';
import { CLOCK_SKEW_MS } from '../limits.ts';
import type { ReadBundle } from './bundle.ts';
import { type CertificateIdentity, readCertificate } from './certificate.ts';
import { Doubt, timeText } from './doubt.ts';
import { checkProvenAt, proveCertificate } from './keyless.ts';
import { checkLogEntry, type LoggedContent } from './log-entry.ts';
import { type CheckedKey, usualHash } from './signatures.ts';
import { checkTimestamp } from './timestamp.ts';
import { covers, type TrustedRoot } from './trusted-root.ts';

/** When something was signed, by the word of somebody the trusted root trusts to tell the time. */
export interface TrustedTime {
  readonly source: 'log' | 'timestamp';
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What holds about a bundle. */
export interface BundleProof {
  /** The public key's id, or whom the certificate names. */
  readonly identity:
    | ({ readonly kind: 'certificate' } & CertificateIdentity)
    | { readonly kind: 'key'; readonly keyId: string };
  readonly times: readonly TrustedTime[];
  /** How many transparency logs hold it. */
  readonly logs: number;
}

/** What a bundle must bring beside its signature. */
export interface ProofDemand {
  /** Milliseconds since 1970: nothing is signed in the future. */
  readonly now: number;
  /** Transparency logs that must hold it. Default: one with a certificate, none with a managed key. */
  readonly logs?: number;
  /** Trusted times of signing. Default as for `logs`. */
  readonly times?: number;
}

/**
 * Checks the signature of a bundle by a managed key. With a trusted root, the log entries and time stamps that the
 * bundle carries must hold too; without one they say nothing and are not looked at.
 * @param artifact the signed bytes where the bundle carries only their digest, else null
 * @throws Doubt
 */
export function verifyByKey(
  bundle: ReadBundle,
  artifact: Uint8Array | null,
  key: PublicKey,
  root: TrustedRoot | null,
  demand: ProofDemand,
): BundleProof {
  if (bundle.signedBy !== 'key') throw new Doubt('needs-key');
  const signed = signedBytes(bundle, artifact);
  if (!key.verify(signed, bundle.signature)) throw new Doubt('signature-mismatch', `key ${key.id.slice(0, 12)}`);
  const { logs = 0, times = 0 } = demand;
  const seen =
    root === null
      ? { times: [], logs: 0 }
      : checkWitnesses(bundle, signed, createPublicKey(key.pem).export({ format: 'der', type: 'spki' }), root);
  checkDemand(seen, { now: demand.now, logs, times });
  return { identity: { kind: 'key', keyId: key.id }, ...seen };
}

/**
 * Checks a keyless bundle: certificate chain at every trusted time of signing, the certificate log's proof, the entry in
 * the transparency log, the signature.
 * @param artifact as in verifyByKey
 * @throws Doubt
 */
export function verifyByCertificate(
  bundle: ReadBundle,
  artifact: Uint8Array | null,
  root: TrustedRoot,
  demand: ProofDemand,
): BundleProof {
  if (bundle.certificate === null) throw new Doubt('needs-certificate');
  const signed = signedBytes(bundle, artifact);
  // The signature first: it is the cheapest question that a stranger's bundle fails.
  const key = keyOf(bundle.certificate, root);
  if (!root.memo.holds(key, usualHash(key), signed, bundle.signature))
    throw new Doubt('signature-mismatch', 'its certificate');
  const seen = checkWitnesses(bundle, signed, bundle.certificate, root);
  checkDemand(seen, { now: demand.now, logs: demand.logs ?? 1, times: Math.max(1, demand.times ?? 1) });
  const proven = proveCertificate(bundle.certificate, root);
  for (const { at } of seen.times) checkProvenAt(proven, at);
  return { identity: { kind: 'certificate', ...proven.identity }, ...seen };
}

function keyOf(certificate: Uint8Array, root: TrustedRoot): CheckedKey {
  return (root.proven.get(hash('sha256', certificate, 'base64'))?.certificate ?? readCertificate(certificate)).key;
}

/** Log entries and time stamps: all that are given must hold, so that nobody hides a bad one behind a good one. */
function checkWitnesses(
  bundle: ReadBundle,
  signed: Uint8Array,
  signer: Uint8Array,
  root: TrustedRoot,
): { times: TrustedTime[]; logs: number } {
  const times: TrustedTime[] = [];
  const names = new Set<string>();
  const content: LoggedContent = {
    kind: bundle.content.kind,
    signature: bundle.signature,
    signer,
    signed,
    payload: bundle.content.kind === 'dsse' ? bundle.content.payload : null,
  };
  for (const timestamp of bundle.timestamps) {
    const { at, name } = checkTimestamp(timestamp, bundle.signature, root);
    times.push({ source: 'timestamp', name, at });
    names.add(name);
  }
  const logged = bundle.logEntries.map((entry) => {
    const { log, at } = checkLogEntry(entry, content, root);
    if (at !== null) times.push({ source: 'log', name: log.name, at });
    names.add(`${entry.logId} ${entry.logIndex}`);
    return { log, at };
  });
  if (names.size < bundle.timestamps.length + logged.length) throw new Doubt('time-duplicate');
  // A log that tells no time of its own must have been trusted at the times that others tell.
  for (const { log, at } of logged) {
    const outside = at === null ? times.find((time) => !covers(log.valid, time.at)) : undefined;
    if (outside !== undefined) throw new Doubt('log-unknown', `${log.name} (${timeText(outside.at)})`);
  }
  return { times, logs: new Set(logged.map(({ log }) => log)).size };
}

function checkDemand(
  seen: { readonly times: readonly TrustedTime[]; readonly logs: number },
  wanted: Required<ProofDemand>,
): void {
  if (seen.logs < wanted.logs) throw new Doubt('log-missing');
  if (seen.times.length < wanted.times) throw new Doubt('time-missing');
  const future = seen.times.find(({ at }) => at > wanted.now + CLOCK_SKEW_MS);
  if (future !== undefined) throw new Doubt('time-future', timeText(future.at), timeText(wanted.now));
}

/** The bytes that the signature is over; a message must be the artifact that the bundle names by digest. */
function signedBytes({ content }: ReadBundle, artifact: Uint8Array | null): Uint8Array {
  switch (content.kind) {
    case 'dsse':
      return preAuthenticationEncoding(content.payloadType, content.payload);
    case 'message':
      if (artifact === null) throw new Doubt('no-artifact');
      if (Buffer.compare(hash(content.hash, artifact, 'buffer'), content.digest) !== 0) throw new Doubt('other-bytes');
      return artifact;
  }
}

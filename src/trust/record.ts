import { canonicalJson, Fault, type Json } from '../system/index.ts';
import { preAuthenticationEncoding, readEnvelope, type SerializedEnvelope, serializeEnvelope } from './dsse.ts';
import { trustFault } from './errors.ts';
import type { PublicKey, SigningKey } from './key.ts';
import { RECORD_BYTES_MAX } from './limits.ts';
import { reasonInWords } from './reason-words.ts';

/** A JSON value signed by the platform: a verdict or a wanted state on its way to an agent. Plain JSON itself. */
export type SignedRecord = SerializedEnvelope;

/**
 * Signs a value as DSSE over its canonical JSON.
 * @param payloadType names what the value is, such as `application/vnd.darsena.verdict.v1+json`; a record of one type
 *   never passes as another because the type is part of what is signed
 */
export function signRecord(key: SigningKey, payloadType: string, value: Json): SignedRecord {
  const payload = Buffer.from(canonicalJson(value), 'utf8');
  const sig = key.sign(preAuthenticationEncoding(payloadType, payload));
  return serializeEnvelope({ payloadType, payload, signatures: [{ keyid: key.id, sig }] });
}

/**
 * Checks a signed record and returns its value. One good signature by one of `publicKeys` is enough.
 * @param envelope parsed JSON, or its text
 * @throws Fault trust.record-refused: another type, no key of ours, a changed byte, or bytes that are no record
 */
export function verifyRecord(envelope: unknown, publicKeys: readonly PublicKey[], payloadType: string): Json {
  const refused = (reason: string, cause?: unknown) =>
    trustFault(
      'trust.record-refused',
      { type: payloadType, reason: reasonInWords(reason) },
      cause === undefined ? {} : { cause },
    );
  try {
    const parsed = readEnvelope(typeof envelope === 'string' ? parseRecordText(envelope) : envelope);
    if (parsed.payloadType !== payloadType) throw refused(`expected this type, got ${parsed.payloadType}`);
    if (parsed.payload.length > RECORD_BYTES_MAX) throw refused(`it is larger than ${RECORD_BYTES_MAX} bytes`);
    const signed = preAuthenticationEncoding(parsed.payloadType, parsed.payload);
    const accepted = parsed.signatures.some(({ keyid, sig }) =>
      // keyid is a hint that an attacker may write as he likes: it saves work, it decides nothing.
      publicKeys.some((key) => (keyid === '' || keyid === key.id) && key.verify(signed, sig)),
    );
    if (!accepted) throw refused(`no signature by one of the ${publicKeys.length} keys that are trusted for it`);
    return JSON.parse(Buffer.from(parsed.payload).toString('utf8')) as Json;
  } catch (error) {
    if (error instanceof Fault && error.code === 'trust.record-refused') throw error;
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function parseRecordText(text: string): unknown {
  // base64 and JSON around the payload add about a third
  if (text.length > RECORD_BYTES_MAX * 2) throw new RangeError(`it is larger than ${RECORD_BYTES_MAX} bytes`);
  return JSON.parse(text);
}

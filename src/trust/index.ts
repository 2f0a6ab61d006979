export type { Envelope, SerializedEnvelope } from './dsse.ts';
export { trustFault } from './errors.ts';
export {
  generateSigningKey,
  keyHint,
  openSigningKey,
  type PublicKey,
  readPublicKey,
  type SealedKey,
  type SigningKey,
} from './key.ts';
export { type SignedRecord, signRecord, verifyRecord } from './record.ts';

import type { SimpleSigning } from './cosign.ts';
import { readBase64 } from './dsse.ts';
import type { NotationSignature } from './notation.ts';

/** Everything beside one image that could be a signature, as it lies in the registry. */
export interface StoredSignatures {
  readonly bundles: readonly Uint8Array[];
  readonly simpleSignings: readonly SimpleSigning[];
  readonly notations: readonly NotationSignature[];
}

export const NO_SIGNATURES: StoredSignatures = { bundles: [], simpleSignings: [], notations: [] };

/** The same on its way to a host, as JSON. */
export interface PackedSignatures {
  /** base64 */
  readonly bundles: readonly string[];
  readonly cosign: readonly { payload: string; signature: string; annotations: Readonly<Record<string, string>> }[];
  readonly notations: readonly { mediaType: string; bytes: string }[];
}

export function packSignatures({ bundles, simpleSignings, notations }: StoredSignatures): PackedSignatures {
  const pack = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return {
    bundles: bundles.map(pack),
    cosign: simpleSignings.map(({ payload, signature, annotations = {} }) => ({
      payload: pack(payload),
      signature,
      annotations,
    })),
    notations: notations.map(({ mediaType, bytes }) => ({ mediaType, bytes: pack(bytes) })),
  };
}

/** @throws Fault trust.bundle-unreadable */
export function unpackSignatures({ bundles, cosign, notations }: PackedSignatures): StoredSignatures {
  // What was too large to read is empty: it is refused where it is judged, and does not keep the others from it.
  const unpack = (text: string): Uint8Array => (text === '' ? new Uint8Array() : readBase64(text, 'signature'));
  return {
    bundles: bundles.map(unpack),
    simpleSignings: cosign.map(({ payload, ...rest }) => ({ payload: unpack(payload), ...rest })),
    notations: notations.map(({ mediaType, bytes }) => ({ mediaType, bytes: unpack(bytes) })),
  };
}

import { sign } from 'node:crypto';
import { type Digest, digestOf } from '../oci/index.ts';
import type { Json } from '../system/index.ts';
import { preAuthenticationEncoding } from './dsse.ts';
import { BUNDLE_MEDIA_TYPE } from './sigstore/bundle.ts';
import { type LeafOptions, makePair, type Pair, type TestSigstore } from './sigstore/test-instance.ts';
import { PREDICATE_TYPE, STATEMENT_PAYLOAD_TYPE, writeStatement } from './statement.ts';

/** How a keyless bundle of a test differs from an honest one; times are milliseconds, of the log seconds. */
export interface BundleParts {
  readonly leaf?: LeafOptions;
  readonly pair?: Pair;
  /** Logged in place of what is signed. */
  readonly logged?: {
    readonly payload?: Uint8Array;
    readonly signature?: Uint8Array;
    readonly certificate?: Uint8Array;
  };
  readonly integratedTime?: number;
  readonly stampAt?: number;
  readonly withoutLog?: boolean;
  readonly change?: (bundle: Record<string, Json>) => void;
}

/** A keyless bundle about an image, honest but for what the test says. */
export function keylessBundle(
  sigstore: TestSigstore,
  { digest, repository }: { readonly digest: Digest; readonly repository: string },
  parts: BundleParts = {},
): Uint8Array {
  const pair = parts.pair ?? makePair();
  const certificate = sigstore.certify(pair, parts.leaf);
  const payload = writeStatement({ digest, repository }, PREDICATE_TYPE.image, {});
  const signature = sign('sha256', preAuthenticationEncoding(STATEMENT_PAYLOAD_TYPE, payload), pair.privateKey);
  const { logged = {} } = parts;
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(logged.certificate ?? certificate).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const spec = {
    payloadHash: { algorithm: 'sha256', value: digestOf(logged.payload ?? payload).slice(7) },
    signatures: [
      {
        signature: Buffer.from(logged.signature ?? signature).toString('base64'),
        verifier: Buffer.from(pem).toString('base64'),
      },
    ],
  };
  const entry = sigstore.record({ apiVersion: '0.0.1', kind: 'dsse', spec }, 'dsse', '0.0.1', parts.integratedTime);
  const bundle: Record<string, Json> = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: {
      certificate: { rawBytes: certificate.toString('base64') },
      tlogEntries: parts.withoutLog === true ? [] : [entry],
      ...(parts.stampAt === undefined
        ? {}
        : {
            timestampVerificationData: {
              rfc3161Timestamps: [{ signedTimestamp: sigstore.stamp(signature, parts.stampAt).toString('base64') }],
            },
          }),
    },
    dsseEnvelope: {
      payloadType: STATEMENT_PAYLOAD_TYPE,
      payload: Buffer.from(payload).toString('base64'),
      signatures: [{ keyid: '', sig: signature.toString('base64') }],
    },
  };
  parts.change?.(bundle);
  return Buffer.from(JSON.stringify(bundle));
}

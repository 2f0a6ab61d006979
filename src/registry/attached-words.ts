import type { Text } from '../system/index.ts';

/** What lies beside an image, by what it says of itself: a statement's predicate type, or the type of the artifact. */
const KINDS: readonly (readonly [pattern: RegExp, kind: Text])[] = [
  [/cosign\/sign\/|simplesigning|notary\.signature/, { en: 'signature', es: 'firma' }],
  [/slsa\.dev\/provenance/, { en: 'provenance', es: 'procedencia' }],
  [/cyclonedx|spdx/, { en: 'SBOM', es: 'SBOM' }],
  [/vuln|scan/, { en: 'scan result', es: 'resultado de análisis' }],
  [/approval/, { en: 'approval', es: 'aprobación' }],
  [/exceptions/, { en: 'exceptions', es: 'excepciones' }],
  [/verdict/, { en: 'verdict', es: 'veredicto' }],
  [/openvex/, { en: 'VEX', es: 'VEX' }],
  [/dsse\.envelope|in-toto/, { en: 'attestation', es: 'atestación' }],
  [/sigstore\.bundle/, { en: 'signature', es: 'firma' }],
];

/** Sigstore's bundles and cosign's envelopes name the predicate in annotations of their own. */
const PREDICATE_ANNOTATION = /predicatetype$/i;

/** In words where the kind is a known one, else the media type as it stands. */
export function attachedKind(node: {
  readonly artifactType: string | null;
  readonly mediaType: string;
  readonly annotations: Readonly<Record<string, string>>;
}): Text {
  const predicate = Object.entries(node.annotations).find(([name]) => PREDICATE_ANNOTATION.test(name))?.[1];
  const type = node.artifactType ?? node.mediaType;
  for (const text of predicate === undefined ? [type] : [predicate, type]) {
    const kind = KINDS.find(([pattern]) => pattern.test(text))?.[1];
    if (kind === undefined) continue;
    // A bill too large for its statement lies beside it by itself.
    return text === predicate && kind.en !== 'signature'
      ? { en: `${kind.en}, signed`, es: `${kind.es}, con firma` }
      : kind;
  }
  return { en: type, es: type };
}

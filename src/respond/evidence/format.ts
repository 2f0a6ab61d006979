import type { TarInput } from '../../formats/index.ts';

/**
 * What evidence is, for the host that takes it, the control that keeps it and whoever verifies it without either.
 *
 * An exported archive is a tar of:
 * - `evidence.tar.gz`: what the host gathered, byte for byte as it came;
 * - `host.json`: an EvidenceManifest, signed by the host (DSSE): the hash of that archive and of each file in it;
 * - `context.json`: the incident as control knew it when the evidence was taken;
 * - `control.json`: an EvidenceReceipt, signed by control: binds the host's word, the archive and the context;
 * - `custody.json`: who took, read and exported it, signed by control at the export;
 * - `host.pem`, `control.pem`: the public keys, for who has no better source; `README.txt`.
 */
export const MANIFEST_TYPE = 'application/vnd.darsena.evidence.manifest.v1+json';
export const RECEIPT_TYPE = 'application/vnd.darsena.evidence.receipt.v1+json';
export const CUSTODY_TYPE = 'application/vnd.darsena.evidence.custody.v1+json';

/** The files of an exported archive. */
export const PART = {
  archive: 'evidence.tar.gz',
  manifest: 'host.json',
  receipt: 'control.json',
  context: 'context.json',
  custody: 'custody.json',
  hostKey: 'host.pem',
  controlKey: 'control.pem',
  readme: 'README.txt',
} as const;

/** What is looked at; each is in the archive or the manifest says why it is not. */
export const EVIDENCE_PARTS = [
  'container',
  'processes',
  'memory-maps',
  'sockets',
  'layer',
  'memory-files',
  'executables',
  'log',
  'events',
  'packets',
] as const;
export type EvidencePart = (typeof EVIDENCE_PARTS)[number];

export interface EvidenceFile {
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** The host's word about what it gathered. */
export interface EvidenceManifest {
  readonly version: 1;
  readonly id: string;
  readonly instance: string;
  readonly host: string;
  readonly containerId: string;
  readonly incident: number | null;
  readonly requestedBy: string;
  readonly reason: string | null;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly freeze: {
    /** Whether nothing in the container ran while it was looked at. */
    readonly frozen: boolean;
    /** How long this stopped the container, in milliseconds; of one that was paused before, only the looking. */
    readonly milliseconds: number;
    readonly pausedBefore: boolean;
    readonly leftPaused: boolean;
    /** Why it could not be frozen; null when it was. */
    readonly why: string | null;
  };
  readonly parts: readonly {
    readonly part: EvidencePart;
    readonly state: 'whole' | 'partial' | 'absent';
    readonly why: string | null;
  }[];
  readonly archive: { readonly sha256: string; readonly bytes: number };
  readonly files: readonly EvidenceFile[];
}

/** Control's word: when and for whom it took this from which host. */
export interface EvidenceReceipt {
  readonly version: 1;
  readonly id: string;
  readonly instance: string;
  readonly host: string;
  readonly hostKey: string;
  readonly takenBy: string;
  readonly storedAt: string;
  /** SHA-256 of each, lower-case hexadecimal. */
  readonly manifest: string;
  readonly archive: string;
  readonly context: string;
}

/** One step of the chain of custody. */
export interface CustodyStep {
  readonly at: string;
  readonly actor: string;
  readonly what: 'taken' | 'read' | 'exported' | 'deleted';
  readonly note: string | null;
}

export interface CustodyRecord {
  readonly version: 1;
  readonly id: string;
  readonly exportedAt: string;
  readonly steps: readonly CustodyStep[];
  /** SHA-256 of the files beside the signed ones, by name. Absent in archives that are older than it. */
  readonly files?: Readonly<Record<string, string>>;
}

/** What an exported archive is made of, in its order: each text by the name of its file, and the host's archive at the end. */
export function exportedEntries(
  texts: Readonly<Record<ExportedText, string>>,
  archive: { readonly content: AsyncIterable<Uint8Array>; readonly sizeBytes: number },
): TarInput[] {
  return [
    ...EXPORTED_TEXTS.map((name) => ({ path: PART[name], content: Buffer.from(texts[name]), mode: 0o400 })),
    { path: PART.archive, ...archive, mode: 0o400 },
  ];
}
export const EXPORTED_TEXTS = [
  'readme',
  'manifest',
  'receipt',
  'context',
  'custody',
  'hostKey',
  'controlKey',
] as const satisfies readonly (keyof typeof PART)[];
export type ExportedText = (typeof EXPORTED_TEXTS)[number];

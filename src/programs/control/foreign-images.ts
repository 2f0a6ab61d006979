import { type Admission, type Admit, NO_WORKLOAD } from '../../admit/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { StepHandle } from '../../progress/index.ts';
import type { ForeignExaminer } from '../../registry/index.ts';
import type { Scans } from '../../scan/index.ts';
import type { Clock } from '../../system/index.ts';
import { isMet, signersOf, type Trust, verifyImage } from '../../trust/index.ts';
import { scanFacts } from './intake.ts';
import { signatureStore } from './signature-store.ts';

/** Facts that say where an image of ours comes from. */
const SOURCE_FACTS = ['image.built', 'mirror.fetched'];

/**
 * Scans and judges images that lie in other registries: layers go through the scanner as they come, with its cache of
 * layers, and are not stored; the verdict is a preview by the policy of the push door.
 */
export function foreignExaminer(parts: {
  readonly scans: Scans;
  readonly trust: Trust;
  readonly admit: Admit;
  readonly journal: Journal;
  readonly clock: Clock;
}): ForeignExaminer {
  const { scans, trust, admit, journal, clock } = parts;
  return {
    async examine({ name, repository, tag, tagged, digest, manifest, config, source }, step: StepHandle) {
      const pieces: Uint8Array[] = [];
      // Bounded by its size in the manifest, which the client holds to.
      for await (const piece of source.openBlob(config.digest)) pieces.push(piece);
      const report = await scans.scan({
        manifestBytes: manifest.bytes,
        manifestDigest: digest,
        configBytes: Buffer.concat(pieces),
        content: { open: (layer) => source.openBlob(layer) },
        progress: step,
        project: null,
        actor: 'platform',
        subject: `${name}:${tag}`,
      });
      const store = signatureStore(
        () => ({ ...source, putBlob: neverStored, putManifest: neverStored, removeManifest: neverStored }),
        async () => [],
      );
      const policy = await trust.policy();
      // Of an index it is the index that people sign, mostly.
      const verdicts = await Promise.all(
        [...new Set([tagged, digest])].map(async (signed) =>
          verifyImage({
            digest: signed,
            repository: name,
            ...(await store.signaturesOf(repository, signed)),
            trust: policy,
            clock,
          }),
        ),
      );
      const signers = (use: 'image' | 'provenance'): string[] => [
        ...new Set(verdicts.flatMap((verdict) => signersOf(verdict, use))),
      ];
      const admission: Admission = {
        image: {
          digest,
          repository: name,
          project: '',
          tags: [tag],
          ageDays: -1,
          sizeBytes: 0,
        },
        scan: scanFacts(report),
        signatures: {
          imageVerified: verdicts.some((verdict) => isMet(verdict, 'image')),
          imageSigners: signers('image'),
          provenanceVerified: verdicts.some((verdict) => isMet(verdict, 'provenance')),
          provenanceSigners: signers('provenance'),
          unmetDemands: [],
        },
        workload: NO_WORKLOAD,
        environment: { name: '', class: 'none', runs: false },
        statements: [],
        documents: [],
      };
      const verdict = await admit.preview({ door: 'push', admission, specHash: null });
      return {
        complete: report.complete,
        packages: report.packages,
        byRisk: { ...report.summary.byRisk },
        scannedAt: report.scannedAt,
        signers: signers('image'),
        decision: verdict.decision,
        reasons: verdict.reasons.map(({ message }) => message),
      };
    },

    async hasSource(repository: string, digest: Digest): Promise<boolean> {
      const known = await journal.query({ projects: '*', digest, kinds: SOURCE_FACTS, limit: 1 });
      if (known.length > 0) return true;
      const verdict = await trust.verify(repository, digest);
      // What control states of every image (scan, verdict) says nothing about where it comes from.
      return signersOf(verdict, 'image').length > 0 || signersOf(verdict, 'provenance').length > 0;
    },
  };
}

async function neverStored(): Promise<never> {
  throw new Error('an image elsewhere is only read');
}

import {
  type Admission,
  type Admit,
  type EnvironmentClass,
  NO_SCAN,
  NO_WORKLOAD,
  type ScanFacts,
  type Verdict,
  type WorkloadFacts,
} from '../../admit/index.ts';
import { type Digest, parseManifest, projectOf } from '../../oci/index.ts';
import { type StepHandle, silentStep } from '../../progress/index.ts';
import type { ImagePushed, PullAnswer, PullGate, Registry } from '../../registry/index.ts';
import type { ScanReport } from '../../scan/index.ts';
import type { Clock, Log, Text } from '../../system/index.ts';
import { type SignatureVerdict, signersOf, type Trust } from '../../trust/index.ts';
import { type ConfigFacts, readConfigFacts } from './image-config.ts';

const DAY_MS = 86_400_000;

/** Scans an image that lies in the registry; never throws because of the image. */
export type ScanStoredImage = (
  image: { readonly repository: string; readonly digest: Digest },
  step: StepHandle,
) => Promise<ScanReport>;

export interface Intake extends PullGate {
  /** An image arrived: it is held until this has scanned and judged it. */
  pushed(pushed: ImagePushed): void;
  /** Scans (once, however many ask) and judges an image at the push door. */
  admit(
    image: { readonly repository: string; readonly digest: Digest; readonly actor: string },
    step: StepHandle,
  ): Promise<{ readonly report: ScanReport; readonly verdict: Verdict }>;
  /** All that a policy may ask about an image, as it is known now. */
  facts(question: {
    readonly repository: string;
    readonly digest: Digest;
    readonly environment: { readonly name: string; readonly class: EnvironmentClass };
    readonly workload?: WorkloadFacts;
    readonly report: ScanReport | null;
  }): Promise<Admission>;
  /** `USER` of the image and what else its configuration says; null when the image is not here. */
  config(repository: string, digest: Digest): Promise<ConfigFacts | null>;
}

/** What happens to an image between its push and the first pull: scan, signatures, verdict. */
export function createIntake(parts: {
  readonly registry: () => Registry;
  readonly trust: () => Trust;
  readonly admit: () => Admit;
  readonly scan: ScanStoredImage;
  readonly clock: Clock;
  readonly log: Log;
  readonly judged: (repository: string, digest: Digest, verdict: Verdict) => void;
}): Intake {
  const { clock, log, scan } = parts;
  const running = new Map<string, Promise<ScanReport>>();

  const scanOnce = (image: { repository: string; digest: Digest }, step: StepHandle): Promise<ScanReport> => {
    const known = running.get(image.digest);
    if (known !== undefined) return known;
    const scanning = scan(image, step).finally(() => running.delete(image.digest));
    running.set(image.digest, scanning);
    return scanning;
  };

  const intake: Intake = {
    pushed({ repository, digest, principal, kind }) {
      if (kind !== 'image') return;
      intake.admit({ repository, digest, actor: principal.actor }, silentStep).catch((error: unknown) => {
        // The image stays held: without a verdict nothing is released.
        log.error(
          { err: error, repository, digest },
          'an image could not be scanned and judged; it stays in quarantine',
        );
      });
    },

    async admit({ repository, digest, actor }, step) {
      const report = await scanOnce({ repository, digest }, step);
      const admission = await intake.facts({ repository, digest, environment: { name: '', class: 'none' }, report });
      const [verdict] = await parts
        .admit()
        .judge([{ door: 'push', admission, specHash: null, actor, subject: repository }]);
      if (verdict === undefined) throw new Error('no verdict for one question');
      parts.judged(repository, digest, verdict);
      return { report, verdict };
    },

    async facts({ repository, digest, environment, workload, report }) {
      const [signatures, stored, config] = await Promise.all([
        parts.trust().verify(repository, digest),
        parts.registry().resolve(repository, digest),
        intake.config(repository, digest),
      ]);
      const created = Date.parse(config?.created ?? '');
      return {
        image: {
          digest,
          repository,
          project: projectOf(repository),
          tags: [],
          ageDays: Number.isNaN(created) ? -1 : Math.max(0, Math.floor((clock.now().getTime() - created) / DAY_MS)),
          sizeBytes: stored === null ? 0 : layerBytes(stored.bytes),
        },
        scan: report === null ? NO_SCAN : scanFacts(report),
        signatures: signatureFacts(signatures),
        workload: workload ?? NO_WORKLOAD,
        environment,
      };
    },

    async config(repository, digest) {
      const stored = await parts.registry().resolve(repository, digest);
      if (stored === null) return null;
      const manifest = parseManifest(stored.bytes);
      if (manifest.kind !== 'manifest') return null;
      return readConfigFacts(parts.registry().openBlob(manifest.config.digest));
    },

    async check({ project, digest }): Promise<PullAnswer> {
      const verdict = await parts.admit().current({ project, digest, door: 'push' });
      if (verdict === null) return { allow: false, code: 'quarantine.waiting', reasons: [WAITING] };
      if (verdict.decision !== 'refuse') {
        return { allow: true, warnings: verdict.reasons.map((reason) => reason.message) };
      }
      const reasons = verdict.reasons.filter((reason) => reason.effect === 'refuse').map((reason) => reason.message);
      return { allow: false, code: 'quarantine.refused', reasons, settled: true };
    },
  };
  return intake;
}

const WAITING: Text = {
  en: 'it is being scanned and judged',
  es: 'se está examinando y juzgando',
};

function layerBytes(manifestBytes: Uint8Array): number {
  const manifest = parseManifest(manifestBytes);
  return manifest.kind === 'manifest' ? manifest.layers.reduce((sum, layer) => sum + layer.size, 0) : 0;
}

function signatureFacts(verdict: SignatureVerdict): Admission['signatures'] {
  const imageSigners = signersOf(verdict, 'image');
  const provenanceSigners = signersOf(verdict, 'provenance');
  return {
    imageVerified: imageSigners.length > 0,
    imageSigners,
    provenanceVerified: provenanceSigners.length > 0,
    provenanceSigners,
  };
}

/** A scan report as policies see it. */
export function scanFacts(report: ScanReport): ScanFacts {
  const coverage = Object.values(report.advisories.coverage);
  const ages = report.advisories.sources.map((source) => source.ageSeconds);
  return {
    state: report.complete ? 'complete' : 'incomplete',
    at: report.scannedAt,
    packages: report.packages,
    // One kind of package without data is enough to make silence mean nothing.
    hasAdvisories: coverage.length === 0 ? ages.length > 0 : coverage.every((one) => one !== 'no-data'),
    sparseAdvisories: coverage.includes('partial'),
    advisoriesAgeDays: ages.length === 0 ? -1 : Math.floor(Math.min(...ages) / 86_400),
    findings: report.findings.map((finding) => ({
      key: finding.id,
      label: labelOf(finding),
      kind: 'vulnerability',
      severity: finding.severity,
      package: finding.package.name,
      version: finding.package.version,
      fixable: finding.fixedVersion !== null,
      fixedVersion: finding.fixedVersion ?? '',
      exploited: finding.kev,
      score: finding.cvss ?? -1,
      epss: finding.epss ?? -1,
    })),
  };
}

function labelOf({ id, package: { name, version }, fixedVersion }: ScanReport['findings'][number]): string {
  return `${name} ${version} (${id}${fixedVersion === null ? '' : ` → ${fixedVersion}`})`;
}

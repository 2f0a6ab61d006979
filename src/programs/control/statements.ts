import type { Principal } from '../../access/index.ts';
import type { Exception } from '../../admit/index.ts';
import type { Composition, Promotion } from '../../deploy/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { type Digest, parseReference } from '../../oci/index.ts';
import type { Finding, ScanReport, Scans } from '../../scan/index.ts';
import { type Clock, canonicalJson, type Json, type Log } from '../../system/index.ts';
import {
  BILL_BYTES_MAX,
  BILL_MEDIA_TYPE,
  billBytes,
  documentOf,
  outlineOf,
  STATED_BILL_BYTES_MAX,
  type Trust,
  withoutDate,
} from '../../trust/index.ts';

/** Findings that a scan statement lists; what is above is counted. Five thousand are some megabyte, and no image to start. */
const FINDINGS_STATED_MAX = 5000;

/** A scan statement is made anew when it is this old, even if it would say the same: its date is part of what it says. */
const SCAN_STATEMENT_MS = 7 * 24 * 3_600_000;

/**
 * What control signs of its own work and for people: what a scan found, what is in an image, who approved it. Each lies
 * beside its image as an in-toto attestation that cosign reads, and one statement takes the place of the one before.
 */
export class Statements {
  readonly #trust: Trust;
  readonly #scans: () => Scans;
  readonly #repositoriesOf: (project: string, digest: Digest) => Promise<readonly string[]>;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(parts: {
    readonly trust: Trust;
    readonly scans: () => Scans;
    readonly repositoriesOf: (project: string, digest: Digest) => Promise<readonly string[]>;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#trust = parts.trust;
    this.#scans = parts.scans;
    this.#repositoriesOf = parts.repositoriesOf;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /**
   * States what a complete scan found, and, after a scan of the content, what is in the image. What cannot be stored is
   * told in the log: the image goes its way, and a policy that asks for the statement refuses it.
   */
  async scanned(
    image: { readonly repository: string; readonly digest: Digest },
    report: ScanReport,
    { isFresh }: { readonly isFresh: boolean },
  ): Promise<void> {
    if (!report.complete) return;
    try {
      await this.#stateScan(image, report);
      if (isFresh) await this.#stateBill(image);
    } catch (error) {
      this.#log.warn({ err: error, ...image }, 'what a scan found could not be stated beside the image');
    }
  }

  /**
   * States who approved a promotion, for each image that will run. Approving the same image for the same place again
   * takes the place of the earlier word of the same person.
   */
  async promotionApproved(promotion: Promotion, composition: Composition): Promise<void> {
    const images = new Set(composition.workloads.flatMap((workload) => collectImages([workload])));
    for (const reference of images) {
      const { repository, digest } = parseReference(reference);
      if (digest === null) continue;
      for (const approval of promotion.approvals.filter(({ decision }) => decision === 'approve')) {
        const approver = showApprover(approval.by, approval.certificate ?? null);
        const place = { what: 'promotion', project: promotion.project, environment: promotion.to };
        await this.#trust.restate(
          {
            ...{ use: 'approval', key: 'control', repository, digest, actor: approval.by },
            predicate: {
              decision: 'approved',
              ...place,
              approver,
              approvedAt: approval.at,
              comment: approval.comment ?? '',
              promotion: promotion.id,
              requestedBy: promotion.requestedBy,
              from: promotion.from,
            },
          },
          { replaces: (before) => sameMembers(before, { ...place, approver: { name: approver.name } }) },
        );
      }
    }
  }

  /** States every exception that stands for an image, in one statement however many there are. */
  async exceptionsApproved(
    project: string,
    digest: Digest,
    exceptions: readonly Exception[],
    by: Pick<Principal, 'actor' | 'certificate'>,
  ): Promise<void> {
    const now = this.#clock.now().toISOString();
    const standing = exceptions.filter((one) => one.approver !== null && one.expiresAt > now);
    for (const repository of await this.#repositoriesOf(project, digest)) {
      await this.#trust.restate(
        { use: 'exception', key: 'control', repository, digest, predicate: null, actor: by.actor },
        {
          // What was proven when an earlier one was approved is carried over.
          compose: (earlier) => {
            const known = new Map(earlier.flatMap((one) => listOf(memberOf(one, 'exceptions'))).map(byId));
            const exceptions = standing.map((one): Json => known.get(one.id) ?? showException(one, by));
            return { project, exceptions };
          },
        },
      );
    }
  }

  async #stateScan(image: { readonly repository: string; readonly digest: Digest }, report: ScanReport): Promise<void> {
    const predicate = scanPredicate(report);
    const found = canonicalJson(resultOf(predicate));
    const oldest = this.#clock.now().getTime() - SCAN_STATEMENT_MS;
    await this.#trust.restate(
      { use: 'scan', key: 'control', ...image, predicate, actor: 'platform' },
      { isSame: (before) => canonicalJson(resultOf(before)) === found && finishedAt(before) > oldest },
    );
  }

  async #stateBill({ repository, digest }: { readonly repository: string; readonly digest: Digest }): Promise<void> {
    const bill = await this.#scans().billOfMaterials(digest, repository);
    if (bill === null) return;
    const image = { repository, digest };
    const bytes = billBytes(bill);
    if (bytes.length > BILL_BYTES_MAX) {
      const said = { ...image, bytes: bytes.length, max: BILL_BYTES_MAX };
      this.#log.warn(said, 'a bill of materials is too large to be stated');
      return;
    }
    const attestation = { use: 'sbom', key: 'control', ...image, actor: 'platform' } as const;
    const isLarge = bytes.length > STATED_BILL_BYTES_MAX;
    const document = isLarge
      ? await this.#trust.putDocument(image, { mediaType: BILL_MEDIA_TYPE, bytes }, 'platform')
      : null;
    const predicate = document === null ? bill : outlineOf(bill, repository, document.digest, bytes);
    const contents = canonicalJson(withoutDate(predicate));
    let earlier: readonly Json[] = [];
    const made = await this.#trust.restate(
      { ...attestation, predicate },
      {
        isSame: (before) => canonicalJson(withoutDate(before)) === contents,
        compose: (before) => {
          earlier = before;
          return predicate;
        },
      },
    );
    if (made === null) return;
    for (const left of new Set(earlier.map(documentOf))) {
      if (left !== null && left !== document?.digest) await this.#trust.removeDocument(image, left, 'platform');
    }
  }
}

/** A scan as cosign's vulnerability predicate says it (cosign, specs/COSIGN_VULN_ATTESTATION_SPEC.md). */
export function scanPredicate(report: ScanReport): Json {
  const { sources } = report.advisories;
  const stated = report.findings.slice(0, FINDINGS_STATED_MAX);
  return {
    invocation: { parameters: null, uri: '', event_id: report.id, 'builder.id': '' },
    scanner: {
      uri: 'https://darsena.internal/scanner',
      version: '1',
      db: {
        uri: sources.map((source) => source.name).join(' '),
        version:
          sources
            .map((source) => source.updatedAt)
            .sort()
            .at(-1) ?? '',
        lastUpdate:
          sources
            .map((source) => source.updatedAt)
            .sort()
            .at(-1) ?? '',
      },
      result: {
        state: report.summary.state,
        packages: report.packages,
        packagesByType: { ...report.packagesByType },
        byRisk: { ...report.summary.byRisk },
        coverage: { ...report.advisories.coverage },
        secrets: report.secrets.length,
        malware: { state: report.malware.state },
        misconfigurations: report.misconfigurations.length,
        findings: stated.map(showFinding),
        findingsLeftOut: report.findings.length - stated.length,
      },
    },
    metadata: {
      scanStartedOn: new Date(Date.parse(report.scannedAt) - report.durationMs).toISOString(),
      scanFinishedOn: report.scannedAt,
    },
  };
}

function showFinding(finding: Finding): Json {
  const { id, severity, risk, cvss, epss, kev, fixedVersion } = finding;
  return { id, package: finding.package.purl, severity, risk, cvss, epss, kev, fixedVersion };
}

function showException(exception: Exception, by: Pick<Principal, 'actor' | 'certificate'>): Json {
  const { id, environment, rule, subject, reason, author, approver, createdAt, expiresAt } = exception;
  const certificate = approver === by.actor ? (by.certificate ?? null) : null;
  const agreed = showApprover(approver ?? '', certificate);
  return { id, environment, rule, subject, reason, author, approver: agreed, createdAt, expiresAt };
}

function byId(exception: Json): [Json | undefined, Json] {
  return [memberOf(exception, 'id'), exception];
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** Who approved, and by what they proved to be that person: the certificate of a command line, or a login. */
function showApprover(actor: string, certificate: string | null): { name: string; certificate: string | null } {
  return { name: actor.replace(/^user:/, ''), certificate };
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
}

function resultOf(predicate: Json): Json {
  return memberOf(memberOf(predicate, 'scanner'), 'result') ?? null;
}

function finishedAt(predicate: Json): number {
  return Date.parse(String(memberOf(memberOf(predicate, 'metadata'), 'scanFinishedOn')));
}

/** Whether a value says at least what is wanted. */
function sameMembers(value: Json | undefined, wanted: Json): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) return value === wanted;
  return Object.entries(wanted).every(([name, one]) => sameMembers(memberOf(value, name), one));
}

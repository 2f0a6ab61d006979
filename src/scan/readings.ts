import type { Digest } from '../oci/index.ts';
import type { Deadlines } from './deadlines.ts';
import {
  compareReports,
  describeHere,
  findingsHere,
  type HereFacts,
  type ReportChanges,
  summariseHere,
} from './here.ts';
import { DEADLINES_READ_MAX } from './limits.ts';
import { comparePackages, type PackageChanges } from './package-list.ts';
import { findingKey, type NewerBase } from './plan.ts';
import type { Finding, FindingException, Place, ScanReport } from './report.ts';
import type { Scans } from './scans.ts';
import type { SecretBaseline } from './secrets/baseline.ts';
import type { VexDocuments } from './vex/documents.ts';

/** What other rooms know of an image that runs; each may be asked often. */
export interface ReadingPorts {
  places(project: string, digest: Digest): Promise<readonly Place[]>;
  /** Answers for each finding the exception that covers it, or null. */
  exceptions(project: string, digest: Digest): Promise<(finding: Finding) => FindingException | null>;
  /** A newer build of the image that it stands on; null when it is not known or there is none. */
  newerBase(project: string, report: ScanReport): Promise<NewerBase | null>;
  /** The credentials that a project knows and lives with. @default none are */
  knownSecrets?(project: string): Promise<SecretBaseline | null>;
  /** The image that was in the same repository before it. */
  previous(project: string, digest: Digest): Promise<Digest | null>;
}

/** Reports as people read them: the stored one, and what is so at the moment of reading. */
export class Readings {
  readonly #parts: { readonly scans: Scans; readonly vex: VexDocuments; readonly deadlines: Deadlines } & ReadingPorts;

  constructor(
    parts: { readonly scans: Scans; readonly vex: VexDocuments; readonly deadlines: Deadlines } & ReadingPorts,
  ) {
    this.#parts = parts;
  }

  /** Null when the image was never scanned. */
  async report(project: string, digest: Digest): Promise<ScanReport | null> {
    const report = await this.#parts.scans.report(digest);
    return report === null ? null : this.describe(project, report);
  }

  /** The same of a report that is at hand. */
  async describe(project: string, report: ScanReport): Promise<ScanReport> {
    const [facts, base] = await Promise.all([this.#facts(project, report), this.#parts.newerBase(project, report)]);
    return { ...describeHere(report, { ...facts, base }), ...(await this.#withoutKnown(project, report)) };
  }

  /** Its findings and places as of now, without the plan: what a judgement asks for. */
  async judgeable(project: string, report: ScanReport): Promise<Pick<ScanReport, 'findings' | 'places' | 'secrets'>> {
    const facts = await this.#facts(project, report);
    const { secrets } = await this.#withoutKnown(project, report);
    return { findings: findingsHere(report, facts), places: facts.places, secrets };
  }

  /** What a list says of it: findings that nobody has answered for as of now, by their risk here, and credentials. */
  async glance(project: string, report: ScanReport): Promise<Pick<ScanReport, 'summary' | 'secrets'>> {
    const { secrets } = await this.#withoutKnown(project, report);
    if (report.findings.length === 0) return { summary: report.summary, secrets };
    const facts = { ...(await this.#answers(project, report)), deadlineOf: () => null };
    return { summary: summariseHere(report, facts), secrets };
  }

  /** By the project's own rules where it has some, without those that its baseline names. */
  async #withoutKnown(
    project: string,
    { digest, secrets: byAll }: ScanReport,
  ): Promise<Pick<ScanReport, 'secrets' | 'secretsKnown'>> {
    const secrets = (await this.#parts.scans.projectSecrets(project, digest)) ?? byAll;
    const baseline = secrets.length === 0 ? null : await this.#parts.knownSecrets?.(project);
    if (!baseline) return { secrets };
    const left = secrets.filter((secret) => !baseline.covers(secret));
    return { secrets: left, secretsKnown: secrets.length - left.length };
  }

  async #facts(project: string, report: ScanReport): Promise<HereFacts> {
    const [answers, due] = await Promise.all([
      this.#answers(project, report),
      this.#parts.deadlines.list({ projects: [project], digest: report.digest, limit: DEADLINES_READ_MAX }),
    ]);
    const dueAt = new Map(due.map((one) => [`${one.environment} ${one.finding}|${one.package}`, one.due]));
    const deadlineOf = (environment: string, finding: Finding): string | null =>
      dueAt.get(`${environment} ${findingKey(finding)}`) ?? null;
    return { ...answers, deadlineOf };
  }

  /** Where it runs, and what people said of its findings. */
  async #answers(project: string, report: ScanReport): Promise<Omit<HereFacts, 'deadlineOf'>> {
    const { digest } = report;
    const [places, vex, exceptionOf] = await Promise.all([
      this.#parts.places(project, digest),
      this.#parts.vex.apply(project, report),
      this.#parts.exceptions(project, digest),
    ]);
    return { places, vex, exceptionOf };
  }

  /** What became of findings and packages since the image before; null when there is none, or it was not scanned. */
  async changes(
    project: string,
    digest: Digest,
  ): Promise<({ readonly previous: Digest } & ReportChanges & { readonly packages: PackageChanges }) | null> {
    const previous = await this.#parts.previous(project, digest);
    if (previous === null) return null;
    const { scans } = this.#parts;
    const [before, after] = await Promise.all([scans.report(previous), this.report(project, digest)]);
    const [had, has] = await Promise.all([scans.inventory(previous), scans.inventory(digest)]);
    if (!before?.complete || !after?.complete || had === null || has === null) return null;
    return { previous, ...compareReports(before, after), packages: comparePackages(had, has) };
  }
}

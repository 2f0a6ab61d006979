import {
  type Admission,
  type Admit,
  type EnvironmentClass,
  mayHaveGrace,
  NO_SCAN,
  NO_WORKLOAD,
  type ScanFacts,
  type Verdict,
  type WorkloadFacts,
} from '../../admit/index.ts';
import { type Digest, parseManifest, projectOf } from '../../oci/index.ts';
import { type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import {
  allImages,
  type GRACE_DAYS,
  type Grace,
  graceUntil,
  type ImagePushed,
  type PullAnswer,
  type PullGate,
  type PullQuestion,
  type Registry,
} from '../../registry/index.ts';
import type { ScanReport } from '../../scan/index.ts';
import type { Clock, Log, Text } from '../../system/index.ts';
import { demandLabel, isMet, type SignatureVerdict, signersOf, type Trust, unmetDemands } from '../../trust/index.ts';
import { CheckQueue } from './check-queue.ts';
import { type ConfigFacts, readConfigFacts } from './image-config.ts';

const DAY_MS = 86_400_000;
/** Reproducible builds write 1970, or 1980 where archives know nothing older: no container image is from before. */
const SAYS_NOTHING_MS = Date.parse('1980-01-02T00:00:00Z');

/** Days since an image says that it was built; -1: it does not say. */
export function ageDaysOf(created: string, now: Date): number {
  const at = Date.parse(created);
  if (Number.isNaN(at) || at <= SAYS_NOTHING_MS) return -1;
  return Math.max(0, Math.floor((now.getTime() - at) / DAY_MS));
}

/** Scans an image that lies in the registry; never throws because of the image. */
export type ScanStoredImage = (
  image: { readonly repository: string; readonly digest: Digest },
  step: StepHandle,
) => Promise<ScanReport>;

export interface Intake extends Required<PullGate> {
  /** An image arrived: it is held until this has scanned and judged it. A signature arrived: its image is judged anew. */
  pushed(pushed: ImagePushed): void;
  /** Scans (once, however many ask) and judges an image at the push door. */
  admit(
    image: { readonly repository: string; readonly digest: Digest; readonly actor: string },
    step: StepHandle,
  ): Promise<Checked>;
  /**
   * Judges every image of the registry that has to be: those without a verdict (a crash came between), those whose
   * verdict runs out or speaks of another policy, and those that the reason is about. One operation, one image at a time.
   * @param only of `advisories`: the images that they answer otherwise; null: `advisories`, `trust` and `policy` are about all
   */
  rejudge(why: RejudgeReason, actor: string, only?: ReadonlySet<Digest> | null): Promise<void>;
  /** Judges one image anew at the push door, such as after an exception was approved. */
  rejudgeImage(project: string, digest: Digest): Promise<void>;
  /** All that a policy may ask about an image, as it is known now. */
  facts(question: {
    readonly repository: string;
    readonly digest: Digest;
    readonly environment: { readonly name: string; readonly class: EnvironmentClass };
    readonly workload?: WorkloadFacts;
    /** The objects that it was written in. */
    readonly documents?: Admission['documents'];
    readonly report: ScanReport | null;
    /** Asked before anybody could approve: an approval that the trust policy names is not missed yet. */
    readonly isBeforeApproval?: boolean;
  }): Promise<Admission>;
  /** `USER` of the image and what else its configuration says; null when the image is not here. */
  config(repository: string, digest: Digest): Promise<ConfigFacts | null>;
}

type RejudgeReason = 'start' | 'regular' | 'advisories' | 'trust' | 'policy';

interface Rejudging {
  readonly why: RejudgeReason;
  /** Null: all that it is about. */
  readonly only: ReadonlySet<Digest> | null;
}

interface Checked {
  readonly report: ScanReport;
  readonly verdict: Verdict;
}

/** What happens to an image between its push and the first pull: scan, signatures, verdict. */
export function createIntake(parts: {
  readonly registry: () => Registry;
  readonly trust: () => Trust;
  readonly admit: () => Admit;
  readonly operations: Operations;
  readonly scan: ScanStoredImage;
  /** The newest report of an image under today's advisories; null when it was never scanned. */
  readonly report: (digest: Digest) => Promise<ScanReport | null>;
  /** The repository of the base image that it stands on; null: of none that is in the catalogue. */
  readonly baseOf?: (report: ScanReport) => Promise<string | null>;
  /** The classes of the environments where an image of a project runs, or may be gone back to at once. */
  readonly runsIn: (project: string, digest: Digest) => Promise<readonly (keyof typeof GRACE_DAYS)[]>;
  /** States beside the image what was found in it; never throws. */
  readonly state: (
    image: { readonly repository: string; readonly digest: Digest },
    report: ScanReport,
    how: { readonly isFresh: boolean },
  ) => Promise<void>;
  /** The findings of an image as of now, where it runs. */
  readonly here: (project: string, report: ScanReport) => Promise<Pick<ScanReport, 'findings' | 'places' | 'secrets'>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly judged: (repository: string, digest: Digest, verdict: Verdict) => void;
}): Intake {
  const { clock, log, scan, operations } = parts;
  const checks = new CheckQueue<Checked>(clock);
  const answers = new AnswerMemory(clock);
  const waiting = new Map<string, Set<() => void>>();

  const settle = (project: string, digest: Digest): void => {
    answers.forget(project, digest);
    for (const wake of waiting.get(digest) ?? []) wake();
  };

  const admission = (repository: string, digest: Digest, report: ScanReport | null): Promise<Admission> =>
    intake.facts({ repository, digest, environment: { name: '', class: 'none' }, report });

  const judge = async (repository: string, digest: Digest, report: ScanReport, actor: string): Promise<Verdict> => {
    const facts = await admission(repository, digest, report);
    const question = { door: 'push', admission: facts, specHash: null, actor, subject: repository } as const;
    const project = projectOf(repository);
    const [before] = await parts.admit().verdicts({ project, digest, door: 'push', limit: 1 });
    const [verdict] = await parts.admit().judge([question]);
    if (verdict === undefined) throw new Error('no verdict for one question');
    await decideGrace(project, digest, before ?? null, verdict);
    settle(project, digest);
    parts.judged(repository, digest, verdict);
    return verdict;
  };

  /** An image that ran while it was allowed keeps a while when it is refused. */
  const decideGrace = async (
    project: string,
    digest: Digest,
    before: Verdict | null,
    verdict: Verdict,
  ): Promise<void> => {
    const { graces } = parts.registry();
    if (verdict.decision !== 'refuse') return graces.end(project, digest, null);
    if (before === null || before.decision === 'refuse' || !mayHaveGrace(verdict)) return;
    const classes = await parts.runsIn(project, digest);
    const untils = classes.map((one) => graceUntil(one, clock.now())).sort();
    const until = untils.at(-1);
    if (until === undefined) return;
    const reasons = verdict.reasons.filter((reason) => reason.effect === 'refuse').map((reason) => reason.message);
    await graces.begin({ project, digest, environment: null, until, reasons });
  };

  const check = (
    image: { readonly repository: string; readonly digest: Digest; readonly actor: string },
    options: { readonly step: StepHandle; readonly urgent: boolean; readonly operation?: string },
  ): Promise<Checked> =>
    checks.run(
      `${image.repository} ${image.digest}`,
      async ({ step, judging }) => {
        const report = await scan(image, step);
        judging();
        // Before the verdict: a policy may ask for it.
        await parts.state(image, report, { isFresh: true });
        return { report, verdict: await judge(image.repository, image.digest, report, image.actor) };
      },
      options,
    );

  /** A push that people watch: the operation says its place in the queue, the scan's steps and the verdict. */
  const checkWatched = async (pushed: ImagePushed): Promise<void> => {
    const { project, repository, digest, tag, principal } = pushed;
    const name = tag === null ? `${repository}@${digest.slice(0, 19)}` : `${repository}:${tag}`;
    const { actor } = principal;
    const title = { en: `Check ${name}`, es: `Examinar ${name}` };
    const { finished } = await operations.start(
      { kind: 'image-check', project, environment: null, actor, title },
      async (context) => {
        const step = context.step({ en: 'Scan and judge', es: 'Analizar y juzgar' });
        const reading: StepHandle = { ...step, done: () => undefined, fail: () => undefined };
        const place = checks.counts.queued;
        if (place > 0) step.update({ detail: { en: `${place} before it`, es: `${place} por delante` } });
        const image = { repository, digest, actor };
        const { verdict } = await check(image, { step: reading, urgent: false, operation: context.id });
        for (const reason of verdict.reasons) step.note(reason.message);
        const text = DECISION_TEXT[verdict.decision];
        if (verdict.decision === 'refuse') step.fail(text);
        else step.done(text);
        return { repository, digest, decision: verdict.decision };
      },
    );
    const { state, problem } = await finished;
    // The image stays held: without a verdict nothing is released, and the next regular pass tries again.
    if (state !== 'done') log.error({ problem, repository, digest }, 'an image could not be scanned and judged');
  };

  /** True when there is a new verdict: the answer changed, or the standing one was about to run out. */
  const judgeAgain = async (repository: string, digest: Digest, actor: string): Promise<boolean> => {
    const report = await parts.report(digest);
    if (report === null) {
      await check({ repository, digest, actor }, { step: silentStep, urgent: false });
      return true;
    }
    await parts.state({ repository, digest }, report, { isFresh: false });
    const project = projectOf(repository);
    const standing = await parts.admit().current({ project, digest, door: 'push' });
    const facts = await admission(repository, digest, report);
    const next = await parts.admit().preview({ door: 'push', admission: facts, specHash: null });
    if (standing !== null && sameAnswer(standing, next) && !runsOut(standing, clock)) return false;
    await judge(repository, digest, report, actor);
    return true;
  };

  const needsJudging = async (repository: string, digest: Digest): Promise<boolean> => {
    if (checks.has(`${repository} ${digest}`)) return false;
    const standing = await parts.admit().current({ project: projectOf(repository), digest, door: 'push' });
    if (standing === null || runsOut(standing, clock)) return true;
    const policy = parts.admit().policyFor('none');
    return standing.policy.name !== policy.name || standing.policy.version !== policy.version;
  };

  let rejudging: Promise<void> | null = null;
  let rejudgeAgain: Rejudging | null = null;

  const rejudgeAll = async (why: RejudgeReason, actor: string, only: ReadonlySet<Digest> | null): Promise<void> => {
    const wanted: { repository: string; digest: Digest }[] = [];
    for await (const image of allImages(parts.registry())) {
      const isMeant = isAboutImages(why) && (only === null || only.has(image.digest));
      if (isMeant || (await needsJudging(image.repository, image.digest))) wanted.push(image);
    }
    if (wanted.length === 0) return;
    const { finished } = await operations.start(
      { kind: 'image-recheck', project: null, environment: null, actor, title: REJUDGE_TITLE[why] },
      async (context) => {
        const step = context.step({ en: 'Judge images again', es: 'Juzgar de nuevo las imágenes' });
        let [done, changed, failed] = [0, 0, 0];
        for (const { repository, digest } of wanted) {
          context.signal.throwIfAborted();
          step.update({ done, total: wanted.length, unit: 'items' });
          try {
            if (await judgeAgain(repository, digest, actor)) changed += 1;
          } catch (error) {
            failed += 1;
            log.error({ err: error, repository, digest }, 'an image could not be judged again');
          }
          done += 1;
          // Requests come first: each image gives the event loop back.
          await clock.sleep(0);
        }
        const text = {
          en: `${done} images, ${changed} new verdicts${failed === 0 ? '' : `, ${failed} failed`}`,
          es: `${done} imágenes, ${changed} veredictos nuevos${failed === 0 ? '' : `, ${failed} con fallo`}`,
        };
        if (failed === 0) step.done(text);
        else step.fail(text);
        return { images: done, changed, failed };
      },
    );
    await finished;
  };

  const intake: Intake = {
    pushed(pushed) {
      const { repository, digest, principal, kind } = pushed;
      const failed = (error: unknown): void =>
        log.error(
          { err: error, repository, digest },
          'an image could not be scanned and judged; it stays in quarantine',
        );
      if (kind === 'artifact') {
        const subject = subjectOf(pushed);
        if (subject !== null) intake.rejudgeImage(projectOf(repository), subject).catch(failed);
        return;
      }
      if (kind !== 'image') return;
      answers.forget(projectOf(repository), digest);
      // The operation of a deploy shows what its build pushes; an own one would say it twice.
      const isWatched = principal.kind === 'user' || principal.kind === 'robot';
      const checking = isWatched
        ? checkWatched(pushed)
        : check({ repository, digest, actor: principal.actor }, { step: silentStep, urgent: false });
      checking.catch(failed);
    },

    admit: (image, step) => check(image, { step, urgent: true }),

    async rejudge(why, actor, only = null) {
      if (rejudging !== null) {
        if (!isAboutImages(why)) return rejudging;
        const more = rejudgeAgain === null ? new Set<Digest>() : rejudgeAgain.only;
        rejudgeAgain = { why, only: more === null || only === null ? null : new Set([...more, ...only]) };
        return rejudging;
      }
      rejudging = (async () => {
        await rejudgeAll(why, actor, only);
        // What changed while it ran is judged by a second pass, however often it changed.
        while (rejudgeAgain !== null) {
          const next: Rejudging = rejudgeAgain;
          rejudgeAgain = null;
          await rejudgeAll(next.why, actor, next.only);
        }
      })().finally(() => {
        rejudging = null;
      });
      return rejudging;
    },

    async rejudgeImage(project, digest) {
      for await (const { repository } of allImages(parts.registry(), { project, digest })) {
        // A first check that is under way sees what changed.
        if (!checks.has(`${repository} ${digest}`)) await judgeAgain(repository, digest, 'platform');
      }
    },

    async facts({ repository, digest, environment, workload, documents = [], report, isBeforeApproval = false }) {
      const [signatures, stored, config] = await Promise.all([
        parts.trust().verifyForStart(repository, digest, environment.name === '' ? null : environment.name),
        parts.registry().resolve(repository, digest),
        intake.config(repository, digest),
      ]);
      const project = projectOf(repository);
      const here = report === null ? null : await parts.here(project, report);
      const runs = here?.places.some((place) => place.environment === environment.name) ?? false;
      return {
        image: {
          digest,
          repository,
          project,
          tags: [],
          base: report === null ? '' : ((await parts.baseOf?.(report)) ?? ''),
          ageDays: ageDaysOf(config?.created ?? '', clock.now()),
          sizeBytes: stored === null ? 0 : layerBytes(stored.bytes),
        },
        scan:
          report === null
            ? NO_SCAN
            : scanFacts({ ...report, ...here }, { environment: environment.name, now: clock.now() }),
        signatures: signatureFacts(signatures, isBeforeApproval),
        workload: workload ?? NO_WORKLOAD,
        documents,
        environment: { ...environment, runs },
        statements: statementFacts(here?.findings ?? []),
      };
    },

    async config(repository, digest) {
      const stored = await parts.registry().resolve(repository, digest);
      if (stored === null) return null;
      const manifest = parseManifest(stored.bytes);
      if (manifest.kind !== 'manifest') return null;
      return readConfigFacts(parts.registry().openBlob(manifest.config.digest));
    },

    async check({ principal, project, digest }): Promise<PullAnswer> {
      const known = answers.find(project, digest, principal.kind);
      if (known !== undefined) return known;
      const reading = answers.begin();
      const verdict = await parts.admit().current({ project, digest, door: 'push' });
      if (verdict === null) return WAITING;
      const untilMs = Date.parse(verdict.expiresAt);
      // A host that lost its copy fetches what it runs; whether that may start is asked again at its own door.
      if (isHost(principal) && verdict.decision === 'refuse' && mayHaveGrace(verdict)) {
        if ((await parts.runsIn(project, digest)).length > 0) return { allow: true, warnings: [RUNS_THERE] };
      }
      const grace = verdict.decision === 'refuse' ? await parts.registry().graces.find(project, digest, null) : null;
      const graceMs = grace === null ? 0 : Date.parse(grace.until);
      if (grace === null || graceMs <= clock.now().getTime()) {
        const answer = answerOf(verdict);
        answers.keep(reading, { project, digest }, { answer, untilMs, isGrace: false });
        return answer;
      }
      // For who runs it: hosts and the project's people. Nobody else needs an image that was refused.
      if (principal.kind === 'anonymous') return answerOf(verdict);
      const answer: PullAnswer = { allow: true, warnings: [graceWarning(grace)] };
      answers.keep(reading, { project, digest }, { answer, untilMs: Math.min(untilMs, graceMs), isGrace: true });
      return answer;
    },

    known: ({ principal, project, digest }) => answers.find(project, digest, principal.kind),

    async changed(digest, signal) {
      if (signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const wakers = waiting.get(digest) ?? new Set();
      waiting.set(digest, wakers.add(resolve));
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      wakers.delete(resolve);
      if (wakers.size === 0) waiting.delete(digest);
    },

    progress({ project, digest }) {
      for (const repository of checks.keys(digest)) {
        if (projectOf(repository) === project) return checks.progress(`${repository} ${digest}`);
      }
      return null;
    },
  };
  return intake;
}

/** Hosts pull by a token of their own; builders, which are programs of the platform too, do not run images. */
function isHost({ kind, name }: PullQuestion['principal']): boolean {
  return kind === 'agent' && name.startsWith('agent:');
}

const RUNS_THERE: Text = {
  en: 'refused for new releases; it runs, so hosts may fetch it',
  es: 'rechazada para versiones nuevas; está en marcha, así que los hosts pueden traerla',
};

const WAITING: PullAnswer = {
  allow: false,
  code: 'quarantine.waiting',
  reasons: [{ en: 'it is being scanned and judged', es: 'se está analizando y juzgando' }],
};

const DECISION_TEXT: Readonly<Record<Verdict['decision'], Text>> = {
  allow: { en: 'released', es: 'liberada' },
  warn: { en: 'released, with warnings', es: 'liberada, con advertencias' },
  refuse: { en: 'refused', es: 'rechazada' },
};

const REJUDGE_TITLE: Readonly<Record<RejudgeReason, Text>> = {
  trust: {
    en: 'Judge all images under the new trust policy',
    es: 'Juzgar todas las imágenes con la nueva política de confianza',
  },
  start: { en: 'Judge images without a standing verdict', es: 'Juzgar imágenes sin veredicto vigente' },
  regular: { en: 'Renew verdicts of images', es: 'Renovar veredictos de imágenes' },
  advisories: {
    en: 'Judge images under the new advisories',
    es: 'Juzgar imágenes con los avisos nuevos',
  },
  policy: { en: 'Judge all images under the new policies', es: 'Juzgar todas las imágenes con las políticas nuevas' },
};

/** Whether images that have a verdict are judged again for this reason. */
function isAboutImages(why: RejudgeReason): boolean {
  return why === 'advisories' || why === 'trust' || why === 'policy';
}

/** A verdict with less left than this is given anew, so that no image falls back into quarantine because time passed. */
const RENEW_BEFORE_MS = 24 * 3_600_000;

function runsOut(verdict: Verdict, clock: Clock): boolean {
  const nowMs = clock.now().getTime();
  // One of a time still to come was given while the clock was ahead: its end says nothing.
  return Date.parse(verdict.at) > nowMs || Date.parse(verdict.expiresAt) - nowMs < RENEW_BEFORE_MS;
}

function sameAnswer(a: Verdict, b: Verdict): boolean {
  const said = ({ decision, policy, reasons }: Verdict): string =>
    JSON.stringify([
      decision,
      policy.name,
      policy.version,
      reasons.map((one) => [one.rule, one.effect, one.message.en]),
    ]);
  return said(a) === said(b);
}

function graceWarning({ until, reasons }: Grace): Text {
  const day = `${until.slice(0, 16).replace('T', ' ')} UTC`;
  const [en, es] = [reasons.map((one) => one.en).join('; '), reasons.map((one) => one.es).join('; ')];
  return {
    en: `refused from ${day} on, replace it before: ${en}`,
    es: `rechazada desde ${day}, hay que sustituirla antes: ${es}`,
  };
}

/** What a verdict at the push door means for a pull. */
function answerOf(verdict: Verdict): PullAnswer {
  if (verdict.decision !== 'refuse') {
    return { allow: true, warnings: verdict.reasons.map((reason) => reason.message) };
  }
  const refusing = verdict.reasons.filter((reason) => reason.effect === 'refuse');
  return {
    allow: false,
    code: 'quarantine.refused',
    reasons: refusing.map((reason) => reason.message),
    remedies: refusing.flatMap((reason) => (reason.remedy === null ? [] : [reason.remedy])),
    settled: true,
  };
}

/** Answers kept for pulls; a pull asks memory, not the database. */
const ANSWERS_KEPT_MAX = 50_000;

interface KeptAnswer {
  readonly answer: PullAnswer;
  readonly untilMs: number;
  /** Allowed by a grace: not for callers without a name. */
  readonly isGrace: boolean;
}

class AnswerMemory {
  readonly #clock: Clock;
  readonly #kept = new Map<string, KeptAnswer>();
  /** Raised by each change: what was read before one is not kept after it. */
  #changes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(project: string, digest: Digest, kind: PullQuestion['principal']['kind']): PullAnswer | undefined {
    const kept = this.#kept.get(`${project} ${digest}`);
    if (kept === undefined || kept.untilMs <= this.#clock.now().getTime()) return undefined;
    // What is refused is asked again for hosts: they may run it.
    if (kind === 'agent' && !kept.answer.allow) return undefined;
    return kept.isGrace && kind === 'anonymous' ? undefined : kept.answer;
  }

  begin(): number {
    return this.#changes;
  }

  keep(reading: number, image: { readonly project: string; readonly digest: Digest }, kept: KeptAnswer): void {
    if (reading !== this.#changes) return;
    this.#kept.set(`${image.project} ${image.digest}`, kept);
    if (this.#kept.size <= ANSWERS_KEPT_MAX) return;
    const oldest = this.#kept.keys().next().value;
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  forget(project: string, digest: Digest): void {
    this.#changes += 1;
    this.#kept.delete(`${project} ${digest}`);
  }
}

/** What a signature or another artifact speaks of: its subject, or what cosign 2 writes into the tag. */
function subjectOf({ subject, tag }: ImagePushed): Digest | null {
  if (subject !== null) return subject;
  const hex = /^sha256-([0-9a-f]{64})\.(?:sig|att)$/.exec(tag ?? '')?.[1];
  return hex === undefined ? null : `sha256:${hex}`;
}

function layerBytes(manifestBytes: Uint8Array): number {
  const manifest = parseManifest(manifestBytes);
  return manifest.kind === 'manifest' ? manifest.layers.reduce((sum, layer) => sum + layer.size, 0) : 0;
}

function signatureFacts(verdict: SignatureVerdict, isBeforeApproval: boolean): Admission['signatures'] {
  const imageSigners = signersOf(verdict, 'image');
  const provenanceSigners = signersOf(verdict, 'provenance');
  return {
    imageVerified: isMet(verdict, 'image'),
    imageSigners,
    provenanceVerified: isMet(verdict, 'provenance'),
    provenanceSigners,
    unmetDemands: unmetDemands(verdict.demands)
      .filter(({ use }) => use !== 'approval' || !isBeforeApproval)
      .map(demandLabel),
  };
}

/** The findings that a believed VEX document takes away. */
function statementFacts(findings: ScanReport['findings']): Admission['statements'] {
  return findings.flatMap(({ id, package: { name, version }, vex }) => {
    if (vex?.status !== 'not_affected' && vex?.status !== 'fixed') return [];
    const reason = `${vex.status.replace('_', ' ')}: ${vex.statement ?? vex.justification ?? vex.author}`;
    return [{ finding: id, package: name, version, id: `vex ${vex.document}`.trim(), reason }];
  });
}

/** A scan report as policies see it, in an environment and at a time. */
export function scanFacts(
  report: ScanReport,
  { environment, now }: { readonly environment: string; readonly now: Date } = { environment: '', now: new Date(0) },
): ScanFacts {
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
    malware: report.malware.state,
    findings: [
      ...report.findings.map((finding): ScanFacts['findings'][number] => {
        const here = finding.here.find((one) => one.environment === environment);
        return {
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
          decision: here?.decision ?? finding.decision,
          overdue: here?.deadline !== undefined && here.deadline !== null && Date.parse(here.deadline) <= now.getTime(),
          due: here?.deadline ?? '',
        };
      }),
      ...report.misconfigurations.map((one) =>
        plainFinding('misconfiguration', { key: one.id, label: one.message.en, severity: one.severity }),
      ),
      ...boundSecrets(report.secrets).map((one) =>
        plainFinding('secret', {
          key: one.rule,
          label: `${one.title.en} in ${one.path}${one.source === 'file' ? `:${one.line}` : ''}${one.removed ? ' (removed by a later layer)' : ''}`,
          severity: one.severity,
        }),
      ),
      ...report.malware.findings.map((one) =>
        plainFinding('malware', {
          key: one.signature,
          label: `${one.signature} (${one.engine}) in ${one.path}`,
          severity: 'critical',
        }),
      ),
    ],
  };
}

/** More than a policy would name; the worst come first. */
const SECRETS_JUDGED_MAX = 1000;

function boundSecrets(secrets: ScanReport['secrets']): ScanReport['secrets'] {
  return secrets.slice(0, SECRETS_JUDGED_MAX);
}

/** What has no package, and so none of a package's facts. */
function plainFinding(
  kind: ScanFacts['findings'][number]['kind'],
  { key, label, severity }: { readonly key: string; readonly label: string; readonly severity: string },
): ScanFacts['findings'][number] {
  return {
    key,
    label,
    kind,
    severity,
    package: '',
    version: '',
    fixable: true,
    fixedVersion: '',
    exploited: false,
    score: -1,
    epss: -1,
    decision: '',
    overdue: false,
    due: '',
  };
}

function labelOf({ id, package: { name, version }, fixedVersion }: ScanReport['findings'][number]): string {
  return `${name} ${version} (${id}${fixedVersion === null ? '' : ` → ${fixedVersion}`})`;
}

import { type Admit, GRACE_EXCEPTION, type Verdict } from '../../admit/index.ts';
import type { Composition, Deployments, WantedState } from '../../deploy/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { type Digest, digestOf, parseReference } from '../../oci/index.ts';
import { type Graces, graceUntil } from '../../registry/index.ts';
import type { Clock, Json, Log } from '../../system/index.ts';
import {
  HOST_POLICY_TYPE,
  type PackedSignatures,
  packSignatures,
  type SignatureStore,
  type SignedRecord,
  type SigningKey,
  type StoredSignatures,
  signRecord,
  type Trust,
} from '../../trust/index.ts';
import { type ToAgent, WANTED_TYPE } from '../link/protocol.ts';
import { mayHaveGrace } from './intake.ts';
import type { Pipeline } from './pipeline.ts';

/** A verdict with less left than this is given anew, so that a host that loses control for a while can still restart pods. */
const RENEW_BEFORE_MS = 12 * 3_600_000;

type ActiveEnvironment = Awaited<ReturnType<Deployments['activeReleases']>>[number]['environment'];

export interface PermissionParts {
  readonly admit: Admit;
  readonly deployments: Deployments;
  readonly pipeline: Pipeline;
  readonly signatures: SignatureStore;
  readonly trust: Trust;
  readonly key: SigningKey;
  readonly graces: Graces;
  /** When advisories or the trust policy last changed (ms since 1970): verdicts from before are asked again. */
  readonly factsChangedMs: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What a host is sent: the signed wanted state, a signed verdict for each image of each spec that may start there (the
 * current one and the one it may go back to), and the images' signatures, so that the host checks them by itself.
 */
export async function wantedMessage(parts: PermissionParts): Promise<Extract<ToAgent, { type: 'wanted' }>> {
  const { admit, deployments, key } = parts;
  const wanted: WantedState = await deployments.wanted();
  const verdicts: SignedRecord[] = [];
  const signatures: Record<string, PackedSignatures> = {};
  for (const { composition, stable, environment, release } of await deployments.activeReleases()) {
    for (const one of [composition, ...(stable === null ? [] : [stable])]) {
      for (const verdict of await startVerdicts(parts, one, environment, release.project))
        verdicts.push(admit.sign(verdict));
      for (const workload of one.workloads) {
        for (const image of collectImages([workload])) {
          const { repository, digest } = parseReference(image);
          const place = `${repository}@${digest}`;
          if (digest === null || signatures[place] !== undefined) continue;
          signatures[place] = packSignatures(await decisiveSignatures(parts, repository, digest));
        }
      }
    }
  }
  const trust = signRecord(key, HOST_POLICY_TYPE, (await parts.trust.hostPolicy()) as unknown as Json);
  return {
    type: 'wanted',
    record: signRecord(key, WANTED_TYPE, wanted as unknown as Json),
    verdicts,
    signatures,
    trust,
  };
}

/**
 * The signatures that a start is decided by, those that count here. What else lies beside an image (SBOMs of megabytes
 * that nobody asks for, what strangers left) would fill the link and change no answer.
 */
async function decisiveSignatures(
  { trust, signatures }: PermissionParts,
  repository: string,
  digest: Digest,
): Promise<StoredSignatures> {
  const [{ accepted }, stored] = await Promise.all([
    trust.verifyForStart(repository, digest, null),
    signatures.signaturesOf(repository, digest),
  ]);
  const names = new Set(accepted.map(({ bundle }) => bundle));
  return {
    bundles: stored.bundles.filter((bytes) => names.has(digestOf(bytes))),
    simpleSignings: stored.simpleSignings.filter(({ payload }) => names.has(digestOf(payload))),
    notations: stored.notations.filter(({ bytes }) => names.has(digestOf(bytes))),
  };
}

/**
 * The verdicts of a composition at the start door: those that stand, or new ones where they are missing, run out, or were
 * given before advisories, trust or policy changed. A refusal of what runs already begins its grace.
 */
export async function startVerdicts(
  parts: PermissionParts,
  composition: Composition,
  environment: ActiveEnvironment,
  project: string,
): Promise<Verdict[]> {
  const { admit, pipeline } = parts;
  const standing: { subject: string; verdict: Verdict }[] = [];
  for (const workload of composition.workloads) {
    for (const image of collectImages([workload])) {
      const { digest } = parseReference(image);
      if (digest === null) continue;
      const verdict = await admit.current({
        project,
        digest,
        door: 'start',
        environment: environment.name,
        specHash: workload.specHash,
      });
      if (verdict === null || (await isStale(parts, verdict, environment))) {
        const judged = await pipeline.judgeComposition(composition, environment, project, 'platform', {
          door: 'start',
        });
        return Promise.all(judged.map((one) => inGrace(parts, one, environment)));
      }
      standing.push({ subject: workload.key.name, verdict });
    }
  }
  return Promise.all(standing.map((one) => inGrace(parts, one, environment)));
}

async function isStale(parts: PermissionParts, verdict: Verdict, environment: ActiveEnvironment): Promise<boolean> {
  const policy = parts.admit.policy(environment.policy);
  if (verdict.policy.name !== policy.name || verdict.policy.version !== policy.version) return true;
  if (Date.parse(verdict.at) < parts.factsChangedMs()) return true;
  if (Date.parse(verdict.expiresAt) - parts.clock.now().getTime() >= RENEW_BEFORE_MS) return false;
  // One that ends with its grace cannot be renewed beyond it.
  const grace = await parts.graces.find(verdict.project, verdict.digest as Digest, environment.name);
  return grace === null || verdict.expiresAt < grace.until;
}

/** The verdict, or, where it refuses what runs already and the deadline has not passed, one that permits until then. */
async function inGrace(
  { admit, graces, clock }: PermissionParts,
  { subject, verdict }: { readonly subject: string; readonly verdict: Verdict },
  environment: ActiveEnvironment,
): Promise<Verdict> {
  const { project } = verdict;
  const digest = verdict.digest as Digest;
  const refusing = verdict.reasons.filter((reason) => reason.effect === 'refuse');
  if (refusing.length === 0) {
    const isGranted = verdict.reasons.some((reason) => reason.exception?.id === GRACE_EXCEPTION);
    if (!isGranted) await graces.end(project, digest, environment.name);
    return verdict;
  }
  if (!mayHaveGrace(verdict)) return verdict;
  const now = clock.now();
  const grace = await graces.begin({
    project,
    digest,
    environment: environment.name,
    until: graceUntil(environment.class, now),
    reasons: refusing.map((reason) => reason.message),
  });
  if (Date.parse(grace.until) <= now.getTime()) return verdict;
  return admit.grant(verdict, grace.until, `${project}/${environment.name}/${subject}`);
}

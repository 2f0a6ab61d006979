import { type Admit, GRACE_EXCEPTION, type Verdict } from '../../admit/index.ts';
import type { Composition, Deployments, ReleaseSource, Runs, WantedState } from '../../deploy/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { type Digest, digestOf, parseReference } from '../../oci/index.ts';
import { type Graces, graceUntil } from '../../registry/index.ts';
import type { DeadlineQuery, ShownDeadline } from '../../scan/index.ts';
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
import { formatClaim, type Volumes } from '../../volumes/index.ts';
import { type ToAgent, WANTED_TYPE } from '../link/protocol.ts';
import type { Pipeline } from './pipeline.ts';

/** A verdict with less left than this is given anew, so that a host that loses control for a while can still restart pods. */
const RENEW_BEFORE_MS = 12 * 3_600_000;

type ActiveEnvironment = Awaited<ReturnType<Deployments['activeReleases']>>[number]['environment'];

export interface PermissionParts {
  readonly admit: Admit;
  readonly deployments: Deployments;
  readonly runs: Pick<Runs, 'active'>;
  readonly pipeline: Pipeline;
  readonly signatures: SignatureStore;
  readonly trust: Trust;
  readonly key: SigningKey;
  readonly graces: Graces;
  readonly volumes: Pick<Volumes, 'follow'>;
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
  const { admit, deployments, runs, key } = parts;
  const wanted: WantedState = await placed(await deployments.wanted(), parts.volumes);
  const verdicts: SignedRecord[] = [];
  const signatures: Record<string, PackedSignatures> = {};
  const sign = async ({ workloads }: Composition): Promise<void> => {
    for (const image of collectImages(workloads)) {
      const { repository, digest } = parseReference(image);
      const place = `${repository}@${digest}`;
      if (digest === null || signatures[place] !== undefined) continue;
      signatures[place] = packSignatures(await decisiveSignatures(parts, repository, digest));
    }
  };
  for (const { composition, stable, environment, release } of await deployments.activeReleases()) {
    for (const one of [composition, ...(stable === null ? [] : [stable])]) {
      const source = async (): Promise<ReleaseSource> => {
        const { project, environment: place } = release;
        const opened =
          one === composition ? deployments.openRelease(release.id) : deployments.stableRelease(project, place);
        return (await opened).source;
      };
      for (const verdict of await startVerdicts(parts, one, environment, release.project, source))
        verdicts.push(admit.sign(verdict));
      await sign(one);
    }
  }
  for (const run of await runs.active()) {
    const { composition, project, source } = run;
    const environment = await deployments.readEnvironment(project, run.environment);
    for (const verdict of await startVerdicts(parts, composition, environment, project, async () => source))
      verdicts.push(admit.sign(verdict));
    await sign(composition);
  }
  const trust = signRecord(key, HOST_POLICY_TYPE, (await parts.trust.hostPolicy()) as unknown as Json);
  return {
    type: 'wanted',
    record: signRecord(key, WANTED_TYPE, wanted as unknown as Json),
    verdicts,
    signatures,
    trust,
    successions: await parts.trust.successions('control'),
  };
}

/** The wanted state with the places of claims that do not lie in the engine's own storage. */
async function placed(wanted: WantedState, volumes: PermissionParts['volumes']): Promise<WantedState> {
  const places = await volumes.follow();
  if (places.size === 0) return wanted;
  return {
    ...wanted,
    volumes: wanted.volumes.map((volume) => {
      const place = places.get(formatClaim(volume));
      return place === undefined ? volume : { ...volume, place };
    }),
  };
}

/**
 * The signatures that a start is decided by, those that count here. What else lies beside an image (SBOMs of megabytes
 * that nobody asks for, what strangers left) would fill the link and change no answer.
 */
export async function decisiveSignatures(
  { trust, signatures }: Pick<PermissionParts, 'trust' | 'signatures'>,
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
 * given before advisories, trust or policy changed. What refuses it begins a deadline, not a failed restart.
 * @param source what the composition was made from, asked for when it is judged anew
 */
export async function startVerdicts(
  parts: PermissionParts,
  composition: Composition,
  environment: ActiveEnvironment,
  project: string,
  source: () => Promise<ReleaseSource | null> = async () => null,
): Promise<Verdict[]> {
  const { admit, pipeline } = parts;
  const standing: Verdict[] = [];
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
      if (verdict === null || isStale(parts, verdict, environment)) {
        const judged = await pipeline.judgeComposition(composition, environment, project, 'platform', {
          door: 'start',
          restart: true,
          source: await source(),
        });
        for (const one of judged) await keepGrace(parts, one, environment);
        return judged.map((one) => one.verdict);
      }
      standing.push(verdict);
    }
  }
  return standing;
}

function isStale(parts: PermissionParts, verdict: Verdict, environment: ActiveEnvironment): boolean {
  const policy = parts.admit.policy(environment.policy);
  if (verdict.policy.name !== policy.name || verdict.policy.version !== policy.version) return true;
  if (Date.parse(verdict.at) <= parts.factsChangedMs()) return true;
  // Given while the clock was ahead: it would hold for as long, whatever becomes known of the image.
  if (Date.parse(verdict.at) > parts.clock.now().getTime()) return true;
  // A refused release of the same image and specification says nothing about what runs.
  if (verdict.decision === 'refuse' && !verdict.restart) return true;
  if (Date.parse(verdict.expiresAt) - parts.clock.now().getTime() >= RENEW_BEFORE_MS) return false;
  // One that ends with its deadline cannot be renewed beyond it.
  return !(verdict.restart && policy.restarts === 'refuse' && gracesOf(verdict).includes(verdict.expiresAt));
}

function gracesOf({ reasons }: Verdict): string[] {
  return reasons.flatMap(({ exception }) => (exception?.id === GRACE_EXCEPTION ? [exception.expiresAt] : []));
}

/** Keeps the deadline of what has none of its own, so that it does not move; one that nothing needs any more ends. */
async function keepGrace(
  { graces }: PermissionParts,
  { verdict, until }: { readonly verdict: Verdict; readonly until: string },
  environment: ActiveEnvironment,
) {
  const { project, digest } = { project: verdict.project, digest: verdict.digest as Digest };
  const resting = verdict.reasons.filter(({ exception }) => exception?.id === GRACE_EXCEPTION);
  const own = resting.filter(({ exception }) => exception?.expiresAt === until);
  if (own.length > 0) {
    const reasons = own.map((reason) => reason.message);
    await graces.begin({ project, digest, environment: environment.name, until, reasons });
  } else if (verdict.decision !== 'refuse') await graces.end(project, digest, environment.name);
}

/** Until when an image that runs may do so although something without a deadline of its own refuses it. */
export async function imageDeadline(
  graces: Pick<Graces, 'find'>,
  clock: Clock,
  place: {
    readonly project: string;
    readonly digest: Digest;
    readonly environment: Pick<ActiveEnvironment, 'name' | 'class'>;
  },
): Promise<string> {
  const { project, digest, environment } = place;
  const known = await graces.find(project, digest, environment.name);
  return known?.until ?? graceUntil(environment.class, clock.now());
}

/** Deadlines of whole images, as they are shown beside those of findings. */
export async function imageDeadlines(
  graces: Pick<Graces, 'ofEnvironments'>,
  query: DeadlineQuery,
): Promise<ShownDeadline[]> {
  return (await graces.ofEnvironments(query)).map(
    ({ project, digest, environment, startedAt, until, reasons, overAt }) => ({
      ...{ project, digest, environment: environment ?? '', since: startedAt, due: until, overAt, reasons },
      ...{ finding: null, package: null, decision: null },
    }),
  );
}

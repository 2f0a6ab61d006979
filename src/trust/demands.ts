import { isRecord } from './dsse.ts';
import {
  DEMANDED_USES,
  type DemandedUse,
  matchesPattern,
  ruleFor,
  type TrustPolicy,
  type TrustRule,
} from './policy.ts';
import type { AcceptedSignature } from './verify.ts';

/** "2 of release, security", and who of them signed. */
export interface DemandVerdict {
  readonly use: DemandedUse;
  readonly count: number;
  readonly of: readonly string[] | null;
  /** Environments (patterns) whose starts need it; null: all. */
  readonly environments: readonly string[] | null;
  readonly signers: readonly string[];
  readonly met: boolean;
  /** Named by the policy for this place: nothing starts without it, and no verdict or exception stands in for it. */
  readonly needed: boolean;
}

/**
 * Whether the signatures that count meet what the policy asks for. A signer counts once, however often it signed; whoever
 * the demand does not name does not count for it.
 * @param environment where the image is to start; null asks about the image without a place
 */
export function judgeDemands(
  policy: TrustPolicy,
  repository: string,
  environment: string | null,
  accepted: readonly AcceptedSignature[],
): DemandVerdict[] {
  const rule = ruleFor(policy, repository);
  return DEMANDED_USES.flatMap((use) => {
    const written = rule.demands[use];
    if (written === undefined && use !== 'image' && use !== 'provenance') return [];
    const { count, of, environments } = written ?? USUAL_DEMAND;
    const signers = new Set(
      accepted
        .filter((one) => one.use === use && (use !== 'approval' || approves(one, environment)))
        .filter(
          (one) => of === null || of.some((pattern) => namesOf(one).some((name) => matchesPattern(pattern, name))),
        )
        .map((one) => namesOf(one)[0] ?? one.signer),
    );
    // A demand of none is no demand that a signature stands: what nobody signed is never called signed.
    const met = signers.size >= Math.max(1, count);
    const needed = written !== undefined && isAskedIn(environments, environment);
    return [{ use, count, of, environments, signers: [...signers].sort(), met, needed }];
  });
}

/** A demand in a few characters that mean the same in every language: `approval 0/1 (security)`. */
export function demandLabel({ use, count, of, signers }: DemandVerdict): string {
  return `${use} ${signers.length}/${count}${of === null ? '' : ` (${of.join(', ')})`}`;
}

/** What a start in this place lacks. */
export function unmetDemands(demands: readonly DemandVerdict[]): DemandVerdict[] {
  return demands.filter((demand) => demand.needed && !demand.met);
}

/** Asked of an image whose rule does not speak of the use: whether anybody at all stands for it. */
const USUAL_DEMAND: NonNullable<TrustRule['demands'][DemandedUse]> = { count: 1, of: null, environments: null };

function isAskedIn(environments: readonly string[] | null, environment: string | null): boolean {
  if (environments === null || environment === null) return true;
  return environments.some((pattern) => matchesPattern(pattern, environment));
}

/**
 * An approval counts for the environment that it names, or everywhere when it names none. An exception's approval is
 * another thing: it says that one finding may be lived with, not that the release may run.
 */
function approves({ predicate }: AcceptedSignature, environment: string | null): boolean {
  if (!isRecord(predicate) || predicate['decision'] !== 'approved') return false;
  const { what = 'image', environment: named = null } = predicate;
  if (what !== 'image' && what !== 'promotion') return false;
  return named === null || environment === null || named === environment;
}

/**
 * By what names a signature may be asked for: the signer's, and before it `signer:person` where the signer vouches for
 * people whom it authenticated. So `control:*` counts people, and nobody but such a signer can name another person.
 */
function namesOf({ signer, use, vouches, predicate }: AcceptedSignature): string[] {
  if (!vouches || use !== 'approval' || !isRecord(predicate)) return [signer];
  const approver = isRecord(predicate['approver']) ? predicate['approver']['name'] : undefined;
  return typeof approver === 'string' && approver !== '' ? [`${signer}:${approver}`, signer] : [signer];
}

import type { Admit, Verdict } from '../../admit/index.ts';
import type { Composition, Deployments, WantedState } from '../../deploy/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { parseReference } from '../../oci/index.ts';
import type { Json, Log } from '../../system/index.ts';
import {
  HOST_POLICY_TYPE,
  type PackedSignatures,
  packSignatures,
  type SignatureStore,
  type SignedRecord,
  type SigningKey,
  signRecord,
  type Trust,
} from '../../trust/index.ts';
import { type ToAgent, WANTED_TYPE } from '../link/protocol.ts';
import type { Pipeline } from './pipeline.ts';

/** A verdict with less left than this is given anew, so that a host that loses control for a while can still restart pods. */
const RENEW_BEFORE_MS = 12 * 3_600_000;

export interface PermissionParts {
  readonly admit: Admit;
  readonly deployments: Deployments;
  readonly pipeline: Pipeline;
  readonly signatures: SignatureStore;
  readonly trust: Trust;
  readonly key: SigningKey;
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
          signatures[place] = packSignatures(await parts.signatures.signaturesOf(repository, digest));
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

/** The verdicts of a composition at the start door: those that stand, or new ones where they are missing or running out. */
async function startVerdicts(
  parts: PermissionParts,
  composition: Composition,
  environment: Awaited<ReturnType<Deployments['activeReleases']>>[number]['environment'],
  project: string,
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
      if (verdict === null || Date.parse(verdict.expiresAt) - Date.now() < RENEW_BEFORE_MS) {
        const judged = await pipeline.judgeComposition(composition, environment, project, 'platform', 'start');
        return judged.map((one) => one.verdict);
      }
      standing.push(verdict);
    }
  }
  return standing;
}

import type { Json } from '../../system/index.ts';
import type { Respond } from '../respond.ts';
import { evidenceFault } from './errors.ts';
import type { Evidence, EvidenceHow, EvidenceStore } from './evidence.ts';
import { EVIDENCE_CONTEXT_BYTES_MAX } from './limits.ts';

/**
 * Keeps what the container of an incident is now, with what is known of the incident.
 * @throws Fault respond.incident-unknown, evidence.no-container, evidence.store-full, evidence.not-believed; the host's
 */
export async function takeIncidentEvidence(
  respond: Respond,
  store: EvidenceStore,
  number: number,
  how: EvidenceHow,
): Promise<Evidence> {
  const detail = await respond.describe(number);
  const { containerId, host, project, environment, workload, digest } = detail;
  if (containerId === null) throw evidenceFault('evidence.no-container', { number });
  const target = { containerId, host, project, environment, workload, digest, incident: number };
  let { alerts } = detail;
  // What a verifier does not take is no evidence: the first alerts stay, their number is told with the incident.
  while (alerts.length > 1 && Buffer.byteLength(JSON.stringify(alerts)) > EVIDENCE_CONTEXT_BYTES_MAX / 2)
    alerts = alerts.slice(0, alerts.length >> 1);
  return store.take(target, how, { incident: { ...detail, alerts } } as unknown as Json);
}

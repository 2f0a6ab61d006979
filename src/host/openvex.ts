import { createHash } from 'node:crypto';
import type { Json } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';
import type { KernelTruth, TruthReason } from './truth.ts';

/** What OpenVEX calls the ground of `not_affected`. */
const JUSTIFICATION: Partial<Record<TruthReason, string>> = {
  architecture: 'vulnerable_code_not_present',
  configuration: 'vulnerable_code_not_present',
  'module-absent': 'vulnerable_code_not_present',
  'module-blocked': 'vulnerable_code_cannot_be_controlled_by_adversary',
  'path-closed': 'vulnerable_code_cannot_be_controlled_by_adversary',
  control: 'inline_mitigations_already_exist',
  'before-introduction': 'vulnerable_code_not_present',
  'removed-upstream': 'vulnerable_code_not_present',
  'other-branches': 'vulnerable_code_not_present',
};

/**
 * The truth as OpenVEX 0.2.0 (openvex.dev), for scanners that know the version alone. A fix in the running code, from
 * wherever, is `fixed`; what cannot be reached or is mitigated is `not_affected` with its ground; `unknown` is
 * `under_investigation`.
 */
export function toKernelVex(facts: MachineFacts, truths: readonly KernelTruth[], now: string): { [key: string]: Json } {
  const { release, package: own } = facts.kernel;
  const product =
    own === null
      ? `pkg:generic/linux@${encodeURIComponent(release)}`
      : own.source === 'linux'
        ? `pkg:deb/${facts.distribution?.id ?? 'debian'}/linux@${encodeURIComponent(own.version)}?arch=source`
        : `pkg:rpm/${facts.distribution?.id ?? 'redhat'}/kernel@${encodeURIComponent(own.version)}`;
  const statements = truths.map(
    (truth): Json => ({
      vulnerability: { name: truth.cve },
      products: [{ '@id': product }],
      ...statusOf(truth),
    }),
  );
  const text = JSON.stringify([product, facts.host, facts.kernel, statements]);
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': `urn:darsena:vex:${createHash('sha256').update(text).digest('hex')}`,
    author: 'Dársena',
    timestamp: now,
    version: 1,
    tooling: 'darsena',
    statements,
  };
}

function statusOf({ state, reason, fixedIn, evidence }: KernelTruth): { [key: string]: Json } {
  const notes = evidence.map(({ en }) => en).join('; ');
  if (state === 'exposed') {
    const action = fixedIn === null ? 'no release has a fix yet' : `upgrade the kernel to ${fixedIn} or later`;
    return { status: 'affected', action_statement: action, status_notes: notes };
  }
  if (state === 'unknown') return { status: 'under_investigation', status_notes: notes };
  const justification = state === 'live-patched' ? undefined : JUSTIFICATION[reason];
  return justification === undefined
    ? { status: 'fixed', status_notes: notes }
    : { status: 'not_affected', justification, impact_statement: notes };
}

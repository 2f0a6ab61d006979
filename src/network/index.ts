export {
  type Authority,
  type CertificateDescription,
  createAuthority,
  createRequest,
  defaultDomain,
  describeCertificate,
  type IssuedCertificate,
  issueClientCertificate,
  issueServerCertificate,
  issueWildcardCertificate,
  needsRenewal,
  parseAuthority,
  serialiseAuthority,
  signRequest,
} from './certificates.ts';
export { networkCommands } from './commands.ts';
export { type EdgeSettings, renderConfig } from './edge/config.ts';
export { Edge, type EdgeOptions } from './edge/edge.ts';
export { checkRoute, type EdgeRoute, type Endpoint } from './edge/route.ts';
export { networkFault } from './errors.ts';
export { publishedName } from './published-name.ts';
export { type Flow, readFlows } from './segmentation/flows.ts';
export {
  coversName,
  isAddressBlock,
  isWithin,
  type LabelRequirement,
  type LabelSelector,
  type NetworkPolicy,
  namespaceLabels,
  type PolicyPeer,
  type PolicyPort,
  type TrafficRule,
} from './segmentation/policy.ts';
export { type NamedEgress, POLICY_TABLE, type PodRules, podRules, type SegmentPod } from './segmentation/rules.ts';

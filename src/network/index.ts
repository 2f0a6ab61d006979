export { CertificateOrders, type OrderTables } from './acme/orders.ts';
export { registerAcmeRoutes } from './acme/routes.ts';
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
export { type AccessEntry, AccessLog, REFUSALS, type Refusal } from './edge/access-log.ts';
export { ROUTE_ANNOTATIONS, readRouteAnnotations } from './edge/annotations.ts';
export { type EdgeSettings, renderConfig } from './edge/config.ts';
export { type Denial, Denials, registerDenialRoutes, withDenials } from './edge/denials.ts';
export { Edge, type EdgeCertificate, type EdgeOptions } from './edge/edge.ts';
export { registerAccessLogRoutes } from './edge/log-routes.ts';
export { faultOfOptions, isNetwork, type RouteOptions } from './edge/options.ts';
export {
  checkListener,
  checkRoute,
  EDGE_HOST,
  EDGE_PATH,
  type EdgeListener,
  type EdgeRoute,
  type Endpoint,
  type Published,
} from './edge/route.ts';
export { networkFault, whyFailed } from './errors.ts';
export type { FlowPeer, KnownFlow, WorkloadFlow } from './flows/flow.ts';
export { Flows, type NetworkTables } from './flows/flows.ts';
export { type Flow, readFlows } from './flows/read.ts';
export { SITE_CHECK_MS } from './limits.ts';
export { networkMigrations } from './migrations.ts';
export { NameServer, type NameServerOptions, type ResolverSockets } from './names/server.ts';
export {
  answersNames,
  hostNameservers,
  outsideNameservers,
  ResolverUpstream,
  readNameservers,
  type Upstream,
} from './names/upstream.ts';
export { askZone, EMPTY_ZONE, type Zone, type ZoneClient, type ZoneService } from './names/zone.ts';
export { publishedName } from './published-name.ts';
export { registerNetworkRoutes, type WorkloadsOf } from './routes.ts';
export {
  coversName,
  holds,
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
export {
  type NamedEgress,
  openAddresses,
  POLICY_TABLE,
  type PodPlaceSix,
  type PodRules,
  podRules,
  type SegmentPod,
} from './segmentation/rules.ts';
export { registerServedRoutes } from './served/routes.ts';
export {
  coversHost,
  ownersOfHost,
  type ServedCertificate,
  ServedCertificates,
  type ServedTables,
} from './served/served.ts';
export { type EdgeSettingsOfAll, readEdgeSettings, type SettingsTables, writeEdgeSettings } from './served/settings.ts';
export { registerSiteRoutes } from './sites/routes.ts';
export { type SiteSettings, type SiteState, Sites } from './sites/sites.ts';

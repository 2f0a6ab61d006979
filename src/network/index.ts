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

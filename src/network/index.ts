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
export { networkFault } from './errors.ts';

/** Lies in every exported archive, for whoever finds it in five years without this program. */
export const EVIDENCE_README = `Evidence of a container, taken by the platform Dársena.

  evidence.tar.gz  what the host gathered while the container stood still
  host.json        the host's manifest: SHA-256 of evidence.tar.gz and of each file in it
  context.json     the incident as it was known then
  control.json     the receipt: SHA-256 of host.json, context.json and evidence.tar.gz
  custody.json     who took, read and exported it
  host.pem         public key of the host; control.pem: of the platform

With the program:     darsena evidence verify FILE --key control.pem
With Node.js alone:   node verify-evidence.mjs FILE control.pem (the platform writes it: darsena evidence verifier)
Without it: host.json, control.json and custody.json are DSSE envelopes (github.com/secure-systems-lab/dsse). The payload is
base64; the signature is ECDSA P-256 with SHA-256, in DER, over
  DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload
Take the public keys from the platform (darsena trust keys control --pem), not from this archive: those here prove only that
nothing was changed since they signed.
`;

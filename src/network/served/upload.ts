import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Text } from '../../system/index.ts';
import { describeCertificate } from '../certificates.ts';
import { EDGE_HOST } from '../edge/route.ts';
import { networkFault } from '../errors.ts';
import { CERTIFICATE_NAMES_MAX, CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX, KEY_BYTES_MAX } from '../limits.ts';

/** A certificate that the edge may serve: its chain from the leaf upwards, and its key; both PEM without anything around it. */
export interface CheckedCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly names: readonly string[];
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly fingerprint: string;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const RSA_BITS_MIN = 2048;
/** Names of OpenSSL: `sha1WithRSAEncryption`, `ecdsa-with-SHA1`, `dsaWithSHA1`, `md5WithRSAEncryption`. */
const WEAK_SIGNATURE = /sha-?1(?!\d)|md[245]/i;
const CURVES: readonly string[] = ['prime256v1', 'secp384r1'];

/**
 * Judges a chain and a key before the edge gets them: the key's own certificate first, each further one the issuer of the
 * one before, names that DNS can have, in force now.
 * @throws Fault network.certificate-refused
 */
export function checkCertificate(chainText: string, keyText: string, now: Date): CheckedCertificate {
  if (chainText.length > CHAIN_BYTES_MAX) throw refuse(TOO_LONG);
  const key = readKey(keyText);
  const all = readChain(chainText);
  const leaf = all.find((one) => one.checkPrivateKey(key));
  if (leaf === undefined) throw refuse(OTHER_KEY);
  if (leaf.ca) throw refuse(AUTHORITY);
  const chain = orderChain(leaf, all);
  const usages = leaf.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && !usages.includes(SERVER_AUTH)) throw refuse(NO_SERVER);
  const { names, issuer, notBefore, notAfter, fingerprintSha256 } = describeCertificate(leaf.toString());
  const lower = names.map((name) => name.toLowerCase());
  const odd = lower.find((name) => !EDGE_HOST.test(name));
  if (odd !== undefined) throw refuse(oddName(odd));
  if (lower.length === 0 || lower.length > CERTIFICATE_NAMES_MAX) throw refuse(NO_NAMES);
  for (const one of chain) {
    if (one.validToDate <= now) throw refuse(expired(one));
    if (one.validFromDate > now) throw refuse(notYet(one));
    // OpenSSL of the edge refuses it, and its whole configuration with it: every later change would wait.
    const { modulusLength = RSA_BITS_MIN } = one.publicKey.asymmetricKeyDetails ?? {};
    if (WEAK_SIGNATURE.test(one.signatureAlgorithm ?? '') || modulusLength < RSA_BITS_MIN) throw refuse(weak(one));
  }
  return {
    chainPem: chain.map((one) => one.toString()).join(''),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    names: [...new Set(lower)],
    issuer,
    notBefore,
    notAfter,
    fingerprint: fingerprintSha256,
  };
}

function readKey(text: string): KeyObject {
  if (text.length > KEY_BYTES_MAX) throw refuse(NO_KEY);
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    // Why it failed is not told: a message of the parser could hold a part of the key.
    throw refuse(/ENCRYPTED/.test(text) ? LOCKED_KEY : NO_KEY);
  }
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const isStrong =
    (key.asymmetricKeyType === 'rsa' && modulusLength >= RSA_BITS_MIN) ||
    (key.asymmetricKeyType === 'ec' && CURVES.includes(namedCurve));
  if (!isStrong) throw refuse(WEAK_KEY);
  return key;
}

function readChain(text: string): X509Certificate[] {
  const blocks = text.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) throw refuse(NO_CERTIFICATE);
  if (blocks.length > CHAIN_CERTIFICATES_MAX) throw refuse(TOO_LONG);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw refuse(NO_CERTIFICATE, cause);
    }
  });
}

/** From the leaf upwards, in whatever order they came; a root that signed itself is left out, as clients must know it. */
function orderChain(leaf: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf];
  const rest = all.filter((one) => one.fingerprint256 !== leaf.fingerprint256);
  for (let last = leaf; rest.length > 0; ) {
    const at = rest.findIndex((one) => one.ca && last.checkIssued(one) && last.verify(one.publicKey));
    const [next] = at < 0 ? [] : rest.splice(at, 1);
    if (next === undefined) throw refuse(strange(rest[0] as X509Certificate));
    if (!(next.checkIssued(next) && next.verify(next.publicKey))) chain.push(next);
    last = next;
  }
  return chain;
}

function refuse(why: Text, cause?: unknown): Error {
  const params = { reason: why.en, motivo: why.es };
  return networkFault('network.certificate-refused', params, cause === undefined ? {} : { cause });
}

function nameOf(certificate: X509Certificate): string {
  return JSON.stringify(certificate.subject.replaceAll('\n', ', ').slice(0, 120));
}

const TOO_LONG: Text = {
  en: 'the chain is longer than any that clients read',
  es: 'la cadena es más larga de lo que leen los clientes',
};
const NO_CERTIFICATE: Text = {
  en: 'its certificates are not readable: PEM blocks CERTIFICATE are expected',
  es: 'sus certificados no son legibles: se esperan bloques PEM CERTIFICATE',
};
const NO_KEY: Text = {
  en: 'its key is not readable: a PEM private key is expected',
  es: 'su clave no es legible: se espera una clave privada PEM',
};
const LOCKED_KEY: Text = {
  en: 'its key is locked with a passphrase; unlock it first (openssl pkey -in key.pem -out open.pem)',
  es: 'su clave está protegida con contraseña; desbloquearla antes (openssl pkey -in key.pem -out open.pem)',
};
const WEAK_KEY: Text = {
  en: 'its key is not of a kind that is served: RSA of 2048 bits or more, ECDSA on P-256 or P-384',
  es: 'su clave no es de un tipo que se sirva: RSA de 2048 bits o más, ECDSA en P-256 o P-384',
};
const OTHER_KEY: Text = {
  en: 'the key belongs to none of its certificates',
  es: 'la clave no pertenece a ninguno de sus certificados',
};
const AUTHORITY: Text = {
  en: 'it is the certificate of an authority, not of a server',
  es: 'es el certificado de una autoridad, no de un servidor',
};
const NO_SERVER: Text = {
  en: 'its extended key usage does not name servers',
  es: 'su uso extendido de clave no nombra servidores',
};
const NO_NAMES: Text = {
  en: `it has no DNS names, or more than ${CERTIFICATE_NAMES_MAX}`,
  es: `no tiene nombres DNS, o tiene más de ${CERTIFICATE_NAMES_MAX}`,
};

function oddName(name: string): Text {
  const shown = JSON.stringify(name.slice(0, 120));
  return { en: `its name ${shown} is no host name`, es: `su nombre ${shown} no es un nombre de host` };
}

function expired(one: X509Certificate): Text {
  const at = one.validToDate.toISOString();
  return { en: `${nameOf(one)} ended at ${at}`, es: `${nameOf(one)} terminó el ${at}` };
}

function notYet(one: X509Certificate): Text {
  const at = one.validFromDate.toISOString();
  return { en: `${nameOf(one)} begins at ${at} only`, es: `${nameOf(one)} no empieza hasta el ${at}` };
}

function strange(one: X509Certificate): Text {
  return {
    en: `${nameOf(one)} is no part of the chain: it did not sign the one before it`,
    es: `${nameOf(one)} no es parte de la cadena: no firmó el anterior`,
  };
}

function weak(one: X509Certificate): Text {
  return {
    en: `${nameOf(one)} has a signature or a key that clients refuse: SHA-256 and RSA of 2048 bits are the least`,
    es: `${nameOf(one)} tiene una firma o una clave que los clientes rechazan: lo mínimo es SHA-256 y RSA de 2048 bits`,
  };
}

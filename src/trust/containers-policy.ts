import { REGISTRY_NAME } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import { matchesPattern } from './policy.ts';
import type { TrustDocument } from './policy-document.ts';
import type { SignatureUse } from './statement.ts';
import { signerName } from './succession.ts';

/** A key that the platform believes, as its list shows it. */
export interface BelievedKey {
  readonly name: string;
  readonly uses: readonly SignatureUse[];
  readonly repositories: readonly string[];
  readonly publicKeyPem: string;
  readonly validUntil?: string | null;
  readonly revokedAt: string | null;
}

export interface ContainersPolicy {
  /** containers-policy.json(5) */
  readonly policy: Readonly<Record<string, unknown>>;
  /** containers-registries.d(5) */
  readonly registriesD: string;
  /** containers-registries.conf(5), a drop-in: where the registry's name leads. */
  readonly registriesConf: string;
  /** What of the trust policy those programs cannot check, and what is written in its place. */
  readonly notes: readonly Text[];
}

interface Candidate {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly requirement: (identity: object) => Readonly<Record<string, unknown>>;
  /** PEM of its keys, of which one is enough: the one that stands, and former ones. */
  readonly pems: readonly string[] | null;
}

/**
 * What makes plain Podman, Skopeo, Buildah and CRI-O on other machines verify images of this platform's registry. They
 * read cosign's version 2 layout (`sigstoreSigned`), bound to the repository by its name; images are asked for under
 * `registry.darsena.internal/…`, which the drop-in leads to the address.
 * @param address `host:port` of the registry
 */
export function containersPolicy(
  document: TrustDocument,
  keys: readonly BelievedKey[],
  options: { readonly address: string; readonly others: 'reject' | 'insecureAcceptAnything'; readonly now: Date },
): ContainersPolicy {
  const notes: Text[] = [];
  const candidates = candidatesOf(document, keys, options.now, notes);
  const scopes = new Set([REGISTRY_NAME, ...candidates.flatMap((one) => one.scopes)]);
  for (const rule of document.rules ?? []) for (const pattern of rule.repositories) addScope(pattern, scopes, notes);
  const docker: Record<string, unknown> = {};
  for (const scope of [...scopes].sort()) {
    const rule = (document.rules ?? []).find((one) =>
      one.repositories.some((pattern) => isWithin(scope, scopeOf(pattern))),
    );
    const { count, of } = rule?.image ?? { count: 1 };
    const here = together(
      candidates.filter(
        (one) =>
          one.scopes.some((wide) => isWithin(scope, wide)) &&
          (of === undefined || of.some((pattern) => matchesPattern(pattern, one.name))),
      ),
    );
    docker[scope] = requirements(scope, here, count, { type: 'matchRepository' }, notes);
  }
  // Under its address no identity can be matched that leaves the tag out, as signatures of repositories do: by its name only.
  docker[options.address] = [{ type: 'reject' }];
  return {
    policy: { default: [{ type: options.others }], transports: { docker } },
    registriesD: [
      'docker:',
      ...[REGISTRY_NAME, options.address].map((name) => `  ${name}:\n    use-sigstore-attachments: true`),
      '',
    ].join('\n'),
    registriesConf: `[[registry]]\nprefix = "${REGISTRY_NAME}"\nlocation = "${options.address}"\n`,
    notes,
  };
}

function candidatesOf(document: TrustDocument, keys: readonly BelievedKey[], now: Date, notes: Text[]): Candidate[] {
  const isOver = (until: string | null | undefined): boolean =>
    typeof until === 'string' && Date.parse(until) <= now.getTime();
  const scopesOf = (patterns: readonly string[]): string[] => {
    const scopes = new Set<string>();
    for (const pattern of patterns) addScope(pattern, scopes, notes);
    return [...scopes];
  };
  const fromKeys = keys
    .filter((key) => key.uses.includes('image') && key.revokedAt === null && !isOver(key.validUntil))
    // Builders sign bundles, which these programs do not read; a key for nothing would only weaken the rest.
    .filter((key) => !key.name.startsWith('builder:'))
    .map((key) => keyCandidate(signerName(key.name), scopesOf(key.repositories), [key.publicKeyPem]));
  const fromDocument = (document.signers ?? []).flatMap((one): Candidate[] => {
    if (!one.uses.includes('image') || one.revokedAt !== undefined || isOver(one.validUntil)) return [];
    const scopes = scopesOf(one.repositories ?? ['**']);
    if (one.key !== undefined) return [keyCandidate(one.name, scopes, [one.key])];
    const keyless = one.keyless === undefined ? null : keylessRequirement(document, one.keyless);
    if (keyless !== null)
      return [
        { name: one.name, scopes, requirement: (identity) => ({ ...keyless, signedIdentity: identity }), pems: null },
      ];
    notes.push({
      en: `${one.name} is left out: those programs know keys and e-mail identities only`,
      es: `${one.name} queda fuera: esos programas solo conocen claves e identidades de correo`,
    });
    return [];
  });
  return [...fromKeys, ...fromDocument];
}

function keyCandidate(name: string, scopes: readonly string[], pems: readonly string[]): Candidate {
  return { name, scopes, pems, requirement: (identity) => keyRequirement(pems, identity) };
}

function keyRequirement(pems: readonly string[], identity: object): Readonly<Record<string, unknown>> {
  const [first = ''] = pems;
  const keys = pems.length === 1 ? { keyData: base64(first) } : { keyDatas: pems.map(base64) };
  return { type: 'sigstoreSigned', ...keys, signedIdentity: identity };
}

/** A key and those that it took the place of are one signer, each where it counts: their repositories may differ by now. */
function together(candidates: readonly Candidate[]): Candidate[] {
  const signers = new Map<string, Candidate>();
  for (const one of candidates) {
    const before = signers.get(one.name)?.pems ?? null;
    const isFirst = before === null || one.pems === null;
    signers.set(one.name, isFirst ? one : keyCandidate(one.name, one.scopes, [...before, ...one.pems]));
  }
  return [...signers.values()];
}

/** Fulcio with an e-mail address: the only keyless identity that containers-policy.json can name. */
function keylessRequirement(
  document: TrustDocument,
  { issuer, subject, root }: { readonly issuer: string; readonly subject: string; readonly root: string },
): Readonly<Record<string, unknown>> | null {
  if (!/^[^/\s*]+@[^/\s*]+$/.test(subject)) return null;
  const trusted = document.roots?.[root] as
    | {
        certificateAuthorities?: { certChain: { certificates: { rawBytes: string }[] } }[];
        tlogs?: { publicKey: { rawBytes: string } }[];
      }
    | undefined;
  const chain = trusted?.certificateAuthorities?.at(-1)?.certChain.certificates ?? [];
  const log = trusted?.tlogs?.[0]?.publicKey.rawBytes;
  if (chain.length === 0 || log === undefined) return null;
  const pem = (label: string, der: string): string =>
    `-----BEGIN ${label}-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END ${label}-----\n`;
  return {
    type: 'sigstoreSigned',
    fulcio: {
      caData: base64(chain.map((one) => pem('CERTIFICATE', one.rawBytes)).join('')),
      oidcIssuer: issuer,
      subjectEmail: subject,
    },
    rekorPublicKeyData: base64(pem('PUBLIC KEY', log)),
  };
}

/** Requirements of one scope: all in the list must hold. */
function requirements(
  scope: string,
  candidates: readonly Candidate[],
  count: number,
  identity: object,
  notes: Text[],
): unknown[] {
  const [first] = candidates;
  if (first === undefined || candidates.length < count) {
    notes.push({
      en: `${scope}: nobody who could sign is known, so it is refused`,
      es: `${scope}: no se conoce a nadie que pueda firmar, así que se rechaza`,
    });
    return [{ type: 'reject' }];
  }
  const tellSeveral = (pems: readonly string[] | null): void => {
    if (pems === null || pems.length < 2) return;
    notes.push({
      en: `${scope}: several keys of which one is enough need Podman 5 or newer (keyDatas)`,
      es: `${scope}: varias claves de las que basta una requieren Podman 5 o posterior (keyDatas)`,
    });
  };
  if (candidates.length === count) {
    for (const { pems } of candidates) tellSeveral(pems);
    return candidates.map((one) => one.requirement(identity));
  }
  const pems = candidates.flatMap((one) => one.pems ?? []);
  if (candidates.some((one) => one.pems === null) || count > 1) {
    const names = candidates.map((one) => one.name).join(', ');
    notes.push({
      en: `${scope}: "${count} of ${names}" cannot be said there; one signature of any key among them is asked`,
      es: `${scope}: allí no se puede decir «${count} de ${names}»; se pide una firma de cualquiera de sus claves`,
    });
  }
  if (pems.length === 0) return [{ type: 'reject' }];
  tellSeveral(pems);
  return [keyRequirement(pems, identity)];
}

function addScope(pattern: string, scopes: Set<string>, notes: Text[]): void {
  const scope = scopeOf(pattern);
  if (scope !== null) scopes.add(scope);
  else
    notes.push({
      en: `${pattern} is left out: scopes there are a registry, the beginning of a path or one repository`,
      es: `${pattern} queda fuera: allí un ámbito es un registro, el comienzo de una ruta o un repositorio`,
    });
}

/** `tienda/**` → `registry.darsena.internal/tienda`. Null when a pattern is more than the beginning of a path. */
function scopeOf(pattern: string): string | null {
  const full =
    pattern === '**' ? `${REGISTRY_NAME}/**` : /^[^/]*[.:]/.test(pattern) ? pattern : `${REGISTRY_NAME}/${pattern}`;
  const scope = full.replace(/\/\*{1,2}$/, '');
  return scope.includes('*') || !scope.startsWith(REGISTRY_NAME) ? null : scope;
}

function isWithin(scope: string, wide: string | null): boolean {
  return wide !== null && (scope === wide || scope.startsWith(`${wide}/`));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

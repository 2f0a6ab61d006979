import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { describeFormatError, FormatError, parseYaml } from '../formats/index.ts';
import { describeIssue, Fault, type Json, type Text } from '../system/index.ts';
import { trustFault } from './errors.ts';
import { readPublicKey } from './key.ts';
import { POLICY_BYTES_MAX } from './limits.ts';
import {
  DEMANDED_USES,
  defineSigner,
  type SignatureDemand,
  type SignerIdentity,
  type TrustedSigner,
  type TrustPolicy,
  type TrustRule,
} from './policy.ts';
import { readTrustedRoot, type TrustedRoot } from './sigstore/trusted-root.ts';
import { SIGNATURE_USES } from './statement.ts';

const name = z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/, 'expected a name of a-z, 0-9, point, hyphen, underscore');
const instant = z.iso.datetime({ offset: true });
const patterns = z.array(z.string().min(1).max(300)).min(1).max(100);
const pem = z.string().min(1).max(8192);
const demand = z.strictObject({
  count: z.int().min(1).max(20),
  of: z.array(z.string().min(1).max(130)).min(1).max(50).optional(),
  /** Environments whose starts need it; without it all. */
  environments: z.array(z.string().min(1).max(130)).min(1).max(50).optional(),
});

const signer = z.strictObject({
  name,
  uses: z.array(z.enum(SIGNATURE_USES)).min(1),
  repositories: patterns.optional(),
  /** Exactly one of the three. */
  key: pem.optional(),
  keyless: z
    .strictObject({ issuer: z.string().min(1).max(500), subject: z.string().min(1).max(1000), root: name })
    .optional(),
  notation: z
    .strictObject({ authorities: z.array(pem).min(1).max(20), subject: z.string().min(1).max(500) })
    .optional(),
  /** With a key: the root whose logs and time stamps are asked. */
  root: name.optional(),
  /** With a key: it signs approvals for people whom it authenticated, as a Darsena's control does. */
  vouches: z.boolean().optional(),
  logs: z.int().min(0).max(5).optional(),
  times: z.int().min(0).max(5).optional(),
  validFrom: instant.optional(),
  validUntil: instant.optional(),
  revokedAt: instant.optional(),
});

const rule = z.strictObject({
  repositories: patterns,
  image: demand.optional(),
  provenance: demand.optional(),
  sbom: demand.optional(),
  scan: demand.optional(),
  approval: demand.optional(),
  alsoBoundTo: z.array(z.string().min(1).max(300)).max(100).optional(),
  binding: z.enum(['required', 'ignored']).optional(),
});

const document = z.strictObject({
  version: z.literal(1),
  binding: z.enum(['required', 'ignored']).optional(),
  /** trusted_root.json by name. */
  roots: z.record(name, z.record(z.string(), z.unknown())).optional(),
  signers: z.array(signer).max(200).optional(),
  rules: z.array(rule).max(200).optional(),
  /** Whose signatures a host wants before it follows another policy. */
  administrators: z.strictObject({ count: z.int().min(1).max(10), keys: z.array(pem).min(1).max(20) }).optional(),
});

/** A trust policy as people write it and as it is stored: JSON of this shape, or YAML. */
export type TrustDocument = z.infer<typeof document>;

export const EMPTY_DOCUMENT: TrustDocument = { version: 1 };

/**
 * Reads a policy in YAML or JSON.
 * @throws Fault trust.policy-invalid with every mistake
 */
export function readTrustDocument(text: string): TrustDocument {
  if (text.length > POLICY_BYTES_MAX) {
    const text: Text = {
      en: `it is larger than ${POLICY_BYTES_MAX} bytes`,
      es: `ocupa más de ${POLICY_BYTES_MAX} bytes`,
    };
    throw invalid([text]);
  }
  return checkTrustDocument(parsePolicyText(text));
}

/** The text of a policy as plain values. @throws Fault trust.policy-invalid */
export function parsePolicyText(text: string): unknown {
  try {
    return parseYaml(text).value;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw trustFault('trust.policy-invalid', { mistakes: describeFormatError(error) }, { cause: error });
  }
}

/** As readTrustDocument, of a value that was parsed. */
export function checkTrustDocument(value: unknown): TrustDocument {
  const parsed = document.safeParse(value);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => {
        const { code, path, message } = issue;
        const params = issue as unknown as Readonly<Record<string, unknown>>;
        const what = describeIssue({ keyword: code ?? '', instancePath: '', message, params });
        return at(path.join('.'), what);
      }),
    );
  }
  compileDocument(parsed.data, []);
  return parsed.data;
}

/** Trusted roots that were read already, by their text: what a root remembers must outlive one question. */
export type RootCache = Map<string, TrustedRoot>;

/**
 * The policy that a document and the keys of the instance make.
 * @param keys signers that stand beside the document, such as the builders of hosts
 * @throws Fault trust.policy-invalid
 */
export function compileDocument(
  written: TrustDocument,
  keys: readonly TrustedSigner[],
  cache: RootCache = new Map(),
): TrustPolicy {
  const mistakes: Text[] = [];
  const attempt = <T>(where: string, make: () => T): T | null => {
    try {
      return make();
    } catch (error) {
      mistakes.push(at(where, mistakeIn(error)));
      return null;
    }
  };
  const roots = new Map<string, TrustedRoot>();
  for (const [rootName, value] of Object.entries(written.roots ?? {})) {
    const root = attempt(`roots.${rootName}`, () => readRoot(value as Json, cache));
    if (root !== null) roots.set(rootName, root);
  }
  const rootOf = (rootName: string): TrustedRoot => {
    const root = roots.get(rootName);
    if (root === undefined) {
      throw new Mistake({
        en: `root ${rootName} is not among the roots`,
        es: `la raíz ${rootName} no está entre las raíces`,
      });
    }
    return root;
  };
  const own = new Set(keys.map((key) => key.name));
  const names = new Set<string>();
  const signers = (written.signers ?? []).flatMap((one) => {
    const made = attempt(`signers.${one.name}`, () => {
      if (own.has(one.name)) throw new Mistake(NAME_OF_A_KEY);
      if (names.has(one.name)) {
        throw new Mistake({ en: 'another signer has this name', es: 'otro firmante tiene este nombre' });
      }
      names.add(one.name);
      return toSigner(one, rootOf);
    });
    return made === null ? [] : [made];
  });
  const rules = (written.rules ?? []).map((one, index): TrustRule => {
    for (const use of DEMANDED_USES) {
      const { count, of } = one[use] ?? { count: 1 };
      if (of !== undefined && !of.some((wanted) => wanted.includes('*')) && new Set(of).size < count) {
        mistakes.push(
          at(`rules.${index}.${use}`, {
            en: `${count} of ${of.length} can never be met`,
            es: `${count} de ${of.length} no se puede cumplir nunca`,
          }),
        );
      }
    }
    return {
      repositories: one.repositories,
      demands: Object.fromEntries(
        DEMANDED_USES.flatMap((use) => (one[use] === undefined ? [] : [[use, toDemand(one[use])]])),
      ),
      alsoBoundTo: one.alsoBoundTo ?? [],
      repositoryBinding: one.binding ?? null,
    };
  });
  const administrators = written.administrators;
  if (administrators !== undefined) {
    const ids = administrators.keys.map(
      (key) => attempt('administrators', () => readPublicKey(key, 'administrator'))?.id,
    );
    if (new Set(ids).size < administrators.count)
      mistakes.push(
        at('administrators', {
          en: 'more signatures are asked than there are keys',
          es: 'se piden más firmas que claves hay',
        }),
      );
  }
  if (mistakes.length > 0) throw invalid(mistakes);
  return { signers: [...keys, ...signers], repositoryBinding: written.binding ?? 'required', rules };
}

function toDemand({ count, of, environments }: z.infer<typeof demand>): SignatureDemand {
  return { count, of: of ?? null, environments: environments ?? null };
}

function toSigner(written: z.infer<typeof signer>, rootOf: (name: string) => TrustedRoot): TrustedSigner {
  const { name: signerName, uses, repositories, validFrom, validUntil, revokedAt, logs = 0, times = 0 } = written;
  const bounds = {
    validFrom: validFrom ?? null,
    validUntil: validUntil ?? null,
    revokedAt: revokedAt ?? null,
    ...(repositories === undefined ? {} : { repositories }),
  };
  return defineSigner({
    name: signerName,
    uses,
    ...bounds,
    vouches: written.vouches ?? false,
    witnesses: { logs, times },
    identity: toIdentity(written, rootOf, logs + times > 0),
  });
}

function toIdentity(
  { name: signerName, key, keyless, notation, root }: z.infer<typeof signer>,
  rootOf: (name: string) => TrustedRoot,
  wantsWitnesses: boolean,
): SignerIdentity {
  if ([key, keyless, notation].filter((one) => one !== undefined).length !== 1) {
    throw new Mistake({
      en: 'expected one of key, keyless and notation',
      es: 'se esperaba uno de key, keyless y notation',
    });
  }
  if (keyless !== undefined) {
    return { kind: 'certificate', issuer: keyless.issuer, subject: keyless.subject, trustedRoot: rootOf(keyless.root) };
  }
  if (notation !== undefined) {
    for (const authority of notation.authorities) void new X509Certificate(authority);
    return { kind: 'x509', authorities: notation.authorities, subject: notation.subject };
  }
  if (wantsWitnesses && root === undefined) {
    throw new Mistake({ en: 'logs and times need a root to ask', es: 'logs y times necesitan una raíz (root)' });
  }
  return {
    kind: 'key',
    publicKey: readPublicKey(key ?? '', signerName),
    trustedRoot: root === undefined ? null : rootOf(root),
  };
}

function readRoot(value: Json, cache: RootCache): TrustedRoot {
  const text = JSON.stringify(value);
  const root = cache.get(text) ?? readTrustedRoot(Buffer.from(text));
  cache.set(text, root);
  return root;
}

/** A mistake in a document, in both languages. */
class Mistake extends RangeError {
  readonly text: Text;

  constructor(text: Text) {
    super(text.en);
    this.text = text;
  }
}

const NAME_OF_A_KEY: Text = {
  en: 'a key that was added by itself has this name (darsena trust keys): name the signer otherwise, or leave it out of the policy, whose rules may name that key',
  es: 'una clave añadida por sí sola tiene este nombre (darsena trust keys): dar otro nombre al firmante, o quitarlo de la política, cuyas reglas pueden nombrar esa clave',
};

function mistakeIn(error: unknown): Text {
  if (error instanceof Mistake) return error.text;
  if (error instanceof Fault) {
    const [en, es] = [error.text('en'), error.text('es')];
    return { en: en.why ?? en.what, es: es.why ?? es.what };
  }
  const said = error instanceof Error ? error.message : String(error);
  return { en: said, es: said };
}

function at(where: string, { en, es }: Text): Text {
  return { en: `${where || 'document'}: ${en}`, es: `${where || 'documento'}: ${es}` };
}

function invalid(mistakes: readonly Text[]): Error {
  const some = mistakes.slice(0, 20);
  return trustFault(
    'trust.policy-invalid',
    { mistakes: { en: some.map(({ en }) => en).join('; '), es: some.map(({ es }) => es).join('; ') } },
    { details: mistakes.map(({ en }) => en) },
  );
}

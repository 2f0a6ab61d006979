import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Descriptor, type Digest, projectOf } from '../oci/index.ts';
import { type Clock, canonicalJson, type Json, type Text } from '../system/index.ts';
import { attest, predicateBy } from './attest.ts';
import type { SimpleSigning } from './cosign.ts';
import { trustFault } from './errors.ts';
import { countAdministrators, type HostPolicy } from './host-policy.ts';
import {
  generateSigningKey,
  openSigningKey,
  type PublicKey,
  readPublicKey,
  type SigningKey,
  StandingKey,
} from './key.ts';
import { DEMANDED_USES, defineSigner, type TrustedSigner, type TrustPolicy, usesAsked } from './policy.ts';
import { checkTrustDocument, compileDocument, EMPTY_DOCUMENT, type RootCache } from './policy-document.ts';
import type { SignedRecord } from './record.ts';
import { type Referrer, toDocumentReferrer, toReferrer } from './referrer.ts';
import { type ImageSubject, PREDICATE_TYPE, type SignatureUse } from './statement.ts';
import {
  insertKey,
  insertPolicy,
  type KeyRecord,
  markEnded,
  markFormer,
  markRevoked,
  markTrust,
  markUses,
  type PolicyRecord,
  readKeyByName,
  readKeys,
  readPolicy,
  type TrustTables,
} from './store.ts';
import type { StoredSignatures } from './stored.ts';
import { formerName, isFormer, signerName, signSuccession } from './succession.ts';
import { type SignatureVerdict, verifyImage } from './verify.ts';

/** Asked of the registry: the signatures that lie beside an image. */
export interface SignatureStore {
  /** Repositories (`project/image`) of the project that hold the digest. */
  repositoriesOf(project: string, digest: Digest): Promise<readonly string[]>;
  /** What the digest is in that repository, or null when it is not there. */
  describe(repository: string, digest: Digest): Promise<Descriptor | null>;
  /**
   * What lies beside the digest and could be a signature: Sigstore bundles and Notation signatures among its referrers,
   * and cosign 2's at the tags `cosignSignatureTag(digest)` and `cosignAttestationTag(digest)`. Reading may stop as soon as more than BUNDLE_COUNT_MAX or
   * BUNDLE_TOTAL_BYTES_MAX were read, because above that nothing counts.
   * @param uses left out: everything. What says of itself that it states something else may be left unread.
   */
  signaturesOf(repository: string, digest: Digest, uses?: readonly SignatureUse[]): Promise<StoredSignatures>;
  /** Stores a referrer with its blobs; storing the same one again changes nothing. */
  putReferrer(repository: string, referrer: Referrer, actor: string): Promise<void>;
  /** Bundles beside the digest that say of themselves that they state this, with the referrers that hold them. */
  bundlesStating(repository: string, digest: Digest, predicateType: string): Promise<readonly StoredBundle[]>;
  /** Removes a referrer; one that is gone already is no error. */
  removeReferrer(repository: string, referrer: Digest, actor: string): Promise<void>;
  /** Adds a signature to those at the tag where cosign 2 looks for them. @returns the artifact's digest */
  putSimpleSigning(repository: string, digest: Digest, signing: SimpleSigning, actor: string): Promise<Digest>;
}

export interface StoredBundle {
  readonly referrer: Digest;
  readonly bundle: Uint8Array;
}

export interface TrustOptions {
  readonly db: Kysely<TrustTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** 32 bytes. Whoever has them and the database can sign in the platform's name. */
  readonly masterKey: Uint8Array;
  readonly signatures: SignatureStore;
}

export interface Attestation {
  readonly use: SignatureUse;
  readonly digest: Digest;
  /** `project/image` */
  readonly repository: string;
  readonly predicate: Json;
  /** The name of the key to sign with. */
  readonly key: string;
  readonly actor: string;
}

export interface NewPublicKey {
  readonly name: string;
  readonly uses: readonly SignatureUse[];
  readonly repositories: readonly string[];
  readonly publicKeyPem: string;
  /** RFC 3339; without it unbounded. */
  readonly validFrom?: string | null | undefined;
  readonly validUntil?: string | null | undefined;
}

/** A key as lists show it: nothing secret in it. */
export type KeyView = Omit<KeyRecord, 'sealed' | 'successor'> & { readonly signsHere: boolean };

export interface Rotation {
  readonly key: KeyView;
  /** The name under which the former key goes on. */
  readonly former: string;
}

/** Keys and signatures of one instance. */
export class Trust {
  readonly #options: TrustOptions;
  readonly #opened = new Map<string, SigningKey>();
  /** Those that somebody holds for good, by their name. */
  readonly #standing = new Map<string, StandingKey>();
  /** By their text: OpenSSL reads a key once, and a root keeps what it proved. */
  readonly #publicKeys = new Map<string, PublicKey>();
  readonly #roots: RootCache = new Map();
  /** What is being stated now, by use and image. */
  readonly #stating = new Map<string, Promise<void>>();
  /** Keys of others are added one after the other. */
  #adding: Promise<unknown> = Promise.resolve();
  /** Keys are rotated one after the other. */
  #rotating: Promise<unknown> = Promise.resolve();

  constructor(options: TrustOptions) {
    this.#options = options;
  }

  /**
   * The signing key of this name, made on first use; after a rotation, the one that stands then. Idempotent; a key that is
   * there gets the uses that it lacks, so that a newer version may sign what an older one did not know.
   * @throws Fault trust.key-locked, trust.master-key
   */
  async ensureKey(name: string, uses: readonly SignatureUse[]): Promise<SigningKey> {
    const key = await this.#madeKey(name, uses);
    const standing = this.#standing.get(name) ?? new StandingKey(key);
    this.#standing.set(name, standing);
    return standing;
  }

  async #madeKey(name: string, uses: readonly SignatureUse[]): Promise<SigningKey> {
    const { db, clock, masterKey } = this.#options;
    const known = await readKeyByName(db, name);
    if (known !== null) {
      const key = await this.signingKey(name);
      const all = [...new Set([...known.uses, ...uses])];
      if (all.length > known.uses.length) await markUses(db, known.id, all);
      return key;
    }
    const { key, sealed } = generateSigningKey(masterKey);
    const record = {
      ...sealed,
      name,
      uses,
      repositories: ['**'],
      createdAt: clock.now().toISOString(),
      ...{ revokedAt: null, validFrom: null, validUntil: null, successor: null },
    };
    await this.#addKey(record, 'platform');
    this.#opened.set(name, key);
    return key;
  }

  /**
   * Believes somebody else's public key, such as that of a pipeline that signs with cosign. The same key under the same
   * name again changes nothing, also at once, as a builder's new key is told by its host and in the answer to who asked
   * for it; a key that was revoked stays revoked.
   * @throws Fault trust.public-key, trust.identity-pattern, trust.key-name-taken
   */
  addPublicKey(key: NewPublicKey, actor: string): Promise<KeyView> {
    const added = this.#adding.then(() => this.#addUnknown(key, actor));
    this.#adding = added.catch(() => undefined);
    return added;
  }

  async #addUnknown(key: NewPublicKey, actor: string): Promise<KeyView> {
    const publicKey = readPublicKey(key.publicKeyPem, key.name);
    const { validFrom = null, validUntil = null } = key;
    defineSigner({ ...key, validFrom, validUntil, identity: { kind: 'key', publicKey, trustedRoot: null } });
    const keys = await readKeys(this.#options.db);
    const known = keys.find(({ id }) => id === publicKey.id) ?? keys.find(({ name }) => name === key.name);
    if (known !== undefined) {
      if (known.id === publicKey.id && known.name === key.name) return toView(known);
      const { id, name } = known;
      if (id === publicKey.id) throw trustFault('trust.key-known', { key: name });
      throw trustFault('trust.key-name-taken', { key: name, known: id.slice(0, 16), seen: publicKey.id.slice(0, 16) });
    }
    const record: KeyRecord = {
      id: publicKey.id,
      name: key.name,
      uses: key.uses,
      repositories: key.repositories,
      publicKeyPem: publicKey.pem,
      sealed: null,
      createdAt: this.#options.clock.now().toISOString(),
      ...{ revokedAt: null, validFrom, validUntil, successor: null },
    };
    await this.#addKey(record, actor);
    return toView(record);
  }

  /**
   * Believes a key as a person says it now: one that is believed already gets these uses, repositories and times in
   * place of those it had.
   * @throws Fault as addPublicKey, and trust.key-revoked, trust.key-own
   */
  async believeKey(key: NewPublicKey, actor: string): Promise<KeyView> {
    const { db, journal } = this.#options;
    const { document } = await this.policyDocument();
    if ((document.signers ?? []).some((one) => one.name === key.name)) {
      throw trustFault('trust.signer-name-taken', { key: key.name });
    }
    const known = await this.addPublicKey(key, actor);
    if (known.revokedAt !== null) throw trustFault('trust.key-revoked', { key: key.name, at: known.revokedAt });
    const { uses, repositories, validFrom = null, validUntil = null } = key;
    const [said, had] = [{ uses, repositories, validFrom, validUntil }, known].map((one) =>
      JSON.stringify([one.uses, one.repositories, one.validFrom, one.validUntil]),
    );
    if (said === had) return known;
    if (known.signsHere) throw trustFault('trust.key-own', { key: key.name });
    await db.transaction().execute(async (tx) => {
      await markTrust(tx, known.id, { uses, repositories, validFrom, validUntil });
      await journal.record<TrustTables>(tx, {
        kind: 'key.changed',
        project: null,
        actor,
        subject: key.name,
        body: { keyId: known.id, uses: [...uses], repositories: [...repositories], validFrom, validUntil },
      });
    });
    journal.committed();
    return { ...known, uses, repositories, validFrom, validUntil };
  }

  /**
   * Stops believing a key. Without `since` nothing it ever signed counts any more; with it, what a log or time stamp
   * proves to be older still counts, and a signature without such a time does not.
   * @param since RFC 3339
   * @throws Fault trust.key-unknown
   */
  async revokeKey(name: string, actor: string, since: string | null = null): Promise<void> {
    const { db, journal, clock } = this.#options;
    const record = await readKeyByName(db, name);
    if (record === null) throw trustFault('trust.key-unknown', { key: name });
    await db.transaction().execute(async (tx) => {
      if (since !== null) await markEnded(tx, record.id, since);
      else if (!(await markRevoked(tx, record.id, clock.now().toISOString()))) return;
      await journal.record<TrustTables>(tx, {
        kind: 'key.revoked',
        project: null,
        actor,
        subject: name,
        body: { keyId: record.id, since },
      });
    });
    journal.committed();
    this.#opened.delete(name);
  }

  /**
   * Puts another key in the place of a key: it takes the name, and with it the place in every rule. The former one goes on
   * as `name~id`: what it signed counts under the same name until it is revoked, and nobody signs with it here.
   * @param options.publicKeyPem of a key that somebody else signs with; one that signs here is made here
   * @param options.stolen nothing that the former one signed counts any more
   * @throws Fault trust.key-unknown, trust.key-former, trust.key-own, trust.key-needed, trust.key-known, trust.public-key
   */
  async rotateKey(
    name: string,
    actor: string,
    options: { readonly publicKeyPem?: string | undefined; readonly stolen?: boolean | undefined } = {},
  ): Promise<Rotation> {
    // Of two at once the second one replaces what the first one made.
    const turn = this.#rotating.then(() => this.#rotateKey(name, actor, options));
    this.#rotating = turn.catch(() => undefined);
    return turn;
  }

  async #rotateKey(
    name: string,
    actor: string,
    options: { readonly publicKeyPem?: string | undefined; readonly stolen?: boolean | undefined },
  ): Promise<Rotation> {
    const { db, journal, clock, masterKey } = this.#options;
    const record = await readKeyByName(db, name);
    if (record === null) throw trustFault('trust.key-unknown', { key: name });
    if (isFormer(name)) throw trustFault('trust.key-former', { key: name, standing: signerName(name) });
    const { sealed: before } = record;
    const { publicKeyPem, stolen = false } = options;
    if (before !== null && publicKeyPem !== undefined) throw trustFault('trust.key-own', { key: name });
    if (before === null && publicKeyPem === undefined) throw trustFault('trust.key-needed', { key: name });
    const made = before === null ? null : generateSigningKey(masterKey);
    const next = made?.key ?? this.#stranger(publicKeyPem ?? '', name);
    const known = (await readKeys(db)).find(({ id }) => id === next.id);
    if (known !== undefined) throw trustFault('trust.key-known', { key: known.name });
    const former = formerName(name, record.id);
    const now = clock.now().toISOString();
    const successor =
      before === null ? null : signSuccession(openSigningKey(masterKey, { ...record, sealed: before }), name, next);
    const standing: KeyRecord = {
      ...record,
      ...{ id: next.id, publicKeyPem: next.publicKeyPem, sealed: made?.sealed.sealed ?? null, createdAt: now },
      ...{ revokedAt: null, validFrom: null, validUntil: null, successor: null },
    };
    await db.transaction().execute(async (tx) => {
      await markFormer(tx, record.id, {
        name: former,
        successor,
        revokedAt: record.revokedAt ?? (stolen ? now : null),
      });
      await insertKey(tx, standing);
      await journal.record<TrustTables>(tx, {
        kind: 'key.rotated',
        project: null,
        actor,
        subject: name,
        body: { keyId: next.id, former: record.id, stolen },
      });
    });
    journal.committed();
    if (made !== null) {
      this.#opened.set(name, made.key);
      this.#standing.get(name)?.succeed(made.key);
    }
    return { key: toView(standing), former };
  }

  #stranger(pem: string, name: string): { readonly id: string; readonly publicKeyPem: string } {
    const key = readPublicKey(pem, name);
    return { id: key.id, publicKeyPem: key.pem };
  }

  /** What the keys of this name said of their successors, oldest first: for who knows nothing but the first of them. */
  async successions(name: string): Promise<SignedRecord[]> {
    return (await readKeys(this.#options.db))
      .filter((key) => signerName(key.name) === name)
      .sort((one, other) => one.createdAt.localeCompare(other.createdAt))
      .flatMap(({ successor }) => successor ?? []);
  }

  /** The key of this name and the former ones that are still believed, the one that stands first. */
  async believedKeys(name: string): Promise<PublicKey[]> {
    const keys = (await readKeys(this.#options.db)).filter((key) => signerName(key.name) === name);
    return keys
      .filter(({ revokedAt }) => revokedAt === null)
      .sort((one, other) => Number(isFormer(one.name)) - Number(isFormer(other.name)))
      .map(({ publicKeyPem }) => readPublicKey(publicKeyPem, name));
  }

  /**
   * Says anew with the key that stands what a former one said of an image, so that nothing is lost when that one is
   * revoked. What does not count here by now is left as it is.
   * @returns how many statements were made anew
   */
  async restateFormer(image: ImageSubject, name: string, actor: string): Promise<number> {
    const { clock, signatures } = this.#options;
    const { repository, digest } = image;
    const [trust, key] = await Promise.all([this.policy(), this.signingKey(name)]);
    let made = 0;
    for (const use of RESTATED_USES) {
      // What is withdrawn or said otherwise meanwhile must not come back with the new key.
      await this.#inTurn(use, image, async () => {
        for (const { referrer, bundle } of await signatures.bundlesStating(repository, digest, PREDICATE_TYPE[use])) {
          const [said] = verifyImage({ ...image, bundles: [bundle], trust, clock }).accepted;
          if (said?.signer !== name || said.identity.kind !== 'key' || said.identity.keyId === key.id) continue;
          await this.#store(attest(key, use, image, said.predicate), image, { use, key: name }, actor);
          await signatures.removeReferrer(repository, referrer, actor);
          made += 1;
        }
      });
    }
    return made;
  }

  async keys(): Promise<KeyView[]> {
    return (await readKeys(this.#options.db)).map(toView);
  }

  /** @throws Fault trust.key-unknown (also when revoked), trust.key-locked */
  async signingKey(name: string): Promise<SigningKey> {
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const record = await readKeyByName(this.#options.db, name);
    if (record === null || record.sealed === null || record.revokedAt !== null) {
      throw trustFault('trust.key-unknown', { key: name });
    }
    const key = openSigningKey(this.#options.masterKey, { ...record, sealed: record.sealed });
    this.#opened.set(name, key);
    return key;
  }

  /** Whom this instance believes now: its keys, each for its own uses, and what the policy document says. */
  async policy(): Promise<TrustPolicy> {
    const [keys, standing] = await Promise.all([this.#keySigners(), readPolicy(this.#options.db)]);
    return compileDocument(standing?.document ?? EMPTY_DOCUMENT, keys, this.#roots);
  }

  /** The policy document that stands, or an older version of it. Version 0 is the one that nobody wrote. */
  async policyDocument(version?: number): Promise<PolicyRecord> {
    const found = await readPolicy(this.#options.db, version);
    if (found !== null) return found;
    if (version !== undefined && version !== 0) throw trustFault('trust.policy-unknown', { version });
    return {
      version: 0,
      document: EMPTY_DOCUMENT,
      signatures: [],
      actor: 'platform',
      createdAt: new Date(0).toISOString(),
    };
  }

  /**
   * Puts a policy document in place of the one that stands.
   * @param expected the version that the change was made from: another one in between is a conflict
   * @param signatures of the administrators, whom the standing policy may ask for
   * @throws Fault trust.policy-invalid, trust.policy-changed, trust.policy-unsigned
   */
  async setPolicy(
    value: unknown,
    actor: string,
    options: { readonly expected?: number | undefined; readonly signatures?: readonly SignedRecord[] | undefined } = {},
  ): Promise<PolicyRecord> {
    const { db, journal, clock } = this.#options;
    const document = checkTrustDocument(value);
    compileDocument(document, await this.#keySigners());
    const signatures = options.signatures ?? [];
    const record = await db.transaction().execute(async (tx) => {
      const standing = (await readPolicy(tx)) ?? { version: 0, document: EMPTY_DOCUMENT };
      if (options.expected !== undefined && options.expected !== standing.version) {
        throw trustFault('trust.policy-changed', { expected: options.expected, version: standing.version });
      }
      const { wanted, seen } = countAdministrators(standing.document, document, signatures);
      if (seen < wanted) throw trustFault('trust.policy-unsigned', { count: wanted, seen });
      const next = { version: standing.version + 1, document, signatures, actor, createdAt: clock.now().toISOString() };
      await insertPolicy(tx, next);
      await journal.record<TrustTables>(tx, {
        kind: 'trust.policy-set',
        project: null,
        actor,
        subject: `version ${next.version}`,
        body: {
          version: next.version,
          signers: (document.signers ?? []).map((one) => one.name),
          rules: document.rules?.length ?? 0,
          administrators: seen,
        },
      });
      return next;
    });
    journal.committed();
    return record;
  }

  /** What hosts are sent, so that they decide by the same policy. */
  async hostPolicy(): Promise<HostPolicy> {
    const [{ version, document, signatures }, keys] = await Promise.all([
      this.policyDocument(),
      readKeys(this.#options.db),
    ]);
    return {
      version,
      document,
      signatures,
      keys: keys
        .filter(({ uses }) => DEMANDED_USES.some((use) => uses.includes(use)))
        .map(({ id: _id, sealed, createdAt: _createdAt, successor, ...key }) => ({
          ...key,
          name: signerName(key.name),
          vouches: sealed !== null || successor !== null,
        })),
    };
  }

  async #keySigners(): Promise<TrustedSigner[]> {
    return (await readKeys(this.#options.db)).map((key) => {
      const { uses, repositories, revokedAt, validFrom, validUntil } = key;
      const name = signerName(key.name);
      const known = this.#publicKeys.get(key.publicKeyPem) ?? readPublicKey(key.publicKeyPem, name);
      this.#publicKeys.set(key.publicKeyPem, known);
      const identity = { kind: 'key', publicKey: known, trustedRoot: null } as const;
      // A key that signs here, or did, signs for whom this instance authenticated.
      const vouches = key.sealed !== null || key.successor !== null;
      return defineSigner({ name, uses, repositories, revokedAt, validFrom, validUntil, identity, vouches });
    });
  }

  /**
   * Signs a statement about an image and stores it beside the image.
   * @throws Fault trust.key-unknown, trust.key-locked, trust.not-verified when the image is not in the repository
   */
  async sign(attestation: Attestation): Promise<Referrer> {
    const { use, digest, repository, predicate, actor } = attestation;
    const key = await this.signingKey(attestation.key);
    const image = { digest, repository };
    return this.#store(attest(key, use, image, predicate), image, { use, key: attestation.key }, actor);
  }

  /**
   * Says something of an image in place of what the same key said of it before: however often a thing changes, one
   * statement of it lies beside the image.
   * @param replaces what of the earlier statements this one takes the place of
   * @param isSame whether an earlier one says the same still; then nothing is written
   * @param compose what is stated, out of what was stated before, in place of the predicate
   * @returns the new statement, or null when the earlier one stands
   * @throws Fault as sign
   */
  async restate(
    attestation: Attestation,
    options: {
      readonly replaces?: (before: Json) => boolean;
      readonly isSame?: (before: Json) => boolean;
      readonly compose?: (earlier: readonly Json[]) => Json;
    } = {},
  ): Promise<Referrer | null> {
    const { signatures } = this.#options;
    const { replaces = () => true } = options;
    const { use, digest, repository, actor } = attestation;
    const [standingKey, ...formerKeys] = await this.believedKeys(attestation.key);
    if (standingKey === undefined) throw trustFault('trust.key-unknown', { key: attestation.key });
    return this.#inTurn(use, attestation, async () => {
      const earlier = (await signatures.bundlesStating(repository, digest, PREDICATE_TYPE[use])).flatMap(
        ({ referrer, bundle }) => {
          const image = { repository, digest };
          const predicate = predicateBy(standingKey, bundle, image, use);
          const isCurrent = predicate !== undefined;
          const said = predicate ?? firstOf(formerKeys, (key) => predicateBy(key, bundle, image, use));
          return said === undefined || !replaces(said) ? [] : [{ referrer, predicate: said, isCurrent }];
        },
      );
      const predicate = options.compose?.(earlier.map((one) => one.predicate)) ?? attestation.predicate;
      const { isSame = (before) => canonicalJson(before) === canonicalJson(predicate) } = options;
      const standing = earlier.find((one) => one.isCurrent && isSame(one.predicate));
      const made = standing === undefined ? await this.sign({ ...attestation, predicate }) : null;
      for (const { referrer } of earlier) {
        if (referrer !== standing?.referrer && referrer !== made?.digest)
          await signatures.removeReferrer(repository, referrer, actor);
      }
      return made;
    });
  }

  /** One after the other, so that two who say the same of an image at once leave one statement. */
  async #inTurn<T>(use: SignatureUse, { repository, digest }: ImageSubject, work: () => Promise<T>): Promise<T> {
    const place = `${use} ${repository}@${digest}`;
    const before = this.#stating.get(place) ?? Promise.resolve();
    const turn = before.then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#stating.set(place, settled);
    try {
      return await turn;
    } finally {
      if (this.#stating.get(place) === settled) this.#stating.delete(place);
    }
  }

  /**
   * Lays a document beside an image, for a statement to name by its digest: what is too large to be stated itself.
   * Idempotent. @throws Fault trust.not-verified when the image is not in the repository
   */
  async putDocument(
    image: ImageSubject,
    document: { readonly mediaType: string; readonly bytes: Uint8Array },
    actor: string,
  ): Promise<Referrer> {
    const { signatures } = this.#options;
    const subject = await signatures.describe(image.repository, image.digest);
    if (subject === null) throw notVerified(image, NOT_THERE);
    const referrer = toDocumentReferrer(document.bytes, document.mediaType, subject);
    await signatures.putReferrer(image.repository, referrer, actor);
    return referrer;
  }

  /** Takes such a document away again; one that is gone already is no error. */
  async removeDocument(image: ImageSubject, referrer: Digest, actor: string): Promise<void> {
    await this.#options.signatures.removeReferrer(image.repository, referrer, actor);
  }

  /**
   * Stores a bundle that somebody else signed, such as the builder of a host, beside its image.
   * @param options.only in place of what the same signer stated before of this kind: a build that gives the same image
   *   again leaves one provenance, not as many as nobody reads any more
   * @throws Fault trust.not-verified when it does not count here, or the image is not in the repository
   */
  async attach(
    bundle: Uint8Array,
    image: ImageSubject,
    actor: string,
    { only = false }: { readonly only?: boolean } = {},
  ): Promise<Referrer> {
    const { clock, signatures } = this.#options;
    const { digest, repository } = image;
    const trust = await this.policy();
    const judge = (bytes: Uint8Array): SignatureVerdict => verifyImage({ ...image, bundles: [bytes], trust, clock });
    const verdict = judge(bundle);
    const [accepted] = verdict.accepted;
    if (accepted === undefined) throw notVerified(image, verdict.refused[0]?.reason ?? NO_SIGNATURE);
    const { use, signer, predicateType } = accepted;
    const earlier = only ? await signatures.bundlesStating(repository, digest, predicateType) : [];
    const made = await this.#store(bundle, image, { use, key: signer }, actor);
    for (const one of earlier) {
      if (one.referrer !== made.digest && judge(one.bundle).accepted[0]?.signer === signer)
        await signatures.removeReferrer(repository, one.referrer, actor);
    }
    return made;
  }

  /**
   * As attach, for a signature in the cosign 2 layout.
   * @throws Fault trust.not-verified
   */
  async attachSimple(signing: SimpleSigning, image: ImageSubject, actor: string): Promise<Digest> {
    const { clock, signatures } = this.#options;
    const question = { ...image, bundles: [], simpleSignings: [signing], trust: await this.policy(), clock };
    const verdict = verifyImage(question);
    const [accepted] = verdict.accepted;
    if (accepted === undefined) throw notVerified(image, verdict.refused[0]?.reason ?? NO_SIGNATURE);
    if ((await signatures.describe(image.repository, image.digest)) === null) throw notVerified(image, NOT_THERE);
    const artifact = await signatures.putSimpleSigning(image.repository, image.digest, signing, actor);
    await this.#stateSigned(image, { use: 'image', key: accepted.signer, referrer: artifact }, actor);
    return artifact;
  }

  /** What is known about the signatures of an image where it lies. A store that cannot answer is an error, not a yes. */
  async verify(repository: string, digest: Digest): Promise<SignatureVerdict> {
    const { signatures, clock } = this.#options;
    const [stored, trust] = await Promise.all([signatures.signaturesOf(repository, digest), this.policy()]);
    return verifyImage({ digest, repository, ...stored, trust, clock });
  }

  /**
   * As verify, of what a start in an environment is decided by: the uses that the repository's rule names, the image and
   * its provenance. What else lies beside an image (SBOMs of megabytes) is not read.
   * @param environment null: the image without a place
   */
  async verifyForStart(repository: string, digest: Digest, environment: string | null): Promise<SignatureVerdict> {
    const { signatures, clock } = this.#options;
    const trust = await this.policy();
    const stored = await signatures.signaturesOf(repository, digest, usesAsked(trust, repository));
    return verifyImage({ digest, repository, ...stored, trust, environment, clock });
  }

  /** The verdict in each repository of the project that holds the digest. */
  async verifyInProject(project: string, digest: Digest): Promise<SignatureVerdict[]> {
    const repositories = await this.#options.signatures.repositoriesOf(project, digest);
    return Promise.all(repositories.map((repository) => this.verify(repository, digest)));
  }

  async #store(
    bundle: Uint8Array,
    image: ImageSubject,
    signed: { readonly use: SignatureUse; readonly key: string },
    actor: string,
  ): Promise<Referrer> {
    const { clock, signatures } = this.#options;
    const { digest, repository } = image;
    const subject = await signatures.describe(repository, digest);
    if (subject === null) throw notVerified(image, NOT_THERE);
    const referrer = toReferrer(bundle, subject, { createdAt: clock.now() });
    await signatures.putReferrer(repository, referrer, actor);
    await this.#stateSigned(image, { ...signed, referrer: referrer.digest }, actor);
    return referrer;
  }

  async #stateSigned(
    { repository, digest }: ImageSubject,
    body: { readonly use: SignatureUse; readonly key: string; readonly referrer: Digest },
    actor: string,
  ): Promise<void> {
    const { db, journal } = this.#options;
    const project = projectOf(repository);
    await db
      .transaction()
      .execute((tx) =>
        journal.record<TrustTables>(tx, { kind: 'image.signed', project, actor, subject: repository, digest, body }),
      );
    journal.committed();
  }

  async #addKey(record: KeyRecord, actor: string): Promise<void> {
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      await insertKey(tx, record);
      await journal.record<TrustTables>(tx, {
        kind: 'key.added',
        project: null,
        actor,
        subject: record.name,
        body: { keyId: record.id, uses: [...record.uses], signsHere: record.sealed !== null },
      });
    });
    journal.committed();
  }
}

/** What control says of images, which goes on being said when its key is another. */
const RESTATED_USES = ['scan', 'sbom', 'approval', 'exception', 'profile'] as const satisfies SignatureUse[];

function firstOf<From, To>(list: readonly From[], find: (one: From) => To | undefined): To | undefined {
  for (const one of list) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

const NO_SIGNATURE: Text = { en: 'it carries no signature', es: 'no lleva ninguna firma' };
const NOT_THERE: Text = { en: 'the image is not there', es: 'la imagen no está allí' };

function notVerified({ repository, digest }: ImageSubject, reason: Text): Error {
  return trustFault('trust.not-verified', { image: `${repository}@${digest}`, reason });
}

function toView({ sealed, successor: _successor, ...rest }: KeyRecord): KeyView {
  return { ...rest, signsHere: sealed !== null };
}

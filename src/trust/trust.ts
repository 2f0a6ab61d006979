import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Descriptor, type Digest, projectOf } from '../oci/index.ts';
import type { Clock, Json } from '../system/index.ts';
import { attest } from './attest.ts';
import type { SimpleSigning } from './cosign.ts';
import { trustFault } from './errors.ts';
import { generateSigningKey, openSigningKey, readPublicKey, type SigningKey } from './key.ts';
import { BUNDLE_COUNT_MAX } from './limits.ts';
import { defineSigner, type TrustPolicy } from './policy.ts';
import { type Referrer, toReferrer } from './referrer.ts';
import type { ImageSubject, SignatureUse } from './statement.ts';
import { insertKey, type KeyRecord, markRevoked, readKeyByName, readKeys, type TrustTables } from './store.ts';
import { type SignatureVerdict, verifyImage } from './verify.ts';

/** Asked of the registry: the signatures that lie beside an image. */
export interface SignatureStore {
  /** Repositories (`project/image`) of the project that hold the digest. */
  repositoriesOf(project: string, digest: Digest): Promise<readonly string[]>;
  /** What the digest is in that repository, or null when it is not there. */
  describe(repository: string, digest: Digest): Promise<Descriptor | null>;
  /**
   * The Sigstore bundles among the referrers of the digest. `limit` bounds how many are read at all: one more than what
   * is looked at is enough, because above that nothing counts.
   */
  bundlesOf(repository: string, digest: Digest, limit: number): Promise<readonly Uint8Array[]>;
  /**
   * The signatures at the tag `cosignSignatureTag(digest)`, where cosign 2 leaves them: of each layer its bytes and its
   * annotation COSIGN_SIGNATURE_ANNOTATION. A store that leaves this out reads none.
   */
  simpleSigningsOf?(repository: string, digest: Digest, limit: number): Promise<readonly SimpleSigning[]>;
  /** Stores a referrer with its blobs; storing the same one again changes nothing. */
  putReferrer(repository: string, referrer: Referrer, actor: string): Promise<void>;
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

/** A key as lists show it: nothing secret in it. */
export type KeyView = Omit<KeyRecord, 'sealed'> & { readonly signsHere: boolean };

/** Keys and signatures of one instance. */
export class Trust {
  readonly #options: TrustOptions;
  readonly #opened = new Map<string, SigningKey>();

  constructor(options: TrustOptions) {
    this.#options = options;
  }

  /**
   * The signing key of this name, made on first use. Idempotent; what an existing key may be used for stays as it is.
   * @throws Fault trust.key-locked, trust.master-key
   */
  async ensureKey(name: string, uses: readonly SignatureUse[]): Promise<SigningKey> {
    const { db, clock, masterKey } = this.#options;
    if ((await readKeyByName(db, name)) !== null) return this.signingKey(name);
    const { key, sealed } = generateSigningKey(masterKey);
    const record = {
      ...sealed,
      name,
      uses,
      repositories: ['**'],
      createdAt: clock.now().toISOString(),
      revokedAt: null,
    };
    await this.#addKey(record, 'platform');
    this.#opened.set(name, key);
    return key;
  }

  /**
   * Believes somebody else's public key, such as that of a pipeline that signs with cosign. The same key under the same
   * name again changes nothing; a key that was revoked stays revoked.
   * @throws Fault trust.public-key, trust.identity-pattern, trust.key-name-taken
   */
  async addPublicKey(
    key: { name: string; uses: readonly SignatureUse[]; repositories: readonly string[]; publicKeyPem: string },
    actor: string,
  ): Promise<KeyView> {
    const publicKey = readPublicKey(key.publicKeyPem, key.name);
    defineSigner({ ...key, identity: { kind: 'key', publicKey, trustedRoot: null } });
    const known = (await readKeys(this.#options.db)).find(({ id, name }) => id === publicKey.id || name === key.name);
    if (known !== undefined) {
      if (known.id === publicKey.id && known.name === key.name) return toView(known);
      const { id, name } = known;
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
      revokedAt: null,
    };
    await this.#addKey(record, actor);
    return toView(record);
  }

  /**
   * Stops believing a key, now and for all it ever signed: managed keys carry no trusted time of signing.
   * @throws Fault trust.key-unknown
   */
  async revokeKey(name: string, actor: string): Promise<void> {
    const { db, journal, clock } = this.#options;
    const record = await readKeyByName(db, name);
    if (record === null) throw trustFault('trust.key-unknown', { key: name });
    await db.transaction().execute(async (tx) => {
      if (!(await markRevoked(tx, record.id, clock.now().toISOString()))) return;
      await journal.record<TrustTables>(tx, {
        kind: 'key.revoked',
        project: null,
        actor,
        subject: name,
        body: { keyId: record.id },
      });
    });
    journal.committed();
    this.#opened.delete(name);
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

  /** Whom this instance believes now: its keys, each for its own uses until it was revoked. */
  async policy(): Promise<TrustPolicy> {
    const keys = await readKeys(this.#options.db);
    return {
      repositoryBinding: 'required',
      signers: keys.map((key) =>
        defineSigner({
          name: key.name,
          uses: key.uses,
          repositories: key.repositories,
          revokedAt: key.revokedAt,
          identity: { kind: 'key', publicKey: readPublicKey(key.publicKeyPem, key.name), trustedRoot: null },
        }),
      ),
    };
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
   * Stores a bundle that somebody else signed, such as the builder of a host, beside its image.
   * @throws Fault trust.not-verified when it does not count here, or the image is not in the repository
   */
  async attach(bundle: Uint8Array, image: ImageSubject, actor: string): Promise<Referrer> {
    const { clock } = this.#options;
    const verdict = verifyImage({ ...image, bundles: [bundle], trust: await this.policy(), clock });
    const [accepted] = verdict.accepted;
    if (accepted === undefined) throw notVerified(image, verdict.refused[0]?.reason.en ?? 'it carries no signature');
    return this.#store(bundle, image, { use: accepted.use, key: accepted.signer }, actor);
  }

  /** What is known about the signatures of an image where it lies. A store that cannot answer is an error, not a yes. */
  async verify(repository: string, digest: Digest): Promise<SignatureVerdict> {
    const { signatures, clock } = this.#options;
    const limit = BUNDLE_COUNT_MAX + 1;
    const [bundles, simpleSignings, trust] = await Promise.all([
      signatures.bundlesOf(repository, digest, limit),
      signatures.simpleSigningsOf?.(repository, digest, limit) ?? [],
      this.policy(),
    ]);
    return verifyImage({ digest, repository, bundles, simpleSignings, trust, clock });
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
    const { db, journal, clock, signatures } = this.#options;
    const { digest, repository } = image;
    const subject = await signatures.describe(repository, digest);
    if (subject === null) throw notVerified(image, 'the image is not there');
    const referrer = toReferrer(bundle, subject, { createdAt: clock.now() });
    await signatures.putReferrer(repository, referrer, actor);
    const project = projectOf(repository);
    const body = { ...signed, referrer: referrer.digest };
    await db
      .transaction()
      .execute((tx) =>
        journal.record<TrustTables>(tx, { kind: 'image.signed', project, actor, subject: repository, digest, body }),
      );
    journal.committed();
    return referrer;
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

function notVerified({ repository, digest }: ImageSubject, reason: string): Error {
  return trustFault('trust.not-verified', { image: `${repository}@${digest}`, reason });
}

function toView({ sealed, ...rest }: KeyRecord): KeyView {
  return { ...rest, signsHere: sealed !== null };
}

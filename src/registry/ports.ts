import type { Identity, Principal } from '../access/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import type { ManifestKind } from './store.ts';

/** Who acts, as far as the registry needs to know. Rights are decided before and not carried along. */
export type Caller = Pick<Principal, 'id' | 'actor' | 'kind' | 'name'>;

/** What a client shows at the door: a name with a password or token, or a token of the platform alone. */
export type Credentials =
  | { readonly kind: 'basic'; readonly name: string; readonly secret: string }
  | { readonly kind: 'bearer'; readonly token: string };

/** Asked of `access`. */
export interface RegistryAccess {
  /**
   * @param source where it comes from, as far as is known: some secrets are good from one place only
   * @throws Fault of kind 'unauthenticated' when the credentials are wrong, expired or revoked; anything else is a
   * failure of the platform and is not counted against the client
   */
  authenticate(credentials: Credentials, source: string): Promise<Principal>;
  /**
   * Who a principal is by now, with the rights of now; null when the person, the token or the password behind it was
   * taken away. Asked at every use of what was derived from it.
   */
  current(who: Identity): Principal | null | Promise<Principal | null>;
  /**
   * Calls back when the principal of a long transfer is gone (null) or has other rights. @returns ends the watch
   */
  watch(principal: Principal, changed: (now: Principal | null) => void): () => void;
}

export type PullAnswer =
  | {
      readonly allow: true;
      /** What the client should hear beside the image, such as that it will soon be refused (a `Warning` header). */
      readonly warnings?: readonly Text[];
    }
  | {
      readonly allow: false;
      readonly code: string;
      readonly reasons: readonly Text[];
      /** True when a verdict exists and waiting alone will not change it. */
      readonly settled?: boolean;
      /** What would release it. */
      readonly remedies?: readonly Text[];
    };

export interface PullQuestion {
  readonly principal: Caller;
  readonly project: string;
  readonly repository: string;
  readonly digest: Digest;
}

/** How far the check of a pushed image is. */
export interface CheckProgress {
  readonly state: 'queued' | 'scanning' | 'judging';
  /** Its place in the queue, 1 is next; null once its check runs. */
  readonly place: number | null;
  /** Images that wait for their check, this one counted. */
  readonly queued: number;
  readonly since: string;
  /** What the scan does now, in a count where there is one. */
  readonly step: { readonly text: Text | null; readonly done: number | null; readonly total: number | null } | null;
  /** The operation to follow, when there is one. */
  readonly operation: string | null;
}

/** Asked of the verdicts: may this image leave the registry? No answer (an error) means no. */
export interface PullGate {
  check(question: PullQuestion): Promise<PullAnswer>;
  /** The same from memory, without waiting; undefined when it is not there. Asked on every pull. */
  known?(question: PullQuestion): PullAnswer | undefined;
  /** Settles when the answer about an image may have changed, or when the signal aborts; never rejects. */
  changed?(digest: Digest, signal: AbortSignal): Promise<void>;
  /** How far the check of an image is; null when none is under way. */
  progress?(image: { readonly project: string; readonly digest: Digest }): CheckProgress | null;
}

/** Asked of deployments: digests that run anywhere or that a release names; they are never removed. */
export interface DigestsInUse {
  list(): Promise<ReadonlySet<string>>;
}

export interface ImagePushed {
  readonly project: string;
  readonly repository: string;
  readonly digest: Digest;
  readonly tag: string | null;
  readonly mediaType: string;
  /** Only an `image` can run and is held; artifacts and indexes need no scan of their own. */
  readonly kind: ManifestKind;
  /** The manifest that it speaks of, as a signature does. */
  readonly subject: Digest | null;
  readonly principal: Caller;
}

/** How something of a mirror was found. */
export interface Brought {
  readonly digest: Digest;
  /** How long ago the source was asked for the tag; null where that does not matter (a digest). */
  readonly ageSeconds: number | null;
  /** Why the source could not be asked now, when what is here is served instead. */
  readonly warning: Text | null;
}

/** Asked before an answer: repositories whose content comes from another registry. */
export interface UpstreamSource {
  /** The remote registry that a repository mirrors, or null when it is ours: then people may push to it. */
  owner(repository: string): string | null;
  /** Makes sure that what is named is here and judged; null when the repository fetches nothing on demand. */
  bring(question: {
    readonly repository: string;
    /** A tag or a digest. */
    readonly reference: string;
    readonly caller: Caller;
    /** Instances that the question came through. */
    readonly via: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Brought | null>;
  /** The same for what refers to a digest. @returns why it failed, or null; what is here is served in any case */
  bringReferrersOf(repository: string, digest: Digest, via: readonly string[]): Promise<Text | null>;
}

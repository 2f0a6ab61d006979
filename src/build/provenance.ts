import type { Digest } from '../oci/index.ts';

/** What an image was made from, as SLSA v1 calls it: a uri and digests without their algorithm in front. */
export interface ResolvedDependency {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly name?: string;
}

/** The SLSA v1.0 provenance predicate (slsa.dev/spec/v1.0/provenance), as data: `trust` wraps it and signs it. */
export interface Provenance {
  readonly buildDefinition: {
    readonly buildType: string;
    readonly externalParameters: Readonly<Record<string, unknown>>;
    readonly internalParameters: Readonly<Record<string, unknown>>;
    readonly resolvedDependencies: readonly ResolvedDependency[];
  };
  readonly runDetails: {
    readonly builder: { readonly id: string; readonly version: Readonly<Record<string, string>> };
    readonly metadata: { readonly invocationId: string; readonly startedOn: string; readonly finishedOn: string };
  };
}

export const PROVENANCE_PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';
/** What `externalParameters` mean under each of these is described in docs; a change of meaning takes a new number. */
export const CONTAINERFILE_BUILD_TYPE = 'urn:darsena:build:containerfile:1';
export const BASE_BUILD_TYPE = 'urn:darsena:build:debian-base:1';

export function imageDependency(name: string, digest: Digest): ResolvedDependency {
  const [algorithm = '', hex = ''] = digest.split(':');
  return { uri: `oci://${name}`, digest: { [algorithm]: hex } };
}

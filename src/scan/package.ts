import type { Digest } from '../oci/index.ts';

/** What `os-release(5)` says the image is. */
export interface Distribution {
  /** `ID`, as in 'debian'. */
  readonly id: string;
  /** `VERSION_ID`, as in '12'; the codename where there is none (Debian testing and unstable); else ''. */
  readonly version: string;
  /** `PRETTY_NAME`, for people. */
  readonly name: string;
}

/** A package as an analyser finds it in one file of one layer. */
export interface FoundPackage {
  /** purl type: deb, npm, … */
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string | null;
  /** What it was built from where advisories speak of that (Debian source packages); null when it is the same. */
  readonly source: { readonly name: string; readonly version: string } | null;
  /** Licence expressions or names as the package states them. */
  readonly licences: readonly string[];
}

/** A package of the whole image. */
export interface InventoryPackage extends FoundPackage {
  readonly purl: string;
  /** The file that says so. */
  readonly path: string;
  readonly layer: Digest;
}

export interface InventoryLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly sizeBytes: number;
  readonly uncompressedBytes: number;
  readonly entries: number;
  /** Packages that this layer brought and that are still there. */
  readonly packages: number;
}

/** Everything that was found in an image, whatever the advisories say. */
export interface Inventory {
  readonly distribution: Distribution | null;
  readonly packages: readonly InventoryPackage[];
  readonly layers: readonly InventoryLayer[];
  /** Files that could not be understood and that do not make the inventory incomplete. */
  readonly notices: readonly { readonly path: string; readonly reason: string }[];
}

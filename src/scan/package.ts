import type { Digest } from '../oci/index.ts';
import type { ImageSecret } from './secrets/secret.ts';

/** What `os-release(5)` says the image is. */
export interface Distribution {
  /** `ID`, as in 'debian'. */
  readonly id: string;
  /** `ID_LIKE`, nearest first. */
  readonly idLike?: readonly string[];
  /** `VERSION_ID`, as in '12'; the codename where there is none (Debian testing and unstable); else ''. */
  readonly version: string;
  /** `PRETTY_NAME`, for people. */
  readonly name: string;
}

/** A package as an analyser finds it in one file of one layer. */
export interface FoundPackage {
  /** purl type: deb, npm, … */
  readonly type: string;
  /** As the ecosystem writes it: '@scope/name', 'group:artifact' (Maven), 'vendor/name' (Composer), 'example.org/module' (Go). */
  readonly name: string;
  /** As the ecosystem writes it; of rpm with its epoch: '1:2.3-4.el9'. */
  readonly version: string;
  readonly architecture: string | null;
  /** What it was built from where advisories speak of that (Debian source packages); null when it is the same. */
  readonly source: { readonly name: string; readonly version: string } | null;
  /** Licence expressions or names as the package states them. */
  readonly licences: readonly string[];
  /** Who built it, as the package says; rpm only. */
  readonly vendor?: string;
  /** The rpm module stream it belongs to, as in 'nodejs:18'. */
  readonly module?: string;
  /** SHA-1 of the archive it was found in, in hex: indexes of Maven name archives by it. */
  readonly sha1?: string;
  /** Its name is the file's or the manifest's: an index of archives may know better. */
  readonly guessed?: boolean;
  /** Vendor and product as CVE records name them, as in 'nodejs:node.js'; of programs without a package. */
  readonly cpe?: string;
  /** Where in the archive at `path` it is, as in 'BOOT-INF/lib/a-1.0.jar'; archives inside each other are joined by '!/'. */
  readonly inside?: string;
}

/** An archive with Java classes that nothing in it names. */
export interface FoundArchive {
  /** In hex. */
  readonly sha1: string;
  /** As of a package. */
  readonly inside?: string;
}

/** The same, in the whole image. */
export interface UnnamedArchive extends FoundArchive {
  readonly path: string;
  readonly layer: Digest;
}

/** A package of the whole image. */
export interface InventoryPackage extends FoundPackage {
  readonly purl: string;
  /** The file that says so. */
  readonly path: string;
  readonly layer: Digest;
}

/** A file or folder of the finished image whose rights or name open something. */
export interface ExposedFile {
  readonly path: string;
  readonly kind: 'file' | 'directory';
  /** Permission bits, with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
  /** Capabilities of the kernel that it gives to whoever executes it, a bit each; left out when it gives none. */
  readonly capabilities?: number;
  /** Left behind by a package manager. */
  readonly cache: boolean;
  readonly layer: Digest;
}

/** A link that leads into a folder of the kernel (/proc, /sys, /dev), or stands in the place of one; its path has no other links. */
export interface KernelLink {
  readonly path: string;
  readonly target: string;
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
  /** Credentials in files and in the configuration, also in files that a later layer removes: who has the image has its layers. */
  readonly secrets: readonly ImageSecret[];
  /** Files with unusual rights; absent in inventories of before: nobody looked. */
  readonly exposed?: readonly ExposedFile[];
  /** Links in the place of /proc, /sys and /dev; absent in inventories of before: nobody looked. */
  readonly kernelLinks?: readonly KernelLink[];
  /** The last link by which the way to the image's WORKDIR comes into one of those. */
  readonly workingDirLink?: KernelLink;
  /** Archives of Java without a name; absent in inventories of before: nobody looked. */
  readonly archives?: readonly UnnamedArchive[];
  /** Files that could not be understood and that do not make the inventory incomplete. */
  readonly notices: readonly { readonly path: string; readonly reason: string }[];
}

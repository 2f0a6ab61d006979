import type { FileTree } from '../oci/layers.ts';
import type { OwnedFiles } from './owned.ts';
import type { Distribution, FoundArchive, FoundPackage } from './package.ts';
import type { FoundSecret } from './secrets/secret.ts';

/** What one file of one layer told an analyser. New kinds of knowledge become new kinds here. */
export type Evidence =
  | {
      readonly kind: 'packages';
      readonly packages: readonly FoundPackage[];
      /** Kept apart from the rest: it is large, and asked for seldom (see owners.ts). */
      readonly owned?: OwnedFiles;
      /** Parts of the file that could not be read, and why: they become notices. */
      readonly unread?: readonly string[];
      /** Archives of Java that nothing in them names. */
      readonly unnamed?: readonly FoundArchive[];
    }
  /** Licences of the package whose copyright file this is. */
  | { readonly kind: 'licences'; readonly licences: readonly string[] }
  | { readonly kind: 'distribution'; readonly distribution: Distribution }
  | { readonly kind: 'secrets'; readonly secrets: readonly FoundSecret[] }
  /** The file should have told something and could not be read. */
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Evidence whose file is still there in the merged image, with the name it has there. */
export interface LiveEvidence {
  readonly analyser: string;
  readonly path: string;
  readonly layer: number;
  readonly evidence: Evidence;
}

/** Takes the bytes of one file. Chunks are valid only during the call. */
export interface FileReader {
  /** @returns false when nothing more is wanted: the file tells nothing, and `end` is not called */
  write(chunk: Uint8Array): boolean;
  /** Called once after the last byte. Null: the file tells nothing. */
  end(): Evidence | null;
}

/** What the archive says of a file before its bytes come. */
export interface FileHead {
  readonly path: string;
  readonly sizeBytes: number;
  /** Permission bits, with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
}

/**
 * Knows one kind of file. An analyser runs in the confined worker on bytes of strangers: it sees one file at a time,
 * keeps nothing between files, and may throw FormatError, which becomes `unreadable`.
 */
export interface Analyser {
  /** Also the name of its file; stored with evidence. */
  readonly name: string;
  /** Raised when it finds more or other things, so that stored layers are read again. */
  readonly version: number;
  /** Last parts of paths it may want; looked up before `wants` is asked. */
  readonly fileNames: readonly string[];
  /** Names of folders whose files it may want. */
  readonly folderNames: readonly string[];
  /** Ends of names, with their dot, of files it may want: '.jar' is looked up for 'a.b.jar', '.b.jar' is too. */
  readonly suffixes?: readonly string[];
  /** It may want every file of a kind, whatever its name; `wants` is asked for each, so it must be quick. */
  readonly every?: 'executable' | 'file';
  /** Fixed places that a reader of the image would open, through links too. A file found there must have left evidence. */
  readonly places: readonly string[];
  /** What an unreadable file means: the inventory is not complete, or there is a notice. */
  readonly unreadable: 'incomplete' | 'notice';
  /** What it finds in a file that a package of the distribution brought is left to that package. @default false */
  readonly yieldsToDistribution?: boolean;
  /** Larger files that it wants are `unreadable`. */
  readonly maxFileBytes: number;
  wants(file: FileHead): boolean;
  read(file: FileHead): FileReader;
  /** Whether evidence counts in the merged image, once all of it is known. @default true */
  counts?(found: LiveEvidence, tree: FileTree): boolean;
}

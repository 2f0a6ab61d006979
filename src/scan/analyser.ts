import type { FileTree } from '../oci/layers.ts';
import type { Distribution, FoundPackage } from './package.ts';

/** What one file of one layer told an analyser. New kinds of knowledge (secrets, malware) become new kinds here. */
export type Evidence =
  | { readonly kind: 'packages'; readonly packages: readonly FoundPackage[] }
  | { readonly kind: 'distribution'; readonly distribution: Distribution }
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
  write(chunk: Uint8Array): void;
  /** Called once after the last byte. Null: the file tells nothing. */
  end(): Evidence | null;
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
  /** Fixed places that a reader of the image would open, through links too. A file found there must have left evidence. */
  readonly places: readonly string[];
  /** What an unreadable file means: the inventory is not complete, or there is a notice. */
  readonly unreadable: 'incomplete' | 'notice';
  /** Larger files are `unreadable`. */
  readonly maxFileBytes: number;
  wants(path: string): boolean;
  read(path: string): FileReader;
  /** Whether evidence counts in the merged image, once all of it is known. @default true */
  counts?(found: LiveEvidence, tree: FileTree): boolean;
}

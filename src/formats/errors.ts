/** What was wrong with the bytes. The part before the dot is the format. */
export type FormatErrorCode =
  | 'json.syntax'
  | 'json.duplicate-key'
  | 'json.byte-order-mark'
  | 'json.encoding'
  | 'json.depth'
  | 'json.size'
  | 'yaml.syntax'
  | 'yaml.alias-limit'
  | 'yaml.depth'
  | 'yaml.size'
  | 'yaml.document-limit'
  | 'text.encoding'
  | 'toml.syntax'
  | 'toml.depth'
  | 'toml.size'
  | 'outline.depth'
  | 'outline.size'
  | 'executable.corrupt'
  | 'executable.packed'
  | 'package-list.syntax'
  | 'package-list.size'
  | 'tar.header'
  | 'tar.checksum'
  | 'tar.size'
  | 'tar.name'
  | 'tar.extended-header'
  | 'tar.unsupported'
  | 'tar.truncated'
  | 'tar.entry-limit'
  | 'inflate.corrupt'
  | 'inflate.output-limit'
  | 'inflate.ratio-limit'
  | 'inflate.unsupported'
  | 'lines.size'
  | 'paragraph.size'
  | 'paragraph.syntax'
  | 'der.syntax'
  | 'cbor.syntax'
  | 'csv.syntax'
  | 'sqlite.corrupt'
  | 'berkeley.corrupt'
  | 'rpm.corrupt'
  | 'cvss.vector'
  | 'xml.syntax'
  | 'xml.doctype'
  | 'xml.depth'
  | 'xml.size'
  | 'ar.corrupt'
  | 'ar.entry-limit'
  | 'cpio.corrupt'
  | 'cpio.entry-limit'
  | 'zip.corrupt'
  | 'zip.size'
  | 'zip.entry-limit'
  | 'zip.unsupported'
  | 'zip.encrypted'
  | 'scap.header'
  | 'scap.truncated'
  | 'scap.size'
  | 'capture.corrupt';

/** One sentence in both languages. */
export interface Words {
  readonly en: string;
  readonly es: string;
}

/** Where in a text the fault is; both count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/**
 * Bytes that are not what they claim to be, or that go beyond a limit. This is the only error the room throws;
 * rooms below turn it into a fault with words for people.
 */
export class FormatError extends Error {
  readonly code: FormatErrorCode;
  readonly position: TextPosition | null;
  /** The same in Spanish, where people read it as it is. */
  readonly spanish: string | null;

  constructor(
    code: FormatErrorCode,
    message: string,
    options: { cause?: unknown; position?: TextPosition | null; spanish?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FormatError';
    this.code = code;
    this.position = options.position ?? null;
    this.spanish = options.spanish ?? null;
  }
}

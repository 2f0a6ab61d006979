export { type ArFile, isAr, readAr } from './ar.ts';
export { readBerkeleyHash } from './berkeley.ts';
export { inflateBzip2 } from './bzip2.ts';
export { type Cbor, readCbor, writeCborHead } from './cbor.ts';
export { type CpioFile, isCpio, readCpio } from './cpio.ts';
export { csvLine } from './csv.ts';
export { scoreCvss3 } from './cvss.ts';
export { scoreCvss4 } from './cvss4.ts';
export type { DerValue } from './der.ts';
export * as der from './der.ts';
export { describeFormatError, sayFormatError } from './error-words.ts';
export { FormatError, type FormatErrorCode, type TextPosition } from './errors.ts';
export {
  detectExecutable,
  ELF_SEGMENT,
  type ElfHead,
  type ExecutableKind,
  findElfSection,
  readElfHead,
} from './executable.ts';
export { type GoBuildInfo, GoBuildInfoReader } from './go-build-info.ts';
export { type Compression, detectCompression, inflate, inflateGuard, inflateUnknown, peekStream } from './inflate.ts';
export { type Json, parseStrictJson } from './json.ts';
export {
  INFLATE_LIMITS,
  type InflateLimits,
  JSON_LIMITS,
  type JsonLimits,
  OUTLINE_LIMITS,
  type OutlineLimits,
  STREAM_CHUNK_BYTES,
  TAR_LIMITS,
  type TarLimits,
  TOML_LIMITS,
  type TomlLimits,
  YAML_LIMITS,
  type YamlLimits,
  ZIP_LIMITS,
  type ZipLimits,
  ZSTD_WINDOW_LOG_MAX,
} from './limits.ts';
export { LineReader } from './lines.ts';
export { parseManifests } from './manifests.ts';
export { type OutlineNode, outlineChild, outlineValue, readOutline } from './outline.ts';
export { type Paragraph, ParagraphReader } from './paragraphs.ts';
export { formatPurl, type PurlParts, parsePurl } from './purl.ts';
export { Re2 } from './re2.ts';
export { RPM_TAG, RpmHeader, type RpmTag, readRpmNdb } from './rpm.ts';
export { readSqliteTable, type SqliteRow, type SqliteValue } from './sqlite.ts';
export { cleanTarPath, readTar, type TarEntry, type TarFile, type TarKind, TarReader, type TarSink } from './tar.ts';
export { packTar, type TarInput } from './tar-writer.ts';
export { decodeText } from './text.ts';
export { parseToml } from './toml.ts';
export {
  formatUlimits,
  isUlimit,
  listUlimits,
  parseUlimit,
  parseUlimits,
  ULIMIT_NAMES,
  ULIMITS_ANNOTATION,
  type Ulimit,
  type UlimitName,
  type Ulimits,
} from './ulimits.ts';
export { childOf, descendantsOf, type XmlElement, XmlReader } from './xml.ts';
export {
  parseYaml,
  parseYamlDocuments,
  writeYaml,
  type YamlDocument,
  type YamlOptions,
  type YamlPath,
} from './yaml.ts';
export { sayYamlFault } from './yaml-words.ts';
export { listZip, readZip, type ZipEntry, type ZipFile } from './zip.ts';

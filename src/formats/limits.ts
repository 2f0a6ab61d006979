const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export interface JsonLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** OCI recommends that registries accept manifests of at least 4 MiB; nothing read strictly is larger. Real documents nest below 20. */
export const JSON_LIMITS: JsonLimits = { maxBytes: 4 * MIB, maxDepth: 64 };

export interface YamlLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxDocuments: number;
  readonly maxAliasCount: number;
}

/**
 * 1 MiB is the limit of the Kubernetes API for one object (etcd) and of a ConfigMap. An alias counts once for every
 * node it copies, so 200 is far above what people write and far below a bomb.
 */
export const YAML_LIMITS: YamlLimits = { maxBytes: 1 * MIB, maxDepth: 64, maxDocuments: 500, maxAliasCount: 200 };

export interface TomlLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** The largest known lock files of Cargo and Poetry are near 2 MiB; people nest tables a handful deep. */
export const TOML_LIMITS: TomlLimits = { maxBytes: 8 * MIB, maxDepth: 64 };

export interface OutlineLimits {
  readonly maxLines: number;
  readonly maxDepth: number;
}

/** Lock files of the largest monorepositories have near 100,000 lines; a line takes about 200 bytes of memory. */
export const OUTLINE_LIMITS: OutlineLimits = { maxLines: 500_000, maxDepth: 32 };

export interface TarLimits {
  /** Headers of one archive, the extended ones included. */
  readonly maxEntries: number;
  /** One pax or GNU long-name record; Linux paths end at 4 KiB, xattrs at 64 KiB. */
  readonly maxExtendedBytes: number;
  /** Bytes of one name or link target: PATH_MAX. */
  readonly maxNameBytes: number;
  /** What one entry may claim. */
  readonly maxEntryBytes: number;
}

/** The largest public images hold about 500,000 files; a million cost near 5 s and 300 MiB to read and merge. */
export const TAR_LIMITS: TarLimits = {
  maxEntries: 1_000_000,
  maxExtendedBytes: 1 * MIB,
  maxNameBytes: 4 * KIB,
  maxEntryBytes: 64 * GIB,
};

export interface InflateLimits {
  readonly maxOutputBytes: number;
  /** Output over input, judged once `ratioFloorBytes` have come out, because small files of zeros are honest. */
  readonly maxRatio: number;
  readonly ratioFloorBytes: number;
}

/** Deflate reaches 1032:1; measured image layers stay below 20:1, layers of text or sparse data below 100:1. */
export const INFLATE_LIMITS: InflateLimits = { maxOutputBytes: 32 * GIB, maxRatio: 200, ratioFloorBytes: 64 * MIB };

/** zlib's default of 16 KiB costs 1.7 to 2.7 times the CPU of this size (measured on a 91 MB layer). */
export const STREAM_CHUNK_BYTES = 256 * KIB;

/** A window above 128 MiB (2^27) has to be asked for with --long when compressing; no image builder does. */
export const ZSTD_WINDOW_LOG_MAX = 27;

/** One paragraph of a dpkg database; the largest real one (linux-image with its Conffiles) is below 64 KiB. */
export const PARAGRAPH_MAX_BYTES = 1 * MIB;

export interface ZipLimits {
  readonly maxEntries: number;
  readonly maxFileBytes: number;
  readonly maxTotalBytes: number;
}

/** The export of all npm advisories holds about 250,000 records; one record stays below 10 MiB. */
export const ZIP_LIMITS: ZipLimits = { maxEntries: 1_000_000, maxFileBytes: 64 * MIB, maxTotalBytes: 8 * GIB };

/** Members of one constructed DER value: a certificate has ten, its extensions a dozen or two, a name a handful. */
export const DER_MEMBERS_MAX = 64;

/** A COSE signature nests three deep and has some dozen items beside its certificates. */
export const CBOR_LIMITS = { maxDepth: 16, maxItems: 1024 } as const;

/** Nesting of a DER value that is walked whole; a time stamp with its certificates nests a dozen deep. */
export const DER_DEPTH_MAX = 32;

export interface XmlLimits {
  /** Elements inside each other. */
  readonly maxDepth: number;
  /** Characters of one tag, comment or text. */
  readonly maxTokenChars: number;
  /** Elements of one record that is kept. */
  readonly maxNodes: number;
}

/** OVAL definitions nest a dozen deep; the longest text in one is a description of some 30 KiB, the widest has 40,000 criteria. */
export const XML_LIMITS: XmlLimits = { maxDepth: 64, maxTokenChars: 4 * MIB, maxNodes: 500_000 };

/** The modules of a Go program: about 120 bytes each, and the largest programs have 1,000. */
export const GO_BUILD_INFO_MAX_BYTES = 2 * MIB;

/** Levels of a b-tree: with two children a page, five thousand pages are twelve; honest ones have below six. */
export const SQLITE_DEPTH_MAX = 20;

const MIB = 1024 * 1024;

/** One feed, inflated. Debian's tracker is near 70 MiB, the largest OSV export (all of npm) near 1 GiB. */
export const FEED_MAX_BYTES = 4096 * MIB;
/** One JSON document: Debian's tracker is the largest single one. */
export const DOCUMENT_MAX_BYTES = 256 * MIB;
/** One line of NDJSON, one OSV record: the largest public ones (all kernel versions by name) are near 10 MiB. */
export const RECORD_MAX_BYTES = 32 * MIB;
/** Feeds inflate well: JSON with repeated keys reaches 60:1. */
export const FEED_MAX_RATIO = 400;
/** A version; compared in time linear in its length. */
export const VERSION_MAX_LENGTH = 256;
/** What a feed says of versions in one line; read in time quadratic in its length. Real ones have below a hundred letters. */
export const REQUIREMENT_MAX_LENGTH = 2000;
/**
 * Advisories of an ecosystem below which silence about a package means little: every public feed of one has hundreds to
 * tens of thousands, a handful is an excerpt.
 */
export const COVERAGE_RECORDS_MIN = 100;
/**
 * What is kept of one OVAL file until its end: SUSE's largest has some 40,000 definitions with two million criterions and
 * 300,000 tests, objects and states, which take near 200 MiB. `worded`: criterions whose words stand in for tests that are
 * not in the file, as in an excerpt of one; a whole feed has its tests.
 */
export const OVAL_LIMITS = { parts: 3_000_000, criterions: 20_000_000, worded: 20_000 };
/** A title for people; feeds put whole descriptions there. */
export const TITLE_MAX_LENGTH = 300;
/** An import with fewer records than this share of what it replaces is taken for cut. */
export const SHRINK_SHARE_MIN = 0.5;
/** From this size on, what SQLite does with a whole database is done in a thread: below it takes no 50 ms, less than a thread's start on a busy machine. */
export const HEAVY_FROM_BYTES = 4 * 1024 * 1024;
/** Records between pauses of an import, so that the service goes on answering. */
export const RECORDS_PER_TURN = 200;
/** Silence of a server after which an update gives up. */
export const FETCH_TIMEOUT_MS = 60_000;
export const FETCH_REDIRECTS_MAX = 5;
/** What unpacking an .xz may take of memory: the largest preset (-9) needs 65 MiB. */
export const UNPACK_MEMORY = '128MiB';
/** A zip is held in memory; the largest public export (npm) is near 200 MiB. */
export const ZIP_MAX_BYTES = 1024 * MIB;
/** One YAML document: Alpine's largest list is near 1 MiB. */
export const YAML_MAX_BYTES = 16 * MIB;
/** Files of one archive: the whole history of Red Hat's VEX is near 300,000. */
export const ARCHIVE_ENTRIES_MAX = 2_000_000;
/** Documents of an archive that may come before the first of a known feed. */
export const STRANGERS_MAX = 10_000;
/** Answers kept by question, an answer and each finding in it counted once: near 100 MiB of what thousands of images share. */
export const MEMO_ANSWERS_MAX = 200_000;
/** Age of a source that is worth an alarm; feeds that change daily (KEV, EPSS) say 3. */
export const MAX_AGE_DAYS = 7;
/** What is said of a package name, unpacked: near 1 KiB each. */
export const MEMO_PACKAGES_MAX = 20_000;
/** Records and CVEs that hits have asked for. */
export const MEMO_RECORDS_MAX = 100_000;
/** A packed database: every feed of the manual together is near 300 MiB. */
export const ARTIFACT_BYTES_MAX = 2048 * MIB;
export const ARTIFACT_DATABASE_BYTES_MAX = 8192 * MIB;
/** Manifests and signatures of an archive, which are held in memory. */
export const ARTIFACT_SMALL_BYTES_MAX = 4 * MIB;
/** What a killed import left is removed when it is older than any import takes. */
export const LEFTOVER_AGE_MS = 3_600_000;
/** Tries of a fetch: after the first and second failure it waits this long. */
export const FETCH_RETRY_MS: readonly number[] = [1_000, 5_000];
/** The longest pause that a server may ask for (`Retry-After`). */
export const RETRY_AFTER_MAX_MS = 60_000;
/** A file that holds a checksum. */
export const CHECKSUM_FILE_MAX_BYTES = 64 * 1024;
/** OpenPGP keys that feeds may be signed with: all of Debian's developers together are near 30 MiB, those of a publisher some KiB. */
export const OPENPGP_KEYS_MAX_BYTES = 4 * MIB;
/** What gpgv may take for one feed, which comes as fast as the network brings it. */
export const OPENPGP_TIMEOUT_MS = 3_600_000;
/** Questions about an ecosystem after which reading all its names (some 10 ms) is cheaper than asking for each. */
export const NAMES_ASKED_MIN = 1_000;
/** A changelog, inflated: the longest of Debian (linux) is near 4 MiB. */
export const CHANGELOG_MAX_BYTES = 32 * MIB;
/** Packages that one look at a mirror fetches. */
export const MIRROR_PACKAGES_MAX = 2_000;
export const MIRROR_TIMEOUT_MS = 120_000;
/** Of a compiled database, what is read by mapping it: address space, not memory. All feeds together are near 300 MiB. */
export const MAPPED_BYTES_MAX = 1024 * MIB;

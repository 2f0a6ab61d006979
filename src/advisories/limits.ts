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
/**
 * Advisories of an ecosystem below which silence about a package means little: every public feed of one has hundreds to
 * tens of thousands, a handful is an excerpt.
 */
export const COVERAGE_RECORDS_MIN = 100;
/** A title for people; feeds put whole descriptions there. */
export const TITLE_MAX_LENGTH = 300;
/** An import with fewer records than this share of what it replaces is taken for cut. */
export const SHRINK_SHARE_MIN = 0.5;
/** Records between pauses of an import, so that the service goes on answering. */
export const RECORDS_PER_TURN = 200;
/** Silence of a server after which an update gives up. */
export const FETCH_TIMEOUT_MS = 60_000;
export const FETCH_REDIRECTS_MAX = 5;
/** A zip is held in memory; the largest public export (npm) is near 200 MiB. */
export const ZIP_MAX_BYTES = 1024 * MIB;

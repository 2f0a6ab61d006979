/** Reads and writes of content: below 64 KiB the cost per chunk shows, above 256 KiB nothing is gained (measured). */
export const CHUNK_BYTES = 256 * 1024;
/** Pairs of such buffers kept for the next download: 8 MiB. */
export const SPARE_BUFFERS_MAX = 16;
/**
 * Uploads are gathered to this size before one write. Larger ones make ext4 look for large folios, which on a machine
 * with fragmented memory costs more than everything else of a push (measured: 0.1 s of kernel time for 100 MB, 0.35 s
 * with 256 KiB and 1 MiB).
 */
export const WRITE_BYTES = 128 * 1024;
/** Two such buffers serve an upload; a few wait for the next one. */
export const SPARE_WRITE_BUFFERS_MAX = 32;
/** Pieces of the network below this may share memory with others (Node's pool is 64 KiB, and takes halves of it at most). */
export const LET_GO_BYTES = 40 * 1024;
/** Uploads that began and have no byte yet, kept without a file. */
export const FRESH_UPLOADS_MAX = 10_000;
/** Content up to this is kept durably in the database first, many in one commit, and as a synced file a moment later. */
export const SMALL_BLOB_BYTES = 64 * 1024;
/** How long small content waits for its file, and how much of it may wait before files are made at once. */
export const INTAKE_MS = 5000;
export const INTAKE_BYTES_MAX = 32 * 1024 * 1024;
/** Small content in memory because it has no file; beyond it a push waits for files to be made. */
export const HELD_BYTES_MAX = 2 * INTAKE_BYTES_MAX;
/** Files synced together, so that folders are synced once for many; all of them at 64 KiB are 64 MiB of memory. */
export const SETTLE_TOGETHER_MAX = 1000;
/** Pushes that share one commit: a bound for the statements' parameters. */
export const COMMIT_TOGETHER_MAX = 200;
/** One blob. Layers above this do not exist; without a bound one request could fill any disk. */
export const BLOB_BYTES_MAX = 64 * 1024 ** 3;
/** A client that sends or takes nothing for this long has gone; its upload stays and can be resumed. */
export const IDLE_MS = 60_000;
/** An unfinished upload is kept this long for a resume, then removed with its bytes. */
export const UPLOAD_KEPT_MS = 24 * 3600 * 1000;
/** Digest states of open uploads kept in memory; an upload beyond them is read again when it is finished. */
export const UPLOAD_STATES_MAX = 1024;
/** Content that nothing refers to is removed only after this long: a push may be on its way to its manifest. */
export const GARBAGE_GRACE_MS = 24 * 3600 * 1000;
/** Files that were found damaged are kept aside so long, for who wants to know what happened to the disk. */
export const DAMAGED_KEPT_MS = 30 * 24 * 3600 * 1000;
/** The scrub reads so fast at most: a terabyte in fifteen hours, a fraction of what any disk serves. */
export const SCRUB_BYTES_PER_SECOND = 20 * 1024 * 1024;
/** Rows that one step of the scrub takes; after each blob it writes down where it is. */
export const SCRUB_BATCH = 100;
/** Repositories named in one finding; shared base layers are in hundreds. */
export const SCRUB_PROJECTS_SAID_MAX = 100;
/** Rows that one step of the collection looks at, so that serving goes on between steps. */
export const GARBAGE_BATCH = 200;
/** distribution-spec 1.1 leaves page sizes to the registry; 1,000 names stay below 256 KiB. */
export const PAGE_MAX = 1000;
/** URLs of the API are a name (255), a tag or digest (136) and a query; Node allows 16 KiB of headers in all. */
export const URL_LENGTH_MAX = 4096;
/** Half the second within which a revocation must count, should something change that no write tells of. */
export const KEPT_ANSWER_MS = 500;
/** Manifests of images have a few KiB; with these two bounds the kept answers stay below 32 MiB. */
export const KEPT_ANSWER_BODY_BYTES_MAX = 32 * 1024;
export const KEPT_ANSWERS_MAX = 1000;
/** distribution-spec 1.1 "Warnings": all warn-text of an answer together; one is cut so that others fit beside it. */
export const WARNINGS_BYTES_MAX = 4096;
export const WARNING_CHARACTERS_MAX = 500;
/** A registry token is asked again every few minutes, so that rights taken away end soon by themselves as well. */
export const TOKEN_LIFE_MS = 5 * 60_000;
/** A client's refresh token of a person: as long as any other login of theirs. */
export const REFRESH_LIFE_MS = 12 * 3_600_000;
/** The same of a program: it ends with the program's own token, and here at the latest. */
export const REFRESH_LIFE_PROGRAM_MS = 90 * 24 * 3_600_000;
/** One push names two repositories at most (target and mount source); scopes are a client's wish and bounded. */
export const SCOPES_MAX = 16;
/** Token request bodies are a form of four short fields. */
export const TOKEN_FORM_BYTES_MAX = 16 * 1024;
/** A checked password is not hashed again for this long (argon2id costs tens of milliseconds by design). */
export const SIGN_IN_KEPT_MS = 10_000;
export const SIGN_INS_KEPT_MAX = 1000;
/** Pulls are written together: one commit per window instead of one per request. A crash loses at most this window. */
export const PULL_WINDOW_MS = 200;
/** Different (who, repository, digest) triples in one window before it is written early. */
export const PULL_WINDOW_ENTRIES_MAX = 2000;
/** Hourly counts of pulls are kept this long: a year can be compared with the one before it. */
export const PULLS_KEPT_DAYS = 400;
/** Hours, and days, that one answer about pulls may span: two weeks and a year, as a chart can show them. */
export const PULLS_HOURS_MAX = 14 * 24;
export const PULLS_DAYS_MAX = 366;
/** Actors and images named in such an answer, those with most pulls. */
export const PULLS_NAMED_MAX = 20;
/** The rest of a refused request's body that is still read so that the client sees the answer; then we hang up. */
export const DRAIN_BYTES_MAX = 4 * 1024 * 1024;
/** The same when our disk or the project's quota is full: whoever sends may send, and should read why it failed instead of a broken connection. */
export const FULL_DRAIN_BYTES_MAX = 1024 ** 3;
/** An image config is a few KiB; history of very long builds reaches hundreds. */
export const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
/** A referrers tree is image → signature or SBOM → its signature; deeper chains are not shown. */
export const REFERRERS_DEPTH_MAX = 4;
/** JSON answers of other registries (tokens, tag lists). */
export const REMOTE_JSON_BYTES_MAX = 4 * 1024 * 1024;
/** Redirects followed when reading a blob from another registry: registry → storage, at most one more. */
export const REMOTE_REDIRECTS_MAX = 3;
/** A remote registry that sends nothing for this long is given up. */
export const REMOTE_IDLE_MS = 60_000;
/** Nodes of a referrers tree in one answer; an image has a handful of signatures, SBOMs and attestations. */
export const REFERRERS_NODES_MAX = 500;
/** Contents named of all artifacts of one level of such a tree; a signature carries one. */
export const REFERRERS_CONTENT_MAX = 1000;
/** Lines of an image's history shown, and characters of each: more says nothing to a reader. */
export const HISTORY_LINES_MAX = 300;
export const HISTORY_CHARACTERS_MAX = 1000;
/** Images in one page of the REST API; each asks the gate once. */
export const IMAGES_PAGE_MAX = 200;
/** Registry tokens remembered as checked; each lives five minutes at most. */
export const TOKENS_CHECKED_MAX = 2000;
/** A large upload is pushed to the disk each time this much of it is written. */
export const SYNC_BYTES = 16 * 1024 * 1024;
/** A pull of an image that is being checked waits so long for the verdict: below the 30 s after which clients give up. */
export const PATIENT_PULL_MS = 20_000;
/** Pulls that wait at a time; beyond them a held image is refused at once, so that waiting costs a bounded memory. */
export const PATIENT_PULLS_MAX = 256;
/** Manifests of a repository that are asked whether one of them releases shared content. */
export const HELD_CONTENT_USERS_MAX = 500;
/** Content remembered with the image that released it; asked on every blob. */
export const HELD_CONTENT_CACHED_MAX = 50_000;
/** Reasons in the message of a refused pull, which clients print on one line; the detail has them all. */
export const REASONS_SAID_MAX = 12;
/** How often `image wait` asks, and for how long unless told otherwise: a large image is scanned within minutes. */
export const WAIT_POLL_MS = 1000;
export const WAIT_SECONDS = 600;
/** Characters of a pattern of repositories or tags; a tag has at most 128. */
export const PATTERN_CHARACTERS_MAX = 128;
/** Patterns of one list (immutable tags, tags of a rule), and rules of one retention: people read them. */
export const PATTERNS_MAX = 32;
export const RETENTION_RULES_MAX = 32;
/** Patterns with settings in one project. */
export const SETTINGS_PATTERNS_MAX = 200;
/** Repositories, and projects, whose settings are kept in memory. */
export const SETTINGS_CACHED_MAX = 10_000;
/** Ten years: longer than any rule of retention needs, short enough for dates. */
export const RETENTION_DAYS_MAX = 3660;
/** Requests without credentials from one address: a pull of an image with many layers at once, then a steady trickle. */
export const ANONYMOUS_BURST = 200;
export const ANONYMOUS_PER_SECOND = 5;
/** Transfers of open repositories are asked so often whether these still are: closing one counts within a second. */
export const PUBLIC_CHECK_MS = 400;

/** Policies of a platform: each is asked about every container that starts. */
export const POLICIES_MAX = 100;
/** Bytes of one policy as its author writes it; an honest one has some hundred. */
export const POLICY_BYTES_MAX = 32 * 1024;
/** Entries of one list of a policy. */
export const PATTERNS_MAX = 200;
/** Characters of one entry; a path has at most so many (PATH_MAX). */
export const PATTERN_LENGTH_MAX = 4_096;
/** Bytes of a path that the kernel's own table takes: longer ones are left to the warden. */
export const KERNEL_PATH_BYTES_MAX = 247;
/** Commands, and files, of all policies for one container: the kernel's table holds some thousand for a host. */
export const DENIED_MAX = 1_000;
/** Containers of others that one host names; a host that runs more has another problem. */
export const STRANGERS_MAX = 1_000;
/** So many new ones of a host are told each by itself, and one more after each such time; the rest in one sum. */
export const TOLD_AT_ONCE = 200;
export const TOLD_EVERY_MS = 5_000;
/** What is known of one, in characters. */
export const STRANGER_TEXT_MAX = 300;
/** What is allowed beside the platform, and rules about the rest. */
export const ALLOWED_MAX = 500;
/** Containers of others that are gone, shown still. */
export const GONE_SHOWN = 200;
/** The same, kept. */
export const GONE_KEPT_DAYS = 30;
/** And no more of them than this: a host that builds starts thousands a day. The journal keeps what was told of each. */
export const GONE_KEPT_MAX = 5_000;
/** Images that run in which denied packages are looked for. */
export const IMAGES_LOOKED_MAX = 500;
/** Policies times images, as hosts are told them. */
export const PACKAGE_ORDERS_MAX = POLICIES_MAX * IMAGES_LOOKED_MAX;
/** Bytes of what hosts are told of one image for one policy, and of all: one message, of which an agent reads 64 MiB. */
export const PACKAGE_ORDER_BYTES_MAX = 256 * 1024;
export const PACKAGE_ORDERS_BYTES_MAX = 24 * 1024 * 1024;
/** Characters of a purl as hosts are told it. */
export const PURL_TOLD_MAX = 1_000;
/** Before what could not be read is tried again. */
export const LOOK_AGAIN_MS = 60_000;
/** Denied packages of one image, and their programs and libraries: as many as the scanner names. */
export const PACKAGES_FOUND_MAX = 500;
export const PACKAGE_PATHS_MAX = 1_000;
/** Packages named in one sentence. */
export const GAPS_NAMED_MAX = 8;

const MIB = 1024 * 1024;

/** Files and folders of one build context: the largest monorepos checked out without history hold about this many. */
export const SOURCE_ENTRIES_MAX = 200_000;

/** Bytes of one context after unpacking; what is larger belongs in a volume or in a base image. */
export const SOURCE_BYTES_MAX = 2048 * MIB;

/** A Containerfile is written by hand; BuildKit refuses above the same order of size. */
export const CONTAINERFILE_BYTES_MAX = 1 * MIB;
export const CONTAINERFILE_INSTRUCTIONS_MAX = 1000;

/** A build that has not ended by then hangs; compiling Chromium is not a container build. */
export const BUILD_TIMEOUT_MS = 30 * 60_000;

/** Debian's minimal system takes 15 to 60 s here; a slow mirror is given its time. */
export const BASE_TIMEOUT_MS = 20 * 60_000;

/** Output of one build kept in memory, above which it is ended: a build that prints this much is in a loop. */
export const BUILD_OUTPUT_BYTES_MAX = 32 * MIB;

/** Lines of output that an error carries, and characters of each. */
export const OUTPUT_LINES_KEPT = 30;
export const OUTPUT_LINE_CHARACTERS_MAX = 500;

/** Processes and open files of one build step: npm and make -j stay far below, a fork bomb does not. */
export const BUILD_PROCESSES_MAX = 2048;
export const BUILD_FILES_MAX = 16_384;

/** dpkg's status file of a full desktop is about 6 MB. */
export const PACKAGE_LIST_BYTES_MAX = 32 * MIB;

/** Packages a person asks for on top of a base; each is a name on a command line. */
export const BASE_INCLUDES_MAX = 100;

/** An answer of the registry that is not a blob: tokens and error documents. */
export const REGISTRY_ANSWER_BYTES_MAX = 4 * MIB;

/** A repository of one commit depth; the Linux kernel takes four minutes over a slow line. */
export const GIT_FETCH_MS = 10 * 60_000;

/** Secrets of one build and bytes of each: keys and configuration files, as of npm or pip. */
export const BUILD_SECRETS_MAX = 20;
export const BUILD_SECRET_BYTES_MAX = 64 * 1024;

/** Labels of one image by hand; a manifest's configuration stays a few KiB. */
export const BUILD_LABELS_MAX = 50;

/** Between the secrets of a build and its source: a large source is sent in minutes. */
export const BUILD_SECRETS_MS = 10 * 60_000;
/** Builds whose secrets are held at a time; each is in memory. Of one project fewer, so that none keeps others from building. */
export const BUILD_SECRETS_KEPT = 64;
export const BUILD_SECRETS_OF_PROJECT = 16;

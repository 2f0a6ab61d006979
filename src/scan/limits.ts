const MIB = 1024 * 1024;

/** dpkg's status file holds about 1 KiB a package; 65,000 packages are all of Debian. */
export const DPKG_STATUS_MAX_BYTES = 64 * MIB;
/** What one package database may hold: that of Fedora with 5,000 packages has 200 MiB. */
export const PACKAGE_DATABASE_MAX_BYTES = 256 * MIB;
/** Names of files in one package database, written out: the largest images have 600,000 files of 70 bytes. */
export const OWNED_RAW_MAX_BYTES = 128 * MIB;
/** PATH_MAX. */
export const OWNED_PATH_MAX_BYTES = 4096;
/** What is kept of owned files of one layer, before it is compressed: 88,000 files take near 2 MiB. */
export const OWNED_MAX_BYTES = 32 * MIB;
/** Files whose owners are asked for at once: what a process has open, and a query string of a few KiB. */
export const OWNER_PATHS_MAX = 200;
/** The list of files of one package; the largest real ones (documentation of a desktop) are near 8 MiB. */
export const OWNED_LIST_MAX_BYTES = 32 * MIB;
/** A copyright file; that of Chromium, the largest, has 3 MiB. */
export const COPYRIGHT_MAX_BYTES = 8 * MIB;
/** Different licences kept of one package; that of Chromium names near fifty. */
export const LICENCES_MAX = 64;
/** A line of apk's database: dependencies of one package; the longest real ones are near 20 KiB. */
export const APK_LINE_MAX_BYTES = 1 * MIB;
/** One file of `status.d` is one package. */
export const DPKG_PACKAGE_MAX_BYTES = 1 * MIB;
export const OS_RELEASE_MAX_BYTES = 64 * 1024;
/** npm refuses to publish larger manifests than about this. */
export const PACKAGE_JSON_MAX_BYTES = 4 * MIB;
/** Lock files of the largest known monorepositories are near 10 MiB. */
export const PACKAGE_LOCK_MAX_BYTES = 32 * MIB;
/** Packages of one image kept in the index of findings, a finding: more places of one mistake help nobody. */
export const FOUND_PACKAGES_MAX = 50;
/** Images in one page of the answer to "where does it run?". */
export const FLEET_PAGE_MAX = 1_000;
/** Other lock files; the largest known are near 5 MiB. */
export const LOCK_MAX_BYTES = 8 * MIB;
/** The header of a Python package's metadata: names, classifiers, needs. */
export const PYTHON_HEADER_MAX_BYTES = 256 * 1024;
/** The description of one installed Ruby gem or R package. */
export const GEMSPEC_MAX_BYTES = 1 * MIB;
/** A zipped egg is kept whole; those with compiled parts stay below 20 MiB. */
export const EGG_MAX_BYTES = 64 * MIB;
/** Its files; of them the metadata alone is inflated, whose description may be long. */
export const EGG_LIMITS = { maxEntries: 50_000, maxFileBytes: 4 * MIB };
/** Programs pass by and are not kept; the largest known is near 1 GiB. */
export const EXECUTABLE_MAX_BYTES = 2048 * MIB;
/** A Rust program is kept whole until its list of sections comes; larger ones are not asked for their crates. */
export const RUST_EXECUTABLE_MAX_BYTES = 64 * MIB;
/** The list of crates in a Rust program, inflated: 100 bytes each. */
export const RUST_AUDIT_MAX_BYTES = 8 * MIB;
/** A Java archive is kept whole, because its directory stands at its end; the largest common ones are near 200 MiB. */
export const JAVA_ARCHIVE_MAX_BYTES = 256 * MIB;
/** Spring Boot nests once, an ear with wars in it twice. */
export const JAVA_DEPTH_MAX = 4;
/** All that is inflated of one archive and of those in it. */
export const JAVA_TOTAL_MAX_BYTES = 256 * MIB;
/** What is inflated at one time, one archive in the other; the worker keeps all of it. */
export const JAVA_OPEN_MAX_BYTES = 128 * MIB;
/** An archive is compressed already and hardly gets smaller again; one that does is made to fill the memory. */
export const JAVA_RATIO_MAX = 50;
/** Below this the ratio does not matter. */
export const JAVA_RATIO_FLOOR_BYTES = 1 * MIB;
/** A manifest with the checksums of thousands of classes; pom files stay below 100 KiB. */
export const JAVA_MANIFEST_MAX_BYTES = 4 * MIB;
/** Archives without a name of one file; a distribution of a server holds some hundreds. */
export const JAVA_UNNAMED_MAX = 5_000;
/** A list of Java archives as text: a name and a checksum are some 100 bytes, and twice that in memory. */
export const JAVA_INDEX_TEXT_MAX_BYTES = 64 * MIB;
/** Archives of such lists; all of Maven Central is asked in Trivy's index, which stays on the disk. */
export const JAVA_INDEX_MAX = 500_000;
/** Lines of such a list that are told because they name no archive; how many more there are is told as a number. */
export const JAVA_INDEX_REFUSED_MAX = 20;
/** One archive: the largest known have 100,000 classes; one file in it. */
export const JAVA_ARCHIVE_LIMITS = { maxEntries: 300_000, maxFileBytes: 128 * MIB };
/** A library for browsers: the largest, with all its parts in one file, are near 1.5 MiB. */
export const BROWSER_SCRIPT_MAX_BYTES = 2 * MIB;
/** A whole image; the largest public ones hold about 10,000 packages. */
export const PACKAGES_MAX = 200_000;
/** A name or version; the longest real ones are below 200 letters. */
export const PACKAGE_TEXT_MAX = 512;
/** Notices kept of one image. */
export const NOTICES_MAX = 100;

/** All layers of one image, inflated. The largest public images are near 40 GiB. */
export const IMAGE_BYTES_MAX = 64 * 1024 * MIB;
/** Entries of all layers: the largest public images hold about 500,000; this many take near 4 s and 300 MiB. */
export const IMAGE_ENTRIES_MAX = 600_000;
/** Layers of one image: overlayfs stops at 500. */
export const LAYERS_MAX = 500;
/** The listing of one layer, compressed: 1,000,000 entries take about 20 MiB. */
export const LAYER_RESULT_MAX_BYTES = 64 * MIB;
/** The same inflated, and what decoding it may take. */
export const LISTING_MAX_BYTES = 8 * LAYER_RESULT_MAX_BYTES;
/** A name or link target in a listing: tar's are bounded by 4 KiB, and may grow when they are written as UTF-8. */
export const LISTING_RECORD_MAX_BYTES = 16 * 1024;
/** Files of a layer in one page of the REST API. */
export const LAYER_FILES_PAGE_MAX = 500;
/** Packages in one answer: images of today have a few thousand, and each is some two hundred bytes. */
export const PACKAGES_PAGE_MAX = 2_000;
/** Files of one package that are named; a package of texts or data may have more. */
export const PACKAGE_FILES_MAX = 5_000;
/** Programs, and libraries, of one package that are named to be denied; those of a language's run-time have a few hundred. */
export const RUNNABLE_FILES_MAX = 1_000;
/** Packages of one image that are asked about at once. */
export const RUNNABLE_ASKED_MAX = 500;
/** What the worker may answer: the inventory of `PACKAGES_MAX` packages. */
export const INVENTORY_MAX_BYTES = 128 * MIB;

/** The heap of the worker; a layer with a million entries needs near 200 MiB when merged. */
export const WORKER_HEAP_MIB = 768;
/** One half of the worker's young generation. With 16 it is no faster, at 600,000 names either, and needs 20 MiB more (measured). */
export const WORKER_YOUNG_MIB = 4;
/** Scans for Harbors that are kept, waiting ones too; a Harbor that scans all it has asks again for the rest. */
export const HARBOR_JOBS_MAX = 1_000;
export const HARBOR_JOBS_AT_ONCE = 2;
/** One scan with its pull: the worker's own limit, and as long again for a slow registry. */
export const HARBOR_JOB_MS = 30 * 60 * 1000;
/** Harbor fetches a report within seconds of its end. */
export const HARBOR_REPORT_MS = 60 * 60 * 1000;
/** A bill of materials that is read; Syft's of the largest images are near 60 MiB. */
export const BILL_MAX_BYTES = 128 * MIB;
/** Places and licences taken over of one package of a bill. */
export const BILL_LIST_MAX = 64;
/** All that scans without a server keep for the next one: a layer takes some 100 KiB, an image some MiB. */
export const FILE_CACHE_BYTES_MAX = 512 * MIB;
/** Below this node:zlib is done before a child has started: 10 ms for the child, 400 MB/s for zlib. */
export const INFLATER_LAYER_MIN_BYTES = 4 * MIB;
/** Layers of one image that get a child of their own, one after the other; each is a descriptor of the worker. */
export const INFLATER_LAYERS_MAX = 64;
/** Address space of the inflater; it needs 8 MiB. */
export const INFLATER_BYTES_MAX = 256 * MIB;
/** 40 GiB inflate in about 90 s; a slow disk may take ten times that. */
export const WORKER_TIMEOUT_MS = 15 * 60 * 1000;
/** An image configuration with its history; registries refuse larger manifests, and nobody writes larger ones. */
export const CONFIG_MAX_BYTES = 8 * MIB;

/** Characters kept of the step that made a layer: enough to know the line of a Containerfile by. */
export const HISTORY_LINE_MAX = 2000;
/** Folders within folders of a tree on disk: an open descriptor each; paths end at 4,096 bytes. */
export const TREE_DEPTH_MAX = 256;
/** Saving a local image copies it once; 40 GiB on a slow disk. */
export const ENGINE_TIMEOUT_MS = 30 * 60 * 1000;
/** Files of credentials hold some dozen registries. */
export const AUTH_FILE_MAX_BYTES = 1 * MIB;
/** A credential helper may ask a key ring that a person has to unlock. */
export const CREDENTIAL_HELPER_TIMEOUT_MS = 60 * 1000;

/** Files with unusual rights that are kept of an image; a base system has some dozens, caches may have thousands. */
export const EXPOSED_FILES_MAX = 2000;

/** Bytes of one Containerfile or manifest that is checked; generated ones stay below a mebibyte. */
export const CHECK_FILE_MAX_BYTES = 4 * 1024 * 1024;

/** Files of one folder that are checked. */
export const CHECK_FILES_MAX = 20_000;

/** Bytes of one VEX document; those of Red Hat's largest products stay below it. */
export const VEX_MAX_BYTES = 16 * 1024 * 1024;

/** Claims of one VEX document. */
export const VEX_CLAIMS_MAX = 200_000;

/** Characters kept of what a VEX document says in words. */
export const VEX_STATEMENT_MAX = 2000;

/** Documents of one project that count at once. */
export const VEX_DOCUMENTS_MAX = 500;

/** Deadlines that are read at once: those of an image, or a list for people. */
export const DEADLINES_READ_MAX = 5000;

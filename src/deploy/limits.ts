/** Files of one question about manifests. */
export const REPORT_FILES_MAX = 100;

/** Characters of one manifest: etcd, which would hold it in a cluster, takes 1.5 MiB. */
export const REPORT_TEXT_MAX = 1_572_864;

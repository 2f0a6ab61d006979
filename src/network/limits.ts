/** Bytes of a PEM certificate request: an EC request is below 1 KiB, an RSA-4096 one below 3 KiB. */
export const REQUEST_BYTES_MAX = 16 * 1024;

/** RFC 5280 appendix A: `ub-common-name`. */
export const COMMON_NAME_CHARACTERS_MAX = 64;

/** RFC 1035 section 2.3.4. */
export const DNS_LABEL_CHARACTERS_MAX = 63;
export const DNS_NAME_CHARACTERS_MAX = 253;

/** Names and addresses in one server certificate: browsers read more, but each handshake carries all of them. */
export const CERTIFICATE_NAMES_MAX = 100;

/** A clock that runs behind ours still accepts a certificate issued a moment ago. */
export const CLOCK_SKEW_MS = 5 * 60_000;

/** Ways a pod keeps in mind in each direction: who scans all ports fills this and no more (some 40 bytes each in the kernel). */
export const FLOWS_MAX = 4096;

/** A way that nobody took for a day is forgotten. */
export const FLOW_SECONDS = 86_400;

/** Addresses that the names of one rule may open at a time: large services turn some hundreds. */
export const NAMED_ADDRESSES_MAX = 4096;

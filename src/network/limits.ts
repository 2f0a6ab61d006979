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

/** A first packet of a connection is sent again after 1 to 32 seconds (RFC 6298 section 2.5, as Linux does it). */
export const AGAIN_SECONDS = 40;

/** A way that nobody took for a day is forgotten. */
export const FLOW_SECONDS = 86_400;

/** Addresses that the names of one rule may open at a time: large services turn some hundreds. */
export const NAMED_ADDRESSES_MAX = 4096;

/** A question with extensions (RFC 6891) is well below this; larger ones are no questions. */
export const DNS_UDP_BYTES = 4096;

/** RFC 1035 section 4.2.2: the length of a message over TCP has two bytes. */
export const DNS_ANSWER_BYTES_MAX = 65_535;

/** Questions that are asked outside at a time, from all pods together. */
export const DNS_QUESTIONS_MAX = 1024;

export const DNS_CONNECTIONS_MAX = 128;
export const DNS_IDLE_MS = 10_000;
export const DNS_UPSTREAM_MS = 3_000;
/** Questions of pods in a row that no resolver of the host answered, until the resolvers are asked whether they are there at all. */
export const DNS_UNANSWERED = 2;
/** How often they are asked that, and told to be away, at most. */
export const DNS_TOLD_MS = 10_000;
/** A datagram may be lost, and a busy resolver late: so many questions of ours without an answer make it away. */
export const DNS_PROBES = 3;

/** Readiness changes within seconds, so nobody should keep an address for longer. */
export const DNS_TTL_SECONDS = 5;

/** How long an address that a name led to stays open: a client may keep it a while longer than it should. */
export const DNS_OPEN_SECONDS = { least: 60, most: 3600 };
export const DNS_OPEN_EXTRA_SECONDS = 30;

/** Ways that a workload is remembered by. */
export const WORKLOAD_FLOWS_MAX = 2_000;

/** A way that nobody took for so long is forgotten. */
export const FLOW_DAYS = 30;

/** Entries of one list of the edge (paths, methods, agents, networks): each is looked through at every request. */
export const EDGE_LIST_MAX = 64;
export const EDGE_PATTERN_CHARACTERS_MAX = 256;

/** Requests of a rate: above this a limit protects nothing. */
export const EDGE_RATE_MAX = 1_000_000;
/** The time of a rate: the edge keeps every client in mind for so long. */
export const EDGE_RATE_SECONDS_MAX = 3_600;
/** Clients that a rate limit keeps in mind; the one that was quiet for longest is forgotten first (some 100 bytes each). */
export const EDGE_CLIENTS_MAX = 100_000;

/** 1 TiB: a number that is still exact everywhere it passes through. */
export const EDGE_BODY_BYTES_MAX = 1024 ** 4;
export const EDGE_TIMEOUT_SECONDS_MAX = 86_400;

/** A denial is an answer to an incident; what is to stay belongs into the manifests. */
export const EDGE_DENIAL_DAYS_MAX = 90;

/** Networks and paths that a project refuses by denials, all together. */
export const EDGE_DENIED_MAX = 512;
/** A list of a manifest and what denials add to it. */
export const EDGE_JOINED_MAX = EDGE_LIST_MAX + EDGE_DENIED_MAX;

/** Certificates of a chain below its root: real ones have one to three. */
export const CHAIN_CERTIFICATES_MAX = 10;
/** A certificate with a hundred names and an RSA key is below 8 KiB; hosts take a text of 64 KiB, line ends of PEM included. */
export const CHAIN_BYTES_MAX = 60 * 1024;
/** RSA of 16384 bits is below 13 KiB of PEM. */
export const KEY_BYTES_MAX = 16 * 1024;
/** Certificates beside the platform's own: HAProxy loads each at every reload (some 2 ms). */
export const SERVED_CERTIFICATES_MAX = 500;
/** Days before its end at which a certificate is told of, each once. */
export const EXPIRY_ALARM_DAYS: readonly number[] = [30, 14, 7];
/** Networks of balancers in front of the edge. */
export const EDGE_PROXIES_MAX = 64;

/** A DNS server that is asked to change its zone answers within this, or the order is tried again later. */
export const DNS_UPDATE_MS = 10_000;

/** An ACME answer is JSON of some KiB, or a chain. */
export const ACME_ANSWER_BYTES_MAX = 256 * 1024;
export const ACME_REQUEST_MS = 30_000;
/** Between two looks at what the authority does; it needs some seconds for a challenge. */
export const ACME_WAIT_MS = 2_000;
export const ACME_POLLS_MAX = 90;
/** One order from its account to its chain, with ten minutes for secondaries: orders are carried out one after the other. */
export const ACME_ORDER_MS = 20 * 60_000;
/** Orders that are kept; each renews one certificate. */
export const ACME_ORDERS_MAX = 500;

/** How often a site asks its own edge for each of its hosts; two failures in a row withdraw an address, two answers return it. */
export const SITE_CHECK_MS = 5_000;
export const SITE_CHECKS_AGREE = 2;
/** By it the edge knows the looks of its own platform; it never reaches a service. */
export const PROBE_HEADER = 'x-darsena-probe';
/** An edge that takes longer is as good as away for who waits for a page. */
export const SITE_PROBE_MS = 3_000;
/** How often a site says in DNS that it lives, and after how long of silence others withdraw its addresses. */
export const SITE_BEAT_MS = 30_000;
export const SITE_LAPSE_MS = 90_000;
/** Hosts that a site balances; each is asked for every five seconds. */
export const SITE_HOSTS_MAX = 50;
/** Addresses of one site: they stand in one text of DNS. */
export const SITE_ADDRESSES_MAX = 4;
/** Sites of one host that are believed. */
export const SITES_MAX = 16;

/**
 * What a site wrote so long ago, by its own clock, holds its name no more where it is asked for: far beyond what clocks
 * differ, and soon enough for a platform that was set up anew.
 */
export const SITE_NAME_HELD_MS = 15 * 60_000;

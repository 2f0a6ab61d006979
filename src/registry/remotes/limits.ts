/** A name with realm, service, scope and error is a few hundred characters. */
export const REMOTE_CHALLENGE_LENGTH_MAX = 4096;
/** Requests that change nothing are sent this often before a remote registry counts as down. */
export const REMOTE_TRIES_MAX = 3;
/** The pause before the second try; it doubles with each further one, up to the longest, also when the remote asks for more. */
export const REMOTE_PAUSE_MS = 100;
export const REMOTE_PAUSE_MS_MAX = 30_000;
/** A transfer of gigabytes over a bad line is cut some times; one that is cut more often goes nowhere. */
export const REMOTE_RESUMES_MAX = 20;
/** Below a modem's rate a remote only holds our connection and our disk. Asked after the first minute. */
export const REMOTE_RATE_BYTES_MIN = 1024;
/** Pages of a list; each has a thousand names, so that a remote which never says "last page" ends here. */
export const REMOTE_PAGES_MAX = 200;
/** `Darsena-Via`: sixteen hex digits an instance, and no sensible chain of mirrors is longer than a handful. */
export const VIA_LENGTH_MAX = 512;

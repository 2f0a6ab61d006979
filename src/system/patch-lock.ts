/**
 * Held with flock(2) by whoever changes live patches of this machine, for as long as one goes in or out. Who attaches to the
 * kernel waits for it: tracing and patching the same functions at the same moment can make either fail.
 */
export const PATCH_LOCK = '/var/lib/darsena-patches/.lock';

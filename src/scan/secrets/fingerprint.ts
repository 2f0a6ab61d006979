import { createHash, createHmac, hkdfSync } from 'node:crypto';

const HEX_DIGITS = 32;

/**
 * Tells a finding again. A plain hash of a password is as good as the password to who has a list of likely ones, so the
 * value enters only where there is a key that nobody outside of the platform has: `v-` and HMAC-SHA-256 of rule and value,
 * the same wherever this credential lies. Without a key, as in `darsena scan` without a server, it is `p-` and a hash of
 * the place: rule, path, line and column, which tells nothing about the value at all.
 */
export function fingerprintOf(
  key: Uint8Array | null,
  found: { rule: string; path: string; line: number; column: number },
  value: Uint8Array,
): string {
  const { rule, path, line, column } = found;
  if (key === null) {
    const place = [rule, path, line, column].join('\0');
    return `p-${createHash('sha256').update(place).digest('hex').slice(0, HEX_DIGITS)}`;
  }
  return `v-${createHmac('sha256', key).update(rule).update('\0').update(value).digest('hex').slice(0, HEX_DIGITS)}`;
}

/** The key for fingerprints of an instance, out of its master key; it opens nothing. */
export function deriveFingerprintKey(masterKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', masterKey, new Uint8Array(0), 'darsena secret fingerprints', 32));
}

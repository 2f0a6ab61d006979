import { createHash, randomBytes } from 'node:crypto';

/** Tells a token of the platform from a password and from tokens of others. */
export const TOKEN_PREFIX = 'dtk_';

/** 256 random bits: nothing to guess, so a plain hash is enough to keep it by. */
export function makeSecret(): string {
  return `${TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`;
}

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ARGON2 } from './limits.ts';

const derive = promisify(argon2);

/** `argon2id$v=19$m=…,t=…,p=…$salt$tag` (RFC 9106), so that the cost can rise later and old hashes still verify. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const { memory, passes, parallelism, tagLength } = ARGON2;
  const tag = await derive('argon2id', { message: password, nonce: salt, memory, passes, parallelism, tagLength });
  return `argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${salt.toString('base64url')}$${tag.toString('base64url')}`;
}

export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const match = /^argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w-]+)\$([\w-]+)$/.exec(stored);
  if (match === null) return false;
  const [, memory, passes, parallelism, salt, expected] = match;
  const wanted = Buffer.from(expected ?? '', 'base64url');
  const tag = await derive('argon2id', {
    message: password,
    nonce: Buffer.from(salt ?? '', 'base64url'),
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    tagLength: wanted.length,
  });
  return timingSafeEqual(tag, wanted);
}

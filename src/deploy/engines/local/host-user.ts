import type { InsideEngine } from './engine.ts';

/** A passwd of a distribution has some forty lines; a megabyte is more than anybody has users. */
const PASSWD_BYTES_MAX = 1_048_576;

/**
 * The number that an image's USER means inside the container: of a name, what its own passwd says, as the runtime will
 * read it. Null when nothing says it.
 */
export async function userNumber(inside: InsideEngine, containerId: string, user: string): Promise<number | null> {
  const name = user.split(':')[0] ?? '';
  if (/^[0-9]{1,10}$/.test(name)) return Number(name);
  if (name === '') return 0;
  const passwd = await inside.readFile(containerId, '/etc/passwd', PASSWD_BYTES_MAX);
  if (passwd === null) return null;
  for (const line of passwd.toString('utf8').split('\n')) {
    const [found, , uid = ''] = line.split(':');
    // The first line of a name counts (getpwnam(3)).
    if (found === name) return /^[0-9]{1,10}$/.test(uid) ? Number(uid) : null;
  }
  return null;
}

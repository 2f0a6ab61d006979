import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../../system/index.ts';
import { setupFault } from './errors.ts';
import { type InstanceFolders, instanceFiles, instancePrefix, type SystemUser } from './instance.ts';

export type Role = 'control' | 'build' | 'edge';
export const ROLES: readonly Role[] = ['control', 'build', 'edge'];

/** useradd(8) takes 32 characters at most. */
const USER_NAME_CHARACTERS_MAX = 32;
/** Room for one whole container user space, as useradd gives to people. */
const SUB_IDS = 65_536;
const SUB_IDS_FIRST = 100_000;

/** The user of a part; long instance names are shortened by a hash, so that two never share one. */
export function userName(instance: string, role: Role): string {
  const name = `${instancePrefix(instance)}-${role}`;
  if (name.length <= USER_NAME_CHARACTERS_MAX) return name;
  const hash = createHash('sha256').update(instance).digest('hex').slice(0, 12);
  return `darsena-${hash}-${role}`;
}

/** The three users before they are made: named, and with an id that no process has. */
export function plannedUsers(instance: string): { control: SystemUser; build: SystemUser; edge: SystemUser } {
  const planned = (role: Role): SystemUser => ({ name: userName(instance, role), uid: -1, gid: -1 });
  return { control: planned('control'), build: planned('build'), edge: planned('edge') };
}

/** Makes the three users of a root-mode instance where they are missing. */
export async function ensureUsers(
  instance: string,
  folders: InstanceFolders,
): Promise<{ control: SystemUser; build: SystemUser; edge: SystemUser }> {
  const home = instanceFiles(folders).build.folder;
  return {
    control: await ensureUser(userName(instance, 'control'), '/nonexistent'),
    build: await ensureBuildUser(userName(instance, 'build'), home),
    edge: await ensureUser(userName(instance, 'edge'), '/nonexistent'),
  };
}

/** The user and group of this process, for all parts of a rootless instance. */
export async function callingUser(): Promise<SystemUser> {
  const uid = process.getuid?.() ?? 0;
  const passwd = await readFile('/etc/passwd', 'utf8');
  const line = passwd.split('\n').find((entry) => entry.split(':')[2] === String(uid));
  return { name: line?.split(':')[0] ?? String(uid), uid, gid: process.getgid?.() ?? 0 };
}

export async function findUser(name: string): Promise<(SystemUser & { home: string }) | null> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  for (const line of passwd.split('\n')) {
    const [user, , uid, gid, , home] = line.split(':');
    if (user === name && uid !== undefined && gid !== undefined) {
      return { name, uid: Number(uid), gid: Number(gid), home: home ?? '/nonexistent' };
    }
  }
  return null;
}

async function ensureUser(name: string, home: string): Promise<SystemUser> {
  const known = await findUser(name);
  if (known !== null) return { name, uid: known.uid, gid: known.gid };
  await account(
    'useradd',
    [
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      home,
      '--shell',
      '/usr/sbin/nologin',
      '--comment',
      'Darsena',
      name,
    ],
    name,
  );
  const made = await findUser(name);
  if (made === null) throw setupFault('setup.user-failed', { user: name, reason: 'it is not in /etc/passwd' });
  return { name, uid: made.uid, gid: made.gid };
}

async function ensureBuildUser(name: string, home: string): Promise<SystemUser> {
  const user = await ensureUser(name, home);
  for (const [path, option] of [
    ['/etc/subuid', '--add-subuids'],
    ['/etc/subgid', '--add-subgids'],
  ] as const) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.split('\n').some((line) => line.startsWith(`${name}:`))) continue;
    const first = freeSubIds(text);
    await account('usermod', [option, `${first}-${first + SUB_IDS - 1}`, name], name);
  }
  return user;
}

/** Where a new range may begin in a subuid(5) file: behind all that are given. */
export function freeSubIds(text: string): number {
  let first = SUB_IDS_FIRST;
  for (const line of text.split('\n')) {
    const [, start, count] = line.split(':');
    if (start === undefined || count === undefined) continue;
    first = Math.max(first, Number(start) + Number(count));
  }
  return first;
}

/** Removes a user and its group. @returns false when there was none */
export async function removeUser(name: string): Promise<boolean> {
  if ((await findUser(name)) === null) return false;
  await account('userdel', [name], name);
  return true;
}

/** The password tools lock their files and give up at once when another one runs: exit code 10 or 1, tried again. */
async function account(tool: string, args: readonly string[], user: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { code, stderr } = await runCommand(tool, args, { timeoutMs: 20_000 });
    if (code === 0) return;
    const locked = /lock|try again/i.test(stderr);
    if (!locked || attempt === 10)
      throw setupFault('setup.user-failed', { user, reason: stderr.trim() || `${tool} ended with ${code}` });
    await delay(300);
  }
}

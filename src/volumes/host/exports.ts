import { z } from 'zod';

/**
 * NAS and SAN as the host's administrator writes them into storage.json. Control names one by its name and can say nothing
 * else of it: no server, no path, no option, no secret.
 */

export const EXPORT_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** Exports of one host: each is a mount that is looked at every minute. */
const EXPORTS_MAX = 50;

const server = z
  .string()
  .max(253)
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/, 'no name or address of a server');
/** It stands in a list of mount options: a comma would begin another one. */
const file = z
  .string()
  .max(4_096)
  .regex(/^\/[^\p{Cc},]+$/u, 'no absolute path')
  .refine((text) => !text.split('/').includes('..'), 'leads up');
const port = z.number().int().min(1).max(65_535);
/** What programs get when it is away: an error after some seconds, or nothing until it is back. */
const away = z.enum(['error', 'wait']).default('error');
const owner = z.number().int().min(0).max(4_294_967_294);
const fileSystem = z.enum(['ext4', 'xfs']).default('ext4');
/** Whether a device that holds nothing at all may be given a file system, once. */
const format = z.boolean().default(true);

const nfs = z.strictObject({
  kind: z.literal('nfs'),
  server,
  path: file.or(z.literal('/')),
  version: z.enum(['4.0', '4.1', '4.2']).default('4.2'),
  port: port.default(2049),
  security: z.enum(['sys', 'krb5', 'krb5i', 'krb5p']).default('sys'),
  away,
});
const cifs = z.strictObject({
  kind: z.literal('cifs'),
  server,
  share: z
    .string()
    .max(1_000)
    .regex(/^[^\p{Cc}/\\,][^\p{Cc}\\,]*$/u, 'no name of a share')
    .refine((text) => !text.split('/').includes('..'), 'leads up'),
  version: z.enum(['2.1', '3.0', '3.0.2', '3.1.1']).default('3.1.1'),
  port: port.default(445),
  /** Lines `username=`, `password=`, `domain=`; root's own, and closed to everybody else. */
  credentials: file,
  /** Everything there belongs to these numbers: the protocol has none of its own. */
  uid: owner.default(0),
  gid: owner.default(0),
  /** Encrypted on the way by the protocol itself. */
  seal: z.boolean().default(true),
  away,
});
const iscsi = z.strictObject({
  kind: z.literal('iscsi'),
  server,
  port: port.default(3260),
  target: z
    .string()
    .max(223)
    .regex(
      /^(?:iqn\.\d{4}-\d{2}\.[a-z0-9][a-z0-9.:_-]*|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32})$/,
      'no name of a target',
    ),
  lun: z.number().int().min(0).max(16_383).default(0),
  /** Lines `username=`, `password=`, and `username_in=`, `password_in=` where the target proves itself too. */
  chap: file.exactOptional(),
  fileSystem,
  format,
});
const block = z.strictObject({ kind: z.literal('block'), device: file, fileSystem, format });
/** A line of the host's fstab(5) with `user`: what somebody without root may have mounted. */
const fstab = z.strictObject({ kind: z.literal('fstab'), path: file });

const exported = z.discriminatedUnion('kind', [nfs, cifs, iscsi, block, fstab]);
export type Exported = z.infer<typeof exported>;
export type DeviceExport = Extract<Exported, { kind: 'iscsi' | 'block' }>;

export const exportsOf = z
  .record(z.string().regex(EXPORT_NAME), exported)
  .refine((all) => Object.keys(all).length <= EXPORTS_MAX, `more than ${EXPORTS_MAX}`);

/** Programs that it needs, and the Debian packages that bring them. */
export function programsOf({ kind, ...rest }: Exported): readonly (readonly [program: string, debian: string])[] {
  switch (kind) {
    case 'nfs':
      return [['mount.nfs4', 'nfs-common']];
    case 'cifs':
      return [['mount.cifs', 'cifs-utils']];
    case 'iscsi':
    case 'block': {
      const makes: readonly [string, string] =
        'fileSystem' in rest && rest.fileSystem === 'xfs' ? ['mkfs.xfs', 'xfsprogs'] : ['mkfs.ext4', 'e2fsprogs'];
      return kind === 'iscsi' ? [['iscsiadm', 'open-iscsi'], makes] : [makes];
    }
    case 'fstab':
      return [];
  }
}

/** No file there acts as another user, and none is a device of this host. */
const ALWAYS = ['nosuid', 'nodev'] as const;

/**
 * Arguments of mount(8) for an export (nfs(5), mount.cifs(8), ext4(5)). A server that is away lets a program wait 5 s
 * twice (`timeo` counts tenths), and is then an error, or goes on being waited for; either way the wait can be killed.
 *
 * @param device of the ones that have a device
 */
export function mountWords(one: Exported, point: string, device: string | null): readonly string[] {
  const words = (type: string, options: readonly string[], source: string): readonly string[] => [
    ...['--types', type, '--options', [...options, ...ALWAYS].join(','), '--', source, point],
  ];
  switch (one.kind) {
    case 'nfs': {
      const { server: host, path, version, port: at, security, away: then } = one;
      const options = [
        `vers=${version}`,
        'proto=tcp',
        `port=${at}`,
        `sec=${security}`,
        then === 'wait' ? 'hard' : 'soft',
      ];
      return words('nfs4', [...options, 'timeo=50', 'retrans=2', 'retry=0'], `${host}:${path}`);
    }
    case 'cifs': {
      const { server: host, share, version, port: at, credentials, uid, gid, seal, away: then } = one;
      const owners = [`uid=${uid}`, `gid=${gid}`, 'forceuid', 'forcegid', 'file_mode=0640', 'dir_mode=0755'];
      const options = [
        `vers=${version}`,
        `port=${at}`,
        `credentials=${credentials}`,
        ...owners,
        ...(seal ? ['seal'] : []),
      ];
      return words('cifs', [...options, then === 'wait' ? 'hard' : 'soft', 'echo_interval=10'], `//${host}/${share}`);
    }
    case 'iscsi':
    case 'block': {
      // After an error nothing more is written; what was written is what the journal says.
      const options = one.fileSystem === 'ext4' ? ['errors=remount-ro'] : [];
      return words(one.fileSystem, [...options, 'prjquota'], device ?? '');
    }
    case 'fstab':
      return ['--', one.path];
  }
}

/** Where it is told to people; never a secret. */
export function sayExport(one: Exported): string {
  switch (one.kind) {
    case 'nfs':
      return `${one.server}:${one.path}`;
    case 'cifs':
      return `//${one.server}/${one.share}`;
    case 'iscsi':
      return `${one.target} (${one.server}:${one.port}, LUN ${one.lun})`;
    case 'block':
      return one.device;
    case 'fstab':
      return one.path;
  }
}

/** Lines `name=value` of a file of credentials, as mount.cifs(8) reads them. */
export function readCredentials(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([a-z_]+)\s*=(.*?)\r?$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(name, value);
  }
  return found;
}

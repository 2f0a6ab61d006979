import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { volumeFault } from '../errors.ts';
import { TOOL_WORDS_MAX } from '../limits.ts';
import { type DeviceExport, readCredentials, sayExport } from './exports.ts';
import type { AskFormat } from './format-asks.ts';
import type { MountHost } from './mount-host.ts';

/** The name of a file system that is for claims. One without it is somebody else's, whatever it holds. */
export const FILE_SYSTEM_LABEL = 'darsena';

const TOOL_MS = 20_000;
/** A file system of terabytes is made in seconds, because most of it is made later; a slow disk takes longer. */
const MAKE_MS = 600_000;
/** What comes first and last on a device is where file systems, partitions, RAID and encryption leave their signs. */
const HEAD_BYTES = 4 * 2 ** 20;
const TAIL_BYTES = 2 ** 20;
/** Programs wait so long for a SAN that went away, and get an error then: before a lease is lost. */
const SESSION_SECONDS = 15;

const records = z.record(
  z.string(),
  z.strictObject({
    state: z.enum(['formatting', 'ready']),
    uuid: z.string().regex(/^[0-9a-f-]{36}$/),
    /** What the device says that it is: under another name it is still the one that has had its file system. */
    device: z.string().max(500).exactOptional(),
  }),
);
type Records = z.infer<typeof records>;

/** iscsiadm(8), exit codes. */
const SESSION_EXISTS = 15;
const LOGIN_REFUSED = 24;
const NO_RECORDS = 21;

type Refused = (en: string, es: string) => Error;

/** SANs and disks of a host: reached, given a file system once, and never twice. */
export class Devices {
  readonly #host: MountHost;
  readonly #file: string;
  readonly #askFormat: AskFormat;
  /** Who looks at a device, and may give it its file system, does so alone: by its number, as two names may lead to it. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #writing: Promise<unknown> = Promise.resolve();

  /**
   * @param file where it is written down which devices have been given a file system
   * @param askFormat asked before one is given a file system: another host may see it blank at the same instant
   */
  constructor(host: MountHost, file: string, askFormat: AskFormat) {
    this.#host = host;
    this.#file = file;
    this.#askFormat = askFormat;
  }

  /**
   * The device of an export, with its file system.
   * @throws Fault volume.mount-failed, volume.device-refused
   */
  async ready(name: string, one: DeviceExport): Promise<string> {
    const device = one.kind === 'block' ? one.device : await this.#login(name, one);
    const turn = (await this.numberOf(device)) ?? device;
    const mine = (this.#turns.get(turn) ?? Promise.resolve()).then(() => this.#ensureFileSystem(name, one, device));
    const ended = mine.catch(() => undefined);
    this.#turns.set(turn, ended);
    try {
      await mine;
    } finally {
      if (this.#turns.get(turn) === ended) this.#turns.delete(turn);
    }
    return device;
  }

  /** Its number, as the kernel counts what is mounted (`8:16`); null where the host does not tell. */
  async numberOf(device: string): Promise<string | null> {
    const real = (await this.#run('realpath', ['--', device])).stdout.trim();
    const number = await this.#host.read(`/sys/class/block/${real.slice(real.lastIndexOf('/') + 1)}/dev`);
    return number?.trim() || null;
  }

  /** The kernel does not ask a target for the size of a disk again by itself. */
  async lookAgain(one: DeviceExport): Promise<void> {
    if (one.kind !== 'iscsi') return;
    const session = ['--mode', 'node', '--targetname', one.target, '--portal', portalOf(one)];
    const { code, stderr } = await this.#run('iscsiadm', [...session, '--rescan']);
    if (code !== 0) throw failed(sayExport(one), lastWords(stderr));
  }

  /** Gives a file system what its device has grown by. @throws Fault */
  async grow(one: DeviceExport, device: string, point: string): Promise<void> {
    const [program, words] =
      one.fileSystem === 'xfs' ? (['xfs_growfs', [point]] as const) : (['resize2fs', [device]] as const);
    const { code, stderr } = await this.#run(program, words, MAKE_MS);
    if (code !== 0) throw failed(sayExport(one), lastWords(stderr));
  }

  /** Ends the session of an export and forgets its secrets. */
  async leave(one: DeviceExport): Promise<void> {
    if (one.kind !== 'iscsi') return;
    const session = ['--mode', 'node', '--targetname', one.target, '--portal', portalOf(one)];
    await this.#run('iscsiadm', [...session, '--logout']);
    await this.#run('iscsiadm', [...session, '--op', 'delete']);
  }

  async #login(name: string, one: Extract<DeviceExport, { kind: 'iscsi' }>): Promise<string> {
    const known = await this.#diskOf(one);
    if (known !== null) return known;
    const node = ['--mode', 'node', '--targetname', one.target, '--portal', portalOf(one)];
    const made = await this.#run('iscsiadm', [...node, '--op', 'new']);
    if (made.code !== 0) throw failed(name, lastWords(made.stderr));
    await this.#keepSecrets(name, one);
    const { code, stderr } = await this.#run('iscsiadm', [...node, '--login']);
    if (code === LOGIN_REFUSED) {
      throw failed(
        name,
        'the target refuses its name or password (CHAP)',
        'el destino rechaza su nombre o contraseña (CHAP)',
      );
    }
    if (code === NO_RECORDS) throw failed(name, 'there is no such target', 'no existe ese destino');
    if (code !== 0 && code !== SESSION_EXISTS) throw failed(name, lastWords(stderr));
    // The kernel finds disks of a session a moment after the login has answered.
    for (let attempt = 0; attempt < 40; attempt++) {
      const disk = await this.#diskOf(one);
      if (disk !== null) return disk;
      await new Promise((done) => setTimeout(done, 250));
    }
    throw failed(name, `the target has no LUN ${one.lun}`, `el destino no tiene la LUN ${one.lun}`);
  }

  /** The disk that the kernel shows for a LUN of a target, by sysfs: names of udev are not on every host. */
  async #diskOf({ target, lun }: Extract<DeviceExport, { kind: 'iscsi' }>): Promise<string | null> {
    for (const session of await this.#host.list('/sys/class/iscsi_session')) {
      const of = (await this.#host.read(`/sys/class/iscsi_session/${session}/targetname`))?.trim();
      if (of !== target) continue;
      const top = `/sys/class/iscsi_session/${session}/device`;
      for (const entry of await this.#host.list(top)) {
        if (!/^target\d+:\d+:\d+$/.test(entry)) continue;
        for (const unit of await this.#host.list(`${top}/${entry}`)) {
          if (!new RegExp(`^\\d+:\\d+:\\d+:${lun}$`).test(unit)) continue;
          const [disk] = await this.#host.list(`${top}/${entry}/${unit}/block`);
          if (disk !== undefined && /^[a-z0-9]+$/.test(disk)) return `/dev/${disk}`;
        }
      }
    }
    return null;
  }

  /**
   * Secrets reach the initiator in its own record, which is root's (0600): an argument would be seen by everybody on the host.
   */
  async #keepSecrets(name: string, one: Extract<DeviceExport, { kind: 'iscsi' }>): Promise<void> {
    const path = await this.#recordOf(one);
    if (path === null) throw failed(name, 'the initiator kept no record', 'el iniciador no guardó ningún registro');
    const secrets = one.chap === undefined ? null : await readSecretFile(this.#host, name, one.chap);
    const settings: [string, string][] = [
      ['node.startup', 'manual'],
      ['node.session.timeo.replacement_timeout', String(SESSION_SECONDS)],
      ['node.conn[0].timeo.login_timeout', '10'],
      // A record of another version, or without its secret, must not decide.
      ['node.session.auth.authmethod', secrets === null ? 'None' : 'CHAP'],
      ...['username', 'password', 'username_in', 'password_in'].flatMap((field): [string, string][] => {
        const value = secrets?.get(field);
        return value === undefined ? [] : [[`node.session.auth.${field}`, value]];
      }),
    ];
    const replaced = new Set([...settings.map(([key]) => key), ...AUTH_FIELDS]);
    const lines = ((await this.#host.read(path)) ?? '').split('\n').filter((line) => {
      const [key = ''] = line.split('=');
      return line !== '' && !replaced.has(key.trim());
    });
    const end = lines.findIndex((line) => line.startsWith('# END RECORD'));
    lines.splice(end < 0 ? lines.length : end, 0, ...settings.map(([key, value]) => `${key} = ${value}`));
    await this.#host.write(path, `${lines.join('\n')}\n`);
  }

  async #recordOf({ target, server, port }: Extract<DeviceExport, { kind: 'iscsi' }>): Promise<string | null> {
    for (const top of ['/etc/iscsi/nodes', '/var/lib/iscsi/nodes']) {
      const address = `${server.replace(/^\[|\]$/g, '')},${port}`;
      const found = (await this.#host.list(`${top}/${target}`)).filter(
        (entry) => entry === address || entry.startsWith(`${address},`),
      );
      for (const entry of found) {
        const path = `${top}/${target}/${entry}`;
        const [inside] = (await this.#host.owner(path))?.isFile === false ? await this.#host.list(path) : [];
        return inside === undefined ? path : `${path}/${inside}`;
      }
    }
    return null;
  }

  /**
   * A device is given a file system only when it holds nothing at all; that it is being done is written down before, so that
   * a restart in the middle is gone on with, and afterwards it is never done again.
   */
  async #ensureFileSystem(name: string, one: DeviceExport, device: string): Promise<void> {
    const what = sayExport(one);
    const refuse: Refused = (en, es) => volumeFault('volume.device-refused', { name, device, why: { en, es } });
    const { id, isOwn } = await this.#nameOf(name, one, device);
    const own = isOwn ? { device: id } : {};
    const all = await this.#read();
    const known = all[what] ?? (isOwn ? Object.values(all).find((record) => record.device === id) : undefined);
    const found = await this.#probe(device, refuse);
    if (known?.state === 'formatting') {
      // Nobody has mounted it yet, so nobody has data there; unless it is not what was begun.
      if (found !== null && (found.uuid !== known.uuid || found.type !== one.fileSystem))
        throw refuse(`it holds ${found.say}, which came there since`, `contiene ${found.say}, que llegó después`);
      if (found === null || !(await this.#isWhole(one, device))) {
        await this.#requireGrant(name, device, id);
        await this.#make(name, one, device, known.uuid, true);
      }
      await this.#keep(what, { state: 'ready', uuid: known.uuid, ...own });
      return;
    }
    if (found !== null) {
      if (found.type !== one.fileSystem)
        throw refuse(
          `it holds ${found.say}, and ${one.fileSystem} is expected`,
          `contiene ${found.say}, y se espera ${one.fileSystem}`,
        );
      if (known !== undefined && found.uuid !== known.uuid)
        throw refuse(
          'another file system has taken the place of its own',
          'otro sistema de archivos ocupa el lugar del suyo',
        );
      if (known === undefined && found.label !== FILE_SYSTEM_LABEL) {
        throw refuse(
          `it holds ${found.say} of somebody else: only one with the label ${FILE_SYSTEM_LABEL} is for claims`,
          `contiene ${found.say} de otra persona: solo uno con la etiqueta ${FILE_SYSTEM_LABEL} es para volúmenes`,
        );
      }
      // Also of what an earlier program wrote down without what the device says of itself.
      if (known === undefined || (isOwn && known.device !== id))
        await this.#keep(what, { state: 'ready', uuid: found.uuid, ...own });
      return;
    }
    if (known !== undefined)
      throw refuse(
        'its file system is gone; none is made a second time',
        'su sistema de archivos ya no está; no se crea otra vez',
      );
    if (!one.format)
      throw refuse(
        'it has no file system, and "format" forbids making one',
        'no tiene sistema de archivos, y "format" prohíbe crearlo',
      );
    if (!(await this.#isBlank(device))) {
      throw refuse(
        'it holds data of no form that is known here: only a device full of zeros is given a file system',
        'contiene datos de una forma desconocida: solo se crea un sistema de archivos en un dispositivo lleno de ceros',
      );
    }
    await this.#requireGrant(name, device, id);
    // Whoever had the right before may have used it since this host looked.
    if ((await this.#probe(device, refuse)) !== null || !(await this.#isBlank(device)))
      throw refuse('it was blank a moment ago, and is not any more', 'estaba vacío hace un momento, y ya no lo está');
    const uuid = randomUUID();
    await this.#keep(what, { state: 'formatting', uuid, ...own });
    await this.#make(name, one, device, uuid);
    await this.#keep(what, { state: 'ready', uuid, ...own });
  }

  /** Control says yes to one host alone, whatever several see at once. @throws Fault volume.mount-failed, volume.device-refused */
  async #requireGrant(name: string, device: string, id: string): Promise<void> {
    const answer = await this.#askFormat({ type: 'format-ask', device: id, name });
    if (answer === null) {
      throw failed(
        name,
        'it is blank, and control has not said whether this host may give it a file system',
        'está vacío, y control no ha dicho si este host puede crear en él un sistema de archivos',
      );
    }
    if (answer.granted) return;
    const why = {
      en: `the host ${answer.holder} gives it its file system, and no other`,
      es: `el host ${answer.holder} crea en él el sistema de archivos, y ningún otro`,
    };
    throw volumeFault('volume.device-refused', { name, device, why });
  }

  /**
   * What a device is called whichever host sees it, and by whichever name: what it says of itself (VPD page 0x83, by sysfs),
   * beside its target for a LUN because some targets count their disks alike. One that says nothing is called as its export:
   * two hosts that have different disks under one name are then told so, and none is formatted twice.
   */
  async #nameOf(
    name: string,
    one: DeviceExport,
    device: string,
  ): Promise<{ readonly id: string; readonly isOwn: boolean }> {
    const real = (await this.#run('realpath', ['--', device])).stdout.trim();
    const top = `/sys/class/block/${real.slice(real.lastIndexOf('/') + 1)}`;
    const says = async (path: string): Promise<string> =>
      ((await this.#host.read(path)) ?? '').replaceAll(/[^\x21-\x7e]+/g, ' ').trim();
    const own = (await says(`${top}/device/wwid`)) || (await says(`${top}/wwid`)) || (await says(`${top}/dm/uuid`));
    const id = own.slice(0, 250);
    let target = one.kind === 'iscsi' ? one.target : '';
    if (one.kind === 'block') {
      // A LUN that is named as the disk that the kernel shows for it.
      const way = (await this.#run('realpath', ['--', `${top}/device`])).stdout;
      const [, session] = /\/(session\d+)\//.exec(way) ?? [];
      if (session !== undefined) target = await says(`/sys/class/iscsi_session/${session}/targetname`);
    }
    if (id !== '') return { id: target === '' ? id : `${target} ${id}`, isOwn: true };
    return { id: one.kind === 'iscsi' ? `${one.target} LUN ${one.lun}` : `export ${name}`, isOwn: false };
  }

  async #make(name: string, one: DeviceExport, device: string, uuid: string, again = false): Promise<void> {
    // mkfs.ext4 asks nobody where there is no terminal: what a device holds was looked at before, by whoever is alone with it.
    const force = (flag: string): string[] => (again ? [flag] : []);
    const [program, words] =
      one.fileSystem === 'xfs'
        ? (['mkfs.xfs', ['-q', ...force('-f'), '-L', FILE_SYSTEM_LABEL, '-m', `uuid=${uuid}`, device]] as const)
        : ([
            'mkfs.ext4',
            ['-q', ...force('-F'), '-L', FILE_SYSTEM_LABEL, '-U', uuid, ...(await this.#features()), device],
          ] as const);
    const { code, stderr } = await this.#run(program, words, MAKE_MS);
    if (code !== 0) throw failed(name, lastWords(stderr));
  }

  /**
   * Of ext4. `mmp`: the file system itself keeps a second host out, by a mark on the disk that its holder renews every few
   * seconds. `project,quota`: claims are kept within their sizes; a kernel without it could not mount it at all.
   */
  async #features(): Promise<readonly string[]> {
    const hasQuotas = (await this.#host.has('modprobe')) && (await this.#run('modprobe', ['quota_v2'])).code === 0;
    return hasQuotas
      ? ['-O', 'mmp,project,quota', '-E', 'mmp_update_interval=5,quotatype=prjquota']
      : ['-O', 'mmp', '-E', 'mmp_update_interval=5'];
  }

  /** What a device says that it holds (blkid(8), which looks at it anew); null: nothing. */
  async #probe(
    device: string,
    refuse: Refused,
  ): Promise<{ type: string; uuid: string; label: string; say: string } | null> {
    const { code, stdout, stderr } = await this.#run('blkid', ['--probe', '--output', 'export', device]);
    if (code === 2 && stderr.trim() === '' && stdout.trim() === '') return null;
    const fields = readFields(stdout);
    const type = fields.get('TYPE') ?? fields.get('PTTYPE') ?? '';
    if (code !== 0 || type === '') {
      const words = lastWords(stderr === '' ? stdout : stderr);
      throw refuse(`what it holds is not clear (${words})`, `no está claro qué contiene (${words})`);
    }
    const label = fields.get('LABEL') ?? '';
    const say = fields.has('TYPE') ? (label === '' ? type : `${type} "${label.slice(0, 40)}"`) : `${type} (PT)`;
    return { type: fields.has('TYPE') ? type : `partitions ${type}`, uuid: fields.get('UUID') ?? '', label, say };
  }

  async #isBlank(device: string): Promise<boolean> {
    const size = Number((await this.#run('blockdev', ['--getsize64', device])).stdout.trim());
    if (!Number.isSafeInteger(size) || size <= 0) return false;
    const same = async (skip: number, bytes: number): Promise<boolean> => {
      const words = ['--silent', `--bytes=${bytes}`, `--ignore-initial=${skip}:0`, '--', device, '/dev/zero'];
      return (await this.#run('cmp', words, 60_000)).code === 0;
    };
    const tail = Math.min(TAIL_BYTES, size);
    return (await same(0, Math.min(HEAD_BYTES, size))) && (await same(size - tail, tail));
  }

  /** Whether making it came to its end: a look that changes nothing. */
  async #isWhole(one: DeviceExport, device: string): Promise<boolean> {
    const [program, words] =
      one.fileSystem === 'xfs' ? (['xfs_repair', ['-n', device]] as const) : (['e2fsck', ['-fn', device]] as const);
    return (await this.#run(program, words, MAKE_MS)).code === 0;
  }

  #run(program: string, words: readonly string[], timeoutMs = TOOL_MS): ReturnType<MountHost['run']> {
    return this.#host.run(program, words, { timeoutMs });
  }

  async #read(): Promise<Records> {
    const text = await this.#host.read(this.#file);
    return text === null ? {} : records.parse(JSON.parse(text));
  }

  /** One record after the other: several devices are made ready beside each other, and what one has must not be forgotten. */
  #keep(what: string, one: Records[string]): Promise<void> {
    const mine = this.#writing.then(async () =>
      this.#host.write(this.#file, JSON.stringify({ ...(await this.#read()), [what]: one })),
    );
    this.#writing = mine.catch(() => undefined);
    return mine;
  }
}

const AUTH_FIELDS = ['username', 'password', 'username_in', 'password_in'].map((one) => `node.session.auth.${one}`);

/**
 * A file of secrets that nobody but root reads.
 * @throws Fault volume.mount-failed
 */
export async function readSecretFile(
  host: MountHost,
  name: string,
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const owner = await host.owner(path);
  if (owner === null) throw failed(name, `${path} is not there`, `${path} no existe`);
  if (!owner.isFile || owner.uid !== 0 || (owner.mode & 0o077) !== 0) {
    throw failed(
      name,
      `${path} holds a secret and is not root's alone (chown root, chmod 600)`,
      `${path} contiene un secreto y no es solo de root (chown root, chmod 600)`,
    );
  }
  const found = readCredentials((await host.read(path)) ?? '');
  if (!found.has('username') || !found.has('password')) {
    throw failed(name, `${path} has no username= and password=`, `${path} no tiene username= y password=`);
  }
  return found;
}

/** What a program printed, one line of it. */
export function lastWords(text: string): string {
  const line = text.trim().split('\n').filter(Boolean).slice(-2).join(' ');
  return line.slice(0, TOOL_WORDS_MAX);
}

export function failed(name: string, en: string, es: string = en): Error {
  return volumeFault('volume.mount-failed', { name, why: { en, es } });
}

function portalOf({ server, port }: { readonly server: string; readonly port: number }): string {
  return `${server}:${port}`;
}

/** `NAME=value` lines of blkid. */
function readFields(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    }),
  );
}

import { join } from 'node:path';
import { type Clock, Fault, type Log } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { MOUNT_AGAIN_MS, MOUNT_MS, MOUNT_WAIT_MS } from '../limits.ts';
import { Devices, failed, lastWords, readSecretFile } from './devices.ts';
import { type DeviceExport, type Exported, mountWords, programsOf, sayExport } from './exports.ts';
import type { AskFormat } from './format-asks.ts';
import { isLate, type MountHost } from './mount-host.ts';

interface Attempt {
  readonly ended: Promise<void>;
  endedMs: number | null;
  failure: unknown;
}

/**
 * Mounts what the host's own list names, and nothing else: the one privileged act of storage. Whoever needs an export waits
 * a short while for it; the attempt goes on by itself, and its child is given up at its deadline.
 */
export class Mounts {
  readonly #host: MountHost;
  readonly #folder: string;
  readonly #devices: Devices;
  readonly #rootless: boolean;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #attempts = new Map<string, Attempt>();
  readonly #sizes = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly host: MountHost;
    /** Mount points lie there, each with the name of its export. Closed to others. */
    readonly folder: string;
    /** Where it is written down which devices were given a file system. */
    readonly devicesFile: string;
    readonly askFormat: AskFormat;
    readonly rootless: boolean;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#host = options.host;
    this.#folder = options.folder;
    this.#devices = new Devices(options.host, options.devicesFile, options.askFormat);
    this.#rootless = options.rootless;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Where an export is mounted, or would be. */
  pointOf(name: string, one: Exported): string {
    return one.kind === 'fstab' ? one.path : join(this.#folder, name);
  }

  /**
   * The folder of an export, mounted.
   * @throws Fault volume.mount-failed, volume.mounting, volume.device-refused, system.command-missing
   */
  async ensure(name: string, one: Exported): Promise<string> {
    const point = this.pointOf(name, one);
    if (await this.#isMounted(point)) return point;
    const known = this.#attempts.get(name);
    const isOver =
      known === undefined || (known.endedMs !== null && this.#clock.monotonicMs() - known.endedMs >= MOUNT_AGAIN_MS);
    const attempt = isOver ? this.#begin(name, one, point) : known;
    const over = new AbortController();
    await Promise.race([attempt.ended, this.#clock.sleep(MOUNT_WAIT_MS, over.signal).catch(() => undefined)]);
    over.abort();
    if (attempt.failure !== null) throw attempt.failure;
    if (attempt.endedMs === null) throw volumeFault('volume.mounting', { name, what: sayExport(one) });
    if (await this.#isMounted(point)) return point;
    // It was mounted, and somebody took it away since: the next one who asks begins anew.
    this.#attempts.delete(name);
    throw failed(name, 'it was unmounted', 'fue desmontado');
  }

  /** Gives file systems what their devices have grown by since the last look. */
  async followSize(name: string, one: Exported): Promise<void> {
    if (one.kind !== 'iscsi' && one.kind !== 'block') return;
    const point = this.pointOf(name, one);
    const device = await this.#deviceAt(point);
    if (device === null) return;
    await this.#devices.lookAgain(one);
    const size = (await this.#host.run('blockdev', ['--getsize64', device], { timeoutMs: MOUNT_MS })).stdout.trim();
    const before = this.#sizes.get(name);
    this.#sizes.set(name, size);
    if (before === size || (before === undefined && !(await this.#isSmaller(point, Number(size))))) return;
    await this.#devices.grow(one, device, point);
    this.#log.info({ export: name, size }, 'the file system of an export follows its device');
  }

  /** Unmounts an export and leaves its SAN. */
  async release(name: string, one: Exported): Promise<void> {
    const point = this.pointOf(name, one);
    if (await this.#isMounted(point)) {
      const { code, stderr } = await this.#host.run('umount', ['--', point], { timeoutMs: MOUNT_MS });
      if (code !== 0) throw failed(name, lastWords(stderr));
    }
    this.#attempts.delete(name);
    this.#sizes.delete(name);
    if (one.kind === 'iscsi' || one.kind === 'block') await this.#devices.leave(one);
  }

  #begin(name: string, one: Exported, point: string): Attempt {
    const attempt: { ended: Promise<void>; endedMs: number | null; failure: unknown } = {
      ended: Promise.resolve(),
      endedMs: null,
      failure: null,
    };
    attempt.ended = this.#mount(name, one, point)
      .catch((error: unknown) => {
        attempt.failure = isLate(error) ? late(name) : error;
        if (!(error instanceof Fault)) this.#log.error({ export: name, err: error }, 'an export could not be mounted');
      })
      .finally(() => {
        attempt.endedMs = this.#clock.monotonicMs();
      });
    this.#attempts.set(name, attempt);
    return attempt;
  }

  async #mount(name: string, one: Exported, point: string): Promise<void> {
    if (this.#rootless && one.kind !== 'fstab') {
      const why = {
        en: 'mounting needs root; without it, a line of /etc/fstab with "user" and an export of the kind fstab',
        es: 'montar requiere root; sin él, una línea de /etc/fstab con "user" y un recurso del tipo fstab',
      };
      throw volumeFault('volume.mount-failed', { name, why });
    }
    for (const [program, debian] of programsOf(one)) {
      if (!(await this.#host.has(program))) throw volumeFault('volume.program-missing', { name, program, debian });
    }
    if (one.kind === 'cifs') await readSecretFile(this.#host, name, one.credentials);
    if (!isDevice(one)) {
      await this.#mountAt(name, one, point, null);
      return;
    }
    const device = await this.#devices.ready(name, one);
    // One after the other: two names of one device must not both find it free.
    const mine = this.#last.then(async () => {
      await this.#requireOneName(name, device);
      await this.#mountAt(name, one, point, device);
    });
    this.#last = mine.catch(() => undefined);
    await mine;
  }

  /**
   * A disk that two exports name would be two storages for whoever counts its claims, and leaving the one would take it from
   * the other. @throws Fault volume.device-refused
   */
  async #requireOneName(name: string, device: string): Promise<void> {
    const number = await this.#devices.numberOf(device);
    const text = (await this.#host.read('/proc/self/mountinfo')) ?? '';
    const holder = text.split('\n').find((line) => {
      const [, , of, , at = ''] = line.split(' ');
      return number !== null && of === number && at.startsWith(`${this.#folder}/`);
    });
    if (holder === undefined) return;
    const other = (holder.split(' ')[4] ?? '').slice(this.#folder.length + 1);
    throw volumeFault('volume.device-refused', {
      ...{ name, device },
      why: {
        en: `it is mounted as the export ${other} already: a device has one name in storage.json`,
        es: `ya está montado como el recurso ${other}: un dispositivo tiene un solo nombre en storage.json`,
      },
    });
  }

  async #mountAt(name: string, one: Exported, point: string, device: string | null): Promise<void> {
    if (one.kind !== 'fstab') await this.#host.folder(point);
    const words = mountWords(one, point, device);
    let done = await this.#host.run('mount', words, { timeoutMs: MOUNT_MS });
    if (done.code !== 0 && device !== null) {
      // A file system that its administrator made without quotas: sizes are measured then, and that is said.
      const plain = words.map((word) => word.replace(/(?:^|,)prjquota(?=,|$)/, '').replace(/^,/, ''));
      done = await this.#host.run('mount', plain, { timeoutMs: MOUNT_MS });
    }
    if (done.code !== 0) throw whyNot(name, done.stderr);
    this.#log.info({ export: name, point }, 'an export is mounted');
  }

  async #isMounted(point: string): Promise<boolean> {
    return (await this.#deviceAt(point)) !== null;
  }

  /** What is mounted at a place, as the kernel names it (proc_pid_mountinfo(5)). */
  async #deviceAt(point: string): Promise<string | null> {
    const text = (await this.#host.read('/proc/self/mountinfo')) ?? '';
    for (const line of text.split('\n').toReversed()) {
      const [before, after] = line.split(' - ');
      if (before?.split(' ')[4]?.replaceAll('\\040', ' ') === point) return after?.split(' ')[1] ?? '';
    }
    return null;
  }

  /** Whether a file system is plainly smaller than its device: what it keeps for itself is a part of a hundred or so. */
  async #isSmaller(point: string, deviceBytes: number): Promise<boolean> {
    const words = ['--file-system', '--format', '%S %b', '--', point];
    const { stdout } = await this.#host.run('stat', words, { timeoutMs: MOUNT_MS });
    const [block = 0, blocks = 0] = stdout.trim().split(' ').map(Number);
    return block * blocks < deviceBytes * 0.85;
  }
}

function late(name: string): Fault {
  const seconds = MOUNT_MS / 1000;
  const why = { en: `no reply within ${seconds} s`, es: `sin respuesta en ${seconds} s` };
  return volumeFault('volume.mount-failed', { name, why });
}

/** What mount(8) and its helpers say, in words for people where it is known; their own words else. */
function whyNot(name: string, stderr: string): Error {
  const words = lastWords(stderr);
  const known: readonly (readonly [RegExp, string, string])[] = [
    [
      /No such file or directory|No such device or address/i,
      'the server has no such export',
      'el servidor no tiene ese recurso',
    ],
    [
      /access denied|Permission denied|Operation not permitted/i,
      'the server does not let this host in',
      'el servidor no deja entrar a este host',
    ],
    [
      /Connection refused|No route to host|timed out|unreachable|Name or service|Failed to resolve/i,
      'the server does not answer',
      'el servidor no responde',
    ],
    [
      /active on another node|already mounted|Device or resource busy/i,
      'another host has this device mounted',
      'otro host tiene montado este dispositivo',
    ],
    [
      /unknown filesystem type|No such device\b/i,
      'the kernel has no such file system',
      'el núcleo no tiene ese sistema de archivos',
    ],
  ];
  const [, en, es] = known.find(([pattern]) => pattern.test(words)) ?? [];
  if (en === undefined || es === undefined) return failed(name, words === '' ? 'mount(8) failed' : words);
  return failed(name, `${en} (${words})`, `${es} (${words})`);
}

/** The ones among exports that stand on a device. */
export function isDevice(one: Exported): one is DeviceExport {
  return one.kind === 'iscsi' || one.kind === 'block';
}

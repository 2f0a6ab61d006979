import { parseKernelRelease } from '../advisories/index.ts';
import { type MachineFacts, machineFacts } from './facts.ts';
import { isForeignRelease } from './foreign.ts';
import { parseKernelConfig } from './kernel-config.ts';
import { CHANGELOG_MAX_BYTES, CONFIG_MAX_BYTES } from './limits.ts';
import { readLivePatches } from './live-patches.ts';
import { fixesOf } from './packages.ts';
import { gatherPrograms } from './programs.ts';
import { Root, remember } from './root.ts';
import { SHIELD_RECORDS } from './shield/keeper.ts';

/** Switches of the kernel that say what of it can be reached, or how much it gives away. */
const SYSCTLS = [
  'kernel.unprivileged_bpf_disabled',
  'kernel.unprivileged_userns_clone',
  'kernel.apparmor_restrict_unprivileged_userns',
  'kernel.io_uring_disabled',
  'kernel.modules_disabled',
  'kernel.kexec_load_disabled',
  'kernel.kptr_restrict',
  'kernel.dmesg_restrict',
  'kernel.perf_event_paranoid',
  'kernel.randomize_va_space',
  'kernel.sysrq',
  'kernel.yama.ptrace_scope',
  'kernel.panic_on_oops',
  'kernel.warn_limit',
  'kernel.oops_limit',
  'kernel.core_pattern',
  'kernel.tainted',
  'user.max_user_namespaces',
  'net.core.bpf_jit_harden',
  'net.core.bpf_jit_enable',
  'net.ipv4.ip_forward',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.all.accept_redirects',
  'net.ipv4.conf.all.send_redirects',
  'vm.unprivileged_userfaultfd',
  'vm.mmap_min_addr',
  'vm.mmap_rnd_bits',
  'vm.mmap_rnd_compat_bits',
  'fs.protected_symlinks',
  'fs.protected_hardlinks',
  'fs.protected_fifos',
  'fs.protected_regular',
  'fs.suid_dumpable',
  'dev.tty.ldisc_autoload',
  'dev.tty.legacy_tiocsti',
  'net.ipv4.icmp_ignore_bogus_error_responses',
  'net.ipv4.icmp_echo_ignore_broadcasts',
  'net.ipv4.conf.default.accept_redirects',
  'net.ipv4.conf.all.accept_source_route',
  'net.ipv4.conf.default.accept_source_route',
  'net.ipv6.conf.all.accept_redirects',
  'net.ipv6.conf.default.accept_redirects',
  'net.ipv6.conf.all.accept_source_route',
  'net.ipv6.conf.default.accept_source_route',
  'net.ipv6.conf.all.accept_ra',
  'net.ipv6.conf.default.accept_ra',
] as const;

/** The identity of a running kernel; `null` root files leave what `uname` says. */
export interface Identity {
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly host: string;
}

/**
 * What is to be known of this machine (or of one whose files lie below `root`). Reads files only, starts nothing but,
 * for a run-time that no package brought, that program's `--version`; some tens of milliseconds, and less when repeated.
 *
 * @param now RFC 3339
 */
export function gatherFacts(rootPath: string, identity: Identity, now: string): MachineFacts {
  const root = new Root(rootPath);
  const release = root.line('proc/sys/kernel/osrelease') ?? identity.release;
  const version = root.line('proc/sys/kernel/version') ?? identity.version;
  const distribution = readDistribution(root);
  const kernelPackage = packageOf(release, version, root);
  return machineFacts.parse({
    gatheredAt: now,
    host: root.line('proc/sys/kernel/hostname') ?? identity.host,
    bootId: root.line('proc/sys/kernel/random/boot_id'),
    kernel: {
      release,
      version,
      machine: identity.machine,
      installed: readInstalledKernels(root),
      buildId: readBuildId(root.bytes('sys/kernel/notes')),
      upstream: upstreamOf(release, version, root),
      package: kernelPackage,
      flavour: flavourOf(release),
    },
    distribution,
    config: readConfig(root, release),
    commandLine: root.line('proc/cmdline'),
    sysctls: readSysctls(root),
    cpu: readCpu(root),
    lockdown: /\[(\w+)\]/.exec(root.line('sys/kernel/security/lockdown') ?? '')?.[1] ?? null,
    lsm: (root.line('sys/kernel/security/lsm') ?? '').split(',').filter((name) => name !== ''),
    modules: {
      loaded: readLoadedModules(root),
      available: readAvailableModules(root, release),
      blocked: readBlockedModules(root),
    },
    livePatches: readLivePatches(root),
    uptimeSeconds: Number.parseFloat(root.line('proc/uptime') ?? '') || null,
    reboot: readReboot(root),
    programs: gatherPrograms(root),
    fixes: kernelPackage === null ? {} : readKernelFixes(root, release),
    shields: readShields(root),
  });
}

/** The GNU build id among the notes of the kernel (elf(5): name size, description size, type; each padded to four). */
export function readBuildId(notes: Buffer | null): string | null {
  for (let at = 0; notes !== null && at + 12 <= notes.length; ) {
    const nameSize = notes.readUInt32LE(at);
    const size = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const name = at + 12;
    const body = name + Math.ceil(nameSize / 4) * 4;
    if (body + size > notes.length) return null;
    if (type === 3 && notes.toString('latin1', name, name + 4) === 'GNU\0')
      return notes.toString('hex', body, body + size);
    at = body + Math.ceil(size / 4) * 4;
  }
  return null;
}

function readDistribution(root: Root): { id: string; version: string; idLike: string[] } | null {
  const text = root.text('etc/os-release') ?? root.text('usr/lib/os-release');
  if (text === null) return null;
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), version: value('VERSION_ID'), idLike: value('ID_LIKE').split(' ').filter(Boolean) };
}

/**
 * The release of kernel.org inside. Debian writes its package's version into `uname -v` and Ubuntu the release itself
 * into /proc/version_signature; the number in `uname -r` of both is only that of their interface. Debian's 6.18~rc4 and
 * Ubuntu's 6.17.0-rc3 are candidates: what was mended after them is not in them.
 */
function upstreamOf(release: string, version: string, root: Root): string | null {
  const debian = upstreamOfDebian(versionOfDebian(version) ?? '');
  if (debian !== null) return debian;
  const ubuntu = /^Ubuntu \S+ (\d+(?:\.\d+)+(?:-rc\d+)?)/.exec(root.line('proc/version_signature') ?? '')?.[1];
  if (ubuntu !== undefined) return ubuntu;
  if (/-Ubuntu\b/.test(version) || isForeignRelease(release)) return null;
  return parseKernelRelease(release)?.text ?? null;
}

/**
 * Debian's package in `uname -v`. Raspberry Pi OS writes its own there, with an epoch (1:6.6.31-1+rpt1), which is newer than
 * every fix of Debian's and says nothing of them.
 */
function versionOfDebian(version: string): string | null {
  const found = /\bDebian (\d[^\s:]*)(?:\s|$)/.exec(version)?.[1];
  return found === undefined || found.includes('+rpt') ? null : found;
}

/** The release of kernel.org in the version of Debian's package. */
export function upstreamOfDebian(version: string): string | null {
  const [, release, candidate] = /^(?:\d+:)?(\d+(?:\.\d+)+)(?:~(rc\d+))?/.exec(version) ?? [];
  if (release === undefined) return null;
  return candidate === undefined ? release : `${release}-${candidate}`;
}

/**
 * The source package of a kernel of Ubuntu. Each counts its own versions: linux-aws 6.8.0-1012 is not beyond linux 6.8.0-45,
 * nor is 6.8.0-45.45~22.04.1, which is linux-hwe-6.8, beyond linux 5.15.0-122 of the same release.
 */
export function sourceOfUbuntu(version: string, flavour: string): string {
  const own = flavour === '' || flavour.startsWith('generic') ? '' : `-${flavour}`;
  const series = version.includes('~') ? `-${/^\d+\.\d+/.exec(version)?.[0]}` : '';
  return `linux${own === '' && series !== '' ? '-hwe' : own}${series}`;
}

function packageOf(release: string, version: string, root: Root): { source: string; version: string } | null {
  const debian = versionOfDebian(version);
  if (debian !== null) return { source: 'linux', version: debian };
  const [, ubuntu, flavour = ''] = /^Ubuntu (\S+?)-([a-z]\S*) /.exec(root.line('proc/version_signature') ?? '') ?? [];
  if (ubuntu !== undefined) return { source: sourceOfUbuntu(ubuntu, flavour), version: ubuntu };
  const rpm = /^(\d+\.\d+\.\d+-\S+?\.(?:el|fc|amzn)\d\S*?)\.(?:x86_64|aarch64)$/.exec(release)?.[1];
  return rpm === undefined ? null : { source: 'kernel', version: rpm };
}

export function flavourOf(release: string): string | null {
  return /-\d+-([a-z][a-z0-9-]*)$/.exec(release)?.[1] ?? /-([a-z][a-z0-9]*)$/.exec(release)?.[1] ?? null;
}

function readConfig(root: Root, release: string): MachineFacts['config'] {
  for (const path of [`boot/config-${release}`, `usr/lib/modules/${release}/config`, `lib/modules/${release}/config`]) {
    const text = root.text(path, CONFIG_MAX_BYTES);
    if (text !== null) return remember(root, path, () => parseKernelConfig(text, `/${path}`));
  }
  const running = root.inflated('proc/config.gz', CONFIG_MAX_BYTES);
  return running === null ? null : parseKernelConfig(running, '/proc/config.gz');
}

function readSysctls(root: Root): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of SYSCTLS) {
    const value = root.line(`proc/sys/${name.replaceAll('.', '/')}`);
    if (value !== null) found[name] = value;
  }
  return found;
}

function readCpu(root: Root): MachineFacts['cpu'] {
  const text = root.text('proc/cpuinfo') ?? '';
  const value = (key: string): string | null => new RegExp(`^${key}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? null;
  const folder = 'sys/devices/system/cpu/vulnerabilities';
  const vulnerabilities: Record<string, string> = {};
  for (const name of root.list(folder)) vulnerabilities[name] = root.line(`${folder}/${name}`) ?? '';
  return { vendor: value('vendor_id'), model: value('model name'), microcode: value('microcode'), vulnerabilities };
}

/** /proc/modules: name, bytes, references, users with a comma after each, state. A kernel without modules has no such file. */
export function parseLoadedModules(text: string): NonNullable<MachineFacts['modules']['loaded']> {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name]) => name !== undefined && /^[A-Za-z0-9_-]+$/.test(name) && name !== 'Module')
    .map(([name = '', size = '0', references = '0', users = '']) => ({
      name: name.replaceAll('-', '_'),
      sizeBytes: Number(size) || 0,
      references: Number(references) || 0,
      usedBy: users.split(',').filter((one) => /^[A-Za-z0-9_]\w*$/.test(one)),
    }));
}

function readLoadedModules(root: Root): MachineFacts['modules']['loaded'] {
  const text = root.text('proc/modules');
  if (text !== null) return parseLoadedModules(text);
  // No such file though /proc is there: the kernel loads none.
  return root.has('proc/cmdline') ? [] : null;
}

/** Names of paths such as kernel/net/sctp/sctp.ko.xz. */
export function moduleNames(text: string): string[] {
  const found = new Set<string>();
  for (const [, name = ''] of text.matchAll(/(?:^|\/|\s)([A-Za-z0-9_-]+)\.ko(?:\.(?:gz|xz|zst))?(?=[:\s]|$)/gm)) {
    found.add(name.replaceAll('-', '_'));
  }
  return [...found];
}

function readAvailableModules(root: Root, release: string): string[] | null {
  for (const folder of ['usr/lib/modules', 'lib/modules']) {
    const path = `${folder}/${release}/modules.dep`;
    const text = root.text(path);
    if (text !== null) return remember(root, path, () => moduleNames(text.replace(/:.*$/gm, ':')));
  }
  return root.has('lib/modules') || root.has('usr/lib/modules') || root.has('proc/cmdline') ? [] : null;
}

const BLOCKING = /^\s*install\s+(\S+)\s+(?:\/usr)?\/bin\/(?:false|true)\b/gm;

/** Only `install … /bin/false` keeps a module out: `blacklist` leaves it to whoever asks for it by name. */
function readBlockedModules(root: Root): { name: string; by: string }[] {
  const found: { name: string; by: string }[] = [];
  for (const folder of ['etc/modprobe.d', 'run/modprobe.d', 'usr/lib/modprobe.d', 'lib/modprobe.d']) {
    for (const file of root.list(folder)) {
      if (!file.endsWith('.conf')) continue;
      for (const [, name = ''] of (root.text(`${folder}/${file}`) ?? '').matchAll(BLOCKING)) {
        found.push({ name: name.replaceAll('-', '_'), by: `/${folder}/${file}` });
      }
    }
  }
  return found;
}

/** Kernels whose image and modules are both there. */
function readInstalledKernels(root: Root): string[] {
  return root
    .list('lib/modules')
    .filter((name) => root.has(`boot/vmlinuz-${name}`) || root.has(`lib/modules/${name}/vmlinuz`))
    .sort();
}

function readReboot(root: Root): MachineFacts['reboot'] {
  const because = (root.text('run/reboot-required.pkgs') ?? root.text('var/run/reboot-required.pkgs') ?? '')
    .split('\n')
    .filter((name) => name !== '');
  const isRequired =
    root.has('run/reboot-required') || root.has('var/run/reboot-required') || root.has('run/needrestart/reboot');
  return { isRequired: isRequired || because.length > 0, because: [...new Set(because)] };
}

/** Debian's changelog of the running image: what it names as fixed up to its own version. */
function readKernelFixes(root: Root, release: string): Record<string, string> {
  for (const name of [`linux-image-${release}`, `linux-image-${release}-unsigned`]) {
    const path = `usr/share/doc/${name}/changelog.Debian.gz`;
    if (!root.has(path)) continue;
    return remember(root, path, () => fixesOf(root.inflated(path, CHANGELOG_MAX_BYTES) ?? ''));
  }
  return {};
}

/** What the platform wrote down of its own shield (shield/keeper.ts). */
function readShields(root: Root): MachineFacts['shields'] {
  return root
    .list(SHIELD_RECORDS.slice(1))
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const text = root.text(`${SHIELD_RECORDS.slice(1)}/${file}`) ?? '';
      const value = (key: string): string => new RegExp(`"${key}":"([^"]*)"`).exec(text)?.[1] ?? '';
      return value('id') === '' ? [] : [{ id: value('id'), since: value('since'), state: value('state') }];
    });
}

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runCommand } from '../system/index.ts';
import type { PackageChangelog } from './changelog.ts';
import { CHANGELOG_MAX_BYTES, MIRROR_PACKAGES_MAX, MIRROR_TIMEOUT_MS } from './limits.ts';

export interface MirrorOptions {
  /** Source packages to look at. @default all of which the mirror has a newer version than is installed here */
  readonly sources?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onPackage?: (source: string, done: number, total: number) => void;
}

/**
 * The changelogs of newer packages on the Debian mirror that this machine's apt is set to. apt checks their signatures;
 * each package is fetched into a folder of its own and removed again.
 *
 * @throws Fault system.command-missing
 */
export async function* mirrorChangelogs(options: MirrorOptions = {}): AsyncGenerator<PackageChangelog> {
  const release = /^VERSION_ID="?(\d+)"?$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (release === undefined) return;
  const wanted = [...(await newerPackages(options))].slice(0, MIRROR_PACKAGES_MAX);
  for (const [index, [source, binary]] of wanted.entries()) {
    options.signal?.throwIfAborted();
    options.onPackage?.(source, index, wanted.length);
    const changelog = await readChangelogOf(binary, options);
    if (changelog !== null) yield { release, source, changelog };
  }
}

/** Source packages with a newer version, each with one binary package of it. */
async function newerPackages({ sources, signal }: MirrorOptions): Promise<Map<string, string>> {
  const run = async (file: string, args: readonly string[]): Promise<string> => {
    const common = { timeoutMs: MIRROR_TIMEOUT_MS, maxOutputBytes: CHANGELOG_MAX_BYTES, ...(signal ? { signal } : {}) };
    const { stdout } = await runCommand(file, args, {
      ...common,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    return stdout;
  };
  const simulated = await run('apt-get', ['--simulate', 'dist-upgrade']);
  const newer = new Set([...simulated.matchAll(/^Inst (\S+) \[/gm)].map(([, name = '']) => name.split(':')[0]));
  const listed = await run('dpkg-query', ['--show', '--showformat', `\${source:Package} \${Package}\n`]);
  const found = new Map<string, string>();
  for (const line of listed.split('\n')) {
    const [source = '', binary = ''] = line.split(' ');
    if (!newer.has(binary) || found.has(source) || (sources && !sources.includes(source))) continue;
    found.set(source, binary);
  }
  return found;
}

async function readChangelogOf(binary: string, { signal }: MirrorOptions): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-mirror-'));
  const common = { cwd: folder, timeoutMs: MIRROR_TIMEOUT_MS, ...(signal ? { signal } : {}) };
  try {
    // As root apt would hand the work to a user who may not write here; without rights there is nobody to hand it to.
    const fetched = await runCommand(
      'apt-get',
      ['--quiet', '--option', 'APT::Sandbox::User=root', 'download', binary],
      common,
    );
    const [file] = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
    if (fetched.code !== 0 || file === undefined) return null;
    const unpacked = await runCommand('dpkg-deb', ['--extract', file, 'tree'], common);
    if (unpacked.code !== 0) return null;
    const documents = join(folder, 'tree', 'usr', 'share', 'doc', binary);
    for (const name of ['changelog.Debian.gz', 'changelog.gz']) {
      const bytes = await readFile(join(documents, name)).catch(() => null);
      if (bytes !== null) return gunzipSync(bytes, { maxOutputLength: CHANGELOG_MAX_BYTES }).toString('utf8');
    }
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

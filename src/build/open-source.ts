/**
 * Where a build's source comes from on the side of who asks for it: a folder, an archive, or a Git repository. Nothing is
 * fetched by the platform: a repository is read with the keys of the person, and only its files are sent.
 */
import { chmodSync, closeSync, copyFileSync, mkdirSync, openSync, statSync, symlinkSync, writeSync } from 'node:fs';
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve, sep } from 'node:path';
import { cleanTarPath, FormatError, inflateUnknown, TarReader } from '../formats/index.ts';
import { type Fault, readFileBytes, runCommand } from '../system/index.ts';
import { buildFault } from './errors.ts';
import type { SourceCommit } from './image.ts';
import { GIT_FETCH_MS, SOURCE_BYTES_MAX, SOURCE_ENTRIES_MAX } from './limits.ts';
import { folderMode } from './source.ts';

export interface OpenedSource {
  readonly folder: string;
  readonly commit: SourceCommit | null;
  /** Removes what was made for it; a folder of the person stays. */
  close(): Promise<void>;
}

/**
 * `./shop`, `shop.tar.gz`, `-` (a tar on standard input), `https://git.example.org/shop.git#main:web`,
 * `git@git.example.org:shop.git#v1.2`.
 * @throws Fault build.git-address, build.git-failed, build.source-refused, build.source-too-large, build.source-missing
 */
export async function openSource(
  source: string,
  options: { readonly input: AsyncIterable<Uint8Array>; readonly terminal: boolean },
): Promise<OpenedSource> {
  const git = readGitAddress(source);
  if (git !== null) return inTemporary((folder) => fetchGit(git, folder, options.terminal));
  if (source === '-') return inTemporary(async (folder) => unpack(options.input, folder));
  const folder = resolve(source);
  const found = await stat(folder).catch(() => null);
  if (found?.isFile() === true && /\.(?:tar|tgz|tzst|tar\.(?:gz|zst|bz2|xz))$/.test(source))
    return inTemporary(async (into) => unpack(readFileBytes(folder), into));
  if (found === null) throw buildFault('build.source-missing', { source: source.slice(0, 200) });
  const root = found.isDirectory() ? folder : dirname(folder);
  return { folder, commit: await commitOf(root), close: async () => undefined };
}

async function inTemporary(
  fill: (folder: string) => Promise<{ folder: string; commit: SourceCommit | null }>,
): Promise<OpenedSource> {
  const made = await mkdtemp(join(tmpdir(), 'darsena-source-'));
  const close = (): Promise<void> => rm(made, { recursive: true, force: true });
  try {
    return { ...(await fill(made)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface GitAddress {
  readonly url: string;
  /** A branch, a tag or a whole commit id; null: what the server's HEAD is. */
  readonly ref: string | null;
  /** Inside of the repository. */
  readonly folder: string;
}

/**
 * `https://…`, `ssh://…` and `user@host:path`, with `#ref:folder` behind as docker and podman write it. Null for what is
 * no address. Other schemes are refused: `git://` and `http://` can be changed on the way, `file://` and `ext::` reach
 * into this machine; and so are passwords, which every process here could read among git's arguments.
 * @throws Fault build.git-address
 */
export function readGitAddress(source: string): GitAddress | null {
  const [, scheme] = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/|:)/.exec(source) ?? [];
  const isShort = scheme === undefined && /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:/.test(source);
  if (scheme === undefined && !isShort) return null;
  const at = source.indexOf('#');
  const url = at < 0 ? source : source.slice(0, at);
  const [ref = '', ...path] = at < 0 ? [] : source.slice(at + 1).split(':');
  const folder = path.join(':');
  // What comes after a scheme may hold a password, so it is not repeated.
  const refuse = (reason: string, motivo: string): never => {
    throw buildFault('build.git-address', { scheme: scheme ?? 'ssh', reason, motivo });
  };
  if (scheme !== undefined && scheme !== 'https' && scheme !== 'ssh')
    refuse('only https and ssh are fetched', 'solo se descarga por https y ssh');
  if (url.length > 2048 || /[\s\p{Cc}]/u.test(source)) refuse('it is no address', 'no es una dirección');
  if (scheme !== undefined) {
    const parsed = URL.parse(url);
    if (parsed === null || parsed.hostname === '' || parsed.hostname.startsWith('-'))
      return refuse('it is no address', 'no es una dirección');
    if (parsed.password !== '' || (scheme === 'https' && parsed.username !== ''))
      refuse(
        'it holds credentials, which every process of this machine could read; git’s own helper keeps them (git help credentials)',
        'contiene credenciales, que todo proceso de esta máquina podría leer; las guarda el asistente de git (git help credentials)',
      );
    if (parsed.username.startsWith('-')) refuse('it is no address', 'no es una dirección');
  }
  if (ref !== '' && !/^(?!-)[A-Za-z0-9._/-]{1,200}$/.test(ref))
    refuse('what stands behind # is no branch, tag or commit', 'lo que sigue a # no es una rama, etiqueta ni commit');
  const clean = posix.normalize(folder === '' ? '.' : folder);
  if (clean.startsWith('/') || clean === '..' || clean.startsWith('../'))
    refuse('its folder leads out of the repository', 'su carpeta sale del repositorio');
  return { url, ref: ref === '' ? null : ref, folder: clean };
}

/** Nothing of the repository is run, no other protocol is followed to, and submodules stay where they are. */
const GIT_SAFE = [
  ['protocol.allow', 'never'],
  ['protocol.https.allow', 'always'],
  ['protocol.ssh.allow', 'always'],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.symlinks', 'true'],
  ['log.showSignature', 'false'],
  ['submodule.recurse', 'false'],
  ['transfer.fsckObjects', 'true'],
  ['http.followRedirects', 'initial'],
].flatMap(([name, value]) => ['-c', `${name}=${value}`]);

async function fetchGit(
  { url, ref, folder }: GitAddress,
  into: string,
  terminal: boolean,
): Promise<{ folder: string; commit: SourceCommit }> {
  const env = {
    ...Object.fromEntries(
      Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    LC_ALL: 'C.UTF-8',
    ...(terminal ? {} : { GIT_TERMINAL_PROMPT: '0' }),
  };
  const git = async (...words: string[]): Promise<string> => {
    // A pack is one file: the largest that is taken bounds what a server can send.
    const args = [`--fsize=${SOURCE_BYTES_MAX}`, '--', 'git', ...GIT_SAFE, ...words];
    const { code, stdout, stderr } = await runCommand('prlimit', args, { cwd: into, env, timeoutMs: GIT_FETCH_MS });
    if (code === 0) return stdout.trim();
    const said = stderr
      .split('\n')
      .filter((line) => /^(?:fatal|error|remote|ssh):?/i.test(line))
      .slice(-2)
      .join(' ');
    throw gitFault({ url, ref }, said || stderr.trim() || `code ${code}`);
  };
  await git('init', '--quiet', '--template=');
  await git('fetch', '--quiet', '--depth=1', '--no-tags', '--', url, ref ?? 'HEAD');
  await git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  const [id = '', seconds = '0'] = (await git('show', '--no-patch', '--format=%H %ct', 'HEAD')).split(' ');
  const root = await folderInside(into, folder);
  if (root === null) throw buildFault('build.git-folder-missing', { url, folder, ref: ref ?? 'HEAD' });
  return {
    folder: root,
    commit: { id, time: new Date(Number(seconds) * 1000).toISOString(), repository: url, dirty: false },
  };
}

/** What git said, where that is known in our words: its own are in English and name no way out. */
export function gitFault({ url, ref }: Pick<GitAddress, 'url' | 'ref'>, said: string): Fault {
  if (ref !== null && /couldn't find remote ref|not our ref|invalid refspec/.test(said))
    return buildFault('build.git-ref-missing', { url, ref });
  return buildFault('build.git-failed', { url, reason: said.slice(0, 300) });
}

/** A folder of a checkout, and none that a link of the repository makes of another place of this machine; null when there is none. */
export async function folderInside(checkout: string, folder: string): Promise<string | null> {
  const top = await realpath(checkout);
  const root = await realpath(join(top, folder)).catch(() => null);
  if (root === null || !`${root}/`.startsWith(`${top}/`)) return null;
  return (await stat(root)).isDirectory() ? root : null;
}

/** The commit that a folder is at, when it is in a git checkout; `dirty` says that it holds more than the commit. */
export async function commitOf(folder: string): Promise<SourceCommit | null> {
  const options = { cwd: folder, timeoutMs: 5_000 };
  try {
    // What the folder's own settings would have run: it may come from somebody else.
    const quiet = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'log.showSignature=false'];
    const head = await runCommand('git', [...quiet, 'show', '--no-patch', '--format=%H %ct', 'HEAD'], options);
    const [id = '', seconds = ''] = head.stdout.trim().split(' ');
    if (head.code !== 0 || !/^[0-9a-f]{40,64}$/.test(id)) return null;
    const status = await runCommand('git', [...quiet, 'status', '--porcelain', '--', '.'], options);
    const remote = await runCommand('git', ['config', '--get', 'remote.origin.url'], options);
    const time = new Date(Number(seconds) * 1000).toISOString();
    return {
      id,
      time,
      repository: publicAddress(remote.stdout.trim()),
      dirty: status.code !== 0 || status.stdout !== '',
    };
  } catch {
    // No git on this machine: the digest of the source names the source.
    return null;
  }
}

/** Without what could be a credential; null for what others cannot reach. */
function publicAddress(remote: string): string | null {
  try {
    const address = readGitAddress(remote);
    return address === null ? null : address.url;
  } catch {
    return null;
  }
}

/**
 * Unpacks a tar (plain, gzip or zstd) into an empty folder. Links are made last, so that nothing is written through one;
 * whether they lead out is asked when the folder is packed.
 */
async function unpack(archive: AsyncIterable<Uint8Array>, folder: string): Promise<{ folder: string; commit: null }> {
  const links: { path: string; target: string; kind: 'symlink' | 'hardlink' }[] = [];
  let bytes = 0;
  let entries = 0;
  const reader = new TarReader((entry) => {
    const path = cleanTarPath(entry.path);
    const refuse = (why: string) =>
      buildFault('build.source-refused', { reason: `${JSON.stringify(entry.path.slice(0, 200))} ${why}` });
    if (path === null || entry.path.startsWith('/')) throw refuse('leads out of the source folder');
    if (path === '') return null;
    entries += 1;
    bytes += entry.sizeBytes;
    if (entries > SOURCE_ENTRIES_MAX) throw tooLarge(SOURCE_ENTRIES_MAX, 'files');
    if (bytes > SOURCE_BYTES_MAX) throw tooLarge(SOURCE_BYTES_MAX, 'bytes');
    const full = join(folder, path);
    const { kind } = entry;
    if (kind === 'directory') {
      mkdirSync(full, { recursive: true });
      const mode = folderMode(entry.mode);
      if (mode !== 0o755) chmodSync(full, mode);
    } else if (kind === 'symlink' || kind === 'hardlink') links.push({ path, target: entry.linkTarget, kind });
    else if (kind !== 'file') throw refuse(`is a ${kind}; only files, folders and links can be built from`);
    if (kind !== 'file') return null;
    mkdirSync(dirname(full), { recursive: true });
    const handle = openSync(full, 'w', (entry.mode & 0o100) === 0 ? 0o644 : 0o755);
    if (entry.sizeBytes === 0) {
      closeSync(handle);
      return null;
    }
    return { write: (chunk) => writeSync(handle, chunk), end: () => closeSync(handle) };
  });
  try {
    for await (const chunk of inflateUnknown(archive, { maxOutputBytes: SOURCE_BYTES_MAX * 1.1 })) reader.write(chunk);
    reader.end();
    // Every folder first: a link that stands where a folder must is then refused by the system, and never gone through.
    for (const { path } of links) mkdirSync(dirname(join(folder, path)), { recursive: true });
    const copies: { from: string; to: string }[] = [];
    const sizes = new Map<string, number>();
    for (const { path, target, kind } of links) {
      if (kind === 'symlink') continue;
      const from = cleanTarPath(target);
      if (from === null || target.startsWith('/'))
        throw buildFault('build.source-refused', { reason: `${path} links out` });
      copies.push({ from: join(folder, from), to: join(folder, path) });
      // One file in the archive, many on the disk; what a link is to may be a link before it.
      const size = sizes.get(from) ?? statSync(join(folder, from), { throwIfNoEntry: false })?.size ?? 0;
      sizes.set(path, size);
      bytes += size;
      if (bytes > SOURCE_BYTES_MAX) throw tooLarge(SOURCE_BYTES_MAX, 'bytes');
    }
    for (const { from, to } of copies) copyFileSync(from, to);
    for (const { path, target, kind } of links) if (kind === 'symlink') symlinkSync(target, join(folder, path));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (!(error instanceof FormatError) && (code === undefined || !/^E[A-Z]+$/.test(code))) throw error;
    const reason = error instanceof Error ? error.message.replaceAll(folder + sep, '') : String(error);
    throw buildFault('build.source-refused', { reason }, { cause: error });
  }
  return { folder, commit: null };
}

function tooLarge(limit: number, unit: string): Error {
  return buildFault('build.source-too-large', { limit, unit });
}

/** What the tests of trust share: cosign 3 from Debian sid, a registry with an image, a Trust over it. */
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { type Digest, digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { signatureStore } from '../../src/programs/control/signature-store.ts';
import type { TestRegistry } from '../../src/registry/test-registry.ts';
import { openDatabase, runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { Trust, type TrustTables, trustMigrations } from '../../src/trust/index.ts';

const MINUTES = 60_000;

export function has(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * cosign 3: DARSENA_COSIGN, or the one that is installed, or unpacked from Debian sid by the mirror that apt uses.
 * @returns its path, or why there is none
 */
export async function findCosign(work: string): Promise<{ readonly path: string } | { readonly missing: string }> {
  const given = process.env['DARSENA_COSIGN'];
  if (given !== undefined) return { path: given };
  if (has('cosign')) return { path: 'cosign' };
  const got = await unpackFromSid(work, ['cosign'], ({ name, version }) =>
    name !== 'cosign' || version.startsWith('3.') ? null : `sid has cosign ${version}, not 3`,
  );
  if ('missing' in got) return got;
  return { path: join(got.root, 'usr/bin/cosign') };
}

/**
 * Skopeo of Debian sid, run by sid's own loader and libraries: that of Debian 12 was built without Sigstore and refuses
 * every image of which a Sigstore signature is asked.
 * @returns the command and its first arguments, or why there is none
 */
export async function findNewSkopeo(
  work: string,
): Promise<{ readonly command: readonly string[] } | { readonly missing: string }> {
  const got = await unpackFromSid(work, ['skopeo'], () => null);
  if ('missing' in got) return got;
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
    .map((folder) => join(got.root, folder))
    .join(':');
  const loaders = ['usr/lib/x86_64-linux-gnu', 'usr/lib64', 'lib64'].map((one) =>
    join(got.root, one, 'ld-linux-x86-64.so.2'),
  );
  for (const loader of loaders) {
    const command = [loader, '--library-path', libraries, join(got.root, 'usr/bin/skopeo')];
    const { code } = await runCommand(command[0] ?? '', [...command.slice(1), '--version'], {
      timeoutMs: MINUTES,
    }).catch(() => ({ code: 127 }));
    if (code === 0) return { command };
  }
  return { missing: 'skopeo of Debian sid does not run here' };
}

/**
 * Podman 5 of Debian sid, which was built with Sigstore: in a root of its own, because it runs itself again for each layer.
 * @returns where its root is and the command with its first arguments, or why there is none
 */
export async function findNewPodman(
  work: string,
): Promise<{ readonly root: string; readonly command: readonly string[] } | { readonly missing: string }> {
  const got = await unpackFromSid(work, ['podman', 'conmon', 'crun', 'netavark'], () => null);
  if ('missing' in got) return got;
  const { root } = got;
  for (const folder of [
    'proc',
    'dev/shm',
    'run',
    'tmp',
    'var/tmp',
    'root',
    'sys/fs/cgroup',
    'etc/containers/registries.d',
  ])
    await mkdir(join(root, folder), { recursive: true });
  for (const folder of ['lib', 'lib64'])
    await symlink(`usr/${folder}`, join(root, folder)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  const alone = ['--mount', '--pid', '--fork', '--propagation', 'private', '--root', root, '--wd', '/', '--mount-proc'];
  const command = [
    'unshare',
    ...alone,
    '/usr/bin/podman',
    '--root',
    '/s',
    '--runroot',
    '/r',
    '--storage-driver',
    'vfs',
  ];
  const { code, stderr } = await runCommand('unshare', [...command.slice(1), 'version'], { timeoutMs: MINUTES });
  return code === 0 ? { root, command } : { missing: `podman of Debian sid does not run here: ${stderr.slice(-200)}` };
}

interface SidPackage {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly sha256: string;
  readonly depends: readonly string[];
}

/** Packages of Debian sid with the libraries they need, unpacked into a folder; nothing is installed. */
async function unpackFromSid(
  work: string,
  names: readonly string[],
  refuse: (found: SidPackage) => string | null,
): Promise<{ readonly root: string } | { readonly missing: string }> {
  for (const tool of ['curl', 'xz', 'dpkg-deb'])
    if (!has(tool)) return { missing: `${tool} is needed to fetch packages` };
  try {
    const mirror = await debianMirror();
    await mkdir(work, { recursive: true });
    const list = join(work, 'Packages.xz');
    await run('curl', [...CURL, '50', '--output', list, `${mirror}/dists/sid/main/binary-amd64/Packages.xz`]);
    const text = execFileSync('xz', ['--decompress', '--stdout', list], {
      maxBuffer: 200 * 1024 * 1024,
      encoding: 'utf8',
    });
    const root = join(work, 'sid');
    await mkdir(root, { recursive: true });
    const wanted = [...names];
    for (let index = 0; index < wanted.length; index += 1) {
      const found = findPackage(text, wanted[index] ?? '');
      if (found === null) continue;
      const why = refuse(found);
      if (why !== null) return { missing: why };
      const archive = join(work, 'package.deb');
      await run('curl', [...CURL, '100', '--output', archive, `${mirror}/${found.filename}`]);
      const sha256 = createHash('sha256')
        .update(await readFile(archive))
        .digest('hex');
      if (sha256 !== found.sha256) return { missing: `the package of ${found.name} is not what the list says` };
      await run('dpkg-deb', ['--extract', archive, root]);
      const libraries = found.depends.filter((name) => /^lib/.test(name) && !wanted.includes(name));
      wanted.push(...libraries);
    }
    return { root };
  } catch (error) {
    return { missing: `Debian sid cannot be reached: ${(error as Error).message.slice(0, 200)}` };
  }
}

const CURL = ['--silent', '--fail', '--max-time'];

function findPackage(list: string, name: string): SidPackage | null {
  const start = list.startsWith(`Package: ${name}\n`) ? 0 : list.indexOf(`\n\nPackage: ${name}\n`) + 2;
  if (start === 1) return null;
  const end = list.indexOf('\n\n', start);
  const paragraph = list.slice(start, end < 0 ? list.length : end);
  const field = (key: string): string => new RegExp(`^${key}: (.+)$`, 'm').exec(paragraph)?.[1] ?? '';
  const depends = field('Depends')
    .split(',')
    .map((one) => one.trim().split(/[ :|(]/)[0] ?? '')
    .filter((one) => one !== '');
  return { name, version: field('Version'), filename: field('Filename'), sha256: field('SHA256'), depends };
}

async function debianMirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const files = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  for (const file of ['/etc/apt/sources.list', ...files]) {
    const text = (await readFile(file, 'utf8').catch(() => '')).replaceAll(/^#.*$/gm, '');
    const mirror = /\bhttps?:\/\/\S+\/debian(?=\s|\/?$)/m.exec(text)?.[0];
    if (mirror !== undefined) return mirror;
  }
  throw new Error('apt names no mirror of Debian');
}

async function run(file: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand(file, args, { timeoutMs: 3 * MINUTES });
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr.slice(-300)}`);
}

/** An image of one small layer in a repository. */
export async function putImage(server: TestRegistry, repository: string, tag: string): Promise<Digest> {
  const layer = execFileSync('tar', ['--create', '--gzip', '--file=-', '--files-from=/dev/null']);
  const diff = execFileSync('gzip', ['--decompress', '--stdout'], { input: layer });
  const config = Buffer.from(
    JSON.stringify({
      ...{ architecture: 'amd64', os: 'linux', config: { Cmd: ['/bin/true'], Labels: { tag } } },
      rootfs: { type: 'layers', diff_ids: [digestOf(diff)] },
    }),
  );
  for (const bytes of [layer, config]) await server.registry.putBlob(repository, bytes, digestOf(bytes));
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.manifest },
      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.length },
      layers: [
        { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf(layer), size: layer.length },
      ],
    }),
  );
  return server.registry.putManifest(repository, manifest, MEDIA_TYPE.manifest, { tag });
}

/** Trust as control wires it, over this registry. */
export async function openTrust(server: TestRegistry): Promise<{ trust: Trust; close: () => Promise<void> }> {
  const opened = await openDatabase<TrustTables>('sqlite::memory:', [...journalMigrations, ...trustMigrations]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  const trust = new Trust({
    ...{ db: opened.db, journal, clock: systemClock, masterKey: randomBytes(32) },
    signatures: signatureStore(
      () => server.registry,
      async () => [],
    ),
  });
  return {
    trust,
    async close() {
      await journal.close();
      await opened.close();
    },
  };
}

export async function writeSecret(folder: string, name: string, text: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

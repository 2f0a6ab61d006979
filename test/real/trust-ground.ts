/** What the tests of trust share: cosign 3 from Debian sid, a registry with an image, a Trust over it. */
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
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
  for (const tool of ['curl', 'xz', 'dpkg-deb'])
    if (!has(tool)) return { missing: `${tool} is needed to fetch cosign` };
  try {
    const mirror = await debianMirror();
    const list = join(work, 'Packages.xz');
    await run('curl', [
      '--silent',
      '--fail',
      '--max-time',
      '50',
      '--output',
      list,
      `${mirror}/dists/sid/main/binary-amd64/Packages.xz`,
    ]);
    const packages = execFileSync('xz', ['--decompress', '--stdout', list], {
      maxBuffer: 200 * 1024 * 1024,
      encoding: 'utf8',
    });
    const paragraph = packages.split('\n\n').find((one) => one.startsWith('Package: cosign\n')) ?? '';
    const field = (name: string): string => new RegExp(`^${name}: (.+)$`, 'm').exec(paragraph)?.[1] ?? '';
    if (!field('Version').startsWith('3.'))
      return { missing: `sid has no cosign 3, but ${field('Version') || 'none'}` };
    const archive = join(work, 'cosign.deb');
    await run('curl', [
      '--silent',
      '--fail',
      '--max-time',
      '100',
      '--output',
      archive,
      `${mirror}/${field('Filename')}`,
    ]);
    const sha256 = createHash('sha256')
      .update(await readFile(archive))
      .digest('hex');
    if (sha256 !== field('SHA256')) return { missing: 'the package of cosign is not what the list says' };
    await run('dpkg-deb', ['--extract', archive, join(work, 'unpacked')]);
    const path = join(work, 'unpacked/usr/bin/cosign');
    await run(path, ['version']);
    return { path };
  } catch (error) {
    return { missing: `cosign could not be fetched from Debian sid: ${(error as Error).message.slice(0, 200)}` };
  }
}

async function debianMirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const files = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  for (const file of ['/etc/apt/sources.list', ...files]) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const mirror = /\bhttps?:\/\/\S+\/debian\b/.exec(text)?.[0];
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

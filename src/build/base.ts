import { createHash } from 'node:crypto';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { cleanTarPath, TarReader } from '../formats/index.ts';
import { type Descriptor, type Digest, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { canonicalJson, type Json } from '../system/index.ts';
import { parseAptSources } from './apt-sources.ts';
import { buildFault } from './errors.ts';
import { type BuildContext, formatMegabytes } from './image.ts';
import { BASE_INCLUDES_MAX, BASE_TIMEOUT_MS, PACKAGE_LIST_BYTES_MAX } from './limits.ts';
import { describePackages, type InstalledPackage, readPackages } from './packages.ts';
import { BASE_BUILD_TYPE, type Provenance } from './provenance.ts';
import { RegistryClient } from './registry-client.ts';
import { DEBIAN_KEYRING, RELEASES, type Release, sourcesOf } from './releases.ts';
import { type Desk, lastLine, type Workshop } from './workshop.ts';

export interface BaseRequest {
  readonly id: string;
  /** A name of `RELEASES`. */
  readonly release: string;
  /** Debian packages on top of the minimal system. */
  readonly include: readonly string[];
  /** The image becomes `base/<name>`. @default `baseName(release, include)` */
  readonly name?: string;
}

export interface BaseResult {
  readonly name: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifestSizeBytes: number;
  /** Of the layer as stored, and unpacked. */
  readonly sizeBytes: number;
  readonly unpackedBytes: number;
  readonly packages: readonly InstalledPackage[];
  readonly sbomDigest: Digest;
  readonly durationMs: number;
  readonly provenance: Provenance;
}

const SBOM_TYPE = 'application/vnd.cyclonedx+json';

/** `debian-12` with nodejs becomes `debian-12-nodejs`. */
export function baseName(release: string, include: readonly string[]): string {
  return [release, ...[...include].sort()].join('-');
}

/** Checks a request without doing anything. @throws Fault build.release-unknown, build.base-request */
export function checkBaseRequest(request: Omit<BaseRequest, 'id'>): { release: Release; name: string } {
  const release = RELEASES.find(({ name }) => name === request.release);
  if (release === undefined) {
    const known = RELEASES.map(({ name }) => name).join(', ');
    throw buildFault('build.release-unknown', { release: request.release, known });
  }
  // Debian policy section 5.6.7; the first character also keeps a name from being read as an option.
  const odd = request.include.find((name) => !/^[a-z0-9][a-z0-9+.-]+$/.test(name));
  if (odd !== undefined) throw buildFault('build.base-request', { reason: `"${odd}" is not a package name` });
  if (request.include.length > BASE_INCLUDES_MAX) {
    throw buildFault('build.base-request', { reason: `more than ${BASE_INCLUDES_MAX} packages are asked for` });
  }
  const name = request.name ?? baseName(request.release, request.include);
  if (!/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(name) || name.length > 100) {
    throw buildFault('build.base-request', { reason: `"${name}" cannot name an image; use --name` });
  }
  return { release, name };
}

/**
 * Makes a base image from Debian packages as an ordinary user, and pushes it with its package list. The packages are
 * verified by apt against Debian's keyring; the same packages give the same digest.
 * @throws Fault build.*
 */
export async function createBase(request: BaseRequest, context: BuildContext): Promise<BaseResult> {
  const { release, name } = checkBaseRequest(request);
  const { workshop, clock, signal, progress } = context;
  const startedOn = clock.now();
  const started = clock.monotonicMs();
  await access(DEBIAN_KEYRING).catch(() => {
    throw buildFault('build.keyring-missing', { release: release.title, path: DEBIAN_KEYRING });
  });
  const sources = sourcesOf(release, parseAptSources(await readHostSources()));
  const desk = await workshop.desk(request.id);
  const client = new RegistryClient(context.registry, signal);
  try {
    const tar = join(desk.output, 'root.tar');
    await bootstrap(request, { ...context, desk, release, name, sources, tar });
    const repository = `base/${name}`;
    const layer = await pushLayer(repository, tar, { ...context, client });
    const labels = {
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.version': layer.debianVersion,
      'org.opencontainers.image.vendor': 'Debian',
      'org.opencontainers.image.description': `${release.title}, ${layer.packages.length} packages`,
    };
    const config = {
      architecture: architectureName(),
      os: 'linux',
      created: new Date(release.epochSeconds * 1000).toISOString(),
      config: {
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
        Cmd: ['/bin/bash'],
        Labels: labels,
      },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [
        { created: new Date(release.epochSeconds * 1000).toISOString(), created_by: `darsena base create ${name}` },
      ],
    };
    const configBlob = await pushJson(client, repository, MEDIA_TYPE.config, config);
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: configBlob,
      layers: [{ mediaType: MEDIA_TYPE.layerGzip, digest: layer.digest, size: layer.sizeBytes }],
      annotations: labels,
    };
    const bytes = toBytes(manifest);
    const digest = digestOf(bytes);
    const tags = ['latest', `${layer.debianVersion}-${digest.slice(7, 15)}`];
    const sbomDigest = await pushPackageList(client, repository, {
      subject: { mediaType: MEDIA_TYPE.manifest, digest, size: bytes.length },
      packages: layer.packages,
      release,
      configDigest: configBlob.digest,
      name,
    });
    // The list is there before the first tag: whoever finds the image finds what is in it.
    for (const tag of tags) await client.putManifest(repository, tag, MEDIA_TYPE.manifest, bytes);
    const finishedOn = clock.now();
    progress.done({
      en: `${layer.packages.length} packages, ${formatMegabytes(layer.sizeBytes)}`,
      es: `${layer.packages.length} paquetes, ${formatMegabytes(layer.sizeBytes)}`,
    });
    return {
      name,
      repository,
      tags,
      digest,
      mediaType: MEDIA_TYPE.manifest,
      manifestSizeBytes: bytes.length,
      sizeBytes: layer.sizeBytes,
      unpackedBytes: layer.unpackedBytes,
      packages: layer.packages,
      sbomDigest,
      durationMs: Math.round(clock.monotonicMs() - started),
      provenance: {
        buildDefinition: {
          buildType: BASE_BUILD_TYPE,
          externalParameters: { release: release.name, include: request.include, name },
          internalParameters: { sources, sourceDateEpoch: release.epochSeconds },
          resolvedDependencies: layer.packages.map((found) => ({
            uri: `pkg:deb/debian/${found.name}@${found.version}?arch=${found.architecture}`,
            digest: {},
          })),
        },
        runDetails: {
          builder: { id: context.builderId, version: {} },
          metadata: {
            invocationId: request.id,
            startedOn: startedOn.toISOString(),
            finishedOn: finishedOn.toISOString(),
          },
        },
      },
    };
  } finally {
    await client.close();
    await desk.close();
  }
}

/** Left out of the image: what no program reads. Copyright files stay, licences ask for them. */
const EXCLUDED = ['doc', 'man', 'info', 'locale', 'lintian', 'bug', 'doc-base'].map(
  (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
);
const KEPT = ['/usr/share/doc/*/copyright', '/usr/share/locale/locale.alias'].map(
  (path) => `--dpkgopt=path-include=${path}`,
);

/** What mmdebstrap says in order, each after `I: `; the rest of its output is detail. */
const PHASES = [
  'running apt-get update',
  'downloading packages with apt',
  'extracting archives',
  'installing essential packages',
  'installing remaining packages',
  'cleaning package lists',
  'creating tarball',
];

async function bootstrap(
  request: BaseRequest,
  work: BuildContext & { desk: Desk; release: Release; name: string; sources: readonly string[]; tar: string },
): Promise<void> {
  const { workshop, release, sources, tar } = work;
  const step = work.progress.step({ en: 'packages', es: 'paquetes' });
  // `unshare` works under the ids of the user's range, to which a person's closed home (0700) is closed too. Without root
  // the package tools therefore run as root of a user namespace that the account itself is mapped to.
  const { mode, run } = workshop.rootless
    ? { mode: 'root', run: workshop.runEnclosed.bind(workshop) }
    : { mode: 'unshare', run: workshop.run.bind(workshop) };
  const { code, stderr } = await run(
    'mmdebstrap',
    [
      `--mode=${mode}`,
      '--variant=minbase',
      '--format=tar',
      `--keyring=${DEBIAN_KEYRING}`,
      ...EXCLUDED,
      ...KEPT,
      // Nobody needs half of an image after a power failure: neither here nor where steps of a build install more.
      '--dpkgopt=force-unsafe-io',
      // As a file: a proxy's address may hold a password.
      `--aptopt=${await workshop.put(work.desk, 'apt.conf', await hostAptOptions(workshop))}`,
      ...(request.include.length === 0 ? [] : [`--include=${request.include.join(',')}`]),
      // What this host's network needs of apt is nothing for the image. Logs name the time of the build; the caches of ldconfig and debconf are made again when they are needed.
      '--customize-hook=rm -rf "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/var/log/apt "$1"/var/log/dpkg.log "$1"/var/log/alternatives.log "$1"/var/log/bootstrap.log "$1"/var/cache/ldconfig/aux-cache "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old',
      release.codename,
      tar,
      ...sources,
    ],
    {
      env: { SOURCE_DATE_EPOCH: String(release.epochSeconds) },
      timeoutMs: BASE_TIMEOUT_MS,
      ...(work.signal === undefined ? {} : { signal: work.signal }),
      onLine: (line) => {
        const phase = PHASES.findIndex((text) => line.startsWith(`I: ${text}`));
        if (phase < 0) return;
        const text = line.slice(3);
        step.update({ done: phase, total: PHASES.length, unit: 'items', detail: { en: text, es: text } });
      },
    },
  );
  if (code === 0) return step.done();
  const reason = stderr.split('\n').findLast((line) => line.startsWith('E: ')) ?? lastLine(stderr);
  throw buildFault(
    'build.base-failed',
    { base: work.name, reason },
    { details: { output: stderr.split('\n').slice(-30) } },
  );
}

interface PushedLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly sizeBytes: number;
  readonly unpackedBytes: number;
  readonly packages: readonly InstalledPackage[];
  readonly debianVersion: string;
}

/** Reads the tar once: hashed, its package list taken out, compressed, hashed again and sent, without another copy on disk. */
async function pushLayer(
  repository: string,
  tar: string,
  work: BuildContext & { client: RegistryClient },
): Promise<PushedLayer> {
  const step = work.progress.step({ en: 'push', es: 'publicación' });
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  const files = new Map<string, Buffer[]>([
    ['var/lib/dpkg/status', []],
    ['etc/debian_version', []],
  ]);
  const reader = new TarReader((entry) => {
    const kept = files.get(cleanTarPath(entry.path) ?? '');
    if (kept === undefined || entry.sizeBytes > PACKAGE_LIST_BYTES_MAX) return null;
    return { write: (chunk) => kept.push(Buffer.from(chunk)), end: () => undefined };
  });
  let unpackedBytes = 0;
  let sizeBytes = 0;
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of work.workshop.read(tar, work.signal)) {
      plain.update(chunk);
      reader.write(chunk);
      unpackedBytes += chunk.length;
      yield chunk;
    }
    reader.end();
  }
  // Nothing is begun before the registry takes the first of it, and whoever stops taking it ends all of it.
  async function* sent(): AsyncGenerator<Uint8Array> {
    const gzip = createGzip({ level: 6 });
    const reading = pipeline(read(), gzip);
    // Thrown by the loop as well.
    reading.catch(() => undefined);
    for await (const chunk of gzip) {
      packed.update(chunk as Buffer);
      sizeBytes += (chunk as Buffer).length;
      step.update({ done: sizeBytes, unit: 'bytes' });
      yield chunk as Buffer;
    }
    await reading;
  }
  let digest: Digest | null = null;
  await work.client.uploadBlob(repository, sent(), () => {
    digest = `sha256:${packed.digest('hex')}`;
    return digest;
  });
  step.done({ en: formatMegabytes(sizeBytes), es: formatMegabytes(sizeBytes) });
  const textOf = (path: string): Buffer => Buffer.concat(files.get(path) ?? []);
  return {
    digest: digest ?? digestOf(Buffer.alloc(0)),
    diffId: `sha256:${plain.digest('hex')}`,
    sizeBytes,
    unpackedBytes,
    packages: readPackages(textOf('var/lib/dpkg/status')),
    debianVersion: /^[\w.]+/.exec(textOf('etc/debian_version').toString('utf8'))?.[0] ?? 'unknown',
  };
}

async function pushPackageList(
  client: RegistryClient,
  repository: string,
  list: {
    subject: Descriptor;
    packages: readonly InstalledPackage[];
    release: Release;
    configDigest: Digest;
    name: string;
  },
): Promise<Digest> {
  const sbom = describePackages(list.packages, {
    name: repository,
    release: list.release.name,
    configDigest: list.configDigest,
  });
  const layer = await pushJson(client, repository, SBOM_TYPE, sbom);
  const config = await pushJson(client, repository, MEDIA_TYPE.empty, {});
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    artifactType: SBOM_TYPE,
    config,
    layers: [layer],
    subject: list.subject,
  };
  const bytes = toBytes(manifest);
  await client.putManifest(repository, digestOf(bytes), MEDIA_TYPE.manifest, bytes);
  return layer.digest;
}

async function pushJson(
  client: RegistryClient,
  repository: string,
  mediaType: string,
  value: object,
): Promise<Descriptor> {
  const bytes = toBytes(value);
  const digest = digestOf(bytes);
  if (!(await client.hasBlob(repository, digest))) await client.uploadBlob(repository, bytes, () => digest);
  return { mediaType, digest, size: bytes.length };
}

function toBytes(value: object): Buffer {
  return Buffer.from(canonicalJson(value as Json));
}

function architectureName(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

async function readHostSources(): Promise<{ name: string; text: string }[]> {
  const folder = '/etc/apt/sources.list.d';
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name)).sort();
  const paths = ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))];
  return Promise.all(paths.map(async (path) => ({ name: path, text: await readFile(path, 'utf8').catch(() => '') })));
}

/** Settings of the host's apt that another apt on the same network needs too: proxies, and dates on a frozen mirror. */
async function hostAptOptions(workshop: Workshop): Promise<string> {
  const { stdout } = await workshop.run('apt-config', ['dump', 'Acquire'], { timeoutMs: 10_000 });
  const wanted = /^Acquire::(?:https?::Proxy|Check-Valid-Until|Check-Date) ".*";$/;
  return `${stdout
    .split('\n')
    .filter((line) => wanted.test(line))
    .join('\n')}\n`;
}

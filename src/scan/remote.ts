import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseStrictJson } from '../formats/index.ts';
import { type Descriptor, type ImageReference, parseManifest, parseReference } from '../oci/index.ts';
import { RegistryClient, type RemoteRegistry } from '../registry/index.ts';
import { runCommand } from '../system/index.ts';
import { chooseImage, type LocalImage } from './archive.ts';
import { scanFault } from './errors.ts';
import { AUTH_FILE_MAX_BYTES, CONFIG_MAX_BYTES, CREDENTIAL_HELPER_TIMEOUT_MS } from './limits.ts';

/**
 * Opens an image in another registry: its layers are read from there while they are scanned, and nothing is stored. Of an
 * index with several platforms the one of this machine is taken. Credentials are those of `podman login`.
 *
 * @throws Fault registry.* when the registry cannot be read; scan.archive-unknown when it is no image
 */
export async function openRemoteImage(
  name: string,
  signal?: AbortSignal,
): Promise<{ image: LocalImage; close: () => Promise<void> }> {
  const reference = withDefaults(parseReference(name));
  const { repository } = reference;
  const client = new RegistryClient(await remoteOf(reference));
  const place = reference.digest ?? reference.tag ?? 'latest';
  return openFromRegistry(client, { name, repository, place }, signal);
}

/**
 * The same with a client that was made for it, which `close` closes.
 *
 * @throws Fault registry.* when the registry cannot be read; scan.archive-unknown when it is no image
 */
export async function openFromRegistry(
  client: RegistryClient,
  { name, repository, place }: { readonly name: string; readonly repository: string; readonly place: string },
  signal?: AbortSignal,
): Promise<{ image: LocalImage; close: () => Promise<void> }> {
  const asking = signal ? { signal } : {};
  try {
    let manifest = await client.getManifest(repository, place, asking);
    let parsed = parseManifest(manifest.bytes);
    if (parsed.kind !== 'manifest') {
      const chosen = chooseImage(parsed.manifests);
      manifest = await client.getManifest(repository, chosen.digest, asking);
      parsed = parseManifest(manifest.bytes);
    }
    if (parsed.kind !== 'manifest') throw new Error('its index leads to no image');
    const { config, layers } = parsed;
    if (config.size > CONFIG_MAX_BYTES) throw new Error(`its configuration has ${config.size} bytes`);
    const parts: Uint8Array[] = [];
    for await (const part of client.getBlob(repository, config, asking)) parts.push(part);
    const sizes = new Map<string, Descriptor>(layers.map((layer) => [layer.digest, layer]));
    return {
      image: {
        manifestBytes: manifest.bytes,
        manifestDigest: manifest.digest,
        configBytes: Buffer.concat(parts),
        content: {
          open: (digest) => client.getBlob(repository, sizes.get(digest) ?? { digest, size: 0 }, asking),
        },
      },
      close: () => client.close(),
    };
  } catch (cause) {
    await client.close();
    if (cause instanceof Error && 'code' in cause && String(cause.code).includes('.')) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw scanFault('scan.archive-unknown', { path: name, why }, { cause });
  }
}

type RemoteReference = ImageReference & { readonly registry: string };

/** Names without a registry are Docker Hub's, whose own images stand in `library`. */
function withDefaults(reference: ImageReference): RemoteReference {
  const registry = reference.registry ?? 'docker.io';
  const isShort = registry === 'docker.io' && !reference.repository.includes('/');
  return { ...reference, registry, repository: isShort ? `library/${reference.repository}` : reference.repository };
}

/** Registries that answer under another name, or leave tokens and blobs to other hosts (their manuals say which). */
const WELL_KNOWN: Readonly<Record<string, Partial<RemoteRegistry>>> = {
  'docker.io': {
    host: 'registry-1.docker.io',
    tokenHosts: ['auth.docker.io'],
    storageHosts: [
      'production.cloudflare.docker.com',
      '*.r2.cloudflarestorage.com',
      'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com',
    ],
  },
  'quay.io': { storageHosts: ['*.quay.io', 'quayio-production-s3.s3.amazonaws.com'] },
  'registry.access.redhat.com': { storageHosts: ['*.quay.io'] },
  'registry.redhat.io': { tokenHosts: ['sso.redhat.com'], storageHosts: ['*.quay.io'] },
  'ghcr.io': { storageHosts: ['pkg-containers.githubusercontent.com'] },
  'registry.gitlab.com': {
    tokenHosts: ['gitlab.com'],
    storageHosts: ['cdn.registry.gitlab-static.net', 'storage.googleapis.com'],
  },
  'registry.k8s.io': { storageHosts: ['*.pkg.dev', '*.amazonaws.com', 'storage.googleapis.com'] },
  'gcr.io': { storageHosts: ['storage.googleapis.com'] },
  'public.ecr.aws': { storageHosts: ['*.cloudfront.net'] },
  'mcr.microsoft.com': { storageHosts: ['*.data.mcr.microsoft.com'] },
  'cgr.dev': { storageHosts: ['*.r2.cloudflarestorage.com', '*.chainguard.dev'] },
};

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;
/** A person who names a registry on an inner network means it; what its answers lead to is bounded by its lists of hosts. */
const INNER_NETWORKS = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
];

async function remoteOf({ registry, repository }: RemoteReference): Promise<RemoteRegistry> {
  const known = WELL_KNOWN[registry];
  const [credentials, ca] = await Promise.all([findCredentials(registry, repository), findAuthority(registry)]);
  return {
    host: registry,
    ...known,
    ...(known ? {} : { networks: INNER_NETWORKS }),
    // As Docker and Podman do: a registry on this very machine needs no TLS, unless it has an authority of its own.
    ...(LOOPBACK.test(registry) && ca === null ? { scheme: 'http' as const } : {}),
    ...(ca === null ? {} : { ca }),
    ...(credentials === null ? {} : { credentials }),
  };
}

/** containers-certs.d(5): `*.crt` below a folder named after the host. Null when there is none. */
async function findAuthority(registry: string): Promise<string | null> {
  const folders = [
    join(homedir(), '.config/containers/certs.d', registry),
    join('/etc/containers/certs.d', registry),
    join('/etc/docker/certs.d', registry),
  ];
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    const certificates = names.filter((name) => name.endsWith('.crt'));
    if (certificates.length === 0) continue;
    return (await Promise.all(certificates.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
  }
  return null;
}

/** containers-auth.json(5): the first file that knows the registry, in it the longest name that fits. */
export async function findCredentials(
  registry: string,
  repository: string,
  files: readonly string[] = authFiles(),
): Promise<{ name: string; secret: string } | null> {
  for (const file of files) {
    const bytes = await readFile(file).catch(() => null);
    if (bytes === null) continue;
    const document = parseStrictJson(bytes, { maxBytes: AUTH_FILE_MAX_BYTES });
    const auths = objectOf(objectOf(document)['auths']);
    const helpers = objectOf(objectOf(document)['credHelpers']);
    for (const key of keysOf(registry, repository)) {
      const helper = helpers[key];
      if (typeof helper === 'string') return askHelper(helper, key);
      const auth = objectOf(auths[key])['auth'];
      if (typeof auth !== 'string' || auth === '') continue;
      const [, name, secret] = /^([^:]+):([\s\S]*)$/.exec(Buffer.from(auth, 'base64').toString()) ?? [];
      if (name !== undefined && secret !== undefined) return { name, secret };
    }
  }
  return null;
}

function authFiles(): string[] {
  const { REGISTRY_AUTH_FILE: named, XDG_RUNTIME_DIR: runtime, DOCKER_CONFIG: docker } = process.env;
  return [
    ...(named ? [named] : []),
    ...(runtime ? [join(runtime, 'containers/auth.json')] : []),
    ...(process.getuid?.() === 0 ? ['/run/containers/0/auth.json'] : []),
    join(homedir(), '.config/containers/auth.json'),
    join(docker ?? join(homedir(), '.docker'), 'config.json'),
  ];
}

function keysOf(registry: string, repository: string): string[] {
  const parts = repository.split('/');
  const longer = parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join('/'));
  const old = registry === 'docker.io' ? ['https://index.docker.io/v1/', 'index.docker.io'] : [];
  return [...longer, registry, `https://${registry}`, ...old];
}

/** The helpers of Docker and Podman (docker-credential-helpers, "Development"): the host in, JSON out. */
async function askHelper(helper: string, host: string): Promise<{ name: string; secret: string } | null> {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/i.test(helper)) return null;
  const { code, stdout } = await runCommand(`docker-credential-${helper}`, ['get'], {
    input: host,
    timeoutMs: CREDENTIAL_HELPER_TIMEOUT_MS,
    maxOutputBytes: AUTH_FILE_MAX_BYTES,
  });
  if (code !== 0) return null;
  const answer = objectOf(parseStrictJson(Buffer.from(stdout), { maxBytes: AUTH_FILE_MAX_BYTES }));
  const { Username: name, Secret: secret } = answer;
  return typeof name === 'string' && typeof secret === 'string' ? { name, secret } : null;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

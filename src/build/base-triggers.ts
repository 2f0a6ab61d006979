import { parseStrictJson } from '../formats/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { RegistryClient, StoredManifest } from './registry-client.ts';

/** Machines that one base is there for; Debian has ten. */
const MACHINES_MAX = 64;

/**
 * What a base image has done in whatever is built on it (ONBUILD, which images in Docker's format carry): the first of it.
 * Buildah runs these lines as if they stood in the Containerfile, where they would be looked at; here nobody has seen them.
 * @throws Fault build.registry-answer, FormatError
 */
export async function firstTrigger(
  client: RegistryClient,
  repository: string,
  { manifest }: StoredManifest,
): Promise<string | null> {
  if (manifest.kind === 'manifest') return await triggerOf(client, repository, manifest.config);
  // Which of them is built on is decided by the build: all are looked at.
  if (manifest.manifests.length > MACHINES_MAX) return `(${manifest.manifests.length} images in one list)`;
  for (const { digest } of manifest.manifests) {
    const one = await client.findManifest(repository, digest);
    if (one === null) continue;
    if (one.manifest.kind !== 'manifest') return '(a list in a list)';
    const found = await triggerOf(client, repository, one.manifest.config);
    if (found !== null) return found;
  }
  return null;
}

async function triggerOf(client: RegistryClient, repository: string, { digest }: Descriptor): Promise<string | null> {
  const bytes = await client.readBlob(repository, digest);
  if (bytes === null) return null;
  const root = parseStrictJson(bytes, { maxBytes: bytes.length, maxDepth: 32 });
  // Without the first of these Buildah takes what is said in the second.
  for (const name of ['config', 'container_config']) {
    const triggers = valuesOf(root, name).flatMap((config) => valuesOf(config, 'OnBuild'));
    const first = triggers.flat().find((trigger) => trigger !== null && trigger !== '');
    if (first !== undefined) return String(first).slice(0, 200);
  }
  return null;
}

/** The members of that name, in whatever letters: to a program written in Go they are one. */
function valuesOf(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => (key.toLowerCase() === name.toLowerCase() ? [member] : []));
}

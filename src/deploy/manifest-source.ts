/** Kubernetes manifests that are deployed by themselves: a file, or what `helm template` and `kustomize build` print. */
import { createReadStream, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { OpenedSource } from '../build/index.ts';
import { decodeText, detectCompression, FormatError, parseManifests, peekStream } from '../formats/index.ts';
import { deployFault } from './errors.ts';
import { isObject } from './kubernetes/documents.ts';
import { REPORT_TEXT_MAX } from './limits.ts';

/** As messages and places name what came without a name. */
const STREAM_NAME = 'stdin.yaml';
/** A tar says what it is within its first block. */
const BLOCK_BYTES = 512;

export interface BareManifests {
  /** As messages and places name it. */
  readonly path: string;
  readonly text: string;
}

/**
 * What stands on standard input: text, or the archive that it may be as well, to be read from its beginning.
 * @throws Fault deploy.input-empty, deploy.input-encoding, deploy.input-too-large
 */
export async function readInput(
  input: AsyncIterable<Uint8Array>,
): Promise<{ manifests: BareManifests } | { archive: AsyncIterable<Uint8Array> }> {
  const { start, chunks } = await peekStream(input, BLOCK_BYTES);
  const isArchive = detectCompression(start) !== 'none' || start.subarray(0, BLOCK_BYTES).includes(0);
  if (isArchive) return { archive: chunks };
  const text = readLetters(await readBytes(chunks, '-'));
  if (text === null) throw deployFault('deploy.input-encoding', {});
  if (text.trim() === '') throw deployFault('deploy.input-empty', {});
  return { manifests: { path: STREAM_NAME, text } };
}

/** A file with Kubernetes objects in it; null for anything else: a folder, a Compose file, an archive. */
export async function readManifestFile(path: string): Promise<BareManifests | null> {
  if (!/\.(?:ya?ml|json)$/i.test(path) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
  const text = readLetters(await readBytes(createReadStream(path), path));
  // The extension in small letters: what is packed is found by it.
  const name = basename(path).replace(/\.[^.]+$/, (extension) => extension.toLowerCase());
  return text !== null && isKubernetes(text) ? { path: name, text } : null;
}

async function readBytes(chunks: AsyncIterable<Uint8Array>, path: string): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > REPORT_TEXT_MAX) throw deployFault('deploy.input-too-large', { path, limit: REPORT_TEXT_MAX });
    all.push(chunk);
  }
  return Buffer.concat(all);
}

/** Null: they are no UTF-8. */
function readLetters(bytes: Uint8Array): string | null {
  try {
    return decodeText(bytes);
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

function isKubernetes(text: string): boolean {
  try {
    return parseManifests(text).objects.some(
      ({ value }) => isObject(value) && typeof value['apiVersion'] === 'string' && typeof value['kind'] === 'string',
    );
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // What is wrong with it is said by whoever reads it next, as of manifests.
    return /^["' ]*apiVersion["']?:/m.test(text) && /^["' ]*kind["']?:/m.test(text);
  }
}

/**
 * A project of these manifests and nothing else.
 * @param given as the person named them
 * @throws Fault deploy.project-unnamed, deploy.name-invalid
 */
export function projectOfManifests({ path }: BareManifests, project: string | undefined, given: string): string {
  if (project === undefined) throw deployFault('deploy.project-unnamed', { path: given });
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(project))
    throw deployFault('deploy.name-invalid', { name: project.slice(0, 80), expected: 'a-z, 0-9, -' });
  return JSON.stringify({
    project,
    manifests: [path],
    environments: {
      dev: { policy: 'dev', class: 'development' },
      prod: { policy: 'prod', class: 'production', approvals: 1 },
    },
  });
}

/** What is packed beside them: nothing of the folder in which a file happens to lie. */
export async function openNothing(): Promise<OpenedSource> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-source-'));
  return { folder, commit: null, close: () => rm(folder, { recursive: true, force: true }) };
}

import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseReference, REGISTRY_NAME } from '../oci/index.ts';
import { type LocalImage, openImageFile, openImagePath } from './archive.ts';
import { scanFault } from './errors.ts';
import type { openRemoteImage as OpenRemoteImage } from './remote.ts';
import { type LayerCache, noLayerCache, type ScanRequest, type ScanResult, scanImage, scanTree } from './scan.ts';
import { scoreImage } from './score.ts';
import type { Skipped, TreeOptions } from './tree.ts';

/** Something that can be scanned without the platform, opened. Whoever opens it closes it. */
export type ScanTarget = (ImageTarget | TreeTarget) & {
  /** As the caller named it. */
  readonly name: string;
  /** Removes what opening it left on the disk. Harmless when called twice. */
  close(): Promise<void>;
};

export interface ImageTarget {
  readonly kind: 'image';
  readonly image: LocalImage;
}

type OnFolder = NonNullable<TreeOptions['onFolder']>;

export interface TreeTarget {
  readonly kind: 'tree';
  readonly tree: 'root' | 'source' | 'container';
  /** A tar of what matters in it; read once. */
  readonly content: (onFolder?: OnFolder) => AsyncIterable<Uint8Array>;
  /** The same with every file, for those who look at them all. */
  readonly everything: (leftOut: (one: Skipped) => void) => AsyncIterable<Uint8Array>;
  /** What was left out, known when the content was read. */
  readonly skipped: () => readonly Skipped[];
}

export interface TargetOptions {
  /** What a folder is. @default a root when it has an os-release or a package database, else source */
  readonly folder?: 'root' | 'source';
  /** Of source: read installed modules and version control too. @default false */
  readonly everything?: boolean;
  /** Of folders: look for credentials in all files. @default true for source, false for a root */
  readonly secrets?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Opens what people name for a scan:
 *
 * - a path: an OCI layout folder, an oci-archive or docker-archive (also compressed by gzip or zstd), the root of a file
 *   system, a folder with source;
 * - `container:NAME`: a container of the local Podman, running or not;
 * - `podman:IMAGE`: an image in the local Podman's storage;
 * - `HOST/NAME[:TAG|@DIGEST]` or `docker://NAME`: an image in another registry.
 *
 * @returns null for all others: names in the platform's own registry
 * @throws Fault scan.archive-unknown, scan.engine-failed; registry.* for other registries
 */
export async function openTarget(place: string, options: TargetOptions = {}): Promise<ScanTarget | null> {
  const [, scheme, rest = ''] = /^(container|podman|docker):(?:\/\/)?(.+)$/.exec(place) ?? [];
  if (scheme === 'container') {
    const { exportContainer } = await import('./engine.ts');
    return { name: place, ...(await exportContainer(rest, options.signal)) };
  }
  if (scheme === 'podman') {
    const { saveLocalImage } = await import('./engine.ts');
    return { name: place, kind: 'image', ...(await saveLocalImage(rest, options.signal)) };
  }
  if (scheme === 'docker') return { name: place, kind: 'image', ...(await remoteImage(rest, options.signal)) };
  const found = await stat(place).catch(() => null);
  if (found === null) {
    // No name of an image begins so: it is a path that somebody mistyped.
    if (/^(?:\/|\.{1,2}\/|~)/.test(place)) throw scanFault('scan.place-missing', { path: place });
    const { registry } = parseReference(place);
    if (registry === null || registry === REGISTRY_NAME) return null;
    return { name: place, kind: 'image', ...(await remoteImage(place, options.signal)) };
  }
  if (found.isDirectory() && options.folder === undefined && (await isLayout(place))) {
    return { name: place, kind: 'image', image: await openImagePath(place), close: async () => undefined };
  }
  if (!found.isDirectory()) return { name: place, kind: 'image', ...(await openImageFile(place, options.signal)) };
  // What is asked for may be a link; what is below it is opened following none.
  const root = await realpath(place);
  const tree = options.folder ?? ((await isRoot(root)) ? 'root' : 'source');
  const skipped: Skipped[] = [];
  return {
    name: place,
    kind: 'tree',
    tree,
    content: (onFolder) => contentOf(root, tree, { ...options, onFolder }, (one) => skipped.push(one)),
    everything: (leftOut) => everyFileOf(root, tree, leftOut),
    skipped: () => skipped,
    close: async () => undefined,
  };
}

/** What chooses files is loaded when there are files to choose. */
async function* contentOf(
  place: string,
  kind: 'root' | 'source',
  { everything = false, secrets = kind === 'source', onFolder }: TargetOptions & { onFolder?: OnFolder | undefined },
  onSkipped: (one: Skipped) => void,
): AsyncGenerator<Uint8Array> {
  const { packTree } = await import('./tree.ts');
  const { ANALYSERS } = await import('./analysers/index.ts');
  // A whole machine is read for its packages; looking into each of its files is asked for.
  const analysers = secrets ? [...ANALYSERS, (await import('./secrets/analyser.ts')).TEXT_FILES] : ANALYSERS;
  yield* packTree(place, { kind, everything, analysers, ...(onFolder ? { onFolder } : {}) }, onSkipped);
}

/** All files, with their bytes: installed modules too. */
async function* everyFileOf(
  place: string,
  kind: 'root' | 'source',
  leftOut: (one: Skipped) => void,
): AsyncGenerator<Uint8Array> {
  const { packTree } = await import('./tree.ts');
  const { TEXT_FILES } = await import('./secrets/analyser.ts');
  const everyFile = { ...TEXT_FILES, name: 'every-file', wants: () => true };
  yield* packTree(place, { kind, everything: true, analysers: [everyFile] }, leftOut);
}

/** Loaded when needed: a client of registries is a large part of the platform. */
async function remoteImage(name: string, signal: AbortSignal | undefined): ReturnType<typeof OpenRemoteImage> {
  return (await import('./remote.ts')).openRemoteImage(name, signal);
}

/** Scans what was opened, whatever it is. */
export async function scanTarget(
  target: ScanTarget,
  parts: Pick<
    ScanRequest,
    'advisories' | 'clock' | 'progress' | 'confined' | 'secrets' | 'packages' | 'malware' | 'javaIndex'
  > & {
    readonly cache?: LayerCache;
  },
): Promise<ScanResult> {
  switch (target.kind) {
    case 'image':
      return scanImage({ ...target.image, ...parts, cache: parts.cache ?? noLayerCache });
    case 'tree':
      return withChecks(
        target,
        await scanTree({
          ...parts,
          content: target.content(tellFolders(parts.progress)),
          everything: target.everything,
          skipped: target.skipped,
        }),
      );
  }
}

/** What a walk that gives no bytes for minutes says meanwhile. */
function tellFolders(progress: ScanRequest['progress']): OnFolder {
  return (path, names) =>
    progress?.update({ detail: { en: `${names} files, /${path}`, es: `${names} archivos, /${path}` } });
}

/** Of source the Containerfiles, manifests and Compose files count as well. */
async function withChecks({ tree, name }: TreeTarget & { name: string }, result: ScanResult): Promise<ScanResult> {
  if (tree !== 'source' || !result.report.complete) return result;
  const files = await (await import('./checks/folder.ts')).checkPath(name);
  const misconfigurations = files.flatMap((file) => file.misconfigurations);
  const decisions = result.report.findings.map(({ decision }) => decision);
  const unread = files.flatMap(({ path, unreadable }) => (unreadable === null ? [] : [{ path, reason: unreadable }]));
  const notices = [...(result.report.notices ?? []), ...unread];
  return {
    ...result,
    report: {
      ...result.report,
      misconfigurations,
      notices,
      score: result.report.withoutPackages === true ? null : scoreImage({ decisions, misconfigurations }),
    },
  };
}

function isLayout(folder: string): Promise<boolean> {
  return isAny(folder, ['oci-layout', 'index.json']);
}

/** Where os-release(5) and the package managers of distributions keep their books. */
const ROOT_SIGNS = [
  'etc/os-release',
  'usr/lib/os-release',
  'var/lib/dpkg',
  'lib/apk/db',
  'var/lib/rpm',
  'usr/lib/sysimage/rpm',
  'var/lib/pacman',
];

function isRoot(folder: string): Promise<boolean> {
  return isAny(folder, ROOT_SIGNS);
}

async function isAny(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const there = await stat(join(folder, name)).then(
      () => true,
      () => false,
    );
    if (there) return true;
  }
  return false;
}

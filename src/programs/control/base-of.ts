import { PLATFORM } from '../../access/index.ts';
import type { BaseCatalogue } from '../../build/index.ts';
import { type Digest, parseManifest, projectOf } from '../../oci/index.ts';
import { type ImageSummary, listImages, type Registry } from '../../registry/index.ts';
import { baseKey, type NewerBase, type ScanReport, type Scans } from '../../scan/index.ts';
import type { Clock } from '../../system/index.ts';

/** Whose images are everybody's to build on. */
const BASE_PROJECT = 'base';
/** The list of base images is read again after this; a base is built once a week. */
const LIST_KEPT_MS = 60_000;
/** Builds of one base that are known; older ones are a year old. */
const BUILDS_MAX = 60;
/** Layers of base images kept in memory, by digest: they never change. */
const LAYERS_KEPT_MAX = 2000;

/** Finds the base image that an image stands on by its first layers, and a newer build of it. */
export class BaseFinder {
  readonly #registry: Registry;
  readonly #scans: Scans;
  readonly #catalogue: BaseCatalogue;
  readonly #clock: Clock;
  readonly #layers = new Map<Digest, readonly Digest[]>();
  #listed: { readonly atMs: number; readonly images: Promise<readonly ImageSummary[]> } | null = null;

  constructor(parts: { registry: Registry; scans: Scans; catalogue: BaseCatalogue; clock: Clock }) {
    this.#registry = parts.registry;
    this.#scans = parts.scans;
    this.#catalogue = parts.catalogue;
    this.#clock = parts.clock;
  }

  /** The repository of the base that an image stands on; null when none that is known is below it. */
  async baseOf(report: ScanReport): Promise<string | null> {
    return (await this.#below(report, await this.#images()))?.image.repository ?? null;
  }

  /** The build of a base whose layers are the first of an image; of several the one with the most. */
  async #below(
    report: ScanReport,
    images: readonly ImageSummary[],
  ): Promise<{ image: ImageSummary; layers: readonly Digest[] } | null> {
    let below: { image: ImageSummary; layers: readonly Digest[] } | null = null;
    for (const image of images) {
      if (image.digest === report.digest) continue;
      const layers = await this.#layersOf(image);
      const isBelow =
        layers.length > 0 &&
        layers.length <= report.layers.length &&
        layers.every((layer, index) => layer === report.layers[index]?.digest);
      if (isBelow && layers.length > (below?.layers.length ?? 0)) below = { image, layers };
    }
    return below;
  }

  /** Null when no known base is below it, it stands on the newest build, or that one was not scanned. */
  async newerBase(report: ScanReport): Promise<NewerBase | null> {
    if (!report.complete) return null;
    const images = await this.#images();
    const below = await this.#below(report, images);
    if (below === null) return null;
    const { image: from, layers } = below;
    const newest = images.find(({ repository }) => repository === from.repository);
    if (newest === undefined || newest.digest === from.digest || newest.pushedAt <= from.pushedAt) return null;
    const after = await this.#scans.report(newest.digest);
    if (!after?.complete) return null;
    return {
      name: from.repository,
      from: from.pushedAt.slice(0, 10),
      to: newest.pushedAt.slice(0, 10),
      layers: new Set(layers),
      remaining: new Set(after.findings.map(baseKey)),
    };
  }

  /** Every build of every base, newest first. */
  #images(): Promise<readonly ImageSummary[]> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#listed !== null && nowMs - this.#listed.atMs < LIST_KEPT_MS) return this.#listed.images;
    const images = this.#list();
    this.#listed = { atMs: nowMs, images };
    images.catch(() => {
      this.#listed = null;
    });
    return images;
  }

  async #list(): Promise<readonly ImageSummary[]> {
    const own = await listImages(this.#registry, BASE_PROJECT, PLATFORM, { limit: BUILDS_MAX });
    const entries = (await this.#catalogue.list()).filter(({ repository }) => projectOf(repository) !== BASE_PROJECT);
    const others = await Promise.all(
      entries.map(({ repository }) =>
        listImages(this.#registry, projectOf(repository), PLATFORM, { repository, limit: BUILDS_MAX }),
      ),
    );
    return [own, ...others].flatMap(({ items }) => items).sort((a, b) => (a.pushedAt < b.pushedAt ? 1 : -1));
  }

  async #layersOf({ repository, digest }: ImageSummary): Promise<readonly Digest[]> {
    const known = this.#layers.get(digest);
    if (known !== undefined) return known;
    const stored = await this.#registry.resolve(repository, digest);
    const manifest = stored === null ? null : parseManifest(stored.bytes);
    const layers = manifest?.kind === 'manifest' ? manifest.layers.map((layer) => layer.digest) : [];
    if (this.#layers.size >= LAYERS_KEPT_MAX) this.#layers.clear();
    this.#layers.set(digest, layers);
    return layers;
  }
}

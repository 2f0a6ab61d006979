/** Keeps hosts told which programs the packages are that prevention policies deny, in the images that run or may start. */
import type { Deployments, Runs } from '../../deploy/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { type Digest, parseReference } from '../../oci/index.ts';
import type { PackagesInImages, PackagesOfImages, PreventPolicies } from '../../prevent/index.ts';
import type { Scans } from '../../scan/index.ts';
import type { Log } from '../../system/index.ts';

/** Who puts a policy in force waits so long for images to be looked into; what takes longer is told when it is known. */
const PATIENCE_MS = 10_000;

export interface DeniedPackagesParts {
  readonly policies: () => PreventPolicies;
  readonly images: PackagesInImages;
  readonly deployments: Pick<Deployments, 'activeReleases' | 'statuses'>;
  readonly runs: () => Pick<Runs, 'active'>;
  /** Tells hosts what is in force now. */
  readonly tell: () => void;
  readonly log: Log;
}

export class DeniedPackages {
  readonly #parts: DeniedPackagesParts;

  constructor(parts: DeniedPackagesParts) {
    this.#parts = parts;
  }

  /** Looks into what runs and may start; hosts are told when that changed anything. Never rejects: what fails is tried again. */
  async look(): Promise<void> {
    const { policies, images, tell, log } = this.#parts;
    const all = policies()
      .list()
      .map(({ policy }) => policy);
    if (images.current().length === 0 && all.every(({ packages }) => packages.length === 0)) return;
    try {
      if (await images.look(all, await this.#running())) tell();
    } catch (error) {
      log.error({ err: error }, 'denied packages could not be looked up in images');
    }
  }

  /** Policies changed: hosts know at once what needs no look into images, and the rest as soon as it is known. */
  async changed(): Promise<void> {
    this.#parts.tell();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([this.look(), patience]);
    clearTimeout(timer);
  }

  async #running(): Promise<Map<string, string>> {
    const { deployments, runs } = this.#parts;
    const images = new Map<string, string>();
    const add = (image: string): void => {
      const { repository, digest } = parseReference(image);
      if (digest !== null) images.set(digest, repository);
    };
    for (const { composition, stable } of await deployments.activeReleases())
      for (const one of [composition, stable]) for (const image of collectImages(one?.workloads ?? [])) add(image);
    for (const { composition } of await runs().active())
      for (const image of collectImages(composition.workloads)) add(image);
    for (const { replicas } of deployments.statuses(null))
      for (const { image, digest } of replicas.flatMap(({ containers }) => containers))
        if (digest !== null && !images.has(digest)) images.set(digest, image.split('@')[0] ?? image);
    return images;
  }
}

/** What is in images, as the scanner knows it. */
export function packagesOfImages(scans: Scans): PackagesOfImages {
  return {
    revision: () => scans.revision,
    runnable: (digest, fits) => scans.runnable(digest as Digest, fits),
  };
}

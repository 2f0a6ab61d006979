/** Which packages of the images that run are denied, kept so that a start of control leaves no gap. */
import type { Kysely } from 'kysely';
import type { Clock, Log } from '../system/index.ts';
import type { PreventPolicy } from './guard.ts';
import { IMAGES_LOOKED_MAX, LOOK_AGAIN_MS } from './limits.ts';
import type { PreventTables } from './migrations.ts';
import { type DeniedPackage, fitting, type ImagePackages, namesPackage } from './packages.ts';

/** Asked of whoever knows what is in images. */
export interface PackagesOfImages {
  /** Names the way in which inventories are made now. */
  readonly revision: () => string;
  /**
   * The packages that fit and what of them runs; null: there is no complete inventory. `more`: that many were not looked at.
   * @throws when what is known cannot be read
   */
  readonly runnable: (
    digest: string,
    fits: (one: { readonly name: string; readonly purl: string }) => boolean,
  ) => Promise<{ readonly packages: readonly DeniedPackage[]; readonly more: number } | null>;
}

interface Kept {
  readonly asked: string;
  readonly revision: string;
  readonly packages: ImagePackages;
  readonly lookedMs: number;
}

export class PackagesInImages {
  readonly #db: Kysely<PreventTables>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #images: PackagesOfImages;
  readonly #kept = new Map<string, Kept>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    readonly db: Kysely<PreventTables>;
    readonly clock: Clock;
    readonly log: Log;
    readonly images: PackagesOfImages;
  }) {
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#images = parts.images;
  }

  async open(): Promise<void> {
    for (const row of await this.#db.selectFrom('prevent_packages').selectAll().execute()) {
      const packages = fitting(JSON.parse(row.body) as ImagePackages);
      this.#kept.set(keyOf(packages), { asked: row.asked, revision: row.revision, packages, lookedMs: -LOOK_AGAIN_MS });
    }
  }

  /** What is known now, in a fixed order. */
  current(): readonly ImagePackages[] {
    return [...this.#kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { packages }]) => packages);
  }

  /**
   * Looks what policies mean in the images that run, where that is not known yet; what nobody asks any more is forgotten.
   * @param images by digest, as people name them
   * @returns whether hosts are to be told
   */
  look(policies: readonly PreventPolicy[], images: ReadonlyMap<string, string>): Promise<boolean> {
    const mine = this.#turn.then(() => this.#look(policies, images));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #look(policies: readonly PreventPolicy[], images: ReadonlyMap<string, string>): Promise<boolean> {
    const before = JSON.stringify(this.current());
    const wanted = new Set<string>();
    const looked = [...images].slice(0, IMAGES_LOOKED_MAX);
    if (looked.length < images.size)
      this.#log.warn(
        { images: images.size, looked: looked.length },
        'more images run than denied packages are looked for in',
      );
    for (const policy of policies.filter(({ packages }) => packages.length > 0)) {
      for (const [digest, image] of looked) {
        const key = keyOf({ policy: policy.name, digest });
        wanted.add(key);
        if (!this.#isKnown(this.#kept.get(key), policy)) await this.#ask(policy, digest, image);
      }
    }
    for (const [key, { packages }] of this.#kept) {
      if (wanted.has(key)) continue;
      this.#kept.delete(key);
      await this.#db
        .deleteFrom('prevent_packages')
        .where('policy', '=', packages.policy)
        .where('digest', '=', packages.digest)
        .execute();
    }
    return JSON.stringify(this.current()) !== before;
  }

  #isKnown(kept: Kept | undefined, policy: PreventPolicy): boolean {
    if (kept === undefined || kept.asked !== askedBy(policy)) return false;
    if (kept.packages.unknown === null) return kept.revision === this.#images.revision();
    // An inventory may be there by the next look; what could not be read is left alone for a while.
    return kept.packages.unknown === 'not-read' && this.#clock.monotonicMs() - kept.lookedMs < LOOK_AGAIN_MS;
  }

  async #ask(policy: PreventPolicy, digest: string, image: string): Promise<void> {
    const revision = this.#images.revision();
    const key = keyOf({ policy: policy.name, digest });
    let packages: ImagePackages = { policy: policy.name, digest, image, unknown: 'no-inventory', found: [] };
    try {
      const said = await this.#images.runnable(digest, (one) =>
        policy.packages.some((pattern) => namesPackage(pattern, one)),
      );
      if (said !== null)
        packages = fitting({ ...packages, unknown: said.more > 0 ? 'more' : null, found: said.packages });
    } catch (error) {
      this.#log.warn({ err: error, digest, policy: policy.name }, 'what of an image is denied could not be looked up');
      packages = { ...packages, unknown: 'not-read' };
    }
    const before = this.#kept.get(key);
    const isSame = before?.asked === askedBy(policy);
    // What was known holds until something better is: an inventory that is made anew denies nothing less meanwhile.
    if (isSame && packages.unknown !== null && packages.unknown !== 'more' && before.packages.unknown === null) return;
    const row = {
      asked: askedBy(policy),
      revision,
      body: JSON.stringify(packages),
      at: this.#clock.now().toISOString(),
    };
    await this.#db
      .insertInto('prevent_packages')
      .values({ policy: policy.name, digest, ...row })
      .onConflict((conflict) => conflict.columns(['policy', 'digest']).doUpdateSet(row))
      .execute();
    this.#kept.set(key, { asked: row.asked, revision, packages, lookedMs: this.#clock.monotonicMs() });
  }
}

function keyOf({ policy, digest }: Pick<ImagePackages, 'policy' | 'digest'>): string {
  return `${policy} ${digest}`;
}

function askedBy({ packages }: PreventPolicy): string {
  return JSON.stringify(packages);
}

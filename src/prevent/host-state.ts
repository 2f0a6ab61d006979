/** What a host says of its guards. */
import { z } from 'zod';
import type { Text } from '../system/index.ts';
import { MEANS, type Means, PARTS, type Part, STRENGTHS, type Strength } from './guard.ts';
import { PACKAGE_PATHS_MAX, PACKAGES_FOUND_MAX, POLICIES_MAX } from './limits.ts';

const words = z.strictObject({ en: z.string().max(2_000), es: z.string().max(2_000) });
const strength = z.enum(STRENGTHS);
const means = z.enum(MEANS).nullable();

const denied = z.array(z.string().max(4_200)).max(PACKAGE_PATHS_MAX);
/** What hosts are told of packages. */
export const packagesOrder = z.strictObject({
  policy: z.string().max(63),
  digest: z.string().max(160),
  gap: words.nullable(),
  found: z
    .array(z.strictObject({ purl: z.string().max(2_000), programs: denied, libraries: denied }))
    .max(PACKAGES_FOUND_MAX),
});

export const hostPrevention = z.strictObject({
  /** The set of policies that is followed; null before the first. */
  revision: z.string().max(16).nullable(),
  /** What could be done at best here, and what is missing for more. */
  exec: z.strictObject({ strength, means, why: words.nullable() }),
  open: z.strictObject({ strength, means, why: words.nullable() }),
  policies: z
    .array(
      z.strictObject({
        policy: z.string().max(63),
        part: z.enum(PARTS),
        strength,
        means,
        /** How many containers it guards so. */
        containers: z.number().int().min(0).max(100_000),
        why: words.nullable(),
      }),
    )
    .max(POLICIES_MAX * 40),
});

export interface HostPrevention {
  readonly revision: string | null;
  readonly exec: Reach;
  readonly open: Reach;
  readonly policies: readonly GuardedPart[];
}

export interface Reach {
  readonly strength: Strength;
  readonly means: Means | null;
  readonly why: Text | null;
}

export interface GuardedPart extends Reach {
  readonly policy: string;
  readonly part: Part;
  readonly containers: number;
}

import { z } from 'zod';
import { CAPABILITIES, type ContainerProfile } from '../../deploy/index.ts';
import { PROFILE_FILES_MAX, PROFILE_USES_MAX } from '../limits.ts';

/** What a host is asked of one recording: to begin it, to say what it has so far, to end it; and to try a command in a copy. */
export type ProfileTask =
  | {
      readonly kind: 'profile';
      readonly step: 'begin';
      readonly id: string;
      readonly project: string;
      readonly environment: string;
      readonly workload: string;
      /** After which the host ends it by itself, should nobody ask for it any more. */
      readonly seconds: number;
    }
  | { readonly kind: 'profile'; readonly step: 'read' | 'end'; readonly id: string }
  | {
      readonly kind: 'profile';
      readonly step: 'test';
      readonly containerId: string;
      readonly command: readonly string[];
      readonly seconds: number;
    };

const name = z.string().max(253);
const use = z.object({
  id: z.string().max(64),
  project: name,
  environment: name,
  workload: name,
  container: name,
  image: z.string().max(600),
  digest: z.string().max(200),
  calls: z.array(z.string().regex(/^\w{1,40}$/)).max(512),
  families: z.array(z.number().int().min(0).max(63)).max(64),
  /** Numbers; null where the kernel does not show them. */
  capabilities: z.array(z.number().int().min(0).max(63)).max(64).nullable(),
  fromStart: z.boolean(),
  foreign: z.boolean(),
  written: z.array(z.object({ path: z.string().max(4_096), uid: z.number().int() })).max(PROFILE_FILES_MAX),
});

/** One container as a host recorded it. */
export type RecordedUse = z.infer<typeof use>;

export const recordedUses = z.object({
  uses: z.array(use).max(PROFILE_USES_MAX),
  writtenLeftOut: z.number().int().min(0),
});

/** What is known of one container of a workload with one image, from all its recordings. */
export interface ProfileBody extends ContainerProfile {
  /** Files opened for writing, each with a user who did. */
  readonly written: readonly { readonly path: string; readonly uid: number }[];
  readonly writtenLeftOut: number;
  /** Nothing of a start is missing: one was recorded from its first program on. */
  readonly fromStart: boolean;
  /** 32-bit programs, whose calls are not in the list: it cannot be narrowed. */
  readonly foreign: boolean;
  /** Containers that were recorded. */
  readonly recorded: number;
}

/**
 * Adds what was recorded of one container to what was known.
 * @param before null: nothing was
 * @param again whether an earlier look of the same recording was added already
 */
export function addUse(
  before: ProfileBody | null,
  one: RecordedUse,
  place: ContainerProfile,
  again = false,
): ProfileBody {
  const capabilities = one.capabilities?.flatMap((number) => CAPABILITIES[number] ?? []) ?? null;
  const files = new Map((before?.written ?? []).map((file) => [file.path, file.uid]));
  let leftOut = before?.writtenLeftOut ?? 0;
  for (const { path, uid } of one.written) {
    if (files.size >= PROFILE_FILES_MAX && !files.has(path)) leftOut += again ? 0 : 1;
    // Root's writing counts: what others write, they can.
    else if (files.get(path) !== 0) files.set(path, uid);
  }
  return {
    project: place.project,
    workload: place.workload,
    container: place.container,
    calls: union(before?.calls, one.calls),
    families: [...new Set([...(before?.families ?? []), ...one.families])].sort((a, b) => a - b),
    // What one kernel does not show is not known.
    capabilities:
      capabilities === null || before?.capabilities === null ? null : union(before?.capabilities, capabilities),
    written: [...files].map(([path, uid]) => ({ path, uid })).sort((a, b) => (a.path < b.path ? -1 : 1)),
    writtenLeftOut: leftOut,
    fromStart: (before?.fromStart ?? false) || one.fromStart,
    foreign: (before?.foreign ?? false) || one.foreign,
    recorded: (before?.recorded ?? 0) + (again ? 0 : 1),
  };
}

function union(before: readonly string[] | undefined, more: readonly string[]): string[] {
  return [...new Set([...(before ?? []), ...more])].sort();
}

/** The part that is signed and that starts are narrowed by. */
export function profileOf({
  project,
  workload,
  container,
  calls,
  families,
  capabilities,
}: ProfileBody): ContainerProfile {
  return { project, workload, container, calls, families, capabilities };
}

const stated = z.object({
  profiles: z
    .array(
      z.object({
        project: name,
        workload: name,
        container: name,
        calls: z.array(z.string().regex(/^[a-z0-9_]{1,40}$/)).max(512),
        families: z.array(z.number().int().min(0).max(63)).max(64),
        capabilities: z.array(z.enum(CAPABILITIES)).max(64).nullable(),
      }),
    )
    .max(1_000),
});

/** Profiles of a signed statement; none of what cannot be read. */
export function readStatedProfiles(predicate: unknown): ContainerProfile[] {
  return stated.safeParse(predicate).data?.profiles ?? [];
}

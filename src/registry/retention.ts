import type { Digest } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import type { RetentionRule } from './settings.ts';
import { matchesPattern } from './settings-pattern.ts';
import type { ManifestKind } from './store.ts';

const DAY_MS = 86_400_000;

/** A repository as the rules look at it. Times are RFC 3339. */
export interface RepositoryContents {
  readonly repository: string;
  readonly rules: readonly RetentionRule[];
  readonly immutableTags: readonly string[];
  readonly manifests: readonly {
    readonly digest: Digest;
    readonly kind: ManifestKind;
    readonly subject: Digest | null;
    /** Of an index: what it names. */
    readonly children: readonly Digest[];
    readonly pushedAt: string;
    readonly lastPulledAt: string | null;
    readonly sizeBytes: number;
  }[];
  readonly tags: readonly { readonly name: string; readonly digest: Digest; readonly updatedAt: string }[];
}

/** What goes together, in one transaction: tags, and the image with what belongs to it alone. */
export interface Removal {
  readonly repository: string;
  /** The image that the tags named, or that had none. */
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** The image, the images of an index, signatures and other artifacts that speak of them; empty: only tags go. */
  readonly manifests: readonly Digest[];
  readonly why: Text;
  /** Content of the manifests; what other images use as well stays stored. */
  readonly sizeBytes: number;
}

export interface RetentionPlan {
  readonly removals: readonly Removal[];
  /** Tags and untagged images that rules speak of and that stay, by why. */
  readonly kept: { readonly byRule: number; readonly inUse: number; readonly immutable: number };
}

/** Tags that cosign 2 and the referrers tag schema make up: they follow the image in their name. */
const FOLLOWING_TAG = /^sha256-([0-9a-f]{64})(?:\.[a-z]+)?$/;

/**
 * What the rules of a repository would remove now. A pure function: the preview and the run are the same answer.
 *
 * Never among it: a digest in use, an index that names one, what an index that stays names, what speaks of an image that
 * stays, an immutable tag. A push counts as a use, so that `pulled=30d` does not take what came a minute ago.
 */
export function planRetention(
  contents: RepositoryContents,
  options: { readonly inUse: ReadonlySet<string>; readonly now: Date },
): RetentionPlan {
  const { repository, rules, manifests, tags } = contents;
  const byDigest = new Map(manifests.map((manifest) => [manifest.digest, manifest]));
  const used = spreadUse(contents, options.inUse);
  const kept = { byRule: 0, inUse: 0, immutable: 0 };
  /** What a tag's manifest speaks of, by its subject or by the name of the tag: it stays and goes with that. */
  const followed = (tag: { readonly name: string; readonly digest: Digest }): Digest | null => {
    const hex = FOLLOWING_TAG.exec(tag.name)?.[1];
    const manifest = byDigest.get(tag.digest);
    const named: Digest | null = hex === undefined ? null : `sha256:${hex}`;
    const subject = named ?? (manifest?.kind === 'image' ? null : (manifest?.subject ?? null));
    return subject !== null && byDigest.has(subject) ? subject : null;
  };

  const subjectsOfRules = tags.filter((tag) => followed(tag) === null);
  const tagAges = subjectsOfRules.map((tag) => ({
    key: tag.name,
    name: tag.name as string | null,
    at: tag.updatedAt,
    lastUse: latest(tag.updatedAt, byDigest.get(tag.digest)?.lastPulledAt ?? null),
  }));
  const goingTags = new Map<string, Text>();
  const keptByRules = judgeByRules(rules, tagAges, options.now);
  for (const tag of subjectsOfRules) {
    const answer = keptByRules.get(tag.name);
    if (answer === undefined) continue;
    if (answer === null) kept.byRule += 1;
    else if (used.has(tag.digest)) kept.inUse += 1;
    else if (contents.immutableTags.some((pattern) => matchesPattern(pattern, tag.name))) kept.immutable += 1;
    else goingTags.set(tag.name, answer);
  }

  // An image without a tag is what a tag left behind: not what belongs to an index or speaks of another image.
  const tagged = new Set(tags.map((tag) => tag.digest));
  const parents = parentsOf(contents);
  const untagged = manifests.filter(
    (one) =>
      !tagged.has(one.digest) && !parents.has(one.digest) && (one.subject === null || !byDigest.has(one.subject)),
  );
  const untaggedAges = untagged.map((one) => ({
    key: one.digest as string,
    name: null,
    at: one.pushedAt,
    lastUse: latest(one.pushedAt, one.lastPulledAt),
  }));
  const untaggedByRules = judgeByRules(rules, untaggedAges, options.now);

  const removals: Removal[] = [];
  const going = new Set<Digest>();
  const namesLeft = new Map<Digest, number>();
  for (const tag of tags) namesLeft.set(tag.digest, (namesLeft.get(tag.digest) ?? 0) + 1);
  const goingByDigest = new Map<Digest, string[]>();
  for (const tag of tags) {
    if (!goingTags.has(tag.name)) continue;
    goingByDigest.set(tag.digest, [...(goingByDigest.get(tag.digest) ?? []), tag.name]);
    namesLeft.set(tag.digest, (namesLeft.get(tag.digest) ?? 1) - 1);
  }
  const roots: { digest: Digest; tags: string[]; why: Text; isWhole: boolean }[] = [];
  for (const [digest, names] of goingByDigest) {
    const why = goingTags.get(names[0] ?? '') ?? { en: '', es: '' };
    roots.push({ digest, tags: names.sort(), why, isWhole: namesLeft.get(digest) === 0 });
  }
  for (const { digest } of untagged) {
    const answer = untaggedByRules.get(digest);
    if (answer === undefined) continue;
    if (answer === null) kept.byRule += 1;
    else if (used.has(digest)) kept.inUse += 1;
    else roots.push({ digest, tags: [], why: answer, isWhole: true });
  }
  // Indexes first: what they alone name goes with them and is not looked at by itself any more.
  const isIndex = (digest: Digest): boolean => byDigest.get(digest)?.kind === 'index';
  roots.sort((a, b) => Number(isIndex(b.digest)) - Number(isIndex(a.digest)) || (a.digest < b.digest ? -1 : 1));
  const leaving = new Set(roots.filter((root) => root.isWhole).map((root) => root.digest));
  for (let size = -1; size !== leaving.size; ) {
    size = leaving.size;
    // What an index that stays names stays as well, and so does what that names.
    for (const digest of leaving) {
      if ([...(parents.get(digest) ?? [])].some((parent) => !leaving.has(parent))) leaving.delete(digest);
    }
  }
  const goneTags = new Set<string>();
  for (const root of roots) {
    const members = leaving.has(root.digest) && !going.has(root.digest) ? membersOf(root.digest) : [];
    for (const member of members) going.add(member);
    const names = tags.filter((tag) => root.tags.includes(tag.name) || members.includes(tag.digest));
    const removed = names.map((tag) => tag.name).filter((name) => !goneTags.has(name));
    for (const name of removed) goneTags.add(name);
    if (members.length === 0 && removed.length === 0) continue;
    removals.push({
      repository,
      digest: root.digest,
      tags: removed,
      manifests: members,
      why: root.why,
      sizeBytes: members.reduce((sum, digest) => sum + (byDigest.get(digest)?.sizeBytes ?? 0), 0),
    });
  }
  return { removals, kept };

  /** An image with all that is there only for it: images of its index, what speaks of them. */
  function membersOf(root: Digest): Digest[] {
    const members = new Set<Digest>([root]);
    const isFree = (digest: Digest): boolean =>
      byDigest.has(digest) &&
      !going.has(digest) &&
      !used.has(digest) &&
      !isNamedByTag(digest) &&
      [...(parents.get(digest) ?? [])].every((parent) => members.has(parent) || going.has(parent));
    // What speaks of something else here comes with that, when that comes.
    const isBound = (subject: Digest | null): boolean =>
      subject !== null && byDigest.has(subject) && !members.has(subject);
    for (const digest of members) {
      for (const child of byDigest.get(digest)?.children ?? []) {
        if (isFree(child) && !isBound(byDigest.get(child)?.subject ?? null)) members.add(child);
      }
      for (const one of manifests) {
        const byTag = tags.some((tag) => tag.digest === one.digest && followed(tag) === digest);
        if ((one.subject === digest || byTag) && isFree(one.digest)) members.add(one.digest);
      }
    }
    return [...members];
  }

  /** Named by a tag of its own that stays. */
  function isNamedByTag(digest: Digest): boolean {
    return tags.some((tag) => tag.digest === digest && !goingTags.has(tag.name) && followed(tag) === null);
  }
}

/**
 * For each thing that a rule speaks of: null when some rule keeps it, else why it goes. What no rule speaks of is not in
 * the answer.
 */
function judgeByRules(
  rules: readonly RetentionRule[],
  things: readonly {
    readonly key: string;
    readonly name: string | null;
    readonly at: string;
    readonly lastUse: string;
  }[],
  now: Date,
): Map<string, Text | null> {
  const answers = new Map<string, Text | null>();
  const since = (days: number): string => new Date(now.getTime() - days * DAY_MS).toISOString();
  for (const rule of rules) {
    const spoken = things
      .filter(({ name }) =>
        name === null ? rule.tags.length === 0 : rule.tags.some((pattern) => matchesPattern(pattern, name)),
      )
      .sort((a, b) => (a.at > b.at ? -1 : a.at < b.at ? 1 : a.key < b.key ? -1 : 1));
    // What a clock that was ahead dated is of no age yet: it takes nobody's place among the newest.
    const isToCome = ({ at }: (typeof spoken)[number]): boolean => at > now.toISOString();
    for (const thing of spoken.filter(isToCome)) answers.set(thing.key, null);
    for (const [rank, thing] of spoken.filter((one) => !isToCome(one)).entries()) {
      const isKept =
        (rule.keepNewest !== null && rank < rule.keepNewest) ||
        (rule.keepPushedDays !== null && thing.at >= since(rule.keepPushedDays)) ||
        (rule.keepPulledDays !== null && thing.lastUse >= since(rule.keepPulledDays));
      if (isKept) answers.set(thing.key, null);
      else if (!answers.has(thing.key)) answers.set(thing.key, whyOf(rule));
    }
  }
  return answers;
}

function whyOf({ tags, keepNewest, keepPushedDays, keepPulledDays }: RetentionRule): Text {
  const count = (of: number, one: string, other: string): string => `${of} ${of === 1 ? one : other}`;
  const days = (of: number): string => count(of, 'day', 'days');
  const dias = (of: number): string => count(of, 'día', 'días');
  const en = [
    ...(keepNewest === null ? [] : [keepNewest === 1 ? 'not the newest' : `not among the ${keepNewest} newest`]),
    ...(keepPushedDays === null ? [] : [`not pushed within ${days(keepPushedDays)}`]),
    ...(keepPulledDays === null ? [] : [`not pulled within ${days(keepPulledDays)}`]),
  ].join(', ');
  const es = [
    ...(keepNewest === null
      ? []
      : [keepNewest === 1 ? 'no es la más nueva' : `no está entre las ${keepNewest} más nuevas`]),
    ...(keepPushedDays === null ? [] : [`no se subió en ${dias(keepPushedDays)}`]),
    ...(keepPulledDays === null ? [] : [`no se descargó en ${dias(keepPulledDays)}`]),
  ].join(', ');
  return tags.length === 0
    ? { en: `untagged, ${en}`, es: `sin etiqueta, ${es}` }
    : { en: `${tags.join(' ')}: ${en}`, es: `${tags.join(' ')}: ${es}` };
}

/** In use is also an index that names what is in use, all that an index in use names, and what speaks of any of them. */
function spreadUse({ manifests }: RepositoryContents, inUse: ReadonlySet<string>): ReadonlySet<string> {
  const used = new Set<string>(inUse);
  for (let size = -1; size !== used.size; ) {
    size = used.size;
    for (const { digest, children, subject } of manifests) {
      if (subject !== null && used.has(subject)) used.add(digest);
      if (children.some((child) => used.has(child))) used.add(digest);
      if (used.has(digest)) for (const child of children) used.add(child);
    }
  }
  return used;
}

function parentsOf({ manifests }: RepositoryContents): Map<Digest, Set<Digest>> {
  const parents = new Map<Digest, Set<Digest>>();
  for (const { digest, children } of manifests) {
    for (const child of children) parents.set(child, (parents.get(child) ?? new Set()).add(digest));
  }
  return parents;
}

function latest(a: string, b: string | null): string {
  return b !== null && b > a ? b : a;
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '../oci/index.ts';
import { planRetention, type RepositoryContents } from './retention.ts';
import type { RetentionRule } from './settings.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const daysAgo = (days: number): string => new Date(NOW.getTime() - days * 86_400_000).toISOString();
const digestOfNumber = (n: number): Digest => `sha256:${n.toString(16).padStart(64, '0')}`;

type Manifest = RepositoryContents['manifests'][number];
const manifest = (n: number, age: number, more: Partial<Manifest> = {}): Manifest => ({
  digest: digestOfNumber(n),
  kind: 'image',
  subject: null,
  children: [],
  pushedAt: daysAgo(age),
  lastPulledAt: null,
  sizeBytes: 1,
  ...more,
});
const tag = (name: string, n: number, age: number) => ({ name, digest: digestOfNumber(n), updatedAt: daysAgo(age) });
const rule = (tags: string[], keeps: Partial<RetentionRule>): RetentionRule => ({
  tags,
  keepNewest: null,
  keepPushedDays: null,
  keepPulledDays: null,
  ...keeps,
});
const contents = (parts: Partial<RepositoryContents>): RepositoryContents => ({
  repository: 'tienda/web',
  rules: [],
  immutableTags: [],
  manifests: [],
  tags: [],
  ...parts,
});
const plan = (parts: Partial<RepositoryContents>, inUse: number[] = []) =>
  planRetention(contents(parts), { inUse: new Set(inUse.map(digestOfNumber)), now: NOW });
const removed = (parts: Partial<RepositoryContents>, inUse: number[] = []): string[] =>
  plan(parts, inUse)
    .removals.flatMap(({ tags, manifests }) => [
      ...tags,
      ...manifests.map((digest) => String(Number.parseInt(digest.slice(-8), 16))),
    ])
    .sort();

describe('what retention would remove', () => {
  const manifests = [manifest(1, 40), manifest(2, 30), manifest(3, 20), manifest(4, 1)];
  const tags = [tag('v1', 1, 40), tag('v2', 2, 30), tag('v3', 3, 20), tag('dev', 4, 1)];

  it('counts nothing that a clock years ahead dated among the newest, and keeps it', () => {
    const ahead = { manifests: [...manifests, manifest(5, -900)], tags: [...tags, tag('v9', 5, -900)] };
    assert.deepEqual(removed({ ...ahead, rules: [rule(['v*'], { keepNewest: 1 })] }), ['1', '2', 'v1', 'v2']);
  });

  it('is nothing without rules, and nothing that no rule speaks of', () => {
    assert.deepEqual(removed({ manifests, tags }), []);
    assert.deepEqual(removed({ manifests, tags, rules: [rule(['x*'], { keepNewest: 0 })] }), []);
  });

  it('by count, age and last pull: what any reason of any rule keeps stays', () => {
    assert.deepEqual(removed({ manifests, tags, rules: [rule(['v*'], { keepNewest: 1 })] }), ['1', '2', 'v1', 'v2']);
    assert.deepEqual(removed({ manifests, tags, rules: [rule(['v*'], { keepPushedDays: 35 })] }), ['1', 'v1']);
    const pulled = [manifest(1, 40, { lastPulledAt: daysAgo(2) }), ...manifests.slice(1)];
    assert.deepEqual(removed({ manifests: pulled, tags, rules: [rule(['**'], { keepPulledDays: 10 })] }), [
      '2',
      '3',
      'v2',
      'v3',
    ]);
    const both = [rule(['v*'], { keepNewest: 1 }), rule(['v1'], { keepPushedDays: 100 })];
    assert.deepEqual(removed({ manifests, tags, rules: both }), ['2', 'v2']);
  });

  it('an image goes with its last tag and not before', () => {
    const twice = [...tags, tag('keep', 1, 40)];
    assert.deepEqual(removed({ manifests, tags: twice, rules: [rule(['v*'], { keepNewest: 1 })] }), ['2', 'v1', 'v2']);
  });

  it('never a digest in use, an index that names one, its other images, or what speaks of them', () => {
    const index = manifest(10, 50, { kind: 'index', children: [digestOfNumber(11), digestOfNumber(12)] });
    const all = [
      index,
      manifest(11, 50),
      manifest(12, 50),
      manifest(13, 50, { kind: 'artifact', subject: digestOfNumber(11) }),
      manifest(20, 50),
    ];
    const named = [tag('multi', 10, 50), tag('sbom', 13, 50), tag('old', 20, 50)];
    const rules = [rule(['**'], { keepNewest: 0 }), rule([], { keepNewest: 0 })];
    assert.deepEqual(removed({ manifests: all, tags: named, rules }, [12]), ['20', 'old']);
    assert.deepEqual(removed({ manifests: all, tags: named, rules }), [
      '10',
      '11',
      '12',
      '13',
      '20',
      'multi',
      'old',
      'sbom',
    ]);
    assert.equal(plan({ manifests: all, tags: named, rules }, [12]).kept.inUse, 1);
  });

  it('never an immutable tag', () => {
    const rules = [rule(['**'], { keepNewest: 0 })];
    assert.deepEqual(removed({ manifests, tags, rules, immutableTags: ['v*'] }), ['4', 'dev']);
  });

  it('untagged images by their own rule, never the images of an index or signatures', () => {
    const all = [
      manifest(1, 40),
      manifest(2, 5),
      manifest(3, 40, { kind: 'index', children: [digestOfNumber(4)] }),
      manifest(4, 40),
      manifest(5, 40, { kind: 'artifact', subject: digestOfNumber(2) }),
    ];
    const named = [tag('multi', 3, 40)];
    assert.deepEqual(removed({ manifests: all, tags: named, rules: [rule([], { keepPushedDays: 7 })] }), ['1']);
  });

  it('signatures in the layout of cosign 2 go with their image', () => {
    const all = [manifest(1, 40), manifest(2, 1, { kind: 'artifact' })];
    const named = [tag('v1', 1, 40), tag(`${digestOfNumber(1).replace(':', '-')}.sig`, 2, 1)];
    assert.deepEqual(removed({ manifests: all, tags: named, rules: [rule(['**'], { keepNewest: 0 })] }), [
      '1',
      '2',
      `${digestOfNumber(1).replace(':', '-')}.sig`,
      'v1',
    ]);
    assert.deepEqual(removed({ manifests: all, tags: named, rules: [rule(['**'], { keepNewest: 1 })] }), []);
  });
});

/** A repository from a seed: images, nested indexes, artifacts with subjects, tags, rules. */
function randomContents(seed: number) {
  let state = seed * 2654435761 + 1;
  const next = (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * below);
  };
  const count = 3 + next(15);
  const manifests: Manifest[] = [];
  for (let n = 1; n <= count; n++) {
    const kind = (['image', 'image', 'index', 'artifact'] as const)[next(4)] ?? 'image';
    const earlier = (): Digest => digestOfNumber(1 + next(n));
    manifests.push(
      manifest(n, next(60), {
        kind,
        children:
          kind === 'index' && n > 1
            ? [...new Set([earlier(), earlier()])].filter((one) => one !== digestOfNumber(n))
            : [],
        subject: kind === 'artifact' && n > 1 && next(3) > 0 ? digestOfNumber(1 + next(n - 1)) : null,
        lastPulledAt: next(2) === 0 ? null : daysAgo(next(60)),
      }),
    );
  }
  const tags = Array.from({ length: next(count) }, (_, n) =>
    tag(`${['v', 'dev', 'rc'][next(3)]}${n}`, 1 + next(count), next(60)),
  );
  const rules = Array.from({ length: 1 + next(3) }, () =>
    rule([['**'], ['v*'], ['dev*', 'rc*'], []][next(4)] ?? [], {
      ...(next(2) === 0 ? { keepNewest: next(4) } : { keepPushedDays: next(60) }),
      ...(next(3) === 0 ? { keepPulledDays: next(60) } : {}),
    }),
  );
  const inUse = new Set(manifests.filter(() => next(6) === 0).map((one) => one.digest));
  return { contents: contents({ manifests, tags, rules, immutableTags: next(3) === 0 ? ['v*'] : [] }), inUse };
}

function apply(before: RepositoryContents, removals: ReturnType<typeof planRetention>['removals']): RepositoryContents {
  const gone = new Set(removals.flatMap((one) => one.manifests));
  const untagged = new Set(removals.flatMap((one) => one.tags));
  return {
    ...before,
    manifests: before.manifests.filter((one) => !gone.has(one.digest)),
    tags: before.tags.filter((one) => !untagged.has(one.name)),
  };
}

it('for 3,000 seeds: whatever is removed, nothing that stays misses anything, and it ends', () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const { contents: before, inUse } = randomContents(seed);
    const options = { inUse, now: NOW };
    const { removals } = planRetention(before, options);
    const after = apply(before, removals);
    const was = new Set(before.manifests.map((one) => one.digest));
    const left = new Map(after.manifests.map((one) => [one.digest, one]));
    for (const digest of inUse) assert.ok(left.has(digest), `seed ${seed}: ${digest} is in use`);
    for (const one of after.tags) assert.ok(left.has(one.digest), `seed ${seed}: tag ${one.name} names nothing`);
    for (const one of before.tags) {
      if (inUse.has(one.digest))
        assert.ok(after.tags.includes(one), `seed ${seed}: tag ${one.name} of a digest in use`);
    }
    for (const one of after.manifests) {
      for (const child of one.children) {
        assert.ok(!was.has(child) || left.has(child), `seed ${seed}: ${one.digest} names ${child}, which went`);
      }
    }
    for (const one of before.manifests) {
      const stays = one.subject !== null && left.has(one.subject) && one.kind === 'artifact';
      if (stays) assert.ok(left.has(one.digest), `seed ${seed}: ${one.digest} speaks of what stays`);
    }
    const names = removals.flatMap((one) => one.tags);
    const gone = removals.flatMap((one) => one.manifests);
    assert.deepEqual([names.length, gone.length], [new Set(names).size, new Set(gone).size], `seed ${seed}: twice`);
    for (const removal of removals) {
      // What one transaction removes leaves no tag behind that names nothing.
      for (const one of before.tags) {
        if (!removal.manifests.includes(one.digest)) continue;
        assert.ok(names.includes(one.name), `seed ${seed}: ${one.name}`);
      }
    }
    // What spoke of a removed image is looked at by itself in the next run; that ends.
    let state = after;
    for (let run = 0; run < 4; run++) state = apply(state, planRetention(state, options).removals);
    assert.deepEqual(planRetention(state, options).removals, [], `seed ${seed}: later runs`);
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { type Digest, digestOf } from '../../oci/index.ts';
import { type Operations, silentStep } from '../../progress/index.ts';
import { Fault, openDatabase, systemClock } from '../../system/index.ts';
import {
  defineSigner,
  generateKeyFile,
  localSigner,
  makeBundle,
  NO_SIGNATURES,
  openKeyFile,
  readPublicKey,
  type TrustPolicy,
  verifyImage,
} from '../../trust/index.ts';
import type { LivePatchDriver, PatchHost, PatchOrder } from '../livepatch/driver.ts';
import { KernelDriver } from '../livepatch/kernel-driver.ts';
import { withLock } from '../livepatch/local-host.ts';
import { PATCH_REPOSITORY, type PatchMetadata, packPatch, readPatchManifest, readPatchMetadata } from './artifact.ts';
import { KernelPatches, type PatchTask } from './patches.ts';
import { receivePatch } from './receive.ts';
import { testModule } from './test-module.ts';

const BUILD = 'ab'.repeat(20);
const about: PatchMetadata = readPatchMetadata(
  JSON.stringify({
    name: 'fix_a',
    buildIds: [BUILD],
    cves: ['CVE-2024-1086'],
    tests: [{ name: 'it answers', file: '/proc/cmdline', contains: 'patched by A' }],
  }),
  'patch.json',
);
const module = testModule('fix_a');
const packed = packPatch(about, module);

function keyOf(name: string, uses: TrustPolicy['signers'][number]['uses'] = ['image']) {
  const made = generateKeyFile('ecdsa-p256', 'a passphrase');
  const signer = localSigner(openKeyFile(made.privatePem, 'a passphrase'));
  const identity = { kind: 'key', publicKey: readPublicKey(made.publicPem), trustedRoot: null } as const;
  return { signer, trusted: defineSigner({ name, uses, identity }) };
}
const release = keyOf('release');
const builder = keyOf('builder:h1:0123');
const stranger = keyOf('stranger');
const trust: TrustPolicy = { signers: [release.trusted, builder.trusted], repositoryBinding: 'required' };
const sign = (key: typeof release, repository = PATCH_REPOSITORY, digest: Digest = packed.digest) =>
  makeBundle(key.signer, 'image', { digest, repository }, {});

/** A host whose kernel does what the driver says. */
function machine(says: string) {
  const inForce: PatchOrder[] = [];
  const driver: LivePatchDriver = {
    kind: 'livepatch',
    unusable: async () => null,
    list: async () => inForce.map(({ name, cves }) => ({ name, state: 'on', cves })),
    apply: async (order) => void inForce.push(order),
    revert: async (name) => void inForce.splice(0, inForce.length, ...inForce.filter((one) => one.name !== name)),
  };
  return { inForce, driver, host: { read: async () => says }, trust, clock: systemClock };
}

function sourceOf(change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) {
  return {
    manifest: async () => change(packed.manifestBytes),
    async blob({ digest }: { digest: Digest }) {
      const found = packed.blobs.find((one) => one.digest === digest);
      assert.ok(found);
      return found.bytes;
    },
  };
}

test('a patch is an artifact with one digest, and what is no patch is not read as one', () => {
  assert.equal(packPatch(about, module).digest, packed.digest);
  const { config, module: layer } = readPatchManifest(packed.manifestBytes, 'fix_a');
  assert.equal(layer.digest, digestOf(module));
  assert.deepEqual(readPatchMetadata(packed.blobs[0]?.bytes ?? '', 'fix_a'), about);
  const manifest = JSON.parse(packed.manifestBytes.toString());
  const wrong: object[] = [
    { config: { ...config, mediaType: 'application/vnd.oci.image.config.v1+json' } },
    { layers: [] },
    { layers: [...manifest.layers, ...manifest.layers] },
    { layers: [{ ...manifest.layers[0], size: 1e12 }] },
    { config: { ...config, size: 1e9 } },
  ];
  for (const one of wrong) {
    const bytes = Buffer.from(JSON.stringify({ ...manifest, ...one }));
    assert.throws(() => readPatchManifest(bytes, 'fix_a'), { code: 'host.patch-unreadable' }, JSON.stringify(one));
  }
  for (const one of [
    { ...about, buildIds: [] },
    { ...about, name: '../evil' },
    { ...about, tests: [{ name: 'a', file: '/etc/shadow', contains: 'root' }] },
    { ...about, tests: [{ name: 'a', file: '/proc/../etc/shadow', contains: 'root' }] },
    { ...about, tests: [{ name: 'a', file: '/proc/cmdline' }] },
  ]) {
    assert.throws(() => readPatchMetadata(JSON.stringify(one), 'p'), { code: 'host.patch-unreadable' });
  }
});

test('a host takes only what somebody named by its own policy signed for this repository, and never a builder alone', async () => {
  const cases: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['unsigned', []],
    ['a stranger', [await sign(stranger)]],
    ['a builder', [await sign(builder)]],
    ['another repository', [await sign(release, 'tienda/web')]],
    ['another digest', [await sign(release, PATCH_REPOSITORY, digestOf(Buffer.from('x')))]],
  ];
  for (const [name, bundles] of cases) {
    const at = machine('patched by A');
    const wanted = { name: 'fix_a', digest: packed.digest, signatures: { ...NO_SIGNATURES, bundles } };
    await assert.rejects(receivePatch(wanted, { ...at, source: sourceOf() }), { code: 'host.patch-untrusted' }, name);
    assert.deepEqual(at.inForce, [], name);
  }
  const signatures = { ...NO_SIGNATURES, bundles: [await sign(release)] };
  const at = machine('patched by A');
  await receivePatch({ name: 'fix_a', digest: packed.digest, signatures }, { ...at, source: sourceOf() });
  assert.deepEqual(
    at.inForce.map(({ name, digest, buildIds, cves }) => ({ name, digest, buildIds, cves })),
    [{ name: 'fix_a', digest: packed.digest, buildIds: [BUILD], cves: ['CVE-2024-1086'] }],
  );
  const other = machine('');
  const lying = sourceOf((bytes) => Buffer.concat([bytes, Buffer.from(' ')]));
  const wanted = { name: 'fix_a', digest: packed.digest, signatures };
  await assert.rejects(receivePatch(wanted, { ...other, source: lying }), { code: 'host.patch-untrusted' });
  await assert.rejects(receivePatch({ ...wanted, name: 'fix_b' }, { ...other, source: sourceOf() }), {
    code: 'host.patch-unreadable',
  });
});

test('a patch that does not do what its tests expect is taken out again', async () => {
  const at = machine('original');
  const signatures = { ...NO_SIGNATURES, bundles: [await sign(release)] };
  const wanted = { name: 'fix_a', digest: packed.digest, signatures };
  await assert.rejects(receivePatch(wanted, { ...at, source: sourceOf() }), { code: 'host.patch-test' });
  assert.deepEqual(at.inForce, []);
});

test('a registry that is away, or goes away in the middle, leaves nothing on the host; the same order again brings it in', async () => {
  const at = machine('patched by A');
  const signatures = { ...NO_SIGNATURES, bundles: [await sign(release)] };
  const wanted = { name: 'fix_a', digest: packed.digest, signatures };
  const away = (): Promise<never> =>
    Promise.reject(
      new Fault('registry.silent', { kind: 'unavailable', en: { what: 'away' }, es: { what: 'no está' } }),
    );
  const source = sourceOf();
  const { digest: config } = readPatchManifest(packed.manifestBytes, 'fix_a').config;
  const cases = [
    { ...source, manifest: away },
    { ...source, blob: away },
    { ...source, blob: (blob: { readonly digest: Digest }) => (blob.digest === config ? source.blob(blob) : away()) },
  ];
  for (const one of cases) {
    await assert.rejects(receivePatch(wanted, { ...at, source: one }), { code: 'registry.silent' });
    assert.deepEqual(at.inForce, []);
  }
  await receivePatch(wanted, { ...at, source });
  assert.equal(at.inForce.length, 1);
});

test('the same patch told by two programs at the same moment goes in once, and what is written down of it stays', async (t) => {
  const files = new Map<string, string>();
  const sys = '/sys/kernel/livepatch';
  let loads = 0;
  const folder = mkdtempSync(join(tmpdir(), 'darsena-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const host: PatchHost = {
    read: async (path) => files.get(path) ?? null,
    write: async (path, text) => void files.set(path, text),
    list: async (path) => [
      ...new Set(
        [...files.keys()].flatMap((one) =>
          one.startsWith(`${path}/`) ? (one.slice(path.length + 1).split('/')[0] ?? []) : [],
        ),
      ),
    ],
    put: async (path, bytes) => void files.set(path, Buffer.from(bytes).toString('latin1')),
    remove: async (path) => void files.delete(path),
    async run(file) {
      if (file !== 'insmod') return { code: 0, output: '' };
      loads++;
      await sleep(50);
      // What the kernel says of a module that is there.
      if (files.has(`${sys}/fix_a/enabled`)) return { code: 1, output: 'File exists' };
      files.set(`${sys}/fix_a/enabled`, '1');
      files.set(`${sys}/fix_a/transition`, '0');
      return { code: 0, output: '' };
    },
    sleep: async (ms) => void (await sleep(ms)),
    nowMs: () => performance.now(),
    // The lock of the machine itself, each time by a program of its own.
    alone: (work) => withLock(join(folder, 'lock'), work),
    buildId: async () => BUILD,
  };
  const driver = () => new KernelDriver(host, { checkSignature: async () => null });
  const order = (digest: string | null): PatchOrder => ({
    ...{ name: 'fix_a', module: testModule('fix_a'), buildIds: [BUILD], cves: ['CVE-2024-1086'], digest },
  });
  await Promise.all([driver().apply(order(null)), driver().apply(order('sha256:1'))]);
  assert.equal(loads, 1);
  assert.match(files.get('/var/lib/darsena-patches/fix_a.json') ?? '', /"state":"on".*CVE-2024-1086/);
  assert.ok(files.has('/var/lib/darsena-patches/fix_a.ko'));
  await driver().revert('fix_a');
  for (const path of [`${sys}/fix_a/enabled`, `${sys}/fix_a/transition`]) files.delete(path);
  await driver().apply(order('sha256:1'));
  await assert.rejects(driver().apply(order('sha256:2')), { code: 'host.patch-refused', message: /take it out first/ });
  // Not while it is on its way in either: its record would tell of a module that the kernel does not have.
  files.set(`${sys}/fix_a/transition`, '1');
  await assert.rejects(driver().apply(order('sha256:2')), { code: 'host.patch-refused', message: /take it out first/ });
  files.set(`${sys}/fix_a/transition`, '0');
  // Who was to take it out ended before it did: told to be there, it stays there over a restart.
  const kept = files.get('/var/lib/darsena-patches/fix_a.json') ?? '';
  files.set('/var/lib/darsena-patches/fix_a.json', kept.replace('"on"', '"leaving"'));
  await driver().apply(order('sha256:1'));
  assert.equal(files.get('/var/lib/darsena-patches/fix_a.json'), kept);
  assert.match(files.get('/var/lib/darsena-patches/fix_a.json') ?? '', /sha256:1/);
});

test('who waits for the lock in vain is told, and it is free when its holder fails', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'deep', 'lock');
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const first = withLock(path, async () => {
    held.resolve();
    await promise;
    return 'first';
  });
  await held.promise;
  assert.equal(await withLock(path, async () => 'second', 0), null);
  resolve();
  assert.equal(await first, 'first');
  await assert.rejects(
    withLock(path, async () => {
      throw new Error('it failed');
    }),
    /it failed/,
  );
  assert.equal(await withLock(path, async () => 'third', 0), 'third');
});

test('who could not get the lock does not do the work, whatever its holder died of', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'lock');
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const first = withLock(path, async () => {
    held.resolve();
    await release.promise;
  });
  await held.promise;
  const [holder] = flocksOn(path);
  let worked = false;
  const second = withLock(path, async () => {
    worked = true;
  });
  second.catch(() => undefined);
  let waiting: number | undefined;
  for (const until = performance.now() + 60_000; waiting === undefined && performance.now() < until; await sleep(20))
    waiting = flocksOn(path).find((pid) => pid !== holder);
  assert.ok(waiting !== undefined, `flock: ${flocksOn(path)}`);
  process.kill(waiting, 'SIGKILL');
  await assert.rejects(second, /SIGKILL/);
  assert.equal(worked, false);
  release.resolve();
  await first;
});

/** The flock(1) that this process began for a file. */
function flocksOn(path: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      if (!/^\d+$/.test(name)) return [];
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      return words[0] === 'flock' && words.includes(path) && Number(parent) === process.pid ? [Number(name)] : [];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}

test('two patches at once: the second waits for nobody, says which one is on its way, and leaves nothing; later it goes in', async () => {
  const files = new Map<string, string>();
  const sys = '/sys/kernel/livepatch';
  const ran: string[] = [];
  let nowMs = 0;
  let asleep = (): void => undefined;
  const host: PatchHost = {
    read: async (path) => files.get(path) ?? null,
    write: async (path, text) => void files.set(path, text),
    list: async (path) => [
      ...new Set(
        [...files.keys()].flatMap((one) =>
          one.startsWith(`${path}/`) ? (one.slice(path.length + 1).split('/')[0] ?? []) : [],
        ),
      ),
    ],
    put: async (path, bytes) => void files.set(path, Buffer.from(bytes).toString('latin1')),
    remove: async (path) => void files.delete(path),
    async run(file, args) {
      ran.push([file, ...args].join(' '));
      const name = /([^/]+)\.ko$/.exec(args[0] ?? '')?.[1] ?? '';
      if (file !== 'insmod') return { code: 0, output: '' };
      files.set(`${sys}/${name}/enabled`, '1');
      files.set(`${sys}/${name}/transition`, '1');
      return { code: 0, output: '' };
    },
    async sleep(ms) {
      nowMs += ms;
      asleep();
      await new Promise(setImmediate);
    },
    nowMs: () => nowMs,
    buildId: async () => BUILD,
  };
  const driver = () => new KernelDriver(host, { checkSignature: async () => null, transitionMaxMs: 60_000 });
  const order = (name: string): PatchOrder => ({
    ...{ name, module: testModule(name), buildIds: [BUILD], cves: [], digest: null },
  });
  const onItsWay = Promise.withResolvers<void>();
  let refused = false;
  asleep = () => {
    onItsWay.resolve();
    if (refused) files.set(`${sys}/fix_a/transition`, '0');
    // No time passes for the first one until the second has had its answer.
    else nowMs = 0;
  };
  const first = driver().apply(order('fix_a'));
  await onItsWay.promise;
  await assert.rejects(driver().apply(order('fix_b')), { code: 'host.patch-busy', message: /fix_a/ });
  assert.ok(![...files.keys()].some((path) => path.includes('fix_b')) && !ran.some((one) => one.includes('fix_b')));
  refused = true;
  await first;
  asleep = () => void files.set(`${sys}/fix_b/transition`, '0');
  await driver().apply(order('fix_b'));
  assert.deepEqual(
    (await driver().list()).map(({ name, state }) => [name, state]),
    [
      ['fix_a', 'on'],
      ['fix_b', 'on'],
    ],
  );
});

test('the registry keeps patches by name, tells who signed them and where they fit, and hosts are asked by digest', async (t) => {
  const opened = await openDatabase<Record<string, never>>('sqlite::memory:', []);
  t.after(() => opened.close());
  const blobs = new Map<string, Uint8Array>();
  const tags = new Map<string, { digest: Digest; bytes: Uint8Array }>();
  const bundles: Uint8Array[] = [];
  const facts: string[] = [];
  const asked: (readonly [string, PatchTask])[] = [];
  let failing = false;
  const patches = new KernelPatches({
    db: opened.db as unknown as Kysely<never>,
    journal: {
      committed: () => undefined,
      async record(_tx, fact) {
        facts.push(`${fact.kind} ${fact.subject}`);
        return { ...fact, id: '', at: '', digest: fact.digest ?? null };
      },
    },
    operations: {
      async start(_request: unknown, work: Parameters<Operations['start']>[1]) {
        const context = { id: 'o', signal: new AbortController().signal, step: () => silentStep };
        await work(context).catch(() => undefined);
        return { operation: { id: 'o' } };
      },
    } as unknown as Operations,
    store: {
      names: async () => [...tags.keys()].sort(),
      find: async (name) => tags.get(name) ?? null,
      async *blob(digest) {
        yield blobs.get(digest) as Uint8Array;
      },
      putBlob: async (bytes, digest) => void blobs.set(digest, bytes),
      putManifest: async (bytes, _type, tag) => void tags.set(tag, { digest: digestOf(bytes), bytes }),
    },
    trust: {
      verify: async (digest) =>
        verifyImage({ digest, repository: PATCH_REPOSITORY, bundles, trust, clock: systemClock }),
      signatures: async () => ({ ...NO_SIGNATURES, bundles }),
      attach: async (bundle) => void bundles.push(bundle),
    },
    machines: {
      kernels: () => [
        { host: 'b', buildId: BUILD, livePatches: [] },
        { host: 'a', buildId: BUILD, livePatches: ['fix_a'] },
        { host: 'c', buildId: 'cd'.repeat(20), livePatches: [] },
      ],
    },
    async run(host, task) {
      asked.push([host, task]);
      if (failing) throw new Error('no');
    },
  });
  const by = { bundle: null, actor: 'user:ana' };
  await assert.rejects(patches.push(about, testModule('fix_b'), by), { code: 'host.patch-unreadable' });
  await assert.rejects(patches.push(about, testModule('fix_a', { isLivePatch: false }), by), {
    code: 'host.patch-unreadable',
  });
  const unsigned = await patches.push(about, module, by);
  assert.ok(unsigned.doubt !== null);
  const pushed = await patches.push(about, module, { ...by, bundle: await sign(release) });
  assert.deepEqual([pushed.signers, pushed.doubt, pushed.digest], [['release'], null, packed.digest]);
  await assert.rejects(patches.push(about, testModule('fix_a', { body: 'other' }), by), { code: 'host.patch-taken' });
  assert.deepEqual(patches.places(pushed), { inForce: ['a'], fitting: ['b'] });
  assert.deepEqual(
    (await patches.list()).map(({ name }) => name),
    ['fix_a'],
  );
  await patches.change('b', 'apply', 'fix_a', 'user:ana');
  failing = true;
  await patches.change('b', 'rollback', 'fix_a', 'user:ana');
  await assert.rejects(patches.change('b', 'apply', 'nothing', 'user:ana'), { code: 'host.patch-unknown' });
  assert.deepEqual(
    asked.map(([host, { change, digest, signatures }]) => [host, change, digest, signatures?.bundles.length ?? null]),
    [
      ['b', 'apply', packed.digest, 1],
      ['b', 'rollback', null, null],
    ],
  );
  assert.deepEqual(facts, ['patch.pushed fix_a', 'patch.applied b', 'patch.refused b']);
});

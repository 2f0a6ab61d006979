import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { type ApiApp, createApi, type Principal } from '../access/index.ts';
import type { Alert } from '../detect/index.ts';
import { Journal, journalMigrations } from '../journal/index.ts';
import { Fault, openDatabase, silentLog, systemClock } from '../system/index.ts';
import { isExcepted, matchesPattern, names } from './guard.ts';
import {
  compileGuard,
  type DeniedPackage,
  isForKernel,
  namesPackage,
  PackagesByImage,
  PackagesInImages,
  type PreventionOrder,
  PreventPolicies,
  type PreventTables,
  preventMigrations,
  readPreventPolicy,
  registerPreventionRoutes,
  type Stranger,
  Strangers,
} from './index.ts';
import { DENIED_MAX, PACKAGE_ORDER_BYTES_MAX, TOLD_AT_ONCE } from './limits.ts';
import { boundedOrders, fitting, gapsOf, type ImagePackages, orderOf } from './packages.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;
const CONTAINER = {
  ...{ id: 'c'.repeat(64), project: 'tienda', environment: 'pro', workload: 'web', image: 'tienda/web:1' },
  digest: `sha256:${'d'.repeat(64)}`,
  labels: { tier: 'front' },
};
const STRANGER: Stranger = {
  ...{ id: 'f'.repeat(64), engine: 'podman', name: 'miner', image: 'docker.io/x/miner:1', pid: 77, started: 9, uid: 0 },
  ...{ command: '/miner --fast', cgroup: '/libpod-f' },
};

async function ground() {
  const opened = await openDatabase<PreventTables>('sqlite::memory:', [...journalMigrations, ...preventMigrations]);
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  return { opened, journal, db: opened.db };
}

test('a policy that names nothing, or everything by a slip, is refused with its place; without a word it only tries', () => {
  const policy = readPreventPolicy('name: p\nmatch: { projects: [tienda] }\ncommands: [nc]');
  assert.deepEqual([policy.mode, policy.drift, policy.whenLate], ['dry-run', false, 'allow']);
  for (const [source, place] of [
    ['name: p\nmatch: {}\ndrift: true', '2:1 match: '],
    ['name: p\nmatch: { projects: [a] }', '1:1: expected drift'],
    ['name: p\nmatch: { projects: [a] }\ncommands: [a/b]', '3:12 commands.0: '],
    ['name: p\nmatch: { projects: [a] }\nfiles: [shadow]', '3:9 files.0: expected a path'],
    ['name: p\nmatch: { projects: [a] }\ncomponents: ["*"]', '3:1 components: '],
    ['name: p\nmatch: { projects: [a] }\ncommands: [a]\nexcept: [/x]', '4:1 except: '],
    ['name: P\nmode: on\nmatch: { projects: [a] }\ndrift: 1', '1:1 name: expected a name of lower-case letters'],
    ['name: [', '1:'],
  ] as const)
    assert.throws(
      () => readPreventPolicy(source),
      (error) => error instanceof Fault && (error.text('en').why ?? '').startsWith(place),
      source,
    );
  // All at once, as each would cost another try.
  assert.throws(
    () => readPreventPolicy('name: P\nmode: on\nmatch: { projects: [a] }\ndrift: 1'),
    (error) =>
      error instanceof Fault && /nombre de letras.*; 2:1 mode: .*; 4:1 drift: /.test(error.text('es').why ?? ''),
  );
});

test('a container is guarded by every policy that speaks of it, and a trial weakens none that enforces', () => {
  const read = (text: string) => readPreventPolicy(`name: ${text}`);
  const policies = [
    read('a\nmatch: { environments: [p*] }\ndrift: true\nexcept: ["/data/*"]\ncommands: [nc]'),
    read(`b\nmode: enforce\nmatch: { labels: ["tier=*"] }\ndrift: true\ncommands: ["sha256:${'0'.repeat(64)}"]`),
    read('c\nmode: enforce\nmatch: { workloads: [db] }\ncommands: [sh]\nwhenLate: deny'),
    read('d\nmatch: { images: ["tienda/web:*"] }\ncomponents: ["libpcap.so*"]\nfiles: [/etc/shadow]'),
  ];
  const guard = compileGuard(policies, CONTAINER);
  assert.ok(guard !== null);
  assert.deepEqual(
    guard.rules.map(({ policy, part, effect }) => `${policy} ${part} ${effect}`),
    ['b drift act', 'b command act', 'a command report', 'd file report', 'd component report'],
  );
  assert.equal(guard.whenLate, 'allow');
  const trial = read('e\nmatch: { environments: [pro] }\ncommands: [nc]\nwhenLate: deny');
  assert.equal(
    compileGuard([...policies, trial], CONTAINER)?.whenLate,
    'allow',
    'a trial refuses nothing, late or not',
  );
  assert.ok(!guard.except.includes('/data/*'), 'what a trial excepts, who enforces does not');
  assert.deepEqual(
    [...guard.commands, ...guard.files].map(({ kind }) => kind),
    ['hash', 'name', 'path', 'glob'],
  );
  assert.equal(compileGuard(policies, { ...CONTAINER, environment: 'dev', labels: {}, image: 'x' }), null);
});

test('a list that has no room is left out whole, and its rule says so by having no entry', () => {
  const commands = Array.from({ length: 200 }, (_, n) => `c${n}`).join(',');
  const policies = Array.from({ length: 6 }, (_, n) =>
    readPreventPolicy(`name: p${n}\nmode: enforce\nmatch: { projects: ["*"] }\ncommands: [${commands}]`),
  );
  const guard = compileGuard(policies, CONTAINER);
  assert.deepEqual([guard?.rules.length, guard?.commands.length], [6, 1_000]);
  assert.ok(!guard?.commands.some(({ rule }) => rule === 5));
});

test('names are of the last part, paths of all of it, and patterns take no longer than the text is', () => {
  assert.ok(names({ kind: 'name', pattern: 'nc' }, '/usr/bin/nc'));
  assert.ok(!names({ kind: 'name', pattern: 'nc' }, '/usr/nc/ls'));
  assert.ok(names({ kind: 'path', pattern: '/bin/nc' }, '/bin/nc'));
  assert.ok(!names({ kind: 'path', pattern: '/bin/nc' }, '/usr/bin/nc'));
  assert.ok(names({ kind: 'glob', pattern: 'lib*.so*' }, '/usr/lib/libpcap.so.1'));
  assert.ok(names({ kind: 'glob', pattern: '/tmp/*' }, '/tmp/a/b'));
  assert.ok(!names({ kind: 'hash', pattern: 'a' }, '/a'));
  assert.ok(isExcepted(['/data/*'], '/data/plugins/x'));
  assert.ok(!matchesPattern(`${'*a'.repeat(2_000)}b`, 'a'.repeat(5_000)));
  assert.ok(isForKernel({ kind: 'path', pattern: '/bin/nc' }, 'exec'));
  assert.ok(!isForKernel({ kind: 'path', pattern: `/${'a'.repeat(300)}` }, 'exec'));
  assert.ok(!isForKernel({ kind: 'name', pattern: 'shadow' }, 'open'));
});

test('a package is named by its name or its purl, with and without namespace and version', () => {
  const nmap = { name: 'nmap', purl: 'pkg:deb/debian/nmap@7.93%2Bdfsg1-1?arch=amd64&distro=debian-12' };
  const scoped = { name: '@acme/tool', purl: 'pkg:npm/%40acme/tool@1.2.3' };
  for (const pattern of ['nmap', 'nma*', 'pkg:deb/nmap', 'pkg:deb/debian/nmap', 'pkg:deb/debian/nmap@7.93*'])
    assert.ok(namesPackage(pattern, nmap), pattern);
  for (const pattern of ['map', 'pkg:rpm/nmap', 'pkg:deb/ubuntu/nmap', 'pkg:deb/debian/nmap@7.92*', 'nmap-common'])
    assert.ok(!namesPackage(pattern, nmap), pattern);
  for (const pattern of ['@acme/tool', 'pkg:npm/@acme/tool', 'pkg:npm/%40acme/tool@1.*', 'pkg:npm/tool'])
    assert.ok(namesPackage(pattern, scoped), pattern);
  for (const wrong of ['"*"', '"pkg:deb/*"', '"pkg:"', '"a b"', 'pkg:deb'])
    assert.throws(
      () => readPreventPolicy(`name: p\nmatch: { projects: [a] }\npackages: [${wrong}]`),
      hasCode('prevent.policy-invalid'),
      wrong,
    );
});

test('a denied package is its programs and libraries in this very image, and what cannot be enforced is said', async () => {
  const { opened, journal, db } = await ground();
  const known = new Map<string, { packages: DeniedPackage[]; more: number } | null | Error>();
  const nmap: DeniedPackage = {
    ...{ purl: 'pkg:deb/debian/nmap@7.93', path: 'var/lib/dpkg/status', gap: null },
    ...{ programs: ['/usr/bin/nmap'], libraries: ['/usr/lib/libnmap.so.1'] },
  };
  const lodash: DeniedPackage = {
    ...{ purl: 'pkg:npm/lodash@4.17.21', path: 'app/node_modules/lodash/package.json', gap: 'interpreted' },
    ...{ programs: [], libraries: [] },
  };
  const [web, other, blind] = ['d', 'e', 'f'].map((letter) => `sha256:${letter.repeat(64)}`) as [
    string,
    string,
    string,
  ];
  known.set(web, { packages: [nmap, lodash], more: 0 });
  known.set(other, { packages: [], more: 0 });
  known.set(blind, null);
  let asked = 0;
  let revision = 'r1';
  const images = {
    revision: () => revision,
    async runnable(digest: string) {
      asked++;
      const found = known.get(digest) ?? null;
      if (found instanceof Error) throw found;
      return found;
    },
  };
  const make = async () => {
    const inImages = new PackagesInImages({ db, clock: systemClock, log: silentLog, images });
    await inImages.open();
    const policies = new PreventPolicies({
      db,
      journal,
      clock: systemClock,
      changed: () => undefined,
      images: inImages,
    });
    await policies.open();
    return { inImages, policies };
  };
  const { inImages, policies } = await make();
  await policies.apply('name: p\nmode: enforce\nmatch: { projects: ["*"] }\npackages: [nmap, lodash]', 'user:ana');
  const guardOf = (order: PreventionOrder, digest: string | null) =>
    compileGuard(order.policies, { ...CONTAINER, digest }, new PackagesByImage(order.packages));
  // Before anybody looked, and of an image that nobody knows: said, never silently nothing.
  for (const digest of [web, null])
    assert.match(guardOf(policies.order(), digest)?.rules[0]?.gap?.en ?? '', /not known here yet/);
  const running = new Map([web, other, blind].map((digest) => [digest, 'tienda/web']));
  const list = () => policies.list().map(({ policy }) => policy);
  assert.ok(await inImages.look(list(), running));
  const guard = guardOf(policies.order(), web);
  assert.deepEqual(
    guard?.rules.map(({ part, subject, gap }) => [part, subject ?? gap?.en]),
    [
      [
        'package',
        'cannot be enforced because pkg:npm/lodash@4.17.21: an interpreter reads its files: only its own programs and libraries are denied, where it has any',
      ],
      ['package', 'pkg:deb/debian/nmap@7.93'],
    ],
  );
  assert.deepEqual(
    [guard?.commands, guard?.files].map((some) => some?.map(({ pattern, kind, rule }) => [pattern, kind, rule])),
    [[['/usr/bin/nmap', 'path', 1]], [['/usr/lib/libnmap.so.1', 'path', 1]]],
  );
  assert.equal(guardOf(policies.order(), other), null, 'the same path of another image is nobody\u2019s matter');
  assert.match(guardOf(policies.order(), blind)?.rules[0]?.gap?.en ?? '', /no complete inventory/);
  // What is known is not asked again, also not after a start; what is not, is.
  asked = 0;
  const again = await make();
  assert.equal(again.policies.order().revision, policies.order().revision);
  assert.ok(!(await again.inImages.look(list(), running)));
  assert.equal(asked, 1);
  // Analysers of another version that fail take nothing from what is in force.
  revision = 'r2';
  known.set(web, new Error('cut'));
  known.set(blind, { packages: [nmap], more: 0 });
  assert.ok(await again.inImages.look(list(), running));
  assert.equal(guardOf(again.policies.order(), web)?.commands.length, 1);
  assert.equal(guardOf(again.policies.order(), blind)?.commands.length, 1);
  // What does not run any more, and policies that are gone, are forgotten.
  await again.inImages.look(list(), new Map([[web, 'tienda/web']]));
  assert.equal(again.inImages.current().length, 1);
  await again.inImages.look([], running);
  assert.deepEqual((await make()).inImages.current(), []);
  await opened.close();
});

test('who reads policies sees what is denied in the images of their own projects, and of no others', async () => {
  const { opened, journal, db } = await ground();
  const policies = new PreventPolicies({ db, journal, clock: systemClock, changed: () => undefined });
  await policies.apply('name: p\nmatch: { projects: [tienda, otra] }\npackages: [nc]', 'user:root');
  const of = (image: string) => ({ policy: 'p', digest: CONTAINER.digest, image, unknown: null, found: [] });
  let principal: Principal = {
    ...{ id: 'u', actor: 'user:ana', kind: 'user', name: 'ana', tokenId: null },
    grants: [{ role: 'developer', project: 'tienda' }],
  };
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => principal });
  registerPreventionRoutes(app, {
    policies,
    strangers: {} as Strangers,
    hosts: { states: () => [] } as never,
    images: { current: () => [of('otra/api'), of('tienda/web')] },
  });
  const seen = async () => {
    const headers = { authorization: 'Bearer x' };
    const [all, one] = await Promise.all(
      ['', '/p'].map((path) => app.inject({ url: `/api/v1/prevention/policies${path}`, headers })),
    );
    return [all?.json().items[0].packages, one?.json().packages].map((list) =>
      list.map(({ image }: { image: string }) => image),
    );
  };
  assert.deepEqual(await seen(), [['tienda/web'], ['tienda/web']]);
  principal = { ...principal, grants: [{ role: 'auditor', project: '*' }] };
  assert.deepEqual(await seen(), [
    ['otra/api', 'tienda/web'],
    ['otra/api', 'tienda/web'],
  ]);
  await app.close();
  await opened.close();
});

test('an image with very many or very long names of files takes no more than its part of what hosts are told, and that is said', () => {
  const paths = (count: number, length: number) =>
    Array.from({ length: count }, (_, n) => `/${String(n).padStart(length, 'x')}`);
  const one = (name: string, programs: string[]): DeniedPackage => ({
    ...{ purl: `pkg:deb/debian/${name}@1`, path: 'var/lib/dpkg/status', gap: null },
    ...{ programs, libraries: [] },
  });
  const image = (letter: string, found: DeniedPackage[]): ImagePackages =>
    fitting({ policy: 'p', digest: `sha256:${letter.repeat(64)}`, image: 'tienda/web', unknown: null, found });
  const many = image('a', [one('first', paths(DENIED_MAX, 5)), one('second', ['/bin/nc'])]);
  assert.match(gapsOf(many)?.en ?? '', /second@1: together with the others .* more than a host takes/);
  const long = image('b', [one('long', paths(900, 4_000)), one('short', ['/bin/nc'])]);
  assert.deepEqual(
    orderOf(long).found.map(({ programs }) => programs),
    [['/bin/nc']],
  );
  const orders = [orderOf(many), orderOf(long), orderOf({ ...long, digest: `sha256:${'c'.repeat(64)}` })];
  assert.ok(orders.every((order) => JSON.stringify(order).length < PACKAGE_ORDER_BYTES_MAX + 10_000));
  assert.deepEqual(boundedOrders(orders), orders);
  const cut = boundedOrders(orders, 5_000);
  assert.deepEqual(
    cut.map(({ found }) => found.length),
    [0, 1, 1],
    'the largest gives way, and no other',
  );
  assert.match(cut[0]?.gap?.en ?? '', /all images together is more than a host takes/);
});

test('who may not see the images of every project is not told by the hosts what is in them', async () => {
  const { opened, journal, db } = await ground();
  const policies = new PreventPolicies({ ...{ db, journal, clock: systemClock }, changed: () => undefined });
  await policies.open();
  await policies.apply('name: p\nmatch: { projects: ["*"] }\npackages: [nmap]', 'user:ana');
  const handlers = new Map<string, (request: object) => Promise<unknown>>();
  const part = { policy: 'p', part: 'package', strength: 'nothing', means: null, containers: 1 } as const;
  const why = (name: string) => ({ en: `cannot: pkg:deb/${name}`, es: `no: pkg:deb/${name}` });
  const state = { strength: 'nothing', means: null, why: null } as const;
  const parts = [
    { ...part, why: why('one') },
    { ...part, why: why('two') },
  ];
  registerPreventionRoutes(
    { route: ({ method, url, handler }: never) => void handlers.set(`${method} ${url}`, handler) } as never as ApiApp,
    {
      ...{ policies, strangers: undefined as never },
      hosts: {
        states: () => [{ host: 'h', prevention: { revision: null, exec: state, open: state, policies: parts } }],
      },
      images: {
        current: () =>
          ['tienda/web', 'banco/web'].map((image) => ({
            ...{ policy: 'p', digest: `sha256:${'d'.repeat(64)}`, image, unknown: null, found: [] },
          })),
      },
    },
  );
  const seen = async (project: string) => {
    const principal = { grants: [{ role: 'image.read', project }] } as never as Principal;
    const ask = (url: string) =>
      handlers.get(`GET /api/v1/prevention/policies${url}`)?.({ principal, params: { name: 'p' } });
    return JSON.stringify([await ask(''), await ask('/:name')]);
  };
  const all = await seen('*');
  for (const word of ['tienda/web', 'banco/web', 'deb/one', 'deb/two']) assert.ok(all.includes(word), word);
  const own = await seen('tienda');
  assert.ok(own.includes('tienda/web'));
  for (const word of ['banco', 'deb/one', 'deb/two']) assert.ok(!own.includes(word), word);
  assert.match(own, /"containers":2/);
  await opened.close();
});

test('policies survive a restart, hosts are told of each change, and each is a fact', async () => {
  const { opened, journal, db } = await ground();
  let changes = 0;
  const parts = { db, journal, clock: systemClock, changed: () => void changes++ };
  const policies = new PreventPolicies(parts);
  await policies.open();
  const empty = policies.order().revision;
  await policies.apply('name: p\nmatch: { projects: ["*"] }\ndrift: true', 'user:ana');
  const again = new PreventPolicies(parts);
  await again.open();
  assert.notEqual(again.order().revision, empty);
  assert.equal(again.order().revision, policies.order().revision);
  await again.remove('p', 'user:ana');
  await assert.rejects(again.remove('p', 'user:ana'), hasCode('prevent.policy-unknown'));
  assert.equal(changes, 2);
  await journal.settled();
  const kinds = (await journal.query({ projects: '*', limit: 10, order: 'oldest' })).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['prevention.applied', 'prevention.removed']);
  await opened.close();
});

test('a container of others is told once, over restarts too; allowed until its day, and stopped only by rule or order', async () => {
  const { opened, journal, db } = await ground();
  const raised: Alert[] = [];
  const stopped: string[] = [];
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => new Date(Date.now() + aheadMs) };
  const make = async () => {
    const strangers = new Strangers({
      ...{ db, journal, clock, log: silentLog, environmentsOn: () => ['production'] },
      raise: async (alert) => void raised.push(alert),
      async stop(_host, { id }) {
        stopped.push(id);
        return 'killed';
      },
    });
    await strangers.open();
    return strangers;
  };
  const first = await make();
  await first.take('host1', [STRANGER]);
  await first.take('host1', [STRANGER]);
  const second = await make();
  await second.take('host1', [STRANGER]);
  assert.equal(raised.length, 1);
  assert.deepEqual(stopped, [], 'without a rule it is only told');
  // Another that has its name later is another.
  await second.take('host1', []);
  assert.ok((await second.list())[0]?.goneAt !== null);
  const entry = { image: 'docker.io/x/*', name: null, host: null, reason: 'a build server' };
  await assert.rejects(
    second.allow({ ...entry, until: new Date(0).toISOString() }, 'user:ana'),
    hasCode('prevent.allowed-past'),
  );
  const allowed = await second.allow({ ...entry, until: new Date(Date.now() + 60_000).toISOString() }, 'user:ana');
  await second.take('host1', [{ ...STRANGER, started: 10 }]);
  assert.equal(raised.length, 1, 'what is allowed is no alert');
  const rule = { host: null, environment: null, image: null, name: 'm*', reason: 'nothing else runs here' };
  await second.addStop({ ...rule, environment: 'staging' }, 'user:ana');
  await second.addStop(rule, 'user:ana');
  assert.deepEqual(stopped, [], 'neither is what is allowed stopped');
  await assert.rejects(second.stop('ffff', 'user:ana'), hasCode('prevent.stranger-allowed'));
  aheadMs = 120_000;
  await second.tick();
  assert.deepEqual(stopped, [STRANGER.id], 'its day came');
  assert.equal((await second.list())[0]?.outcome, 'killed');
  await second.disallow(allowed.id, 'user:ana');
  for (const { id } of second.stops()) await second.removeStop(id, 'user:ana');
  await second.take('host1', [{ ...STRANGER, started: 11 }]);
  assert.equal(raised.length, 2);
  assert.equal(stopped.length, 1);
  await second.stop(STRANGER.id.slice(0, 12), 'user:ana');
  assert.equal(stopped.length, 2);
  await assert.rejects(second.stop('0000', 'user:ana'), hasCode('prevent.stranger-unknown'));
  await opened.close();
});

test('who starts containers beside the platform by the thousand fills neither journal nor table; each is in the list', async () => {
  const { opened, journal, db } = await ground();
  const raised: Alert[] = [];
  const strangers = new Strangers({
    ...{ db, journal, clock: systemClock, log: silentLog, environmentsOn: () => [] },
    raise: async (alert) => void raised.push(alert),
    stop: async () => 'killed',
  });
  await strangers.open();
  const many = (count: number) => Array.from({ length: count }, (_, n) => ({ ...STRANGER, id: `ns-${n}`, started: n }));
  await strangers.take('host1', many(TOLD_AT_ONCE + 300));
  assert.equal((await strangers.list()).length, TOLD_AT_ONCE + 300);
  assert.equal(raised.length, TOLD_AT_ONCE + 1);
  assert.match(raised.at(-1)?.output ?? '', /and 299 more$/);
  await strangers.take('host2', many(1));
  assert.equal(raised.length, TOLD_AT_ONCE + 2, 'another host is told of all the same');
  await journal.settled();
  const facts = await journal.query({ projects: '*', limit: TOLD_AT_ONCE + 10, order: 'newest' });
  assert.equal(facts.length, TOLD_AT_ONCE + 2);
  assert.equal(facts.filter(({ subject }) => subject === '+300').length, 1);
  await opened.close();
});

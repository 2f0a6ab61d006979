import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { accessFault, createApi } from '../access/index.ts';
import { silentLog } from '../system/index.ts';
import { reasonInWords } from './reason-words.ts';
import { registerRegistryRoutes } from './routes.ts';
import { formatRetentionRule, parseRetentionRule, parseSize } from './settings-commands.ts';
import { compareSpecificity, isNamePattern, matchesPattern } from './settings-pattern.ts';
import { PEOPLE, startTestRegistry, type TestRegistry } from './test-registry.ts';

let server: TestRegistry;
let app: ReturnType<typeof createApi>;
before(async () => {
  server = await startTestRegistry();
  app = createApi({
    instance: 'test',
    log: silentLog,
    authenticate: async (secret) => PEOPLE.get(secret) ?? Promise.reject(accessFault('access.token-invalid')),
  });
  registerRegistryRoutes(app, server.registry);
});
after(async () => {
  await app.close();
  await server.close();
});

const by = { actor: 'user:ana' };
async function ask(method: 'GET' | 'PUT', path: string, as: string, body?: object) {
  const url = `/api/v1/projects/${path}`;
  const response = await app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${as}` },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: response.statusCode, body: response.json() };
}

describe('patterns of names', () => {
  it('match exactly the documented names', () => {
    const table: [pattern: string, name: string, matches: boolean][] = [
      ['web', 'web', true],
      ['web', 'web2', false],
      ['*', 'web', true],
      ['*', 'team/web', false],
      ['**', 'team/web', true],
      ['**', '', true],
      ['team/*', 'team/web', true],
      ['team/*', 'team/a/b', false],
      ['team/**', 'team/a/b', true],
      ['**/web', 'a/b/web', true],
      ['**/web', 'web', false],
      ['v*', 'v1.2.3', true],
      ['v*', 'latest', false],
      ['v1.*', 'v1x2', false],
      ['*-rc*', '1.0-rc1', true],
      ['a*a', 'a', false],
      ['.', 'x', false],
    ];
    for (const [pattern, name, matches] of table)
      assert.equal(matchesPattern(pattern, name), matches, `${pattern} ${name}`);
  });

  it('cost their length and no more, however they are made', () => {
    const started = performance.now();
    assert.equal(matchesPattern(`${'*a'.repeat(60)}b`, 'a'.repeat(255)), false);
    assert.ok(performance.now() - started < 200);
  });

  it('are refused with anything else in them', () => {
    for (const wrong of ['', 'a b', '***', 'a\n', '[a]', 'a'.repeat(129), 'é'])
      assert.equal(isNamePattern(wrong), false);
  });

  it('sort the most specific first', () => {
    const sorted = ['**', 'web', 'team/*', '*', 'team/web*', 'team/**'].sort(compareSpecificity);
    assert.deepEqual(sorted, ['web', 'team/web*', 'team/*', 'team/**', '*', '**']);
  });
});

describe('the settings of repositories', () => {
  it('come field by field from the most specific pattern, and a change is in force at once', async () => {
    const { settings } = server.registry;
    assert.deepEqual(await settings.of('tienda/web'), {
      anonymousPull: false,
      immutableTags: [],
      retention: [],
      quotaBytes: null,
    });
    await settings.change('tienda', '**', { immutableTags: ['v*'], quotaBytes: 1000 }, by);
    await settings.change('tienda', 'web', { anonymousPull: true }, by);
    await settings.change('tienda', 'team/*', { immutableTags: [] }, by);
    assert.deepEqual(await settings.of('tienda/web'), {
      anonymousPull: true,
      immutableTags: ['v*'],
      retention: [],
      quotaBytes: 1000,
    });
    assert.deepEqual((await settings.of('tienda/team/x')).immutableTags, []);
    assert.equal((await settings.of('otro/web')).anonymousPull, false);
    await settings.change('tienda', 'web', { anonymousPull: null }, by);
    assert.equal((await settings.of('tienda/web')).anonymousPull, false);
    assert.equal((await settings.list('tienda')).length, 2);
  });

  it('state each change as a fact, with what was and what is', async () => {
    await server.registry.settings.change('hechos', '**', { anonymousPull: true }, by);
    await server.registry.settings.change('hechos', '**', { anonymousPull: false }, by);
    await server.journal.settled();
    const facts = await server.journal.query({ projects: ['hechos'], order: 'oldest', limit: 10 });
    assert.deepEqual(
      facts.map((fact) => [fact.kind, fact.actor, fact.subject]),
      Array(2).fill(['repository.settings-changed', 'user:ana', 'hechos/**']),
    );
    assert.equal(JSON.stringify(facts[1]?.body).includes('"before":{"anonymousPull":true'), true);
  });

  it('what was read before a change is not kept after it', async () => {
    const { settings } = server.registry;
    for (let round = 0; round < 50; round++) {
      const reading = settings.of('carrera/web');
      const changed = settings.change('carrera', '**', { quotaBytes: round }, by);
      await Promise.all([reading, changed]);
      assert.equal((await settings.of('carrera/web')).quotaBytes, round);
    }
  });
});

describe('the settings over REST', () => {
  it('are the project administrator’s to change, the quota the platform’s', async () => {
    const path = 'tienda/repository-settings?pattern=web';
    assert.equal((await ask('PUT', path, 'ana', { immutableTags: ['**'] })).status, 200);
    assert.equal((await ask('PUT', path, 'beto', { immutableTags: [] })).status, 403);
    assert.equal((await ask('PUT', path, 'carla', { immutableTags: [] })).status, 403);
    const quota = 'tienda/repository-settings?pattern=**';
    assert.equal((await ask('PUT', quota, 'ana', { quotaBytes: 1 })).status, 403);
    assert.equal((await ask('PUT', quota, 'root', { quotaBytes: 5_000_000 })).status, 200);
    assert.equal((await ask('PUT', path, 'root', { quotaBytes: 5 })).status, 400);
    const shown = await ask('GET', 'tienda/repository-settings?repository=tienda/web', 'beto');
    assert.deepEqual(shown.body.effective.immutableTags, ['**']);
    assert.equal(shown.body.effective.quotaBytes, 5_000_000);
    assert.equal((await ask('GET', 'tienda/repository-settings?repository=otro/web', 'beto')).status, 404);
  });

  it('are refused with a wrong pattern or a rule that keeps nothing', async () => {
    const path = 'tienda/repository-settings?pattern=web';
    assert.equal((await ask('PUT', path, 'ana', { immutableTags: ['a b'] })).status, 400);
    assert.equal((await ask('PUT', path, 'ana', { retention: [{ tags: ['**'] }] })).status, 400);
    assert.equal((await ask('PUT', path, 'ana', { unknown: true })).status, 400);
  });
});

describe('settings as people write them', () => {
  it('rules of retention read as they are shown', () => {
    for (const text of ['v* newest=10 pulled=30d', 'untagged pushed=7d', 'latest v* newest=1 pushed=2d pulled=3d']) {
      assert.equal(formatRetentionRule(parseRetentionRule(text)), text);
    }
    for (const wrong of ['newest=3', 'untagged v* newest=1', 'v* newest=x', 'v* pushed=3']) {
      assert.throws(() => parseRetentionRule(wrong), { code: 'registry.settings-invalid' }, wrong);
    }
  });

  it('sizes are read with decimal and binary units', () => {
    assert.deepEqual(['20GB', '1.5 GiB', '1000', '2kB'].map(parseSize), [20e9, 1.5 * 2 ** 30, 1000, 2000]);
    for (const wrong of ['', '20 apples', '-1', '1e9']) assert.throws(() => parseSize(wrong));
  });
});

it('whatever is refused with a reason, a person reads in Spanish as well', async () => {
  const folder = new URL('./', import.meta.url);
  const untold: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/^(?!.*test|distribution).*\.ts$/.test(name)) continue;
    const source = await readFile(new URL(name, folder), 'utf8');
    const said = /(?:\brefuse\(|\binvalid\(|\bwhy(?: =|:)|#cut\()\s*(['"`])((?:(?!\1).)+)\1/g;
    for (const [, quote = '', text = ''] of source.matchAll(said)) {
      // Templates of faults have their own Spanish; what is filled in stands for itself.
      if (/errors\.ts$/.test(name)) continue;
      const reason = quote === '`' ? text.replaceAll(/\$\{[^}]*\}/g, '1') : text;
      if (reasonInWords(reason).es === reason) untold.push(`${name}: ${reason}`);
    }
  }
  assert.deepEqual(untold, []);
  assert.deepEqual(
    reasonInWords('retention "v* x=1": newest is a count, like newest=10').es,
    'retención "v* x=1": newest es un número, como newest=10',
  );
  assert.equal(reasonInWords('what another registry says').es, 'what another registry says');
});

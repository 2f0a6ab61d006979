import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BuildRequest, buildImage, createBase } from '../../src/build/index.ts';
import { packTar, type TarInput } from '../../src/formats/index.ts';
import { Fault, newId } from '../../src/system/index.ts';
import { type BuildBench, missingForBuilds, openBuildBench } from './build-bench.ts';

const skip = missingForBuilds() ?? false;
let bench: BuildBench;

before(async () => {
  if (skip === false) bench = await openBuildBench();
});
after(async () => {
  if (skip === false) await bench.close();
});

function request(files: Record<string, string>, more: Partial<BuildRequest> = {}): BuildRequest {
  const entries: TarInput[] = Object.entries(files)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, text]) => ({ path, content: Buffer.from(text) }));
  return { id: newId(), repository: 'tienda/web', tags: ['test'], source: packTar(entries), ...more };
}

async function failureOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Fault)) throw error;
  return error;
}

const FROM_BASE = 'FROM base/debian-12\n';

test('a base that is missing is named, so that it can be offered', { skip }, async () => {
  const fault = await failureOf(
    buildImage(request({ Containerfile: '# shop\nFROM base/debian-12\n' }), bench.context()),
  );
  assert.equal(fault.code, 'build.base-missing');
  assert.equal(fault.params['line'], 2);
  assert.equal(fault.text('en').remedy, 'darsena base create debian-12');
});

test('a base image is made by an ordinary user, with its package list, and twice with the same digest', {
  skip,
  timeout: 300_000,
}, async () => {
  const first = await createBase({ id: newId(), release: 'debian-12', include: [] }, bench.context());
  assert.equal(first.repository, 'base/debian-12');
  assert.ok(first.packages.some(({ name }) => name === 'libc6'));
  assert.ok(first.sizeBytes < 60_000_000, `${first.sizeBytes} bytes`);
  const second = await createBase({ id: newId(), release: 'debian-12', include: [] }, bench.context());
  assert.equal(second.digest, first.digest);
  assert.deepEqual(await readdir(bench.workshop.paths.work), []);
});

test('a build has no network, runs unprivileged, is pushed, and again comes from the cache with the same digest', {
  skip,
  timeout: 120_000,
}, async () => {
  const files = {
    Containerfile: `${FROM_BASE}COPY hello /hello\nRUN test "$(grep -c : /proc/net/dev)" = 1 && ! grep -q '^CapEff:.*ffffffff' /proc/self/status\nUSER 10001\n`,
    hello: 'hola',
  };
  const built = await buildImage(request(files), bench.context());
  assert.equal(built.steps, 4);
  assert.ok(built.layers.length >= 2);
  const again = await buildImage(request(files), bench.context());
  assert.equal(again.digest, built.digest);
  assert.equal(again.cacheHits, 3);
  assert.equal(again.source.digest, built.source.digest);
  const dependencies = built.provenance.buildDefinition.resolvedDependencies;
  assert.deepEqual(
    dependencies.map(({ uri }) => uri),
    ['urn:darsena:source:tienda/web', 'oci://registry.darsena.internal/base/debian-12:latest'],
  );
});

test('a failing step is told with its line and the last lines of its output, and leaves nothing', {
  skip,
  timeout: 120_000,
}, async () => {
  const text = `${FROM_BASE}RUN true\n\nRUN echo first; \\\n    echo the reason >&2; exit 7\n`;
  const fault = await failureOf(buildImage(request({ Containerfile: text }), bench.context()));
  assert.equal(fault.code, 'build.step-failed');
  assert.equal(fault.params['line'], 4);
  assert.match(JSON.stringify(fault.details), /the reason/);
  assert.match(String(fault.params['reason']), /exit status 7/);
  assert.deepEqual(await readdir(bench.workshop.paths.work), []);
});

test('a cancelled build ends every process it started', { skip, timeout: 120_000 }, async () => {
  const controller = new AbortController();
  const text = `${FROM_BASE}RUN setsid sleep 4242 & sleep 4242\n`;
  const building = buildImage(request({ Containerfile: text }), bench.context({ signal: controller.signal }));
  building.catch(() => undefined);
  for (let tries = 0; !(await processes()).some((line) => line.includes('sleep 4242')); tries += 1) {
    assert.ok(tries < 150, 'the step did not start');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  controller.abort(new Error('cancelled'));
  await assert.rejects(building, { message: 'cancelled' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(
    (await processes()).filter((line) => line.startsWith('sleep')),
    [],
  );
  assert.deepEqual(await readdir(bench.workshop.paths.work), []);
});

test('what a killed platform left of its builds is swept when it starts again', { skip }, async () => {
  const desk = await bench.workshop.desk(newId());
  await bench.workshop.run('touch', [join(desk.source, 'half'), join(desk.output, 'root.tar')], { timeoutMs: 10_000 });
  await bench.workshop.put(desk, 'auth.json', '{}');
  await bench.workshop.open();
  assert.deepEqual(await readdir(bench.workshop.paths.work), []);
});

test('short names, other registries and downloads are refused with their line', { skip }, async () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['FROM node:22\n', 'build.base-name', 1],
    ['FROM docker.io/library/node\n', 'build.registry-refused', 1],
    ['FROM scratch\nCOPY --from=quay.io/a/b /x /y\n', 'build.registry-refused', 2],
    ['FROM scratch\nADD https://example.com/a.tgz /\n', 'build.remote-refused', 2],
  ];
  for (const [text, code, line] of cases) {
    const fault = await failureOf(buildImage(request({ Containerfile: text }), bench.context()));
    assert.equal(fault.code, code);
    assert.equal(fault.params['line'], line);
  }
});

/** The command lines of the build user's processes. */
async function processes(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const status = await readFile(join('/proc', pid, 'status'), 'utf8').catch(() => '');
    if (!new RegExp(`^Uid:\\s+${bench.workshop.user.uid}\\s`, 'm').test(status) && !/^Uid:\s+\d{6,}\s/m.test(status))
      continue;
    found.push((await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')).replaceAll('\0', ' '));
  }
  return found.filter((line) => line.includes('4242'));
}

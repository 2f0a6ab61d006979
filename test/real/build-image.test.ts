import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type BuildRequest, buildImage, createBase, openSource } from '../../src/build/index.ts';
import { RegistryClient } from '../../src/build/registry-client.ts';
import { packTar, type TarInput } from '../../src/formats/index.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { type Digest, digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { Fault, newId, runCommand, systemClock } from '../../src/system/index.ts';
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
  // At the same time: what one takes from another's work would show, and it takes half as long.
  const make = () => createBase({ id: newId(), release: 'debian-12', include: [] }, bench.context());
  const [first, second] = await Promise.all([make(), make()]);
  assert.equal(first.repository, 'base/debian-12');
  assert.ok(first.packages.some(({ name }) => name === 'libc6'));
  assert.ok(first.sizeBytes < 60_000_000, `${first.sizeBytes} bytes`);
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
  await bench.workshop.run('touch', [join(desk.source, 'half'), join(desk.output, 'root.tar')], { timeoutMs: 30_000 });
  await bench.workshop.put(desk, 'auth.json', '{}');
  await bench.workshop.open();
  assert.deepEqual(await readdir(bench.workshop.paths.work), []);
});

test('what stands in the folders of the user who builds leads root nowhere', { skip }, async () => {
  const { workshop, folder } = bench;
  const victim = join(folder, 'victim');
  await mkdir(victim, { mode: 0o755 });
  const owners = async (): Promise<unknown> => {
    const { uid, gid, mode } = await stat(victim);
    return { uid, gid, mode, files: await readdir(victim) };
  };
  const before = await owners();
  const link = async (path: string): Promise<void> => {
    const made = await workshop.run('ln', ['--symbolic', '--', victim, path], { timeoutMs: 30_000 });
    assert.equal(made.code, 0, made.stderr);
  };
  const desk = await workshop.desk(newId());
  const secrets = join(workshop.paths.run, `secrets-${basename(desk.folder)}`);
  await link(secrets);
  await assert.rejects(workshop.putSecret(desk, 'npmrc', Buffer.from('s3cr3t')), { code: /ENOTDIR|ELOOP/ });
  await workshop.run('rm', ['--', secrets], { timeoutMs: 30_000 });
  const made = await workshop.run('mkdir', ['--', secrets], { timeoutMs: 30_000 });
  assert.equal(made.code, 0, made.stderr);
  await link(join(secrets, 'npmrc'));
  await assert.rejects(workshop.putSecret(desk, 'npmrc', Buffer.from('s3cr3t')), { code: 'EEXIST' });
  await link(join(workshop.paths.home, 'tmp', 'project-linked'));
  await workshop.temporaryOf('linked');
  await desk.close();
  await link(secrets);
  await workshop.open();
  assert.deepEqual(await owners(), before);
  assert.deepEqual(
    (await readdir(workshop.paths.run)).filter((name) => name.startsWith('secrets-')),
    [],
  );
  await workshop.run('rm', ['--', join(workshop.paths.home, 'tmp', 'project-linked')], { timeoutMs: 30_000 });
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

test('a secret is there for the step that asks for it, and in no layer, history, line of output or file afterwards', {
  skip,
  timeout: 120_000,
}, async () => {
  const value = 's3cr3t-of-the-registry';
  const length = `RUN --mount=type=secret,id=npmrc,required=true test "$(wc -c < /run/secrets/npmrc)" = ${value.length}`;
  const files = { Containerfile: `${FROM_BASE}${length}\nRUN test ! -s /run/secrets/npmrc\n` };
  const secrets = { npmrc: Buffer.from(value) };
  const told = await failureOf(
    buildImage(
      request(
        {
          Containerfile: `${FROM_BASE}RUN --mount=type=secret,id=npmrc echo "no: $(cat /run/secrets/npmrc)" >&2; exit 1\n`,
        },
        { secrets },
      ),
      bench.context(),
    ),
  );
  assert.match(JSON.stringify(told.details), /no: \*\*\*/);
  assert.ok(!JSON.stringify([told, told.details]).includes(value));
  const built = await buildImage(request(files, { secrets }), bench.context());
  assert.deepEqual(built.provenance.buildDefinition.externalParameters['secrets'], ['npmrc']);
  assert.deepEqual(
    (await readdir(bench.workshop.paths.run)).filter((name) => name.startsWith('secrets-')),
    [],
  );
});

test('here-documents, a base named by an argument, and an agent of ssh that signs with a key no step sees', {
  skip,
  timeout: 120_000,
}, async () => {
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const body = key.split('\n')[1] ?? '';
  const Containerfile = [
    'ARG WHICH=12',
    'FROM base/debian-$WHICH AS one',
    'RUN <<EOF',
    'set -e',
    'for n in 1 2; do',
    '  echo "line $n" >> /made',
    'done',
    'EOF',
    'COPY <<"conf" /etc/app.conf',
    'price = $9',
    'conf',
    'FROM one',
    'RUN test "$(cat /made)" = "$(printf "line 1\\nline 2")" && test "$(cat /etc/app.conf)" = \'price = $9\'',
    'RUN test "$(stat -c %a /etc/app.conf)" = 644',
    `RUN --mount=type=ssh,required=true test -S "$SSH_AUTH_SOCK" && ! grep -rsF ${body.slice(0, 12)}"${body.slice(12)}" /run /tmp /root`,
    'RUN test -z "$SSH_AUTH_SOCK"',
  ].join('\n');
  const files = { Containerfile, '.dockerignore': '*\n' };
  const missing = await failureOf(buildImage(request(files), bench.context()));
  assert.deepEqual([missing.code, missing.params['line'], missing.params['id']], ['build.ssh-missing', 15, 'default']);
  const built = await buildImage(
    request(files, { secrets: { 'ssh-agent.default': Buffer.from(key) } }),
    bench.context(),
  );
  const said = built.provenance.buildDefinition.externalParameters;
  assert.deepEqual([said['agents'], said['secrets']], [['default'], []]);
  assert.ok(!JSON.stringify(built.provenance).includes(body));
  const wrong = await failureOf(
    buildImage(request({ Containerfile: 'FROM base/debian-12\nRUN <<E\necho x; exit 9\nE\n' }), bench.context()),
  );
  assert.deepEqual([wrong.code, wrong.params['line']], ['build.step-failed', 2], JSON.stringify(wrong.params));
});

test('what the list beside a named Containerfile leaves out stays out of the image', {
  skip,
  timeout: 120_000,
}, async () => {
  const files = {
    'web.Containerfile': 'FROM base/debian-12\nCOPY . /a\nRUN test ! -e /a/secret && test -e /a/other\n',
    'web.Containerfile.dockerignore': 'secret\n',
    '.dockerignore': 'other\n',
    secret: 's',
    other: 'o',
  };
  const built = await buildImage(request(files, { containerfile: 'web.Containerfile' }), bench.context());
  assert.equal(built.steps, 3);
});

test('an address that a variable or a word over two lines makes is asked for by nobody', {
  skip,
  timeout: 120_000,
}, async () => {
  let asked = 0;
  const server = createPlainServer((_, response) => {
    asked += 1;
    response.end('fetched');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/x`;
    for (const add of [
      `ARG U=${url}\nADD $U /x`,
      `ENV U=${url}\nADD ["$U", "/x"]`,
      `ADD ${url.replace('http', 'ht\\\ntp')} /x`,
      `COPY ${url} /x`,
      `ENV U=${url}\nCOPY $U /x`,
      `ADD ["${url.replace('http', '\\u0068ttp')}", "/x"]`,
      `RUN true \\\u00a0\nADD ${url} /x`,
    ])
      await failureOf(buildImage(request({ Containerfile: `FROM base/debian-12\n${add}\n` }), bench.context()));
    assert.equal(asked, 0);
  } finally {
    server.close();
  }
});

test('equal sources give equal images whatever the cache holds, and of the time that is asked for', {
  skip,
  timeout: 120_000,
}, async () => {
  const files = { Containerfile: 'FROM scratch\nCOPY a /a\nLABEL of=equals\n', a: 'same' };
  const build = async (more: Partial<BuildRequest>): Promise<string> =>
    (await buildImage(request(files, more), bench.context())).digest;
  const dated = await build({ sourceDateEpoch: 1_700_000_000 });
  const first = await build({});
  assert.notEqual(first, dated);
  assert.equal(await build({ noCache: true }), first);
  assert.equal(await build({ sourceDateEpoch: 1_700_000_000 }), dated);
});

test('an image for a machine that this one is not and cannot play is refused before anything is built', {
  skip,
}, async () => {
  const platform = 'linux/mips64le';
  const files = { Containerfile: `${FROM_BASE}RUN true\n` };
  const fault = await failureOf(buildImage(request(files, { platform }), bench.context()));
  assert.equal(fault.code, 'build.platform-missing');
  // Where nothing is run there is nothing to play.
  const copied = { Containerfile: 'FROM scratch\nCOPY a /a\nWORKDIR /srv\n', a: 'text' };
  assert.equal((await buildImage(request(copied, { platform }), bench.context())).steps, 3);
});

test('a base that has something done in what is built on it is refused with it, and nobody is asked for anything', {
  skip,
  timeout: 120_000,
}, async (t) => {
  let asked = 0;
  const server = createPlainServer((_, response) => {
    asked += 1;
    response.end('fetched');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const client = new RegistryClient(bench.registry);
  t.after(() => client.close());
  const trigger = `ADD http://127.0.0.1:${(server.address() as AddressInfo).port}/latest/meta-data /x`;
  const chunks: Uint8Array[] = [];
  for await (const chunk of packTar([{ path: 'file', content: Buffer.from('text') }])) chunks.push(chunk);
  const tar = Buffer.concat(chunks);
  const layer = gzipSync(tar);
  const put = async (bytes: Buffer): Promise<{ digest: Digest; size: number }> => {
    await client.uploadBlob('base/triggers', bytes, () => digestOf(bytes));
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const publish = async (tag: string, config: object): Promise<Digest> => {
    const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] };
    const facts = { architecture: 'amd64', os: 'linux', rootfs, history: [{ created_by: 'COPY' }], ...config };
    const manifest = {
      ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.dockerManifest },
      config: { mediaType: MEDIA_TYPE.dockerConfig, ...(await put(Buffer.from(JSON.stringify(facts)))) },
      layers: [{ mediaType: MEDIA_TYPE.dockerLayerGzip, ...(await put(layer)) }],
    };
    return await client.putManifest('base/triggers', tag, manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
  };
  const digest = await publish('one', { config: { OnBuild: [trigger] } });
  await publish('letters', { config: { onbuild: ['', trigger] } });
  await publish('inner', { container_config: { OnBuild: [trigger] } });
  await publish('plain', { config: { OnBuild: [], Env: ['A=1'] } });
  const { sizeBytes = 0 } = (await client.findManifest('base/triggers', digest)) ?? {};
  const platform = { architecture: 'amd64', os: 'linux' };
  const list = {
    ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.dockerList },
    manifests: [{ mediaType: MEDIA_TYPE.dockerManifest, digest, size: sizeBytes, platform }],
  };
  await client.putManifest('base/triggers', 'list', list.mediaType, Buffer.from(JSON.stringify(list)));
  for (const tag of ['one', 'letters', 'inner', 'list']) {
    const files = { Containerfile: `FROM scratch AS x\nCOPY a /a\nFROM base/triggers:${tag}\n`, a: 'text' };
    const fault = await failureOf(buildImage(request(files), bench.context()));
    assert.deepEqual([fault.code, fault.params['line']], ['build.base-triggers', 3], tag);
    assert.match(String(fault.params['trigger']), /meta-data/, tag);
  }
  for (const text of ['FROM base/triggers:plain\n', 'FROM scratch\nCOPY --from=base/triggers:one /file /file\n'])
    await buildImage(request({ Containerfile: text }), bench.context());
  assert.equal(asked, 0);
});

test('a repository is fetched at one commit, with its name and time, and nothing of it is run', async (t) => {
  if ((await runCommand('git', ['--exec-path'], { timeoutMs: 30_000 }).catch(() => null)) === null)
    return t.skip('needs git');
  const folder = await mkdtemp('/var/tmp/darsena-git-');
  const authority = createAuthority({ name: 'git test', clock: systemClock });
  const served = issueServerCertificate(authority, { names: ['localhost'] });
  const server = createServer({ cert: served.certificatePem, key: served.privateKeyPem }, (asked, answer) =>
    gitAnswer(folder, asked, answer),
  );
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const git = (...words: string[]) =>
    runCommand('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], {
      cwd: join(folder, 'shop'),
      timeoutMs: 30_000,
      env: { PATH: process.env['PATH'] ?? '', GIT_COMMITTER_DATE: '2026-01-02T03:04:05Z', HOME: folder },
    });
  await mkdir(join(folder, 'shop', 'web'), { recursive: true });
  await writeFile(join(folder, 'shop', 'web', 'Containerfile'), FROM_BASE);
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '.');
  await git('commit', '--quiet', '--message=one');
  const id = (await git('rev-parse', 'HEAD')).stdout.trim();
  await writeFile(join(folder, 'ca.pem'), authority.certificatePem);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  process.env['GIT_SSL_CAINFO'] = join(folder, 'ca.pem');
  t.after(() => {
    delete process.env['GIT_SSL_CAINFO'];
  });
  const open = (address: string) => openSource(address, { input: packTar([]), terminal: false });
  const url = `https://localhost:${port}/shop/.git`;
  const opened = await open(`${url}#main:web`);
  assert.deepEqual(opened.commit, { id, time: '2026-01-02T03:04:05.000Z', repository: url, dirty: false });
  assert.deepEqual(await readdir(opened.folder), ['Containerfile']);
  await opened.close();
  await assert.rejects(open(`${url}#none`), { code: 'build.git-ref-missing' });
  await assert.rejects(open(`${url}#main:none`), { code: 'build.git-folder-missing' });
});

/** What git's own CGI program answers (git-http-backend(1)). */
function gitAnswer(root: string, asked: IncomingMessage, answer: ServerResponse): void {
  const { pathname, search } = new URL(asked.url ?? '/', 'https://localhost');
  const env = {
    ...{ PATH: process.env['PATH'] ?? '', GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1', HOME: root },
    ...{ PATH_INFO: pathname, QUERY_STRING: search.slice(1), REQUEST_METHOD: asked.method ?? 'GET' },
    ...{ CONTENT_TYPE: asked.headers['content-type'] ?? '', GIT_PROTOCOL: String(asked.headers['git-protocol'] ?? '') },
    ...{ HTTP_CONTENT_ENCODING: asked.headers['content-encoding'] ?? '' },
  };
  const child = spawn('git', ['-c', 'safe.directory=*', 'http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  asked.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.once('close', () => {
    const all = Buffer.concat(chunks);
    const end = all.indexOf('\r\n\r\n');
    for (const line of all.subarray(0, end).toString().split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') answer.statusCode = Number(value.slice(0, 3));
      else answer.setHeader(name, value);
    }
    answer.end(all.subarray(end + 4));
  });
}

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

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { packTar, parseYaml } from '../formats/index.ts';
import { checkPath, checkStream } from './checks/folder.ts';
import {
  CHECKS,
  type CheckedFile,
  checkCompose,
  checkContainerfile,
  checkFile,
  checkImage,
  checkKubernetes,
  meetsPodSecurity,
  podOf,
} from './checks/index.ts';
import { members } from './checks/values.ts';
import type { ExposedFile } from './package.ts';
import { mergeHere, packLayer, wrapLayer } from './test-image.ts';

const DATA = process.env['DARSENA_TEST_DATA'];

test('checks: every one has an id of its own and says its problem and remedy in both languages', () => {
  const all = Object.values(CHECKS).flat();
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  for (const { id, title, remedy } of all) {
    assert.match(id, /^[a-z0-9-]+$/);
    for (const text of [title.en, title.es, remedy.en, remedy.es]) assert.ok(text.length > 5, id);
    assert.notEqual(title.en, title.es, id);
  }
});

test('checks: the labelled pods of the Pod Security Standards are judged as Kubernetes judges them', (t) => {
  if (DATA === undefined) return t.skip('DARSENA_TEST_DATA is not set');
  const rows = gunzipSync(readFileSync(join(DATA, 'posture/pod-security-standards-v1.30.ndjson.gz')))
    .toString()
    .trimEnd()
    .split('\n');
  assert.equal(rows.length, 128);
  for (const row of rows) {
    const { level, expect, name, manifest } = JSON.parse(row) as {
      level: 'baseline' | 'restricted';
      expect: string;
      name: string;
      manifest: string;
    };
    const pod = podOf(members(parseYaml(manifest, { scalars: 'kubernetes' }).value));
    assert.ok(pod !== null);
    assert.equal(meetsPodSecurity(pod, level), expect === 'pass', `${level} ${name}`);
  }
});

const HARDENED = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop, labels: { app.kubernetes.io/name: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      automountServiceAccountToken: false
      serviceAccountName: web
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway }]
      securityContext: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: app
          image: registry.example/shop/web@sha256:${'a'.repeat(64)}
          ports: [{ containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /ready, port: 8080 } }
          livenessProbe: { httpGet: { path: /alive, port: 8080 } }
          resources: { requests: { cpu: 100m, memory: 64Mi }, limits: { cpu: 1, memory: 128Mi, ephemeral-storage: 100Mi } }
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
`;

test('checks: a hardened manifest has nothing against it, and each loosening is named with its line', () => {
  assert.deepEqual(
    checkKubernetes(HARDENED, 'web.yaml').map(({ id }) => id),
    [],
  );
  const table: [from: string, to: string, id: string][] = [
    ['replicas: 2', 'replicas: 1', 'k8s-one-replica'],
    ['namespace: shop', 'namespace: kube-system', 'k8s-system-namespace'],
    ['automountServiceAccountToken: false', 'hostNetwork: true', 'k8s-host-network'],
    ['automountServiceAccountToken: false', 'shareProcessNamespace: true', 'k8s-share-process-namespace'],
    [
      'serviceAccountName: web',
      'volumes: [{ name: s, hostPath: { path: /run/podman/podman.sock } }]',
      'k8s-container-socket',
    ],
    ['serviceAccountName: web', 'volumes: [{ name: s, hostPath: { path: / } }]', 'k8s-host-root'],
    ['drop: [ALL]', 'drop: [ALL], add: [SYS_ADMIN]', 'k8s-cap-sys-admin'],
    ['drop: [ALL]', 'drop: [ALL], add: [cap_sys_module]', 'k8s-cap-sys-module'],
    ['readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: "true"', 'k8s-read-only-root'],
    [`web@sha256:${'a'.repeat(64)}`, 'web:latest', 'k8s-image-tag-latest'],
    ['ports: [{ containerPort: 8080 }]', 'env: [{ name: DB_PASSWORD, value: hunter2 }]', 'k8s-env-secret'],
    ['kind: Deployment', 'kind: Deployment', ''],
    ['apps/v1', 'apps/v1beta1', 'k8s-old-api'],
    ['matchLabels: { app: web }', 'matchLabels: { app: other }', 'k8s-selector-mismatch'],
    ['runAsUser: 10001', 'runAsUser: 0', 'k8s-run-as-user-root'],
    ['path: /alive, port: 8080', 'path: /alive, port: 8080, host: 169.254.169.254', 'k8s-probe-host'],
  ];
  for (const [from, to, id] of table) {
    const found = checkKubernetes(HARDENED.replace(from, to), 'web.yaml');
    if (id === '') assert.deepEqual(found, []);
    else
      assert.ok(
        found.some((one) => one.id === id && one.line !== null),
        `${to}: ${found.map((one) => one.id).join(' ')}`,
      );
  }
  const secret = checkKubernetes(
    HARDENED.replace('ports: [{ containerPort: 8080 }]', 'env: [{ name: DB_PASSWORD, value: hunter2 }]'),
    null,
  );
  assert.ok(!JSON.stringify(secret).includes('hunter2'), 'a value of a credential is never repeated');
  assert.equal(secret.find(({ id }) => id === 'k8s-env-secret')?.line, 17);
});

test('checks: rights, ways in and the cluster’s own programs are looked at', () => {
  const object = (kind: string, rest: string): string[] =>
    checkKubernetes(`apiVersion: v1\nkind: ${kind}\nmetadata: { name: x }\n${rest}\n`, null).map(({ id }) => id);
  assert.ok(
    object('ClusterRole', 'rules: [{ apiGroups: [""], resources: [secrets], verbs: [get] }]').includes(
      'k8s-rbac-secrets',
    ),
  );
  assert.ok(
    object('Role', 'rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]').includes('k8s-rbac-wildcard-verbs'),
  );
  assert.deepEqual(object('Role', 'rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get] }]'), []);
  assert.ok(
    object(
      'ClusterRoleBinding',
      'roleRef: { name: cluster-admin }\nsubjects: [{ kind: Group, name: system:unauthenticated }]',
    ).includes('k8s-rbac-anonymous'),
  );
  assert.ok(object('Ingress', 'spec: { rules: [{ host: a.example }] }').includes('k8s-ingress-tls'));
  assert.ok(object('Service', 'spec: { type: LoadBalancer, selector: { a: b } }').includes('k8s-service-open'));
  assert.ok(object('ConfigMap', 'data: { apiToken: abc }').includes('k8s-config-map-secret'));
  const server = object(
    'Pod',
    'spec: { containers: [{ name: a, command: [kube-apiserver, --anonymous-auth=true, "--authorization-mode=AlwaysAllow"] }] }',
  );
  assert.ok(server.includes('k8s-kube-apiserver-authorization-mode-1-2-6'));
  assert.ok(server.includes('k8s-kube-apiserver-anonymous-auth-1-2-1'));
});

test('checks: Containerfiles, over continued lines, heredocs, stages and the JSON form', () => {
  const ids = (text: string): string[] => checkContainerfile(text, 'Containerfile').map(({ id }) => id);
  const good = [
    'FROM registry.example/base@sha256:abc AS build',
    'RUN make',
    'FROM registry.example/base@sha256:abc',
    'LABEL org.opencontainers.image.source=https://example.org',
    'COPY --from=build /out /app',
    'HEALTHCHECK CMD ["/app", "--health"]',
    'USER 10001',
    'ENTRYPOINT ["/app"]',
  ].join('\n');
  assert.deepEqual(ids(good), []);
  const table: [line: string, id: string][] = [
    ['ADD . /app', 'file-add'],
    ['ADD https://example.org/x.tar.gz /x', 'file-add-remote'],
    ['RUN curl -k https://example.org/x -o x', 'file-tls-off'],
    ['RUN curl -sSL https://example.org/i | sh', 'file-pipe-shell'],
    [
      'RUN apt-get update \\\n && apt-get install -y --no-install-recommends \\\n # a comment\n   sudo=1',
      'file-sudo-install',
    ],
    ['RUN <<EOF\napt-get update\napt-get install -y --no-install-recommends sudo=1\nEOF', 'file-sudo-install'],
    ['RUN ["apt", "install", "-y", "x=1"]', 'file-apt-interactive'],
    ['ENV API_KEY=abc', 'file-env-secret'],
    ['ARG NPM_TOKEN', 'file-arg-secret'],
    ['RUN chmod -R 777 /srv', 'file-chmod-open'],
    ['RUN chmod u+s /bin/x', 'file-setuid'],
    ['EXPOSE 22', 'file-expose-ssh'],
    ['COPY id_rsa /root/.ssh/id_rsa', 'file-copy-secret'],
    ['WORKDIR app', 'file-workdir-relative'],
    ['RUN pip install flask==3', 'file-pip-cache'],
    ['CMD node server.js', 'file-shell-cmd'],
    ['RUN git clone https://example.org/a', 'file-git-clone'],
    ['USER root', 'file-user-root'],
  ];
  for (const [line, id] of table)
    assert.ok(ids(`${good}\n${line}`).includes(id), `${line}: ${ids(`${good}\n${line}`).join(' ')}`);
  assert.deepEqual(ids(`${good}\n# darsena:ignore=file-expose-ssh\nEXPOSE 22`), []);
  assert.ok(ids('FROM debian\nRUN x').includes('file-base-latest'));
  assert.ok(!ids(good.replace('@sha256:abc AS', ':$V AS')).includes('file-base-latest'));
  assert.ok(!JSON.stringify(checkContainerfile(`${good}\nENV API_KEY=abcdef123`, null)).includes('abcdef123'));
});

test('checks: what a service has by extends is not missing, and of what stands in another file nothing is said', () => {
  const found = checkCompose(
    `services:
  base: { image: a, healthcheck: { test: x }, cap_drop: [ALL], deploy: { resources: { limits: { memory: 1g } } } }
  mid: { extends: { service: base }, deploy: { resources: { limits: { cpus: "1" } } } }
  web: { extends: mid, user: !reset null }
  far: { extends: { file: other.yaml, service: x } }
  round: { extends: round }`,
    'compose.yaml',
  ).map(({ id, subject }) => `${subject} ${id}`);
  for (const name of ['base', 'mid', 'web', 'far', 'round'])
    for (const id of ['compose-health', 'compose-capabilities-kept', 'compose-memory'])
      assert.ok(!found.includes(`service ${name} ${id}`), `${name} ${id}`);
  assert.ok(found.includes('service web compose-new-privileges'));
});

test('checks: Compose services and images, with the rights of their files', () => {
  const compose = checkCompose(
    'services:\n  web:\n    image: nginx\n    privileged: true\n    ports: ["80:80"]\n    environment: [DB_PASSWORD=x]\n',
    'compose.yaml',
  );
  const found = compose.map(({ id }) => id);
  for (const id of [
    'compose-privileged',
    'compose-image-tag',
    'compose-port-open',
    'compose-port-low',
    'compose-secret',
  ])
    assert.ok(found.includes(id), id);
  assert.equal(compose.find(({ id }) => id === 'compose-privileged')?.line, 4);

  const layer = 'sha256:aa' as ExposedFile['layer'];
  const file = (path: string, mode: number): ExposedFile => ({ path, kind: 'file', mode, cache: false, layer });
  const image = checkImage({
    config: { config: { User: '', Env: ['PATH=/bin:', 'DB_PASSWORD=x'], ExposedPorts: { '22/tcp': {} } } },
    files: [file('usr/bin/su', 0o4755), file('opt/tool', 0o4755), file('etc/passwd', 0o666)],
  }).map(({ id, path }) => `${id} ${path ?? ''}`.trim());
  for (const id of [
    'image-root-user',
    'image-env-secret',
    'image-ssh',
    'image-path-open',
    'image-setuid /opt/tool',
    'image-setuid-usual /usr/bin/su',
    'image-open-account-file /etc/passwd',
  ]) {
    assert.ok(image.includes(id), `${id}: ${image.join(', ')}`);
  }
  assert.ok(!image.includes('image-setuid /usr/bin/su'));
});

test('checks: capabilities of files are read out of pax records, and told by their names', async () => {
  /** An entry behind a pax record with `struct vfs_cap_data` of revision 2. */
  const capable = async (path: string, permitted: bigint): Promise<Uint8Array> => {
    const value = Buffer.alloc(20);
    value.writeUInt32LE(0x02000001, 0);
    value.writeUInt32LE(Number(permitted & 0xffffffffn), 4);
    value.writeUInt32LE(Number(permitted >> 32n), 12);
    const record = Buffer.concat([Buffer.from(' SCHILY.xattr.security.capability='), value, Buffer.from('\n')]);
    const content = Buffer.concat([Buffer.from(String(record.length + 2)), record]);
    const parts: Uint8Array[] = [];
    for await (const part of packTar([
      { path: 'pax', content },
      { path, mode: 0o755, content: Buffer.from('x') },
    ])) {
      parts.push(part);
    }
    const tar = Buffer.concat(parts);
    tar.write('x', 156);
    tar.fill(' ', 148, 156);
    const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return tar;
  };
  const layers = [
    wrapLayer(await capable('usr/bin/ping', 1n << 13n)),
    wrapLayer(await capable('opt/tool', (1n << 21n) | (1n << 39n))),
    wrapLayer(await capable('opt/gone', 1n << 21n)),
    await packLayer([{ path: 'opt/.wh.gone', content: Buffer.alloc(0) }]),
  ];
  const { exposed } = await mergeHere(layers);
  const found = checkImage({ config: {}, files: exposed ?? null }).filter(({ id }) => id.includes('capabilities'));
  assert.deepEqual(
    found.map(({ id, path, message }) => [id, path, /SYS_ADMIN, BPF|NET_RAW/.exec(message.en)?.[0]]),
    [
      ['image-file-capabilities', '/opt/tool', 'SYS_ADMIN, BPF'],
      ['image-file-capabilities-usual', '/usr/bin/ping', 'NET_RAW'],
    ],
  );
});

test('checks: an image that leads its run-time into the folders of the kernel is named, by however many links (D3)', async () => {
  const link = (path: string, linkTarget: string) => ({ kind: 'symlink' as const, path, linkTarget });
  const hard = (path: string, linkTarget: string) => ({ kind: 'hardlink' as const, path, linkTarget });
  type Link = ReturnType<typeof link> | ReturnType<typeof hard>;
  const found = async (folder: string, ...links: readonly (readonly Link[])[]) => {
    const layers = await Promise.all(links.map((some) => packLayer([...some])));
    const { kernelLinks = null, workingDirLink = null } = await mergeHere(
      [...layers, await packLayer([{ path: 'x', content: Buffer.alloc(0) }])],
      folder,
    );
    const facts = { config: { config: { WorkingDir: folder } }, files: [], links: kernelLinks, workingDirLink };
    return checkImage(facts)
      .filter(({ id }) => /^image-(?:workdir-kernel|kernel-link)$/.test(id))
      .map(({ id }) => id);
  };
  const usual = [link('etc/mtab', '/proc/mounts'), link('var/run', '/run'), link('bin', 'usr/bin'), link('a', 'a')];
  for (const folder of ['', '/', '/srv/app', 'srv', '/process', '/devices/x', '/srv/proc/self', '/bin', '/a/b'])
    assert.deepEqual(await found(folder, usual), [], folder);
  const escapes: readonly (readonly [string, readonly Link[]])[] = [
    ['/proc/self/fd/7', []],
    ['/proc/self/fd/8/', []],
    ['//proc/self/fd/9', []],
    ['/./proc/self/fd/10', []],
    ['/srv/../proc/self/fd/11', []],
    ['/../proc/1/root', []],
    ['proc/self/cwd', []],
    ['../../proc/self/cwd', []],
    ['/proc', []],
    ['/sys/fs/cgroup', []],
    ['/dev/fd/7', []],
    ['/dev', []],
    ['/work', [link('work', '/proc/self/fd/7')]],
    ['/work/', [link('work', 'proc/self/fd/7')]],
    ['/work/sub', [link('work', '/proc/self')]],
    ['/srv/work', [link('srv/work', '../proc/self/fd/8')]],
    ['/srv/work', [link('srv/work', '../../../../proc/self/fd/8')]],
    ['/one', [link('one', '/two'), link('two', '/three/x'), link('three', '/proc/self/fd')]],
    ['/one/self', [link('one', 'two'), link('two', 'proc')]],
    ['/usr/here', [link('usr/here', 'there'), link('usr/there', '/dev/fd/9')]],
    ['/etc/mtab', usual],
    ['/a/b', [link('a', 'c'), link('c/b', '/proc/self/fd/7')]],
    // What stands above a folder is where the link led, and not what its name says.
    ['/work', [link('work', 'd/../self/fd/7'), link('d', '/proc/sys')]],
    ['/d/../self/fd/7', [link('d', '/proc/sys')]],
    ['/e/../x', [link('e', '/usr/lib'), link('usr/lib/y', 'y'), link('usr/x', '/proc/self/fd/7')]],
    ['/work', [link('s', '/proc/self/fd/7'), hard('work', 's')]],
    ['/d/work', [link('d', '/srv'), link('d/work', '/proc/self/fd/7')]],
    ['/srv/work', [link('d', '/srv'), link('d/work', '/proc/self/fd/7')]],
    ['/none/../work', [link('work', '/proc/self/fd/7')]],
    ['/r/r/r/work', [link('r', '/'), link('work', '/proc/self/fd/7')]],
  ];
  for (const [folder, links] of escapes)
    assert.deepEqual(await found(folder, links), ['image-workdir-kernel'], `${folder} ${JSON.stringify(links)}`);
  // Links upon links are followed as far as the kernel goes, and those that lead back hold nothing up.
  const chain = Array.from({ length: 300 }, (_, index) => link(`l${index}`, `${'./'.repeat(400)}l${index + 1}`));
  assert.deepEqual(await found('/l0', chain), []);
  assert.deepEqual(await found('/l0', chain.slice(0, 39), [link('l39', '/proc')]), ['image-workdir-kernel']);
  const back = [link('app/self', '..'), link('app/here', '.'), link('app/log', '/dev/stdout'), link('root', '/')];
  assert.deepEqual(await found('/app', [...usual, ...back]), []);
  assert.deepEqual(await found('/app/self/app/here', [...usual, ...back]), []);
  assert.deepEqual(await found('/work', [link('work', '/proc/self')], [link('.wh.work', 'x')]), []);
  // What a later layer puts in the place of a link is no link; what it makes a link is one.
  assert.deepEqual(await found('/work', [link('work', '/srv')], [link('work', '/proc/self/fd/7')]), [
    'image-workdir-kernel',
  ]);
  for (const [path, target] of [
    ['dev', '/srv/dev'],
    ['dev', '../../host'],
    ['proc', 'tmp/proc'],
    ['sys', '/'],
  ] as const)
    assert.deepEqual(await found('/', [link(path, target)]), ['image-kernel-link'], `${path} ${target}`);
});

test('checks: a folder is read without following links; what cannot be read is said, not passed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-checks-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'k8s'));
  await mkdir(join(folder, 'node_modules'));
  await writeFile(join(folder, 'Containerfile'), 'FROM x\n');
  await writeFile(join(folder, 'node_modules', 'Dockerfile'), 'FROM x\n');
  await writeFile(join(folder, 'k8s', 'a.yaml'), 'apiVersion: v1\nkind: Pod\nmetadata: {name: a, name: b}\n');
  await writeFile(join(folder, 'values.yaml'), 'a: b\n');
  await symlink('/etc/passwd', join(folder, 'Dockerfile'));
  const files = await checkPath(folder);
  assert.deepEqual(
    files.map(({ path }) => path),
    ['Containerfile', 'k8s/a.yaml'],
  );
  assert.match(files[1]?.unreadable?.en ?? '', /name/);
  // What is asked for by name may be a link itself, to a folder and to a file.
  await symlink('k8s', join(folder, 'deploy'));
  assert.deepEqual(
    (await checkPath(join(folder, 'deploy'))).map(({ path }) => path),
    ['a.yaml'],
  );
  await symlink('Containerfile', join(folder, 'Dockerfile.prod'));
  assert.equal((await checkPath(join(folder, 'Dockerfile.prod'))).length, 1);
  await writeFile(join(folder, 'deep.yaml'), '['.repeat(100_000));
  await writeFile(join(folder, 'values.yaml'), 'a: 1\n');
  const [deep] = await checkPath(join(folder, 'deep.yaml'));
  assert.match(deep?.unreadable?.en ?? '', /deeper/, 'who names a file is told that it cannot be read');
  assert.deepEqual(await checkPath(join(folder, 'values.yaml')), []);
  assert.equal(checkFile('README.md', 'kind: x'), null);
});

test('checks: a Containerfile whose comments are in another encoding is checked; a manifest or Compose file in one is said', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-checks-'));
  t.after(() => rm(folder, { recursive: true }));
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, name), Buffer.from(text, 'latin1'));
  const image = '# contraseña\nFROM x:latest\nENV DB_PASSWORD=hush\n';
  await write('Containerfile', image);
  await write('compose.yaml', '# contraseña\nservices: {web: {image: x, privileged: true}}\n');
  await write('stack.yaml', '# contraseña\nservices: {web: {image: x, privileged: true}}\n');
  await write('pod.yaml', '# contraseña\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n');
  await write('values.yaml', '# contraseña\na: b\n');
  const files = await checkPath(folder);
  assert.deepEqual(
    files.map(({ path, unreadable }) => [path, unreadable !== null]),
    [
      ['Containerfile', false],
      ['compose.yaml', true],
      ['pod.yaml', true],
      ['stack.yaml', true],
    ],
  );
  const ids = (one: CheckedFile | null | undefined): string[] => one?.misconfigurations.map(({ id }) => id) ?? [];
  assert.ok(ids(files[0]).length > 0);
  assert.deepEqual(ids(files[0]), ids(checkFile('Containerfile', image)));
  assert.equal((await checkPath(join(folder, 'Containerfile'))).length, 1);
});

test('what comes on a stream is checked as a file is, and what cannot be judged passes no gate', async () => {
  const check = (text: string | Uint8Array) => {
    const given = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(text);
    };
    return checkStream(given(), (_kind, path) => ({
      ...{ enforced: 1, emulated: 0, refused: 0 },
      notes: [{ file: path, line: 1, field: '', treatment: 'emulated', text: { en: 'e', es: 'e' } }],
    }));
  };
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { hostNetwork: true, containers: [{ name: c, image: i }] }\n';
  const found = await check(`---\n# Source: a\n${pod}`);
  assert.deepEqual([found?.path, found?.unreadable, found?.support?.enforced], ['stdin.yaml', null, 1]);
  assert.ok(found?.misconfigurations.some(({ id }) => id === 'k8s-host-network'));
  const why = async (text: string | Uint8Array): Promise<string> => (await check(text))?.unreadable?.en ?? '';
  assert.match(await why(' \n'), /^nothing came on standard input/);
  assert.match(await why('services:\n  a: { image: x }\n'), /name the file/);
  assert.match(await why(`${pod}x: [1\n`), /YAML/);
  assert.match(await why('a: [1\n'), /YAML/);
  assert.match(await why(Buffer.from([0x61, 0xe9])), /UTF-8/);
  assert.match(await why(`${pod}# ${'x'.repeat(4 * 1024 * 1024)}`), /more than 4194304 bytes/);
  assert.equal(await check('a: 1\n'), null);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parseYamlDocuments, readTar } from '../../formats/index.ts';
import type { Json } from '../../system/index.ts';
import { expandReferences } from '../engines/local/orders.ts';
import { COMPOSE_MANIFESTS, type ComposeConversion, convertCompose } from './convert.ts';
import { explainComposeField, listComposeFields } from './explain.ts';
import { interpolate, parseEnvFile, splitWords } from './interpolate.ts';

type Files = Readonly<Record<string, string>>;

/** Here a dollar sign before a brace is written §, because linters take it for a slip. */
function dollars(text: string): string {
  return text.replaceAll('§', '$');
}

function convert(
  files: Files | string,
  more: { variables?: Files; profiles?: string[]; files?: string[] } = {},
): ComposeConversion {
  const texts: Files = typeof files === 'string' ? { 'compose.yaml': files } : files;
  return convertCompose({
    files: more.files ?? ['compose.yaml'],
    read: (path) => (Object.hasOwn(texts, path) ? dollars(texts[path] ?? '') : null),
    variables: more.variables ?? {},
    profiles: more.profiles ?? [],
    project: 'tienda',
  });
}

function service(yaml: string): ComposeConversion {
  const indented = yaml
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
  return convert(`services:\n  web:\n    image: tienda/web\n${indented}\nvolumes: { data: {} }`);
}

/** A value of the document of a kind, by its path. */
function of(conversion: ComposeConversion, kind: string, ...path: (string | number)[]): Json | undefined {
  assert.deepEqual(
    conversion.problems.map(({ field, text }) => `${field}: ${text.en}`),
    [],
  );
  const documents = parseYamlDocuments(conversion.manifests?.text ?? '').map(({ value }) => value as { kind: string });
  const found: unknown = documents.find((one) => one.kind === kind);
  return path.reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], found) as
    | Json
    | undefined;
}

const POD = ['spec', 'template', 'spec'] as const;
const FIRST = [...POD, 'containers', 0] as const;

test('compose: variables, as the specification has them', () => {
  const variables = { SET: 'x', EMPTY: '' };
  const missing: string[] = [];
  const cases: readonly [string, string][] = [
    ['a$SET-b', 'ax-b'],
    ['§{SET}', 'x'],
    ['§{EMPTY:-d}', 'd'],
    ['§{EMPTY-d}', ''],
    ['§{NO-d}', 'd'],
    ['§{NO:-§{SET:-y}}', 'x'],
    ['§{SET:+other}', 'other'],
    ['§{EMPTY:+other}', ''],
    ['§{EMPTY+other}', 'other'],
    ['$$SET', '$SET'],
    ['§{SET:?never asked §{NO}}', 'x'],
    ['$NO', ''],
  ];
  for (const [text, meant] of cases)
    assert.equal(
      interpolate(dollars(text), variables, (name) => missing.push(name)),
      meant,
      text,
    );
  assert.deepEqual(missing, ['NO']);
  for (const plain of ['$1', 'a $ b', 'echo $(date)', '$'])
    assert.equal(
      interpolate(plain, variables, () => undefined),
      plain,
    );
  for (const wrong of ['§{NO:?tell me}', '§{NO?}', '§{EMPTY:?}', '§{', '§{SET', '§{1}', 'secret §{-x}']) {
    assert.throws(
      () => interpolate(dollars(wrong), variables, () => undefined),
      (error: Error) => /NO|EMPTY|brace|names nothing/.test(error.message) && !/secret/.test(error.message),
      wrong,
    );
  }
  assert.deepEqual(parseEnvFile('A=1\n# x\nexport B="two\\n$A" # y\nC=\'$A\'\nD= 3 # z\n', {}), {
    A: '1',
    B: 'two\n1',
    C: '$A',
    D: '3',
  });
  assert.deepEqual(splitWords(`a "b c" 'd e' f\\ g ''`), ['a', 'b c', 'd e', 'f g', '']);
});

test('compose: what is kept, by its field', () => {
  const cases: readonly [string, string, (string | number)[], Json][] = [
    ['command: sleep 10', 'Deployment', [...FIRST, 'args'], ['sleep', '10']],
    ['entrypoint: [a, "b c"]', 'Deployment', [...FIRST, 'command'], ['a', 'b c']],
    ['environment: [A=1, B]', 'Deployment', [...FIRST, 'env'], [{ name: 'A', value: '1' }]],
    ['environment: { A: "$$(B)" }', 'Deployment', [...FIRST, 'env', 0, 'value'], '$$(B)'],
    ['user: "1000:1001"', 'Deployment', [...FIRST, 'securityContext', 'runAsGroup'], 1001],
    ['user: 1000', 'Deployment', [...POD, 'securityContext', 'fsGroup'], 1000],
    ['cap_drop: [CAP_ALL]', 'Deployment', [...FIRST, 'securityContext', 'capabilities'], { drop: ['ALL'] }],
    ['read_only: true', 'Deployment', [...FIRST, 'securityContext', 'readOnlyRootFilesystem'], true],
    [
      'security_opt: ["no-new-privileges:true"]',
      'Deployment',
      [...FIRST, 'securityContext', 'allowPrivilegeEscalation'],
      false,
    ],
    ['mem_limit: 64m', 'Deployment', [...FIRST, 'resources', 'limits', 'memory'], String(64 * 1024 ** 2)],
    [
      'deploy: { resources: { limits: { cpus: "0.25" } } }',
      'Deployment',
      [...FIRST, 'resources', 'limits', 'cpu'],
      '250m',
    ],
    ['deploy: { replicas: 3 }', 'Deployment', ['spec', 'replicas'], 3],
    ['scale: 2', 'Deployment', ['spec', 'replicas'], 2],
    ['deploy: { mode: global }', 'DaemonSet', ['metadata', 'name'], 'web'],
    ['volumes: ["data:/data"]', 'Deployment', ['spec', 'strategy', 'type'], 'Recreate'],
    ['volumes: ["data:/data:ro"]', 'Deployment', [...FIRST, 'volumeMounts', 0, 'readOnly'], true],
    ['volumes: ["/data"]', 'Deployment', [...POD, 'volumes', 0, 'emptyDir'], {}],
    ['tmpfs: /run:size=1m', 'Deployment', [...POD, 'volumes', 0, 'emptyDir', 'sizeLimit'], '1048576'],
    ['stop_grace_period: 1m30s', 'Deployment', [...POD, 'terminationGracePeriodSeconds'], 90],
    ['hostname: x', 'Deployment', [...POD, 'terminationGracePeriodSeconds'], 10],
    ['stop_signal: QUIT', 'Deployment', [...FIRST, 'lifecycle', 'stopSignal'], 'SIGQUIT'],
    ['pre_stop: [{ command: a b }]', 'Deployment', [...FIRST, 'lifecycle', 'preStop', 'exec', 'command'], ['a', 'b']],
    ['init: true', 'Deployment', [...POD, 'shareProcessNamespace'], true],
    ['tty: "true"', 'Deployment', [...FIRST, 'tty'], true],
    ['extra_hosts: ["a.example:192.0.2.1"]', 'Deployment', [...POD, 'hostAliases', 0, 'hostnames'], ['a.example']],
    ['dns: 192.0.2.1', 'Deployment', [...POD, 'dnsConfig', 'nameservers'], ['192.0.2.1']],
    ['group_add: ["5"]', 'Deployment', [...POD, 'securityContext', 'supplementalGroups'], [5]],
    ['sysctls: [net.ipv4.tcp_syncookies=1]', 'Deployment', [...POD, 'securityContext', 'sysctls', 0, 'value'], '1'],
    [
      'healthcheck: { test: "true || false", interval: 5s }',
      'Deployment',
      [...FIRST, 'readinessProbe', 'exec', 'command'],
      ['/bin/sh', '-c', 'true || false'],
    ],
    [
      'labels: ["traefik.enable=true"]',
      'Deployment',
      ['spec', 'template', 'metadata', 'annotations'],
      { 'traefik.enable': 'true' },
    ],
    ['ports: ["127.0.0.1:9000-9001:80-81/tcp"]', 'Service', ['spec', 'ports', 1, 'port'], 81],
    ['ports: [8080]', 'Ingress', ['metadata', 'name'], 'web'],
    [
      'deploy: { update_config: { order: stop-first, parallelism: 2, delay: 5s } }',
      'Deployment',
      ['spec', 'strategy', 'rollingUpdate'],
      { maxSurge: 0, maxUnavailable: 2 },
    ],
  ];
  for (const [yaml, kind, path, value] of cases) assert.deepEqual(of(service(yaml), kind, ...path), value, yaml);
  // A database is not opened to browsers because its port is published.
  assert.equal(of(service('ports: ["5432:5432"]'), 'Ingress'), undefined);
});

test('compose: limits of processes reach the container, by an annotation of its pod', () => {
  const of = (yaml: string) => service(yaml);
  const { problems, manifests } = of(
    'ulimits: { nofile: { soft: 1024, hard: 2048 }, nproc: 65535, memlock: -1, core: "0" }',
  );
  assert.deepEqual(problems, []);
  const text = JSON.stringify(manifests);
  assert.match(text, /darsena\/ulimits[\\": ]+[a-z0-9-]+: nofile=1024:2048, nproc=65535, memlock=-1, core=0/);
  for (const wrong of ['nofile: { soft: 2, hard: 1 }', 'nofile: many', 'nofile: { soft: 1 }', 'nofile: -2']) {
    const found = of(`ulimits: { ${wrong} }`);
    assert.equal(found.manifests, null, wrong);
    assert.ok(
      found.problems.some(({ field }) => field.endsWith('ulimits.nofile')),
      wrong,
    );
  }
});

test('compose: what would open the host is refused, each with a way out', () => {
  const refused: readonly string[] = [
    'privileged: true',
    'network_mode: host',
    'pid: host',
    'ipc: host',
    'userns_mode: host',
    'devices: [/dev/sda]',
    'volumes: ["/etc:/host"]',
    'volumes: ["./src:/src"]',
    'volumes: ["~/x:/x"]',
    'volumes: [{ type: bind, source: /var/run/docker.sock, target: /s, read_only: true }]',
    'security_opt: [seccomp=unconfined]',
    'security_opt: ["apparmor:unconfined"]',
    'use_api_socket: true',
    'ulimits: { files: 10 }',
    'runtime: kata',
    'cgroup_parent: /x',
    'oom_kill_disable: true',
    'build: { context: ../.. }',
    'build: https://github.com/x/y.git',
  ];
  for (const yaml of refused) {
    const { problems, manifests } = service(yaml);
    assert.equal(manifests, null, yaml);
    assert.ok(
      problems.some(({ kind, text }) => kind === 'refused' && text.en !== text.es && text.en.length > 20),
      yaml,
    );
  }
  for (const harmless of ['privileged: false', 'network_mode: bridge', 'ipc: private', 'runtime: runc']) {
    assert.notEqual(service(harmless).manifests, null, harmless);
  }
  for (const wrong of [
    'ports: [x]',
    'user: root',
    'mem_limit: much',
    'volumes: ["no:/x"]',
    'secrets: [no]',
    'networks: [no]',
    'depends_on: [no]',
    'colour: red',
  ]) {
    assert.equal(service(wrong).manifests, null, wrong);
  }
});

test('compose: files that lead to files: include, extends, overrides, profiles, anchors', () => {
  const files = {
    'compose.yaml': `
include: [db/compose.yaml]
x-env: &env { A: "1" }
services:
  web: { extends: { file: common/base.yaml, service: base }, image: tienda/web, environment: { <<: *env, C: "§{C:-c}" } }
  tool: { image: tienda/tool, profiles: [tools] }`,
    'compose.override.yaml': 'services: { web: { environment: [A=2], ports: ["80:80"] } }',
    'common/base.yaml': 'services: { base: { env_file: base.env, expose: [8080], depends_on: [db] } }',
    'common/base.env': 'F=file\nA=0',
    'db/compose.yaml':
      'services: { db: { image: "postgres:16", volumes: ["data:/d"], build: . } }\nvolumes: { data: {} }',
    '.env': 'C=from-env',
  };
  const merged = convert(files, { files: ['compose.yaml', 'compose.override.yaml'] });
  const env = of(merged, 'Deployment', ...FIRST, 'env') as { name: string; value: string }[];
  assert.equal(of(merged, 'Deployment', 'metadata', 'name'), 'db');
  const web = parseYamlDocuments(merged.manifests?.text ?? '')
    .map(({ value }) => value as Record<string, never>)
    .find((one) => one['kind'] === 'Deployment' && (one['metadata'] as { name: string } | undefined)?.name === 'web');
  assert.deepEqual(
    (web as never as { spec: { template: { spec: { containers: { env: unknown }[] } } } }).spec.template.spec
      .containers[0]?.env,
    [
      { name: 'F', value: 'file' },
      { name: 'A', value: '2' },
      { name: 'C', value: 'from-env' },
    ],
  );
  assert.deepEqual(env, []);
  assert.deepEqual((JSON.parse(merged.projectFile) as { images: Json }).images, { db: { context: 'db' } });
  assert.ok(merged.report.notes.some(({ text }) => text.en.startsWith('left out')));
  assert.match(convert(files, { profiles: ['tools'] }).manifests?.text ?? '', /"tool"/);
  // A note stands at the file that says the field.
  const placeOf = (field: string) => merged.report.notes.find((note) => note.field === field);
  assert.deepEqual(
    ['services.web.ports', 'services.web.extends', 'services.web.env_file', 'services.db.build'].map((field) => {
      const { file, line } = placeOf(field) ?? {};
      return `${field} ${file}:${line}`;
    }),
    [
      'services.web.ports compose.override.yaml:1',
      'services.web.extends compose.yaml:5',
      'services.web.env_file common/base.yaml:1',
      'services.db.build db/compose.yaml:1',
    ],
  );
  for (const [cycle, why] of [
    [{ 'compose.yaml': 'include: [compose.yaml]\nservices: {}' }, /includes itself/],
    [{ 'compose.yaml': 'services: { a: { extends: b }, b: { extends: a } }' }, /extends itself/],
    [{ 'compose.yaml': 'include: [x.yaml]\nservices: {}' }, /there is no file .* in the project/],
    [{ 'compose.yaml': 'services: { a: { image: "§{NO:?say it}" } }' }, /say it/],
    [{ 'compose.yaml': 'services: [' }, /YAML/],
    [{ 'compose.yaml': 'services: { a: { image: tienda/a, label_file: no.txt } }' }, /no file no\.txt/],
    [
      Object.fromEntries(
        Array.from({ length: 30 }, (_, index) => [
          index === 0 ? 'compose.yaml' : `${index}.yaml`,
          index === 29 ? 'services: {}' : `include: [${index + 1}.yaml, ${index + 1}.yaml]\nservices: {}`,
        ]),
      ),
      /more than 50 files/,
    ],
  ] as const) {
    assert.ok(
      convert(cycle as unknown as Files).problems.some(({ text }) => why.test(text.en)),
      why.source,
    );
  }
});

test('compose: a value is what the container sees, dollar signs and all, and files that look alike are two', () => {
  const dollar = convert({
    'compose.yaml': 'services: { a: { image: tienda/a, command: [a, "$$$$ $$(X) $$(a b)"], env_file: [v.env] } }',
    'v.env': "A='$(X) $$ $(date +%s) $B'",
  });
  const seen = (text: Json | undefined): string => expandReferences(String(text), { X: 'wrong', A: 'wrong' });
  assert.equal(seen(of(dollar, 'Deployment', ...FIRST, 'args', 1)), '$$ $(X) $(a b)');
  assert.equal(seen(of(dollar, 'Deployment', ...FIRST, 'env', 0, 'value')), '$(X) $$ $(date +%s) $B');
  const long = 'a'.repeat(60);
  const alike = convert({
    'compose.yaml': `services: { a: { image: tienda/a, volumes: ["./a_b:/1:ro", "./a-b:/2:ro", "./${long}1:/3:ro", "./${long}2:/4:ro"] } }`,
    ...{ a_b: '1', 'a-b': '2', [`${long}1`]: '3', [`${long}2`]: '4' },
  });
  const texts = parseYamlDocuments(alike.manifests?.text ?? '')
    .map(({ value }) => value as { kind: string; metadata: { name: string }; binaryData: { content: string } })
    .filter(({ kind }) => kind === 'ConfigMap');
  assert.deepEqual(
    texts.map(({ binaryData }) => Buffer.from(binaryData.content, 'base64').toString()),
    ['1', '2', '3', '4'],
  );
  assert.equal(new Set(texts.map(({ metadata }) => metadata.name)).size, 4);
  // A long line is read once, not once for each of its spaces.
  assert.deepEqual(parseEnvFile(`A=1${' '.repeat(500_000)}2 # b`, {}), { A: `1${' '.repeat(500_000)}2` });
});

test('compose: anchors are used as often as large applications use them, and no more than can be held', () => {
  const names = Array.from({ length: 60 }, (_unused, index) => `s${index}`);
  const large = convert(`x-ready: &ready { condition: service_started }
x-base: &base
  image: tienda/base
  depends_on:
${names
  .slice(1, 40)
  .map((name) => `    ${name}: { <<: *ready }`)
  .join('\n')}
services:
  s0: { image: tienda/s0 }
${names
  .slice(1)
  .map((name) => `  ${name}: { image: tienda/x, environment: { ID: 123456789012345678 } }`)
  .join('\n')}
${names.map((name) => `  w${name}: { <<: *base }`).join('\n')}`);
  assert.deepEqual(large.problems, []);
  assert.match(large.manifests?.text ?? '', /"123456789012345678"/);
  const levels = Array.from(
    { length: 12 },
    (_unused, index) => `x-${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(', ')}]`,
  );
  const bomb = convert(`x-0: &a0 [x]\n${levels.join('\n')}\nservices: { a: { image: tienda/a, command: *a12 } }`);
  assert.match(bomb.problems[0]?.text.en ?? '', /aliases/);
});

test('compose: networks whose names come out alike stay apart', () => {
  const { manifests } = convert(`services:
  a: { image: tienda/a, networks: [back_end] }
  b: { image: tienda/b, networks: [back-end] }
  c: { image: tienda/c, networks: [Back.End] }
networks: { back_end: {}, back-end: {}, Back.End: {} }`);
  const labels = (manifests?.text ?? '').match(/darsena\.compose\.network\/[-a-z0-9]+/g) ?? [];
  assert.equal(new Set(labels).size, 3, [...new Set(labels)].join(' '));
});

test('compose: a file of variables is read as Compose reads it, and what cannot be read is told without what stands in it', () => {
  const told: string[] = [];
  const read = parseEnvFile(
    dollars(`\uFEFFA="one
two # §{B:-b}"\r
B: yaml
export C='it\\'s $A'
D
E=a#b # c
F="\\$A \\t\\x"
G=$HOST/$B
2FA=on
not a name = hidden
H=§{NEEDED:?hidden}
I="hidden`),
    { D: 'passed', HOST: 'host', B: 'outside' },
    (line, { en }) => told.push(`${line} ${en}`),
  );
  assert.deepEqual(read, {
    A: 'one\ntwo # outside',
    B: 'yaml',
    C: "it's $A",
    D: 'passed',
    E: 'a#b',
    F: '$A \t\\x',
    G: 'host/outside',
    '2FA': 'on',
  });
  assert.deepEqual(
    told.map((one) => /^\d+ (\S+ \S+)/.exec(one)?.[0]),
    ['10 a line', '11 its value', '12 a quote'],
  );
  assert.doesNotMatch(told.join(), /hidden/);
  const { problems } = convert({
    'compose.yaml': 'services: { a: { image: tienda/a, env_file: x.env }, b: { image: tienda/b, env_file: x.env } }',
    'x.env': 'A=1\nnot a name\n',
  });
  assert.deepEqual(
    problems.map(({ file, line }) => `${file}:${line}`),
    ['x.env:2'],
  );
});

test('compose: .env is the environment of all that names a variable, of the project and of its profiles too', () => {
  const files = {
    'compose.yaml': `name: §{NAME}-x
services:
  web: { image: tienda/web, environment: [P, COMPOSE=$COMPOSE_PROJECT_NAME], env_file: w.env, secrets: [s] }
  tool: { image: tienda/tool, profiles: [tools] }
  build: { build: { context: ., args: [P] } }
include: [{ path: sub/compose.yaml }]
secrets: { s: { environment: P } }`,
    '.env': 'P=from-env\nNAME=Mi_App\nCOMPOSE_PROFILES=other, tools',
    'w.env': 'W=$P',
    'sub/compose.yaml': 'services: { inner: { image: tienda/inner, environment: [P, Q] } }',
    'sub/.env': 'P=sub\nQ=q',
  };
  const found = convertCompose({
    files: ['compose.yaml'],
    read: (path) => (Object.hasOwn(files, path) ? dollars(files[path as keyof typeof files]) : null),
    variables: {},
    profiles: [],
    project: null,
    otherwise: 'folder',
  });
  assert.deepEqual(found.problems, []);
  assert.equal(found.project, 'mi-app-x');
  const text = found.manifests?.text ?? '';
  const envOf = (name: string): Json | undefined =>
    parseYamlDocuments(text)
      .map(({ value }) => value as never as { kind: string; metadata: { name: string }; spec: never })
      .filter(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name)
      .map(({ spec }) => (spec as { template: { spec: { containers: { env: Json }[] } } }).template.spec.containers[0])
      .map((container) => container?.env)[0];
  assert.deepEqual(envOf('web'), [
    { name: 'W', value: 'from-env' },
    { name: 'P', value: 'from-env' },
    { name: 'COMPOSE', value: 'Mi_App-x' },
  ]);
  assert.deepEqual(envOf('inner'), [
    { name: 'P', value: 'from-env' },
    { name: 'Q', value: 'q' },
  ]);
  assert.ok(envOf('tool') !== undefined);
  assert.match(text, new RegExp(Buffer.from('from-env').toString('base64')));
  assert.match(found.projectFile, /"P": "from-env"/);
});

test('compose: tags take away what a file before said, or put something in its place', () => {
  const files = {
    'compose.yaml': `services:
  base: { image: tienda/base, environment: { A: "1", B: "2" }, volumes: [./f:/f:ro], expose: [1, 2] }
  web: { extends: base, environment: { B: !reset null }, expose: !override [3], volumes: !reset [] }
  old: { image: tienda/old }`,
    'more.yaml': 'services: { web: { environment: !override { C: "3" } }, old: !reset null }',
    f: 'x',
  };
  const one = convert(files, { files: ['compose.yaml', 'more.yaml'] });
  const web = (text: string): Record<string, Json> =>
    (
      parseYamlDocuments(text)
        .map(({ value }) => value as never as Record<string, never>)
        .find(
          (each) => each['kind'] === 'Deployment' && (each['metadata'] as { name: string } | undefined)?.name === 'web',
        ) as never as { spec: { template: { spec: { containers: Record<string, Json>[] } } } }
    ).spec.template.spec.containers[0] ?? {};
  assert.deepEqual(one.problems, []);
  assert.deepEqual(web(one.manifests?.text ?? '')['env'], [{ name: 'C', value: '3' }]);
  assert.deepEqual(web(one.manifests?.text ?? '')['ports'], [{ containerPort: 3, protocol: 'TCP' }]);
  assert.equal(web(one.manifests?.text ?? '')['volumeMounts'], undefined);
  assert.doesNotMatch(one.manifests?.text ?? '', /tienda\/old/);
  assert.deepEqual(web(convert(files).manifests?.text ?? '')['env'], [{ name: 'A', value: '1' }]);
  assert.match(
    convert('services: { a: { image: tienda/a, ports: [!reset "80:80"] } }').problems[0]?.text.en ?? '',
    /whole list or map/,
  );
  assert.equal(convert('services: { a: { image: !other tienda/a } }').problems[0]?.kind, 'syntax');
});

test('compose: what a service has by extends is its own, and what is wrong of it is told once', () => {
  const inherited = convert(`services:
  db: { image: tienda/db }
  base: { image: tienda/base, depends_on: [db], links: ["db:store"], healthcheck: { test: [CMD, ok] } }
  web: { extends: base }`);
  const documents = parseYamlDocuments(inherited.manifests?.text ?? '').map(
    ({ value }) => value as never as { kind: string; metadata: { name: string }; spec: never },
  );
  assert.ok(documents.some(({ kind, metadata }) => kind === 'Service' && metadata.name === 'store'));
  assert.match(
    JSON.stringify(documents.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'web')),
    /"readinessProbe":\{"exec":\{"command":\["ok"\]/,
  );
  const once = convert(`services:
  a: { image: tienda/a, secrets: [s] }
  b: { extends: a }
  c: { extends: b, depends_on: [a] }
  d: { image: tienda/d, depends_on: [e] }
  e: { image: tienda/e, depends_on: { d: { condition: service_healthy } } }
secrets: { s: { environment: NOT_THERE } }`);
  assert.deepEqual(
    once.problems.map(({ field, text }) => `${field}: ${text.en}`),
    ['services.d.depends_on: they wait for each other: d → e → d', 'secrets.s: the variable NOT_THERE is not set'],
  );
  // Two that include one file have the same of it, and no other file of that name is in the way.
  const files = {
    'compose.yaml': 'include: [l.yaml, r.yaml]\nservices: {}',
    'l.yaml': 'include: [b.yaml]\nservices: { l: { image: tienda/l } }',
    'r.yaml': 'include: [b.yaml]\nservices: { r: { image: tienda/r } }',
    'b.yaml': 'services: { b: { image: tienda/b, ports: ["80:80"] } }',
  };
  assert.deepEqual(convert(files).problems, []);
  const remote = convert({ 'compose.yaml': 'include: ["https://example.com/x.git"]\nservices: {}' });
  assert.match(remote.problems[0]?.text.en ?? '', /another machine/);
});

test('compose: short forms say all that they say', () => {
  const [yes, no]: (readonly [string, string, (string | number)[], Json][] | readonly [string, RegExp][])[] = [
    [
      ['expose: ["8000-8002", 53/udp]', 'Service', ['spec', 'ports', 3, 'protocol'], 'UDP'],
      ['expose: ["8000-8002"]', 'Service', ['spec', 'ports', 2, 'port'], 8002],
      ['ports: ["8080-8090:80"]', 'Service', ['spec', 'ports', 0, 'port'], 80],
      [
        'extra_hosts: ["h:192.0.2.1", "h=192.0.2.2", "six:[2001:db8::1]"]',
        'Deployment',
        [...POD, 'hostAliases'],
        [
          { ip: '192.0.2.1', hostnames: ['h'] },
          { ip: '192.0.2.2', hostnames: ['h'] },
          { ip: '2001:db8::1', hostnames: ['six'] },
        ],
      ],
      ['entrypoint: ""\ncommand: a b', 'Deployment', [...FIRST, 'command'], ['a', 'b']],
      ['hostname: ""\nplatform: ""\nmem_limit: ""', 'Deployment', [...POD, 'hostname'], null],
      ['profiles: ["", other]', 'Deployment', ['metadata', 'name'], 'web'],
      ['mem_limit: 0', 'Deployment', [...FIRST, 'resources', 'limits', 'memory'], null],
      ['volumes: ["data:/d:rw,Z"]', 'Deployment', [...FIRST, 'volumeMounts', 0, 'mountPath'], '/d'],
    ],
    [
      ['ports: ["40000-50000:40000-50000/udp"]', /more than 100 ports/],
      ['ports: ["8080-8082:80-81"]', /two ranges/],
      ['ports: ["36412:36412/sctp"]', /udp/],
      ['expose: [web]', /expected a port/],
      ['volumes: ["data:/d:readonly"]', /got "readonly"/],
      ['volumes: [":/d"]', /expected SOURCE:TARGET/],
      ['extra_hosts: ["h:host-gateway"]', /the host itself/],
      ['entrypoint: []', /takes that of the image away/],
      ['command: []', /takes that of the image away/],
    ],
  ] as never;
  for (const [yaml, kind, path, value] of yes as readonly [string, string, (string | number)[], Json][])
    assert.deepEqual(of(service(yaml), kind, ...path) ?? null, value, yaml);
  for (const [yaml, why] of no as readonly [string, RegExp][]) {
    const { problems } = service(yaml);
    assert.ok(
      problems.some(({ text }) => why.test(text.en)),
      `${yaml}: ${problems.map(({ text }) => text.en).join('; ')}`,
    );
  }
  const { report } = service('tmpfs: ["/run:mode=1700,noexec,size=1m"]');
  assert.ok(report.notes.some(({ text }) => /mode=1700, noexec/.test(text.en)));
  // 0440 is octal to Docker.
  const mode = convert(
    'services: { a: { image: tienda/a, configs: [{ source: c, mode: 0440 }] } }\nconfigs: { c: { content: x } }',
  );
  assert.equal(of(mode, 'Deployment', ...POD, 'volumes', 0, 'configMap', 'items', 0, 'mode'), 0o440);
});

test('compose: a file that is no text arrives as it is', () => {
  const key = Buffer.from([0xfe, 0xed, 0, 0xff]);
  const found = convertCompose({
    files: ['compose.yaml'],
    read: (path) =>
      path === 'compose.yaml'
        ? 'services: { a: { image: t/a, volumes: ["./k.jks:/k:ro"] } }'
        : path === 'k.jks'
          ? key.toString('utf8')
          : null,
    bytes: () => key,
    variables: {},
    profiles: [],
    project: 't',
  });
  assert.equal(of(found, 'ConfigMap', 'binaryData', 'content'), key.toString('base64'));
});

test('compose: what runs to its end before says what it does not have of its own', () => {
  const found = convert(`services:
  web: { image: tienda/web, depends_on: { make: { condition: service_completed_successfully } } }
  make: { image: tienda/make, ports: ["80"], restart: "no", extra_hosts: ["h:192.0.2.1"] }`);
  assert.ok(found.report.notes.some(({ field, text }) => field === 'services.make' && /ports, restart$/.test(text.en)));
  assert.deepEqual(of(found, 'Deployment', ...POD, 'hostAliases'), [{ ip: '192.0.2.1', hostnames: ['h'] }]);
});

test('compose: services that share no network are parted, and one that is waited for to its end runs inside', () => {
  const conversion = convert(`
services:
  web: { image: tienda/web, networks: [front, back], depends_on: { make: { condition: service_completed_successfully } } }
  db: { image: tienda/db, networks: { back: { aliases: [store] } } }
  make: { image: tienda/make, networks: [back], command: [go] }
networks: { front: {}, back: { internal: true } }`);
  assert.deepEqual(of(conversion, 'Deployment', ...POD, 'initContainers', 0, 'args'), ['go']);
  const documents = parseYamlDocuments(conversion.manifests?.text ?? '').map(
    ({ value }) => value as { kind: string; metadata: { name: string } },
  );
  assert.deepEqual(
    documents.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name),
    ['web', 'db'],
  );
  assert.ok(documents.some(({ kind, metadata }) => kind === 'Service' && metadata.name === 'store'));
  const policy = documents.find(
    ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'db',
  ) as never as { spec: { policyTypes: string[] } };
  assert.deepEqual(policy.spec.policyTypes, ['Ingress', 'Egress']);
});

/** The members of a service in the schema of the specification, as of August 2026. */
const SERVICE_FIELDS =
  'annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir'.split(
    ' ',
  );

test('compose: what waits for its own helpers brings them along, in their order', () => {
  const done = (name: string): string => `depends_on: { ${name}: { condition: service_completed_successfully } }`;
  const conversion = convert(`
services:
  web: { image: tienda/web, ${done('fill')} }
  fill: { image: tienda/fill, ${done('make')} }
  make: { image: tienda/make }`);
  const inits = of(conversion, 'Deployment', ...POD, 'initContainers') as { name: string }[];
  assert.deepEqual(
    inits.map(({ name }) => name),
    ['make', 'fill'],
  );
});

test('compose: every field of the specification has its decision', () => {
  const known = listComposeFields();
  const own = known.flatMap(({ path }) => /^Compose\.services\.([a-z_]+)$/.exec(path)?.[1] ?? []);
  assert.deepEqual(own.sort(), SERVICE_FIELDS.toSorted());
  for (const { path, treatment, note } of known) {
    if (treatment !== 'enforced')
      assert.ok(note !== null && note.en !== '' && note.es !== '' && note.en !== note.es, path);
  }
  assert.equal(explainComposeField('compose.services.privileged')[0]?.treatment, 'refused');
  assert.equal(COMPOSE_MANIFESTS.endsWith('.yaml'), true);
});

const data = process.env['DARSENA_TEST_DATA'];

test('compose: fifteen applications that people wrote are judged, field by field', {
  skip: data === undefined ? 'DARSENA_TEST_DATA is not set' : false,
}, async () => {
  const texts = new Map<string, string>();
  const archive = gunzipSync(readFileSync(join(data ?? '', 'workloads', 'awesome-compose.tar.gz')));
  for await (const { entry, bytes } of readTar(Readable.from([archive]), () => true, {})) {
    if (entry.kind === 'file') texts.set(entry.path.replace(/^\.\//, ''), Buffer.from(bytes).toString('utf8'));
  }
  const apps = [...texts.keys()]
    .filter((path) => path.endsWith('/compose.yaml'))
    .map((path) => path.slice(0, -'/compose.yaml'.length));
  assert.equal(apps.length, 15);
  const whole: string[] = [];
  for (const app of apps) {
    const { problems, report, manifests } = convertCompose({
      files: ['compose.yaml'],
      read: (path) => texts.get(`${app}/${path}`) ?? null,
      variables: {},
      profiles: [],
      project: 'app',
    });
    if (manifests !== null) whole.push(app.slice(app.lastIndexOf('/') + 1));
    assert.ok(report.enforced > 0, app);
    for (const { kind, field, text } of problems) {
      // The set holds no files but these: what is missing of an application is not what is judged.
      const expected = /\.volumes\[\d\]\.type$/.test(field)
        ? kind === 'refused'
        : /\.volumes\[\d\]$/.test(field)
          ? kind === 'missing-target' && /is no file of the project/.test(text.en)
          : /\.sysctls\['net\.ipv4\.conf\.all\.src_valid_mark'\]$/.test(field)
            ? kind === 'refused' && /no setting that Kubernetes takes for safe/.test(text.en)
            : /secrets\.|services\.db\.user/.test(field);
      assert.ok(expected, `${app} ${field}: ${text.en}`);
    }
  }
  assert.deepEqual(whole.sort(), [
    'aspnet-mssql',
    'fastapi',
    'gitea-postgres',
    'nextcloud-postgres',
    'nextcloud-redis-mariadb',
    'react-nginx',
  ]);
});

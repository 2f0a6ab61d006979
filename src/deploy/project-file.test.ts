import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../system/index.ts';
import { parseProjectFile } from './project-file.ts';

const SHOP = `project: tienda
images:
  web: web
  api:
    context: api
    containerfile: Dockerfile
    args: { LEVEL: 3 }
bases:
  debian-12-nodejs:
    release: debian-12
    include: [nodejs]
manifests: kubernetes
environments:
  dev:
    policy: dev
  prod:
    policy: prod
    class: production
    approvals: 1
    overlays:
      - kind: Deployment
        name: web
        merge:
          spec:
            replicas: 2
`;

test('a project file gives images, bases, manifests and environments in their order', () => {
  const file = parseProjectFile(SHOP, 'darsena.yaml');
  assert.equal(file.project, 'tienda');
  assert.deepEqual(file.images, {
    web: { context: 'web' },
    api: { context: 'api', containerfile: 'Dockerfile', args: { LEVEL: '3' } },
  });
  assert.deepEqual(file.bases, { 'debian-12-nodejs': { release: 'debian-12', include: ['nodejs'] } });
  assert.deepEqual(file.manifests, ['kubernetes']);
  assert.deepEqual(Object.keys(file.environments), ['dev', 'prod']);
  const [overlay] = file.environments['prod']?.overlays ?? [];
  assert.deepEqual([overlay?.kind, overlay?.name, overlay?.patch], ['Deployment', 'web', { spec: { replicas: 2 } }]);
  assert.deepEqual(overlay?.locate(['spec', 'replicas']), { file: 'darsena.yaml', line: 25, column: 13 });
});

function problemsOf(text: string): string[] {
  try {
    parseProjectFile(text, 'darsena.yaml');
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const problems = error.details as unknown as { line: number; column: number; text: { en: string } }[];
    return problems.map(({ line, column, text: said }) => `${line}:${column} ${said.en}`);
  }
  return [];
}

test('every mistake is told at once, with its line and the name that was probably meant', () => {
  const text = `project: Tienda
image: {}
images:
  web: ../web
environments:
  dev:
    polcy: dev
    class: prodution
    approvals: many
    overlays: [{ kind: Deployment, name: web }]
`;
  const all = problemsOf(text).join('\n');
  for (const expected of [
    '1:1 "Tienda" must be at most 63 of a-z, 0-9 and hyphen, because it stands in host names',
    'manifests is missing, a list is expected',
    '2:1 "image" is not known; did you mean images?',
    '4:3 "../web" leads out of the project\'s folder',
    '7:5 "polcy" is not known; did you mean policy?',
    '8:5 "prodution" is not known; did you mean production?',
    '9:5 approvals is "many", a whole number from 0 to 10 is expected',
    'merge is missing, a map is expected',
    'environments.dev.policy is missing, a text is expected',
  ]) {
    assert.ok(all.includes(expected), `${expected}\n---\n${all}`);
  }
});

test('text that is not YAML, or not a map, is refused with its place', () => {
  assert.match(problemsOf('project: [')[0] ?? '', /^1:\d+ /);
  assert.match(problemsOf('- a\n')[0] ?? '', /the file is \["a"\], a map is expected/);
  assert.match(problemsOf('')[0] ?? '', /empty/);
});

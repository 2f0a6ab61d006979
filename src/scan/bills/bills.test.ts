import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AdvisoryDatabase } from '../../advisories/database.ts';
import { parsePurl } from '../../formats/index.ts';
import { systemClock } from '../../system/index.ts';
import type { Inventory } from '../package.ts';
import { rematchInventory } from '../scan.ts';
import { BOOKWORM, mergeHere, npmManifest, packLayer } from '../test-image.ts';
import { toCycloneDx, toCycloneDxVex } from './cyclonedx.ts';
import { LICENCE_IDS } from './licence-ids.ts';
import { joinedExpression, licenceExpression } from './licences.ts';
import { readBill } from './read.ts';
import { toSpdx2 } from './spdx2.ts';
import { toSpdx3 } from './spdx3.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const SUBJECT = { digest: DIGEST, reference: 'tienda/web:1', createdAt: '2026-01-01T00:00:00.000Z' } as const;

let made: Promise<Inventory> | null = null;
function inventory(): Promise<Inventory> {
  made ??= makeInventory();
  return made;
}

async function makeInventory(): Promise<Inventory> {
  const text = (path: string, content: string) => ({ path, content: Buffer.from(content) });
  const status =
    'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\nSource: glibc (2.36-8)\n\n' +
    'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n';
  return mergeHere([
    await packLayer([text('etc/os-release', BOOKWORM), text('var/lib/dpkg/status', status)]),
    await packLayer([
      npmManifest('@scope/one', '1.0.0'),
      npmManifest('two', '2.0.0'),
      text('a/node_modules/two/package.json', '{"name":"two","version":"2.0.0","license":"(MIT OR Apache-2.0)"}'),
      text('a/node_modules/odd/package.json', '{"name":"odd","version":"1.0.0","license":"SEE LICENSE IN <b>x</b>"}'),
    ]),
  ]);
}

const BILLS = {
  'CycloneDX 1.6': async () => toCycloneDx(await inventory(), SUBJECT),
  'CycloneDX 1.7': async () => toCycloneDx(await inventory(), SUBJECT, '1.7'),
  'SPDX 2.3': async () => toSpdx2(await inventory(), SUBJECT),
  'SPDX 3.0.1': async () => toSpdx3(await inventory(), SUBJECT),
};

test('the bill of materials names every package with purl, places and layers, and what it is a part of', async () => {
  const bill = await BILLS['CycloneDX 1.6']();
  const components = bill['components'] as {
    'bom-ref': string;
    group?: string;
    name: string;
    licenses?: unknown;
    evidence?: { occurrences: { location: string }[] };
  }[];
  assert.deepEqual(
    components.map((one) => one['bom-ref']),
    [
      'os:debian-12',
      'pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12',
      'pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12',
      'pkg:npm/%40scope/one@1.0.0',
      'pkg:npm/odd@1.0.0',
      'pkg:npm/two@2.0.0',
    ],
  );
  const [, , , scoped, odd, two] = components;
  assert.deepEqual([scoped?.group, scoped?.name, scoped?.licenses], ['@scope', 'one', [{ license: { id: 'MIT' } }]]);
  assert.deepEqual(odd?.licenses, [{ license: { name: 'SEE LICENSE IN <b>x</b>' } }]);
  assert.deepEqual(two?.licenses, [{ expression: '(MIT OR Apache-2.0) AND MIT' }]);
  assert.deepEqual(
    two?.evidence?.occurrences.map(({ location }) => location),
    ['a/node_modules/two/package.json', 'app/node_modules/two/package.json'],
  );
  const dependencies = bill['dependencies'] as { ref: string; dependsOn?: string[] }[];
  assert.deepEqual(dependencies[0]?.dependsOn?.length, 6);
});

test('equal images give equal bytes in every format', async () => {
  const other = await makeInventory();
  for (const [name, write] of Object.entries({ toCycloneDx, toSpdx2, toSpdx3 })) {
    assert.equal(JSON.stringify(write(other, SUBJECT)), JSON.stringify(write(await inventory(), SUBJECT)), name);
  }
});

test('every format that is written is read back as the same packages, sources and distribution', async () => {
  const known = await inventory();
  const facts = ({ packages, distribution }: Inventory) => ({
    packages: packages.map(({ purl, path, source, version }) => ({ purl, path, source, version })),
    distribution: [distribution?.id, distribution?.version, distribution?.name],
  });
  for (const [name, write] of Object.entries(BILLS)) {
    const { inventory: read } = readBill(Buffer.from(JSON.stringify(await write())));
    assert.deepEqual(facts(read), facts(known), name);
  }
});

test('bills of other tools are read: Trivy’s sources, Syft’s upstream, nested components, epochs', () => {
  const read = (document: object) => readBill(Buffer.from(JSON.stringify(document))).inventory;
  const trivy = read({
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    components: [
      { type: 'operating-system', name: 'debian', version: '12.5' },
      {
        type: 'library',
        name: 'libssl3',
        purl: 'pkg:deb/debian/libssl3@3.0.15-1?arch=amd64&distro=debian-12.5',
        properties: [
          { name: 'aquasecurity:trivy:SrcName', value: 'openssl' },
          { name: 'aquasecurity:trivy:SrcVersion', value: '3.0.15' },
          { name: 'aquasecurity:trivy:SrcRelease', value: '1' },
        ],
        components: [{ type: 'library', name: 'a', purl: 'pkg:maven/org.a/b@1.0' }],
      },
      { type: 'library', name: 'no purl' },
    ],
  });
  assert.deepEqual(
    trivy.packages.map(({ name, version, source }) => [name, version, source]),
    [
      ['libssl3', '3.0.15-1', { name: 'openssl', version: '3.0.15-1' }],
      ['org.a:b', '1.0', null],
    ],
  );
  const syft = read({
    spdxVersion: 'SPDX-2.3',
    name: 'image',
    packages: [
      {
        name: 'openssl-libs',
        externalRefs: [
          {
            referenceType: 'purl',
            referenceLocator:
              'pkg:rpm/rhel/openssl-libs@3.0.7-2.el9?arch=x86_64&epoch=1&upstream=openssl-3.0.7-2.el9.src.rpm&distro=rhel-9.2',
          },
        ],
      },
    ],
  });
  assert.deepEqual(
    [syft.packages[0]?.version, syft.distribution?.id, syft.distribution?.version],
    ['1:3.0.7-2.el9', 'rhel', '9.2'],
  );
});

test('hostile bills are refused or read within limits', () => {
  const refused = (text: string, why: RegExp) =>
    assert.throws(() => readBill(Buffer.from(text)), why, text.slice(0, 40));
  refused('', /JSON|end/i);
  refused('[]', /no CycloneDX/);
  refused('{"bomFormat":"CycloneDX","specVersion":"9.9"}', /no CycloneDX/);
  refused('{"bomFormat":"CycloneDX","bomFormat":"x"}', /.*/);
  refused(
    `{"bomFormat":"CycloneDX","specVersion":"1.6","components":${'['.repeat(100)}${']'.repeat(100)}}`,
    /deep|depth|nest/i,
  );
  const odd = readBill(
    Buffer.from(
      JSON.stringify({
        bomFormat: 'CycloneDX',
        specVersion: '1.6',
        components: [
          null,
          1,
          { purl: 'pkg:npm/%' },
          { purl: 'npm/x@1' },
          { purl: `pkg:npm/${'x'.repeat(9000)}@1` },
          { purl: 'pkg:npm/__proto__@1.0.0' },
        ],
      }),
    ),
  );
  assert.deepEqual(
    odd.inventory.packages.map(({ name }) => name),
    ['__proto__'],
  );
  assert.equal(odd.inventory.notices.length, 3);
});

test('parsePurl() takes apart what the specification shows', () => {
  assert.deepEqual(parsePurl('pkg:npm/%40angular/animation@12.3.1'), {
    type: 'npm',
    namespace: '@angular',
    name: 'animation',
    version: '12.3.1',
    qualifiers: {},
  });
  assert.deepEqual(parsePurl('pkg:npm/@angular/animation')?.name, 'animation');
  assert.deepEqual(parsePurl('pkg:golang/google.golang.org/genproto#googleapis/api')?.namespace, 'google.golang.org');
  assert.deepEqual(parsePurl('pkg:deb/debian/dpkg@1.19.0.4?arch=amd64&distro=stretch')?.qualifiers, {
    arch: 'amd64',
    distro: 'stretch',
  });
  for (const bad of ['npm/x', 'pkg:', 'pkg:npm', 'pkg:npm/', 'pkg:npm/%zz@1', ''])
    assert.equal(parsePurl(bad), null, bad);
});

test('licence expressions are those of the grammar, and nothing else', () => {
  for (const [text, written] of [
    ['mit', 'MIT'],
    ['(MIT OR Apache-2.0)', '(MIT OR Apache-2.0)'],
    ['GPL-2.0-only WITH Classpath-exception-2.0', 'GPL-2.0-only WITH Classpath-exception-2.0'],
    ['MIT and (BSD-3-Clause or ISC)', 'MIT AND (BSD-3-Clause OR ISC)'],
    ['Apache-2.0+', 'Apache-2.0+'],
    ['LicenseRef-x', 'LicenseRef-x'],
    ['MIT License', null],
    ['MIT OR', null],
    ['(MIT', null],
    ['MIT) OR (MIT', null],
    ['GPL-2.0-only WITH MIT', null],
    ['', null],
    [`${'('.repeat(50)}MIT${')'.repeat(50)}`, null],
  ] as const) {
    assert.equal(licenceExpression(text), written, text);
  }
  assert.equal(joinedExpression(['MIT OR ISC', 'Apache-2.0']), '(MIT OR ISC) AND Apache-2.0');
});

test('the documents are valid by the published schemas', async (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  if (!data) return t.skip('DARSENA_TEST_DATA is not set');
  const { Ajv } = await import('ajv');
  const { default: formats } = await import('ajv-formats');
  const schema = (name: string) => JSON.parse(readFileSync(join(data, 'advisories/schemas', name), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false });
  formats.default(ajv);
  for (const format of ['idn-email', 'iri-reference']) ajv.addFormat(format, true);
  // The schemas refer to these; their own files are not in the test data. The ids are those that we write.
  ajv.addSchema({ $id: 'http://cyclonedx.org/schema/spdx.schema.json', type: 'string', enum: [...LICENCE_IDS] });
  ajv.addSchema({ $id: 'http://cyclonedx.org/schema/jsf-0.82.schema.json', definitions: { signature: {} } });
  ajv.addSchema({
    $id: 'http://cyclonedx.org/schema/cryptography-defs.schema.json',
    definitions: { algorithmFamiliesEnum: {}, ellipticCurvesEnum: {} },
  });
  const advisories = AdvisoryDatabase.empty();
  const plain = rematchInventory(await inventory(), { manifestDigest: DIGEST, advisories, clock: systemClock });
  const eicar = { engine: 'clamav', signature: 'Eicar-Test', path: 'srv/a.zip!x', layer: DIGEST } as const;
  const report = { ...plain, malware: { ...plain.malware, state: 'found', findings: [eicar] } } as const;
  const cases = [
    ['cyclonedx-bom-1.6.schema.json', await BILLS['CycloneDX 1.6']()],
    ['cyclonedx-bom-1.7.schema.json', await BILLS['CycloneDX 1.7']()],
    ['spdx-2.3.schema.json', await BILLS['SPDX 2.3']()],
    ['cyclonedx-bom-1.6.schema.json', toCycloneDxVex(report, await inventory(), SUBJECT)],
  ] as const;
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
  for (const [name, document] of cases) {
    const validate = compiled.get(name) ?? ajv.compile(schema(name));
    compiled.set(name, validate);
    const plain = JSON.parse(JSON.stringify(document)) as object;
    assert.ok(validate(plain), `${name}: ${JSON.stringify(validate.errors?.slice(0, 3))}`);
    // The check itself sees faults.
    assert.equal(validate({ ...plain, bomFormat: 'Other', spdxVersion: 1 }), false);
  }
});

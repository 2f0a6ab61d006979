import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { toCycloneDx } from './cyclonedx.ts';
import { BOOKWORM, dpkgStatus, mergeHere, npmManifest, packLayer } from './test-image.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;

async function bill() {
  const text = (path: string, content: string) => ({ path, content: Buffer.from(content) });
  const inventory = await mergeHere([
    await packLayer([text('etc/os-release', BOOKWORM), text('var/lib/dpkg/status', dpkgStatus({ libc6: '2.36-9' }))]),
    await packLayer([
      npmManifest('@scope/one', '1.0.0'),
      npmManifest('two', '2.0.0'),
      text('a/node_modules/two/package.json', '{"name":"two","version":"2.0.0","license":"(MIT OR Apache-2.0)"}'),
    ]),
  ]);
  return toCycloneDx(inventory, { digest: DIGEST, reference: 'tienda/web:1', createdAt: '2026-01-01T00:00:00.000Z' });
}

test('the bill of materials names every package with purl, place and layer', async () => {
  const { components, serialNumber } = await bill();
  const list = components as { 'bom-ref': string; name: string; purl?: string; group?: string; licenses?: unknown }[];
  assert.deepEqual(
    list.map((one) => one['bom-ref']),
    [
      'os:debian-12',
      'pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12',
      'pkg:npm/%40scope/one@1.0.0',
      'pkg:npm/two@2.0.0',
      'pkg:npm/two@2.0.0#app/node_modules/two/package.json',
    ],
  );
  assert.deepEqual([list[2]?.group, list[2]?.name], ['@scope', 'one']);
  assert.deepEqual(
    [list[3]?.licenses, list[4]?.licenses],
    [[{ expression: '(MIT OR Apache-2.0)' }], [{ license: { name: 'MIT' } }]],
  );
  assert.equal(serialNumber, (await bill())['serialNumber'], 'equal inventories have the same serial number');
});

type Schema = { [key: string]: unknown };

/** As much of JSON Schema (draft 7) as the CycloneDX schema needs for what we write; formats are not judged. */
function violations(root: Schema, schema: Schema, value: unknown, path: string): string[] {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    // Other files (SPDX ids, signatures) are not reached by what we write.
    if (!reference.startsWith('#/')) return [];
    const target = reference
      .slice(2)
      .split('/')
      .reduce<unknown>((node, key) => (node as Schema)[key], root);
    return violations(root, target as Schema, value, path);
  }
  const found: string[] = [];
  const kinds = {
    object: isObject(value),
    array: Array.isArray(value),
    string: typeof value === 'string',
    integer: Number.isInteger(value),
    number: typeof value === 'number',
    boolean: typeof value === 'boolean',
  };
  const type = schema['type'] as keyof typeof kinds | undefined;
  if (type !== undefined && !kinds[type]) return [`${path}: expected ${type}`];
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) found.push(`${path}: not in enum`);
  if (
    typeof schema['pattern'] === 'string' &&
    typeof value === 'string' &&
    !new RegExp(schema['pattern'], 'u').test(value)
  )
    found.push(`${path}: pattern`);
  if (typeof schema['minLength'] === 'number' && typeof value === 'string' && value.length < schema['minLength'])
    found.push(`${path}: too short`);
  if (isObject(value)) {
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
    for (const key of (schema['required'] ?? []) as string[]) if (!(key in value)) found.push(`${path}: lacks ${key}`);
    for (const [key, one] of Object.entries(value)) {
      if (properties[key]) found.push(...violations(root, properties[key], one, `${path}.${key}`));
      else if (schema['additionalProperties'] === false) found.push(`${path}: unknown ${key}`);
    }
  }
  if (Array.isArray(value)) {
    if (isObject(schema['items']))
      found.push(...value.flatMap((one, at) => violations(root, schema['items'] as Schema, one, `${path}[${at}]`)));
    if (schema['uniqueItems'] === true && new Set(value.map((one) => JSON.stringify(one))).size < value.length)
      found.push(`${path}: repeated`);
  }
  for (const part of (schema['allOf'] ?? []) as Schema[]) found.push(...violations(root, part, value, path));
  for (const key of ['oneOf', 'anyOf']) {
    const choices = schema[key] as Schema[] | undefined;
    if (choices && !choices.some((choice) => violations(root, choice, value, path).length === 0))
      found.push(`${path}: none of ${key}`);
  }
  return found;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

test('the bill of materials is valid by the schema of CycloneDX 1.6', async (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  if (!data) return t.skip('DARSENA_TEST_DATA is not set');
  const schema = JSON.parse(
    readFileSync(join(data, 'advisories/schemas/cyclonedx-bom-1.6.schema.json'), 'utf8'),
  ) as Schema;
  const document = JSON.parse(JSON.stringify(await bill())) as Schema;
  assert.deepEqual(violations(schema, schema, document, '$'), []);
  // The check itself sees faults.
  assert.notDeepEqual(violations(schema, schema, { ...document, bomFormat: 'Other' }, '$'), []);
  assert.notDeepEqual(violations(schema, schema, { ...document, components: [{ name: 'x' }] }, '$'), []);
  assert.notDeepEqual(violations(schema, schema, { ...document, surprise: 1 }, '$'), []);
});

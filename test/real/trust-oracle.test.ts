/**
 * Our verifier beside sigstore-js, over real bundles of which one thing was changed: what the other one refuses, ours must
 * never accept. Seeded; DARSENA_SOAK=1 runs three thousand changes instead of some hundred.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { readBundle, readTrustedRoot, verifyByCertificate } from '../../src/trust/index.ts';

const data = process.env['DARSENA_TEST_DATA'];
const CHANGES = process.env['DARSENA_SOAK'] === '1' ? 3_000 : 400;

type Node = Record<string, unknown> | unknown[];

test('no changed bundle is accepted that sigstore-js refuses', (t) => {
  if (data === undefined) return t.skip('DARSENA_TEST_DATA is not set: the conformance bundles are not here');
  const folder = join(data, 'signatures');
  const suite = join(folder, 'sigstore-conformance');
  const cases = readdirSync(suite, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.endsWith('_fail'))
    .filter((entry) => !existsSync(join(suite, entry.name, 'key.pub')))
    .map((entry) => readCase(join(suite, entry.name), folder))
    // sigstore-js does not know a DSSE envelope that Rekor 2 logs by its whole encoding: it can judge no change of it.
    .filter(
      (one) =>
        accepts(() => one.verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(one.text)), one.artifact))) === null,
    );
  const random = seeded(20261122);
  const seen = { bothAccept: 0, bothRefuse: 0, oursStricter: 0 };
  const wrong: string[] = [];
  for (let round = 0; round < CHANGES; round += 1) {
    const one = cases[round % cases.length];
    if (one === undefined) throw new Error('there are no cases');
    const changed = JSON.parse(one.text) as Node;
    const what = change(changed, random);
    const text = JSON.stringify(changed);
    const ours = accepts(() =>
      verifyByCertificate(readBundle(Buffer.from(text)), one.artifact, one.root, { now: Date.now() }),
    );
    const theirs = accepts(() => one.verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text)), one.artifact)));
    if (ours === null && theirs !== null) wrong.push(`${one.name}: ${what} accepted; sigstore-js: ${theirs}`);
    else if (ours === null) seen.bothAccept += 1;
    else if (theirs !== null) seen.bothRefuse += 1;
    else {
      seen.oursStricter += 1;
      if (process.env['SHOW'] !== undefined) t.diagnostic(`${one.name}: ${what}: ${ours}`);
    }
  }
  t.diagnostic(JSON.stringify(seen));
  assert.deepEqual(wrong, []);
  assert.ok(seen.bothRefuse > CHANGES / 4, 'the changes do not reach what is checked');
});

function readCase(path: string, folder: string) {
  const rootPath = join(path, 'trusted_root.json');
  const rootBytes = readFileSync(existsSync(rootPath) ? rootPath : join(folder, 'public-good-trusted_root.json'));
  const artifactPath = join(path, 'artifact');
  return {
    name: path.split('/').at(-1) ?? '',
    text: readFileSync(join(path, 'bundle.sigstore.json'), 'utf8'),
    artifact: readFileSync(existsSync(artifactPath) ? artifactPath : join(path, '..', 'a.txt')),
    root: readTrustedRoot(rootBytes),
    verifier: new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(rootBytes.toString())))),
  };
}

/** Null when it is accepted, else the reason. */
function accepts(verify: () => unknown): string | null {
  try {
    verify();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Changes one leaf: a bit of base64, a digit, a character; or takes a member away or doubles it. */
function change(root: Node, random: (below: number) => number): string {
  let node: Node = root;
  const path: string[] = [];
  for (;;) {
    const keys = Object.keys(node);
    const key = keys[random(keys.length)];
    if (key === undefined) return `${path.join('.')} (empty)`;
    path.push(key);
    const holder = node as Record<string, unknown>;
    const value = holder[key];
    const where = path.join('.');
    const leaf = typeof value !== 'object' || value === null;
    const action = random(leaf ? 6 : 14);
    if (!leaf && action > 1) {
      node = value as Node;
      continue;
    }
    if (action === 0) {
      if (Array.isArray(node)) node.splice(Number(key), 1);
      else delete holder[key];
      return `without ${where}`;
    }
    if (action === 1 && Array.isArray(node)) {
      node.push(value);
      return `${where} twice`;
    }
    if (!leaf) {
      node = value as Node;
      continue;
    }
    holder[key] = changeLeaf(value, random);
    return `other ${where}`;
  }
}

function changeLeaf(value: unknown, random: (below: number) => number): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value !== 'string' || value === '') return 'x';
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length > 8 && bytes.toString('base64') === value) {
    const at = random(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    return bytes.toString('base64');
  }
  if (/^[0-9]+$/.test(value)) return String(BigInt(value) + BigInt(1 + random(3)));
  const at = random(value.length);
  return `${value.slice(0, at)}${value[at] === 'a' ? 'b' : 'a'}${value.slice(at + 1)}`;
}

/** Mulberry32: the same changes in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}

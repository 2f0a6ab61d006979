import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { readPublicKey } from './key.ts';
import { kindOfSubject } from './policy.ts';
import { type ReadBundle, readBundle } from './sigstore/bundle.ts';
import { readTrustedRoot } from './sigstore/trusted-root.ts';
import { verifyByCertificate, verifyByKey } from './sigstore/verify.ts';
import { readStatement, subjectWith } from './statement.ts';

// The outside suite of Sigstore clients: one folder a case, a name with _fail must be refused (V1).
const data = process.env['DARSENA_TEST_DATA'];
const folder = data === undefined ? null : join(data, 'signatures');

/** The identity that the suite's cases are signed by, where a case does not name another. */
const BEACON = {
  issuer: 'https://token.actions.githubusercontent.com',
  subject:
    'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main',
};

test('every conformance bundle is accepted or refused as the suite says', (t) => {
  if (folder === null) return t.skip('DARSENA_TEST_DATA is not set: the conformance bundles are not here');
  const suite = join(folder, 'sigstore-conformance');
  const wrong: string[] = [];
  const counts = { accepted: 0, refused: 0 };
  for (const entry of readdirSync(suite, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const reason = verifyCase(join(suite, entry.name), suite);
    const mustFail = entry.name.endsWith('_fail');
    counts[reason === null ? 'accepted' : 'refused'] += 1;
    if (mustFail !== (reason !== null)) wrong.push(`${entry.name}: ${reason ?? 'accepted'}`);
    if (mustFail) t.diagnostic(`${entry.name}: ${reason}`);
  }
  t.diagnostic(`accepted ${counts.accepted}, refused ${counts.refused}`);
  assert.deepEqual(wrong, []);
  assert.deepEqual(counts, { accepted: 21, refused: 10 });
});

/** Null when the bundle holds, else the reason. */
function verifyCase(path: string, suite: string): string | null {
  const read = (name: string) => readFileSync(join(path, name));
  const has = (name: string) => existsSync(join(path, name));
  try {
    const bundle = readBundle(read('bundle.sigstore.json'));
    const artifact = has('artifact') ? read('artifact') : readFileSync(join(suite, 'a.txt'));
    const rootPath = has('trusted_root.json')
      ? join(path, 'trusted_root.json')
      : join(suite, '..', 'public-good-trusted_root.json');
    const root = readTrustedRoot(readFileSync(rootPath));
    if (has('key.pub')) {
      verifyByKey(bundle, artifact, readPublicKey(read('key.pub').toString()), root, { now: Date.now() });
    } else {
      const seen = verifyByCertificate(bundle, artifact, root, { now: Date.now() }).identity;
      const wanted = has('identity')
        ? { issuer: read('issuer').toString().trim(), subject: read('identity').toString().trim() }
        : BEACON;
      assert.deepEqual(seen, { kind: 'certificate', subjectKind: kindOfSubject(wanted.subject), ...wanted });
    }
    checkSubject(bundle, artifact);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function checkSubject(bundle: ReadBundle, artifact: Uint8Array): void {
  if (bundle.content.kind !== 'dsse') return;
  const statement = readStatement(bundle.content.payload);
  const hex = createHash('sha256').update(artifact).digest('hex');
  assert.notEqual(subjectWith(statement, digestOf(artifact)), null, `the statement does not name ${hex}`);
}

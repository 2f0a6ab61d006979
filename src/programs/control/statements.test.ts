import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Journal, journalMigrations } from '../../journal/index.ts';
import { digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { startTestRegistry } from '../../registry/test-registry.ts';
import type { ScanReport, Scans } from '../../scan/index.ts';
import { type Json, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import { generateSigningKey, Trust, type TrustTables, trustMigrations } from '../../trust/index.ts';
import { builderName, keyRotation } from './key-rotation.ts';
import { signatureStore } from './signature-store.ts';
import { Statements } from './statements.ts';

const CYCLONEDX = 'application/vnd.cyclonedx+json';

const description = 'what it is for '.repeat(30);

/** A bill with the date of the scan, as every bill has it: 4 MB of eight thousand packages. */
const billOf = (packages: number, name: string): Json => ({
  ...{
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    serialNumber: `urn:uuid:${randomBytes(4).toString('hex')}`,
  },
  metadata: { timestamp: new Date().toISOString(), component: { type: 'container', name: 'tienda/web' } },
  components: Array.from({ length: packages }, (_, n) => ({
    type: 'library',
    name: `${name}-${n}`,
    version: '1.0',
    description,
  })),
});

test('a bill too large for a statement lies beside the image, and the statement names it by its digest', async () => {
  const server = await startTestRegistry();
  const opened = await openDatabase<TrustTables>('sqlite::memory:', [...journalMigrations, ...trustMigrations]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  try {
    const trust = new Trust({
      ...{ db: opened.db, journal, clock: systemClock, masterKey: randomBytes(32) },
      signatures: signatureStore(
        () => server.registry,
        async () => [],
      ),
    });
    await trust.ensureKey('control', ['scan', 'sbom']);
    const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
    await server.registry.putBlob('tienda/web', config, digestOf(config));
    const manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, layers: [] },
        config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.length },
      }),
    );
    const digest = await server.registry.putManifest('tienda/web', manifest, MEDIA_TYPE.manifest, { tag: '1' });
    let bill: Json = null;
    const statements = new Statements({
      trust,
      scans: () => ({ billOfMaterials: async () => bill }) as unknown as Scans,
      repositoriesOf: async () => ['tienda/web'],
      ...{ clock: systemClock, log: silentLog },
    });
    const report = {
      ...{ id: 'scan', digest, scannedAt: new Date().toISOString(), complete: true, durationMs: 20, packages: 3 },
      ...{ packagesByType: {}, findings: [], secrets: [], misconfigurations: [], malware: { state: 'clean' } },
      ...{ summary: { state: 'clean', byRisk: {} }, advisories: { sources: [], coverage: {} } },
    } as unknown as ScanReport;
    const scan = async (now: Json) => {
      bill = now;
      await statements.scanned({ repository: 'tienda/web', digest }, report, { isFresh: true });
      const documents = await server.registry.listReferrers('tienda/web', digest, CYCLONEDX);
      const { accepted } = await trust.verify('tienda/web', digest);
      const stated = accepted.filter(({ use }) => use === 'sbom');
      return { documents, stated };
    };

    const small = await scan(billOf(10, 'small'));
    assert.deepEqual([small.documents.length, small.stated.length], [0, 1]);

    const large = await scan(billOf(8000, 'large'));
    assert.deepEqual([large.documents.length, large.stated.length], [1, 1]);
    const { externalReferences } = (large.stated[0]?.predicate ?? {}) as {
      externalReferences: { type: string; url: string; hashes: { alg: string; content: string }[] }[];
    };
    const [reference] = externalReferences ?? [];
    assert.equal(reference?.type, 'bom');
    assert.equal(reference.url, `oci://registry.darsena.internal/tienda/web@${large.documents[0]?.digest}`);
    const artifact = await server.registry.resolve('tienda/web', large.documents[0]?.digest ?? '');
    const { layers } = JSON.parse(Buffer.from(artifact?.bytes ?? []).toString());
    const pieces: Uint8Array[] = [];
    for await (const piece of server.registry.openBlob(layers[0].digest)) pieces.push(piece);
    const document = Buffer.concat(pieces);
    assert.equal(createHash('sha256').update(document).digest('hex'), reference.hashes[0]?.content);
    assert.equal(JSON.parse(document.toString()).components.length, 8000);

    // The same at another time is the same; another one takes its place; a small one leaves none.
    const again = await scan(billOf(8000, 'large'));
    assert.deepEqual(again.documents, large.documents);
    assert.deepEqual(again.stated[0]?.bundle, large.stated[0]?.bundle);
    const other = await scan(billOf(8000, 'other'));
    assert.equal(other.documents.length, 1);
    assert.notEqual(other.documents[0]?.digest, large.documents[0]?.digest);
    assert.deepEqual([(await scan(billOf(10, 'small'))).documents.length], [0]);
  } finally {
    await journal.close();
    await opened.close();
    await server.close();
  }
});

test('only the key that a builder signs with now gets a successor, made by its own host', async () => {
  const [first, second] = [1, 2].map(() => generateSigningKey(randomBytes(32)).key.publicKeyPem);
  let signsWith = first ?? '';
  const asked: string[] = [];
  const hosts = {
    views: () => [
      { name: 'away', facts: null },
      { name: 'host1', facts: { builderKey: signsWith } },
    ],
    run: async (task: { readonly kind: string }, { host }: { readonly host: string }) => {
      asked.push(`${task.kind} ${host}`);
      signsWith = second ?? '';
      return { publicKeyPem: second };
    },
  };
  const added: string[] = [];
  const trust = { addPublicKey: async ({ name }: { name: string }) => added.push(name) };
  const { rotateBuilder } = keyRotation({ trust, hosts: () => hosts } as never);
  const name = builderName('host1', first ?? '');
  assert.deepEqual(await rotateBuilder(name, 'user:ana'), { name: builderName('host1', second ?? '') });
  assert.deepEqual([asked, added], [['builder-key host1'], [builderName('host1', second ?? '')]]);
  for (const other of [name, 'builder:host1:', 'builder:host2:0123456789ab', 'builder:']) {
    await assert.rejects(rotateBuilder(other, 'user:ana'), { code: 'trust.builder-former' });
  }
  assert.equal(asked.length, 1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Journal } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import { openDatabase, systemClock } from '../system/index.ts';
import { Deadlines } from './deadlines.ts';
import { decide } from './decision.ts';
import { describeHere, summariseHere } from './here.ts';
import { scanMigrations } from './migrations.ts';
import { planUpgrades } from './plan.ts';
import { DECISIONS, type Decision, type Finding, type Place, readStoredReport, type ScanReport } from './report.ts';
import { toOpenVex } from './reports/openvex.ts';
import { scoreImage } from './score.ts';
import type { ScanTables } from './store.ts';
import { speaksOf } from './vex/claim.ts';
import { VexDocuments } from './vex/documents.ts';
import { readVex } from './vex/read.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as Digest;
const LAYER = `sha256:${'1'.repeat(64)}` as Digest;
const RCE = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';

function finding(
  change: Partial<Finding> & { name?: string; version?: string; type?: string; path?: string | null } = {},
): Finding {
  const { name = 'openssl', version = '3.0.15', type = 'deb', path = null, ...rest } = change;
  return {
    id: 'CVE-2026-1',
    aliases: [],
    package: {
      purl: `pkg:${type}/${type === 'deb' ? 'debian/' : ''}${name}@${version}`,
      name,
      version,
      type,
      path,
      layer: LAYER,
    },
    fixedVersion: '3.0.17',
    severity: 'critical',
    cvss: 9.8,
    kev: false,
    epss: null,
    risk: 'high',
    title: '',
    url: null,
    reason: { en: '', es: '' },
    decision: 'track',
    decisionReason: { en: '', es: '' },
    cvssVectors: [{ source: 's', version: '3.1', vector: RCE, score: 9.8 }],
    kevDetail: null,
    here: [],
    exception: null,
    vex: null,
    ...rest,
  };
}

const report = (findings: Finding[]): ScanReport =>
  readStoredReport(
    JSON.stringify({
      ...{ id: 'r', digest: DIGEST, scannedAt: '2026-11-22T00:00:00.000Z', complete: true, incomplete: null },
      ...{ distribution: null, packages: 1, packagesByType: {}, summary: { state: 'findings', byRisk: {} } },
      ...{ advisories: { sources: [], coverage: {} }, durationMs: 1, secrets: [], misconfigurations: [] },
      layers: [{ digest: LAYER, sizeBytes: 1, packages: 1, cached: false, createdBy: 'RUN apt-get install openssl' }],
      findings,
    }),
  );

const place = (change: Partial<Place>): Place => ({
  ...{ project: 'tienda', environment: 'prod', class: 'production', workload: 'web' },
  ...{ exposure: 'published', reachesHost: false, root: false, ...change },
});

const nothingElse = { vex: new Map(), exceptionOf: () => null, base: null, deadlineOf: () => null };

test('decision: CISA’s tree, by exploitation, automation, impact and place, with a sentence in both languages', () => {
  const partial = 'CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N';
  const v4 = 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N';
  const table: [vector: string, facts: { kev?: boolean; epss?: number }, where: Place | null, Decision][] = [
    [RCE, { kev: true }, place({}), 'act'],
    [RCE, { kev: true }, null, 'act'],
    [RCE, { kev: true }, place({ class: 'development', exposure: 'internal' }), 'attend'],
    [partial, { kev: true }, place({}), 'attend'],
    [partial, { kev: true }, place({ class: 'development', exposure: 'none' }), 'track'],
    [RCE, { epss: 0.4 }, place({}), 'attend'],
    [RCE, { epss: 0.4 }, null, 'track*'],
    [RCE, {}, place({}), 'attend'],
    [v4, {}, place({}), 'attend'],
    [RCE, {}, place({ exposure: 'internal' }), 'track'],
    [RCE, {}, place({ exposure: 'internal', root: true }), 'attend'],
    [RCE, {}, place({ class: 'development', exposure: 'none' }), 'track'],
    [partial, {}, place({ reachesHost: true }), 'track'],
    [`${partial}/E:P`, {}, place({}), 'track*'],
  ];
  for (const [vector, facts, where, expected] of table) {
    const vectors = [{ source: 's', version: vector.slice(5, 8), vector, score: null }];
    const { decision, reason } = decide(
      { severity: 'high', kev: false, ransomware: false, epss: null, ...facts, vectors },
      where,
    );
    assert.equal(decision, expected, `${vector} ${JSON.stringify(facts)} ${where?.class} ${where?.exposure}`);
    assert.ok(reason.en.length > 20 && reason.en !== reason.es);
  }
  // Without a vector nobody is called safe.
  assert.equal(
    decide({ severity: 'critical', kev: true, ransomware: false, epss: null, vectors: [] }, place({})).decision,
    'act',
  );
});

test('score: from 0 to 100, never lower for one more finding or a more urgent one', () => {
  const score = (counts: Partial<Record<Decision, number>>): number =>
    scoreImage({
      decisions: DECISIONS.flatMap((one) => Array.from({ length: counts[one] ?? 0 }, () => one)),
      misconfigurations: [],
    });
  assert.equal(score({}), 0);
  let seed = 7;
  const random = (most: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % most;
  };
  for (let round = 0; round < 300; round++) {
    const counts = { act: random(4), attend: random(40), 'track*': random(100), track: random(2000) };
    const before = score(counts);
    assert.ok(before >= 0 && before <= 100);
    for (const [index, decision] of DECISIONS.entries()) {
      assert.ok(score({ ...counts, [decision]: counts[decision] + 1 }) >= before);
      const worse = DECISIONS[index - 1];
      if (worse === undefined || counts[decision] === 0) continue;
      assert.ok(score({ ...counts, [decision]: counts[decision] - 1, [worse]: counts[worse] + 1 }) >= before);
    }
  }
  assert.ok(score({ act: 1 }) > score({ track: 100_000 }));
});

test('plan: the fewest upgrades that remove the most risk, the base when it removes more, each with its place', () => {
  const findings = [
    finding({ id: 'CVE-1', decision: 'act', kev: true }),
    finding({ id: 'CVE-2', name: 'libssl3', fixedVersion: '3.0.17' }),
    finding({ id: 'CVE-3', fixedVersion: '3.0.16' }),
    finding({
      id: 'CVE-4',
      name: 'lodash',
      version: '4.17.20',
      type: 'npm',
      path: 'app/package-lock.json',
      fixedVersion: '4.17.21',
      decision: 'attend',
    }),
    finding({ id: 'CVE-5', name: 'zlib', version: '1', fixedVersion: null }),
  ];
  const { layers, distribution } = report([]);
  const plan = planUpgrades({ findings, layers, distribution }, null);
  assert.deepEqual(
    plan.steps.map(({ title }) => title.en),
    ['upgrade libssl3, openssl 3.0.15 → 3.0.17', 'upgrade lodash 4.17.20 → 4.17.21 in /app/package-lock.json'],
  );
  assert.equal(plan.steps[0]?.line, 'RUN apt-get install openssl');
  assert.deepEqual([plan.steps[0]?.removes.findings, plan.steps[0]?.removes.kev, plan.removes, plan.of], [3, 1, 4, 5]);
  assert.ok((plan.steps[0]?.share ?? 0) > (plan.steps[1]?.share ?? 1));

  const base = {
    name: 'base/debian-12',
    from: '2026-03-01',
    to: '2026-11-20',
    layers: new Set([LAYER]),
    remaining: new Set(['CVE-4|lodash']),
  };
  const based = planUpgrades({ findings, layers, distribution }, base);
  assert.deepEqual(
    based.steps.map(({ kind, removes }) => [kind, removes.findings]),
    [
      ['base', 4],
      ['package', 1],
    ],
  );
});

test('here: the same finding differs between development and production, and nothing excepted is hidden', () => {
  const one = finding({ kev: true, kevDetail: { dueDate: null, ransomware: true } });
  const other = finding({ id: 'CVE-9' });
  const exception = {
    id: 'e',
    scope: 'digest',
    reason: 'x',
    author: 'a',
    approver: 'b',
    expiresAt: '2027-01-01T00:00:00Z',
  };
  const vex = {
    status: 'not_affected',
    justification: null,
    statement: null,
    document: 'd',
    author: 'v',
    format: 'openvex',
    provenance: 'signed',
    believedBecause: 'k',
    at: '',
  } as const;
  const stored = report([one, other]);
  const [first, second] = stored.findings;
  assert.ok(first && second);
  const read = describeHere(stored, {
    ...nothingElse,
    places: [place({ environment: 'dev', class: 'development', exposure: 'none' }), place({})],
    exceptionOf: ({ id }) => (id === 'CVE-2026-1' ? exception : null),
    vex: new Map([[second, vex]]),
  });
  assert.deepEqual(
    read.findings.map(({ id }) => id),
    ['CVE-2026-1', 'CVE-9'],
  );
  assert.deepEqual(
    read.findings[0]?.here.map(({ environment, decision }) => [environment, decision]),
    [
      ['dev', 'attend'],
      ['prod', 'act'],
    ],
  );
  assert.equal(read.findings[0]?.decision, 'act');
  assert.match(read.findings[0]?.decisionReason.es ?? '', /ransomware.*producción, publicada/);
  // What somebody answered for asks for nothing: neither the excepted one nor what does not affect the image.
  assert.deepEqual([read.summary.answered, Object.values(read.summary.byRisk)], [2, [0, 0, 0, 0, 0]]);
  const facts = { ...nothingElse, places: [], exceptionOf: () => null, vex: new Map([[second, vex]]) };
  assert.deepEqual(summariseHere(stored, facts).byRisk, { 'act-now': 0, high: 1, medium: 0, low: 0, unknown: 0 });
  assert.deepEqual(describeHere(stored, facts).summary, summariseHere(stored, facts));
  assert.equal(read.findings[0]?.exception?.approver, 'b');
  assert.equal(read.findings[1]?.vex?.believedBecause, 'k');
  assert.equal(
    read.score,
    scoreImage({ decisions: ['act'], misconfigurations: [] }),
    'what does not affect the image does not count',
  );
  const document = JSON.stringify(toOpenVex(read, { digest: DIGEST, reference: null, createdAt: read.scannedAt }));
  assert.deepEqual(
    readVex(Buffer.from(document)).claims.map(({ status }) => status),
    ['affected', 'not_affected'],
  );
});

test('VEX: three formats say the same; what names neither image nor package, or another version, does not match', () => {
  const one = finding();
  const openVex = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'x',
    author: 'Vendor',
    timestamp: '2026-01-01T00:00:00Z',
    statements: [
      {
        vulnerability: { name: 'CVE-2026-1' },
        products: [
          {
            '@id': 'pkg:oci/web',
            hashes: { 'sha-256': 'a'.repeat(64) },
            subcomponents: [{ '@id': 'pkg:deb/debian/openssl' }],
          },
        ],
        status: 'not_affected',
        justification: 'component_not_present',
      },
    ],
  };
  const csaf = {
    document: {
      csaf_version: '2.0',
      publisher: { name: 'Vendor' },
      tracking: { id: 'x', current_release_date: '2026-01-01T00:00:00Z' },
    },
    product_tree: {
      branches: [
        {
          branches: [
            { product: { product_id: 'P', product_identification_helper: { purl: 'pkg:deb/debian/openssl@3.0.15' } } },
          ],
        },
      ],
    },
    vulnerabilities: [
      {
        cve: 'CVE-2026-1',
        product_status: { known_not_affected: ['P'] },
        flags: [{ label: 'component_not_present', product_ids: ['P'] }],
      },
    ],
  };
  const cyclonedx = {
    bomFormat: 'CycloneDX',
    serialNumber: 'x',
    metadata: { timestamp: '2026-01-01T00:00:00Z', supplier: { name: 'Vendor' } },
    components: [{ 'bom-ref': 'c', purl: 'pkg:deb/debian/openssl@3.0.15' }],
    vulnerabilities: [
      {
        id: 'CVE-2026-1',
        analysis: { state: 'not_affected', justification: 'component_not_present' },
        affects: [{ ref: 'c' }],
      },
    ],
  };
  for (const document of [openVex, csaf, cyclonedx]) {
    const { claims, author } = readVex(Buffer.from(JSON.stringify(document)));
    const [claim] = claims;
    assert.ok(claim);
    assert.equal(author, 'Vendor');
    assert.deepEqual([claim.status, claim.justification], ['not_affected', 'component_not_present']);
    assert.ok(speaksOf(claim, one, DIGEST));
    assert.ok(!speaksOf(claim, finding({ id: 'CVE-2026-2' }), DIGEST));
    assert.ok(!speaksOf(claim, finding({ name: 'libssl3' }), DIGEST));
    assert.equal(
      speaksOf(claim, one, `sha256:${'b'.repeat(64)}` as Digest),
      document !== openVex,
      'another image only where none is named',
    );
  }
  assert.ok(
    !speaksOf(
      {
        ids: ['CVE-2026-1'],
        status: 'not_affected',
        justification: null,
        statement: null,
        at: null,
        products: [{ image: null, purl: null }],
      },
      one,
      DIGEST,
    ),
  );
  for (const bad of [
    '{}',
    '[]',
    'x',
    JSON.stringify({
      ...openVex,
      statements: [{ vulnerability: 'CVE-1', products: [{ '@id': 'my product' }], status: 'not_affected' }],
    }),
  ]) {
    assert.throws(() => readVex(Buffer.from(bad)), /VEX|Fault|usar|used/);
  }
});

test('VEX and deadlines are kept: nobody believes their own document, and a deadline only moves to sooner', async (t) => {
  const opened = await openDatabase<ScanTables>('sqlite::memory:', [...scanMigrations]);
  t.after(() => opened.close());
  const facts: string[] = [];
  const journal = {
    record: async (_tx: unknown, { kind }: { kind: string }) => void facts.push(kind),
    committed: () => undefined,
  } as unknown as Journal;
  let now = new Date('2026-11-22T12:00:00Z');
  const parts = { db: opened.db as never, journal, clock: { ...systemClock, now: () => now } };

  const vex = new VexDocuments({ ...parts, signed: async () => [] });
  const document = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'd',
    author: 'V',
    timestamp: '2026-01-01T00:00:00Z',
    statements: [
      { vulnerability: { name: 'CVE-2026-1' }, products: ['pkg:deb/debian/openssl'], status: 'not_affected' },
    ],
  };
  const record = await vex.add('tienda', Buffer.from(JSON.stringify(document)), 'user:ana');
  const stored = report([finding()]);
  assert.equal((await vex.apply('tienda', stored)).size, 0, 'nobody has believed it yet');
  await assert.rejects(vex.approve('tienda', record.id, 'user:ana'), { code: 'scan.vex-own' });
  await assert.rejects(vex.approve('banco', record.id, 'user:eva'), { code: 'scan.vex-unknown' });
  await vex.approve('tienda', record.id, 'user:eva');
  const [said] = (await vex.apply('tienda', stored)).values();
  assert.deepEqual([said?.status, said?.provenance, said?.believedBecause], ['not_affected', 'approved', 'user:eva']);
  assert.equal((await vex.apply('banco', stored)).size, 0);
  await vex.revoke('tienda', record.id, 'user:leo');
  assert.equal((await vex.apply('tienda', stored)).size, 0);

  const deadlines = new Deadlines(parts);
  const running = (decision: Decision, findings = [finding({ decision })]) => ({
    ...({ project: 'tienda', environment: 'prod', class: 'production', digest: DIGEST } as const),
    hours: { act: 48, attend: 336 },
    report: report(findings),
  });
  const list = () => deadlines.list({ projects: ['tienda'], limit: 10 });
  await deadlines.update([running('attend')]);
  assert.equal((await list())[0]?.due, '2026-12-06T12:00:00.000Z');
  now = new Date('2026-11-23T12:00:00Z');
  await deadlines.update([running('attend')]);
  assert.equal((await list())[0]?.due, '2026-12-06T12:00:00.000Z', 'asking again moves nothing');
  await deadlines.update([running('act')]);
  assert.equal((await list())[0]?.due, '2026-11-25T12:00:00.000Z');
  await deadlines.update([running('attend')]);
  assert.equal((await list())[0]?.due, '2026-11-25T12:00:00.000Z', 'and never to later');
  assert.equal(await deadlines.tellOver(), 0);
  now = new Date('2026-11-26T00:00:00Z');
  assert.equal(await deadlines.tellOver(), 1);
  assert.equal(await deadlines.tellOver(), 0, 'told once');
  await deadlines.update([running('track')]);
  assert.deepEqual(await list(), []);
  await deadlines.update([running('attend')]);
  await deadlines.update([]);
  assert.deepEqual(await list(), [], 'what runs no more has no deadline');
  assert.deepEqual(await deadlines.list({ projects: [], limit: 10 }), []);
  assert.deepEqual(
    facts.filter((kind) => kind.startsWith('deadline')),
    ['deadline.set', 'deadline.over', 'deadline.met', 'deadline.set', 'deadline.met'],
  );
});

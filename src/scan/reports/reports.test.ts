import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { AdvisoryDatabase } from '../../advisories/database.ts';
import { systemClock } from '../../system/index.ts';
import { toCycloneDxVex } from '../bills/cyclonedx.ts';
import type { Finding, ScanReport } from '../report.ts';
import { rematchInventory } from '../scan.ts';
import { noticeText, spanishOf, whyText } from '../spanish.ts';
import { mergeHere, npmManifest, packLayer } from '../test-image.ts';
import { GATE_WORDS, narrowReport, parseGateRule, refuses, SCANNERS, scannersOf } from './gate.ts';
import { toHtml } from './html.ts';
import { toOpenVex } from './openvex.ts';
import { toSarif } from './sarif.ts';
import { summaryOf } from './words.ts';

const DIGEST = `sha256:${'b'.repeat(64)}` as const;
const EVIL = '<script>alert(1)</script>"\'&\u202e';

function finding(more: Partial<Finding>): Finding {
  return {
    id: 'CVE-2026-1',
    aliases: ['GHSA-1'],
    package: {
      purl: 'pkg:npm/a@1.0.0',
      name: 'a',
      version: '1.0.0',
      type: 'npm',
      path: 'app/a b/package.json',
      layer: DIGEST,
    },
    fixedVersion: '1.0.1',
    severity: 'critical',
    cvss: 9.8,
    kev: false,
    epss: null,
    risk: 'high',
    title: 'it breaks',
    url: 'https://example.org/CVE-2026-1',
    reason: { en: 'because', es: 'porque' },
    decision: 'attend',
    decisionReason: { en: 'because', es: 'porque' },
    cvssVectors: [],
    kevDetail: null,
    here: [],
    exception: null,
    vex: null,
    ...more,
  };
}

async function report(more: Partial<ScanReport> = {}): Promise<ScanReport> {
  const inventory = await mergeHere([await packLayer([npmManifest('a', '1.0.0')])]);
  const clean = rematchInventory(inventory, {
    manifestDigest: DIGEST,
    advisories: AdvisoryDatabase.empty(),
    clock: systemClock,
  });
  const findings = more.findings ?? [finding({})];
  const byRisk = { 'act-now': 0, high: findings.length, medium: 0, low: 0, unknown: 0 };
  return { ...clean, findings, summary: { state: 'findings', byRisk }, ...more };
}

const SECRET = {
  rule: 'github-pat',
  line: 3,
  column: 1,
  fingerprint: 'f'.repeat(32),
  title: { en: 'GitHub token', es: 'token de GitHub' },
  severity: 'high',
  source: 'file',
  path: 'root/.env',
  layer: DIGEST,
  removed: false,
} as const;

test('SARIF has what code scanning services ask for, and the same fingerprint in the next run', async () => {
  const sarif = toSarif(
    await report({
      findings: [finding({}), finding({ url: 'javascript:alert(1)', id: 'X-2', cvss: null })],
      secrets: [SECRET],
    }),
    'tienda/web:1',
    'en',
  );
  assert.equal(sarif['version'], '2.1.0');
  const [run] = sarif['runs'] as {
    tool: { driver: { name: string; rules: { id: string; helpUri?: string; properties: Record<string, unknown> }[] } };
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[];
      partialFingerprints: Record<string, string>;
    }[];
  }[];
  assert.ok(run);
  const { rules } = run.tool.driver;
  assert.deepEqual(
    rules.map(({ id, properties }) => [id, properties['security-severity']]),
    [
      ['CVE-2026-1', '9.8'],
      ['X-2', '8.0'],
      ['secret/github-pat', '8.0'],
    ],
  );
  assert.equal(rules[1]?.helpUri, undefined, 'only addresses of the web are links');
  for (const result of run.results) {
    assert.equal(rules[result.ruleIndex]?.id, result.ruleId);
    assert.match(result.level, /^(?:error|warning|note)$/);
    assert.match(result.locations[0]?.physicalLocation.artifactLocation.uri ?? '', /^[^/ ][^ ]*$/);
    assert.ok((result.locations[0]?.physicalLocation.region.startLine ?? 0) >= 1);
  }
  assert.equal(run.results[0]?.locations[0]?.physicalLocation.artifactLocation.uri, 'app/a%20b/package.json');
  // A new version of the package with the same issue is the same result.
  const later = toSarif(
    await report({
      findings: [finding({ package: { ...finding({}).package, version: '1.0.0-2', purl: 'pkg:npm/a@1.0.0-2' } })],
    }),
    'tienda/web:2',
    'es',
  );
  const [again] = later['runs'] as (typeof run)[];
  assert.deepEqual(again?.results[0]?.partialFingerprints, run.results[0]?.partialFingerprints);
});

test('the page needs nothing from elsewhere and shows hostile text as text', async () => {
  const evil = await report({
    findings: [
      finding({
        id: EVIL,
        title: EVIL,
        url: 'javascript:alert(1)',
        package: { ...finding({}).package, name: EVIL, path: EVIL },
      }),
    ],
    secrets: [{ ...SECRET, path: EVIL }],
  });
  for (const language of ['en', 'es'] as const) {
    const page = toHtml(evil, null, EVIL, language);
    assert.doesNotMatch(page, /<script|javascript:|\u202e|<img|<link|src=|@import|url\(/i);
    assert.match(page, new RegExp(`<html lang="${language}">`));
    assert.match(page, /default-src 'none'/);
    assert.match(page, /prefers-color-scheme:dark/);
    assert.match(page, /@media print/);
    assert.match(page, /&lt;script&gt;/);
  }
});

test('the gate counts what was asked for: risk, severity, KEV, credentials, configuration; malware always', async () => {
  const rules = (words: string) => words.split(',').map((word) => parseGateRule(word) ?? assert.fail(word));
  const plain = await report();
  for (const [words, refused] of [
    ['act-now', false],
    ['high', true],
    ['low', true],
    ['severity:critical', true],
    ['kev', false],
    ['secret', false],
    ['act-now,severity:high', true],
  ] as const) {
    assert.equal(refuses(plain, rules(words)), refused, words);
  }
  assert.equal(refuses(plain, []), false);
  // What a gate asks has to be looked for.
  const [kev, any, secrets] = rules('kev,any,secret');
  assert.deepEqual(
    [kev, any, secrets].map((rule) => rule && scannersOf(rule)),
    [['vuln'], ['vuln', 'secret'], ['secret']],
  );
  const unrated = { ...plain, findings: [finding({ risk: 'unknown', severity: 'unknown', cvss: null })] };
  assert.deepEqual([refuses(unrated, rules('low')), refuses(unrated, rules('any'))], [false, true]);
  assert.equal(refuses({ ...plain, findings: [finding({ kev: true })] }, rules('kev')), true);
  const secret = { ...plain, findings: [], secrets: [SECRET] };
  assert.deepEqual(
    [refuses(secret, rules('high')), refuses(secret, rules('act-now')), refuses(secret, rules('secret'))],
    [true, false, true],
  );
  const vex = {
    status: 'not_affected',
    justification: null,
    statement: null,
    document: 'd',
    author: 'a',
    format: 'openvex',
    provenance: 'approved',
    believedBecause: 'x',
    at: '',
  } as const;
  assert.equal(refuses({ ...plain, findings: [finding({ vex })] }, rules('low')), false, 'somebody answered for it');
  const malware = {
    ...plain.malware,
    state: 'found',
    findings: [{ engine: 'clamav', signature: 'Eicar', path: 'x', layer: DIGEST }],
  } as const;
  assert.equal(refuses({ ...plain, findings: [], malware }, rules('kev')), true);
  for (const word of GATE_WORDS) assert.ok(parseGateRule(word), word);
  for (const word of ['', 'HIGH', 'unknown', 'severity:', 'severity:none'])
    assert.equal(parseGateRule(word), null, word);
});

test('every sentence of the readers has its Spanish, and none of a stranger’s words takes long', async () => {
  const root = resolve(import.meta.dirname, '../..');
  const missing: string[] = [];
  let seen = 0;
  for (const path of globSync(['formats/**/*.ts', 'scan/**/*.ts', 'oci/layers.ts'], { cwd: root })) {
    if (/test/.test(path)) continue;
    const source = await readFile(join(root, path), 'utf8');
    const told = [
      ...source.matchAll(/FormatError\(\s*'[a-z.-]+',\s*([`'](?:[^`'\\]|\\.)*[`'])/g),
      ...source.matchAll(/(?:RuleFile|Baseline|HashList|JavaIndex|YaraRules)Error\(\s*(`[^`]*`|'(?:[^'\\]|\\.)*')/g),
    ].map(([, one = '']) => one);
    for (const [, one = ''] of source.matchAll(/(?:#fault|PatternError)\(\s*(`[^`]*`|'(?:[^'\\]|\\.)*')/g))
      told.push(`${one.slice(0, -1)} at 7'`);
    for (const one of told) {
      seen++;
      const sentence = one
        .slice(1, -1)
        .replaceAll(/\$\{(?:named|place)\(\)\}|\$\{named\}/g, 'entry 7 ("a")')
        .replaceAll(/\$\{JSON[^`]*?\)\}/g, '"a"')
        .replaceAll(/\$\{[^}]+\}/g, '7')
        .replaceAll('\\\\', '\\');
      // Another's sentence after its place.
      if (sentence === '7: 7') continue;
      if (spanishOf(sentence) === null) missing.push(`${path}: ${sentence}`);
    }
  }
  assert.ok(seen > 100, `found ${seen} sentences`);
  assert.deepEqual(missing, []);
  assert.equal(
    noticeText('WEB-INF/lib/a.jar: zip has no end record; it was cut or is no zip').es,
    'WEB-INF/lib/a.jar: el zip está cortado o no es un zip',
  );
  assert.equal(noticeText('words of nobody').es, 'no se pudo entender');
  assert.equal(
    whyText('rule "a b": regex: groups nest deeper than 9 at 3').es,
    'regla "a b": regex: más de 9 grupos anidados en 3',
  );
  assert.equal(whyText('words of nobody').es, 'el detalle, en inglés: words of nobody');
  assert.equal(spanishOf('ID is {1} $1'), 'ID es {1} $1', 'what a stranger wrote is no place of a sentence');
  const before = process.cpuUsage();
  for (const hostile of ['a: '.repeat(330), `${' is encrypted'.repeat(70)} has`, '"'.repeat(999)]) spanishOf(hostile);
  assert.ok(process.cpuUsage(before).user < 500_000);
});

test('what was left out by choice does not make an image clean', async () => {
  const all = await report({ secrets: [SECRET] });
  const narrowed = narrowReport(all, { scanners: new Set(['secret']), ignoreUnfixed: false });
  assert.deepEqual([narrowed.findings.length, narrowed.secrets.length, narrowed.summary.state], [0, 1, 'unknown']);
  const unfixed = narrowReport(
    { ...all, findings: [finding({ fixedVersion: null })] },
    { scanners: new Set(SCANNERS), ignoreUnfixed: true },
  );
  assert.deepEqual([unfixed.findings.length, unfixed.summary.state], [0, 'unknown']);
  const incomplete = { ...all, complete: false, incomplete: { en: 'cut', es: 'cortada' } };
  assert.match(summaryOf(incomplete).es, /no está completo.*cortada/);
});

test('OpenVEX is valid by its schema, and says not_affected only where somebody did', async (t) => {
  const vex = {
    status: 'not_affected',
    justification: 'component_not_present',
    statement: 'not used',
    document: 'd',
    author: 'a',
    format: 'openvex',
    provenance: 'approved',
    believedBecause: 'x',
    at: '',
  } as const;
  const subject = { digest: DIGEST, reference: 'tienda/web:1', createdAt: '2026-01-01T00:00:00.000Z' };
  const document = toOpenVex(
    await report({
      findings: [
        finding({}),
        finding({ id: 'CVE-2026-2', fixedVersion: null, aliases: [] }),
        finding({ id: 'CVE-2026-3', vex }),
      ],
    }),
    subject,
  );
  const statements = document['statements'] as { status: string }[];
  assert.deepEqual(
    statements.map(({ status }) => status),
    ['affected', 'under_investigation', 'not_affected'],
  );
  const data = process.env['DARSENA_TEST_DATA'];
  if (!data) return t.skip('DARSENA_TEST_DATA is not set');
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const { default: formats } = await import('ajv-formats');
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  formats.default(ajv as never);
  const validate = ajv.compile(
    JSON.parse(readFileSync(join(data, 'advisories/schemas/openvex.schema.json'), 'utf8')) as object,
  );
  assert.ok(validate(JSON.parse(JSON.stringify(document))), JSON.stringify(validate.errors?.slice(0, 3)));
  assert.equal(validate({ ...document, statements: [{}] }), false);
});

test('SARIF, CycloneDX VEX, OpenVEX and the page say the same of what people decided', async () => {
  const vex: Finding['vex'] = {
    status: 'not_affected',
    justification: 'component_not_present',
    statement: 'not used',
    document: 'd',
    author: 'Team',
    format: 'openvex',
    provenance: 'approved',
    believedBecause: 'x',
    at: '',
  };
  const exception = {
    ...{ id: 'e1', scope: 'digest', reason: 'until the next base', author: 'user:ana', approver: 'user:bea' },
    expiresAt: '2027-01-01T00:00:00.000Z',
  };
  const other = { ...finding({}).package, name: 'b', purl: 'pkg:npm/b@1.0.0' };
  const said = await report({
    findings: [finding({ vex }), finding({ package: other }), finding({ id: 'CVE-2026-2', exception })],
  });
  const [run] = toSarif(said, 'x', 'en')['runs'] as { results: { suppressions?: { justification: string }[] }[] }[];
  assert.deepEqual(
    run?.results.map(({ suppressions }) => suppressions?.[0]?.justification ?? null),
    ['VEX d: not_affected; not used', null, 'exception e1 until 2027-01-01T00:00:00.000Z: until the next base'],
  );
  const inventory = await mergeHere([await packLayer([npmManifest('a', '1.0.0')])]);
  const subject = { digest: DIGEST, reference: 'tienda/web:1', createdAt: '2026-01-01T00:00:00.000Z' };
  const { vulnerabilities } = toCycloneDxVex(said, inventory, subject) as unknown as {
    vulnerabilities: { 'bom-ref': string; analysis: { state: string }; affects: { ref: string }[] }[];
  };
  assert.deepEqual(
    vulnerabilities.map((one) => [one['bom-ref'], one.analysis.state, one.affects[0]?.ref]),
    [
      ['finding:CVE-2026-1', 'not_affected', 'pkg:npm/a@1.0.0'],
      ['finding:CVE-2026-1#2', 'in_triage', 'pkg:npm/b@1.0.0'],
      ['finding:CVE-2026-2', 'exploitable', 'pkg:npm/a@1.0.0'],
    ],
  );
  const eicar = { engine: 'clamav', signature: 'Eicar-Test', path: 'srv/x', layer: DIGEST } as const;
  const infected = { ...said, malware: { ...said.malware, state: 'found', findings: [eicar] } } as const;
  const last = (toCycloneDxVex(infected, inventory, subject)['vulnerabilities'] as unknown[]).at(-1);
  assert.deepEqual(
    [(last as { id: string }).id, (last as { cwes: number[] }).cwes, (last as { affects: unknown }).affects],
    ['Eicar-Test', [506], [{ ref: `image:${DIGEST}` }]],
  );
  const { statements } = toOpenVex(said, subject) as unknown as { statements: { status: string }[] };
  assert.deepEqual(
    statements.map(({ status }) => status),
    ['not_affected', 'affected', 'affected'],
  );
  const page = toHtml(said, null, 'x', 'es');
  assert.match(page, /no afecta \(Team\)/);
  assert.match(page, /aceptado hasta el 2027-01-01 por user:bea/);
});

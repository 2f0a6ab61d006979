import { createHash } from 'node:crypto';
import type { Json, Language, Text } from '../../system/index.ts';
import { TOOL } from '../bills/bill.ts';
import type { CheckSeverity, Finding, RiskClass, ScanReport } from '../report.ts';
import type { SecretSeverity } from '../secrets/secret.ts';
import { malwareLine } from './words.ts';

type Level = 'error' | 'warning' | 'note';

interface Rule {
  readonly id: string;
  readonly short: string;
  readonly full: string;
  readonly url: string | null;
  readonly level: Level;
  /** What code scanning services order by: a CVSS score. */
  readonly score: number;
  readonly tags: readonly string[];
}

interface Result {
  readonly rule: Rule;
  readonly message: string;
  readonly path: string;
  readonly line: number;
  /** The object of it, such as a purl. */
  readonly logical: string;
  /** SARIF 3.35: why it does not count; null: it counts. */
  readonly suppression?: string | null;
  /** Makes it the same result in the next run, wherever it moved to. */
  readonly identity: string;
}

const LEVEL: Readonly<Record<RiskClass, Level>> = {
  'act-now': 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  unknown: 'note',
};
/** Where there is no CVSS score: the middle of the class. */
const SCORE: Readonly<Record<CheckSeverity | SecretSeverity | RiskClass, number>> = {
  'act-now': 9.5,
  critical: 9.5,
  high: 8,
  medium: 5.5,
  low: 2,
  unknown: 0.1,
};
const SEVERITY_LEVEL: Readonly<Record<CheckSeverity, Level>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
};

/**
 * A report as SARIF 2.1.0 (OASIS, 2020), as code scanning services read it: a rule for each issue, a result for each
 * place, fingerprints that survive the next run.
 *
 * @param target what was scanned, as people named it; the place of what lies in no file
 */
export function toSarif(report: ScanReport, target: string, language: Language): { [key: string]: Json } {
  const say = (text: Text): string => text[language];
  const results = [
    ...report.findings.map((finding) => vulnerability(finding, target, say)),
    ...report.secrets.map(({ rule, title, severity, path, line, fingerprint, source }): Result => {
      const text = say(title);
      return {
        rule: {
          id: `secret/${rule}`,
          short: text,
          full: text,
          url: null,
          level: SEVERITY_LEVEL[severity],
          score: SCORE[severity],
          tags: ['security', 'secret'],
        },
        message: say({ en: `${text} in ${path}`, es: `${text} en ${path}` }),
        path: source === 'file' ? path : target,
        line,
        logical: `${source}:${path}`,
        identity: fingerprint,
      };
    }),
    ...report.misconfigurations.map(
      ({ id, severity, title, message, remedy, path, line, subject }): Result => ({
        rule: {
          id: `check/${id}`,
          short: say(title),
          full: say(remedy),
          url: null,
          level: SEVERITY_LEVEL[severity],
          score: SCORE[severity],
          tags: ['security', 'misconfiguration'],
        },
        message: `${say(message)}. ${say(remedy)}`,
        path: path ?? target,
        line: line ?? 1,
        logical: subject ?? target,
        identity: `${id}\n${path}\n${subject}`,
      }),
    ),
    ...report.malware.findings.map(
      ({ engine, signature, path }): Result => ({
        rule: {
          id: `malware/${signature}`,
          short: signature,
          full: say({ en: `${engine} found ${signature}`, es: `${engine} encontró ${signature}` }),
          url: null,
          level: 'error',
          score: 10,
          tags: ['security', 'malware'],
        },
        message: say({ en: `malware: ${signature} in ${path}`, es: `código malicioso: ${signature} en ${path}` }),
        path,
        line: 1,
        logical: path,
        identity: `${signature}\n${path}`,
      }),
    ),
  ];
  const rules = [...new Map(results.map(({ rule }) => [rule.id, rule])).values()];
  const indexOf = new Map(rules.map(({ id }, index) => [id, index]));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: TOOL.name, organization: TOOL.vendor, rules: rules.map(toRule) } },
        automationDetails: { id: `darsena/${target}/` },
        invocations: [
          {
            executionSuccessful: report.complete,
            endTimeUtc: report.scannedAt,
            toolExecutionNotifications: notifications(report).map(({ level, text }) => ({
              level,
              message: { text: say(text) },
            })),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: results.map((result) => toResult(result, indexOf.get(result.rule.id) ?? 0)),
        properties: { digest: report.digest, state: report.summary.state },
      },
    ],
  };
}

/** What kept the scan from seeing all. */
function notifications({
  incomplete,
  malware,
}: ScanReport): { readonly level: 'error' | 'note'; readonly text: Text }[] {
  if (incomplete !== null) return [{ level: 'error', text: incomplete }];
  return malware.reason === null ? [] : [{ level: 'note', text: malwareLine(malware) }];
}

function vulnerability(finding: Finding, target: string, say: (text: Text) => string): Result {
  const { id, package: found, fixedVersion, title, url, risk, cvss, reason, kev } = finding;
  const what = title === '' ? id : `${id}: ${title}`;
  const way: Text =
    fixedVersion === null
      ? { en: 'no fix is known', es: 'no se conoce corrección' }
      : { en: `fixed in ${fixedVersion}`, es: `corregida en ${fixedVersion}` };
  return {
    rule: {
      id,
      short: what,
      full: `${what}. ${say(reason)}`,
      url,
      level: LEVEL[risk],
      score: cvss ?? SCORE[risk],
      tags: ['security', 'vulnerability', ...(kev ? ['exploited'] : [])],
    },
    message: `${found.name} ${found.version}: ${what}; ${say(way)}. ${say(reason)}`,
    path: found.path === null || found.path === '' ? target : found.path,
    line: 1,
    logical: found.purl,
    identity: `${id}\n${found.type}/${found.name}\n${found.path}`,
    suppression: suppressionOf(finding),
  };
}

function toRule({ id, short, full, url, level, score, tags }: Rule): Json {
  return {
    id,
    name: id,
    shortDescription: { text: short.slice(0, 1_000) },
    fullDescription: { text: full.slice(0, 1_000) },
    help: { text: url === null ? full : `${full}\n${url}` },
    ...(url !== null && /^https?:\/\//.test(url) ? { helpUri: url } : {}),
    defaultConfiguration: { level },
    properties: { 'security-severity': score.toFixed(1), precision: 'very-high', tags: [...tags] },
  };
}

/** What a second person accepted or a believed statement takes away: services show it closed, not gone. */
function suppressionOf({ vex, exception }: Finding): string | null {
  if (vex?.status === 'not_affected' || vex?.status === 'fixed') {
    return `VEX ${vex.document}: ${vex.status}; ${vex.statement ?? vex.justification ?? vex.author}`;
  }
  return exception === null ? null : `exception ${exception.id} until ${exception.expiresAt}: ${exception.reason}`;
}

function toResult({ rule, message, path, line, logical, identity, suppression }: Result, ruleIndex: number): Json {
  return {
    ruleId: rule.id,
    ruleIndex,
    level: rule.level,
    message: { text: message },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(path) },
          region: { startLine: Math.max(1, line) },
        },
        logicalLocations: [{ fullyQualifiedName: logical }],
      },
    ],
    ...(suppression ? { suppressions: [{ kind: 'external', status: 'accepted', justification: suppression }] } : {}),
    partialFingerprints: { 'darsenaIdentity/v1': createHash('sha256').update(identity).digest('hex').slice(0, 32) },
  };
}

/** A relative reference (RFC 3986): services take it as a path in the repository. */
function uriOf(path: string): string {
  const relative = path.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/');
  return relative === '' ? '.' : relative;
}

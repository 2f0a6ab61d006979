import type { Language, Text } from '../../system/index.ts';
import type { Inventory } from '../package.ts';
import type { Finding, RiskClass, ScanReport } from '../report.ts';
import { malwareLine, RISK_WORDS, standingOf, summaryOf } from './words.ts';

/** Rows of one table of the page; more are in the other formats, and the page says how many. */
const ROWS_MAX = 2_000;

/**
 * A report as one page that needs nothing else: no script, no image, no font of elsewhere; light and dark, on paper too.
 * Everything from the image is escaped, and a policy in the page forbids the rest.
 */
export function toHtml(report: ScanReport, inventory: Inventory | null, target: string, language: Language): string {
  const say = (text: Text): string => escapeHtml(text[language]);
  const sections = [
    todaySection(report, say),
    findingsSection(report, say),
    listSection(
      say({ en: 'Credentials in the image', es: 'Credenciales expuestas' }),
      [say(W.severity), say(W.what), say(W.place)],
      report.secrets.map(({ severity, title, path, line, removed }) => [
        escapeHtml(severity),
        say(title),
        `${code(path)}:${line}${removed ? ` (${say(W.removed)})` : ''}`,
      ]),
      say,
    ),
    malwareSection(report, say),
    listSection(
      say({ en: 'Configuration', es: 'Configuración' }),
      [say(W.severity), say(W.what), say(W.remedy)],
      report.misconfigurations.map(({ severity, message, remedy, path, line }) => [
        escapeHtml(severity),
        `${say(message)}${path === null ? '' : ` ${code(`${path}${line === null ? '' : `:${line}`}`)}`}`,
        say(remedy),
      ]),
      say,
    ),
    listSection(
      say({ en: 'Not understood: what is in it is not known', es: 'Sin entender: no se sabe qué contiene' }),
      [say(W.place), say(W.why)],
      [
        ...(report.notices ?? []).map(({ path, reason }) => [code(path), say(reason)]),
        ...(inventory?.archives ?? []).map(({ path, inside, sha1 }) => [
          code(inside === undefined ? path : `${path}!/${inside}`),
          say({ en: `a Java archive without a name, SHA-1 ${sha1}`, es: `un archivo Java sin nombre, SHA-1 ${sha1}` }),
        ]),
      ],
      say,
    ),
    inventory === null || report.withoutPackages === true
      ? ''
      : `<details><summary>${say({ en: `${inventory.packages.length} packages`, es: `${inventory.packages.length} paquetes` })}</summary>${table(
          [say(W.package), say(W.version), say(W.licence), say(W.place)],
          inventory.packages.map(({ name, version, licences, path }) => [
            escapeHtml(name),
            escapeHtml(version),
            escapeHtml(licences.join(', ')),
            code(path),
          ]),
          say,
        )}</details>`,
    table(
      [say(W.layer), say(W.size), say(W.package), say(W.madeBy)],
      report.layers.map(({ digest, sizeBytes, packages, createdBy }) => [
        code(digest.slice(0, 19)),
        `${(sizeBytes / 1e6).toFixed(1)} MB`,
        report.withoutPackages === true ? '' : String(packages),
        createdBy === null ? '' : code(createdBy),
      ]),
      say,
    ),
  ];
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(target)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(target)}</h1>
<p class="state ${report.complete ? report.summary.state : 'unknown'}">${say(summaryOf(report))}</p>
<dl>
<dt>digest</dt><dd>${code(report.digest)}</dd>
<dt>${say({ en: 'read', es: 'leída' })}</dt><dd><time datetime="${escapeHtml(report.scannedAt)}">${escapeHtml(report.scannedAt)}</time></dd>
${report.distribution === null ? '' : `<dt>${say({ en: 'system', es: 'sistema' })}</dt><dd>${escapeHtml(report.distribution.name)}</dd>`}
${report.score === null ? '' : `<dt>${say({ en: 'risk, 0 to 100', es: 'riesgo, de 0 a 100' })}</dt><dd>${report.score}</dd>`}
<dt>${say({ en: 'advisories', es: 'avisos' })}</dt><dd>${escapeHtml(report.advisories.sources.map(({ name }) => name).join(', ') || '-')}</dd>
</dl>
${sections.filter((section) => section !== '').join('\n')}
</main>
</body>
</html>
`;
}

const W = {
  risk: { en: 'Risk', es: 'Riesgo' },
  issue: { en: 'Issue', es: 'Problema' },
  package: { en: 'Package', es: 'Paquete' },
  version: { en: 'Version', es: 'Versión' },
  fixed: { en: 'Fixed in', es: 'Corregida en' },
  why: { en: 'Why', es: 'Motivo' },
  severity: { en: 'Severity', es: 'Gravedad' },
  what: { en: 'What', es: 'Qué' },
  place: { en: 'Place', es: 'Lugar' },
  remedy: { en: 'Remedy', es: 'Remedio' },
  licence: { en: 'Licence', es: 'Licencia' },
  layer: { en: 'Layer', es: 'Capa' },
  size: { en: 'Size', es: 'Tamaño' },
  madeBy: { en: 'Made by', es: 'Hecha por' },
  removed: { en: 'removed by a later layer', es: 'quitado por una capa posterior' },
} as const satisfies Record<string, Text>;

type Say = (text: Text) => string;

function todaySection({ plan }: ScanReport, say: Say): string {
  if (plan.steps.length === 0) return '';
  const rows = plan.steps.map(
    ({ title, removes }) =>
      `<li>${say(title)} <span>${say({
        en: `removes ${removes.findings} of ${plan.of}${removes.kev > 0 ? `, ${removes.kev} exploited in the wild` : ''}`,
        es: `quita ${removes.findings} de ${plan.of}${removes.kev > 0 ? `, ${removes.kev} explotadas activamente` : ''}`,
      })}</span></li>`,
  );
  return `<section><h2>${say({ en: 'What to do', es: 'Qué hacer' })}</h2><ol>${rows.join('')}</ol></section>`;
}

function findingsSection({ findings }: ScanReport, say: Say): string {
  if (findings.length === 0) return '';
  return `<section><h2>${say({ en: 'Vulnerabilities', es: 'Vulnerabilidades' })}</h2>${table(
    [say(W.risk), say(W.issue), say(W.package), say(W.version), say(W.fixed), say(W.why)],
    findings.map(({ risk, id, url, package: one, fixedVersion, reason, title, vex, exception }) => [
      mark(risk, say),
      `${link(id, url)}${title === '' ? '' : `<br><small>${escapeHtml(title)}</small>`}`,
      `${escapeHtml(one.name)}${one.path ? `<br><small>${escapeHtml(one.path)}</small>` : ''}`,
      escapeHtml(one.version),
      escapeHtml(fixedVersion ?? '-'),
      `${say(reason)}${standing({ vex, exception }, say)}`,
    ]),
    say,
  )}</section>`;
}

function standing(finding: Pick<Finding, 'vex' | 'exception'>, say: Say): string {
  const text = standingOf(finding);
  return text === null ? '' : `<br><b>${say(text)}</b>`;
}

function malwareSection({ malware }: ScanReport, say: Say): string {
  const title = say({ en: 'Malware', es: 'Código malicioso' });
  const list = listSection(
    '',
    [say(W.what), say(W.place)],
    malware.findings.map(({ signature, path }) => [escapeHtml(signature), code(path)]),
    say,
  );
  return `<section><h2>${title}</h2><p>${say(malwareLine(malware))}</p>${list}</section>`;
}

function listSection(title: string, heads: readonly string[], rows: readonly (readonly string[])[], say: Say): string {
  if (rows.length === 0) return '';
  return `<section>${title === '' ? '' : `<h2>${title}</h2>`}${table(heads, rows, say)}</section>`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[], say: Say): string {
  const body = rows.slice(0, ROWS_MAX).map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  const more = rows.length - ROWS_MAX;
  const rest =
    more > 0
      ? `<p>${say({ en: `and ${more} more; the JSON report has all`, es: `y ${more} más; el informe JSON los tiene todos` })}</p>`
      : '';
  return `<div class="wide"><table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>${rest}`;
}

function mark(risk: RiskClass, say: Say): string {
  return `<b class="risk ${risk}">${say(RISK_WORDS[risk])}</b>`;
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`;
}

/** Only to the web: an advisory may say anything for its address. */
function link(text: string, url: string | null): string {
  if (url === null || !/^https?:\/\//i.test(url)) return escapeHtml(text);
  return `<a href="${escapeHtml(url)}" rel="noreferrer noopener">${escapeHtml(text)}</a>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and quoted attributes; control and direction marks could make the page say what it does not. */
function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? letter)
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#59636e;--line:#d1d9e0;--bad:#a40e26;--warn:#8a4b00;--good:#116329}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--faint:#9198a1;--line:#3d444d;--bad:#ff9492;--warn:#f0b72f;--good:#4ac26b}}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif}
main{max-width:1200px;margin:0 auto;padding:24px}
h1{font-size:22px;overflow-wrap:anywhere}h2{font-size:17px;margin:28px 0 8px}
.state{font-size:16px;font-weight:600}.state.findings{color:var(--bad)}.state.clean{color:var(--good)}.state.unknown{color:var(--warn)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:8px 0;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;border-bottom:1px solid var(--line)}th{color:var(--faint);font-weight:600}
code{font:12px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}small,li span{color:var(--faint)}a{color:inherit}
.risk.act-now,.risk.high{color:var(--bad)}.risk.medium{color:var(--warn)}summary{cursor:pointer;margin:16px 0}
@media print{:root{--ink:#000;--paper:#fff;--faint:#444;--line:#bbb;--bad:#000;--warn:#000;--good:#000}main{max-width:none;padding:0}tr{break-inside:avoid}thead{display:table-header-group}}
`;

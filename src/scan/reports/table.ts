import type { CliProgram, Text } from '../../system/index.ts';
import { CHECK_SEVERITIES, type Finding, type Misconfiguration, type ScanReport } from '../report.ts';
import type { SecretFinding } from '../secrets/secret.ts';
import { CHECK_SEVERITY_WORDS, malwareLine, RISK_WORDS, standingOf, summaryOf } from './words.ts';

/** Rows of a table before it says how many more there are; `-o wide` shows all. */
const ROWS_MAX = 25;
const STEPS_MAX = 5;
const UNREAD_MAX = 5;

/** The report for people: the answer, what to do first, then the findings, worst first. Fits 100 columns. */
export function printReport(cli: CliProgram, report: ScanReport): void {
  cli.print.result(colouredSummary(cli, report));
  if (!report.complete) return;
  printContents(cli, report);
  printPlan(cli, report);
  printFindings(cli, report.findings);
  printSecrets(cli, report.secrets);
  printMalware(cli, report);
  printMisconfigurations(cli, report.misconfigurations);
  printCoverage(cli, report);
  printUnread(cli, report);
}

function colouredSummary(cli: CliProgram, report: ScanReport): string {
  const text = wrap(cli.t(summaryOf(report)));
  if (!report.complete || report.summary.state === 'unknown') return cli.print.colour('warn', text);
  return cli.print.colour(report.summary.state === 'clean' ? 'good' : 'strong', text);
}

function printContents(cli: CliProgram, report: ScanReport): void {
  if (report.withoutPackages === true) return;
  const kinds = Object.entries(report.packagesByType)
    .sort(([, a], [, b]) => b - a)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
  const system = report.distribution ? `${report.distribution.name}; ` : '';
  cli.print.line({
    en: wrap(`${system}${report.packages} packages${kinds === '' ? '' : ` (${kinds})`} in ${report.durationMs} ms`),
    es: wrap(`${system}${report.packages} paquetes${kinds === '' ? '' : ` (${kinds})`} en ${report.durationMs} ms`),
  });
}

function printPlan(cli: CliProgram, { plan }: ScanReport): void {
  if (plan.steps.length === 0) return;
  cli.print.line('');
  cli.print.line({ en: 'To do first:', es: 'Qué hacer primero:' });
  for (const [index, { title, removes }] of plan.steps.slice(0, STEPS_MAX).entries()) {
    const kev: Text =
      removes.kev > 0
        ? { en: `, ${removes.kev} exploited in the wild`, es: `, ${removes.kev} explotadas activamente` }
        : { en: '', es: '' };
    cli.print.line({
      en: wrap(`  ${index + 1}. ${title.en} (removes ${removes.findings} of ${plan.of}${kev.en})`),
      es: wrap(`  ${index + 1}. ${title.es} (quita ${removes.findings} de ${plan.of}${kev.es})`),
    });
  }
  const more = plan.steps.length - STEPS_MAX;
  if (more > 0) cli.print.line({ en: `  and ${more} more upgrades`, es: `  y ${more} actualizaciones más` });
}

function printFindings(cli: CliProgram, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  cli.print.line('');
  const rows = cli.output.wide ? findings : findings.slice(0, ROWS_MAX);
  cli.print.table(
    [
      { title: { en: 'RISK', es: 'RIESGO' }, value: (row: Finding) => riskWord(cli, row) },
      { title: { en: 'ISSUE', es: 'PROBLEMA' }, value: ({ id }) => cut(cli, id, 19) },
      {
        title: { en: 'PACKAGE', es: 'PAQUETE' },
        value: ({ package: one }) => cut(cli, `${one.name} ${one.version}`, 28),
      },
      { title: { en: 'FIXED IN', es: 'CORREGIDA EN' }, value: ({ fixedVersion }) => cut(cli, fixedVersion ?? '-', 17) },
      ...(rows.some((row) => standingOf(row) !== null)
        ? [
            {
              title: { en: 'DECIDED', es: 'DECIDIDO' },
              value: (row: Finding) => cut(cli, cli.t(standingOf(row) ?? { en: '-', es: '-' }), 28),
            },
          ]
        : []),
      { title: { en: 'PLACE', es: 'LUGAR' }, value: ({ package: one }) => one.path ?? '-', wide: true },
      { title: { en: 'WHY', es: 'MOTIVO' }, value: ({ reason }) => cli.t(reason), wide: true, long: true },
    ],
    rows,
  );
  sayMore(cli, findings.length - rows.length);
}

function printSecrets(cli: CliProgram, secrets: readonly SecretFinding[]): void {
  if (secrets.length === 0) return;
  cli.print.line('');
  const rows = cli.output.wide ? secrets : secrets.slice(0, ROWS_MAX);
  cli.print.table(
    [
      {
        title: { en: 'CREDENTIAL', es: 'CREDENCIAL' },
        value: ({ title }: SecretFinding) => cut(cli, cli.t(title), 34),
      },
      { title: { en: 'PLACE', es: 'LUGAR' }, value: ({ path, line }) => cutStart(cli, `${path}:${line}`, 42) },
      { title: { en: 'RULE', es: 'REGLA' }, value: ({ rule }) => rule, wide: true },
    ],
    rows,
  );
  sayMore(cli, secrets.length - rows.length);
}

function printMalware(cli: CliProgram, { malware }: ScanReport): void {
  cli.print.line('');
  for (const { signature, path } of malware.findings) {
    cli.print.line(
      cli.print.colour(
        'bad',
        cli.t({ en: `malware ${signature}: ${path}`, es: `código malicioso ${signature}: ${path}` }),
      ),
    );
  }
  const text = wrap(cli.t(malwareLine(malware)));
  cli.print.line(malware.state === 'clean' ? text : cli.print.colour('warn', text));
}

function printMisconfigurations(cli: CliProgram, list: readonly Misconfiguration[]): void {
  if (list.length === 0) return;
  cli.print.line('');
  const rows = [...list].sort((a, b) => CHECK_SEVERITIES.indexOf(a.severity) - CHECK_SEVERITIES.indexOf(b.severity));
  const shown = cli.output.wide ? rows : rows.slice(0, ROWS_MAX);
  const hasPlaces = shown.some(({ path }) => path !== null);
  cli.print.table(
    [
      {
        title: { en: 'SEVERITY', es: 'GRAVEDAD' },
        value: ({ severity }: Misconfiguration) => cli.t(CHECK_SEVERITY_WORDS[severity]),
      },
      {
        title: { en: 'WHAT', es: 'QUÉ' },
        value: ({ message }) => cut(cli, cli.t(message), hasPlaces ? 58 : 84),
        long: true,
      },
      ...(hasPlaces
        ? [
            {
              title: { en: 'PLACE', es: 'LUGAR' },
              value: ({ path, line }: Misconfiguration) =>
                cutStart(cli, [path, line].filter((part) => part !== null).join(':'), 26),
            },
          ]
        : []),
      { title: { en: 'CHECK', es: 'COMPROBACIÓN' }, value: ({ id }) => id, wide: true },
      { title: { en: 'REMEDY', es: 'REMEDIO' }, value: ({ remedy }) => cli.t(remedy), wide: true, long: true },
    ],
    shown,
  );
  sayMore(cli, list.length - shown.length);
}

function printCoverage(cli: CliProgram, { advisories }: ScanReport): void {
  const types = (wanted: string): string =>
    Object.entries(advisories.coverage)
      .filter(([, coverage]) => coverage === wanted)
      .map(([type]) => type)
      .join(', ');
  const partial = types('partial');
  const none = types('no-data');
  if (partial !== '') {
    cli.print.note({
      en: `only a few advisories for ${partial}: that nothing more was found means little`,
      es: `solo hay unos pocos avisos para ${partial}: que no se haya encontrado más significa poco`,
    });
  }
  if (none !== '') {
    cli.print.note({
      en: `no advisories for ${none}: what is wrong with these packages is not known`,
      es: `no hay avisos para ${none}: no se sabe qué problemas tienen estos paquetes`,
    });
  }
}

/** What the inventory does not hold although it may be in the image. */
function printUnread(cli: CliProgram, { notices = [], unnamedArchives = 0 }: ScanReport): void {
  const rows = cli.output.wide ? notices : notices.slice(0, UNREAD_MAX);
  if (notices.length > 0) {
    cli.print.note({
      en: `not understood, so that nobody knows what is in them: ${notices.length}`,
      es: `sin entender, y por eso no se sabe qué contienen: ${notices.length}`,
    });
  }
  for (const { path, reason } of rows) cli.print.note(`  ${path}: ${cli.t(reason)}`);
  sayMore(cli, notices.length - rows.length);
  if (unnamedArchives > 0) {
    cli.print.note({
      en: `Java archives that do not say what they are: ${unnamedArchives}; an index may know them (--java-index; on the platform: darsena scan rules set jars)`,
      es: `archivos Java que no dicen qué son: ${unnamedArchives}; un índice puede conocerlos (--java-index; en la plataforma: darsena scan rules set jars)`,
    });
  }
}

function sayMore(cli: CliProgram, more: number): void {
  if (more > 0)
    cli.print.line({ en: `and ${more} more (-o wide shows all)`, es: `y ${more} más (-o wide los muestra todos)` });
}

function riskWord(cli: CliProgram, { risk }: Finding): string {
  const word = cli.t(RISK_WORDS[risk]);
  if (risk === 'act-now' || risk === 'high') return cli.print.colour('bad', word);
  return risk === 'medium' ? cli.print.colour('warn', word) : word;
}

const COLUMNS = 80;

/** Breaks a line between words, later lines set in. */
function wrap(text: string): string {
  const [indent = ''] = /^ */.exec(text) ?? [];
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `   ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => indent + one).join('\n');
}

function cut(cli: CliProgram, text: string, most: number): string {
  return cli.output.wide || text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Of a path the end tells more. */
function cutStart(cli: CliProgram, text: string, most: number): string {
  return cli.output.wide || text.length <= most ? text : `…${text.slice(text.length - most + 1)}`;
}

import type { CliProgram, Text } from '../system/index.ts';
import { checkPath } from './checks/folder.ts';
import { CHECKS, type CheckedFile } from './checks/index.ts';
import { scanFault } from './errors.ts';
import { CHECK_SEVERITIES, type CheckSeverity, type Misconfiguration } from './report.ts';

const SEVERITY: Readonly<Record<CheckSeverity, Text>> = {
  critical: { en: 'critical', es: 'crítica' },
  high: { en: 'high', es: 'alta' },
  medium: { en: 'medium', es: 'media' },
  low: { en: 'low', es: 'baja' },
};

const LOOKS_AT: Readonly<Record<keyof typeof CHECKS, Text>> = {
  image: { en: 'image', es: 'imagen' },
  containerfile: { en: 'Containerfile', es: 'Containerfile' },
  kubernetes: { en: 'Kubernetes', es: 'Kubernetes' },
  compose: { en: 'Compose', es: 'Compose' },
};

/** `darsena check`: Containerfiles, Kubernetes manifests and Compose files, without a server. */
export function checkCommands(cli: CliProgram): void {
  cli.program
    .command('check')
    .argument('[paths...]')
    .option(
      '--fail-on <severity>',
      cli.t({
        en: 'exit with 4 from this severity on (critical, high, medium, low)',
        es: 'terminar con 4 a partir de esta gravedad (critical, high, medium, low)',
      }),
    )
    .option(
      '--ignore <checks>',
      cli.t({
        en: 'checks that do not count, parted by commas',
        es: 'comprobaciones que no cuentan, separadas por comas',
      }),
    )
    .option('--list', cli.t({ en: 'list every check', es: 'enumerar todas las comprobaciones' }))
    .description(
      cli.t({
        en: 'say what is wrong with Containerfiles, manifests and Compose files; needs no server',
        es: 'decir qué está mal en Containerfiles, manifiestos y ficheros Compose; no necesita servidor',
      }),
    )
    .action(async (paths: string[], options: { failOn?: string; ignore?: string; list?: boolean }) => {
      if (options.list === true) {
        listChecks(cli);
        return;
      }
      const failOn = options.failOn === undefined ? null : CHECK_SEVERITIES.indexOf(options.failOn as CheckSeverity);
      if (failOn === -1) {
        throw scanFault('scan.choice-unknown', { value: options.failOn ?? '', choices: CHECK_SEVERITIES.join(', ') });
      }
      const ignored = new Set((options.ignore ?? '').split(',').map((id) => id.trim()));
      const files = await checkAll(paths.length === 0 ? ['.'] : paths, ignored);
      if (cli.output.json) cli.print.json({ items: files });
      else showFiles(cli, files);
      const worst = files.flatMap(({ misconfigurations }) =>
        misconfigurations.map(({ severity }) => CHECK_SEVERITIES.indexOf(severity)),
      );
      if (failOn !== null && worst.some((severity) => severity <= failOn)) cli.exit(4);
      // A gate must not pass what it could not read.
      else if (files.some(({ unreadable }) => unreadable !== null)) cli.exit(1);
    });
}

async function checkAll(paths: readonly string[], ignored: ReadonlySet<string>): Promise<CheckedFile[]> {
  const files: CheckedFile[] = [];
  for (const path of paths) files.push(...(await checkPath(path)));
  return files.map((file) => ({
    ...file,
    misconfigurations: file.misconfigurations.filter(({ id }) => !ignored.has(id)),
  }));
}

function showFiles(cli: CliProgram, files: readonly CheckedFile[]): void {
  const rows = files.flatMap(({ misconfigurations }) => misconfigurations);
  for (const { path, unreadable } of files) {
    if (unreadable !== null)
      cli.print.note({ en: `${path} cannot be read: ${unreadable}`, es: `${path} no se puede leer: ${unreadable}` });
  }
  if (rows.length > 0)
    cli.print.table(
      [
        {
          title: { en: 'severity', es: 'gravedad' },
          value: (row: Misconfiguration) => severityWord(cli, row.severity),
        },
        { title: { en: 'place', es: 'lugar' }, value: (row) => `${row.path ?? ''}:${row.line ?? ''}` },
        { title: { en: 'problem', es: 'problema' }, value: (row) => cli.t(row.message), long: true },
        { title: { en: 'way out', es: 'remedio' }, value: (row) => cli.t(row.remedy), wide: true },
        { title: { en: 'check', es: 'comprobación' }, value: (row) => row.id, wide: true },
      ],
      rows,
    );
  cli.print.result({
    en: `${rows.length} problems in ${files.length} files`,
    es: `${rows.length} problemas en ${files.length} ficheros`,
  });
}

function severityWord(cli: CliProgram, severity: CheckSeverity): string {
  const word = cli.t(SEVERITY[severity]);
  return severity === 'low' ? word : cli.print.colour(severity === 'medium' ? 'warn' : 'bad', word);
}

function listChecks(cli: CliProgram): void {
  const rows = Object.entries(CHECKS).flatMap(([kind, checks]) =>
    checks.map(({ id, severity, title, remedy, standards }) => ({
      id,
      kind: kind as keyof typeof CHECKS,
      severity,
      title,
      remedy,
      standards,
    })),
  );
  cli.print.table(
    [
      { title: { en: 'check', es: 'comprobación' }, value: (row) => row.id },
      { title: { en: 'looks at', es: 'mira' }, value: (row) => cli.t(LOOKS_AT[row.kind]) },
      { title: { en: 'severity', es: 'gravedad' }, value: (row) => severityWord(cli, row.severity) },
      { title: { en: 'says', es: 'dice' }, value: (row) => cli.t(row.title), long: true },
      { title: { en: 'standards', es: 'normas' }, value: (row) => row.standards.join(', '), wide: true },
    ],
    rows,
  );
}

import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CliProgram, Text } from '../system/index.ts';
import { checkPath, checkStream } from './checks/folder.ts';
import { type AskSupport, CHECKS, type CheckedFile } from './checks/index.ts';
import { scanFault } from './errors.ts';
import { CHECK_SEVERITIES, type CheckSeverity, type Misconfiguration } from './report.ts';
import { CHECK_SEVERITY_WORDS } from './reports/words.ts';

const LOOKS_AT: Readonly<Record<keyof typeof CHECKS, Text>> = {
  image: { en: 'image', es: 'imagen' },
  containerfile: { en: 'Containerfile', es: 'Containerfile' },
  kubernetes: { en: 'Kubernetes', es: 'Kubernetes' },
  compose: { en: 'Compose', es: 'Compose' },
};

/**
 * `darsena check`: Containerfiles, Kubernetes manifests and Compose files, without a server.
 * @param supportOf who says what would happen to each field of a manifest, with what hosts have when they are to be asked
 */
export function checkCommands(cli: CliProgram, supportOf?: (askHosts: boolean) => Promise<AskSupport>): void {
  cli.program
    .command('check')
    .argument(
      '[paths...]',
      cli.t({
        en: 'files and folders, this folder without; - for YAML on standard input',
        es: 'archivos y carpetas, sin ellos esta carpeta; - para YAML por la entrada estándar',
      }),
    )
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
    .option(
      '--fields',
      cli.t({
        en: 'say of each field that is emulated how, besides those refused; exit with 4 when one is refused',
        es: 'decir también cómo se emula cada campo, además de los rechazados; terminar con 4 si alguno se rechaza',
      }),
    )
    .option(
      '--hosts',
      cli.t({
        en: 'ask the hosts whether they have the run-times that manifests name; needs a login',
        es: 'preguntar a los hosts si tienen los entornos que nombran los manifiestos; necesita una sesión',
      }),
    )
    .option('--list', cli.t({ en: 'list every check', es: 'enumerar todas las comprobaciones' }))
    .description(
      cli.t({
        en: 'say what is wrong with Containerfiles, manifests and Compose files; needs no server without --hosts',
        es: 'decir qué está mal en Containerfiles, manifiestos y archivos Compose; no necesita servidor sin --hosts',
      }),
    )
    .action(async (paths: string[], options: CheckOptions) => {
      if (options.list === true) {
        listChecks(cli);
        return;
      }
      const failOn = options.failOn === undefined ? null : CHECK_SEVERITIES.indexOf(options.failOn as CheckSeverity);
      if (failOn === -1) {
        throw scanFault('scan.choice-unknown', { value: options.failOn ?? '', choices: CHECK_SEVERITIES.join(', ') });
      }
      const ignored = new Set((options.ignore ?? '').split(',').map((id) => id.trim()));
      const support = await supportOf?.(options.hosts === true);
      const files = await checkAll(paths.length === 0 ? ['.'] : paths, ignored, support, process.stdin, (path) =>
        cli.print.note({
          en: `${path}: nothing here is checked: it is empty, or no Containerfile, manifest or Compose file`,
          es: `${path}: aquí no se comprueba nada: está vacío, o no es un Containerfile, un manifiesto ni un archivo Compose`,
        }),
      );
      if (cli.output.json) cli.print.json({ items: files });
      else showFiles(cli, files, options.fields === true);
      const worst = files.flatMap(({ misconfigurations }) =>
        misconfigurations.map(({ severity }) => CHECK_SEVERITIES.indexOf(severity)),
      );
      const asked = options.fields === true || options.hosts === true;
      const refused = asked && files.some((file) => isRefused(file));
      if (refused || (failOn !== null && worst.some((severity) => severity <= failOn))) cli.exit(4);
      // A gate must not pass what it could not read.
      else if (files.some(({ unreadable }) => unreadable !== null)) cli.exit(1);
    });
}

interface CheckOptions {
  readonly failOn?: string;
  readonly ignore?: string;
  readonly fields?: boolean;
  readonly hosts?: boolean;
  readonly list?: boolean;
}

function isRefused({ support }: CheckedFile): boolean {
  return support?.notes.some(({ treatment }) => treatment !== 'emulated') === true;
}

async function checkAll(
  paths: readonly string[],
  ignored: ReadonlySet<string>,
  support: AskSupport | undefined,
  input: AsyncIterable<Uint8Array>,
  onNothing: (path: string) => void,
): Promise<CheckedFile[]> {
  const files: CheckedFile[] = [];
  for (const path of paths) {
    if (path === '-') {
      const one = await checkStream(input, support);
      if (one === null) onNothing(path);
      else files.push(one);
      continue;
    }
    const place = await stat(path).catch(() => null);
    if (place === null) throw scanFault('scan.place-missing', { path });
    const found = await checkPath(path, support);
    // In a folder there is much else; who names a file wants to know.
    if (found.length === 0 && !place.isDirectory()) onNothing(path);
    files.push(...found);
  }
  return files.map((file) => ({
    ...file,
    misconfigurations: file.misconfigurations.filter(({ id }) => !ignored.has(id)),
  }));
}

function showFiles(cli: CliProgram, files: readonly CheckedFile[], everyField: boolean): void {
  const rows = files.flatMap(({ misconfigurations }) => misconfigurations);
  for (const { path, unreadable } of files) {
    if (unreadable !== null)
      cli.print.note({
        en: `${path}: ${unreadable.en}`,
        es: `${path}: ${unreadable.es}`,
      });
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
  showFields(cli, files, everyField);
  cli.print.result({
    en: `${rows.length} ${rows.length === 1 ? 'problem' : 'problems'} in ${files.length} ${files.length === 1 ? 'file' : 'files'}`,
    es: `${rows.length} ${rows.length === 1 ? 'problema' : 'problemas'} en ${files.length} ${files.length === 1 ? 'archivo' : 'archivos'}`,
  });
}

/** A file that the given one leads to is named from its folder. */
function placeOf(path: string, file: string | undefined): string {
  return file === undefined || basename(path) === file ? path : join(dirname(path), file);
}

/** What a deploy would make of the fields: refused and wrong ones always, emulated ones when they were asked for. */
function showFields(cli: CliProgram, files: readonly CheckedFile[], everyField: boolean): void {
  const asked = files.flatMap(({ path, support }) => (support == null ? [] : [{ path, support }]));
  if (asked.length === 0) return;
  const notes = asked.flatMap(({ path, support }) =>
    support.notes
      .filter(({ treatment }) => everyField || treatment !== 'emulated')
      .map((note) => ({ ...note, place: `${placeOf(path, note.file)}:${note.line}` })),
  );
  if (notes.length > 0)
    cli.print.table(
      [
        {
          title: { en: 'field is', es: 'el campo se' },
          value: ({ treatment }) => cli.print.colour(TREATMENT_COLOUR[treatment], cli.t(TREATMENT[treatment])),
        },
        { title: { en: 'place', es: 'lugar' }, value: ({ place }) => place },
        { title: { en: 'field', es: 'campo' }, value: ({ field }) => field },
        { title: { en: 'how, or why not', es: 'cómo, o por qué no' }, value: ({ text }) => cli.t(text), long: true },
      ],
      notes,
    );
  const sum = (of: 'enforced' | 'emulated' | 'refused'): number =>
    asked.reduce((total, { support }) => total + support[of], 0);
  const [enforced, emulated, refused] = [sum('enforced'), sum('emulated'), sum('refused')];
  cli.print.result({
    en: `a deploy would enforce ${enforced} fields, emulate ${emulated} and refuse ${refused}`,
    es: `un despliegue aplicaría ${enforced} campos, emularía ${emulated} y rechazaría ${refused}`,
  });
}

const TREATMENT: Readonly<Record<'emulated' | 'refused' | 'wrong', Text>> = {
  emulated: { en: 'emulated', es: 'emula' },
  refused: { en: 'refused', es: 'rechaza' },
  wrong: { en: 'wrong', es: 'corrige' },
};
const TREATMENT_COLOUR = { emulated: 'warn', refused: 'bad', wrong: 'bad' } as const;

function severityWord(cli: CliProgram, severity: CheckSeverity): string {
  const word = cli.t(CHECK_SEVERITY_WORDS[severity]);
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

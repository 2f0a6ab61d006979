import { AdvisoryDatabase } from '../advisories/database.ts';
import { parseReference } from '../oci/index.ts';
import { type CliProgram, systemClock, type Text } from '../system/index.ts';
import { isOnDisk, openImagePath } from './archive.ts';
import { toCycloneDx } from './bills/cyclonedx.ts';
import { scanFault } from './errors.ts';
import { fileCache } from './file-cache.ts';
import { type Finding, RISK_CLASSES, type RiskClass, type ScanReport } from './report.ts';
import { scanImage } from './scan.ts';
import { addWhereCommand } from './where-command.ts';

type Format = 'table' | 'json' | 'cyclonedx';

interface ScanOptions {
  readonly advisories?: string;
  readonly format?: string;
  readonly failOn?: string;
}

/** `darsena scan`: what is on disk is scanned here, without a server; an image name is asked of the platform. */
export function scanCommands(cli: CliProgram): void {
  cli.program
    .command('scan')
    .argument('<image>', cli.t(WORDS.argument))
    .option('--advisories <folder>', cli.t(WORDS.advisories))
    .option('--format <format>', 'table | json | cyclonedx')
    .option('--fail-on <risk>', cli.t(WORDS.failOn))
    .description(
      cli.t({
        en: 'packages of an image and what is known to be broken',
        es: 'paquetes de una imagen y qué se sabe que está roto',
      }),
    )
    .action(async (image: string, options: ScanOptions) => {
      const format = readChoice(options.format ?? (cli.output.json ? 'json' : 'table'), [
        'table',
        'json',
        'cyclonedx',
      ]) as Format;
      const failOn = options.failOn === undefined ? null : (readChoice(options.failOn, [...RISK_CLASSES]) as RiskClass);
      const report = (await isOnDisk(image))
        ? await scanHere(cli, image, format, options.advisories ?? process.env['DARSENA_ADVISORIES'] ?? null)
        : await askPlatform(cli, image, format);
      if (!report) return;
      if (!report.complete) cli.exit(1);
      else if (failOn !== null && reaches(report, failOn)) cli.exit(4);
      // A gate that knows nothing must not look like one that found nothing.
      else if (failOn !== null && report.summary.state === 'unknown') cli.exit(3);
    });
  addWhereCommand(cli);
}

const WORDS = {
  argument: {
    en: 'an OCI layout folder, an oci-archive or docker-archive, or PROJECT/IMAGE[:TAG] of the platform',
    es: 'una carpeta OCI, un archivo oci-archive o docker-archive, o PROYECTO/IMAGEN[:ETIQUETA] de la plataforma',
  },
  advisories: {
    en: 'folder with advisories (also DARSENA_ADVISORIES)',
    es: 'carpeta con avisos (también DARSENA_ADVISORIES)',
  },
  failOn: {
    en: 'exit with 4 when a finding has this risk or a worse one (act-now, high, medium, low), with 3 when nothing is known',
    es: 'terminar con 4 si hay un hallazgo de este riesgo o peor (act-now, high, medium, low), con 3 si no se sabe nada',
  },
} as const satisfies Record<string, Text>;

function readChoice(value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value;
  throw scanFault('scan.choice-unknown', { value, choices: choices.join(', ') });
}

async function scanHere(cli: CliProgram, path: string, format: Format, folder: string | null): Promise<ScanReport> {
  const image = await openImagePath(path);
  const advisories = await openAdvisories(folder);
  const { report, inventory } = await scanImage({ ...image, advisories, cache: fileCache(), clock: systemClock });
  if (format === 'cyclonedx') {
    if (inventory) {
      const subject = { digest: report.digest, reference: path, createdAt: report.scannedAt };
      cli.print.json(toCycloneDx(inventory, subject));
    } else sayIncomplete(cli, report);
  } else if (format === 'json') cli.print.json(report);
  else printReport(cli, report);
  return report;
}

/** A folder with a compiled database is used as it is; other files are compiled for this call. */
async function openAdvisories(folder: string | null): Promise<AdvisoryDatabase> {
  if (folder === null) return AdvisoryDatabase.empty();
  const { AdvisoryStore, compileAdvisories, inputsOf } = await import('../advisories/index.ts');
  const inputs = await inputsOf(folder);
  if (inputs.some(({ name }) => name.endsWith('/advisories.db')))
    return new AdvisoryStore(folder, systemClock).current();
  const { database } = await compileAdvisories(inputs, systemClock, { skipUnknown: true });
  return database;
}

async function askPlatform(cli: CliProgram, image: string, format: Format): Promise<ScanReport | null> {
  const { repository, tag, digest } = parseReference(image);
  const project = repository.split('/')[0] ?? repository;
  let asked = digest;
  if (asked === null) {
    // Newest first: without a tag it is the image that was pushed last, and which one is said.
    const query = new URLSearchParams({ repository, ...(tag === null ? {} : { tag }), limit: '1' });
    const { items } = await cli.api.get<{ items: { digest: NonNullable<typeof digest>; tags: string[] }[] }>(
      `/projects/${encodeURIComponent(project)}/images?${query}`,
    );
    const newest = items[0];
    asked = newest?.digest ?? null;
    if (tag === null && newest !== undefined) {
      const name = `${repository}${newest.tags[0] === undefined ? '' : `:${newest.tags[0]}`}`;
      const short = newest.digest.slice(0, 19);
      cli.print.note({ en: `the newest: ${name} (${short})`, es: `la más reciente: ${name} (${short})` });
    }
  }
  if (asked === null) throw scanFault('scan.image-unknown', { image });
  const base = `/projects/${encodeURIComponent(project)}/images/${encodeURIComponent(asked)}`;
  if (format === 'cyclonedx') {
    cli.print.json(await cli.api.get(`${base}/sbom`));
    return null;
  }
  const report = await cli.api.get<ScanReport>(`${base}/scan`);
  if (format === 'json') cli.print.json(report);
  else printReport(cli, report);
  return report;
}

function reaches(report: ScanReport, risk: RiskClass): boolean {
  const limit = RISK_CLASSES.indexOf(risk);
  return report.findings.some((finding) => RISK_CLASSES.indexOf(finding.risk) <= limit);
}

export const RISK_WORDS: Readonly<Record<RiskClass, Text>> = {
  'act-now': { en: 'act now', es: 'actuar ya' },
  high: { en: 'high', es: 'alto' },
  medium: { en: 'medium', es: 'medio' },
  low: { en: 'low', es: 'bajo' },
  unknown: { en: 'unknown', es: 'desconocido' },
};

function printReport(cli: CliProgram, report: ScanReport): void {
  if (!report.complete) {
    sayIncomplete(cli, report);
    return;
  }
  const kinds = Object.entries(report.packagesByType)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
  const system = report.distribution ? `${report.distribution.name}; ` : '';
  cli.print.line({
    en: `${system}${report.packages} packages${kinds === '' ? '' : ` (${kinds})`} in ${report.durationMs} ms`,
    es: `${system}${report.packages} paquetes${kinds === '' ? '' : ` (${kinds})`} en ${report.durationMs} ms`,
  });
  for (const [type, coverage] of Object.entries(report.advisories.coverage)) {
    if (coverage === 'data') continue;
    if (coverage === 'partial') {
      cli.print.note({
        en: `only a few advisories for ${type} packages: that nothing more was found means little`,
        es: `solo hay unos pocos avisos para los paquetes ${type}: que no se haya encontrado más significa poco`,
      });
      continue;
    }
    cli.print.note({
      en: `no advisories for ${type} packages of this image: what is wrong with them is not known`,
      es: `no hay avisos para los paquetes ${type} de esta imagen: no se sabe qué problemas tienen`,
    });
  }
  if (report.findings.length > 0) {
    cli.print.table(
      [
        { title: { en: 'RISK', es: 'RIESGO' }, value: (row: Finding) => riskWord(cli, row.risk) },
        { title: { en: 'ISSUE', es: 'PROBLEMA' }, value: (row) => row.id },
        { title: { en: 'PACKAGE', es: 'PAQUETE' }, value: (row) => row.package.name },
        { title: { en: 'VERSION', es: 'VERSIÓN' }, value: (row) => row.package.version },
        { title: { en: 'FIXED IN', es: 'CORREGIDA EN' }, value: (row) => row.fixedVersion ?? '-' },
        { title: { en: 'PLACE', es: 'LUGAR' }, value: (row) => row.package.path ?? '-', wide: true },
        { title: { en: 'WHY', es: 'MOTIVO' }, value: (row) => cli.t(row.reason), long: true },
      ],
      report.findings,
    );
  }
  cli.print.result(summaryOf(report));
}

function riskWord(cli: CliProgram, risk: RiskClass): string {
  const word = cli.t(RISK_WORDS[risk]);
  if (risk === 'act-now' || risk === 'high') return cli.print.colour('bad', word);
  return risk === 'medium' ? cli.print.colour('warn', word) : word;
}

function summaryOf({ summary, findings }: ScanReport): Text {
  switch (summary.state) {
    case 'clean':
      return { en: 'clean: no known issue in any package', es: 'limpia: ningún problema conocido en ningún paquete' };
    case 'unknown':
      return {
        en: 'unknown: there is not enough advisory data to judge this image (see: darsena advisories, --advisories)',
        es: 'desconocido: no hay avisos suficientes para juzgar esta imagen (ver: darsena advisories, --advisories)',
      };
    case 'findings': {
      const counts = RISK_CLASSES.filter((risk) => summary.byRisk[risk] > 0);
      const list = (language: 'en' | 'es'): string =>
        counts.map((risk) => `${summary.byRisk[risk]} ${RISK_WORDS[risk][language]}`).join(', ');
      return { en: `${findings.length} findings: ${list('en')}`, es: `${findings.length} hallazgos: ${list('es')}` };
    }
  }
}

function sayIncomplete(cli: CliProgram, report: ScanReport): void {
  const why = report.incomplete ?? { en: '', es: '' };
  cli.print.result({
    en: `the scan is not complete, so nothing can be said of the image: ${why.en}`,
    es: `el análisis no está completo y nada se puede afirmar de la imagen: ${why.es}`,
  });
}

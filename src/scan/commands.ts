import { lstat, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { parseReference } from '../oci/index.ts';
import { type CliProgram, systemClock, type Text } from '../system/index.ts';
import { looksLikeJson, readBill } from './bills/read.ts';
import { addContentsCommands } from './contents-commands.ts';
import { scanFault } from './errors.ts';
import { fileCache } from './file-cache.ts';
import { addKnowledgeCommands } from './knowledge/commands.ts';
import type { JavaIndex } from './knowledge/java-index.ts';
import { BILL_MAX_BYTES } from './limits.ts';
import type { MalwareScanner } from './malware/look.ts';
import type { MalwareOptions } from './malware/options.ts';
import type { Inventory } from './package.ts';
import type { ScanReport } from './report.ts';
import { BILL_FORMATS, isBillFormat, type ReportFormat } from './reports/bill-formats.ts';
import { FINDING_FORMAT_NAMES, type FindingFormatName } from './reports/format-names.ts';
import {
  GATE_WORDS,
  type GateRule,
  narrowReport,
  parseGateRule,
  refuses,
  SCANNERS,
  type Scanner,
  scannersOf,
} from './reports/gate.ts';
import { progressLine } from './reports/progress-line.ts';
import { addRiskCommands } from './risk-commands.ts';
import { type KnownAdvisories, rematchInventory } from './scan.ts';
import type { SecretRuleSource } from './secrets/rules.ts';
import { whyText } from './spanish.ts';
import { openTarget, type ScanTarget, scanTarget } from './target.ts';
import { addWhereCommand } from './where-command.ts';

interface ScanOptions {
  readonly advisories?: string;
  readonly format?: string;
  readonly output?: string;
  readonly failOn?: string;
  readonly scanners?: string;
  readonly ignoreUnfixed?: boolean;
  readonly everything?: boolean;
  readonly again?: boolean;
  readonly clamd?: string;
  readonly clamdFileMib?: string;
  readonly clamdMaxAge?: string;
  readonly yara?: string;
  readonly hashes?: string;
  readonly secretRules?: string;
  readonly baseline?: string;
  readonly javaIndex?: string;
}

const FORMAT_NAMES = ['table', ...Object.keys(BILL_FORMATS), ...FINDING_FORMAT_NAMES];

/** What a call of `scan` asks for, checked. */
interface Wanted {
  readonly place: string;
  /** One of FORMAT_NAMES. */
  readonly format: string;
  readonly file: string | null;
  readonly gate: readonly GateRule[];
  readonly scanners: ReadonlySet<Scanner>;
  readonly ignoreUnfixed: boolean;
  readonly everything: boolean;
  readonly again: boolean;
  readonly advisories: string | null;
  readonly malware: MalwareOptions;
  readonly secretRules: string | null;
  readonly baseline: string | null;
  readonly javaIndex: string | null;
}

interface Scanned {
  readonly report: ScanReport;
  readonly inventory: Inventory | null;
  readonly reference: string;
  readonly kind: 'image' | 'files';
}

/** `darsena scan`: what is on this machine is scanned here, without a server; other names are asked of the platform. */
export function scanCommands(cli: CliProgram): void {
  const formats = FORMAT_NAMES.join(' | ');
  cli.program
    .command('scan')
    .argument('<target>', cli.t(WORDS.argument))
    .option('--format <format>', formats)
    .option('-o, --output <file>', cli.t(WORDS.output))
    .option('--fail-on <what>', cli.t(WORDS.failOn))
    .option('--scanners <list>', cli.t(WORDS.scanners))
    .option('--ignore-unfixed', cli.t(WORDS.ignoreUnfixed))
    .option('--everything', cli.t(WORDS.everything))
    .option('--again', cli.t(WORDS.again))
    .option('--advisories <place>', cli.t(WORDS.advisories))
    .option('--secret-rules <file>', cli.t(WORDS.secretRules))
    .option('--baseline <file>', cli.t(WORDS.baseline))
    .option('--java-index <place>', cli.t(WORDS.javaIndex))
    .option('--clamd <socket>', cli.t(WORDS.clamd))
    .option('--clamd-file-mib <mib>', cli.t(WORDS.clamdFileMib))
    .option('--clamd-max-age <days>', cli.t(WORDS.clamdMaxAge))
    .option('--yara <place>', cli.t(WORDS.yara))
    .option('--hashes <place>', cli.t(WORDS.hashes))
    .description(
      cli.t({
        en: 'what is in an image, folder or bill of materials, what is wrong with it and what to do first',
        es: 'qué hay en una imagen, carpeta o lista de componentes, qué está mal y qué hacer primero',
      }),
    )
    .action(async (place: string, options: ScanOptions) => {
      const wanted = readOptions(cli, place, options);
      const here = wanted.again ? null : await scanHere(cli, wanted);
      const scanned = here ?? (await askPlatform(cli, wanted));
      if (scanned === null) return;
      await show(cli, wanted, scanned);
      cli.exit(exitCodeOf(scanned.report, wanted));
    });
  addWhereCommand(cli);
  addKnowledgeCommands(cli);
  addRiskCommands(cli);
  addContentsCommands(cli);
}

/** 0: done; 1: the scan is not complete; 4: the gate refuses; 3: the gate knows nothing, which must not look like fine. */
function exitCodeOf(report: ScanReport, { gate, scanners }: Pick<Wanted, 'gate' | 'scanners'>): number {
  if (!report.complete) return 1;
  if (refuses(report, gate)) return 4;
  const asksPackages = gate.some(
    ({ kind }) => kind === 'risk' || kind === 'any' || kind === 'severity' || kind === 'kev',
  );
  const asksMalware = gate.some(({ kind }) => kind === 'malware');
  if (asksMalware && report.malware.state !== 'clean') return 3;
  // Where packages were left out by choice, the gate asks about credentials alone.
  return asksPackages && scanners.has('vuln') && report.summary.state === 'unknown' ? 3 : 0;
}

const WORDS = {
  argument: {
    en: 'an OCI layout or archive, a folder, a CycloneDX or SPDX file, container:NAME, podman:IMAGE, HOST/IMAGE, or PROJECT/IMAGE of the platform',
    es: 'una carpeta o archivo OCI, una carpeta, un archivo CycloneDX o SPDX, container:NOMBRE, podman:IMAGEN, HOST/IMAGEN o PROYECTO/IMAGEN de la plataforma',
  },
  output: { en: 'write to this file instead of the terminal', es: 'escribir en este archivo en lugar del terminal' },
  advisories: {
    en: 'folder with advisories, or one file of them (also DARSENA_ADVISORIES)',
    es: 'carpeta con avisos, o un archivo de ellos (también DARSENA_ADVISORIES)',
  },
  failOn: {
    en: 'exit with 4 from this on: act-now, high, medium, low; any (of unknown risk too); kev; secret; malware; severity:WORD; misconfig:WORD; several parted by commas',
    es: 'terminar con 4 a partir de esto: act-now, high, medium, low; any (también de riesgo desconocido); kev; secret; malware; severity:PALABRA; misconfig:PALABRA; varios separados por comas',
  },
  scanners: {
    en: 'what to look for: vuln, secret, misconfig, malware; parted by commas',
    es: 'qué buscar: vuln, secret, misconfig, malware; separados por comas',
  },
  everything: {
    en: 'of a folder with source, read installed modules (node_modules) and version control too',
    es: 'de una carpeta de código, leer también los módulos instalados (node_modules) y el control de versiones',
  },
  secretRules: {
    en: "rules for credentials in gitleaks' format instead of those that ship",
    es: 'reglas de credenciales en el formato de gitleaks en lugar de las incluidas',
  },
  baseline: {
    en: 'known credentials, left out: report of gitleaks or detect-secrets, .gitleaksignore',
    es: 'credenciales conocidas, que se omiten: informe de gitleaks o detect-secrets, .gitleaksignore',
  },
  javaIndex: {
    en: "names of Java archives by SHA-1: Trivy's trivy-java.db or its folder, or a list (also DARSENA_JAVA_INDEX)",
    es: 'nombres de archivos Java por SHA-1: trivy-java.db de Trivy o su carpeta, o una lista (también DARSENA_JAVA_INDEX)',
  },
  clamd: {
    en: 'look for malware with ClamAV: socket of clamd, or tcp://HOST:PORT (also DARSENA_CLAMD)',
    es: 'buscar código malicioso con ClamAV: socket de clamd, o tcp://HOST:PUERTO (también DARSENA_CLAMD)',
  },
  clamdFileMib: {
    en: 'what clamd looks at of one file, MaxFileSize of its clamd.conf in MiB (default 25)',
    es: 'lo que clamd mira de un archivo, MaxFileSize de su clamd.conf en MiB (por omisión 25)',
  },
  clamdMaxAge: {
    en: 'days after which signatures of ClamAV are old; 0: never (default 7)',
    es: 'días tras los que las firmas de ClamAV son antiguas; 0: nunca (por omisión 7)',
  },
  yara: {
    en: 'look for malware with these YARA rules: a file, or a folder of .yar files',
    es: 'buscar código malicioso con estas reglas YARA: un archivo o una carpeta con archivos .yar',
  },
  hashes: {
    en: 'look for files with these hashes: .hdb, .hsb, sha256sum or plain; a file or folder',
    es: 'buscar archivos con estos hashes: .hdb, .hsb, de sha256sum o sueltos; un archivo o carpeta',
  },
  again: {
    en: 'of an image of the platform: scan it anew there first',
    es: 'de una imagen de la plataforma: analizarla antes de nuevo ahí',
  },
  ignoreUnfixed: { en: 'leave out what nobody has fixed yet', es: 'omitir lo que nadie ha corregido todavía' },
} as const satisfies Record<string, Text>;

function readOptions(cli: CliProgram, place: string, options: ScanOptions): Wanted {
  const format = readChoice(options.format ?? (cli.output.json ? 'json' : 'table'), FORMAT_NAMES);
  const words = listOf(options.failOn);
  // An empty variable of a pipeline must not open its gate.
  if (options.failOn !== undefined && words.length === 0)
    throw scanFault('scan.choice-unknown', { value: '""', choices: GATE_WORDS.join(', ') });
  const gate = words.map((word) => {
    const rule = parseGateRule(word);
    if (rule === null) throw scanFault('scan.choice-unknown', { value: word, choices: GATE_WORDS.join(', ') });
    return rule;
  });
  // A bill names packages only: reading files for credentials would be for nothing.
  const all = isBillFormat(format) && gate.length === 0 ? ['vuln'] : [...SCANNERS];
  const scanners = options.scanners === undefined ? all : listOf(options.scanners);
  for (const scanner of scanners) readChoice(scanner, [...SCANNERS]);
  // A gate that asks what nobody looked for would always be open.
  const blind = gate.findIndex((rule) => !scannersOf(rule).some((scanner) => scanners.includes(scanner)));
  if (blind >= 0) throw scanFault('scan.gate-blind', { word: words[blind] ?? '', scanners: scanners.join(', ') });
  // "-o wide" is how a table is printed, for every command.
  const given = options.output ?? cli.program.opts<{ output?: string }>().output ?? null;
  return {
    place,
    format,
    file: given === 'wide' ? null : given,
    gate,
    scanners: new Set(scanners as Scanner[]),
    ignoreUnfixed: options.ignoreUnfixed === true,
    everything: options.everything === true,
    again: options.again === true,
    advisories: options.advisories ?? process.env['DARSENA_ADVISORIES'] ?? null,
    malware: malwareOptions(options),
    secretRules: options.secretRules ?? null,
    baseline: options.baseline ?? null,
    javaIndex: options.javaIndex ?? (process.env['DARSENA_JAVA_INDEX'] || null),
  };
}

function malwareOptions({ clamd, clamdFileMib, clamdMaxAge, yara, hashes }: ScanOptions): MalwareOptions {
  const socket = clamd ?? process.env['DARSENA_CLAMD'];
  return {
    ...(socket === undefined || socket === '' ? {} : { clamd: socket }),
    ...(clamdFileMib === undefined ? {} : { clamdFileMib: readNumber(clamdFileMib, 1, 4000) }),
    ...(clamdMaxAge === undefined ? {} : { clamdMaxAgeDays: readNumber(clamdMaxAge, 0, 3650) }),
    ...(yara === undefined ? {} : { yara }),
    ...(hashes === undefined ? {} : { hashes }),
  };
}

function readNumber(value: string, least: number, most: number): number {
  const number = Number(value);
  if (/^\d{1,6}$/.test(value) && number >= least && number <= most) return number;
  throw scanFault('scan.choice-unknown', { value, choices: `${least} … ${most}` });
}

function listOf(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function readChoice(value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value;
  throw scanFault('scan.choice-unknown', { value, choices: choices.join(', ') });
}

/** @returns null for what is not on this machine and no other registry's */
async function scanHere(cli: CliProgram, wanted: Wanted): Promise<Scanned | null> {
  const bill = await scanBillFile(wanted);
  if (bill) return bill;
  const target = await openTarget(wanted.place, { signal: cli.signal, everything: wanted.everything });
  if (target === null) return null;
  const progress = progressLine(cli);
  const malware = wanted.scanners.has('malware') ? await malwareScanner(wanted.malware) : null;
  try {
    const secrets = wanted.scanners.has('secret');
    // A bill of materials names packages, whatever else is looked for; cyclonedx-vex holds one.
    const isBill = isBillFormat(wanted.format) || wanted.format === 'cyclonedx-vex';
    const packages = wanted.scanners.has('vuln') || isBill;
    const inSource = secrets && wanted.secretRules === null ? await rulesInSource(cli, wanted.place, target) : null;
    const rules = secrets ? (wanted.secretRules ?? inSource) : null;
    const own = rules === null ? null : await ownRules(cli, rules, inSource === null ? null : wanted.place);
    const result = await scanTarget(target, {
      advisories: await openAdvisories(wanted.advisories),
      clock: systemClock,
      progress: progress.step,
      cache: fileCache({ secrets, packages, ...(own ? { rules: own } : {}) }),
      confined: { signal: cli.signal },
      ...(secrets ? {} : { secrets: 'off' as const }),
      ...(packages ? {} : { packages: 'off' as const }),
      ...(own ? { secrets: { rules: own } } : {}),
      ...(malware ? { malware } : {}),
      ...(wanted.javaIndex === null ? {} : { javaIndex: await openIndex(cli, wanted.javaIndex) }),
    });
    return {
      report: narrowReport(await withoutKnown(cli, result.report, wanted), wanted),
      inventory: result.inventory,
      reference: target.name,
      kind: target.kind === 'image' ? 'image' : 'files',
    };
  } finally {
    progress.end();
    await malware?.close();
    await target.close();
  }
}

/** The file that gitleaks looks for in a source by itself; that it counts is said. */
async function rulesInSource(cli: CliProgram, place: string, target: ScanTarget): Promise<string | null> {
  if (target.kind !== 'tree' || target.tree !== 'source') return null;
  const path = join(place, '.gitleaks.toml');
  if ((await stat(path).catch(() => null))?.isFile() !== true) return null;
  cli.print.note({ en: `rules for credentials: ${path}`, es: `reglas de credenciales: ${path}` });
  return path;
}

/** Somebody's own rules; what of them is not used is said. @param within the folder they must not lead out of */
async function ownRules(cli: CliProgram, path: string, within: string | null): Promise<SecretRuleSource> {
  const { isRuleFileError, readOwnRules } = await import('./secrets/own-rules.ts');
  try {
    const own = readOwnRules(path, within);
    for (const { rule, why } of own.refused) {
      cli.print.note({ en: `rule ${rule} is not used: ${why}`, es: `la regla ${rule} no se usa: ${whyText(why).es}` });
    }
    return own;
  } catch (cause) {
    if (!isRuleFileError(cause)) throw cause;
    throw scanFault('scan.rules-invalid', { name: path, why: cause.message }, { cause });
  }
}

async function openIndex(cli: CliProgram, place: string): Promise<JavaIndex> {
  const { openJavaIndex } = await import('./knowledge/java-index.ts');
  try {
    const index = openJavaIndex(place);
    const { refused = [], refusedCount = 0 } = index;
    if (refusedCount > 0) {
      const lines = refused.map(({ line }) => line).join(', ');
      const more = refusedCount > refused.length;
      cli.print.note({
        en: `lines of ${place} that name no archive, not used: ${lines}${more ? ` and ${refusedCount - refused.length} more` : ''}`,
        es: `líneas de ${place} que no nombran ningún archivo, sin usar: ${lines}${more ? ` y ${refusedCount - refused.length} más` : ''}`,
      });
    }
    return index;
  } catch (cause) {
    throw scanFault(
      'scan.java-index',
      { place, why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}

/**
 * Leaves out the credentials of a baseline, and those that a source's own .gitleaksignore names, and says how many. That
 * file is a stranger's: where it leads out of the folder or cannot be read it is passed over, which is said, and nothing
 * is left out.
 */
async function withoutKnown(cli: CliProgram, report: ScanReport, wanted: Wanted): Promise<ScanReport> {
  if (report.secrets.length === 0) return report;
  const ignoreFile = join(wanted.place, '.gitleaksignore');
  const hasIgnoreFile = (await lstat(ignoreFile).catch(() => null)) !== null;
  if (wanted.baseline === null && !hasIgnoreFile) return report;
  const [{ BaselineError, readBaseline }, { BASELINE_MAX_BYTES }, { isRuleFileError, readKnowledge }] =
    await Promise.all([
      import('./secrets/baseline.ts'),
      import('./secrets/limits.ts'),
      import('./secrets/own-rules.ts'),
    ]);
  let { secrets } = report;
  const leaveOut = (path: string, within: string | null): void => {
    const { covers } = readBaseline(readKnowledge(path, within, BASELINE_MAX_BYTES));
    const left = secrets.filter((secret) => !covers(secret));
    const known = secrets.length - left.length;
    if (known > 0) {
      cli.print.note({
        en: `${known} credentials that ${path} names are left out`,
        es: `se omiten ${known} credenciales que nombra ${path}`,
      });
    }
    secrets = left;
  };
  const whyUnread = (error: unknown): string => {
    if (error instanceof BaselineError || isRuleFileError(error)) return error.message;
    throw error;
  };
  if (wanted.baseline !== null) {
    try {
      leaveOut(wanted.baseline, null);
    } catch (cause) {
      throw scanFault('scan.rules-invalid', { name: wanted.baseline, why: whyUnread(cause) }, { cause });
    }
  }
  if (hasIgnoreFile) {
    try {
      leaveOut(ignoreFile, wanted.place);
    } catch (error) {
      const why = whyUnread(error);
      cli.print.note({ en: `${ignoreFile} is not used: ${why}`, es: `${ignoreFile} no se usa: ${whyText(why).es}` });
    }
  }
  return { ...report, secrets };
}

/** Loaded when an engine is named. */
async function malwareScanner(options: MalwareOptions): Promise<MalwareScanner | null> {
  if (Object.keys(options).length === 0) return null;
  const [{ readMalwareOptions }, look] = await Promise.all([
    import('./malware/options.ts'),
    import('./malware/look.ts'),
  ]);
  const settings = await readMalwareOptions(options);
  if (settings === null) return null;
  const scanner = new look.MalwareScanner({ settings: async () => settings, clock: systemClock });
  try {
    await scanner.checkRules();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw scanFault('scan.rules-invalid', { name: options.yara ?? '', why }, { cause });
  }
  return scanner;
}

/** A file that begins like JSON is a bill of materials or nothing. */
async function scanBillFile(wanted: Wanted): Promise<Scanned | null> {
  const found = await stat(wanted.place).catch(() => null);
  if (!found?.isFile()) return null;
  const handle = await open(wanted.place);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    if (!looksLikeJson(buffer.subarray(0, bytesRead))) return null;
    const why = `it has ${found.size} bytes, the limit is ${BILL_MAX_BYTES}`;
    if (found.size > BILL_MAX_BYTES) throw scanFault('scan.bill-unreadable', { path: wanted.place, why });
    const bill = readBillOf(await handle.readFile(), wanted.place);
    const advisories = await openAdvisories(wanted.advisories);
    const report = rematchInventory(bill.inventory, { manifestDigest: bill.digest, advisories, clock: systemClock });
    const { inventory } = bill;
    return { report: narrowReport(report, wanted), inventory, reference: bill.subject ?? wanted.place, kind: 'image' };
  } finally {
    await handle.close();
  }
}

function readBillOf(bytes: Uint8Array, path: string): ReturnType<typeof readBill> {
  try {
    return readBill(bytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw scanFault('scan.bill-unreadable', { path, why }, { cause });
  }
}

/** Where nobody gave advisories, no database is opened for them either. */
const NOTHING_KNOWN: KnownAdvisories = { sources: () => [], coverage: () => 'no-data', match: () => [] };

/** A folder with a compiled database is used as it is; other files are compiled for this call. */
async function openAdvisories(folder: string | null): Promise<KnownAdvisories> {
  if (folder === null) return NOTHING_KNOWN;
  const { AdvisoryStore, compileAdvisories, inputsOf } = await import('../advisories/index.ts');
  const inputs = await inputsOf(folder);
  if (inputs.some(({ name }) => name.endsWith('/advisories.db')))
    return new AdvisoryStore(folder, systemClock).current();
  const { database } = await compileAdvisories(inputs, systemClock, { skipUnknown: true });
  return database;
}

async function show(cli: CliProgram, wanted: Wanted, scanned: Scanned): Promise<void> {
  const { report, inventory, reference, kind } = scanned;
  const format = await formatNamed(wanted.format);
  // What writes is loaded for those who asked for it: a command must answer at once.
  if (format === null) return (await import('./reports/table.ts')).printReport(cli, report);
  if (inventory === null && isBillFormat(wanted.format)) {
    // Half a bill would look like a whole one.
    cli.print.note(report.incomplete ?? { en: 'the scan is not complete', es: 'el análisis no está completo' });
    return;
  }
  const subject = { digest: report.digest, reference, createdAt: report.scannedAt, kind };
  await put(cli, wanted.file, [
    Buffer.from(format.write({ report, inventory: inventory ?? NOTHING, subject, language: cli.language })),
  ]);
}

/** Null: a table for people. */
async function formatNamed(name: string): Promise<ReportFormat | null> {
  if (name === 'table') return null;
  if (isBillFormat(name)) return BILL_FORMATS[name];
  return (await import('./reports/finding-formats.ts')).FINDING_FORMATS[name as FindingFormatName];
}

const NOTHING: Inventory = { distribution: null, packages: [], layers: [], secrets: [], notices: [] };

/** To the terminal, or to a file that is there whole or not at all. */
async function put(
  cli: CliProgram,
  file: string | null,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  if (file === null) {
    for await (const piece of pieces) process.stdout.write(piece);
    return;
  }
  const making = `${file}.part`;
  try {
    await writeFile(making, pieces);
    await rename(making, file);
  } finally {
    await rm(making, { force: true });
  }
  if (!cli.output.quiet) cli.print.note({ en: `written to ${file}`, es: `escrito en ${file}` });
}

async function askPlatform(cli: CliProgram, wanted: Wanted): Promise<Scanned | null> {
  const { repository, tag, digest } = parseReference(wanted.place);
  const project = repository.split('/')[0] ?? repository;
  const asked = digest ?? (await newestOf(cli, project, repository, tag));
  if (asked === null) throw scanFault('scan.image-unknown', { image: wanted.place });
  const base = `/projects/${encodeURIComponent(project)}/images/${encodeURIComponent(asked)}`;
  if (wanted.again) await cli.followOperation((await cli.api.post<{ operation: string }>(`${base}/rescan`)).operation);
  const report = narrowReport(await cli.api.get<ScanReport>(`${base}/scan`), wanted);
  if (wanted.format === 'table' || wanted.format === 'json') {
    return { report, inventory: null, reference: wanted.place, kind: 'image' };
  }
  const path = isBillFormat(wanted.format) ? 'sbom' : 'report';
  await put(cli, wanted.file, cli.api.download(`${base}/${path}?format=${wanted.format}`));
  cli.exit(exitCodeOf(report, wanted));
  return null;
}

async function newestOf(
  cli: CliProgram,
  project: string,
  repository: string,
  tag: string | null,
): Promise<Digest | null> {
  // Newest first: without a tag it is the image that was pushed last, and which one is said.
  const query = new URLSearchParams({ repository, ...(tag === null ? {} : { tag }), limit: '1' });
  const { items } = await cli.api.get<{ items: { digest: Digest; tags: string[] }[] }>(
    `/projects/${encodeURIComponent(project)}/images?${query}`,
  );
  const newest = items[0];
  if (tag === null && newest !== undefined) {
    const name = `${repository}${newest.tags[0] === undefined ? '' : `:${newest.tags[0]}`}`;
    const short = newest.digest.slice(0, 19);
    cli.print.note({ en: `the newest: ${name} (${short})`, es: `la más reciente: ${name} (${short})` });
  }
  return newest?.digest ?? null;
}

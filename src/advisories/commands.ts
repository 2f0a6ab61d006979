import type { CliProgram, Json, Text } from '../system/index.ts';
import type { AdvisorySource } from './database.ts';
import { type AdvisoryInput, type ImportOutcome, inputsOf } from './store.ts';

const HEAD: Readonly<Record<'source' | 'records' | 'updated' | 'age', Text>> = {
  source: { en: 'SOURCE', es: 'FUENTE' },
  records: { en: 'RECORDS', es: 'REGISTROS' },
  updated: { en: 'UPDATED', es: 'ACTUALIZADA' },
  age: { en: 'AGE', es: 'EDAD' },
};

export function advisoryCommands(cli: CliProgram): void {
  const advisories = cli.program
    .command('advisories')
    .description(cli.t({ en: 'what the world knows to be broken', es: 'lo que se sabe que está roto' }));

  advisories
    .command('list')
    .description(cli.t({ en: 'the sources in use and their age', es: 'las fuentes en uso y su edad' }))
    .action(async () => {
      const { items } = await cli.api.get<{ items: AdvisorySource[] }>('/advisories');
      cli.print.table(
        [
          { title: HEAD.source, value: (row) => row.name },
          { title: HEAD.records, value: (row) => String(row.records), align: 'right' },
          { title: HEAD.updated, value: (row) => row.updatedAt.slice(0, 10) },
          { title: HEAD.age, value: (row) => cli.print.age(row.updatedAt) },
        ],
        items,
        {
          empty: {
            en: 'no advisories: scans say "unknown" until some are imported (darsena advisories import PATH)',
            es: 'sin avisos: los análisis dicen "desconocido" hasta importar alguno (darsena advisories import RUTA)',
          },
        },
      );
    });

  advisories
    .command('import')
    .argument('<path...>')
    .option('--force', cli.t({ en: 'take older or smaller data', es: 'aceptar datos más antiguos o menores' }))
    .description(cli.t({ en: 'import feeds from files or folders', es: 'importar fuentes de archivos o carpetas' }))
    .action(async (paths: string[], options: { force?: boolean }) => {
      const outcomes: ImportOutcome[] = [];
      for (const path of paths) {
        const inputs = await inputsOf(path);
        // One file given by name must be a feed; a folder may hold other things too.
        const isFolder = inputs.length !== 1 || inputs[0]?.name !== path;
        for (const input of inputs)
          outcomes.push(...(await upload(cli, input, { force: options.force ?? false, isFolder })));
      }
      sayOutcome(cli, outcomes);
    });

  advisories
    .command('update')
    .option('--force', cli.t({ en: 'take older or smaller data', es: 'aceptar datos más antiguos o menores' }))
    .description(cli.t({ en: 'fetch the configured feeds', es: 'descargar las fuentes configuradas' }))
    .action(async (options: { force?: boolean }) => {
      sayOutcome(cli, [await cli.api.post<ImportOutcome>('/advisories/update', { force: options.force ?? false })]);
    });
}

async function upload(
  cli: CliProgram,
  input: AdvisoryInput,
  { force, isFolder }: { force: boolean; isFolder: boolean },
): Promise<ImportOutcome[]> {
  // The folder too, because OSV calls every ecosystem's export all.zip.
  const name = input.name.split('/').slice(-2).join('/');
  const query = new URLSearchParams({ name, ...(force ? { force: 'true' } : {}) });
  try {
    const outcome = await cli.api.upload<ImportOutcome>(`/advisories/import?${query}`, input.open(), {
      contentType: 'application/octet-stream',
    });
    return [outcome];
  } catch (error) {
    if (!isFolder || !isUnknownFormat(error)) throw error;
    cli.print.note({ en: `${name}: no known feed, left out`, es: `${name}: no es una fuente conocida, se omite` });
    return [];
  }
}

function isUnknownFormat(error: unknown): boolean {
  const problem = (error as { problem?: { code?: Json } }).problem;
  return problem?.code === 'advisories.unknown-format';
}

function sayOutcome(cli: CliProgram, outcomes: readonly ImportOutcome[]): void {
  cli.print.table(
    [
      { title: HEAD.source, value: (row) => row.name },
      { title: HEAD.records, value: (row) => String(row.records), align: 'right' },
      { title: HEAD.updated, value: (row) => row.updatedAt.slice(0, 10) },
    ],
    outcomes.flatMap(({ imported }) => imported),
    { empty: { en: 'nothing was imported', es: 'no se importó nada' } },
  );
}

import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type CliProgram, type Json, readFileBytes, streamToFile, type Text } from '../system/index.ts';
import { changelogInput } from './changelog.ts';
import type { AdvisorySource } from './database.ts';
import { mirrorChangelogs } from './debian-mirror.ts';
import { advisoryFault } from './errors.ts';
import { verifyOpenPgp } from './openpgp.ts';
import { type AdvisoryInput, type ImportOutcome, inputsOf } from './store.ts';

const HEAD: Readonly<Record<'source' | 'records' | 'updated' | 'age' | 'state', Text>> = {
  source: { en: 'SOURCE', es: 'FUENTE' },
  records: { en: 'RECORDS', es: 'REGISTROS' },
  updated: { en: 'UPDATED', es: 'ACTUALIZADA' },
  age: { en: 'AGE', es: 'EDAD' },
  state: { en: 'STATE', es: 'ESTADO' },
};

type ListedSource = AdvisorySource & { readonly isOld: boolean };

export function advisoryCommands(cli: CliProgram): void {
  const advisories = cli.program
    .command('advisories')
    .description(cli.t({ en: 'what the world knows to be broken', es: 'lo que se sabe que está roto' }));

  advisories
    .command('list')
    .description(cli.t({ en: 'the sources in use and their age', es: 'las fuentes en uso y su edad' }))
    .action(async () => {
      const { items } = await cli.api.get<{ items: ListedSource[] }>('/advisories');
      cli.print.table(
        [
          { title: HEAD.source, value: (row) => row.name },
          { title: HEAD.records, value: (row) => String(row.records), align: 'right' },
          { title: HEAD.updated, value: (row) => row.updatedAt.slice(0, 10) },
          { title: HEAD.age, value: (row) => cli.print.age(row.updatedAt) },
          { title: HEAD.state, value: (row) => cli.t(stateOf(row)) },
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
    .option(
      '--key <file>',
      cli.t({
        en: 'public key of the platform that made the archive with `advisories export`',
        es: 'clave pública de la plataforma que hizo el archivo con `advisories export`',
      }),
    )
    .option(
      '--signature <file>',
      cli.t({
        en: 'OpenPGP signature of the feed, as its publisher puts it beside; needs --keyring and gpgv',
        es: 'firma OpenPGP de la fuente, tal como la publica su autor; necesita --keyring y gpgv',
      }),
    )
    .option(
      '--keyring <file>',
      cli.t({ en: 'OpenPGP keys of the publisher', es: 'claves OpenPGP de quien publica la fuente' }),
    )
    .option(
      '--signer <fingerprint>',
      cli.t({ en: 'the key that must have signed', es: 'la clave que tiene que haber firmado' }),
    )
    .description(
      cli.t({
        en: 'import feeds from files or folders, or an archive of `advisories export`',
        es: 'importar fuentes de archivos o carpetas, o un archivo de `advisories export`',
      }),
    )
    .action(async (paths: string[], options: ImportCommandOptions) => {
      const outcomes: ImportOutcome[] = [];
      await verifyFeed(paths, options);
      const key = options.key === undefined ? null : await readFile(options.key, 'utf8');
      for (const path of paths) {
        const inputs = await inputsOf(path);
        // One file given by name must be a feed; a folder may hold other things too.
        const isFolder = inputs.length !== 1 || inputs[0]?.name !== path;
        for (const input of inputs)
          outcomes.push(...(await upload(cli, input, { force: options.force ?? false, isFolder, key })));
      }
      sayOutcome(cli, outcomes);
    });

  advisories
    .command('update')
    .option('--force', cli.t({ en: 'take older or smaller data', es: 'aceptar datos más antiguos o menores' }))
    .description(cli.t({ en: 'fetch the configured feeds', es: 'descargar las fuentes configuradas' }))
    .action(async (options: { force?: boolean }) => {
      const outcome = await cli.api.post<Updated>('/advisories/update', { force: options.force ?? false });
      sayOutcome(cli, [outcome]);
      for (const url of outcome.unchanged)
        cli.print.note({ en: `${url}: nothing newer`, es: `${url}: nada más reciente` });
      for (const { url, problem } of outcome.failed) {
        cli.print.note({ en: `${url}: failed: ${problem.title}`, es: `${url}: falló: ${problem.title}` });
      }
    });

  advisories
    .command('collect')
    .argument('[sources...]', cli.t({ en: 'Debian source packages', es: 'paquetes fuente de Debian' }))
    .description(
      cli.t({
        en: 'read what newer packages on this machine’s Debian mirror have fixed, from their changelogs (partial)',
        es: 'leer qué corrigieron los paquetes más nuevos del espejo de Debian de esta máquina, de sus changelogs (parcial)',
      }),
    )
    .action(async (sources: string[]) => {
      const packages = mirrorChangelogs({
        ...(sources.length > 0 ? { sources } : {}),
        onPackage: (source, done, total) =>
          cli.print.note({ en: `${source} (${done + 1} of ${total})`, es: `${source} (${done + 1} de ${total})` }),
      });
      const input = changelogInput(packages);
      // A second look may find less: what was updated meanwhile has nothing newer any more.
      sayOutcome(cli, await upload(cli, input, { force: true, isFolder: false, key: null }));
    });

  advisories
    .command('export')
    .argument('<file>', cli.t({ en: 'the archive to write', es: 'el archivo que se escribe' }))
    .description(
      cli.t({
        en: 'write all advisories, signed, into one OCI archive, and the key beside it as FILE.pub',
        es: 'escribir todos los avisos, firmados, en un archivo OCI, y la clave al lado como ARCHIVO.pub',
      }),
    )
    .action(async (file: string) => {
      const { artifact } = await cli.api.get<{ artifact: { image: string; publicKey: string } | null }>('/advisories');
      if (!artifact) throw advisoryFault('advisories.nothing');
      const query = new URLSearchParams({ image: artifact.image, referrers: '1' });
      // Whoever sees the file by its name sees a whole one.
      const partial = `${file}.part`;
      try {
        await streamToFile(partial, [cli.api.download(`/archives?${query}`)]);
        await rename(partial, file);
      } catch (error) {
        await rm(partial, { force: true });
        throw isUnknownImage(error) ? advisoryFault('advisories.nothing', {}, { cause: error }) : error;
      }
      await writeFile(`${file}.pub`, artifact.publicKey);
      if (cli.output.json) return cli.print.json({ file, key: `${file}.pub` });
      cli.print.result({
        en: `${file} written; its key is in ${file}.pub (carry it by another way than the archive)`,
        es: `${file} escrito; su clave está en ${file}.pub (llevarla por otra vía que el archivo)`,
      });
    });
}

interface ImportCommandOptions {
  readonly force?: boolean;
  readonly key?: string;
  readonly signature?: string;
  readonly keyring?: string;
  readonly signer?: string;
}

/** A signature is of one file; keys without one would promise a check that nobody makes. */
async function verifyFeed(
  paths: readonly string[],
  { signature, keyring, signer }: ImportCommandOptions,
): Promise<void> {
  if (signature === undefined && keyring === undefined && signer === undefined) return;
  const [path = ''] = paths;
  const refuse = (why: string, cause?: unknown): Error =>
    advisoryFault('advisories.signature', { url: path, why }, { cause });
  if (signature === undefined || keyring === undefined || paths.length !== 1) {
    throw refuse('--signature and --keyring go together, with one feed');
  }
  try {
    await verifyOpenPgp(readFileBytes(path), {
      signature: await readFile(signature),
      keys: [resolve(keyring)],
      signer: signer?.replaceAll(' ', '').toUpperCase() ?? null,
    });
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

interface Updated extends ImportOutcome {
  readonly unchanged: readonly string[];
  readonly failed: readonly { readonly url: string; readonly problem: { readonly title: string } }[];
}

function stateOf({ isOld, isPartial, maxAgeDays }: ListedSource): Text {
  if (isOld) return { en: `old (more than ${maxAgeDays} days)`, es: `antigua (más de ${maxAgeDays} días)` };
  return isPartial ? { en: 'partial', es: 'parcial' } : { en: 'ok', es: 'bien' };
}

/** Whether a file is a tar that begins like an OCI image layout. */
async function isLayout(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    const head = buffer.toString('latin1', 0, bytesRead);
    return head.slice(257, 262) === 'ustar' && /^(?:\.\/)?(?:oci-layout|index\.json|blobs\b)/.test(head);
  } finally {
    await file.close();
  }
}

function isUnknownImage(error: unknown): boolean {
  return (error as { problem?: { code?: Json } }).problem?.code === 'registry.image-unknown';
}

async function upload(
  cli: CliProgram,
  input: AdvisoryInput,
  { force, isFolder, key }: { force: boolean; isFolder: boolean; key: string | null },
): Promise<ImportOutcome[]> {
  // The folder too, because OSV calls every ecosystem's export all.zip.
  const name = input.name.split('/').slice(-2).join('/');
  const query = new URLSearchParams({ name, ...(force ? { force: 'true' } : {}) });
  if (await isLayout(input.name)) {
    query.set('artifact', 'true');
    if (key !== null) query.set('key', key);
  }
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
    {
      empty: {
        en: 'nothing was imported: there is no feed in it that is newer than what is here (--force takes older data)',
        es: 'no se importó nada: no hay en él ninguna fuente más nueva que lo que ya está (--force acepta datos más antiguos)',
      },
    },
  );
}

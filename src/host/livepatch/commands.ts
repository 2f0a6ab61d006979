import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type CliProgram, runCommand } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { PATCH_BUILD_MS } from '../limits.ts';
import type { LivePatchDriver, PatchOrder } from './driver.ts';
import { KernelDriver } from './kernel-driver.ts';
import { localPatchHost } from './local-host.ts';
import { signedBy } from './signature.ts';
import { CanonicalDriver, KernelCareDriver, KpatchDriver } from './vendor-drivers.ts';

/** What lies beside a module as patch.json. */
const metadata = z.object({
  name: z.string().regex(/^[A-Za-z0-9_]{1,55}$/),
  buildIds: z
    .array(z.string().regex(/^[0-9a-f]{16,64}$/))
    .min(1)
    .max(1_000),
  release: z.string().max(200).default(''),
  cves: z
    .array(z.string().regex(/^CVE-\d{4}-\d{4,9}$/))
    .max(10_000)
    .default([]),
  supersedes: z.array(z.string().max(200)).max(1_000).default([]),
});

const DRIVERS = ['livepatch', 'kpatch', 'kernelcare', 'canonical-livepatch'] as const;

/** `darsena kernel patch …`: live patches of this machine. */
export function addPatchCommands(cli: CliProgram, kernel: Command): void {
  const patch = kernel
    .command('patch')
    .description(cli.t({ en: 'live patches of this machine', es: 'parches en vivo de esta máquina' }));
  const driverOption = [
    '--driver <name>',
    cli.t({ en: `one of ${DRIVERS.join(', ')}`, es: `uno de ${DRIVERS.join(', ')}` }),
    'livepatch',
  ] as const;

  patch
    .command('list')
    .option(...driverOption)
    .description(cli.t({ en: 'what is in force', es: 'qué está activo' }))
    .action(async ({ driver }: { driver: string }) => {
      const found = await driverOf(driver, null);
      const why = await found.unusable();
      if (why !== null) cli.print.note(why);
      cli.print.table(
        [
          { title: { en: 'PATCH', es: 'PARCHE' }, value: ({ name }) => name },
          { title: { en: 'STATE', es: 'ESTADO' }, value: ({ state }) => state },
          { title: { en: 'FIXES', es: 'CORRIGE' }, value: ({ cves }) => cves.join(', ') || '-', long: true },
        ],
        why === null ? await found.list() : [],
        { empty: { en: 'no live patch', es: 'ningún parche en vivo' } },
      );
    });

  patch
    .command('apply')
    .argument(
      '[folder]',
      cli.t({ en: 'folder with the module and its patch.json', es: 'carpeta con el módulo y su patch.json' }),
    )
    .option(
      '--certificate <file>',
      cli.t({
        en: 'certificate (PEM) whose key has to have signed it',
        es: 'certificado (PEM) cuya clave debe haberlo firmado',
      }),
    )
    .option(...driverOption)
    .description(
      cli.t({
        en: 'bring a patch into force; it comes back after a restart',
        es: 'activar un parche; vuelve tras un reinicio',
      }),
    )
    .action(async (folder: string | undefined, options: { certificate?: string; driver: string }) => {
      const found = await driverOf(options.driver, options.certificate ?? null);
      const why = await found.unusable();
      if (why !== null) throw hostFault('host.patch-unusable', { driver: options.driver, why });
      const order: PatchOrder =
        folder === undefined
          ? { name: options.driver, module: null, buildIds: [], cves: [], digest: null }
          : await readOrder(folder);
      await found.apply(order);
      cli.print.result({ en: `${order.name} is in force`, es: `${order.name} está activo` });
    });

  patch
    .command('revert')
    .argument('<name>')
    .option(...driverOption)
    .description(
      cli.t({ en: 'take a patch out of the running kernel', es: 'retirar un parche del núcleo en ejecución' }),
    )
    .action(async (name: string, { driver }: { driver: string }) => {
      await (await driverOf(driver, null)).revert(name);
      cli.print.result({ en: `${name} is out`, es: `${name} se ha retirado` });
    });

  patch
    .command('build')
    .argument('<source>', cli.t({ en: 'C source of the live patch', es: 'fuente C del parche en vivo' }))
    .requiredOption(
      '--out <folder>',
      cli.t({ en: 'where the module and its patch.json go', es: 'dónde van el módulo y su patch.json' }),
    )
    .requiredOption(
      '--build-id <ids>',
      cli.t({
        en: 'build ids of the kernels that it is for, parted by commas',
        es: 'identificadores de los núcleos para los que es, separados por comas',
      }),
    )
    .option('--headers <folder>', cli.t({ en: 'headers of that kernel', es: 'cabeceras de ese núcleo' }))
    .option('--cve <ids>', cli.t({ en: 'what it fixes, parted by commas', es: 'qué corrige, separado por comas' }))
    .option(
      '--supersedes <names>',
      cli.t({ en: 'patches that it takes the place of', es: 'parches a los que sustituye' }),
    )
    .option(
      '--key <file>',
      cli.t({
        en: 'key (PEM) to sign the module with; needs --certificate',
        es: 'clave (PEM) con que firmar el módulo; necesita --certificate',
      }),
    )
    .option('--certificate <file>', cli.t({ en: 'its certificate', es: 'su certificado' }))
    .description(
      cli.t({
        en: 'make a live patch from C source, for the kernel of the headers',
        es: 'hacer un parche en vivo de una fuente C, para el núcleo de las cabeceras',
      }),
    )
    .action(async (source: string, options: BuildOptions) => {
      const file = await buildPatch(source, options, cli.signal);
      cli.print.result({
        en: `${file} written, and patch.json beside it`,
        es: `${file} escrito, y patch.json al lado`,
      });
    });
}

interface BuildOptions {
  readonly out: string;
  readonly buildId: string;
  readonly headers?: string;
  readonly cve?: string;
  readonly supersedes?: string;
  readonly key?: string;
  readonly certificate?: string;
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);

/** Compiles in a folder of its own by the kernel's own build, signs, and writes module and metadata. */
async function buildPatch(source: string, options: BuildOptions, signal: AbortSignal): Promise<string> {
  const name = basename(source).replace(/\.c$/, '');
  const headers = resolve(options.headers ?? `/lib/modules/${release()}/build`);
  const about = metadata.parse({
    name,
    buildIds: listOf(options.buildId),
    release: basename(headers).replace('linux-headers-', ''),
    cves: listOf(options.cve),
    supersedes: listOf(options.supersedes),
  });
  const work = await mkdtemp(join(tmpdir(), 'darsena-patch-build-'));
  try {
    await writeFile(join(work, `${name}.c`), await readFile(source));
    await writeFile(join(work, 'Makefile'), `obj-m := ${name}.o\n`);
    const { code, stdout, stderr } = await runCommand('make', ['-C', headers, `M=${work}`, 'modules'], {
      timeoutMs: PATCH_BUILD_MS,
      signal,
    });
    if (code !== 0) throw hostFault('host.patch-build', { name, why: (stderr || stdout).trim().slice(-1_500) });
    if (options.key !== undefined && options.certificate !== undefined) {
      const sign = await runCommand(
        join(headers, 'scripts', 'sign-file'),
        ['sha256', options.key, options.certificate, join(work, `${name}.ko`)],
        { timeoutMs: PATCH_BUILD_MS },
      );
      if (sign.code !== 0) throw hostFault('host.patch-build', { name, why: sign.stderr.trim().slice(-500) });
    }
    await mkdir(options.out, { recursive: true });
    const file = join(options.out, `${name}.ko`);
    await writeFile(file, await readFile(join(work, `${name}.ko`)));
    await writeFile(join(options.out, 'patch.json'), `${JSON.stringify(about, null, 2)}\n`);
    return file;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function readOrder(folder: string): Promise<PatchOrder> {
  const path = join(folder, 'patch.json');
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw hostFault(
      'host.patch-unreadable',
      { name: path, why: cause instanceof Error ? cause.message : 'not JSON' },
      { cause },
    );
  }
  const read = metadata.safeParse(value);
  if (!read.success)
    throw hostFault('host.patch-unreadable', { name: path, why: read.error.issues[0]?.message ?? 'not as expected' });
  const { name, buildIds, cves } = read.data;
  return { name, buildIds, cves, digest: null, module: await readFile(join(folder, `${name}.ko`)) };
}

async function driverOf(name: string, certificate: string | null): Promise<LivePatchDriver> {
  switch (name) {
    case 'livepatch': {
      const pem = certificate === null ? null : await readFile(certificate, 'utf8');
      const unpinned = async () => ({
        en: 'no certificate is pinned: --certificate FILE',
        es: 'no hay ningún certificado fijado: --certificate FICHERO',
      });
      return new KernelDriver(localPatchHost, { checkSignature: pem === null ? unpinned : signedBy(pem) });
    }
    case 'kpatch':
      return new KpatchDriver(localPatchHost);
    case 'kernelcare':
      return new KernelCareDriver(localPatchHost);
    case 'canonical-livepatch':
      return new CanonicalDriver(localPatchHost);
    default:
      throw hostFault('host.choice-unknown', { value: name, choices: DRIVERS.join(', ') });
  }
}

/** Brings back what was in force before the machine was restarted; for the agent, before it starts a workload. */
export function restoreLivePatches(): ReturnType<KernelDriver['restore']> {
  // What is in the folder was checked when it came there, and only root writes to it.
  return new KernelDriver(localPatchHost, { checkSignature: async () => null }).restore();
}

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { release as runningRelease, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type CliProgram, runCommand, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import type { MachineFacts } from '../facts.ts';
import { PATCH_BUILD_MS } from '../limits.ts';
import { readPatchMetadata } from '../patches/artifact.ts';
import { addRegistryCommands, changeOnHost, readPatchFolder } from '../patches/commands.ts';
import { PATCH_STATE_WORDS } from '../words.ts';
import type { LivePatchDriver, PatchOrder, PatchState } from './driver.ts';
import { KernelDriver } from './kernel-driver.ts';
import { localPatchHost } from './local-host.ts';
import { signedBy } from './signature.ts';
import { CanonicalDriver, KernelCareDriver, KpatchDriver } from './vendor-drivers.ts';

const DRIVERS = ['livepatch', 'kpatch', 'kernelcare', 'canonical-livepatch'] as const;

/** `darsena kernel patch …`: live patches of this machine, of the registry and of other hosts. */
export function addPatchCommands(cli: CliProgram, kernel: Command): void {
  const patch = kernel.command('patch').description(
    cli.t({
      en: 'live patches: build, publish, bring into force, take out',
      es: 'parches en vivo: construir, publicar, activar, retirar',
    }),
  );
  const driverOption = [
    '--driver <name>',
    cli.t({ en: `one of ${DRIVERS.join(', ')}`, es: `uno de ${DRIVERS.join(', ')}` }),
    'livepatch',
  ] as const;

  addRegistryCommands(cli, patch);

  patch
    .command('status')
    .argument(
      '[host]',
      cli.t({
        en: 'a host of the platform; without it this machine',
        es: 'un host de la plataforma; sin él, esta máquina',
      }),
    )
    .option(...driverOption)
    .description(cli.t({ en: 'what is in force', es: 'qué está activo' }))
    .action(async (host: string | undefined, { driver }: { driver: string }) => {
      const [why, rows] = host === undefined ? await statusHere(driver) : [null, await statusOf(cli, host)];
      if (why !== null) cli.print.note(why);
      cli.print.table(
        [
          { title: { en: 'PATCH', es: 'PARCHE' }, value: ({ name }: PatchState) => name },
          { title: { en: 'STATE', es: 'ESTADO' }, value: ({ state }) => cli.t(PATCH_STATE_WORDS[state]) },
          { title: { en: 'FIXES', es: 'CORRIGE' }, value: ({ cves }) => cves.join(', ') || '-', long: true },
        ],
        rows,
        { empty: { en: 'no live patch', es: 'ningún parche en vivo' }, json: { unusable: why, items: rows } },
      );
    });

  patch
    .command('apply')
    .argument(
      '[what]',
      cli.t({
        en: 'folder with the module and its patch.json; with --host the name of a patch in the registry',
        es: 'carpeta con el módulo y su patch.json; con --host, el nombre de un parche del registro',
      }),
    )
    .option('--host <host>', cli.t({ en: 'a host of the platform', es: 'un host de la plataforma' }))
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
    .action(async (what: string | undefined, options: { host?: string; certificate?: string; driver: string }) => {
      if (options.host !== undefined) return changeOnHost(cli, options.host, 'apply', what ?? '');
      const found = await driverOf(options.driver, options.certificate ?? null);
      const why = await found.unusable();
      if (why !== null) throw hostFault('host.patch-unusable', { driver: options.driver, why: cli.t(why) });
      const order: PatchOrder =
        what === undefined
          ? { name: options.driver, module: null, buildIds: [], cves: [], digest: null }
          : await readOrder(what);
      await found.apply(order);
      cli.print.result({ en: `${order.name} is in force`, es: `${order.name} está activo` });
    });

  patch
    .command('rollback')
    .argument('<name>')
    .option('--host <host>', cli.t({ en: 'a host of the platform', es: 'un host de la plataforma' }))
    .option(...driverOption)
    .description(
      cli.t({ en: 'take a patch out of the running kernel', es: 'retirar un parche del núcleo en ejecución' }),
    )
    .action(async (name: string, { host, driver }: { host?: string; driver: string }) => {
      if (host !== undefined) return changeOnHost(cli, host, 'rollback', name);
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
      '--tests <file>',
      cli.t({
        en: 'JSON list of looks at /proc and /sys that tell whether it works: name, file, contains or lacks',
        es: 'lista JSON de miradas a /proc y /sys que dicen si funciona: name, file, contains o lacks',
      }),
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
  readonly tests?: string;
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
  const headers = resolve(options.headers ?? `/lib/modules/${runningRelease()}/build`);
  const tests: unknown = options.tests === undefined ? [] : JSON.parse(await readFile(options.tests, 'utf8'));
  const release = basename(headers).replace('linux-headers-', '');
  const about = readPatchMetadata(
    JSON.stringify({
      ...{ name, release, tests },
      buildIds: listOf(options.buildId),
      cves: listOf(options.cve),
      supersedes: listOf(options.supersedes),
    }),
    source,
  );
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
  const { about, module } = await readPatchFolder(folder);
  const { name, buildIds, cves } = about;
  return { name, buildIds, cves, digest: null, module };
}

async function statusHere(name: string): Promise<[Text | null, readonly PatchState[]]> {
  const driver = await driverOf(name, null);
  const why = await driver.unusable();
  return [why, why === null ? await driver.list() : []];
}

async function statusOf(cli: CliProgram, host: string): Promise<readonly PatchState[]> {
  const { facts } = await cli.api.get<{ facts: Pick<MachineFacts, 'livePatches'> }>(
    `/hosts/${encodeURIComponent(host)}/kernel`,
  );
  return facts.livePatches.map(({ name, enabled, transition, cves }) => ({
    name,
    state: transition ? 'transition' : enabled ? 'on' : 'off',
    cves,
  }));
}

async function driverOf(name: string, certificate: string | null): Promise<LivePatchDriver> {
  switch (name) {
    case 'livepatch': {
      const pem = certificate === null ? null : await readFile(certificate, 'utf8');
      const unpinned = async () => ({
        en: 'no certificate is pinned: --certificate FILE',
        es: 'no hay ningún certificado fijado: --certificate ARCHIVO',
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

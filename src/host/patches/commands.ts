import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CliProgram, Text } from '../../system/index.ts';
import { makeBundle, openSigner } from '../../trust/index.ts';
import { hostFault } from '../errors.ts';
import { PATCH_REPOSITORY, type PatchMetadata, packPatch, readPatchMetadata } from './artifact.ts';
import type { PatchPlaces, PatchView } from './patches.ts';

type ListedPatch = PatchView & { readonly inForce: number; readonly fitting: number };

/** A patch as `patch build` leaves it. @throws Fault host.patch-unreadable */
export async function readPatchFolder(folder: string): Promise<{ about: PatchMetadata; module: Uint8Array }> {
  const path = join(folder, 'patch.json');
  const read = async (file: string): Promise<Uint8Array> => {
    try {
      return await readFile(file);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw hostFault('host.patch-unreadable', { name: file, why }, { cause });
    }
  };
  const about = readPatchMetadata(await read(path), path);
  return { about, module: await read(join(folder, `${about.name}.ko`)) };
}

/** Asks the platform to bring a patch into force on a host, or to take it out, and watches. */
export async function changeOnHost(
  cli: CliProgram,
  host: string,
  change: 'apply' | 'rollback',
  patch: string,
): Promise<void> {
  const started = await cli.api.post<{ operation: string }>(`/hosts/${encodeURIComponent(host)}/kernel/patches`, {
    patch,
    change,
  });
  await cli.followOperation(started.operation);
  if (cli.output.json) cli.print.json({ host, patch, change });
  else if (change === 'apply')
    cli.print.result({ en: `${patch} is in force on ${host}`, es: `${patch} está activo en ${host}` });
  else cli.print.result({ en: `${patch} is out of ${host}`, es: `${patch} se ha retirado de ${host}` });
}

/** `patch push`, `list`, `show`: the platform's registry as patch server. */
export function addRegistryCommands(cli: CliProgram, patch: Command): void {
  patch
    .command('push')
    .argument(
      '<folder>',
      cli.t({ en: 'folder with the module and its patch.json', es: 'carpeta con el módulo y su patch.json' }),
    )
    .option(
      '--key <key>',
      cli.t({
        en: 'key to sign it with, as for darsena sign; hosts take no patch that nobody signed',
        es: 'clave con que firmarlo, como en darsena sign; los hosts no toman ningún parche sin firma',
      }),
    )
    .option('--passphrase-file <file>', cli.t({ en: 'passphrase of the key', es: 'frase de paso de la clave' }))
    .description(
      cli.t({
        en: 'put a patch into the registry, signed, for the hosts of the platform',
        es: 'poner un parche en el registro, firmado, para los hosts de la plataforma',
      }),
    )
    .action(async (folder: string, { key, passphraseFile }: { key?: string; passphraseFile?: string }) => {
      const { about, module } = await readPatchFolder(folder);
      let bundle: string | null = null;
      if (key !== undefined) {
        const signer = await openSigner(cli, { key, ...(passphraseFile === undefined ? {} : { passphraseFile }) });
        const subject = { repository: PATCH_REPOSITORY, digest: packPatch(about, module).digest };
        bundle = Buffer.from(await makeBundle(signer, 'image', subject, {})).toString('base64');
      }
      const pushed = await cli.api.post<PatchView>('/kernel/patches', {
        ...{ about, bundle },
        module: Buffer.from(module).toString('base64'),
      });
      if (cli.output.json) return cli.print.json(pushed);
      cli.print.result(`${PATCH_REPOSITORY}:${pushed.name}@${pushed.digest}`);
      if (pushed.doubt !== null) cli.print.note(pushed.doubt);
    });

  patch
    .command('list')
    .description(cli.t({ en: 'patches in the registry', es: 'parches del registro' }))
    .action(async () => {
      const { items } = await cli.api.get<{ items: ListedPatch[] }>('/kernel/patches');
      cli.print.table(
        [
          { title: { en: 'PATCH', es: 'PARCHE' }, value: ({ name }: ListedPatch) => name },
          { title: { en: 'KERNEL', es: 'NÚCLEO' }, value: ({ release }) => release || '-' },
          { title: { en: 'SIGNED BY', es: 'FIRMADO POR' }, value: ({ signers }) => signers.join(', ') || '-' },
          { title: { en: 'IN FORCE', es: 'ACTIVO' }, value: ({ inForce }) => String(inForce) },
          { title: { en: 'COULD BE', es: 'POSIBLE' }, value: ({ fitting }) => String(fitting) },
          { title: { en: 'FIXES', es: 'CORRIGE' }, value: ({ cves }) => cves.join(', ') || '-', long: true },
        ],
        items,
        { json: { items }, empty: { en: 'no live patch in the registry', es: 'ningún parche en el registro' } },
      );
    });

  patch
    .command('show')
    .argument('<name>')
    .description(
      cli.t({
        en: 'what a patch is, who signed it and where it is in force',
        es: 'qué es un parche, quién lo firmó y dónde está activo',
      }),
    )
    .action(async (name: string) => {
      const found = await cli.api.get<PatchView & PatchPlaces>(`/kernel/patches/${encodeURIComponent(name)}`);
      if (cli.output.json) return cli.print.json(found);
      const rows: [Text, string][] = [
        [{ en: 'digest', es: 'digest' }, found.digest],
        [{ en: 'kernel', es: 'núcleo' }, found.release || '-'],
        [{ en: 'build ids', es: 'identificadores de construcción' }, found.buildIds.join(', ')],
        [{ en: 'fixes', es: 'corrige' }, found.cves.join(', ') || '-'],
        [{ en: 'takes the place of', es: 'sustituye a' }, found.supersedes.join(', ') || '-'],
        [{ en: 'tests', es: 'pruebas' }, found.tests.map((one) => one.name).join(', ') || '-'],
        [{ en: 'signed by', es: 'firmado por' }, found.signers.join(', ') || '-'],
        [{ en: 'in force on', es: 'activo en' }, found.inForce.join(', ') || '-'],
        [{ en: 'fits, and is not in force on', es: 'sirve, y no está activo en' }, found.fitting.join(', ') || '-'],
      ];
      cli.print.table(
        [
          { title: { en: 'FACT', es: 'HECHO' }, value: ([fact]: [Text, string]) => cli.t(fact) },
          { title: { en: 'VALUE', es: 'VALOR' }, value: ([, value]) => value, long: true },
        ],
        rows,
      );
      if (found.doubt !== null) cli.print.note(found.doubt);
    });
}

import { rename, rm, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { type CliProgram, readFileBytes, streamToFile } from '../../system/index.ts';
import { archiveFault } from './errors.ts';
import type { ImportResult } from './import.ts';
import { ARCHIVE_TYPE, readImageName } from './names.ts';

/** A note while an archive flows, at most this often. */
const NOTICE_MS = 2000;

/** `darsena image export` and `import`: images in a file, for where no network goes. */
export function addArchiveCommands(noun: Command, cli: CliProgram): void {
  const { api, print, t } = cli;
  const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
  noun
    .command('export')
    .argument('<images...>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .option('-o, --output <file>', t({ en: 'the archive to write', es: 'el archivo que se escribe' }))
    .option(
      '--no-referrers',
      t({ en: 'without signatures, SBOMs and attestations', es: 'sin firmas, SBOM ni atestaciones' }),
    )
    .option(
      '--platform <os/arch>',
      t({
        en: 'of multi-architecture images only this; repeatable',
        es: 'de imágenes multiarquitectura, solo esta; repetible',
      }),
      collect,
    )
    .description(
      t({
        en: 'write images with what belongs to them into one OCI archive',
        es: 'escribir imágenes, con lo que les pertenece, en un archivo OCI',
      }),
    )
    .action(async (images: string[], options: { output?: string; referrers: boolean; platform?: string[] }) => {
      // The program knows -o as well and reads it first, wherever it stands.
      const output = options.output ?? cli.program.opts<{ output?: string }>().output;
      if (output === undefined) throw archiveFault('archive.no-file');
      for (const image of images) readImageName(image);
      const query = new URLSearchParams([
        ...images.map((image): [string, string] => ['image', image]),
        ...(options.platform ?? []).map((platform): [string, string] => ['platform', platform]),
        ['referrers', options.referrers ? '1' : '0'],
      ]);
      // Whoever sees the file by its name sees a whole one.
      const partial = `${output}.part`;
      try {
        await streamToFile(partial, [counted(cli, api.download(`/archives?${query}`))]);
        await rename(partial, output);
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
      const { size } = await stat(output);
      if (cli.output.json) return print.json({ file: output, bytes: size, images });
      print.result({
        en: `${output}: ${images.length} ${images.length === 1 ? 'image' : 'images'}, ${print.bytes(size)}`,
        es: `${output}: ${images.length} ${images.length === 1 ? 'imagen' : 'imágenes'}, ${print.bytes(size)}`,
      });
    });
  noun
    .command('import')
    .argument('<file>', t({ en: 'an OCI archive', es: 'un archivo OCI' }))
    .option(
      '--as <image>',
      t({
        en: 'PROJECT/IMAGE[:TAG] for an archive that does not say it',
        es: 'PROYECTO/IMAGEN[:ETIQUETA] si el archivo no lo dice',
      }),
    )
    .description(
      t({
        en: 'put the images of an OCI archive into the registry; they are scanned and judged like a push',
        es: 'poner las imágenes de un archivo OCI en el registro; se examinan y juzgan como una subida',
      }),
    )
    .action(async (file: string, options: { as?: string }) => {
      const query = options.as === undefined ? '' : `?${new URLSearchParams({ as: options.as })}`;
      await stat(file).catch((error: unknown) => {
        throw archiveFault('archive.file-missing', { file }, { cause: error });
      });
      const body = counted(cli, readFileBytes(file, { highWaterMark: 256 * 1024 }));
      const { id } = await api.upload<{ id: string }>(`/archives${query}`, body, { contentType: ARCHIVE_TYPE });
      const { result } = await cli.followOperation(id);
      if (cli.output.json) return print.json(result);
      const { images, referrers } = result as unknown as ImportResult;
      for (const { repository, tag, digest } of images) {
        print.result(tag === null ? `${repository}@${digest}` : `${repository}:${tag} ${digest}`);
      }
      const [first] = images;
      const name =
        first === undefined ? '' : `${first.repository}${first.tag === null ? `@${first.digest}` : `:${first.tag}`}`;
      print.line({
        en: `${images.length} ${images.length === 1 ? 'image' : 'images'}, ${referrers} attached; held until judged: darsena image wait ${name}`,
        es: `${images.length} ${images.length === 1 ? 'imagen' : 'imágenes'}, ${referrers} adjuntos; en cuarentena hasta su veredicto: darsena image wait ${name}`,
      });
    });
}

/** Passes bytes on and says how many, where nothing else shows it. */
async function* counted(cli: CliProgram, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sent = 0;
  let said = performance.now();
  for await (const chunk of bytes) {
    sent += chunk.length;
    if (performance.now() - said > NOTICE_MS && !cli.output.json && !cli.output.quiet) {
      said = performance.now();
      cli.print.note(cli.print.bytes(sent));
    }
    yield chunk;
  }
}

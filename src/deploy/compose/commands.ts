import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CliProgram, defineFaults } from '../../system/index.ts';
import { refuseProblems } from '../kubernetes/index.ts';
import type { ComposeConversion } from './convert.ts';
import { convertFolder, findCompose } from './folder.ts';

export const composeFault = defineFaults({
  'compose.file-missing': {
    kind: 'invalid',
    en: { what: 'there is no Compose file at {path}', remedy: 'darsena compose convert compose.yaml' },
    es: { what: 'no hay un archivo Compose en {path}', remedy: 'darsena compose convert compose.yaml' },
  },
});

/** What was changed on the way, each kind of change once; problems end it. @throws Fault manifest.invalid */
export function tellConversion(cli: CliProgram, conversion: ComposeConversion): void {
  const { report, problems } = conversion;
  refuseProblems(problems);
  if (cli.output.json) return;
  const told = new Set<string>();
  for (const { file = report.file, line, field, text } of report.notes) {
    if (told.has(text.en)) continue;
    told.add(text.en);
    cli.print.note(`${file}:${line} ${field}: ${cli.t(text)}`);
  }
  cli.print.note({
    en: `${report.file}: ${report.enforced} fields as they are, ${report.emulated} by other means, none left out`,
    es: `${report.file}: ${report.enforced} campos tal cual, ${report.emulated} por otros medios, ninguno omitido`,
  });
}

/** `compose convert`: what a deploy of a Compose file would deploy, to look at or to keep. */
export function composeCommands(cli: CliProgram): void {
  const { program, t } = cli;
  program
    .command('compose')
    .description(
      t({ en: 'Compose files as Kubernetes manifests', es: 'archivos Compose como manifiestos de Kubernetes' }),
    )
    .command('convert')
    .argument('[file]', t({ en: 'the Compose file, or its folder', es: 'el archivo Compose, o su carpeta' }), '.')
    .option('-f, --file <file...>', t({ en: 'further files that change it', es: 'más archivos que lo cambian' }))
    .option(
      '--profile <name...>',
      t({ en: 'with the services of this profile', es: 'con los servicios de este perfil' }),
    )
    .option('-p, --project <name>', t({ en: 'name of the project', es: 'nombre del proyecto' }))
    .option(
      '--to <folder>',
      t({ en: 'write darsena.yaml and the manifests there', es: 'escribir allí darsena.yaml y los manifiestos' }),
    )
    .description(
      t({
        en: 'write a Compose file as darsena.yaml and manifests; needs no server',
        es: 'escribir un archivo Compose como darsena.yaml y manifiestos; no necesita servidor',
      }),
    )
    .action(async (file: string, options: { file?: string[]; profile?: string[]; project?: string; to?: string }) => {
      const place = findCompose(file);
      if (place === null) throw composeFault('compose.file-missing', { path: file });
      const conversion = convertFolder(place, {
        variables: process.env,
        more: options.file ?? [],
        profiles: options.profile ?? [],
        project: options.project ?? null,
      });
      tellConversion(cli, conversion);
      const { manifests, projectFile } = conversion;
      if (cli.output.json) cli.print.json(conversion);
      else if (options.to === undefined) cli.print.result(manifests?.text ?? '');
      else {
        await mkdir(options.to, { recursive: true });
        await writeFile(join(options.to, 'darsena.yaml'), `${projectFile}\n`, { flag: 'wx' });
        if (manifests !== null)
          // Secrets of the file stand in it.
          await writeFile(join(options.to, manifests.path), `${manifests.text}\n`, { flag: 'wx', mode: 0o600 });
      }
    });
}

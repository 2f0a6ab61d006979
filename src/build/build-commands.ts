import { writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { CliProgram, OperationView } from '../system/index.ts';
import { buildFault } from './errors.ts';

interface BuildFlags {
  readonly tag: readonly string[];
  readonly file?: string;
  readonly buildArg: readonly string[];
  readonly target?: string;
  readonly secret: readonly string[];
  readonly ssh: readonly string[];
  readonly platform?: string;
  readonly label: readonly string[];
  readonly cache: boolean;
  readonly timestamp?: string;
  readonly iidfile?: string;
}

/** `build`: one image from a folder, an archive or a Git repository, with the flags of docker and podman. */
export function buildImageCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const collect = (value: string, before: readonly string[]): string[] => [...before, value];
  program
    .command('build')
    .argument(
      '[source]',
      t({
        en: 'a folder, an archive, - (a tar on standard input), or https://HOST/PATH.git#REF:FOLDER',
        es: 'una carpeta, un archivo, - (un tar por la entrada estándar) o https://HOST/RUTA.git#REF:CARPETA',
      }),
      '.',
    )
    .requiredOption(
      '-t, --tag <project/image[:tag]>',
      t({ en: 'its name; again for more tags', es: 'su nombre; repetir para más etiquetas' }),
      collect,
      [],
    )
    .option(
      '-f, --file <file>',
      t({
        en: 'the Containerfile, inside the folder (Containerfile, Dockerfile)',
        es: 'el Containerfile, dentro de la carpeta (Containerfile, Dockerfile)',
      }),
    )
    .option(
      '--build-arg <NAME=value>',
      t({ en: 'build argument; it stands in the history', es: 'argumento de construcción; queda en el historial' }),
      collect,
      [],
    )
    .option('--target <stage>', t({ en: 'stop at this stage', es: 'parar en esta etapa' }))
    .option(
      '--secret <id=ID,src=FILE>',
      t({
        en: 'for RUN --mount=type=secret,id=ID; or id=ID,env=NAME',
        es: 'para RUN --mount=type=secret,id=ID; o id=ID,env=NOMBRE',
      }),
      collect,
      [],
    )
    .option(
      '--ssh <id=FILE>',
      t({
        en: 'a private key for RUN --mount=type=ssh, which steps use and never see; often default=FILE',
        es: 'una clave privada para RUN --mount=type=ssh, que los pasos usan y no ven; a menudo default=ARCHIVO',
      }),
      collect,
      [],
    )
    .option('--platform <platform>', t({ en: 'such as linux/arm64', es: 'como linux/arm64' }))
    .option('--label <key=value>', t({ en: 'a label of the image', es: 'una etiqueta de la imagen' }), collect, [])
    .option('--no-cache', t({ en: 'do every step anew', es: 'hacer de nuevo cada paso' }))
    .option(
      '--timestamp <seconds>',
      t({
        en: 'time of all files and of the image, since 1970 (SOURCE_DATE_EPOCH, 0)',
        es: 'hora de todos los archivos y de la imagen, desde 1970 (SOURCE_DATE_EPOCH, 0)',
      }),
    )
    .option('--iidfile <file>', t({ en: 'write the digest to a file', es: 'escribir el digest en un archivo' }))
    .option('-q', t({ en: 'the digest alone', es: 'solo el digest' }))
    .description(t({ en: 'build, sign and scan an image', es: 'construir, firmar y examinar una imagen' }))
    .action(async (source: string, options: BuildFlags & { readonly q?: boolean }) => {
      const { openSource } = await import('./open-source.ts');
      const { addSecrets, addSourceFacts } = await import('./source-facts.ts');
      const { packSource } = await import('./source.ts');
      const { project, image, tags } = readNames(options.tag);
      const opened = await openSource(source, { input: process.stdin, terminal: cli.output.terminal });
      let ended: OperationView;
      try {
        const query = new URLSearchParams({ image, noCache: options.cache ? '0' : '1' });
        for (const tag of tags) query.append('tag', tag);
        for (const one of options.buildArg) query.append('arg', argumentOf(one));
        for (const one of options.label) query.append('label', one.includes('=') ? one : `${one}=`);
        if (options.file !== undefined) query.set('containerfile', insideOf(opened.folder, options.file));
        if (options.target !== undefined) query.set('target', options.target);
        if (options.platform !== undefined) query.set('platform', options.platform);
        addSourceFacts(query, opened, options.timestamp);
        await addSecrets(cli, project, query, options.secret, options.ssh);
        const operation = await api.upload<OperationView>(
          `/projects/${project}/builds?${query}`,
          packSource(opened.folder),
          { contentType: 'application/x-tar' },
        );
        ended = await cli.followOperation(operation.id);
      } finally {
        await opened.close();
      }
      const result = ended.result as { repository: string; digest: string; tags: string[] };
      if (options.iidfile !== undefined) await writeFile(options.iidfile, result.digest);
      if (cli.output.json) return print.json(result);
      if (options.q === true) return print.result(result.digest);
      for (const tag of result.tags) print.result(`${result.repository}:${tag}@${result.digest}`);
    });
}

/** `NAME` passes on this side's own value, as docker does. */
function argumentOf(word: string): string {
  return word.includes('=') ? word : `${word}=${process.env[word] ?? ''}`;
}

/** docker names the file from here, the platform from the folder that it gets. */
function insideOf(folder: string, file: string): string {
  const inside = relative(folder, resolve(file));
  return inside.startsWith('..') || inside === '' ? file : inside;
}

/** Every `-t` names the same image; what follows the last colon is a tag. @throws Fault build.name-invalid */
function readNames(words: readonly string[]): { project: string; image: string; tags: string[] } {
  const found = words.map((word) => {
    const bare = word.replace(/^registry\.darsena\.internal\//, '');
    const match = /^([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9._/-]*)(?::([\w][\w.-]{0,127}))?$/.exec(bare);
    if (match === null) throw buildFault('build.name-invalid', { name: word.slice(0, 200) });
    return { project: match[1] ?? '', image: match[2] ?? '', tag: match[3] ?? 'latest' };
  });
  const [first] = found;
  if (first === undefined || found.some(({ project, image }) => project !== first.project || image !== first.image))
    throw buildFault('build.name-invalid', { name: words.join(' ').slice(0, 200) });
  return { project: first.project, image: first.image, tags: [...new Set(found.map(({ tag }) => tag))] };
}

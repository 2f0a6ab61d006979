import { isTag, parseReference, REGISTRY_NAME } from '../oci/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import { addArchiveCommands } from './archive/commands.ts';
import { attachedKind } from './attached-words.ts';
import { registryFault } from './errors.ts';
import { type FilesOptions, printLayerFiles } from './files-commands.ts';
import type { ImageDetail, ImageSummary, QuarantineState, QuarantineWord, ReferrerNode } from './images.ts';
import { WAIT_POLL_MS, WAIT_SECONDS } from './limits.ts';
import { printOwners } from './owner-commands.ts';
import type { CheckProgress } from './ports.ts';
import { addPullsCommand } from './pulls-commands.ts';
import type { Grace } from './quarantine-grace.ts';
import { addSettingsCommand } from './settings-commands.ts';
import { addRetentionCommand } from './work-commands.ts';

interface Named {
  readonly project: string;
  readonly repository: string;
  readonly reference: string;
  readonly text: string;
}

const WORDS: Readonly<Record<QuarantineWord, { readonly text: Text; readonly colour: 'good' | 'warn' | 'bad' }>> = {
  released: { text: { en: 'released', es: 'liberada' }, colour: 'good' },
  held: { text: { en: 'in quarantine', es: 'en cuarentena' }, colour: 'warn' },
  refused: { text: { en: 'refused', es: 'rechazada' }, colour: 'bad' },
};

/** `darsena repository …`: how a project's repositories are kept. */
export function repositoryCommands(cli: CliProgram): void {
  const noun = cli.program
    .command('repository')
    .description(cli.t({ en: 'repositories of the registry', es: 'repositorios del registro' }));
  addSettingsCommand(noun, cli);
  addRetentionCommand(noun, cli);
}

/** `darsena image …`: what lies in the registry, and whether it may leave it. */
export function registryCommands(cli: CliProgram): void {
  const noun = cli.program
    .command('image')
    .description(cli.t({ en: 'images of the registry', es: 'imágenes del registro' }));

  noun
    .command('list')
    .alias('ls')
    .argument('[project]', cli.t({ en: 'only this project', es: 'solo este proyecto' }))
    .description(cli.t({ en: 'list images, newest first', es: 'listar imágenes, primero las más nuevas' }))
    .action(async (project: string | undefined) => {
      const projects = project === undefined ? await listProjects(cli) : [project];
      const images: ImageSummary[] = [];
      for (const one of projects) images.push(...(await listAll(cli, one)));
      printImages(cli, images);
    });

  noun
    .command('show')
    .argument('<image>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .description(
      cli.t({
        en: 'show an image: configuration, layers, signatures and SBOMs',
        es: 'mostrar una imagen: configuración, capas, firmas y SBOM',
      }),
    )
    .action(async (text: string) => {
      const detail = await readDetail(cli, await namedOrNewest(cli, text));
      if (cli.output.json) cli.print.json(detail);
      else printDetail(cli, detail);
    });

  noun
    .command('files')
    .argument('<image>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .option(
      '--layer <layer>',
      cli.t({ en: 'its number from below, or its digest', es: 'su número desde abajo, o su digest' }),
    )
    .option('--match <text>', cli.t({ en: 'only paths with this text', es: 'solo rutas con este texto' }))
    .option('--largest', cli.t({ en: 'the largest files first', es: 'primero los archivos más grandes' }))
    .option('--limit <count>', cli.t({ en: 'how many', es: 'cuántos' }))
    .description(
      cli.t({
        en: 'files that a layer of an image adds and removes',
        es: 'archivos que una capa de una imagen añade y elimina',
      }),
    )
    .action(async (text: string, options: FilesOptions) =>
      printLayerFiles(cli, await readDetail(cli, await namedOrNewest(cli, text)), options),
    );

  noun
    .command('owner')
    .argument('<image>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .argument('<path...>', cli.t({ en: 'files in the image', es: 'archivos de la imagen' }))
    .description(
      cli.t({
        en: 'which package brought a file of an image, and whether it is still the same one',
        es: 'qué paquete trajo un archivo de una imagen, y si sigue siendo el mismo',
      }),
    )
    .action(async (text: string, paths: string[]) =>
      printOwners(cli, await readDetail(cli, await namedOrNewest(cli, text)), paths),
    );

  addPullsCommand(noun, cli);

  noun
    .command('wait')
    .argument('<image>', 'PROJECT/IMAGE:TAG')
    .option('--timeout <seconds>', cli.t({ en: 'give up after this long', es: 'desistir pasado este tiempo' }))
    .description(
      cli.t({
        en: 'wait until an image leaves quarantine (exit 0) or is refused (exit 4)',
        es: 'esperar a que una imagen salga de la cuarentena (salida 0) o sea rechazada (salida 4)',
      }),
    )
    .action((text: string, options: { timeout?: string }) =>
      waitForRelease(cli, parseName(text), Number(options.timeout ?? WAIT_SECONDS)),
    );

  addArchiveCommands(noun, cli);

  noun
    .command('grace')
    .argument('<project>')
    .description(
      cli.t({
        en: 'images that run, were refused since, and must be replaced until a date',
        es: 'imágenes que se ejecutan, fueron rechazadas después y hay que sustituir antes de una fecha',
      }),
    )
    .action(async (project: string) => {
      const { items } = await cli.api.get<{ items: Grace[] }>(`/projects/${encodeURIComponent(project)}/grace`);
      printGraces(cli, items);
    });

  noun
    .command('delete')
    .argument('<image>', 'PROJECT/IMAGE:TAG | PROJECT/IMAGE@DIGEST')
    .option('--yes', cli.t({ en: 'do not ask', es: 'no preguntar' }))
    .description(
      cli.t({
        en: 'delete a tag, or with @DIGEST the image and all its tags',
        es: 'borrar una etiqueta o, con @DIGEST, la imagen y todas sus etiquetas',
      }),
    )
    .action(async (text: string, options: { yes?: boolean }) => {
      const named = parseName(text);
      const isWhole = !isTag(named.reference);
      const question = isWhole
        ? { en: `Delete ${named.text} with all its tags?`, es: `¿Borrar ${named.text} con todas sus etiquetas?` }
        : { en: `Delete the tag ${named.text}?`, es: `¿Borrar la etiqueta ${named.text}?` };
      const remedy = `darsena image delete ${named.text} --yes`;
      if (options.yes !== true && !(await cli.ask.confirm(question, { remedy }))) return;
      const query = new URLSearchParams({ repository: named.repository });
      if (!isWhole) query.set('tag', named.reference);
      await cli.api.delete(
        isWhole
          ? `/projects/${named.project}/images/${named.reference}?${query}`
          : `/projects/${named.project}/tags?${query}`,
      );
      cli.print.line({ en: `deleted ${named.text}`, es: `se borró ${named.text}` });
    });
}

/** `PROJECT/IMAGE`, with or without the registry's name before it; the tag `latest` when none is said. */
function parseName(text: string): Named {
  const { registry, repository, tag, digest } = parseReference(text);
  if ((registry !== null && registry !== REGISTRY_NAME) || !repository.includes('/')) {
    throw registryFault('registry.reference-incomplete', { image: text.slice(0, 300) });
  }
  const reference = digest ?? tag ?? 'latest';
  return {
    project: repository.slice(0, repository.indexOf('/')),
    repository,
    reference,
    text: digest === null ? `${repository}:${reference}` : `${repository}@${digest}`,
  };
}

/** Without a tag: `latest` where there is one, else what was pushed last. */
async function namedOrNewest(cli: CliProgram, text: string): Promise<Named> {
  const named = parseName(text);
  const { tag, digest } = parseReference(text);
  if (tag !== null || digest !== null) return named;
  const query = new URLSearchParams({ repository: named.repository, limit: '1' });
  const images = await cli.api.get<{ items: ImageSummary[] }>(`/projects/${named.project}/images?${query}`);
  const [newest] = images.items;
  if (newest === undefined || newest.tags.includes(named.reference)) return named;
  return { ...named, reference: newest.digest, text: `${named.repository}@${newest.digest}` };
}

async function listProjects(cli: CliProgram): Promise<string[]> {
  const { items } = await cli.api.get<{ items: { name: string }[] }>('/projects');
  return items.map((item) => item.name);
}

async function listAll(cli: CliProgram, project: string): Promise<ImageSummary[]> {
  const images: ImageSummary[] = [];
  let after: string | undefined;
  do {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
    const path = `/projects/${encodeURIComponent(project)}/images${query}`;
    const page = await cli.api.get<{ items: ImageSummary[]; next?: string }>(path);
    images.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return images;
}

async function readState(
  cli: CliProgram,
  named: Named,
): Promise<{ readonly digest: string; readonly quarantine: QuarantineState }> {
  const query = new URLSearchParams({ repository: named.repository, reference: named.reference });
  return cli.api.get(`/projects/${named.project}/quarantine?${query}`);
}

async function readDetail(cli: CliProgram, named: Named): Promise<ImageDetail> {
  const { digest } = await readState(cli, named);
  const query = new URLSearchParams({ repository: named.repository });
  return cli.api.get(`/projects/${named.project}/images/${digest}?${query}`);
}

async function waitForRelease(cli: CliProgram, named: Named, seconds: number): Promise<void> {
  const started = performance.now();
  let said = '';
  for (;;) {
    const { digest, quarantine } = await readState(cli, named);
    const reasons = quarantine.reasons.map((reason) => cli.t(reason)).join('; ') || (quarantine.code ?? '');
    if (quarantine.state !== 'held' && cli.output.json) cli.print.json({ image: named.text, digest, ...quarantine });
    if (quarantine.state === 'released') {
      cli.print.line({ en: `${named.text} is released (${digest})`, es: `${named.text} está liberada (${digest})` });
      return;
    }
    if (quarantine.state === 'refused') {
      const ways = quarantine.remedies.map((remedy) => cli.t(remedy));
      const remedy = ways.length === 0 ? `darsena image show ${named.text}` : [...new Set(ways)].join('; ');
      throw registryFault('registry.wait-refused', { image: named.text, reasons, remedy });
    }
    if (performance.now() - started > seconds * 1000) {
      throw registryFault('registry.wait-too-long', { image: named.text, seconds });
    }
    const state = quarantine.progress === null ? reasons : cli.t(progressText(quarantine.progress));
    if (state !== said) {
      cli.print.line({
        en: `${named.text} is in quarantine: ${state}`,
        es: `${named.text} está en cuarentena: ${state}`,
      });
      said = state;
    }
    await pause(WAIT_POLL_MS, cli.signal);
  }
}

/** Where the check of a held image is, in words. */
function progressText({ state, place, queued, step }: CheckProgress): Text {
  if (state === 'queued') {
    return { en: `place ${place ?? 1} of ${queued} in the queue`, es: `puesto ${place ?? 1} de ${queued} en la cola` };
  }
  if (state === 'judging') return { en: 'being judged', es: 'se está juzgando' };
  const percent =
    step?.done == null || step.total == null || step.total === 0
      ? ''
      : ` ${Math.floor((step.done / step.total) * 100)} %`;
  const what = step?.text ?? null;
  return {
    en: `being scanned${percent}${what === null ? '' : `: ${what.en}`}`,
    es: `se está analizando${percent}${what === null ? '' : `: ${what.es}`}`,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function stateOf(cli: CliProgram, word: QuarantineWord): string {
  return cli.print.colour(WORDS[word].colour, cli.t(WORDS[word].text));
}

function printImages(cli: CliProgram, images: readonly ImageSummary[]): void {
  cli.print.table(
    [
      {
        title: { en: 'image', es: 'imagen' },
        value: (image) => (image.tags.length === 0 ? image.repository : `${image.repository}:${image.tags.join(',')}`),
      },
      {
        title: { en: 'digest', es: 'digest' },
        value: (image) => (cli.output.wide ? image.digest : image.digest.slice(0, 'sha256:'.length + 12)),
      },
      { title: { en: 'state', es: 'estado' }, value: (image) => cli.t(WORDS[image.quarantine].text) },
      { title: { en: 'found', es: 'hallado' }, value: (image) => foundWord(cli, image) },
      { title: { en: 'size', es: 'tamaño' }, value: (image) => cli.print.bytes(image.sizeBytes), align: 'right' },
      { title: { en: 'age', es: 'antigüedad' }, value: (image) => cli.print.age(image.pushedAt), align: 'right' },
      { title: { en: 'pushed by', es: 'subida por' }, value: (image) => image.pushedBy, wide: true },
      { title: { en: 'layers', es: 'capas' }, value: (image) => String(image.layers), align: 'right', wide: true },
    ],
    images,
    {
      empty: {
        en: `no images yet: darsena deploy FOLDER builds and pushes; podman push ${REGISTRY_NAME}/PROJECT/IMAGE works too`,
        es: `aún no hay imágenes: darsena deploy CARPETA las construye y sube; también podman push ${REGISTRY_NAME}/PROYECTO/IMAGEN`,
      },
    },
  );
}

/** What the scan says beside the image, where it says so (see `DescribeImages`). */
interface Glance {
  readonly state?: string;
  readonly byRisk?: Readonly<Record<string, number>>;
  readonly answered?: number;
  readonly secrets?: number;
  readonly malware?: string;
}

/** 'MALWARE, 2 act now, 5 high, 2 credentials, 3 answered for'; '-': nothing, or nothing that is known. */
function foundWord(cli: CliProgram, image: ImageSummary): string {
  const { byRisk = {}, answered = 0, secrets = 0, malware } = (image as { scan?: Glance | null }).scan ?? {};
  const [now, high] = [byRisk['act-now'] ?? 0, byRisk['high'] ?? 0];
  const parts: Text[] = [];
  if (malware === 'found') parts.push({ en: 'MALWARE', es: 'MALICIOSO' });
  if (now > 0) parts.push({ en: `${now} act now`, es: `${now} urgentes` });
  if (high > 0) parts.push({ en: `${high} high`, es: `${high} altos` });
  if (secrets > 0)
    parts.push(
      secrets === 1
        ? { en: '1 credential', es: '1 credencial' }
        : { en: `${secrets} credentials`, es: `${secrets} credenciales` },
    );
  if (answered > 0) parts.push({ en: `${answered} answered for`, es: `${answered} con respuesta` });
  return parts.length === 0 ? '-' : parts.map((part) => cli.t(part)).join(', ');
}

function printDetail(cli: CliProgram, image: ImageDetail): void {
  const { config } = image;
  const fact = (title: Text, value: string | null | undefined): void => {
    if (value !== null && value !== undefined && value !== '') cli.print.result(`${cli.t(title)}: ${value}`);
  };
  cli.print.result(cli.print.colour('strong', `${image.repository}@${image.digest}`));
  fact({ en: 'tags', es: 'etiquetas' }, image.tags.join(', '));
  fact({ en: 'state', es: 'estado' }, stateOf(cli, image.quarantine));
  for (const reason of image.quarantineReasons) cli.print.result(`  ${cli.t(reason)}`);
  for (const warning of image.quarantineWarnings) {
    cli.print.result(`  ${cli.print.colour('warn', cli.t(warning))}`);
  }
  fact({ en: 'pushed', es: 'subida' }, `${image.pushedAt}, ${image.pushedBy}`);
  fact({ en: 'size', es: 'tamaño' }, cli.print.bytes(image.sizeBytes));
  fact({ en: 'created', es: 'creada' }, config?.created);
  fact({ en: 'platform', es: 'plataforma' }, [config?.os, config?.architecture].filter(Boolean).join('/'));
  fact({ en: 'user', es: 'usuario' }, config === null ? null : (config.user ?? 'root'));
  fact({ en: 'command', es: 'orden' }, config === null ? null : [...config.entrypoint, ...config.cmd].join(' '));
  fact({ en: 'environment (names)', es: 'entorno (nombres)' }, config?.env.join(' '));
  if (image.images.length > 0) {
    cli.print.result('');
    cli.print.table(
      [
        { title: { en: 'platform', es: 'plataforma' }, value: (child) => child.platform ?? '-' },
        { title: { en: 'digest', es: 'digest' }, value: (child) => child.digest, long: true },
      ],
      image.images,
    );
  }
  if (image.layersList.length > 0) {
    cli.print.result('');
    cli.print.table(
      [
        { title: { en: 'layer', es: 'capa' }, value: (layer) => layer.digest.slice(0, 'sha256:'.length + 12) },
        { title: { en: 'size', es: 'tamaño' }, value: (layer) => cli.print.bytes(layer.sizeBytes), align: 'right' },
        { title: { en: 'made by', es: 'creada por' }, value: (layer) => layer.createdBy ?? '-' },
      ],
      image.layersList,
    );
  }
  if (image.referrers.length > 0) {
    cli.print.result('');
    cli.print.table(
      [
        {
          title: { en: 'attached', es: 'adjunto' },
          value: ({ node, depth }) => '  '.repeat(depth) + cli.t(attachedKind(node)),
        },
        { title: { en: 'digest', es: 'digest' }, value: ({ node }) => node.digest.slice(0, 'sha256:'.length + 12) },
        { title: { en: 'age', es: 'antigüedad' }, value: ({ node }) => cli.print.age(node.createdAt), align: 'right' },
      ],
      flatten(image.referrers),
    );
  }
}

function printGraces(cli: CliProgram, graces: readonly Grace[]): void {
  const day = (at: string): string => at.slice(0, 16).replace('T', ' ');
  cli.print.table(
    [
      {
        title: { en: 'image', es: 'imagen' },
        value: (one) => (cli.output.wide ? one.digest : one.digest.slice(0, 'sha256:'.length + 12)),
      },
      {
        title: { en: 'where', es: 'dónde' },
        value: (one) => one.environment ?? cli.t({ en: 'pulls', es: 'descargas' }),
      },
      { title: { en: 'until (UTC)', es: 'hasta (UTC)' }, value: (one) => day(one.until) },
      {
        title: { en: 'state', es: 'estado' },
        value: (one) =>
          one.overAt === null
            ? cli.print.colour('warn', cli.t({ en: 'in grace', es: 'en prórroga' }))
            : cli.print.colour('bad', cli.t({ en: 'over', es: 'vencida' })),
      },
      {
        title: { en: 'refused because', es: 'rechazada porque' },
        value: (one) => one.reasons.map((reason) => cli.t(reason)).join('; '),
        long: true,
      },
    ],
    graces,
    {
      empty: {
        en: 'no running image has been refused since it was deployed',
        es: 'ninguna imagen en ejecución ha sido rechazada desde que se desplegó',
      },
    },
  );
}

function flatten(nodes: readonly ReferrerNode[], depth = 0): { node: ReferrerNode; depth: number }[] {
  return nodes.flatMap((node) => [{ node, depth }, ...flatten(node.referrers, depth + 1)]);
}

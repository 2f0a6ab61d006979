import { join } from 'node:path';
import { type Digest, digestOf, parseReference, projectOf } from '../oci/index.ts';
import type { StepHandle } from '../progress/index.ts';
import { type Clock, Fault, type Text } from '../system/index.ts';
import { firstTrigger } from './base-triggers.ts';
import { type Containerfile, type Instruction, parseContainerfile } from './containerfile.ts';
import { buildFault } from './errors.ts';
import { INLINE_CONTEXT } from './heredocs.ts';
import { BUILD_TIMEOUT_MS, OUTPUT_LINE_CHARACTERS_MAX, OUTPUT_LINES_KEPT } from './limits.ts';
import { hasEmulator, ownArchitecture } from './platform.ts';
import { CONTAINERFILE_BUILD_TYPE, imageDependency, type Provenance, type ResolvedDependency } from './provenance.ts';
import { type BuildRegistry, RegistryClient } from './registry-client.ts';
import { AGENT_PREFIX, agentOf } from './secrets.ts';
import { checkSource, type SourceSummary } from './source.ts';
import { type Desk, lastLine, type Workshop } from './workshop.ts';

/** What the sender saw of the source's history. */
export interface SourceCommit {
  readonly id: string;
  /** RFC 3339. */
  readonly time: string;
  readonly repository: string | null;
  /** True when the folder held changes that are in no commit. */
  readonly dirty: boolean;
}

export interface BuildRequest {
  /** UUIDv7 of this build. */
  readonly id: string;
  /** `tienda/web`, a repository of the platform's registry. */
  readonly repository: string;
  readonly tags: readonly string[];
  /** A canonical tar of the context folder, as `packSource` makes it. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Path inside the context. @default Containerfile, then Dockerfile */
  readonly containerfile?: string;
  /** Build arguments. They stand in the image's history: never secrets. */
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly commit?: SourceCommit | null;
  /**
   * Time stamp of all files and of the image, in seconds since 1970. Cached layers bear the times of who made them, so one
   * that is not 0 is built without the cache. @default 0
   */
  readonly sourceDateEpoch?: number | null;
  /**
   * By their ids, for `RUN --mount=type=secret`: in no layer, no history, no argument and no line of output. With any of
   * them a build goes without the cache.
   */
  readonly secrets?: Readonly<Record<string, Uint8Array>>;
  /** `linux/amd64`. @default that of the host */
  readonly platform?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly noCache?: boolean;
  readonly timeoutMs?: number;
}

export interface BuildContext {
  readonly workshop: Workshop;
  readonly registry: BuildRegistry;
  /** Who builds, for provenance: `urn:darsena:builder:<instance>:<host>`. */
  readonly builderId: string;
  readonly progress: StepHandle;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export interface BuiltLayer {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface BuildResult {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifestSizeBytes: number;
  readonly layers: readonly BuiltLayer[];
  /** Of all layers, as stored. */
  readonly sizeBytes: number;
  readonly durationMs: number;
  readonly steps: number;
  /** Steps answered from the layer cache. */
  readonly cacheHits: number;
  readonly source: SourceSummary;
  readonly bases: readonly { readonly name: string; readonly digest: Digest }[];
  readonly provenance: Provenance;
}

/**
 * Builds an image from a source without root and without network, and pushes it. Nothing of it stays on the host but the
 * layer cache.
 * @throws Fault build.* ; the signal's reason when it is aborted
 */
export async function buildImage(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
  const { workshop, clock, progress, signal } = context;
  const startedOn = clock.now();
  const started = clock.monotonicMs();
  const desk = await workshop.desk(request.id);
  const client = new RegistryClient(context.registry, signal);
  try {
    const source = await receive(request, desk, context);
    const file = await readContainerfile(request, desk, context);
    checkSecrets(request, file);
    checkPlatforms(request, file);
    const bases = await resolveBases(file, client, context.registry);
    const made = await runBuild(request, { ...context, desk, file, bases });
    const stored = await push(request, made.imageId, { ...context, desk, client });
    const finishedOn = clock.now();
    const layers = stored.layers;
    return {
      repository: request.repository,
      tags: request.tags,
      digest: stored.digest,
      mediaType: stored.mediaType,
      manifestSizeBytes: stored.sizeBytes,
      layers,
      sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
      durationMs: Math.round(clock.monotonicMs() - started),
      steps: made.steps,
      cacheHits: made.cacheHits,
      source,
      bases: bases.map(({ name, digest }) => ({ name, digest })),
      provenance: describeProvenance(request, { ...context, source, bases, file, startedOn, finishedOn }),
    };
  } catch (error) {
    progress.fail(failureText(error));
    throw error;
  } finally {
    await client.close();
    await desk.close();
  }
}

async function receive(request: BuildRequest, desk: Desk, context: BuildContext): Promise<SourceSummary> {
  const step = context.progress.step({ en: 'source', es: 'origen' });
  const { stream, summary } = checkSource(request.source);
  await context.workshop.feed(
    'tar',
    ['-x', '--no-same-owner', '--same-permissions', '-C', desk.source],
    stream,
    context.signal,
  );
  const { entries, sizeBytes } = summary();
  step.update({ done: sizeBytes, total: sizeBytes, unit: 'bytes' });
  step.done({ en: `${entries} files and folders`, es: `${entries} archivos y carpetas` });
  return summary();
}

interface NamedContainerfile extends Containerfile {
  /** Inside the context. */
  readonly path: string;
  readonly digest: Digest;
}

async function readContainerfile(
  request: BuildRequest,
  desk: Desk,
  context: BuildContext,
): Promise<NamedContainerfile> {
  const names = request.containerfile === undefined ? ['Containerfile', 'Dockerfile'] : [request.containerfile];
  for (const path of names) {
    if (path.startsWith('/') || path.split('/').includes('..')) continue;
    const { code, stdout } = await context.workshop.run('cat', ['--', join(desk.source, path)], { timeoutMs: 10_000 });
    if (code !== 0) continue;
    const parsed = parseContainerfile(stdout, {
      file: path,
      ...(request.args === undefined ? {} : { args: request.args }),
    });
    return { ...parsed, path, digest: digestOf(Buffer.from(stdout)) };
  }
  throw buildFault('build.containerfile-missing', { image: request.repository, file: names.join(' / ') });
}

interface Base {
  /** As the Containerfile writes it. */
  readonly written: string;
  /** With the registry's name, without digest. */
  readonly name: string;
  readonly digest: Digest;
}

/** Finds the digest behind every image the file reads, so that what was checked is what is built from. */
async function resolveBases(
  file: NamedContainerfile,
  client: RegistryClient,
  registry: BuildRegistry,
): Promise<readonly Base[]> {
  const bases: Base[] = [];
  for (const { name: written, line, isBase } of file.images) {
    const place = { file: file.path, line, base: written, registry: registry.name };
    const reference = parseReference(written);
    if (reference.registry === null && !reference.repository.startsWith('base/'))
      throw buildFault('build.base-name', place);
    if (reference.registry !== null && reference.registry !== registry.name) {
      throw buildFault('build.registry-refused', place);
    }
    const tag = reference.tag ?? 'latest';
    const found = await client.findManifest(reference.repository, reference.digest ?? tag);
    if (found === null) {
      const isBase = reference.repository.startsWith('base/');
      const remedy = isBase ? `darsena base create ${reference.repository.slice(5)}` : 'darsena image list';
      throw buildFault(
        'build.base-missing',
        { ...place, remedy },
        { details: { base: isBase ? reference.repository.slice(5) : null, repository: reference.repository, tag } },
      );
    }
    const trigger = isBase ? await firstTrigger(client, reference.repository, found) : null;
    if (trigger !== null) throw buildFault('build.base-triggers', { ...place, trigger });
    bases.push({ written, name: `${registry.name}/${reference.repository}:${tag}`, digest: found.digest });
  }
  return bases;
}

interface Work extends BuildContext {
  readonly desk: Desk;
  readonly file: NamedContainerfile;
  readonly bases: readonly Base[];
}

async function runBuild(
  request: BuildRequest,
  work: Work,
): Promise<{ imageId: string; steps: number; cacheHits: number }> {
  const { workshop, desk, file, bases, registry, progress } = work;
  const { env } = await workshop.configure(desk, registry);
  const step = progress.step({ en: 'build', es: 'construcción' });
  const watcher = new BuildWatcher(file, step, Object.values(request.secrets ?? {}));
  const secrets: { id: string; path: string }[] = [];
  for (const [id, value] of Object.entries(request.secrets ?? {}))
    secrets.push({ id, path: await workshop.putSecret(desk, id, value) });
  const written = await workshop.put(desk, 'Containerfile', file.rewritten.text);
  const inline = file.rewritten.files.length > 0 ? await workshop.putInline(desk, file.rewritten.files) : null;
  const ignored = await ownIgnoreFile(workshop, join(desk.source, file.path));
  const idFile = join(desk.output, 'image-id');
  const arguments_ = [
    ...storeOf(request, workshop, desk),
    '--signature-policy',
    join(desk.folder, 'policy.json'),
    'build',
    '--isolation=rootless',
    '--network=none',
    '--layers',
    '--pull',
    '--identity-label=false',
    '--format=oci',
    '--cert-dir',
    join(desk.folder, 'certs'),
    '--authfile',
    join(desk.folder, 'auth.json'),
    '--timestamp',
    String(timestampOf(request)),
    '--iidfile',
    idFile,
    '--file',
    written,
    ...(ignored === null ? [] : ['--ignorefile', ignored]),
    ...(inline === null ? [] : ['--build-context', `${INLINE_CONTEXT}=${inline}`]),
    ...bases.flatMap(({ written, name, digest }) => [
      '--build-context',
      `${written}=docker-image://${name.replace(/:[^:/]*$/, '')}@${digest}`,
    ]),
    ...Object.entries(request.args ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...(request.target === undefined ? [] : ['--target', request.target]),
    ...(request.commit ? ['--annotation', `org.opencontainers.image.revision=${request.commit.id}`] : []),
    ...(request.platform ? ['--platform', request.platform] : []),
    ...(request.noCache === true ? ['--no-cache'] : []),
    ...Object.entries(request.labels ?? {}).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...secrets.flatMap(({ id, path }) => {
      // The agent of ssh is buildah's own: steps ask it to sign, and never see the key.
      const agent = agentOf(id);
      return agent === null ? ['--secret', `id=${id},src=${path}`] : ['--ssh', `${agent}=${path}`];
    }),
    desk.source,
  ];
  const { code, stderr } = await workshop.runEnclosed('buildah', arguments_, {
    env: { ...env, TMPDIR: await workshop.temporaryOf(projectOf(request.repository)) },
    cwd: desk.source,
    timeoutMs: request.timeoutMs ?? BUILD_TIMEOUT_MS,
    ...(work.signal === undefined ? {} : { signal: work.signal }),
    onLine: (line) => watcher.take(line),
  });
  if (code !== 0) throw watcher.failure(request.repository, stderr);
  watcher.end();
  step.update({ done: watcher.steps, total: watcher.steps, unit: 'items' });
  const imageId = (await readText(workshop, idFile)).trim();
  step.done({
    en: `${watcher.steps} steps, ${watcher.cacheHits} from the cache`,
    es: `${watcher.steps} pasos, ${watcher.cacheHits} de la caché`,
  });
  return { imageId, steps: watcher.steps, cacheHits: watcher.cacheHits };
}

/** `web.Containerfile.containerignore`, which goes before the one of the folder; buildah looks for it beside what it is given. */
async function ownIgnoreFile(workshop: Workshop, containerfile: string): Promise<string | null> {
  for (const path of [`${containerfile}.containerignore`, `${containerfile}.dockerignore`]) {
    const { code } = await workshop.run('test', ['-f', path], { timeoutMs: 10_000 });
    if (code === 0) return path;
  }
  return null;
}

/** What buildah reads and an OCI image cannot say: a person is told, as it would not be there when it is wanted. */
const LEFT_OUT: Readonly<Record<string, Text>> = {
  HEALTHCHECK: {
    en: 'left out, an OCI image has none: write a livenessProbe',
    es: 'omitido, una imagen OCI no lo tiene: escribir una livenessProbe',
  },
  ONBUILD: {
    en: 'left out, an OCI image has none: write it where it is wanted',
    es: 'omitido, una imagen OCI no lo tiene: escribirlo donde se quiera',
  },
};

/** Follows what buildah prints: `[1/2] STEP 3/7: RUN …` and `--> Using cache …`; each instruction is a step of its own. */
export class BuildWatcher {
  steps = 0;
  cacheHits = 0;
  readonly #file: Containerfile & { readonly path: string };
  readonly #step: StepHandle;
  readonly #hidden: ReadonlyMap<string, readonly string[]>;
  readonly #lines: string[] = [];
  readonly #total: number;
  #current: Instruction | null = null;
  #shown: StepHandle | null = null;
  #isCached = false;

  /** @param secrets what must not be seen, whoever prints it */
  constructor(file: Containerfile & { readonly path: string }, step: StepHandle, secrets: readonly Uint8Array[] = []) {
    this.#file = file;
    this.#step = step;
    const words = [...new Set(secrets.flatMap(wordsOf))].sort((one, other) => other.length - one.length);
    this.#hidden = Map.groupBy(words, (word) => word.slice(0, SECRET_WORD_LEAST));
    this.#total = file.instructions.filter(({ stage }) => stage >= 0).length;
  }

  take(raw: string): void {
    const line = this.#hide(raw);
    const match = /^(?:\[(\d+)\/(\d+)\] )?STEP (\d+)\/\d+: (.*)$/.exec(line);
    if (match === null) {
      if (line.startsWith('--> Using cache')) {
        this.cacheHits += 1;
        this.#isCached = true;
      }
      this.#lines.push(line.slice(0, OUTPUT_LINE_CHARACTERS_MAX));
      if (this.#lines.length > OUTPUT_LINES_KEPT) this.#lines.shift();
      return;
    }
    this.end();
    this.#lines.length = 0;
    this.steps += 1;
    const [, stageText, stages, stepText, text = ''] = match;
    const stage = stageText === undefined ? this.#file.stages - 1 : Number(stageText) - 1;
    this.#current =
      this.#file.instructions.find((found) => found.stage === stage && found.step === Number(stepText)) ?? null;
    this.#step.update({ done: this.steps - 1, total: Math.max(this.#total, this.steps), unit: 'items' });
    const title = `${stages === undefined || stages === '1' ? '' : `[${stageText}/${stages}] `}${text.replace(/@sha256:[0-9a-f]{64}/g, '').slice(0, 120)}`;
    this.#shown = this.#step.step({ en: title, es: title });
  }

  /** The step that ran so far has come to its end. */
  end(): void {
    const leftOut = LEFT_OUT[this.#current?.keyword ?? ''];
    this.#shown?.done(leftOut ?? (this.#isCached ? { en: 'from the cache', es: 'de la caché' } : undefined));
    this.#shown = null;
    this.#isCached = false;
  }

  /**
   * What a build printed last, or its reason, without its secrets. A line is looked through once, however many words there
   * are: whoever builds chooses both.
   */
  #hide(text: string): string {
    if (this.#hidden.size === 0) return text;
    let shown = '';
    let from = 0;
    for (let at = 0; at + SECRET_WORD_LEAST <= text.length; ) {
      const words = this.#hidden.get(text.slice(at, at + SECRET_WORD_LEAST)) ?? [];
      const length = lengthOfFirst(words, text, at);
      if (length === 0) {
        at += 1;
        continue;
      }
      shown += `${text.slice(from, at)}***`;
      at += length;
      from = at;
    }
    return shown + text.slice(from);
  }

  failure(image: string, stderr: string): Error {
    const details = { output: this.#lines };
    const current = this.#current;
    const said =
      this.#lines.findLast((line) => /^(?:Error: |error building|panic: )/.test(line)) ?? this.#hide(lastLine(stderr));
    // buildah repeats the whole instruction before the reason.
    const reason = said.replace(/^(?:Error: )?(?:error )?building at STEP ".*": /, '').replace(/^Error: /, '');
    this.#shown?.fail({ en: reason.slice(0, 200), es: reason.slice(0, 200) });
    this.#shown = null;
    if (current === null) return buildFault('build.failed', { image, reason }, { details });
    return buildFault(
      'build.step-failed',
      {
        file: this.#file.path,
        line: current.line,
        instruction: `${current.keyword} ${current.text}`.replaceAll(/\s+/g, ' ').slice(0, 200),
        reason,
      },
      { details },
    );
  }
}

async function push(
  request: BuildRequest,
  imageId: string,
  work: BuildContext & { readonly desk: Desk; readonly client: RegistryClient },
): Promise<{ digest: Digest; mediaType: string; sizeBytes: number; layers: BuiltLayer[] }> {
  const { workshop, desk, registry, client, progress } = work;
  const step = progress.step({ en: 'push', es: 'publicación' });
  const image = `${request.repository}:${request.tags[0] ?? 'latest'}`;
  const digestFile = join(desk.output, 'digest');
  let copied = 0;
  for (const tag of request.tags) {
    const { code, stderr } = await workshop.run(
      'buildah',
      [
        ...storeOf(request, workshop, desk),
        'push',
        '--signature-policy',
        join(desk.folder, 'policy.json'),
        '--cert-dir',
        join(desk.folder, 'certs'),
        '--authfile',
        join(desk.folder, 'auth.json'),
        '--format',
        'oci',
        '--digestfile',
        digestFile,
        imageId,
        `docker://${registry.address}/${request.repository}:${tag}`,
      ],
      {
        env: {
          CONTAINERS_REGISTRIES_CONF: join(desk.folder, 'registries.conf'),
          CONTAINERS_CONF: join(desk.folder, 'containers.conf'),
        },
        timeoutMs: BUILD_TIMEOUT_MS,
        ...(work.signal === undefined ? {} : { signal: work.signal }),
        onLine: (line) => {
          if (!line.startsWith('Copying blob')) return;
          copied += 1;
          step.update({ done: copied, unit: 'layers' });
        },
      },
    );
    if (code !== 0) throw buildFault('build.push-failed', { image, reason: lastLine(stderr) });
  }
  const digest = (await readText(workshop, digestFile)).trim();
  const stored = await client.findManifest(request.repository, digest);
  if (stored === null || stored.manifest.kind !== 'manifest') {
    throw buildFault('build.push-failed', { image, reason: `the registry does not know ${digest} after the push` });
  }
  const layers = stored.manifest.layers.map((layer) => ({ digest: layer.digest, sizeBytes: layer.size }));
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  step.update({ done: layers.length, total: layers.length, unit: 'layers' });
  step.done({
    en: `${layers.length} layers, ${formatMegabytes(sizeBytes)}`,
    es: `${layers.length} capas, ${formatMegabytes(sizeBytes)}`,
  });
  return { digest: stored.digest, mediaType: stored.mediaType, sizeBytes: stored.sizeBytes, layers };
}

/** Equal sources give equal images, whichever layers are in the cache: all of it bears one time. */
function timestampOf({ sourceDateEpoch }: BuildRequest): number {
  return sourceDateEpoch ?? 0;
}

/**
 * Where its layers are kept: those of another time would be taken for ours, and ours for others. What a step made of a secret
 * is found in the cache by the step's words alone, so that nobody else may find it there.
 */
function storeOf(request: BuildRequest, workshop: Workshop, desk: Desk): string[] {
  const isShared = timestampOf(request) === 0 && Object.keys(request.secrets ?? {}).length === 0;
  return workshop.storage(isShared ? undefined : desk);
}

/** What stands in a secret, whole and by its lines: a program that complains prints a line of its configuration. */
function wordsOf(secret: Uint8Array): string[] {
  const text = Buffer.from(secret).toString('utf8').trim();
  const lines = text.split('\n').map((line) => line.trim());
  const values = lines.flatMap((line) => line.split(/[=:\s]+/));
  return [text, ...lines, ...values].filter((word) => word.length >= SECRET_WORD_LEAST);
}

/** How much of a text at a place is the first of these words; of too many that begin alike all up to the next space is. */
function lengthOfFirst(words: readonly string[], text: string, at: number): number {
  if (words.length <= ALIKE_MAX) return words.find((word) => text.startsWith(word, at))?.length ?? 0;
  return Math.max(SECRET_WORD_LEAST, text.slice(at).search(/\s|$/));
}

/** Shorter words stand everywhere and are no secrets. */
const SECRET_WORD_LEAST = 8;
const ALIKE_MAX = 100;

/** @throws Fault build.secret-missing */
function checkSecrets({ secrets = {} }: BuildRequest, file: NamedContainerfile): void {
  const keyless = file.agents.find(({ id, required }) => required && !Object.hasOwn(secrets, AGENT_PREFIX + id));
  if (keyless !== undefined)
    throw buildFault('build.ssh-missing', { file: file.path, line: keyless.line, id: keyless.id });
  const missing = file.secrets.find(({ id, required }) => required && !Object.hasOwn(secrets, id));
  if (missing !== undefined)
    throw buildFault('build.secret-missing', { file: file.path, line: missing.line, id: missing.id });
}

/** @throws Fault build.platform-missing, build.platform-invalid */
function checkPlatforms({ platform }: BuildRequest, file: NamedContainerfile): void {
  for (const wanted of [...(platform ? [platform] : []), ...file.platforms]) {
    const [system, architecture = '', more] = wanted.split('/');
    if (system !== 'linux' || !/^[a-z0-9_]{2,20}$/.test(architecture) || !/^(?:v\d{1,2})?$/.test(more ?? ''))
      throw buildFault('build.platform-invalid', { platform: wanted.slice(0, 60) });
    // Without a step that runs something nothing of the other machine is executed: files are copied, and words written.
    const isRun = file.runsOn.has(wanted) || (wanted === platform && file.runsOn.has('target'));
    if (!isRun || architecture === ownArchitecture() || hasEmulator(architecture)) continue;
    throw buildFault('build.platform-missing', {
      ...{ platform: wanted, architecture, own: `linux/${ownArchitecture()}` },
    });
  }
}

function describeProvenance(
  request: BuildRequest,
  facts: BuildContext & {
    source: SourceSummary;
    bases: readonly Base[];
    file: NamedContainerfile;
    startedOn: Date;
    finishedOn: Date;
  },
): Provenance {
  const { commit } = request;
  const sourceName = `urn:darsena:source:${request.repository}`;
  const dependencies: ResolvedDependency[] = [
    { uri: sourceName, digest: { sha256: facts.source.digest.slice('sha256:'.length) }, name: 'source' },
  ];
  if (commit) {
    dependencies.push({
      uri: commit.repository === null ? 'git+local' : `git+${commit.repository}`,
      digest: { gitCommit: commit.id },
      name: 'commit',
    });
  }
  for (const base of facts.bases) dependencies.push(imageDependency(base.name, base.digest));
  return {
    buildDefinition: {
      buildType: CONTAINERFILE_BUILD_TYPE,
      externalParameters: {
        repository: request.repository,
        containerfile: { path: facts.file.path, digest: facts.file.digest },
        arguments: request.args ?? {},
        target: request.target ?? null,
        platform: request.platform ?? null,
        labels: request.labels ?? {},
        // Which were given, never what is in them.
        secrets: Object.keys(request.secrets ?? {})
          .filter((id) => agentOf(id) === null)
          .sort(),
        agents: Object.keys(request.secrets ?? {})
          .flatMap((id) => agentOf(id) ?? [])
          .sort(),
        sourceDirty: commit?.dirty ?? null,
      },
      internalParameters: {
        network: 'none',
        isolation: 'rootless',
        runtime: facts.workshop.runtime,
        timestamp: timestampOf(request),
      },
      resolvedDependencies: dependencies,
    },
    runDetails: {
      builder: { id: facts.builderId, version: {} },
      metadata: {
        invocationId: request.id,
        startedOn: facts.startedOn.toISOString(),
        finishedOn: facts.finishedOn.toISOString(),
      },
    },
  };
}

async function readText(workshop: Workshop, path: string): Promise<string> {
  const { stdout } = await workshop.run('head', ['-c', '4096', '--', path], { timeoutMs: 10_000 });
  return stdout;
}

function failureText(error: unknown): { en: string; es: string } {
  if (error instanceof Fault) {
    const [en, es] = [error.text('en'), error.text('es')];
    return { en: `${en.what}: ${en.why ?? ''}`, es: `${es.what}: ${es.why ?? ''}` };
  }
  return { en: 'interrupted', es: 'interrumpido' };
}

export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

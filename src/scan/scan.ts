import type { AdvisoryDatabase, AdvisoryMatch, Coverage, PackageQuery } from '../advisories/index.ts';
import { FormatError, packTar, parseStrictJson, scoreCvss3, scoreCvss4 } from '../formats/index.ts';
import { createDigester, type Digest, digestOf, isDigest, type Manifest, parseManifest } from '../oci/index.ts';
import type { StepHandle } from '../progress/index.ts';
import { type Clock, newId, type Text } from '../system/index.ts';
import { checkImage } from './checks/image.ts';
import type { ConfinedOptions, runConfined as RunConfined } from './confined.ts';
import { countRisks } from './counting.ts';
import { decide } from './decision.ts';
import { isDistributionsOwn, isSystemType, systemTypeOf } from './distribution-own.ts';
import { incompleteReason, KERNEL_FILES } from './incomplete.ts';
import { nameArchives } from './java-names.ts';
import type { JavaIndex } from './knowledge/java-index.ts';
import { CONFIG_MAX_BYTES, HISTORY_LINE_MAX, LAYERS_MAX, NOTICES_MAX } from './limits.ts';
import type { MalwareScanner } from './malware/look.ts';
import { type MalwareResult, malwareNotScanned, NO_ENGINE } from './malware/result.ts';
import type { ExposedFile, Inventory, InventoryPackage, KernelLink, UnnamedArchive } from './package.ts';
import { planUpgrades } from './plan.ts';
import {
  type CvssVector,
  DECISIONS,
  type Finding,
  type Misconfiguration,
  RISK_CLASSES,
  type ScanReport,
} from './report.ts';
import { classifyRisk } from './risk.ts';
import { scoreImage } from './score.ts';
import { configTexts } from './secrets/image-config.ts';
import { SECRETS_MAX } from './secrets/limits.ts';
import { describeSecrets } from './secrets/report.ts';
import type { SecretRuleSource } from './secrets/rules.ts';
import type { ImageSecret, SecretFinding } from './secrets/secret.ts';
import { SHIPPED_RULES } from './secrets/shipped.ts';
import { noticeText } from './spanish.ts';
import type { Skipped } from './tree.ts';
import type { ScanOrder, SecretsOrder, WorkerAnswer } from './worker.ts';
import { WorkerFailure } from './worker-failure.ts';

/** An image that is known needs no worker, nor what starts one. */
const runConfined: typeof RunConfined = async (input, options) =>
  (await import('./confined.ts')).runConfined(input, options);

/**
 * Where the bytes of an image are. Opening may fail; what comes need not be what was asked for: the scan checks. A piece
 * is valid until the next is asked for.
 */
export interface ContentSource {
  open(digest: Digest): AsyncIterable<Uint8Array>;
}

/**
 * Results of layers, kept by the digest of the layer. Bytes are opaque. `get` may answer null at any time; `put` must
 * not fail the scan.
 */
export interface LayerCache {
  get(digest: Digest, diffId: Digest): Promise<Uint8Array | null>;
  put(digest: Digest, diffId: Digest, result: Uint8Array): Promise<void>;
  /** What the worker said of an image, by digests and diffIDs of all its layers, lowest first, and what else decides it. */
  getAnswer?(layers: readonly string[]): Promise<WorkerAnswer | null>;
  putAnswer?(layers: readonly string[], answer: WorkerAnswer): Promise<void>;
}

/** A cache that forgets. */
export const noLayerCache: LayerCache = { get: async () => null, put: async () => undefined };

/** How credentials are looked for. */
export interface SecretsOptions {
  /** @default the rules that ship */
  readonly rules?: SecretRuleSource;
  /** Key of fingerprints, see secrets/fingerprint.ts. @default none: fingerprints of places */
  readonly key?: Uint8Array;
}

/** What a scan asks of the advisories. */
export type KnownAdvisories = Pick<AdvisoryDatabase, 'match' | 'coverage' | 'sources'>;

export interface ScanRequest {
  readonly manifestBytes: Uint8Array;
  readonly manifestDigest: Digest;
  readonly configBytes: Uint8Array;
  readonly content: ContentSource;
  readonly advisories: KnownAdvisories;
  readonly cache: LayerCache;
  readonly clock: Clock;
  readonly progress?: StepHandle;
  /** `off`: nobody looks for credentials, and the report names none. */
  readonly secrets?: SecretsOptions | 'off';
  /** `off`: nobody asks for packages, and the report says that none were looked for. */
  readonly packages?: 'off';
  /** Rules of a project, which look at the same bytes in the same pass: every layer is read. What they find is told apart. */
  readonly ownRules?: SecretRuleSource | null;
  /** @default nobody looks for malware, and the report says so */
  readonly malware?: Pick<MalwareScanner, 'look'>;
  /** Names for archives of Java that have none. @default there is none */
  readonly javaIndex?: JavaIndex | null;
  /** Limits of the confined worker, for tests. */
  readonly confined?: ConfinedOptions;
}

export interface ScanResult {
  readonly report: ScanReport;
  /** Null when the scan is incomplete. */
  readonly inventory: Inventory | null;
  /** What `ownRules` found, where there were some and the scan is complete. */
  readonly ownSecrets?: readonly SecretFinding[];
}

/**
 * Reads an image and says what is in it and what is known to be broken. It never throws because of the image: what
 * cannot be read gives a report that is not complete and says why.
 */
export async function scanImage(request: ScanRequest): Promise<ScanResult> {
  const start = request.clock.monotonicMs();
  const took = (): number => Math.round(request.clock.monotonicMs() - start);
  let layers: PlannedLayer[] = [];
  try {
    layers = planLayers(request);
    const { inventory: read, cached, ownSecrets } = await takeInventory(request, layers);
    const inventory = nameArchives(read, request.javaIndex ?? null);
    const report = reportOn(request, inventory, {
      cached,
      history: readHistory(request.configBytes),
      misconfigurations: checkConfig(request.configBytes, inventory),
      malware: await lookForMalware(request),
      durationMs: took(),
    });
    request.progress?.done(summaryText(report));
    if (!request.ownRules || !ownSecrets) return { report, inventory };
    return { report, inventory, ownSecrets: describeSecrets(ownSecrets, request.ownRules) };
  } catch (error) {
    const incomplete = reasonOf(error);
    request.progress?.fail(incomplete);
    return { report: incompleteReport(request, layers, incomplete, took()), inventory: null };
  }
}

/**
 * The credentials of an image that was scanned before, by other rules than those of its scan. Its layers are read again:
 * what is stored of them was read by the rules of all.
 *
 * @throws IncompleteScan when the image cannot be read
 */
export async function findSecrets(
  request: Pick<ScanRequest, 'manifestBytes' | 'manifestDigest' | 'configBytes' | 'content' | 'confined'> & {
    readonly secrets: SecretsOptions & { readonly rules: SecretRuleSource };
  },
): Promise<readonly SecretFinding[]> {
  try {
    const asked = { ...request, cache: noLayerCache, packages: 'off' as const };
    const { inventory } = await takeInventory(asked, planLayers(request));
    return describeSecrets(inventory.secrets, request.secrets.rules);
  } catch (error) {
    throw new IncompleteScan(reasonOf(error), { cause: error });
  }
}

/**
 * The credentials that rules find in one text, as somebody tries them. Both are strangers' to us: the rules run where those
 * of a scan do.
 *
 * @param file its path decides which rules look at it
 * @throws IncompleteScan when it takes too long or the path can be none
 */
export async function findSecretsInText(
  file: { readonly path: string; readonly text: string },
  rules: SecretRuleSource,
  confined?: ConfinedOptions,
): Promise<readonly SecretFinding[]> {
  try {
    const pieces: Uint8Array[] = [];
    for await (const piece of packTar([{ path: file.path, content: Buffer.from(file.text) }])) {
      pieces.push(piece.slice());
    }
    const bytes = Buffer.concat(pieces);
    const digest = digestOf(bytes);
    const answer = await runConfined(
      {
        order: { secrets: secretsOrder({ secrets: { rules } }, null), layers: [{ claim: 'none', known: false }] },
        layers: [
          async function* () {
            yield bytes;
          },
        ],
        onLayer: () => undefined,
      },
      confined,
    );
    const { secrets } = inventoryIn(answer, [{ digest, diffId: digest, sizeBytes: bytes.length }]);
    return describeSecrets(secrets, rules);
  } catch (error) {
    throw new IncompleteScan(reasonOf(error), { cause: error });
  }
}

/** Lets the engines see all files of an image: of every layer, those too that a later one removes. */
export async function lookForMalware(
  request: Pick<ScanRequest, 'manifestBytes' | 'manifestDigest' | 'configBytes' | 'content' | 'malware' | 'confined'>,
): Promise<MalwareResult> {
  const { malware, content, confined } = request;
  if (!malware) return malwareNotScanned(NO_ENGINE);
  const layers = new Map(planLayers(request).map((claim) => [claim.digest, claim]));
  const seen = [...layers.values()].map((claim) => ({
    digest: claim.digest,
    claim,
    open: () => content.open(claim.digest),
  }));
  return malware.look(seen, confined?.signal ? { signal: confined.signal } : {});
}

/** A tree of files without an image around it: a folder, the root of a machine, a container. */
export interface TreeRequest {
  /** A tar of the files, or of those that matter. */
  readonly content: AsyncIterable<Uint8Array>;
  /** The same with every file, opened when malware is looked for; tells what it leaves out. */
  readonly everything: (leftOut: (one: Skipped) => void) => AsyncIterable<Uint8Array>;
  /** Asked when all of it was read: what was left out, and why. */
  readonly skipped: () => readonly Skipped[];
  readonly advisories: KnownAdvisories;
  readonly clock: Clock;
  readonly progress?: StepHandle;
  /** `off`: nobody looks for credentials, and the report names none. */
  readonly secrets?: SecretsOptions | 'off';
  /** `off`: nobody asks for packages, and the report says that none were looked for. */
  readonly packages?: 'off';
  /** @default nobody looks for malware, and the report says so */
  readonly malware?: Pick<MalwareScanner, 'look'>;
  readonly javaIndex?: JavaIndex | null;
  /** Limits of the confined worker, for tests. */
  readonly confined?: ConfinedOptions;
}

/** The same for a tree of files. The digest of its report is that of the bytes that were read. */
export async function scanTree(request: TreeRequest): Promise<ScanResult> {
  const { content, skipped, progress, clock } = request;
  const start = clock.monotonicMs();
  const took = (): number => Math.round(clock.monotonicMs() - start);
  const digester = createDigester();
  let sizeBytes = 0;
  async function* digested(): AsyncGenerator<Uint8Array> {
    for await (const piece of content) {
      digester.update(piece);
      sizeBytes += piece.length;
      progress?.update({ done: sizeBytes, unit: 'bytes' });
      yield piece;
    }
  }
  let digest: Digest | null = null;
  try {
    const answer = await runConfined(
      {
        order: {
          secrets: secretsOrder(request, null),
          withoutPackages: request.packages === 'off',
          layers: [{ claim: 'none', known: false }],
        },
        layers: [digested],
        onLayer: () => undefined,
      },
      request.confined,
    );
    digest = digester.digest();
    const told = nameArchives(inventoryIn(answer, [{ digest, diffId: digest, sizeBytes }]), request.javaIndex ?? null);
    const inventory: Inventory = { ...told, notices: [...skipped(), ...told.notices].slice(0, NOTICES_MAX) };
    const malware = await lookAtTree(request, digest);
    const read = { cached: new Set<Digest>(), history: [], misconfigurations: [], malware, durationMs: took() };
    const report = reportOn({ ...request, manifestDigest: digest }, inventory, read);
    progress?.done(summaryText(report));
    return { report, inventory };
  } catch (error) {
    const incomplete = reasonOf(error);
    progress?.fail(incomplete);
    const manifestDigest = digest ?? digester.digest();
    return { report: incompleteReport({ ...request, manifestDigest }, [], incomplete, took()), inventory: null };
  }
}

async function lookAtTree({ malware, everything, confined }: TreeRequest, digest: Digest): Promise<MalwareResult> {
  if (!malware) return malwareNotScanned(NO_ENGINE);
  const leftOut: Skipped[] = [];
  const seen = { digest, claim: 'none', open: () => everything((one) => leftOut.push(one)) } as const;
  const result = await malware.look([seen], confined?.signal ? { signal: confined.signal } : {});
  const first = leftOut.find(({ reason }) => reason !== KERNEL_FILES);
  if (first === undefined) return result;
  const reason: Text = {
    en: `${leftOut.length} places were left out, as ${first.path}: ${first.reason}`,
    es: `se omitieron ${leftOut.length} lugares, como ${first.path}: ${noticeText(first.reason).es}`,
  };
  return {
    ...result,
    state: result.state === 'found' ? 'found' : 'not-scanned',
    reason:
      result.reason === null
        ? reason
        : { en: `${result.reason.en}; ${reason.en}`, es: `${result.reason.es}; ${reason.es}` },
  };
}

/** Judges a stored inventory again, because the advisories have changed. */
export function rematchInventory(
  inventory: Inventory,
  request: Pick<ScanRequest, 'manifestDigest' | 'advisories' | 'clock' | 'secrets'> & {
    /** The report before it, for what the advisories do not change. */
    readonly previous?: ScanReport | null;
    /** To look at the configuration again, which checks of a newer version may do. */
    readonly configBytes?: Uint8Array;
    /** @default as the report before it says */
    readonly malware?: MalwareResult;
  },
): ScanReport {
  const start = request.clock.monotonicMs();
  const cached = new Set(inventory.layers.map(({ digest }) => digest));
  const history = request.previous?.layers.map(({ createdBy }) => createdBy) ?? [];
  const misconfigurations = request.configBytes
    ? checkConfig(request.configBytes, inventory)
    : (request.previous?.misconfigurations ?? []);
  const malware = request.malware ?? request.previous?.malware ?? malwareNotScanned(NO_ENGINE);
  const report = reportOn(request, inventory, { cached, history, misconfigurations, malware, durationMs: 0 });
  return { ...report, durationMs: Math.round(request.clock.monotonicMs() - start) };
}

interface PlannedLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly sizeBytes: number;
}

/** The image says something about itself that cannot be. */
class InvalidImage extends Error {
  readonly code = 'image.invalid';
}

/** Why something could not be read, in both languages. */
export class IncompleteScan extends Error {
  readonly reason: Text;

  constructor(reason: Text, options?: ErrorOptions) {
    super(reason.en, options);
    this.reason = reason;
  }
}

function reasonOf(error: unknown): Text {
  if (error instanceof IncompleteScan) return error.reason;
  if (error instanceof InvalidImage || error instanceof WorkerFailure) {
    return incompleteReason(error.code, error.message, null);
  }
  return incompleteReason('image.invalid', error instanceof Error ? error.message : String(error), null);
}

function planLayers({
  manifestBytes,
  manifestDigest,
  configBytes,
}: Pick<ScanRequest, 'manifestBytes' | 'manifestDigest' | 'configBytes'>): PlannedLayer[] {
  const seen = digestOf(manifestBytes, manifestDigest.startsWith('sha512:') ? 'sha512' : 'sha256');
  if (seen !== manifestDigest)
    throw new InvalidImage(`the manifest has the digest ${seen}, expected ${manifestDigest}`);
  const manifest = parseManifest(manifestBytes);
  if (manifest.kind !== 'manifest') throw new InvalidImage('an index lists images; scan one of them');
  const diffIds = readDiffIds(manifest, configBytes);
  if (manifest.layers.length > LAYERS_MAX) {
    throw new InvalidImage(`the image has ${manifest.layers.length} layers, the limit is ${LAYERS_MAX}`);
  }
  if (diffIds.length !== manifest.layers.length) {
    throw new InvalidImage(`the manifest has ${manifest.layers.length} layers and the configuration ${diffIds.length}`);
  }
  // `urls` of a descriptor are never followed: a layer that the content source does not have cannot be scanned.
  return manifest.layers.map(({ digest, size }, index) => ({
    digest,
    sizeBytes: size,
    diffId: diffIds[index] as Digest,
  }));
}

function readDiffIds(manifest: Manifest, configBytes: Uint8Array): Digest[] {
  const { digest } = manifest.config;
  const seen = digestOf(configBytes, digest.startsWith('sha512:') ? 'sha512' : 'sha256');
  if (seen !== digest) throw new InvalidImage(`the configuration has the digest ${seen}, expected ${digest}`);
  const config = parseStrictJson(configBytes, { maxBytes: CONFIG_MAX_BYTES, maxDepth: 32 });
  const rootfs = isObject(config) ? config['rootfs'] : null;
  const diffIds = isObject(rootfs) ? rootfs['diff_ids'] : null;
  if (!Array.isArray(diffIds)) throw new InvalidImage('the configuration has no rootfs.diff_ids');
  return diffIds.map((diffId) => {
    if (typeof diffId !== 'string' || !isDigest(diffId)) throw new InvalidImage('rootfs.diff_ids holds no digest');
    return diffId;
  });
}

function checkConfig(configBytes: Uint8Array, { exposed, kernelLinks, workingDirLink }: Inventory): Misconfiguration[] {
  const config = parseStrictJson(configBytes, { maxBytes: CONFIG_MAX_BYTES, maxDepth: 32 });
  return checkImage({
    config,
    files: exposed ?? null,
    links: kernelLinks ?? null,
    workingDirLink: workingDirLink ?? null,
  });
}

function workingDirOf(configBytes: Uint8Array): string {
  const config = parseStrictJson(configBytes, { maxBytes: CONFIG_MAX_BYTES, maxDepth: 32 });
  const inner = isObject(config) ? config['config'] : null;
  const folder = isObject(inner) ? inner['WorkingDir'] : null;
  return typeof folder === 'string' ? folder : '';
}

/** The steps that made the layers, in their order: a history also holds steps without a layer (image-spec 1.1 config.md). */
function readHistory(configBytes: Uint8Array): (string | null)[] {
  const config = parseStrictJson(configBytes, { maxBytes: CONFIG_MAX_BYTES, maxDepth: 32 });
  const history = isObject(config) ? config['history'] : null;
  if (!Array.isArray(history)) return [];
  return history
    .filter((step) => !isObject(step) || step['empty_layer'] !== true)
    .map((step) => {
      const text = isObject(step) ? step['created_by'] : null;
      return typeof text === 'string' && text !== '' ? text.slice(0, HISTORY_LINE_MAX) : null;
    });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same order by other rules. */
function withRules({ secrets }: Pick<ScanRequest, 'secrets'>, rules: SecretRuleSource): Pick<ScanRequest, 'secrets'> {
  return { secrets: secrets === undefined || secrets === 'off' ? { rules } : { ...secrets, rules } };
}

function secretsOrder({ secrets }: Pick<ScanRequest, 'secrets'>, configBytes: Uint8Array | null): SecretsOrder | null {
  if (secrets === 'off') return null;
  const config = configBytes && parseStrictJson(configBytes, { maxBytes: CONFIG_MAX_BYTES, maxDepth: 32 });
  return {
    rules: (secrets?.rules ?? SHIPPED_RULES).load(),
    key: secrets?.key ? Buffer.from(secrets.key).toString('base64') : null,
    config: configTexts(config),
  };
}

async function takeInventory(
  request: Pick<
    ScanRequest,
    'configBytes' | 'content' | 'progress' | 'confined' | 'secrets' | 'ownRules' | 'cache' | 'packages'
  >,
  layers: readonly PlannedLayer[],
): Promise<{ inventory: Inventory; cached: ReadonlySet<Digest>; ownSecrets?: readonly ImageSecret[] }> {
  const { content, progress, confined, ownRules = null } = request;
  // What is kept was read by the rules of all.
  const cache = ownRules === null ? request.cache : { ...noLayerCache, put: request.cache.put };
  // The configuration may hold credentials, and other rules find others.
  const names = [
    ...layers.map(({ digest, diffId }) => `${digest} ${diffId}`),
    `config ${digestOf(request.configBytes)}`,
    // What is kept of before does not tell of links on the way to the WORKDIR.
    'links 2',
    request.secrets === 'off' ? 'no rules' : `rules ${(request.secrets?.rules ?? SHIPPED_RULES).revision}`,
  ];
  const known = await cache.getAnswer?.(names);
  if (known?.kind === 'inventory') {
    requireInventory(known.inventory, layers);
    return { inventory: known.inventory, cached: new Set(layers.map(({ digest }) => digest)) };
  }
  const stored = await Promise.all(layers.map(({ digest, diffId }) => cache.get(digest, diffId)));
  const total = layers.reduce((sum, { sizeBytes }, index) => sum + (stored[index] ? 0 : sizeBytes), 0);
  const order: ScanOrder = {
    secrets: secretsOrder(request, request.configBytes),
    ...(ownRules === null ? {} : { ownSecrets: secretsOrder(withRules(request, ownRules), request.configBytes) }),
    workingDir: workingDirOf(request.configBytes),
    withoutPackages: request.packages === 'off',
    layers: layers.map((claim, index) => ({ claim, known: stored[index] !== null })),
  };
  let done = 0;
  async function* counted(digest: Digest): AsyncGenerator<Uint8Array> {
    for await (const piece of content.open(digest)) {
      done += piece.length;
      progress?.update({ done, total, unit: 'bytes' });
      yield piece;
    }
  }
  const fresh: [PlannedLayer, Uint8Array][] = [];
  const answer = await runConfined(
    {
      order,
      layers: layers.map(
        ({ digest }, index) =>
          () =>
            stored[index] ?? counted(digest),
      ),
      onLayer: (index, result) => {
        const layer = layers[index];
        if (layer) fresh.push([layer, result]);
      },
    },
    confined,
  );
  // Results of layers that were read are good even when a later layer is not.
  for (const [{ digest, diffId }, result] of fresh) await cache.put(digest, diffId, result);
  const inventory = inventoryIn(answer, layers);
  await cache.putAnswer?.(names, answer);
  return {
    inventory,
    ...(answer.kind === 'inventory' && answer.ownSecrets ? { ownSecrets: answer.ownSecrets } : {}),
    cached: new Set(layers.filter((_, index) => stored[index] !== null).map(({ digest }) => digest)),
  };
}

function inventoryIn(answer: WorkerAnswer, layers: readonly PlannedLayer[]): Inventory {
  switch (answer.kind) {
    case 'inventory':
      requireInventory(answer.inventory, layers);
      if (answer.ownSecrets) requireInventory({ ...answer.inventory, secrets: answer.ownSecrets }, layers);
      return answer.inventory;
    case 'incomplete':
      throw new IncompleteScan(incompleteReason(answer.code, answer.message, answer.layer));
    case 'owners':
    case 'files':
    case 'runnable':
    case 'ways':
      throw new WorkerFailure('worker.garbage', 'the scan worker answered garbage');
  }
}

/** The worker read hostile bytes: its answer is believed only in shape and only about this image. */
function requireInventory(inventory: Inventory, layers: readonly PlannedLayer[]): void {
  const text = (value: unknown): boolean => typeof value === 'string' && value.length <= 4096;
  const known = new Set(layers.map(({ digest }) => digest));
  const isPackage = (one: InventoryPackage): boolean =>
    isObject(one) &&
    [one.purl, one.type, one.name, one.version, one.path].every(text) &&
    (one.architecture === null || text(one.architecture)) &&
    (one.source === null || (text(one.source.name) && text(one.source.version))) &&
    Array.isArray(one.licences) &&
    one.licences.every(text) &&
    known.has(one.layer);
  const isExposed = (one: ExposedFile): boolean =>
    isObject(one) &&
    text(one.path) &&
    (one.kind === 'file' || one.kind === 'directory') &&
    Number.isInteger(one.mode) &&
    (one.capabilities === undefined || Number.isSafeInteger(one.capabilities)) &&
    layers.some(({ digest }) => digest === one.layer);
  const isLink = (one: KernelLink): boolean =>
    isObject(one) && text(one.path) && text(one.target) && layers.some(({ digest }) => digest === one.layer);
  const isSecret = (one: ImageSecret): boolean =>
    isObject(one) &&
    [one.rule, one.source, one.path].every(text) &&
    // Nothing that could be a value comes out of the worker.
    /^[pv]-[0-9a-f]{32}$/.test(one.fingerprint) &&
    [one.line, one.column].every((place) => Number.isSafeInteger(place) && place > 0) &&
    typeof one.removed === 'boolean' &&
    (one.layer === null || layers.some(({ digest }) => digest === one.layer));
  const isArchive = (one: UnnamedArchive): boolean =>
    isObject(one) &&
    text(one.path) &&
    (one.inside === undefined || text(one.inside)) &&
    /^[0-9a-f]{40}$/.test(one.sha1) &&
    layers.some(({ digest }) => digest === one.layer);
  const isSound =
    isObject(inventory) &&
    Array.isArray(inventory.packages) &&
    inventory.packages.every(isPackage) &&
    Array.isArray(inventory.layers) &&
    inventory.layers.length === layers.length &&
    inventory.layers.every(({ digest }, index) => digest === layers[index]?.digest) &&
    (inventory.exposed === undefined || (Array.isArray(inventory.exposed) && inventory.exposed.every(isExposed))) &&
    (inventory.kernelLinks === undefined ||
      (Array.isArray(inventory.kernelLinks) && inventory.kernelLinks.every(isLink))) &&
    (inventory.workingDirLink === undefined || isLink(inventory.workingDirLink)) &&
    Array.isArray(inventory.secrets) &&
    inventory.secrets.length <= SECRETS_MAX &&
    inventory.secrets.every(isSecret) &&
    (inventory.archives === undefined || (Array.isArray(inventory.archives) && inventory.archives.every(isArchive))) &&
    Array.isArray(inventory.notices) &&
    (inventory.distribution === null ||
      [inventory.distribution.id, inventory.distribution.version, inventory.distribution.name].every(text));
  if (!isSound) throw new WorkerFailure('worker.garbage', 'the scan worker answered garbage');
}

function reportOn(
  {
    manifestDigest,
    advisories,
    clock,
    secrets,
    packages,
  }: Pick<ScanRequest, 'manifestDigest' | 'advisories' | 'clock' | 'secrets' | 'packages'>,
  inventory: Inventory,
  read: {
    readonly cached: ReadonlySet<Digest>;
    readonly history: readonly (string | null)[];
    readonly misconfigurations: readonly Misconfiguration[];
    readonly malware: MalwareResult;
    readonly durationMs: number;
  },
): ScanReport {
  const { cached, history, misconfigurations, malware, durationMs } = read;
  const findings: Finding[] = [];
  const coverage: Record<string, Coverage> = {};
  const packagesByType: Record<string, number> = {};
  for (const one of inventory.packages) {
    packagesByType[one.type] = (packagesByType[one.type] ?? 0) + 1;
    coverage[one.type] ??= advisories.coverage(toQuery(one, inventory));
  }
  // Asking an empty database a thousand times takes longer than all the rest of a scan whose layers are known.
  const matches = advisories.sources(clock).length > 0 ? matchesOf(inventory, advisories) : [];
  for (const { one, match } of matches) {
    const { risk, reason } = classifyRisk(match);
    const vectors = vectorsOf(match);
    const decided = decide({ ...match, vectors }, null);
    const { purl, name, version, type, path, layer } = one;
    findings.push({
      id: match.id,
      aliases: match.aliases,
      package: { purl, name, version, type, path, layer },
      fixedVersion: match.fixedVersion,
      severity: match.severity,
      cvss: match.cvss,
      kev: match.kev,
      epss: match.epss,
      risk,
      title: match.title,
      url: match.url,
      reason,
      decision: decided.decision,
      decisionReason: decided.reason,
      cvssVectors: vectors,
      kevDetail: match.kev ? { dueDate: match.kevDueAt, ransomware: match.ransomware } : null,
      here: [],
      exception: null,
      vex: null,
    });
  }
  findings.sort(byUrgency);
  const layers = inventory.layers.map(({ digest, sizeBytes, packages }, index) => ({
    digest,
    sizeBytes,
    packages,
    cached: cached.has(digest),
    createdBy: history[index] ?? null,
  }));
  const isCovered = Object.values(coverage).every((one) => one === 'data');
  const isKnown = isCovered && inventory.packages.length > 0;
  return {
    id: newId(clock),
    digest: manifestDigest,
    scannedAt: clock.now().toISOString(),
    complete: true,
    incomplete: null,
    distribution: inventory.distribution,
    packages: inventory.packages.length,
    packagesByType,
    ...(packages === 'off' ? { withoutPackages: true } : {}),
    findings,
    secrets: secrets === 'off' ? [] : describeSecrets(inventory.secrets, secrets?.rules ?? SHIPPED_RULES),
    malware,
    summary: { state: findings.length > 0 ? 'findings' : isKnown ? 'clean' : 'unknown', byRisk: countRisks(findings) },
    advisories: { sources: advisories.sources(clock), coverage },
    misconfigurations,
    notices: inventory.notices.map(({ path, reason }) => ({ path, reason: noticeText(reason) })),
    unnamedArchives: inventory.archives?.length ?? 0,
    score:
      packages === 'off'
        ? null
        : scoreImage({ decisions: findings.map(({ decision }) => decision), misconfigurations }),
    plan: planUpgrades({ findings, layers, distribution: inventory.distribution }, null),
    places: [],
    durationMs,
    layers,
  };
}

/** Every rating that has a vector, its score worked out again: what a feed says of its own vector is not always so. */
function vectorsOf({ ratings }: AdvisoryMatch): CvssVector[] {
  return ratings.flatMap(({ source, vector, cvss }) => {
    if (vector === null) return [];
    const version = /^CVSS:(\d\.\d)\//.exec(vector)?.[1] ?? '3.1';
    return { source, version, vector, score: scoreOf(version, vector) ?? cvss };
  });
}

function scoreOf(version: string, vector: string): number | null {
  try {
    return version === '4.0' ? scoreCvss4(vector) : scoreCvss3(vector);
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

/** Every issue of every package of an inventory, as the advisories know it. */
export function* matchesOf(
  inventory: Inventory,
  advisories: KnownAdvisories,
): Generator<{ readonly one: InventoryPackage; readonly match: AdvisoryMatch }> {
  const isCoveredSystem = coversSystem(inventory, advisories);
  for (const one of inventory.packages) {
    if (isCoveredSystem && isDistributionsOwn(one, inventory)) continue;
    for (const match of advisories.match(toQuery(one, inventory))) yield { one, match };
  }
}

/** What the advisories are asked about a package. Libraries mean the same in every distribution. */
export function toQuery(
  { type, name, version, source, module }: InventoryPackage,
  { distribution }: Pick<Inventory, 'distribution'>,
): PackageQuery {
  return {
    type,
    name,
    version,
    source,
    distribution: isSystemType(type) ? distribution : null,
    module: module ?? null,
  };
}

/** Whether the distribution's own packages can be judged, so that libraries they bring need not be. */
function coversSystem({ packages, distribution }: Inventory, advisories: KnownAdvisories): boolean {
  const type = systemTypeOf(packages);
  return type !== null && advisories.coverage({ type, distribution }) !== 'no-data';
}

function byUrgency(a: Finding, b: Finding): number {
  const byDecision = DECISIONS.indexOf(a.decision) - DECISIONS.indexOf(b.decision);
  const byRisk = RISK_CLASSES.indexOf(a.risk) - RISK_CLASSES.indexOf(b.risk);
  if (byRisk !== 0) return byRisk;
  if (byDecision !== 0) return byDecision;
  const byScore = (b.cvss ?? -1) - (a.cvss ?? -1);
  if (byScore !== 0) return byScore;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : a.package.purl < b.package.purl ? -1 : 1;
}

function incompleteReport(
  { manifestDigest, advisories, clock }: Pick<ScanRequest, 'manifestDigest' | 'advisories' | 'clock'>,
  layers: readonly PlannedLayer[],
  incomplete: Text,
  durationMs: number,
): ScanReport {
  return {
    id: newId(clock),
    digest: manifestDigest,
    scannedAt: clock.now().toISOString(),
    complete: false,
    incomplete,
    distribution: null,
    packages: 0,
    packagesByType: {},
    findings: [],
    secrets: [],
    malware: malwareNotScanned(incomplete),
    summary: { state: 'unknown', byRisk: countRisks([]) },
    advisories: { sources: advisories.sources(clock), coverage: {} },
    misconfigurations: [],
    score: null,
    plan: { steps: [], removes: 0, of: 0 },
    places: [],
    durationMs,
    layers: layers.map(({ digest, sizeBytes }) => ({
      digest,
      sizeBytes,
      packages: 0,
      cached: false,
      createdBy: null,
    })),
  };
}

function summaryText({ packages, findings }: ScanReport): Text {
  return {
    en: `${packages} packages, ${findings.length} findings`,
    es: `${packages} paquetes, ${findings.length} hallazgos`,
  };
}

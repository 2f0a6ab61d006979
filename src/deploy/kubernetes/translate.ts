import type { NetworkPolicy } from '../../network/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { isTimeZone, parseCron } from '../cron.ts';
import {
  type ComposedFile,
  type ContainerSpec,
  type ContentData,
  type Controller,
  type DisruptionBudget,
  type EnvVariable,
  type HookAction,
  hashContent,
  hashPodSpec,
  type JobSpec,
  type PodSpec,
  type ProbeSpec,
  type ProjectedFile,
  type ResourceSource,
  resolveTargetPort,
  type SecuritySpec,
  type ServicePort,
  type Strategy,
  selects,
  type VolumeSpec,
  type WantedListener,
  type WantedRoute,
  type WantedService,
  type WantedVolume,
  type WantedWorkload,
} from '../model.ts';
import { policyOf, scaledContainers } from '../scaling/vertical.ts';
import { parseUlimits, ULIMITS_ANNOTATION, ULIMITS_MEANING } from '../ulimits.ts';
import { checkDocument } from './check.ts';
import {
  type FieldPath,
  identify,
  type ManifestDocument,
  type ManifestProblem,
  type ProblemKind,
  problemAt,
} from './documents.ts';
import { readListeners, readRouteOptions } from './edge.ts';
import { isTokenMount, isTokenVolume } from './kinds/pod.ts';
import { readNetworkPolicy } from './network-policy.ts';
import { parseQuantity } from './quantity.ts';
import type {
  RawAmounts,
  RawBackend,
  RawBudget,
  RawClaim,
  RawContainer,
  RawContent,
  RawContentVolume,
  RawCronJob,
  RawDaemonSet,
  RawDeployment,
  RawDownwardFile,
  RawEnv,
  RawHook,
  RawHorizontal,
  RawIngress,
  RawJob,
  RawJobSpec,
  RawNetworkPolicy,
  RawPod,
  RawPodSecurity,
  RawPodSpec,
  RawProbe,
  RawResourceReference,
  RawSecurity,
  RawService,
  RawStatefulSet,
  RawTemplate,
  RawVertical,
  RawVolume,
} from './raw.ts';
import { runtimeOf } from './runtime-names.ts';
import { readBudget, readHorizontal, readVertical } from './scaling.ts';
import { nearestName } from './suggest.ts';

/** Engine-neutral: what the manifests of one environment ask for. Images stand as written until they are pinned. */
export interface Translation {
  readonly workloads: readonly Omit<WantedWorkload, 'generation' | 'previous'>[];
  readonly services: readonly WantedService[];
  readonly routes: readonly WantedRoute[];
  readonly listeners?: readonly WantedListener[];
  readonly volumes: readonly WantedVolume[];
  readonly policies: readonly NetworkPolicy[];
  readonly budgets: readonly DisruptionBudget[];
  readonly contents: Readonly<Record<string, ContentData>>;
}

export interface TranslateOptions {
  readonly project: string;
  readonly environment: string;
  /** Key of the content hashes, so that short Secrets cannot be guessed from labels. Null: plain hashes. */
  readonly contentKey: string | null;
}

/**
 * Judges all documents and turns them into one model. With any problem the model is null: nothing is half deployed.
 */
export function translateManifests(
  documents: readonly ManifestDocument[],
  options: TranslateOptions,
): { translation: Translation | null; problems: ManifestProblem[] } {
  const problems: ManifestProblem[] = [];
  const known: { kind: string; name: string; document: ManifestDocument; sound: boolean }[] = [];
  for (const written of documents) {
    const { kind, problems: found, said: document } = checkDocument(written);
    problems.push(...found);
    const { name } = identify(document.value);
    if (kind === null || name === null) continue;
    // A Pod and a Deployment of one name would be one workload.
    const twin = known.find((other) => other.name === name && family(other.kind) === family(kind.kind));
    if (twin !== undefined) {
      const first = twin.document.locate(['metadata', 'name']);
      problems.push(
        problemAt(document, ['metadata', 'name'], 'conflict', {
          en: `there already is a ${twin.kind} ${name}, in ${first.file} line ${first.line}`,
          es: `ya existe un ${twin.kind} ${name}, en ${first.file} línea ${first.line}`,
        }),
      );
    }
    known.push({ kind: kind.kind, name, document, sound: isSound(found) });
  }
  const translator = new Translator(options, known);
  const translation = translator.translate();
  problems.push(...translator.problems);
  return { translation: problems.length === 0 ? translation : null, problems };
}

/** What is refused or unknown leaves the rest of a document readable, so its references are judged too. */
function isSound(problems: readonly ManifestProblem[]): boolean {
  return problems.every((one) => one.kind === 'refused' || one.kind === 'unknown-field');
}

/**
 * What a deploy holds against a document beyond the shape of its fields, as far as the document alone says: values that do
 * not go together, blocks of addresses, times that never come. What it refers to may stand in another file.
 */
export function judgeAlone({
  kind,
  problems,
  said: document,
}: Pick<ReturnType<typeof checkDocument>, 'kind' | 'problems' | 'said'>): ManifestProblem[] {
  const { name } = identify(document.value);
  if (kind === null || name === null || !isSound(problems)) return [];
  const options = { project: 'project', environment: 'environment', contentKey: null };
  const translator = new Translator(options, [{ kind: kind.kind, name, document, sound: true }]);
  translator.translate();
  return translator.problems.filter((one) => one.kind !== 'missing-target');
}

interface Known {
  readonly kind: string;
  readonly name: string;
  readonly document: ManifestDocument;
  readonly sound: boolean;
}

const WORKLOADS: ReadonlySet<string> = new Set(['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob']);

/** Workloads share one space of names, because their pods are named after them. */
function family(kind: string): string {
  return WORKLOADS.has(kind) ? 'workload' : kind;
}

class Translator {
  readonly problems: ManifestProblem[] = [];
  readonly #options: TranslateOptions;
  readonly #known: readonly Known[];
  readonly #contents: Record<string, ContentData> = {};
  readonly #hashes = new Map<string, string>();

  constructor(options: TranslateOptions, known: readonly Known[]) {
    this.#options = options;
    this.#known = known;
  }

  translate(): Translation {
    for (const { document } of this.#of('ConfigMap')) this.#readContent(document, 'config');
    for (const { document } of this.#of('Secret')) this.#readContent(document, 'secret');
    const workloads = [
      ...this.#of('Deployment').map(({ document }) => this.#readDeployment(document)),
      ...this.#of('Pod').map(({ document }) => this.#readPod(document)),
      ...this.#of('StatefulSet').map(({ document }) => this.#readStatefulSet(document)),
      ...this.#of('DaemonSet').map(({ document }) => this.#readDaemonSet(document)),
      ...this.#of('Job').map(({ document }) => this.#readJob(document)),
      ...this.#of('CronJob').map(({ document }) => this.#readCronJob(document)),
    ];
    this.#refuseNamespaces();
    const services = this.#of('Service').map(({ document }) => this.#readService(document, workloads));
    this.#refuseClashes(workloads, services);
    const listeners = this.#of('Service').flatMap(({ document }) => this.#readListeners(document));
    const scaled = this.#scaled(workloads);
    this.#refuseShared(scaled);
    return {
      workloads: scaled,
      services,
      routes: this.#of('Ingress').flatMap(({ document }) => this.#readIngress(document, services)),
      ...(listeners.length === 0 ? {} : { listeners }),
      volumes: [
        ...this.#of('PersistentVolumeClaim').map(({ document }) => this.#readClaim(document)),
        // Kubernetes: a claim that is there already by its name is taken as it is.
        ...this.#of('StatefulSet')
          .flatMap(({ document }) => this.#templateClaims(document))
          .filter(({ claim }) => !this.#exists('PersistentVolumeClaim', claim)),
      ],
      policies: this.#of('NetworkPolicy').map(({ document }) => this.#readNetworkPolicy(document)),
      budgets: this.#of('PodDisruptionBudget').map(({ document }) =>
        readBudget(as<RawBudget>(document.value), this.#options, (...problem) => this.#report(document, ...problem)),
      ),
      contents: this.#contents,
    };
  }

  /** The workloads with what scales each; two that scale the same thing would work against each other. */
  #scaled(workloads: Translation['workloads']): Translation['workloads'] {
    const horizontals = this.#of('HorizontalPodAutoscaler').map(({ document }) => {
      const raw = as<RawHorizontal>(document.value);
      const target = this.#targetOf(document, 'scaleTargetRef', raw.spec.scaleTargetRef, workloads);
      const spec = readHorizontal(raw, target?.pod ?? null, (...problem) => this.#report(document, ...problem));
      return { document, spec, target: target?.key.name ?? '' };
    });
    const verticals = this.#of('VerticalPodAutoscaler').map(({ document }) => {
      const raw = as<RawVertical>(document.value);
      const target = this.#targetOf(document, 'targetRef', raw.spec.targetRef, workloads);
      const spec = readVertical(raw, target?.pod ?? null, (...problem) => this.#report(document, ...problem));
      return { document, spec, target: target?.key.name ?? '' };
    });
    for (const list of [horizontals, verticals]) {
      for (const [index, { document, target }] of list.entries()) {
        if (target === '' || !list.slice(0, index).some((other) => other.target === target)) continue;
        const reference = list === horizontals ? 'scaleTargetRef' : 'targetRef';
        this.#report(document, ['spec', reference, 'name'], 'conflict', {
          en: `${target} is already scaled by another one of this kind`,
          es: `${target} ya lo escala otro de este tipo`,
        });
      }
    }
    for (const { document, spec, target } of horizontals) {
      const vertical = verticals.find((one) => one.target === target)?.spec;
      const pod = workloads.find(({ key }) => key.name === target)?.pod;
      if (pod === undefined || vertical === undefined || vertical.mode === 'off') continue;
      const policies = scaledContainers(pod).map(({ name }) => policyOf(vertical, name));
      for (const { resource } of spec.metrics) {
        if (!policies.some((policy) => policy.scaled && policy[resource] !== null)) continue;
        this.#report(document, ['spec', 'metrics'], 'conflict', {
          en: `the VerticalPodAutoscaler ${vertical.name} changes ${resource} too; leave it out of its controlledResources`,
          es: `el VerticalPodAutoscaler ${vertical.name} también cambia ${resource}; omitirlo de sus controlledResources`,
        });
      }
    }
    return workloads.map((workload) => {
      const horizontal = horizontals.find(({ target }) => target === workload.key.name)?.spec;
      const vertical = verticals.find(({ target }) => target === workload.key.name)?.spec;
      if (horizontal === undefined && vertical === undefined) return workload;
      return {
        ...workload,
        ...(horizontal === undefined ? {} : { horizontal }),
        ...(vertical === undefined ? {} : { vertical }),
      };
    });
  }

  /** A claim of one pod alone, wanted by several at once: one of them would wait for ever. */
  #refuseShared(workloads: Translation['workloads']): void {
    for (const { document } of this.#of('PersistentVolumeClaim')) {
      const { metadata, spec } = as<RawClaim>(document.value);
      if (!spec.accessModes.includes('ReadWriteOncePod')) continue;
      const users = workloads.filter(({ pod }) =>
        pod.volumes.some((volume) => volume.kind === 'claim' && !volume.perOrdinal && volume.claim === metadata.name),
      );
      const [first, second] = users;
      if (first === undefined) continue;
      const { strategy, controller, replicas, horizontal } = first;
      const job = controller?.kind === 'cron' ? controller.job : controller?.kind === 'job' ? controller : null;
      const pods = Math.max(job?.parallelism ?? replicas, horizontal?.maxReplicas ?? 0);
      const surges =
        job === null && strategy.kind === 'rolling' && strategy.maxSurge !== 0 && strategy.maxSurge !== '0%';
      const why =
        second !== undefined
          ? {
              en: `${first.key.name} and ${second.key.name} both mount it`,
              es: `lo montan ${first.key.name} y ${second.key.name}`,
            }
          : pods > 1
            ? { en: `${first.key.name} has up to ${pods} pods`, es: `${first.key.name} tiene hasta ${pods} pods` }
            : surges
              ? {
                  en: `a roll-out of ${first.key.name} runs the new pod beside the former one; set strategy.type: Recreate`,
                  es: `el despliegue de ${first.key.name} ejecuta el pod nuevo junto al anterior; definir strategy.type: Recreate`,
                }
              : null;
      if (why === null) continue;
      this.#report(document, ['spec', 'accessModes'], 'conflict', {
        en: `ReadWriteOncePod is for one pod at a time: ${why.en}`,
        es: `ReadWriteOncePod es para un solo pod a la vez: ${why.es}`,
      });
    }
  }

  /** Whether everybody may only read it, as its access modes say. */
  #isReadOnlyClaim(name: string): boolean {
    const claim = this.#of('PersistentVolumeClaim').find((one) => one.name === name);
    if (claim === undefined) return false;
    return as<RawClaim>(claim.document.value).spec.accessModes.every((mode) => mode === 'ReadOnlyMany');
  }

  #targetOf(
    document: ManifestDocument,
    member: string,
    { kind, name }: { readonly kind: string; readonly name: string },
    workloads: Translation['workloads'],
  ): Translation['workloads'][number] | null {
    if (!this.#exists(kind, name)) {
      this.#missing(document, ['spec', member, 'name'], kind, name);
      return null;
    }
    return workloads.find(({ key }) => key.name === name) ?? null;
  }

  #readNetworkPolicy(document: ManifestDocument): NetworkPolicy {
    const { project, environment } = this.#options;
    const { policy, problems } = readNetworkPolicy(as<RawNetworkPolicy>(document.value), project, environment);
    for (const { path, kind, text } of problems) this.#report(document, path, kind, text);
    return policy;
  }

  #of(kind: string): Known[] {
    return this.#known.filter((one) => one.kind === kind && one.sound);
  }

  #report(document: ManifestDocument, path: FieldPath, kind: ProblemKind, text: Text): void {
    this.problems.push(problemAt(document, path, kind, text));
  }

  /** Whether the manifests have it at all; one with faults of its own is not missing too. */
  #exists(kind: string, name: string): boolean {
    return this.#known.some((one) => one.kind === kind && one.name === name);
  }

  #missing(document: ManifestDocument, path: FieldPath, kind: string, name: string): void {
    const near = nearestName(
      name,
      this.#known.filter((one) => one.kind === kind).map((one) => one.name),
    );
    this.#report(document, path, 'missing-target', {
      en: `there is no ${kind} ${name}${near === null ? '' : `; ${near} is near`}`,
      es: `no existe ${kind} ${name}${near === null ? '' : `; ${near} se parece`}`,
    });
  }

  #readContent(document: ManifestDocument, kind: 'config' | 'secret'): void {
    const raw = as<RawContent>(document.value);
    const data: Record<string, string> = {};
    const put = (key: string, base64: string): void => {
      Object.defineProperty(data, key, { value: base64, enumerable: true, configurable: true, writable: true });
    };
    const plain = kind === 'config' ? raw.data : raw.stringData;
    const encoded = kind === 'config' ? raw.binaryData : raw.data;
    for (const [key, value] of Object.entries(encoded ?? {})) put(key, value.replace(/\s/g, ''));
    for (const key of kind === 'config' ? Object.keys(encoded ?? {}) : []) {
      if (!Object.hasOwn(plain ?? {}, key)) continue;
      this.#report(document, ['binaryData', key], 'conflict', {
        en: `${key} stands in data as well`,
        es: `${key} está también en data`,
      });
    }
    for (const [key, value] of Object.entries(plain ?? {})) put(key, Buffer.from(value).toString('base64'));
    if (kind === 'secret') {
      const problem = faultOfSecret(raw.type ?? 'Opaque', data);
      if (problem !== null) this.#report(document, ['data'], 'missing-field', problem);
    }
    const content: ContentData = { kind, name: raw.metadata.name, data };
    const hash = hashContent(content, this.#options.contentKey);
    this.#contents[hash] = content;
    this.#hashes.set(`${kind} ${raw.metadata.name}`, hash);
  }

  #contentOf(kind: 'config' | 'secret', name: string): { hash: string; content: ContentData } | null {
    const hash = this.#hashes.get(`${kind} ${name}`);
    const content = hash === undefined ? undefined : this.#contents[hash];
    return hash === undefined || content === undefined ? null : { hash, content };
  }

  /** The content a reference means; null when it is optional and not there, or when that was reported. */
  #reference(
    document: ManifestDocument,
    path: FieldPath,
    kind: 'config' | 'secret',
    name: string,
    optional: boolean,
  ): { hash: string; content: ContentData } | null {
    const found = this.#contentOf(kind, name);
    const kindName = kind === 'config' ? 'ConfigMap' : 'Secret';
    if (found === null && !optional && !this.#exists(kindName, name)) this.#missing(document, path, kindName, name);
    return found;
  }

  /** There is one namespace a deploy: its environment. */
  #refuseNamespaces(): void {
    let first: string | null = null;
    for (const { kind, document } of this.#known) {
      const { namespace, name } =
        as<{ metadata?: { namespace?: string | null; name?: string } }>(document.value).metadata ?? {};
      const written = kind === 'Namespace' ? name : namespace;
      if (written == null) continue;
      first ??= written;
      if (written === first) continue;
      this.#report(document, ['metadata', kind === 'Namespace' ? 'name' : 'namespace'], 'conflict', {
        en: `${written} is another namespace than ${first}; the environment is the only one, so give each its own project`,
        es: `${written} es otro espacio de nombres que ${first}; el entorno es el único, así que dar a cada uno su proyecto`,
      });
    }
  }

  /** The labels by which a workload finds its pods must be on them. */
  #refuseStrangePods(
    document: ManifestDocument,
    selector: Readonly<Record<string, string>>,
    labels: Readonly<Record<string, string>>,
  ): void {
    const { kind } = identify(document.value);
    for (const [name, value] of Object.entries(selector)) {
      if (labels[name] === value) continue;
      this.#report(document, ['spec', 'selector', 'matchLabels', name], 'conflict', {
        en: `the pod template has no label ${name}: ${value}, so the ${kind} would not own its pods`,
        es: `la plantilla del pod no tiene la etiqueta ${name}: ${value}, así que el ${kind} no sería dueño de sus pods`,
      });
    }
  }

  #refuseRestart(document: ManifestDocument, path: FieldPath, raw: RawPodSpec, wanted: readonly string[]): void {
    const written = raw.restartPolicy ?? 'Always';
    if (!wanted.includes(written)) {
      this.#report(document, [...path, 'restartPolicy'], raw.restartPolicy == null ? 'missing-field' : 'conflict', {
        en: `restartPolicy is ${written}, and here it must be ${wanted.join(' or ')}`,
        es: `restartPolicy es ${written}, y aquí debe ser ${wanted.join(' o ')}`,
      });
    }
    if (raw.activeDeadlineSeconds != null && wanted.includes('Always')) {
      this.#report(document, [...path, 'activeDeadlineSeconds'], 'conflict', {
        en: 'what is started again for ever has no deadline',
        es: 'lo que se reinicia siempre no tiene plazo',
      });
    }
  }

  #readTemplate(
    document: ManifestDocument,
    path: FieldPath,
    template: RawTemplate,
    more: { readonly claims?: readonly RawClaim[]; readonly subdomain?: string | null } = {},
  ): PodSpec {
    const spec =
      more.subdomain == null || template.spec.subdomain != null
        ? template.spec
        : { ...template.spec, subdomain: more.subdomain };
    return this.#readPodSpec(
      document,
      [...path, 'spec'],
      spec,
      { labels: template.metadata?.labels ?? {}, annotations: template.metadata?.annotations ?? {} },
      more.claims,
    );
  }

  #readStatefulSet(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawStatefulSet>(document.value);
    this.#refuseStrangePods(document, spec.selector.matchLabels, spec.template.metadata?.labels ?? {});
    this.#refuseRestart(document, ['spec', 'template', 'spec'], spec.template.spec, ['Always']);
    if (spec.serviceName != null && !this.#exists('Service', spec.serviceName)) {
      this.#missing(document, ['spec', 'serviceName'], 'Service', spec.serviceName);
    }
    const pod = this.#readTemplate(document, ['spec', 'template'], spec.template, {
      claims: spec.volumeClaimTemplates ?? [],
      subdomain: spec.serviceName ?? null,
    });
    const { updateStrategy } = spec;
    const maxUnavailable = updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
    if (isNone(maxUnavailable)) {
      this.#report(document, ['spec', 'updateStrategy', 'rollingUpdate', 'maxUnavailable'], 'conflict', {
        en: 'maxUnavailable is 0, so no pod could ever be replaced',
        es: 'maxUnavailable es 0, así que ningún pod podría reemplazarse',
      });
    }
    return {
      key: this.#key(metadata.name),
      specHash: hashPodSpec(pod),
      pod,
      replicas: spec.replicas ?? 1,
      minReadySeconds: spec.minReadySeconds ?? 0,
      strategy:
        updateStrategy?.type === 'OnDelete' ? { kind: 'on-delete' } : { kind: 'rolling', maxSurge: 0, maxUnavailable },
      progressDeadlineSeconds: DEADLINE_SECONDS + (spec.minReadySeconds ?? 0),
      controller: {
        kind: 'ordered',
        start: spec.ordinals?.start ?? 0,
        parallel: spec.podManagementPolicy === 'Parallel',
        partition: updateStrategy?.rollingUpdate?.partition ?? 0,
      },
    };
  }

  /** What the templates of a StatefulSet come to: a claim an ordinal. */
  #templateClaims(document: ManifestDocument): WantedVolume[] {
    const { metadata, spec } = as<RawStatefulSet>(document.value);
    const start = spec.ordinals?.start ?? 0;
    return (spec.volumeClaimTemplates ?? []).flatMap((template) =>
      Array.from({ length: spec.replicas ?? 1 }, (_, index) => ({
        ...this.#claimOf(template),
        claim: `${template.metadata.name}-${metadata.name}-${start + index}`,
      })),
    );
  }

  #readDaemonSet(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawDaemonSet>(document.value);
    this.#refuseStrangePods(document, spec.selector.matchLabels, spec.template.metadata?.labels ?? {});
    this.#refuseRestart(document, ['spec', 'template', 'spec'], spec.template.spec, ['Always']);
    const pod = this.#readTemplate(document, ['spec', 'template'], spec.template);
    const { updateStrategy } = spec;
    const rolling = updateStrategy?.rollingUpdate;
    const maxSurge = rolling?.maxSurge ?? 0;
    const maxUnavailable = rolling?.maxUnavailable ?? (isNone(maxSurge) ? 1 : 0);
    if (isNone(maxSurge) && isNone(maxUnavailable)) {
      this.#report(document, ['spec', 'updateStrategy', 'rollingUpdate'], 'conflict', NOTHING_REPLACED);
    }
    return {
      key: this.#key(metadata.name),
      specHash: hashPodSpec(pod),
      pod,
      replicas: 1,
      minReadySeconds: spec.minReadySeconds ?? 0,
      strategy:
        updateStrategy?.type === 'OnDelete' ? { kind: 'on-delete' } : { kind: 'rolling', maxSurge, maxUnavailable },
      progressDeadlineSeconds: DEADLINE_SECONDS + (spec.minReadySeconds ?? 0),
      controller: { kind: 'daemon' },
    };
  }

  #readJob(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawJob>(document.value);
    const pod = this.#readTemplate(document, ['spec', 'template'], spec.template);
    const job = this.#readJobSpec(document, ['spec'], spec, pod);
    return this.#runToEnd(metadata.name, pod, { kind: 'job', ...job });
  }

  #runToEnd(name: string, pod: PodSpec, controller: Controller): Translation['workloads'][number] {
    return {
      key: this.#key(name),
      specHash: hashPodSpec(pod),
      pod,
      replicas: 1,
      minReadySeconds: 0,
      strategy: { kind: 'recreate' },
      progressDeadlineSeconds: DEADLINE_SECONDS,
      controller,
    };
  }

  #readJobSpec(document: ManifestDocument, path: FieldPath, spec: RawJobSpec, pod: PodSpec): JobSpec {
    this.#refuseRestart(document, [...path, 'template', 'spec'], spec.template.spec, ['OnFailure', 'Never']);
    const indexed = spec.completionMode === 'Indexed';
    const conflict = (member: string, text: Text): void => this.#report(document, [...path, member], 'conflict', text);
    if (indexed && spec.completions == null) {
      conflict('completions', {
        en: 'an indexed job needs completions',
        es: 'un trabajo indexado necesita completions',
      });
    }
    for (const member of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const) {
      if (spec[member] == null || indexed) continue;
      conflict(member, {
        en: `${member} belongs to completionMode Indexed`,
        es: `${member} corresponde a completionMode Indexed`,
      });
    }
    for (const member of ['podFailurePolicy', 'backoffLimitPerIndex'] as const) {
      if (spec[member] == null || spec.template.spec.restartPolicy === 'Never') continue;
      conflict(member, {
        en: `${member} needs restartPolicy Never`,
        es: `${member} necesita restartPolicy Never`,
      });
    }
    const perIndex = spec.backoffLimitPerIndex ?? null;
    if (spec.maxFailedIndexes != null && perIndex === null) {
      conflict('maxFailedIndexes', NEEDS_LIMIT_PER_INDEX);
    }
    const names = [...pod.initContainers, ...pod.containers].map(({ name }) => name);
    const failureRules = (spec.podFailurePolicy?.rules ?? []).flatMap(({ action, onExitCodes }, index) => {
      if (onExitCodes == null) return [];
      const container = onExitCodes.containerName ?? null;
      const rule = [...path, 'podFailurePolicy', 'rules', index];
      if (action === 'FailIndex' && perIndex === null) {
        this.#report(document, [...rule, 'action'], 'conflict', NEEDS_LIMIT_PER_INDEX);
      }
      if (onExitCodes.operator === 'In' && onExitCodes.values.includes(0)) {
        this.#report(document, [...rule, 'onExitCodes', 'values'], 'wrong-value', {
          en: '0 is no failure',
          es: '0 no es un fallo',
        });
      }
      if (container !== null && !names.includes(container)) {
        this.#report(document, [...rule, 'onExitCodes', 'containerName'], 'missing-target', {
          en: `the pod has no container ${container}`,
          es: `el pod no tiene un contenedor ${container}`,
        });
      }
      return [{ action, operator: onExitCodes.operator, values: onExitCodes.values, container }];
    });
    // Kubernetes: without completions and parallelism both are 1; with parallelism alone it is a queue of work.
    const completions = spec.completions ?? (spec.parallelism == null || spec.parallelism === 1 ? 1 : null);
    for (const [index, { succeededIndexes, succeededCount }] of (spec.successPolicy?.rules ?? []).entries()) {
      const rule = [...path, 'successPolicy', 'rules', index];
      const named = succeededIndexes == null ? null : readIndexes(succeededIndexes, completions ?? 0);
      if (succeededIndexes?.split(/[,-]/).some((one) => Number(one) >= (completions ?? 0))) {
        this.#report(document, [...rule, 'succeededIndexes'], 'wrong-value', {
          en: `the indexes are 0 to ${(completions ?? 0) - 1}`,
          es: `los índices son de 0 a ${(completions ?? 0) - 1}`,
        });
      }
      if (succeededCount != null && succeededCount > (named?.length ?? completions ?? 0)) {
        this.#report(document, [...rule, 'succeededCount'], 'wrong-value', {
          en: `there are ${named?.length ?? completions ?? 0} indexes that it counts`,
          es: `son ${named?.length ?? completions ?? 0} los índices que cuenta`,
        });
      }
      if (named !== null || succeededCount != null) continue;
      this.#report(document, rule, 'missing-field', {
        en: 'succeededIndexes or succeededCount is missing: the rule would never hold',
        es: 'falta succeededIndexes o succeededCount: la regla nunca se cumpliría',
      });
    }
    // The pods of a job are not timed one by one: the shorter time ends the job.
    const deadlines = [spec.activeDeadlineSeconds, spec.template.spec.activeDeadlineSeconds].filter(
      (one) => one != null,
    );
    return {
      completions,
      parallelism: spec.parallelism ?? 1,
      // batch/v1: with a limit for each index there is no other one, if none is written.
      backoffLimit: spec.backoffLimit ?? (perIndex === null ? 6 : 2_147_483_647),
      activeDeadlineSeconds: deadlines.length === 0 ? null : Math.min(...deadlines),
      ttlSeconds: spec.ttlSecondsAfterFinished ?? null,
      indexed,
      suspend: spec.suspend ?? false,
      failureRules,
      backoffLimitPerIndex: perIndex,
      maxFailedIndexes: spec.maxFailedIndexes ?? null,
      successRules: (spec.successPolicy?.rules ?? []).map(({ succeededIndexes, succeededCount }) => ({
        indexes: succeededIndexes == null ? null : readIndexes(succeededIndexes, completions ?? 0),
        count: succeededCount ?? null,
      })),
    };
  }

  #readCronJob(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawCronJob>(document.value);
    if (parseCron(spec.schedule) === null) {
      this.#report(document, ['spec', 'schedule'], 'wrong-value', {
        en: `"${spec.schedule}" is no schedule: minute hour day month weekday, as "*/5 * * * *", or @daily`,
        es: `"${spec.schedule}" no es un horario: minuto hora día mes día-de-semana, como "*/5 * * * *", o @daily`,
      });
    }
    const timeZone = spec.timeZone ?? 'UTC';
    if (!isTimeZone(timeZone)) {
      this.#report(document, ['spec', 'timeZone'], 'wrong-value', {
        en: `"${timeZone}" is no time zone such as Europe/Madrid`,
        es: `"${timeZone}" no es una zona horaria como Europe/Madrid`,
      });
    }
    const path = ['spec', 'jobTemplate', 'spec'];
    const pod = this.#readTemplate(document, [...path, 'template'], spec.jobTemplate.spec.template);
    const job = this.#readJobSpec(document, path, spec.jobTemplate.spec, pod);
    return this.#runToEnd(metadata.name, pod, {
      kind: 'cron',
      schedule: spec.schedule,
      timeZone,
      concurrency: spec.concurrencyPolicy ?? 'Allow',
      startingDeadlineSeconds: spec.startingDeadlineSeconds ?? null,
      successfulHistory: spec.successfulJobsHistoryLimit ?? 3,
      failedHistory: spec.failedJobsHistoryLimit ?? 1,
      suspend: spec.suspend ?? false,
      job,
    });
  }

  #readDeployment(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawDeployment>(document.value);
    const labels = spec.template.metadata.labels ?? {};
    this.#refuseStrangePods(document, spec.selector.matchLabels, labels);
    this.#refuseRestart(document, ['spec', 'template', 'spec'], spec.template.spec, ['Always']);
    const strategy = this.#readStrategy(document, spec);
    const deadline = spec.progressDeadlineSeconds ?? DEADLINE_SECONDS;
    if ((spec.minReadySeconds ?? 0) >= deadline) {
      this.#report(document, ['spec', 'minReadySeconds'], 'conflict', {
        en: `no pod could be available before progressDeadlineSeconds, ${deadline}, has passed`,
        es: `ningún pod podría estar disponible antes de que venza progressDeadlineSeconds, ${deadline}`,
      });
    }
    const pod = this.#readPodSpec(document, ['spec', 'template', 'spec'], spec.template.spec, {
      labels,
      annotations: spec.template.metadata.annotations ?? {},
    });
    return {
      key: this.#key(metadata.name),
      specHash: hashPodSpec(pod),
      pod,
      replicas: spec.replicas ?? 1,
      minReadySeconds: spec.minReadySeconds ?? 0,
      strategy,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? DEADLINE_SECONDS,
      ...(spec.paused ? { paused: true as const } : {}),
    };
  }

  #readStrategy(document: ManifestDocument, spec: RawDeployment['spec']): Strategy {
    const { strategy } = spec;
    if (strategy?.type === 'Recreate') {
      if (strategy.rollingUpdate != null) {
        this.#report(document, ['spec', 'strategy', 'rollingUpdate'], 'conflict', {
          en: 'Recreate has no rolling update',
          es: 'Recreate no tiene actualización gradual',
        });
      }
      return { kind: 'recreate' };
    }
    const maxSurge = strategy?.rollingUpdate?.maxSurge ?? '25%';
    const maxUnavailable = strategy?.rollingUpdate?.maxUnavailable ?? '25%';
    if (isNone(maxSurge) && isNone(maxUnavailable)) {
      this.#report(document, ['spec', 'strategy', 'rollingUpdate'], 'conflict', NOTHING_REPLACED);
    }
    return { kind: 'rolling', maxSurge, maxUnavailable };
  }

  #readPod(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawPod>(document.value);
    const labels = metadata.labels ?? {};
    const pod = this.#readPodSpec(document, ['spec'], spec, { labels, annotations: metadata.annotations ?? {} });
    if (pod.restartPolicy !== undefined) {
      // A pod that may end is a job of one: begun once, and never made anew.
      const once = { completions: 1, parallelism: 1, ttlSeconds: null, indexed: false, suspend: false };
      const rules = { failureRules: [], successRules: [], backoffLimitPerIndex: null, maxFailedIndexes: null };
      return this.#runToEnd(metadata.name, pod, {
        kind: 'job',
        ...once,
        ...rules,
        backoffLimit: pod.restartPolicy === 'Never' ? 0 : 2_147_483_647,
        activeDeadlineSeconds: spec.activeDeadlineSeconds ?? null,
      });
    }
    this.#refuseRestart(document, ['spec'], spec, ['Always']);
    return {
      key: this.#key(metadata.name),
      specHash: hashPodSpec(pod),
      pod,
      replicas: 1,
      minReadySeconds: 0,
      strategy: { kind: 'recreate' },
      progressDeadlineSeconds: DEADLINE_SECONDS,
    };
  }

  #key(name: string): { project: string; environment: string; name: string } {
    return { project: this.#options.project, environment: this.#options.environment, name };
  }

  #readPodSpec(
    document: ManifestDocument,
    path: FieldPath,
    raw: RawPodSpec,
    meta: { labels: Readonly<Record<string, string>>; annotations: Readonly<Record<string, string>> },
    claims: readonly RawClaim[] = [],
  ): PodSpec {
    const templates = claims.map((claim) => claim.metadata.name);
    const volumes: VolumeSpec[] = templates.map((name) => ({
      kind: 'claim',
      name,
      claim: name,
      readOnly: false,
      perOrdinal: true,
    }));
    const scope: PodScope = {
      document,
      security: raw.securityContext ?? {},
      volumes,
      containers: [...(raw.initContainers ?? []), ...raw.containers].map(({ name }) => name),
      written: [...templates, ...(raw.volumes ?? []).map(({ name }) => name)],
      tokens: (raw.volumes ?? []).filter((one) => isTokenVolume(as<Json>(one))).map(({ name }) => name),
    };
    for (const [index, volume] of (raw.volumes ?? []).entries()) {
      // Kubernetes: a template takes the place of a volume of its name.
      if (templates.includes(volume.name) || isTokenVolume(as<Json>(volume))) continue;
      const read = this.#readVolume(scope, [...path, 'volumes', index], volume);
      if (read !== null) volumes.push(read);
    }
    const initContainers = (raw.initContainers ?? []).map((one, index) => {
      const place = [...path, 'initContainers', index];
      const sidecar = one.restartPolicy === 'Always';
      if (!sidecar) this.#refuseOfInit(document, place, one);
      const read = this.#readContainer(scope, place, one);
      return sidecar ? { ...read, sidecar: true as const } : read;
    });
    const containers = raw.containers.map((one, index) =>
      this.#readContainer(scope, [...path, 'containers', index], one),
    );
    const limited = this.#limitProcesses(
      document,
      [...path.slice(0, -1), 'metadata'],
      meta.annotations,
      scope.containers,
    );
    const names = new Set(containers.map(({ name }) => name));
    for (const [index, { name }] of initContainers.entries()) {
      if (names.has(name)) this.#report(document, [...path, 'initContainers', index, 'name'], 'conflict', twice(name));
    }
    this.#refuseSharedPorts(document, [...path, 'containers'], containers);
    return {
      labels: meta.labels,
      annotations: meta.annotations,
      initContainers: initContainers.map(limited),
      containers: containers.map(limited),
      volumes,
      terminationGraceSeconds: raw.terminationGracePeriodSeconds ?? 30,
      ...this.#readPodOptions(document, path, raw),
    };
  }

  /** Gives containers the limits of processes that an annotation says, of all or of single ones. */
  #limitProcesses(
    document: ManifestDocument,
    path: FieldPath,
    annotations: Readonly<Record<string, string>>,
    names: readonly string[],
  ): (container: ContainerSpec) => ContainerSpec {
    const written = annotations[ULIMITS_ANNOTATION];
    if (written === undefined) return (container) => container;
    const place = [...path, 'annotations', ULIMITS_ANNOTATION];
    const limits = parseUlimits(written);
    if (limits === null) {
      const { en, es } = ULIMITS_MEANING;
      this.#report(document, place, 'wrong-value', { en: `expected ${en}`, es: `se esperaba ${es}` });
    }
    for (const name of limits?.keys() ?? []) {
      if (name === null || names.includes(name)) continue;
      const near = nearestName(name, names);
      this.#report(document, place, 'missing-target', {
        en: `the pod has no container ${name}${near === null ? '' : `; ${near} is near`}`,
        es: `el pod no tiene un contenedor ${name}${near === null ? '' : `; ${near} se parece`}`,
      });
    }
    return (container) => {
      const ulimits = { ...limits?.get(null), ...limits?.get(container.name) };
      return Object.keys(ulimits).length === 0 ? container : { ...container, ulimits };
    };
  }

  /** What a pod has only when it is written: the hash of a pod without it stays what it was. */
  #readPodOptions(document: ManifestDocument, path: FieldPath, raw: RawPodSpec): Partial<PodSpec> {
    const { hostAliases, dnsConfig, securityContext, restartPolicy } = raw;
    const nameservers = dnsConfig?.nameservers ?? [];
    if (raw.dnsPolicy === 'None' && nameservers.length === 0) {
      this.#report(document, [...path, 'dnsConfig', 'nameservers'], 'missing-field', {
        en: 'nameservers is missing: with dnsPolicy None there is no other',
        es: 'falta nameservers: con dnsPolicy None no hay otro',
      });
    }
    const dns = {
      servers: nameservers,
      searches: dnsConfig?.searches ?? [],
      options: (dnsConfig?.options ?? []).map(({ name, value }) => (value ? `${name}:${value}` : name)),
    };
    const hasDns = dns.servers.length + dns.searches.length + dns.options.length > 0;
    const fsGroup = securityContext?.fsGroup;
    const sysctls = securityContext?.sysctls ?? [];
    return {
      ...(restartPolicy == null || restartPolicy === 'Always' ? {} : { restartPolicy }),
      ...(raw.hostname == null ? {} : { hostname: raw.hostname }),
      ...(raw.subdomain == null ? {} : { subdomain: raw.subdomain }),
      ...(hostAliases == null || hostAliases.length === 0
        ? {}
        : { hostAliases: hostAliases.map(({ ip, hostnames }) => ({ address: ip, names: hostnames ?? [] })) }),
      ...(hasDns ? { dns } : {}),
      ...(raw.shareProcessNamespace ? { shareProcesses: true } : {}),
      ...(raw.hostUsers === false ? { userNamespace: true } : {}),
      ...(raw.runtimeClassName == null ? {} : { runtime: runtimeOf(raw.runtimeClassName) }),
      ...(sysctls.length === 0 ? {} : { sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])) }),
      ...(fsGroup == null
        ? {}
        : {
            fsGroup: {
              group: fsGroup,
              onlyWhenRootDiffers: securityContext?.fsGroupChangePolicy === 'OnRootMismatch',
            },
          }),
    };
  }

  /** Kubernetes: only a sidecar is probed, has hooks and can be reached. */
  #refuseOfInit(document: ManifestDocument, path: FieldPath, raw: RawContainer): void {
    for (const name of ['startupProbe', 'readinessProbe', 'livenessProbe', 'lifecycle'] as const) {
      if (raw[name] == null) continue;
      this.#report(document, [...path, name], 'refused', {
        en: 'refused: an init container is waited for, not probed; with restartPolicy Always it is a sidecar',
        es: 'rechazado: a un contenedor de inicio se le espera, no se le sondea; con restartPolicy Always es un sidecar',
      });
    }
  }

  /** Containers of a pod share one network, so two cannot listen on one port. */
  #refuseSharedPorts(document: ManifestDocument, path: FieldPath, containers: readonly ContainerSpec[]): void {
    const owners = new Map<string, number>();
    for (const [index, container] of containers.entries()) {
      for (const [at, { port, protocol }] of container.ports.entries()) {
        const id = `${port}/${protocol}`;
        const owner = owners.get(id) ?? index;
        // One container may name a port of its own twice.
        if (owner !== index) this.#report(document, [...path, index, 'ports', at], 'conflict', twice(id));
        owners.set(id, owner);
      }
    }
  }

  #readContainer(scope: PodScope, path: FieldPath, raw: RawContainer): ContainerSpec {
    const { document } = scope;
    const ports = (raw.ports ?? []).map(({ name, containerPort, protocol }) => ({
      name: name ?? null,
      port: containerPort,
      protocol: protocol ?? ('TCP' as const),
    }));
    const mounts = (raw.volumeMounts ?? []).flatMap((one, index) => {
      const { name, mountPath, readOnly, subPath, subPathExpr } = one;
      const isToken = isTokenMount(as<Json>(one));
      // What is left aside is what policies do not see: only a cluster's own token, where a cluster mounts it.
      if (scope.written.includes(name) && isToken !== scope.tokens.includes(name)) {
        this.#report(document, [...path, 'volumeMounts', index, 'name'], 'refused', {
          en: `refused: ${name} is what a cluster calls its token, which is left aside where a cluster mounts it; call another volume otherwise`,
          es: `rechazado: ${name} es como un clúster llama a su token, que se deja de lado donde lo monta un clúster; dar otro nombre a otro volumen`,
        });
      }
      if (isToken) return [];
      if (subPath != null && subPathExpr != null) {
        this.#report(document, [...path, 'volumeMounts', index, 'subPathExpr'], 'conflict', {
          en: 'subPath and subPathExpr exclude each other',
          es: 'subPath y subPathExpr se excluyen',
        });
      }
      if (!scope.written.includes(name)) {
        const near = nearestName(name, scope.written);
        this.#report(document, [...path, 'volumeMounts', index, 'name'], 'missing-target', {
          en: `the pod has no volume ${name}${near === null ? '' : `; ${near} is near`}`,
          es: `el pod no tiene un volumen ${name}${near === null ? '' : `; ${near} se parece`}`,
        });
      }
      const volume = scope.volumes.find((one) => one.name === name);
      if (volume === undefined) return [];
      const part = subPath ?? subPathExpr;
      const mount = { volume: name, path: mountPath, readOnly: readOnly ?? false };
      return [part == null ? mount : { ...mount, subPath: { path: part, expand: subPath == null } }];
    });
    const probe = (name: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): ProbeSpec | null =>
      raw[name] == null ? null : this.#readProbe(document, [...path, name], raw[name], ports);
    return {
      name: raw.name,
      image: raw.image,
      command: raw.command == null || raw.command.length === 0 ? null : raw.command,
      args: raw.args == null || raw.args.length === 0 ? null : raw.args,
      workingDir: raw.workingDir ?? null,
      env: this.#readEnv(scope, path, raw),
      ports,
      ...this.#readResources(document, [...path, 'resources'], raw),
      mounts,
      startupProbe: probe('startupProbe'),
      readinessProbe: probe('readinessProbe'),
      livenessProbe: probe('livenessProbe'),
      security: this.#readSecurity(document, [...path, 'securityContext'], raw.securityContext ?? {}, scope.security),
      ...this.#readLifecycle(document, [...path, 'lifecycle'], raw, ports),
      ...(raw.stdin ? { stdin: true as const } : {}),
      ...(raw.tty ? { terminal: true as const } : {}),
    };
  }

  #readLifecycle(
    document: ManifestDocument,
    path: FieldPath,
    { lifecycle }: RawContainer,
    ports: ContainerSpec['ports'],
  ): Pick<ContainerSpec, 'postStart' | 'preStop' | 'stopSignal'> {
    const read = (name: 'postStart' | 'preStop', raw: RawHook): HookAction => {
      if (raw.sleep != null) return { kind: 'sleep', seconds: raw.sleep.seconds };
      const action = this.#readAction(document, [...path, name], raw, ports);
      // The schema lets nothing else through.
      return action.kind === 'exec' || action.kind === 'http' ? action : { kind: 'sleep', seconds: 0 };
    };
    return {
      ...(lifecycle?.postStart == null ? {} : { postStart: read('postStart', lifecycle.postStart) }),
      ...(lifecycle?.preStop == null ? {} : { preStop: read('preStop', lifecycle.preStop) }),
      ...(lifecycle?.stopSignal == null ? {} : { stopSignal: lifecycle.stopSignal }),
    };
  }

  #readEnv(scope: PodScope, path: FieldPath, raw: RawContainer): EnvVariable[] {
    const { document } = scope;
    const env: EnvVariable[] = [];
    for (const [index, from] of (raw.envFrom ?? []).entries()) {
      const kind = from.configMapRef == null ? 'secret' : 'config';
      const member = kind === 'config' ? 'configMapRef' : 'secretRef';
      const reference = from.configMapRef ?? from.secretRef;
      if (reference == null) continue;
      const place = [...path, 'envFrom', index, member, 'name'];
      const found = this.#reference(document, place, kind, reference.name, reference.optional ?? false);
      for (const key of Object.keys(found?.content.data ?? {}).sort()) {
        const name = `${from.prefix ?? ''}${key}`;
        if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)) {
          this.#report(document, place, 'wrong-value', {
            en: `its key ${key} cannot be the name of a variable`,
            es: `su clave ${key} no puede ser el nombre de una variable`,
          });
        }
        env.push({ name, source: { kind: 'content', content: found?.hash ?? '', key } });
      }
    }
    for (const [index, variable] of (raw.env ?? []).entries()) {
      const read = this.#readVariable(scope, [...path, 'env', index], variable, raw.name);
      if (read !== null) env.push(read);
    }
    return env;
  }

  #readVariable(scope: PodScope, path: FieldPath, raw: RawEnv, container: string): EnvVariable | null {
    const { document } = scope;
    const { name, value, valueFrom } = raw;
    if (valueFrom == null) return { name, source: { kind: 'value', value: value ?? '' } };
    if (value != null && value !== '') {
      this.#report(document, path, 'conflict', {
        en: 'value and valueFrom exclude each other',
        es: 'value y valueFrom se excluyen',
      });
    }
    if (valueFrom.fieldRef != null) return { name, source: { kind: 'field', path: valueFrom.fieldRef.fieldPath } };
    if (valueFrom.resourceFieldRef != null) {
      const place = [...path, 'valueFrom', 'resourceFieldRef'];
      return { name, source: this.#readResourceReference(scope, place, valueFrom.resourceFieldRef, container) };
    }
    const kind = valueFrom.configMapKeyRef == null ? 'secret' : 'config';
    const member = kind === 'config' ? 'configMapKeyRef' : 'secretKeyRef';
    const reference = valueFrom.configMapKeyRef ?? valueFrom.secretKeyRef;
    if (reference == null) return null;
    const place = [...path, 'valueFrom', member];
    const optional = reference.optional ?? false;
    const found = this.#reference(document, [...place, 'name'], kind, reference.name, optional);
    if (found === null) return null;
    if (!Object.hasOwn(found.content.data, reference.key)) {
      if (!optional) this.#missingKey(document, [...place, 'key'], found.content, reference.key);
      return null;
    }
    return { name, source: { kind: 'content', content: found.hash, key: reference.key } };
  }

  #readResourceReference(
    scope: PodScope,
    path: FieldPath,
    raw: RawResourceReference,
    container: string | null,
  ): ResourceSource {
    const name = raw.containerName ?? container;
    if (name === null) {
      this.#report(scope.document, [...path, 'containerName'], 'missing-field', {
        en: 'containerName is missing: a file belongs to no container',
        es: 'falta containerName: un archivo no pertenece a ningún contenedor',
      });
    } else if (!scope.containers.includes(name)) {
      this.#report(scope.document, [...path, 'containerName'], 'missing-target', {
        en: `the pod has no container ${name}`,
        es: `el pod no tiene un contenedor ${name}`,
      });
    }
    const divisor = raw.divisor == null ? 1 : (parseQuantity(raw.divisor) ?? 1);
    return { kind: 'resource', container: name ?? '', resource: raw.resource, divisor: divisor > 0 ? divisor : 1 };
  }

  #missingKey(document: ManifestDocument, path: FieldPath, content: ContentData, key: string): void {
    const near = nearestName(key, Object.keys(content.data));
    this.#report(document, path, 'missing-target', {
      en: `${content.name} has no key ${key}${near === null ? '' : `; ${near} is near`}`,
      es: `${content.name} no tiene la clave ${key}${near === null ? '' : `; ${near} se parece`}`,
    });
  }

  #readResources(
    document: ManifestDocument,
    path: FieldPath,
    raw: RawContainer,
  ): Pick<ContainerSpec, 'resources' | 'diskLimitBytes'> {
    const limits: RawAmounts = raw.resources?.limits ?? {};
    const requests: RawAmounts = raw.resources?.requests ?? {};
    const millis = (cpu: RawAmounts['cpu']): number | null =>
      cpu == null ? null : Math.min(Math.ceil((parseQuantity(cpu) ?? 0) * 1000), Number.MAX_SAFE_INTEGER);
    const bytes = (memory: RawAmounts['memory']): number | null =>
      memory == null ? null : Math.ceil(parseQuantity(memory) ?? 0);
    const read = {
      // Kubernetes: a limit of 0 is none, and a limit without a request is its own request.
      cpuLimitMillis: millis(limits.cpu) || null,
      cpuRequestMillis: millis(requests.cpu ?? limits.cpu),
      memoryLimitBytes: bytes(limits.memory) || null,
      memoryRequestBytes: bytes(requests.memory),
    };
    const diskLimitBytes = bytes(limits['ephemeral-storage']) || null;
    const above = (name: keyof RawAmounts, request: number | null, limit: number | null): void => {
      if (request === null || limit === null || request <= limit) return;
      this.#report(document, [...path, 'requests', name], 'conflict', {
        en: 'the request is above the limit',
        es: 'la petición supera el límite',
      });
    };
    above('cpu', read.cpuRequestMillis, read.cpuLimitMillis);
    above('memory', read.memoryRequestBytes, read.memoryLimitBytes);
    above('ephemeral-storage', bytes(requests['ephemeral-storage']), diskLimitBytes);
    if (read.memoryLimitBytes !== null && read.memoryLimitBytes < MEMORY_LIMIT_BYTES_MIN) {
      this.#report(document, [...path, 'limits', 'memory'], 'wrong-value', {
        en: 'no container starts with less than 6Mi; a number without unit is bytes',
        es: 'ningún contenedor arranca con menos de 6Mi; un número sin unidad son bytes',
      });
    }
    return { resources: read, ...(diskLimitBytes === null ? {} : { diskLimitBytes }) };
  }

  #readAction(
    document: ManifestDocument,
    path: FieldPath,
    raw: RawProbe,
    ports: ContainerSpec['ports'],
  ): ProbeSpec['action'] {
    const port = (written: number | string, member: string): number => {
      if (typeof written === 'number') return written;
      const found = ports.find(({ name }) => name === written);
      if (found === undefined) {
        this.#report(document, [...path, member, 'port'], 'missing-target', {
          en: `the container has no port named ${written}`,
          es: `el contenedor no tiene un puerto llamado ${written}`,
        });
      }
      return found?.port ?? 0;
    };
    const { exec, httpGet, tcpSocket, grpc } = raw;
    if (exec != null) return { kind: 'exec', command: exec.command };
    if (grpc != null) return { kind: 'grpc', port: grpc.port, service: grpc.service ?? '' };
    if (httpGet == null) return { kind: 'tcp', port: port(tcpSocket?.port ?? 0, 'tcpSocket') };
    return {
      kind: 'http',
      port: port(httpGet.port, 'httpGet'),
      path: httpGet.path || '/',
      scheme: httpGet.scheme ?? 'HTTP',
      headers: httpGet.httpHeaders ?? [],
    };
  }

  #readProbe(document: ManifestDocument, path: FieldPath, raw: RawProbe, ports: ContainerSpec['ports']): ProbeSpec {
    const action = this.#readAction(document, path, raw, ports);
    const grace = raw.terminationGracePeriodSeconds;
    if (grace != null && path.at(-1) === 'readinessProbe') {
      this.#report(document, [...path, 'terminationGracePeriodSeconds'], 'conflict', {
        en: 'a readiness probe ends nothing',
        es: 'una sonda de disponibilidad no termina nada',
      });
    }
    return {
      action,
      initialDelaySeconds: raw.initialDelaySeconds ?? 0,
      periodSeconds: raw.periodSeconds ?? 10,
      timeoutSeconds: raw.timeoutSeconds ?? 1,
      successThreshold: raw.successThreshold ?? 1,
      failureThreshold: raw.failureThreshold ?? 3,
      ...(grace == null ? {} : { terminationGraceSeconds: grace }),
    };
  }

  /** The container's own settings win over the pod's, one by one. */
  #readSecurity(document: ManifestDocument, path: FieldPath, own: RawSecurity, pod: RawPodSecurity): SecuritySpec {
    const runAsUser = own.runAsUser ?? pod.runAsUser ?? null;
    const runAsNonRoot = own.runAsNonRoot ?? pod.runAsNonRoot ?? false;
    const runAsGroup = own.runAsGroup ?? pod.runAsGroup ?? null;
    if (runAsNonRoot && runAsUser === 0) {
      this.#report(document, [...path, 'runAsUser'], 'conflict', {
        en: 'runAsNonRoot is set and runAsUser is 0',
        es: 'runAsNonRoot está activo y runAsUser es 0',
      });
    }
    if (runAsGroup !== null && runAsUser === null) {
      this.#report(document, [...path, 'runAsGroup'], 'refused', {
        en: 'refused: runAsGroup needs runAsUser here, because the engine sets both together',
        es: 'rechazado: aquí runAsGroup necesita runAsUser, porque el motor pone ambos a la vez',
      });
    }
    return {
      runAsUser,
      runAsGroup,
      runAsNonRoot,
      readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
      allowPrivilegeEscalation: own.allowPrivilegeEscalation ?? true,
      capabilitiesAdd: own.capabilities?.add ?? [],
      capabilitiesDrop: (own.capabilities?.drop ?? []).map((name) => name.toUpperCase()),
      ...this.#readProfiles(document, path, own, pod),
    };
  }

  #readProfiles(
    document: ManifestDocument,
    path: FieldPath,
    own: RawSecurity,
    pod: RawPodSecurity,
  ): Partial<SecuritySpec> {
    const profile = (name: 'seccompProfile' | 'appArmorProfile'): string | null => {
      const written = own[name] ?? pod[name];
      const isLocal = written?.type === 'Localhost';
      if (written == null || isLocal === (written.localhostProfile != null)) return written?.localhostProfile ?? null;
      this.#report(document, [...path, name, 'localhostProfile'], 'conflict', {
        en: 'localhostProfile belongs to the type Localhost, and is needed there',
        es: 'localhostProfile corresponde al tipo Localhost, y ahí es necesario',
      });
      return null;
    };
    const seccompProfile = profile('seccompProfile');
    const appArmorProfile = profile('appArmorProfile');
    const label = own.seLinuxOptions ?? pod.seLinuxOptions;
    const groups = [...(pod.supplementalGroups ?? []), ...(pod.fsGroup == null ? [] : [pod.fsGroup])];
    return {
      ...(groups.length === 0 ? {} : { supplementalGroups: [...new Set(groups)] }),
      ...(seccompProfile === null ? {} : { seccompProfile }),
      ...(appArmorProfile === null ? {} : { appArmorProfile }),
      ...(label == null
        ? {}
        : {
            seLinux: {
              user: label.user ?? null,
              role: label.role ?? null,
              type: label.type ?? null,
              level: label.level ?? null,
            },
          }),
    };
  }

  #readVolume(scope: PodScope, path: FieldPath, raw: RawVolume): VolumeSpec | null {
    const { document } = scope;
    const { emptyDir, projected, downwardAPI } = raw;
    const { configMap, secret, persistentVolumeClaim } = raw;
    const isBare = [configMap, secret, persistentVolumeClaim, projected, downwardAPI].every((one) => one == null);
    // Kubernetes: a volume of which only the name is written is an emptyDir.
    if (emptyDir != null || isBare) {
      const sizeBytes = emptyDir?.sizeLimit == null ? null : parseQuantity(emptyDir.sizeLimit);
      return {
        kind: 'scratch',
        name: raw.name,
        ...(emptyDir?.medium === 'Memory' ? { memory: true } : {}),
        // Kubernetes: 0 limits nothing.
        ...(sizeBytes === null || sizeBytes === 0 ? {} : { sizeBytes: Math.ceil(sizeBytes) }),
      };
    }
    if (downwardAPI != null) {
      const mode = downwardAPI.defaultMode ?? 0o644;
      const place = [...path, 'downwardAPI', 'items'];
      const files = this.#readDownward(scope, place, downwardAPI.items ?? [], mode);
      return { kind: 'projected', name: raw.name, files };
    }
    if (projected != null) return this.#readProjected(scope, [...path, 'projected'], raw.name, projected);
    if (raw.persistentVolumeClaim != null) {
      const { claimName, readOnly } = raw.persistentVolumeClaim;
      if (!this.#exists('PersistentVolumeClaim', claimName)) {
        this.#missing(document, [...path, 'persistentVolumeClaim', 'claimName'], 'PersistentVolumeClaim', claimName);
      }
      return {
        kind: 'claim',
        name: raw.name,
        claim: claimName,
        readOnly: readOnly === true || this.#isReadOnlyClaim(claimName),
      };
    }
    if (raw.configMap != null) {
      const place = [...path, 'configMap'];
      return this.#readContentVolume(document, place, raw.name, 'config', 'name', raw.configMap.name, raw.configMap);
    }
    if (raw.secret != null) {
      const place = [...path, 'secret'];
      return this.#readContentVolume(
        document,
        place,
        raw.name,
        'secret',
        'secretName',
        raw.secret.secretName,
        raw.secret,
      );
    }
    return null;
  }

  #readDownward(scope: PodScope, path: FieldPath, items: readonly RawDownwardFile[], mode: number): ComposedFile[] {
    return items.flatMap(({ path: file, mode: own, fieldRef, resourceFieldRef }, index): ComposedFile[] => {
      const at = { path: file, mode: own ?? mode };
      if (fieldRef != null) return [{ ...at, source: { kind: 'field', path: fieldRef.fieldPath } }];
      if (resourceFieldRef == null) return [];
      const place = [...path, index, 'resourceFieldRef'];
      return [{ ...at, source: this.#readResourceReference(scope, place, resourceFieldRef, null) }];
    });
  }

  #readProjected(scope: PodScope, path: FieldPath, name: string, raw: NonNullable<RawVolume['projected']>): VolumeSpec {
    const mode = raw.defaultMode ?? 0o644;
    const files = raw.sources.flatMap((source, index): ComposedFile[] => {
      const place = [...path, 'sources', index];
      if (source.downwardAPI != null) {
        return this.#readDownward(scope, [...place, 'downwardAPI', 'items'], source.downwardAPI.items ?? [], mode);
      }
      const kind = source.configMap == null ? 'secret' : 'config';
      const written = source.configMap ?? source.secret;
      if (written == null) return [];
      const member = kind === 'config' ? 'configMap' : 'secret';
      const read = this.#readContentVolume(scope.document, [...place, member], name, kind, 'name', written.name, {
        ...written,
        defaultMode: mode,
      });
      if (read?.kind !== 'content') return [];
      return read.files.map((file) => ({
        path: file.path,
        mode: file.mode,
        source: { kind: 'content', content: read.content, key: file.key },
      }));
    });
    const seen = new Set<string>();
    for (const file of files) {
      if (seen.has(file.path)) this.#report(scope.document, path, 'conflict', twice(file.path));
      seen.add(file.path);
    }
    return { kind: 'projected', name, files };
  }

  #readContentVolume(
    document: ManifestDocument,
    path: FieldPath,
    volume: string,
    kind: 'config' | 'secret',
    member: string,
    name: string,
    raw: RawContentVolume,
  ): VolumeSpec | null {
    const found = this.#reference(document, [...path, member], kind, name, raw.optional ?? false);
    // An optional source that is not there is an empty folder, as in Kubernetes.
    if (found === null) return raw.optional ? { kind: 'scratch', name: volume } : null;
    const mode = raw.defaultMode ?? 0o644;
    const all = Object.keys(found.content.data).sort();
    // Kubernetes: an empty list of items is none, and every key is a file.
    const items = raw.items ?? [];
    const files: ProjectedFile[] =
      items.length === 0
        ? all.map((key) => ({ key, path: key, mode }))
        : items.map((item) => ({ key: item.key, path: item.path, mode: item.mode ?? mode }));
    for (const [index, { key }] of files.entries()) {
      if (all.includes(key) || raw.optional) continue;
      this.#missingKey(document, [...path, 'items', index, 'key'], found.content, key);
    }
    const there = files.filter(({ key }) => all.includes(key));
    return { kind: 'content', name: volume, content: found.hash, files: there };
  }

  #readService(document: ManifestDocument, workloads: Translation['workloads']): WantedService {
    const { metadata, spec } = as<RawService>(document.value);
    const selector = spec.selector ?? {};
    const behind = workloads.filter(({ pod }) => selects(selector, pod.labels));
    const anyFaulty = this.#known.some(({ kind, sound }) => family(kind) === 'workload' && !sound);
    // An ExternalName is refused as such, and has neither.
    const isWhole = spec.type !== 'ExternalName';
    if (isWhole && Object.keys(selector).length === 0) {
      this.#report(document, ['spec', 'selector'], 'missing-field', NO_SELECTOR);
    } else if (isWhole && behind.length === 0 && !anyFaulty) {
      this.#report(document, ['spec', 'selector'], 'missing-target', {
        en: 'no workload has these labels on its pods, so the name would never resolve',
        es: 'ninguna carga de trabajo tiene estas etiquetas en sus pods, así que el nombre nunca resolvería',
      });
    }
    const written = spec.ports ?? [];
    // Kubernetes: only a name that means pods, and no address of its own, needs no ports.
    if (isWhole && written.length === 0 && spec.clusterIP !== 'None') {
      this.#report(document, ['spec', 'ports'], 'missing-field', {
        en: 'ports is missing; only a headless Service (clusterIP: None) goes without',
        es: 'falta ports; solo un Service headless (clusterIP: None) puede no tenerlos',
      });
    }
    const ports = written.map((raw, index): ServicePort => {
      const port: ServicePort = {
        name: raw.name ?? null,
        port: raw.port,
        targetPort: raw.targetPort ?? raw.port,
        protocol: raw.protocol ?? 'TCP',
      };
      const isTwin = (other: (typeof written)[number]): boolean =>
        other.port === port.port && (other.protocol ?? 'TCP') === port.protocol;
      if (written.slice(0, index).some(isTwin)) {
        this.#report(document, ['spec', 'ports', index, 'port'], 'conflict', twice(`${port.port}/${port.protocol}`));
      }
      if (port.name !== null && written.slice(0, index).some(({ name }) => name === port.name)) {
        this.#report(document, ['spec', 'ports', index, 'name'], 'conflict', twice(port.name));
      }
      if (written.length > 1 && port.name === null) {
        this.#report(document, ['spec', 'ports', index, 'name'], 'missing-field', {
          en: 'name is missing: a service with several ports names each',
          es: 'falta name: un servicio con varios puertos los nombra todos',
        });
      }
      for (const { pod, key } of behind) {
        const target = resolveTargetPort(pod, port.targetPort);
        if (target === null) {
          const names = pod.containers.flatMap((one) => one.ports.flatMap(({ name }) => name ?? []));
          const near = nearestName(String(port.targetPort), names);
          this.#report(document, ['spec', 'ports', index, 'targetPort'], 'missing-target', {
            en: `${key.name} has no port named ${port.targetPort}${near === null ? '' : `; ${near} is near`}`,
            es: `${key.name} no tiene un puerto llamado ${port.targetPort}${near === null ? '' : `; ${near} se parece`}`,
          });
        }
      }
      return port;
    });
    const { project, environment } = this.#options;
    const sixToo = spec.ipFamilyPolicy === 'PreferDualStack';
    const families = (spec.ipFamilies ?? []).join(', ');
    if (!(sixToo ? ['', 'IPv4', 'IPv4, IPv6'] : ['', 'IPv4']).includes(families)) {
      this.#report(document, ['spec', 'ipFamilies'], 'refused', {
        en: `refused: names mean IPv4 addresses, and with ipFamilyPolicy PreferDualStack IPv6 ones after them; there is no ${families}`,
        es: `rechazado: los nombres indican direcciones IPv4 y, con ipFamilyPolicy PreferDualStack, después las IPv6; no hay ${families}`,
      });
    }
    return {
      project,
      environment,
      name: metadata.name,
      selector,
      ports,
      ...(spec.publishNotReadyAddresses ? { publishNotReady: true } : {}),
      ...(sixToo ? { sixToo: true } : {}),
    };
  }

  /** Inside a pod one port can be redirected to one other, and not away from somebody who listens on it. */
  #refuseClashes(workloads: Translation['workloads'], services: readonly WantedService[]): void {
    for (const { pod, key } of workloads) {
      const redirects = new Map<string, number>();
      for (const service of services) {
        const document = this.#known.find(({ kind, name }) => kind === 'Service' && name === service.name)?.document;
        if (document === undefined || !selects(service.selector, pod.labels)) continue;
        for (const [index, port] of service.ports.entries()) {
          const target = resolveTargetPort(pod, port.targetPort);
          if (target === null || target === port.port) continue;
          const { protocol } = port;
          const other = redirects.get(`${protocol}/${port.port}`);
          const listens = pod.containers.some(({ ports }) =>
            ports.some((one) => one.port === port.port && one.protocol === protocol),
          );
          if (listens || (other !== undefined && other !== target)) {
            this.#report(document, ['spec', 'ports', index, 'port'], 'conflict', {
              en: `port ${port.port} of ${key.name} already means something else inside its pods`,
              es: `el puerto ${port.port} de ${key.name} ya significa otra cosa dentro de sus pods`,
            });
          }
          redirects.set(`${protocol}/${port.port}`, target);
        }
      }
    }
  }

  #readIngress(document: ManifestDocument, services: readonly WantedService[]): WantedRoute[] {
    const raw = as<RawIngress>(document.value);
    const { rules: written, defaultBackend } = raw.spec;
    const rules = written ?? [];
    if (rules.length === 0 && defaultBackend == null) {
      this.#report(document, ['spec'], 'missing-field', {
        en: 'rules or defaultBackend is missing: it would publish nothing',
        es: 'falta rules o defaultBackend: no publicaría nada',
      });
    }
    const routes = rules.flatMap(({ host, http }, ruleIndex) => {
      const place = ['spec', 'rules', ruleIndex, 'http'];
      if (http == null && defaultBackend == null) {
        this.#report(document, place, 'missing-field', {
          en: 'http is missing, and there is no defaultBackend that would take what comes',
          es: 'falta http, y no hay un defaultBackend que tome lo que llegue',
        });
      }
      return (http?.paths ?? []).map((one, index): WantedRoute => {
        const to = this.#readBackend(document, [...place, 'paths', index, 'backend'], one.backend, raw, services);
        const path = one.path ?? '/';
        const isOpen = one.pathType === 'ImplementationSpecific';
        if (isOpen && /[*()$+]/.test(path)) {
          this.#report(document, [...place, 'paths', index, 'path'], 'refused', {
            en: 'refused: with ImplementationSpecific this is a pattern of another controller; write the beginning of the path with Prefix, or the whole with Exact',
            es: 'rechazado: con ImplementationSpecific esto es un patrón de otro controlador; escribir el comienzo de la ruta con Prefix, o toda con Exact',
          });
        }
        return { ...to, host: host ?? null, path, pathType: one.pathType === 'Exact' ? 'Exact' : 'Prefix' };
      });
    });
    if (defaultBackend == null) return routes;
    const to = this.#readBackend(document, ['spec', 'defaultBackend'], defaultBackend, raw, services);
    const isWhole = (one: WantedRoute, host: string | null): boolean =>
      one.path === '/' &&
      one.pathType === 'Prefix' &&
      one.host === host &&
      (host !== null || one.service === to.service);
    const hosts = new Set<string | null>([null, ...rules.map(({ host }) => host ?? null)]);
    const left = [...hosts].filter((host) => !routes.some((one) => isWhole(one, host)));
    return [...routes, ...left.map((host): WantedRoute => ({ ...to, host, path: '/', pathType: 'Prefix' }))];
  }

  #readBackend(
    document: ManifestDocument,
    path: FieldPath,
    { service: { name, port } }: RawBackend,
    ingress: RawIngress,
    services: readonly WantedService[],
  ): Omit<WantedRoute, 'host' | 'path' | 'pathType'> {
    const { project, environment } = this.#options;
    const place = [...path, 'service'];
    const servicePort = port.number ?? port.name ?? 0;
    const service = services.find((one) => one.name === name);
    if (service === undefined && !this.#exists('Service', name)) {
      this.#missing(document, [...place, 'name'], 'Service', name);
    }
    if (service !== undefined && !service.ports.some((one) => one.port === servicePort || one.name === servicePort)) {
      const written = service.ports.map((one) => one.name ?? one.port).join(', ');
      this.#report(document, [...place, 'port'], 'missing-target', {
        en: `the service ${name} has no port ${servicePort}; it has ${written}`,
        es: `el servicio ${name} no tiene el puerto ${servicePort}; tiene ${written}`,
      });
    }
    const written = this.#of('Service').find((one) => one.name === name);
    const raw = written === undefined ? null : as<RawService>(written.document.value);
    const options = readRouteOptions(ingress, raw, servicePort);
    const route = { project, environment, ingress: ingress.metadata.name, service: name, servicePort };
    return options === null ? route : { ...route, options };
  }

  #readListeners(document: ManifestDocument): readonly WantedListener[] {
    const { project, environment } = this.#options;
    const { listeners, problems } = readListeners(as<RawService>(document.value), project, environment);
    for (const { path, kind, text } of problems) this.#report(document, path, kind, text);
    return listeners;
  }

  #readClaim(document: ManifestDocument): WantedVolume {
    return this.#claimOf(as<RawClaim>(document.value));
  }

  #claimOf({ metadata, spec }: RawClaim): WantedVolume {
    const { project, environment } = this.#options;
    return {
      project,
      environment,
      claim: metadata.name,
      accessModes: spec.accessModes,
      requestedBytes: Math.ceil(parseQuantity(spec.resources.requests.storage) ?? 0),
      ...(spec.storageClassName == null ? {} : { storageClass: spec.storageClassName }),
    };
  }
}

/** runc and crun refuse a container that cannot hold its own first process. */
const MEMORY_LIMIT_BYTES_MIN = 6 * 1024 * 1024;

interface PodScope {
  readonly document: ManifestDocument;
  readonly security: RawPodSecurity;
  /** Names of all containers. */
  readonly containers: readonly string[];
  readonly volumes: readonly VolumeSpec[];
  /** Names of all volumes as written, also of those with a fault. */
  readonly written: readonly string[];
  /** Those of them that are the token of another cluster. */
  readonly tokens: readonly string[];
}

/** apps/v1: what holds where a Deployment says nothing. */
const DEADLINE_SECONDS = 600;

const NEEDS_LIMIT_PER_INDEX: Text = {
  en: 'it needs backoffLimitPerIndex: without it no index fails by itself',
  es: 'necesita backoffLimitPerIndex: sin él ningún índice falla por sí mismo',
};

/** What a type of Secret asks for (core/v1, SecretType), as long as it is not there; of its content nothing is said. */
function faultOfSecret(type: string, data: ContentData['data']): Text | null {
  const has = (key: string): boolean => Object.hasOwn(data, key);
  const wants = SECRET_KEYS.get(type) ?? [];
  const found = type === 'kubernetes.io/basic-auth' ? wants.some(has) : wants.every(has);
  if (!found) {
    const [en, es] = type === 'kubernetes.io/basic-auth' ? [' or ', ' o '] : [' and ', ' y '];
    return { en: `${type} needs ${wants.join(en)}`, es: `${type} necesita ${wants.join(es)}` };
  }
  const [key = ''] = wants;
  if (!type.startsWith('kubernetes.io/dockerc') || isJsonObject(Buffer.from(data[key] ?? '', 'base64'))) return null;
  return { en: `${key} must hold a JSON object`, es: `${key} debe contener un objeto JSON` };
}

const SECRET_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/basic-auth', ['username', 'password']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);

function isJsonObject(bytes: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    // What it says would be a piece of the Secret.
    return false;
  }
}

const NOTHING_REPLACED: Text = {
  en: 'maxSurge and maxUnavailable are both 0, so no pod could ever be replaced',
  es: 'maxSurge y maxUnavailable son ambos 0, así que ningún pod podría reemplazarse',
};

/** A number of pods, or a share of them. */
function isNone(allowance: number | string): boolean {
  return Number.parseFloat(String(allowance)) === 0;
}

/** `0,2-4` as numbers below the number of completions. */
function readIndexes(text: string, completions: number): number[] {
  const indexes = new Set<number>();
  for (const part of text.split(',')) {
    const [from = 0, to = from] = part.split('-').map(Number);
    for (let index = from; index <= Math.min(to, completions - 1); index++) indexes.add(index);
  }
  return [...indexes];
}

const NO_SELECTOR: Text = {
  en: 'selector is missing: a Service without one leads to Endpoints written by hand, which are not taken; a workload asks for an outer address itself',
  es: 'falta selector: un Service sin él lleva a Endpoints escritos a mano, que no se admiten; la carga de trabajo pregunta por sí misma por una dirección externa',
};

function twice(name: string): Text {
  return { en: `${name} is there twice`, es: `${name} aparece dos veces` };
}

/** A document that `checkDocument` found sound has the shape of its kind. */
function as<T>(value: Json | object): T {
  return value as T;
}

import type { NetworkPolicy } from '../../network/index.ts';
import type { Json, Text } from '../../system/index.ts';
import {
  type ContainerSpec,
  type ContentData,
  type EnvVariable,
  hashContent,
  hashPodSpec,
  type PodSpec,
  type ProbeSpec,
  type ProjectedFile,
  resolveTargetPort,
  type SecuritySpec,
  type ServicePort,
  type Strategy,
  selects,
  type VolumeSpec,
  type WantedRoute,
  type WantedService,
  type WantedVolume,
  type WantedWorkload,
} from '../model.ts';
import { checkDocument } from './check.ts';
import {
  type FieldPath,
  identify,
  type ManifestDocument,
  type ManifestProblem,
  type ProblemKind,
  problemAt,
} from './documents.ts';
import { readNetworkPolicy } from './network-policy.ts';
import { parseQuantity } from './quantity.ts';
import type {
  RawAmounts,
  RawClaim,
  RawContainer,
  RawContent,
  RawContentVolume,
  RawDeployment,
  RawEnv,
  RawIngress,
  RawNetworkPolicy,
  RawPod,
  RawPodSpec,
  RawProbe,
  RawSecurity,
  RawService,
  RawVolume,
} from './raw.ts';
import { nearestName } from './suggest.ts';

/** Engine-neutral: what the manifests of one environment ask for. Images stand as written until they are pinned. */
export interface Translation {
  readonly workloads: readonly Omit<WantedWorkload, 'generation' | 'previous'>[];
  readonly services: readonly WantedService[];
  readonly routes: readonly WantedRoute[];
  readonly volumes: readonly WantedVolume[];
  readonly policies: readonly NetworkPolicy[];
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
  for (const document of documents) {
    const { kind, problems: found } = checkDocument(document);
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
    // What is refused or unknown leaves the rest of a document readable, so its references are judged too.
    const sound = found.every((one) => one.kind === 'refused' || one.kind === 'unknown-field');
    known.push({ kind: kind.kind, name, document, sound });
  }
  const translator = new Translator(options, known);
  const translation = translator.translate();
  problems.push(...translator.problems);
  return { translation: problems.length === 0 ? translation : null, problems };
}

interface Known {
  readonly kind: string;
  readonly name: string;
  readonly document: ManifestDocument;
  readonly sound: boolean;
}

function family(kind: string): string {
  return kind === 'Pod' || kind === 'Deployment' ? 'workload' : kind;
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
    ];
    const services = this.#of('Service').map(({ document }) => this.#readService(document, workloads));
    this.#refuseClashes(workloads, services);
    return {
      workloads,
      services,
      routes: this.#of('Ingress').flatMap(({ document }) => this.#readIngress(document, services)),
      volumes: this.#of('PersistentVolumeClaim').map(({ document }) => this.#readClaim(document)),
      policies: this.#of('NetworkPolicy').map(({ document }) => this.#readNetworkPolicy(document)),
      contents: this.#contents,
    };
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
    for (const [key, value] of Object.entries(plain ?? {})) put(key, Buffer.from(value).toString('base64'));
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

  #readDeployment(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawDeployment>(document.value);
    const labels = spec.template.metadata.labels ?? {};
    for (const [name, value] of Object.entries(spec.selector.matchLabels)) {
      if (labels[name] === value) continue;
      this.#report(document, ['spec', 'selector', 'matchLabels', name], 'conflict', {
        en: `the pod template has no label ${name}: ${value}, so the Deployment would not own its pods`,
        es: `la plantilla del pod no tiene la etiqueta ${name}: ${value}, así que el Deployment no sería dueño de sus pods`,
      });
    }
    const strategy = this.#readStrategy(document, spec);
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
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
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
    if (Number.parseFloat(String(maxSurge)) === 0 && Number.parseFloat(String(maxUnavailable)) === 0) {
      this.#report(document, ['spec', 'strategy', 'rollingUpdate'], 'conflict', {
        en: 'maxSurge and maxUnavailable are both 0, so no pod could ever be replaced',
        es: 'maxSurge y maxUnavailable son ambos 0, así que ningún pod podría reemplazarse',
      });
    }
    return { kind: 'rolling', maxSurge, maxUnavailable };
  }

  #readPod(document: ManifestDocument): Translation['workloads'][number] {
    const { metadata, spec } = as<RawPod>(document.value);
    const labels = metadata.labels ?? {};
    const pod = this.#readPodSpec(document, ['spec'], spec, { labels, annotations: metadata.annotations ?? {} });
    return {
      key: this.#key(metadata.name),
      specHash: hashPodSpec(pod),
      pod,
      replicas: 1,
      minReadySeconds: 0,
      strategy: { kind: 'recreate' },
      progressDeadlineSeconds: 600,
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
  ): PodSpec {
    const volumes = (raw.volumes ?? []).flatMap((volume, index) => {
      const read = this.#readVolume(document, [...path, 'volumes', index], volume);
      return read === null ? [] : [read];
    });
    const scope: PodScope = {
      document,
      security: raw.securityContext ?? {},
      volumes,
      written: (raw.volumes ?? []).map(({ name }) => name),
    };
    const initContainers = (raw.initContainers ?? []).map((one, index) =>
      this.#readContainer(scope, [...path, 'initContainers', index], one),
    );
    const containers = raw.containers.map((one, index) =>
      this.#readContainer(scope, [...path, 'containers', index], one),
    );
    const names = new Set(containers.map(({ name }) => name));
    for (const [index, { name }] of initContainers.entries()) {
      if (names.has(name)) this.#report(document, [...path, 'initContainers', index, 'name'], 'conflict', twice(name));
    }
    this.#refuseSharedPorts(document, [...path, 'containers'], containers);
    return {
      labels: meta.labels,
      annotations: meta.annotations,
      initContainers,
      containers,
      volumes,
      terminationGraceSeconds: raw.terminationGracePeriodSeconds ?? 30,
    };
  }

  /** Containers of a pod share one network, so two cannot listen on one port. */
  #refuseSharedPorts(document: ManifestDocument, path: FieldPath, containers: readonly ContainerSpec[]): void {
    const seen = new Set<string>();
    for (const [index, container] of containers.entries()) {
      for (const [at, { port, protocol }] of container.ports.entries()) {
        const id = `${port}/${protocol}`;
        if (seen.has(id)) this.#report(document, [...path, index, 'ports', at], 'conflict', twice(id));
        seen.add(id);
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
    const mounts = (raw.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }, index) => {
      if (!scope.written.includes(name)) {
        const near = nearestName(name, scope.written);
        this.#report(document, [...path, 'volumeMounts', index, 'name'], 'missing-target', {
          en: `the pod has no volume ${name}${near === null ? '' : `; ${near} is near`}`,
          es: `el pod no tiene un volumen ${name}${near === null ? '' : `; ${near} se parece`}`,
        });
      }
      const volume = scope.volumes.find((one) => one.name === name);
      return volume === undefined ? [] : [{ volume: name, path: mountPath, readOnly: readOnly ?? false }];
    });
    const probe = (name: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): ProbeSpec | null =>
      raw[name] == null ? null : this.#readProbe(document, [...path, name], raw[name], ports);
    return {
      name: raw.name,
      image: raw.image,
      command: raw.command == null || raw.command.length === 0 ? null : raw.command,
      args: raw.args == null || raw.args.length === 0 ? null : raw.args,
      workingDir: raw.workingDir ?? null,
      env: this.#readEnv(document, path, raw),
      ports,
      resources: this.#readResources(document, [...path, 'resources'], raw),
      mounts,
      startupProbe: probe('startupProbe'),
      readinessProbe: probe('readinessProbe'),
      livenessProbe: probe('livenessProbe'),
      security: this.#readSecurity(document, [...path, 'securityContext'], raw.securityContext ?? {}, scope.security),
    };
  }

  #readEnv(document: ManifestDocument, path: FieldPath, raw: RawContainer): EnvVariable[] {
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
      const read = this.#readVariable(document, [...path, 'env', index], variable);
      if (read !== null) env.push(read);
    }
    return env;
  }

  #readVariable(document: ManifestDocument, path: FieldPath, raw: RawEnv): EnvVariable | null {
    const { name, value, valueFrom } = raw;
    if (valueFrom == null) return { name, source: { kind: 'value', value: value ?? '' } };
    if (value != null && value !== '') {
      this.#report(document, path, 'conflict', {
        en: 'value and valueFrom exclude each other',
        es: 'value y valueFrom se excluyen',
      });
    }
    if (valueFrom.fieldRef != null) return { name, source: { kind: 'field', path: valueFrom.fieldRef.fieldPath } };
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

  #missingKey(document: ManifestDocument, path: FieldPath, content: ContentData, key: string): void {
    const near = nearestName(key, Object.keys(content.data));
    this.#report(document, path, 'missing-target', {
      en: `${content.name} has no key ${key}${near === null ? '' : `; ${near} is near`}`,
      es: `${content.name} no tiene la clave ${key}${near === null ? '' : `; ${near} se parece`}`,
    });
  }

  #readResources(document: ManifestDocument, path: FieldPath, raw: RawContainer): ContainerSpec['resources'] {
    const limits: RawAmounts = raw.resources?.limits ?? {};
    const requests: RawAmounts = raw.resources?.requests ?? {};
    const millis = (cpu: RawAmounts['cpu']): number | null =>
      cpu == null ? null : Math.ceil((parseQuantity(cpu) ?? 0) * 1000);
    const bytes = (memory: RawAmounts['memory']): number | null =>
      memory == null ? null : Math.ceil(parseQuantity(memory) ?? 0);
    const read = {
      cpuLimitMillis: millis(limits.cpu),
      // Kubernetes: a limit without a request is its own request.
      cpuRequestMillis: millis(requests.cpu ?? limits.cpu),
      memoryLimitBytes: bytes(limits.memory),
      memoryRequestBytes: bytes(requests.memory),
    };
    const above = (name: 'cpu' | 'memory', request: number | null, limit: number | null): void => {
      if (request === null || limit === null || request <= limit) return;
      this.#report(document, [...path, 'requests', name], 'conflict', {
        en: 'the request is above the limit',
        es: 'la petición supera el límite',
      });
    };
    above('cpu', read.cpuRequestMillis, read.cpuLimitMillis);
    above('memory', read.memoryRequestBytes, read.memoryLimitBytes);
    if (read.memoryLimitBytes !== null && read.memoryLimitBytes < MEMORY_LIMIT_BYTES_MIN) {
      this.#report(document, [...path, 'limits', 'memory'], 'wrong-value', {
        en: 'no container starts with less than 6Mi; a number without unit is bytes',
        es: 'ningún contenedor arranca con menos de 6Mi; un número sin unidad son bytes',
      });
    }
    return read;
  }

  #readProbe(document: ManifestDocument, path: FieldPath, raw: RawProbe, ports: ContainerSpec['ports']): ProbeSpec {
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
    const { exec, httpGet, tcpSocket } = raw;
    const action: ProbeSpec['action'] =
      exec != null
        ? { kind: 'exec', command: exec.command }
        : httpGet != null
          ? {
              kind: 'http',
              port: port(httpGet.port, 'httpGet'),
              path: httpGet.path ?? '/',
              scheme: httpGet.scheme ?? 'HTTP',
              headers: httpGet.httpHeaders ?? [],
            }
          : { kind: 'tcp', port: port(tcpSocket?.port ?? 0, 'tcpSocket') };
    return {
      action,
      initialDelaySeconds: raw.initialDelaySeconds ?? 0,
      periodSeconds: raw.periodSeconds ?? 10,
      timeoutSeconds: raw.timeoutSeconds ?? 1,
      successThreshold: raw.successThreshold ?? 1,
      failureThreshold: raw.failureThreshold ?? 3,
    };
  }

  /** The container's own settings win over the pod's, one by one. */
  #readSecurity(document: ManifestDocument, path: FieldPath, own: RawSecurity, pod: RawSecurity): SecuritySpec {
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
      capabilitiesDrop: own.capabilities?.drop ?? [],
    };
  }

  #readVolume(document: ManifestDocument, path: FieldPath, raw: RawVolume): VolumeSpec | null {
    if (raw.emptyDir != null) return { kind: 'scratch', name: raw.name };
    if (raw.persistentVolumeClaim != null) {
      const { claimName, readOnly } = raw.persistentVolumeClaim;
      if (!this.#exists('PersistentVolumeClaim', claimName)) {
        this.#missing(document, [...path, 'persistentVolumeClaim', 'claimName'], 'PersistentVolumeClaim', claimName);
      }
      return { kind: 'claim', name: raw.name, claim: claimName, readOnly: readOnly ?? false };
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
    const files: ProjectedFile[] =
      raw.items == null
        ? all.map((key) => ({ key, path: key, mode }))
        : raw.items.map((item) => ({ key: item.key, path: item.path, mode: item.mode ?? mode }));
    for (const [index, { key }] of files.entries()) {
      if (raw.items == null || all.includes(key) || raw.optional) continue;
      this.#missingKey(document, [...path, 'items', index, 'key'], found.content, key);
    }
    const there = files.filter(({ key }) => all.includes(key));
    return { kind: 'content', name: volume, content: found.hash, files: there };
  }

  #readService(document: ManifestDocument, workloads: Translation['workloads']): WantedService {
    const { metadata, spec } = as<RawService>(document.value);
    const behind = workloads.filter(({ pod }) => selects(spec.selector, pod.labels));
    const anyFaulty = this.#known.some(({ kind, sound }) => family(kind) === 'workload' && !sound);
    if (behind.length === 0 && !anyFaulty) {
      this.#report(document, ['spec', 'selector'], 'missing-target', {
        en: 'no workload has these labels on its pods, so the name would never resolve',
        es: 'ninguna carga de trabajo tiene estas etiquetas en sus pods, así que el nombre nunca resolvería',
      });
    }
    const ports = spec.ports.map((raw, index): ServicePort => {
      const port: ServicePort = {
        name: raw.name ?? null,
        port: raw.port,
        targetPort: raw.targetPort ?? raw.port,
        protocol: raw.protocol ?? 'TCP',
      };
      if (spec.ports.length > 1 && port.name === null) {
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
        } else if (port.protocol === 'UDP' && target !== port.port) {
          this.#report(document, ['spec', 'ports', index, 'targetPort'], 'refused', {
            en: 'refused: a UDP port cannot differ from its target yet',
            es: 'rechazado: un puerto UDP todavía no puede diferir de su destino',
          });
        }
      }
      return port;
    });
    const { project, environment } = this.#options;
    return { project, environment, name: metadata.name, selector: spec.selector, ports };
  }

  /** Inside a pod one port can be redirected to one other, and not away from somebody who listens on it. */
  #refuseClashes(workloads: Translation['workloads'], services: readonly WantedService[]): void {
    for (const { pod, key } of workloads) {
      const redirects = new Map<number, number>();
      for (const service of services) {
        const document = this.#known.find(({ kind, name }) => kind === 'Service' && name === service.name)?.document;
        if (document === undefined || !selects(service.selector, pod.labels)) continue;
        for (const [index, port] of service.ports.entries()) {
          const target = resolveTargetPort(pod, port.targetPort);
          if (port.protocol !== 'TCP' || target === null || target === port.port) continue;
          const other = redirects.get(port.port);
          const listens = pod.containers.some(({ ports }) => ports.some((one) => one.port === port.port));
          if (listens || (other !== undefined && other !== target)) {
            this.#report(document, ['spec', 'ports', index, 'port'], 'conflict', {
              en: `port ${port.port} of ${key.name} already means something else inside its pods`,
              es: `el puerto ${port.port} de ${key.name} ya significa otra cosa dentro de sus pods`,
            });
          }
          redirects.set(port.port, target);
        }
      }
    }
  }

  #readIngress(document: ManifestDocument, services: readonly WantedService[]): WantedRoute[] {
    const { metadata, spec } = as<RawIngress>(document.value);
    const { project, environment } = this.#options;
    return spec.rules.flatMap((rule, ruleIndex) =>
      rule.http.paths.map((raw, pathIndex): WantedRoute => {
        const place = ['spec', 'rules', ruleIndex, 'http', 'paths', pathIndex, 'backend', 'service'];
        const { name, port } = raw.backend.service;
        const servicePort = port.number ?? port.name ?? 0;
        const service = services.find((one) => one.name === name);
        if (service === undefined && !this.#exists('Service', name)) {
          this.#missing(document, [...place, 'name'], 'Service', name);
        }
        if (
          service !== undefined &&
          !service.ports.some((one) => one.port === servicePort || one.name === servicePort)
        ) {
          const written = service.ports.map((one) => one.name ?? one.port).join(', ');
          this.#report(document, [...place, 'port'], 'missing-target', {
            en: `the service ${name} has no port ${servicePort}; it has ${written}`,
            es: `el servicio ${name} no tiene el puerto ${servicePort}; tiene ${written}`,
          });
        }
        return {
          project,
          environment,
          ingress: metadata.name,
          host: rule.host ?? null,
          path: raw.path ?? '/',
          pathType: raw.pathType,
          service: name,
          servicePort,
        };
      }),
    );
  }

  #readClaim(document: ManifestDocument): WantedVolume {
    const { metadata, spec } = as<RawClaim>(document.value);
    const { project, environment } = this.#options;
    return {
      project,
      environment,
      claim: metadata.name,
      accessModes: spec.accessModes,
      requestedBytes: Math.ceil(parseQuantity(spec.resources.requests.storage) ?? 0),
    };
  }
}

/** runc and crun refuse a container that cannot hold its own first process. */
const MEMORY_LIMIT_BYTES_MIN = 6 * 1024 * 1024;

interface PodScope {
  readonly document: ManifestDocument;
  readonly security: RawSecurity;
  readonly volumes: readonly VolumeSpec[];
  /** Names of all volumes as written, also of those with a fault. */
  readonly written: readonly string[];
}

function twice(name: string): Text {
  return { en: `${name} is there twice`, es: `${name} aparece dos veces` };
}

/** A document that `checkDocument` found sound has the shape of its kind. */
function as<T>(value: Json): T {
  return value as T;
}

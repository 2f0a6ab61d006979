import type { Json, Text } from '../system/index.ts';
import type { WorkloadChange } from './change-words.ts';
import { deployFault } from './errors.ts';
import { type ManifestDocument, mergePatch, type Overlay } from './kubernetes/index.ts';
import type { WantedWorkload } from './model.ts';

/** The same as a part of a manifest: it stays with the release that it made, and with those that follow it. */
export interface ManifestChange {
  readonly environment: string;
  /** Of Kubernetes, as `Deployment`. */
  readonly kind: string;
  readonly name: string;
  /** A JSON merge patch (RFC 7396). */
  readonly merge: Json;
}

type Workload = Omit<WantedWorkload, 'generation' | 'previous'>;

/** Where kubectl writes the time of a restart; with it the template is another, so that its pods are made anew. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

const SCALED: readonly string[] = ['Deployment', 'StatefulSet'];
const RESTARTED: readonly string[] = ['Deployment', 'StatefulSet', 'DaemonSet'];

/**
 * What a change means for the manifest of its workload.
 * @param kind of the manifest
 * @throws Fault deploy.change-impossible
 */
export function toManifestChange(
  change: WorkloadChange,
  environment: string,
  kind: string,
  workload: Workload,
): ManifestChange {
  refuseImpossible(change, kind, workload);
  return { environment, kind, name: change.workload, merge: { spec: mergeOf(change) } };
}

function mergeOf(change: WorkloadChange): Json {
  switch (change.kind) {
    case 'scale':
      return { replicas: change.replicas };
    case 'restart':
      return { template: { metadata: { annotations: { [RESTARTED_AT]: change.at } } } };
    case 'pause':
      return { paused: true };
    case 'resume':
      return { paused: false };
  }
}

function refuseImpossible(change: WorkloadChange, kind: string, workload: Workload): void {
  const { key, horizontal, paused, replicas } = workload;
  const place = `${key.project}/${key.name}`;
  const refuse = (why: Text, remedy: Text): never => {
    throw deployFault('deploy.change-impossible', {
      name: place,
      why: why.en,
      porque: why.es,
      remedy: remedy.en,
      salida: remedy.es,
    });
  };
  switch (change.kind) {
    case 'scale':
      if (!SCALED.includes(kind)) {
        refuse(
          { en: `a ${kind} has no number of replicas`, es: `un ${kind} no tiene número de réplicas` },
          {
            en: 'only a Deployment and a StatefulSet are scaled; change the others in their manifests and deploy',
            es: 'solo se escalan un Deployment y un StatefulSet; cambiar los demás en sus manifiestos y desplegar',
          },
        );
      }
      // To nothing, and from nothing, is for people: in Kubernetes too it switches the automatism off and on.
      if (horizontal !== undefined && change.replicas > 0 && replicas > 0) {
        const { name: by, minReplicas, maxReplicas } = horizontal;
        refuse(
          {
            en: `the HorizontalPodAutoscaler ${by} decides its replicas (${minReplicas} to ${maxReplicas}) and would undo it`,
            es: `el HorizontalPodAutoscaler ${by} decide sus réplicas (${minReplicas} a ${maxReplicas}) y lo desharía`,
          },
          {
            en: `change minReplicas and maxReplicas of ${by} and deploy; --replicas 0 stops it altogether`,
            es: `cambiar minReplicas y maxReplicas de ${by} y desplegar; --replicas 0 la detiene del todo`,
          },
        );
      }
      return;
    case 'restart':
      if (!RESTARTED.includes(kind)) {
        refuse(
          { en: `a ${kind} is not restarted`, es: `un ${kind} no se reinicia` },
          {
            en: 'only a Deployment, a StatefulSet and a DaemonSet are; deploy again to run the others anew',
            es: 'solo un Deployment, un StatefulSet y un DaemonSet; desplegar de nuevo para repetir los demás',
          },
        );
      }
      if (paused) {
        refuse(
          {
            en: 'its roll-out is paused, and a restart is a roll-out',
            es: 'su despliegue está en pausa, y reiniciar es desplegar',
          },
          { en: `darsena rollout resume ${place} first`, es: `antes, darsena rollout resume ${place}` },
        );
      }
      return;
    case 'pause':
    case 'resume':
      if (kind !== 'Deployment') {
        refuse(
          { en: `a ${kind} is not paused; only a Deployment is`, es: `un ${kind} no se pausa; solo un Deployment` },
          {
            en:
              kind === 'StatefulSet'
                ? 'updateStrategy.rollingUpdate.partition holds back its pods'
                : 'deploy what is to run',
            es:
              kind === 'StatefulSet'
                ? 'updateStrategy.rollingUpdate.partition retiene sus pods'
                : 'desplegar lo que debe correr',
          },
        );
      }
      if ((paused === true) === (change.kind === 'pause')) {
        refuse(
          paused
            ? { en: 'it is paused already', es: 'ya está en pausa' }
            : { en: 'it is not paused', es: 'no está en pausa' },
          { en: `darsena rollout status ${place}`, es: `darsena rollout status ${place}` },
        );
      }
      return;
  }
}

/** The changes with one more; of one object they become one, the later word counting. */
export function addChange(changes: readonly ManifestChange[], next: ManifestChange): ManifestChange[] {
  const isSame = (one: ManifestChange): boolean =>
    one.environment === next.environment && one.kind === next.kind && one.name === next.name;
  const before = changes.find(isSame);
  const merge = before === undefined ? next.merge : mergePatch(before.merge, next.merge);
  return [...changes.filter((one) => !isSame(one)), { ...next, merge }];
}

/**
 * What of earlier changes still holds for new manifests, as with `kubectl apply`: whatever the manifests say themselves
 * counts, and what they leave open stays as it was set by hand.
 * @param documents the manifests as they are written for the environment
 */
export function carryChanges(
  changes: readonly ManifestChange[],
  documents: readonly ManifestDocument[],
  environment: string,
): ManifestChange[] {
  return changes.flatMap((change) => {
    if (change.environment !== environment) return [];
    const document = documents.find(
      ({ value }) => isObject(value) && value['kind'] === change.kind && nameOf(value) === change.name,
    );
    const merge = document === undefined ? undefined : unsaid(change.merge, document.value);
    return merge === undefined ? [] : [{ ...change, merge }];
  });
}

export function toOverlays(changes: readonly ManifestChange[], environment: string): Overlay[] {
  return changes
    .filter((change) => change.environment === environment)
    .map(({ kind, name, merge }) => ({
      ...{ kind, name, patch: merge },
      locate: () => ({ file: `${kind} ${name}`, line: 1, column: 1 }),
    }));
}

/** What the manifests call a workload: its kind; null when there is no such manifest. */
export function kindOf(documents: readonly ManifestDocument[], name: string): string | null {
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Pod', 'Job', 'CronJob'];
  for (const { value } of documents) {
    if (isObject(value) && typeof value['kind'] === 'string' && kinds.includes(value['kind']) && nameOf(value) === name)
      return value['kind'];
  }
  return null;
}

/** The members of a patch that a document does not have; undefined when it has them all. */
function unsaid(patch: Json, document: Json | undefined): Json | undefined {
  if (!isObject(patch)) return document === undefined || document === null ? patch : undefined;
  const rest = Object.entries(patch).flatMap(([key, value]): [string, Json][] => {
    const left = unsaid(value, isObject(document) ? document[key] : undefined);
    return left === undefined ? [] : [[key, left]];
  });
  return rest.length === 0 ? undefined : Object.fromEntries(rest);
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nameOf(document: { [key: string]: Json }): string | null {
  const metadata = document['metadata'];
  const name = isObject(metadata) ? metadata['name'] : null;
  return typeof name === 'string' ? name : null;
}

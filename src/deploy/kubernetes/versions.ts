import type { Json, Text } from '../../system/index.ts';
import type { FieldPath, ManifestDocument } from './documents.ts';

/** Versions of the kinds that were served once, or are beside the one that is read: what to write, and what changed in the fields. */
export const OTHER_VERSIONS: Readonly<Record<string, Readonly<Record<string, Text>>>> = {
  Deployment: versions(['extensions/v1beta1', 'apps/v1beta1', 'apps/v1beta2'], {
    en: 'Kubernetes 1.16 removed it; write apiVersion: apps/v1, with spec.selector, whose labels the template must have, and without spec.rollbackTo',
    es: 'Kubernetes 1.16 la retiró; escribir apiVersion: apps/v1, con spec.selector, cuyas etiquetas debe tener la plantilla, y sin spec.rollbackTo',
  }),
  StatefulSet: versions(['apps/v1beta1', 'apps/v1beta2'], {
    en: 'Kubernetes 1.16 removed it; write apiVersion: apps/v1, with spec.selector, whose labels the template must have; updateStrategy is RollingUpdate there where nothing is written',
    es: 'Kubernetes 1.16 la retiró; escribir apiVersion: apps/v1, con spec.selector, cuyas etiquetas debe tener la plantilla; updateStrategy es ahí RollingUpdate si no se escribe nada',
  }),
  DaemonSet: versions(['extensions/v1beta1', 'apps/v1beta2'], {
    en: 'Kubernetes 1.16 removed it; write apiVersion: apps/v1, with spec.selector, whose labels the template must have, and without spec.templateGeneration; updateStrategy is RollingUpdate there where nothing is written',
    es: 'Kubernetes 1.16 la retiró; escribir apiVersion: apps/v1, con spec.selector, cuyas etiquetas debe tener la plantilla, y sin spec.templateGeneration; updateStrategy es ahí RollingUpdate si no se escribe nada',
  }),
  Job: versions(['extensions/v1beta1', 'batch/v2alpha1'], {
    en: 'Kubernetes removed it; write apiVersion: batch/v1, without spec.autoSelector',
    es: 'Kubernetes la retiró; escribir apiVersion: batch/v1, sin spec.autoSelector',
  }),
  CronJob: versions(['batch/v1beta1', 'batch/v2alpha1'], {
    en: 'Kubernetes 1.25 removed it; write apiVersion: batch/v1, with the same fields',
    es: 'Kubernetes 1.25 la retiró; escribir apiVersion: batch/v1, con los mismos campos',
  }),
  Ingress: versions(['extensions/v1beta1', 'networking.k8s.io/v1beta1'], {
    en: 'Kubernetes 1.22 removed it; write apiVersion: networking.k8s.io/v1, where spec.backend is spec.defaultBackend, serviceName and servicePort are service: {name, port: {number or name}}, and each path needs a pathType (Prefix, Exact)',
    es: 'Kubernetes 1.22 la retiró; escribir apiVersion: networking.k8s.io/v1, donde spec.backend es spec.defaultBackend, serviceName y servicePort son service: {name, port: {number o name}}, y cada ruta necesita un pathType (Prefix, Exact)',
  }),
  NetworkPolicy: versions(['extensions/v1beta1'], {
    en: 'Kubernetes 1.16 removed it; write apiVersion: networking.k8s.io/v1, with the same fields',
    es: 'Kubernetes 1.16 la retiró; escribir apiVersion: networking.k8s.io/v1, con los mismos campos',
  }),
  PodDisruptionBudget: versions(['policy/v1beta1'], {
    en: 'Kubernetes 1.25 removed it; write apiVersion: policy/v1, with the same fields, where an empty selector ({}) means every pod and no longer none',
    es: 'Kubernetes 1.25 la retiró; escribir apiVersion: policy/v1, con los mismos campos, donde un selector vacío ({}) significa todos los pods y ya no ninguno',
  }),
  HorizontalPodAutoscaler: {
    'autoscaling/v1': {
      en: 'it knows spec.targetCPUUtilizationPercentage alone, and metrics or behavior, as a field or an annotation, belong to apiVersion: autoscaling/v2',
      es: 'solo conoce spec.targetCPUUtilizationPercentage, y metrics o behavior, como campo o como anotación, son de apiVersion: autoscaling/v2',
    },
    'autoscaling/v2beta1': {
      en: 'Kubernetes 1.25 removed it; write apiVersion: autoscaling/v2, where targetAverageUtilization: N is target: {type: Utilization, averageUtilization: N} and targetAverageValue: Q is target: {type: AverageValue, averageValue: Q}',
      es: 'Kubernetes 1.25 la retiró; escribir apiVersion: autoscaling/v2, donde targetAverageUtilization: N es target: {type: Utilization, averageUtilization: N} y targetAverageValue: Q es target: {type: AverageValue, averageValue: Q}',
    },
    'autoscaling/v2beta2': {
      en: 'Kubernetes 1.26 removed it; write apiVersion: autoscaling/v2, with the same fields',
      es: 'Kubernetes 1.26 la retiró; escribir apiVersion: autoscaling/v2, con los mismos campos',
    },
  },
  VerticalPodAutoscaler: {
    'autoscaling.k8s.io/v1beta1': {
      en: 'write apiVersion: autoscaling.k8s.io/v1, where spec.targetRef, with the kind and the name of the workload, takes the place of spec.selector',
      es: 'escribir apiVersion: autoscaling.k8s.io/v1, donde spec.targetRef, con el tipo y el nombre de la carga de trabajo, ocupa el lugar de spec.selector',
    },
    'autoscaling.k8s.io/v1beta2': {
      en: 'write apiVersion: autoscaling.k8s.io/v1, with the same fields',
      es: 'escribir apiVersion: autoscaling.k8s.io/v1, con los mismos campos',
    },
  },
};

/** Fields of those versions that are not in the one that is read, by kind: where what they said is written now. */
export const FORMER_FIELDS: Readonly<Record<string, Readonly<Record<string, Text>>>> = {
  Ingress: {
    backend: now('spec.defaultBackend'),
    serviceName: now('service.name'),
    servicePort: now('service.port.number (service.port.name)'),
  },
  HorizontalPodAutoscaler: {
    targetCPUUtilizationPercentage: now(
      'metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: …}}}]',
    ),
    targetAverageUtilization: now('target: {type: Utilization, averageUtilization: …}'),
    targetAverageValue: now('target: {type: AverageValue, averageValue: …}'),
  },
};

function now(place: string): Text {
  return {
    en: `it is of an earlier version; now it is written ${place}`,
    es: `es de una versión anterior; ahora se escribe ${place}`,
  };
}

function versions(names: readonly string[], text: Text): Readonly<Record<string, Text>> {
  return Object.fromEntries(names.map((name) => [name, text]));
}

const CPU_TARGET = 'targetCPUUtilizationPercentage';

/**
 * A document in the version that is read. Kubernetes serves autoscaling/v1 beside v2 and turns one into the other; so it is here,
 * where the fields of v1 are written and nothing of v2.
 */
export function toServedVersion(document: ManifestDocument): ManifestDocument {
  const { value } = document;
  if (!isMap(value) || value['kind'] !== 'HorizontalPodAutoscaler' || value['apiVersion'] !== 'autoscaling/v1')
    return document;
  const { spec, metadata } = value;
  if (!isMap(spec) || 'metrics' in spec || 'behavior' in spec || hasAnnotated(metadata)) return document;
  const { [CPU_TARGET]: percentage, ...rest } = spec;
  const metrics = [
    {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percentage ?? null } },
    },
  ];
  return {
    value: {
      ...value,
      apiVersion: 'autoscaling/v2',
      spec: { ...rest, ...(percentage === undefined || percentage === null ? {} : { metrics }) },
    },
    locate: (path) => document.locate(wasAt(path)),
  };
}

function wasAt(path: FieldPath): FieldPath {
  return path[0] === 'spec' && path[1] === 'metrics' ? ['spec', CPU_TARGET] : path;
}

/** As autoscaling/v1 keeps what only later versions have fields for. */
function hasAnnotated(metadata: Json | undefined): boolean {
  const annotations = isMap(metadata) ? metadata['annotations'] : undefined;
  return (
    isMap(annotations) &&
    ['metrics', 'behavior'].some((name) => Object.hasOwn(annotations, `autoscaling.alpha.kubernetes.io/${name}`))
  );
}

function isMap(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

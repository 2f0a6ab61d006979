import type { Text } from '../../system/index.ts';
import type {
  DisruptionBudget,
  HorizontalMetric,
  HorizontalSpec,
  PodSpec,
  ScaledResource,
  ScalingRules,
  VerticalPolicy,
  VerticalSpec,
} from '../model.ts';
import { ANY_CONTAINER, scaledContainers } from '../scaling/vertical.ts';
import type { FieldPath, ProblemKind } from './documents.ts';
import { readSelector } from './network-policy.ts';
import { parseQuantity } from './quantity.ts';
import type { RawBounds, RawBudget, RawHorizontal, RawResourceMetric, RawScalingRules, RawVertical } from './raw.ts';

export type Report = (path: FieldPath, kind: ProblemKind, text: Text) => void;

/** autoscaling/v2, HorizontalPodAutoscalerBehavior: what holds where nothing is written. */
const DEFAULT_UP: ScalingRules = {
  stabilizationSeconds: 0,
  select: 'Max',
  policies: [
    { kind: 'Pods', value: 4, periodSeconds: 15 },
    { kind: 'Percent', value: 100, periodSeconds: 15 },
  ],
  tolerance: 0.1,
};
const DEFAULT_DOWN: ScalingRules = {
  stabilizationSeconds: 300,
  select: 'Max',
  policies: [{ kind: 'Percent', value: 100, periodSeconds: 15 }],
  tolerance: 0.1,
};

export function readHorizontal({ metadata, spec }: RawHorizontal, pod: PodSpec | null, report: Report): HorizontalSpec {
  const minReplicas = spec.minReplicas ?? 1;
  if (minReplicas > spec.maxReplicas) {
    report(['spec', 'minReplicas'], 'conflict', {
      en: `minReplicas ${minReplicas} is more than maxReplicas ${spec.maxReplicas}`,
      es: `minReplicas ${minReplicas} es más que maxReplicas ${spec.maxReplicas}`,
    });
  }
  const written = spec.metrics ?? [];
  // Without any metric, 80 % of the requested processor (autoscaling/v2, MetricSpec).
  const metrics: HorizontalMetric[] =
    written.length === 0
      ? [{ resource: 'cpu', container: null, target: { kind: 'utilization', percent: 80 } }]
      : written.flatMap((metric, index): HorizontalMetric[] => {
          const member = metric.type === 'Resource' ? 'resource' : 'containerResource';
          const raw = metric[member];
          const path: FieldPath = ['spec', 'metrics', index, member];
          if (raw == null) {
            report(path, 'missing-field', { en: `${member} is missing`, es: `falta ${member}` });
            return [];
          }
          return [readMetric(raw, path, report)];
        });
  if (pod !== null) for (const [index, metric] of metrics.entries()) refuseUnrequested(metric, index, pod, report);
  return {
    name: metadata.name,
    minReplicas,
    maxReplicas: spec.maxReplicas,
    metrics,
    scaleUp: readRules(spec.behavior?.scaleUp, DEFAULT_UP),
    scaleDown: readRules(spec.behavior?.scaleDown, DEFAULT_DOWN),
  };
}

function readMetric(raw: RawResourceMetric, path: FieldPath, report: Report): HorizontalMetric {
  const { name, container, target } = raw;
  const isShare = target.type === 'Utilization';
  if (isShare === (target.averageUtilization == null)) {
    const other = isShare ? 'averageUtilization' : 'averageValue';
    report([...path, 'target', 'type'], 'conflict', {
      en: `the type ${target.type} needs ${other}`,
      es: `el tipo ${target.type} necesita ${other}`,
    });
  }
  return {
    resource: name,
    container: container ?? null,
    target:
      target.averageUtilization == null
        ? { kind: 'average', amount: Math.max(1, amountOf(name, target.averageValue) ?? 1) }
        : { kind: 'utilization', percent: target.averageUtilization },
  };
}

/** A share needs something that it is a share of. */
function refuseUnrequested(metric: HorizontalMetric, index: number, pod: PodSpec, report: Report): void {
  const all = scaledContainers(pod);
  const meant = metric.container === null ? all : all.filter(({ name }) => name === metric.container);
  const path: FieldPath = ['spec', 'metrics', index];
  if (meant.length === 0) {
    report(path, 'missing-target', {
      en: `its pods have no container ${metric.container}`,
      es: `sus pods no tienen un contenedor ${metric.container}`,
    });
  }
  if (metric.target.kind !== 'utilization') return;
  for (const { name, resources } of meant) {
    const request =
      metric.resource === 'cpu'
        ? (resources.cpuRequestMillis ?? resources.cpuLimitMillis)
        : (resources.memoryRequestBytes ?? resources.memoryLimitBytes);
    if (request !== null && request > 0) continue;
    report(path, 'missing-target', {
      en: `the container ${name} has no resources.requests.${metric.resource}, and averageUtilization is a share of it`,
      es: `el contenedor ${name} no tiene resources.requests.${metric.resource}, y averageUtilization es una proporción de eso`,
    });
  }
}

function readRules(raw: RawScalingRules | null | undefined, defaults: ScalingRules): ScalingRules {
  const tolerance = raw?.tolerance == null ? null : parseQuantity(raw.tolerance);
  return {
    stabilizationSeconds: raw?.stabilizationWindowSeconds ?? defaults.stabilizationSeconds,
    select: raw?.selectPolicy ?? defaults.select,
    policies:
      raw?.policies?.map(({ type, value, periodSeconds }) => ({ kind: type, value, periodSeconds })) ??
      defaults.policies,
    tolerance: tolerance ?? defaults.tolerance,
  };
}

const MODES = {
  Off: 'off',
  Initial: 'initial',
  Recreate: 'recreate',
  Auto: 'in-place-or-recreate',
  InPlaceOrRecreate: 'in-place-or-recreate',
  InPlace: 'in-place',
} as const satisfies Record<string, VerticalSpec['mode']>;

export function readVertical({ metadata, spec }: RawVertical, pod: PodSpec | null, report: Report): VerticalSpec {
  const policies = (spec.resourcePolicy?.containerPolicies ?? []).map((raw, index): VerticalPolicy => {
    const path: FieldPath = ['spec', 'resourcePolicy', 'containerPolicies', index];
    const container = raw.containerName == null || raw.containerName === '*' ? null : raw.containerName;
    if (container !== null && pod !== null && !scaledContainers(pod).some(({ name }) => name === container)) {
      report([...path, 'containerName'], 'missing-target', {
        en: `its pods have no container ${container}`,
        es: `sus pods no tienen un contenedor ${container}`,
      });
    }
    const bounds = (resource: ScaledResource): VerticalPolicy['cpu'] => {
      if (raw.controlledResources != null && !raw.controlledResources.includes(resource)) return null;
      const least = boundOf(raw.minAllowed, resource);
      const most = boundOf(raw.maxAllowed, resource);
      if (least !== null && most !== null && least > most) {
        report([...path, 'minAllowed', resource], 'conflict', {
          en: `minAllowed of ${resource} is more than maxAllowed`,
          es: `minAllowed de ${resource} es más que maxAllowed`,
        });
      }
      return { least, most };
    };
    return {
      container,
      scaled: raw.mode !== 'Off',
      cpu: bounds('cpu'),
      memory: bounds('memory'),
      limits: raw.controlledValues !== 'RequestsOnly',
    };
  });
  return {
    name: metadata.name,
    mode: MODES[spec.updatePolicy?.updateMode ?? 'Auto'],
    // VPA: the updater's own default, so that the last replica is not taken away.
    minReplicas: spec.updatePolicy?.minReplicas ?? 2,
    policies: policies.some(({ container }) => container === null) ? policies : [...policies, ANY_CONTAINER],
    requirements: (spec.updatePolicy?.evictionRequirements ?? []).map(({ resources, changeRequirement }) => ({
      resources,
      higher: changeRequirement === 'TargetHigherThanRequests',
    })),
  };
}

export function readBudget(
  { metadata, spec }: RawBudget,
  { project, environment }: { readonly project: string; readonly environment: string },
  report: Report,
): DisruptionBudget {
  const { selector, minAvailable, maxUnavailable, unhealthyPodEvictionPolicy } = spec;
  return {
    project,
    environment,
    name: metadata.name,
    selector: readSelector(['spec', 'selector'], selector, report),
    keeps:
      minAvailable == null
        ? { kind: 'unavailable', amount: maxUnavailable ?? 0 }
        : { kind: 'available', amount: minAvailable },
    unhealthyAlways: unhealthyPodEvictionPolicy === 'AlwaysAllow',
  };
}

function boundOf(bounds: RawBounds | null | undefined, resource: ScaledResource): number | null {
  return amountOf(resource, bounds?.[resource]);
}

/** Thousandths of a core, or bytes. */
function amountOf(resource: ScaledResource, written: string | number | null | undefined): number | null {
  const value = written == null ? null : parseQuantity(written);
  return value === null ? null : Math.ceil(resource === 'cpu' ? value * 1000 : value);
}

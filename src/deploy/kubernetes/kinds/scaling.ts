import type { Text } from '../../../system/index.ts';
import {
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  type Kind,
  list,
  object,
  refused,
  required,
  type Shape,
  TEXT,
} from '../schema.ts';
import { HEAD, LABEL_NAME, metadata, OBJECT_NAME } from './common.ts';
import { LABEL_SELECTOR } from './network.ts';

const NO_METRICS: Text = {
  en: 'hosts here measure what pods use of processor and memory; figures of other systems are not gathered',
  es: 'los hosts de aquí miden cuánto procesador y memoria usan los pods; no se recogen cifras de otros sistemas',
};
const ONE_RECOMMENDER: Text = {
  en: 'there is one recommender, on the host',
  es: 'hay un solo recomendador, en el host',
};
const NO_BOOST: Text = {
  en: 'a container without a processor limit already starts with all that is free on the host; leave limits.cpu out',
  es: 'un contenedor sin límite de procesador ya arranca con todo lo que está libre en el host; omitir limits.cpu',
};
const NOT_RESTARTED: Text = {
  en: 'a container that ran out of memory is started again at once, with the greater limit',
  es: 'un contenedor que agotó la memoria se inicia de nuevo enseguida, con el límite mayor',
};

const CPU: Shape = { kind: 'quantity', of: 'cpu' };
const BYTES: Shape = { kind: 'quantity', of: 'bytes' };
const REPLICAS = integer(1, 1_000);
const SECONDS = integer(0, 3_600);

const TARGET = (kinds: readonly string[]): Field =>
  required(
    object({
      kind: required(choice(kinds)),
      name: required(LABEL_NAME),
      apiVersion: enforced(TEXT),
    }),
  );

const METRIC_TARGET: Field = required(
  object(
    {
      type: required(
        choice(['Utilization', 'AverageValue'], {
          Value: {
            en: 'usage belongs to pods, so there is an average and no single value',
            es: 'el consumo es de los pods, así que hay un promedio y no un valor único',
          },
        }),
      ),
      averageUtilization: enforced(integer(1, 10_000)),
      averageValue: enforced(BYTES),
      value: refused({
        en: 'usage belongs to pods, so there is an average and no single value',
        es: 'el consumo es de los pods, así que hay un promedio y no un valor único',
      }),
    },
    ['averageUtilization', 'averageValue'],
  ),
);

const RESOURCE = required(choice(['cpu', 'memory']));
const RULES: Field = enforced(
  object({
    policies: enforced(
      list(
        object({
          type: required(choice(['Pods', 'Percent'])),
          value: required(integer(1, 100_000)),
          periodSeconds: required(integer(1, 1_800)),
        }),
        { least: 1 },
      ),
    ),
    selectPolicy: enforced(choice(['Max', 'Min', 'Disabled'])),
    stabilizationWindowSeconds: enforced(SECONDS),
    tolerance: enforced(CPU),
  }),
);

export const AUTOSCALER: Kind = {
  kind: 'HorizontalPodAutoscaler',
  apiVersion: 'autoscaling/v2',
  shape: object({
    ...HEAD('HorizontalPodAutoscaler', 'autoscaling/v2'),
    metadata: metadata(undefined, OBJECT_NAME),
    spec: required(
      object({
        scaleTargetRef: TARGET(['Deployment', 'StatefulSet']),
        minReplicas: enforced(REPLICAS),
        maxReplicas: required(REPLICAS),
        metrics: enforced(
          list(
            object({
              type: required(
                choice(['Resource', 'ContainerResource'], {
                  External: NO_METRICS,
                  Object: NO_METRICS,
                  Pods: NO_METRICS,
                }),
              ),
              resource: enforced(object({ name: RESOURCE, target: METRIC_TARGET })),
              containerResource: enforced(
                object({ name: RESOURCE, container: required(LABEL_NAME), target: METRIC_TARGET }),
              ),
              external: refused(NO_METRICS),
              object: refused(NO_METRICS),
              pods: refused(NO_METRICS),
            }),
          ),
        ),
        behavior: enforced(object({ scaleUp: RULES, scaleDown: RULES })),
      }),
    ),
  }),
};

const AMOUNTS: Field = enforced(object({ cpu: enforced(CPU), memory: enforced(BYTES) }));

export const VERTICAL_AUTOSCALER: Kind = {
  kind: 'VerticalPodAutoscaler',
  apiVersion: 'autoscaling.k8s.io/v1',
  shape: object({
    ...HEAD('VerticalPodAutoscaler', 'autoscaling.k8s.io/v1'),
    metadata: metadata(undefined, OBJECT_NAME),
    spec: required(
      object({
        targetRef: TARGET(['Deployment', 'StatefulSet', 'DaemonSet']),
        recommenders: refused(ONE_RECOMMENDER),
        startupBoost: refused(NO_BOOST),
        updatePolicy: enforced(
          object({
            updateMode: emulated(choice(['Off', 'Initial', 'Recreate', 'Auto', 'InPlaceOrRecreate', 'InPlace']), {
              en: 'Auto changes the running cgroup, and makes a pod anew only where that fails, as InPlaceOrRecreate does',
              es: 'Auto cambia el cgroup en marcha, y rehace un pod solo donde eso falla, igual que InPlaceOrRecreate',
            }),
            minReplicas: enforced(REPLICAS),
            evictionRequirements: enforced(
              list(
                object({
                  resources: required(list({ kind: 'choice', values: ['cpu', 'memory'], refused: {} }, { least: 1 })),
                  changeRequirement: required(choice(['TargetHigherThanRequests', 'TargetLowerThanRequests'])),
                }),
              ),
            ),
            evictAfterOOMSeconds: refused(NOT_RESTARTED),
          }),
        ),
        resourcePolicy: enforced(
          object({
            containerPolicies: enforced(
              list(
                object({
                  containerName: enforced({
                    kind: 'text',
                    pattern: /^(?:\*|[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)$/,
                    meaning: { en: 'the name of a container, or *', es: 'el nombre de un contenedor, o *' },
                  }),
                  mode: enforced(choice(['Auto', 'Off'])),
                  minAllowed: AMOUNTS,
                  maxAllowed: AMOUNTS,
                  controlledResources: enforced(list({ kind: 'choice', values: ['cpu', 'memory'], refused: {} })),
                  controlledValues: enforced(choice(['RequestsAndLimits', 'RequestsOnly'])),
                  startupBoost: refused(NO_BOOST),
                  ...Object.fromEntries(
                    [
                      'memoryAggregationIntervalCount',
                      'memoryAggregationIntervalSeconds',
                      'oomBumpUpRatio',
                      'oomMinBumpUp',
                    ].map((name) => [name, refused(ONE_RECOMMENDER)]),
                  ),
                }),
                { uniqueBy: 'containerName' },
              ),
            ),
          }),
        ),
      }),
    ),
  }),
};

export const BUDGET: Kind = {
  kind: 'PodDisruptionBudget',
  apiVersion: 'policy/v1',
  shape: object({
    ...HEAD('PodDisruptionBudget', 'policy/v1'),
    metadata: metadata(undefined, OBJECT_NAME),
    spec: required(
      object(
        {
          selector: required(LABEL_SELECTOR),
          minAvailable: enforced({ kind: 'allowance' }),
          maxUnavailable: enforced({ kind: 'allowance' }),
          unhealthyPodEvictionPolicy: enforced(choice(['IfHealthyBudget', 'AlwaysAllow'])),
        },
        ['minAvailable', 'maxUnavailable'],
      ),
    ),
  }),
};

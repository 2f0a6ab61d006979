import type { Json, Text } from '../../../system/index.ts';
import {
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  type Kind,
  list,
  object,
  orRecord,
  refused,
  required,
  type Shape,
  TEXT,
} from '../schema.ts';
import { HEAD, LABEL_NAME, LABELS, metadata, POD_ANNOTATIONS, SHORT_NAME, TEMPLATE_METADATA } from './common.ts';
import { CLAIM_TEMPLATE } from './content.ts';
import { POD_SPEC } from './pod.ts';

const SELECTOR: Shape = object({
  matchLabels: required(LABELS),
  matchExpressions: refused({
    en: 'pods are found by matchLabels, which their template must carry',
    es: 'los pods se encuentran por matchLabels, que su plantilla debe llevar',
  }),
});

export const DEPLOYMENT: Kind = {
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  shape: object({
    ...HEAD('Deployment', 'apps/v1'),
    metadata: metadata(),
    spec: required(
      object({
        replicas: enforced(integer(0, 1_000)),
        selector: required(SELECTOR),
        template: required(object({ metadata: { ...TEMPLATE_METADATA, required: true }, spec: required(POD_SPEC) })),
        strategy: enforced(
          object({
            type: enforced(choice(['RollingUpdate', 'Recreate'])),
            rollingUpdate: enforced(
              object({ maxSurge: enforced({ kind: 'allowance' }), maxUnavailable: enforced({ kind: 'allowance' }) }),
            ),
          }),
        ),
        minReadySeconds: enforced(integer(0, 3_600)),
        progressDeadlineSeconds: emulated(integer(1, 86_400), {
          en: 'when it passes, the previous version serves again by itself',
          es: 'cuando vence, la versión anterior vuelve a servir por sí sola',
        }),
        revisionHistoryLimit: emulated(integer(0, 1_000), {
          en: 'releases are kept in the history of the project; the engine keeps no old pods',
          es: 'las versiones quedan en la historia del proyecto; el motor no guarda pods viejos',
        }),
        paused: emulated(BOOLEAN, {
          en: 'holds back every version but the first one; darsena rollout pause and resume write it',
          es: 'retiene todas las versiones menos la primera; darsena rollout pause y resume lo escriben',
        }),
      }),
    ),
  }),
};

export const POD: Kind = {
  kind: 'Pod',
  apiVersion: 'v1',
  shape: object({ ...HEAD('Pod', 'v1'), metadata: metadata(POD_ANNOTATIONS), spec: required(POD_SPEC) }),
};

const TEMPLATE: Field = required(
  object({ metadata: { ...TEMPLATE_METADATA, required: true }, spec: required(POD_SPEC) }),
);
const HISTORY: Field = emulated(integer(0, 1_000), {
  en: 'releases are kept in the history of the project; the engine keeps no old pods',
  es: 'las versiones quedan en la historia del proyecto; el motor no guarda pods viejos',
});
const PARTITION: Text = {
  en: 'ordinals below it keep the version before; the one before is remembered until a further release, and what has to be made anew after that takes the newest',
  es: 'los ordinales por debajo conservan la versión anterior; esta se recuerda hasta otro despliegue, y lo que deba rehacerse después toma la más nueva',
};
const KEEPS_DATA: Text = {
  en: 'data is never removed by itself',
  es: 'los datos nunca se eliminan por sí solos',
};

export const STATEFUL_SET: Kind = {
  kind: 'StatefulSet',
  apiVersion: 'apps/v1',
  shape: object({
    ...HEAD('StatefulSet', 'apps/v1'),
    metadata: metadata(undefined, SHORT_NAME),
    spec: required(
      object({
        replicas: enforced(integer(0, 1_000)),
        selector: required(SELECTOR),
        serviceName: enforced(LABEL_NAME),
        template: TEMPLATE,
        podManagementPolicy: enforced(choice(['OrderedReady', 'Parallel'])),
        updateStrategy: enforced(
          object({
            type: enforced(choice(['RollingUpdate', 'OnDelete'])),
            rollingUpdate: enforced(
              object({
                partition: emulated(integer(0, 100_000), PARTITION),
                maxUnavailable: enforced({ kind: 'allowance' }),
              }),
            ),
          }),
        ),
        ordinals: enforced(object({ start: enforced(integer(0, 100_000)) })),
        volumeClaimTemplates: enforced(list(CLAIM_TEMPLATE)),
        persistentVolumeClaimRetentionPolicy: enforced(
          object({
            whenDeleted: enforced(choice(['Retain'], { Delete: KEEPS_DATA })),
            whenScaled: enforced(choice(['Retain'], { Delete: KEEPS_DATA })),
          }),
        ),
        minReadySeconds: enforced(integer(0, 3_600)),
        revisionHistoryLimit: HISTORY,
      }),
    ),
  }),
};

export const DAEMON_SET: Kind = {
  kind: 'DaemonSet',
  apiVersion: 'apps/v1',
  shape: object({
    ...HEAD('DaemonSet', 'apps/v1'),
    metadata: metadata(),
    spec: required(
      object({
        selector: required(SELECTOR),
        template: TEMPLATE,
        updateStrategy: enforced(
          object({
            type: enforced(choice(['RollingUpdate', 'OnDelete'])),
            rollingUpdate: enforced(
              object({ maxSurge: enforced({ kind: 'allowance' }), maxUnavailable: enforced({ kind: 'allowance' }) }),
            ),
          }),
        ),
        minReadySeconds: enforced(integer(0, 3_600)),
        revisionHistoryLimit: HISTORY,
      }),
    ),
  }),
};

const SECONDS = integer(0, 31_536_000);
const OWN_SELECTOR: Text = {
  en: 'pods of a job are found by what the platform writes on them; leave it out',
  es: 'los pods de un trabajo se encuentran por lo que la plataforma escribe en ellos; omitirlo',
};

/** As the controller of jobs makes it: by the uid of the job alone, under its name of today or of former versions. */
function isGenerated(value: Json): boolean {
  const { matchLabels, ...rest } = Object(value) as Record<string, Json>;
  const names = Object.keys(Object(matchLabels) as object);
  return (
    Object.keys(rest).length === 0 &&
    names.length > 0 &&
    names.every((name) => name === 'batch.kubernetes.io/controller-uid' || name === 'controller-uid')
  );
}

/** A pod of a job has no time of its own. */
const JOB_POD: Shape = object({
  ...(POD_SPEC.kind === 'object' ? POD_SPEC.fields : {}),
  activeDeadlineSeconds: emulated(integer(1, 31_536_000), {
    en: 'it counts for the job as a whole: the shorter of this and the activeDeadlineSeconds of the job ends it, without another try',
    es: 'cuenta para todo el trabajo: lo termina el menor entre este y el activeDeadlineSeconds del trabajo, sin otro intento',
  }),
});

const JOB_SPEC: Shape = object({
  // No selector has to find its pods, so that they need neither labels nor a place for them.
  template: required(object({ metadata: TEMPLATE_METADATA, spec: required(JOB_POD) })),
  completions: enforced(integer(0, 100_000)),
  parallelism: enforced(integer(0, 1_000)),
  backoffLimit: enforced(integer(0, 2_147_483_647)),
  activeDeadlineSeconds: enforced(SECONDS),
  ttlSecondsAfterFinished: enforced(SECONDS),
  completionMode: enforced(choice(['NonIndexed', 'Indexed'])),
  suspend: enforced(BOOLEAN),
  backoffLimitPerIndex: enforced(integer(0, 2_147_483_647)),
  maxFailedIndexes: enforced(integer(0, 100_000)),
  podFailurePolicy: enforced(
    object({
      rules: required(
        list(
          object(
            {
              action: required(choice(['FailJob', 'FailIndex', 'Ignore', 'Count'])),
              onExitCodes: enforced(
                object({
                  operator: required(choice(['In', 'NotIn'])),
                  values: required(list(integer(0, 255), { least: 1 })),
                  containerName: enforced(LABEL_NAME),
                }),
              ),
              onPodConditions: refused({
                en: 'no condition of Kubernetes stands on a pod here; a pod that lost its host counts as failed',
                es: 'ningún pod lleva aquí condiciones de Kubernetes; uno que perdió su host cuenta como fallido',
              }),
            },
            ['onExitCodes'],
          ),
        ),
      ),
    }),
  ),
  successPolicy: enforced(
    object({
      rules: required(
        list(
          object({
            succeededIndexes: enforced({
              kind: 'text',
              pattern: /^\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?)*$/,
              meaning: { en: 'indexes such as 0,2-4', es: 'índices como 0,2-4' },
            }),
            succeededCount: enforced(integer(1, 100_000)),
          }),
          { least: 1 },
        ),
      ),
    }),
  ),
  podReplacementPolicy: emulated(choice(['TerminatingOrFailed', 'Failed']), {
    en: 'a pod is made anew when the former one has ended',
    es: 'un pod se crea de nuevo cuando el anterior ha terminado',
  }),
  selector: orRecord(
    refused(OWN_SELECTOR),
    {
      en: 'the selector that a cluster made of the uid of its own job; pods of a job are found by what the platform writes on them',
      es: 'el selector que un clúster hizo con el uid de su propio trabajo; los pods de un trabajo se encuentran por lo que la plataforma escribe en ellos',
    },
    { marked: false, is: isGenerated },
  ),
  manualSelector: refused(OWN_SELECTOR, false),
  managedBy: refused(
    { en: 'jobs are kept by this platform', es: 'los trabajos los lleva esta plataforma' },
    'kubernetes.io/job-controller',
  ),
});

export const JOB: Kind = {
  kind: 'Job',
  apiVersion: 'batch/v1',
  shape: object({ ...HEAD('Job', 'batch/v1'), metadata: metadata(), spec: required(JOB_SPEC) }),
};

export const CRON_JOB: Kind = {
  kind: 'CronJob',
  apiVersion: 'batch/v1',
  shape: object({
    ...HEAD('CronJob', 'batch/v1'),
    metadata: metadata(undefined, SHORT_NAME),
    spec: required(
      object({
        schedule: required(TEXT),
        timeZone: enforced(TEXT),
        concurrencyPolicy: enforced(choice(['Allow', 'Forbid', 'Replace'])),
        startingDeadlineSeconds: enforced(SECONDS),
        successfulJobsHistoryLimit: enforced(integer(0, 1_000)),
        failedJobsHistoryLimit: enforced(integer(0, 1_000)),
        suspend: enforced(BOOLEAN),
        jobTemplate: required(object({ metadata: TEMPLATE_METADATA, spec: required(JOB_SPEC) })),
      }),
    ),
  }),
};

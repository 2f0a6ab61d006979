import {
  choice,
  emulated,
  enforced,
  integer,
  type Kind,
  object,
  refused,
  refusedKind,
  required,
  type Shape,
} from '../schema.ts';
import { HEAD, LABELS, LATER, metadata, TEMPLATE_METADATA } from './common.ts';
import { POD_SPEC } from './pod.ts';

const SELECTOR: Shape = object({
  matchLabels: required(LABELS),
  matchExpressions: refused(LATER),
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
        paused: refused(LATER, false),
      }),
    ),
  }),
};

export const POD: Kind = {
  kind: 'Pod',
  apiVersion: 'v1',
  shape: object({ ...HEAD('Pod', 'v1'), metadata: metadata(), spec: required(POD_SPEC) }),
};

export const STATEFUL_SET: Kind = refusedKind('StatefulSet', 'apps/v1', LATER);
export const DAEMON_SET: Kind = refusedKind('DaemonSet', 'apps/v1', LATER);
export const JOB: Kind = refusedKind('Job', 'batch/v1', LATER);
export const CRON_JOB: Kind = refusedKind('CronJob', 'batch/v1', LATER);

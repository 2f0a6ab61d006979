import { emulated, enforced, type Kind, list, object, orRecord, refused, required } from '../schema.ts';
import {
  ANNOTATIONS,
  CARRIED,
  HEAD,
  LABEL_NAME,
  LABELS,
  metadata,
  NO_API,
  OBJECT_NAME,
  RECORD,
  SERVER,
} from './common.ts';

const NAMES_ONLY = {
  en: 'a name that pods may carry; there is no Kubernetes API, so it has no rights and no token',
  es: 'un nombre que los pods pueden llevar; no hay API de Kubernetes, así que no tiene derechos ni token',
};

export const SERVICE_ACCOUNT: Kind = {
  kind: 'ServiceAccount',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('ServiceAccount', 'v1'),
    metadata: metadata(undefined, OBJECT_NAME),
    // Charts write what holds in Kubernetes where nothing is said. A pod that asks for the token by itself is refused.
    automountServiceAccountToken: orRecord(
      refused(NO_API, false),
      {
        en: 'true is how it is in Kubernetes where nothing is said; there is no Kubernetes API here, so pods get no token',
        es: 'true es lo que vale en Kubernetes donde no se dice nada; aquí no hay API de Kubernetes, así que los pods no reciben ningún token',
      },
      { marked: false, of: 'nothing', is: (value) => value === true },
    ),
    imagePullSecrets: emulated(list(object({ name: required(OBJECT_NAME) })), NAMES_ONLY),
    secrets: orRecord(refused(NO_API), RECORD),
  }),
};

const plain = metadata().shape;

export const NAMESPACE_KIND: Kind = {
  kind: 'Namespace',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('Namespace', 'v1'),
    metadata: required(
      object({
        ...(plain.kind === 'object' ? plain.fields : {}),
        name: {
          ...emulated(LABEL_NAME, {
            en: 'the environment that is deployed to takes its place',
            es: 'el entorno al que se despliega ocupa su lugar',
          }),
          required: true,
        },
        labels: emulated(LABELS, CARRIED),
        annotations: emulated(ANNOTATIONS, CARRIED),
      }),
    ),
    spec: enforced(
      object({
        finalizers: orRecord(refused(SERVER), RECORD, {
          marked: false,
          is: (value) => JSON.stringify(value) === '["kubernetes"]',
        }),
      }),
    ),
  }),
};

import { emulated, enforced, type Kind, list, object, refused, required } from '../schema.ts';
import { ANNOTATIONS, CARRIED, HEAD, LABEL_NAME, LABELS, metadata, NO_API, OBJECT_NAME, SERVER } from './common.ts';

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
    automountServiceAccountToken: refused(NO_API, false),
    imagePullSecrets: emulated(list(object({ name: required(OBJECT_NAME) })), NAMES_ONLY),
    secrets: refused(NO_API),
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
    spec: enforced(object({ finalizers: refused(SERVER) })),
  }),
};

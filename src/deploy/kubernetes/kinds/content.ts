import {
  allRefused,
  BOOLEAN,
  choice,
  emulated,
  enforced,
  type Field,
  type Kind,
  list,
  object,
  refused,
  required,
  type Shape,
} from '../schema.ts';
import { BASE64_DATA, FOREIGN_STORAGE, HEAD, metadata, SECRET_DATA, SECRET_TEXT, SERVER, TEXT_DATA } from './common.ts';

const IMMUTABLE: Field = emulated(BOOLEAN, {
  en: 'each version keeps its own content, so a running one never changes',
  es: 'cada versión conserva su propio contenido, así que el de una en marcha nunca cambia',
});

export const CONFIG_MAP: Kind = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('ConfigMap', 'v1'),
    metadata: metadata(),
    data: enforced(TEXT_DATA),
    binaryData: enforced(BASE64_DATA),
    immutable: IMMUTABLE,
  }),
};

export const SECRET: Kind = {
  kind: 'Secret',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('Secret', 'v1'),
    metadata: metadata(),
    data: enforced(SECRET_DATA),
    stringData: enforced(SECRET_TEXT),
    type: emulated(
      {
        kind: 'text',
        pattern: /^(?!kubernetes\.io\/service-account-token$|bootstrap\.kubernetes\.io\/token$)[-A-Za-z0-9./_]{1,253}$/,
        meaning: {
          en: 'a type of Secret; tokens of a Kubernetes API are not among them',
          es: 'un tipo de Secret; los tokens de una API de Kubernetes no están entre ellos',
        },
      },
      {
        en: 'what it holds is used as it is written; a type gives it no other meaning',
        es: 'lo que contiene se usa tal como está escrito; el tipo no le da otro significado',
      },
    ),
    immutable: IMMUTABLE,
  }),
};

const CLAIM_SPEC: Field = required(
  object({
    accessModes: required(
      list(choice(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']), { least: 1 }),
    ),
    resources: required(
      object({
        requests: required(
          object({
            storage: {
              ...emulated(
                { kind: 'quantity', of: 'bytes' },
                {
                  en: 'recorded; a local volume takes what the disk of the host has',
                  es: 'se registra; un volumen local toma lo que tenga el disco del host',
                },
              ),
              required: true,
            },
          }),
        ),
        limits: refused({
          en: 'a local volume has no limit of its own',
          es: 'un volumen local no tiene límite propio',
        }),
      }),
    ),
    storageClassName: enforced(choice(['local'])),
    volumeMode: enforced(
      choice(['Filesystem'], { Block: { en: 'volumes are folders here', es: 'los volúmenes son aquí carpetas' } }),
    ),
    ...allRefused({ en: 'a new volume is empty', es: 'un volumen nuevo está vacío' }, ['dataSource', 'dataSourceRef']),
    ...allRefused(
      {
        en: 'the platform makes the volume of a claim; none is chosen',
        es: 'la plataforma crea el volumen de una petición; no se elige ninguno',
      },
      ['selector', 'volumeName'],
    ),
    volumeAttributesClassName: refused(FOREIGN_STORAGE),
  }),
);

export const CLAIM: Kind = {
  kind: 'PersistentVolumeClaim',
  apiVersion: 'v1',
  shape: object({ ...HEAD('PersistentVolumeClaim', 'v1'), metadata: metadata(), spec: CLAIM_SPEC }),
};

/** A claim as a StatefulSet makes it for each of its pods. */
export const CLAIM_TEMPLATE: Shape = object({
  apiVersion: enforced(choice(['v1'])),
  kind: enforced(choice(['PersistentVolumeClaim'])),
  status: refused(SERVER),
  metadata: metadata(),
  spec: CLAIM_SPEC,
});

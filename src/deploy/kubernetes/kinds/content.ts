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
} from '../schema.ts';
import { BASE64_DATA, HEAD, LATER, metadata, NO_API, SECRET_DATA, SECRET_TEXT, TEXT_DATA } from './common.ts';

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
    type: enforced(
      choice(['Opaque'], {
        'kubernetes.io/tls': LATER,
        'kubernetes.io/dockerconfigjson': {
          en: 'the platform pulls from its own registry with its own token',
          es: 'la plataforma descarga de su propio registro con su propio token',
        },
        'kubernetes.io/service-account-token': NO_API,
      }),
    ),
    immutable: IMMUTABLE,
  }),
};

export const CLAIM: Kind = {
  kind: 'PersistentVolumeClaim',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('PersistentVolumeClaim', 'v1'),
    metadata: metadata(),
    spec: required(
      object({
        accessModes: required(
          list(choice(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'], { ReadWriteOncePod: LATER }), { least: 1 }),
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
        volumeMode: enforced(choice(['Filesystem'], { Block: LATER })),
        ...allRefused(LATER, ['dataSource', 'dataSourceRef', 'selector', 'volumeAttributesClassName', 'volumeName']),
      }),
    ),
  }),
};

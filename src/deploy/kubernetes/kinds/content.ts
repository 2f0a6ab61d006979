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
  orRecord,
  record,
  refused,
  required,
  type Shape,
} from '../schema.ts';
import {
  BASE64_DATA,
  FOREIGN_STORAGE,
  HEAD,
  LABEL,
  metadata,
  OBJECT_NAME,
  RECORD,
  SECRET_DATA,
  SECRET_TEXT,
  TEXT_DATA,
} from './common.ts';

const IMMUTABLE: Field = emulated(BOOLEAN, {
  en: 'each version keeps its own content, so a running one never changes',
  es: 'cada versión conserva su propio contenido, así que el de una en marcha nunca cambia',
});

export const CONFIG_MAP: Kind = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  shape: object({
    ...HEAD('ConfigMap', 'v1'),
    metadata: metadata(undefined, OBJECT_NAME),
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
    metadata: metadata(undefined, OBJECT_NAME),
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
        en: 'the keys that its type asks for must be there; what it holds is used as it is written',
        es: 'deben estar las claves que pide su tipo; lo que contiene se usa tal como está escrito',
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
                  en: 'kept by a project quota where the file system has one (ext4, XFS with prjquota); elsewhere the volume is measured and said to be full',
                  es: 'lo impone una cuota de proyecto donde el sistema de archivos la tiene (ext4, XFS con prjquota); si no, el volumen se mide y se avisa de que está lleno',
                },
              ),
              required: true,
            },
          }),
        ),
        limits: refused({
          en: 'what is requested is the limit',
          es: 'lo que se pide es el límite',
        }),
      }),
    ),
    // Empty, it would wait for a volume that somebody makes by hand.
    storageClassName: enforced({
      kind: 'text',
      accepts: (name) => name !== '' && LABEL.test(name),
      emptyIsMeant: true,
      meaning: {
        en: 'the name of a storage class; leave it out for the default one (an empty name asks for a volume made by hand, and there are none)',
        es: 'el nombre de una clase de almacenamiento; omitirlo para la predeterminada (un nombre vacío pide un volumen hecho a mano, y no los hay)',
      },
    }),
    volumeMode: enforced(
      choice(['Filesystem'], { Block: { en: 'volumes are folders here', es: 'los volúmenes son aquí carpetas' } }),
    ),
    ...allRefused(
      {
        en: 'a new volume is empty; darsena backup restore fills one before it is deployed',
        es: 'un volumen nuevo está vacío; darsena backup restore llena uno antes de desplegarlo',
      },
      ['dataSource', 'dataSourceRef'],
    ),
    ...allRefused(
      {
        en: 'the platform makes the volume of a claim; none is chosen',
        es: 'la plataforma crea el volumen de una petición; no se elige ninguno',
      },
      ['selector'],
    ),
    volumeName: orRecord(
      refused({
        en: 'the platform makes the volume of a claim; none is chosen',
        es: 'la plataforma crea el volumen de una petición; no se elige ninguno',
      }),
      {
        en: 'the volume that it had in the cluster it was read from; its volume here is another one, without that content (darsena backup restore fills one)',
        es: 'el volumen que tenía en el clúster del que se leyó; aquí su volumen es otro, sin ese contenido (darsena backup restore llena uno)',
      },
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
  status: record(RECORD),
  metadata: metadata(),
  spec: CLAIM_SPEC,
});

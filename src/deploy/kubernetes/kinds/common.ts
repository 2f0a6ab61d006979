import type { Json, Text } from '../../../system/index.ts';
import { ULIMITS_ANNOTATION, ULIMITS_MEANING } from '../../ulimits.ts';
import {
  choice,
  emulated,
  enforced,
  type Field,
  integer,
  object,
  orRecord,
  record,
  refused,
  required,
  type Shape,
  TEXT,
} from '../schema.ts';
import { OTHER_VERSIONS } from '../versions.ts';

export const FOREIGN_STORAGE: Text = {
  en: 'it names storage of a cloud or a driver that is not here; ask for it with a PersistentVolumeClaim',
  es: 'nombra almacenamiento de una nube o un controlador que aquí no existe; pedirlo con un PersistentVolumeClaim',
};
export const ONE_DOMAIN: Text = {
  en: 'there is one host, so it holds for every pod',
  es: 'hay un solo host, de modo que se cumple en todos los pods',
};
export const A_WISH: Text = {
  en: 'a preference: with one host there is no other place to prefer',
  es: 'una preferencia: con un solo host no hay otro lugar que preferir',
};
export const NO_PREEMPTION: Text = {
  en: 'nothing is preempted here: what does not fit does not start',
  es: 'aquí nada se desaloja: lo que no cabe no arranca',
};
export const LOG_KEPT: Text = {
  en: 'the log of an ended container is kept until the next one ended, and its last lines say why',
  es: 'el registro de un contenedor terminado se conserva hasta que termine el siguiente, y sus últimas líneas dicen por qué',
};
export const HOST: Text = {
  en: 'it would open the host to the workload',
  es: 'abriría el host a la carga de trabajo',
};
export const ONE_HOST: Text = {
  en: 'there is one host here, so there is nothing to choose',
  es: 'aquí hay un solo host, de modo que no hay nada que elegir',
};
export const SERVER: Text = {
  en: 'it is written by the platform, not by the author',
  es: 'lo escribe la plataforma, no quien escribe el archivo',
};
export const RECORD: Text = {
  en: 'left aside, as a record of another cluster, which asks for nothing',
  es: 'se deja de lado, como registro de otro clúster, que no pide nada',
};
export const NO_API: Text = {
  en: 'there is no Kubernetes API here that a workload could speak to',
  es: 'aquí no hay una API de Kubernetes con la que hablar',
};
export const OTHER_SYSTEM: Text = {
  en: 'it does not concern Linux containers',
  es: 'no concierne a contenedores Linux',
};
export const ONE_WAY: Text = {
  en: 'only this value has a meaning here',
  es: 'aquí solo este valor tiene sentido',
};

/** RFC 1123 label: what it names is found by DNS or has its name in that of a host. */
export const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
export const LABEL_NAME: Shape = {
  kind: 'text',
  pattern: LABEL,
  meaning: {
    en: 'lower-case letters, digits and dashes, at most 63 (a label of DNS)',
    es: 'minúsculas, dígitos y guiones, como máximo 63 (una etiqueta de DNS)',
  },
};
/** Of what names its pods by more than a number: Kubernetes has this bound for a CronJob, and pods of a longer StatefulSet fail there. */
export const SHORT_NAME: Shape = {
  kind: 'text',
  pattern: /^[a-z0-9](?:[-a-z0-9]{0,50}[a-z0-9])?$/,
  meaning: {
    en: 'lower-case letters, digits and dashes, at most 52, as in Kubernetes: the names of its pods add to it',
    es: 'minúsculas, dígitos y guiones, como máximo 52, como en Kubernetes: los nombres de sus pods le añaden',
  },
};
/** RFC 1123 subdomain: of what is only looked up by its name. */
export const OBJECT_NAME: Shape = {
  kind: 'text',
  pattern: /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/,
  meaning: {
    en: 'lower-case letters, digits, dashes and dots, at most 253',
    es: 'minúsculas, dígitos, guiones y puntos, como máximo 253',
  },
};
export const PORT_NAME: Shape = {
  kind: 'text',
  pattern: /^(?=.*[a-z])[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?$/,
  meaning: {
    en: 'lower-case letters, digits and dashes, at most 15, with a letter',
    es: 'minúsculas, dígitos y guiones, como máximo 15, con una letra',
  },
};
export const ABSOLUTE_PATH: Shape = {
  kind: 'text',
  pattern: /^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^:\0]*$/,
  meaning: { en: 'an absolute path without .. and colons', es: 'una ruta absoluta sin .. ni dos puntos' },
};
/** Not a folder of the kernel: a run-time that opens one on the way in may hand over the host (CVE-2024-21626). */
export const WORKING_FOLDER: Shape = {
  kind: 'text',
  pattern: /^(?!\/+(?:\.\/+)*(?:proc|sys|dev)(?:\/|$))\/(?!.*(?:^|\/)\.\.(?:\/|$))[^:\0]*$/,
  meaning: {
    en: 'an absolute path without .. and colons, not in /proc, /sys or /dev',
    es: 'una ruta absoluta sin .. ni dos puntos, fuera de /proc, /sys y /dev',
  },
};
export const INNER_PATH: Shape = {
  kind: 'text',
  pattern: /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0]+$/,
  meaning: { en: 'a relative path without ..', es: 'una ruta relativa sin ..' },
};
export const ENV_NAME: Shape = {
  kind: 'text',
  pattern: /^[-._a-zA-Z][-._a-zA-Z0-9]*$/,
  meaning: {
    en: 'letters, digits, dashes, dots and underscores, not beginning with a digit',
    es: 'letras, dígitos, guiones, puntos y guiones bajos, sin empezar por un dígito',
  },
};
export const ANY: Shape = { kind: 'anything' };
export const IP_ADDRESS: Shape = {
  kind: 'text',
  pattern: /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$|^(?=.*:)[0-9a-fA-F:.]{2,45}$/,
  meaning: { en: 'an IP address', es: 'una dirección IP' },
};
export const HOST_NAME: Shape = {
  kind: 'text',
  pattern: /^(?=.{1,253}$)[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9])?)*$/,
  meaning: { en: 'a host name', es: 'un nombre de host' },
};
export const PORT_NUMBER = integer(1, 65_535);
export const QUALIFIED_NAME =
  /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
export const LABELS: Shape = {
  kind: 'map',
  key: QUALIFIED_NAME,
  keyMeaning: { en: 'a label name', es: 'un nombre de etiqueta' },
  value: {
    kind: 'text',
    pattern: /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
    meaning: { en: 'a label value, at most 63 characters', es: 'un valor de etiqueta, como máximo 63 caracteres' },
  },
};
export const ANNOTATIONS: Shape = {
  kind: 'map',
  key: QUALIFIED_NAME,
  keyMeaning: { en: 'an annotation name', es: 'un nombre de anotación' },
  value: TEXT,
};
export const DATA_KEY = /^(?!\.$|\.\.)[-._a-zA-Z0-9]{1,253}$/;
export const DATA_KEY_MEANING: Text = {
  en: 'letters, digits, dashes, dots and underscores, not beginning with two dots',
  es: 'letras, dígitos, guiones, puntos y guiones bajos, sin empezar por dos puntos seguidos',
};
export const TEXT_DATA: Shape = { kind: 'map', key: DATA_KEY, keyMeaning: DATA_KEY_MEANING, value: TEXT };
export const BASE64: Extract<Shape, { kind: 'text' }> = {
  kind: 'text',
  pattern: /^(?:[A-Za-z0-9+/]{4}|\s)*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/,
  meaning: { en: 'base64', es: 'base64' },
};
export const BASE64_DATA: Shape = { kind: 'map', key: DATA_KEY, keyMeaning: DATA_KEY_MEANING, value: BASE64 };
export const SECRET_DATA: Shape = { ...BASE64_DATA, value: { ...BASE64, hidden: true } };
export const SECRET_TEXT: Shape = { ...TEXT_DATA, value: { kind: 'text', hidden: true } };

export const CARRIED: Text = {
  en: 'carried along; nothing of the platform acts on it',
  es: 'se conserva; nada de la plataforma actúa por ella',
};

const NAMESPACE_FIELD: Field = emulated(LABEL_NAME, {
  en: 'the environment that is deployed to is the namespace; all documents of a project must name one and the same',
  es: 'el entorno al que se despliega es el espacio de nombres; todos los documentos de un proyecto deben nombrar uno solo',
});

const OWNED: Text = {
  en: 'a record of another cluster: the object is left out where its owner, which makes it anew, is deployed as well, and stands by itself where it is not',
  es: 'un registro de otro clúster: el objeto se omite donde también se despliega su dueño, que lo hace de nuevo, y vale por sí mismo donde no',
};
const RECORDS: Record<string, Field> = {
  ...Object.fromEntries(
    [
      'creationTimestamp',
      'deletionGracePeriodSeconds',
      'deletionTimestamp',
      'generation',
      'managedFields',
      'resourceVersion',
      'selfLink',
      'uid',
    ].map((name) => [name, record(RECORD)]),
  ),
  ownerReferences: record(OWNED),
};

function hasName(document: Json): boolean {
  const { metadata: head } = Object(document) as { metadata?: Json };
  const { name } = Object(head) as { name?: Json };
  return typeof name === 'string' && name !== '';
}

export function metadata(annotations: Field = emulated(ANNOTATIONS, CARRIED), name: Shape = LABEL_NAME): Field {
  return required(
    object({
      name: required(name),
      labels: enforced(LABELS),
      annotations,
      namespace: NAMESPACE_FIELD,
      // Kubernetes too looks at it only where there is no name.
      generateName: orRecord(
        refused({ en: 'the platform needs a fixed name', es: 'la plataforma necesita un nombre fijo' }),
        RECORD,
        { marked: false, is: (_value, document) => hasName(document) },
      ),
      finalizers: orRecord(refused(SERVER), RECORD),
      ...RECORDS,
    }),
  );
}

/** Of a pod, or of what pods are made from. */
export const POD_ANNOTATIONS: Field = emulated(ANNOTATIONS, {
  en: `${ULIMITS_ANNOTATION} limits processes, as ulimits do in Compose: ${ULIMITS_MEANING.en}; other annotations are carried along`,
  es: `${ULIMITS_ANNOTATION} limita los procesos, como ulimits en Compose: ${ULIMITS_MEANING.es}; las demás anotaciones se conservan`,
});

const UNREAD: Text = {
  en: 'nothing acts on it, as in Kubernetes: pods are named after their workload and stand in its environment',
  es: 'nada actúa por ello, como en Kubernetes: los pods llevan el nombre de su carga de trabajo y están en su entorno',
};

export const TEMPLATE_METADATA: Field = enforced(
  object({
    labels: enforced(LABELS),
    annotations: POD_ANNOTATIONS,
    // What controllers of Kubernetes take of a template is its labels, annotations and finalizers (GetPodFromTemplate).
    name: emulated(TEXT, UNREAD),
    namespace: emulated(TEXT, UNREAD),
    generateName: emulated(TEXT, UNREAD),
    finalizers: refused(SERVER),
    ...RECORDS,
  }),
);

export const HEAD = (kind: string, apiVersion: string): Record<string, Field> => ({
  apiVersion: required(choice([apiVersion], OTHER_VERSIONS[kind] ?? {})),
  kind: required(choice([kind])),
  status: record(RECORD),
});

import { FormatError, parseManifests, sayFormatError, type YamlDocument } from '../../formats/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { nearestName } from './suggest.ts';
import { toServedVersion } from './versions.ts';

export interface ManifestFile {
  /** As people know it, relative to their project. */
  readonly path: string;
  readonly text: string;
}

export type FieldPath = readonly (string | number)[];

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One YAML document, with the place of each of its values. */
export interface ManifestDocument {
  readonly value: Json;
  locate(path: FieldPath): Place;
}

export type ProblemKind =
  | 'syntax'
  | 'unknown-kind'
  | 'unknown-field'
  | 'missing-field'
  | 'wrong-value'
  | 'refused'
  | 'missing-target'
  | 'conflict';

/** One thing that is wrong, where it stands, and what would be right. */
export interface ManifestProblem extends Place {
  readonly kind: ProblemKind;
  /** As `spec.template.spec.containers[0].image`; empty for a whole document. */
  readonly field: string;
  readonly text: Text;
}

export function formatPath(path: FieldPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(part)) return text === '' ? part : `${text}.${part}`;
    return `${text}['${part}']`;
  }, '');
}

export function problemAt(document: ManifestDocument, path: FieldPath, kind: ProblemKind, text: Text): ManifestProblem {
  return { ...document.locate(path), kind, field: formatPath(path), text };
}

/** Reads all files; a file that cannot be read is one problem and does not hide the others. */
export function readManifests(files: readonly ManifestFile[]): {
  documents: ManifestDocument[];
  /** What another document makes anew, and is left out for that: `kubectl get all` writes both. */
  owned: OwnedDocument[];
  /** What Helm makes at another time than that of an install or an upgrade: tests, and what comes before a removal. */
  untimely: ManifestDocument[];
  problems: ManifestProblem[];
} {
  const documents: ManifestDocument[] = [];
  const problems: ManifestProblem[] = [];
  for (const { path, text } of files) {
    try {
      const { objects, lists } = parseManifests(text);
      const inFile = ({ value, locate }: YamlDocument): ManifestDocument => ({
        value,
        locate: (field) => ({ file: path, ...locate(field) }),
      });
      for (const list of lists) problems.push(...judgeList(inFile(list)));
      documents.push(...objects.map((object) => toServedVersion(inFile(object))));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const position = error.position ?? { line: 1, column: 1 };
      problems.push({
        file: path,
        ...position,
        kind: 'syntax',
        field: '',
        text: sayFormatError(error),
      });
    }
  }
  const { kept, owned } = withoutOwned(documents);
  const isUntimely = ({ value }: ManifestDocument): boolean => helmHookOf(value)?.isLeftOut === true;
  return {
    documents: kept.filter((one) => !isUntimely(one)),
    owned,
    untimely: kept.filter(isUntimely),
    problems,
  };
}

/** Of the hooks of Helm 3, and of `test` as Helm 2 called it, those that neither an install nor an upgrade makes. */
const HOOKS_OF_OTHER_TIMES: readonly string[] = [
  'test',
  'test-success',
  'test-failure',
  'pre-delete',
  'post-delete',
  'pre-rollback',
  'post-rollback',
];

export interface HelmHook {
  /** As it is written: `pre-install,pre-upgrade`. */
  readonly written: string;
  readonly isLeftOut: boolean;
}

/** When Helm would make an object that `helm template` printed with all others; null for one that has no time of its own. */
export function helmHookOf(value: Json): HelmHook | null {
  const metadata = isObject(value) ? value['metadata'] : undefined;
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  const written = isObject(annotations) ? annotations['helm.sh/hook'] : undefined;
  if (typeof written !== 'string') return null;
  const names = written
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) return null;
  return { written: names.join(', '), isLeftOut: names.every((name) => HOOKS_OF_OTHER_TIMES.includes(name)) };
}

/** A List is a way to write several documents in one; what else is written in it nobody would read. */
function judgeList(list: ManifestDocument): ManifestProblem[] {
  const value = isObject(list.value) ? list.value : {};
  const unknown = Object.keys(value).filter((name) => !['apiVersion', 'kind', 'metadata', 'items'].includes(name));
  return [
    ...unknown.map((name) =>
      problemAt(list, [name], 'unknown-field', {
        en: `a ${value['kind']} has apiVersion, kind, metadata and items, and no field ${JSON.stringify(name)}`,
        es: `un ${value['kind']} tiene apiVersion, kind, metadata e items, y ningún campo ${JSON.stringify(name)}`,
      }),
    ),
    ...(typeof value['apiVersion'] === 'string'
      ? []
      : [problemAt(list, ['apiVersion'], 'missing-field', { en: 'apiVersion is missing', es: 'falta apiVersion' })]),
    ...(Array.isArray(value['items'])
      ? []
      : [
          problemAt(list, ['items'], 'missing-field', {
            en: 'items is missing: a List without objects',
            es: 'falta items: un List sin objetos',
          }),
        ]),
  ];
}

export interface OwnedDocument {
  readonly document: ManifestDocument;
  /** As `Deployment web`. */
  readonly owner: string;
}

/** Takes out what a controller made of another document that is here: pods of a Deployment, jobs of a CronJob. */
function withoutOwned(documents: readonly ManifestDocument[]): { kept: ManifestDocument[]; owned: OwnedDocument[] } {
  const names = new Set(
    documents.map(({ value }) => {
      const { kind, name } = identify(value);
      return `${kind} ${name}`;
    }),
  );
  const kept: ManifestDocument[] = [];
  const owned: OwnedDocument[] = [];
  for (const document of documents) {
    const owner = ownersOf(document.value).find((one) => names.has(one));
    if (owner === undefined) kept.push(document);
    else owned.push({ document, owner });
  }
  return { kept, owned };
}

/** What controllers make of a document. Whatever else names an owner nobody would make anew, and it is deployed. */
const MADE: ReadonlyMap<string, readonly string[]> = new Map([
  ['CronJob', ['Job']],
  ['DaemonSet', ['ControllerRevision', 'Pod']],
  ['Deployment', ['Pod', 'ReplicaSet']],
  ['Job', ['Pod']],
  ['ReplicaSet', ['Pod']],
  ['Service', ['EndpointSlice', 'Endpoints']],
  ['StatefulSet', ['ControllerRevision', 'PersistentVolumeClaim', 'Pod']],
]);

/** Who controls an object, by kind and name; of a pod also the Deployment behind its ReplicaSet. */
function ownersOf(value: Json): string[] {
  const metadata = isObject(value) && isObject(value['metadata']) ? value['metadata'] : {};
  const made = isObject(value) && typeof value['kind'] === 'string' ? value['kind'] : '';
  const { ownerReferences, labels } = metadata;
  const hash = isObject(labels) ? labels['pod-template-hash'] : undefined;
  return (Array.isArray(ownerReferences) ? ownerReferences : []).flatMap((one) => {
    if (!isObject(one) || one['controller'] !== true) return [];
    const { kind, name } = one;
    if (typeof kind !== 'string' || typeof name !== 'string') return [];
    const behind =
      kind === 'ReplicaSet' && typeof hash === 'string' && hash !== '' && name.endsWith(`-${hash}`)
        ? [`Deployment ${name.slice(0, -hash.length - 1)}`]
        : [];
    return [`${kind} ${name}`, ...behind].filter((owner) => MADE.get(owner.split(' ', 1)[0] ?? '')?.includes(made));
  });
}

/** Which document an overlay changes, and how: a JSON merge patch (RFC 7396), in which null takes a member away. */
export interface Overlay {
  readonly kind: string;
  readonly name: string;
  readonly patch: Json;
  /** Where a value of the patch stands. */
  locate(path: FieldPath): Place;
}

/** An overlay written as a part of a manifest: `kind` and `metadata.name` say which one. */
export function toOverlay(document: ManifestDocument): Overlay | null {
  const { kind, name } = identify(document.value);
  if (kind === null || name === null) return null;
  return { kind, name, patch: document.value, locate: (path) => document.locate(path) };
}

/** The documents as one environment wants them; an overlay whose target is not there is a problem. */
export function applyOverlays(
  documents: readonly ManifestDocument[],
  overlays: readonly Overlay[],
): { documents: ManifestDocument[]; problems: ManifestProblem[] } {
  const result = [...documents];
  const problems: ManifestProblem[] = [];
  for (const overlay of overlays) {
    const index = result.findIndex(({ value }) => {
      const { kind, name } = identify(value);
      return kind === overlay.kind && name === overlay.name;
    });
    const target = result[index];
    if (target === undefined) {
      const names = result.flatMap(({ value }) => {
        const { kind, name } = identify(value);
        return kind !== null && name !== null ? [`${kind} ${name}`] : [];
      });
      const near = nearestName(`${overlay.kind} ${overlay.name}`, names);
      problems.push({
        ...overlay.locate([]),
        kind: 'missing-target',
        field: '',
        text: {
          en: `the overlay changes ${overlay.kind} ${overlay.name}, which no manifest has${near ? `; there is ${near}` : ''}`,
          es: `el cambio se refiere a ${overlay.kind} ${overlay.name}, que ningún manifiesto tiene${near ? `; existe ${near}` : ''}`,
        },
      });
      continue;
    }
    result[index] = {
      value: mergePatch(target.value, overlay.patch),
      locate: (path) => (hasPath(overlay.patch, path) ? overlay.locate(path) : target.locate(path)),
    };
  }
  return { documents: result, problems };
}

/** RFC 7396, section 2. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: { [key: string]: Json } = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else define(merged, name, mergePatch(Object.hasOwn(merged, name) ? (merged[name] ?? null) : null, value));
  }
  return merged;
}

/** A member called `__proto__` is a member like any other. */
function define(object: { [key: string]: Json }, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

export function identify(value: Json): { kind: string | null; name: string | null } {
  if (!isObject(value)) return { kind: null, name: null };
  const { kind, metadata } = value;
  const name = isObject(metadata ?? null) ? (metadata as { [key: string]: Json })['name'] : null;
  return { kind: typeof kind === 'string' ? kind : null, name: typeof name === 'string' ? name : null };
}

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasPath(value: Json, path: FieldPath): boolean {
  let current: Json | undefined = value;
  for (const part of path) {
    if (Array.isArray(current) && typeof part === 'number') current = current[part];
    else if (isObject(current) && Object.hasOwn(current, part)) current = current[part];
    else return false;
  }
  return current !== undefined && path.length > 0;
}

import { writeYaml } from '../formats/index.ts';
import { type DiffLine, diffLines, type Json } from '../system/index.ts';
import { toOverlays } from './changes.ts';
import type { Composition } from './composition.ts';
import type { Environment, Release, ReleaseSource } from './deployments.ts';
import { applyOverlays, readManifests } from './kubernetes/index.ts';
import { parseProjectFile } from './project-file.ts';

/** One side of a comparison: a release in its environment, with what it was made from. */
export interface ComparedRelease {
  readonly environment: Environment;
  readonly release: Release;
  readonly source: ReleaseSource;
  readonly composition: Composition;
}

/** Whether something is on one side only, differs, or is the same on both. */
export type Difference = 'only-from' | 'only-to' | 'differs' | 'same';

export interface WorkloadSide {
  readonly replicas: number;
  /** Of each container: the image with its digest. */
  readonly images: readonly { readonly container: string; readonly image: string }[];
}

/** What differs between two releases, of one environment or of two. */
export interface Comparison {
  readonly from: ComparedPlace;
  readonly to: ComparedPlace;
  readonly workloads: readonly {
    readonly name: string;
    readonly state: Difference;
    readonly from: WorkloadSide | null;
    readonly to: WorkloadSide | null;
  }[];
  /** Entries of ConfigMaps and Secrets that are not the same; never what they hold. */
  readonly settings: readonly {
    readonly kind: string;
    readonly name: string;
    readonly key: string;
    readonly state: Difference;
  }[];
  /** Every object that is not the same, as YAML with images by digest; values of Secrets are marks. */
  readonly documents: readonly {
    readonly kind: string;
    readonly name: string;
    readonly state: Difference;
    readonly lines: readonly DiffLine[];
  }[];
  /** Objects that are the same. */
  readonly same: number;
}

export interface ComparedPlace extends Environment {
  readonly release: Pick<Release, 'id' | 'number' | 'state' | 'createdAt' | 'createdBy'>;
}

/** Changed lines of all documents together that the shortest way is looked for; control answers nobody else meanwhile. */
const COMPARISON_CHANGES_MAX = 5_000;

/**
 * Compares what two releases are made from, as each environment reads it. Pure.
 * @param mark stands for a value of a Secret: the same for the same value, and nothing can be learned from it
 */
export function compareReleases(
  from: ComparedRelease,
  to: ComparedRelease,
  mark: (value: string) => string,
): Comparison {
  const [before, after] = [objectsOf(from, mark), objectsOf(to, mark)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const budget = { changes: COMPARISON_CHANGES_MAX };
  const documents = names.map((name) => {
    const [a, b] = [before.get(name), after.get(name)];
    const [texta, textb] = [a === undefined ? '' : writeYaml(a.value), b === undefined ? '' : writeYaml(b.value)];
    const { kind, name: own } = (a ?? b) as NamedObject;
    return { kind, name: own, state: stateOf(a, b, texta === textb), lines: diffLines(texta, textb, budget) };
  });
  return {
    from: placeOf(from),
    to: placeOf(to),
    workloads: compareWorkloads(from.composition, to.composition),
    settings: names.flatMap((name) => compareEntries(before.get(name), after.get(name))),
    documents: documents.filter(({ state }) => state !== 'same'),
    same: documents.filter(({ state }) => state === 'same').length,
  };
}

function placeOf({ environment, release }: ComparedRelease): ComparedPlace {
  const { id, number, state, createdAt, createdBy } = release;
  return { ...environment, release: { id, number, state, createdAt, createdBy } };
}

function stateOf(a: unknown, b: unknown, isSame: boolean): Difference {
  if (a === undefined) return 'only-to';
  if (b === undefined) return 'only-from';
  return isSame ? 'same' : 'differs';
}

function compareWorkloads(from: Composition, to: Composition): Comparison['workloads'] {
  const names = [...new Set([...from.workloads, ...to.workloads].map(({ key }) => key.name))].sort();
  return names.map((name) => {
    const [a, b] = [sideOf(from, name), sideOf(to, name)];
    return {
      name,
      state: stateOf(a ?? undefined, b ?? undefined, JSON.stringify(a) === JSON.stringify(b)),
      from: a,
      to: b,
    };
  });
}

function sideOf({ workloads }: Composition, name: string): WorkloadSide | null {
  const found = workloads.find(({ key }) => key.name === name);
  if (found === undefined) return null;
  const { pod, replicas } = found;
  const images = [...pod.initContainers, ...pod.containers].map(({ name: container, image }) => ({ container, image }));
  return { replicas, images };
}

interface NamedObject {
  readonly kind: string;
  readonly name: string;
  readonly value: Json;
}

type Members = Readonly<Record<string, Json>>;

function members(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** The objects of a release by kind and name, as its environment reads them. */
function objectsOf({ source, environment, composition }: ComparedRelease, mark: (value: string) => string) {
  const file = parseProjectFile(source.projectFile, 'darsena.yaml');
  const { documents } = readManifests(source.manifests.map(({ path, text }) => ({ path, text })));
  const overlays = file.environments[environment.name]?.overlays ?? [];
  const overlaid = applyOverlays(documents, [...overlays, ...toOverlays(source.changes ?? [], environment.name)]);
  const objects = overlaid.documents.map(({ value }): NamedObject => {
    const kind = String(members(value)['kind'] ?? '');
    const name = String(members(members(value)['metadata'])['name'] ?? '');
    const hidden = kind === 'Secret' ? hideSecret(members(value), mark) : value;
    return { kind, name, value: pinImages(hidden, pinsOf(composition, name)) };
  });
  return new Map(objects.map((one) => [`${one.kind} ${one.name}`, one]));
}

function hideSecret(secret: Members, mark: (value: string) => string): Json {
  const hide = (entries: Json | undefined): Json =>
    Object.fromEntries(Object.entries(members(entries)).map(([name, value]) => [name, mark(JSON.stringify(value))]));
  const metadata = members(secret['metadata']);
  return {
    ...secret,
    // kubectl writes the whole object into one of them.
    ...(metadata['annotations'] === undefined
      ? {}
      : { metadata: { ...metadata, annotations: hide(metadata['annotations']) } }),
    ...(secret['data'] === undefined ? {} : { data: hide(secret['data']) }),
    ...(secret['stringData'] === undefined ? {} : { stringData: hide(secret['stringData']) }),
  };
}

/** The image of each container of a workload, by digest. */
function pinsOf({ workloads }: Composition, name: string): ReadonlyMap<string, string> {
  const pod = workloads.find(({ key }) => key.name === name)?.pod;
  return new Map([...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].map((one) => [one.name, one.image]));
}

function pinImages(value: Json, pins: ReadonlyMap<string, string>): Json {
  if (Array.isArray(value)) return value.map((one) => pinImages(one, pins));
  if (typeof value !== 'object' || value === null) return value;
  const made = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, pinImages(member, pins)]));
  const { name, image } = made;
  const pin = typeof name === 'string' && typeof image === 'string' ? pins.get(name) : undefined;
  return pin === undefined ? made : { ...made, image: pin };
}

const HOLDS_SETTINGS: ReadonlySet<string> = new Set(['ConfigMap', 'Secret']);

function compareEntries(a: NamedObject | undefined, b: NamedObject | undefined): Comparison['settings'] {
  const { kind, name } = (a ?? b) as NamedObject;
  if (!HOLDS_SETTINGS.has(kind)) return [];
  const [before, after] = [entriesOf(a?.value ?? null), entriesOf(b?.value ?? null)];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((key) => {
    const state = stateOf(before.get(key), after.get(key), before.get(key) === after.get(key));
    return state === 'same' ? [] : [{ kind, name, key, state }];
  });
}

function entriesOf(object: Json): ReadonlyMap<string, string> {
  const parts = ['data', 'binaryData', 'stringData'].map((part) => members(members(object)[part]));
  return new Map(parts.flatMap((part) => Object.entries(part).map(([key, value]) => [key, JSON.stringify(value)])));
}

import { FormatError, parseManifests, type YamlDocument, type YamlPath } from '../../formats/index.ts';
import type { Json } from '../../system/index.ts';
import type { Misconfiguration } from '../report.ts';
import { type Check, misconfigured } from './check.ts';
import { COMPONENT_CHECKS, componentOf } from './kubernetes-components.ts';
import { OBJECT_CHECKS, type ObjectCheck } from './kubernetes-objects.ts';
import { CONTAINER_CHECKS, POD_CHECKS } from './kubernetes-pods.ts';
import { podOf } from './pod.ts';
import { POD_SECURITY } from './pod-security.ts';
import { items, type Members, members, textOf } from './values.ts';

/** Checks of pods and containers, of the objects around them, and of the cluster's own programs. */
export const KUBERNETES_CHECKS: readonly Check[] = [
  ...POD_SECURITY,
  ...CONTAINER_CHECKS,
  ...POD_CHECKS,
  ...OBJECT_CHECKS,
  ...COMPONENT_CHECKS,
];

const EVERY_KIND: readonly ObjectCheck[] = OBJECT_CHECKS.filter(({ kinds }) => kinds.length === 0);
const BY_KIND = new Map<string, ObjectCheck[]>();
for (const one of OBJECT_CHECKS) {
  for (const kind of one.kinds) BY_KIND.set(kind, [...(BY_KIND.get(kind) ?? []), one]);
}

/** A list within a list within a list is no manifest that a person wrote. */
const LIST_DEPTH_MAX = 3;

/**
 * What is wrong with the objects of a Kubernetes manifest; documents that are no objects are passed over.
 * @throws FormatError with the position when the YAML cannot be read
 */
export function checkKubernetes(text: string, path: string | null): Misconfiguration[] {
  return checkKubernetesDocuments(parseManifests(text).objects, path);
}

export function checkKubernetesDocuments(documents: readonly YamlDocument[], path: string | null): Misconfiguration[] {
  return documents.flatMap((document) => checkObject(document, document.value, [], path, 0));
}

/** What every Kubernetes object has; Compose files and Helm values do not. */
export function isKubernetesObject(value: Json): boolean {
  const object = members(value);
  return typeof object['apiVersion'] === 'string' && typeof object['kind'] === 'string';
}

/** An object, a list of them, or one that lacks its version or its kind: its author is told. */
export function isMeantForKubernetes(value: Json): boolean {
  const { apiVersion, kind, metadata, spec } = members(value);
  if (Array.isArray(value)) return value.some(isKubernetesObject);
  const said = [apiVersion, kind].filter((one) => typeof one === 'string').length;
  const isFilled = [metadata, spec].some((one) => typeof one === 'object' && one !== null);
  return said === 2 || (said === 1 && isFilled);
}

function checkObject(
  document: YamlDocument,
  value: Json,
  base: YamlPath,
  path: string | null,
  depth: number,
): Misconfiguration[] {
  if (!isKubernetesObject(value)) return [];
  const object = members(value);
  const list = object['items'];
  if (Array.isArray(list) && depth < LIST_DEPTH_MAX) {
    return list.flatMap((item, index) => checkObject(document, item, [...base, 'items', index], path, depth + 1));
  }
  const kind = textOf(object['kind']);
  const name = `${kind} ${textOf(members(object['metadata'])['name']) || '?'}`;
  const found: Misconfiguration[] = [];
  const say = (one: Check, at: YamlPath, container: string | null, detail?: string): void => {
    found.push(
      misconfigured(one, {
        path,
        line: document.locate([...base, ...at]).line,
        subject: container === null ? name : `${name}, ${container}`,
        ...(detail === undefined ? {} : { detail }),
      }),
    );
  };
  for (const one of [...(BY_KIND.get(kind) ?? []), ...EVERY_KIND]) {
    const hit = one.find(object);
    if (hit !== false) say(one, hit === true ? [] : hit.at, null, hit === true ? undefined : hit.detail);
  }
  checkPod(object, say);
  return found;
}

function checkPod(
  object: Members,
  say: (one: Check, at: YamlPath, container: string | null, detail?: string) => void,
): void {
  const pod = podOf(object);
  if (pod === null) return;
  for (const one of POD_SECURITY) {
    for (const { at, container, detail } of one.find(pod)) say(one, at, container, detail);
  }
  for (const one of POD_CHECKS) {
    const hit = one.find(pod, object);
    if (hit !== false)
      say(one, hit === true ? pod.path : [...pod.path, ...hit.at], null, hit === true ? undefined : hit.detail);
  }
  for (const container of pod.containers) {
    for (const one of CONTAINER_CHECKS) {
      const hit = one.find(container, pod);
      if (hit === false) continue;
      say(
        one,
        hit === true ? container.path : [...container.path, ...hit.at],
        container.name,
        hit === true ? undefined : hit.detail,
      );
    }
    const program = componentOf(container);
    if (program === null) continue;
    for (const one of COMPONENT_CHECKS) {
      if (one.component === program.component && one.find(program.flags)) say(one, container.path, container.name);
    }
  }
}

/** Whether a text reads as Kubernetes objects at all; what is no YAML is none. */
export function readsAsKubernetes(text: string): boolean {
  try {
    return parseManifests(text).objects.some(
      ({ value }) => isKubernetesObject(value) || items(value).some(isKubernetesObject),
    );
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

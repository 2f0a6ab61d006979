import type { YamlPath } from '../../formats/index.ts';
import type { Json } from '../../system/index.ts';
import { items, type Members, members, textOf } from './values.ts';

/** Where each kind keeps its pods. */
const POD_PATHS: Readonly<Record<string, YamlPath>> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

export interface ContainerView {
  readonly value: Members;
  readonly context: Members;
  readonly name: string;
  readonly image: string;
  readonly role: 'main' | 'init' | 'ephemeral';
  readonly path: YamlPath;
}

/** A pod as a manifest describes it, of any kind. */
export interface PodView {
  readonly kind: string;
  readonly metadata: Members;
  readonly spec: Members;
  readonly context: Members;
  /** Path of the pod specification in the document. */
  readonly path: YamlPath;
  readonly metadataPath: YamlPath;
  readonly containers: readonly ContainerView[];
  readonly isWindows: boolean;
}

/** The pod of an object; null when the object starts none. */
export function podOf(object: Members): PodView | null {
  const kind = textOf(object['kind']);
  const template = Object.hasOwn(POD_PATHS, kind) ? POD_PATHS[kind] : undefined;
  if (template === undefined) return null;
  const holder = template.reduce<Members>((node, member) => members(node[member as string]), object);
  const spec = members(holder['spec']);
  const path = [...template, 'spec'];
  return {
    kind,
    metadata: members(holder['metadata']),
    spec,
    context: members(spec['securityContext']),
    path,
    metadataPath: [...template, 'metadata'],
    containers: [
      ...containersOf(spec['containers'], 'main', [...path, 'containers']),
      ...containersOf(spec['initContainers'], 'init', [...path, 'initContainers']),
      ...containersOf(spec['ephemeralContainers'], 'ephemeral', [...path, 'ephemeralContainers']),
    ],
    isWindows: textOf(members(spec['os'])['name']) === 'windows',
  };
}

function containersOf(list: Json | undefined, role: ContainerView['role'], path: YamlPath): ContainerView[] {
  return items(list).map((item, index) => {
    const value = members(item);
    return {
      value,
      context: members(value['securityContext']),
      name: textOf(value['name']),
      image: textOf(value['image']),
      role,
      path: [...path, index],
    };
  });
}

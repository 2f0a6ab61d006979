import { describeFormatError, FormatError, parseManifests, parseYamlDocuments } from '../../formats/index.ts';
import type { Text } from '../../system/index.ts';
import type { Misconfiguration } from '../report.ts';
import type { Check } from './check.ts';
import { COMPOSE_CHECKS, COMPOSE_YAML, checkComposeDocuments, isCompose } from './compose.ts';
import { CONTAINERFILE_CHECKS, checkContainerfile } from './containerfile.ts';
import { IMAGE_CHECKS } from './image.ts';
import { checkKubernetesDocuments, isMeantForKubernetes, KUBERNETES_CHECKS } from './kubernetes.ts';

export type { Check } from './check.ts';
export { checkCompose } from './compose.ts';
export { checkContainerfile } from './containerfile.ts';
export { checkImage, type ImageFacts } from './image.ts';
export { checkKubernetes } from './kubernetes.ts';
export { podOf } from './pod.ts';
export { meetsPodSecurity, type PodSecurityLevel } from './pod-security.ts';

/** What a file is to the checks; null: nothing that they know. */
export type CheckedKind = 'containerfile' | 'kubernetes' | 'compose';

/** Every check there is, by what it looks at. */
export const CHECKS: Readonly<Record<CheckedKind | 'image', readonly Check[]>> = {
  containerfile: CONTAINERFILE_CHECKS,
  kubernetes: KUBERNETES_CHECKS,
  compose: COMPOSE_CHECKS,
  image: IMAGE_CHECKS,
};

const CONTAINERFILE_NAME = /(?:^|\/)(?:Containerfile|Dockerfile)(?:\.[\w-]+)?$|\.(?:dockerfile|containerfile)$/i;
const YAML_NAME = /\.(?:ya?ml|json)$/i;

/** Whether a file may be worth reading, by its name alone. */
export function mayCheck(path: string): boolean {
  return CONTAINERFILE_NAME.test(path) || YAML_NAME.test(path);
}

export interface CheckedFile {
  readonly kind: CheckedKind;
  readonly path: string;
  readonly misconfigurations: readonly Misconfiguration[];
  /** Why the file could not be read; then nothing is said of it. */
  readonly unreadable: Text | null;
  /** What the platform would do with each of its fields; only where somebody was asked (`AskSupport`). */
  readonly support?: FieldSupport | null;
}

/** What would happen to the fields of a file if it were deployed. */
export interface FieldSupport {
  readonly enforced: number;
  readonly emulated: number;
  readonly refused: number;
  /** What is emulated (said how), refused (said why) or wrong, in the order of the file. */
  readonly notes: readonly {
    /** Another one than was asked about, which it leads to. */
    readonly file?: string;
    readonly line: number;
    readonly field: string;
    readonly treatment: 'emulated' | 'refused' | 'wrong';
    readonly text: Text;
  }[];
}

/** Answered by who deploys such files; null where it would not take the file at all. */
export type AskSupport = (kind: 'kubernetes' | 'compose', path: string, text: string) => FieldSupport | null;

/**
 * Checks one file: a Containerfile, or YAML with Kubernetes objects or Compose services in it. Null when it is neither;
 * YAML that cannot be read is `unreadable` only where its name says what it should be (Compose), else it is nobody's.
 */
export function checkFile(path: string, text: string): CheckedFile | null {
  if (CONTAINERFILE_NAME.test(path)) {
    return { kind: 'containerfile', path, misconfigurations: checkContainerfile(text, path), unreadable: null };
  }
  if (!YAML_NAME.test(path)) return null;
  const isComposeName = /(?:^|\/)(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$/i.test(path);
  // Most YAML is neither; looking for the two words costs a thousandth of parsing it.
  const mayBeKubernetes = text.includes('kind') && (text.includes('apiVersion') || text.includes('metadata'));
  if (!isComposeName && !mayBeKubernetes && !text.includes('services')) return null;
  try {
    const documents = isComposeName ? parseYamlDocuments(text, COMPOSE_YAML) : parseManifests(text).objects;
    if (documents.some(({ value }) => isMeantForKubernetes(value))) {
      return {
        kind: 'kubernetes',
        path,
        misconfigurations: checkKubernetesDocuments(documents, path),
        unreadable: null,
      };
    }
    if (documents.some(({ value }) => isCompose(value))) {
      return { kind: 'compose', path, misconfigurations: checkComposeDocuments(documents, path), unreadable: null };
    }
    return null;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const isKubernetes = /^apiVersion:/m.test(text) && /^kind:/m.test(text);
    if (!isComposeName && !isKubernetes) return null;
    return {
      kind: isComposeName ? 'compose' : 'kubernetes',
      path,
      misconfigurations: [],
      unreadable: describeFormatError(error),
    };
  }
}

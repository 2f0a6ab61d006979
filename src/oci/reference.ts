import { type Digest, isDigest } from './digest.ts';
import { ociFault } from './errors.ts';
import { NAME_LENGTH_MAX } from './limits.ts';

/**
 * The name of the platform's own registry in image references. It is a name, not an address: each instance maps it in
 * its own registries.conf, so that a changed port or host never changes what was signed.
 */
export const REGISTRY_NAME = 'registry.darsena.internal';

/** distribution-spec 1.1, "Pulling manifests": the grammar of `<name>` and of a tag. */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const REGISTRY = /^(?:localhost|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;

export interface ImageReference {
  /** Host and port, or null when the name has none: then it is a name within the platform's registry. */
  readonly registry: string | null;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

export function isRepositoryName(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && REPOSITORY.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * `[registry/]repository[:tag][@digest]`. The first component is a registry when it holds a dot or a colon or is
 * `localhost`, as Docker and Podman read it.
 * @throws Fault oci.reference-invalid
 */
export function parseReference(text: string): ImageReference {
  const refuse = (en: string, es: string): never => {
    throw ociFault('oci.reference-invalid', { reference: text.slice(0, 300), why: { en, es } });
  };
  let rest = text;
  let digest: Digest | null = null;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const written = rest.slice(at + 1);
    digest = isDigest(written)
      ? written
      : refuse('after @ comes sha256: and 64 hex digits', 'tras @ va sha256: y 64 cifras hexadecimales');
    rest = rest.slice(0, at);
  }
  let registry: string | null = null;
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  if (first === 'localhost' || first.includes('.') || first.includes(':')) {
    if (!REGISTRY.test(first))
      refuse(
        `"${first}" is not a host name with an optional port`,
        `"${first}" no es un nombre de servidor con puerto opcional`,
      );
    registry = first;
    rest = rest.slice(slash + 1);
  }
  let tag: string | null = null;
  const colon = rest.lastIndexOf(':');
  if (colon >= 0) {
    tag = rest.slice(colon + 1);
    if (!isTag(tag))
      refuse(
        `"${tag}" is not a tag: letters, digits, dots, dashes, underscores, at most 128`,
        `"${tag}" no es una etiqueta: letras, cifras, puntos, guiones y guiones bajos, 128 como mucho`,
      );
    rest = rest.slice(0, colon);
  }
  if (!isRepositoryName(rest))
    refuse(
      `"${rest}" is not a repository name: lower-case words parted by / . _ -`,
      `"${rest}" no es un nombre de repositorio: palabras en minúscula separadas por / . _ -`,
    );
  return { registry, repository: rest, tag, digest };
}

export function formatReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry === null ? '' : `${registry}/`}${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
}

/** The project that a repository of our registry belongs to: its first component. */
export function projectOf(repository: string): string {
  const slash = repository.indexOf('/');
  return slash < 0 ? repository : repository.slice(0, slash);
}

import { parseReference, REGISTRY_NAME } from '../../oci/index.ts';
import { registryFault } from '../errors.ts';
import { isOurRepository } from '../names.ts';
import type { ExportedImage } from './export.ts';

/** A tar of an OCI image layout; the type has no registration, skopeo and podman go by the file alone. */
export const ARCHIVE_TYPE = 'application/vnd.oci.image.layout.v1+tar';

/** @throws Fault registry.reference-incomplete */
export function readImageName(text: string): ExportedImage {
  const { registry, repository, tag, digest } = parseReference(text);
  if ((registry !== null && registry !== REGISTRY_NAME) || !isOurRepository(repository)) {
    throw registryFault('registry.reference-incomplete', { image: text.slice(0, 300) });
  }
  return { repository, reference: digest ?? tag };
}

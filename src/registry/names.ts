import { isRepositoryName } from '../oci/index.ts';

/** A repository of ours: `<project>/<image path…>`. The project is the tenancy boundary, so a name without one is none. */
export function isOurRepository(name: string): boolean {
  return isRepositoryName(name) && name.includes('/');
}

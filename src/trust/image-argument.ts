import { type Digest, parseReference, projectOf } from '../oci/index.ts';
import type { CliProgram } from '../system/index.ts';
import { trustFault } from './errors.ts';

/** The digest that a person means by a tag, as the platform's registry has it now. @throws Fault trust.image-unknown */
export async function resolveImage(cli: CliProgram, image: string): Promise<{ repository: string; digest: Digest }> {
  const { repository, digest, tag } = parseReference(image);
  if (digest !== null) return { repository, digest };
  const path = `/projects/${encodeURIComponent(projectOf(repository))}/images`;
  const { items } = await cli.api.get<{ items: { repository: string; digest: Digest; tags: string[] }[] }>(path);
  const found = items.find((one) => one.repository === repository && one.tags.includes(tag ?? 'latest'));
  if (found === undefined) throw trustFault('trust.image-unknown', { image });
  return { repository, digest: found.digest };
}

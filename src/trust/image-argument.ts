import { type Digest, parseReference, projectOf } from '../oci/index.ts';
import type { CliProgram } from '../system/index.ts';
import { trustFault } from './errors.ts';

/** The digest that a person means by a tag, as the platform's registry has it now. @throws Fault trust.image-unknown */
export async function resolveImage(cli: CliProgram, image: string): Promise<{ repository: string; digest: Digest }> {
  const { repository, digest, tag } = parseReference(image);
  if (digest !== null) return { repository, digest };
  // Asked for by its name: a list of all would come in pages.
  const query = new URLSearchParams({ repository, ...(tag === null ? {} : { tag }) });
  const path = `/projects/${encodeURIComponent(projectOf(repository))}/images?${query}`;
  const { items: own } = await cli.api.get<{ items: { digest: Digest; tags: string[] }[] }>(path);
  const tags = own.flatMap((one) => one.tags);
  // Where no tag was said: latest, or else the only one.
  const wanted = tag ?? (tags.includes('latest') || tags.length === 0 ? 'latest' : tags[0]);
  if (tag === null && wanted !== 'latest' && tags.length > 1) {
    throw trustFault('trust.tag-needed', { repository, tags: tags.slice(0, 20).join(' ') });
  }
  const found = own.find((one) => one.tags.includes(wanted ?? ''));
  if (found === undefined) throw trustFault('trust.image-unknown', { image });
  return { repository, digest: found.digest };
}

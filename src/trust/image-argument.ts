import { type Digest, parseReference, projectOf } from '../oci/index.ts';
import type { CliProgram } from '../system/index.ts';
import { trustFault } from './errors.ts';

/** The digest that a person means by a tag, as the platform's registry has it now. @throws Fault trust.image-unknown */
export async function resolveImage(cli: CliProgram, image: string): Promise<{ repository: string; digest: Digest }> {
  const { repository, digest, tag } = parseReference(image);
  if (digest !== null) return { repository, digest };
  const listed = (wanted: { readonly tag?: string }): Promise<ImagePage> => {
    const query = new URLSearchParams({ repository, ...wanted });
    return cli.api.get<ImagePage>(`/projects/${encodeURIComponent(projectOf(repository))}/images?${query}`);
  };
  // Asked for by its name: a list of all comes in pages. Where no tag was said: latest, or else the only one.
  const [named] = (await listed({ tag: tag ?? 'latest' })).items;
  if (named !== undefined) return { repository, digest: named.digest };
  if (tag !== null) throw trustFault('trust.image-unknown', { image });
  const { items, next } = await listed({});
  const tags = items.flatMap((one) => one.tags);
  const only = items.find((one) => one.tags.length > 0);
  if (tags.length > 1 || (next !== undefined && only !== undefined)) {
    throw trustFault('trust.tag-needed', { repository, tags: tags.slice(0, 20).join(' ') });
  }
  if (only === undefined) throw trustFault('trust.image-unknown', { image });
  return { repository, digest: only.digest };
}

interface ImagePage {
  readonly items: readonly { readonly digest: Digest; readonly tags: readonly string[] }[];
  /** There is another page. */
  readonly next?: string;
}

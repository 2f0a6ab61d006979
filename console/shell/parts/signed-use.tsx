import { useWords } from '../language.tsx';
import { Chip } from './badge.tsx';
import { signedUseWords } from './signed-use-words.ts';

const USE_WORDS = ['image', 'provenance', 'sbom', 'scan', 'verdict', 'approval', 'exception'] as const;

/** What a signature speaks for: the image itself or a statement about it. */
export function UseChip({ use }: { use: string }) {
  const t = useWords(signedUseWords);
  const known = USE_WORDS.find((name) => name === use);
  return <Chip>{known === undefined ? use : t(known)}</Chip>;
}

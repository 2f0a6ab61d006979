import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Tabs } from '../shell/parts/surface.tsx';
import { words as shellWords } from '../shell/words.ts';
import { useAllImages } from './all-images.ts';
import { registryWords } from './registry-words.ts';
import { reportWords } from './report-words.ts';
import { rulesWords } from './rules-words.ts';

export type ImagesTab =
  | 'images'
  | 'repositories'
  | 'quarantine'
  | 'where'
  | 'decisions'
  | 'rules'
  | 'registries'
  | 'trust';

/** The sides of the registry: what is in it, where it lies, what waits at its door. */
export function ImagesTabs({ current }: { current: ImagesTab }) {
  const t = useWords(registryWords);
  const r = useWords(reportWords);
  const rules = useWords(rulesWords);
  const shell = useWords(shellWords);
  const held = useAllImages().all.filter(({ image }) => image.quarantine !== 'released').length;
  return (
    <Tabs
      label={shell('images')}
      current={current}
      items={[
        { id: 'images', label: shell('images'), to: addresses.images() },
        { id: 'repositories', label: t('repositories'), to: addresses.repositories() },
        { id: 'quarantine', label: t('quarantine'), to: addresses.quarantine(), count: held },
        { id: 'where', label: r('whereTab'), to: addresses.where() },
        { id: 'decisions', label: r('decisionsTab'), to: addresses.decisions() },
        { id: 'rules', label: rules('title'), to: addresses.credentialRules() },
        { id: 'registries', label: t('registries'), to: addresses.registries() },
        { id: 'trust', label: t('trust'), to: addresses.trust() },
      ]}
    />
  );
}

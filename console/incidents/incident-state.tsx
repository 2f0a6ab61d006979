import type { Incident } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { State } from '../shell/parts/states.tsx';
import { words } from './words.ts';

/** Where an incident stands; what contained it may be gone with its container. */
export function IncidentState({ incident }: { incident: Incident }) {
  const t = useWords(words);
  return (
    <>
      <State state={incident.state} />
      {incident.state === 'contained' && incident.containerGone === true ? <Chip>{t('containerGone')}</Chip> : null}
    </>
  );
}

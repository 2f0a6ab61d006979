import { useQuery } from '@tanstack/react-query';
import { words as liveWords } from '../activity/words.ts';
import { queries } from '../api/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Tabs } from '../shell/parts/surface.tsx';
import { words as shellWords } from '../shell/words.ts';
import { words } from './words.ts';

/** Incidents, operations, what happens now, what is looked for and whether it is found are views of one place. */
export function ActivityTabs({ current }: { current: 'incidents' | 'operations' | 'live' | 'rules' | 'drills' }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const live = useWords(liveWords);
  const incidents = useQuery(queries.incidents()).data ?? [];
  const operations = useQuery(queries.operations()).data ?? [];
  const open = incidents.filter((incident) => incident.state === 'open').length;
  return (
    <Tabs
      label={shell('activity')}
      current={current}
      items={[
        {
          id: 'incidents',
          label: t('incidents'),
          to: addresses.incidents(),
          count: open > 0 && incidents.length >= 200 ? `${open}+` : open,
        },
        {
          id: 'operations',
          label: t('operations'),
          to: addresses.operations(),
          count: operations.filter((operation) => operation.state === 'running').length,
        },
        { id: 'live', label: live('live'), to: addresses.live() },
        { id: 'rules', label: live('rules'), to: addresses.rules() },
        { id: 'drills', label: live('drills'), to: addresses.drills() },
      ]}
    />
  );
}

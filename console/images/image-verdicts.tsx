import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { ImageDetail, Verdict } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { DoorName, VerdictCard } from '../shell/parts/verdict.tsx';
import { words } from './words.ts';

/** The newest verdict of each door and environment, with its reasons. */
function newestVerdicts(verdicts: readonly Verdict[]): readonly Verdict[] {
  const newest = new Map<string, Verdict>();
  for (const verdict of verdicts) {
    const key = `${verdict.environment}/${verdict.door}`;
    const known = newest.get(key);
    if (known === undefined || known.at < verdict.at) newest.set(key, verdict);
  }
  return [...newest.values()].sort((a, b) => b.at.localeCompare(a.at));
}

export function ImageVerdicts({ project, image }: { project: string; image: ImageDetail }) {
  const t = useWords(words);
  const full = newestVerdicts(useQuery(queries.verdicts(project, image.digest)).data ?? []);
  const columns: readonly Column<ImageDetail['verdicts'][number]>[] = [
    {
      id: 'environment',
      label: t('environment'),
      cell: (verdict) => (verdict.environment === null ? '—' : <Chip>{verdict.environment}</Chip>),
    },
    { id: 'door', label: t('door'), cell: (verdict) => <DoorName door={verdict.door} /> },
    { id: 'decision', label: t('verdict'), cell: (verdict) => <State state={verdict.decision} /> },
  ];
  if (image.verdicts.length === 0 && full.length === 0) {
    return (
      <Panel>
        <EmptyState title={t('noVerdicts')}>{t('noVerdictsText')}</EmptyState>
      </Panel>
    );
  }
  return (
    <div className="columns">
      <Panel flush title={t('verdicts')}>
        <Table
          label={t('verdicts')}
          columns={columns}
          rows={image.verdicts}
          keyOf={(verdict) => `${verdict.environment}/${verdict.door}`}
        />
      </Panel>
      <div className="stack">
        {full.map((verdict) => (
          <Panel key={verdict.id}>
            <VerdictCard verdict={verdict} />
          </Panel>
        ))}
      </div>
    </div>
  );
}

import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { WorkloadEvent, WorkloadStatus } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { liveWords } from './workload-live-words.ts';

const keyOf = (event: WorkloadEvent): string => `${event.lastAt} ${event.kind} ${event.replica} ${event.text.en}`;

/** What happened to the pods of a workload, the newest first. */
export function EventsPanel({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(liveWords);
  const text = useText();
  const { project, environment, name } = workload;
  const events = useQuery(queries.workloadEvents(project, environment, name));
  const columns: readonly Column<WorkloadEvent>[] = [
    {
      id: 'trouble',
      label: t('kind'),
      cell: (event) => (
        <StateBadge tone={event.trouble ? 'bad' : 'ok'}>{event.trouble ? t('trouble') : t('normal')}</StateBadge>
      ),
    },
    {
      id: 'text',
      label: t('event'),
      grow: true,
      cell: (event) => <span title={text(event.text)}>{text(event.text)}</span>,
    },
    {
      id: 'count',
      label: t('times'),
      align: 'end',
      from: 'medium',
      cell: (event) => (event.count === 1 ? '' : `× ${event.count}`),
    },
    { id: 'when', label: t('when'), align: 'end', cell: (event) => <When at={event.lastAt} /> },
  ];
  return (
    <Panel title={t('events')} count={events.data?.length} flush className="events-panel">
      <Loaded query={events}>
        {(all) => (
          <Table
            label={t('events')}
            columns={columns}
            rows={all}
            keyOf={keyOf}
            empty={
              <EmptyState title={t('eventsNone')} command={`darsena events ${project}/${name} --env ${environment}`} />
            }
          />
        )}
      </Loaded>
    </Panel>
  );
}

import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { OperationSummary } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useGathered } from '../shell/gather.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { FilterBox } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Loaded, NewRows, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { ActivityTabs } from './activity-tabs.tsx';
import { Elapsed } from './elapsed.tsx';
import './operations.css';
import { words } from './words.ts';

const keyOf = (operation: OperationSummary) => operation.id;

function OperationTable({ operations }: { operations: readonly OperationSummary[] }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const text = useText();
  const [environment] = useEnvironment();
  const [filter, setFilter] = useSearchParam('q');
  const wanted = operations.filter(
    (operation) =>
      (environment === '' || operation.environment === environment) &&
      matchesFilter(filter, [
        operation.title.en,
        operation.title.es,
        operation.kind,
        operation.state,
        operation.actor,
        operation.project,
      ]),
  );
  const { shown, waiting, reveal } = useGathered(wanted, keyOf, `${environment} ${filter}`);
  const columns: readonly Column<OperationSummary>[] = [
    {
      id: 'title',
      label: t('operation'),
      cell: (operation) => <Link to={addresses.operation(operation.id)}>{text(operation.title)}</Link>,
    },
    { id: 'state', label: t('state'), cell: (operation) => <State state={operation.state} /> },
    {
      id: 'project',
      label: t('project'),
      from: 'medium',
      cell: (operation) => (
        <span className="chips">
          {operation.project}
          {operation.environment === null ? null : <Chip>{operation.environment}</Chip>}
        </span>
      ),
    },
    { id: 'actor', label: t('actor'), from: 'wide', cell: (operation) => <Actor actor={operation.actor} /> },
    {
      id: 'lasted',
      label: t('lasted'),
      align: 'end',
      from: 'medium',
      cell: (operation) => <Elapsed from={operation.startedAt} to={operation.endedAt} />,
    },
    { id: 'started', label: t('started'), align: 'end', cell: (operation) => <When at={operation.startedAt} /> },
  ];
  return (
    <>
      <div className="toolbar">
        <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
        <span className="toolbar-end">{shell('rows', { count: shown.length })}</span>
      </div>
      <NewRows count={waiting} onShow={reveal} />
      <Panel flush>
        <Table
          label={t('operations')}
          columns={columns}
          rows={shown}
          keyOf={keyOf}
          pageOf={(operation) => addresses.operation(operation.id)}
        />
      </Panel>
    </>
  );
}

export default function OperationsPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const operations = useQuery(queries.operations());
  return (
    <div className="page">
      <PageHead title={shell('activity')} />
      <ActivityTabs current="operations" />
      <Loaded query={operations}>
        {(all) =>
          all.length === 0 ? (
            <Panel>
              <EmptyState title={t('emptyTitle')} command="darsena deploy examples/tienda">
                {t('emptyText')}
              </EmptyState>
            </Panel>
          ) : (
            <OperationTable operations={all} />
          )
        }
      </Loaded>
    </div>
  );
}

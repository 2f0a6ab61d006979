import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { WorkloadStatus } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { FilterBox } from '../shell/parts/controls.tsx';
import { Drawer, EmptyState, Facts, Loaded, Panel, Split } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { words } from './words.ts';
import { Conditions, Endpoints, ImageLinks, Phase, ReadyCount, ReplicaPhase } from './workload-parts.tsx';

const keyOf = (workload: WorkloadStatus) => `${workload.environment}/${workload.name}`;

function addressOf(workload: WorkloadStatus): string {
  return addresses.workload(workload.project, workload.environment, workload.name);
}

export function WorkloadList({ project }: { project: string }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const workloads = useQuery(queries.workloads(project));
  const [filter, setFilter] = useSearchParam('q');
  const [selected, select] = useSearchParam('sel');
  const [environment] = useEnvironment();
  const columns: readonly Column<WorkloadStatus>[] = [
    { id: 'name', label: t('workload'), cell: (workload) => <Link to={addressOf(workload)}>{workload.name}</Link> },
    { id: 'environment', label: t('environment'), cell: (workload) => <Chip>{workload.environment}</Chip> },
    { id: 'phase', label: t('phase'), cell: (workload) => <Phase phase={workload.phase} /> },
    { id: 'ready', label: t('ready'), align: 'end', cell: (workload) => <ReadyCount workload={workload} /> },
    { id: 'release', label: t('number'), align: 'end', from: 'medium', cell: (workload) => workload.release ?? '—' },
    {
      id: 'image',
      label: t('image'),
      from: 'wide',
      grow: true,
      cell: (workload) => <ImageLinks workload={workload} />,
    },
  ];
  return (
    <Loaded query={workloads}>
      {(all) => {
        if (all.length === 0) {
          return (
            <Panel>
              <EmptyState title={t('noWorkloads')} command="darsena deploy">
                {t('noWorkloadsText')}
              </EmptyState>
            </Panel>
          );
        }
        const rows = all.filter(
          (workload) =>
            (environment === '' || workload.environment === environment) &&
            matchesFilter(filter, [workload.name, workload.environment, workload.phase, workload.kind]),
        );
        const chosen = rows.find((workload) => keyOf(workload) === selected);
        return (
          <Split
            list={
              <>
                <div className="toolbar">
                  <FilterBox value={filter} onChange={setFilter} label={shell('filter')} />
                  <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
                </div>
                <Panel flush>
                  <Table
                    label={t('workloads')}
                    columns={columns}
                    rows={rows}
                    keyOf={keyOf}
                    selected={selected}
                    onSelect={select}
                    pageOf={addressOf}
                  />
                </Panel>
              </>
            }
            drawer={
              chosen === undefined ? null : (
                <Drawer title={`${chosen.project}/${chosen.name}`} to={addressOf(chosen)} onClose={() => select('')}>
                  <p className="chips">
                    <Phase phase={chosen.phase} />
                    <Chip>{chosen.environment}</Chip>
                    <Chip>{chosen.kind}</Chip>
                  </p>
                  <Conditions workload={chosen} />
                  <Facts
                    items={[
                      [t('addresses'), <Endpoints key="e" workload={chosen} />],
                      [t('image'), <ImageLinks key="i" workload={chosen} />],
                      [t('ready'), `${chosen.ready}/${chosen.wanted}`],
                      [t('updatedReplicas'), `${chosen.updated}/${chosen.wanted}`],
                    ]}
                  />
                  <section>
                    <h3>{t('replicas')}</h3>
                    <ul className="conditions">
                      {chosen.replicas.map((replica) => (
                        <li key={replica.name}>
                          <span className="mono">{replica.name}</span>
                          <ReplicaPhase replica={replica} />
                        </li>
                      ))}
                    </ul>
                  </section>
                </Drawer>
              )
            }
          />
        );
      }}
    </Loaded>
  );
}

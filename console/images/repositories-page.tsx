import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { FilterBox, Select } from '../shell/parts/controls.tsx';
import { EmptyState, Failure, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { type ProjectRepository, useAllRepositories } from './all-images.ts';
import { ContentStore } from './content-store.tsx';
import './images.css';
import { ImagesTabs } from './images-tabs.tsx';
import { registryWords } from './registry-words.ts';
import { words } from './words.ts';

export default function RepositoriesPage() {
  const t = useWords(registryWords);
  const image = useWords(words);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const [project, setProject] = useSearchParam('project');
  const [filter, setFilter] = useSearchParam('q');
  const projects = useQuery(queries.projects());
  const { all, failed, loading } = useAllRepositories(project);
  const rows = all.filter((row) => matchesFilter(filter, [row.repository]));
  const columns: readonly Column<ProjectRepository>[] = [
    {
      id: 'name',
      label: t('repository'),
      cell: (row) => <Link to={addresses.repository(row.repository)}>{row.repository}</Link>,
    },
    { id: 'tags', label: t('tags'), align: 'end', cell: (row) => formats.number(row.tags) },
    { id: 'images', label: shell('images'), align: 'end', from: 'medium', cell: (row) => formats.number(row.images) },
    { id: 'size', label: image('size'), align: 'end', from: 'medium', cell: (row) => formats.bytes(row.sizeBytes) },
    { id: 'pushed', label: t('lastPush'), align: 'end', cell: (row) => <When at={row.lastPushedAt} /> },
  ];
  return (
    <div className="page">
      <PageHead title={t('repositories')} path={[[shell('images'), addresses.images()]]} />
      <ImagesTabs current="repositories" />
      <Loaded query={projects}>
        {(known) => (
          <>
            <div className="toolbar">
              <FilterBox value={filter} onChange={setFilter} label={t('filterRepositories')} />
              {known.length === 0 ? null : (
                <Select
                  bare
                  label={image('project')}
                  value={project}
                  onPick={setProject}
                  options={[['', image('allProjects')], ...known.map((item) => [item.name, item.name] as const)]}
                />
              )}
              <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
            </div>
            {failed === null ? null : <Failure error={failed.error} onRetry={failed.retry} />}
            <Panel flush>
              {all.length === 0 && !loading ? (
                <EmptyState title={t('noRepositories')} command="podman push localhost:7443/PROJECT/IMAGE:TAG">
                  {t('noRepositoriesText')}
                </EmptyState>
              ) : (
                <Table
                  label={t('repositories')}
                  columns={columns}
                  rows={rows}
                  keyOf={(row) => row.repository}
                  pageOf={(row) => addresses.repository(row.repository)}
                />
              )}
            </Panel>
            <ContentStore />
          </>
        )}
      </Loaded>
    </div>
  );
}

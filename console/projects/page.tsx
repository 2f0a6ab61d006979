import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { EnvironmentSummary, Project } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useWords } from '../shell/language.tsx';
import { ToneGlyph } from '../shell/parts/badge.tsx';
import { FilterBox } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { compareWords } from './compare-words.ts';
import './projects.css';
import { words } from './words.ts';

function EnvironmentCell({ environment }: { environment: EnvironmentSummary }) {
  const t = useWords(words);
  const { ok, total } = environment.workloads;
  return (
    <span className="lane-cell">
      <span className="lane-name">{environment.name}</span>
      {environment.release === null ? (
        <span className="quiet-text">{t('noRelease')}</span>
      ) : (
        <>
          <span className="quiet-text">{t('release', { number: String(environment.release.number) })}</span>
          <State state={environment.release.state} />
          <span className={`lane-ready tone-${ok === total ? 'ok' : 'bad'}`}>
            <ToneGlyph tone={ok === total ? 'ok' : 'bad'} />
            {ok}/{total}
          </span>
        </>
      )}
    </span>
  );
}

export default function ProjectsPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const c = useWords(compareWords);
  const projects = useQuery(queries.projects());
  const [filter, setFilter] = useSearchParam('q');
  const [environment] = useEnvironment();
  const columns: readonly Column<Project>[] = [
    {
      id: 'name',
      label: t('project'),
      cell: (project) => <Link to={addresses.project(project.name)}>{project.name}</Link>,
    },
    {
      id: 'environments',
      label: t('environments'),
      cell: (project) => (
        <span className="lanes-cell">
          {project.environments.length === 0 ? <span className="quiet-text">{t('noRelease')}</span> : null}
          {project.environments
            .filter((item) => environment === '' || item.name === environment)
            .map((item) => (
              <EnvironmentCell key={item.name} environment={item} />
            ))}
        </span>
      ),
    },
    {
      id: 'created',
      label: t('created'),
      from: 'wide',
      align: 'end',
      cell: (project) => <When at={project.createdAt} />,
    },
  ];
  return (
    <div className="page">
      <PageHead title={shell('projects')} />
      <Loaded query={projects}>
        {(all) =>
          all.length === 0 ? (
            <Panel>
              <EmptyState title={t('emptyTitle')} command="darsena deploy examples/tienda">
                {t('emptyText')}
              </EmptyState>
            </Panel>
          ) : (
            <>
              <div className="toolbar">
                <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
                <Link to={addresses.promotions()}>{c('openBoard')}</Link>
                <span className="toolbar-end">{shell('rows', { count: all.length })}</span>
              </div>
              <Panel flush>
                <Table
                  label={shell('projects')}
                  columns={columns}
                  rows={all.filter((project) => matchesFilter(filter, [project.name]))}
                  keyOf={(project) => project.name}
                  pageOf={(project) => addresses.project(project.name)}
                />
              </Panel>
            </>
          )
        }
      </Loaded>
    </div>
  );
}

import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import { useWords } from '../shell/language.tsx';
import { Select } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, PageHead, Panel } from '../shell/parts/surface.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { AdvisoryAge } from './advisory-age.tsx';
import { ImagesTabs } from './images-tabs.tsx';
import './images.css';
import { reportWords } from './report-words.ts';
import { ExceptionsPanel } from './risk-tabs.tsx';
import { VexPanel } from './vex.tsx';

/** What people have decided about findings of a project: exceptions, and statements that they believe. */
export default function DecisionsPage() {
  const t = useWords(reportWords);
  const projects = useQuery(queries.projects());
  const [asked, setProject] = useSearchParam('project');
  return (
    <div className="page">
      <PageHead title={t('decisionsTab')} badges={<AdvisoryAge />} />
      <ImagesTabs current="decisions" />
      <Loaded query={projects}>
        {(known) => {
          const project = asked === '' ? (known[0]?.name ?? '') : asked;
          if (project === '') {
            return (
              <Panel>
                <EmptyState title={t('noProjects')} command="darsena deploy examples/tienda" />
              </Panel>
            );
          }
          return (
            <div className="stack">
              <div className="toolbar">
                <Select
                  bare
                  label={t('project')}
                  value={project}
                  onPick={setProject}
                  options={known.map(({ name }) => [name, name] as const)}
                />
              </div>
              <ExceptionsPanel project={project} />
              <VexPanel project={project} />
            </div>
          );
        }}
      </Loaded>
    </div>
  );
}

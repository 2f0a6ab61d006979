import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { queries } from '../api/queries.ts';
import { useWords } from '../shell/language.tsx';
import { Select } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, Panel } from '../shell/parts/surface.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { reportWords } from './report-words.ts';

/** A page about one project at a time, the first where none is asked for; which one stands in the address. */
export function ByProject({ children }: { children: (project: string) => ReactNode }) {
  const t = useWords(reportWords);
  const projects = useQuery(queries.projects());
  const [asked, setProject] = useSearchParam('project');
  return (
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
            {children(project)}
          </div>
        );
      }}
    </Loaded>
  );
}

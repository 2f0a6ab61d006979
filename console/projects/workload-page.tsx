import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { queries } from '../api/queries.ts';
import { deadlineWords } from '../images/deadline-words.ts';
import { Deadlines } from '../images/deadlines.tsx';
import { addresses } from '../shell/addresses.ts';
import { shortDigest } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { EmptyState, Facts, Loaded, PageHead, Panel, Until } from '../shell/parts/surface.tsx';
import { ImageThread } from '../shell/parts/thread.tsx';
import { Link, useParams } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { phaseWords } from './phase-words.ts';
import { ProfilePanel } from './profile-panel.tsx';
import './projects.css';
import { words } from './words.ts';
import { WorkloadActs } from './workload-acts.tsx';
import { Conditions, Endpoints, ImageLinks, Phase, Replicas } from './workload-parts.tsx';

const WorkloadLive = lazy(() => import('./workload-live.tsx'));

export default function WorkloadPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const d = useWords(deadlineWords);
  const p = useWords(phaseWords);
  const { project, environment, workload: name } = useParams<'project' | 'environment' | 'workload'>();
  const workloads = useQuery(queries.workloads(project));
  const found = workloads.data?.find((item) => item.name === name && item.environment === environment);
  return (
    <div className="page">
      <PageHead
        title={name}
        path={[
          [shell('projects'), addresses.projects()],
          [project, addresses.project(project)],
          [t('workloads'), addresses.project(project, 'workloads')],
        ]}
        badges={
          <>
            {found === undefined ? null : <Phase phase={found.phase} />}
            <Chip>{environment}</Chip>
            {found === undefined ? null : <Chip>{found.kind}</Chip>}
          </>
        }
        actions={found === undefined ? undefined : <WorkloadActs workload={found} />}
      />
      <Loaded query={workloads}>
        {() =>
          found === undefined ? (
            <Panel>
              <EmptyState title={t('missingWorkload')} command={`darsena ps ${project}`} />
            </Panel>
          ) : (
            <>
              {found.image.map((image) => (
                <ImageThread key={image.digest} project={project} digest={image.digest} />
              ))}
              <div className="columns main-side">
                <div className="stack">
                  {found.conditions.length === 0 ? null : (
                    <Panel title={t('conditions')}>
                      <Conditions workload={found} />
                    </Panel>
                  )}
                  <Panel
                    title={t('replicas')}
                    count={found.job === undefined ? `${found.ready}/${found.wanted}` : undefined}
                    flush
                  >
                    <Replicas workload={found} />
                  </Panel>
                  <Panel title={d('deadlines')} flush>
                    <Deadlines of={{ project, environment, digests: found.image.map(({ digest }) => digest) }} />
                  </Panel>
                  <Suspense fallback={null}>
                    <WorkloadLive key={`${environment}/${name}`} workload={found} />
                  </Suspense>
                  <ProfilePanel
                    key={`${project}/${environment}/${name}/profile`}
                    {...{ project, environment, workload: name }}
                    digests={found.image.map(({ digest }) => digest)}
                  />
                </div>
                <div className="stack">
                  <Panel>
                    <Facts
                      items={[
                        ...(found.schedule === undefined
                          ? []
                          : [
                              [
                                p('schedule'),
                                <span key="c" className="mono">
                                  {found.schedule}
                                </span>,
                              ] as const,
                            ]),
                        ...(found.job === undefined
                          ? []
                          : ([
                              [p('runs'), p('runsText', { ...found.job, next: '' })],
                              ...(found.job.next === null
                                ? []
                                : [[p('next'), <Until key="n" at={found.job.next} />] as const]),
                            ] as const)),
                        [t('addresses'), <Endpoints key="e" workload={found} />],
                        [t('image'), <ImageLinks key="i" workload={found} />],
                        [
                          t('releaseOne'),
                          found.release === null ? (
                            t('besideReleases')
                          ) : (
                            <Link key="r" to={addresses.project(project, 'releases')}>
                              {t('release', { number: String(found.release) })}
                            </Link>
                          ),
                        ],
                        ...(found.job === undefined
                          ? [[t('updatedReplicas'), `${found.updated}/${found.wanted}`] as const]
                          : []),
                        [
                          t('specification'),
                          <Copyable key="s" value={found.specHash}>
                            {shortDigest(found.specHash)}
                          </Copyable>,
                        ],
                      ]}
                    />
                  </Panel>
                </div>
              </div>
            </>
          )
        }
      </Loaded>
    </div>
  );
}

import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Project, Release } from '../api/types.ts';
import { useEnvironment } from '../shell/environment.ts';
import { shortDigest } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Button, Copyable } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { Drawer, EmptyState, Facts, Loaded, Panel, Split, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { VerdictCard } from '../shell/parts/verdict.tsx';
import { useParams, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { compareWords } from './compare-words.ts';
import { DigestList } from './digest-list.tsx';
import { RollBackDialog } from './release-dialogs.tsx';
import { words } from './words.ts';

const keyOf = (release: Release) => release.id;
const ReleaseDiff = lazy(() => import('./diff-view.tsx'));

/** The manifests of a release beside those of the one before it; read when somebody wants to see them. */
function WhatChanged({ project, release, before }: { project: string; release: Release; before: Release | undefined }) {
  const c = useWords(compareWords);
  const [isOpen, setOpen] = useState(false);
  if (before === undefined) return <p className="quiet-text">{c('first')}</p>;
  const sides = { from: `${release.environment}@${before.number}`, to: `${release.environment}@${release.number}` };
  return (
    <section>
      <h3>{c('changed', { number: String(before.number) })}</h3>
      {isOpen ? (
        <Suspense fallback={null}>
          <ReleaseDiff project={project} {...sides} />
        </Suspense>
      ) : (
        <Button onClick={() => setOpen(true)}>{c('show')}</Button>
      )}
    </section>
  );
}

export function ReleaseList({ project }: { project: Project }) {
  const t = useWords(words);
  const text = useText();
  const me = useMe();
  const { id = '' } = useParams<'id'>();
  const releases = useQuery(queries.releases(project.name));
  const [picked, select] = useSearchParam('sel');
  const [environment] = useEnvironment();
  const [rollingBack, setRollingBack] = useState<Release | null>(null);
  const selected = picked === '' ? id : picked;
  const place = releases.data?.find((release) => release.id === selected)?.environment ?? '';
  const returnable = useQuery({ ...queries.returnable(project.name, place), enabled: place !== '' }).data ?? [];
  const columns: readonly Column<Release>[] = [
    { id: 'number', label: t('number'), align: 'end', cell: (release) => release.number },
    { id: 'environment', label: t('environment'), cell: (release) => <Chip>{release.environment}</Chip> },
    { id: 'state', label: t('state'), cell: (release) => <State state={release.state} /> },
    {
      id: 'from',
      label: t('from'),
      from: 'medium',
      cell: (release) =>
        release.change != null ? (
          <span className="quiet-text">
            {t(`change-${release.change.kind}`, {
              workload: release.change.workload,
              replicas: release.change.replicas ?? 0,
            })}
          </span>
        ) : release.promotedFrom === null ? null : (
          <span className="quiet-text">
            {t('promotedFrom', { environment: release.promotedFrom.environment, number: release.promotedFrom.number })}
          </span>
        ),
    },
    { id: 'by', label: t('by'), from: 'wide', cell: (release) => <Actor actor={release.createdBy} /> },
    { id: 'when', label: t('when'), align: 'end', cell: (release) => <When at={release.createdAt} /> },
  ];
  return (
    <Loaded query={releases}>
      {(all) => {
        const rows = all.filter((release) => environment === '' || release.environment === environment);
        const chosen = rows.find((release) => release.id === selected);
        const mayRollBack =
          chosen !== undefined &&
          returnable.some(({ id }) => id === chosen.id) &&
          hasRole(me, ['admin', 'developer'], project.name);
        return (
          <Split
            list={
              <Panel flush>
                <Table
                  label={t('releases')}
                  columns={columns}
                  rows={rows}
                  keyOf={keyOf}
                  selected={selected}
                  onSelect={select}
                  empty={<EmptyState title={t('noReleases')} command="darsena deploy" />}
                />
              </Panel>
            }
            drawer={
              chosen === undefined ? null : (
                <Drawer title={t('release', { number: String(chosen.number) })} onClose={() => select('')}>
                  <p className="chips">
                    <State state={chosen.state} />
                    <Chip>{chosen.environment}</Chip>
                    <span className="quiet-text">
                      <Actor actor={chosen.createdBy} />, <When at={chosen.createdAt} />
                    </span>
                  </p>
                  {(chosen.why ?? []).length === 0 ? null : (
                    <section>
                      <h3>{t('whyNot')}</h3>
                      <ul className="conditions">
                        {chosen.why?.map((reason) => (
                          <li key={`${reason.workload ?? ''} ${reason.text.en}`}>
                            {reason.workload === null ? null : <Chip>{reason.workload}</Chip>}
                            <span>{text(reason.text)}</span>
                          </li>
                        ))}
                      </ul>
                    </section>
                  )}
                  {mayRollBack ? (
                    <Button onClick={() => setRollingBack(chosen)}>
                      {t('rollBackTo', { number: String(chosen.number) })}
                    </Button>
                  ) : null}
                  <section>
                    <h3>{t('verdict')}</h3>
                    <VerdictCard verdict={chosen.verdict} />
                  </section>
                  <WhatChanged
                    key={chosen.id}
                    project={project.name}
                    release={chosen}
                    before={all.find((one) => one.environment === chosen.environment && one.number < chosen.number)}
                  />
                  <section>
                    <h3>{t('digests')}</h3>
                    <DigestList project={project.name} digests={chosen.digests} />
                  </section>
                  <Facts
                    items={[
                      [
                        t('specification'),
                        <Copyable key="s" value={chosen.specHash}>
                          {shortDigest(chosen.specHash)}
                        </Copyable>,
                      ],
                    ]}
                  />
                  {rollingBack === null ? null : (
                    <RollBackDialog
                      project={project.name}
                      environment={rollingBack.environment}
                      first={rollingBack.number}
                      onClose={() => setRollingBack(null)}
                    />
                  )}
                </Drawer>
              )
            }
          />
        );
      }}
    </Loaded>
  );
}

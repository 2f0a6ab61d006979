import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { FleetImage } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Chip, RiskBadge } from '../shell/parts/badge.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, PageHead, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { AdvisoryAge } from './advisory-age.tsx';
import { ImagesTabs } from './images-tabs.tsx';
import './images.css';
import { reportWords } from './report-words.ts';

function pageOf({ digest, places }: FleetImage): string | null {
  const [place] = places;
  return place === undefined || place.project === '' ? null : addresses.image(place.project, digest);
}

function ImageName({ image }: { image: FleetImage }) {
  const { digest, places } = image;
  const page = pageOf(image);
  const name = places[0]?.repository ?? shortDigest(digest);
  return (
    <span className="image-name">
      {page === null ? name : <Link to={page}>{name}</Link>}
      {(places[0]?.tags ?? []).slice(0, 3).map((tag) => (
        <Chip key={tag} mono>
          {tag}
        </Chip>
      ))}
    </span>
  );
}

function Answer({ finding, running }: { finding: string; running: boolean }) {
  const t = useWords(reportWords);
  const formats = useFormats();
  const answer = useInfiniteQuery(queries.where(finding, running));
  const columns: readonly Column<FleetImage>[] = [
    { id: 'risk', label: '', cell: ({ risk }) => <RiskBadge risk={risk} /> },
    { id: 'image', label: t('image'), cell: (image) => <ImageName image={image} /> },
    {
      id: 'runs',
      label: t('runs'),
      cell: ({ workloads }) =>
        workloads.length === 0 ? (
          <span className="quiet-text">{t('notRunning')}</span>
        ) : (
          <span className="chips">
            {workloads.map(({ project, environment, name, replicas }) => (
              <Link key={`${project}/${environment}/${name}`} to={addresses.workload(project, environment, name)}>
                {project}/{environment}/{name}
                {replicas > 1 ? ` ×${replicas}` : ''}
              </Link>
            ))}
          </span>
        ),
    },
    {
      id: 'package',
      label: t('package'),
      from: 'medium',
      cell: ({ packages }) =>
        packages[0] === undefined
          ? '—'
          : `${packages[0].name} ${packages[0].version}${packages.length > 1 ? ` (+${packages.length - 1})` : ''}`,
    },
    {
      id: 'fixed',
      label: t('fixedIn'),
      from: 'wide',
      cell: ({ packages }) => <span className="mono">{packages[0]?.fixedVersion ?? '—'}</span>,
    },
  ];
  return (
    <Loaded query={answer}>
      {(data) => {
        const [first] = data.pages;
        const items = data.pages.flatMap((page) => page.items);
        if (first === undefined || items.length === 0) {
          return (
            <Panel>
              <EmptyState title={t('whereNone')} command={`darsena scan where ${finding}`}>
                {t('whereNoneText')}
              </EmptyState>
            </Panel>
          );
        }
        return (
          <div className="stack">
            <p className="page-sub" role="status">
              <strong>
                {t('whereAnswer', { images: formats.number(first.images), running: formats.number(first.running) })}
              </strong>
              {first.aliases.slice(0, 6).map((alias) => (
                <Chip key={alias} mono>
                  {alias}
                </Chip>
              ))}
            </p>
            <Panel flush>
              <Table
                label={t('whereTitle')}
                columns={columns}
                rows={items}
                keyOf={({ digest }) => digest}
                pageOf={pageOf}
              />
            </Panel>
            {answer.hasNextPage ? (
              <Button busy={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
                {t('more', { count: formats.number(first.images - items.length) })}
              </Button>
            ) : null}
          </div>
        );
      }}
    </Loaded>
  );
}

/** "Where does CVE-… run?", over every image that the reader may see. */
export default function WherePage() {
  const t = useWords(reportWords);
  const [finding, ask] = useSearchParam('id');
  const [running, setRunning] = useSearchParam('running');
  const [typed, type] = useState(finding);
  return (
    <div className="page">
      <PageHead title={t('whereTitle')} badges={<AdvisoryAge />} />
      <ImagesTabs current="where" />
      <form
        className="where-form"
        onSubmit={(event) => {
          event.preventDefault();
          ask(typed.trim());
        }}
      >
        <Field
          label={t('whereLabel')}
          value={typed}
          onChange={(event) => type(event.target.value)}
          placeholder="CVE-2026-1234"
          spellCheck={false}
          autoComplete="off"
          maxLength={200}
        />
        <Select
          bare
          label={t('runs')}
          value={running}
          onPick={setRunning}
          options={[
            ['', t('whereEveryImage')],
            ['yes', t('whereOnlyRunning')],
          ]}
        />
        <Button type="submit" look="primary" disabled={typed.trim() === ''}>
          {t('whereAsk')}
        </Button>
      </form>
      {finding === '' ? (
        <p className="quiet-text">{t('whereHint')}</p>
      ) : (
        <Answer key={`${finding} ${running}`} finding={finding} running={running === 'yes'} />
      )}
    </div>
  );
}

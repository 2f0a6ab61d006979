import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { PullHistory } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Button, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { contentWords } from './content-words.ts';

const SPANS = { day: ['hour', 24], week: ['hour', 168], month: ['day', 30], year: ['day', 365] } as const;
type Span = keyof typeof SPANS;
const SPAN_NAMES = Object.keys(SPANS) as readonly Span[];

/** Days are days of UTC, so they are named in UTC; hours are told in the reader's own time. */
function usePeriodName(by: 'hour' | 'day'): (at: string) => string {
  const { language } = useLanguage();
  const format =
    by === 'day'
      ? new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' })
      : new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  return (at) => format.format(new Date(at));
}

const BAR = 10;
const GAP = 2;
const HEIGHT = 100;

/** One bar a period; the table below says the same in figures. */
function Bars({ history }: { history: PullHistory }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const name = usePeriodName(history.by);
  const [at, setAt] = useState<number | null>(null);
  const most = Math.max(1, ...history.periods.map(({ pulls }) => pulls));
  const width = history.periods.length * BAR;
  const shown = at === null ? null : history.periods[at];
  const [first, last] = [history.periods[0], history.periods.at(-1)];
  return (
    <figure className="bars">
      <p className="bars-value">
        {shown === null || shown === undefined
          ? t('mostPulls', { pulls: most })
          : `${name(shown.at)}: ${formats.number(shown.pulls)}`}
      </p>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          setAt(Math.floor(((event.clientX - box.left) / box.width) * history.periods.length));
        }}
        onPointerLeave={() => setAt(null)}
      >
        {history.periods.map(({ at: start, pulls }, index) => {
          const height = (pulls / most) * HEIGHT;
          return (
            <rect
              key={start}
              className={index === at ? 'here' : ''}
              x={index * BAR + GAP / 2}
              y={HEIGHT - height}
              width={BAR - GAP}
              height={height}
            />
          );
        })}
      </svg>
      <figcaption>
        <span>{first === undefined ? '' : name(first.at)}</span>
        <span>{last === undefined ? '' : name(last.at)}</span>
      </figcaption>
    </figure>
  );
}

/** A file made in the browser, out of what is shown. */
function saveCsv(name: string, history: PullHistory): void {
  const text = ['from,pulls', ...history.periods.map(({ at, pulls }) => `${at},${pulls}`)].join('\r\n');
  const url = URL.createObjectURL(new Blob([`${text}\r\n`], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name}.csv`;
  link.click();
  URL.revokeObjectURL(url);
}

function PeriodTable({ history }: { history: PullHistory }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const name = usePeriodName(history.by);
  const rows = history.periods.filter(({ pulls }) => pulls > 0).toReversed();
  return (
    <details className="as-table">
      <summary>{t('asTable')}</summary>
      <Table
        label={t('pulls')}
        columns={[
          { id: 'at', label: t('period'), cell: (row) => name(row.at) },
          { id: 'pulls', label: t('pulls'), align: 'end', cell: (row) => formats.number(row.pulls) },
        ]}
        rows={rows}
        keyOf={(row) => row.at}
      />
    </details>
  );
}

/** Pulls of a repository, or of one image of it, over time and by whom; ticks as pulls happen. */
export function Pulls({ project, repository, digest = '' }: { project: string; repository: string; digest?: string }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const [asked, setAsked] = useSearchParam('span');
  const span = SPAN_NAMES.find((name) => name === asked) ?? 'month';
  const [by, count] = SPANS[span];
  const pulls = useQuery(queries.pulls(project, { repository, digest, by, count }));
  const actors: readonly Column<PullHistory['actors'][number]>[] = [
    { id: 'actor', label: t('who'), cell: (row) => <Actor actor={row.actor} /> },
    { id: 'pulls', label: t('pulls'), align: 'end', cell: (row) => formats.number(row.pulls) },
    { id: 'last', label: t('lastPull'), align: 'end', cell: (row) => <When at={row.lastAt} /> },
  ];
  return (
    <Panel
      title={t('pulls')}
      count={pulls.data === undefined ? undefined : formats.number(pulls.data.total)}
      actions={
        <>
          <Select
            bare
            label={t('span')}
            value={span}
            onPick={setAsked}
            options={SPAN_NAMES.map((name) => [name, t(`span-${name}`)] as const)}
          />
          {pulls.data === undefined || pulls.data.total === 0 ? null : (
            <Button icon="download" onClick={() => saveCsv(`${repository.replaceAll('/', '-')}-pulls`, pulls.data)}>
              CSV
            </Button>
          )}
        </>
      }
    >
      <Loaded query={pulls}>
        {(history) =>
          history.total === 0 ? (
            <EmptyState title={t('noPulls')}>{t('noPullsText')}</EmptyState>
          ) : (
            <div className="stack">
              <Bars history={history} />
              <PeriodTable history={history} />
              <Table label={t('who')} columns={actors} rows={history.actors} keyOf={(row) => row.actor} />
            </div>
          )
        }
      </Loaded>
    </Panel>
  );
}

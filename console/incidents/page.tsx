import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Incident, SavedFilter } from '../api/types.ts';
import { ActivityTabs } from '../operations/activity-tabs.tsx';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useGathered } from '../shell/gather.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Button, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { PriorityBadge } from '../shell/parts/states.tsx';
import {
  Drawer,
  EmptyState,
  Facts,
  Failure,
  Loaded,
  NewRows,
  PageHead,
  Panel,
  Split,
  When,
} from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import './incidents.css';
import { ExportButton } from './export.tsx';
import { IncidentState } from './incident-state.tsx';
import { IncidentTimeline } from './incident-timeline.tsx';
import { caseQueries, placeOf } from './queries.ts';
import { SavedFilters, TriageBar } from './triage.tsx';
import { words } from './words.ts';

const keyOf = (incident: Incident) => String(incident.number);
const pageOf = (incident: Incident) => addresses.incident(incident.number);

function IncidentDrawer({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const t = useWords(words);
  const detail = useQuery(queries.incident(String(incident.number)));
  return (
    <Drawer title={t('incident', { number: String(incident.number) })} to={pageOf(incident)} onClose={onClose}>
      <p>{incident.title}</p>
      <p className="chips">
        <PriorityBadge priority={incident.priority} />
        <IncidentState incident={incident} />
      </p>
      <Facts
        items={[
          [t('workload'), placeOf(incident)],
          [
            t('pod'),
            <span key="p" className="mono">
              {incident.pod ?? '—'}
            </span>,
          ],
          [t('owner'), incident.owner === null ? t('nobody') : <Actor key="o" actor={incident.owner} />],
          [t('opened'), <When key="o" at={incident.openedAt} />],
        ]}
      />
      <Loaded query={detail}>
        {(data) => (
          <section>
            <h3>{t('timeline')}</h3>
            <IncidentTimeline entries={data.timeline} />
          </section>
        )}
      </Loaded>
    </Drawer>
  );
}

/** States as the address names them: the queue is what is not closed, unless somebody asks for more. */
const STATES = ['active', 'open', 'acknowledged', 'contained', 'closed', 'all'] as const;
const STATE_WORDS = {
  active: 'notClosed',
  open: 'onlyOpen',
  acknowledged: 'onlyAcknowledged',
  contained: 'onlyContained',
  closed: 'onlyClosed',
  all: 'allStates',
} as const;
const PRIORITIES = [
  ['', 'anyPriority'],
  ['warning', 'fromWarning'],
  ['error', 'fromError'],
  ['critical', 'fromCritical'],
] as const;

function Queue() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const [environment, setEnvironment] = useEnvironment();
  const [filter, setFilter] = useSearchParam('q');
  const [askedState, setState] = useSearchParam('state');
  const [priority, setPriority] = useSearchParam('priority');
  const [owner, setOwner] = useSearchParam('owner');
  const [selected, select] = useSearchParam('sel');
  const [marked, setMarked] = useState<readonly number[]>([]);
  const [acting, setActing] = useState(0);
  const [told, setTold] = useState('');
  const state = askedState === '' ? 'active' : askedState;
  const wantedState = state === 'active' ? 'unclosed' : state === 'all' ? '' : state;
  // The platform searches all there are, not only what has come here; while somebody types, the last answer stands.
  const text = useDeferredValue(filter.trim());
  const queue = useInfiniteQuery(caseQueries.queue({ state: wantedState, priority, owner, text }));
  const incidents = queue.data?.pages.flatMap(({ items }) => items) ?? [];
  const me = useMe();
  const mayTriage =
    hasRole(me, ['admin', 'analyst'], '*') ||
    incidents.some((one) => hasRole(me, ['admin', 'analyst'], one.project ?? '*'));
  const mark = (number: number) =>
    setMarked((now) => (now.includes(number) ? now.filter((one) => one !== number) : [...now, number]));
  /** What is marked is acted on; the row where the reader is, if nothing is. */
  const act = (key: string) => {
    if (marked.length === 0) mark(Number(key));
    setActing((now) => now + 1);
  };
  const wanted = incidents.filter(
    (incident) =>
      // What happened on a host is of no environment, and concerns each of them.
      (environment === '' || incident.project === null || incident.environment === environment) &&
      matchesFilter(filter, [
        String(incident.number),
        incident.title,
        incident.project,
        incident.environment,
        incident.workload,
        incident.container,
        incident.rule,
        incident.owner,
        incident.host,
        incident.containerId,
      ]),
  );
  const { shown, waiting, reveal } = useGathered(
    wanted,
    keyOf,
    `${environment} ${filter} ${state} ${priority} ${owner}`,
  );
  const chosen = shown.find((incident) => keyOf(incident) === selected);
  const query = Object.fromEntries(
    Object.entries({ state: wantedState, environment, priority, owner, text: filter }).filter(
      ([, value]) => value !== '',
    ),
  );
  const apply = (saved: SavedFilter['query']) => {
    setFilter(saved['text'] ?? '');
    setState(saved['state'] === 'unclosed' ? '' : (saved['state'] ?? 'all'));
    setPriority(saved['priority'] ?? '');
    setOwner(saved['owner'] ?? '');
    setEnvironment(saved['environment'] ?? '');
  };
  const here = new Set(shown.map(({ number }) => number));
  const chosenNumbers = marked.filter((number) => here.has(number));
  const columns: readonly Column<Incident>[] = [
    ...(mayTriage
      ? [
          {
            id: 'mark',
            label: t('markHeading'),
            cell: (incident: Incident) => (
              <input
                type="checkbox"
                tabIndex={-1}
                aria-label={t('mark', { number: String(incident.number) })}
                checked={marked.includes(incident.number)}
                onChange={() => mark(incident.number)}
              />
            ),
          },
        ]
      : []),
    { id: 'number', label: t('number'), align: 'end', from: 'medium', cell: (incident) => incident.number },
    {
      id: 'priority',
      label: t('priority'),
      cell: (incident) => <PriorityBadge priority={incident.priority} />,
    },
    { id: 'title', label: t('title'), cell: (incident) => <Link to={pageOf(incident)}>{incident.title}</Link> },
    { id: 'state', label: t('state'), from: 'medium', cell: (incident) => <IncidentState incident={incident} /> },
    {
      id: 'where',
      label: t('where'),
      from: 'medium',
      cell: (incident) => (
        <span className="chips">
          {placeOf(incident)}
          {incident.environment === null ? null : <Chip>{incident.environment}</Chip>}
        </span>
      ),
    },
    { id: 'alerts', label: t('alerts'), align: 'end', from: 'wide', cell: (incident) => incident.alerts },
    {
      id: 'owner',
      label: t('owner'),
      from: 'wide',
      cell: (incident) =>
        incident.owner === null ? <span className="quiet-text">{t('nobody')}</span> : <Actor actor={incident.owner} />,
    },
    {
      id: 'last',
      label: t('lastAlert'),
      align: 'end',
      from: 'medium',
      cell: (incident) => <When at={incident.lastAlertAt} />,
    },
  ];
  return (
    <Split
      list={
        <>
          <div className="toolbar">
            <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
            <Select
              bare
              label={t('state')}
              value={state}
              onPick={(picked) => setState(picked === 'active' ? '' : picked)}
              options={STATES.map((one) => [one, t(STATE_WORDS[one])] as const)}
            />
            <Select
              bare
              label={t('priority')}
              value={priority}
              onPick={setPriority}
              options={PRIORITIES.map(([value, word]) => [value, t(word)] as const)}
            />
            <Select
              bare
              label={t('owner')}
              value={owner}
              onPick={setOwner}
              options={[
                ['', t('anybody')],
                ['me', t('mine')],
              ]}
            />
            <SavedFilters query={query} onUse={apply} />
            {mayTriage ? (
              <label className="check">
                <input
                  type="checkbox"
                  checked={shown.length > 0 && chosenNumbers.length === shown.length}
                  onChange={(event) => setMarked(event.target.checked ? shown.map(({ number }) => number) : [])}
                />
                {t('markAll')}
              </label>
            ) : null}
            <span className="toolbar-end">
              <ExportButton filter={{ state: wantedState, priority, owner, text, environment }} />{' '}
              {shell('rows', { count: shown.length })}
            </span>
          </div>
          {chosenNumbers.length === 0 ? null : (
            <TriageBar
              marked={chosenNumbers}
              focus={acting}
              onDone={(left, done) => {
                setMarked(left);
                setTold(t('triaged', { count: done }));
              }}
            />
          )}
          <p role="status" className={chosenNumbers.length === 0 && told !== '' ? 'quiet-text' : 'hidden-text'}>
            {told}
          </p>
          <NewRows count={waiting} onShow={reveal} />
          {queue.error === null ? null : <Failure error={queue.error} onRetry={() => void queue.refetch()} />}
          <Panel flush>
            <Table
              label={t('incidents')}
              columns={columns}
              rows={shown}
              keyOf={keyOf}
              selected={selected}
              onSelect={select}
              pageOf={pageOf}
              empty={
                queue.isPending ? null : filter === '' && priority === '' && owner === '' && state === 'active' ? (
                  <EmptyState title={t('nothingOpen')}>
                    <Link to={`${addresses.incidents()}?state=all`}>{t('showAll')}</Link>
                  </EmptyState>
                ) : undefined
              }
              {...(mayTriage ? { onMark: (key: string) => mark(Number(key)), onAct: act } : {})}
            />
          </Panel>
          {queue.hasNextPage ? (
            <p>
              <Button busy={queue.isFetchingNextPage} onClick={() => void queue.fetchNextPage()}>
                {t('older')}
              </Button>
            </p>
          ) : null}
          {mayTriage ? <p className="quiet-text">{t('markHint')}</p> : null}
        </>
      }
      drawer={chosen === undefined ? null : <IncidentDrawer incident={chosen} onClose={() => select('')} />}
    />
  );
}

export default function IncidentsPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const incidents = useQuery(queries.incidents());
  return (
    <div className="page">
      <PageHead title={shell('activity')} />
      <ActivityTabs current="incidents" />
      <Loaded query={incidents}>
        {(all) =>
          all.length === 0 ? (
            <Panel>
              <EmptyState title={t('emptyTitle')} command={t('emptyCommand')}>
                {t('emptyText')}
              </EmptyState>
            </Panel>
          ) : (
            <Queue />
          )
        }
      </Loaded>
    </div>
  );
}

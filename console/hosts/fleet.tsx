import { queryOptions, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ApiFailure, api, apiPath } from '../api/client.ts';
import type { FleetHost, FleetHostOfCve, FleetOfCve, Host, TruthState } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Field, FilterBox } from '../shell/parts/controls.tsx';
import { EmptyState, Failure, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { fleetWords } from './fleet-words.ts';

/** Rows that a browser draws at once; the rest is found by the filter. */
const ROWS_MAX = 100;
/** As far off as certificates and windows begin to fail (the command line says it from there on, too). */
const CLOCK_OFF_SECONDS = 300;

const fleetQuery = queryOptions({
  queryKey: ['kernel', 'hosts'],
  queryFn: async () => (await api.get<{ readonly items: readonly FleetHost[] }>('/kernel/hosts')).items,
});
const cveQuery = (cve: string) =>
  queryOptions({
    queryKey: ['kernel', 'cves', cve],
    queryFn: () => api.get<FleetOfCve>(apiPath(['kernel', 'cves', cve], { limit: 100 })),
  });

const TONE: Readonly<Record<TruthState, Tone>> = {
  exposed: 'bad',
  unknown: 'warn',
  mitigated: 'ok',
  'live-patched': 'ok',
  'not-reachable': 'absent',
  'not-affected': 'ok',
};
const STATES = ['exposed', 'unknown', 'mitigated', 'live-patched', 'not-reachable', 'not-affected'] as const;

function Clock({ seconds }: { seconds: number | null }) {
  const t = useWords(fleetWords);
  const formats = useFormats();
  if (seconds === null) return '—';
  if (Math.abs(seconds) <= CLOCK_OFF_SECONDS) return <StateBadge tone="ok">{t('clockRight')}</StateBadge>;
  const time = formats.duration(Math.abs(seconds) * 1_000);
  return <StateBadge tone="bad">{t(seconds > 0 ? 'clockAhead' : 'clockBehind', { time })}</StateBadge>;
}

/** A host that is here or was heard of; one of which no facts came is told as that. */
interface FleetRow {
  readonly host: string;
  readonly isAway: boolean;
  readonly facts: FleetHost | null;
}

function rowsOf(hosts: readonly Host[], fleet: readonly FleetHost[]): readonly FleetRow[] {
  const facts = new Map(fleet.map((one) => [one.host, one]));
  const states = new Map(hosts.map(({ name, state }) => [name, state]));
  return [...new Set([...states.keys(), ...facts.keys()])].map((host) => ({
    ...{ host, isAway: states.get(host) === 'away', facts: facts.get(host) ?? null },
  }));
}

/** All hosts in a few words each, those with the most open first; picking one shows the whole of it. */
export function Fleet({
  hosts,
  picked,
  onPick,
}: {
  hosts: readonly Host[];
  picked: string;
  onPick: (host: string) => void;
}) {
  const t = useWords(fleetWords);
  const formats = useFormats();
  const [filter, setFilter] = useState('');
  const fleet = useQuery(fleetQuery);
  const open = ({ facts }: FleetRow, state: TruthState) =>
    facts?.summary == null ? '—' : formats.number(facts.summary[state]);
  const columns: readonly Column<FleetRow>[] = [
    {
      id: 'host',
      label: t('host'),
      cell: ({ host, isAway, facts }) => (
        <span className="stack-tight">
          <span className="mono">{host}</span>
          {isAway ? <StateBadge tone="bad">{t('away')}</StateBadge> : null}
          {facts === null ? <StateBadge tone="warn">{t('notTold')}</StateBadge> : null}
        </span>
      ),
    },
    {
      id: 'kernel',
      label: t('kernel'),
      from: 'medium',
      grow: true,
      cell: ({ facts }) => <span className="mono">{facts?.release ?? '—'}</span>,
    },
    { id: 'exposed', label: t('exposed'), align: 'end', cell: (one) => open(one, 'exposed') },
    { id: 'unknown', label: t('unknown'), align: 'end', from: 'wide', cell: (one) => open(one, 'unknown') },
    {
      id: 'patches',
      label: t('livePatches'),
      from: 'wide',
      cell: ({ facts }) => facts?.livePatches.join(', ') || '—',
    },
    {
      id: 'restart',
      label: t('restart'),
      from: 'medium',
      cell: ({ facts }) =>
        facts === null ? (
          '—'
        ) : (
          <StateBadge tone={facts.rebootRequired ? 'warn' : 'ok'}>
            {t(facts.rebootRequired ? 'needed' : 'notNeeded')}
          </StateBadge>
        ),
    },
    { id: 'clock', label: t('clock'), cell: ({ facts }) => <Clock seconds={facts?.clockOffSeconds ?? null} /> },
  ];
  return (
    <Loaded query={fleet}>
      {(told) => {
        const all = rowsOf(hosts, told);
        const found = all
          .filter(({ host, facts }) =>
            matchesFilter(filter, [host, facts?.release ?? null, ...(facts?.livePatches ?? [])]),
          )
          .sort((a, b) => weightOf(b) - weightOf(a) || (a.host < b.host ? -1 : 1));
        return (
          <Panel
            title={t('fleet')}
            count={all.length}
            flush
            actions={<FilterBox value={filter} onChange={setFilter} label={t('filter')} />}
          >
            <Table
              label={t('fleet')}
              columns={columns}
              rows={found.slice(0, ROWS_MAX)}
              keyOf={({ host }) => host}
              selected={picked}
              onSelect={onPick}
              empty={<EmptyState title={t('noneFound')} />}
            />
            {found.length > ROWS_MAX ? (
              <p className="quiet-text runtime-note">{t('more', { count: formats.number(found.length - ROWS_MAX) })}</p>
            ) : null}
          </Panel>
        );
      }}
    </Loaded>
  );
}

/** What nobody can tell of a host, and a clock that is off, come before any number of issues. */
function weightOf({ isAway, facts }: FleetRow): number {
  if (facts === null || isAway) return 200_000;
  const isOff = Math.abs(facts.clockOffSeconds ?? 0) > CLOCK_OFF_SECONDS;
  return (facts.summary?.exposed ?? 0) + (facts.rebootRequired ? 0.5 : 0) + (isOff ? 100_000 : 0);
}

/** Which hosts a CVE of the kernel is open on, and the cheapest safe way out for each. */
export function WhereIsCve() {
  const t = useWords(fleetWords);
  const text = useText();
  const formats = useFormats();
  const [typed, setTyped] = useState('');
  const [asked, setAsked] = useState('');
  const answer = useQuery({ ...cveQuery(asked), enabled: asked !== '' });
  const ask = (event: FormEvent) => {
    event.preventDefault();
    const wanted = typed.trim().toUpperCase();
    setAsked(wanted);
    // Who asks once more wants to know how it stands by now.
    if (wanted === asked) void answer.refetch();
  };
  const columns: readonly Column<FleetHostOfCve>[] = [
    {
      id: 'host',
      label: t('host'),
      cell: ({ host, state }) => (
        <span className="stack-tight">
          <span className="mono">{host}</span>
          <StateBadge tone={TONE[state]}>{t(state)}</StateBadge>
        </span>
      ),
    },
    { id: 'kernel', label: t('kernel'), from: 'wide', cell: ({ release }) => <span className="mono">{release}</span> },
    {
      id: 'way',
      label: t('wayOut'),
      grow: true,
      cell: ({ wayOut, evidence }) => (
        <span>
          {wayOut === null ? '—' : text(wayOut.text)}
          <br />
          <span className="quiet-text">{evidence.map((one) => text(one)).join('; ')}</span>
        </span>
      ),
    },
  ];
  const found = answer.data;
  const isUnknown = answer.error instanceof ApiFailure && answer.error.status === 404;
  return (
    <Panel title={t('where')}>
      <div className="stack">
        <form className="fleet-question" onSubmit={ask}>
          <Field
            label={t('cve')}
            required
            pattern="[Cc][Vv][Ee]-[0-9]{4}-[0-9]{4,9}"
            placeholder="CVE-2024-1086"
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button type="submit" busy={answer.isFetching}>
            {t('ask')}
          </Button>
        </form>
        {isUnknown ? <EmptyState title={t('noRecord', { cve: asked })} /> : null}
        {answer.error === null || isUnknown ? null : <Failure error={answer.error} />}
        {found === undefined ? null : (
          <>
            <p>
              <span className="mono">{found.cve}</span> {found.title}
            </p>
            <p className="chips">
              {STATES.filter((state) => found.summary[state] > 0).map((state) => (
                <StateBadge key={state} tone={TONE[state]}>
                  {t(state)} {formats.number(found.summary[state])}
                </StateBadge>
              ))}
            </p>
            <Table label={t('where')} columns={columns} rows={found.items} keyOf={({ host }) => host} />
            {found.hosts > found.items.length ? (
              <p className="quiet-text">
                {t('moreHosts', { count: formats.number(found.hosts - found.items.length) })}
              </p>
            ) : null}
          </>
        )}
      </div>
    </Panel>
  );
}

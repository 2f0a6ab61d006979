import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { waitForOperation } from '../hosts/operation.ts';
import { ActivityTabs } from '../operations/activity-tabs.tsx';
import { useRuleTitle } from '../rules/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { Drawer, EmptyState, Facts, Failure, Loaded, PageHead, Panel, Split, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import './drills.css';
import { words } from './words.ts';

interface DrilledRule {
  readonly rule: string;
  readonly outcome: 'detected' | 'missed' | 'off' | 'absent' | 'not-performed';
  readonly detectMs: number | null;
}

interface Drill {
  readonly id: string;
  readonly at: string;
  readonly endedAt: string | null;
  readonly host: string;
  readonly by: string;
  readonly state: 'running' | 'passed' | 'missed' | 'failed';
  readonly rules: readonly DrilledRule[];
  readonly actMs: number | null;
}

interface Drills {
  readonly items: readonly Drill[];
  readonly plan: { readonly at: string | null };
}

const drillsQuery = queryOptions({ queryKey: ['drills'], queryFn: () => api.get<Drills>('/drills') });

const TONES: Readonly<Record<Drill['state'], Tone>> = {
  running: 'pending',
  passed: 'ok',
  missed: 'bad',
  failed: 'warn',
};
const OUTCOMES: Readonly<Record<DrilledRule['outcome'], Tone>> = {
  detected: 'ok',
  missed: 'bad',
  off: 'absent',
  absent: 'absent',
  'not-performed': 'warn',
};

function timesOf(drill: Drill): readonly number[] {
  return drill.rules.flatMap(({ detectMs }) => detectMs ?? []).sort((one, other) => one - other);
}

function quantile(sorted: readonly number[], part: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
}

/** Slowest detection of each drill, oldest on the left; the table beside it has the figures. */
function Trend({ drills }: { drills: readonly Drill[] }) {
  const t = useWords(words);
  const shown = drills
    .filter(({ state }) => state === 'passed' || state === 'missed')
    .slice(0, 30)
    .reverse();
  if (shown.length < 2) return null;
  const most = Math.max(1, ...shown.map((one) => quantile(timesOf(one), 1) ?? 0));
  const step = 100 / shown.length;
  return (
    <Panel title={t('overTime')}>
      <svg className="drill-trend" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
        {shown.map((one, place) => {
          const slowest = quantile(timesOf(one), 1) ?? 0;
          const height = Math.max(0.6, (slowest / most) * 22);
          return (
            <rect
              key={one.id}
              className={one.state}
              x={place * step + step * 0.15}
              width={step * 0.7}
              y={24 - height}
              height={height}
            />
          );
        })}
      </svg>
      <p className="quiet-text">{t('trendText', { most: Math.round(most) })}</p>
    </Panel>
  );
}

function Outcome({ outcome }: { outcome: DrilledRule['outcome'] }) {
  const t = useWords(words);
  return <StateBadge tone={OUTCOMES[outcome]}>{t(outcome)}</StateBadge>;
}

function DrillDrawer({ drill, onClose }: { drill: Drill; onClose: () => void }) {
  const t = useWords(words);
  const formats = useFormats();
  const titleOf = useRuleTitle();
  const order = ['missed', 'not-performed', 'off', 'absent', 'detected'];
  const rows = [...drill.rules].sort((one, other) => order.indexOf(one.outcome) - order.indexOf(other.outcome));
  const columns: readonly Column<DrilledRule>[] = [
    {
      id: 'rule',
      label: t('rule'),
      grow: true,
      cell: ({ rule }) => <Link to={addresses.rule(rule)}>{titleOf(rule)}</Link>,
    },
    { id: 'outcome', label: t('outcome'), cell: ({ outcome }) => <Outcome outcome={outcome} /> },
    {
      id: 'time',
      label: t('timeToDetect'),
      align: 'end',
      cell: ({ detectMs }) => (detectMs === null ? '—' : `${formats.number(Math.round(detectMs))} ms`),
    },
  ];
  return (
    <Drawer title={t('drill')} onClose={onClose}>
      <Facts
        items={[
          [
            t('state'),
            <StateBadge key="s" tone={TONES[drill.state]}>
              {t(drill.state)}
            </StateBadge>,
          ],
          [t('begun'), <When key="b" at={drill.at} />],
          [t('host'), drill.host],
          [t('by'), <Actor key="a" actor={drill.by} />],
          [t('timeToAct'), drill.actMs === null ? '—' : `${formats.number(Math.round(drill.actMs))} ms`],
        ]}
      />
      {rows.length === 0 ? null : <Table label={t('drill')} columns={columns} rows={rows} keyOf={({ rule }) => rule} />}
    </Drawer>
  );
}

function PlanDialog({ at, onClose }: { at: string | null; onClose: () => void }) {
  const t = useWords(words);
  const client = useQueryClient();
  const [time, setTime] = useState(at ?? '');
  const sending = useMutation({
    mutationFn: () => api.put(apiPath(['drills', 'plan']), { at: time === '' ? null : time }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['drills'] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('daily')} sending={sending} onClose={onClose}>
      <Field
        label={t('dailyAt')}
        hint={t('dailyHint')}
        type="time"
        value={time}
        onChange={(event) => setTime(event.target.value)}
      />
    </FormDialog>
  );
}

function List({ data }: { data: Drills }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const client = useQueryClient();
  const me = useMe();
  const [selected, select] = useSearchParam('sel');
  const [planning, setPlanning] = useState(false);
  const run = useMutation({
    mutationFn: async () => {
      const { operation } = await api.post<{ operation: string }>('/drills');
      await client.invalidateQueries({ queryKey: ['drills'] });
      await waitForOperation(operation);
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['drills'] }),
  });
  const chosen = data.items.find(({ id }) => id === selected);
  const columns: readonly Column<Drill>[] = [
    { id: 'state', label: t('state'), cell: ({ state }) => <StateBadge tone={TONES[state]}>{t(state)}</StateBadge> },
    { id: 'at', label: t('begun'), cell: ({ at }) => <When at={at} /> },
    {
      id: 'seen',
      label: t('seen'),
      align: 'end',
      cell: ({ rules }) =>
        `${rules.filter(({ outcome }) => outcome === 'detected').length} / ${
          rules.filter(({ outcome }) => outcome === 'detected' || outcome === 'missed').length
        }`,
    },
    {
      id: 'half',
      label: t('half'),
      align: 'end',
      from: 'medium',
      cell: (drill) => milliseconds(quantile(timesOf(drill), 0.5)),
    },
    {
      id: 'slowest',
      label: t('slowest'),
      align: 'end',
      from: 'medium',
      cell: (drill) => milliseconds(quantile(timesOf(drill), 1)),
    },
    { id: 'act', label: t('timeToAct'), align: 'end', from: 'wide', cell: ({ actMs }) => milliseconds(actMs) },
    { id: 'host', label: t('host'), from: 'wide', cell: ({ host }) => host },
    { id: 'by', label: t('by'), from: 'medium', cell: ({ by }) => <Actor actor={by} /> },
  ];
  function milliseconds(value: number | null): string {
    return value === null ? '—' : `${formats.number(Math.round(value))} ms`;
  }
  return (
    <Split
      list={
        <>
          <div className="toolbar">
            {hasRole(me, ['admin', 'analyst'], '*') ? (
              <Button look="primary" busy={run.isPending} onClick={() => run.mutate()}>
                {t('make')}
              </Button>
            ) : null}
            {hasRole(me, ['admin'], '*') ? <Button onClick={() => setPlanning(true)}>{t('daily')}</Button> : null}
            <span className="quiet-text">
              {data.plan.at === null ? t('notDaily') : t('dailyIs', { time: data.plan.at })}
            </span>
            <span className="toolbar-end">{shell('rows', { count: data.items.length })}</span>
          </div>
          {run.error === null ? null : <Failure error={run.error} />}
          {data.items.length === 0 ? (
            <Panel>
              <EmptyState title={t('none')} command="darsena drill run">
                {t('noneText')}
              </EmptyState>
            </Panel>
          ) : (
            <div className="stack">
              <Trend drills={data.items} />
              <Panel flush>
                <Table
                  label={t('drills')}
                  columns={columns}
                  rows={data.items}
                  keyOf={({ id }) => id}
                  selected={selected}
                  onSelect={select}
                />
              </Panel>
            </div>
          )}
          {planning ? <PlanDialog at={data.plan.at} onClose={() => setPlanning(false)} /> : null}
        </>
      }
      drawer={chosen === undefined ? null : <DrillDrawer drill={chosen} onClose={() => select('')} />}
    />
  );
}

/** Whether every rule still sees its act: drills made and to come. */
export default function DrillsPage() {
  const shell = useWords(shellWords);
  const drills = useQuery(drillsQuery);
  return (
    <div className="page">
      <PageHead title={shell('activity')} />
      <ActivityTabs current="drills" />
      <Loaded query={drills}>{(data) => <List data={data} />}</Loaded>
    </div>
  );
}

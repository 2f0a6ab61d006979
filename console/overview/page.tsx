import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Fact, Overview, PartState, Status } from '../api/types.ts';
import { deadlineWords } from '../images/deadline-words.ts';
import { Deadlines } from '../images/deadlines.tsx';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useGathered } from '../shell/gather.ts';
import { useText, useWords } from '../shell/language.tsx';
import { type Level, LevelBadge, StateBadge, type Tone, ToneGlyph } from '../shell/parts/badge.tsx';
import { FactLine } from '../shell/parts/fact-line.tsx';
import { EmptyState, Loaded, NewRows, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { insideAddress, Link } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import './overview.css';
import { words } from './words.ts';

const PART_WORDS = {
  control: 'partControl',
  agent: 'partAgent',
  sensor: 'partSensor',
  edge: 'partEdge',
  database: 'partDatabase',
  engine: 'partEngine',
} as const;
const PART_TONES: Readonly<Record<PartState, Tone>> = { ok: 'ok', degraded: 'warn', down: 'bad', absent: 'absent' };
const PART_STATES = { ok: 'stateOk', degraded: 'stateDegraded', down: 'stateDown', absent: 'stateAbsent' } as const;

/** Above this many workloads a cell for each says less than the figure. */
const CELLS_MAX = 120;

function Serving({ serving }: { serving: Overview['serving'] }) {
  const t = useWords(words);
  const text = useText();
  const [environment] = useEnvironment();
  const degraded = serving.degraded.filter((item) => environment === '' || item.environment === environment);
  if (serving.total === 0) {
    return (
      <EmptyState title={t('servingNone')} command="darsena deploy examples/tienda">
        {t('deployTeach')}
      </EmptyState>
    );
  }
  const all = serving.ok === serving.total;
  const cells = Array.from({ length: Math.min(serving.total, CELLS_MAX) }, (_, index) => ({
    id: `cell-${index}`,
    ok: index < serving.ok,
  }));
  return (
    <div className="serving">
      <p className={all ? 'serving-figure tone-ok' : 'serving-figure tone-bad'}>
        <ToneGlyph tone={all ? 'ok' : 'bad'} />
        <span>
          {all ? t('servingAll', { total: serving.total }) : t('servingSome', { ok: serving.ok, total: serving.total })}
        </span>
      </p>
      <div className="serving-cells" aria-hidden="true">
        {cells.map((cell) => (
          <span key={cell.id} className={cell.ok ? 'cell' : 'cell bad'} />
        ))}
      </div>
      <ul className="degraded">
        {degraded.map((item) => (
          <li key={`${item.project}/${item.environment}/${item.workload}`}>
            <Link to={addresses.workload(item.project, item.environment, item.workload)}>
              {item.project}/{item.workload}
            </Link>
            <span className="chip">{item.environment}</span>
            <span className="degraded-text">{text(item.text)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Parts({ status }: { status: Status }) {
  const t = useWords(words);
  const text = useText();
  return (
    <ul className="parts">
      {status.parts.map((part) => (
        <li
          key={part.name}
          className={`tone-${PART_TONES[part.state]}`}
          title={part.detail === null ? '' : text(part.detail)}
        >
          <ToneGlyph tone={PART_TONES[part.state]} />
          <span className="part-name">{t(PART_WORDS[part.name])}</span>
          <span className="part-state">{t(PART_STATES[part.state])}</span>
          {part.detail === null || part.state === 'ok' ? null : (
            <span className="part-detail">{text(part.detail)}</span>
          )}
        </li>
      ))}
    </ul>
  );
}

function weightLevel(weight: number): Level {
  if (weight >= 90) return 'critical';
  if (weight >= 60) return 'high';
  if (weight >= 30) return 'medium';
  return 'low';
}

function TodoList({ todo }: { todo: Overview['todo'] }) {
  const t = useWords(words);
  const text = useText();
  if (todo.length === 0) return <EmptyState title={t('todoNone')}>{t('todoNoneText')}</EmptyState>;
  const ranked = [...todo].sort((a, b) => b.weight - a.weight);
  return (
    <ol className="todo">
      {ranked.map((item) => {
        const level = weightLevel(item.weight);
        return (
          <li key={item.id}>
            <LevelBadge level={level}>
              {level === 'critical' || level === 'high'
                ? t('weightHigh')
                : level === 'medium'
                  ? t('weightMedium')
                  : t('weightLow')}
            </LevelBadge>
            <span className="todo-text">{text(item.text)}</span>
            <Link
              to={insideAddress(item.href) ?? '/'}
              className="button plain"
              aria-label={`${text(item.action)}: ${text(item.text)}`}
            >
              {text(item.action)}
            </Link>
          </li>
        );
      })}
    </ol>
  );
}

const SEEN_KEY = 'darsena.seen';
/** Looking this long counts as having seen. */
const SEEN_MS = 4000;

/** The newest fact the reader had seen when this visit began. */
function useSeenBefore(newest: number | undefined): number {
  const [seen] = useState(() => Number(localStorage.getItem(SEEN_KEY) ?? 0));
  useEffect(() => {
    if (newest === undefined) return;
    const timer = setTimeout(() => localStorage.setItem(SEEN_KEY, String(newest)), SEEN_MS);
    return () => clearTimeout(timer);
  }, [newest]);
  return seen;
}

const keyOfFact = (fact: Fact) => fact.id;

interface FactRun {
  readonly fact: Fact;
  readonly count: number;
}

/** One act often states a fact for each image it touched: said once, with how many. */
function joinRuns(facts: readonly Fact[]): readonly FactRun[] {
  const runs: FactRun[] = [];
  for (const fact of facts) {
    const last = runs.at(-1);
    const same =
      last !== undefined &&
      last.fact.kind === fact.kind &&
      last.fact.actor === fact.actor &&
      last.fact.subject === fact.subject;
    if (same) runs[runs.length - 1] = { fact: last.fact, count: last.count + 1 };
    else runs.push({ fact, count: 1 });
  }
  return runs;
}

function Changes({ facts }: { facts: readonly Fact[] }) {
  const t = useWords(words);
  const seen = useSeenBefore(facts[0]?.seq);
  const frame = useRef<HTMLOListElement>(null);
  const { shown, waiting, reveal } = useGathered(facts, keyOfFact, '', frame);
  if (facts.length === 0) return <EmptyState title={t('changesNone')}>{t('changesNoneText')}</EmptyState>;
  const runs = joinRuns(shown);
  const boundary = runs.findIndex(({ fact }) => fact.seq <= seen);
  return (
    <>
      <NewRows count={waiting} onShow={reveal} />
      <ol className="changes" ref={frame}>
        {runs.slice(0, 60).map(({ fact, count }, index) => (
          <li key={fact.id} data-seq={fact.seq}>
            {index === boundary && boundary > 0 ? <span className="seen-mark">{t('seen')}</span> : null}
            <span className="change-row">
              <FactLine fact={fact} />
              {count === 1 ? null : <span className="count">×{count}</span>}
              {fact.project === null || fact.subject.startsWith(fact.project) ? null : (
                <span className="chip">{fact.project}</span>
              )}
              <When at={fact.at} />
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

export default function OverviewPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const r = useWords(deadlineWords);
  const overview = useQuery(queries.overview());
  const status = useQuery(queries.status());
  return (
    <div className="page overview">
      <PageHead
        title={shell('overview')}
        badges={status.data?.mode === 'rootless' ? <StateBadge tone="warn">{t('rootless')}</StateBadge> : null}
      />
      <div className="overview-grid">
        <Panel title={t('serving')} className="area-serving">
          <Loaded query={overview}>{(data) => <Serving serving={data.serving} />}</Loaded>
          <Loaded query={status} lines={1}>
            {(data) => <Parts status={data} />}
          </Loaded>
        </Panel>
        <Panel title={t('todo')} className="area-todo" flush>
          <Loaded query={overview}>{(data) => <TodoList todo={data.todo} />}</Loaded>
        </Panel>
        <Panel title={r('deadlines')} className="area-deadlines" flush>
          <Deadlines />
        </Panel>
        <Panel
          title={t('changes')}
          className="area-changes"
          flush
          actions={<Link to={addresses.audit()}>{t('allFacts')}</Link>}
        >
          <Loaded query={overview}>{(data) => <Changes facts={data.changes} />}</Loaded>
        </Panel>
      </div>
    </div>
  );
}

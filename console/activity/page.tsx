import { useQuery } from '@tanstack/react-query';
import { type FormEvent, memo, useEffect, useMemo, useState } from 'react';
import { apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Activity } from '../api/types.ts';
import { ActivityTabs } from '../operations/activity-tabs.tsx';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { harmless } from '../shell/harmless.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Button, FilterBox, Select } from '../shell/parts/controls.tsx';
import { EmptyState, Failure, PageHead, Panel } from '../shell/parts/surface.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import './activity.css';
import { type ActivityRow, EMPTY_VIEW, type LiveView } from './gatherer.ts';
import { followActivity, SHOWN_A_SECOND } from './stream.ts';
import { words } from './words.ts';

/** The reader's clock with thousandths; one formatter for all rows, which are drawn five times a second. */
function useFineClock(): (at: string) => string {
  const { language } = useLanguage();
  return useMemo(() => {
    const clock = new Intl.DateTimeFormat(language, {
      ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false },
    });
    return (at) => clock.format(new Date(at));
  }, [language]);
}

/** Drawn again only when another event takes its place. */
const Row = memo(function Row({ event, clock }: { event: Activity; clock: (at: string) => string }) {
  const t = useWords(words);
  const { at, type, project, environment, workload, container, process, pid, about, result } = event;
  return (
    <tr>
      <td className="time mono">{clock(at)}</td>
      <td className="event">{type}</td>
      <td className="where">
        {project === null || environment === null || workload === null ? (
          (container ?? '—')
        ) : (
          <Link to={addresses.workload(project, environment, workload)}>{`${project}/${workload}`}</Link>
        )}
      </td>
      <td className="process mono">
        {harmless(process)} {pid}
      </td>
      <td className="about mono" title={event.arguments === null ? undefined : harmless(event.arguments)}>
        {event.truncated ? <span className="tone-warn">{t('truncated')} </span> : null}
        {harmless((type === 'execve' ? event.arguments : null) ?? about ?? event.arguments ?? '—')}
      </td>
      <td className="result mono">{result === 'SUCCESS' ? '' : result}</td>
    </tr>
  );
});

const Slice = memo(function Slice({ rows, clock }: { rows: readonly ActivityRow[]; clock: (at: string) => string }) {
  return (
    <tbody>
      {rows.map(({ slot, event }) => (
        <Row key={slot} event={event} clock={clock} />
      ))}
    </tbody>
  );
});

/** Rows that are drawn in one go: in a flood all of them change at once, and the page answers between two slices. */
const SLICE_ROWS = 50;

function useSlices(rows: readonly ActivityRow[]): readonly (readonly ActivityRow[])[] {
  const [slices, setSlices] = useState<readonly (readonly ActivityRow[])[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = (at: number) => {
      const end = (at + 1) * SLICE_ROWS;
      setSlices((before) => [...before.slice(0, at), rows.slice(at * SLICE_ROWS, end), ...before.slice(at + 1)]);
      if (end < rows.length) timer = setTimeout(() => draw(at + 1));
    };
    draw(0);
    return () => clearTimeout(timer);
  }, [rows]);
  return slices.slice(0, Math.ceil(rows.length / SLICE_ROWS));
}

function Rows({ rows }: { rows: readonly ActivityRow[] }) {
  const t = useWords(words);
  const clock = useFineClock();
  const slices = useSlices(rows);
  return (
    <div className="live-rows" role="log" aria-live="off" aria-label={t('title')}>
      <table>
        <thead>
          <tr>
            {(['time', 'event', 'where', 'process', 'about', 'result'] as const).map((name) => (
              <th key={name} scope="col" className={name}>
                {t(name)}
              </th>
            ))}
          </tr>
        </thead>
        {slices.map((some, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a slice is its place
          <Slice key={place} rows={some} clock={clock} />
        ))}
      </table>
    </div>
  );
}

function LiveList({ view, held }: { view: LiveView; held: boolean }) {
  const t = useWords(words);
  const { rows, watching } = view;
  return (
    <>
      <p className="live-counts" role="status" aria-live="off">
        <span>{t('rate', { count: view.perSecond })}</span>
        <span>{t('shownOf', { shown: rows.length, seen: view.seen })}</span>
        {view.dropped > 0 ? <span className="tone-warn">{t('dropped', { count: view.dropped })}</span> : null}
        {watching?.arguments === false ? <span>{t('hidden')}</span> : null}
        {(watching?.missing.length ?? 0) > 0 ? (
          <span>{t('blind', { what: watching?.missing.join(', ') ?? '' })}</span>
        ) : null}
        {view.away.map((host) => (
          <span key={host}>{t('away', { host })}</span>
        ))}
      </p>
      <Panel flush>{rows.length === 0 && !held ? <EmptyState title={t('waiting')} /> : <Rows rows={rows} />}</Panel>
    </>
  );
}

/** One look: it begins with the part and ends with it. */
function Look({ path, held, onAgain }: { path: string; held: boolean; onAgain: () => void }) {
  const t = useWords(words);
  const [view, setView] = useState<LiveView>(EMPTY_VIEW);
  const [still, setStill] = useState<LiveView | null>(null);
  const [ended, setEnded] = useState<{ readonly error: unknown } | null>(null);
  if (held !== (still !== null)) setStill(held ? view : null);
  useEffect(() => {
    const stop = new AbortController();
    followActivity(path, stop.signal, (next) => {
      if (!stop.signal.aborted) setView(next);
    }).then(
      () => setEnded({ error: null }),
      (error: unknown) => {
        if (!stop.signal.aborted) setEnded({ error });
      },
    );
    return () => stop.abort();
  }, [path]);
  if (ended === null) return <LiveList view={still ?? view} held={held} />;
  if (ended.error !== null) return <Failure error={ended.error} onRetry={onAgain} />;
  return (
    <EmptyState title={t('ended')}>
      <Button onClick={onAgain}>{t('again')}</Button>
    </EmptyState>
  );
}

/** What happens on the hosts, while somebody looks: leaving the page ends it. */
export default function LivePage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const [environment] = useEnvironment();
  const [filter, setFilter] = useSearchParam('q');
  const [project, setProject] = useSearchParam('project');
  const [workload, setWorkload] = useSearchParam('workload');
  const [typed, setTyped] = useState(filter);
  const [held, setHeld] = useState(false);
  const [round, setRound] = useState(0);
  const projects = useQuery(queries.projects()).data ?? [];
  const again = () => setRound((now) => now + 1);
  const path = apiPath(['activity'], { project, workload, environment, filter, most: String(SHOWN_A_SECOND) });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setFilter(typed);
    again();
  };
  return (
    <div className="page">
      <PageHead title={shell('activity')} />
      <ActivityTabs current="live" />
      <form className="toolbar live-toolbar" onSubmit={submit}>
        <FilterBox value={typed} onChange={setTyped} label={t('condition')} />
        <Button type="submit" look="primary">
          {t('look')}
        </Button>
        <Select
          bare
          label={t('project')}
          value={project}
          onPick={(next) => {
            setWorkload('');
            setProject(next);
          }}
          options={[['', t('all')], ...projects.map(({ name }) => [name, name] as const)]}
        />
        <Button onClick={() => setHeld(!held)} aria-pressed={held}>
          {t(held ? 'goOn' : 'pause')}
        </Button>
      </form>
      <Look key={`${path}#${round}`} path={path} held={held} onAgain={again} />
    </div>
  );
}

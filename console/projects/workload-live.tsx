import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { apiAddress, apiPath, readFailure } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { WorkloadRevision, WorkloadStatus, WorkloadUse } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link } from '../shell/router.tsx';
import { TerminalPanel } from './terminal.tsx';
import './workload-live.css';
import { words } from './words.ts';
import { EventsPanel } from './workload-events.tsx';
import { liveWords } from './workload-live-words.ts';

/** Characters of a log that stay on the page; a browser draws more with effort. */
const LOG_CHARACTERS_MAX = 200_000;
/** One that was told for so long was cut by the platform, and is followed on. */
const LOG_CUT_MS = 60_000;
/** Measurements that a line shows: five minutes. */
const MEASUREMENTS_MAX = 100;
const MEASURED_SECONDS = 3;
const WIDTH = 240;
const HEIGHT = 40;

/** Colours and movements of a terminal: `ESC [ … letter`, told apart by the first character alone. */
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]{0,16}[A-Za-z]`, 'g');

/** Without the colours of a terminal. */
function plain(text: string): string {
  return text.replace(ESCAPES, '');
}

/** The log of one container, and what it writes while it is followed. */
function Log({ workload, place }: { workload: WorkloadStatus; place: { replica: string; container: string } }) {
  const t = useWords(liveWords);
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<Error | null>(null);
  const [isFollowed, setFollowed] = useState(true);
  const box = useRef<HTMLPreElement>(null);
  const { project, environment, name } = workload;
  const { replica, container } = place;
  useEffect(() => {
    if (!isFollowed) return;
    const abort = new AbortController();
    const path = apiPath(['projects', project, 'workloads', name, 'logs'], {
      ...{ environment, replica, container },
      ...{ tail: 200, follow: 1 },
    });
    setText('');
    setFailure(null);
    /** Gives how long it was told, in ms. */
    const readOnce = async (): Promise<number> => {
      const began = performance.now();
      const response = await fetch(apiAddress(path), { signal: abort.signal, credentials: 'same-origin' });
      if (!response.ok || response.body === null) throw await readFailure(response);
      let isFirst = true;
      for await (const chunk of response.body.pipeThrough(
        new TextDecoderStream(),
      ) as unknown as AsyncIterable<string>) {
        const kept = isFirst ? '' : null;
        isFirst = false;
        setText((before) => ((kept ?? before) + plain(chunk)).slice(-LOG_CHARACTERS_MAX));
      }
      return performance.now() - began;
    };
    const read = async (): Promise<void> => {
      // The platform cuts a followed log now and then, to ask again who may read it; an early end is the container's own.
      while ((await readOnce()) >= LOG_CUT_MS);
      setFollowed(false);
    };
    read().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      setFollowed(false);
      setFailure(error instanceof Error ? error : new Error(String(error)));
    });
    return () => abort.abort();
  }, [isFollowed, project, environment, name, replica, container]);
  useEffect(() => {
    const element = box.current;
    // Who has scrolled up reads; the end is kept in sight for the others.
    if (element === null || text === '') return;
    if (element.scrollHeight - element.scrollTop - element.clientHeight < 80) element.scrollTop = element.scrollHeight;
  }, [text]);
  return (
    <>
      {failure === null ? null : <Failure error={failure} />}
      <pre className="log" ref={box} role="log" aria-label={t('logs')}>
        {text === '' ? t('logsEmpty') : text}
      </pre>
      <div className="panel-actions">
        <Button onClick={() => setFollowed(!isFollowed)}>{isFollowed ? t('stop') : t('follow')}</Button>
        {isFollowed ? null : <span className="quiet-text">{t('logsClosed')}</span>}
      </div>
    </>
  );
}

function Logs({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(liveWords);
  const places = workload.replicas.flatMap((replica) =>
    replica.containers.map((container) => ({ replica: replica.name, container: container.name })),
  );
  const [picked, pick] = useState('');
  const place = places.find((one) => `${one.replica}/${one.container}` === picked) ?? places[0];
  if (place === undefined) return null;
  const current = `${place.replica}/${place.container}`;
  const options = places.map((one): readonly [string, string] => {
    const id = `${one.replica}/${one.container}`;
    return [id, id];
  });
  return (
    <Panel title={t('logs')}>
      <Select label={t('container')} options={options} value={current} onPick={pick} />
      <Log key={current} workload={workload} place={place} />
    </Panel>
  );
}

interface Measured {
  readonly at: number;
  readonly cores: number;
  readonly memory: number;
}

/** A line of values from left to right, the newest at the right end; the figures beside it say what it shows. */
function Line({ values }: { values: readonly number[] }) {
  const most = Math.max(...values, 1e-9);
  const step = WIDTH / (MEASUREMENTS_MAX - 1);
  const start = WIDTH - step * (values.length - 1);
  const points = values.map(
    (value, index) => `${(start + step * index).toFixed(1)},${(HEIGHT - (value / most) * (HEIGHT - 4) - 2).toFixed(1)}`,
  );
  return (
    <svg className="use-line" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}

/** Cores in use between two measurements; containers that were not there before count from the next one on. */
function coresBetween(before: WorkloadUse, after: WorkloadUse): number {
  const seconds = (Date.parse(after.at) - Date.parse(before.at)) / 1000;
  if (!(seconds > 0)) return 0;
  const nanos = after.items.reduce((sum, one) => {
    const same = before.items.find(({ id }) => id === one.id);
    return same === undefined ? sum : sum + Math.max(0, one.cpuNanos - same.cpuNanos);
  }, 0);
  return nanos / 1e9 / seconds;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function Use({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(liveWords);
  const formats = useFormats();
  const use = useQuery(queries.workloadUse(workload.project, workload.environment, workload.name));
  const last = useRef<WorkloadUse | null>(null);
  const [measured, setMeasured] = useState<readonly Measured[]>([]);
  const { data } = use;
  useEffect(() => {
    if (data === undefined || data.at === last.current?.at) return;
    const before = last.current;
    last.current = data;
    if (before === null) return;
    const memory = sum(data.items.map(({ memoryBytes }) => memoryBytes));
    const one = { at: Date.parse(data.at), cores: coresBetween(before, data), memory };
    setMeasured((all) => [...all, one].slice(-MEASUREMENTS_MAX));
  }, [data]);
  return (
    <Panel title={t('use')}>
      <Loaded query={use}>
        {({ items }) => {
          if (items.length === 0) return <p className="quiet-text">{t('useNone')}</p>;
          const limits = items.map(({ memoryLimitBytes }) => memoryLimitBytes);
          const limit = limits.includes(null) ? null : sum(limits.map((bytes) => bytes ?? 0));
          const cores = measured.at(-1)?.cores;
          return (
            <div className="use-lines">
              <div>
                <span className="quiet-text">{t('cpu')}</span>
                <strong>
                  {cores === undefined ? t('waiting') : t('cores', { cores: formats.number(Number(cores.toFixed(2))) })}
                </strong>
                <Line values={measured.map((one) => one.cores)} />
              </div>
              <div>
                <span className="quiet-text">{t('memory')}</span>
                <strong>
                  {formats.bytes(sum(items.map(({ memoryBytes }) => memoryBytes)))}{' '}
                  {limit === null ? null : (
                    <span className="quiet-text">{t('limit', { limit: formats.bytes(limit) })}</span>
                  )}
                </strong>
                <Line values={measured.map((one) => one.memory)} />
              </div>
              <p className="quiet-text">
                {t('processes')}: {formats.number(sum(items.map(({ processes }) => processes)))} · {t('traffic')}:{' '}
                {formats.bytes(sum(items.map(({ receivedBytes }) => receivedBytes)))} /{' '}
                {formats.bytes(sum(items.map(({ sentBytes }) => sentBytes)))}
                <br />
                {measured.length === 0 ? null : t('over', { count: measured.length, seconds: MEASURED_SECONDS })}
              </p>
            </div>
          );
        }}
      </Loaded>
    </Panel>
  );
}

/** What became of the workload: each release that changed it, with a way to see how. */
function Timeline({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(liveWords);
  const w = useWords(words);
  const { project, environment, name } = workload;
  const history = useQuery(queries.workloadHistory(project, environment, name));
  const columns = (all: readonly WorkloadRevision[]): readonly Column<WorkloadRevision>[] => [
    {
      id: 'release',
      label: t('release'),
      cell: (row) => (
        <>
          {row.release} {row.current ? <span className="chip">{t('now')}</span> : null}
        </>
      ),
    },
    { id: 'state', label: t('what'), cell: (row) => <State state={row.state} /> },
    { id: 'replicas', label: t('replicas'), align: 'end', cell: (row) => row.replicas },
    { id: 'by', label: w('by'), from: 'medium', cell: (row) => <Actor actor={row.createdBy} /> },
    { id: 'when', label: w('when'), align: 'end', cell: (row) => <When at={row.createdAt} /> },
    {
      id: 'diff',
      label: t('manifests'),
      align: 'end',
      cell: (row) => {
        const before = all[all.indexOf(row) + 1];
        if (before === undefined) return null;
        const query = new URLSearchParams({
          from: `${environment}@${before.release}`,
          to: `${environment}@${row.release}`,
        });
        return <Link to={`${addresses.project(project, 'compare')}?${query}`}>{t('compare')}</Link>;
      },
    },
  ];
  return (
    <Panel title={t('timeline')} flush>
      <Loaded query={history}>
        {(all) => (
          <Table label={t('timeline')} columns={columns(all)} rows={all} keyOf={(row) => String(row.release)} />
        )}
      </Loaded>
    </Panel>
  );
}

/** What a workload does now and how it came to be. */
export default function WorkloadLive({ workload }: { workload: WorkloadStatus }) {
  return (
    <>
      <Use workload={workload} />
      <EventsPanel workload={workload} />
      <Logs workload={workload} />
      <TerminalPanel workload={workload} />
      {workload.release === null ? null : <Timeline workload={workload} />}
    </>
  );
}

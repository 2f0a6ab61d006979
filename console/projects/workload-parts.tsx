import type { WorkloadPhase, WorkloadStatus } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, outsideAddress } from '../shell/router.tsx';
import { phaseWords } from './phase-words.ts';
import { words } from './words.ts';

/** `registry.darsena.internal/tienda/web` is `tienda/web` here: the registry is ours. */
function localName(repository: string): string {
  return repository.split('/').slice(-2).join('/');
}

export function ImageLinks({ workload }: { workload: WorkloadStatus }) {
  return (
    <span className="image-links">
      {workload.image.map((image) => (
        <span key={image.digest}>
          <Link to={addresses.image(workload.project, image.digest)}>{localName(image.repository)}</Link>{' '}
          <span className="mono quiet-text">{shortDigest(image.digest)}</span>
        </span>
      ))}
    </span>
  );
}

export function Endpoints({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(words);
  if (workload.endpoints.length === 0) return <span className="quiet-text">{t('noAddress')}</span>;
  return (
    <span className="stack-tight">
      {workload.endpoints.map((endpoint) => {
        const to = outsideAddress(endpoint.url);
        return (
          <Copyable key={endpoint.url} value={endpoint.url} mono={false}>
            {to === null ? (
              endpoint.url
            ) : (
              <a href={to} target="_blank" rel="noreferrer noopener">
                {endpoint.url}
              </a>
            )}
          </Copyable>
        );
      })}
    </span>
  );
}

const PHASE_TONES: Readonly<Record<WorkloadPhase, Tone>> = {
  ...{ progressing: 'pending', available: 'ok', degraded: 'bad', refused: 'bad', 'rolled-back': 'warn' },
  ...{ stopped: 'absent', canary: 'pending', running: 'pending', completed: 'ok', failed: 'bad' },
  ...{ scheduled: 'ok', suspended: 'absent' },
};

export function phaseTone(phase: WorkloadPhase): Tone {
  return PHASE_TONES[phase] ?? 'absent';
}

/** The phase of a workload in words. */
export function Phase({ phase }: { phase: WorkloadPhase }) {
  const t = useWords(phaseWords);
  return <StateBadge tone={phaseTone(phase)}>{phase in PHASE_TONES ? t(phase) : phase}</StateBadge>;
}

/** How many of its replicas are ready; of a job, how its runs went. */
export function ReadyCount({ workload: { ready, wanted, job } }: { workload: WorkloadStatus }) {
  const t = useWords(phaseWords);
  if (job === undefined) return `${ready}/${wanted}`;
  const { active, succeeded, failed } = job;
  return <span title={t('runsText', { active, succeeded, failed })}>{`${succeeded} / ${succeeded + failed}`}</span>;
}

type PhaseWord = keyof typeof phaseWords.en;

/** A word for what the platform names; what this console does not know is shown as it came. */
function usePhaseWord(): (name: string, prefix?: string) => string {
  const t = useWords(phaseWords);
  return (name, prefix = '') => {
    const known = `${prefix}${name}`;
    return known in phaseWords.en ? t(known as PhaseWord) : name;
  };
}

export function Conditions({ workload }: { workload: WorkloadStatus }) {
  const text = useText();
  const word = usePhaseWord();
  return (
    <ul className="conditions">
      {workload.conditions.map((condition) => (
        <li key={condition.type}>
          <span className="chip" lang={word(condition.type) === condition.type ? 'en' : undefined}>
            {word(condition.type)}
          </span>
          <span>{text(condition.text)}</span>
          <When at={condition.since} />
        </li>
      ))}
    </ul>
  );
}

type Replica = WorkloadStatus['replicas'][number];

const PHASES = {
  running: 'replicaRunning',
  waiting: 'replicaWaiting',
  starting: 'replicaStarting',
  stopping: 'replicaStopping',
  paused: 'replicaPaused',
  broken: 'replicaBroken',
  succeeded: 'replicaSucceeded',
  failed: 'replicaFailed',
} as const;

/** The phase of a replica in words; one this console does not know is shown as it came. */
export function ReplicaPhase({ replica }: { replica: Replica }) {
  const t = useWords(words);
  const { phase, ready } = replica;
  const isOnItsWay = phase === 'starting' || phase === 'stopping';
  const tone = ready || phase === 'succeeded' ? 'ok' : isOnItsWay ? 'pending' : 'bad';
  const isUnready = phase === 'running' && !ready;
  const known = isUnready ? 'replicaUnready' : Object.entries(PHASES).find(([name]) => name === phase)?.[1];
  return <StateBadge tone={tone}>{known === undefined ? phase : t(known)}</StateBadge>;
}

const PROBES = { startup: 'probeStartup', readiness: 'probeReadiness', liveness: 'probeLiveness' } as const;
const PROBE_STATES = {
  waiting: ['probeWaiting', 'pending'],
  passing: ['probePassing', 'ok'],
  failing: ['probeFailing', 'bad'],
} as const;

/** What each probe of the containers said last; why one fails, on hover and for screen readers. */
function Probes({ replica }: { replica: Replica }) {
  const t = useWords(words);
  const probes = replica.containers.flatMap(({ name, probes: of = [] }) => of.map((probe) => ({ name, ...probe })));
  if (probes.length === 0) return <span className="quiet-text">{t('probeNone')}</span>;
  return (
    <span className="probes">
      {probes.map(({ name, kind, state, why }) => {
        const [word, tone] = PROBE_STATES[state];
        return (
          <span key={`${name} ${kind}`} title={why === null ? name : `${name}: ${why}`}>
            {/* One that passes is named; what is not usual is said. */}
            <StateBadge tone={tone}>
              {t(PROBES[kind])}
              <span className={state === 'passing' ? 'hidden-text' : ''}>{`: ${t(word)}`}</span>
            </StateBadge>
            {why === null ? null : <span className="quiet-text"> {why}</span>}
          </span>
        );
      })}
    </span>
  );
}

export function Replicas({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(words);
  const word = usePhaseWord();
  // Two versions side by side, in a trial or on the way from one to the other.
  const isMixed = new Set(workload.replicas.map(({ specHash }) => specHash)).size > 1;
  const version: Column<Replica> = {
    id: 'version',
    label: t('version'),
    cell: ({ specHash }) => (
      <span className="chip">
        {specHash === workload.specHash ? t('versionNew', { number: workload.release ?? '—' }) : t('versionBefore')}
      </span>
    ),
  };
  const columns: readonly Column<Replica>[] = [
    { id: 'name', label: t('replica'), cell: (replica) => <span className="mono">{replica.name}</span> },
    {
      id: 'phase',
      label: t('phase'),
      cell: (replica) => <ReplicaPhase replica={replica} />,
    },
    ...(isMixed ? [version] : []),
    {
      id: 'containers',
      label: t('containers'),
      from: 'wide',
      cell: (replica) => (
        <span className="chips">
          {replica.containers.map((container) => (
            <span className="chip mono" key={container.name} title={container.id ?? ''}>
              {container.name} · {word(container.state, 'container-')}
            </span>
          ))}
        </span>
      ),
    },
    { id: 'probes', label: t('probes'), from: 'medium', cell: (replica) => <Probes replica={replica} /> },
    { id: 'restarts', label: t('restarts'), align: 'end', cell: (replica) => replica.restarts },
    {
      id: 'started',
      label: t('started'),
      align: 'end',
      from: 'wide',
      cell: (replica) => <When at={replica.startedAt} />,
    },
  ];
  return <Table label={t('replicas')} columns={columns} rows={workload.replicas} keyOf={(replica) => replica.name} />;
}

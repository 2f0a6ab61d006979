import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import type { PolicyReplay, PolicyRevision } from '../api/types.ts';
import { harmless } from '../shell/harmless.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Failure, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useMe } from '../shell/session.ts';
import { lineChanges } from './line-changes.ts';
import { policyWords } from './policy-words.ts';

/** Reasons that a cell shows; the others are one press away. */
const REASONS_SHOWN = 2;

function Reasons({ reasons }: { reasons: readonly string[] }) {
  const t = useWords(policyWords);
  const all = [...new Set(reasons)];
  const rest = all.slice(REASONS_SHOWN);
  return (
    <>
      {all.slice(0, REASONS_SHOWN).join('; ')}
      {rest.length === 0 ? null : (
        <details>
          <summary>{t('moreReasons', { count: rest.length })}</summary>
          {rest.join('; ')}
        </details>
      )}
    </>
  );
}

/** @param after what the column of the answers to come is called; without it those of the text that is tried */
export function Hit({ replay, after }: { replay: PolicyReplay; after?: string }) {
  const t = useWords(policyWords);
  const text = useText();
  // What is deployed again and again gets the same answer each time: it is told once, as of the last time.
  const places = Map.groupBy(
    [...replay.newlyRefused, ...replay.newlyAllowed, ...replay.otherwise],
    ({ subject, before, after }) => `${subject} ${before} ${after}`,
  );
  const rows = [...places].flatMap(([key, all]) => {
    const [last] = all.toSorted((a, b) => b.at.localeCompare(a.at));
    return last === undefined ? [] : [{ ...last, key, times: all.length }];
  });
  const columns: readonly Column<(typeof rows)[number]>[] = [
    {
      id: 'workload',
      label: t('workload'),
      cell: (row) => (
        <>
          <strong>{row.subject}</strong>
          {row.times === 1 ? null : <span className="count"> ×{row.times}</span>}
        </>
      ),
    },
    { id: 'before', label: t('before'), cell: (row) => <State state={row.before} /> },
    { id: 'after', label: after ?? t('after'), cell: (row) => <State state={row.after} /> },
    {
      id: 'why',
      label: t('why'),
      cell: (row) => <Reasons reasons={row.reasons.map((reason) => text(reason.message))} />,
    },
  ];
  const count = t('judged', {
    replayed: String(replay.replayed),
    refused: String(replay.counts.newlyRefused),
    allowed: String(replay.counts.newlyAllowed),
    otherwise: String(replay.counts.otherwise),
    same: String(replay.same),
  });
  return (
    <Panel title={t('hit')} count={count} flush>
      {replay.errors.length === 0 ? null : (
        <ul className="conditions in-panel" aria-label={t('notEvaluated')}>
          {replay.errors.map(({ rule, times, why }) => (
            <li key={rule}>
              <StateBadge tone="bad">{t('notEvaluated')}</StateBadge>
              <strong className="mono">{rule}</strong> ×{times}
              <span lang="en">{why}</span>
            </li>
          ))}
        </ul>
      )}
      {rows.length === 0 ? (
        replay.replayed === 0 ? (
          <EmptyState title={t('nothingJudged')}>{t('nothingJudgedText')}</EmptyState>
        ) : (
          <EmptyState title={t('nobody')}>{t('nobodyText')}</EmptyState>
        )
      ) : (
        <Table label={t('hit')} columns={columns} rows={rows} keyOf={({ key }) => key} />
      )}
    </Panel>
  );
}

const MARKS = { same: ' ', out: '−', in: '+', left: '⋯' } as const;
const LOOKS = { same: '', out: 'diff-out', in: 'diff-in', left: 'diff-left' } as const;

/** The text that waits for a second person: what it changes and whom it would hit, for nobody should agree to what they have not seen. */
export function WaitingRevision({ waiting, inForce }: { waiting: PolicyRevision; inForce: string }) {
  const t = useWords(policyWords);
  const me = useMe();
  const client = useQueryClient();
  const { name, source } = waiting;
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'reject') =>
      api.post<PolicyRevision>(apiPath(['policies', name, decision]), { revision: waiting.revision }),
    onSettled: () => client.invalidateQueries({ queryKey: ['policies'] }),
  });
  const trial = useMutation({ mutationFn: () => api.post<PolicyReplay>('/policies/try', { source, days: 30 }) });
  const isOwn = waiting.author === me?.actor;
  const failure = decide.error ?? trial.error;
  // A policy does not change its order; what tells equal lines apart is their place.
  const lines = lineChanges(inForce, source).map((line, place) => ({ ...line, place }));
  return (
    <>
      <Panel title={t('waitingTitle', { revision: String(waiting.revision) })}>
        <p>
          {t('waitingBy')} <Actor actor={waiting.author} /> <When at={waiting.createdAt} />.{' '}
          {isOwn ? t('ownRevision') : null}
        </p>
        <h3>{t('changes')}</h3>
        <pre className="diff policy-text">
          {lines.map(({ op, text, place }) => (
            <span key={place} className={LOOKS[op]}>
              <span aria-hidden="true">{MARKS[op]} </span>
              {op === 'left' ? t('linesLeft', { count: Number(text) }) : harmless(text)}
              {'\n'}
            </span>
          ))}
        </pre>
        {failure === null ? null : <Failure error={failure} />}
        <div className="panel-actions">
          <Button busy={trial.isPending} onClick={() => trial.mutate()}>
            {t('tryIt')}
          </Button>
          {isOwn ? null : (
            <Button look="primary" busy={decide.isPending} onClick={() => decide.mutate('approve')}>
              {t('approve')}
            </Button>
          )}
          <Button busy={decide.isPending} onClick={() => decide.mutate('reject')}>
            {t(isOwn ? 'withdraw' : 'reject')}
          </Button>
        </div>
      </Panel>
      {trial.data === undefined ? null : <Hit replay={trial.data} />}
    </>
  );
}

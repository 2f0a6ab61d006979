import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { BenchItem, BenchState } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { waitForOperation } from './operation.ts';
import { hostQueries } from './queries.ts';
import { words } from './words.ts';

type Word = keyof typeof words.en;

const STATE: Readonly<Record<BenchState, readonly [Tone, Word]>> = {
  fail: ['bad', 'benchFail'],
  'not-determinable': ['warn', 'benchBlind'],
  pass: ['ok', 'benchPass'],
  'not-applicable': ['absent', 'benchNone'],
};
const STATES = Object.keys(STATE) as BenchState[];

/** Accepting a failing check needs a reason and a day on which that ends. */
function AcceptDialog({ host, check, onClose }: { host: string; check: string; onClose: () => void }) {
  const t = useWords(words);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const [until, setUntil] = useState('');
  const sending = useMutation({
    mutationFn: () => api.post('/bench/exceptions', { check, host, reason, until }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['hosts', host, 'bench'] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('benchAcceptTitle', { check })} sending={sending} onClose={onClose}>
      <Field label={t('benchReason')} required value={reason} onChange={(event) => setReason(event.target.value)} />
      <Field
        label={t('benchUntil')}
        type="date"
        required
        value={until}
        onChange={(event) => setUntil(event.target.value)}
      />
    </FormDialog>
  );
}

/** Checks of a host, its engine, its containers and its kernel, as they were at the last look. */
export function Bench({ host }: { host: string }) {
  const t = useWords(words);
  const text = useText();
  const formats = useFormats();
  const client = useQueryClient();
  const isAdministrator = hasRole(useMe(), ['admin'], '*');
  const bench = useQuery(hostQueries.hostBench(host));
  const [state, setState] = useState<BenchState>('fail');
  const [accepting, setAccepting] = useState<string | null>(null);
  const [asking, setAsking] = useState<'fix' | 'undo' | null>(null);
  const change = async (order: 'look' | 'fix' | 'undo', checks: readonly string[] = []): Promise<void> => {
    const path = apiPath(['hosts', host, 'bench']);
    const { operation } = await api.post<{ operation: string }>(path, { change: order, checks });
    await waitForOperation(operation);
    await client.invalidateQueries({ queryKey: ['hosts', host, 'bench'] });
  };
  const looking = useMutation({ mutationFn: () => change('look') });
  const revoking = useMutation({
    mutationFn: (id: string) => api.delete(apiPath(['bench', 'exceptions', id])),
    onSuccess: () => client.invalidateQueries({ queryKey: ['hosts', host, 'bench'] }),
  });
  const columns: readonly Column<BenchItem>[] = [
    { id: 'check', label: t('benchCheck'), cell: ({ id }) => <span className="mono">{id}</span> },
    {
      id: 'what',
      label: t('benchWhat'),
      grow: true,
      cell: ({ title, evidence, remedy }) => (
        <span>
          {text(title)}
          <br />
          <span className="quiet-text">
            {evidence
              .slice(0, 5)
              .map((one) => text(one))
              .join('; ')}
          </span>
          {remedy === null ? null : (
            <>
              <br />
              <span className="quiet-text">→ {text(remedy)}</span>
            </>
          )}
        </span>
      ),
    },
    {
      id: 'act',
      label: '',
      cell: ({ id, state: own, accepted }) =>
        accepted !== null ? (
          <span className="stack">
            <StateBadge tone="warn">{t('benchAccepted', { by: accepted.createdBy })}</StateBadge>
            <span className="quiet-text">
              {accepted.reason} · {t('benchUntilDay', { day: accepted.until.slice(0, 10) })}
            </span>
            {isAdministrator ? (
              <Button busy={revoking.isPending} onClick={() => revoking.mutate(accepted.id)}>
                {t('benchRevoke')}
              </Button>
            ) : null}
          </span>
        ) : isAdministrator && own === 'fail' ? (
          <Button onClick={() => setAccepting(id)}>{t('benchAccept')}</Button>
        ) : null,
    },
  ];
  return (
    <Panel
      title={t('bench')}
      actions={
        isAdministrator ? (
          <Button busy={looking.isPending} onClick={() => looking.mutate()}>
            {t('benchLook')}
          </Button>
        ) : null
      }
    >
      {looking.error === null ? null : <Failure error={looking.error} />}
      {revoking.error === null ? null : <Failure error={revoking.error} />}
      <Loaded query={bench}>
        {(view) =>
          view === null ? (
            <EmptyState title={t('benchNever')} command={`darsena bench --host ${host} --look`} />
          ) : (
            <div className="stack">
              <p className="quiet-text">
                {t('benchAt')} <When at={view.at} /> ·{' '}
                {t('benchAcceptedCount', { count: formats.number(view.summary.accepted) })}
              </p>
              <Select
                label={t('benchState')}
                value={state}
                options={STATES.map(
                  (one) => [one, `${t(STATE[one][1])} (${formats.number(view.summary[one])})`] as const,
                )}
                onPick={(picked) => setState(STATES.find((one) => one === picked) ?? 'fail')}
              />
              <div className="dialog-actions">
                {isAdministrator && view.items.some(({ isFixable }) => isFixable) ? (
                  <Button onClick={() => setAsking('fix')}>{t('benchFix')}</Button>
                ) : null}
                {isAdministrator && view.items.some(({ isMended }) => isMended) ? (
                  <Button onClick={() => setAsking('undo')}>{t('benchUndo')}</Button>
                ) : null}
              </div>
              <StateBadge tone={STATE[state][0]}>{t(STATE[state][1])}</StateBadge>
              <Table
                label={t('bench')}
                columns={columns}
                rows={view.items.filter((item) => item.state === state)}
                keyOf={({ id }) => id}
              />
              {view.changes.length === 0 ? null : (
                <ul className="conditions" aria-label={t('benchDrift')}>
                  {view.changes.slice(0, 20).map(({ check, from, to, at }) => (
                    <li key={`${check} ${at}`}>
                      <StateBadge tone={STATE[to][0]}>{check}</StateBadge>
                      <span>
                        {t(STATE[from][1])} → {t(STATE[to][1])} · <When at={at} />
                      </span>
                    </li>
                  ))}
                </ul>
              )}
              {asking === null ? null : (
                <ConfirmDialog
                  title={t(asking === 'fix' ? 'benchFix' : 'benchUndo')}
                  text={
                    asking === 'fix'
                      ? t('benchFixText', {
                          checks: view.items.flatMap(({ id, isFixable }) => (isFixable ? [id] : [])).join(', '),
                        })
                      : t('benchUndoText', {
                          checks: view.items.flatMap(({ id, isMended }) => (isMended ? [id] : [])).join(', '),
                        })
                  }
                  action={t(asking === 'fix' ? 'benchFix' : 'benchUndo')}
                  run={() => change(asking)}
                  onClose={() => setAsking(null)}
                />
              )}
            </div>
          )
        }
      </Loaded>
      {accepting === null ? null : <AcceptDialog host={host} check={accepting} onClose={() => setAccepting(null)} />}
    </Panel>
  );
}

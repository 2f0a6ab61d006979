import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../api/client.ts';
import type { SavedFilter, Triage } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { Dialog, Failure } from '../shell/parts/surface.tsx';
import { words as shellWords } from '../shell/words.ts';
import { caseQueries } from './queries.ts';
import { words } from './words.ts';

const DECISIONS = [
  ['confirmed', 'decisionConfirmed'],
  ['false-alarm', 'decisionFalseAlarm'],
  ['accepted', 'decisionAccepted'],
  ['test', 'decisionTest'],
] as const;

/** The platform takes so many at once; more are told it in several goes. */
const TRIAGE_MAX = 200;

/** What is done to all marked incidents at once; those that could not be done stay marked, with the reason. */
export function TriageBar({
  marked,
  focus,
  onDone,
}: {
  marked: readonly number[];
  /** Raised whenever the keyboard asks for the acts. */
  focus: number;
  onDone: (left: readonly number[], done: number) => void;
}) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const [closing, setClosing] = useState(false);
  const [decision, setDecision] = useState('confirmed');
  const [reason, setReason] = useState('');
  const act = useMutation({
    mutationFn: async (body: object) => {
      const items: Triage['items'][number][] = [];
      for (let at = 0; at < marked.length; at += TRIAGE_MAX) {
        const numbers = marked.slice(at, at + TRIAGE_MAX);
        items.push(...(await api.post<Triage>('/incidents/triage', { numbers, ...body })).items);
      }
      return { items };
    },
    onSuccess: async ({ items }) => {
      setClosing(false);
      setReason('');
      await client.invalidateQueries({ queryKey: ['incidents'] });
      const left = items.flatMap(({ number, problem }) => (problem === null ? [] : [number]));
      onDone(left, items.length - left.length);
    },
  });
  const failed = act.data?.items.filter(({ problem }) => problem !== null) ?? [];
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (focus > 0) bar.current?.querySelector('button')?.focus();
  }, [focus]);
  return (
    <div className="toolbar" role="toolbar" aria-label={t('marked', { count: marked.length })} ref={bar}>
      <span>{t('marked', { count: marked.length })}</span>
      <Button busy={act.isPending} onClick={() => act.mutate({ action: 'acknowledge' })}>
        {t('takeOn')}
      </Button>
      <Button onClick={() => setClosing(true)}>{t('closeMany')}</Button>
      {act.error === null || closing ? null : <Failure error={act.error} />}
      {failed.length === 0 ? null : (
        <span role="alert">
          {t('notDone', {
            numbers: failed.map(({ number }) => number).join(', '),
            why: failed[0]?.problem?.title ?? '',
          })}
        </span>
      )}
      {closing ? (
        <Dialog title={t('closeManyTitle', { count: marked.length })} onClose={() => setClosing(false)}>
          <form
            className="dialog-body"
            onSubmit={(event) => {
              event.preventDefault();
              act.mutate({ action: 'close', decision, reason });
            }}
          >
            <p>{t('closeText')}</p>
            <Select
              label={t('decision')}
              value={decision}
              onPick={setDecision}
              options={DECISIONS.map(([value, word]) => [value, t(word)])}
            />
            <Field label={t('reason')} value={reason} onChange={(event) => setReason(event.target.value)} required />
            {act.error === null ? null : <Failure error={act.error} />}
            <div className="dialog-actions">
              <Button onClick={() => setClosing(false)}>{shell('cancel')}</Button>
              <Button type="submit" look="primary" busy={act.isPending}>
                {t('closeMany')}
              </Button>
            </div>
          </form>
        </Dialog>
      ) : null}
    </div>
  );
}

/** Filters under names of one's own: they are the account's, so another browser has them too. */
export function SavedFilters({
  query,
  onUse,
}: {
  query: SavedFilter['query'];
  onUse: (query: SavedFilter['query']) => void;
}) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const saved = useQuery(caseQueries.incidentFilters()).data ?? [];
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const again = () => client.invalidateQueries({ queryKey: ['incident-filters'] });
  const save = useMutation({
    mutationFn: () => api.put('/incident-filters', { name, query }),
    onSuccess: async () => {
      setNaming(false);
      setName('');
      await again();
    },
  });
  const inUse = saved.find((one) => JSON.stringify(one.query) === JSON.stringify(query));
  const forget = useMutation({
    mutationFn: (which: string) => api.delete(`/incident-filters/${encodeURIComponent(which)}`),
    onSuccess: again,
  });
  return (
    <>
      {saved.length === 0 ? null : (
        <Select
          bare
          label={t('savedFilters')}
          value={inUse?.name ?? ''}
          onPick={(which) => onUse(saved.find((one) => one.name === which)?.query ?? {})}
          options={[['', t('savedFilters')], ...saved.map((one) => [one.name, one.name] as const)]}
        />
      )}
      {inUse === undefined && Object.keys(query).length > 0 ? (
        <Button look="quiet" onClick={() => setNaming(true)}>
          {t('saveFilter')}
        </Button>
      ) : null}
      {inUse === undefined ? null : (
        <Button look="quiet" onClick={() => forget.mutate(inUse.name)}>
          {t('forgetFilter', { name: inUse.name })}
        </Button>
      )}
      {naming ? (
        <Dialog title={t('saveFilterTitle')} onClose={() => setNaming(false)}>
          <form
            className="dialog-body"
            onSubmit={(event) => {
              event.preventDefault();
              save.mutate();
            }}
          >
            <Field label={t('filterName')} value={name} onChange={(event) => setName(event.target.value)} required />
            {save.error === null ? null : <Failure error={save.error} />}
            <div className="dialog-actions">
              <Button onClick={() => setNaming(false)}>{shell('cancel')}</Button>
              <Button type="submit" look="primary" busy={save.isPending}>
                {t('saveFilter')}
              </Button>
            </div>
          </form>
        </Dialog>
      ) : null}
    </>
  );
}

import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { ResponsePolicy, StoredPlaybook } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { harmless } from '../shell/harmless.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Select, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link } from '../shell/router.tsx';
import { Mistakes, mistakesOf, useDraft, useSettled } from './drafts.tsx';
import { editorWords } from './response-editor-words.ts';
import { responseQueries } from './response-queries.ts';
import { PLAYBOOK_TEMPLATES, POLICY_TEMPLATES } from './response-templates.ts';

interface WouldDo {
  readonly incident: number;
  readonly alert: string;
  readonly at: string;
  readonly rule: string;
  readonly place: string;
  readonly action: string;
  readonly how: 'act' | 'ask' | 'limit';
}

interface Tried {
  readonly alerts: number;
  readonly cut: boolean;
  readonly items: readonly WouldDo[];
}

type Kind = 'policy' | 'playbook';
const ADDRESS = { policy: '/response/policies', playbook: '/playbooks' } as const;
const DAYS = [1, 7, 30, 90] as const;
const DAYS_BEFORE_ACTING = 30;
const TONES = { act: 'ok', ask: 'pending', limit: 'warn' } as const;

function countsOf(items: readonly WouldDo[]): Readonly<Record<WouldDo['how'], string>> {
  const count = (how: WouldDo['how']): string => String(items.filter((one) => one.how === how).length);
  return { act: count('act'), ask: count('ask'), limit: count('limit') };
}

/** The same text in the other mode; what the author wrote beside it stays. */
function inMode(source: string, mode: 'dry-run' | 'enforce'): string {
  const line = /^mode:[ \t]*['"]?[a-z-]+['"]?/m;
  return line.test(source) ? source.replace(line, `mode: ${mode}`) : `mode: ${mode}\n${source}`;
}

/** A policy or a playbook as it is written: checked while one types, tried on what was, put in force and taken out. */
export function ResponseEditor({
  kind,
  stored,
  isApplied,
  onApplied,
}: {
  kind: Kind;
  /** Null: a new one. */
  stored: ResponsePolicy | StoredPlaybook | null;
  /** It was put in force just now. */
  isApplied: boolean;
  onApplied: (name: string | null) => void;
}) {
  const t = useWords(editorWords);
  const client = useQueryClient();
  const name = stored === null ? null : nameOf(stored);
  const [typed, setTyped] = useDraft(`${kind} ${name ?? ''}`);
  const [asking, setAsking] = useState<'remove' | 'act' | null>(null);
  const [days, setDays] = useState('7');
  const source = typed ?? stored?.source ?? '';
  const settled = useSettled(source);
  const check = useQuery({
    queryKey: ['response-check', kind, settled],
    queryFn: () => api.post<ResponsePolicy | StoredPlaybook>(`${ADDRESS[kind]}/check`, { source: settled }),
    enabled: typed !== null && settled.trim() !== '',
    retry: false,
  });
  const trial = useMutation({
    mutationFn: () => api.post<Tried>('/response/policies/try', { source, days: Number(days) }),
  });
  const apply = useMutation({
    mutationFn: (text: string) => api.put<ResponsePolicy | StoredPlaybook>(ADDRESS[kind], { source: text }),
    onSuccess: async (answer) => {
      await client.invalidateQueries({ queryKey: [kind === 'policy' ? 'response-policies' : 'playbooks'] });
      setTyped(null);
      onApplied(nameOf(answer));
    },
  });
  const failure = apply.error ?? trial.error;
  const policy = stored !== null && 'policy' in stored ? stored.policy : null;
  const templates = kind === 'policy' ? POLICY_TEMPLATES : PLAYBOOK_TEMPLATES;
  return (
    <>
      <Panel
        title={name === null ? t(kind === 'policy' ? 'newPolicy' : 'newPlaybook') : t('textOf', { name })}
        actions={
          policy === null || typed !== null ? undefined : policy.mode === 'dry-run' ? (
            <Button onClick={() => setAsking('act')}>{t('letAct')}</Button>
          ) : (
            <Button busy={apply.isPending} onClick={() => apply.mutate(inMode(source, 'dry-run'))}>
              {t('backToTrial')}
            </Button>
          )
        }
      >
        <div className="stack">
          {stored === null ? (
            <Select
              label={t('template')}
              value={Object.entries(templates).find(([, text]) => text === source)?.[0] ?? ''}
              onPick={(picked) => setTyped(Object.entries(templates).find(([key]) => key === picked)?.[1] ?? '')}
              options={[
                ['', t('none')],
                ...(Object.keys(templates) as (keyof typeof POLICY_TEMPLATES | keyof typeof PLAYBOOK_TEMPLATES)[]).map(
                  (key) => [key, t(key)] as const,
                ),
              ]}
            />
          ) : (
            <p className="quiet-text">
              {t('writtenBy')} <Actor actor={stored.author} /> <When at={stored.at} />
            </p>
          )}
          <TextArea
            label={t('text')}
            hint={t(kind === 'policy' ? 'policyHint' : 'playbookHint')}
            rows={14}
            className="mono"
            value={source}
            onChange={(event) => setTyped(event.target.value)}
          />
          {typed === null || settled.trim() === '' ? null : (
            <Checked kind={kind} check={check} isStale={settled !== source} name={name} />
          )}
          {failure === null ? null : <Failure error={failure} />}
          {isApplied && name !== null && typed === null ? <p role="status">{t('applied', { name })}</p> : null}
          <div>
            <div className="panel-actions">
              {kind === 'playbook' ? null : (
                <>
                  <Select
                    bare
                    label={t('days')}
                    value={days}
                    onPick={setDays}
                    options={DAYS.map((count) => [String(count), t('daysOf', { count })] as const)}
                  />
                  <Button busy={trial.isPending} disabled={source.trim() === ''} onClick={() => trial.mutate()}>
                    {t('tryIt')}
                  </Button>
                </>
              )}
              <Button
                look="primary"
                busy={apply.isPending}
                disabled={typed === null || source.trim() === '' || check.isError}
                onClick={() => apply.mutate(source)}
              >
                {t('apply')}
              </Button>
              {typed === null ? null : (
                <Button look="quiet" onClick={() => setTyped(null)}>
                  {t('discard')}
                </Button>
              )}
              {name === null ? null : (
                <Button look="danger" onClick={() => setAsking('remove')}>
                  {t('remove')}
                </Button>
              )}
            </div>
          </div>
        </div>
      </Panel>
      {trial.data === undefined ? null : <Would tried={trial.data} />}
      {asking === 'remove' && name !== null ? (
        <ConfirmDialog
          title={`${t('remove')}: ${name}`}
          text={t(kind === 'policy' ? 'removePolicyText' : 'removePlaybookText')}
          action={t('remove')}
          run={async () => {
            await api.delete(apiPath([...ADDRESS[kind].slice(1).split('/'), name]));
            setTyped(null);
            await client.invalidateQueries({ queryKey: [kind === 'policy' ? 'response-policies' : 'playbooks'] });
            onApplied(null);
          }}
          onClose={() => setAsking(null)}
        />
      ) : null}
      {asking === 'act' && policy !== null ? (
        <LetActDialog
          name={policy.name}
          actions={[...policy.do, ...policy.run]}
          asks={policy.approve}
          source={inMode(source, 'enforce')}
          apply={(text) => apply.mutateAsync(text)}
          onClose={() => setAsking(null)}
        />
      ) : null}
    </>
  );
}

function nameOf(stored: ResponsePolicy | StoredPlaybook): string {
  return 'policy' in stored ? stored.policy.name : stored.playbook.name;
}

/** Every mistake with its line, or what the text says; and what applying it would replace. */
function Checked({
  kind,
  check,
  isStale,
  name,
}: {
  kind: Kind;
  check: UseQueryResult<ResponsePolicy | StoredPlaybook>;
  isStale: boolean;
  name: string | null;
}) {
  const t = useWords(editorWords);
  const { language } = useLanguage();
  const policies = useQuery(responseQueries.policies()).data ?? [];
  const playbooks = useQuery(responseQueries.playbooks()).data ?? [];
  if (isStale || check.isPending) return <p className="quiet-text">{t('checking')}</p>;
  if (check.error !== null) {
    const all = mistakesOf(check.error, ({ place, reason }) => {
      if (typeof reason !== 'object' || reason === null || !('en' in reason && 'es' in reason)) return null;
      return `${typeof place === 'string' && place !== '' ? `${place}: ` : ''}${String(reason[language])}`;
    });
    return <Mistakes all={all} error={check.error} />;
  }
  const found = check.data;
  const said =
    'policy' in found
      ? t('rightPolicy', {
          actions: [...found.policy.do, ...found.policy.run].join(', '),
          mode: t(found.policy.mode === 'enforce' ? 'enforce' : 'dryRun'),
        })
      : t('rightPlaybook', { count: found.playbook.steps.length });
  const other = (kind === 'policy' ? policies : playbooks).find((one) => nameOf(one) === nameOf(found));
  const missing =
    'policy' in found ? found.policy.run.filter((one) => !playbooks.some(({ playbook }) => playbook.name === one)) : [];
  return (
    <div role="status" className="stack">
      <p>
        <StateBadge tone="ok">{said}</StateBadge>
      </p>
      {missing.map((one) => (
        <p key={one}>
          <StateBadge tone="warn">{t('unknownPlaybook', { name: one })}</StateBadge>
        </p>
      ))}
      {other === undefined || nameOf(found) === name ? null : (
        <p>
          <StateBadge tone="warn">{t('replaces', { name: nameOf(found), author: other.author })}</StateBadge>
        </p>
      )}
      {'policy' in found && found.policy.approve.length > 0 ? <p className="quiet-text">{t('fourEyes')}</p> : null}
    </div>
  );
}

/** What it would have done about the alerts that were, before it does anything. */
function Would({ tried }: { tried: Tried }) {
  const t = useWords(editorWords);
  const columns: readonly Column<WouldDo>[] = [
    { id: 'at', label: t('when'), cell: ({ at }) => <When at={at} /> },
    {
      id: 'incident',
      label: t('incident'),
      cell: ({ incident }) => <Link to={addresses.incident(incident)}>{incident}</Link>,
    },
    { id: 'action', label: t('action'), cell: ({ action }) => <span className="mono">{action}</span> },
    { id: 'how', label: t('how'), cell: ({ how }) => <StateBadge tone={TONES[how]}>{t(how)}</StateBadge> },
    { id: 'where', label: t('where'), from: 'medium', cell: ({ place }) => (place === '' ? '—' : place) },
    { id: 'rule', label: t('rule'), from: 'medium', grow: true, cell: ({ rule }) => harmless(rule) },
  ];
  return (
    <Panel title={t('would')} count={t('judged', { count: tried.alerts, ...countsOf(tried.items) })} flush>
      {tried.cut ? <p className="runtime-note quiet-text">{t('cut')}</p> : null}
      <Table
        label={t('would')}
        columns={columns}
        rows={tried.items}
        keyOf={({ incident, action }) => `${incident} ${action}`}
        empty={<EmptyState title={t('nothing')}>{t('nothingText')}</EmptyState>}
      />
    </Panel>
  );
}

/** Before a policy acts by itself: what it does, and how often it would have. */
function LetActDialog({
  name,
  actions,
  asks,
  source,
  apply,
  onClose,
}: {
  name: string;
  actions: readonly string[];
  /** Environments in which somebody else agrees first. */
  asks: readonly string[];
  source: string;
  apply: (source: string) => Promise<unknown>;
  onClose: () => void;
}) {
  const t = useWords(editorWords);
  const days = String(DAYS_BEFORE_ACTING);
  const tried = useQuery({
    queryKey: ['response-try', source],
    queryFn: () => api.post<Tried>('/response/policies/try', { source, days: DAYS_BEFORE_ACTING }),
    staleTime: 0,
  });
  const sending = useMutation<unknown, Error, void>({ mutationFn: () => apply(source), onSuccess: onClose });
  return (
    <FormDialog
      title={t('letActTitle', { name })}
      act={t('letActDo')}
      look="danger"
      disabled={tried.isPending}
      sending={sending}
      onClose={onClose}
    >
      <p>{t('letActText', { actions: actions.join(', ') })}</p>
      {asks.length === 0 ? null : <p>{t('letActAsks', { places: asks.join(', ') })}</p>}
      {tried.isPending ? <p className="quiet-text">{t('letActBusy', { days })}</p> : null}
      <Loaded query={tried} lines={1}>
        {({ items, cut }) => (
          <>
            <p role="status">{t('letActTried', { days, ...countsOf(items) })}</p>
            {cut ? <p className="quiet-text">{t('cut')}</p> : null}
          </>
        )}
      </Loaded>
      <p className="quiet-text">{t('fourEyes')}</p>
    </FormDialog>
  );
}

import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiFailure, api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Policy, PolicyReplay, PolicyRevision } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, FilterBox, Select, TextArea } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Failure, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { policyWords } from './policy-words.ts';

/** The policies in force; the chosen one with its rules, and for administrators its text, to try and to change. */
export function PoliciesSection() {
  const t = useWords(policyWords);
  const text = useText();
  const me = useMe();
  const policies = useQuery(queries.policies());
  const projects = useQuery(queries.projects()).data ?? [];
  const [picked, setChosen] = useSearchParam('policy');
  const [filter, setFilter] = useSearchParam('q');
  const [which, setWhich] = useSearchParam('which');
  const [isNew, setNew] = useState(false);
  const chosen = picked === '' ? 'prod' : picked;
  const used = new Map<string, number>();
  for (const { policy } of projects.flatMap(({ environments }) => environments))
    used.set(policy, (used.get(policy) ?? 0) + 1);
  // The library is long: what guards something, what is one's own and what most begin with come first.
  const isNear = (policy: Policy) =>
    policy.origin === 'own' || used.has(policy.name) || ['dev', 'prod', chosen].includes(policy.name);
  const isAdmin = hasRole(me, ['admin'], '*');
  const columns: readonly Column<Policy>[] = [
    { id: 'name', label: t('name'), cell: (policy) => <strong className="mono nowrap">{policy.name}</strong> },
    { id: 'from', label: t('from'), cell: (policy) => t(policy.origin === 'own' ? 'own' : 'preset') },
    { id: 'rules', label: t('rules'), align: 'end', from: 'medium', cell: (policy) => policy.rules.length },
    {
      id: 'used',
      label: t('guards'),
      align: 'end',
      cell: ({ name }) => (used.has(name) ? t('environments', { count: used.get(name) ?? 0 }) : '—'),
    },
    { id: 'what', label: t('what'), cell: (policy) => text(policy.description) },
  ];
  return (
    <div className="stack">
      <Panel
        title={t('policies')}
        flush
        actions={isAdmin ? <Button onClick={() => setNew(true)}>{t('add')}</Button> : undefined}
      >
        <Loaded query={policies}>
          {(all) => {
            const wanted = filter !== '' || which === 'all' ? all : all.filter(isNear);
            const rows = wanted
              .filter((policy) => matchesFilter(filter, [policy.name, text(policy.description)]))
              .toSorted(
                (a, b) => Number(isNear(b)) - Number(isNear(a)) || (used.get(b.name) ?? 0) - (used.get(a.name) ?? 0),
              );
            return (
              <>
                <div className="toolbar in-panel">
                  <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
                  <Select
                    bare
                    label={t('show')}
                    value={which}
                    onPick={setWhich}
                    options={[
                      ['', t('near')],
                      ['all', t('library', { count: all.length })],
                    ]}
                  />
                </div>
                <Table
                  label={t('policies')}
                  columns={columns}
                  rows={rows}
                  keyOf={(policy) => policy.name}
                  selected={isNew ? '' : chosen}
                  onSelect={(name) => {
                    setNew(false);
                    setChosen(name);
                  }}
                />
              </>
            );
          }}
        </Loaded>
      </Panel>
      {isNew ? <Editor key="new" name={null} /> : <Chosen key={chosen} name={chosen} isAdmin={isAdmin} />}
    </div>
  );
}

function Chosen({ name, isAdmin }: { name: string; isAdmin: boolean }) {
  const t = useWords(policyWords);
  const text = useText();
  const policies = useQuery(queries.policies());
  const policy = policies.data?.find((one) => one.name === name);
  const columns: readonly Column<Policy['rules'][number]>[] = [
    { id: 'rule', label: t('rule'), cell: (rule) => <span className="mono nowrap">{rule.id}</span> },
    { id: 'effect', label: t('effect'), cell: (rule) => <State state={rule.effect} /> },
    { id: 'says', label: t('says'), cell: (rule) => text(rule.message) },
    { id: 'when', label: t('when'), from: 'wide', cell: (rule) => <code className="quiet-text">{rule.when}</code> },
  ];
  if (policy === undefined) return null;
  return (
    <>
      <Panel title={policy.name} count={String(policy.version)} flush>
        <Table label={policy.name} columns={columns} rows={policy.rules} keyOf={(rule) => `${rule.id} ${rule.when}`} />
      </Panel>
      {isAdmin ? <Editor name={name} /> : null}
    </>
  );
}

/** The text of a policy, or an empty one; what is typed can be tried before it is applied. */
function Editor({ name }: { name: string | null }) {
  const t = useWords(policyWords);
  const client = useQueryClient();
  const policy = useQuery({ ...queries.policy(name ?? ''), enabled: name !== null });
  const revisions = useQuery({ ...queries.policyRevisions(name ?? ''), enabled: name !== null });
  const me = useMe();
  const [typed, setTyped] = useState<string | null>(null);
  const [removing, setRemoving] = useState(false);
  const source = typed ?? policy.data?.source ?? '';
  const waiting = revisions.data?.find((one) => one.state === 'waiting');
  const changed = () => client.invalidateQueries({ queryKey: ['policies'] });
  const settled = useSettled(source);
  const check = useQuery({
    queryKey: ['policy-check', settled],
    queryFn: () => api.post<Policy>('/policies/check', { source: settled }),
    enabled: typed !== null && settled.trim() !== '',
    retry: false,
  });
  const trial = useMutation({
    mutationFn: () => api.post<PolicyReplay>('/policies/try', { source, days: 30 }),
  });
  const apply = useMutation({
    mutationFn: () => api.post<PolicyRevision>('/policies', { source }),
    onSuccess: changed,
  });
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'reject') =>
      api.post<PolicyRevision>(`/policies/${encodeURIComponent(name ?? '')}/${decision}`),
    onSuccess: changed,
  });
  const failure = apply.error ?? trial.error ?? decide.error;
  const isOwn = revisions.data?.some((one) => one.state === 'active') === true;
  return (
    <>
      <Panel title={name ?? t('add')}>
        {waiting === undefined ? null : waiting.author === me?.actor ? (
          <p>
            {t('ownRevision', { revision: String(waiting.revision) })}{' '}
            <Button busy={decide.isPending} onClick={() => decide.mutate('reject')}>
              {t('reject')}
            </Button>
          </p>
        ) : (
          <p>
            {t('waiting', { revision: String(waiting.revision), author: waiting.author.replace(/^user:/, '') })}{' '}
            <Button busy={decide.isPending} onClick={() => decide.mutate('approve')}>
              {t('approve')}
            </Button>{' '}
            <Button busy={decide.isPending} onClick={() => decide.mutate('reject')}>
              {t('reject')}
            </Button>
          </p>
        )}
        <TextArea
          label={t('text')}
          hint={t('textHint')}
          rows={18}
          className="mono"
          value={source}
          onChange={(event) => setTyped(event.target.value)}
        />
        {typed === null || settled.trim() === '' ? null : <Checked check={check} isStale={settled !== source} />}
        {failure === null ? null : <Failure error={failure} />}
        {apply.data?.state === 'active' ? (
          <p role="status">{t('applied', { revision: String(apply.data.revision) })}</p>
        ) : null}
        <div className="panel-actions">
          <Button busy={trial.isPending} disabled={source.trim() === ''} onClick={() => trial.mutate()}>
            {t('tryIt')}
          </Button>
          <Button look="primary" busy={apply.isPending} disabled={source.trim() === ''} onClick={() => apply.mutate()}>
            {t('apply')}
          </Button>
          {isOwn ? (
            <Button look="danger" onClick={() => setRemoving(true)}>
              {t('remove')}
            </Button>
          ) : null}
        </div>
        {removing ? (
          <ConfirmDialog
            title={`${t('remove')}: ${name ?? ''}`}
            text={t('removeText')}
            action={t('remove')}
            run={async () => {
              await api.delete<PolicyRevision>(`/policies/${encodeURIComponent(name ?? '')}`);
              setTyped(null);
              await changed();
            }}
            onClose={() => setRemoving(false)}
          />
        ) : null}
      </Panel>
      {trial.data === undefined ? null : <Hit replay={trial.data} />}
    </>
  );
}

/** A text that has not changed for half a second: a check for each key would be answered for nobody. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

const SETTLE_MS = 500;

interface Problem {
  readonly line: number;
  readonly column: number;
  readonly rule: string | null;
  readonly reason: string;
}

/** Every mistake of the text with its place, or that it is right. */
function Checked({ check, isStale }: { check: UseQueryResult<Policy>; isStale: boolean }) {
  const t = useWords(policyWords);
  if (isStale || check.isPending) return <p className="quiet-text">{t('checking')}</p>;
  if (check.error === null) {
    return (
      <p role="status">
        <StateBadge tone="ok">{t('right', { count: check.data.rules.length })}</StateBadge>
      </p>
    );
  }
  const problems =
    check.error instanceof ApiFailure
      ? (check.error.problem.details as unknown as readonly Problem[] | undefined)
      : undefined;
  if (!Array.isArray(problems) || problems.length === 0) return <Failure error={check.error} />;
  return (
    <div role="status">
      <ul className="conditions" aria-label={t('wrong', { count: problems.length })}>
        {problems.map(({ line, column, rule, reason }) => (
          <li key={`${line}:${column} ${rule} ${reason}`}>
            <StateBadge tone="bad">{t('place', { line, column })}</StateBadge>
            <span lang="en">
              {rule === null ? '' : `${rule}: `}
              {reason}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

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

function Hit({ replay }: { replay: PolicyReplay }) {
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
    { id: 'after', label: t('after'), cell: (row) => <State state={row.after} /> },
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
    same: String(replay.same),
  });
  return (
    <Panel title={t('hit')} count={count} flush>
      {rows.length === 0 ? (
        <EmptyState title={t('nobody')}>{t('nobodyText')}</EmptyState>
      ) : (
        <Table label={t('hit')} columns={columns} rows={rows} keyOf={({ key }) => key} />
      )}
    </Panel>
  );
}

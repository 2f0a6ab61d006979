import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Policy } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Button, FilterBox, Select } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { PolicyEditor } from './policy-editor.tsx';
import { WaitingRevision } from './policy-hit.tsx';
import { policyWords } from './policy-words.ts';
import '../shell/parts/toolbar.css';

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
  for (const { policy } of projects.flatMap(({ environments }) => environments)) {
    // An environment may name a version of it: `pod-security-restricted@1.30`.
    const [name = policy] = policy.split('@');
    used.set(name, (used.get(name) ?? 0) + 1);
  }
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
      {isNew ? (
        <PolicyEditor
          key="new"
          name={null}
          onApplied={(name) => {
            setNew(false);
            setChosen(name);
          }}
        />
      ) : (
        <Chosen key={chosen} name={chosen} isAdmin={isAdmin} />
      )}
    </div>
  );
}

function Chosen({ name, isAdmin }: { name: string; isAdmin: boolean }) {
  const t = useWords(policyWords);
  const text = useText();
  const policies = useQuery(queries.policies());
  const policy = policies.data?.find((one) => one.name === name);
  const source = useQuery({ ...queries.policy(name), enabled: isAdmin }).data?.source ?? '';
  const waiting = useQuery({ ...queries.policyRevisions(name), enabled: isAdmin }).data?.find(
    ({ state }) => state === 'waiting',
  );
  const columns: readonly Column<Policy['rules'][number]>[] = [
    { id: 'rule', label: t('rule'), cell: (rule) => <span className="mono nowrap">{rule.id}</span> },
    { id: 'effect', label: t('effect'), cell: (rule) => <State state={rule.effect} /> },
    { id: 'says', label: t('says'), cell: (rule) => text(rule.message) },
    { id: 'when', label: t('when'), from: 'wide', cell: (rule) => <code className="quiet-text">{rule.when}</code> },
  ];
  if (policy === undefined) return null;
  return (
    <>
      {waiting === undefined ? null : <WaitingRevision key={waiting.revision} waiting={waiting} inForce={source} />}
      <Panel title={policy.name} count={String(policy.version)} flush>
        <Table label={policy.name} columns={columns} rows={policy.rules} keyOf={(rule) => `${rule.id} ${rule.when}`} />
      </Panel>
      {isAdmin ? <PolicyEditor name={name} /> : null}
    </>
  );
}

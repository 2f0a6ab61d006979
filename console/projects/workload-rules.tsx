import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { WorkloadRule } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Field, Select, TextArea } from '../shell/parts/controls.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { accessWords } from './access-words.ts';
import { Rights, ROBOT_RIGHTS } from './rights.tsx';

const MINUTES_MAX = 15;

/** `name = value` on each line. */
function claimsOf(text: string): { claim: string; value: string }[] {
  return text
    .split('\n')
    .map((line) => line.split('='))
    .filter((parts) => parts.length > 1)
    .map(([claim = '', ...value]) => ({ claim: claim.trim(), value: value.join('=').trim() }));
}

function AddRuleDialog({
  project,
  onDone,
  onClose,
}: {
  readonly project: string;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const t = useWords(accessWords);
  const issuers = (useQuery(queries.issuers()).data ?? []).map((one) => one.name);
  const [name, setName] = useState('');
  const [picked, setPicked] = useState('');
  const [claims, setClaims] = useState('');
  const [right, setRight] = useState<string>('pusher');
  const [repositories, setRepositories] = useState('');
  const [minutes, setMinutes] = useState(15);
  const issuer = picked === '' ? (issuers[0] ?? '') : picked;
  const sending = useMutation({
    mutationFn: () =>
      api.post(apiPath(['projects', project, 'trust-rules']), {
        ...{ name, issuer, claims: claimsOf(claims), rights: [right] },
        ...{ repositories: listOf(repositories), minutes },
      }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('addRule')} disabled={issuer === ''} sending={sending} onClose={onClose}>
      {issuers.length === 0 ? <p className="note bad">{t('noIssuersYet')}</p> : null}
      <Field
        label={t('name')}
        required
        pattern="[a-z0-9][a-z0-9._\-]*"
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label={t('issuer')}
        value={issuer}
        onPick={setPicked}
        options={issuers.map((one) => [one, one] as const)}
      />
      <TextArea
        label={t('claims')}
        hint={t('claimsHint')}
        required
        rows={3}
        placeholder="repository = acme/tienda"
        value={claims}
        onChange={(event) => setClaims(event.target.value)}
      />
      <Select
        label={t('may')}
        value={right}
        onPick={setRight}
        options={ROBOT_RIGHTS.map((one) => [one, t(one)] as const)}
      />
      <Field
        label={t('repositories')}
        hint={t('repositoriesHint', { project })}
        autoComplete="off"
        spellCheck={false}
        value={repositories}
        onChange={(event) => setRepositories(event.target.value)}
      />
      <Field
        label={t('minutes')}
        type="number"
        min={1}
        max={MINUTES_MAX}
        required
        value={minutes}
        onChange={(event) => setMinutes(event.target.valueAsNumber)}
      />
    </FormDialog>
  );
}

/** Workloads elsewhere that sign in by the tokens of their own platform. */
export function WorkloadRules({ project }: { project: string }) {
  const t = useWords(accessWords);
  const columns = ({ remove }: ManagedActs): readonly Column<WorkloadRule>[] => [
    { id: 'name', label: t('rule'), cell: (rule) => <strong>{rule.name}</strong> },
    { id: 'issuer', label: t('issuer'), from: 'medium', cell: (rule) => rule.issuer },
    {
      id: 'claims',
      label: t('claims'),
      from: 'medium',
      cell: (rule) => (
        <span className="chips">
          {rule.claims.map(({ claim, value }) => (
            <Chip key={claim} mono>
              {claim} = {value}
            </Chip>
          ))}
        </span>
      ),
    },
    { id: 'may', label: t('may'), cell: (rule) => <Rights rights={rule.rights} repositories={rule.repositories} /> },
    { id: 'minutes', label: t('minutes'), from: 'wide', align: 'end', cell: (rule) => String(rule.minutes) },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (rule) => (
        <RowAct
          name={t('deleteRule', { name: rule.name })}
          onClick={() =>
            remove({
              title: t('deleteRule', { name: rule.name }),
              text: t('deleteRuleText'),
              action: t('delete'),
              run: () => api.delete(apiPath(['projects', project, 'trust-rules', rule.name])),
            })
          }
        >
          {t('delete')}
        </RowAct>
      ),
    },
  ];
  return (
    <ManagedList
      title={t('workloads')}
      listKey="robots"
      query={useQuery(queries.workloadRules(project))}
      columns={columns}
      keyOf={(rule) => rule.name}
      create={{
        label: t('addRule'),
        dialog: (done, close) => <AddRuleDialog project={project} onDone={() => done(null)} onClose={close} />,
      }}
      empty={
        <EmptyState title={t('noRules')} command="darsena identity trust --help">
          {t('noRulesText')}
        </EmptyState>
      }
    />
  );
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { EnvironmentPolicy, PolicyChange, PolicyTrial, Project, RunningUnder } from '../api/types.ts';
import { Hit } from '../settings/policy-hit.tsx';
import { harmless } from '../shell/harmless.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Facts, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { environmentPolicyWords } from './policy-words.ts';
import { words } from './words.ts';

const REASONS_SHOWN = 3;

function Why({ reasons }: { reasons: RunningUnder['reasons'] }) {
  const t = useWords(environmentPolicyWords);
  const text = useText();
  const against = [...new Set(reasons.filter(({ effect }) => effect === 'refuse').map(({ message }) => text(message)))];
  const rest = against.slice(REASONS_SHOWN);
  return (
    <>
      {against.slice(0, REASONS_SHOWN).join('; ')}
      {rest.length === 0 ? null : (
        <details>
          <summary>{t('reasons', { count: rest.length })}</summary>
          {rest.join('; ')}
        </details>
      )}
    </>
  );
}

/** What a policy says now of what runs; nothing of it is stopped. */
function Running({ title, running }: { title: string; running: readonly RunningUnder[] }) {
  const t = useWords(environmentPolicyWords);
  const columns: readonly Column<RunningUnder>[] = [
    { id: 'workload', label: t('workload'), cell: ({ workload }) => <strong>{workload}</strong> },
    {
      id: 'image',
      label: t('image'),
      from: 'medium',
      cell: ({ repository, digest }) => (
        <span className="mono">
          {repository} {digest.slice(7, 19)}
        </span>
      ),
    },
    { id: 'now', label: t('now'), cell: ({ decision }) => <State state={decision} /> },
    { id: 'why', label: t('why'), cell: ({ reasons }) => <Why reasons={reasons} /> },
  ];
  return (
    <Panel title={title} count={running.length} flush>
      {running.length === 0 ? (
        <EmptyState title={t('nothingRuns')} />
      ) : (
        <>
          <Table
            label={title}
            columns={columns}
            rows={running}
            keyOf={({ workload, repository, digest }) => `${workload} ${repository}@${digest}`}
          />
          {running.some(({ decision }) => decision === 'refuse') ? (
            <p className="in-panel quiet-text">{t('runningText')}</p>
          ) : null}
        </>
      )}
    </Panel>
  );
}

function Shown({ trial }: { trial: PolicyTrial }) {
  const t = useWords(environmentPolicyWords);
  return (
    <>
      <Hit replay={trial.replay} after={t('after', { policy: trial.policy })} />
      <Running title={t('runningUnder', { policy: trial.policy })} running={trial.running} />
    </>
  );
}

function useTrial(path: string) {
  return useMutation({ mutationFn: (policy: string) => api.post<PolicyTrial>(`${path}/try`, { policy }) });
}

/** Nobody should agree to what they have not seen: whom it would hit is one press away. */
function Waiting({ waiting, project, path }: { waiting: PolicyChange; project: string; path: string }) {
  const t = useWords(environmentPolicyWords);
  const me = useMe();
  const client = useQueryClient();
  const trial = useTrial(path);
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'reject') => api.post(`${path}/${decision}`, { change: waiting.id }),
    onSettled: () => client.invalidateQueries({ queryKey: ['projects'] }),
  });
  const isOwn = waiting.requester === me?.actor;
  const mayDecide = hasRole(me, ['admin', 'approver'], project);
  const failure = decide.error ?? trial.error;
  return (
    <>
      <Panel title={t('waitingTitle')}>
        <div className="stack">
          <p>
            <strong className="mono">{`${waiting.before} → ${waiting.after}`}</strong>. {t('askedBy')}{' '}
            <Actor actor={waiting.requestedBy} /> <When at={waiting.requestedAt} />
            {waiting.reason === '' ? null : `: ${harmless(waiting.reason)}`}
          </p>
          {isOwn ? (
            <p className="quiet-text">{t('own')}</p>
          ) : mayDecide ? null : (
            <p className="quiet-text">{t('notApprover')}</p>
          )}
          {failure === null ? null : <Failure error={failure} />}
          <div className="panel-actions">
            <Button busy={trial.isPending} onClick={() => trial.mutate(waiting.after)}>
              {t('tryIt')}
            </Button>
            {mayDecide && !isOwn ? (
              <Button look="primary" busy={decide.isPending} onClick={() => decide.mutate('approve')}>
                {t('approve')}
              </Button>
            ) : null}
            {mayDecide ? (
              <Button busy={decide.isPending} onClick={() => decide.mutate('reject')}>
                {t(isOwn ? 'withdraw' : 'reject')}
              </Button>
            ) : null}
          </div>
        </div>
      </Panel>
      {trial.data === undefined ? null : <Shown trial={trial.data} />}
    </>
  );
}

function Another({ of, path }: { of: EnvironmentPolicy; path: string }) {
  const t = useWords(environmentPolicyWords);
  const client = useQueryClient();
  const known = useQuery(queries.policies()).data ?? [];
  const [policy, setPolicy] = useState('');
  const [reason, setReason] = useState('');
  const trial = useTrial(path);
  const give = useMutation({
    mutationFn: (chosen: string | null) => api.put<EnvironmentPolicy>(path, { policy: chosen, reason }),
    onSuccess: async () => {
      setPolicy('');
      setReason('');
      trial.reset();
      await client.invalidateQueries({ queryKey: ['projects'] });
    },
  });
  const isProduction = of.class === 'production';
  const failure = give.error ?? trial.error;
  const others = known.filter(({ name }) => name !== of.policy).map(({ name }) => [name, name] as const);
  return (
    <>
      <Panel title={t('other')}>
        <div className="stack">
          <Select
            label={t('choose')}
            value={policy}
            onPick={(name) => {
              setPolicy(name);
              trial.reset();
            }}
            options={[['', '—'], ...others]}
          />
          <Field
            label={t('reason')}
            hint={t('reasonHint')}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
          {failure === null ? null : <Failure error={failure} />}
          {give.data?.waiting == null ? null : <p role="status">{t('asked', { policy: give.data.policy })}</p>}
          <div className="panel-actions">
            <Button busy={trial.isPending} disabled={policy === ''} onClick={() => trial.mutate(policy)}>
              {t('tryIt')}
            </Button>
            <Button
              look="primary"
              busy={give.isPending}
              // It is seen whom it hits before it is given.
              disabled={policy === '' || trial.data?.policy !== policy}
              onClick={() => give.mutate(policy)}
            >
              {t(isProduction ? 'ask' : 'give')}
            </Button>
            {isProduction || of.followsFile ? null : (
              <Button look="quiet" busy={give.isPending} onClick={() => give.mutate(null)}>
                {t('back')}
              </Button>
            )}
          </div>
        </div>
      </Panel>
      {trial.data === undefined ? null : <Shown trial={trial.data} />}
    </>
  );
}

const STATES: Readonly<Record<PolicyChange['state'], Tone>> = {
  waiting: 'pending',
  applied: 'ok',
  rejected: 'bad',
  superseded: 'absent',
};

function Changes({ changes }: { changes: readonly PolicyChange[] }) {
  const t = useWords(environmentPolicyWords);
  if (changes.length === 0) return null;
  const columns: readonly Column<PolicyChange>[] = [
    {
      id: 'change',
      label: t('policy'),
      cell: ({ before, after }) => <span className="mono">{`${before} → ${after}`}</span>,
    },
    { id: 'state', label: t('state'), cell: ({ state }) => <StateBadge tone={STATES[state]}>{t(state)}</StateBadge> },
    {
      id: 'by',
      label: t('by'),
      cell: ({ requestedBy, decidedBy }) => (
        <>
          <Actor actor={requestedBy} />
          {decidedBy === null || decidedBy === requestedBy ? null : (
            <>
              {' · '}
              <Actor actor={decidedBy} />
            </>
          )}
        </>
      ),
    },
    { id: 'at', label: t('when'), cell: ({ decidedAt, requestedAt }) => <When at={decidedAt ?? requestedAt} /> },
    { id: 'why', label: t('reason'), from: 'medium', cell: ({ reason }) => harmless(reason) },
  ];
  return (
    <Panel title={t('changes')} count={changes.length} flush>
      <Table label={t('changes')} columns={columns} rows={changes} keyOf={({ id }) => id} />
    </Panel>
  );
}

/** Which policy judges an environment, what it says of what runs there, and its change by those who may. */
export default function PolicyTab({ project }: { project: Project }) {
  const t = useWords(environmentPolicyWords);
  const projects = useWords(words);
  const text = useText();
  const me = useMe();
  const [picked, setPicked] = useSearchParam('environment');
  const names = project.environments.map(({ name }) => name);
  const name = names.includes(picked) ? picked : (names[0] ?? '');
  const path = apiPath(['projects', project.name, 'environments', name, 'policy']);
  const policy = useQuery({
    queryKey: ['projects', project.name, 'policy', name],
    queryFn: () => api.get<EnvironmentPolicy>(path),
    enabled: name !== '',
  });
  if (name === '') return <EmptyState title={projects('noRelease')} command="darsena deploy FOLDER" />;
  return (
    <div className="stack">
      <Select
        label={t('environment')}
        value={name}
        onPick={setPicked}
        options={names.map((one) => [one, one] as const)}
      />
      <Loaded query={policy}>
        {(data) => (
          <>
            <Panel title={name}>
              <Facts
                items={[
                  [t('policy'), data.policy],
                  [t('class'), projects(data.class)],
                  [
                    t('rests'),
                    t(data.followsFile ? 'ofFile' : data.class === 'production' ? 'ofProduction' : 'ofPlatform'),
                  ],
                ]}
              />
              {data.problem === null ? null : <StateBadge tone="bad">{text(data.problem)}</StateBadge>}
            </Panel>
            {data.waiting === null ? null : (
              <Waiting key={data.waiting.id} waiting={data.waiting} project={project.name} path={path} />
            )}
            {hasRole(me, ['admin'], '*') ? (
              <Another key={name} of={data} path={path} />
            ) : (
              <p className="quiet-text">{t('onlyAdmins')}</p>
            )}
            {data.problem === null ? <Running title={t('running')} running={data.running} /> : null}
            <Changes changes={data.changes} />
          </>
        )}
      </Loaded>
    </div>
  );
}

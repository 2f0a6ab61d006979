import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Member, Robot, WorkloadRule } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable, Field, Select } from '../shell/parts/controls.tsx';
import { type ManagedActs, ManagedList, type Secret } from '../shell/parts/managed-list.tsx';
import { Dialog, EmptyState, Failure, Loaded, Panel, Until, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { accessWords } from './access-words.ts';

type AccessWord = keyof typeof accessWords.en;

const ROBOT_RIGHTS = ['puller', 'pusher', 'publisher', 'deleter'] as const;
const DAYS_DEFAULT = 90;
const DAYS_MAX = 365;

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((item) => item !== '');

/** What a program may do, in words where it is one of the usual roles. */
function Rights({ rights, repositories }: { rights: readonly string[]; repositories: readonly string[] }) {
  const t = useWords(accessWords);
  const nameOf = (right: string) => {
    const known = [...ROBOT_RIGHTS, 'admin', 'developer', 'analyst', 'approver', 'auditor'].find(
      (one) => one === right,
    );
    return known === undefined ? right : t(known as AccessWord);
  };
  return (
    <span className="chips">
      {rights.map((right) => (
        <Chip key={right}>{nameOf(right)}</Chip>
      ))}
      <span className="quiet-text">
        {repositories.length === 0 ? t('everyRepository') : <code>{repositories.join(', ')}</code>}
      </span>
    </span>
  );
}

function CreateRobotDialog({
  project,
  onDone,
  onClose,
}: {
  project: string;
  onDone: (secret: Secret) => void;
  onClose: () => void;
}) {
  const t = useWords(accessWords);
  const shell = useWords(shellWords);
  const [name, setName] = useState('');
  const [right, setRight] = useState<string>('pusher');
  const [repositories, setRepositories] = useState('');
  const [days, setDays] = useState(DAYS_DEFAULT);
  const create = useMutation({
    mutationFn: () =>
      api.post<{ robot: Robot; secret: string }>(apiPath(['projects', project, 'robots']), {
        name,
        rights: [right],
        repositories: listOf(repositories),
        days,
      }),
    onSuccess: ({ robot, secret }) => onDone(secretOf(t, robot, secret)),
  });
  return (
    <Dialog title={t('createRobot')} onClose={onClose}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
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
          label={t('days')}
          type="number"
          min={1}
          max={DAYS_MAX}
          required
          value={days}
          onChange={(event) => setDays(event.target.valueAsNumber)}
        />
        {create.error === null ? null : <Failure error={create.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look="primary" busy={create.isPending}>
            {t('createRobot')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function secretOf(t: ReturnType<typeof useWords<AccessWord>>, robot: Robot, secret: string): Secret {
  return {
    title: t('secretOf', { name: robot.name }),
    text: t('secretText', { login: robot.login }),
    secret,
    done: t('secretDone'),
  };
}

function Robots({ project }: { project: string }) {
  const t = useWords(accessWords);
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: async ({ robot, reveal }: { robot: Robot; reveal: ManagedActs['reveal'] }) => {
      const made = await api.post<{ robot: Robot; secret: string }>(
        apiPath(['projects', project, 'robots', robot.name, 'rotate']),
      );
      reveal(secretOf(t, made.robot, made.secret));
    },
  });
  const columns = ({ reveal, remove }: ManagedActs): readonly Column<Robot>[] => [
    {
      id: 'name',
      label: t('robot'),
      cell: (robot) => (
        <span className="chips">
          <strong>{robot.name}</strong>
          {robot.state === 'active' ? null : (
            <StateBadge tone={robot.state === 'expired' ? 'warn' : 'absent'}>{t(robot.state)}</StateBadge>
          )}
        </span>
      ),
    },
    {
      id: 'login',
      label: t('login'),
      from: 'wide',
      cell: (robot) => <Copyable value={robot.login} />,
    },
    {
      id: 'may',
      label: t('may'),
      cell: (robot) => <Rights rights={robot.rights} repositories={robot.repositories} />,
    },
    { id: 'used', label: t('lastUsed'), from: 'medium', cell: (robot) => <When at={robot.lastUsedAt} /> },
    { id: 'expires', label: t('expires'), from: 'medium', cell: (robot) => <Until at={robot.expiresAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (robot) => {
        const next = robot.state === 'disabled' ? 'active' : 'disabled';
        return (
          <span className="row-acts">
            <Button
              look="quiet"
              className="small"
              aria-label={t('rotateRobot', { name: robot.name })}
              onClick={() => rotate.mutate({ robot, reveal })}
            >
              {t('rotate')}
            </Button>
            <Button
              look="quiet"
              className="small"
              aria-label={t(next === 'active' ? 'enableRobot' : 'disableRobot', { name: robot.name })}
              onClick={() => {
                const path = apiPath(['projects', project, 'robots', robot.name, 'state']);
                if (next === 'active') {
                  void api.put(path, { state: next }).finally(() => client.invalidateQueries({ queryKey: ['robots'] }));
                } else {
                  remove({
                    title: t('disableRobot', { name: robot.name }),
                    text: t('disableText', { name: robot.name }),
                    action: t('disable'),
                    run: () => api.put(path, { state: next }),
                  });
                }
              }}
            >
              {t(next === 'active' ? 'enable' : 'disable')}
            </Button>
            <Button
              look="quiet"
              className="small"
              aria-label={t('deleteRobot', { name: robot.name })}
              onClick={() =>
                remove({
                  title: t('deleteRobot', { name: robot.name }),
                  text: t('deleteRobotText', { name: robot.name }),
                  action: t('delete'),
                  run: () => api.delete(apiPath(['projects', project, 'robots', robot.name])),
                })
              }
            >
              {t('delete')}
            </Button>
          </span>
        );
      },
    },
  ];
  return (
    <ManagedList
      title={t('robots')}
      listKey="robots"
      query={useQuery(queries.robots(project))}
      columns={columns}
      keyOf={(robot) => robot.name}
      note={rotate.error === null ? null : <Failure error={rotate.error} />}
      empty={<EmptyState title={t('noRobots')}>{t('noRobotsText')}</EmptyState>}
      create={{
        label: t('createRobot'),
        dialog: (done, close) => <CreateRobotDialog project={project} onDone={done} onClose={close} />,
      }}
    />
  );
}

function WorkloadRules({ project }: { project: string }) {
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
        <Button
          look="quiet"
          className="small"
          aria-label={t('deleteRule', { name: rule.name })}
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
        </Button>
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
      empty={
        <EmptyState title={t('noRules')} command="darsena identity trust --help">
          {t('noRulesText')}
        </EmptyState>
      }
    />
  );
}

function Members({ project }: { project: string }) {
  const t = useWords(accessWords);
  const members = useQuery(queries.members(project));
  const columns: readonly Column<Member>[] = [
    { id: 'name', label: t('person'), cell: (member) => <strong>{member.name}</strong> },
    {
      id: 'roles',
      label: t('may'),
      cell: (member) => (
        <span className="chips">
          {member.roles.map((role) => (
            <Chip key={role}>{t(role)}</Chip>
          ))}
        </span>
      ),
    },
  ];
  return (
    <Panel title={t('members')} count={members.data?.length} flush>
      <Loaded query={members}>
        {(all) => (
          <Table
            label={t('members')}
            columns={columns}
            rows={all}
            keyOf={(member) => member.name}
            empty={<EmptyState title={t('noMembers')}>{t('noMembersText')}</EmptyState>}
          />
        )}
      </Loaded>
    </Panel>
  );
}

/** Who and what may act in a project: people, robots, and workloads of others that sign in by their own identity. */
export function AccessList({ project }: { project: string }) {
  const me = useMe();
  return (
    <div className="stack">
      <Members project={project} />
      {hasRole(me, ['admin'], project) ? (
        <>
          <Robots project={project} />
          <WorkloadRules project={project} />
        </>
      ) : null}
    </div>
  );
}

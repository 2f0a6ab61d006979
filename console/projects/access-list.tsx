import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Robot } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Copyable, Field, Select } from '../shell/parts/controls.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct, type Secret } from '../shell/parts/managed-list.tsx';
import { EmptyState, Failure, Until, When } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { accessWords } from './access-words.ts';
import { Members } from './members.tsx';
import { Quota } from './quota.tsx';
import { type AccessWord, Rights, ROBOT_RIGHTS } from './rights.tsx';
import { WorkloadRules } from './workload-rules.tsx';

const DAYS_DEFAULT = 90;
const DAYS_MAX = 365;

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
    <FormDialog title={t('createRobot')} sending={create} onClose={onClose}>
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
    </FormDialog>
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
            <RowAct name={t('rotateRobot', { name: robot.name })} onClick={() => rotate.mutate({ robot, reveal })}>
              {t('rotate')}
            </RowAct>
            <RowAct
              name={t(next === 'active' ? 'enableRobot' : 'disableRobot', { name: robot.name })}
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
            </RowAct>
            <RowAct
              name={t('deleteRobot', { name: robot.name })}
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
            </RowAct>
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

/** Who and what may act in a project: people, robots, and workloads of others that sign in by their own identity. */
export function AccessList({ project }: { project: string }) {
  const me = useMe();
  return (
    <div className="stack">
      <Members project={project} />
      <Quota project={project} />
      {hasRole(me, ['admin'], project) ? (
        <>
          <Robots project={project} />
          <WorkloadRules project={project} />
        </>
      ) : null}
    </div>
  );
}

import { useMutation, useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Member, Role } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { accessWords } from './access-words.ts';

const ROLES = ['developer', 'approver', 'analyst', 'auditor', 'admin'] as const satisfies readonly Role[];

/** Gives a person roles in this project, or other ones: what is ticked is what they have afterwards. */
function MemberDialog({
  project,
  member,
  taken,
  onDone,
  onClose,
}: {
  readonly project: string;
  /** Null: somebody who has no role here yet. */
  readonly member: Member | null;
  readonly taken: readonly string[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const t = useWords(accessWords);
  // Only the platform's administrators may list everybody; others write the name.
  const users = useQuery({ ...queries.users(), enabled: hasRole(useMe(), ['admin'], '*') }).data ?? [];
  const people = users.map((user) => user.name).filter((one) => !taken.includes(one));
  const [written, setWritten] = useState('');
  const list = useId();
  const [roles, setRoles] = useState<readonly Role[]>(member?.roles ?? ['developer']);
  const name = member?.name ?? written;
  const sending = useMutation({
    mutationFn: () => api.put(apiPath(['projects', project, 'members', name]), { roles }),
    onSuccess: onDone,
  });
  return (
    <FormDialog
      title={member === null ? t('addMember') : t('changeMember', { name })}
      act={member === null ? t('addMember') : t('save')}
      disabled={name === '' || roles.length === 0}
      sending={sending}
      onClose={onClose}
    >
      {member === null ? (
        <>
          <Field
            label={t('person')}
            hint={t('personHint')}
            required
            list={list}
            pattern="[a-z][a-z0-9._\-]*"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={written}
            onChange={(event) => setWritten(event.target.value)}
          />
          <datalist id={list}>
            {people.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </>
      ) : null}
      <fieldset className="uses">
        <legend>{t('may')}</legend>
        {ROLES.map((role) => (
          <label key={role}>
            <input
              type="checkbox"
              checked={roles.includes(role)}
              onChange={(event) =>
                setRoles(event.target.checked ? [...roles, role] : roles.filter((other) => other !== role))
              }
            />
            <Chip>{t(role)}</Chip>
          </label>
        ))}
      </fieldset>
    </FormDialog>
  );
}

/** The people of a project and what they may do in it. */
export function Members({ project }: { project: string }) {
  const t = useWords(accessWords);
  const isAdmin = hasRole(useMe(), ['admin'], project);
  const members = useQuery(queries.members(project));
  const columns = ({ remove, open }: ManagedActs): readonly Column<Member>[] => [
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
    ...(isAdmin
      ? [
          {
            id: 'acts',
            label: '',
            align: 'end' as const,
            cell: (member: Member) => (
              <span className="row-acts">
                <RowAct
                  name={t('changeMember', { name: member.name })}
                  onClick={() =>
                    open((done, close) => (
                      <MemberDialog project={project} member={member} taken={[]} onDone={done} onClose={close} />
                    ))
                  }
                >
                  {t('change')}
                </RowAct>
                <RowAct
                  name={t('removeMember', { name: member.name })}
                  onClick={() =>
                    remove({
                      title: t('removeMember', { name: member.name }),
                      text: t('removeMemberText', { name: member.name }),
                      action: t('remove'),
                      run: () => api.delete(apiPath(['projects', project, 'members', member.name])),
                    })
                  }
                >
                  {t('remove')}
                </RowAct>
              </span>
            ),
          },
        ]
      : []),
  ];
  const taken = (members.data ?? []).map((member) => member.name);
  return (
    <ManagedList
      title={t('members')}
      listKey="users"
      query={members}
      columns={columns}
      keyOf={(member) => member.name}
      empty={<EmptyState title={t('noMembers')}>{t('noMembersText')}</EmptyState>}
      {...(isAdmin
        ? {
            create: {
              label: t('addMember'),
              dialog: (done, close) => (
                <MemberDialog project={project} member={null} taken={taken} onDone={() => done(null)} onClose={close} />
              ),
            },
          }
        : {})}
    />
  );
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Grant, User } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { Dialog, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { ConfirmDialog } from './confirm.tsx';
import { GrantChips, GrantFields } from './grants.tsx';
import { SecretOnce } from './secret-once.tsx';
import { words } from './words.ts';

interface NewUser {
  readonly user: User;
  readonly code: string;
  readonly url: string;
}

function CreateUserDialog({ onDone, onClose }: { onDone: (created: NewUser) => void; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const projects = (useQuery(queries.projects()).data ?? []).map((project) => project.name);
  const [name, setName] = useState('');
  const [grant, setGrant] = useState<Grant>({ role: 'developer', project: '*' });
  const create = useMutation({
    mutationFn: () => api.post<NewUser>('/users', { name, grants: [grant] }),
    onSuccess: onDone,
  });
  return (
    <Dialog title={t('createUser')} onClose={onClose}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field
          label={t('name')}
          hint={t('nameHint')}
          required
          pattern="[a-z0-9][a-z0-9\-]*"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <GrantFields grant={grant} projects={projects} onChange={setGrant} />
        {create.error === null ? null : <Failure error={create.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look="primary" busy={create.isPending}>
            {t('createUser')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function useNewAddress(onDone: (created: NewUser) => void) {
  return useMutation({
    mutationFn: async (user: User): Promise<NewUser> => ({
      user,
      ...(await api.post<{ code: string; url: string }>(apiPath(['users', user.name, 'code']))),
    }),
    onSuccess: onDone,
  });
}

type Open =
  | { readonly kind: 'create' }
  | { readonly kind: 'link'; readonly created: NewUser }
  | { readonly kind: 'remove'; readonly user: User }
  | null;

export function UsersSection() {
  const t = useWords(words);
  const me = useMe();
  const client = useQueryClient();
  const users = useQuery(queries.users());
  const [open, setOpen] = useState<Open>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ['users'] });
  const newAddress = useNewAddress((created) => setOpen({ kind: 'link', created }));
  const columns: readonly Column<User>[] = [
    { id: 'name', label: t('name'), cell: (user) => <strong>{user.name}</strong> },
    { id: 'roles', label: t('roles'), cell: (user) => <GrantChips grants={user.grants} /> },
    { id: 'state', label: '', from: 'medium', cell: (user) => <State state={user.state} /> },
    {
      id: 'login',
      label: t('lastLogin'),
      from: 'medium',
      cell: (user) =>
        user.hasPassword ? <When at={user.lastLoginAt} /> : <span className="quiet-text">{t('noPassword')}</span>,
    },
    { id: 'created', label: t('created'), from: 'wide', align: 'end', cell: (user) => <When at={user.createdAt} /> },
    {
      id: 'remove',
      label: '',
      align: 'end',
      cell: (user) =>
        user.name === me?.name ? null : (
          <>
            <Button
              look="quiet"
              className="small"
              aria-label={t('newAddressFor', { name: user.name })}
              onClick={() => newAddress.mutate(user)}
            >
              {t('newAddress')}
            </Button>
            <Button
              look="quiet"
              className="small"
              aria-label={t('removeUser', { name: user.name })}
              onClick={() => setOpen({ kind: 'remove', user })}
            >
              {t('remove')}
            </Button>
          </>
        ),
    },
  ];
  return (
    <>
      <Panel
        title={t('users')}
        flush
        actions={
          <Button look="primary" icon="plus" onClick={() => setOpen({ kind: 'create' })}>
            {t('createUser')}
          </Button>
        }
      >
        {newAddress.error === null ? null : <Failure error={newAddress.error} />}
        <Loaded query={users}>
          {(all) => <Table label={t('users')} columns={columns} rows={all} keyOf={(user) => user.name} />}
        </Loaded>
      </Panel>
      {open?.kind === 'create' ? (
        <CreateUserDialog
          onClose={() => setOpen(null)}
          onDone={(created) => {
            setOpen({ kind: 'link', created });
            void refresh();
          }}
        />
      ) : null}
      {open?.kind === 'link' ? (
        <SecretOnce
          title={t('newAddressFor', { name: open.created.user.name })}
          text={t('linkText', { name: open.created.user.name })}
          secret={open.created.url}
          done={t('linkDone')}
          onClose={() => setOpen(null)}
        />
      ) : null}
      {open?.kind === 'remove' ? (
        <ConfirmDialog
          title={t('removeUser', { name: open.user.name })}
          text={t('removeUserText', { name: open.user.name })}
          action={t('remove')}
          run={async () => {
            await api.delete(apiPath(['users', open.user.name]));
            await refresh();
          }}
          onClose={() => setOpen(null)}
        />
      ) : null}
    </>
  );
}

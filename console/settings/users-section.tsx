import { useMutation, useQuery } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { User } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { type ManagedActs, ManagedList, type Secret } from '../shell/parts/managed-list.tsx';
import { Failure, When } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { useMe } from '../shell/session.ts';
import { CreateNamed } from './create-named.tsx';
import { GrantChips } from './grants.tsx';
import { words } from './words.ts';

export function UsersSection() {
  const t = useWords(words);
  const me = useMe();
  const link = (name: string, url: string): Secret => ({
    title: t('newAddressFor', { name }),
    text: t('linkText', { name }),
    secret: url,
    done: t('linkDone'),
  });
  const address = useMutation({
    mutationFn: async ({ name, reveal }: { name: string; reveal: ManagedActs['reveal'] }) => {
      const { url } = await api.post<{ url: string }>(apiPath(['users', name, 'code']));
      reveal(link(name, url));
    },
  });
  const columns = ({ reveal, remove }: ManagedActs): readonly Column<User>[] => [
    { id: 'name', label: t('name'), cell: (user) => <strong>{user.name}</strong> },
    { id: 'roles', label: t('roles'), cell: (user) => <GrantChips grants={user.grants} /> },
    {
      id: 'login',
      label: t('lastLogin'),
      from: 'medium',
      cell: (user) =>
        user.hasPassword ? <When at={user.lastLoginAt} /> : <span className="quiet-text">{t('noPassword')}</span>,
    },
    { id: 'created', label: t('created'), from: 'wide', cell: (user) => <When at={user.createdAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: ({ name }) =>
        name === me?.name ? (
          <span className="quiet-text">{t('yourself')}</span>
        ) : (
          <span className="row-acts">
            <Button
              look="quiet"
              className="small"
              aria-label={t('newAddressFor', { name })}
              onClick={() => address.mutate({ name, reveal })}
            >
              {t('newAddress')}
            </Button>
            <Button
              look="quiet"
              className="small"
              aria-label={t('removeUser', { name })}
              onClick={() =>
                remove({
                  title: t('removeUser', { name }),
                  text: t('removeUserText', { name }),
                  action: t('remove'),
                  run: () => api.delete(apiPath(['users', name])),
                })
              }
            >
              {t('remove')}
            </Button>
          </span>
        ),
    },
  ];
  return (
    <ManagedList
      title={t('users')}
      listKey="users"
      query={useQuery(queries.users())}
      columns={columns}
      keyOf={(user) => user.name}
      note={address.error === null ? null : <Failure error={address.error} />}
      create={{
        label: t('createUser'),
        dialog: (done, close) => (
          <CreateNamed
            title={t('createUser')}
            everywhere
            create={(name, grant) => api.post<{ url: string }>('/users', { name, grants: [grant] })}
            onDone={({ url }, name) => done(link(name, url))}
            onClose={close}
          />
        ),
      }}
    />
  );
}

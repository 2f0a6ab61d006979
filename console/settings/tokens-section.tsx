import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Grant, Token } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Dialog, EmptyState, Failure, Loaded, Panel, Until, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { words as shellWords } from '../shell/words.ts';
import { ConfirmDialog } from './confirm.tsx';
import { GrantChips, GrantFields } from './grants.tsx';
import { SecretOnce } from './secret-once.tsx';
import { words } from './words.ts';

const DAYS_DEFAULT = 90;
const DAYS_MAX = 365;

function CreateTokenDialog({
  onDone,
  onClose,
}: {
  onDone: (name: string, token: string) => void;
  onClose: () => void;
}) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const projects = (useQuery(queries.projects()).data ?? []).map((project) => project.name);
  const [name, setName] = useState('');
  const [days, setDays] = useState(DAYS_DEFAULT);
  const [grant, setGrant] = useState<Grant>({ role: 'developer', project: projects[0] ?? '*' });
  const create = useMutation({
    mutationFn: () => api.post<{ token: string }>('/tokens', { name, role: grant.role, project: grant.project, days }),
    onSuccess: (created) => onDone(name, created.token),
  });
  return (
    <Dialog title={t('createToken')} onClose={onClose}>
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
            {t('createToken')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

type Open =
  | { readonly kind: 'create' }
  | { readonly kind: 'secret'; readonly name: string; readonly token: string }
  | { readonly kind: 'revoke'; readonly token: Token }
  | null;

export function TokensSection() {
  const t = useWords(words);
  const client = useQueryClient();
  const tokens = useQuery(queries.tokens());
  const [open, setOpen] = useState<Open>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ['tokens'] });
  const columns: readonly Column<Token>[] = [
    { id: 'name', label: t('name'), cell: (token) => <strong>{token.name}</strong> },
    { id: 'kind', label: '', from: 'wide', cell: (token) => <Chip>{token.kind}</Chip> },
    { id: 'roles', label: t('roles'), cell: (token) => <GrantChips grants={token.grants} /> },
    { id: 'expires', label: t('expires'), from: 'medium', cell: (token) => <Until at={token.expiresAt} /> },
    { id: 'used', label: t('lastUsed'), from: 'medium', cell: (token) => <When at={token.lastUsedAt} /> },
    {
      id: 'revoke',
      label: '',
      align: 'end',
      cell: (token) => (
        <Button
          look="quiet"
          className="small"
          aria-label={t('revokeToken', { name: token.name })}
          onClick={() => setOpen({ kind: 'revoke', token })}
        >
          {t('revoke')}
        </Button>
      ),
    },
  ];
  return (
    <>
      <Panel
        title={t('tokens')}
        flush
        actions={
          <Button look="primary" icon="plus" onClick={() => setOpen({ kind: 'create' })}>
            {t('createToken')}
          </Button>
        }
      >
        <Loaded query={tokens}>
          {(all) => (
            <Table
              label={t('tokens')}
              columns={columns}
              rows={all}
              keyOf={(token) => token.id}
              empty={
                <EmptyState title={t('tokensEmpty')} command="darsena token create ci --role developer@tienda">
                  {t('tokensEmptyText')}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
      {open?.kind === 'create' ? (
        <CreateTokenDialog
          onClose={() => setOpen(null)}
          onDone={(name, token) => {
            setOpen({ kind: 'secret', name, token });
            void refresh();
          }}
        />
      ) : null}
      {open?.kind === 'secret' ? (
        <SecretOnce
          title={t('tokenCreated', { name: open.name })}
          text={t('tokenText')}
          secret={open.token}
          done={t('tokenDone')}
          onClose={() => setOpen(null)}
        />
      ) : null}
      {open?.kind === 'revoke' ? (
        <ConfirmDialog
          title={t('revokeToken', { name: open.token.name })}
          text={t('revokeText')}
          action={t('revoke')}
          run={async () => {
            await api.delete(apiPath(['tokens', open.token.id]));
            await refresh();
          }}
          onClose={() => setOpen(null)}
        />
      ) : null}
    </>
  );
}

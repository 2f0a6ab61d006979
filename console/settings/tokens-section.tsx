import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Token } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Field } from '../shell/parts/controls.tsx';
import { type ManagedActs, ManagedList, RowAct, type Secret } from '../shell/parts/managed-list.tsx';
import { EmptyState, Until, When } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { CreateNamed } from './create-named.tsx';
import { GrantChips } from './grants.tsx';
import { words } from './words.ts';

const DAYS_DEFAULT = 90;
const DAYS_MAX = 365;

function CreateTokenDialog({ onDone, onClose }: { onDone: (secret: Secret) => void; onClose: () => void }) {
  const t = useWords(words);
  const [days, setDays] = useState(DAYS_DEFAULT);
  return (
    <CreateNamed
      title={t('createToken')}
      everywhere={false}
      create={(name, { role, project }) => api.post<{ token: string }>('/tokens', { name, role, project, days })}
      onDone={({ token }, name) =>
        onDone({ title: t('tokenCreated', { name }), text: t('tokenText'), secret: token, done: t('tokenDone') })
      }
      onClose={onClose}
    >
      <Field
        label={t('days')}
        type="number"
        min={1}
        max={DAYS_MAX}
        required
        value={days}
        onChange={(event) => setDays(event.target.valueAsNumber)}
      />
    </CreateNamed>
  );
}

const KIND_WORDS = { session: 'kindSession', cli: 'kindCli', token: 'kindToken', robot: 'kindRobot' } as const;

function TokenKind({ kind }: { kind: string }) {
  const t = useWords(words);
  const known = Object.entries(KIND_WORDS).find(([name]) => name === kind)?.[1];
  return <Chip>{known === undefined ? kind : t(known)}</Chip>;
}

export function TokensSection() {
  const t = useWords(words);
  const columns = ({ remove }: ManagedActs): readonly Column<Token>[] => [
    { id: 'name', label: t('name'), cell: (token) => <strong>{token.name}</strong> },
    { id: 'kind', label: t('kind'), from: 'medium', cell: (token) => <TokenKind kind={token.kind} /> },
    {
      id: 'roles',
      label: t('roles'),
      cell: (token) =>
        token.grants.length === 0 ? (
          <span className="quiet-text">{t('likeTheirs', { name: token.name })}</span>
        ) : (
          <GrantChips grants={token.grants} />
        ),
    },
    { id: 'used', label: t('lastUsed'), from: 'medium', cell: (token) => <When at={token.lastUsedAt} /> },
    { id: 'expires', label: t('expires'), from: 'medium', cell: (token) => <Until at={token.expiresAt} /> },
    {
      id: 'revoke',
      label: '',
      align: 'end',
      cell: (token) => (
        <RowAct
          name={t('revokeToken', { name: token.name })}
          onClick={() =>
            remove({
              title: t('revokeToken', { name: token.name }),
              text: t('revokeText'),
              action: t('revoke'),
              run: () => api.delete(apiPath(['tokens', token.id])),
            })
          }
        >
          {t('revoke')}
        </RowAct>
      ),
    },
  ];
  return (
    <ManagedList
      title={t('tokens')}
      listKey="tokens"
      query={useQuery(queries.tokens())}
      columns={columns}
      keyOf={(token) => token.id}
      empty={
        <EmptyState title={t('tokensEmpty')} command="darsena token create ci --role developer@tienda">
          {t('tokensEmptyText')}
        </EmptyState>
      }
      create={{
        label: t('createToken'),
        dialog: (done, close) => <CreateTokenDialog onDone={done} onClose={close} />,
      }}
    />
  );
}

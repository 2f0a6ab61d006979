import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client.ts';
import type { RebootNeed } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { hostQueries } from './queries.ts';
import { words } from './words.ts';

/** One host at a time, none may fail: what a person who presses a button can answer for. Others are given on the command line. */
const RULES = { concurrency: 1, failuresShare: 0, soakSeconds: 60, patienceSeconds: 600, lostSeconds: 1_800 };

/** Hosts that have to be started again, and starting them in order. */
export function Restarts() {
  const t = useWords(words);
  const client = useQueryClient();
  const isAdministrator = hasRole(useMe(), ['admin'], '*');
  const [asking, setAsking] = useState(false);
  const plan = useQuery(hostQueries.rebootPlan());
  const columns: readonly Column<RebootNeed>[] = [
    { id: 'host', label: 'Host', cell: ({ host }) => <span className="mono">{host}</span> },
    {
      id: 'release',
      label: t('restartRuns'),
      from: 'medium',
      cell: ({ release }) => <span className="mono">{release}</span>,
    },
    { id: 'newest', label: t('restartNewest'), cell: ({ newest }) => <span className="mono">{newest ?? '—'}</span> },
    {
      id: 'because',
      label: t('restart'),
      grow: true,
      cell: ({ because }) => (
        <span>
          <StateBadge tone="warn">{t('restartNeeded')}</StateBadge> {because.join(', ')}
        </span>
      ),
    },
  ];
  return (
    <Loaded query={plan}>
      {(all) => {
        const needed = all.filter(({ isNeeded }) => isNeeded);
        return (
          <Panel
            title={t('restarts')}
            count={needed.length}
            actions={
              isAdministrator && needed.length > 0 ? (
                <Button onClick={() => setAsking(true)}>{t('restartStart')}</Button>
              ) : null
            }
          >
            {needed.length === 0 ? (
              <EmptyState title={t('restartsNone')} />
            ) : (
              <Table label={t('restarts')} columns={columns} rows={needed} keyOf={({ host }) => host} />
            )}
            {asking ? (
              <ConfirmDialog
                title={t('restartStart')}
                text={t('restartText', { hosts: needed.map(({ host }) => host).join(', ') })}
                action={t('restartStart')}
                run={async () => {
                  await api.post('/kernel/reboots', { rules: RULES });
                  await client.invalidateQueries({ queryKey: ['kernel'] });
                }}
                onClose={() => setAsking(false)}
              />
            ) : null}
          </Panel>
        );
      }}
    </Loaded>
  );
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { ShieldEntry, ShieldStanding } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { hostQueries } from './queries.ts';
import { words } from './words.ts';

const STATE: Readonly<Record<ShieldStanding['state'], readonly [Tone, keyof typeof words.en]>> = {
  off: ['absent', 'shieldOff'],
  given: ['ok', 'shieldGiven'],
  setting: ['pending', 'shieldSetting'],
  on: ['ok', 'shieldOn'],
  leaving: ['pending', 'shieldLeaving'],
  fixed: ['warn', 'shieldFixed'],
};

type Row = ShieldEntry & ShieldStanding;

/** Ways to faults of the kernel that can be shut on a host until it is mended. */
export function Shield({ host }: { host: string }) {
  const t = useWords(words);
  const text = useText();
  const client = useQueryClient();
  const isAdministrator = hasRole(useMe(), ['admin'], '*');
  const [chosen, setChosen] = useState<Row | null>(null);
  const entries = useQuery(hostQueries.shield());
  const standing = useQuery(hostQueries.hostShield(host));
  const change = (entry: string, order: 'apply' | 'undo') =>
    api.post(apiPath(['hosts', host, 'kernel', 'shield']), { entry, change: order });
  const undoing = useMutation({
    mutationFn: (entry: string) => change(entry, 'undo'),
    onSuccess: () => client.invalidateQueries({ queryKey: ['hosts'] }),
  });
  const columns: readonly Column<Row>[] = [
    { id: 'id', label: t('shieldEntry'), cell: ({ id }) => <span className="mono">{id}</span> },
    {
      id: 'state',
      label: t('shieldState'),
      cell: ({ state, since }) => (
        <span>
          <StateBadge tone={STATE[state][0]}>{t(STATE[state][1])}</StateBadge>{' '}
          {since === null ? null : (
            <span className="quiet-text">
              <When at={since} />
            </span>
          )}
        </span>
      ),
    },
    {
      id: 'title',
      label: t('shieldWhat'),
      grow: true,
      cell: ({ title, cves }) => (
        <span>
          {text(title)}
          <br />
          <span className="quiet-text">
            {t('shieldAgainst', { count: cves.length, first: cves.slice(-3).join(', ') })}
          </span>
        </span>
      ),
    },
    {
      id: 'act',
      label: '',
      cell: (row) =>
        !isAdministrator || row.state === 'given' ? null : row.state === 'off' ? (
          <Button onClick={() => setChosen(row)}>{t('shieldSet')}</Button>
        ) : (
          <Button busy={undoing.isPending} onClick={() => undoing.mutate(row.id)}>
            {t('shieldUndo')}
          </Button>
        ),
    },
  ];
  return (
    <Panel title={t('shield')}>
      <Loaded query={entries}>
        {(all) => (
          <Table
            label={t('shield')}
            columns={columns}
            rows={all.map((entry) => ({
              ...entry,
              ...(standing.data?.find(({ id }) => id === entry.id) ?? { state: 'off' as const, since: null }),
            }))}
            keyOf={({ id }) => id}
          />
        )}
      </Loaded>
      {undoing.error === null ? null : <Failure error={undoing.error} />}
      {chosen === null ? null : (
        <ConfirmDialog
          title={t('shieldAsk', { entry: chosen.id, host })}
          text={t('shieldCost', { cost: text(chosen.cost) })}
          action={t('shieldSet')}
          run={async () => {
            await change(chosen.id, 'apply');
            await client.invalidateQueries({ queryKey: ['hosts'] });
          }}
          onClose={() => setChosen(null)}
        />
      )}
    </Panel>
  );
}

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { ModuleUse } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { EmptyState, Facts, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { waitForOperation } from './operation.ts';
import { hostQueries } from './queries.ts';
import { words } from './words.ts';

type Order = 'trial' | 'enforce' | 'undo';

const MODE: Readonly<Record<'off' | 'trial' | 'enforce', readonly [Tone, keyof typeof words.en]>> = {
  off: ['absent', 'modulesOff'],
  trial: ['pending', 'modulesTrial'],
  enforce: ['ok', 'modulesEnforced'],
};
const ACT = { trial: 'modulesTry', enforce: 'modulesEnforce', undo: 'modulesUndo' } as const;

/** Which modules the host uses, and keeping the others out of its kernel. */
export function Modules({ host }: { host: string }) {
  const t = useWords(words);
  const formats = useFormats();
  const client = useQueryClient();
  const isAdministrator = hasRole(useMe(), ['admin'], '*');
  const [asking, setAsking] = useState<Order | null>(null);
  const used = useQuery(hostQueries.hostModuleUse(host));
  const proposal = useQuery(hostQueries.moduleProposal(host));
  const standing = useQuery(hostQueries.hostModules(host));
  const columns: readonly Column<ModuleUse>[] = [
    { id: 'module', label: t('moduleName'), cell: ({ module }) => <span className="mono">{module}</span> },
    {
      id: 'used',
      label: t('moduleUsed'),
      cell: ({ usedOn }) => (
        <StateBadge tone={usedOn > 0 ? 'ok' : 'absent'}>{t(usedOn > 0 ? 'moduleInUse' : 'moduleIdle')}</StateBadge>
      ),
    },
    { id: 'boots', label: t('moduleStarts'), from: 'medium', cell: ({ boots }) => formats.number(boots) },
    { id: 'with', label: t('moduleWith'), grow: true, cell: ({ workloads }) => workloads.join(', ') || '—' },
    { id: 'since', label: t('moduleSince'), from: 'medium', cell: ({ firstAt }) => <When at={firstAt} /> },
  ];
  const known = standing.data ?? null;
  return (
    <Panel title={t('modulesTitle')}>
      <div className="stack">
        {proposal.data === undefined || proposal.data === null ? null : (
          <Facts
            items={[
              [
                t('modulesMode'),
                known === null ? (
                  '—'
                ) : (
                  <StateBadge key="m" tone={MODE[known.mode][0]}>
                    {t(MODE[known.mode][1])}
                  </StateBadge>
                ),
              ],
              ...(known?.mode === 'enforce'
                ? [
                    [
                      t('modulesKernel'),
                      known.kernel.means === null
                        ? t('modulesKernelNot', { why: known.kernel.why ?? '—' })
                        : t('modulesKernelBy', {
                            means: known.kernel.means,
                            times: formats.number(known.kernel.refused),
                          }),
                    ] as const,
                  ]
                : []),
              [
                t('modulesWould'),
                t('modulesWouldText', {
                  out: formats.number(proposal.data.keptOut),
                  all: formats.number(proposal.data.onDisk),
                }),
              ],
              [
                t('modulesCves'),
                proposal.data.isBlind ? t('modulesBlind') : formats.number(proposal.data.unreachable.most),
              ],
              [
                t('moduleSince'),
                proposal.data.observedSince === null ? '—' : <When key="s" at={proposal.data.observedSince} />,
              ],
            ]}
          />
        )}
        {isAdministrator && (proposal.data?.onDisk ?? 0) > 0 ? (
          <div className="dialog-actions">
            {(['trial', 'enforce', 'undo'] as const)
              .filter((order) => (order === 'undo' ? known?.mode !== 'off' : known?.mode !== order))
              .map((order) => (
                <Button key={order} onClick={() => setAsking(order)}>
                  {t(ACT[order])}
                </Button>
              ))}
          </div>
        ) : null}
        {known === null || known.wouldBlock.length === 0 ? null : (
          <p className="note">
            {t('modulesWouldBlock', { names: known.wouldBlock.map(({ module }) => module).join(', ') })}
          </p>
        )}
        <Loaded query={used}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState title={t('modulesNone')} />
            ) : (
              <Table label={t('modulesTitle')} columns={columns} rows={all} keyOf={({ module }) => module} />
            )
          }
        </Loaded>
      </div>
      {asking === null ? null : (
        <ConfirmDialog
          title={t(ACT[asking])}
          text={t(
            asking === 'undo' ? 'modulesUndoText' : asking === 'trial' ? 'modulesTryText' : 'modulesEnforceText',
            {
              host,
            },
          )}
          action={t(ACT[asking])}
          run={async () => {
            const { operation } = await api.post<{ operation: string }>(apiPath(['kernel', 'modules']), {
              hosts: [host],
              change: asking,
            });
            await waitForOperation(operation);
            await client.invalidateQueries({ queryKey: ['hosts', host] });
          }}
          onClose={() => setAsking(null)}
        />
      )}
    </Panel>
  );
}

import { useMutation, useQuery } from '@tanstack/react-query';
import { api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Damage } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable } from '../shell/parts/controls.tsx';
import { Facts, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useNavigate } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { registryWords } from './registry-words.ts';

/** How much is stored, whether it is still what it was, and work on it by hand. */
export function ContentStore() {
  const t = useWords(registryWords);
  const formats = useFormats();
  const navigate = useNavigate();
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const status = useQuery(queries.registryStatus());
  const start = useMutation({
    mutationFn: (work: 'collection' | 'scrub') => api.post<{ operation: string }>(`/registry/${work}`),
    onSuccess: ({ operation }) => navigate(addresses.operation(operation)),
  });
  const columns: readonly Column<Damage>[] = [
    {
      id: 'digest',
      label: t('damaged'),
      cell: (damage) => <Copyable value={damage.digest}>{shortDigest(damage.digest)}</Copyable>,
    },
    { id: 'where', label: t('repositories'), from: 'medium', cell: (damage) => damage.repositories.join(', ') },
    { id: 'found', label: t('since'), from: 'medium', cell: (damage) => <When at={damage.foundAt} /> },
    {
      id: 'state',
      label: '',
      cell: (damage) =>
        damage.healedAt === null ? (
          <StateBadge tone="bad">{t('notHealed')}</StateBadge>
        ) : (
          <StateBadge tone="ok">{t('healed')}</StateBadge>
        ),
    },
  ];
  return (
    <Panel
      title={t('store')}
      actions={
        isAdmin ? (
          <>
            <Button busy={start.isPending} onClick={() => start.mutate('scrub')}>
              {t('scrubNow')}
            </Button>
            <Button busy={start.isPending} onClick={() => start.mutate('collection')}>
              {t('collect')}
            </Button>
          </>
        ) : undefined
      }
    >
      {start.error === null ? null : <Failure error={start.error} />}
      <Loaded query={status} lines={2}>
        {({ content, scrub, damages }) => (
          <>
            <Facts
              items={[
                [
                  t('store'),
                  t('storeText', {
                    bytes: formats.bytes(content.bytes),
                    blobs: content.blobs,
                    manifests: content.manifests,
                  }),
                ],
                [
                  t('scrub'),
                  <span key="s" className="chips">
                    {scrub.phase === null ? null : (
                      <StateBadge tone="pending">
                        {t('scrubRunning', { size: formats.bytes(scrub.readBytes) })}
                      </StateBadge>
                    )}
                    {scrub.finishedAt === null ? (
                      <span className="quiet-text">{t('scrubNever')}</span>
                    ) : (
                      <When at={scrub.finishedAt} />
                    )}
                    <span className="quiet-text">{t('scrubFound', { found: scrub.found, healed: scrub.healed })}</span>
                  </span>,
                ],
              ]}
            />
            {damages.length === 0 ? null : (
              <Table label={t('damaged')} columns={columns} rows={damages} keyOf={(damage) => damage.digest} />
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

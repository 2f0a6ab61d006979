import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { HostException, HostExceptions } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { ExceptionForm } from '../shell/parts/exception-dialog.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Failure, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { hostQueries } from './queries.ts';
import { runtimeWords } from './runtime-words.ts';

type Issue = HostExceptions['hosts'][number]['issues'][number];

const TONES: Readonly<Record<HostException['state'], Tone>> = {
  waiting: 'pending',
  active: 'warn',
  expiring: 'warn',
  expired: 'absent',
  revoked: 'absent',
};

/** Known vulnerabilities of what starts containers on a host, and what two administrators live with until a day. */
export function Runtimes({ host }: { host: string }) {
  const t = useWords(runtimeWords);
  const text = useText();
  const formats = useFormats();
  const me = useMe();
  const [isAsking, setAsking] = useState(false);
  const found = useQuery(hostQueries.hostExceptions());
  const isAdmin = hasRole(me, ['admin'], '*');
  const ofHost = found.data?.hosts.find((one) => one.host === host)?.issues ?? [];
  const open = [...new Set(ofHost.filter(({ exception }) => exception === null).map(({ cve }) => cve))];
  return (
    <Panel
      title={t('title')}
      actions={isAdmin && open.length > 0 ? <Button onClick={() => setAsking(true)}>{t('ask')}</Button> : undefined}
      flush
    >
      <Loaded query={found}>
        {({ hosts, items }) => {
          const issues = hosts.find((one) => one.host === host)?.issues;
          const own = items.filter((one) => one.host === host);
          // What was asked for before stays to be decided, also while nothing is open or the host is away.
          const asked = own.length === 0 ? null : <Exceptions items={own} isAdmin={isAdmin} actor={me?.actor ?? ''} />;
          if (issues === undefined || issues.length === 0) {
            return (
              <>
                <p className="runtime-note quiet-text">{issues === undefined ? t('unknown') : t('none')}</p>
                {asked}
              </>
            );
          }
          const columns: readonly Column<Issue>[] = [
            { id: 'program', label: t('program'), cell: (one) => `${one.program} ${one.version}` },
            { id: 'cve', label: t('vulnerability'), cell: (one) => <span className="mono nowrap">{one.cve}</span> },
            {
              id: 'state',
              label: t('state'),
              cell: (one) => {
                const exception = own.find(({ id }) => id === one.exception);
                return exception === undefined ? (
                  <StateBadge tone="bad">{t('open')}</StateBadge>
                ) : (
                  <StateBadge tone="warn">{t('excepted', { date: formats.instant(exception.expiresAt) })}</StateBadge>
                );
              },
            },
            { id: 'what', label: t('what'), from: 'medium', grow: true, cell: (one) => text(one.title) },
          ];
          return (
            <>
              <p className="runtime-note note">{t('text')}</p>
              <Table label={t('title')} columns={columns} rows={issues} keyOf={(one) => `${one.program} ${one.cve}`} />
              {asked}
              {isAsking ? <Ask host={host} cves={open} onClose={() => setAsking(false)} /> : null}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function Exceptions({ items, isAdmin, actor }: { items: readonly HostException[]; isAdmin: boolean; actor: string }) {
  const t = useWords(runtimeWords);
  const formats = useFormats();
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: ({ id, verb }: { id: string; verb: 'approve' | 'revoke' }) =>
      api.post(apiPath(['host-exceptions', id, verb])),
    onSuccess: () => client.invalidateQueries({ queryKey: ['host-exceptions'] }),
  });
  const columns: readonly Column<HostException>[] = [
    { id: 'state', label: t('state'), cell: ({ state }) => <StateBadge tone={TONES[state]}>{t(state)}</StateBadge> },
    { id: 'until', label: t('until'), cell: ({ expiresAt }) => formats.instant(expiresAt) },
    { id: 'by', label: t('by'), cell: ({ author }) => <Actor actor={author} /> },
    {
      id: 'approver',
      label: t('approver'),
      from: 'medium',
      cell: ({ approver }) => (approver === null ? '—' : <Actor actor={approver} />),
    },
    {
      id: 'why',
      label: t('why'),
      from: 'wide',
      grow: true,
      cell: ({ reason, cves }) => `${reason} (${cves.join(', ')})`,
    },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: ({ id, state, author }) => {
        if (!isAdmin || state === 'expired' || state === 'revoked') return null;
        return (
          <span className="chips">
            {state !== 'waiting' ? null : author === actor ? (
              <span className="quiet-text">{t('own')}</span>
            ) : (
              <Button busy={decide.isPending} onClick={() => decide.mutate({ id, verb: 'approve' })}>
                {t('approve')}
              </Button>
            )}
            <Button look="quiet" busy={decide.isPending} onClick={() => decide.mutate({ id, verb: 'revoke' })}>
              {state === 'waiting' ? t('refuse') : t('revoke')}
            </Button>
          </span>
        );
      },
    },
  ];
  return (
    <>
      {decide.error === null ? null : <Failure error={decide.error} />}
      <Table label={t('exceptions')} columns={columns} rows={items} keyOf={({ id }) => id} />
    </>
  );
}

function Ask({ host, cves, onClose }: { host: string; cves: readonly string[]; onClose: () => void }) {
  const t = useWords(runtimeWords);
  return (
    <ExceptionForm
      about={
        <>
          <p>{t('askText', { count: cves.length })}</p>
          <p className="mono quiet-text">{cves.join(' ')}</p>
        </>
      }
      disabled={cves.length === 0}
      changes={['host-exceptions']}
      send={(asked) => api.post('/host-exceptions', { host, cves, ...asked })}
      onClose={onClose}
    />
  );
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { SiteHost, SiteState } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Facts, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { Mono, plainField, useDnsFacts, useDnsFields } from './dns-server.tsx';
import { sitesWords } from './sites-words.ts';

const TONES = { up: 'ok', down: 'bad', silent: 'bad', unknown: 'absent' } as const;
const EDGE_PORT = 443;

type Opened = 'nothing' | 'set' | 'balance' | 'drain' | SiteHost;

/** The sites that share hosts by DNS: which one this is, and whom DNS tells of. */
export function SitesSection() {
  const t = useWords(sitesWords);
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const site = useQuery(queries.site());
  const dnsFacts = useDnsFacts(site.data?.settings?.dns);
  const [opened, open] = useState<Opened>('nothing');
  const isAdmin = hasRole(me, ['admin'], '*');
  const close = () => open('nothing');
  const done = async () => {
    close();
    await client.invalidateQueries({ queryKey: ['site'] });
  };
  const undrain = useMutation({ mutationFn: () => api.put('/site/drained', { drained: false }), onSuccess: done });
  return (
    <>
      <Loaded query={site}>
        {({ settings, problem, drained, hosts }) => (
          <>
            <Panel
              title={t('site')}
              actions={
                isAdmin ? (
                  <>
                    {settings === null ? null : drained ? (
                      <Button busy={undrain.isPending} onClick={() => undrain.mutate()}>
                        {t('undrain')}
                      </Button>
                    ) : (
                      <Button onClick={() => open('drain')}>{t('drain')}</Button>
                    )}
                    <Button look={settings === null ? 'primary' : 'plain'} onClick={() => open('set')}>
                      {settings === null ? t('set') : t('change')}
                    </Button>
                  </>
                ) : undefined
              }
            >
              {undrain.error === null ? null : <Failure error={undrain.error} />}
              {settings === null ? (
                <EmptyState title={t('none')} command="darsena site set --help">
                  {t('noneText')}
                </EmptyState>
              ) : (
                <>
                  {problem === null ? null : (
                    <p className="bad-text" role="alert">
                      {text(problem)}
                    </p>
                  )}
                  <Facts
                    items={[
                      [t('name'), settings.name],
                      [
                        t('state'),
                        <StateBadge key="s" tone={problem !== null ? 'bad' : drained ? 'warn' : 'ok'}>
                          {problem !== null ? t('notTold') : drained ? t('drained') : t('inDns')}
                        </StateBadge>,
                      ],
                      [t('addresses'), <Mono key="a">{settings.addresses.join(', ')}</Mono>],
                      [t('port'), settings.port],
                      ...dnsFacts,
                    ]}
                  />
                </>
              )}
            </Panel>
            {settings === null ? null : <Hosts hosts={hosts} isAdmin={isAdmin} onOpen={open} />}
            {opened === 'set' ? <SetDialog settings={settings} onDone={done} onClose={close} /> : null}
          </>
        )}
      </Loaded>
      {opened === 'balance' ? <BalanceDialog onDone={done} onClose={close} /> : null}
      {opened === 'drain' ? (
        <ConfirmDialog
          title={t('drain')}
          text={t('drainText')}
          action={t('drain')}
          run={async () => {
            await api.put('/site/drained', { drained: true });
            await done();
          }}
          onClose={close}
        />
      ) : null}
      {typeof opened === 'object' ? (
        <ConfirmDialog
          title={t('removeOf', { name: opened.host })}
          text={t('removeText')}
          action={t('remove')}
          run={async () => {
            await api.delete(apiPath(['site', 'hosts', opened.host]));
            await done();
          }}
          onClose={close}
        />
      ) : null}
    </>
  );
}

function Hosts({
  hosts,
  isAdmin,
  onOpen,
}: {
  hosts: readonly SiteHost[];
  isAdmin: boolean;
  onOpen: (opened: Opened) => void;
}) {
  const t = useWords(sitesWords);
  const text = useText();
  const columns: readonly Column<SiteHost>[] = [
    {
      id: 'host',
      label: t('host'),
      cell: (one) => (
        <span className="site-here">
          <span className="mono nowrap">
            {one.host}
            <span className="quiet-text">{one.path}</span>
          </span>
          {one.problem === null ? null : <span className="bad-text">{text(one.problem)}</span>}
          {one.stays ? <span className="quiet-text">{t('stays')}</span> : null}
        </span>
      ),
    },
    { id: 'here', label: t('here'), from: 'medium', cell: (one) => <Here host={one} /> },
    {
      id: 'sites',
      label: t('sites'),
      cell: (one) => (
        <span className="chips">
          {one.sites.map(({ site, state, addresses }) => (
            <span key={site} title={addresses.join(', ')}>
              <StateBadge tone={TONES[state]}>{`${site}: ${t(state)}`}</StateBadge>
            </span>
          ))}
        </span>
      ),
    },
    {
      id: 'answers',
      label: t('answers'),
      from: 'medium',
      cell: (one) => <span className="mono">{one.answers.length === 0 ? '—' : one.answers.join(', ')}</span>,
    },
    { id: 'told', label: t('told'), from: 'wide', cell: (one) => <When at={one.toldAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (one) =>
        isAdmin ? (
          <RowAct name={t('removeOf', { name: one.host })} onClick={() => onOpen(one)}>
            {t('remove')}
          </RowAct>
        ) : null,
    },
  ];
  return (
    <Panel
      title={t('hosts')}
      count={hosts.length}
      flush
      actions={
        isAdmin ? (
          <Button look="primary" icon="plus" onClick={() => onOpen('balance')}>
            {t('balance')}
          </Button>
        ) : undefined
      }
    >
      <Table
        label={t('hosts')}
        columns={columns}
        rows={hosts}
        keyOf={(one) => one.host}
        empty={<EmptyState title={t('noHosts')} command="darsena site balance www.example.org" />}
      />
    </Panel>
  );
}

/** How this site's own addresses answer for a host. */
function Here({ host }: { host: SiteHost }) {
  const t = useWords(sitesWords);
  const text = useText();
  return (
    <span className="site-here">
      {host.addresses.map(({ address, up, why }) => {
        const state = up === null ? 'unknown' : up ? 'up' : 'down';
        return (
          <span key={address}>
            <StateBadge tone={TONES[state]}>{t(state)}</StateBadge> <span className="mono">{address}</span>
            {why === null ? null : <span className="quiet-text"> {text(why)}</span>}
          </span>
        );
      })}
    </span>
  );
}

function SetDialog({
  settings,
  onDone,
  onClose,
}: {
  settings: SiteState['settings'];
  onDone: () => void;
  onClose: () => void;
}) {
  const t = useWords(sitesWords);
  const [name, setName] = useState(settings?.name ?? '');
  const [addresses, setAddresses] = useState(settings?.addresses.join(' ') ?? '');
  const [port, setPort] = useState(String(settings?.port ?? EDGE_PORT));
  const dns = useDnsFields(settings?.dns);
  const sending = useMutation({
    mutationFn: () => api.put('/site', { name, addresses: listOf(addresses), port: Number(port), ...dns.read() }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('set')} sending={sending} onClose={onClose}>
      <Field label={t('name')} hint={t('nameHint')} required {...plainField(name, setName)} />
      <Field label={t('addresses')} hint={t('addressesHint')} required {...plainField(addresses, setAddresses)} />
      <Field label={t('port')} inputMode="numeric" required {...plainField(port, setPort)} />
      {dns.fields}
    </FormDialog>
  );
}

function BalanceDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(sitesWords);
  const [host, setHost] = useState('');
  const [path, setPath] = useState('/');
  const [seconds, setSeconds] = useState('30');
  const sending = useMutation({
    mutationFn: () => api.put(apiPath(['site', 'hosts', host.trim()]), { path, seconds: Number(seconds) }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('balance')} sending={sending} onClose={onClose}>
      <Field label={t('host')} hint={t('hostHint')} required {...plainField(host, setHost)} />
      <Field label={t('path')} value={path} onChange={(event) => setPath(event.target.value)} required />
      <Field
        label={t('ttl')}
        inputMode="numeric"
        value={seconds}
        onChange={(event) => setSeconds(event.target.value)}
        required
      />
    </FormDialog>
  );
}

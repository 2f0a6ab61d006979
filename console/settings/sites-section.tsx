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
import { serverOf, serverText } from './dns-server.ts';
import { sitesWords } from './sites-words.ts';

const TONES = { up: 'ok', down: 'bad', silent: 'bad', unknown: 'absent' } as const;
const EDGE_PORT = 443;

type Opened = 'nothing' | 'set' | 'balance' | 'drain' | SiteHost;

/** The sites that share hosts by DNS: which one this is, and whom DNS tells of. */
export function SitesSection() {
  const t = useWords(sitesWords);
  const me = useMe();
  const client = useQueryClient();
  const site = useQuery(queries.site());
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
        {({ settings, drained, hosts }) => (
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
                <Facts
                  items={[
                    [t('name'), settings.name],
                    [
                      t('state'),
                      <StateBadge key="s" tone={drained ? 'warn' : 'ok'}>
                        {drained ? t('drained') : t('inDns')}
                      </StateBadge>,
                    ],
                    [
                      t('addresses'),
                      <span key="a" className="mono">
                        {settings.addresses.join(', ')}
                      </span>,
                    ],
                    [t('port'), settings.port],
                    [
                      t('server'),
                      <span key="d" className="mono">
                        {serverText(settings.dns)}
                      </span>,
                    ],
                    [
                      t('zones'),
                      <span key="z" className="mono">
                        {settings.dns.zones.join(', ')}
                      </span>,
                    ],
                    [
                      t('keyName'),
                      <span key="k" className="mono">
                        {settings.dns.keyName}
                      </span>,
                    ],
                  ]}
                />
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
  const [server, setServer] = useState(settings === null ? '' : serverText(settings.dns));
  const [zones, setZones] = useState(settings?.dns.zones.join(' ') ?? '');
  const [keyName, setKeyName] = useState(settings?.dns.keyName ?? '');
  const [secret, setSecret] = useState('');
  const sending = useMutation({
    mutationFn: () =>
      api.put('/site', {
        ...{ name, addresses: listOf(addresses), port: Number(port) },
        dns: { ...serverOf(server), zones: listOf(zones), keyName },
        ...(secret === '' ? {} : { secret }),
      }),
    onSuccess: onDone,
  });
  const field = (value: string, set: (text: string) => void) => ({
    ...{ value, autoComplete: 'off', autoCapitalize: 'none', spellCheck: false, required: true },
    onChange: (event: { target: { value: string } }) => set(event.target.value),
  });
  return (
    <FormDialog title={t('set')} sending={sending} onClose={onClose}>
      <Field label={t('name')} hint={t('nameHint')} {...field(name, setName)} />
      <Field label={t('addresses')} hint={t('addressesHint')} {...field(addresses, setAddresses)} />
      <Field label={t('port')} inputMode="numeric" {...field(port, setPort)} />
      <Field label={t('server')} hint={t('serverHint')} {...field(server, setServer)} />
      <Field label={t('zones')} hint={t('zonesHint')} {...field(zones, setZones)} />
      <Field label={t('keyName')} {...field(keyName, setKeyName)} />
      <Field
        label={t('secret')}
        hint={t('secretHint')}
        {...field(secret, setSecret)}
        type="password"
        required={settings === null}
      />
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
      <Field
        label={t('host')}
        hint={t('hostHint')}
        value={host}
        onChange={(event) => setHost(event.target.value)}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
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

import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { CertificateOrder } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Field, Select, TextArea } from '../shell/parts/controls.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Facts, Loaded, Panel, Until } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { certificateWords } from './certificate-words.ts';
import { type DnsServer, Mono, plainField, useDnsFacts, useDnsFields } from './dns-server.tsx';

interface AcmeSettings {
  readonly directory: string;
  readonly contact: readonly string[];
  readonly ca: string | null;
  readonly dns: DnsServer & { readonly waitSeconds: number };
}

const acmeQuery = queryOptions({
  queryKey: ['certificates', 'acme'],
  queryFn: async () => (await api.get<{ settings: AcmeSettings | null }>('/certificates/acme')).settings,
});

const TONES = { valid: 'ok', waiting: 'pending', failed: 'bad' } as const;

function AuthorityDialog({ settings, onDone, onClose }: Dialog & { settings: AcmeSettings | null }) {
  const t = useWords(certificateWords);
  const [directory, setDirectory] = useState(settings?.directory ?? '');
  const [contact, setContact] = useState(settings?.contact.join(' ') ?? '');
  const [ca, setCa] = useState(settings?.ca ?? '');
  const [wait, setWait] = useState(String(settings?.dns.waitSeconds ?? 0));
  const dns = useDnsFields(settings?.dns);
  // Each authority has its own terms: what was agreed to with another one says nothing of them.
  const [agreedWith, agreeWith] = useState(settings?.directory ?? null);
  const agreed = agreedWith === directory;
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () => {
      const { dns: server, ...secret } = dns.read();
      return api.put('/certificates/acme', {
        ...{ directory, contact: listOf(contact), ca: ca.trim() === '' ? null : ca, termsAgreed: agreed },
        ...{ dns: { ...server, waitSeconds: Number(wait) }, ...secret },
      });
    },
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('authority')} wide disabled={!agreed} sending={sending} onClose={onClose}>
      <Field
        label={t('directory')}
        hint={t('directoryHint')}
        type="url"
        required
        {...plainField(directory, setDirectory)}
      />
      <Field label={t('contact')} hint={t('contactHint')} {...plainField(contact, setContact)} />
      {dns.fields}
      <Field label={t('wait')} hint={t('waitHint')} inputMode="numeric" required {...plainField(wait, setWait)} />
      <TextArea
        label={t('authorityCa')}
        hint={t('authorityCaHint')}
        rows={3}
        value={ca}
        onChange={(event) => setCa(event.target.value)}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={agreed}
          onChange={(event) => agreeWith(event.target.checked ? directory : null)}
        />
        {t('terms')}
      </label>
    </FormDialog>
  );
}

interface Dialog {
  readonly onDone: () => void;
  readonly onClose: () => void;
}

function OrderDialog({ onDone, onClose }: Dialog) {
  const t = useWords(certificateWords);
  const projects = useQuery(queries.projects()).data ?? [];
  const [names, setNames] = useState('');
  const [project, setProject] = useState('');
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () =>
      api.post('/certificates/orders', { names: listOf(names), project: project === '' ? null : project }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('order')} sending={sending} onClose={onClose}>
      <Field label={t('names')} hint={t('namesHint')} required {...plainField(names, setNames)} />
      <Select
        label={t('project')}
        value={project}
        onPick={setProject}
        options={[['', t('every')], ...projects.map(({ name }) => [name, name] as const)]}
      />
    </FormDialog>
  );
}

/** Certificates that come and are renewed by themselves: from which authority, and how each order stands. */
export function AcmeSection() {
  const t = useWords(certificateWords);
  const text = useText();
  const client = useQueryClient();
  const settings = useQuery(acmeQuery);
  const dnsFacts = useDnsFacts(settings.data?.dns);
  const orders = useQuery(queries.certificateOrders());
  const [opened, open] = useState<'nothing' | 'authority' | 'order' | CertificateOrder>('nothing');
  const close = () => open('nothing');
  const done = async () => {
    close();
    await client.invalidateQueries({ queryKey: ['certificates'] });
  };
  const columns: readonly Column<CertificateOrder>[] = [
    {
      id: 'names',
      label: t('names'),
      grow: true,
      cell: (order) => <span className="mono">{order.names.join(', ')}</span>,
    },
    {
      id: 'state',
      label: t('state'),
      cell: (order) => <StateBadge tone={TONES[order.state]}>{t(order.state)}</StateBadge>,
    },
    { id: 'why', label: t('why'), cell: (order) => (order.detail === null ? '' : text(order.detail)) },
    { id: 'next', label: t('next'), from: 'medium', cell: (order) => <Until at={order.nextAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (order) => (
        <RowAct name={t('endOrderOf', { name: order.names[0] ?? order.id })} onClick={() => open(order)}>
          {t('endOrder')}
        </RowAct>
      ),
    },
  ];
  return (
    <>
      <Loaded query={settings}>
        {(known) => (
          <Panel
            title={t('acme')}
            actions={
              <Button look={known === null ? 'primary' : 'plain'} onClick={() => open('authority')}>
                {t(known === null ? 'setAuthority' : 'changeAuthority')}
              </Button>
            }
          >
            {known === null ? (
              <EmptyState title={t('noAuthority')} command="darsena certificate acme set --help">
                {t('noAuthorityText')}
              </EmptyState>
            ) : (
              <Facts items={[[t('directory'), <Mono key="d">{known.directory}</Mono>], ...dnsFacts]} />
            )}
          </Panel>
        )}
      </Loaded>
      <Panel
        title={t('orders')}
        flush
        actions={
          settings.data == null ? undefined : (
            <Button look="primary" icon="plus" onClick={() => open('order')}>
              {t('order')}
            </Button>
          )
        }
      >
        <Loaded query={orders}>
          {(all) => (
            <Table
              label={t('orders')}
              columns={columns}
              rows={all}
              keyOf={(order) => order.id}
              empty={
                <EmptyState title={t('noOrders')} command="darsena certificate request www.example.org">
                  {t('noOrdersText')}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
      {opened === 'authority' && settings.data !== undefined ? (
        <AuthorityDialog settings={settings.data} onDone={done} onClose={close} />
      ) : null}
      {opened === 'order' ? <OrderDialog onDone={done} onClose={close} /> : null}
      {typeof opened === 'object' ? (
        <ConfirmDialog
          title={t('endOrderOf', { name: opened.names[0] ?? opened.id })}
          text={t('endOrderText')}
          action={t('endOrder')}
          run={async () => {
            await api.delete(apiPath(['certificates', 'orders', opened.id]));
            await done();
          }}
          onClose={close}
        />
      ) : null}
    </>
  );
}

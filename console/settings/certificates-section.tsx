import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { CertificateOrder, ServedCertificate } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Field, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { certificateWords } from './certificate-words.ts';

const TONES = { valid: 'ok', expiring: 'warn', expired: 'bad', waiting: 'warn', failed: 'bad' } as const;

function AddCertificateDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(certificateWords);
  const [chain, setChain] = useState('');
  const [key, setKey] = useState('');
  const [project, setProject] = useState('');
  const sending = useMutation({
    mutationFn: () => api.post('/certificates', { chain, key, project: project === '' ? null : project }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('add')} wide sending={sending} onClose={onClose}>
      <TextArea
        label={t('chain')}
        hint={t('chainHint')}
        required
        rows={6}
        spellCheck={false}
        value={chain}
        onChange={(event) => setChain(event.target.value)}
      />
      <TextArea
        label={t('key')}
        hint={t('keyHint')}
        required
        rows={4}
        spellCheck={false}
        autoComplete="off"
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      <Field
        label={t('project')}
        hint={t('projectHint')}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={project}
        onChange={(event) => setProject(event.target.value)}
      />
    </FormDialog>
  );
}

function Orders() {
  const t = useWords(certificateWords);
  const text = useText();
  const orders = useQuery(queries.certificateOrders());
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
    { id: 'next', label: t('next'), from: 'wide', cell: (order) => <When at={order.nextAt} /> },
  ];
  return (
    <Panel title={t('orders')} flush>
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
  );
}

/** Certificates of the institution and from ACME; their keys are never shown again. */
export function CertificatesSection() {
  const t = useWords(certificateWords);
  const columns = ({ remove }: ManagedActs): readonly Column<ServedCertificate>[] => [
    { id: 'names', label: t('names'), grow: true, cell: (one) => <span className="mono">{one.names.join(', ')}</span> },
    { id: 'project', label: t('project'), from: 'medium', cell: (one) => one.project ?? t('every') },
    { id: 'state', label: t('state'), cell: (one) => <StateBadge tone={TONES[one.state]}>{t(one.state)}</StateBadge> },
    { id: 'until', label: t('until'), from: 'medium', cell: (one) => <When at={one.notAfter} /> },
    { id: 'issuer', label: t('issuer'), from: 'wide', cell: (one) => one.issuer },
    { id: 'by', label: t('addedBy'), from: 'wide', cell: (one) => <Actor actor={one.addedBy} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (one) => (
        <RowAct
          name={t('removeOf', { name: one.names[0] ?? one.id })}
          onClick={() =>
            remove({
              title: t('removeOf', { name: one.names[0] ?? one.id }),
              text: t('removeText'),
              action: t('remove'),
              run: () => api.delete(apiPath(['certificates', one.id])),
            })
          }
        >
          {t('remove')}
        </RowAct>
      ),
    },
  ];
  return (
    <>
      <ManagedList
        title={t('certificates')}
        listKey="certificates"
        query={useQuery(queries.certificates())}
        columns={columns}
        keyOf={(one) => one.id}
        empty={<EmptyState title={t('none')}>{t('noneText')}</EmptyState>}
        create={{
          label: t('add'),
          dialog: (done, close) => <AddCertificateDialog onDone={() => done(null)} onClose={close} />,
        }}
      />
      <Orders />
    </>
  );
}

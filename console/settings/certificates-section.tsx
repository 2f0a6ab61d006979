import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { ServedCertificate } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Select, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Until } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { AcmeSection } from './acme-section.tsx';
import { certificateWords } from './certificate-words.ts';

const TONES = { valid: 'ok', expiring: 'warn', expired: 'bad' } as const;

function AddCertificateDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(certificateWords);
  const [chain, setChain] = useState('');
  const [key, setKey] = useState('');
  const [project, setProject] = useState('');
  const projects = useQuery(queries.projects()).data ?? [];
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
      <Select
        label={t('project')}
        value={project}
        onPick={setProject}
        options={[['', t('every')], ...projects.map(({ name }) => [name, name] as const)]}
      />
      <p className="note">{t('projectHint')}</p>
    </FormDialog>
  );
}

/** Certificates of the institution and from ACME; their keys are never shown again. */
export function CertificatesSection() {
  const t = useWords(certificateWords);
  const columns = ({ remove }: ManagedActs): readonly Column<ServedCertificate>[] => [
    { id: 'names', label: t('names'), grow: true, cell: (one) => <span className="mono">{one.names.join(', ')}</span> },
    { id: 'project', label: t('project'), from: 'medium', cell: (one) => one.project ?? t('every') },
    { id: 'state', label: t('state'), cell: (one) => <StateBadge tone={TONES[one.state]}>{t(one.state)}</StateBadge> },
    { id: 'until', label: t('until'), from: 'medium', cell: (one) => <Until at={one.notAfter} /> },
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
      <AcmeSection />
    </>
  );
}

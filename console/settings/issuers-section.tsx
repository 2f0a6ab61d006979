import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Issuer } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Field, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { words } from './words.ts';

function AddIssuerDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(words);
  const [name, setName] = useState('');
  const [url, setUrl] = useState('https://');
  const [audience, setAudience] = useState('');
  const [jwks, setJwks] = useState('');
  const [caPem, setCa] = useState('');
  const sending = useMutation({
    mutationFn: () =>
      api.post('/workload-identity/issuers', {
        ...{ name, url, audience },
        ...(jwks.trim() === '' ? {} : { jwks }),
        ...(caPem.trim() === '' ? {} : { caPem }),
      }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('addIssuer')} wide sending={sending} onClose={onClose}>
      <Field
        label={t('name')}
        required
        pattern="[a-z0-9][a-z0-9._\-]*"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t('issuerUrl')}
        hint={t('issuerUrlHint')}
        type="url"
        required
        autoComplete="off"
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <Field
        label={t('audience')}
        hint={t('audienceHint')}
        required
        autoComplete="off"
        spellCheck={false}
        value={audience}
        onChange={(event) => setAudience(event.target.value)}
      />
      <TextArea
        label={t('issuerKeys')}
        hint={t('issuerKeysHint')}
        rows={3}
        value={jwks}
        onChange={(event) => setJwks(event.target.value)}
      />
      <TextArea
        label={t('issuerCa')}
        hint={t('issuerCaHint')}
        rows={3}
        value={caPem}
        onChange={(event) => setCa(event.target.value)}
      />
    </FormDialog>
  );
}

/** Platforms elsewhere (GitHub, GitLab, a Kubernetes cluster) whose tokens projects may believe by their own rules. */
export function IssuersSection() {
  const t = useWords(words);
  const columns = ({ remove }: ManagedActs): readonly Column<Issuer>[] => [
    { id: 'name', label: t('name'), cell: (issuer) => <strong>{issuer.name}</strong> },
    { id: 'url', label: t('issuerUrl'), cell: (issuer) => <span className="mono">{issuer.url}</span> },
    {
      id: 'audience',
      label: t('audience'),
      from: 'medium',
      cell: (issuer) => <span className="mono">{issuer.audience}</span>,
    },
    { id: 'by', label: t('addedBy'), from: 'wide', cell: (issuer) => <Actor actor={issuer.createdBy} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (issuer) => (
        <RowAct
          name={t('removeIssuer', { name: issuer.name })}
          onClick={() =>
            remove({
              title: t('removeIssuer', { name: issuer.name }),
              text: t('removeIssuerText'),
              action: t('remove'),
              run: () => api.delete(apiPath(['workload-identity', 'issuers', issuer.name])),
            })
          }
        >
          {t('remove')}
        </RowAct>
      ),
    },
  ];
  return (
    <ManagedList
      title={t('issuers')}
      listKey="issuers"
      query={useQuery(queries.issuers())}
      columns={columns}
      keyOf={(issuer) => issuer.name}
      empty={<EmptyState title={t('noIssuers')}>{t('noIssuersText')}</EmptyState>}
      create={{
        label: t('addIssuer'),
        dialog: (done, close) => <AddIssuerDialog onDone={() => done(null)} onClose={close} />,
      }}
    />
  );
}

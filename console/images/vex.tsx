import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Finding, VexRecord, VexStatus } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Select, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { reportWords } from './report-words.ts';
import { riskWords } from './risk-words.ts';

const TONES: Readonly<Record<VexRecord['state'], Tone>> = { waiting: 'pending', approved: 'ok', revoked: 'absent' };

/** The VEX documents of a project: who says it, who brought it, who believes it; bringing and believing them. */
export function VexPanel({ project }: { project: string }) {
  const t = useWords(reportWords);
  const r = useWords(riskWords);
  const me = useMe();
  const client = useQueryClient();
  const [isImporting, setImporting] = useState(false);
  const documents = useQuery(queries.vex(project));
  const decide = useMutation({
    mutationFn: ({ id, verb }: { id: string; verb: 'approve' | 'revoke' }) =>
      api.post(apiPath(['projects', project, 'vex', id, verb])),
    onSuccess: () => client.invalidateQueries({ queryKey: ['vex', project] }),
  });
  const mayApprove = hasRole(me, ['approver', 'admin'], project);
  const columns: readonly Column<VexRecord>[] = [
    {
      id: 'state',
      label: t('vexState'),
      cell: ({ state }) => (
        <StateBadge tone={TONES[state]}>{state === 'approved' ? t('approved') : r(state)}</StateBadge>
      ),
    },
    { id: 'author', label: t('vexSays'), grow: true, cell: ({ author }) => <span className="clip">{author}</span> },
    { id: 'format', label: '', from: 'medium', cell: ({ format }) => <span className="quiet-text">{format}</span> },
    { id: 'claims', label: t('vexClaims'), align: 'end', cell: ({ claims }) => String(claims) },
    {
      id: 'by',
      label: t('vexBroughtBy'),
      from: 'medium',
      cell: ({ uploadedBy, uploadedAt }) => (
        <span className="chips">
          <Actor actor={uploadedBy} /> <When at={uploadedAt} />
        </span>
      ),
    },
    {
      id: 'believed',
      label: t('vexBelievedBy'),
      from: 'wide',
      cell: ({ approver }) => (approver === null ? '—' : <Actor actor={approver} />),
    },
    {
      id: 'act',
      label: '',
      cell: ({ id, state, uploadedBy }) => (
        <span className="chips">
          {state === 'waiting' && mayApprove && uploadedBy !== me?.actor ? (
            <Button onClick={() => decide.mutate({ id, verb: 'approve' })} busy={decide.isPending}>
              {t('believe')}
            </Button>
          ) : null}
          {state === 'revoked' ? null : (
            <Button look="quiet" onClick={() => decide.mutate({ id, verb: 'revoke' })} busy={decide.isPending}>
              {r('revoke')}
            </Button>
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      {decide.error === null ? null : <Failure error={decide.error} />}
      <Panel title={t('vex')} flush actions={<Button onClick={() => setImporting(true)}>{t('vexImport')}</Button>}>
        <Loaded query={documents}>
          {(rows) =>
            rows.length === 0 ? (
              <EmptyState title={t('vexNone')} command={`darsena vex add ${project} FILE`}>
                {t('vexNoneText')}
              </EmptyState>
            ) : (
              <Table label={t('vex')} columns={columns} rows={rows} keyOf={({ id }) => id} />
            )
          }
        </Loaded>
      </Panel>
      {isImporting ? <ImportDialog project={project} onClose={() => setImporting(false)} /> : null}
    </>
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON yet: the dialog says so and sends nothing.
    return undefined;
  }
}

function ImportDialog({ project, onClose }: { project: string; onClose: () => void }) {
  const t = useWords(reportWords);
  const client = useQueryClient();
  const [text, setText] = useState('');
  const document = text.trim() === '' ? undefined : parsed(text);
  const isBad = text.trim() !== '' && document === undefined;
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () => api.post(apiPath(['projects', project, 'vex']), document),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['vex', project] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('vexImport')} wide sending={sending} onClose={onClose} disabled={document === undefined}>
      <div className="field">
        <label htmlFor="vex-file">{t('vexFile')}</label>
        <input
          id="vex-file"
          type="file"
          accept="application/json,.json"
          onChange={(event) => {
            event.target.files?.[0]?.text().then(setText, () => setText(''));
          }}
        />
      </div>
      <TextArea
        label={t('vexText')}
        hint={isBad ? t('vexNotJson') : t('vexImportHint')}
        rows={12}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </FormDialog>
  );
}

const STATUSES: readonly VexStatus[] = ['not_affected', 'fixed', 'affected', 'under_investigation'];
const JUSTIFICATIONS = [
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_not_present',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'component_not_present',
  'inline_mitigations_already_exist',
] as const;
const STATEMENT_MIN = 10;

/** One's own statement about a finding, as an OpenVEX document of this image and package. */
export function StatementDialog({
  project,
  digest,
  finding,
  onClose,
}: {
  project: string;
  digest: string;
  finding: Finding;
  onClose: () => void;
}) {
  const t = useWords(reportWords);
  const r = useWords(riskWords);
  const client = useQueryClient();
  const me = useMe();
  const [status, setStatus] = useState<VexStatus>('not_affected');
  const [justification, setJustification] = useState<string>(JUSTIFICATIONS[0]);
  const [statement, setStatement] = useState('');
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () => {
      const now = new Date().toISOString();
      return api.post(apiPath(['projects', project, 'vex']), {
        '@context': 'https://openvex.dev/ns/v0.2.0',
        '@id': `urn:uuid:${crypto.randomUUID()}`,
        author: me?.name ?? 'console',
        timestamp: now,
        version: 1,
        statements: [
          {
            vulnerability: { name: finding.id },
            timestamp: now,
            products: [{ '@id': `pkg:oci/image@${digest}`, subcomponents: [{ '@id': finding.package.purl }] }],
            status,
            ...(status === 'not_affected' ? { justification, impact_statement: statement } : {}),
            ...(status === 'affected' ? { action_statement: statement } : {}),
            ...(status === 'fixed' || status === 'under_investigation' ? { status_notes: statement } : {}),
          },
        ],
      });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['vex', project] });
      onClose();
    },
  });
  return (
    <FormDialog
      title={t('state')}
      sending={sending}
      onClose={onClose}
      disabled={statement.trim().length < STATEMENT_MIN}
    >
      <p>
        <span className="mono">{finding.id}</span> · {finding.package.name} {finding.package.version}
      </p>
      <Select
        label={t('status')}
        value={status}
        onPick={(value) => setStatus(STATUSES.find((one) => one === value) ?? 'not_affected')}
        options={STATUSES.map((one) => [one, r(one)] as const)}
      />
      {status === 'not_affected' ? (
        <Select
          label={t('justification')}
          value={justification}
          onPick={setJustification}
          options={JUSTIFICATIONS.map((one) => [one, t(one)] as const)}
        />
      ) : null}
      <TextArea
        label={t('statement')}
        hint={t('stateHint')}
        value={statement}
        onChange={(event) => setStatement(event.target.value)}
      />
    </FormDialog>
  );
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { ScanRuleFile, TriedRules } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { LevelBadge, StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Field, Select, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Failure, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { ByProject } from './by-project.tsx';
import { ImagesTabs } from './images-tabs.tsx';
import './images.css';
import { rulesWords } from './rules-words.ts';

type Kind = ScanRuleFile['kind'];
const KINDS: readonly Kind[] = ['secrets', 'baseline'];
const STATE_TONES: Readonly<Record<ScanRuleFile['state'], Tone>> = {
  active: 'ok',
  replaced: 'absent',
  removed: 'absent',
};

/** What looks for credentials in the images of a project: its own rules and known credentials, tried, given and removed. */
export default function RulesPage() {
  const t = useWords(rulesWords);
  return (
    <div className="page">
      <PageHead title={t('title')} />
      <ImagesTabs current="rules" />
      <ByProject>
        {(project) => (
          <>
            <FilesPanel key={`files ${project}`} project={project} />
            <TryPanel key={`try ${project}`} project={project} />
          </>
        )}
      </ByProject>
    </div>
  );
}

/** The files of a project in all their versions, and which of them count. */
function FilesPanel({ project }: { project: string }) {
  const t = useWords(rulesWords);
  const me = useMe();
  const formats = useFormats();
  const files = useQuery(queries.scanRules(project));
  const [isGiving, setGiving] = useState(false);
  const [removing, setRemoving] = useState<Kind | null>(null);
  const mayManage = hasRole(me, ['admin'], project);
  const columns: readonly Column<ScanRuleFile>[] = [
    { id: 'state', label: '', cell: ({ state }) => <StateBadge tone={STATE_TONES[state]}>{t(state)}</StateBadge> },
    { id: 'kind', label: t('kind'), cell: ({ kind }) => t(kind) },
    {
      id: 'version',
      label: t('version'),
      from: 'medium',
      align: 'end',
      cell: ({ version }) => formats.number(version),
    },
    {
      id: 'entries',
      label: t('entries'),
      from: 'medium',
      align: 'end',
      cell: ({ entries }) => formats.number(entries),
    },
    {
      id: 'refused',
      label: t('refused'),
      from: 'medium',
      align: 'end',
      cell: ({ refused }) => (refused.length === 0 ? '—' : formats.number(refused.length)),
    },
    { id: 'by', label: t('by'), from: 'medium', cell: ({ uploadedBy }) => <Actor actor={uploadedBy} /> },
    { id: 'at', label: t('at'), grow: true, from: 'wide', cell: ({ uploadedAt }) => <When at={uploadedAt} /> },
    {
      id: 'act',
      label: '',
      cell: ({ state, kind }) =>
        state === 'active' && mayManage ? (
          <Button look="quiet" onClick={() => setRemoving(kind)}>
            {t('remove')}
          </Button>
        ) : null,
    },
  ];
  return (
    <>
      <Panel
        title={t('files')}
        flush
        actions={mayManage ? <Button onClick={() => setGiving(true)}>{t('give')}</Button> : undefined}
      >
        <Loaded query={files}>
          {(rows) => {
            const inUse = (kind: Kind) => rows.find((one) => one.kind === kind && one.state === 'active');
            const [own, known] = [inUse('secrets'), inUse('baseline')];
            const refused = own?.refused ?? [];
            return (
              <>
                <div className="panel-toolbar">
                  <p>
                    <strong>
                      {own === undefined ? t('platformCount') : t('ownCount', { count: formats.number(own.entries) })}
                    </strong>
                  </p>
                  {own === undefined ? <p className="quiet-text">{t('platformText')}</p> : null}
                  {known === undefined ? null : <p>{t('knownCount', { count: formats.number(known.entries) })}</p>}
                  {refused.length === 0 ? null : <Refused refused={refused} />}
                </div>
                {rows.length === 0 ? (
                  <EmptyState
                    title={t('noFiles')}
                    command={`darsena scan rules set secrets .gitleaks.toml --project ${project}`}
                  >
                    {t('noFilesText')}
                  </EmptyState>
                ) : (
                  <Table label={t('files')} columns={columns} rows={rows} keyOf={({ id }) => id} />
                )}
              </>
            );
          }}
        </Loaded>
      </Panel>
      {isGiving ? <GiveDialog project={project} onClose={() => setGiving(false)} /> : null}
      {removing === null ? null : <RemoveDialog project={project} kind={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

function Refused({ refused }: { refused: ScanRuleFile['refused'] }) {
  const t = useWords(rulesWords);
  const text = useText();
  return (
    <details>
      <summary>
        {t('notUsed')} ({refused.length})
      </summary>
      <ul className="plain-list">
        {refused.map(({ rule, why }) => (
          <li key={`${rule} ${why.en}`}>
            <span className="mono">{rule}</span> <span className="quiet-text">{text(why)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function GiveDialog({ project, onClose }: { project: string; onClose: () => void }) {
  const t = useWords(rulesWords);
  const client = useQueryClient();
  const [kind, setKind] = useState<Kind>('secrets');
  const [text, setText] = useState('');
  const sending = useMutation<unknown, Error, void>({
    mutationFn: () => api.putFile(apiPath(['projects', project, 'scan', kind]), text),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['scan-rules', project] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('give')} wide sending={sending} onClose={onClose} disabled={text.trim() === ''}>
      <p className="quiet-text">{t('giveText')}</p>
      <Select
        label={t('kind')}
        value={kind}
        onPick={(value) => setKind(KINDS.find((one) => one === value) ?? 'secrets')}
        options={KINDS.map((one) => [one, t(one)] as const)}
      />
      <FileField id="rules-file" label={t('file')} onText={setText} />
      <TextArea
        label={t('content')}
        hint={kind === 'secrets' ? t('rulesHint') : t('baselineHint')}
        rows={12}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </FormDialog>
  );
}

function FileField({ id, label, onText }: { id: string; label: string; onText: (text: string) => void }) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="file"
        onChange={(event) => {
          event.target.files?.[0]?.text().then(onText, () => onText(''));
        }}
      />
    </div>
  );
}

function RemoveDialog({ project, kind, onClose }: { project: string; kind: Kind; onClose: () => void }) {
  const t = useWords(rulesWords);
  const client = useQueryClient();
  const [title, text] =
    kind === 'secrets' ? [t('removeRules'), t('removeRulesText')] : [t('removeKnown'), t('removeKnownText')];
  return (
    <ConfirmDialog
      title={title}
      text={text}
      action={t('remove')}
      run={async () => {
        await api.delete(apiPath(['projects', project, 'scan', kind]));
        await client.invalidateQueries({ queryKey: ['scan-rules', project] });
      }}
      onClose={onClose}
    />
  );
}

type Of = 'current' | 'given';

/** What rules would find in a text; nothing is kept. */
function TryPanel({ project }: { project: string }) {
  const t = useWords(rulesWords);
  const [of, setOf] = useState<Of>('current');
  const [rules, setRules] = useState('');
  const [path, setPath] = useState('config/app.env');
  const [text, setText] = useState('');
  const trying = useMutation<TriedRules, Error, void>({
    mutationFn: () =>
      api.post(apiPath(['projects', project, 'scan', 'secrets', 'try']), {
        text,
        path: path.trim(),
        rules: of === 'given' ? rules : null,
      }),
  });
  if (!hasRole(useMe(), ['admin'], project)) return null;
  return (
    <Panel title={t('tryTitle')}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          trying.mutate();
        }}
      >
        <Select
          label={t('tryRules')}
          value={of}
          onPick={(value) => setOf(value === 'given' ? 'given' : 'current')}
          options={[
            ['current', t('tryCurrent')],
            ['given', t('tryGiven')],
          ]}
        />
        {of === 'given' ? (
          <>
            <FileField id="try-rules-file" label={t('file')} onText={setRules} />
            <TextArea
              label={t('tryGivenText')}
              hint={t('rulesHint')}
              rows={8}
              value={rules}
              onChange={(event) => setRules(event.target.value)}
            />
          </>
        ) : null}
        <Field label={t('tryPath')} autoComplete="off" value={path} onChange={(event) => setPath(event.target.value)} />
        <TextArea
          label={t('tryText')}
          hint={t('tryHint')}
          rows={6}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <div>
          <Button
            type="submit"
            look="primary"
            busy={trying.isPending}
            disabled={text === '' || path.trim() === '' || (of === 'given' && rules.trim() === '')}
          >
            {t('try')}
          </Button>
        </div>
      </form>
      {trying.error === null ? null : <Failure error={trying.error} />}
      {trying.data === undefined ? null : <Tried answer={trying.data} />}
    </Panel>
  );
}

function Tried({ answer }: { answer: TriedRules }) {
  const t = useWords(rulesWords);
  const shell = useWords(shellWords);
  const text = useText();
  const { findings, rules, refused } = answer;
  const columns: readonly Column<TriedRules['findings'][number]>[] = [
    {
      id: 'severity',
      label: '',
      cell: ({ severity }) => <LevelBadge level={severity}>{shell(severity)}</LevelBadge>,
    },
    { id: 'line', label: t('line'), align: 'end', cell: ({ line, column }) => `${line}:${column}` },
    { id: 'credential', label: t('credential'), grow: true, cell: ({ title }) => text(title) },
    {
      id: 'rule',
      label: t('rule'),
      from: 'medium',
      cell: ({ rule }) => <span className="mono quiet-text">{rule}</span>,
    },
  ];
  return (
    <div className="stack" role="status">
      <p>
        <strong>
          {findings.length === 0 ? t('triedNone', { rules }) : t('triedFound', { count: findings.length, rules })}
        </strong>
      </p>
      {refused.length === 0 ? null : <Refused refused={refused} />}
      {findings.length === 0 ? null : (
        <Table
          label={t('tryTitle')}
          columns={columns}
          rows={findings}
          keyOf={({ rule, line, column }) => `${rule} ${line} ${column}`}
        />
      )}
    </div>
  );
}

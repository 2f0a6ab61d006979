import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Exception, Finding, FixStep, Misconfiguration, ScanReport } from '../api/types.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { LevelBadge, StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Select } from '../shell/parts/controls.tsx';
import { ExceptionForm } from '../shell/parts/exception-dialog.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { EmptyState, Failure, Loaded, Panel, Until } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { riskWords } from './risk-words.ts';

/** The fewest upgrades that remove the most risk, best first. */
export function PlanPanel({ report }: { report: ScanReport }) {
  const t = useWords(riskWords);
  const text = useText();
  const formats = useFormats();
  const { plan, score } = report;
  const columns: readonly Column<FixStep>[] = [
    { id: 'step', label: t('step'), grow: true, cell: (step) => text(step.title) },
    { id: 'removes', label: t('removes'), cell: (step) => formats.number(step.removes.findings) },
    {
      id: 'kev',
      label: '',
      cell: ({ removes }) =>
        removes.kev === 0 ? null : <StateBadge tone="bad">{t('exploited', { count: removes.kev })}</StateBadge>,
    },
    { id: 'share', label: t('share'), from: 'medium', cell: (step) => formats.percent(step.share) },
    {
      id: 'line',
      label: t('madeBy'),
      from: 'wide',
      cell: (step) => <span className="clip mono quiet-text">{step.line ?? '—'}</span>,
    },
  ];
  return (
    <div className="stack">
      <p className="page-sub">
        {score === null ? null : <strong>{t('score', { score: formats.number(score) })}</strong>}
        <span>{t('planText', { steps: plan.steps.length, removes: plan.removes, of: plan.of })}</span>
      </p>
      <Panel flush>
        {plan.steps.length === 0 ? (
          <EmptyState title={t('planEmpty')}>{t('planEmptyText')}</EmptyState>
        ) : (
          <Table
            label={t('plan')}
            columns={columns}
            rows={plan.steps}
            keyOf={(step) => `${step.kind} ${step.name} ${step.from} ${step.path ?? ''} ${step.layer ?? ''}`}
          />
        )}
      </Panel>
    </div>
  );
}

/** What should be otherwise in the image: its configuration, credentials, malware. */
export function ProblemsPanel({ report }: { report: ScanReport }) {
  const t = useWords(riskWords);
  const shell = useWords(shellWords);
  const text = useText();
  const formats = useFormats();
  const columns: readonly Column<Misconfiguration>[] = [
    {
      id: 'severity',
      label: t('severity'),
      cell: ({ severity }) => <LevelBadge level={severity}>{shell(severity)}</LevelBadge>,
    },
    { id: 'problem', label: t('problem'), grow: true, cell: ({ message }) => text(message) },
    {
      id: 'remedy',
      label: t('remedy'),
      from: 'medium',
      cell: ({ remedy }) => <span className="quiet-text">{text(remedy)}</span>,
    },
    { id: 'id', label: '', from: 'wide', cell: ({ id }) => <span className="mono quiet-text">{id}</span> },
  ];
  const { malware, secrets, secretsKnown = 0, misconfigurations, notices = [], unnamedArchives = 0 } = report;
  return (
    <div className="stack">
      <Panel title={t('problems')} flush>
        {misconfigurations.length === 0 ? (
          <EmptyState title={t('noProblems')} />
        ) : (
          <Table
            label={t('problems')}
            columns={columns}
            rows={misconfigurations}
            keyOf={({ id, path, line, message }) => `${id} ${path ?? ''} ${line ?? ''} ${message.en}`}
          />
        )}
      </Panel>
      <Panel title={t('secrets')}>
        {secrets.length === 0 ? (
          <p className="quiet-text">{t('noSecrets')}</p>
        ) : (
          <ul className="plain-list">
            {secrets.map((secret) => (
              <li key={`${secret.rule} ${secret.path ?? ''} ${secret.line ?? ''} ${secret.fingerprint ?? ''}`}>
                <StateBadge tone="bad">{secret.title === undefined ? secret.rule : text(secret.title)}</StateBadge>{' '}
                <span className="mono">
                  {secret.path ?? '—'}
                  {secret.line === undefined ? '' : `:${secret.line}`}
                </span>{' '}
                {secret.removed === true ? <span className="quiet-text">{t('secretRemoved')}</span> : null}
              </li>
            ))}
          </ul>
        )}
        {secretsKnown === 0 ? null : (
          <p className="quiet-text">{t('secretsKnown', { count: formats.number(secretsKnown) })}</p>
        )}
      </Panel>
      {notices.length === 0 && unnamedArchives === 0 ? null : (
        <Panel title={t('notUnderstood')}>
          <p className="quiet-text">{t('notUnderstoodText')}</p>
          <ul className="plain-list">
            {notices.map(({ path, reason }) => (
              <li key={`${path} ${reason.en}`}>
                <span className="mono">{path}</span> <span className="quiet-text">{text(reason)}</span>
              </li>
            ))}
            {unnamedArchives === 0 ? null : <li>{t('unnamedArchives', { count: formats.number(unnamedArchives) })}</li>}
          </ul>
        </Panel>
      )}
      <Panel title={t('malware')}>
        {malware.state === 'clean' ? (
          <StateBadge tone="ok">{t('malwareClean', { count: formats.number(malware.files) })}</StateBadge>
        ) : malware.state === 'not-scanned' ? (
          <p>
            <StateBadge tone="absent">{t('malwareNotScanned')}</StateBadge>{' '}
            {malware.reason === null ? '' : text(malware.reason)}
          </p>
        ) : (
          <>
            <ul className="plain-list">
              {malware.findings.map(({ engine, signature, path }) => (
                <li key={`${engine} ${signature} ${path}`}>
                  <StateBadge tone="bad">{signature}</StateBadge> <span className="mono">{path}</span>
                </li>
              ))}
            </ul>
            {malware.reason === null ? null : <p className="quiet-text">{text(malware.reason)}</p>}
          </>
        )}
        {(malware.engines ?? []).map(({ name, version, signatures, signaturesAt }) => (
          <p key={name} className="quiet-text">
            {signaturesAt === null
              ? t('engine', { name, version, signatures })
              : t('engineOf', { name, version, signatures, at: formats.instant(signaturesAt) })}
          </p>
        ))}
      </Panel>
    </div>
  );
}

const STATE_TONES: Readonly<Record<Exception['state'], Tone>> = {
  waiting: 'pending',
  active: 'ok',
  expiring: 'warn',
  expired: 'absent',
  revoked: 'absent',
};

/** The exceptions of a project, or those that speak of an image: who asked, who agreed, until when; and the second person's word. */
export function ExceptionsPanel({
  project,
  digest,
  repository,
}: {
  project: string;
  /** Without them all of the project are shown. */
  digest?: string;
  repository?: string;
}) {
  const t = useWords(riskWords);
  const me = useMe();
  const client = useQueryClient();
  const exceptions = useQuery(queries.exceptions(project));
  const decide = useMutation({
    mutationFn: ({ id, verb }: { id: string; verb: 'approve' | 'revoke' }) =>
      api.post(apiPath(['projects', project, 'exceptions', id, verb])),
    onSuccess: () => client.invalidateQueries({ queryKey: ['exceptions', project] }),
  });
  const mayApprove = hasRole(me, ['approver', 'admin'], project);
  const columns: readonly Column<Exception>[] = [
    { id: 'state', label: '', cell: ({ state }) => <StateBadge tone={STATE_TONES[state]}>{t(state)}</StateBadge> },
    {
      id: 'about',
      label: t('about'),
      cell: ({ rule, subject, package: name }) => (
        <span className="mono">{[subject, name, rule === '*' ? null : rule].filter(Boolean).join(' ')}</span>
      ),
    },
    { id: 'reason', label: t('reason'), grow: true, from: 'medium', cell: ({ reason }) => reason },
    { id: 'scope', label: t('scope'), from: 'wide', cell: (row) => row.repository ?? shortDigest(row.digest ?? '') },
    { id: 'until', label: t('until'), cell: ({ expiresAt }) => <Until at={expiresAt} /> },
    { id: 'by', label: t('by'), from: 'medium', cell: ({ author }) => <Actor actor={author} /> },
    {
      id: 'act',
      label: '',
      cell: ({ id, state, author }) => (
        <span className="chips">
          {state === 'waiting' && mayApprove && author !== me?.actor ? (
            <Button onClick={() => decide.mutate({ id, verb: 'approve' })} busy={decide.isPending}>
              {t('approve')}
            </Button>
          ) : null}
          {state === 'revoked' || state === 'expired' ? null : (
            <Button look="quiet" onClick={() => decide.mutate({ id, verb: 'revoke' })} busy={decide.isPending}>
              {t('revoke')}
            </Button>
          )}
        </span>
      ),
    },
  ];
  const isHere = ({ digest: one, repository: pattern }: Exception): boolean =>
    digest === undefined || one === digest || (pattern !== null && (pattern === repository || pattern.includes('*')));
  return (
    <>
      {decide.error === null ? null : <Failure error={decide.error} />}
      <Loaded query={exceptions}>
        {(all) => {
          const rows = all.filter(isHere);
          return (
            <Panel title={t('exceptions')} flush>
              {rows.length === 0 ? (
                <EmptyState title={t('noExceptions')} command={`darsena exception request ${project} --finding CVE-…`}>
                  {t('noExceptionsText')}
                </EmptyState>
              ) : (
                <Table label={t('exceptions')} columns={columns} rows={rows} keyOf={({ id }) => id} />
              )}
            </Panel>
          );
        }}
      </Loaded>
    </>
  );
}

/** Asks that a finding may be lived with for a while; somebody else has to agree. */
export function ExceptionDialog({
  project,
  digest,
  repository,
  finding,
  onClose,
}: {
  project: string;
  digest: string;
  repository: string;
  finding: Finding;
  onClose: () => void;
}) {
  const t = useWords(riskWords);
  const [scope, setScope] = useState('image');
  return (
    <ExceptionForm
      about={
        <p>
          <span className="mono">{finding.id}</span> · {finding.package.name}
        </p>
      }
      changes={['exceptions', project]}
      send={(asked) =>
        api.post(apiPath(['projects', project, 'exceptions']), {
          ...{ rule: '*', subject: finding.id, package: finding.package.name },
          ...(scope === 'image' ? { digest, repository: null } : { digest: null, repository }),
          ...asked,
        })
      }
      onClose={onClose}
    >
      <Select
        label={t('scope')}
        value={scope}
        onPick={setScope}
        options={[
          ['image', t('scopeImage')],
          ['repository', t('scopeRepository', { repository })],
        ]}
      />
    </ExceptionForm>
  );
}

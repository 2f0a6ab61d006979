import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Policy, PolicyReplay, PolicyRevision } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Failure, Panel, When } from '../shell/parts/surface.tsx';
import { Mistakes, mistakesOf, useDraft, useSettled } from './drafts.tsx';
import { Hit } from './policy-hit.tsx';
import '../projects/compare.css';
import { policyWords } from './policy-words.ts';

/** The text of a policy, or an empty one; what is typed can be tried before it is applied. */
export function PolicyEditor({
  name,
  onApplied,
}: {
  name: string | null;
  /** A new policy has its own page from then on. */
  onApplied?: (name: string) => void;
}) {
  const t = useWords(policyWords);
  const client = useQueryClient();
  const policy = useQuery({ ...queries.policy(name ?? ''), enabled: name !== null });
  const revisions = useQuery({ ...queries.policyRevisions(name ?? ''), enabled: name !== null });
  const [typed, setTyped] = useDraft(`policy ${name ?? ''}`);
  const [removing, setRemoving] = useState(false);
  const source = typed ?? policy.data?.source ?? '';
  const changed = () => client.invalidateQueries({ queryKey: ['policies'] });
  const settled = useSettled(source);
  const check = useQuery({
    queryKey: ['policy-check', settled],
    queryFn: () => api.post<Policy>('/policies/check', { source: settled }),
    enabled: typed !== null && settled.trim() !== '',
    retry: false,
  });
  const trial = useMutation({
    mutationFn: () => api.post<PolicyReplay>('/policies/try', { source, days: 30 }),
  });
  const apply = useMutation({
    mutationFn: () => api.post<PolicyRevision>('/policies', { source }),
    onSuccess: async (revision) => {
      await changed();
      // The platform has the text now, in force or waiting: it is no draft any more.
      setTyped(null);
      onApplied?.(revision.name);
    },
  });
  const failure = apply.error ?? trial.error;
  const isOwn = revisions.data?.some((one) => one.state === 'active') === true;
  return (
    <>
      <Panel title={name === null ? t('add') : t('textOf', { name })}>
        <TextArea
          label={t('text')}
          hint={t('textHint')}
          rows={18}
          className="mono"
          value={source}
          onChange={(event) => setTyped(event.target.value)}
        />
        {typed === null || settled.trim() === '' ? null : <Checked check={check} isStale={settled !== source} />}
        {failure === null ? null : <Failure error={failure} />}
        {apply.data === undefined || typed !== null ? null : (
          <p role="status">
            {t(apply.data.state === 'active' ? 'applied' : 'nowWaits', { revision: String(apply.data.revision) })}
          </p>
        )}
        <div className="panel-actions">
          <Button busy={trial.isPending} disabled={source.trim() === ''} onClick={() => trial.mutate()}>
            {t('tryIt')}
          </Button>
          <Button
            look="primary"
            busy={apply.isPending}
            disabled={typed === null || source.trim() === ''}
            onClick={() => apply.mutate()}
          >
            {t('apply')}
          </Button>
          {typed === null ? null : (
            <Button look="quiet" onClick={() => setTyped(null)}>
              {t('discard')}
            </Button>
          )}
          {isOwn ? (
            <Button look="danger" onClick={() => setRemoving(true)}>
              {t('remove')}
            </Button>
          ) : null}
        </div>
        {removing ? (
          <ConfirmDialog
            title={`${t('remove')}: ${name ?? ''}`}
            text={t('removeText')}
            action={t('remove')}
            run={async () => {
              await api.delete<PolicyRevision>(`/policies/${encodeURIComponent(name ?? '')}`);
              setTyped(null);
              await changed();
            }}
            onClose={() => setRemoving(false)}
          />
        ) : null}
      </Panel>
      {trial.data === undefined ? null : <Hit replay={trial.data} />}
      {name === null ? null : <Revisions all={revisions.data ?? []} />}
    </>
  );
}

/** The texts that a policy had here, newest first: who wrote each, who agreed, and the text itself. */
function Revisions({ all }: { all: readonly PolicyRevision[] }) {
  const t = useWords(policyWords);
  const past = all.filter(({ state }) => state !== 'waiting');
  if (past.length === 0) return null;
  return (
    <Panel title={t('revisions')} count={past.length}>
      <div className="diff-documents">
        {past.map((one) => (
          <details key={one.revision} className="diff-document">
            <summary>
              <strong>{t('revision', { revision: String(one.revision) })}</strong>{' '}
              <StateBadge tone={REVISIONS[one.state][1]}>{t(REVISIONS[one.state][0])}</StateBadge>{' '}
              <Actor actor={one.author} /> <When at={one.createdAt} />
              {one.approver === null ? null : (
                <>
                  {' · '}
                  {t(one.state === 'rejected' ? 'rejectedBy' : 'agreedBy')} <Actor actor={one.approver} />
                </>
              )}
            </summary>
            <pre className="diff policy-text">{one.source}</pre>
          </details>
        ))}
      </div>
    </Panel>
  );
}

const REVISIONS = {
  waiting: ['revisionWaits', 'pending'],
  active: ['revisionActive', 'ok'],
  superseded: ['revisionSuperseded', 'absent'],
  rejected: ['revisionRejected', 'bad'],
  removed: ['revisionRemoved', 'absent'],
} as const;

/** Every mistake of the text with its place, or that it is right. */
function Checked({ check, isStale }: { check: UseQueryResult<Policy>; isStale: boolean }) {
  const t = useWords(policyWords);
  const say = useText();
  if (isStale || check.isPending) return <p className="quiet-text">{t('checking')}</p>;
  if (check.error === null) {
    return (
      <div role="status">
        <StateBadge tone="ok">{t('right', { count: check.data.rules.length })}</StateBadge>
        {(check.data.warnings ?? []).map(({ line, text }) => (
          <p key={`${line} ${text.en}`}>
            <StateBadge tone="warn">{t('warningAt', { line: String(line) })}</StateBadge> {say(text)}
          </p>
        ))}
      </div>
    );
  }
  const all = mistakesOf(check.error, ({ rule, reason }) =>
    typeof reason !== 'string' ? null : typeof rule === 'string' ? `${rule}: ${reason}` : reason,
  );
  return <Mistakes all={all} error={check.error} lang="en" />;
}

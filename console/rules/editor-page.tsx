import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, Field, Select, TextArea } from '../shell/parts/controls.tsx';
import { Failure, Loaded, PageHead, Panel } from '../shell/parts/surface.tsx';
import { useNavigate, useSearchParam } from '../shell/router.tsx';
import { EXAMPLE_RULE } from './example.ts';
import { ruleQueries } from './queries.ts';
import './rules.css';
import { Findings, Tried } from './tried.tsx';
import type { TriedRules } from './types.ts';
import { words } from './words.ts';

interface Draft {
  readonly name: string;
  readonly text: string;
  readonly project: string | null;
  readonly environment: string | null;
}

/** After the last letter; checking takes control some tens of milliseconds. */
const CHECK_AFTER_MS = 350;
const SPANS = [
  ['3600', 'lastHour'],
  ['86400', 'lastDay'],
  ['604800', 'sevenDays'],
] as const;

function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** What was written and not put in force, by the file; the new one's is empty. Whoever comes back finds it. */
const unfinished = new Map<string, Draft>();

/** A new file that was put in force a moment ago: its page is another, and says that it was done. */
let appliedFile = '';

function isSame(one: Draft, other: Draft): boolean {
  return (['name', 'text', 'project', 'environment'] as const).every((key) => one[key] === other[key]);
}

/** The draft outlives a look at another page of the console; the browser asks before it forgets one. */
function useDraft(given: Draft, key: string) {
  const [draft, setDraft] = useState(() => unfinished.get(key) ?? given);
  const isChanged = !isSame(draft, given);
  useEffect(() => {
    if (isChanged) unfinished.set(key, draft);
    else unfinished.delete(key);
  }, [draft, isChanged, key]);
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    if (isChanged) window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isChanged]);
  return { draft, setDraft, isChanged };
}

function Editor({ given, isKnown }: { given: Draft; isKnown: boolean }) {
  const t = useWords(words);
  const client = useQueryClient();
  const navigate = useNavigate();
  const key = isKnown ? given.name : '';
  const { draft, setDraft, isChanged } = useDraft(given, key);
  const [seconds, setSeconds] = useState('604800');
  const [removing, setRemoving] = useState(false);
  const [isFresh] = useState(() => isKnown && appliedFile === given.name);
  useEffect(() => {
    appliedFile = '';
  }, []);
  const projects = useQuery(queries.projects()).data ?? [];
  const files = useQuery(ruleQueries.book()).data?.files ?? [];
  const environments = projects.find(({ name }) => name === draft.project)?.environments ?? [];
  const settled = useSettled(draft, CHECK_AFTER_MS);
  const checked = useQuery({
    ...ruleQueries.check(settled),
    enabled: settled.text.trim() !== '',
    placeholderData: (old) => old,
  });
  const findings = checked.data?.findings ?? [];
  const isWrong = checked.error !== null || findings.some(({ severity }) => severity === 'error');
  const change = (part: Partial<Draft>) => setDraft((now) => ({ ...now, ...part }));
  const tried = useMutation({
    mutationFn: () => api.post<TriedRules>('/rules/try', { ...draft, seconds: Number(seconds) }),
  });
  const applied = useMutation({
    mutationFn: () => {
      const { name, ...body } = draft;
      return api.put(apiPath(['rules', 'files', name]), body);
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['rules'] });
      unfinished.delete(key);
      if (isKnown) return;
      appliedFile = draft.name;
      navigate(addresses.ruleFile(draft.name), { replace: true });
    },
  });
  const rules = checked.data?.rules ?? [];
  // Putting a new file in force must not take the place of another unseen.
  const isTaken = !isKnown && !applied.isPending && files.some(({ name }) => name === draft.name);
  return (
    <div className="stack">
      <Panel>
        <form
          className="rule-editor"
          onSubmit={(event) => {
            event.preventDefault();
            tried.mutate();
          }}
        >
          <div className="rule-place">
            <Field
              label={t('file')}
              value={draft.name}
              disabled={isKnown}
              error={isTaken ? t('taken') : undefined}
              required
              pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,99}"
              onChange={(event) => change({ name: event.target.value })}
            />
            <Select
              label={t('project')}
              value={draft.project ?? ''}
              onPick={(project) => change({ project: project === '' ? null : project, environment: null })}
              options={[['', t('everywhere')], ...projects.map(({ name }) => [name, name] as const)]}
            />
            <Select
              label={t('environment')}
              value={draft.environment ?? ''}
              onPick={(environment) => change({ environment: environment === '' ? null : environment })}
              options={[['', t('allEnvironments')], ...environments.map(({ name }) => [name, name] as const)]}
            />
          </div>
          <TextArea
            label={t('text')}
            className="rule-text mono"
            rows={14}
            value={draft.text}
            aria-invalid={isWrong || undefined}
            onChange={(event) => change({ text: event.target.value })}
          />
          <div role="status" className="rule-status">
            {checked.error !== null ? <Failure error={checked.error} /> : null}
            {findings.length > 0 ? <Findings findings={findings} /> : null}
            {!isWrong && checked.data !== undefined ? (
              <p className="quiet-text">
                {t('sound', { count: rules.length })}
                {rules.map(({ name, off }) => (off === null ? null : ` ${t('wouldBeOff', { name, why: off })}`))}
              </p>
            ) : null}
          </div>
          <div className="toolbar">
            <Select
              bare
              label={t('span')}
              value={seconds}
              onPick={setSeconds}
              options={SPANS.map(([value, word]) => [value, t(word)])}
            />
            <Button type="submit" look="primary" busy={tried.isPending} disabled={isWrong || draft.text.trim() === ''}>
              {t('tryIt')}
            </Button>
            <Button
              busy={applied.isPending}
              disabled={isWrong || isTaken || draft.name === ''}
              onClick={() => applied.mutate()}
            >
              {t('apply')}
            </Button>
            {isChanged ? (
              <Button look="quiet" onClick={() => setDraft(given)}>
                {t('discard')}
              </Button>
            ) : null}
            {isKnown ? (
              <Button look="quiet" onClick={() => setRemoving(true)}>
                {t('takeOut')}
              </Button>
            ) : null}
            {(applied.isSuccess || isFresh) && !isChanged ? <span role="status">{t('isApplied')}</span> : null}
            {isChanged && isKnown ? <span className="quiet-text">{t('notInForce')}</span> : null}
          </div>
          {applied.error === null ? null : <Failure error={applied.error} />}
        </form>
      </Panel>
      {tried.error === null ? null : <Failure error={tried.error} />}
      {tried.data === undefined ? (
        <p className="quiet-text">{t('tryText')}</p>
      ) : (
        <section aria-label={t('wouldHaveFound')}>
          <Tried tried={tried.data} />
        </section>
      )}
      {removing ? (
        <ConfirmDialog
          title={t('takeOutAsk', { file: draft.name })}
          text={t('takeOutText')}
          action={t('takeOut')}
          run={async () => {
            await api.delete(apiPath(['rules', 'files', draft.name]));
            unfinished.delete(key);
            navigate(addresses.rules());
            // The page that is left must not ask for what is gone.
            await client.invalidateQueries({
              queryKey: ['rules'],
              predicate: ({ queryKey }) => queryKey[1] !== 'files' || queryKey[2] !== draft.name,
            });
          }}
          onClose={() => setRemoving(false)}
        />
      ) : null}
    </div>
  );
}

function KnownFile({ name }: { name: string }) {
  const file = useQuery(ruleQueries.file(name));
  return (
    <Loaded query={file}>
      {({ text, project, environment }) => <Editor key={name} given={{ name, text, project, environment }} isKnown />}
    </Loaded>
  );
}

/** A rule while it is written: checked with each pause, tried on what hosts kept, and put in force. */
export default function RuleEditorPage() {
  const t = useWords(words);
  const [name] = useSearchParam('file');
  return (
    <div className="page">
      <PageHead title={name === '' ? t('newRule') : name} path={[[t('title'), addresses.rules()]]} />
      {name === '' ? (
        <Editor given={{ name: 'rules.yaml', text: EXAMPLE_RULE, project: null, environment: null }} isKnown={false} />
      ) : (
        <KnownFile key={name} name={name} />
      )}
    </div>
  );
}
